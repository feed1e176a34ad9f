//! What a leader knows of one follower.

use std::time::Duration;

use crate::types::{BrokerEpoch, Offset, Wall};

/// What a leader knows of one follower. It is all from the follower's fetches, so it is late.
///
/// Source: Kafka 4.1, `Replica`, `ReplicaState`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct FollowerState {
    /// The end of its log, which it reports by the offset that it fetches from.
    pub(crate) log_end: Option<Offset>,
    /// The start of its log.
    pub(crate) log_start: Option<Offset>,
    /// Under which registration it last fetched.
    pub(crate) fetched_as: FetchedAs,
    /// The largest log end that the leader had at any of its fetches.
    last_fetch_leader_end: Option<Offset>,
    last_fetch: Option<Wall>,
    /// When it last had all that the leader had. `None` is longer ago than any limit.
    last_caught_up: Option<Wall>,
}

/// The registration that came with a follower's fetch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum FetchedAs {
    /// It has not fetched from this leader yet.
    #[default]
    Never,
    /// It has fetched without saying (-1): there is nothing to compare.
    Unnamed,
    /// It has fetched under this registration.
    Registered(BrokerEpoch),
}

impl FetchedAs {
    /// What AlterPartition says of the follower; `None` is -1, which is not checked.
    pub(crate) fn broker_epoch(self) -> Option<BrokerEpoch> {
        match self {
            Self::Never | Self::Unnamed => None,
            Self::Registered(epoch) => Some(epoch),
        }
    }
}

impl FollowerState {
    /// Takes a fetch from `offset` into account, at a leader whose log ends at `leader_end`.
    ///
    /// A follower that reads as much as there was at its previous fetch had caught up then: so it
    /// may join the in-sync set although the leader is always a little ahead.
    ///
    /// Source: Kafka 4.1, `Replica.updateFetchStateOrThrow`.
    pub(crate) fn fetched(
        &mut self,
        now: Wall,
        offset: Offset,
        log_start: Option<Offset>,
        leader_end: Offset,
        broker_epoch: Option<BrokerEpoch>,
    ) {
        if offset >= leader_end {
            self.last_caught_up = self.last_caught_up.max(Some(now));
        } else if Some(offset) >= self.last_fetch_leader_end {
            self.last_caught_up = self.last_caught_up.max(self.last_fetch);
        }
        self.log_end = Some(offset);
        self.log_start = log_start;
        self.last_fetch_leader_end = self.last_fetch_leader_end.max(Some(leader_end));
        self.last_fetch = Some(now);
        self.fetched_as = broker_epoch.map_or(FetchedAs::Unnamed, FetchedAs::Registered);
    }

    /// Begins a new leader epoch, at whose start the leader's log ends at `leader_end`.
    ///
    /// What is known of the log's end stays if this broker led before: else the follower may have
    /// truncated since, and only a fetch in the new epoch counts.
    ///
    /// Source: Kafka 4.1, `Replica.resetReplicaState`.
    pub(crate) fn reset(&mut self, now: Wall, leader_end: Offset, led_before: bool, in_sync: bool) {
        let since = in_sync.then_some(now);
        if led_before {
            self.last_fetch_leader_end = Some(leader_end);
            self.last_fetch = since;
        } else {
            *self = Self::default();
        }
        self.last_caught_up = since;
    }

    /// Whether it has all that the leader has, or had within the last `lag_max`.
    ///
    /// Source: Kafka 4.1, `ReplicaState.isCaughtUp`.
    pub(crate) fn is_caught_up(&self, now: Wall, leader_end: Offset, lag_max: Duration) -> bool {
        self.log_end == Some(leader_end)
            || self.last_caught_up.is_some_and(|at| now.since(at) <= lag_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG_MAX: Duration = Duration::from_secs(30);

    fn at(seconds: i64) -> Wall {
        Wall(seconds * 1_000_000)
    }

    #[test]
    fn a_follower_always_one_batch_behind_is_caught_up() {
        let mut follower = FollowerState::default();
        for round in 0..10 {
            // The leader's log has grown by the time of every fetch.
            follower.fetched(at(10 * round), Offset(round), None, Offset(round + 1), None);
        }
        assert!(follower.is_caught_up(at(95), Offset(10), LAG_MAX));
        // One that gains nothing was last caught up before its previous fetch.
        follower.fetched(at(100), Offset(9), None, Offset(11), None);
        follower.fetched(at(125), Offset(9), None, Offset(12), None);
        assert!(!follower.is_caught_up(at(125), Offset(12), LAG_MAX));
    }

    #[test]
    fn only_a_leader_that_led_before_keeps_what_it_knew() {
        let mut follower = FollowerState::default();
        follower.fetched(at(1), Offset(5), None, Offset(5), Some(BrokerEpoch(9)));
        let mut kept = follower.clone();
        kept.reset(at(100), Offset(5), true, true);
        assert_eq!(kept.log_end, Some(Offset(5)));
        assert_eq!(kept.fetched_as, FetchedAs::Registered(BrokerEpoch(9)));
        follower.reset(at(100), Offset(5), false, false);
        assert_eq!(follower, FollowerState::default());
    }

    #[test]
    fn a_clock_set_back_makes_nobody_lag() {
        let mut follower = FollowerState::default();
        follower.fetched(at(100), Offset(5), None, Offset(5), None);
        assert!(follower.is_caught_up(at(10), Offset(6), LAG_MAX));
        assert!(!follower.is_caught_up(at(131), Offset(6), LAG_MAX));
    }
}
