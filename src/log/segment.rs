//! A segment: one file of the log, known by the offset of its first record, and when it is full.
//!
//! Offset index and time index are memory-mapped and rebuilt from the log, so they are not files
//! here. Their size is counted, for a full index ends a segment.

use crate::log::batches::Entry;
use crate::log::config::LogConfig;
use crate::types::{Offset, hash_words};

/// Bytes of an entry of the offset index (relative offset, position).
const OFFSET_INDEX_ENTRY_BYTES: u32 = 8;
/// Bytes of an entry of the time index (timestamp, relative offset).
const TIME_INDEX_ENTRY_BYTES: u32 = 12;

/// What is known of a segment beside its batches.
///
/// Source: Kafka 4.1, `LogSegment`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    /// Its name: the offset of its first record.
    pub(super) base_offset: Offset,
    /// Its size.
    pub(super) size_bytes: u64,
    /// `maxTimestamp` of its first batch: roll by age counts from it.
    first_timestamp: Option<i64>,
    /// The largest timestamp in it.
    pub(super) max_timestamp: Option<i64>,
    bytes_since_index_entry: u64,
    offset_index_entries: u32,
    time_index_entries: u32,
    last_indexed_timestamp: i64,
}

impl Segment {
    /// An empty segment.
    pub(super) fn new(base_offset: Offset) -> Self {
        Self {
            base_offset,
            size_bytes: 0,
            first_timestamp: None,
            max_timestamp: None,
            bytes_since_index_entry: 0,
            offset_index_entries: 0,
            time_index_entries: 0,
            last_indexed_timestamp: -1,
        }
    }

    /// Takes note of a batch that stands in it now.
    pub(super) fn note(&mut self, entry: &Entry, config: &LogConfig) {
        let timestamp = entry.batch.body.max_timestamp;
        self.first_timestamp.get_or_insert(timestamp);
        self.max_timestamp = self.max_timestamp.max(Some(timestamp));
        if self.bytes_since_index_entry > u64::from(config.index_interval_bytes) {
            self.offset_index_entries += 1;
            let largest = self.max_timestamp.unwrap_or(-1);
            if largest > self.last_indexed_timestamp {
                self.time_index_entries += 1;
                self.last_indexed_timestamp = largest;
            }
            self.bytes_since_index_entry = 0;
        }
        self.bytes_since_index_entry += u64::from(entry.size_bytes());
        self.size_bytes += u64::from(entry.size_bytes());
    }

    /// Whether a batch of `size_bytes` that ends with `last_offset` and whose largest timestamp
    /// is `max_timestamp` must go to a new segment.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `LogSegment.shouldRoll`.
    pub(super) fn should_roll(
        &self,
        size_bytes: u32,
        last_offset: Offset,
        max_timestamp: i64,
        config: &LogConfig,
    ) -> bool {
        // Kafka falls back to the wall clock for batches without a timestamp; ours all have one.
        let age = self.first_timestamp.map_or(0, |first| max_timestamp.saturating_sub(first));
        let age_max = millis(config.segment_age_max) - self.jitter_millis(config);
        let is_over_size = self.size_bytes + u64::from(size_bytes) > config.segment_bytes;
        let is_over_age = age > age_max;
        let offset_entries_max = config.segment_index_bytes / OFFSET_INDEX_ENTRY_BYTES;
        let time_entries_max = config.segment_index_bytes / TIME_INDEX_ENTRY_BYTES;
        let is_index_full = self.offset_index_entries >= offset_entries_max
            || self.time_index_entries >= time_entries_max.saturating_sub(1);
        let is_over_offset = last_offset.since(self.base_offset) > i32::MAX.cast_unsigned().into();
        self.size_bytes > 0 && (is_over_size || is_over_age || is_index_full || is_over_offset)
    }

    /// How much earlier than `segment.ms` says it ends, so that the segments of many partitions do
    /// not all end, and are flushed, at once.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `LogConfig.randomSegmentJitter`.
    // Differs from Kafka: a segment keeps its jitter when the log is loaded anew.
    fn jitter_millis(&self, config: &LogConfig) -> i64 {
        let jitter_max = millis(config.segment_jitter.min(config.segment_age_max));
        if jitter_max == 0 {
            return 0;
        }
        let drawn = hash_words(&[config.jitter_seed, self.base_offset.0.cast_unsigned()]);
        (drawn >> 1).cast_signed() % jitter_max
    }
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
