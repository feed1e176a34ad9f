//! Fetch for consumers and followers: read partition by partition, wait for enough.

use std::time::Duration;

use kafka_protocol::messages as k;
use smallvec::SmallVec;

use crate::message::{FetchResult, PartitionFetch, Reader};
use crate::protocol::request::effect::{Ask, Effect};
use crate::protocol::request::fetch_session::{Context, FetchAsk};
use crate::protocol::request::layer::{RequestLayer, Serving, Work};
use crate::protocol::request::wire;
use crate::types::{
    BrokerEpoch, BrokerId, ConnectionId, CorrelationId, ErrorCode, LeaderEpoch, Now, Offset,
    PartitionIndex, TopicId, TopicPartition,
};

/// A fetch request that is not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct FetchWork {
    pub(crate) context: Context,
    pub(crate) reader: Reader,
    pub(crate) max_wait: Duration,
    pub(crate) bytes_min: u64,
    pub(crate) bytes_max: u32,
    /// What is asked of partitions that are here, in reading order.
    pub(crate) asks: Vec<FetchAsk>,
    /// What was refused before any replica was asked.
    pub(crate) refused: Vec<(FetchAsk, FetchResult)>,
    /// What the current round has read so far; its length says whose turn it is.
    pub(crate) reads: Vec<FetchResult>,
    pub(crate) round: Round,
    /// Bytes that this round may still read.
    bytes_left: u32,
    /// Whether something moved while the round was under way.
    moved: bool,
    /// Whether it is among the watchers of its partitions.
    pub(crate) watches: bool,
}

/// Why the partitions are being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Round {
    /// The request has just come.
    First,
    /// Nothing is being read: the request waits for more.
    Parked,
    /// Something moved: there may be enough now.
    Again,
    /// The time is up: whatever is there is the answer.
    Last,
}

impl RequestLayer {
    /// Source: Kafka 4.1, `KafkaApis.handleFetchRequest`, `ReplicaManager.fetchMessages`.
    pub(crate) fn on_fetch(
        &mut self,
        now: Now,
        connection: ConnectionId,
        correlation_id: CorrelationId,
        body: &k::FetchRequest,
        effects: &mut Vec<Effect>,
    ) {
        let reader = match body.replica_state.replica_id.0 {
            id if id >= 0 => Reader::Follower {
                broker: BrokerId(id),
                broker_epoch: BrokerEpoch::from_wire(body.replica_state.replica_epoch),
            },
            _ => Reader::Consumer,
        };
        let asks = named_partitions(body);
        let forgotten = forgotten_partitions(body);
        let begun =
            self.sessions.begin(now.wall, body.session_id, body.session_epoch, asks, &forgotten);
        let (context, asks) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                Self::answer_session_error(connection, correlation_id, 0, error, effects);
                return;
            }
        };
        let bytes_max = u32::try_from(body.max_bytes).unwrap_or(0).min(self.config.fetch_bytes_max);
        let bytes_min = u64::from(u32::try_from(body.min_bytes).unwrap_or(0).min(bytes_max));
        let mut work = FetchWork {
            context,
            reader,
            max_wait: Duration::from_millis(u64::try_from(body.max_wait_ms).unwrap_or(0)),
            bytes_min,
            bytes_max,
            asks: Vec::with_capacity(asks.len()),
            refused: Vec::new(),
            reads: Vec::new(),
            round: Round::First,
            bytes_left: bytes_max,
            moved: false,
            watches: false,
        };
        for ask in asks {
            let TopicPartition { topic_id, partition } = ask.partition;
            match self.resolve(wire::topic_uuid(topic_id), partition.0) {
                Ok(_) => work.asks.push(ask),
                Err(error) => work.refused.push((ask, FetchResult::refused(error))),
            }
        }
        let work = Work::Fetch(Box::new(work));
        self.serving.insert(connection, Serving::new(correlation_id, work));
        self.read_next(now, connection, effects);
    }

    /// The replica whose turn it was has read.
    pub(crate) fn on_read(
        &mut self,
        now: Now,
        connection: ConnectionId,
        partition: TopicPartition,
        read: FetchResult,
        effects: &mut Vec<Effect>,
    ) {
        let Some(work) = self.fetch_work(connection) else { return };
        let Some(ask) = work.asks.get(work.reads.len()).copied() else { return };
        if work.round == Round::Parked || ask.partition != partition {
            return;
        }
        let bytes = u32::try_from(read.size_bytes()).unwrap_or(u32::MAX);
        work.bytes_left = work.bytes_left.saturating_sub(bytes);
        work.reads.push(read);
        self.read_next(now, connection, effects);
    }

    /// Something moved in `partition`: fetches that wait for it are tried again.
    ///
    /// Followers wait for the log's end, consumers for the high watermark.
    pub(crate) fn retry_fetches(
        &mut self,
        now: Now,
        partition: TopicPartition,
        concerns: impl Fn(Reader) -> bool,
        effects: &mut Vec<Effect>,
    ) {
        let Some(waiting) = self.watchers.get(&partition) else { return };
        for connection in waiting.clone() {
            let Some(work) = self.fetch_work(connection) else { continue };
            match work.round {
                Round::Parked if concerns(work.reader) => {
                    self.read_again(now, connection, Round::Again, effects);
                }
                Round::Again if concerns(work.reader) => work.moved = true,
                Round::First | Round::Parked | Round::Again | Round::Last => {}
            }
        }
    }

    /// The time of a parked fetch is up.
    pub(crate) fn expire_fetch(
        &mut self,
        now: Now,
        connection: ConnectionId,
        effects: &mut Vec<Effect>,
    ) {
        self.read_again(now, connection, Round::Last, effects);
    }

    pub(crate) fn fetch_work(&mut self, connection: ConnectionId) -> Option<&mut FetchWork> {
        match &mut self.serving.get_mut(&connection)?.work {
            Work::Fetch(work) => Some(work),
            Work::Produce(_) | Work::Lookups(_) | Work::Forward(_) | Work::DeleteRecords(_) => None,
        }
    }

    fn read_again(
        &mut self,
        now: Now,
        connection: ConnectionId,
        round: Round,
        effects: &mut Vec<Effect>,
    ) {
        let Some(work) = self.fetch_work(connection) else { return };
        work.round = round;
        work.moved = false;
        work.reads.clear();
        work.bytes_left = work.bytes_max;
        self.read_next(now, connection, effects);
    }

    /// Asks the next replica of the round; after the last one, answers or waits.
    fn read_next(&mut self, now: Now, connection: ConnectionId, effects: &mut Vec<Effect>) {
        let Some(work) = self.fetch_work(connection) else { return };
        if let Some(next) = work.asks.get(work.reads.len()) {
            let fetch = PartitionFetch {
                reader: work.reader,
                leader_epoch: next.leader_epoch,
                fetch_offset: next.fetch_offset,
                last_fetched_epoch: next.last_fetched_epoch,
                log_start_offset: next.log_start_offset,
                max_bytes: next.bytes_max.min(work.bytes_left),
                // Only the first batch of a response may break the limits (KIP-74).
                at_least_one: work.reads.iter().all(|read| read.records.is_empty()),
                is_reread: work.round != Round::First,
            };
            let ask = Ask::Read { fetch };
            effects.push(Effect::ToReplica { connection, partition: next.partition, ask });
            return;
        }
        let bytes: u64 = work.reads.iter().map(FetchResult::size_bytes).sum();
        let must = |read: &FetchResult| read.error != ErrorCode::None || read.diverging.is_some();
        let answer_now = work.round == Round::Last
            || work.max_wait.is_zero()
            || work.asks.is_empty()
            || bytes >= work.bytes_min
            || work.reads.iter().any(must);
        if answer_now {
            self.answer_fetch(now, connection, effects);
            return;
        }
        if work.moved {
            self.read_again(now, connection, Round::Again, effects);
            return;
        }
        let first = work.round == Round::First;
        work.round = Round::Parked;
        work.reads.clear();
        if first {
            let until = now.monotonic + work.max_wait;
            work.watches = true;
            let asks = work.asks.iter();
            let partitions: SmallVec<[_; 8]> = asks.map(|ask| ask.partition).collect();
            for partition in partitions {
                self.watch(partition, connection);
            }
            self.park(connection, until);
        }
    }
}

/// The partitions that a fetch request names, in its order.
fn named_partitions(body: &k::FetchRequest) -> Vec<FetchAsk> {
    let mut asks = Vec::new();
    for topic in &body.topics {
        let topic_id = TopicId(topic.topic_id.as_u128());
        for asked in &topic.partitions {
            asks.push(FetchAsk {
                partition: TopicPartition { topic_id, partition: PartitionIndex(asked.partition) },
                leader_epoch: LeaderEpoch::from_wire(asked.current_leader_epoch),
                fetch_offset: Offset(asked.fetch_offset),
                last_fetched_epoch: LeaderEpoch::from_wire(asked.last_fetched_epoch),
                log_start_offset: Offset::from_wire(asked.log_start_offset),
                bytes_max: u32::try_from(asked.partition_max_bytes).unwrap_or(0),
            });
        }
    }
    asks
}

/// The partitions that leave the session.
fn forgotten_partitions(body: &k::FetchRequest) -> Vec<TopicPartition> {
    let topics = body.forgotten_topics_data.iter();
    topics
        .flat_map(|topic| {
            let topic_id = TopicId(topic.topic_id.as_u128());
            topic.partitions.iter().map(move |index| TopicPartition::new(topic_id, *index))
        })
        .collect()
}
