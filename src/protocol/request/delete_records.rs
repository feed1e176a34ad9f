//! DeleteRecords across partitions: move the leaders' log starts, then wait until all replicas that
//! live have followed.

use std::time::Duration;

use kafka_protocol::messages as k;
use kafka_protocol::messages::delete_records_response as dr;

use crate::message::Response;
use crate::protocol::request::effect::{Ask, Effect};
use crate::protocol::request::input::LowWatermark;
use crate::protocol::request::layer::{RequestLayer, Serving, Work};
use crate::types::{ConnectionId, CorrelationId, ErrorCode, Now, Offset, TopicPartition};

/// A request to delete records that is not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct DeleteRecordsWork {
    timeout: Duration,
    /// The answer, filled in as replicas say what they did.
    response: k::DeleteRecordsResponse,
    /// Partitions that are not done.
    parts: Vec<Part>,
}

/// A partition that is not done, and its place in the answer.
#[derive(Clone, Copy, Debug)]
struct Part {
    partition: TopicPartition,
    topic: usize,
    place: usize,
    /// What the low watermark must reach, once the leader has said.
    required: Option<Offset>,
}

impl RequestLayer {
    /// Source: Kafka 4.1, `KafkaApis.handleDeleteRecordsRequest`, `ReplicaManager.deleteRecords`.
    pub(crate) fn on_delete_records(
        &mut self,
        now: Now,
        connection: ConnectionId,
        correlation_id: CorrelationId,
        body: &k::DeleteRecordsRequest,
        effects: &mut Vec<Effect>,
    ) {
        let timeout = Duration::from_millis(u64::try_from(body.timeout_ms).unwrap_or(0));
        let mut response = k::DeleteRecordsResponse::default();
        let mut parts = Vec::new();
        for topic in &body.topics {
            let mut answers = dr::DeleteRecordsTopicResult::default().with_name(topic.name.clone());
            for asked in &topic.partitions {
                let mut answer = dr::DeleteRecordsPartitionResult::default()
                    .with_partition_index(asked.partition_index)
                    .with_low_watermark(-1);
                match self.resolve_name(&topic.name, asked.partition_index) {
                    // -1 is the high watermark; anything else below zero is no offset.
                    Ok(_) if asked.offset < -1 => {
                        answer.error_code = ErrorCode::OffsetOutOfRange.code();
                    }
                    Ok(partition) => {
                        let ask = Ask::DeleteRecords { offset: Offset::from_wire(asked.offset) };
                        effects.push(Effect::ToReplica { connection, partition, ask });
                        let (topic, place) = (response.topics.len(), answers.partitions.len());
                        parts.push(Part { partition, topic, place, required: None });
                    }
                    Err(error) => answer.error_code = error.code(),
                }
                answers.partitions.push(answer);
            }
            response.topics.push(answers);
        }
        let work = DeleteRecordsWork { timeout, response, parts };
        let work = Work::DeleteRecords(Box::new(work));
        self.serving.insert(connection, Serving::new(correlation_id, work));
        self.settle_deletion(now, connection, effects);
    }

    pub(crate) fn on_records_deleted(
        &mut self,
        now: Now,
        connection: ConnectionId,
        partition: TopicPartition,
        result: Result<LowWatermark, ErrorCode>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(work) = self.delete_records_work(connection) else { return };
        match result {
            Ok(LowWatermark { required, reached }) => {
                let DeleteRecordsWork { response, parts, .. } = work;
                for part in parts.iter_mut().filter(|part| part.partition == partition) {
                    part.required = Some(required);
                    // What is told if the time is up before it has moved.
                    let answer = &mut response.topics[part.topic].partitions[part.place];
                    answer.low_watermark = Offset::to_wire(reached);
                }
                work.reach(partition, reached);
            }
            Err(error) => work.fail(partition, error),
        }
        self.settle_deletion(now, connection, effects);
    }

    /// The low watermark of `partition` is now `offset`.
    ///
    /// Source: Kafka 4.1, `DelayedDeleteRecords.tryComplete`.
    pub(crate) fn on_low_watermark(
        &mut self,
        now: Now,
        partition: TopicPartition,
        offset: Offset,
        effects: &mut Vec<Effect>,
    ) {
        for connection in self.deletions_of(partition) {
            if let Some(work) = self.delete_records_work(connection) {
                work.reach(partition, Some(offset));
                self.settle_deletion(now, connection, effects);
            }
        }
    }

    /// The replica of `partition` no longer leads, or in another epoch.
    pub(crate) fn fail_deletions(
        &mut self,
        now: Now,
        partition: TopicPartition,
        effects: &mut Vec<Effect>,
    ) {
        for connection in self.deletions_of(partition) {
            if let Some(work) = self.delete_records_work(connection) {
                work.fail(partition, ErrorCode::NotLeaderOrFollower);
                self.settle_deletion(now, connection, effects);
            }
        }
    }

    /// Its time is up: log starts have moved, but not everywhere.
    pub(crate) fn expire_deletion(
        &mut self,
        now: Now,
        connection: ConnectionId,
        effects: &mut Vec<Effect>,
    ) {
        let Some(work) = self.delete_records_work(connection) else { return };
        for part in std::mem::take(&mut work.parts) {
            work.answer(part).error_code = ErrorCode::RequestTimedOut.code();
        }
        self.settle_deletion(now, connection, effects);
    }

    fn deletions_of(&self, partition: TopicPartition) -> Vec<ConnectionId> {
        let waits = |serving: &Serving| match &serving.work {
            Work::DeleteRecords(work) => {
                work.parts.iter().any(|part| part.partition == partition && part.required.is_some())
            }
            Work::Produce(_) | Work::Fetch(_) | Work::Lookups(_) | Work::Forward(_) => false,
        };
        let waiting = self.serving.iter().filter(|(_, serving)| waits(serving));
        waiting.map(|(connection, _)| *connection).collect()
    }

    fn delete_records_work(&mut self, connection: ConnectionId) -> Option<&mut DeleteRecordsWork> {
        match &mut self.serving.get_mut(&connection)?.work {
            Work::DeleteRecords(work) => Some(work),
            Work::Produce(_) | Work::Fetch(_) | Work::Lookups(_) | Work::Forward(_) => None,
        }
    }

    /// Answers when nothing is awaited; begins the wait when all replicas have said what they did.
    fn settle_deletion(&mut self, now: Now, connection: ConnectionId, effects: &mut Vec<Effect>) {
        let Some(work) = self.delete_records_work(connection) else { return };
        if work.parts.iter().any(|part| part.required.is_none()) {
            return;
        }
        if !work.parts.is_empty() {
            let until = now.monotonic + work.timeout;
            self.park(connection, until);
            return;
        }
        if let Some(Serving { correlation_id, work: Work::DeleteRecords(work), .. }) =
            self.finish(connection)
        {
            let body = work.response.into();
            let response = Some(Response { correlation_id, body, records: Vec::new() });
            effects.push(Effect::Answer { connection, response });
        }
    }
}

impl DeleteRecordsWork {
    fn answer(&mut self, part: Part) -> &mut dr::DeleteRecordsPartitionResult {
        &mut self.response.topics[part.topic].partitions[part.place]
    }

    /// The low watermark of `partition` is `reached`: parts that waited for no more are done.
    fn reach(&mut self, partition: TopicPartition, reached: Option<Offset>) {
        let is_done = |part: &mut Part| {
            part.partition == partition && part.required.is_some() && part.required <= reached
        };
        for part in self.parts.extract_if(.., is_done).collect::<Vec<_>>() {
            self.answer(part).low_watermark = Offset::to_wire(reached);
        }
    }

    fn fail(&mut self, partition: TopicPartition, error: ErrorCode) {
        let is_its = |part: &mut Part| part.partition == partition;
        for part in self.parts.extract_if(.., is_its).collect::<Vec<_>>() {
            let answer = self.answer(part);
            answer.error_code = error.code();
            answer.low_watermark = -1;
        }
    }
}
