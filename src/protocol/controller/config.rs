//! What a controller is configured with.

use std::time::Duration;

use crate::types::{BrokerId, DefectSet, Name};

/// Configuration of the controller's state machine; the defaults are those of Kafka 4.1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// `node.id`.
    pub node: BrokerId,
    /// The cluster's identity; registrations must bear it.
    pub cluster_id: Name,
    /// `broker.session.timeout.ms`: an unfenced broker that is silent for so long is fenced.
    pub broker_session_timeout: Duration,
    /// `metadata.max.idle.interval.ms`: how often a NoOpRecord is written; `None` for never.
    pub metadata_max_idle_interval: Option<Duration>,
    /// `num.partitions`, for topics that leave it open.
    pub default_partitions: i32,
    /// `default.replication.factor`, for topics that leave it open.
    pub default_replication_factor: i16,
    /// `min.insync.replicas`, written as the cluster-wide default when the cluster is formed.
    pub min_insync_replicas: u32,
    /// `unclean.leader.election.enable`, for topics that do not say.
    pub unclean_leader_election: bool,
    /// `unclean.leader.election.interval.ms`: how often leaderless partitions are looked at.
    pub unclean_leader_election_interval: Duration,
    /// `auto.leader.rebalance.enable`.
    pub auto_leader_rebalance: bool,
    /// `leader.imbalance.check.interval.seconds`.
    pub leader_imbalance_check_interval: Duration,
    /// Whether the cluster is formed with `eligible.leader.replicas.version` 1 (KIP-966), as new
    /// clusters of 4.1 are.
    pub eligible_leader_replicas: bool,
    /// The level of `metadata.version` with which the cluster is formed.
    pub metadata_version: i16,
    /// Defects of the controller.
    pub defects: DefectSet,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            node: BrokerId(3001),
            cluster_id: "kafsim".into(),
            broker_session_timeout: Duration::from_secs(9),
            metadata_max_idle_interval: Some(Duration::from_millis(500)),
            default_partitions: 1,
            default_replication_factor: 1,
            min_insync_replicas: 1,
            unclean_leader_election: false,
            unclean_leader_election_interval: Duration::from_mins(5),
            auto_leader_rebalance: true,
            leader_imbalance_check_interval: Duration::from_mins(5),
            eligible_leader_replicas: true,
            metadata_version: METADATA_VERSION_4_1,
            defects: DefectSet::NONE,
        }
    }
}

/// The feature level of 4.1-IV1.
const METADATA_VERSION_4_1: i16 = 27;
