//! A timer by the wall clock that does not follow the clock when it goes back.

use std::time::Duration;

use crate::types::{Now, Wall};

/// A point of the wall clock that is waited for.
///
/// Source: Kafka 4.1, `org.apache.kafka.common.utils.Timer`: it remembers the latest time that it
/// was shown, so a clock that jumps back makes it late and never young again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Timer {
    seen: Wall,
    deadline: Wall,
}

impl Timer {
    /// A timer that expires `timeout` from now.
    pub(super) fn after(now: Now, timeout: Duration) -> Self {
        Self { seen: now.wall, deadline: now.wall + timeout }
    }

    /// Starts it again, for `timeout`.
    pub(super) fn reset(&mut self, now: Now, timeout: Duration) {
        self.seen = self.seen.max(now.wall);
        self.deadline = self.seen + timeout;
    }

    /// Whether the time is up.
    pub(super) fn is_expired(&mut self, now: Now) -> bool {
        self.seen = self.seen.max(now.wall);
        self.seen >= self.deadline
    }

    /// How long it still takes; zero when the time is up.
    pub(super) fn remaining(&mut self, now: Now) -> Duration {
        self.seen = self.seen.max(now.wall);
        self.deadline.since(self.seen)
    }

    /// When the time is up.
    pub(super) fn deadline(&self) -> Wall {
        self.deadline
    }

    /// When the time is up; `None` once it was seen to be.
    pub(super) fn pending(&self) -> Option<Wall> {
        (self.seen < self.deadline).then_some(self.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_that_goes_back_makes_nothing_younger() {
        let at = |wall| Now { wall: Wall(wall), ..Now::default() };
        let mut timer = Timer::after(at(1_000), Duration::from_micros(100));
        assert_eq!(timer.remaining(at(1_050)), Duration::from_micros(50));
        assert_eq!(timer.remaining(at(10)), Duration::from_micros(50));
        assert!(!timer.is_expired(at(1_099)));
        assert!(timer.is_expired(at(1_100)));
        assert!(timer.is_expired(at(10)));
        timer.reset(at(10), Duration::from_micros(5));
        assert_eq!(timer.deadline(), Wall(1_105));
    }
}
