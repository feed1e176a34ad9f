//! How offsets and groups go: deleted by somebody, with their topic, or because nobody has
//! committed for offsets.retention.minutes.
//!
//! Source: Kafka 4.1, `OffsetMetadataManager.cleanupExpiredOffsets`, `deleteOffsets`,
//! `onPartitionsDeleted`, `GroupCoordinatorShard.deleteGroups`.

use std::collections::BTreeSet;

use kafka_protocol::messages as k;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::offset_delete_response as a;

use crate::event::{GroupProtocol, GroupState, Kind, OffsetGone};
use crate::message::{CommittedOffset, GroupRecord};
use crate::protocol::group::answer::{group_id, name};
use crate::protocol::group::classic_group::ClassicGroup;
use crate::protocol::group::consumer_protocol::CONSUMER;
use crate::protocol::group::desk::Step;
use crate::protocol::group::modern_join::topics_of;
use crate::protocol::group::operation::{Operation, Then};
use crate::protocol::group::shard::Shard;
use crate::protocol::group::state::{Group, OffsetKey, offsets_of};
use crate::protocol::group::timers::{TimerKey, TimerWork};
use crate::types::{ConnectionId, Defect, ErrorCode, GroupEpoch, Name, PartitionIndex};

impl Shard {
    /// DeleteGroups, those of this shard.
    pub(crate) fn on_delete_groups(
        &mut self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        groups: &[Name],
    ) {
        let (mut records, mut events) = (Vec::new(), Vec::new());
        let mut response = k::DeleteGroupsResponse::default();
        for group in groups {
            let error = match self.state.groups.get(group) {
                None => ErrorCode::GroupIdNotFound,
                Some(known) if !known.is_empty() => ErrorCode::NonEmptyGroup,
                Some(known) => {
                    let offsets = offsets_of(&self.state.offsets, group);
                    for (key, _) in offsets {
                        remove(step, key, OffsetGone::GroupDeleted, &mut records, &mut events);
                    }
                    records.extend(tombstones(group, known));
                    events.push(dead(group, known));
                    ErrorCode::None
                }
            };
            response.results.push(
                DeletableGroupResult::default()
                    .with_group_id(group_id(group))
                    .with_error_code(error.code()),
            );
        }
        let then = Then::Answer { connection, body: response.into() };
        self.carry_out(step, Operation::write(records, then).with_events(events));
    }

    /// OffsetDelete: of topics that no member subscribes to.
    pub(crate) fn on_offset_delete(
        &mut self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        body: &k::OffsetDeleteRequest,
    ) {
        let group = name(&body.group_id);
        let refused =
            |error: ErrorCode| k::OffsetDeleteResponse::default().with_error_code(error.code());
        let error = match self.state.groups.get(&group).map(|group| &**group) {
            None => Some(ErrorCode::GroupIdNotFound),
            Some(Group::Classic(classic)) if !classic.is_empty() && !is_consumer(classic) => {
                Some(ErrorCode::NonEmptyGroup)
            }
            Some(_) => None,
        };
        if let Some(error) = error {
            return step.answer(connection, refused(error).into());
        }
        let (mut records, mut events) = (Vec::new(), Vec::new());
        let mut response = k::OffsetDeleteResponse::default();
        for topic in &body.topics {
            let is_used = self.is_subscribed(step, &group, &name(&topic.name));
            let error = if is_used { ErrorCode::GroupSubscribedToTopic } else { ErrorCode::None };
            let mut answer = a::OffsetDeleteResponseTopic::default().with_name(topic.name.clone());
            for partition in &topic.partitions {
                let index = PartitionIndex(partition.partition_index);
                answer.partitions.push(
                    a::OffsetDeleteResponsePartition::default()
                        .with_partition_index(index.0)
                        .with_error_code(error.code()),
                );
                let key = (group.clone(), name(&topic.name), index);
                if !is_used && self.state.offsets.contains_key(&key) {
                    remove(step, &key, OffsetGone::Deleted, &mut records, &mut events);
                }
            }
            response.topics.push(answer);
        }
        let then = Then::Answer { connection, body: response.into() };
        self.carry_out(step, Operation::write(records, then).with_events(events));
    }

    fn is_subscribed(&self, step: &Step<'_>, group: &Name, topic: &Name) -> bool {
        match self.state.groups.get(group).map(|group| &**group) {
            Some(Group::Classic(classic)) => !classic.is_empty() && classic.is_subscribed_to(topic),
            Some(Group::Modern(modern)) => {
                let known = step.desk.image.topic_by_name(topic.as_str());
                let Some(known) = known.map(|topic| topic.topic_id) else { return false };
                modern.members.values().any(|member| topics_of(step, member).contains(&known))
            }
            None => false,
        }
    }

    /// Offsets of topics that are no more go.
    pub(crate) fn forget_topics(&mut self, step: &mut Step<'_>, topics: &BTreeSet<Name>) {
        let (mut records, mut events) = (Vec::new(), Vec::new());
        for (key, _) in
            self.state.offsets.iter().filter(|((_, topic, _), _)| topics.contains(topic))
        {
            remove(step, key, OffsetGone::TopicDeleted, &mut records, &mut events);
        }
        self.carry_out(step, Operation::write(records, Then::Nothing).with_events(events));
    }

    /// Offsets that nobody has committed anew for long go, and with the last of them its group.
    pub(crate) fn expire_offsets(&mut self, step: &mut Step<'_>) {
        let every = step.config().offsets_retention_check_interval;
        step.schedule(self.index(), TimerKey::Retention, every, TimerWork::Plain);
        let (mut records, mut events) = (Vec::new(), Vec::new());
        for (group, known) in &self.state.groups {
            let offsets: Vec<_> = offsets_of(&self.state.offsets, group).collect();
            let gone: Vec<_> = offsets
                .iter()
                .filter(|(key, value)| self.is_expired(step, known, &key.1, value))
                .collect();
            for (key, _) in &gone {
                remove(step, key, OffsetGone::Expired, &mut records, &mut events);
            }
            if gone.len() == offsets.len() && known.is_empty() {
                records.extend(tombstones(group, known));
                events.push(dead(group, known));
            }
        }
        self.carry_out(step, Operation::write(records, Then::Nothing).with_events(events));
    }

    /// Source: Kafka 4.1, the groups' `offsetExpirationCondition`.
    fn is_expired(
        &self,
        step: &Step<'_>,
        group: &Group,
        topic: &Name,
        value: &CommittedOffset,
    ) -> bool {
        let retention = step.config().offsets_retention.as_millis();
        let retention = i64::try_from(retention).unwrap_or(i64::MAX);
        let is_old = |since: i64| step.now.wall.millis().saturating_sub(since) >= retention;
        match group {
            Group::Classic(classic) if classic.protocol_type.is_none() => {
                is_old(value.commit_timestamp)
            }
            Group::Classic(classic) => match classic.state {
                GroupState::Empty => is_old(classic.since.unwrap_or(value.commit_timestamp)),
                GroupState::Stable => {
                    is_consumer(classic)
                        && classic.subscribed.is_some()
                        && !classic.is_subscribed_to(topic)
                        && is_old(value.commit_timestamp)
                }
                // Whoever is about to rejoin may still want them (KAFKA-13636).
                GroupState::PreparingRebalance | GroupState::CompletingRebalance => {
                    is_old(value.commit_timestamp) && step.acts(Defect::OffsetsExpireInRebalance)
                }
                GroupState::Assigning | GroupState::Reconciling | GroupState::Dead => false,
            },
            Group::Modern(modern) => {
                let known = step.desk.image.topic_by_name(topic.as_str());
                let known = known.map(|topic| topic.topic_id);
                let is_used = modern.members.values().any(|member| {
                    known.is_some_and(|topic| topics_of(step, member).contains(&topic))
                });
                !is_used && is_old(value.commit_timestamp)
            }
        }
    }
}

fn is_consumer(classic: &ClassicGroup) -> bool {
    classic.protocol_type.as_ref().is_some_and(|kind| kind.as_str() == CONSUMER)
}

fn tombstones(group: &Name, known: &Group) -> Vec<GroupRecord> {
    match known {
        Group::Classic(_) => vec![GroupRecord::Classic { group: group.clone(), value: None }],
        Group::Modern(modern) => modern.tombstones(group),
    }
}

/// The group is no more.
fn dead(group: &Name, known: &Group) -> Kind {
    let (protocol, epoch) = match known {
        Group::Classic(classic) => (GroupProtocol::Classic, classic.generation),
        Group::Modern(modern) => (GroupProtocol::Consumer, modern.epoch),
    };
    let (group, state, epoch) = (group.clone(), GroupState::Dead, GroupEpoch(epoch));
    Kind::GroupStateChanged { group, protocol, state, epoch, members: 0 }
}

fn remove(
    step: &Step<'_>,
    key: &OffsetKey,
    because: OffsetGone,
    records: &mut Vec<GroupRecord>,
    events: &mut Vec<Kind>,
) {
    let (group, topic, partition) = key.clone();
    events.push(Kind::OffsetRemoved {
        group: group.clone(),
        partition: step.partition(&topic, partition),
        because,
    });
    records.push(GroupRecord::Offset { group, topic, partition, value: None });
}
