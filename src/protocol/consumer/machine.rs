//! The consumer's state, and what each input sets going.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::event::{About, Kind};
use crate::message::{Answer, AppError, AppReply, Batch, SeekTo};
use crate::protocol::cluster::ClusterMetadata;
use crate::protocol::consumer::config::ConsumerConfig;
use crate::protocol::consumer::effect::Effect;
use crate::protocol::consumer::input::Input;
use crate::protocol::consumer::position::{Assigned, EARLIEST, LATEST, State};
use crate::protocol::consumer::session::Session;
use crate::protocol::machine::Machine;
use crate::types::{
    BrokerId, CallToken, Deadlines, ErrorCode, Name, Now, Offset, OperationId, Rng, TopicPartition,
    Wall,
};

/// A consumer of assigned partitions. It fetches ahead of the polls, one request at a time from
/// each leader.
///
/// # Source
///
/// Kafka 4.1, `ClassicKafkaConsumer`, `SubscriptionState`, `Fetcher`, `FetchCollector`,
/// `OffsetFetcher`.
// Differs from Kafka: fetches go out whenever they can, not only within poll(), as the consumer of
// KIP-848 has it; and a partition whose leader answered with an error waits for retry.backoff.ms
// before it is asked again.
#[derive(Clone, Debug)]
pub struct Consumer {
    pub(crate) config: ConsumerConfig,
    pub(crate) rng: Rng,
    pub(crate) cluster: Arc<ClusterMetadata>,
    /// The assignment, by slot.
    pub(crate) partitions: Vec<Assigned>,
    /// Counts the assignments: answers to requests of an earlier one are of no use.
    pub(crate) generation: u32,
    pub(crate) slots: BTreeMap<TopicPartition, u32>,
    pub(crate) by_name: BTreeMap<Name, BTreeMap<i32, u32>>,
    pub(crate) nodes: BTreeMap<BrokerId, Node>,
    /// Nodes from which something may be fetched now: looked at when the step ends.
    pub(crate) hot: BTreeSet<BrokerId>,
    /// Slots for which an offset is wanted: likewise.
    pub(crate) lookups: BTreeSet<u32>,
    /// Slots that cannot go on for want of a leader: each poll asks for metadata.
    pub(crate) leaderless: BTreeSet<u32>,
    /// Whether metadata is asked for when the step ends.
    pub(crate) seeks_leader: bool,
    pub(crate) timers: BTreeSet<(Wall, u32)>,
    pub(crate) requests: BTreeMap<u64, Pending>,
    pub(crate) next_token: u64,
    pub(crate) polls: VecDeque<Poll>,
    pub(crate) buffer: VecDeque<Fetched>,
    /// Slots without a place and without a policy, and why: every poll says so.
    pub(crate) broken: BTreeMap<u32, AppError>,
    /// Counts the fetched pieces that held records, for the defects that act on every fiftieth.
    pub(crate) fetches: u32,
}

/// A broker that leads assigned partitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub is_connected: bool,
    pub is_opening: bool,
    pub is_fetching: bool,
    pub session: Session,
    /// Slots to fetch from it.
    pub fetchable: BTreeSet<u32>,
    /// Slots of which something may have changed since it was last told.
    pub dirty: BTreeSet<u32>,
    /// Slots that wait for a connection to ask for an offset.
    pub waiting: BTreeSet<u32>,
}

/// A request whose answer is awaited.
#[derive(Clone, Debug)]
pub(crate) enum Pending {
    /// A fetch.
    Fetch { to: BrokerId, generation: u32 },
    /// A lookup or validation of these slots.
    Lookup { slots: Vec<u32>, generation: u32 },
}

/// A poll that waits for records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Poll {
    pub token: CallToken,
    pub give_up_at: Wall,
}

/// What a fetch brought for one partition and no poll has taken yet.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub slot: u32,
    /// The place of its next record; what lies before was returned.
    pub next: Offset,
    pub batches: VecDeque<Batch>,
}

impl Machine for Consumer {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        let wall = now.wall;
        match input {
            Input::Assign { token, partitions } => self.on_assign(token, partitions, effects),
            Input::Seek { token, topic, partition, to } => {
                self.on_seek(token, &topic, partition, to, effects);
            }
            Input::Poll { token, timeout } => {
                self.polls.push_back(Poll { token, give_up_at: wall + timeout });
                self.seeks_leader |= !self.leaderless.is_empty();
            }
            Input::MetadataChanged(cluster) => {
                self.cluster = cluster;
                for slot in 0..self.partitions.len() {
                    if self.partitions[slot].state != State::Gone {
                        self.refresh_leader(slot as u32, effects);
                    }
                }
            }
            Input::NodeOpened { to } => self.on_node(to, true),
            Input::NodeLost { to } => self.on_node(to, false),
            Input::Completed { token, answer } => self.on_completed(wall, token, answer, effects),
            Input::SetAssignment { partitions } => self.on_set_assignment(&partitions, effects),
            Input::Start { topic, partition, committed } => {
                self.on_start(wall, &topic, partition, committed, effects);
            }
            Input::Withhold { partitions } => self.on_withhold(&partitions),
            Input::Pause { token, partitions, paused } => {
                self.on_pause(token, &partitions, paused, effects);
            }
            Input::Deadline => self.on_deadline(wall),
        }
        self.serve_polls(wall, effects);
        if std::mem::take(&mut self.seeks_leader) {
            effects.push(Effect::RefreshMetadata);
        }
        self.look_up(effects);
        self.fetch_hot(effects);
    }

    fn deadlines(&self) -> Deadlines {
        let timer = self.timers.first().map(|(at, _)| *at);
        let poll = self.polls.iter().map(|poll| poll.give_up_at).min();
        Deadlines::wall(timer).or(Deadlines::wall(poll))
    }
}

impl Consumer {
    /// A consumer without an assignment; `rng` shakes its back-offs.
    pub fn new(config: ConsumerConfig, rng: Rng) -> Self {
        Self {
            config,
            rng,
            cluster: Arc::default(),
            partitions: Vec::new(),
            generation: 0,
            slots: BTreeMap::new(),
            by_name: BTreeMap::new(),
            nodes: BTreeMap::new(),
            hot: BTreeSet::new(),
            lookups: BTreeSet::new(),
            leaderless: BTreeSet::new(),
            seeks_leader: false,
            timers: BTreeSet::new(),
            requests: BTreeMap::new(),
            next_token: 0,
            polls: VecDeque::new(),
            buffer: VecDeque::new(),
            broken: BTreeMap::new(),
            fetches: 0,
        }
    }

    /// Answers all polls that wait, for the client is closed.
    pub fn close(&mut self, effects: &mut Vec<Effect>) {
        for poll in std::mem::take(&mut self.polls) {
            let reply = AppReply::Polled(Vec::new());
            effects.push(Effect::Reply { token: poll.token, reply });
        }
        self.forget_assignment();
    }

    pub(crate) fn token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token - 1
    }

    pub(crate) fn operation(&self, token: CallToken) -> OperationId {
        OperationId::of_call(self.config.client, self.config.first_operation, token)
    }

    pub(crate) fn forget_assignment(&mut self) {
        self.generation += 1;
        self.partitions.clear();
        self.slots.clear();
        self.by_name.clear();
        self.lookups.clear();
        self.leaderless.clear();
        self.timers.clear();
        self.buffer.clear();
        self.broken.clear();
        for node in self.nodes.values_mut() {
            node.session.restart();
            node.fetchable.clear();
            node.dirty.clear();
            node.waiting.clear();
        }
    }

    fn on_assign(
        &mut self,
        token: CallToken,
        partitions: Vec<(Name, i32, SeekTo)>,
        effects: &mut Vec<Effect>,
    ) {
        self.forget_assignment();
        for (topic, number, to) in partitions {
            let slot = self.partitions.len() as u32;
            let numbers = self.by_name.entry(topic.clone()).or_default();
            if numbers.is_empty() {
                effects.push(Effect::AddTopic { topic: topic.clone() });
            }
            numbers.insert(number, slot);
            self.partitions.push(Assigned::new(topic, number, State::Fetching));
            self.go_to(slot, to);
            self.refresh_leader(slot, effects);
        }
        effects.push(Effect::Reply { token, reply: AppReply::Done });
    }

    fn on_seek(
        &mut self,
        token: CallToken,
        topic: &Name,
        number: i32,
        to: SeekTo,
        effects: &mut Vec<Effect>,
    ) {
        let slot = self.by_name.get(topic).and_then(|numbers| numbers.get(&number)).copied();
        let reply = match slot {
            Some(slot) => {
                self.go_to(slot, to);
                self.partitions[slot as usize].polled_from = None;
                if let SeekTo::Offset(offset) = to {
                    self.report_position(slot, offset, false, About::Nothing, effects);
                }
                self.update(slot);
                AppReply::Done
            }
            // Kafka throws an IllegalStateException.
            None => AppReply::Failed(AppError::NotSent(ErrorCode::UnknownTopicOrPartition)),
        };
        effects.push(Effect::Reply { token, reply });
    }

    /// Sets where a partition is read from next, and drops what was read ahead.
    pub(crate) fn go_to(&mut self, slot: u32, to: SeekTo) {
        self.drop_buffered(slot);
        self.broken.remove(&slot);
        let partition = &mut self.partitions[slot as usize];
        partition.offset_epoch = None;
        match to {
            SeekTo::Offset(offset) => {
                partition.state = State::Fetching;
                partition.position = offset;
            }
            SeekTo::Beginning => {
                partition.state = State::LookingUp { timestamp: EARLIEST, by_reset: false };
            }
            SeekTo::End => {
                partition.state = State::LookingUp { timestamp: LATEST, by_reset: false };
            }
            SeekTo::Timestamp(millis) => {
                let timestamp = millis.max(0);
                partition.state = State::LookingUp { timestamp, by_reset: false };
            }
        }
    }

    /// Records of a partition that no poll has taken are of no use any more.
    pub(crate) fn drop_buffered(&mut self, slot: u32) {
        let partition = &mut self.partitions[slot as usize];
        if std::mem::take(&mut partition.is_buffered) {
            self.buffer.retain(|fetched| fetched.slot != slot);
        }
    }

    /// Looks up who leads a partition now. Where the leader or its epoch changed and it is known
    /// in which epoch the last record was written, the new leader is asked whether it has it.
    ///
    /// Source: KIP-320; Kafka 4.1, `SubscriptionState.maybeValidatePositionForCurrentLeader`.
    pub(crate) fn refresh_leader(&mut self, slot: u32, effects: &mut Vec<Effect>) {
        let partition = &mut self.partitions[slot as usize];
        let known = self.cluster.topic(partition.topic.as_str()).and_then(|topic| {
            let at = usize::try_from(partition.number).ok()?;
            Some((topic.topic_id, *topic.partitions.get(at)?))
        });
        let Some((topic_id, known)) = known else {
            partition.leader = None;
            self.update(slot);
            return;
        };
        let is_first = partition.id.is_none();
        let id = TopicPartition::new(topic_id, partition.number);
        if let Some(before) = partition.id.replace(id)
            && before != id
        {
            self.slots.remove(&before);
        }
        self.slots.insert(id, slot);
        let is_moved =
            (partition.leader, partition.leader_epoch) != (known.leader, known.leader_epoch);
        let is_new_epoch = partition.leader_epoch != known.leader_epoch
            || partition.leader != known.leader && known.leader.is_some();
        partition.leader = known.leader;
        partition.leader_epoch = known.leader_epoch;
        if is_moved {
            self.cancel_retry(slot);
            let partition = &mut self.partitions[slot as usize];
            let can_validate = partition.offset_epoch.is_some() && known.leader_epoch.is_some();
            match partition.state {
                State::Fetching | State::Validating => {
                    if is_new_epoch && can_validate {
                        partition.state = State::Validating;
                    }
                }
                State::LookingUp { .. } | State::OutOfRange | State::Initializing | State::Gone => {
                }
            }
        }
        if is_first && self.partitions[slot as usize].state == State::Fetching {
            // A start at an offset becomes a fact as soon as the partition has a name.
            let offset = self.partitions[slot as usize].position;
            self.report_position(slot, offset, false, About::Nothing, effects);
        }
        self.update(slot);
    }

    /// Keeps nodes and lookups in step with a partition after anything of it changed.
    ///
    /// Source: for want of a leader, Kafka 4.1, `OffsetFetcher.groupListOffsetRequests`,
    /// `AbstractFetch.prepareFetchRequests`.
    pub(crate) fn update(&mut self, slot: u32) {
        let partition = &mut self.partitions[slot as usize];
        let fetch_from = partition.fetch_from();
        let asks = partition.ask().is_some();
        if !partition.wants_leader() {
            self.leaderless.remove(&slot);
        } else if self.leaderless.insert(slot) {
            self.seeks_leader = true;
        }
        let before = std::mem::replace(&mut partition.fetched_from, fetch_from);
        if let Some(before) = before.filter(|before| Some(*before) != fetch_from) {
            let node = self.nodes.entry(before).or_default();
            node.fetchable.remove(&slot);
            node.dirty.insert(slot);
        }
        if let Some(to) = fetch_from {
            let node = self.nodes.entry(to).or_default();
            node.fetchable.insert(slot);
            node.dirty.insert(slot);
            self.hot.insert(to);
        }
        if asks {
            self.lookups.insert(slot);
        }
    }

    /// Asks nothing of the partition's leader before `retry.backoff.ms` is over.
    pub(crate) fn back_off(&mut self, wall: Wall, slot: u32) {
        self.cancel_retry(slot);
        let retry_at = wall + self.config.retry_backoff.wait(0, &mut self.rng);
        self.partitions[slot as usize].retry_at = Some(retry_at);
        self.timers.insert((retry_at, slot));
        self.update(slot);
    }

    pub(crate) fn cancel_retry(&mut self, slot: u32) {
        if let Some(at) = self.partitions[slot as usize].retry_at.take() {
            self.timers.remove(&(at, slot));
        }
    }

    fn on_node(&mut self, to: BrokerId, is_connected: bool) {
        let node = self.nodes.entry(to).or_default();
        node.is_connected = is_connected;
        node.is_opening = false;
        self.lookups.extend(std::mem::take(&mut node.waiting));
        self.hot.insert(to);
    }

    fn on_completed(&mut self, wall: Wall, token: u64, answer: Answer, effects: &mut Vec<Effect>) {
        match self.requests.remove(&token) {
            Some(Pending::Fetch { to, generation }) => {
                self.on_fetch_answer(wall, to, generation, answer, effects);
            }
            Some(Pending::Lookup { slots, generation }) => {
                if generation == self.generation {
                    self.on_lookup_answer(wall, slots, answer, effects);
                }
            }
            None => {}
        }
    }

    fn on_deadline(&mut self, wall: Wall) {
        while let Some(&(at, slot)) = self.timers.first()
            && at <= wall
        {
            self.cancel_retry(slot);
            self.update(slot);
        }
    }

    pub(crate) fn report_position(
        &self,
        slot: u32,
        offset: Offset,
        by_reset: bool,
        about: About,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(partition) = self.partitions[slot as usize].id {
            let kind = Kind::PositionSet { partition, offset, by_reset };
            effects.push(Effect::Event { kind, about });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
    use kafka_protocol::messages::list_offsets_response::{
        ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
    };
    use kafka_protocol::messages::metadata_response::{
        MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    };
    use kafka_protocol::messages::offset_for_leader_epoch_response::{
        EpochEndOffset, OffsetForLeaderTopicResult,
    };
    use kafka_protocol::messages::{
        BrokerId as WireBroker, FetchResponse, ListOffsetsResponse, MetadataResponse,
        OffsetForLeaderEpochResponse, TopicName,
    };
    use kafka_protocol::protocol::StrBytes;

    use super::*;
    use crate::message::{
        BatchBody, PartitionOffset, Record, Records, RequestBody, ResponseBody, convert,
    };
    use crate::protocol::consumer::config::OffsetReset;
    use crate::types::{BatchId, LeaderEpoch, TopicId};

    fn name() -> TopicName {
        TopicName(StrBytes::from_static_str("t"))
    }

    fn led(leader: i32, leader_epoch: i32) -> Input {
        let partition = MetadataResponsePartition::default()
            .with_leader_id(WireBroker(leader))
            .with_leader_epoch(leader_epoch);
        let topic = MetadataResponseTopic::default()
            .with_name(Some(name()))
            .with_topic_id(convert::topic_uuid(TopicId(7)))
            .with_partitions(vec![partition]);
        let broker = |id| MetadataResponseBroker::default().with_node_id(WireBroker(id));
        let response = MetadataResponse::default()
            .with_brokers([1, 2].map(broker).to_vec())
            .with_topics(vec![topic]);
        let mut cluster = ClusterMetadata::default();
        cluster.update(&response);
        Input::MetadataChanged(Arc::new(cluster))
    }

    /// Does `inputs` and returns the requests that follow.
    fn play(
        consumer: &mut Consumer,
        inputs: impl IntoIterator<Item = Input>,
    ) -> Vec<(u64, BrokerId, RequestBody)> {
        let mut effects = Vec::new();
        for input in inputs {
            consumer.step(Now::default(), input, &mut effects);
        }
        let sent = effects.into_iter().filter_map(|effect| {
            let Effect::Send { token, to, body } = effect else { return None };
            Some((token, to, body))
        });
        sent.collect()
    }

    /// An answer to a fetch: three records from the first offset on, written in epoch 5.
    fn fetched() -> (ResponseBody, Vec<Vec<Batch>>) {
        let record =
            Record { key: None, value: Some(Bytes::new()), headers: [].into(), timestamp: 1 };
        let body = Arc::new(BatchBody {
            id: BatchId(1),
            producer: None,
            base_timestamp: 1,
            max_timestamp: 1,
            records: Records::Data(vec![record; 3]),
            size_bytes: 100,
        });
        let batch = Batch { base_offset: Offset::ZERO, leader_epoch: LeaderEpoch(5), body };
        let topic = FetchableTopicResponse::default()
            .with_topic_id(convert::topic_uuid(TopicId(7)))
            .with_partitions(vec![PartitionData::default()]);
        let response = FetchResponse::default().with_responses(vec![topic]);
        (ResponseBody::from(response), vec![vec![batch]])
    }

    /// An answer to a validation: epoch 5 ends at `end_offset`.
    fn ended(end_offset: i64) -> (ResponseBody, Vec<Vec<Batch>>) {
        let end = EpochEndOffset::default().with_leader_epoch(5).with_end_offset(end_offset);
        let topic =
            OffsetForLeaderTopicResult::default().with_topic(name()).with_partitions(vec![end]);
        let response = OffsetForLeaderEpochResponse::default().with_topics(vec![topic]);
        (ResponseBody::from(response), Vec::new())
    }

    fn fetch_offset(body: &RequestBody) -> i64 {
        let RequestBody::Fetch(body) = body else { panic!("{body:?} is no fetch") };
        body.topics[0].partitions[0].fetch_offset
    }

    #[test]
    fn a_partition_that_is_not_known_yet_is_asked_for_with_every_poll() {
        let mut consumer = Consumer::new(ConsumerConfig::default(), Rng::named(1, "backoff", &[]));
        let mut asks = |input| {
            let mut effects = Vec::new();
            consumer.step(Now::default(), input, &mut effects);
            effects.iter().filter(|effect| matches!(effect, Effect::RefreshMetadata)).count()
        };
        let poll = || Input::Poll { token: CallToken(2), timeout: Duration::from_secs(1) };
        // The topic has one partition, as far as is known; the group has given it the second.
        let partitions = [("t".into(), 0), ("t".into(), 1)].into();
        let start = |partition| Input::Start { topic: "t".into(), partition, committed: None };
        assert_eq!(asks(led(1, 5)), 0);
        assert_eq!(asks(Input::SetAssignment { partitions }), 0);
        assert_eq!(asks(poll()), 0, "what the group has committed is not known yet");
        assert_eq!(asks(start(0)), 0);
        assert_eq!(asks(start(1)), 1);
        assert_eq!((asks(poll()), asks(poll())), (1, 1));
        assert_eq!(asks(Input::SetAssignment { partitions: [("t".into(), 0)].into() }), 0);
        assert_eq!(asks(poll()), 0);
    }

    /// KIP-320.
    #[test]
    fn a_new_leader_is_asked_whether_it_has_what_was_read_before_it_is_fetched_from() {
        let config = ConsumerConfig { offset_reset: OffsetReset::Earliest, ..Default::default() };
        let mut consumer = Consumer::new(config, Rng::named(1, "backoff", &[]));
        let partitions = vec![("t".into(), 0, SeekTo::Offset(Offset::ZERO))];
        let assign = Input::Assign { token: CallToken(1), partitions };
        let opened = |broker| Input::NodeOpened { to: BrokerId(broker) };
        let sent = play(&mut consumer, [assign, led(1, 5), opened(1), opened(2)]);
        assert_eq!(sent.len(), 1);
        let poll = Input::Poll { token: CallToken(2), timeout: Duration::from_secs(1) };
        let completed = Input::Completed { token: sent[0].0, answer: Ok(fetched()) };
        let sent = play(&mut consumer, [poll, completed]);
        assert_eq!(fetch_offset(&sent[0].2), 3);

        let sent = play(&mut consumer, [led(2, 6)]);
        let [(token, BrokerId(2), RequestBody::OffsetForLeaderEpoch(body))] = &sent[..] else {
            panic!("{sent:?} is no validation by broker 2")
        };
        let asked = &body.topics[0].partitions[0];
        assert_eq!((asked.current_leader_epoch, asked.leader_epoch), (6, 5));

        // It has less than was read: the consumer goes back to where the logs part.
        let mut truncated = consumer.clone();
        for (consumer, end, from) in [(&mut consumer, 3, 3), (&mut truncated, 2, 2)] {
            let completed = Input::Completed { token: *token, answer: Ok(ended(end)) };
            let sent = play(consumer, [completed]);
            assert_eq!(sent[0].1, BrokerId(2));
            assert_eq!(fetch_offset(&sent[0].2), from);
        }
    }

    /// An answer to a fetch of one partition: this error.
    fn fetch_error(error: ErrorCode) -> (ResponseBody, Vec<Vec<Batch>>) {
        let part = PartitionData::default().with_error_code(error.code());
        let topic = FetchableTopicResponse::default()
            .with_topic_id(convert::topic_uuid(TopicId(7)))
            .with_partitions(vec![part]);
        let response = FetchResponse::default().with_responses(vec![topic]);
        (ResponseBody::from(response), vec![Vec::new()])
    }

    /// An answer to a question for an offset.
    fn listed(offset: i64) -> (ResponseBody, Vec<Vec<Batch>>) {
        let part = ListOffsetsPartitionResponse::default().with_offset(offset);
        let topic =
            ListOffsetsTopicResponse::default().with_name(name()).with_partitions(vec![part]);
        let response = ListOffsetsResponse::default().with_topics(vec![topic]);
        (ResponseBody::from(response), Vec::new())
    }

    fn asked_timestamp(sent: &[(u64, BrokerId, RequestBody)]) -> (u64, i64) {
        let [(token, _, RequestBody::ListOffsets(body))] = sent else {
            panic!("{sent:?} is no question for an offset")
        };
        (*token, body.topics[0].partitions[0].timestamp)
    }

    fn assigned(reset: OffsetReset, to: SeekTo) -> (Consumer, Vec<(u64, BrokerId, RequestBody)>) {
        let config = ConsumerConfig { offset_reset: reset, ..Default::default() };
        let mut consumer = Consumer::new(config, Rng::named(1, "backoff", &[]));
        let partitions = vec![("t".into(), 0, to)];
        let assign = Input::Assign { token: CallToken(1), partitions };
        let opened = |broker| Input::NodeOpened { to: BrokerId(broker) };
        let sent = play(&mut consumer, [assign, led(1, 5), opened(1), opened(2)]);
        (consumer, sent)
    }

    /// The reply to a poll, if there is one at once.
    fn polled(consumer: &mut Consumer) -> Option<AppReply> {
        let mut effects = Vec::new();
        let poll = Input::Poll { token: CallToken(9), timeout: Duration::from_secs(1) };
        consumer.step(Now::default(), poll, &mut effects);
        effects.into_iter().find_map(|effect| {
            let Effect::Reply { token: CallToken(9), reply } = effect else { return None };
            Some(reply)
        })
    }

    /// `FetchCollector.handleInitializeErrors`, `AutoOffsetResetStrategy`.
    #[test]
    fn out_of_range_goes_where_the_policy_says() {
        let hour = Duration::from_secs(3600);
        let policies = [
            (OffsetReset::Earliest, EARLIEST),
            (OffsetReset::Latest, LATEST),
            (OffsetReset::ByDuration(hour), 7_200_000 - 3_600_000),
        ];
        for (policy, timestamp) in policies {
            let (mut consumer, sent) = assigned(policy, SeekTo::Offset(Offset(50)));
            assert_eq!(fetch_offset(&sent[0].2), 50);
            let answer = Ok(fetch_error(ErrorCode::OffsetOutOfRange));
            let completed = Input::Completed { token: sent[0].0, answer };
            let mut effects = Vec::new();
            let now = Now { wall: Wall(7_200_000_000), ..Now::default() };
            consumer.step(now, completed, &mut effects);
            let sent: Vec<_> = effects
                .into_iter()
                .filter_map(|effect| {
                    let Effect::Send { token, to, body } = effect else { return None };
                    Some((token, to, body))
                })
                .collect();
            let (token, asked) = asked_timestamp(&sent);
            assert_eq!(asked, timestamp, "{policy:?}");
            let completed = Input::Completed { token, answer: Ok(listed(20)) };
            assert_eq!(fetch_offset(&play(&mut consumer, [completed])[0].2), 20);
        }
    }

    #[test]
    fn without_a_policy_every_poll_fails_until_the_application_seeks() {
        let (mut consumer, sent) = assigned(OffsetReset::None, SeekTo::Offset(Offset(50)));
        let answer = Ok(fetch_error(ErrorCode::OffsetOutOfRange));
        let sent = play(&mut consumer, [Input::Completed { token: sent[0].0, answer }]);
        assert!(sent.is_empty(), "{sent:?}");
        for _ in 0..2 {
            let failed = Some(AppReply::Failed(AppError::OffsetOutOfRange));
            assert_eq!(polled(&mut consumer), failed);
        }
        let to = SeekTo::Offset(Offset(3));
        let seek = Input::Seek { token: CallToken(4), topic: "t".into(), partition: 0, to };
        assert_eq!(fetch_offset(&play(&mut consumer, [seek])[0].2), 3);
        assert_eq!(polled(&mut consumer), None);
    }

    /// A truncation without a policy, and one that the leader knows nothing of.
    #[test]
    fn a_truncation_is_told_or_reset() {
        let read_then_moved = |policy| {
            let (mut consumer, sent) = assigned(policy, SeekTo::Offset(Offset::ZERO));
            let completed = Input::Completed { token: sent[0].0, answer: Ok(fetched()) };
            play(&mut consumer, [completed]);
            assert!(polled(&mut consumer).is_some());
            let sent = play(&mut consumer, [led(2, 6)]);
            (consumer, sent[0].0)
        };
        let (mut consumer, token) = read_then_moved(OffsetReset::None);
        play(&mut consumer, [Input::Completed { token, answer: Ok(ended(2)) }]);
        let diverged_at = Some(Offset(2));
        let failed = AppReply::Failed(AppError::LogTruncation { diverged_at });
        assert_eq!(polled(&mut consumer), Some(failed));

        let (mut consumer, token) = read_then_moved(OffsetReset::Earliest);
        let sent = play(&mut consumer, [Input::Completed { token, answer: Ok(ended(-1)) }]);
        assert_eq!(asked_timestamp(&sent).1, EARLIEST);
    }

    #[test]
    fn a_seek_to_a_time_asks_for_its_offset_and_goes_to_the_end_if_there_is_none() {
        let (mut consumer, sent) = assigned(OffsetReset::None, SeekTo::Timestamp(5000));
        let (token, asked) = asked_timestamp(&sent);
        assert_eq!(asked, 5000);
        let mut late = consumer.clone();
        let sent = play(&mut consumer, [Input::Completed { token, answer: Ok(listed(7)) }]);
        assert_eq!(fetch_offset(&sent[0].2), 7);
        let sent = play(&mut late, [Input::Completed { token, answer: Ok(listed(-1)) }]);
        assert_eq!(asked_timestamp(&sent).1, LATEST);
    }

    /// A leader that was deposed while nobody told the consumer may lack what its group has read.
    #[test]
    fn a_commit_of_a_later_epoch_is_not_looked_for_at_the_leader_of_an_earlier_one() {
        let started = |leader_epoch| {
            let config =
                ConsumerConfig { offset_reset: OffsetReset::Earliest, ..Default::default() };
            let mut consumer = Consumer::new(config, Rng::named(1, "backoff", &[]));
            let partitions = [("t".into(), 0)].into();
            let opened = |broker| Input::NodeOpened { to: BrokerId(broker) };
            let begin = [Input::SetAssignment { partitions }, led(1, 5), opened(1), opened(2)];
            assert!(play(&mut consumer, begin).is_empty());
            let committed = PartitionOffset {
                topic: "t".into(),
                partition: 0,
                offset: Offset(30),
                leader_epoch: Some(LeaderEpoch(leader_epoch)),
            };
            let start =
                Input::Start { topic: "t".into(), partition: 0, committed: Some(committed) };
            let sent = play(&mut consumer, [start]);
            (consumer, sent)
        };
        assert_eq!(started(5).1.len(), 1);
        let (mut consumer, sent) = started(6);
        assert!(sent.is_empty(), "{sent:?}");
        assert_eq!(play(&mut consumer, [led(2, 6)])[0].1, BrokerId(2));
    }

    /// Fenced and unknown epochs, a leader that has just been elected: the position stays.
    #[test]
    fn errors_that_may_go_away_are_waited_out() {
        for error in [
            ErrorCode::FencedLeaderEpoch,
            ErrorCode::UnknownLeaderEpoch,
            ErrorCode::OffsetNotAvailable,
            ErrorCode::NotLeaderOrFollower,
        ] {
            let (mut consumer, sent) = assigned(OffsetReset::None, SeekTo::Offset(Offset(5)));
            let answer = Ok(fetch_error(error));
            let sent = play(&mut consumer, [Input::Completed { token: sent[0].0, answer }]);
            assert!(sent.is_empty(), "{error} {sent:?}");
            assert_eq!(polled(&mut consumer), None, "{error}");
            let at = consumer.timers.first().expect("it waits").0;
            let mut effects = Vec::new();
            consumer.step(Now { wall: at, ..Now::default() }, Input::Deadline, &mut effects);
            let fetch = effects.iter().find_map(|effect| {
                let Effect::Send { body, .. } = effect else { return None };
                Some(fetch_offset(body))
            });
            assert_eq!(fetch, Some(5), "{error}");
        }
    }
}
