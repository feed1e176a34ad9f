//! A partition that is assigned, and where the consumer stands in it.

use crate::types::{BrokerId, LeaderEpoch, Name, Offset, TopicPartition, Wall};

/// A partition that is assigned.
#[derive(Clone, Debug)]
pub(crate) struct Assigned {
    /// The topic's name.
    pub topic: Name,
    /// The partition's number.
    pub number: i32,
    /// The partition as events and fetches name it; `None` until the topic is known.
    pub id: Option<TopicPartition>,
    /// Its leader; `None` while none is known.
    pub leader: Option<BrokerId>,
    /// The leader's epoch.
    pub leader_epoch: Option<LeaderEpoch>,
    /// What the consumer does with it.
    pub state: State,
    /// The next record to return; of no meaning in `State::LookingUp`.
    pub position: Offset,
    /// The epoch of the record before it, if it was read: what tells whether the log has been
    /// truncated since (KIP-320).
    pub offset_epoch: Option<LeaderEpoch>,
    /// Where the last poll began.
    pub polled_from: Option<Offset>,
    /// The lookup or validation of it that is on its way.
    pub asked: Option<Question>,
    /// Whether records of it wait for a poll.
    pub is_buffered: bool,
    /// Nothing is asked of its leader before this.
    pub retry_at: Option<Wall>,
    /// The node whose fetches it is part of.
    pub fetched_from: Option<BrokerId>,
    /// Whether the application wants no records of it for now.
    pub is_paused: bool,
    /// Whether it is about to be revoked: nothing more of it is returned.
    pub is_withheld: bool,
}

/// What a consumer does with a partition.
///
/// Source: Kafka 4.1, `SubscriptionState.FetchStates`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// It asks the leader for an offset: the first (`timestamp` -2), the end (-1), or that of the
    /// first record of some time or later.
    LookingUp { timestamp: i64, by_reset: bool },
    /// It asks the new leader whether the log still holds what was read (KIP-320).
    Validating,
    /// It reads.
    Fetching,
    /// There is no record where it stands, and no policy says where to go on.
    OutOfRange,
    /// It is a group's, and what the group has committed is not known yet.
    Initializing,
    /// It is no longer assigned; slots are not used twice.
    Gone,
}

/// What a leader was asked: an answer to anything else than what is still wanted is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Question {
    /// For an offset.
    Offset { timestamp: i64 },
    /// Whether this position is still within its log.
    Validity { position: Offset, leader_epoch: Option<LeaderEpoch> },
}

/// `ListOffsets` for the first record.
pub(crate) const EARLIEST: i64 = -2;
/// `ListOffsets` for the end.
pub(crate) const LATEST: i64 = -1;

impl Assigned {
    /// A partition of which nothing is known yet.
    pub(crate) fn new(topic: Name, number: i32, state: State) -> Self {
        Self {
            topic,
            number,
            id: None,
            leader: None,
            leader_epoch: None,
            state,
            position: Offset::ZERO,
            offset_epoch: None,
            polled_from: None,
            asked: None,
            is_buffered: false,
            retry_at: None,
            fetched_from: None,
            is_paused: false,
            is_withheld: false,
        }
    }

    /// The node to fetch it from now, if it can be fetched.
    pub(crate) fn fetch_from(&self) -> Option<BrokerId> {
        let can = self.state == State::Fetching
            && !self.is_buffered
            && self.id.is_some()
            && !self.is_paused
            && !self.is_withheld
            && self.retry_at.is_none();
        self.leader.filter(|_| can)
    }

    /// Whether it would go on if a leader were known.
    pub(crate) fn wants_leader(&self) -> bool {
        let reads = self.state == State::Fetching && !self.is_paused && !self.is_withheld;
        self.leader.is_none() && (reads || self.question().is_some())
    }

    /// The node to ask for an offset now, if one is wanted.
    pub(crate) fn ask(&self) -> Option<BrokerId> {
        let can = self.asked.is_none() && self.retry_at.is_none();
        self.leader.filter(|_| can && self.question().is_some())
    }

    /// What the leader must be asked before anything is fetched.
    pub(crate) fn question(&self) -> Option<Question> {
        match self.state {
            State::LookingUp { timestamp, .. } => Some(Question::Offset { timestamp }),
            State::Validating => Some(Question::Validity {
                position: self.position,
                leader_epoch: self.leader_epoch,
            }),
            State::Fetching | State::OutOfRange | State::Initializing | State::Gone => None,
        }
    }
}
