//! What holds for a log whatever is done to it: against a plain list of batches, and against a
//! disk that loses what was not flushed (property 16, `RecoveryIdempotent`).

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should panic")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafsim::event::StartMovedBecause;
use kafsim::log::{AppendError, Log, LogConfig, LogEffect, SequenceCheck, SequenceError};
use kafsim::message::{
    Batch, BatchBody, BrokenFile, Checkpoint, DiskImage, DiskOperation, FileContent, FileName,
    ProducerStamp, Record, Records,
};
use kafsim::types::{
    BatchId, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TopicId, TopicPartition,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError};

const PARTITION: TopicPartition =
    TopicPartition { topic_id: TopicId(9), partition: kafsim::types::PartitionIndex(1) };

/// Something that is done to a log. Places are given in percent of the log.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The leader appends a batch of its own.
    Append { records: u8 },
    /// A producer sends a batch to the leader: `skip` says how far from the next sequence it is.
    Produce { producer: u8, raise_epoch: i8, skip: i8, records: u8 },
    /// The leader appends again the batch that a producer sent `back` batches ago.
    Resend { producer: u8, back: u8 },
    /// The replica is elected.
    Lead,
    /// The replica follows and takes a batch of an epoch up to the newest.
    Follow { records: u8, lag: u8 },
    /// The log is cut.
    Truncate { percent: u8 },
    /// The log begins anew somewhere else.
    Restart { ahead: u8 },
    /// Records are deleted from the start, and the process writes it down.
    AdvanceStart { percent: u8 },
    /// Retention comes by: `keep` percent of the bytes, or of the batches' ages, are kept below a
    /// high watermark.
    Retain { by_size: bool, keep: u8, high_watermark: u8 },
    /// All is flushed.
    Flush,
    /// The process writes down its recovery point.
    CheckpointRecoveryPoint,
    /// The process shuts down and starts again.
    ShutDown,
    /// The process dies and starts again.
    Crash,
    /// The host loses power and starts again; `keep` chooses what is left.
    LosePower { keep: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let records = 1_u8..5;
    prop_oneof![
        6 => records.clone().prop_map(|records| Step::Append { records }),
        8 => (0_u8..3, -1_i8..2, -3_i8..3, records.clone()).prop_map(
            |(producer, raise_epoch, skip, records)| {
                // Mostly what a sound producer would send.
                let raise_epoch = if skip == 2 { raise_epoch } else { 0 };
                Step::Produce { producer, raise_epoch, skip: skip.clamp(-1, 1), records }
            }
        ),
        8 => (0_u8..3, records.clone()).prop_map(|(producer, records)| {
            Step::Produce { producer, raise_epoch: 0, skip: 0, records }
        }),
        4 => (0_u8..3, 0_u8..7).prop_map(|(producer, back)| Step::Resend { producer, back }),
        2 => Just(Step::Lead),
        4 => (records, 0_u8..3).prop_map(|(records, lag)| Step::Follow { records, lag }),
        3 => (0_u8..=110).prop_map(|percent| Step::Truncate { percent }),
        1 => (0_u8..9).prop_map(|ahead| Step::Restart { ahead }),
        1 => (0_u8..=100).prop_map(|percent| Step::AdvanceStart { percent }),
        3 => (any::<bool>(), 0_u8..=100, 0_u8..=100).prop_map(|(by_size, keep, high_watermark)| {
            Step::Retain { by_size, keep, high_watermark: (2 * high_watermark).min(100) }
        }),
        2 => Just(Step::Flush),
        2 => Just(Step::CheckpointRecoveryPoint),
        1 => Just(Step::ShutDown),
        2 => Just(Step::Crash),
        3 => any::<u64>().prop_map(|keep| Step::LosePower { keep }),
    ]
}

fn config() -> impl Strategy<Value = LogConfig> {
    (300_u64..2500, prop_oneof![Just(None), (1_u64..20).prop_map(Some)]).prop_map(
        |(segment_bytes, flush_messages)| LogConfig {
            segment_bytes,
            flush_messages,
            ..LogConfig::default()
        },
    )
}

fn batch(id: u64, records: u8, producer: Option<ProducerStamp>) -> Batch {
    let timestamp = i64::try_from(id).unwrap();
    let value = Some(Bytes::from_static(b"v"));
    let record = Record { key: None, value, headers: Box::default(), timestamp };
    Batch::unplaced(Arc::new(BatchBody {
        id: BatchId(id),
        producer,
        base_timestamp: timestamp,
        max_timestamp: timestamp,
        records: Records::Data(vec![record; usize::from(records)]),
        size_bytes: 61 + 40 * u32::from(records),
    }))
}

/// A disk: what the page cache has, what is durable, what is on its way there. The device carries
/// out one request after the other.
#[derive(Clone, Default, Debug)]
struct Disk {
    cache: BTreeMap<FileName, FileContent>,
    durable: BTreeMap<FileName, FileContent>,
    queue: VecDeque<FileName>,
}

impl Disk {
    fn take(&mut self, effects: Vec<LogEffect>) -> usize {
        let mut count = 0;
        for effect in effects {
            let LogEffect::Disk(operation) = effect else { continue };
            self.carry_out(operation);
            count += 1;
        }
        count
    }

    fn carry_out(&mut self, operation: DiskOperation) {
        match operation {
            DiskOperation::Create { file } => {
                self.segment(file);
            }
            DiskOperation::Append { file, batch } => self.segment(file).push(batch),
            DiskOperation::AppendInVain { .. } => unreachable!("this disk refuses nothing"),
            DiskOperation::Truncate { file, end } => {
                self.segment(file).retain(|batch| batch.end_offset() <= end);
                for files in [&mut self.cache, &mut self.durable] {
                    if let Some(FileContent::Segment { batches, broken }) = files.get_mut(&file) {
                        batches.retain(|batch| batch.end_offset() <= end);
                        *broken = None;
                    }
                }
            }
            DiskOperation::Delete { file } => {
                assert!(self.cache.remove(&file).is_some(), "{file:?} is not there");
                self.durable.remove(&file);
                self.queue.retain(|queued| *queued != file);
            }
            DiskOperation::Flush { file, blocking, .. } => self.enqueue(file, blocking),
            DiskOperation::Write { file, content, blocking, .. } => {
                self.cache.insert(file, FileContent::Checkpoint(content));
                self.enqueue(file, blocking);
            }
        }
    }

    fn segment(&mut self, file: FileName) -> &mut Vec<Batch> {
        let fresh = || FileContent::Segment { batches: Vec::new(), broken: None };
        self.durable.entry(file).or_insert_with(fresh);
        match self.cache.entry(file).or_insert_with(fresh) {
            FileContent::Segment { batches, .. } => batches,
            FileContent::Checkpoint(_) => panic!("{file:?} is not a segment"),
        }
    }

    fn enqueue(&mut self, file: FileName, blocking: bool) {
        self.queue.push_back(file);
        if blocking {
            self.complete(self.queue.len());
        }
    }

    fn complete(&mut self, count: usize) {
        for file in self.queue.drain(..count) {
            if let Some(content) = self.cache.get(&file) {
                self.durable.insert(file, content.clone());
            }
        }
    }

    /// The end of what is durable without a gap.
    fn durable_end(&self, start: Offset) -> Offset {
        let mut end = start;
        for (file, content) in &self.durable {
            if let (FileName::Segment(_, base), FileContent::Segment { batches, .. }) =
                (file, content)
                && *base == end
            {
                end = batches.last().map_or(end, Batch::end_offset);
            }
        }
        end
    }

    /// Leaves of each file what is durable, and of a segment perhaps more.
    fn lose_power(&mut self, mut keep: u64) {
        let mut draw = |limit: usize| {
            keep = kafsim::types::mix(keep);
            usize::try_from(keep % (limit as u64 + 1)).unwrap()
        };
        self.complete(draw(self.queue.len()));
        self.queue.clear();
        for (file, content) in std::mem::take(&mut self.cache) {
            let durable = self.durable.get(&file).cloned();
            match (content, durable) {
                (
                    FileContent::Segment { batches, broken: was_broken },
                    Some(FileContent::Segment { batches: durable, .. }),
                ) => {
                    let kept = durable.len() + draw(batches.len() - durable.len());
                    let broken = match draw(5) {
                        0 if kept < batches.len() => Some(BrokenFile::Torn),
                        1 if kept < batches.len() => Some(BrokenFile::Zeroed),
                        _ => was_broken,
                    };
                    let batches = batches[..kept].to_vec();
                    self.cache.insert(file, FileContent::Segment { batches, broken });
                }
                (content @ FileContent::Checkpoint(_), durable) => {
                    let content = if draw(1) == 0 { durable } else { Some(content) };
                    if let Some(content) = content {
                        self.cache.insert(file, content);
                    }
                }
                (content, None) => panic!("{content:?} was never created"),
                (content, durable) => panic!("{content:?} is not {durable:?}"),
            }
        }
        self.durable.clone_from(&self.cache);
    }

    fn image(&self) -> DiskImage {
        DiskImage { files: self.cache.clone() }
    }
}

/// The subject, and a plain account of what it must be.
struct World {
    config: LogConfig,
    log: Log,
    disk: Disk,
    /// Where the batches begin.
    base: Offset,
    batches: Vec<Batch>,
    /// Those that were deleted from its front: memory has their producers.
    deleted: Vec<Batch>,
    /// The epoch of a leader that has not appended yet.
    marker: Option<LeaderEpoch>,
    start: Offset,
    epoch: LeaderEpoch,
    next_id: u64,
    /// Since when only appends: all five batches of a producer are remembered.
    remembers_all: bool,
}

impl World {
    fn new(config: LogConfig) -> Self {
        let mut out = Vec::new();
        let log = Log::create(PARTITION, config, &mut out);
        let mut disk = Disk::default();
        disk.take(out);
        Self {
            config,
            log,
            disk,
            base: Offset::ZERO,
            batches: Vec::new(),
            deleted: Vec::new(),
            marker: None,
            start: Offset::ZERO,
            epoch: LeaderEpoch(0),
            next_id: 1,
            remembers_all: true,
        }
    }

    fn end(&self) -> Offset {
        self.batches.last().map_or(self.base, Batch::end_offset)
    }

    fn place(&self, percent: u8) -> Offset {
        self.base + self.end().since(self.base) * u64::from(percent) / 100
    }

    fn fresh(&mut self, records: u8, producer: Option<ProducerStamp>) -> Batch {
        self.next_id += 1;
        batch(self.next_id, records, producer)
    }

    fn pushed(&mut self, batch: &Batch, epoch: LeaderEpoch) {
        self.batches.push(batch.placed(self.end(), epoch));
        self.marker = None;
    }

    fn of_producer(&self, id: ProducerId) -> Vec<&Batch> {
        let is_its = |batch: &&Batch| batch.body.producer.is_some_and(|stamp| stamp.id == id);
        self.deleted.iter().chain(&self.batches).filter(is_its).collect()
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let mut out = Vec::new();
        match step {
            Step::Append { records } => {
                let batch = self.fresh(records, None);
                let (body, check) = (Arc::clone(&batch.body), SequenceCheck::None);
                let result = self.log.append_as_leader(body, self.epoch, 0, check, &mut out);
                prop_assert_eq!(result.unwrap().base_offset, self.end());
                self.pushed(&batch, self.epoch);
            }
            Step::Produce { producer, raise_epoch, skip, records } => {
                let id = ProducerId(producer.into());
                let last = self.of_producer(id).last().map(|batch| {
                    (batch.body.producer.unwrap().epoch.0, batch.body.last_sequence().unwrap())
                });
                let (epoch, next) = last.map_or((1, 0), |(epoch, last)| (epoch, last.plus(1).0));
                let next = if raise_epoch > 0 { 0 } else { next };
                let stamp = ProducerStamp {
                    id,
                    epoch: ProducerEpoch(epoch + i16::from(raise_epoch)),
                    base_sequence: Sequence((next + i32::from(skip)).max(0)),
                };
                let batch = self.fresh(records, Some(stamp));
                self.produce(batch, &mut out)?;
            }
            Step::Resend { producer, back } => {
                let sent = self.of_producer(ProducerId(producer.into()));
                if let Some(batch) = sent.iter().rev().nth(back.into()) {
                    let again = Batch::unplaced(Arc::clone(&batch.body));
                    self.produce(again, &mut out)?;
                }
            }
            Step::Lead => {
                self.epoch = self.epoch.next();
                self.log.assign_epoch(self.epoch, self.end(), &mut out);
                self.marker = Some(self.epoch);
            }
            Step::Follow { records, lag } => {
                let oldest = self.batches.last().map_or(0, |batch| batch.leader_epoch.0);
                let epoch = LeaderEpoch((self.epoch.0 - i32::from(lag)).max(oldest));
                if self.marker.is_some_and(|marker| marker > epoch) {
                    // The leader's answer to a fetch in an epoch that it does not know.
                    self.truncate(self.end(), &mut out);
                }
                let batch = self.fresh(records, None).placed(self.end(), epoch);
                self.log.append_as_follower(&batch, &mut out).unwrap();
                self.pushed(&batch, epoch);
            }
            Step::Truncate { percent } => self.truncate(self.place(percent), &mut out),
            Step::Restart { ahead } => {
                let start = self.end() + u64::from(ahead);
                self.log.truncate_fully_and_start_at(start, &mut out);
                self.batches.clear();
                self.deleted.clear();
                (self.base, self.start, self.marker) = (start, start, None);
            }
            Step::AdvanceStart { percent } => {
                let start = self.place(percent);
                self.log.advance_start_to(start, StartMovedBecause::Leader, &mut out);
                let latest = self.epochs().last().map(|(epoch, _)| *epoch);
                self.start = self.start.max(start);
                if self.start == self.end() {
                    // The epoch outlives its records.
                    self.marker = latest;
                }
                self.disk.take(std::mem::take(&mut out));
                self.write(FileName::LogStarts, self.log.start_offset_to_checkpoint());
            }
            Step::Retain { by_size, keep, high_watermark } => {
                self.retain(by_size, keep, self.place(high_watermark), &mut out)?;
            }
            Step::Flush => self.log.flush(None, true, &mut out),
            Step::CheckpointRecoveryPoint => {
                self.write(FileName::RecoveryPoints, Some(self.log.recovery_point()));
            }
            Step::ShutDown => {
                self.log.close(&mut out);
                self.disk.take(std::mem::take(&mut out));
                self.write(FileName::RecoveryPoints, Some(self.log.recovery_point()));
                self.write(FileName::LogStarts, self.log.start_offset_to_checkpoint());
                self.disk.complete(self.disk.queue.len());
                self.recover(true, self.end())?;
            }
            Step::Crash => self.recover(false, self.end())?,
            Step::LosePower { keep } => {
                let flushed = self.disk.durable_end(self.base);
                self.disk.lose_power(keep);
                self.recover(false, flushed)?;
            }
        }
        self.disk.take(out);
        self.check()
    }

    fn write(&mut self, file: FileName, offset: Option<Offset>) {
        let offsets = offset.map(|offset| (PARTITION, offset));
        let content = Checkpoint::Offsets(offsets.into_iter().collect());
        self.disk.carry_out(DiskOperation::Write { file, content, ticket: None, blocking: false });
    }

    fn truncate(&mut self, end: Offset, out: &mut Vec<LogEffect>) {
        if end < self.end() {
            self.remembers_all = false;
        }
        self.log.truncate_to(end, out);
        if end < self.base {
            self.deleted.clear();
            self.base = end;
        }
        self.batches.retain(|batch| batch.end_offset() <= end);
        self.start = self.start.min(self.end());
        self.marker = None;
    }

    /// Lets retention work and compares what is left with a plain account of the rule.
    fn retain(
        &mut self,
        by_size: bool,
        keep: u8,
        high_watermark: Offset,
        out: &mut Vec<LogEffect>,
    ) -> Result<(), TestCaseError> {
        let high_watermark = high_watermark.max(self.start);
        let size = |batches: &[Batch]| -> u64 {
            batches.iter().map(|batch| u64::from(batch.body.size_bytes)).sum()
        };
        let bytes = size(&self.batches) * u64::from(keep) / 100;
        // Batches are as old as their ids are small.
        let age = self.next_id * u64::from(keep) / 100;
        let wall = i64::try_from(self.next_id).unwrap();
        let retention_bytes = by_size.then_some(bytes);
        let retention_age_max = (!by_size).then(|| Duration::from_millis(age));
        let config = LogConfig { retention_bytes, retention_age_max, ..self.config };
        self.log.set_config(config);
        self.log.delete_old_segments(wall, high_watermark, out);
        self.log.set_config(self.config);

        let (base, start) = (self.log.segment_bases().next().unwrap(), self.log.start_offset());
        prop_assert!(base >= self.base && start >= self.start && base <= start);
        let cut = self.batches.partition_point(|batch| batch.base_offset < base);
        let (gone, left) = self.batches.split_at(cut);
        prop_assert_eq!(gone.last().map_or(self.base, Batch::end_offset), base);
        // Nothing goes that is to be kept, unless it could not be read any more.
        let is_below_start = base <= self.start;
        prop_assert!(is_below_start || base <= high_watermark);
        let is_young =
            |batch: &Batch| batch.body.max_timestamp + i64::try_from(age).unwrap() >= wall;
        if by_size {
            prop_assert!(is_below_start || size(left) >= bytes);
        } else {
            let readable = gone.iter().filter(|batch| batch.end_offset() > self.start);
            prop_assert!(!readable.into_iter().any(is_young));
        }
        // And what may go does: the first segment left is below no bound.
        let bases: Vec<Offset> = self.log.segment_bases().collect();
        let end = bases.get(1).copied().unwrap_or(self.end());
        let first = left.iter().take_while(|batch| batch.end_offset() <= end);
        let first: Vec<Batch> = first.cloned().collect();
        if !first.is_empty() && end <= high_watermark {
            prop_assert!(end > start || bases.len() == 1);
            let is_kept = match by_size {
                true => size(left) - size(&first) < bytes,
                false => first.iter().any(is_young),
            };
            prop_assert!(is_kept, "{:?} is left", bases);
        }
        let latest = self.epochs().last().map(|(epoch, _)| *epoch);
        self.deleted.extend(self.batches.drain(..cut));
        (self.base, self.start) = (base, start);
        if self.start == self.end() {
            self.marker = latest;
        }
        Ok(())
    }

    /// Sends `batch` to the leader and compares what it decides with what stands in the log.
    fn produce(&mut self, batch: Batch, out: &mut Vec<LogEffect>) -> Result<(), TestCaseError> {
        let stamp = batch.body.producer.unwrap();
        let (body, check) = (Arc::clone(&batch.body), SequenceCheck::Client);
        let result = self.log.append_as_leader(body, self.epoch, 0, check, out);

        let its: Vec<Batch> = self.of_producer(stamp.id).into_iter().cloned().collect();
        let last = its
            .last()
            .map(|last| (last.body.producer.unwrap().epoch, last.body.last_sequence().unwrap()));
        let is_same = |known: &&Batch| {
            known.body.producer == Some(stamp)
                && known.body.record_count() == batch.body.record_count()
        };
        let known = its.iter().rev().take(5).position(|known| is_same(&known));
        let known_base = known.map(|back| its[its.len() - 1 - back].base_offset);
        match result {
            Ok(appended) if appended.duplicate => {
                prop_assert_eq!(Some(appended.base_offset), known_base);
                let records = u64::from(batch.body.record_count());
                prop_assert_eq!(appended.end_offset, appended.base_offset + records);
            }
            Ok(appended) => {
                prop_assert_eq!(appended.base_offset, self.end());
                // A producer whose records were deleted may be forgotten.
                let is_deleted = its.last().is_some_and(|last| last.end_offset() <= self.start);
                let is_next = is_deleted
                    || last.is_none_or(|(epoch, last)| {
                        let next = if stamp.epoch > epoch { Sequence(0) } else { last.plus(1) };
                        stamp.epoch >= epoch && stamp.base_sequence == next
                    });
                prop_assert!(is_next, "{:?} after {:?}", stamp, last);
                self.pushed(&batch, self.epoch);
                return Ok(());
            }
            Err(AppendError::Sequence(SequenceError::Fenced)) => {
                prop_assert!(last.is_some_and(|(epoch, _)| stamp.epoch < epoch));
            }
            Err(error) => {
                prop_assert_eq!(error, AppendError::Sequence(SequenceError::OutOfOrder));
                let (epoch, last) = last.unwrap();
                prop_assert!(stamp.epoch != epoch || stamp.base_sequence != last.plus(1));
                // One batch is always remembered, five as long as nothing was reloaded.
                prop_assert!(known.is_none_or(|back| back > 0 && !self.remembers_all));
            }
        }
        // The leader has begun its epoch, whatever came of the batch.
        if self.epochs().last().is_none_or(|(latest, _)| *latest != self.epoch) {
            self.marker = Some(self.epoch);
        }
        Ok(())
    }

    /// Starts the process on what the disk has, twice, and takes over what is left, which must
    /// reach up to `at_least`.
    fn recover(&mut self, clean: bool, at_least: Offset) -> Result<(), TestCaseError> {
        let before = self.log.clone();
        let image = self.disk.image();
        let offset_in = |file| match image.checkpoint(file) {
            Some(Checkpoint::Offsets(offsets)) => offsets.get(&PARTITION).copied(),
            _ => None,
        };
        let mut out = Vec::new();
        let log = Log::recover(PARTITION, self.config, &image, clean, &mut out);
        let repairs = self.disk.take(out);
        prop_assert!(log.audit(), "{:#?}", log);

        let mut log = log;
        if self.base > Offset::ZERO && !clean {
            // A producer whose records are all deleted is remembered from the snapshot of the first
            // segment, which the first recovery deletes. The next one forgets it: Kafka's.
            let mut out = Vec::new();
            let again = Log::recover(PARTITION, self.config, &self.disk.image(), clean, &mut out);
            let is_snapshot = |effect: &LogEffect| match effect {
                LogEffect::Disk(
                    DiskOperation::Write { file, .. } | DiskOperation::Delete { file },
                ) => matches!(file, FileName::ProducerSnapshot(..)),
                LogEffect::Disk(_) => false,
                LogEffect::Event(_) => true,
            };
            prop_assert!(out.iter().all(is_snapshot), "{:?}", out);
            prop_assert_eq!(facts(&again), facts(&log), "recovery is idempotent");
            self.disk.take(out);
            log = again;
        }
        let mut again_out = Vec::new();
        let again = Log::recover(PARTITION, self.config, &self.disk.image(), clean, &mut again_out);
        let operations = again_out.iter().filter(|effect| matches!(effect, LogEffect::Disk(_)));
        prop_assert_eq!(operations.count(), 0, "{:?} after {} repairs", again_out, repairs);
        prop_assert_eq!(format!("{again:?}"), format!("{log:?}"), "recovery is idempotent");

        let start = offset_in(FileName::LogStarts).unwrap_or_default();
        let end = log.end_offset();
        if end == start && before.chain_at(end) != Some(log.chain_at_end()) {
            // What held the log's start is gone, and the log begins anew there.
            prop_assert!(at_least < start);
            self.base = start;
            self.batches.clear();
            self.deleted.clear();
        } else {
            prop_assert_eq!(before.chain_at(end), Some(log.chain_at_end()), "a prefix is left");
            prop_assert!(end >= at_least, "{} was durable, {} is left", at_least, end);
            prop_assert!(end <= before.end_offset());
        }
        let mut expected = start.max(self.base);
        if !clean {
            expected = expected.min(end.max(start));
        }
        prop_assert_eq!(log.start_offset(), expected);
        let flushed = if clean {
            end
        } else {
            offset_in(FileName::RecoveryPoints).unwrap_or_default().min(end)
        };
        prop_assert_eq!(log.recovery_point(), flushed);

        self.batches.retain(|batch| batch.end_offset() <= end);
        // An epoch without records may be kept or lost: it is the leader's to begin it again.
        let latest = log.epochs().last().copied();
        let last = self.batches.last().filter(|last| last.end_offset() > log.start_offset());
        let last_epoch = last.map(|batch| batch.leader_epoch);
        self.marker = latest.map(|(epoch, _)| epoch).filter(|epoch| Some(*epoch) != last_epoch);
        self.start = log.start_offset();
        self.log = log;
        self.remembers_all = false;
        Ok(())
    }

    /// Compares everything that can be asked.
    fn check(&self) -> Result<(), TestCaseError> {
        let log = &self.log;
        prop_assert!(log.audit(), "{:#?}", log);
        prop_assert_eq!(log.end_offset(), self.end());
        prop_assert_eq!(log.start_offset(), self.start);
        for percent in (0..=100).step_by(25) {
            for to in [percent, percent + 15, 100] {
                let (from, to) = (self.place(percent).max(self.start), self.place(to));
                let wanted = |batch: &&Batch| batch.end_offset() > from && batch.end_offset() <= to;
                let expected: Vec<_> = self.batches.iter().filter(wanted).cloned().collect();
                let read = log.read(from, to, u32::MAX);
                prop_assert_eq!(&read, &expected);
                let limited = log.read(from, to, 500);
                prop_assert_eq!(limited.len(), within(&expected, 500));
            }
        }
        let epochs = self.epochs();
        prop_assert_eq!(log.epochs(), &epochs[..]);
        for asked in 0..=self.epoch.0 + 1 {
            let asked = LeaderEpoch(asked);
            let higher = epochs.iter().find(|(epoch, _)| *epoch > asked);
            let floor = epochs.iter().rev().find(|(epoch, _)| *epoch <= asked);
            let is_latest = epochs.last().is_some_and(|(epoch, _)| *epoch == asked);
            let expected = match higher {
                Some((_, end)) => Some((floor.map_or(asked, |(epoch, _)| *epoch), *end)),
                None => is_latest.then_some((asked, self.end())),
            };
            prop_assert_eq!(log.end_offset_for_epoch(Some(asked)), expected);
        }
        Ok(())
    }

    /// Where each epoch begins, as the batches have it.
    fn epochs(&self) -> Vec<(LeaderEpoch, Offset)> {
        let mut epochs: Vec<(LeaderEpoch, Offset)> = Vec::new();
        for batch in self.batches.iter().filter(|batch| batch.end_offset() > self.start) {
            if epochs.last().is_none_or(|(epoch, _)| *epoch != batch.leader_epoch) {
                epochs.push((batch.leader_epoch, batch.base_offset.max(self.start)));
            }
        }
        if let Some(epoch) = self.marker {
            epochs.push((epoch, self.end()));
        }
        epochs
    }
}

/// What a log is, but for its producers.
fn facts(log: &Log) -> impl PartialEq + std::fmt::Debug + use<> {
    let bases: Vec<Offset> = log.segment_bases().collect();
    let ends = (log.start_offset(), log.end_offset(), log.recovery_point());
    (ends, log.chain_at_end(), log.epochs().to_vec(), bases)
}

/// How many of `batches` fit in `limit` bytes; at least one, if there is one.
fn within(batches: &[Batch], limit: u32) -> usize {
    let mut bytes = 0;
    let fit = batches.iter().take_while(|batch| {
        bytes += batch.body.size_bytes;
        bytes <= limit
    });
    fit.count().max(1).min(batches.len())
}

fn cases(cases: u32) -> Config {
    let rng_seed = RngSeed::Fixed(1);
    Config { cases, failure_persistence: None, rng_seed, ..Config::default() }
}

proptest! {
    #![proptest_config(cases(1000))]

    /// A log is the list of batches that were appended and not cut, over crashes of all kinds.
    #[test]
    fn a_log_is_the_list_of_its_batches(
        config in config(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new(config);
        for step in steps {
            world.step(step)?;
        }
    }

    /// Two logs have the same chain hash at an offset if and only if they are the same up to it.
    #[test]
    fn chains_are_equal_when_prefixes_are(
        first in prop::collection::vec((1_u64..3, 1_u8..3, 0_i32..2), 0..12),
        second in prop::collection::vec((1_u64..3, 1_u8..3, 0_i32..2), 0..12),
    ) {
        let log_of = |batches: &[(u64, u8, i32)]| {
            let mut log = Log::create(PARTITION, LogConfig::default(), &mut Vec::new());
            for &(id, records, raise) in batches {
                let epoch = log.latest_epoch().map_or(0, |epoch| epoch.0) + raise;
                let (epoch, base) = (LeaderEpoch(epoch), log.end_offset());
                let batch = batch(id, records, None).placed(base, epoch);
                log.append_as_follower(&batch, &mut Vec::new()).unwrap();
            }
            log
        };
        let (first, second) = (log_of(&first), log_of(&second));
        let read = |log: &Log, to| log.read(Offset::ZERO, to, u32::MAX);
        let shorter = first.end_offset().min(second.end_offset());
        for offset in 0..=shorter.0 {
            let offset = Offset(offset);
            let chains = first.chain_at(offset).zip(second.chain_at(offset));
            if let Some((one, other)) = chains {
                prop_assert_eq!(one == other, read(&first, offset) == read(&second, offset));
            }
        }
    }
}
