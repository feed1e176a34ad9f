//! Seeded randomness: streams by name, and a mixing function for draws by key.
//!
//! A stream is derived from the run's seed and a name by a hash that we own, never by drawing from
//! another stream: removing one broker or one fault leaves every other draw as it was. Integers
//! only, drawn by our own code, so no release of a library can move a run.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A stream of random numbers with a name.
#[derive(Clone, Debug)]
pub struct Rng(Box<ChaCha8Rng>);

impl Rng {
    /// The stream `name` of the run with `seed`; `place` tells streams of one name apart (host,
    /// incarnation, ...).
    pub fn named(seed: u64, name: &str, place: &[u64]) -> Self {
        let mut hash = mix(seed ^ 0x6b61_6673_696d_0001);
        for byte in name.bytes() {
            hash = mix(hash ^ u64::from(byte));
        }
        hash = place.iter().fold(hash, |hash, word| mix(hash ^ mix(*word)));
        Self(Box::new(ChaCha8Rng::seed_from_u64(hash)))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `limit`, each as likely as another to within 2^-64. 0 when `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        scale(self.bits(), limit)
    }

    /// A number from `low` to `high`, both possible.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True `numerator` times in `denominator`.
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }

    /// One of `items`; `None` when there are none.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let at = usize::try_from(self.below(items.len() as u64)).ok()?;
        items.get(at)
    }
}

/// Scales 64 random bits to a number below `limit`.
pub(crate) fn scale(bits: u64, limit: u64) -> u64 {
    ((u128::from(bits) * u128::from(limit)) >> 64) as u64
}

/// A fixed bijection of 64 bits under which close inputs land far apart (the finisher of
/// SplitMix64). Part of the format: changing it changes every run.
pub fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Hashes a few words in order by [`mix`].
pub fn hash_words(words: &[u64]) -> u64 {
    words.iter().fold(0x6b61_6673_696d_0002, |hash, word| mix(hash ^ mix(*word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned() {
        let mut rng = Rng::named(7, "election", &[2, 3]);
        let drawn = [rng.bits(), rng.below(1000), rng.between(5, 6)];
        let mut again = Rng::named(7, "election", &[2, 3]);
        assert_eq!(drawn, [again.bits(), again.below(1000), again.between(5, 6)]);
        assert_ne!(Rng::named(7, "election", &[2, 4]).bits(), drawn[0]);
        // Moved by nothing but us: a changed value changes every run ever recorded.
        assert_eq!(mix(1), 0x910a_2dec_8902_5cc1);
    }

    #[test]
    fn below_reaches_both_ends() {
        let mut rng = Rng::named(1, "test", &[]);
        let seen: std::collections::BTreeSet<_> = (0..200).map(|_| rng.below(4)).collect();
        assert_eq!(seen, (0..4).collect());
    }
}
