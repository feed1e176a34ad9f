//! What the coordinator answers to JoinGroup and SyncGroup.

use kafka_protocol::messages::{JoinGroupResponse, SyncGroupResponse};

use crate::event::MemberState;
use crate::message::{Answer, ResponseBody};
use crate::protocol::assignor::Assignor;
use crate::protocol::member::classic::{NO_GENERATION, Step};
use crate::protocol::member::effect::Effect;
use crate::protocol::member::machine::Member;
use crate::protocol::member::subscription;
use crate::types::{Defect, ErrorCode, Name, Wall};

impl Member {
    /// Source: Kafka 4.0, `AbstractCoordinator.JoinGroupResponseHandler`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other error can be recovered from")]
    pub(crate) fn on_joined(&mut self, wall: Wall, answer: Answer, effects: &mut Vec<Effect>) {
        if self.classic.step != Step::Joining || self.closing.is_some() {
            // It has left meanwhile.
            return;
        }
        let Ok((ResponseBody::JoinGroup(body), _)) = answer else {
            self.back_off_rebalance(wall);
            return;
        };
        match ErrorCode::from_code(body.error_code) {
            ErrorCode::None => self.on_generation(wall, &body, effects),
            ErrorCode::MemberIdRequired => {
                // KIP-394: an id first, so that a lost answer leaves no ghost behind.
                self.member_id = Name::from(body.member_id.as_str());
                self.epoch = NO_GENERATION;
                self.classic.step = Step::Ready;
            }
            ErrorCode::UnknownMemberId => {
                self.reset_membership(false, "rebalance failed: unknown member id", effects);
            }
            ErrorCode::RebalanceInProgress => self.classic.step = Step::Ready,
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.lose_coordinator(true, effects);
                self.back_off_rebalance(wall);
            }
            ErrorCode::CoordinatorLoadInProgress => self.back_off_rebalance(wall),
            error => self.fail(wall, error, effects),
        }
    }

    fn on_generation(&mut self, wall: Wall, body: &JoinGroupResponse, effects: &mut Vec<Effect>) {
        let assignor = body.protocol_name.as_ref().and_then(|name| Assignor::named(name.as_str()));
        let Some(assignor) = assignor else {
            self.fail(wall, ErrorCode::InconsistentGroupProtocol, effects);
            return;
        };
        self.epoch = body.generation_id;
        self.member_id = Name::from(body.member_id.as_str());
        self.classic.assignor = Some(assignor);
        self.classic.leads = body.leader == body.member_id;
        self.enter(MemberState::CompletingRebalance, effects);
        self.reset_heartbeats(wall);
        if !self.classic.leads {
            self.sync(&crate::protocol::assignor::Assignment::new(), effects);
            return;
        }
        let members = body.members.iter().map(|member| {
            let id = Name::from(member.member_id.as_str());
            let instance = member.group_instance_id.as_ref();
            let instance = instance.map(|instance| Name::from(instance.as_str()));
            subscription::member(id, instance, &member.metadata, assignor.remembers())
        });
        let by = Some(assignor).filter(|_| !body.skip_assignment);
        self.lead(members.collect(), by, effects);
    }

    /// Source: Kafka 4.0, `AbstractCoordinator.SyncGroupResponseHandler`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other error can be recovered from")]
    pub(crate) fn on_synced(
        &mut self,
        wall: Wall,
        epoch: i32,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        if self.classic.step != Step::Syncing || self.closing.is_some() {
            return;
        }
        let Ok((ResponseBody::SyncGroup(body), _)) = answer else {
            // With the defect it waits, and its heartbeats go on.
            if !self.config.defects.acts(Defect::NeverSynced, None) {
                self.back_off_rebalance(wall);
            }
            return;
        };
        match ErrorCode::from_code(body.error_code) {
            ErrorCode::None => self.on_assignment(epoch, &body, effects),
            ErrorCode::RebalanceInProgress => self.classic.step = Step::Ready,
            ErrorCode::UnknownMemberId => {
                self.reset_membership(false, "rebalance failed: unknown member id", effects);
            }
            ErrorCode::IllegalGeneration => {
                self.reset_membership(true, "rebalance failed: illegal generation", effects);
            }
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.lose_coordinator(true, effects);
                self.back_off_rebalance(wall);
            }
            error => self.fail(wall, error, effects),
        }
    }

    fn on_assignment(&mut self, epoch: i32, body: &SyncGroupResponse, effects: &mut Vec<Effect>) {
        if self.state != MemberState::CompletingRebalance || epoch != self.epoch {
            self.classic.step = Step::Ready;
            return;
        }
        // An assignment of no bytes is that of a leader whose assignor forgot this member.
        let places = subscription::assigned(&body.assignment).unwrap_or_default();
        self.classic.rejoins = false;
        self.classic.reason = "";
        self.classic.step = Step::Assigned(places);
        self.enter(MemberState::Stable, effects);
    }
}
