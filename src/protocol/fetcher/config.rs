//! What a fetcher must know.

use std::time::Duration;

use crate::types::{BrokerId, DefectSet};

/// What a fetcher must know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetcherConfig {
    /// This broker, which follows.
    pub broker: BrokerId,
    /// The broker that leads.
    pub source: BrokerId,
    /// `replica.fetch.wait.max.ms`.
    pub fetch_wait_max: Duration,
    /// `replica.fetch.min.bytes`.
    pub fetch_bytes_min: u32,
    /// `replica.fetch.response.max.bytes`.
    pub response_bytes_max: u32,
    /// `replica.fetch.max.bytes`, per partition.
    pub partition_bytes_max: u32,
    /// `replica.fetch.backoff.ms`.
    pub fetch_backoff: Duration,
    /// What is deliberately wrong.
    pub defects: DefectSet,
}

impl FetcherConfig {
    /// Kafka 4.1's defaults.
    pub fn new(broker: BrokerId, source: BrokerId) -> Self {
        Self {
            broker,
            source,
            fetch_wait_max: Duration::from_millis(500),
            fetch_bytes_min: 1,
            response_bytes_max: 10 << 20,
            partition_bytes_max: 1 << 20,
            fetch_backoff: Duration::from_secs(1),
            defects: DefectSet::NONE,
        }
    }
}
