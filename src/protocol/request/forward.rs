//! CreateTopics, ElectLeaders and the like: what only the controller may do goes on in an envelope
//! (KIP-590).

use std::time::Duration;

use kafka_protocol::messages as k;

use crate::message::{Request, RequestBody, Response, ResponseBody};
use crate::protocol::request::alter_configs::{Refused, put_refused, take_refused};
use crate::protocol::request::effect::Effect;
use crate::protocol::request::forward_answer::{refuses_all, timed_out};
use crate::protocol::request::layer::{Call, RequestLayer, Serving, Work};
use crate::types::{ConnectionId, Monotonic, Now};

/// A request that waits for the controller.
#[derive(Clone, Debug)]
pub(crate) struct ForwardWork {
    request: Request,
    /// When the client hears of a time-out.
    give_up: Monotonic,
    /// The call under way; `None` between two tries.
    call: Option<u64>,
    /// What this broker refused of a change of configuration, and does not forward.
    refused: Vec<Refused>,
}

impl RequestLayer {
    /// Source: Kafka 4.1, `ForwardingManager.forwardRequest`, `NodeToControllerRequestThread`.
    pub(crate) fn on_forward(
        &mut self,
        now: Now,
        connection: ConnectionId,
        mut request: Request,
        effects: &mut Vec<Effect>,
    ) {
        let mut refused = Vec::new();
        if let RequestBody::IncrementalAlterConfigs(body) = &mut request.body {
            refused = take_refused(self.config.broker, body);
            if body.resources.is_empty() && !refused.is_empty() {
                let mut body = k::IncrementalAlterConfigsResponse::default().into();
                put_refused(&mut body, refused);
                let correlation_id = request.correlation_id;
                let response = Some(Response { correlation_id, body, records: Vec::new() });
                effects.push(Effect::Answer { connection, response });
                return;
            }
        }
        let asked = client_timeout(&request.body);
        let limit = self.config.forwarding_timeout;
        let give_up = now.monotonic + asked.map_or(limit, |asked| asked.min(limit));
        let correlation_id = request.correlation_id;
        let work = Work::Forward(ForwardWork { request, give_up, call: None, refused });
        self.serving.insert(connection, Serving::new(correlation_id, work));
        self.forward(connection, effects);
    }

    /// The controller answered the envelope, or nobody did.
    pub(crate) fn on_forwarded(
        &mut self,
        now: Now,
        connection: ConnectionId,
        token: u64,
        body: Option<ResponseBody>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(work) = self.forward_work(connection) else { return };
        if work.call != Some(token) {
            return;
        }
        work.call = None;
        if let Some(ResponseBody::Envelope(Ok(response))) = body
            && !refuses_all(&response.body)
        {
            self.answer_forward(connection, response.body, effects);
            return;
        }
        let give_up = work.give_up;
        if now.monotonic >= give_up {
            self.answer_time_out(connection, effects);
            return;
        }
        let next = now.monotonic + self.config.retry_backoff;
        self.park_anew(connection, next.min(give_up));
    }

    /// The back-off is over, or the time is up.
    pub(crate) fn expire_forward(
        &mut self,
        now: Now,
        connection: ConnectionId,
        effects: &mut Vec<Effect>,
    ) {
        let Some(work) = self.forward_work(connection) else { return };
        if now.monotonic >= work.give_up {
            self.answer_time_out(connection, effects);
        } else if work.call.is_none() {
            self.forward(connection, effects);
        }
    }

    fn forward_work(&mut self, connection: ConnectionId) -> Option<&mut ForwardWork> {
        match &mut self.serving.get_mut(&connection)?.work {
            Work::Forward(work) => Some(work),
            Work::Produce(_) | Work::Fetch(_) | Work::Lookups(_) | Work::DeleteRecords(_) => None,
        }
    }

    fn forward(&mut self, connection: ConnectionId, effects: &mut Vec<Effect>) {
        let token = self.call(Call::Forward(connection));
        let Some(work) = self.forward_work(connection) else { return };
        work.call = Some(token);
        let body = RequestBody::Envelope(Box::new(work.request.clone()));
        let give_up = work.give_up;
        effects.push(Effect::ToController { token, body });
        self.park_anew(connection, give_up);
    }

    fn answer_time_out(&mut self, connection: ConnectionId, effects: &mut Vec<Effect>) {
        let Some(work) = self.forward_work(connection) else { return };
        let body = timed_out(&work.request.body);
        self.answer_forward(connection, body, effects);
    }

    fn answer_forward(
        &mut self,
        connection: ConnectionId,
        mut body: ResponseBody,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(work) = self.forward_work(connection) {
            put_refused(&mut body, std::mem::take(&mut work.refused));
        }
        let Some(serving) = self.finish(connection) else { return };
        let correlation_id = serving.correlation_id;
        let response = Some(Response { correlation_id, body, records: Vec::new() });
        effects.push(Effect::Answer { connection, response });
    }
}

/// How long the client itself would have the controller try; `None` when it does not say.
fn client_timeout(body: &RequestBody) -> Option<Duration> {
    let millis = if let RequestBody::CreateTopics(body) = body {
        body.timeout_ms
    } else if let RequestBody::DeleteTopics(body) = body {
        body.timeout_ms
    } else if let RequestBody::CreatePartitions(body) = body {
        body.timeout_ms
    } else if let RequestBody::ElectLeaders(body) = body {
        body.timeout_ms
    } else {
        0
    };
    u64::try_from(millis).ok().filter(|millis| *millis > 0).map(Duration::from_millis)
}
