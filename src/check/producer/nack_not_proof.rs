//! nack-not-proof.
//!
//! A producer says of a batch that it failed only if it knows that the batch is in no log. Checks
//! that a leader makes before it appends prove that (`NOT_ENOUGH_REPLICAS`, a fenced epoch, a
//! record too large); a lost or late answer, `NOT_LEADER_OR_FOLLOWER` to acks=all, and
//! `NOT_ENOUGH_REPLICAS_AFTER_APPEND` prove nothing: then the outcome is unknown.
//!
//! Compared: batches that their producer reports as failed with all that leaders ever appended,
//! before the report or after it.
//!
//! The boundary case: a batch that was refused once and may have been appended by another attempt
//! is unknown for good, whatever its last error says.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, OperationResult};
use crate::history::Batch;
use crate::types::{BatchId, ErrorCode, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct NackNotProof {
    /// The report of each batch that failed.
    failed: BTreeMap<BatchId, u64>,
}

const INFO: Info = Info {
    name: "nack-not-proof",
    statement: "a batch that its producer reports as failed is in no log, before or after",
    source: "kafka-protocol's Errors; Kafka 4.1, ReplicaManager.appendRecords, DelayedProduce; \
             Jepsen's rule that an answer that never came says nothing",
    premise: "none",
    kinds: &["log-appended", "batch-done"],
    is_liveness: false,
};

impl Property for NackNotProof {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        match &event.kind {
            Kind::LogAppended { partition, batch, as_leader: true, .. }
                if *partition != TopicPartition::CLUSTER_METADATA =>
            {
                if !self.failed.is_empty()
                    && let Some(report) = self.failed.get(batch)
                {
                    let name = view.model.partition_name(*partition);
                    let sentence = format!(
                        "batch {batch} for {name} was reported as failed and is appended after it"
                    );
                    let subject = Subject::Batches {
                        partition: *partition,
                        client: None,
                        batches: vec![*batch],
                        offsets: Vec::new(),
                    };
                    findings.violated(subject, sentence, [*report, event.index]);
                }
            }
            Kind::BatchDone {
                partition, batch, result: OperationResult::Failed, error, ..
            } => {
                findings.exercised();
                self.failed.insert(*batch, event.index);
                let name = view.model.partition_name(*partition);
                let known = view.history.batches.get(batch);
                if let Some((appended, _)) = known.and_then(Batch::first_appended) {
                    let sentence = format!(
                        "batch {batch} is reported as failed with {error}, and stood in a log of \
                         {name}"
                    );
                    let subject = Subject::Batches {
                        partition: *partition,
                        client: event.host,
                        batches: vec![*batch],
                        offsets: Vec::new(),
                    };
                    findings.violated(subject, sentence, [appended, event.index]);
                } else if proves_nothing(*error) {
                    let sentence = format!(
                        "batch {batch} for {name} is reported as failed with {error}, which \
                         proves nothing"
                    );
                    let subject = Subject::Batches {
                        partition: *partition,
                        client: event.host,
                        batches: vec![*batch],
                        offsets: Vec::new(),
                    };
                    findings.violated(subject, sentence, [event.index]);
                }
            }
            _ => {}
        }
    }

    clone_box!();
}

/// Whether an answer with `error` comes from a leader that has appended, or from nobody.
fn proves_nothing(error: ErrorCode) -> bool {
    [ErrorCode::RequestTimedOut, ErrorCode::NotEnoughReplicasAfterAppend].contains(&error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::check::script::{ORDERS, Script, WRITER};
    use crate::event::{AckMode, Kind, OperationResult};
    use crate::types::{BatchId, ErrorCode};

    fn report(run: &mut Script, result: OperationResult, error: ErrorCode) {
        let kind = Kind::BatchDone {
            partition: ORDERS,
            batch: BatchId(1),
            result,
            error,
            base_offset: None,
            latency: Duration::ZERO,
        };
        run.add(WRITER, kind);
    }

    fn sealed() -> Script {
        let mut run = Script::new();
        run.seal(WRITER, 1, 2, AckMode::All);
        run
    }

    #[test]
    fn what_is_reported_as_failed_and_is_nowhere_holds() {
        let mut run = sealed();
        report(&mut run, OperationResult::Failed, ErrorCode::NotEnoughReplicas);
        assert_eq!(run.outcome("nack-not-proof"), "holds");
    }

    #[test]
    fn what_is_reported_as_failed_and_appended_is_a_breach() {
        let mut before = sealed();
        before.append(1, 1, 2, 0, true);
        report(&mut before, OperationResult::Failed, ErrorCode::NetworkException);
        assert_eq!(before.outcome("nack-not-proof"), "violated");
        let mut after = sealed();
        report(&mut after, OperationResult::Failed, ErrorCode::NetworkException);
        after.append(1, 1, 2, 0, true);
        assert_eq!(after.outcome("nack-not-proof"), "violated");
    }

    #[test]
    fn an_error_that_proves_nothing_is_no_failure() {
        let mut run = sealed();
        report(&mut run, OperationResult::Failed, ErrorCode::NotEnoughReplicasAfterAppend);
        assert_eq!(run.outcome("nack-not-proof"), "violated");
    }

    #[test]
    fn an_unknown_outcome_may_be_either() {
        let mut run = sealed();
        run.append(1, 1, 2, 0, true);
        report(&mut run, OperationResult::Unknown, ErrorCode::RequestTimedOut);
        assert_eq!(run.outcome("nack-not-proof"), "not exercised");
    }
}
