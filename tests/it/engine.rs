//! The engine with processes that only echo: steps, lanes, links, disks, pauses, crashes, causes.

#![expect(clippy::unwrap_used, reason = "a test that goes wrong should panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use kafsim::event::{ClosedBecause, CrashKeep, Event, Kind};
use kafsim::message::{Checkpoint, DiskImage, DiskOperation, FileName, Request, Response};
use kafsim::node::{Input, Output, Start};
use kafsim::sim::{Engine, HostSetup, Launch, LinkFault, LinkPhysics, Physics, Process, Spread};
use kafsim::types::{
    BrokerEpoch, BrokerId, ConnectionId, CorrelationId, Deadlines, HostId, Lane, Moment, Monotonic,
    Now, Offset, Purpose, Ticket, TopicPartition,
};

/// A process that asks `asks` again as soon as it is answered, and answers whoever asks, after a
/// blocking write of what it has counted.
#[derive(Clone, Debug)]
struct Echo {
    start: Start,
    asks: Option<BrokerId>,
    connections: u32,
    connection: Option<ConnectionId>,
    sent: i32,
    retry_at: Option<Monotonic>,
    serving: Option<(ConnectionId, CorrelationId)>,
    served: i64,
}

#[derive(Clone, Debug)]
struct Program {
    asks: Option<BrokerId>,
}

impl Launch for Program {
    type Process = Echo;

    fn start(&self, disk: DiskImage, start: Start, now: Now, out: &mut Vec<Output>) -> Echo {
        let served = match disk.checkpoint(FileName::CleanShutdown) {
            Some(Checkpoint::CleanShutdown(Some(served))) => served.0,
            _ => 0,
        };
        let mut echo = Echo {
            start,
            asks: self.asks,
            connections: 0,
            connection: None,
            sent: 0,
            retry_at: None,
            serving: None,
            served,
        };
        echo.connect(now, out);
        echo
    }

    fn request_handlers(&self) -> usize {
        2
    }
}

impl Echo {
    fn connect(&mut self, _now: Now, out: &mut Vec<Output>) {
        let Some(to) = self.asks else { return };
        self.retry_at = None;
        let id = ConnectionId::new(self.start.host, self.start.incarnation, 0, self.connections);
        self.connections += 1;
        self.connection = Some(id);
        out.push(Output::Connect { connection: id, to, purpose: Purpose::Client });
    }

    fn ask(&mut self, out: &mut Vec<Output>) {
        self.sent += 1;
        let request = Request {
            correlation_id: CorrelationId(self.sent),
            body: MetadataRequest::default().into(),
            records: Vec::new(),
        };
        out.push(Output::Request { connection: self.connection.unwrap(), request });
    }
}

impl Process for Echo {
    fn step(&mut self, _lane: Lane, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Connected { .. } => self.ask(out),
            Input::Response { response, .. } => {
                assert_eq!(response.correlation_id, CorrelationId(self.sent));
                self.ask(out);
            }
            Input::Disconnected { connection, .. } if Some(connection) == self.connection => {
                self.connection = None;
                self.retry_at = Some(now.monotonic + Duration::from_millis(50));
            }
            Input::Deadline(_) if self.retry_at.is_some_and(|at| at <= now.monotonic) => {
                self.connect(now, out);
            }
            Input::Request { connection, request, .. } => {
                self.served += 1;
                self.serving = Some((connection, request.correlation_id));
                out.push(Output::Disk(DiskOperation::Write {
                    file: FileName::CleanShutdown,
                    content: Checkpoint::CleanShutdown(Some(BrokerEpoch(self.served))),
                    ticket: Some(Ticket(0)),
                    blocking: true,
                }));
            }
            Input::Disk { .. } => {
                let (connection, correlation_id) = self.serving.take().unwrap();
                let body = MetadataResponse::default().into();
                let response = Some(Response { correlation_id, body, records: Vec::new() });
                out.push(Output::Answer { connection, response });
            }
            Input::Disconnected { .. }
            | Input::Deadline(_)
            | Input::Task(_)
            | Input::Call { .. } => {}
        }
    }

    fn lane(&self, input: &Input) -> Lane {
        match input {
            Input::Request { .. } | Input::Disk { .. } => Lane::Request(0),
            _ => Lane::Sender,
        }
    }

    fn deadlines(&self, out: &mut Vec<(Lane, Deadlines)>) {
        out.push((Lane::Sender, Deadlines::monotonic(self.retry_at)));
    }

    fn audit(&self, out: &mut Vec<Kind>) {
        // Any kind with a number in it serves to show what was counted.
        let partition = TopicPartition::CLUSTER_METADATA;
        out.push(Kind::LogStartMoved {
            partition,
            log_start_offset: Offset(self.served),
            because: kafsim::event::StartMovedBecause::Leader,
            limit: None,
            wall_millis: None,
        });
    }
}

const CLIENT: HostId = HostId(0);
const SERVER: HostId = HostId(1);

/// A client that asks a server, and a second pair beside it.
fn engine(seed: u64) -> Engine<Program> {
    let micros = Duration::from_micros;
    let spread = |p50, p99, max| Spread { p50: micros(p50), p99: micros(p99), max: micros(max) };
    let physics = Physics {
        link: LinkPhysics::of_latency(spread(300, 2000, 20_000)),
        flush_time: spread(500, 2000, 9000),
        ..Physics::new(seed)
    };
    let host = |name: &str, node: Option<i32>, asks: Option<i32>| HostSetup {
        name: name.into(),
        node: node.map(BrokerId),
        launch: Program { asks: asks.map(BrokerId) },
        clock_offset_micros: 0,
        clock_drift_ppm: 0,
        device: None,
    };
    let hosts = vec![
        host("client", None, Some(1)),
        host("server", Some(1), None),
        host("other-client", None, Some(2)),
        host("other-server", Some(2), None),
    ];
    let mut engine = Engine::new(physics, hosts);
    [1, 3, 0, 2].map(HostId).into_iter().for_each(|host| engine.start(host));
    engine
}

/// Runs to `until`, doing what `acts` says at its time.
fn run(
    engine: &mut Engine<Program>,
    until: u64,
    acts: &[(u64, fn(&mut Engine<Program>))],
) -> Vec<Event> {
    for (token, (at, _)) in (0..).zip(acts) {
        engine.control(Moment(*at), token);
    }
    let mut events = Vec::new();
    while engine.next().is_some_and(|at| at <= Moment(until)) {
        if let Some(kafsim::sim::Stepped::Control(token)) = engine.step() {
            acts[token as usize].1(engine);
        }
        events.extend(engine.take_events());
    }
    events
}

fn answers(events: &[Event], host: HostId) -> Vec<&Event> {
    let is_answer = |kind: &Kind| matches!(kind, Kind::Delivered { is_response: true, .. });
    events.iter().filter(|event| event.host == Some(host) && is_answer(&event.kind)).collect()
}

#[test]
fn one_seed_gives_one_run_and_two_seeds_two() {
    let one = run(&mut engine(1), 3_000_000, &[]);
    assert!(answers(&one, CLIENT).len() > 500, "{} answers", answers(&one, CLIENT).len());
    assert_eq!(one, run(&mut engine(1), 3_000_000, &[]));
    assert_ne!(one, run(&mut engine(2), 3_000_000, &[]));
}

#[test]
fn a_clone_goes_on_as_the_original() {
    let mut original = engine(5);
    run(&mut original, 700_000, &[]);
    let mut clone = original.clone();
    let on = run(&mut original, 2_000_000, &[]);
    assert!(!on.is_empty());
    assert_eq!(on, run(&mut clone, 2_000_000, &[]));
}

#[test]
fn every_event_leads_back_to_the_start() {
    let events = run(&mut engine(3), 500_000, &[]);
    for event in &events {
        let mut at = event;
        while let Some(cause) = at.cause {
            assert!(cause < at.index, "{cause} does not come before {}", at.index);
            at = &events[usize::try_from(cause).unwrap()];
        }
        assert!(matches!(at.kind, Kind::HostStarted { .. }), "{event:?} begins with {at:?}");
    }
    // An answer is about the request that it answers.
    for answer in answers(&events, CLIENT) {
        let about = &events[usize::try_from(answer.about.unwrap()).unwrap()];
        assert!(matches!(about.kind, Kind::Delivered { is_response: false, .. }));
        assert_eq!(about.host, Some(SERVER));
    }
}

#[test]
fn a_cut_link_is_silent_and_what_was_sent_arrives_after_it() {
    let acts: &[(u64, fn(&mut Engine<Program>))] = &[
        (1_000_000, |engine| engine.cut(CLIENT, SERVER, 7)),
        (3_000_000, |engine| engine.lift(7)),
    ];
    let mut engine = engine(4);
    let events = run(&mut engine, 6_000_000, acts);
    assert!(engine.has_bitten(7));
    let at = |event: &&Event| event.at.0;
    let answers = answers(&events, CLIENT);
    let silent = answers.iter().map(at).filter(|at| (1_100_000..3_000_000).contains(at)).count();
    assert_eq!(silent, 0);
    let held: Vec<_> = events
        .iter()
        .filter_map(|event| match event.kind {
            Kind::Delivered { sent, fault: Some(7), .. } => Some((sent.0, event.at.0)),
            _ => None,
        })
        .collect();
    // One request was under way. It goes out again 200, 600, 1400, 3000 ms after it was sent.
    assert_eq!(held.len(), 1);
    let waited = held[0].1 - held[0].0;
    assert!((3_000_000..3_021_000).contains(&waited), "held for {waited} us");
    assert!(answers.iter().map(at).any(|at| at > 4_100_000), "the connection lives on");
}

#[test]
fn a_crashed_process_resets_its_connections_and_a_dark_host_does_not() {
    let closed = |events: &[Event]| -> Vec<(u64, ClosedBecause)> {
        let closed = events.iter().filter(|event| event.host == Some(CLIENT));
        closed
            .filter_map(|event| match event.kind {
                Kind::ConnectionClosed { because, .. } => Some((event.at.0, because)),
                _ => None,
            })
            .collect()
    };
    let start: fn(&mut Engine<Program>) = |engine| engine.start(SERVER);
    let events = run(
        &mut engine(6),
        5_000_000,
        &[(1_000_000, |e| e.crash(SERVER, CrashKeep::PageCache, None)), (3_000_000, start)],
    );
    let seen = closed(&events);
    assert_eq!(seen[0].1, ClosedBecause::Reset);
    assert!((1_000_000..1_021_000).contains(&seen[0].0));
    assert!(seen[1..].iter().all(|(_, because)| *because == ClosedBecause::Refused));
    assert!(seen.len() > 10, "it tries again every 50 ms");

    // Without power there is nobody to reset anything. A client whose request was taken in waits
    // on; one whose request is still on its way learns of it when the host is back.
    let mut resets = 0;
    for seed in 0..20 {
        let events = run(
            &mut engine(seed),
            9_000_000,
            &[(1_000_000, |e| e.crash(SERVER, CrashKeep::Synced, None)), (3_000_000, start)],
        );
        let seen = closed(&events);
        assert!(seen.len() <= 1, "{seen:?}");
        if let [(at, because)] = seen[..] {
            assert_eq!(because, ClosedBecause::Reset);
            assert!(at >= 3_000_000);
            assert!(answers(&events, CLIENT).iter().any(|event| event.at.0 > 5_000_000));
            resets += 1;
        }
    }
    assert!((1..20).contains(&resets), "{resets} of 20");
}

#[test]
fn a_paused_process_goes_on_where_it_stood() {
    let acts: &[(u64, fn(&mut Engine<Program>))] =
        &[(1_000_000, |engine| engine.pause(SERVER)), (2_500_000, |engine| engine.resume(SERVER))];
    let events = run(&mut engine(8), 4_000_000, acts);
    let at: Vec<_> = answers(&events, CLIENT).iter().map(|event| event.at.0).collect();
    assert!(!at.iter().any(|at| (1_021_000..2_500_000).contains(at)));
    assert!(at.iter().any(|at| *at > 2_500_000));
    let closed = |event: &Event| matches!(event.kind, Kind::ConnectionClosed { .. });
    assert!(!events.iter().any(closed), "its host keeps the connection");
}

#[test]
fn a_flushed_write_survives_power_loss() {
    let acts: &[(u64, fn(&mut Engine<Program>))] = &[
        (1_000_000, |engine| engine.crash(SERVER, CrashKeep::Synced, None)),
        (2_000_000, |engine| engine.start(SERVER)),
    ];
    let mut engine = engine(9);
    let events = run(&mut engine, 2_000_000, acts);
    let answered = answers(&events, CLIENT).len();
    engine.audit();
    let found = engine.take_events().into_iter().find_map(|event| match event.kind {
        Kind::LogStartMoved { log_start_offset, .. } if event.host == Some(SERVER) => {
            Some(log_start_offset.0)
        }
        _ => None,
    });
    // Every answer that the client saw came after a write that had ended.
    assert!(answered > 100);
    assert!(found.unwrap() >= answered as i64, "{found:?} of {answered}");
}

/// What arrives where and when, of the second pair, which no fault touches.
fn untouched(events: &[Event]) -> BTreeMap<(u64, u64), u64> {
    let touched = [CLIENT, SERVER];
    events
        .iter()
        .filter(|event| event.host.is_some_and(|host| !touched.contains(&host)))
        .filter(|event| matches!(event.kind, Kind::Delivered { .. }))
        .map(|event| ((event.step.lane, event.step.n), event.at.0))
        .collect()
}

#[test]
fn a_fault_leaves_what_it_does_not_touch_as_it_was() {
    let faulty = run(
        &mut engine(11),
        4_000_000,
        &[
            (1_000_000, |engine| engine.cut(SERVER, CLIENT, 0)),
            (1_900_000, |engine| engine.lift(0)),
            (2_000_000, |engine| engine.crash(SERVER, CrashKeep::Synced, None)),
            (2_500_000, |engine| engine.start(SERVER)),
            (2_600_000, |engine| engine.afflict(CLIENT, SERVER, 1, LinkFault::Loss(200_000))),
            (2_900_000, |engine| engine.throttle_card(CLIENT, 2, 5000, (true, true))),
            (3_200_000, |engine| engine.slow(SERVER, 3, 500)),
            (3_400_000, |engine| engine.reset(SERVER, None, 4)),
            (3_500_000, |engine| (1..5).for_each(|fault| engine.lift(fault))),
        ],
    );
    let calm = run(&mut engine(11), 4_000_000, &[]);
    assert!(untouched(&calm).len() > 1000);
    assert_eq!(untouched(&faulty), untouched(&calm));
    assert_ne!(answers(&faulty, CLIENT).len(), answers(&calm, CLIENT).len());
}

#[test]
fn a_slow_link_is_slow() {
    let calm = run(&mut engine(12), 3_000_000, &[]);
    let slow = run(
        &mut engine(12),
        3_000_000,
        &[(0, |engine| {
            let millis = Duration::from_millis;
            let spread = Spread { p50: millis(40), p99: millis(60), max: millis(80) };
            engine.afflict(CLIENT, SERVER, 3, LinkFault::Latency(spread));
        })],
    );
    assert!(answers(&slow, CLIENT).len() * 5 < answers(&calm, CLIENT).len());
    assert!(!answers(&slow, CLIENT).is_empty());
}
