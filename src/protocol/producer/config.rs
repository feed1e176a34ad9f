//! How a producer is configured.

use std::time::Duration;

use crate::event::AckMode;
use crate::types::{Backoff, ClientId, Defect, DefectSet, HostId};

/// A producer's configuration; the defaults are those of Kafka 4.1's keys of like name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerConfig {
    /// Which client of the run this is.
    pub client: ClientId,
    /// The host that it runs on: part of its batches' identity.
    pub host: HostId,
    /// Which start of the host's process this is: likewise.
    pub incarnation: u32,
    /// How many operations earlier starts of this client counted.
    pub first_operation: u32,
    /// `acks`.
    pub acks: AckMode,
    /// `enable.idempotence`.
    pub enable_idempotence: bool,
    /// `retries`.
    pub retries: u32,
    /// `max.in.flight.requests.per.connection`.
    pub in_flight_max: usize,
    /// `batch.size`, in bytes.
    pub batch_bytes: u32,
    /// `linger.ms`.
    pub linger: Duration,
    /// `buffer.memory`, in bytes.
    pub buffer_bytes: u64,
    /// `max.block.ms`.
    pub block_max: Duration,
    /// `max.request.size`, in bytes.
    pub request_bytes_max: u32,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub retry_backoff: Backoff,
    /// `partitioner.ignore.keys`.
    pub ignore_keys: bool,
    /// `partitioner.class`.
    pub partitioner: Partitioner,
    /// `partitioner.adaptive.partitioning.enable`.
    pub is_adaptive: bool,
    /// `partitioner.availability.timeout.ms`; zero looks at no broker's availability.
    pub availability_timeout: Duration,
    /// The defects that are switched on.
    pub defects: DefectSet,
}

/// `partitioner.class`: who chooses the partition of a record that does not name one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Partitioner {
    /// None is set: by key, and without one the sticky partition (`BuiltInPartitioner`).
    #[default]
    BuiltIn,
    /// One after the other, whatever the key (`RoundRobinPartitioner`).
    RoundRobin,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            client: ClientId(0),
            host: HostId(0),
            incarnation: 0,
            first_operation: 0,
            acks: AckMode::All,
            enable_idempotence: true,
            retries: i32::MAX as u32,
            in_flight_max: 5,
            batch_bytes: 16_384,
            linger: Duration::from_millis(5),
            buffer_bytes: 32 * 1024 * 1024,
            block_max: Duration::from_secs(60),
            request_bytes_max: 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            delivery_timeout: Duration::from_secs(120),
            retry_backoff: Backoff {
                initial: Duration::from_millis(100),
                max: Duration::from_secs(1),
            },
            ignore_keys: false,
            partitioner: Partitioner::BuiltIn,
            is_adaptive: true,
            availability_timeout: Duration::ZERO,
            defects: DefectSet::NONE,
        }
    }
}

impl ProducerConfig {
    /// This configuration as the defects that are on would have it.
    #[must_use]
    pub(crate) fn with_defects(mut self) -> Self {
        if self.defects.has(Defect::ReorderInFlight) {
            self.enable_idempotence = false;
            self.in_flight_max = 5;
        }
        if self.defects.has(Defect::DuplicateOnRetry) {
            self.enable_idempotence = false;
            self.in_flight_max = 1;
        }
        self
    }
}
