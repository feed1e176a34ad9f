//! Messages of every kind go over the wire and come back; their sizes are those of their bytes.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use kafsim::explore::{RunOptions, run_once, vocabulary};
use kafsim::message::{
    LogKind, Records, RequestBody, ResponseBody, batch_size_bytes, check_request, check_response,
    decode_batches, decode_group_record, decode_metadata_record, decode_request, decode_response,
    encode_batch, encode_group_record, encode_metadata_record, encode_request, encode_response,
    metadata_record_size_bytes, request_size_bytes, response_size_bytes,
};
use kafsim::scenario::Scenario;
use kafsim::types::{ApiKey, BatchId};

use crate::wire_messages::Draw;

/// The kind that a body says it is. Without `_`: a new kind does not compile until it is drawn
/// in `wire_requests.rs` as well, whose match over [`ApiKey`] has none either.
fn of_request(body: &RequestBody) -> ApiKey {
    match body {
        RequestBody::Produce(_) => ApiKey::Produce,
        RequestBody::Fetch(_) => ApiKey::Fetch,
        RequestBody::ListOffsets(_) => ApiKey::ListOffsets,
        RequestBody::Metadata(_) => ApiKey::Metadata,
        RequestBody::CreateTopics(_) => ApiKey::CreateTopics,
        RequestBody::DeleteTopics(_) => ApiKey::DeleteTopics,
        RequestBody::CreatePartitions(_) => ApiKey::CreatePartitions,
        RequestBody::InitProducerId(_) => ApiKey::InitProducerId,
        RequestBody::OffsetForLeaderEpoch(_) => ApiKey::OffsetForLeaderEpoch,
        RequestBody::Vote(_) => ApiKey::Vote,
        RequestBody::BeginQuorumEpoch(_) => ApiKey::BeginQuorumEpoch,
        RequestBody::EndQuorumEpoch(_) => ApiKey::EndQuorumEpoch,
        RequestBody::AlterPartition(_) => ApiKey::AlterPartition,
        RequestBody::BrokerRegistration(_) => ApiKey::BrokerRegistration,
        RequestBody::BrokerHeartbeat(_) => ApiKey::BrokerHeartbeat,
        RequestBody::AllocateProducerIds(_) => ApiKey::AllocateProducerIds,
        RequestBody::DescribeTopicPartitions(_) => ApiKey::DescribeTopicPartitions,
        RequestBody::DeleteRecords(_) => ApiKey::DeleteRecords,
        RequestBody::DescribeConfigs(_) => ApiKey::DescribeConfigs,
        RequestBody::ElectLeaders(_) => ApiKey::ElectLeaders,
        RequestBody::IncrementalAlterConfigs(_) => ApiKey::IncrementalAlterConfigs,
        RequestBody::DescribeCluster(_) => ApiKey::DescribeCluster,
        RequestBody::UnregisterBroker(_) => ApiKey::UnregisterBroker,
        RequestBody::OffsetCommit(_) => ApiKey::OffsetCommit,
        RequestBody::OffsetFetch(_) => ApiKey::OffsetFetch,
        RequestBody::FindCoordinator(_) => ApiKey::FindCoordinator,
        RequestBody::JoinGroup(_) => ApiKey::JoinGroup,
        RequestBody::Heartbeat(_) => ApiKey::Heartbeat,
        RequestBody::LeaveGroup(_) => ApiKey::LeaveGroup,
        RequestBody::SyncGroup(_) => ApiKey::SyncGroup,
        RequestBody::DescribeGroups(_) => ApiKey::DescribeGroups,
        RequestBody::ListGroups(_) => ApiKey::ListGroups,
        RequestBody::DeleteGroups(_) => ApiKey::DeleteGroups,
        RequestBody::OffsetDelete(_) => ApiKey::OffsetDelete,
        RequestBody::ConsumerGroupHeartbeat(_) => ApiKey::ConsumerGroupHeartbeat,
        RequestBody::ConsumerGroupDescribe(_) => ApiKey::ConsumerGroupDescribe,
        RequestBody::Envelope(_) => ApiKey::Envelope,
    }
}

/// The same for answers.
fn of_response(body: &ResponseBody) -> ApiKey {
    match body {
        ResponseBody::Produce(_) => ApiKey::Produce,
        ResponseBody::Fetch(_) => ApiKey::Fetch,
        ResponseBody::ListOffsets(_) => ApiKey::ListOffsets,
        ResponseBody::Metadata(_) => ApiKey::Metadata,
        ResponseBody::CreateTopics(_) => ApiKey::CreateTopics,
        ResponseBody::DeleteTopics(_) => ApiKey::DeleteTopics,
        ResponseBody::CreatePartitions(_) => ApiKey::CreatePartitions,
        ResponseBody::InitProducerId(_) => ApiKey::InitProducerId,
        ResponseBody::OffsetForLeaderEpoch(_) => ApiKey::OffsetForLeaderEpoch,
        ResponseBody::Vote(_) => ApiKey::Vote,
        ResponseBody::BeginQuorumEpoch(_) => ApiKey::BeginQuorumEpoch,
        ResponseBody::EndQuorumEpoch(_) => ApiKey::EndQuorumEpoch,
        ResponseBody::AlterPartition(_) => ApiKey::AlterPartition,
        ResponseBody::BrokerRegistration(_) => ApiKey::BrokerRegistration,
        ResponseBody::BrokerHeartbeat(_) => ApiKey::BrokerHeartbeat,
        ResponseBody::AllocateProducerIds(_) => ApiKey::AllocateProducerIds,
        ResponseBody::DescribeTopicPartitions(_) => ApiKey::DescribeTopicPartitions,
        ResponseBody::DeleteRecords(_) => ApiKey::DeleteRecords,
        ResponseBody::DescribeConfigs(_) => ApiKey::DescribeConfigs,
        ResponseBody::ElectLeaders(_) => ApiKey::ElectLeaders,
        ResponseBody::IncrementalAlterConfigs(_) => ApiKey::IncrementalAlterConfigs,
        ResponseBody::DescribeCluster(_) => ApiKey::DescribeCluster,
        ResponseBody::UnregisterBroker(_) => ApiKey::UnregisterBroker,
        ResponseBody::OffsetCommit(_) => ApiKey::OffsetCommit,
        ResponseBody::OffsetFetch(_) => ApiKey::OffsetFetch,
        ResponseBody::FindCoordinator(_) => ApiKey::FindCoordinator,
        ResponseBody::JoinGroup(_) => ApiKey::JoinGroup,
        ResponseBody::Heartbeat(_) => ApiKey::Heartbeat,
        ResponseBody::LeaveGroup(_) => ApiKey::LeaveGroup,
        ResponseBody::SyncGroup(_) => ApiKey::SyncGroup,
        ResponseBody::DescribeGroups(_) => ApiKey::DescribeGroups,
        ResponseBody::ListGroups(_) => ApiKey::ListGroups,
        ResponseBody::DeleteGroups(_) => ApiKey::DeleteGroups,
        ResponseBody::OffsetDelete(_) => ApiKey::OffsetDelete,
        ResponseBody::ConsumerGroupHeartbeat(_) => ApiKey::ConsumerGroupHeartbeat,
        ResponseBody::ConsumerGroupDescribe(_) => ApiKey::ConsumerGroupDescribe,
        ResponseBody::Envelope(_) => ApiKey::Envelope,
    }
}

/// What was in a response's envelope.
fn forwarded(body: &ResponseBody) -> Option<ApiKey> {
    match body {
        ResponseBody::Envelope(Ok(inner)) => Some(inner.body.api()),
        _ => None,
    }
}

fn api() -> impl Strategy<Value = ApiKey> {
    prop::sample::select(ApiKey::ALL)
}

#[test]
fn every_kind_is_drawn() {
    let mut draw = Draw::new(1, 2);
    let all: BTreeSet<ApiKey> = ApiKey::ALL.iter().copied().collect();
    let asked = all.iter().map(|api| of_request(&draw.request(*api).body)).collect();
    assert_eq!(all, asked);
    let answered = all.iter().map(|api| of_response(&draw.response(*api).body)).collect();
    assert_eq!(all, answered);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// The size that times a request is its size in bytes: no tolerance.
    #[test]
    fn requests_come_back(api in api(), seed in any::<u64>(), items in 0..4_u64) {
        let request = Draw::new(seed, items).request(api);
        prop_assert_eq!(check_request(&request), Ok(()));
        let bytes = encode_request(&request).unwrap();
        prop_assert_eq!(bytes.len(), request_size_bytes(&request) as usize);
        let length = u32::from_be_bytes(bytes[..4].try_into().unwrap());
        prop_assert_eq!(length as usize, bytes.len() - 4);
        let again = encode_request(&decode_request(bytes.clone()).unwrap()).unwrap();
        prop_assert_eq!(again, bytes);
    }

    /// The size that times a response is its size in bytes: no tolerance.
    #[test]
    fn responses_come_back(api in api(), seed in any::<u64>(), items in 0..4_u64) {
        let response = Draw::new(seed, items).response(api);
        prop_assert_eq!(check_response(&response), Ok(()));
        let bytes = encode_response(&response).unwrap();
        prop_assert_eq!(bytes.len(), response_size_bytes(&response) as usize);
        let inner = forwarded(&response.body);
        let again = decode_response(api, inner, bytes.clone()).unwrap();
        prop_assert_eq!(encode_response(&again).unwrap(), bytes);
    }

    #[test]
    fn batches_come_back(seed in any::<u64>(), items in 0..5_u64, is_quorum in any::<bool>()) {
        let mut draw = Draw::new(seed, items);
        let (mut batch, kind) = if is_quorum {
            (draw.quorum_batch(), LogKind::Metadata)
        } else {
            (draw.data_batch(), LogKind::Topic)
        };
        // A batch's mark does not travel.
        std::sync::Arc::make_mut(&mut batch.body).id = BatchId(0);
        let mut bytes = Vec::new();
        encode_batch(&batch, &mut bytes);
        prop_assert_eq!(bytes.len(), batch.body.size_bytes as usize);
        prop_assert_eq!(decode_batches(bytes.into(), kind), Ok(vec![batch]));
    }

    #[test]
    fn metadata_records_come_back(seed in any::<u64>(), items in 0..5_u64) {
        let record = Draw::new(seed, items).metadata_record();
        let bytes = encode_metadata_record(&record);
        prop_assert_eq!(bytes.len(), metadata_record_size_bytes(&record));
        prop_assert_eq!(decode_metadata_record(bytes.into()), Ok(record));
    }

    #[test]
    fn group_records_come_back(seed in any::<u64>(), items in 0..5_u64) {
        let record = Draw::new(seed, items).group_record();
        let encoded = encode_group_record(&record, 5);
        prop_assert_eq!(decode_group_record(&encoded), Ok(record.clone()));
        // What a batch says of its size is what the records' bytes come to.
        let (one, other) = (Records::Group(vec![record]), Records::Data(vec![encoded]));
        prop_assert_eq!(batch_size_bytes(&one, 5), batch_size_bytes(&other, 5));
    }

    /// Two messages that differ have bytes that differ: no field is dropped on the way.
    #[test]
    fn another_message_has_other_bytes(
        api in api(), seeds in any::<(u64, u64)>(), items in 0..3_u64,
    ) {
        let [one, two] = [seeds.0, seeds.1].map(|seed| Draw::new(seed, items).request(api));
        let [a, b] = [&one, &two].map(|request| encode_request(request).unwrap());
        let same = decode_request(a.clone()).unwrap() == decode_request(b.clone()).unwrap();
        prop_assert_eq!(a == b, same);
    }
}

/// A field that is lost or changed on the way is seen, wherever it stands. Held against kinds of
/// fixed length: in others a changed length would have the crate ask for memory without bound.
#[test]
fn a_changed_byte_is_seen() {
    let flat = [
        ApiKey::InitProducerId,
        ApiKey::BrokerRegistration,
        ApiKey::BrokerHeartbeat,
        ApiKey::AllocateProducerIds,
    ];
    for (seed, api) in (0..50).flat_map(|seed| flat.map(|api| (seed, api))) {
        let sent = Draw::new(seed, 2).response(api);
        let bytes = encode_response(&sent).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            let received = decode_response(api, None, changed.into());
            assert_ne!(received, Ok(sent.clone()), "byte {at} of {sent:?}");
            let cut = decode_response(api, None, bytes.slice(..at));
            assert!(cut.is_err(), "{at} bytes of {sent:?}");
        }
        let more = Bytes::from([&bytes[..], &[0]].concat());
        assert!(decode_response(api, None, more).is_err());
    }
}

/// Checking messages changes nothing about the run.
#[test]
fn the_run_is_the_same_with_and_without_the_wire() {
    let path = "scenarios/replication/leader_crash.toml";
    let text = std::fs::read_to_string(path).unwrap();
    let scenario = Scenario::read(path, &text, &[], &[], &vocabulary()).unwrap();
    let until = Some(Duration::from_secs(3));
    let run = |wire| run_once(&scenario, 7, &RunOptions { wire, until, ..RunOptions::default() });
    let (plain, wired) = (run(false).outcome, run(true).outcome);
    assert!(plain.messages > 1000, "{} messages", plain.messages);
    assert_eq!(plain, wired);
}
