//! What a log remembers of its idempotent producers, so that a batch is neither written twice nor
//! out of order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::message::{Batch, ProducerSnapshotEntry, ProducerStamp};
use crate::types::{
    Deed, Defect, DefectSet, Offset, ProducerEpoch, ProducerId, Sequence, TopicPartition,
};

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
        about: TopicPartition,
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
            let is_right = first == Sequence(0) || defects.acts(Defect::SequenceCheckOff, about);
            return if is_right { Ok(Admission::Append) } else { Err(SequenceError::OutOfOrder) };
        }
        let last = first.plus(records - 1);
        let remembered = match defects.has(Defect::OneBatchRemembered) {
            true => producer.batches.len() - 1,
            false => 0,
        };
        let is_it =
            |batch: &&ProducerBatch| batch.first_sequence == first && batch.last_sequence == last;
        if producer.batches[..remembered].iter().any(|batch| is_it(&batch)) {
            Deed::note(Defect::OneBatchRemembered, about);
        }
        let known = producer.batches[remembered..].iter().find(is_it);
        match known {
            // The sequence check would refuse it, and no duplicate would ever come of the defect.
            Some(_) if defects.acts(Defect::DuplicateCheckOff, about) => Ok(Admission::Append),
            Some(batch) => Ok(Admission::Duplicate(*batch)),
            None => {
                let latest = producer.batches.last().expect("a producer is known by a batch");
                let is_next = first == latest.last_sequence.plus(1);
                if is_next || defects.acts(Defect::SequenceCheckOff, about) {
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

    /// The log begins at `start` now; producers are kept, whatever they wrote, unless what is known
    /// of them follows the log (KAFKA-7190).
    pub(super) fn start_moved(&mut self, start: Offset, follows_log: bool, about: TopicPartition) {
        if follows_log {
            let is_left = |producer: &Producer| {
                producer.batches.last().is_some_and(|last| last.last_offset >= start)
            };
            if !self.producers.values().all(is_left) {
                Deed::note(Defect::ProducerStateFollowsLog, about);
            }
            Arc::make_mut(&mut self.producers).retain(|_, producer| is_left(producer));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::log::tests::stamped;
    use crate::types::LeaderEpoch;

    fn stamp(epoch: i16, first: i32) -> ProducerStamp {
        ProducerStamp {
            id: ProducerId(1),
            epoch: ProducerEpoch(epoch),
            base_sequence: Sequence(first),
        }
    }

    /// State after batches (epoch, first sequence, records) of one producer, one after the other.
    fn state(batches: &[(i16, i32, usize)]) -> ProducerState {
        let mut state = ProducerState::new(Offset::ZERO, Arc::default());
        for &(epoch, first, records) in batches {
            let batch = stamped(1, records, Some(stamp(epoch, first)));
            state.record(&batch.placed(state.map_end(), LeaderEpoch(0)));
        }
        state
    }

    /// What is decided of (epoch, first sequence, records): the offset of a duplicate, or -1 for
    /// a batch to append.
    fn decide(state: &ProducerState, batch: (i16, i32, u32)) -> Result<i64, SequenceError> {
        decide_with(state, batch, DefectSet::NONE)
    }

    fn decide_with(
        state: &ProducerState,
        (epoch, first, records): (i16, i32, u32),
        defects: DefectSet,
    ) -> Result<i64, SequenceError> {
        let about = TopicPartition::CLUSTER_METADATA;
        let admitted = state.admit(stamp(epoch, first), records, defects, about);
        admitted.map(|admission| match admission {
            Admission::Append => -1,
            Admission::Duplicate(batch) => batch.base_offset.0,
        })
    }

    #[test]
    fn a_batch_is_new_or_known_or_refused() {
        const MAX: i32 = i32::MAX;
        use SequenceError::{Fenced, OutOfOrder};
        type Row = (&'static [(i16, i32, usize)], (i16, i32, u32), Result<i64, SequenceError>);
        let table: &[Row] = &[
            // Nothing known: any sequence will do.
            (&[], (3, 77, 2), Ok(-1)),
            // The next one, a gap, an overlap.
            (&[(0, 0, 3)], (0, 3, 2), Ok(-1)),
            (&[(0, 0, 3)], (0, 4, 2), Err(OutOfOrder)),
            (&[(0, 0, 3)], (0, 2, 2), Err(OutOfOrder)),
            (&[(0, 0, 3)], (0, 0, 2), Err(OutOfOrder)),
            // A duplicate is the very same range, and one of the last five.
            (&[(0, 0, 3)], (0, 0, 3), Ok(0)),
            (&[(0, 0, 3), (0, 3, 2)], (0, 0, 3), Ok(0)),
            (&[(0, 0, 3), (0, 3, 2)], (0, 3, 2), Ok(3)),
            (&[(0, 0, 1), (0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 1), (0, 5, 1)], (0, 1, 1), Ok(1)),
            (
                &[(0, 0, 1), (0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 1), (0, 5, 1)],
                (0, 0, 1),
                Err(OutOfOrder),
            ),
            // Epochs: the older is fenced, even as a duplicate; a new one begins with 0.
            (&[(1, 0, 3)], (0, 3, 1), Err(Fenced)),
            (&[(0, 0, 3), (1, 0, 1)], (0, 0, 3), Err(Fenced)),
            (&[(0, 0, 3)], (1, 0, 3), Ok(-1)),
            (&[(0, 0, 3)], (1, 3, 1), Err(OutOfOrder)),
            (&[(0, 0, 3), (1, 0, 2)], (1, 2, 1), Ok(-1)),
            (&[(0, 0, 3), (1, 0, 2)], (1, 3, 1), Err(OutOfOrder)),
            // After 2^31-1 comes 0, also within a batch.
            (&[(0, MAX, 1)], (0, 0, 1), Ok(-1)),
            (&[(0, MAX, 1)], (0, 1, 1), Err(OutOfOrder)),
            (&[(0, MAX - 1, 5)], (0, 3, 1), Ok(-1)),
            (&[(0, MAX - 1, 5)], (0, MAX - 1, 5), Ok(0)),
        ];
        for (before, batch, expected) in table {
            assert_eq!(decide(&state(before), *batch), *expected, "{batch:?} after {before:?}");
        }
    }

    #[test]
    fn a_defect_takes_out_one_check() {
        let known = state(&[(1, 0, 3), (1, 3, 2)]);
        let with = |defect, batch| decide_with(&known, batch, DefectSet::from_iter([defect]));
        assert_eq!(with(Defect::DuplicateCheckOff, (1, 0, 3)), Ok(-1));
        assert_eq!(with(Defect::DuplicateCheckOff, (1, 7, 1)), Err(SequenceError::OutOfOrder));
        assert_eq!(with(Defect::SequenceCheckOff, (1, 7, 1)), Ok(-1));
        assert_eq!(with(Defect::SequenceCheckOff, (2, 7, 1)), Ok(-1));
        assert_eq!(with(Defect::SequenceCheckOff, (1, 0, 3)), Ok(0));
        assert_eq!(with(Defect::SequenceCheckOff, (0, 0, 3)), Err(SequenceError::Fenced));
    }

    #[test]
    fn a_snapshot_remembers_one_batch_of_five() {
        let mut full = state(&[(2, i32::MAX, 1), (2, 0, 4), (2, 4, 2)]);
        let (at, entries) = full.take_snapshot().unwrap();
        assert_eq!((at, entries.len()), (Offset(7), 1));
        assert_eq!(full.take_snapshot(), None, "nothing was appended since");

        let mut loaded = ProducerState::new(Offset::ZERO, Arc::clone(full.snapshots()));
        loaded.truncate_and_reload(Offset::ZERO, Offset(9));
        assert_eq!(loaded.map_end(), Offset(7));
        assert_eq!(decide(&loaded, (2, 4, 2)), Ok(5));
        assert_eq!(decide(&loaded, (2, 0, 4)), Err(SequenceError::OutOfOrder));
        assert_eq!(decide(&loaded, (2, 6, 1)), Ok(-1));
    }

    #[test]
    fn a_snapshot_beyond_the_end_is_not_loaded() {
        let mut full = state(&[(0, 0, 3)]);
        full.take_snapshot();
        full.record(&stamped(2, 2, Some(stamp(0, 3))).placed(Offset(3), LeaderEpoch(0)));
        full.take_snapshot();
        full.truncate_and_reload(Offset::ZERO, Offset(4));
        assert_eq!(full.snapshots().keys().copied().collect::<Vec<_>>(), [Offset(3)]);
        assert_eq!(full.map_end(), Offset(3));
        full.truncate_and_reload(Offset::ZERO, Offset(2));
        assert!(full.producers().is_empty());
    }

    #[test]
    fn stray_snapshots_go_but_the_one_of_the_shutdown_stays() {
        let entries = || Arc::new(Vec::new());
        let of = |names: &[i64]| -> Arc<Snapshots> {
            Arc::new(names.iter().map(|name| (Offset(*name), entries())).collect())
        };
        let left = |names: &[i64], bases: &[i64]| {
            let mut state = ProducerState::new(Offset::ZERO, of(names));
            let bases: Vec<_> = bases.iter().map(|base| Offset(*base)).collect();
            state.remove_stray_snapshots(&bases);
            state.snapshots().keys().map(|name| name.0).collect::<Vec<_>>()
        };
        assert_eq!(left(&[3, 10, 17, 25], &[0, 10, 20]), [10, 25]);
        assert_eq!(left(&[3, 10, 17], &[0, 10, 20]), [10]);
        assert_eq!(left(&[22, 25], &[0, 10, 20]), [25]);
    }

    #[test]
    fn an_idle_producer_is_forgotten() {
        // The batch is of second 1.
        let mut state = state(&[(0, 0, 3)]);
        let hour = Duration::from_hours(1);
        state.expire(3_600_999, hour);
        assert_eq!(decide(&state, (0, 9, 1)), Err(SequenceError::OutOfOrder));
        state.expire(3_601_000, hour);
        assert_eq!(decide(&state, (0, 9, 1)), Ok(-1));
    }
}
