//! per-producer-order.
//!
//! The batches of one producer process stand in a partition's log in the order in which it sealed
//! them (KIP-98; max.in.flight.requests.per.connection).
//!
//! Compared: a batch that a leader appends with the newest one of the same producer in that
//! leader's own log. Only the first copy of a batch counts; a second one is for no-duplicate.
//!
//! The boundary case: a deposed leader that does not know it yet appends beside its successor.
//! What it appended is in another log, so batches are compared within one log only.

use std::collections::BTreeMap;

use crate::check::premise::unknown_producer;
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::history::{Batch, Client};
use crate::trace::{LogEntry, LogView};
use crate::types::{BatchId, Chunks, HostId, Offset, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct PerProducerOrder {
    /// What leaders appended for each producer, in the order of events.
    appended: BTreeMap<(TopicPartition, HostId), Chunks<Appended>>,
}

#[derive(Clone, Copy, Debug)]
struct Appended {
    base: Offset,
    batch: BatchId,
}

const INFO: Info = Info {
    name: "per-producer-order",
    statement: "a producer's batches stand in a partition in the order in which it sent them",
    source: "KIP-98; Kafka documentation, max.in.flight.requests.per.connection; Kafka 4.1, \
             ProducerAppendInfo",
    premise: "enable.idempotence is on or max.in.flight.requests.per.connection is 1; the first \
              batch that a leader takes of a producer is its first; as leader-completeness",
    kinds: &["log-appended"],
    is_liveness: false,
};

impl Property for PerProducerOrder {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let Kind::LogAppended { partition, base_offset, batch, as_leader: true, .. } = &event.kind
        else {
            return;
        };
        let node = event.host.and_then(|host| view.model.setup().node(host));
        let known = view.model.partitions.get(partition);
        let replica = known.zip(node).and_then(|(known, node)| known.replicas.get(&node));
        let sealed = view.history.batches.get(batch);
        let (Some(replica), Some(sealed)) = (replica, sealed) else { return };
        let list = self.appended.entry((*partition, sealed.client)).or_default();
        let newest = newest_in(list, &replica.log, *base_offset);
        if let Some((newest, entry)) = newest {
            findings.exercised();
            let is_copy = || {
                let same = list.iter().rev().filter(|appended| appended.batch == *batch);
                same.into_iter().any(|appended| entry_of(appended, &replica.log).is_some())
            };
            let before = view.history.batches.get(&newest.batch).map(|newest| newest.sealed);
            let goes_back = before.is_some_and(|before| before > sealed.sealed) && !is_copy();
            if goes_back && is_of_one_life(newest.batch, sealed, view) {
                let unknown = unknown_producer(view.history, &replica.log, sealed);
                let of = (sealed, *batch, *base_offset);
                report(event, of, (entry, unknown), view, findings);
            }
        }
        list.push(Appended { base: *base_offset, batch: *batch });
    }

    clone_box!();
}

/// The batch in `list` that was appended last among those that stand in `log` below `end`.
fn newest_in(list: &Chunks<Appended>, log: &LogView, end: Offset) -> Option<(Appended, LogEntry)> {
    // Usually the very last. Those of another leader are passed over once: what this one appends
    // stands behind them from then on.
    let below = list.iter().rev().filter(|appended| appended.base < end);
    below.into_iter().find_map(|appended| Some((*appended, entry_of(appended, log)?)))
}

fn entry_of(appended: &Appended, log: &LogView) -> Option<LogEntry> {
    let entry = log.entry_at(appended.base).filter(|entry| entry.base == appended.base);
    entry.filter(|entry| entry.batch == appended.batch).copied()
}

/// Whether both batches were sealed by one process: the next counts from the beginning.
fn is_of_one_life(newest: BatchId, sealed: &Batch, view: View<'_>) -> bool {
    let stopped =
        view.history.clients.get(&sealed.client).and_then(|client: &Client| client.stopped);
    let newest = view.history.batches.get(&newest).map(|batch| batch.sealed);
    stopped.is_none_or(|stopped| {
        newest.is_some_and(|newest| newest > stopped) == (sealed.sealed > stopped)
    })
}

fn report(
    event: &Event,
    (sealed, batch, base): (&Batch, BatchId, Offset),
    (newest, unknown): (LogEntry, Option<(u64, &str)>),
    view: View<'_>,
    findings: &mut Findings,
) {
    let setup = view.model.setup();
    let producer = setup.host_name(Some(sealed.client));
    let name = view.model.partition_name(sealed.partition);
    let sentence = format!(
        "{producer} sent a batch before the one that stands at offset {} of {name}, but it was \
         appended behind it, at offset {base}",
        newest.base
    );
    let client = setup.client(sealed.client);
    let is_ordered = client.is_some_and(|client| client.idempotent || client.in_flight_max <= 1);
    let unordered = "enable.idempotence is off, and max.in.flight.requests.per.connection is not 1";
    let excuse = match is_ordered {
        true => view.premises.left(sealed.partition).or(unknown),
        false => Some((sealed.sealed, unordered)),
    };
    let subject = Subject::Batches {
        partition: sealed.partition,
        client: Some(sealed.client),
        batches: vec![newest.batch, batch],
        offsets: vec![newest.base, base],
    };
    findings.violated_unless(subject, excuse, sentence, [sealed.sealed, newest.event, event.index]);
}

#[cfg(test)]
mod tests {
    use crate::check::script::{PLAIN, Script, WRITER};
    use crate::event::{AckMode, CrashKeep, Kind};
    use crate::types::HostId;

    /// The client seals batches 1 to 3.
    fn sealed(client: HostId) -> Script {
        let mut run = Script::new();
        (1..=3).for_each(|batch| drop(run.seal(client, batch, 1, AckMode::All)));
        run
    }

    #[test]
    fn the_order_of_the_sends_holds_and_gaps_are_allowed() {
        let mut run = sealed(WRITER);
        run.append(1, 1, 1, 0, true);
        assert_eq!(run.outcome("per-producer-order"), "not exercised");
        run.append(1, 3, 1, 0, true);
        assert_eq!(run.outcome("per-producer-order"), "holds");
    }

    #[test]
    fn an_earlier_batch_behind_a_later_one_is_a_breach() {
        let mut run = sealed(WRITER);
        run.append(1, 2, 1, 0, true).append(1, 1, 1, 0, true);
        assert_eq!(run.outcome("per-producer-order"), "violated");
    }

    #[test]
    fn what_a_cut_took_away_may_come_again() {
        let mut run = sealed(WRITER);
        run.append(1, 1, 1, 0, true).append(1, 2, 1, 0, true).append(1, 3, 1, 0, true);
        run.truncate(1, 1).append(1, 2, 1, 1, true).append(1, 3, 1, 1, true);
        assert_eq!(run.outcome("per-producer-order"), "holds");
    }

    #[test]
    fn a_second_copy_is_another_matter() {
        let mut run = sealed(WRITER);
        run.append(1, 1, 1, 0, true).append(1, 2, 1, 0, true).append(1, 1, 1, 0, true);
        assert_eq!(run.outcome("per-producer-order"), "holds");
        assert_eq!(run.outcome("no-duplicate"), "violated");
    }

    #[test]
    fn a_producer_that_pipelines_without_idempotence_is_not_promised_it() {
        let mut run = sealed(PLAIN);
        run.append(1, 2, 1, 0, true).append(1, 1, 1, 0, true);
        assert_eq!(run.outcome("per-producer-order"), "outside its premise");
    }

    #[test]
    fn the_next_process_begins_anew() {
        let mut run = sealed(WRITER);
        run.add(
            WRITER,
            Kind::HostStopped { keep: CrashKeep::PageCache, halted: None, in_order: false },
        );
        run.seal(WRITER, 4, 1, AckMode::All);
        run.append(1, 4, 1, 0, true).append(1, 1, 1, 0, true);
        assert_eq!(run.outcome("per-producer-order"), "holds");
    }
}
