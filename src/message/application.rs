//! The port between an application and its Kafka client, built in or written by a user.
//!
//! Every call carries a token; its reply, sooner or later, carries the same.

use std::time::Duration;

use bytes::Bytes;

use crate::message::admin::{AdminCall, AdminReply};
use crate::message::batch::{Header, Record};
use crate::types::{ErrorCode, LeaderEpoch, Name, Offset, TopicPartition};

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
    /// Wait for records, up to `timeout`.
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
    /// The admin call's answer.
    Admin(AdminReply),
    /// The call did not succeed.
    Failed(AppError),
}

/// Consecutive records of one batch as a poll returns them.
#[derive(Clone, PartialEq, Debug)]
pub struct PolledBatch {
    /// The topic.
    pub topic: Name,
    /// The partition.
    pub partition: i32,
    /// Offset of the first record returned.
    pub base_offset: Offset,
    /// The epoch of the leader that wrote them.
    pub leader_epoch: LeaderEpoch,
    /// The records, at consecutive offsets.
    pub records: Vec<Record>,
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
