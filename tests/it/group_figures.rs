//! What a report says of groups whose members fail, lose records or read topics that go away.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafsim::event::{Event, Kind};
use kafsim::explore::{Judgement, RunOptions, RunOutcome, run_once, vocabulary};
use kafsim::history::GroupFigures;
use kafsim::scenario::Scenario;
use kafsim::trace::RunFile;
use kafsim::types::{ErrorCode, Offset, TopicPartition};

const SCENARIO: &str = r#"
version = 1
title = "a group, small"
duration = "20s"

[cluster]
brokers = 1
controllers = 1
[cluster.config]
group.initial.rebalance.delay.ms = 0
offsets.topic.num.partitions = 1
offsets.topic.replication.factor = 1

[[topic]]
name = "orders"
partitions = 2

[[producer]]
name = "checkout"
topic = "orders"
rate = "100/s"
records_max = 1000

[[group]]
name = "billing"
members = 2
topics = ["orders"]
processing = "15ms"
config = { auto.offset.reset = "earliest", session.timeout.ms = 6000, heartbeat.interval.ms = 2000 }
"#;

fn run(more: &str, changes: &[&str]) -> (RunOutcome, Vec<Event>) {
    let text = format!("{SCENARIO}{more}");
    let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
    let scenario = Scenario::read("small.toml", &text, &changes, &[], &vocabulary()).unwrap();
    let options = RunOptions { record: true, ..RunOptions::default() };
    let executed = run_once(&scenario, 0, &options);
    let file = RunFile::read(&executed.run_file.unwrap().to_vec()).unwrap();
    let events = file.events().unwrap().map(Result::unwrap).collect();
    (executed.outcome, events)
}

fn group(outcome: &RunOutcome) -> &GroupFigures {
    outcome.figures.groups.iter().find(|group| group.name == "billing").unwrap()
}

/// The definition, word for word: every single offset below the last commit that no application
/// ever said that it has processed.
fn unprocessed(events: &[Event]) -> u64 {
    let mut committed: BTreeMap<TopicPartition, Offset> = BTreeMap::new();
    let mut processed: BTreeSet<(TopicPartition, i64)> = BTreeSet::new();
    for event in events {
        match &event.kind {
            Kind::OffsetCommitted { partition, offset, .. } => {
                let known = committed.entry(*partition).or_default();
                *known = (*known).max(*offset);
            }
            Kind::Processed { partition, base_offset, records, .. } => {
                let all = base_offset.0..base_offset.0 + i64::from(*records);
                processed.extend(all.map(|offset| (*partition, offset)));
            }
            _ => {}
        }
    }
    let missing = |(partition, end): (TopicPartition, Offset)| {
        (0..end.0).filter(|offset| !processed.contains(&(partition, *offset))).count() as u64
    };
    committed.into_iter().map(missing).sum()
}

const CRASH: &str = r#"
[[fault]]
at = "5s"
crash = { host = "owner of orders-0 in billing" }
for = "1s"
"#;

#[test]
fn records_that_are_committed_and_lost_in_a_crash_are_counted_and_can_be_claimed() {
    let claim = "[[claim]]\nproperty = \"at-least-once\"\nexpect = \"violated\"\n";
    let (outcome, events) = run(&format!("{CRASH}{claim}"), &["group.billing.commit=before"]);
    let lost = group(&outcome).unprocessed();
    assert!(lost > 0);
    assert_eq!(lost, unprocessed(&events));
    assert_eq!(group(&outcome).processed + lost, 1000);
    assert_eq!(outcome.judgement(), Judgement::AsExpected);
    // Nobody promised otherwise: without the claim the run is as it should be, too. Whoever
    // claims that nothing is lost is told.
    let told = |more: &str, changes: &[&str]| {
        run(more, &[&["group.billing.commit=before"], changes].concat()).0.judgement()
    };
    assert_eq!(told(CRASH, &[]), Judgement::AsExpected);
    let holds = format!("{CRASH}[[claim]]\nproperty = \"at-least-once\"\n");
    assert_eq!(told(&holds, &[]), Judgement::AsExpected, "claimed before the change");
    let claimed = ["claim.at-least-once.expect=holds"];
    assert_eq!(told(&holds, &claimed), Judgement::Unexpected);
}

#[test]
fn who_commits_afterwards_loses_nothing() {
    let (outcome, events) = run(CRASH, &["group.billing.commit=sync"]);
    let figures = group(&outcome);
    assert_eq!((figures.unprocessed(), unprocessed(&events)), (0, 0));
    assert!(figures.processed_again() > 0);
}

#[test]
fn what_a_late_group_skips_is_told() {
    let changes = ["group.billing.config.auto.offset.reset=latest", "group.billing.start=4s"];
    let figures = run("", &changes).0;
    let figures = group(&figures);
    assert!(figures.passed_over() > 300, "{}", figures.passed_over());
    assert_eq!(figures.processed + figures.passed_over(), 1000);
    assert_eq!(figures.unprocessed(), 0);
}

#[test]
fn members_that_a_coordinator_never_takes_are_named() {
    let outcome = run("", &["group.billing.config.session.timeout.ms=4000"]).0;
    let figures = group(&outcome);
    let told: Vec<_> = figures.failed.iter().map(|it| (it.host.as_str(), it.error)).collect();
    let error = Some(ErrorCode::InvalidSessionTimeout);
    assert_eq!(told, [("billing-1", error), ("billing-2", error)]);
    assert_eq!((figures.protocol, figures.processed), (None, 0));
    let line = "billing-1, billing-2 are refused as members for good: INVALID_SESSION_TIMEOUT";
    assert!(outcome.story.iter().any(|moment| moment.text == line), "{:?}", outcome.story);
}

#[test]
fn polls_without_an_offset_to_go_on_from_are_counted() {
    let outcome = run("", &["group.billing.config.auto.offset.reset=none"]).0;
    let figures = group(&outcome);
    assert!(figures.failed.is_empty());
    let told: Vec<_> = figures.failed_polls.iter().map(|it| (it.error, it.polls > 100)).collect();
    assert_eq!(told, [(ErrorCode::OffsetOutOfRange, true)]);
    let line = "polls of billing-1, billing-2 fail: OFFSET_OUT_OF_RANGE, until ";
    assert!(outcome.story.iter().any(|moment| moment.text.contains(line)), "{:?}", outcome.story);
}

#[test]
fn a_topic_that_is_deleted_is_missed_by_nobody() {
    let more = "[[topic]]\nname = \"refunds\"\n[[admin]]\nat = \"8s\"\n\
                delete_topic = { name = \"refunds\" }\n";
    let changes = ["group.billing.topics=[\"orders\", \"refunds\"]"];
    let outcome = run(more, &changes).0;
    let figures = group(&outcome);
    let refunds = figures.partitions.iter().find(|it| it.name == "refunds-0").unwrap();
    assert!(refunds.removed.is_some() && !refunds.stints.is_empty(), "{refunds:?}");
    // Twelve seconds of the run are left: nobody can own what is not there.
    assert!(refunds.unowned < Duration::from_secs(1), "{refunds:?}");
    assert_eq!(refunds.lag, 0);
}

/// A static member that is back within its session has its partitions back (KIP-345): one
/// generation, and every partition is one host's. A dynamic one costs a generation.
#[test]
fn restarts_of_static_members_move_nothing() {
    let path = "scenarios/groups/static_rolling_restart.toml";
    let figures = |is_static: &str| {
        let scenario = crate::scenarios::scenario(path, &["duration=22s", is_static], &[]);
        run_once(&scenario, 0, &RunOptions::default()).outcome.figures.groups.remove(0)
    };
    let figures_static = figures("group.billing.static=true");
    assert_eq!(figures_static.epochs.len(), 1);
    for partition in &figures_static.partitions {
        let owners: BTreeSet<_> = partition.stints.iter().map(|stint| &stint.owner).collect();
        assert_eq!(owners.len(), 1, "{partition:?}");
    }
    assert_eq!(figures("group.billing.static=false").epochs.len(), 4);
}

/// What the admin client of a scenario is told of a group, and what comes of it.
#[test]
fn a_group_is_administered_by_a_scenario() {
    let scenario = crate::scenarios::scenario("scenarios/groups/administer_a_group.toml", &[], &[]);
    let outcome = run_once(&scenario, 0, &RunOptions::default()).outcome;
    let told: Vec<&str> = outcome
        .story
        .iter()
        .filter_map(|moment| moment.text.strip_prefix("admin asks to "))
        .collect();
    let is_told = |what: &str| told.iter().any(|line| line.starts_with(what));
    assert!(is_told("list groups, and is told: billing (classic, Stable)"), "{told:?}");
    assert!(is_told("delete group billing, which is refused: NON_EMPTY_GROUP"), "{told:?}");
    let subscribed = "orders-1, and is told: orders-1 not, GROUP_SUBSCRIBED_TO_TOPIC";
    assert!(is_told(&format!("delete the offsets of group billing in {subscribed}")), "{told:?}");
    let refused = "set the offsets of group billing: orders-0 to 0, and is told: orders-0 not, UNKNOWN_MEMBER_ID";
    assert!(is_told(refused), "{told:?}");
    assert!(is_told("describe group billing, and is told: classic, Empty"), "{told:?}");
    let offsets: Vec<&str> = told
        .iter()
        .filter_map(|line| line.strip_prefix("list the offsets of group billing, and is told: "))
        .collect();
    // While it is paused nothing of orders-0 is committed; of orders-1 it is.
    let of = |line: &str, nth: usize| line.split("; ").nth(nth).unwrap().to_owned();
    assert_eq!(of(offsets[0], 0), of(offsets[1], 0), "{told:?}");
    assert_ne!(of(offsets[0], 1), of(offsets[1], 1), "{told:?}");
    assert_eq!(offsets[2], "orders-0 at 0", "{told:?}");
    // All of orders-0 comes again, and all of orders-1.
    let figures = group(&outcome);
    assert_eq!((figures.processed, figures.processed_again()), (900, 900));
    assert_eq!(figures.unprocessed(), 0);
}
