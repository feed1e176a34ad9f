//! What a broker's lifecycle is set up with.

use std::time::Duration;

use crate::types::{BrokerEpoch, BrokerId, DefectSet, DirectoryId, IncarnationId, Name};

/// Settings of a broker's lifecycle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LifecycleConfig {
    /// This broker.
    pub broker: BrokerId,
    /// This start of its process.
    pub incarnation: IncarnationId,
    /// Its rack, if any.
    pub rack: Option<Name>,
    /// Its log directories.
    pub directories: Vec<DirectoryId>,
    /// The broker epoch that the clean-shutdown file tells of; `None` after a crash (KIP-966).
    pub previous_broker_epoch: Option<BrokerEpoch>,
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `broker.session.timeout.ms`: bounds the back-off, which stays below half of it.
    pub session_timeout: Duration,
    /// `initial.broker.registration.timeout.ms`: a broker that is not registered by then ends.
    pub registration_timeout: Duration,
    /// `controlled.shutdown.enable`: whether leaderships are moved before the process ends.
    pub controlled_shutdown: bool,
    /// How long the process waits for the controller to let it go; then it ends all the same
    /// (five minutes, `KafkaServer.shutdown`).
    pub shutdown_timeout: Duration,
    /// The defects that are on.
    pub defects: DefectSet,
}

impl Default for LifecycleConfig {
    fn default() -> Self {
        Self {
            broker: BrokerId(1),
            incarnation: IncarnationId(1),
            rack: None,
            directories: Vec::new(),
            previous_broker_epoch: None,
            heartbeat_interval: Duration::from_secs(2),
            session_timeout: Duration::from_secs(9),
            registration_timeout: Duration::from_secs(60),
            controlled_shutdown: true,
            shutdown_timeout: Duration::from_secs(300),
            defects: DefectSet::NONE,
        }
    }
}
