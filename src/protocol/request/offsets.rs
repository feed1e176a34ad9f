//! ListOffsets and OffsetForLeaderEpoch: one question to each partition's replica.

use kafka_protocol::messages as k;
use kafka_protocol::messages::list_offsets_response as lr;
use kafka_protocol::messages::offset_for_leader_epoch_response as er;

use crate::message::{Response, ResponseBody};
use crate::protocol::request::effect::{Ask, Effect};
use crate::protocol::request::layer::{RequestLayer, Serving, Work};
use crate::types::{
    ConnectionId, CorrelationId, ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicPartition,
};

/// Lookups of one request that are not answered yet: the response, filled in as replicas answer,
/// and who has still to answer, with the place (topic, partition) of the answer.
#[derive(Clone, Debug)]
pub(crate) struct Lookups {
    response: ResponseBody,
    awaited: Vec<(TopicPartition, usize, usize)>,
}

impl RequestLayer {
    /// Source: Kafka 4.1, `KafkaApis.handleListOffsetRequest`, `ReplicaManager.fetchOffset`.
    pub(crate) fn on_list_offsets(
        &mut self,
        connection: ConnectionId,
        correlation_id: CorrelationId,
        body: &k::ListOffsetsRequest,
        effects: &mut Vec<Effect>,
    ) {
        let mut response = k::ListOffsetsResponse::default();
        let mut awaited = Vec::new();
        for topic in &body.topics {
            let mut answers = lr::ListOffsetsTopicResponse::default().with_name(topic.name.clone());
            for asked in &topic.partitions {
                let mut answer = lr::ListOffsetsPartitionResponse::default()
                    .with_partition_index(asked.partition_index);
                match self.resolve_name(&topic.name, asked.partition_index) {
                    Ok(partition) => {
                        let ask = Ask::ListOffset {
                            leader_epoch: LeaderEpoch::from_wire(asked.current_leader_epoch),
                            timestamp: asked.timestamp,
                            by_follower: body.replica_id.0 >= 0,
                        };
                        effects.push(Effect::ToReplica { connection, partition, ask });
                        let place = (response.topics.len(), answers.partitions.len());
                        awaited.push((partition, place.0, place.1));
                    }
                    Err(error) => answer.error_code = error.code(),
                }
                answers.partitions.push(answer);
            }
            response.topics.push(answers);
        }
        self.await_lookups(connection, correlation_id, response.into(), awaited, effects);
    }

    pub(crate) fn on_offset_listed(
        &mut self,
        connection: ConnectionId,
        partition: TopicPartition,
        result: Result<(Option<Offset>, i64, Option<LeaderEpoch>), ErrorCode>,
        effects: &mut Vec<Effect>,
    ) {
        let Some((work, topic, place)) = self.awaited_lookup(connection, partition) else { return };
        if let ResponseBody::ListOffsets(response) = &mut work.response {
            let answer = &mut response.topics[topic].partitions[place];
            match result {
                Ok((offset, timestamp, epoch)) => {
                    answer.offset = Offset::to_wire(offset);
                    answer.timestamp = timestamp;
                    answer.leader_epoch = LeaderEpoch::to_wire(epoch);
                }
                Err(error) => answer.error_code = error.code(),
            }
        }
        self.settle_lookups(connection, effects);
    }

    /// Source: Kafka 4.1, `KafkaApis.handleOffsetForLeaderEpochRequest`,
    /// `ReplicaManager.lastOffsetForLeaderEpoch`.
    pub(crate) fn on_epoch_ends(
        &mut self,
        connection: ConnectionId,
        correlation_id: CorrelationId,
        body: &k::OffsetForLeaderEpochRequest,
        effects: &mut Vec<Effect>,
    ) {
        let mut response = k::OffsetForLeaderEpochResponse::default();
        let mut awaited = Vec::new();
        for topic in &body.topics {
            let mut answers =
                er::OffsetForLeaderTopicResult::default().with_topic(topic.topic.clone());
            for asked in &topic.partitions {
                let mut answer = er::EpochEndOffset::default().with_partition(asked.partition);
                match self.resolve_name(&topic.topic, asked.partition) {
                    Ok(partition) => {
                        let ask = Ask::EpochEnd {
                            current_leader_epoch: LeaderEpoch::from_wire(
                                asked.current_leader_epoch,
                            ),
                            leader_epoch: LeaderEpoch(asked.leader_epoch),
                            by_follower: body.replica_id.0 >= 0,
                        };
                        effects.push(Effect::ToReplica { connection, partition, ask });
                        let place = (response.topics.len(), answers.partitions.len());
                        awaited.push((partition, place.0, place.1));
                    }
                    Err(error) => answer.error_code = error.code(),
                }
                answers.partitions.push(answer);
            }
            response.topics.push(answers);
        }
        self.await_lookups(connection, correlation_id, response.into(), awaited, effects);
    }

    pub(crate) fn on_epoch_end_found(
        &mut self,
        connection: ConnectionId,
        partition: TopicPartition,
        result: Result<Option<(LeaderEpoch, Offset)>, ErrorCode>,
        effects: &mut Vec<Effect>,
    ) {
        let Some((work, topic, place)) = self.awaited_lookup(connection, partition) else { return };
        if let ResponseBody::OffsetForLeaderEpoch(response) = &mut work.response {
            let answer = &mut response.topics[topic].partitions[place];
            match result {
                Ok(Some((epoch, end))) => {
                    answer.leader_epoch = epoch.0;
                    answer.end_offset = end.0;
                }
                Ok(None) => {
                    answer.leader_epoch = -1;
                    answer.end_offset = -1;
                }
                Err(error) => answer.error_code = error.code(),
            }
        }
        self.settle_lookups(connection, effects);
    }

    /// A topic is named here, as these two requests have no ids in the versions spoken.
    pub(crate) fn resolve_name(
        &self,
        name: &k::TopicName,
        index: i32,
    ) -> Result<TopicPartition, ErrorCode> {
        let topic = self.image.topic_by_name(name.0.as_str());
        let topic_id = topic.ok_or(ErrorCode::UnknownTopicOrPartition)?.topic_id;
        let partition = TopicPartition { topic_id, partition: PartitionIndex(index) };
        self.image.partition(partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        Ok(partition)
    }

    fn await_lookups(
        &mut self,
        connection: ConnectionId,
        correlation_id: CorrelationId,
        response: ResponseBody,
        awaited: Vec<(TopicPartition, usize, usize)>,
        effects: &mut Vec<Effect>,
    ) {
        let work = Work::Lookups(Lookups { response, awaited });
        self.serving.insert(connection, Serving::new(correlation_id, work));
        self.settle_lookups(connection, effects);
    }

    fn awaited_lookup(
        &mut self,
        connection: ConnectionId,
        partition: TopicPartition,
    ) -> Option<(&mut Lookups, usize, usize)> {
        let Work::Lookups(work) = &mut self.serving.get_mut(&connection)?.work else {
            return None;
        };
        let at = work.awaited.iter().position(|(awaited, _, _)| *awaited == partition)?;
        let (_, topic, place) = work.awaited.remove(at);
        Some((work, topic, place))
    }

    fn settle_lookups(&mut self, connection: ConnectionId, effects: &mut Vec<Effect>) {
        let done = self.serving.get(&connection).is_some_and(|serving| match &serving.work {
            Work::Lookups(work) => work.awaited.is_empty(),
            Work::Produce(_) | Work::Fetch(_) | Work::Forward(_) | Work::DeleteRecords(_) => false,
        });
        if !done {
            return;
        }
        if let Some(Serving { correlation_id, work: Work::Lookups(work), .. }) =
            self.finish(connection)
        {
            let body = work.response;
            let response = Some(Response { correlation_id, body, records: Vec::new() });
            effects.push(Effect::Answer { connection, response });
        }
    }
}
