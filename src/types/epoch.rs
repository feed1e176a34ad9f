//! Numbers that only grow and that fence whoever comes late.

use crate::types::newtype::integer_newtype;

integer_newtype! {
    /// Counts the leaderships of a partition, or of the metadata quorum, from 0.
    ///
    /// -1 on the wire means none and is `Option::None` inside.
    LeaderEpoch(i32);
    /// Counts the changes of a partition's state at the controller, from 0.
    PartitionEpoch(i32);
    /// One registration of a broker: the offset of its `RegisterBrokerRecord`.
    BrokerEpoch(i64);
    /// Counts the rebalances of a consumer group: its generation in the classic protocol, the
    /// epoch of the group, of its assignment or of a member in that of KIP-848. -1 is of nobody.
    GroupEpoch(i32);
    /// Counts the incarnations of a producer id, from 0 (KIP-98, KIP-360).
    ProducerEpoch(i16);
}

impl LeaderEpoch {
    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// As the wire has it, where none is -1.
    pub fn to_wire(epoch: Option<Self>) -> i32 {
        epoch.map_or(-1, |epoch| epoch.0)
    }

    /// From the wire, where none is -1.
    pub fn from_wire(epoch: i32) -> Option<Self> {
        (epoch >= 0).then_some(Self(epoch))
    }
}

impl PartitionEpoch {
    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl BrokerEpoch {
    /// As the wire has it, where none is -1.
    pub fn to_wire(epoch: Option<Self>) -> i64 {
        epoch.map_or(-1, |epoch| epoch.0)
    }

    /// From the wire, where none is -1.
    pub fn from_wire(epoch: i64) -> Option<Self> {
        (epoch >= 0).then_some(Self(epoch))
    }
}
