//! The checkpoint files of a log directory that concern all its partitions, as a log reads them.
//! They are written by the process, which gathers the offsets from its logs.

use crate::message::{Checkpoint, DiskImage, FileName};
use crate::types::{Offset, TopicPartition};

/// What the checkpoint `file` (`FileName::RecoveryPoints`, `HighWatermarks` or `LogStarts`) says
/// of `partition`; `None` when it says nothing.
pub fn checkpointed_offset(
    disk: &DiskImage,
    file: FileName,
    partition: TopicPartition,
) -> Option<Offset> {
    match disk.checkpoint(file) {
        Some(Checkpoint::Offsets(offsets)) => offsets.get(&partition).copied(),
        _ => None,
    }
}

/// The partitions that have a replica on `disk`, in order, without `__cluster_metadata`.
pub fn partitions_on(disk: &DiskImage) -> Vec<TopicPartition> {
    let mut partitions: Vec<_> = disk
        .files
        .keys()
        .filter_map(|file| match file {
            // Power loss may have taken `partition.metadata` and left the rest of the directory.
            FileName::PartitionMetadata(partition) | FileName::Segment(partition, _) => {
                Some(*partition)
            }
            _ => None,
        })
        .filter(|partition| *partition != TopicPartition::CLUSTER_METADATA)
        .collect();
    partitions.sort_unstable();
    partitions.dedup();
    partitions
}
