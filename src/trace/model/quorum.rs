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
    /// What it has on its disk for sure; only voters say it.
    pub durable_end: Option<Offset>,
    /// What it replayed of the metadata log in this life.
    pub applied: Option<AppliedView>,
    /// The last vote that it granted, to itself or to another; one that it was merely asked for
    /// (KIP-996) is none. Of a process that is down the last one that is on its disk: what it will
    /// know of when it starts again.
    pub vote: Option<VoteView>,
    /// The last vote that is on its disk.
    pub written_vote: Option<VoteView>,
}

impl MemberView {
    /// Notes a vote that was granted.
    pub(crate) fn cast(&mut self, vote: VoteView, forgets_votes: bool) {
        self.vote = Some(vote);
        // With a leader's name a vote is written even by those who else forget it.
        let names_leader = self.role.is_some_and(|role| role.leader.is_some());
        if !forgets_votes || names_leader {
            self.written_vote = Some(vote);
        }
    }

    /// Notes a part that it took, after it was written down.
    pub(crate) fn take_role(&mut self, role: QuorumRoleView) {
        self.role = Some(role);
        let is_of_epoch = |vote: &VoteView| vote.leader_epoch == role.leader_epoch;
        if role.leader.is_some() && self.vote.as_ref().is_some_and(is_of_epoch) {
            self.written_vote = self.vote;
        }
    }

    /// Its process ended: what it knew is gone but for what is on its disk.
    pub(crate) fn stop(&mut self) {
        self.role = None;
        self.applied = None;
        self.vote = self.written_vote;
    }

    /// Its disk is a new one.
    pub(crate) fn forget_disk(&mut self) {
        self.vote = None;
        self.written_vote = None;
        self.durable_end = None;
    }
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
