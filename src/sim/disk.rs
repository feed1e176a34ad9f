//! A host's disk: page cache and durable image of every file.
//!
//! The fault model. A write is in the page cache at once. A flush makes durable what the file held
//! when the flush was asked for. After a process crash the page cache is all there. After power
//! loss each segment keeps, of what was appended since its last flush, a prefix that the weather
//! chooses, possibly followed by a torn batch or zeroes; each checkpoint is the old one or the new
//! one. Simplified: deleting and truncating are durable at once, as a journaling file system that
//! commits metadata in order would have it a moment later.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::message::{
    Batch, BrokenFile, Checkpoint, DiskImage, DiskOperation, FileContent, FileName,
};
use crate::sim::weather::{Spread, Weather};
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
}

#[derive(Clone, Debug)]
enum Target {
    Batches(usize),
    Checkpoint(Checkpoint),
}

/// What a disk does with an operation.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// It is done: the page cache takes it without waiting.
    Done,
    /// It ends at this moment; then [`Disk::complete`] is to be called.
    Ends(Moment, Flush),
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
    flush_time: Spread,
    /// The device carries out one flush at a time.
    busy_until: Moment,
}

impl Disk {
    pub(crate) fn new(weather: Weather, flush_time: Spread) -> Self {
        Self { files: BTreeMap::new(), weather, flush_time, busy_until: Moment(0) }
    }

    /// Takes `operation`, asked for at `now`.
    pub(crate) fn take(&mut self, now: Moment, operation: DiskOperation) -> Accepted {
        match operation {
            DiskOperation::Create { file } => {
                self.segment(file);
                Accepted::Done
            }
            DiskOperation::Append { file, batch } => {
                self.segment(file).0.push(batch);
                Accepted::Done
            }
            DiskOperation::Truncate { file, end } => {
                let (batches, durable, broken) = self.segment(file);
                while batches.last().is_some_and(|batch| batch.end_offset() > end) {
                    batches.truncate(batches.len() - 1);
                }
                *durable = (*durable).min(batches.len());
                *broken = None;
                Accepted::Done
            }
            DiskOperation::Delete { file } => {
                self.files.remove(&file);
                Accepted::Done
            }
            DiskOperation::Flush { file, ticket, blocking } => {
                let target = match self.files.get(&file) {
                    Some(File::Segment { batches, .. }) => Target::Batches(batches.len()),
                    Some(File::Checkpoint { current, .. }) => Target::Checkpoint(current.clone()),
                    // The file was deleted meanwhile: the flush finds nothing to do.
                    None => Target::Batches(0),
                };
                Accepted::Ends(self.device(now), Flush { file, target, ticket, blocking })
            }
            DiskOperation::Write { file, content, ticket, blocking } => {
                let durable = match self.files.remove(&file) {
                    Some(File::Checkpoint { durable, .. }) => durable,
                    Some(File::Segment { .. }) | None => None,
                };
                let target = Target::Checkpoint(content.clone());
                self.files.insert(file, File::Checkpoint { current: content, durable });
                Accepted::Ends(self.device(now), Flush { file, target, ticket, blocking })
            }
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

    fn device(&mut self, now: Moment) -> Moment {
        let begins = self.busy_until.max(now);
        let takes = self.flush_time.at(self.weather.draw(now)).max(Duration::from_micros(1));
        self.busy_until = begins + takes;
        self.busy_until
    }

    /// A flush ended: what it covered is durable.
    pub(crate) fn complete(&mut self, flush: &Flush) {
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
        self.busy_until = now;
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
    use crate::types::{BatchId, BrokerEpoch, LeaderEpoch};
    use std::sync::Arc;

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
        Disk::new(Weather::new(seed, "disk", &[0]), flush)
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
