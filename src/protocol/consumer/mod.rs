//! The consumer: positions, fetches, resets, and polls that return records in order.

mod config;

pub use config::{ConsumerConfig, OffsetReset};
