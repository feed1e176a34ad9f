//! Processes: machines joined into brokers, controllers and clients, and the port to the world.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod application;
mod client;
mod client_config;
mod port;
mod start;

pub use client::Client;
pub use client_config::ClientConfig;
pub use port::{Input, Output, Task};
pub use start::Start;
