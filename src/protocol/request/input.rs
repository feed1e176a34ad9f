//! What can happen to the request layer.

use crate::message::{FetchResult, Request, ResponseBody};
use crate::protocol::image::MetadataImage;
use crate::types::{BrokerEpoch, ConnectionId, ErrorCode, LeaderEpoch, Offset, TopicPartition};

/// What can happen to the request layer. Inputs of a replica name the request by its connection.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// A client or a follower sent `request` on `connection`.
    Request { connection: ConnectionId, request: Request },
    /// `connection` is gone: nobody waits for the answer any more.
    Disconnected { connection: ConnectionId },
    /// The broker's view of the cluster is now `image`.
    ImagePublished { image: Box<MetadataImage> },
    /// The controller registered this broker under `broker_epoch`.
    Registered { broker_epoch: BrokerEpoch },
    /// The replica of `partition` appended the request's batch, or had it already, or refused.
    Produced {
        connection: ConnectionId,
        partition: TopicPartition,
        result: Result<Placed, ErrorCode>,
    },
    /// The wait of an acks=all batch on `partition` is over.
    Acknowledged { connection: ConnectionId, partition: TopicPartition, error: ErrorCode },
    /// The replica of `partition` read what the request's fetch asks for.
    Read { connection: ConnectionId, partition: TopicPartition, read: FetchResult },
    /// The replica of `partition` looked up an offset by timestamp.
    OffsetListed {
        connection: ConnectionId,
        partition: TopicPartition,
        result: Result<(Option<Offset>, i64, Option<LeaderEpoch>), ErrorCode>,
    },
    /// The replica of `partition` looked up where an epoch ends; `None` when it cannot say.
    EpochEndFound {
        connection: ConnectionId,
        partition: TopicPartition,
        result: Result<Option<(LeaderEpoch, Offset)>, ErrorCode>,
    },
    /// The replica of `partition` moved its log start as the request asked, or refused.
    RecordsDeleted {
        connection: ConnectionId,
        partition: TopicPartition,
        result: Result<LowWatermark, ErrorCode>,
    },
    /// The smallest log start of the replicas of `partition` that live is now `offset`.
    LowWatermarkMoved { partition: TopicPartition, offset: Offset },
    /// The log of `partition` grew: followers that wait may go on.
    LogEndMoved { partition: TopicPartition },
    /// The high watermark of `partition` moved: consumers that wait may go on.
    HighWatermarkMoved { partition: TopicPartition },
    /// The replica of `partition` changed its role, or is gone: whoever waits must hear of it.
    RoleChanged { partition: TopicPartition },
    /// The controller answered the call `token`, or could not be reached (`Err`).
    ControllerAnswered { token: u64, result: Result<ResponseBody, Unreached> },
    /// An instant of [`deadlines`](crate::protocol::Machine::deadlines) is here, or was.
    Deadline,
}

/// The controller did not answer: unknown, not connected, disconnected, or too slow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreached;

/// How far a request to delete records is with a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LowWatermark {
    /// What the low watermark must reach.
    pub required: Offset,
    /// What it is; `None` while a replica that lives has not told its log start.
    pub reached: Option<Offset>,
}

/// Where a produced batch stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The first offset of the log.
    pub log_start_offset: Offset,
}
