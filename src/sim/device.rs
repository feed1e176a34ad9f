//! The device below a disk's files: how long it takes, how much it holds, and what is wrong with
//! it.
//!
//! Faults pile up: each is known by its number in the plan, and what is wrong ends with the last
//! fault that makes it so.

use std::time::Duration;

use smallvec::SmallVec;

use crate::message::DiskError;
use crate::scenario::DiskOperations;
use crate::sim::weather::Spread;
use crate::types::Moment;

/// What a device is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceSetup {
    /// How long a flush takes, beside its bytes.
    pub flush_time: Spread,
    /// How many bytes a second it writes; `None` for as many as come.
    pub bandwidth: Option<u64>,
    /// How many bytes of records it holds; `None` for any number.
    pub capacity: Option<u64>,
}

impl DeviceSetup {
    /// A device without bounds.
    pub fn new(flush_time: Spread) -> Self {
        Self { flush_time, bandwidth: None, capacity: None }
    }
}

/// An operation that fails, and the fault that makes it; none for a device that is just full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    pub(crate) error: DiskError,
    pub(crate) fault: Option<u32>,
}

/// A device.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    setup: DeviceSetup,
    /// It carries out one flush at a time.
    busy_until: Moment,
    /// Bytes of records on it; kept only where there is a capacity.
    used: u64,
    slow: SmallVec<[(u32, u32); 1]>,
    hung: SmallVec<[u32; 1]>,
    full: SmallVec<[u32; 1]>,
    failing: SmallVec<[(u32, DiskOperations); 1]>,
    /// What writes are told; derived, for it is asked with every append.
    refuses_writes: Option<Refusal>,
}

impl Device {
    pub(crate) fn new(setup: DeviceSetup) -> Self {
        Self {
            setup,
            busy_until: Moment(0),
            used: 0,
            slow: SmallVec::new(),
            hung: SmallVec::new(),
            full: SmallVec::new(),
            failing: SmallVec::new(),
            refuses_writes: None,
        }
    }

    /// When a flush of `bytes` ends that is asked for at `now`, by `draw` of the weather; and the
    /// fault that makes it slow.
    pub(crate) fn flush(&mut self, now: Moment, draw: u64, bytes: u64) -> (Moment, Option<u32>) {
        let begins = self.busy_until.max(now);
        let mut takes = self.setup.flush_time.at(draw).max(Duration::from_micros(1));
        if let Some(bandwidth) = self.setup.bandwidth {
            let micros = (u128::from(bytes) * 1_000_000).div_ceil(bandwidth.into());
            takes += Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        }
        let slowest = self.slow.iter().copied().max_by_key(|(_, factor)| *factor);
        if let Some((_, factor)) = slowest {
            takes = takes.saturating_mul(factor);
        }
        self.busy_until = begins + takes;
        (self.busy_until, slowest.map(|(fault, _)| fault))
    }

    /// Whether the bytes of a flush matter.
    pub(crate) fn has_bandwidth(&self) -> bool {
        self.setup.bandwidth.is_some()
    }

    /// Whether the bytes that it holds matter.
    pub(crate) fn has_capacity(&self) -> bool {
        self.setup.capacity.is_some()
    }

    /// It holds `bytes` now; says whether writes are told something else from here on.
    pub(crate) fn holds(&mut self, bytes: u64) -> bool {
        self.used = bytes;
        self.look_again()
    }

    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// What a write is told, if it fails.
    pub(crate) fn refuses_writes(&self) -> Option<Refusal> {
        self.refuses_writes
    }

    /// What a flush is told, if it fails.
    pub(crate) fn refuses_flushes(&self) -> Option<Refusal> {
        self.failing(DiskOperations::has_flushes)
    }

    /// What a process that starts is told when it reads, if that fails.
    pub(crate) fn refuses_reads(&self) -> Option<Refusal> {
        self.failing(DiskOperations::has_reads)
    }

    fn failing(&self, has: impl Fn(DiskOperations) -> bool) -> Option<Refusal> {
        let (fault, _) = self.failing.iter().find(|(_, operations)| has(*operations))?;
        Some(Refusal { error: DiskError::Failed, fault: Some(*fault) })
    }

    fn look_again(&mut self) -> bool {
        let is_full = self.setup.capacity.is_some_and(|capacity| self.used >= capacity);
        let full = (is_full || !self.full.is_empty())
            .then(|| Refusal { error: DiskError::Full, fault: self.full.first().copied() });
        let before = self.refuses_writes;
        self.refuses_writes = self.failing(DiskOperations::has_writes).or(full);
        self.refuses_writes != before
    }

    /// The fault that makes it hang, if it does.
    pub(crate) fn hangs(&self) -> Option<u32> {
        self.hung.first().copied()
    }

    pub(crate) fn slow(&mut self, fault: u32, factor: u32) {
        self.slow.push((fault, factor));
    }

    pub(crate) fn hang(&mut self, fault: u32) {
        self.hung.push(fault);
    }

    pub(crate) fn fill(&mut self, fault: u32) {
        self.full.push(fault);
        self.look_again();
    }

    pub(crate) fn fail(&mut self, fault: u32, operations: DiskOperations) {
        self.failing.push((fault, operations));
        self.look_again();
    }

    /// Ends what `fault` does; says whether it did anything here.
    pub(crate) fn lift(&mut self, fault: u32) -> bool {
        let count =
            |this: &Self| this.slow.len() + this.hung.len() + this.full.len() + this.failing.len();
        let before = count(self);
        self.slow.retain(|(number, _)| *number != fault);
        self.hung.retain(|number| *number != fault);
        self.full.retain(|number| *number != fault);
        self.failing.retain(|(number, _)| *number != fault);
        self.look_again();
        count(self) != before
    }

    /// It gets as much room as it needs.
    pub(crate) fn lift_capacity(&mut self) {
        self.setup.capacity = None;
        self.look_again();
    }

    /// Its power is back: nothing is under way.
    pub(crate) fn reset(&mut self, now: Moment) {
        self.busy_until = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(setup: impl FnOnce(&mut DeviceSetup)) -> Device {
        let millis = Duration::from_millis;
        let flush_time = Spread { p50: millis(1), p99: millis(1), max: millis(1) };
        let mut made = DeviceSetup::new(flush_time);
        setup(&mut made);
        Device::new(made)
    }

    const DRAW: u64 = u64::MAX / 100 * 70;

    #[test]
    fn flushes_take_their_time_one_after_the_other() {
        let mut device = device(|setup| setup.bandwidth = Some(1_000_000));
        assert_eq!(device.flush(Moment(0), DRAW, 500), (Moment(1500), None));
        assert_eq!(device.flush(Moment(100), DRAW, 0), (Moment(2500), None));
        device.slow(7, 10);
        device.slow(8, 3);
        assert_eq!(device.flush(Moment(5000), DRAW, 0), (Moment(15_000), Some(7)));
        assert!(device.lift(7));
        assert!(!device.lift(7));
        assert_eq!(device.flush(Moment(20_000), DRAW, 0), (Moment(23_000), Some(8)));
    }

    #[test]
    fn a_device_is_full_for_as_long_as_anything_fills_it() {
        let mut device = device(|setup| setup.capacity = Some(100));
        assert!(!device.holds(99));
        assert_eq!(device.refuses_writes(), None);
        assert!(device.holds(100));
        let full = Refusal { error: DiskError::Full, fault: None };
        assert_eq!(device.refuses_writes(), Some(full));
        device.fail(3, DiskOperations::Flushes);
        assert_eq!(device.refuses_writes(), Some(full));
        assert_eq!(device.refuses_flushes().and_then(|refusal| refusal.fault), Some(3));
        device.fill(4);
        device.lift_capacity();
        assert_eq!(device.refuses_writes().and_then(|refusal| refusal.fault), Some(4));
        assert!(device.lift(4));
        assert_eq!(device.refuses_writes(), None);
    }
}
