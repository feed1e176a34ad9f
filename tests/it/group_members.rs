//! Members of groups in whole runs: what a restart, a pause, an end or a new topic costs the others.

use std::collections::{BTreeMap, BTreeSet};

use kafsim::event::{Event, GivenUpBecause, GroupProtocol, Kind, LeftBecause, MemberState};

use crate::watched::{Watched, watch_text};

const CLUSTER: &str = r#"
version = 1
title = "members"
duration = "30s"
[cluster]
brokers = 3
controllers = 1
[[topic]]
name = "orders"
partitions = 5
[[producer]]
name = "checkout"
topic = "orders"
rate = "20/s"
"#;

fn run(rest: &str) -> Watched {
    let mut run = watch_text(&format!("{CLUSTER}{rest}"));
    run.assert_clean();
    run
}

/// How many events of a kind there were after so many milliseconds.
fn count_after(run: &Watched, millis: i64, is: impl Fn(&Kind) -> bool) -> usize {
    run.times(is).into_iter().filter(|at| *at >= millis).count()
}

fn begins_epoch(kind: &Kind) -> bool {
    matches!(kind, Kind::GroupEpochBegan { .. })
}

/// KIP-345 within KIP-848: whoever is back within its session goes on with what it had.
#[test]
fn a_static_member_of_kip_848_restarts_unnoticed() {
    let run = run(r#"
[[group]]
name = "billing"
members = 3
topics = ["orders"]
static = true
config = { auto.offset.reset = "earliest", group.protocol = "consumer" }
[[fault]]
at = "16s"
rolling_restart = { hosts = ["billing-1", "billing-2"], pause = "2s" }
"#);
    let replaced =
        |kind: &Kind| matches!(kind, Kind::MemberLeft { because: LeftBecause::Replaced, .. });
    assert_eq!(count_after(&run, 16_000, replaced), 2, "both come back");
    assert_eq!(count_after(&run, 16_000, begins_epoch), 0);
    let decided = |kind: &Kind| matches!(kind, Kind::AssignmentDecided { .. });
    assert_eq!(count_after(&run, 16_000, decided), 0);
}

/// The group changes its protocol with the first member that restarts, and back with the last;
/// nothing is processed twice, and each epoch follows on the generation before.
#[test]
fn a_group_goes_over_to_kip_848_and_back() {
    let run = run(r#"
[[group]]
name = "billing"
members = 2
topics = ["orders"]
commit = "sync"
config = { auto.offset.reset = "earliest", partition.assignment.strategy = ["range", "sticky"] }
deploy = [
  { at = "10s", config = { auto.offset.reset = "earliest", group.protocol = "consumer" } },
  { at = "20s", config = { auto.offset.reset = "earliest", partition.assignment.strategy = "sticky" } },
]
[[fault]]
at = "11s"
rolling_restart = { hosts = ["billing-1", "billing-2"], pause = "2s" }
[[fault]]
at = "21s"
rolling_restart = { hosts = ["billing-1", "billing-2"], pause = "2s" }
"#);
    let mut protocols = Vec::new();
    let mut epochs = Vec::new();
    for (_, event) in run.kinds() {
        if let Kind::GroupStateChanged { protocol, .. } = &event.kind
            && protocols.last() != Some(protocol)
        {
            protocols.push(*protocol);
        }
        if let Kind::GroupEpochBegan { epoch, .. } = &event.kind {
            epochs.push(epoch.0);
        }
    }
    let (classic, modern) = (GroupProtocol::Classic, GroupProtocol::Consumer);
    assert_eq!(protocols, [classic, modern, classic]);
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
    let mut processed = BTreeMap::new();
    for (_, event) in run.kinds() {
        if let Kind::Processed { partition, base_offset, records, .. } = &event.kind {
            for place in 0..u64::from(*records) {
                *processed.entry((*partition, *base_offset + place)).or_insert(0) += 1;
            }
        }
    }
    assert!(processed.len() > 300, "{}", processed.len());
    assert!(processed.values().all(|times| *times == 1));
}

/// After `max.poll.interval.ms` a static member says that it will be back, keeps its id, and is
/// taken back by it.
#[test]
fn a_static_member_of_kip_848_that_polled_too_late_is_taken_back() {
    let run = run(r#"
[[group]]
name = "billing"
members = 2
topics = ["orders"]
static = true
config = { auto.offset.reset = "earliest", group.protocol = "consumer", max.poll.interval.ms = 8000 }
[[fault]]
at = "10s"
stall = { host = "billing-2" }
for = "12s"
"#);
    let entered = |wanted: MemberState| {
        count_after(
            &run,
            10_000,
            |kind| matches!(kind, Kind::MemberStateEntered { state, .. } if *state == wanted),
        )
    };
    assert_eq!(entered(MemberState::Stale), 1);
    assert_eq!(entered(MemberState::Joining), 1);
    assert_eq!(entered(MemberState::Fenced), 0);
}

/// KIP-1082: members of KIP-848 that end before they are answered leave all the same.
#[test]
fn members_that_end_while_they_join_leave() {
    let run = run(r#"
[[group]]
name = "billing"
members = 2
topics = ["orders"]
scale = [{ at = "15000ms", members = 5 }, { at = "15004ms", members = 2 }]
config = { auto.offset.reset = "earliest", group.protocol = "consumer" }
"#);
    let left = |wanted: LeftBecause| {
        count_after(
            &run,
            15_000,
            |kind| matches!(kind, Kind::MemberLeft { because, .. } if *because == wanted),
        )
    };
    let joined = count_after(&run, 15_000, |kind| matches!(kind, Kind::MemberJoined { .. }));
    assert!(joined > 0, "the coordinator hears of them before they end");
    // They have until healing begins, and the others leave then.
    let by = run.times(|kind| matches!(kind, Kind::MemberLeft { .. }));
    assert!(by.iter().filter(|at| **at < 16_000).count() == joined, "{by:?}");
    assert_eq!(left(LeftBecause::SessionExpired), 0);
}

/// Members that learn of a new topic at different times look for it together.
#[test]
fn a_new_topic_that_a_pattern_matches_costs_one_round() {
    let run = run(r#"
[[admin]]
at = "22s"
create_topic = { name = "orders-us", partitions = 4 }
[[group]]
name = "billing"
members = 2
pattern = "orders.*"
scale = [{ at = "11s", members = 3 }, { at = "13s", members = 4 }]
config = { auto.offset.reset = "earliest", metadata.max.age.ms = 6000, heartbeat.interval.ms = 1000, session.timeout.ms = 6000 }
"#);
    assert_eq!(count_after(&run, 22_000, begins_epoch), 1);
    let owned = run.world.model().members_of("billing").map(|(_, view)| view.owned.len());
    assert_eq!(owned.sum::<usize>(), 9);
}

/// Without a topic there is a group all the same.
#[test]
fn a_pattern_that_matches_nothing_yet_forms_a_group() {
    let run = run(r#"
[[group]]
name = "billing"
members = 2
pattern = "payments.*"
config = { auto.offset.reset = "earliest" }
"#);
    let joined = run.times(|kind| matches!(kind, Kind::MemberJoined { .. }));
    assert_eq!(joined.len(), 2);
}

/// What is committed by the clock is what is owned then, not what was given up just before.
#[test]
fn members_commit_only_what_they_own() {
    let run = run(r#"
[[group]]
name = "billing"
members = 2
topics = ["orders"]
scale = [{ at = "12s", members = 3 }, { at = "20s", members = 2 }]
config = { auto.offset.reset = "earliest", auto.commit.interval.ms = 20, partition.assignment.strategy = "cooperative-sticky" }
"#);
    let mut owned: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let (mut revoked, mut committed) = (0, 0);
    for Event { host, kind, at, .. } in &run.events {
        let owned = owned.entry(*host).or_default();
        match kind {
            Kind::PartitionTaken { partition, .. } => {
                owned.insert(*partition);
            }
            Kind::PartitionGivenUp { partition, because, .. } => {
                owned.remove(partition);
                revoked += usize::from(*because == GivenUpBecause::Revoked);
            }
            Kind::CommitAsked { partition, automatic: true, .. } => {
                assert!(owned.contains(partition), "{host:?} commits {partition:?} at {at:?}");
                committed += 1;
            }
            _ => {}
        }
    }
    assert!(revoked > 0 && committed > 0, "{revoked} revoked, {committed} committed");
}
