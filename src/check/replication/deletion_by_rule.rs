//! deletion-by-rule.
//!
//! A record that was committed is deleted by retention or because a client asked for it, and never
//! before: only below the replica's high watermark; for `retention.ms` only when it is older than
//! that by the broker's clock; for `retention.bytes` only as long as so much is left; for
//! DeleteRecords only below the offset that was asked for. Followers may go as far as any replica
//! rightly went. Segments are deleted below the log start (Kafka, `UnifiedLog.deleteOldSegments`,
//! KIP-107).
//!
//! All other properties take what is below a replica's log start as rightly gone (the durability of
//! what was acknowledged only the very batch that was deleted there). This one says whether it is.
//!
//! Compared when a log start moves: sizes and timestamps as producers sealed the batches, not as
//! brokers count them; when a log is loaded or audited, its start with the furthest that was right.
//!
//! The boundary case: a log start that falls. A truncation below it and a recovery without the
//! newest checkpoint bring back offsets, and the records too where their segments are left. That is
//! Kafka's.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, StartMovedBecause};
use crate::trace::{LogEntry, ReplicaView};
use crate::types::{BrokerId, ErrorCode, Offset, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeletionByRule {
    /// How far a replica of each partition may have deleted.
    rightful: BTreeMap<TopicPartition, Offset>,
}

const INFO: Info = Info {
    name: "deletion-by-rule",
    statement: "records are deleted by retention.ms, retention.bytes or DeleteRecords, and only \
                below the high watermark",
    source: "KIP-107; Kafka 4.1, UnifiedLog.deleteOldSegments, maybeIncrementLogStartOffset",
    premise: "none",
    kinds: &[
        "log-start-moved",
        "segments-deleted",
        "delete-records-handled",
        "log-recovered",
        "replica-audited",
    ],
    is_liveness: false,
};

impl Property for DeletionByRule {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let node = event.host.and_then(|host| view.model.setup().node(host));
        let Some(node) = node else { return };
        let replica =
            |partition: &TopicPartition| view.model.partitions.get(partition)?.replicas.get(&node);
        match &event.kind {
            Kind::DeleteRecordsHandled { partition, asked, error: ErrorCode::None, .. } => {
                let Some(replica) = replica(partition) else { return };
                // -1 stands for the high watermark; nothing above it may be asked for.
                let asked = asked.unwrap_or(replica.high_watermark);
                let right = asked.min(replica.high_watermark);
                let rightful = self.rightful.entry(*partition).or_default();
                *rightful = right.max(*rightful);
            }
            Kind::LogStartMoved { partition, .. } => {
                let Some(replica) = replica(partition) else { return };
                self.on_moved(event, (*partition, node), replica, view, findings);
            }
            Kind::SegmentsDeleted { partition, first_base, .. } => {
                let Some(replica) = replica(partition) else { return };
                if *first_base > replica.log.start {
                    let name = view.model.partition_name(*partition);
                    let sentence = format!(
                        "broker {node} deleted the segments of {name} below {first_base}, although \
                         its log begins at {}",
                        replica.log.start
                    );
                    let subject = Subject::Replica {
                        partition: *partition,
                        replica: node,
                        offset: Some(*first_base),
                    };
                    findings.violated(subject, sentence, [event.index]);
                }
            }
            Kind::LogRecovered { partition, log_start_offset, .. }
            | Kind::ReplicaAudited { partition, log_start_offset, .. } => {
                let rightful = self.rightful.get(partition).copied().unwrap_or_default();
                if *log_start_offset > rightful && replica(partition).is_some() {
                    let name = view.model.partition_name(*partition);
                    let sentence = format!(
                        "broker {node}'s log of {name} begins at {log_start_offset}, but no rule \
                         deletes anything from {rightful} on"
                    );
                    let subject = Subject::Replica {
                        partition: *partition,
                        replica: node,
                        offset: Some(*log_start_offset),
                    };
                    findings.violated(subject, sentence, [event.index]);
                }
            }
            _ => {}
        }
    }

    clone_box!();
}

impl DeletionByRule {
    fn on_moved(
        &mut self,
        event: &Event,
        (partition, node): (TopicPartition, BrokerId),
        replica: &ReplicaView,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let Kind::LogStartMoved { log_start_offset: start, because, limit, wall_millis, .. } =
            &event.kind
        else {
            return;
        };
        findings.exercised();
        let rightful = self.rightful.entry(partition).or_default();
        let limit = limit.unwrap_or_default();
        let wrong = match because {
            StartMovedBecause::RetentionBytes => too_small(replica, *start, limit, view),
            StartMovedBecause::RetentionMs => {
                let wall = wall_millis.unwrap_or_default();
                too_young(replica, *start, (wall, limit), view)
            }
            // What was asked for is told just before, or was by another replica.
            StartMovedBecause::DeleteRecords
            | StartMovedBecause::Leader
            | StartMovedBecause::BeganAnew => (*start > *rightful).then(|| {
                let sentence = format!("no rule deletes anything from {rightful} on");
                (sentence, None)
            }),
        };
        let name = view.model.partition_name(partition);
        let is_by_retention =
            matches!(because, StartMovedBecause::RetentionBytes | StartMovedBecause::RetentionMs);
        if let Some((wrong, batch)) = wrong {
            let sentence = format!("broker {node} deleted {name} below {start}, but {wrong}");
            let evidence = batch.map(|batch: LogEntry| batch.event);
            let subject = Subject::Replica { partition, replica: node, offset: Some(*start) };
            findings.violated(subject, sentence, evidence.into_iter().chain([event.index]));
        } else if is_by_retention && *start > replica.high_watermark {
            let sentence = format!(
                "broker {node} deleted {name} below {start}, above its high watermark {}",
                replica.high_watermark
            );
            let subject = Subject::Replica { partition, replica: node, offset: Some(*start) };
            findings.violated(subject, sentence, [event.index]);
        }
        // A breach is told once, and not again for all that follow from it.
        *rightful = (*start).max(*rightful);
    }
}

/// The batches that end at or below `start`.
fn deleted(replica: &ReplicaView, start: Offset) -> impl Iterator<Item = &LogEntry> {
    let entries = replica.log.entries().iter();
    entries.take_while(move |entry| entry.end() <= start)
}

/// A record below `start` that is younger than `millis` at `wall`.
fn too_young(
    replica: &ReplicaView,
    start: Offset,
    (wall, millis): (i64, u64),
    view: View<'_>,
) -> Option<(String, Option<LogEntry>)> {
    let millis_signed = i64::try_from(millis).unwrap_or(i64::MAX);
    // A segment goes as a whole, so its youngest batch need not be its last.
    let young = deleted(replica, start).find(|entry| {
        let sealed = view.history.batches.get(&entry.batch);
        sealed.is_some_and(|batch| wall.saturating_sub(batch.max_timestamp) <= millis_signed)
    })?;
    let sentence =
        format!("the batch at {} was not older than {millis} ms by its clock", young.base);
    Some((sentence, Some(*young)))
}

/// Less than `bytes` are left from `start` on.
fn too_small(
    replica: &ReplicaView,
    start: Offset,
    bytes: u64,
    view: View<'_>,
) -> Option<(String, Option<LogEntry>)> {
    let mut left = 0;
    for entry in replica.log.entries().iter_from(replica.log.index_of(start)) {
        // Where nothing is known of a batch nothing can be said.
        left += u64::from(view.history.batches.get(&entry.batch)?.bytes);
        if left >= bytes {
            return None;
        }
    }
    (left < bytes).then(|| (format!("{left} bytes are left of the {bytes} to be kept"), None))
}

#[cfg(test)]
mod tests {
    use crate::check::script::{Script, WRITER};
    use crate::event::{AckMode, StartMovedBecause};

    const NAME: &str = "deletion-by-rule";
    const BYTES: StartMovedBecause = StartMovedBecause::RetentionBytes;
    const AGE: StartMovedBecause = StartMovedBecause::RetentionMs;

    /// Broker 1 leads; batches 1, 2 and 3 of seconds 1, 2 and 3, with 200 bytes in two records
    /// each, stand everywhere and are committed up to `high_watermark`.
    fn filled(high_watermark: i64) -> Script {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        for batch in 1..=3 {
            run.seal(WRITER, batch, 2, AckMode::All);
            run.replicate(batch, 2, 0);
        }
        run.high_watermark(1, high_watermark, true);
        run
    }

    #[test]
    fn what_is_too_old_may_go() {
        let mut run = filled(6);
        assert_eq!(run.outcome(NAME), "not exercised");
        run.move_start(1, 4, AGE, (5000, 7001)).delete_segments(1, 4);
        run.move_start(2, 4, StartMovedBecause::Leader, (0, 0));
        assert_eq!(run.outcome(NAME), "holds");
    }

    #[test]
    fn a_record_that_is_too_young_may_not() {
        let mut run = filled(6);
        run.move_start(1, 4, AGE, (5000, 7000));
        assert_eq!(run.outcome(NAME), "violated");
    }

    #[test]
    fn so_much_must_be_left() {
        for (limit, outcome) in [(200, "holds"), (201, "violated")] {
            let mut run = filled(6);
            run.move_start(1, 4, BYTES, (limit, 0));
            assert_eq!(run.outcome(NAME), outcome);
        }
    }

    #[test]
    fn nothing_above_the_high_watermark_may_go() {
        let mut run = filled(3);
        run.move_start(1, 4, BYTES, (0, 0));
        assert_eq!(run.outcome(NAME), "violated");
    }

    #[test]
    fn only_what_was_asked_for_may_go() {
        for (start, outcome) in [(3, "holds"), (4, "violated")] {
            let mut run = filled(6);
            run.ask_to_delete(1, Some(3)).move_start(
                1,
                start,
                StartMovedBecause::DeleteRecords,
                (0, 0),
            );
            assert_eq!(run.outcome(NAME), outcome);
        }
        let mut run = filled(4);
        run.ask_to_delete(1, None).move_start(1, 4, StartMovedBecause::DeleteRecords, (0, 0));
        assert_eq!(run.outcome(NAME), "holds");
    }

    #[test]
    fn a_follower_that_goes_further_than_any_rule_is_a_breach() {
        let mut run = filled(6);
        run.move_start(2, 2, StartMovedBecause::Leader, (0, 0));
        assert_eq!(run.outcome(NAME), "violated");
    }

    #[test]
    fn segments_above_the_log_start_may_not_go() {
        let mut run = filled(6);
        run.move_start(1, 2, AGE, (1000, 9000)).delete_segments(1, 4);
        assert_eq!(run.outcome(NAME), "violated");
    }

    #[test]
    fn a_log_start_that_falls_is_kafkas() {
        let mut run = filled(6);
        run.high_watermark(2, 6, false)
            .move_start(2, 4, AGE, (1000, 9000))
            .crash(2, 6)
            .recover(2, 6);
        assert_eq!(run.outcome(NAME), "holds");
    }
}
