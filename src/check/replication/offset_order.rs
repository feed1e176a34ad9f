//! offset-order.
//!
//! On every replica: log start <= high watermark <= log end (KIP-101; Kafka, `UnifiedLog`).
//!
//! Compared whenever a high watermark moves, a role is taken, or a replica is audited, and when a
//! batch is appended behind a log start that went beyond the high watermark (KAFKA-9491). The
//! checkpointed high watermark of a recovery is not: it may be ahead of what the disk kept, and
//! the replica clamps it before it uses it.
//!
//! The boundary case: a truncation below the high watermark tells of the new end first and of the
//! high watermark afterwards. A first version that compared after each event would see a breach
//! in between.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::types::{BrokerId, Offset, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct OffsetOrder {
    /// Replicas whose log start passed their high watermark, which must follow before anything is
    /// appended, and the event.
    overtaken: BTreeMap<(TopicPartition, BrokerId), u64>,
}

const INFO: Info = Info {
    name: "offset-order",
    statement: "log start <= high watermark <= log end on every replica",
    source: "KIP-101; Kafka 4.1, UnifiedLog",
    premise: "none",
    kinds: &[
        "high-watermark-moved",
        "role-taken",
        "replica-audited",
        "log-start-moved",
        "log-appended",
    ],
    is_liveness: false,
};

impl Property for OffsetOrder {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        // There is an append for every record and hardly ever a log start that is ahead.
        if matches!(event.kind, Kind::LogAppended { .. }) && self.overtaken.is_empty() {
            return;
        }
        let node = event.host.and_then(|host| view.model.setup().node(host));
        if let (Kind::LogStartMoved { partition, log_start_offset, .. }, Some(node)) =
            (&event.kind, node)
        {
            let known = view.model.partition(*partition);
            let replica = known.and_then(|known| known.replicas.get(&node));
            if replica.is_some_and(|replica| replica.high_watermark < *log_start_offset) {
                self.overtaken.insert((*partition, node), event.index);
            }
            return;
        }
        let (partition, high_watermark, end, start) = match &event.kind {
            Kind::HighWatermarkMoved { partition, high_watermark, .. } => {
                (*partition, *high_watermark, None, None)
            }
            Kind::RoleTaken { partition, high_watermark, log_end_offset, .. } => {
                (*partition, *high_watermark, Some(*log_end_offset), None)
            }
            Kind::ReplicaAudited {
                partition,
                high_watermark,
                log_end_offset,
                log_start_offset,
                ..
            } => (*partition, *high_watermark, Some(*log_end_offset), Some(*log_start_offset)),
            Kind::LogAppended { partition, .. } => {
                let key = node.map(|node| (*partition, node));
                if key.and_then(|key| self.overtaken.remove(&key)).is_none() {
                    return;
                }
                let known = view.model.partition(*partition);
                let replica = known.zip(node).and_then(|(known, node)| known.replicas.get(&node));
                let Some(replica) = replica else { return };
                (*partition, replica.high_watermark, None, None)
            }
            _ => return,
        };
        let known = view.model.partition(partition);
        let replica = known.zip(node).and_then(|(known, node)| known.replicas.get(&node));
        let Some(replica) = replica else { return };
        let end = end.unwrap_or_else(|| replica.log.end());
        let start = start.unwrap_or(replica.log.start);
        findings.exercised();
        if high_watermark > end || high_watermark < start {
            let sentence = sentence(view, event, partition, [start, high_watermark, end]);
            let last = replica.log.last().map(|last| last.event);
            let subject = Subject::Replica {
                partition,
                replica: node.unwrap_or(BrokerId(-1)),
                offset: Some(high_watermark),
            };
            findings.violated(subject, sentence, last.into_iter().chain([event.index]));
        }
    }

    clone_box!();
}

fn sentence(
    view: View<'_>,
    event: &Event,
    partition: TopicPartition,
    [start, high_watermark, end]: [Offset; 3],
) -> String {
    format!(
        "{}'s high watermark of {} is {high_watermark}, outside its log, which goes from {start} \
         to {end}",
        view.model.setup().host_name(event.host),
        view.model.partition_name(partition)
    )
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;
    use crate::event::StartMovedBecause;

    #[test]
    fn a_high_watermark_within_the_log_holds() {
        let mut run = Script::new();
        run.append(1, 1, 2, 0, true);
        assert_eq!(run.outcome("offset-order"), "not exercised");
        run.high_watermark(1, 2, true);
        assert_eq!(run.outcome("offset-order"), "holds");
    }

    #[test]
    fn a_log_start_that_left_the_high_watermark_behind_is_a_breach() {
        let begin = |high_watermark: Option<i64>| {
            let mut run = Script::new();
            run.append(1, 1, 2, 0, true).append(2, 1, 2, 0, false);
            run.move_start(2, 2, StartMovedBecause::Leader, (0, 0));
            if let Some(offset) = high_watermark {
                run.high_watermark(2, offset, false);
            }
            run.append(2, 2, 2, 0, false);
            run.outcome("offset-order")
        };
        assert_eq!(begin(None), "violated");
        assert_eq!(begin(Some(2)), "holds");
    }

    #[test]
    fn a_high_watermark_beyond_the_end_is_a_breach() {
        let mut run = Script::new();
        run.append(1, 1, 2, 0, true).high_watermark(1, 3, false);
        assert_eq!(run.outcome("offset-order"), "violated");
    }
}
