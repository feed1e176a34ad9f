//! nonmonotonic-send.
//!
//! The offsets of a producer's acknowledged sends to a partition rise in the order of the sends
//! (Jepsen, workload «kafka»: nonmonotonic-send).
//!
//! Compared, when the run is over: the offsets of each producer's acknowledged batches, in the
//! order in which it sealed them.
//!
//! The boundary case: a send that failed or of which nobody can say leaves a gap, and no more.

use std::collections::BTreeMap;

use crate::check::account::Acked;
use crate::check::premise::unknown_producer;
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::AckMode;
use crate::types::HostId;

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct NonmonotonicSend;

const INFO: Info = Info {
    name: "nonmonotonic-send",
    statement: "a producer's acknowledged sends to a partition have rising offsets",
    source: "Jepsen, workload kafka: nonmonotonic-send; KIP-98",
    premise: "acks=all; as per-producer-order",
    kinds: &[],
    is_liveness: false,
};

impl Property for NonmonotonicSend {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn at_end(&mut self, view: View<'_>, findings: &mut Findings) {
        for (_, list) in view.account.acknowledged() {
            let mut producers: BTreeMap<HostId, Vec<&Acked<'_>>> = BTreeMap::new();
            for acked in list {
                producers.entry(acked.batch().client).or_default().push(acked);
            }
            for (client, mut sent) in producers {
                sent.sort_unstable_by_key(|acked| acked.batch().sealed);
                for pair in sent.windows(2) {
                    findings.exercised();
                    if pair[1].base() <= pair[0].base() {
                        report(client, (pair[0], pair[1]), view, findings);
                    }
                }
            }
        }
    }

    clone_box!();
}

fn report(
    client: HostId,
    (first, second): (&Acked<'_>, &Acked<'_>),
    view: View<'_>,
    findings: &mut Findings,
) {
    let setup = view.model.setup();
    let partition = second.batch().partition;
    let name = view.model.partition_name(partition);
    let sentence = format!(
        "{} sent to {name} twice, and was told that the first record stands at offset {} and the \
         second at offset {}",
        setup.host_name(Some(client)),
        first.base(),
        second.base()
    );
    let known = setup.client(client);
    let is_ordered = known.is_some_and(|known| known.idempotent || known.in_flight_max <= 1);
    let unordered = "enable.idempotence is off, and max.in.flight.requests.per.connection is not 1";
    let is_weak = [first, second].iter().any(|acked| acked.batch().acks != AckMode::All);
    let excuse = match (is_ordered, is_weak) {
        (false, _) => Some((second.batch().sealed, unordered)),
        (true, true) => Some((second.batch().sealed, "acks=1: a new leader may lack the first")),
        (true, false) => view.premises.left(partition).or_else(|| {
            let known = view.model.partitions.get(&partition)?;
            let leader = known.state.as_ref()?.leader?;
            let log = &known.replicas.get(&leader)?.log;
            unknown_producer(view.history, log, second.batch())
        }),
    };
    let subject = Subject::Batches {
        partition,
        client: Some(client),
        batches: vec![first.id(), second.id()],
        offsets: vec![first.base(), second.base()],
    };
    findings.violated_unless(subject, excuse, sentence, first.evidence().chain(second.evidence()));
}

#[cfg(test)]
mod tests {
    use crate::check::script::{PLAIN, Script, WRITER};

    #[test]
    fn rising_offsets_hold() {
        let mut run = Script::new();
        run.write(WRITER, 1, 2, 0);
        assert_eq!(run.outcome("nonmonotonic-send"), "not exercised");
        run.write(PLAIN, 2, 1, 2).write(WRITER, 3, 1, 3);
        assert_eq!(run.outcome("nonmonotonic-send"), "holds");
    }

    #[test]
    fn a_later_send_at_an_earlier_offset_is_a_breach() {
        let mut run = Script::new();
        run.write(WRITER, 1, 1, 5).write(WRITER, 2, 1, 3);
        assert_eq!(run.outcome("nonmonotonic-send"), "violated");
    }

    #[test]
    fn a_producer_that_pipelines_without_idempotence_is_not_promised_it() {
        let mut run = Script::new();
        run.write(PLAIN, 1, 1, 5).write(PLAIN, 2, 1, 3);
        assert_eq!(run.outcome("nonmonotonic-send"), "outside its premise");
    }
}
