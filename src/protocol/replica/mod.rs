//! One partition on one broker: the replica, leader or follower, with its log.
//!
//! ```text
//!                  metadata: the leader is this broker
//!  unassigned ---> follower <------------------------> leader
//!           \         ^                                  ^
//!            \        v                                  |
//!             +--> leaderless <--------------------------+
//!
//!  a leader's in-sync set:  recorded --- a follower lags: shrink proposed ------> pending
//!                               ^   \--- one caught up: expansion proposed ---->    |
//!                               +--- the controller recorded it; 107, 55: undone ---+
//! ```
//!
//! While a change is pending the leader counts on the larger of the two sets: it cannot know which
//! one the controller would elect from (KIP-497).
//!
//! Source: Kafka 4.1, `Partition`, `Replica`, `ReplicaManager.applyDelta`; KIP-101, KIP-279,
//! KIP-320, KIP-497, KIP-595 (truncation on fetch), KIP-841, KIP-903, KIP-966.

mod config;
mod deleting;
mod effect;
mod follower_state;
mod following;
mod foreign;
mod in_sync;
mod input;
mod leading;
mod machine;
mod membership;
mod serving;
mod truncating;

pub use config::ReplicaConfig;
pub use effect::{Effect, ListedOffset, LowWatermark};
pub use input::Input;
pub use machine::Replica;
