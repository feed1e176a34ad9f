//! What can happen to a replica.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::AckMode;
use crate::message::{
    BatchBody, EpochEnd, Fetched, InSyncProposal, InSyncRecorded, OutOfRange, PartitionFetch,
    PartitionState, Standing,
};
use crate::types::{BrokerId, ConnectionId, ErrorCode, LeaderEpoch, Offset, Ticket};

/// What can happen to a replica.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// The broker has applied metadata in which this partition changed: its `state`, and
    /// `min_in_sync` (min.insync.replicas, bounded by the replicas).
    MetadataChanged { state: Arc<PartitionState>, min_in_sync: u32 },
    /// min.insync.replicas changed, and nothing else of the partition.
    MinInSyncChanged { min_in_sync: u32 },
    /// Registrations changed: the standing of every registered broker. To be given before the
    /// `MetadataChanged` of the same metadata, and to every new replica.
    StandingsChanged { standings: Arc<BTreeMap<BrokerId, Standing>> },
    /// This broker began its controlled shutdown: from now on it stops to follow where it is out
    /// of the in-sync set.
    ShutdownBegan,
    /// A producer's batch came with `request`.
    Produce { request: ConnectionId, body: Arc<BatchBody>, acks: AckMode },
    /// The request layer no longer waits for the acknowledgement of `request`.
    AbandonProduce { request: ConnectionId },
    /// A follower or a consumer wants records.
    Fetch { request: ConnectionId, fetch: PartitionFetch },
    /// Somebody asks for the offset of a time: -1 latest, -2 and -4 earliest, else the first
    /// record at or after `timestamp` (milliseconds since 1970).
    ListOffsets {
        request: ConnectionId,
        leader_epoch: Option<LeaderEpoch>,
        timestamp: i64,
        by_follower: bool,
    },
    /// Somebody asks where `leader_epoch` ends here.
    OffsetForLeaderEpoch {
        request: ConnectionId,
        current_leader_epoch: Option<LeaderEpoch>,
        leader_epoch: Option<LeaderEpoch>,
    },
    /// This follower's fetcher got an answer for the partition. One `Effect::Position` follows, or
    /// `Effect::StopFetching` where the records cannot be appended.
    Fetched(Fetched),
    /// This follower's fetcher found that the leader does not have the offset it wants. One
    /// `Effect::Position` follows.
    OutOfRange(OutOfRange),
    /// This follower's fetcher asked the leader where the epoch of the last record ends. One
    /// `Effect::Position` follows.
    EpochEnd(EpochEnd),
    /// The controller has decided on `proposal`, or it was never sent (55).
    AlterPartitionAnswered { proposal: InSyncProposal, result: Result<InSyncRecorded, ErrorCode> },
    /// The scheduler looks for followers that lag: every replica.lag.time.max.ms / 2.
    ShrinkCheck,
    /// The scheduler looks for segments that retention no longer keeps: every
    /// log.retention.check.interval.ms.
    RetentionCheck,
    /// The scheduler looks whether the log has not been flushed for too long: every
    /// log.flush.scheduler.interval.ms.
    FlushCheck,
    /// A client wants the records below `offset` deleted; none is all below the high watermark.
    DeleteRecords { request: ConnectionId, offset: Option<Offset> },
    /// Flush the log; `ticket` and `blocking` as in a disk operation.
    Flush { ticket: Option<Ticket>, blocking: bool },
    /// The broker shuts down cleanly: flush, and leave behind what makes the next start short.
    Close,
    /// The broker gives the replica up; `topic_exists` tells reassignment from deletion.
    Remove { topic_exists: bool },
}
