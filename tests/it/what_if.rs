//! What would have saved a run: what is tried, and what is said of it.

use kafsim::explore::{Came, RunOptions, WhatIf, WhatIfs, run_once, vocabulary, what_if};
use kafsim::report::explain::Retried;
use kafsim::scenario::Scenario;

use crate::museum::RETRIED;

/// Two settings of one change: each is in its words, with whose it is.
#[test]
fn kafsim_takes_every_change_that_was_offered_for_the_museum() {
    for (name, kept) in RETRIED.iter() {
        let text = std::fs::read_to_string(&kept.scenario).unwrap();
        for saved in &kept.reruns.saved_by {
            let sets = [&["defects=[]".to_owned()], &kept.sets[..], &saved.set[..]].concat();
            let read = Scenario::read(name, &text, &sets, &[], &vocabulary());
            assert!(read.is_ok(), "{name}: {:?}: {read:?}", saved.set);
            let parts = saved.set.iter().filter_map(|set| set.split_once(".config."));
            for (whose, setting) in parts.filter(|_| saved.set.len() > 1) {
                assert!(saved.change.contains(setting), "{name}: {saved:?}");
                let name_of = whose.split_once('.').map_or("", |(_, name)| name);
                assert!(saved.change.contains(name_of), "{name}: {saved:?}");
            }
        }
    }
}

const RANDOM: &str = r#"version = 1
title = "a leader that is cut off by a drawn fault loses what acks=1 acknowledged"
duration = "20s"

[cluster]
brokers = 3
controllers = 1
config = { broker.session.timeout.ms = 2000, broker.heartbeat.interval.ms = 300 }

[[topic]]
name = "t"
partitions = 1
config = { min.insync.replicas = 1, unclean.leader.election.enable = true }

[[producer]]
name = "p"
topic = "t"
rate = "30/s"
config = { acks = "1", enable.idempotence = false, request.timeout.ms = 1500, delivery.timeout.ms = 6000 }

[faults.random]
budget = { hosts_down = 2, power_losses = 0 }

[[claim]]
property = "acks-one-durability"
"#;

/// Draws five faults; the third, a partition, is why records are lost at 11.4 s.
const SEED: u64 = 13;

fn tried<'a>(found: &'a WhatIfs, change: &str) -> &'a WhatIf {
    found
        .tried
        .iter()
        .find(|it| it.change.starts_with(change))
        .unwrap_or_else(|| panic!("{found:?}"))
}

#[test]
fn drawn_faults_are_tried_like_written_ones() {
    let read =
        |sets: &[String]| Scenario::read("a.toml", RANDOM, sets, &[], &vocabulary()).unwrap();
    let scenario = read(&[]);
    let before = run_once(&scenario, SEED, &RunOptions::default()).outcome;
    assert_eq!(before.faults.begun, 5);
    let found = what_if(&scenario, SEED, "acks-one-durability", before.fingerprint.events);
    let needed = tried(&found, "without fault 3 (partition)");
    assert_eq!(
        (needed.came, &needed.set[..]),
        (Came::Helped, &["faults.random.without=[3]".to_owned()][..])
    );
    assert_eq!(needed.nearby, None, "other seeds draw others");
    let nearby = tried(&found, "acks=all").nearby.unwrap();
    assert_eq!(nearby.violated, 0, "{nearby:?}");
    // Those that began after the breach are neither tried nor told.
    let late = |it: &String| it.starts_with("without fault 4") || it.starts_with("without fault 5");
    assert!(!found.tried.iter().any(|it| late(&it.change)), "{found:?}");
    assert!(found.not_tried.is_empty(), "{found:?}");
    // Where it was outside its premise before, nothing is promised no more.
    let idle = tried(&found, "without fault 2 (reset)");
    assert_eq!(
        idle.outcome.split(';').next(),
        Some("still violated, outside its premise as before")
    );
    // The change is the one that `--set` makes, and what it leaves is what there was.
    let after = run_once(&read(&needed.set), SEED, &RunOptions::default()).outcome;
    assert_eq!(after.faults.planned, 4);
    let retried = Retried::of(&kafsim::report::explain::Reruns::from(found).saved_by);
    assert_eq!((retried.needed, retried.idle), ([3].into(), [1, 2].into()));
}

/// A producer that may not say that a batch failed says that it does not know: that is a test, too.
#[test]
fn who_says_that_nobody_knows_has_kept_from_saying_that_it_failed() {
    let text = r#"version = 1
title = "answers of the leader are lost"
duration = "20s"
defects = ["mutation-nack-taken-for-proof"]
[cluster]
brokers = 3
controllers = 1
[[topic]]
name = "m"
[[producer]]
name = "p"
topic = "m"
rate = "20/s"
config = { delivery.timeout.ms = 4000, request.timeout.ms = 1500 }
[[fault]]
at = "6s"
cut = { between = ["leader of m-0", "p"], direction = "outbound" }
for = "7s"
"#;
    let scenario = Scenario::read("a.toml", text, &[], &[], &vocabulary()).unwrap();
    let found = what_if(&scenario, 0, "nack-not-proof", 20_000);
    let off = tried(&found, "the bug mutation-nack-taken-for-proof off");
    assert_eq!(off.came, Came::Helped, "{off:?}");
    assert!(off.outcome.starts_with("not violated: "), "{off:?}");
    assert_eq!(tried(&found, "without fault 1 (cut)").came, Came::Untried, "{found:?}");
}

/// What a coordinator remembers is lost with the records of its topic: no timeout brings it back.
#[test]
fn commits_that_are_lost_are_saved_by_settings_of_their_topic() {
    let text = r#"version = 1
title = "the only copy of a group's commits loses its tail"
duration = "20s"
[cluster]
brokers = 3
controllers = 1
config = { offsets.topic.replication.factor = 1, broker.session.timeout.ms = 3000, broker.heartbeat.interval.ms = 500 }
[[topic]]
name = "jobs"
[[producer]]
name = "boss"
topic = "jobs"
rate = "20/s"
[[group]]
name = "crew"
topics = ["jobs"]
commit = "sync"
config = { session.timeout.ms = 30000 }
[[fault]]
at = "8s"
crash = { host = "coordinator of crew", keep = "synced" }
for = "3s"
"#;
    let scenario = Scenario::read("a.toml", text, &[], &[], &vocabulary()).unwrap();
    let found = what_if(&scenario, 0, "commit-durable", 40_000);
    for key in ["offsets.topic.replication.factor=3", "log.flush.interval.messages=1"] {
        let saved = tried(&found, key);
        assert_eq!(saved.came, Came::Helped, "{saved:?}");
        assert_eq!(saved.set, [format!("cluster.config.{key}")]);
    }
    assert!(!found.tried.iter().any(|it| it.change.contains("timeout")), "{found:?}");
}

/// What an administrator did before the breach is left out, too: neither what it only asked, nor
/// what was refused, nor what came later.
#[test]
fn what_an_administrator_did_is_left_out() {
    let text = r#"version = 1
title = "someone allows unclean elections"
duration = "32s"
[cluster]
brokers = 3
controllers = 1
config = { broker.session.timeout.ms = 3000, broker.heartbeat.interval.ms = 500, replica.lag.time.max.ms = 4000 }
[[topic]]
name = "orders"
config = { min.insync.replicas = 1 }
[[producer]]
name = "checkout"
topic = "orders"
rate = "20/s"
[[fault]]
at = "3s"
isolate = { host = "replica 2 of orders-0" }
for = "10s"
[[fault]]
at = "3s"
isolate = { host = "replica 3 of orders-0" }
for = "10s"
[[fault]]
at = "12s"
crash = { host = "replica 1 of orders-0" }
for = "18s"
[[admin]]
at = "1s"
describe_topic = { name = "orders" }
[[admin]]
when = { event = "host-stopped", after = "4s" }
elect_leaders = { election = "preferred", partitions = ["orders-0"] }
[[admin]]
at = "18s"
alter_config = { topic = "orders", set = { unclean.leader.election.enable = true } }
[[admin]]
at = "31s"
delete_records = { partition = "orders-0" }
"#;
    let scenario = Scenario::read("a.toml", text, &[], &[], &vocabulary()).unwrap();
    let all = run_once(&scenario, 0, &RunOptions::default()).outcome;
    let lost = all.figures.lost;
    assert!(lost > 50, "{lost}");
    assert_eq!(all.operations_asked, [1, 3, 4].into(), "the preferred replica was down");
    let found = what_if(&scenario, 0, "acked-durability", all.fingerprint.events);
    let saved = tried(&found, "without admin operation 3 (alter-config at 18s)");
    assert_eq!((saved.came, &saved.set[..]), (Came::Helped, &["admin.3=[]".to_owned()][..]));
    assert!(saved.outcome.contains(&format!("records lost 0 (was {lost})")), "{saved:?}");
    assert!(saved.nearby.is_some_and(|it| it.violated == 0 && it.without > 0), "{saved:?}");
    let of_admin = found.tried.iter().filter(|it| it.change.contains("admin"));
    assert_eq!(of_admin.count(), 1, "{found:?}");
}

/// A change after which the breach remains says how many records it saves: what is stopped at its
/// breach is run to its end for that.
#[test]
fn a_change_that_does_not_help_says_how_much_it_saves() {
    let text = r#"version = 1
title = "a leader is cut off twice"
duration = "30s"
[cluster]
brokers = 3
controllers = 1
config = { broker.session.timeout.ms = 3000, broker.heartbeat.interval.ms = 500 }
[[topic]]
name = "t"
config = { min.insync.replicas = 1 }
[[producer]]
name = "p"
topic = "t"
rate = "30/s"
config = { acks = 1 }
[[fault]]
at = "4s"
isolate = { host = "replica 1 of t-0", direction = "outbound" }
for = "6s"
[[fault]]
at = "4s"
drift_clock = { host = "p", by = "1%" }
for = "1s"
[[fault]]
at = "16s"
isolate = { host = "leader of t-0", direction = "outbound" }
for = "6s"
"#;
    let scenario = Scenario::read("a.toml", text, &[], &[], &vocabulary()).unwrap();
    let run = |sets: &[String]| {
        let scenario = Scenario::read("a.toml", text, sets, &[], &vocabulary()).unwrap();
        run_once(&scenario, 0, &RunOptions::default()).outcome
    };
    let before = run(&[]);
    let found = what_if(&scenario, 0, "acks-one-durability", before.fingerprint.events);
    let without = tried(&found, "without fault 1 (isolate)");
    assert_eq!(without.came, Came::Violated, "{without:?}");
    let (now, was) = (run(&without.set).figures.lost, before.figures.lost);
    assert!(0 < now && now < was, "{now} of {was}");
    let told = format!("; records lost {now} (was {was})");
    assert!(without.outcome.ends_with(&told), "{told}: {without:?}");
    let same = tried(&found, "flush.messages=1");
    assert_eq!(run(&same.set).figures.lost, was);
    assert!(!same.outcome.contains("records lost"), "{same:?}");
}
