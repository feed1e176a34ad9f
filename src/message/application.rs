//! The port between an application and its Kafka client, built in or written by a user.
//!
//! Every call carries a token; its reply, sooner or later, carries the same.

use std::time::Duration;

use bytes::Bytes;

use crate::message::batch::{Header, Record};
use crate::types::{BrokerId, BrokerSet, ErrorCode, LeaderEpoch, Name, Offset, TopicPartition};

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
}

/// What an admin client asks of the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdminCall {
    /// Create a topic (`CreateTopics`).
    CreateTopic {
        /// Its name.
        name: Name,
        /// How many partitions.
        partitions: i32,
        /// How many replicas of each.
        replication_factor: i16,
        /// Configuration by key.
        config: Vec<(Name, Name)>,
    },
    /// Delete a topic (`DeleteTopics`).
    DeleteTopic {
        /// Its name.
        name: Name,
    },
    /// Name all topics (`Metadata`).
    ListTopics,
    /// Describe a topic's partitions (`DescribeTopicPartitions`).
    DescribeTopic {
        /// Its name.
        name: Name,
    },
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

/// What an admin call brings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdminReply {
    /// It is done.
    Done,
    /// The names of all topics, in order.
    Topics(Vec<Name>),
    /// A topic's state.
    Topic(TopicDescription),
}

/// A topic as `DescribeTopicPartitions` shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicDescription {
    /// Its name.
    pub name: Name,
    /// Its partitions by number.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition as an admin client sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionDescription {
    /// The partition.
    pub partition: TopicPartition,
    /// Its leader.
    pub leader: Option<BrokerId>,
    /// Its leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// Its replicas, the preferred one first.
    pub replicas: Vec<BrokerId>,
    /// Its in-sync set.
    pub in_sync: BrokerSet,
    /// Its eligible leader replicas.
    pub eligible: BrokerSet,
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
    /// The client is closed.
    Closed,
}
