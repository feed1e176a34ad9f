//! The museum: every defect that can be switched on is caught by a property that it names, in a
//! scenario and seed that come out clean without it.
//!
//! Most rows are stories of crashes, cuts and delays that show their defect in nearly every seed,
//! so that a change of the simulator does not move them away. Where no sequence of events is
//! needed, any scenario with work and faults will do.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use kafsim::check::Outcome;
use kafsim::explore::{End, Executed, RunOptions, run_once};
use kafsim::types::Defect;

use crate::scenarios::{complaint, scenario};

/// A defect, and where it shows.
struct Exhibit {
    defect: Defect,
    /// The scenario under `scenarios`, without `.toml`.
    scenario: &'static str,
    changes: &'static [&'static str],
    seed: u64,
    /// The property that turns red.
    property: &'static str,
}

/// One row: defect, scenario, changes, property; all with seed 0.
macro_rules! exhibits {
    ($($defect:ident $scenario:literal [$($change:literal)*] $property:literal;)*) => {
        &[$(Exhibit {
            defect: Defect::$defect,
            scenario: $scenario,
            changes: &[$($change),*],
            seed: 0,
            property: $property,
        },)*]
    };
}

const MUSEUM: &[Exhibit] = exhibits! {
    TruncateToHighWatermark "museum/kip_101" ["duration=45s" "producer.checkout.rate=50/s"]
        "leader-completeness";
    UnfencedFetch "museum/kip_320" [] "candidate-completeness";
    ExpandBelowEpochStart "museum/kafka_7128" [] "candidate-completeness";
    HighWatermarkOverProposed "museum/unclean_election" [] "quorum-superset";
    HighWatermarkOverCommitted "museum/unclean_election" [] "quorum-superset";
    LastReplicaStanding "museum/last_replica_standing" ["duration=30s"] "acked-durability";
    UncleanLeaderElection "museum/unclean_election" [] "acked-durability";
    NeverFlush "museum/simultaneous_power_loss" ["duration=25s"] "acked-durability";
    LeaderResumesEpoch "controller/failover" ["producer.checkout.rate=20/s"]
        "raft-committed-prefix";
    FetchBeforeFsync "museum/kafka_10533" [] "raft-committed-prefix";
    ReorderInFlight "museum/new_leader_cut_off" [] "per-producer-order";
    DuplicateOnRetry "museum/unclean_election" [] "no-duplicate";
    FencedInSync "museum/kafka_13916" [] "isr-membership";
    NoUncleanShutdownDetection "museum/kafka_18635" [] "acked-durability";
    VoteNotPersisted "museum/vote_not_persisted" [] "raft-vote-once";
    NoPreVote "controller/failover" ["producer.checkout.rate=20/s"] "quorum-stable";
    LeaderEpochNotRaised "museum/new_leader_cut_off" [] "one-leader-per-epoch";
    EpochCacheNotTruncated "museum/new_leader_cut_off" [] "replicas-rejoin";
    HighWatermarkBeyondEnd "museum/unclean_election" ["producer.checkout.value_bytes=4000"]
        "offset-order";
    AckBeforeInSync "museum/kafka_13916" [] "quorum-superset";
    SkippedMetadataRecord "museum/unclean_election" [] "metadata-prefix";
    DuplicateCheckOff "museum/unclean_election" [] "no-duplicate";
    SequenceCheckOff "replication/leader_crash" ["producer.checkout.rate=50/s"]
        "per-producer-order";
    NoElection "museum/new_leader_cut_off" [] "leader-elected";
    NoExpansion "museum/kafka_13916" [] "replicas-rejoin";
    HighWatermarkStuck "museum/unclean_election"
        ["producer.checkout.config.acks=1" "producer.checkout.records_max=350"]
        "high-watermark-reaches-end";
    PendingChangeDropped "museum/pending_change_dropped" [] "quorum-superset";
    ReadBeyondHighWatermark "museum/kafka_13916" [] "consistent-read";
    PollSkips "museum/kafka_13916" [] "poll-skip";
    PollGoesBack "museum/kafka_13916" [] "nonmonotonic-poll";
};

impl Exhibit {
    fn run(&self, defects: &[&str]) -> Executed {
        let path = format!("scenarios/{}.toml", self.scenario);
        let changes = [&["defects=[]"], self.changes].concat();
        run_once(&scenario(&path, &changes, defects), self.seed, &RunOptions::default())
    }

    /// What is wrong with this exhibit, if anything is.
    fn complaint(&self) -> Option<String> {
        let name = self.defect.name();
        let place = format!("{name}: {} {:?} seed {}", self.scenario, self.changes, self.seed);
        if !self.defect.caught_by().contains(&self.property) {
            return Some(format!("{name} does not name {}", self.property));
        }
        let with = self.run(&[name]);
        if violated(&with).all(|property| property != self.property) {
            return Some(format!("{place}: {} holds: {}", self.property, complaint(&with)));
        }
        let without = self.run(&[]);
        let is_clean = violated(&without).next().is_none() && without.outcome.end == End::Finished;
        (!is_clean).then(|| format!("{place}: not clean without it: {}", complaint(&without)))
    }
}

/// The properties that a run broke within their premises.
fn violated(executed: &Executed) -> impl Iterator<Item = &'static str> {
    let claims = executed.outcome.claims.iter();
    let broken = claims.filter(|c| matches!(c.verdict.outcome, Outcome::Violated { .. }));
    broken.map(|claim| claim.property.name())
}

#[test]
fn every_defect_has_a_place() {
    let shown: Vec<Defect> = MUSEUM.iter().map(|exhibit| exhibit.defect).collect();
    assert_eq!(shown, Defect::ALL, "one row for each defect, in the order of the table");
}

#[test]
fn every_defect_is_caught_and_only_it() {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let work = || -> Vec<String> {
        let exhibits = std::iter::from_fn(|| MUSEUM.get(next.fetch_add(1, Ordering::Relaxed)));
        exhibits.filter_map(Exhibit::complaint).collect()
    };
    let complaints: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
