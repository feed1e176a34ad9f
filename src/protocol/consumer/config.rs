//! How a consumer is configured.

use std::time::Duration;

use crate::types::{Backoff, ClientId, DefectSet};

/// A consumer's configuration; the defaults are those of Kafka 4.1's keys of like name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerConfig {
    /// Which client of the run this is.
    pub client: ClientId,
    /// How many operations earlier starts of this client counted.
    pub first_operation: u32,
    /// `fetch.min.bytes`.
    pub fetch_bytes_min: u32,
    /// `fetch.max.wait.ms`.
    pub fetch_wait_max: Duration,
    /// `fetch.max.bytes`.
    pub fetch_bytes_max: u32,
    /// `max.partition.fetch.bytes`.
    pub partition_fetch_bytes_max: u32,
    /// `max.poll.records`.
    pub poll_records_max: u32,
    /// `auto.offset.reset`.
    pub offset_reset: OffsetReset,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub retry_backoff: Backoff,
    /// The defects that are switched on.
    pub defects: DefectSet,
}

/// `auto.offset.reset`: where a consumer goes on when there is no record where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OffsetReset {
    /// At the first record that is there.
    Earliest,
    /// At what comes from then on.
    #[default]
    Latest,
    /// Nowhere: the application is told.
    None,
    /// At the first record that is no older than this; at what comes from then on when there is
    /// none (KIP-1106).
    ByDuration(Duration),
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            client: ClientId(0),
            first_operation: 0,
            fetch_bytes_min: 1,
            fetch_wait_max: Duration::from_millis(500),
            fetch_bytes_max: 50 * 1024 * 1024,
            partition_fetch_bytes_max: 1024 * 1024,
            poll_records_max: 500,
            offset_reset: OffsetReset::Latest,
            retry_backoff: Backoff {
                initial: Duration::from_millis(100),
                max: Duration::from_secs(1),
            },
            defects: DefectSet::NONE,
        }
    }
}
