//! How members of KIP-848 leave: of their own accord, or because they were silent or too slow.
//!
//! Source: Kafka 4.1, `consumerGroupLeave`, `consumerGroupFenceMember`.

use kafka_protocol::messages as k;

use crate::event::{GroupProtocol, GroupState, Kind, LeftBecause};
use crate::message::{Assigned, CurrentValue, MemberState};
use crate::protocol::group::answer::{maybe_name, name, text};
use crate::protocol::group::classic_group::millis;
use crate::protocol::group::desk::Step;
use crate::protocol::group::modern_group::{LEAVE_STATIC, ModernGroup};
use crate::protocol::group::modern_join::{Draft, Refused, write_current};
use crate::protocol::group::operation::{Operation, Then};
use crate::protocol::group::shard::Shard;
use crate::protocol::group::timers::{TimerKey, TimerWork};
use crate::types::{ConnectionId, ErrorCode, GroupEpoch, Name};

impl Shard {
    pub(crate) fn consumer_leave(
        &mut self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        body: &k::ConsumerGroupHeartbeatRequest,
    ) -> Result<Operation, Refused> {
        let (group, id) = (name(&body.group_id), name(&body.member_id));
        let unknown = (ErrorCode::UnknownMemberId, "the member is not known");
        let not_found = (ErrorCode::GroupIdNotFound, "there is no such consumer group");
        let modern = self.state.modern(&group).ok_or(not_found)?;
        if let Some(instance) = maybe_name(body.instance_id.as_ref()) {
            let holder = modern.instances.get(&instance).ok_or(unknown)?;
            if *holder != id {
                return Err((ErrorCode::FencedInstanceId, "another member has its instance id"));
            }
        }
        let member = modern.members.get(&id).ok_or(unknown)?.clone();
        let response = k::ConsumerGroupHeartbeatResponse::default()
            .with_member_id(Some(text(id.as_str())))
            .with_member_epoch(body.member_epoch)
            .with_assignment(None);
        let then = Then::Answer { connection, body: response.into() };
        if body.member_epoch != LEAVE_STATIC {
            return Ok(self.fence(step, &group, &id, LeftBecause::Left, then));
        }
        // Its partitions wait for it until its session expires.
        let mut draft = Draft::of(group, modern.clone());
        let away = CurrentValue {
            epoch: LEAVE_STATIC,
            previous_epoch: member.current.previous_epoch,
            state: MemberState::Stable,
            assigned: member.current.assigned.clone(),
            revoking: Assigned::new(),
        };
        write_current(step, &mut draft, &id, away);
        Ok(draft.finish(Some(modern), then))
    }

    /// Takes a member away; the group's next epoch gives its partitions to others.
    fn fence(
        &mut self,
        step: &mut Step<'_>,
        group: &Name,
        member: &Name,
        because: LeftBecause,
        then: Then,
    ) -> Operation {
        let Some(modern) = self.state.modern(group) else {
            return Operation::write(Vec::new(), then);
        };
        let modern = modern.clone();
        if self.may_become_classic(step, &modern, member, None) {
            return self.left_to_classic(step, group, &modern, (member, because), then);
        }
        let mut draft = Draft::of(group.clone(), modern.clone());
        draft.remove(step, member, because);
        draft.bump(step);
        self.forget_timers(step, group, member);
        draft.finish(Some(&modern), then)
    }

    /// Records the state of a group that did not change its protocol after all.
    pub(crate) fn tell_modern_state(&self, step: &mut Step<'_>, group: &Name) {
        let Some(modern) = self.state.modern(group) else { return };
        let (state, epoch, members) = said(modern);
        let (group, protocol) = (group.clone(), GroupProtocol::Consumer);
        step.event(Kind::GroupStateChanged { group, protocol, state, epoch, members });
    }

    /// A member was silent for its session, or, of the classic protocol, did not join or sync in
    /// time.
    pub(crate) fn expire_member(
        &mut self,
        step: &mut Step<'_>,
        group: &Name,
        member: &Name,
        because: LeftBecause,
    ) {
        let modern = self.state.modern(group);
        if modern.is_some_and(|modern| modern.members.contains_key(member)) {
            let operation = self.fence(step, group, member, because, Then::Nothing);
            self.carry_out(step, operation);
        }
    }

    /// A member did not give up its partitions in time.
    pub(crate) fn expire_rebalance(
        &mut self,
        step: &mut Step<'_>,
        group: &Name,
        member: &Name,
        epoch: GroupEpoch,
    ) {
        let current = self.state.modern(group).and_then(|modern| modern.members.get(member));
        if current.is_some_and(|member| member.current.epoch == epoch.0) {
            let because = LeftBecause::RebalanceExpired;
            let operation = self.fence(step, group, member, because, Then::Nothing);
            self.carry_out(step, operation);
        }
    }

    /// A loaded group's members have their whole session.
    pub(crate) fn begin_modern(&mut self, step: &mut Step<'_>, group: &Name) {
        let Some(modern) = self.state.modern(group) else { return };
        let (state, epoch, members) = said(modern);
        let (of, protocol) = (group.clone(), GroupProtocol::Consumer);
        step.event(Kind::GroupLoaded { group: of, protocol, state, epoch, members });
        let epoch = GroupEpoch(modern.target_epoch);
        step.event(Kind::AssignmentEpochBegan { group: group.clone(), epoch });
        let session = step.config().consumer_session_timeout;
        for (id, member) in &modern.members {
            let key = TimerKey::Session(group.clone(), id.clone());
            step.schedule(self.index(), key, session, TimerWork::Plain);
            let has = member.current.assigned.union(&member.current.revoking);
            step.event(Kind::MemberLoaded {
                group: group.clone(),
                member: id.clone(),
                epoch: GroupEpoch(member.current.epoch),
                partitions: has.copied().collect(),
            });
            if member.current.state == MemberState::UnrevokedPartitions {
                let within = millis(member.value.rebalance_timeout_ms);
                let work = TimerWork::InEpoch(GroupEpoch(member.current.epoch));
                let key = TimerKey::Rebalance(group.clone(), id.clone());
                step.schedule(self.index(), key, within, work);
            }
        }
    }
}

/// What events say of a group: its state, its epoch, and how many members it has.
fn said(modern: &ModernGroup) -> (GroupState, GroupEpoch, u32) {
    let members = u32::try_from(modern.members.len()).unwrap_or(u32::MAX);
    (modern.state(), GroupEpoch(modern.epoch), members)
}
