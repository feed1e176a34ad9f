//! Processes: machines joined into brokers, controllers and clients, and the port to the world.
#![warn(clippy::wildcard_enum_match_arm)]

mod port;

pub use port::{Input, Output, Task};
