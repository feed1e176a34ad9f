//! What a log remembers of its idempotent producers, so that a batch is neither written twice nor
//! out of order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::message::{Batch, ProducerSnapshotEntry, ProducerStamp};
use crate::types::{Defect, DefectSet, Offset, ProducerEpoch, ProducerId, Sequence};

/// `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`: as many as a producer may have in flight.
const BATCHES_MAX: usize = 5;

/// Why a batch of an idempotent producer is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SequenceError {
    /// A newer epoch of the producer has written here (`INVALID_PRODUCER_EPOCH`): it must stop.
    Fenced,
    /// Records are missing before this batch, or it is a duplicate too old to be remembered
    /// (`OUT_OF_ORDER_SEQUENCE_NUMBER`): the producer may send the missing batches first.
    OutOfOrder,
}

/// What becomes of a batch that is not refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    /// It is new.
    Append,
    /// It stands in the log already, as this.
    Duplicate(ProducerBatch),
}

/// A batch as producer state remembers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ProducerBatch {
    /// Sequence of its first record.
    pub(super) first_sequence: Sequence,
    /// Sequence of its last record.
    pub(super) last_sequence: Sequence,
    /// Offset of its first record.
    pub(super) base_offset: Offset,
    /// Offset of its last record.
    pub(super) last_offset: Offset,
}

/// What is remembered of a producer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Producer {
    /// Its epoch.
    pub(super) epoch: ProducerEpoch,
    /// The last batches of that epoch, at least one, the oldest first.
    pub(super) batches: SmallVec<[ProducerBatch; BATCHES_MAX]>,
    /// `maxTimestamp` of the last one, in milliseconds since 1970.
    pub(super) timestamp: i64,
}

/// A file of producer state: the log's producers up to the offset that names it.
pub(super) type Snapshots = BTreeMap<Offset, Arc<Vec<ProducerSnapshotEntry>>>;

/// The producers of a log, and the snapshots of them on disk.
///
/// Source: KIP-98; Kafka 4.1, `ProducerStateManager`, `ProducerAppendInfo`, `ProducerStateEntry`.
#[derive(Clone, Debug)]
pub(super) struct ProducerState {
    producers: Arc<BTreeMap<ProducerId, Producer>>,
    /// `lastMapOffset`: the end of the log that the producers stand for.
    map_end: Offset,
    /// `lastSnapOffset`: no snapshot is taken up to it.
    snapshot_end: Offset,
    snapshots: Arc<Snapshots>,
}

impl ProducerState {
    /// No producers, in a log that begins at `start` and has these snapshots.
    pub(super) fn new(start: Offset, snapshots: Arc<Snapshots>) -> Self {
        Self { producers: Arc::default(), map_end: start, snapshot_end: start, snapshots }
    }

    /// All producers by id.
    pub(super) fn producers(&self) -> &BTreeMap<ProducerId, Producer> {
        &self.producers
    }

    /// The end of the log that the producers stand for.
    pub(super) fn map_end(&self) -> Offset {
        self.map_end
    }

    /// The snapshots on disk.
    pub(super) fn snapshots(&self) -> &Arc<Snapshots> {
        &self.snapshots
    }

    /// Decides what the log does with a client's batch of `records` records stamped `stamp`.
    /// Decides only: [`record`](Self::record) changes the state once the batch is in the log.
    ///
    /// # Units
    ///
    /// Sequences count records, from 0 in each producer epoch; after [`i32::MAX`] comes 0.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `UnifiedLog.analyzeAndValidateProducerState`, `ProducerAppendInfo.checkSequence`.
    pub(super) fn admit(
        &self,
        stamp: ProducerStamp,
        records: u32,
        defects: DefectSet,
    ) -> Result<Admission, SequenceError> {
        // Nothing known, perhaps because it expired: any sequence will do.
        let Some(producer) = self.producers.get(&stamp.id) else {
            return Ok(Admission::Append);
        };
        if stamp.epoch < producer.epoch {
            return Err(SequenceError::Fenced);
        }
        let first = stamp.base_sequence;
        if stamp.epoch > producer.epoch {
            let is_right = first == Sequence(0) || defects.has(Defect::SequenceCheckOff);
            return if is_right { Ok(Admission::Append) } else { Err(SequenceError::OutOfOrder) };
        }
        let last = first.plus(records - 1);
        let known = producer
            .batches
            .iter()
            .find(|batch| batch.first_sequence == first && batch.last_sequence == last);
        match known {
            // The sequence check would refuse it, and no duplicate would ever come of the defect.
            Some(_) if defects.has(Defect::DuplicateCheckOff) => Ok(Admission::Append),
            Some(batch) => Ok(Admission::Duplicate(*batch)),
            None if defects.has(Defect::SequenceCheckOff) => Ok(Admission::Append),
            None => {
                let latest = producer.batches.last().expect("a producer is known by a batch");
                if first == latest.last_sequence.plus(1) {
                    Ok(Admission::Append)
                } else {
                    Err(SequenceError::OutOfOrder)
                }
            }
        }
    }

    /// Takes note of a batch that stands in the log now, checked or not: what a leader took its
    /// followers take.
    pub(super) fn record(&mut self, batch: &Batch) {
        let records = batch.body.record_count();
        let end = batch.base_offset + u64::from(records);
        self.map_end = end;
        let Some(stamp) = batch.body.producer else { return };
        let noted = ProducerBatch {
            first_sequence: stamp.base_sequence,
            last_sequence: stamp.base_sequence.plus(records - 1),
            base_offset: batch.base_offset,
            last_offset: Offset(end.0 - 1),
        };
        let producer = Arc::make_mut(&mut self.producers).entry(stamp.id).or_insert_with(|| {
            Producer { epoch: stamp.epoch, batches: SmallVec::new(), timestamp: 0 }
        });
        if producer.epoch != stamp.epoch {
            producer.epoch = stamp.epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == BATCHES_MAX {
            producer.batches.remove(0);
        }
        producer.batches.push(noted);
        producer.timestamp = batch.body.max_timestamp;
    }

    /// Forgets producers that have written nothing for `expiration` until `wall_millis`.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `ProducerStateManager.removeExpiredProducers`.
    pub(super) fn expire(&mut self, wall_millis: i64, expiration: Duration) {
        let expiration = i64::try_from(expiration.as_millis()).unwrap_or(i64::MAX);
        let is_expired =
            |producer: &Producer| wall_millis.saturating_sub(producer.timestamp) >= expiration;
        if self.producers.values().any(is_expired) {
            Arc::make_mut(&mut self.producers).retain(|_, producer| !is_expired(producer));
        }
    }

    /// Says that the log has reached `end` without a batch to note, as a new segment does.
    pub(super) fn advance(&mut self, end: Offset) {
        self.map_end = end;
    }

    /// The snapshot to write now, if the log has grown since the last one: its name and content.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `ProducerStateManager.takeSnapshot`.
    pub(super) fn take_snapshot(&mut self) -> Option<(Offset, Arc<Vec<ProducerSnapshotEntry>>)> {
        if self.map_end <= self.snapshot_end {
            return None;
        }
        let entries: Vec<_> =
            self.producers.iter().map(|(id, producer)| snapshot_entry(*id, producer)).collect();
        let entries = Arc::new(entries);
        Arc::make_mut(&mut self.snapshots).insert(self.map_end, Arc::clone(&entries));
        self.snapshot_end = self.map_end;
        Some((self.map_end, entries))
    }

    /// Deletes the snapshot named by `offset`; returns whether there was one.
    pub(super) fn remove_snapshot(&mut self, offset: Offset) -> bool {
        self.snapshots.contains_key(&offset)
            && Arc::make_mut(&mut self.snapshots).remove(&offset).is_some()
    }

    /// Deletes snapshots that name none of the segments `bases`, except the largest when it is
    /// above them all: that one was written at shutdown.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `ProducerStateManager.removeStraySnapshots`.
    pub(super) fn remove_stray_snapshots(&mut self, bases: &[Offset]) {
        let last_base = bases.last().copied();
        let stray = |offset: &Offset| bases.binary_search(offset).is_err();
        let largest = self.snapshots.keys().rev().copied().find(stray);
        let keep = largest.filter(|offset| last_base.is_none_or(|base| *offset >= base));
        Arc::make_mut(&mut self.snapshots)
            .retain(|offset, _| !stray(offset) || Some(*offset) == keep);
    }

    /// Brings the state back to what the newest snapshot within the log says, whose records are
    /// those from `start` to `end`, and deletes snapshots outside it. What came after the snapshot
    /// is for the caller to record. Nothing happens to the producers if they stand for `end`.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `ProducerStateManager.truncateAndReload`.
    pub(super) fn truncate_and_reload(&mut self, start: Offset, end: Offset) {
        let is_outside = |offset: &Offset| *offset > end || *offset <= start;
        if self.snapshots.keys().any(is_outside) {
            Arc::make_mut(&mut self.snapshots).retain(|offset, _| !is_outside(offset));
        }
        let newest = self.snapshots.last_key_value();
        self.snapshot_end = newest.map_or(start, |(offset, _)| *offset);
        if self.map_end == end {
            return;
        }
        let producers = newest.map(|(_, entries)| entries.iter().map(producer_of).collect());
        self.producers = Arc::new(producers.unwrap_or_default());
        self.map_end = self.snapshot_end;
    }

    /// Forgets all producers and snapshots: the log begins anew at `start`.
    pub(super) fn clear(&mut self, start: Offset) {
        *self = Self::new(start, Arc::default());
    }

    /// The log begins at `start` now; producers are kept, whatever they wrote.
    pub(super) fn start_moved(&mut self, start: Offset) {
        self.map_end = self.map_end.max(start);
        let newest = self.snapshots.last_key_value();
        self.snapshot_end = newest.map_or(start, |(offset, _)| *offset);
    }
}

fn snapshot_entry(id: ProducerId, producer: &Producer) -> ProducerSnapshotEntry {
    let last = producer.batches.last().expect("a producer is known by a batch");
    ProducerSnapshotEntry {
        id,
        epoch: producer.epoch,
        first_sequence: last.first_sequence,
        last_sequence: last.last_sequence,
        last_offset: last.last_offset,
        timestamp: producer.timestamp,
    }
}

fn producer_of(entry: &ProducerSnapshotEntry) -> (ProducerId, Producer) {
    let wrap = i64::from(i32::MAX) + 1;
    let delta = i64::from(entry.last_sequence.0) - i64::from(entry.first_sequence.0);
    let batch = ProducerBatch {
        first_sequence: entry.first_sequence,
        last_sequence: entry.last_sequence,
        base_offset: Offset(entry.last_offset.0 - delta.rem_euclid(wrap)),
        last_offset: entry.last_offset,
    };
    let batches = SmallVec::from_iter([batch]);
    (entry.id, Producer { epoch: entry.epoch, batches, timestamp: entry.timestamp })
}
