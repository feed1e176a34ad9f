//! The consumer: positions, fetches, resets, and polls that return records in order.
//!
//! ```text
//!   assign, seek to an offset
//!       |                        new leader, epoch of the last record known
//!       v                      ------------------------------------------>
//!    fetching <----------------                                          validating
//!     ^    |      it is there, or the first offset where it diverges         |
//!     |    | out of range                                                    | nothing in common
//!     |    v                                                                 v
//!   looking up <-------------------------------------------------------------+
//!     (first offset or end, asked of the leader; without a policy: out of range)
//! ```

mod config;
mod effect;
mod fetch;
mod group;
mod input;
mod lookup;
mod machine;
mod poll;
mod position;
mod session;

pub use config::{ConsumerConfig, OffsetReset};
pub use effect::Effect;
pub use input::Input;
pub use machine::Consumer;
