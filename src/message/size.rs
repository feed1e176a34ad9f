//! How large requests and responses are on the wire.
//!
//! Counted, not written: the protocol crate adds up the fields of a body without taking memory,
//! and batches know their size. The result is what [`encode_request`] and [`encode_response`]
//! take, but for batches of the quorum, whose size their leader has estimated.
//!
//! [`encode_request`]: crate::message::wire::encode_request
//! [`encode_response`]: crate::message::wire::encode_response

use kafka_protocol::protocol::Encodable;

use crate::message::batch::Batch;
use crate::message::codec::length_bytes;
use crate::message::envelope::{Request, RequestBody, Response, ResponseBody};
use crate::message::wire::{CLIENT_ADDRESS, CLIENT_ID, PRINCIPAL};
use crate::types::ApiKey;

/// The length in front of every message.
const LENGTH: usize = 4;
/// Key, version, correlation id, client id, tags.
const REQUEST_HEADER: usize = 2 + 2 + 4 + (2 + CLIENT_ID.len()) + 1;
/// Correlation id, tags.
const RESPONSE_HEADER: usize = 4 + 1;

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

fn request_bytes(request: &Request) -> usize {
    use RequestBody as R;
    let api = request.body.api();
    let body = match &request.body {
        R::Produce(body) => body_bytes(api, body.as_ref()),
        R::Fetch(body) => body_bytes(api, body.as_ref()),
        R::ListOffsets(body) => body_bytes(api, body.as_ref()),
        R::Metadata(body) => body_bytes(api, body.as_ref()),
        R::CreateTopics(body) => body_bytes(api, body.as_ref()),
        R::DeleteTopics(body) => body_bytes(api, body.as_ref()),
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
        R::Envelope(inner) => {
            sized(request_bytes(inner)) + sized(PRINCIPAL.len()) + sized(CLIENT_ADDRESS.len()) + 1
        }
    };
    REQUEST_HEADER + body + records_bytes(&request.records)
}

fn response_bytes(response: &Response) -> usize {
    use ResponseBody as R;
    let api = response.body.api();
    let body = match &response.body {
        R::Produce(body) => body_bytes(api, body.as_ref()),
        R::Fetch(body) => body_bytes(api, body.as_ref()),
        R::ListOffsets(body) => body_bytes(api, body.as_ref()),
        R::Metadata(body) => body_bytes(api, body.as_ref()),
        R::CreateTopics(body) => body_bytes(api, body.as_ref()),
        R::DeleteTopics(body) => body_bytes(api, body.as_ref()),
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
        R::Envelope(Ok(inner)) => sized(response_bytes(inner)) + 2 + 1,
        // A null, the error, tags.
        R::Envelope(Err(_)) => 1 + 2 + 1,
    };
    RESPONSE_HEADER + body + records_bytes(&response.records)
}

/// So many bytes with their length in front.
fn sized(bytes: usize) -> usize {
    length_bytes(bytes) + bytes
}
