//! What the engine asks of a process, Kafka's or a test's.

use std::fmt::Debug;

use crate::event::Kind;
use crate::message::{DiskError, DiskImage};
use crate::node::{Input, Output, Start};
use crate::types::{Deadlines, Lane, Now};

/// A process that lives on a simulated host.
pub trait Process: Clone + Debug {
    /// Takes one input on one of its lanes and says what follows, in order.
    fn step(&mut self, lane: Lane, now: Now, input: Input, out: &mut Vec<Output>);

    /// The lane that takes `input`; `Lane::Request(0)` means any request handler.
    fn lane(&self, input: &Input) -> Lane;

    /// What the lanes wait for, each named once; one whose deadlines have not moved since the
    /// last call may be left out.
    fn moved_deadlines(&mut self, out: &mut Vec<(Lane, Deadlines)>) {
        self.deadlines(out);
    }

    /// What every lane waits for; with debug assertions the engine holds `moved_deadlines` to it.
    fn deadlines(&self, out: &mut Vec<(Lane, Deadlines)>);

    /// What a write to the disk will be told from here on: a system call that fails does so before
    /// the process goes on, so it must know beforehand what the call will say.
    fn set_storage(&mut self, error: Option<DiskError>) {
        let _ = error;
    }

    /// What the real state is, told at the audit.
    fn audit(&self, out: &mut Vec<Kind>);
}

/// How to start a process: its program and configuration.
pub trait Launch: Clone + Debug {
    /// The process.
    type Process: Process;

    /// Starts it on what its disk holds.
    fn start(
        &self,
        disk: DiskImage,
        start: Start,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Self::Process;

    /// How many request handlers it has (`num.io.threads`).
    fn request_handlers(&self) -> usize;

    /// How many network threads it has, and how many requests its queue holds
    /// (`num.network.threads`, `queued.max.requests`); `None` for no bound.
    fn request_queue(&self) -> Option<(usize, u32)> {
        None
    }
}
