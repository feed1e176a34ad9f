//! Which nodes may be sent a request now: one in flight to each, and a wait after a failure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::types::{BrokerId, Rng, Wall};

/// What is under way with the nodes that this one talks to.
///
/// Source: Kafka 4.1, `RequestManager`.
#[derive(Clone, Debug)]
pub(super) struct Peers {
    request_timeout: Duration,
    retry_backoff: Duration,
    /// Nodes that are not here are ready.
    nodes: BTreeMap<BrokerId, Peer>,
    sent: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Peer {
    /// A request with this token was sent then.
    Awaiting { token: u64, sent: Wall },
    /// The last request failed; the next may go out then.
    BackingOff { until: Wall },
}

impl Peers {
    /// Everyone is ready.
    pub(super) fn new(request_timeout: Duration, retry_backoff: Duration) -> Self {
        Self { request_timeout, retry_backoff, nodes: BTreeMap::new(), sent: 0 }
    }

    /// Whether a request may go to `node`.
    pub(super) fn is_ready(&self, node: BrokerId, now: Wall) -> bool {
        self.ready_at(node).is_none_or(|at| at <= now)
    }

    /// When a request may go to `node`; `None` when one may at once.
    pub(super) fn ready_at(&self, node: BrokerId) -> Option<Wall> {
        self.nodes.get(&node).map(|peer| match *peer {
            Peer::Awaiting { sent, .. } => sent + self.request_timeout,
            Peer::BackingOff { until } => until,
        })
    }

    /// Whether the last request to `node` failed a short while ago.
    pub(super) fn is_backing_off(&self, node: BrokerId, now: Wall) -> bool {
        matches!(self.nodes.get(&node), Some(Peer::BackingOff { until }) if *until > now)
    }

    /// Whether a request to `node` has been without an answer for too long.
    pub(super) fn has_timed_out(&self, node: BrokerId, now: Wall) -> bool {
        matches!(self.nodes.get(&node),
            Some(Peer::Awaiting { sent, .. }) if *sent + self.request_timeout <= now)
    }

    /// Whether an answer is waited for, from anybody.
    pub(super) fn has_any_in_flight(&self, now: Wall) -> bool {
        self.nodes.values().any(|peer| match *peer {
            Peer::Awaiting { sent, .. } => sent + self.request_timeout > now,
            Peer::BackingOff { .. } => false,
        })
    }

    /// When the first node of whom something is waited for may be sent a request.
    pub(super) fn next_ready(&self, nodes: impl Iterator<Item = BrokerId>) -> Option<Wall> {
        nodes.filter_map(|node| self.ready_at(node)).min()
    }

    /// When [`Self::any_ready`] may next find one; `None` when only an answer can change it.
    pub(super) fn next_any_ready(&self, nodes: impl Iterator<Item = BrokerId>) -> Option<Wall> {
        let answers = self.nodes.values().filter_map(|peer| match *peer {
            Peer::Awaiting { sent, .. } => Some(sent + self.request_timeout),
            Peer::BackingOff { .. } => None,
        });
        self.next_ready(nodes).max(answers.max())
    }

    /// One of `nodes` that is ready, when nothing at all is in flight
    /// (`findReadyBootstrapServer`).
    pub(super) fn any_ready(
        &self,
        nodes: impl Iterator<Item = BrokerId>,
        now: Wall,
        rng: &mut Rng,
    ) -> Option<BrokerId> {
        if self.has_any_in_flight(now) {
            return None;
        }
        let ready: Vec<BrokerId> = nodes.filter(|&node| self.is_ready(node, now)).collect();
        rng.choose(&ready).copied()
    }

    /// Notes that a request goes to `node`, and names it.
    pub(super) fn send(&mut self, node: BrokerId, now: Wall) -> u64 {
        self.sent += 1;
        self.nodes.insert(node, Peer::Awaiting { token: self.sent, sent: now });
        self.sent
    }

    /// Whether the answer to the request `token` of `node` is still wanted.
    pub(super) fn is_expected(&self, node: BrokerId, token: u64) -> bool {
        matches!(self.nodes.get(&node), Some(Peer::Awaiting { token: sent, .. }) if *sent == token)
    }

    /// Notes what came of the request `token` to `node`, unless it is forgotten.
    pub(super) fn answered(&mut self, node: BrokerId, token: u64, ok: bool, now: Wall) {
        if !self.is_expected(node, token) {
            return;
        }
        if ok {
            self.nodes.remove(&node);
        } else {
            let until = now + self.retry_backoff;
            self.nodes.insert(node, Peer::BackingOff { until });
        }
    }

    /// Forgets what is under way with `node`; a late answer is ignored.
    pub(super) fn reset(&mut self, node: BrokerId) {
        self.nodes.remove(&node);
    }

    /// Forgets what is under way with all.
    pub(super) fn reset_all(&mut self) {
        self.nodes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_flight_and_a_wait_after_failure() {
        let ms = |millis: i32| Wall(i64::from(millis) * 1000);
        let mut peers = Peers::new(Duration::from_secs(2), Duration::from_millis(20));
        let node = BrokerId(3002);
        let token = peers.send(node, ms(0));
        assert!(!peers.is_ready(node, ms(1999)) && peers.is_ready(node, ms(2000)));
        peers.answered(node, token + 1, true, ms(5));
        assert!(peers.is_expected(node, token));
        peers.answered(node, token, false, ms(5));
        assert!(peers.is_backing_off(node, ms(24)) && peers.is_ready(node, ms(25)));
        let mut rng = Rng::named(1, "test", &[]);
        assert_eq!(peers.any_ready([node].into_iter(), ms(24), &mut rng), None);
        assert_eq!(peers.any_ready([node].into_iter(), ms(25), &mut rng), Some(node));
    }
}
