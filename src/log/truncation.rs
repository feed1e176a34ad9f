//! Cutting a log: its end, when the leader's says otherwise; its start, when records are deleted;
//! all of it, when nothing of it is left at the leader.

use std::sync::Arc;

use crate::event::{Kind, StartMovedBecause};
use crate::log::batches::Batches;
use crate::log::config::LogConfig;
use crate::log::effect::LogEffect;
use crate::log::log::Log;
use crate::log::producer_state::{ProducerState, Snapshots};
use crate::log::segment::Segment;
use crate::message::{Checkpoint, DiskOperation, FileName};
use crate::types::{Defect, Offset};

impl Log {
    /// Cuts the log so that nothing at or above `end` is left; a batch that holds `end` goes as a
    /// whole, so the log may end below it. Segments above are deleted, the leader-epoch cache is
    /// cut, the producer state is brought back from a snapshot, the recovery point follows.
    /// With `end` at or above the log's end only the leader-epoch cache is cut (KAFKA-10706).
    ///
    /// # Source
    ///
    /// Kafka 4.1, `UnifiedLog.truncateTo`.
    // Differs from Kafka: where a batch holds `end`, Kafka's log goes on at `end` and keeps a gap
    // in front of it. Ours has no gaps.
    pub fn truncate_to(&mut self, end: Offset, out: &mut Vec<LogEffect>) {
        let from = self.end_offset();
        if end >= from {
            let is_empty = self.epochs.latest().is_some_and(|(_, begins)| begins >= from);
            if is_empty && !self.config.defects.acts(Defect::EmptyEpochKept, self.partition) {
                self.truncate_epochs(from, out);
            }
            return;
        }
        if end < self.segments[0].base_offset {
            self.truncate_fully_and_start_at(end, out);
            return;
        }
        self.batches.truncate(end);
        let end = self.end_offset();
        self.truncate_segments(end, out);
        self.start = self.start.min(end);
        self.recovery_point = self.recovery_point.min(end);
        out.push(LogEffect::Event(Kind::LogTruncated {
            partition: self.partition,
            log_end_offset: end,
            from,
            chain: self.chain_at_end(),
        }));
        self.truncate_epochs(end, out);
        self.reload_producers(out);
    }

    /// Deletes everything and begins anew at `start`, which may lie anywhere.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `UnifiedLog.truncateFullyAndStartAt`.
    pub fn truncate_fully_and_start_at(&mut self, start: Offset, out: &mut Vec<LogEffect>) {
        let from = self.end_offset();
        let old: Vec<Offset> = self.segment_bases().collect();
        for base in old.into_iter().filter(|base| *base != start) {
            out.push(LogEffect::Disk(DiskOperation::Delete { file: self.file(base) }));
        }
        let file = self.file(start);
        if self.segments.iter().any(|segment| segment.base_offset == start) {
            out.push(LogEffect::Disk(DiskOperation::Truncate { file, end: start }));
        } else {
            out.push(LogEffect::Disk(DiskOperation::Create { file }));
        }
        self.batches = Batches::new(start);
        self.segments = vec![Segment::new(start)];
        self.start = start;
        self.recovery_point = self.recovery_point.min(start);
        out.push(LogEffect::Event(Kind::LogTruncated {
            partition: self.partition,
            log_end_offset: start,
            from,
            chain: self.chain_at_end(),
        }));
        out.push(LogEffect::Event(Kind::LogStartMoved {
            partition: self.partition,
            log_start_offset: start,
            because: StartMovedBecause::BeganAnew,
            limit: None,
            wall_millis: None,
        }));
        if self.epochs.clear() {
            self.write_epochs(true, out);
        }
        self.reload_producers_after(|producers| producers.clear(start), out);
    }

    /// Deletes records below `start` (`DeleteRecords`, or the leader's start in a fetch response):
    /// they can no longer be read. Never moves the start back, nor beyond the end; segments are
    /// deleted when retention comes by.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `UnifiedLog.maybeIncrementLogStartOffset`.
    pub fn advance_start_to(
        &mut self,
        start: Offset,
        because: StartMovedBecause,
        out: &mut Vec<LogEffect>,
    ) {
        let start = start.min(self.end_offset());
        let moved = Kind::LogStartMoved {
            partition: self.partition,
            log_start_offset: start,
            because,
            limit: None,
            wall_millis: None,
        };
        self.raise_start(start, moved, out);
    }

    /// Lets the log start at `start`, which `moved` tells, if that is further on.
    pub(super) fn raise_start(&mut self, start: Offset, moved: Kind, out: &mut Vec<LogEffect>) {
        if start <= self.start {
            return;
        }
        self.start = start;
        out.push(LogEffect::Event(moved));
        if self.epochs.truncate_from_start(start) {
            self.write_epochs(false, out);
        }
        let follows_log = self.config.defects.has(Defect::ProducerStateFollowsLog);
        self.producers.start_moved(start, follows_log, self.partition);
    }

    /// Deletes the segments above `end` and cuts the one that holds it.
    fn truncate_segments(&mut self, end: Offset, out: &mut Vec<LogEffect>) {
        let kept = self.segment_of(end) + 1;
        for segment in self.segments.drain(kept..).rev() {
            let file = FileName::Segment(self.partition, segment.base_offset);
            out.push(LogEffect::Disk(DiskOperation::Delete { file }));
            if self.producers.remove_snapshot(segment.base_offset) {
                let file = FileName::ProducerSnapshot(self.partition, segment.base_offset);
                out.push(LogEffect::Disk(DiskOperation::Delete { file }));
            }
        }
        let base = self.active().base_offset;
        out.push(LogEffect::Disk(DiskOperation::Truncate { file: self.file(base), end }));
        let active = self.segments.last_mut().expect("a log has a segment");
        *active = segment_of_batches(base, end, &self.batches, &self.config);
    }

    /// Forgets leader epochs that begin at or after `end`. Written in the background: what a crash
    /// brings back is cut again when the log is recovered (KAFKA-16541).
    fn truncate_epochs(&mut self, end: Offset, out: &mut Vec<LogEffect>) {
        let reaches = self.epochs.latest().is_some_and(|(_, begins)| begins >= end);
        if reaches && self.config.defects.acts(Defect::EpochCacheNotTruncated, self.partition) {
            return;
        }
        if self.epochs.truncate_from_end(end) {
            self.write_epochs(false, out);
        }
    }

    /// Makes the producer state stand for the log as it is now.
    fn reload_producers(&mut self, out: &mut Vec<LogEffect>) {
        self.reload_producers_after(|_| (), out);
    }

    fn reload_producers_after(
        &mut self,
        change: impl FnOnce(&mut ProducerState),
        out: &mut Vec<LogEffect>,
    ) {
        let before = Arc::clone(self.producers.snapshots());
        change(&mut self.producers);
        let bases: Vec<Offset> = self.segment_bases().collect();
        let end = self.end_offset();
        rebuild_producers(&mut self.producers, &bases, &self.batches, self.start, end);
        repair_snapshots(self, &before, out);
    }
}

/// A segment with the batches from `base` to `end`.
pub(super) fn segment_of_batches(
    base: Offset,
    end: Offset,
    batches: &Batches,
    config: &LogConfig,
) -> Segment {
    let mut segment = Segment::new(base);
    let entries = batches.from(base).take_while(|entry| entry.end() <= end);
    entries.for_each(|entry| segment.note(entry, config));
    segment
}

/// Makes `producers` stand for the log from `start` to `end`: from the newest snapshot in between,
/// then batch by batch. Takes snapshots on the way where the last two segments begin, and at the
/// end.
///
/// # Source
///
/// Kafka 4.1, `UnifiedLog.rebuildProducerState`.
pub(super) fn rebuild_producers(
    producers: &mut ProducerState,
    bases: &[Offset],
    batches: &Batches,
    start: Offset,
    end: Offset,
) {
    producers.truncate_and_reload(start, end);
    let to_snapshot = &bases[bases.len().saturating_sub(2)..];
    let from = producers.map_end();
    if from < end {
        for entry in batches.from(from).take_while(|entry| entry.end() <= end) {
            if to_snapshot.contains(&entry.batch.base_offset) {
                producers.advance(entry.batch.base_offset);
                producers.take_snapshot();
            }
            producers.record(&entry.batch);
        }
    }
    producers.advance(end);
    producers.take_snapshot();
}

/// Asks the disk for what makes its producer snapshots, which were `before`, those of `log`.
pub(super) fn repair_snapshots(log: &Log, before: &Snapshots, out: &mut Vec<LogEffect>) {
    let after = log.producers.snapshots();
    for offset in before.keys().filter(|offset| !after.contains_key(offset)) {
        let file = FileName::ProducerSnapshot(log.partition(), *offset);
        out.push(LogEffect::Disk(DiskOperation::Delete { file }));
    }
    for (offset, entries) in after.iter() {
        if before.get(offset) != Some(entries) {
            let file = FileName::ProducerSnapshot(log.partition(), *offset);
            let content = Checkpoint::Producers(entries.to_vec());
            out.push(LogEffect::write(file, content, false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::log::tests::{append, batch, filled, operations};
    use crate::types::{DefectSet, LeaderEpoch};

    fn cut(log: &mut Log, end: i64) -> Vec<LogEffect> {
        let mut out = Vec::new();
        log.truncate_to(Offset(end), &mut out);
        assert!(log.audit(), "{log:?}");
        out
    }

    #[test]
    fn a_cut_within_a_batch_takes_the_whole_batch() {
        let mut log = filled(3);
        cut(&mut log, 5);
        assert_eq!(log.end_offset(), Offset(4));
        cut(&mut log, 4);
        assert_eq!(log.end_offset(), Offset(4));
    }

    #[test]
    fn segments_above_the_cut_are_deleted() {
        let mut log = filled(9);
        let out = cut(&mut log, 8);
        let expected =
            ["delete segment 12", "delete snapshot 12", "cut segment 6 at 8", "write snapshot 8"];
        assert_eq!(operations(&out), expected);
        assert_eq!(log.recovery_point(), Offset(8));
        // A cut where a segment begins leaves that segment, empty.
        let out = cut(&mut log, 6);
        assert_eq!(operations(&out), ["cut segment 6 at 6", "delete snapshot 8"]);
        assert_eq!(log.segment_bases().collect::<Vec<_>>(), [Offset(0), Offset(6)]);
        append(&mut log, &batch(50, 2), 2);
        assert_eq!(log.end_offset(), Offset(8));
    }

    #[test]
    fn a_cut_at_or_above_the_end_still_cuts_the_epochs() {
        let mut log = filled(2);
        log.assign_epoch(LeaderEpoch(7), Offset(4), &mut Vec::new());
        assert_eq!(log.latest_epoch(), Some(LeaderEpoch(7)));
        assert_eq!(operations(&cut(&mut log, 9)), ["write epochs"]);
        assert_eq!((log.latest_epoch(), log.end_offset()), (Some(LeaderEpoch(1)), Offset(4)));
    }

    #[test]
    fn the_defect_leaves_epochs_that_the_log_no_longer_has() {
        let mut log = filled(2);
        append(&mut log, &batch(9, 2), 3);
        let defects = DefectSet::from_iter([Defect::EpochCacheNotTruncated]);
        log.set_config(LogConfig { defects, ..*log.config() });
        log.truncate_to(Offset(2), &mut Vec::new());
        assert_eq!(log.latest_epoch(), Some(LeaderEpoch(3)));
        assert!(!log.epochs_are_sound());
    }

    #[test]
    fn everything_goes_when_a_log_begins_elsewhere() {
        let mut log = filled(4);
        let mut out = Vec::new();
        log.truncate_fully_and_start_at(Offset(20), &mut out);
        let expected = [
            "delete segment 0",
            "delete segment 6",
            "create segment 20",
            "write! epochs",
            "delete snapshot 6",
        ];
        assert_eq!(operations(&out), expected);
        assert_eq!((log.start_offset(), log.end_offset()), (Offset(20), Offset(20)));
        assert_eq!((log.latest_epoch(), log.recovery_point()), (None, Offset(6)));
        assert!(log.audit());
        append(&mut log, &batch(9, 2), 3);
        // Below its first segment a log has nothing left to cut.
        cut(&mut log, 7);
        assert_eq!((log.start_offset(), log.end_offset()), (Offset(7), Offset(7)));
    }

    #[test]
    fn deleted_records_are_not_read() {
        let mut log = filled(4);
        log.advance_start_to(Offset(4), StartMovedBecause::Leader, &mut Vec::new());
        assert!(log.audit());
        assert_eq!(log.start_offset_to_checkpoint(), Some(Offset(4)));
        assert_eq!(log.epochs(), [(LeaderEpoch(1), Offset(4))]);
        let read = log.read(Offset(0), Offset(8), u32::MAX);
        assert_eq!(read.first().map(|batch| batch.base_offset), Some(Offset(4)));
        log.advance_start_to(Offset(2), StartMovedBecause::Leader, &mut Vec::new());
        assert_eq!(log.start_offset(), Offset(4));
        log.advance_start_to(Offset(90), StartMovedBecause::Leader, &mut Vec::new());
        assert_eq!(log.start_offset(), log.end_offset());
        cut(&mut log, 2);
        assert_eq!((log.start_offset(), log.end_offset()), (Offset(2), Offset(2)));
    }
}
