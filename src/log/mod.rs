//! A partition's log as a data structure: synchronous, owned by value by a replica or by raft.
//!
//! A log performs no I/O. What must reach the disk leaves as disk operations, what is worth
//! recording as events, both in the order in which they happened (`effect.rs`). The log's own
//! picture is what the process would find in its page cache; what the disk still has after a crash
//! comes back as an image, and recovery (`recovery.rs`) makes a log of it.
//!
//! Cloning a log is cheap: batches lie in chunks behind `Arc`, and so does what is known of
//! producers; a clone copies a chunk when it first changes it.

mod append;
mod audit;
mod batches;
mod checkpoint;
mod config;
mod effect;
mod epoch_cache;
mod flush;
#[expect(clippy::module_inception, reason = "the file bears the name of its type")]
mod log;
mod producer_state;
mod read;
mod recovery;
mod retention;
mod segment;
mod truncation;

pub use append::{AppendError, Appended, FollowerAppendError, SequenceCheck};
pub use checkpoint::{checkpointed_offset, partitions_on};
pub use config::LogConfig;
pub use effect::LogEffect;
pub use log::Log;
pub use producer_state::SequenceError;
