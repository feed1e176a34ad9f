//! The producer: records become batches, batches become requests, answers become outcomes.

mod config;

pub use config::ProducerConfig;
