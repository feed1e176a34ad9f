//! What is to come: a heap of unique keys over a slab of entries.
//!
//! A key is (moment, lane bits, n). The lane says what kind of thing happens to whom and from
//! where, permuted by a bijection keyed by the seed, so that seeds explore different orders at one
//! instant; n counts within the lane. So no key depends on what else is in the queue, and removing
//! one thing from a run leaves the order of all others as it was.

use crate::types::{Moment, hash_words, mix};

/// What kind of thing an entry is; part of its lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LaneKind {
    /// The world itself: phases, faults.
    World = 0,
    /// Something arrives over a connection.
    Network = 1,
    /// A deadline of a host's lane.
    Timer = 2,
    /// A lane of a host takes its next input.
    Lane = 3,
    /// A disk operation ends.
    Disk = 4,
    /// One lane of a host hands work to another.
    Task = 5,
    /// An application outside calls.
    Call = 6,
}

/// A lane of the queue: 4 bits of kind, 14 of target, 14 of origin, 16 of detail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct QueueLane(u64);

impl QueueLane {
    pub(crate) fn new(kind: LaneKind, target: u16, origin: u16, detail: u16) -> Self {
        assert!(target < 1 << 14 && origin < 1 << 14, "at most 16,384 hosts");
        let kind = (kind as u64) << 44;
        Self(kind | u64::from(target) << 30 | u64::from(origin) << 16 | u64::from(detail))
    }

    /// The lane as an event's name has it.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// A bijection of 48 bits, keyed: four rounds of a Feistel network over two halves of 24.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneOrder([u64; 4]);

impl LaneOrder {
    pub(crate) fn new(seed: u64) -> Self {
        Self([0, 1, 2, 3].map(|round| hash_words(&[seed, 0x6c61_6e65, round])))
    }

    pub(crate) fn permute(&self, lane: QueueLane) -> u64 {
        let (mut left, mut right) = (lane.0 >> 24, lane.0 & 0xff_ffff);
        for key in self.0 {
            (left, right) = (right, left ^ (mix(right ^ key) >> 40));
        }
        left << 24 | right
    }
}

/// A place in the slab.
type Slot = u32;

/// The queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    /// A 4-ary heap: the least key first.
    heap: Vec<(u128, Slot)>,
    slab: Vec<Option<T>>,
    free: Vec<Slot>,
    /// The last key taken: the next must differ.
    last: u128,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self { heap: Vec::new(), slab: Vec::new(), free: Vec::new(), last: 0 }
    }

    /// The key of the `n`-th entry of a lane whose permuted bits are `lane`.
    pub(crate) fn key(at: Moment, lane: u64, n: u32) -> u128 {
        assert!(at.0 < 1 << 48, "the world ends after 8.9 years");
        u128::from(at.0) << 80 | u128::from(lane) << 32 | u128::from(n)
    }

    pub(crate) fn push(&mut self, key: u128, entry: T) {
        let slot = if let Some(slot) = self.free.pop() {
            self.slab[slot as usize] = Some(entry);
            slot
        } else {
            self.slab.push(Some(entry));
            Slot::try_from(self.slab.len() - 1).expect("fewer than 2^32 entries wait")
        };
        self.heap.push((key, slot));
        self.rise();
    }

    /// When the next entry is due.
    pub(crate) fn next(&self) -> Option<Moment> {
        let (key, _) = self.heap.first()?;
        Some(Moment(u64::try_from(key >> 80).expect("48 bits")))
    }

    pub(crate) fn pop(&mut self) -> Option<(Moment, T)> {
        let (key, slot) = *self.heap.first()?;
        let tail = self.heap.pop().expect("there is a first");
        if !self.heap.is_empty() {
            self.sink(tail);
        }
        assert!(key != self.last, "two entries of the queue have the key {key:#034x}");
        self.last = key;
        let entry = self.slab[slot as usize].take().expect("a slot is taken once");
        self.free.push(slot);
        Some((Moment(u64::try_from(key >> 80).expect("48 bits")), entry))
    }

    /// Finds the place of the last key, which has none yet, from the end upward.
    fn rise(&mut self) {
        let mut at = self.heap.len() - 1;
        let rising = self.heap[at];
        while at > 0 {
            let parent = (at - 1) / 4;
            if self.heap[parent].0 <= rising.0 {
                break;
            }
            self.heap[at] = self.heap[parent];
            at = parent;
        }
        self.heap[at] = rising;
    }

    /// Finds the place of `sinking` from the top, which is free, downward.
    fn sink(&mut self, sinking: (u128, Slot)) {
        let heap = self.heap.as_mut_slice();
        let mut at = 0;
        loop {
            let first = at * 4 + 1;
            if first >= heap.len() {
                break;
            }
            let end = heap.len().min(first + 4);
            let mut least = first;
            for child in first + 1..end {
                if heap[child].0 < heap[least].0 {
                    least = child;
                }
            }
            if sinking.0 <= heap[least].0 {
                break;
            }
            heap[at] = heap[least];
            at = least;
        }
        heap[at] = sinking;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Rng;

    #[test]
    fn entries_leave_in_the_order_of_their_keys() {
        let mut rng = Rng::named(1, "queue", &[]);
        let mut queue = Queue::new();
        let mut expected = Vec::new();
        for n in 0..500 {
            let key = Queue::<u32>::key(Moment(rng.below(40)), rng.below(3), n);
            queue.push(key, n);
            expected.push((key, n));
        }
        expected.sort_unstable();
        let left: Vec<u32> = std::iter::from_fn(|| queue.pop()).map(|(_, n)| n).collect();
        assert_eq!(left, expected.into_iter().map(|(_, n)| n).collect::<Vec<_>>());
    }

    #[test]
    fn lane_order_is_a_bijection_that_the_seed_changes() {
        let lanes: Vec<_> =
            (0..2000).map(|n| QueueLane::new(LaneKind::Network, n % 40, n / 40, n % 6)).collect();
        let permuted: std::collections::BTreeSet<_> =
            lanes.iter().map(|lane| LaneOrder::new(7).permute(*lane)).collect();
        assert_eq!(permuted.len(), lanes.len());
        assert!(permuted.iter().all(|bits| *bits < 1 << 48));
        let sorted = |seed| {
            let mut lanes = lanes.clone();
            lanes.sort_by_key(|lane| LaneOrder::new(seed).permute(*lane));
            lanes
        };
        assert_ne!(sorted(7), sorted(8));
    }
}
