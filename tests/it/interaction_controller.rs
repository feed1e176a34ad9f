//! Stories of the controller.
//!
//! The scene plays the quorum as well: what the controller appends is kept, and `commit` commits
//! it. `become-leader` writes the leader change and claims; `resign` loses what is not committed;
//! `failover` goes on with another node's controller, which has followed what was committed.
//! `keep-alive` lets time pass while brokers send heartbeats, and shows what is decided meanwhile.

#![expect(clippy::unwrap_used, reason = "a malformed test file should panic")]

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages as k;
use kafka_protocol::messages::{
    alter_partition_request as alter, create_topics_request as create,
    incremental_alter_configs_request as ask,
};
use kafka_protocol::protocol::StrBytes;

use kafsim::event::{Kind, Value};
use kafsim::message::convert::{directory_uuid, incarnation_uuid, topic_uuid};
use kafsim::message::{
    Batch, BatchBody, MetadataRecord, Records, Request, RequestBody, ResponseBody,
};
use kafsim::protocol::Machine;
use kafsim::protocol::controller::{Config, Controller, Effect, Input};
use kafsim::types::{
    BatchId, BrokerEpoch, BrokerId, BrokerSet, ConnectionId, CorrelationId, Defect, DirectoryId,
    ErrorCode, HostId, IncarnationId, LeaderEpoch, Now, Offset, Rng, TopicId,
};

use crate::interaction::{Command, answer, play};

#[test]
fn controller_stories() {
    play("controller", Scene::run);
}

struct Scene {
    now: Now,
    controller: Controller,
    epoch: LeaderEpoch,
    /// What was appended and is not committed.
    appended: Vec<Batch>,
    committed: Vec<Batch>,
    config: Config,
    end_offset: Offset,
    requests: u32,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            now: Now::default(),
            controller: controller(Config::default()),
            epoch: LeaderEpoch(0),
            appended: Vec::new(),
            committed: Vec::new(),
            config: Config::default(),
            end_offset: Offset::ZERO,
            requests: 0,
        }
    }
}

fn controller(config: Config) -> Controller {
    Controller::new(Arc::new(config), Rng::named(1, "controller", &[]))
}

fn batch(base_offset: Offset, leader_epoch: LeaderEpoch, records: Records) -> Batch {
    let body = BatchBody {
        id: BatchId(base_offset.0.unsigned_abs()),
        producer: None,
        base_timestamp: 0,
        max_timestamp: 0,
        records,
        size_bytes: 61,
    };
    Batch { base_offset, leader_epoch, body: Arc::new(body) }
}

impl Scene {
    fn run(&mut self, command: &Command<'_>) -> String {
        let shown = match command.verb {
            "controller" => {
                self.config = config(command);
                self.controller = controller(self.config.clone());
                Vec::new()
            }
            "failover" => {
                self.appended.clear();
                self.controller = controller(self.config.clone());
                let batches = self.committed.clone();
                let followed = self.step(Input::Committed { batches });
                assert!(followed.is_empty(), "one that is not in charge tells nothing");
                self.end_offset = self.controller.image().end_offset();
                self.become_leader(command)
            }
            "keep-alive" => self.keep_alive(command),
            "become-leader" => self.become_leader(command),
            "resign" => {
                self.appended.clear();
                self.end_offset = self.controller.image().end_offset();
                self.step(Input::Resigned)
            }
            "commit" => self.commit(),
            "advance" => {
                self.now = self.now.after(command.duration());
                self.due(command)
            }
            "partition" => return self.partition(command),
            "broker" => return self.broker(command),
            "settle" => {
                let mut shown = self.commit();
                shown.retain(|line| line.starts_with("answer"));
                shown
            }
            _ => {
                let body = self.request(command);
                self.requests += 1;
                let request = ConnectionId::new(HostId(9), 0, 0, self.requests);
                self.step(Input::Request { request, body })
            }
        };
        answer(shown)
    }

    fn become_leader(&mut self, command: &Command<'_>) -> Vec<String> {
        self.epoch = LeaderEpoch(i32::try_from(command.number("epoch", 1)).unwrap());
        let voters = BrokerSet::of(BrokerId(3001));
        let change = Records::LeaderChange { leader: BrokerId(3001), voters };
        let batches = vec![batch(self.end_offset, self.epoch, change)];
        self.end_offset = self.end_offset + 1;
        self.committed.extend(batches.iter().cloned());
        let mut shown = self.step(Input::Committed { batches });
        let (leader_epoch, end_offset) = (self.epoch, self.end_offset);
        shown.extend(self.step(Input::Claimed { leader_epoch, end_offset }));
        shown
    }

    /// Lets the machine do what is due; NoOpRecords are left out unless the command asks.
    fn due(&mut self, command: &Command<'_>) -> Vec<String> {
        let mut shown = Vec::new();
        while self.controller.deadlines().is_due(self.now) {
            let appended = self.appended.len();
            let did = self.step(Input::DeadlineReached);
            let new = self.appended.get(appended).map(|batch| &batch.body.records);
            let no_op =
                matches!(new, Some(Records::Metadata(r)) if r[..] == [MetadataRecord::NoOp]);
            if !no_op || command.has("with-no-op") {
                shown.extend(did);
            }
        }
        shown
    }

    fn commit(&mut self) -> Vec<String> {
        let batches = std::mem::take(&mut self.appended);
        self.committed.extend(batches.iter().cloned());
        self.step(Input::Committed { batches })
    }

    fn keep_alive(&mut self, command: &Command<'_>) -> Vec<String> {
        let mut shown = Vec::new();
        for _ in 0..command.duration().as_secs() {
            self.now = self.now.after(Duration::from_secs(1));
            shown.extend(self.due(command));
            for broker in command.list("brokers") {
                let body = self.heartbeat(command, broker, self.epoch_of(broker));
                let request = ConnectionId::new(HostId(8), 0, 0, 0);
                shown.extend(self.step(Input::Request { request, body }));
            }
            self.commit();
        }
        shown.retain(|line| !line.starts_with("answer"));
        shown
    }

    fn heartbeat(&self, command: &Command<'_>, broker: i32, epoch: i64) -> RequestBody {
        k::BrokerHeartbeatRequest::default()
            .with_broker_id(k::BrokerId(broker))
            .with_broker_epoch(epoch)
            .with_current_metadata_offset(command.number("applied", i64::MAX))
            .with_want_fence(command.has("want-fence"))
            .with_want_shut_down(command.has("want-shut-down"))
            .into()
    }

    fn step(&mut self, input: Input) -> Vec<String> {
        let mut effects = Vec::new();
        self.controller.step(self.now, input, &mut effects);
        let mut shown = Vec::new();
        for effect in effects {
            match effect {
                Effect::Append { leader_epoch, base_offset, records } => {
                    assert_eq!((leader_epoch, base_offset), (self.epoch, self.end_offset));
                    for (place, record) in (0..).zip(&records) {
                        let at = base_offset + place;
                        shown.extend(show_record(record).map(|text| format!("{at}: {text}")));
                    }
                    let batch = batch(base_offset, leader_epoch, Records::Metadata(records));
                    self.end_offset = batch.end_offset();
                    self.appended.push(batch);
                }
                Effect::Answer { request, body } => {
                    shown.push(format!("answer {} {}", request.number & 0xff, show_body(&body)));
                }
                Effect::Event { kind, .. } => shown.extend(show_event(&kind)),
            }
        }
        shown
    }

    fn topic(&self, command: &Command<'_>) -> TopicId {
        let name = command.text("topic").unwrap_or("orders");
        let image = self.controller.uncommitted_image().unwrap_or(self.controller.image());
        image.topic_by_name(name).map_or(TopicId(99), |topic| topic.topic_id)
    }

    fn epoch_of(&self, broker: i32) -> i64 {
        let image = self.controller.uncommitted_image().unwrap_or(self.controller.image());
        image.broker(BrokerId(broker)).map_or(-1, |registration| registration.broker_epoch.0)
    }

    fn request(&self, command: &Command<'_>) -> RequestBody {
        let broker = i32::try_from(command.number("broker", 1)).unwrap();
        let epoch = command.number("epoch", self.epoch_of(broker));
        match command.verb {
            "register" => {
                let cluster = command.text("cluster").unwrap_or("kafsim").to_owned();
                let incarnation = command.number("start", 1).unsigned_abs();
                k::BrokerRegistrationRequest::default()
                    .with_broker_id(k::BrokerId(broker))
                    .with_cluster_id(StrBytes::from_string(cluster))
                    .with_incarnation_id(incarnation_uuid(IncarnationId(incarnation)))
                    .with_log_dirs(vec![directory_uuid(DirectoryId(u64::from(
                        broker.unsigned_abs(),
                    )))])
                    .with_rack(command.text("rack").map(|r| StrBytes::from_string(r.to_owned())))
                    .with_previous_broker_epoch(command.number("previous", -1))
                    .into()
            }
            "heartbeat" => self.heartbeat(command, broker, epoch),
            "alter" => self.alter(command, broker, epoch),
            "create" => create_topics(command),
            "forwarded-create" => RequestBody::Envelope(Box::new(Request {
                correlation_id: CorrelationId(5),
                body: create_topics(command),
                records: Vec::new(),
            })),
            "delete" => {
                let name = command.text("topic").unwrap_or("orders").to_owned();
                let topic = k::delete_topics_request::DeleteTopicState::default()
                    .with_name(Some(k::TopicName(StrBytes::from_string(name))));
                k::DeleteTopicsRequest::default().with_topics(vec![topic]).into()
            }
            "grow" => create_partitions(command),
            "forwarded-grow" => RequestBody::Envelope(Box::new(Request {
                correlation_id: CorrelationId(5),
                body: create_partitions(command),
                records: Vec::new(),
            })),
            "elect" | "configure" | "unregister" => RequestBody::Envelope(Box::new(Request {
                correlation_id: CorrelationId(5),
                body: administer(command, broker),
                records: Vec::new(),
            })),
            "allocate-producer-ids" => k::AllocateProducerIdsRequest::default()
                .with_broker_id(k::BrokerId(broker))
                .with_broker_epoch(epoch)
                .into(),
            other => panic!("unknown command {other}"),
        }
    }

    /// `alter broker=1 in-sync=1,2`: by default with the epochs that the controller has.
    fn alter(&self, command: &Command<'_>, broker: i32, epoch: i64) -> RequestBody {
        let index = i32::try_from(command.number("partition", 0)).unwrap();
        let topic_id = self.topic(command);
        let image = self.controller.uncommitted_image().unwrap_or(self.controller.image());
        let state = image.partition(kafsim::types::TopicPartition::new(topic_id, index));
        let leader_epoch = state.map_or(0, |state| i64::from(state.leader_epoch.0));
        let partition_epoch = state.map_or(0, |state| i64::from(state.partition_epoch.0));
        let stale = command.list("stale-epoch-of");
        let unknown = command.list("unknown-epoch-of");
        let member = |id: &i32| {
            let epoch = self.epoch_of(*id) - i64::from(stale.contains(id));
            alter::BrokerState::default()
                .with_broker_id(k::BrokerId(*id))
                .with_broker_epoch(if unknown.contains(id) { -1 } else { epoch })
        };
        let number = |name, default| i32::try_from(command.number(name, default)).unwrap();
        let partition = alter::PartitionData::default()
            .with_partition_index(index)
            .with_leader_epoch(number("leader-epoch", leader_epoch))
            .with_partition_epoch(number("partition-epoch", partition_epoch))
            .with_leader_recovery_state(i8::from(command.has("recovering")))
            .with_new_isr_with_epochs(command.list("in-sync").iter().map(member).collect());
        let topic = alter::TopicData::default()
            .with_topic_id(topic_uuid(topic_id))
            .with_partitions(vec![partition]);
        k::AlterPartitionRequest::default()
            .with_broker_id(k::BrokerId(broker))
            .with_broker_epoch(epoch)
            .with_topics(vec![topic])
            .into()
    }

    fn partition(&self, command: &Command<'_>) -> String {
        let index = i32::try_from(command.number("partition", 0)).unwrap();
        let partition = kafsim::types::TopicPartition::new(self.topic(command), index);
        let image = self.controller.uncommitted_image().unwrap_or(self.controller.image());
        let Some(state) = image.partition(partition) else { return "none".to_owned() };
        let leader = state.leader.map_or("none".to_owned(), |leader| leader.to_string());
        format!(
            "replicas={:?} leader={leader} in-sync={} eligible={} last-known={:?} recovering={} \
             leader-epoch={} partition-epoch={}",
            state.replicas.iter().map(|broker| broker.0).collect::<Vec<_>>(),
            state.in_sync,
            state.eligible,
            state.last_known.iter().map(|broker| broker.0).collect::<Vec<_>>(),
            state.recovering,
            state.leader_epoch,
            state.partition_epoch,
        )
    }

    fn broker(&self, command: &Command<'_>) -> String {
        let id = BrokerId(command.words[0].parse().unwrap());
        let image = self.controller.uncommitted_image().unwrap_or(self.controller.image());
        let Some(broker) = image.broker(id) else { return "none".to_owned() };
        let BrokerEpoch(epoch) = broker.broker_epoch;
        format!(
            "epoch={epoch} fenced={} in-controlled-shutdown={}",
            broker.fenced, broker.in_controlled_shutdown
        )
    }
}

fn config(command: &Command<'_>) -> Config {
    let defects = command.text("defect").map(|name| {
        *Defect::ALL.iter().find(|defect| defect.name() == name).expect("a defect's name")
    });
    Config {
        eligible_leader_replicas: !command.has("without-eligible"),
        unclean_leader_election: command.has("unclean"),
        min_insync_replicas: u32::try_from(command.number("min-in-sync", 1)).unwrap(),
        defects: defects.into_iter().collect(),
        ..Config::default()
    }
}

/// `create topic=orders replicas=1,2,3 config=min.insync.replicas:2`: one partition there, or
/// `partitions=6 factor=3`.
fn create_topics(command: &Command<'_>) -> RequestBody {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let replicas: Vec<_> = command.list("replicas").into_iter().map(k::BrokerId).collect();
    let assignment =
        create::CreatableReplicaAssignment::default().with_broker_ids(replicas.clone());
    let configs = command.text("config").into_iter().flat_map(|all| all.split(','));
    let configs = configs.map(|pair| {
        let (key, value) = pair.split_once(':').unwrap();
        create::CreatableTopicConfig::default().with_name(text(key)).with_value(Some(text(value)))
    });
    let topic = create::CreatableTopic::default()
        .with_name(k::TopicName(text(command.text("topic").unwrap_or("orders"))))
        .with_num_partitions(i32::try_from(command.number("partitions", -1)).unwrap())
        .with_replication_factor(i16::try_from(command.number("factor", -1)).unwrap())
        .with_assignments(if replicas.is_empty() { Vec::new() } else { vec![assignment] })
        .with_configs(configs.collect());
    k::CreateTopicsRequest::default().with_topics(vec![topic]).into()
}

/// `grow topic=orders count=6`: with `replicas=1/2,2/3` (or `none`) given, `twice` in one request,
/// or `validate-only`.
fn create_partitions(command: &Command<'_>) -> RequestBody {
    let assignment = |brokers: &str| {
        let brokers = brokers.split('/').filter(|id| !id.is_empty());
        k::create_partitions_request::CreatePartitionsAssignment::default()
            .with_broker_ids(brokers.map(|id| k::BrokerId(id.parse().unwrap())).collect())
    };
    let assignments =
        command.text("replicas").map(|all| all.split(',').map(assignment).collect::<Vec<_>>());
    let name = command.text("topic").unwrap_or("orders").to_owned();
    let topic = k::create_partitions_request::CreatePartitionsTopic::default()
        .with_name(k::TopicName(StrBytes::from_string(name)))
        .with_count(i32::try_from(command.number("count", 0)).unwrap())
        .with_assignments(assignments);
    let times = 1 + usize::from(command.has("twice"));
    k::CreatePartitionsRequest::default()
        .with_topics(vec![topic; times])
        .with_validate_only(command.has("validate-only"))
        .into()
}

/// What an administrator asks for, by way of a broker: `elect partitions=0,1 unclean` (or `all`),
/// `configure orders min.insync.replicas=2` (a topic, a broker's number, or `brokers`; a key alone
/// is taken away), `unregister broker=3`.
fn administer(command: &Command<'_>, broker: i32) -> RequestBody {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    if command.verb == "unregister" {
        return k::UnregisterBrokerRequest::default().with_broker_id(k::BrokerId(broker)).into();
    }
    if command.verb == "elect" {
        let topic = k::elect_leaders_request::TopicPartitions::default()
            .with_topic(k::TopicName(text(command.text("topic").unwrap_or("orders"))))
            .with_partitions(command.list("partitions"));
        return k::ElectLeadersRequest::default()
            .with_election_type(i8::from(command.has("unclean")))
            .with_topic_partitions((!command.has("all")).then(|| vec![topic]))
            .into();
    }
    let (kind, name) = match command.words[0] {
        "brokers" => (4, ""),
        broker if broker.parse::<i32>().is_ok() => (4, broker),
        topic => (2, topic),
    };
    let config = |key: &str, value: Option<&str>| {
        ask::AlterableConfig::default()
            .with_name(text(key))
            .with_config_operation(i8::from(value.is_none()))
            .with_value(value.map(text))
    };
    let set = command.pairs().map(|(key, value)| config(key, Some(value)));
    let unset = command.words[1..].iter().map(|key| config(key, None));
    let resource = ask::AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(set.chain(unset).collect());
    k::IncrementalAlterConfigsRequest::default().with_resources(vec![resource]).into()
}

fn show_record(record: &MetadataRecord) -> Option<String> {
    Some(match record {
        // What becomes of partitions is told by the event.
        MetadataRecord::Partition { .. } | MetadataRecord::PartitionChange { .. } => return None,
        MetadataRecord::RegisterBroker { broker, broker_epoch, fenced, .. } => {
            format!("register broker {broker} epoch {broker_epoch} fenced={fenced}")
        }
        MetadataRecord::BrokerRegistrationChange {
            broker,
            fenced,
            in_controlled_shutdown,
            broker_epoch: _,
        } => match (fenced, in_controlled_shutdown) {
            (Some(true), _) => format!("fence broker {broker}"),
            (Some(false), _) => format!("unfence broker {broker}"),
            (None, _) => format!("broker {broker} begins to shut down"),
        },
        MetadataRecord::UnregisterBroker { broker, .. } => format!("unregister broker {broker}"),
        MetadataRecord::Topic { name, .. } => format!("topic {name}"),
        MetadataRecord::RemoveTopic { .. } => "remove topic".to_owned(),
        MetadataRecord::Config { resource, key, value } => {
            let value = value.as_ref().map_or("none", |value| value.as_str());
            format!("config of {resource}: {key}={value}")
        }
        MetadataRecord::ClearEligible { topic } => {
            let topic = topic.as_ref().map_or("all topics", |topic| topic.as_str());
            format!("nobody is eligible in {topic}")
        }
        MetadataRecord::FeatureLevel { feature, level } => format!("feature {feature}={level}"),
        MetadataRecord::ProducerIds { broker, next_producer_id, .. } => {
            format!("producer ids of broker {broker} up to {next_producer_id}")
        }
        MetadataRecord::NoOp => "no-op".to_owned(),
    })
}

/// Events in the words of the table, topics left out; `metadata-applied` would say nothing new.
fn show_event(kind: &Kind) -> Option<String> {
    if matches!(kind, Kind::MetadataApplied { .. }) {
        return None;
    }
    let fields = kind.values().into_iter().filter_map(|(name, value)| {
        let value = match value {
            Value::Topic(_) | Value::Bool(false) => return None,
            Value::Partition(partition) => partition.partition.to_string(),
            value => show_value(&value),
        };
        Some(format!(" {}={value}", name.replace('_', "-")))
    });
    Some(format!("{}{}", kind.name(), fields.collect::<String>()))
}

fn show_value(value: &Value) -> String {
    match value {
        Value::None => "none".to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Hex(hex) => format!("{hex:x}"),
        Value::Text(text) => text.to_string(),
        Value::Word(word) => (*word).to_owned(),
        Value::List(items) => {
            format!("[{}]", items.iter().map(show_value).collect::<Vec<_>>().join(","))
        }
        Value::Partition(_) | Value::Topic(_) | Value::Host(_) => format!("{value:?}"),
    }
}

fn show_body(body: &ResponseBody) -> String {
    let error = |code: i16| ErrorCode::from_code(code).name();
    match body {
        ResponseBody::BrokerRegistration(body) => {
            format!("{} epoch={}", error(body.error_code), body.broker_epoch)
        }
        ResponseBody::BrokerHeartbeat(body) => format!(
            "{} caught-up={} fenced={} shut-down={}",
            error(body.error_code),
            body.is_caught_up,
            body.is_fenced,
            body.should_shut_down
        ),
        ResponseBody::AlterPartition(body) => {
            let partitions = body.topics.iter().flat_map(|topic| &topic.partitions);
            let partitions = partitions.map(|p| {
                if p.error_code != 0 {
                    return format!(" {}", error(p.error_code));
                }
                let in_sync: BrokerSet = p.isr.iter().map(|b| BrokerId(b.0)).collect();
                format!(
                    " leader={} leader-epoch={} partition-epoch={} in-sync={in_sync}",
                    p.leader_id.0, p.leader_epoch, p.partition_epoch
                )
            });
            format!("{}{}", error(body.error_code), partitions.collect::<String>())
        }
        ResponseBody::CreateTopics(body) => {
            let topics = body.topics.iter().map(|topic| {
                let why = topic.error_message.as_ref().map(|text| format!(": {}", &**text));
                format!("{}{}", error(topic.error_code), why.unwrap_or_default())
            });
            topics.collect::<Vec<_>>().join(", ")
        }
        ResponseBody::ElectLeaders(body) => {
            let topics = body.replica_election_results.iter().flat_map(|topic| {
                topic.partition_result.iter().map(|p| (p.partition_id, error(p.error_code)))
            });
            let partitions = topics.map(|(partition, error)| format!(" {partition}:{error}"));
            format!("{}{}", error(body.error_code), partitions.collect::<String>())
        }
        ResponseBody::IncrementalAlterConfigs(body) => {
            let resources = body.responses.iter().map(|resource| {
                let why = resource.error_message.as_ref().map(|text| format!(": {}", &**text));
                format!("{}{}", error(resource.error_code), why.unwrap_or_default())
            });
            resources.collect::<Vec<_>>().join(", ")
        }
        ResponseBody::UnregisterBroker(body) => error(body.error_code).to_owned(),
        ResponseBody::DeleteTopics(body) => {
            body.responses.iter().map(|r| error(r.error_code)).collect::<Vec<_>>().join(", ")
        }
        ResponseBody::CreatePartitions(body) => {
            let topics = body.results.iter().map(|topic| {
                let why = topic.error_message.as_ref().map(|text| format!(": {}", &**text));
                format!("{}{}", error(topic.error_code), why.unwrap_or_default())
            });
            topics.collect::<Vec<_>>().join(", ")
        }
        ResponseBody::AllocateProducerIds(body) => format!(
            "{} start={} len={}",
            error(body.error_code),
            body.producer_id_start.0,
            body.producer_id_len
        ),
        ResponseBody::Envelope(Ok(response)) => format!("enveloped {}", show_body(&response.body)),
        ResponseBody::Envelope(Err(error)) => format!("envelope refused: {}", error.name()),
        other => panic!("not the controller's: {other:?}"),
    }
}
