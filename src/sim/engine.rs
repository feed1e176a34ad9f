//! The engine: hosts, network, disks and the queue, driven one step at a time.
//!
//! It knows nothing of plans, roles or properties: `world` does. A step is one entry of the queue,
//! handled at its scheduled time; what it records goes to `events`, which the caller drains.

use std::collections::BTreeMap;
use std::time::Duration;

use smallvec::SmallVec;

use crate::event::{About, ClosedBecause, CrashKeep, Event, HaltReason, Kind, StartedAs, StepName};
use crate::message::{AppCall, AppReply, DiskError};
use crate::node::{Input, Output, Start, Task};
use crate::sim::clock::Clock;
use crate::sim::device::DeviceSetup;
use crate::sim::disk::{Disk, Flush};
use crate::sim::host::{Host, HostSetup, HostState, Waiting};
use crate::sim::link::{LinkFault, LinkPhysics};
use crate::sim::network::{Network, Sent, Toward};
use crate::sim::network_threads::NetworkThreads;
use crate::sim::process::{Launch, Process};
use crate::sim::queue::{LaneKind, LaneOrder, Queue, QueueLane};
use crate::sim::service::ServiceTimes;
use crate::sim::weather::{Spread, Weather};
use crate::types::{BrokerId, CallToken, Deadlines, HostId, Lane, Moment, OperationId, Ticket};

/// Until when a lane is busy that waits for a disk that hangs.
pub(crate) const NEVER: Moment = Moment(u64::MAX);
/// More steps than this at one instant are a fault of ours: the world would never go on.
const STEPS_AT_ONCE_MAX: u32 = 10_000_000;
/// Deadlines that stay due this often in a row are a fault of ours.
const REPEATS_MAX: u32 = 10_000;

/// What the physical world is like.
#[derive(Clone, Debug)]
pub struct Physics {
    /// The run's seed.
    pub seed: u64,
    /// What a link is like.
    pub link: LinkPhysics,
    /// Links that differ, both directions.
    pub links: Vec<(HostId, HostId, LinkPhysics)>,
    /// How many bytes a host's network card carries in a second, each way; `None` for as many as
    /// come.
    pub card_bandwidth: Option<u64>,
    /// How long a flush takes.
    pub flush_time: Spread,
    /// How long lanes are busy.
    pub service: ServiceTimes,
    /// Hosts where that differs.
    pub services: Vec<(HostId, ServiceTimes)>,
    /// Whether every message is written as real bytes, read back and compared.
    pub wire: bool,
}

impl Physics {
    /// A quiet data centre: links that lose nothing and carry everything.
    pub fn new(seed: u64) -> Self {
        let (micros, millis) = (Duration::from_micros, Duration::from_millis);
        let spread = |p50, p99, max| Spread { p50, p99, max };
        Self {
            seed,
            link: LinkPhysics::of_latency(spread(micros(300), millis(2), millis(20))),
            links: Vec::new(),
            card_bandwidth: None,
            flush_time: spread(micros(400), millis(3), millis(20)),
            service: ServiceTimes::DEFAULT,
            services: Vec::new(),
            wire: false,
        }
    }
}

/// One entry of the queue.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) lane: QueueLane,
    pub(crate) n: u32,
    pub(crate) what: What,
}

/// What an entry brings.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// Something arrives at a side of a connection.
    Arrive(Toward, Sent),
    /// What is held toward a side of a connection is sent again.
    Retransmit(Toward),
    /// The next request of a muted connection is read.
    Unmute(Toward),
    /// A network thread that stood before a full request queue goes on.
    Admit(HostId, u32),
    /// Outputs of a step that waited for a blocking disk operation go out.
    Depart(HostId, u32, Departure),
    /// A deadline of a lane may be due.
    Timer(HostId, u32, usize),
    /// A lane looks at its queue.
    Resume(HostId, u32, usize),
    /// A disk operation ends: host, number of the process, whose lane, what.
    Disk(HostId, u32, usize, Box<Flush>, Option<u64>),
    /// A disk operation that nobody waits for has failed.
    DiskRefused(HostId, u32, DiskError, Option<u64>),
    /// Work for a lane of the same process.
    Task(HostId, u32, usize, Task, Option<u64>),
    /// An application outside calls its client.
    Call(HostId, CallToken, Box<AppCall>),
    /// The world's own business.
    Control(u32),
}

/// Outputs that wait for the disk, and the thread whose step they are of.
#[derive(Clone, Debug)]
pub(crate) struct Departure {
    pub(crate) server: Option<(usize, usize)>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) cause: Option<u64>,
}

/// The step that is being handled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Context {
    pub(crate) at: Moment,
    pub(crate) name: StepName,
    /// What led to the step.
    pub(crate) cause: Option<u64>,
    /// The step's first event, once there is one.
    pub(crate) first: Option<u64>,
}

/// The engine. Everything that a run will do is in here: a clone goes on as the original would.
#[derive(Clone, Debug)]
pub struct Engine<L: Launch> {
    pub(crate) physics: Physics,
    pub(crate) queue: Queue<Entry>,
    pub(crate) order: LaneOrder,
    pub(crate) network: Network,
    pub(crate) hosts: Vec<Host<L>>,
    /// Hosts by `node.id`.
    pub(crate) nodes: BTreeMap<BrokerId, HostId>,
    pub(crate) context: Context,
    /// What the steps since the last drain recorded.
    pub(crate) events: Vec<Event>,
    pub(crate) next_index: u64,
    /// The events with which operations began.
    pub(crate) operations: BTreeMap<OperationId, u64>,
    /// Faults that have changed something, and how often.
    pub(crate) bitten: BTreeMap<u32, u64>,
    /// Replies to applications outside.
    pub(crate) replies: Vec<(HostId, CallToken, AppReply)>,
    pub(crate) controls: u32,
    pub(crate) retransmissions: u32,
    /// Steps handled, messages delivered: figures of the run.
    pub(crate) steps: u64,
    /// Steps since time last went on.
    still: u32,
    pub(crate) delivered: u64,
    pub(crate) scratch_deadlines: Vec<(Lane, Deadlines)>,
    pub(crate) scratch_outputs: Vec<Output>,
}

/// What a step was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stepped {
    /// Something of the engine's own.
    Inside,
    /// The world's own business, scheduled by [`Engine::control`].
    Control(u32),
}

impl<L: Launch> Engine<L> {
    /// A world of hosts whose processes are not started yet.
    pub fn new(physics: Physics, setups: Vec<HostSetup<L>>) -> Self {
        let seed = physics.seed;
        let ids = (0..).map(HostId);
        let nodes = ids.clone().zip(&setups).filter_map(|(id, s)| Some((s.node?, id))).collect();
        let network = Network::new(seed, setups.len(), &physics);
        let hosts = ids.zip(setups).map(|(id, setup)| {
            let weather = Weather::new(seed, "disk", &[u64::from(id.0)]);
            let service = physics.services.iter().rfind(|(host, _)| *host == id);
            Host {
                id,
                state: HostState::Down,
                process: None,
                starts: 0,
                started_as: StartedAs::New,
                is_listening: false,
                lanes: Vec::new(),
                disk: Disk::new(
                    weather,
                    setup.device.unwrap_or(DeviceSetup::new(physics.flush_time)),
                ),
                completions: 0,
                calls: 0,
                operations: 0,
                clock: Clock::new(setup.clock_offset_micros, setup.clock_drift_ppm),
                drifts: SmallVec::new(),
                stalled: Vec::new(),
                setup,
                service: service.map_or(physics.service, |(_, service)| *service),
                slowness: SmallVec::new(),
                network_threads: None,
            }
        });
        Self {
            queue: Queue::new(),
            order: LaneOrder::new(seed),
            network,
            hosts: hosts.collect(),
            nodes,
            context: Context::default(),
            events: Vec::new(),
            next_index: 0,
            operations: BTreeMap::new(),
            bitten: BTreeMap::new(),
            replies: Vec::new(),
            controls: 0,
            retransmissions: 0,
            steps: 0,
            still: 0,
            delivered: 0,
            scratch_deadlines: Vec::new(),
            scratch_outputs: Vec::new(),
            physics,
        }
    }

    /// The moment of the last step.
    pub fn now(&self) -> Moment {
        self.context.at
    }

    /// When the next step is due; `None` when nothing will ever happen again.
    pub fn next(&self) -> Option<Moment> {
        self.queue.next()
    }

    /// Schedules business of the world's own.
    pub fn control(&mut self, at: Moment, token: u32) {
        let n = self.controls;
        self.controls += 1;
        let lane = QueueLane::new(LaneKind::World, 0, 0, 0);
        self.schedule(at, lane, n, What::Control(token));
    }

    /// Schedules a call of an application outside.
    pub fn call(&mut self, host: HostId, at: Moment, token: CallToken, call: AppCall) {
        let n = self.hosts[host.0 as usize].calls;
        self.hosts[host.0 as usize].calls += 1;
        let lane = QueueLane::new(LaneKind::Call, host.0, 0, 0);
        self.schedule(at.max(self.context.at), lane, n, What::Call(host, token, Box::new(call)));
    }

    pub(crate) fn schedule(&mut self, at: Moment, lane: QueueLane, n: u32, what: What) {
        let key = Queue::<Entry>::key(at, self.order.permute(lane), n);
        self.queue.push(key, Entry { lane, n, what });
    }

    /// Handles the next entry of the queue.
    pub fn step(&mut self) -> Option<Stepped> {
        let (at, entry) = self.queue.pop()?;
        assert!(at >= self.context.at, "time went back from {:?} to {at:?}", self.context.at);
        self.still = if at == self.context.at { self.still + 1 } else { 0 };
        assert!(self.still < STEPS_AT_ONCE_MAX, "{} steps, and it is still {at:?}", self.still);
        let name = StepName { lane: entry.lane.number(), n: u64::from(entry.n) };
        self.context = Context { at, name, cause: None, first: None };
        self.steps += 1;
        match entry.what {
            What::Arrive(toward, sent) => self.on_arrive(toward, sent),
            What::Retransmit(toward) => self.on_retransmit(toward),
            What::Unmute(toward) => self.on_unmute(toward),
            What::Admit(host, start) => self.on_admit(host, start),
            What::Depart(host, start, departure) => {
                if self.is_alive(host, start) && !self.is_held_up(host, &departure) {
                    self.context.cause = departure.cause;
                    // What departs belongs to the step that waited for the disk.
                    self.context.first = departure.cause;
                    self.depart(host, departure.outputs, at);
                } else {
                    self.stall_departure(host, start, departure);
                }
            }
            What::Timer(host, start, lane) => self.on_timer(host, start, lane),
            What::Resume(host, start, lane) => self.on_resume(host, start, lane),
            What::Disk(host, start, lane, flush, cause) => {
                self.on_disk(host, start, lane, *flush, cause);
            }
            What::DiskRefused(host, start, error, cause) => {
                self.on_disk_refused(host, start, error, cause);
            }
            What::Task(host, start, lane, task, cause) => {
                if self.is_alive(host, start) {
                    self.context.cause = cause;
                    let shown = self.hosts[host.0 as usize].lanes[lane].lane;
                    self.record(Some(host), Kind::TaskPosted { lane: shown }, About::Nothing);
                    self.offer(host, lane, Input::Task(task));
                }
            }
            What::Call(host, token, call) => self.on_call(host, token, call),
            What::Control(token) => return Some(Stepped::Control(token)),
        }
        Some(Stepped::Inside)
    }

    /// Records a fact of the step that is being handled.
    pub(crate) fn record(&mut self, host: Option<HostId>, kind: Kind, about: About) {
        let index = self.next_index;
        self.next_index += 1;
        let about = match about {
            About::Nothing => None,
            About::Request(connection) => self.serving(host, connection),
            About::Operation(operation) => self.operations.get(&operation).copied(),
        };
        match &kind {
            Kind::OperationInvoked { operation, .. } => {
                self.operations.insert(*operation, index);
                if let Some(host) = host {
                    self.hosts[host.0 as usize].operations = operation.number + 1;
                }
            }
            Kind::OperationReturned { operation, .. } => {
                self.operations.remove(operation);
            }
            _ => {}
        }
        self.push_event(index, host, about, kind);
    }

    fn push_event(&mut self, index: u64, host: Option<HostId>, about: Option<u64>, kind: Kind) {
        let Context { at, name: step, cause, first } = self.context;
        let cause = first.or(cause);
        self.context.first = first.or(Some(index));
        self.events.push(Event { index, at, host, step, cause, about, kind });
    }

    /// Records an event that is about the event `about`.
    pub(crate) fn record_about(&mut self, host: HostId, kind: Kind, about: Option<u64>) {
        let index = self.next_index;
        self.next_index += 1;
        self.push_event(index, Some(host), about, kind);
    }

    /// Counts that a fault changed something, and records it the first time it does.
    pub(crate) fn bite(&mut self, fault: u32) {
        let times = self.bitten.entry(fault).or_default();
        *times += 1;
        if *times == 1 {
            self.record(None, Kind::FaultBit { fault }, About::Nothing);
        }
    }

    pub(crate) fn is_alive(&self, host: HostId, start: u32) -> bool {
        let host = &self.hosts[host.0 as usize];
        host.process.is_some() && host.starts == start
    }

    /// Starts the process of `host`.
    pub fn start(&mut self, host: HostId) {
        let at = self.context.at;
        let seed = self.physics.seed;
        let this = &mut self.hosts[host.0 as usize];
        assert!(this.process.is_none(), "{} runs already", this.setup.name);
        if self.holds_up_start(host) {
            return;
        }
        let was_dark = self.network.is_dark(host);
        let this = &mut self.hosts[host.0 as usize];
        if was_dark || this.starts == 0 {
            this.clock.boot(at);
        }
        let (incarnation, after) = (this.starts, this.started_as);
        this.starts += 1;
        this.state = HostState::Running;
        this.is_listening = true;
        this.lanes.clear();
        this.network_threads = this
            .setup
            .launch
            .request_queue()
            .map(|(threads, queue_max)| Box::new(NetworkThreads::new(threads, queue_max)));
        self.network.set_dark(host, false);
        self.record(Some(host), Kind::HostStarted { incarnation, after }, About::Nothing);
        if self.fails_to_start(host) {
            if was_dark {
                self.release();
            }
            return;
        }
        let this = &mut self.hosts[host.0 as usize];
        let now = this.clock.read(at);
        let mut out = std::mem::take(&mut self.scratch_outputs);
        let operations = self.hosts[host.0 as usize].operations;
        let start = Start { host, incarnation, seed, started_as: after, operations };
        let this = &mut self.hosts[host.0 as usize];
        let process = this.setup.launch.start(this.disk.image(), start, now, &mut out);
        this.process = Some(process);
        self.tell_storage(host);
        self.carry_out(host, None, out, at);
        self.look_at_deadlines(host);
        if was_dark {
            self.release();
        }
    }

    /// Ends the process of `host` at once, or because it `halted`; says what its disk kept.
    pub fn crash(&mut self, host: HostId, keep: CrashKeep, halted: Option<HaltReason>) {
        let at = self.context.at;
        let this = &mut self.hosts[host.0 as usize];
        if this.process.take().is_none() {
            return;
        }
        this.state = HostState::Down;
        this.lanes.clear();
        this.network_threads = None;
        this.started_as = match keep {
            CrashKeep::PageCache => StartedAs::AfterCrash,
            CrashKeep::Synced => StartedAs::AfterPowerLoss,
            CrashKeep::Nothing => StartedAs::AfterDiskLoss,
        };
        let ends = match keep {
            CrashKeep::PageCache => Vec::new(),
            CrashKeep::Synced => this.disk.lose_power(at),
            CrashKeep::Nothing => this.disk.replace(at),
        };
        let stopped = Kind::HostStopped { keep, halted, in_order: false };
        self.record(Some(host), stopped, About::Nothing);
        self.record_durable_ends(host, keep, ends);
        if keep != CrashKeep::PageCache {
            self.hosts[host.0 as usize].stalled.clear();
            self.network.set_dark(host, true);
        }
        self.abandon_connections(host, keep, ClosedBecause::Reset);
    }

    /// Stops the process of `host` where it stands.
    pub fn pause(&mut self, host: HostId) {
        if self.hosts[host.0 as usize].state == HostState::Running {
            self.hosts[host.0 as usize].state = HostState::Paused;
            self.record(Some(host), Kind::HostPaused {}, About::Nothing);
        }
    }

    /// Lets the process of `host` go on.
    pub fn resume(&mut self, host: HostId) {
        if self.hosts[host.0 as usize].state == HostState::Paused {
            self.hosts[host.0 as usize].state = HostState::Running;
            self.record(Some(host), Kind::HostResumed {}, About::Nothing);
            for lane in 0..self.hosts[host.0 as usize].lanes.len() {
                self.hosts[host.0 as usize].lanes[lane].timer_at = None;
                self.hosts[host.0 as usize].lanes[lane].resume_at = None;
                self.resume_later(host, lane);
                self.arm(host, lane);
            }
        }
    }

    /// Cuts the way from one host to another on behalf of `fault`.
    pub fn cut(&mut self, from: HostId, to: HostId, fault: u32) {
        self.network.cut(from, to, fault);
    }

    /// Does `what` to the way from one host to another on behalf of `fault`.
    pub fn afflict(&mut self, from: HostId, to: HostId, fault: u32, what: LinkFault) {
        self.network.afflict(from, to, fault, what);
    }

    /// Lets the network card of `host` carry less on behalf of `fault`: what it is sent, what it
    /// sends.
    pub fn throttle_card(
        &mut self,
        host: HostId,
        fault: u32,
        bandwidth: u64,
        directions: (bool, bool),
    ) {
        self.network.throttle_card(host, fault, bandwidth, directions);
    }

    /// Makes all that lanes of `host` do take `factor` times as long on behalf of `fault`. Of
    /// several the largest holds.
    pub fn slow(&mut self, host: HostId, fault: u32, factor: u32) {
        self.hosts[host.0 as usize].slowness.push((fault, factor));
    }

    /// Ends all that `fault` does to links; what was held goes on at its next retransmission.
    pub fn lift(&mut self, fault: u32) {
        self.network.lift(fault);
        self.hosts.iter_mut().for_each(|host| host.slowness.retain(|slow| slow.0 != fault));
        self.release();
        self.lift_trouble(fault);
    }

    /// Whether `fault` has changed anything yet.
    pub fn has_bitten(&self, fault: u32) -> bool {
        self.bitten.contains_key(&fault)
    }

    /// How often `fault` has changed something.
    pub fn bites(&self, fault: u32) -> u64 {
        self.bitten.get(&fault).copied().unwrap_or(0)
    }

    /// Whether the process of `host` runs, stands still, or is not there.
    pub fn state(&self, host: HostId) -> HostState {
        self.hosts[host.0 as usize].state
    }

    /// All hosts.
    pub fn host_ids(&self) -> impl Iterator<Item = HostId> + use<L> {
        (0..u16::try_from(self.hosts.len()).expect("at most 16,384 hosts")).map(HostId)
    }

    /// Whether the process of `host` was ever started.
    pub fn was_started(&self, host: HostId) -> bool {
        self.hosts[host.0 as usize].starts > 0
    }

    /// The events recorded since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Steps handled and messages delivered so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.steps, self.delivered)
    }

    /// Hands `input` to a lane: at once if a thread is idle, else it waits.
    pub(crate) fn offer(&mut self, host: HostId, lane: usize, input: Input) {
        let at = self.context.at;
        let this = &mut self.hosts[host.0 as usize];
        let state = &mut this.lanes[lane];
        let idle = match this.state {
            HostState::Running if state.queue.is_empty() => state.idle(at),
            HostState::Running | HostState::Paused | HostState::Down => None,
        };
        if let Some(server) = idle {
            self.run(host, lane, server, input);
        } else {
            if let (Input::Request { .. }, Some(threads)) = (&input, &mut this.network_threads) {
                threads.enter();
            }
            state.queue.push_back(Waiting { input, cause: self.context.first });
            self.resume_later(host, lane);
        }
    }

    /// Sees to it that a lane looks at its queue when a thread is idle.
    pub(crate) fn resume_later(&mut self, host: HostId, lane: usize) {
        let now = self.context.at;
        let this = &mut self.hosts[host.0 as usize];
        // A process that has just stopped by itself took its lanes along.
        let Some(state) = this.lanes.get_mut(lane) else { return };
        let at = state.next_idle().max(now);
        if at == NEVER {
            return;
        }
        let sooner = state.resume_at.is_none_or(|resume_at| at < resume_at);
        if state.queue.is_empty() || this.state != HostState::Running || !sooner {
            return;
        }
        state.resume_at = Some(at);
        let n = state.resumptions;
        state.resumptions += 1;
        let (detail, starts) = (state.detail(), this.starts);
        let queue_lane = QueueLane::new(LaneKind::Lane, host.0, 0, detail);
        self.schedule(at, queue_lane, n, What::Resume(host, starts, lane));
    }

    fn on_resume(&mut self, host: HostId, start: u32, lane: usize) {
        let at = self.context.at;
        if !self.is_alive(host, start) {
            return;
        }
        let this = &mut self.hosts[host.0 as usize];
        let state = &mut this.lanes[lane];
        if state.resume_at != Some(at) || this.state != HostState::Running {
            return;
        }
        state.resume_at = None;
        let Some(server) = state.idle(at) else {
            self.resume_later(host, lane);
            return;
        };
        let Some(Waiting { input, cause }) = state.queue.pop_front() else { return };
        if matches!(input, Input::Deadline(_)) {
            state.deadline_waits = false;
        }
        let waiting = u32::try_from(state.queue.len()).unwrap_or(u32::MAX);
        let shown = state.lane;
        self.context.cause = cause;
        self.record(Some(host), Kind::LaneResumed { lane: shown, waiting }, About::Nothing);
        let is_request = matches!(input, Input::Request { .. });
        self.run(host, lane, server, input);
        self.resume_later(host, lane);
        let threads = &mut self.hosts[host.0 as usize].network_threads;
        if is_request && threads.as_mut().is_some_and(|threads| threads.leave()) {
            self.let_go_on(host);
        }
    }

    fn on_timer(&mut self, host: HostId, start: u32, lane: usize) {
        let at = self.context.at;
        if !self.is_alive(host, start) {
            return;
        }
        let this = &mut self.hosts[host.0 as usize];
        let state = &mut this.lanes[lane];
        if state.timer_at != Some(at) || this.state != HostState::Running {
            return;
        }
        state.timer_at = None;
        match state.wanted {
            Some(wanted) if wanted <= at => {
                if state.deadline_waits {
                    return;
                }
                state.repeats += 1;
                let shown = state.lane;
                assert!(
                    state.repeats < REPEATS_MAX,
                    "{}: lane {shown} does not move its deadline {wanted:?}",
                    this.setup.name
                );
                self.context.cause = state.wanted_cause;
                state.deadline_waits = state.idle(at).is_none() || !state.queue.is_empty();
                let kind = Kind::DeadlineReached { lane: shown };
                self.record(Some(host), kind, About::Nothing);
                self.offer(host, lane, Input::Deadline(shown));
            }
            Some(wanted) => self.set_timer(host, lane, wanted),
            None => {}
        }
    }

    fn set_timer(&mut self, host: HostId, lane: usize, at: Moment) {
        let this = &mut self.hosts[host.0 as usize];
        let state = &mut this.lanes[lane];
        state.timer_at = Some(at);
        let n = state.timers;
        state.timers += 1;
        let (detail, starts) = (state.detail(), this.starts);
        let queue_lane = QueueLane::new(LaneKind::Timer, host.0, 0, detail);
        self.schedule(at, queue_lane, n, What::Timer(host, starts, lane));
    }

    fn on_disk(&mut self, host: HostId, start: u32, lane: usize, flush: Flush, cause: Option<u64>) {
        if self.network.is_dark(host) {
            return;
        }
        let Some(flush) = self.stall_flush(host, start, lane, flush, cause) else { return };
        self.hosts[host.0 as usize].disk.complete(&flush);
        // What fails is always told: whoever does not wait for it must stop all the same.
        let unnamed = flush.result.is_err().then_some(Ticket(0));
        let Some(ticket) = flush.ticket.or(unnamed) else { return };
        if !self.is_alive(host, start) {
            return;
        }
        self.context.cause = cause;
        let ok = flush.result.is_ok();
        self.record(Some(host), Kind::DiskCompleted { ticket, ok }, About::Nothing);
        let input = Input::Disk { ticket, result: flush.result };
        if flush.blocking {
            // The lane that waited goes on with this, before what queued up meanwhile.
            self.first(host, lane, input);
        } else {
            self.route(host, input);
        }
    }

    /// Hands `input` to a lane ahead of its queue.
    fn first(&mut self, host: HostId, lane: usize, input: Input) {
        let at = self.context.at;
        let this = &mut self.hosts[host.0 as usize];
        let idle = this.lanes[lane].idle(at).filter(|_| this.state == HostState::Running);
        if let Some(server) = idle {
            self.run(host, lane, server, input);
            self.resume_later(host, lane);
        } else {
            let waiting = Waiting { input, cause: self.context.first };
            this.lanes[lane].queue.push_front(waiting);
            self.resume_later(host, lane);
        }
    }

    /// Hands `input` to the lane that the process names for it.
    pub(crate) fn route(&mut self, host: HostId, input: Input) {
        let this = &mut self.hosts[host.0 as usize];
        let Some(process) = &this.process else { return };
        let lane = process.lane(&input);
        let lane = this.lane_index(lane);
        self.offer(host, lane, input);
    }

    fn on_call(&mut self, host: HostId, token: CallToken, call: Box<AppCall>) {
        if self.hosts[host.0 as usize].process.is_some() {
            let operation = u32::try_from(token.0).unwrap_or(u32::MAX);
            self.record(Some(host), Kind::ApplicationCalled { operation }, About::Nothing);
            self.route(host, Input::Call { token, call });
        }
    }

    /// Runs one input through the process and carries out what follows.
    fn run(&mut self, host: HostId, lane: usize, server: usize, input: Input) {
        let at = self.context.at;
        let mut out = std::mem::take(&mut self.scratch_outputs);
        let this = &mut self.hosts[host.0 as usize];
        let now = this.clock.read(at);
        let mut takes = this.service.of(&input);
        if !this.slowness.is_empty() {
            takes = self.stretch(host, takes);
        }
        let done = at + takes;
        let this = &mut self.hosts[host.0 as usize];
        let shown = match this.lanes[lane].lane {
            Lane::Request(_) => Lane::Request(u8::try_from(server).unwrap_or(u8::MAX)),
            other => other,
        };
        this.lanes[lane].busy_until[server] = done;
        let process = this.process.as_mut().expect("only a running process takes inputs");
        process.step(shown, now, input, &mut out);
        self.carry_out(host, Some((lane, server)), out, done);
        if self.hosts[host.0 as usize].process.is_some() {
            self.look_at_deadlines(host);
            self.arm(host, lane);
        }
    }

    /// How long what takes `takes` takes on a host that is slow.
    fn stretch(&mut self, host: HostId, takes: Duration) -> Duration {
        let slowness = &self.hosts[host.0 as usize].slowness;
        let slowest = slowness.iter().max_by_key(|(_, factor)| *factor).copied();
        let Some((fault, factor)) = slowest else { return takes };
        self.bite(fault);
        takes * factor
    }

    /// Compares what the lanes wait for with the timers that are set.
    fn look_at_deadlines(&mut self, host: HostId) {
        let mut moved = std::mem::take(&mut self.scratch_deadlines);
        moved.clear();
        let this = &mut self.hosts[host.0 as usize];
        if let Some(process) = &mut this.process {
            process.moved_deadlines(&mut moved);
        }
        for &(lane, deadlines) in &moved {
            let this = &mut self.hosts[host.0 as usize];
            let index = this.lane_index(lane);
            let state = &mut this.lanes[index];
            // Most steps leave most deadlines alone; a clock that is set maps them anew itself.
            if deadlines != state.deadlines {
                state.deadlines = deadlines;
                let moment = this.clock.when(deadlines);
                if moment != state.wanted {
                    state.wanted = moment;
                    state.wanted_cause = self.context.first;
                    state.repeats = 0;
                }
            }
            self.arm(host, index);
        }
        self.scratch_deadlines = moved;
        if cfg!(debug_assertions) {
            self.assert_deadlines(host);
        }
    }

    /// Sets a timer for what a lane waits for, unless one comes as soon.
    fn arm(&mut self, host: HostId, lane: usize) {
        let this = &self.hosts[host.0 as usize];
        let state = &this.lanes[lane];
        // A deadline that has passed comes again when the lane has had its time.
        let soonest = Moment(self.context.at.0 + 1);
        let Some(moment) = state.wanted.map(|moment| moment.max(soonest)) else { return };
        let is_sooner = state.timer_at.is_none_or(|timer_at| moment < timer_at);
        if this.state == HostState::Running && is_sooner {
            self.set_timer(host, lane, moment);
        }
    }

    /// A process may leave out deadlines that have not moved, and no others.
    fn assert_deadlines(&mut self, host: HostId) {
        let mut all = Vec::new();
        let this = &mut self.hosts[host.0 as usize];
        this.process.iter().for_each(|process| process.deadlines(&mut all));
        for (lane, deadlines) in all {
            let index = this.lane_index(lane);
            let (name, known) = (&this.setup.name, this.lanes[index].deadlines);
            assert_eq!(known, deadlines, "{name}: lane {lane} moved its deadline and kept silent");
        }
    }

    /// Tells the real state of every running process.
    pub fn audit(&mut self) {
        for host in 0..self.hosts.len() {
            let (id, mut kinds) = (self.hosts[host].id, Vec::new());
            self.hosts[host].process.iter().for_each(|process| process.audit(&mut kinds));
            kinds.into_iter().for_each(|kind| self.record(Some(id), kind, About::Nothing));
        }
    }
}
