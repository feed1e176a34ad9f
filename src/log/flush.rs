//! What makes a log durable: a full segment, `flush.messages`, a shutdown. Never an answer to a
//! producer: Kafka's records are safe because they are on several nodes, not because of an fsync.

use crate::log::effect::LogEffect;
use crate::log::log::Log;
use crate::message::DiskOperation;
use crate::types::{Defect, Offset, Ticket};

impl Log {
    /// Flushes what is not flushed, and moves the recovery point to the end. The lane waits when
    /// `blocking`. With a ticket there is always an operation that completes it, even if all is
    /// flushed already: an earlier flush may be still under way.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `UnifiedLog.flush`, `LocalLog.flush`.
    pub fn flush(&mut self, ticket: Option<Ticket>, blocking: bool, out: &mut Vec<LogEffect>) {
        let end = self.end_offset();
        if end <= self.recovery_point && ticket.is_none() {
            return;
        }
        let first = self.segment_of(self.recovery_point);
        let last = self.segments.len() - 1;
        for (at, segment) in self.segments.iter().enumerate().skip(first) {
            out.push(LogEffect::Disk(DiskOperation::Flush {
                file: self.file(segment.base_offset),
                ticket: if at == last { ticket } else { None },
                blocking,
            }));
        }
        self.recovery_point = end;
    }

    /// `flush.ms`: flushes what is not flushed once nothing has been flushed for so long. Asked
    /// every `log.flush.scheduler.interval.ms`, with `wall_millis` on the wall clock.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `LogManager.flushDirtyLogs`.
    // Differs from Kafka: that a segment was rolled and flushed is noticed when it is asked next.
    pub fn flush_by_age(&mut self, wall_millis: i64, out: &mut Vec<LogEffect>) {
        let Some(interval) = self.config.flush_interval else { return };
        let before = self.flushed.filter(|(_, point)| *point == self.recovery_point);
        let is_moved = self.flushed.is_some() && before.is_none();
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        let is_due = before.is_none_or(|(at, _)| wall_millis.saturating_sub(at) >= interval);
        if !is_moved && is_due && !self.config.defects.acts(Defect::NeverFlush, self.partition) {
            self.flush(None, true, out);
        }
        if before.is_none_or(|(_, point)| point != self.recovery_point) {
            self.flushed = Some((wall_millis, self.recovery_point));
        }
    }

    /// Flushes in the background what is below `offset`, where the next segment will begin.
    pub(super) fn flush_below(&mut self, offset: Offset, out: &mut Vec<LogEffect>) {
        if offset <= self.recovery_point {
            return;
        }
        for segment in &self.segments[self.segment_of(self.recovery_point)..] {
            let file = self.file(segment.base_offset);
            let (ticket, blocking) = (None, false);
            out.push(LogEffect::Disk(DiskOperation::Flush { file, ticket, blocking }));
        }
        self.recovery_point = offset;
    }

    /// The last thing before a clean shutdown: flushes everything and takes a producer snapshot at
    /// the end. The process writes the checkpoints and the clean-shutdown file after it.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `LogManager.shutdown`, `UnifiedLog.close`.
    pub fn close(&mut self, out: &mut Vec<LogEffect>) {
        self.flush(None, true, out);
        self.snapshot_producers(out);
    }

    /// The place of the segment that holds `offset`, or would.
    pub(super) fn segment_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::log::LogConfig;
    use crate::log::log::Log;
    use crate::log::log::tests::{PARTITION, append, batch, operations};
    use crate::types::{Defect, DefectSet, Offset};

    #[test]
    fn a_log_is_flushed_when_it_has_not_been_for_so_long() {
        let flush_interval = Some(Duration::from_secs(5));
        let config = LogConfig { flush_interval, ..LogConfig::default() };
        let mut log = Log::create(PARTITION, config, &mut Vec::new());
        let check = |log: &mut Log, second: i64| {
            let mut out = Vec::new();
            log.flush_by_age(second * 1000, &mut out);
            operations(&out)
        };
        append(&mut log, &batch(0, 2), 1);
        assert_eq!(check(&mut log, 1), ["flush! segment 0"], "never flushed before");
        append(&mut log, &batch(1, 2), 1);
        assert_eq!(check(&mut log, 5), [""; 0], "four seconds only");
        assert_eq!(check(&mut log, 6), ["flush! segment 0"]);
        assert_eq!(log.recovery_point(), Offset(4));
        append(&mut log, &batch(2, 2), 1);
        log.flush(None, true, &mut Vec::new());
        assert_eq!(check(&mut log, 12), [""; 0], "somebody else has flushed it");
        append(&mut log, &batch(3, 2), 1);
        assert_eq!(check(&mut log, 16), [""; 0]);
        let defects = DefectSet::from_iter([Defect::NeverFlush]);
        log.set_config(LogConfig { defects, ..config });
        assert_eq!(check(&mut log, 17), [""; 0]);
        log.set_config(LogConfig { flush_interval: None, ..config });
        assert_eq!(check(&mut log, 18), [""; 0]);
        log.set_config(config);
        assert_eq!(check(&mut log, 19), ["flush! segment 0"]);
        assert_eq!(check(&mut log, 40), [""; 0], "nothing to flush");
    }
}
