//! A replica's log as the events tell it: one entry a batch.

use crate::event::ChainHash;
use crate::types::{BatchId, Chunks, LeaderEpoch, Offset};

/// A batch in a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogEntry {
    /// Offset of its first record.
    pub base: Offset,
    /// How many records.
    pub records: u32,
    /// Its leader epoch.
    pub epoch: LeaderEpoch,
    /// The batch.
    pub batch: BatchId,
    /// Hash of the log up to its end, with what was deleted from its front.
    pub chain: ChainHash,
    /// The event that put it there.
    pub event: u64,
}

impl LogEntry {
    /// The offset after its last record.
    pub fn end(&self) -> Offset {
        self.base + u64::from(self.records)
    }

    /// Whether both are the same batch, at the same place, of the same leader epoch.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.base, self.epoch, self.batch) == (other.base, other.epoch, other.batch)
    }
}

/// A log. Clones share all but its newest entries.
#[derive(Clone, PartialEq, Debug)]
pub struct LogView {
    /// The first offset that is left.
    pub start: Offset,
    /// Where the entries begin: 0, where the first segment that is left begins, or the place where
    /// a replica started anew.
    origin: Offset,
    /// Hash of what was before the origin, if that is known.
    before: Option<ChainHash>,
    end: Offset,
    entries: Chunks<LogEntry>,
}

impl Default for LogView {
    fn default() -> Self {
        Self::starting_at(Offset::ZERO, Some(ChainHash(0)))
    }
}

impl LogView {
    /// An empty log that begins at `origin`, before which there was what `before` is the hash of,
    /// as far as that is known.
    pub fn starting_at(origin: Offset, before: Option<ChainHash>) -> Self {
        Self { start: origin, origin, before, end: origin, entries: Chunks::default() }
    }

    /// Where the entries begin.
    pub fn origin(&self) -> Offset {
        self.origin
    }

    /// The next offset to be written.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// The entries in order.
    pub fn entries(&self) -> &Chunks<LogEntry> {
        &self.entries
    }

    /// The newest entry.
    pub fn last(&self) -> Option<&LogEntry> {
        self.entries.last()
    }

    /// The entry before the newest.
    pub fn before_last(&self) -> Option<&LogEntry> {
        self.entries.get(self.entries.len().checked_sub(2)?)
    }

    /// Adds a batch, which must begin where the log ends.
    pub fn append(&mut self, entry: LogEntry) {
        assert_eq!(entry.base, self.end, "a batch is appended at the end");
        self.end = entry.end();
        self.entries.push(entry);
    }

    /// Forgets the entries below `origin`, where one must begin, or the log end: their segments
    /// were deleted.
    pub fn delete_below(&mut self, origin: Offset) {
        if origin <= self.origin {
            return;
        }
        let Some(before) = self.chain_at(origin) else { return };
        let kept = self.index_of(origin);
        self.entries.remove_first(kept);
        self.before = self.before.is_some().then_some(before);
        self.origin = origin;
    }

    /// Cuts the log; a batch that reaches beyond `end` goes as a whole.
    pub fn truncate_to(&mut self, end: Offset) {
        self.entries.truncate(self.entries.partition_point(|entry| entry.end() <= end));
        self.end = self.entries.last().map_or(self.origin.min(end), LogEntry::end);
        self.start = self.start.min(self.end);
    }

    /// The index of the first entry that ends after `offset`.
    pub fn index_of(&self, offset: Offset) -> usize {
        self.entries.partition_point(|entry| entry.end() <= offset)
    }

    /// The batch that `offset` is in.
    pub fn entry_at(&self, offset: Offset) -> Option<&LogEntry> {
        self.entries.get(self.index_of(offset)).filter(|entry| entry.base <= offset)
    }

    /// The hash of the log up to its end, with what was deleted from its front.
    pub fn chain(&self) -> ChainHash {
        self.entries.last().map_or(self.front(), |entry| entry.chain)
    }

    /// The hash of the log from its origin to its end.
    pub fn own_chain(&self) -> ChainHash {
        self.chain().without(self.front())
    }

    /// The hash up to the place to which a log with this origin has `own`.
    pub fn chain_of(&self, own: ChainHash) -> ChainHash {
        self.front().with(own)
    }

    /// The hash of what was before the origin; zero where that is not known, and then no hash of
    /// this log can be compared with another's.
    fn front(&self) -> ChainHash {
        self.before.unwrap_or(ChainHash(0))
    }

    /// The hash of the log up to `end`, with what was deleted from its front; `None` unless a batch
    /// ends there.
    pub fn chain_at(&self, end: Offset) -> Option<ChainHash> {
        if end == self.origin {
            return Some(self.front());
        }
        let entry = self.entries.get(self.index_of(end).checked_sub(1)?)?;
        (entry.end() == end).then_some(entry.chain)
    }

    /// Whether both are equal up to `end`, as far as both go back and neither has deleted by rule;
    /// `None` when their hashes cannot say.
    pub fn equals(&self, other: &Self, end: Offset) -> Option<bool> {
        let (ours, theirs) = (self.chain_at(end)?, other.chain_at(end)?);
        if ours == theirs && self.before.is_some() && other.before.is_some() {
            return Some(true);
        }
        let from = self.compared_from(other);
        if from >= end {
            return Some(true);
        }
        let (our_front, their_front) = (self.chain_at(from)?, other.chain_at(from)?);
        Some(ours.without(our_front) == theirs.without(their_front))
    }

    /// What is below was deleted in one of the two, and neither shows it any more. A follower may
    /// even hold something else there: of epochs that its leader deleted as a whole the leader
    /// knows no more, and does not send it back behind its own log start (LeaderEpochFileCache).
    fn compared_from(&self, other: &Self) -> Offset {
        self.origin.max(self.start).max(other.origin).max(other.start)
    }

    /// Whether this log holds everything that `other` holds below `end`, and the same.
    pub fn holds(&self, other: &Self, end: Offset) -> bool {
        let is_equal = self.equals(other, end);
        is_equal.unwrap_or_else(|| self.first_missing(other, end).is_none())
    }

    /// The first batch below `end` that `other` holds and this log does not. What either deleted
    /// by rule does not count.
    pub fn first_missing<'a>(&self, other: &'a Self, end: Offset) -> Option<&'a LogEntry> {
        let from = other.index_of(self.compared_from(other));
        let below = other.entries.iter_from(from).take_while(|entry| entry.base < end);
        below
            .into_iter()
            .find(|theirs| self.entry_at(theirs.base).is_none_or(|ours| !ours.is_same(theirs)))
    }

    /// Where the newest run of batches of `epoch` begins, if the log has any.
    pub fn epoch_start(&self, epoch: LeaderEpoch) -> Option<Offset> {
        let at = self.entries.partition_point(|entry| entry.epoch < epoch);
        self.entries.get(at).filter(|entry| entry.epoch == epoch).map(|entry| entry.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(batches: &[(u32, i32, u64)]) -> LogView {
        let mut log = LogView::default();
        for &(records, epoch, batch) in batches {
            let words = [log.end().0, epoch.into(), batch.cast_signed(), records.into()]
                .map(i64::cast_unsigned);
            log.append(LogEntry {
                base: log.end(),
                records,
                epoch: LeaderEpoch(epoch),
                batch: BatchId(batch),
                chain: log.chain().with(ChainHash(crate::types::hash_words(&words))),
                event: 0,
            });
        }
        log
    }

    #[test]
    fn a_prefix_is_held_and_a_fork_is_not() {
        let whole = log(&[(2, 0, 1), (3, 0, 2), (1, 1, 3)]);
        let fork = log(&[(2, 0, 1), (3, 1, 4)]);
        assert!(whole.holds(&fork, Offset(2)));
        assert!(!whole.holds(&fork, Offset(5)));
        assert_eq!(whole.first_missing(&fork, Offset(5)).map(|e| e.batch), Some(BatchId(4)));
        assert!(!fork.holds(&whole, Offset(6)));
    }

    #[test]
    fn what_was_deleted_may_have_been_another() {
        let mut leader = log(&[(2, 0, 1), (1, 1, 2), (4, 1, 3)]);
        let follower = log(&[(2, 0, 1), (1, 0, 9), (4, 1, 3)]);
        assert_eq!(follower.equals(&leader, Offset(7)), Some(false));
        leader.start = Offset(2);
        assert_eq!(follower.equals(&leader, Offset(7)), Some(false));
        leader.start = Offset(3);
        assert_eq!(follower.equals(&leader, Offset(7)), Some(true));
        assert_eq!(follower.equals(&leader, Offset(3)), Some(true));
        leader.start = Offset(5);
        assert_eq!(follower.equals(&leader, Offset(7)), None, "no batch begins at 5");
        assert!(follower.holds(&leader, Offset(7)));
        leader.start = Offset(0);
        assert_eq!(follower.first_missing(&leader, Offset(7)).map(|e| e.batch), Some(BatchId(2)));
    }

    #[test]
    fn a_cut_takes_whole_batches() {
        let mut whole = log(&[(2, 0, 1), (3, 0, 2), (1, 1, 3)]);
        whole.truncate_to(Offset(4));
        assert_eq!(whole.end(), Offset(2));
        assert_eq!(whole.chain_at(Offset(2)), Some(whole.chain()));
        assert_eq!(whole.entry_at(Offset(1)).map(|e| e.batch), Some(BatchId(1)));
        assert_eq!(whole.entry_at(Offset(2)), None);
    }
}
