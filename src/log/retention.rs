//! Retention: the oldest segments go, when the log is too large or they are too old; only whole
//! ones, and none that holds something at or above the high watermark.

use crate::event::{Kind, StartMovedBecause};
use crate::log::effect::LogEffect;
use crate::log::log::Log;
use crate::log::segment::Segment;
use crate::message::{DiskOperation, FileName};
use crate::types::{Deed, Defect, Offset};

impl Log {
    /// Deletes what retention no longer keeps, with `wall_millis` on the broker's wall clock: first
    /// segments below the log start, then as many as `retention.bytes` asks, then those that
    /// `retention.ms` does. If all are to go, a new one is begun first. What is remembered of
    /// producers stays; their snapshots go with the segments.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `UnifiedLog.deleteOldSegments`.
    pub fn delete_old_segments(
        &mut self,
        wall_millis: i64,
        high_watermark: Offset,
        out: &mut Vec<LogEffect>,
    ) {
        let start = self.start;
        let is_below_start = |_: &Segment, next: Option<Offset>| next.is_some_and(|n| n <= start);
        let count = self.count_deletable(high_watermark, is_below_start);
        self.delete_segments(count, out);
        self.delete_beyond_size(high_watermark, out);
        self.delete_beyond_age(wall_millis, high_watermark, out);
    }

    /// Source: Kafka 4.1, `UnifiedLog.deleteRetentionSizeBreachedSegments`.
    fn delete_beyond_size(&mut self, high_watermark: Offset, out: &mut Vec<LogEffect>) {
        let Some(limit) = self.config.retention_bytes else { return };
        let size: u64 = self.segments.iter().map(|segment| segment.size_bytes).sum();
        let mut excess = size.saturating_sub(limit);
        let count = self.count_deletable(high_watermark, |segment, _| {
            let goes = size >= limit && segment.size_bytes <= excess;
            excess -= if goes { segment.size_bytes } else { 0 };
            goes
        });
        let because = StartMovedBecause::RetentionBytes;
        self.delete_for(count, high_watermark, (because, limit, None), out);
    }

    /// Source: Kafka 4.1, `UnifiedLog.deleteRetentionMsBreachedSegments`.
    fn delete_beyond_age(
        &mut self,
        wall_millis: i64,
        high_watermark: Offset,
        out: &mut Vec<LogEffect>,
    ) {
        let Some(age_max) = self.config.retention_age_max else { return };
        let limit = u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX);
        let age_max = i64::try_from(limit).unwrap_or(i64::MAX);
        let count = self.count_deletable(high_watermark, |segment, _| {
            // Kafka takes the file's time of change for the age of an empty segment, which is
            // deleted and made again: nothing comes of it.
            let youngest = segment.max_timestamp;
            youngest.is_some_and(|youngest| wall_millis.saturating_sub(youngest) > age_max)
        });
        let because = StartMovedBecause::RetentionMs;
        self.delete_for(count, high_watermark, (because, limit, Some(wall_millis)), out);
    }

    /// How many segments from the oldest on `goes`, which is asked for a segment and where the
    /// next begins, lets go.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `UnifiedLog.deletableSegments`.
    fn count_deletable(
        &self,
        high_watermark: Offset,
        mut goes: impl FnMut(&Segment, Option<Offset>) -> bool,
    ) -> usize {
        let nexts = self.segment_bases().skip(1).map(Some).chain([None]);
        let is_deletable = |(segment, next): &(&Segment, Option<Offset>)| {
            let end = next.unwrap_or(self.end_offset());
            let is_empty_and_last = next.is_none() && segment.size_bytes == 0;
            high_watermark >= end && goes(segment, *next) && !is_empty_and_last
        };
        self.segments.iter().zip(nexts).take_while(is_deletable).count()
    }

    /// Deletes the first `count` segments by the rule `(because, limit, wall_millis)`.
    fn delete_for(
        &mut self,
        count: usize,
        high_watermark: Offset,
        (because, limit, wall_millis): (StartMovedBecause, u64, Option<i64>),
        out: &mut Vec<LogEffect>,
    ) {
        let deletable = count;
        let count = match self.config.defects.has(Defect::RetentionOneMore) && count > 0 {
            true => (count + 1).min(self.count_deletable(high_watermark, |_, _| true)),
            false => count,
        };
        if count == 0 {
            return;
        }
        if count > deletable {
            Deed::note(Defect::RetentionOneMore, self.partition);
        }
        if count == self.segments.len() {
            self.roll(out);
        }
        let start = self.segments[count].base_offset;
        let moved = Kind::LogStartMoved {
            partition: self.partition,
            log_start_offset: start,
            because,
            limit: Some(limit),
            wall_millis,
        };
        self.raise_start(start, moved, out);
        self.delete_segments(count, out);
    }

    /// Deletes the first `count` segments, which are below the log start, but never the last.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `UnifiedLog.deleteSegments`.
    fn delete_segments(&mut self, count: usize, out: &mut Vec<LogEffect>) {
        if count == 0 {
            return;
        }
        let mut bytes = 0;
        for segment in self.segments.drain(..count) {
            bytes += segment.size_bytes;
            let file = FileName::Segment(self.partition, segment.base_offset);
            out.push(LogEffect::Disk(DiskOperation::Delete { file }));
            if self.producers.remove_snapshot(segment.base_offset) {
                let file = FileName::ProducerSnapshot(self.partition, segment.base_offset);
                out.push(LogEffect::Disk(DiskOperation::Delete { file }));
            }
        }
        let first_base = self.segments[0].base_offset;
        self.batches.delete_below(first_base);
        out.push(LogEffect::Event(Kind::SegmentsDeleted {
            partition: self.partition,
            first_base,
            segments: u32::try_from(count).expect("segments are files"),
            bytes,
        }));
    }

    /// How many bytes its segments hold.
    pub fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::log::config::LogConfig;
    use crate::log::log::tests::{PARTITION, append, batch, filled, operations, stamped};
    use crate::message::{DiskImage, ProducerStamp};
    use crate::types::{DefectSet, LeaderEpoch, ProducerEpoch, ProducerId, Sequence};

    const HOUR: i64 = 3_600_000;

    fn with(mut log: Log, change: impl FnOnce(&mut LogConfig)) -> Log {
        let mut config = *log.config();
        change(&mut config);
        log.set_config(config);
        log
    }

    fn clean(log: &mut Log, wall_millis: i64, high_watermark: i64) -> Vec<LogEffect> {
        let mut out = Vec::new();
        log.delete_old_segments(wall_millis, Offset(high_watermark), &mut out);
        assert!(log.audit(), "{log:?}");
        out
    }

    fn bases(log: &Log) -> Vec<i64> {
        log.segment_bases().map(|base| base.0).collect()
    }

    /// Nine batches of two records and 261 bytes, one a second, three to a segment.
    fn nine() -> Log {
        with(filled(9), |config| config.retention_age_max = None)
    }

    #[test]
    fn size_leaves_at_least_what_is_to_be_kept() {
        let size = nine().size_bytes();
        let segment = size / 3;
        // (retention.bytes, what is left)
        let table = [
            (size, &[0, 6, 12][..]),
            (size - segment + 1, &[0, 6, 12]),
            (size - segment, &[6, 12]),
            (segment + 1, &[6, 12]),
            (segment, &[12]),
            (1, &[12]),
            (0, &[18]),
        ];
        for (limit, left) in table {
            let mut log = with(nine(), |config| config.retention_bytes = Some(limit));
            clean(&mut log, 0, 18);
            assert_eq!(bases(&log), left, "{limit}");
            assert_eq!(log.start_offset().0, left[0]);
            let before = log.chain_at_end();
            assert_eq!(clean(&mut log, 0, 18), [], "{limit}");
            assert_eq!(log.chain_at_end(), before);
        }
    }

    #[test]
    fn age_is_that_of_the_youngest_record_of_a_segment() {
        let five = Duration::from_secs(5);
        // The segments' youngest records are of seconds 2, 5 and 8.
        let table = [(7000, &[0, 6, 12][..]), (7001, &[6, 12]), (10_001, &[12]), (13_001, &[18])];
        for (wall, left) in table {
            let mut log = with(nine(), |config| config.retention_age_max = Some(five));
            clean(&mut log, wall, 18);
            assert_eq!(bases(&log), left, "{wall}");
        }
    }

    #[test]
    fn nothing_at_or_above_the_high_watermark_goes() {
        for (high_watermark, left) in
            [(5, &[0, 6, 12][..]), (6, &[6, 12]), (17, &[12]), (18, &[18])]
        {
            let mut log = with(nine(), |config| config.retention_bytes = Some(0));
            clean(&mut log, 0, high_watermark);
            assert_eq!(bases(&log), left, "{high_watermark}");
        }
    }

    #[test]
    fn segments_below_the_start_go_whatever_is_kept() {
        let mut log = nine();
        log.advance_start_to(Offset(13), StartMovedBecause::DeleteRecords, &mut Vec::new());
        assert_eq!(bases(&log), [0, 6, 12]);
        let out = clean(&mut log, 0, 13);
        assert_eq!(operations(&out)[..2], ["delete segment 0", "delete segment 6"]);
        assert_eq!((bases(&log), log.start_offset()), (vec![12], Offset(13)));
        assert_eq!(log.start_offset_to_checkpoint(), Some(Offset(13)));
    }

    #[test]
    fn all_may_go_and_the_log_goes_on_behind_them() {
        let mut log = with(nine(), |config| config.retention_bytes = Some(0));
        let out = clean(&mut log, 0, 18);
        assert_eq!(operations(&out)[0], "create segment 18");
        assert_eq!((log.start_offset(), log.end_offset()), (Offset(18), Offset(18)));
        assert_eq!(log.epochs(), [(LeaderEpoch(1), Offset(18))]);
        append(&mut log, &batch(50, 2), 1);
        assert_eq!(bases(&log), [18]);
        assert_eq!(log.read(Offset(0), Offset(20), u32::MAX).len(), 1);
    }

    #[test]
    fn producers_are_remembered_and_their_snapshots_deleted() {
        let stamp = |sequence| ProducerStamp {
            id: ProducerId(1),
            epoch: ProducerEpoch(0),
            base_sequence: Sequence(sequence),
        };
        let config = LogConfig { segment_bytes: 300, ..LogConfig::default() };
        let mut log = Log::create(PARTITION, config, &mut Vec::new());
        for id in 0..4 {
            append(&mut log, &stamped(id, 2, Some(stamp(2 * i32::try_from(id).unwrap()))), 0);
        }
        let mut log = with(log, |config| config.retention_bytes = Some(0));
        let out = clean(&mut log, 0, 8);
        let gone = operations(&out).into_iter().filter(|line| line.starts_with("delete snapshot"));
        assert_eq!(gone.collect::<Vec<_>>(), [2, 4, 6].map(|at| format!("delete snapshot {at}")));
        // Only what comes next is taken.
        let mut out = Vec::new();
        let check = crate::log::append::SequenceCheck::Client;
        let mut append = |sequence| {
            let body = stamped(9, 2, Some(stamp(sequence))).body;
            log.append_as_leader(body, LeaderEpoch(0), 0, check, &mut out)
        };
        assert!(append(6).unwrap().duplicate);
        assert!(append(10).is_err());
        assert!(!append(8).unwrap().duplicate);
    }

    #[test]
    fn one_segment_too_many_goes_with_the_defect_but_none_above_the_high_watermark() {
        for (high_watermark, left) in [(18, &[12][..]), (11, &[6, 12])] {
            let mut log = with(nine(), |config| {
                config.retention_age_max = Some(Duration::from_secs(5));
                config.defects = DefectSet::from_iter([Defect::RetentionOneMore]);
            });
            clean(&mut log, 7001, high_watermark);
            assert_eq!(bases(&log), left);
        }
    }

    #[test]
    fn a_log_without_records_is_left_alone() {
        let config = LogConfig { retention_bytes: Some(0), ..LogConfig::default() };
        let mut log = Log::create(PARTITION, config, &mut Vec::new());
        assert_eq!(clean(&mut log, 1000 * HOUR, 0), []);
        let image = DiskImage::default();
        let mut log = Log::recover(PARTITION, config, &image, true, &mut Vec::new());
        assert_eq!(clean(&mut log, 1000 * HOUR, 0), []);
    }
}
