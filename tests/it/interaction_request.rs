//! Stories of a broker's request layer.
//!
//! Partitions are written `9-0`: topic id and number. `from=` is the connection.

#![expect(clippy::unwrap_used, reason = "a malformed test file should panic")]

use std::sync::Arc;

use kafka_protocol::messages as k;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use kafsim::event::Kind;
use kafsim::message::{
    Batch, BatchBody, FetchResult, MetadataRecord, PartitionState, Reader, Record, Records,
    Request, RequestBody, Response, ResponseBody,
};
use kafsim::protocol::Machine;
use kafsim::protocol::image::MetadataImage;
use kafsim::protocol::request::{
    Ask, Effect, Input, LowWatermark, Placed, RequestConfig, RequestLayer, Unreached,
};
use kafsim::types::{
    BatchId, BrokerEpoch, BrokerId, ConnectionId, CorrelationId, ErrorCode, HostId, IncarnationId,
    LeaderEpoch, Name, Now, Offset, PartitionEpoch, Rng, TopicId, TopicPartition,
};

use crate::interaction::{Command, answer, play};
use crate::interaction_lifecycle::code;

#[test]
fn request_stories() {
    play("request", Scene::run);
}

struct Scene {
    now: Now,
    image: MetadataImage,
    layer: RequestLayer,
    requests: i32,
    batches: u64,
    token: u64,
    /// The last session that was named, which the stories call S.
    session: i32,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            now: Now::default(),
            image: MetadataImage::new(),
            layer: RequestLayer::new(RequestConfig::default(), Rng::named(1, "request", &[])),
            requests: 0,
            batches: 0,
            token: 0,
            session: 0,
        }
    }
}

impl Scene {
    fn run(&mut self, command: &Command<'_>) -> String {
        let input = match command.verb {
            "broker" | "topic" | "partition" => {
                let record = record(command);
                let offset = self.image.end_offset();
                self.image.apply(offset, LeaderEpoch(0), &record);
                return "ok".to_owned();
            }
            "publish" => Input::ImagePublished { image: Box::new(self.image.clone()) },
            "registered" => {
                Input::Registered { broker_epoch: BrokerEpoch(command.number("epoch", 0)) }
            }
            "advance" => {
                self.now = self.now.after(command.duration());
                if !self.layer.deadlines().is_due(self.now) {
                    return "nothing is due".to_owned();
                }
                Input::Deadline
            }
            "disconnected" => Input::Disconnected { connection: from(command) },
            "hw" => Input::HighWatermarkMoved { partition: place(command.words[0]) },
            "end" => Input::LogEndMoved { partition: place(command.words[0]) },
            "low-watermark" => Input::LowWatermarkMoved {
                partition: place(command.words[0]),
                offset: Offset(command.number("at", 0)),
            },
            "deleted" => deleted(command),
            "role" => Input::RoleChanged { partition: place(command.words[0]) },
            "produced" | "acknowledged" | "read" | "listed" | "epoch-end" => from_replica(command),
            "controller" => {
                let result = self.controllers_answer(command);
                Input::ControllerAnswered { token: self.token, result }
            }
            _ => self.request(command),
        };
        let mut effects = Vec::new();
        self.layer.step(self.now, input, &mut effects);
        answer(effects.into_iter().map(|effect| self.show(&effect)).collect::<Vec<_>>())
    }

    fn request(&mut self, command: &Command<'_>) -> Input {
        self.requests += 1;
        let mut records = Vec::new();
        let body = match command.verb {
            "produce" => {
                let mut body = k::ProduceRequest::default()
                    .with_acks(i16::try_from(command.number("acks", -1)).unwrap())
                    .with_timeout_ms(number(command, "timeout", 30000));
                for partition in places(command.text("to").unwrap()) {
                    self.batches += 1;
                    records.push(vec![Batch::unplaced(batch(self.batches, 70))]);
                    body.topic_data.push(
                        k::produce_request::TopicProduceData::default()
                            .with_topic_id(Uuid::from_u128(partition.topic_id.0))
                            .with_partition_data(vec![
                                k::produce_request::PartitionProduceData::default()
                                    .with_index(partition.partition.0),
                            ]),
                    );
                }
                RequestBody::from(body)
            }
            "fetch" => fetch(command, self.session).into(),
            "metadata" => {
                let topics = command.text("topics").map(|names| names.split(','));
                let topics = topics.map(|names| {
                    let topic = |name: &str| match name.parse::<u128>() {
                        Ok(id) => k::metadata_request::MetadataRequestTopic::default()
                            .with_topic_id(Uuid::from_u128(id))
                            .with_name(None),
                        Err(_) => k::metadata_request::MetadataRequestTopic::default()
                            .with_name(Some(topic_name(name))),
                    };
                    names.map(topic).collect()
                });
                k::MetadataRequest::default().with_topics(topics).into()
            }
            "list-offsets" => {
                let partition = k::list_offsets_request::ListOffsetsPartition::default()
                    .with_partition_index(number(command, "index", 0))
                    .with_current_leader_epoch(number(command, "epoch", -1))
                    .with_timestamp(command.number("timestamp", -1));
                let topic = k::list_offsets_request::ListOffsetsTopic::default()
                    .with_name(topic_name(command.text("topic").unwrap()))
                    .with_partitions(vec![partition]);
                k::ListOffsetsRequest::default()
                    .with_replica_id(k::BrokerId(-1))
                    .with_topics(vec![topic])
                    .into()
            }
            "delete-records" => {
                let asked = places(command.text("to").unwrap()).into_iter().map(|place| {
                    let partition = k::delete_records_request::DeleteRecordsPartition::default()
                        .with_partition_index(place.partition.0)
                        .with_offset(command.number("below", -1));
                    k::delete_records_request::DeleteRecordsTopic::default()
                        .with_name(topic_name("orders"))
                        .with_partitions(vec![partition])
                });
                k::DeleteRecordsRequest::default()
                    .with_topics(asked.collect())
                    .with_timeout_ms(number(command, "timeout", 30000))
                    .into()
            }
            "create-topic" => {
                let topic = k::create_topics_request::CreatableTopic::default()
                    .with_name(topic_name(command.text("name").unwrap()));
                k::CreateTopicsRequest::default()
                    .with_topics(vec![topic])
                    .with_timeout_ms(number(command, "timeout", 30000))
                    .into()
            }
            "init-producer-id" => {
                k::InitProducerIdRequest::default().with_transactional_id(None).into()
            }
            other => panic!("unknown command {other}"),
        };
        let request = Request { correlation_id: CorrelationId(self.requests), body, records };
        Input::Request { connection: from(command), request }
    }

    fn controllers_answer(&self, command: &Command<'_>) -> Result<ResponseBody, Unreached> {
        match command.words[0] {
            "unreached" => Err(Unreached),
            "ids" => Ok(k::AllocateProducerIdsResponse::default()
                .with_producer_id_start(k::ProducerId(command.number("first", 0)))
                .with_producer_id_len(number(command, "count", 1000))
                .into()),
            "not-controller" => Ok(ResponseBody::Envelope(Err(ErrorCode::NotController))),
            "created" => {
                let body = k::CreateTopicsResponse::default().into();
                let correlation_id = CorrelationId(self.requests);
                let response = Response { correlation_id, body, records: Vec::new() };
                Ok(ResponseBody::Envelope(Ok(Box::new(response))))
            }
            other => panic!("unknown answer {other}"),
        }
    }

    fn show(&mut self, effect: &Effect) -> String {
        match effect {
            Effect::ToGroups { request, .. } => {
                format!("to groups: {}", request.body.api().name())
            }
            Effect::ToReplica { connection, partition, ask } => {
                let to = format!("{}-{}", partition.topic_id, partition.partition);
                format!("{to} for {}: {}", connection.number, show_ask(ask))
            }
            Effect::ToController { token, body } => {
                self.token = *token;
                format!("to controller: {}", body.api().name())
            }
            Effect::Answer { connection, response: None } => {
                format!("{} done without an answer", connection.number)
            }
            Effect::Answer { connection, response: Some(response) } => {
                if let ResponseBody::Fetch(body) = &response.body
                    && body.session_id != 0
                {
                    self.session = body.session_id;
                }
                format!("answer {}: {}", connection.number, show_response(response))
            }
            Effect::Close { connection } => format!("close {}", connection.number),
            Effect::Event {
                kind: Kind::ProduceAnswered { batch, error, base_offset, .. },
                about,
            } => {
                format!("event produce-answered {} {error} {base_offset:?} {about:?}", batch.0)
            }
            Effect::Event { kind, about } => format!("event {kind:?} {about:?}"),
        }
    }
}

fn show_ask(ask: &Ask) -> String {
    match ask {
        Ask::Produce { body, acks } => format!("append {} acks={acks}", body.id.0),
        Ask::AbandonProduce => "abandon".to_owned(),
        Ask::Read { fetch } => {
            let who = match fetch.reader {
                Reader::Consumer => "consumer".to_owned(),
                Reader::Follower { broker, .. } => format!("follower {broker}"),
            };
            let again = if fetch.is_reread { " again" } else { "" };
            let one = if fetch.at_least_one { "" } else { " whole-only" };
            format!("read{again} {who} from={} max={}{one}", fetch.fetch_offset, fetch.max_bytes)
        }
        Ask::ListOffset { timestamp, .. } => format!("list {timestamp}"),
        Ask::DeleteRecords { offset: Some(offset) } => format!("delete below {offset}"),
        Ask::DeleteRecords { offset: None } => "delete below the high watermark".to_owned(),
        Ask::EpochEnd { leader_epoch, .. } => format!("end of {leader_epoch}"),
    }
}

fn show_response(response: &Response) -> String {
    let error = |code: i16| ErrorCode::from_code(code).name();
    match &response.body {
        ResponseBody::Produce(body) => {
            let mut parts = Vec::new();
            for topic in &body.responses {
                for part in &topic.partition_responses {
                    let leader = part.current_leader.leader_id.0;
                    let leader =
                        if leader < 0 { String::new() } else { format!(" leader={leader}") };
                    let place = format!("{}-{}", topic.topic_id.as_u128(), part.index);
                    parts.push(format!(
                        "{place} {} at={}{leader}",
                        error(part.error_code),
                        part.base_offset
                    ));
                }
            }
            parts.join("; ")
        }
        ResponseBody::Fetch(body) => {
            let mut records = response.records.iter();
            let session = if body.session_id == 0 { "none" } else { "S" };
            let mut parts = vec![format!("{} session={session}", error(body.error_code))];
            for topic in &body.responses {
                for part in &topic.partitions {
                    let place = format!("{}-{}", topic.topic_id.as_u128(), part.partition_index);
                    let count = records.next().map_or(0, Vec::len);
                    let diverging = part.diverging_epoch.end_offset;
                    let diverging = if diverging < 0 {
                        String::new()
                    } else {
                        format!(" diverging={}@{diverging}", part.diverging_epoch.epoch)
                    };
                    parts.push(format!(
                        "{place} {} hw={} batches={count}{diverging}",
                        error(part.error_code),
                        part.high_watermark
                    ));
                }
            }
            parts.join("; ")
        }
        ResponseBody::Metadata(body) => {
            let brokers: Vec<_> = body.brokers.iter().map(|b| b.node_id.0).collect();
            let mut parts = vec![format!("brokers={brokers:?}")];
            for topic in &body.topics {
                let name = topic.name.as_ref().map_or("-", |name| name.0.as_str());
                parts.push(format!("{name} {}", error(topic.error_code)));
                for part in &topic.partitions {
                    parts.push(format!(
                        "{} {} leader={} epoch={} isr={:?} offline={:?}",
                        part.partition_index,
                        error(part.error_code),
                        part.leader_id.0,
                        part.leader_epoch,
                        part.isr_nodes.iter().map(|b| b.0).collect::<Vec<_>>(),
                        part.offline_replicas.iter().map(|b| b.0).collect::<Vec<_>>(),
                    ));
                }
            }
            parts.join("; ")
        }
        ResponseBody::ListOffsets(body) => {
            let part = &body.topics[0].partitions[0];
            format!("{} offset={} epoch={}", error(part.error_code), part.offset, part.leader_epoch)
        }
        ResponseBody::DeleteRecords(body) => {
            let parts = body.topics.iter().flat_map(|topic| &topic.partitions).map(|part| {
                let error = error(part.error_code);
                format!("{} {error} low={}", part.partition_index, part.low_watermark)
            });
            parts.collect::<Vec<_>>().join("; ")
        }
        ResponseBody::CreateTopics(body) => {
            let errors: Vec<_> = body.topics.iter().map(|t| error(t.error_code)).collect();
            format!("CreateTopics {errors:?}")
        }
        ResponseBody::InitProducerId(body) => {
            format!("{} id={}", error(body.error_code), body.producer_id.0)
        }
        other => format!("{other:?}"),
    }
}

/// What a replica did when it was asked to delete records.
fn deleted(command: &Command<'_>) -> Input {
    let result = match command.text("error") {
        Some(name) => Err(code(name)),
        None => Ok(LowWatermark {
            required: Offset(command.number("required", 0)),
            reached: Offset::from_wire(command.number("reached", -1)),
        }),
    };
    Input::RecordsDeleted { connection: from(command), partition: place(command.words[0]), result }
}

fn record(command: &Command<'_>) -> MetadataRecord {
    match command.verb {
        "broker" => MetadataRecord::RegisterBroker {
            broker: BrokerId(command.words[0].parse().unwrap()),
            incarnation: IncarnationId(1),
            broker_epoch: BrokerEpoch(1),
            rack: None,
            directories: Vec::new(),
            fenced: command.has("fenced"),
            in_controlled_shutdown: false,
        },
        "topic" => MetadataRecord::Topic {
            name: Name::from(command.words[0]),
            topic_id: TopicId(u128::try_from(command.number("id", 9)).unwrap()),
        },
        _ => MetadataRecord::Partition {
            partition: place(command.words[0]),
            state: Box::new(PartitionState {
                replicas: command.list("replicas").into_iter().map(BrokerId).collect(),
                in_sync: command.list("isr").into(),
                eligible: Vec::new().into(),
                last_known: Vec::new(),
                leader: command.text("leader").map(|id| BrokerId(id.parse().unwrap())),
                recovering: false,
                leader_epoch: LeaderEpoch(number(command, "epoch", 0)),
                partition_epoch: PartitionEpoch(0),
            }),
        },
    }
}

fn fetch(command: &Command<'_>, last: i32) -> k::FetchRequest {
    let session = match command.text("session") {
        Some("S") => last,
        Some(other) => other.parse().unwrap(),
        None => 0,
    };
    let mut body = k::FetchRequest::default()
        .with_max_wait_ms(number(command, "wait", 500))
        .with_min_bytes(number(command, "min", 1))
        .with_max_bytes(number(command, "max", 1_000_000))
        .with_session_id(session)
        .with_session_epoch(number(command, "epoch", -1));
    body.replica_state.replica_id = k::BrokerId(number(command, "follower", -1));
    for asked in command.text("ask").unwrap_or_default().split(',').filter(|text| !text.is_empty())
    {
        let (partition, offset) = asked.split_once('@').unwrap();
        let partition = place(partition);
        body.topics.push(
            k::fetch_request::FetchTopic::default()
                .with_topic_id(Uuid::from_u128(partition.topic_id.0))
                .with_partitions(vec![
                    k::fetch_request::FetchPartition::default()
                        .with_partition(partition.partition.0)
                        .with_fetch_offset(offset.parse().unwrap())
                        .with_partition_max_bytes(1000),
                ]),
        );
    }
    for partition in places(command.text("forget").unwrap_or_default()) {
        body.forgotten_topics_data.push(
            k::fetch_request::ForgottenTopic::default()
                .with_topic_id(Uuid::from_u128(partition.topic_id.0))
                .with_partitions(vec![partition.partition.0]),
        );
    }
    body
}

fn from_replica(command: &Command<'_>) -> Input {
    let (connection, partition) = (from(command), place(command.words[0]));
    let error = command.text("error").map_or(ErrorCode::None, code);
    let failed = error != ErrorCode::None;
    match command.verb {
        "produced" => {
            let base_offset = Offset(command.number("at", 0));
            let placed = Placed { base_offset, log_start_offset: Offset::ZERO };
            let result = if failed { Err(error) } else { Ok(placed) };
            Input::Produced { connection, partition, result }
        }
        "acknowledged" => Input::Acknowledged { connection, partition, error },
        "read" => {
            let sizes = command.list("batches");
            let sizes = sizes.into_iter().map(|size| u32::try_from(size).unwrap());
            let read = FetchResult {
                error,
                records: sizes.map(|size| Batch::unplaced(batch(0, size))).collect(),
                high_watermark: (!failed).then(|| Offset(command.number("hw", 0))),
                log_start_offset: (!failed).then_some(Offset::ZERO),
                diverging: command.text("diverging").map(|text| {
                    let (epoch, end) = text.split_once('@').unwrap();
                    (LeaderEpoch(epoch.parse().unwrap()), Offset(end.parse().unwrap()))
                }),
            };
            Input::Read { connection, partition, read }
        }
        "listed" => {
            let found = (Some(Offset(command.number("offset", 0))), -1, Some(LeaderEpoch(3)));
            let result = if failed { Err(error) } else { Ok(found) };
            Input::OffsetListed { connection, partition, result }
        }
        _ => {
            let result = if failed { Err(error) } else { Ok(None) };
            Input::EpochEndFound { connection, partition, result }
        }
    }
}

fn batch(id: u64, size_bytes: u32) -> Arc<BatchBody> {
    let record = Record { key: None, value: None, headers: Box::default(), timestamp: 0 };
    Arc::new(BatchBody {
        id: BatchId(id),
        producer: None,
        base_timestamp: 0,
        max_timestamp: 0,
        records: Records::Data(vec![record]),
        size_bytes,
    })
}

fn from(command: &Command<'_>) -> ConnectionId {
    let number = u64::try_from(command.number("from", 0)).unwrap();
    ConnectionId { opener: HostId(0), number }
}

fn number(command: &Command<'_>, name: &str, default: i64) -> i32 {
    i32::try_from(command.number(name, default)).unwrap()
}

fn place(text: &str) -> TopicPartition {
    let (topic, partition) = text.split_once('-').unwrap();
    TopicPartition::new(TopicId(topic.parse().unwrap()), partition.parse().unwrap())
}

fn places(text: &str) -> Vec<TopicPartition> {
    text.split(',').filter(|place| !place.is_empty()).map(place).collect()
}

fn topic_name(name: &str) -> k::TopicName {
    k::TopicName(StrBytes::from_string(name.to_owned()))
}
