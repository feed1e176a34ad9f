//! The museum: every defect that can be switched on is caught by a property that it names, and
//! every property is broken by a defect, in a scenario and seed that come out clean without it.
//!
//! Most rows are stories of crashes, cuts and delays that show their defect in nearly every seed,
//! so that a change of the simulator does not move them away. Where no sequence of events is
//! needed, any scenario with work and faults will do. Rows of the two tables that ask for the same
//! run share it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use kafsim::check::{Outcome, infos};
use kafsim::event::Event;
use kafsim::explore::{End, Executed, RunOptions, run_once};
use kafsim::report::explain::{Asked as Question, Explanation, Reruns, explain, explain_all};
use kafsim::scenario::Scenario;
use kafsim::trace::RunFile;
use kafsim::types::Defect;

use crate::borne_out::untrue;
use crate::scenarios::{complaint, scenario};

/// A defect, and where it shows.
pub(crate) struct Exhibit {
    pub(crate) defect: Defect,
    /// The scenario under `scenarios`, without `.toml`.
    pub(crate) scenario: &'static str,
    pub(crate) changes: &'static [&'static str],
    seed: u64,
    /// The property that turns red.
    pub(crate) property: &'static str,
}

/// One row: defect, scenario, changes, property; all with seed 0. Or the property first.
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
    ($($property:literal $defect:ident $scenario:literal [$($change:literal)*];)*) => {
        exhibits! { $($defect $scenario [$($change)*] $property;)* }
    };
}

/// By defect, in the order of their table.
pub(crate) const MUSEUM: &[Exhibit] = exhibits! {
    TruncateToHighWatermark "museum/kip_101" ["duration=45s" "producer.checkout.rate=50/s"]
        "leader-completeness";
    UnknownEpochFallback "museum/kafka_7415" [] "candidate-completeness";
    OffsetOnlyAnswer "museum/kip_279" [] "log-matching";
    UnfencedFetch "museum/kip_320" [] "candidate-completeness";
    FirstTry "museum/kip_320" [] "candidate-completeness";
    HighWatermarkOfOldEpoch "museum/kip_320_old_epoch" [] "candidate-completeness";
    ExpandFromOldEpoch "museum/kip_320_expand" [] "candidate-completeness";
    ServeOldEpoch "museum/kip_320_old_epoch" [] "log-matching";
    ExpandBelowEpochStart "museum/kafka_7128" [] "candidate-completeness";
    StaleFetchResponse "museum/kafka_18723" [] "candidate-completeness";
    HighWatermarkOverProposed "museum/unclean_election" [] "quorum-superset";
    HighWatermarkOverCommitted "museum/unclean_election" [] "quorum-superset";
    StaleBrokerEpoch "museum/kip_903" [] "candidate-completeness";
    LastReplicaStanding "museum/last_replica_standing" ["duration=30s"] "acked-durability";
    UncleanLeaderElection "museum/unclean_election" [] "acked-durability";
    NeverFlush "museum/simultaneous_power_loss" ["duration=25s"] "acked-durability";
    HighWatermarkBeforeTruncation "museum/kafka_14704" [] "consistent-read";
    LastFetchedEpochLost "museum/kafka_15510" [] "log-matching";
    EmptyEpochKept "museum/kafka_10706" [] "replicas-rejoin";
    OffsetAvailableTooSoon "museum/kip_207" [] "list-offsets-monotone";
    LeaderResumesEpoch "controller/failover" ["producer.checkout.rate=20/s"]
        "raft-election-safety";
    FetchBeforeFsync "museum/kafka_10533" [] "raft-committed-prefix";
    ReorderInFlight "museum/new_leader_cut_off" [] "per-producer-order";
    DuplicateOnRetry "museum/unclean_election" [] "no-duplicate";
    FencedInSync "museum/kafka_13916" [] "isr-membership";
    NoUncleanShutdownDetection "museum/kafka_18635" [] "acked-durability";
    EmptyDiskElected "museum/kafka_14139" [] "unclean-exclusion";
    AppendAfterError "museum/kafka_10778" [] "log-matching";
    VoteNotPersisted "museum/vote_not_persisted" [] "raft-vote-once";
    NoPreVote "controller/failover" ["producer.checkout.rate=20/s"] "quorum-stable";
    NoCheckQuorum "controller/failover" ["producer.checkout.rate=20/s"] "quorum-stable";
    CommitOfOlderEpoch "museum/kafka_12619" [] "raft-committed-prefix";
    ClaimedBeforeReplayed "museum/kafka_15345" [] "replicas-rejoin";
    PartitionEpochIgnored "museum/partition_epoch_ignored" [] "quorum-superset";
    FencedLastKnownLeader "museum/kafka_19522" [] "isr-membership";
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
    ShuttingDownReplicaCounts "museum/kafka_15021" [] "high-watermark-reaches-end";
    RetriableErrorNotRetried "museum/kafka_14010" [] "alter-partition-answered";
    PendingChangeDropped "museum/pending_change_dropped" [] "quorum-superset";
    ReadBeyondHighWatermark "museum/kafka_13916" [] "consistent-read";
    PollSkips "museum/kafka_13916" [] "poll-skip";
    PollGoesBack "museum/kafka_13916" [] "nonmonotonic-poll";
    OldEpochStamped "museum/new_leader_cut_off" [] "epoch-monotone-in-log";
    QuorumFetchByOffset "controller/failover" ["producer.checkout.rate=20/s"]
        "raft-log-matching";
    NeverUnfenced "replication/leader_crash" ["producer.checkout.rate=50/s"] "broker-unfenced";
    DeliveryTimeoutIgnored "museum/unclean_election"
        ["producer.checkout.config.delivery.timeout.ms=5000"
         "producer.checkout.config.max.block.ms=1000"]
        "produce-answered";
    HighWatermarkLeftBehind "replication/retention_overtakes_follower" [] "offset-order";
    StaleEpochCheckpoint "museum/kafka_16541" [] "epoch-monotone-in-log";
    OneBatchRemembered "museum/kafka_5494" [] "no-duplicate";
    ProducerStateFollowsLog "museum/kafka_7190" [] "duplicate";
    RetentionOneMore "operations/consumer_too_slow" [] "deletion-by-rule";
    NackTakenForProof "clients/delivery_timeout" [] "nack-not-proof";
    KeysSkipLeaderless "clients/partitioning" [] "key-to-partition";
    NoRevocationBarrier "groups/consume_and_produce" [] "exclusive-ownership";
    PartitionEpochLost "museum/kafka_16147" [] "exclusive-ownership";
    FencedCannotRejoin "museum/kafka_19233" [] "group-stable";
    CommitWithoutGeneration "groups/zombie_commits_after_expulsion" [] "commit-fenced";
    OffsetsExpireInRebalance "museum/kafka_13636" [] "commit-durable";
    AsyncProcessing "museum/asynchronous_processing" [] "at-least-once";
    CommitsUnderneath "museum/kafka_18641" [] "at-least-once";
    RevokedAndKept "groups/application_stalls" ["settle=20s"] "exclusive-ownership";
    StaleClaims "museum/kafka_12984" [] "exclusive-ownership";
    NeverSynced "museum/kafka_12890" [] "group-stable";
    StaticWithoutAssignment "museum/kafka_9801" [] "assignment-legal";
    StaticIdForgotten "museum/kafka_10284" [] "group-stable";
    DeposedAcknowledges "groups/deposed_coordinator" [] "commit-durable";
    PartitionForgotten "groups/scale_up_and_down" ["settle=20s"] "assignment-legal";
    GroupEpochNotWritten "groups/coordinator_crashes_kip_848" ["settle=20s"]
        "assignment-legal";
    UnsafeOffsetTold "museum/unsafe_offset_told" [] "commit-told";
};

/// Further stories of the same defects, and their own numbers in the museum.
const NUMBERED: &[(&str, u32)] = &[("museum/kip_101_divergence", 2)];

/// Further stories of the same defects.
pub(crate) const STORIES: &[Exhibit] = exhibits! {
    TruncateToHighWatermark "museum/kip_101_divergence" [] "log-matching";
};

/// By property, in the order of the catalogue.
pub(crate) const PROOFS: &[Exhibit] = exhibits! {
    "log-matching" TruncateToHighWatermark "museum/kip_101_divergence" [];
    "epoch-offset-unique" LeaderEpochNotRaised "museum/new_leader_cut_off" [];
    "epoch-monotone-in-log" EpochCacheNotTruncated "museum/new_leader_cut_off" [];
    "offset-order" HighWatermarkBeyondEnd "museum/unclean_election"
        ["producer.checkout.value_bytes=4000"];
    "leader-completeness" TruncateToHighWatermark "museum/kip_101"
        ["duration=45s" "producer.checkout.rate=50/s"];
    "candidate-completeness" ExpandBelowEpochStart "museum/kafka_7128" [];
    "quorum-superset" PendingChangeDropped "museum/pending_change_dropped" [];
    "consistent-read" ReadBeyondHighWatermark "museum/kafka_13916" [];
    "list-offsets-monotone" OffsetAvailableTooSoon "museum/kip_207" [];
    "acked-durability" LastReplicaStanding "museum/last_replica_standing" ["duration=30s"];
    "acks-one-durability" ExpandBelowEpochStart "museum/kafka_7128" [];
    "deletion-by-rule" RetentionOneMore "operations/consumer_too_slow" [];
    "isr-membership" FencedInSync "museum/kafka_13916" [];
    "unclean-exclusion" NoUncleanShutdownDetection "museum/kafka_18635" [];
    "one-leader-per-epoch" LeaderEpochNotRaised "museum/new_leader_cut_off" [];
    "metadata-prefix" SkippedMetadataRecord "museum/unclean_election" [];
    "raft-election-safety" LeaderResumesEpoch "controller/failover"
        ["producer.checkout.rate=20/s"];
    "raft-vote-once" VoteNotPersisted "museum/vote_not_persisted" [];
    "raft-log-matching" QuorumFetchByOffset "controller/failover" ["producer.checkout.rate=20/s"];
    "raft-committed-prefix" FetchBeforeFsync "museum/kafka_10533" [];
    "no-duplicate" DuplicateCheckOff "museum/unclean_election" [];
    "per-producer-order" SequenceCheckOff "replication/leader_crash"
        ["producer.checkout.rate=50/s"];
    "nack-not-proof" NackTakenForProof "clients/delivery_timeout" [];
    "key-to-partition" KeysSkipLeaderless "clients/partitioning" [];
    "exclusive-ownership" PartitionEpochLost "museum/kafka_16147" [];
    "commit-fenced" CommitWithoutGeneration "groups/zombie_commits_after_expulsion" [];
    "commit-durable" OffsetsExpireInRebalance "museum/kafka_13636" [];
    "commit-told" UnsafeOffsetTold "museum/unsafe_offset_told" [];
    "assignment-legal" PartitionForgotten "groups/scale_up_and_down" ["settle=20s"];
    "at-least-once" CommitsUnderneath "museum/kafka_18641" [];
    "at-most-once" PartitionEpochLost "museum/kafka_16147" ["group.billing.commit=before"];
    "processing-order" PollGoesBack "groups/scale_up_and_down" ["settle=20s"];
    "leader-elected" NoElection "museum/new_leader_cut_off" [];
    "replicas-rejoin" NoExpansion "museum/kafka_13916" [];
    "produce-answered" DeliveryTimeoutIgnored "museum/unclean_election"
        ["producer.checkout.config.delivery.timeout.ms=5000"
         "producer.checkout.config.max.block.ms=1000"];
    "high-watermark-reaches-end" HighWatermarkStuck "museum/unclean_election"
        ["producer.checkout.config.acks=1" "producer.checkout.records_max=350"];
    "metadata-converges" SkippedMetadataRecord "museum/unclean_election" [];
    "quorum-stable" NoPreVote "controller/failover" ["producer.checkout.rate=20/s"];
    "alter-partition-answered" RetriableErrorNotRetried "museum/kafka_14010" [];
    "acked-replicated" EpochCacheNotTruncated "museum/new_leader_cut_off" [];
    "broker-unfenced" NeverUnfenced "replication/leader_crash" ["producer.checkout.rate=50/s"];
    "group-stable" FencedCannotRejoin "museum/kafka_19233" [];
    "lost-write" AckBeforeInSync "museum/new_leader_cut_off" [];
    "unseen" AckBeforeInSync "museum/new_leader_cut_off" [];
    "duplicate" DuplicateCheckOff "museum/unclean_election" [];
    "inconsistent-offsets" UnfencedFetch "museum/kip_320" [];
    "poll-skip" PollSkips "museum/kafka_13916" [];
    "nonmonotonic-poll" PollGoesBack "museum/kafka_13916" [];
    "nonmonotonic-send" SequenceCheckOff "replication/leader_crash"
        ["producer.checkout.rate=50/s"];
};

/// A run: scenario, changes, seed, and the defect that was on.
type Asked = (&'static str, &'static [&'static str], u64, Option<Defect>);

/// What it came to.
struct Came {
    /// The properties that it broke within their premises.
    violated: Vec<&'static str>,
    /// Whether the run went through all its parts, and the cluster served again.
    is_finished: bool,
    complaint: String,
    /// The explanations of what it violated, if a defect was on.
    explanations: Vec<Explanation>,
    /// The explanation of the first, with what other runs have shown, where that is kept.
    retold: Option<Explanation>,
    /// What they say that the run's events do not bear out.
    untrue: Vec<String>,
}

/// What the runs of both tables came to, with their defects and without.
static RUNS: LazyLock<BTreeMap<Asked, Came>> = LazyLock::new(|| {
    let rows = MUSEUM.iter().chain(STORIES).chain(PROOFS);
    let asked: BTreeSet<Asked> =
        rows.flat_map(|row| [row.asked(Some(row.defect)), row.asked(None)]).collect();
    let asked: Vec<Asked> = asked.into_iter().collect();
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let work = || -> Vec<(Asked, Came)> {
        let mine = std::iter::from_fn(|| asked.get(next.fetch_add(1, Ordering::Relaxed)));
        mine.map(|asked| (*asked, run(*asked))).collect()
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("runs do not panic")).collect()
    })
});

/// The name of the files that are about a defect in a scenario.
pub(crate) fn name_of(defect: Defect, scenario: &str) -> String {
    format!("{}.{}", defect.name(), scenario.replace('/', "-"))
}

/// A run, and what it came to with one thing changed.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Kept {
    /// The path of the scenario.
    pub(crate) scenario: String,
    /// As `--set` takes them.
    pub(crate) sets: Vec<String>,
    /// As `--defect` takes it.
    pub(crate) defect: String,
    #[serde(flatten)]
    pub(crate) reruns: Reruns,
}

/// What the first violation of each exhibit came to with one thing changed, by [`name_of`]: see
/// `explanations::what_other_runs_came_to`.
pub(crate) static RETRIED: LazyLock<BTreeMap<String, Kept>> = LazyLock::new(|| {
    let text = std::fs::read_to_string("tests/data/explain/retried.json").unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
});

fn run((place, changes, seed, defect): Asked) -> Came {
    let path = format!("scenarios/{place}.toml");
    let changes = [&["defects=[]"], changes].concat();
    let defects: Vec<&str> = defect.into_iter().map(Defect::name).collect();
    let scenario = scenario(&path, &changes, &defects);
    let options = RunOptions { record: defect.is_some(), ..RunOptions::default() };
    let mut executed = run_once(&scenario, seed, &options);
    let (mut explanations, mut retold, mut untold) = (Vec::new(), None, Vec::new());
    if let Some((file, events)) = recorded(&mut executed) {
        explanations = explained(&executed, &scenario, (&file, events.clone()), None);
        let kept = defect.and_then(|defect| RETRIED.get(&name_of(defect, place)));
        if let Some(Kept { reruns, .. }) = kept {
            let told = explained(&executed, &scenario, (&file, events.clone()), Some(reruns));
            retold = told.into_iter().next();
        }
        let all = explanations.iter().chain(&retold);
        let lies = all.flat_map(|it| untrue(it, &events, &file.header.setup, &scenario.plan));
        untold = lies.collect();
    }
    let claims = executed.outcome.claims.iter();
    let broken = claims.filter(|c| matches!(c.verdict.outcome, Outcome::Violated { .. }));
    Came {
        violated: broken.map(|claim| claim.property.name()).collect(),
        is_finished: executed.outcome.end == End::Finished,
        complaint: complaint(&executed),
        explanations,
        retold,
        untrue: untold,
    }
}

/// What was violated in a run that was recorded, explained.
pub(crate) fn explanations(executed: &mut Executed, scenario: &Scenario) -> Vec<Explanation> {
    let recorded = recorded(executed);
    recorded.map_or_else(Vec::new, |(file, events)| {
        explained(executed, scenario, (&file, events), None)
    })
}

/// The explanation of the first violation, with what other runs have shown.
pub(crate) fn retold(
    executed: &mut Executed,
    scenario: &Scenario,
    reruns: &Reruns,
) -> Option<Explanation> {
    let (file, events) = recorded(executed)?;
    explained(executed, scenario, (&file, events), Some(reruns)).pop()
}

/// The file of a run that was recorded, and its events.
fn recorded(executed: &mut Executed) -> Option<(RunFile, Vec<Event>)> {
    let file = RunFile::read(&executed.run_file.take()?.to_vec()).expect("it was just written");
    let events = file.events().expect("it was just written");
    let events = events.map(|event| event.expect("it was just written")).collect();
    Some((file, events))
}

fn explained(
    executed: &Executed,
    scenario: &Scenario,
    (file, events): (&RunFile, Vec<Event>),
    reruns: Option<&Reruns>,
) -> Vec<Explanation> {
    let claims = executed.outcome.claims.iter();
    let verdicts: Vec<_> = claims.map(|claim| claim.verdict.clone()).collect();
    let none = Reruns::default();
    let question = Question {
        plan: &scenario.plan,
        seed: file.header.seed,
        setup: &Arc::new(file.header.setup.clone()),
        verdicts: &verdicts,
        number: 1,
        file: "a.run",
        reruns: reruns.unwrap_or(&none),
    };
    match reruns {
        None => explain_all(events, question),
        Some(_) => explain(events, question).into_iter().collect(),
    }
}

impl Exhibit {
    fn asked(&self, defect: Option<Defect>) -> Asked {
        (self.scenario, self.changes, self.seed, defect)
    }

    /// Its number in the museum; 0 if it has none.
    pub(crate) fn number(&self) -> u32 {
        let own = NUMBERED.iter().find(|(scenario, _)| *scenario == self.scenario);
        own.map_or(self.defect.number(), |(_, number)| *number)
    }

    /// Why its run's properties were violated, in the order of their numbers.
    pub(crate) fn explanations(&self) -> &'static [Explanation] {
        &RUNS[&self.asked(Some(self.defect))].explanations
    }

    /// Why its first property was violated, as `kafsim explain` says it: with what other runs have
    /// shown.
    pub(crate) fn retold(&self) -> Option<&'static Explanation> {
        RUNS[&self.asked(Some(self.defect))].retold.as_ref()
    }

    /// What the explanations say that its events do not bear out.
    pub(crate) fn untrue(&self) -> &'static [String] {
        &RUNS[&self.asked(Some(self.defect))].untrue
    }

    /// The properties that its run violates without its defect.
    pub(crate) fn violated_without(&self) -> &'static [&'static str] {
        &RUNS[&self.asked(None)].violated
    }

    /// Why its property was violated; nothing if it was not, which tests here complain of.
    pub(crate) fn explanation(&self) -> Option<&'static Explanation> {
        self.explanations().iter().find(|it| it.property == self.property)
    }

    /// What is wrong with this exhibit, if anything is.
    fn complaint(&self) -> Option<String> {
        let (name, property) = (self.defect.name(), self.property);
        let place = format!("{name}: {} {:?} seed {}", self.scenario, self.changes, self.seed);
        let with = &RUNS[&self.asked(Some(self.defect))];
        if !with.violated.contains(&property) {
            return Some(format!("{place}: {property} is not broken: {}", with.complaint));
        }
        let without = &RUNS[&self.asked(None)];
        let is_clean = without.violated.is_empty() && without.is_finished;
        (!is_clean).then(|| format!("{place}: not clean without it: {}", without.complaint))
    }
}

fn check(rows: &[Exhibit]) {
    let complaints: Vec<String> = rows.iter().filter_map(Exhibit::complaint).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_defect_and_every_property_has_its_row() {
    let shown: Vec<Defect> = MUSEUM.iter().map(|exhibit| exhibit.defect).collect();
    assert_eq!(shown, Defect::ALL, "one row for each defect, in the order of the table");
    let proved: Vec<&str> = PROOFS.iter().map(|exhibit| exhibit.property).collect();
    let listed: Vec<&str> = infos().iter().map(|info| info.name).collect();
    assert_eq!(proved, listed, "one row for each property, in the order of the catalogue");
}

#[test]
fn every_defect_is_caught_and_only_it() {
    check(MUSEUM);
    check(STORIES);
}

#[test]
fn every_property_is_broken_by_a_defect_and_holds_without_it() {
    check(PROOFS);
}

/// Else `kafsim defects` and `kafsim properties` would keep something back, or promise too much.
#[test]
fn what_a_defect_breaks_is_what_it_says() {
    let mut complaints = Vec::new();
    for defect in Defect::ALL {
        let own = RUNS.iter().filter(|((.., on), _)| *on == Some(*defect));
        let broken: BTreeSet<&str> = own.flat_map(|(_, came)| came.violated.clone()).collect();
        let told: BTreeSet<&str> = defect.caught_by().iter().copied().collect();
        let (name, kept) = (defect.name(), broken.difference(&told).collect::<Vec<_>>());
        if !kept.is_empty() {
            complaints.push(format!("{name} breaks {kept:?}, too"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
