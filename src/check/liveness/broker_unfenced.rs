//! broker-unfenced.
//!
//! A broker that was fenced and is heard again is unfenced: it is caught up once it has applied its
//! own registration, however busy the metadata log is (KIP-631, KAFKA-13959; property L8).
//!
//! Watched: which brokers were fenced since time zero. Judged when the audit begins: each of them
//! whose process runs is registered by this process and unfenced.
//!
//! The boundary case: brokers that do not run, or stand still, send no heartbeats.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, Phase};
use crate::types::BrokerId;

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct BrokerUnfenced {
    /// Brokers that were fenced once the run had begun, and the event.
    fenced: BTreeMap<BrokerId, u64>,
}

const INFO: Info = Info {
    name: "broker-unfenced",
    statement: "a broker that was fenced and sends heartbeats again is unfenced",
    source: "KIP-631, KAFKA-13959; Kafka 4.1, BrokerHeartbeatManager.calculateNextBrokerState",
    premise: "no fault acts and the time to settle has passed; the broker runs",
    kinds: &["registration-committed", "phase-began"],
    is_liveness: true,
};

impl Property for BrokerUnfenced {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        match &event.kind {
            Kind::RegistrationCommitted { broker, fenced: true, .. }
                if !matches!(view.model.phase, None | Some(Phase::Form)) =>
            {
                self.fenced.insert(*broker, event.index);
            }
            Kind::PhaseBegan { phase: Phase::Audit } => self.judge(event, view, findings),
            _ => {}
        }
    }

    clone_box!();
}

impl BrokerUnfenced {
    fn judge(&self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let model = view.model;
        for (broker, fenced) in &self.fenced {
            let host = model.host_of(*broker).and_then(|host| model.host(host));
            if !host.is_some_and(|host| host.is_running && !host.is_paused) {
                continue;
            }
            findings.exercised();
            if !model.is_electable(*broker) {
                let sentence = format!(
                    "all faults are over and broker {broker} runs, but it was fenced and never \
                     unfenced"
                );
                let subject = Subject::Node { node: *broker };
                findings.violated(subject, sentence, [*fenced, event.index]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;
    use crate::event::Phase;

    fn begun() -> Script {
        let mut run = Script::new();
        run.phase(Phase::Act);
        run
    }

    #[test]
    fn a_broker_that_is_unfenced_again_holds() {
        assert_eq!(begun().settle().outcome("broker-unfenced"), "not exercised");
        let mut run = begun();
        run.register(2, 2, true, false).register(2, 2, false, false);
        assert_eq!(run.settle().outcome("broker-unfenced"), "holds");
    }

    #[test]
    fn a_broker_that_stays_fenced_is_a_breach_once_the_run_has_settled() {
        let mut run = begun();
        run.register(2, 2, true, false);
        assert_eq!(run.outcome("broker-unfenced"), "not exercised");
        assert_eq!(run.settle().outcome("broker-unfenced"), "violated");
    }

    #[test]
    fn a_broker_that_is_down_is_not_asked_for() {
        let mut run = begun();
        run.commit(Some(1), 0, &[1, 2, 3]).append(2, 1, 1, 0, false).crash(2, 0);
        run.register(2, 2, true, false);
        assert_eq!(run.settle().outcome("broker-unfenced"), "not exercised");
    }
}
