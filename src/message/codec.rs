//! The primitives of Kafka's wire format: integers, varints, compact strings and arrays, tags.
//!
//! Source: Kafka 4.1, `ByteUtils`, `Writable`, `Readable`, and the flexible versions of KIP-482.

use std::fmt::Display;

use bytes::{Buf, Bytes};

use crate::types::Name;

/// Why a value has no place on the wire, or bytes are not what they should be; a sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(String);

impl CodecError {
    /// The error that says `what`.
    pub fn new(what: impl Display) -> Self {
        Self(what.to_string())
    }

    /// This error, with where it happened in front.
    #[must_use]
    pub fn within(self, place: impl Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

/// Where bytes go: into a buffer, or only into a count.
pub(in crate::message) trait Sink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Counts bytes and forgets them.
#[derive(Default, Debug)]
struct Count(usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// How many bytes `write` writes.
pub(in crate::message) fn counted(write: impl FnOnce(&mut dyn Sink)) -> usize {
    let mut count = Count::default();
    write(&mut count);
    count.0
}

/// An unsigned varint.
pub(in crate::message) fn put_unsigned(out: &mut dyn Sink, mut value: u64) {
    while value >= 0x80 {
        out.put(&[value.to_le_bytes()[0] | 0x80]);
        value >>= 7;
    }
    out.put(&[value.to_le_bytes()[0]]);
}

/// A zigzag varint.
pub(in crate::message) fn put_signed(out: &mut dyn Sink, value: i64) {
    put_unsigned(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// A count, or a length, as compact arrays and strings have it: one more than it is; 0 is null.
pub(in crate::message) fn put_length(out: &mut dyn Sink, length: Option<usize>) {
    put_unsigned(out, length.map_or(0, |length| length as u64 + 1));
}

/// A compact string.
pub(in crate::message) fn put_text(out: &mut dyn Sink, text: &str) {
    put_length(out, Some(text.len()));
    out.put(text.as_bytes());
}

/// A compact nullable string.
pub(in crate::message) fn put_nullable_text(out: &mut dyn Sink, text: Option<&Name>) {
    match text {
        Some(text) => put_text(out, text.as_str()),
        None => put_length(out, None),
    }
}

/// A boolean.
pub(in crate::message) fn put_bool(out: &mut dyn Sink, value: bool) {
    out.put(&[u8::from(value)]);
}

/// The bytes of a length or a count as [`put_length`] writes it.
pub(in crate::message) fn length_bytes(length: usize) -> usize {
    unsigned_bytes(length as u64 + 1)
}

/// The bytes of an unsigned varint.
pub(in crate::message) fn unsigned_bytes(value: u64) -> usize {
    (64 - value.leading_zeros()).div_ceil(7).max(1) as usize
}

/// Reads bytes from the front.
#[derive(Clone, Debug)]
pub(in crate::message) struct Reader(Bytes);

impl Reader {
    pub(in crate::message) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    pub(in crate::message) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left, without taking it.
    pub(in crate::message) fn rest(&self) -> Bytes {
        self.0.clone()
    }

    /// Says so if anything is left over.
    pub(in crate::message) fn end(self, what: &str) -> Result<(), CodecError> {
        if self.is_empty() {
            return Ok(());
        }
        Err(CodecError::new(format_args!("{} bytes are left over after {what}", self.0.len())))
    }

    pub(in crate::message) fn bytes(&mut self, count: usize) -> Result<Bytes, CodecError> {
        let left = self.0.len();
        if count > left {
            return Err(CodecError::new(format_args!("{count} bytes are due, {left} are left")));
        }
        Ok(self.0.split_to(count))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let mut array = [0; N];
        self.bytes(N)?.copy_to_slice(&mut array);
        Ok(array)
    }

    pub(in crate::message) fn i8(&mut self) -> Result<i8, CodecError> {
        self.array().map(i8::from_be_bytes)
    }

    pub(in crate::message) fn i16(&mut self) -> Result<i16, CodecError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(in crate::message) fn u16(&mut self) -> Result<u16, CodecError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(in crate::message) fn i32(&mut self) -> Result<i32, CodecError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(in crate::message) fn u32(&mut self) -> Result<u32, CodecError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(in crate::message) fn i64(&mut self) -> Result<i64, CodecError> {
        self.array().map(i64::from_be_bytes)
    }

    pub(in crate::message) fn uuid(&mut self) -> Result<u128, CodecError> {
        self.array().map(u128::from_be_bytes)
    }

    pub(in crate::message) fn bool(&mut self) -> Result<bool, CodecError> {
        match self.i8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(CodecError::new(format_args!("{other} is not a boolean"))),
        }
    }

    pub(in crate::message) fn unsigned(&mut self) -> Result<u64, CodecError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError::new("a varint does not end within ten bytes"))
    }

    pub(in crate::message) fn signed(&mut self) -> Result<i64, CodecError> {
        let zigzag = self.unsigned()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// A length that cannot be more than the bytes that are left; `None` for null.
    pub(in crate::message) fn length(&mut self) -> Result<Option<usize>, CodecError> {
        let Some(length) = self.unsigned()?.checked_sub(1) else { return Ok(None) };
        self.bounded(i64::try_from(length).unwrap_or(i64::MAX))
    }

    /// A zigzag length; negative for null.
    pub(in crate::message) fn signed_length(&mut self) -> Result<Option<usize>, CodecError> {
        let length = self.signed()?;
        self.bounded(length)
    }

    fn bounded(&self, length: i64) -> Result<Option<usize>, CodecError> {
        if length < 0 {
            return Ok(None);
        }
        let left = self.0.len();
        match usize::try_from(length) {
            Ok(length) if length <= left => Ok(Some(length)),
            Ok(_) | Err(_) => {
                Err(CodecError::new(format_args!("a length of {length}, {left} bytes are left")))
            }
        }
    }

    /// A length that may not be null.
    pub(in crate::message) fn count(&mut self) -> Result<usize, CodecError> {
        self.length()?.ok_or_else(|| CodecError::new("a null where none may be"))
    }

    pub(in crate::message) fn nullable_text(&mut self) -> Result<Option<Name>, CodecError> {
        let Some(length) = self.length()? else { return Ok(None) };
        let bytes = self.bytes(length)?;
        let text = std::str::from_utf8(&bytes).map_err(CodecError::new)?;
        Ok(Some(text.into()))
    }

    pub(in crate::message) fn text(&mut self) -> Result<Name, CodecError> {
        self.nullable_text()?.ok_or_else(|| CodecError::new("a null where none may be"))
    }

    /// A section of tagged fields that kafsim does not write: it must be empty.
    pub(in crate::message) fn no_tags(&mut self) -> Result<(), CodecError> {
        match self.unsigned()? {
            0 => Ok(()),
            count => Err(CodecError::new(format_args!("{count} tagged fields, none is known"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut dyn Sink)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(counted(&write), out.len());
        out
    }

    #[test]
    fn varints_are_those_of_kafka() {
        // Kafka's `ByteUtilsTest`.
        assert_eq!(written(|out| put_signed(out, -1)), [0x01]);
        assert_eq!(written(|out| put_signed(out, 63)), [0x7e]);
        assert_eq!(written(|out| put_signed(out, -65)), [0x81, 0x01]);
        assert_eq!(written(|out| put_unsigned(out, 300)), [0xac, 0x02]);
        for value in [0, 1, -1, 63, 64, -64, -65, i64::MAX, i64::MIN, i64::from(i32::MAX)] {
            let bytes = written(|out| put_signed(out, value));
            let mut reader = Reader::new(bytes.into());
            assert_eq!(reader.signed(), Ok(value));
            assert!(reader.is_empty());
        }
        for value in [0, 127, 128, 16_383, 16_384, u64::MAX] {
            let bytes = written(|out| put_unsigned(out, value));
            assert_eq!(unsigned_bytes(value), bytes.len());
            assert_eq!(Reader::new(bytes.into()).unsigned(), Ok(value));
        }
    }

    #[test]
    fn texts_come_back_and_lengths_are_bounded() {
        let name = Name::from("orders");
        let bytes = written(|out| put_nullable_text(out, Some(&name)));
        assert_eq!(Reader::new(bytes.clone().into()).text(), Ok(name));
        let cut = Bytes::from(bytes).slice(..4);
        assert!(Reader::new(cut).text().is_err());
        assert_eq!(Reader::new(vec![0].into()).nullable_text(), Ok(None));
        assert!(Reader::new(vec![0].into()).text().is_err());
        assert!(Reader::new(vec![0xff; 11].into()).unsigned().is_err());
    }
}
