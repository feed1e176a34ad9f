//! Stories of the group coordinator. The scene is one broker that leads the one partition of
//! `__consumer_offsets`; its log takes what is appended, and the high watermark follows at once
//! unless the story holds it (`hold`).

#![expect(clippy::unwrap_used, reason = "a malformed test file should panic")]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages as k;
use kafka_protocol::protocol::StrBytes;

use kafsim::event::{Kind, Value};
use kafsim::message::{
    Batch, MetadataRecord, PartitionState, Request, RequestBody, Response, ResponseBody,
    encode_request, encode_response,
};
use kafsim::protocol::Machine;
use kafsim::protocol::group::{
    Effect, GroupConfig, GroupCoordinator, Input, Migration, OFFSETS_TOPIC, Read,
};
use kafsim::protocol::image::{Delta, MetadataImage};
use kafsim::types::{
    BrokerEpoch, BrokerId, ConnectionId, CorrelationId, Defect, DefectSet, ErrorCode, HostId,
    IncarnationId, LeaderEpoch, Name, Now, Offset, PartitionEpoch, Rng, TopicId, TopicPartition,
};

use crate::interaction::{Command, answer, play};
use crate::interaction_group_show::{show_event, show_response};
use crate::interaction_lifecycle::code;

#[test]
fn group_stories() {
    play("group", Scene::run);
}

const HOME: TopicPartition =
    TopicPartition { topic_id: TopicId(50), partition: kafsim::types::PartitionIndex(0) };

/// A coordinator, the log that it writes to, and the clients that talk to it.
pub(crate) struct Scene {
    now: Now,
    coordinator: GroupCoordinator,
    image: MetadataImage,
    log: Vec<Batch>,
    leader_epoch: LeaderEpoch,
    high_watermark: Offset,
    /// Whether the high watermark stays where it is.
    holds: bool,
    /// What appends are told, if they fail.
    failure: Option<ErrorCode>,
    /// Connections by the names that stories give to whoever asks.
    asking: BTreeMap<ConnectionId, String>,
    connections: u64,
    pub(crate) names: BTreeMap<String, String>,
    shows_events: bool,
}

impl Default for Scene {
    fn default() -> Self {
        let mut scene = Self {
            now: Now::default(),
            coordinator: coordinator(DefectSet::NONE, 1),
            image: MetadataImage::new(),
            log: Vec::new(),
            leader_epoch: LeaderEpoch(0),
            high_watermark: Offset::ZERO,
            holds: false,
            failure: None,
            asking: BTreeMap::new(),
            connections: 0,
            names: BTreeMap::new(),
            shows_events: true,
        };
        scene.add(MetadataRecord::RegisterBroker {
            broker: BrokerId(1),
            incarnation: IncarnationId(1),
            broker_epoch: BrokerEpoch(1),
            rack: None,
            directories: Vec::new(),
            fenced: false,
            in_controlled_shutdown: false,
        });
        scene
    }
}

fn config() -> GroupConfig {
    let client_ids = Arc::new([(HostId(9), "client".into())].into());
    GroupConfig { offsets_partitions: 1, client_ids, ..GroupConfig::default() }
}

fn coordinator(defects: DefectSet, salt: u64) -> GroupCoordinator {
    coordinator_of(GroupConfig { defects, ..config() }, salt)
}

fn coordinator_of(config: GroupConfig, salt: u64) -> GroupCoordinator {
    GroupCoordinator::new(Arc::new(config), Rng::named(1, "group", &[salt]), salt)
}

impl Scene {
    pub(crate) fn run(&mut self, command: &Command<'_>) -> String {
        let mut shown = Vec::new();
        match command.verb {
            "defect" => {
                let named = |d: &&Defect| d.name() == command.words[0];
                let defect = *Defect::ALL.iter().find(named).unwrap();
                self.coordinator = coordinator([defect].into_iter().collect(), 1);
                self.publish(&mut shown);
            }
            "migration" => {
                let word = command.words[0];
                let migration =
                    Migration { upgrades: word == "upgrade", downgrades: word == "downgrade" };
                self.coordinator = coordinator_of(GroupConfig { migration, ..config() }, 1);
                self.publish(&mut shown);
            }
            "quiet" => self.shows_events = false,
            "loud" => self.shows_events = true,
            "topic" => {
                let partitions = command.number("partitions", 1);
                let id = self.image.topics().count() as u128 + 1;
                self.create(command.words[0], TopicId(id), partitions);
                self.publish(&mut shown);
            }
            "delete-topic" => {
                let topic_id = self.image.topic_by_name(command.words[0]).unwrap().topic_id;
                self.add(MetadataRecord::RemoveTopic { topic_id });
                self.publish(&mut shown);
            }
            "leads" => {
                if self.image.topic_by_name(OFFSETS_TOPIC).is_none() {
                    self.create(OFFSETS_TOPIC, HOME.topic_id, 1);
                    self.publish(&mut shown);
                }
                self.leader_epoch = LeaderEpoch(i32::try_from(command.number("epoch", 0)).unwrap());
                let leader_epoch = self.leader_epoch;
                self.give(Input::Elected { partition: HOME, leader_epoch }, &mut shown);
            }
            "resigns" => self.give(Input::Resigned { partition: HOME }, &mut shown),
            "restarts" => {
                let size_max = command.number("max-size", i64::from(i32::MAX));
                let size_max = usize::try_from(size_max).unwrap();
                let config = GroupConfig { size_max, ..config() };
                self.coordinator = coordinator_of(config, 2 + self.connections);
                self.asking.clear();
                self.publish(&mut shown);
            }
            "cut" => {
                // What a deposed leader loses.
                let end = Offset(command.number("to", 0));
                self.log.retain(|batch| batch.end_offset() <= end);
                self.high_watermark = self.high_watermark.min(end);
            }
            "hold" => self.holds = true,
            "release" => {
                self.holds = false;
                self.advance_high_watermark(&mut shown);
            }
            "foreign-high-watermark" => {
                let offset = Offset(command.number("to", 0));
                let input =
                    Input::HighWatermarkMoved { partition: HOME, offset, leader_epoch: None };
                self.give(input, &mut shown);
            }
            "appends-fail" => self.failure = Some(code(command.words[0])),
            "appends-succeed" => self.failure = None,
            "advance" => self.advance(command, &mut shown),
            "created" => {
                let token = u64::try_from(command.number("token", 0)).unwrap();
                self.give(Input::ControllerAnswered { token, body: None }, &mut shown);
            }
            "hangs-up" => {
                let asking = self.asking.iter().find(|(_, who)| *who == command.words[0]);
                let connection = *asking.unwrap().0;
                self.asking.remove(&connection);
                self.give(Input::Disconnected { connection }, &mut shown);
            }
            _ => self.ask(command, &mut shown),
        }
        answer(shown)
    }

    fn add(&mut self, record: MetadataRecord) {
        let offset = self.image.end_offset();
        self.image.apply_noting(offset, LeaderEpoch(1), &record, &mut Delta::default());
    }

    fn create(&mut self, name: &str, topic_id: TopicId, partitions: i64) {
        self.add(MetadataRecord::Topic { name: name.into(), topic_id });
        for index in 0..i32::try_from(partitions).unwrap() {
            let state = Box::new(PartitionState {
                replicas: vec![BrokerId(1)],
                in_sync: [BrokerId(1)].into_iter().collect(),
                eligible: std::iter::empty().collect(),
                last_known: Vec::new(),
                leader: Some(BrokerId(1)),
                recovering: false,
                leader_epoch: LeaderEpoch(0),
                partition_epoch: PartitionEpoch(0),
            });
            let partition = TopicPartition::new(topic_id, index);
            self.add(MetadataRecord::Partition { partition, state });
        }
    }

    fn publish(&mut self, shown: &mut Vec<String>) {
        let image = Box::new(self.image.clone());
        self.give(Input::ImagePublished { image }, shown);
    }

    /// Lets time pass, timer by timer.
    fn advance(&mut self, command: &Command<'_>, shown: &mut Vec<String>) {
        let end = self.now.after(command.duration());
        // A tenth of a second is finer than any timer of a story.
        let tick = std::time::Duration::from_millis(100);
        loop {
            let next = self.now.after(tick);
            self.now = if next.monotonic > end.monotonic { end } else { next };
            while self.coordinator.deadlines().is_due(self.now) {
                self.give(Input::Deadline, shown);
            }
            if self.now.monotonic >= end.monotonic {
                return;
            }
        }
    }

    fn give(&mut self, input: Input, shown: &mut Vec<String>) {
        let mut effects = Vec::new();
        self.coordinator.step(self.now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Answer { connection, response } => {
                    check_wire(&response);
                    let who = self.asking.remove(&connection).unwrap();
                    self.remember(&who, &response.body);
                    let text = show_response(self, &response.body);
                    shown.push(format!("to {who}: {text}"));
                }
                Effect::Append { partition, body } => {
                    let base = self.log.last().map_or(Offset::ZERO, Batch::end_offset);
                    let result = self.failure.map_or(Ok(base), Err);
                    if result.is_ok() {
                        let batch = Batch::unplaced(body).placed(base, self.leader_epoch);
                        shown.push(format!(
                            "append {} records at {base}",
                            batch.body.record_count()
                        ));
                        self.log.push(batch);
                    }
                    self.give(Input::Appended { partition, result }, shown);
                    self.advance_high_watermark(shown);
                }
                Effect::Load { partition, leader_epoch, from, .. } => {
                    let from = from.unwrap_or(Offset::ZERO);
                    let batches = self.log.iter().filter(|batch| batch.base_offset >= from);
                    let read = Some(Read {
                        // One at a time: loading goes on from where it was.
                        batches: batches.take(1).cloned().collect(),
                        end: self.log.last().map_or(Offset::ZERO, Batch::end_offset),
                        high_watermark: self.high_watermark,
                    });
                    if !self.holds || !self.log.is_empty() {
                        self.give(Input::Read { partition, leader_epoch, read }, shown);
                    }
                }
                Effect::ToController { token, body } => {
                    shown.push(format!("to controller, call {token}: {}", topic_of(&body)));
                }
                Effect::Event { kind, .. } => {
                    if self.shows_events {
                        shown.extend(show_event(self, &kind));
                    }
                }
            }
        }
    }

    fn advance_high_watermark(&mut self, shown: &mut Vec<String>) {
        let end = self.log.last().map_or(Offset::ZERO, Batch::end_offset);
        if self.holds || end <= self.high_watermark {
            return;
        }
        self.high_watermark = end;
        let (offset, leader_epoch) = (end, Some(self.leader_epoch));
        self.give(Input::HighWatermarkMoved { partition: HOME, offset, leader_epoch }, shown);
    }

    /// A request of the client whose name is the command's first word.
    fn ask(&mut self, command: &Command<'_>, shown: &mut Vec<String>) {
        let who = command.words[0];
        let body = self.request(command);
        self.connections += 1;
        let connection = ConnectionId { opener: HostId(9), number: self.connections };
        self.asking.insert(connection, who.to_owned());
        let correlation_id = CorrelationId(1);
        let request = Request { correlation_id, body, records: Vec::new() };
        encode_request(&request).unwrap();
        self.give(Input::Request { connection, request }, shown);
    }

    fn request(&self, command: &Command<'_>) -> RequestBody {
        let who = command.words[0];
        let group = k::GroupId(text(command.text("group").unwrap_or("g")));
        let id = command.text("id").map(str::to_owned);
        let id = id.or_else(|| self.names.get(who).cloned()).unwrap_or_default();
        let id = text(if id == "none" { "" } else { &id });
        let instance = command.text("instance").map(text);
        let number = |name: &str, default| i32::try_from(command.number(name, default)).unwrap();
        let generation = number("generation", 1);
        match command.verb {
            "find" => {
                k::FindCoordinatorRequest::default().with_coordinator_keys(vec![group.0]).into()
            }
            "join" => {
                let names = command.text("protocols").unwrap_or("range").split(',');
                let topics = command.text("topics").unwrap_or("t");
                let protocols = names.map(|name| {
                    k::join_group_request::JoinGroupRequestProtocol::default()
                        .with_name(text(name))
                        .with_metadata(subscription(topics, command.text("owns")))
                });
                k::JoinGroupRequest::default()
                    .with_group_id(group)
                    .with_session_timeout_ms(number("session", 10_000))
                    .with_rebalance_timeout_ms(number("rebalance", 60_000))
                    .with_member_id(id)
                    .with_group_instance_id(instance)
                    .with_protocol_type(text(command.text("type").unwrap_or("consumer")))
                    .with_protocols(protocols.collect())
                    .into()
            }
            "sync" => {
                let assigned = command.pairs().filter(|(name, _)| self.names.contains_key(*name));
                let assignments = assigned.map(|(name, partitions)| {
                    k::sync_group_request::SyncGroupRequestAssignment::default()
                        .with_member_id(text(&self.names[name]))
                        .with_assignment(assignment(partitions))
                });
                k::SyncGroupRequest::default()
                    .with_group_id(group)
                    .with_generation_id(generation)
                    .with_member_id(id)
                    .with_group_instance_id(instance)
                    .with_assignments(assignments.collect())
                    .into()
            }
            "heartbeat" => k::HeartbeatRequest::default()
                .with_group_id(group)
                .with_generation_id(generation)
                .with_member_id(id)
                .with_group_instance_id(instance)
                .into(),
            "leave" => {
                let member = k::leave_group_request::MemberIdentity::default()
                    .with_member_id(id)
                    .with_group_instance_id(instance);
                k::LeaveGroupRequest::default()
                    .with_group_id(group)
                    .with_members(vec![member])
                    .into()
            }
            "commit" => {
                use k::offset_commit_request as q;
                let partition = q::OffsetCommitRequestPartition::default()
                    .with_partition_index(number("partition", 0))
                    .with_committed_offset(command.number("offset", 0))
                    .with_committed_leader_epoch(number("leader-epoch", -1))
                    .with_committed_metadata(command.text("metadata").map(text));
                let topic = q::OffsetCommitRequestTopic::default()
                    .with_name(k::TopicName(text(command.text("topic").unwrap_or("t"))))
                    .with_partitions(vec![partition]);
                k::OffsetCommitRequest::default()
                    .with_group_id(group)
                    .with_generation_id_or_member_epoch(generation)
                    .with_member_id(id)
                    .with_group_instance_id(instance)
                    .with_topics(vec![topic])
                    .into()
            }
            "fetch-offsets" => {
                use k::offset_fetch_request as q;
                let topics = command.text("topic").map(|topic| {
                    let name = k::TopicName(text(topic));
                    let indexes = command.list("partitions");
                    vec![
                        q::OffsetFetchRequestTopics::default()
                            .with_name(name)
                            .with_partition_indexes(indexes),
                    ]
                });
                let group = q::OffsetFetchRequestGroup::default()
                    .with_group_id(group)
                    .with_member_id(Some(id).filter(|id| !id.is_empty()))
                    .with_member_epoch(number("epoch", -1))
                    .with_topics(topics);
                k::OffsetFetchRequest::default().with_groups(vec![group]).into()
            }
            "consume" => self.consumer_heartbeat(command, group, &id, instance),
            "list" => k::ListGroupsRequest::default().into(),
            "describe" if command.has("classic") => {
                k::DescribeGroupsRequest::default().with_groups(vec![group]).into()
            }
            "describe" => {
                k::ConsumerGroupDescribeRequest::default().with_group_ids(vec![group]).into()
            }
            "delete-group" => {
                k::DeleteGroupsRequest::default().with_groups_names(vec![group]).into()
            }
            "delete-offset" => {
                use k::offset_delete_request as q;
                let partition = q::OffsetDeleteRequestPartition::default()
                    .with_partition_index(number("partition", 0));
                let topic = q::OffsetDeleteRequestTopic::default()
                    .with_name(k::TopicName(text(command.text("topic").unwrap_or("t"))))
                    .with_partitions(vec![partition]);
                k::OffsetDeleteRequest::default()
                    .with_group_id(group)
                    .with_topics(vec![topic])
                    .into()
            }
            other => panic!("unknown command {other}"),
        }
    }

    fn consumer_heartbeat(
        &self,
        command: &Command<'_>,
        group: k::GroupId,
        id: &StrBytes,
        instance: Option<StrBytes>,
    ) -> RequestBody {
        let who = command.words[0];
        let id = if id.is_empty() { text(who) } else { id.clone() };
        let epoch = i32::try_from(command.number("epoch", 0)).unwrap();
        let owned = command.text("owns").map(|owned| {
            let pieces = owned.split(';').filter(|piece| !piece.is_empty() && *piece != "none");
            let topics = pieces.map(|piece| {
                let (topic, indices) = piece.split_once(':').unwrap();
                let topic = self.image.topic_by_name(topic).unwrap();
                let indices = indices.split(',').map(|index| index.parse().unwrap());
                k::consumer_group_heartbeat_request::TopicPartitions::default()
                    .with_topic_id(uuid::Uuid::from_u128(topic.topic_id.0))
                    .with_partitions(indices.collect())
            });
            topics.collect::<Vec<_>>()
        });
        let joins = epoch == 0;
        let topics = command.text("topics").or(joins.then_some("t")).map(|topics| {
            topics.split(',').map(|topic| k::TopicName(text(topic))).collect::<Vec<_>>()
        });
        let pattern = command.text("pattern").map(text);
        let rebalance = i32::try_from(command.number("rebalance", if joins { 60_000 } else { -1 }));
        k::ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group)
            .with_member_id(id)
            .with_member_epoch(epoch)
            .with_instance_id(instance)
            .with_rebalance_timeout_ms(rebalance.unwrap())
            .with_subscribed_topic_names(topics.filter(|_| pattern.is_none() || !joins))
            .with_subscribed_topic_regex(pattern)
            .with_server_assignor(command.text("assignor").map(text))
            .with_topic_partitions(owned.or(joins.then(Vec::new)))
            .into()
    }

    /// Member ids are drawn: stories call them by who was given them.
    fn remember(&mut self, who: &str, body: &ResponseBody) {
        let id = match body {
            ResponseBody::JoinGroup(body) => body.member_id.to_string(),
            _ => return,
        };
        if !id.is_empty() {
            self.names.insert(who.to_owned(), id);
        }
    }

    /// Whom an id belongs to.
    pub(crate) fn who(&self, id: &str) -> String {
        let known = self.names.iter().find(|(_, known)| *known == id);
        known.map_or_else(|| id.to_owned(), |(who, _)| who.clone())
    }

    /// A partition by its topic's name.
    pub(crate) fn partition(&self, partition: TopicPartition) -> String {
        let topic = self.image.topic(partition.topic_id);
        let name = topic.map_or_else(|| Name::from("?"), |topic| topic.name.clone());
        format!("{name}-{}", partition.partition)
    }

    pub(crate) fn value(&self, value: &Value) -> String {
        match value {
            Value::Partition(partition) => self.partition(*partition),
            Value::Text(text) => self.who(text.as_str()),
            Value::List(list) => {
                let items: Vec<_> = list.iter().map(|item| self.value(item)).collect();
                format!("[{}]", items.join(" "))
            }
            Value::None => "none".to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Word(word) => (*word).to_owned(),
            other => format!("{other:?}"),
        }
    }
}

fn check_wire(response: &Response) {
    encode_response(response).unwrap();
}

fn topic_of(body: &RequestBody) -> String {
    let RequestBody::Envelope(inner) = body else { panic!("not forwarded: {body:?}") };
    let RequestBody::CreateTopics(body) = &inner.body else { panic!("{inner:?}") };
    let topic = &body.topics[0];
    format!(
        "create {} partitions={} replicas={}",
        topic.name.0.as_str(),
        topic.num_partitions,
        topic.replication_factor
    )
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A consumer's subscription to topics, version 0; with what it owns (`t:0,1`), version 1.
fn subscription(topics: &str, owns: Option<&str>) -> Bytes {
    let topics: Vec<_> = topics.split(',').collect();
    let mut out = BytesMut::new();
    out.put_i16(i16::from(owns.is_some()));
    out.put_i32(i32::try_from(topics.len()).unwrap());
    for topic in topics {
        out.put_i16(i16::try_from(topic.len()).unwrap());
        out.put_slice(topic.as_bytes());
    }
    out.put_i32(-1);
    let owned: Vec<_> = owns.into_iter().filter(|owns| *owns != "none").collect();
    if owns.is_some() {
        out.put_i32(i32::try_from(owned.len()).unwrap());
    }
    for topic in owned {
        let (topic, numbers) = topic.split_once(':').unwrap();
        out.put_i16(i16::try_from(topic.len()).unwrap());
        out.put_slice(topic.as_bytes());
        let numbers: Vec<i32> = numbers.split(',').map(|number| number.parse().unwrap()).collect();
        out.put_i32(i32::try_from(numbers.len()).unwrap());
        numbers.iter().for_each(|number| out.put_i32(*number));
    }
    out.freeze()
}

/// A consumer's assignment, version 0, of `topic:0,1;other:2`.
fn assignment(partitions: &str) -> Bytes {
    let topics: Vec<_> = partitions.split(';').filter(|piece| *piece != "none").collect();
    let mut out = BytesMut::new();
    out.put_i16(0);
    out.put_i32(i32::try_from(topics.len()).unwrap());
    for piece in topics {
        let (topic, indices) = piece.split_once(':').unwrap();
        out.put_i16(i16::try_from(topic.len()).unwrap());
        out.put_slice(topic.as_bytes());
        let indices: Vec<i32> = indices.split(',').map(|index| index.parse().unwrap()).collect();
        out.put_i32(i32::try_from(indices.len()).unwrap());
        indices.iter().for_each(|index| out.put_i32(*index));
    }
    out.put_i32(-1);
    out.freeze()
}

/// Events that say nothing that the effects do not.
pub(crate) fn is_plain(kind: &Kind) -> bool {
    matches!(kind, Kind::CoordinatorLoading { .. })
}
