//! The protocols as state machines without I/O: inputs in, effects out, nothing else.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod admin;
pub mod alter_partition;
pub mod assignor;
pub mod cluster;
pub mod connection;
pub mod consumer;
pub mod controller;
pub mod fetcher;
pub mod group;
pub mod image;
pub mod lifecycle;
mod machine;
pub mod member;
pub mod producer;
pub mod raft;
pub mod replica;
pub mod request;

pub use machine::Machine;
