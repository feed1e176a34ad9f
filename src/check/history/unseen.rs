//! unseen.
//!
//! Once the cluster has healed and a consumer has read a partition from its first record to the
//! one that tries it out, every acknowledged record before that one was shown to somebody (Jepsen,
//! workload «kafka»: unseen).
//!
//! Compared, when the run is over: each acknowledged record below the end of such a reading with
//! what all consumers together were shown.
//!
//! The boundary case: a run that ends before anybody has read everything. Then nobody can say of a
//! record that was not shown that it never would have been.

use std::collections::BTreeMap;

use crate::check::history::lost_write::{Passed, look_for};
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::event::{Event, Kind};
use crate::types::{Offset, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unseen {
    /// Where the record stands that tries a partition out.
    tried: BTreeMap<TopicPartition, Offset>,
}

const INFO: Info = Info {
    name: "unseen",
    statement: "when all is read from beginning to end every acknowledged record is shown to \
                somebody",
    source: "Jepsen, workload kafka: unseen",
    premise: "as lost-write",
    kinds: &["probe-returned"],
    is_liveness: false,
};

impl Property for Unseen {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, _: View<'_>, _: &mut Findings) {
        if let Kind::ProbeReturned { partition, offset: Some(offset) } = &event.kind {
            self.tried.insert(*partition, *offset);
        }
    }

    fn at_end(&mut self, view: View<'_>, findings: &mut Findings) {
        let mut passed: BTreeMap<TopicPartition, Vec<Passed>> = BTreeMap::new();
        for (partition, tried) in &self.tried {
            let known = view.model.partitions.get(partition);
            let leader = known.and_then(|known| known.acting_leader());
            let start = leader.map_or(Offset::ZERO, |(_, replica)| replica.log.start);
            for (host, client) in &view.history.clients {
                let Some(reading) = client.readings.get(partition) else { continue };
                let is_whole = |range: &&(Offset, Offset)| range.0 <= start && range.1 > *tried;
                if let Some((from, to)) = reading.ranges.iter().find(is_whole) {
                    let range = (*from, *to, *host, reading.last_poll);
                    passed.entry(*partition).or_default().push(range);
                }
            }
        }
        look_for(&passed, view, findings);
    }

    clone_box!();
}
