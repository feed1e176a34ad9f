//! How large requests and responses are on the wire.
//!
//! Counted, not written: the protocol crate adds up the fields of a body without taking memory,
//! and batches know their size. The result is what [`encode_request`] and [`encode_response`]
//! take, but for batches of the quorum, whose size their leader has estimated.
//!
//! [`encode_request`]: crate::message::wire::encode_request
//! [`encode_response`]: crate::message::wire::encode_response

use bytes::Bytes;
use kafka_protocol::messages as k;
use kafka_protocol::messages::{fetch_request as kq, fetch_response as kr};
use kafka_protocol::protocol::Encodable;

use crate::message::batch::Batch;
use crate::message::codec::length_bytes;
use crate::message::envelope::{Request, RequestBody, Response, ResponseBody};
use crate::message::wire::{CLIENT_ADDRESS, CLIENT_ID, PRINCIPAL, header_versions};
use crate::types::ApiKey;

/// So many items has a list at most whose length takes a byte.
const COUNTED_IN_A_BYTE: usize = 126;
/// The length in front of every message.
const LENGTH: usize = 4;
/// Key, version, correlation id, client id; tags come after it.
const REQUEST_HEADER: usize = 2 + 2 + 4 + (2 + CLIENT_ID.len());
/// Correlation id; tags come after it.
const RESPONSE_HEADER: usize = 4;

/// The size of a request, its length and header included, in bytes.
pub fn request_size_bytes(request: &Request) -> u32 {
    bounded(LENGTH + request_bytes(request))
}

/// The size of a response, its length and header included, in bytes.
pub fn response_size_bytes(response: &Response) -> u32 {
    bounded(LENGTH + response_bytes(response))
}

fn bounded(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// What the batches of all partitions add: a body counts one byte for each partition without.
fn records_bytes(records: &[Vec<Batch>]) -> usize {
    let partition = |batches: &Vec<Batch>| {
        let bytes = batches.iter().map(|batch| batch.body.size_bytes as usize).sum();
        length_bytes(bytes) - 1 + bytes
    };
    records.iter().map(partition).sum()
}

fn body_bytes(api: ApiKey, body: &(impl Encodable + std::fmt::Debug)) -> usize {
    let version = api.version();
    body.compute_size(version).unwrap_or_else(|error| {
        panic!("version {version} of {} cannot say this: {error}: {body:?}", api.name())
    })
}

/// The size that is `known` without counting; half of all messages are fetches.
fn known_or_counted(
    known: Option<usize>,
    api: ApiKey,
    body: &(impl Encodable + std::fmt::Debug),
) -> usize {
    let Some(bytes) = known else { return body_bytes(api, body) };
    debug_assert_eq!(bytes, body_bytes(api, body), "what is known of its size is wrong: {body:?}");
    bytes
}

/// The size of a fetch request in which nothing unusual is set.
fn fetch_request_bytes(body: &k::FetchRequest) -> Option<usize> {
    // Index, two epochs, two offsets, a limit, tags.
    const PARTITION: usize = 4 + 2 * 4 + 2 * 8 + 4 + 1;
    // Times, limits, isolation level, session, three lists or texts without their items, tags.
    let mut bytes = 3 * 4 + 1 + 2 * 4 + 1 + 1 + 1 + 1;
    let is_plain = body.cluster_id.is_none()
        && body.forgotten_topics_data.is_empty()
        && body.rack_id.is_empty()
        && body.unknown_tagged_fields.is_empty();
    let usual = |partition: &kq::FetchPartition| {
        partition.replica_directory_id.is_nil()
            && partition.high_watermark == i64::MAX
            && partition.unknown_tagged_fields.is_empty()
    };
    let all_usual = body.topics.iter().flat_map(|topic| &topic.partitions).all(usual);
    if !is_plain || !all_usual || body.topics.len() > COUNTED_IN_A_BYTE {
        return None;
    }
    if body.replica_state != kq::ReplicaState::default() {
        // A tag and its length, id, epoch, tags.
        bytes += 2 + 4 + 8 + 1;
    }
    for topic in &body.topics {
        let partitions = topic.partitions.len();
        bytes += 16 + length_bytes(partitions) + partitions * PARTITION + 1;
    }
    Some(bytes)
}

/// The size of a fetch response in which nothing unusual is set, its records apart.
fn fetch_response_bytes(body: &k::FetchResponse) -> Option<usize> {
    // Index, error, three offsets, no aborted transactions, a replica, no records, tags.
    const PARTITION: usize = 4 + 2 + 3 * 8 + 1 + 4 + 1 + 1;
    let usual = |partition: &kr::PartitionData| {
        partition.diverging_epoch.epoch == -1
            && partition.diverging_epoch == kr::EpochEndOffset::default()
            && partition.current_leader == kr::LeaderIdAndEpoch::default()
            && partition.snapshot_id == kr::SnapshotId::default()
            && partition.aborted_transactions.as_ref().is_none_or(Vec::is_empty)
            && partition.records.as_ref().is_none_or(Bytes::is_empty)
            && partition.unknown_tagged_fields.is_empty()
    };
    let all_usual = body.responses.iter().flat_map(|topic| &topic.partitions).all(usual);
    let is_plain = body.node_endpoints.is_empty() && body.unknown_tagged_fields.is_empty();
    if !is_plain || !all_usual || body.responses.len() > COUNTED_IN_A_BYTE {
        return None;
    }
    // Throttle time, error, session, the length of the list, tags.
    let mut bytes = 4 + 2 + 4 + 1 + 1;
    for topic in &body.responses {
        let partitions = topic.partitions.len();
        bytes += 16 + length_bytes(partitions) + partitions * PARTITION + 1;
    }
    Some(bytes)
}

fn request_bytes(request: &Request) -> usize {
    use RequestBody as R;
    let api = request.body.api();
    let body = match &request.body {
        R::Produce(body) => body_bytes(api, body.as_ref()),
        R::Fetch(body) => known_or_counted(fetch_request_bytes(body), api, body.as_ref()),
        R::ListOffsets(body) => body_bytes(api, body.as_ref()),
        R::Metadata(body) => body_bytes(api, body.as_ref()),
        R::CreateTopics(body) => body_bytes(api, body.as_ref()),
        R::DeleteTopics(body) => body_bytes(api, body.as_ref()),
        R::CreatePartitions(body) => body_bytes(api, body.as_ref()),
        R::InitProducerId(body) => body_bytes(api, body.as_ref()),
        R::OffsetForLeaderEpoch(body) => body_bytes(api, body.as_ref()),
        R::Vote(body) => body_bytes(api, body.as_ref()),
        R::BeginQuorumEpoch(body) => body_bytes(api, body.as_ref()),
        R::EndQuorumEpoch(body) => body_bytes(api, body.as_ref()),
        R::AlterPartition(body) => body_bytes(api, body.as_ref()),
        R::BrokerRegistration(body) => body_bytes(api, body.as_ref()),
        R::BrokerHeartbeat(body) => body_bytes(api, body.as_ref()),
        R::AllocateProducerIds(body) => body_bytes(api, body.as_ref()),
        R::DescribeTopicPartitions(body) => body_bytes(api, body.as_ref()),
        R::DeleteRecords(body) => body_bytes(api, body.as_ref()),
        R::DescribeConfigs(body) => body_bytes(api, body.as_ref()),
        R::ElectLeaders(body) => body_bytes(api, body.as_ref()),
        R::IncrementalAlterConfigs(body) => body_bytes(api, body.as_ref()),
        R::DescribeCluster(body) => body_bytes(api, body.as_ref()),
        R::UnregisterBroker(body) => body_bytes(api, body.as_ref()),
        R::OffsetCommit(body) => body_bytes(api, body.as_ref()),
        R::OffsetFetch(body) => body_bytes(api, body.as_ref()),
        R::FindCoordinator(body) => body_bytes(api, body.as_ref()),
        R::JoinGroup(body) => body_bytes(api, body.as_ref()),
        R::Heartbeat(body) => body_bytes(api, body.as_ref()),
        R::LeaveGroup(body) => body_bytes(api, body.as_ref()),
        R::SyncGroup(body) => body_bytes(api, body.as_ref()),
        R::DescribeGroups(body) => body_bytes(api, body.as_ref()),
        R::ListGroups(body) => body_bytes(api, body.as_ref()),
        R::DeleteGroups(body) => body_bytes(api, body.as_ref()),
        R::OffsetDelete(body) => body_bytes(api, body.as_ref()),
        R::ConsumerGroupHeartbeat(body) => body_bytes(api, body.as_ref()),
        R::ConsumerGroupDescribe(body) => body_bytes(api, body.as_ref()),
        R::Envelope(inner) => {
            sized(request_bytes(inner)) + sized(PRINCIPAL.len()) + sized(CLIENT_ADDRESS.len()) + 1
        }
    };
    let tags = usize::from(header_versions(api).0 != 1);
    REQUEST_HEADER + tags + body + records_bytes(&request.records)
}

fn response_bytes(response: &Response) -> usize {
    use ResponseBody as R;
    let api = response.body.api();
    let body = match &response.body {
        R::Produce(body) => body_bytes(api, body.as_ref()),
        R::Fetch(body) => known_or_counted(fetch_response_bytes(body), api, body.as_ref()),
        R::ListOffsets(body) => body_bytes(api, body.as_ref()),
        R::Metadata(body) => body_bytes(api, body.as_ref()),
        R::CreateTopics(body) => body_bytes(api, body.as_ref()),
        R::DeleteTopics(body) => body_bytes(api, body.as_ref()),
        R::CreatePartitions(body) => body_bytes(api, body.as_ref()),
        R::InitProducerId(body) => body_bytes(api, body.as_ref()),
        R::OffsetForLeaderEpoch(body) => body_bytes(api, body.as_ref()),
        R::Vote(body) => body_bytes(api, body.as_ref()),
        R::BeginQuorumEpoch(body) => body_bytes(api, body.as_ref()),
        R::EndQuorumEpoch(body) => body_bytes(api, body.as_ref()),
        R::AlterPartition(body) => body_bytes(api, body.as_ref()),
        R::BrokerRegistration(body) => body_bytes(api, body.as_ref()),
        R::BrokerHeartbeat(body) => body_bytes(api, body.as_ref()),
        R::AllocateProducerIds(body) => body_bytes(api, body.as_ref()),
        R::DescribeTopicPartitions(body) => body_bytes(api, body.as_ref()),
        R::DeleteRecords(body) => body_bytes(api, body.as_ref()),
        R::DescribeConfigs(body) => body_bytes(api, body.as_ref()),
        R::ElectLeaders(body) => body_bytes(api, body.as_ref()),
        R::IncrementalAlterConfigs(body) => body_bytes(api, body.as_ref()),
        R::DescribeCluster(body) => body_bytes(api, body.as_ref()),
        R::UnregisterBroker(body) => body_bytes(api, body.as_ref()),
        R::OffsetCommit(body) => body_bytes(api, body.as_ref()),
        R::OffsetFetch(body) => body_bytes(api, body.as_ref()),
        R::FindCoordinator(body) => body_bytes(api, body.as_ref()),
        R::JoinGroup(body) => body_bytes(api, body.as_ref()),
        R::Heartbeat(body) => body_bytes(api, body.as_ref()),
        R::LeaveGroup(body) => body_bytes(api, body.as_ref()),
        R::SyncGroup(body) => body_bytes(api, body.as_ref()),
        R::DescribeGroups(body) => body_bytes(api, body.as_ref()),
        R::ListGroups(body) => body_bytes(api, body.as_ref()),
        R::DeleteGroups(body) => body_bytes(api, body.as_ref()),
        R::OffsetDelete(body) => body_bytes(api, body.as_ref()),
        R::ConsumerGroupHeartbeat(body) => body_bytes(api, body.as_ref()),
        R::ConsumerGroupDescribe(body) => body_bytes(api, body.as_ref()),
        R::Envelope(Ok(inner)) => sized(response_bytes(inner)) + 2 + 1,
        // A null, the error, tags.
        R::Envelope(Err(_)) => 1 + 2 + 1,
    };
    let tags = usize::from(header_versions(api).1 != 0);
    RESPONSE_HEADER + tags + body + records_bytes(&response.records)
}

/// So many bytes with their length in front.
fn sized(bytes: usize) -> usize {
    length_bytes(bytes) + bytes
}
