//! one-leader-per-epoch.
//!
//! A partition has at most one leader in a leader epoch. Its partition epoch rises with every
//! change, its leader epoch with every change of the leader; a broker epoch belongs to one
//! registration and rises from each of a broker to its next; a controller's epoch belongs to one
//! controller (KIP-631).
//!
//! Compared: the leaders that replicas take and the states that controllers commit, against each
//! other. What a successor tells again is compared with what was told.
//!
//! The boundary case: "no leader" is a leader in this sense. An epoch in which a partition lost
//! its leader must not be the epoch in which it has one again.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, ReplicaRole};
use crate::types::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionEpoch, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct OneLeaderPerEpoch {
    leaders: BTreeMap<(TopicPartition, LeaderEpoch), (Option<BrokerId>, u64)>,
    states: BTreeMap<TopicPartition, State>,
    registrations: BTreeMap<BrokerEpoch, (BrokerId, u64)>,
    brokers: BTreeMap<BrokerId, (BrokerEpoch, u64)>,
    controllers: BTreeMap<LeaderEpoch, (BrokerId, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    event: u64,
    offset: Offset,
    partition_epoch: PartitionEpoch,
    leader_epoch: LeaderEpoch,
}

const INFO: Info = Info {
    name: "one-leader-per-epoch",
    statement: "a leader epoch has one leader, and epochs rise with every change",
    source: "KIP-101, KIP-497, KIP-631",
    premise: "none",
    kinds: &["role-taken", "partition-committed", "registration-committed", "controller-activated"],
    is_liveness: false,
};

impl Property for OneLeaderPerEpoch {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let node = event.host.and_then(|host| view.model.setup().node(host));
        match &event.kind {
            Kind::RoleTaken { partition, role, leader, leader_epoch, .. } => {
                let leader = match role {
                    ReplicaRole::Leader => node,
                    ReplicaRole::Follower => *leader,
                    ReplicaRole::Leaderless => return,
                };
                self.on_leader(event, (*partition, *leader_epoch), leader, view, findings);
            }
            Kind::PartitionCommitted {
                partition,
                offset,
                leader,
                leader_epoch,
                partition_epoch,
                ..
            } => {
                let state = State {
                    event: event.index,
                    offset: *offset,
                    partition_epoch: *partition_epoch,
                    leader_epoch: *leader_epoch,
                };
                self.on_state(*partition, state, view, findings);
                self.on_leader(event, (*partition, *leader_epoch), *leader, view, findings);
            }
            Kind::RegistrationCommitted { broker, broker_epoch, is_new: true, .. } => {
                self.on_registration(event, *broker, *broker_epoch, findings);
            }
            Kind::ControllerActivated { leader_epoch } => {
                let Some(node) = node else { return };
                findings.exercised();
                let known = *self.controllers.entry(*leader_epoch).or_insert((node, event.index));
                if known.0 != node {
                    let setup = view.model.setup();
                    let sentence = format!(
                        "{} and {} both took charge in epoch {leader_epoch}",
                        setup.node_name(known.0),
                        setup.node_name(node)
                    );
                    let subject = Subject::Leaders {
                        partition: TopicPartition::CLUSTER_METADATA,
                        epoch: *leader_epoch,
                        brokers: vec![known.0, node],
                    };
                    findings.violated(subject, sentence, [known.1, event.index]);
                }
            }
            _ => {}
        }
    }

    clone_box!();
}

impl OneLeaderPerEpoch {
    fn on_leader(
        &mut self,
        event: &Event,
        key: (TopicPartition, LeaderEpoch),
        leader: Option<BrokerId>,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        findings.exercised();
        let known = *self.leaders.entry(key).or_insert((leader, event.index));
        if known.0 != leader {
            let show = |leader: Option<BrokerId>| {
                leader.map_or_else(|| "nobody".to_owned(), |leader| format!("broker {leader}"))
            };
            let sentence = format!(
                "in leader epoch {} of {} both {} and {} lead",
                key.1,
                view.model.partition_name(key.0),
                show(known.0),
                show(leader)
            );
            let subject = Subject::Leaders {
                partition: key.0,
                epoch: key.1,
                brokers: [known.0, leader].into_iter().flatten().collect(),
            };
            findings.violated(subject, sentence, [known.1, event.index]);
        }
    }

    fn on_state(
        &mut self,
        partition: TopicPartition,
        state: State,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let Some(known) = self.states.insert(partition, state) else { return };
        let is_same = known.offset == state.offset
            && known.partition_epoch == state.partition_epoch
            && known.leader_epoch == state.leader_epoch;
        if is_same || state.offset < known.offset {
            self.states.insert(partition, known);
            return;
        }
        findings.exercised();
        let rises = known.partition_epoch < state.partition_epoch;
        if !rises || state.leader_epoch < known.leader_epoch {
            let sentence = format!(
                "{} went from partition epoch {} and leader epoch {} to {} and {}",
                view.model.partition_name(partition),
                known.partition_epoch,
                known.leader_epoch,
                state.partition_epoch,
                state.leader_epoch
            );
            let subject =
                Subject::Leaders { partition, epoch: state.leader_epoch, brokers: Vec::new() };
            findings.violated(subject, sentence, [known.event, state.event]);
        }
    }

    fn on_registration(
        &mut self,
        event: &Event,
        broker: BrokerId,
        epoch: BrokerEpoch,
        findings: &mut Findings,
    ) {
        findings.exercised();
        let told = *self.registrations.entry(epoch).or_insert((broker, event.index));
        let last = self.brokers.insert(broker, (epoch, event.index));
        if told.0 != broker {
            let sentence =
                format!("brokers {} and {broker} were both given broker epoch {epoch}", told.0);
            let subject = Subject::Node { node: broker };
            findings.violated(subject, sentence, [told.1, event.index]);
        }
        // A lower epoch than the last is an old registration, told by a successor, if it was told
        // before; else it is a breach.
        let is_told = told.1 != event.index;
        if let Some((last, before)) = last.filter(|(last, _)| *last > epoch) {
            if is_told {
                self.brokers.insert(broker, (last, before));
                return;
            }
            let sentence = format!("broker {broker} was given broker epoch {epoch} after {last}");
            let subject = Subject::Node { node: broker };
            findings.violated(subject, sentence, [before, event.index]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;

    #[test]
    fn one_leader_an_epoch_holds() {
        assert_eq!(Script::empty().outcome("one-leader-per-epoch"), "not exercised");
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        assert_eq!(run.outcome("one-leader-per-epoch"), "holds");
    }

    #[test]
    fn two_leaders_of_one_epoch_are_a_breach() {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        let mut other = run.clone();
        run.lead(2, 0, &[1, 2, 3]);
        assert_eq!(run.outcome("one-leader-per-epoch"), "violated");
        other.commit(Some(2), 0, &[2, 3]);
        assert_eq!(other.outcome("one-leader-per-epoch"), "violated");
    }

    #[test]
    fn a_broker_epoch_that_is_given_twice_is_a_breach() {
        let mut run = Script::new();
        run.register(2, 1, true, true);
        assert_eq!(run.outcome("one-leader-per-epoch"), "violated");
    }
}
