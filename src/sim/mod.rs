//! The simulated world: queue, hosts, lanes, network, disks, clocks, faults, phases.

mod cast;
mod cast_servers;
mod clock;
mod device;
mod disk;
mod engine;
mod host;
mod injector;
mod injector_trouble;
mod network;
mod process;
mod queue;
mod settled;
mod transport;
mod trouble;
mod weather;
mod wire;
mod world;

pub use cast::{Cast, Program};
pub use device::DeviceSetup;
pub use engine::{Engine, Physics, Stepped};
pub use host::{HostSetup, HostState, ServiceTimes};
pub use process::{Launch, Process};
pub use weather::Spread;
pub use world::{Exposure, Options, Progress, Sink, World};

// What applications outside say to their clients, for drivers, which know no messages.
pub use crate::message::{AdminCall, AppCall, AppError, AppReply, PolledBatch, SeekTo, SendRecord};
pub use crate::trace::Model;
