//! The part that a voter or observer plays in an epoch.

use crate::protocol::raft::leader::LeaderState;
use crate::protocol::raft::timer::Timer;
use crate::protocol::raft::votes::Votes;
use crate::types::{BrokerId, BrokerSet};

/// A role, with all that is forgotten when it ends.
///
/// Source: Kafka 4.1, `EpochState` and its classes.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// It follows nobody: it knows no leader, or only its name. It may have `voted` in this
    /// epoch. A voter stands when `election` is up; an observer has no such timer.
    Unattached { leader: Option<BrokerId>, voted: Option<BrokerId>, election: Option<Timer> },
    /// It asks the others whether they would vote for it (KIP-996), in the epoch in which it knew
    /// `leader` and `voted`.
    Prospective {
        leader: Option<BrokerId>,
        voted: Option<BrokerId>,
        election: Timer,
        /// Promises, which bind nobody.
        votes: Votes,
    },
    /// It has voted for itself and asks for votes.
    Candidate { election: Timer, votes: Votes },
    /// It leads.
    Leader(Box<LeaderState>),
    /// It follows `leader`; the fetch timeout is `fetch`, and `has_fetched` whether the leader
    /// has answered one yet.
    Follower { leader: BrokerId, voted: Option<BrokerId>, fetch: Timer, has_fetched: bool },
    /// It led this epoch, gave up, and tells those who have not acknowledged it so; the best
    /// `successors` first.
    Resigned { election: Timer, unacknowledged: BrokerSet, successors: Vec<BrokerId> },
}
