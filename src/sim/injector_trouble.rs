//! Faults of disks and clocks: what they do, and how they end.

use crate::scenario::Fault;
use crate::sim::engine::Engine;
use crate::sim::host::HostState;
use crate::sim::injector::{Injector, released};
use crate::sim::process::Launch;
use crate::types::HostId;

impl Injector {
    /// Begins a fault of disks or clocks.
    pub(crate) fn trouble<L: Launch>(
        &mut self,
        fault: u32,
        what: &Fault,
        hosts: &[HostId],
        engine: &mut Engine<L>,
    ) {
        for &host in hosts {
            match what {
                Fault::SlowDisk { factor, .. } => engine.slow_disk(host, fault, *factor),
                Fault::HangDisk { .. } => {
                    self.ailing.entry(host).or_default().insert(fault);
                    engine.hang_disk(host, fault);
                }
                Fault::FillDisk { .. } => {
                    self.ailing.entry(host).or_default().insert(fault);
                    engine.fill_disk(host, fault);
                }
                Fault::FailDisk { operations, .. } => {
                    self.ailing.entry(host).or_default().insert(fault);
                    engine.fail_disk(host, fault, *operations);
                }
                Fault::ReplaceDisk { .. } => {
                    self.down.entry(host).or_default().insert(fault);
                    engine.replace_disk(host);
                    engine.bite(fault);
                }
                Fault::JumpClock { by_micros, .. } => {
                    self.jumped.entry(fault).or_default().push(host);
                    engine.jump_clock(host, *by_micros);
                    engine.bite(fault);
                }
                Fault::DriftClock { by_ppm, .. } => {
                    engine.drift_clock(host, fault, *by_ppm);
                    engine.bite(fault);
                }
                Fault::Crash { .. }
                | Fault::Pause { .. }
                | Fault::Stall { .. }
                | Fault::Stop { .. }
                | Fault::RollingRestart { .. }
                | Fault::Isolate { .. }
                | Fault::Partition { .. }
                | Fault::Cut { .. }
                | Fault::Delay { .. }
                | Fault::Shape { .. }
                | Fault::Lose { .. }
                | Fault::Throttle { .. }
                | Fault::Reset { .. }
                | Fault::Slow { .. } => unreachable!("no fault of a disk or a clock: {what:?}"),
            }
        }
    }

    /// Ends what a fault did beyond what the engine lifts: a clock that jumped for a while jumps
    /// back, and a process that stopped by itself starts on a disk that is well again.
    pub(crate) fn end_trouble<L: Launch>(&mut self, fault: u32, engine: &mut Engine<L>) {
        let plan = &self.faults[fault as usize];
        let jumped = self.jumped.remove(&fault).unwrap_or_default();
        if let (Fault::JumpClock { by_micros, .. }, Some(_)) = (&plan.fault, plan.lasts) {
            jumped.into_iter().for_each(|host| engine.jump_clock(host, -by_micros));
        }
        for host in released(&mut self.ailing, fault) {
            let is_free = !self.down.contains_key(&host);
            if is_free && engine.state(host) == HostState::Down && engine.was_started(host) {
                engine.start(host);
            }
        }
    }
}
