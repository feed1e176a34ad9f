//! lost-write.
//!
//! A consumer that went past the place of an acknowledged record was shown it, or somebody was
//! (Jepsen, workload «kafka»: lost-write).
//!
//! Compared, when the run is over: each acknowledged record whose offset a consumer read past with
//! what all consumers together were shown.
//!
//! The boundary case: a write whose answer never came is unknown, never absent, so only records
//! that were acknowledged, with their offset, are looked for. A record that others saw and this
//! consumer did not is a poll-skip.

use std::collections::BTreeMap;

use crate::check::account::Acked;
use crate::check::history::anomaly::{excuse, first_hidden};
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::types::{HostId, Offset, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct LostWrite;

/// Offsets that a consumer went through: from, to before, who, its last poll.
pub(super) type Passed = (Offset, Offset, HostId, Option<u64>);

const INFO: Info = Info {
    name: "lost-write",
    statement: "an acknowledged record that a consumer read past was shown to somebody",
    source: "Jepsen, workload kafka: lost-write",
    premise: "for acks=all as leader-completeness; for acks=1 leadership does not move before the \
              high watermark has passed the record either",
    kinds: &[],
    is_liveness: false,
};

impl Property for LostWrite {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn at_end(&mut self, view: View<'_>, findings: &mut Findings) {
        let mut passed: BTreeMap<TopicPartition, Vec<Passed>> = BTreeMap::new();
        for (host, client) in &view.history.clients {
            for (partition, reading) in &client.readings {
                let ranges = reading.ranges.iter().filter(|(from, to)| from < to);
                let ranges = ranges.map(|(from, to)| (*from, *to, *host, reading.last_poll));
                passed.entry(*partition).or_default().extend(ranges);
            }
        }
        look_for(&passed, view, findings);
    }

    clone_box!();
}

/// Looks for what was acknowledged where a consumer has `passed`, and was never shown.
pub(super) fn look_for(
    passed: &BTreeMap<TopicPartition, Vec<Passed>>,
    view: View<'_>,
    findings: &mut Findings,
) {
    for (partition, list) in view.account.acknowledged() {
        let Some(passed) = passed.get(&partition) else { continue };
        let passed = widest(passed);
        for acked in list {
            let runs = view.account.shown_of(partition, acked.id());
            // Ranges overlap seldom more than twice, and those before end before the batch.
            let near = passed.partition_point(|(_, to, ..)| *to <= acked.base());
            let near = passed[near..].iter().take_while(|(from, ..)| *from < acked.end());
            for range in near {
                findings.exercised();
                let (from, to) = (range.0.max(acked.base()), range.1.min(acked.end()));
                let (from, to) = (from.since(acked.base()), to.since(acked.base()));
                if let Some(hidden) = first_hidden(runs, from, to) {
                    report(*acked, acked.base() + hidden, range, view, findings);
                    break;
                }
            }
        }
    }
}

/// The ranges without those that others contain, in order: both their ends rise.
fn widest(passed: &[Passed]) -> Vec<Passed> {
    let mut sorted = passed.to_vec();
    sorted.sort_unstable_by_key(|(from, to, host, poll)| {
        (*from, std::cmp::Reverse(*to), *host, *poll)
    });
    let mut widest: Vec<Passed> = Vec::new();
    for range in sorted {
        if widest.last().is_none_or(|last| last.1 < range.1) {
            widest.push(range);
        }
    }
    widest
}

fn report(
    acked: Acked<'_>,
    offset: Offset,
    (_, _, consumer, poll): &Passed,
    view: View<'_>,
    findings: &mut Findings,
) {
    let setup = view.model.setup();
    let name = view.model.partition_name(acked.batch().partition);
    let sentence = format!(
        "{} was told that its record stands at offset {offset} of {name}; {} read past it, and \
         nobody was ever shown it",
        setup.host_name(Some(acked.batch().client)),
        setup.host_name(Some(*consumer)),
    );
    let evidence = acked.evidence().chain(*poll);
    let subject = Subject::Records {
        partition: acked.batch().partition,
        offset,
        batch: Some(acked.id()),
        lacking: None,
    };
    findings.violated_unless(subject, excuse(acked, view), sentence, evidence);
}

#[cfg(test)]
mod tests {
    use crate::check::script::{PLAIN, READER, Script, WRITER};
    use crate::event::AckMode;

    #[test]
    fn an_acknowledged_record_that_was_shown_holds() {
        let mut run = Script::new();
        run.write(WRITER, 1, 2, 0).seek(READER, 0);
        assert_eq!(run.outcome("lost-write"), "not exercised");
        run.poll(READER, 0, (1, 0, 2));
        assert_eq!(run.outcome("lost-write"), "holds");
    }

    #[test]
    fn an_acknowledged_record_that_a_consumer_passed_and_nobody_saw_is_a_breach() {
        let mut run = Script::new();
        run.write(WRITER, 1, 3, 0).seek(READER, 0);
        run.poll(READER, 0, (1, 0, 2)).poll(READER, 3, (2, 0, 1));
        let verdict = run.verdict("lost-write");
        assert_eq!(verdict.outcome.name(), "violated");
        let sentence = &verdict.outcome.violation().unwrap().sentence;
        assert!(sentence.contains("offset 2 of orders-0"), "{sentence}");
    }

    #[test]
    fn a_record_whose_answer_never_came_is_unknown_and_not_absent() {
        let mut run = Script::new();
        run.seal(WRITER, 1, 1, AckMode::All);
        run.seek(READER, 0).poll(READER, 1, (2, 0, 1));
        assert_eq!(run.outcome("lost-write"), "not exercised");
    }

    #[test]
    fn data_loss_beyond_the_premise_and_acks_1_excuse_it() {
        let mut run = Script::with_unclean_elections();
        run.write(WRITER, 1, 1, 0).seek(READER, 0).poll(READER, 0, (2, 0, 1));
        assert_eq!(run.clone().outcome("lost-write"), "violated");
        run.elect_uncleanly(2, 1);
        assert_eq!(run.outcome("lost-write"), "outside its premise");
        let mut run = Script::new();
        let operations = run.seal(PLAIN, 1, 1, AckMode::Leader);
        run.done(PLAIN, 1, &operations, 0).seek(READER, 0).poll(READER, 0, (2, 0, 1));
        assert_eq!(run.outcome("lost-write"), "outside its premise");
    }
}
