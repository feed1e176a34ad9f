//! The contract of every protocol state machine.

use std::fmt::Debug;

use crate::types::{Deadlines, Now};

/// A protocol state machine: inputs in, effects out, nothing else.
///
/// A machine performs no I/O, reads no clock and asks for no entropy. Time comes in with [`Now`];
/// randomness comes in as a seeded stream when the machine is made. The same inputs in the same
/// order therefore give the same effects in the same order.
///
/// After each [`step`](Self::step) the caller carries out the effects in order, and calls again
/// when the next message arrives, a disk write completes, or [`deadlines`](Self::deadlines) passes.
pub trait Machine: Clone + Debug {
    /// Everything that can happen to the machine.
    type Input: Debug;
    /// Everything that the machine can ask of the world.
    type Effect: Debug;

    /// Takes one input and appends what follows from it to `effects`.
    fn step(&mut self, now: Now, input: Self::Input, effects: &mut Vec<Self::Effect>);

    /// When the machine next wants an input even if nothing else happens. Must cost O(1) or
    /// O(log n): it is asked after every step.
    fn deadlines(&self) -> Deadlines;
}
