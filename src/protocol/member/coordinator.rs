//! Who coordinates the group: asked of any broker, and again when it proves wrong.

use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use crate::event::{About, Kind};
use crate::message::{Answer, RequestBody, ResponseBody, convert};
use crate::protocol::member::effect::Effect;
use crate::protocol::member::machine::{Member, Pending};
use crate::types::{BrokerId, ErrorCode, Wall};

/// What is known of the coordinator.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coordinator {
    /// The broker, as far as this member knows.
    pub node: Option<BrokerId>,
    /// Whether a broker is being asked.
    pub is_asked: bool,
    /// No question before this.
    pub retry_at: Option<Wall>,
    /// Questions in a row that brought nothing.
    pub attempts: u32,
}

/// `FindCoordinatorRequest.CoordinatorType.GROUP`.
const GROUP: i8 = 0;

impl Member {
    /// Asks who coordinates the group, unless that is known, asked already, or was just answered
    /// in vain.
    pub(crate) fn find_coordinator(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let coordinator = &mut self.coordinator;
        let must_wait = coordinator.retry_at.is_some_and(|at| wall < at);
        if !self.is_subscribed || coordinator.node.is_some() || coordinator.is_asked || must_wait {
            return;
        }
        coordinator.is_asked = true;
        coordinator.retry_at = None;
        let body = FindCoordinatorRequest::default()
            .with_key_type(GROUP)
            .with_coordinator_keys(vec![convert::wire_text(&self.group)]);
        let token = self.token(Pending::FindCoordinator);
        effects.push(Effect::SendToAny { token, body: RequestBody::from(body) });
    }

    /// Source: Kafka 4.0, `AbstractCoordinator.FindCoordinatorResponseHandler`,
    /// `CoordinatorRequestManager.onResponse`.
    pub(crate) fn on_coordinator_found(
        &mut self,
        wall: Wall,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        self.coordinator.is_asked = false;
        let found = match answer {
            Ok((ResponseBody::FindCoordinator(body), _)) => found(&body),
            Ok(_) | Err(_) => None,
        };
        let Some(node) = found else {
            let wait = self.config.retry_backoff.wait(self.coordinator.attempts, &mut self.rng);
            self.coordinator.attempts += 1;
            self.coordinator.retry_at = Some(wall + wait);
            return;
        };
        self.coordinator.attempts = 0;
        self.coordinator.node = Some(node);
        self.session_until = wall + self.config.session_timeout;
        let kind = Kind::CoordinatorFound { group: self.group.clone(), coordinator: node };
        effects.push(Effect::Event { kind, about: About::Nothing });
    }

    /// The coordinator is another broker, or cannot be reached; `closes` its connection.
    ///
    /// Source: Kafka 4.0, `AbstractCoordinator.markCoordinatorUnknown`.
    pub(crate) fn lose_coordinator(&mut self, closes: bool, effects: &mut Vec<Effect>) {
        if let Some(to) = self.coordinator.node.take()
            && closes
        {
            effects.push(Effect::Forget { to });
        }
    }
}

fn found(body: &FindCoordinatorResponse) -> Option<BrokerId> {
    let [coordinator] = &body.coordinators[..] else { return None };
    let is_found = ErrorCode::from_code(coordinator.error_code) == ErrorCode::None;
    convert::broker_from_wire(coordinator.node_id).filter(|_| is_found)
}
