//! A host's disk: page cache and durable image of every file.
//!
//! The fault model. A write is in the page cache at once. A flush makes durable what the file held
//! when the flush was asked for. After a process crash the page cache is all there. After power
//! loss each segment keeps, of what was appended since its last flush, a prefix that the weather
//! chooses, possibly followed by a torn batch or zeroes; each checkpoint is the old one or the new
//! one. Simplified: deleting and truncating are durable at once, as a journaling file system that
//! commits metadata in order would have it a moment later.

use std::collections::BTreeMap;

use crate::message::{
    Batch, BrokenFile, Checkpoint, DiskError, DiskImage, DiskOperation, FileContent, FileName,
};
use crate::sim::device::{Device, DeviceSetup, Refusal};
use crate::sim::weather::Weather;
use crate::types::{Chunks, Moment, Offset, Ticket, TopicPartition};

/// One file, as the page cache has it and as the platters have it.
#[derive(Clone, Debug)]
enum File {
    Segment {
        /// What the page cache holds.
        batches: Chunks<Batch>,
        /// How many of them are durable.
        durable: usize,
        /// What stands behind the batches since the last power loss.
        broken: Option<BrokenFile>,
    },
    Checkpoint {
        /// What the page cache holds.
        current: Checkpoint,
        /// What is durable; `None` if the file has never been flushed.
        durable: Option<Checkpoint>,
    },
}

/// A flush that is under way.
#[derive(Clone, Debug)]
pub(crate) struct Flush {
    file: FileName,
    /// What will be durable when it is done.
    target: Target,
    /// Whom to tell.
    pub(crate) ticket: Option<Ticket>,
    /// Whether the lane that asked waits.
    pub(crate) blocking: bool,
    /// How it ends.
    pub(crate) result: Result<(), DiskError>,
    /// The fault that slows it, holds it up, or makes it fail.
    pub(crate) fault: Option<u32>,
    /// Counts the losses of power: what was under way then never ends.
    life: u32,
}

#[derive(Clone, Debug)]
enum Target {
    Batches(usize),
    Checkpoint(Checkpoint),
    /// Nothing: it fails.
    Nothing,
}

/// What a disk does with an operation.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// It is done: the page cache takes it without waiting.
    Done,
    /// It ends at this moment; then [`Disk::complete`] is to be called.
    Ends(Moment, Flush),
    /// It waits for a disk that hangs; then [`Disk::go_on`] is to be called.
    Stalls(Flush),
    /// It failed at once.
    Refused(Refusal),
    /// It failed, as whoever asked for it knows.
    InVain(Refusal),
    /// It is done, and the disk is full now, or is no longer.
    RoomChanged,
}

/// What power loss did to a replica's log: the end before, and the end of what is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DurableEnd {
    pub(crate) partition: TopicPartition,
    pub(crate) log_end_offset: Offset,
    pub(crate) durable_end: Offset,
}

/// A host's disk.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    files: BTreeMap<FileName, File>,
    weather: Weather,
    pub(crate) device: Device,
    /// Counts the losses of power.
    life: u32,
}

impl Disk {
    pub(crate) fn new(weather: Weather, device: DeviceSetup) -> Self {
        Self { files: BTreeMap::new(), weather, device: Device::new(device), life: 0 }
    }

    /// Takes `operation`, asked for at `now`.
    pub(crate) fn take(&mut self, now: Moment, operation: DiskOperation) -> Accepted {
        if let Some(refusal) = self.device.refuses_writes()
            && let Some(refused) = self.refuse(now, &operation, refusal)
        {
            return refused;
        }
        match operation {
            DiskOperation::Create { file } => {
                self.segment(file);
                Accepted::Done
            }
            DiskOperation::Append { file, batch } => {
                let bytes = u64::from(batch.body.size_bytes);
                let (batches, _, broken) = self.segment(file);
                // What stands behind a torn batch nobody will find.
                if broken.is_none() {
                    batches.push(batch);
                }
                self.grown_by(bytes)
            }
            DiskOperation::Truncate { file, end } => {
                let (batches, durable, broken) = self.segment(file);
                while batches.last().is_some_and(|batch| batch.end_offset() > end) {
                    batches.truncate(batches.len() - 1);
                }
                *durable = (*durable).min(batches.len());
                *broken = None;
                self.measure()
            }
            DiskOperation::Delete { file } => {
                self.files.remove(&file);
                self.measure()
            }
            // The disk has come round since: the write was refused all the same.
            DiskOperation::AppendInVain { file, batch } => {
                self.leave_some(file, batch);
                Accepted::Done
            }
            DiskOperation::Flush { file, ticket, blocking } => {
                let target = match self.files.get(&file) {
                    Some(File::Segment { batches, .. }) => Target::Batches(batches.len()),
                    Some(File::Checkpoint { current, .. }) => Target::Checkpoint(current.clone()),
                    // The file was deleted meanwhile: the flush finds nothing to do.
                    None => Target::Batches(0),
                };
                let refusal = self.device.refuses_flushes();
                self.begin(now, self.flush_of(file, target, ticket, blocking, refusal))
            }
            DiskOperation::Write { file, content, ticket, blocking } => {
                // A new file is flushed and then takes the old one's name.
                let refusal = self.device.refuses_flushes();
                if refusal.is_some() {
                    let target = Target::Nothing;
                    return self.begin(now, self.flush_of(file, target, ticket, blocking, refusal));
                }
                let durable = match self.files.remove(&file) {
                    Some(File::Checkpoint { durable, .. }) => durable,
                    Some(File::Segment { .. }) | None => None,
                };
                let target = Target::Checkpoint(content.clone());
                self.files.insert(file, File::Checkpoint { current: content, durable });
                self.begin(now, self.flush_of(file, target, ticket, blocking, None))
            }
        }
    }

    fn flush_of(
        &self,
        file: FileName,
        target: Target,
        ticket: Option<Ticket>,
        blocking: bool,
        refusal: Option<Refusal>,
    ) -> Flush {
        Flush {
            file,
            target,
            ticket,
            blocking,
            result: refusal.map_or(Ok(()), |refusal| Err(refusal.error)),
            fault: refusal.and_then(|refusal| refusal.fault),
            life: self.life,
        }
    }

    /// A flush begins, unless the disk hangs.
    fn begin(&mut self, now: Moment, mut flush: Flush) -> Accepted {
        if let Some(fault) = self.device.hangs() {
            flush.fault = Some(fault);
            return Accepted::Stalls(flush);
        }
        let ends = self.go_on(now, &mut flush);
        Accepted::Ends(ends, flush)
    }

    /// When a flush ends that begins at `now`.
    pub(crate) fn go_on(&mut self, now: Moment, flush: &mut Flush) -> Moment {
        let mut bytes = 0;
        if self.device.has_bandwidth()
            && let Some(File::Segment { batches, durable, .. }) = self.files.get(&flush.file)
        {
            let unflushed = batches.iter().skip(*durable);
            bytes = unflushed.map(|batch| u64::from(batch.body.size_bytes)).sum();
        }
        let (ends, slowed_by) = self.device.flush(now, self.weather.draw(now), bytes);
        flush.fault = flush.fault.or(slowed_by);
        ends
    }

    /// What becomes of `operation` when writes fail; `None` if it is none of them.
    fn refuse(
        &mut self,
        now: Moment,
        operation: &DiskOperation,
        refusal: Refusal,
    ) -> Option<Accepted> {
        match operation {
            DiskOperation::Append { file, batch } => self.leave_some(*file, batch.clone()),
            DiskOperation::AppendInVain { file, batch } => {
                self.leave_some(*file, batch.clone());
                return Some(Accepted::InVain(refusal));
            }
            DiskOperation::Create { .. } => {}
            // Simplified: what makes room is the file system's journal's, and never fails.
            DiskOperation::Truncate { .. }
            | DiskOperation::Delete { .. }
            | DiskOperation::Flush { .. } => return None,
            DiskOperation::Write { file, ticket, blocking, .. } => {
                let (target, ticket) = (Target::Nothing, ticket.or(Some(Ticket(0))));
                let refusal = Some(refusal);
                let flush = self.flush_of(*file, target, ticket, *blocking, refusal);
                return Some(self.begin(now, flush));
            }
        }
        Some(Accepted::Refused(refusal))
    }

    /// A write that fails gets somewhere. A device that fails has the whole batch in the file, and
    /// its entry in the index fails (KAFKA-10778); a full one has room for a part of it.
    fn leave_some(&mut self, file: FileName, batch: Batch) {
        let is_full = self.device.refuses_writes().is_some_and(|r| r.error == DiskError::Full);
        let (batches, _, broken) = self.segment(file);
        if is_full {
            broken.get_or_insert(BrokenFile::Torn);
        } else if broken.is_none() {
            batches.push(batch);
        }
    }

    fn grown_by(&mut self, bytes: u64) -> Accepted {
        if !self.device.has_capacity() || !self.device.holds(self.device.used() + bytes) {
            return Accepted::Done;
        }
        Accepted::RoomChanged
    }

    /// Counts what the disk holds, where that matters.
    fn measure(&mut self) -> Accepted {
        if !self.device.has_capacity() {
            return Accepted::Done;
        }
        let size = |file: &File| match file {
            File::Segment { batches, .. } => {
                batches.iter().map(|batch| u64::from(batch.body.size_bytes)).sum::<u64>()
            }
            File::Checkpoint { .. } => 0,
        };
        match self.device.holds(self.files.values().map(size).sum()) {
            true => Accepted::RoomChanged,
            false => Accepted::Done,
        }
    }

    fn segment(
        &mut self,
        file: FileName,
    ) -> (&mut Chunks<Batch>, &mut usize, &mut Option<BrokenFile>) {
        let fresh = || File::Segment { batches: Chunks::default(), durable: 0, broken: None };
        match self.files.entry(file).or_insert_with(fresh) {
            File::Segment { batches, durable, broken } => (batches, durable, broken),
            File::Checkpoint { .. } => panic!("{file:?} is a checkpoint, not a segment"),
        }
    }

    /// A flush ended: what it covered is durable.
    pub(crate) fn complete(&mut self, flush: &Flush) {
        if flush.result.is_err() || flush.life != self.life {
            return;
        }
        match (self.files.get_mut(&flush.file), &flush.target) {
            (Some(File::Segment { batches, durable, .. }), Target::Batches(count)) => {
                *durable = (*durable).max((*count).min(batches.len()));
            }
            (Some(File::Checkpoint { durable, .. }), Target::Checkpoint(content)) => {
                *durable = Some(content.clone());
            }
            // Deleted, or replaced by a file of the other kind, while the flush was under way.
            (Some(_) | None, _) => {}
        }
    }

    /// Power is lost at `now`: only what was flushed is sure to stay.
    pub(crate) fn lose_power(&mut self, now: Moment) -> Vec<DurableEnd> {
        let mut ends: BTreeMap<TopicPartition, DurableEnd> = BTreeMap::new();
        let weather = &mut self.weather;
        self.device.reset(now);
        self.life += 1;
        self.files.retain(|name, file| match file {
            File::Segment { batches, durable, broken } => {
                let before = batches.last().map(Batch::end_offset);
                let unsure = (batches.len() - *durable) as u64;
                let draw = weather.draw(now);
                // Half of the time nothing beyond the flush survives: the story people fear.
                let kept = if draw & 1 == 0 { 0 } else { (draw >> 8) % (unsure + 1) };
                let kept = *durable + usize::try_from(kept).expect("a count of batches");
                if kept < batches.len() {
                    *broken = match (draw >> 1) & 7 {
                        0 => Some(BrokenFile::Torn),
                        1 => Some(BrokenFile::Zeroed),
                        _ => None,
                    };
                }
                batches.truncate(kept);
                *durable = kept;
                if let (FileName::Segment(partition, base), Some(before)) = (name, before) {
                    let left = batches.last().map_or(*base, Batch::end_offset);
                    // Segments come in order: a later one that lost nothing does not mend a hole.
                    let end = ends.entry(*partition).or_insert(DurableEnd {
                        partition: *partition,
                        log_end_offset: before,
                        durable_end: left,
                    });
                    end.log_end_offset = before;
                    if end.durable_end == *base {
                        end.durable_end = left;
                    }
                }
                true
            }
            File::Checkpoint { current, durable } => {
                if durable.as_ref() != Some(current) && weather.draw(now) & 1 == 0 {
                    *durable = Some(current.clone());
                }
                match durable {
                    Some(durable) => {
                        current.clone_from(durable);
                        true
                    }
                    None => false,
                }
            }
        });
        self.measure();
        ends.into_values().collect()
    }

    /// The disk is lost at `now`, and an empty one put in its place.
    pub(crate) fn replace(&mut self, now: Moment) -> Vec<DurableEnd> {
        let mut ends: BTreeMap<TopicPartition, DurableEnd> = BTreeMap::new();
        for (name, file) in std::mem::take(&mut self.files) {
            if let (FileName::Segment(partition, _), File::Segment { batches, .. }) = (name, file)
                && let Some(last) = batches.last()
            {
                let (log_end_offset, durable_end) = (last.end_offset(), Offset::ZERO);
                ends.insert(partition, DurableEnd { partition, log_end_offset, durable_end });
            }
        }
        self.device.reset(now);
        self.life += 1;
        self.measure();
        ends.into_values().collect()
    }

    /// What a process finds when it starts.
    pub(crate) fn image(&self) -> DiskImage {
        let content = |file: &File| match file {
            File::Segment { batches, broken, .. } => {
                FileContent::Segment { batches: batches.iter().cloned().collect(), broken: *broken }
            }
            File::Checkpoint { current, .. } => FileContent::Checkpoint(current.clone()),
        };
        DiskImage { files: self.files.iter().map(|(name, file)| (*name, content(file))).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{BatchBody, Record, Records};
    use crate::sim::weather::Spread;
    use crate::types::{BatchId, BrokerEpoch, LeaderEpoch};
    use std::sync::Arc;
    use std::time::Duration;

    const SEGMENT: FileName = FileName::Segment(TopicPartition::CLUSTER_METADATA, Offset(0));

    fn batch(offset: i64) -> Batch {
        let record = Record { key: None, value: None, headers: Box::default(), timestamp: 0 };
        Batch {
            base_offset: Offset(offset),
            leader_epoch: LeaderEpoch(0),
            body: Arc::new(BatchBody {
                id: BatchId(offset as u64),
                producer: None,
                base_timestamp: 0,
                max_timestamp: 0,
                records: Records::Data(vec![record]),
                size_bytes: 70,
            }),
        }
    }

    fn disk(seed: u64) -> Disk {
        let millis = Duration::from_millis;
        let flush = Spread { p50: millis(1), p99: millis(2), max: millis(3) };
        Disk::new(Weather::new(seed, "disk", &[0]), DeviceSetup::new(flush))
    }

    fn batches(disk: &Disk) -> usize {
        match &disk.image().files[&SEGMENT] {
            FileContent::Segment { batches, .. } => batches.len(),
            FileContent::Checkpoint(_) => unreachable!("it is a segment"),
        }
    }

    #[test]
    fn power_loss_keeps_what_was_flushed_and_a_prefix_beyond() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut disk = disk(seed);
            for offset in 0..10 {
                disk.take(Moment(5), DiskOperation::Append { file: SEGMENT, batch: batch(offset) });
                if offset == 3 {
                    let flush =
                        DiskOperation::Flush { file: SEGMENT, ticket: None, blocking: false };
                    let Accepted::Ends(at, flush) = disk.take(Moment(5), flush) else {
                        unreachable!("a flush takes time")
                    };
                    assert!(at >= Moment(505));
                    disk.complete(&flush);
                }
            }
            assert_eq!(batches(&disk), 10, "the page cache has it all");
            let ends = disk.lose_power(Moment(77));
            let left = batches(&disk);
            assert_eq!(ends[0].durable_end, Offset(left as i64));
            assert_eq!(ends[0].log_end_offset, Offset(10));
            seen.insert(left);
        }
        assert_eq!(seen, (4..=10).collect(), "every prefix is possible, none shorter");
    }

    #[test]
    fn a_checkpoint_is_old_or_new_after_power_loss() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..40 {
            let mut disk = disk(seed);
            let write = |epoch| DiskOperation::Write {
                file: FileName::CleanShutdown,
                content: Checkpoint::CleanShutdown(Some(BrokerEpoch(epoch))),
                ticket: None,
                blocking: true,
            };
            let Accepted::Ends(_, flush) = disk.take(Moment(1), write(1)) else {
                unreachable!("a write takes time")
            };
            disk.complete(&flush);
            disk.take(Moment(2), write(2));
            disk.lose_power(Moment(3));
            let Some(Checkpoint::CleanShutdown(Some(epoch))) =
                disk.image().checkpoint(FileName::CleanShutdown).cloned()
            else {
                unreachable!("the first write was durable")
            };
            seen.insert(epoch.0);
        }
        assert_eq!(seen, [1, 2].into());
    }
}
