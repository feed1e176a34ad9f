//! leader-elected.
//!
//! A partition is not left without a leader while the controller may elect one, and once the
//! faults are over every partition has one that knows it (KIP-631; Kafka,
//! `PartitionChangeBuilder`).
//!
//! Compared: how long a partition's committed state names no leader although a member of its
//! in-sync set or an eligible leader replica could be elected and a controller is in charge. When
//! the audit begins: whether the state names a leader, and that broker acts in this epoch.
//!
//! The boundary case: a broker's removal from its partitions stands in the metadata log before its
//! fencing, so for a moment the broker that is being fenced looks as if it could be elected.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, Phase};
use crate::types::{LeaderEpoch, Moment, TopicPartition};

/// How long a controller that is in charge may take.
const SOON: Duration = Duration::from_secs(2);

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaderElected {
    /// Partitions without a leader; and since when, and with which event, one could be elected.
    leaderless: BTreeMap<TopicPartition, Option<(Moment, u64)>>,
}

const INFO: Info = Info {
    name: "leader-elected",
    statement: "a partition gets a leader as soon as one can be elected, and has one when all \
                brokers run again",
    source: "KIP-631; Kafka 4.1, PartitionChangeBuilder",
    premise: "a controller is in charge; at the end: no fault acts and the time to settle has \
              passed, as leader-completeness",
    kinds: &[
        "partition-committed",
        "registration-committed",
        "controller-activated",
        "host-started",
        "host-stopped",
        "phase-began",
    ],
    is_liveness: true,
};

impl Property for LeaderElected {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        match &event.kind {
            Kind::PartitionCommitted { partition, .. } => {
                let known = view.model.partitions.get(partition);
                let Some(state) = known.and_then(|known| known.state.as_ref()) else { return };
                if state.event != event.index {
                    return;
                }
                if state.leader.is_none() {
                    let since = self.leaderless.entry(*partition).or_default();
                    look(event, *partition, since, view, findings);
                } else if let Some(since) = self.leaderless.remove(partition) {
                    findings.exercised();
                    close(event, *partition, since, view, findings);
                }
            }
            Kind::RegistrationCommitted { .. }
            | Kind::HostStarted { .. }
            | Kind::HostStopped { .. } => {
                for (partition, since) in &mut self.leaderless {
                    look(event, *partition, since, view, findings);
                }
            }
            // It has to find out first.
            Kind::ControllerActivated { .. } => {
                for since in self.leaderless.values_mut().flatten() {
                    since.0 = event.at;
                }
            }
            Kind::PhaseBegan { phase: Phase::Audit } => judge(event, view, findings),
            _ => {}
        }
    }

    clone_box!();
}

/// Looks whether one can be elected now.
fn look(
    event: &Event,
    partition: TopicPartition,
    since: &mut Option<(Moment, u64)>,
    view: View<'_>,
    findings: &mut Findings,
) {
    let model = view.model;
    let state = model.partitions.get(&partition).and_then(|known| known.state.as_ref());
    let can = state.is_some_and(|state| {
        let mut candidates = state.in_sync.iter().chain(state.eligible.iter());
        candidates.any(|broker| model.is_electable(broker))
    });
    if can && model.active_controller().is_some() {
        since.get_or_insert((event.at, event.index));
    } else {
        close(event, partition, since.take(), view, findings);
    }
}

/// Looks how long it took until `event`.
fn close(
    event: &Event,
    partition: TopicPartition,
    since: Option<(Moment, u64)>,
    view: View<'_>,
    findings: &mut Findings,
) {
    let Some((since, first)) = since else { return };
    let took = event.at.since(since);
    if took > SOON {
        let name = view.model.partition_name(partition);
        let sentence = format!(
            "{name} had no leader for {took:?}, though a replica could be elected and a \
             controller was in charge"
        );
        let subject = Subject::Partition { partition };
        findings.violated(subject, sentence, [first, event.index]);
    }
}

fn judge(event: &Event, view: View<'_>, findings: &mut Findings) {
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
                "broker {leader} was elected leader of {name} in epoch {} and never took its part",
                state.leader_epoch
            ),
        };
        let excuse = view.premises.left(*partition);
        let subject = Subject::Partition { partition: *partition };
        findings.violated_unless(subject, excuse, sentence, [state.event, event.index]);
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;

    /// Broker 1 leads in epoch 0, with all in sync.
    fn led() -> Script {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        run
    }

    #[test]
    fn a_leader_that_is_elected_at_once_and_knows_it_holds() {
        let mut run = led();
        assert_eq!(run.clone().settle().outcome("leader-elected"), "not exercised");
        run.commit(None, 1, &[2, 3]).commit(Some(2), 2, &[2, 3]).lead(2, 2, &[2, 3]);
        assert_eq!(run.settle().outcome("leader-elected"), "holds");
    }

    #[test]
    fn a_partition_left_alone_though_one_could_lead_is_a_breach() {
        let mut run = led();
        run.commit(None, 1, &[2, 3]).wait(3).commit(Some(2), 2, &[2, 3]).lead(2, 2, &[2, 3]);
        assert_eq!(run.outcome("leader-elected"), "violated");
    }

    #[test]
    fn nobody_is_elected_while_all_candidates_are_down() {
        let mut run = led();
        run.crash(2, 0).crash(3, 0).commit(None, 1, &[2, 3]).wait(30);
        run.commit(Some(1), 2, &[1]).lead(1, 2, &[1]);
        assert_eq!(run.settle().outcome("leader-elected"), "holds");
    }

    #[test]
    fn a_leader_that_never_takes_its_part_is_a_breach() {
        let mut run = led();
        run.commit(Some(2), 1, &[2, 3]);
        assert_eq!(run.outcome("leader-elected"), "not exercised");
        assert_eq!(run.settle().outcome("leader-elected"), "violated");
    }

    #[test]
    fn where_all_was_lost_nobody_need_be_elected() {
        let mut run = led();
        run.replicate(1, 2, 0).crash(1, 0).crash(2, 0).crash(3, 0);
        run.commit(None, 1, &[]).recover(1, 0);
        assert_eq!(run.settle().outcome("leader-elected"), "outside its premise");
    }
}
