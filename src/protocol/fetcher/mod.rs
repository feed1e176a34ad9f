//! How a broker copies the partitions that one other broker leads: one fetch request at a time for
//! all of them, in a fetch session (KIP-227).
//!
//! ```text
//!            Add                 Response              all Positions are back
//!   asleep -------> in flight -------------> handing over ---------------------> in flight
//!      ^                                          |
//!      +-- nothing to ask: all delayed or gone ---+
//!
//!   a partition:  ready --- error other than 1 and 74 ---> delayed for 1 s ---> ready
//!                   |  \--- OFFSET_OUT_OF_RANGE ---> ListOffsets (latest, earliest) ---> ready
//!                   \------ FENCED_LEADER_EPOCH ---> gone, until metadata brings a new epoch
//! ```
//!
//! With defects that bring back the eras before 2.7 a partition is asked for its last epoch's end
//! before it is fetched (`truncating.rs`).
//!
//! An answer counts for a partition only if the offset and the leader epoch that were asked for
//! are still those of the partition (KAFKA-18723).
//!
//! Source: Kafka 4.1, `AbstractFetcherThread`, `RemoteLeaderEndPoint`, `FetchSessionHandler`.

mod config;
mod effect;
mod input;
mod machine;
mod session;
mod truncating;

pub use config::FetcherConfig;
pub use effect::Effect;
pub use input::Input;
pub use machine::Fetcher;
