//! Properties of the metadata quorum.

mod quorum_stable;
mod raft_committed_prefix;
mod raft_election_safety;
mod raft_log_matching;
mod raft_vote_once;

pub use quorum_stable::QuorumStable;
pub use raft_committed_prefix::RaftCommittedPrefix;
pub use raft_election_safety::RaftElectionSafety;
pub use raft_log_matching::RaftLogMatching;
pub use raft_vote_once::RaftVoteOnce;
