//! What holds of a producer's records whatever becomes of its requests, and that each of the two
//! producer defects breaks it.

#![expect(clippy::unwrap_used, reason = "a broken scene should panic")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages as k;
use kafka_protocol::messages::produce_response as kr;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use kafsim::event::Kind;
use kafsim::message::{
    AppError, AppReply, Batch, Records, RequestBody, ResponseBody, SendError, SendRecord, convert,
};
use kafsim::protocol::Machine;
use kafsim::protocol::cluster::ClusterMetadata;
use kafsim::protocol::producer::{Effect, Input, Producer, ProducerConfig};
use kafsim::types::{
    BatchId, BrokerId, CallToken, Defect, DefectSet, ErrorCode, Name, Now, Rng, TopicId,
    TopicPartition,
};

const PARTITIONS: i32 = 2;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// The application sends a record.
    Send { partition: i32 },
    /// A broker handles the oldest request that reached it.
    Handle { broker: i32 },
    /// A broker refuses all of the oldest request, as `NOT_ENOUGH_REPLICAS` or
    /// `NOT_ENOUGH_REPLICAS_AFTER_APPEND`.
    Refuse { broker: i32, after_append: bool },
    /// The oldest answer of a broker arrives.
    Answer { broker: i32 },
    /// The connection to a broker breaks: what it has handled is not answered, what it has not
    /// handled is lost, or `handled` after all.
    Break { broker: i32, handled: bool },
    /// A partition moves to the other broker, with its log.
    Move { partition: i32 },
    /// Time passes, in milliseconds.
    Wait { millis: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let broker = 1..3_i32;
    let partition = 0..PARTITIONS;
    prop_oneof![
        6 => partition.clone().prop_map(|partition| Op::Send { partition }),
        6 => broker.clone().prop_map(|broker| Op::Handle { broker }),
        2 => (broker.clone(), any::<bool>())
            .prop_map(|(broker, after_append)| Op::Refuse { broker, after_append }),
        6 => broker.clone().prop_map(|broker| Op::Answer { broker }),
        1 => (broker, any::<bool>()).prop_map(|(broker, handled)| Op::Break { broker, handled }),
        1 => partition.prop_map(|partition| Op::Move { partition }),
        4 => prop_oneof![Just(5_u64), Just(120), Just(1_500), Just(9_000)]
            .prop_map(|millis| Op::Wait { millis }),
    ]
}

/// A request on its way, and what the broker answered once it has handled it.
struct Wire {
    token: u64,
    body: RequestBody,
    records: Vec<Vec<Batch>>,
    answer: Option<ResponseBody>,
}

/// What a leader knows of the producer, by partition: its epoch and the last five batches.
#[derive(Default)]
struct ProducerState {
    epoch: i16,
    batches: VecDeque<(i32, i32, i64)>,
}

#[derive(Default)]
struct Log {
    /// The records' names, and the batch each came in.
    records: Vec<(u64, BatchId)>,
    leader: i32,
    leader_epoch: i32,
    state: Option<ProducerState>,
}

struct Scene {
    now: Now,
    producer: Producer,
    logs: BTreeMap<i32, Log>,
    wires: BTreeMap<i32, VecDeque<Wire>>,
    opening: Vec<i32>,
    sent: BTreeMap<u64, i32>,
    replies: BTreeMap<u64, AppReply>,
    idempotent: bool,
    /// How long the logs were when batches in flight were first numbered anew under a raised epoch:
    /// from there on nothing is promised of them (KIP-360), as `no-duplicate` says too.
    until_reset: Option<BTreeMap<i32, usize>>,
}

fn topic_id() -> TopicId {
    TopicId(77)
}

impl Scene {
    fn new(defects: DefectSet) -> Self {
        let config = ProducerConfig {
            batch_bytes: 160,
            delivery_timeout: Duration::from_secs(20),
            request_timeout: Duration::from_secs(5),
            defects,
            ..ProducerConfig::default()
        };
        let log = |partition: i32| Log { leader: 1 + partition % 2, ..Log::default() };
        let mut scene = Self {
            now: Now::default().after(Duration::from_secs(1)),
            producer: Producer::new(
                config,
                Rng::named(1, "partitioner", &[]),
                Rng::named(1, "backoff", &[]),
            ),
            logs: (0..PARTITIONS).map(|partition| (partition, log(partition))).collect(),
            wires: [(1, VecDeque::new()), (2, VecDeque::new())].into(),
            opening: Vec::new(),
            sent: BTreeMap::new(),
            replies: BTreeMap::new(),
            idempotent: defects == DefectSet::NONE,
            until_reset: None,
        };
        scene.tell_metadata();
        scene
    }

    fn step(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut effects = Vec::new();
            self.producer.step(self.now, input, &mut effects);
            for effect in effects {
                match effect {
                    Effect::Send { token, to, body, records, .. } => {
                        let wire = Wire { token, body, records, answer: None };
                        self.wires.get_mut(&to.0).unwrap().push_back(wire);
                    }
                    Effect::SendToAny { token, .. } => {
                        let body = k::InitProducerIdResponse::default()
                            .with_producer_id(k::ProducerId(9))
                            .with_producer_epoch(0);
                        let answer = Ok((ResponseBody::from(body), Vec::new()));
                        inputs.push_back(Input::Completed { token, answer });
                    }
                    Effect::Open { to } => self.opening.push(to.0),
                    Effect::Reply { token, reply } => {
                        assert!(self.replies.insert(token.0, reply).is_none(), "two replies");
                    }
                    Effect::Event { kind: Kind::SequencesReset { .. }, .. } => {
                        let lengths = self.logs.iter().map(|(at, log)| (*at, log.records.len()));
                        self.until_reset.get_or_insert_with(|| lengths.collect());
                    }
                    Effect::AddTopic { .. }
                    | Effect::RefreshMetadata
                    | Effect::LeaderHint { .. }
                    | Effect::Event { .. } => {}
                }
            }
        }
    }

    fn tell_metadata(&mut self) {
        let partitions = self.logs.iter().map(|(index, log)| {
            k::metadata_response::MetadataResponsePartition::default()
                .with_partition_index(*index)
                .with_leader_id(k::BrokerId(log.leader))
                .with_leader_epoch(log.leader_epoch)
        });
        let topic = k::metadata_response::MetadataResponseTopic::default()
            .with_name(Some(convert::topic_name(&Name::from("t"))))
            .with_topic_id(convert::topic_uuid(topic_id()))
            .with_partitions(partitions.collect());
        let brokers = [1, 2].map(|id| {
            k::metadata_response::MetadataResponseBroker::default().with_node_id(k::BrokerId(id))
        });
        let body =
            k::MetadataResponse::default().with_brokers(brokers.to_vec()).with_topics(vec![topic]);
        let mut cluster = ClusterMetadata::default();
        cluster.update(&body);
        self.step(Input::MetadataChanged(Arc::new(cluster)));
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Send { partition } => {
                let name = self.sent.len() as u64;
                self.sent.insert(name, partition);
                let record = SendRecord {
                    topic: Name::from("t"),
                    partition: Some(partition),
                    key: None,
                    value: Some(Bytes::from(name.to_be_bytes().to_vec())),
                    headers: Box::default(),
                };
                self.step(Input::Send { token: CallToken(name), record });
            }
            Op::Handle { broker } => self.handle(broker, None),
            Op::Refuse { broker, after_append: false } => {
                self.handle(broker, Some(ErrorCode::NotEnoughReplicas));
            }
            Op::Refuse { broker, after_append: true } => {
                self.handle(broker, Some(ErrorCode::NotEnoughReplicasAfterAppend));
            }
            Op::Answer { broker } => {
                let wires = self.wires.get_mut(&broker).unwrap();
                if wires.front().is_some_and(|wire| wire.answer.is_some()) {
                    let Wire { token, answer, .. } = wires.pop_front().unwrap();
                    let answer = Ok((answer.unwrap(), Vec::new()));
                    self.step(Input::Completed { token, answer });
                }
            }
            Op::Break { broker, handled } => {
                while handled && self.wires[&broker].iter().any(|wire| wire.answer.is_none()) {
                    self.handle(broker, None);
                }
                self.lose(broker, SendError::Disconnected);
            }
            Op::Move { partition } => {
                let log = self.logs.get_mut(&partition).unwrap();
                log.leader = 3 - log.leader;
                log.leader_epoch += 1;
                self.tell_metadata();
            }
            Op::Wait { millis } => self.wait(Duration::from_millis(millis)),
        }
    }

    fn lose(&mut self, broker: i32, error: SendError) {
        let lost = std::mem::take(self.wires.get_mut(&broker).unwrap());
        self.step(Input::NodeLost { to: BrokerId(broker) });
        for wire in lost {
            self.step(Input::Completed { token: wire.token, answer: Err(error) });
        }
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        for broker in std::mem::take(&mut self.opening) {
            self.step(Input::NodeOpened { to: BrokerId(broker) });
        }
        while let Some(at) = self.producer.deadlines().wall.filter(|at| *at <= end.wall) {
            self.now.wall = self.now.wall.max(at);
            self.step(Input::Deadline);
            assert_ne!(self.producer.deadlines().wall, Some(at), "a deadline that stays");
        }
        self.now = end;
    }

    /// The oldest request that `broker` has not handled yet is handled, or refused by `error`.
    fn handle(&mut self, broker: i32, error: Option<ErrorCode>) {
        let wires = self.wires.get_mut(&broker).unwrap();
        let Some(wire) = wires.iter_mut().find(|wire| wire.answer.is_none()) else { return };
        let RequestBody::Produce(body) = &wire.body else { panic!("{:?}", wire.body) };
        let mut batches = wire.records.iter();
        let mut responses = Vec::new();
        for topic in &body.topic_data {
            let mut parts = Vec::new();
            for data in &topic.partition_data {
                let batch = &batches.next().unwrap()[0];
                let log = self.logs.get_mut(&data.index).unwrap();
                let (code, offset) = log.handle(broker, batch, error, self.idempotent);
                parts.push(
                    kr::PartitionProduceResponse::default()
                        .with_index(data.index)
                        .with_error_code(code.code())
                        .with_base_offset(offset),
                );
            }
            responses.push(
                kr::TopicProduceResponse::default()
                    .with_topic_id(topic.topic_id)
                    .with_partition_responses(parts),
            );
        }
        let body = k::ProduceResponse::default().with_responses(responses);
        wire.answer = Some(ResponseBody::from(body));
    }

    /// Everything is handled and answered from now on, until nothing is left.
    fn heal(&mut self) {
        for _ in 0..400 {
            for broker in [1, 2] {
                for _ in 0..10 {
                    self.run(Op::Handle { broker });
                    self.run(Op::Answer { broker });
                }
            }
            self.wait(Duration::from_millis(100));
        }
        assert!(self.producer.is_idle(), "not idle: {:?}", self.producer);
        assert_eq!(self.replies.len(), self.sent.len());
    }

    /// Of how many records of a partition order and uniqueness are promised.
    fn promised(&self, partition: i32) -> usize {
        let all = self.logs[&partition].records.len();
        self.until_reset.as_ref().map_or(all, |lengths| lengths[&partition])
    }

    /// What is wrong with the logs, if anything.
    fn fault(&self) -> Option<String> {
        for (partition, log) in &self.logs {
            let mut last = None;
            let mut seen = BTreeMap::new();
            let promised = self.promised(*partition);
            for (offset, (name, _)) in log.records.iter().take(promised).enumerate() {
                if let Some(before) = seen.insert(*name, offset) {
                    return Some(format!("{name} at {before} and {offset} of {partition}"));
                }
                if last > Some(*name) {
                    return Some(format!("{name} behind {last:?} in {partition}"));
                }
                last = Some(*name);
            }
        }
        for (name, reply) in &self.replies {
            let log = &self.logs[&self.sent[name]];
            let at = log.records.iter().position(|(other, _)| other == name);
            let is_right = match reply {
                AppReply::Sent { partition, offset } => {
                    assert_eq!(*partition, TopicPartition::new(topic_id(), self.sent[name]));
                    at.is_some()
                        && offset.is_none_or(|offset| log.records[offset.0 as usize].0 == *name)
                }
                AppReply::Failed(AppError::Unknown(_)) => true,
                AppReply::Failed(AppError::Refused(_) | AppError::NotSent(_)) => at.is_none(),
                other => panic!("{other:?}"),
            };
            if !is_right {
                return Some(format!("{name} is at {at:?}, yet {reply:?}"));
            }
        }
        None
    }
}

impl Log {
    fn handle(
        &mut self,
        broker: i32,
        batch: &Batch,
        error: Option<ErrorCode>,
        idempotent: bool,
    ) -> (ErrorCode, i64) {
        if broker != self.leader {
            return (ErrorCode::NotLeaderOrFollower, -1);
        }
        if error == Some(ErrorCode::NotEnoughReplicas) {
            return (ErrorCode::NotEnoughReplicas, -1);
        }
        let stamp = batch.body.producer;
        assert_eq!(stamp.is_some(), idempotent);
        if let Some(stamp) = stamp {
            let first = stamp.base_sequence.0;
            let last = first + batch.body.record_count() as i32 - 1;
            let base = self.records.len() as i64;
            let state = self.state.get_or_insert_with(|| ProducerState {
                epoch: stamp.epoch.0,
                batches: VecDeque::new(),
            });
            if state.epoch == stamp.epoch.0
                && let Some(known) =
                    state.batches.iter().find(|known| (known.0, known.1) == (first, last))
            {
                return (error.unwrap_or(ErrorCode::None), known.2);
            }
            if stamp.epoch.0 < state.epoch {
                return (ErrorCode::InvalidProducerEpoch, -1);
            }
            let expected = match state.batches.back() {
                _ if stamp.epoch.0 > state.epoch => 0,
                Some(last) => last.1 + 1,
                None => first,
            };
            if first != expected {
                return (ErrorCode::OutOfOrderSequenceNumber, -1);
            }
            if stamp.epoch.0 > state.epoch {
                state.epoch = stamp.epoch.0;
                state.batches.clear();
            }
            state.batches.push_back((first, last, base));
            if state.batches.len() > 5 {
                state.batches.pop_front();
            }
        }
        let base = self.records.len() as i64;
        let Records::Data(records) = &batch.body.records else { panic!("no data") };
        for record in records {
            let value = record.value.as_ref().unwrap();
            let name = u64::from_be_bytes(value[..].try_into().unwrap());
            self.records.push((name, batch.body.id));
        }
        (error.unwrap_or(ErrorCode::None), base)
    }
}

fn play(ops: &[Op], defects: DefectSet) -> Scene {
    let mut scene = Scene::new(defects);
    // A leader that knows nothing of a producer takes any first sequence, so that a batch refused
    // before it may come in behind (KAFKA-14359): order is promised from the first batch on.
    (0..PARTITIONS).for_each(|partition| scene.run(Op::Send { partition }));
    scene.heal();
    ops.iter().for_each(|op| scene.run(*op));
    scene.heal();
    scene
}

proptest! {
    #![proptest_config(Config {
        cases: 300,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..Config::default()
    })]

    /// With idempotence every record is in the log once, in the order of the sends, and where the
    /// producer said; what was refused is not there.
    #[test]
    fn idempotent_records_are_there_once_and_in_order(
        ops in prop::collection::vec(op(), 1..200)
    ) {
        let scene = play(&ops, DefectSet::NONE);
        prop_assert_eq!(scene.fault(), None);
    }
}

/// Of many plays drawn as above, the faults that some of them show.
fn faults(defect: Defect) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let ops = prop::collection::vec(op(), 100..200);
    let defects: DefectSet = [defect].into_iter().collect();
    (0..60)
        .filter_map(|_| play(&ops.new_tree(&mut runner).unwrap().current(), defects).fault())
        .collect()
}

#[test]
fn in_flight_reorder_is_seen() {
    let faults = faults(Defect::ReorderInFlight);
    assert!(faults.iter().any(|fault| fault.contains("behind")), "{faults:?}");
}

#[test]
fn duplicate_on_retry_is_seen_and_nothing_is_overtaken() {
    let faults = faults(Defect::DuplicateOnRetry);
    assert!(!faults.is_empty());
    assert!(faults.iter().all(|fault| fault.contains("and")), "{faults:?}");
}

#[test]
fn order_is_promised_of_most_records() {
    let mut runner = TestRunner::deterministic();
    let ops = prop::collection::vec(op(), 1..200);
    let (mut all, mut promised) = (0, 0);
    for _ in 0..100 {
        let scene = play(&ops.new_tree(&mut runner).unwrap().current(), DefectSet::NONE);
        all += scene.logs.values().map(|log| log.records.len()).sum::<usize>();
        promised += scene.logs.keys().map(|at| scene.promised(*at)).sum::<usize>();
    }
    assert!(2 * promised > all, "{promised} of {all} records");
}
