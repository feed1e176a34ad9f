//! What the group coordinator asks of the broker.

use std::sync::Arc;

use crate::event::{About, Kind};
use crate::message::{BatchBody, RequestBody, Response};
use crate::types::{ConnectionId, LeaderEpoch, Offset, TopicPartition};

/// What the group coordinator asks of the broker, in order.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// The request on `connection` is done: send `response`.
    Answer { connection: ConnectionId, response: Response },
    /// Append `body` to `partition` as its leader; `Input::Appended` is to follow at once, before
    /// any other input about this partition.
    Append { partition: TopicPartition, body: Arc<BatchBody> },
    /// Read the log of `partition` from `from` on, up to its end, about `max_bytes` of it; `from`
    /// none is its start. `Input::Read` follows.
    Load {
        partition: TopicPartition,
        leader_epoch: LeaderEpoch,
        from: Option<Offset>,
        max_bytes: u32,
    },
    /// Send `body` to the active controller; the outcome comes back with `token`.
    ToController { token: u64, body: RequestBody },
    /// Record that `kind` happened, in service of `about`.
    Event { kind: Kind, about: About },
}
