//! A map by batch id that grows to many entries, and whose clones share what is not touched since.

use std::sync::Arc;

use crate::types::chunks::Chunks;
use crate::types::id::BatchId;

/// How many tables there are: ids are hashes, so all are about as large.
const TABLES: usize = 64;
/// A free place of a table.
const FREE: u32 = u32::MAX;

/// A map by batch id, in the order in which they came. A clone costs a piece of the list and a
/// table for each that is changed later.
#[derive(Clone, Debug)]
pub struct BatchMap<V> {
    /// The places in `entries`, found by open addressing; by the highest bits of the id.
    tables: Vec<Arc<Table>>,
    entries: Chunks<(BatchId, V)>,
}

#[derive(Clone, Debug, Default)]
struct Table {
    /// A power of two, or none.
    places: Vec<u32>,
    used: usize,
}

impl<V> Default for BatchMap<V> {
    fn default() -> Self {
        Self { tables: Vec::new(), entries: Chunks::default() }
    }
}

impl<V: PartialEq> PartialEq for BatchMap<V> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

fn table(id: BatchId) -> usize {
    (id.0 >> 58) as usize
}

impl Table {
    /// Where `is_it` says yes, or else the free place where it would stand; the table is not full.
    fn find(&self, id: BatchId, is_it: impl Fn(u32) -> bool) -> usize {
        let mask = self.places.len() - 1;
        let mut at = id.0 as usize & mask;
        while self.places[at] != FREE && !is_it(self.places[at]) {
            at = (at + 1) & mask;
        }
        at
    }

    /// Makes room for one more.
    fn grow(&mut self, id_of: impl Fn(u32) -> BatchId) {
        if 4 * (self.used + 1) <= 3 * self.places.len() {
            return;
        }
        let longer = vec![FREE; (2 * self.places.len()).max(16)];
        let places = std::mem::replace(&mut self.places, longer);
        for place in places.into_iter().filter(|place| *place != FREE) {
            let at = self.find(id_of(place), |_| false);
            self.places[at] = place;
        }
    }
}

impl<V> BatchMap<V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn place(&self, id: BatchId) -> Option<usize> {
        let table = self.tables.get(table(id))?;
        if table.places.is_empty() {
            return None;
        }
        let place = table.places[table.find(id, |place| self.id_of(place) == id)];
        (place != FREE).then_some(place as usize)
    }

    fn id_of(&self, place: u32) -> BatchId {
        self.entries.get(place as usize).expect("a place in a table is one in the list").0
    }

    /// The entry of `id`.
    pub fn get(&self, id: &BatchId) -> Option<&V> {
        self.entries.get(self.place(*id)?).map(|(_, value)| value)
    }

    /// All entries, as they stand, in the order in which their ids came first.
    pub fn entries(&self) -> impl Iterator<Item = &(BatchId, V)> {
        self.entries.iter()
    }

    /// All entries in the order in which their ids came first.
    pub fn iter(&self) -> impl Iterator<Item = (&BatchId, &V)> {
        self.entries.iter().map(|(id, value)| (id, value))
    }

    /// All values, in the same order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<V: Clone> BatchMap<V> {
    /// The entry of `id`, to be changed.
    pub fn get_mut(&mut self, id: &BatchId) -> Option<&mut V> {
        let place = self.place(*id)?;
        self.entries.get_mut(place).map(|(_, value)| value)
    }

    /// Sets the entry of `id`; returns the one before.
    pub fn insert(&mut self, id: BatchId, value: V) -> Option<V> {
        if let Some(known) = self.get_mut(&id) {
            return Some(std::mem::replace(known, value));
        }
        if self.tables.is_empty() {
            self.tables = (0..TABLES).map(|_| Arc::default()).collect();
        }
        let place = u32::try_from(self.entries.len()).expect("fewer than 2^32 batches");
        let entries = &self.entries;
        let id_of = |place: u32| entries.get(place as usize).expect("it is in the list").0;
        let table = Arc::make_mut(&mut self.tables[table(id)]);
        table.grow(id_of);
        let at = table.find(id, |_| false);
        table.places[at] = place;
        table.used += 1;
        self.entries.push((id, value));
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
        let order: Vec<_> = (0..1500).map(|at| BatchId(mix(at))).collect();
        assert!(clone.iter().map(|(id, _)| *id).eq(order), "in the order of their first coming");
        assert!(clone.iter().all(|(id, value)| expected[id] == *value));
        assert_eq!((map.len(), map.get(&BatchId(3))), (1500, None));
        assert_eq!(map.get_mut(&BatchId(3)), None);
    }
}
