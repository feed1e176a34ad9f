//! Properties of the metadata quorum.

mod quorum_stable;
mod raft_committed_prefix;
mod raft_election_safety;
mod raft_log_matching;
mod raft_vote_once;

pub(crate) use quorum_stable::QuorumStable;
pub(crate) use raft_committed_prefix::RaftCommittedPrefix;
pub(crate) use raft_election_safety::RaftElectionSafety;
pub(crate) use raft_log_matching::RaftLogMatching;
pub(crate) use raft_vote_once::RaftVoteOnce;
