//! SyncGroup, Heartbeat and LeaveGroup.
//!
//! Source: Kafka 4.1, `GroupMetadataManager.classicGroupSync`, `classicGroupHeartbeat`,
//! `classicGroupLeave`.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages as k;
use kafka_protocol::messages::leave_group_response::MemberResponse;

use crate::event::{GroupState, Kind, LeftBecause};
use crate::message::{GroupRecord, ResponseBody};
use crate::protocol::group::answer::{heartbeat, maybe_name, name, sync_refused, text};
use crate::protocol::group::classic_group::ClassicGroup;
use crate::protocol::group::consumer_protocol::assigned_partitions;
use crate::protocol::group::desk::Step;
use crate::protocol::group::operation::{Operation, Then};
use crate::protocol::group::shard::Shard;
use crate::protocol::group::timers::{TimerKey, TimerWork};
use crate::types::{ConnectionId, ErrorCode, GroupEpoch, Name};

impl Shard {
    /// SyncGroup.
    pub(crate) fn on_sync(
        &mut self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        body: &k::SyncGroupRequest,
    ) {
        let (group, id) = (name(&body.group_id), name(&body.member_id));
        let Some(classic) = self.state.classic_mut(&group) else {
            return match self.sync_modern(step, connection, body) {
                Ok(operation) => self.carry_out(step, operation),
                Err(error) => step.answer(connection, sync_refused(error)),
            };
        };
        if let Err(error) = check_sync(classic, &id, body) {
            return step.answer(connection, sync_refused(error));
        }
        match classic.state {
            GroupState::PreparingRebalance => {
                step.answer(connection, sync_refused(ErrorCode::RebalanceInProgress));
            }
            GroupState::CompletingRebalance => {
                if let Some(member) = classic.members.get_mut(&id) {
                    member.sync = Some(connection);
                }
                let is_leader = classic.is_leader(&id);
                self.heard_sync(step, &group, &id);
                if is_leader {
                    self.store_assignment(step, &group, body);
                }
            }
            GroupState::Stable => {
                let assignment = classic.members.get(&id).map(|member| member.assignment.clone());
                let body = synced(classic, assignment.unwrap_or_default());
                self.heard_sync(step, &group, &id);
                step.answer(connection, body);
            }
            GroupState::Empty
            | GroupState::Dead
            | GroupState::Assigning
            | GroupState::Reconciling => {
                step.answer(connection, sync_refused(ErrorCode::UnknownMemberId));
            }
        }
    }

    fn heard_sync(&mut self, step: &mut Step<'_>, group: &Name, member: &Name) {
        let Some(classic) = self.state.classic_mut(group) else { return };
        classic.pending_sync.remove(member);
        if classic.pending_sync.is_empty() {
            step.desk.timers.cancel(self.index(), &TimerKey::Sync(group.clone()));
        }
    }

    fn store_assignment(&mut self, step: &mut Step<'_>, group: &Name, body: &k::SyncGroupRequest) {
        let Some(classic) = self.state.classic(group) else { return };
        let assigned = body.assignments.iter();
        let assignment: BTreeMap<Name, Bytes> =
            assigned.map(|each| (name(&each.member_id), each.assignment.clone())).collect();
        let value = Some(Box::new(classic.to_record(&assignment)));
        let generation = classic.generation;
        let record = GroupRecord::Classic { group: group.clone(), value };
        let then = Then::Synced { group: group.clone(), generation, assignment };
        self.carry_out(step, Operation::store(record, then));
    }

    /// The leader's assignment is safe in the log, or is not. Another rebalance may have begun.
    pub(crate) fn on_synced(
        &mut self,
        step: &mut Step<'_>,
        group: &Name,
        generation: i32,
        assignment: &BTreeMap<Name, Bytes>,
        result: Result<(), ErrorCode>,
    ) {
        let index = self.index();
        let Some(classic) = self.state.classic_mut(group) else { return };
        let is_awaited =
            classic.state == GroupState::CompletingRebalance && classic.generation == generation;
        if !is_awaited {
            return;
        }
        if let Err(error) = result {
            self.drop_assignments(step, group, error);
            let left = self.rebalance(step, group);
            debug_assert!(left.is_none(), "members have yet to join");
            return;
        }
        let members: Vec<Name> = classic.members.keys().cloned().collect();
        for id in members {
            let assigned = assignment.get(&id).cloned().unwrap_or_default();
            let body = synced(classic, assigned.clone());
            let partitions = assigned_partitions(assigned.clone()).unwrap_or_default();
            let partitions = partitions
                .iter()
                .map(|(topic, partition)| step.partition(topic, *partition))
                .collect();
            step.event(Kind::AssignmentDecided {
                group: group.clone(),
                member: id.clone(),
                epoch: GroupEpoch(generation),
                partitions,
            });
            let Some(member) = classic.members.get_mut(&id) else { continue };
            member.assignment = assigned;
            if let Some(connection) = member.sync.take() {
                step.answer(connection, body);
                let key = TimerKey::Heartbeat(group.clone(), id);
                step.schedule(index, key, member.session_timeout(), TimerWork::Plain);
            }
        }
        classic.transition_to(GroupState::Stable, step.now.wall.millis());
        self.tell_state(step, group);
    }

    /// Heartbeat of the classic protocol.
    pub(crate) fn on_heartbeat(
        &mut self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        body: &k::HeartbeatRequest,
    ) {
        let (group, id) = (name(&body.group_id), name(&body.member_id));
        let error = self.check_heartbeat(step, &group, &id, body);
        self.carry_out(step, Operation::answer(connection, heartbeat(error)));
    }

    fn check_heartbeat(
        &self,
        step: &mut Step<'_>,
        group: &Name,
        id: &Name,
        body: &k::HeartbeatRequest,
    ) -> ErrorCode {
        let Some(classic) = self.state.classic(group) else {
            let known = self.check_modern_heartbeat(step, group, id, body);
            return known.err().unwrap_or(ErrorCode::None);
        };
        let instance = maybe_name(body.group_instance_id.as_ref());
        if let Err(error) = classic.validate(id, instance.as_ref()) {
            return error;
        }
        if body.generation_id != classic.generation {
            return ErrorCode::IllegalGeneration;
        }
        if let Some(member) = classic.members.get(id) {
            self.expect_heartbeat(step, group, id, member.session_timeout());
        }
        match classic.state {
            GroupState::PreparingRebalance => ErrorCode::RebalanceInProgress,
            GroupState::CompletingRebalance | GroupState::Stable => ErrorCode::None,
            GroupState::Empty
            | GroupState::Dead
            | GroupState::Assigning
            | GroupState::Reconciling => ErrorCode::UnknownMemberId,
        }
    }

    /// LeaveGroup of several members (KIP-345).
    pub(crate) fn on_leave(
        &mut self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        body: &k::LeaveGroupRequest,
    ) {
        let group = name(&body.group_id);
        if let Some(operation) = self.leave_modern(step, connection, body) {
            return self.carry_out(step, operation);
        }
        if self.state.classic(&group).is_none() {
            let error = ErrorCode::UnknownMemberId.code();
            let body = k::LeaveGroupResponse::default().with_error_code(error);
            return self.carry_out(step, Operation::answer(connection, body));
        }
        let mut response = k::LeaveGroupResponse::default();
        for leaving in &body.members {
            let id = name(&leaving.member_id);
            let instance = maybe_name(leaving.group_instance_id.as_ref());
            let result = self.leave(step, &group, &id, instance.as_ref());
            let error = result.err().unwrap_or(ErrorCode::None);
            response.members.push(
                MemberResponse::default()
                    .with_member_id(leaving.member_id.clone())
                    .with_group_instance_id(leaving.group_instance_id.clone())
                    .with_error_code(error.code()),
            );
        }
        let left = if response.members.iter().any(|member| member.error_code == 0) {
            match self.state.classic(&group).map(|classic| classic.state) {
                Some(GroupState::PreparingRebalance) => self.maybe_complete_join(step, &group),
                Some(GroupState::Stable | GroupState::CompletingRebalance) => {
                    self.rebalance(step, &group)
                }
                Some(
                    GroupState::Empty
                    | GroupState::Dead
                    | GroupState::Assigning
                    | GroupState::Reconciling,
                )
                | None => None,
            }
        } else {
            None
        };
        let then = Then::Answer { connection, body: response.into() };
        let operation = match left {
            Some(left) => Operation { then, ..left },
            None => Operation::write(Vec::new(), then),
        };
        self.carry_out(step, operation);
    }

    fn leave(
        &mut self,
        step: &mut Step<'_>,
        group: &Name,
        id: &Name,
        instance: Option<&Name>,
    ) -> Result<(), ErrorCode> {
        let unknown = ErrorCode::UnknownMemberId;
        let classic = self.state.classic_mut(group).ok_or(unknown)?;
        if id.as_str().is_empty() {
            // An administrator removes a static member.
            let member = instance.and_then(|instance| classic.instances.get(instance));
            let member = member.cloned().ok_or(unknown)?;
            self.drop_member(step, group, &member, LeftBecause::Removed);
        } else if classic.pending.contains(id) {
            classic.remove(id);
            let key = TimerKey::Heartbeat(group.clone(), id.clone());
            step.desk.timers.cancel(self.index(), &key);
        } else {
            classic.validate(id, instance)?;
            self.drop_member(step, group, id, LeftBecause::Left);
        }
        Ok(())
    }
}

/// Source: Kafka 4.1, `validateSyncGroup`.
fn check_sync(
    classic: &ClassicGroup,
    id: &Name,
    body: &k::SyncGroupRequest,
) -> Result<(), ErrorCode> {
    if classic.is_empty() {
        return Err(ErrorCode::UnknownMemberId);
    }
    let instance = maybe_name(body.group_instance_id.as_ref());
    classic.validate(id, instance.as_ref())?;
    if body.generation_id != classic.generation {
        return Err(ErrorCode::IllegalGeneration);
    }
    let differs =
        |said: Option<Name>, own: &Option<Name>| said.is_some() && own.is_some() && said != *own;
    if differs(maybe_name(body.protocol_type.as_ref()), &classic.protocol_type)
        || differs(maybe_name(body.protocol_name.as_ref()), &classic.protocol)
    {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    Ok(())
}

fn synced(classic: &ClassicGroup, assignment: Bytes) -> ResponseBody {
    k::SyncGroupResponse::default()
        .with_protocol_type(classic.protocol_type.as_ref().map(|kind| text(kind.as_str())))
        .with_protocol_name(classic.protocol.as_ref().map(|protocol| text(protocol.as_str())))
        .with_assignment(assignment)
        .into()
}
