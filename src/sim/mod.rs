//! The simulated world: queue, hosts, lanes, network, disks, clocks, faults, phases.

mod clock;
mod disk;
mod engine;
mod host;
mod network;
mod process;
mod queue;
mod transport;
mod weather;
mod wire;

pub use engine::{Engine, Physics, Stepped};
pub use host::{HostSetup, HostState, ServiceTimes};
pub use process::{Launch, Process, Start};
pub use weather::Spread;
