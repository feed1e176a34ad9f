//! What producers, consumers and admin clients come to, seen in whole runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::{BTreeMap, BTreeSet};

use kafsim::event::{Event, Kind, OperationResult};
use kafsim::explore::vocabulary;
use kafsim::scenario::Scenario;
use kafsim::sim::{Options, World};
use kafsim::types::ErrorCode;

use crate::scenarios::scenario;

/// The events of a run, each with the name of the host that recorded it.
fn events(scenario: &Scenario, seed: u64) -> Vec<(String, Event)> {
    let mut world = World::new(&scenario.plan, seed, Options::default());
    let setup = std::sync::Arc::clone(&world.cast().setup);
    let mut events = Vec::new();
    let mut sink = |event: &Event, _: &_| {
        events.push((setup.host_name(event.host).to_owned(), event.clone()));
    };
    while world.next().is_some() {
        world.step(&mut sink);
    }
    events
}

fn read(text: &str) -> Scenario {
    Scenario::read("here.toml", text, &[], &[], &vocabulary()).unwrap()
}

/// What became of the sends of each client: how many of each result and error.
fn outcomes(
    events: &[(String, Event)],
) -> BTreeMap<String, BTreeMap<(OperationResult, ErrorCode), u32>> {
    let mut all: BTreeMap<String, BTreeMap<_, u32>> = BTreeMap::new();
    for (host, event) in events {
        if let Kind::OperationReturned { result, error, .. } = event.kind {
            *all.entry(host.clone()).or_default().entry((result, error)).or_default() += 1;
        }
    }
    all
}

#[test]
fn a_record_that_is_given_up_is_not_sent_failed_or_unknown() {
    let run = events(&scenario("scenarios/clients/delivery_timeout.toml", &[], &[]), 0);
    let outcomes = outcomes(&run);
    let count = |host: &str, result, error| {
        outcomes[host].get(&(result, error)).copied().unwrap_or_default()
    };
    let failed = OperationResult::Failed;
    // It never heard of its topic: not sent, after max.block.ms.
    assert!(count("newcomer", failed, ErrorCode::RequestTimedOut) > 5, "{outcomes:?}");
    // Refused before anything was appended, again and again.
    assert!(count("ledger", failed, ErrorCode::NotEnoughReplicas) > 5, "{outcomes:?}");
    // The answers were lost.
    let unknown = |host: &str| -> u32 {
        let all = outcomes[host].iter();
        all.filter(|((result, _), _)| *result == OperationResult::Unknown).map(|(_, n)| n).sum()
    };
    assert!(unknown("checkout") > 5, "{outcomes:?}");
    assert_eq!(unknown("newcomer"), 0, "{outcomes:?}");
}

/// A batch that waits for a leader that does not come back was never sent.
#[test]
fn a_batch_that_waits_in_the_accumulator_was_not_sent() {
    let run = events(
        &read(
            r#"
            version = 1
            title = "no leader"
            duration = "12s"
            [cluster]
            brokers = 3
            controllers = 1
            [[topic]]
            name = "orders"
            replication_factor = 1
            [[producer]]
            name = "checkout"
            topic = "orders"
            rate = "10/s"
            config = { request.timeout.ms = 500, delivery.timeout.ms = 2000 }
            [[fault]]
            at = "2s"
            crash = { host = "leader of orders-0" }
            for = "9s"
            "#,
        ),
        0,
    );
    let sealed: BTreeSet<u32> = run
        .iter()
        .filter_map(|(_, event)| match &event.kind {
            Kind::BatchSealed { operations, .. } => Some(operations.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    let given_up =
        run.iter().filter_map(|(host, event)| match &event.kind {
            Kind::OperationReturned {
                operation, result: OperationResult::Failed, error, ..
            } if host == "checkout" => Some((operation.number, *error)),
            _ => None,
        });
    let given_up: Vec<_> = given_up.collect();
    let never_sent = given_up.iter().filter(|(number, _)| !sealed.contains(number));
    let errors: BTreeSet<ErrorCode> = never_sent.clone().map(|(_, error)| *error).collect();
    assert!(never_sent.count() > 20, "{given_up:?}");
    assert_eq!(errors, BTreeSet::from([ErrorCode::RequestTimedOut]));
}

#[test]
fn a_truncation_is_detected_under_each_reset_policy() {
    let run = events(&scenario("scenarios/clients/reset_policies.toml", &[], &[]), 0);
    let mut detected = BTreeMap::new();
    let mut went_on = BTreeMap::new();
    let mut told = BTreeSet::new();
    for (host, event) in &run {
        match &event.kind {
            Kind::TruncationDetected { position, diverged_at, .. } => {
                detected.insert(host.as_str(), (*position, diverged_at.unwrap()));
            }
            Kind::PositionSet { offset, by_reset: true, .. } => {
                went_on.insert(host.as_str(), *offset);
            }
            Kind::OperationReturned { error: ErrorCode::OffsetOutOfRange, .. } => {
                told.insert(host.as_str());
            }
            _ => {}
        }
    }
    let all = ["earliest", "half-a-minute", "latest", "none"];
    assert_eq!(detected.keys().copied().collect::<Vec<_>>(), all);
    for host in &all[..3] {
        let (position, diverged_at) = detected[host];
        assert!(diverged_at < position);
        assert_eq!(went_on[host], diverged_at, "{host}");
    }
    assert_eq!(told, BTreeSet::from(["none"]));
}

#[test]
fn what_an_admin_asks_is_answered_in_words() {
    let run = events(&scenario("scenarios/clients/admin_tour.toml", &[], &[]), 0);
    let mut asked = BTreeMap::new();
    let mut lines = Vec::new();
    for (host, event) in run.iter().filter(|(_, event)| event.at.scenario_micros() > 0) {
        match &event.kind {
            Kind::AdminAsked { operation, what } if host == "admin" => {
                asked.insert(*operation, what.clone());
            }
            Kind::AdminAnswered { operation, answer } => {
                lines.extend(asked.remove(operation).map(|what| format!("{what}: {answer}")));
            }
            _ => {}
        }
    }
    assert!(asked.is_empty(), "{asked:?}");
    let text = lines.join("\n");
    for part in [
        "describe the cluster: broker-1; broker-2; broker-3\n",
        "describe topic orders: 0: broker-",
        "create topic late, partitions: 2, replicas: 3: done\n",
        "create topic too-many, partitions: 1, replicas: 4: refused, INVALID_REPLICATION_FACTOR\n",
        "min.insync.replicas=2 (DYNAMIC_TOPIC_CONFIG)",
        "message.max.bytes=900000 (STATIC_BROKER_CONFIG)",
        "delete topic scratch: done\n",
        "broker-3 (fenced)",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    // The records that waited for their topic were written once it was there.
    let done = run.iter().filter(|(host, event)| {
        let is_ok = matches!(event.kind, Kind::BatchDone { result: OperationResult::Ok, .. });
        host == "early-bird" && is_ok
    });
    assert!(done.count() > 20);
}

/// How many records of each producer came to each partition.
fn placed(run: &[(String, Event)]) -> BTreeMap<&str, BTreeMap<i32, usize>> {
    let mut placed: BTreeMap<&str, BTreeMap<i32, usize>> = BTreeMap::new();
    for (host, event) in run {
        if let Kind::BatchSealed { partition, operations, .. } = &event.kind {
            let counts = placed.entry(host).or_default();
            *counts.entry(partition.partition.0).or_default() += operations.len();
        }
    }
    placed
}

#[test]
fn keys_wait_for_their_partition_and_others_go_elsewhere() {
    let plan = scenario("scenarios/clients/partitioning.toml", &[], &[]);
    let run = events(&plan, 0);
    let made = run.iter().filter(|(_, event)| matches!(event.kind, Kind::RecordMade { .. }));
    assert!(made.count() > 500, "records with contents are shown");
    let calm = scenario("scenarios/clients/partitioning.toml", &["fault=[]"], &[]);
    let calm_run = events(&calm, 0);
    let (counts, calm_counts) = (placed(&run), placed(&calm_run));
    // Without a fault turns are exact.
    let turns: BTreeSet<usize> = calm_counts["in-turn"].values().copied().collect();
    let (least, most) = (turns.first().unwrap(), turns.last().unwrap());
    assert!(most - least <= 1, "{calm_counts:?}");
    // With one, keys go where they went, and turns leave the leaderless out.
    assert_eq!(counts["by-key"], calm_counts["by-key"]);
    let in_turn = &counts["in-turn"];
    let few = in_turn.iter().filter(|(_, count)| **count < most * 3 / 4);
    let few: BTreeSet<i32> = few.map(|(partition, _)| *partition).collect();
    let mut led = BTreeMap::new();
    for (_, event) in &calm_run {
        if let Kind::PartitionCommitted { partition, replicas, .. } = &event.kind {
            led.insert(partition.partition.0, replicas[0]);
        }
    }
    let dead = led[&0];
    let dead: BTreeSet<i32> = led.iter().filter(|(_, b)| **b == dead).map(|(p, _)| *p).collect();
    assert_eq!(few, dead, "{in_turn:?}");
}

#[test]
fn a_consumer_begins_at_a_time() {
    let text = |from: &str| {
        format!(
            r#"
            version = 1
            title = "from a time"
            duration = "8s"
            [cluster]
            brokers = 1
            controllers = 1
            [[topic]]
            name = "orders"
            [[producer]]
            name = "checkout"
            topic = "orders"
            rate = "10/s"
            records_max = 60
            [[consumer]]
            name = "audit"
            topic = "orders"
            from = {from}
            "#
        )
    };
    let first = |from: &str| {
        let run = events(&read(&text(from)), 0);
        let mut polled = run.iter().filter(|(host, _)| host == "audit");
        polled.find_map(|(_, event)| match &event.kind {
            Kind::Polled { base_offset, .. } => Some(base_offset.0),
            _ => None,
        })
    };
    assert_eq!(first("\"beginning\""), Some(0));
    // The consumer starts at time zero: nothing is as young as what is written at 2 s.
    assert_eq!(first("{ time = \"2s\" }"), first("\"end\""));
    assert_eq!(first("{ ago = \"1h\" }"), Some(0));
}
