//! How long to wait before trying again.

use std::time::Duration;

use crate::types::rng::Rng;

/// A wait that doubles with each attempt, up to a limit, shaken by a fifth either way.
///
/// Source: Kafka 4.1, `ExponentialBackoff` (KIP-580).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    /// The first wait.
    pub initial: Duration,
    /// No wait is longer.
    pub max: Duration,
}

impl Backoff {
    /// By how many parts in a thousand a wait may be shorter or longer.
    const JITTER_PER_MILLE: u64 = 200;

    /// The wait before attempt `attempts` + 1, `attempts` having failed so far, counted from 0.
    pub fn wait(self, attempts: u32, rng: &mut Rng) -> Duration {
        let max = micros(self.max);
        // The power stops where the limit is reached, as in Kafka, so that the longest waits are
        // shaken too, downwards.
        let doubled = (0..attempts).try_fold(micros(self.initial), |wait, _| {
            let next = wait.saturating_mul(2);
            if next >= max { Err(max.max(wait)) } else { Ok(next) }
        });
        let (Ok(wait) | Err(wait)) = doubled;
        let jitter = rng.between(1000 - Self::JITTER_PER_MILLE, 1000 + Self::JITTER_PER_MILLE);
        Duration::from_micros((wait.saturating_mul(jitter) / 1000).min(max))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 2000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_doubles_up_to_the_limit_and_is_shaken() {
        let backoff =
            Backoff { initial: Duration::from_millis(100), max: Duration::from_millis(1000) };
        let mut rng = Rng::named(1, "backoff", &[]);
        for attempts in 0..10 {
            let term = (100_u64 << attempts.min(4)).min(1000);
            for _ in 0..50 {
                let wait = micros(backoff.wait(attempts, &mut rng)) / 1000;
                assert!(term * 8 / 10 <= wait && wait <= (term * 12 / 10).min(1000), "{wait}");
            }
        }
    }
}
