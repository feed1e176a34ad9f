//! What the scenarios of groups say of themselves, looked up in their runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafsim::event::{Event, GroupState, Kind, LeftBecause};
use kafsim::trace::Model;
use kafsim::types::{GroupEpoch, HostId, TopicPartition};

use crate::watched::{Watched, watch_file};

/// Seeds that each scenario is run under: what it says is no matter of luck.
const SEEDS: std::ops::Range<u64> = 0..2;

/// What a coordinator of `billing` was about when it died.
#[derive(Default)]
struct AtDeath {
    state: Option<(GroupState, GroupEpoch)>,
    /// Whether it read the group's log, and had not come to its end.
    reads: bool,
    /// How many commits it had written and not answered.
    unanswered: usize,
}

fn run(name: &str, seed: u64) -> Watched {
    let mut run = watch_file(&format!("scenarios/groups/{name}.toml"), &[], seed);
    run.assert_clean();
    run
}

/// What the victims of the run's crashes were about, in order, and the place after the last crash.
fn deaths(run: &Watched) -> (Vec<AtDeath>, usize) {
    let mut now: BTreeMap<HostId, AtDeath> = BTreeMap::new();
    let (mut dead, mut after) = (Vec::new(), 0);
    for (place, event) in run.events.iter().enumerate() {
        if let Kind::FaultBegan { hosts, .. } = &event.kind {
            dead.extend(hosts.iter().map(|host| now.remove(host).unwrap_or_default()));
            after = place;
        }
        let Some(host) = event.host else { continue };
        let at = now.entry(host).or_default();
        let is_its_log = |partition: &TopicPartition| {
            run.world.model().partition_name(*partition) == "__consumer_offsets-9"
        };
        match &event.kind {
            Kind::GroupStateChanged { state, epoch, .. }
            | Kind::GroupLoaded { state, epoch, .. } => at.state = Some((*state, *epoch)),
            Kind::CoordinatorLoading { partition, .. } if is_its_log(partition) => at.reads = true,
            Kind::CoordinatorLoaded { partition, .. } if is_its_log(partition) => at.reads = false,
            Kind::OffsetAppended { .. } => at.unanswered += 1,
            Kind::OffsetCommitAnswered { .. } => {
                at.unanswered = at.unanswered.saturating_sub(1);
            }
            _ => {}
        }
    }
    (dead, after)
}

fn loaded(events: &[Event]) -> Vec<(GroupState, GroupEpoch, u32)> {
    let loaded = events.iter().filter_map(|event| match &event.kind {
        Kind::GroupLoaded { state, epoch, members, .. } => Some((*state, *epoch, *members)),
        _ => None,
    });
    loaded.collect()
}

fn epochs(events: &[Event]) -> Vec<i32> {
    let began = events.iter().filter_map(|event| match &event.kind {
        Kind::GroupEpochBegan { epoch, .. } => Some(epoch.0),
        _ => None,
    });
    began.collect()
}

fn count(events: &[Event], is: impl Fn(&Kind) -> bool) -> usize {
    events.iter().filter(|event| is(&event.kind)).count()
}

fn joins(kind: &Kind) -> bool {
    matches!(kind, Kind::MemberJoined { .. })
}

/// Partitions that change hands.
fn moves(kind: &Kind) -> bool {
    matches!(kind, Kind::PartitionGivenUp { .. } | Kind::PartitionTaken { .. })
}

/// One that stands still is no member any more, and does not know: whoever looks is told.
#[test]
fn a_zombie_is_known_to_be_expelled_until_it_hears_of_it() {
    let run = run("zombie_commits_after_expulsion", 0);
    let mut model = Model::new(Arc::new(run.world.model().setup().clone()));
    let mut seen = Vec::new();
    for event in &run.events {
        model.apply(event);
        let zombies: Vec<_> = model
            .members_of("billing")
            .filter_map(|(host, view)| {
                let (_, because) = view.expelled?;
                Some((model.setup().host_name(Some(host)).to_owned(), because))
            })
            .collect();
        if seen.last() != Some(&zombies) {
            seen.push(zombies);
        }
    }
    let zombie = vec![("billing-1".to_owned(), LeftBecause::SessionExpired)];
    assert_eq!(seen, [vec![], zombie, vec![]]);
}

/// A topic that grows: each group reads all of it in the end, and only the members of the classic
/// protocol learn of new partitions so late that `latest` passes over their first records.
#[test]
fn who_learns_late_of_new_partitions_passes_over_their_first_records() {
    for seed in SEEDS {
        let run = run("topic_grows", seed);
        let created = |event: &&Event| matches!(event.kind, Kind::PartitionsCreated { .. });
        let created = run.events.iter().find(created).unwrap();
        assert!(matches!(created.kind, Kind::PartitionsCreated { before: 2, count: 6, .. }));
        // An answer to Produce that has no error is no reason to ask for metadata.
        let is_new = |event: &&Event| matches!(&event.kind, Kind::BatchSealed { partition, .. } if partition.partition.0 >= 2);
        let written = run.events.iter().find(is_new).unwrap();
        let age = created.at + Duration::from_secs(3)..created.at + Duration::from_secs(10);
        assert!(age.contains(&written.at), "{:?}", written.at);
        let figures = run.world.figures();
        let passed_over = |group: &str| -> BTreeMap<String, u64> {
            let told = figures.groups.iter().find(|it| it.name == group).unwrap();
            assert_eq!(told.partitions.len(), 6, "{group}");
            assert!(told.partitions.iter().all(|it| it.stints.last().unwrap().until.is_none()));
            told.partitions.iter().map(|it| (it.name.clone(), it.passed_over)).collect()
        };
        let [eager, coop, modern] = ["eager", "coop", "kip-848"].map(passed_over);
        for (partition, modern) in &modern {
            let classic = [eager[partition], coop[partition]];
            assert_eq!(*modern, 0, "{partition}");
            if ["orders-0", "orders-1"].contains(&partition.as_str()) {
                assert_eq!(classic, [0, 0], "{partition}");
            } else {
                assert!(classic.iter().all(|classic| *classic > 100), "{partition}");
            }
        }
    }
}

/// How many records a group has processed a second time.
fn processed_again(run: &Watched) -> usize {
    let mut seen = BTreeSet::new();
    let processed = run.events.iter().filter_map(|event| match &event.kind {
        Kind::Processed { group, partition, base_offset, records, .. } => {
            Some(((group, *partition), base_offset.0..base_offset.0 + i64::from(*records)))
        }
        _ => None,
    });
    let offsets = processed.flat_map(|(partition, all)| all.map(move |it| (partition, it)));
    offsets.filter(|it| !seen.insert(*it)).count()
}

#[test]
fn a_coordinator_that_dies_while_members_join_is_followed_by_one_that_begins_anew() {
    for seed in SEEDS {
        let run = run("coordinator_crashes_joining", seed);
        let (dead, after) = deaths(&run);
        assert_eq!(dead[0].state, Some((GroupState::PreparingRebalance, GroupEpoch(1))));
        let later = &run.events[after..];
        assert_eq!(loaded(later), [(GroupState::Stable, GroupEpoch(1), 3)]);
        assert_eq!(epochs(&run.events), [1, 2]);
        assert_eq!(count(&run.events, joins), 5, "the fourth member joins twice");
        assert_eq!(count(later, joins), 1);
    }
}

#[test]
fn a_generation_without_an_assignment_dies_with_its_coordinator() {
    for seed in SEEDS {
        let run = run("coordinator_crashes_completing", seed);
        let (dead, after) = deaths(&run);
        assert_eq!(dead[0].state, Some((GroupState::CompletingRebalance, GroupEpoch(2))));
        assert_eq!(loaded(&run.events[after..]), [(GroupState::Stable, GroupEpoch(1), 3)]);
        // Who comes too late for the second 2 makes it a third.
        let epochs = epochs(&run.events);
        assert!(epochs.starts_with(&[1, 2, 2]) && epochs.len() <= 4, "{epochs:?}");
        let second = run.events.iter().filter_map(|event| match &event.kind {
            Kind::AssignmentDecided { epoch: GroupEpoch(2), .. } => event.host,
            _ => None,
        });
        assert_eq!(second.collect::<BTreeSet<_>>().len(), 1, "one of them has an assignment");
    }
}

#[test]
fn a_commit_that_was_written_and_not_answered_is_made_again() {
    for seed in SEEDS {
        let run = run("coordinator_crashes_committing", seed);
        let (dead, after) = deaths(&run);
        assert!(dead[0].unanswered > 0);
        assert!(epochs(&run.events[after..]).is_empty());
        assert_eq!(processed_again(&run), 0);
    }
}

#[test]
fn a_coordinator_that_dies_while_it_reads_leaves_all_to_the_next() {
    for seed in SEEDS {
        let run = run("coordinator_crashes_loading", seed);
        let (dead, after) = deaths(&run);
        assert_eq!(dead[0].state, Some((GroupState::Stable, GroupEpoch(1))));
        assert!(dead[1].reads && dead[1].state.is_none());
        let later = &run.events[after..];
        assert_eq!(loaded(later), [(GroupState::Stable, GroupEpoch(1), 3)]);
        assert_eq!((epochs(later), count(later, moves)), (vec![], 0));
    }
}

#[test]
fn a_member_that_left_has_left_for_the_next_coordinator_too() {
    for seed in SEEDS {
        let run = run("coordinator_crashes_assigning", seed);
        let (dead, after) = deaths(&run);
        let (state, epoch) = dead[0].state.expect("it was a coordinator");
        assert_eq!(state, GroupState::Assigning);
        let later = &run.events[after..];
        assert_eq!(loaded(later), [(GroupState::Assigning, epoch, 2)]);
        assert!(epochs(later).is_empty());
        let decided = |kind: &Kind| matches!(kind, Kind::AssignmentEpochBegan { epoch: of, .. } if *of == epoch);
        assert_eq!(count(later, decided), 1, "the next one decides what the first one could not");
    }
}

#[test]
fn partitions_go_on_moving_where_they_stopped() {
    for seed in SEEDS {
        let run = run("coordinator_crashes_reconciling", seed);
        let (dead, after) = deaths(&run);
        let (state, epoch) = dead[0].state.expect("it was a coordinator");
        assert_eq!(state, GroupState::Reconciling);
        let later = &run.events[after..];
        assert_eq!(loaded(later), [(GroupState::Reconciling, epoch, 4)]);
        assert_eq!((epochs(later), count(later, joins)), (vec![], 0));
        assert!(count(later, moves) > 0);
    }
}

#[test]
fn members_at_rest_do_not_mind_another_coordinator() {
    for seed in SEEDS {
        let run = run("coordinator_crashes_kip_848", seed);
        let (dead, after) = deaths(&run);
        let (state, epoch) = dead[0].state.expect("it was a coordinator");
        assert_eq!(state, GroupState::Stable);
        let later = &run.events[after..];
        assert_eq!(loaded(later), [(GroupState::Stable, epoch, 3)]);
        assert_eq!((epochs(later), count(later, moves)), (vec![], 0));
        assert_eq!(processed_again(&run), 0);
    }
}

#[test]
fn a_rolling_restart_of_static_members_of_kip_848_costs_nothing() {
    for seed in SEEDS {
        let run = run("static_rolling_restart_kip_848", seed);
        let began = run.events.iter().position(|it| matches!(it.kind, Kind::FaultBegan { .. }));
        let later = &run.events[began.expect("members are restarted")..];
        assert_eq!((epochs(later), count(later, joins)), (vec![], 3));
        assert_eq!(count(later, |kind| matches!(kind, Kind::AssignmentDecided { .. })), 0);
        assert_eq!(processed_again(&run), 0);
    }
}

/// Who owns what in each group at an instant.
type Owners = BTreeMap<String, BTreeMap<TopicPartition, HostId>>;

fn owners(run: &Watched, until: i64) -> Owners {
    let mut owners = Owners::new();
    for (_, event) in run.kinds().take_while(|(at, _)| *at < until) {
        match &event.kind {
            Kind::PartitionTaken { group, partition, .. } => {
                let of = owners.entry(group.to_string()).or_default();
                of.extend(event.host.map(|host| (*partition, host)));
            }
            Kind::PartitionGivenUp { group, partition, .. } => {
                owners.entry(group.to_string()).or_default().remove(partition);
            }
            _ => {}
        }
    }
    owners
}

/// How many partitions each member has, the most first.
fn loads(owners: &BTreeMap<TopicPartition, HostId>) -> Vec<usize> {
    let mut loads: BTreeMap<HostId, usize> = BTreeMap::new();
    owners.values().for_each(|host| *loads.entry(*host).or_default() += 1);
    let mut loads: Vec<usize> = loads.into_values().collect();
    loads.sort_unstable_by(|a, b| b.cmp(a));
    loads
}

/// Groups of each_assignor.toml: what their three members have, and what moves and what is given up
/// when a fourth joins.
const ASSIGNORS: [(&str, [usize; 3], fn(usize, usize) -> bool); 6] = [
    ("range", [4, 2, 2], |_, given_up| given_up == 8),
    ("roundrobin", [3, 3, 2], |moved, given_up| moved > 2 && given_up == 8),
    ("sticky", [3, 3, 2], |moved, given_up| moved == 2 && given_up == 8),
    ("cooperative", [3, 3, 2], |moved, given_up| moved == 2 && given_up == 2),
    ("uniform-848", [3, 3, 2], |moved, given_up| moved == 2 && given_up == 2),
    ("range-848", [4, 2, 2], |moved, given_up| given_up == moved),
];

#[test]
fn each_assignor_gives_and_takes_as_it_says() {
    for seed in SEEDS {
        let run = run("each_assignor", seed);
        let [three, four, two] = [14_900, 31_900, 49_900].map(|at| owners(&run, at));
        for (group, expected, is_right) in ASSIGNORS {
            let (before, after) = (&three[group], &four[group]);
            assert_eq!(loads(before), expected, "{group}");
            assert_eq!(loads(after), [2, 2, 2, 2], "{group}");
            assert_eq!(loads(&two[group]), [4, 4], "{group}");
            let moved = before.iter().filter(|(place, host)| after.get(place) != Some(host));
            let given_up = run.kinds().filter(|(at, event)| {
                (15_000..31_900).contains(at)
                    && matches!(&event.kind, Kind::PartitionGivenUp { group: of, .. }
                        if of.as_str() == group)
            });
            let (moved, given_up) = (moved.count(), given_up.count());
            assert!(is_right(moved, given_up), "{group}: {moved} moved, {given_up} given up");
        }
    }
}
