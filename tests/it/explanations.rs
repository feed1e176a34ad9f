//! Explanations of what the museum breaks: each names the true cause, and reads as it did.
//!
//! The texts are in `tests/data/explain/`, one for each exhibit, with `e*` for the numbers of
//! events, which any change moves. `REWRITE=1` writes them anew; read them as one who doubts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kafsim::event::{Event, Kind};
use kafsim::explore::{Came, RunOptions, run_once, what_if};
use kafsim::report::explain::{Explanation, Retried, Saved, Step, markdown, text};
use kafsim::trace::RunFile;
use kafsim::types::Defect;

use crate::borne_because;
use crate::museum::{Exhibit, Kept, MUSEUM, PROOFS, RETRIED, STORIES, explanations, name_of};
use crate::scenarios::scenario;

const FOLDER: &str = "tests/data/explain";

fn rows() -> impl Iterator<Item = &'static Exhibit> {
    MUSEUM.iter().chain(STORIES).chain(PROOFS)
}

/// `text` without the numbers of events, and without the commands that name them.
fn quiet(text: &str) -> String {
    let text = text.split("\n  To see it again").next().unwrap();
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        out.push(letter);
        let is_number = letters.peek().is_some_and(char::is_ascii_digit);
        if letter == 'e' && !before.is_alphanumeric() && is_number {
            while letters.next_if(char::is_ascii_digit).is_some() {}
            out.push('*');
        }
        before = letter;
    }
    out
}

fn compare(name: &str, now: &str) -> Option<String> {
    let path = Path::new(FOLDER).join(format!("{name}.txt"));
    if std::env::var_os("REWRITE").is_some() {
        std::fs::create_dir_all(FOLDER).unwrap();
        std::fs::write(&path, now).unwrap();
        return None;
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    (before != now).then(|| {
        let differs = before.lines().zip(now.lines()).find(|(before, now)| before != now);
        format!("{}: {differs:?}", path.display())
    })
}

/// The proofs of properties that no exhibit violates first: each property has a text.
fn told_by_property() -> impl Iterator<Item = &'static Exhibit> {
    let exhibits = MUSEUM.iter().chain(STORIES);
    let told: BTreeSet<&str> =
        exhibits.filter_map(|row| Some(row.retold()?.property.as_str())).collect();
    PROOFS.iter().filter(move |row| !told.contains(row.property))
}

fn of_property(row: &Exhibit) -> String {
    format!("property.{}", row.property)
}

#[test]
fn explanations_of_the_museum_are_as_they_were() {
    let mut complaints = Vec::new();
    for row in MUSEUM.iter().chain(STORIES) {
        let name = name_of(row.defect, row.scenario);
        // What `kafsim explain` says without being asked for another.
        let Some(it) = row.retold() else {
            complaints.push(format!("{name}: nothing is violated, or retried.json is old"));
            continue;
        };
        complaints.extend(compare(&name, &quiet(&text(it))));
    }
    for row in told_by_property() {
        let Some(it) = row.explanation() else { continue };
        complaints.extend(compare(&of_property(row), &quiet(&text(it))));
    }
    assert!(complaints.is_empty(), "REWRITE=1 writes them anew:\n{}", complaints.join("\n"));
}

/// What became of the exhibits' runs with one thing changed is in `retried.json`: it takes minutes
/// to find out. `.ci/explanations KAFSIM --renew` does, for the runs that the file names, when runs
/// have changed; without the flag it holds the texts against what `kafsim explain` says.
#[test]
fn the_runs_made_again_are_those_of_the_museum() {
    let mut wanted: BTreeMap<String, Kept> = BTreeMap::new();
    for row in MUSEUM.iter().chain(STORIES) {
        let name = name_of(row.defect, row.scenario);
        let kept = Kept {
            scenario: format!("scenarios/{}.toml", row.scenario),
            sets: row.changes.iter().copied().map(str::to_owned).collect(),
            defect: row.defect.name().to_owned(),
            reruns: RETRIED.get(&name).map(|kept| kept.reruns.clone()).unwrap_or_default(),
        };
        wanted.insert(name, kept);
    }
    if *RETRIED != wanted && std::env::var_os("REWRITE").is_some() {
        let text = serde_json::to_string_pretty(&wanted).unwrap();
        std::fs::write(Path::new(FOLDER).join("retried.json"), text + "\n").unwrap();
        return;
    }
    assert_eq!(*RETRIED, wanted, "REWRITE=1, then .ci/explanations KAFSIM --renew");
    let is_empty = |kept: &&Kept| kept.reruns.saved_by.is_empty();
    assert_eq!(RETRIED.values().find(is_empty), None, ".ci/explanations KAFSIM --renew");
}

/// Scenarios of the museum in which nothing is switched on, and which are violated all the same.
const NO_BUG: [&str; 2] = ["shrink_to_one", "planned_move_with_acks_1"];

/// The texts are those of the rows that `docs/MUSEUM.md` lists and of the mutations: none is
/// missing, and none is left of a row that is gone.
#[test]
fn every_exhibit_has_its_explanation() {
    let named = |row: &Exhibit| name_of(row.defect, row.scenario) + ".txt";
    let rows = MUSEUM.iter().chain(STORIES).map(named);
    let rows = rows.chain(told_by_property().map(|row| of_property(row) + ".txt"));
    let wanted: BTreeSet<String> =
        rows.chain(NO_BUG.map(|name| format!("none.museum-{name}.txt"))).collect();
    let files = std::fs::read_dir(FOLDER).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = files.filter(|name| name != "retried.json").collect();
    assert_eq!(files, wanted, "left: the folder; right: what should be there");
    for file in &files {
        let text = std::fs::read_to_string(Path::new(FOLDER).join(file)).unwrap();
        assert!(text.contains(": violated") && text.contains("How it happened"), "{file}: {text}");
    }
}

fn has(step: &Step, kind: &str, fragment: &str) -> bool {
    let because = step.because.as_deref().unwrap_or_default();
    step.kind == kind && (step.text.contains(fragment) || because.contains(fragment))
}

#[test]
fn every_explanation_is_sound() {
    let mut complaints = Vec::new();
    for row in rows() {
        let Some(it) = row.explanation() else { continue };
        let mut complain = |what: &str| {
            complaints.push(format!("{} {}: {what}", row.defect.name(), row.property));
        };
        if it.steps.is_empty() || it.steps.len() > 10 {
            complain("one to ten steps");
        }
        if !it.steps.is_sorted_by_key(|step| step.event) {
            complain("steps in the order of time");
        }
        if !it.steps.iter().any(|step| Some(step.event) == it.event) {
            complain("the decisive event is a step");
        }
        let named = |step: &Step| {
            step.because.as_ref().is_some_and(|because| because.contains(row.defect.name()))
        };
        if !it.steps.iter().any(named) {
            complain("the bug that is switched on is named");
        }
        let whole = text(it);
        if whole.lines().any(|line| line.chars().count() > 80 && line.contains(' ')) {
            let is_command = |line: &str| line.trim_start().starts_with("kafsim ");
            let long = whole.lines().find(|line| line.chars().count() > 80 && !is_command(line));
            if let Some(long) = long {
                complain(&format!("80 columns: {long}"));
            }
        }
        let is_hash = |word: &str| word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit());
        if whole.split_whitespace().any(is_hash) {
            complain("no hashes of batches");
        }
        let json = serde_json::to_string(it).unwrap();
        if serde_json::from_str::<Explanation>(&json).unwrap() != *it {
            complain("it reads back from JSON");
        }
        if !markdown(it).contains(&format!("`e{}`", it.steps[0].event)) {
            complain("Markdown names its events");
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// A defect, and what its story must tell: the kind of an event, and words of its step.
type Cause = (Defect, &'static [(&'static str, &'static str)]);

/// What the museum's stories come down to, in words of their events: a bug's own name proves
/// nothing.
const CAUSES: &[Cause] = &[
    (
        Defect::TruncateToHighWatermark,
        &[
            ("log-truncated", "cuts to its own high watermark"),
            ("partition-committed", "although the log of broker-1"),
        ],
    ),
    (
        Defect::UnknownEpochFallback,
        &[("log-truncated", "knows nothing of the epoch of the follower's last record")],
    ),
    (
        Defect::ExpandBelowEpochStart,
        &[("alter-partition-sent", "though the log of broker-1 ends at 750")],
    ),
    (
        Defect::OffsetOnlyAnswer,
        &[
            ("log-truncated", "answered where the follower's last epoch ends"),
            ("log-appended", "behind records of epoch 1"),
        ],
    ),
    (
        Defect::UnfencedFetch,
        &[
            ("log-truncated", "goes"),
            (
                "high-watermark-moved",
                "count as committed, although broker-1 still follows in epoch 0",
            ),
        ],
    ),
    (
        Defect::HighWatermarkOfOldEpoch,
        &[("high-watermark-moved", "although broker-1 holds another record")],
    ),
    (
        Defect::ExpandFromOldEpoch,
        &[("partition-committed", "although broker-1 holds another record")],
    ),
    (Defect::ServeOldEpoch, &[("log-appended", "its log has parted from its leader's")]),
    (
        Defect::StaleFetchResponse,
        &[("produce-answered", "has them as a copy"), ("log-truncated", "held up by fault 4")],
    ),
    (Defect::HighWatermarkOverProposed, &[("in-sync-changed", "waits for [2]")]),
    (
        Defect::StaleBrokerEpoch,
        &[
            ("alter-partition-sent", "to make [1,2,3] the in-sync set"),
            ("durable-end", "had not been flushed"),
            ("partition-committed", "although the log of broker-3"),
            ("partition-committed", "in a request sent at 9.208031"),
        ],
    ),
    (
        Defect::LastReplicaStanding,
        &[
            ("partition-committed", "the in-sync set of orders-0 becomes [2]"),
            ("durable-end", "had not been flushed"),
            ("partition-committed", "makes broker-2 leader"),
            ("partition-committed", "which have the records, were not in the in-sync set [2]"),
        ],
    ),
    (
        Defect::UncleanLeaderElection,
        &[("partition-committed", "uncleanly"), ("fault-began", "network partition")],
    ),
    (Defect::NeverFlush, &[("durable-end", "had not been flushed"), ("fault-began", "power loss")]),
    (
        Defect::HighWatermarkBeforeTruncation,
        &[("fetch-diverged", "part"), ("high-watermark-moved", "its log has parted")],
    ),
    (
        Defect::LastFetchedEpochLost,
        &[
            ("delivered", "without records"),
            ("log-appended", "its log has parted from its leader's"),
        ],
    ),
    (
        Defect::EmptyEpochKept,
        &[
            ("defect-acted", "keeps a leader epoch of which it has no record"),
            ("partition-committed", "broker-3 had not caught up"),
        ],
    ),
    (
        Defect::OffsetAvailableTooSoon,
        &[("latest-offset-told", "tells a client"), ("role-taken", "takes the lead")],
    ),
    (
        Defect::FetchBeforeFsync,
        &[
            ("durable-end", "had not been flushed"),
            ("quorum-role-taken", "although the log of controller-1"),
        ],
    ),
    (
        Defect::ReorderInFlight,
        &[("batch-sent", "sends batch A again"), ("log-appended", "appends batch B")],
    ),
    (Defect::DuplicateOnRetry, &[("batch-sent", "again"), ("log-appended", "the same records as")]),
    (
        Defect::FencedInSync,
        &[
            ("registration-committed", "fences broker-1"),
            ("partition-committed", "may not be elected"),
        ],
    ),
    (
        Defect::NoUncleanShutdownDetection,
        &[("broker-registered", "for a clean shutdown"), ("durable-end", "had not been flushed")],
    ),
    (
        Defect::EmptyDiskElected,
        &[("host-started", "with an empty disk"), ("broker-registered", "for a clean shutdown")],
    ),
    (
        Defect::AppendAfterError,
        &[
            ("fault-ended", "fault 1 ends"),
            ("storage-failed", "cannot write"),
            ("log-appended", "though it could not write offset"),
            ("log-recovered", "whose write failed"),
        ],
    ),
    (
        Defect::VoteNotPersisted,
        &[
            ("vote-granted", "votes for itself"),
            ("quorum-role-taken", "in epoch 1 of the quorum, although it voted in epoch 2"),
            ("vote-granted", "votes for controller-3"),
        ],
    ),
    (
        Defect::NoPreVote,
        &[("quorum-role-taken", "stands for election"), ("fault-began", "cut off")],
    ),
    (
        Defect::NoCheckQuorum,
        &[("quorum-role-taken", "leads the metadata quorum"), ("fault-began", "cut off")],
    ),
    (
        Defect::CommitOfOlderEpoch,
        &[
            ("log-appended", "controller-3 copies offset 8"),
            ("high-watermark-moved", "count as committed"),
            ("quorum-role-taken", "holds another record"),
        ],
    ),
    (
        Defect::ClaimedBeforeReplayed,
        &[
            ("controller-activated", "takes charge"),
            ("alter-partition-decided", "refuses the in-sync set [1,2,3]: NOT_CONTROLLER"),
        ],
    ),
    (Defect::PartitionEpochIgnored, &[("alter-partition-decided", "the request left broker-3")]),
    (
        Defect::FencedLastKnownLeader,
        &[
            ("registration-committed", "fences broker-2"),
            ("partition-committed", "makes broker-2 leader"),
            ("partition-committed", "broker-2 had been eligible, and registered after an unclean"),
        ],
    ),
    (Defect::NoElection, &[("partition-committed", "has no leader any more")]),
    (
        Defect::NoExpansion,
        &[
            ("follower-counted", "the log of broker-1 ends"),
            ("partition-committed", "becomes [2,3]"),
        ],
    ),
    (Defect::HighWatermarkStuck, &[("in-sync-changed", "waits no more than for [2]")]),
    (
        Defect::ShuttingDownReplicaCounts,
        &[
            ("defect-acted", "holds its high watermark back for broker-3"),
            ("registration-committed", "controlled shutdown"),
        ],
    ),
    (
        Defect::RetriableErrorNotRetried,
        &[
            ("defect-acted", "is answered NOT_CONTROLLER"),
            ("controller-retired", "no longer in charge"),
        ],
    ),
    (Defect::PendingChangeDropped, &[("in-sync-changed", "waits no more than for [2,3]")]),
    (Defect::AckBeforeInSync, &[("produce-answered", "broker-2 holds")]),
    (Defect::SkippedMetadataRecord, &[("metadata-applied", "has replayed")]),
    (Defect::DuplicateCheckOff, &[("log-appended", "the same records as")]),
    (Defect::ReadBeyondHighWatermark, &[("polled", "more than any replica's high watermark")]),
    (
        Defect::NeverUnfenced,
        &[("registration-committed", "fences broker-1"), ("host-resumed", "goes on")],
    ),
    (Defect::DeliveryTimeoutIgnored, &[("batch-done", "is told")]),
    (Defect::HighWatermarkLeftBehind, &[("log-start-moved", "begins its log")]),
    (
        Defect::StaleEpochCheckpoint,
        &[
            ("epoch-cache-changed", "its log begins at 219 from here on"),
            ("log-recovered", "loads its log"),
            ("epoch-cache-changed", "leader-epoch cache"),
        ],
    ),
    (
        Defect::OneBatchRemembered,
        &[
            ("log-appended", "another batch of the producer"),
            ("produce-handled", "refuses"),
            ("batch-sent", "again"),
        ],
    ),
    (
        Defect::ProducerStateFollowsLog,
        &[("log-start-moved", "begins its log"), ("log-appended", "the same records as")],
    ),
    (Defect::RetentionOneMore, &[("log-start-moved", "retention.bytes")]),
    (Defect::NackTakenForProof, &[("batch-done", "failed"), ("log-appended", "appends")]),
    (Defect::KeysSkipLeaderless, &[("batch-sealed", "to orders-1")]),
    (Defect::NoRevocationBarrier, &[("member-reconciled", "own"), ("assignment-decided", "own")]),
    (
        Defect::PartitionEpochLost,
        &[
            ("member-reconciled", "has yet to give up orders-3"),
            ("member-reconciled", "epoch 2 began when billing-2 joined"),
            ("member-joined", "into group billing"),
            ("partition-given-up", "billing-1 gives orders-3 up"),
            ("member-reconciled", "epoch 4"),
        ],
    ),
    (
        Defect::FencedCannotRejoin,
        &[
            ("member-loaded", "though it has left"),
            ("member-loaded", "until group.consumer.session.timeout.ms=45000 is over"),
            ("group-state-changed", "epoch 3 began when billing-3 joined"),
            ("member-state-entered", "expelled"),
            ("fault-began", "crash of broker-2"),
        ],
    ),
    (
        Defect::CommitWithoutGeneration,
        &[("host-resumed", "billing-1 goes on"), ("offset-appended", "though 490 was committed")],
    ),
    (Defect::UnsafeOffsetTold, &[("offset-told", "told"), ("offset-appended", "writes offset")]),
    (
        Defect::OffsetsExpireInRebalance,
        &[("offset-removed", "expired"), ("member-joined", "takes")],
    ),
    (
        Defect::AsyncProcessing,
        &[
            ("offset-commit-answered", "offset 235"),
            ("commit-asked", "by itself"),
            ("fault-began", "crash"),
            ("committed-offset-used", "at"),
        ],
    ),
    (
        Defect::CommitsUnderneath,
        &[("commit-asked", "by itself"), ("fault-began", "crash"), ("committed-offset-used", "at")],
    ),
    (Defect::RevokedAndKept, &[("partition-taken", "takes orders-")]),
    (
        Defect::StaleClaims,
        &[
            ("member-joined", "(id billing-2-"),
            ("member-left", "its session expired"),
            ("defect-acted", "billing-2 is refused while it joins, and keeps what it owned"),
            ("defect-acted", "believes claims of an earlier generation"),
            ("assignment-decided", "shall own orders-1"),
        ],
    ),
    (
        Defect::NeverSynced,
        &[
            ("fault-began", "are reset"),
            ("defect-acted", "billing-2 goes on waiting for the answer to its SyncGroup"),
        ],
    ),
    (
        Defect::StaticWithoutAssignment,
        &[
            ("assignment-decided", "shall own nothing; orders-5 is in nobody's share"),
            ("fault-began", "crash of billing-4"),
            ("member-left", "is back with a new member id"),
            ("member-joined", "into group billing, which is completing-rebalance"),
        ],
    ),
    (
        Defect::StaticIdForgotten,
        &[
            ("member-joined", "takes billing-2 (id billing-2-"),
            ("member-loaded", "finds in its log that billing-2 (id billing-2-"),
            ("fault-began", "crash of broker-"),
            ("member-state-entered", "billing-2 can never be a member again"),
        ],
    ),
    (Defect::GroupEpochNotWritten, &[("group-epoch-began", "begins epoch 1")]),
    (
        Defect::DeposedAcknowledges,
        &[
            ("partition-committed", "makes broker-3 leader"),
            ("coordinator-loaded", "coordinates its groups"),
            ("offset-commit-answered", "is committed"),
        ],
    ),
    (Defect::PartitionForgotten, &[("defect-acted", "leaves a partition out of the assignment")]),
];

#[test]
fn every_explanation_names_the_true_cause() {
    let mut complaints = Vec::new();
    for (defect, facts) in CAUSES {
        let row = MUSEUM.iter().find(|row| row.defect == *defect).unwrap();
        let Some(it) = row.explanation() else { continue };
        // With what other runs have shown, too, where it is the first that was violated.
        let retold = row.retold().filter(|retold| retold.property == it.property);
        for it in [it].into_iter().chain(retold) {
            for (kind, fragment) in *facts {
                let name = defect.name();
                assert!(!fragment.contains(name), "{fragment}: a bug's name proves nothing");
                if !it.steps.iter().any(|step| has(step, kind, fragment)) {
                    let whole = text(it);
                    complaints.push(format!("{name}: no step {kind} says `{fragment}`:\n{whole}"));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Where a record was replaced it is told who answered for it, though others had answered for
/// others in the same way, and who wrote what stands there now.
#[test]
fn who_answered_for_a_record_and_who_replaced_it_are_told() {
    for property in ["lost-write", "unseen"] {
        let row = PROOFS.iter().find(|row| row.property == property).unwrap();
        let it = row.explanation().unwrap();
        let whole = text(it);
        let blamed = |step: &&Step| has(step, "produce-answered", row.defect.name());
        let blamed: Vec<&str> = it.steps.iter().filter(blamed).map(|it| it.text.as_str()).collect();
        let [answer] = blamed.as_slice() else { panic!("one answer is to blame: {whole}") };
        assert!(
            answer.starts_with("broker-3 answers checkout-1: offset 300 of orders-0"),
            "{whole}"
        );
        let wrote = |step: &Step| {
            has(step, "log-appended", "appends other records at offset 300 of orders-0, in epoch 2")
        };
        assert!(it.steps.iter().any(wrote), "{whole}");
    }
}

/// What is not so, and was said once; where ` ... ` stands, other things may be said in between.
const UNTRUE: &[(Defect, &str)] = &[
    // A new controller reads old registrations again: nobody is unfenced.
    (Defect::RetriableErrorNotRetried, "unfences"),
    // A new registration begins fenced.
    (Defect::EmptyDiskElected, "registers broker-3 anew ... controller fences broker-3"),
    // The last known leader is elected as one that may lack records.
    (Defect::FencedLastKnownLeader, "was an eligible leader replica"),
    (Defect::FencedLastKnownLeader, "was not unclean"),
    // An empty log that begins anew above its end is not cut.
    (Defect::HighWatermarkLeftBehind, "cuts its log of orders-0 from 151 to 702"),
    // What was told apart is told: the answer was to ListOffsets, the fetch out of range.
    (Defect::HighWatermarkLeftBehind, "to its fetch says that their logs part"),
    (Defect::UnfencedFetch, "to its fetch says that their logs part"),
    // Its last batch is of that epoch.
    (Defect::StaleEpochCheckpoint, "neither the epoch of its last batch"),
    // Its session ran out.
    (Defect::LastReplicaStanding, "gives way"),
    (Defect::NeverFlush, "gives way"),
    (Defect::NoElection, "gives way"),
];

/// What the events of the runs themselves speak against.
#[test]
fn explanations_say_what_the_events_bear_out() {
    let complaints: BTreeSet<&str> = rows().flat_map(Exhibit::untrue).map(String::as_str).collect();
    let complaints: Vec<&str> = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Where the same run without the bug violates nothing, the bug is the cause: a step says so.
#[test]
fn every_explanation_names_the_bug_without_which_nothing_happens() {
    let mut complaints = Vec::new();
    for row in rows() {
        for it in row.explanations().iter().filter(|it| it.outcome == "violated") {
            let is_clean = !row.violated_without().contains(&it.property.as_str());
            let named = |step: &Step| {
                step.because.as_ref().is_some_and(|because| because.contains(row.defect.name()))
            };
            if is_clean && !it.steps.iter().any(named) {
                let place = format!("{} {}", row.defect.name(), row.scenario);
                complaints.push(format!("{place}, violation {}: {}", it.number, it.property));
            }
        }
    }
    complaints.dedup();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn explanations_do_not_say_what_is_not_so() {
    let mut complaints = Vec::new();
    for (defect, untrue) in UNTRUE {
        for row in rows().filter(|row| row.defect == *defect) {
            for it in row.explanations() {
                let whole = text(it).split_whitespace().collect::<Vec<_>>().join(" ");
                let (first, then) = untrue.split_once(" ... ").unwrap_or((untrue, ""));
                if whole.split_once(first).is_some_and(|(_, rest)| rest.contains(then)) {
                    complaints.push(format!("{} {}: {untrue}", defect.name(), it.number));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Whoever leads in a step was elected in one before, unless it has led since the beginning: with
/// other runs, and without.
#[test]
fn nobody_leads_in_a_step_who_was_not_elected_in_one() {
    let mut complaints = BTreeSet::new();
    let mut looked_at = 0;
    for row in rows() {
        for it in row.explanations().iter().take(1).chain(row.retold()) {
            for (at, step) in it.steps.iter().enumerate() {
                let Some((_, rest)) = step.text.split_once(", which leads in epoch ") else {
                    continue;
                };
                let epoch = rest.split([',', ' ']).next().unwrap_or_default();
                if epoch == "0" || step.text.contains("__cluster_metadata") {
                    continue;
                }
                looked_at += 1;
                let elected = format!("(epoch {epoch}, ");
                if !it.steps[..at].iter().any(|step| step.text.contains(&elected)) {
                    let name = name_of(row.defect, row.scenario);
                    complaints.insert(format!("{name} {}: {}", it.property, step.text));
                }
            }
        }
    }
    assert!(looked_at > 20, "{looked_at}");
    let complaints: Vec<String> = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn explanations_of_what_needs_no_bug_are_as_they_were() {
    let mut complaints = Vec::new();
    for name in NO_BUG {
        let scenario = scenario(&format!("scenarios/museum/{name}.toml"), &[], &[]);
        let options = RunOptions { record: true, ..RunOptions::default() };
        let mut executed = run_once(&scenario, 0, &options);
        let found = explanations(&mut executed, &scenario);
        complaints.extend(compare(&format!("none.museum-{name}"), &quiet(&text(&found[0]))));
    }
    assert!(complaints.is_empty(), "REWRITE=1 writes them anew:\n{}", complaints.join("\n"));
}

/// A claim that is not met: the bug that it needs is off, and nothing else is blamed.
#[test]
fn what_was_to_be_violated_and_holds_is_told_as_such() {
    let changes = ["defects=[]", "duration=45s", "producer.checkout.rate=50/s"];
    let scenario = scenario("scenarios/museum/kip_101.toml", &changes, &[]);
    let options = RunOptions { record: true, ..RunOptions::default() };
    let mut executed = run_once(&scenario, 0, &options);
    let found = explanations(&mut executed, &scenario);
    let [only] = found.as_slice() else { panic!("one explanation") };
    let whole = text(only);
    assert!(whole.contains("no property was violated, and one was to be"), "{whole}");
    for told in [
        "The scenario claims that leader-completeness is violated; it holds. The scenario claims",
        "No bug is switched on in this run. Of what it allows",
    ] {
        assert!(only.sentence.contains(told), "{told}: {}", only.sentence);
    }
    assert!(!only.sentence.contains("did not happen"), "{}", only.sentence);
    assert_eq!(only.sentence.matches("allows").count(), 1, "{}", only.sentence);
}

#[test]
fn who_asked_for_more_partitions_is_told() {
    let scenario = scenario("scenarios/groups/topic_grows.toml", &["duration=30s"], &[]);
    let options = RunOptions { record: true, ..RunOptions::default() };
    let mut executed = run_once(&scenario, 0, &options);
    let found = explanations(&mut executed, &scenario);
    let keys = found.iter().find(|it| it.property == "key-to-partition").unwrap();
    let grows = keys.steps.iter().find(|step| step.kind == "partitions-created").unwrap();
    assert!(grows.text.ends_with("gives topic orders 6 partitions; it had 2"), "{}", grows.text);
    let because = grows.because.as_deref().unwrap();
    assert!(because.starts_with("the CreatePartitions request of admin"), "{because}");
}

/// What runs without a fault have shown decides whether it is told.
#[test]
fn what_other_runs_have_shown_is_read_from_their_words() {
    let saved = |change: &str, set: &str, helped: bool| Saved {
        change: change.to_owned(),
        set: vec![set.to_owned()],
        helped,
        ..Saved::default()
    };
    let retried = Retried::of(&[
        saved("without fault 2 (cut)", "fault.2=[]", true),
        saved("without fault 3 (crash)", "fault.3=[]", false),
        saved("fault 3 (crash) 2 s later", "fault.3.at=9s", true),
        saved("the configuration never-flush off", "defects=[]", false),
        saved("the bug vote-not-persisted off", "defects=[]", true),
        // Violated, but elsewhere: whether it has a part in this breach stays open.
        Saved { another: true, ..saved("without fault 4 (crash)", "fault.4=[]", false) },
        Saved {
            another: true,
            ..saved("the bug kip-207-latest-goes-back off", "defects=[]", false)
        },
    ]);
    assert_eq!(retried.needed, BTreeSet::from([2]));
    assert_eq!(retried.idle, BTreeSet::from([3]));
    assert_eq!(retried.acquitted, [Defect::NeverFlush]);
}

/// A bug may be blamed only for what it decided: the run says where that was.
#[test]
fn a_bug_is_blamed_only_where_it_decided() {
    for name in ["kafka_7128", "kip_903", "kafka_14704", "pending_change_dropped"] {
        let scenario = scenario(&format!("scenarios/museum/{name}.toml"), &[], &[]);
        let defect = scenario.plan.defects.iter().next().unwrap();
        let options = RunOptions { record: true, ..RunOptions::default() };
        let mut executed = run_once(&scenario, 0, &options);
        let bytes = executed.run_file.as_ref().unwrap().to_vec();
        let file = RunFile::read(&bytes).unwrap();
        let events: Vec<Event> = file.events().unwrap().map(Result::unwrap).collect();
        let decided = |at: u64| {
            let event = &events[usize::try_from(at).unwrap()];
            events.iter().any(|deed| {
                matches!(&deed.kind, Kind::DefectActed { .. })
                    && deed.host == event.host
                    && deed.cause == event.cause
            })
        };
        let mut blamed = 0;
        for it in explanations(&mut executed, &scenario) {
            for step in &it.steps {
                let because = step.because.as_deref().unwrap_or_default();
                if because.contains(defect.name()) {
                    blamed += 1;
                    assert!(decided(step.event), "{name} {}: {step:?}", it.number);
                }
            }
        }
        assert!(blamed > 0, "{name}: it is blamed for what it did");
    }
}

#[test]
fn a_bug_without_which_it_happens_as_well_is_not_blamed() {
    let step = |because: &str| Step { because: Some(because.to_owned()), ..Step::default() };
    let mut it = Explanation {
        steps: vec![
            step("it was late; the bug kip-903-stale-broker-epoch is switched on: leaders do"),
            step("the bug kip-903-stale-broker-epoch is switched on: leaders do not look"),
        ],
        saved_by: vec![Saved {
            change: "the bug kip-903-stale-broker-epoch off".to_owned(),
            ..Saved::default()
        }],
        ..Explanation::default()
    };
    it.acquit();
    assert_eq!(it.steps[0].because.as_deref(), Some("it was late"));
    assert_eq!(it.steps[1].because, None);
    let remark = &it.not_the_cause[0].text;
    assert!(remark.starts_with("The bug kip-903-stale-broker-epoch is switched on"), "{remark}");
}

/// What would have saved it: where nothing tries the property any more, nobody knows.
#[test]
fn what_nothing_tries_has_not_helped() {
    let scenario = scenario("scenarios/museum/kafka_10706.toml", &[], &[]);
    let found = what_if(&scenario, 0, "replicas-rejoin", 4_000_000);
    let change = "without fault 1 (pause)";
    let without = found.tried.iter().find(|it| it.change == change).unwrap();
    assert_eq!(without.came, Came::Untried, "{without:?}");
    assert!(without.nearby.is_none(), "{without:?}");
}

/// With acks=all nothing is promised for acks=1 any more, but more: that is what counts then.
#[test]
fn a_stronger_promise_takes_the_place_of_a_weaker_one() {
    let path = "scenarios/museum/planned_move_with_acks_1.toml";
    let scenario = scenario(path, &[], &[]);
    let found = what_if(&scenario, 0, "acks-one-durability", 4_000_000);
    let all = found.tried.iter().find(|it| it.change == "acks=all").unwrap();
    assert_eq!(all.came, Came::Helped, "{all:?}");
    assert!(all.outcome.contains("acked-durability takes its place, and holds"), "{all:?}");
    assert!(all.outcome.contains("records lost 0 (was "), "{all:?}");
}

#[test]
fn a_run_without_a_violation_is_told_as_such() {
    let scenario = scenario("scenarios/controller/clock_jump.toml", &[], &[]);
    let options = RunOptions { record: true, ..RunOptions::default() };
    let mut executed = run_once(&scenario, 0, &options);
    let found = explanations(&mut executed, &scenario);
    let [only] = found.as_slice() else { panic!("one explanation") };
    assert_eq!((only.number, only.of, only.property.as_str()), (0, 0, ""));
    assert!(only.sentence.starts_with("No property was violated."), "{}", only.sentence);
    assert!(text(only).contains("nothing to explain"));
}

#[test]
fn what_would_have_saved_it_is_run_again() {
    let path = "scenarios/museum/kafka_19522.toml";
    let scenario = scenario(path, &[], &[]);
    // So many events that two changes only are tried; their runs have few, so that other seeds are.
    let found = what_if(&scenario, 0, "isr-membership", u64::MAX);
    assert_eq!(found.tried.len(), 2, "{found:?}");
    assert!(!found.not_tried.is_empty(), "{found:?}");
    let off = found.tried.iter().find(|it| it.set == ["defects=[]"]).unwrap();
    assert_eq!(off.came, Came::Helped, "{off:?}");
    assert!(off.outcome.starts_with("not violated"), "{off:?}");
    let nearby = off.nearby.unwrap();
    assert_eq!((nearby.violated, nearby.seeds), (0, 10), "{off:?}");
    assert!(nearby.without > 0, "what never happens is not saved: {off:?}");
}

/// A because that says what is not so does not pass: none, an event that comes later or is of
/// somebody else, another moment, a time at which the scenario asks for nothing.
#[test]
fn a_because_that_the_events_do_not_bear_out_is_found() {
    let scenario = scenario("scenarios/museum/shrink_to_one.toml", &[], &[]);
    let options = RunOptions { record: true, ..RunOptions::default() };
    let mut executed = run_once(&scenario, 0, &options);
    let bytes = executed.run_file.as_ref().unwrap().to_vec();
    let file = RunFile::read(&bytes).unwrap();
    let events: Vec<Event> = file.events().unwrap().map(Result::unwrap).collect();
    let mut it = explanations(&mut executed, &scenario).swap_remove(0);
    let complaints =
        |it: &Explanation| borne_because::untrue(it, &events, &file.header.setup, &scenario.plan);
    assert_eq!(complaints(&it), Vec::<String>::new());
    let mut lies = 0;
    for place in 0..it.steps.len() {
        let true_one = it.steps[place].because.take().unwrap();
        assert_eq!(complaints(&it).len(), 1, "no because: {true_one}");
        let stranger = events.iter().rfind(|event| {
            event.index < it.steps[place].event && event.host.is_none() && event.cause.is_none()
        });
        let stranger = stranger.map_or(0, |event| event.index);
        for lie in [
            renumbered(&true_one, it.steps[place].event + 500),
            renumbered(&true_one, stranger),
            true_one.replace(" at 3s", " at 4s").replace(" at 20s", " at 21s"),
            true_one.replace("request of checkout", "request of broker-1"),
            true_one.replace("Produce request", "Fetch request"),
        ] {
            if lie == true_one {
                continue;
            }
            it.steps[place].because = Some(lie.clone());
            assert!(!complaints(&it).is_empty(), "{lie}, for: {true_one}");
            lies += 1;
        }
        it.steps[place].because = Some(true_one);
    }
    assert!(lies >= 10, "{lies}");
}

/// `text` with another number for each event that it names.
fn renumbered(text: &str, number: u64) -> String {
    let mut parts = text.split("(e");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        out += &format!("(e{number}{rest}");
    }
    out
}
