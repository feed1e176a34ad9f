//! The machine: requests under way, who waits for what, and the table of inputs.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use crate::message::{Reader, Request, RequestBody, Response, ResponseBody};
use crate::protocol::image::MetadataImage;
use crate::protocol::machine::Machine;
use crate::protocol::request::config::RequestConfig;
use crate::protocol::request::delete_records::DeleteRecordsWork;
use crate::protocol::request::effect::Effect;
use crate::protocol::request::fetch::FetchWork;
use crate::protocol::request::fetch_session::FetchSessions;
use crate::protocol::request::forward::ForwardWork;
use crate::protocol::request::input::{Input, Unreached};
use crate::protocol::request::offsets::Lookups;
use crate::protocol::request::produce::ProduceWork;
use crate::protocol::request::producer_ids::ProducerIds;
use crate::protocol::request::wire;
use crate::types::{
    BrokerEpoch, BrokerId, ConnectionId, CorrelationId, Deadlines, ErrorCode, LeaderEpoch,
    Monotonic, Now, PartitionIndex, Rng, TopicPartition,
};

/// A broker's request layer.
///
/// Source: Kafka 4.1, `KafkaApis`, `ReplicaManager`, `DelayedOperationPurgatory`.
#[derive(Clone, Debug)]
pub struct RequestLayer {
    pub(crate) config: RequestConfig,
    pub(crate) image: MetadataImage,
    /// Whether the first image is here. Before it, Kafka's broker accepts no connections.
    is_open: bool,
    pub(crate) broker_epoch: Option<BrokerEpoch>,
    pub(crate) rng: Rng,
    /// Requests that are not answered yet.
    pub(crate) serving: BTreeMap<ConnectionId, Serving>,
    /// Those of them that wait, by when their time is up.
    expirations: BTreeSet<(Monotonic, ConnectionId)>,
    /// Parked fetches by the partitions that they watch, in the order of their connections. A list
    /// stays when it is empty: the next fetch will come.
    pub(crate) watchers: BTreeMap<TopicPartition, Watchers>,
    pub(crate) sessions: FetchSessions,
    pub(crate) producer_ids: ProducerIds,
    calls: BTreeMap<u64, Call>,
    next_call: u64,
}

/// Who watches a partition.
pub(crate) type Watchers = SmallVec<[ConnectionId; 4]>;

/// A request under way.
#[derive(Clone, Debug)]
pub(crate) struct Serving {
    /// When its time is up, if it waits.
    pub(crate) until: Option<Monotonic>,
    pub(crate) correlation_id: CorrelationId,
    pub(crate) work: Work,
}

impl Serving {
    pub(crate) fn new(correlation_id: CorrelationId, work: Work) -> Self {
        Self { until: None, correlation_id, work }
    }
}

/// What is being done for it.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Produce(ProduceWork),
    Fetch(Box<FetchWork>),
    Lookups(Lookups),
    Forward(ForwardWork),
    DeleteRecords(Box<DeleteRecordsWork>),
}

/// What a call to the controller is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    ProducerIds,
    Forward(ConnectionId),
}

impl Machine for RequestLayer {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Request { connection, request } => {
                self.on_request(now, connection, request, effects);
            }
            Input::Disconnected { connection } => self.on_disconnected(connection, effects),
            Input::ImagePublished { image } => {
                self.image = *image;
                self.is_open = true;
            }
            Input::Registered { broker_epoch } => self.broker_epoch = Some(broker_epoch),
            Input::Produced { connection, partition, result } => {
                self.on_produced(now, connection, partition, result, effects);
            }
            Input::Acknowledged { connection, partition, error } => {
                self.on_acknowledged(now, connection, partition, error, effects);
            }
            Input::Read { connection, partition, read } => {
                self.on_read(now, connection, partition, read, effects);
            }
            Input::OffsetListed { connection, partition, result } => {
                self.on_offset_listed(connection, partition, result, effects);
            }
            Input::EpochEndFound { connection, partition, result } => {
                self.on_epoch_end_found(connection, partition, result, effects);
            }
            Input::RecordsDeleted { connection, partition, result } => {
                self.on_records_deleted(now, connection, partition, result, effects);
            }
            Input::LowWatermarkMoved { partition, offset } => {
                self.on_low_watermark(now, partition, offset, effects);
            }
            Input::LogEndMoved { partition } => {
                let followers = |reader| reader != Reader::Consumer;
                self.retry_fetches(now, partition, followers, effects);
            }
            Input::HighWatermarkMoved { partition } => {
                let consumers = |reader| reader == Reader::Consumer;
                self.retry_fetches(now, partition, consumers, effects);
            }
            Input::RoleChanged { partition } => {
                self.retry_fetches(now, partition, |_| true, effects);
                self.fail_deletions(now, partition, effects);
            }
            Input::ControllerAnswered { token, result } => {
                self.on_controller_answered(now, token, result, effects);
            }
            Input::Deadline => self.on_deadline(now, effects),
        }
        self.assert_invariants();
    }

    /// The purgatories go by the steady clock (KAFKA-4051).
    fn deadlines(&self) -> Deadlines {
        Deadlines::monotonic(self.expirations.first().map(|(at, _)| *at))
    }
}

impl RequestLayer {
    /// The request layer of a broker that has just started; `rng` names fetch sessions.
    pub fn new(config: RequestConfig, mut rng: Rng) -> Self {
        let sessions = FetchSessions::new(
            config.fetch_sessions_max,
            config.fetch_session_eviction,
            Rng::named(rng.bits(), "fetch-session", &[]),
        );
        Self {
            config,
            image: MetadataImage::new(),
            is_open: false,
            broker_epoch: None,
            rng,
            serving: BTreeMap::new(),
            expirations: BTreeSet::new(),
            watchers: BTreeMap::new(),
            sessions,
            producer_ids: ProducerIds::default(),
            calls: BTreeMap::new(),
            next_call: 0,
        }
    }

    /// How many requests wait for something.
    pub fn in_purgatory(&self) -> usize {
        self.expirations.len()
    }

    fn on_request(
        &mut self,
        now: Now,
        connection: ConnectionId,
        request: Request,
        effects: &mut Vec<Effect>,
    ) {
        assert!(
            !self.serving.contains_key(&connection),
            "{connection:?} has one request at a time; at hand: {request:?}"
        );
        if !self.is_open {
            effects.push(Effect::Close { connection });
            return;
        }
        let id = request.correlation_id;
        let body = match request.body {
            RequestBody::Produce(body) => {
                let records = request.records;
                return self.on_produce(now, connection, id, &body, records, effects);
            }
            RequestBody::Fetch(body) => {
                return self.on_fetch(now, connection, id, &body, effects);
            }
            RequestBody::ListOffsets(body) => {
                return self.on_list_offsets(connection, id, &body, effects);
            }
            RequestBody::OffsetForLeaderEpoch(body) => {
                return self.on_epoch_ends(connection, id, &body, effects);
            }
            RequestBody::CreateTopics(_)
            | RequestBody::DeleteTopics(_)
            | RequestBody::CreatePartitions(_)
            | RequestBody::ElectLeaders(_)
            | RequestBody::IncrementalAlterConfigs(_)
            | RequestBody::UnregisterBroker(_) => {
                return self.on_forward(now, connection, request, effects);
            }
            RequestBody::OffsetCommit(_)
            | RequestBody::OffsetFetch(_)
            | RequestBody::FindCoordinator(_)
            | RequestBody::JoinGroup(_)
            | RequestBody::Heartbeat(_)
            | RequestBody::LeaveGroup(_)
            | RequestBody::SyncGroup(_)
            | RequestBody::DescribeGroups(_)
            | RequestBody::ListGroups(_)
            | RequestBody::DeleteGroups(_)
            | RequestBody::OffsetDelete(_)
            | RequestBody::ConsumerGroupHeartbeat(_)
            | RequestBody::ConsumerGroupDescribe(_) => {
                effects.push(Effect::ToGroups { connection, request });
                return;
            }
            RequestBody::DeleteRecords(body) => {
                return self.on_delete_records(now, connection, id, &body, effects);
            }
            RequestBody::Metadata(body) => ResponseBody::from(self.metadata_response(&body)),
            RequestBody::DescribeTopicPartitions(body) => self.describe_response(&body).into(),
            RequestBody::DescribeConfigs(body) => self.configs_response(&body).into(),
            RequestBody::DescribeCluster(body) => self.cluster_response(&body).into(),
            RequestBody::InitProducerId(body) => self.init_producer_id(now, &body, effects).into(),
            RequestBody::Vote(_)
            | RequestBody::BeginQuorumEpoch(_)
            | RequestBody::EndQuorumEpoch(_)
            | RequestBody::AlterPartition(_)
            | RequestBody::BrokerRegistration(_)
            | RequestBody::BrokerHeartbeat(_)
            | RequestBody::AllocateProducerIds(_)
            | RequestBody::Envelope(_) => {
                // A broker does not speak these; Kafka closes on an unknown key too.
                effects.push(Effect::Close { connection });
                return;
            }
        };
        let response = Some(Response { correlation_id: id, body, records: Vec::new() });
        effects.push(Effect::Answer { connection, response });
    }

    fn on_disconnected(&mut self, connection: ConnectionId, effects: &mut Vec<Effect>) {
        if let Some(Serving { work: Work::Produce(work), .. }) = self.finish(connection) {
            Self::abandon_produce(connection, &work, effects);
        }
    }

    fn on_controller_answered(
        &mut self,
        now: Now,
        token: u64,
        result: Result<ResponseBody, Unreached>,
        effects: &mut Vec<Effect>,
    ) {
        match self.calls.remove(&token) {
            Some(Call::ProducerIds) => self.on_producer_ids(now, result.ok()),
            Some(Call::Forward(connection)) => {
                self.on_forwarded(now, connection, token, result.ok(), effects);
            }
            None => {}
        }
    }

    fn on_deadline(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(&(at, connection)) = self.expirations.first() {
            if at > now.monotonic {
                break;
            }
            self.unpark(connection);
            match self.serving.get(&connection).map(|serving| &serving.work) {
                Some(Work::Produce(_)) => self.expire_produce(now, connection, effects),
                Some(Work::Fetch(_)) => self.expire_fetch(now, connection, effects),
                Some(Work::Forward(_)) => self.expire_forward(now, connection, effects),
                Some(Work::DeleteRecords(_)) => self.expire_deletion(now, connection, effects),
                Some(Work::Lookups(_)) | None => {}
            }
        }
    }

    /// The request waits, until `until` at the longest. One that waits already keeps its time.
    pub(crate) fn park(&mut self, connection: ConnectionId, until: Monotonic) {
        let Some(serving) = self.serving.get_mut(&connection) else { return };
        if serving.until.is_none() {
            serving.until = Some(until);
            self.expirations.insert((until, connection));
        }
    }

    pub(crate) fn park_anew(&mut self, connection: ConnectionId, until: Monotonic) {
        self.unpark(connection);
        self.park(connection, until);
    }

    fn unpark(&mut self, connection: ConnectionId) {
        let serving = self.serving.get_mut(&connection);
        if let Some(until) = serving.and_then(|serving| serving.until.take()) {
            self.expirations.remove(&(until, connection));
        }
    }

    /// The fetch on `connection` is told when something moves in `partition`.
    pub(crate) fn watch(&mut self, partition: TopicPartition, connection: ConnectionId) {
        let waiting = self.watchers.entry(partition).or_default();
        if let Err(place) = waiting.binary_search(&connection) {
            waiting.insert(place, connection);
        }
    }

    /// The request is over: nothing of it stays.
    pub(crate) fn finish(&mut self, connection: ConnectionId) -> Option<Serving> {
        let serving = self.serving.remove(&connection)?;
        if let Some(until) = serving.until {
            self.expirations.remove(&(until, connection));
        }
        if let Work::Fetch(work) = &serving.work
            && work.watches
        {
            for ask in &work.asks {
                if let Some(waiting) = self.watchers.get_mut(&ask.partition) {
                    waiting.retain(|watcher| *watcher != connection);
                }
            }
        }
        Some(serving)
    }

    /// A new call to the controller.
    pub(crate) fn call(&mut self, call: Call) -> u64 {
        let token = self.next_call;
        self.next_call += 1;
        self.calls.insert(token, call);
        token
    }

    /// The partition `index` of the topic with this id, if the image has it.
    ///
    /// # Errors
    ///
    /// 100 for an unknown topic, 3 for an unknown partition.
    pub(crate) fn resolve(
        &self,
        topic: uuid::Uuid,
        index: i32,
    ) -> Result<TopicPartition, ErrorCode> {
        let topic_id = wire::topic_id(topic).ok_or(ErrorCode::UnknownTopicId)?;
        let partition = TopicPartition { topic_id, partition: PartitionIndex(index) };
        if self.image.partition(partition).is_some() {
            return Ok(partition);
        }
        self.image.topic(topic_id).ok_or(ErrorCode::UnknownTopicId)?;
        Err(ErrorCode::UnknownTopicOrPartition)
    }

    /// Who leads a partition, as far as this broker knows (KIP-951).
    pub(crate) fn leader_of(
        &self,
        partition: TopicPartition,
    ) -> Option<(Option<BrokerId>, LeaderEpoch)> {
        let state = self.image.partition(partition)?;
        Some((state.leader, state.leader_epoch))
    }

    fn assert_invariants(&self) {
        debug_assert_eq!(
            self.serving.values().filter(|serving| serving.until.is_some()).count(),
            self.expirations.len(),
            "every request that waits has one expiration"
        );
        let is_under_way = |watcher| {
            let serving = self.serving.get(watcher).map(|serving| &serving.work);
            matches!(serving, Some(Work::Fetch(work)) if work.watches)
        };
        debug_assert!(
            self.watchers.values().flatten().all(is_under_way),
            "only fetches under way watch partitions: {:?}",
            self.watchers
        );
    }
}
