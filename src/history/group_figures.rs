//! What is told of consumer groups: how long nobody owned a partition, what was processed again and
//! why, how far behind a group is.

use std::time::Duration;

use crate::event::GroupProtocol;
use crate::history::group_members::{FailedMember, FailedPolls, OverdueMember};
use crate::types::{HostId, Moment, Offset};

/// Figures of a group. Times count from time zero until healing begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupFigures {
    /// The group.
    pub name: String,
    /// Its protocol, once it has had a generation.
    pub protocol: Option<GroupProtocol>,
    /// Each generation (classic) or epoch (KIP-848) that began.
    pub epochs: Vec<GroupEpochFigures>,
    /// The last of them, before time zero and after healing too.
    pub epoch: Option<i32>,
    /// How many members its coordinator counts at the end.
    pub members: u32,
    /// By topic and partition.
    pub partitions: Vec<GroupPartitionFigures>,
    /// Records of clients that its applications have processed, each counted once.
    pub processed: u64,
    /// Records that were processed again, by what made it so.
    pub again: Vec<ProcessedAgain>,
    /// Members that can never be members again, and do nothing.
    pub failed: Vec<FailedMember>,
    /// Polls of its members that failed.
    pub failed_polls: Vec<FailedPolls>,
    /// Members that left because their applications did not poll in time.
    pub overdue: Vec<OverdueMember>,
}

/// A generation or epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupEpochFigures {
    /// When it began.
    pub at: Moment,
    /// Its number.
    pub epoch: i32,
    /// The protocol of the group in it.
    pub protocol: GroupProtocol,
    /// How many members it has.
    pub members: u32,
    /// How long partitions were unowned until somebody took them in it, all together.
    pub unowned: Duration,
    /// The longest of these times.
    pub longest_unowned: Duration,
}

impl GroupEpochFigures {
    /// One that has just begun.
    pub(in crate::history) fn new(
        at: Moment,
        epoch: i32,
        protocol: GroupProtocol,
        members: u32,
    ) -> Self {
        let (unowned, longest_unowned) = Default::default();
        Self { at, epoch, protocol, members, unowned, longest_unowned }
    }
}

/// What a group has to do with a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupPartitionFigures {
    /// Topic and number.
    pub name: String,
    /// Who owned it, and from when until when, as the members themselves believed.
    pub stints: Vec<Stint>,
    /// How long it waited for its first owner, from when the group's first member began, or the
    /// partition was made, if that was later; `None` if it never had one.
    pub waited: Option<Duration>,
    /// How long nobody owned it, after somebody first did. A member that its coordinator has
    /// expelled, or that has left, owns nothing any more, whatever it believes and does, unless a
    /// later coordinator finds it in its log.
    pub unowned: Duration,
    /// The longest time in a row.
    pub longest_unowned: Duration,
    /// When that began.
    pub longest_unowned_at: Option<Moment>,
    /// Where the group has committed.
    pub committed: Option<Offset>,
    /// The high watermark.
    pub end: Option<Offset>,
    /// Records below the high watermark and not committed, at the end.
    pub lag: u64,
    /// The most there ever were when a commit came.
    pub largest_lag: u64,
    /// Records of clients that the group has committed and that nobody has processed, nor will.
    pub unprocessed: u64,
    /// Records that `auto.offset.reset` led the group past; nobody has processed them.
    pub passed_over: u64,
    /// When its topic was deleted.
    pub removed: Option<Moment>,
}

/// The time for which a member owned a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stint<Host = String> {
    /// The member's host.
    pub owner: Host,
    /// The generation or epoch in which it took it.
    pub epoch: i32,
    /// When it took it.
    pub from: Moment,
    /// When it gave it up, or ended.
    pub until: Option<Moment>,
    /// When its coordinator ceased to count it as a member, if it still believed that it is one.
    pub expelled: Option<Moment>,
}

/// Records that were processed again by an owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ProcessedAgain {
    /// The generation or epoch in which that owner took the partition; -1 if it owned none.
    pub epoch: i32,
    /// What became of the owner before, or of the group's offset.
    pub because: AgainBecause,
    /// How many.
    pub records: u64,
}

/// What became of the owner before the one that processes again, or of the offset at which it
/// should have begun.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AgainBecause {
    /// The partition was revoked.
    Revoked,
    /// It was lost: the member was expelled, or could not know.
    Lost,
    /// It was closed.
    Closed,
    /// Its process ended without it.
    Ended,
    /// It still believes that it owns the partition, or this one does without right.
    Both,
    /// There was none, or it is the same: it was led back to an older offset.
    Same,
    /// The group's offset had expired (offsets.retention.minutes).
    OffsetExpired,
    /// An administrator had deleted it.
    OffsetDeleted,
    /// An administrator had deleted the group.
    GroupDeleted,
    /// An administrator had committed another.
    OffsetAltered,
    /// It was committed, and the coordinator told none, or an older one.
    OffsetLost,
}

impl AgainBecause {
    /// In words, of the owner before.
    pub fn name(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Lost => "lost",
            Self::Closed => "closed",
            Self::Ended => "process ended",
            Self::Both => "owned by both",
            Self::Same => "same owner",
            Self::OffsetExpired => "offset expired",
            Self::OffsetDeleted => "offset deleted",
            Self::GroupDeleted => "group deleted",
            Self::OffsetAltered => "offset altered",
            Self::OffsetLost => "offset lost",
        }
    }
}

impl Stint<HostId> {
    /// With the host's name.
    pub(in crate::history) fn named(&self, host_name: &dyn Fn(HostId) -> String) -> Stint {
        let Self { owner, epoch, from, until, expelled } = *self;
        Stint { owner: host_name(owner), epoch, from, until, expelled }
    }
}

impl GroupFigures {
    /// A group of which nothing is known.
    pub fn unknown(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            protocol: None,
            epochs: Vec::new(),
            epoch: None,
            members: 0,
            partitions: Vec::new(),
            processed: 0,
            again: Vec::new(),
            failed: Vec::new(),
            failed_polls: Vec::new(),
            overdue: Vec::new(),
        }
    }

    /// The longest time in which nobody owned one partition; of equal ones the first by name.
    pub fn longest_unowned(&self) -> Option<&GroupPartitionFigures> {
        let some = self.partitions.iter().filter(|it| !it.longest_unowned.is_zero());
        some.reduce(|most, it| if it.longest_unowned > most.longest_unowned { it } else { most })
    }

    /// How long partitions waited for their first owners, all together.
    pub fn waited(&self) -> Duration {
        self.partitions.iter().filter_map(|it| it.waited).sum()
    }

    /// How long partitions were unowned after they had first had an owner, all together.
    pub fn unowned(&self) -> Duration {
        self.partitions.iter().map(|it| it.unowned).sum()
    }

    /// Records processed again.
    pub fn processed_again(&self) -> u64 {
        self.again.iter().map(|again| again.records).sum()
    }

    /// Records that are committed and that nobody has processed, nor will.
    pub fn unprocessed(&self) -> u64 {
        self.partitions.iter().map(|it| it.unprocessed).sum()
    }

    /// Records that `auto.offset.reset` led the group past.
    pub fn passed_over(&self) -> u64 {
        self.partitions.iter().map(|it| it.passed_over).sum()
    }

    /// Records below the high watermarks and not committed.
    pub fn lag(&self) -> u64 {
        self.partitions.iter().map(|it| it.lag).sum()
    }
}
