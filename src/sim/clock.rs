//! A host's two clocks as functions of the world's time.

use std::time::Duration;

use crate::types::{Moment, Monotonic, Now, Wall};

/// Where every wall clock stands when the world begins: 2026-01-01T00:00:00Z.
const WALL_AT_BEGINNING: Wall = Wall(1_767_225_600_000_000);

/// The wall time, in milliseconds since 1970, of a clock that is right when the scenario is `time`
/// old.
pub(crate) fn millis(time: Duration) -> i64 {
    let since = Moment::SCENARIO_BEGINS + time;
    WALL_AT_BEGINNING.millis() + i64::try_from(since.0 / 1000).unwrap_or(i64::MAX / 2)
}

/// A host's clocks. Both run at the world's pace, more or less; the wall clock is off by a bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Clock {
    /// When the host was switched on.
    booted: Moment,
    /// How far the wall clock is ahead, in microseconds.
    pub(crate) offset_micros: i64,
    /// How many microseconds both clocks gain in a million.
    pub(crate) drift_ppm: i64,
}

impl Clock {
    pub(crate) fn new(booted: Moment, offset_micros: i64, drift_ppm: i64) -> Self {
        assert!(drift_ppm.abs() < 500_000, "a clock that is off by half is broken: {drift_ppm}");
        Self { booted, offset_micros, drift_ppm }
    }

    fn elapsed(&self, world_micros: u64) -> u64 {
        if self.drift_ppm == 0 {
            return world_micros;
        }
        let drifted = i128::from(world_micros) * i128::from(1_000_000 + self.drift_ppm);
        u64::try_from(drifted / 1_000_000).expect("drift is below a million")
    }

    /// What the clocks show at `at`.
    pub(crate) fn read(&self, at: Moment) -> Now {
        let wall = WALL_AT_BEGINNING.0 + self.elapsed(at.0) as i64 + self.offset_micros;
        let up = at.0.saturating_sub(self.booted.0);
        Now { monotonic: Monotonic(self.elapsed(up)), wall: Wall(wall) }
    }

    /// The first moment at which the steady clock shows `target` or later.
    pub(crate) fn when_monotonic(&self, target: Monotonic) -> Moment {
        self.booted + self.world_time(target.0)
    }

    /// The first moment at which the wall clock shows `target` or later.
    pub(crate) fn when_wall(&self, target: Wall) -> Moment {
        let since = target.0.saturating_sub(WALL_AT_BEGINNING.0).saturating_sub(self.offset_micros);
        Moment(0) + self.world_time(u64::try_from(since).unwrap_or(0))
    }

    fn world_time(&self, clock_micros: u64) -> Duration {
        if self.drift_ppm == 0 {
            return Duration::from_micros(clock_micros);
        }
        let pace = u128::try_from(1_000_000 + self.drift_ppm).expect("drift is below a million");
        let world = (u128::from(clock_micros) * 1_000_000).div_ceil(pace);
        Duration::from_micros(u64::try_from(world).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_reached_when_its_clock_says_so_and_not_before() {
        for drift in [-300, 0, 250] {
            let clock = Clock::new(Moment(777), 12_345, drift);
            for micros in [0, 1, 999_983, 60_000_000] {
                let start = clock.read(Moment(5_000_000));
                let wall = start.wall + Duration::from_micros(micros);
                let at = clock.when_wall(wall);
                assert!(clock.read(at).wall >= wall);
                assert!(clock.read(Moment(at.0 - 1)).wall < wall);
                let steady = start.monotonic + Duration::from_micros(micros);
                let at = clock.when_monotonic(steady);
                assert!(clock.read(at).monotonic >= steady);
                assert!(clock.read(Moment(at.0 - 1)).monotonic < steady);
            }
        }
    }
}
