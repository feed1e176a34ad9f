//! Controller processes through their port, in the simulated world: they elect one, commit what a
//! broker asks for, go on without the one that dies, and a process with an observer follows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages as k;
use kafsim::event::{ChainHash, CrashKeep, Event, Kind};
use kafsim::message::{DiskImage, Request, ResponseBody};
use kafsim::node::{Controller, ControllerConfig, Input, Output, Quorum, Start};
use kafsim::protocol::raft::RaftConfig;
use kafsim::sim::{Engine, HostSetup, Launch, LinkPhysics, Physics, Process, Spread};
use kafsim::types::{
    BrokerId, BrokerSet, ConnectionId, CorrelationId, Deadlines, ErrorCode, HostId, Lane,
    LeaderEpoch, Moment, Monotonic, Now, Offset, Purpose,
};

const VOTERS: u16 = 3;
const OBSERVER: HostId = HostId(3);
const BROKER: HostId = HostId(4);

#[derive(Clone, Debug)]
enum Program {
    Controller(Arc<ControllerConfig>),
    Observer(Arc<RaftConfig>),
    /// Registers broker 1 at whichever controller is in charge.
    Broker,
}

#[derive(Clone, Debug)]
enum Running {
    Controller(Box<Controller>),
    Observer(Box<Quorum>),
    Broker(Broker),
}

#[derive(Clone, Debug)]
struct Broker {
    start: Start,
    tries: u32,
    next_at: Option<Monotonic>,
}

impl Launch for Program {
    type Process = Running;

    fn start(&self, disk: DiskImage, start: Start, now: Now, out: &mut Vec<Output>) -> Running {
        match self {
            Self::Controller(config) => {
                let config = Arc::clone(config);
                Running::Controller(Box::new(Controller::start(config, disk, start, now, out)))
            }
            Self::Observer(config) => {
                let config = Arc::clone(config);
                Running::Observer(Box::new(Quorum::start(config, &disk, start, now, out)))
            }
            Self::Broker => {
                Running::Broker(Broker { start, tries: 0, next_at: Some(now.monotonic) })
            }
        }
    }

    fn request_handlers(&self) -> usize {
        1
    }
}

impl Process for Running {
    fn step(&mut self, lane: Lane, now: Now, input: Input, out: &mut Vec<Output>) {
        match self {
            Self::Controller(process) => process.step(lane, now, input, out),
            Self::Observer(quorum) => drop(quorum.step(now, input, out)),
            Self::Broker(broker) => broker.step(now, input, out),
        }
    }

    fn lane(&self, input: &Input) -> Lane {
        match self {
            Self::Controller(process) => process.lane(input),
            Self::Observer(_) => Quorum::LANE,
            Self::Broker(_) => Lane::Lifecycle,
        }
    }

    fn deadlines(&self, out: &mut Vec<(Lane, Deadlines)>) {
        match self {
            Self::Controller(process) => process.deadlines(out),
            Self::Observer(quorum) => out.push((Quorum::LANE, quorum.deadlines())),
            Self::Broker(broker) => {
                out.push((Lane::Lifecycle, Deadlines::monotonic(broker.next_at)));
            }
        }
    }

    fn audit(&self, out: &mut Vec<Kind>) {
        match self {
            Self::Controller(process) => process.audit(out),
            Self::Observer(quorum) => {
                let (log_end_offset, high_watermark, chain) = quorum.raft().audit();
                let digest = ChainHash::default();
                out.push(Kind::QuorumAudited { log_end_offset, high_watermark, chain, digest });
            }
            Self::Broker(_) => {}
        }
    }
}

impl Broker {
    fn step(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Deadline(_) => {
                if self.next_at.is_some_and(|at| at <= now.monotonic) {
                    let to = BrokerId(3001 + i32::try_from(self.tries % 3).expect("small"));
                    let connection = self.connection();
                    out.push(Output::Connect { connection, to, purpose: Purpose::Lifecycle });
                    self.next_at = None;
                }
            }
            Input::Connected { connection } => {
                let body = k::BrokerRegistrationRequest::default()
                    .with_broker_id(k::BrokerId(1))
                    .with_cluster_id(kafka_protocol::protocol::StrBytes::from_static_str("kafsim"))
                    .with_incarnation_id(uuid::Uuid::from_u128(77));
                let request = Request {
                    correlation_id: CorrelationId(1),
                    body: body.into(),
                    records: Vec::new(),
                };
                out.push(Output::Request { connection, request });
            }
            Input::Response { connection, response } => {
                let ResponseBody::BrokerRegistration(body) = response.body else { return };
                out.push(Output::Close { connection });
                if body.error_code != ErrorCode::None.code() {
                    self.again(now);
                }
            }
            Input::Disconnected { .. } => self.again(now),
            Input::Request { .. } | Input::Disk { .. } | Input::Task(_) | Input::Call { .. } => {}
        }
    }

    fn again(&mut self, now: Now) {
        self.tries += 1;
        self.next_at = Some(now.monotonic + Duration::from_millis(100));
    }

    fn connection(&self) -> ConnectionId {
        ConnectionId::new(self.start.host, self.start.incarnation, 1, self.tries)
    }
}

fn engine(seed: u64) -> Engine<Program> {
    let micros = Duration::from_micros;
    let spread = |p50, p99, max| Spread { p50: micros(p50), p99: micros(p99), max: micros(max) };
    let physics = Physics {
        link: LinkPhysics::of_latency(spread(300, 2000, 20_000)),
        flush_time: spread(500, 2000, 9000),
        wire: true,
        ..Physics::new(seed)
    };
    let node = |n: u16| BrokerId(3001 + i32::from(n));
    let voters: BrokerSet = (0..VOTERS).map(node).collect();
    let host = |name: String, node: Option<BrokerId>, launch: Program| HostSetup {
        name: name.into(),
        node,
        launch,
        clock_offset_micros: 0,
        clock_drift_ppm: 0,
        device: None,
    };
    let mut hosts: Vec<_> = (0..VOTERS)
        .map(|n| {
            let config = ControllerConfig::new(node(n), voters.clone());
            let launch = Program::Controller(Arc::new(config));
            host(format!("controller-{}", n + 1), Some(node(n)), launch)
        })
        .collect();
    let observer = Arc::new(RaftConfig::new(BrokerId(2), voters));
    hosts.push(host("observer".to_owned(), Some(BrokerId(2)), Program::Observer(observer)));
    hosts.push(host("broker".to_owned(), Some(BrokerId(1)), Program::Broker));
    let mut engine = Engine::new(physics, hosts);
    (0..VOTERS + 2).map(HostId).for_each(|host| engine.start(host));
    engine
}

fn run(engine: &mut Engine<Program>, until: u64) -> Vec<Event> {
    let mut events = Vec::new();
    while engine.next().is_some_and(|at| at <= Moment(until)) {
        engine.step();
        events.extend(engine.take_events());
    }
    events
}

fn activations(events: &[Event]) -> Vec<(HostId, LeaderEpoch)> {
    let activated = |event: &Event| match event.kind {
        Kind::ControllerActivated { leader_epoch } => Some((event.host?, leader_epoch)),
        _ => None,
    };
    events.iter().filter_map(activated).collect()
}

/// The digest that each controller had at the end of each offset it applied to.
fn applied(events: &[Event]) -> BTreeMap<HostId, BTreeMap<Offset, ChainHash>> {
    let mut found: BTreeMap<HostId, BTreeMap<Offset, ChainHash>> = BTreeMap::new();
    for event in events {
        if let (Some(host), Kind::MetadataApplied { offset, digest, .. }) =
            (event.host, &event.kind)
        {
            found.entry(host).or_default().insert(*offset, *digest);
        }
    }
    found
}

fn assert_agree(events: &[Event]) {
    let mut digests = BTreeMap::new();
    for (host, offsets) in applied(events) {
        for (offset, digest) in offsets {
            let seen = *digests.entry(offset).or_insert(digest);
            assert_eq!(seen, digest, "{host:?} at {offset}");
        }
    }
}

#[test]
fn three_controllers_elect_one_and_commit() {
    for seed in 0..4 {
        let mut engine = engine(seed);
        let mut events = run(&mut engine, 8_000_000);
        assert_eq!(activations(&events).len(), 1, "seed {seed}");
        let registered = |kind: &Kind| {
            matches!(kind, Kind::RegistrationCommitted { broker: BrokerId(1), is_new: true, .. })
        };
        assert!(events.iter().any(|event| registered(&event.kind)), "seed {seed}");
        assert_agree(&events);
        let ends = applied(&events);
        assert_eq!(ends.len(), usize::from(VOTERS), "all controllers replay");
        // The observer has the log too, and every replica the same.
        engine.audit();
        events = engine.take_events();
        let mut chains = BTreeMap::new();
        for event in &events {
            let Kind::QuorumAudited { log_end_offset, high_watermark, chain, .. } = &event.kind
            else {
                continue;
            };
            assert!(high_watermark.0 > 5, "{event:?}");
            let seen = *chains.entry(*log_end_offset).or_insert(*chain);
            assert_eq!(seen, *chain, "{event:?}");
        }
        assert!(events.iter().any(|event| event.host == Some(OBSERVER)));
        assert!(events.iter().all(|event| event.host != Some(BROKER)));
    }
}

#[test]
fn another_takes_charge_when_the_active_one_loses_power() {
    for seed in 0..4 {
        let mut engine = engine(seed);
        let mut events = run(&mut engine, 6_000_000);
        let (first, first_epoch) = activations(&events)[0];
        engine.crash(first, CrashKeep::Synced, None);
        events.extend(run(&mut engine, 14_000_000));
        let (second, second_epoch) = *activations(&events).last().expect("one was there");
        assert_ne!(second, first, "seed {seed}");
        assert!(second_epoch > first_epoch, "seed {seed}");
        engine.start(first);
        events.extend(run(&mut engine, 20_000_000));
        assert_agree(&events);
        let late: Vec<_> =
            events.iter().filter(|event| event.at > Moment(19_000_000)).cloned().collect();
        assert_eq!(applied(&late).len(), usize::from(VOTERS), "seed {seed}: who does not follow");
        assert_eq!(
            activations(&events).len(),
            2,
            "seed {seed}: the one that returns is no trouble"
        );
    }
}
