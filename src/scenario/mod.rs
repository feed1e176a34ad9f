//! What is to be simulated, as data: the plan, the file that it is read from, Kafka's
//! configuration keys, and the generator of random faults.
//!
//! A file is read in two stages (`decode`): a tree that knows its places, then our own decoder,
//! which gathers every mistake with its line and what would be right.

mod config;
mod config_key;
mod config_keys;
mod config_keys_coordinator;
mod config_keys_member;
mod decode;
mod decode_admin;
mod decode_config;
mod decode_fault;
mod decode_fault_disk;
mod decode_group;
mod decode_network;
mod document;
mod fault_words;
mod file_error;
mod file_keys;
mod generate;
mod generate_members;
mod hardware;
mod idle;
mod known;
mod plan;
mod plan_admin;
mod plan_group;
mod properties;
mod schema;
mod schema_form;
mod server_properties;
mod set;
mod source;
mod table;
mod target;
mod units;

pub use config::{Config, ConfigSource, Setting, Value, WordList};
pub use config_keys::{ConfigKey, Kind, Scope};
pub use decode::{Vocabulary, decode};
pub use document::fill;
pub use file_error::{FileError, FileErrors};
pub use file_keys::{FileKey, SECTIONS, Section};
pub use generate::{generate, never_drawn, numbered};
pub use hardware::{ClockPlan, DiskOperations, DiskPlan};
pub use plan::{
    BrokerPlan, Budget, ClaimPlan, ClientGroupPlan, ClientPlan, ClusterPlan, ConsumerPlan,
    ControllerPlan, CrashKeep, Direction, Fault, FaultPlan, Keys, Latency, LinkPlan, Milestone,
    NetworkPlan, Plan, ProducerPlan, Profile, RandomFaults, Rate, ReadFrom, Release, ServicePlan,
    Shape, Slower, TopicPlan, Trigger, Values,
};
pub use plan_admin::{AdminAction, AdminPlan, AdminResource};
pub use plan_group::{CommitPlan, DeployPlan, GroupPlan, PausePlan, ScalePlan};
pub use schema::schema;
pub use server_properties::embed;
pub use source::{ChangeError, ChangeErrors, Scenario, ScenarioError};
pub use target::{PartitionName, Target};
pub use units::{read_duration, show_duration};
