//! What a member asks for.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::event::{About, Kind};
use crate::message::{AppReply, PartitionOffset, RequestBody};
use crate::protocol::assignor::Place;
use crate::types::{BrokerId, CallToken, Name};

/// What a member asks of its process.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// Send `body` to the coordinator `to` on a connection kept for it, and wait for the answer
    /// for `timeout` or `request.timeout.ms`; `Input::Completed` with `token` follows.
    Send { token: u64, to: BrokerId, body: RequestBody, timeout: Option<Duration> },
    /// Send `body` to any broker; `Input::Completed` with `token` follows.
    SendToAny { token: u64, body: RequestBody },
    /// Close the connection to the coordinator `to`.
    Forget { to: BrokerId },
    /// Keep the metadata of `topic` from now on.
    AddTopic { topic: Name },
    /// Keep the metadata of all topics from now on.
    AllTopics,
    /// What is known of the cluster proved wrong, or too old.
    RefreshMetadata,
    /// Say when what is known of the cluster is fresh; `Input::MetadataFresh` follows. With `asks`
    /// it is asked for anew, if the back-off has passed.
    FreshMetadata { asks: bool },
    /// Say where the application stands; `Input::Positions` with `why` follows.
    Positions { why: Why },
    /// Return no more records of these `partitions`: they are about to be revoked.
    Withhold { partitions: BTreeSet<Place> },
    /// Consume from these `partitions` and no others; new ones wait for `Effect::Start`.
    Assign { partitions: BTreeSet<Place> },
    /// Begin where the group has committed.
    Start { partitions: Vec<Start> },
    /// The poll `token` may return records, now or later.
    GoOn { token: CallToken },
    /// A callback waits: a poll that waits for records should come back to the member.
    Recall { token: CallToken },
    /// Answer the application's call `token`.
    Reply { token: CallToken, reply: AppReply },
    /// It has left, or tried to for long enough.
    Closed,
    /// Record that `kind` happened, in service of `about`.
    Event { kind: Kind, about: About },
}

/// Why a member wants to know where the application stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Why {
    /// `auto.commit.interval.ms` has passed.
    Interval,
    /// Partitions may be revoked.
    Rebalance,
    /// The commit of this number, before partitions are revoked, was in vain and is tried again.
    Again(u64),
    /// The application commits what it was returned (`commitSync()` without offsets).
    Call(CallToken),
    /// The consumer is being closed.
    Close,
}

/// Where the group has committed in a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Start {
    /// The partition.
    pub place: Place,
    /// The commit; `None` where there is none, so that the reset policy says where to begin.
    pub committed: Option<PartitionOffset>,
}
