//! poll-skip.
//!
//! A consumer that reads on is shown every record on its way: none that another consumer was shown
//! lies between what two of its polls returned (Jepsen, workload «kafka»: poll-skip).
//!
//! Compared, when the run is over: what each consumer left out with what all together were shown.
//!
//! The boundary case: offsets without a record that is shown (a marker of a transaction, a record
//! that was compacted away) may be left out, so a gap alone is no breach.

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::history::Run;
use crate::types::{HostId, Offset, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct PollSkip;

const INFO: Info = Info {
    name: "poll-skip",
    statement: "a consumer is shown every record between two of its polls that another is shown",
    source: "Jepsen, workload kafka: poll-skip",
    premise: "its position was not set in between",
    kinds: &[],
    is_liveness: false,
};

impl Property for PollSkip {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn at_end(&mut self, view: View<'_>, findings: &mut Findings) {
        for (host, client) in &view.history.clients {
            for (partition, reading) in &client.readings {
                if reading.last_poll.is_some() {
                    findings.exercised();
                }
                for (position, poll) in &reading.skips {
                    check((*host, *partition), *position, poll, view, findings);
                }
            }
        }
    }

    clone_box!();
}

fn check(
    (host, partition): (HostId, TopicPartition),
    position: Offset,
    poll: &Run,
    view: View<'_>,
    findings: &mut Findings,
) {
    let Some(seen) = view.history.partitions.get(&partition) else { return };
    let Some(other) = seen.between(position, poll.base).next() else { return };
    let name = view.model.partition_name(partition);
    let sentence = format!(
        "{} went from offset {position} of {name} to offset {} and was not shown offset {}, which \
         another poll returned",
        view.model.setup().host_name(Some(host)),
        poll.base,
        other.base.max(position)
    );
    let subject =
        Subject::Reading { partition, client: Some(host), offset: other.base.max(position) };
    findings.violated(subject, sentence, [other.event, poll.event]);
}

#[cfg(test)]
mod tests {
    use crate::check::script::{OTHER, READER, Script};

    /// A consumer goes from offset 1 to offset 3.
    fn skipped() -> Script {
        let mut run = Script::new();
        run.seek(READER, 0).poll(READER, 0, (1, 0, 1)).poll(READER, 3, (3, 0, 1));
        run
    }

    #[test]
    fn a_gap_alone_holds() {
        assert_eq!(Script::new().outcome("poll-skip"), "not exercised");
        assert_eq!(skipped().outcome("poll-skip"), "holds");
    }

    #[test]
    fn a_record_in_the_gap_that_another_saw_is_a_breach() {
        let mut run = skipped();
        run.poll(OTHER, 2, (2, 0, 1));
        assert_eq!(run.outcome("poll-skip"), "violated");
    }

    #[test]
    fn a_seek_may_leave_records_out() {
        let mut run = Script::new();
        run.seek(READER, 0).poll(READER, 0, (1, 0, 1)).seek(READER, 3);
        run.poll(READER, 3, (3, 0, 1)).poll(OTHER, 2, (2, 0, 1));
        assert_eq!(run.outcome("poll-skip"), "holds");
    }
}
