//! The engine's part that carries: outputs of processes out, segments of connections in.

use crate::event::{About, ClosedBecause, CrashKeep, HaltReason, Kind};
use crate::message::{request_size_bytes, response_size_bytes};
use crate::node::{Input, Output};
use crate::sim::engine::{Departure, Engine, NEVER, What};
use crate::sim::network::{Route, Segment, Sent, Toward, Wire};
use crate::sim::network_threads::Read;
use crate::sim::process::{Launch, Process};
use crate::sim::queue::{LaneKind, QueueLane};
use crate::sim::wire;
use crate::types::{ConnectionId, Deed, HostId, Moment, Purpose};

/// The list of a step's outputs keeps room for so many.
const OUTPUTS_KEPT: usize = 1024;
/// Set in the detail of a network lane that retransmits rather than delivers.
const RETRANSMITS: u16 = 0x100;
/// Set in the detail of a network lane on which a muted connection is read on.
const UNMUTES: u16 = 0x200;
/// Set in the detail of a task lane for what departs after a blocking disk operation.
const DEPARTS: u16 = 0x8000;

/// How a process ends of itself.
enum End {
    /// It cannot go on.
    Halt(HaltReason),
    /// It was asked to, and is done.
    Exit,
}

impl<L: Launch> Engine<L> {
    /// Records where a defect decided in what the process has just done.
    fn record_deeds(&mut self, host: HostId) {
        for Deed { defect, partition } in Deed::take_all() {
            let kind = Kind::DefectActed { defect: defect.name().into(), partition };
            self.record(Some(host), kind, About::Nothing);
        }
    }

    /// Carries out what a step asked for. Facts and disk operations take effect now; messages
    /// leave at `done`, or, behind a blocking disk operation, when that has ended.
    pub(crate) fn carry_out(
        &mut self,
        host: HostId,
        server: Option<(usize, usize)>,
        mut out: Vec<Output>,
        done: Moment,
    ) {
        self.record_deeds(host);
        let mut leaves = done;
        let mut later = Vec::new();
        let mut ends = None;
        for output in out.drain(..) {
            match output {
                Output::Event { kind, about } => self.record(Some(host), kind, about),
                Output::Disk(operation) => {
                    let until = self.on_disk_operation(host, server, operation);
                    leaves = leaves.max(until);
                }
                Output::Reply { token, reply } => self.replies.push((host, token, reply)),
                Output::Halt { reason } => {
                    ends = Some(End::Halt(reason));
                    break;
                }
                Output::Exit => {
                    ends = Some(End::Exit);
                    break;
                }
                message @ (Output::Connect { .. }
                | Output::Close { .. }
                | Output::Request { .. }
                | Output::Answer { .. }
                | Output::StopListening
                | Output::Post { .. }) => {
                    if leaves == done {
                        self.depart_one(host, message, done);
                    } else {
                        later.push(message);
                    }
                }
            }
        }
        out.clear();
        out.shrink_to(OUTPUTS_KEPT);
        self.scratch_outputs = out;
        if let Some(end) = ends {
            match end {
                End::Halt(reason) => self.crash(host, CrashKeep::PageCache, Some(reason)),
                End::Exit => self.exit(host),
            }
        } else if !later.is_empty() {
            let this = &mut self.hosts[host.0 as usize];
            let n = this.completions;
            this.completions += 1;
            let starts = this.starts;
            let lane = QueueLane::new(LaneKind::Task, host.0, 0, DEPARTS);
            let departure = Departure { server, outputs: later, cause: self.context.first };
            if leaves == NEVER {
                self.stall_departure(host, starts, departure);
            } else {
                self.schedule(leaves, lane, n, What::Depart(host, starts, departure));
            }
        }
    }

    /// The lane that a flush's completion goes to when it is blocking.
    pub(crate) fn lane_of_flush(
        &mut self,
        host: HostId,
        server: Option<(usize, usize)>,
        ticket: Option<crate::types::Ticket>,
    ) -> usize {
        if let Some((lane, _)) = server {
            return lane;
        }
        let this = &mut self.hosts[host.0 as usize];
        match (&this.process, ticket) {
            (Some(process), Some(ticket)) => {
                let lane = process.lane(&Input::Disk { ticket, result: Ok(()) });
                this.lane_index(lane)
            }
            // While a process starts nobody waits for what has no ticket.
            (None, _) | (Some(_), None) => 0,
        }
    }

    /// Sends off what waited for the disk.
    pub(crate) fn depart(&mut self, host: HostId, outputs: Vec<Output>, at: Moment) {
        outputs.into_iter().for_each(|output| self.depart_one(host, output, at));
    }

    fn depart_one(&mut self, host: HostId, output: Output, at: Moment) {
        match output {
            Output::Connect { connection, to, purpose } => {
                let to = *self.nodes.get(&to).expect("processes connect to nodes of the cluster");
                let toward = self.network.open(connection, purpose, host, to);
                self.send(toward, Segment::Syn, at, None, 0);
            }
            Output::Close { connection } => self.close(host, connection, at),
            Output::StopListening => self.stop_listening(host, at),
            Output::Request { connection, request } => {
                let Some(side) = self.network.side(connection, host) else { return };
                let bytes = request_size_bytes(&request);
                self.send(side.back(), Segment::Request(Box::new(request)), at, None, bytes);
            }
            Output::Answer { connection, response } => {
                let Some(side) = self.network.side(connection, host) else { return };
                let this = self.network.get(side).expect("a side that was just found");
                let thread = this.thread;
                if self.stands(host, thread) {
                    self.keep_back(host, thread, Output::Answer { connection, response });
                    return;
                }
                let this = self.network.get(side).expect("a side that was just found");
                this.busy = false;
                let about = this.serving.take();
                let (more, purpose) = (!this.backlog.is_empty(), this.purpose);
                let peer = this.ends[0].host;
                if let Some(response) = response {
                    let bytes = response_size_bytes(&response);
                    let segment = Segment::Response(Box::new(response));
                    self.send(side.back(), segment, at, about, bytes);
                }
                if more {
                    self.own_network_entry(side, peer, host, purpose, UNMUTES, at);
                }
            }
            Output::Post { lane, task } => {
                let this = &mut self.hosts[host.0 as usize];
                let index = this.lane_index(lane);
                let state = &mut this.lanes[index];
                let n = state.tasks;
                state.tasks += 1;
                let (detail, starts) = (state.detail(), this.starts);
                let queue_lane = QueueLane::new(LaneKind::Task, host.0, 0, detail);
                let cause = self.context.first;
                let what = What::Task(host, starts, index, task, cause);
                self.schedule(at, queue_lane, n, what);
            }
            Output::Event { .. }
            | Output::Disk(_)
            | Output::Reply { .. }
            | Output::Exit
            | Output::Halt { .. } => {
                unreachable!("facts and disk operations are carried out at once")
            }
        }
    }

    /// Schedules an entry of the network that is not an arrival.
    fn own_network_entry(
        &mut self,
        toward: Toward,
        from: HostId,
        to: HostId,
        purpose: Purpose,
        mark: u16,
        at: Moment,
    ) {
        let n = self.retransmissions;
        self.retransmissions += 1;
        let detail = mark | purpose as u16;
        let lane = QueueLane::new(LaneKind::Network, to.0, from.0, detail);
        let what = if mark == UNMUTES { What::Unmute(toward) } else { What::Retransmit(toward) };
        self.schedule(at, lane, n, what);
    }

    fn send(
        &mut self,
        toward: Toward,
        segment: Segment,
        at: Moment,
        about: Option<u64>,
        bytes: u32,
    ) {
        let cause = self.context.first.or(self.context.cause);
        let (fault, wire) = (None, Wire::Ahead);
        self.transmit(toward, Sent { segment, at, cause, about, bytes, fault, wire }, at);
    }

    fn transmit(&mut self, toward: Toward, sent: Sent, at: Moment) {
        match self.network.transmit(toward, sent, at) {
            None => {}
            Some(Route::Held { fault, until }) => {
                fault.into_iter().for_each(|fault| self.bite(fault));
                if let Some(until) = until {
                    self.go_on_at(toward, until);
                }
            }
            Some(Route::Arrives { at, n, sent, fault }) => {
                fault.into_iter().for_each(|fault| self.bite(fault));
                let this = self.network.get(toward).expect("it was just found");
                let (to, from) = (this.ends[toward.end].host, this.ends[1 - toward.end].host);
                let detail = this.purpose as u16;
                let lane = QueueLane::new(LaneKind::Network, to.0, from.0, detail);
                self.schedule(at, lane, n, What::Arrive(toward, sent));
            }
        }
    }

    /// Sees to it that what is held toward this side is sent at `at`.
    fn go_on_at(&mut self, toward: Toward, at: Moment) {
        let this = self.network.get(toward).expect("it was just found");
        this.ends[toward.end].goes_on = Some(at);
        let (to, from) = (this.ends[toward.end].host, this.ends[1 - toward.end].host);
        let purpose = this.purpose;
        self.own_network_entry(toward, from, to, purpose, RETRANSMITS, at);
    }

    pub(crate) fn close(&mut self, host: HostId, connection: ConnectionId, at: Moment) {
        let Some(side) = self.network.side(connection, host) else { return };
        let this = self.network.get(side).expect("a side that was just found");
        this.ends[side.end].open = false;
        if side.end == 1 {
            this.backlog.clear();
        }
        // Whether the other side has heard of the connection, or may yet.
        let other_knows = this.ends[1 - side.end].open;
        let is_opening = side.end == 0 && !this.accepted;
        if other_knows {
            self.send(side.back(), Segment::End(ClosedBecause::Closed), at, None, 0);
        } else if !is_opening || !this.ends[1].held.is_empty() {
            self.network.forget(side);
        }
    }

    /// What links and hosts no longer hold back is sent again, at its next retransmission.
    pub(crate) fn release(&mut self) {
        let now = self.context.at;
        for toward in self.network.released() {
            let Some(at) = self.network.retransmission(toward, now) else { continue };
            self.go_on_at(toward, at);
        }
    }

    pub(crate) fn on_retransmit(&mut self, toward: Toward) {
        let now = self.context.at;
        let Some(this) = self.network.get(toward) else { return };
        if this.ends[toward.end].goes_on != Some(now) {
            // It has gone on since, or waits for something else.
            return;
        }
        this.ends[toward.end].goes_on = None;
        if self.network.is_blocked(toward) {
            return;
        }
        let this = self.network.get(toward).expect("it was just found");
        let held = std::mem::take(&mut this.ends[toward.end].held);
        held.into_iter().for_each(|sent| self.transmit(toward, sent, now));
    }

    pub(crate) fn on_arrive(&mut self, toward: Toward, sent: Sent) {
        let Some(this) = self.network.get(toward) else { return };
        let host = this.ends[toward.end].host;
        let is_open = this.ends[toward.end].open;
        self.context.cause = sent.cause;
        if self.network.is_dark(host) {
            // Nobody acknowledged it: its sender has it still, ahead of what it sent later.
            let this = self.network.get(toward).expect("it was just found");
            let held = &mut this.ends[toward.end].held;
            let place = held.iter().position(|other| other.at > sent.at).unwrap_or(held.len());
            held.insert(place, sent);
            return;
        }
        match sent.segment {
            Segment::Syn => self.on_syn(toward, host),
            Segment::SynAck if is_open => {
                let this = self.network.get(toward).expect("it was just found");
                let (connection, purpose) = (this.id, this.purpose);
                let peer = this.ends[1].host;
                let kind = Kind::ConnectionOpened { connection, peer, purpose };
                self.record(Some(host), kind, About::Nothing);
                self.route(host, Input::Connected { connection });
            }
            Segment::Request(_) if is_open => self.on_request(toward, host, sent),
            Segment::Response(_) if is_open => self.deliver(toward, sent),
            // The opener is gone; the server learns of it if it has not yet.
            Segment::SynAck | Segment::Request(_) | Segment::Response(_) => {
                let this = self.network.get(toward).expect("it was just found");
                if this.ends[1 - toward.end].open {
                    let now = self.context.at;
                    self.send(toward.back(), Segment::End(ClosedBecause::Reset), now, None, 0);
                } else {
                    self.network.forget(toward);
                }
            }
            Segment::End(because) => self.on_end(toward, host, because),
        }
    }

    fn on_syn(&mut self, toward: Toward, host: HostId) {
        let this = &self.hosts[host.0 as usize];
        let listens = this.process.is_some() && this.is_listening;
        let this = self.network.get(toward).expect("it was just found");
        if !this.ends[0].open {
            // Closed before it stood: the close is on its way, or there is nothing to close.
            self.network.forget(toward);
            return;
        }
        let now = self.context.at;
        if listens {
            this.accepted = true;
            this.ends[1].open = true;
            if let Some(threads) = &mut self.hosts[host.0 as usize].network_threads {
                this.thread = threads.accept();
            }
            self.send(toward.back(), Segment::SynAck, now, None, 0);
        } else {
            self.send(toward.back(), Segment::End(ClosedBecause::Refused), now, None, 0);
        }
    }

    fn on_end(&mut self, toward: Toward, host: HostId, because: ClosedBecause) {
        let this = self.network.get(toward).expect("it was just found");
        let connection = this.id;
        let was_open = std::mem::replace(&mut this.ends[toward.end].open, false);
        let peer = this.ends[1 - toward.end].host;
        this.ends[1 - toward.end].open = false;
        self.network.forget(toward);
        if was_open {
            let kind = Kind::ConnectionClosed { connection, peer, because };
            self.record(Some(host), kind, About::Nothing);
            self.route(host, Input::Disconnected { connection, because });
        }
    }

    fn on_request(&mut self, toward: Toward, host: HostId, sent: Sent) {
        let this = self.network.get(toward).expect("it was just found");
        let thread = this.thread;
        if this.busy || !this.backlog.is_empty() {
            this.backlog.push_back(sent);
        } else if self.finds_no_room(host, thread) {
            self.put_off(host, thread, Read::Arrived(toward, Box::new(sent)));
        } else {
            self.deliver(toward, sent);
        }
    }

    pub(crate) fn on_unmute(&mut self, toward: Toward) {
        let Some(this) = self.network.get(toward) else { return };
        if this.busy || this.backlog.is_empty() {
            return;
        }
        let (host, thread) = (this.ends[toward.end].host, this.thread);
        if self.finds_no_room(host, thread) {
            self.put_off(host, thread, Read::Unmuted(toward));
        } else {
            self.read_now(Read::Unmuted(toward));
        }
    }

    /// Delivers what there is to be read; whether there was anything.
    pub(crate) fn read_now(&mut self, read: Read) -> bool {
        let (toward, sent) = match read {
            Read::Arrived(toward, sent) => {
                let is_there = self.network.get(toward).is_some_and(|it| it.ends[toward.end].open);
                (toward, Some(*sent).filter(|_| is_there))
            }
            Read::Unmuted(toward) => {
                (toward, self.network.get(toward).and_then(|it| it.backlog.pop_front()))
            }
        };
        let Some(sent) = sent else { return false };
        self.context.cause = self.context.cause.or(sent.cause);
        self.deliver(toward, sent);
        true
    }

    /// Hands a message to the process that it reached.
    fn deliver(&mut self, toward: Toward, sent: Sent) {
        let this = self.network.get(toward).expect("it was just found");
        let host = this.ends[toward.end].host;
        let from = this.ends[1 - toward.end].host;
        let (connection, purpose) = (this.id, this.purpose);
        let (api, is_response, correlation_id) = match &sent.segment {
            Segment::Request(request) => (request.body.api(), false, request.correlation_id),
            Segment::Response(response) => (response.body.api(), true, response.correlation_id),
            Segment::Syn | Segment::SynAck | Segment::End(_) => {
                unreachable!("only messages are delivered")
            }
        };
        if !is_response {
            this.busy = true;
            this.serving = Some(self.next_index);
        }
        self.delivered += 1;
        if self.physics.wire {
            wire::check(&sent.segment);
        }
        let kind = Kind::Delivered {
            connection,
            from,
            api,
            is_response,
            correlation_id,
            bytes: sent.bytes,
            sent: sent.at,
            fault: sent.fault,
        };
        self.record_about(host, kind, sent.about);
        match sent.segment {
            Segment::Request(request) => {
                self.route(host, Input::Request { connection, purpose, request: *request });
            }
            Segment::Response(response) => {
                self.route(host, Input::Response { connection, response: *response });
            }
            Segment::Syn | Segment::SynAck | Segment::End(_) => {}
        }
    }

    /// The event with which the request began that `host` serves on `connection`.
    pub(crate) fn serving(
        &mut self,
        host: Option<HostId>,
        connection: ConnectionId,
    ) -> Option<u64> {
        let side = self.network.side(connection, host?)?;
        self.network.get(side)?.serving
    }

    /// The process of `host` is gone: its connections end `because` of that, or, without power, are
    /// just silent.
    pub(crate) fn abandon_connections(
        &mut self,
        host: HostId,
        keep: CrashKeep,
        because: ClosedBecause,
    ) {
        let now = self.context.at;
        for side in self.network.of_host(host) {
            let this = self.network.get(side).expect("it was just listed");
            let was_open = std::mem::replace(&mut this.ends[side.end].open, false);
            if side.end == 1 {
                this.busy = false;
                this.serving = None;
                this.backlog.clear();
            }
            let other_open = this.ends[1 - side.end].open;
            if keep != CrashKeep::PageCache {
                // What the dead host had yet to send is gone with it.
                this.ends[1 - side.end].held.clear();
            }
            if !other_open {
                // Nobody is left, but for a connection request on its way, which finds nobody.
                self.network.forget(side);
            } else if was_open && keep == CrashKeep::PageCache {
                self.send(side.back(), Segment::End(because), now, None, 0);
            }
        }
    }

    /// Resets the open connections of `host`, all or those with `other`, on behalf of `fault`: both
    /// sides hear of it now, and what is under way is lost.
    pub fn reset(&mut self, host: HostId, other: Option<HostId>, fault: u32) {
        for side in self.network.of_host(host) {
            let this = self.network.get(side).expect("it was just listed");
            if other.is_some_and(|other| this.ends[1 - side.end].host != other) {
                continue;
            }
            let connection = this.id;
            let ends = [0, 1].map(|end| (this.ends[end].host, this.ends[end].open));
            self.network.forget(side);
            let because = ClosedBecause::Reset;
            for ((host, open), (peer, _)) in [(ends[0], ends[1]), (ends[1], ends[0])] {
                if open {
                    self.bite(fault);
                    let kind = Kind::ConnectionClosed { connection, peer, because };
                    self.record(Some(host), kind, About::Nothing);
                    self.route(host, Input::Disconnected { connection, because });
                }
            }
        }
    }
}
