//! Metadata and DescribeTopicPartitions: what this broker's image says.

use std::collections::BTreeSet;

use kafka_protocol::messages as k;
use kafka_protocol::messages::describe_topic_partitions_response as dr;
use kafka_protocol::messages::metadata_response as mr;

use crate::message::PartitionState;
use crate::protocol::image::{MetadataImage, Topic};
use crate::protocol::request::layer::RequestLayer;
use crate::protocol::request::wire;
use crate::types::{BrokerId, ErrorCode};

/// A partition as both answers show it.
struct View {
    error: ErrorCode,
    leader: Option<BrokerId>,
    offline: Vec<k::BrokerId>,
}

/// Source: Kafka 4.1, `KRaftMetadataCache.getPartitionMetadata`, `getOfflineReplicas`.
fn view(image: &MetadataImage, state: &PartitionState) -> View {
    // A fenced leader is still named: only the controller's next record takes it away.
    let leader = state.leader.filter(|leader| image.broker(*leader).is_some());
    let error = if leader.is_some() { ErrorCode::None } else { ErrorCode::LeaderNotAvailable };
    let is_offline = |broker: &&BrokerId| image.broker(**broker).is_none_or(|known| known.fenced);
    let offline = state.replicas.iter().filter(is_offline);
    let offline = offline.map(|broker| wire::broker_id(*broker)).collect();
    View { error, leader, offline }
}

fn leader_on_wire(leader: Option<BrokerId>) -> k::BrokerId {
    k::BrokerId(leader.map_or(-1, |leader| leader.0))
}

fn ids(brokers: impl Iterator<Item = BrokerId>) -> Vec<k::BrokerId> {
    brokers.map(wire::broker_id).collect()
}

impl RequestLayer {
    /// Source: Kafka 4.1, `KafkaApis.handleTopicMetadataRequest`.
    ///
    /// Differs from Kafka: topics are never created by asking for them
    /// (`auto.create.topics.enable=false`).
    pub(crate) fn metadata_response(&mut self, body: &k::MetadataRequest) -> k::MetadataResponse {
        let alive: Vec<BrokerId> = self
            .image
            .brokers()
            .filter(|(_, registration)| !registration.fenced)
            .map(|(broker, _)| broker)
            .collect();
        // Any broker forwards to the controller, so Kafka names any that is alive.
        let controller = self.rng.choose(&alive).copied();
        let image = &self.image;
        let mut response = k::MetadataResponse::default()
            .with_cluster_id(Some(wire::text("kafsim")))
            .with_controller_id(leader_on_wire(controller));
        response.brokers = alive.iter().map(|broker| node(image, *broker)).collect();
        let Some(asked) = &body.topics else {
            response.topics = image.topics().map(|topic| topic_metadata(image, topic)).collect();
            return response;
        };
        let mut seen = BTreeSet::new();
        for topic in asked {
            let by_id = wire::topic_id(topic.topic_id);
            let name = topic.name.as_ref().map(|name| name.0.as_str()).unwrap_or_default();
            let found = match by_id {
                Some(topic_id) => image.topic(topic_id),
                None => image.topic_by_name(name),
            };
            if !seen.insert((topic.topic_id, name.to_owned())) {
                continue;
            }
            response.topics.push(match found {
                Some(topic) => topic_metadata(image, topic),
                None if by_id.is_some() => mr::MetadataResponseTopic::default()
                    .with_error_code(ErrorCode::UnknownTopicId.code())
                    .with_name(None)
                    .with_topic_id(topic.topic_id),
                None => mr::MetadataResponseTopic::default()
                    .with_error_code(ErrorCode::UnknownTopicOrPartition.code())
                    .with_name(topic.name.clone()),
            });
        }
        response
    }

    /// Source: Kafka 4.1, `DescribeTopicPartitionsRequestHandler`,
    /// `KRaftMetadataCache.describeTopicResponse`.
    pub(crate) fn describe_response(
        &self,
        body: &k::DescribeTopicPartitionsRequest,
    ) -> k::DescribeTopicPartitionsResponse {
        let image = &self.image;
        let cursor = body.cursor.as_ref();
        let from = cursor.map(|cursor| cursor.topic_name.0.as_str()).unwrap_or_default();
        let all = body.topics.is_empty();
        let names: BTreeSet<String> = if all {
            image.topics().map(|topic| topic.name.as_str().to_owned()).collect()
        } else {
            body.topics.iter().map(|topic| topic.name.0.as_str().to_owned()).collect()
        };
        let limit = u32::try_from(body.response_partition_limit).unwrap_or(0);
        let mut room = limit.min(self.config.describe_partitions_max).max(1) as usize;
        let mut response = k::DescribeTopicPartitionsResponse::default();
        for name in names.iter().filter(|name| name.as_str() >= from) {
            let Some(topic) = image.topic_by_name(name) else {
                let error = ErrorCode::UnknownTopicOrPartition.code();
                response.topics.push(
                    dr::DescribeTopicPartitionsResponseTopic::default()
                        .with_error_code(error)
                        .with_name(Some(k::TopicName(wire::text(name)))),
                );
                continue;
            };
            let first = match cursor {
                Some(cursor) if name.as_str() == from => cursor.partition_index,
                Some(_) | None => 0,
            };
            let next = |index: i32| {
                Some(
                    dr::Cursor::default()
                        .with_topic_name(wire::topic_name(&topic.name))
                        .with_partition_index(index),
                )
            };
            if room == 0 {
                response.next_cursor = next(first);
                break;
            }
            let states = image.partitions_of(topic.topic_id);
            let shown: Vec<_> = states
                .skip_while(|(partition, _)| partition.partition.0 < first)
                .take(room)
                .map(|(partition, state)| described(image, partition.partition.0, state))
                .collect();
            let end = first.saturating_add(i32::try_from(shown.len()).unwrap_or(i32::MAX));
            room -= shown.len();
            response.topics.push(
                dr::DescribeTopicPartitionsResponseTopic::default()
                    .with_name(Some(wire::topic_name(&topic.name)))
                    .with_topic_id(wire::topic_uuid(topic.topic_id))
                    .with_partitions(shown),
            );
            if end < topic.partitions {
                response.next_cursor = next(end);
                break;
            }
        }
        response
    }
}

fn node(image: &MetadataImage, broker: BrokerId) -> mr::MetadataResponseBroker {
    let rack = image.broker(broker).and_then(|registration| registration.rack.as_ref());
    mr::MetadataResponseBroker::default()
        .with_node_id(wire::broker_id(broker))
        .with_host(wire::host_of(broker))
        .with_port(wire::PORT)
        .with_rack(rack.map(|rack| wire::text(rack.as_str())))
}

fn topic_metadata(image: &MetadataImage, topic: &Topic) -> mr::MetadataResponseTopic {
    let partitions = image.partitions_of(topic.topic_id).map(|(partition, state)| {
        let View { error, leader, offline } = view(image, state);
        mr::MetadataResponsePartition::default()
            .with_error_code(error.code())
            .with_partition_index(partition.partition.0)
            .with_leader_id(leader_on_wire(leader))
            .with_leader_epoch(state.leader_epoch.0)
            .with_replica_nodes(ids(state.replicas.iter().copied()))
            .with_isr_nodes(ids(state.in_sync.iter()))
            .with_offline_replicas(offline)
    });
    mr::MetadataResponseTopic::default()
        .with_name(Some(wire::topic_name(&topic.name)))
        .with_topic_id(wire::topic_uuid(topic.topic_id))
        .with_partitions(partitions.collect())
}

fn described(
    image: &MetadataImage,
    index: i32,
    state: &PartitionState,
) -> dr::DescribeTopicPartitionsResponsePartition {
    let View { error: _, leader, offline } = view(image, state);
    dr::DescribeTopicPartitionsResponsePartition::default()
        .with_partition_index(index)
        .with_leader_id(leader_on_wire(leader))
        .with_leader_epoch(state.leader_epoch.0)
        .with_replica_nodes(ids(state.replicas.iter().copied()))
        .with_isr_nodes(ids(state.in_sync.iter()))
        .with_eligible_leader_replicas(Some(ids(state.eligible.iter())))
        .with_last_known_elr(Some(ids(state.last_known.iter().copied())))
        .with_offline_replicas(offline)
}
