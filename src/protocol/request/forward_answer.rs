//! What the answers to forwarded requests say, and those that a broker gives in the controller's
//! stead.

use kafka_protocol::messages as k;
use kafka_protocol::messages::{
    create_partitions_response as pr, create_topics_response as cr, delete_topics_response as dr,
    elect_leaders_response as er, incremental_alter_configs_response as ar,
};

use crate::message::{RequestBody, ResponseBody};
use crate::types::ErrorCode;

/// Whether every part is answered with `NOT_CONTROLLER`: nothing was done.
pub(super) fn refuses_all(body: &ResponseBody) -> bool {
    let refused = ErrorCode::NotController.code();
    let errors: Vec<i16> = if let ResponseBody::CreateTopics(body) = body {
        body.topics.iter().map(|topic| topic.error_code).collect()
    } else if let ResponseBody::DeleteTopics(body) = body {
        body.responses.iter().map(|topic| topic.error_code).collect()
    } else if let ResponseBody::CreatePartitions(body) = body {
        body.results.iter().map(|topic| topic.error_code).collect()
    } else if let ResponseBody::ElectLeaders(body) = body {
        vec![body.error_code]
    } else if let ResponseBody::IncrementalAlterConfigs(body) = body {
        body.responses.iter().map(|resource| resource.error_code).collect()
    } else if let ResponseBody::UnregisterBroker(body) = body {
        vec![body.error_code]
    } else {
        Vec::new()
    };
    !errors.is_empty() && errors.iter().all(|error| *error == refused)
}

/// What the client hears when the controller could not be reached in time.
///
/// Source: Kafka 4.1, `getErrorResponse` of each request.
pub(super) fn timed_out(request: &RequestBody) -> ResponseBody {
    let error = ErrorCode::RequestTimedOut.code();
    if let RequestBody::DeleteTopics(body) = request {
        let topics = body.topics.iter().map(|topic| {
            dr::DeletableTopicResult::default()
                .with_name(topic.name.clone())
                .with_topic_id(topic.topic_id)
                .with_error_code(error)
        });
        return k::DeleteTopicsResponse::default().with_responses(topics.collect()).into();
    }
    if let RequestBody::CreatePartitions(body) = request {
        let topics = body.topics.iter().map(|topic| {
            pr::CreatePartitionsTopicResult::default()
                .with_name(topic.name.clone())
                .with_error_code(error)
        });
        return k::CreatePartitionsResponse::default().with_results(topics.collect()).into();
    }
    if let RequestBody::ElectLeaders(body) = request {
        let topics = body.topic_partitions.iter().flatten().map(|topic| {
            let results = topic.partitions.iter().map(|partition| {
                er::PartitionResult::default().with_partition_id(*partition).with_error_code(error)
            });
            er::ReplicaElectionResult::default()
                .with_topic(topic.topic.clone())
                .with_partition_result(results.collect())
        });
        return k::ElectLeadersResponse::default()
            .with_error_code(error)
            .with_replica_election_results(topics.collect())
            .into();
    }
    if let RequestBody::IncrementalAlterConfigs(body) = request {
        let resources = body.resources.iter().map(|resource| {
            ar::AlterConfigsResourceResponse::default()
                .with_error_code(error)
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone())
        });
        return k::IncrementalAlterConfigsResponse::default()
            .with_responses(resources.collect())
            .into();
    }
    if let RequestBody::UnregisterBroker(_) = request {
        return k::UnregisterBrokerResponse::default().with_error_code(error).into();
    }
    let mut response = k::CreateTopicsResponse::default();
    if let RequestBody::CreateTopics(body) = request {
        let topics = body.topics.iter().map(|topic| {
            cr::CreatableTopicResult::default().with_name(topic.name.clone()).with_error_code(error)
        });
        response.topics = topics.collect();
    }
    response.into()
}
