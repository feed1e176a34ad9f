//! The records of `__consumer_offsets`, which make up a group coordinator's state.
//!
//! Keys that are written again replace what was written before; a record without value (a
//! tombstone) takes it away.
//!
//! Source: Kafka 4.1, `group-coordinator/src/main/resources/common/message/*.json`,
//! `GroupCoordinatorRecordHelpers`.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::types::{LeaderEpoch, Name, Offset, PartitionIndex, TopicPartition};

/// Partitions that a member of a group has, or shall have.
pub type Assigned = BTreeSet<TopicPartition>;

/// One record of `__consumer_offsets`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupRecord {
    /// Up to where a group has consumed a partition (`OffsetCommitKey`, `OffsetCommitValue`).
    Offset {
        /// The group.
        group: Name,
        /// The topic, by name.
        topic: Name,
        /// The partition.
        partition: PartitionIndex,
        /// What was committed.
        value: Option<CommittedOffset>,
    },
    /// A group of the classic protocol (`GroupMetadataKey`, `GroupMetadataValue`).
    Classic {
        /// The group.
        group: Name,
        /// All of it.
        value: Option<Box<ClassicGroupValue>>,
    },
    /// The epoch of a group of KIP-848 (`ConsumerGroupMetadata`).
    GroupEpoch {
        /// The group.
        group: Name,
        /// Its epoch, and the hash of the topics that it subscribes to.
        value: Option<(i32, i64)>,
    },
    /// A member of such a group (`ConsumerGroupMemberMetadata`).
    Member {
        /// The group.
        group: Name,
        /// The member.
        member: Name,
        /// What it said of itself.
        value: Option<Box<MemberValue>>,
    },
    /// The epoch of the target assignment (`ConsumerGroupTargetAssignmentMetadata`).
    TargetEpoch {
        /// The group.
        group: Name,
        /// The group epoch for which the target was computed.
        value: Option<i32>,
    },
    /// What a member shall own (`ConsumerGroupTargetAssignmentMember`).
    Target {
        /// The group.
        group: Name,
        /// The member.
        member: Name,
        /// The partitions.
        value: Option<Assigned>,
    },
    /// What a member owns (`ConsumerGroupCurrentMemberAssignment`).
    Current {
        /// The group.
        group: Name,
        /// The member.
        member: Name,
        /// How far it is on its way to the target.
        value: Option<Box<CurrentValue>>,
    },
}

/// What a group has committed for a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommittedOffset {
    /// The next record to consume.
    pub offset: Offset,
    /// The leader epoch of the last record consumed.
    pub leader_epoch: Option<LeaderEpoch>,
    /// What the committer wrote beside it.
    pub metadata: Name,
    /// When, in milliseconds since 1970.
    pub commit_timestamp: i64,
}

/// A group of the classic protocol at the end of a rebalance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassicGroupValue {
    /// `consumer` of consumers; empty of none.
    pub protocol_type: Name,
    /// The generation.
    pub generation: i32,
    /// The assignor that the members chose.
    pub protocol: Option<Name>,
    /// The member that assigns.
    pub leader: Option<Name>,
    /// When the group came into its state, in milliseconds since 1970; -1 when not known.
    pub state_timestamp: i64,
    /// The members.
    pub members: Vec<ClassicMemberValue>,
}

/// A member of a group of the classic protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassicMemberValue {
    /// The member.
    pub member: Name,
    /// Its `group.instance.id` (KIP-345).
    pub instance: Option<Name>,
    /// Its `client.id`.
    pub client_id: Name,
    /// Its host.
    pub client_host: Name,
    /// How long it may take to rejoin, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent, in milliseconds.
    pub session_timeout_ms: i32,
    /// What it subscribes to, for the chosen assignor.
    pub subscription: Bytes,
    /// What it was assigned.
    pub assignment: Bytes,
}

/// A member of a group of KIP-848.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberValue {
    /// Its `group.instance.id`.
    pub instance: Option<Name>,
    /// Its rack.
    pub rack: Option<Name>,
    /// Its `client.id`.
    pub client_id: Name,
    /// Its host.
    pub client_host: Name,
    /// Topics that it subscribes to by name, sorted.
    pub topics: Vec<Name>,
    /// The pattern that it subscribes to.
    pub pattern: Option<Name>,
    /// How long it may take to give up partitions, in milliseconds; -1 when it did not say.
    pub rebalance_timeout_ms: i32,
    /// The server-side assignor that it wants.
    pub assignor: Option<Name>,
    /// What it said in its last JoinGroup, if it speaks the classic protocol.
    pub classic: Option<ClassicMetadata>,
}

/// A member of a group of KIP-848 that speaks the classic protocol (`ClassicMemberMetadata`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassicMetadata {
    /// How long it may be silent, in milliseconds.
    pub session_timeout_ms: i32,
    /// Assignors that it can do, the liked one first, each with what it subscribes to.
    pub protocols: Vec<(Name, Bytes)>,
}

/// How far a member of a group of KIP-848 is on its way to the target assignment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CurrentValue {
    /// The epoch that the member is to say in its heartbeats.
    pub epoch: i32,
    /// The one before, for when the answer that raised it was lost.
    pub previous_epoch: i32,
    /// Where it stands.
    pub state: MemberState,
    /// What it owns.
    pub assigned: Assigned,
    /// What it must give up first.
    pub revoking: Assigned,
}

/// Where a member of a group of KIP-848 stands (`MemberState`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MemberState {
    /// It has what it shall have, as far as it goes.
    Stable,
    /// It has yet to give up partitions.
    UnrevokedPartitions,
    /// It waits for partitions that others have yet to give up.
    UnreleasedPartitions,
}

impl GroupRecord {
    /// The group that it is about.
    pub fn group(&self) -> &Name {
        match self {
            Self::Offset { group, .. }
            | Self::Classic { group, .. }
            | Self::GroupEpoch { group, .. }
            | Self::Member { group, .. }
            | Self::TargetEpoch { group, .. }
            | Self::Target { group, .. }
            | Self::Current { group, .. } => group,
        }
    }
}
