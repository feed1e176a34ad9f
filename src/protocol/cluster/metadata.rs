//! A client's view of the cluster: its brokers, and who leads which partition in which epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::MetadataResponse;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;

use crate::message::convert;
use crate::types::{BrokerId, ErrorCode, LeaderEpoch, Name, TopicId, TopicPartition};

/// What a client was told of the cluster. Cloning shares the topics.
///
/// Source: Kafka 4.1, `Metadata`, `MetadataSnapshot`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ClusterMetadata {
    /// The brokers that are alive, by id. Empty until the first answer.
    brokers: Vec<BrokerId>,
    topics: BTreeMap<Name, Arc<TopicMetadata>>,
    names: BTreeMap<TopicId, Name>,
    /// Topics that the cluster refuses to speak of, and why.
    errors: BTreeMap<Name, ErrorCode>,
}

/// A topic as a client knows it.
#[derive(Clone, PartialEq, Debug)]
pub struct TopicMetadata {
    /// Its name.
    pub name: Name,
    /// Its identity.
    pub topic_id: TopicId,
    /// Its partitions by number.
    pub partitions: Vec<PartitionMetadata>,
}

/// A partition as a client knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PartitionMetadata {
    /// Its leader; `None` while it has none.
    pub leader: Option<BrokerId>,
    /// The leader's epoch; `None` when it was never told.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// What an answer brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetadataUpdate {
    /// Whether anything is different now.
    pub changed: bool,
    /// Whether something in it is not yet as it should be: it is worth asking again.
    pub incomplete: bool,
}

impl ClusterMetadata {
    /// The brokers that are alive, by id. Empty until the first answer.
    pub fn brokers(&self) -> &[BrokerId] {
        &self.brokers
    }

    /// What is known of the topic `name`.
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicMetadata>> {
        self.topics.get(name)
    }

    /// The names of all topics that are known.
    pub fn topic_names(&self) -> impl Iterator<Item = &Name> {
        self.topics.keys()
    }

    /// The name of the topic with this identity.
    pub fn topic_name(&self, topic_id: TopicId) -> Option<&Name> {
        self.names.get(&topic_id)
    }

    /// Why the cluster refuses to speak of the topic `name`, if it does for good.
    pub fn topic_error(&self, name: &str) -> Option<ErrorCode> {
        self.errors.get(name).copied()
    }

    /// What is known of a partition.
    pub fn partition(&self, partition: TopicPartition) -> Option<PartitionMetadata> {
        let topic = self.topics.get(self.names.get(&partition.topic_id)?)?;
        topic.partitions.get(usize::try_from(partition.partition.0).ok()?).copied()
    }

    /// Takes over what `response` says of the topics asked for; whatever it does not name is
    /// forgotten.
    ///
    /// A partition keeps what is known of it when the answer's leader epoch is older: the broker
    /// asked is behind. Of a topic that was made anew under its old name the new one counts.
    ///
    /// Source: Kafka 4.1, `Metadata.updateLatestMetadata`, KIP-320.
    pub fn update(&mut self, response: &MetadataResponse) -> MetadataUpdate {
        let mut incomplete = false;
        let mut next = Self {
            brokers: response.brokers.iter().map(|broker| BrokerId(broker.node_id.0)).collect(),
            ..Self::default()
        };
        next.brokers.sort_unstable();
        for topic in &response.topics {
            let Some(name) = &topic.name else { continue };
            let name = Name::from(name.0.as_str());
            let error = ErrorCode::from_code(topic.error_code);
            if error != ErrorCode::None {
                incomplete |= error.is_retriable();
                if !error.is_retriable() {
                    next.errors.insert(name, error);
                }
                continue;
            }
            let (known, is_whole) = self.merge(&name, topic);
            incomplete |= !is_whole;
            next.names.insert(known.topic_id, name.clone());
            next.topics.insert(name, known);
        }
        let changed = *self != next;
        if changed {
            *self = next;
        }
        MetadataUpdate { changed, incomplete }
    }

    /// What `topic` says, and what is known and newer; and whether every partition has a leader.
    fn merge(&self, name: &Name, topic: &MetadataResponseTopic) -> (Arc<TopicMetadata>, bool) {
        let topic_id = convert::topic_id(topic.topic_id);
        let known = self.topics.get(name).filter(|known| known.topic_id == topic_id);
        let mut partitions = vec![PartitionMetadata::default(); topic.partitions.len()];
        let mut is_whole = true;
        for told in &topic.partitions {
            let Ok(at) = usize::try_from(told.partition_index) else { continue };
            let Some(place) = partitions.get_mut(at) else { continue };
            let told = PartitionMetadata {
                leader: convert::broker_from_wire(told.leader_id)
                    .filter(|_| told.error_code == ErrorCode::None.code()),
                leader_epoch: LeaderEpoch::from_wire(told.leader_epoch),
            };
            let known = known.and_then(|known| known.partitions.get(at)).copied();
            *place = known.filter(|known| known.leader_epoch > told.leader_epoch).unwrap_or(told);
            is_whole &= place.leader.is_some();
        }
        let told = TopicMetadata { name: name.clone(), topic_id, partitions };
        match known {
            // Sharing makes the next comparison cheap and keeps memory flat.
            Some(known) if **known == told => (Arc::clone(known), is_whole),
            Some(_) | None => (Arc::new(told), is_whole),
        }
    }

    /// Takes over a leader that an answer to another request named, if it is newer than what is
    /// known; says whether it is (KIP-951).
    pub fn apply_leader(
        &mut self,
        partition: TopicPartition,
        leader: BrokerId,
        leader_epoch: LeaderEpoch,
    ) -> bool {
        // A leader that is not among the brokers known cannot be reached yet.
        self.brokers.contains(&leader) && self.replace(partition, Some(leader), leader_epoch)
    }

    /// Forgets the leader of an epoch before `leader_epoch`, of which somebody else knows; says
    /// whether one was known.
    ///
    /// Source: Kafka 4.0, `Metadata.updateLastSeenEpochIfNewer`, KIP-320.
    pub fn forget_leader(&mut self, partition: TopicPartition, leader_epoch: LeaderEpoch) -> bool {
        self.replace(partition, None, leader_epoch)
    }

    fn replace(
        &mut self,
        partition: TopicPartition,
        leader: Option<BrokerId>,
        leader_epoch: LeaderEpoch,
    ) -> bool {
        let Some(name) = self.names.get(&partition.topic_id) else { return false };
        let Some(topic) = self.topics.get_mut(name) else { return false };
        let at = usize::try_from(partition.partition.0).unwrap_or(usize::MAX);
        let is_newer = topic
            .partitions
            .get(at)
            .is_some_and(|known| known.leader_epoch.is_none_or(|known| known < leader_epoch));
        if !is_newer {
            return false;
        }
        let told = PartitionMetadata { leader, leader_epoch: Some(leader_epoch) };
        Arc::make_mut(topic).partitions[at] = told;
        true
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::metadata_response::{
        MetadataResponseBroker, MetadataResponsePartition,
    };
    use kafka_protocol::messages::{BrokerId as WireBroker, TopicName};
    use kafka_protocol::protocol::StrBytes;

    use super::*;

    fn answer(topic_id: u128, partitions: &[(i32, i32)]) -> MetadataResponse {
        let partitions = partitions.iter().enumerate().map(|(at, &(leader, epoch))| {
            MetadataResponsePartition::default()
                .with_partition_index(at as i32)
                .with_leader_id(WireBroker(leader))
                .with_leader_epoch(epoch)
        });
        let topic = MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_static_str("t"))))
            .with_topic_id(convert::topic_uuid(TopicId(topic_id)))
            .with_partitions(partitions.collect());
        MetadataResponse::default()
            .with_brokers(
                [3, 1, 2]
                    .map(|id| MetadataResponseBroker::default().with_node_id(WireBroker(id)))
                    .to_vec(),
            )
            .with_topics(vec![topic])
    }

    fn leader(cluster: &ClusterMetadata, partition: usize) -> (Option<i32>, Option<i32>) {
        let partition = cluster.topic("t").unwrap().partitions[partition];
        (partition.leader.map(|b| b.0), partition.leader_epoch.map(|e| e.0))
    }

    #[test]
    fn older_leader_epochs_are_ignored_partition_by_partition() {
        let mut cluster = ClusterMetadata::default();
        assert!(cluster.update(&answer(7, &[(1, 5), (2, 5)])).changed);
        assert_eq!(cluster.brokers(), [1, 2, 3].map(BrokerId));
        cluster.update(&answer(7, &[(3, 4), (3, 6)]));
        assert_eq!(leader(&cluster, 0), (Some(1), Some(5)));
        assert_eq!(leader(&cluster, 1), (Some(3), Some(6)));
        assert!(!cluster.update(&answer(7, &[(3, 4), (3, 6)])).changed);
    }

    #[test]
    fn a_topic_made_anew_begins_with_its_own_epochs() {
        let mut cluster = ClusterMetadata::default();
        cluster.update(&answer(7, &[(1, 5)]));
        cluster.update(&answer(8, &[(2, 0)]));
        assert_eq!(leader(&cluster, 0), (Some(2), Some(0)));
        assert_eq!(cluster.topic_name(TopicId(7)), None);
    }

    #[test]
    fn no_leader_is_worth_asking_again() {
        let mut cluster = ClusterMetadata::default();
        assert!(cluster.update(&answer(7, &[(-1, 5)])).incomplete);
        assert!(!cluster.update(&answer(7, &[(1, 6)])).incomplete);
    }

    #[test]
    fn a_hint_counts_when_it_is_newer() {
        let mut cluster = ClusterMetadata::default();
        cluster.update(&answer(7, &[(1, 5)]));
        let partition = TopicPartition::new(TopicId(7), 0);
        assert!(!cluster.apply_leader(partition, BrokerId(2), LeaderEpoch(5)));
        assert!(!cluster.apply_leader(partition, BrokerId(9), LeaderEpoch(6)));
        assert!(cluster.apply_leader(partition, BrokerId(2), LeaderEpoch(6)));
        assert_eq!(leader(&cluster, 0), (Some(2), Some(6)));
    }

    #[test]
    fn of_an_epoch_that_somebody_else_knows_the_leader_is_asked_for() {
        let mut cluster = ClusterMetadata::default();
        cluster.update(&answer(7, &[(1, 5)]));
        let partition = TopicPartition::new(TopicId(7), 0);
        assert!(!cluster.forget_leader(partition, LeaderEpoch(5)));
        assert!(cluster.forget_leader(partition, LeaderEpoch(6)));
        assert_eq!(leader(&cluster, 0), (None, Some(6)));
        assert!(cluster.update(&answer(7, &[(1, 5)])).incomplete);
        assert_eq!(leader(&cluster, 0), (None, Some(6)));
        assert!(!cluster.update(&answer(7, &[(2, 6)])).incomplete);
        assert_eq!(leader(&cluster, 0), (Some(2), Some(6)));
    }
}
