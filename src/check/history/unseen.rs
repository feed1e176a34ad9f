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

#[cfg(test)]
mod tests {
    use crate::check::script::{READER, Script, WRITER};

    #[test]
    fn what_a_whole_reading_shows_holds() {
        let mut run = Script::new();
        run.write(WRITER, 1, 2, 0).probe(2).seek(READER, 0).poll(READER, 0, (1, 0, 2));
        assert_eq!(run.outcome("unseen"), "not exercised");
        run.poll(READER, 2, (5, 0, 1));
        assert_eq!(run.outcome("unseen"), "holds");
    }

    #[test]
    fn what_a_whole_reading_leaves_out_is_a_breach() {
        let mut run = Script::new();
        run.write(WRITER, 1, 2, 0).probe(2).seek(READER, 0);
        run.poll(READER, 0, (1, 0, 1)).poll(READER, 2, (5, 0, 1));
        assert_eq!(run.outcome("unseen"), "violated");
    }

    #[test]
    fn a_reading_that_began_later_says_nothing() {
        let mut run = Script::new();
        run.write(WRITER, 1, 2, 0).probe(2).seek(READER, 2).poll(READER, 2, (5, 0, 1));
        assert_eq!(run.outcome("unseen"), "not exercised");
    }

    #[test]
    fn an_unclean_election_excuses_it() {
        let mut run = Script::with_unclean_elections();
        run.write(WRITER, 1, 2, 0).probe(0).elect_uncleanly(2, 1);
        run.seek(READER, 0).poll(READER, 0, (5, 0, 1));
        assert_eq!(run.outcome("unseen"), "outside its premise");
    }
}
