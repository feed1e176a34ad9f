//! The fingerprint of a run: how many events, and a hash of what they say.
//!
//! The hash runs over canonical words and never over what a run file makes of them, so it is the
//! same with recording on or off.

use xxhash_rust::xxh3::Xxh3;

use crate::event::Event;

/// Words gathered before they are hashed; short updates cost more than the words do.
const BUFFER_WORDS: usize = 512;

/// Hashes events as they come.
#[derive(Clone)]
pub struct Digest {
    events: u64,
    hash: Xxh3,
    buffer: Vec<u64>,
}

/// What two executions of one build, scenario and seed have in common.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Fingerprint {
    /// How many events there were.
    pub events: u64,
    /// XXH3, 128 bits, of their canonical words.
    #[serde(with = "hexadecimal")]
    pub hash: u128,
}

impl Default for Digest {
    fn default() -> Self {
        Self { events: 0, hash: Xxh3::new(), buffer: Vec::with_capacity(BUFFER_WORDS + 64) }
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digest({})", self.fingerprint())
    }
}

impl Digest {
    /// Adds `event`.
    pub fn add(&mut self, event: &Event) {
        canonical_words(event, &mut self.buffer);
        self.events += 1;
        if self.buffer.len() >= BUFFER_WORDS {
            hash_words(&self.buffer, &mut self.hash);
            self.buffer.clear();
        }
    }

    /// The fingerprint of all events so far.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = self.hash.clone();
        hash_words(&self.buffer, &mut hash);
        Fingerprint { events: self.events, hash: hash.digest128() }
    }
}

/// Appends all that `event` says but its index, which is its place: moment, host, step, cause,
/// what it is about, kind, fields. Part of the format of fingerprints.
pub fn canonical_words(event: &Event, out: &mut Vec<u64>) {
    let Event { index: _, at, host, step, cause, about, kind } = event;
    // Indices are far below 2^64: one more tells none apart from the first.
    let number = |index: Option<u64>| index.map_or(0, |index| index + 1);
    let host = host.map_or(0, |host| u64::from(host.0) + 1);
    out.extend_from_slice(&[
        at.0,
        host << 8 | u64::from(kind.number()),
        step.lane,
        step.n,
        number(*cause),
        number(*about),
    ]);
    kind.digest(out);
}

/// Adds words to a hash as bytes, little endian.
fn hash_words(words: &[u64], hash: &mut Xxh3) {
    let mut bytes = [0; 8 * 64];
    for words in words.chunks(64) {
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        hash.update(&bytes[..8 * words.len()]);
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{:032x}", self.events, self.hash)
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (events, hash) = text.split_once('-').ok_or(FingerprintError)?;
        let events = events.parse().map_err(|_| FingerprintError)?;
        let hash = u128::from_str_radix(hash, 16).map_err(|_| FingerprintError)?;
        Ok(Self { events, hash })
    }
}

/// A text is no fingerprint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a fingerprint is a number of events, a hyphen and 32 hexadecimal digits")]
pub struct FingerprintError;

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(hash: &u128, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{hash:032x}"))
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<u128, D::Error> {
        let text = String::deserialize(from)?;
        u128::from_str_radix(&text, 16).map_err(|_| D::Error::custom("a hash is hexadecimal"))
    }
}
