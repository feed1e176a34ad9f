//! Records that wait at the leader for their batch to be closed.

use std::time::Duration;

use crate::message::{MetadataRecord, Records};
use crate::types::{Now, Wall};

/// Collects the records of a leader's epoch into batches.
///
/// Source: Kafka 4.1, `BatchAccumulator`: what is appended within `append.linger` shares a batch,
/// but the records of one append are never split; control records go at once.
#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    linger: Duration,
    batch_bytes_max: u32,
    closed: Vec<Records>,
    open: Vec<MetadataRecord>,
    open_bytes: u32,
    drain_at: Option<Wall>,
}

impl Accumulator {
    /// An empty one.
    pub(super) fn new(linger: Duration, batch_bytes_max: u32) -> Self {
        Self {
            linger,
            batch_bytes_max,
            closed: Vec::new(),
            open: Vec::new(),
            open_bytes: 0,
            drain_at: None,
        }
    }

    /// Adds `records` of `bytes` bytes, to be appended together.
    pub(super) fn append(&mut self, records: Vec<MetadataRecord>, bytes: u32, now: Now) {
        if records.is_empty() {
            return;
        }
        if !self.open.is_empty() && self.open_bytes.saturating_add(bytes) > self.batch_bytes_max {
            self.close();
            // A batch that is full is not kept waiting.
            self.drain_at = Some(now.wall);
        }
        self.open.extend(records);
        self.open_bytes = self.open_bytes.saturating_add(bytes);
        self.drain_at.get_or_insert(now.wall + self.linger);
    }

    /// Adds a control batch, to be appended at once.
    pub(super) fn append_control(&mut self, records: Records, now: Now) {
        self.close();
        self.closed.push(records);
        self.drain_at = Some(now.wall);
    }

    /// Takes what is to be appended now: nothing, before its time has come.
    pub(super) fn drain(&mut self, now: Now) -> Vec<Records> {
        if self.drain_at.is_none_or(|at| at > now.wall) {
            return Vec::new();
        }
        self.close();
        self.drain_at = None;
        std::mem::take(&mut self.closed)
    }

    /// When [`Self::drain`] will have something.
    pub(super) fn deadline(&self) -> Option<Wall> {
        self.drain_at
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.closed.push(Records::Metadata(std::mem::take(&mut self.open)));
            self.open_bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_within_the_linger_share_a_batch_and_full_ones_go_at_once() {
        let at = |millis| Now::default().after(Duration::from_millis(millis));
        let mut waiting = Accumulator::new(Duration::from_millis(25), 100);
        waiting.append(vec![MetadataRecord::NoOp], 40, at(0));
        waiting.append(vec![MetadataRecord::NoOp; 2], 40, at(10));
        assert_eq!(waiting.drain(at(24)), []);
        assert_eq!(waiting.drain(at(25)), [Records::Metadata(vec![MetadataRecord::NoOp; 3])]);
        assert_eq!(waiting.deadline(), None);
        waiting.append(vec![MetadataRecord::NoOp], 60, at(30));
        waiting.append(vec![MetadataRecord::NoOp], 60, at(31));
        assert_eq!(waiting.drain(at(31)).len(), 2);
    }
}
