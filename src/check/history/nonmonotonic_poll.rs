//! nonmonotonic-poll.
//!
//! A consumer's polls of a partition go forward (Jepsen, workload «kafka»: nonmonotonic-poll).
//!
//! Compared: the first offset of what a poll returns with the end of what the one before did.
//!
//! The boundary case: a seek, a reset and a new process begin somewhere else, and may go back.

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct NonmonotonicPoll;

const INFO: Info = Info {
    name: "nonmonotonic-poll",
    statement: "a consumer's polls of a partition do not go back",
    source: "Jepsen, workload kafka: nonmonotonic-poll",
    premise: "its position was not set in between",
    kinds: &["polled"],
    is_liveness: false,
};

impl Property for NonmonotonicPoll {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let (Kind::Polled { partition, .. }, Some(host)) = (&event.kind, event.host) else {
            return;
        };
        let client = view.history.clients.get(&host);
        let Some(reading) = client.and_then(|client| client.readings.get(partition)) else {
            return;
        };
        findings.exercised();
        let Some((position, poll)) = reading.returns.last() else { return };
        if poll.event == event.index {
            let name = view.model.partition_name(*partition);
            let sentence = format!(
                "{} had read {name} up to offset {position} and was shown offset {} again",
                view.model.setup().host_name(Some(host)),
                poll.base
            );
            let subject =
                Subject::Reading { partition: *partition, client: Some(host), offset: poll.base };
            findings.violated(subject, sentence, [event.index]);
        }
    }

    clone_box!();
}

#[cfg(test)]
mod tests {
    use crate::check::script::{READER, Script};

    #[test]
    fn reading_on_holds() {
        let mut run = Script::new();
        assert_eq!(run.outcome("nonmonotonic-poll"), "not exercised");
        run.poll(READER, 0, (1, 0, 2)).poll(READER, 2, (2, 0, 1));
        assert_eq!(run.outcome("nonmonotonic-poll"), "holds");
    }

    #[test]
    fn going_back_is_a_breach_without_a_seek() {
        let mut run = Script::new();
        run.poll(READER, 0, (1, 0, 2));
        let mut seeks = run.clone();
        run.poll(READER, 1, (1, 1, 1));
        assert_eq!(run.outcome("nonmonotonic-poll"), "violated");
        seeks.seek(READER, 1).poll(READER, 1, (1, 1, 1));
        assert_eq!(seeks.outcome("nonmonotonic-poll"), "holds");
    }
}
