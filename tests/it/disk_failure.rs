//! A disk that fails: a server has one log directory, and stops when that is offline.

use std::sync::Arc;
use std::time::Duration;

use kafsim::event::{CrashKeep, Event, HaltReason, Kind};
use kafsim::message::{DiskError, DiskImage};
use kafsim::node::{
    self, Broker, BrokerConfig, Controller, ControllerConfig, Input, Output, Start,
};
use kafsim::sim::{Engine, HostSetup, Launch, LinkPhysics, Physics, Process, Spread};
use kafsim::types::{BrokerId, BrokerSet, Deadlines, HostId, Lane, Moment, Now};

const CONTROLLER: HostId = HostId(0);
const BROKER: HostId = HostId(1);

/// A server whose disk fails its `fails_at`th operation, counted from 1, and all that follow.
#[derive(Clone, Debug)]
struct Program {
    server: Server,
    fails_at: Option<u32>,
    error: DiskError,
}

#[derive(Clone, Debug)]
enum Server {
    Broker(Arc<BrokerConfig>),
    Controller(Arc<ControllerConfig>),
}

#[derive(Clone, Debug)]
struct Running {
    process: node::Process,
    program: Program,
    completed: u32,
}

impl Launch for Program {
    type Process = Running;

    fn start(&self, disk: DiskImage, start: Start, now: Now, out: &mut Vec<Output>) -> Running {
        let process = match &self.server {
            Server::Broker(config) => {
                let config = Arc::clone(config);
                node::Process::Broker(Box::new(Broker::start(config, disk, start, now, out)))
            }
            Server::Controller(config) => {
                let config = Arc::clone(config);
                let controller = Controller::start(config, disk, start, now, out);
                node::Process::Controller(Box::new(controller))
            }
        };
        Running { process, program: self.clone(), completed: 0 }
    }

    fn request_handlers(&self) -> usize {
        1
    }
}

impl Process for Running {
    fn step(&mut self, lane: Lane, now: Now, input: Input, out: &mut Vec<Output>) {
        let input = match input {
            Input::Disk { ticket, result: Ok(()) } => {
                self.completed += 1;
                let fails = self.program.fails_at.is_some_and(|at| self.completed >= at);
                let result = if fails { Err(self.program.error) } else { Ok(()) };
                Input::Disk { ticket, result }
            }
            other => other,
        };
        self.process.step(lane, now, input, out);
    }

    fn lane(&self, input: &Input) -> Lane {
        self.process.lane(input)
    }

    fn deadlines(&self, out: &mut Vec<(Lane, Deadlines)>) {
        self.process.deadlines(out);
    }

    fn audit(&self, out: &mut Vec<Kind>) {
        self.process.audit(out);
    }
}

/// Twenty seconds of one controller and one broker, of which `failing` has a disk that fails.
fn run(failing: HostId, fails_at: Option<u32>, error: DiskError) -> Vec<Event> {
    let micros = Duration::from_micros;
    let spread = |p50, p99, max| Spread { p50: micros(p50), p99: micros(p99), max: micros(max) };
    let physics = Physics {
        link: LinkPhysics::of_latency(spread(300, 2000, 20_000)),
        flush_time: spread(500, 2000, 9000),
        ..Physics::new(1)
    };
    let voters = BrokerSet::of(BrokerId(3001));
    let controller = Server::Controller(Arc::new(ControllerConfig::new(BrokerId(3001), voters)));
    let servers = [
        (CONTROLLER, "controller-1", BrokerId(3001), controller),
        (BROKER, "broker-1", BrokerId(1), Server::Broker(Arc::default())),
    ];
    let hosts = servers.map(|(host, name, node, server)| HostSetup {
        name: name.into(),
        node: Some(node),
        launch: Program { server, fails_at: fails_at.filter(|_| host == failing), error },
        clock_offset_micros: 0,
        clock_drift_ppm: 0,
        device: None,
    });
    let mut engine = Engine::new(physics, hosts.into());
    engine.start(CONTROLLER);
    engine.start(BROKER);
    let mut events = Vec::new();
    while engine.next().is_some_and(|at| at <= Moment(20_000_000)) {
        engine.step();
        events.extend(engine.take_events());
    }
    events
}

fn of(host: HostId, events: &[Event]) -> impl Iterator<Item = &Kind> {
    events.iter().filter(move |event| event.host == Some(host)).map(|event| &event.kind)
}

fn writes(host: HostId, events: &[Event]) -> u32 {
    let done = of(host, events).filter(|kind| matches!(kind, Kind::DiskCompleted { .. }));
    u32::try_from(done.count()).expect("few")
}

fn assert_stops(host: HostId, fails_at: u32, error: DiskError) {
    let events = run(host, Some(fails_at), error);
    let place = format!("{host:?}, operation {fails_at}, {error:?}");
    assert_eq!(writes(host, &events), fails_at, "{place}: nothing is written after it");
    let last = of(host, &events).last().expect("it was started");
    let stopped = Kind::HostStopped {
        keep: CrashKeep::PageCache,
        halted: Some(HaltReason::DiskFailed),
        in_order: false,
    };
    assert_eq!(*last, stopped, "{place}");
    let other = if host == BROKER { CONTROLLER } else { BROKER };
    let stops = |kind: &Kind| matches!(kind, Kind::HostStopped { .. });
    assert!(!of(other, &events).any(stops), "{place}: the other goes on");
}

#[test]
fn a_broker_whose_disk_fails_stops_by_itself() {
    let well = run(BROKER, None, DiskError::Failed);
    let writes = writes(BROKER, &well);
    // Its metadata log, its identity, and the checkpoints of its replicas.
    assert!(writes > 5, "{writes} writes");
    for fails_at in 1..=writes {
        assert_stops(BROKER, fails_at, DiskError::Failed);
    }
    assert_stops(BROKER, writes, DiskError::Full);
}

#[test]
fn a_controller_whose_disk_fails_stops_by_itself() {
    let well = run(CONTROLLER, None, DiskError::Failed);
    let writes = writes(CONTROLLER, &well);
    assert!(writes > 5, "{writes} writes");
    for fails_at in [1, 2, 3, writes / 2, writes] {
        assert_stops(CONTROLLER, fails_at, DiskError::Failed);
    }
    assert_stops(CONTROLLER, 2, DiskError::Full);
}
