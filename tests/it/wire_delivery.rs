//! With `wire` on, the engine refuses to deliver what could not have come over a wire.

use std::time::Duration;

use kafka_protocol::messages::MetadataRequest;
use kafsim::event::Kind;
use kafsim::message::{DiskImage, Request};
use kafsim::node::{Input, Output, Start};
use kafsim::sim::{Engine, HostSetup, Launch, LinkPhysics, Physics, Process, Spread};
use kafsim::types::{
    BrokerId, ConnectionId, CorrelationId, Deadlines, HostId, Lane, Moment, Now, Purpose,
};

/// A process that, as a client, sends one request, with records beside a body that takes none.
#[derive(Clone, Debug)]
struct Liar;

#[derive(Clone, Debug)]
struct Program {
    sends: bool,
}

impl Launch for Program {
    type Process = Liar;

    fn start(&self, _disk: DiskImage, start: Start, _now: Now, out: &mut Vec<Output>) -> Liar {
        if self.sends {
            let connection = ConnectionId::new(start.host, start.incarnation, 0, 0);
            let (to, purpose) = (BrokerId(1), Purpose::Client);
            out.push(Output::Connect { connection, to, purpose });
        }
        Liar
    }

    fn request_handlers(&self) -> usize {
        1
    }
}

impl Process for Liar {
    fn step(&mut self, _lane: Lane, _now: Now, input: Input, out: &mut Vec<Output>) {
        if let Input::Connected { connection } = input {
            let body = MetadataRequest::default().into();
            let (correlation_id, records) = (CorrelationId(0), vec![Vec::new()]);
            let request = Request { correlation_id, body, records };
            out.push(Output::Request { connection, request });
        }
    }

    fn lane(&self, _input: &Input) -> Lane {
        Lane::Sender
    }

    fn deadlines(&self, _out: &mut Vec<(Lane, Deadlines)>) {}

    fn audit(&self, _out: &mut Vec<Kind>) {}
}

/// How many requests reach the server.
fn delivered(wire: bool) -> usize {
    let millis = Duration::from_millis;
    let spread = Spread { p50: millis(1), p99: millis(2), max: millis(3) };
    let physics = Physics {
        link: LinkPhysics::of_latency(spread),
        flush_time: spread,
        wire,
        ..Physics::new(1)
    };
    let host = |name: &str, node: Option<i32>| HostSetup {
        name: name.into(),
        node: node.map(BrokerId),
        launch: Program { sends: node.is_none() },
        clock_offset_micros: 0,
        clock_drift_ppm: 0,
        device: None,
    };
    let mut engine = Engine::new(physics, vec![host("client", None), host("server", Some(1))]);
    [HostId(1), HostId(0)].into_iter().for_each(|host| engine.start(host));
    let mut events = Vec::new();
    while engine.next().is_some_and(|at| at <= Moment(1_000_000)) {
        engine.step();
        events.extend(engine.take_events());
    }
    events.iter().filter(|event| matches!(event.kind, Kind::Delivered { .. })).count()
}

#[test]
fn without_the_wire_nobody_looks() {
    assert_eq!(delivered(false), 1);
}

#[test]
#[should_panic(expected = "not as on the wire: MetadataRequest: records of 1 partitions")]
fn with_the_wire_it_is_a_crash() {
    delivered(true);
}
