//! The account: what several properties ask about a run that is over, drawn up once.

use std::collections::BTreeMap;

use crate::event::{AckMode, OperationResult};
use crate::history::{Batch, History, Run};
use crate::types::{BatchId, Offset, TopicPartition};

/// What was acknowledged, and what was shown, partition by partition; empty until the run is over.
#[derive(Clone, Debug, Default)]
pub struct Account<'a> {
    /// Acknowledged batches whose place is known, in the order of their places.
    acknowledged: BTreeMap<TopicPartition, Vec<Acked<'a>>>,
    /// What consumers were shown.
    shown: BTreeMap<TopicPartition, Shown<'a>>,
}

/// What consumers were shown of a partition: batch by batch, each in the order of its records.
#[derive(Clone, Debug, Default)]
struct Shown<'a> {
    /// The batch of each run: looking for one should not look into runs all over the memory.
    batches: Vec<BatchId>,
    runs: Vec<&'a Run>,
}

impl<'a> Shown<'a> {
    fn of(runs: impl Iterator<Item = &'a Run>) -> Self {
        let mut keyed: Vec<(BatchId, &Run)> = runs.map(|run| (run.batch, run)).collect();
        let key = |(batch, run): &(BatchId, &Run)| (*batch, run.index, run.base, run.event);
        keyed.sort_unstable_by(|one, other| match one.0.cmp(&other.0) {
            std::cmp::Ordering::Equal => key(one).cmp(&key(other)),
            unequal => unequal,
        });
        let (batches, runs) = keyed.into_iter().unzip();
        Self { batches, runs }
    }
}

/// An acknowledged batch whose place is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked<'a>(&'a (BatchId, Batch));

impl<'a> Acked<'a> {
    pub(crate) fn id(self) -> BatchId {
        self.0.0
    }

    pub(crate) fn batch(self) -> &'a Batch {
        &self.0.1
    }

    /// The offset of its first record.
    pub(crate) fn base(self) -> Offset {
        self.batch().base_offset().expect("only batches whose place is known are listed")
    }

    /// The offset after its last record.
    pub(crate) fn end(self) -> Offset {
        self.base() + self.batch().operations.len() as u64
    }

    /// The events that tell of it.
    pub(crate) fn evidence(self) -> impl Iterator<Item = u64> + use<> {
        [self.batch().sealed].into_iter().chain(self.batch().done())
    }
}

/// The account of a run that is not over.
pub(crate) static NONE_YET: Account<'static> =
    Account { acknowledged: BTreeMap::new(), shown: BTreeMap::new() };

impl<'a> Account<'a> {
    /// The account of `history`.
    pub fn of(history: &'a History) -> Self {
        let mut acknowledged: BTreeMap<TopicPartition, Vec<Acked<'a>>> = BTreeMap::new();
        for entry in history.batches.entries() {
            let (_, batch) = entry;
            let is_ok = batch.result == Some(OperationResult::Ok) && batch.acks != AckMode::None;
            if is_ok && batch.base_offset().is_some() {
                acknowledged.entry(batch.partition).or_default().push(Acked(entry));
            }
        }
        for list in acknowledged.values_mut() {
            list.shrink_to_fit();
            list.sort_unstable_by_key(|acked| (acked.base(), acked.batch().sealed));
        }
        let shown = history.partitions.iter();
        let shown = shown.map(|(partition, seen)| (*partition, Shown::of(seen.all())));
        Self { shown: shown.collect(), acknowledged }
    }

    /// Acknowledged batches by partition, in the order of their places.
    pub(crate) fn acknowledged(
        &self,
    ) -> impl Iterator<Item = (TopicPartition, &[Acked<'a>])> + use<'_, 'a> {
        self.acknowledged.iter().map(|(partition, list)| (*partition, list.as_slice()))
    }

    /// What consumers were shown of each batch of `partition`, in the order of its records.
    pub(crate) fn shown(&self, partition: TopicPartition) -> impl Iterator<Item = &[&'a Run]> {
        let runs = self.shown.get(&partition).map_or(&[][..], |shown| &shown.runs);
        runs.chunk_by(|one, next| one.batch == next.batch)
    }

    /// What consumers were shown of `batch`, in the order of its records.
    pub(crate) fn shown_of(&self, partition: TopicPartition, batch: BatchId) -> &[&'a Run] {
        let Some(shown) = self.shown.get(&partition) else { return &[] };
        let from = shown.batches.partition_point(|known| *known < batch);
        let count = shown.batches[from..].iter().take_while(|known| **known == batch).count();
        &shown.runs[from..from + count]
    }
}
