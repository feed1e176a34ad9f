//! What makes a log durable: a full segment, `flush.messages`, a shutdown. Never an answer to a
//! producer: Kafka's records are safe because they are on several nodes, not because of an fsync.

use crate::log::effect::LogEffect;
use crate::log::log::Log;
use crate::message::DiskOperation;
use crate::types::{Offset, Ticket};

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
