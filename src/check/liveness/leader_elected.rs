//! leader-elected.
//!
//! Once the faults are over every partition gets a leader, and the broker that is to lead does
//! (KIP-631; Kafka, `PartitionChangeBuilder`).
//!
//! Judged when the audit begins: the controller's committed state names a leader, and that broker
//! acts in this epoch.
//!
//! The boundary case: all replicas that counted lost records. Then nobody may be elected without
//! losing what was acknowledged, and a partition without a leader is what was asked for.

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::event::{Event, Kind, Phase};
use crate::types::LeaderEpoch;

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaderElected;

const INFO: Info = Info {
    name: "leader-elected",
    statement: "when all brokers run again every partition has a leader that knows it",
    source: "KIP-631; Kafka 4.1, PartitionChangeBuilder",
    premise: "no fault acts and the time to settle has passed; as leader-completeness",
    kinds: &["phase-began"],
    is_liveness: true,
};

impl Property for LeaderElected {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        if !matches!(event.kind, Kind::PhaseBegan { phase: Phase::Audit }) {
            return;
        }
        for (partition, known) in &view.model.partitions {
            let Some(state) = &known.state else { continue };
            // The first leader is appointed when the partition is created.
            if state.leader_epoch > LeaderEpoch(0) {
                findings.exercised();
            }
            let acts = state.leader.and_then(|leader| known.replicas.get(&leader));
            if acts.is_some_and(|replica| replica.leads(state.leader_epoch)) {
                continue;
            }
            let name = view.model.partition_name(*partition);
            let sentence = match state.leader {
                None => format!("{name} has no leader, though all faults are over"),
                Some(leader) => format!(
                    "broker {leader} was elected leader of {name} in epoch {} and never took its \
                     part",
                    state.leader_epoch
                ),
            };
            let excuse = view.premises.left(*partition);
            findings.violated_unless(excuse, sentence, [state.event, event.index]);
        }
    }

    clone_box!();
}
