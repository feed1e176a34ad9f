//! inconsistent-offsets.
//!
//! An offset means one record to all clients: whoever reads it is shown the same, and it is the
//! one whose producer was told that it stands there (Jepsen, workload «kafka»:
//! inconsistent-offsets).
//!
//! Compared: each poll with all polls before it, when it returns; the places of acknowledged
//! records with each other and with what was polled, when the run is over.
//!
//! The boundary case: consumers cut a batch at different places, so records are compared by their
//! place in the batch and not by the first of what was polled.

use crate::check::account::Acked;
use crate::check::history::anomaly::excuse;
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::history::{Run, Seen};
use crate::types::TopicPartition;

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct InconsistentOffsets;

const INFO: Info = Info {
    name: "inconsistent-offsets",
    statement: "all that read or wrote an offset mean the same record",
    source: "Jepsen, workload kafka: inconsistent-offsets",
    premise: "as lost-write",
    kinds: &["polled"],
    is_liveness: false,
};

impl Property for InconsistentOffsets {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let Kind::Polled { partition, .. } = &event.kind else { return };
        let Some(seen) = view.history.partitions.get(partition) else { return };
        findings.exercised();
        let Some((before, now)) = seen.contradictions.last() else { return };
        if now.event == event.index {
            let name = view.model.partition_name(*partition);
            let sentence = format!(
                "a consumer read a record at offset {} of {name} where another had been read \
                 before (batches {} and {})",
                now.base.max(before.base),
                now.batch,
                before.batch
            );
            let excuse = view.premises.left(*partition);
            let subject = Subject::Batches {
                partition: *partition,
                client: None,
                batches: vec![before.batch, now.batch],
                offsets: vec![now.base.max(before.base)],
            };
            findings.violated_unless(subject, excuse, sentence, [before.event, now.event]);
        }
    }

    fn at_end(&mut self, view: View<'_>, findings: &mut Findings) {
        for (partition, list) in view.account.acknowledged() {
            if let Some(seen) = view.history.partitions.get(&partition) {
                for acked in list {
                    against_polls(*acked, seen, view, findings);
                }
            }
            against_each_other(partition, list, view, findings);
        }
    }

    clone_box!();
}

fn against_polls(acked: Acked<'_>, seen: &Seen, view: View<'_>, findings: &mut Findings) {
    let told = Run {
        base: acked.base(),
        records: u32::try_from(acked.batch().operations.len()).unwrap_or(u32::MAX),
        index: 0,
        batch: acked.id(),
        event: acked.batch().sealed,
    };
    let mut near = seen.between(acked.base(), acked.end());
    let Some(other) = near.find(|run| run.contradicts(&told)) else { return };
    let name = view.model.partition_name(acked.batch().partition);
    let sentence = format!(
        "{} was told that its record stands at offset {} of {name}, but a consumer read another \
         there (batches {} and {})",
        view.model.setup().host_name(Some(acked.batch().client)),
        acked.base().max(other.base),
        acked.id(),
        other.batch
    );
    let evidence = acked.evidence().chain([other.event]);
    let subject = Subject::Batches {
        partition: acked.batch().partition,
        client: None,
        batches: vec![acked.id(), other.batch],
        offsets: vec![acked.base().max(other.base)],
    };
    findings.violated_unless(subject, excuse(acked, view), sentence, evidence);
}

fn against_each_other(
    partition: TopicPartition,
    list: &[Acked<'_>],
    view: View<'_>,
    findings: &mut Findings,
) {
    let Some(mut reach) = list.first() else { return };
    for acked in &list[1..] {
        if acked.base() < reach.end() {
            let setup = view.model.setup();
            let name = view.model.partition_name(partition);
            let sentence = format!(
                "{} and {} were both told that their record stands at offset {} of {name}",
                setup.host_name(Some(reach.batch().client)),
                setup.host_name(Some(acked.batch().client)),
                acked.base()
            );
            let excuse = excuse(*reach, view).or_else(|| excuse(*acked, view));
            let subject = Subject::Batches {
                partition,
                client: None,
                batches: vec![reach.id(), acked.id()],
                offsets: vec![acked.base()],
            };
            findings.violated_unless(
                subject,
                excuse,
                sentence,
                reach.evidence().chain(acked.evidence()),
            );
        }
        if acked.end() > reach.end() {
            reach = acked;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{OTHER, READER, Script, WRITER};

    const NAME: &str = "inconsistent-offsets";

    #[test]
    fn equal_polls_hold_however_they_are_cut() {
        let mut run = Script::new();
        assert_eq!(run.outcome(NAME), "not exercised");
        run.write(WRITER, 1, 3, 0).poll(READER, 0, (1, 0, 3));
        run.poll(OTHER, 0, (1, 0, 1)).poll(OTHER, 1, (1, 1, 2));
        assert_eq!(run.outcome(NAME), "holds");
    }

    #[test]
    fn two_records_at_one_offset_are_a_breach() {
        let mut run = Script::new();
        run.poll(READER, 0, (1, 0, 3)).poll(OTHER, 2, (2, 0, 1));
        assert_eq!(run.outcome(NAME), "violated");
    }

    #[test]
    fn a_place_that_a_poll_contradicts_is_a_breach() {
        let mut run = Script::new();
        run.write(WRITER, 1, 2, 0).poll(READER, 1, (2, 0, 1));
        assert_eq!(run.outcome(NAME), "violated");
    }

    #[test]
    fn a_place_that_is_told_twice_is_a_breach() {
        let mut run = Script::new();
        run.write(WRITER, 1, 2, 0).write(WRITER, 2, 1, 1);
        assert_eq!(run.outcome(NAME), "violated");
    }

    #[test]
    fn after_an_unclean_election_nothing_is_promised() {
        let mut run = Script::with_unclean_elections();
        run.elect_uncleanly(2, 1).poll(READER, 0, (1, 0, 3)).poll(OTHER, 2, (2, 0, 1));
        assert_eq!(run.outcome(NAME), "outside its premise");
    }
}
