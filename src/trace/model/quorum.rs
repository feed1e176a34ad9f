//! What is known of the metadata quorum.

use std::collections::BTreeMap;

use crate::event::{ChainHash, QuorumRole};
use crate::types::{BrokerId, LeaderEpoch, Moment, Offset};

/// The quorum.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct QuorumView {
    /// Voters and observers by node.
    pub members: BTreeMap<BrokerId, MemberView>,
    /// The controller in charge, and the epoch in which it took charge.
    pub active: Option<(BrokerId, LeaderEpoch)>,
    /// The offset of the newest metadata record that changed something, not a mere sign of life.
    pub last_change: Option<Offset>,
}

/// A voter or observer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemberView {
    /// Its part; none while its process is down.
    pub role: Option<QuorumRoleView>,
    /// What it has on its disk for sure.
    pub durable_end: Offset,
    /// What it replayed of the metadata log in this life.
    pub applied: Option<AppliedView>,
    /// The last vote that it granted, to itself or to another; one that it was merely asked for
    /// (KIP-996) is none.
    pub vote: Option<VoteView>,
}

/// A vote that was granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoteView {
    /// The event.
    pub event: u64,
    /// To whom.
    pub candidate: BrokerId,
    /// In which epoch.
    pub leader_epoch: LeaderEpoch,
}

/// A part that a member took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuorumRoleView {
    /// The event.
    pub event: u64,
    /// Since when.
    pub since: Moment,
    /// The part.
    pub role: QuorumRole,
    /// The epoch.
    pub leader_epoch: LeaderEpoch,
    /// The leader it knows.
    pub leader: Option<BrokerId>,
}

/// How far a node replayed the metadata log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppliedView {
    /// The event.
    pub event: u64,
    /// The end, exclusive.
    pub offset: Offset,
    /// Hash of all that was replayed.
    pub digest: ChainHash,
}
