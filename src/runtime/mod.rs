//! Drivers of a world: the only folder that names madsim.
//!
//! The *free* driver runs the loop as fast as it goes, in one madsim task of a fresh runtime, or,
//! built without `--cfg madsim`, just so. The *coupled* driver waits for each step on madsim's
//! clock, so that applications written with `async` live beside the simulated cluster. A scenario
//! has the same fingerprint under each.

#[cfg(madsim)]
mod client;
#[cfg(madsim)]
mod client_group;
#[cfg(madsim)]
mod coupled;
mod free;
#[cfg(madsim)]
mod gate;

#[cfg(madsim)]
pub use client::{Client, ClientError, Polled, Sent};
#[cfg(madsim)]
pub use client_group::PollEvent;
#[cfg(madsim)]
pub use coupled::Coupled;
pub use free::{Crashed, is_plain_build, run_free};
