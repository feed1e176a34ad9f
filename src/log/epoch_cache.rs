//! The leader-epoch cache: where each leader epoch begins in the log (`leader-epoch-checkpoint`).

use crate::types::{LeaderEpoch, Offset};

/// Leader epochs with their start offsets, both strictly ascending.
///
/// The cache changes itself and says whether it did; its owner writes the checkpoint. An entry may
/// stand at the end of the log: a new leader makes it before its first record (KAFKA-7415).
///
/// Source: KIP-101, KIP-279; Kafka 4.1, `LeaderEpochFileCache`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct EpochCache(Vec<(LeaderEpoch, Offset)>);

impl EpochCache {
    /// The cache that a checkpoint describes. Entries are assigned one by one, as Kafka does, so
    /// that whatever the file says the cache ascends.
    pub(super) fn load(entries: &[(LeaderEpoch, Offset)]) -> Self {
        let mut cache = Self::default();
        for &(epoch, start) in entries {
            cache.assign(epoch, start);
        }
        cache
    }

    /// The entries, ascending.
    pub(super) fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.0
    }

    /// The latest entry.
    pub(super) fn latest(&self) -> Option<(LeaderEpoch, Offset)> {
        self.0.last().copied()
    }

    /// Says that `epoch` begins at `start`, and forgets what contradicts that; returns whether
    /// anything changed. The latest epoch keeps its start, unless it began earlier.
    pub(super) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if self.latest().is_some_and(|(latest, since)| latest == epoch && since <= start) {
            return false;
        }
        while self.latest().is_some_and(|(latest, since)| latest >= epoch || since >= start) {
            self.0.pop();
        }
        self.0.push((epoch, start));
        true
    }

    /// Forgets epochs that begin at or after `end`; returns whether there were any.
    pub(super) fn truncate_from_end(&mut self, end: Offset) -> bool {
        let left = self.0.partition_point(|(_, start)| *start < end);
        let changed = left < self.0.len();
        self.0.truncate(left);
        changed
    }

    /// Forgets epochs that end at or before `start`, and lets the one that holds `start` begin
    /// there; returns whether there was anything to change.
    pub(super) fn truncate_from_start(&mut self, start: Offset) -> bool {
        let passed = self.0.partition_point(|(_, since)| *since <= start);
        if passed == 0 || self.0[passed - 1].1 == start && passed == 1 {
            return false;
        }
        self.0.drain(..passed - 1);
        self.0[0].1 = start;
        true
    }

    /// Forgets everything; returns whether there was anything.
    pub(super) fn clear(&mut self) -> bool {
        let changed = !self.0.is_empty();
        self.0.clear();
        changed
    }

    /// The largest epoch up to the one `requested`, and the offset where it ends in a log that
    /// ends at `log_end_offset`. An epoch below all that are known ends where the first of those
    /// begins. `None` when nothing can be said: no epoch was asked for, or one above all that are
    /// known.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `LeaderEpochFileCache.endOffsetFor`.
    pub(super) fn end_offset_for(
        &self,
        requested: Option<LeaderEpoch>,
        log_end_offset: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        let requested = requested?;
        if self.latest().is_some_and(|(latest, _)| latest == requested) {
            return Some((requested, log_end_offset));
        }
        let higher = self.0.partition_point(|(epoch, _)| *epoch <= requested);
        let (_, end) = *self.0.get(higher)?;
        let floor = higher.checked_sub(1).map_or(requested, |floor| self.0[floor].0);
        Some((floor, end))
    }

    /// The epoch that holds `offset`, as far as entries say.
    pub(super) fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.0.partition_point(|(_, start)| *start <= offset);
        after.checked_sub(1).map(|at| self.0[at].0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Entries = &'static [(i32, i64)];

    fn cache(entries: &[(i32, i64)]) -> EpochCache {
        EpochCache::load(&pairs(entries))
    }

    fn pairs(entries: &[(i32, i64)]) -> Vec<(LeaderEpoch, Offset)> {
        entries.iter().map(|&(epoch, start)| (LeaderEpoch(epoch), Offset(start))).collect()
    }

    #[test]
    fn assigning_keeps_both_columns_ascending() {
        let table: &[(Entries, (i32, i64), bool, Entries)] = &[
            (&[], (0, 0), true, &[(0, 0)]),
            (&[(1, 5)], (1, 5), false, &[(1, 5)]),
            (&[(1, 5)], (1, 9), false, &[(1, 5)]),
            (&[(1, 5)], (1, 3), true, &[(1, 3)]),
            (&[(1, 5)], (2, 5), true, &[(2, 5)]),
            (&[(1, 5)], (2, 4), true, &[(2, 4)]),
            (&[(1, 5)], (2, 6), true, &[(1, 5), (2, 6)]),
            (&[(1, 5), (3, 8)], (2, 9), true, &[(1, 5), (2, 9)]),
            (&[(1, 5), (3, 8)], (2, 8), true, &[(1, 5), (2, 8)]),
            (&[(1, 5), (3, 8), (4, 9)], (5, 6), true, &[(1, 5), (5, 6)]),
            (&[(1, 5), (3, 8)], (0, 2), true, &[(0, 2)]),
        ];
        for (before, (epoch, start), changed, after) in table {
            let mut subject = cache(before);
            let did = subject.assign(LeaderEpoch(*epoch), Offset(*start));
            assert_eq!(did, *changed, "{before:?} + ({epoch}, {start})");
            assert_eq!(subject, cache(after), "{before:?} + ({epoch}, {start})");
        }
    }

    #[test]
    fn the_end_is_cut_at_the_offset_itself() {
        let table: &[(i64, bool, Entries)] = &[
            (10, false, &[(1, 0), (2, 5), (4, 9)]),
            (9, true, &[(1, 0), (2, 5)]),
            (6, true, &[(1, 0), (2, 5)]),
            (5, true, &[(1, 0)]),
            (0, true, &[]),
        ];
        for (end, changed, after) in table {
            let mut subject = cache(&[(1, 0), (2, 5), (4, 9)]);
            assert_eq!(subject.truncate_from_end(Offset(*end)), *changed, "{end}");
            assert_eq!(subject, cache(after), "{end}");
        }
    }

    #[test]
    fn the_start_moves_into_the_epoch_that_holds_it() {
        let table: &[(i64, bool, Entries)] = &[
            (0, false, &[(1, 2), (2, 5), (4, 9)]),
            (2, false, &[(1, 2), (2, 5), (4, 9)]),
            (3, true, &[(1, 3), (2, 5), (4, 9)]),
            (5, true, &[(2, 5), (4, 9)]),
            (7, true, &[(2, 7), (4, 9)]),
            (20, true, &[(4, 20)]),
        ];
        for (start, changed, after) in table {
            let mut subject = cache(&[(1, 2), (2, 5), (4, 9)]);
            assert_eq!(subject.truncate_from_start(Offset(*start)), *changed, "{start}");
            assert_eq!(subject, cache(after), "{start}");
        }
    }

    #[test]
    fn ends_of_epochs_are_as_kafka_says() {
        let subject = cache(&[(2, 5), (4, 9), (7, 9), (8, 12)]);
        let table: &[(i32, Option<(i32, i64)>)] = &[
            (-1, None),
            // Below all that are known: the first known start, under the name that was asked for.
            (0, Some((0, 5))),
            (1, Some((1, 5))),
            (2, Some((2, 9))),
            (3, Some((2, 9))),
            // Epoch 4 was empty: 7 took its place.
            (4, Some((2, 9))),
            (7, Some((7, 12))),
            (8, Some((8, 20))),
            (9, None),
        ];
        for &(requested, expected) in table {
            let expected = expected.map(|(epoch, end)| (LeaderEpoch(epoch), Offset(end)));
            let requested = LeaderEpoch::from_wire(requested);
            assert_eq!(subject.end_offset_for(requested, Offset(20)), expected, "{requested:?}");
        }
        assert_eq!(cache(&[]).end_offset_for(Some(LeaderEpoch(0)), Offset(0)), None);
    }

    #[test]
    fn an_offset_below_all_entries_has_no_epoch() {
        let subject = cache(&[(2, 5), (4, 9)]);
        let epoch_at = |offset| subject.epoch_at(Offset(offset)).map(|epoch| epoch.0);
        assert_eq!([4, 5, 8, 9, 90].map(epoch_at), [None, Some(2), Some(2), Some(4), Some(4)]);
    }
}
