//! A host's two clocks as functions of the world's time.
//!
//! Between two changes both run evenly, at the world's pace or a little off. A change (a jump, a
//! new pace) begins a new stretch where the one before has come to, so no change makes the steady
//! clock jump, and all is whole numbers: what a clock shows is rounded down, the moment at which it
//! shows something is rounded up, and so nothing that waits for an instant is ever woken before it.

use std::time::Duration;

use crate::types::{Deadlines, Moment, Monotonic, Now, Wall};

/// Where every wall clock stands when the world begins: 2026-01-01T00:00:00Z.
const WALL_AT_BEGINNING: Wall = Wall(1_767_225_600_000_000);
const MILLION: u64 = 1_000_000;

/// The wall time, in milliseconds since 1970, of a clock that is right when the scenario is `time`
/// old.
pub(crate) fn millis(time: Duration) -> i64 {
    let since = Moment::SCENARIO_BEGINS + time;
    WALL_AT_BEGINNING.millis() + i64::try_from(since.0 / 1000).unwrap_or(i64::MAX / 2)
}

/// The time of a wall clock that is right when the scenario is `time` old.
pub(crate) fn wall(time: Duration) -> Wall {
    let since = Moment::SCENARIO_BEGINS + time;
    Wall(WALL_AT_BEGINNING.0.saturating_add_unsigned(since.0))
}

/// A host's clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Clock {
    /// When the present stretch began.
    since: Moment,
    /// What the clocks showed then.
    monotonic: Monotonic,
    wall: Wall,
    /// How many microseconds both gain in a million.
    drift_ppm: i64,
}

impl Clock {
    /// The clocks of a host that is switched on when the world begins.
    pub(crate) fn new(offset_micros: i64, drift_ppm: i64) -> Self {
        let wall = Wall(WALL_AT_BEGINNING.0 + offset_micros);
        let mut clock = Self { since: Moment(0), monotonic: Monotonic(0), wall, drift_ppm: 0 };
        clock.run_at(Moment(0), drift_ppm);
        clock
    }

    fn elapsed(&self, at: Moment) -> u64 {
        let world_micros = at.0.saturating_sub(self.since.0);
        if self.drift_ppm == 0 {
            return world_micros;
        }
        let drifted = u128::from(world_micros) * u128::from(self.pace());
        u64::try_from(drifted / u128::from(MILLION)).expect("drift is below a million")
    }

    fn pace(&self) -> u64 {
        MILLION.checked_add_signed(self.drift_ppm).expect("drift is below a million")
    }

    /// What the clocks show at `at`.
    pub(crate) fn read(&self, at: Moment) -> Now {
        let elapsed = self.elapsed(at);
        Now {
            monotonic: Monotonic(self.monotonic.0 + elapsed),
            wall: Wall(self.wall.0.saturating_add_unsigned(elapsed)),
        }
    }

    /// Begins a new stretch.
    fn split(&mut self, at: Moment) {
        let now = self.read(at);
        (self.since, self.monotonic, self.wall) = (at, now.monotonic, now.wall);
    }

    /// The host is switched on: its steady clock begins anew, the wall clock went on.
    pub(crate) fn boot(&mut self, at: Moment) {
        self.split(at);
        self.monotonic = Monotonic(0);
    }

    /// The wall clock jumps.
    pub(crate) fn jump(&mut self, at: Moment, by_micros: i64) {
        self.split(at);
        self.wall = Wall(self.wall.0.saturating_add(by_micros));
    }

    /// Both clocks gain `drift_ppm` microseconds in a million from `at` on.
    pub(crate) fn run_at(&mut self, at: Moment, drift_ppm: i64) {
        assert!(drift_ppm.abs() < 500_000, "a clock that is off by half is broken: {drift_ppm}");
        self.split(at);
        self.drift_ppm = drift_ppm;
    }

    /// The first moment of this stretch at which the steady clock shows `target` or later.
    pub(crate) fn when_monotonic(&self, target: Monotonic) -> Moment {
        self.since + self.world_time(target.0.saturating_sub(self.monotonic.0))
    }

    /// The first moment of this stretch at which the wall clock shows `target` or later.
    pub(crate) fn when_wall(&self, target: Wall) -> Moment {
        let left = target.0.saturating_sub(self.wall.0);
        self.since + self.world_time(u64::try_from(left).unwrap_or(0))
    }

    /// The first moment of this stretch at which either deadline has come.
    pub(crate) fn when(&self, deadlines: Deadlines) -> Option<Moment> {
        let steady = deadlines.monotonic.map(|steady| self.when_monotonic(steady));
        let wall = deadlines.wall.map(|wall| self.when_wall(wall));
        steady.into_iter().chain(wall).min()
    }

    fn world_time(&self, clock_micros: u64) -> Duration {
        if self.drift_ppm == 0 {
            return Duration::from_micros(clock_micros);
        }
        let world = (u128::from(clock_micros) * u128::from(MILLION)).div_ceil(self.pace().into());
        Duration::from_micros(u64::try_from(world).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    /// A change, so many microseconds after the one before.
    #[derive(Clone, Copy, Debug)]
    enum Change {
        Jump(i64),
        Drift(i64),
    }

    fn changes() -> impl Strategy<Value = Vec<(u64, Change)>> {
        let change = prop_oneof![
            (-100_000_000_i64..100_000_000).prop_map(Change::Jump),
            (-200_000_i64..=200_000).prop_map(Change::Drift),
        ];
        proptest::collection::vec((0_u64..20_000_000, change), 0..6)
    }

    fn changed(changes: &[(u64, Change)], drift_ppm: i64) -> (Clock, Moment) {
        let (mut clock, mut at) = (Clock::new(12_345, drift_ppm), Moment(777));
        clock.boot(at);
        for (after, change) in changes {
            at = Moment(at.0 + after);
            let before = clock.read(at);
            match change {
                Change::Jump(by) => clock.jump(at, *by),
                Change::Drift(ppm) => clock.run_at(at, *ppm),
            }
            let after = clock.read(at);
            assert_eq!(after.monotonic, before.monotonic, "no change moves the steady clock");
            let by = if let Change::Jump(by) = change { *by } else { 0 };
            assert_eq!(after.wall.0, before.wall.0 + by);
        }
        (clock, at)
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 300, rng_seed: RngSeed::Fixed(105), ..ProptestConfig::default()
        })]

        #[test]
        fn a_deadline_is_reached_when_its_clock_says_so_and_not_before(
            changes in changes(), drift in -100_000_i64..=100_000,
            later in 0_u64..50_000_000, wait in 1_u64..100_000_000,
        ) {
            let (clock, last) = changed(&changes, drift);
            let start = clock.read(Moment(last.0 + later));
            let wall = start.wall + Duration::from_micros(wait);
            let at = clock.when_wall(wall);
            prop_assert!(clock.read(at).wall >= wall);
            prop_assert!(clock.read(Moment(at.0 - 1)).wall < wall);
            let steady = start.monotonic + Duration::from_micros(wait);
            let at = clock.when_monotonic(steady);
            prop_assert!(clock.read(at).monotonic >= steady);
            prop_assert!(clock.read(Moment(at.0 - 1)).monotonic < steady);
        }

        #[test]
        fn clocks_go_forward_at_their_pace(
            changes in changes(), from in 0_u64..50_000_000, lasts in 0_u64..50_000_000,
        ) {
            let (clock, last) = changed(&changes, 0);
            let early = clock.read(Moment(last.0 + from));
            let late = clock.read(Moment(last.0 + from + lasts));
            let (steady, wall) =
                (late.monotonic.0 - early.monotonic.0, (late.wall.0 - early.wall.0) as u64);
            prop_assert!(steady.abs_diff(lasts) <= lasts / 5 + 1);
            prop_assert_eq!(steady, wall);
        }
    }

    #[test]
    fn a_host_that_is_switched_on_again_knows_what_time_it_is() {
        let mut clock = Clock::new(-5_000_000, 100);
        clock.jump(Moment(1_000_000), 40_000_000);
        let before = clock.read(Moment(20_000_000));
        clock.boot(Moment(20_000_000));
        let after = clock.read(Moment(20_000_000));
        assert_eq!(after, Now { monotonic: Monotonic(0), wall: before.wall });
    }
}
