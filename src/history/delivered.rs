//! What of a partition the applications of a group have processed, and what they never will.

use crate::history::spans::Spans;
use crate::types::Offset;

/// One partition, as one group reads it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::history) struct Delivered {
    /// Where the group began.
    start: Option<Offset>,
    processed: Spans,
    /// What `auto.offset.reset` led the group past.
    passed_over: Spans,
    /// The highest offset that was ever committed.
    committed: Option<Offset>,
    /// Behind this nobody of the group is at work any more: somebody began, or went on, here.
    reached: Offset,
}

impl Delivered {
    /// A member begins where the group has committed.
    pub(in crate::history) fn on_begun(&mut self, offset: Offset) {
        self.start.get_or_insert(offset);
        self.reached = self.reached.max(offset);
    }

    /// A member begins where `auto.offset.reset` says; the log began at `log_start`.
    ///
    /// What was committed counts no more, or nothing was: all from there to `offset` that nobody
    /// has processed was passed over by rule, and is not lost.
    pub(in crate::history) fn on_reset(&mut self, offset: Offset, log_start: Offset) {
        let from = match self.start {
            None => log_start,
            Some(start) => self.committed.map_or(start, |committed| committed.max(start)),
        };
        self.passed_over.add(from, offset);
        self.on_begun(offset);
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

    pub(in crate::history) fn is_processed(&self, offset: Offset) -> bool {
        self.processed.contains(offset)
    }

    /// The records that are committed and that nobody has processed, nor will: whoever was given
    /// them is gone, or has gone on. With `is_owned` the rest may still be in its owner's hands.
    pub(in crate::history) fn unprocessed(&self, is_owned: bool) -> Spans {
        let mut unprocessed = Spans::default();
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
        it.on_reset(Offset(6), Offset(2));
        it.on_processed(Offset(6), Offset(9));
        it.on_committed(Offset(8));
        // Out of range: retention was faster.
        it.on_reset(Offset(12), Offset(12));
        it.on_processed(Offset(12), Offset(15));
        it.on_committed(Offset(15));
        assert_eq!(it.passed_over(), 4 + 3);
        assert_eq!(unprocessed(&it, false), []);
        // Back to the beginning: nothing is passed over.
        it.on_reset(Offset(0), Offset(0));
        assert_eq!(it.passed_over(), 7);
    }
}
