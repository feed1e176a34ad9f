//! What the request layer is set up with.

use std::sync::Arc;
use std::time::Duration;

use crate::protocol::request::described::ConfigTable;
use crate::types::{BrokerId, DefectSet};

/// Settings of a broker's request layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestConfig {
    /// This broker.
    pub broker: BrokerId,
    /// `fetch.max.bytes` of the broker: the most bytes of records in one fetch response.
    pub fetch_bytes_max: u32,
    /// `max.incremental.fetch.session.cache.slots`: how many fetch sessions are kept.
    pub fetch_sessions_max: usize,
    /// How long a fetch session is safe from eviction after it was made or used
    /// (`MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`).
    pub fetch_session_eviction: Duration,
    /// How long a request is offered to the controller before the client hears of a time-out
    /// (`retryTimeoutMs` of the forwarding channel), unless the client's own limit is shorter.
    pub forwarding_timeout: Duration,
    /// How long to wait before the controller is tried again (`retry.backoff.ms`).
    pub retry_backoff: Duration,
    /// `max.request.partition.size.limit`: most partitions in one DescribeTopicPartitions answer.
    pub describe_partitions_max: u32,
    /// The configuration as DescribeConfigs shows it.
    pub described: Arc<ConfigTable>,
    /// The defects that are on.
    pub defects: DefectSet,
}

impl Default for RequestConfig {
    fn default() -> Self {
        Self {
            broker: BrokerId(1),
            fetch_bytes_max: 55 * 1024 * 1024,
            fetch_sessions_max: 1000,
            fetch_session_eviction: Duration::from_secs(120),
            forwarding_timeout: Duration::from_secs(60),
            retry_backoff: Duration::from_millis(100),
            describe_partitions_max: 2000,
            described: Arc::default(),
            defects: DefectSet::NONE,
        }
    }
}
