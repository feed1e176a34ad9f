//! The protocols as state machines without I/O: inputs in, effects out, nothing else.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod connection;
pub mod controller;
pub mod image;
mod machine;

pub use machine::Machine;
