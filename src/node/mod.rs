//! Processes: machines joined into brokers, controllers and clients, and the port to the world.
#![warn(clippy::wildcard_enum_match_arm)]

mod admin_words;
pub mod application;
mod broker;
mod broker_config;
mod broker_effects;
mod broker_groups;
mod broker_metadata;
mod broker_schedule;
mod broker_shutdown;
mod broker_startup;
mod client;
mod client_config;
mod client_group;
mod controller;
mod controller_config;
mod port;
mod process;
mod quorum;
mod start;

pub use broker::Broker;
pub use broker_config::BrokerConfig;
pub use client::Client;
pub use client_config::ClientConfig;
pub use controller::Controller;
pub use controller_config::ControllerConfig;
pub use port::{GroupTask, Input, Output, Task};
pub use process::Process;
pub use quorum::Quorum;
pub use start::Start;

// What a client's configuration is made of and its makers have to name.
pub use crate::protocol::assignor::Assignor;
pub use crate::protocol::consumer::OffsetReset;
pub use crate::protocol::group::{GroupConfig, Migration};
pub use crate::protocol::member::GroupProtocol;
pub use crate::protocol::producer::Partitioner;
pub use crate::protocol::request::{ConfigRow, ConfigTable};
