//! The port between an application and its Kafka client, built in or written by a user.
//!
//! Every call carries a token; its reply, sooner or later, carries the same.

use std::time::Duration;

use bytes::Bytes;

use crate::message::admin::{AdminCall, AdminReply};
use crate::message::batch::{Header, Record};
use crate::types::{ErrorCode, LeaderEpoch, Name, Offset, TopicId, TopicPartition};

/// What an application asks of its client.
#[derive(Clone, PartialEq, Debug)]
pub enum AppCall {
    /// Produce a record; answered when it is acknowledged, failed or given up.
    Send(SendRecord),
    /// Answered when everything sent before is.
    Flush,
    /// Consume from these partitions and no others.
    Assign {
        /// Topic and partition, and where to start.
        partitions: Vec<(Name, i32, SeekTo)>,
    },
    /// Continue elsewhere in a partition that is assigned.
    Seek {
        /// The topic.
        topic: Name,
        /// The partition.
        partition: i32,
        /// Where to.
        to: SeekTo,
    },
    /// Consume as a member of the group `group.id`: what it assigns of these topics. Polls may then
    /// return callbacks instead of records.
    Subscribe {
        /// The topics.
        topics: Vec<Name>,
        /// Instead of `topics`: all whose whole name is like this regular expression.
        pattern: Option<Name>,
    },
    /// Commit for the group.
    Commit {
        /// Where to go on; empty for what the polls have returned.
        offsets: Vec<PartitionOffset>,
        /// Whether the application waits: it is tried again while that may help.
        waits: bool,
    },
    /// Return no records of these partitions, or do so again.
    Pause {
        /// The partitions, which are assigned.
        partitions: Vec<(Name, i32)>,
        /// Whether they are paused, or resumed.
        paused: bool,
    },
    /// Say that records are processed: what a run is judged by, of which Kafka knows nothing.
    Processed {
        /// The topic.
        topic: Name,
        /// Which topic of that name.
        topic_id: TopicId,
        /// The partition.
        partition: i32,
        /// The first record.
        base_offset: Offset,
        /// How many, at consecutive offsets.
        records: u32,
    },
    /// Wait for records, up to `timeout`. If the poll before returned a callback, that is done.
    Poll {
        /// How long to wait when there are none.
        timeout: Duration,
    },
    /// Administer the cluster.
    Admin(AdminCall),
    /// End the client, after what was sent is answered.
    Close,
}

/// A record to produce.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendRecord {
    /// The topic.
    pub topic: Name,
    /// The partition; `None` leaves the choice to the partitioner.
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: Box<[Header]>,
}

/// A place to consume from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SeekTo {
    /// The first record that is there.
    Beginning,
    /// Whatever comes from now on.
    End,
    /// This offset.
    Offset(Offset),
    /// The first record whose timestamp, in milliseconds since 1970, is this or later; the end
    /// if there is none.
    Timestamp(i64),
}

/// What becomes of a call.
#[derive(Clone, PartialEq, Debug)]
pub enum AppReply {
    /// The record's place; `None` when the broker did not say (acks=0, duplicate).
    Sent {
        /// The partition that was chosen.
        partition: TopicPartition,
        /// The record's offset.
        offset: Option<Offset>,
    },
    /// All that was sent before is answered.
    Flushed,
    /// The assignment or the new place is taken.
    Done,
    /// Records, or none when the time was up.
    Polled(Vec<PolledBatch>),
    /// A callback of the group's rebalance, instead of records: what the application does until
    /// its next poll it does within the callback.
    Rebalanced {
        /// Which.
        callback: RebalanceCallback,
        /// The partitions that it is about.
        partitions: Vec<(Name, i32)>,
    },
    /// The admin call's answer.
    Admin(AdminReply),
    /// The call did not succeed.
    Failed(AppError),
}

/// A callback of `ConsumerRebalanceListener`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RebalanceCallback {
    /// `onPartitionsRevoked`: they will be another's; the last chance to commit.
    Revoked,
    /// `onPartitionsAssigned`: they are this member's from now on.
    Assigned,
    /// `onPartitionsLost`: they may be another's already; it is too late to commit.
    Lost,
}

/// A place in a partition, as commits have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionOffset {
    /// The topic.
    pub topic: Name,
    /// The partition's number.
    pub partition: i32,
    /// The next record to read.
    pub offset: Offset,
    /// The leader epoch of the record before it, if it was read.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// Consecutive records of one batch as a poll returns them.
#[derive(Clone, PartialEq, Debug)]
pub struct PolledBatch {
    /// The topic.
    pub topic: Name,
    /// Which topic of that name: one that is deleted and made anew is another.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: i32,
    /// Offset of the first record returned.
    pub base_offset: Offset,
    /// The epoch of the leader that wrote them.
    pub leader_epoch: LeaderEpoch,
    /// The records, at consecutive offsets.
    pub records: Vec<Record>,
}

impl PolledBatch {
    /// Where to go on behind it, as a commit says it.
    pub fn next(&self) -> PartitionOffset {
        PartitionOffset {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: self.base_offset + self.records.len() as u64,
            leader_epoch: Some(self.leader_epoch),
        }
    }
}

/// Why a call failed, and whether it may have taken effect all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppError {
    /// The cluster refused: what was asked did not happen.
    Refused(ErrorCode),
    /// Nobody can say: the answer was lost, or came too late, or says nothing of the outcome.
    Unknown(ErrorCode),
    /// The client gave up before anything was sent (`delivery.timeout.ms`, `max.block.ms`).
    NotSent(ErrorCode),
    /// A consumer without a reset policy stands where there is no record.
    OffsetOutOfRange,
    /// A consumer without a reset policy has read records that are no longer in the log
    /// (KIP-320); what it read is gone from `diverged_at` on, if that is known.
    LogTruncation {
        /// The first offset at which the log differs from what was read.
        diverged_at: Option<Offset>,
    },
    /// The client is closed.
    Closed,
}
