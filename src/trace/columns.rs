//! Events as columns: what is alike stands together, and gzip makes little of it.
//!
//! Nine columns speak of every event: `kind` (a byte), `dt` (varint, microseconds since the
//! event before), `host` (varint, 0 for the world, else id + 1), `step` (varint: 0 for the step
//! of the event before, else the lane's number + 1), `lanes` (each lane's eight bytes when it is
//! first met), `n` (zigzag varint: difference to the lane's last count), `cause` and `about`
//! (varint: 0 for none, else the event's index minus the other's, + 1), `hashes` (see below).
//! After these come the columns of the kinds that occurred, one a field, in the order of the table.
//!
//! A field's column is of one of five codecs, by the field's shape:
//! `delta` (an integer: zigzag varint of the difference to the one before, wrapping),
//! `deltas` (a tuple of integers: one such difference for each),
//! `dict` (topics, and partitions even where there may be none: varint 0 and then the bytes of a
//! new value, else its number + 1), `hash` (zigzag varint: difference of the value's number to the
//! one before; its eight bytes stand at that place of the column `hashes`), `raw` (bytes of the
//! field). Batches and chains of logs are named again and again, by one broker after the other, and
//! their names do not compress: each stands in the file once, or again when it is met long after.

use std::collections::BTreeMap;

use crate::event::{ColumnSink, Event, Field, Kind, KindInfo, Reader, Shape, StepName};
use crate::trace::packed::{Member, Packed, Packer};
use crate::types::{TopicId, TopicPartition};

/// The columns that speak of every event, in their order.
pub(crate) const COMMON: [&str; 9] =
    ["kind", "dt", "host", "step", "lanes", "n", "cause", "about", "hashes"];

/// How a column's bytes are made of a field's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Codec {
    Delta(Shape),
    Deltas(&'static [Shape]),
    Dict(Shape),
    Hash,
    Raw,
}

impl Codec {
    pub(crate) fn of(shape: Shape) -> Self {
        let is_integer = |shape: &Shape| matches!(shape, Shape::Unsigned | Shape::Signed);
        match shape {
            Shape::Unsigned | Shape::Signed => Self::Delta(shape),
            Shape::Tuple(parts) if parts.iter().all(is_integer) => Self::Deltas(parts),
            _ if shape == TopicPartition::SHAPE || shape == TopicId::SHAPE => Self::Dict(shape),
            // Not texts: a file could make gigabytes of one long text and many numbers.
            _ if shape == Shape::Optional(&TopicPartition::SHAPE) => Self::Dict(shape),
            Shape::Fixed64 => Self::Hash,
            _ => Self::Raw,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Delta(_) => "delta",
            Self::Deltas(_) => "deltas",
            Self::Dict(_) => "dict",
            Self::Hash => "hash",
            Self::Raw => "raw",
        }
    }
}

/// The shape as the schema spells it.
pub(crate) fn spell(shape: Shape) -> String {
    match shape {
        Shape::Unsigned => "unsigned".to_owned(),
        Shape::Signed => "signed".to_owned(),
        Shape::Fixed64 => "fixed64".to_owned(),
        Shape::Text => "text".to_owned(),
        Shape::Optional(inner) => format!("optional({})", spell(*inner)),
        Shape::List(inner) => format!("list({})", spell(*inner)),
        Shape::Tuple(parts) => {
            let parts: Vec<String> = parts.iter().map(|part| spell(*part)).collect();
            format!("tuple({})", parts.join(","))
        }
    }
}

/// Columns are looked at for whole pieces once in so many events.
const SETTLE_EVERY: u64 = 256;

/// One field's column.
#[derive(Clone, Debug)]
struct Column {
    codec: Codec,
    bytes: Packed,
    last: [u64; 4],
    /// Of a dictionary: the numbers that values have in this column, by those that they have among
    /// [`Names`]; 0 for none yet.
    numbers: Vec<u32>,
    /// How many numbers were given.
    numbered: u32,
}

/// How many names are remembered beside the map of all: a glance mostly tells the number.
const NAMES_BITS: u32 = 8;

/// What was met, numbered: topics and partitions of any column, or lanes.
#[derive(Clone, Debug)]
struct Names {
    known: BTreeMap<[u64; 4], usize>,
    /// By a hash of the words.
    recent: Vec<Option<([u64; 4], usize)>>,
}

impl Default for Names {
    fn default() -> Self {
        Self { known: BTreeMap::new(), recent: vec![None; 1 << NAMES_BITS] }
    }
}

impl Names {
    fn number(&mut self, words: [u64; 4]) -> usize {
        let [first, second, third, fourth] = words;
        // Partitions of a topic differ in the last word that is used.
        let mixed = (first ^ second).wrapping_add(third.rotate_left(7)).wrapping_add(fourth);
        let place = (mixed.wrapping_mul(FIBONACCI) >> (64 - NAMES_BITS)) as usize;
        if let Some((known, number)) = self.recent[place]
            && known == words
        {
            return number;
        }
        let next = self.known.len();
        let number = *self.known.entry(words).or_insert(next);
        self.recent[place] = Some((words, number));
        number
    }
}

/// 2^64 divided by the golden ratio: multiplied by it, neighbours stand far apart.
const FIBONACCI: u64 = 0x9e37_79b9_7f4a_7c15;

/// How many hashes are remembered; one that is met later gets another number. Few are: a batch is
/// named between its making and the last fetch of it. What is remembered fits a processor's cache.
const HASHES_BITS: u32 = 12;

/// The numbers of hashes that were met of late.
#[derive(Clone, Debug)]
struct Hashes {
    /// By [`Self::place`]: hash and number.
    known: Vec<(u64, u64)>,
    count: u64,
}

impl Default for Hashes {
    fn default() -> Self {
        // 0 stands at place 0; elsewhere it is nobody's.
        let mut known = vec![(0, 0); 1 << HASHES_BITS];
        known[0].0 = 1;
        Self { known, count: 0 }
    }
}

impl Hashes {
    /// Where `hash` is remembered. Some are counters in disguise; neighbours shall not collide.
    fn place(hash: u64) -> usize {
        (hash.wrapping_mul(FIBONACCI) >> (64 - HASHES_BITS)) as usize
    }

    /// The number of `hash`, whose bytes go to `new` if it is not known.
    fn number(&mut self, hash: u64, new: &mut Vec<u8>) -> u64 {
        let known = &mut self.known[Self::place(hash)];
        if known.0 != hash {
            *known = (hash, self.count);
            self.count += 1;
            new.extend_from_slice(&hash.to_be_bytes());
        }
        known.1
    }
}

/// The columns of a trace while it is written.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    common: [Packed; 9],
    hashes: Hashes,
    names: Names,
    /// By kind number: how many events.
    counts: Vec<u64>,
    /// By kind number.
    fields: Vec<Vec<Column>>,
    packer: Packer,
    events: u64,
    at: u64,
    step: Option<StepName>,
    lanes: Names,
    /// By a lane's number: its last count.
    last_steps: Vec<u64>,
}

/// Gives each field to its column.
struct Filler<'a> {
    columns: &'a mut [Column],
    shared: Shared<'a>,
}

/// What all fields share.
struct Shared<'a> {
    hashes: &'a mut Hashes,
    /// The column `hashes`.
    new: &'a mut Vec<u8>,
    names: &'a mut Names,
}

impl ColumnSink for Filler<'_> {
    fn column(&mut self, place: usize, field: &impl Field) {
        self.columns[place].add(field, &mut self.shared);
    }
}

#[inline]
fn unsigned(value: u64, out: &mut Vec<u8>) {
    value.encode(out);
}

#[inline]
fn signed(value: u64, out: &mut Vec<u8>) {
    let value = value.cast_signed();
    unsigned(((value << 1) ^ (value >> 63)).cast_unsigned(), out);
}

impl Column {
    fn of(info: &KindInfo) -> Vec<Self> {
        let column = |shape| Self {
            codec: Codec::of(shape),
            bytes: Packed::default(),
            last: [0; 4],
            numbers: Vec::new(),
            numbered: 0,
        };
        info.fields.iter().map(|field| column(field.shape)).collect()
    }

    fn add(&mut self, field: &impl Field, shared: &mut Shared<'_>) {
        match self.codec {
            Codec::Delta(_) => {
                let [value, ..] = field.words();
                signed(value.wrapping_sub(self.last[0]), &mut self.bytes.open);
                self.last[0] = value;
            }
            Codec::Raw => field.encode(&mut self.bytes.open),
            Codec::Hash => self.add_hash(field, shared),
            Codec::Deltas(parts) => self.add_deltas(field, parts.len()),
            Codec::Dict(_) => self.add_name(field, shared),
        }
    }

    #[inline(never)]
    fn add_hash(&mut self, field: &impl Field, shared: &mut Shared<'_>) {
        let [hash, ..] = field.words();
        let number = shared.hashes.number(hash, shared.new);
        signed(number.wrapping_sub(self.last[0]), &mut self.bytes.open);
        self.last[0] = number;
    }

    #[inline(never)]
    fn add_deltas(&mut self, field: &impl Field, parts: usize) {
        let words = field.words();
        for (value, last) in words.iter().zip(&mut self.last).take(parts) {
            signed(value.wrapping_sub(*last), &mut self.bytes.open);
            *last = *value;
        }
    }

    #[inline(never)]
    fn add_name(&mut self, field: &impl Field, shared: &mut Shared<'_>) {
        let name = shared.names.number(field.words());
        if name >= self.numbers.len() {
            self.numbers.resize(name + 1, 0);
        }
        let number = &mut self.numbers[name];
        let out = &mut self.bytes.open;
        unsigned(u64::from(*number), out);
        if *number == 0 {
            field.encode(out);
            self.numbered += 1;
            *number = self.numbered;
        }
    }
}

impl Default for Columns {
    fn default() -> Self {
        let mut fields = vec![Vec::new(); 256];
        for info in Kind::TABLE {
            fields[usize::from(info.number)] = Column::of(info);
        }
        Self {
            common: Default::default(),
            hashes: Hashes::default(),
            names: Names::default(),
            counts: vec![0; 256],
            fields,
            packer: Packer::default(),
            events: 0,
            at: 0,
            step: None,
            lanes: Names::default(),
            last_steps: Vec::new(),
        }
    }
}

impl Columns {
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// Adds `event`, which must be the next.
    pub(crate) fn add(&mut self, event: &Event) {
        assert_eq!(event.index, self.events, "events are written in the order of their index");
        let [kind, dt, host, step, lanes, n, cause, about, hashes] = &mut self.common;
        kind.open.push(event.kind.number());
        let since = event.at.0.checked_sub(self.at).expect("time does not go back");
        unsigned(since, &mut dt.open);
        self.at = event.at.0;
        unsigned(event.host.map_or(0, |host| u64::from(host.0) + 1), &mut host.open);
        if self.step == Some(event.step) {
            step.open.push(0);
        } else {
            let lane = self.lanes.number([event.step.lane, 0, 0, 0]);
            if lane == self.last_steps.len() {
                lanes.open.extend_from_slice(&event.step.lane.to_be_bytes());
                self.last_steps.push(0);
            }
            unsigned(lane as u64 + 1, &mut step.open);
            let last = &mut self.last_steps[lane];
            signed(event.step.n.wrapping_sub(*last), &mut n.open);
            *last = event.step.n;
            self.step = Some(event.step);
        }
        for (column, other) in [(cause, event.cause), (about, event.about)] {
            let back = other.map_or(0, |other| {
                let back = event.index.checked_sub(other);
                back.expect("an event names none that comes after it") + 1
            });
            unsigned(back, &mut column.open);
        }
        let number = usize::from(event.kind.number());
        self.counts[number] += 1;
        event.kind.give_columns(&mut Filler {
            columns: &mut self.fields[number],
            shared: Shared {
                hashes: &mut self.hashes,
                new: &mut hashes.open,
                names: &mut self.names,
            },
        });
        self.events += 1;
        if self.events.is_multiple_of(SETTLE_EVERY) {
            let fields = self.fields.iter_mut().flatten().map(|column| &mut column.bytes);
            let columns = self.common.iter_mut().chain(fields);
            columns.for_each(|column| column.settle(&mut self.packer));
        }
    }

    /// The columns in their order, gzipped, in parts that follow one another; the schema that
    /// names them is column 0. Says how many bytes they are, uncompressed.
    pub(crate) fn compressed(self) -> (Vec<Vec<u8>>, usize) {
        let Self { common, counts, mut fields, events, .. } = self;
        let occurred = |info: &&KindInfo| counts[usize::from(info.number)] > 0;
        let kinds: Vec<&KindInfo> = Kind::TABLE.iter().filter(occurred).collect();
        let meta = schema(events, &kinds).to_string();
        let mut columns = Vec::from(common);
        for info in &kinds {
            let of_kind = std::mem::take(&mut fields[usize::from(info.number)]);
            columns.extend(of_kind.into_iter().map(|column| column.bytes));
        }
        let length = |bytes: usize| u32::try_from(bytes).expect("a column is below 4 GiB");
        let count = u32::try_from(1 + columns.len()).expect("there are few columns");
        let mut head = count.to_le_bytes().to_vec();
        head.extend_from_slice(&length(meta.len()).to_le_bytes());
        for column in &columns {
            head.extend_from_slice(&length(column.len()).to_le_bytes());
        }
        head.extend_from_slice(meta.as_bytes());
        let mut member = Member::new();
        member.add(&head);
        columns.into_iter().for_each(|column| member.add_packed(column));
        member.finish()
    }
}

fn schema(events: u64, kinds: &[&KindInfo]) -> serde_json::Value {
    let mut place = 1 + COMMON.len();
    let mut described = Vec::new();
    for info in kinds {
        let mut fields = Vec::new();
        for field in info.fields {
            fields.push(serde_json::json!({
                "name": field.name,
                "shape": spell(field.shape),
                "codec": Codec::of(field.shape).name(),
                "column": place,
            }));
            place += 1;
        }
        described.push(serde_json::json!({
            "number": info.number, "name": info.name, "fields": fields,
        }));
    }
    serde_json::json!({ "events": events, "common": COMMON, "kinds": described })
}

/// Columns that are read back, event by event.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    common: Vec<Reader<'a>>,
    /// By kind number: the bytes of each field.
    fields: Vec<Vec<Vec<u8>>>,
    /// By kind number and field: how far it was read.
    places: Vec<Vec<usize>>,
    lanes: Vec<(u64, u64)>,
    index: u64,
    at: u64,
    step: StepName,
}

impl<'a> Rows<'a> {
    /// Takes the columns apart; says what is wrong with them.
    pub(crate) fn new(container: &'a [u8]) -> Result<Self, &'static str> {
        let columns = split(container).ok_or("its columns are not as long as it says")?;
        let common = columns.get(1..=COMMON.len()).ok_or("it lacks columns")?;
        let mut counts = [0_u64; 256];
        for kind in common[0] {
            counts[usize::from(*kind)] += 1;
        }
        let hashes = common[COMMON.len() - 1];
        let mut rest = columns[1 + COMMON.len()..].iter();
        let mut fields = vec![Vec::new(); 256];
        for info in Kind::TABLE {
            let count = counts[usize::from(info.number)];
            for field in info.fields.iter().filter(|_| count > 0) {
                let column = rest.next().ok_or("it lacks the column of a field")?;
                let bytes = expand(Codec::of(field.shape), column, count, hashes);
                let bytes = bytes.ok_or("the column of a field does not read")?;
                fields[usize::from(info.number)].push(bytes);
            }
        }
        if rest.next().is_some() {
            return Err("it has more columns than kinds of events have fields");
        }
        let places = fields.iter().map(|fields| vec![0; fields.len()]).collect();
        Ok(Self {
            common: common.iter().map(|column| Reader(column)).collect(),
            fields,
            places,
            lanes: Vec::new(),
            index: 0,
            at: 0,
            step: StepName::default(),
        })
    }

    /// How many events are left.
    pub(crate) fn left(&self) -> usize {
        self.common[0].0.len()
    }

    /// The next event; `None` when the bytes are not one.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let [kind, dt, host, step, lanes, n, cause, about, _] = &mut self.common[..] else {
            return None;
        };
        let number = kind.byte()?;
        self.at = self.at.checked_add(dt.unsigned()?)?;
        let host = match host.unsigned()? {
            0 => None,
            id => Some(crate::types::HostId(u16::try_from(id - 1).ok()?)),
        };
        match step.unsigned()? {
            0 if self.index > 0 => {}
            0 => return None,
            lane => {
                let lane = usize::try_from(lane - 1).ok()?;
                if lane == self.lanes.len() {
                    self.lanes.push((lanes.fixed64()?, 0));
                }
                let (name, last) = self.lanes.get_mut(lane)?;
                *last = last.wrapping_add(n.signed()?.cast_unsigned());
                self.step = StepName { lane: *name, n: *last };
            }
        }
        let index = self.index;
        let before = |back: u64| match back {
            0 => Some(None),
            back => index.checked_sub(back - 1).map(Some),
        };
        let (cause, about) = (before(cause.unsigned()?)?, before(about.unsigned()?)?);
        let fields = self.fields.get(usize::from(number))?;
        let places = self.places.get_mut(usize::from(number))?;
        let mut readers: Vec<Reader<'_>> = Vec::with_capacity(fields.len());
        for (bytes, place) in fields.iter().zip(places.iter()) {
            readers.push(Reader(bytes.get(*place..)?));
        }
        let mut columns = readers.iter_mut();
        let kind = Kind::decode_columns(number, |_| columns.next())?;
        for ((reader, bytes), place) in readers.iter().zip(fields).zip(places) {
            *place = bytes.len() - reader.0.len();
        }
        self.index += 1;
        let at = crate::types::Moment(self.at);
        Some(Event { index, at, host, step: self.step, cause, about, kind })
    }
}

/// The columns of a container.
pub(crate) fn split(container: &[u8]) -> Option<Vec<&[u8]>> {
    let (count, rest) = container.split_first_chunk::<4>()?;
    let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
    let (lengths, mut rest) = rest.split_at_checked(count.checked_mul(4)?)?;
    let mut columns = Vec::with_capacity(count);
    for length in lengths.chunks_exact(4) {
        let length = u32::from_le_bytes(length.try_into().ok()?);
        let (column, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        columns.push(column);
        rest = after;
    }
    rest.is_empty().then_some(columns)
}

/// A column of `count` fields as bytes.
fn expand(codec: Codec, column: &[u8], count: u64, hashes: &[u8]) -> Option<Vec<u8>> {
    let one;
    let parts = match codec {
        Codec::Raw => return Some(column.to_vec()),
        Codec::Delta(shape) => {
            one = [shape];
            &one[..]
        }
        Codec::Deltas(parts) => parts,
        Codec::Dict(shape) => return expand_dictionary(shape, column, count),
        Codec::Hash => return expand_hashes(column, count, hashes),
    };
    let mut input = Reader(column);
    let mut out = Vec::with_capacity(column.len());
    let mut last = [0_u64; 4];
    for _ in 0..count {
        for (part, last) in parts.iter().zip(&mut last) {
            *last = last.wrapping_add(input.signed()?.cast_unsigned());
            match part {
                Shape::Signed => signed(*last, &mut out),
                _ => unsigned(*last, &mut out),
            }
        }
    }
    input.0.is_empty().then_some(out)
}

fn expand_hashes(column: &[u8], count: u64, hashes: &[u8]) -> Option<Vec<u8>> {
    let mut input = Reader(column);
    let (hashes, []) = hashes.as_chunks::<8>() else {
        return None;
    };
    let mut out = Vec::with_capacity(column.len());
    let mut number = 0_u64;
    for _ in 0..count {
        number = number.wrapping_add(input.signed()?.cast_unsigned());
        out.extend_from_slice(hashes.get(usize::try_from(number).ok()?)?);
    }
    input.0.is_empty().then_some(out)
}

/// Goes past a field of `shape`.
fn skip(shape: Shape, input: &mut Reader<'_>) -> Option<()> {
    match shape {
        Shape::Unsigned | Shape::Signed => input.unsigned().map(drop),
        Shape::Fixed64 => input.fixed64().map(drop),
        Shape::Optional(inner) => match input.byte()? {
            0 => Some(()),
            _ => skip(*inner, input),
        },
        Shape::List(inner) => {
            let count = input.unsigned()?;
            (0..count).try_for_each(|_| skip(*inner, input))
        }
        Shape::Text => {
            let length = usize::try_from(input.unsigned()?).ok()?;
            input.bytes(length).map(drop)
        }
        Shape::Tuple(parts) => parts.iter().try_for_each(|part| skip(*part, input)),
    }
}

fn expand_dictionary(shape: Shape, column: &[u8], count: u64) -> Option<Vec<u8>> {
    let mut input = Reader(column);
    let mut out = Vec::with_capacity(column.len());
    let mut known: Vec<&[u8]> = Vec::new();
    for _ in 0..count {
        let number = input.unsigned()?;
        let value = if let Some(place) = number.checked_sub(1) {
            *known.get(usize::try_from(place).ok()?)?
        } else {
            let whole = input.0;
            skip(shape, &mut input)?;
            let value = &whole[..whole.len() - input.0.len()];
            known.push(value);
            value
        };
        out.extend_from_slice(value);
    }
    input.0.is_empty().then_some(out)
}
