//! One event: when, where, why, what.

use crate::event::kind::Kind;
use crate::types::{ConnectionId, HostId, Moment, OperationId};

/// A fact recorded in a step.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its place in the trace, from 0.
    pub index: u64,
    /// When, on the world's time.
    pub at: Moment,
    /// The host whose step recorded it; `None` for the world itself.
    pub host: Option<HostId>,
    /// The step's name, which stays when something elsewhere is removed.
    pub step: StepName,
    /// What led here: for the first event of a step, the event whose step scheduled it (for a
    /// deadline, the step that set it); for every other, the first event of its own step.
    pub cause: Option<u64>,
    /// The request or operation that it serves: the event with which that began.
    pub about: Option<u64>,
    /// What happened.
    pub kind: Kind,
}

/// A step's name: its lane of the queue, and its place among the steps of this lane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StepName {
    /// Hash of (kind, target, origin, connection purpose).
    pub lane: u64,
    /// Counts the steps of this lane, from 0.
    pub n: u64,
}

/// How a machine says what an event is about; the world knows the event that began it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum About {
    /// Nothing in particular.
    #[default]
    Nothing,
    /// The request that is being served on this connection: one at a time, so no number is needed.
    Request(ConnectionId),
    /// The client's operation.
    Operation(OperationId),
}
