//! The image itself: records in, questions answered.

use std::sync::Arc;

use imbl::OrdMap;

use crate::event::ChainHash;
use crate::message::{Batch, MetadataRecord, PartitionChange, PartitionState, Records};
use crate::protocol::image::delta::Delta;
use crate::protocol::image::digest;
use crate::protocol::image::registration::Registration;
use crate::types::{
    BrokerId, BrokerSet, ConfigResource, LeaderEpoch, Name, Offset, ProducerId, TopicId, TopicKey,
    TopicPartition,
};

/// The topic configuration that acks=all is measured by.
pub const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
/// The feature that switches eligible leader replicas on (KIP-966).
pub const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";

/// What a prefix of the metadata log says. Cloning costs a few pointers.
///
/// Source: Kafka 4.1, `MetadataImage`; the replay rules are those of `ClusterControlManager`,
/// `ReplicationControlManager`, `ConfigurationControlManager`, `ProducerIdControlManager`.
#[derive(Clone, Debug, Default)]
pub struct MetadataImage {
    topics: OrdMap<TopicId, Arc<Topic>>,
    names: OrdMap<Name, TopicId>,
    partitions: OrdMap<TopicPartition, Arc<PartitionState>>,
    brokers: OrdMap<BrokerId, Arc<Registration>>,
    configs: OrdMap<ConfigResource, OrdMap<Name, Name>>,
    features: OrdMap<Name, i16>,
    next_producer_id: ProducerId,
    end_offset: Offset,
    leader_epoch: Option<LeaderEpoch>,
    digest: u64,
}

/// A topic of the image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topic {
    /// Its identity.
    pub topic_id: TopicId,
    /// Its name.
    pub name: Name,
    /// How many partitions it has, numbered from 0.
    pub partitions: i32,
}

/// Two images are equal when they say the same, whatever way they came about; the digest, which
/// remembers the way, is left out.
impl PartialEq for MetadataImage {
    fn eq(&self, other: &Self) -> bool {
        self.topics == other.topics
            && self.names == other.names
            && self.partitions == other.partitions
            && self.brokers == other.brokers
            && self.configs == other.configs
            && self.features == other.features
            && self.next_producer_id == other.next_producer_id
            && self.end_offset == other.end_offset
    }
}

impl MetadataImage {
    /// The image of the empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// The end of what was applied, exclusive.
    pub fn end_offset(&self) -> Offset {
        self.end_offset
    }

    /// The epoch of the last record or control record; `None` before the first.
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.leader_epoch
    }

    /// Hash of all records applied, in order: equal prefixes have equal digests.
    pub fn digest(&self) -> ChainHash {
        ChainHash(self.digest)
    }

    /// The first producer id that no broker was given yet.
    pub fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id
    }

    /// A partition's state.
    pub fn partition(&self, partition: TopicPartition) -> Option<&Arc<PartitionState>> {
        self.partitions.get(&partition)
    }

    /// All partitions, by topic id and number.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &Arc<PartitionState>)> {
        self.partitions.iter().map(|(partition, state)| (*partition, state))
    }

    /// The partitions of a topic, by number.
    pub fn partitions_of(
        &self,
        topic_id: TopicId,
    ) -> impl Iterator<Item = (TopicPartition, &Arc<PartitionState>)> {
        let all = TopicPartition::new(topic_id, i32::MIN)..=TopicPartition::new(topic_id, i32::MAX);
        self.partitions.range(all).map(|(partition, state)| (*partition, state))
    }

    /// A topic by its identity.
    pub fn topic(&self, topic_id: TopicId) -> Option<&Topic> {
        self.topics.get(&topic_id).map(|topic| &**topic)
    }

    /// A topic by its name.
    pub fn topic_by_name(&self, name: &str) -> Option<&Topic> {
        self.topic(*self.names.get(name)?)
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.names.values().filter_map(|topic_id| self.topic(*topic_id))
    }

    /// Whether it has the topics of `other`, as far as that can be told at a glance.
    pub fn shares_topics_with(&self, other: &Self) -> bool {
        self.topics.ptr_eq(&other.topics)
    }

    /// A broker's registration.
    pub fn broker(&self, broker: BrokerId) -> Option<&Registration> {
        self.brokers.get(&broker).map(|registration| &**registration)
    }

    /// All registered brokers, by id.
    pub fn brokers(&self) -> impl Iterator<Item = (BrokerId, &Registration)> {
        self.brokers.iter().map(|(broker, registration)| (*broker, &**registration))
    }

    /// Whether `broker` is registered and neither fenced nor shutting down.
    pub fn is_active(&self, broker: BrokerId) -> bool {
        self.broker(broker).is_some_and(Registration::is_active)
    }

    /// The level of a feature; 0 when it is off.
    pub fn feature(&self, feature: &str) -> i16 {
        self.features.get(feature).copied().unwrap_or_default()
    }

    /// What the metadata says of the topic's `key`, as `node` sees it: the topic's own value, else
    /// the node's, else the cluster-wide default; `None` where nobody has set it, and the node's
    /// static configuration decides.
    ///
    /// Source: Kafka 4.1, `KafkaConfigSchema.resolveEffectiveTopicConfig`, `DynamicBrokerConfig`.
    pub fn config(&self, node: BrokerId, topic_id: TopicId, key: &str) -> Option<&Name> {
        let topic = self.topic(topic_id)?;
        self.config_of(&ConfigResource::Topic(topic.name.clone()), key).or_else(|| {
            let broker_key = TopicKey::of_topic(key)?.broker_key;
            self.broker_config(node, broker_key)
        })
    }

    /// What the metadata says of a broker's `key`: the broker's own value, else the cluster-wide
    /// default.
    pub fn broker_config(&self, node: BrokerId, key: &str) -> Option<&Name> {
        let own = self.config_of(&ConfigResource::Broker(node), key);
        own.or_else(|| self.config_of(&ConfigResource::Cluster, key))
    }

    /// What stands on `resource` itself under `key`.
    pub fn config_of(&self, resource: &ConfigResource, key: &str) -> Option<&Name> {
        self.configs.get(resource)?.get(key)
    }

    /// All that stands on `resource` itself, by key.
    pub fn configs_of(&self, resource: &ConfigResource) -> impl Iterator<Item = (&Name, &Name)> {
        self.configs.get(resource).into_iter().flatten()
    }

    /// `min.insync.replicas` of the partition's topic as `node` sees it (1 where nobody has set
    /// it), bounded by the number of replicas.
    ///
    /// Source: Kafka 4.1, `ReplicationControlManager.getTopicEffectiveMinIsr`,
    /// `Partition.effectiveMinIsr`.
    pub fn min_in_sync(&self, node: BrokerId, partition: TopicPartition) -> u32 {
        let replicas = self.partition(partition).map_or(1, |state| state.replicas.len());
        let replicas = u32::try_from(replicas).expect("replicas are counted in an i16");
        self.topic_min_in_sync(node, partition.topic_id).min(replicas)
    }

    /// As [`Self::min_in_sync`], before the bound.
    pub fn topic_min_in_sync(&self, node: BrokerId, topic_id: TopicId) -> u32 {
        let value = self.config(node, topic_id, MIN_INSYNC_REPLICAS);
        value.and_then(|value| value.as_str().parse().ok()).unwrap_or(1)
    }

    /// Applies all records of a committed batch; of control batches only the end is taken.
    pub fn apply_batch(&mut self, batch: &Batch, delta: &mut Delta) {
        match &batch.body.records {
            Records::Metadata(records) => {
                for (place, record) in (0..).zip(records) {
                    let offset = batch.base_offset + place;
                    self.apply_noting(offset, batch.leader_epoch, record, delta);
                }
            }
            Records::Data(_) | Records::Group(_) | Records::LeaderChange { .. } => {
                self.skip_to(batch.end_offset(), batch.leader_epoch);
            }
        }
    }

    /// Moves the end past offsets that hold no metadata record.
    pub fn skip_to(&mut self, end: Offset, epoch: LeaderEpoch) {
        assert!(self.end_offset <= end, "{} is behind {}", end, self.end_offset);
        self.end_offset = end;
        self.leader_epoch = Some(epoch);
    }

    /// Applies the record at `offset`, written in `epoch`.
    pub fn apply(&mut self, offset: Offset, epoch: LeaderEpoch, record: &MetadataRecord) {
        self.apply_noting(offset, epoch, record, &mut Delta::default());
    }

    /// Applies the record at `offset`, written in `epoch`, and notes in `delta` what it touched.
    pub fn apply_noting(
        &mut self,
        offset: Offset,
        epoch: LeaderEpoch,
        record: &MetadataRecord,
        delta: &mut Delta,
    ) {
        self.skip_to(offset + 1, epoch);
        self.digest = digest::extend(self.digest, offset, record);
        match record {
            MetadataRecord::RegisterBroker { broker, .. }
            | MetadataRecord::BrokerRegistrationChange { broker, .. }
            | MetadataRecord::UnregisterBroker { broker, .. } => {
                delta.brokers.insert(*broker);
                self.apply_to_broker(offset, *broker, record);
            }
            MetadataRecord::Topic { name, topic_id } => {
                delta.topics_created.insert(*topic_id);
                let topic = Topic { topic_id: *topic_id, name: name.clone(), partitions: 0 };
                self.topics.insert(*topic_id, Arc::new(topic));
                self.names.insert(name.clone(), *topic_id);
            }
            MetadataRecord::Partition { partition, state } => {
                delta.partitions.insert(*partition);
                let is_new = self.partitions.insert(*partition, Arc::from(state.clone())).is_none();
                if let Some(topic) = self.topics.get_mut(&partition.topic_id).filter(|_| is_new) {
                    Arc::make_mut(topic).partitions += 1;
                }
            }
            MetadataRecord::PartitionChange { partition, change } => {
                delta.partitions.insert(*partition);
                if let Some(state) = self.partitions.get_mut(partition) {
                    Arc::make_mut(state).apply(change);
                }
            }
            MetadataRecord::RemoveTopic { topic_id } => self.remove_topic(*topic_id, delta),
            MetadataRecord::Config { resource, key, value } => {
                delta.configs.insert(resource.clone());
                self.set_config(resource, key, value.as_ref());
            }
            MetadataRecord::ClearEligible { topic } => self.clear_eligible(topic.as_ref(), delta),
            MetadataRecord::FeatureLevel { feature, level } => {
                self.features.insert(feature.clone(), *level);
            }
            MetadataRecord::ProducerIds { next_producer_id, .. } => {
                self.next_producer_id = *next_producer_id;
            }
            MetadataRecord::NoOp => {}
        }
    }

    fn apply_to_broker(&mut self, offset: Offset, id: BrokerId, record: &MetadataRecord) {
        if let MetadataRecord::RegisterBroker {
            broker: _,
            incarnation,
            broker_epoch,
            rack,
            directories,
            fenced,
            in_controlled_shutdown,
        } = record
        {
            let registration = Registration {
                incarnation: *incarnation,
                broker_epoch: *broker_epoch,
                offset,
                rack: rack.clone(),
                fenced: *fenced,
                in_controlled_shutdown: *in_controlled_shutdown,
                directories: directories.clone(),
            };
            self.brokers.insert(id, Arc::new(registration));
        } else if let MetadataRecord::BrokerRegistrationChange {
            broker: _,
            broker_epoch,
            fenced,
            in_controlled_shutdown,
        } = record
        {
            let Some(registration) = self.brokers.get_mut(&id) else { return };
            if registration.broker_epoch == *broker_epoch {
                let registration = Arc::make_mut(registration);
                registration.fenced = fenced.unwrap_or(registration.fenced);
                let shutdown = in_controlled_shutdown.unwrap_or_default();
                registration.in_controlled_shutdown |= shutdown;
            }
        } else if let MetadataRecord::UnregisterBroker { .. } = record {
            self.brokers.remove(&id);
        }
    }

    fn remove_topic(&mut self, topic_id: TopicId, delta: &mut Delta) {
        delta.topics_removed.insert(topic_id);
        let gone: Vec<_> = self.partitions_of(topic_id).map(|(partition, _)| partition).collect();
        for partition in gone {
            delta.partitions.insert(partition);
            self.partitions.remove(&partition);
        }
        if let Some(topic) = self.topics.remove(&topic_id) {
            self.names.remove(&topic.name);
            self.configs.remove(&ConfigResource::Topic(topic.name.clone()));
        }
    }

    fn set_config(&mut self, resource: &ConfigResource, key: &Name, value: Option<&Name>) {
        let config = self.configs.entry(resource.clone()).or_default();
        match value {
            Some(value) => config.insert(key.clone(), value.clone()),
            None => config.remove(key),
        };
        if config.is_empty() {
            self.configs.remove(resource);
        }
    }

    /// Source: Kafka 4.1, `ReplicationControlManager.removeTopicElrs`, `TopicDelta.replay`.
    fn clear_eligible(&mut self, topic: Option<&Name>, delta: &mut Delta) {
        let topic_id = match topic {
            Some(name) => self.names.get(name).copied(),
            None => None,
        };
        let is_meant = |partition: TopicPartition| match topic {
            Some(_) => Some(partition.topic_id) == topic_id,
            None => true,
        };
        let has_any =
            |state: &PartitionState| !state.eligible.is_empty() || !state.last_known.is_empty();
        let concerned: Vec<_> = self
            .partitions()
            .filter(|(partition, state)| is_meant(*partition) && has_any(state))
            .map(|(partition, _)| partition)
            .collect();
        let change = PartitionChange {
            eligible: Some(BrokerSet::default()),
            last_known: Some(Vec::new()),
            ..PartitionChange::default()
        };
        for partition in concerned {
            delta.partitions.insert(partition);
            if let Some(state) = self.partitions.get_mut(&partition) {
                Arc::make_mut(state).apply(&change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::PartitionEpoch;

    fn topic(image: &mut MetadataImage, name: &str, id: u128) -> TopicPartition {
        let partition = TopicPartition::new(TopicId(id), 0);
        let state = PartitionState {
            replicas: vec![BrokerId(1), BrokerId(2)],
            in_sync: BrokerSet::of(BrokerId(1)),
            eligible: BrokerSet::default(),
            last_known: Vec::new(),
            leader: Some(BrokerId(1)),
            recovering: false,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
        };
        let records = [
            MetadataRecord::Topic { name: name.into(), topic_id: TopicId(id) },
            MetadataRecord::Config {
                resource: ConfigResource::Topic(name.into()),
                key: MIN_INSYNC_REPLICAS.into(),
                value: Some("3".into()),
            },
            MetadataRecord::Partition { partition, state: Box::new(state) },
        ];
        for record in &records {
            image.apply(image.end_offset(), LeaderEpoch(1), record);
        }
        partition
    }

    #[test]
    fn a_copy_keeps_what_it_said() {
        let mut image = MetadataImage::new();
        let partition = topic(&mut image, "orders", 7);
        let before = image.clone();
        let change = PartitionChange { leader: Some(None), ..PartitionChange::default() };
        let record = MetadataRecord::PartitionChange { partition, change: Box::new(change) };
        let mut delta = Delta::default();
        image.apply_noting(image.end_offset(), LeaderEpoch(2), &record, &mut delta);
        assert_eq!(before.partition(partition).unwrap().leader, Some(BrokerId(1)));
        let now = image.partition(partition).unwrap();
        assert_eq!((now.leader, now.leader_epoch), (None, LeaderEpoch(1)));
        assert_eq!(delta.partitions.first(), Some(&partition));
        assert_ne!(before.digest(), image.digest());
    }

    #[test]
    fn min_in_sync_is_bounded_by_the_replicas() {
        let mut image = MetadataImage::new();
        let partition = topic(&mut image, "orders", 7);
        assert_eq!(image.topic_min_in_sync(BrokerId(1), TopicId(7)), 3);
        assert_eq!(image.min_in_sync(BrokerId(1), partition), 2);
    }

    #[test]
    fn a_removed_topic_takes_partitions_and_configuration_along() {
        let mut image = MetadataImage::new();
        let empty = image.clone();
        let partition = topic(&mut image, "orders", 7);
        let other = topic(&mut image, "payments", 8);
        let mut delta = Delta::default();
        let record = MetadataRecord::RemoveTopic { topic_id: TopicId(7) };
        image.apply_noting(image.end_offset(), LeaderEpoch(2), &record, &mut delta);
        assert!(image.partition(partition).is_none() && image.topic_by_name("orders").is_none());
        assert!(image.partition(other).is_some());
        let orders = ConfigResource::Topic("orders".into());
        assert!(image.config_of(&orders, MIN_INSYNC_REPLICAS).is_none());
        assert!(delta.partitions.contains(&partition) && !delta.partitions.contains(&other));
        assert_ne!(image, empty);
    }

    fn set(image: &mut MetadataImage, resource: ConfigResource, key: &str, value: Option<&str>) {
        let (key, value) = (key.into(), value.map(Name::from));
        let record = MetadataRecord::Config { resource, key, value };
        image.apply(image.end_offset(), LeaderEpoch(1), &record);
    }

    #[test]
    fn a_topic_wins_over_its_broker_and_that_over_the_cluster() {
        let mut image = MetadataImage::new();
        topic(&mut image, "orders", 7);
        let value = |image: &MetadataImage, node| {
            image.config(BrokerId(node), TopicId(7), "segment.bytes").map(ToString::to_string)
        };
        assert_eq!(value(&image, 1), None);
        set(&mut image, ConfigResource::Cluster, "log.segment.bytes", Some("3000"));
        // The topic's name of the key means nothing on a broker.
        set(&mut image, ConfigResource::Broker(BrokerId(1)), "segment.bytes", Some("9000"));
        assert_eq!(value(&image, 1).as_deref(), Some("3000"));
        set(&mut image, ConfigResource::Broker(BrokerId(1)), "log.segment.bytes", Some("2000"));
        assert_eq!(value(&image, 1).as_deref(), Some("2000"));
        assert_eq!(value(&image, 2).as_deref(), Some("3000"));
        let orders = || ConfigResource::Topic("orders".into());
        set(&mut image, orders(), "segment.bytes", Some("1024"));
        assert_eq!(value(&image, 1).as_deref(), Some("1024"));
        set(&mut image, orders(), "segment.bytes", None);
        set(&mut image, ConfigResource::Broker(BrokerId(1)), "log.segment.bytes", None);
        assert_eq!(value(&image, 1).as_deref(), Some("3000"));
    }

    #[test]
    fn clearing_makes_nobody_eligible_and_counts_as_a_change() {
        let mut image = MetadataImage::new();
        let (orders, payments) = (topic(&mut image, "orders", 7), topic(&mut image, "payments", 8));
        for partition in [orders, payments] {
            let change = PartitionChange {
                eligible: Some(BrokerSet::of(BrokerId(2))),
                ..PartitionChange::default()
            };
            let record = MetadataRecord::PartitionChange { partition, change: Box::new(change) };
            image.apply(image.end_offset(), LeaderEpoch(1), &record);
        }
        let record = MetadataRecord::ClearEligible { topic: Some("orders".into()) };
        let mut delta = Delta::default();
        image.apply_noting(image.end_offset(), LeaderEpoch(1), &record, &mut delta);
        assert_eq!(delta.partitions.iter().collect::<Vec<_>>(), [&orders]);
        let state = image.partition(orders).unwrap();
        assert_eq!((state.eligible.len(), state.partition_epoch), (0, PartitionEpoch(2)));
        assert_eq!(image.partition(payments).unwrap().eligible.len(), 1);
        let record = MetadataRecord::ClearEligible { topic: None };
        image.apply(image.end_offset(), LeaderEpoch(1), &record);
        assert_eq!(image.partition(orders).unwrap().partition_epoch, PartitionEpoch(2));
        assert_eq!(image.partition(payments).unwrap().eligible.len(), 0);
    }

    #[test]
    fn a_change_of_an_old_registration_is_ignored() {
        let mut image = MetadataImage::new();
        let register = |epoch| MetadataRecord::RegisterBroker {
            broker: BrokerId(1),
            incarnation: crate::types::IncarnationId(9),
            broker_epoch: crate::types::BrokerEpoch(epoch),
            rack: None,
            directories: Vec::new(),
            fenced: true,
            in_controlled_shutdown: false,
        };
        image.apply(Offset(0), LeaderEpoch(1), &register(0));
        image.apply(Offset(1), LeaderEpoch(1), &register(1));
        let unfence = |epoch| MetadataRecord::BrokerRegistrationChange {
            broker: BrokerId(1),
            broker_epoch: crate::types::BrokerEpoch(epoch),
            fenced: Some(false),
            in_controlled_shutdown: None,
        };
        image.apply(Offset(2), LeaderEpoch(1), &unfence(0));
        assert!(!image.is_active(BrokerId(1)));
        image.apply(Offset(3), LeaderEpoch(1), &unfence(1));
        assert!(image.is_active(BrokerId(1)));
    }
}
