//! What controllers told of committed metadata, to be taken back when the quorum loses it.
//!
//! A quorum that works never loses a committed record. One that does (KAFKA-10533) goes on from
//! what the log of its new leader has, and writes other records at the offsets of those that it
//! lost: then that is how it is, whatever was told before.

use imbl::Vector;

use crate::event::Event;
use crate::trace::model::config::ConfigBefore;
use crate::trace::model::fold::{Model, RegistrationView};
use crate::trace::model::partition::StateView;
use crate::types::{BatchId, BrokerId, Name, Offset, TopicId, TopicPartition};

/// What was told, in the order of the metadata log. Clones share all.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct ToldRecords(Vector<Told>);

/// A record that changed something.
#[derive(Clone, PartialEq, Debug)]
struct Told {
    offset: Offset,
    /// The batch that it is in.
    batch: BatchId,
    before: Before,
}

/// How it was before.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Before {
    /// The state of a partition, and that before it.
    Partition(TopicPartition, Option<StateView>, Option<Box<StateView>>),
    /// A broker's registration.
    Registration(BrokerId, Option<RegistrationView>),
    /// The topic of a name.
    Topic(Name, Option<TopicId>),
    /// A topic that was there.
    Removed(TopicId),
    /// A key of the configuration.
    Config(ConfigBefore),
}

impl Model {
    /// Remembers how it was before a controller told, by `event`, of its record at `offset`.
    pub(crate) fn remember(&mut self, event: &Event, offset: Offset, before: Before) {
        let Some(controller) = self.node(event) else { return };
        let replica = self.metadata.replicas.get(&controller);
        let Some(entry) = replica.and_then(|replica| replica.log.entry_at(offset)) else { return };
        self.told.0.push_back(Told { offset, batch: entry.batch, before });
    }

    /// Takes back what was told of records that are not in the log of `controller`, which takes
    /// charge.
    pub(crate) fn take_back(&mut self, controller: BrokerId) {
        let is_lost = |model: &Self, told: &Told| {
            let log = model.metadata.replicas.get(&controller).map(|replica| &replica.log);
            let log = log.filter(|log| told.offset >= log.origin());
            log.is_some_and(|log| {
                log.entry_at(told.offset).is_none_or(|entry| entry.batch != told.batch)
            })
        };
        let mut lost = None;
        while self.told.0.back().is_some_and(|told| is_lost(self, told)) {
            let Some(told) = self.told.0.pop_back() else { break };
            lost = Some(told.offset);
            self.undo(told.before);
        }
        if let Some(lost) = lost {
            let left = Offset(lost.0 - 1);
            self.quorum.last_change = self.quorum.last_change.map(|change| change.min(left));
            self.hold_to_minima();
        }
    }

    fn undo(&mut self, before: Before) {
        match before {
            Before::Partition(partition, state, state_before) => {
                let Some(view) = self.partitions.get_mut(&partition) else { return };
                view.leader_epoch = state.as_ref().map(|it| it.leader_epoch).unwrap_or_default();
                view.state = state;
                view.state_before = state_before;
            }
            Before::Registration(broker, None) => {
                self.registrations.remove(&broker);
            }
            Before::Registration(broker, Some(mut before)) => {
                let host = self.host_of(broker).and_then(|host| self.host(host));
                let start = host.and_then(|host| host.start);
                before.is_of_this_start &= start.is_none_or(|start| start < before.event);
                self.registrations.insert(broker, before);
            }
            Before::Topic(name, None) => {
                self.topics.remove(&name);
            }
            Before::Topic(name, Some(topic)) => {
                self.topics.insert(name, topic);
            }
            Before::Removed(topic) => self.undo_removal(topic),
            Before::Config(before) => self.configs.undo(before),
        }
    }

    fn undo_removal(&mut self, topic: TopicId) {
        self.removed.remove(&topic);
        if let Some(name) = self.topic_names.get(&topic) {
            self.topics.insert(name.clone(), topic);
        }
        let is_of_it = |partition: &TopicPartition, _: &mut _| partition.topic_id == topic;
        self.partitions.extend(self.gone.extract_if(.., is_of_it));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{ChainHash, CrashKeep, Kind, QuorumRole, StartedAs, StepName};
    use crate::trace::setup::{HostSetup, Part, Setup};
    use crate::types::{
        BrokerEpoch, BrokerSet, HostId, LeaderEpoch, Moment, PartitionEpoch, PartitionIndex,
    };

    const FIRST: HostId = HostId(0);
    const SECOND: HostId = HostId(1);
    const BROKER: HostId = HostId(2);
    const TOPIC: TopicId = TopicId(11);
    const ORDERS: TopicPartition = TopicPartition { topic_id: TOPIC, partition: PartitionIndex(0) };

    /// Two controllers and a broker. Every record is a batch.
    struct Run(Model);

    impl Run {
        fn new() -> Self {
            let parts = [
                Part::Controller(BrokerId(3001)),
                Part::Controller(BrokerId(3002)),
                Part::Broker(BrokerId(1)),
            ];
            let hosts = parts.map(|part| HostSetup { name: "it".into(), part }).to_vec();
            let mut run = Self(Model::new(Arc::new(Setup { hosts, ..Setup::default() })));
            for host in [FIRST, SECOND, BROKER] {
                run.add(host, Kind::HostStarted { incarnation: 0, after: StartedAs::New });
            }
            run.take_charge(FIRST, 1);
            run
        }

        fn add(&mut self, host: HostId, kind: Kind) {
            let event = Event {
                index: self.0.events,
                at: Moment(0),
                host: Some(host),
                step: StepName::default(),
                cause: None,
                about: None,
                kind,
            };
            self.0.apply(&event);
        }

        fn take_charge(&mut self, host: HostId, epoch: i32) {
            let leader_epoch = LeaderEpoch(epoch);
            let leader = self.0.setup.node(host);
            let role = QuorumRole::Leader;
            self.add(host, Kind::QuorumRoleTaken { role, leader_epoch, leader });
            self.add(host, Kind::ControllerActivated { leader_epoch });
        }

        /// Appends a batch of `records` records to the replica of `partition` on `host`.
        fn append(&mut self, host: HostId, partition: TopicPartition, records: u32) {
            let node = self.0.setup.node(host);
            let view = self.0.partition(partition).or_else(|| self.0.gone.get(&partition));
            let log = view.and_then(|view| view.replicas.get(&node?)).map(|replica| &replica.log);
            let (base_offset, chain) =
                log.map_or((Offset::ZERO, ChainHash(0)), |log| (log.end(), log.own_chain()));
            let batch = BatchId(base_offset.0.unsigned_abs() + 1);
            let leader_epoch = LeaderEpoch(1);
            self.add(
                host,
                Kind::LogAppended {
                    partition,
                    base_offset,
                    records,
                    leader_epoch,
                    batch,
                    chain,
                    as_leader: true,
                },
            );
        }

        /// A record of `told` that the first controller commits, and that `others` have as well.
        fn commit(&mut self, others: &[HostId], told: impl FnOnce(Offset) -> Kind) {
            let offset = self.0.metadata.replicas.get(&BrokerId(3001));
            let offset = offset.map_or(Offset::ZERO, |replica| replica.log.end());
            for host in [&[FIRST], others].concat() {
                self.append(host, TopicPartition::CLUSTER_METADATA, 1);
            }
            self.add(FIRST, told(offset));
        }

        fn stop(&mut self, host: HostId) {
            let keep = CrashKeep::PageCache;
            self.add(host, Kind::HostStopped { keep, halted: None, in_order: false });
        }

        fn min_in_sync(&self) -> Option<u32> {
            Some(self.0.partition(ORDERS)?.state.as_ref()?.min_in_sync)
        }
    }

    fn topic(id: u128, name: &str) -> impl FnOnce(Offset) -> Kind {
        move |offset| Kind::TopicCommitted { topic: TopicId(id), name: name.into(), offset }
    }

    fn removed(topic: TopicId) -> impl FnOnce(Offset) -> Kind {
        move |offset| Kind::TopicRemoved { topic, offset }
    }

    fn minimum(value: &str) -> impl FnOnce(Offset) -> Kind {
        move |offset| Kind::ConfigCommitted {
            resource: "topic orders".into(),
            key: "min.insync.replicas".into(),
            value: Some(value.into()),
            offset,
        }
    }

    fn partition(offset: Offset) -> Kind {
        let in_sync: BrokerSet = [1, 2, 3].map(BrokerId).into_iter().collect();
        Kind::PartitionCommitted {
            partition: ORDERS,
            offset,
            replicas: [1, 2, 3].map(BrokerId).as_slice().into(),
            leader: Some(BrokerId(1)),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            in_sync,
            eligible: BrokerSet::default(),
            last_known: [].as_slice().into(),
            recovering: false,
            min_in_sync: 1,
        }
    }

    fn registered(offset: Offset) -> Kind {
        Kind::RegistrationCommitted {
            broker: BrokerId(1),
            broker_epoch: BrokerEpoch(4),
            offset,
            fenced: false,
            in_controlled_shutdown: false,
            is_new: true,
        }
    }

    /// A topic with a setting and a broker; then all of it is changed by records that of the
    /// controllers only the first has, and `others`.
    fn changed(others: &[HostId]) -> Run {
        let mut run = Run::new();
        run.commit(&[SECOND], topic(11, "orders"));
        run.commit(&[SECOND], partition);
        run.commit(&[SECOND], minimum("2"));
        run.commit(&[SECOND], registered);
        run.append(BROKER, ORDERS, 3);
        run.commit(others, minimum("3"));
        run.commit(others, removed(TOPIC));
        run.commit(others, topic(12, "orders"));
        run.commit(others, topic(13, "bills"));
        let (broker, broker_epoch) = (BrokerId(1), BrokerEpoch(4));
        run.commit(others, |offset| Kind::BrokerUnregistered { broker, broker_epoch, offset });
        // The broker has yet to hear of it.
        run.append(BROKER, ORDERS, 2);
        assert!(run.0.partition(ORDERS).is_none());
        assert_eq!(run.0.topics.get("orders"), Some(&TopicId(12)));
        run
    }

    #[test]
    fn what_the_new_leader_lacks_is_as_it_was_before() {
        let mut run = changed(&[BROKER]);
        run.take_charge(SECOND, 2);
        let topics: Vec<_> = run.0.topics.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        assert_eq!(topics, [("orders", TOPIC)]);
        assert!(!run.0.is_removed(TOPIC));
        assert_eq!(run.min_in_sync(), Some(2));
        let view = run.0.partition(ORDERS).expect("it is there again");
        assert_eq!(view.replicas[&BrokerId(1)].log.end(), Offset(5), "with what came meanwhile");
        assert!(run.0.is_electable(BrokerId(1)), "it is registered, and has not started since");
        assert_eq!(run.0.quorum.last_change, Some(Offset(3)));
        assert!(run.0.audit_failures().is_empty(), "{:?}", run.0.audit_failures());
    }

    #[test]
    fn what_the_new_leader_has_stays() {
        let mut run = changed(&[SECOND]);
        run.take_charge(SECOND, 2);
        assert_eq!(run.0.topics.len(), 2);
        assert!(run.0.is_removed(TOPIC));
        assert!(run.0.partition(ORDERS).is_none());
        assert!(!run.0.registrations.contains_key(&BrokerId(1)));
        // It tells again of all that ever was.
        run.add(SECOND, topic(11, "orders")(Offset(0)));
        run.add(SECOND, partition(Offset(1)));
        assert_eq!(run.0.topics.get("orders"), Some(&TopicId(12)));
        assert!(run.0.partition(ORDERS).is_none());
    }

    #[test]
    fn a_broker_that_starts_meanwhile_is_not_registered_as_it_runs() {
        let mut run = changed(&[BROKER]);
        run.stop(BROKER);
        run.add(BROKER, Kind::HostStarted { incarnation: 1, after: StartedAs::AfterCrash });
        run.take_charge(SECOND, 2);
        assert!(run.0.registrations.contains_key(&BrokerId(1)));
        assert!(!run.0.is_electable(BrokerId(1)));
    }

    #[test]
    fn only_what_a_voter_has_can_still_be_committed() {
        let can_be = |others: &[HostId], is_voter_back: bool| {
            let mut run = Run::new();
            run.commit(&[SECOND, BROKER], topic(11, "orders"));
            run.commit(&[SECOND, BROKER], partition);
            let offset = Offset(2);
            for host in [&[FIRST], others].concat() {
                run.append(host, TopicPartition::CLUSTER_METADATA, 1);
            }
            run.add(
                FIRST,
                Kind::PartitionDecided {
                    partition: ORDERS,
                    offset,
                    leader: Some(BrokerId(1)),
                    leader_epoch: LeaderEpoch(0),
                    partition_epoch: PartitionEpoch(1),
                    in_sync: BrokerSet::default(),
                    eligible: BrokerSet::default(),
                    recovering: false,
                    unclean: false,
                },
            );
            let decided = run.0.partition(ORDERS).and_then(|view| view.decided.clone());
            let decided = decided.expect("it was decided");
            assert!(run.0.can_be_committed(&decided), "who wrote it is in charge");
            run.stop(FIRST);
            let partition = TopicPartition::CLUSTER_METADATA;
            if !is_voter_back {
                let (log_end_offset, durable_end) = (Offset(3), offset);
                run.add(FIRST, Kind::DurableEnd { partition, log_end_offset, durable_end });
            }
            run.0.can_be_committed(&decided)
        };
        assert!(can_be(&[], true), "it is on the disk of the one that wrote it");
        assert!(!can_be(&[], false), "nobody has it");
        assert!(can_be(&[SECOND], false), "another voter has it");
        assert!(!can_be(&[BROKER], false), "a broker is not elected");
    }
}
