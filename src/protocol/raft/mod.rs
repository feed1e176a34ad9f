//! The metadata quorum (KRaft): voters elect a leader and replicate `__cluster_metadata`,
//! observers copy it.
//!
//! ```text
//!               election timeout           majority would          majority did
//! Unattached ---------------------> Prospective ------> Candidate ------> Leader
//!   ^  ^  |                            |  ^                | timeout         |
//!   |  |  | leader heard of            |  +----------------+                 | no majority
//!   |  |  v                            v                                     | fetches
//!   |  +-- Follower <--- refused, leader known                               v
//!   |         | fetch timeout: Prospective                               Resigned
//!   +---------------------- any higher epoch; Resigned after a timeout ------+
//! ```
//!
//! What must not be forgotten is on the disk before it is acted on: `quorum-state` before a role
//! shows or a vote is answered, the log before the next fetch. See [`Raft`].

mod accumulator;
mod config;
mod effect;
mod election;
mod input;
mod leader;
mod machine;
mod peers;
mod replication;
mod role;
mod rpc;
mod shutdown;
mod timer;
mod transition;
mod votes;

pub use config::RaftConfig;
pub use effect::Effect;
pub use input::Input;
pub use machine::{Published, Raft};
