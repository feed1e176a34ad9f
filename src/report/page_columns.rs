//! The columns of a run as a page has them: most of a run is messages, and most of what a message
//! says can be foretold from what came before it.
//!
//! The container and its schema are those of the run file (docs/TRACE.md). Some columns are
//! written anew with codecs of the page's own, and some are left empty, because nothing in the page
//! needs them: the names of steps, and the hashes of logs. docs/VIEWING.md has the codecs. A page
//! of 500,000 events is half as large so.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use smallvec::{SmallVec, smallvec};

use crate::event::{ColumnSink, Event, Field, Kind, Shape};
use crate::report::page_common::{Common, unsigned, zigzag};

/// How a page writes a column anew.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// A host: 0 for that of the cause.
    CauseHost,
    /// A moment: the difference to that of the cause.
    CauseMoment,
    /// A number, none, or a tuple: the difference to the last one with the same keys.
    Keyed(&'static [&'static str]),
    /// A connection: 0 for the last one with the same keys, else its number.
    Recent(&'static [&'static str]),
    /// An operation: 0 for that of what the event is about.
    OfAbout,
    /// The numbers of operations: the first one's difference to that of what the event is about,
    /// the others' to the one before.
    ListOfAbout,
    /// A partition: 0 for that of the event's batch, as its producer sealed it.
    OfBatch,
    /// A duration: the difference to the time since the event's batch was sealed.
    SinceBatch,
}

/// The columns that are written anew.
const RULES: &[(&str, &str, Rule)] = &[
    ("delivered", "from", Rule::CauseHost),
    ("delivered", "sent", Rule::CauseMoment),
    ("delivered", "connection", Rule::Recent(&["from", "host"])),
    ("delivered", "is_response", Rule::Keyed(&["connection"])),
    ("delivered", "correlation_id", Rule::Keyed(&["connection"])),
    ("delivered", "api", Rule::Keyed(&["connection"])),
    ("delivered", "bytes", Rule::Keyed(&["connection", "is_response"])),
    ("log-appended", "partition", Rule::OfBatch),
    ("log-appended", "base_offset", Rule::Keyed(&["partition", "host"])),
    ("high-watermark-moved", "high_watermark", Rule::Keyed(&["partition", "host"])),
    ("follower-counted", "log_end_offset", Rule::Keyed(&["partition", "follower"])),
    ("polled", "operation", Rule::OfAbout),
    ("polled", "partition", Rule::OfBatch),
    ("polled", "base_offset", Rule::Keyed(&["partition", "host"])),
    ("operation-invoked", "operation", Rule::Keyed(&["host"])),
    ("operation-returned", "operation", Rule::OfAbout),
    ("operation-returned", "offset", Rule::Keyed(&["partition"])),
    ("batch-sealed", "operations", Rule::ListOfAbout),
    ("batch-sealed", "base_sequence", Rule::Keyed(&["partition", "host"])),
    ("batch-sent", "partition", Rule::OfBatch),
    ("batch-done", "partition", Rule::OfBatch),
    ("batch-done", "base_offset", Rule::Keyed(&["partition"])),
    ("batch-done", "latency", Rule::SinceBatch),
    ("produce-handled", "partition", Rule::OfBatch),
    ("produce-handled", "base_offset", Rule::Keyed(&["partition"])),
    ("produce-answered", "partition", Rule::OfBatch),
    ("produce-answered", "base_offset", Rule::Keyed(&["partition"])),
    ("processed", "base_offset", Rule::Keyed(&["partition", "host"])),
];
/// The only hashes that a page names: whose batch a record is of.
const KEPT_HASH: &str = "batch";
/// Columns of all events that a page has no use for, or has elsewhere.
const UNUSED: [&str; 7] = ["step", "lanes", "n", "dt", "host", "cause", "about"];
/// Lists of hashes; a page has no use for them.
const UNUSED_FIELD: (&str, &str) = ("batch-sealed", "keys");

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
    last: BTreeMap<Words, Words>,
    numbers: BTreeMap<Words, u64>,
}

/// What columns of one kind are told from, of another.
#[derive(Default)]
struct Context {
    /// The operation that each event has that invoked one: client and number.
    operations: BTreeMap<u64, Words>,
    /// By batch: its partition and when it was sealed.
    batches: BTreeMap<u64, (Words, u64)>,
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
    context: Context,
    common: Common,
}

/// Takes the fields of an event apart, into words and bytes.
#[derive(Default)]
struct Taken {
    words: Vec<Words>,
    bytes: Vec<SmallVec<[u8; 24]>>,
}

impl ColumnSink for Taken {
    fn column(&mut self, _place: usize, field: &impl Field) {
        let (mut words, mut bytes) = (Vec::new(), Vec::new());
        field.digest(&mut words);
        field.encode(&mut bytes);
        self.words.push(Words::from_vec(words));
        self.bytes.push(SmallVec::from_vec(bytes));
    }
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
                        Rule::Keyed(keys) | Rule::Recent(keys) => keys,
                        Rule::OfBatch | Rule::SinceBatch => &["batch"][..],
                        Rule::CauseHost | Rule::CauseMoment | Rule::OfAbout | Rule::ListOfAbout => {
                            &[][..]
                        }
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
            context: Context::default(),
            common: Common::default(),
        }
    }

    /// Takes in the next event.
    pub(crate) fn add(&mut self, event: &Event) {
        let number = event.kind.number();
        if self.concerned[usize::from(number)] {
            let mut taken = Taken::default();
            event.kind.give_columns(&mut taken);
            let words = |place: usize| taken.words[place].clone();
            if let Kind::BatchSealed { .. } = &event.kind {
                let sealed = || (words(0), event.at.0);
                self.context.batches.entry(words(1)[0]).or_insert_with(sealed);
            }
            if let Kind::OperationInvoked { .. } = &event.kind {
                self.context.operations.insert(event.index, words(0));
            }
            let of_kind = (number, 0)..=(number, usize::MAX);
            for ((_, place), column) in self.columns.range_mut(of_kind.clone()) {
                column.add(*place, &taken, event, &self.common, &self.context);
            }
            for ((_, place), (last, bytes)) in self.hashed.range_mut(of_kind) {
                let hash = taken.words[*place][0];
                let next = self.hashes.len() as u64;
                let id = *self.hashes.entry(hash).or_insert_with(|| {
                    self.hash_bytes.extend_from_slice(&hash.to_be_bytes());
                    next
                });
                unsigned(zigzag(id.wrapping_sub(*last)), bytes);
                *last = id;
            }
        }
        self.common.add(event);
    }

    /// The container of the page, made of the run file's.
    /// `numbers` are those of its events in the whole run, where it is not the whole run.
    pub(crate) fn finish(self, container: &[u8], numbers: Option<&[u64]>) -> Option<Vec<u8>> {
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
            let name = kind["name"].clone();
            let fields = kind["fields"].as_array_mut()?;
            for (place, field) in fields.iter_mut().enumerate() {
                let at = usize::try_from(field["column"].as_u64()?).ok()?;
                if let Some(column) = self.columns.get(&(number, place)) {
                    columns.get_mut(at)?.clone_from(&column.bytes);
                    column.rule.describe(field);
                } else if let Some((_, bytes)) = self.hashed.get(&(number, place)) {
                    columns.get_mut(at)?.clone_from(bytes);
                } else if field["codec"] == "hash" || is_unused(&name, field) {
                    columns.get_mut(at)?.clear();
                }
            }
            fields.retain(|field| {
                (field["codec"] != "hash" || field["name"] == KEPT_HASH) && !is_unused(&name, field)
            });
        }
        self.common.finish(&mut schema, &mut columns)?;
        if let Some(numbers) = numbers {
            schema["numbers"] = json!(columns.len());
            let mut bytes = Vec::new();
            let mut last = 0;
            for number in numbers {
                unsigned(number - last, &mut bytes);
                last = *number;
            }
            columns.push(bytes);
        }
        columns[0] = schema.to_string().into_bytes();
        join(&columns)
    }
}

fn is_unused(kind: &Json, field: &Json) -> bool {
    *kind == UNUSED_FIELD.0 && field["name"] == UNUSED_FIELD.1
}

impl Rule {
    fn describe(self, field: &mut Json) {
        let (codec, keys) = match self {
            Self::CauseHost => ("cause-host", None),
            Self::CauseMoment => ("cause-moment", None),
            Self::Keyed(keys) => ("keyed", Some(keys)),
            Self::Recent(keys) => ("recent", Some(keys)),
            Self::OfAbout => ("of-about", None),
            Self::ListOfAbout => ("list-of-about", None),
            Self::OfBatch => ("of-batch", None),
            Self::SinceBatch => ("since-batch", None),
        };
        field["codec"] = json!(codec);
        if let Some(keys) = keys {
            field["keys"] = json!(keys);
        }
    }
}

impl Column {
    fn add(
        &mut self,
        place: usize,
        taken: &Taken,
        event: &Event,
        common: &Common,
        context: &Context,
    ) {
        let host = event.host.map_or(0, |host| u64::from(host.0) + 1);
        let cause = common.known(event.cause);
        let about = event.about.and_then(|about| context.operations.get(&about));
        let (fields, words) = (&taken.words, &taken.words[place]);
        let mut key = Words::new();
        for at in &self.keys {
            match at {
                Some(at) => key.extend_from_slice(&fields[*at]),
                None => key.push(host),
            }
        }
        let out = &mut self.bytes;
        match self.rule {
            Rule::CauseHost => match cause.map(|cause| cause.host) {
                Some(host) if words[0] + 1 == host => out.push(0),
                _ => unsigned(words[0] + 1, out),
            },
            Rule::CauseMoment => {
                let moment = cause.map_or(0, |cause| cause.moment);
                unsigned(zigzag(words[0].wrapping_sub(moment)), out);
            }
            Rule::Keyed(_) => {
                let value = match (self.is_optional, words.as_slice()) {
                    (true, [1, value]) => std::slice::from_ref(value),
                    (true, _) => {
                        out.push(0);
                        return;
                    }
                    (false, values) => values,
                };
                let last = self.last.entry(key).or_insert_with(|| smallvec![0; value.len()]);
                for (value, last) in value.iter().zip(last) {
                    let delta = zigzag(value.wrapping_sub(*last));
                    *last = *value;
                    unsigned(delta.saturating_add(u64::from(self.is_optional)), out);
                }
            }
            Rule::Recent(_) => {
                let number = self.number(words);
                if self.last.insert(key, smallvec![number]) == Some(smallvec![number]) {
                    self.bytes.push(0);
                } else {
                    self.numbered(words, &taken.bytes[place]);
                }
            }
            Rule::OfAbout if about == Some(words) => out.push(0),
            Rule::OfAbout => {
                out.push(1);
                out.extend_from_slice(&taken.bytes[place]);
            }
            Rule::ListOfAbout => {
                // In words a list begins with its length.
                unsigned(words[0], out);
                let mut last = about.map_or(0, |about| about[1]);
                for number in &words[1..] {
                    unsigned(zigzag(number.wrapping_sub(last)), out);
                    last = *number;
                }
            }
            Rule::OfBatch => {
                let of_batch = context.batches.get(&key[0]).map(|(partition, _)| partition);
                match of_batch == Some(words) {
                    true => out.push(0),
                    false => self.numbered(words, &taken.bytes[place]),
                }
            }
            Rule::SinceBatch => {
                let sealed = context.batches.get(&key[0]).map_or(0, |(_, sealed)| *sealed);
                let since = event.at.0.wrapping_sub(sealed);
                unsigned(zigzag(words[0].wrapping_sub(since)), out);
            }
        }
    }

    /// The number of a value, from 2; the next one for one that is new.
    fn number(&self, words: &Words) -> u64 {
        self.numbers.get(words).copied().unwrap_or(self.numbers.len() as u64 + 2)
    }

    /// A value by its number; a new one is 1 and its bytes.
    fn numbered(&mut self, words: &Words, bytes: &[u8]) {
        let number = self.number(words);
        if self.numbers.contains_key(words) {
            unsigned(number, &mut self.bytes);
        } else {
            self.numbers.insert(words.clone(), number);
            self.bytes.push(1);
            self.bytes.extend_from_slice(bytes);
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
