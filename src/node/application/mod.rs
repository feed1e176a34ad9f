//! Built-in applications: machines that call their client and take its replies.

mod config;
mod consumer;
mod creator;
mod input;
mod machine;
mod probe;
mod producer;

pub use config::{
    ApplicationConfig, ConsumerWorkload, ProbeWorkload, ProducerWorkload, TopicCreation,
};
pub(crate) use input::{Effect, Input};
pub(crate) use machine::Application;
