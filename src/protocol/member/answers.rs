//! What the coordinator answers to heartbeats.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::ConsumerGroupHeartbeatResponse;

use crate::event::MemberState;
use crate::message::{Answer, ResponseBody, convert};
use crate::protocol::member::effect::Effect;
use crate::protocol::member::machine::Member;
use crate::types::{ErrorCode, Name, TopicId, Wall};

impl Member {
    /// Source: Kafka 4.0, `AbstractCoordinator.HeartbeatResponseHandler`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other error can be recovered from")]
    pub(crate) fn on_heartbeat(
        &mut self,
        wall: Wall,
        member_id: &Name,
        epoch: i32,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        let Ok((ResponseBody::Heartbeat(body), _)) = answer else {
            self.retry_classic_heartbeat(wall);
            return;
        };
        let is_current = *member_id == self.member_id && epoch == self.epoch;
        match ErrorCode::from_code(body.error_code) {
            ErrorCode::None => self.extend_session(wall),
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.lose_coordinator(true, effects);
                self.retry_classic_heartbeat(wall);
            }
            ErrorCode::RebalanceInProgress => {
                self.extend_session(wall);
                if self.state == MemberState::Stable {
                    self.request_rejoin("group is already rebalancing");
                }
            }
            error @ (ErrorCode::IllegalGeneration
            | ErrorCode::UnknownMemberId
            | ErrorCode::FencedInstanceId)
                if is_current =>
            {
                if error == ErrorCode::FencedInstanceId {
                    self.fail(wall, error, effects);
                } else {
                    let keeps_id = error == ErrorCode::IllegalGeneration;
                    self.reset_membership(keeps_id, "encountered an error of Heartbeat", effects);
                }
            }
            // Of a generation that is over.
            ErrorCode::IllegalGeneration
            | ErrorCode::UnknownMemberId
            | ErrorCode::FencedInstanceId => {
                self.extend_session(wall);
            }
            ErrorCode::CoordinatorLoadInProgress => self.retry_classic_heartbeat(wall),
            error => self.fail(wall, error, effects),
        }
    }

    fn extend_session(&mut self, wall: Wall) {
        self.heartbeat_attempts = 0;
        self.session_until = wall + self.config.session_timeout;
    }

    fn retry_classic_heartbeat(&mut self, wall: Wall) {
        let wait = self.config.retry_backoff.wait(self.heartbeat_attempts, &mut self.rng);
        self.heartbeat_attempts += 1;
        self.heartbeat_at = wall + wait;
    }

    /// Source: Kafka 4.0, `AbstractHeartbeatRequestManager.onResponse`, `onErrorResponse`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other error can be recovered from")]
    pub(crate) fn on_group_heartbeat(
        &mut self,
        wall: Wall,
        leaves: bool,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        if leaves {
            self.on_left(effects);
            return;
        }
        let Ok((ResponseBody::ConsumerGroupHeartbeat(body), _)) = answer else {
            self.retry_heartbeat(wall);
            return;
        };
        match ErrorCode::from_code(body.error_code) {
            ErrorCode::None => {
                self.take_interval(wall, body.heartbeat_interval_ms);
                self.on_group_heartbeat_success(&body, effects);
            }
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.lose_coordinator(true, effects);
                self.retry_heartbeat(wall);
                self.heartbeat_attempts = 0;
            }
            ErrorCode::CoordinatorLoadInProgress => self.retry_heartbeat(wall),
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId => {
                self.retry_heartbeat(wall);
                self.heartbeat_attempts = 0;
                self.fence(wall, effects);
            }
            error => self.fail(wall, error, effects),
        }
    }

    /// Source: Kafka 4.0, `ConsumerMembershipManager.onHeartbeatSuccess`.
    fn on_group_heartbeat_success(
        &mut self,
        body: &ConsumerGroupHeartbeatResponse,
        effects: &mut Vec<Effect>,
    ) {
        let is_member = match self.state {
            MemberState::Joining
            | MemberState::Reconciling
            | MemberState::Acknowledging
            | MemberState::Stable => true,
            MemberState::Unjoined
            | MemberState::PreparingRebalance
            | MemberState::CompletingRebalance
            | MemberState::PrepareLeaving
            | MemberState::Leaving
            | MemberState::Fenced
            | MemberState::Stale
            | MemberState::Fatal
            | MemberState::Unsubscribed => false,
        };
        if !is_member {
            return;
        }
        if let Some(member_id) = &body.member_id {
            self.member_id = Name::from(member_id.as_str());
        }
        let is_news = self.epoch != body.member_epoch;
        self.epoch = body.member_epoch;
        if let Some(assignment) = &body.assignment {
            let target: BTreeMap<TopicId, BTreeSet<i32>> = assignment
                .topic_partitions
                .iter()
                .map(|topic| {
                    let numbers = topic.partitions.iter().copied().collect();
                    (convert::topic_id(topic.topic_id), numbers)
                })
                .collect();
            self.reconciliation.aim(target);
            if !self.reconciliation.is_done() {
                self.enter(MemberState::Reconciling, effects);
                return;
            }
            if matches!(self.state, MemberState::Reconciling | MemberState::Joining) {
                self.enter(MemberState::Stable, effects);
                return;
            }
        }
        if is_news {
            self.enter(self.state, effects);
        }
    }
}
