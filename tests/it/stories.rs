//! Explanations of runs that are no exhibits: each scenario of `tests/data/stories` was told wrong
//! once.

use kafsim::explore::{RunOptions, run_once};
use kafsim::report::explain::{Explanation, text};

use crate::museum::explanations;
use crate::scenarios::scenario;

/// What is told of the first breach of `property` in `name` with `seed`.
fn told(name: &str, seed: u64, property: &str) -> Explanation {
    let scenario = scenario(&format!("tests/data/stories/{name}.toml"), &[], &[]);
    let options = RunOptions { record: true, ..RunOptions::default() };
    let mut executed = run_once(&scenario, seed, &options);
    let found = explanations(&mut executed, &scenario);
    found.into_iter().find(|it| it.property == property).expect("it is violated")
}

/// The texts of the steps, each with its reason.
fn steps(it: &Explanation) -> Vec<String> {
    let because = |it: Option<&str>| it.map(|it| format!(" - because {it}")).unwrap_or_default();
    it.steps.iter().map(|step| step.text.clone() + &because(step.because.as_deref())).collect()
}

fn has(steps: &[String], fragment: &str) -> bool {
    steps.iter().any(|step| step.contains(fragment))
}

/// Not that the controller has the follower back is the breach, but that the leader waited for it
/// meanwhile.
#[test]
fn that_a_leader_waits_for_a_fenced_follower_is_told() {
    let it = told("fenced_follower_awaited", 2, "high-watermark-reaches-end");
    let steps = steps(&it);
    let waits = steps.iter().find(|step| step.contains("holds its high watermark back for"));
    let waits = waits.unwrap_or_else(|| panic!("{}", text(&it)));
    assert!(waits.contains("which is fenced and not in the in-sync set"), "{waits}");
    assert!(waits.contains("kafka-13916-fenced-replica-in-sync is switched on"), "{waits}");
    assert!(!has(&steps, "waits no more than for"), "{}", text(&it));
}

/// A candidate stands in epoch after epoch: it is the one of which the leader heard that deposes
/// it.
#[test]
fn the_candidacy_that_deposes_is_the_one_of_which_the_leader_heard() {
    for seed in [0, 8, 14] {
        let it = told("one_candidacy_of_many", seed, "quorum-stable");
        let steps = steps(&it);
        let (_, epoch) = it.sentence.rsplit_once("was deposed by epoch ").unwrap();
        let epoch: i32 = epoch.trim_end_matches('.').parse().unwrap();
        assert!(has(&steps, &format!("stands for election in epoch {epoch}")), "{}", text(&it));
        let later = format!("stands for election in epoch {}", epoch + 1);
        assert!(!has(&steps, &later), "{}", text(&it));
        assert!(has(&steps, "kip-996-no-pre-vote is switched on"), "{}", text(&it));
    }
}

/// The batch was skipped before anybody was elected.
#[test]
fn elections_after_a_batch_was_skipped_have_no_part_in_it() {
    let it = told("skipped_before_an_election", 0, "poll-skip");
    let steps = steps(&it);
    assert!(has(&steps, "skips a batch that it has fetched"), "{}", text(&it));
    assert!(!has(&steps, "the controller makes"), "{}", text(&it));
}

/// Billing-1 was counted out long before billing-3 committed what it did not process.
#[test]
fn a_member_that_was_counted_out_long_before_has_no_part_in_a_commit() {
    let it = told("another_member_expired_before", 6, "at-least-once");
    let steps = steps(&it);
    assert!(has(&steps, "fault 2: crash of billing-3"), "{}", text(&it));
    assert!(!has(&steps, "counts billing-1"), "{}", text(&it));
}

/// A broker whose disk is well halts, because the new leader of the quorum lacks what was
/// committed.
#[test]
fn a_broker_that_halts_is_told_with_its_own_reason() {
    let it = told("committed_metadata_lost", 0, "one-leader-per-epoch");
    let steps = steps(&it);
    let halts = steps.iter().find(|step| step.contains("broker-1 halts by itself"));
    let halts = halts.unwrap_or_else(|| panic!("{}", text(&it)));
    assert!(halts.contains("has it cut committed records off its metadata log"), "{halts}");
    assert!(!has(&steps, "disk failed"), "{}", text(&it));
}

/// Records of acks=1 that another leader wrote over are lost, though retention deletes their
/// offsets afterwards.
#[test]
fn what_was_written_over_is_lost_though_retention_deletes_its_offsets() {
    let scenario = scenario("tests/data/stories/replaced_and_deleted.toml", &[], &[]);
    let executed = run_once(&scenario, 0, &RunOptions::default());
    assert_eq!(executed.outcome.figures.lost, 599);
}

/// The quorum lost the record that fenced broker-2, and another leader of m-0: what the controller
/// that is in charge goes on from is how it is.
#[test]
fn what_the_quorum_lost_is_not_how_it_is() {
    let scenario = scenario("tests/data/stories/committed_metadata_lost.toml", &[], &[]);
    let options = RunOptions { record: true, ..RunOptions::default() };
    let mut executed = run_once(&scenario, 0, &options);
    let found = explanations(&mut executed, &scenario);
    let broken: Vec<&str> = found.iter().map(|it| it.property.as_str()).collect();
    assert!(broken.contains(&"raft-committed-prefix"), "{broken:?}");
    assert!(!broken.contains(&"broker-unfenced"), "the record that fences it is lost: {broken:?}");
    assert!(!broken.contains(&"isr-membership"), "it is not fenced: {broken:?}");
    for it in &found {
        let steps = steps(it);
        assert!(!has(&steps, "makes broker-2 leader of m-0 (epoch 0"), "{}", text(it));
    }
}

#[test]
fn clocks_that_are_off_from_the_beginning_count() {
    let it = told("replaced_and_deleted", 0, "acks-one-durability");
    assert!(!text(&it).contains("No clock was off"), "{}", text(&it));
}

/// Nothing was violated, as nothing ran: what the cluster lacked to form is told.
#[test]
fn what_a_cluster_lacked_that_did_not_form_is_told() {
    let scenario = scenario("tests/data/stories/never_formed.toml", &[], &[]);
    let options = RunOptions { record: true, ..RunOptions::default() };
    let mut executed = run_once(&scenario, 0, &options);
    let found = explanations(&mut executed, &scenario);
    let [only] = found.as_slice() else { panic!("one says it all: {found:?}") };
    let missing = "The cluster did not form in the ten seconds before time zero: broker-2 and \
                   broker-3 had not joined the in-sync set of orders-0.";
    assert!(only.sentence.ends_with(missing), "{}", only.sentence);
}

/// The line of a fault that takes the power from several shows what it left to each of them.
#[test]
fn a_timeline_shows_what_a_failure_of_power_left_to_all() {
    use kafsim::event::Kind;
    use kafsim::report::{State, Timeline, Window};
    use kafsim::trace::{Model, RunFile};
    use kafsim::types::TopicPartition;
    use std::sync::Arc;

    let scenario = scenario("scenarios/museum/kafka_10533.toml", &[], &[]);
    let options = RunOptions { record: true, ..RunOptions::default() };
    let executed = run_once(&scenario, 0, &options);
    let bytes = executed.run_file.as_ref().unwrap().to_vec();
    let file = RunFile::read(&bytes).unwrap();
    let partition = Some("__cluster_metadata-0".to_owned());
    let timeline = Timeline::of(&file, &Window { partition, ..Window::default() }).unwrap();
    let events: Vec<_> = file.events().unwrap().map(Result::unwrap).collect();
    let is_loss = |kind: &Kind| {
        matches!(kind, Kind::DurableEnd { partition: TopicPartition::CLUSTER_METADATA,
            log_end_offset, durable_end } if durable_end < log_end_offset)
    };
    let last = events.iter().rfind(|event| is_loss(&event.kind)).unwrap();
    let mut model = Model::new(Arc::new(file.header.setup.clone()));
    events.iter().take_while(|event| event.at <= last.at).for_each(|event| model.apply(event));
    let quorum = State::of(&model, last.index).quorum;
    let line = timeline.lines.iter().rfind(|line| line.event <= last.index).unwrap();
    let ends: Vec<Option<i64>> =
        quorum.members.iter().take(3).map(|it| Some(it.log_end_offset)).collect();
    assert_eq!(line.log_end_offsets, ends, "{line:?}");
}
