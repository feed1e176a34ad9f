//! A map by batch id that grows to many entries, and whose clones share what is not touched since.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::types::id::BatchId;

/// How many pieces there are: ids are hashes, so all are about as large.
const PIECES: usize = 256;

/// A map by batch id, in the order of ids. A clone costs one piece for each that is changed later.
#[derive(Clone, PartialEq, Debug)]
pub struct BatchMap<V> {
    /// By the highest byte of the id.
    pieces: Vec<Arc<BTreeMap<BatchId, V>>>,
    len: usize,
}

impl<V> Default for BatchMap<V> {
    fn default() -> Self {
        Self { pieces: Vec::new(), len: 0 }
    }
}

fn piece(id: BatchId) -> usize {
    (id.0 >> 56) as usize
}

impl<V> BatchMap<V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry of `id`.
    pub fn get(&self, id: &BatchId) -> Option<&V> {
        self.pieces.get(piece(*id))?.get(id)
    }

    /// All entries by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = (&BatchId, &V)> {
        self.pieces.iter().flat_map(|piece| piece.iter())
    }

    /// All values, by ascending id.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<V: Clone> BatchMap<V> {
    /// The entry of `id`, to be changed.
    pub fn get_mut(&mut self, id: &BatchId) -> Option<&mut V> {
        let piece = self.pieces.get_mut(piece(*id))?;
        if Arc::get_mut(piece).is_none() && !piece.contains_key(id) {
            return None;
        }
        Arc::make_mut(piece).get_mut(id)
    }

    /// Sets the entry of `id`; returns the one before.
    pub fn insert(&mut self, id: BatchId, value: V) -> Option<V> {
        if self.pieces.is_empty() {
            self.pieces = (0..PIECES).map(|_| Arc::default()).collect();
        }
        let before = Arc::make_mut(&mut self.pieces[piece(id)]).insert(id, value);
        self.len += usize::from(before.is_none());
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::mix;

    #[test]
    fn it_is_a_map_in_order_and_a_clone_is_apart() {
        let mut map = BatchMap::default();
        let mut expected = BTreeMap::new();
        for at in 0..2000 {
            let id = BatchId(mix(at % 1500));
            assert_eq!(map.insert(id, at), expected.insert(id, at));
        }
        let clone = map.clone();
        let first = BatchId(mix(7));
        *map.get_mut(&first).unwrap() = 0;
        assert_eq!((map.get(&first), clone.get(&first)), (Some(&0), Some(&1507)));
        assert!(clone.iter().eq(&expected));
        assert_eq!((map.len(), map.get(&BatchId(3))), (1500, None));
        assert_eq!(map.get_mut(&BatchId(3)), None);
    }
}
