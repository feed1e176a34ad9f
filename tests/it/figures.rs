//! The figures of a run, checked against a reckoning by hand.
//!
//! The scenario is so small that its events can be read: one partition, one producer that sends a
//! record every 100 ms, no message under way for more than 1 ms, and a leader that dies at 2 s and
//! comes back when its successor has been at work for long.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeSet;
use std::time::Duration;

use kafsim::event::{Event, Kind, OperationResult, OperationVerb, Phase, ReplicaRole};
use kafsim::explore::{RunOptions, RunOutcome, run_once, vocabulary};
use kafsim::scenario::Scenario;
use kafsim::trace::{Part, RunFile, Setup};
use kafsim::types::{HostId, Moment};

const SCENARIO: &str = r#"
version = 1
title = "small enough to be reckoned by hand"
duration = "8s"

[cluster]
brokers = 3
controllers = 1
config = { broker.session.timeout.ms = 1500, broker.heartbeat.interval.ms = 500 }

[[topic]]
name = "orders"
config = { min.insync.replicas = 2 }

[[producer]]
name = "checkout"
topic = "orders"
rate = "10/s"
config = { linger.ms = 0 }

[network]
latency = { p50 = "1ms", p99 = "1ms", max = "1ms" }

[[fault]]
at = "2s"
crash = { host = "leader of orders-0" }
for = "4s"
"#;

fn run() -> (RunOutcome, Setup, Vec<Event>) {
    let scenario = Scenario::read("small.toml", SCENARIO, &[], &[], &vocabulary()).unwrap();
    let options = RunOptions { record: true, ..RunOptions::default() };
    let executed = run_once(&scenario, 0, &options);
    let file = RunFile::read(&executed.run_file.unwrap().to_vec()).unwrap();
    let events = file.events().unwrap().map(Result::unwrap).collect();
    (executed.outcome, file.header.setup.clone(), events)
}

fn host(setup: &Setup, name: &str) -> HostId {
    let at = setup.hosts.iter().position(|host| host.name.as_str() == name).unwrap();
    HostId(u16::try_from(at).unwrap())
}

/// When healing began: what comes after it counts neither as time without a leader nor as waiting.
fn healed(events: &[Event]) -> Moment {
    let heal = |event: &&Event| matches!(event.kind, Kind::PhaseBegan { phase: Phase::Heal });
    events.iter().find(heal).unwrap().at
}

/// The definition, word for word, and as slow: at each instant at which anything happened, is there
/// a broker that has taken leadership of the newest epoch and has neither stopped nor given it up?
fn leaderless(events: &[Event]) -> Duration {
    let acts = |at: usize| {
        let past = &events[..=at];
        let newest = past.iter().filter_map(|event| match &event.kind {
            Kind::RoleTaken { leader_epoch, .. }
            | Kind::PartitionCommitted { leader_epoch, .. } => Some(*leader_epoch),
            _ => None,
        });
        let newest = newest.max();
        past.iter().enumerate().any(|(since, event)| {
            let leads = matches!(&event.kind, Kind::RoleTaken { role, leader_epoch, .. }
                if *role == ReplicaRole::Leader && Some(*leader_epoch) == newest);
            let ended = |later: &Event| {
                let stops = matches!(later.kind, Kind::HostStopped { .. } | Kind::RoleTaken { .. });
                stops && later.host == event.host
            };
            leads && !past[since + 1..].iter().any(ended)
        })
    };
    // Only these can change the answer.
    let marks: Vec<usize> = (0..events.len())
        .filter(|at| {
            matches!(
                events[*at].kind,
                Kind::RoleTaken { .. }
                    | Kind::PartitionCommitted { .. }
                    | Kind::HostStopped { .. }
                    | Kind::PhaseBegan { .. }
            )
        })
        .collect();
    let heal = healed(events);
    let clip = |at: Moment| at.clamp(Moment::SCENARIO_BEGINS, heal);
    let spans = marks.windows(2).filter(|pair| !acts(pair[0]));
    spans.map(|pair| clip(events[pair[1]].at).since(clip(events[pair[0]].at))).sum()
}

/// The definition again: the longest time from a moment at which something was asked for, or was
/// acknowledged while something else was still asked for, to the next acknowledgement or healing.
fn longest_wait(events: &[Event], producer: HostId) -> Duration {
    let heal = healed(events);
    let mut asked = BTreeSet::new();
    let mut waiting_since = None;
    let mut longest = Duration::ZERO;
    for event in events.iter().filter(|e| e.host == Some(producer) && e.at <= heal) {
        match &event.kind {
            Kind::OperationInvoked { operation, verb: OperationVerb::Send, .. } => {
                asked.insert(operation.number);
                waiting_since.get_or_insert(event.at);
            }
            Kind::OperationReturned { operation, result, .. }
                if asked.remove(&operation.number) && *result == OperationResult::Ok =>
            {
                longest = longest.max(event.at.since(waiting_since.unwrap()));
                waiting_since = (!asked.is_empty()).then_some(event.at);
            }
            _ => {}
        }
    }
    longest.max(waiting_since.map(|since| heal.since(since)).unwrap_or_default())
}

/// The definition: from the question of an application to its answer, record by record.
fn latencies(events: &[Event], producer: HostId) -> Vec<Duration> {
    let mut asked = std::collections::BTreeMap::new();
    let mut found = Vec::new();
    for event in events.iter().filter(|event| event.host == Some(producer)) {
        match &event.kind {
            Kind::OperationInvoked { operation, verb: OperationVerb::Send, .. } => {
                asked.insert(operation.number, event.at);
            }
            Kind::OperationReturned { operation, result: OperationResult::Ok, .. } => {
                if let Some(at) = asked.remove(&operation.number) {
                    found.push(event.at.since(at));
                }
            }
            _ => {}
        }
    }
    found.sort();
    found
}

/// Time since time zero, in whole milliseconds.
fn millis(at: Moment) -> i64 {
    at.scenario_micros() / 1000
}

#[test]
fn a_run_has_the_figures_that_its_events_add_up_to() {
    let (outcome, setup, events) = run();
    let producer = host(&setup, "checkout");
    let figures = &outcome.figures;

    // By their definitions, from all events.
    assert_eq!(figures.leaderless, [("orders-0".to_owned(), leaderless(&events))]);
    assert_eq!(figures.longest_without_ack, longest_wait(&events, producer));
    let all = latencies(&events, producer);
    let rank = |percent: usize| Some(all[(all.len() * percent).div_ceil(100) - 1]);
    assert_eq!(figures.ack_latency_p50, rank(50));
    assert_eq!(figures.ack_latency_p99, rank(99));
    assert_eq!(figures.ack_latency_max, all.last().copied());
    // 8 s at 10/s, the first at 0 s; nothing is lost, as two replicas had everything.
    assert_eq!((figures.acked, figures.failed, figures.unknown, figures.lost), (80, 0, 0, 0));

    // By hand. The leader dies at 2.000 s and its successor's role is the next one taken; without a
    // leader is what lies between, and the instant of the change of roles at the controller is no
    // second gap.
    let dies = events.iter().find(|e| matches!(e.kind, Kind::HostStopped { .. })).unwrap();
    assert_eq!(millis(dies.at), 2000);
    let successor = |event: &&Event| {
        let leads = matches!(event.kind, Kind::RoleTaken { role: ReplicaRole::Leader, .. });
        leads && event.at > dies.at
    };
    let takes_over = events.iter().find(successor).unwrap();
    assert_eq!(figures.leaderless[0].1, takes_over.at.since(dies.at));
    // Its last heartbeat was heard at most 500 ms (and a round trip) before it died, and 1500 ms
    // after that heartbeat it is fenced; the change is committed and applied in some milliseconds.
    let gap = figures.leaderless[0].1;
    assert!((990..=1700).contains(&gap.as_millis()), "{gap:?}");

    // The record of 2.000 s is the first that waits: it was sent as the leader died, or just after.
    // The wait ends with the first acknowledgement after the successor leads.
    let from = figures.longest_without_ack_at.unwrap();
    assert!((1900..=2000).contains(&millis(from)), "{}", millis(from));
    let acked = |event: &&Event| {
        let ok = matches!(event.kind, Kind::OperationReturned { result: OperationResult::Ok, .. });
        ok && event.host == Some(producer) && event.at > takes_over.at
    };
    let first = events.iter().find(acked).unwrap();
    assert_eq!(figures.longest_without_ack, first.at.since(from));
    assert_eq!(figures.waits, [(from, figures.longest_without_ack)], "the only long one");

    // A record in peace: to the leader; to the followers, whose fetches wait at the leader; back to
    // the leader, whose next fetches tell that they have it; to the producer. That is four messages
    // of at most 1 ms, of which half are faster, and what disks and processors take.
    let peace = figures.ack_latency_p50.unwrap();
    assert!((2..=5).contains(&peace.as_millis()), "{peace:?}");
    // The slowest is the record that the leader's death caught: it waited for all of the gap.
    assert!(figures.ack_latency_max.unwrap() >= gap, "{:?}", figures.ack_latency_max);
    assert!(figures.ack_latency_max.unwrap() <= figures.longest_without_ack + peace);
    assert!(matches!(setup.hosts[usize::from(producer.0)].part, Part::Client(_)));
}

/// What the report says of it: the waits and the leader's death in the story, the same figures.
#[test]
fn the_story_tells_what_the_figures_count() {
    let (outcome, ..) = run();
    let told: Vec<&str> = outcome.story.iter().map(|line| line.text.as_str()).collect();
    let place = |what: &str| {
        told.iter()
            .position(|line| line.contains(what))
            .unwrap_or_else(|| panic!("{what}: {told:#?}"))
    };
    let crash = place("fault 1: crash of broker-");
    assert!(told[crash].ends_with("(leader of orders-0)"), "{told:#?}");
    let waits = place("no record is acknowledged for the next ");
    let fenced = place("is fenced");
    let elected = place("is elected after broker-");
    assert!(waits < elected && crash < fenced && fenced < elected, "{told:#?}");
    assert!(outcome.story.is_sorted_by_key(|line| line.at_micros), "{told:#?}");
}
