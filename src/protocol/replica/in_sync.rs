//! The in-sync set as its leader sees it: what the controller has recorded, and what it may have
//! recorded meanwhile.

use crate::message::InSyncProposal;
use crate::types::{BrokerId, BrokerSet, Defect, DefectSet, TopicPartition};

/// The in-sync set of a leader.
///
/// Source: Kafka 4.1, `PartitionState` and its three forms; KIP-497.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct InSync {
    /// What the controller recorded, as far as this leader knows.
    pub(crate) recorded: BrokerSet,
    /// The recovery state recorded with it; leaders report that they recovered.
    pub(crate) recovering: bool,
    /// The wish under way. There is one at most.
    pub(crate) pending: Option<Pending>,
    /// The set that the high watermark waits for.
    pub(crate) maximal: BrokerSet,
}

/// A wish that the controller may or may not have granted yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pending {
    pub(crate) proposal: InSyncProposal,
    pub(crate) change: Change,
}

/// What a wish changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// A follower that caught up joins.
    Expand(BrokerId),
    /// Followers that lag leave.
    Shrink(BrokerSet),
}

impl InSync {
    /// The set that the controller recorded, and no wish.
    pub(crate) fn recorded(recorded: BrokerSet, recovering: bool) -> Self {
        Self { maximal: recorded.clone(), recorded, recovering, pending: None }
    }

    /// Notes that a wish is under way. The larger of the two sets counts from here: a joining
    /// follower, since the controller may elect it as soon as it has recorded it; a leaving one,
    /// since the controller may elect it until then.
    pub(crate) fn propose(&mut self, pending: Pending, about: TopicPartition, defects: DefectSet) {
        assert!(self.pending.is_none(), "{:?} is under way, not {pending:?}", self.pending);
        self.maximal = match &pending.change {
            Change::Expand(_) if defects.acts(Defect::HighWatermarkOverCommitted, about) => {
                self.recorded.clone()
            }
            Change::Expand(added) => self.recorded.with(*added),
            Change::Shrink(removed) if defects.acts(Defect::HighWatermarkOverProposed, about) => {
                self.recorded.without(removed)
            }
            Change::Shrink(_) => self.recorded.clone(),
        };
        self.pending = Some(pending);
    }

    /// Goes back to what is recorded: the controller says that it did not grant the wish.
    pub(crate) fn roll_back(&mut self) {
        self.pending = None;
        self.maximal = self.recorded.clone();
    }

    /// The follower that is about to join.
    pub(crate) fn joining(&self) -> Option<BrokerId> {
        match self.pending.as_ref()?.change {
            Change::Expand(added) => Some(added),
            Change::Shrink(_) => None,
        }
    }
}
