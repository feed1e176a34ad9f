//! The fetcher for one source broker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kafka_protocol::messages as k;
use kafka_protocol::messages::fetch_request as ask;
use kafka_protocol::messages::fetch_response as answer;
use kafka_protocol::messages::list_offsets_request as ask_offsets;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::message::{Batch, FetchPosition, Fetched, OutOfRange, ResponseBody};
use crate::protocol::fetcher::config::FetcherConfig;
use crate::protocol::fetcher::effect::Effect;
use crate::protocol::fetcher::input::Input;
use crate::protocol::fetcher::session::{Asked, Session};
use crate::protocol::fetcher::truncating::Phase;
use crate::protocol::machine::Machine;
use crate::types::{
    BrokerEpoch, Deadlines, Defect, ErrorCode, LeaderEpoch, Monotonic, Name, Now, Offset, TopicId,
    TopicPartition, TruncationEra, Wall,
};

const LATEST_TIMESTAMP: i64 = -1;
const EARLIEST_TIMESTAMP: i64 = -2;

/// The fetcher for the partitions of this broker that one other broker leads.
#[derive(Clone, Debug)]
pub struct Fetcher {
    pub(super) config: FetcherConfig,
    broker_epoch: Option<BrokerEpoch>,
    /// How it learns where logs part.
    pub(super) era: TruncationEra,
    pub(super) partitions: BTreeMap<TopicPartition, PartitionFetchState>,
    session: Session,
    /// Partitions that may differ from what the session has; a full request needs no such list.
    pub(super) changed: BTreeSet<TopicPartition>,
    /// When partitions may be asked for again after an error. `DelayedItem` reads the wall clock.
    delayed: BTreeSet<(Wall, TopicPartition)>,
    /// How many partitions are with their replicas. Nothing is sent until all are back.
    pub(super) delivering: usize,
    /// Partitions whose offset the leader does not have, to be looked into one by one.
    out_of_range: VecDeque<TopicPartition>,
    pub(super) in_flight: Option<InFlight>,
    /// Set when partitions were added while the fetcher slept.
    wake: Option<Monotonic>,
    next_token: u64,
}

/// A partition that is being copied.
#[derive(Clone, Debug)]
pub(super) struct PartitionFetchState {
    pub(super) topic: Name,
    pub(super) asked: Asked,
    pub(super) phase: Phase,
    pub(super) delayed_until: Option<Wall>,
    pub(super) is_delivering: bool,
}

impl PartitionFetchState {
    /// Whether the next fetch asks for it.
    fn is_ready(&self) -> bool {
        self.delayed_until.is_none() && self.phase == Phase::Fetching
    }
}

/// The one request that may be under way.
#[derive(Clone, Debug)]
pub(super) enum InFlight {
    /// A fetch of all partitions in the session.
    Fetch { token: u64 },
    /// The question for the end of the leader's log, or, when that is known, for its start.
    ListOffsets { token: u64, partition: TopicPartition, asked: Asked, leader_end: Option<Offset> },
    /// The question where the last epochs of these partitions end at the leader.
    EpochEnds { token: u64, asked: Vec<(TopicPartition, Asked)> },
}

impl InFlight {
    fn token(&self) -> u64 {
        match self {
            Self::Fetch { token }
            | Self::ListOffsets { token, .. }
            | Self::EpochEnds { token, .. } => *token,
        }
    }
}

impl Machine for Fetcher {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Add { partition, topic, leader_epoch, position } => {
                self.on_add(now, partition, topic, Asked { leader_epoch, position });
            }
            Input::Remove { partition } => {
                self.remove(partition);
                // It may have been the last that the next request waited for.
                if self.in_flight.is_none() && !self.partitions.is_empty() {
                    self.wake = Some(now.monotonic);
                }
            }
            Input::Position { partition, position } => {
                self.on_position(partition, position);
                self.send_when_ready(now, effects);
            }
            Input::LogStartMoved { partition, offset } => {
                self.on_log_start_moved(partition, offset);
            }
            Input::Response { token, body, records } => {
                self.on_response(now, token, body, records, effects);
                self.send_when_ready(now, effects);
            }
            Input::SendFailed { token } => {
                self.on_send_failed(now, token);
                self.send_when_ready(now, effects);
            }
            Input::Registered { broker_epoch } => self.broker_epoch = Some(broker_epoch),
            Input::Deadline => self.send_when_ready(now, effects),
        }
        debug_assert_eq!(
            self.delivering,
            self.partitions.values().filter(|state| state.is_delivering).count()
        );
    }

    fn deadlines(&self) -> Deadlines {
        if self.in_flight.is_some() || self.delivering > 0 {
            return Deadlines::NONE;
        }
        let wall = self.delayed.first().map(|(until, _)| *until);
        Deadlines { monotonic: self.wake, wall }
    }
}

impl Fetcher {
    /// A fetcher without partitions.
    pub fn new(config: FetcherConfig) -> Self {
        Self {
            era: TruncationEra::of(config.defects),
            config,
            broker_epoch: None,
            partitions: BTreeMap::new(),
            session: Session::default(),
            changed: BTreeSet::new(),
            delayed: BTreeSet::new(),
            delivering: 0,
            out_of_range: VecDeque::new(),
            in_flight: None,
            wake: None,
            next_token: 0,
        }
    }

    /// Whether it has no partition: Kafka ends such a fetcher's thread, and a new one would know
    /// of no session.
    pub fn is_idle(&self) -> bool {
        self.partitions.is_empty()
    }

    /// The leader epoch and position at which it copies `partition`, if it does.
    pub fn position(&self, partition: TopicPartition) -> Option<(LeaderEpoch, FetchPosition)> {
        let asked = self.partitions.get(&partition)?.asked;
        Some((asked.leader_epoch, asked.position))
    }

    fn on_add(&mut self, now: Now, partition: TopicPartition, topic: Name, asked: Asked) {
        if self
            .partitions
            .get(&partition)
            .is_some_and(|s| s.asked.leader_epoch == asked.leader_epoch)
        {
            // Already copied in this epoch; its own place is the better one.
            return;
        }
        self.remove(partition);
        let phase = Phase::begun(self.era, &asked);
        let (delayed_until, is_delivering) = (None, false);
        let state = PartitionFetchState { topic, asked, phase, delayed_until, is_delivering };
        self.partitions.insert(partition, state);
        if self.in_flight.is_none() {
            self.wake = Some(now.monotonic);
        }
    }

    fn remove(&mut self, partition: TopicPartition) {
        self.changed.insert(partition);
        let Some(state) = self.partitions.remove(&partition) else { return };
        if let Some(until) = state.delayed_until {
            self.delayed.remove(&(until, partition));
        }
        self.delivering -= usize::from(state.is_delivering);
    }

    fn on_position(&mut self, partition: TopicPartition, position: FetchPosition) {
        // A partition that was taken away and added again has its place from the adding.
        let Some(state) = self.partitions.get_mut(&partition).filter(|s| s.is_delivering) else {
            return;
        };
        state.is_delivering = false;
        self.delivering -= 1;
        let phase = state.phase.after(position);
        if state.asked.position != position || state.phase != phase {
            state.asked.position = position;
            state.phase = phase;
            self.changed.insert(partition);
        }
    }

    /// Retention moved the start of this broker's own log, which goes along with the next fetch.
    fn on_log_start_moved(&mut self, partition: TopicPartition, offset: Offset) {
        if let Some(state) = self.partitions.get_mut(&partition) {
            state.asked.position.log_start_offset = offset;
            self.changed.insert(partition);
        }
    }

    fn on_response(
        &mut self,
        now: Now,
        token: u64,
        body: ResponseBody,
        records: Vec<Vec<Batch>>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(in_flight) = self.in_flight.take_if(|request| request.token() == token) else {
            return;
        };
        match (in_flight, body) {
            (InFlight::Fetch { .. }, ResponseBody::Fetch(body)) => {
                self.on_fetched(now, *body, records, effects);
            }
            (
                InFlight::ListOffsets { partition, asked, leader_end, .. },
                ResponseBody::ListOffsets(body),
            ) => {
                let answer = body.topics.first().and_then(|topic| topic.partitions.first());
                let result = answer.map_or(Err(ErrorCode::UnknownServerError), |answer| {
                    let error = ErrorCode::from_code(answer.error_code);
                    let is_ok = error == ErrorCode::None;
                    if is_ok { Ok(Offset(answer.offset)) } else { Err(error) }
                });
                self.on_offset_listed(now, partition, asked, leader_end, result, effects);
            }
            (InFlight::EpochEnds { asked, .. }, ResponseBody::OffsetForLeaderEpoch(body)) => {
                self.on_epoch_ends(now, &asked, &body, effects);
            }
            (in_flight, body) => panic!("{in_flight:?} is answered with {body:?}"),
        }
    }

    fn on_send_failed(&mut self, now: Now, token: u64) {
        match self.in_flight.take_if(|request| request.token() == token) {
            None => {}
            Some(InFlight::Fetch { .. }) => {
                self.session.restart();
                let all: Vec<_> = self.partitions.keys().copied().collect();
                all.into_iter().for_each(|partition| self.delay(now, partition));
            }
            Some(InFlight::ListOffsets { partition, .. }) => self.delay(now, partition),
            Some(InFlight::EpochEnds { asked, .. }) => {
                asked.into_iter().for_each(|(partition, _)| self.delay(now, partition));
            }
        }
    }

    fn on_fetched(
        &mut self,
        now: Now,
        body: k::FetchResponse,
        records: Vec<Vec<Batch>>,
        effects: &mut Vec<Effect>,
    ) {
        let error = ErrorCode::from_code(body.error_code);
        if error == ErrorCode::FetchSessionIdNotFound {
            self.session.forget();
            return;
        }
        let answered: BTreeSet<_> = partitions_of(&body).map(|(partition, _)| partition).collect();
        let is_known = answered.iter().all(|partition| self.session.asked.contains_key(partition));
        // A full answer has what was asked for, an incremental one at most that.
        let is_whole = !self.session.is_full() || answered.len() == self.session.asked.len();
        if error != ErrorCode::None || !is_known || !is_whole {
            if self.session.is_full() && error == ErrorCode::None {
                self.session.forget();
            } else {
                self.session.restart();
            }
            return;
        }
        self.session.advance(body.session_id);
        let mut records = records.into_iter();
        for (partition, answer) in partitions_of(&body) {
            let records = records.next().unwrap_or_default();
            self.on_partition(now, partition, answer, records, effects);
        }
    }

    /// Source: Kafka 4.1, `AbstractFetcherThread.processFetchRequest`.
    fn on_partition(
        &mut self,
        now: Now,
        partition: TopicPartition,
        answer: &answer::PartitionData,
        records: Vec<Batch>,
        effects: &mut Vec<Effect>,
    ) {
        let asked = self.session.asked[&partition];
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        // The same leader may have been elected anew meanwhile: what it sent in the old epoch may
        // not be in its log any more (KAFKA-18723).
        let defects = self.config.defects;
        let is_same_offset = asked.position.fetch_offset == state.asked.position.fetch_offset;
        let is_awaited = is_same_offset
            && state.is_ready()
            && (asked.leader_epoch == state.asked.leader_epoch
                || defects.acts(Defect::UnfencedFetch, partition)
                || defects.acts(Defect::StaleFetchResponse, partition));
        if !is_awaited {
            return;
        }
        let error = ErrorCode::from_code(answer.error_code);
        if error == ErrorCode::None {
            state.is_delivering = true;
            self.delivering += 1;
            let fetched = Fetched {
                leader_epoch: asked.leader_epoch,
                fetch_offset: asked.position.fetch_offset,
                records,
                high_watermark: Offset(answer.high_watermark),
                log_start_offset: Offset(answer.log_start_offset),
                diverging: LeaderEpoch::from_wire(answer.diverging_epoch.epoch)
                    .map(|epoch| (epoch, Offset(answer.diverging_epoch.end_offset))),
            };
            effects.push(Effect::Deliver { partition, fetched });
        } else if error == ErrorCode::OffsetOutOfRange {
            self.out_of_range.push_back(partition);
        } else if error == ErrorCode::FencedLeaderEpoch {
            self.on_fenced(now, partition, asked);
        } else {
            self.delay(now, partition);
        }
    }

    /// The leader is in a newer epoch than `asked`: this broker's metadata must catch up first.
    ///
    /// Source: Kafka 4.1, `AbstractFetcherThread.onPartitionFenced`.
    pub(super) fn on_fenced(&mut self, now: Now, partition: TopicPartition, asked: Asked) {
        let current = self.partitions.get(&partition).map(|state| state.asked.leader_epoch);
        if current == Some(asked.leader_epoch) {
            self.remove(partition);
        } else {
            self.delay(now, partition);
        }
    }

    fn on_offset_listed(
        &mut self,
        now: Now,
        partition: TopicPartition,
        asked: Asked,
        leader_end: Option<Offset>,
        result: Result<Offset, ErrorCode>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        if state.asked != asked || state.delayed_until.is_some() {
            return;
        }
        let offset = match result {
            Ok(offset) => offset,
            Err(ErrorCode::FencedLeaderEpoch) => return self.on_fenced(now, partition, asked),
            Err(_) => return self.delay(now, partition),
        };
        let end = leader_end.unwrap_or(offset);
        if leader_end.is_none() && end >= asked.position.fetch_offset {
            return self.send_list_offsets(partition, Some(end), effects);
        }
        state.is_delivering = true;
        self.delivering += 1;
        let found = OutOfRange {
            leader_epoch: asked.leader_epoch,
            fetch_offset: asked.position.fetch_offset,
            leader_end: end,
            leader_start: leader_end.map(|_| offset),
        };
        effects.push(Effect::OutOfRange { partition, found });
    }

    pub(super) fn delay(&mut self, now: Now, partition: TopicPartition) {
        let until = now.wall + self.config.fetch_backoff;
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        if state.delayed_until.is_none() {
            state.delayed_until = Some(until);
            self.delayed.insert((until, partition));
            self.changed.insert(partition);
        }
    }

    fn end_delays(&mut self, now: Now) {
        while let Some((until, partition)) = self.delayed.first().copied() {
            if until > now.wall {
                break;
            }
            self.delayed.pop_first();
            let state = self.partitions.get_mut(&partition).expect("the delayed are known");
            state.delayed_until = None;
            self.changed.insert(partition);
        }
    }

    /// Sends the next request, unless one is under way or a replica still works on the last.
    fn send_when_ready(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.in_flight.is_some() || self.delivering > 0 {
            return;
        }
        self.wake = None;
        self.end_delays(now);
        while let Some(partition) = self.out_of_range.pop_front() {
            if self.partitions.get(&partition).is_some_and(|s| s.delayed_until.is_none()) {
                return self.send_list_offsets(partition, None, effects);
            }
        }
        if self.era.asks_first() && self.ask_for_epoch_ends(effects) {
            return;
        }
        if let Some(body) = self.next_fetch() {
            let token = self.take_token();
            self.in_flight = Some(InFlight::Fetch { token });
            effects.push(Effect::Send { to: self.config.source, token, body: body.into() });
        }
    }

    fn send_list_offsets(
        &mut self,
        partition: TopicPartition,
        leader_end: Option<Offset>,
        effects: &mut Vec<Effect>,
    ) {
        let token = self.take_token();
        let state = &self.partitions[&partition];
        let timestamp = if leader_end.is_none() { LATEST_TIMESTAMP } else { EARLIEST_TIMESTAMP };
        let question = ask_offsets::ListOffsetsPartition::default()
            .with_partition_index(partition.partition.0)
            .with_current_leader_epoch(state.asked.leader_epoch.0)
            .with_timestamp(timestamp);
        let topic = ask_offsets::ListOffsetsTopic::default()
            .with_name(StrBytes::from_string(state.topic.as_str().to_owned()).into())
            .with_partitions(vec![question]);
        let body = k::ListOffsetsRequest::default()
            .with_replica_id(k::BrokerId(self.config.broker.0))
            .with_topics(vec![topic]);
        let asked = state.asked;
        self.in_flight = Some(InFlight::ListOffsets { token, partition, asked, leader_end });
        effects.push(Effect::Send { to: self.config.source, token, body: body.into() });
    }

    pub(super) fn take_token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token - 1
    }

    /// The next fetch request: all partitions that are ready, or what is new about them.
    ///
    /// Source: Kafka 4.1, `FetchSessionHandler.Builder.build`.
    fn next_fetch(&mut self) -> Option<k::FetchRequest> {
        let changed = std::mem::take(&mut self.changed);
        let mut topics: Vec<ask::FetchTopic> = Vec::new();
        let mut forgotten: Vec<ask::ForgottenTopic> = Vec::new();
        if self.session.is_full() {
            self.session.asked.clear();
            for (partition, state) in &self.partitions {
                if state.is_ready() {
                    self.session.asked.insert(*partition, state.asked);
                    put_partition(&mut topics, *partition, &state.asked, &self.config);
                }
            }
        } else {
            for partition in changed {
                let state = self.partitions.get(&partition);
                if let Some(state) = state.filter(|state| state.is_ready()) {
                    if self.session.asked.insert(partition, state.asked) != Some(state.asked) {
                        put_partition(&mut topics, partition, &state.asked, &self.config);
                    }
                } else if self.session.asked.remove(&partition).is_some() {
                    put_forgotten(&mut forgotten, partition);
                }
            }
        }
        if self.session.asked.is_empty() && forgotten.is_empty() {
            return None;
        }
        let replica_state = ask::ReplicaState::default()
            .with_replica_id(k::BrokerId(self.config.broker.0))
            .with_replica_epoch(BrokerEpoch::to_wire(self.broker_epoch));
        let wire = |bytes: u32| i32::try_from(bytes).unwrap_or(i32::MAX);
        let max_wait = self.config.fetch_wait_max.as_millis();
        let body = k::FetchRequest::default()
            .with_replica_state(replica_state)
            .with_max_wait_ms(i32::try_from(max_wait).unwrap_or(i32::MAX))
            .with_min_bytes(wire(self.config.fetch_bytes_min))
            .with_max_bytes(wire(self.config.response_bytes_max))
            .with_session_id(self.session.id)
            .with_session_epoch(self.session.epoch)
            .with_topics(topics)
            .with_forgotten_topics_data(forgotten);
        Some(body)
    }
}

fn put_partition(
    topics: &mut Vec<ask::FetchTopic>,
    partition: TopicPartition,
    asked: &Asked,
    config: &FetcherConfig,
) {
    let topic_id = Uuid::from_u128(partition.topic_id.0);
    if topics.last().is_none_or(|topic| topic.topic_id != topic_id) {
        topics.push(ask::FetchTopic::default().with_topic_id(topic_id));
    }
    let topic = topics.last_mut().expect("one was pushed above");
    let position = asked.position;
    let says_last_epoch = TruncationEra::of(config.defects) == TruncationEra::OnFetch;
    let last_epoch = position.last_fetched_epoch.filter(|_| says_last_epoch);
    let says_epoch = !config.defects.has(Defect::FirstTry);
    let leader_epoch = Some(asked.leader_epoch).filter(|_| says_epoch);
    topic.partitions.push(
        ask::FetchPartition::default()
            .with_partition(partition.partition.0)
            .with_current_leader_epoch(LeaderEpoch::to_wire(leader_epoch))
            .with_fetch_offset(position.fetch_offset.0)
            .with_last_fetched_epoch(LeaderEpoch::to_wire(last_epoch))
            .with_log_start_offset(position.log_start_offset.0)
            .with_partition_max_bytes(
                i32::try_from(config.partition_bytes_max).unwrap_or(i32::MAX),
            ),
    );
}

fn put_forgotten(topics: &mut Vec<ask::ForgottenTopic>, partition: TopicPartition) {
    let topic_id = Uuid::from_u128(partition.topic_id.0);
    if topics.last().is_none_or(|topic| topic.topic_id != topic_id) {
        topics.push(ask::ForgottenTopic::default().with_topic_id(topic_id));
    }
    let topic = topics.last_mut().expect("one was pushed above");
    topic.partitions.push(partition.partition.0);
}

/// The partitions of a response in its order, which is also that of the records beside it.
fn partitions_of(
    body: &k::FetchResponse,
) -> impl Iterator<Item = (TopicPartition, &answer::PartitionData)> {
    body.responses.iter().flat_map(|topic| {
        let topic_id = TopicId(topic.topic_id.as_u128());
        let of = move |index| TopicPartition::new(topic_id, index);
        topic.partitions.iter().map(move |answer| (of(answer.partition_index), answer))
    })
}
