//! What the quorum has committed: replayed into the image, then shown to the request layer and to
//! the replicas, in Kafka's order.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::Kind;
use crate::log::{Log, LogConfig, LogEffect};
use crate::message::{Batch, MetadataRecord, Records, Standing};
use crate::node::broker::{Broker, Publication};
use crate::node::port::Output;
use crate::node::start::Start;
use crate::protocol::image::Delta;
use crate::protocol::replica::Replica;
use crate::protocol::{group, lifecycle, replica, request};
use crate::types::{
    BrokerId, ConfigResource, Deed, Defect, Now, Offset, TopicPartition, hash_words,
};

/// With `SkippedMetadataRecord`, every so many `PartitionChangeRecord`s one is left out.
const SKIP_EVERY: u64 = 5;

impl Broker {
    /// Replays what is committed, all of it as one stretch: what happened between its ends is not
    /// seen (C.2).
    ///
    /// Source: Kafka 4.1, `MetadataLoader.handleCommit`, `BrokerMetadataPublisher`.
    pub(crate) fn apply_metadata(&mut self, now: Now, out: &mut Vec<Output>) {
        self.apply_is_posted = false;
        let batches = self.raft.committed(self.image.end_offset());
        for batch in &batches {
            self.replay(batch);
            out.push(Output::event(Kind::MetadataApplied {
                offset: self.image.end_offset(),
                leader_epoch: batch.leader_epoch,
                digest: self.image.digest(),
            }));
        }
        if let Some(batch) = batches.last() {
            let last = batch.last_offset();
            self.live(now, lifecycle::Input::MetadataApplied { last });
        }
        match self.publication {
            Publication::CatchingUp => {}
            Publication::Due => {
                self.publication = Publication::Running;
                self.publish_first(now, out);
                self.live(now, lifecycle::Input::ReadyToUnfence);
            }
            Publication::Running => {
                let delta = std::mem::take(&mut self.unpublished);
                self.publish(now, &delta, out);
            }
        }
    }

    fn replay(&mut self, batch: &Batch) {
        let Records::Metadata(records) = &batch.body.records else {
            self.image.apply_batch(batch, &mut self.unpublished);
            return;
        };
        if !self.config.defects.has(Defect::SkippedMetadataRecord) {
            self.image.apply_batch(batch, &mut self.unpublished);
            return;
        }
        for (place, record) in (0..).zip(records) {
            let offset = batch.base_offset + place;
            if let MetadataRecord::PartitionChange { partition, .. } = record {
                self.changes_replayed += 1;
                if self.changes_replayed.is_multiple_of(SKIP_EVERY) {
                    Deed::note(Defect::SkippedMetadataRecord, *partition);
                    self.image.skip_to(offset + 1, batch.leader_epoch);
                    continue;
                }
            }
            let epoch = batch.leader_epoch;
            self.image.apply_noting(offset, epoch, record, &mut self.unpublished);
        }
    }

    /// Everything is new: replicas that the cluster no longer knows of are given up first.
    ///
    /// Source: Kafka 4.1, `BrokerMetadataPublisher.initializeManagers`, `LogManager`.
    fn publish_first(&mut self, now: Now, out: &mut Vec<Output>) {
        let mut delta = std::mem::take(&mut self.unpublished);
        let me = self.config.broker;
        let mine = self.image.partitions().filter(|(_, state)| state.replicas.contains(&me));
        delta.partitions.extend(mine.map(|(partition, _)| partition));
        delta.partitions.extend(self.replicas.keys().copied());
        delta.brokers.extend(self.image.brokers().map(|(broker, _)| broker));
        delta.configs.insert(ConfigResource::Cluster);
        self.schedule.begin(now, &self.config);
        self.touched.scheduler = true;
        self.publish(now, &delta, out);
    }

    /// The metadata cache first, then replicas: those given up, those that lead, those that
    /// follow.
    fn publish(&mut self, now: Now, delta: &Delta, out: &mut Vec<Output>) {
        let image = Box::new(self.image.clone());
        self.coordinate(now, group::Input::ImagePublished { image: image.clone() });
        self.ask(now, request::Input::ImagePublished { image });
        self.carry_out(now, out);
        if delta.is_empty() {
            return;
        }
        let has_new_standings = !delta.brokers.is_empty();
        if has_new_standings {
            self.standings = Arc::new(self.standings());
        }
        let me = self.config.broker;
        let (mut leads, mut follows) = (Vec::new(), Vec::new());
        for partition in &delta.partitions {
            match self.image.partition(*partition) {
                Some(state) if state.leader == Some(me) => leads.push(*partition),
                Some(state) if state.replicas.contains(&me) => follows.push(*partition),
                Some(_) | None => self.give_up(now, *partition, out),
            }
        }
        if has_new_standings {
            let replicas: Vec<_> = self.replicas.keys().copied().collect();
            for partition in replicas {
                let standings = Arc::clone(&self.standings);
                self.tell(now, partition, replica::Input::StandingsChanged { standings });
            }
        }
        for partition in leads.into_iter().chain(follows) {
            self.show(now, partition, out);
        }
        self.change_configs(now, delta);
        self.carry_out(now, out);
        self.end_idle_fetchers(now);
    }

    fn standings(&self) -> BTreeMap<BrokerId, Standing> {
        let standing = |(broker, known): (BrokerId, &crate::protocol::image::Registration)| {
            let standing = Standing {
                broker_epoch: known.broker_epoch,
                fenced: known.fenced,
                in_controlled_shutdown: known.in_controlled_shutdown,
            };
            (broker, standing)
        };
        self.image.brokers().map(standing).collect()
    }

    fn give_up(&mut self, now: Now, partition: TopicPartition, out: &mut Vec<Output>) {
        let topic_exists = self.image.topic(partition.topic_id).is_some();
        if self.tell(now, partition, replica::Input::Remove { topic_exists }) {
            // It goes before its last effects are carried out, so that whoever asks finds nobody.
            self.replicas.remove(&partition);
            self.carry_out(now, out);
            self.hand_over_groups(partition, out);
        }
    }

    /// Shows a partition's new state to its replica, made now if it is new.
    fn show(&mut self, now: Now, partition: TopicPartition, out: &mut Vec<Output>) {
        if !self.replicas.contains_key(&partition) {
            let mut effects = Vec::new();
            let config = self.log_config(partition);
            let mut log = Log::create(partition, config, &mut effects);
            log.set_storage(self.storage);
            out.extend(effects.into_iter().map(log_output));
            let mut replica = Replica::new(self.replica_config(), log, Offset::ZERO);
            let standings = Arc::clone(&self.standings);
            // A replica that knows no metadata yet answers nothing to this.
            let input = replica::Input::StandingsChanged { standings };
            crate::protocol::Machine::step(&mut replica, now, input, &mut Vec::new());
            if self.is_shutting_down {
                let input = replica::Input::ShutdownBegan;
                crate::protocol::Machine::step(&mut replica, now, input, &mut Vec::new());
            }
            self.replicas.insert(partition, replica);
        }
        let Some(state) = self.image.partition(partition).cloned() else { return };
        let min_in_sync = self.image.min_in_sync(self.config.broker, partition);
        self.tell(now, partition, replica::Input::MetadataChanged { state, min_in_sync });
        self.carry_out(now, out);
        self.hand_over_groups(partition, out);
    }

    /// The configuration of a replica's log.
    fn log_config(&self, partition: TopicPartition) -> LogConfig {
        let seed = jitter_seed(self.start, partition);
        self.config.log_of(&self.image, partition.topic_id, seed)
    }

    /// Configuration that changed reaches the logs and leaders of its topics.
    fn change_configs(&mut self, now: Now, delta: &Delta) {
        if delta.configs.is_empty() {
            return;
        }
        let changed = |resource: &ConfigResource| delta.configs.contains(resource);
        let own = ConfigResource::Broker(self.config.broker);
        let all = changed(&ConfigResource::Cluster) || changed(&own);
        let partitions: Vec<_> = self.replicas.keys().copied().collect();
        for partition in partitions {
            let Some(topic) = self.image.topic(partition.topic_id) else { continue };
            if !all && !changed(&ConfigResource::Topic(topic.name.clone())) {
                continue;
            }
            let config = self.log_config(partition);
            if let Some(replica) = self.replicas.get_mut(&partition) {
                replica.log_mut().set_config(config);
            }
            let min_in_sync = self.image.min_in_sync(self.config.broker, partition);
            self.tell(now, partition, replica::Input::MinInSyncChanged { min_in_sync });
        }
    }
}

/// From what the jitter of a replica's segments is drawn.
fn jitter_seed(start: Start, partition: TopicPartition) -> u64 {
    let TopicPartition { topic_id, partition } = partition;
    let partition = u64::from(partition.0.cast_unsigned());
    let topic = [(topic_id.0 >> 64) as u64, topic_id.0 as u64];
    hash_words(&[start.seed, start.host.0.into(), topic[0], topic[1], partition])
}

/// A log's effect, as the process asks for it.
pub(crate) fn log_output(effect: LogEffect) -> Output {
    match effect {
        LogEffect::Disk(operation) => Output::Disk(operation),
        LogEffect::Event(kind) => Output::event(kind),
    }
}
