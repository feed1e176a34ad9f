//! Replication of one partition over three brokers: the machines of `protocol/` under schedules,
//! random ones that must break no property, and one for each old bug that must.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use kafsim::event::AckMode;
use kafsim::types::{BrokerId, Defect, Offset, Rng};

use crate::replication_controller::BROKERS;
use crate::replication_world::{Content, World};

const LAG_MAX: Duration = Duration::from_secs(30);

/// One thing that a random schedule may do. Numbers are taken modulo what there is.
#[derive(Clone, Copy, Debug)]
enum Op {
    Deliver { at: u8, park: bool },
    Unpark { at: u8 },
    Lose { at: u8 },
    Produce { broker: u8, all: bool },
    Apply { broker: u8 },
    ApplyAll { broker: u8 },
    Elect { broker: u8 },
    Fence { broker: u8 },
    Unfence { broker: u8 },
    Tick { millis: u32 },
    Shrink { broker: u8 },
    Checkpoint { broker: u8 },
    Flush { broker: u8 },
    Stop { broker: u8 },
    Crash { broker: u8, lossy: bool },
    Start { broker: u8 },
}

fn broker(number: u8) -> BrokerId {
    BROKERS[usize::from(number) % BROKERS.len()]
}

impl Op {
    /// The operation that `draw` stands for. What disturbs happens the less often the calmer the
    /// schedule is: without calm nothing is ever committed, and nothing can be lost.
    fn drawn((kind, at, storm): (u8, u8, u8), calm: u8) -> Self {
        let (broker, flag) = (at, storm & 1 == 1);
        match kind % 64 {
            0..=22 => Self::Deliver { at, park: flag },
            23..=24 => Self::Unpark { at },
            25..=31 => Self::Produce { broker, all: flag },
            32..=37 => Self::Apply { broker },
            38..=41 => Self::Tick { millis: u32::from(at) * 8 },
            42..=44 => Self::Unfence { broker },
            45..=47 => Self::Start { broker },
            48 => Self::Shrink { broker },
            49 => Self::Checkpoint { broker },
            50 => Self::Flush { broker },
            _ if storm < calm => Self::Deliver { at, park: flag },
            51 => Self::Lose { at },
            52 => Self::ApplyAll { broker },
            53..=56 => Self::Elect { broker },
            57 => Self::Fence { broker },
            58..=59 => Self::Tick { millis: u32::from(at) * 100 },
            60 => Self::Stop { broker },
            _ => Self::Crash { broker, lossy: flag },
        }
    }

    fn run(self, world: &mut World) {
        let place = |at: u8, length: usize| usize::from(at) % length.max(1);
        match self {
            Self::Deliver { at, park } => {
                // An empty network is no reason to be idle.
                let _ = world.deliver(place(at, world.network.len()), park)
                    || world.unpark(place(at, world.parked.len()))
                    || world.apply(broker(at));
            }
            Self::Unpark { at } => {
                world.unpark(place(at, world.parked.len()));
            }
            Self::Lose { at } => {
                world.lose(place(at, world.network.len()));
            }
            Self::Produce { broker: at, all } => {
                let acks = if all { AckMode::All } else { AckMode::Leader };
                world.produce(broker(at), acks);
            }
            Self::Apply { broker: at } => {
                world.apply(broker(at));
            }
            Self::ApplyAll { broker: at } => {
                world.apply_all(broker(at));
            }
            Self::Elect { broker: at } => {
                world.controller.elect(broker(at));
            }
            Self::Fence { broker: at } => world.controller.fence(broker(at)),
            Self::Unfence { broker: at } => {
                if world.replica(broker(at)).is_some() {
                    world.controller.unfence(broker(at));
                }
            }
            Self::Tick { millis } => world.tick(Duration::from_millis(u64::from(millis))),
            Self::Shrink { broker: at } => {
                world.check_shrink(broker(at));
            }
            Self::Checkpoint { broker: at } => world.checkpoint(broker(at)),
            Self::Flush { broker: at } => world.flush(broker(at)),
            Self::Stop { broker: at } => world.stop(broker(at)),
            Self::Crash { broker: at, lossy } => {
                if world.can_spare(broker(at)) {
                    world.crash(broker(at), lossy);
                }
            }
            Self::Start { broker: at } => {
                world.start(broker(at));
            }
        }
    }
}

/// Does `op` and looks at what came of it.
fn step(world: &mut World, op: Op) {
    op.run(world);
    look(world);
}

fn look(world: &mut World) {
    let in_sync = world.controller.state().in_sync.clone();
    for host in in_sync.iter() {
        // Whoever is let in again has everything again.
        if world.replica(host).is_some() {
            world.hosts.get_mut(&host).expect("there are three").is_suspect = false;
        }
    }
    let mut checks = std::mem::take(&mut world.checks);
    checks.look(world);
    world.checks = checks;
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// Whatever the order of messages, elections, crashes and clocks, correct machines keep every
    /// property.
    #[test]
    fn replication_is_safe(
        calm in any::<u8>(),
        draws in prop::collection::vec(any::<(u8, u8, u8)>(), 1..600),
    ) {
        let mut world = World::new(&[1, 2, 3], &[]);
        for draw in draws {
            let op = Op::drawn(draw, calm);
            step(&mut world, op);
            prop_assert!(world.checks.broken.is_empty(), "{op:?}: {:?}", world.checks.broken);
        }
    }
}

/// A long schedule drawn from `seed`; ends when the broken properties are `enough`.
fn wander(
    seed: u64,
    steps: u32,
    defects: &[Defect],
    enough: impl Fn(&BTreeSet<&'static str>) -> bool,
) -> World {
    let mut rng = Rng::named(seed, "replication", &[]);
    let calm = u8::try_from(rng.below(256)).expect("it is below 256");
    let mut world = World::new(&[1, 2, 3], defects);
    for _ in 0..steps {
        let [kind, at, storm, ..] = rng.bits().to_le_bytes();
        step(&mut world, Op::drawn((kind, at, storm), calm));
        if enough(&world.checks.names()) {
            break;
        }
    }
    world
}

#[test]
fn long_schedules_are_safe_and_get_somewhere() {
    let mut committed = 0;
    for seed in 0..20 {
        let world = wander(seed, 3000, &[], |names| !names.is_empty());
        assert!(world.checks.broken.is_empty(), "seed {seed}: {:?}", world.checks.broken);
        committed += world.checks.end().0;
    }
    assert!(committed > 20 * 25, "only {committed} records were committed");
}

/// A story: three brokers, told step by step; after each the properties are looked at.
struct Story(World);

impl Story {
    /// `in_sync` is the in-sync set that all know, its first member leads.
    fn begin(in_sync: &[i32], defects: &[Defect]) -> Self {
        Self(World::formed(in_sync, defects))
    }

    fn then(&mut self, act: impl FnOnce(&mut World)) -> &mut Self {
        act(&mut self.0);
        look(&mut self.0);
        self
    }

    fn produce(&mut self, at: i32, acks: AckMode) -> &mut Self {
        self.then(|world| assert!(world.produce(BrokerId(at), acks), "{at} refuses"))
    }

    /// What `client` has sent arrives: its fetch, or with `CONTROLLER` its AlterPartition.
    fn request(&mut self, client: i32, server: i32) -> &mut Self {
        self.move_one(client, server, |content| matches!(content, Content::Request(_)))
    }

    /// The answer for `client` arrives.
    fn response(&mut self, client: i32, server: i32) -> &mut Self {
        self.move_one(client, server, |content| matches!(content, Content::Response(..)))
    }

    /// Request and response.
    fn exchange(&mut self, client: i32, server: i32) -> &mut Self {
        self.request(client, server).response(client, server)
    }

    fn move_one(&mut self, client: i32, server: i32, is: impl Fn(&Content) -> bool) -> &mut Self {
        self.then(|world| {
            let fits = |m: &crate::replication_world::Message| {
                m.client.0 == client && m.server.0 == server && is(&m.content)
            };
            let at = world.network.iter().position(fits);
            let at = at.unwrap_or_else(|| panic!("{client} and {server}: {:?}", world.network));
            world.deliver(at, false);
        })
    }

    fn apply(&mut self, broker: i32) -> &mut Self {
        self.then(|world| assert!(world.apply(BrokerId(broker)), "{broker} knows all"))
    }

    fn apply_all(&mut self, broker: i32) -> &mut Self {
        self.then(|world| assert!(world.apply_all(BrokerId(broker)), "{broker} knows all"))
    }

    fn elect(&mut self, broker: i32) -> &mut Self {
        self.then(|world| assert!(world.controller.elect(BrokerId(broker)), "{broker} cannot"))
    }

    fn end(&self, broker: i32) -> Offset {
        self.0.replica(BrokerId(broker)).expect("it runs").log().end_offset()
    }

    fn high_watermark(&self, broker: i32) -> Offset {
        self.0.replica(BrokerId(broker)).expect("it runs").high_watermark()
    }
}

const CONTROLLER: i32 = 3001;

/// Tells `story` with `defect`, where it must break `properties`, and without, where it must break
/// none.
fn shows(defect: Defect, properties: &[&str], story: impl Fn(&[Defect]) -> Story) {
    let told = story(&[defect]);
    let names = told.0.checks.names();
    assert!(properties.iter().all(|name| names.contains(name)), "{defect:?}: {names:?}");
    assert!(properties.iter().any(|name| defect.caught_by().contains(name)), "{defect:?}");
    let told = story(&[]);
    assert!(told.0.checks.broken.is_empty(), "{:?}", told.0.checks.broken);
}

/// KIP-101, scenario 1. A follower learns that a record is committed one fetch after it has it. In
/// between its leader is elected anew: the follower cuts the record and is elected without it.
#[test]
fn truncating_to_the_high_watermark_loses_a_committed_record() {
    shows(
        Defect::TruncateToHighWatermark,
        &["candidate-completeness", "leader-completeness", "acked-durability"],
        |defects| {
            let mut story = Story::begin(&[1, 2, 3], defects);
            story.produce(1, AckMode::All);
            story.exchange(2, 1).exchange(3, 1).exchange(2, 1).request(3, 1);
            assert_eq!((story.high_watermark(1), story.high_watermark(2)), (Offset(1), Offset(0)));
            story.elect(1).apply(2).elect(2).apply(2);
            story
        },
    );
}

/// KIP-320. Replica 3 has missed two elections. It fetches from replica 1, which leads again and
/// counts it; then it hears of the first election, and its leader, of the past too, makes it
/// cut what has just been committed.
#[test]
fn an_unfenced_fetch_is_counted_and_then_undone() {
    shows(Defect::UnfencedFetch, &["candidate-completeness", "leader-completeness"], |defects| {
        let mut story = Story::begin(&[1, 2, 3], defects);
        story.produce(1, AckMode::All).elect(2).apply(2);
        story.then(|world| world.controller.fence(BrokerId(2)));
        assert_eq!(story.0.controller.state().leader, Some(BrokerId(1)));
        story.apply_all(1).exchange(3, 1);
        if defects.is_empty() {
            assert_eq!(story.end(3), Offset(0), "74: it waits for metadata");
            story.apply(3).exchange(3, 2);
        } else {
            story.request(3, 1);
            assert_eq!(story.high_watermark(1), Offset(1));
            story.apply(3).exchange(3, 2);
            assert_eq!(story.end(3), Offset(0));
        }
        story.elect(3).apply_all(3);
        story
    });
}

/// KAFKA-7128. Replica 3 has every committed record and does not know which are. Elected, it lets
/// replica 1 in, which has none: its log end has reached a high watermark that is stale.
#[test]
fn a_follower_joins_below_the_start_of_the_epoch() {
    shows(
        Defect::ExpandBelowEpochStart,
        &["candidate-completeness", "leader-completeness"],
        |defects| {
            let mut story = Story::begin(&[2, 3], defects);
            story.produce(2, AckMode::All).exchange(3, 2).request(3, 2);
            assert_eq!((story.high_watermark(2), story.high_watermark(3)), (Offset(1), Offset(0)));
            story.elect(3).apply(3).apply(1).request(1, 3);
            if defects.is_empty() {
                assert!(!story.0.controller.state().in_sync.contains(BrokerId(1)));
                return story;
            }
            story.exchange(3, CONTROLLER);
            story.elect(1).apply_all(1);
            story
        },
    );
}

/// KIP-497. Replica 3 lags; the leader asks to drop it and counts on the rest at once. The request
/// is never handled, and replica 3 is elected.
#[test]
fn a_set_that_is_only_proposed_is_not_counted_on() {
    shows(
        Defect::HighWatermarkOverProposed,
        &["quorum-superset", "candidate-completeness", "leader-completeness", "acked-durability"],
        |defects| {
            let mut story = Story::begin(&[1, 2, 3], defects);
            story.then(|world| world.tick(LAG_MAX)).exchange(2, 1);
            story.produce(1, AckMode::All).exchange(2, 1);
            story.then(|world| world.tick(Duration::from_secs(1)));
            story.then(|world| assert!(world.check_shrink(BrokerId(1))));
            story.request(2, 1);
            story.elect(3).apply(3);
            story
        },
    );
}

/// KIP-497. Replica 3 caught up; the controller has recorded it, and the answer is on its way. The
/// leader commits a record without it.
#[test]
fn a_set_that_may_be_recorded_is_waited_for() {
    shows(
        Defect::HighWatermarkOverCommitted,
        &["quorum-superset", "candidate-completeness", "leader-completeness", "acked-durability"],
        |defects| {
            let mut story = Story::begin(&[1, 2], defects);
            story.exchange(2, 1).request(3, 1).request(1, CONTROLLER);
            assert!(story.0.controller.state().in_sync.contains(BrokerId(3)));
            story.produce(1, AckMode::All).exchange(2, 1).request(2, 1);
            story.elect(3).apply_all(3);
            story
        },
    );
}

/// KIP-966. Both followers are out. The last replica in sync commits on its own, loses power and
/// with it the record, and is elected all the same. Today it does not commit on its own, and who
/// lost power is not elected before it has caught up.
#[test]
fn the_last_replica_standing_loses_its_tail() {
    shows(
        Defect::LastReplicaStanding,
        &["leader-completeness", "candidate-completeness"],
        |defects| {
            let mut story = Story::begin(&[1, 2, 3], defects);
            // The followers have fetched an empty log, and then no more.
            story.request(2, 1).request(3, 1);
            story.then(|world| world.tick(LAG_MAX)).produce(1, AckMode::Leader);
            story.then(|world| world.tick(Duration::from_secs(1)));
            story.then(|world| assert!(world.check_shrink(BrokerId(1))));
            story.exchange(1, CONTROLLER);
            assert_eq!(story.0.controller.state().in_sync.len(), 1);
            story.then(|world| world.crash(BrokerId(1), true));
            story.then(|world| assert!(world.start(BrokerId(1))));
            story.then(|world| world.controller.unfence(BrokerId(1)));
            story.apply_all(1);
            story
        },
    );
}

/// What Kafka does today, as far as its source tells (see `Replica::lead`). Replica 2 joins, then
/// replica 3: the answer for the first came before the metadata that says the same, which then
/// makes the leader forget that the second is under way. The controller has granted it. Replica 3
/// is cut off; after replica.lag.time.max.ms nothing reminds the leader of it.
#[test]
fn metadata_that_repeats_an_answer_does_not_drop_the_next_wish() {
    shows(
        Defect::PendingChangeDropped,
        &["quorum-superset", "candidate-completeness", "leader-completeness", "acked-durability"],
        |defects| {
            let mut story = Story::begin(&[1], defects);
            story.exchange(2, 1).exchange(1, CONTROLLER);
            story.request(3, 1).request(1, CONTROLLER);
            assert_eq!(story.0.controller.state().in_sync.len(), 3);
            story.apply(1);
            story.then(|world| world.tick(LAG_MAX + Duration::from_secs(1)));
            story.exchange(2, 1).produce(1, AckMode::All).exchange(2, 1).request(2, 1);
            story.elect(3).apply_all(3);
            story
        },
    );
}

/// KAFKA-7415. Replica 1 is elected, again, without ever having had a record of the epoch in
/// between. Replica 2 asks it for that epoch, gets no answer, and cuts a committed record.
#[test]
fn an_epoch_that_the_leader_does_not_know_makes_its_follower_cut_too_much() {
    shows(Defect::UnknownEpochFallback, &["candidate-completeness"], |defects| {
        let mut story = Story::begin(&[1, 2, 3], defects);
        story.produce(1, AckMode::All);
        story.exchange(2, 1).exchange(3, 1).request(2, 1).request(3, 1);
        assert_eq!((story.high_watermark(1), story.high_watermark(2)), (Offset(1), Offset(0)));
        story.elect(2).apply(2).produce(2, AckMode::Leader).elect(1).apply_all(1).apply(2);
        // An answer of the first epoch comes first, and is dropped.
        story.response(2, 1).exchange(2, 1);
        assert_eq!(story.end(2), Offset(i64::from(defects.is_empty())));
        story
    });
}

/// KIP-320. Replica 3 has a record that replica 2 missed; two elections later it still fetches in
/// the first epoch, and its place counts for what stands there now.
#[test]
fn a_place_in_a_log_of_an_older_epoch_is_not_counted() {
    shows(Defect::HighWatermarkOfOldEpoch, &["candidate-completeness"], |defects| {
        let mut story = Story::begin(&[1, 2, 3], defects);
        story.produce(1, AckMode::Leader).exchange(3, 1);
        story.elect(2).apply(2).apply(1).produce(2, AckMode::Leader);
        story.exchange(1, 2).exchange(1, 2).elect(1).apply(1).apply_all(2);
        // A fetch of the first epoch comes first, and is refused.
        story.exchange(2, 1).exchange(2, 1);
        // It asks in the first epoch.
        story.request(3, 1);
        let counted = story.high_watermark(1);
        assert_eq!(counted, Offset(i64::from(!defects.is_empty())));
        story
    });
}

/// The same with another fence down: replica 3 gets the new records and appends them behind the
/// old one. The last records of both logs agree from then on; those before do not.
#[test]
fn records_of_a_later_epoch_hide_a_hole_below_them() {
    shows(Defect::ServeOldEpoch, &["log-matching"], |defects| {
        let mut story = Story::begin(&[1, 2, 3], defects);
        story.produce(1, AckMode::Leader).exchange(3, 1);
        story.elect(2).apply(2).apply(1).produce(2, AckMode::Leader);
        story.exchange(1, 2).exchange(1, 2).elect(1).apply(1);
        story.produce(1, AckMode::Leader).exchange(3, 1);
        story
    });
}

/// The random schedules are worth something: they find every one of these by themselves.
#[test]
fn wandering_finds_the_old_bugs() {
    for defect in [
        Defect::TruncateToHighWatermark,
        Defect::UnfencedFetch,
        Defect::ExpandBelowEpochStart,
        Defect::HighWatermarkOverProposed,
        Defect::HighWatermarkOverCommitted,
        Defect::LastReplicaStanding,
        Defect::HighWatermarkBeyondEnd,
        Defect::AckBeforeInSync,
        Defect::PendingChangeDropped,
        Defect::OffsetOnlyAnswer,
        Defect::HighWatermarkOfOldEpoch,
        Defect::LastFetchedEpochLost,
    ] {
        let is_it = |name: &&str| defect.caught_by().contains(name);
        let is_found = |seed: &u64| {
            let world = wander(*seed, 1500, &[defect], |names| names.iter().any(is_it));
            world.checks.names().iter().any(is_it)
        };
        let found = (0..300).find(is_found);
        assert!(found.is_some(), "{defect:?} is not found");
    }
}
