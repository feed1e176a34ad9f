//! The quorum under random schedules: what Raft promises holds, and each defect breaks it.

use kafsim::message::RequestBody;
use kafsim::types::{Defect, DefectSet};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::raft_cluster::{Cluster, ELECTION, Fault};

fn fault(size: usize) -> impl Strategy<Value = Fault> {
    prop_oneof![
        (0..size, any::<bool>(), 50..5_000_u64)
            .prop_map(|(node, loses_power, millis)| { Fault::Crash { node, loses_power, millis } }),
        (0..size, 50..8_000_u64).prop_map(|(node, millis)| Fault::Isolate { node, millis }),
        (0..size, 0..size, 50..8_000_u64).prop_map(|(from, to, millis)| Fault::Cut {
            from,
            to,
            millis
        }),
    ]
}

fn plan(size: usize) -> impl Strategy<Value = Vec<(u64, Fault)>> {
    prop::collection::vec((0..20_000_u64, fault(size)), 0..12)
}

/// Runs `plan`, then lets all faults end, and says what broke, if anything.
fn run(size: usize, seed: u64, plan: &[(u64, Fault)], defects: DefectSet) -> Cluster {
    let mut cluster = Cluster::new(size, seed, defects, 20_000);
    for (millis, fault) in plan {
        cluster.plan(*millis, fault.clone());
    }
    cluster.run_until(30_000);
    cluster
}

/// After the faults, in good time, somebody leads and what is written gets committed. Votes may
/// split more than once: Raft promises a leader with growing probability, not by a day.
fn recovers(cluster: &mut Cluster) -> Result<(), TestCaseError> {
    prop_assert_eq!(&cluster.violation, &None);
    let before = cluster.committed_end();
    let settle = 30_000 + 10 * u64::try_from(ELECTION.as_millis()).expect("short");
    cluster.run_until(settle);
    prop_assert_eq!(&cluster.violation, &None);
    prop_assert!(cluster.leader().is_some(), "nobody leads");
    prop_assert!(cluster.committed_end() > before, "nothing more is committed");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// Election safety, log matching, leader completeness, state machine safety, one vote an
    /// epoch, high watermarks that only rise; and an end to every trouble.
    #[test]
    fn three_voters_keep_their_promises(seed in any::<u64>(), plan in plan(3)) {
        recovers(&mut run(3, seed, &plan, DefectSet::NONE))?;
    }

    #[test]
    fn five_voters_keep_their_promises(seed in any::<u64>(), plan in plan(5)) {
        recovers(&mut run(5, seed, &plan, DefectSet::NONE))?;
    }
}

#[test]
fn single_voter_leads_and_commits_by_itself() {
    let mut cluster = Cluster::new(1, 7, DefectSet::NONE, 20_000);
    cluster.plan(3_000, Fault::Crash { node: 0, loses_power: true, millis: 100 });
    cluster.run_until(2_900);
    let before = cluster.committed_end();
    assert!(before.0 > 0, "nothing is committed");
    cluster.run_until(10_000);
    assert_eq!(cluster.violation, None);
    assert!(cluster.committed_end() > before);
}

/// The first of `seeds` in which `defect` breaks a promise under `plan`; with the defect off, none
/// may break.
fn first_breach(defect: Defect, seeds: u64, plan: impl Fn(u64) -> Vec<(u64, Fault)>) -> String {
    let on = DefectSet::from_iter([defect]);
    for seed in 0..seeds {
        let plan = plan(seed);
        assert_eq!(run(3, seed, &plan, DefectSet::NONE).violation, None, "seed {seed}, defect off");
        if let Some(violation) = run(3, seed, &plan, on).violation {
            return violation;
        }
    }
    panic!("{seeds} seeds, and {} breaks nothing", defect.name());
}

/// Short power losses of each node in turn, at instants that shift with the seed.
fn power_losses(seed: u64) -> Vec<(u64, Fault)> {
    let millis = 150 + seed % 7 * 100;
    let crash = |at: u64| {
        let node = usize::try_from((at + seed) % 3).expect("small");
        (2_000 + at * 613 + seed * 37 % 600, Fault::Crash { node, loses_power: true, millis })
    };
    (0..24).map(crash).collect()
}

#[test]
fn leader_that_resumes_its_epoch_is_caught() {
    let breach = first_breach(Defect::LeaderResumesEpoch, 40, power_losses);
    assert!(breach.contains("log matching"), "{breach}");
}

#[test]
fn fetch_before_fsync_is_caught() {
    let breach = first_breach(Defect::FetchBeforeFsync, 40, power_losses);
    assert!(!breach.is_empty());
}

/// A vote for `candidate` in epoch 5, whose log is empty.
fn vote_for(candidate: i32) -> RequestBody {
    use kafka_protocol::messages as k;
    use kafka_protocol::messages::vote_request::{PartitionData, TopicData};
    let partition = PartitionData::default()
        .with_replica_epoch(5)
        .with_replica_id(k::BrokerId(candidate))
        .with_last_offset(0)
        .with_last_offset_epoch(0);
    let topic = TopicData::default().with_partitions(vec![partition]);
    k::VoteRequest::default().with_topics(vec![topic]).into()
}

/// Museum 37: a voter grants its vote, loses power, and is asked by another candidate.
fn vote_twice(defects: DefectSet) -> Option<String> {
    let mut cluster = Cluster::new(3, 5, defects, 2_000);
    cluster.run_until(500);
    cluster.ask(1, vote_for(3001));
    cluster.run_until(600);
    cluster.plan(601, Fault::Crash { node: 1, loses_power: true, millis: 50 });
    cluster.run_until(700);
    cluster.ask(1, vote_for(3003));
    cluster.run_until(800);
    cluster.violation
}

#[test]
fn forgotten_vote_is_caught() {
    assert_eq!(vote_twice(DefectSet::NONE), None);
    let breach = vote_twice(DefectSet::from_iter([Defect::VoteNotPersisted]));
    assert!(breach.as_deref().is_some_and(|breach| breach.contains("votes")), "{breach:?}");
}

/// A follower is cut off and comes back: the epoch before, and the one after.
fn epochs_around_isolation(defects: DefectSet) -> (i32, i32) {
    let mut cluster = Cluster::new(3, 11, defects, 2_000);
    cluster.run_until(8_000);
    let (leader, before) = cluster.leader().expect("somebody leads after eight seconds");
    cluster.plan(8_001, Fault::Isolate { node: leader + 1, millis: 10_000 });
    cluster.run_until(30_000);
    assert_eq!(cluster.violation, None);
    (before.0, cluster.leader().expect("somebody leads").1.0)
}

#[test]
fn returning_voter_deposes_nobody_unless_pre_vote_is_off() {
    let (before, after) = epochs_around_isolation(DefectSet::NONE);
    assert_eq!(before, after);
    let (before, after) = epochs_around_isolation(DefectSet::from_iter([Defect::NoPreVote]));
    assert!(after > before + 1, "{before} -> {after}");
}
