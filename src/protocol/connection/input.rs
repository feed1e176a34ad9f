//! What can happen to connections.

use std::time::Duration;

use crate::event::ClosedBecause;
use crate::message::{Batch, RequestBody, Response};
use crate::types::{BrokerId, ConnectionId};

/// What can happen to connections.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// Send `body` with its `records` to the node `to`, and wait for the answer for `timeout`, or
    /// the configured `request.timeout.ms`; when it `expects_answer` exactly one
    /// `Effect::Completed` with `token` follows, perhaps in this step. When it does not (acks=0),
    /// one follows only if it was never transmitted.
    Send {
        token: u64,
        to: BrokerId,
        body: RequestBody,
        records: Vec<Vec<Batch>>,
        timeout: Option<Duration>,
        expects_answer: bool,
    },
    /// Connect to the node `to` as soon as its back-off allows; `Effect::Opened` or
    /// `Effect::Lost` follows. Nothing happens when there is a connection, or one is being made.
    Open { to: BrokerId },
    /// `connection` stands.
    Connected { connection: ConnectionId },
    /// `connection` is gone, `because` of this.
    Disconnected { connection: ConnectionId, because: ClosedBecause },
    /// A `response` came on `connection`.
    Response { connection: ConnectionId, response: Response },
    /// Close the connection to `to`, if any, fail what is in flight, forget its back-off.
    Forget { to: BrokerId },
    /// The instant that `deadlines` named is here, or was.
    Deadline,
}
