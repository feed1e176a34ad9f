//! A deterministic simulator of a Kafka cluster.
// The README's example compiles and runs.
#![cfg_attr(all(doctest, madsim), doc = include_str!("../README.md"))]

pub mod check;
pub mod cli;
pub mod event;
pub mod explore;
pub mod history;
pub mod log;
pub mod message;
pub mod node;
pub mod protocol;
pub mod report;
pub mod runtime;
pub mod scenario;
pub mod sim;
pub mod trace;
pub mod types;
