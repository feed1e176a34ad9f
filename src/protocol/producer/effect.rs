//! What a producer asks for.

use crate::event::{About, Kind};
use crate::message::{AppReply, Batch, RequestBody};
use crate::types::{BrokerId, CallToken, LeaderEpoch, Name, TopicPartition};

/// What a producer asks of its process.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// Send `body` with its `records` to the node `to`, which is connected; `Input::Completed`
    /// with `token` follows if it `expects_answer`, or if it could not be sent.
    Send {
        token: u64,
        to: BrokerId,
        body: RequestBody,
        records: Vec<Vec<Batch>>,
        expects_answer: bool,
    },
    /// Send `body` to whichever node is the least loaded; `Input::Completed` with `token` follows.
    SendToAny { token: u64, body: RequestBody },
    /// Connect to the node `to`; `Input::NodeOpened` or `Input::NodeLost` follows.
    Open { to: BrokerId },
    /// Keep the metadata of `topic` from now on.
    AddTopic { topic: Name },
    /// What is known of the cluster proved wrong.
    RefreshMetadata,
    /// An answer named the `leader` of `leader_epoch` (KIP-951).
    LeaderHint { partition: TopicPartition, leader: BrokerId, leader_epoch: LeaderEpoch },
    /// Answer the application's call `token`.
    Reply { token: CallToken, reply: AppReply },
    /// Record that `kind` happened, in service of `about`.
    Event { kind: Kind, about: About },
}
