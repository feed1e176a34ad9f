//! What the image keeps of a broker.

use crate::types::{BrokerEpoch, DirectoryId, IncarnationId, Name, Offset};

/// A broker's registration.
///
/// Source: Kafka 4.1, `BrokerRegistration`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registration {
    /// The process start that registered.
    pub incarnation: IncarnationId,
    /// The registration's epoch.
    pub broker_epoch: BrokerEpoch,
    /// The offset of the last `RegisterBrokerRecord`: the broker's epoch, unless the same start
    /// registered again, which keeps the epoch and writes another record.
    pub offset: Offset,
    /// Its rack, if any.
    pub rack: Option<Name>,
    /// Whether it is fenced: no leader, and not to be added to an in-sync set.
    pub fenced: bool,
    /// Whether it is in controlled shutdown. Never taken back.
    pub in_controlled_shutdown: bool,
    /// Its log directories.
    pub directories: Vec<DirectoryId>,
}

impl Registration {
    /// Whether it may lead and be in sync: neither fenced nor shutting down.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }
}
