//! JoinGroup: who may join, under which id, and what it sets in motion.
//!
//! Source: Kafka 4.1, `GroupMetadataManager.classicGroupJoin` and what it calls.

use kafka_protocol::messages as k;

use crate::event::{GroupState, Kind, LeftBecause};
use crate::message::GroupRecord;
use crate::protocol::group::answer::{join_refused, maybe_name, name, sync_refused};
use crate::protocol::group::classic::{Left, joined};
use crate::protocol::group::classic_group::{ClassicGroup, ClassicMember, millis};
use crate::protocol::group::desk::Step;
use crate::protocol::group::operation::{Operation, Then};
use crate::protocol::group::shard::Shard;
use crate::protocol::group::state::Group;
use crate::protocol::group::timers::TimerKey;
use crate::types::{ConnectionId, Defect, ErrorCode, Name};

/// A JoinGroup as it is read.
pub(crate) struct Join {
    pub(crate) connection: ConnectionId,
    pub(crate) client_id: Name,
    pub(crate) group: Name,
    pub(crate) member: Name,
    pub(crate) instance: Option<Name>,
    pub(crate) kind: Name,
    pub(crate) protocols: Vec<(Name, bytes::Bytes)>,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
}

impl Join {
    fn read(step: &Step<'_>, connection: ConnectionId, body: &k::JoinGroupRequest) -> Self {
        let protocols = body.protocols.iter();
        Self {
            connection,
            client_id: step.config().client_id(connection.opener),
            group: name(&body.group_id),
            member: name(&body.member_id),
            instance: maybe_name(body.group_instance_id.as_ref()),
            kind: name(&body.protocol_type),
            protocols: protocols.map(|each| (name(&each.name), each.metadata.clone())).collect(),
            rebalance_timeout_ms: body.rebalance_timeout_ms,
            session_timeout_ms: body.session_timeout_ms,
        }
    }

    fn as_member(&self, is_new: bool) -> ClassicMember {
        ClassicMember {
            instance: self.instance.clone(),
            client_id: self.client_id.clone(),
            client_host: host_of(self.connection),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
            protocols: self.protocols.clone(),
            assignment: bytes::Bytes::new(),
            join: Some(self.connection),
            sync: None,
            is_new,
        }
    }

    fn update(&self, member: &mut ClassicMember) {
        member.protocols.clone_from(&self.protocols);
        member.rebalance_timeout_ms = self.rebalance_timeout_ms;
        member.session_timeout_ms = self.session_timeout_ms;
        member.join = Some(self.connection);
    }
}

/// The host that a client speaks from.
pub(crate) fn host_of(connection: ConnectionId) -> Name {
    format!("/host-{}", connection.opener.0).into()
}

impl Shard {
    /// JoinGroup.
    pub(crate) fn on_join(
        &mut self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        body: &k::JoinGroupRequest,
    ) {
        let join = Join::read(step, connection, body);
        let (min, max) = (step.config().session_timeout_min, step.config().session_timeout_max);
        let session = millis(join.session_timeout_ms);
        if join.session_timeout_ms < 0 || session < min || session > max {
            let body = join_refused(join.member.as_str(), ErrorCode::InvalidSessionTimeout);
            return step.answer(connection, body);
        }
        let is_unknown = join.member.as_str().is_empty();
        let mut records = Vec::new();
        let mut undo = None;
        match self.state.groups.get(&join.group).map(|group| (&**group, group.is_empty())) {
            Some((Group::Modern(_), false)) => {
                return match self.join_modern(step, &join) {
                    Ok(Some(operation)) => self.carry_out(step, operation),
                    Ok(None) => {}
                    Err(error) => {
                        step.answer(connection, join_refused(join.member.as_str(), error));
                    }
                };
            }
            Some((Group::Modern(_), true)) if !is_unknown => {
                let body = join_refused(join.member.as_str(), ErrorCode::UnknownMemberId);
                return step.answer(connection, body);
            }
            Some((Group::Modern(group), true)) => {
                records = group.tombstones(&join.group);
                undo = Some((join.group.clone(), self.state.clone()));
                self.state.groups.remove(&join.group);
            }
            Some((Group::Classic(_), _)) | None => {}
        }
        let is_new = !self.state.groups.contains_key(&join.group);
        if is_new && !is_unknown {
            let body = join_refused(join.member.as_str(), ErrorCode::UnknownMemberId);
            return step.answer(connection, body);
        }
        if is_new {
            let group = Group::Classic(ClassicGroup::default());
            self.state.groups.insert(join.group.clone(), group.into());
        }
        let left = self.join(step, &join, is_unknown);
        if let Some(operation) = left {
            return self.carry_out(step, operation);
        }
        if is_new && let Some(classic) = self.state.classic(&join.group) {
            // So that the group outlives this coordinator.
            let empty = ClassicGroup {
                generation: classic.generation,
                protocol_type: classic.protocol_type.clone(),
                since: Some(step.now.wall.millis()),
                ..ClassicGroup::default()
            };
            let value = Some(Box::new(empty.to_record(&empty.assignments())));
            records.push(GroupRecord::Classic { group: join.group.clone(), value });
            let then = Then::Created { connection };
            let operation = Operation { replays: false, undo, ..Operation::write(records, then) };
            self.carry_out(step, operation);
        }
    }

    fn join(&mut self, step: &mut Step<'_>, join: &Join, is_unknown: bool) -> Left {
        let connection = join.connection;
        let size_max = step.config().size_max;
        let classic = self.state.classic_mut(&join.group)?;
        if !classic.accepts(&join.member, size_max) {
            if classic.remove(&join.member).is_some() {
                let (group, member) = (join.group.clone(), join.member.clone());
                step.event(Kind::MemberLeft { group, member, because: LeftBecause::Full });
            }
            step.answer(connection, join_refused("", ErrorCode::GroupMaxSizeReached));
            return None;
        }
        if !classic.supports(join.kind.as_str(), &join.protocols) {
            let error = ErrorCode::InconsistentGroupProtocol;
            step.answer(connection, join_refused(join.member.as_str(), error));
            return None;
        }
        if is_unknown { self.join_new(step, join) } else { self.join_known(step, join) }
    }

    /// Somebody without an id: a static member takes its place at once, another is given an id and
    /// must come again (KIP-394).
    fn join_new(&mut self, step: &mut Step<'_>, join: &Join) -> Left {
        let front = join.instance.as_ref().unwrap_or(&join.client_id);
        let id: Name = format!("{front}-{:08x}", step.desk.rng.bits() >> 32).into();
        let classic = self.state.classic_mut(&join.group)?;
        let Some(instance) = &join.instance else {
            classic.pending.insert(id.clone());
            let session = millis(join.session_timeout_ms);
            self.expect_heartbeat(step, &join.group, &id, session);
            let body = join_refused(id.as_str(), ErrorCode::MemberIdRequired);
            step.answer(join.connection, body);
            return None;
        };
        match classic.instances.get(instance).cloned() {
            Some(old) => self.replace_static(step, join, &old, &id),
            None => self.add_member(step, join, id),
        }
    }

    /// Source: Kafka 4.1, `addMemberThenRebalanceOrCompleteJoin`.
    fn add_member(&mut self, step: &mut Step<'_>, join: &Join, id: Name) -> Left {
        let classic = self.state.classic_mut(&join.group)?;
        if classic.state == GroupState::PreparingRebalance && classic.previous == GroupState::Empty
        {
            classic.new_member_added = true;
        }
        classic.add(id.clone(), join.kind.as_str(), join.as_member(true));
        step.event_about(
            join.connection,
            Kind::MemberJoined {
                group: join.group.clone(),
                member: id.clone(),
                instance: join.instance.clone(),
            },
        );
        // While it waits for the answer it cannot heartbeat, nor be seen to hang up.
        let within = step.config().new_member_join_timeout;
        self.expect_heartbeat(step, &join.group, &id, within);
        self.rebalance(step, &join.group)
    }

    /// Source: Kafka 4.1, `classicGroupJoinExistingMember`.
    fn join_known(&mut self, step: &mut Step<'_>, join: &Join) -> Left {
        let id = &join.member;
        let classic = self.state.classic_mut(&join.group)?;
        if classic.pending.contains(id) {
            return self.add_member(step, join, id.clone());
        }
        if let Err(error) = classic.validate(id, join.instance.as_ref()) {
            step.answer(join.connection, join_refused(id.as_str(), error));
            return None;
        }
        let is_same = classic.members.get(id)?.protocols == join.protocols;
        let rejoins = match classic.state {
            GroupState::PreparingRebalance => true,
            GroupState::CompletingRebalance => !is_same,
            // The leader rejoins when topics changed, which members' subscriptions do not show.
            GroupState::Stable => classic.is_leader(id) || !is_same,
            GroupState::Empty
            | GroupState::Dead
            | GroupState::Assigning
            | GroupState::Reconciling => {
                let body = join_refused(id.as_str(), ErrorCode::UnknownMemberId);
                step.answer(join.connection, body);
                return None;
            }
        };
        if rejoins {
            join.update(classic.members.get_mut(id)?);
            return self.rebalance(step, &join.group);
        }
        let body = joined(classic, id, false);
        step.answer(join.connection, body);
        None
    }

    /// A static member is back and does not know its id: it takes the place of the one before,
    /// and in a stable group nobody else notices (KIP-345).
    ///
    /// Source: Kafka 4.1, `updateStaticMemberThenRebalanceOrCompleteJoin`.
    fn replace_static(&mut self, step: &mut Step<'_>, join: &Join, old: &Name, id: &Name) -> Left {
        let group = &join.group;
        let index = self.index();
        let classic = self.state.classic_mut(group)?;
        let was_leader = classic.is_leader(old);
        let mut member = classic.members.remove(old)?;
        let fenced = ErrorCode::FencedInstanceId;
        if let Some(connection) = member.join.take() {
            step.answer(connection, join_refused(old.as_str(), fenced));
        }
        if let Some(connection) = member.sync.take() {
            step.answer(connection, sync_refused(fenced));
        }
        join.update(&mut member);
        member.client_id = join.client_id.clone();
        member.client_host = host_of(join.connection);
        let session = member.session_timeout();
        classic.members.insert(id.clone(), member);
        if let Some(instance) = &join.instance {
            classic.instances.insert(instance.clone(), id.clone());
        }
        if was_leader {
            classic.leader = Some(id.clone());
        }
        if classic.pending_sync.remove(old) {
            classic.pending_sync.insert(id.clone());
        }
        step.desk.timers.cancel(index, &TimerKey::Heartbeat(group.clone(), old.clone()));
        let (left, joins) = (old.clone(), id.clone());
        let because = LeftBecause::Replaced;
        step.event(Kind::MemberLeft { group: group.clone(), member: left, because });
        let instance = join.instance.clone();
        let kind = Kind::MemberJoined { group: group.clone(), member: joins, instance };
        step.event_about(join.connection, kind);
        self.expect_heartbeat(step, group, id, session);
        let classic = self.state.classic(group)?;
        match classic.state {
            GroupState::Stable
                if classic.protocol == classic.select_protocol()
                    && step.acts(Defect::StaticIdForgotten) =>
            {
                self.on_replaced(step, group, id, Ok(()));
                None
            }
            GroupState::Stable if classic.protocol == classic.select_protocol() => {
                let value = Some(Box::new(classic.to_record(&classic.assignments())));
                let record = GroupRecord::Classic { group: group.clone(), value };
                let then = Then::Replaced { group: group.clone(), member: id.clone() };
                Some(Operation::store(record, then))
            }
            GroupState::Stable => self.rebalance(step, group),
            GroupState::CompletingRebalance if step.acts(Defect::StaticWithoutAssignment) => {
                self.on_replaced(step, group, id, Ok(()));
                None
            }
            // The leader may be assigning to the old id already (KAFKA-9801).
            GroupState::CompletingRebalance => self.prepare_rebalance(step, group),
            GroupState::PreparingRebalance
            | GroupState::Empty
            | GroupState::Dead
            | GroupState::Assigning
            | GroupState::Reconciling => self.maybe_complete_join(step, group),
        }
    }

    /// The new id of a static member is safe in the log, or is not.
    pub(crate) fn on_replaced(
        &mut self,
        step: &mut Step<'_>,
        group: &Name,
        member: &Name,
        result: Result<(), ErrorCode>,
    ) {
        let Some(classic) = self.state.classic_mut(group) else { return };
        let body = match result {
            Ok(()) => joined(classic, member, classic.is_leader(member)),
            Err(error) => join_refused("", error),
        };
        // Differs from Kafka: after a failure the old id does not come back. The member joins
        // again, by its instance id, and so does the old one.
        let waiting = classic.members.get_mut(member).and_then(|member| member.join.take());
        if let Some(connection) = waiting {
            step.answer(connection, body);
        }
    }
}
