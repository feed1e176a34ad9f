//! no-duplicate.
//!
//! A batch of an idempotent producer stands in a partition's log once, however often it was sent
//! (KIP-98: the leader remembers the sequences of each producer's last five batches).
//!
//! Compared: a batch that a leader appends with what that leader's own log holds already; one that
//! it refuses as out of order with the last five of its producer there.
//!
//! The boundary case: the leader that took the batch first is deposed and its tail is cut; the
//! next leader takes the batch when it is sent again. It was appended twice and stands there once,
//! so what is looked at is the log and not the count of appends.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, ProducerOutcome};
use crate::history::Batch;
use crate::trace::LogEntry;
use crate::types::{BatchId, BrokerId, ErrorCode, Offset, TopicPartition};

/// How many batches of a producer a leader remembers.
const REMEMBERED: usize = 5;

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct NoDuplicate {
    /// Where those batches that leaders appended more than once were appended.
    places: BTreeMap<BatchId, Vec<Offset>>,
}

const INFO: Info = Info {
    name: "no-duplicate",
    statement: "a batch that an idempotent producer sends again stands in the log once",
    source: "KIP-98; KAFKA-5494; Kafka 4.1, ProducerStateManager",
    premise: "enable.idempotence is on; the producer did not raise its epoch over a batch whose \
              fate it does not know (KIP-360); the leader's memory of the producer is not lost \
              with the log (as leader-completeness)",
    kinds: &["log-appended", "produce-handled"],
    is_liveness: false,
};

impl Property for NoDuplicate {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        match &event.kind {
            Kind::LogAppended { partition, base_offset, batch, as_leader: true, .. }
                if *partition != TopicPartition::CLUSTER_METADATA =>
            {
                self.on_appended(event, (*partition, *batch), *base_offset, view, findings);
            }
            Kind::ProduceHandled {
                partition,
                batch,
                outcome: ProducerOutcome::Refused,
                error: ErrorCode::OutOfOrderSequenceNumber,
                ..
            } => on_refused(event, (*partition, *batch), view, findings),
            // It came again, and the leader knew it.
            Kind::ProduceHandled { outcome: ProducerOutcome::Duplicate, .. } => {
                findings.exercised();
            }
            _ => {}
        }
    }

    clone_box!();
}

impl NoDuplicate {
    fn on_appended(
        &mut self,
        event: &Event,
        (partition, batch): (TopicPartition, BatchId),
        base: Offset,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let sealed = view.history.batches.get(&batch);
        let Some((first, place)) = sealed.and_then(Batch::first_appended) else { return };
        if first == event.index {
            return;
        }
        findings.exercised();
        let places = self.places.entry(batch).or_insert_with(|| vec![place]);
        if !places.contains(&base) {
            places.push(base);
        }
        let node = event.host.and_then(|host| view.model.setup().node(host));
        let known = view.model.partitions.get(&partition);
        let replica = known.zip(node).and_then(|(known, node)| known.replicas.get(&node));
        let Some(replica) = replica else { return };
        let holds = |offset: &Offset| {
            let entry = replica.log.entry_at(*offset).filter(|entry| entry.base == *offset);
            entry.filter(|entry| entry.batch == batch && entry.base != base).copied()
        };
        let Some(first) = places.iter().find_map(holds) else { return };
        report(event, (partition, base, first), sealed, view, findings);
    }
}

/// A leader that has a batch, one of the last five of its producer, must know it again: the
/// producer takes the refusal for a gap, raises its epoch and sends the batch once more as a new
/// one (KAFKA-5494). What was loaded from the disk may be less (one batch a producer).
fn on_refused(
    event: &Event,
    (partition, batch): (TopicPartition, BatchId),
    view: View<'_>,
    findings: &mut Findings,
) {
    let node = event.host.and_then(|host| view.model.setup().node(host));
    let known = view.model.partitions.get(&partition);
    let replica = known.zip(node).and_then(|(known, node)| known.replicas.get(&node));
    let sealed = view.history.batches.get(&batch);
    let (Some(replica), Some(sealed)) = (replica, sealed) else { return };
    let Some((producer, _)) = sealed.numbered() else { return };
    let is_its = |entry: &&LogEntry| {
        let other = view.history.batches.get(&entry.batch);
        other.and_then(Batch::numbered).is_some_and(|(other, _)| other == producer)
    };
    let last = replica.log.entries().iter().rev().filter(is_its).take(REMEMBERED);
    let found = last.into_iter().find(|entry| entry.batch == batch);
    // A producer that raised its epoch is known by the new one only.
    let is_renumbered = |host| {
        view.history.clients.get(&host).is_some_and(|client| client.sequences_reset.is_some())
    };
    let Some(entry) = found.filter(|_| !is_renumbered(sealed.client)) else { return };
    if replica.cut.is_some_and(|cut| cut > entry.event) {
        return;
    }
    findings.exercised();
    let name = view.model.partition_name(partition);
    let sentence = format!(
        "broker {} refused batch {batch} of {} as out of order, although it stands at offset {} of \
         {name} and is one of the last {REMEMBERED} of its producer",
        node.unwrap_or(BrokerId(-1)),
        view.model.setup().host_name(Some(sealed.client)),
        entry.base
    );
    let subject = Subject::Batches {
        partition,
        client: Some(sealed.client),
        batches: vec![batch],
        offsets: vec![entry.base],
    };
    findings.violated(subject, sentence, [sealed.sealed, entry.event, event.index]);
}

fn report(
    event: &Event,
    (partition, base, first): (TopicPartition, Offset, LogEntry),
    sealed: Option<&Batch>,
    view: View<'_>,
    findings: &mut Findings,
) {
    let setup = view.model.setup();
    let producer = setup.host_name(sealed.map(|batch| batch.client));
    let name = view.model.partition_name(partition);
    let batch = first.batch;
    let sentence = format!(
        "batch {batch} of {producer} stands twice in the log of {name}: at offset {} and at \
         offset {base}",
        first.base
    );
    let evidence = sealed.map(|batch| batch.sealed).into_iter().chain([first.event, event.index]);
    let subject = Subject::Batches {
        partition,
        client: sealed.map(|batch| batch.client),
        batches: vec![batch],
        offsets: vec![first.base, base],
    };
    findings.violated_unless(subject, excuse(sealed, partition, view), sentence, evidence);
}

/// Why a batch may stand twice in a log, if it may.
pub(crate) fn excuse<'a>(
    sealed: Option<&Batch>,
    partition: TopicPartition,
    view: View<'a>,
) -> Option<(u64, &'a str)> {
    let sealed = sealed?;
    let client = view.model.setup().client(sealed.client)?;
    if !client.idempotent {
        return Some((sealed.sealed, "enable.idempotence is off"));
    }
    let reset = view.history.clients.get(&sealed.client).and_then(|known| known.sequences_reset);
    let reset = reset.map(|event| {
        (event, "the producer raised its epoch and numbered unresolved batches anew (KIP-360)")
    });
    reset.or_else(|| view.premises.left(partition))
}

#[cfg(test)]
mod tests {
    use crate::check::script::{PLAIN, Script, WRITER};
    use crate::event::{AckMode, Kind};
    use crate::types::{HostId, ProducerEpoch, ProducerId};

    fn sent_twice(client: HostId) -> Script {
        let mut run = Script::new();
        run.seal(client, 1, 2, AckMode::All);
        run.append(1, 1, 2, 0, true).append(1, 1, 2, 0, true);
        run
    }

    #[test]
    fn a_batch_that_stands_twice_in_a_log_is_a_breach() {
        assert_eq!(sent_twice(WRITER).outcome("no-duplicate"), "violated");
    }

    #[test]
    fn a_batch_that_was_cut_may_be_appended_again() {
        let mut run = Script::new();
        run.seal(WRITER, 1, 2, AckMode::All);
        run.append(1, 1, 2, 0, true);
        assert_eq!(run.outcome("no-duplicate"), "not exercised");
        run.truncate(1, 0).append(1, 7, 1, 1, false).append(1, 1, 2, 1, true);
        assert_eq!(run.outcome("no-duplicate"), "holds");
    }

    #[test]
    fn a_batch_that_only_a_deposed_leader_holds_may_be_appended_again() {
        let mut run = Script::new();
        run.seal(WRITER, 1, 2, AckMode::All);
        run.append(1, 1, 2, 0, true).append(2, 7, 1, 1, true).append(2, 1, 2, 1, true);
        assert_eq!(run.outcome("no-duplicate"), "holds");
        run.append(2, 1, 2, 1, true);
        assert_eq!(run.outcome("no-duplicate"), "violated");
    }

    #[test]
    fn only_idempotent_producers_are_promised_it() {
        assert_eq!(sent_twice(PLAIN).outcome("no-duplicate"), "outside its premise");
    }

    #[test]
    fn a_producer_that_numbers_anew_is_not_promised_it() {
        let mut run = Script::new();
        run.seal(WRITER, 1, 2, AckMode::All);
        run.append(1, 1, 2, 0, true);
        let (producer, epoch) = (ProducerId(1), ProducerEpoch(1));
        run.add(WRITER, Kind::SequencesReset { producer, epoch }).append(1, 1, 2, 0, true);
        assert_eq!(run.outcome("no-duplicate"), "outside its premise");
    }
}
