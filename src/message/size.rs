//! How large requests and responses are on the wire, near enough to time them: constants of the
//! schemas and what the records take. `--wire` measures exactly and changes nothing by it, for a
//! run must not depend on it.

use crate::message::batch::Batch;
use crate::message::envelope::{Request, RequestBody, Response, ResponseBody};

/// Length, key, version, correlation id, a client id of a dozen letters, tags.
const REQUEST_HEADER: usize = 4 + 2 + 2 + 4 + 2 + 12 + 1;
/// Length, correlation id, tags.
const RESPONSE_HEADER: usize = 4 + 4 + 1;
/// A topic id, a count, tags.
const TOPIC: usize = 16 + 1 + 1;
/// A topic by name: count, a dozen letters, count of partitions, tags.
const NAMED_TOPIC: usize = 1 + 12 + 1 + 1;

/// The size of a request, header and all, in bytes.
pub fn request_size_bytes(request: &Request) -> u32 {
    bounded(REQUEST_HEADER + request_body(&request.body) + batches(&request.records))
}

/// The size of a response, header and all, in bytes.
pub fn response_size_bytes(response: &Response) -> u32 {
    bounded(RESPONSE_HEADER + response_body(&response.body) + batches(&response.records))
}

fn bounded(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn batches(records: &[Vec<Batch>]) -> usize {
    records.iter().flatten().map(|batch| batch.body.size_bytes as usize).sum()
}

/// The sum over topics of `topic` and, for each of `partitions(topic)`, `partition` bytes.
fn nested<T>(
    topics: &[T],
    topic: usize,
    partitions: impl Fn(&T) -> usize,
    partition: usize,
) -> usize {
    topics.iter().map(|t| topic + partitions(t) * partition).sum()
}

fn request_body(body: &RequestBody) -> usize {
    match body {
        RequestBody::Produce(b) => {
            10 + nested(&b.topic_data, TOPIC, |t| t.partition_data.len(), 4 + 3 + 1)
        }
        RequestBody::Fetch(b) => {
            46 + nested(&b.topics, TOPIC, |t| t.partitions.len(), 4 + 4 + 8 + 4 + 8 + 4 + 1)
                + nested(&b.forgotten_topics_data, TOPIC, |t| t.partitions.len(), 4)
        }
        RequestBody::ListOffsets(b) => {
            11 + nested(&b.topics, NAMED_TOPIC, |t| t.partitions.len(), 4 + 4 + 8 + 1)
        }
        RequestBody::Metadata(b) => 5 + b.topics.as_ref().map_or(0, Vec::len) * (16 + NAMED_TOPIC),
        RequestBody::CreateTopics(b) => {
            7 + b
                .topics
                .iter()
                .map(|t| 24 + t.configs.len() * 32 + t.assignments.len() * 20)
                .sum::<usize>()
        }
        RequestBody::DeleteTopics(b) => 6 + b.topics.len() * (16 + NAMED_TOPIC),
        RequestBody::InitProducerId(_) => 17,
        RequestBody::OffsetForLeaderEpoch(b) => {
            6 + nested(&b.topics, NAMED_TOPIC, |t| t.partitions.len(), 4 + 4 + 4 + 1)
        }
        RequestBody::Vote(_) => 110,
        RequestBody::BeginQuorumEpoch(_) => 90,
        RequestBody::EndQuorumEpoch(_) => 100,
        RequestBody::AlterPartition(b) => {
            b.topics
                .iter()
                .map(|topic| {
                    let members =
                        |p: &kafka_protocol::messages::alter_partition_request::PartitionData| {
                            15 + p.new_isr_with_epochs.len() * 13
                        };
                    TOPIC + topic.partitions.iter().map(members).sum::<usize>()
                })
                .sum::<usize>()
                + 14
        }
        RequestBody::BrokerRegistration(b) => 96 + b.log_dirs.len() * 16,
        RequestBody::BrokerHeartbeat(_) => 24,
        RequestBody::AllocateProducerIds(_) => 13,
        RequestBody::DescribeTopicPartitions(b) => 8 + b.topics.len() * NAMED_TOPIC,
        RequestBody::Envelope(inner) => {
            REQUEST_HEADER + 12 + request_body(&inner.body) + batches(&inner.records)
        }
    }
}

fn response_body(body: &ResponseBody) -> usize {
    match body {
        ResponseBody::Produce(b) => {
            5 + nested(&b.responses, TOPIC, |t| t.partition_responses.len(), 4 + 2 + 24 + 3)
        }
        ResponseBody::Fetch(b) => {
            12 + nested(&b.responses, TOPIC, |t| t.partitions.len(), 4 + 2 + 24 + 5 + 3)
        }
        ResponseBody::ListOffsets(b) => {
            5 + nested(&b.topics, NAMED_TOPIC, |t| t.partitions.len(), 4 + 2 + 8 + 8 + 4 + 1)
        }
        ResponseBody::Metadata(b) => {
            40 + b.brokers.len() * 24
                + nested(&b.topics, TOPIC + NAMED_TOPIC, |t| t.partitions.len(), 16 + 6 * 4 + 3)
        }
        ResponseBody::CreateTopics(b) => 6 + b.topics.len() * (NAMED_TOPIC + 16 + 12),
        ResponseBody::DeleteTopics(b) => 6 + b.responses.len() * (NAMED_TOPIC + 16 + 4),
        ResponseBody::InitProducerId(_) => 17,
        ResponseBody::OffsetForLeaderEpoch(b) => {
            6 + nested(&b.topics, NAMED_TOPIC, |t| t.partitions.len(), 2 + 4 + 4 + 8 + 1)
        }
        ResponseBody::Vote(_) => 40,
        ResponseBody::BeginQuorumEpoch(_) | ResponseBody::EndQuorumEpoch(_) => 36,
        ResponseBody::AlterPartition(b) => {
            8 + nested(&b.topics, TOPIC, |t| t.partitions.len(), 4 + 2 + 4 + 4 + 13 + 1 + 4 + 1)
        }
        ResponseBody::BrokerRegistration(_) => 15,
        ResponseBody::BrokerHeartbeat(_) => 10,
        ResponseBody::AllocateProducerIds(_) => 19,
        ResponseBody::DescribeTopicPartitions(b) => {
            8 + nested(&b.topics, TOPIC + NAMED_TOPIC, |t| t.partitions.len(), 16 + 8 * 4)
        }
        ResponseBody::Envelope(Ok(inner)) => {
            RESPONSE_HEADER + 8 + response_body(&inner.body) + batches(&inner.records)
        }
        ResponseBody::Envelope(Err(_)) => 8,
    }
}
