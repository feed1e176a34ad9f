//! The controller: the state machine that decides on registrations, in-sync sets, leaders, topics.
//!
//! ```text
//!            committed batches              Claimed                    request / deadline
//!   standby ------------------> standby ------------> active ----------------------------> active
//!      ^                                                |   records: applied at once, appended as
//!      +------------------------------------------------+   one batch, answered when committed
//!                 Resigned: pending answers fail with NOT_CONTROLLER,
//!                 what is not committed is forgotten
//! ```
//!
//! Every decision is taken on the uncommitted image, which the active controller keeps beside the
//! committed one; nothing of it is told to anybody before it is committed.

mod committed;
mod config;
mod configs;
mod effect;
mod elect_leaders;
mod election;
mod heartbeats;
mod input;
mod machine;
mod partitions;
mod placement;
mod refusal;
mod replicas;
mod sessions;
mod state;
mod topics;
mod unregister;

pub use config::Config;
pub use effect::Effect;
pub use input::Input;
pub use machine::Controller;
