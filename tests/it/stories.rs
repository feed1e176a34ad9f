//! Explanations of runs that are no exhibits: each scenario of `tests/data/stories` was told wrong
//! once.

use kafsim::explore::{RunOptions, run_once};
use kafsim::report::explain::{Explanation, Reruns, Saved, text};

use crate::museum::{explanations, retold};
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

/// The moment of the step in which `bug` shows, in milliseconds since time zero.
fn acted_at(it: &Explanation, bug: &str) -> i64 {
    let shows = |step: &&kafsim::report::explain::Step| {
        step.because.as_ref().is_some_and(|it| it.contains(&format!("{bug} is switched on")))
    };
    let step = it.steps.iter().find(shows).unwrap_or_else(|| panic!("{}", text(it)));
    step.moment_us / 1000
}

/// Of all that a bug did, what it did to the broker named, when that was heard again, is told.
#[test]
fn a_bug_is_shown_where_it_befell_the_broker_named() {
    let it = told("two_stay_fenced", 0, "broker-unfenced");
    assert!(it.sentence.contains("broker 3 runs, but it was fenced"), "{}", it.sentence);
    // Broker-2 was left fenced at 9 s.
    assert_eq!(acted_at(&it, "mutation-never-unfenced"), 21_001, "{}", text(&it));
}

/// A leader that stamps every batch wrong does so from when it leads on.
#[test]
fn a_bug_without_end_is_shown_where_it_begins() {
    let it = told("stamped_since_it_leads", 0, "epoch-monotone-in-log");
    assert!(has(&steps(&it), "broker-2 stamps a batch with an older epoch"), "{}", text(&it));
    assert_eq!(acted_at(&it, "mutation-old-epoch-stamped"), 19_491, "{}", text(&it));
}

/// What was not on the disk is missed when the power fails, and not what came later.
#[test]
fn that_voters_do_not_wait_for_the_disk_is_shown_before_the_power_fails() {
    let it = told("committed_metadata_lost", 0, "one-leader-per-epoch");
    assert_eq!(acted_at(&it, "kafka-10533-fetch-before-fsync"), 16_599, "{}", text(&it));
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

/// The record that the quorum lost is the story, and not what the same controller replayed later.
#[test]
fn what_was_replayed_twice_is_told_from_the_record_on_that_was_lost() {
    let it = told("committed_metadata_lost", 0, "metadata-prefix");
    let steps = steps(&it);
    assert!(it.sentence.contains("controller-4 twice replayed the metadata log up to 57"));
    let copied = steps.iter().find(|step| step.contains("copies offset 55"));
    let copied = copied.unwrap_or_else(|| panic!("{}", text(&it)));
    // With its fetch the record counted as committed.
    assert!(copied.starts_with("controller-3"), "{copied}");
    assert!(copied.contains("kafka-10533-fetch-before-fsync is switched on"), "{copied}");
    let twice = steps.iter().filter(|step| step.contains("replayed the metadata log up to 57"));
    assert_eq!(twice.count(), 2, "{}", text(&it));
    assert!(has(&steps, "although the log of controller-4 ends at 55"), "{}", text(&it));
    assert!(!has(&steps, "log up to 66"), "{}", text(&it));
}

/// Everybody leaves out records of its own: the one who was elected left out that it was.
#[test]
fn who_never_took_its_part_left_the_record_out() {
    for seed in [0, 2, 3] {
        let it = told("each_leaves_records_out", seed, "leader-elected");
        let (broker, _) = it.sentence.split_once(" was elected leader").unwrap();
        let (_, broker) = broker.rsplit_once("broker ").unwrap();
        let left_out = format!("broker-{broker} leaves a metadata record out");
        assert!(has(&steps(&it), &left_out), "{}", text(&it));
    }
}

/// An unclean election rests upon what the disk of the new leader lost, and upon whom the in-sync
/// set had lost before. A fault that changed nothing is no step.
#[test]
fn what_an_unclean_election_rests_upon_is_told_and_what_changed_nothing_is_not() {
    let it = told("power_of_the_in_sync_set", 5, "inconsistent-offsets");
    let steps = steps(&it);
    assert!(has(&steps, "loses offsets 0 to 479"), "{}", text(&it));
    let shrink = steps.iter().find(|step| step.contains("the in-sync set of ledger-0 becomes"));
    let shrink = shrink.unwrap_or_else(|| panic!("{}", text(&it)));
    assert!(shrink.contains("stands still, fault 2 (pause since 4.000000)"), "{shrink}");
    assert!(has(&steps, "leader of ledger-0, uncleanly"), "{}", text(&it));
    assert!(!has(&steps, "fault 1"), "{}", text(&it));
    assert!(text(&it).contains("changed\n    nothing"), "{}", text(&it));
}

/// The leader is down: that somebody asked for an election before, in vain, is not why another is
/// elected.
#[test]
fn who_asks_for_an_election_in_vain_has_no_part_in_one() {
    let it = told("asked_in_vain", 0, "acks-one-durability");
    let steps = steps(&it);
    let elected = steps.iter().find(|step| step.contains("leader of orders-0 (epoch 1"));
    let elected = elected.unwrap_or_else(|| panic!("{}", text(&it)));
    assert!(elected.contains("broker-3 was not heard of: its process is down"), "{elected}");
    assert!(has(&steps, "and is refused: ELECTION_NOT_NEEDED"), "{}", text(&it));
}

/// Without a fault of which re-runs show that it did not matter, there is room for what did.
#[test]
fn a_fault_that_is_acquitted_is_no_step_beside_one_that_is_not() {
    let scenario = scenario("tests/data/stories/asked_in_vain.toml", &[], &[]);
    let told = |helped: bool| {
        let options = RunOptions { record: true, ..RunOptions::default() };
        let mut executed = run_once(&scenario, 0, &options);
        let saved =
            |change: &str, helped| Saved { change: change.to_owned(), helped, ..Saved::default() };
        let saved_by =
            vec![saved("without fault 1 (delay)", helped), saved("without fault 2 (crash)", false)];
        let reruns = Reruns { saved_by, not_tried: Vec::new() };
        steps(&retold(&mut executed, &scenario, &reruns).unwrap())
    };
    let (beside, alone) = (told(true), told(false));
    assert!(has(&beside, "fault 1: slow link"), "{beside:?}");
    assert!(!has(&beside, "fault 2: crash"), "{beside:?}");
    assert!(has(&alone, "fault 2: crash"), "each alone may suffice: {alone:?}");
}

/// An administrator elects the one that lags, though another is eligible and down.
#[test]
fn an_election_for_which_an_administrator_asked_says_so() {
    let it = told("elected_by_hand", 0, "leader-completeness");
    let steps = steps(&it);
    assert!(has(&steps, "an administrator asks for an unclean election"), "{}", text(&it));
    let elected = steps.iter().find(|step| step.contains("uncleanly (epoch"));
    let elected = elected.unwrap_or_else(|| panic!("{}", text(&it)));
    let why = "because an administrator asked for an unclean election (e";
    assert!(elected.contains(why), "{elected}");
}

/// Unclean elections are allowed while the whole replica is down; it comes back, and is no more
/// eligible after its unclean end.
#[test]
fn an_unclean_election_tells_who_allowed_it_and_that_nobody_is_eligible_any_more() {
    let it = told("allowed_by_hand", 0, "leader-completeness");
    let steps = steps(&it);
    assert!(has(&steps, "leader.election.enable of topic orders becomes true"), "{}", text(&it));
    let elected = steps.iter().find(|step| step.contains("uncleanly (epoch"));
    let elected = elected.unwrap_or_else(|| panic!("{}", text(&it)));
    assert!(elected.contains("unclean.leader.election.enable is true since e"), "{elected}");
    let gone = "(broker-3 had been eligible, and registered after an unclean end: e";
    assert!(elected.contains(gone), "{elected}");
}

/// All leave the same record out; who leads, and does not know it, takes nobody back.
#[test]
fn that_nobody_comes_back_lies_with_the_leader_that_left_the_record_out() {
    for seed in [0, 1, 2] {
        let it = told("each_leaves_records_out", seed, "replicas-rejoin");
        let (broker, _) = it.sentence.split_once(" leads ").unwrap();
        let (_, broker) = broker.rsplit_once("broker ").unwrap();
        let left_out = format!("broker-{broker} leaves a metadata record out");
        assert!(has(&steps(&it), &left_out), "{}", text(&it));
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

/// The link was slow, and the leader died before the next fetch was there: no fetch that reached
/// its process after it started again is compared.
#[test]
fn a_slow_link_is_why_a_follower_lacks_what_its_leader_died_with() {
    for seed in 0..3 {
        let it = told("slow_link_before_a_crash", seed, "acks-one-durability");
        let [row] = it.why_not.as_slice() else { panic!("{}", text(&it)) };
        let follower = &row.replica;
        let lead = row.text.split_once(": no fetch of it reached ").map(|(_, rest)| rest);
        let (leader, _) = lead.and_then(|rest| rest.split_once(" after the write")).unwrap();
        let held = format!("held up by fault 1 (slow links of {follower} (300ms more))");
        assert!(row.text.contains(&held), "{}", row.text);
        let died = format!("; the process of {leader} ended at 12.000000 (e");
        assert!(row.text.contains(&died), "{}", row.text);
        assert!(row.text.ends_with("), before the next one was there"), "{}", row.text);
    }
}

/// Whom the breach names is told of first, also if it only observes the quorum.
#[test]
fn why_the_one_that_the_breach_names_lacks_a_record_is_told_first() {
    let scenario = scenario("tests/data/stories/fetched_by_offset_alone.toml", &[], &[]);
    let options = RunOptions { record: true, ..RunOptions::default() };
    let mut executed = run_once(&scenario, 0, &options);
    let found = explanations(&mut executed, &scenario);
    let it = found.iter().find(|it| it.property == "raft-committed-prefix").unwrap();
    let (before, _) = it.sentence.split_once(" takes offset").unwrap();
    let (_, named) = before.rsplit_once(' ').unwrap();
    assert!(named.starts_with("broker-"), "{}", it.sentence);
    assert_eq!(it.why_not[0].replica, named, "{}", text(it));
}
