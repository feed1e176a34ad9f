//! acked-durability and acks-one-durability.
//!
//! Every batch that a broker acknowledged with acks=all is in the log of whoever leads the
//! partition in the current epoch (Kafka's documentation of `acks` and min.insync.replicas;
//! KIP-966). For acks=1 the same, but only as long as leadership does not move before the high
//! watermark has passed the batch.
//!
//! Compared: each acknowledged batch with the acting leader's log, when it is acknowledged, when a
//! replica takes the leadership, and at the end. Batches answered with an error are not looked at:
//! 20, 7 and 6 leave the record where it is, and nothing may be concluded from them.
//!
//! The boundary case: a deposed leader may acknowledge after its successor took over, rightly, if
//! the successor fetched the batch before. So it is the successor's log that is looked at then,
//! and not who answered. It may answer for acks=1 what nobody ever had, at an offset below the
//! high watermark of today: whether a batch was committed is asked of the batch. And what was
//! deleted by rule is not lost, but only where the batch itself was: others may have been written
//! over it, and it is these that retention deletes.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{AckMode, ChainHash, Event, Kind, ReplicaRole};
use crate::trace::{LogEntry, LogView, ReplicaView};
use crate::types::{BatchId, BrokerId, Chunks, ErrorCode, LeaderEpoch, Offset, TopicPartition};

/// The property, for one way of acknowledging.
#[derive(Clone, Debug)]
pub(crate) struct AckedDurability {
    acks: AckMode,
    partitions: BTreeMap<TopicPartition, Ledger>,
}

/// What was acknowledged of a partition, in the order in which it was.
#[derive(Clone, Debug, Default)]
struct Ledger {
    acked: Chunks<Acked>,
    /// Hash of the log up to the end of the last of them.
    chain: ChainHash,
    /// The places of those that were found missing already.
    lost: BTreeSet<usize>,
    /// Whether a batch was acknowledged after one that stands behind it: a deposed leader answers
    /// late. Then the newest answer says nothing of the furthest offset.
    is_mixed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Acked {
    base: Offset,
    records: u32,
    epoch: LeaderEpoch,
    batch: BatchId,
    /// The event that appended it to the log of the leader that acknowledged it.
    appended: u64,
    /// The event that acknowledged it.
    event: u64,
}

impl Acked {
    fn end(&self) -> Offset {
        self.base + u64::from(self.records)
    }

    fn is_same(&self, entry: &LogEntry) -> bool {
        (self.base, self.epoch, self.batch) == (entry.base, entry.epoch, entry.batch)
    }
}

const ALL: Info = Info {
    name: "acked-durability",
    statement: "every batch acknowledged with acks=all is in the current leader's log",
    source: "Kafka documentation, producer configuration `acks`; KIP-966",
    premise: "as leader-completeness",
    kinds: &["produce-answered", "role-taken", "segments-deleted"],
    is_liveness: false,
};

const ONE: Info = Info {
    name: "acks-one-durability",
    statement: "every batch acknowledged with acks=1 is in the current leader's log",
    source: "Kafka documentation, producer configuration `acks`; KAFKA-20554",
    premise: "leadership does not move before the high watermark has passed the batch; else as \
              leader-completeness",
    kinds: &["produce-answered", "role-taken", "segments-deleted"],
    is_liveness: false,
};

impl AckedDurability {
    /// For acks=all.
    pub(crate) fn all() -> Self {
        Self { acks: AckMode::All, partitions: BTreeMap::new() }
    }

    /// For acks=1.
    pub(crate) fn one() -> Self {
        Self { acks: AckMode::Leader, partitions: BTreeMap::new() }
    }
}

impl Property for AckedDurability {
    fn info(&self) -> &'static Info {
        if self.acks == AckMode::All { &ALL } else { &ONE }
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        match &event.kind {
            Kind::ProduceAnswered {
                partition,
                batch,
                acks,
                error: ErrorCode::None,
                base_offset: Some(base_offset),
            } if *acks == self.acks => {
                self.on_answered(event, (*partition, *batch), *base_offset, view, findings);
            }
            Kind::RoleTaken { partition, role: ReplicaRole::Leader, leader_epoch, .. } => {
                let node = event.host.and_then(|host| view.model.setup().node(host));
                let known = view.model.partitions.get(partition);
                let is_current = known.is_some_and(|known| known.leader_epoch == *leader_epoch);
                if let Some(node) = node.filter(|_| is_current) {
                    self.look_through(*partition, node, event.index, view, findings);
                }
            }
            Kind::SegmentsDeleted { partition, .. } => self.forget(*partition, view),
            _ => {}
        }
    }

    fn at_end(&mut self, view: View<'_>, findings: &mut Findings) {
        for (partition, known) in &view.model.partitions {
            if let Some((leader, replica)) = known.acting_leader() {
                let since = replica.role.as_ref().map_or(0, |role| role.event);
                self.look_through(*partition, leader, since, view, findings);
            }
        }
    }

    clone_box!();
}

impl AckedDurability {
    fn on_answered(
        &mut self,
        event: &Event,
        (partition, batch): (TopicPartition, BatchId),
        base_offset: Offset,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let node = event.host.and_then(|host| view.model.setup().node(host));
        let (Some(node), Some(known)) = (node, view.model.partitions.get(&partition)) else {
            return;
        };
        let entry = known.replicas.get(&node).and_then(|own| own.log.entry_at(base_offset));
        // It came again, and is deleted by now.
        let is_deleted = |own: &ReplicaView| {
            base_offset < own.log.start && view.model.deleted.has(partition, batch)
        };
        if entry.is_none() && known.replicas.get(&node).is_some_and(is_deleted) {
            return;
        }
        findings.exercised();
        let Some(entry) = entry.filter(|entry| entry.batch == batch).copied() else {
            let name = view.model.partition_name(partition);
            let sentence = format!(
                "broker {node} acknowledged batch {batch} at offset {base_offset} of {name}, but \
                 its log does not hold it there"
            );
            let excuse = view.premises.left(partition);
            let subject = Subject::Records {
                partition,
                offset: base_offset,
                batch: Some(batch),
                lacking: Some(node),
            };
            findings.violated_unless(subject, excuse, sentence, [event.index]);
            return;
        };
        let LogEntry { base, records, epoch, batch, event: appended, chain } = entry;
        let acked = Acked { base, records, epoch, batch, appended, event: event.index };
        let at = self.partitions.entry(partition).or_default().add(acked, chain);
        if let Some((leader, replica)) = known.acting_leader().filter(|(id, _)| *id != node)
            && !holds(&replica.log, (partition, &acked), view)
        {
            self.lose(partition, at, (leader, event.index), view, findings);
        }
    }

    /// Forgets what no replica has any more, deleted by rule: it would only be kept for ever.
    fn forget(&mut self, partition: TopicPartition, view: View<'_>) {
        let known = view.model.partitions.get(&partition);
        let (Some(known), Some(ledger)) = (known, self.partitions.get_mut(&partition)) else {
            return;
        };
        if ledger.lost.is_empty() && !ledger.is_mixed {
            let origin = known.committed.origin();
            let is_gone = |acked: &&Acked| {
                acked.end() <= origin && view.model.deleted.has(partition, acked.batch)
            };
            let gone = ledger.acked.iter().take_while(is_gone).count();
            ledger.acked.remove_first(gone);
        }
    }

    /// Compares everything acknowledged with the log of `leader`.
    fn look_through(
        &mut self,
        partition: TopicPartition,
        leader: BrokerId,
        event: u64,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let known = view.model.partitions.get(&partition);
        let replica = known.and_then(|known| known.replicas.get(&leader));
        let (Some(replica), Some(ledger)) = (replica, self.partitions.get(&partition)) else {
            return;
        };
        let Some(last) = ledger.acked.last() else { return };
        findings.exercised();
        // Equal up to the newest, and that is the furthest: then all that is older is there, too.
        let is_equal = replica.log.chain_at(last.end()) == Some(ledger.chain);
        if is_equal && !ledger.lost.contains(&(ledger.acked.len() - 1)) && !ledger.is_mixed {
            return;
        }
        let is_missing = |at: &usize, acked: &Acked| {
            !ledger.lost.contains(at) && !holds(&replica.log, (partition, acked), view)
        };
        let missing: Vec<usize> = (0_usize..)
            .zip(ledger.acked.iter())
            .filter(|(at, acked)| is_missing(at, acked))
            .map(|(at, _)| at)
            .collect();
        for at in missing {
            self.lose(partition, at, (leader, event), view, findings);
        }
    }

    fn lose(
        &mut self,
        partition: TopicPartition,
        at: usize,
        (leader, event): (BrokerId, u64),
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let Some(ledger) = self.partitions.get_mut(&partition) else { return };
        let Some(acked) = ledger.acked.get(at).copied() else { return };
        if !ledger.lost.insert(at) {
            return;
        }
        let known = view.model.partition(partition);
        let epoch = known.map_or(LeaderEpoch(0), |known| known.leader_epoch);
        let name = view.model.partition_name(partition);
        let last = Offset(acked.end().0 - 1);
        let (what, them) = match acked.base == last {
            true => (format!("offset {last} of {name} was"), "it"),
            false => (format!("offsets {} to {last} of {name} were", acked.base), "them"),
        };
        let sentence = format!(
            "{what} acknowledged with acks={}, but broker {leader}, which leads in epoch {epoch}, \
             does not hold {them}",
            self.acks
        );
        let moved = format!("leadership of {name} moved before the high watermark passed {last}");
        // Others may be committed at these offsets by now.
        let was_committed = known.is_some_and(|known| holds_entry(&known.committed, &acked));
        let has_moved = self.acks == AckMode::Leader && !was_committed;
        let excuse = match has_moved {
            true => Some((event, moved.as_str())),
            false => view.premises.left(partition),
        };
        let subject = Subject::Records {
            partition,
            offset: acked.base,
            batch: Some(acked.batch),
            lacking: Some(leader),
        };
        findings.violated_unless(subject, excuse, sentence, [acked.appended, acked.event, event]);
    }
}

impl Ledger {
    /// Adds `acked`, at whose end `chain` is the log's hash, and says at which place; a retried
    /// batch that is acknowledged again where it stands already keeps its place.
    fn add(&mut self, acked: Acked, chain: ChainHash) -> usize {
        if let Some(last) = self.acked.last()
            && acked.base < last.end()
        {
            let at = self.acked.partition_point(|known| known.base < acked.base);
            let known = self.acked.get(at).filter(|_| !self.is_mixed);
            let of = |acked: &Acked| (acked.base, acked.epoch, acked.batch);
            let is_here = known.is_some_and(|known| of(known) == of(&acked));
            if is_here && !self.lost.contains(&at) {
                return at;
            }
            self.is_mixed = true;
        }
        self.acked.push(acked);
        self.chain = chain;
        self.acked.len() - 1
    }
}

fn holds(log: &LogView, (partition, acked): (TopicPartition, &Acked), view: View<'_>) -> bool {
    // What was deleted by rule is not lost.
    let is_deleted = acked.base < log.start && view.model.deleted.has(partition, acked.batch);
    is_deleted || holds_entry(log, acked)
}

fn holds_entry(log: &LogView, acked: &Acked) -> bool {
    log.entry_at(acked.base).is_some_and(|own| acked.is_same(own))
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;
    use crate::event::{AckMode, StartMovedBecause};

    /// Broker 1 leads in epoch 0, with all in sync.
    fn led() -> Script {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        run
    }

    /// Broker 1 acknowledges a batch that it alone holds, and broker 2 takes over.
    fn lose(mut run: Script, acks: AckMode, high_watermark: i64) -> Script {
        run.append(1, 1, 2, 0, true).answer(1, 1, 0, acks);
        if high_watermark > 0 {
            run.high_watermark(1, high_watermark, true);
        }
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        run
    }

    #[test]
    fn what_the_next_leader_has_is_not_lost() {
        let mut run = led();
        assert_eq!(run.outcome("acked-durability"), "not exercised");
        run.replicate(1, 2, 0).answer(1, 1, 0, AckMode::All);
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        assert_eq!(run.outcome("acked-durability"), "holds");
        assert_eq!(run.outcome("acks-one-durability"), "not exercised");
    }

    #[test]
    fn an_acknowledged_batch_that_the_next_leader_lacks_is_a_breach() {
        let run = lose(led(), AckMode::All, 0);
        assert_eq!(run.outcome("acked-durability"), "violated");
    }

    #[test]
    fn what_was_deleted_by_rule_is_not_lost() {
        let mut run = led();
        run.replicate(1, 2, 0).high_watermark(1, 2, true).answer(1, 1, 0, AckMode::All);
        run.move_start(1, 2, StartMovedBecause::RetentionMs, (8000, 0)).delete_segments(1, 2);
        for broker in 2..=3 {
            run.move_start(broker, 2, StartMovedBecause::Leader, (0, 0));
            run.delete_segments(broker, 2);
        }
        run.answer(1, 1, 0, AckMode::All).commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        assert_eq!(run.outcome("acked-durability"), "holds");
        // What stands behind it still counts.
        run.append(2, 2, 1, 1, true).answer(2, 2, 2, AckMode::All);
        run.commit(Some(3), 2, &[3]).lead(3, 2, &[3]);
        assert_eq!(run.outcome("acked-durability"), "violated");
    }

    /// A follower has something else where the batch stands, deletes that by rule, and leads.
    #[test]
    fn what_was_replaced_and_deleted_before_its_holder_leads_was_lost() {
        let mut run = led();
        run.append(1, 1, 2, 0, true).append(2, 9, 2, 0, false).append(3, 1, 2, 0, false);
        run.high_watermark(1, 2, true).answer(1, 1, 0, AckMode::All);
        run.move_start(2, 2, StartMovedBecause::RetentionMs, (8000, 0)).delete_segments(2, 2);
        assert_eq!(run.outcome("acked-durability"), "holds");
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        assert_eq!(run.outcome("acked-durability"), "violated");
    }

    /// Retention deletes what the leader has written over the batch, at last on every disk.
    #[test]
    fn what_the_leader_itself_replaces_is_lost_whatever_is_deleted_later() {
        let mut run = led();
        run.replicate(1, 2, 0).high_watermark(1, 2, true).answer(1, 1, 0, AckMode::All);
        for broker in 1..=3 {
            run.truncate(broker, 0).append(broker, 9, 2, 0, broker == 1);
        }
        for broker in 1..=3 {
            let because = match broker {
                1 => StartMovedBecause::RetentionMs,
                _ => StartMovedBecause::Leader,
            };
            run.move_start(broker, 2, because, (8000, 0)).delete_segments(broker, 2);
        }
        assert_eq!(run.outcome("acked-durability"), "violated");
    }

    #[test]
    fn what_its_log_never_held_was_not_deleted() {
        let mut run = led();
        run.replicate(9, 2, 0).high_watermark(1, 2, true);
        run.move_start(1, 2, StartMovedBecause::RetentionMs, (8000, 0)).delete_segments(1, 2);
        run.answer(1, 9, 0, AckMode::All);
        assert_eq!(run.outcome("acked-durability"), "not exercised");
        run.answer(1, 1, 0, AckMode::All);
        assert_eq!(run.outcome("acked-durability"), "violated");
    }

    /// What it answers for has been replaced at its successor, and deleted since.
    #[test]
    fn a_deposed_leader_that_answers_for_what_was_replaced_and_deleted_is_found() {
        let mut run = led();
        run.append(1, 1, 2, 0, true).high_watermark(1, 2, true);
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        run.append(2, 9, 2, 1, true).append(3, 9, 2, 1, false).high_watermark(2, 2, true);
        run.move_start(2, 2, StartMovedBecause::RetentionMs, (8000, 0)).delete_segments(2, 2);
        run.answer(1, 1, 0, AckMode::All);
        assert_eq!(run.outcome("acked-durability"), "violated");
    }

    #[test]
    fn a_deposed_leader_that_answers_late_hides_nothing() {
        let mut run = led();
        run.replicate(1, 2, 0).append(1, 2, 2, 0, true).append(2, 2, 2, 0, false);
        run.answer(1, 2, 2, AckMode::All).answer(1, 1, 0, AckMode::All);
        run.commit(Some(3), 1, &[3]).lead(3, 1, &[3]);
        assert_eq!(run.outcome("acked-durability"), "violated");
    }

    #[test]
    fn an_unclean_election_excuses_the_loss() {
        let mut run = Script::with_unclean_elections();
        run.commit(Some(1), 0, &[1]).lead(1, 0, &[1]);
        run.append(1, 1, 2, 0, true).answer(1, 1, 0, AckMode::All);
        run.elect_uncleanly(2, 1).lead(2, 1, &[2]);
        assert_eq!(run.outcome("acked-durability"), "outside its premise");
    }

    #[test]
    fn a_deposed_leader_that_goes_on_acknowledging_is_not_promised_to_be_heard() {
        let mut run = led();
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        run.append(2, 1, 2, 1, true).append(3, 1, 2, 1, false).high_watermark(2, 2, true);
        run.append(1, 2, 1, 0, true).answer(1, 2, 0, AckMode::Leader);
        assert_eq!(run.outcome("acks-one-durability"), "outside its premise");
    }

    #[test]
    fn with_acks_1_only_what_the_high_watermark_passed_is_promised() {
        let name = "acks-one-durability";
        assert_eq!(lose(led(), AckMode::Leader, 0).outcome(name), "outside its premise");
        assert_eq!(lose(led(), AckMode::Leader, 2).outcome(name), "violated");
        let mut run = led();
        run.replicate(1, 2, 0).answer(1, 1, 0, AckMode::Leader);
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        assert_eq!(run.outcome(name), "holds");
    }

    #[test]
    fn what_the_leader_itself_drops_is_found_at_the_end() {
        let mut run = led();
        run.replicate(1, 2, 0).answer(1, 1, 0, AckMode::All);
        assert_eq!(run.outcome("acked-durability"), "holds");
        run.truncate(1, 0);
        assert_eq!(run.outcome("acked-durability"), "violated");
    }

    #[test]
    fn what_a_later_leader_has_again_was_lost_all_the_same() {
        let mut run = lose(led(), AckMode::All, 0);
        run.commit(Some(1), 2, &[1]).lead(1, 2, &[1]);
        assert_eq!(run.outcome("acked-durability"), "violated");
    }
}
