//! Processes that are asked to end in order: brokers, controllers, clients, one by one and as a
//! rolling restart.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeSet;
use std::time::Duration;

use kafsim::event::{
    Event, HaltReason, Kind, LifecycleState, OperationResult, OperationVerb, Phase, RestartStep,
    StartedAs,
};
use kafsim::explore::{Judgement, RunOptions, run_once, vocabulary};
use kafsim::scenario::Scenario;
use kafsim::sim::{Options, Progress, World};
use kafsim::trace::Model;
use kafsim::types::{BrokerId, Moment};

use crate::scenarios;

/// A small cluster with work, and what goes wrong.
fn scenario(duration: &str, more: &str) -> Scenario {
    let text = format!(
        r#"
version = 1
title = "processes are asked to end"
duration = "{duration}"
[cluster]
brokers = 3
controllers = 3
[[topic]]
name = "orders"
partitions = 3
config = {{ min.insync.replicas = 2 }}
[[producer]]
name = "checkout"
topic = "orders"
rate = "20/s"
[[consumer]]
name = "audit"
topic = "orders"
{more}
"#
    );
    Scenario::read("stopping.toml", &text, &[], &[], &vocabulary())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Runs it to its end, which must be a good one, and says what happened from time zero on.
fn run(scenario: &Scenario) -> (Vec<Event>, World) {
    let mut world = World::new(&scenario.plan, 0, Options::default());
    let mut events = Vec::new();
    let mut sink = |event: &Event, _: &Model| {
        if event.at >= Moment::SCENARIO_BEGINS {
            events.push(event.clone());
        }
    };
    while world.next().is_some() {
        world.step(&mut sink);
    }
    assert_eq!(world.progress(), Progress::Finished, "{:?}", world.amiss());
    for verdict in world.verdicts() {
        assert_ne!(verdict.outcome.name(), "violated", "{verdict}");
    }
    (events, world)
}

/// Looks for events in this order, each behind the one before, and says when they happened.
struct Order<'a> {
    events: &'a [Event],
    at: usize,
}

impl Order<'_> {
    fn then(&mut self, what: &str, is: impl Fn(&Event) -> bool) -> &Event {
        let found = self.events[self.at..].iter().position(is);
        let found = found.unwrap_or_else(|| panic!("{what}: not there, or not in this order"));
        self.at += found + 1;
        &self.events[self.at - 1]
    }
}

fn of(host: &str, world: &World) -> impl Fn(&Event) -> bool + use<> {
    let id = world.model().setup().hosts().find(|(_, h)| h.name.as_str() == host).unwrap().0;
    move |event| event.host == Some(id)
}

#[test]
fn a_broker_hands_over_closes_its_logs_and_comes_back_clean() {
    let (events, world) = run(&scenario(
        "20s",
        "[[fault]]\nat = \"3s\"\nstop = { host = \"broker-1\" }\nfor = \"8s\"",
    ));
    assert_eq!(world.exposure().bit, 1, "the fault bit");
    let mine = of("broker-1", &world);
    let broker = BrokerId(1);
    let mut order = Order { events: &events, at: 0 };
    let asked = order.then("asked", |e| mine(e) && e.kind == Kind::ShutdownRequested {}).at;
    let entered = |state| move |e: &Event| e.kind == Kind::BrokerStateEntered { state };
    order.then("pending", |e| mine(e) && entered(LifecycleState::PendingControlledShutdown)(e));
    order.then("recorded", |e| {
        matches!(e.kind, Kind::RegistrationCommitted { broker: of, in_controlled_shutdown: true,
            fenced: false, .. } if of == broker)
    });
    order.then("out of the sets", |e| {
        matches!(&e.kind, Kind::PartitionCommitted { leader, in_sync, .. }
            if *leader != Some(broker) && !in_sync.contains(broker))
    });
    order.then("let go", |e| {
        matches!(e.kind, Kind::RegistrationCommitted { broker: of, fenced: true, .. }
            if of == broker)
    });
    order.then("closing", |e| mine(e) && entered(LifecycleState::ShuttingDown)(e));
    let ended = order.then("ended", |e| {
        mine(e) && matches!(e.kind, Kind::HostStopped { in_order: true, halted: None, .. })
    });
    // The others say what they have applied with their heartbeats, every two seconds.
    assert!(ended.at.since(asked) < Duration::from_secs(3), "{:?}", ended.at.since(asked));
    let started = order.then("started", |e| {
        mine(e) && matches!(e.kind, Kind::HostStarted { after: StartedAs::AfterShutdown, .. })
    });
    assert_eq!(started.at.since(asked), Duration::from_secs(8), "at the end of the fault");
    order.then("recovered", |e| {
        mine(e)
            && matches!(e.kind, Kind::LogRecovered { clean: true, partition, .. }
            if partition.partition.0 >= 0)
    });
    order.then("registered", |e| {
        matches!(e.kind, Kind::BrokerRegistered { broker: of, clean: true, .. } if of == broker)
    });
    // Whoever shut down was not counted on: no high watermark waited for it.
    assert_eq!(world.figures().lost, 0);
}

#[test]
fn while_it_waits_to_be_let_go_a_broker_serves_and_afterwards_nobody_connects() {
    let (events, world) = run(&scenario(
        "20s",
        "[[fault]]\nat = \"3s\"\nstop = { host = \"broker-2\" }\nfor = \"8s\"",
    ));
    let mine = of("broker-2", &world);
    let position = |is: &dyn Fn(&Event) -> bool| events.iter().position(is).unwrap();
    let pending = LifecycleState::PendingControlledShutdown;
    let asked = position(&|e| mine(e) && e.kind == Kind::BrokerStateEntered { state: pending });
    let closing = LifecycleState::ShuttingDown;
    let closed = position(&|e| mine(e) && e.kind == Kind::BrokerStateEntered { state: closing });
    let ended = position(&|e| mine(e) && matches!(e.kind, Kind::HostStopped { .. }));
    let asks = |events: &[Event]| {
        let is_request =
            |e: &&Event| mine(e) && matches!(e.kind, Kind::Delivered { is_response: false, .. });
        events.iter().filter(is_request).count()
    };
    assert!(asks(&events[asked..closed]) > 0, "it serves on");
    let opened = |e: &&Event| mine(e) && matches!(e.kind, Kind::ConnectionOpened { .. });
    assert_eq!(events[closed..ended].iter().filter(opened).count(), 0);
}

#[test]
fn a_rolling_restart_goes_from_one_to_the_next_and_ends_when_all_are_back() {
    let restart = "[[fault]]\nat = \"2s\"\n\
                   rolling_restart = { hosts = [\"broker-3\", \"broker-1\"], pause = \"1s\" }";
    let (events, world) = run(&scenario("30s", restart));
    let name = |host| world.model().setup().host_name(Some(host)).to_owned();
    let steps: Vec<_> = events
        .iter()
        .filter_map(|event| match event.kind {
            Kind::RestartStepped { host, step, .. } => Some((name(host), step)),
            _ => None,
        })
        .filter(|(_, step)| *step != RestartStep::Waits)
        .collect();
    let turn = |host: &str| {
        [RestartStep::Stops, RestartStep::Starts, RestartStep::InSync]
            .map(|step| (host.to_owned(), step))
    };
    assert_eq!(steps, [turn("broker-3"), turn("broker-1")].concat());
    // Never more than one is down, and all are in sync before the next one goes.
    let mut down = BTreeSet::new();
    for event in &events {
        match event.kind {
            Kind::HostStopped { in_order, .. } => {
                assert!(in_order);
                down.insert(event.host);
                assert!(down.len() == 1, "{down:?}");
            }
            Kind::HostStarted { .. } => drop(down.remove(&event.host)),
            _ => {}
        }
    }
    let ended = events.iter().find(|e| matches!(e.kind, Kind::FaultEnded { .. })).unwrap();
    assert!(ended.at < Moment::SCENARIO_BEGINS + Duration::from_secs(20), "it ends when done");
    assert_eq!(world.exposure().bit, 1);
}

fn is_step(event: &Event, wanted: RestartStep) -> bool {
    match event.kind {
        Kind::RestartStepped { step, .. } => step == wanted,
        _ => false,
    }
}

#[test]
fn the_operator_waits_while_another_broker_is_down() {
    let faults = "[[fault]]\nat = \"2s\"\ncrash = { host = \"broker-2\" }\nfor = \"5s\"\n\
                  [[fault]]\nat = \"3s\"\nrolling_restart = { hosts = \"broker-1\" }";
    let (events, world) = run(&scenario("30s", faults));
    let mut order = Order { events: &events, at: 0 };
    order.then("waits", |e| is_step(e, RestartStep::Waits));
    let other = of("broker-2", &world);
    order.then("the other is back", |e| other(e) && matches!(e.kind, Kind::HostStarted { .. }));
    order.then("stops", |e| is_step(e, RestartStep::Stops));
}

#[test]
fn without_a_controller_a_broker_ends_after_five_minutes() {
    let faults = "[[fault]]\nat = \"2s\"\ncrash = { host = \"every controller\" }\n\
                  [[fault]]\nat = \"3s\"\nstop = { host = \"broker-1\" }\nfor = \"1s\"";
    let mut scenario = scenario("310s", faults);
    // Five minutes of nothing: nobody need write meanwhile.
    let plan = std::sync::Arc::make_mut(&mut scenario.plan);
    plan.producers[0].records_max = Some(20);
    let (events, world) = run(&scenario);
    let mine = of("broker-1", &world);
    let mut order = Order { events: &events, at: 0 };
    let asked = order.then("asked", |e| mine(e) && e.kind == Kind::ShutdownRequested {}).at;
    let ended = order
        .then("ended", |e| mine(e) && matches!(e.kind, Kind::HostStopped { in_order: true, .. }));
    let took = ended.at.since(asked);
    assert!(took >= Duration::from_secs(300) && took < Duration::from_secs(301), "{took:?}");
    // The fault was over long ago: the process is started as soon as it has ended.
    let ended = ended.at;
    let started = order.then("started", |e| mine(e) && matches!(e.kind, Kind::HostStarted { .. }));
    assert_eq!(started.at, ended);
}

#[test]
fn a_broker_that_has_not_started_yet_just_ends() {
    let faults = "[[fault]]\nat = \"2s\"\ncrash = { host = \"broker-1\" }\nfor = \"2s\"\n\
                  [[fault]]\nat = \"5s\"\nstop = { host = \"broker-1\" }\nfor = \"2s\"";
    let (events, world) = run(&scenario("30s", faults));
    let mine = of("broker-1", &world);
    let mut order = Order { events: &events, at: 0 };
    // It was back after two seconds, and must wait for the session of the process before.
    order.then("asked", |e| mine(e) && e.kind == Kind::ShutdownRequested {});
    order.then("ended", |e| {
        mine(e)
            && matches!(
                e.kind,
                Kind::HostStopped {
                    in_order: false,
                    halted: Some(HaltReason::StoppedBeforeStarted),
                    ..
                }
            )
    });
    order.then("recovered", |e| {
        mine(e)
            && matches!(e.kind, Kind::LogRecovered { clean: false, partition, .. }
            if world.model().partitions.contains_key(&partition))
    });
}

#[test]
fn a_controller_that_is_stopped_is_replaced_sooner_than_one_that_crashes() {
    let absence = |fault: &str| {
        let fault = format!("[[fault]]\nat = \"3s\"\n{fault}\nfor = \"5s\"");
        let (events, _) = run(&scenario("15s", &fault));
        let mut order = Order { events: &events, at: 0 };
        let began = order.then("began", |e| matches!(e.kind, Kind::FaultBegan { .. })).at;
        let next =
            order.then("replaced", |e| matches!(e.kind, Kind::ControllerActivated { .. })).at;
        next.since(began)
    };
    let stopped = absence("stop = { host = \"active controller\" }");
    let crashed = absence("crash = { host = \"active controller\" }");
    assert!(stopped < Duration::from_millis(200), "{stopped:?}");
    assert!(crashed > Duration::from_secs(1), "{crashed:?}");
}

#[test]
fn a_producer_that_is_stopped_waits_for_what_it_has_sent() {
    // Nobody leads while all brokers are away: what was sent then is answered after their return.
    let faults = "[[fault]]\nat = \"3s\"\npause = { host = \"every broker\" }\nfor = \"3s\"\n\
                  [[fault]]\nat = \"4s\"\nstop = { host = \"checkout\" }\nfor = \"6s\"\n\
                  [[fault]]\nat = \"4s\"\nstop = { host = \"audit\" }\nfor = \"6s\"";
    let (events, world) = run(&scenario("20s", faults));
    let mine = of("checkout", &world);
    let mut order = Order { events: &events, at: 0 };
    let closes = order.then("closes", |e| {
        mine(e) && matches!(e.kind, Kind::OperationInvoked { verb: OperationVerb::Close, .. })
    });
    let closes = closes.at;
    let ended = order
        .then("ended", |e| mine(e) && matches!(e.kind, Kind::HostStopped { in_order: true, .. }));
    assert!(ended.at.since(closes) > Duration::from_secs(1), "it waited for the brokers");
    let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for event in events.iter().filter(|e| mine(e)) {
        match &event.kind {
            Kind::OperationInvoked { operation, .. } => drop(asked.insert(*operation)),
            Kind::OperationReturned { operation, result, .. } => {
                assert_eq!(*result, OperationResult::Ok);
                answered.insert(*operation);
            }
            Kind::PhaseBegan { phase: Phase::Audit } => break,
            _ => {}
        }
    }
    assert_eq!(asked, answered);
    let reader = of("audit", &world);
    assert!(
        events
            .iter()
            .any(|e| { reader(e) && matches!(e.kind, Kind::HostStopped { in_order: true, .. }) })
    );
}

#[test]
fn controlled_shutdown_is_what_keeps_partitions_led() {
    let leaderless = |changes: &[&str]| {
        let path = "scenarios/operations/rolling_restart.toml";
        let executed =
            run_once(&scenarios::scenario(path, changes, &[]), 0, &RunOptions::default());
        assert_eq!(executed.outcome.judgement(), Judgement::AsExpected);
        executed.outcome.figures.leaderless.iter().map(|(_, t)| *t).max().unwrap_or_default()
    };
    let with = leaderless(&[]);
    assert!(with < Duration::from_millis(100), "{with:?}");
    let without = leaderless(&["cluster.config.controlled.shutdown.enable=false"]);
    assert!(without > Duration::from_secs(5), "{without:?}");
}

#[test]
fn who_takes_too_long_to_end_is_killed() {
    let stop = "[[fault]]\nat = \"3s\"\n\
                stop = { host = \"broker-1\", kill_after = \"20ms\" }\nfor = \"4s\"";
    let (events, world) = run(&scenario("25s", stop));
    let mine = of("broker-1", &world);
    let mut order = Order { events: &events, at: 0 };
    let asked = order.then("asked", |e| mine(e) && e.kind == Kind::ShutdownRequested {}).at;
    let killed = order.then("killed", |e| {
        mine(e) && matches!(e.kind, Kind::HostStopped { in_order: false, halted: None, .. })
    });
    assert_eq!(killed.at.since(asked), Duration::from_millis(20));
    order.then("unclean", |e| matches!(e.kind, Kind::BrokerRegistered { clean: false, .. }));
}
