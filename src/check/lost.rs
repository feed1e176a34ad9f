//! Records that were acknowledged and are gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{AckMode, OperationResult};
use crate::history::{Batch, History};
use crate::trace::{DeletedBatches, LogView, Model};
use crate::types::{BatchId, HostId, TopicPartition};

/// How many records that were acknowledged to hosts that count (acks=1 or acks=all) are not in the
/// log of whoever leads their partition now; where nobody leads, in no replica's log. What was
/// deleted by rule where it stood is not lost; what was replaced there is, whatever is deleted
/// later.
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
        if model.is_removed(batch.partition.topic_id) {
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
    /// What was deleted by rule where it stood.
    deleted: &'a DeletedBatches,
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
        Self { logs, deleted: &model.deleted, batches: None }
    }

    fn hold(&mut self, id: BatchId, batch: &Batch) -> bool {
        if let Some(base) = batch.base_offset() {
            let has = |log: &&LogView| log.entry_at(base).is_some_and(|entry| entry.batch == id);
            if self.logs.iter().any(has) {
                return true;
            }
        }
        if self.deleted.has(batch.partition, id) {
            return true;
        }
        let batches = self.batches.get_or_insert_with(|| {
            let entries = self.logs.iter().flat_map(|log| log.entries().iter());
            entries.map(|entry| entry.batch).collect()
        });
        batches.contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use crate::check::checker::Checker;
    use crate::check::script::{PLAIN, Script, WRITER};
    use crate::event::{AckMode, StartMovedBecause};
    use crate::trace::Model;

    fn lost(run: &Script) -> u64 {
        let mut model = Model::new(std::sync::Arc::new(run.setup().clone()));
        let mut checker = Checker::of(Vec::new());
        for event in run.events() {
            model.apply(event);
            checker.observe(event, &model);
        }
        checker.lost(&model, |host| host == WRITER || host == PLAIN)
    }

    #[test]
    fn only_acknowledged_records_outside_the_leader_are_lost() {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        run.replicate(1, 2, 0).write(WRITER, 1, 2, 0);
        run.append(1, 2, 3, 0, true);
        let operations = run.seal(PLAIN, 2, 3, AckMode::Leader);
        run.done(PLAIN, 2, &operations, 2);
        run.append(1, 3, 1, 0, true).seal(WRITER, 3, 1, AckMode::All);
        assert_eq!(lost(&run), 0);
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        assert_eq!(lost(&run), 3);
        // Sent again, it stands somewhere else.
        run.append(2, 9, 1, 1, true).append(2, 2, 3, 1, true);
        assert_eq!(lost(&run), 0);
    }

    /// Retention deletes what stands there: that is no excuse for what does not stand there any
    /// more.
    #[test]
    fn what_was_replaced_is_lost_whatever_is_deleted_later() {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        run.replicate(1, 2, 0).write(WRITER, 1, 2, 0);
        run.append(1, 2, 3, 0, true);
        let operations = run.seal(PLAIN, 2, 3, AckMode::Leader);
        run.done(PLAIN, 2, &operations, 2);
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        run.append(2, 9, 4, 1, true).append(2, 10, 1, 1, true);
        assert_eq!(lost(&run), 3);
        run.move_start(2, 6, StartMovedBecause::RetentionMs, (8000, 0)).delete_segments(2, 6);
        assert_eq!(lost(&run), 3);
        // The old leader deletes because the new one has: nobody can tell what stood there.
        run.move_start(1, 5, StartMovedBecause::Leader, (0, 0)).delete_segments(1, 5);
        assert_eq!(lost(&run), 3);
    }

    #[test]
    fn what_its_leader_deleted_by_rule_is_not_lost() {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        run.replicate(1, 2, 0).write(WRITER, 1, 2, 0);
        run.replicate(2, 3, 0).write(WRITER, 2, 3, 2);
        run.move_start(1, 2, StartMovedBecause::RetentionMs, (8000, 0)).delete_segments(1, 2);
        assert_eq!(lost(&run), 0);
        // In the middle of a batch.
        run.move_start(1, 4, StartMovedBecause::DeleteRecords, (0, 0));
        assert_eq!(lost(&run), 0);
        // Whoever leads next has not deleted it itself, or has nothing at all.
        run.move_start(2, 2, StartMovedBecause::Leader, (0, 0)).delete_segments(2, 2);
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        assert_eq!(lost(&run), 0);
        run.commit(None, 2, &[]);
        assert_eq!(lost(&run), 0);
    }
}
