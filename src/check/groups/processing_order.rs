//! processing-order.
//!
//! While a member owns a partition its application processes the records in the order of their
//! offsets: with key-to-partition, the records of a key in the order in which they were written.
//!
//! Compared: each range that is processed with where the last one of the same process ended, since
//! the member took the partition, or was told to go on elsewhere (auto.offset.reset, truncation).
//!
//! The boundary case: who takes a partition over may begin before the place where the last owner
//! stopped, and each of the two keeps the order.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::types::{HostId, Offset, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessingOrder {
    /// Where each process stands in each partition, and when it came there.
    places: BTreeMap<(HostId, TopicPartition), (Offset, u64)>,
}

const INFO: Info = Info {
    name: "processing-order",
    statement: "who owns a partition processes its records in the order of their offsets",
    source: "Kafka 4.1, documentation of KafkaConsumer",
    premise: "none",
    kinds: &["host-stopped", "position-set", "partition-taken", "processed"],
    is_liveness: false,
};

impl Property for ProcessingOrder {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let Some(host) = event.host else { return };
        match &event.kind {
            Kind::HostStopped { .. } => self.places.retain(|(owner, _), _| *owner != host),
            Kind::PartitionTaken { partition, .. } | Kind::PositionSet { partition, .. } => {
                self.places.remove(&(host, *partition));
            }
            Kind::Processed { group, member, partition, base_offset, records, .. } => {
                findings.exercised();
                let end = (*base_offset + u64::from(*records), event.index);
                let before = self.places.insert((host, *partition), end);
                let Some((stood, last)) = before.filter(|(stood, _)| stood > base_offset) else {
                    return;
                };
                let sentence = format!(
                    "{} processes offset {base_offset} of {} when it has come to {stood}",
                    view.model.setup().host_name(event.host),
                    view.model.partition_name(*partition)
                );
                let subject = Subject::Group {
                    group: group.clone(),
                    members: vec![member.clone()],
                    partition: Some(*partition),
                    offset: Some(*base_offset),
                    log: None,
                };
                findings.violated(subject, sentence, [last, event.index]);
            }
            _ => {}
        }
    }

    clone_box!();
}

#[cfg(test)]
mod tests {
    use crate::check::groups::deliveries::tests::Work;
    use crate::trace::Promise;

    #[test]
    fn offsets_rise_for_each_owner() {
        let mut work = Work::of(Promise::AtLeastOnce);
        assert_eq!(work.outcome("processing-order"), "not exercised");
        work.begin(0, None).processed(0, 0, 5).processed(0, 7, 9);
        work.begin(1, Some(5)).processed(1, 5, 7).processed(0, 9, 10);
        assert_eq!(work.outcome("processing-order"), "holds");
        assert_eq!(work.processed(0, 8, 9).outcome("processing-order"), "violated");
    }

    #[test]
    fn a_reset_and_a_new_start_may_go_back() {
        let mut work = Work::of(Promise::AtLeastOnce);
        work.begin(0, None).processed(0, 0, 5).reset(0, 2).processed(0, 2, 6);
        work.begin(0, Some(4)).processed(0, 4, 6);
        assert_eq!(work.outcome("processing-order"), "holds");
    }
}
