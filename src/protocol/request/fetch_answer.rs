//! The answer to a fetch: what the session has not been told yet, as Kafka lays it out.

use kafka_protocol::messages as k;
use kafka_protocol::messages::fetch_response as kr;

use crate::message::{Batch, FetchResult, Reader, Response, ResponseBody};
use crate::protocol::request::effect::Effect;
use crate::protocol::request::fetch_session::FetchAsk;
use crate::protocol::request::layer::{RequestLayer, Serving, Work};
use crate::protocol::request::wire;
use crate::types::{ConnectionId, CorrelationId, ErrorCode, LeaderEpoch, Now, Offset};

impl RequestLayer {
    pub(crate) fn answer_fetch(
        &mut self,
        now: Now,
        connection: ConnectionId,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Serving { correlation_id, work: Work::Fetch(work), .. }) = self.finish(connection)
        else {
            return;
        };
        let mut answers: Vec<_> = work.asks.into_iter().zip(work.reads).collect();
        answers.extend(work.refused);
        let privileged = match work.reader {
            Reader::Consumer => false,
            Reader::Follower { .. } => true,
        };
        match self.sessions.end(now.wall, work.context, privileged, answers) {
            Ok((session, told)) => {
                let (body, records) = self.fetch_response(session, told);
                let body = ResponseBody::from(body);
                let response = Some(Response { correlation_id, body, records });
                effects.push(Effect::Answer { connection, response });
            }
            Err((session, error)) => {
                Self::answer_session_error(connection, correlation_id, session, error, effects);
            }
        }
    }

    pub(crate) fn answer_session_error(
        connection: ConnectionId,
        correlation_id: CorrelationId,
        session: i32,
        error: ErrorCode,
        effects: &mut Vec<Effect>,
    ) {
        let body =
            k::FetchResponse::default().with_error_code(error.code()).with_session_id(session);
        let response = Some(Response { correlation_id, body: body.into(), records: Vec::new() });
        effects.push(Effect::Answer { connection, response });
    }

    /// Source: Kafka 4.1, `FetchResponse.toMessage`, `KafkaApis.processResponseCallback`.
    fn fetch_response(
        &self,
        session: i32,
        answers: Vec<(FetchAsk, FetchResult)>,
    ) -> (k::FetchResponse, Vec<Vec<Batch>>) {
        let mut response = k::FetchResponse::default().with_session_id(session);
        let mut records = Vec::with_capacity(answers.len());
        let mut leaders = Vec::new();
        for (ask, read) in answers {
            let mut data = kr::PartitionData::default()
                .with_partition_index(ask.partition.partition.0)
                .with_error_code(read.error.code())
                .with_high_watermark(Offset::to_wire(read.high_watermark))
                .with_last_stable_offset(Offset::to_wire(read.high_watermark))
                .with_log_start_offset(Offset::to_wire(read.log_start_offset));
            if let Some((epoch, end)) = read.diverging {
                data.diverging_epoch.epoch = epoch.0;
                data.diverging_epoch.end_offset = end.0;
            }
            let moved =
                matches!(read.error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch);
            if moved && let Some((leader, epoch)) = self.leader_of(ask.partition) {
                data.current_leader.leader_id = k::BrokerId(leader.map_or(-1, |id| id.0));
                data.current_leader.leader_epoch = LeaderEpoch::to_wire(Some(epoch));
                leaders.extend(leader);
            }
            let topic_id = wire::topic_uuid(ask.partition.topic_id);
            match response.responses.last_mut() {
                Some(last) if last.topic_id == topic_id => last.partitions.push(data),
                Some(_) | None => response.responses.push(
                    kr::FetchableTopicResponse::default()
                        .with_topic_id(topic_id)
                        .with_partitions(vec![data]),
                ),
            }
            records.push(read.records);
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
        (response, records)
    }
}
