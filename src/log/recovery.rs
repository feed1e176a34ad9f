//! Loading a log from what a disk still has: after a clean shutdown, after a process crash (the
//! page cache is intact, nothing says so), after power loss (each file has a prefix of what was
//! written to it, and perhaps a torn or zeroed tail).
//!
//! Recovery works out the log first and then asks the disk for what makes its files those of that
//! log. So recovering again what was recovered gives the same log and asks for nothing. One
//! thing is forgotten only then, as in Kafka: a producer all of whose records were deleted.

use std::sync::Arc;

use crate::event::Kind;
use crate::log::batches::Batches;
use crate::log::checkpoint::checkpointed_offset;
use crate::log::config::LogConfig;
use crate::log::effect::LogEffect;
use crate::log::epoch_cache::EpochCache;
use crate::log::log::Log;
use crate::log::producer_state::{ProducerState, Snapshots};
use crate::log::segment::Segment;
use crate::log::truncation::{rebuild_producers, repair_snapshots, segment_of_batches};
use crate::message::{Checkpoint, DiskImage, DiskOperation, FileContent, FileName};
use crate::types::{Deed, Defect, LeaderEpoch, Offset, TopicPartition};

/// What is whole and in order among the segments on a disk.
struct Scan {
    batches: Batches,
    /// The bases of the segments that stay, ascending.
    bases: Vec<Offset>,
    /// Whether the last of them has something invalid behind its last whole batch.
    is_broken: bool,
    /// The bases of the segments that do not stay.
    lost: Vec<Offset>,
}

impl Log {
    /// The log that `disk` has of `partition`; a new one where it has none. `clean` says that the
    /// process before shut down cleanly: then nothing needs repair.
    ///
    /// Otherwise the segments at and above the checkpointed recovery point are scanned. The log
    /// ends before the first batch that is not whole, later segments are deleted, the leader-epoch
    /// cache is read from the batches. Of each producer the last batch is
    /// remembered, up to five where a snapshot had to be brought up to date. Who knows the time
    /// should let producers expire next.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `LogLoader.load`, `LogSegment.recover`.
    pub fn recover(
        partition: TopicPartition,
        config: LogConfig,
        disk: &DiskImage,
        clean: bool,
        out: &mut Vec<LogEffect>,
    ) -> Self {
        let offset_in = |file| checkpointed_offset(disk, file, partition).unwrap_or_default();
        let flushed = offset_in(FileName::RecoveryPoints);
        let start = offset_in(FileName::LogStarts);
        let epochs_before = epochs_on(disk, partition);
        let snapshots_before = snapshots_on(disk, partition);

        let is_cut = !config.defects.has(Defect::EpochCacheNotTruncated);

        let mut scan = scan(disk, partition, start);
        let mut epochs = EpochCache::load(epochs_before);
        if !clean {
            let right = epochs_of(&scan.batches);
            if is_cut {
                epochs = match config.defects.has(Defect::StaleEpochCheckpoint) {
                    true => with_newer_epochs(epochs, &scan.batches),
                    false => right.clone(),
                };
            }
            if epochs != right {
                let stale = Defect::StaleEpochCheckpoint;
                Deed::note(if is_cut { stale } else { Defect::EpochCacheNotTruncated }, partition);
            }
        }
        let mut snapshots = Arc::new(snapshots_before.clone());
        if !clean {
            let unflushed = scan.bases.partition_point(|base| *base <= flushed).saturating_sub(1);
            for at in unflushed..scan.bases.len() {
                snapshots = recover_segment(&scan, at, start, snapshots);
            }
        }
        if scan.batches.end() < start {
            // The files that held the log's start are gone.
            scan.lost.append(&mut scan.bases);
            scan.batches = Batches::new(start);
            scan.is_broken = false;
            epochs.clear();
            snapshots = Arc::default();
        }
        let must_create = scan.bases.is_empty();
        if must_create {
            scan.bases.push(start);
        }

        let end = scan.batches.end();
        if is_cut {
            // Truncation writes the checkpoint in the background: it may say too much.
            // Differs from Kafka: it cuts the end first. Where the start is at the end, that
            // leaves an entry which the next recovery takes away.
            epochs.truncate_from_start(start);
            epochs.truncate_from_end(end);
        }
        let start = start.max(scan.batches.base());
        let mut producers = ProducerState::new(start, snapshots);
        producers.remove_stray_snapshots(&scan.bases);
        rebuild_producers(&mut producers, &scan.bases, &scan.batches, start, end);
        let segments = segments_of(&scan, &config);
        let Scan { batches, bases, is_broken, lost } = scan;
        let recovery_point = if clean { end } else { flushed.min(end) };
        let (storage, is_offline) = (None, false);
        let log = Self {
            partition,
            config,
            start,
            recovery_point,
            flushed: None,
            batches,
            segments,
            epochs,
            producers,
            storage,
            is_offline,
        };

        if disk.checkpoint(FileName::PartitionMetadata(partition)).is_none() {
            let content = Checkpoint::PartitionMetadata(partition.topic_id);
            out.push(LogEffect::write(FileName::PartitionMetadata(partition), content, false));
        }
        for base in lost.iter().rev().filter(|base| !bases.contains(base)) {
            out.push(LogEffect::Disk(DiskOperation::Delete { file: log.file(*base) }));
        }
        let file = log.file(log.active().base_offset);
        if is_broken || lost.iter().any(|base| bases.contains(base)) {
            out.push(LogEffect::Disk(DiskOperation::Truncate { file, end }));
        } else if must_create {
            out.push(LogEffect::Disk(DiskOperation::Create { file }));
        }
        repair_snapshots(&log, &snapshots_before, out);
        log.report_recovery(disk, clean, epochs_before, out);
        log
    }

    /// Writes the leader-epoch checkpoint if it was mended, and records how the log came up.
    fn report_recovery(
        &self,
        disk: &DiskImage,
        clean: bool,
        epochs_before: &[(LeaderEpoch, Offset)],
        out: &mut Vec<LogEffect>,
    ) {
        let high_watermark = checkpointed_offset(disk, FileName::HighWatermarks, self.partition);
        out.push(LogEffect::Event(Kind::LogRecovered {
            partition: self.partition,
            log_start_offset: self.start,
            log_end_offset: self.end_offset(),
            high_watermark: self.clamp(high_watermark.unwrap_or_default()),
            chain: self.chain_at_end(),
            clean,
        }));
        if self.epochs.entries() == epochs_before {
            out.push(LogEffect::Event(self.epochs_event()));
        } else {
            self.write_epochs(false, out);
        }
    }
}

/// Reads the segments in order up to the first thing that does not follow from what is before.
///
/// Also after a clean shutdown: then everything follows, unless files were harmed by hand.
// Differs from Kafka: a segment that does not begin where the one before ends is deleted with all
// later ones. Kafka keeps it, and with it a gap, when power loss took the tail of a segment whose
// background flush was still to come and left the next one.
fn scan(disk: &DiskImage, partition: TopicPartition, start: Offset) -> Scan {
    let name = |offset| FileName::Segment(partition, Offset(offset));
    let mut files = disk.files.range(name(i64::MIN)..=name(i64::MAX)).peekable();
    let first = match files.peek() {
        Some((FileName::Segment(_, base), _)) => *base,
        _ => start,
    };
    let mut found = Scan {
        batches: Batches::new(first),
        bases: Vec::new(),
        is_broken: false,
        lost: Vec::new(),
    };
    for (file, content) in files {
        let (FileName::Segment(_, base), FileContent::Segment { batches, broken }) =
            (file, content)
        else {
            continue;
        };
        if found.is_broken || *base != found.batches.end() {
            found.lost.push(*base);
            continue;
        }
        found.bases.push(*base);
        for batch in batches {
            if batch.base_offset != found.batches.end() {
                found.is_broken = true;
                break;
            }
            found.batches.push(batch.clone());
        }
        found.is_broken |= broken.is_some();
    }
    found
}

/// Recovers the segment at `at`: takes a producer snapshot at its end, so that no other segment
/// is read for it again. Returns all snapshots.
///
/// # Source
///
/// Kafka 4.1, `LogLoader.recoverSegment`.
fn recover_segment(
    scan: &Scan,
    at: usize,
    start: Offset,
    snapshots: Arc<Snapshots>,
) -> Arc<Snapshots> {
    let base = scan.bases[at];
    let end = scan.bases.get(at + 1).copied().unwrap_or(scan.batches.end());
    let mut producers = ProducerState::new(start, snapshots);
    rebuild_producers(&mut producers, &scan.bases, &scan.batches, start, base);
    for entry in scan.batches.from(base).take_while(|entry| entry.end() <= end) {
        producers.record(&entry.batch);
    }
    producers.take_snapshot();
    Arc::clone(producers.snapshots())
}

/// The leader epochs that the batches tell of.
// Differs from Kafka: it trusts the checkpoint and adds epochs above the last. But truncation and
// deletion write the checkpoint in the background (KAFKA-16541), and the log's start is written
// once a minute. A crash may bring back the entry of an epoch that was cut away, under records of
// other epochs that were appended since; or it may bring back records from below the first entry.
// Kafka's cache contradicts its log then.
fn epochs_of(batches: &Batches) -> EpochCache {
    let mut epochs = EpochCache::default();
    for entry in batches.from(batches.base()) {
        epochs.assign(entry.batch.leader_epoch, entry.batch.base_offset);
    }
    epochs
}

/// The checkpoint's leader epochs, and above the last those that the batches tell of.
fn with_newer_epochs(mut epochs: EpochCache, batches: &Batches) -> EpochCache {
    for entry in batches.from(batches.base()) {
        if epochs.latest().is_none_or(|(latest, _)| latest < entry.batch.leader_epoch) {
            epochs.assign(entry.batch.leader_epoch, entry.batch.base_offset);
        }
    }
    epochs
}

fn segments_of(scan: &Scan, config: &LogConfig) -> Vec<Segment> {
    let mut segments = Vec::with_capacity(scan.bases.len());
    for (at, base) in scan.bases.iter().enumerate() {
        let end = scan.bases.get(at + 1).copied().unwrap_or(scan.batches.end());
        segments.push(segment_of_batches(*base, end, &scan.batches, config));
    }
    segments
}

fn epochs_on(disk: &DiskImage, partition: TopicPartition) -> &[(LeaderEpoch, Offset)] {
    match disk.checkpoint(FileName::LeaderEpochs(partition)) {
        Some(Checkpoint::LeaderEpochs(entries)) => entries,
        _ => &[],
    }
}

fn snapshots_on(disk: &DiskImage, partition: TopicPartition) -> Snapshots {
    let name = |offset| FileName::ProducerSnapshot(partition, Offset(offset));
    let files = disk.files.range(name(i64::MIN)..=name(i64::MAX));
    files
        .filter_map(|(file, content)| match (file, content) {
            (
                FileName::ProducerSnapshot(_, offset),
                FileContent::Checkpoint(Checkpoint::Producers(entries)),
            ) => Some((*offset, Arc::new(entries.clone()))),
            _ => None,
        })
        .collect()
}
