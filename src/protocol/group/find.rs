//! FindCoordinator: which broker coordinates a group, and the topic that it takes.
//!
//! Source: Kafka 4.1, `KafkaApis.handleFindCoordinatorRequest`, `AutoTopicCreationManager`.

use kafka_protocol::messages as k;
use kafka_protocol::messages::create_topics_request as tq;
use kafka_protocol::messages::find_coordinator_response::Coordinator;

use crate::message::convert::{PORT, broker_to_wire, host_of};
use crate::message::{Request, RequestBody, ResponseBody};
use crate::protocol::group::answer::{name, text};
use crate::protocol::group::config::GroupConfig;
use crate::protocol::group::desk::Step;
use crate::protocol::group::effect::Effect;
use crate::protocol::image::MetadataImage;
use crate::types::{BrokerId, CorrelationId, ErrorCode, Name, PartitionIndex, TopicPartition};

/// The topic that coordinators keep their state in (`Topic.GROUP_METADATA_TOPIC_NAME`).
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// `CoordinatorType.GROUP`.
const GROUP: i8 = 0;
/// How long the controller may take to create the topic, in milliseconds.
const CREATION_TIMEOUT_MS: i32 = 30_000;

/// The partition of `__consumer_offsets` that keeps `group`, of so many.
///
/// Source: Kafka 4.1, `GroupCoordinatorService.partitionFor`; `String.hashCode` of Java.
pub fn partition_of(group: &str, partitions: i32) -> PartitionIndex {
    let hash = group
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let positive = if hash == i32::MIN { 0 } else { hash.abs() };
    PartitionIndex(positive % partitions.max(1))
}

/// The partition that keeps `group`, once its topic is known.
pub(crate) fn home_of(image: &MetadataImage, group: &Name) -> Option<TopicPartition> {
    let topic = image.topic_by_name(OFFSETS_TOPIC)?;
    let partition = partition_of(group.as_str(), topic.partitions);
    Some(TopicPartition { topic_id: topic.topic_id, partition })
}

/// The answer, and whether the topic has yet to be created.
pub(crate) fn find(
    image: &MetadataImage,
    body: &k::FindCoordinatorRequest,
) -> (k::FindCoordinatorResponse, bool) {
    let mut is_missing = false;
    let coordinators = body.coordinator_keys.iter().map(|key| {
        let answer = Coordinator::default().with_key(key.clone()).with_error_message(None);
        let refused = |error: ErrorCode, message: &str| {
            answer
                .clone()
                .with_node_id(broker_to_wire(None))
                .with_port(-1)
                .with_error_code(error.code())
                .with_error_message(Some(text(message)))
        };
        if body.key_type != GROUP {
            return refused(ErrorCode::InvalidRequest, "only groups have coordinators here");
        }
        let group = name(key);
        if group.as_str().is_empty() {
            return refused(ErrorCode::InvalidGroupId, "a group has a name");
        }
        let Some(home) = home_of(image, &group) else {
            is_missing = true;
            return refused(ErrorCode::CoordinatorNotAvailable, "its topic is being created");
        };
        match leader_of(image, home) {
            Some(broker) => answer
                .with_node_id(broker_to_wire(Some(broker)))
                .with_host(host_of(broker))
                .with_port(PORT),
            None => refused(ErrorCode::CoordinatorNotAvailable, "its partition has no leader"),
        }
    });
    let coordinators = coordinators.collect();
    let response = k::FindCoordinatorResponse::default().with_coordinators(coordinators);
    (response, is_missing)
}

fn leader_of(image: &MetadataImage, partition: TopicPartition) -> Option<BrokerId> {
    let leader = image.partition(partition)?.leader?;
    image.is_active(leader).then_some(leader)
}

/// Asks the controller for the topic, under the number `token`.
pub(crate) fn create(step: &mut Step<'_>, token: u64) {
    let body = creation(step.config());
    let correlation_id = CorrelationId(0);
    let request = Request { correlation_id, body: body.into(), records: Vec::new() };
    let body = RequestBody::Envelope(Box::new(request));
    step.effects.push(Effect::ToController { token, body });
}

/// Differs from Kafka: logs are not compacted, so that what a coordinator loads is all that was
/// ever committed.
fn creation(config: &GroupConfig) -> k::CreateTopicsRequest {
    let setting = |key: &'static str, value: String| {
        tq::CreatableTopicConfig::default().with_name(text(key)).with_value(Some(text(&value)))
    };
    let topic = tq::CreatableTopic::default()
        .with_name(k::TopicName(text(OFFSETS_TOPIC)))
        .with_num_partitions(config.offsets_partitions)
        .with_replication_factor(config.offsets_replication_factor)
        .with_configs(vec![
            setting("retention.ms", "-1".to_owned()),
            setting("retention.bytes", "-1".to_owned()),
            setting("segment.bytes", config.offsets_segment_bytes.to_string()),
        ]);
    k::CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(CREATION_TIMEOUT_MS)
}

/// Whether the controller took the request.
pub(crate) fn was_created(body: Option<&ResponseBody>) -> bool {
    let Some(ResponseBody::Envelope(Ok(response))) = body else { return false };
    let ResponseBody::CreateTopics(body) = &response.body else { return false };
    body.topics.iter().all(|topic| topic.error_code == ErrorCode::None.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Java's `"...".hashCode()` says.
    #[test]
    fn groups_hash_as_in_java() {
        let index = |group: &str| partition_of(group, 50).0;
        // hashCode: 98629247, 0, -1361218025 ("consumers").
        assert_eq!(index("group"), 98_629_247 % 50);
        assert_eq!(index(""), 0);
        // "polygenelubricants" hashes to Integer.MIN_VALUE.
        assert_eq!(index("polygenelubricants"), 0);
        assert!((0..50).contains(&index("Ünïcode-☃-group")));
    }
}
