//! Admin calls as requests, and what the answers say.

use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_topic_partitions_request::TopicRequest;
use kafka_protocol::messages::describe_topic_partitions_response::{
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId as WireBroker, CreateTopicsRequest, DeleteTopicsRequest,
    DescribeTopicPartitionsRequest, MetadataRequest,
};

use crate::message::{
    AdminCall, AdminReply, PartitionDescription, RequestBody, ResponseBody, TopicDescription,
    convert,
};
use crate::types::{BrokerId, ErrorCode, LeaderEpoch, Name, TopicPartition};

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
        AdminCall::ListTopics => RequestBody::from(
            MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false),
        ),
        AdminCall::DescribeTopic { name } => {
            let topic = TopicRequest::default().with_name(convert::topic_name(name));
            let body = DescribeTopicPartitionsRequest::default().with_topics(vec![topic]);
            RequestBody::from(body.with_response_partition_limit(i32::MAX))
        }
    }
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
        AdminCall::ListTopics => {
            let ResponseBody::Metadata(body) = body else { return NOTHING };
            let names = body.topics.iter().filter_map(|topic| topic.name.as_ref());
            let mut names: Vec<Name> = names.map(|name| Name::from(name.0.as_str())).collect();
            names.sort_unstable();
            return Ok(AdminReply::Topics(names));
        }
        AdminCall::DescribeTopic { name } => {
            let ResponseBody::DescribeTopicPartitions(body) = body else { return NOTHING };
            let Some(topic) = body.topics.first() else { return NOTHING };
            check(topic.error_code)?;
            return Ok(AdminReply::Topic(describe(name, topic)));
        }
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
