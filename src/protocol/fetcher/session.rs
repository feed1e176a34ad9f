//! A fetch session as the fetcher sees it: what the leader remembers of the last requests, so that
//! the next need only say what changed (KIP-227).

use std::collections::BTreeMap;

use crate::message::FetchPosition;
use crate::types::{LeaderEpoch, TopicPartition};

/// What was last asked of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Asked {
    /// The leader epoch of the request.
    pub(crate) leader_epoch: LeaderEpoch,
    /// From where.
    pub(crate) position: FetchPosition,
}

/// The fetcher's side of a session.
///
/// Source: Kafka 4.1, `FetchSessionHandler`, `FetchMetadata`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// The leader's name for the session; 0 for none.
    pub(crate) id: i32,
    /// The next request's number in the session; 0 asks for a new session, and closes `id`.
    pub(crate) epoch: i32,
    /// What the leader knows when it has read the last request.
    pub(crate) asked: BTreeMap<TopicPartition, Asked>,
}

impl Session {
    /// Whether the next request names every partition.
    pub(crate) fn is_full(&self) -> bool {
        self.epoch == 0
    }

    /// The leader answered the last request within session `id` (0: it keeps none).
    pub(crate) fn advance(&mut self, id: i32) {
        if id == 0 {
            self.forget();
        } else if self.is_full() {
            self.id = id;
            self.epoch = 1;
        } else {
            // After the largest number comes 1: 0 and -1 have meanings of their own.
            self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        }
    }

    /// The leader does not know the session: the next request begins one.
    pub(crate) fn forget(&mut self) {
        self.id = 0;
        self.epoch = 0;
    }

    /// Nobody knows where the session stands: the next request closes it and begins another.
    pub(crate) fn restart(&mut self) {
        self.epoch = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_numbers_skip_zero() {
        let mut session = Session::default();
        session.advance(7);
        assert_eq!((session.id, session.epoch), (7, 1));
        session.epoch = i32::MAX;
        session.advance(7);
        assert_eq!((session.id, session.epoch), (7, 1));
        session.restart();
        assert!(session.is_full() && session.id == 7);
        session.forget();
        assert!(session.is_full() && session.id == 0);
    }
}
