//! The world of one run: the engine, the plan that it follows, and what watches it.
//!
//! A run has five parts. *Form*: ten seconds before time zero the cluster starts cold and its
//! topics are made. *Act*: workloads and faults. *Heal*: faults end, crashed hosts start,
//! workloads create no more. *Settle*: everything must converge and serve. *Audit*: the real logs
//! and images are compared with the record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::check::{Checker, Verdict};
use crate::event::{About, CrashKeep, Event, Kind, Phase};
use crate::history::{FigureCounter, Figures, GroupFigures};
use crate::message::{AppCall, AppReply};
use crate::node::{Input, Task};
use crate::scenario::{Plan, generate};
use crate::sim::admin_desk::AdminDesk;
use crate::sim::cast::{Cast, Deployment, Program};
use crate::sim::engine::{Engine, Stepped};
use crate::sim::host::HostState;
use crate::sim::injector::{Injector, Kill, Schedule};
use crate::sim::settled::amiss;
use crate::trace::{Digest, Fingerprint, Model};
use crate::types::{CallToken, HostId, Moment, PropertyName, Rng, TopicPartition};

/// How often a settling world is asked whether it has settled.
const SETTLE_CHECK: Duration = Duration::from_millis(100);
/// The list of a step's events keeps room for so many.
const EVENTS_KEPT: usize = 1024;
/// Hosts of the cluster start within this of each other.
const START_SPREAD_MICROS: u64 = 200_000;

/// Takes the events of a run as they happen.
pub trait Sink {
    /// Takes one event; `model` is what is known with it.
    fn event(&mut self, event: &Event, model: &Model);

    /// Takes from a step's events, which it was shown, those that it keeps.
    fn keep(&mut self, _events: &mut Vec<Event>) {}
}

impl Sink for () {
    fn event(&mut self, _event: &Event, _model: &Model) {}
}

impl<F: FnMut(&Event, &Model)> Sink for F {
    fn event(&mut self, event: &Event, model: &Model) {
        self(event, model);
    }
}

/// What does not belong to the scenario and does not change a run's fingerprint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Write every message as real bytes, read it back and compare.
    pub wire: bool,
    /// Check the properties.
    pub check: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { wire: false, check: true }
    }
}

/// The world's own business.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Business {
    Start(HostId),
    /// A group has one member more, or one less.
    Enlist(HostId),
    Retire(HostId),
    /// A group's members are given another configuration.
    Deploy(usize),
    Begin(Phase),
    FaultBegins(u32),
    FaultEnds(u32),
    Administer(u32),
    /// The operator of a rolling restart looks at the cluster.
    Look(u32),
    /// A process that was asked to end is killed if it has not ended.
    Kill(Kill),
    /// A process that was asked to end has ended, and is due to be back.
    Restart(HostId),
    AskWhetherSettled,
}

/// Why a run did not come to a good end, if it did not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It is under way.
    Running,
    /// The cluster did not form within ten seconds.
    NeverFormed,
    /// It was told to stop here.
    Stopped,
    /// Not everything served again within the time for settling.
    NotLive,
    /// It went through all its parts.
    Finished,
}

/// One run, step by step. A clone goes on as the original would.
#[derive(Clone, Debug)]
pub struct World {
    engine: Engine<Program>,
    plan: Arc<Plan>,
    cast: Arc<Cast>,
    injector: Injector,
    admin_desk: AdminDesk,
    model: Model,
    digest: Digest,
    checker: Option<Checker>,
    figures: FigureCounter,
    business: Vec<Business>,
    progress: Progress,
    settle_ends: Moment,
    /// Steps after this are not taken.
    stop_at: Moment,
    /// No step is taken after a breach of this property, by its place in the catalogue; and whether
    /// one outside its premise counts.
    stop_on: Option<(usize, bool)>,
    /// The part that the run is in.
    phase: Phase,
    settled_at: Option<Moment>,
    /// Partitions that the probe has written and read.
    tried: BTreeSet<TopicPartition>,
    /// What the last look at a settling world found amiss.
    amiss: Option<String>,
}

impl World {
    /// The world of `plan` under `seed`, before its first step.
    pub fn new(plan: &Arc<Plan>, seed: u64, options: Options) -> Self {
        let (cast, physics, hosts) = Cast::of(plan, seed, options.wire);
        let engine = Engine::new(physics, hosts);
        let mut faults = plan.faults.clone();
        faults.extend(generate(plan, seed));
        let mut world = Self {
            engine,
            plan: Arc::clone(plan),
            injector: Injector::new(seed, faults),
            admin_desk: AdminDesk::new(&plan.admin),
            model: Model::new(Arc::clone(&cast.setup)),
            digest: Digest::default(),
            checker: options.check.then(Checker::default),
            figures: FigureCounter::new(
                cast.clients.iter().copied(),
                plan.group_names().next().is_some(),
            ),
            cast: Arc::new(cast),
            business: Vec::new(),
            progress: Progress::Running,
            settle_ends: Moment(0),
            stop_at: Moment(u64::MAX),
            stop_on: None,
            phase: Phase::Form,
            settled_at: None,
            tried: BTreeSet::new(),
            amiss: None,
        };
        world.plan_ahead(seed);
        world
    }

    /// Puts what is known beforehand into the queue.
    fn plan_ahead(&mut self, seed: u64) {
        self.at(Moment(0), Business::Begin(Phase::Form));
        let zero = Moment::SCENARIO_BEGINS;
        let cast = Arc::clone(&self.cast);
        for &host in &cast.servers {
            let mut rng = Rng::named(seed, "start", &[u64::from(host.0)]);
            self.at(Moment(1 + rng.below(START_SPREAD_MICROS)), Business::Start(host));
        }
        // The admin client retries until brokers answer; it may as well begin at once.
        self.at(Moment(START_SPREAD_MICROS + 1), Business::Start(cast.admin));
        self.at(zero, Business::Begin(Phase::Act));
        for (host, start) in &cast.starts {
            self.at(zero + *start, Business::Start(*host));
        }
        for &(at, host, starts) in &cast.scaling {
            let business = if starts { Business::Enlist(host) } else { Business::Retire(host) };
            self.at(zero + at, business);
        }
        for (nth, deployment) in cast.deployments.iter().enumerate() {
            self.at(zero + deployment.at, Business::Deploy(nth));
        }
        for Schedule { fault, at, .. } in self.injector.timetable() {
            self.at(at, Business::FaultBegins(fault));
        }
        for (at, nth) in self.admin_desk.timetable().to_vec() {
            self.at(at, Business::Administer(nth));
        }
        self.at(zero + self.plan.duration, Business::Begin(Phase::Heal));
    }

    fn at(&mut self, at: Moment, business: Business) {
        let token = u32::try_from(self.business.len()).expect("a run has little business");
        self.business.push(business);
        self.engine.control(at.max(self.engine.now()), token);
    }

    /// Takes no step after `at`.
    pub fn stop_at(&mut self, at: Moment) {
        self.stop_at = at;
    }

    /// Takes no step after the first breach of `property` within its premise, or `outside` too.
    pub fn stop_on(&mut self, property: PropertyName, outside: bool) {
        let place = self.checker.as_ref().and_then(|it| it.place_of(property.name()));
        self.stop_on = place.map(|place| (place, outside));
    }

    /// When the next step is due; `None` when the run is over.
    pub fn next(&self) -> Option<Moment> {
        match self.progress {
            Progress::Running => self.engine.next().filter(|at| *at <= self.stop_at),
            Progress::NeverFormed | Progress::Stopped | Progress::NotLive | Progress::Finished => {
                None
            }
        }
    }

    /// Handles one step and shows `sink` what it recorded.
    pub fn step(&mut self, sink: &mut impl Sink) {
        if let Some(Stepped::Control(token)) = self.engine.step() {
            self.mind(self.business[token as usize]);
        }
        self.watch(sink);
    }

    /// Shows what the last step recorded to all who watch.
    fn watch(&mut self, sink: &mut impl Sink) {
        if self.engine.events.is_empty() {
            return;
        }
        let mut events = std::mem::take(&mut self.engine.events);
        let (mut due, mut stopped) = (Vec::new(), Vec::new());
        let mut admin_due = Vec::new();
        for event in &events {
            self.digest.add(event);
            self.model.apply(event);
            self.figures.apply(event);
            if let Some(checker) = &mut self.checker {
                checker.observe(event, &self.model);
            }
            if self.injector.watches() {
                self.injector.observe(event, &self.model, &mut due);
            }
            if self.admin_desk.watches() {
                self.admin_desk.observe(event, &self.model, &mut admin_due);
            }
            if event.host == Some(self.cast.admin) {
                self.admin_desk.follow(event);
            }
            if let (Kind::HostStopped { .. }, Some(host)) = (&event.kind, event.host) {
                stopped.push(host);
            }
            if let Kind::ProbeReturned { partition, offset: Some(_) } = event.kind {
                self.tried.insert(partition);
            }
            tracing::trace!(
                target: "kafsim::event",
                index = event.index,
                micros = event.at.scenario_micros(),
                host = self.cast.setup.host_name(event.host),
                kind = event.kind.name(),
            );
            sink.event(event, &self.model);
        }
        sink.keep(&mut events);
        self.engine.events = events;
        self.engine.events.clear();
        // A client that catches up is shown thousands of batches in one step; most steps are small.
        self.engine.events.shrink_to(EVENTS_KEPT);
        if let (Some((place, outside)), Some(checker)) = (self.stop_on, &self.checker)
            && checker.is_violated(place, outside)
        {
            self.progress = Progress::Stopped;
        }
        for Schedule { fault, at, .. } in due {
            self.at(at, Business::FaultBegins(fault));
        }
        for (at, nth) in admin_due {
            self.at(at, Business::Administer(nth));
        }
        for host in stopped {
            if self.injector.on_stopped(host) {
                self.at(self.engine.now(), Business::Restart(host));
            }
        }
    }

    fn mind(&mut self, business: Business) {
        match business {
            Business::Start(host) => self.engine.start(host),
            Business::Enlist(host) => self.injector.enlist(host, &mut self.engine),
            Business::Deploy(nth) => {
                let cast = Arc::clone(&self.cast);
                let Deployment { group, config, programs, .. } = &cast.deployments[nth];
                let (group, config) = (group.clone(), config.clone());
                self.engine.record(None, Kind::ConfigDeployed { group, config }, About::Nothing);
                for (host, program) in programs {
                    self.engine.deploy(*host, program.clone());
                }
            }
            Business::Retire(host) => self.injector.retire(host, &mut self.engine),
            Business::Begin(phase) => self.begin(phase),
            Business::FaultBegins(fault) => {
                if self.phase != Phase::Act {
                    return;
                }
                let next = self.injector.begin(fault, &mut self.engine, &self.model, &self.cast);
                match next {
                    Some(Schedule { at, ends: true, .. }) => {
                        self.at(at, Business::FaultEnds(fault));
                    }
                    Some(Schedule { at, ends: false, .. }) => {
                        self.at(at, Business::FaultBegins(fault));
                    }
                    None => {}
                }
                self.plan_kills();
                if self.injector.is_rolling(fault) {
                    self.at(self.engine.now(), Business::Look(fault));
                }
            }
            Business::Kill(Kill { host, starts, .. }) => {
                if self.engine.starts(host) == starts {
                    self.engine.crash(host, CrashKeep::PageCache, None);
                }
            }
            Business::Look(fault) => {
                if let Some(at) = self.injector.look(fault, &mut self.engine, &self.model) {
                    self.at(at, Business::Look(fault));
                }
                self.plan_kills();
            }
            Business::Restart(host) => {
                if self.engine.state(host) == HostState::Down {
                    self.engine.start(host);
                }
            }
            Business::Administer(nth) if self.phase == Phase::Act => {
                if self.engine.task(self.cast.admin, Task::Administer(nth)) {
                    self.admin_desk.give(nth);
                }
            }
            Business::Administer(_) => {}
            Business::FaultEnds(fault) => self.injector.end(fault, &mut self.engine),
            Business::AskWhetherSettled => self.ask_whether_settled(),
        }
    }

    fn plan_kills(&mut self) {
        for kill in self.injector.take_kills() {
            self.at(kill.at, Business::Kill(kill));
        }
    }

    fn begin(&mut self, phase: Phase) {
        tracing::debug!(?phase, micros = self.engine.now().scenario_micros(), "a phase begins");
        self.phase = phase;
        self.engine.record(None, Kind::PhaseBegan { phase }, About::Nothing);
        let now = self.engine.now();
        match phase {
            Phase::Form => {}
            Phase::Act => {
                if !self.has_formed() {
                    self.progress = Progress::NeverFormed;
                }
            }
            Phase::Heal => {
                self.injector.end_all(&mut self.engine);
                for host in self.cast.workloads.clone() {
                    self.engine.task(host, Task::StopWorkload);
                }
                self.at(now, Business::Begin(Phase::Settle));
            }
            Phase::Settle => {
                self.settle_ends = now + self.plan.settle();
                self.engine.start(self.cast.probe);
                self.at(now + SETTLE_CHECK, Business::AskWhetherSettled);
            }
            Phase::Audit => {
                self.engine.audit();
                self.progress = match self.settled_at {
                    Some(_) => Progress::Finished,
                    None => Progress::NotLive,
                };
            }
        }
    }

    /// Whether every topic of the plan stands, all replicas in sync.
    fn has_formed(&self) -> bool {
        self.plan.topics.iter().all(|topic| {
            (0..topic.partitions).all(|index| {
                let partition = self.model.partition_named(topic.name.as_str(), index);
                partition.is_some_and(|partition| {
                    let in_sync = self.model.in_sync(partition).len();
                    let replicas = usize::try_from(topic.replication_factor).unwrap_or(0);
                    in_sync == replicas && self.model.leader_of(partition).is_some()
                })
            })
        })
    }

    fn ask_whether_settled(&mut self) {
        let now = self.engine.now();
        self.amiss = amiss(&self.model, &self.tried);
        if self.amiss.is_none() {
            self.settled_at = Some(now);
        }
        if self.settled_at.is_some() || now >= self.settle_ends {
            self.at(now, Business::Begin(Phase::Audit));
        } else {
            self.at(now + SETTLE_CHECK, Business::AskWhetherSettled);
        }
    }

    /// Calls the client on `host` on behalf of an application outside, at `at` or now.
    pub fn call(&mut self, host: HostId, at: Moment, token: CallToken, call: AppCall) {
        self.engine.call(host, at, token, call);
    }

    /// The replies to applications outside since the last call.
    pub fn take_replies(&mut self) -> Vec<(HostId, CallToken, AppReply)> {
        std::mem::take(&mut self.engine.replies)
    }

    /// The moment of the last step.
    pub fn now(&self) -> Moment {
        self.engine.now()
    }

    /// How far the run has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// What kept a run from settling, if it did not settle.
    pub fn amiss(&self) -> Option<&str> {
        self.amiss.as_deref()
    }

    /// When the healed cluster served again.
    pub fn settled_at(&self) -> Option<Moment> {
        self.settled_at
    }

    /// Concludes the properties; to be called once, when the run is over.
    pub fn verdicts(&mut self) -> Vec<Verdict> {
        // Nobody takes a step any more: what the processes hold makes room for the judgement.
        self.engine.hosts.iter_mut().for_each(|host| host.process = None);
        self.checker.as_mut().map(|checker| checker.finish(&self.model)).unwrap_or_default()
    }

    /// What is known of the cluster.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The fingerprint so far.
    pub fn fingerprint(&self) -> Fingerprint {
        self.digest.fingerprint()
    }

    /// What the properties came to; `None` when they are not checked.
    pub fn checker(&self) -> Option<&Checker> {
        self.checker.as_ref()
    }

    /// The faults of the run, and how many of them began and bit.
    pub fn exposure(&self) -> Exposure {
        Exposure {
            planned: self.injector.plans().len(),
            begun: self.injector.begun(),
            bit: self.engine.bitten.len(),
        }
    }

    /// The faults that have taken hold so far, by number from 1, and whether they changed anything.
    pub fn faults_begun(&self) -> BTreeMap<u32, bool> {
        let begun = self.injector.which_began();
        begun.map(|fault| (fault.saturating_add(1), self.engine.has_bitten(fault))).collect()
    }

    /// The operations of the admin client that were asked for so far and did not fail, by number
    /// from 1.
    pub fn operations_asked(&self) -> BTreeSet<u32> {
        self.admin_desk.asked().map(|nth| nth.saturating_add(1)).collect()
    }

    /// The figures so far. What was lost is not counted when the properties are not checked.
    pub fn figures(&self) -> Figures {
        let counts = |host| self.cast.clients.contains(&host);
        let lost = self.checker.as_ref().map_or(0, |checker| checker.lost(&self.model, counts));
        let name = |host| self.model.setup().host_name(Some(host)).to_owned();
        let mut figures = self.figures.figures(self.now(), lost, &name);
        // One that never was is worth a line.
        for group in &self.model.setup().groups {
            if figures.groups.iter().all(|known| known.name != group.name.as_str()) {
                figures.groups.push(GroupFigures::unknown(group.name.as_str()));
            }
        }
        figures
    }

    /// The cast: who plays on which host.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// Steps handled and messages delivered so far.
    pub fn counts(&self) -> (u64, u64) {
        self.engine.counts()
    }
}

/// What became of the faults of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Exposure {
    /// In the plan, written and drawn.
    pub planned: usize,
    /// Those that took hold of somebody.
    pub begun: usize,
    /// Those that changed something.
    pub bit: usize,
}

impl<L: crate::sim::process::Launch> Engine<L> {
    /// Hands a task to the process of `host`, if it runs, and says whether it does.
    pub(crate) fn task(&mut self, host: HostId, task: Task) -> bool {
        let is_alive = self.is_alive(host, self.hosts[host.0 as usize].starts);
        if is_alive {
            self.route(host, Input::Task(task));
        }
        is_alive
    }
}
