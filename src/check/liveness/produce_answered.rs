//! produce-answered.
//!
//! Every send is answered within max.block.ms and delivery.timeout.ms, well or badly, and once
//! the faults are over a send to each partition succeeds (KIP-91; Kafka, `Sender`).
//!
//! Compared: the time from a send to its answer with what its producer's configuration allows,
//! whenever an answer comes and, for those without, when the audit begins. Then, too, every
//! partition must have taken the record that tries it out.
//!
//! The boundary case: a client whose process stood still cannot answer in time, and one that died
//! never will.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, OperationVerb, Phase};
use crate::history::Operation;
use crate::types::{HostId, TopicPartition};

/// What a client's own threads may take beyond its timeouts.
const SLACK: Duration = Duration::from_secs(1);

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProduceAnswered {
    /// By client: the event with which it last went on after standing still, or began to stand.
    paused: BTreeMap<HostId, u64>,
    /// Partitions that took the record that tries them out.
    tried: BTreeSet<TopicPartition>,
}

const INFO: Info = Info {
    name: "produce-answered",
    statement: "every send is answered within max.block.ms and delivery.timeout.ms, and once the \
                faults are over one to each partition succeeds",
    source: "KIP-91; Kafka 4.1, Sender, ProducerBatch",
    premise: "the client's process runs; for the second half: no fault acts and the time to \
              settle has passed; as leader-completeness",
    kinds: &["operation-returned", "host-paused", "host-resumed", "probe-returned", "phase-began"],
    is_liveness: true,
};

impl Property for ProduceAnswered {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        match (&event.kind, event.host) {
            (Kind::OperationReturned { .. }, Some(host)) => {
                let client = view.history.clients.get(&host);
                let asked = client.and_then(|client| client.last_ended);
                if let Some(asked) = asked.filter(|asked| asked.verb == OperationVerb::Send) {
                    findings.exercised();
                    self.on_waited(event, host, &asked, view, findings);
                }
            }
            (Kind::HostPaused {} | Kind::HostResumed {}, Some(host)) => {
                if view.model.setup().client(host).is_some() {
                    self.paused.insert(host, event.index);
                }
            }
            (Kind::ProbeReturned { partition, offset: Some(_) }, _) => {
                self.tried.insert(*partition);
            }
            (Kind::PhaseBegan { phase: Phase::Audit }, _) => self.judge(event, view, findings),
            _ => {}
        }
    }

    clone_box!();
}

impl ProduceAnswered {
    /// A send was answered with `event`, or had no answer by then.
    fn on_waited(
        &self,
        event: &Event,
        host: HostId,
        asked: &Operation,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let setup = view.model.setup();
        let Some(client) = setup.client(host) else { return };
        let invoked = asked.invoked;
        let waited = event.at.since(asked.at);
        if waited <= client.answers_within + SLACK {
            return;
        }
        let name = setup.host_name(Some(host));
        let sentence = format!(
            "a send of {name} had no answer for {waited:?}, though max.block.ms and \
             delivery.timeout.ms together are {:?}",
            client.answers_within
        );
        let paused = self.paused.get(&host).filter(|paused| **paused > invoked);
        let excuse = paused.map(|paused| (*paused, "the client's process stood still"));
        let subject = Subject::Operation { client: host, invoked };
        findings.violated_unless(subject, excuse, sentence, [invoked, event.index]);
    }

    fn judge(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        for (host, client) in &view.history.clients {
            let runs = view.model.host(*host).is_some_and(|host| host.is_running);
            let died = |asked: &Operation| {
                !runs || client.stopped.is_some_and(|stopped| asked.invoked < stopped)
            };
            for asked in client.open.values() {
                if asked.verb == OperationVerb::Send && !died(asked) {
                    self.on_waited(event, *host, asked, view, findings);
                }
            }
        }
        for (partition, known) in &view.model.partitions {
            let Some(state) = &known.state else { continue };
            findings.exercised();
            if !self.tried.contains(partition) && !view.model.is_internal(*partition) {
                let name = view.model.partition_name(*partition);
                let sentence =
                    format!("all faults are over, but no record was written to {name} since");
                let excuse = view.premises.left(*partition);
                let subject = Subject::Partition { partition: *partition };
                findings.violated_unless(subject, excuse, sentence, [state.event, event.index]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{Script, WRITER};
    use crate::event::{AckMode, CrashKeep, Kind};

    /// A send that takes `seconds`, of which the client stands still for a moment if `pauses`.
    fn answered_after(seconds: u64, pauses: bool) -> Script {
        let mut run = Script::new();
        let operations = run.seal(WRITER, 1, 1, AckMode::All);
        if pauses {
            run.add(WRITER, Kind::HostPaused {}).add(WRITER, Kind::HostResumed {});
        }
        run.wait(seconds).done(WRITER, 1, &operations, 0);
        run
    }

    #[test]
    fn an_answer_in_time_holds() {
        assert_eq!(Script::new().outcome("produce-answered"), "not exercised");
        assert_eq!(answered_after(9, false).outcome("produce-answered"), "holds");
    }

    #[test]
    fn an_answer_that_comes_too_late_is_a_breach() {
        assert_eq!(answered_after(12, false).outcome("produce-answered"), "violated");
    }

    #[test]
    fn a_client_that_stood_still_may_be_late() {
        assert_eq!(answered_after(12, true).outcome("produce-answered"), "outside its premise");
    }

    #[test]
    fn an_answer_that_never_comes_is_a_breach_unless_the_client_died() {
        let mut run = Script::new();
        run.seal(WRITER, 1, 1, AckMode::All);
        let mut died = run.clone();
        assert_eq!(run.wait(9).settle().outcome("produce-answered"), "violated");
        died.add(
            WRITER,
            Kind::HostStopped { keep: CrashKeep::Synced, halted: None, in_order: false },
        );
        assert_eq!(died.wait(9).settle().outcome("produce-answered"), "not exercised");
    }

    #[test]
    fn every_partition_must_take_a_record_after_healing() {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]);
        let mut tried = run.clone();
        assert_eq!(run.settle().outcome("produce-answered"), "violated");
        assert_eq!(tried.probe(0).settle().outcome("produce-answered"), "holds");
    }
}
