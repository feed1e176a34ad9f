//! When each broker was last heard, and who has been silent for too long.
//!
//! Kept in memory only, by the steady clock (`Time.nanoseconds` in `BrokerHeartbeatManager`): a
//! wall clock that jumps fences nobody. A new active controller counts every registered broker as
//! just heard.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::types::{BrokerId, Monotonic, Offset};

/// What is known of the brokers' heartbeats.
///
/// Source: Kafka, `BrokerHeartbeatManager`.
#[derive(Clone, Debug)]
pub(crate) struct Heartbeats {
    session_timeout: Duration,
    brokers: BTreeMap<BrokerId, Heard>,
    /// The unfenced ones by the time of their last contact.
    unfenced: BTreeSet<(Monotonic, BrokerId)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Heard {
    contact: Monotonic,
    fenced: bool,
    /// The last metadata record that it has applied; `None` before it said so.
    metadata_offset: Option<Offset>,
    /// Whether it was unfenced in this registration; for `NeverUnfenced`.
    was_unfenced: bool,
    /// It may stop once all active brokers have applied this record; `None` unless it is in
    /// controlled shutdown.
    controlled_shutdown_offset: Option<Offset>,
}

impl Heartbeats {
    /// Nobody was heard yet.
    pub(crate) fn new(session_timeout: Duration) -> Self {
        Self { session_timeout, brokers: BTreeMap::new(), unfenced: BTreeSet::new() }
    }

    /// Notes a registration, or a change of one, as contact.
    pub(crate) fn register(&mut self, broker: BrokerId, fenced: bool, now: Monotonic) {
        let offset = self.brokers.get(&broker).and_then(|heard| heard.metadata_offset);
        self.touch(broker, fenced, offset, now);
    }

    /// Forgets a broker: a new incarnation begins anew.
    pub(crate) fn remove(&mut self, broker: BrokerId) {
        if let Some(heard) = self.brokers.remove(&broker) {
            self.unfenced.remove(&(heard.contact, broker));
        }
    }

    /// Notes a heartbeat.
    pub(crate) fn touch(
        &mut self,
        broker: BrokerId,
        fenced: bool,
        metadata_offset: Option<Offset>,
        now: Monotonic,
    ) {
        let before = self.brokers.get(&broker).copied();
        if let Some(heard) = before {
            self.unfenced.remove(&(heard.contact, broker));
        }
        let shutdown = before.and_then(|heard| heard.controlled_shutdown_offset);
        let heard = Heard {
            contact: now,
            fenced,
            metadata_offset,
            was_unfenced: !fenced || before.is_some_and(|heard| heard.was_unfenced),
            // A fenced broker leaves controlled shutdown; its next heartbeat stops it at once.
            controlled_shutdown_offset: shutdown.filter(|_| !fenced),
        };
        self.brokers.insert(broker, heard);
        if !fenced {
            self.unfenced.insert((now, broker));
        }
    }

    /// Whether `broker` is unfenced and was heard within the session timeout.
    pub(crate) fn has_valid_session(&self, broker: BrokerId, now: Monotonic) -> bool {
        let heard = self.brokers.get(&broker);
        heard.is_some_and(|heard| !heard.fenced && now < heard.contact + self.session_timeout)
    }

    /// The unfenced broker that has been silent for longest, if for the session timeout.
    pub(crate) fn stale(&self, now: Monotonic) -> Option<BrokerId> {
        let (contact, broker) = *self.unfenced.first()?;
        (contact + self.session_timeout <= now).then_some(broker)
    }

    /// When the next broker turns stale.
    pub(crate) fn next_check(&self) -> Option<Monotonic> {
        self.unfenced.first().map(|(contact, _)| *contact + self.session_timeout)
    }

    /// Notes that `broker` may stop once every active broker has applied the record at `offset`.
    pub(crate) fn begin_shutdown(&mut self, broker: BrokerId, offset: Offset) {
        if let Some(heard) = self.brokers.get_mut(&broker) {
            heard.controlled_shutdown_offset.get_or_insert(offset);
        }
    }

    /// Where `broker`'s controlled shutdown ends; `None` unless it is in one.
    pub(crate) fn shutdown_offset(&self, broker: BrokerId) -> Option<Offset> {
        self.brokers.get(&broker).and_then(|heard| heard.controlled_shutdown_offset)
    }

    /// Whether `broker` was unfenced since it registered, or since this controller took charge.
    pub(crate) fn was_unfenced(&self, broker: BrokerId) -> bool {
        self.brokers.get(&broker).is_some_and(|heard| heard.was_unfenced)
    }

    /// Whether every active broker has applied the record at `offset`.
    pub(crate) fn all_applied(&self, offset: Offset) -> bool {
        self.brokers.values().all(|heard| {
            let is_active = !heard.fenced && heard.controlled_shutdown_offset.is_none();
            !is_active || heard.metadata_offset.is_some_and(|applied| offset <= applied)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(9);

    fn at(seconds: u64) -> Monotonic {
        Monotonic(seconds * 1_000_000)
    }

    #[test]
    fn the_longest_silent_broker_is_stale_first() {
        let mut heartbeats = Heartbeats::new(TIMEOUT);
        heartbeats.register(BrokerId(1), false, at(0));
        heartbeats.register(BrokerId(2), false, at(1));
        heartbeats.touch(BrokerId(1), false, Some(Offset(3)), at(2));
        assert_eq!(heartbeats.next_check(), Some(at(10)));
        assert_eq!(heartbeats.stale(at(9)), None);
        assert_eq!(heartbeats.stale(at(10)), Some(BrokerId(2)));
        heartbeats.register(BrokerId(2), true, at(10));
        assert_eq!(heartbeats.next_check(), Some(at(11)));
        assert!(!heartbeats.has_valid_session(BrokerId(2), at(10)));
        assert!(heartbeats.has_valid_session(BrokerId(1), at(10)));
    }

    #[test]
    fn shutdown_waits_for_active_brokers_only() {
        let mut heartbeats = Heartbeats::new(TIMEOUT);
        heartbeats.touch(BrokerId(1), false, Some(Offset(3)), at(0));
        heartbeats.touch(BrokerId(2), false, Some(Offset(7)), at(0));
        heartbeats.touch(BrokerId(3), true, Some(Offset(1)), at(0));
        heartbeats.begin_shutdown(BrokerId(2), Offset(5));
        assert!(!heartbeats.all_applied(Offset(5)));
        heartbeats.touch(BrokerId(1), false, Some(Offset(5)), at(1));
        assert!(heartbeats.all_applied(Offset(5)));
    }
}
