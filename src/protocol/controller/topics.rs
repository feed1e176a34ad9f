//! Topics: creation with placement and configuration, deletion.

use std::collections::BTreeSet;

use kafka_protocol::messages as k;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::protocol::StrBytes;

use crate::message::convert::{topic_id, topic_uuid};
use crate::message::{MetadataRecord, PartitionState};
use crate::protocol::controller::placement::place;
use crate::protocol::controller::state::{Active, Decision};
use crate::types::{
    BrokerId, BrokerSet, ConfigResource, ErrorCode, LeaderEpoch, Name, PartitionEpoch, Rng,
    TopicId, TopicKey, TopicPartition,
};

/// `Topic.MAX_NAME_LENGTH`.
const NAME_BYTES_MAX: usize = 249;

/// Why a topic is not created, and in which words.
pub(crate) type Refused = (ErrorCode, String);

impl Active {
    /// Creates topics: those that can be are, each of the others is refused by itself.
    ///
    /// Source: Kafka, `ReplicationControlManager.createTopics`.
    pub(crate) fn create_topics(
        &self,
        request: &k::CreateTopicsRequest,
        rng: &mut Rng,
    ) -> Decision {
        let mut records = Vec::new();
        let mut body = k::CreateTopicsResponse::default();
        for topic in &request.topics {
            let twins = request.topics.iter().filter(|other| other.name == topic.name).count();
            let result = if twins > 1 {
                Err((ErrorCode::InvalidRequest, "duplicate topic name".to_owned()))
            } else {
                self.create_topic(topic, rng, &mut records)
            };
            body.topics.push(result.unwrap_or_else(|(error, message)| {
                let mut refused = CreatableTopicResult::default();
                refused.name = topic.name.clone();
                refused.error_code = error.code();
                refused.error_message = Some(StrBytes::from_string(message));
                refused
            }));
        }
        if request.validate_only {
            records.clear();
        }
        Decision { body: Some(body.into()), ..Decision::write(records) }
    }

    fn create_topic(
        &self,
        topic: &CreatableTopic,
        rng: &mut Rng,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<CreatableTopicResult, Refused> {
        let name = Name::from(&**topic.name);
        self.check_name(name.as_str())?;
        let configs = checked_configs(topic)?;
        let assignment = if topic.assignments.is_empty() {
            self.assign(topic, rng)?
        } else {
            self.check_assignment(topic)?
        };
        let id = random_topic_id(rng);
        assert!(self.image.topic(id).is_none(), "{id:?} was drawn before: streams are not apart");
        records.push(MetadataRecord::Topic { name: name.clone(), topic_id: id });
        // Configuration before partitions: whoever reads a partition knows its minimum.
        for (key, value) in configs {
            let resource = ConfigResource::Topic(name.clone());
            records.push(MetadataRecord::Config { resource, key, value: Some(value) });
        }
        let (partitions, replicas) = (assignment.len(), assignment[0].len());
        for (index, replicas) in (0..).zip(assignment) {
            let partition = TopicPartition::new(id, index);
            let state = Box::new(self.new_partition(replicas));
            records.push(MetadataRecord::Partition { partition, state });
        }
        let mut result = CreatableTopicResult::default();
        result.name = topic.name.clone();
        result.error_message = None;
        result.topic_id = topic_uuid(id);
        result.num_partitions = i32::try_from(partitions).expect("counted in an i32");
        result.replication_factor = i16::try_from(replicas).expect("counted in an i16");
        Ok(result)
    }

    fn check_name(&self, name: &str) -> Result<(), Refused> {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let invalid = |message: String| Err((ErrorCode::InvalidTopicException, message));
        if name.is_empty() || name == "." || name == ".." || name.len() > NAME_BYTES_MAX {
            return invalid(format!("`{name}` is no name for a topic"));
        }
        if !name.bytes().all(is_legal) {
            return invalid(format!("`{name}` has characters other than letters, digits, `._-`"));
        }
        if name == "__cluster_metadata" {
            return invalid(format!("`{name}` is the quorum's own"));
        }
        if self.image.topic_by_name(name).is_some() {
            let message = format!("topic `{name}` exists already");
            return Err((ErrorCode::TopicAlreadyExists, message));
        }
        // `.` and `_` are one in the names of metrics.
        let unified = |name: &str| name.replace('.', "_");
        let collides = |other: &str| other != name && unified(other) == unified(name);
        match self.image.topics().find(|topic| collides(topic.name.as_str())) {
            Some(topic) => invalid(format!("`{name}` collides with topic `{}`", topic.name)),
            None => Ok(()),
        }
    }

    /// Places the replicas of a topic that leaves it open.
    fn assign(&self, topic: &CreatableTopic, rng: &mut Rng) -> Result<Vec<Vec<BrokerId>>, Refused> {
        if topic.replication_factor < -1 || topic.replication_factor == 0 {
            let message = "the replication factor must be above 0, or -1 for the default";
            return Err((ErrorCode::InvalidReplicationFactor, message.to_owned()));
        }
        if topic.num_partitions < -1 || topic.num_partitions == 0 {
            let message = "the number of partitions must be above 0, or -1 for the default";
            return Err((ErrorCode::InvalidPartitions, message.to_owned()));
        }
        let or_default = |value, default| if value == -1 { default } else { value };
        let partitions = or_default(topic.num_partitions, self.config.default_partitions);
        let factor = if topic.replication_factor == -1 {
            self.config.default_replication_factor
        } else {
            topic.replication_factor
        };
        let placed = place(&self.image, partitions, factor, rng)
            .map_err(|message| (ErrorCode::InvalidReplicationFactor, message))?;
        if placed.iter().any(|replicas| !self.any_active(replicas)) {
            let message = "all brokers are fenced or in controlled shutdown".to_owned();
            return Err((ErrorCode::InvalidReplicationFactor, message));
        }
        Ok(placed)
    }

    /// Takes the assignment that the request gives.
    fn check_assignment(&self, topic: &CreatableTopic) -> Result<Vec<Vec<BrokerId>>, Refused> {
        if topic.replication_factor != -1 || topic.num_partitions != -1 {
            let message = "with an assignment, partitions and replication factor must be -1";
            return Err((ErrorCode::InvalidRequest, message.to_owned()));
        }
        let invalid = |message: String| Err((ErrorCode::InvalidReplicaAssignment, message));
        let mut by_index: Vec<_> = topic.assignments.iter().collect();
        by_index.sort_by_key(|assignment| assignment.partition_index);
        let mut placed = Vec::new();
        for (index, assignment) in (0..).zip(by_index) {
            let given = assignment.partition_index;
            let replicas: Vec<_> = assignment.broker_ids.iter().map(|b| BrokerId(b.0)).collect();
            if given != index {
                return invalid("partitions must be numbered from 0, each once".to_owned());
            }
            self.check_replicas(index, &replicas, placed.first().map(Vec::len))?;
            placed.push(replicas);
        }
        Ok(placed)
    }

    /// Checks the replicas that a request gives to `partition`; `factor` is how many the others of
    /// the topic have.
    ///
    /// Source: Kafka, `ReplicationControlManager.validateManualPartitionAssignment`.
    pub(crate) fn check_replicas(
        &self,
        partition: i32,
        replicas: &[BrokerId],
        factor: Option<usize>,
    ) -> Result<(), Refused> {
        let invalid = |message: String| Err((ErrorCode::InvalidReplicaAssignment, message));
        let distinct: BrokerSet = replicas.iter().copied().collect();
        if replicas.is_empty() || distinct.len() < replicas.len() {
            return invalid(format!("partition {partition} names no broker, or one twice"));
        }
        if let Some(unknown) = replicas.iter().find(|b| self.image.broker(**b).is_none()) {
            return invalid(format!("broker {unknown} is not registered"));
        }
        if factor.is_some_and(|factor| factor != replicas.len()) {
            return invalid(format!("partition {partition} has another replication factor"));
        }
        if !self.any_active(replicas) {
            return invalid(format!("all brokers of partition {partition} are fenced"));
        }
        Ok(())
    }

    fn any_active(&self, replicas: &[BrokerId]) -> bool {
        replicas.iter().any(|replica| self.image.is_active(*replica))
    }

    /// A new partition: whoever is active is in sync, the first of them leads.
    pub(crate) fn new_partition(&self, replicas: Vec<BrokerId>) -> PartitionState {
        let active = replicas.iter().copied().filter(|replica| self.image.is_active(*replica));
        PartitionState {
            in_sync: active.clone().collect(),
            leader: active.clone().next(),
            eligible: BrokerSet::default(),
            last_known: Vec::new(),
            recovering: false,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            replicas,
        }
    }

    /// Deletes topics by name or by identity.
    ///
    /// Source: Kafka, `ControllerApis.deleteTopics`, `ReplicationControlManager.deleteTopics`.
    pub(crate) fn delete_topics(&self, request: &k::DeleteTopicsRequest) -> Decision {
        let mut records = Vec::new();
        let mut body = k::DeleteTopicsResponse::default();
        let mut seen = BTreeSet::new();
        for asked in &request.topics {
            let mut result = DeletableTopicResult::default();
            result.name.clone_from(&asked.name);
            result.error_message = None;
            result.topic_id = asked.topic_id;
            let found = match (&asked.name, topic_id(asked.topic_id)) {
                (Some(name), TopicId(0)) => {
                    self.image.topic_by_name(name).ok_or(ErrorCode::UnknownTopicOrPartition)
                }
                (None, TopicId(0)) | (Some(_), _) => Err(ErrorCode::InvalidRequest),
                (None, id) => self.image.topic(id).ok_or(ErrorCode::UnknownTopicId),
            };
            match found {
                Ok(topic) if seen.insert(topic.topic_id) => {
                    result.name = Some(crate::message::convert::topic_name(&topic.name));
                    result.topic_id = topic_uuid(topic.topic_id);
                    records.push(MetadataRecord::RemoveTopic { topic_id: topic.topic_id });
                }
                Ok(_) => result.error_code = ErrorCode::InvalidRequest.code(),
                Err(error) => result.error_code = error.code(),
            }
            body.responses.push(result);
        }
        Decision { body: Some(body.into()), ..Decision::write(records) }
    }
}

/// The configuration to write, in the order given.
fn checked_configs(topic: &CreatableTopic) -> Result<Vec<(Name, Name)>, Refused> {
    let mut configs = Vec::new();
    for config in &topic.configs {
        let key = &*config.name;
        let invalid = |message| Err((ErrorCode::InvalidConfig, message));
        let Some(value) = &config.value else {
            return invalid(format!("`{key}` has no value"));
        };
        let Some(known) = TopicKey::of_topic(key) else {
            return invalid(format!("`{key}` is no key that a topic may be given"));
        };
        if !known.values.accepts(value) {
            return invalid(format!("`{}` is no value for `{key}`", &**value));
        }
        configs.push((key.into(), (&**value).into()));
    }
    Ok(configs)
}

/// A random identity, neither zero nor that of the metadata log.
fn random_topic_id(rng: &mut Rng) -> TopicId {
    let id = u128::from(rng.bits()) << 64 | u128::from(rng.bits());
    TopicId(id.max(u128::from(u8::MAX)))
}
