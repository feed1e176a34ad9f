//! The count of one election, or of the question that comes before it.

use std::collections::BTreeMap;

use crate::types::{BrokerId, BrokerSet};

/// What each voter has said.
///
/// Source: Kafka 4.1, `EpochElection`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Votes(BTreeMap<BrokerId, Option<bool>>);

impl Votes {
    /// An election among `voters` in which `candidate` has voted for itself.
    pub(super) fn new(voters: &BrokerSet, candidate: BrokerId) -> Self {
        Self(voters.iter().map(|voter| (voter, (voter == candidate).then_some(true))).collect())
    }

    /// Takes down what `voter` said. Who is no voter is not counted.
    pub(super) fn record(&mut self, voter: BrokerId, granted: bool) {
        if let Some(vote) = self.0.get_mut(&voter) {
            *vote = Some(granted);
        }
    }

    /// Whether a majority is for it.
    pub(super) fn is_granted(&self) -> bool {
        self.count(Some(true)) >= self.majority()
    }

    /// Whether those who are for it and those who have not answered are no majority.
    pub(super) fn is_rejected(&self) -> bool {
        self.count(Some(true)) + self.count(None) < self.majority()
    }

    /// The voters that have not answered.
    pub(super) fn unrecorded(&self) -> impl Iterator<Item = BrokerId> + '_ {
        self.0.iter().filter(|(_, vote)| vote.is_none()).map(|(&voter, _)| voter)
    }

    fn count(&self, what: Option<bool>) -> usize {
        self.0.values().filter(|&&vote| vote == what).count()
    }

    fn majority(&self) -> usize {
        self.0.len() / 2 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majority_decides_either_way() {
        let voters: BrokerSet = (1..=4).map(BrokerId).collect();
        let mut votes = Votes::new(&voters, BrokerId(1));
        votes.record(BrokerId(9), true);
        votes.record(BrokerId(2), true);
        assert!(!votes.is_granted() && !votes.is_rejected());
        votes.record(BrokerId(3), false);
        assert!(!votes.is_rejected());
        votes.record(BrokerId(4), false);
        assert!(votes.is_rejected());
        votes.record(BrokerId(4), true);
        assert!(votes.is_granted());
        assert!(Votes::new(&BrokerSet::of(BrokerId(1)), BrokerId(1)).is_granted());
    }
}
