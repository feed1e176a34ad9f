//! Admin calls as requests, and what the answers say.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_topic_partitions_request::TopicRequest;
use kafka_protocol::messages::describe_topic_partitions_response::{
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{
    BrokerId as WireBroker, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    DescribeClusterRequest, DescribeConfigsRequest, DescribeTopicPartitionsRequest,
    ElectLeadersRequest, IncrementalAlterConfigsRequest, MetadataRequest, UnregisterBrokerRequest,
};
use kafka_protocol::protocol::StrBytes;

use crate::message::{
    AdminCall, AdminReply, BrokerDescription, ClusterDescription, ConfigEntry, ConfigResource,
    Election, PartitionDescription, RequestBody, ResponseBody, TopicDescription, ValueSource,
    convert,
};
use crate::types::{BrokerId, ErrorCode, LeaderEpoch, Name, TopicPartition};

/// `ConfigResource.Type`.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// `AlterConfigOp.OpType`.
const SET: i8 = 0;
const DELETE: i8 = 1;

/// The broker that alone can answer `call`; `None` when any will do.
///
/// Source: Kafka 4.1, `KafkaAdminClient.nodeFor`.
pub(crate) fn node_for(call: &AdminCall) -> Option<BrokerId> {
    if let AdminCall::AlterConfig { resource: ConfigResource::Broker(broker), .. }
    | AdminCall::DescribeConfigs { resource: ConfigResource::Broker(broker) } = call
    {
        return Some(*broker);
    }
    None
}

/// A resource's type and name on the wire; the empty name is every broker's.
fn resource_on_wire(resource: &ConfigResource) -> (i8, StrBytes) {
    match resource {
        ConfigResource::Topic(name) => (TOPIC, convert::wire_text(name)),
        ConfigResource::Broker(broker) => (BROKER, StrBytes::from_string(broker.to_string())),
        ConfigResource::Cluster => (BROKER, StrBytes::default()),
    }
}

/// The request that `call` is; `timeout` in milliseconds is how long a broker waits for the
/// controller.
pub(crate) fn request(call: &AdminCall, timeout: i32) -> RequestBody {
    match call {
        AdminCall::CreateTopic { name, partitions, replication_factor, config } => {
            let config = config.iter().map(|(key, value)| {
                CreatableTopicConfig::default()
                    .with_name(convert::wire_text(key))
                    .with_value(Some(convert::wire_text(value)))
            });
            let topic = CreatableTopic::default()
                .with_name(convert::topic_name(name))
                .with_num_partitions(*partitions)
                .with_replication_factor(*replication_factor)
                .with_configs(config.collect());
            let body = CreateTopicsRequest::default().with_topics(vec![topic]);
            RequestBody::from(body.with_timeout_ms(timeout))
        }
        AdminCall::DeleteTopic { name } => {
            let topic = DeleteTopicState::default().with_name(Some(convert::topic_name(name)));
            let body = DeleteTopicsRequest::default().with_topics(vec![topic]);
            RequestBody::from(body.with_timeout_ms(timeout))
        }
        AdminCall::CreatePartitions { name, count } => {
            let topic = CreatePartitionsTopic::default()
                .with_name(convert::topic_name(name))
                .with_count(*count)
                .with_assignments(None);
            let body = CreatePartitionsRequest::default().with_topics(vec![topic]);
            RequestBody::from(body.with_timeout_ms(timeout))
        }
        AdminCall::ListTopics => RequestBody::from(
            MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false),
        ),
        AdminCall::DescribeTopic { name } => {
            let topic = TopicRequest::default().with_name(convert::topic_name(name));
            let body = DescribeTopicPartitionsRequest::default().with_topics(vec![topic]);
            RequestBody::from(body.with_response_partition_limit(i32::MAX))
        }
        AdminCall::ElectLeaders { election, partitions } => {
            let election = match election {
                Election::Preferred => 0,
                Election::Unclean => 1,
            };
            let topics = partitions.as_ref().map(|partitions| by_topic(partitions));
            let body = ElectLeadersRequest::default()
                .with_election_type(election)
                .with_topic_partitions(topics)
                .with_timeout_ms(timeout);
            RequestBody::from(body)
        }
        AdminCall::AlterConfig { resource, changes } => {
            let (kind, name) = resource_on_wire(resource);
            let changes = changes.iter().map(|(key, value)| {
                AlterableConfig::default()
                    .with_name(convert::wire_text(key))
                    .with_config_operation(if value.is_some() { SET } else { DELETE })
                    .with_value(value.as_ref().map(convert::wire_text))
            });
            let resource = AlterConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(name)
                .with_configs(changes.collect());
            let body = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
            RequestBody::from(body)
        }
        AdminCall::UnregisterBroker { broker } => RequestBody::from(
            UnregisterBrokerRequest::default().with_broker_id(WireBroker(broker.0)),
        ),
        AdminCall::DescribeCluster => RequestBody::from(
            DescribeClusterRequest::default()
                .with_endpoint_type(1)
                .with_include_fenced_brokers(true),
        ),
        AdminCall::DescribeConfigs { resource } => {
            let (kind, name) = resource_on_wire(resource);
            let resource = DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(name)
                .with_configuration_keys(None);
            RequestBody::from(DescribeConfigsRequest::default().with_resources(vec![resource]))
        }
        AdminCall::DeleteRecords { .. }
        | AdminCall::ListGroups
        | AdminCall::DescribeGroup { .. }
        | AdminCall::DeleteGroup { .. }
        | AdminCall::ListGroupOffsets { .. }
        | AdminCall::AlterGroupOffsets { .. }
        | AdminCall::DeleteGroupOffsets { .. } => {
            unreachable!("it goes to leaders, to a coordinator or to all brokers")
        }
    }
}

fn by_topic(partitions: &[(Name, i32)]) -> Vec<TopicPartitions> {
    let mut topics: Vec<TopicPartitions> = Vec::new();
    for (name, number) in partitions {
        let name = convert::topic_name(name);
        match topics.iter_mut().find(|topic| topic.topic == name) {
            Some(topic) => topic.partitions.push(*number),
            None => topics
                .push(TopicPartitions::default().with_topic(name).with_partitions(vec![*number])),
        }
    }
    topics
}

/// What the answer to `call` says: the reply, or why there is none.
pub(crate) fn result(call: &AdminCall, body: &ResponseBody) -> Result<AdminReply, ErrorCode> {
    // An answer that leaves out what was asked for, or is of another kind, says nothing.
    let told = match call {
        AdminCall::CreateTopic { .. } => {
            let ResponseBody::CreateTopics(body) = body else { return NOTHING };
            body.topics.first().map(|topic| topic.error_code)
        }
        AdminCall::DeleteTopic { .. } => {
            let ResponseBody::DeleteTopics(body) = body else { return NOTHING };
            body.responses.first().map(|topic| topic.error_code)
        }
        AdminCall::CreatePartitions { .. } => {
            let ResponseBody::CreatePartitions(body) = body else { return NOTHING };
            body.results.first().map(|topic| topic.error_code)
        }
        AdminCall::ListTopics => {
            let ResponseBody::Metadata(body) = body else { return NOTHING };
            let topics = body.topics.iter().filter_map(|topic| {
                let partitions = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
                Some((Name::from(topic.name.as_ref()?.0.as_str()), partitions))
            });
            let mut topics: Vec<_> = topics.collect();
            topics.sort_unstable();
            return Ok(AdminReply::Topics(topics));
        }
        AdminCall::DescribeTopic { name } => {
            let ResponseBody::DescribeTopicPartitions(body) = body else { return NOTHING };
            let Some(topic) = body.topics.first() else { return NOTHING };
            check(topic.error_code)?;
            return Ok(AdminReply::Topic(describe(name, topic)));
        }
        AdminCall::ElectLeaders { .. } => {
            let ResponseBody::ElectLeaders(body) = body else { return NOTHING };
            check(body.error_code)?;
            let elected = body.replica_election_results.iter().flat_map(|topic| {
                let name = Name::from(topic.topic.0.as_str());
                topic.partition_result.iter().map(move |told| {
                    let error = ErrorCode::from_code(told.error_code);
                    (name.clone(), told.partition_id, error)
                })
            });
            return Ok(AdminReply::Elected(elected.collect()));
        }
        AdminCall::AlterConfig { .. } => {
            let ResponseBody::IncrementalAlterConfigs(body) = body else { return NOTHING };
            body.responses.first().map(|resource| resource.error_code)
        }
        AdminCall::UnregisterBroker { .. } => {
            let ResponseBody::UnregisterBroker(body) = body else { return NOTHING };
            Some(body.error_code)
        }
        AdminCall::DescribeCluster => {
            let ResponseBody::DescribeCluster(body) = body else { return NOTHING };
            check(body.error_code)?;
            let mut brokers: Vec<_> = body
                .brokers
                .iter()
                .map(|told| BrokerDescription {
                    broker: BrokerId(told.broker_id.0),
                    rack: told.rack.as_ref().map(|rack| Name::from(rack.as_str())),
                    fenced: told.is_fenced,
                })
                .collect();
            brokers.sort_unstable_by_key(|described| described.broker);
            return Ok(AdminReply::Cluster(ClusterDescription { brokers }));
        }
        AdminCall::DescribeConfigs { .. } => {
            let ResponseBody::DescribeConfigs(body) = body else { return NOTHING };
            let Some(resource) = body.results.first() else { return NOTHING };
            check(resource.error_code)?;
            let mut entries: Vec<_> = resource
                .configs
                .iter()
                .map(|told| ConfigEntry {
                    name: Name::from(told.name.as_str()),
                    value: told.value.as_ref().map(|value| Name::from(value.as_str())),
                    source: ValueSource::from_code(told.config_source),
                })
                .collect();
            entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            return Ok(AdminReply::Configs(entries));
        }
        AdminCall::DeleteRecords { .. }
        | AdminCall::ListGroups
        | AdminCall::DescribeGroup { .. }
        | AdminCall::DeleteGroup { .. }
        | AdminCall::ListGroupOffsets { .. }
        | AdminCall::AlterGroupOffsets { .. }
        | AdminCall::DeleteGroupOffsets { .. } => return NOTHING,
    };
    let Some(code) = told else { return NOTHING };
    check(code).map(|()| AdminReply::Done)
}

const NOTHING: Result<AdminReply, ErrorCode> = Err(ErrorCode::UnknownServerError);

fn check(code: i16) -> Result<(), ErrorCode> {
    let error = ErrorCode::from_code(code);
    if error == ErrorCode::None { Ok(()) } else { Err(error) }
}

fn describe(name: &Name, topic: &DescribeTopicPartitionsResponseTopic) -> TopicDescription {
    let topic_id = convert::topic_id(topic.topic_id);
    let brokers = |ids: &[WireBroker]| ids.iter().map(|id| BrokerId(id.0)).collect::<Vec<_>>();
    let partition = |told: &DescribeTopicPartitionsResponsePartition| PartitionDescription {
        partition: TopicPartition::new(topic_id, told.partition_index),
        leader: convert::broker_from_wire(told.leader_id),
        leader_epoch: LeaderEpoch(told.leader_epoch),
        replicas: brokers(&told.replica_nodes),
        in_sync: brokers(&told.isr_nodes).into_iter().collect(),
        eligible: brokers(told.eligible_leader_replicas.as_deref().unwrap_or_default())
            .into_iter()
            .collect(),
    };
    let mut partitions: Vec<_> = topic.partitions.iter().map(partition).collect();
    partitions.sort_unstable_by_key(|described| described.partition);
    TopicDescription { name: name.clone(), partitions }
}
