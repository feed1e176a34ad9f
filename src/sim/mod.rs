//! The simulated world: queue, hosts, lanes, network, disks, clocks, faults, phases.

mod admin_desk;
mod cast;
mod cast_admin;
mod cast_servers;
mod clock;
mod disk;
mod engine;
mod host;
mod injector;
mod network;
mod process;
mod queue;
mod settled;
mod transport;
mod weather;
mod wire;
mod world;

pub use cast::{Cast, Program};
pub use engine::{Engine, Physics, Stepped};
pub use host::{HostSetup, HostState, ServiceTimes};
pub use process::{Launch, Process};
pub use weather::Spread;
pub use world::{Exposure, Options, Progress, Sink, World};

// What applications outside say to their clients, for drivers, which know no messages.
pub use crate::message::{
    AdminCall, AdminReply, AppCall, AppError, AppReply, BrokerDescription, ClusterDescription,
    ConfigEntry, ConfigResource, Election, PartitionDescription, PolledBatch, SeekTo, SendRecord,
    TopicDescription, ValueSource,
};
pub use crate::trace::Model;
