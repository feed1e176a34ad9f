//! The sender of AlterPartition.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages as k;
use kafka_protocol::messages::alter_partition_request as ask;
use kafka_protocol::messages::alter_partition_response as answer;
use uuid::Uuid;

use crate::message::{InSyncProposal, InSyncRecorded, ResponseBody};
use crate::protocol::alter_partition::effect::Effect;
use crate::protocol::alter_partition::input::Input;
use crate::protocol::machine::Machine;
use crate::types::{
    BrokerEpoch, BrokerId, Deadlines, Deed, Defect, DefectSet, ErrorCode, LeaderEpoch, Monotonic,
    Now, PartitionEpoch, TopicId, TopicPartition,
};

/// What the sender of AlterPartition must know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlterPartitionConfig {
    /// This broker.
    pub broker: BrokerId,
    /// How long to wait after a refusal before asking again. 50 ms in Kafka, not configurable.
    pub retry_backoff: Duration,
    /// The defects that are on.
    pub defects: DefectSet,
}

/// The sender of AlterPartition of one broker process.
#[derive(Clone, Debug)]
pub struct AlterPartition {
    config: AlterPartitionConfig,
    broker_epoch: Option<BrokerEpoch>,
    controller: Option<BrokerId>,
    /// The wishes not answered yet, whether they are in the request or not.
    pending: BTreeMap<TopicPartition, InSyncProposal>,
    request: Option<Formed>,
    /// When to form or send a request again.
    retry_at: Option<Monotonic>,
    next_token: u64,
}

/// The request under way.
#[derive(Clone, Debug)]
struct Formed {
    body: k::AlterPartitionRequest,
    partitions: Vec<TopicPartition>,
    /// Names it on the wire; `None` while it waits to be sent (again).
    token: Option<u64>,
}

impl AlterPartitionConfig {
    /// Kafka's constants for `broker`.
    pub fn new(broker: BrokerId) -> Self {
        Self { broker, retry_backoff: Duration::from_millis(50), defects: DefectSet::NONE }
    }
}

impl Machine for AlterPartition {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Propose { partition, proposal } => {
                self.on_propose(now, partition, proposal, effects);
            }
            Input::Response { token, body } => self.on_response(now, token, &body, effects),
            Input::SendFailed { token } => self.on_send_failed(now, token),
            Input::ControllerChanged { controller } => {
                self.controller = controller;
                self.send(now, effects);
            }
            Input::Registered { broker_epoch } => self.broker_epoch = Some(broker_epoch),
            Input::Deadline => {
                if self.retry_at.is_some_and(|at| at <= now.monotonic) {
                    self.retry_at = None;
                    self.send(now, effects);
                }
            }
        }
        let in_request = self.request.iter().flat_map(|request| &request.partitions);
        assert!(
            in_request.clone().all(|partition| self.pending.contains_key(partition)),
            "{:?} are asked for and not pending",
            in_request.collect::<Vec<_>>()
        );
    }

    fn deadlines(&self) -> Deadlines {
        Deadlines::monotonic(self.retry_at)
    }
}

impl AlterPartition {
    /// The sender of a broker that has just started.
    pub fn new(config: AlterPartitionConfig) -> Self {
        Self {
            config,
            broker_epoch: None,
            controller: None,
            pending: BTreeMap::new(),
            request: None,
            retry_at: None,
            next_token: 0,
        }
    }

    fn on_propose(
        &mut self,
        now: Now,
        partition: TopicPartition,
        proposal: InSyncProposal,
        effects: &mut Vec<Effect>,
    ) {
        if self.pending.contains_key(&partition) {
            // An older wish, overtaken by metadata, is still under way. This one never was.
            let result = Err(ErrorCode::OperationNotAttempted);
            effects.push(Effect::Answered { partition, proposal, result });
            return;
        }
        self.pending.insert(partition, proposal);
        if self.request.is_none() {
            self.retry_at = None;
        }
        self.send(now, effects);
    }

    fn on_response(
        &mut self,
        now: Now,
        token: u64,
        body: &ResponseBody,
        effects: &mut Vec<Effect>,
    ) {
        let Some(request) = self.request.take_if(|request| request.token == Some(token)) else {
            return;
        };
        let ResponseBody::AlterPartition(body) = body else {
            panic!("AlterPartition is answered with {body:?}");
        };
        let partitions = || {
            body.topics.iter().flat_map(|topic| {
                let topic_id = TopicId(topic.topic_id.as_u128());
                let of = move |index| TopicPartition::new(topic_id, index);
                topic.partitions.iter().map(move |answer| (of(answer.partition_index), answer))
            })
        };
        let mut codes = partitions().map(|(_, answer)| answer.error_code).chain([body.error_code]);
        if codes.any(|code| code == ErrorCode::NotController.code()) {
            // Also when only a partition says so: then the controller is one of the past
            // (KAFKA-14154). Kafka asks again as soon as it knows a controller.
            // Differs from Kafka: not sooner than after the back-off.
            if self.config.defects.has(Defect::RetriableErrorNotRetried) {
                // Still under way, for all that this sender will ever know.
                for partition in &request.partitions {
                    Deed::note(Defect::RetriableErrorNotRetried, *partition);
                }
                self.request = Some(request);
                return;
            }
            self.request = Some(Formed { token: None, ..request });
            self.retry_at = Some(now.monotonic + self.config.retry_backoff);
            return;
        }
        if body.error_code != ErrorCode::None.code() {
            self.retry_at = Some(now.monotonic + self.config.retry_backoff);
            return;
        }
        let answers: BTreeMap<_, _> = partitions().collect();
        for partition in request.partitions {
            // One that the answer left out stays pending and is asked for again.
            let Some(answer) = answers.get(&partition) else { continue };
            let proposal = self.pending.remove(&partition).expect("what was asked is pending");
            effects.push(Effect::Answered { partition, proposal, result: read(answer) });
        }
        self.send(now, effects);
    }

    fn on_send_failed(&mut self, now: Now, token: u64) {
        if let Some(request) = self.request.as_mut().filter(|formed| formed.token == Some(token)) {
            request.token = None;
            self.retry_at = Some(now.monotonic + self.config.retry_backoff);
        }
    }

    /// Forms a request of all that is pending, if none is formed, and sends it, if it waits.
    fn send(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.pending.is_empty() || self.retry_at.is_some_and(|at| at > now.monotonic) {
            return;
        }
        let Some(to) = self.controller else { return };
        if self.request.is_none() {
            self.request = Some(self.form());
        }
        let request = self.request.as_mut().expect("it was formed above");
        if request.token.is_none() {
            let token = self.next_token;
            self.next_token += 1;
            request.token = Some(token);
            effects.push(Effect::Send { to, token, body: request.body.clone().into() });
        }
    }

    fn form(&self) -> Formed {
        let mut topics: Vec<ask::TopicData> = Vec::new();
        for (partition, proposal) in &self.pending {
            let topic_id = Uuid::from_u128(partition.topic_id.0);
            if topics.last().is_none_or(|topic| topic.topic_id != topic_id) {
                topics.push(ask::TopicData::default().with_topic_id(topic_id));
            }
            let topic = topics.last_mut().expect("one was pushed above");
            topic.partitions.push(self.write(*partition, proposal));
        }
        let body = k::AlterPartitionRequest::default()
            .with_broker_id(k::BrokerId(self.config.broker.0))
            .with_broker_epoch(BrokerEpoch::to_wire(self.broker_epoch))
            .with_topics(topics);
        Formed { body, partitions: self.pending.keys().copied().collect(), token: None }
    }

    fn write(&self, partition: TopicPartition, proposal: &InSyncProposal) -> ask::PartitionData {
        let member = |&(broker, epoch): &(BrokerId, Option<BrokerEpoch>)| {
            let epoch = if broker == self.config.broker { self.broker_epoch } else { epoch };
            ask::BrokerState::default()
                .with_broker_id(k::BrokerId(broker.0))
                .with_broker_epoch(BrokerEpoch::to_wire(epoch))
        };
        ask::PartitionData::default()
            .with_partition_index(partition.partition.0)
            .with_leader_epoch(proposal.leader_epoch.0)
            .with_new_isr_with_epochs(proposal.in_sync.iter().map(member).collect())
            .with_leader_recovery_state(i8::from(proposal.recovering))
            .with_partition_epoch(proposal.partition_epoch.0)
    }
}

/// What the controller says about one partition.
fn read(answer: &answer::PartitionData) -> Result<InSyncRecorded, ErrorCode> {
    let error = ErrorCode::from_code(answer.error_code);
    if error != ErrorCode::None {
        return Err(error);
    }
    if !(0..=1).contains(&answer.leader_recovery_state) {
        return Err(ErrorCode::UnknownServerError);
    }
    Ok(InSyncRecorded {
        leader: (answer.leader_id.0 >= 0).then_some(BrokerId(answer.leader_id.0)),
        leader_epoch: LeaderEpoch(answer.leader_epoch),
        partition_epoch: PartitionEpoch(answer.partition_epoch),
        in_sync: answer.isr.iter().map(|broker| BrokerId(broker.0)).collect(),
        recovering: answer.leader_recovery_state == 1,
    })
}
