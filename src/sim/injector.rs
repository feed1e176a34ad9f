//! Faults of a plan: when they begin, whom they befall, what they do, how they end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::event::{About, CrashKeep, Event, FaultVerb, Kind, RestartStep, Value};
use crate::node::Task;
use crate::scenario::{self, Fault, FaultPlan, Milestone, Shape, Target, Trigger};
use crate::sim::cast::Cast;
use crate::sim::engine::Engine;
use crate::sim::host::HostState;
use crate::sim::network_faults::{self, directions, pairs_between};
use crate::sim::process::Launch;
use crate::sim::rolling_restart::{LOOK, RollingRestart, Turn};
use crate::sim::shape;
use crate::trace::Model;
use crate::types::{HostId, Moment, Rng, TopicPartition};

/// How long a fault waits before it looks for its target again.
pub(crate) const RETRY: Duration = Duration::from_millis(10);

/// A fault's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Its time has not come.
    Planned,
    /// Its time has come, but its target is nobody yet.
    Waiting,
    /// It acts.
    Active,
    /// It is over.
    Ended,
}

/// Counts the events that a fault waits for.
#[derive(Clone, Debug)]
struct Watch {
    fault: u32,
    milestone: Milestone,
    seen: u64,
}

/// What the world has to do next for a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Schedule {
    pub(crate) fault: u32,
    pub(crate) at: Moment,
    pub(crate) ends: bool,
}

/// A process that is killed unless it has ended by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kill {
    pub(crate) at: Moment,
    pub(crate) host: HostId,
    /// How many starts the host had seen: a later process is not meant.
    pub(crate) starts: u32,
}

/// The faults of a run.
#[derive(Clone, Debug)]
pub(crate) struct Injector {
    pub(crate) faults: Vec<FaultPlan>,
    states: Vec<State>,
    watches: Vec<Watch>,
    /// Which faults keep a host down, or paused.
    pub(crate) down: BTreeMap<HostId, BTreeSet<u32>>,
    paused: BTreeMap<HostId, BTreeSet<u32>>,
    /// Which faults keep an application from doing anything.
    stalled: BTreeMap<HostId, BTreeSet<u32>>,
    /// Which faults of disks a host suffers from: one that stopped by itself starts after them.
    pub(crate) ailing: BTreeMap<HostId, BTreeSet<u32>>,
    /// Whose clocks a fault has set.
    pub(crate) jumped: BTreeMap<u32, Vec<HostId>>,
    /// Hosts whose processes were asked to end, and have not ended yet.
    stopping: BTreeSet<HostId>,
    /// Those of them that are to start again as soon as they have.
    awaited: BTreeSet<HostId>,
    /// Rolling restarts that are under way.
    restarts: BTreeMap<u32, RollingRestart>,
    /// Members of groups that are no longer wanted: nothing starts them again.
    retired: BTreeSet<HostId>,
    /// Whom to kill, and when, if they have not ended by then.
    kills: Vec<Kill>,
    seed: u64,
}

impl Injector {
    pub(crate) fn new(seed: u64, faults: Vec<FaultPlan>) -> Self {
        let watches = (0..).zip(&faults).filter_map(|(fault, plan)| match &plan.trigger {
            Trigger::At(_) => None,
            Trigger::When(milestone) => {
                Some(Watch { fault, milestone: milestone.clone(), seen: 0 })
            }
        });
        Self {
            states: vec![State::Planned; faults.len()],
            watches: watches.collect(),
            faults,
            down: BTreeMap::new(),
            paused: BTreeMap::new(),
            stalled: BTreeMap::new(),
            ailing: BTreeMap::new(),
            jumped: BTreeMap::new(),
            stopping: BTreeSet::new(),
            awaited: BTreeSet::new(),
            restarts: BTreeMap::new(),
            retired: BTreeSet::new(),
            kills: Vec::new(),
            seed,
        }
    }

    /// The faults, drawn ones behind written ones.
    pub(crate) fn plans(&self) -> &[FaultPlan] {
        &self.faults
    }

    /// How many faults began.
    pub(crate) fn begun(&self) -> usize {
        self.which_began().count()
    }

    /// Which they are, from 0.
    pub(crate) fn which_began(&self) -> impl Iterator<Item = u32> {
        let began = |(_, state): &(u32, &State)| matches!(state, State::Active | State::Ended);
        (0..).zip(&self.states).filter(began).map(|(fault, _)| fault)
    }

    /// When the faults that go by time begin.
    pub(crate) fn timetable(&self) -> Vec<Schedule> {
        let at = |(fault, plan): (u32, &FaultPlan)| match plan.trigger {
            Trigger::At(time) => {
                Some(Schedule { fault, at: Moment::SCENARIO_BEGINS + time, ends: false })
            }
            Trigger::When(_) => None,
        };
        (0..).zip(&self.faults).filter_map(at).collect()
    }

    /// Whether any fault still waits for a milestone.
    pub(crate) fn watches(&self) -> bool {
        !self.watches.is_empty()
    }

    /// Looks whether `event` is what faults wait for.
    pub(crate) fn observe(&mut self, event: &Event, model: &Model, due: &mut Vec<Schedule>) {
        if event.at < Moment::SCENARIO_BEGINS {
            return;
        }
        self.watches.retain_mut(|watch| {
            if !matches(&watch.milestone, event, model) {
                return true;
            }
            watch.seen += 1;
            if watch.seen < watch.milestone.count {
                return true;
            }
            let at = event.at + watch.milestone.after;
            due.push(Schedule { fault: watch.fault, at, ends: false });
            false
        });
    }

    /// Begins `fault`, or puts it off until its target is somebody.
    pub(crate) fn begin<L: Launch>(
        &mut self,
        fault: u32,
        engine: &mut Engine<L>,
        model: &Model,
        cast: &Cast,
    ) -> Option<Schedule> {
        let index = fault as usize;
        if !matches!(self.states[index], State::Planned | State::Waiting) {
            return None;
        }
        let plan = self.faults[index].clone();
        let mut finder = Finder { engine, model, cast, rng: self.rng(fault) };
        let Some(aim) = finder.aim(&plan.fault) else {
            if self.states[index] == State::Planned {
                engine.record(None, Kind::FaultWaits { fault }, About::Nothing);
            }
            self.states[index] = State::Waiting;
            return Some(Schedule { fault, at: engine.now() + RETRY, ends: false });
        };
        self.states[index] = State::Active;
        let (hosts, groups) = befallen(&plan.fault, &aim);
        let detail = detail(&plan.fault, &aim).into();
        let kind = Kind::FaultBegan { fault, verb: verb(&plan.fault), hosts, groups, detail };
        engine.record(None, kind, About::Nothing);
        self.act(fault, &plan.fault, &aim, engine);
        if plan.fault.is_instant() {
            self.end(fault, engine);
            return None;
        }
        plan.lasts.map(|lasts| Schedule { fault, at: engine.now() + lasts, ends: true })
    }

    fn rng(&self, fault: u32) -> Rng {
        // By what the fault says, and not by its place: taking one out, or moving it, leaves the
        // others' draws alone.
        let index = fault as usize;
        let plan = &self.faults[index];
        let is_like =
            |other: &&FaultPlan| (&other.trigger, &other.fault) == (&plan.trigger, &plan.fault);
        let nth = self.faults[..index].iter().filter(is_like).count() as u64;
        let words = format!("{:?} {:?}", plan.trigger, plan.fault);
        Rng::named(self.seed, "fault", &[xxh3_64(words.as_bytes()), nth])
    }

    fn act<L: Launch>(
        &mut self,
        fault: u32,
        what: &Fault,
        aim: &[Vec<HostId>],
        engine: &mut Engine<L>,
    ) {
        match what {
            Fault::Crash { keep, .. } => {
                let keep = match keep {
                    scenario::CrashKeep::PageCache => CrashKeep::PageCache,
                    scenario::CrashKeep::Synced => CrashKeep::Synced,
                };
                for &host in &aim[0] {
                    self.down.entry(host).or_default().insert(fault);
                    if engine.state(host) != HostState::Down {
                        engine.crash(host, keep, None);
                        engine.bite(fault);
                    }
                }
            }
            Fault::Stop { kill_after, .. } => {
                aim[0].iter().for_each(|host| self.stop(fault, *host, *kill_after, engine));
            }
            Fault::RollingRestart { pause, kill_after, .. } => {
                let restart = RollingRestart::new(aim.concat(), *pause, *kill_after);
                self.restarts.insert(fault, restart);
            }
            Fault::Pause { .. } => {
                for &host in &aim[0] {
                    self.paused.entry(host).or_default().insert(fault);
                    if engine.state(host) == HostState::Running {
                        engine.pause(host);
                        engine.bite(fault);
                    }
                }
            }
            Fault::Stall { .. } => {
                for &host in &aim[0] {
                    self.stalled.entry(host).or_default().insert(fault);
                    if engine.state(host) != HostState::Down {
                        engine.task(host, Task::Stall(true));
                        engine.bite(fault);
                    }
                }
            }
            Fault::Isolate { direction, .. } => {
                let (inbound, outbound) = directions(*direction);
                for &host in &aim[0] {
                    for other in engine.host_ids().filter(|other| *other != host) {
                        inbound.then(|| engine.cut(other, host, fault));
                        outbound.then(|| engine.cut(host, other, fault));
                    }
                }
            }
            Fault::Partition { .. } => {
                for (one, other) in pairs_between(aim) {
                    engine.cut(one, other, fault);
                    engine.cut(other, one, fault);
                }
            }
            Fault::Cut { direction, .. } => {
                let (inbound, outbound) = directions(*direction);
                for (one, other) in pairs_between(aim) {
                    inbound.then(|| engine.cut(other, one, fault));
                    outbound.then(|| engine.cut(one, other, fault));
                }
            }
            Fault::Shape { .. }
            | Fault::Delay { .. }
            | Fault::Lose { .. }
            | Fault::Throttle { .. }
            | Fault::Reset { .. }
            | Fault::Slow { .. } => network_faults::act(fault, what, aim, engine),
            Fault::SlowDisk { .. }
            | Fault::HangDisk { .. }
            | Fault::FillDisk { .. }
            | Fault::FailDisk { .. }
            | Fault::ReplaceDisk { .. }
            | Fault::JumpClock { .. }
            | Fault::DriftClock { .. } => self.trouble(fault, what, &aim[0], engine),
        }
    }

    /// Ends `fault`.
    pub(crate) fn end<L: Launch>(&mut self, fault: u32, engine: &mut Engine<L>) {
        let state = &mut self.states[fault as usize];
        if *state != State::Active {
            return;
        }
        *state = State::Ended;
        engine.record(
            None,
            Kind::FaultEnded { fault, changed: engine.bites(fault) },
            About::Nothing,
        );
        engine.lift(fault);
        self.end_trouble(fault, engine);
        for host in released(&mut self.paused, fault) {
            engine.resume(host);
        }
        for host in released(&mut self.stalled, fault) {
            engine.task(host, Task::Stall(false));
        }
        self.restarts.remove(&fault);
        for host in released(&mut self.down, fault) {
            if self.retired.contains(&host) {
                continue;
            }
            if engine.state(host) == HostState::Down {
                engine.start(host);
            } else if self.stopping.contains(&host) {
                self.awaited.insert(host);
            }
        }
    }

    /// The group of `host` has one member more.
    pub(crate) fn enlist<L: Launch>(&mut self, host: HostId, engine: &mut Engine<L>) {
        self.retired.remove(&host);
        if self.down.contains_key(&host) {
            // A fault keeps it down until its end.
        } else if engine.state(host) == HostState::Down {
            engine.start(host);
        } else if self.stopping.contains(&host) {
            self.awaited.insert(host);
        }
    }

    /// The group of `host` has one member less: its process is asked to end.
    pub(crate) fn retire<L: Launch>(&mut self, host: HostId, engine: &mut Engine<L>) {
        self.retired.insert(host);
        self.awaited.remove(&host);
        if engine.shut_down(host) {
            self.stopping.insert(host);
        }
    }

    /// Asks the process of `host` to end, and keeps it down until `fault` ends.
    fn stop<L: Launch>(
        &mut self,
        fault: u32,
        host: HostId,
        kill_after: Option<Duration>,
        engine: &mut Engine<L>,
    ) {
        self.down.entry(host).or_default().insert(fault);
        if engine.shut_down(host) {
            self.stopping.insert(host);
            let starts = engine.starts(host);
            let kill = |after| Kill { at: engine.now() + after, host, starts };
            self.kills.extend(kill_after.map(kill));
            engine.bite(fault);
        }
    }

    /// Whom to kill, and when, since the last call.
    pub(crate) fn take_kills(&mut self) -> Vec<Kill> {
        std::mem::take(&mut self.kills)
    }

    /// The process of `host` has ended, whatever the reason. Says whether it is to be started
    /// again at once: it took longer to stop than it was to stay away.
    pub(crate) fn on_stopped(&mut self, host: HostId) -> bool {
        self.stopping.remove(&host);
        self.awaited.remove(&host) && !self.down.contains_key(&host)
    }

    /// Whether `fault` is a rolling restart that is under way.
    pub(crate) fn is_rolling(&self, fault: u32) -> bool {
        self.restarts.contains_key(&fault)
    }

    /// The operator of the rolling restart `fault` looks, and does what is next. Says when to look
    /// again; not at all when it is over.
    pub(crate) fn look<L: Launch>(
        &mut self,
        fault: u32,
        engine: &mut Engine<L>,
        model: &Model,
    ) -> Option<Moment> {
        let restart = self.restarts.get_mut(&fault)?;
        let is_down = |host| engine.state(host) == HostState::Down;
        match restart.look(engine.now(), model, is_down) {
            Turn::Look => {}
            Turn::Done => {
                self.end(fault, engine);
                return None;
            }
            Turn::Step(host, step) => {
                engine.record(None, Kind::RestartStepped { fault, host, step }, About::Nothing);
                match step {
                    RestartStep::Stops => {
                        let kill_after = restart.kill_after();
                        self.stop(fault, host, kill_after, engine);
                    }
                    RestartStep::Starts => {
                        for host in released(&mut self.down, fault) {
                            engine.start(host);
                        }
                    }
                    RestartStep::Waits | RestartStep::InSync => {}
                }
            }
        }
        Some(engine.now() + LOOK)
    }

    /// Ends all faults and lets none begin any more.
    pub(crate) fn end_all<L: Launch>(&mut self, engine: &mut Engine<L>) {
        for fault in 0..u32::try_from(self.faults.len()).expect("a plan has few faults") {
            self.end(fault, engine);
            self.states[fault as usize] = match self.states[fault as usize] {
                State::Active | State::Ended => State::Ended,
                State::Planned | State::Waiting => {
                    // Never began: it stays so in the exposure, and cannot begin any more.
                    State::Waiting
                }
            };
        }
        self.watches.clear();
        engine.lift_capacities();
        for host in engine.host_ids().collect::<Vec<_>>() {
            if self.retired.contains(&host) {
                continue;
            }
            if engine.state(host) == HostState::Down && engine.was_started(host) {
                engine.start(host);
            } else if self.stopping.contains(&host) {
                self.awaited.insert(host);
            }
        }
    }
}

/// Hosts that `fault` was the last to hold.
pub(crate) fn released(held: &mut BTreeMap<HostId, BTreeSet<u32>>, fault: u32) -> Vec<HostId> {
    let mut hosts = Vec::new();
    held.retain(|host, faults| {
        let was_in = faults.remove(&fault);
        if was_in && faults.is_empty() {
            hosts.push(*host);
        }
        !faults.is_empty()
    });
    hosts
}

/// The hosts that a fault names, and the sizes of the groups that they stand in. Of all links of a
/// host, the other ends need no mention.
fn befallen(fault: &Fault, aim: &[Vec<HostId>]) -> (Vec<HostId>, Vec<u32>) {
    let named = match fault {
        Fault::Delay { between: (_, None), .. }
        | Fault::Lose { between: (_, None), .. }
        | Fault::Throttle { between: (_, None), .. }
        | Fault::Reset { between: (_, None) } => &aim[..1],
        _ => aim,
    };
    let size = |group: &Vec<HostId>| u32::try_from(group.len()).unwrap_or(u32::MAX);
    (named.iter().flatten().copied().collect(), named.iter().map(size).collect())
}

/// What a fault says beside, with what was drawn.
fn detail(fault: &Fault, aim: &[Vec<HostId>]) -> String {
    match fault {
        Fault::Shape { shape: Shape::Ring, .. } => {
            let hosts = aim[0].len();
            format!("{} of {hosts}", shape::heard_in_ring(hosts))
        }
        other => other.detail(),
    }
}

fn verb(fault: &Fault) -> FaultVerb {
    match fault {
        Fault::Shape { shape: Shape::Halves | Shape::One, .. } => FaultVerb::Partition,
        Fault::Shape { shape: Shape::Bridge, .. } => FaultVerb::Bridge,
        Fault::Shape { shape: Shape::Ring, .. } => FaultVerb::Ring,
        Fault::Shape { shape: Shape::OneWay, .. } => FaultVerb::OneWay,
        Fault::Lose { .. } => FaultVerb::Lose,
        Fault::Throttle { .. } => FaultVerb::Throttle,
        Fault::Reset { .. } => FaultVerb::Reset,
        Fault::Slow { .. } => FaultVerb::Slow,
        Fault::Crash { .. } => FaultVerb::Crash,
        Fault::Pause { .. } => FaultVerb::Pause,
        Fault::Stall { .. } => FaultVerb::Stall,
        Fault::Isolate { .. } => FaultVerb::Isolate,
        Fault::Partition { .. } => FaultVerb::Partition,
        Fault::Cut { .. } => FaultVerb::Cut,
        Fault::Delay { .. } => FaultVerb::Delay,
        Fault::SlowDisk { .. } => FaultVerb::SlowDisk,
        Fault::HangDisk { .. } => FaultVerb::HangDisk,
        Fault::FillDisk { .. } => FaultVerb::FillDisk,
        Fault::FailDisk { .. } => FaultVerb::FailDisk,
        Fault::ReplaceDisk { .. } => FaultVerb::ReplaceDisk,
        Fault::JumpClock { .. } => FaultVerb::JumpClock,
        Fault::DriftClock { .. } => FaultVerb::DriftClock,
        Fault::Stop { .. } => FaultVerb::Stop,
        Fault::RollingRestart { .. } => FaultVerb::RollingRestart,
    }
}

/// Finds the hosts that targets name at this moment.
struct Finder<'a, L: Launch> {
    engine: &'a Engine<L>,
    model: &'a Model,
    cast: &'a Cast,
    rng: Rng,
}

impl<L: Launch> Finder<'_, L> {
    /// The hosts that a fault befalls, group by group; `None` when a target is nobody.
    fn aim(&mut self, fault: &Fault) -> Option<Vec<Vec<HostId>>> {
        match fault {
            Fault::Crash { host, .. }
            | Fault::Pause { host }
            | Fault::Stall { host }
            | Fault::Stop { host, .. }
            | Fault::Isolate { host, .. }
            | Fault::Slow { host, .. }
            | Fault::SlowDisk { host, .. }
            | Fault::HangDisk { host }
            | Fault::FillDisk { host }
            | Fault::FailDisk { host, .. }
            | Fault::ReplaceDisk { host }
            | Fault::JumpClock { host, .. }
            | Fault::DriftClock { host, .. } => Some(vec![self.hosts(host)?]),
            Fault::Shape { shape, of } => {
                let mut hosts = Vec::new();
                for target in of {
                    hosts.extend(self.hosts(target)?);
                }
                hosts.sort_unstable();
                hosts.dedup();
                // Two roles may be one host, which leaves too few: the fault waits.
                let are_enough = hosts.len() >= shape.hosts_min();
                are_enough.then(|| shape::draw(*shape, &hosts, &mut self.rng))
            }
            Fault::RollingRestart { hosts, .. } => {
                let mut in_turn = Vec::new();
                for target in hosts {
                    in_turn.extend(self.hosts(target)?);
                }
                let mut taken = BTreeSet::new();
                in_turn.retain(|host| taken.insert(*host));
                Some(vec![in_turn])
            }
            Fault::Partition { groups } => {
                let mut taken = BTreeSet::new();
                let mut found = Vec::new();
                for group in groups {
                    let mut hosts = Vec::new();
                    for target in group {
                        hosts.extend(self.hosts(target)?);
                    }
                    // A host that two groups name belongs to the first: «leader of t-0» against
                    // «every broker».
                    hosts.retain(|host| taken.insert(*host));
                    found.push(hosts);
                }
                Some(found)
            }
            Fault::Cut { between: (one, other), .. } => {
                let (one, other) = (self.hosts(one)?, self.hosts(other)?);
                (one != other).then_some(vec![one, other])
            }
            Fault::Delay { between: (one, other), .. }
            | Fault::Lose { between: (one, other), .. }
            | Fault::Throttle { between: (one, other), .. }
            | Fault::Reset { between: (one, other) } => {
                let one = self.hosts(one)?;
                let other = match other {
                    Some(other) => self.hosts(other)?,
                    None => self.engine.host_ids().filter(|host| !one.contains(host)).collect(),
                };
                Some(vec![one, other])
            }
        }
    }

    fn hosts(&mut self, target: &Target) -> Option<Vec<HostId>> {
        let model = self.model;
        let partition = |name: &scenario::PartitionName| -> Option<TopicPartition> {
            model.partition_named(name.topic.as_str(), name.partition)
        };
        let node = match target {
            Target::Broker(id) | Target::Controller(id) => Some(*id),
            Target::Client(name) => {
                return Some(vec![self.cast.client(name)?]);
            }
            Target::LeaderOf(name) => model.leader_of(partition(name)?),
            Target::StaleLeaderOf(name) => model.stale_leader_of(partition(name)?),
            Target::FollowerOf(name) => {
                self.rng.choose(&model.followers(partition(name)?)).copied()
            }
            Target::InSyncFollowerOf(name) => {
                let partition = partition(name)?;
                let in_sync = model.in_sync(partition);
                let mut followers = model.followers(partition);
                followers.retain(|broker| in_sync.contains(*broker));
                self.rng.choose(&followers).copied()
            }
            Target::ReplicaOf(place, name) => model.replica_at(partition(name)?, *place),
            Target::CoordinatorOf(group) => model.coordinator_of(group.as_str()),
            Target::GroupLeader(group) => {
                return Some(vec![model.leader_of_group(group.as_str())?]);
            }
            Target::OwnerOf(name, group) => {
                return Some(vec![model.owner_in_group(group.as_str(), partition(name)?)?]);
            }
            Target::NewestMember(group) => {
                return Some(vec![model.newest_member(group.as_str())?]);
            }
            Target::ActiveController => model.active_controller(),
            Target::RandomBroker => self.rng.choose(&self.cast.brokers).copied(),
            Target::EveryBroker => return self.nodes(&self.cast.brokers),
            Target::EveryController => return self.nodes(&self.cast.controllers),
            Target::EveryClient => return Some(self.cast.clients.clone()),
        };
        self.nodes(&[node?])
    }

    fn nodes(&self, nodes: &[crate::types::BrokerId]) -> Option<Vec<HostId>> {
        nodes.iter().map(|node| self.model.host_of(*node)).collect()
    }
}

/// Whether `event` is what `milestone` counts.
pub(crate) fn matches(milestone: &Milestone, event: &Event, model: &Model) -> bool {
    if event.kind.name() != milestone.event.as_str() {
        return false;
    }
    let values = event.kind.values();
    let partition_fits = milestone.partition.as_ref().is_none_or(|name| {
        let wanted = model.partition_named(name.topic.as_str(), name.partition);
        values.iter().any(|(_, value)| match value {
            Value::Partition(partition) => Some(*partition) == wanted,
            _ => false,
        })
    });
    let host_fits = milestone.host.as_ref().is_none_or(|target| match target {
        Target::Broker(id) | Target::Controller(id) => {
            event.host.is_some() && event.host == model.host_of(*id)
        }
        Target::Client(name) => model.setup().host_name(event.host) == name.as_str(),
        Target::ReplicaOf(place, name) => {
            let partition = model.partition_named(name.topic.as_str(), name.partition);
            let node = partition.and_then(|partition| model.replica_at(partition, *place));
            event.host.is_some() && event.host == node.and_then(|node| model.host_of(node))
        }
        _ => true,
    });
    let text = |value: &Value| match value {
        Value::None => "none".to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Hex(bits) => format!("{bits:016x}"),
        Value::Text(text) => text.to_string(),
        Value::Word(word) => (*word).to_owned(),
        Value::Partition(partition) => model.partition_name(*partition),
        Value::Topic(topic) => {
            model.topic_name(*topic).map(ToString::to_string).unwrap_or_default()
        }
        Value::Host(host) => model.setup().host_name(Some(*host)).to_owned(),
        Value::List(_) => format!("{value:?}"),
    };
    let fields_fit = milestone.fields.iter().all(|(name, wanted)| {
        values
            .iter()
            .any(|(field, value)| *field == name.as_str() && text(value) == wanted.as_str())
    });
    partition_fits && host_fits && fields_fit
}
