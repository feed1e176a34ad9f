//! What a voter or observer asks of the world.

use crate::event::{About, HaltReason, Kind};
use crate::log::LogEffect;
use crate::message::{Batch, DiskOperation, RequestBody, ResponseBody};
use crate::types::{BrokerId, ConnectionId, LeaderEpoch, Offset};

/// Everything that a voter or observer asks of the world, in order.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// Send `body` to the node `to`; `Input::Response` or `Input::SendFailed` brings `token` back.
    Send { to: BrokerId, token: u64, body: RequestBody },
    /// Answer the request of the connection `request`; a fetch takes `records` by partition.
    Answer { request: ConnectionId, body: ResponseBody, records: Vec<Vec<Batch>> },
    /// Something of the metadata log.
    Log(LogEffect),
    /// Write `quorum-state`. The machine does nothing more until `Input::DiskCompleted`.
    Disk(DiskOperation),
    /// `leader` is known, or nobody; when it is this node, `epoch_start` is the offset of the
    /// record that begins its epoch: it is in charge once it has replayed beyond it.
    LeaderChanged {
        leader_epoch: LeaderEpoch,
        leader: Option<BrokerId>,
        epoch_start: Option<Offset>,
    },
    /// Everything below `offset` is committed and may be replayed.
    HighWatermarkMoved { offset: Offset },
    /// Record that `kind` happened, in service of `about`.
    Event { kind: Kind, about: About },
    /// The machine has ended in order, as `Input::ShutDown` asked, and does nothing more.
    ShutDown,
    /// The process cannot go on: its disk failed, or the protocol's own promises are broken
    /// (Kafka's fatal fault handler).
    Halt { reason: HaltReason },
}
