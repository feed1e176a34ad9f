//! What is to be simulated, as data: the plan, the file that it is read from, Kafka's
//! configuration keys, and the generator of random faults.

mod config;
mod config_keys;
mod plan;
mod target;

pub use config::{Config, ConfigSource, Setting, Value};
pub use config_keys::{ConfigKey, KEYS, Kind, Scope};
pub use plan::{
    BrokerPlan, Budget, ClaimPlan, ClientPlan, ClusterPlan, ConsumerPlan, ControllerPlan,
    CrashKeep, Direction, Expectation, Fault, FaultPlan, Keys, Latency, LinkPlan, Milestone,
    NetworkPlan, Plan, ProducerPlan, Profile, RandomFaults, Rate, ReadFrom, Release, TopicPlan,
    Trigger,
};
pub use target::{PartitionName, Target};
