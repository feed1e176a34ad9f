//! The engine's part that goes wrong: disks that are slow, hang, fill up, fail or are lost, and
//! clocks that jump or drift.
//!
//! **A disk that hangs** keeps what it is asked for: a flush does not end, and a lane that waits
//! for one stays busy, together with all that was to go out after it. Appends go to the page cache
//! and do not wait, and other lanes go on: such a broker still heartbeats.
//!
//! **A clock that changes** wakes nobody. A thread sleeps for a duration, by the steady clock
//! (`epoll_wait`, `Condition.awaitNanos`), however it came to that duration: after a jump forward
//! it learns of the hour when it wakes anyway, after one back it finds that it woke too early and
//! sleeps on. So deadlines are mapped anew, and timers that are set stay.

use crate::event::{About, CrashKeep, HaltReason, Kind};
use crate::message::{DiskError, DiskOperation};
use crate::scenario::DiskOperations;
use crate::sim::disk::{Accepted, DurableEnd, Flush};
use crate::sim::engine::{Departure, Engine, NEVER, What};
use crate::sim::host::HostState;
use crate::sim::process::{Launch, Process};
use crate::sim::queue::{LaneKind, QueueLane};
use crate::types::{HostId, Moment, Ticket};

/// Set in the detail of a disk lane for an operation that failed at once.
const REFUSED: u16 = 1;
/// Set in the detail of a task lane for what departs after a disk that hung.
const DEPARTS_LATE: u16 = 0x8001;

/// What waits for a disk that hangs.
#[derive(Clone, Debug)]
pub(crate) enum Stalled {
    /// A flush: number of the process, whose lane, which thread of it waits.
    Flush(u32, usize, Option<usize>, Flush, Option<u64>),
    /// What is to go out after one.
    Departure(u32, Departure),
}

impl<L: Launch> Engine<L> {
    /// Hands an operation to a disk; says until when what follows has to wait.
    pub(crate) fn on_disk_operation(
        &mut self,
        host: HostId,
        server: Option<(usize, usize)>,
        operation: DiskOperation,
    ) -> Moment {
        let at = self.context.at;
        match self.hosts[host.0 as usize].disk.take(at, operation) {
            Accepted::Done => at,
            Accepted::RoomChanged => {
                self.tell_storage(host);
                at
            }
            Accepted::Ends(ends, flush) => {
                flush.fault.into_iter().for_each(|fault| self.bite(fault));
                let lane = self.lane_of_flush(host, server, flush.ticket);
                let until = if flush.blocking { self.wait(host, server, ends) } else { at };
                self.await_disk(host, lane, ends, flush);
                until
            }
            Accepted::Stalls(flush) => {
                let lane = self.lane_of_flush(host, server, flush.ticket);
                let until = if flush.blocking { self.wait(host, server, NEVER) } else { at };
                let thread = server.filter(|_| flush.blocking).map(|(_, thread)| thread);
                self.stall(host, lane, thread, flush, self.context.first);
                until
            }
            Accepted::InVain(refusal) => {
                refusal.fault.into_iter().for_each(|fault| self.bite(fault));
                at
            }
            Accepted::Refused(refusal) => {
                refusal.fault.into_iter().for_each(|fault| self.bite(fault));
                self.tell_refusal(host, refusal.error);
                at
            }
        }
    }

    /// A thread waits for the disk.
    fn wait(&mut self, host: HostId, server: Option<(usize, usize)>, until: Moment) -> Moment {
        let Some((lane, thread)) = server else { return self.context.at };
        let state = &mut self.hosts[host.0 as usize].lanes[lane];
        state.busy_until[thread] = state.busy_until[thread].max(until);
        state.disk_until[thread] = state.disk_until[thread].max(until);
        until
    }

    fn stall(
        &mut self,
        host: HostId,
        lane: usize,
        thread: Option<usize>,
        flush: Flush,
        cause: Option<u64>,
    ) {
        flush.fault.into_iter().for_each(|fault| self.bite(fault));
        let this = &mut self.hosts[host.0 as usize];
        if let Some(state) = this.lanes.get(lane) {
            let (lane, blocking) = (state.lane, flush.blocking);
            self.record(Some(host), Kind::DiskStalled { lane, blocking }, About::Nothing);
        }
        let this = &mut self.hosts[host.0 as usize];
        this.stalled.push(Stalled::Flush(this.starts, lane, thread, flush, cause));
    }

    /// A flush that would end now, back if it does: a disk that hangs keeps it.
    pub(crate) fn stall_flush(
        &mut self,
        host: HostId,
        start: u32,
        lane: usize,
        mut flush: Flush,
        cause: Option<u64>,
    ) -> Option<Flush> {
        let this = &mut self.hosts[host.0 as usize];
        let Some(fault) = this.disk.device.hangs() else { return Some(flush) };
        flush.fault = Some(fault);
        let waiting = this.lanes.get(lane).filter(|_| flush.blocking && start == this.starts);
        let thread =
            waiting.and_then(|state| state.busy_until.iter().position(|until| *until == NEVER));
        self.context.cause = cause;
        self.stall(host, lane, thread, flush, cause);
        None
    }

    /// Whether what is to go out waits for a disk that hangs.
    pub(crate) fn is_held_up(&self, host: HostId, departure: &Departure) -> bool {
        let lanes = &self.hosts[host.0 as usize].lanes;
        departure.server.is_some_and(|(lane, thread)| lanes[lane].busy_until[thread] == NEVER)
    }

    /// Keeps what is to go out until the disk goes on.
    pub(crate) fn stall_departure(&mut self, host: HostId, start: u32, departure: Departure) {
        if self.is_alive(host, start) {
            let stalled = Stalled::Departure(start, departure);
            self.hosts[host.0 as usize].stalled.push(stalled);
        }
    }

    /// An operation failed at once and nobody waits for it: the process learns of it all the same.
    fn tell_refusal(&mut self, host: HostId, error: DiskError) {
        let this = &mut self.hosts[host.0 as usize];
        let n = this.completions;
        this.completions += 1;
        let starts = this.starts;
        let at = Moment(self.context.at.0 + 1);
        let queue_lane = QueueLane::new(LaneKind::Disk, host.0, 0, REFUSED);
        let cause = self.context.first;
        self.schedule(at, queue_lane, n, What::DiskRefused(host, starts, error, cause));
    }

    /// The process learns that an operation failed which nobody waits for.
    pub(crate) fn on_disk_refused(
        &mut self,
        host: HostId,
        start: u32,
        error: DiskError,
        cause: Option<u64>,
    ) {
        if self.is_alive(host, start) {
            self.context.cause = cause;
            let ticket = Ticket(0);
            let failed = Kind::DiskCompleted { ticket, ok: false };
            self.record(Some(host), failed, About::Nothing);
            self.route(host, crate::node::Input::Disk { ticket, result: Err(error) });
        }
    }

    /// The process of `host` is to know what writes are told from here on.
    pub(crate) fn tell_storage(&mut self, host: HostId) {
        let this = &mut self.hosts[host.0 as usize];
        let error = this.disk.device.refuses_writes().map(|refusal| refusal.error);
        if let Some(process) = &mut this.process {
            process.set_storage(error);
        }
    }

    /// Whether a process cannot even begin: it would read first, and its disk hangs.
    pub(crate) fn holds_up_start(&mut self, host: HostId) -> bool {
        let hangs = self.hosts[host.0 as usize].disk.device.hangs();
        hangs.into_iter().for_each(|fault| self.bite(fault));
        hangs.is_some()
    }

    /// Whether a process that has just begun ends at once, for it cannot read its disk.
    pub(crate) fn fails_to_start(&mut self, host: HostId) -> bool {
        let this = &mut self.hosts[host.0 as usize];
        let Some(refusal) = this.disk.device.refuses_reads() else { return false };
        this.state = HostState::Down;
        refusal.fault.into_iter().for_each(|fault| self.bite(fault));
        let halted = Some(HaltReason::DiskUnreadable);
        let stopped = Kind::HostStopped { keep: CrashKeep::PageCache, halted, in_order: false };
        self.record(Some(host), stopped, About::Nothing);
        true
    }

    pub(crate) fn record_durable_ends(
        &mut self,
        host: HostId,
        keep: CrashKeep,
        ends: Vec<DurableEnd>,
    ) {
        if keep == CrashKeep::Nothing {
            self.record(Some(host), Kind::DiskReplaced {}, About::Nothing);
        }
        for end in ends {
            let kind = Kind::DurableEnd {
                partition: end.partition,
                log_end_offset: end.log_end_offset,
                durable_end: end.durable_end,
            };
            self.record(Some(host), kind, About::Nothing);
        }
    }

    /// Makes the disk of `host` slower on behalf of `fault`.
    pub fn slow_disk(&mut self, host: HostId, fault: u32, factor: u32) {
        self.hosts[host.0 as usize].disk.device.slow(fault, factor);
    }

    /// Makes the disk of `host` hang on behalf of `fault`.
    pub fn hang_disk(&mut self, host: HostId, fault: u32) {
        let now = self.context.at;
        let this = &mut self.hosts[host.0 as usize];
        this.disk.device.hang(fault);
        for state in &mut this.lanes {
            for (busy, disk) in state.busy_until.iter_mut().zip(&state.disk_until) {
                // What it waits for is under way, and will not end.
                if *disk > now {
                    *busy = NEVER;
                    state.resume_at = None;
                }
            }
        }
    }

    /// Fills the disk of `host` on behalf of `fault`.
    pub fn fill_disk(&mut self, host: HostId, fault: u32) {
        self.hosts[host.0 as usize].disk.device.fill(fault);
        self.tell_storage(host);
    }

    /// Makes operations of the disk of `host` fail on behalf of `fault`.
    pub fn fail_disk(&mut self, host: HostId, fault: u32, operations: DiskOperations) {
        self.hosts[host.0 as usize].disk.device.fail(fault, operations);
        self.tell_storage(host);
    }

    /// `host` loses its disk, and with it its power; an empty one is in its place when it starts.
    pub fn replace_disk(&mut self, host: HostId) {
        if self.hosts[host.0 as usize].process.is_some() {
            self.crash(host, CrashKeep::Nothing, None);
            return;
        }
        let now = self.context.at;
        let this = &mut self.hosts[host.0 as usize];
        this.started_as = crate::event::StartedAs::AfterDiskLoss;
        this.stalled.clear();
        let ends = this.disk.replace(now);
        self.record_durable_ends(host, CrashKeep::Nothing, ends);
        self.network.set_dark(host, true);
    }

    /// Gives every disk as much room as it needs.
    pub fn lift_capacities(&mut self) {
        for host in self.host_ids() {
            self.hosts[host.0 as usize].disk.device.lift_capacity();
            self.tell_storage(host);
        }
    }

    /// Lets the wall clock of `host` jump.
    pub fn jump_clock(&mut self, host: HostId, by_micros: i64) {
        let now = self.context.at;
        self.hosts[host.0 as usize].clock.jump(now, by_micros);
        self.clock_was_set(host, by_micros);
    }

    /// Makes the clocks of `host` gain `ppm` more microseconds in a million on behalf of `fault`.
    pub fn drift_clock(&mut self, host: HostId, fault: u32, ppm: i64) {
        self.hosts[host.0 as usize].drifts.push((fault, ppm));
        self.run_clock(host);
    }

    /// The clocks of `host` run as its setup and the faults that act say.
    fn run_clock(&mut self, host: HostId) {
        let now = self.context.at;
        let this = &mut self.hosts[host.0 as usize];
        this.clock.run_at(now, this.drift());
        self.clock_was_set(host, 0);
    }

    fn clock_was_set(&mut self, host: HostId, by: i64) {
        let this = &mut self.hosts[host.0 as usize];
        let drift = this.drift();
        for state in &mut this.lanes {
            let deadlines = state.deadlines;
            state.wanted = this.clock.when(deadlines);
            state.repeats = 0;
        }
        self.record(Some(host), Kind::ClockSet { by, drift }, About::Nothing);
    }

    /// Ends all that `fault` does to disks and clocks.
    pub(crate) fn lift_trouble(&mut self, fault: u32) {
        for host in self.host_ids() {
            let this = &mut self.hosts[host.0 as usize];
            let drifted = this.drifts.iter().any(|(number, _)| *number == fault);
            this.drifts.retain(|(number, _)| *number != fault);
            let did_hang = this.disk.device.hangs().is_some();
            let is_lifted = this.disk.device.lift(fault);
            let goes_on = did_hang && this.disk.device.hangs().is_none();
            if drifted {
                self.run_clock(host);
            }
            if is_lifted {
                self.tell_storage(host);
            }
            if goes_on {
                self.disk_goes_on(host);
            }
        }
    }

    /// A disk that hung does what it was asked for, in order.
    fn disk_goes_on(&mut self, host: HostId) {
        let now = self.context.at;
        let stalled = std::mem::take(&mut self.hosts[host.0 as usize].stalled);
        let mut departures = Vec::new();
        for waiting in stalled {
            match waiting {
                Stalled::Flush(start, lane, thread, mut flush, cause) => {
                    let this = &mut self.hosts[host.0 as usize];
                    let ends = this.disk.go_on(now, &mut flush);
                    let is_alive = this.process.is_some() && this.starts == start;
                    if let Some(thread) = thread.filter(|_| is_alive) {
                        let state = &mut this.lanes[lane];
                        (state.busy_until[thread], state.disk_until[thread]) = (ends, ends);
                    }
                    self.await_disk_of(host, start, lane, ends, flush, cause);
                }
                Stalled::Departure(start, departure) => departures.push((start, departure)),
            }
        }
        for (start, departure) in departures {
            if !self.is_alive(host, start) {
                continue;
            }
            let this = &mut self.hosts[host.0 as usize];
            let until = departure.server.map(|(lane, thread)| this.lanes[lane].busy_until[thread]);
            let leaves = until.filter(|until| *until != NEVER).unwrap_or(now).max(now);
            let n = this.completions;
            this.completions += 1;
            let lane = QueueLane::new(LaneKind::Task, host.0, 0, DEPARTS_LATE);
            self.schedule(leaves, lane, n, What::Depart(host, start, departure));
        }
        for lane in 0..self.hosts[host.0 as usize].lanes.len() {
            let state = &mut self.hosts[host.0 as usize].lanes[lane];
            // What was under way all the while ends when it would have.
            for (busy, disk) in state.busy_until.iter_mut().zip(&state.disk_until) {
                if *busy == NEVER {
                    *busy = if *disk == NEVER { now } else { now.max(*disk) };
                }
            }
            self.resume_later(host, lane);
        }
    }

    /// Names a disk operation's completion in the queue.
    pub(crate) fn await_disk(&mut self, host: HostId, lane: usize, at: Moment, flush: Flush) {
        let (start, cause) = (self.hosts[host.0 as usize].starts, self.context.first);
        self.await_disk_of(host, start, lane, at, flush, cause);
    }

    /// As [`Self::await_disk`], for an operation of an earlier step.
    pub(crate) fn await_disk_of(
        &mut self,
        host: HostId,
        start: u32,
        lane: usize,
        at: Moment,
        flush: Flush,
        cause: Option<u64>,
    ) {
        let this = &mut self.hosts[host.0 as usize];
        let n = this.completions;
        this.completions += 1;
        let queue_lane = QueueLane::new(LaneKind::Disk, host.0, 0, 0);
        self.schedule(at, queue_lane, n, What::Disk(host, start, lane, Box::new(flush), cause));
    }
}
