//! Short runs written by hand, event by event, for the tests of properties.
//!
//! Brokers 1 to 3 and controllers 3001 to 3003 are up and registered; the topic `orders` has one
//! partition. Clients: `writer` is idempotent, `plain` is not and pipelines, `reader` and `other`
//! only read. Events follow each other by a millisecond.

use std::sync::Arc;
use std::time::Duration;

use crate::check::checker::Checker;
use crate::check::verdict::Verdict;
use crate::event::{
    AckMode, ChainHash, Event, Kind, OperationResult, OperationVerb, Phase, QuorumRole,
    ReplicaRole, StartMovedBecause, StartedAs, StepName,
};
use crate::trace::{ClientSetup, GroupSetup, HostSetup, Model, Part, Promise, Setup, TopicSetup};
use crate::types::{
    BatchId, BrokerEpoch, BrokerId, BrokerSet, ClientId, ErrorCode, GroupEpoch, HostId,
    LeaderEpoch, Moment, Offset, OperationId, PartitionEpoch, TopicId, TopicPartition, hash_words,
};

pub(crate) const ORDERS: TopicPartition =
    TopicPartition { topic_id: TopicId(7), partition: crate::types::PartitionIndex(0) };
/// Where groups commit, once [`Script::make_offsets_topic`] has made it.
pub(crate) const OFFSETS: TopicPartition =
    TopicPartition { topic_id: TopicId(50), partition: crate::types::PartitionIndex(0) };
/// The host of broker `n` is `HostId(n)`.
pub(crate) const CONTROLLER: HostId = HostId(4);
pub(crate) const WRITER: HostId = HostId(7);
pub(crate) const PLAIN: HostId = HostId(8);
pub(crate) const READER: HostId = HostId(9);
pub(crate) const OTHER: HostId = HostId(10);

/// A run so far.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    setup: Setup,
    events: Vec<Event>,
    model: Model,
    now: Moment,
    metadata: i64,
    partition_epoch: i32,
    operations: u32,
}

pub(crate) fn set(brokers: &[i32]) -> BrokerSet {
    brokers.iter().copied().map(BrokerId).collect()
}

fn setup() -> Setup {
    let client = |id: u16, idempotent: bool| {
        Part::Client(ClientSetup {
            id: ClientId(id),
            idempotent,
            in_flight_max: 5,
            answers_within: Duration::from_secs(10),
        })
    };
    let parts = [
        ("staff", client(0, true)),
        ("broker-1", Part::Broker(BrokerId(1))),
        ("broker-2", Part::Broker(BrokerId(2))),
        ("broker-3", Part::Broker(BrokerId(3))),
        ("controller-3001", Part::Controller(BrokerId(3001))),
        ("controller-3002", Part::Controller(BrokerId(3002))),
        ("controller-3003", Part::Controller(BrokerId(3003))),
        ("writer", client(1, true)),
        ("plain", client(2, false)),
        ("reader", client(3, true)),
        ("other", client(4, true)),
    ];
    let hosts = parts.map(|(name, part)| HostSetup { name: name.into(), part }).to_vec();
    Setup {
        hosts,
        eligible_replicas: true,
        quorum_fetch_timeout: Duration::from_secs(2),
        ..Setup::default()
    }
}

impl Script {
    /// All hosts run, the brokers are registered, `orders` exists; nobody leads it yet.
    pub(crate) fn new() -> Self {
        Self::of(setup())
    }

    /// The same, with unclean elections allowed.
    pub(crate) fn with_unclean_elections() -> Self {
        let orders = TopicSetup {
            name: "orders".into(),
            unclean_elections: true,
            flushes_each_message: false,
        };
        Self::of(Setup { topics: vec![orders], ..setup() })
    }

    /// The same, with a topic of which every batch is flushed before it counts.
    pub(crate) fn with_each_message_flushed() -> Self {
        let orders = TopicSetup {
            name: "orders".into(),
            unclean_elections: false,
            flushes_each_message: true,
        };
        Self::of(Setup { topics: vec![orders], ..setup() })
    }

    /// The same, with a group that reads `orders`: `reader` and `other` want to be its members.
    pub(crate) fn with_group(name: &str, promise: Promise) -> Self {
        Self::with_group_setup(name, promise, 3)
    }

    /// The same, with so many replicas for `__consumer_offsets`.
    pub(crate) fn with_group_setup(name: &str, promise: Promise, offsets_replicas: u64) -> Self {
        let (name, topics, members) = (name.into(), vec!["orders".into()], vec![READER, OTHER]);
        let groups = vec![GroupSetup { name, topics, promise, members }];
        Self::of(Setup { groups, offsets_replicas, ..setup() })
    }

    /// Hosts that have not started; nothing happened.
    pub(crate) fn empty() -> Self {
        Self::before(setup())
    }

    fn before(setup: Setup) -> Self {
        let model = Model::new(Arc::new(setup.clone()));
        Self {
            setup,
            events: Vec::new(),
            model,
            now: Moment::SCENARIO_BEGINS,
            metadata: 0,
            partition_epoch: 0,
            operations: 0,
        }
    }

    fn of(setup: Setup) -> Self {
        let hosts = u16::try_from(setup.hosts.len()).unwrap();
        let mut script = Self::before(setup);
        for host in 0..hosts {
            let started = Kind::HostStarted { incarnation: 0, after: StartedAs::New };
            script.add(HostId(host), started);
        }
        let epoch = LeaderEpoch(1);
        script.add(CONTROLLER, Kind::ControllerActivated { leader_epoch: epoch });
        let offset = script.record();
        let topic = ORDERS.topic_id;
        script.add(CONTROLLER, Kind::TopicCommitted { topic, name: "orders".into(), offset });
        for broker in 1..=3 {
            script.register(broker, i64::from(broker), false, true);
        }
        script
    }

    /// The offset of the next metadata record.
    pub(crate) fn record(&mut self) -> Offset {
        self.metadata += 1;
        Offset(self.metadata)
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now + Duration::from_secs(seconds);
        self
    }

    /// Records `kind` at `host`.
    pub(crate) fn add(&mut self, host: HostId, kind: Kind) -> &mut Self {
        self.put(Some(host), kind)
    }

    fn put(&mut self, host: Option<HostId>, kind: Kind) -> &mut Self {
        self.now = self.now + Duration::from_millis(1);
        let index = self.events.len() as u64;
        let step = StepName { lane: 0, n: index };
        let event = Event { index, at: self.now, host, step, cause: None, about: None, kind };
        self.model.apply(&event);
        self.events.push(event);
        self
    }

    /// Who plays.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// What happened so far.
    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// The events so far.
    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    /// What `property` came to.
    pub(crate) fn verdict(&self, property: &str) -> Verdict {
        let mut model = Model::new(Arc::new(self.setup.clone()));
        let mut checker = Checker::default();
        for event in &self.events {
            model.apply(event);
            checker.observe(event, &model);
        }
        let verdicts = checker.finish(&model);
        verdicts.into_iter().find(|verdict| verdict.property == property).unwrap()
    }

    /// What `property` came to, in a word.
    pub(crate) fn outcome(&self, property: &str) -> &'static str {
        self.verdict(property).outcome.name()
    }

    /// A part of the run begins.
    pub(crate) fn phase(&mut self, phase: Phase) -> &mut Self {
        self.put(None, Kind::PhaseBegan { phase })
    }

    /// Faults end, some seconds pass, the audit begins.
    pub(crate) fn settle(&mut self) -> &mut Self {
        self.phase(Phase::Heal).phase(Phase::Settle).wait(5).phase(Phase::Audit)
    }

    /// A registration of `broker` is committed.
    pub(crate) fn register(
        &mut self,
        broker: i32,
        broker_epoch: i64,
        fenced: bool,
        is_new: bool,
    ) -> &mut Self {
        let offset = self.record();
        let kind = Kind::RegistrationCommitted {
            broker: BrokerId(broker),
            broker_epoch: BrokerEpoch(broker_epoch),
            offset,
            fenced,
            in_controlled_shutdown: false,
            is_new,
        };
        self.add(CONTROLLER, kind)
    }

    /// The controller commits a state of `orders`; `min.insync.replicas` is 2.
    pub(crate) fn commit(
        &mut self,
        leader: Option<i32>,
        leader_epoch: i32,
        in_sync: &[i32],
    ) -> &mut Self {
        self.commit_eligible(leader, leader_epoch, in_sync, &[])
    }

    /// The same, with eligible leader replicas.
    pub(crate) fn commit_eligible(
        &mut self,
        leader: Option<i32>,
        leader_epoch: i32,
        in_sync: &[i32],
        eligible: &[i32],
    ) -> &mut Self {
        self.commit_of(ORDERS, leader, leader_epoch, in_sync, eligible)
    }

    fn commit_of(
        &mut self,
        partition: TopicPartition,
        leader: Option<i32>,
        leader_epoch: i32,
        in_sync: &[i32],
        eligible: &[i32],
    ) -> &mut Self {
        self.partition_epoch += 1;
        let kind = Kind::PartitionCommitted {
            partition,
            offset: self.record(),
            replicas: [1, 2, 3].map(BrokerId).into(),
            leader: leader.map(BrokerId),
            leader_epoch: LeaderEpoch(leader_epoch),
            partition_epoch: PartitionEpoch(self.partition_epoch),
            in_sync: set(in_sync),
            eligible: set(eligible),
            last_known: Box::default(),
            recovering: false,
            min_in_sync: 2,
        };
        self.add(CONTROLLER, kind)
    }

    /// Broker `leader` takes the leadership, and the other brokers follow it.
    pub(crate) fn lead(&mut self, leader: u16, leader_epoch: i32, in_sync: &[i32]) -> &mut Self {
        self.role(leader, ReplicaRole::Leader, leader, leader_epoch, in_sync)
    }

    /// Broker `broker` takes a part under `leader`.
    pub(crate) fn role(
        &mut self,
        broker: u16,
        role: ReplicaRole,
        leader: u16,
        leader_epoch: i32,
        in_sync: &[i32],
    ) -> &mut Self {
        let (log_end_offset, _) = self.log(broker);
        let known = self.model.partition(ORDERS);
        let replica = known.and_then(|known| known.replicas.get(&BrokerId(i32::from(broker))));
        let high_watermark = replica.map_or(Offset::ZERO, |replica| replica.high_watermark);
        let kind = Kind::RoleTaken {
            partition: ORDERS,
            role,
            leader: Some(BrokerId(i32::from(leader))),
            leader_epoch: LeaderEpoch(leader_epoch),
            partition_epoch: PartitionEpoch(self.partition_epoch),
            epoch_start: (role == ReplicaRole::Leader).then_some(log_end_offset),
            log_end_offset,
            high_watermark,
            in_sync: set(in_sync),
            min_in_sync: 2,
        };
        self.add(HostId(broker), kind)
    }

    fn log(&self, node: u16) -> (Offset, ChainHash) {
        self.log_of(ORDERS, BrokerId(i32::from(node)))
    }

    fn log_of(&self, partition: TopicPartition, node: BrokerId) -> (Offset, ChainHash) {
        let known = self.model.partition(partition);
        let replica = known.and_then(|known| known.replicas.get(&node));
        replica.map_or((Offset::ZERO, ChainHash(0)), |r| (r.log.end(), r.log.own_chain()))
    }

    /// `broker` appends a batch of `records` at its log end, as leader or as follower.
    pub(crate) fn append(
        &mut self,
        broker: u16,
        batch: u64,
        records: u32,
        leader_epoch: i32,
        as_leader: bool,
    ) -> &mut Self {
        let node = BrokerId(i32::from(broker));
        self.append_to((ORDERS, node), HostId(broker), batch, records, leader_epoch, as_leader)
    }

    /// A controller appends to the metadata log.
    pub(crate) fn append_metadata(
        &mut self,
        controller: u16,
        batch: u64,
        records: u32,
        leader_epoch: i32,
        as_leader: bool,
    ) -> &mut Self {
        let node = BrokerId(3000 + i32::from(controller));
        let host = HostId(3 + controller);
        let log = (TopicPartition::CLUSTER_METADATA, node);
        self.append_to(log, host, batch, records, leader_epoch, as_leader)
    }

    fn append_to(
        &mut self,
        (partition, node): (TopicPartition, BrokerId),
        host: HostId,
        batch: u64,
        records: u32,
        leader_epoch: i32,
        as_leader: bool,
    ) -> &mut Self {
        let (base_offset, chain) = self.log_of(partition, node);
        let place = base_offset.0.cast_unsigned();
        let words = [place, u64::from(leader_epoch.unsigned_abs()), batch, u64::from(records)];
        let kind = Kind::LogAppended {
            partition,
            base_offset,
            records,
            leader_epoch: LeaderEpoch(leader_epoch),
            batch: BatchId(batch),
            chain: chain.with(ChainHash(hash_words(&words))),
            as_leader,
        };
        self.add(host, kind)
    }

    /// Broker 1 appends as leader, and all others copy it.
    pub(crate) fn replicate(&mut self, batch: u64, records: u32, leader_epoch: i32) -> &mut Self {
        self.append(1, batch, records, leader_epoch, true)
            .append(2, batch, records, leader_epoch, false)
            .append(3, batch, records, leader_epoch, false)
    }

    /// `broker`'s log begins at `start` now, by the rule `because`, with its limit and the broker's
    /// clock.
    pub(crate) fn move_start(
        &mut self,
        broker: u16,
        start: i64,
        because: StartMovedBecause,
        (limit, wall_millis): (u64, i64),
    ) -> &mut Self {
        let kind = Kind::LogStartMoved {
            partition: ORDERS,
            log_start_offset: Offset(start),
            because,
            limit: Some(limit),
            wall_millis: Some(wall_millis),
        };
        self.add(HostId(broker), kind)
    }

    /// `broker` deletes the segments below `first_base`.
    pub(crate) fn delete_segments(&mut self, broker: u16, first_base: i64) -> &mut Self {
        let first_base = Offset(first_base);
        let kind = Kind::SegmentsDeleted { partition: ORDERS, first_base, segments: 1, bytes: 0 };
        self.add(HostId(broker), kind)
    }

    /// A client asks `broker` to delete records, which it does.
    pub(crate) fn ask_to_delete(&mut self, broker: u16, asked: Option<i64>) -> &mut Self {
        let kind = Kind::DeleteRecordsHandled {
            partition: ORDERS,
            asked: asked.map(Offset),
            error: ErrorCode::None,
            low_watermark: None,
        };
        self.add(HostId(broker), kind)
    }

    /// `broker` cuts its log.
    pub(crate) fn truncate(&mut self, broker: u16, end: i64) -> &mut Self {
        let (from, _) = self.log(broker);
        let known = self.model.partition(ORDERS).unwrap();
        let log = &known.replicas[&BrokerId(i32::from(broker))].log;
        let chain = log.chain_at(Offset(end)).unwrap();
        let kind =
            Kind::LogTruncated { partition: ORDERS, log_end_offset: Offset(end), from, chain };
        self.add(HostId(broker), kind)
    }

    /// A high watermark of `orders` moves.
    pub(crate) fn high_watermark(&mut self, broker: u16, to: i64, as_leader: bool) -> &mut Self {
        let kind =
            Kind::HighWatermarkMoved { partition: ORDERS, high_watermark: Offset(to), as_leader };
        self.add(HostId(broker), kind)
    }

    /// What a leader counts on changes.
    pub(crate) fn in_sync(
        &mut self,
        leader: u16,
        epoch: i32,
        committed: &[i32],
        maximal: &[i32],
    ) -> &mut Self {
        let kind = Kind::InSyncChanged {
            partition: ORDERS,
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: PartitionEpoch(self.partition_epoch),
            committed: set(committed),
            maximal: set(maximal),
        };
        self.add(HostId(leader), kind)
    }

    /// A broker answers a producer with success.
    pub(crate) fn answer(
        &mut self,
        broker: u16,
        batch: u64,
        base: i64,
        acks: AckMode,
    ) -> &mut Self {
        let kind = Kind::ProduceAnswered {
            partition: ORDERS,
            batch: BatchId(batch),
            acks,
            error: ErrorCode::None,
            base_offset: Some(Offset(base)),
        };
        self.add(HostId(broker), kind)
    }

    /// A process dies; `kept` is where its log of `orders` ends then.
    pub(crate) fn crash(&mut self, broker: u16, kept: i64) -> &mut Self {
        let (end, _) = self.log(broker);
        let keep = crate::event::CrashKeep::Synced;
        self.add(HostId(broker), Kind::HostStopped { keep, halted: None, in_order: false });
        let (log_end_offset, durable_end) = (end, Offset(kept));
        let kind = Kind::DurableEnd { partition: ORDERS, log_end_offset, durable_end };
        self.add(HostId(broker), kind)
    }

    /// The process starts again with the first `end` records of `orders`.
    pub(crate) fn recover(&mut self, broker: u16, end: i64) -> &mut Self {
        let after = StartedAs::AfterPowerLoss;
        self.add(HostId(broker), Kind::HostStarted { incarnation: 1, after });
        let known = self.model.partition(ORDERS).unwrap();
        let log = &known.replicas[&BrokerId(i32::from(broker))].log;
        let kind = Kind::LogRecovered {
            partition: ORDERS,
            log_start_offset: Offset::ZERO,
            log_end_offset: Offset(end),
            high_watermark: Offset::ZERO,
            chain: log.chain_at(Offset(end)).unwrap(),
            clean: false,
        };
        self.add(HostId(broker), kind)
    }

    fn operation(&self, host: HostId, number: u32) -> OperationId {
        OperationId { client: self.setup.client(host).unwrap().id, number }
    }

    /// A client is asked for something; answers with the operation's number.
    pub(crate) fn invoke(&mut self, host: HostId, verb: OperationVerb) -> u32 {
        let number = self.operations;
        self.operations += 1;
        let operation = self.operation(host, number);
        self.add(host, Kind::OperationInvoked { operation, verb, topic: Some("orders".into()) });
        number
    }

    /// An operation ends.
    pub(crate) fn give_back(
        &mut self,
        host: HostId,
        number: u32,
        result: OperationResult,
        offset: Option<i64>,
    ) -> &mut Self {
        let operation = self.operation(host, number);
        let place = offset.map(|_| ORDERS);
        let kind = Kind::OperationReturned {
            operation,
            result,
            error: ErrorCode::None,
            partition: place,
            offset: offset.map(Offset),
        };
        self.add(host, kind)
    }

    /// A client sends `records` records and seals them into a batch.
    pub(crate) fn seal(
        &mut self,
        host: HostId,
        batch: u64,
        records: u32,
        acks: AckMode,
    ) -> Vec<u32> {
        let operations: Vec<u32> =
            (0..records).map(|_| self.invoke(host, OperationVerb::Send)).collect();
        let kind = Kind::BatchSealed {
            partition: ORDERS,
            batch: BatchId(batch),
            acks,
            producer: None,
            epoch: None,
            base_sequence: None,
            max_timestamp: 1000 * i64::try_from(batch).unwrap(),
            bytes: 100 * records,
            operations: operations.clone(),
            keys: Vec::new(),
        };
        self.add(host, kind);
        operations
    }

    /// A batch is acknowledged, and each of its records.
    pub(crate) fn done(
        &mut self,
        host: HostId,
        batch: u64,
        operations: &[u32],
        base: i64,
    ) -> &mut Self {
        let kind = Kind::BatchDone {
            partition: ORDERS,
            batch: BatchId(batch),
            result: OperationResult::Ok,
            error: ErrorCode::None,
            base_offset: Some(Offset(base)),
            latency: Duration::from_millis(batch),
        };
        self.add(host, kind);
        for (operation, offset) in operations.iter().zip(base..) {
            self.give_back(host, *operation, OperationResult::Ok, Some(offset));
        }
        self
    }

    /// A client sends a batch with acks=all and is told that it stands at `base`.
    pub(crate) fn write(&mut self, host: HostId, batch: u64, records: u32, base: i64) -> &mut Self {
        let operations = self.seal(host, batch, records, AckMode::All);
        self.done(host, batch, &operations, base)
    }

    /// A consumer is shown `records` records of a batch from its `first` on.
    pub(crate) fn poll(
        &mut self,
        host: HostId,
        base: i64,
        (batch, first, records): (u64, u32, u32),
    ) -> &mut Self {
        let kind = Kind::Polled {
            operation: self.operation(host, 0),
            partition: ORDERS,
            base_offset: Offset(base),
            records,
            batch: BatchId(batch),
            first,
            leader_epoch: LeaderEpoch(0),
        };
        self.add(host, kind)
    }

    /// A consumer's position is set.
    pub(crate) fn seek(&mut self, host: HostId, offset: i64) -> &mut Self {
        let kind = Kind::PositionSet { partition: ORDERS, offset: Offset(offset), by_reset: false };
        self.add(host, kind)
    }

    /// The record that tries `orders` out is acknowledged.
    pub(crate) fn probe(&mut self, offset: i64) -> &mut Self {
        let kind = Kind::ProbeReturned { partition: ORDERS, offset: Some(Offset(offset)) };
        self.add(HostId(0), kind)
    }

    /// An unclean election of `orders`, with which the premises of durability are left where it
    /// is allowed.
    pub(crate) fn elect_uncleanly(&mut self, leader: i32, leader_epoch: i32) -> &mut Self {
        let kind = Kind::PartitionDecided {
            partition: ORDERS,
            offset: Offset(self.metadata + 1),
            leader: Some(BrokerId(leader)),
            leader_epoch: LeaderEpoch(leader_epoch),
            partition_epoch: PartitionEpoch(self.partition_epoch + 1),
            in_sync: set(&[leader]),
            eligible: BrokerSet::default(),
            recovering: true,
            unclean: true,
        };
        self.add(CONTROLLER, kind);
        self.commit(Some(leader), leader_epoch, &[leader])
    }

    /// Controller `n` of three takes a part in the quorum.
    pub(crate) fn quorum(&mut self, controller: u16, role: QuorumRole, epoch: i32) -> &mut Self {
        let leader = (role == QuorumRole::Leader).then_some(BrokerId(3000 + i32::from(controller)));
        let kind = Kind::QuorumRoleTaken { role, leader_epoch: LeaderEpoch(epoch), leader };
        self.add(HostId(3 + controller), kind)
    }

    /// The high watermark of a controller's metadata log moves.
    pub(crate) fn metadata_high_watermark(
        &mut self,
        controller: u16,
        to: i64,
        as_leader: bool,
    ) -> &mut Self {
        let kind = Kind::HighWatermarkMoved {
            partition: TopicPartition::CLUSTER_METADATA,
            high_watermark: Offset(to),
            as_leader,
        };
        self.add(HostId(3 + controller), kind)
    }

    /// A node has replayed the metadata log up to `offset`.
    pub(crate) fn applied(&mut self, host: HostId, offset: i64, digest: u64) -> &mut Self {
        let kind = Kind::MetadataApplied {
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(1),
            digest: ChainHash(digest),
        };
        self.add(host, kind)
    }

    /// `__consumer_offsets` is there, with one partition, which broker 1 leads.
    pub(crate) fn make_offsets_topic(&mut self) -> &mut Self {
        let (topic, offset) = (OFFSETS.topic_id, self.record());
        let name = "__consumer_offsets".into();
        self.add(CONTROLLER, Kind::TopicCommitted { topic, name, offset });
        self.commit_of(OFFSETS, Some(1), 1, &[1, 2, 3], &[])
    }

    /// An administrator has it leave the premises of durability.
    pub(crate) fn lose_offsets_topic(&mut self) -> &mut Self {
        let (partition, error) = (OFFSETS, ErrorCode::None);
        self.add(CONTROLLER, Kind::ElectionAsked { partition, unclean: true, error });
        let kind = Kind::PartitionDecided {
            partition,
            offset: Offset(self.metadata + 1),
            leader: Some(BrokerId(1)),
            leader_epoch: LeaderEpoch(2),
            partition_epoch: PartitionEpoch(self.partition_epoch + 1),
            in_sync: set(&[1]),
            eligible: BrokerSet::default(),
            recovering: true,
            unclean: true,
        };
        self.add(CONTROLLER, kind);
        self.commit_of(OFFSETS, Some(1), 2, &[1], &[])
    }

    /// `host` begins to read what groups have committed, and finds nothing.
    pub(crate) fn load_groups(&mut self, host: HostId, leader_epoch: i32) -> &mut Self {
        let (partition, leader_epoch) = (OFFSETS, LeaderEpoch(leader_epoch));
        self.add(host, Kind::CoordinatorLoading { partition, leader_epoch });
        let (end, groups) = (Offset(9), 0);
        self.add(host, Kind::CoordinatorLoaded { partition, leader_epoch, end, groups })
    }

    /// The coordinator on `host` writes an offset of group `g` in [`ORDERS`], at `at` of its log.
    pub(crate) fn write_offset(
        &mut self,
        host: HostId,
        offset: i64,
        (log, at): (TopicPartition, i64),
    ) -> &mut Self {
        let kind = Kind::OffsetAppended {
            group: "g".into(),
            partition: ORDERS,
            offset: Offset(offset),
            member: None,
            epoch: GroupEpoch(-1),
            log,
            log_offset: Offset(at),
        };
        self.add(host, kind)
    }

    /// What `broker` knows to be safe of `__consumer_offsets`.
    pub(crate) fn offsets_high_watermark(&mut self, broker: u16, to: i64) -> &mut Self {
        let (partition, high_watermark, as_leader) = (OFFSETS, Offset(to), false);
        let kind = Kind::HighWatermarkMoved { partition, high_watermark, as_leader };
        self.add(HostId(broker), kind)
    }
}
