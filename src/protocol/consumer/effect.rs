//! What a consumer asks for.

use crate::event::{About, Kind};
use crate::message::{AppReply, RequestBody};
use crate::types::{BrokerId, CallToken, LeaderEpoch, Name, TopicPartition};

/// What a consumer asks of its process.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// Send `body` to the node `to`, which is connected; `Input::Completed` with `token` follows.
    Send { token: u64, to: BrokerId, body: RequestBody },
    /// Connect to the node `to`; `Input::NodeOpened` or `Input::NodeLost` follows.
    Open { to: BrokerId },
    /// Keep the metadata of `topic` from now on.
    AddTopic { topic: Name },
    /// What is known of the cluster proved wrong.
    RefreshMetadata,
    /// An answer named the `leader` of `leader_epoch` (KIP-951).
    LeaderHint { partition: TopicPartition, leader: BrokerId, leader_epoch: LeaderEpoch },
    /// There is, or was, a leader of `leader_epoch`: what is known of an earlier one is stale.
    EpochSeen { partition: TopicPartition, leader_epoch: LeaderEpoch },
    /// Answer the application's call `token`.
    Reply { token: CallToken, reply: AppReply },
    /// Record that `kind` happened, in service of `about`.
    Event { kind: Kind, about: About },
}
