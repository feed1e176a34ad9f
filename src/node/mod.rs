//! Processes: machines joined into brokers, controllers and clients, and the port to the world.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod application;
mod client;
mod broker;
mod broker_config;
mod broker_effects;
mod broker_metadata;
mod broker_schedule;
mod broker_startup;
mod client_config;
mod port;
mod process;
mod start;

pub use client::Client;
pub use broker::Broker;
pub use broker_config::BrokerConfig;
pub use client_config::ClientConfig;
pub use port::{Input, Output, Task};
pub use process::Process;
pub use start::Start;
