//! What a shard waits for, by the steady clock.
//!
//! Source: Kafka 4.1, `CoordinatorTimer`: a key is scheduled once, the last time counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::types::{GroupEpoch, Monotonic, Name, PartitionIndex};

/// What somebody waits for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum TimerKey {
    /// The next heartbeat of a member of the classic protocol: group, member.
    Heartbeat(Name, Name),
    /// The end of a join phase: group.
    Join(Name),
    /// All members to ask for their assignment: group.
    Sync(Name),
    /// The next heartbeat of a member of KIP-848: group, member.
    Session(Name, Name),
    /// A member of KIP-848 to give up partitions: group, member.
    Rebalance(Name, Name),
    /// A member of the classic protocol in a group of KIP-848 to join, for it was called: group,
    /// member.
    ClassicJoin(Name, Name),
    /// One that has joined to ask for its assignment: group, member.
    ClassicSync(Name, Name),
    /// The next look for offsets that have expired.
    Retention,
    /// The oldest write to get below the high watermark.
    Write,
}

/// What is to be done then, beside what the key says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TimerWork {
    /// As the key says.
    Plain,
    /// The initial rebalance delay is over; so much may it be prolonged.
    Initial {
        /// How long it was.
        delay: Duration,
        /// What is left of the rebalance timeout.
        remaining: Duration,
    },
    /// If the group, or the member, is still in this epoch.
    InEpoch(GroupEpoch),
}

/// All timers of a broker's shards.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    at: BTreeMap<(PartitionIndex, TimerKey), (Monotonic, TimerWork)>,
    due: BTreeSet<(Monotonic, PartitionIndex, TimerKey)>,
}

impl Timers {
    pub(crate) fn schedule(
        &mut self,
        shard: PartitionIndex,
        key: TimerKey,
        at: Monotonic,
        work: TimerWork,
    ) {
        let before = self.at.insert((shard, key.clone()), (at, work));
        if let Some((before, _)) = before {
            self.due.remove(&(before, shard, key.clone()));
        }
        self.due.insert((at, shard, key));
    }

    pub(crate) fn has(&self, shard: PartitionIndex, key: &TimerKey) -> bool {
        self.at.contains_key(&(shard, key.clone()))
    }

    pub(crate) fn cancel(&mut self, shard: PartitionIndex, key: &TimerKey) {
        if let Some((at, _)) = self.at.remove(&(shard, key.clone())) {
            self.due.remove(&(at, shard, key.clone()));
        }
    }

    /// Forgets all of a shard.
    pub(crate) fn cancel_all(&mut self, shard: PartitionIndex) {
        let all = (shard, TimerKey::Heartbeat("".into(), "".into()))..=(shard, TimerKey::Write);
        let keys: Vec<_> = self.at.range(all).map(|((_, key), _)| key.clone()).collect();
        keys.iter().for_each(|key| self.cancel(shard, key));
    }

    /// The first that is due, taken out.
    pub(crate) fn pop(&mut self, now: Monotonic) -> Option<(PartitionIndex, TimerKey, TimerWork)> {
        let (at, ..) = self.due.first()?;
        if *at > now {
            return None;
        }
        let (_, shard, key) = self.due.pop_first()?;
        let (_, work) = self.at.remove(&(shard, key.clone()))?;
        Some((shard, key, work))
    }

    pub(crate) fn next(&self) -> Option<Monotonic> {
        self.due.first().map(|(at, ..)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_time_of_a_key_counts_and_a_shard_goes_with_its_timers() {
        let at = |secs| Monotonic::default() + Duration::from_secs(secs);
        let (one, two) = (PartitionIndex(1), PartitionIndex(2));
        let key = || TimerKey::Heartbeat("g".into(), "m".into());
        let mut timers = Timers::default();
        timers.schedule(one, key(), at(5), TimerWork::Plain);
        timers.schedule(one, key(), at(9), TimerWork::Plain);
        timers.schedule(one, TimerKey::Write, at(7), TimerWork::Plain);
        timers.schedule(two, key(), at(8), TimerWork::InEpoch(GroupEpoch(3)));
        assert_eq!((timers.pop(at(6)), timers.next()), (None, Some(at(7))));
        timers.cancel_all(one);
        assert_eq!(timers.pop(at(99)), Some((two, key(), TimerWork::InEpoch(GroupEpoch(3)))));
        assert_eq!((timers.pop(at(99)), timers.next()), (None, None));
    }
}
