//! log-matching.
//!
//! If two replicas of a partition hold a batch at the same offset with the same leader epoch,
//! their logs are equal from the beginning up to and including that batch (Raft's Log Matching;
//! KIP-101 and KIP-279 for Kafka's epochs).
//!
//! Compared when a batch is appended, or a log is loaded (a disk may hold what its process never
//! knew of): the hash of the log up to it with the hash of every other
//! loaded replica that holds an entry at that offset in that epoch. Offsets whose epochs differ
//! are not compared; logs may fork there until the follower has truncated. Nor is what either has
//! deleted by rule: a leader does not know the epochs that it deleted, and leaves a follower that
//! comes back what it has below the leader's log start.
//!
//! The boundary case: a replica whose process is down. What it held may be gone with its page
//! cache, so only loaded logs count as held.

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::trace::{LogEntry, LogView, PartitionView};
use crate::types::{BrokerId, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogMatching;

const INFO: Info = Info {
    name: "log-matching",
    statement: "replicas that hold a batch at one offset in one leader epoch hold equal logs \
                up to it",
    source: "Raft, section 5.3; KIP-101, KIP-279; kafka-specification, StrongIsr",
    premise: "none",
    kinds: &["log-appended", "log-recovered"],
    is_liveness: false,
};

impl Property for LogMatching {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let (Kind::LogAppended { partition, .. } | Kind::LogRecovered { partition, .. }) =
            &event.kind
        else {
            return;
        };
        if *partition != TopicPartition::CLUSTER_METADATA {
            compare(event, *partition, view, findings);
        }
    }

    clone_box!();
}

/// Compares the batch that was just appended with the other replicas.
pub(crate) fn compare(
    event: &Event,
    partition: TopicPartition,
    view: View<'_>,
    findings: &mut Findings,
) {
    let node = event.host.and_then(|host| view.model.setup().node(host));
    let known = view.model.partition(partition);
    let (Some(node), Some(known)) = (node, known) else { return };
    let Some(own) = known.replicas.get(&node).map(|replica| &replica.log) else { return };
    let Some(entry) = own.last() else { return };
    match mismatch(known, (node, own), entry) {
        Comparison::Alone => {}
        Comparison::Equal => findings.exercised(),
        Comparison::Differs(other, theirs) => {
            findings.exercised();
            let name = view.model.partition_name(partition);
            let setup = view.model.setup();
            let sentence = format!(
                "{} and {} both hold offset {} of {name} from leader epoch {}, but their logs up \
                 to there differ (batches {} and {})",
                setup.node_name(node),
                setup.node_name(other),
                entry.base,
                entry.epoch,
                entry.batch,
                theirs.batch
            );
            let subject =
                Subject::Logs { partition, offset: entry.base, replicas: vec![node, other] };
            findings.violated(subject, sentence, [theirs.event, event.index]);
        }
    }
}

enum Comparison {
    Alone,
    Equal,
    Differs(BrokerId, LogEntry),
}

fn mismatch(
    known: &PartitionView,
    (node, own): (BrokerId, &LogView),
    entry: &LogEntry,
) -> Comparison {
    let mut found = Comparison::Alone;
    for (other, replica) in &known.replicas {
        if *other == node || !replica.is_loaded || replica.log.end() <= entry.base {
            continue;
        }
        let Some(theirs) = replica.log.entry_at(entry.base) else { continue };
        if theirs.epoch != entry.epoch {
            continue;
        }
        let is_equal = theirs.chain == entry.chain || own.holds(&replica.log, entry.end());
        if !theirs.is_same(entry) || !is_equal {
            return Comparison::Differs(*other, *theirs);
        }
        found = Comparison::Equal;
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;

    #[test]
    fn equal_copies_hold() {
        let mut run = Script::new();
        run.replicate(1, 2, 0).replicate(2, 1, 0);
        assert_eq!(run.outcome("log-matching"), "holds");
    }

    #[test]
    fn another_batch_at_the_same_offset_and_epoch_is_a_breach() {
        let mut run = Script::new();
        run.append(1, 1, 2, 0, true).append(2, 9, 2, 0, false);
        assert_eq!(run.outcome("log-matching"), "violated");
    }

    #[test]
    fn logs_may_fork_in_different_epochs() {
        let mut run = Script::new();
        run.append(1, 1, 2, 0, true).append(2, 9, 2, 1, true);
        assert_eq!(run.outcome("log-matching"), "not exercised");
    }
}
