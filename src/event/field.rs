//! How one field of an event becomes bytes, and how it is shown.
//!
//! In a run file integers are varints (signed ones zigzag); a fingerprint is taken over words of 64
//! bits, little endian. Neither depends on the machine.

use std::time::Duration;

use smallvec::SmallVec;

use crate::types::{
    ApiKey, BatchId, BrokerEpoch, BrokerId, BrokerSet, ClientId, ConnectionId, CorrelationId,
    ErrorCode, GroupEpoch, HostId, IncarnationId, KeyHash, Lane, LeaderEpoch, Moment, Name, Offset,
    OperationId, PartitionEpoch, PartitionIndex, ProducerEpoch, ProducerId, Purpose, Sequence,
    Ticket, TopicId, TopicPartition,
};

/// A type that may stand in an event.
pub trait Field: Sized {
    /// How readers that know no Rust should take its bytes.
    const SHAPE: Shape;
    /// All words that it is shown as, where they are few; else none.
    const WORDS: &'static [&'static str] = &[];

    /// Appends its bytes as a run file has them.
    fn encode(&self, out: &mut Vec<u8>);

    /// Appends its words as a fingerprint is taken over them: 64 bits each, little endian. They
    /// are longer than the bytes, and much faster to write.
    fn digest(&self, out: &mut Vec<u64>);

    /// The integers that it is made of, as 64 bits each (two's complement), if its shape is that
    /// of one or a tuple of at most four; of what may be missing, 0, or 1 and at most three. Not
    /// to be asked of others.
    fn words(&self) -> [u64; 4] {
        unreachable!("{:?} is no tuple of at most four words", Self::SHAPE)
    }

    /// Reads it back; `None` when the bytes are not one.
    fn decode(input: &mut Reader<'_>) -> Option<Self>;

    /// As text, JSON and filters have it.
    fn value(&self) -> Value;
}

/// The layout of a field's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A varint.
    Unsigned,
    /// A zigzag varint.
    Signed,
    /// Eight bytes, big endian: hashes and random ids, which varints would lengthen.
    Fixed64,
    /// 0, or 1 and then the field.
    Optional(&'static Self),
    /// A varint count, then the items.
    List(&'static Self),
    /// A varint length, then UTF-8.
    Text,
    /// The fields one after the other.
    Tuple(&'static [Self]),
}

/// A field as text, JSON and filters have it.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Nothing: none known, or no such thing.
    None,
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(i64),
    /// A hash or random id, shown in hexadecimal.
    Hex(u64),
    /// A word or a name.
    Text(Name),
    /// A word of the program's own.
    Word(&'static str),
    /// A partition; a reader with a dictionary shows the topic's name.
    Partition(TopicPartition),
    /// A topic; a reader with a dictionary shows its name.
    Topic(TopicId),
    /// A host; a reader with a dictionary shows its name.
    Host(HostId),
    /// A list.
    List(Vec<Self>),
}

/// Bytes that are being decoded.
#[derive(Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// The next varint.
    pub fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// The next zigzag varint.
    pub fn signed(&mut self) -> Option<i64> {
        let zigzag = self.unsigned()?;
        Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// The next eight bytes.
    pub fn fixed64(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*bytes))
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Option<&[u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }
}

/// Appends a varint.
#[inline]
pub(crate) fn put_unsigned(value: u64, out: &mut Vec<u8>) {
    // Nine of ten take one byte.
    if value < 0x80 {
        out.push(value as u8);
    } else {
        put_longer(value, out);
    }
}

/// Apart, so that the one byte above costs its callers no more than a comparison.
#[inline(never)]
fn put_longer(mut value: u64, out: &mut Vec<u8>) {
    if value < 0x4000 {
        out.extend_from_slice(&[(value as u8 & 0x7f) | 0x80, (value >> 7) as u8]);
        return;
    }
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a zigzag varint.
pub(crate) fn put_signed(value: i64, out: &mut Vec<u8>) {
    put_unsigned(((value << 1) ^ (value >> 63)) as u64, out);
}

macro_rules! signed_fields {
    ($($name:ident($inner:ty))*) => {$(
        impl Field for $name {
            const SHAPE: Shape = Shape::Signed;
            fn encode(&self, out: &mut Vec<u8>) {
                put_signed(i64::from(self.0), out);
            }
            fn digest(&self, out: &mut Vec<u64>) {
                out.push(i64::from(self.0).cast_unsigned());
            }
            fn words(&self) -> [u64; 4] {
                [i64::from(self.0).cast_unsigned(), 0, 0, 0]
            }
            fn decode(input: &mut Reader<'_>) -> Option<Self> {
                <$inner>::try_from(input.signed()?).ok().map(Self)
            }
            fn value(&self) -> Value {
                Value::Number(i64::from(self.0))
            }
        }
    )*};
}

signed_fields! {
    BrokerId(i32) PartitionIndex(i32) GroupEpoch(i32) LeaderEpoch(i32) PartitionEpoch(i32)
    BrokerEpoch(i64)
    ProducerId(i64) ProducerEpoch(i16) Offset(i64) Sequence(i32) CorrelationId(i32)
}

impl Field for i32 {
    const SHAPE: Shape = Shape::Signed;
    fn encode(&self, out: &mut Vec<u8>) {
        put_signed(i64::from(*self), out);
    }
    fn digest(&self, out: &mut Vec<u64>) {
        out.push(i64::from(*self).cast_unsigned());
    }
    fn words(&self) -> [u64; 4] {
        [i64::from(*self).cast_unsigned(), 0, 0, 0]
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        input.signed()?.try_into().ok()
    }
    fn value(&self) -> Value {
        Value::Number(i64::from(*self))
    }
}

impl Field for i64 {
    const SHAPE: Shape = Shape::Signed;
    fn encode(&self, out: &mut Vec<u8>) {
        put_signed(*self, out);
    }
    fn digest(&self, out: &mut Vec<u64>) {
        out.push(self.cast_unsigned());
    }
    fn words(&self) -> [u64; 4] {
        [self.cast_unsigned(), 0, 0, 0]
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        input.signed()
    }
    fn value(&self) -> Value {
        Value::Number(*self)
    }
}

macro_rules! unsigned_fields {
    ($($name:ty, $inner:ty, $make:expr, $take:expr, $show:expr $(=> $($word:literal)*)?;)*) => {$(
        impl Field for $name {
            const SHAPE: Shape = Shape::Unsigned;
            const WORDS: &'static [&'static str] = &[$($($word),*)?];
            fn encode(&self, out: &mut Vec<u8>) {
                let take: fn(&Self) -> u64 = $take;
                put_unsigned(take(self), out);
            }
            fn digest(&self, out: &mut Vec<u64>) {
                let take: fn(&Self) -> u64 = $take;
                out.push(take(self));
            }
            fn words(&self) -> [u64; 4] {
                let take: fn(&Self) -> u64 = $take;
                [take(self), 0, 0, 0]
            }
            fn decode(input: &mut Reader<'_>) -> Option<Self> {
                let make: fn($inner) -> Option<Self> = $make;
                make(<$inner>::try_from(input.unsigned()?).ok()?)
            }
            fn value(&self) -> Value {
                let show: fn(&Self) -> Value = $show;
                show(self)
            }
        }
    )*};
}

fn number(value: u64) -> Value {
    Value::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

unsigned_fields! {
    u32, u32, Some, |v| u64::from(*v), |v| Value::Number(i64::from(*v));
    u64, u64, Some, |v| *v, |v| number(*v);
    bool, u8, |v| (v < 2).then_some(v == 1), |v| u64::from(*v), |v| Value::Bool(*v)
        => "true" "false";
    Moment, u64, |v| Some(Moment(v)), |v| v.0, |v| number(v.0);
    Ticket, u64, |v| Some(Ticket(v)), |v| v.0, |v| number(v.0);
    HostId, u16, |v| Some(HostId(v)), |v| u64::from(v.0), |v| Value::Host(*v);
    ClientId, u16, |v| Some(ClientId(v)), |v| u64::from(v.0), |v| Value::Number(i64::from(v.0));
    Lane, u32, Lane::from_number, |v| u64::from(v.number()),
        |v| Value::Text(v.to_string().into());
    Purpose, u32, |v| Purpose::ALL.get(v as usize).copied(), |v| u64::from(v.number()),
        |v| Value::Word(v.name());
    ApiKey, i16, ApiKey::from_key, |v| v.key() as u64, |v| Value::Word(v.name());
    Duration, u64, |v| Some(Duration::from_micros(v)), |v| v.as_micros() as u64,
        |v| number(v.as_micros() as u64);
}

impl Field for ErrorCode {
    const SHAPE: Shape = Shape::Signed;
    const WORDS: &'static [&'static str] = Self::NAMES;
    fn encode(&self, out: &mut Vec<u8>) {
        put_signed(i64::from(self.code()), out);
    }
    fn digest(&self, out: &mut Vec<u64>) {
        out.push(i64::from(self.code()).cast_unsigned());
    }
    fn words(&self) -> [u64; 4] {
        [i64::from(self.code()).cast_unsigned(), 0, 0, 0]
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let code = i16::try_from(input.signed()?).ok()?;
        let known = Self::from_code(code);
        (known.code() == code).then_some(known)
    }
    fn value(&self) -> Value {
        Value::Word(self.name())
    }
}

macro_rules! fixed_fields {
    ($($name:ident)*) => {$(
        impl Field for $name {
            const SHAPE: Shape = Shape::Fixed64;
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0.to_be_bytes());
            }
            fn digest(&self, out: &mut Vec<u64>) {
                out.push(self.0);
            }
            fn words(&self) -> [u64; 4] {
                [self.0, 0, 0, 0]
            }
            fn decode(input: &mut Reader<'_>) -> Option<Self> {
                input.fixed64().map(Self)
            }
            fn value(&self) -> Value {
                Value::Hex(self.0)
            }
        }
    )*};
}

fixed_fields! { BatchId IncarnationId ChainHash KeyHash }

/// The hash of a log from its beginning to some end: equal hashes of equal stretches mean equal
/// logs. It is the sum of the hashes of what is in it.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct ChainHash(pub u64);

impl ChainHash {
    /// The hash of what this one stands for and of what `next` stands for behind it.
    #[must_use]
    pub fn with(self, next: Self) -> Self {
        Self(self.0.wrapping_add(next.0))
    }

    /// The hash of what is left of it without `front`, with which it begins.
    #[must_use]
    pub fn without(self, front: Self) -> Self {
        Self(self.0.wrapping_sub(front.0))
    }
}

impl Field for TopicId {
    const SHAPE: Shape = Shape::Tuple(&[Shape::Fixed64, Shape::Fixed64]);
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }
    fn digest(&self, out: &mut Vec<u64>) {
        out.extend_from_slice(&self.words()[..2]);
    }
    fn words(&self) -> [u64; 4] {
        [(self.0 >> 64) as u64, self.0 as u64, 0, 0]
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let high = input.fixed64()?;
        let low = input.fixed64()?;
        Some(Self(u128::from(high) << 64 | u128::from(low)))
    }
    fn value(&self) -> Value {
        Value::Topic(*self)
    }
}

impl Field for TopicPartition {
    const SHAPE: Shape = Shape::Tuple(&[Shape::Fixed64, Shape::Fixed64, Shape::Signed]);
    fn encode(&self, out: &mut Vec<u8>) {
        self.topic_id.encode(out);
        self.partition.encode(out);
    }
    fn digest(&self, out: &mut Vec<u64>) {
        out.extend_from_slice(&self.words()[..3]);
    }
    fn words(&self) -> [u64; 4] {
        let [high, low, ..] = self.topic_id.words();
        [high, low, self.partition.words()[0], 0]
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        Some(Self { topic_id: Field::decode(input)?, partition: Field::decode(input)? })
    }
    fn value(&self) -> Value {
        Value::Partition(*self)
    }
}

impl Field for ConnectionId {
    const SHAPE: Shape = Shape::Tuple(&[Shape::Unsigned, Shape::Unsigned]);
    fn encode(&self, out: &mut Vec<u8>) {
        self.opener.encode(out);
        self.number.encode(out);
    }
    fn digest(&self, out: &mut Vec<u64>) {
        self.opener.digest(out);
        self.number.digest(out);
    }
    fn words(&self) -> [u64; 4] {
        [self.opener.words()[0], self.number.words()[0], 0, 0]
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        Some(Self { opener: Field::decode(input)?, number: Field::decode(input)? })
    }
    fn value(&self) -> Value {
        Value::List(vec![self.opener.value(), self.number.value()])
    }
}

impl Field for OperationId {
    const SHAPE: Shape = Shape::Tuple(&[Shape::Unsigned, Shape::Unsigned]);
    fn encode(&self, out: &mut Vec<u8>) {
        self.client.encode(out);
        self.number.encode(out);
    }
    fn digest(&self, out: &mut Vec<u64>) {
        self.client.digest(out);
        self.number.digest(out);
    }
    fn words(&self) -> [u64; 4] {
        [self.client.words()[0], self.number.words()[0], 0, 0]
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        Some(Self { client: Field::decode(input)?, number: Field::decode(input)? })
    }
    fn value(&self) -> Value {
        Value::List(vec![self.client.value(), self.number.value()])
    }
}

impl Field for Name {
    const SHAPE: Shape = Shape::Text;
    fn encode(&self, out: &mut Vec<u8>) {
        put_unsigned(self.as_str().len() as u64, out);
        out.extend_from_slice(self.as_str().as_bytes());
    }
    fn digest(&self, out: &mut Vec<u64>) {
        out.push(self.as_str().len() as u64);
        for bytes in self.as_str().as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            out.push(u64::from_le_bytes(word));
        }
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let length = usize::try_from(input.unsigned()?).ok()?;
        std::str::from_utf8(input.bytes(length)?).ok().map(Self::from)
    }
    fn value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl Field for BrokerSet {
    const SHAPE: Shape = Shape::List(&Shape::Signed);
    fn encode(&self, out: &mut Vec<u8>) {
        put_unsigned(self.len() as u64, out);
        self.iter().for_each(|broker| broker.encode(out));
    }
    fn digest(&self, out: &mut Vec<u64>) {
        out.push(self.len() as u64);
        self.iter().for_each(|broker| broker.digest(out));
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let brokers: Vec<BrokerId> = Field::decode(input)?;
        Some(brokers.into_iter().collect())
    }
    fn value(&self) -> Value {
        Value::List(self.iter().map(|broker| broker.value()).collect())
    }
}

impl<T: Field> Field for Option<T> {
    const SHAPE: Shape = Shape::Optional(&T::SHAPE);
    const WORDS: &'static [&'static str] = T::WORDS;
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(field) => {
                out.push(1);
                field.encode(out);
            }
        }
    }
    fn digest(&self, out: &mut Vec<u64>) {
        match self {
            None => out.push(0),
            Some(field) => {
                out.push(1);
                field.digest(out);
            }
        }
    }
    fn words(&self) -> [u64; 4] {
        self.as_ref().map_or([0; 4], |field| {
            let [first, second, third, _] = field.words();
            [1, first, second, third]
        })
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        match input.byte()? {
            0 => Some(None),
            1 => T::decode(input).map(Some),
            _ => None,
        }
    }
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::None, Field::value)
    }
}

impl<T: Field> Field for Vec<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
    fn encode(&self, out: &mut Vec<u8>) {
        put_unsigned(self.len() as u64, out);
        self.iter().for_each(|item| item.encode(out));
    }
    fn digest(&self, out: &mut Vec<u64>) {
        out.push(self.len() as u64);
        self.iter().for_each(|item| item.digest(out));
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let count = input.unsigned()?;
        // Every item takes a byte: a count above what is left is a lie, and costs no memory.
        if count > input.0.len() as u64 {
            return None;
        }
        (0..count).map(|_| T::decode(input)).collect()
    }
    fn value(&self) -> Value {
        Value::List(self.iter().map(Field::value).collect())
    }
}

impl<T: Field> Field for Box<[T]> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
    fn encode(&self, out: &mut Vec<u8>) {
        put_unsigned(self.len() as u64, out);
        self.iter().for_each(|item| item.encode(out));
    }
    fn digest(&self, out: &mut Vec<u64>) {
        out.push(self.len() as u64);
        self.iter().for_each(|item| item.digest(out));
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        Vec::<T>::decode(input).map(Self::from)
    }
    fn value(&self) -> Value {
        Value::List(self.iter().map(Field::value).collect())
    }
}

impl<T: Field, const N: usize> Field for SmallVec<[T; N]> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
    fn encode(&self, out: &mut Vec<u8>) {
        put_unsigned(self.len() as u64, out);
        self.iter().for_each(|item| item.encode(out));
    }
    fn digest(&self, out: &mut Vec<u64>) {
        out.push(self.len() as u64);
        self.iter().for_each(|item| item.digest(out));
    }
    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        Vec::<T>::decode(input).map(Self::from_vec)
    }
    fn value(&self) -> Value {
        Value::List(self.iter().map(Field::value).collect())
    }
}
