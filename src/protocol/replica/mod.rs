//! One partition on one broker: the replica, leader or follower, with its log.
//!
//! ```text
//!                    metadata: leader = this broker
//!      +------------------------------------------------------+
//!      |                                                      v
//!  unassigned ----> follower <------------------------> leader (leader epoch, its start)
//!      |               ^   \                              |   in-sync set: recorded
//!      |               |    v                             |     | lagging: shrink proposed,
//!      +--------> leaderless <----------------------------+     |   the larger set counts
//!                    metadata: no leader                        | caught up: expansion proposed,
//!                                                               |   the larger set counts
//!                                                               + recorded, or 107, 55: rolled back
//! ```
//!
//! Source: Kafka 4.1, `Partition`, `Replica`, `ReplicaManager.applyDelta`; KIP-101, KIP-279,
//! KIP-320, KIP-497, KIP-595 (truncation on fetch), KIP-841, KIP-903, KIP-966.

mod config;
mod effect;
mod input;

pub use config::ReplicaConfig;
pub use effect::{Effect, ListedOffset};
pub use input::Input;
