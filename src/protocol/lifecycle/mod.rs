//! A broker's life as the controller sees it: registration, heartbeats, shutdown.
//!
//! ```text
//!   NOT_RUNNING ──start──► STARTING ──the controller says caught up──► RECOVERY
//!        registers, until a broker epoch is granted;                      │ unfenced
//!        heartbeats with want_fence until the node is ready               ▼
//!   SHUTTING_DOWN ◄──should_shut_down── PENDING_CONTROLLED_SHUTDOWN ◄── RUNNING
//! ```
//!
//! The broker epoch lasts as long as the process: fencing does not change it. One call is under
//! way at a time; a failure is followed by a growing back-off.

mod config;
mod effect;
mod input;
mod machine;
mod state;

pub use config::LifecycleConfig;
pub use effect::Effect;
pub use input::{Input, Unreached};
pub use machine::Lifecycle;
pub use state::BrokerState;
