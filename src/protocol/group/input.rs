//! What can happen to the group coordinator of a broker.

use crate::message::{Batch, Request, ResponseBody};
use crate::protocol::image::MetadataImage;
use crate::types::{ConnectionId, ErrorCode, LeaderEpoch, Offset, TopicPartition};

/// What can happen to the group coordinator of a broker.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// A client sent a request about groups on `connection`.
    Request { connection: ConnectionId, request: Request },
    /// `connection` is gone: nobody waits for the answer any more.
    Disconnected { connection: ConnectionId },
    /// The broker's view of the cluster is now `image`.
    ImagePublished { image: Box<MetadataImage> },
    /// This broker leads `partition` of `__consumer_offsets`, in `leader_epoch`.
    Elected { partition: TopicPartition, leader_epoch: LeaderEpoch },
    /// This broker leads `partition` no longer.
    Resigned { partition: TopicPartition },
    /// The log of `partition` was read as [`Effect::Load`](super::Effect::Load) asked for, or is
    /// no longer here to be read.
    Read { partition: TopicPartition, leader_epoch: LeaderEpoch, read: Option<Read> },
    /// The answer to [`Effect::Append`](super::Effect::Append), before anything else: where the
    /// first record stands, or why there is none.
    Appended { partition: TopicPartition, result: Result<Offset, ErrorCode> },
    /// The high watermark of `partition` is now `offset`; this broker leads it in `leader_epoch`,
    /// if it does.
    HighWatermarkMoved {
        partition: TopicPartition,
        offset: Offset,
        leader_epoch: Option<LeaderEpoch>,
    },
    /// The controller answered the call `token`, or could not be reached (`None`).
    ControllerAnswered { token: u64, body: Option<ResponseBody> },
    /// An instant of [`deadlines`](crate::protocol::Machine::deadlines) is here, or was.
    Deadline,
}

/// A piece of a log.
#[derive(Clone, PartialEq, Debug)]
pub struct Read {
    /// Its batches.
    pub batches: Vec<Batch>,
    /// The end of the log.
    pub end: Offset,
    /// The high watermark.
    pub high_watermark: Offset,
}
