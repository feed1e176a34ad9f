//! consistent-read.
//!
//! A record that was once readable stays at its offset with its contents: what a leader of the
//! current epoch shows below its high watermark is what was committed there before, and what
//! consumers received is what is committed there (TrueHW monotone, part 8 of the invariants;
//! KIP-101).
//!
//! Compared: the log of the leader that moves the true high watermark with the committed contents
//! below the old one; the contents below a follower's new high watermark; each polled run of
//! records with the committed contents, at once or as soon as the true high watermark passes.
//! A poll beyond every replica's high watermark was never readable.
//!
//! The boundary case: a deposed leader may rightly move its own high watermark, and serve it,
//! since its followers fetched in its epoch; the new leader commits the same records only later.
//! Such polls wait for their turn instead of being breaches.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::trace::PartitionView;
use crate::types::{BatchId, BrokerId, Offset, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConsistentRead {
    partitions: BTreeMap<TopicPartition, Watch>,
}

#[derive(Clone, Debug, Default)]
struct Watch {
    /// The true high watermark when it was last looked at.
    compared: Offset,
    /// Polled runs that are not committed yet.
    waiting: Vec<Polled>,
}

#[derive(Clone, Copy, Debug)]
struct Polled {
    base: Offset,
    end: Offset,
    batch: BatchId,
    first: u32,
    event: u64,
}

const INFO: Info = Info {
    name: "consistent-read",
    statement: "a record that was once readable stays at its offset with its contents",
    source: "KIP-101; kafka-specification",
    premise: "as leader-completeness",
    kinds: &["high-watermark-moved", "polled"],
    is_liveness: false,
};

impl Property for ConsistentRead {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        match &event.kind {
            Kind::HighWatermarkMoved { partition, high_watermark, as_leader } => {
                let node = event.host.and_then(|host| view.model.setup().node(host));
                let known = view.model.partitions.get(partition);
                let (Some(node), Some(known)) = (node, known) else { return };
                if *as_leader && *high_watermark == known.true_high_watermark {
                    self.on_committed(event, (*partition, node), known, view, findings);
                } else if !*as_leader {
                    compare_follower(event, (*partition, node), known, view, findings);
                }
            }
            Kind::Polled { partition, base_offset, records, batch, first, .. } => {
                let polled = Polled {
                    base: *base_offset,
                    end: *base_offset + u64::from(*records),
                    batch: *batch,
                    first: *first,
                    event: event.index,
                };
                self.on_polled(*partition, polled, view, findings);
            }
            _ => {}
        }
    }

    clone_box!();
}

impl ConsistentRead {
    fn on_committed(
        &mut self,
        event: &Event,
        (partition, node): (TopicPartition, BrokerId),
        known: &PartitionView,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let watch = self.partitions.entry(partition).or_default();
        let compared = std::mem::replace(&mut watch.compared, known.true_high_watermark);
        let Some(leader) = known.replicas.get(&node) else { return };
        findings.exercised();
        // What was just committed came from this very log; what was before need not have.
        if !leader.log.holds(&known.committed, compared) {
            let missing = leader.log.first_missing(&known.committed, compared);
            let offset = missing.map_or(compared, |entry| entry.base);
            let name = view.model.partition_name(partition);
            let sentence = format!(
                "broker {node} leads {name} and shows other records from offset {offset} than \
                 were readable before"
            );
            let evidence = missing.map(|entry| entry.event).into_iter().chain([event.index]);
            let subject = Subject::Records {
                partition,
                offset,
                batch: missing.map(|entry| entry.batch),
                lacking: Some(node),
            };
            findings.violated_unless(subject, view.premises.left(partition), sentence, evidence);
        }
        let ready = |polled: &mut Polled| polled.end <= known.true_high_watermark;
        let ready: Vec<Polled> = watch.waiting.extract_if(.., ready).collect();
        for polled in ready {
            compare_polled(partition, &polled, known, view, findings);
        }
    }

    fn on_polled(
        &mut self,
        partition: TopicPartition,
        polled: Polled,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let Some(known) = view.model.partitions.get(&partition) else { return };
        if polled.end <= known.true_high_watermark {
            compare_polled(partition, &polled, known, view, findings);
        } else if polled.end > known.readable_end {
            let name = view.model.partition_name(partition);
            let sentence = format!(
                "a consumer received offset {} of {name}, while no replica's high watermark had \
                 passed {}",
                Offset(polled.end.0 - 1),
                known.readable_end
            );
            findings.exercised();
            let subject =
                Subject::Reading { partition, client: None, offset: Offset(polled.end.0 - 1) };
            findings.violated(subject, sentence, [polled.event]);
        } else {
            self.partitions.entry(partition).or_default().waiting.push(polled);
        }
    }
}

fn compare_polled(
    partition: TopicPartition,
    polled: &Polled,
    known: &PartitionView,
    view: View<'_>,
    findings: &mut Findings,
) {
    // What was committed before the trace knows of it, or was deleted since, cannot be compared.
    let Some(entry) = known.committed.entry_at(polled.base) else { return };
    findings.exercised();
    if entry.batch == polled.batch && entry.base + u64::from(polled.first) == polled.base {
        return;
    }
    let name = view.model.partition_name(partition);
    let sentence = format!(
        "a consumer received batch {} at offset {} of {name}, where batch {} is committed",
        polled.batch, polled.base, entry.batch
    );
    let evidence = [entry.event, polled.event];
    let subject = Subject::Batches {
        partition,
        client: None,
        batches: vec![entry.batch, polled.batch],
        offsets: vec![polled.base],
    };
    findings.violated_unless(subject, view.premises.left(partition), sentence, evidence);
}

fn compare_follower(
    event: &Event,
    (partition, node): (TopicPartition, BrokerId),
    known: &PartitionView,
    view: View<'_>,
    findings: &mut Findings,
) {
    let Some(replica) = known.replicas.get(&node) else { return };
    let high_watermark = replica.high_watermark;
    if high_watermark > known.true_high_watermark {
        return;
    }
    let theirs = replica.log.chain_at(high_watermark);
    let ours = known.committed.chain_at(high_watermark);
    // Where a batch of the one log spans the offset, it ends no batch there: they differ.
    let is_other = theirs != ours || theirs.is_none();
    if is_other && !replica.log.holds(&known.committed, high_watermark) {
        let name = view.model.partition_name(partition);
        let sentence = format!(
            "broker {node} raised its high watermark of {name} to {high_watermark} over records \
             that are not the committed ones"
        );
        let subject = Subject::Replica { partition, replica: node, offset: Some(high_watermark) };
        findings.violated_unless(subject, view.premises.left(partition), sentence, [event.index]);
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{READER, Script};
    use crate::event::{ReplicaRole, StartMovedBecause};

    /// Broker 1 leads in epoch 0, with all in sync.
    fn led() -> Script {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        run
    }

    #[test]
    fn what_was_committed_may_be_read() {
        let mut run = led();
        assert_eq!(run.outcome("consistent-read"), "not exercised");
        run.replicate(1, 2, 0).high_watermark(1, 2, true).poll(READER, 0, (1, 0, 2));
        assert_eq!(run.outcome("consistent-read"), "holds");
    }

    #[test]
    fn another_record_than_the_committed_one_is_a_breach() {
        let mut run = led();
        run.replicate(1, 2, 0).high_watermark(1, 2, true).poll(READER, 0, (9, 0, 2));
        assert_eq!(run.outcome("consistent-read"), "violated");
    }

    #[test]
    fn a_record_above_every_high_watermark_is_a_breach() {
        let mut run = led();
        run.replicate(1, 2, 0).poll(READER, 0, (1, 0, 2));
        assert_eq!(run.outcome("consistent-read"), "violated");
    }

    #[test]
    fn after_an_unclean_election_nothing_is_promised() {
        let mut run = Script::with_unclean_elections();
        run.elect_uncleanly(1, 1).lead(1, 1, &[1]);
        run.append(1, 1, 2, 1, true).high_watermark(1, 2, true).poll(READER, 0, (9, 0, 2));
        assert_eq!(run.outcome("consistent-read"), "outside its premise");
    }

    /// Seed 1317 of scenarios/sweep/retention.toml: a leader had had a record of its own once, at
    /// an offset that all have deleted since; the hash of its log goes on from that record.
    #[test]
    fn what_was_deleted_may_have_differed() {
        let mut run = led();
        run.replicate(1, 1, 0).high_watermark(1, 1, true).append(1, 9, 1, 0, true);
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        run.append(2, 2, 1, 1, true).append(3, 2, 1, 1, false).high_watermark(2, 2, true);
        for broker in [2, 3, 1] {
            run.move_start(broker, 2, StartMovedBecause::Leader, (0, 0));
            run.delete_segments(broker, 2);
        }
        run.role(1, ReplicaRole::Follower, 2, 1, &[2, 3]);
        run.append(2, 3, 1, 1, true).append(3, 3, 1, 1, false).append(1, 3, 1, 1, false);
        run.high_watermark(2, 3, true);
        run.commit(Some(1), 2, &[1, 2, 3]).lead(1, 2, &[1, 2, 3]);
        run.replicate(4, 1, 2).high_watermark(1, 4, true).high_watermark(2, 4, false);
        let verdict = run.verdict("consistent-read");
        assert_eq!(run.outcome("consistent-read"), "holds", "{verdict:?}");
    }
}
