//! The simulated world: queue, hosts, lanes, network, disks, clocks, faults, phases.

mod admin_desk;
mod cast;
mod cast_admin;
mod cast_group;
mod cast_servers;
mod clock;
mod device;
mod disk;
mod engine;
mod host;
mod injector;
mod injector_trouble;
mod link;
mod network;
mod network_faults;
mod network_threads;
mod process;
mod queue;
mod rolling_restart;
mod service;
mod settled;
mod shape;
mod stopping;
mod transport;
mod trouble;
mod weather;
mod wire;
mod world;

pub use cast::{Cast, Program};
pub use device::DeviceSetup;
pub use engine::{Engine, Physics, Stepped};
pub use host::{HostSetup, HostState};
pub use link::{LinkFault, LinkPhysics};
pub use process::{Launch, Process};
pub use service::ServiceTimes;
pub use weather::Spread;
pub use world::{Exposure, Options, Progress, Sink, World};

// What applications outside say to their clients, for drivers, which know no messages.
pub use crate::message::{
    AdminCall, AdminReply, AppCall, AppError, AppReply, BrokerDescription, ClusterDescription,
    ConfigEntry, ConfigResource, Election, GroupDescription, GroupListing, GroupListings,
    GroupMemberDescription, PartitionDescription, PartitionOffset, PolledBatch, RebalanceCallback,
    SeekTo, SendRecord, TopicDescription, ValueSource,
};
pub use crate::trace::Model;
