//! What the records of the metadata log are, as far as the events tell.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Kind};
use crate::report::text::{joined, several};
use crate::trace::{Model, RegistrationView};
use crate::types::{BrokerId, BrokerSet, LeaderEpoch, Offset, TopicPartition};

/// So many records are told one by one.
const TOLD_MAX: usize = 3;

/// A record of the metadata log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Record {
    /// The first of an epoch.
    LeaderChange,
    /// What became of a broker's registration.
    Broker(String),
    /// A topic was made, or deleted.
    Topic(String),
    /// A partition's state.
    Partition(PartitionRecord),
    /// A value of dynamic configuration.
    Config(String),
}

/// A partition's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PartitionRecord {
    /// Its name.
    name: String,
    /// What changed.
    change: Change,
    /// Leader, epoch and in-sync set.
    words: String,
}

/// What changed about a partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Change {
    /// It was not there before.
    Made,
    /// Its leader.
    Leader,
    /// Its in-sync set, and not its leader.
    InSync,
    /// Something else.
    Other,
}

/// The records by the epoch of their batch and their offset: two logs that part hold different
/// ones at one offset.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    known: BTreeMap<(LeaderEpoch, Offset), Record>,
    committed: BTreeSet<Offset>,
}

impl Records {
    /// Looks at an event, which `model` has folded in; the record that it says is committed, if
    /// none has said so before: a successor tells again what its predecessor told.
    pub(super) fn observe(&mut self, event: &Event, model: &Model) -> Option<Record> {
        let node = model.setup().node(event.host?)?;
        if let Kind::LogAppended {
            partition: TopicPartition::CLUSTER_METADATA,
            base_offset,
            leader_epoch,
            as_leader: true,
            ..
        } = &event.kind
        {
            let log = &model.metadata.replicas.get(&node)?.log;
            if log.before_last().is_none_or(|before| before.epoch != *leader_epoch) {
                self.known.insert((*leader_epoch, *base_offset), Record::LeaderChange);
            }
            return None;
        }
        if let Some((offset, record)) = written(event, model) {
            let epoch = model.quorum.members.get(&node)?.role?.leader_epoch;
            self.known.insert((epoch, offset), record);
            return None;
        }
        let (offset, record) = committed(event, model)?;
        if !self.committed.insert(offset) {
            return None;
        }
        let entry = model.metadata.replicas.get(&node)?.log.entry_at(offset);
        if let Some(entry) = entry {
            self.known.insert((entry.epoch, offset), record.clone());
        }
        Some(record)
    }

    /// What is known of the records of `epoch` from `from` up to, but without, `below`.
    pub(super) fn between(
        &self,
        epoch: LeaderEpoch,
        from: Offset,
        below: Offset,
    ) -> impl Iterator<Item = &Record> {
        self.known.range((epoch, from)..(epoch, below)).map(|(_, record)| record)
    }
}

/// What the active controller wrote into its log, and where.
fn written(event: &Event, model: &Model) -> Option<(Offset, Record)> {
    match &event.kind {
        Kind::PartitionDecided {
            partition,
            offset,
            leader,
            leader_epoch,
            in_sync,
            unclean,
            ..
        } => {
            let words = state_words(*leader, *leader_epoch, in_sync);
            let before = model.partition(*partition).and_then(|view| view.state.as_ref());
            let change = match before {
                None => Change::Made,
                Some(before) if *unclean || before.leader != *leader => Change::Leader,
                Some(before) if before.in_sync != *in_sync => Change::InSync,
                Some(_) => Change::Other,
            };
            let name = model.partition_name(*partition);
            Some((*offset, Record::Partition(PartitionRecord { name, change, words })))
        }
        // A registration's epoch is the offset of its record.
        Kind::BrokerRegistered { broker, broker_epoch, .. } => {
            Some((Offset(broker_epoch.0), Record::Broker(format!("b{broker} registers"))))
        }
        _ => None,
    }
}

/// What is committed by `event`, and where it stands.
fn committed(event: &Event, model: &Model) -> Option<(Offset, Record)> {
    match &event.kind {
        Kind::TopicCommitted { name, offset, .. } => {
            Some((*offset, Record::Topic(format!("topic {name}"))))
        }
        Kind::TopicRemoved { topic, offset } => {
            let name = model.topic_name(*topic)?;
            Some((*offset, Record::Topic(format!("topic {name} is deleted"))))
        }
        Kind::PartitionCommitted { partition, offset, leader, leader_epoch, in_sync, .. } => {
            let view = model.partition(*partition)?;
            let before = view.state_before.as_ref();
            let change = match before {
                None => Change::Made,
                Some(before) if before.leader != *leader => Change::Leader,
                Some(before) if before.in_sync != *in_sync => Change::InSync,
                Some(_) => Change::Other,
            };
            let words = state_words(*leader, *leader_epoch, in_sync);
            let name = model.partition_name(*partition);
            Some((*offset, Record::Partition(PartitionRecord { name, change, words })))
        }
        Kind::RegistrationCommitted { broker, offset, .. } => {
            let known = model.registrations.get(broker)?;
            let Kind::RegistrationCommitted { is_new, .. } = &event.kind else { return None };
            let what = registration_words(known, *is_new);
            Some((*offset, Record::Broker(format!("b{broker} {what}"))))
        }
        Kind::BrokerUnregistered { broker, offset, .. } => {
            Some((*offset, Record::Broker(format!("b{broker} is unregistered"))))
        }
        Kind::ConfigCommitted { resource, key, value, offset } => {
            let value = match value {
                Some(value) => format!("{resource}: {key}={value}"),
                None => format!("{resource}: {key} as by default"),
            };
            Some((*offset, Record::Config(value)))
        }
        _ => None,
    }
}

/// What a committed registration says.
pub(super) fn registration_words(known: &RegistrationView, is_new: bool) -> &'static str {
    match (known.fenced, is_new) {
        (true, true) => "registers",
        (true, false) => "is fenced",
        (false, _) if known.in_controlled_shutdown => "shuts down",
        (false, _) => "is unfenced",
    }
}

fn state_words(leader: Option<BrokerId>, epoch: LeaderEpoch, in_sync: &BrokerSet) -> String {
    let leader =
        leader.map_or_else(|| "no leader".to_owned(), |leader| format!("leader b{leader}"));
    let ids: Vec<i32> = in_sync.iter().map(|broker| broker.0).collect();
    let isr = if ids.is_empty() { "-".to_owned() } else { joined(&ids) };
    format!("{leader}, epoch {epoch}, ISR {isr}")
}

/// `records` in words: few one by one, of many how many of each kind; and `others`, of which
/// nothing is known (signs of life, for the most part).
pub(super) fn told(records: &[&Record], others: u64) -> String {
    let mut parts = Vec::new();
    if records.iter().any(|record| **record == Record::LeaderChange) {
        parts.push("leader change".to_owned());
    }
    let of = |pick: fn(&Record) -> Option<&String>| -> Vec<&str> {
        records.iter().filter_map(|it| pick(it)).map(String::as_str).collect()
    };
    let brokers = of(|it| if let Record::Broker(words) = it { Some(words) } else { None });
    let topics = of(|it| if let Record::Topic(words) = it { Some(words) } else { None });
    let configs = of(|it| if let Record::Config(words) = it { Some(words) } else { None });
    for (list, one) in [(brokers, "registration"), (topics, "topic"), (configs, "config")] {
        match list.len() {
            0 => {}
            few if few <= TOLD_MAX => parts.push(list.join(", ")),
            many => parts.push(format!("{many} {one}s")),
        }
    }
    let partitions: Vec<&PartitionRecord> = records
        .iter()
        .filter_map(|it| if let Record::Partition(partition) = it { Some(partition) } else { None })
        .collect();
    match partitions.as_slice() {
        [] => {}
        [one] => parts.push(format!("{}: {}", one.name, one.words)),
        many => parts.extend(partitions_told(many)),
    }
    if others > 0 {
        let noun = if others == 1 { "other" } else { "others" };
        parts.push(format!("{others} {noun}"));
    }
    parts.join("; ")
}

fn partitions_told(partitions: &[&PartitionRecord]) -> Vec<String> {
    let mut by_change: BTreeMap<Change, Vec<&str>> = BTreeMap::new();
    for partition in partitions {
        let names = by_change.entry(partition.change).or_default();
        if !names.contains(&partition.name.as_str()) {
            names.push(&partition.name);
        }
    }
    let words = |change: Change| match change {
        Change::Made => "new",
        Change::Leader => "other leader",
        Change::InSync => "other ISR",
        Change::Other => "other state",
    };
    let told = |(change, mut names): (Change, Vec<&str>)| {
        names.sort_by_key(|name| (name.len(), *name));
        format!("{} ({})", several(names.into_iter()), words(change))
    };
    by_change.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(name: &str, change: Change) -> Record {
        let words = "leader b1, epoch 2, ISR 1,2".to_owned();
        Record::Partition(PartitionRecord { name: name.to_owned(), change, words })
    }

    #[test]
    fn few_records_are_told_one_by_one() {
        let one = partition("orders-0", Change::Leader);
        let (change, topic) = (Record::LeaderChange, Record::Topic("topic orders".to_owned()));
        assert_eq!(
            told(&[&change, &topic, &one], 1),
            "leader change; topic orders; orders-0: leader b1, epoch 2, ISR 1,2; 1 other"
        );
        assert_eq!(told(&[], 3), "3 others");
        assert_eq!(told(&[], 0), "");
    }

    #[test]
    fn many_partitions_are_told_by_what_changed() {
        let records: Vec<Record> = (0..6)
            .map(|place| partition(&format!("orders-{place}"), Change::InSync))
            .chain([partition("orders-1", Change::Leader), partition("orders-2", Change::Leader)])
            .collect();
        let records: Vec<&Record> = records.iter().collect();
        assert_eq!(
            told(&records, 0),
            "orders-1, orders-2 (other leader); orders-0, orders-1 and 4 more (other ISR)"
        );
        let brokers: Vec<Record> =
            (0..4).map(|id| Record::Broker(format!("b{id} is fenced"))).collect();
        let brokers: Vec<&Record> = brokers.iter().collect();
        assert_eq!(told(&brokers, 0), "4 registrations");
        assert_eq!(told(&brokers[..2], 0), "b0 is fenced, b1 is fenced");
    }
}
