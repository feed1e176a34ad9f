//! What the request layer asks of the broker.

use std::sync::Arc;

use crate::event::{About, AckMode, Kind};
use crate::message::{BatchBody, PartitionFetch, Request, RequestBody, Response};
use crate::types::{ConnectionId, LeaderEpoch, Offset, TopicPartition};

/// What the request layer asks of the broker, in order.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// Ask the replica of `partition` on behalf of the request on `connection`.
    ToReplica { connection: ConnectionId, partition: TopicPartition, ask: Ask },
    /// Send `body` to the active controller; the outcome comes back with `token`.
    ToController { token: u64, body: RequestBody },
    /// `request`, which came on `connection`, is the group coordinator's to answer.
    ToGroups { connection: ConnectionId, request: Request },
    /// The request on `connection` is done: send `response`, or nothing (acks=0).
    Answer { connection: ConnectionId, response: Option<Response> },
    /// Close `connection`: acks=0 failed, or the broker does not serve yet.
    Close { connection: ConnectionId },
    /// Record that `kind` happened, in service of `about`.
    Event { kind: Kind, about: About },
}

/// What a replica is asked.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Ask {
    /// Append `body`; say so, and with [`AckMode::All`] say also when it is below the high
    /// watermark.
    Produce { body: Arc<BatchBody>, acks: AckMode },
    /// Nobody waits for the acknowledgement any more.
    AbandonProduce,
    /// Read what `fetch` asks for.
    Read { fetch: PartitionFetch },
    /// The offset for `timestamp` in milliseconds since 1970; -1 latest, -2 earliest.
    ListOffset { leader_epoch: Option<LeaderEpoch>, timestamp: i64, by_follower: bool },
    /// Delete the records below `offset`; none is all below the high watermark.
    DeleteRecords { offset: Option<Offset> },
    /// Where `leader_epoch` ends in the log, for a reader that knows `current_leader_epoch`.
    EpochEnd {
        current_leader_epoch: Option<LeaderEpoch>,
        leader_epoch: LeaderEpoch,
        by_follower: bool,
    },
}
