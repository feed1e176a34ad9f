//! Produce across partitions: append everywhere, then wait for the slowest.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages as k;
use kafka_protocol::messages::produce_response as kr;

use crate::event::{About, AckMode, Kind};
use crate::message::{Batch, Response, ResponseBody};
use crate::protocol::request::effect::{Ask, Effect};
use crate::protocol::request::input::Placed;
use crate::protocol::request::layer::{RequestLayer, Serving, Work};
use crate::protocol::request::wire;
use crate::types::{
    BatchId, ConnectionId, CorrelationId, ErrorCode, LeaderEpoch, Now, Offset, TopicPartition,
};

/// A produce request that is not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct ProduceWork {
    acks: Option<AckMode>,
    timeout: Duration,
    /// The topics as they were named, and how many partitions of each follow in `parts`.
    topics: Vec<(uuid::Uuid, usize)>,
    parts: Vec<Part>,
}

/// One partition of it.
#[derive(Clone, Debug)]
struct Part {
    partition: Option<TopicPartition>,
    index: i32,
    batch: Option<BatchId>,
    placed: Option<Placed>,
    state: PartState,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PartState {
    /// The replica has not said yet what it did.
    Asked,
    /// Appended; the in-sync set does not hold it yet.
    Waiting,
    /// Done, well or not.
    Done(ErrorCode),
}

/// acks of the wire; `None` for what Kafka refuses.
fn ack_mode(acks: i16) -> Option<AckMode> {
    match acks {
        0 => Some(AckMode::None),
        1 => Some(AckMode::Leader),
        -1 => Some(AckMode::All),
        _ => None,
    }
}

impl RequestLayer {
    /// Source: Kafka 4.1, `KafkaApis.handleProduceRequest`, `ReplicaManager.handleProduceAppend`.
    pub(crate) fn on_produce(
        &mut self,
        now: Now,
        connection: ConnectionId,
        correlation_id: CorrelationId,
        body: &k::ProduceRequest,
        mut records: Vec<Vec<Batch>>,
        effects: &mut Vec<Effect>,
    ) {
        let acks = ack_mode(body.acks);
        let timeout = Duration::from_millis(u64::try_from(body.timeout_ms).unwrap_or(0));
        let mut work = ProduceWork { acks, timeout, topics: Vec::new(), parts: Vec::new() };
        let mut asks = Vec::new();
        for topic in &body.topic_data {
            work.topics.push((topic.topic_id, topic.partition_data.len()));
            for data in &topic.partition_data {
                let place = work.parts.len();
                let batches = records.get_mut(place).map(std::mem::take).unwrap_or_default();
                let found = self.resolve(topic.topic_id, data.index);
                // A produce request of this version holds exactly one batch for a partition
                // (`ProduceRequest.validateRecords`).
                let one = (batches.len() == 1).then(|| Arc::clone(&batches[0].body));
                let batch = batches.first().map(|batch| batch.body.id);
                let state = match (&found, acks, &one) {
                    (Err(error), _, _) => PartState::Done(*error),
                    (Ok(_), None, _) => PartState::Done(ErrorCode::InvalidRequiredAcks),
                    (Ok(_), Some(_), None) => PartState::Done(ErrorCode::InvalidRecord),
                    (Ok(partition), Some(acks), Some(body)) => {
                        let ask = Ask::Produce { body: Arc::clone(body), acks };
                        asks.push(Effect::ToReplica { connection, partition: *partition, ask });
                        PartState::Asked
                    }
                };
                let (partition, index) = (found.ok(), data.index);
                work.parts.push(Part { partition, index, batch, placed: None, state });
            }
        }
        effects.append(&mut asks);
        self.serving.insert(connection, Serving::new(correlation_id, Work::Produce(work)));
        self.settle_produce(now, connection, effects);
    }

    pub(crate) fn on_produced(
        &mut self,
        now: Now,
        connection: ConnectionId,
        partition: TopicPartition,
        result: Result<Placed, ErrorCode>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(work) = self.produce_work(connection) else { return };
        let waits = work.acks == Some(AckMode::All);
        let asked =
            |part: &&mut Part| part.partition == Some(partition) && part.state == PartState::Asked;
        let Some(part) = work.parts.iter_mut().find(asked) else { return };
        part.placed = result.ok();
        part.state = match result {
            Ok(_) if waits => PartState::Waiting,
            Ok(_) => PartState::Done(ErrorCode::None),
            Err(error) => PartState::Done(error),
        };
        self.settle_produce(now, connection, effects);
    }

    pub(crate) fn on_acknowledged(
        &mut self,
        now: Now,
        connection: ConnectionId,
        partition: TopicPartition,
        error: ErrorCode,
        effects: &mut Vec<Effect>,
    ) {
        let Some(work) = self.produce_work(connection) else { return };
        let waiting = |part: &&mut Part| {
            part.partition == Some(partition) && part.state == PartState::Waiting
        };
        let Some(part) = work.parts.iter_mut().find(waiting) else { return };
        part.state = PartState::Done(error);
        self.settle_produce(now, connection, effects);
    }

    /// The time of an acks=all request is up: what it appended stays, its outcome is unknown.
    pub(crate) fn expire_produce(
        &mut self,
        now: Now,
        connection: ConnectionId,
        effects: &mut Vec<Effect>,
    ) {
        let Some(work) = self.produce_work(connection) else { return };
        for part in work.parts.iter_mut().filter(|part| part.state == PartState::Waiting) {
            part.state = PartState::Done(ErrorCode::RequestTimedOut);
            if let Some(partition) = part.partition {
                let ask = Ask::AbandonProduce;
                effects.push(Effect::ToReplica { connection, partition, ask });
            }
        }
        self.settle_produce(now, connection, effects);
    }

    /// Whoever sent it is gone.
    pub(crate) fn abandon_produce(
        connection: ConnectionId,
        work: &ProduceWork,
        effects: &mut Vec<Effect>,
    ) {
        for part in work.parts.iter().filter(|part| part.state == PartState::Waiting) {
            if let Some(partition) = part.partition {
                let ask = Ask::AbandonProduce;
                effects.push(Effect::ToReplica { connection, partition, ask });
            }
        }
    }

    fn produce_work(&mut self, connection: ConnectionId) -> Option<&mut ProduceWork> {
        match &mut self.serving.get_mut(&connection)?.work {
            Work::Produce(work) => Some(work),
            Work::Fetch(_) | Work::Lookups(_) | Work::Forward(_) | Work::DeleteRecords(_) => None,
        }
    }

    /// Answers when nothing is awaited; begins the wait when all replicas have said what they did.
    fn settle_produce(&mut self, now: Now, connection: ConnectionId, effects: &mut Vec<Effect>) {
        let Some(work) = self.produce_work(connection) else { return };
        if work.parts.iter().any(|part| part.state == PartState::Asked) {
            return;
        }
        if work.parts.iter().any(|part| part.state == PartState::Waiting) {
            let until = now.monotonic + work.timeout;
            self.park(connection, until);
            return;
        }
        self.answer_produce(connection, effects);
    }

    fn answer_produce(&mut self, connection: ConnectionId, effects: &mut Vec<Effect>) {
        let Some(Serving { correlation_id, work: Work::Produce(work), .. }) =
            self.finish(connection)
        else {
            return;
        };
        if work.acks == Some(AckMode::None) {
            // Nobody reads an answer; closing is how such a producer hears of an error.
            let failed =
                work.parts.iter().any(|part| part.state != PartState::Done(ErrorCode::None));
            effects.push(if failed {
                Effect::Close { connection }
            } else {
                Effect::Answer { connection, response: None }
            });
            return;
        }
        for part in &work.parts {
            let (Some(partition), Some(batch)) = (part.partition, part.batch) else { continue };
            let acks = work.acks.unwrap_or(AckMode::None);
            let base_offset = part.placed.map(|placed| placed.base_offset);
            let kind = Kind::ProduceAnswered {
                partition,
                batch,
                acks,
                error: part.state.error(),
                base_offset,
            };
            effects.push(Effect::Event { kind, about: About::Request(connection) });
        }
        let body = ResponseBody::from(self.produce_response(&work));
        let response = Some(Response { correlation_id, body, records: Vec::new() });
        effects.push(Effect::Answer { connection, response });
    }

    fn produce_response(&self, work: &ProduceWork) -> k::ProduceResponse {
        let mut response = k::ProduceResponse::default();
        let mut parts = work.parts.iter();
        let mut leaders = Vec::new();
        for (topic_uuid, count) in &work.topics {
            let mut topic = kr::TopicProduceResponse::default().with_topic_id(*topic_uuid);
            for part in parts.by_ref().take(*count) {
                let error = part.state.error();
                let placed = part.placed;
                let mut answer = kr::PartitionProduceResponse::default()
                    .with_index(part.index)
                    .with_error_code(error.code())
                    .with_base_offset(Offset::to_wire(placed.map(|placed| placed.base_offset)))
                    .with_log_start_offset(Offset::to_wire(
                        placed.map(|placed| placed.log_start_offset),
                    ));
                // KIP-951: the client need not ask who leads now.
                if error == ErrorCode::NotLeaderOrFollower
                    && let Some((leader, epoch)) = part.partition.and_then(|p| self.leader_of(p))
                {
                    answer.current_leader.leader_id = k::BrokerId(leader.map_or(-1, |id| id.0));
                    answer.current_leader.leader_epoch = LeaderEpoch::to_wire(Some(epoch));
                    leaders.extend(leader);
                }
                topic.partition_responses.push(answer);
            }
            response.responses.push(topic);
        }
        leaders.sort_unstable();
        leaders.dedup();
        response.node_endpoints = leaders
            .into_iter()
            .map(|broker| {
                kr::NodeEndpoint::default()
                    .with_node_id(wire::broker_id(broker))
                    .with_host(wire::host_of(broker))
                    .with_port(wire::PORT)
            })
            .collect();
        response
    }
}

impl PartState {
    fn error(self) -> ErrorCode {
        match self {
            Self::Asked | Self::Waiting => ErrorCode::RequestTimedOut,
            Self::Done(error) => error,
        }
    }
}
