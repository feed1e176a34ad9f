//! duplicate.
//!
//! No record is shown at two offsets (Jepsen, workload «kafka»: duplicate).
//!
//! Compared, when the run is over: the offsets at which all consumers together were shown the
//! records of each batch.
//!
//! The boundary case: a record that is read twice at one offset, by two consumers or by one that
//! went back, is no duplicate.

use crate::check::producer::duplicate_excuse;
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::history::Run;
use crate::types::{BatchId, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct Duplicate;

const INFO: Info = Info {
    name: "duplicate",
    statement: "no record is shown at two offsets",
    source: "Jepsen, workload kafka: duplicate; KIP-98",
    premise: "as no-duplicate",
    kinds: &[],
    is_liveness: false,
};

impl Property for Duplicate {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn at_end(&mut self, view: View<'_>, findings: &mut Findings) {
        for partition in view.history.partitions.keys() {
            for runs in view.account.shown(*partition) {
                findings.exercised();
                if let Some((first, second)) = pair(runs) {
                    report((*partition, first.batch), first, second, view, findings);
                }
            }
        }
    }

    clone_box!();
}

/// Two of `runs`, which are sorted by place in the batch, that show one record at two offsets.
fn pair<'a>(runs: &[&'a Run]) -> Option<(&'a Run, &'a Run)> {
    let shift = |run: &Run| run.base.0 - i64::from(run.index);
    let end = |run: &Run| u64::from(run.index) + u64::from(run.records);
    let mut reach = *runs.first()?;
    for run in runs.iter().copied() {
        if shift(run) != shift(reach) && u64::from(run.index) < end(reach) {
            return Some(if reach.event < run.event { (reach, run) } else { (run, reach) });
        }
        if end(run) > end(reach) {
            reach = run;
        }
    }
    None
}

fn report(
    (partition, batch): (TopicPartition, BatchId),
    first: &Run,
    second: &Run,
    view: View<'_>,
    findings: &mut Findings,
) {
    let sealed = view.history.batches.get(&batch);
    let producer = view.model.setup().host_name(sealed.map(|batch| batch.client));
    let name = view.model.partition_name(partition);
    // Where the first record that both show stands in each.
    let index = first.index.max(second.index);
    let place = |run: &Run| run.base + u64::from(index - run.index);
    let sentence = format!(
        "a record of {producer} was shown twice in {name}: at offset {} and at offset {}",
        place(first),
        place(second)
    );
    let evidence = sealed.map(|batch| batch.sealed).into_iter().chain([first.event, second.event]);
    let subject = Subject::Batches {
        partition,
        client: sealed.map(|batch| batch.client),
        batches: vec![batch],
        offsets: vec![place(first), place(second)],
    };
    findings.violated_unless(
        subject,
        duplicate_excuse(sealed, partition, view),
        sentence,
        evidence,
    );
}

#[cfg(test)]
mod tests {
    use crate::check::script::{OTHER, PLAIN, READER, Script, WRITER};
    use crate::event::AckMode;
    use crate::types::HostId;

    fn read_at(client: HostId, offset: i64) -> Script {
        let mut run = Script::new();
        run.seal(client, 1, 2, AckMode::All);
        run.poll(READER, 0, (1, 0, 2)).poll(OTHER, offset, (1, 1, 1));
        run
    }

    #[test]
    fn a_record_read_twice_at_one_offset_holds() {
        assert_eq!(Script::new().outcome("duplicate"), "not exercised");
        assert_eq!(read_at(WRITER, 1).outcome("duplicate"), "holds");
    }

    #[test]
    fn a_record_at_two_offsets_is_a_breach() {
        let verdict = read_at(WRITER, 5).verdict("duplicate");
        assert_eq!(verdict.outcome.name(), "violated");
        let sentence = &verdict.outcome.violation().unwrap().sentence;
        assert!(sentence.contains("at offset 1 and at offset 5"), "{sentence}");
    }

    #[test]
    fn only_idempotent_producers_are_promised_it() {
        assert_eq!(read_at(PLAIN, 5).outcome("duplicate"), "outside its premise");
    }
}
