//! ConsumerGroupHeartbeat: joining, subscriptions, the target assignment, the member's next step.
//!
//! Source: Kafka 4.1, `GroupMetadataManager.consumerGroupHeartbeat` and what it calls.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages as k;
use kafka_protocol::messages::consumer_group_heartbeat_response as a;

use crate::event::{GroupProtocol, Kind, LeftBecause};
use crate::message::convert::{topic_id, topic_uuid};
use crate::message::{Assigned, CurrentValue, GroupRecord, MemberState, MemberValue};
use crate::protocol::group::answer::{consumer_refused, maybe_name, name, text};
use crate::protocol::group::classic_group::millis;
use crate::protocol::group::classic_join::host_of;
use crate::protocol::group::desk::Step;
use crate::protocol::group::modern_assignors::{Subscriber, Subscribers, assign};
use crate::protocol::group::modern_group::{LEAVE, LEAVE_STATIC, ModernGroup, ModernMember};
use crate::protocol::group::operation::{Operation, Then};
use crate::protocol::group::reconcile::Reconciliation;
use crate::protocol::group::shard::Shard;
use crate::protocol::group::state::Group;
use crate::protocol::group::timers::{TimerKey, TimerWork};
use crate::types::{
    ConnectionId, Deed, Defect, ErrorCode, GroupEpoch, Name, PartitionIndex, TopicId,
    TopicPartition, hash_words,
};

/// Why a heartbeat is refused, and in which words.
pub(crate) type Refused = (ErrorCode, &'static str);

/// A group as it comes to be in one step, and the records that make it so.
pub(crate) struct Draft {
    pub(crate) name: Name,
    pub(crate) group: ModernGroup,
    pub(crate) records: Vec<GroupRecord>,
    pub(crate) events: Vec<Kind>,
    /// Whether it was of the classic protocol until this step.
    pub(crate) is_converted: bool,
}

impl Draft {
    pub(crate) fn of(name: Name, group: ModernGroup) -> Self {
        Self { name, group, records: Vec::new(), events: Vec::new(), is_converted: false }
    }

    pub(crate) fn write(&mut self, step: &Step<'_>, record: GroupRecord) {
        self.group.apply(&record, step.config().defects);
        self.records.push(record);
    }

    /// The group's next epoch.
    pub(crate) fn bump(&mut self, step: &Step<'_>) {
        let (epoch, hash) = (self.group.epoch + 1, self.group.metadata_hash);
        let group = self.name.clone();
        self.write(step, GroupRecord::GroupEpoch { group, value: Some((epoch, hash)) });
        if step.acts(Defect::GroupEpochNotWritten) {
            self.records.pop();
        }
        self.events.push(Kind::GroupEpochBegan {
            group: self.name.clone(),
            protocol: GroupProtocol::Consumer,
            epoch: GroupEpoch(epoch),
            members: u32::try_from(self.group.members.len()).unwrap_or(u32::MAX),
        });
    }

    pub(crate) fn remove(&mut self, step: &Step<'_>, member: &Name, because: LeftBecause) {
        for record in ModernGroup::member_tombstones(&self.name, member) {
            self.write(step, record);
        }
        let (group, member) = (self.name.clone(), member.clone());
        self.events.push(Kind::MemberLeft { group, member, because });
    }

    /// What is to be written, if anything; `before` is the group as it was.
    pub(crate) fn finish(mut self, before: Option<&ModernGroup>, then: Then) -> Operation {
        let state = self.group.state();
        if self.is_converted || before.map(ModernGroup::state) != Some(state) {
            self.events.push(Kind::GroupStateChanged {
                group: self.name,
                protocol: GroupProtocol::Consumer,
                state,
                epoch: GroupEpoch(self.group.epoch),
                members: u32::try_from(self.group.members.len()).unwrap_or(u32::MAX),
            });
        }
        Operation::write(self.records, then).with_events(self.events)
    }
}

impl Shard {
    /// ConsumerGroupHeartbeat.
    pub(crate) fn on_consumer_heartbeat(
        &mut self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        body: &k::ConsumerGroupHeartbeatRequest,
    ) {
        let result = check(step, body).and_then(|()| {
            if matches!(body.member_epoch, LEAVE | LEAVE_STATIC) {
                self.consumer_leave(step, connection, body)
            } else {
                self.consumer_heartbeat(step, connection, body)
            }
        });
        match result {
            Ok(operation) => self.carry_out(step, operation),
            Err((error, message)) => step.answer(connection, consumer_refused(error, message)),
        }
    }

    fn consumer_heartbeat(
        &mut self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        body: &k::ConsumerGroupHeartbeatRequest,
    ) -> Result<Operation, Refused> {
        let (id, joins) = (name(&body.member_id), body.member_epoch == 0);
        let mut draft = self.draft(step, &name(&body.group_id), joins)?;
        let before = draft.group.clone();
        let is_known = before.members.contains_key(&id);
        if !is_known && before.members.len() >= step.config().consumer_size_max {
            return Err((ErrorCode::GroupMaxSizeReached, "the group is full"));
        }
        let owned = body.topic_partitions.as_ref().map(|topics| owned_of(topics));
        subscribe(step, &mut draft, &id, body, owned.as_ref())?;
        let was = draft.group.members.get(&id).map(|member| (**member).clone());
        update_member(step, connection, &mut draft, &id, body);
        update_epoch(step, &mut draft, was.as_ref(), &id);
        if draft.group.epoch > draft.group.target_epoch {
            update_target(step, &mut draft);
        }
        self.reconcile(step, &mut draft, &id, owned.as_ref());
        let session = step.config().consumer_session_timeout;
        let key = TimerKey::Session(draft.name.clone(), id.clone());
        step.schedule(self.index(), key, session, TimerWork::Plain);

        let interval = step.config().consumer_heartbeat_interval.as_millis();
        let member = draft.group.members.get(&id).cloned().unwrap_or_default();
        let mut response = k::ConsumerGroupHeartbeatResponse::default()
            .with_member_id(Some(text(id.as_str())))
            .with_member_epoch(member.current.epoch)
            .with_heartbeat_interval_ms(i32::try_from(interval).unwrap_or(i32::MAX))
            .with_assignment(None);
        let is_full = joins
            || (body.rebalance_timeout_ms != -1
                && body.subscribed_topic_names.is_some()
                && body.topic_partitions.is_some());
        let assigned_before = was.map(|member| member.current.assigned).unwrap_or_default();
        if is_full || assigned_before != member.current.assigned {
            response.assignment = Some(assignment_of(&member.current.assigned));
        }
        if draft.group.epoch == before.epoch
            && let Some(group) = self.state.modern_mut(&draft.name)
        {
            group.looked_at = step.desk.image.end_offset();
        }
        Ok(draft.finish(Some(&before), Then::Answer { connection, body: response.into() }))
    }

    /// The group, if it is there, or may be made.
    fn draft(&mut self, step: &mut Step<'_>, name: &Name, joins: bool) -> Result<Draft, Refused> {
        let not_found = (ErrorCode::GroupIdNotFound, "there is no such consumer group");
        match self.state.groups.get(name).map(|group| &**group) {
            Some(Group::Modern(group)) => Ok(Draft::of(name.clone(), group.clone())),
            Some(Group::Classic(group)) if joins && group.is_empty() => {
                // An empty group changes its protocol with whoever comes first.
                let mut draft = Draft::of(name.clone(), ModernGroup::default());
                draft.records.push(GroupRecord::Classic { group: name.clone(), value: None });
                Ok(draft)
            }
            Some(Group::Classic(group)) if joins && Self::may_become_modern(step, group) => {
                self.make_modern(step, name).ok_or(not_found)
            }
            None if joins => Ok(Draft::of(name.clone(), ModernGroup::default())),
            Some(Group::Classic(_)) | None => Err(not_found),
        }
    }

    /// The member makes its next step, if it can.
    ///
    /// Source: Kafka 4.1, `maybeReconcile`.
    pub(crate) fn reconcile(
        &self,
        step: &mut Step<'_>,
        draft: &mut Draft,
        id: &Name,
        owned: Option<&Assigned>,
    ) {
        let Some(member) = draft.group.members.get(id).cloned() else { return };
        let target_epoch = draft.group.target_epoch;
        if member.is_reconciled_to(target_epoch) {
            return;
        }
        let target = draft.group.targets.get(id).cloned().unwrap_or_default();
        let has_no_barrier = step.has(Defect::NoRevocationBarrier);
        let owned_at = draft.group.owned_at.clone();
        // With its bookkeeping lost, what the member is about to give up seems free to itself.
        let forgets = step.has(Defect::PartitionEpochLost);
        let revoking = &member.current.revoking;
        let is_taken = |partition: TopicPartition| owned_at.contains_key(&partition);
        let seems_taken = |partition: TopicPartition| {
            let is_own = forgets && revoking.contains(&partition);
            !has_no_barrier && !is_own && is_taken(partition)
        };
        let reconciliation =
            Reconciliation { target_epoch, target: &target, owned, is_taken: &seems_taken };
        let next = reconciliation.next(&member.current);
        if has_no_barrier || forgets {
            let right = Reconciliation { is_taken: &is_taken, ..reconciliation };
            if right.next(&member.current) != next {
                step.acts(Defect::NoRevocationBarrier);
                step.acts(Defect::PartitionEpochLost);
            }
        }
        if next == member.current {
            return;
        }
        let key = TimerKey::Rebalance(draft.name.clone(), id.clone());
        if member.value.classic.is_some() {
            // It is waited for when it is called, and when it has joined.
        } else if next.state == MemberState::UnrevokedPartitions {
            let within = millis(member.value.rebalance_timeout_ms);
            let work = TimerWork::InEpoch(GroupEpoch(next.epoch));
            step.schedule(self.index(), key, within, work);
        } else {
            step.desk.timers.cancel(self.index(), &key);
        }
        write_current(step, draft, id, next);
    }
}

/// Writes a member's step.
pub(crate) fn write_current(step: &Step<'_>, draft: &mut Draft, id: &Name, next: CurrentValue) {
    draft.events.push(Kind::MemberReconciled {
        group: draft.name.clone(),
        member: id.clone(),
        epoch: GroupEpoch(next.epoch),
        partitions: next.assigned.iter().copied().collect(),
        revoking: next.revoking.iter().copied().collect(),
    });
    let (group, member) = (draft.name.clone(), id.clone());
    let value = Some(Box::new(next));
    draft.write(step, GroupRecord::Current { group, member, value });
}

/// Source: Kafka 4.1, `throwIfConsumerGroupHeartbeatRequestIsInvalid`.
fn check(step: &Step<'_>, body: &k::ConsumerGroupHeartbeatRequest) -> Result<(), Refused> {
    let invalid = |message| Err((ErrorCode::InvalidRequest, message));
    let is_empty = |text: Option<&kafka_protocol::protocol::StrBytes>| {
        text.is_some_and(|text| text.is_empty())
    };
    if body.group_id.is_empty() || body.member_id.is_empty() {
        return invalid("GroupId and MemberId can't be empty.");
    }
    if is_empty(body.instance_id.as_ref()) || is_empty(body.rack_id.as_ref()) {
        return invalid("InstanceId and RackId can't be empty.");
    }
    if body.member_epoch == 0 {
        if body.rebalance_timeout_ms == -1 {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        if body.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
        let has_names = body.subscribed_topic_names.as_ref().is_some_and(|all| !all.is_empty());
        let has_pattern = body.subscribed_topic_regex.as_ref().is_some_and(|all| !all.is_empty());
        if !has_names && !has_pattern {
            return invalid("SubscribedTopicNames or Regex must be set in first request.");
        }
    } else if body.member_epoch == LEAVE_STATIC && body.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    } else if body.member_epoch < LEAVE_STATIC {
        return invalid("MemberEpoch is invalid.");
    }
    if let Some(pattern) = body.subscribed_topic_regex.as_ref()
        && regex_lite::Regex::new(pattern).is_err()
    {
        let message = "SubscribedTopicRegex is not a valid regular expression.";
        return Err((ErrorCode::InvalidRegularExpression, message));
    }
    let assignors = &step.config().consumer_assignors;
    let is_known = |wanted: &str| assignors.iter().any(|name| name.as_str() == wanted);
    if body.server_assignor.as_ref().is_some_and(|wanted| !is_known(wanted)) {
        return Err((ErrorCode::UnsupportedAssignor, "ServerAssignor is not supported."));
    }
    Ok(())
}

/// Finds or makes the member that speaks.
///
/// Source: Kafka 4.1, `getOrMaybeSubscribeDynamicConsumerGroupMember`, its static sibling.
fn subscribe(
    step: &mut Step<'_>,
    draft: &mut Draft,
    id: &Name,
    body: &k::ConsumerGroupHeartbeatRequest,
    owned: Option<&Assigned>,
) -> Result<(), Refused> {
    let joins = body.member_epoch == 0;
    let unknown = (ErrorCode::UnknownMemberId, "the member is not known");
    let Some(instance) = maybe_name(body.instance_id.as_ref()) else {
        return match draft.group.members.get(id) {
            Some(member) => check_epoch(step, member, body.member_epoch, owned),
            None if joins => Ok(()),
            None => Err(unknown),
        };
    };
    let holder = draft.group.instances.get(&instance).cloned();
    let Some(holder) = holder else { return if joins { Ok(()) } else { Err(unknown) } };
    let member = draft.group.members.get(&holder).cloned().unwrap_or_default();
    if !joins {
        if holder != *id {
            return Err((ErrorCode::FencedInstanceId, "another member has its instance id"));
        }
        return check_epoch(step, &member, body.member_epoch, owned);
    }
    // Whoever comes with epoch 0 takes the place of one that left, were it its own: no epoch is
    // looked at, and one that has not left keeps the place even from itself. One of the classic
    // protocol gives it up to whoever comes by this one.
    if member.current.epoch != LEAVE_STATIC && member.value.classic.is_none() {
        let message = "the instance id is in use: its member has not left";
        return Err((ErrorCode::UnreleasedInstanceId, message));
    }
    replace(step, draft, &holder, id, &instance);
    Ok(())
}

/// A static member under a new id takes the place of the one before, with what it was to own.
///
/// Source: Kafka 4.1, `replaceMember`.
pub(crate) fn replace(
    step: &Step<'_>,
    draft: &mut Draft,
    holder: &Name,
    id: &Name,
    instance: &Name,
) {
    let member = draft.group.members.get(holder).cloned().unwrap_or_default();
    let target = draft.group.targets.get(holder).cloned().unwrap_or_default();
    draft.remove(step, holder, LeftBecause::Replaced);
    let group = || draft.name.clone();
    let current = CurrentValue { epoch: 0, previous_epoch: 0, ..member.current.clone() };
    let value = Some(Box::new(member.value.clone()));
    let records = [
        GroupRecord::Member { group: group(), member: id.clone(), value },
        GroupRecord::Target { group: group(), member: id.clone(), value: Some(target) },
    ];
    let joined = Kind::MemberJoined {
        group: draft.name.clone(),
        member: id.clone(),
        instance: Some(instance.clone()),
    };
    draft.events.push(joined);
    records.into_iter().for_each(|record| draft.write(step, record));
    write_current(step, draft, id, current);
}

/// Whether a member may go on with the epoch that it says.
///
/// Source: Kafka 4.1, `throwIfConsumerGroupMemberEpochIsInvalid`; since KAFKA-19233 a member that
/// was fenced, or thinks so, may rejoin with epoch 0.
fn check_epoch(
    step: &Step<'_>,
    member: &ModernMember,
    said: i32,
    owned: Option<&Assigned>,
) -> Result<(), Refused> {
    let current = &member.current;
    let fenced = Err((ErrorCode::FencedMemberEpoch, "the member must rejoin without partitions"));
    if said > current.epoch {
        return fenced;
    }
    if said == current.epoch || (said == 0 && !step.acts(Defect::FencedCannotRejoin)) {
        return Ok(());
    }
    // The answer that raised the epoch may have been lost.
    let owns_no_more = owned.is_some_and(|owned| owned.is_subset(&current.assigned));
    if said == current.previous_epoch && owns_no_more { Ok(()) } else { fenced }
}

/// What the member says of itself.
fn update_member(
    step: &Step<'_>,
    connection: ConnectionId,
    draft: &mut Draft,
    id: &Name,
    body: &k::ConsumerGroupHeartbeatRequest,
) {
    let before = draft.group.members.get(id).cloned();
    let known = before.as_ref();
    let mut value =
        known.map_or_else(|| ModernMember::default().value, |member| member.value.clone());
    if let Some(instance) = maybe_name(body.instance_id.as_ref()) {
        value.instance = Some(instance);
    }
    if let Some(rack) = maybe_name(body.rack_id.as_ref()) {
        value.rack = Some(rack);
    }
    if body.rebalance_timeout_ms != -1 {
        value.rebalance_timeout_ms = body.rebalance_timeout_ms;
    }
    if let Some(assignor) = maybe_name(body.server_assignor.as_ref()) {
        value.assignor = Some(assignor);
    }
    if let Some(topics) = &body.subscribed_topic_names {
        let topics: BTreeSet<Name> = topics.iter().map(|topic| name(topic)).collect();
        value.topics = topics.into_iter().collect();
    }
    if let Some(pattern) = maybe_name(body.subscribed_topic_regex.as_ref()) {
        value.pattern = Some(pattern).filter(|pattern| !pattern.as_str().is_empty());
    }
    value.client_id = step.config().client_id(connection.opener);
    value.client_host = host_of(connection);
    value.classic = None;
    write_member(step, draft, id, value);
}

/// Writes what a member says of itself, if that is news.
pub(crate) fn write_member(step: &Step<'_>, draft: &mut Draft, id: &Name, value: MemberValue) {
    let before = draft.group.members.get(id);
    if before.is_some_and(|member| member.value == value) {
        return;
    }
    if before.is_none() {
        draft.events.push(Kind::MemberJoined {
            group: draft.name.clone(),
            member: id.clone(),
            instance: value.instance.clone(),
        });
    }
    let (group, member) = (draft.name.clone(), id.clone());
    draft.write(step, GroupRecord::Member { group, member, value: Some(Box::new(value)) });
}

/// The group's epoch rises when the member is new, or its subscription or its topics changed;
/// `before` is the member as it was, or as it took over from the static member before it.
///
/// Source: Kafka 4.1, `hasMemberSubscriptionChanged`.
pub(crate) fn update_epoch(
    step: &Step<'_>,
    draft: &mut Draft,
    before: Option<&ModernMember>,
    id: &Name,
) {
    let subscription =
        |member: &ModernMember| (member.value.topics.clone(), member.value.pattern.clone());
    let after = draft.group.members.get(id).map(|member| subscription(member));
    let is_changed = before.map(subscription) != after;
    let image_end = step.desk.image.end_offset();
    if !is_changed && draft.group.looked_at == image_end {
        return;
    }
    let hash = metadata_hash(step, &draft.group);
    let has_new_topics = hash != draft.group.metadata_hash;
    draft.group.metadata_hash = hash;
    if is_changed || has_new_topics {
        draft.bump(step);
    }
}

/// The topics that a member subscribes to, of those that exist.
pub(crate) fn topics_of(step: &Step<'_>, member: &ModernMember) -> BTreeSet<TopicId> {
    let image = &step.desk.image;
    let named = member.value.topics.iter();
    let named = named.filter_map(|topic| image.topic_by_name(topic.as_str()));
    let mut topics: BTreeSet<TopicId> = named.map(|topic| topic.topic_id).collect();
    let pattern = member.value.pattern.as_ref();
    // It was checked when it came; the whole name must match, as in Kafka (RE2/J).
    let whole = pattern.map(|pattern| format!("^(?:{pattern})$"));
    if let Some(Ok(pattern)) = whole.map(|pattern| regex_lite::Regex::new(&pattern)) {
        let is_wanted = |name: &str| !name.starts_with("__") && pattern.is_match(name);
        let matching = image.topics().filter(|topic| is_wanted(topic.name.as_str()));
        topics.extend(matching.map(|topic| topic.topic_id));
    }
    topics
}

/// Tells the topics of a group, and how many partitions they have, from others (KIP-1101).
///
/// Differs from Kafka: the hash is our own, and says nothing of racks.
fn metadata_hash(step: &Step<'_>, group: &ModernGroup) -> i64 {
    let topics: BTreeSet<TopicId> =
        group.members.values().flat_map(|member| topics_of(step, member)).collect();
    let mut words = Vec::new();
    for topic in topics {
        let count = step.desk.image.topic(topic).map_or(0, |topic| topic.partitions);
        let id = topic.0;
        words.extend([(id >> 64) as u64, id as u64, u64::from(count.cast_unsigned())]);
    }
    if words.is_empty() { 0 } else { hash_words(&words).cast_signed() }
}

/// A target for the group's epoch.
///
/// Source: Kafka 4.1, `updateTargetAssignment`, `TargetAssignmentBuilder`.
pub(crate) fn update_target(step: &Step<'_>, draft: &mut Draft) {
    let mut subscribers = Subscribers::new();
    let mut partitions = BTreeMap::new();
    for (id, member) in &draft.group.members {
        let topics = topics_of(step, member);
        for topic in &topics {
            let count = step.desk.image.topic(*topic).map_or(0, |topic| topic.partitions);
            partitions.insert(*topic, count);
        }
        let target = draft.group.targets.get(id).cloned().unwrap_or_default();
        let instance = member.value.instance.clone();
        subscribers.insert(id.clone(), Subscriber { instance, topics, target });
    }
    let assignor = draft.group.assignor(step.config().consumer_assignors.first());
    let epoch = draft.group.epoch;
    let mut assignment = assign(assignor.as_str(), &subscribers, &partitions);
    if step.has(Defect::PartitionForgotten) {
        let last = assignment.values_mut().filter(|assigned| !assigned.is_empty()).last();
        if let Some(partition) = last.and_then(Assigned::pop_last) {
            Deed::note(Defect::PartitionForgotten, partition);
        }
    }
    for (member, assigned) in assignment {
        if draft.group.targets.get(&member) == Some(&assigned) {
            continue;
        }
        draft.events.push(Kind::AssignmentDecided {
            group: draft.name.clone(),
            member: member.clone(),
            epoch: GroupEpoch(epoch),
            partitions: assigned.iter().copied().collect(),
        });
        let group = draft.name.clone();
        draft.write(step, GroupRecord::Target { group, member, value: Some(assigned) });
    }
    let group = draft.name.clone();
    let began = Kind::AssignmentEpochBegan { group: group.clone(), epoch: GroupEpoch(epoch) };
    draft.events.push(began);
    draft.write(step, GroupRecord::TargetEpoch { group, value: Some(epoch) });
}

fn owned_of(topics: &[k::consumer_group_heartbeat_request::TopicPartitions]) -> Assigned {
    let all = topics.iter().flat_map(|topic| {
        let topic_id = topic_id(topic.topic_id);
        let partitions = topic.partitions.iter().map(|index| PartitionIndex(*index));
        partitions.map(move |partition| TopicPartition { topic_id, partition })
    });
    all.collect()
}

fn assignment_of(assigned: &Assigned) -> a::Assignment {
    let all: Vec<TopicPartition> = assigned.iter().copied().collect();
    let topics = all.chunk_by(|a, b| a.topic_id == b.topic_id).map(|partitions| {
        a::TopicPartitions::default()
            .with_topic_id(topic_uuid(partitions[0].topic_id))
            .with_partitions(partitions.iter().map(|each| each.partition.0).collect())
    });
    a::Assignment::default().with_topic_partitions(topics.collect())
}
