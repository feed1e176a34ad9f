//! A growing list whose clones share what is old, and whose front may go.

use std::sync::Arc;

/// How many items stand in one shared piece.
const CHUNK: usize = 64;

/// A list that is pushed and popped at its end; a clone copies at most one piece and shares the
/// others. Item `i` is found in O(1).
#[derive(Clone, PartialEq, Debug)]
pub struct Chunks<T> {
    /// Full pieces.
    sealed: Vec<Arc<Vec<T>>>,
    /// How many items of the first full piece are gone.
    gone: usize,
    /// The last piece, not full.
    tail: Vec<T>,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { sealed: Vec::new(), gone: 0, tail: Vec::new() }
    }
}

impl<T> Chunks<T> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.in_sealed() + self.tail.len()
    }

    /// How many items there are before the last piece.
    fn in_sealed(&self) -> usize {
        self.sealed.len() * CHUNK - self.gone
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.tail.is_empty()
    }

    /// The item at `index`.
    pub fn get(&self, index: usize) -> Option<&T> {
        let place = index + self.gone;
        match self.sealed.get(place / CHUNK) {
            Some(chunk) => chunk.get(place % CHUNK),
            None => self.tail.get(index.checked_sub(self.in_sealed())?),
        }
    }

    /// The last item.
    pub fn last(&self) -> Option<&T> {
        self.tail.last().or_else(|| self.sealed.last()?.last())
    }

    /// The items in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        let gone = self.gone;
        let sealed = self.sealed.iter().enumerate();
        let sealed = sealed.flat_map(move |(at, chunk)| &chunk[if at == 0 { gone } else { 0 }..]);
        sealed.chain(self.tail.iter())
    }

    /// The items from `index` on.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = &T> {
        (index..self.len()).filter_map(|at| self.get(at))
    }

    /// The index of the first item for which `is_before` is false; it must be true for all items
    /// before and false for all after. Looks near the end first.
    pub fn partition_point(&self, is_before: impl Fn(&T) -> bool) -> usize {
        if self.last().is_none_or(&is_before) {
            return self.len();
        }
        let first = |chunk: &Arc<Vec<T>>| chunk.first().is_some_and(&is_before);
        if self.tail.first().is_some_and(&is_before) {
            return self.in_sealed() + self.tail.partition_point(is_before);
        }
        // What is gone was before all that is left.
        let at = self.sealed.partition_point(first);
        let place = match at.checked_sub(1) {
            None => 0,
            Some(chunk) => chunk * CHUNK + self.sealed[chunk].partition_point(is_before),
        };
        place.saturating_sub(self.gone)
    }

    /// Removes the first `count` items.
    pub fn remove_first(&mut self, count: usize) {
        let count = count.min(self.len());
        if count >= self.in_sealed() {
            self.tail.drain(..count - self.in_sealed());
            self.sealed.clear();
            self.gone = 0;
        } else {
            let place = count + self.gone;
            self.sealed.drain(..place / CHUNK);
            self.gone = place % CHUNK;
        }
    }

    /// Adds `item` at the end.
    pub fn push(&mut self, item: T) {
        self.tail.push(item);
        if self.tail.len() == CHUNK {
            let full = std::mem::replace(&mut self.tail, Vec::with_capacity(CHUNK));
            self.sealed.push(Arc::new(full));
        }
    }
}

impl<T: Clone> Chunks<T> {
    /// The item at `index`, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let (sealed, place) = (self.in_sealed(), index + self.gone);
        match self.sealed.get_mut(place / CHUNK) {
            Some(chunk) => Arc::make_mut(chunk).get_mut(place % CHUNK),
            None => self.tail.get_mut(index.checked_sub(sealed)?),
        }
    }

    /// Puts `item` before the one at `index`; those from there on are moved.
    pub fn insert(&mut self, index: usize, item: T) {
        let after: Vec<T> = self.iter_from(index).cloned().collect();
        self.truncate(index);
        self.push(item);
        after.into_iter().for_each(|item| self.push(item));
    }

    /// Leaves the first `length` items.
    pub fn truncate(&mut self, length: usize) {
        while length < self.in_sealed() {
            let chunk = self.sealed.pop().expect("there is a piece to take from");
            self.tail = Arc::unwrap_or_clone(chunk);
            if self.sealed.is_empty() {
                self.tail.drain(..std::mem::take(&mut self.gone));
            }
        }
        self.tail.truncate(length - self.in_sealed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list() {
        let mut chunks = Chunks::default();
        let mut list = Vec::new();
        for at in 0..300_usize {
            chunks.push(at);
            list.push(at);
        }
        for length in [299, 256, 255, 192, 191, 64, 63, 1, 0] {
            chunks.truncate(length);
            list.truncate(length);
            assert_eq!(chunks.len(), length);
            assert_eq!(chunks.last(), list.last());
            assert!(chunks.iter().eq(list.iter()));
            assert_eq!(chunks.get(length), None);
        }
    }

    #[test]
    fn its_front_may_go() {
        for length in [1_usize, 63, 64, 65, 200] {
            for first in [0, 1, length / 2, length] {
                for second in [0, 1, 5, 70, length] {
                    let mut chunks = Chunks::default();
                    let mut list: Vec<usize> = (0..length).collect();
                    list.iter().for_each(|at| chunks.push(*at));
                    chunks.remove_first(first);
                    list.drain(..first);
                    chunks.remove_first(second);
                    list.drain(..second.min(list.len()));
                    for item in length..length + 70 {
                        chunks.push(item);
                        list.push(item);
                    }
                    assert!(chunks.iter().eq(list.iter()), "{length} {first} {second}");
                    assert!((0..list.len()).all(|at| chunks.get(at) == list.get(at)));
                    for bound in 0..length + 71 {
                        let expected = list.partition_point(|at| *at < bound);
                        assert_eq!(chunks.partition_point(|at| *at < bound), expected);
                    }
                    for left in [list.len() - 1, 64, 3, 0] {
                        chunks.truncate(left);
                        list.truncate(left);
                        assert!(chunks.iter().eq(list.iter()), "{length} {first} {second}");
                        assert_eq!(chunks.len(), left);
                    }
                }
            }
        }
    }

    #[test]
    fn one_is_put_between_others() {
        for length in [0_usize, 1, 63, 64, 65, 200] {
            for index in [0, length / 2, length] {
                let mut chunks = Chunks::default();
                let mut list: Vec<usize> = (0..length).collect();
                list.iter().for_each(|at| chunks.push(*at));
                chunks.insert(index, 999);
                list.insert(index, 999);
                assert!(chunks.iter().eq(list.iter()), "{length} {index}");
            }
        }
    }

    #[test]
    fn halving_agrees_with_a_scan() {
        for length in [0_usize, 1, 63, 64, 65, 128, 200] {
            let mut chunks = Chunks::default();
            (0..length).for_each(|at| chunks.push(at));
            for bound in 0..=length {
                assert_eq!(chunks.partition_point(|at| *at < bound), bound);
            }
        }
    }

    #[test]
    fn a_clone_is_apart() {
        let mut one = Chunks::default();
        (0..100).for_each(|at| one.push(at));
        let two = one.clone();
        *one.get_mut(3).unwrap() = 7;
        assert_eq!((one.get(3), two.get(3)), (Some(&7), Some(&3)));
    }
}
