//! epoch-offset-unique.
//!
//! For every partition, leader epoch and offset at most one record is ever created (the property
//! on which every comparison of (epoch, offset) pairs stands: KIP-101, KIP-595).
//!
//! Compared: where a leader appends, with the furthest offset that was ever written by a leader
//! in that epoch. Copies made by followers are not creations. The metadata log counts too.
//!
//! The boundary case: a leader that lost its tail and goes on in the same epoch (KAFKA-10527)
//! writes where it wrote before. Its own log gives no hint of that; only the memory of what it
//! created does.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::types::{LeaderEpoch, Offset, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct EpochOffsetUnique {
    /// The end of what was created, and the last event that did.
    created: BTreeMap<(TopicPartition, LeaderEpoch), (Offset, u64)>,
}

const INFO: Info = Info {
    name: "epoch-offset-unique",
    statement: "at most one record is created for a partition, leader epoch and offset",
    source: "KIP-101, KIP-595; KAFKA-10527",
    premise: "none",
    kinds: &["log-appended"],
    is_liveness: false,
};

impl Property for EpochOffsetUnique {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let Kind::LogAppended {
            partition,
            base_offset,
            records,
            leader_epoch,
            as_leader: true,
            ..
        } = &event.kind
        else {
            return;
        };
        let end = *base_offset + u64::from(*records);
        let key = (*partition, *leader_epoch);
        let (created, last) = self.created.entry(key).or_insert((*base_offset, event.index));
        findings.exercised();
        if base_offset < created {
            let name = view.model.partition_name(*partition);
            let sentence = format!(
                "a second record was created at offset {base_offset} of {name} in leader epoch \
                 {leader_epoch}, whose records had already reached offset {created}"
            );
            let subject = Subject::Logs {
                partition: *partition,
                offset: *base_offset,
                replicas: event
                    .host
                    .and_then(|host| view.model.setup().node(host))
                    .into_iter()
                    .collect(),
            };
            findings.violated(subject, sentence, [*last, event.index]);
        }
        *created = end.max(*created);
        *last = event.index;
    }

    clone_box!();
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;

    #[test]
    fn a_second_record_of_an_epoch_at_an_offset_is_a_breach() {
        let mut run = Script::new();
        run.append(1, 1, 2, 0, true).truncate(1, 0).append(1, 2, 1, 0, true);
        assert_eq!(run.outcome("epoch-offset-unique"), "violated");
    }

    #[test]
    fn a_new_epoch_may_write_there_again() {
        let mut run = Script::new();
        run.append(1, 1, 2, 0, true).truncate(1, 0).append(1, 2, 1, 1, true);
        assert_eq!(run.outcome("epoch-offset-unique"), "holds");
    }

    #[test]
    fn copies_create_nothing() {
        let mut run = Script::new();
        run.append(1, 1, 2, 0, false);
        assert_eq!(run.outcome("epoch-offset-unique"), "not exercised");
    }
}
