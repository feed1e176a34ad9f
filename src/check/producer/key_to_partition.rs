//! key-to-partition.
//!
//! Records with the same key go to the same partition of a topic, from whichever producer they
//! come: consumers that keep state per key rely on it.
//!
//! Compared: the partition to which each key brought a record with the one to which it brought the
//! record before, over all producers.
//!
//! The boundary cases: while a partition has no leader its keys wait for it; they do not go
//! elsewhere. When a topic gets more partitions its keys are dealt out anew, and for a while
//! producers that know of them write beside producers that do not.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::types::{
    BatchId, BatchMap, KeyHash, PartitionIndex, TopicId, TopicPartition, hash_words,
};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyToPartition {
    /// Where each key of each topic went first, and with which event.
    places: BatchMap<(PartitionIndex, u64)>,
    /// The event with which each topic got more partitions, the last if there were several.
    grown: BTreeMap<TopicId, u64>,
}

const INFO: Info = Info {
    name: "key-to-partition",
    statement: "records with the same key go to the same partition of a topic",
    source: "Kafka 4.1, BuiltInPartitioner.partitionForKey",
    premise: "the partitioner goes by keys, and the number of partitions does not change",
    kinds: &["batch-sealed", "partitions-created"],
    is_liveness: false,
};

impl Property for KeyToPartition {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        if let Kind::PartitionsCreated { topic, .. } = &event.kind {
            self.grown.insert(*topic, event.index);
            return;
        }
        let Kind::BatchSealed { partition, batch, keys, .. } = &event.kind else { return };
        for key in keys {
            let place = place(*partition, *key);
            let Some((before, first)) = self.places.get(&place).copied() else {
                self.places.insert(place, (partition.partition, event.index));
                continue;
            };
            findings.exercised();
            if before != partition.partition {
                let was = TopicPartition { partition: before, ..*partition };
                let sentence = format!(
                    "a record goes to {}, one with the same key went to {}",
                    view.model.partition_name(*partition),
                    view.model.partition_name(was)
                );
                let subject = Subject::Batches {
                    partition: *partition,
                    client: event.host,
                    batches: vec![*batch],
                    offsets: Vec::new(),
                };
                let grown = self.grown.get(&partition.topic_id).copied();
                let excuse = grown.map(|grown| (grown, "the topic got more partitions"));
                let evidence = [first, event.index].into_iter().chain(grown);
                findings.violated_unless(subject, excuse, sentence, evidence);
            }
        }
    }

    clone_box!();
}

/// A key of a topic, as one well-mixed number: what the map of batches is made for.
fn place(partition: TopicPartition, key: KeyHash) -> BatchId {
    let topic = partition.topic_id.0;
    BatchId(hash_words(&[key.0, topic as u64, (topic >> 64) as u64]))
}

#[cfg(test)]
mod tests {
    use crate::check::script::{CONTROLLER, ORDERS, PLAIN, Script, WRITER};
    use crate::event::{AckMode, Kind};
    use crate::types::{BatchId, HostId, KeyHash, PartitionIndex, TopicId, TopicPartition};

    fn seal(run: &mut Script, host: HostId, partition: TopicPartition, keys: &[u64]) {
        let kind = Kind::BatchSealed {
            partition,
            batch: BatchId(1),
            acks: AckMode::All,
            producer: None,
            epoch: None,
            base_sequence: None,
            max_timestamp: 0,
            bytes: 100,
            operations: Vec::new(),
            keys: keys.iter().copied().map(KeyHash).collect(),
        };
        run.add(host, kind);
    }

    const OTHER: TopicPartition = TopicPartition { partition: PartitionIndex(1), ..ORDERS };

    #[test]
    fn a_key_that_stays_holds() {
        let mut run = Script::new();
        seal(&mut run, WRITER, ORDERS, &[1, 2]);
        assert_eq!(run.outcome("key-to-partition"), "not exercised");
        seal(&mut run, PLAIN, ORDERS, &[2]);
        seal(&mut run, PLAIN, OTHER, &[3]);
        assert_eq!(run.outcome("key-to-partition"), "holds");
    }

    #[test]
    fn a_key_that_moves_is_a_breach_whoever_sends_it() {
        let mut run = Script::new();
        seal(&mut run, WRITER, ORDERS, &[1]);
        seal(&mut run, PLAIN, OTHER, &[1]);
        assert_eq!(run.outcome("key-to-partition"), "violated");
    }

    #[test]
    fn a_key_may_move_when_its_topic_got_more_partitions() {
        let grows = |topic| Kind::PartitionsCreated { topic, before: 1, count: 2 };
        let mut run = Script::new();
        run.add(CONTROLLER, grows(TopicId(8)));
        seal(&mut run, WRITER, ORDERS, &[1]);
        let mut another = run.clone();
        seal(&mut another, WRITER, OTHER, &[1]);
        assert_eq!(another.outcome("key-to-partition"), "violated");
        run.add(CONTROLLER, grows(ORDERS.topic_id));
        seal(&mut run, WRITER, ORDERS, &[1]);
        assert_eq!(run.outcome("key-to-partition"), "holds");
        seal(&mut run, WRITER, OTHER, &[1]);
        assert_eq!(run.outcome("key-to-partition"), "outside its premise");
    }

    #[test]
    fn the_same_key_of_another_topic_is_another() {
        let mut run = Script::new();
        seal(&mut run, WRITER, ORDERS, &[1]);
        let elsewhere = TopicPartition { topic_id: TopicId(8), ..OTHER };
        seal(&mut run, WRITER, elsewhere, &[1]);
        assert_eq!(run.outcome("key-to-partition"), "not exercised");
    }
}
