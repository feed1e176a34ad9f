//! The columns of a run as a page has them: most of a run is messages, and most of what a message
//! says can be foretold from what came before it.
//!
//! The container and its schema are those of the run file (docs/TRACE.md). Some columns are
//! written anew with codecs of the page's own, and some are left empty, because nothing in the page
//! needs them: the names of steps, and the hashes of logs. docs/VIEWING.md has the codecs. A page
//! of 500,000 events is half as large so.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use smallvec::SmallVec;

use crate::event::{ColumnSink, Event, Field, Kind, Shape};

/// How a page writes a column anew.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// A host: 0 for that of the cause.
    CauseHost,
    /// A moment: the difference to that of the cause.
    CauseMoment,
    /// A number, or none: the difference to the last one with the same keys.
    Keyed(&'static [&'static str]),
    /// A connection: 0 for the last one with the same keys, else its number.
    Recent(&'static [&'static str]),
}

/// The columns that are written anew.
const RULES: [(&str, &str, Rule); 16] = [
    ("delivered", "from", Rule::CauseHost),
    ("delivered", "sent", Rule::CauseMoment),
    ("delivered", "connection", Rule::Recent(&["from", "host"])),
    ("delivered", "is_response", Rule::Keyed(&["connection"])),
    ("delivered", "correlation_id", Rule::Keyed(&["connection"])),
    ("delivered", "api", Rule::Keyed(&["connection"])),
    ("delivered", "bytes", Rule::Keyed(&["connection", "is_response"])),
    ("log-appended", "base_offset", Rule::Keyed(&["partition", "host"])),
    ("high-watermark-moved", "high_watermark", Rule::Keyed(&["partition", "host"])),
    ("follower-counted", "log_end_offset", Rule::Keyed(&["partition", "follower"])),
    ("polled", "base_offset", Rule::Keyed(&["partition", "host"])),
    ("operation-returned", "offset", Rule::Keyed(&["partition"])),
    ("batch-done", "base_offset", Rule::Keyed(&["partition"])),
    ("produce-handled", "base_offset", Rule::Keyed(&["partition"])),
    ("produce-answered", "base_offset", Rule::Keyed(&["partition"])),
    ("batch-sealed", "base_sequence", Rule::Keyed(&["partition", "host"])),
];
/// The only hashes that a page names: whose batch a record is of.
const KEPT_HASH: &str = "batch";
/// Columns of all events that a page has no use for.
const UNUSED: [&str; 3] = ["step", "lanes", "n"];

/// A field as words, which tell it from every other value: what a fingerprint is taken over.
type Words = SmallVec<[u64; 4]>;

/// A column that is written anew.
struct Column {
    rule: Rule,
    /// The places of the fields that are its keys; none for the host.
    keys: Vec<Option<usize>>,
    /// Whether there may be none: then it is 0, or 1 and the number, in words.
    is_optional: bool,
    bytes: Vec<u8>,
    last: BTreeMap<Words, u64>,
    numbers: BTreeMap<Words, u64>,
}

/// Writes the columns of a page while the events go by.
pub(crate) struct Repacker {
    /// By kind's number and field's place.
    columns: BTreeMap<(u8, usize), Column>,
    hashes: BTreeMap<u64, u64>,
    /// By kind's number and field's place: the last hash's number, and the bytes.
    hashed: BTreeMap<(u8, usize), (u64, Vec<u8>)>,
    hash_bytes: Vec<u8>,
    /// By kind's number: whether any of its fields is written anew.
    concerned: Vec<bool>,
    moments: Vec<u64>,
    hosts: Vec<u64>,
}

/// Takes the fields of an event apart.
struct Taken(Vec<Words>);

impl ColumnSink for Taken {
    fn column(&mut self, _place: usize, field: &impl Field) {
        let mut words = Vec::new();
        field.digest(&mut words);
        self.0.push(Words::from_vec(words));
    }
}

fn unsigned(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: u64) -> u64 {
    let value = value.cast_signed();
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

impl Repacker {
    pub(crate) fn new() -> Self {
        let mut columns = BTreeMap::new();
        let mut hashed = BTreeMap::new();
        let mut concerned = vec![false; 256];
        for info in Kind::TABLE {
            let place_of = |name: &str| info.fields.iter().position(|field| field.name == name);
            for (place, field) in info.fields.iter().enumerate() {
                let rule =
                    RULES.iter().find(|(kind, name, _)| *kind == info.name && *name == field.name);
                if let Some((_, _, rule)) = rule {
                    let keys = match rule {
                        Rule::CauseHost | Rule::CauseMoment => &[][..],
                        Rule::Keyed(keys) | Rule::Recent(keys) => keys,
                    };
                    let keys = keys.iter().map(|key| place_of(key)).collect();
                    let (bytes, last, numbers) = Default::default();
                    let is_optional = matches!(field.shape, Shape::Optional(_));
                    let column = Column { rule: *rule, keys, is_optional, bytes, last, numbers };
                    columns.insert((info.number, place), column);
                    concerned[usize::from(info.number)] = true;
                } else if field.name == KEPT_HASH {
                    hashed.insert((info.number, place), (0, Vec::new()));
                    concerned[usize::from(info.number)] = true;
                }
            }
        }
        Self {
            columns,
            hashes: BTreeMap::new(),
            hashed,
            hash_bytes: Vec::new(),
            concerned,
            moments: Vec::new(),
            hosts: Vec::new(),
        }
    }

    /// Takes in the next event.
    pub(crate) fn add(&mut self, event: &Event) {
        let host = event.host.map_or(0, |host| u64::from(host.0) + 1);
        let number = event.kind.number();
        if self.concerned[usize::from(number)] {
            let mut taken = Taken(Vec::new());
            event.kind.give_columns(&mut taken);
            let cause = event.cause.and_then(|cause| usize::try_from(cause).ok());
            let cause_of = |values: &[u64]| cause.and_then(|at| values.get(at)).copied();
            let (moment, of) = (cause_of(&self.moments), cause_of(&self.hosts));
            let of_kind = (number, 0)..=(number, usize::MAX);
            for ((_, place), column) in self.columns.range_mut(of_kind.clone()) {
                column.add(*place, &taken.0, host, moment.unwrap_or(0), of.unwrap_or(0));
            }
            for ((_, place), (last, bytes)) in self.hashed.range_mut(of_kind) {
                let hash = taken.0[*place][0];
                let next = self.hashes.len() as u64;
                let id = *self.hashes.entry(hash).or_insert_with(|| {
                    self.hash_bytes.extend_from_slice(&hash.to_be_bytes());
                    next
                });
                unsigned(zigzag(id.wrapping_sub(*last)), bytes);
                *last = id;
            }
        }
        self.moments.push(event.at.0);
        self.hosts.push(host);
    }

    /// The container of the page, made of the run file's.
    pub(crate) fn finish(self, container: &[u8]) -> Option<Vec<u8>> {
        let mut columns = split(container)?;
        let mut schema: Json = serde_json::from_slice(columns.first()?).ok()?;
        let common: Vec<String> = serde_json::from_value(schema["common"].clone()).ok()?;
        for (place, name) in common.iter().enumerate() {
            let column = columns.get_mut(place + 1)?;
            if UNUSED.contains(&name.as_str()) {
                column.clear();
            } else if name == "hashes" {
                column.clone_from(&self.hash_bytes);
            }
        }
        for kind in schema["kinds"].as_array_mut()? {
            let number = u8::try_from(kind["number"].as_u64()?).ok()?;
            let fields = kind["fields"].as_array_mut()?;
            for (place, field) in fields.iter_mut().enumerate() {
                let at = usize::try_from(field["column"].as_u64()?).ok()?;
                if let Some(column) = self.columns.get(&(number, place)) {
                    columns.get_mut(at)?.clone_from(&column.bytes);
                    column.rule.describe(field);
                } else if let Some((_, bytes)) = self.hashed.get(&(number, place)) {
                    columns.get_mut(at)?.clone_from(bytes);
                } else if field["codec"] == "hash" {
                    columns.get_mut(at)?.clear();
                }
            }
            fields.retain(|field| field["codec"] != "hash" || field["name"] == KEPT_HASH);
        }
        columns[0] = schema.to_string().into_bytes();
        join(&columns)
    }
}

impl Rule {
    fn describe(self, field: &mut Json) {
        let (codec, keys) = match self {
            Self::CauseHost => ("cause-host", None),
            Self::CauseMoment => ("cause-moment", None),
            Self::Keyed(keys) => ("keyed", Some(keys)),
            Self::Recent(keys) => ("recent", Some(keys)),
        };
        field["codec"] = json!(codec);
        if let Some(keys) = keys {
            field["keys"] = json!(keys);
        }
    }
}

impl Column {
    fn add(&mut self, place: usize, fields: &[Words], host: u64, moment: u64, cause_host: u64) {
        let words = &fields[place];
        let out = &mut self.bytes;
        let mut key = Words::new();
        for at in &self.keys {
            match at {
                Some(at) => key.extend_from_slice(&fields[*at]),
                None => key.push(host),
            }
        }
        match self.rule {
            Rule::CauseHost if words[0] + 1 == cause_host => out.push(0),
            Rule::CauseHost => unsigned(words[0] + 1, out),
            Rule::CauseMoment => unsigned(zigzag(words[0].wrapping_sub(moment)), out),
            Rule::Keyed(_) => {
                let value = match (self.is_optional, words.as_slice()) {
                    (true, [1, value]) | (false, [value]) => *value,
                    _ => {
                        out.push(0);
                        return;
                    }
                };
                let last = self.last.entry(key).or_insert(0);
                let delta = zigzag(value.wrapping_sub(*last));
                *last = value;
                unsigned(delta.saturating_add(u64::from(self.is_optional)), out);
            }
            Rule::Recent(_) => {
                let next = self.numbers.len() as u64 + 2;
                let known = self.numbers.get(words).copied();
                let number = known.unwrap_or(next);
                if self.last.insert(key, number) == Some(number) {
                    out.push(0);
                } else if known.is_some() {
                    unsigned(number, out);
                } else {
                    self.numbers.insert(words.clone(), number);
                    out.push(1);
                    words.iter().for_each(|word| unsigned(*word, out));
                }
            }
        }
    }
}

fn split(container: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (count, rest) = container.split_first_chunk::<4>()?;
    let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
    let (lengths, mut rest) = rest.split_at_checked(count.checked_mul(4)?)?;
    let mut columns = Vec::new();
    for length in lengths.chunks_exact(4) {
        let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
        let (column, after) = rest.split_at_checked(length)?;
        columns.push(column.to_vec());
        rest = after;
    }
    rest.is_empty().then_some(columns)
}

fn join(columns: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut out = u32::try_from(columns.len()).ok()?.to_le_bytes().to_vec();
    for column in columns {
        out.extend_from_slice(&u32::try_from(column.len()).ok()?.to_le_bytes());
    }
    columns.iter().for_each(|column| out.extend_from_slice(column));
    Some(out)
}
