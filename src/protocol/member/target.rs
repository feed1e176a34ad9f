//! What the coordinator wants a member of KIP-848 to own, and what it has acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::protocol::assignor::Place;
use crate::types::{Name, TopicId};

/// Partitions by topic, and how many assignments came before it.
///
/// Source: Kafka 4.0, `AbstractMembershipManager.LocalAssignment`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LocalAssignment {
    pub number: u64,
    pub partitions: BTreeMap<TopicId, BTreeSet<i32>>,
}

/// What the last heartbeat said.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sent {
    pub topics: BTreeSet<Name>,
    pub current: Option<LocalAssignment>,
}

/// A reconciliation that is under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct UnderWay {
    pub target: LocalAssignment,
    pub places: BTreeSet<Place>,
    /// Whether the member joined anew meanwhile: it comes to nothing then.
    pub is_void: bool,
}

/// From the current to the target assignment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reconciliation {
    pub target: Option<LocalAssignment>,
    pub current: Option<LocalAssignment>,
    pub under_way: Option<UnderWay>,
    /// What the last heartbeat said; `None` when the next has to say everything.
    pub sent: Option<Sent>,
    /// Between two heartbeats, as the coordinator says; 0 before it has.
    pub interval: Duration,
}

impl Reconciliation {
    /// The coordinator wants this now.
    pub(crate) fn aim(&mut self, partitions: BTreeMap<TopicId, BTreeSet<i32>>) {
        match &self.target {
            Some(target) if target.partitions == partitions => {}
            Some(target) => {
                let number = target.number + 1;
                self.target = Some(LocalAssignment { number, partitions });
            }
            None => self.target = Some(LocalAssignment { number: 0, partitions }),
        }
    }

    /// Whether it owns what it should.
    pub(crate) fn is_done(&self) -> bool {
        self.current == self.target
    }

    /// It owns nothing and is wanted to own nothing.
    pub(crate) fn drop_all(&mut self) {
        self.current = None;
        self.target = None;
    }

    /// It joins anew: what was under way comes to nothing.
    pub(crate) fn rejoin(&mut self) {
        self.target = None;
        self.sent = None;
        if let Some(under_way) = &mut self.under_way {
            under_way.is_void = true;
        }
    }
}
