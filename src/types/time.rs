//! Three times that must not be mixed: the world's, and a host's two clocks.
//!
//! All are counted in whole microseconds. Machines see [`Now`] only; [`Moment`] belongs to the
//! simulation, to events and to what reads them (`tests/it/architecture.rs` holds to that).

use std::ops::{Add, Sub};
use std::time::Duration;

use crate::types::newtype::integer_newtype;

integer_newtype! {
    /// An instant of the simulated world, in microseconds since its beginning.
    Moment(u64);
    /// A host's steady clock (`System.nanoTime`), in microseconds since the host was switched on.
    Monotonic(u64);
    /// A host's wall clock (`System.currentTimeMillis`), in microseconds since 1970 began.
    Wall(i64);
}

/// Ten thousand years, longer than any run: sums of such times still fit in 64 bits of
/// microseconds, which those of Kafka's largest number of milliseconds do not.
pub const FOREVER: Duration = Duration::from_hours(10_000 * 365 * 24);

fn micros(duration: Duration) -> u64 {
    // Rounded up: nothing is ever early.
    // In 64 bits: this stands in every sum of a time and a duration.
    let whole = duration.as_secs().checked_mul(1_000_000);
    let micros =
        whole.and_then(|whole| whole.checked_add(duration.subsec_nanos().div_ceil(1000).into()));
    micros.expect("durations are below 500,000 years")
}

impl Moment {
    /// The cluster forms in the ten seconds before this; a scenario's times count from here.
    pub const SCENARIO_BEGINS: Self = Self(10_000_000);

    /// The time from `earlier` to this; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Microseconds since the scenario's time zero; negative while the cluster forms.
    pub fn scenario_micros(self) -> i64 {
        self.0 as i64 - Self::SCENARIO_BEGINS.0 as i64
    }
}

impl Add<Duration> for Moment {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

impl Monotonic {
    /// The time from `earlier` to this; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

impl Wall {
    /// The time from `earlier` to this; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Whole milliseconds since 1970 began, as record timestamps have it.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl Add<Duration> for Wall {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(micros(duration)))
    }
}

impl Sub<Duration> for Wall {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(micros(duration)))
    }
}

/// What a host's clocks show during one step. One read a step: a step sees one time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// The steady clock: purgatories and group timers go by it (KAFKA-4051).
    pub monotonic: Monotonic,
    /// The wall clock: replica lag, Raft timers, client timeouts, record timestamps go by it
    /// (`Time.timer`, `System.currentTimeMillis`). It may jump.
    pub wall: Wall,
}

impl Now {
    /// Both clocks `duration` later, as a test advances them.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self { monotonic: self.monotonic + duration, wall: self.wall + duration }
    }
}

/// When a machine next wants an input even if nothing else happens, by either clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Deadlines {
    /// The next deadline by the steady clock.
    pub monotonic: Option<Monotonic>,
    /// The next deadline by the wall clock.
    pub wall: Option<Wall>,
}

impl Deadlines {
    /// No deadline: only an input from outside moves the machine.
    pub const NONE: Self = Self { monotonic: None, wall: None };

    /// One deadline by the steady clock, or none.
    pub fn monotonic(at: Option<Monotonic>) -> Self {
        Self { monotonic: at, wall: None }
    }

    /// One deadline by the wall clock, or none.
    pub fn wall(at: Option<Wall>) -> Self {
        Self { monotonic: None, wall: at }
    }

    /// The earlier of the two, clock by clock.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        fn earlier<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            }
        }
        Self {
            monotonic: earlier(self.monotonic, other.monotonic),
            wall: earlier(self.wall, other.wall),
        }
    }

    /// Whether either deadline has come.
    pub fn is_due(self, now: Now) -> bool {
        self.monotonic.is_some_and(|at| at <= now.monotonic)
            || self.wall.is_some_and(|at| at <= now.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_up_to_a_microsecond() {
        assert_eq!(Moment(5) + Duration::from_nanos(1), Moment(6));
        assert_eq!(Moment(5) + Duration::from_nanos(2000), Moment(7));
    }

    #[test]
    fn either_clock_makes_a_deadline_due() {
        let both = Deadlines { monotonic: Some(Monotonic(9)), wall: Some(Wall(4)) };
        assert!(both.is_due(Now { monotonic: Monotonic(0), wall: Wall(4) }));
        assert!(!both.is_due(Now { monotonic: Monotonic(8), wall: Wall(3) }));
        assert_eq!(both.or(Deadlines::wall(Some(Wall(2)))).wall, Some(Wall(2)));
    }
}
