//! What of a partition the applications of a group have processed, and what they never will.

use std::collections::BTreeMap;

use crate::history::spans::Spans;
use crate::types::{HostId, Offset};

/// One partition, as one group reads it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::history) struct Delivered {
    /// Where the group began.
    start: Option<Offset>,
    processed: Spans,
    /// What `auto.offset.reset` led the group past.
    passed_over: Spans,
    /// Where each reader stands: what it has in its hands lies before.
    readers: BTreeMap<HostId, Offset>,
    /// The highest offset that was ever committed.
    committed: Option<Offset>,
    /// Behind this nobody of the group is at work any more: somebody began, or went on, here.
    reached: Offset,
    /// What was committed and never processed before somebody else said where to go on.
    lost: Spans,
}

impl Delivered {
    /// A member begins where the group has committed.
    pub(in crate::history) fn on_begun(&mut self, offset: Offset) {
        self.start.get_or_insert(offset);
        self.reached = self.reached.max(offset);
    }

    /// An administrator says where to go on, or that nothing is committed: what the group's
    /// applications committed before counts no more.
    pub(in crate::history) fn on_told(&mut self, offset: Option<Offset>) {
        self.lost = self.unprocessed(false);
        if let Some(offset) = offset {
            self.lost.cut(offset);
        }
        self.start = offset;
        self.committed = None;
        self.reached = offset.unwrap_or(Offset::ZERO);
    }

    /// The reader on `host` goes on at `offset`; by reset, if the log began at `log_start` then.
    pub(in crate::history) fn on_position(
        &mut self,
        host: Option<HostId>,
        offset: Offset,
        log_start: Option<Offset>,
    ) {
        match (host, log_start) {
            (Some(host), Some(log_start)) => self.on_reset(host, offset, log_start),
            _ => self.on_read(host, Some(offset)),
        }
    }

    /// The reader on `host` was told where to go on, or was returned what lies before.
    pub(in crate::history) fn on_read(&mut self, host: Option<HostId>, offset: Option<Offset>) {
        let Some(host) = host else { return };
        match offset {
            Some(offset) => self.readers.insert(host, offset),
            None => self.readers.remove(&host),
        };
    }

    /// The member on `host` goes on where `auto.offset.reset` says; the log began at `log_start`.
    ///
    /// What was committed counts no more, or nothing was: all from there to `offset` that nobody
    /// has processed, nor was returned to it, was passed over by rule, and is not lost.
    fn on_reset(&mut self, host: HostId, offset: Offset, log_start: Offset) {
        let from = match self.start {
            None => log_start,
            Some(start) => self.committed.map_or(start, |committed| committed.max(start)),
        };
        let stood = self.readers.insert(host, offset);
        self.passed_over.add(stood.map_or(from, |stood| from.max(stood)), offset);
        self.on_begun(offset);
        // It may lead back, from where there is nothing.
        self.start = self.start.min(Some(offset));
        self.reached = offset;
    }

    /// An application has processed `from..to`; says how many of these not for the first time.
    pub(in crate::history) fn on_processed(&mut self, from: Offset, to: Offset) -> u64 {
        self.start.get_or_insert(from);
        self.reached = self.reached.max(to);
        self.processed.add(from, to).0
    }

    pub(in crate::history) fn on_committed(&mut self, offset: Offset) {
        self.committed = self.committed.max(Some(offset));
    }

    /// Whether it is known where the group began.
    pub(in crate::history) fn has_begun(&self) -> bool {
        self.start.is_some()
    }

    pub(in crate::history) fn is_processed(&self, offset: Offset) -> bool {
        self.processed.contains(offset)
    }

    /// The records that are committed and that nobody has processed, nor will: whoever was given
    /// them is gone, or has gone on. With `is_owned` the rest may still be in its owner's hands.
    pub(in crate::history) fn unprocessed(&self, is_owned: bool) -> Spans {
        let mut unprocessed = Spans::default();
        for (from, to) in self.lost.stretches() {
            self.processed.gaps(from, to).for_each(|(from, to)| {
                unprocessed.add(from, to);
            });
        }
        let (Some(start), Some(committed)) = (self.start, self.committed) else {
            return unprocessed;
        };
        let end = if is_owned { committed.min(self.reached) } else { committed };
        let mut done = self.processed.clone();
        for (from, to) in self.passed_over.stretches() {
            done.add(from, to);
        }
        done.gaps(start, end).for_each(|(from, to)| {
            unprocessed.add(from, to);
        });
        unprocessed
    }

    /// The records that `auto.offset.reset` led past, and that nobody has processed.
    pub(in crate::history) fn passed_over(&self) -> u64 {
        let gaps =
            self.passed_over.stretches().flat_map(|(from, to)| self.processed.gaps(from, to));
        gaps.map(|(from, to)| to.since(from)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: HostId = HostId(7);

    fn unprocessed(it: &Delivered, is_owned: bool) -> Vec<(i64, i64)> {
        it.unprocessed(is_owned).stretches().map(|(from, to)| (from.0, to.0)).collect()
    }

    #[test]
    fn what_is_committed_and_in_nobodys_hands_is_lost() {
        let mut it = Delivered::default();
        it.on_begun(Offset(3));
        it.on_committed(Offset(10));
        it.on_processed(Offset(3), Offset(6));
        // Its owner may be at work on it; nobody is when it has no owner.
        assert_eq!(unprocessed(&it, true), []);
        assert_eq!(unprocessed(&it, false), [(6, 10)]);
        // The next one begins behind it.
        it.on_begun(Offset(10));
        assert_eq!(unprocessed(&it, true), [(6, 10)]);
        // Somebody who was slow comes to some of it after all.
        assert_eq!(it.on_processed(Offset(5), Offset(8)), 1);
        assert_eq!(unprocessed(&it, true), [(8, 10)]);
        assert_eq!(it.passed_over(), 0);
    }

    #[test]
    fn what_is_not_committed_can_still_be_processed() {
        let mut it = Delivered::default();
        it.on_begun(Offset(0));
        it.on_processed(Offset(0), Offset(2));
        assert_eq!(unprocessed(&it, false), []);
        it.on_committed(Offset(2));
        assert_eq!(unprocessed(&it, false), []);
    }

    #[test]
    fn what_a_reset_leads_past_is_no_loss() {
        let mut it = Delivered::default();
        // With `latest`: four records are there, and the log begins at 2.
        it.on_reset(READER, Offset(6), Offset(2));
        it.on_processed(Offset(6), Offset(9));
        it.on_committed(Offset(8));
        // Out of range: retention was faster.
        it.on_reset(READER, Offset(12), Offset(12));
        it.on_processed(Offset(12), Offset(15));
        it.on_committed(Offset(15));
        assert_eq!(it.passed_over(), 4 + 3);
        assert_eq!(unprocessed(&it, false), []);
        // Back to the beginning: nothing is passed over.
        it.on_reset(READER, Offset(0), Offset(0));
        assert_eq!(it.passed_over(), 7);
    }

    #[test]
    fn what_a_poll_has_returned_before_a_reset_is_not_passed_over() {
        let mut it = Delivered::default();
        it.on_begun(Offset(0));
        it.on_read(Some(READER), Some(Offset(10)));
        it.on_processed(Offset(0), Offset(4));
        it.on_committed(Offset(4));
        // Its application has six more in its hands.
        it.on_reset(READER, Offset(15), Offset(15));
        assert_eq!(it.passed_over(), 5);
        // It dies with them, and nobody finds them any more.
        it.on_read(Some(HostId(8)), Some(Offset(4)));
        it.on_reset(HostId(8), Offset(15), Offset(15));
        assert_eq!(it.passed_over(), 11);
    }

    #[test]
    fn what_an_administrator_commits_is_no_word_of_the_applications() {
        let mut it = Delivered::default();
        it.on_begun(Offset(0));
        it.on_processed(Offset(0), Offset(4));
        it.on_committed(Offset(6));
        // Forward: what lies between nobody has lost; what was lost before is.
        it.on_told(Some(Offset(100)));
        assert_eq!(unprocessed(&it, false), [(4, 6)]);
        it.on_begun(Offset(100));
        it.on_processed(Offset(100), Offset(103));
        it.on_committed(Offset(105));
        assert_eq!(unprocessed(&it, false), [(4, 6), (103, 105)]);
        // Back, behind the one and before the other.
        it.on_told(Some(Offset(50)));
        assert_eq!(unprocessed(&it, false), [(4, 6)]);
    }

    #[test]
    fn where_an_administrator_leads_past_the_end_nothing_is_lost() {
        let mut it = Delivered::default();
        it.on_told(Some(Offset(100_000)));
        it.on_begun(Offset(100_000));
        it.on_reset(READER, Offset(0), Offset(0));
        it.on_processed(Offset(0), Offset(10));
        it.on_committed(Offset(12));
        assert_eq!(unprocessed(&it, true), []);
        assert_eq!(unprocessed(&it, false), [(10, 12)]);
        assert_eq!(it.passed_over(), 0);
        it.on_told(None);
        assert_eq!(unprocessed(&it, true), [(10, 12)]);
    }
}
