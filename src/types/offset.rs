//! Places in a log and in a producer's count.

use crate::types::newtype::integer_newtype;

integer_newtype! {
    /// A record's place in a partition's log, from 0. Ends are exclusive.
    Offset(i64);
    /// A record's place in the count of one producer epoch on one partition; after
    /// [`i32::MAX`] comes 0.
    Sequence(i32);
}

impl Offset {
    /// The first offset of every log.
    pub const ZERO: Self = Self(0);

    /// How many records stand between `earlier` and this; 0 when `earlier` is later.
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or(0)
    }

    /// As the wire has it, where none is -1.
    pub fn to_wire(offset: Option<Self>) -> i64 {
        offset.map_or(-1, |offset| offset.0)
    }

    /// From the wire, where none is -1.
    pub fn from_wire(offset: i64) -> Option<Self> {
        (offset >= 0).then_some(Self(offset))
    }
}

impl std::ops::Add<u64> for Offset {
    type Output = Self;

    fn add(self, records: u64) -> Self {
        Self(self.0 + i64::try_from(records).expect("a log holds fewer than 2^63 records"))
    }
}

impl Sequence {
    /// The sequence `records` records later, past [`i32::MAX`] from 0 again.
    ///
    /// Source: Kafka 4.1, `DefaultRecordBatch.incrementSequence`.
    #[must_use]
    pub fn plus(self, records: u32) -> Self {
        let sum = (i64::from(self.0) + i64::from(records)) % (i64::from(i32::MAX) + 1);
        Self(i32::try_from(sum).expect("a remainder of 2^31 fits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_wraps_to_zero() {
        assert_eq!(Sequence(i32::MAX).plus(1), Sequence(0));
        assert_eq!(Sequence(i32::MAX - 1).plus(5), Sequence(3));
    }
}
