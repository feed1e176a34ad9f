//! What a log asks of the world.

use crate::event::Kind;
use crate::message::{Checkpoint, DiskOperation, FileName};

/// What follows from a call on a log, in order. Its owner wraps it in an effect of its own.
#[derive(Clone, PartialEq, Debug)]
pub enum LogEffect {
    /// Carry out this operation.
    ///
    /// A log takes it as done when it has asked for it: operations are carried out in order, so
    /// whatever is asked for later, such as a checkpoint of the recovery point, comes after it.
    Disk(DiskOperation),
    /// Record that this happened.
    Event(Kind),
}

impl LogEffect {
    /// Replace a checkpoint; the lane waits for it when `blocking`.
    pub(super) fn write(file: FileName, content: Checkpoint, blocking: bool) -> Self {
        Self::Disk(DiskOperation::Write { file, content, ticket: None, blocking })
    }
}
