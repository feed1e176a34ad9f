//! Records that were acknowledged and are gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{AckMode, OperationResult};
use crate::history::{Batch, History};
use crate::trace::{LogView, Model};
use crate::types::{BatchId, HostId, TopicPartition};

/// How many records that were acknowledged to hosts that count (acks=1 or acks=all) are not in the
/// log of whoever leads their partition now; where nobody leads, in no replica's log.
pub(crate) fn lost_records(
    history: &History,
    model: &Model,
    counts: impl Fn(HostId) -> bool,
) -> u64 {
    let is_acknowledged = |batch: &Batch| {
        batch.result == Some(OperationResult::Ok)
            && batch.acks != AckMode::None
            && counts(batch.client)
    };
    let mut holders: BTreeMap<TopicPartition, Holders<'_>> = BTreeMap::new();
    let mut lost = 0;
    for (id, batch) in history.batches.iter().filter(|(_, batch)| is_acknowledged(batch)) {
        // What was deleted with its topic is not lost.
        if !model.partitions.contains_key(&batch.partition) {
            continue;
        }
        let held = holders
            .entry(batch.partition)
            .or_insert_with(|| Holders::of(model, batch.partition))
            .hold(*id, batch);
        if !held {
            lost += batch.operations.len() as u64;
        }
    }
    lost
}

/// The logs in which a partition's records must be.
struct Holders<'a> {
    logs: Vec<&'a LogView>,
    /// All that is in them; only when something was not where it should be.
    batches: Option<BTreeSet<BatchId>>,
}

impl<'a> Holders<'a> {
    fn of(model: &'a Model, partition: TopicPartition) -> Self {
        let known = model.partitions.get(&partition);
        let leader = known.and_then(|known| known.acting_leader());
        let logs = match leader {
            Some((_, replica)) => vec![&replica.log],
            None => {
                let all = known.into_iter().flat_map(|known| known.replicas.values());
                all.map(|replica| &replica.log).collect()
            }
        };
        Self { logs, batches: None }
    }

    fn hold(&mut self, id: BatchId, batch: &Batch) -> bool {
        if let Some(base) = batch.base_offset {
            let has = |log: &&LogView| {
                base < log.start || log.entry_at(base).is_some_and(|entry| entry.batch == id)
            };
            if self.logs.iter().any(has) {
                return true;
            }
        }
        let batches = self.batches.get_or_insert_with(|| {
            let entries = self.logs.iter().flat_map(|log| log.entries().iter());
            entries.map(|entry| entry.batch).collect()
        });
        batches.contains(&id)
    }
}
