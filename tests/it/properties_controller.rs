//! What holds for a controller whatever happens to it: who may be in sync, that epochs grow, that
//! the log it writes says what it says.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on should panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages as k;
use kafka_protocol::messages::{
    alter_partition_request as alter, create_topics_request as create,
    incremental_alter_configs_request as ask,
};
use kafka_protocol::protocol::StrBytes;
use proptest::prelude::*;
use proptest::test_runner::{Config as RunnerConfig, TestRunner};

use kafsim::event::Kind;
use kafsim::message::convert::{directory_uuid, incarnation_uuid, topic_uuid};
use kafsim::message::{
    Batch, BatchBody, MetadataRecord, PartitionState, Records, RequestBody, ResponseBody,
};
use kafsim::protocol::Machine;
use kafsim::protocol::controller::{Config, Controller, Effect, Input};
use kafsim::protocol::image::{Delta, MetadataImage};
use kafsim::types::{
    BatchId, BrokerEpoch, BrokerId, BrokerSet, ConnectionId, Defect, DirectoryId, HostId,
    IncarnationId, LeaderEpoch, Now, Offset, Rng, TopicPartition,
};

const BROKERS: i32 = 4;
const ELR: &str = "eligible.leader.replicas.version";

/// What may happen, in the words of the domain.
#[derive(Clone, Debug)]
enum Op {
    /// A broker process starts; `clean` if the one before shut down properly.
    Start { broker: i32, clean: bool },
    /// A broker registers once more: the answer was lost.
    Again { broker: i32 },
    /// A broker sends a heartbeat; once it wants to stop, it goes on wanting.
    Heartbeat { broker: i32, stops: bool, caught_up: bool },
    /// The leader of a partition (or, if `by` says so, another) asks for the members of `mask`.
    Alter { partition: usize, mask: u8, by: Option<i32>, behind: bool, recovering: bool },
    /// A topic is created.
    Create { partitions: i32, factor: i16, min_in_sync: u8 },
    /// A topic is deleted.
    Delete { topic: usize },
    /// An administrator asks for a leader of every partition: the preferred one, or any.
    Elect { unclean: bool },
    /// The minimum of a topic, or of all, is changed.
    Configure { topic: Option<usize>, min_in_sync: u8 },
    /// A broker leaves for good, unless it comes back.
    Unregister { broker: i32 },
    /// Time passes, and what is due is done.
    Wait { millis: u64 },
    /// The quorum commits up to `batches` of what was appended.
    Commit { batches: usize },
    /// Another node takes charge of what is committed; `keeps` batches more turn out to be.
    Failover { keeps: usize },
}

fn op() -> impl Strategy<Value = Op> {
    let broker = 1..=BROKERS;
    prop_oneof![
        2 => (broker.clone(), any::<bool>()).prop_map(|(broker, clean)| Op::Start { broker, clean }),
        1 => broker.clone().prop_map(|broker| Op::Again { broker }),
        8 => (broker.clone(), prop::bool::weighted(0.05), prop::bool::weighted(0.9)).prop_map(
            |(broker, stops, caught_up)| Op::Heartbeat { broker, stops, caught_up }),
        6 => (any::<prop::sample::Index>(), any::<u8>(), prop::option::weighted(0.1, broker),
              prop::bool::weighted(0.1), prop::bool::weighted(0.1)).prop_map(
            |(partition, mask, by, behind, recovering)| Op::Alter {
                partition: partition.index(64), mask, by, behind, recovering }),
        2 => (1..4_i32, 1..=4_i16, 1..4_u8).prop_map(|(partitions, factor, min_in_sync)|
            Op::Create { partitions, factor, min_in_sync }),
        1 => (0..8_usize).prop_map(|topic| Op::Delete { topic }),
        1 => any::<bool>().prop_map(|unclean| Op::Elect { unclean }),
        1 => (prop::option::of(0..8_usize), 1..4_u8).prop_map(|(topic, min_in_sync)|
            Op::Configure { topic, min_in_sync }),
        1 => (1..=BROKERS).prop_map(|broker| Op::Unregister { broker }),
        4 => (1..6000_u64).prop_map(|millis| Op::Wait { millis }),
        3 => (1..6_usize).prop_map(|batches| Op::Commit { batches }),
        1 => (0..3_usize).prop_map(|keeps| Op::Failover { keeps }),
    ]
}

/// A controller with a quorum that does what the operations say, and the tester's own account.
struct Cluster {
    config: Config,
    now: Now,
    controller: Controller,
    epoch: LeaderEpoch,
    appended: Vec<Batch>,
    committed: Vec<Batch>,
    incarnations: BTreeMap<i32, u64>,
    stopping: BTreeSet<i32>,
    requests: u32,
    answered: BTreeSet<u64>,
}

type Checked = Result<(), TestCaseError>;

impl Cluster {
    fn new(eligible: bool, defect: Option<Defect>) -> Self {
        let config = Config {
            eligible_leader_replicas: eligible,
            defects: defect.into_iter().collect(),
            ..Config::default()
        };
        Self {
            controller: Controller::new(Arc::new(config.clone()), Rng::named(1, "c", &[])),
            config,
            now: Now::default(),
            epoch: LeaderEpoch(0),
            appended: Vec::new(),
            committed: Vec::new(),
            incarnations: BTreeMap::new(),
            stopping: BTreeSet::new(),
            requests: 0,
            answered: BTreeSet::new(),
        }
    }

    fn end(&self) -> Offset {
        let last = self.appended.last().or(self.committed.last());
        last.map_or(Offset::ZERO, Batch::end_offset)
    }

    fn image(&self) -> &MetadataImage {
        self.controller.uncommitted_image().unwrap()
    }

    fn run(&mut self, op: &Op) -> Checked {
        match op.clone() {
            Op::Start { broker, clean } => {
                *self.incarnations.entry(broker).or_insert(0) += 1;
                self.stopping.remove(&broker);
                self.register(broker, clean)
            }
            Op::Again { broker } => self.register(broker, true),
            Op::Heartbeat { broker, stops, caught_up } => {
                if stops {
                    self.stopping.insert(broker);
                }
                let body = k::BrokerHeartbeatRequest::default()
                    .with_broker_id(k::BrokerId(broker))
                    .with_broker_epoch(self.own_epoch(broker))
                    .with_current_metadata_offset(if caught_up { self.end().0 } else { 0 })
                    .with_want_shut_down(self.stopping.contains(&broker));
                self.request(body.into())
            }
            Op::Alter { partition, mask, by, behind, recovering } => {
                self.alter(partition, mask, by, behind, recovering)
            }
            Op::Create { partitions, factor, min_in_sync } => {
                let text = |text: String| StrBytes::from_string(text);
                let config = create::CreatableTopicConfig::default()
                    .with_name(text("min.insync.replicas".to_owned()))
                    .with_value(Some(text(min_in_sync.to_string())));
                let topic = create::CreatableTopic::default()
                    .with_name(k::TopicName(text(format!("t{}", self.requests))))
                    .with_num_partitions(partitions)
                    .with_replication_factor(factor)
                    .with_configs(vec![config]);
                self.request(k::CreateTopicsRequest::default().with_topics(vec![topic]).into())
            }
            Op::Delete { topic } => {
                let Some(topic) = self.image().topics().nth(topic) else { return Ok(()) };
                let topic = k::delete_topics_request::DeleteTopicState::default()
                    .with_topic_id(topic_uuid(topic.topic_id));
                self.request(k::DeleteTopicsRequest::default().with_topics(vec![topic]).into())
            }
            Op::Elect { unclean } => {
                let body = k::ElectLeadersRequest::default()
                    .with_election_type(i8::from(unclean))
                    .with_topic_partitions(None);
                self.administer(body.into())
            }
            Op::Configure { topic, min_in_sync } => self.configure(topic, min_in_sync),
            Op::Unregister { broker } => {
                let body =
                    k::UnregisterBrokerRequest::default().with_broker_id(k::BrokerId(broker));
                self.administer(body.into())?;
                prop_assert!(self.image().broker(BrokerId(broker)).is_none());
                Ok(())
            }
            Op::Wait { millis } => {
                self.now = self.now.after(Duration::from_millis(millis));
                while self.controller.deadlines().is_due(self.now) {
                    self.step(Input::DeadlineReached)?;
                }
                Ok(())
            }
            Op::Commit { batches } => self.commit(batches),
            Op::Failover { keeps } => self.failover(keeps),
        }
    }

    fn broker_epoch(&self, broker: i32) -> i64 {
        let registration = self.image().broker(BrokerId(broker));
        registration.map_or(-1, |registration| registration.broker_epoch.0)
    }

    /// The epoch that the running process of `broker` was given, if it was.
    fn own_epoch(&self, broker: i32) -> i64 {
        let registration = self.image().broker(BrokerId(broker));
        let own = self.incarnations.get(&broker).map(|number| IncarnationId(*number));
        let own = registration.filter(|registration| Some(registration.incarnation) == own);
        own.map_or(-1, |registration| registration.broker_epoch.0)
    }

    fn register(&mut self, broker: i32, clean: bool) -> Checked {
        let Some(incarnation) = self.incarnations.get(&broker) else { return Ok(()) };
        let existing = self.image().broker(BrokerId(broker)).cloned();
        let is_new = existing.as_ref().is_none_or(|e| e.incarnation != IncarnationId(*incarnation));
        let body = k::BrokerRegistrationRequest::default()
            .with_broker_id(k::BrokerId(broker))
            .with_cluster_id(StrBytes::from_static_str("kafsim"))
            .with_incarnation_id(incarnation_uuid(IncarnationId(*incarnation)))
            .with_log_dirs(vec![directory_uuid(DirectoryId(7))])
            .with_previous_broker_epoch(if clean { self.broker_epoch(broker) } else { -1 });
        self.request(body.into())?;
        let epoch = self.image().broker(BrokerId(broker)).map(|r| r.broker_epoch);
        let registered = is_new && epoch != existing.map(|e| e.broker_epoch);
        if registered && !clean && self.config.eligible_leader_replicas {
            // Property 12: nobody counts on what a power loss may have taken.
            for (partition, state) in self.image().partitions() {
                let counts = state.in_sync.union(&state.eligible);
                prop_assert!(!counts.contains(BrokerId(broker)), "{broker} in {partition:?}");
            }
        }
        Ok(())
    }

    fn alter(
        &mut self,
        partition: usize,
        mask: u8,
        by: Option<i32>,
        behind: bool,
        recovering: bool,
    ) -> Checked {
        let count = self.image().partitions().count();
        if count == 0 {
            return Ok(());
        }
        let (partition, state) = self.image().partitions().nth(partition % count).unwrap();
        let state = Arc::clone(state);
        let leader = by.map(BrokerId).or(state.leader).unwrap_or(BrokerId(1));
        let wanted = |b: &BrokerId| *b == leader || mask & (1 << b.0) != 0;
        let member = |broker: &BrokerId| {
            alter::BrokerState::default()
                .with_broker_id(k::BrokerId(broker.0))
                .with_broker_epoch(self.broker_epoch(broker.0))
        };
        let members = state.replicas.iter().filter(|b| wanted(b)).map(member).collect();
        let asked = alter::PartitionData::default()
            .with_partition_index(partition.partition.0)
            .with_leader_epoch(state.leader_epoch.0)
            .with_partition_epoch(state.partition_epoch.0 - i32::from(behind))
            .with_leader_recovery_state(i8::from(recovering))
            .with_new_isr_with_epochs(members);
        let topic = alter::TopicData::default()
            .with_topic_id(topic_uuid(partition.topic_id))
            .with_partitions(vec![asked]);
        let body = k::AlterPartitionRequest::default()
            .with_broker_id(k::BrokerId(leader.0))
            .with_broker_epoch(self.broker_epoch(leader.0))
            .with_topics(vec![topic]);
        self.request(body.into())?;
        if behind && by.is_none() {
            let now = self.image().partition(partition).unwrap();
            prop_assert_eq!(&*state, &**now, "a request of an older partition epoch had effect");
        }
        Ok(())
    }

    /// What a broker forwards for an administrator.
    fn administer(&mut self, body: RequestBody) -> Checked {
        let correlation_id = kafsim::types::CorrelationId(1);
        let request = kafsim::message::Request { correlation_id, body, records: Vec::new() };
        self.request(RequestBody::Envelope(Box::new(request)))
    }

    fn configure(&mut self, topic: Option<usize>, min_in_sync: u8) -> Checked {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let name = match topic {
            Some(topic) => match self.image().topics().nth(topic) {
                Some(topic) => Some(topic.name.to_string()),
                None => return Ok(()),
            },
            None => None,
        };
        let config = ask::AlterableConfig::default()
            .with_name(text("min.insync.replicas"))
            .with_value(Some(text(&min_in_sync.to_string())));
        let resource = ask::AlterConfigsResource::default()
            .with_resource_type(if name.is_some() { 2 } else { 4 })
            .with_resource_name(text(&name.clone().unwrap_or_default()))
            .with_configs(vec![config]);
        let body = k::IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        let before = self.image().clone();
        self.administer(body.into())?;
        // With another minimum nobody is eligible any more, wherever it holds.
        let is_told = self.image().end_offset() > before.end_offset();
        for topic in self.image().topics().filter(|_| is_told && before.feature(ELR) > 0) {
            if name.as_ref().is_none_or(|name| topic.name.as_str() == name) {
                for (partition, state) in self.image().partitions_of(topic.topic_id) {
                    prop_assert!(state.eligible.is_empty(), "{partition:?}: {state:?}");
                }
            }
        }
        Ok(())
    }

    fn request(&mut self, body: RequestBody) -> Checked {
        self.requests += 1;
        let request = ConnectionId::new(HostId(1), 0, 0, self.requests);
        self.step(Input::Request { request, body })
    }

    fn commit(&mut self, batches: usize) -> Checked {
        let batches: Vec<_> = self.appended.drain(..batches.min(self.appended.len())).collect();
        self.committed.extend(batches.iter().cloned());
        self.step(Input::Committed { batches })
    }

    fn failover(&mut self, keeps: usize) -> Checked {
        self.step(Input::Resigned)?;
        prop_assert_eq!(self.answered.len(), self.requests as usize, "a request has no answer");
        let kept: Vec<_> = self.appended.drain(..keeps.min(self.appended.len())).collect();
        self.committed.extend(kept);
        self.appended.clear();
        // Another node, another stream: two that draw alike would make one topic id twice.
        let rng = Rng::named(1, "c", &[u64::from(self.epoch.0.unsigned_abs())]);
        self.controller = Controller::new(Arc::new(self.config.clone()), rng);
        let batches = self.committed.clone();
        self.step(Input::Committed { batches })?;
        self.claim()
    }

    fn claim(&mut self) -> Checked {
        self.epoch = self.epoch.next();
        let voters = BrokerSet::of(BrokerId(3001));
        let change = Records::LeaderChange { leader: BrokerId(3001), voters };
        let batches = vec![batch(self.end(), self.epoch, change)];
        self.committed.extend(batches.iter().cloned());
        self.step(Input::Committed { batches })?;
        let (leader_epoch, end_offset) = (self.epoch, self.end());
        self.step(Input::Claimed { leader_epoch, end_offset })
    }

    fn step(&mut self, input: Input) -> Checked {
        let before = self.controller.uncommitted_image().cloned();
        let mut effects = Vec::new();
        self.controller.step(self.now, input, &mut effects);
        let mut replayed = before;
        for effect in effects {
            match effect {
                Effect::Append { leader_epoch, base_offset, records } => {
                    prop_assert_eq!((leader_epoch, base_offset), (self.epoch, self.end()));
                    if let Some(image) = &mut replayed {
                        for record in &records {
                            check_growth(image, record)?;
                            image.apply(image.end_offset(), leader_epoch, record);
                        }
                    }
                    let records = Records::Metadata(records);
                    self.appended.push(batch(base_offset, leader_epoch, records));
                }
                Effect::Answer { request, body } => {
                    prop_assert!(self.answered.insert(request.number), "answered twice");
                    prop_assert!(!matches!(body, ResponseBody::Fetch(_)));
                }
                Effect::Event { kind, .. } => check_decided(&kind)?,
            }
        }
        let eligible = self.config.eligible_leader_replicas;
        if let (Some(image), Some(replayed)) = (self.controller.uncommitted_image(), replayed) {
            prop_assert_eq!(image, &replayed, "the records do not say what was decided");
            for (partition, state) in image.partitions() {
                check_membership(image, partition, state, eligible)?;
            }
        }
        Ok(())
    }
}

/// Property 13: every change of a partition raises its epoch by one, an election and nothing else
/// that of its leader; a registration's epoch is above all before it.
fn check_growth(image: &MetadataImage, record: &MetadataRecord) -> Checked {
    match record {
        MetadataRecord::PartitionChange { partition, .. }
        | MetadataRecord::Partition { partition, .. } => {
            let mut after = image.clone();
            after.apply(image.end_offset(), LeaderEpoch(0), record);
            let Some(before) = image.partition(*partition) else { return Ok(()) };
            let after = after.partition(*partition).unwrap();
            prop_assert_eq!(after.partition_epoch, before.partition_epoch.next());
            let elected = after.leader != before.leader;
            let expected = if elected { before.leader_epoch.next() } else { before.leader_epoch };
            prop_assert_eq!(after.leader_epoch, expected, "of {:?}", partition);
        }
        MetadataRecord::RegisterBroker { broker, incarnation, broker_epoch, .. } => {
            let same = image.broker(*broker).is_some_and(|r| r.incarnation == *incarnation);
            let all_below = image.brokers().all(|(_, r)| r.broker_epoch < *broker_epoch);
            prop_assert!(same || all_below, "{broker_epoch} of {broker} is not new");
            prop_assert!(same || *broker_epoch == BrokerEpoch(image.end_offset().0));
        }
        _ => {}
    }
    Ok(())
}

/// Property 11, on the state that the controller would write.
fn check_membership(
    image: &MetadataImage,
    partition: TopicPartition,
    state: &PartitionState,
    eligible: bool,
) -> Checked {
    let about = format!("{partition:?}: {state:?}");
    let replicas: BrokerSet = state.replicas.iter().copied().collect();
    prop_assert!(state.in_sync.is_subset(&replicas), "{about}");
    prop_assert!(state.eligible.is_subset(&replicas), "{about}");
    prop_assert!(state.in_sync.iter().all(|b| !state.eligible.contains(b)), "{about}");
    if let Some(leader) = state.leader {
        prop_assert!(state.in_sync.contains(leader) && image.is_active(leader), "{about}");
        prop_assert!(state.last_known.is_empty(), "{about}");
    }
    if eligible {
        prop_assert!(state.in_sync.iter().all(|b| image.is_active(b)), "{about}");
        // Whoever is active and in sync could lead.
        prop_assert!(state.in_sync.is_empty() || state.leader.is_some(), "{about}");
        let enough = state.in_sync.len() >= image.min_in_sync(BrokerId(3001), partition) as usize;
        prop_assert!(!enough || state.eligible.is_empty(), "{about}");
    } else {
        prop_assert!(!state.in_sync.is_empty() && state.eligible.is_empty(), "{about}");
        let all_active = state.in_sync.iter().all(|b| image.is_active(b));
        prop_assert!(all_active || state.in_sync.len() == 1, "{about}");
    }
    Ok(())
}

/// Nobody is elected uncleanly where that is off, but the last known leader.
fn check_decided(kind: &Kind) -> Checked {
    if let Kind::PartitionDecided { unclean, recovering, in_sync, eligible, .. } = kind {
        prop_assert!(!unclean || (*recovering && in_sync.len() == 1 && eligible.is_empty()));
    }
    Ok(())
}

fn batch(base_offset: Offset, leader_epoch: LeaderEpoch, records: Records) -> Batch {
    let body = BatchBody {
        id: BatchId(base_offset.0.unsigned_abs()),
        producer: None,
        base_timestamp: 0,
        max_timestamp: 0,
        records,
        size_bytes: 61,
    };
    Batch { base_offset, leader_epoch, body: Arc::new(body) }
}

/// A cluster of four live brokers, and then whatever `ops` say.
fn play(eligible: bool, defect: Option<Defect>, ops: &[Op]) -> Checked {
    let mut cluster = Cluster::new(eligible, defect);
    cluster.claim()?;
    for broker in 1..=BROKERS {
        cluster.run(&Op::Start { broker, clean: false })?;
        cluster.run(&Op::Heartbeat { broker, stops: false, caught_up: true })?;
    }
    cluster.run(&Op::Create { partitions: 3, factor: 3, min_in_sync: 2 })?;
    for op in ops {
        cluster.run(op)?;
    }
    // In the end all is committed, and the log alone says what the controller says.
    cluster.commit(usize::MAX)?;
    prop_assert_eq!(cluster.answered.len(), cluster.requests as usize, "a request has no answer");
    let (mut image, mut delta) = (MetadataImage::new(), Delta::default());
    for batch in &cluster.committed {
        image.apply_batch(batch, &mut delta);
    }
    prop_assert_eq!(cluster.controller.image(), &image);
    prop_assert_eq!(cluster.controller.image().digest(), image.digest());
    prop_assert_eq!(cluster.image(), &image);
    Ok(())
}

fn config(cases: u32) -> RunnerConfig {
    RunnerConfig { failure_persistence: None, cases, ..RunnerConfig::default() }
}

fn find(eligible: bool, defect: Option<Defect>, cases: u32) -> Result<(), String> {
    // A fixed stream of cases: a test that fails one time in a thousand helps nobody.
    let algorithm = proptest::test_runner::RngAlgorithm::ChaCha;
    let rng = proptest::test_runner::TestRng::deterministic_rng(algorithm);
    let mut runner = TestRunner::new_with_rng(config(cases), rng);
    let ops = prop::collection::vec(op(), 1..120);
    runner.run(&ops, |ops| play(eligible, defect, &ops)).map_err(|error| error.to_string())
}

#[test]
fn membership_and_epochs_hold_with_eligible_leader_replicas() {
    find(true, None, 300).unwrap();
}

#[test]
fn membership_and_epochs_hold_without_eligible_leader_replicas() {
    find(false, None, 300).unwrap();
}

#[test]
fn each_defect_of_the_controller_is_found() {
    // On the cases that pass without: nothing but the defect can be what is found.
    find(true, None, 300).unwrap();
    let defects = [
        Defect::FencedInSync,
        Defect::NoUncleanShutdownDetection,
        Defect::LeaderEpochNotRaised,
        Defect::NoElection,
    ];
    for defect in defects {
        let found = find(true, Some(defect), 300);
        assert!(found.is_err(), "{defect:?} stays unseen");
    }
}
