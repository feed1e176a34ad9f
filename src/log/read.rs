//! Reading: by offset and by timestamp.

use crate::log::log::Log;
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
            let size = u64::from(entry.size_bytes);
            if entry.end > to || (size > left && !found.is_empty()) {
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
            if entry.end > to || bytes >= enough {
                break;
            }
            bytes += u64::from(entry.size_bytes);
        }
        bytes
    }

    /// The batches from the one that holds the record at `from` on, that end at or below `to`.
    pub fn batches_between(&self, from: Offset, to: Offset) -> impl Iterator<Item = &Batch> {
        let entries = self.batches.from(from.max(self.start));
        entries.take_while(move |entry| entry.end <= to).map(|entry| &entry.batch)
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
        let is_old = |segment: &&_| {
            let segment: &crate::log::segment::Segment = segment;
            segment.max_timestamp.is_none_or(|largest| largest < millis)
        };
        let first = self.segments.iter().find(|segment| !is_old(segment))?;
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
        Records::Metadata(_) | Records::LeaderChange { .. } => batch.body.max_timestamp,
    }
}
