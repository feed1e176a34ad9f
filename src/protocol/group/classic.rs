//! The classic protocol's rebalance: who is called, when the join phase ends, who is left out.
//!
//! Source: Kafka 4.1, `GroupMetadataManager`, from `prepareRebalance` to `expirePendingSync`.

use std::time::Duration;

use kafka_protocol::messages as k;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;

use crate::event::{GroupProtocol, GroupState, Kind, LeftBecause};
use crate::message::{GroupRecord, ResponseBody};
use crate::protocol::group::answer::{join_refused, sync_refused, text};
use crate::protocol::group::classic_group::ClassicGroup;
use crate::protocol::group::desk::Step;
use crate::protocol::group::operation::{Operation, Then};
use crate::protocol::group::shard::Shard;
use crate::protocol::group::timers::{TimerKey, TimerWork};
use crate::types::{Defect, ErrorCode, GroupEpoch, Name};

/// What a step of a rebalance leaves to be written: the group without members.
pub(crate) type Left = Option<Operation>;

impl Shard {
    /// Begins a rebalance, or, in one, sees whether it can go on.
    pub(crate) fn rebalance(&mut self, step: &mut Step<'_>, group: &Name) -> Left {
        let state = self.state.classic(group)?.state;
        match state {
            GroupState::Empty | GroupState::CompletingRebalance | GroupState::Stable => {
                self.prepare_rebalance(step, group)
            }
            GroupState::PreparingRebalance
            | GroupState::Dead
            | GroupState::Assigning
            | GroupState::Reconciling => self.maybe_complete_join(step, group),
        }
    }

    /// Calls all members to join.
    pub(crate) fn prepare_rebalance(&mut self, step: &mut Step<'_>, group: &Name) -> Left {
        if self.state.classic(group)?.state == GroupState::CompletingRebalance {
            self.drop_assignments(step, group, ErrorCode::RebalanceInProgress);
        }
        self.forget_syncs(step, group);
        let index = self.index();
        let wall = step.now.wall.millis();
        let classic = self.state.classic_mut(group)?;
        let is_initial = classic.is_empty();
        let longest = classic.rebalance_timeout();
        classic.transition_to(GroupState::PreparingRebalance, wall);
        self.tell_state(step, group);
        if is_initial {
            // The group is new: more members may be on their way.
            let delay = step.config().initial_rebalance_delay;
            let remaining = longest.saturating_sub(delay);
            let work = TimerWork::Initial { delay, remaining };
            step.schedule(index, TimerKey::Join(group.clone()), delay, work);
            return None;
        }
        if self.state.classic(group)?.has_all_joined() {
            return self.complete_join(step, group);
        }
        step.schedule(index, TimerKey::Join(group.clone()), longest, TimerWork::Plain);
        None
    }

    /// Ends the join phase if all are there.
    pub(crate) fn maybe_complete_join(&mut self, step: &mut Step<'_>, group: &Name) -> Left {
        let classic = self.state.classic(group)?;
        let is_ready = classic.state == GroupState::PreparingRebalance
            && classic.previous != GroupState::Empty
            && classic.has_all_joined();
        if is_ready { self.complete_join(step, group) } else { None }
    }

    /// The initial rebalance delay is over.
    pub(crate) fn on_initial_delay(
        &mut self,
        step: &mut Step<'_>,
        group: &Name,
        delay: Duration,
        remaining: Duration,
    ) -> Left {
        let index = self.index();
        let classic = self.state.classic_mut(group)?;
        if classic.new_member_added && !remaining.is_zero() {
            classic.new_member_added = false;
            let next = step.config().initial_rebalance_delay.min(remaining);
            let remaining = remaining.saturating_sub(delay);
            let work = TimerWork::Initial { delay: next, remaining };
            step.schedule(index, TimerKey::Join(group.clone()), next, work);
            return None;
        }
        self.complete_join(step, group)
    }

    /// The join phase is over: whoever is not there is left out, unless it is static.
    pub(crate) fn complete_join(&mut self, step: &mut Step<'_>, group: &Name) -> Left {
        let index = self.index();
        step.desk.timers.cancel(index, &TimerKey::Join(group.clone()));
        let classic = self.state.classic_mut(group)?;
        let is_late = |member: &super::classic_group::ClassicMember| {
            member.join.is_none() && member.instance.is_none()
        };
        let late = classic.members.iter().filter(|(_, member)| is_late(member));
        let late: Vec<Name> = late.map(|(id, _)| id.clone()).collect();
        for member in &late {
            self.drop_member(step, group, member, LeftBecause::RebalanceExpired);
        }
        let wall = step.now.wall.millis();
        let classic = self.state.classic_mut(group)?;
        if !classic.elect_joined_leader() && !classic.members.is_empty() {
            // Only silent static members are left: wait until their sessions expire.
            let longest = classic.rebalance_timeout();
            step.schedule(index, TimerKey::Join(group.clone()), longest, TimerWork::Plain);
            return None;
        }
        classic.begin_generation(wall);
        let (epoch, members) = (GroupEpoch(classic.generation), count(classic));
        step.event(Kind::GroupEpochBegan {
            group: group.clone(),
            protocol: GroupProtocol::Classic,
            epoch,
            members,
        });
        self.tell_state(step, group);
        let classic = self.state.classic(group)?;
        if classic.is_empty() {
            let value = Some(Box::new(classic.to_record(&classic.assignments())));
            let record = GroupRecord::Classic { group: group.clone(), value };
            return Some(Operation::store(record, Then::Nothing));
        }
        self.answer_joined(step, group);
        None
    }

    fn answer_joined(&mut self, step: &mut Step<'_>, group: &Name) {
        let index = self.index();
        let Some(classic) = self.state.classic_mut(group) else { return };
        let members: Vec<Name> = classic.members.keys().cloned().collect();
        for id in members {
            let body = joined(classic, &id, false);
            let Some(member) = classic.members.get_mut(&id) else { continue };
            let session = member.session_timeout();
            member.is_new = false;
            if let Some(connection) = member.join.take() {
                step.answer(connection, body);
            }
            classic.pending_sync.insert(id.clone());
            let key = TimerKey::Heartbeat(group.clone(), id);
            step.schedule(index, key, session, TimerWork::Plain);
        }
        let (longest, epoch) = (classic.rebalance_timeout(), GroupEpoch(classic.generation));
        let work = TimerWork::InEpoch(epoch);
        if !step.acts(Defect::NeverSynced) {
            step.schedule(index, TimerKey::Sync(group.clone()), longest, work);
        }
    }

    /// Whoever has not asked for its assignment is left out (KAFKA-12890).
    pub(crate) fn expire_syncs(
        &mut self,
        step: &mut Step<'_>,
        group: &Name,
        epoch: GroupEpoch,
    ) -> Left {
        let classic = self.state.classic(group)?;
        let is_waiting = classic.is_in(&[GroupState::CompletingRebalance, GroupState::Stable]);
        if classic.generation != epoch.0 || !is_waiting || classic.pending_sync.is_empty() {
            return None;
        }
        for member in classic.pending_sync.clone() {
            self.drop_member(step, group, &member, LeftBecause::SyncExpired);
        }
        self.prepare_rebalance(step, group)
    }

    /// A member, or one that was given an id, was silent for its session.
    pub(crate) fn expire_heartbeat(
        &mut self,
        step: &mut Step<'_>,
        group: &Name,
        member: &Name,
    ) -> Left {
        let classic = self.state.classic(group)?;
        if classic.pending.contains(member) {
            self.state.classic_mut(group)?.remove(member);
            let classic = self.state.classic(group)?;
            let is_ready =
                classic.state == GroupState::PreparingRebalance && classic.has_all_joined();
            return if is_ready { self.complete_join(step, group) } else { None };
        }
        if classic.members.get(member)?.is_excused() {
            return None;
        }
        self.drop_member(step, group, member, LeftBecause::SessionExpired);
        self.after_removal(step, group)
    }

    /// Members are gone: the others are called, or the join phase is over.
    pub(crate) fn after_removal(&mut self, step: &mut Step<'_>, group: &Name) -> Left {
        let classic = self.state.classic(group)?;
        match classic.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.rebalance(step, group),
            GroupState::PreparingRebalance if classic.has_all_joined() => {
                self.complete_join(step, group)
            }
            GroupState::PreparingRebalance
            | GroupState::Empty
            | GroupState::Dead
            | GroupState::Assigning
            | GroupState::Reconciling => None,
        }
    }

    /// Takes a member out, and tells whoever waits in its name.
    pub(crate) fn drop_member(
        &mut self,
        step: &mut Step<'_>,
        group: &Name,
        member: &Name,
        because: LeftBecause,
    ) {
        let index = self.index();
        let Some(classic) = self.state.classic_mut(group) else { return };
        let Some(removed) = classic.remove(member) else { return };
        step.desk.timers.cancel(index, &TimerKey::Heartbeat(group.clone(), member.clone()));
        if let Some(connection) = removed.join {
            step.answer(connection, join_refused("", ErrorCode::UnknownMemberId));
        }
        let (group, member) = (group.clone(), member.clone());
        step.event(Kind::MemberLeft { group, member, because });
    }

    /// Assignments that were awaited will not come.
    pub(crate) fn drop_assignments(&mut self, step: &mut Step<'_>, group: &Name, error: ErrorCode) {
        let index = self.index();
        let Some(classic) = self.state.classic_mut(group) else { return };
        for (id, member) in &mut classic.members {
            member.assignment = bytes::Bytes::new();
            if let Some(connection) = member.sync.take() {
                step.answer(connection, sync_refused(error));
                let key = TimerKey::Heartbeat(group.clone(), id.clone());
                step.schedule(index, key, member.session_timeout(), TimerWork::Plain);
            }
        }
    }

    pub(crate) fn forget_syncs(&mut self, step: &mut Step<'_>, group: &Name) {
        step.desk.timers.cancel(self.index(), &TimerKey::Sync(group.clone()));
        if let Some(classic) = self.state.classic_mut(group) {
            classic.pending_sync.clear();
        }
    }

    /// The member was heard of.
    pub(crate) fn expect_heartbeat(
        &self,
        step: &mut Step<'_>,
        group: &Name,
        member: &Name,
        within: Duration,
    ) {
        let key = TimerKey::Heartbeat(group.clone(), member.clone());
        step.schedule(self.index(), key, within, TimerWork::Plain);
    }

    /// Records the state of a classic group.
    pub(crate) fn tell_state(&self, step: &mut Step<'_>, group: &Name) {
        let Some(classic) = self.state.classic(group) else { return };
        step.event(Kind::GroupStateChanged {
            group: group.clone(),
            protocol: GroupProtocol::Classic,
            state: classic.state,
            epoch: GroupEpoch(classic.generation),
            members: count(classic),
        });
    }

    /// A loaded group's members have their whole session.
    ///
    /// Source: Kafka 4.1, `GroupMetadataManager.onLoaded`.
    pub(crate) fn begin_classic(&mut self, step: &mut Step<'_>, group: &Name) {
        let Some(classic) = self.state.classic(group) else { return };
        let members: Vec<_> = classic
            .members
            .iter()
            .map(|(id, member)| (id.clone(), member.session_timeout()))
            .collect();
        let is_full = members.len() > step.config().size_max;
        let (state, epoch) = (classic.state, GroupEpoch(classic.generation));
        step.event(Kind::GroupLoaded {
            group: group.clone(),
            protocol: GroupProtocol::Classic,
            state,
            epoch,
            members: count(classic),
        });
        for (member, session) in members {
            self.expect_heartbeat(step, group, &member, session);
            let (group, partitions) = (group.clone(), Vec::new());
            step.event(Kind::MemberLoaded { group, member, epoch, partitions });
        }
        if is_full {
            let left = self.prepare_rebalance(step, group);
            debug_assert!(left.is_none(), "members have yet to join");
        }
    }

    /// Source: Kafka 4.1, `GroupMetadataManager.onUnloaded`.
    pub(crate) fn unload_classic(&mut self, step: &mut Step<'_>, group: &Name) {
        let Some(classic) = self.state.classic_mut(group) else { return };
        for member in classic.members.values_mut() {
            if let Some(connection) = member.join.take() {
                step.answer(connection, join_refused("", ErrorCode::NotCoordinator));
            }
            if let Some(connection) = member.sync.take() {
                step.answer(connection, sync_refused(ErrorCode::NotCoordinator));
            }
        }
    }
}

fn count(classic: &ClassicGroup) -> u32 {
    u32::try_from(classic.members.len()).unwrap_or(u32::MAX)
}

/// What a member of the current generation is told; its leader learns of all.
pub(crate) fn joined(classic: &ClassicGroup, member: &Name, skip: bool) -> ResponseBody {
    let protocol = classic.protocol.as_ref();
    let all = classic.members.iter().filter(|_| classic.is_leader(member));
    let members = all.map(|(id, member)| {
        let instance = member.instance.as_ref();
        JoinGroupResponseMember::default()
            .with_member_id(text(id.as_str()))
            .with_group_instance_id(instance.map(|instance| text(instance.as_str())))
            .with_metadata(member.metadata(protocol))
    });
    k::JoinGroupResponse::default()
        .with_generation_id(classic.generation)
        .with_protocol_type(classic.protocol_type.as_ref().map(|kind| text(kind.as_str())))
        .with_protocol_name(protocol.map(|name| text(name.as_str())))
        .with_leader(text(classic.leader.as_ref().map(Name::as_str).unwrap_or_default()))
        .with_skip_assignment(skip)
        .with_member_id(text(member.as_str()))
        .with_members(members.collect())
        .into()
}
