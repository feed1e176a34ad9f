//! What a replica asks of its broker.

use crate::event::{About, Kind};
use crate::message::{DiskOperation, FetchPosition, FetchResult, InSyncProposal};
use crate::types::{BrokerId, ConnectionId, ErrorCode, LeaderEpoch, Offset};

/// What a replica asks of its broker, in order.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// Carry out a disk operation of the log.
    Disk(DiskOperation),
    /// Record that `kind` happened, in service of `about`.
    Event { kind: Kind, about: About },
    /// The batch of `request` stands at the offset given (anew, or as a duplicate), or was
    /// refused. Follows every `Input::Produce` at once; `log_start_offset` goes into the answer.
    Produced {
        request: ConnectionId,
        result: Result<Offset, ErrorCode>,
        log_start_offset: Option<Offset>,
    },
    /// The wait of an acks=all batch that was not refused is over: NONE, 20 or 6 (3 if the topic
    /// is gone). It comes in the step of the batch at the earliest, behind `Produced`.
    Acknowledged { request: ConnectionId, error: ErrorCode },
    /// The answer to `Input::Fetch`, in the same step.
    Fetched { request: ConnectionId, result: FetchResult },
    /// The answer to `Input::ListOffsets`, in the same step; no offset: there is no such record.
    OffsetListed { request: ConnectionId, result: Result<Option<ListedOffset>, ErrorCode> },
    /// The answer to `Input::OffsetForLeaderEpoch`, in the same step; `None` is undefined.
    EpochEnd { request: ConnectionId, result: Result<Option<(LeaderEpoch, Offset)>, ErrorCode> },
    /// The answer to `Input::DeleteRecords`, in the same step: what the low watermark must reach,
    /// and what it is.
    RecordsDeleted { request: ConnectionId, result: Result<LowWatermark, ErrorCode> },
    /// The smallest log start of a leader and of its followers that live is now `offset`: requests
    /// to delete records are worth a look.
    LowWatermarkMoved { offset: Offset },
    /// The log of this follower starts at `offset` now, which it did not learn from its fetcher.
    LogStartMoved { offset: Offset },
    /// The high watermark is now `offset`: parked fetches of consumers are worth a look.
    HighWatermarkMoved { offset: Offset },
    /// The leader's log now ends at `offset`: parked fetches of followers are worth a look.
    LogEndMoved { offset: Offset },
    /// The replica leads no longer, or follows in a new epoch: every parked fetch is to be read
    /// anew.
    SteppedDown,
    /// Ask the controller to record an in-sync set; `Input::AlterPartitionAnswered` follows.
    ProposeInSync(InSyncProposal),
    /// Fetch this partition from `leader`, in `leader_epoch`, from `position`.
    StartFetching { leader: BrokerId, leader_epoch: LeaderEpoch, position: FetchPosition },
    /// Fetch this partition no longer from `leader`.
    StopFetching { leader: BrokerId },
    /// What the fetcher delivered is done with: the partition goes on at `position`.
    Position(FetchPosition),
}

/// What became of a request to delete records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LowWatermark {
    /// The offset below which nobody who lives may have anything left, for the request to be done.
    pub required: Offset,
    /// The smallest log start of those who live; `None` as long as one has not told its own.
    pub reached: Option<Offset>,
}

/// What ListOffsets found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListedOffset {
    /// The offset.
    pub offset: Offset,
    /// The record's timestamp in milliseconds since 1970; `None` for an end of the log.
    pub timestamp: Option<i64>,
    /// The leader epoch at that offset.
    pub leader_epoch: Option<LeaderEpoch>,
}
