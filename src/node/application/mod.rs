//! Built-in applications: machines that call their client and take its replies.

mod config;
mod consumer;
mod creator;
mod group;
mod input;
mod machine;
mod probe;
mod producer;

pub use config::{
    ApplicationConfig, Begin, CommitMode, ConsumerWorkload, GroupWorkload, Pause, ProbeWorkload,
    ProducerWorkload, TopicCreation, ValueForm,
};
pub(crate) use input::{Effect, Input};
pub(crate) use machine::Application;
