//! Draws random faults from the seed, within a budget, all of them over before the act ends.
//!
//! The budget is a number of *lanes*: at any moment a lane has at most one fault, on one host of
//! its own, so that no more hosts are down than there are lanes. Time within a lane is cut into
//! windows of equal length; the fault of a window is drawn from a stream named by (lane, window)
//! alone. To take one away moves no other.
//!
//! A broker that lost its page cache needs calm to fetch again what it lost. Until then
//! (`calm_after`) no fault begins on any broker: another power loss would be one too many, and a
//! fault on the broker itself would stretch the time that the other one has to stay away.

use std::time::Duration;

use crate::scenario::generate_members;
use crate::scenario::hardware::DiskOperations;
use crate::scenario::plan::{
    CrashKeep, Direction, Fault, FaultPlan, Latency, Plan, Profile, RandomFaults, Shape, Slower,
    Trigger,
};
use crate::scenario::target::Target;
use crate::types::{Name, Rng};

/// Nothing happens in the first second, so that every run begins alike.
const QUIET_MICROS: u64 = 1_000_000;
/// The shortest fault.
const SHORTEST_MICROS: u64 = 20_000;
/// Lengths of a window, in seconds. A fault lasts at most three quarters of its window.
const WINDOW_SECONDS: [u64; 4] = [3, 6, 12, 24];
/// The number of the lane of shapes, apart from those of brokers and of controllers.
const SHAPE_LANE: u64 = 2 << 32;
/// The number of the lane of rolling restarts.
const RESTART_LANE: u64 = 3 << 32;
/// How long the windows of rolling restarts are, in seconds: three brokers need ten or so.
const RESTART_WINDOW_SECONDS: u64 = 24;

/// What a random fault may be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Crash,
    PowerLoss,
    Pause,
    Isolate,
    Partition,
    Cut,
    Delay,
    More,
    Lose,
    Throttle,
    Reset,
    Slow,
    Shape,
    SlowDisk,
    HangDisk,
    FillDisk,
    FailDisk,
    JumpClock,
    DriftClock,
    Stop,
    ReplaceDisk,
    RollingRestart,
}

const KINDS: [Kind; 22] = [
    Kind::Crash,
    Kind::PowerLoss,
    Kind::Pause,
    Kind::Isolate,
    Kind::Partition,
    Kind::Cut,
    Kind::Delay,
    Kind::More,
    Kind::Lose,
    Kind::Throttle,
    Kind::Reset,
    Kind::Slow,
    Kind::Shape,
    Kind::SlowDisk,
    Kind::HangDisk,
    Kind::FillDisk,
    Kind::FailDisk,
    Kind::JumpClock,
    Kind::DriftClock,
    Kind::Stop,
    Kind::ReplaceDisk,
    Kind::RollingRestart,
];

/// What all lanes of a run have in common.
struct Weather<'a> {
    seed: u64,
    plan: &'a Plan,
    /// The kinds that this seed draws from.
    kinds: Vec<Kind>,
    /// A window has a fault so many times in four.
    often: u64,
    act_micros: u64,
}

/// A lane and the hosts that are its own.
struct FaultLane {
    /// Tells the streams of lanes apart.
    number: u64,
    hosts: Vec<Target>,
    /// Whether its brokers may lose power.
    loses_power: bool,
}

/// A drawn fault with its times in microseconds.
struct Drawn {
    begin: u64,
    end: u64,
    on_broker: bool,
    loses_power: bool,
    fault: Fault,
}

/// The random faults of `plan` for `seed`, by the time they begin; none when it asks for none.
///
/// Every one has a time and an end before the plan's duration, but for clocks, which stay where
/// they jumped to; and the line 0.
pub fn generate(plan: &Plan, seed: u64) -> Vec<FaultPlan> {
    numbered(plan, seed).into_iter().map(|(_, fault)| fault).collect()
}

/// The same, each with its place among all that the seed draws, from 1: those that the plan leaves
/// out have one, too.
pub fn numbered(plan: &Plan, seed: u64) -> Vec<(u32, FaultPlan)> {
    let Some(random) = &plan.random else { return Vec::new() };
    let drawn = (1..).zip(draw_all(plan, random, seed));
    drawn.filter(|(place, _)| !random.without.contains(place)).collect()
}

/// A place that the plan leaves out and for which `seed` draws no fault, and how many it draws.
pub fn never_drawn(plan: &Plan, seed: u64) -> Option<(u32, usize)> {
    let random = plan.random.as_ref()?;
    let last = *random.without.last()?;
    let drawn = draw_all(plan, random, seed).len();
    (last as usize > drawn).then_some((last, drawn))
}

fn draw_all(plan: &Plan, random: &RandomFaults, seed: u64) -> Vec<FaultPlan> {
    let weather = Weather::new(plan, random.profile, seed);
    let mut drawn: Vec<Drawn> = Vec::new();
    for lane in lanes(plan, random, seed) {
        weather.draw_lane(&lane, &mut drawn);
    }
    if weather.kinds.contains(&Kind::Shape) {
        take_all(&mut drawn, weather.shapes(random));
    }
    if weather.kinds.contains(&Kind::RollingRestart) {
        take_all(&mut drawn, weather.rolling_restarts(random));
    }
    drawn.sort_by_key(|fault| fault.begin);
    keep_calm(&mut drawn, calm_after(plan), random.budget.power_losses);
    let act = (QUIET_MICROS, weather.act_micros);
    let of_members = generate_members::draw(plan, random, seed, act);
    drawn.extend(of_members.into_iter().map(|(begin, end, fault)| Drawn {
        begin,
        end,
        on_broker: false,
        loses_power: false,
        fault,
    }));
    drawn.sort_by_key(|fault| fault.begin);
    drawn
        .into_iter()
        .map(|fault| FaultPlan {
            trigger: Trigger::At(Duration::from_micros(fault.begin)),
            // A clock stays where it jumped to: to jump back as far would stop timers for as long.
            lasts: (!fault.fault.is_instant() && !matches!(fault.fault, Fault::JumpClock { .. }))
                .then(|| Duration::from_micros(fault.end - fault.begin)),
            fault: fault.fault,
            line: 0,
        })
        .collect()
}

/// Adds `whole`, each of which takes the whole budget: what would overlap with it does not happen.
fn take_all(drawn: &mut Vec<Drawn>, mut whole: Vec<Drawn>) {
    drawn.retain(|fault| whole.iter().all(|one| fault.end < one.begin || one.end < fault.begin));
    drawn.append(&mut whole);
}

/// How long after a power loss a broker has surely caught up: the old session must run out before
/// it may register again, then it fetches.
fn calm_after(plan: &Plan) -> u64 {
    let sessions = plan.cluster.controllers.iter();
    let sessions = sessions.map(|node| node.config.duration("broker.session.timeout.ms"));
    let session = sessions.max().unwrap_or_default();
    micros(session + Duration::from_secs(10))
}

/// Removes what would begin while a broker is still catching up after a power loss.
fn keep_calm(drawn: &mut Vec<Drawn>, calm: u64, power_losses: u32) {
    let mut losses: Vec<(u64, u64)> = Vec::new();
    drawn.retain(|fault| {
        if !fault.on_broker {
            return true;
        }
        let pending = losses.iter().filter(|(_, until)| fault.begin < *until);
        // Faults that begin before the power is back meet a broker that is down anyway.
        let catching_up = pending.clone().any(|(end, _)| fault.begin >= *end);
        let lossy = pending.count();
        let too_many = fault.loses_power && lossy >= power_losses as usize;
        if catching_up || too_many {
            return false;
        }
        if fault.loses_power {
            losses.push((fault.end, fault.end + calm));
        }
        true
    });
}

/// The lanes: the brokers in an order drawn from the seed are dealt out to `hosts_down` lanes, the
/// controllers to `controllers_down`.
fn lanes(plan: &Plan, random: &RandomFaults, seed: u64) -> Vec<FaultLane> {
    let brokers = plan.cluster.brokers.iter().map(|broker| Target::Broker(broker.id)).collect();
    let controllers = plan.cluster.controllers.iter();
    let controllers = controllers.map(|node| Target::Controller(node.id)).collect();
    let mut lanes = Vec::new();
    for (kind, hosts, count) in [
        (0, shuffled(brokers, seed, 0), random.budget.hosts_down),
        (1, shuffled(controllers, seed, 1), random.budget.controllers_down),
    ] {
        for lane in 0..count as usize {
            let own = hosts.iter().skip(lane).step_by(count as usize).cloned();
            lanes.push(FaultLane {
                number: kind << 32 | lane as u64,
                hosts: own.collect(),
                loses_power: random.budget.power_losses > 0,
            });
        }
    }
    lanes
}

/// When the fault of the window that begins at `begin` begins, and how long it lasts.
pub(crate) fn span(begin: u64, window: u64, rng: &mut Rng) -> (u64, u64) {
    // Short ones are as likely as long ones: most races need only milliseconds.
    let longest = ((window / 4 * 3) >> rng.below(7)).max(SHORTEST_MICROS);
    let lasts = rng.between((longest / 2).max(SHORTEST_MICROS), longest);
    (begin + rng.below(window - lasts), lasts)
}

fn shuffled(hosts: Vec<Target>, seed: u64, kind: u64) -> Vec<Target> {
    shuffle(hosts, &mut Rng::named(seed, "random-fault-hosts", &[kind]))
}

pub(crate) fn shuffle(mut hosts: Vec<Target>, rng: &mut Rng) -> Vec<Target> {
    for at in (1..hosts.len()).rev() {
        hosts.swap(at, index(rng.below(at as u64 + 1)));
    }
    hosts
}

impl<'a> Weather<'a> {
    fn new(plan: &'a Plan, profile: Profile, seed: u64) -> Self {
        let mut rng = Rng::named(seed, "random-fault-weather", &[]);
        let drawn: Vec<_> = KINDS.into_iter().filter(|_| rng.chance(1, 2)).collect();
        let often = rng.between(1, 4);
        let (kinds, often) = match profile {
            Profile::Swarm if !drawn.is_empty() => (drawn, often),
            Profile::Swarm => (KINDS.to_vec(), often),
            Profile::Steady => (KINDS.to_vec(), 2),
        };
        Self { seed, plan, kinds, often, act_micros: micros(plan.duration) }
    }

    fn draw_lane(&self, lane: &FaultLane, drawn: &mut Vec<Drawn>) {
        if lane.hosts.is_empty() {
            return;
        }
        let mut rng = Rng::named(self.seed, "random-fault-lane", &[lane.number]);
        let seconds = rng.choose(&WINDOW_SECONDS).copied().unwrap_or(WINDOW_SECONDS[0]);
        let room = self.act_micros.saturating_sub(QUIET_MICROS);
        let window = (seconds * 1_000_000).min(room);
        if window < 4 * SHORTEST_MICROS {
            return;
        }
        for number in 0..room / window {
            let mut rng = Rng::named(self.seed, "random-fault", &[lane.number, number]);
            let begin = QUIET_MICROS + number * window;
            drawn.extend(self.draw(lane, begin, window, &mut rng));
        }
    }

    /// The fault of the window that begins at `begin`, if it has one.
    fn draw(&self, lane: &FaultLane, begin: u64, window: u64, rng: &mut Rng) -> Option<Drawn> {
        if !rng.chance(self.often, 4) {
            return None;
        }
        let (begin, lasts) = span(begin, window, rng);
        let host = rng.choose(&lane.hosts)?.clone();
        let on_broker = matches!(host, Target::Broker(_));
        let kind = match *rng.choose(&self.kinds)? {
            // These have lanes of their own.
            Kind::Shape | Kind::RollingRestart => return None,
            Kind::PowerLoss | Kind::ReplaceDisk if !lane.loses_power => Kind::Crash,
            // A voter without its disk does not know how it voted.
            Kind::ReplaceDisk if !on_broker => Kind::PowerLoss,
            kind => kind,
        };
        let loses_power = matches!(kind, Kind::PowerLoss | Kind::ReplaceDisk);
        let fault = self.fault(kind, host, rng);
        Some(Drawn { begin, end: begin + lasts, on_broker, loses_power, fault })
    }

    fn fault(&self, kind: Kind, host: Target, rng: &mut Rng) -> Fault {
        match kind {
            Kind::Crash => Fault::Crash { host, keep: CrashKeep::PageCache },
            Kind::PowerLoss => Fault::Crash { host, keep: CrashKeep::Synced },
            Kind::Pause => Fault::Pause { host },
            Kind::Stop => Fault::Stop { host, kill_after: None },
            Kind::ReplaceDisk => Fault::ReplaceDisk { host },
            Kind::Isolate => Fault::Isolate { host, direction: direction(rng) },
            Kind::Partition => self.partition(host, rng),
            Kind::Cut => {
                let direction = direction(rng);
                Fault::Cut { between: (host.clone(), self.peer(&host, rng)), direction }
            }
            Kind::More
            | Kind::Lose
            | Kind::Throttle
            | Kind::Reset
            | Kind::Slow
            | Kind::Shape
            | Kind::RollingRestart => self.network_fault(kind, host, rng),
            Kind::Delay => {
                let p50 = rng.between(1_000, 400_000);
                let micros = Duration::from_micros;
                let latency =
                    Latency { p50: micros(p50), p99: micros(p50 * 2), max: micros(p50 * 4) };
                let peer = rng.chance(1, 2).then(|| self.peer(&host, rng));
                let slower = Slower::Latency(latency);
                Fault::Delay { between: (host, peer), slower, direction: Direction::Both }
            }
            Kind::SlowDisk
            | Kind::HangDisk
            | Kind::FillDisk
            | Kind::FailDisk
            | Kind::JumpClock
            | Kind::DriftClock => trouble(kind, host, rng),
        }
    }

    /// A fault that leaves hosts up and connected, more or less.
    fn network_fault(&self, kind: Kind, host: Target, rng: &mut Rng) -> Fault {
        let peer = rng.chance(1, 2).then(|| self.peer(&host, rng));
        let direction = direction(rng);
        match kind {
            Kind::More => {
                let by = Duration::from_micros(rng.between(1_000, 1_000_000));
                let slower =
                    Slower::By { by, jitter: by / 4 * u32::try_from(rng.below(5)).unwrap_or(0) };
                Fault::Delay { between: (host, peer), slower, direction }
            }
            Kind::Lose => {
                // From one in a thousand to every other, small shares as likely as large ones.
                let loss = (rng.below(500_000) >> rng.below(9)).max(1000);
                let loss = u32::try_from(loss).unwrap_or(1000);
                Fault::Lose { between: (host, peer), loss, direction }
            }
            Kind::Throttle => {
                let bandwidth = 2_000 << rng.below(10);
                Fault::Throttle { between: (host, peer), bandwidth, direction }
            }
            Kind::Reset => Fault::Reset { between: (host, peer) },
            _ => Fault::Slow { host, factor: 10 << u32::try_from(rng.below(9)).unwrap_or(0) },
        }
    }

    /// Networks that fall apart in more than one host against all others. These have a lane of
    /// their own.
    fn shapes(&self, random: &RandomFaults) -> Vec<Drawn> {
        let mut rng = Rng::named(self.seed, "random-fault-lane", &[SHAPE_LANE]);
        let seconds = rng.choose(&WINDOW_SECONDS).copied().unwrap_or(WINDOW_SECONDS[0]);
        self.whole((SHAPE_LANE, seconds), |begin, window, rng| {
            let (begin, lasts) = span(begin, window, rng);
            let fault = self.shape(random, rng)?;
            let end = begin + lasts;
            Some(Drawn { begin, end, on_broker: true, loses_power: false, fault })
        })
    }

    /// Operators who restart all brokers, or all controllers, one after the other; now and then one
    /// is not through when it is called off.
    fn rolling_restarts(&self, random: &RandomFaults) -> Vec<Drawn> {
        self.whole((RESTART_LANE, RESTART_WINDOW_SECONDS), |begin, window, rng| {
            let cluster = &self.plan.cluster;
            let brokers = cluster.brokers.iter().map(|broker| Target::Broker(broker.id));
            let controllers = cluster.controllers.iter().map(|node| Target::Controller(node.id));
            let (hosts, down): (Vec<_>, _) = match rng.chance(3, 4) {
                true => (brokers.collect(), random.budget.hosts_down),
                false => (controllers.collect(), random.budget.controllers_down),
            };
            let lasts = rng.between(window / 4, window / 4 * 3);
            let begin = begin + rng.below(window - lasts);
            let pause = Duration::from_micros(rng.below(2_000_000));
            let kill_after = rng.chance(1, 4).then(|| Duration::from_micros(rng.below(5_000_000)));
            let hosts = shuffle(hosts, rng);
            let end = begin + lasts;
            let fault = Fault::RollingRestart { hosts, pause, kill_after };
            (down > 0).then_some(Drawn { begin, end, on_broker: true, loses_power: false, fault })
        })
    }

    /// Draws in each window of a lane of faults that take the whole budget.
    fn whole(
        &self,
        (lane, seconds): (u64, u64),
        draw: impl Fn(u64, u64, &mut Rng) -> Option<Drawn>,
    ) -> Vec<Drawn> {
        let room = self.act_micros.saturating_sub(QUIET_MICROS);
        let window = (seconds * 1_000_000).min(room);
        if window < 4 * SHORTEST_MICROS {
            return Vec::new();
        }
        let draw = |number: u64| {
            let mut rng = Rng::named(self.seed, "random-fault", &[lane, number]);
            let is_drawn = rng.chance(1, 3);
            is_drawn.then(|| draw(QUIET_MICROS + number * window, window, &mut rng)).flatten()
        };
        (0..room / window).filter_map(draw).collect()
    }

    /// A partition with a smaller side that the budget allows to be down, and perhaps a server that
    /// hears both sides; or a ring, in which nobody is down: each hears a majority.
    fn shape(&self, random: &RandomFaults, rng: &mut Rng) -> Option<Fault> {
        let cluster = &self.plan.cluster;
        let brokers = cluster.brokers.iter().map(|broker| Target::Broker(broker.id));
        let brokers = shuffle(brokers.collect(), rng);
        let controllers = cluster.controllers.iter().map(|node| Target::Controller(node.id));
        let controllers = shuffle(controllers.collect(), rng);
        if rng.chance(1, 3) {
            let (of, budget) = match rng.chance(1, 2) {
                true => (brokers, random.budget.hosts_down),
                false => (controllers, random.budget.controllers_down),
            };
            let shape = Shape::Ring;
            let is_in = of.len() >= shape.hosts_min() && budget > 0;
            return is_in.then_some(Fault::Shape { shape, of });
        }
        let few = |most: u32, rng: &mut Rng| index(rng.below(u64::from(most) + 1));
        let (down, voters_down) = (
            few(random.budget.hosts_down, rng).min(brokers.len()),
            few(random.budget.controllers_down, rng).min(controllers.len()),
        );
        if down + voters_down == 0 {
            return None;
        }
        let mut small: Vec<_> = brokers[..down].to_vec();
        small.extend_from_slice(&controllers[..voters_down]);
        let mut large: Vec<_> = brokers[down..].to_vec();
        large.extend_from_slice(&controllers[voters_down..]);
        if rng.chance(1, 2) && large.len() > 1 {
            // The bridge: in no group, it hears everybody.
            large.swap_remove(index(rng.below(large.len() as u64)));
        }
        for client in self.plan.client_hosts() {
            match rng.below(3) {
                0 => small.push(Target::Client(client)),
                1 => large.push(Target::Client(client)),
                _ => {}
            }
        }
        (!large.is_empty()).then(|| Fault::Partition { groups: vec![small, large] })
    }

    /// `host` against all other servers; each client goes with it, stays with them, or hears both.
    fn partition(&self, host: Target, rng: &mut Rng) -> Fault {
        let mut with_host = vec![host.clone()];
        let mut others = self.servers();
        others.retain(|other| *other != host);
        for client in self.plan.client_hosts() {
            match rng.below(3) {
                0 => with_host.push(Target::Client(client)),
                1 => others.push(Target::Client(client)),
                _ => {}
            }
        }
        Fault::Partition { groups: vec![with_host, others] }
    }

    /// Another server, or now and then a client.
    fn peer(&self, host: &Target, rng: &mut Rng) -> Target {
        let clients: Vec<Name> = self.plan.client_hosts();
        if rng.chance(1, 4)
            && let Some(client) = rng.choose(&clients)
        {
            return Target::Client(client.clone());
        }
        let mut servers = self.servers();
        servers.retain(|server| server != host);
        rng.choose(&servers).cloned().unwrap_or(Target::ActiveController)
    }

    fn servers(&self) -> Vec<Target> {
        let cluster = &self.plan.cluster;
        let brokers = cluster.brokers.iter().map(|broker| Target::Broker(broker.id));
        let controllers = cluster.controllers.iter().map(|node| Target::Controller(node.id));
        brokers.chain(controllers).collect()
    }
}

/// A fault of a disk or a clock. Clocks that jump back stop their host's timers for as long, so
/// they jump by seconds only: the settling cluster waits for them.
fn trouble(kind: Kind, host: Target, rng: &mut Rng) -> Fault {
    match kind {
        Kind::SlowDisk => {
            let factor = 2 << rng.below(9);
            Fault::SlowDisk { host, factor: u32::try_from(factor).expect("at most 512") }
        }
        Kind::HangDisk => Fault::HangDisk { host },
        Kind::FillDisk => Fault::FillDisk { host },
        Kind::FailDisk => {
            let operations =
                rng.choose(&DiskOperations::EVERY).copied().unwrap_or(DiskOperations::All);
            Fault::FailDisk { host, operations }
        }
        Kind::JumpClock => {
            let (back, ahead) = (rng.between(1_000, 5_000_000), rng.between(1_000, 60_000_000));
            let by = |micros: u64| i64::try_from(micros).expect("a minute at most");
            let by_micros = if rng.chance(1, 3) { -by(back) } else { by(ahead) };
            Fault::JumpClock { host, by_micros }
        }
        _ => {
            let ppm = i64::try_from(rng.between(1, 100_000)).expect("a tenth at most");
            Fault::DriftClock { host, by_ppm: if rng.chance(1, 2) { ppm } else { -ppm } }
        }
    }
}

pub(crate) fn direction(rng: &mut Rng) -> Direction {
    let all = [Direction::Both, Direction::Both, Direction::Inbound, Direction::Outbound];
    rng.choose(&all).copied().unwrap_or_default()
}

pub(crate) fn index(number: u64) -> usize {
    usize::try_from(number).expect("an index into a list of hosts")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::decode::{Vocabulary, decode};
    use std::collections::BTreeSet;

    fn plan(brokers: u32, budget: &str) -> Plan {
        let text = format!(
            "version = 1\ntitle = \"t\"\nduration = \"60s\"\n\
             [cluster]\nbrokers = {brokers}\ncontrollers = 3\n\
             config = {{ broker.session.timeout.ms = 3000 }}\n\
             [[topic]]\nname = \"t\"\nconfig = {{ min.insync.replicas = 2 }}\n\
             [[producer]]\nname = \"p\"\ncount = 2\ntopic = \"t\"\n\
             [faults.random]\nbudget = {budget}\n"
        );
        decode("test.toml", &text, &Vocabulary::default()).unwrap()
    }

    fn span(fault: &FaultPlan) -> (Duration, Duration) {
        let Trigger::At(begin) = &fault.trigger else { panic!("{fault:?}") };
        (*begin, *begin + fault.lasts.unwrap_or(Duration::from_micros(1)))
    }

    /// The server that a fault takes down, or cuts off.
    fn victim(fault: &Fault) -> &Target {
        match fault {
            Fault::Crash { host, .. }
            | Fault::Pause { host }
            | Fault::Stall { host }
            | Fault::Stop { host, .. }
            | Fault::Isolate { host, .. } => host,
            Fault::RollingRestart { hosts, .. } => &hosts[0],
            Fault::Partition { groups } => &groups[0][0],
            Fault::Cut { between, .. } => &between.0,
            Fault::Delay { between, .. }
            | Fault::Lose { between, .. }
            | Fault::Throttle { between, .. }
            | Fault::Reset { between } => &between.0,
            Fault::Slow { host, .. }
            | Fault::SlowDisk { host, .. }
            | Fault::HangDisk { host }
            | Fault::FillDisk { host }
            | Fault::FailDisk { host, .. }
            | Fault::ReplaceDisk { host }
            | Fault::JumpClock { host, .. }
            | Fault::DriftClock { host, .. } => host,
            Fault::Shape { of, .. } => &of[0],
        }
    }

    /// The servers that a fault takes down, or cuts off from most others: those of the smaller side
    /// of a partition, nobody in a ring.
    fn down(fault: &Fault) -> Vec<&Target> {
        let is_server = |t: &&Target| matches!(t, Target::Broker(_) | Target::Controller(_));
        match fault {
            Fault::Partition { groups } => groups[0].iter().filter(is_server).collect(),
            Fault::Shape { .. } => Vec::new(),
            other => vec![victim(other)],
        }
    }

    #[test]
    fn faults_end_in_time_and_stay_within_the_budget() {
        let plan = plan(5, "{ hosts_down = 2, controllers_down = 1, power_losses = 1 }");
        let mut kinds = BTreeSet::new();
        let mut count = 0;
        for seed in 0..500 {
            let faults = generate(&plan, seed);
            assert_eq!(faults, generate(&plan, seed));
            count += faults.len();
            for fault in &faults {
                kinds.insert(fault.fault.name());
                let (begin, end) = span(fault);
                assert!(begin >= Duration::from_secs(1) && end <= plan.duration, "{fault:?}");
                let at_once = faults.iter().filter(|other| {
                    let (other_begin, other_end) = span(other);
                    other_begin <= begin && begin < other_end
                });
                let victims: Vec<_> = at_once.flat_map(|fault| down(&fault.fault)).collect();
                let brokers = victims.iter().filter(|t| matches!(t, Target::Broker(_))).count();
                assert!(brokers <= 2 && victims.len() - brokers <= 1, "{seed}: {victims:?}");
                assert_eq!(victims.iter().collect::<BTreeSet<_>>().len(), victims.len());
            }
        }
        assert_eq!(kinds.len(), 19, "{kinds:?}");
        assert!(count > 500, "{count}");
    }

    #[test]
    fn shapes_stand_alone_and_come_in_all_forms() {
        let plan = plan(5, "{ hosts_down = 2, controllers_down = 1, power_losses = 1 }");
        let (mut rings, mut wide, mut bridges) = (0, 0, 0);
        for seed in 0..500 {
            let faults = generate(&plan, seed);
            for fault in &faults {
                let (begin, end) = span(fault);
                match &fault.fault {
                    Fault::Shape { shape: Shape::Ring, .. } => rings += 1,
                    Fault::Partition { groups } if down(&fault.fault).len() > 1 => {
                        wide += 1;
                        let servers = groups.iter().flatten();
                        let servers = servers.filter(|t| !matches!(t, Target::Client(_)));
                        bridges += usize::from(servers.count() == 7);
                    }
                    _ => continue,
                }
                let others = faults.iter().filter(|other| *other != fault);
                let alone = others.map(span).all(|(a, b)| b < begin || end < a);
                assert!(alone, "{seed}: {faults:?}");
            }
        }
        assert!(rings > 20 && wide > 100 && bridges > 30, "{rings}, {wide}, {bridges}");
    }

    #[test]
    fn brokers_that_lost_power_are_left_alone_until_they_have_caught_up() {
        let plan = plan(5, "{ hosts_down = 2, power_losses = 1 }");
        let mut seen = 0;
        for seed in 0..500 {
            let faults = generate(&plan, seed);
            for fault in &faults {
                let Fault::Crash { keep: CrashKeep::Synced, host: Target::Broker(_) } = fault.fault
                else {
                    continue;
                };
                seen += 1;
                let (begin, end) = span(fault);
                let calm = end..end + Duration::from_secs(13);
                for other in faults.iter().filter(|other| *other != fault) {
                    let on_broker = matches!(victim(&other.fault), Target::Broker(_));
                    let other_begin = span(other).0;
                    assert!(!on_broker || !calm.contains(&other_begin), "{seed}: {faults:?}");
                    let lossy = matches!(
                        other.fault,
                        Fault::Crash { keep: CrashKeep::Synced, host: Target::Broker(_) }
                    );
                    assert!(!lossy || !(begin..calm.end).contains(&other_begin), "{seed}");
                }
            }
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn a_budget_of_nothing_draws_nothing() {
        let none = "{ hosts_down = 0, controllers_down = 0 }";
        assert!((0..20).all(|seed| generate(&plan(3, none), seed).is_empty()));
    }

    #[test]
    fn what_is_left_out_leaves_the_others_as_they_were() {
        let whole = plan(5, "{ hosts_down = 2, controllers_down = 1, power_losses = 1 }");
        let mut seen = 0;
        for seed in 0..50 {
            let all = generate(&whole, seed);
            for place in 1..=u32::try_from(all.len()).unwrap() {
                let mut less = whole.clone();
                less.random.as_mut().unwrap().without = BTreeSet::from([place]);
                let mut expected: Vec<_> = (1..).zip(all.clone()).collect();
                expected.remove(place as usize - 1);
                assert_eq!(numbered(&less, seed), expected, "{seed} without {place}");
                assert_eq!(never_drawn(&less, seed), None);
                seen += 1;
            }
            let mut less = whole.clone();
            less.random.as_mut().unwrap().without = BTreeSet::from([1, 1000]);
            assert_eq!(never_drawn(&less, seed), Some((1000, all.len())));
        }
        assert!(seen > 100, "{seen}");
    }
}
