//! Reading: by offset and by timestamp.

use crate::log::log::Log;
use crate::log::segment::Segment;
use crate::message::{Batch, Records};
use crate::types::{LeaderEpoch, Offset};

impl Log {
    /// Whole batches from the one that holds the record at `from` on, that end at or below `to`
    /// and together take no more than `max_bytes`; the first comes even if it is larger. Costs
    /// O(log n) and what is read.
    ///
    /// A `from` outside the log is for the caller to refuse; here nothing is found above the end,
    /// and below the start what is first.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `LocalLog.read`, with `minOneMessage`.
    // Differs from Kafka: a read does not end where a segment ends.
    pub fn read(&self, from: Offset, to: Offset, max_bytes: u32) -> Vec<Batch> {
        let mut left = u64::from(max_bytes);
        let mut found = Vec::new();
        for entry in self.batches.from(from.max(self.start)) {
            let size = u64::from(entry.size_bytes());
            if entry.end() > to || (size > left && !found.is_empty()) {
                break;
            }
            left = left.saturating_sub(size);
            found.push(entry.batch.clone());
        }
        found
    }

    /// The size of the whole batches from the one with the record at `from` on that end at or
    /// below `to`, counted up to `enough`: what a fetch's `min_bytes` asks.
    pub fn bytes_between(&self, from: Offset, to: Offset, enough: u64) -> u64 {
        let mut bytes = 0;
        for entry in self.batches.from(from.max(self.start)) {
            if entry.end() > to || bytes >= enough {
                break;
            }
            bytes += u64::from(entry.size_bytes());
        }
        bytes
    }

    /// The batches from the one that holds the record at `from` on, that end at or below `to`.
    pub fn batches_between(&self, from: Offset, to: Offset) -> impl Iterator<Item = &Batch> {
        let entries = self.batches.from(from.max(self.start));
        entries.take_while(move |entry| entry.end() <= to).map(|entry| &entry.batch)
    }

    /// The first record below `up_to` whose timestamp is at least `millis`: its offset, its
    /// timestamp (milliseconds since 1970) and its leader epoch.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `UnifiedLog.fetchOffsetByTimestamp`, `LogSegment.findOffsetByTimestamp`.
    pub fn offset_for_timestamp(
        &self,
        millis: i64,
        up_to: Offset,
    ) -> Option<(Offset, i64, LeaderEpoch)> {
        let is_young = |segment: &&Segment| segment.max_timestamp >= Some(millis);
        let first = self.segments.iter().find(is_young)?;
        let from = first.base_offset.max(self.start);
        let batches = self.batches_between(from, up_to);
        batches.filter(|batch| batch.body.max_timestamp >= millis).find_map(|batch| {
            let records = u64::from(batch.body.record_count());
            (0..records)
                .map(|delta| (batch.base_offset + delta, timestamp_at(batch, delta)))
                .find(|(offset, timestamp)| *timestamp >= millis && *offset >= self.start)
                .map(|(offset, timestamp)| (offset, timestamp, batch.leader_epoch))
        })
    }
}

/// The timestamp of the record `delta` records after the batch's first.
fn timestamp_at(batch: &Batch, delta: u64) -> i64 {
    match &batch.body.records {
        Records::Data(records) => {
            let at = usize::try_from(delta).expect("a batch is indexed by its records");
            records[at].timestamp
        }
        Records::Metadata(_) | Records::Group(_) | Records::LeaderChange { .. } => {
            batch.body.max_timestamp
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::StartMovedBecause;
    use crate::log::log::tests::filled;

    fn bases(read: &[Batch]) -> Vec<i64> {
        read.iter().map(|batch| batch.base_offset.0).collect()
    }

    #[test]
    fn a_read_takes_whole_batches_and_at_least_one() {
        let log = filled(9);
        let size = log.read(Offset(0), Offset(2), 0)[0].body.size_bytes;
        let read = |from, to, bytes| bases(&log.read(Offset(from), Offset(to), bytes));
        assert_eq!(read(0, 18, 0), [0]);
        assert_eq!(read(0, 18, 2 * size - 1), [0]);
        assert_eq!(read(0, 18, 2 * size), [0, 2]);
        assert_eq!(read(5, 10, u32::MAX), [4, 6, 8]);
        assert_eq!(read(5, 9, u32::MAX), [4, 6], "the batch at the bound is not whole below it");
        assert_eq!(read(5, 5, u32::MAX), [] as [i64; 0]);
        assert_eq!(read(18, 18, u32::MAX), [] as [i64; 0]);
        let bytes = u64::from(size);
        assert_eq!(log.bytes_between(Offset(5), Offset(10), u64::MAX), 3 * bytes);
        assert_eq!(log.bytes_between(Offset(5), Offset(10), 1), bytes);
    }

    #[test]
    fn a_timestamp_is_found_from_the_start_up_to_the_bound() {
        // The batch at offset 2n is of second n.
        let mut log = filled(9);
        let find = |log: &Log, millis, up_to| {
            log.offset_for_timestamp(millis, Offset(up_to)).map(|(offset, at, _)| (offset.0, at))
        };
        assert_eq!(find(&log, -1, 18), Some((0, 0)));
        assert_eq!(find(&log, 3000, 18), Some((6, 3000)));
        assert_eq!(find(&log, 3001, 18), Some((8, 4000)));
        assert_eq!(find(&log, 3001, 8), None);
        assert_eq!(find(&log, 8001, 18), None);
        log.advance_start_to(Offset(9), StartMovedBecause::Leader, &mut Vec::new());
        assert_eq!(find(&log, 3000, 18), Some((9, 4000)));
    }
}
