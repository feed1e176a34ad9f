//! list-offsets-monotone.
//!
//! The latest offset of a partition that clients are told (ListOffsets, timestamp -1) does not go
//! back from one leader epoch to the next (KIP-207): whoever was told an offset, and asks again,
//! must not be told that there are fewer records, for it would reset its position and read them
//! twice.
//!
//! Compared when a leader answers: its offset with the largest that was told before in its own
//! epoch or an older one.
//!
//! The boundary case: a deposed leader that does not know it yet rightly tells less than its
//! successor has told. Its answers are compared with those of its own epoch and of older ones.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::types::{LeaderEpoch, Offset, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListOffsetsMonotone {
    /// What was told, by leader epoch: the largest offset, and the event.
    told: BTreeMap<TopicPartition, BTreeMap<LeaderEpoch, (Offset, u64)>>,
}

const INFO: Info = Info {
    name: "list-offsets-monotone",
    statement: "the latest offset that clients are told does not go back from one leader epoch to \
                the next",
    source: "KIP-207, KAFKA-2334",
    premise: "as leader-completeness",
    kinds: &["latest-offset-told"],
    is_liveness: false,
};

impl Property for ListOffsetsMonotone {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let Kind::LatestOffsetTold { partition, leader_epoch, offset: Some(offset), .. } =
            &event.kind
        else {
            return;
        };
        let told = self.told.entry(*partition).or_default();
        let before = told.range(..=*leader_epoch).map(|(_, told)| *told).max();
        if let Some((largest, at)) = before {
            findings.exercised();
            if *offset < largest {
                let sentence = format!(
                    "{} tells a client that {} ends at {offset}, after one was told {largest}",
                    view.model.setup().host_name(event.host),
                    view.model.partition_name(*partition)
                );
                let left = view.premises.left(*partition);
                let subject =
                    Subject::Reading { partition: *partition, client: None, offset: *offset };
                findings.violated_unless(subject, left, sentence, [at, event.index]);
            }
        }
        let known = told.entry(*leader_epoch).or_insert((*offset, event.index));
        *known = (*known).max((*offset, event.index));
    }

    clone_box!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::script::{ORDERS, Script};
    use crate::types::{ErrorCode, HostId};

    fn tell(run: &mut Script, broker: u16, epoch: i32, offset: i64) {
        run.add(
            HostId(broker),
            Kind::LatestOffsetTold {
                partition: ORDERS,
                leader_epoch: LeaderEpoch(epoch),
                offset: Offset::from_wire(offset),
                error: ErrorCode::None,
            },
        );
    }

    #[test]
    fn what_is_told_may_rise_and_stay() {
        let mut run = Script::new();
        tell(&mut run, 1, 0, 5);
        assert_eq!(run.outcome("list-offsets-monotone"), "not exercised");
        tell(&mut run, 1, 0, 5);
        tell(&mut run, 2, 1, -1);
        tell(&mut run, 2, 1, 7);
        assert_eq!(run.outcome("list-offsets-monotone"), "holds");
    }

    #[test]
    fn a_new_leader_that_tells_less_is_a_breach() {
        let mut run = Script::new();
        tell(&mut run, 1, 0, 5);
        tell(&mut run, 2, 1, 4);
        assert_eq!(run.outcome("list-offsets-monotone"), "violated");
    }

    #[test]
    fn a_deposed_leader_may_tell_less_than_its_successor() {
        let mut run = Script::new();
        tell(&mut run, 2, 1, 9);
        tell(&mut run, 1, 0, 5);
        tell(&mut run, 1, 0, 6);
        assert_eq!(run.outcome("list-offsets-monotone"), "holds");
    }
}
