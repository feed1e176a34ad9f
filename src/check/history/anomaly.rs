//! What the anomalies share: acknowledged batches, what was shown of a batch, what excuses a loss.

use std::collections::BTreeMap;

use crate::check::property::View;
use crate::event::{AckMode, OperationResult};
use crate::history::{Batch, History, Run, Seen};
use crate::types::{BatchId, Offset, TopicPartition};

/// An acknowledged batch whose place is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acked<'a> {
    pub(super) id: BatchId,
    pub(super) base: Offset,
    pub(super) batch: &'a Batch,
}

impl Acked<'_> {
    /// The offset after its last record.
    pub(super) fn end(&self) -> Offset {
        self.base + self.batch.operations.len() as u64
    }

    /// The events that tell of it.
    pub(super) fn evidence(&self) -> impl Iterator<Item = u64> {
        [self.batch.sealed].into_iter().chain(self.batch.done)
    }
}

/// Acknowledged batches by partition, in the order of their places.
pub(super) fn acknowledged(history: &History) -> BTreeMap<TopicPartition, Vec<Acked<'_>>> {
    let mut found: BTreeMap<TopicPartition, Vec<Acked<'_>>> = BTreeMap::new();
    for (id, batch) in history.batches.iter() {
        let is_ok = batch.result == Some(OperationResult::Ok) && batch.acks != AckMode::None;
        if let Some(base) = batch.base_offset.filter(|_| is_ok) {
            found.entry(batch.partition).or_default().push(Acked { id: *id, base, batch });
        }
    }
    for list in found.values_mut() {
        list.sort_unstable_by_key(|acked| (acked.base, acked.batch.sealed));
    }
    found
}

/// What consumers were shown of each batch of a partition.
pub(super) fn shown(seen: &Seen) -> BTreeMap<BatchId, Vec<Run>> {
    let mut found: BTreeMap<BatchId, Vec<Run>> = BTreeMap::new();
    for run in seen.all() {
        found.entry(run.first.batch).or_default().push(*run);
    }
    for runs in found.values_mut() {
        runs.sort_unstable_by_key(|run| (run.first.index, run.base, run.event));
    }
    found
}

/// The place in its batch of the first record from `from` to before `end` that `runs`, which are
/// sorted, do not show, at whatever offset.
pub(super) fn first_hidden(runs: &[Run], from: u64, end: u64) -> Option<u64> {
    let mut next = from;
    for run in runs {
        let first = u64::from(run.first.index);
        if first > next {
            break;
        }
        next = next.max(first + u64::from(run.records));
    }
    (next < end).then_some(next)
}

/// Why an acknowledged batch may be gone, if it may.
pub(super) fn excuse<'a>(acked: &Acked<'_>, view: View<'a>) -> Option<(u64, &'a str)> {
    let partition = acked.batch.partition;
    let left = view.premises.left(partition);
    if left.is_some() || acked.batch.acks == AckMode::All {
        return left;
    }
    let known = view.model.partitions.get(&partition);
    let committed = known.and_then(|known| known.committed.entry_at(acked.base));
    let was_committed = committed.is_some_and(|entry| entry.batch == acked.id);
    let because = "acks=1: leadership moved before the high watermark passed the record";
    (!was_committed).then_some((acked.batch.done.unwrap_or(acked.batch.sealed), because))
}
