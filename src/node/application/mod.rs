//! Built-in applications: machines that call their client and take its replies.

mod config;

pub use config::{
    ApplicationConfig, ConsumerWorkload, ProbeWorkload, ProducerWorkload, TopicCreation,
};
