//! How each request is answered when it fails as a whole.

use kafka_protocol::messages as k;

use crate::message::{RequestBody, ResponseBody};
use crate::types::ErrorCode;

/// The answer to `asked` that says `error`; `None` for what a controller is not asked.
pub(crate) fn refuse(asked: &RequestBody, error: ErrorCode) -> Option<ResponseBody> {
    let code = error.code();
    Some(match asked {
        RequestBody::BrokerRegistration(_) => {
            let mut body = k::BrokerRegistrationResponse::default();
            (body.error_code, body.broker_epoch) = (code, -1);
            body.into()
        }
        RequestBody::BrokerHeartbeat(_) => {
            let mut body = k::BrokerHeartbeatResponse::default();
            body.error_code = code;
            body.into()
        }
        RequestBody::AlterPartition(_) => {
            let mut body = k::AlterPartitionResponse::default();
            body.error_code = code;
            body.into()
        }
        RequestBody::AllocateProducerIds(_) => {
            let mut body = k::AllocateProducerIdsResponse::default();
            body.error_code = code;
            body.into()
        }
        RequestBody::CreateTopics(request) => {
            let mut body = k::CreateTopicsResponse::default();
            for topic in &request.topics {
                let mut result = k::create_topics_response::CreatableTopicResult::default();
                result.name = topic.name.clone();
                (result.error_code, result.error_message) = (code, None);
                body.topics.push(result);
            }
            body.into()
        }
        RequestBody::DeleteTopics(request) => {
            let mut body = k::DeleteTopicsResponse::default();
            for topic in &request.topics {
                let mut result = k::delete_topics_response::DeletableTopicResult::default();
                result.name.clone_from(&topic.name);
                result.topic_id = topic.topic_id;
                (result.error_code, result.error_message) = (code, None);
                body.responses.push(result);
            }
            body.into()
        }
        RequestBody::CreatePartitions(request) => {
            let mut body = k::CreatePartitionsResponse::default();
            for topic in &request.topics {
                let mut result =
                    k::create_partitions_response::CreatePartitionsTopicResult::default();
                result.name = topic.name.clone();
                (result.error_code, result.error_message) = (code, None);
                body.results.push(result);
            }
            body.into()
        }
        RequestBody::ElectLeaders(request) => {
            let mut body = k::ElectLeadersResponse::default();
            body.error_code = code;
            for topic in request.topic_partitions.iter().flatten() {
                let mut results = k::elect_leaders_response::ReplicaElectionResult::default();
                results.topic = topic.topic.clone();
                for partition in &topic.partitions {
                    let mut result = k::elect_leaders_response::PartitionResult::default();
                    result.partition_id = *partition;
                    (result.error_code, result.error_message) = (code, None);
                    results.partition_result.push(result);
                }
                body.replica_election_results.push(results);
            }
            body.into()
        }
        RequestBody::IncrementalAlterConfigs(request) => {
            let mut body = k::IncrementalAlterConfigsResponse::default();
            for resource in &request.resources {
                let mut result =
                    k::incremental_alter_configs_response::AlterConfigsResourceResponse::default();
                result.resource_type = resource.resource_type;
                result.resource_name = resource.resource_name.clone();
                (result.error_code, result.error_message) = (code, None);
                body.responses.push(result);
            }
            body.into()
        }
        RequestBody::UnregisterBroker(_) => {
            let mut body = k::UnregisterBrokerResponse::default();
            (body.error_code, body.error_message) = (code, None);
            body.into()
        }
        RequestBody::Envelope(_) => ResponseBody::Envelope(Err(error)),
        RequestBody::Produce(_)
        | RequestBody::Fetch(_)
        | RequestBody::ListOffsets(_)
        | RequestBody::Metadata(_)
        | RequestBody::InitProducerId(_)
        | RequestBody::OffsetForLeaderEpoch(_)
        | RequestBody::Vote(_)
        | RequestBody::BeginQuorumEpoch(_)
        | RequestBody::EndQuorumEpoch(_)
        | RequestBody::DeleteRecords(_)
        | RequestBody::DescribeConfigs(_)
        | RequestBody::DescribeCluster(_)
        | RequestBody::OffsetCommit(_)
        | RequestBody::OffsetFetch(_)
        | RequestBody::FindCoordinator(_)
        | RequestBody::JoinGroup(_)
        | RequestBody::Heartbeat(_)
        | RequestBody::LeaveGroup(_)
        | RequestBody::SyncGroup(_)
        | RequestBody::DescribeGroups(_)
        | RequestBody::ListGroups(_)
        | RequestBody::DeleteGroups(_)
        | RequestBody::OffsetDelete(_)
        | RequestBody::ConsumerGroupHeartbeat(_)
        | RequestBody::ConsumerGroupDescribe(_)
        | RequestBody::DescribeTopicPartitions(_) => return None,
    })
}
