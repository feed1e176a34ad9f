//! Three brokers with one partition, wired by queues: their replicas, fetchers, senders of
//! AlterPartition, disks, and the network between. Nothing happens but what a schedule asks for.

#![expect(clippy::unwrap_used, reason = "a wrong schedule should panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages as k;
use kafka_protocol::messages::fetch_response as fetch_answer;
use kafka_protocol::messages::list_offsets_response as offsets_answer;
use kafka_protocol::messages::offset_for_leader_epoch_response as epoch_answer;

use kafsim::event::{AckMode, Kind};
use kafsim::log::{Log, LogConfig, LogEffect, checkpointed_offset};
use kafsim::message::{
    Batch, BatchBody, Checkpoint, DiskImage, DiskOperation, FetchResult, FileContent, FileName,
    PartitionFetch, Reader, Record, Records, RequestBody, ResponseBody,
};
use kafsim::protocol::Machine;
use kafsim::protocol::alter_partition::{self, AlterPartition, AlterPartitionConfig};
use kafsim::protocol::fetcher::{self, Fetcher, FetcherConfig};
use kafsim::protocol::replica::{self, ListedOffset, Replica, ReplicaConfig};
use kafsim::types::{
    BatchId, BrokerEpoch, BrokerId, ConnectionId, Defect, DefectSet, ErrorCode, HostId,
    LeaderEpoch, Now, Offset, Wall,
};

use crate::replication_checks::Checks;
use crate::replication_controller::{BROKERS, Controller, MIN_IN_SYNC, PARTITION};

const CONTROLLER: BrokerId = BrokerId(3001);

/// The whole of it.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) controller: Controller,
    pub(crate) hosts: BTreeMap<BrokerId, Host>,
    /// What is on its way, in the order sent.
    pub(crate) network: Vec<Message>,
    /// Fetches that wait at their leader for records.
    pub(crate) parked: Vec<Message>,
    pub(crate) checks: Checks,
    defects: DefectSet,
    next_batch: u64,
}

/// A broker's host.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    disk: Disk,
    /// Counts the starts.
    incarnation: u32,
    pub(crate) broker: Option<Broker>,
    /// Whether it lost its process uncleanly and has not been in sync since.
    pub(crate) is_suspect: bool,
}

/// A broker's process.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    pub(crate) replica: Replica,
    pub(crate) fetchers: BTreeMap<BrokerId, Fetcher>,
    alter_partition: AlterPartition,
    broker_epoch: BrokerEpoch,
    /// How many entries of the controller's log it has applied.
    pub(crate) applied: usize,
    /// Batches that wait for an acknowledgement.
    waiting: BTreeMap<ConnectionId, (Offset, BatchId)>,
    next_request: u32,
}

/// A request or a response on its way.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) client: BrokerId,
    incarnation: u32,
    component: Component,
    pub(crate) server: BrokerId,
    token: u64,
    /// Nobody waits for the answer any more: the connection was lost.
    is_orphan: bool,
    pub(crate) content: Content,
}

/// What a message is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Request(RequestBody),
    Response(ResponseBody, Vec<Vec<Batch>>),
}

/// Whose request it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Component {
    Fetcher,
    AlterPartition,
}

/// A disk: the page cache, and how much of each segment is sure to stay.
#[derive(Clone, Debug, Default)]
struct Disk {
    files: BTreeMap<FileName, FileContent>,
    durable: BTreeMap<FileName, usize>,
}

impl World {
    /// `in_sync` is the in-sync set, its first member leads; no broker knows it yet.
    pub(crate) fn new(in_sync: &[i32], defects: &[Defect]) -> Self {
        let defects: DefectSet = defects.iter().copied().collect();
        let is_careful = !defects.has(Defect::LastReplicaStanding);
        let begin = Now { wall: Wall(1_000_000_000_000), ..Now::default() };
        let mut world = Self {
            now: begin,
            controller: Controller::new(in_sync, is_careful),
            hosts: BTreeMap::new(),
            network: Vec::new(),
            parked: Vec::new(),
            checks: Checks::default(),
            defects,
            next_batch: 1,
        };
        for broker in BROKERS {
            let (disk, incarnation) = (Disk::default(), 0);
            world.hosts.insert(broker, Host { disk, incarnation, broker: None, is_suspect: false });
            world.boot(broker, BrokerEpoch(i64::from(broker.0)), false);
        }
        world
    }

    /// The same, and every broker has applied the first metadata.
    pub(crate) fn formed(in_sync: &[i32], defects: &[Defect]) -> Self {
        let mut world = Self::new(in_sync, defects);
        for broker in BROKERS {
            world.apply(broker);
        }
        world
    }

    pub(crate) fn replica(&self, broker: BrokerId) -> Option<&Replica> {
        self.hosts[&broker].broker.as_ref().map(|broker| &broker.replica)
    }

    fn broker(&mut self, broker: BrokerId) -> Option<&mut Broker> {
        self.hosts.get_mut(&broker).unwrap().broker.as_mut()
    }

    fn boot(&mut self, id: BrokerId, broker_epoch: BrokerEpoch, is_clean: bool) {
        let host = self.hosts.get_mut(&id).unwrap();
        host.incarnation += 1;
        let image = DiskImage { files: host.disk.files.clone() };
        let mut out = Vec::new();
        let config = LogConfig { defects: self.defects, ..LogConfig::default() };
        let log = Log::recover(PARTITION, config, &image, is_clean, &mut out);
        for effect in out {
            if let LogEffect::Disk(operation) = effect {
                host.disk.take(operation);
            }
        }
        let checkpoint = checkpointed_offset(&image, FileName::HighWatermarks, PARTITION);
        let config = ReplicaConfig { defects: self.defects, ..ReplicaConfig::new(id) };
        let replica = Replica::new(config, log, checkpoint.unwrap_or_default());
        let mut alter_partition = AlterPartition::new(AlterPartitionConfig::new(id));
        let mut none = Vec::new();
        for input in [
            alter_partition::Input::Registered { broker_epoch },
            alter_partition::Input::ControllerChanged { controller: Some(CONTROLLER) },
        ] {
            alter_partition.step(self.now, input, &mut none);
        }
        host.broker = Some(Broker {
            replica,
            fetchers: BTreeMap::new(),
            alter_partition,
            broker_epoch,
            applied: 0,
            waiting: BTreeMap::new(),
            next_request: 0,
        });
    }

    // What a schedule may ask for. Each says whether anything happened.

    /// `broker` applies the next entry of the metadata log.
    pub(crate) fn apply(&mut self, broker: BrokerId) -> bool {
        let next = self.broker(broker).map(|process| process.applied);
        next.is_some_and(|next| self.apply_up_to(broker, next + 1))
    }

    /// `broker` applies all of the metadata log at once: what lies between is not seen.
    pub(crate) fn apply_all(&mut self, broker: BrokerId) -> bool {
        self.apply_up_to(broker, self.controller.log.len())
    }

    fn apply_up_to(&mut self, id: BrokerId, end: usize) -> bool {
        let end = end.min(self.controller.log.len());
        let Some(process) = self.broker(id) else { return false };
        let from = std::mem::replace(&mut process.applied, end);
        if from >= end {
            return false;
        }
        let entry = self.controller.log[end - 1].clone();
        let before = from.checked_sub(1).map(|at| &self.controller.log[at].state);
        let is_new = before.is_none_or(|state| state.partition_epoch < entry.state.partition_epoch);
        let standings = entry.standings;
        self.step(id, replica::Input::StandingsChanged { standings });
        if is_new {
            let (state, min_in_sync) = (entry.state, MIN_IN_SYNC);
            self.step(id, replica::Input::MetadataChanged { state, min_in_sync });
        }
        true
    }

    /// A producer sends a batch to `broker`.
    pub(crate) fn produce(&mut self, broker: BrokerId, acks: AckMode) -> bool {
        let id = BatchId(self.next_batch);
        self.next_batch += 1;
        let Some(request) = self.next_request(broker) else { return false };
        let input = replica::Input::Produce { request, body: body(id), acks };
        let results = self.step(broker, input);
        let Some(replica::Effect::Produced { result: Ok(offset), .. }) = results.produced else {
            return false;
        };
        if acks == AckMode::All {
            self.broker(broker).unwrap().waiting.insert(request, (offset, id));
            // It may have been acknowledged at once.
            self.settle(broker, &results.acknowledged);
        }
        true
    }

    fn next_request(&mut self, broker: BrokerId) -> Option<ConnectionId> {
        let process = self.broker(broker)?;
        process.next_request += 1;
        Some(ConnectionId::new(HostId(9), 0, 0, process.next_request))
    }

    /// The `at`-th message on its way arrives. With `park`, a fetch that finds no records waits.
    pub(crate) fn deliver(&mut self, at: usize, park: bool) -> bool {
        if at >= self.network.len() {
            return false;
        }
        let message = self.network.remove(at);
        match message.content {
            Content::Request(_) => self.serve(message, park, false),
            Content::Response(..) => self.answer(message),
        }
        true
    }

    /// The `at`-th parked fetch is read anew and answered.
    pub(crate) fn unpark(&mut self, at: usize) -> bool {
        if at >= self.parked.len() {
            return false;
        }
        let message = self.parked.remove(at);
        self.serve(message, false, true);
        true
    }

    /// The connection of the `at`-th message on its way is lost. A request may still be handled.
    pub(crate) fn lose(&mut self, at: usize) -> bool {
        let Some(message) = self.network.get_mut(at) else { return false };
        let lost = message.clone();
        match message.content {
            Content::Request(_) => message.is_orphan = true,
            Content::Response(..) => drop(self.network.remove(at)),
        }
        if !lost.is_orphan {
            self.fail(&lost);
        }
        true
    }

    /// Both clocks of everybody go on.
    pub(crate) fn tick(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.wake();
    }

    /// The scheduler of `broker` looks for lagging followers.
    pub(crate) fn check_shrink(&mut self, broker: BrokerId) -> bool {
        self.replica(broker).is_some() && {
            self.step(broker, replica::Input::ShrinkCheck);
            true
        }
    }

    /// `broker` flushes its log.
    pub(crate) fn flush(&mut self, broker: BrokerId) {
        if self.replica(broker).is_some() {
            self.step(broker, replica::Input::Flush { ticket: None, blocking: true });
        }
    }

    /// `broker` writes its high watermark checkpoint.
    pub(crate) fn checkpoint(&mut self, broker: BrokerId) {
        let Some(offset) = self.replica(broker).map(Replica::high_watermark) else { return };
        let content = Checkpoint::Offsets(BTreeMap::from([(PARTITION, offset)]));
        let host = self.hosts.get_mut(&broker).unwrap();
        host.disk.files.insert(FileName::HighWatermarks, FileContent::Checkpoint(content));
    }

    /// `broker` shuts down cleanly.
    pub(crate) fn stop(&mut self, broker: BrokerId) {
        if self.replica(broker).is_some() {
            self.step(broker, replica::Input::Close);
            self.checkpoint(broker);
            self.kill(broker);
        }
    }

    /// The process of `broker` dies, and with `lossy` the page cache of its host with it.
    pub(crate) fn crash(&mut self, broker: BrokerId, lossy: bool) {
        if self.replica(broker).is_some() {
            self.kill(broker);
            let host = self.hosts.get_mut(&broker).unwrap();
            host.is_suspect = true;
            if lossy {
                host.disk.lose_power();
            }
        }
    }

    fn kill(&mut self, broker: BrokerId) {
        self.hosts.get_mut(&broker).unwrap().broker = None;
        let of_it = |message: &Message| message.server == broker;
        let parked = std::mem::take(&mut self.parked);
        let (lost, kept) = parked.into_iter().partition(of_it);
        self.parked = kept;
        lost.iter().for_each(|message| self.fail(message));
    }

    /// A new process of `broker` starts and registers; its first metadata is what stands then.
    pub(crate) fn start(&mut self, broker: BrokerId) -> bool {
        if self.replica(broker).is_some() {
            return false;
        }
        let is_clean = !self.hosts[&broker].is_suspect;
        let broker_epoch = self.controller.register(broker, is_clean);
        self.boot(broker, broker_epoch, is_clean);
        self.apply_all(broker);
        true
    }

    /// Whether a crash of `broker` keeps to what min.insync.replicas = 2 promises to survive: one
    /// of those that may be elected has lost what it had, and another one has it.
    pub(crate) fn can_spare(&self, broker: BrokerId) -> bool {
        let state = self.controller.state();
        let mut candidates = state.in_sync.union(&state.eligible);
        candidates.remove(broker);
        !candidates.is_empty() && candidates.iter().all(|other| !self.hosts[&other].is_suspect)
    }

    // How the parts are joined.

    /// Steps the replica of `id` and does what follows; what concerns the caller comes back.
    pub(crate) fn step(&mut self, id: BrokerId, input: replica::Input) -> Results {
        let mut results = Results::default();
        self.step_for(id, input, None, &mut results);
        self.settle(id, &results.acknowledged);
        self.wake();
        results
    }

    fn settle(&mut self, id: BrokerId, acknowledged: &[(ConnectionId, ErrorCode)]) {
        for (request, error) in acknowledged {
            let Some(process) = self.broker(id) else { return };
            let waited = process.waiting.remove(request);
            if let (Some((offset, batch)), ErrorCode::None) = (waited, error) {
                self.checks.acked.push((offset, batch));
            }
        }
    }

    fn step_for(
        &mut self,
        id: BrokerId,
        input: replica::Input,
        source: Option<BrokerId>,
        results: &mut Results,
    ) {
        let now = self.now;
        let Some(process) = self.broker(id) else { return };
        let mut effects = Vec::new();
        process.replica.step(now, input, &mut effects);
        for effect in effects {
            self.carry_out(id, effect, source, results);
        }
    }

    fn carry_out(
        &mut self,
        id: BrokerId,
        effect: replica::Effect,
        source: Option<BrokerId>,
        results: &mut Results,
    ) {
        use replica::Effect;
        let partition = PARTITION;
        match effect {
            Effect::Disk(operation) => {
                self.hosts.get_mut(&id).unwrap().disk.take(operation);
            }
            Effect::Event { kind, .. } => results.events.push(kind),
            Effect::Produced { .. } => results.produced = Some(effect),
            Effect::Acknowledged { request, error } => {
                results.acknowledged.push((request, error));
            }
            Effect::Fetched { result, .. } => results.fetched = Some(result),
            Effect::OffsetListed { result, .. } => results.listed = Some(result),
            Effect::ProposeInSync(proposal) => {
                self.step_sender(id, alter_partition::Input::Propose { partition, proposal });
            }
            Effect::StartFetching { leader, leader_epoch, position } => {
                let topic = "orders".into();
                let input = fetcher::Input::Add { partition, topic, leader_epoch, position };
                self.step_fetcher(id, leader, input);
            }
            Effect::StopFetching { leader } => {
                self.step_fetcher(id, leader, fetcher::Input::Remove { partition });
            }
            Effect::Position(position) => {
                let source = source.expect("only a fetcher brings what has a position");
                self.step_fetcher(id, source, fetcher::Input::Position { partition, position });
            }
            Effect::EpochEnd { result, .. } => results.epoch_end = Some(result),
            Effect::LogStartMoved { offset } => {
                let fetchers = self.broker(id).map(|process| process.fetchers.keys().copied());
                let sources: Vec<_> = fetchers.into_iter().flatten().collect();
                for source in sources {
                    let input = fetcher::Input::LogStartMoved { partition, offset };
                    self.step_fetcher(id, source, input);
                }
            }
            Effect::RecordsDeleted { .. }
            | Effect::LowWatermarkMoved { .. }
            | Effect::HighWatermarkMoved { .. }
            | Effect::LogEndMoved { .. }
            | Effect::SteppedDown => {}
        }
    }

    fn step_fetcher(&mut self, id: BrokerId, source: BrokerId, input: fetcher::Input) {
        let (now, defects) = (self.now, self.defects);
        let Some(process) = self.broker(id) else { return };
        let broker_epoch = process.broker_epoch;
        let fetcher = process.fetchers.entry(source).or_insert_with(|| {
            // Two batches a time: who lags stays behind for a while.
            let partition_bytes_max = 200;
            let config =
                FetcherConfig { defects, partition_bytes_max, ..FetcherConfig::new(id, source) };
            let mut fetcher = Fetcher::new(config);
            let registered = fetcher::Input::Registered { broker_epoch };
            fetcher.step(now, registered, &mut Vec::new());
            fetcher
        });
        let mut effects = Vec::new();
        fetcher.step(now, input, &mut effects);
        for effect in effects {
            match effect {
                fetcher::Effect::Send { to, token, body } => {
                    self.send(id, Component::Fetcher, to, token, body);
                }
                fetcher::Effect::Deliver { fetched, .. } => {
                    let input = replica::Input::Fetched(fetched);
                    self.step_for(id, input, Some(source), &mut Results::default());
                }
                fetcher::Effect::EpochEnd { found, .. } => {
                    let input = replica::Input::EpochEnd(found);
                    self.step_for(id, input, Some(source), &mut Results::default());
                }
                fetcher::Effect::OutOfRange { found, .. } => {
                    let input = replica::Input::OutOfRange(found);
                    self.step_for(id, input, Some(source), &mut Results::default());
                }
            }
        }
    }

    fn step_sender(&mut self, id: BrokerId, input: alter_partition::Input) {
        let now = self.now;
        let Some(process) = self.broker(id) else { return };
        let mut effects = Vec::new();
        process.alter_partition.step(now, input, &mut effects);
        for effect in effects {
            match effect {
                alter_partition::Effect::Send { to, token, body } => {
                    self.send(id, Component::AlterPartition, to, token, body);
                }
                alter_partition::Effect::Answered { proposal, result, .. } => {
                    self.step(id, replica::Input::AlterPartitionAnswered { proposal, result });
                }
            }
        }
    }

    fn send(
        &mut self,
        client: BrokerId,
        component: Component,
        server: BrokerId,
        token: u64,
        body: RequestBody,
    ) {
        let incarnation = self.hosts[&client].incarnation;
        let (is_orphan, content) = (false, Content::Request(body));
        self.network.push(Message {
            client,
            incarnation,
            component,
            server,
            token,
            is_orphan,
            content,
        });
    }

    /// Lets every machine whose deadline has come do what it waited for.
    fn wake(&mut self) {
        for id in BROKERS {
            let now = self.now;
            let Some(process) = self.broker(id) else { continue };
            let due = |fetcher: &Fetcher| fetcher.deadlines().is_due(now);
            let fetchers: Vec<_> =
                process.fetchers.iter().filter(|(_, f)| due(f)).map(|(id, _)| *id).collect();
            let is_sender_due = process.alter_partition.deadlines().is_due(now);
            for source in fetchers {
                self.step_fetcher(id, source, fetcher::Input::Deadline);
            }
            if is_sender_due {
                self.step_sender(id, alter_partition::Input::Deadline);
            }
        }
    }

    fn serve(&mut self, mut message: Message, park: bool, is_reread: bool) {
        let Content::Request(body) = &message.content else { unreachable!("asked above") };
        let answer = match body {
            RequestBody::AlterPartition(body) => {
                Some((self.controller.alter_partition(body).into(), Vec::new()))
            }
            RequestBody::Fetch(body) => {
                let (body, client) = (body.clone(), message.client);
                match self.serve_fetch(message.server, client, &body, is_reread) {
                    Some(result) if park && result.error == ErrorCode::None => {
                        let is_empty = result.records.is_empty() && result.diverging.is_none();
                        if is_empty {
                            self.parked.push(message);
                            return;
                        }
                        Some(fetch_response(&body, result))
                    }
                    result => result.map(|result| fetch_response(&body, result)),
                }
            }
            RequestBody::ListOffsets(body) => {
                let body = body.clone();
                self.serve_list_offsets(message.server, &body)
                    .map(|result| (offsets_response(&body, result), Vec::new()))
            }
            RequestBody::OffsetForLeaderEpoch(body) => {
                let body = body.clone();
                self.serve_epoch_end(message.server, &body)
                    .map(|result| (epoch_end_response(&body, result), Vec::new()))
            }
            other => panic!("nobody asks {other:?}"),
        };
        match answer {
            None if !message.is_orphan => self.fail(&message),
            Some((body, records)) if !message.is_orphan => {
                message.content = Content::Response(body, records);
                self.network.push(message);
            }
            None | Some(_) => {}
        }
    }

    fn serve_fetch(
        &mut self,
        server: BrokerId,
        client: BrokerId,
        body: &k::FetchRequest,
        is_reread: bool,
    ) -> Option<FetchResult> {
        let request = self.next_request(server)?;
        let asked = &body.topics[0].partitions[0];
        let broker_epoch = BrokerEpoch::from_wire(body.replica_state.replica_epoch);
        let fetch = PartitionFetch {
            reader: Reader::Follower { broker: client, broker_epoch },
            leader_epoch: LeaderEpoch::from_wire(asked.current_leader_epoch),
            fetch_offset: Offset(asked.fetch_offset),
            last_fetched_epoch: LeaderEpoch::from_wire(asked.last_fetched_epoch),
            log_start_offset: Offset::from_wire(asked.log_start_offset),
            max_bytes: u32::try_from(asked.partition_max_bytes).unwrap(),
            at_least_one: true,
            is_reread,
        };
        self.step(server, replica::Input::Fetch { request, fetch }).fetched
    }

    fn serve_list_offsets(
        &mut self,
        server: BrokerId,
        body: &k::ListOffsetsRequest,
    ) -> Option<Result<Option<ListedOffset>, ErrorCode>> {
        let request = self.next_request(server)?;
        let asked = &body.topics[0].partitions[0];
        let leader_epoch = LeaderEpoch::from_wire(asked.current_leader_epoch);
        let (timestamp, by_follower) = (asked.timestamp, true);
        let input = replica::Input::ListOffsets { request, leader_epoch, timestamp, by_follower };
        self.step(server, input).listed
    }

    fn serve_epoch_end(
        &mut self,
        server: BrokerId,
        body: &k::OffsetForLeaderEpochRequest,
    ) -> Option<Result<Option<(LeaderEpoch, Offset)>, ErrorCode>> {
        let request = self.next_request(server)?;
        let asked = &body.topics[0].partitions[0];
        let current_leader_epoch = LeaderEpoch::from_wire(asked.current_leader_epoch);
        let leader_epoch = LeaderEpoch::from_wire(asked.leader_epoch);
        let input =
            replica::Input::OffsetForLeaderEpoch { request, current_leader_epoch, leader_epoch };
        self.step(server, input).epoch_end
    }

    fn answer(&mut self, message: Message) {
        let Content::Response(body, records) = message.content else { unreachable!("as above") };
        let token = message.token;
        if message.incarnation != self.hosts[&message.client].incarnation {
            return;
        }
        match message.component {
            Component::Fetcher => {
                let input = fetcher::Input::Response { token, body, records };
                self.step_fetcher(message.client, message.server, input);
            }
            Component::AlterPartition => {
                let input = alter_partition::Input::Response { token, body };
                self.step_sender(message.client, input);
            }
        }
        self.wake();
    }

    /// The sender of `message` learns that its connection is gone.
    fn fail(&mut self, message: &Message) {
        let token = message.token;
        if message.incarnation != self.hosts[&message.client].incarnation {
            return;
        }
        match message.component {
            Component::Fetcher => {
                let input = fetcher::Input::SendFailed { token };
                self.step_fetcher(message.client, message.server, input);
            }
            Component::AlterPartition => {
                self.step_sender(message.client, alter_partition::Input::SendFailed { token });
            }
        }
    }
}

/// What a step of a replica gave its caller.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) produced: Option<replica::Effect>,
    pub(crate) acknowledged: Vec<(ConnectionId, ErrorCode)>,
    pub(crate) fetched: Option<FetchResult>,
    pub(crate) listed: Option<Result<Option<ListedOffset>, ErrorCode>>,
    pub(crate) epoch_end: Option<Result<Option<(LeaderEpoch, Offset)>, ErrorCode>>,
    pub(crate) events: Vec<Kind>,
}

fn body(id: BatchId) -> Arc<BatchBody> {
    let value = Some(Bytes::from_static(b"value"));
    let record = Record { key: None, value, headers: Box::default(), timestamp: 1 };
    Arc::new(BatchBody {
        id,
        producer: None,
        base_timestamp: 1,
        max_timestamp: 1,
        records: Records::Data(vec![record]),
        size_bytes: 100,
    })
}

fn fetch_response(body: &k::FetchRequest, result: FetchResult) -> (ResponseBody, Vec<Vec<Batch>>) {
    let mut data = fetch_answer::PartitionData::default()
        .with_error_code(result.error.code())
        .with_high_watermark(Offset::to_wire(result.high_watermark))
        .with_log_start_offset(Offset::to_wire(result.log_start_offset));
    if let Some((epoch, end)) = result.diverging {
        data.diverging_epoch.epoch = epoch.0;
        data.diverging_epoch.end_offset = end.0;
    }
    let topic = fetch_answer::FetchableTopicResponse::default()
        .with_topic_id(body.topics[0].topic_id)
        .with_partitions(vec![data]);
    let response = k::FetchResponse::default().with_responses(vec![topic]);
    (response.into(), vec![result.records])
}

fn offsets_response(
    body: &k::ListOffsetsRequest,
    result: Result<Option<ListedOffset>, ErrorCode>,
) -> ResponseBody {
    let data = offsets_answer::ListOffsetsPartitionResponse::default();
    let data = match result {
        Err(error) => data.with_error_code(error.code()),
        Ok(listed) => data.with_offset(Offset::to_wire(listed.map(|listed| listed.offset))),
    };
    let topic = offsets_answer::ListOffsetsTopicResponse::default()
        .with_name(body.topics[0].name.clone())
        .with_partitions(vec![data]);
    k::ListOffsetsResponse::default().with_topics(vec![topic]).into()
}

fn epoch_end_response(
    body: &k::OffsetForLeaderEpochRequest,
    result: Result<Option<(LeaderEpoch, Offset)>, ErrorCode>,
) -> ResponseBody {
    let mut data = epoch_answer::EpochEndOffset::default();
    match result {
        Err(error) => data.error_code = error.code(),
        Ok(None) => (data.leader_epoch, data.end_offset) = (-1, -1),
        Ok(Some((epoch, end))) => (data.leader_epoch, data.end_offset) = (epoch.0, end.0),
    }
    let topic = epoch_answer::OffsetForLeaderTopicResult::default()
        .with_topic(body.topics[0].topic.clone())
        .with_partitions(vec![data]);
    k::OffsetForLeaderEpochResponse::default().with_topics(vec![topic]).into()
}

impl Disk {
    fn take(&mut self, operation: DiskOperation) {
        match operation {
            DiskOperation::Create { file } => drop(self.segment(file)),
            DiskOperation::Append { file, batch } => self.segment(file).push(batch),
            DiskOperation::AppendInVain { .. } => unreachable!("this disk refuses nothing"),
            DiskOperation::Truncate { file, end } => {
                let batches = self.segment(file);
                batches.retain(|batch| batch.end_offset() <= end);
                let left = batches.len();
                let durable = self.durable.entry(file).or_default();
                *durable = left.min(*durable);
            }
            DiskOperation::Delete { file } => {
                self.files.remove(&file);
                self.durable.remove(&file);
            }
            DiskOperation::Flush { file, .. } => {
                let length = self.segment(file).len();
                self.durable.insert(file, length);
            }
            DiskOperation::Write { file, content, .. } => {
                self.files.insert(file, FileContent::Checkpoint(content));
            }
        }
    }

    fn segment(&mut self, file: FileName) -> &mut Vec<Batch> {
        let empty = || FileContent::Segment { batches: Vec::new(), broken: None };
        match self.files.entry(file).or_insert_with(empty) {
            FileContent::Segment { batches, .. } => batches,
            FileContent::Checkpoint(_) => panic!("{file:?} is a checkpoint"),
        }
    }

    fn lose_power(&mut self) {
        for (file, content) in &mut self.files {
            if let FileContent::Segment { batches, .. } = content {
                batches.truncate(self.durable.get(file).copied().unwrap_or(0));
            }
        }
    }
}
