//! The hash by which two prefixes of the metadata log are compared.

use std::hash::{Hash, Hasher};

use crate::message::MetadataRecord;
use crate::types::{Offset, mix};

/// Folds whatever a value writes into one word, by our own mixing function.
struct Folding(u64);

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = mix(self.0 ^ word.rotate_left(17));
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The digest of a prefix, `digest` being that of all but its last record.
pub(crate) fn extend(digest: u64, offset: Offset, record: &MetadataRecord) -> u64 {
    let mut hasher = Folding(digest);
    offset.0.hash(&mut hasher);
    record.hash(&mut hasher);
    hasher.finish()
}
