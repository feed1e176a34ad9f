//! A growing list whose clones share what is old.

use std::sync::Arc;

/// How many items stand in one shared piece.
const CHUNK: usize = 64;

/// A list that is pushed and popped at its end; a clone copies at most one piece and shares the
/// others. Item `i` is found in O(1).
#[derive(Clone, PartialEq, Debug)]
pub struct Chunks<T> {
    /// Full pieces.
    sealed: Vec<Arc<Vec<T>>>,
    /// The last piece, not full.
    tail: Vec<T>,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { sealed: Vec::new(), tail: Vec::new() }
    }
}

impl<T> Chunks<T> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.sealed.len() * CHUNK + self.tail.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.tail.is_empty()
    }

    /// The item at `index`.
    pub fn get(&self, index: usize) -> Option<&T> {
        match self.sealed.get(index / CHUNK) {
            Some(chunk) => chunk.get(index % CHUNK),
            None => self.tail.get(index.checked_sub(self.sealed.len() * CHUNK)?),
        }
    }

    /// The last item.
    pub fn last(&self) -> Option<&T> {
        self.tail.last().or_else(|| self.sealed.last()?.last())
    }

    /// The items in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.sealed.iter().flat_map(|chunk| chunk.iter()).chain(self.tail.iter())
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
            return self.sealed.len() * CHUNK + self.tail.partition_point(is_before);
        }
        let at = self.sealed.partition_point(first);
        match at.checked_sub(1) {
            None => 0,
            Some(chunk) => chunk * CHUNK + self.sealed[chunk].partition_point(is_before),
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
        let sealed = self.sealed.len() * CHUNK;
        match self.sealed.get_mut(index / CHUNK) {
            Some(chunk) => Arc::make_mut(chunk).get_mut(index % CHUNK),
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
        while length < self.sealed.len() * CHUNK {
            let chunk = self.sealed.pop().expect("there is a piece to take from");
            self.tail = Arc::unwrap_or_clone(chunk);
        }
        self.tail.truncate(length - self.sealed.len() * CHUNK);
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
