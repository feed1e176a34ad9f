//! What a process asks of its disk, and what it finds there when it starts.
//!
//! A write goes to the page cache at once and in order; it is durable when a flush of its file has
//! completed. A checkpoint is replaced as a whole (write aside, fsync, rename, fsync of the
//! directory): after power loss it is the old one or the new one.

use std::collections::BTreeMap;

use crate::message::batch::Batch;
use crate::types::{
    BrokerEpoch, BrokerId, DirectoryId, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence,
    Ticket, TopicId, TopicPartition,
};

/// A file of a node's log directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FileName {
    /// `<topic>-<partition>/<base offset>.log`: a segment.
    Segment(TopicPartition, Offset),
    /// `<topic>-<partition>/leader-epoch-checkpoint`.
    LeaderEpochs(TopicPartition),
    /// `<topic>-<partition>/<offset>.snapshot`: producer state up to the offset.
    ProducerSnapshot(TopicPartition, Offset),
    /// `<topic>-<partition>/partition.metadata`: marks that the replica exists.
    PartitionMetadata(TopicPartition),
    /// `recovery-point-offset-checkpoint`.
    RecoveryPoints,
    /// `replication-offset-checkpoint`: high watermarks.
    HighWatermarks,
    /// `log-start-offset-checkpoint`.
    LogStarts,
    /// `.kafka_cleanshutdown`.
    CleanShutdown,
    /// `meta.properties`.
    MetaProperties,
    /// `__cluster_metadata-0/quorum-state`.
    QuorumState,
}

/// What a checkpoint file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Checkpoint {
    /// Entries of a leader-epoch cache, ascending.
    LeaderEpochs(Vec<(LeaderEpoch, Offset)>),
    /// The last batch of every producer.
    Producers(Vec<ProducerSnapshotEntry>),
    /// An offset for each partition.
    Offsets(BTreeMap<TopicPartition, Offset>),
    /// That a partition of this topic is here.
    PartitionMetadata(TopicId),
    /// The broker epoch of the session that shut down cleanly.
    CleanShutdown(Option<BrokerEpoch>),
    /// The directory's identity.
    MetaProperties(DirectoryId),
    /// What a voter must not forget.
    QuorumState(QuorumState),
}

/// What a producer snapshot keeps of a producer: one batch, not the five that memory has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerSnapshotEntry {
    /// The producer.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// Sequence of its last batch's first record.
    pub first_sequence: Sequence,
    /// Sequence of its last record.
    pub last_sequence: Sequence,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// When it last wrote, in milliseconds since 1970.
    pub timestamp: i64,
}

/// `quorum-state`: flushed before it is acted on (KIP-595).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct QuorumState {
    /// The epoch.
    pub leader_epoch: LeaderEpoch,
    /// The leader known in it.
    pub leader: Option<BrokerId>,
    /// The candidate voted for in it.
    pub voted: Option<BrokerId>,
}

/// One request to the disk. Operations of one process are carried out in order.
#[derive(Clone, PartialEq, Debug)]
pub enum DiskOperation {
    /// Make an empty segment, if the file is not there yet. A file's name, like its removal, is
    /// journaled: power loss may take what is in it, not that it is there.
    Create {
        /// The segment.
        file: FileName,
    },
    /// Append `batch` to a segment, into the page cache. Makes the file if there is none.
    Append {
        /// The segment.
        file: FileName,
        /// What is appended.
        batch: Batch,
    },
    /// An append of which the caller knows that it fails: what it leaves in the file, if anything,
    /// is the disk's.
    AppendInVain {
        /// The segment.
        file: FileName,
        /// What was to be appended.
        batch: Batch,
    },
    /// Cut a segment's batches whose end is above `end`, in the page cache.
    Truncate {
        /// The segment.
        file: FileName,
        /// The new end, exclusive.
        end: Offset,
    },
    /// Remove a file.
    Delete {
        /// The file.
        file: FileName,
    },
    /// Make all that the file holds durable (fsync). The calling lane waits when `blocking`;
    /// a completion follows when there is a `ticket`.
    Flush {
        /// The file.
        file: FileName,
        /// Named in the completion.
        ticket: Option<Ticket>,
        /// Whether the lane does nothing else meanwhile.
        blocking: bool,
    },
    /// Replace a checkpoint file as a whole, durably. Ticket and blocking as in `Flush`.
    Write {
        /// The file.
        file: FileName,
        /// Its new content.
        content: Checkpoint,
        /// Named in the completion.
        ticket: Option<Ticket>,
        /// Whether the lane does nothing else meanwhile.
        blocking: bool,
    },
}

/// How a disk operation failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiskError {
    /// The device answered with an error (`EIO`).
    Failed,
    /// No space is left (`ENOSPC`).
    Full,
}

/// What a file holds.
#[derive(Clone, PartialEq, Debug)]
pub enum FileContent {
    /// A segment's batches, and how it ends.
    Segment {
        /// The whole batches, in order.
        batches: Vec<Batch>,
        /// What stands behind them, if anything.
        broken: Option<BrokenFile>,
    },
    /// A checkpoint.
    Checkpoint(Checkpoint),
}

/// What power loss may leave behind the last whole batch of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BrokenFile {
    /// The beginning of a batch.
    Torn,
    /// Zeroes: the size was written, the data was not.
    Zeroed,
}

/// The files that a process finds when it starts.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct DiskImage {
    /// By name.
    pub files: BTreeMap<FileName, FileContent>,
}

impl DiskImage {
    /// The checkpoint in `file`, if it is there.
    pub fn checkpoint(&self, file: FileName) -> Option<&Checkpoint> {
        match self.files.get(&file) {
            Some(FileContent::Checkpoint(checkpoint)) => Some(checkpoint),
            Some(FileContent::Segment { .. }) | None => None,
        }
    }
}
