//! What the leader of the quorum knows of the others.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::raft::accumulator::Accumulator;
use crate::protocol::raft::timer::Timer;
use crate::types::{BrokerId, BrokerSet, Defect, DefectSet, Now, Offset, TopicPartition, Wall};

/// The state of a leader in its epoch.
///
/// Source: Kafka 4.1, `LeaderState`.
#[derive(Clone, Debug)]
pub(super) struct LeaderState {
    node: BrokerId,
    /// The offset of the record that begins the epoch (`LeaderChangeMessage`).
    pub(super) epoch_start: Offset,
    voters: BTreeMap<BrokerId, Voter>,
    /// Voters that fetched since the quorum was last seen to be there.
    fetched: BrokerSet,
    check_quorum_timeout: Duration,
    check_quorum: Timer,
    begin_timeout: Duration,
    begin: Timer,
    /// Records that wait to be appended.
    pub(super) accumulator: Accumulator,
}

#[derive(Clone, Debug, Default)]
struct Voter {
    end_offset: Option<Offset>,
    last_fetch: Option<Wall>,
}

impl LeaderState {
    /// A leader whose epoch begins at `epoch_start`.
    pub(super) fn new(
        node: BrokerId,
        voters: &BrokerSet,
        epoch_start: Offset,
        fetch_timeout: Duration,
        accumulator: Accumulator,
        now: Now,
    ) -> Self {
        let check_quorum_timeout = fetch_timeout * 3 / 2;
        Self {
            node,
            epoch_start,
            voters: voters.iter().map(|voter| (voter, Voter::default())).collect(),
            fetched: BrokerSet::default(),
            check_quorum_timeout,
            check_quorum: Timer::after(now, check_quorum_timeout),
            begin_timeout: fetch_timeout / 2,
            begin: Timer::after(now, Duration::ZERO),
            accumulator,
        }
    }

    /// Whether no majority has fetched for one and a half fetch timeouts (KAFKA-15489). A single
    /// voter is its own majority.
    pub(super) fn has_lost_quorum(&mut self, now: Now) -> bool {
        self.voters.len() > 1 && self.check_quorum.is_expired(now)
    }

    /// When [`Self::has_lost_quorum`] would next be true.
    pub(super) fn check_quorum_deadline(&self) -> Option<Wall> {
        (self.voters.len() > 1).then(|| self.check_quorum.deadline())
    }

    /// The voters to be told of the leader now, if it is time to: those that have not fetched of
    /// late. Starts the wait for the next time.
    pub(super) fn begin_due(&mut self, now: Now) -> Vec<BrokerId> {
        if !self.begin.is_expired(now) {
            return Vec::new();
        }
        self.begin.reset(now, self.begin_timeout);
        let silent = |voter: &Voter| {
            voter.last_fetch.is_none_or(|at| now.wall.since(at) >= self.begin_timeout)
        };
        let others = self.voters.iter().filter(|(id, voter)| **id != self.node && silent(voter));
        others.map(|(&id, _)| id).collect()
    }

    /// When [`Self::begin_due`] is next worth a call.
    pub(super) fn begin_deadline(&self) -> Option<Wall> {
        (self.voters.len() > 1).then(|| self.begin.deadline())
    }

    /// Notes that this node's own log ends at `end`.
    pub(super) fn update_own_end(&mut self, end: Offset) {
        let voter = self.voters.get_mut(&self.node).expect("a leader is a voter");
        assert!(voter.end_offset <= Some(end), "own end {:?} -> {end}", voter.end_offset);
        voter.end_offset = Some(end);
    }

    /// Notes that `replica` fetched from `offset`: it has everything below on its disk. An
    /// observer counts for nothing.
    pub(super) fn update_fetched(&mut self, replica: BrokerId, offset: Offset, now: Now) {
        let Some(voter) = self.voters.get_mut(&replica) else { return };
        voter.end_offset = Some(offset);
        voter.last_fetch = Some(voter.last_fetch.map_or(now.wall, |at| at.max(now.wall)));
        self.fetched.insert(replica);
        // The leader is one of the majority without fetching.
        if self.fetched.len() >= self.voters.len() / 2 {
            self.fetched = BrokerSet::default();
            self.check_quorum.reset(now, self.check_quorum_timeout);
        }
    }

    /// The offset below which a majority has everything, if it may be called committed: a leader
    /// commits records of earlier epochs only together with one of its own (Raft, section 5.4.2;
    /// KAFKA-12619 was this comparison off by one).
    pub(super) fn committed(&self, defects: DefectSet) -> Option<Offset> {
        let ends = self.descending();
        let (_, end) = ends[self.voters.len() / 2];
        let metadata = TopicPartition::CLUSTER_METADATA;
        end.filter(|&end| {
            end > self.epoch_start
                || end == self.epoch_start && defects.acts(Defect::CommitOfOlderEpoch, metadata)
        })
    }

    /// The other voters, the one that fetched farthest first: who should lead next.
    pub(super) fn preferred_successors(&self) -> Vec<BrokerId> {
        self.descending().into_iter().map(|(id, _)| id).filter(|&id| id != self.node).collect()
    }

    fn descending(&self) -> Vec<(BrokerId, Option<Offset>)> {
        let mut ends: Vec<_> = self.voters.iter().map(|(&id, v)| (id, v.end_offset)).collect();
        // Stable: voters of equal ends stay in the order of their ids.
        ends.sort_by(|(_, a), (_, b)| b.cmp(a));
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leader(voters: i32, epoch_start: i64) -> LeaderState {
        let voters: BrokerSet = (1..=voters).map(BrokerId).collect();
        let accumulator = Accumulator::new(Duration::from_millis(25), 1 << 20);
        let fetch_timeout = Duration::from_secs(2);
        let start = Offset(epoch_start);
        LeaderState::new(BrokerId(1), &voters, start, fetch_timeout, accumulator, Now::default())
    }

    #[test]
    fn nothing_is_committed_before_the_epoch_has_begun_on_a_majority() {
        let mut leader = leader(3, 10);
        leader.update_own_end(Offset(11));
        leader.update_fetched(BrokerId(2), Offset(10), Now::default());
        assert_eq!(leader.committed(DefectSet::NONE), None);
        leader.update_fetched(BrokerId(2), Offset(11), Now::default());
        assert_eq!(leader.committed(DefectSet::NONE), Some(Offset(11)));
        assert_eq!(leader.preferred_successors(), [BrokerId(2), BrokerId(3)]);
    }

    #[test]
    fn half_of_an_even_quorum_is_no_majority() {
        let mut leader = leader(4, 0);
        leader.update_own_end(Offset(5));
        leader.update_fetched(BrokerId(2), Offset(5), Now::default());
        assert_eq!(leader.committed(DefectSet::NONE), None);
        leader.update_fetched(BrokerId(3), Offset(3), Now::default());
        assert_eq!(leader.committed(DefectSet::NONE), Some(Offset(3)));
    }

    #[test]
    fn quorum_is_lost_when_no_majority_fetches() {
        let mut leader = leader(5, 0);
        let at = |millis| Now::default().after(Duration::from_millis(millis));
        leader.update_fetched(BrokerId(2), Offset(0), at(1000));
        leader.update_fetched(BrokerId(2), Offset(0), at(1500));
        leader.update_fetched(BrokerId(9), Offset(0), at(1500));
        assert!(leader.clone().has_lost_quorum(at(3000)));
        leader.update_fetched(BrokerId(3), Offset(0), at(2000));
        assert!(!leader.has_lost_quorum(at(4999)));
        assert!(leader.has_lost_quorum(at(5000)));
    }
}
