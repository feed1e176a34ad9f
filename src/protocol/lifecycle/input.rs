//! What can happen to a broker's lifecycle.

use crate::message::ResponseBody;
use crate::types::Offset;

/// What can happen to a broker's lifecycle.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// The process starts: register.
    Start,
    /// The controller answered the call `token`, or could not be reached (`Err`).
    Answered { token: u64, result: Result<ResponseBody, Unreached> },
    /// The broker has replayed the metadata log up to and with `last`.
    MetadataApplied { last: Offset },
    /// The broker can serve: it asks to be unfenced.
    ReadyToUnfence,
    /// The process was asked to end: the controller shall move its leaderships first.
    BeginControlledShutdown,
    /// An instant of [`deadlines`](crate::protocol::Machine::deadlines) is here, or was.
    Deadline,
}

/// The controller did not answer: unknown, not connected, disconnected, or too slow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreached;
