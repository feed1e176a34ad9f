//! The producer's state, and what each input sets going.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::event::{About, Kind};
use crate::message::{Answer, AppError, AppReply, ProducerStamp, SendRecord};
use crate::protocol::cluster::ClusterMetadata;
use crate::protocol::machine::Machine;
use crate::protocol::producer::batch::ProducerBatch;
use crate::protocol::producer::config::ProducerConfig;
use crate::protocol::producer::effect::Effect;
use crate::protocol::producer::identity::Identity;
use crate::protocol::producer::input::Input;
use crate::protocol::producer::partition::Partition;
use crate::protocol::producer::partitioner::Sticky;
use crate::types::{
    BrokerId, CallToken, Deadlines, Name, Now, OperationId, Rng, Sequence, TopicPartition, Wall,
};

/// A producer: the accumulator that the application fills, and the sender that empties it.
///
/// # Source
///
/// Kafka 4.1, `KafkaProducer`, `RecordAccumulator`, `Sender`, `TransactionManager` (its idempotent
/// half).
#[derive(Clone, Debug)]
pub struct Producer {
    pub(crate) config: ProducerConfig,
    pub(crate) partitioner_rng: Rng,
    pub(crate) backoff_rng: Rng,
    pub(crate) cluster: Arc<ClusterMetadata>,
    pub(crate) topics: BTreeMap<Name, Topic>,
    /// The partitions written to so far, by slot.
    pub(crate) partitions: Vec<Partition>,
    /// Batches that are neither done nor given up, by serial number: the order of their making.
    pub(crate) batches: BTreeMap<u64, ProducerBatch>,
    pub(crate) next_serial: u64,
    pub(crate) nodes: BTreeMap<BrokerId, Node>,
    /// Nodes for which something may be sent now: looked at when the step ends.
    pub(crate) hot: BTreeSet<BrokerId>,
    /// When partitions' first batches are due.
    pub(crate) timers: BTreeSet<(Wall, u32)>,
    pub(crate) requests: BTreeMap<u64, InFlightRequest>,
    pub(crate) next_token: u64,
    pub(crate) blocked: VecDeque<Blocked>,
    pub(crate) flushes: VecDeque<Flush>,
    pub(crate) free_bytes: u64,
    /// Whether what is there goes out without lingering: memory is exhausted, or a flush waits.
    pub(crate) is_hurried: bool,
    pub(crate) is_closed: bool,
    pub(crate) identity: Identity,
    /// Looked at again for batches older than `delivery.timeout.ms`; never too late.
    pub(crate) expiry_alarm: Option<Wall>,
}

/// A topic that was written to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topic {
    pub sticky: Sticky,
    /// Records that the round-robin partitioner has placed.
    pub placed: u64,
    /// Slots of its partitions, by number.
    pub slots: Vec<Option<u32>>,
}

/// A broker that leads partitions written to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub is_connected: bool,
    pub is_opening: bool,
    /// Produce requests in flight.
    pub in_flight: usize,
    /// Partitions whose first batch may go out, by slot.
    pub queued: BTreeSet<u32>,
    /// Those of them whose first batch is to go out now.
    pub ready: BTreeSet<u32>,
    /// Where the last request began, so that no partition is always first.
    pub rotation: u32,
    /// Since when something is to go out and cannot.
    pub stuck_since: Option<Wall>,
}

/// A produce request whose answer is awaited.
#[derive(Clone, Debug)]
pub(crate) struct InFlightRequest {
    pub to: BrokerId,
    /// Its batches, by partition.
    pub batches: Vec<SentBatch>,
}

/// A batch of a request in flight: what must be known of it even if it is given up meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentBatch {
    pub partition: TopicPartition,
    pub slot: u32,
    pub serial: u64,
    pub stamp: Option<ProducerStamp>,
    pub last_sequence: Option<Sequence>,
}

/// A call that waits for metadata or memory, or behind one that does.
#[derive(Clone, Debug)]
pub(crate) enum Blocked {
    Send { token: CallToken, record: SendRecord, give_up_at: Wall },
    Flush { token: CallToken },
    Close { token: CallToken },
}

/// A flush or close that waits for all batches made before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flush {
    pub token: CallToken,
    /// Batches with a lower serial number are waited for.
    pub before: u64,
    pub is_close: bool,
}

impl Machine for Producer {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Send { token, record } => self.on_send(now.wall, token, record, effects),
            Input::Flush { token } => self.on_flush(now.wall, token, false, effects),
            Input::Close { token } => self.on_flush(now.wall, token, true, effects),
            Input::MetadataChanged(cluster) => self.on_metadata(now.wall, cluster, effects),
            Input::NodeOpened { to } => {
                let node = self.nodes.entry(to).or_default();
                node.is_connected = true;
                node.is_opening = false;
                self.hot.insert(to);
            }
            Input::NodeLost { to } => {
                let node = self.nodes.entry(to).or_default();
                node.is_connected = false;
                node.is_opening = false;
                self.hot.insert(to);
            }
            Input::Completed { token, answer } => {
                self.on_completed(now.wall, token, answer, effects);
            }
            Input::Deadline => self.on_deadline(now.wall, effects),
        }
        self.bump_epoch_if_required(now.wall, effects);
        self.drain_hot(now.wall, effects);
        self.finish_flushes(now.wall, effects);
    }

    fn deadlines(&self) -> Deadlines {
        let linger = self.timers.first().map(|(at, _)| *at);
        let blocked = self.blocked.front().and_then(|blocked| match blocked {
            Blocked::Send { give_up_at, .. } => Some(*give_up_at),
            Blocked::Flush { .. } | Blocked::Close { .. } => None,
        });
        let identity = self.identity.retry_at();
        [blocked, self.expiry_alarm, identity]
            .into_iter()
            .fold(Deadlines::wall(linger), |all, one| all.or(Deadlines::wall(one)))
    }
}

impl Producer {
    /// A producer that has written nothing; `partitioner_rng` chooses partitions for records
    /// without a key, `backoff_rng` shakes its back-offs.
    pub fn new(config: ProducerConfig, partitioner_rng: Rng, backoff_rng: Rng) -> Self {
        let config = config.with_defects();
        Self {
            free_bytes: config.buffer_bytes,
            config,
            partitioner_rng,
            backoff_rng,
            cluster: Arc::default(),
            topics: BTreeMap::new(),
            partitions: Vec::new(),
            batches: BTreeMap::new(),
            next_serial: 0,
            nodes: BTreeMap::new(),
            hot: BTreeSet::new(),
            timers: BTreeSet::new(),
            requests: BTreeMap::new(),
            next_token: 0,
            blocked: VecDeque::new(),
            flushes: VecDeque::new(),
            is_hurried: false,
            is_closed: false,
            identity: Identity::None,
            expiry_alarm: None,
        }
    }

    /// Whether everything that was sent is answered.
    pub fn is_idle(&self) -> bool {
        self.batches.is_empty() && self.blocked.is_empty()
    }

    /// A number for the next request.
    pub(crate) fn token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token - 1
    }

    /// What an event about the call `token` serves.
    pub(crate) fn about(&self, token: CallToken) -> About {
        About::Operation(OperationId::of_call(
            self.config.client,
            self.config.first_operation,
            token,
        ))
    }

    fn on_metadata(
        &mut self,
        wall: Wall,
        cluster: Arc<ClusterMetadata>,
        effects: &mut Vec<Effect>,
    ) {
        self.cluster = cluster;
        for slot in 0..self.partitions.len() {
            self.refresh_leader(wall, slot as u32, effects);
        }
        self.unblock(wall, effects);
    }

    /// Looks up who leads a partition now. A topic that was made anew keeps what waits for it.
    pub(crate) fn refresh_leader(&mut self, wall: Wall, slot: u32, effects: &mut Vec<Effect>) {
        let partition = &mut self.partitions[slot as usize];
        let number = partition.id.partition;
        let topic = self.cluster.topic(partition.topic.as_str());
        let known = topic.and_then(|topic| {
            let at = usize::try_from(number.0).ok()?;
            Some((topic.topic_id, *topic.partitions.get(at)?))
        });
        let before = (partition.leader, partition.leader_epoch);
        match known {
            Some((topic_id, known)) => {
                partition.id = TopicPartition { topic_id, partition: number };
                partition.leader = known.leader;
                partition.leader_epoch = known.leader_epoch;
            }
            None => partition.leader = None,
        }
        if before != (partition.leader, partition.leader_epoch) {
            self.place(wall, slot, effects);
        }
    }

    fn on_completed(&mut self, wall: Wall, token: u64, answer: Answer, effects: &mut Vec<Effect>) {
        if self.identity.is_asked_by(token) {
            self.on_identity(wall, answer, effects);
        } else if let Some(request) = self.requests.remove(&token) {
            self.on_answer(wall, request, answer, effects);
        }
    }

    fn on_deadline(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        while let Some(&(at, slot)) = self.timers.first()
            && at <= wall
        {
            self.place(wall, slot, effects);
        }
        if self.expiry_alarm.is_some_and(|at| at <= wall) {
            self.expire(wall, effects);
        }
        if self.identity.retry_at().is_some_and(|at| at <= wall) {
            self.request_identity(effects);
        }
        self.give_up_blocked(wall, effects);
    }

    fn on_flush(
        &mut self,
        wall: Wall,
        token: CallToken,
        is_close: bool,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_closed {
            let reply = AppReply::Failed(AppError::Closed);
            effects.push(Effect::Reply { token, reply });
            return;
        }
        self.is_closed |= is_close;
        if !self.blocked.is_empty() {
            self.blocked.push_back(if is_close {
                Blocked::Close { token }
            } else {
                Blocked::Flush { token }
            });
            return;
        }
        self.begin_flush(wall, token, is_close, effects);
    }

    /// From now on what is there goes out without lingering.
    pub(crate) fn begin_flush(
        &mut self,
        wall: Wall,
        token: CallToken,
        is_close: bool,
        effects: &mut Vec<Effect>,
    ) {
        self.flushes.push_back(Flush { token, before: self.next_serial, is_close });
        self.update_hurry(wall, effects);
    }

    fn finish_flushes(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let Some(first) = self.flushes.front() else { return };
        let oldest = self.batches.first_key_value().map_or(u64::MAX, |(serial, _)| *serial);
        if oldest < first.before {
            return;
        }
        while let Some(flush) = self.flushes.front()
            && flush.before <= oldest
        {
            let reply = if flush.is_close { AppReply::Done } else { AppReply::Flushed };
            effects.push(Effect::Reply { token: flush.token, reply });
            self.flushes.pop_front();
        }
        self.update_hurry(wall, effects);
    }

    /// Looks whether lingering is over for all; if it has just become so, all that waits is due.
    pub(crate) fn update_hurry(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let is_hurried = !self.flushes.is_empty()
            || matches!(self.blocked.front(), Some(Blocked::Send { .. }))
                && self.is_memory_exhausted();
        if is_hurried && !self.is_hurried {
            self.is_hurried = true;
            let waiting: Vec<u32> = self.timers.iter().map(|(_, slot)| *slot).collect();
            waiting.into_iter().for_each(|slot| self.place(wall, slot, effects));
            self.drain_hot(wall, effects);
        }
        self.is_hurried = is_hurried;
    }

    /// Whether no further batch fits into `buffer.memory`.
    pub(crate) fn is_memory_exhausted(&self) -> bool {
        self.free_bytes < u64::from(self.config.batch_bytes)
    }

    pub(crate) fn event(&self, kind: Kind, about: About, effects: &mut Vec<Effect>) {
        effects.push(Effect::Event { kind, about });
    }
}
