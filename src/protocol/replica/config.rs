//! What a replica must know.

use std::time::Duration;

use crate::types::{BrokerId, DefectSet};

/// What a replica must know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaConfig {
    /// The broker that it is on.
    pub broker: BrokerId,
    /// `replica.lag.time.max.ms`: a follower that has not had the leader's log end for longer
    /// leaves the in-sync set.
    pub replica_lag_time_max: Duration,
    /// What is deliberately wrong.
    pub defects: DefectSet,
}

impl ReplicaConfig {
    /// Kafka 4.1's defaults.
    pub fn new(broker: BrokerId) -> Self {
        Self { broker, replica_lag_time_max: Duration::from_secs(30), defects: DefectSet::NONE }
    }
}
