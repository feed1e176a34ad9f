//! What can happen to a voter or observer.

use crate::message::{Batch, DiskError, MetadataRecord, RequestBody, ResponseBody};
use crate::types::{BrokerId, ConnectionId, LeaderEpoch, Ticket};

/// Everything that can happen to a voter or observer.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// A Vote, BeginQuorumEpoch, EndQuorumEpoch or Fetch came on the connection `request`.
    Request { request: ConnectionId, body: RequestBody },
    /// The connection `request` is gone: whatever waits on it is forgotten.
    Abandoned { request: ConnectionId },
    /// `to` answered the request sent with `token`; a fetch brings `records` by partition.
    Response { to: BrokerId, token: u64, body: ResponseBody, records: Vec<Vec<Batch>> },
    /// The request sent to `to` with `token` failed; it may have been handled all the same.
    SendFailed { to: BrokerId, token: u64 },
    /// The disk operation of ours that `ticket` names has ended.
    DiskCompleted { ticket: Ticket, result: Result<(), DiskError> },
    /// The state machine that leads `leader_epoch` appends `records`, all in one batch or none.
    Append { leader_epoch: LeaderEpoch, records: Vec<MetadataRecord> },
    /// The state machine gives up the leadership of `leader_epoch`.
    Resign { leader_epoch: LeaderEpoch },
    /// The process was asked to end: whoever leads gives up, and `Effect::ShutDown` follows when
    /// somebody else leads, or after five seconds.
    ShutDown,
    /// An instant that `deadlines` named may be here; or the machine was just made.
    Deadline,
}
