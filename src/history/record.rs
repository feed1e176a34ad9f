//! The history: operations, batches and what was polled.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::event::{AckMode, Event, Kind, OperationResult, OperationVerb};
use crate::types::{
    BatchId, BatchMap, Chunks, HostId, Moment, Offset, ProducerId, Sequence, TopicPartition,
};

/// What clients asked for and what they learned.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct History {
    /// The clients, by host.
    pub clients: BTreeMap<HostId, Client>,
    /// What was seen of each partition.
    pub partitions: BTreeMap<TopicPartition, Seen>,
    /// Batches that producers sealed.
    pub batches: BatchMap<Batch>,
}

/// A client's side.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Client {
    /// Its operations that have not ended, by number; those of a process that died among them.
    pub open: BTreeMap<u32, Operation>,
    /// The operation that ended last.
    pub last_ended: Option<Operation>,
    /// Its reading of each partition.
    pub readings: BTreeMap<TopicPartition, Reading>,
    /// When it first numbered unresolved batches anew under a raised epoch.
    pub sequences_reset: Option<u64>,
    /// The event of its last crash.
    pub stopped: Option<u64>,
}

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation {
    /// The event with which it began.
    pub invoked: u64,
    /// When.
    pub at: Moment,
    /// What it is.
    pub verb: OperationVerb,
}

/// A record's identity: its batch, and its place there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordName {
    /// The batch.
    pub batch: BatchId,
    /// From 0.
    pub index: u32,
}

/// A batch as its producer knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// The event that sealed it.
    pub sealed: u64,
    /// The producer.
    pub client: HostId,
    /// The partition. Of a topic that was deleted and made anew meanwhile it is that under whose id
    /// it was written.
    pub partition: TopicPartition,
    /// What its answer waits for.
    pub acks: AckMode,
    /// Its producer's id.
    producer: ProducerId,
    /// The sequence of its first record, with idempotence; otherwise below zero, as on the wire.
    base_sequence: Sequence,
    /// Its largest timestamp, in milliseconds since 1970.
    pub max_timestamp: i64,
    /// Its size in a log.
    pub bytes: u32,
    /// The send operation of each record.
    pub operations: SmallVec<[u32; 4]>,
    /// What is known of it.
    pub result: Option<OperationResult>,
    /// The event with which the producer was through with it, or [`NOT_YET`]: there are many
    /// batches, and an `Option` would be twice as large.
    done: u64,
    /// Where it stands, if an answer said so; otherwise below zero.
    base_offset: Offset,
    /// The event with which a leader first appended it, or [`NOT_YET`].
    appended: u64,
    /// Where that was.
    appended_at: Offset,
}

/// No event has this number.
const NOT_YET: u64 = u64::MAX;

impl Batch {
    /// Its producer's id and the sequence of its first record, with idempotence.
    pub fn numbered(&self) -> Option<(ProducerId, Sequence)> {
        (self.base_sequence.0 >= 0).then_some((self.producer, self.base_sequence))
    }

    /// The event with which the producer was through with it.
    pub fn done(&self) -> Option<u64> {
        (self.done != NOT_YET).then_some(self.done)
    }

    /// Where it stands, if an answer said so.
    pub fn base_offset(&self) -> Option<Offset> {
        (self.base_offset >= Offset::ZERO).then_some(self.base_offset)
    }

    /// The event with which a leader first appended it, and where.
    pub fn first_appended(&self) -> Option<(u64, Offset)> {
        (self.appended != NOT_YET).then_some((self.appended, self.appended_at))
    }
}

/// What all consumers together saw of a partition.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Seen {
    /// Runs of records, in the order of their offsets. One that shows no more than one that is here
    /// is left out.
    runs: Chunks<Run>,
    /// Runs that contradict one before: the earlier, the later.
    pub contradictions: Vec<(Run, Run)>,
    /// The longest run, in records.
    longest: u64,
    /// The end of the furthest run.
    end: Offset,
}

/// Consecutive records of one batch that somebody saw.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Offset of the first.
    pub base: Offset,
    /// How many.
    pub records: u32,
    /// The first record's place in its batch. (As a [`RecordName`], it would fill up eight bytes.)
    pub index: u32,
    /// The batch.
    pub batch: BatchId,
    /// The event.
    pub event: u64,
}

/// One consumer's reading of one partition.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// The next offset that it should return, once it is known.
    pub position: Option<Offset>,
    /// What it went through, one range for each time that its position was set; the ends are
    /// exclusive.
    pub ranges: Vec<(Offset, Offset)>,
    /// Polls that left something out: the position before, the poll.
    pub skips: Vec<(Offset, Run)>,
    /// Polls that went back: the position before, the poll.
    pub returns: Vec<(Offset, Run)>,
    /// The event of the last poll.
    pub last_poll: Option<u64>,
}

impl Run {
    /// The offset after its last record.
    pub fn end(&self) -> Offset {
        self.base + u64::from(self.records)
    }

    /// The record at `offset`, if it is in the run.
    pub fn record_at(&self, offset: Offset) -> Option<RecordName> {
        let within = u32::try_from(offset.0 - self.base.0).ok()?;
        (within < self.records)
            .then(|| RecordName { batch: self.batch, index: self.index + within })
    }

    /// Whether both show something at the same offset, and not the same.
    pub fn contradicts(&self, other: &Self) -> bool {
        let offset = self.base.max(other.base);
        let ours = self.record_at(offset);
        let theirs = other.record_at(offset);
        ours.is_some() && theirs.is_some() && ours != theirs
    }
}

impl Seen {
    /// The runs that may show something from `base` on: their first offset and those after it.
    fn near(&self, base: Offset) -> impl Iterator<Item = &Run> {
        let from = Offset((base.0 + 1).saturating_sub_unsigned(self.longest));
        self.runs.iter_from(self.runs.partition_point(|run| run.base < from))
    }

    /// The record that somebody saw at `offset`.
    pub fn record_at(&self, offset: Offset) -> Option<RecordName> {
        let mut near = self.near(offset).take_while(|run| run.base <= offset);
        near.find_map(|run| run.record_at(offset))
    }

    /// The runs that show something from `base` to before `end`.
    pub fn between(&self, base: Offset, end: Offset) -> impl Iterator<Item = &Run> {
        let near = self.near(base).take_while(move |run| run.base < end);
        near.filter(move |run| run.end() > base)
    }

    /// All runs, those too that contradict one that was seen before.
    pub fn all(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().chain(self.contradictions.iter().map(|(_, later)| later))
    }

    fn add(&mut self, run: Run) {
        if run.records == 0 {
            return;
        }
        self.longest = self.longest.max(u64::from(run.records));
        // Most of what is seen is new.
        let is_new = run.base >= self.end;
        self.end = self.end.max(run.end());
        if is_new {
            self.runs.push(run);
            return;
        }
        let mut contradicted = None;
        for known in self.between(run.base, run.end()) {
            if known.contradicts(&run) {
                contradicted = contradicted.or(Some(*known));
            } else if known.base <= run.base && run.end() <= known.end() {
                return;
            }
        }
        if let Some(known) = contradicted {
            self.contradictions.push((known, run));
            return;
        }
        let at = self.runs.partition_point(|known| known.base <= run.base);
        self.runs.insert(at, run);
    }
}

impl Reading {
    fn polled(&mut self, run: Run) {
        match self.position {
            Some(position) if position < run.base => self.skips.push((position, run)),
            Some(position) if position > run.base => self.returns.push((position, run)),
            _ => {}
        }
        if self.position.is_none() {
            self.ranges.push((run.base, run.base));
        }
        if let Some((_, end)) = self.ranges.last_mut() {
            *end = run.end().max(*end);
        }
        self.position = Some(run.end());
        self.last_poll = Some(run.event);
    }

    fn set(&mut self, offset: Offset) {
        self.position = Some(offset);
        self.ranges.push((offset, offset));
    }
}

impl History {
    /// Folds in `event`, which must be the next of the trace.
    pub fn apply(&mut self, event: &Event) {
        let Some(host) = event.host else { return };
        match &event.kind {
            Kind::OperationInvoked { operation, verb, .. } => {
                let begun = Operation { invoked: event.index, at: event.at, verb: *verb };
                self.client(host).open.insert(operation.number, begun);
            }
            Kind::OperationReturned { operation, .. } => {
                let client = self.client(host);
                client.last_ended = client.open.remove(&operation.number);
            }
            Kind::BatchSealed { .. } => self.on_sealed(event, host),
            Kind::BatchDone { partition, batch, result, base_offset, .. } => {
                if let Some(known) = self.batches.get_mut(batch) {
                    known.partition = *partition;
                    known.done = event.index;
                    known.result = Some(*result);
                    known.base_offset = base_offset.unwrap_or(Offset(-1));
                }
            }
            Kind::LogAppended { batch, base_offset, as_leader: true, .. } => {
                // Those of brokers and controllers are no client's.
                if let Some(known) = self.batches.get_mut(batch)
                    && known.appended == NOT_YET
                {
                    known.appended = event.index;
                    known.appended_at = *base_offset;
                }
            }
            Kind::Polled { partition, base_offset, records, batch, first, .. } => {
                let run = Run {
                    base: *base_offset,
                    records: *records,
                    index: *first,
                    batch: *batch,
                    event: event.index,
                };
                self.partitions.entry(*partition).or_default().add(run);
                self.client(host).readings.entry(*partition).or_default().polled(run);
            }
            Kind::PositionSet { partition, offset, .. } => {
                self.client(host).readings.entry(*partition).or_default().set(*offset);
            }
            Kind::SequencesReset { .. } => {
                self.client(host).sequences_reset.get_or_insert(event.index);
            }
            Kind::HostStopped { .. } => {
                if let Some(client) = self.clients.get_mut(&host) {
                    client.stopped = Some(event.index);
                    // A new process begins where it is told to.
                    client.readings.values_mut().for_each(|reading| reading.position = None);
                }
            }
            _ => {}
        }
    }

    fn client(&mut self, host: HostId) -> &mut Client {
        self.clients.entry(host).or_default()
    }

    fn on_sealed(&mut self, event: &Event, host: HostId) {
        let Kind::BatchSealed {
            partition,
            batch,
            acks,
            producer,
            epoch: _,
            base_sequence,
            max_timestamp,
            bytes,
            operations,
            keys: _,
        } = &event.kind
        else {
            return;
        };
        let known = Batch {
            sealed: event.index,
            client: host,
            partition: *partition,
            acks: *acks,
            producer: producer.unwrap_or_default(),
            base_sequence: base_sequence.filter(|_| producer.is_some()).unwrap_or(Sequence(-1)),
            max_timestamp: *max_timestamp,
            bytes: *bytes,
            operations: SmallVec::from_slice(operations),
            result: None,
            done: NOT_YET,
            base_offset: Offset(-1),
            appended: NOT_YET,
            appended_at: Offset(-1),
        };
        self.batches.insert(*batch, known);
    }
}
