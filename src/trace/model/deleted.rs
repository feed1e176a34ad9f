//! Batches that were deleted by rule.

use std::collections::BTreeMap;

use imbl::OrdSet;

use crate::trace::model::log::{LogEntry, LogView};
use crate::trace::model::partition::PartitionView;
use crate::types::{BatchId, BrokerId, Offset, TopicPartition};

/// The batches that retention or a client deleted where they stood, at least their first records:
/// those that are missing now are not lost. Clones share all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeletedBatches(BTreeMap<TopicPartition, OrdSet<BatchId>>);

impl DeletedBatches {
    /// Whether `batch` of `partition` is one of them.
    pub fn has(&self, partition: TopicPartition, batch: BatchId) -> bool {
        self.0.get(&partition).is_some_and(|batches| batches.contains(&batch))
    }

    /// Adds what `broker` deletes by rule, before its log begins at `start`. What a follower
    /// deletes counts where the leader has it: else it stands there no more.
    pub(crate) fn add(
        &mut self,
        partition: TopicPartition,
        view: &PartitionView,
        (broker, start): (BrokerId, Offset),
    ) {
        let Some(replica) = view.replicas.get(&broker) else { return };
        let leader: Option<&LogView> = view.acting_leader().map(|(_, leader)| &leader.log);
        let from = replica.log.index_of(replica.log.start);
        let gone = replica.log.entries().iter_from(from).take_while(|entry| entry.base < start);
        let stands = |entry: &&LogEntry| {
            leader.is_none_or(|log| log.entry_at(entry.base).is_some_and(|it| it.is_same(entry)))
        };
        let gone = gone.filter(stands).map(|entry| entry.batch);
        self.0.entry(partition).or_default().extend(gone);
    }
}
