//! The fingerprint of a run: how many events, and a hash of what they say.
//!
//! The hash runs over canonical bytes and never over what a run file makes of them, so it is the
//! same with recording on or off.

use xxhash_rust::xxh3::Xxh3;

use crate::event::{Event, Field};

/// Bytes gathered before they are hashed; short updates cost more than the bytes do.
const BUFFER_BYTES: usize = 4096;

/// Hashes events as they come.
#[derive(Clone)]
pub struct Digest {
    events: u64,
    hash: Xxh3,
    buffer: Vec<u8>,
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
    /// XXH3, 128 bits, of their canonical bytes.
    #[serde(with = "hexadecimal")]
    pub hash: u128,
}

impl Default for Digest {
    fn default() -> Self {
        Self { events: 0, hash: Xxh3::new(), buffer: Vec::with_capacity(BUFFER_BYTES + 512) }
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
        canonical_bytes(event, &mut self.buffer);
        self.events += 1;
        if self.buffer.len() >= BUFFER_BYTES {
            self.hash.update(&self.buffer);
            self.buffer.clear();
        }
    }

    /// The fingerprint of all events so far.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = self.hash.clone();
        hash.update(&self.buffer);
        Fingerprint { events: self.events, hash: hash.digest128() }
    }
}

/// Appends all that `event` says but its index, which is its place: moment, host, step, cause,
/// what it is about, kind, fields. Part of the format of fingerprints.
pub fn canonical_bytes(event: &Event, out: &mut Vec<u8>) {
    event.at.encode(out);
    event.host.encode(out);
    out.extend_from_slice(&event.step.lane.to_be_bytes());
    event.step.n.encode(out);
    event.cause.encode(out);
    event.about.encode(out);
    out.push(event.kind.number());
    event.kind.encode(out);
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
