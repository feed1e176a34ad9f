//! Faults of the network and of work, on the engine: that each bites, what it changes, and that
//! whatever happens a connection's messages arrive in order, once, and none is missing.

#![expect(clippy::unwrap_used, reason = "a test that goes wrong should panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use kafsim::event::{ClosedBecause, CrashKeep, Event, Kind};
use kafsim::message::{DiskImage, Request, Response};
use kafsim::node::{Input, Output, Start};
use kafsim::sim::{
    Engine, HostSetup, HostState, Launch, LinkFault, LinkPhysics, Physics, Process, ServiceTimes,
    Spread, Stepped,
};
use kafsim::types::{
    BrokerId, ConnectionId, CorrelationId, Deadlines, HostId, Lane, Moment, Monotonic, Now, Purpose,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Requests that a client has in flight on each of its connections.
const IN_FLIGHT: i32 = 3;
const CLIENTS: [HostId; 3] = [HostId(0), HostId(1), HostId(2)];
const SERVERS: [HostId; 2] = [HostId(3), HostId(4)];
const PAUSE: Duration = Duration::from_millis(20);

/// A client keeps requests in flight to both servers, on a connection each; a server answers.
#[derive(Clone, Debug)]
struct Desk {
    start: Start,
    is_client: bool,
    opened: u32,
    /// By server: the connection, how many were sent, how many answered, when to connect again.
    links: BTreeMap<i32, (Option<ConnectionId>, i32, i32, Option<Monotonic>)>,
}

#[derive(Clone, Copy, Debug)]
struct Program {
    is_client: bool,
    queue: Option<(usize, u32)>,
}

impl Launch for Program {
    type Process = Desk;

    fn start(&self, _disk: DiskImage, start: Start, _now: Now, out: &mut Vec<Output>) -> Desk {
        let is_client = self.is_client;
        let mut desk = Desk { start, is_client, opened: 0, links: BTreeMap::new() };
        if is_client {
            [1, 2].into_iter().for_each(|server| desk.connect(server, out));
        }
        desk
    }

    fn request_handlers(&self) -> usize {
        1
    }

    fn request_queue(&self) -> Option<(usize, u32)> {
        self.queue
    }
}

impl Desk {
    fn connect(&mut self, server: i32, out: &mut Vec<Output>) {
        let id = ConnectionId::new(self.start.host, self.start.incarnation, 0, self.opened);
        self.opened += 1;
        self.links.insert(server, (Some(id), 0, 0, None));
        out.push(Output::Connect {
            connection: id,
            to: BrokerId(server),
            purpose: Purpose::Client,
        });
    }

    fn ask(&mut self, connection: ConnectionId, answered: i32, out: &mut Vec<Output>) {
        let link = self.links.values_mut().find(|link| link.0 == Some(connection));
        let Some((_, sent, seen, _)) = link else { return };
        *seen += answered;
        while *sent - *seen < IN_FLIGHT {
            *sent += 1;
            let request = Request {
                correlation_id: CorrelationId(*sent),
                body: MetadataRequest::default().into(),
                records: Vec::new(),
            };
            out.push(Output::Request { connection, request });
        }
    }
}

impl Process for Desk {
    fn step(&mut self, _lane: Lane, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Connected { connection } => self.ask(connection, 0, out),
            Input::Response { connection, .. } => self.ask(connection, 1, out),
            Input::Disconnected { connection, .. } => {
                for link in self.links.values_mut().filter(|link| link.0 == Some(connection)) {
                    *link = (None, 0, 0, Some(now.monotonic + PAUSE));
                }
            }
            Input::Deadline(_) => {
                let due = |link: &(_, _, _, Option<Monotonic>)| {
                    link.3.is_some_and(|at| at <= now.monotonic)
                };
                let links = self.links.iter().filter(|(_, link)| due(link));
                let servers: Vec<i32> = links.map(|(server, _)| *server).collect();
                servers.into_iter().for_each(|server| self.connect(server, out));
            }
            Input::Request { connection, request, .. } => {
                let correlation_id = request.correlation_id;
                let body = MetadataResponse::default().into();
                let response = Some(Response { correlation_id, body, records: Vec::new() });
                out.push(Output::Answer { connection, response });
            }
            Input::Disk { .. } | Input::Task(_) | Input::Call { .. } => {}
        }
    }

    fn lane(&self, input: &Input) -> Lane {
        match (input, self.is_client) {
            (Input::Request { .. } | Input::Disconnected { .. }, false) => Lane::Request(0),
            _ => Lane::Sender,
        }
    }

    fn deadlines(&self, out: &mut Vec<(Lane, Deadlines)>) {
        let soonest = self.links.values().filter_map(|link| link.3).min();
        out.push((Lane::Sender, Deadlines::monotonic(soonest)));
    }

    fn audit(&self, _out: &mut Vec<Kind>) {}
}

fn spread(p50: u64, p99: u64, max: u64) -> Spread {
    let micros = Duration::from_micros;
    Spread { p50: micros(p50), p99: micros(p99), max: micros(max) }
}

/// Three clients of two servers.
fn engine(physics: Physics, queue: Option<(usize, u32)>) -> Engine<Program> {
    let host = |name: &str, node: Option<i32>| HostSetup {
        device: None,
        name: name.into(),
        node: node.map(BrokerId),
        launch: Program { is_client: node.is_none(), queue: queue.filter(|_| node.is_some()) },
        clock_offset_micros: 0,
        clock_drift_ppm: 0,
    };
    let hosts = vec![
        host("client-1", None),
        host("client-2", None),
        host("client-3", None),
        host("server-1", Some(1)),
        host("server-2", Some(2)),
    ];
    let mut engine = Engine::new(physics, hosts);
    SERVERS.into_iter().chain(CLIENTS).for_each(|host| engine.start(host));
    engine
}

fn physics(seed: u64) -> Physics {
    Physics { link: LinkPhysics::of_latency(spread(300, 2000, 20_000)), ..Physics::new(seed) }
}

type Act = Box<dyn Fn(&mut Engine<Program>)>;

/// Runs to `until`, doing what `acts` says at its time.
fn run(engine: &mut Engine<Program>, until: u64, acts: &[(u64, Act)]) -> Vec<Event> {
    for (token, (at, _)) in (0..).zip(acts) {
        engine.control(Moment(*at), token);
    }
    let mut events = Vec::new();
    while engine.next().is_some_and(|at| at <= Moment(until)) {
        if let Some(Stepped::Control(token)) = engine.step() {
            acts[token as usize].1(engine);
        }
        events.extend(engine.take_events());
    }
    events
}

fn act(at: u64, what: impl Fn(&mut Engine<Program>) + 'static) -> (u64, Act) {
    (at, Box::new(what))
}

/// Answers that a host got: when, and how long after they were sent.
fn answers(events: &[Event], host: HostId) -> Vec<(u64, u64)> {
    let of_host = events.iter().filter(|event| event.host == Some(host));
    of_host
        .filter_map(|event| match event.kind {
            Kind::Delivered { is_response: true, sent, .. } => {
                Some((event.at.0, event.at.0 - sent.0))
            }
            _ => None,
        })
        .collect()
}

/// How many messages a fault held up, as their deliveries say.
fn held_up(events: &[Event], by: u32) -> usize {
    let is_held =
        |event: &&Event| matches!(event.kind, Kind::Delivered { fault: Some(f), .. } if f == by);
    events.iter().filter(is_held).count()
}

/// Each connection's requests, and its answers, came in order, once, without a gap.
fn assert_in_order(events: &[Event]) {
    let mut last: BTreeMap<(ConnectionId, bool), i32> = BTreeMap::new();
    for event in events {
        if let Kind::Delivered { connection, is_response, correlation_id, .. } = event.kind {
            let last = last.entry((connection, is_response)).or_default();
            assert_eq!(correlation_id.0, *last + 1, "{connection:?} at {:?}", event.at);
            *last += 1;
        }
    }
}

#[test]
fn what_is_lost_comes_at_the_next_retransmission() {
    let calm = run(&mut engine(physics(1), None), 5_000_000, &[]);
    let mut lossy = engine(physics(1), None);
    let events = run(
        &mut lossy,
        5_000_000,
        &[
            act(1_000_000, |engine| {
                engine.afflict(CLIENTS[0], SERVERS[0], 7, LinkFault::Loss(100_000));
            }),
            act(4_000_000, |engine| engine.lift(7)),
        ],
    );
    assert_in_order(&events);
    // Every lost request and all behind it waited for the timer: 200 ms, 400 ms, 800 ms ...
    let late: Vec<_> = events
        .iter()
        .filter_map(|event| match event.kind {
            Kind::Delivered { sent, fault: Some(7), .. } => Some(event.at.0 - sent.0),
            _ => None,
        })
        .collect();
    assert!(late.len() > 5, "{late:?}");
    assert!(late.iter().all(|late| *late >= 200_000), "{late:?}");
    assert!(late.iter().any(|late| (200_000..222_000).contains(late)), "{late:?}");
    assert!(lossy.bites(7) as usize >= late.len());
    let few = answers(&events, CLIENTS[0]).len();
    assert!(few < answers(&calm, CLIENTS[0]).len() * 3 / 4, "{few}");
    assert_ne!(answers(&events, CLIENTS[0]), answers(&calm, CLIENTS[0]));
}

#[test]
fn a_loss_of_nothing_changes_nothing() {
    let calm = run(&mut engine(physics(2), None), 2_000_000, &[]);
    let mut physics = physics(2);
    physics.links = vec![(CLIENTS[0], SERVERS[0], LinkPhysics { loss: 0, ..physics.link })];
    assert_eq!(run(&mut engine(physics, None), 2_000_000, &[]), calm);
}

#[test]
fn a_link_may_be_lossy_and_narrow_from_the_start() {
    let mut lossy = physics(3);
    lossy.link.loss = 20_000;
    let events = run(&mut engine(lossy, None), 5_000_000, &[]);
    assert_in_order(&events);
    let calm = run(&mut engine(physics(3), None), 5_000_000, &[]);
    let count = |events: &[Event]| answers(events, CLIENTS[0]).len();
    assert!(count(&events) * 4 < count(&calm) * 3, "{} of {}", count(&events), count(&calm));

    let mut narrow = physics(3);
    narrow.link.bandwidth = Some(10_000);
    let events = run(&mut engine(narrow, None), 5_000_000, &[]);
    assert_in_order(&events);
    // 10 kB/s each way on each of two links, for five seconds.
    let bytes: u64 = events
        .iter()
        .filter(|event| event.host == Some(CLIENTS[0]))
        .filter_map(|event| match event.kind {
            Kind::Delivered { bytes, is_response: true, .. } => Some(u64::from(bytes)),
            _ => None,
        })
        .sum();
    assert!((10_000..=100_000).contains(&bytes), "{bytes} bytes");
    assert!(count(&events) * 2 < count(&calm), "{} of {}", count(&events), count(&calm));
}

#[test]
fn a_throttle_lets_through_what_it_says_and_ends_at_once() {
    let bytes = |events: &[Event], from: u64, to: u64| -> u64 {
        let inside = events.iter().filter(|event| (from..to).contains(&event.at.0));
        inside
            .filter(|event| SERVERS.contains(&event.host.unwrap()))
            .filter_map(|event| match event.kind {
                Kind::Delivered { from, bytes, .. } if from == CLIENTS[0] => Some(u64::from(bytes)),
                _ => None,
            })
            .sum()
    };
    // All that the client sends goes through its card: 2 kB/s for both servers together.
    let mut throttled = engine(physics(4), None);
    let events = run(
        &mut throttled,
        8_000_000,
        &[
            act(1_000_000, |engine| engine.throttle_card(CLIENTS[0], 5, 2000, (false, true))),
            act(6_000_000, |engine| engine.lift(5)),
        ],
    );
    assert_in_order(&events);
    let narrow = bytes(&events, 1_100_000, 6_000_000);
    assert!((8_000..=10_000).contains(&narrow), "{narrow} bytes in 4.9 s at 2 kB/s");
    let wide = bytes(&events, 6_100_000, 7_000_000);
    assert!(wide > narrow, "{wide} bytes in the 0.9 s after it");
    assert!(throttled.bites(5) > 50 && held_up(&events, 5) > 50);
}

#[test]
fn a_delay_adds_to_the_latency_one_way() {
    let millis = Duration::from_millis;
    let mut slow = engine(physics(5), None);
    let events = run(
        &mut slow,
        3_000_000,
        &[act(1_000_000, move |engine| {
            let what = LinkFault::Delay { by: millis(50), jitter: millis(10) };
            engine.afflict(CLIENTS[0], SERVERS[0], 2, what);
        })],
    );
    assert_in_order(&events);
    let way = |to: HostId, other: HostId| -> Vec<u64> {
        let here = events.iter().filter(|event| event.at.0 > 1_100_000 && event.host == Some(to));
        here.filter_map(|event| match event.kind {
            Kind::Delivered { from, sent, .. } if from == other => Some(event.at.0 - sent.0),
            _ => None,
        })
        .collect()
    };
    let there = way(SERVERS[0], CLIENTS[0]);
    assert!(there.len() > 30 && there.iter().all(|t| (40_000..100_000).contains(t)), "{there:?}");
    assert!(way(CLIENTS[0], SERVERS[0]).iter().all(|takes| *takes < 41_000));
    assert!(slow.bites(2) as usize >= there.len());
}

#[test]
fn a_reset_ends_the_connections_of_a_link_at_both_ends() {
    let mut reset = engine(physics(6), None);
    let events = run(
        &mut reset,
        2_000_000,
        &[act(1_000_000, |engine| engine.reset(CLIENTS[0], Some(SERVERS[0]), 9))],
    );
    assert_in_order(&events);
    let closed: Vec<_> = events
        .iter()
        .filter_map(|event| match event.kind {
            Kind::ConnectionClosed { peer, because, .. } => {
                Some((event.at.0, event.host.unwrap(), peer, because))
            }
            _ => None,
        })
        .collect();
    let reset_at = |host, peer| (1_000_000, host, peer, ClosedBecause::Reset);
    let both = [reset_at(CLIENTS[0], SERVERS[0]), reset_at(SERVERS[0], CLIENTS[0])];
    assert_eq!(closed, both);
    assert_eq!(reset.bites(9), 2);
    // What was under way is lost, and a new connection takes over.
    let silent = events.iter().any(|event| {
        (1_000_001..1_020_000).contains(&event.at.0)
            && matches!(event.kind, Kind::Delivered { from, .. } if from == SERVERS[0])
            && event.host == Some(CLIENTS[0])
    });
    assert!(!silent);
    assert!(answers(&events, CLIENTS[0]).iter().any(|(at, _)| *at > 1_500_000));

    // All of a host's.
    let mut reset = engine(physics(6), None);
    run(&mut reset, 2_000_000, &[act(1_000_000, |engine| engine.reset(SERVERS[1], None, 9))]);
    assert_eq!(reset.bites(9), 6);
}

#[test]
fn a_slow_host_takes_longer_and_others_do_not() {
    let calm = run(&mut engine(physics(7), None), 3_000_000, &[]);
    let mut slow = engine(physics(7), None);
    let events = run(
        &mut slow,
        3_000_000,
        &[
            act(1_000_000, |engine| engine.slow(SERVERS[0], 1, 2000)),
            act(2_000_000, |engine| engine.lift(1)),
        ],
    );
    assert_in_order(&events);
    let served = |events: &[Event], from: u64| {
        let there = events.iter().filter(|event| event.host == Some(SERVERS[0]));
        there.filter(|event| (from..from + 900_000).contains(&event.at.0)).count()
    };
    // 10 us become 20 ms: fifty requests a second.
    assert!(served(&events, 1_100_000) * 5 < served(&calm, 1_100_000));
    assert!(served(&events, 2_100_000) * 2 > served(&calm, 2_100_000));
    assert!((40..60).contains(&slow.bites(1)), "{}", slow.bites(1));
}

/// Servers that need 5 ms for a request, with a queue of one and a network thread or two.
fn crowded(seed: u64, threads: usize) -> (Engine<Program>, Vec<Event>) {
    let mut physics = physics(seed);
    physics.service.request = Duration::from_millis(5);
    let mut engine = engine(physics, Some((threads, 1)));
    let events = run(&mut engine, 4_000_000, &[]);
    (engine, events)
}

#[test]
fn network_threads_stand_still_before_a_full_queue() {
    for threads in [1, 2] {
        let (_, events) = crowded(8, threads);
        assert_in_order(&events);
        let full: Vec<_> = events
            .iter()
            .filter_map(|event| match event.kind {
                Kind::RequestQueueFull { thread, waiting } => {
                    Some((event.host.unwrap(), thread, waiting))
                }
                _ => None,
            })
            .collect();
        assert!(!full.is_empty(), "{threads} threads");
        assert!(full.iter().all(|(host, thread, waiting)| {
            SERVERS.contains(host) && (*thread as usize) < threads && *waiting == 1
        }));
        // The handler always has something to do, and everybody is served: 800 answers of 5 ms.
        for client in CLIENTS {
            let mine = answers(&events, client).len();
            assert!((400..600).contains(&mine), "{threads} threads: {client:?} got {mine}");
        }
    }
    // Without a bound the same is done, in an order of its own.
    let mut physics = physics(8);
    physics.service.request = Duration::from_millis(5);
    let events = run(&mut engine(physics, None), 4_000_000, &[]);
    let all: usize = CLIENTS.iter().map(|client| answers(&events, *client).len()).sum();
    assert!((1500..1610).contains(&all), "{all}");
}

#[test]
fn a_standing_thread_forgets_connections_that_are_gone() {
    let mut physics = physics(9);
    physics.service.request = Duration::from_millis(5);
    let mut engine = engine(physics, Some((1, 1)));
    let events = run(
        &mut engine,
        4_000_000,
        &[
            act(1_000_000, |engine| engine.reset(SERVERS[0], None, 0)),
            act(1_500_000, |engine| engine.crash(SERVERS[0], CrashKeep::PageCache, None)),
            act(2_000_000, |engine| engine.start(SERVERS[0])),
            act(2_500_000, |engine| engine.pause(SERVERS[0])),
            act(3_000_000, |engine| engine.resume(SERVERS[0])),
        ],
    );
    assert_in_order(&events);
    for client in CLIENTS {
        let late = answers(&events, client).iter().filter(|(at, _)| *at > 3_500_000).count();
        assert!(late > 50, "{client:?} got {late}");
    }
}

/// Something that happens to the world.
#[derive(Clone, Debug)]
enum Blow {
    Cut { from: usize, to: usize },
    Link { from: usize, to: usize, what: LinkFault },
    Card { host: usize, bandwidth: u64, ways: (bool, bool) },
    Slow { host: usize, factor: u32 },
    Reset { host: usize, other: Option<usize> },
    Crash { host: usize, keep: CrashKeep },
    Pause { host: usize },
    LiftOne { of: u32 },
}

fn blow() -> impl Strategy<Value = Blow> {
    let host = || 0_usize..5;
    let millis = |most: u64| (0..most).prop_map(Duration::from_millis);
    let what = prop_oneof![
        (1_u32..600_000).prop_map(LinkFault::Loss),
        (1_000_u64..100_000).prop_map(LinkFault::Bandwidth),
        (millis(300), 0_u32..5)
            .prop_map(|(by, part)| LinkFault::Delay { by, jitter: by / 4 * part.min(4) }),
        (1_u64..200).prop_map(|ms| LinkFault::Latency(spread(ms * 500, ms * 800, ms * 1000))),
    ];
    prop_oneof![
        2 => (host(), host()).prop_map(|(from, to)| Blow::Cut { from, to }),
        4 => (host(), host(), what).prop_map(|(from, to, what)| Blow::Link { from, to, what }),
        2 => (host(), 1_000_u64..100_000, any::<(bool, bool)>())
            .prop_map(|(host, bandwidth, ways)| Blow::Card { host, bandwidth, ways }),
        1 => (host(), 2_u32..5000).prop_map(|(host, factor)| Blow::Slow { host, factor }),
        1 => (host(), proptest::option::of(host()))
            .prop_map(|(host, other)| Blow::Reset { host, other }),
        1 => (host(), any::<bool>()).prop_map(|(host, lossy)| Blow::Crash {
            host,
            keep: if lossy { CrashKeep::Synced } else { CrashKeep::PageCache },
        }),
        1 => host().prop_map(|host| Blow::Pause { host }),
        3 => (0_u32..20).prop_map(|of| Blow::LiftOne { of }),
    ]
}

fn strike(engine: &mut Engine<Program>, fault: u32, blow: &Blow) {
    let id = |host: usize| HostId(u16::try_from(host).unwrap());
    match blow {
        Blow::Cut { from, to } => engine.cut(id(*from), id(*to), fault),
        Blow::Link { from, to, what } => engine.afflict(id(*from), id(*to), fault, *what),
        Blow::Card { host, bandwidth, ways } => {
            engine.throttle_card(id(*host), fault, *bandwidth, *ways);
        }
        Blow::Slow { host, factor } => engine.slow(id(*host), fault, *factor),
        Blow::Reset { host, other } => engine.reset(id(*host), other.map(id), fault),
        Blow::Crash { host, keep } => match engine.state(id(*host)) {
            HostState::Down => engine.start(id(*host)),
            HostState::Running | HostState::Paused => engine.crash(id(*host), *keep, None),
        },
        Blow::Pause { host } => match engine.state(id(*host)) {
            HostState::Paused => engine.resume(id(*host)),
            HostState::Running => engine.pause(id(*host)),
            HostState::Down => {}
        },
        Blow::LiftOne { of } => engine.lift(*of),
    }
}

const ACT: u64 = 3_000_000;
/// What was last lost at the end of the faults has been sent again by then, and answered.
const END: u64 = 14_000_000;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// Whatever goes wrong, a connection's messages arrive in order, once, none missing unless the
    /// connection ended; and when all is well again, everybody is served again.
    #[test]
    fn connections_keep_their_promise(
        seed in 0_u64..1000,
        blows in prop::collection::vec((0_u64..ACT, blow()), 0..20),
        queue in proptest::option::of((1_usize..3, 1_u32..3)),
    ) {
        let mut physics = physics(seed);
        // Slow enough that queues form and a run is short.
        physics.link.latency = spread(8_000, 20_000, 40_000);
        physics.service = ServiceTimes { request: Duration::from_millis(2), ..physics.service };
        let mut engine = engine(physics, queue);
        let mut acts: Vec<(u64, Act)> = Vec::new();
        for (fault, (at, blow)) in (0_u32..).zip(blows) {
            acts.push(act(at, move |engine| strike(engine, fault, &blow)));
        }
        acts.push(act(ACT, |engine| {
            (0..20).for_each(|fault| engine.lift(fault));
            for host in SERVERS.into_iter().chain(CLIENTS) {
                engine.resume(host);
                if engine.state(host) == HostState::Down {
                    engine.start(host);
                }
            }
        }));
        let events = run(&mut engine, END, &acts);
        assert_in_order(&events);
        // Who had power all the time notices nothing when a peer comes back without its memory, and
        // these clients have no timeouts.
        let is_dark = |event: &Event| {
            matches!(event.kind, Kind::HostStopped { keep: CrashKeep::Synced, .. })
        };
        let clients = if events.iter().any(is_dark) { &[][..] } else { &CLIENTS[..] };
        for client in clients {
            for server in SERVERS {
                let answered = events.iter().any(|event| {
                    event.host == Some(*client) && event.at.0 > END - 4_000_000
                        && matches!(event.kind, Kind::Delivered { from, .. } if from == server)
                });
                prop_assert!(answered, "{client:?} hears nothing of {server:?}");
            }
        }
    }
}
