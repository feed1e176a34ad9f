//! Requests and responses as real bytes: written with their headers, read back, compared.
//!
//! Inside the simulation messages travel as values. What is written here is what Kafka would send,
//! each kind at the one version that [`ApiKey::version`] names, so that a value which has no place
//! on the wire, or comes back as another, cannot hide. `--wire` checks every message of a run.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages as k;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use uuid::Uuid;

use crate::message::batch::{Batch, Records};
use crate::message::batch_codec::{LogKind, decode_batches, encode_batch};
use crate::message::codec::CodecError;
use crate::message::convert::topic_id;
use crate::message::difference::first_difference;
use crate::message::envelope::{Request, RequestBody, Response, ResponseBody};
use crate::message::group_codec::decode_group_record;
use crate::message::size::{request_size_bytes, response_size_bytes};
use crate::types::{ApiKey, CorrelationId, ErrorCode, TopicPartition};

/// The versions of the headers of a request and of its response: those of flexible versions, which
/// all are that are spoken but one.
pub(in crate::message) fn header_versions(api: ApiKey) -> (i16, i16) {
    if api == ApiKey::OffsetDelete { (1, 0) } else { (2, 1) }
}

/// `client.id` of every process.
pub(in crate::message) const CLIENT_ID: &str = "kafsim";
/// `DefaultPrincipalData`, version 0: `User:ANONYMOUS`, for whom brokers forward requests.
pub(in crate::message) const PRINCIPAL: &[u8] = b"\0\0\x05User\x0aANONYMOUS\0\0";
/// The address that a forwarded request is said to come from.
pub(in crate::message) const CLIENT_ADDRESS: [u8; 4] = [127, 0, 0, 1];

/// Declares how each kind of body is written and read.
macro_rules! bodies {
    ($($name:ident $request:ident $response:ident;)*) => {
        fn write_request_body(body: &RequestBody, out: &mut BytesMut) -> Result<(), CodecError> {
            match body {
                $(RequestBody::$name(body) => write(ApiKey::$name, body.as_ref(), out),)*
                RequestBody::Envelope(inner) => {
                    let mut data = BytesMut::new();
                    write_request(inner, &mut data)?;
                    let body = k::EnvelopeRequest::default()
                        .with_request_data(data.freeze())
                        .with_request_principal(Some(Bytes::from_static(PRINCIPAL)))
                        .with_client_host_address(Bytes::copy_from_slice(&CLIENT_ADDRESS));
                    write(ApiKey::Envelope, &body, out)
                }
            }
        }

        fn read_request_body(api: ApiKey, bytes: &mut Bytes) -> Result<RequestBody, CodecError> {
            match api {
                $(ApiKey::$name => read::<k::$request>(api, bytes).map(RequestBody::from),)*
                ApiKey::Envelope => {
                    let mut body = read::<k::EnvelopeRequest>(api, bytes)?;
                    let inner = read_request(&mut body.request_data)?;
                    let principal = body.request_principal.as_deref();
                    let address = body.client_host_address;
                    if principal != Some(PRINCIPAL) || address != CLIENT_ADDRESS[..] {
                        return Err(CodecError::new("its principal or address is not ours"));
                    }
                    Ok(RequestBody::Envelope(Box::new(inner)))
                }
            }
        }

        fn write_response_body(body: &ResponseBody, out: &mut BytesMut) -> Result<(), CodecError> {
            match body {
                $(ResponseBody::$name(body) => write(ApiKey::$name, body.as_ref(), out),)*
                ResponseBody::Envelope(Ok(inner)) => {
                    let mut data = BytesMut::new();
                    write_response(inner, &mut data)?;
                    let body =
                        k::EnvelopeResponse::default().with_response_data(Some(data.freeze()));
                    write(ApiKey::Envelope, &body, out)
                }
                ResponseBody::Envelope(Err(error)) => {
                    let body = k::EnvelopeResponse::default().with_error_code(error.code());
                    write(ApiKey::Envelope, &body, out)
                }
            }
        }

        fn read_response_body(
            api: ApiKey,
            forwarded: Option<ApiKey>,
            bytes: &mut Bytes,
        ) -> Result<ResponseBody, CodecError> {
            match api {
                $(ApiKey::$name => read::<k::$response>(api, bytes).map(ResponseBody::from),)*
                ApiKey::Envelope => {
                    let body = read::<k::EnvelopeResponse>(api, bytes)?;
                    let error = ErrorCode::from_code(body.error_code);
                    if error.code() != body.error_code {
                        let what = format_args!("error code {} is not known", body.error_code);
                        return Err(CodecError::new(what));
                    }
                    match (body.response_data, error, forwarded) {
                        (Some(mut data), ErrorCode::None, Some(api)) => {
                            let inner = read_response(api, None, &mut data)?;
                            Ok(ResponseBody::Envelope(Ok(Box::new(inner))))
                        }
                        (None, error, _) => Ok(ResponseBody::Envelope(Err(error))),
                        (Some(_), error, _) => {
                            let what = format_args!("an answer and the error {error:?}");
                            Err(CodecError::new(what))
                        }
                    }
                }
            }
        }

        #[cfg(test)]
        fn headers_of_the_crate() -> Vec<(ApiKey, i16, i16)> {
            use kafka_protocol::protocol::HeaderVersion as _;
            vec![$((
                ApiKey::$name,
                k::$request::header_version(ApiKey::$name.version()),
                k::$response::header_version(ApiKey::$name.version()),
            ),)*]
        }
    };
}

bodies! {
    Produce ProduceRequest ProduceResponse;
    Fetch FetchRequest FetchResponse;
    ListOffsets ListOffsetsRequest ListOffsetsResponse;
    Metadata MetadataRequest MetadataResponse;
    CreateTopics CreateTopicsRequest CreateTopicsResponse;
    DeleteTopics DeleteTopicsRequest DeleteTopicsResponse;
    CreatePartitions CreatePartitionsRequest CreatePartitionsResponse;
    InitProducerId InitProducerIdRequest InitProducerIdResponse;
    OffsetForLeaderEpoch OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse;
    Vote VoteRequest VoteResponse;
    BeginQuorumEpoch BeginQuorumEpochRequest BeginQuorumEpochResponse;
    EndQuorumEpoch EndQuorumEpochRequest EndQuorumEpochResponse;
    AlterPartition AlterPartitionRequest AlterPartitionResponse;
    BrokerRegistration BrokerRegistrationRequest BrokerRegistrationResponse;
    BrokerHeartbeat BrokerHeartbeatRequest BrokerHeartbeatResponse;
    AllocateProducerIds AllocateProducerIdsRequest AllocateProducerIdsResponse;
    DescribeTopicPartitions DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse;
    DeleteRecords DeleteRecordsRequest DeleteRecordsResponse;
    DescribeConfigs DescribeConfigsRequest DescribeConfigsResponse;
    ElectLeaders ElectLeadersRequest ElectLeadersResponse;
    IncrementalAlterConfigs IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse;
    DescribeCluster DescribeClusterRequest DescribeClusterResponse;
    UnregisterBroker UnregisterBrokerRequest UnregisterBrokerResponse;
    OffsetCommit OffsetCommitRequest OffsetCommitResponse;
    OffsetFetch OffsetFetchRequest OffsetFetchResponse;
    FindCoordinator FindCoordinatorRequest FindCoordinatorResponse;
    JoinGroup JoinGroupRequest JoinGroupResponse;
    Heartbeat HeartbeatRequest HeartbeatResponse;
    LeaveGroup LeaveGroupRequest LeaveGroupResponse;
    SyncGroup SyncGroupRequest SyncGroupResponse;
    DescribeGroups DescribeGroupsRequest DescribeGroupsResponse;
    ListGroups ListGroupsRequest ListGroupsResponse;
    DeleteGroups DeleteGroupsRequest DeleteGroupsResponse;
    OffsetDelete OffsetDeleteRequest OffsetDeleteResponse;
    ConsumerGroupHeartbeat ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse;
    ConsumerGroupDescribe ConsumerGroupDescribeRequest ConsumerGroupDescribeResponse;
}

/// Writes a request, checks its size, reads it back and compares.
///
/// The error is a sentence that names the message and the first field that differs.
pub fn check_request(sent: &Request) -> Result<(), CodecError> {
    let name = format!("{}Request", sent.body.api().name());
    let checked = encode_request(sent).and_then(|bytes| {
        check_size(bytes.len(), request_size_bytes(sent))?;
        let mut received = decode_request(bytes)?;
        adopt_request(&mut received, sent);
        compare(sent, &received)
    });
    checked.map_err(|error| error.within(name))
}

/// Writes a response, checks its size, reads it back and compares.
///
/// The error is a sentence that names the message and the first field that differs.
pub fn check_response(sent: &Response) -> Result<(), CodecError> {
    let api = sent.body.api();
    let forwarded = match &sent.body {
        ResponseBody::Envelope(Ok(inner)) => Some(inner.body.api()),
        _ => None,
    };
    let checked = encode_response(sent).and_then(|bytes| {
        check_size(bytes.len(), response_size_bytes(sent))?;
        let mut received = decode_response(api, forwarded, bytes)?;
        adopt_response(&mut received, sent);
        compare(sent, &received)
    });
    checked.map_err(|error| error.within(format_args!("{}Response", api.name())))
}

fn compare<T: PartialEq + std::fmt::Debug>(sent: &T, received: &T) -> Result<(), CodecError> {
    if sent == received {
        return Ok(());
    }
    let alike = || "it comes back as another, which looks alike".to_owned();
    Err(CodecError::new(first_difference(sent, received).unwrap_or_else(alike)))
}

fn check_size(taken: usize, said: u32) -> Result<(), CodecError> {
    if taken == said as usize {
        return Ok(());
    }
    Err(CodecError::new(format_args!("it takes {taken} bytes, and was sent as {said}")))
}

/// A request's bytes, its length in front.
pub fn encode_request(request: &Request) -> Result<Bytes, CodecError> {
    framed(|out| write_request(request, out))
}

/// A response's bytes, its length in front.
pub fn encode_response(response: &Response) -> Result<Bytes, CodecError> {
    framed(|out| write_response(response, out))
}

fn framed(
    write: impl FnOnce(&mut BytesMut) -> Result<(), CodecError>,
) -> Result<Bytes, CodecError> {
    let mut out = BytesMut::new();
    out.put_u32(0);
    write(&mut out)?;
    let length = u32::try_from(out.len() - 4).map_err(CodecError::new)?;
    out[..4].copy_from_slice(&length.to_be_bytes());
    Ok(out.freeze())
}

/// The request that `bytes` are. The marks of its batches are zero: they do not travel.
pub fn decode_request(bytes: Bytes) -> Result<Request, CodecError> {
    read_request(&mut unframed(bytes)?)
}

/// The response to an `api` request that `bytes` are; `forwarded` is what was in the request's
/// envelope. The marks of its batches are zero: they do not travel.
pub fn decode_response(
    api: ApiKey,
    forwarded: Option<ApiKey>,
    bytes: Bytes,
) -> Result<Response, CodecError> {
    read_response(api, forwarded, &mut unframed(bytes)?)
}

fn unframed(mut bytes: Bytes) -> Result<Bytes, CodecError> {
    let (length, left) = (bytes.try_get_u32().map_err(CodecError::new)?, bytes.len());
    if length as usize == left {
        return Ok(bytes);
    }
    Err(CodecError::new(format_args!("a length of {length}, {left} bytes are left")))
}

fn write_request(request: &Request, out: &mut BytesMut) -> Result<(), CodecError> {
    let api = request.body.api();
    let header = k::RequestHeader::default()
        .with_request_api_key(api.key())
        .with_request_api_version(api.version())
        .with_correlation_id(request.correlation_id.0)
        .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
    header.encode(out, header_versions(api).0).map_err(CodecError::new)?;
    let mut body = request.body.clone();
    put_records(request_rooms(&mut body), &request.records)?;
    write_request_body(&body, out)
}

fn read_request(bytes: &mut Bytes) -> Result<Request, CodecError> {
    let key = bytes.clone().try_get_i16().map_err(CodecError::new)?;
    let api = ApiKey::from_key(key);
    let api = api.ok_or_else(|| CodecError::new(format_args!("no request has key {key}")))?;
    let header =
        k::RequestHeader::decode(bytes, header_versions(api).0).map_err(CodecError::new)?;
    let version = header.request_api_version;
    if version != api.version() {
        let what = format_args!("version is {version}, not {}", api.version());
        return Err(CodecError::new(what));
    }
    if header.client_id.as_deref() != Some(CLIENT_ID) {
        return Err(CodecError::new(format_args!("client id is {:?}", header.client_id)));
    }
    let mut body = read_request_body(api, bytes)?;
    let records = take_records(request_rooms(&mut body))?;
    Ok(Request { correlation_id: CorrelationId(header.correlation_id), body, records })
}

fn write_response(response: &Response, out: &mut BytesMut) -> Result<(), CodecError> {
    let header = k::ResponseHeader::default().with_correlation_id(response.correlation_id.0);
    header.encode(out, header_versions(response.body.api()).1).map_err(CodecError::new)?;
    let mut body = response.body.clone();
    put_records(response_rooms(&mut body), &response.records)?;
    write_response_body(&body, out)
}

fn read_response(
    api: ApiKey,
    forwarded: Option<ApiKey>,
    bytes: &mut Bytes,
) -> Result<Response, CodecError> {
    let header =
        k::ResponseHeader::decode(bytes, header_versions(api).1).map_err(CodecError::new)?;
    let mut body = read_response_body(api, forwarded, bytes)?;
    let records = take_records(response_rooms(&mut body))?;
    Ok(Response { correlation_id: CorrelationId(header.correlation_id), body, records })
}

fn write(api: ApiKey, body: &impl Encodable, out: &mut BytesMut) -> Result<(), CodecError> {
    let version = api.version();
    let error = |error| CodecError::new(format_args!("version {version} cannot say it: {error}"));
    body.encode(out, version).map_err(error)
}

fn read<T: Decodable>(api: ApiKey, bytes: &mut Bytes) -> Result<T, CodecError> {
    let body = T::decode(bytes, api.version()).map_err(CodecError::new)?;
    if bytes.is_empty() {
        return Ok(body);
    }
    Err(CodecError::new(format_args!("{} bytes are left over", bytes.len())))
}

/// Where the bytes of a partition's batches stand in a body, with the partition's topic. While a
/// message is a value it is empty or null, which say the same.
type Room<'a> = (Uuid, &'a mut Option<Bytes>);

fn request_rooms(body: &mut RequestBody) -> Vec<Room<'_>> {
    let RequestBody::Produce(body) = body else { return Vec::new() };
    let rooms = body.topic_data.iter_mut().flat_map(|topic| {
        let topic_id = topic.topic_id;
        topic.partition_data.iter_mut().map(move |partition| (topic_id, &mut partition.records))
    });
    rooms.collect()
}

fn response_rooms(body: &mut ResponseBody) -> Vec<Room<'_>> {
    let ResponseBody::Fetch(body) = body else { return Vec::new() };
    let rooms = body.responses.iter_mut().flat_map(|topic| {
        let topic_id = topic.topic_id;
        topic.partitions.iter_mut().map(move |partition| (topic_id, &mut partition.records))
    });
    rooms.collect()
}

/// Puts the bytes of batches where the body has room for them, partition by partition.
fn put_records(rooms: Vec<Room<'_>>, records: &[Vec<Batch>]) -> Result<(), CodecError> {
    if !records.is_empty() && records.len() != rooms.len() {
        let (batches, partitions) = (records.len(), rooms.len());
        let what = format_args!("records of {batches} partitions, the body has {partitions}");
        return Err(CodecError::new(what));
    }
    for (at, (_, room)) in rooms.into_iter().enumerate() {
        if room.as_ref().is_some_and(|bytes| !bytes.is_empty()) {
            return Err(CodecError::new("records stand in the body, not beside it"));
        }
        let mut bytes = Vec::new();
        let batches = records.get(at).into_iter().flatten();
        batches.for_each(|batch| encode_batch(batch, &mut bytes));
        *room = Some(bytes.into());
    }
    Ok(())
}

/// Takes the batches out of a body.
fn take_records(rooms: Vec<Room<'_>>) -> Result<Vec<Vec<Batch>>, CodecError> {
    let partitions = rooms.into_iter().map(|(topic, room)| {
        let is_quorum = topic_id(topic) == TopicPartition::CLUSTER_METADATA.topic_id;
        let kind = if is_quorum { LogKind::Metadata } else { LogKind::Topic };
        let bytes = room.take().ok_or_else(|| CodecError::new("records are null"))?;
        decode_batches(bytes, kind)
    });
    partitions.collect()
}

fn adopt_request(received: &mut Request, sent: &Request) {
    adopt_records(&mut received.records, &sent.records);
    adopt_rooms(request_rooms(&mut received.body), request_rooms(&mut sent.body.clone()));
    if let (RequestBody::Envelope(received), RequestBody::Envelope(sent)) =
        (&mut received.body, &sent.body)
    {
        adopt_request(received, sent);
    }
}

fn adopt_response(received: &mut Response, sent: &Response) {
    adopt_records(&mut received.records, &sent.records);
    adopt_rooms(response_rooms(&mut received.body), response_rooms(&mut sent.body.clone()));
    if let (ResponseBody::Envelope(Ok(received)), ResponseBody::Envelope(Ok(sent))) =
        (&mut received.body, &sent.body)
    {
        adopt_response(received, sent);
    }
}

/// Gives a body that was read the nulls that stood in for empty records.
fn adopt_rooms(received: Vec<Room<'_>>, sent: Vec<Room<'_>>) {
    for ((_, received), (_, sent)) in received.into_iter().zip(sent) {
        *received = sent.take();
    }
}

/// Gives batches that were read what does not travel: their marks.
fn adopt_records(received: &mut Vec<Vec<Batch>>, sent: &[Vec<Batch>]) {
    if sent.is_empty() && received.iter().all(Vec::is_empty) {
        received.clear();
    }
    for (received, sent) in received.iter_mut().flatten().zip(sent.iter().flatten()) {
        let body = std::sync::Arc::make_mut(&mut received.body);
        body.id = sent.body.id;
        // Nothing in its bytes says that a topic is that of group coordinators.
        if let (Records::Data(records), Records::Group(_)) = (&body.records, &sent.body.records) {
            let records: Result<Vec<_>, _> = records.iter().map(decode_group_record).collect();
            if let Ok(records) = records {
                body.records = Records::Group(records);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::batch::{BatchBody, Record};
    use crate::message::{ProducerStamp, batch_size_bytes};
    use crate::types::{
        BatchId, LeaderEpoch, Offset, PartitionIndex, ProducerEpoch, ProducerId, Sequence, TopicId,
    };

    const ORDERS: TopicPartition =
        TopicPartition { topic_id: TopicId(77), partition: PartitionIndex(0) };

    fn batch(value: &'static [u8]) -> Batch {
        let value = Some(Bytes::from_static(value));
        let record = Record { key: None, value, headers: Box::default(), timestamp: 5 };
        let records = Records::Data(vec![record]);
        let (id, epoch, base_sequence) = (ProducerId(1), ProducerEpoch(0), Sequence(0));
        let body = BatchBody {
            id: BatchId(99),
            producer: Some(ProducerStamp { id, epoch, base_sequence }),
            base_timestamp: 5,
            max_timestamp: 5,
            size_bytes: batch_size_bytes(&records, 5),
            records,
        };
        Batch { base_offset: Offset(3), leader_epoch: LeaderEpoch(2), body: body.into() }
    }

    fn fetched(batches: Vec<Batch>) -> Response {
        let partition = k::fetch_response::PartitionData::default().with_high_watermark(4);
        let topic = k::fetch_response::FetchableTopicResponse::default()
            .with_topic_id(Uuid::from_u128(ORDERS.topic_id.0))
            .with_partitions(vec![partition]);
        let body = k::FetchResponse::default().with_responses(vec![topic]).into();
        Response { correlation_id: CorrelationId(8), body, records: vec![batches] }
    }

    #[test]
    fn headers_are_those_of_the_crate() {
        for (api, request, response) in headers_of_the_crate() {
            assert_eq!((request, response), header_versions(api), "{api:?}");
        }
    }

    #[test]
    fn a_request_has_the_bytes_of_kafka() {
        let body = k::AllocateProducerIdsRequest::default()
            .with_broker_id(k::BrokerId(2))
            .with_broker_epoch(9);
        let (correlation_id, body) = (CorrelationId(5), RequestBody::from(body));
        let request = Request { correlation_id, body, records: Vec::new() };
        let expected = [
            &[0, 0, 0, 30][..],           // length
            &[0, 67, 0, 0, 0, 0, 0, 5],   // key, version, correlation id
            &[0, 6],                      // client id
            b"kafsim",                    //
            &[0],                         // tags
            &[0, 0, 0, 2],                // broker id
            &[0, 0, 0, 0, 0, 0, 0, 9, 0], // broker epoch, tags
        ];
        let bytes = encode_request(&request).unwrap();
        assert_eq!(bytes, expected.concat());
        assert_eq!(request_size_bytes(&request) as usize, bytes.len());
        assert_eq!(decode_request(bytes), Ok(request));
    }

    #[test]
    fn what_comes_back_changed_is_named() {
        let sent = fetched(vec![batch(b"a"), batch(b"b")]);
        assert_eq!(check_response(&sent), Ok(()));
        let bytes = encode_response(&sent).unwrap();
        let mut received = decode_response(ApiKey::Fetch, None, bytes).unwrap();
        adopt_response(&mut received, &sent);
        let ResponseBody::Fetch(body) = &mut received.body else { unreachable!("it is a fetch") };
        body.responses[0].partitions[0].high_watermark = 3;
        let error = compare(&sent, &received).unwrap_err().to_string();
        let place = "body.responses[0].partitions[0].high_watermark";
        assert_eq!(error, format!("{place} was sent as 4 and is read as 3"));
        let mut received = sent.clone();
        received.records[0][1] = batch(b"c");
        let error = compare(&sent, &received).unwrap_err().to_string();
        assert!(error.starts_with("records[0][1].body.records[0].value"), "{error}");
    }

    #[test]
    fn what_the_wire_cannot_carry_is_named() {
        let mut response = fetched(vec![batch(b"a")]);
        response.records.push(Vec::new());
        let error = check_response(&response).unwrap_err().to_string();
        assert_eq!(error, "FetchResponse: records of 2 partitions, the body has 1");
        // An in-sync set without epochs is that of version 2.
        let partition =
            k::alter_partition_request::PartitionData::default().with_new_isr(vec![k::BrokerId(1)]);
        let topic =
            k::alter_partition_request::TopicData::default().with_partitions(vec![partition]);
        let body = k::AlterPartitionRequest::default().with_topics(vec![topic]).into();
        let request = Request { correlation_id: CorrelationId(0), body, records: Vec::new() };
        let error = check_request(&request).unwrap_err().to_string();
        assert!(error.starts_with("AlterPartitionRequest: version 3 cannot say it"), "{error}");
    }

    #[test]
    fn a_wrong_size_is_seen() {
        let mut small = batch(b"a");
        std::sync::Arc::make_mut(&mut small.body).size_bytes -= 1;
        let error = check_response(&fetched(vec![small])).unwrap_err().to_string();
        assert!(error.contains("bytes, and was sent as"), "{error}");
    }
}
