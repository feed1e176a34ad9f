//! The batches of a log in offset order, in chunks that clones share.

use std::sync::Arc;

use crate::event::ChainHash;
use crate::message::Batch;
use crate::types::{Offset, hash_words};

/// Batches per chunk: what the first append after a clone copies at most.
const CHUNK_BATCHES: usize = 64;

/// A batch in its place, with what is asked of it often.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Entry {
    /// The batch.
    pub(super) batch: Batch,
    /// Hash of the log up to its end, from where it was opened.
    chain: ChainHash,
}

impl Entry {
    /// The offset after its last record.
    pub(super) fn end(&self) -> Offset {
        self.batch.end_offset()
    }

    /// Its size on disk.
    pub(super) fn size_bytes(&self) -> u32 {
        self.batch.body.size_bytes
    }
}

/// Up to [`CHUNK_BATCHES`] batches in a row.
#[derive(Clone, Debug)]
struct Chunk {
    base: Offset,
    entries: Arc<Vec<Entry>>,
}

/// A place among the batches: which chunk, which entry in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place(usize, usize);

/// Batches without a gap between `base` and `end`.
#[derive(Clone, Debug)]
pub(super) struct Batches {
    base: Offset,
    /// Hash of what was before `base` when the log was opened and is deleted since: not a part of
    /// what is told.
    base_chain: ChainHash,
    end: Offset,
    chain: ChainHash,
    chunks: Vec<Chunk>,
}

impl Batches {
    /// No batches; the first will stand at `base`, where the hash is zero.
    pub(super) fn new(base: Offset) -> Self {
        let chain = ChainHash(0);
        Self { base, base_chain: chain, end: base, chain, chunks: Vec::new() }
    }

    /// The offset of the first batch, or of the first to come.
    pub(super) fn base(&self) -> Offset {
        self.base
    }

    /// The offset after the last batch.
    pub(super) fn end(&self) -> Offset {
        self.end
    }

    /// Hash of everything from [`base`](Self::base) to [`end`](Self::end).
    pub(super) fn chain(&self) -> ChainHash {
        self.chain.without(self.base_chain)
    }

    /// The hash of the log that there would be with `batch` at the end.
    pub(super) fn chain_with(&self, batch: &Batch) -> ChainHash {
        self.absolute_chain_with(batch).without(self.base_chain)
    }

    /// The hash of a log is the sum of those of its batches, each of which counts with its place:
    /// so the hash of a part is a difference, and deleting from the front changes no other.
    fn absolute_chain_with(&self, batch: &Batch) -> ChainHash {
        self.chain.with(ChainHash(hash_words(&[
            batch.base_offset.0.cast_unsigned(),
            u64::from(batch.leader_epoch.0.cast_unsigned()),
            batch.body.id.0,
            u64::from(batch.body.record_count()),
        ])))
    }

    /// Appends `batch`, which must stand at the end.
    pub(super) fn push(&mut self, batch: Batch) -> &Entry {
        assert_eq!(batch.base_offset, self.end, "a batch is appended at the end");
        let end = batch.end_offset();
        let chain = self.absolute_chain_with(&batch);
        let entry = Entry { batch, chain };
        self.end = end;
        self.chain = chain;
        if self.chunks.last().is_none_or(|chunk| chunk.entries.len() == CHUNK_BATCHES) {
            let base = entry.batch.base_offset;
            let entries = Arc::new(Vec::with_capacity(CHUNK_BATCHES));
            self.chunks.push(Chunk { base, entries });
        }
        let chunk = self.chunks.last_mut().expect("a chunk with room was just ensured");
        let entries = Arc::make_mut(&mut chunk.entries);
        entries.push(entry);
        entries.last().expect("an entry was just pushed")
    }

    /// Removes every batch that ends above `end`; what is left may end below it.
    pub(super) fn truncate(&mut self, end: Offset) {
        let Place(chunk, entry) = self.first_ending_above(end);
        self.chunks.truncate(chunk + usize::from(entry > 0));
        if entry > 0 {
            Arc::make_mut(&mut self.chunks[chunk].entries).truncate(entry);
        }
        let last = self.chunks.last().and_then(|chunk| chunk.entries.last());
        let (end, chain) =
            last.map_or((self.base, self.base_chain), |last| (last.end(), last.chain));
        self.end = end;
        self.chain = chain;
    }

    /// Removes every batch below `base`, where one must begin, or the log end.
    pub(super) fn delete_below(&mut self, base: Offset) {
        let Some(below) = self.absolute_chain_at(base) else {
            unreachable!("segments begin where a batch does");
        };
        let Place(chunk, entry) = self.first_ending_above(base);
        self.chunks.drain(..chunk);
        if let Some(first) = self.chunks.first_mut().filter(|_| entry > 0) {
            Arc::make_mut(&mut first.entries).drain(..entry);
            first.base = base;
        }
        self.base = base;
        self.base_chain = below;
    }

    /// The first batch that ends above `offset`: the one with the record at `offset`, if there is
    /// one. Costs O(log n), and O(1) near the end.
    pub(super) fn first_ending_above(&self, offset: Offset) -> Place {
        if offset >= self.end || self.chunks.is_empty() {
            return Place(self.chunks.len(), 0);
        }
        let is_last = self.chunks.last().is_some_and(|chunk| chunk.base <= offset);
        let after = if is_last {
            self.chunks.len()
        } else {
            self.chunks.partition_point(|chunk| chunk.base <= offset)
        };
        // Below the first chunk nothing is asked for; if it is, the first batch is the answer.
        let chunk = after.saturating_sub(1);
        // Without gaps, it is the last one that begins at or below it: that need not look into it.
        let begins = |entry: &Entry| entry.batch.base_offset <= offset;
        let entry = self.chunks[chunk].entries.partition_point(begins).saturating_sub(1);
        Place(chunk, entry)
    }

    /// The batches from the one with the record at `from` on.
    pub(super) fn from(&self, from: Offset) -> impl Iterator<Item = &Entry> {
        let Place(chunk, entry) = self.first_ending_above(from);
        let (first, rest) = match self.chunks.get(chunk..) {
            Some([first, rest @ ..]) => (&first.entries[entry..], rest),
            Some([]) | None => (&[][..], &[][..]),
        };
        first.iter().chain(rest.iter().flat_map(|chunk| chunk.entries.iter()))
    }

    /// Hash of everything from [`base`](Self::base) to `offset`; `None` when no batch ends there.
    pub(super) fn chain_at(&self, offset: Offset) -> Option<ChainHash> {
        self.absolute_chain_at(offset).map(|chain| chain.without(self.base_chain))
    }

    fn absolute_chain_at(&self, offset: Offset) -> Option<ChainHash> {
        if offset == self.end {
            return Some(self.chain);
        }
        if offset == self.base {
            return Some(self.base_chain);
        }
        if offset < self.base || offset > self.end {
            return None;
        }
        let before = Offset(offset.0 - 1);
        self.from(before).next().filter(|entry| entry.end() == offset).map(|entry| entry.chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::log::tests::batch;

    fn filled(batches: u64) -> Batches {
        let mut all = Batches::new(Offset::ZERO);
        for id in 0..batches {
            all.push(batch(id, 2).placed(all.end(), crate::types::LeaderEpoch(1)));
        }
        all
    }

    #[test]
    fn every_cut_leaves_what_was_pushed_before() {
        let all = filled(150);
        for records in 0..=300 {
            let end = Offset::ZERO + records;
            let mut cut = all.clone();
            cut.truncate(end);
            let fresh = filled(records / 2);
            assert_eq!((cut.end(), cut.chain()), (fresh.end(), fresh.chain()), "cut at {end}");
            assert_eq!(cut.from(Offset::ZERO).count() as u64, records / 2);
            assert_eq!(all.chain_at(end).is_some(), records % 2 == 0);
            assert_eq!(all.chain_at(cut.end()), Some(cut.chain()));
        }
        assert_eq!(all.from(Offset(0)).count(), 150, "a clone's cut is its own");
    }

    #[test]
    fn the_batch_with_a_record_is_found() {
        let all = filled(150);
        for offset in 0..300 {
            let found = all.from(Offset(offset)).next().unwrap();
            assert_eq!(found.batch.base_offset, Offset(offset / 2 * 2));
        }
        assert!(all.from(Offset(300)).next().is_none());
    }

    #[test]
    fn deleting_from_the_front_leaves_the_rest_as_it_is() {
        let all = filled(150);
        for base in (0..=300).step_by(2).map(Offset) {
            let mut rest = all.clone();
            rest.delete_below(base);
            let mut fresh = Batches::new(base);
            for entry in all.from(base) {
                fresh.push(entry.batch.clone());
            }
            assert_eq!((rest.base(), rest.end(), rest.chain()), (base, Offset(300), fresh.chain()));
            assert!(rest.from(base).map(|e| &e.batch).eq(fresh.from(base).map(|e| &e.batch)));
            for end in (base.0..=300).map(Offset) {
                assert_eq!(rest.chain_at(end), fresh.chain_at(end), "{base} to {end}");
            }
            rest.truncate(Offset(200).max(base));
            rest.push(batch(999, 2).placed(rest.end(), crate::types::LeaderEpoch(1)));
            assert_eq!(rest.from(base).last().unwrap().batch.body.id.0, 999);
        }
    }

    #[test]
    fn a_batch_counts_with_its_place() {
        let one = |base| {
            let mut batches = Batches::new(Offset(base));
            batches.push(batch(7, 2).placed(Offset(base), crate::types::LeaderEpoch(1)));
            batches.chain()
        };
        assert_ne!(one(0), one(2));
    }
}
