//! What durability presupposes, checked from the events.
//!
//! Kafka promises nothing of a partition once an unclean election was asked for and took place,
//! or once more than min.insync.replicas - 1 replicas that counted have stopped uncleanly, one of
//! them with a loss of records, and not come back into the in-sync set (KIP-966). A process that
//! crashed counts there although its records are still on its disk: the controller cannot know
//! and takes the replica out of the eligible ones, and with it the last whole copy. A crash that
//! loses records is no excuse on a topic where every batch is flushed before it counts
//! (flush.messages=1): there the configuration promises that none is lost, unless the disk itself
//! is lost. Nor is an unclean
//! election that nobody allowed.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Kind, StepName};
use crate::history::{Batch, History};
use crate::trace::{LogView, Model, TopicSetup};
use crate::types::{BrokerId, ErrorCode, HostId, Sequence, TopicPartition, counted};

/// Which partitions have left the premises of durability, and with what.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Premises {
    partitions: BTreeMap<TopicPartition, Partition>,
    /// The host that is losing its disk in this step.
    replaced: Option<(HostId, StepName)>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Partition {
    left: Option<(u64, String)>,
    /// Whether an administrator asked for the unclean election that comes next.
    is_asked: bool,
    /// Replicas that counted, stopped uncleanly, and are not back in the in-sync set.
    unclean: BTreeSet<BrokerId>,
    /// Those of them that lost records.
    lossy: BTreeSet<BrokerId>,
}

impl Premises {
    /// The kinds that matter here.
    pub(crate) const KINDS: &'static [&'static str] = &[
        "host-stopped",
        "disk-replaced",
        "durable-end",
        "election-asked",
        "partition-decided",
        "partition-committed",
    ];

    /// The event with which `partition` left the premise, and why.
    pub fn left(&self, partition: TopicPartition) -> Option<(u64, &str)> {
        let left = self.partitions.get(&partition)?.left.as_ref()?;
        Some((left.0, left.1.as_str()))
    }

    /// The first event with which any partition left the premise.
    pub fn first_left(&self) -> Option<(u64, &str)> {
        self.partitions.keys().filter_map(|partition| self.left(*partition)).min()
    }

    /// Looks at an event that `model` has folded in already.
    pub(crate) fn on_event(&mut self, event: &Event, model: &Model) {
        match &event.kind {
            Kind::HostStopped { in_order: false, .. } => {
                if let Some(node) = event.host.and_then(|host| model.setup().node(host)) {
                    self.on_stop(event, model, node);
                }
            }
            Kind::DiskReplaced {} => self.replaced = event.host.map(|host| (host, event.step)),
            Kind::DurableEnd { partition, log_end_offset, durable_end }
                if durable_end < log_end_offset =>
            {
                if let Some(host) = event.host
                    && let Some(node) = model.setup().node(host)
                {
                    self.on_loss(event, model, *partition, node);
                }
            }
            Kind::ElectionAsked { partition, unclean: true, error: ErrorCode::None } => {
                self.partitions.entry(*partition).or_default().is_asked = true;
            }
            Kind::PartitionDecided { partition, unclean: true, .. } => {
                let known = self.partitions.get_mut(partition);
                let is_asked = known.is_some_and(|known| std::mem::take(&mut known.is_asked));
                let name = model.partition_name(*partition);
                let because = if is_asked {
                    format!("an administrator asked for an unclean election of {name}")
                } else if allows_unclean_elections(model, *partition) {
                    format!(
                        "unclean.leader.election.enable is on, and {name} had an unclean election"
                    )
                } else {
                    return;
                };
                self.leave(*partition, event.index, because);
            }
            Kind::PartitionCommitted { partition, in_sync, .. } => {
                let before = model.partition(*partition).and_then(|p| p.state_before.as_ref());
                if let Some(known) = self.partitions.get_mut(partition) {
                    let joined = |broker: &BrokerId| {
                        in_sync.contains(*broker)
                            && before.is_none_or(|before| !before.in_sync.contains(*broker))
                    };
                    known.unclean.retain(|broker| !joined(broker));
                    known.lossy.retain(|broker| !joined(broker));
                }
            }
            _ => {}
        }
    }

    fn on_stop(&mut self, event: &Event, model: &Model, node: BrokerId) {
        for (partition, view) in &model.partitions {
            let Some(state) = &view.state else { continue };
            if state.in_sync.contains(node) || state.eligible.contains(node) {
                let known = self.partitions.entry(*partition).or_default();
                known.unclean.insert(node);
                self.count(event, model, *partition);
            }
        }
    }

    fn on_loss(&mut self, event: &Event, model: &Model, partition: TopicPartition, node: BrokerId) {
        // What was flushed is lost with the disk, too.
        let is_replaced = event.host.is_some_and(|host| self.replaced == Some((host, event.step)));
        if flushes_each_message(model, partition) && !is_replaced {
            return;
        }
        let state = model.partition(partition).and_then(|known| known.state.as_ref());
        let Some(state) = state else { return };
        if !state.in_sync.contains(node) && !state.eligible.contains(node) {
            return;
        }
        let is_last = state.in_sync.len() == 1 && state.in_sync.contains(node);
        let known = self.partitions.entry(partition).or_default();
        known.unclean.insert(node);
        known.lossy.insert(node);
        if is_last && !model.setup().eligible_replicas {
            let name = model.partition_name(partition);
            let because = format!(
                "without eligible leader replicas (KIP-966) the last in-sync replica of {name} \
                 must not lose records, and broker {node} did"
            );
            self.leave(partition, event.index, because);
        }
        self.count(event, model, partition);
    }

    /// Leaves the premise if too many of the copies that counted are in doubt.
    fn count(&mut self, event: &Event, model: &Model, partition: TopicPartition) {
        let state = model.partition(partition).and_then(|known| known.state.as_ref());
        let (Some(state), Some(known)) = (state, self.partitions.get(&partition)) else { return };
        let spare = usize::try_from(state.min_in_sync.saturating_sub(1)).unwrap_or(usize::MAX);
        // Without eligible leader replicas a crash alone takes nobody out.
        let by_rule = model.setup().eligible_replicas;
        let doubtful = if by_rule { &known.unclean } else { &known.lossy };
        if known.lossy.is_empty() || doubtful.len() <= spare {
            return;
        }
        let list = |brokers: &BTreeSet<BrokerId>| {
            let names: Vec<String> = brokers.iter().map(|it| format!("broker {it}")).collect();
            names.join(" and ")
        };
        let because = format!(
            "{} survives no more than {} at a time that {} uncleanly \
             (min.insync.replicas={}); {} did, and {} lost records",
            model.partition_name(partition),
            counted(spare, "replica"),
            if spare == 1 { "stops" } else { "stop" },
            state.min_in_sync,
            list(doubtful),
            list(&known.lossy)
        );
        self.leave(partition, event.index, because);
    }

    fn leave(&mut self, partition: TopicPartition, event: u64, because: String) {
        let known = self.partitions.entry(partition).or_default();
        known.left.get_or_insert((event, because));
    }
}

/// Why the order of `batch` in `log` was not promised, if it was not: whoever appended the first
/// batch of its producer there knew nothing of that producer, and a leader that knows nothing
/// takes any sequence (ProducerAppendInfo.checkSequence; only transactional producers are verified
/// first, KAFKA-14402). What was sent before, to a leader that died, then comes in behind.
pub(crate) fn unknown_producer(
    history: &History,
    log: &LogView,
    batch: &Batch,
) -> Option<(u64, &'static str)> {
    let (producer, _) = batch.numbered()?;
    let entries = log.entries().iter();
    let first = entries.filter(|entry| entry.base >= log.start).find_map(|entry| {
        let (other, sequence) = history.batches.get(&entry.batch)?.numbered()?;
        (other == producer).then_some((entry.event, sequence))
    });
    let (event, sequence) = first?;
    let because = "a leader that knew nothing of the producer took a batch that is not its first";
    (sequence != Sequence(0)).then_some((event, because))
}

fn topic(model: &Model, partition: TopicPartition) -> Option<&TopicSetup> {
    model.setup().topic(model.topic_name(partition.topic_id)?.as_str())
}

/// What was set while the brokers ran counts before what the topic was planned with.
fn set_meanwhile<'a>(model: &'a Model, partition: TopicPartition, key: &str) -> Option<&'a str> {
    let name = model.topic_name(partition.topic_id)?;
    model.configs.of_topic(name, key).map(crate::types::Name::as_str)
}

fn allows_unclean_elections(model: &Model, partition: TopicPartition) -> bool {
    match set_meanwhile(model, partition, "unclean.leader.election.enable") {
        Some(value) => value == "true",
        None => topic(model, partition).is_some_and(|topic| topic.unclean_elections),
    }
}

fn flushes_each_message(model: &Model, partition: TopicPartition) -> bool {
    match set_meanwhile(model, partition, "flush.messages") {
        Some(value) => value == "1",
        None => topic(model, partition).is_some_and(|topic| topic.flushes_each_message),
    }
}
