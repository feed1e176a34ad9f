//! Members of the classic protocol in a group of KIP-848, while it migrates: they join, sync,
//! heartbeat and leave as ever; the coordinator assigns, and their generation is their own epoch.
//!
//! Source: Kafka 4.1, `GroupMetadataManager.classicGroupJoinToConsumerGroup` and its siblings for
//! SyncGroup, Heartbeat and LeaveGroup.

use std::collections::BTreeSet;
use std::time::Duration;

use kafka_protocol::messages as k;
use kafka_protocol::messages::ConsumerProtocolSubscription;
use kafka_protocol::messages::leave_group_response::MemberResponse;

use crate::event::LeftBecause;
use crate::message::convert::{self, assignment_of_places};
use crate::message::{Assigned, ClassicMetadata, MemberState, MemberValue, ResponseBody};
use crate::protocol::group::answer::{fail, join_refused, maybe_name, name, text};
use crate::protocol::group::classic_group::millis;
use crate::protocol::group::classic_join::{Join, host_of};
use crate::protocol::group::consumer_protocol::CONSUMER;
use crate::protocol::group::desk::Step;
use crate::protocol::group::modern_group::{ModernGroup, ModernMember};
use crate::protocol::group::modern_join::{
    Draft, replace, update_epoch, update_target, write_member,
};
use crate::protocol::group::operation::{Operation, Then};
use crate::protocol::group::shard::Shard;
use crate::protocol::group::timers::{TimerKey, TimerWork};
use crate::types::{ConnectionId, ErrorCode, Name, PartitionIndex, TopicPartition};

/// What is to follow when a member's join or sync is safe.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) group: Name,
    pub(crate) member: Name,
    /// How long it may be silent from then on.
    pub(crate) session: Duration,
    /// How long it may take to sync; `None` when it did.
    pub(crate) sync_within: Option<Duration>,
}

/// What a member says of itself in the liked one of its protocols.
struct Said {
    topics: Vec<Name>,
    rack: Option<Name>,
    owned: Assigned,
}

impl Said {
    /// `None` when the bytes are no subscription.
    fn read(step: &Step<'_>, join: &Join) -> Option<Self> {
        let (_, metadata) = join.protocols.first()?;
        let body = convert::unframed::<ConsumerProtocolSubscription>(metadata)?;
        let topics: BTreeSet<Name> = body.topics.iter().map(|topic| name(topic)).collect();
        let owned = body.owned_partitions.iter().flat_map(|owned| {
            let topic = step.desk.image.topic_by_name(&owned.topic.0);
            let topic = topic.map(|topic| topic.topic_id);
            let numbers = owned.partitions.iter().map(|number| PartitionIndex(*number));
            numbers
                .filter_map(move |partition| Some(TopicPartition { topic_id: topic?, partition }))
        });
        Some(Self {
            topics: topics.into_iter().collect(),
            rack: maybe_name(body.rack_id.as_ref()),
            owned: owned.collect(),
        })
    }
}

impl Shard {
    /// JoinGroup to a group of KIP-848: the answer comes at once, whoever else has yet to join.
    /// `None` when the member was given an id and must come again.
    pub(crate) fn join_modern(
        &mut self,
        step: &mut Step<'_>,
        join: &Join,
    ) -> Result<Option<Operation>, ErrorCode> {
        let modern = self.state.modern(&join.group).ok_or(ErrorCode::UnknownMemberId)?.clone();
        let is_unknown = join.member.as_str().is_empty();
        let is_known = !is_unknown && modern.members.contains_key(&join.member);
        if !is_known && modern.members.len() >= step.config().consumer_size_max {
            return Err(ErrorCode::GroupMaxSizeReached);
        }
        let protocols: Vec<&Name> = join.protocols.iter().map(|(name, _)| name).collect();
        if join.kind.as_str() != CONSUMER || !modern.supports_classic(&protocols) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        let id = if is_unknown {
            Name::from(format!("{:016x}", step.desk.rng.bits()))
        } else {
            join.member.clone()
        };
        if is_unknown && join.instance.is_none() {
            let body = join_refused(id.as_str(), ErrorCode::MemberIdRequired);
            step.answer(join.connection, body);
            return Ok(None);
        }
        let mut draft = Draft::of(join.group.clone(), modern.clone());
        subscribe(step, &mut draft, join, &id, is_unknown)?;
        let said = Said::read(step, join).ok_or(ErrorCode::UnknownServerError)?;
        let was = draft.group.members.get(&id).map(|member| (**member).clone());
        update_member(step, &mut draft, join, &id, &said);
        update_epoch(step, &mut draft, was.as_ref(), &id);
        if draft.group.epoch > draft.group.target_epoch {
            update_target(step, &mut draft);
        }
        self.reconcile(step, &mut draft, &id, Some(&said.owned));
        let epoch = draft.group.members.get(&id).map_or(0, |member| member.current.epoch);
        let body = k::JoinGroupResponse::default()
            .with_member_id(text(id.as_str()))
            .with_generation_id(epoch)
            .with_protocol_type(Some(text(CONSUMER)))
            .with_protocol_name(protocols.first().map(|name| text(name.as_str())))
            .into();
        if draft.group.epoch == modern.epoch
            && let Some(group) = self.state.modern_mut(&join.group)
        {
            group.looked_at = step.desk.image.end_offset();
        }
        let replaced = join.instance.as_ref().and_then(|instance| modern.instances.get(instance));
        if let Some(replaced) = replaced
            && self.may_become_classic(step, &modern, replaced, Some(&id))
        {
            let then = Then::Answer { connection: join.connection, body };
            return Ok(Some(self.replaced_by_classic(step, draft, &modern, replaced, &id, then)));
        }
        let heard = Heard {
            group: join.group.clone(),
            member: id,
            session: millis(join.session_timeout_ms),
            sync_within: Some(millis(join.rebalance_timeout_ms)),
        };
        let then = Then::Heard { connection: join.connection, body, heard };
        Ok(Some(draft.finish(Some(&modern), then)))
    }

    /// SyncGroup to a group of KIP-848: what the member owns, as far as it goes.
    pub(crate) fn sync_modern(
        &self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        body: &k::SyncGroupRequest,
    ) -> Result<Operation, ErrorCode> {
        let (group, id) = (name(&body.group_id), name(&body.member_id));
        let modern = self.state.modern(&group).ok_or(ErrorCode::UnknownMemberId)?;
        let instance = maybe_name(body.group_instance_id.as_ref());
        let (member, classic) = classic_member(modern, &id, instance.as_ref())?;
        if member.current.epoch != body.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        let protocol = classic.protocols.first().map(|(name, _)| name.clone());
        let (said_kind, said) = (body.protocol_type.as_ref(), body.protocol_name.as_ref());
        if maybe_name(said_kind).is_some_and(|kind| kind.as_str() != CONSUMER)
            || maybe_name(said).is_some_and(|said| Some(said) != protocol)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        // One that has yet to give partitions up has rejoined already, and will again.
        let revokes = member.current.state == MemberState::UnrevokedPartitions;
        if modern.epoch > member.current.epoch && !revokes {
            self.await_join(step, &group, &id, member);
            return Err(ErrorCode::RebalanceInProgress);
        }
        let body = k::SyncGroupResponse::default()
            .with_protocol_type(body.protocol_type.clone())
            .with_protocol_name(body.protocol_name.clone())
            .with_assignment(assignment_of_places(&step.places(&member.current.assigned)))
            .into();
        let session = millis(classic.session_timeout_ms);
        let heard = Heard { group, member: id, session, sync_within: None };
        Ok(Operation::write(Vec::new(), Then::Heard { connection, body, heard }))
    }

    /// Heartbeat to a group of KIP-848: the member must rejoin when the group's epoch has risen,
    /// when it has partitions to give up, or when those that it waits for are free.
    pub(crate) fn check_modern_heartbeat(
        &self,
        step: &mut Step<'_>,
        group: &Name,
        id: &Name,
        body: &k::HeartbeatRequest,
    ) -> Result<(), ErrorCode> {
        let modern = self.state.modern(group).ok_or(ErrorCode::UnknownMemberId)?;
        let instance = maybe_name(body.group_instance_id.as_ref());
        let (member, classic) = classic_member(modern, id, instance.as_ref())?;
        if member.current.epoch != body.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        let key = TimerKey::Session(group.clone(), id.clone());
        let session = millis(classic.session_timeout_ms);
        step.schedule(self.index(), key, session, TimerWork::Plain);
        let must_rejoin = member.current.epoch < modern.epoch
            || match member.current.state {
                MemberState::Stable => false,
                MemberState::UnrevokedPartitions => true,
                MemberState::UnreleasedPartitions => !modern.waits_for_others(id, member),
            };
        if must_rejoin {
            self.await_join(step, group, id, member);
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }

    /// LeaveGroup of members of a group of KIP-848 that speak the classic protocol.
    pub(crate) fn leave_modern(
        &self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        body: &k::LeaveGroupRequest,
    ) -> Option<Operation> {
        let group = name(&body.group_id);
        let modern = self.state.modern(&group)?;
        let mut draft = Draft::of(group.clone(), modern.clone());
        let mut response = k::LeaveGroupResponse::default();
        for leaving in &body.members {
            let instance = maybe_name(leaving.group_instance_id.as_ref());
            let said = name(&leaving.member_id);
            let found = leaves(&draft.group, &said, instance.as_ref());
            let (id, error) = match found {
                Ok((id, because)) => {
                    draft.remove(step, &id, because);
                    self.forget_timers(step, &group, &id);
                    (id, ErrorCode::None)
                }
                Err(error) => (said, error),
            };
            response.members.push(
                MemberResponse::default()
                    .with_member_id(text(id.as_str()))
                    .with_group_instance_id(leaving.group_instance_id.clone())
                    .with_error_code(error.code()),
            );
        }
        if !draft.records.is_empty() {
            draft.bump(step);
        }
        let then = Then::Answer { connection, body: response.into() };
        Some(draft.finish(Some(modern), then))
    }

    /// A join or a sync is safe in the log, or is not.
    pub(crate) fn on_heard(
        &self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        mut body: ResponseBody,
        heard: Heard,
        result: Result<(), ErrorCode>,
    ) {
        let Heard { group, member, session, sync_within } = heard;
        if let Err(error) = result {
            fail(&mut body, error);
            return step.answer(connection, body);
        }
        let index = self.index();
        let join = TimerKey::ClassicJoin(group.clone(), member.clone());
        let sync = TimerKey::ClassicSync(group.clone(), member.clone());
        step.schedule(index, TimerKey::Session(group, member), session, TimerWork::Plain);
        match sync_within {
            Some(within) => {
                step.desk.timers.cancel(index, &join);
                step.schedule(index, sync, within, TimerWork::Plain);
            }
            None => step.desk.timers.cancel(index, &sync),
        }
        step.answer(connection, body);
    }

    /// The member is called; it has its rebalance timeout from the first call on.
    fn await_join(&self, step: &mut Step<'_>, group: &Name, id: &Name, member: &ModernMember) {
        let key = TimerKey::ClassicJoin(group.clone(), id.clone());
        if !step.desk.timers.has(self.index(), &key) {
            let within = millis(member.value.rebalance_timeout_ms);
            step.schedule(self.index(), key, within, TimerWork::Plain);
        }
    }

    /// Nothing more is awaited of a member.
    pub(crate) fn forget_timers(&self, step: &mut Step<'_>, group: &Name, member: &Name) {
        let of = || (group.clone(), member.clone());
        let keys = [
            TimerKey::Session(of().0, of().1),
            TimerKey::Rebalance(of().0, of().1),
            TimerKey::ClassicJoin(of().0, of().1),
            TimerKey::ClassicSync(of().0, of().1),
        ];
        keys.iter().for_each(|key| step.desk.timers.cancel(self.index(), key));
    }
}

impl Step<'_> {
    /// Partitions by the names of their topics; those of topics that are no more are left out.
    pub(crate) fn places(&self, assigned: &Assigned) -> Vec<(Name, i32)> {
        let places = assigned.iter().filter_map(|it| {
            let topic = self.desk.image.topic(it.topic_id)?;
            Some((topic.name.clone(), it.partition.0))
        });
        places.collect()
    }
}

/// Finds the member that joins, or lets it take the place of the static one before it; a dynamic
/// one may be new, whatever its id.
///
/// Source: Kafka 4.1, `getOrMaybeSubscribeStaticConsumerGroupMember`.
fn subscribe(
    step: &mut Step<'_>,
    draft: &mut Draft,
    join: &Join,
    id: &Name,
    is_unknown: bool,
) -> Result<(), ErrorCode> {
    let Some(instance) = &join.instance else { return Ok(()) };
    match draft.group.instances.get(instance).cloned() {
        Some(holder) if is_unknown => {
            replace(step, draft, &holder, id, instance);
            Ok(())
        }
        Some(holder) if holder == *id => Ok(()),
        Some(_) => Err(ErrorCode::FencedInstanceId),
        None if is_unknown => Ok(()),
        None => Err(ErrorCode::UnknownMemberId),
    }
}

/// What the member says of itself.
fn update_member(step: &Step<'_>, draft: &mut Draft, join: &Join, id: &Name, said: &Said) {
    let known = draft.group.members.get(id).map(|member| member.value.clone());
    let known = known.unwrap_or_else(|| ModernMember::default().value);
    let value = MemberValue {
        instance: join.instance.clone().or(known.instance),
        rack: said.rack.clone().or(known.rack),
        client_id: join.client_id.clone(),
        client_host: host_of(join.connection),
        topics: said.topics.clone(),
        pattern: known.pattern,
        rebalance_timeout_ms: match join.rebalance_timeout_ms {
            -1 => known.rebalance_timeout_ms,
            timeout => timeout,
        },
        assignor: known.assignor,
        classic: Some(ClassicMetadata {
            session_timeout_ms: join.session_timeout_ms,
            protocols: join.protocols.clone(),
        }),
    };
    write_member(step, draft, id, value);
}

/// The member that says these ids, if it speaks the classic protocol.
///
/// Source: Kafka 4.1, `validateConsumerGroupMember`, `throwIfMemberDoesNotUseClassicProtocol`.
fn classic_member<'a>(
    modern: &'a ModernGroup,
    id: &Name,
    instance: Option<&Name>,
) -> Result<(&'a ModernMember, &'a ClassicMetadata), ErrorCode> {
    if let Some(instance) = instance {
        let holder = modern.instances.get(instance).ok_or(ErrorCode::UnknownMemberId)?;
        if holder != id {
            return Err(ErrorCode::FencedInstanceId);
        }
    }
    let member = modern.members.get(id).ok_or(ErrorCode::UnknownMemberId)?;
    let classic = member.value.classic.as_ref().ok_or(ErrorCode::UnknownMemberId)?;
    Ok((member, classic))
}

/// The member that leaves under these ids, or is removed: an administrator need not know its id.
fn leaves(
    modern: &ModernGroup,
    said: &Name,
    instance: Option<&Name>,
) -> Result<(Name, LeftBecause), ErrorCode> {
    let is_removed = said.as_str().is_empty();
    let id = match instance.and_then(|instance| modern.instances.get(instance)) {
        Some(holder) if is_removed => holder.clone(),
        Some(_) | None => said.clone(),
    };
    classic_member(modern, &id, instance)?;
    Ok((id, if is_removed { LeftBecause::Removed } else { LeftBecause::Left }))
}
