//! Which partitions have moved between which members while an assignment is being balanced.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::Name;

/// From whom to whom, by the members' places in the list.
type Pair = (usize, usize);

/// The moves so far. Two members must not exchange partitions of one topic: the way back is taken
/// by one that came the other way.
///
/// Source: Kafka 4.0, `AbstractStickyAssignor.PartitionMovements`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Movements {
    by_topic: BTreeMap<Name, BTreeMap<Pair, BTreeSet<usize>>>,
    by_place: BTreeMap<usize, Pair>,
}

impl Movements {
    /// Notes that the partition `place` of `topic` moves.
    pub(crate) fn note(&mut self, topic: &Name, place: usize, from: usize, to: usize) {
        let mut pair = (from, to);
        if let Some(before) = self.by_place.remove(&place) {
            if let Some(pairs) = self.by_topic.get_mut(topic) {
                if let Some(places) = pairs.get_mut(&before) {
                    places.remove(&place);
                }
                pairs.retain(|_, places| !places.is_empty());
            }
            if before.0 == to {
                return;
            }
            pair = (before.0, to);
        }
        self.by_place.insert(place, pair);
        let pairs = self.by_topic.entry(topic.clone()).or_default();
        pairs.entry(pair).or_default().insert(place);
    }

    /// The partition to move instead of `place`, if one of its topic came the other way.
    pub(crate) fn instead(&self, topic: &Name, place: usize, from: usize, to: usize) -> usize {
        let origin = self.by_place.get(&place).map_or(from, |pair| pair.0);
        let pairs = self.by_topic.get(topic);
        let back = pairs.and_then(|pairs| pairs.get(&(to, origin)));
        back.and_then(|places| places.first()).copied().unwrap_or(place)
    }
}
