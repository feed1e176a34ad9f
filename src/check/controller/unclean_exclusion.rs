//! unclean-exclusion.
//!
//! A broker that stopped uncleanly and registered anew is in no in-sync set and among no eligible
//! leader replicas until a leader adds it under its new broker epoch (KIP-966).
//!
//! Compared when its new registration is opened (unfenced) for the first time: no leader can have
//! added it before. Whether it stopped uncleanly is taken from the host, not from what the
//! controller believed.
//!
//! The boundary case: without eligible leader replicas the last member of an in-sync set stays in
//! it, lossy or not. Kafka keeps it, and so a set of that broker alone is no breach there.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, StartedAs};
use crate::types::BrokerId;

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct UncleanExclusion {
    /// Brokers that registered after an unclean end and are not open yet: the registration.
    registered: BTreeMap<BrokerId, u64>,
}

const INFO: Info = Info {
    name: "unclean-exclusion",
    statement: "a broker that stopped uncleanly is in no in-sync set and not eligible until a \
                leader adds it again",
    source: "KIP-966; KAFKA-18106, KAFKA-18635",
    premise: "none",
    kinds: &["registration-committed"],
    is_liveness: false,
};

impl Property for UncleanExclusion {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let Kind::RegistrationCommitted { broker, fenced, is_new, .. } = &event.kind else {
            return;
        };
        let model = view.model;
        if model.registrations.get(broker).is_none_or(|known| known.event != event.index) {
            return;
        }
        let host = model.host_of(*broker).and_then(|host| model.host(host));
        let Some(host) = host else { return };
        if *is_new {
            self.registered.remove(broker);
            let is_unclean = matches!(
                host.started_as,
                Some(StartedAs::AfterCrash | StartedAs::AfterPowerLoss | StartedAs::AfterDiskLoss)
            );
            if is_unclean {
                self.registered.insert(*broker, event.index);
            }
        }
        if *fenced {
            return;
        }
        let Some(registered) = self.registered.remove(broker) else { return };
        findings.exercised();
        for (partition, known) in &model.partitions {
            let Some(state) = &known.state else { continue };
            let is_last = state.in_sync.len() == 1 && !model.setup().eligible_replicas;
            let is_in_sync = state.in_sync.contains(*broker) && !is_last;
            if !is_in_sync && !state.eligible.contains(*broker) {
                continue;
            }
            let name = model.partition_name(*partition);
            let which = if is_in_sync { "in the in-sync set" } else { "an eligible leader" };
            let sentence = format!(
                "broker {broker} stopped uncleanly, registered anew and is still {which} of {name}"
            );
            let evidence = host.start.into_iter().chain([registered, state.event, event.index]);
            let subject = Subject::InSync { partition: *partition, brokers: vec![*broker] };
            findings.violated(subject, sentence, evidence);
        }
    }

    clone_box!();
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;

    fn returned() -> Script {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).replicate(1, 2, 0).crash(3, 0).recover(3, 0);
        run
    }

    #[test]
    fn a_broker_that_is_still_in_sync_when_it_is_opened_is_a_breach() {
        let mut run = returned();
        run.register(3, 9, true, true);
        assert_eq!(run.outcome("unclean-exclusion"), "not exercised");
        run.register(3, 9, false, false);
        assert_eq!(run.outcome("unclean-exclusion"), "violated");
    }

    #[test]
    fn a_broker_that_was_taken_out_before_holds() {
        let mut run = returned();
        run.commit(Some(1), 0, &[1, 2]).register(3, 9, true, true).register(3, 9, false, false);
        run.commit(Some(1), 0, &[1, 2, 3]);
        assert_eq!(run.outcome("unclean-exclusion"), "holds");
    }

    #[test]
    fn an_eligible_leader_replica_counts_too() {
        let mut run = returned();
        run.commit_eligible(Some(1), 0, &[1], &[3]);
        run.register(3, 9, true, true).register(3, 9, false, false);
        assert_eq!(run.outcome("unclean-exclusion"), "violated");
    }
}
