//! replicas-rejoin.
//!
//! Once the faults are over every replica catches up with its leader and is in the in-sync set
//! again (Kafka, `Partition.maybeExpandIsr`; KIP-497).
//!
//! Judged when the audit begins, for every partition that has a leader.
//!
//! The boundary case: a replica may be in sync and a record behind, since the last records of a
//! run are on their way. So membership is looked at; how far a member has come is the business of
//! high-watermark-reaches-end.

use std::collections::BTreeSet;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, Phase};
use crate::types::{BrokerSet, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplicasRejoin {
    /// Partitions whose in-sync set was not full at some time.
    shrunk: BTreeSet<TopicPartition>,
}

const INFO: Info = Info {
    name: "replicas-rejoin",
    statement: "when all brokers run again every replica of a partition comes back into its \
                in-sync set",
    source: "KIP-497; Kafka 4.1, Partition.maybeExpandIsr",
    premise: "no fault acts and the time to settle has passed; the partition has a leader",
    kinds: &["partition-committed", "phase-began"],
    is_liveness: true,
};

impl Property for ReplicasRejoin {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        match &event.kind {
            Kind::PartitionCommitted { partition, replicas, in_sync, .. } => {
                if in_sync.len() < replicas.len() {
                    self.shrunk.insert(*partition);
                }
            }
            Kind::PhaseBegan { phase: Phase::Audit } => self.judge(event, view, findings),
            _ => {}
        }
    }

    clone_box!();
}

impl ReplicasRejoin {
    fn judge(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        for partition in &self.shrunk {
            let known = view.model.partitions.get(partition);
            let Some(state) = known.and_then(|known| known.state.as_ref()) else { continue };
            let Some(leader) = state.leader else { continue };
            findings.exercised();
            let replicas: BrokerSet = state.replicas.iter().copied().collect();
            let missing = replicas.without(&state.in_sync);
            if missing.is_empty() {
                continue;
            }
            let name = view.model.partition_name(*partition);
            let sentence = format!(
                "all faults are over and broker {leader} leads {name}, but {missing} did not come \
                 back into its in-sync set {}",
                state.in_sync
            );
            let subject =
                Subject::InSync { partition: *partition, brokers: missing.iter().collect() };
            findings.violated(subject, sentence, [state.event, event.index]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;

    #[test]
    fn a_set_that_fills_again_holds() {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]);
        assert_eq!(run.clone().settle().outcome("replicas-rejoin"), "not exercised");
        run.commit(Some(1), 0, &[1, 2]).commit(Some(1), 0, &[1, 2, 3]);
        assert_eq!(run.settle().outcome("replicas-rejoin"), "holds");
    }

    #[test]
    fn a_replica_that_stays_away_is_a_breach_once_the_run_has_settled() {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).commit(Some(1), 0, &[1, 2]);
        assert_eq!(run.outcome("replicas-rejoin"), "not exercised");
        assert_eq!(run.settle().outcome("replicas-rejoin"), "violated");
    }

    #[test]
    fn nobody_joins_where_nobody_leads() {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).commit(None, 1, &[]);
        assert_eq!(run.settle().outcome("replicas-rejoin"), "not exercised");
    }
}
