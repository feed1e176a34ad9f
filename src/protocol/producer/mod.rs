//! The producer: records become batches, batches become requests, answers become outcomes.
//!
//! ```text
//!          Send                linger, full, flush           acks
//!  record ------> open batch ----------------------> sent ----------> done
//!                     |                              |  ^
//!                     | delivery timeout      error, |  | back-off,
//!                     v                         lost v  | new leader
//!                  not sent                        queue ---------> failed or unknown
//!                                                    delivery timeout, no retry
//! ```
//!
//! A batch ends as `ok`, `failed` (it is in no log) or `unknown`: some attempt of it was lost or
//! timed out, or was answered by an error that may come after the append.

mod answer;
mod append;
mod batch;
mod config;
mod drain;
mod effect;
mod identity;
mod input;
mod machine;
mod outcome;
mod partition;
mod partitioner;

pub use config::{Partitioner, ProducerConfig};
pub use effect::Effect;
pub use input::Input;
pub use machine::Producer;
pub use partitioner::{murmur2, partition_for_key};
