//! What the scenarios of networks and of load show, beside their claims.

use kafsim::explore::{Judgement, RunOptions, RunOutcome, run_once};

use crate::scenarios::{complaint, scenario};

fn outcome(path: &str, changes: &[&str], defects: &[&str]) -> RunOutcome {
    run_once(&scenario(path, changes, defects), 0, &RunOptions::default()).outcome
}

/// The lines of the story that have all of these words, and when they were told.
fn lines(outcome: &RunOutcome, words: &[&str]) -> Vec<i64> {
    let has = |text: &str| words.iter().all(|word| text.contains(word));
    let lines = outcome.story.iter().filter(|line| has(&line.text));
    lines.map(|line| line.at_micros / 1000).collect()
}

#[test]
fn acks_all_takes_longer_than_acks_1_on_a_slow_network() {
    let path = "scenarios/replication/slow_network_acks.toml";
    let all = outcome(path, &[], &[]).figures;
    let one = outcome(path, &["producer.checkout.config.acks=1"], &[]).figures;
    assert!(all.acked > 1000 && one.acked > 1000);
    let (all, one) = (all.ack_latency_p50.unwrap(), one.ack_latency_p50.unwrap());
    // A round trip between brokers is 16 ms; the producer is 0.3 ms away.
    assert!(all.as_millis() >= 16 && one.as_millis() < 12, "{all:?} {one:?}");
    assert!(all > 2 * one, "{all:?} {one:?}");
}

#[test]
fn a_follower_that_its_leader_does_not_hear_leaves_the_in_sync_set_and_is_not_fenced() {
    let outcome = outcome("scenarios/replication/asymmetric_partition.toml", &[], &[]);
    let shrinks = lines(&outcome, &["in-sync set [1,2,3] becomes"]);
    assert_eq!(shrinks.len(), 1, "{:#?}", outcome.story);
    // replica.lag.time.max.ms after the cut; looked at every half of it.
    assert!((13_000..17_000).contains(&shrinks[0]), "{shrinks:?}");
    let grows = lines(&outcome, &["becomes [1,2,3]"]);
    assert!(grows.len() == 1 && grows[0] >= 25_000, "{grows:?}");
    assert!(lines(&outcome, &["is fenced"]).is_empty());
    assert!(lines(&outcome, &["is elected"]).is_empty());
    assert!(outcome.figures.longest_without_ack.as_secs() < 8, "acks=all goes on with two");
}

#[test]
fn the_in_sync_set_follows_a_link_that_flaps() {
    let outcome = outcome("scenarios/replication/flapping_follower.toml", &[], &[]);
    assert_eq!(lines(&outcome, &["in-sync set [1,2,3] becomes"]).len(), 4, "{:#?}", outcome.story);
    assert_eq!(lines(&outcome, &["becomes [1,2,3]"]).len(), 4);
    assert!(lines(&outcome, &["is elected"]).is_empty());
}

#[test]
fn a_slow_broker_shows_as_queueing_and_recovers() {
    let path = "scenarios/operations/slow_broker.toml";
    let slow = outcome(path, &[], &[]);
    let calm = outcome(path, &["fault=[]"], &[]);
    let p99 = |outcome: &RunOutcome| outcome.figures.ack_latency_p99.unwrap().as_millis();
    assert!(p99(&calm) < 200, "{}", p99(&calm));
    assert!(p99(&slow) > 10 * p99(&calm), "{} and {}", p99(&slow), p99(&calm));
    let full = lines(&slow, &["broker-1", "request queue is full"]);
    assert!(full.iter().any(|at| (6_000..16_000).contains(at)), "{:#?}", slow.story);
    assert!(full.iter().all(|at| *at < 25_000), "the queue drains: {full:?}");
    assert!(lines(&calm, &["request queue is full"]).is_empty());
    assert!(lines(&slow, &["is fenced"]).is_empty());
    assert_eq!((slow.figures.failed, slow.figures.lost), (0, 0));
    assert_eq!(slow.figures.acked, calm.figures.acked, "all is acknowledged in the end");
}

#[test]
fn a_ring_of_majorities_deposes_a_leader_only_without_pre_vote() {
    let path = "scenarios/controller/majorities_ring.toml";
    let with = outcome(path, &[], &[]);
    assert!(lines(&with, &["takes charge"]).iter().all(|at| *at < 10_000), "{:#?}", with.story);
    let without =
        run_once(&scenario(path, &[], &["kip-996-no-pre-vote"]), 0, &RunOptions::default());
    assert_eq!(without.outcome.judgement(), Judgement::Unexpected, "{}", complaint(&without));
    assert!(lines(&without.outcome, &["takes charge"]).iter().any(|at| *at > 10_000));
}

#[test]
fn who_stands_where_is_drawn_and_told() {
    let told = |seed| {
        let scenario = scenario("scenarios/replication/bridge.toml", &[], &[]);
        let executed = run_once(&scenario, seed, &RunOptions::default());
        let judgement = executed.outcome.judgement();
        assert_eq!(judgement, Judgement::AsExpected, "seed {seed}: {}", complaint(&executed));
        let line = executed.outcome.story.into_iter().find(|line| line.text.contains("fault 1:"));
        line.unwrap().text
    };
    let (one, other) = (told(0), told(1));
    assert!(one.contains("only") && one.contains("hears both sides"), "{one}");
    assert_ne!(one, other);
}
