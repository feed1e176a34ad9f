//! What a topic's configuration says about its logs.

use std::time::Duration;

use crate::types::DefectSet;

/// The configuration of a log; the default is Kafka's.
///
/// Source: Kafka 4.1, `LogConfig`, `TopicConfig`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// `segment.bytes`: a segment is closed before it grows beyond this.
    pub segment_bytes: u64,
    /// `segment.ms`: a segment is closed when a record is this much younger than its first.
    pub segment_age_max: Duration,
    /// `segment.jitter.ms`: up to this much earlier, drawn for each segment.
    pub segment_jitter: Duration,
    /// From what the jitter of this replica's segments is drawn.
    pub jitter_seed: u64,
    /// `segment.index.bytes`: a segment is closed when an index of it reaches this.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: how much is appended between two entries of an index.
    pub index_interval_bytes: u32,
    /// `retention.bytes`: the oldest segments go as long as this much is left; `None` is no limit.
    pub retention_bytes: Option<u64>,
    /// `retention.ms`: segments go when their youngest record is older; `None` is no limit.
    pub retention_age_max: Option<Duration>,
    /// `flush.messages`: how many records may be unflushed after an append; `None` is no limit.
    pub flush_messages: Option<u64>,
    /// `flush.ms`: how long nothing may have been flushed; `None` is no limit.
    pub flush_interval: Option<Duration>,
    /// `max.message.bytes`: the largest batch that a client may send.
    pub max_message_bytes: u32,
    /// `message.timestamp.after.max.ms`: how far a record may lie in the leader's future.
    pub timestamp_after_max: Duration,
    /// `producer.id.expiration.ms`: how long an idle producer is remembered.
    pub producer_id_expiration: Duration,
    /// What is switched off on purpose.
    pub defects: DefectSet,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_age_max: Duration::from_hours(7 * 24),
            segment_jitter: Duration::ZERO,
            jitter_seed: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_bytes: None,
            retention_age_max: Some(Duration::from_hours(7 * 24)),
            flush_messages: None,
            flush_interval: None,
            max_message_bytes: (1 << 20) + 12,
            timestamp_after_max: Duration::from_hours(1),
            producer_id_expiration: Duration::from_hours(24),
            defects: DefectSet::NONE,
        }
    }
}
