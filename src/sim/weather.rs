//! What network and disks do of themselves: a function of place and instant, not a stream.
//!
//! A stream would be moved by whatever draws from it: take one fault out of a run and every later
//! delivery on that link changes for ever. A draw by (place, instant, n-th at that instant) changes
//! only where something else happens.

use std::time::Duration;

use crate::types::{Moment, Rng, hash_words};

/// The weather of one place: a directed link, a disk.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    key: u64,
    instant: Moment,
    nth: u64,
}

impl Weather {
    /// The weather of `purpose` at `place`.
    pub(crate) fn new(seed: u64, purpose: &str, place: &[u64]) -> Self {
        Self { key: Rng::named(seed, purpose, place).bits(), instant: Moment(0), nth: 0 }
    }

    /// 64 bits for what happens now.
    pub(crate) fn draw(&mut self, now: Moment) -> u64 {
        if self.instant == now {
            self.nth += 1;
        } else {
            self.instant = now;
            self.nth = 0;
        }
        hash_words(&[self.key, now.0, self.nth])
    }
}

/// How long something takes: half of the draws are at most `p50`, 99 in 100 at most `p99`, all at
/// most `max`, none below half of `p50`; evenly in between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spread {
    /// The median.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Spread {
    /// No time at all.
    pub const ZERO: Self = Self { p50: Duration::ZERO, p99: Duration::ZERO, max: Duration::ZERO };

    /// The time for a draw of 64 bits.
    pub(crate) fn at(&self, draw: u64) -> Duration {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let (p50, p99, max) = (micros(self.p50), micros(self.p99), micros(self.max));
        // The upper half of the draw chooses the band, the lower the place in it.
        let (band, place) = (draw >> 32, draw & 0xffff_ffff);
        let between = |low: u64, high: u64| low + ((high.saturating_sub(low) * place) >> 32);
        let hundredth = (1 << 32) / 100;
        Duration::from_micros(if band < 50 * hundredth {
            between(p50 / 2, p50)
        } else if band < 99 * hundredth {
            between(p50, p99)
        } else {
            between(p99, max)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_has_the_percentiles_it_names() {
        let micros = Duration::from_micros;
        let spread = Spread { p50: micros(300), p99: micros(2000), max: micros(20_000) };
        let mut weather = Weather::new(3, "link", &[1, 2]);
        let mut drawn: Vec<_> = (0..20_000).map(|at| spread.at(weather.draw(Moment(at)))).collect();
        drawn.sort();
        assert!(drawn[0] >= micros(150) && drawn[19_999] <= micros(20_000));
        assert!((micros(290)..micros(310)).contains(&drawn[10_000]), "{:?}", drawn[10_000]);
        assert!((micros(1900)..micros(2400)).contains(&drawn[19_800]), "{:?}", drawn[19_800]);
    }

    #[test]
    fn a_draw_depends_on_its_instant_alone() {
        let mut busy = Weather::new(3, "link", &[1, 2]);
        let mut quiet = busy.clone();
        (0..50).for_each(|at| {
            busy.draw(Moment(at));
        });
        assert_eq!(busy.draw(Moment(99)), quiet.draw(Moment(99)));
        assert_ne!(busy.draw(Moment(99)), quiet.draw(Moment(98)));
    }
}
