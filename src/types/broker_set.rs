//! A small sorted set of brokers: replicas in sync, eligible leaders, a quorum's voters.

use std::sync::Arc;

use crate::types::id::BrokerId;

/// A set of brokers, iterated in the order of their ids. Sets change rarely and stand in many
/// events and states: it is small, and copies share.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(from = "Vec<i32>", into = "Vec<i32>")]
pub struct BrokerSet(Arc<[BrokerId]>);

impl BrokerSet {
    /// The set of `broker` alone.
    pub fn of(broker: BrokerId) -> Self {
        Self::from_iter([broker])
    }

    /// How many brokers are in the set.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `broker` is in the set.
    pub fn contains(&self, broker: BrokerId) -> bool {
        self.0.contains(&broker)
    }

    /// Adds `broker`; says whether it is new.
    pub fn insert(&mut self, broker: BrokerId) -> bool {
        match self.0.binary_search(&broker) {
            Ok(_) => false,
            Err(at) => {
                let (before, after) = self.0.split_at(at);
                self.0 = before.iter().chain([&broker]).chain(after).copied().collect();
                true
            }
        }
    }

    /// Takes `broker` out; says whether it was in.
    pub fn remove(&mut self, broker: BrokerId) -> bool {
        match self.0.binary_search(&broker) {
            Ok(at) => {
                let (before, after) = self.0.split_at(at);
                self.0 = before.iter().chain(&after[1..]).copied().collect();
                true
            }
            Err(_) => false,
        }
    }

    /// The brokers by ascending id.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = BrokerId> + ExactSizeIterator + '_ {
        self.0.iter().copied()
    }

    /// Whether every broker of this set is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|broker| other.contains(broker))
    }

    /// This set without the brokers of `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.iter().filter(|broker| !other.contains(*broker)).collect()
    }

    /// This set and the brokers of `other`.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// This set with `broker`.
    #[must_use]
    pub fn with(&self, broker: BrokerId) -> Self {
        let mut set = self.clone();
        set.insert(broker);
        set
    }
}

impl FromIterator<BrokerId> for BrokerSet {
    fn from_iter<I: IntoIterator<Item = BrokerId>>(brokers: I) -> Self {
        let mut all: Vec<BrokerId> = brokers.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Self(all.into())
    }
}

impl From<Vec<i32>> for BrokerSet {
    fn from(ids: Vec<i32>) -> Self {
        ids.into_iter().map(BrokerId).collect()
    }
}

impl From<BrokerSet> for Vec<i32> {
    fn from(set: BrokerSet) -> Self {
        set.iter().map(|broker| broker.0).collect()
    }
}

impl std::fmt::Debug for BrokerSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for BrokerSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[")?;
        for (at, broker) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{broker}")?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_is_sorted_and_without_repeats() {
        let mut set: BrokerSet = [3, 1, 3, 2].into_iter().map(BrokerId).collect();
        assert_eq!(set.to_string(), "[1,2,3]");
        assert!(!set.insert(BrokerId(2)));
        assert!(set.remove(BrokerId(1)));
        assert_eq!(set.without(&BrokerSet::of(BrokerId(3))), BrokerSet::of(BrokerId(2)));
    }
}
