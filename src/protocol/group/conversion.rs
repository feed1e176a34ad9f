//! How a group with members changes its protocol: to KIP-848 with the first member that comes by
//! it, and back with the last that goes.
//!
//! Source: Kafka 4.1, `GroupMetadataManager.convertToConsumerGroup`, `convertToClassicGroup`,
//! `ConsumerGroup.fromClassicGroup`, `ClassicGroup.fromConsumerGroup`.

use std::sync::Arc;

use kafka_protocol::messages::ConsumerProtocolSubscription;

use crate::event::{GroupState, Kind, LeftBecause};
use crate::message::convert::{self, assignment_of_places};
use crate::message::{
    Assigned, ClassicMetadata, CurrentValue, GroupRecord, MemberState, MemberValue,
};
use crate::protocol::group::answer::{join_refused, maybe_name, name, sync_refused};
use crate::protocol::group::classic_group::{ClassicGroup, ClassicMember, millis};
use crate::protocol::group::consumer_protocol::{CONSUMER, assigned_partitions};
use crate::protocol::group::desk::Step;
use crate::protocol::group::modern_group::{ModernGroup, ModernMember};
use crate::protocol::group::modern_join::Draft;
use crate::protocol::group::operation::{Operation, Then};
use crate::protocol::group::shard::Shard;
use crate::protocol::group::state::Group;
use crate::protocol::group::timers::{TimerKey, TimerWork};
use crate::types::{ErrorCode, GroupEpoch, Name, TopicPartition};

impl ClassicMember {
    /// The member as a group of KIP-848 has it, in `generation` with the assignment it was given.
    fn to_modern(&self, step: &Step<'_>, protocol: Option<&Name>, generation: i32) -> ModernMember {
        let said = convert::unframed::<ConsumerProtocolSubscription>(&self.metadata(protocol));
        let said = said.unwrap_or_default();
        let mut topics: Vec<Name> = said.topics.iter().map(|topic| name(topic)).collect();
        topics.sort();
        let places = assigned_partitions(self.assignment.clone()).unwrap_or_default();
        let image = &step.desk.image;
        let assigned = places.iter().filter_map(|(topic, partition)| {
            let topic_id = image.topic_by_name(topic.as_str())?.topic_id;
            Some(TopicPartition { topic_id, partition: *partition })
        });
        ModernMember {
            value: MemberValue {
                instance: self.instance.clone(),
                rack: maybe_name(said.rack_id.as_ref()),
                client_id: self.client_id.clone(),
                client_host: self.client_host.clone(),
                topics,
                pattern: None,
                rebalance_timeout_ms: self.rebalance_timeout_ms,
                assignor: None,
                classic: Some(ClassicMetadata {
                    session_timeout_ms: self.session_timeout_ms,
                    protocols: self.protocols.clone(),
                }),
            },
            current: CurrentValue {
                epoch: generation,
                previous_epoch: generation,
                state: MemberState::Stable,
                assigned: assigned.collect(),
                revoking: Assigned::new(),
            },
        }
    }

    /// The other way, with what it is to own.
    fn of_modern(step: &Step<'_>, member: &ModernMember, target: &Assigned) -> Option<Self> {
        let value = &member.value;
        let classic = value.classic.as_ref()?;
        Some(Self {
            instance: value.instance.clone(),
            client_id: value.client_id.clone(),
            client_host: value.client_host.clone(),
            rebalance_timeout_ms: value.rebalance_timeout_ms,
            session_timeout_ms: classic.session_timeout_ms,
            protocols: classic.protocols.clone(),
            assignment: assignment_of_places(&step.places(target)),
            join: None,
            sync: None,
            is_new: false,
        })
    }
}

impl Shard {
    /// Whether a group of the classic protocol takes a member of KIP-848 in.
    ///
    /// Source: Kafka 4.1, `validateOnlineUpgrade`.
    pub(crate) fn may_become_modern(step: &Step<'_>, classic: &ClassicGroup) -> bool {
        let is_consumer = classic.protocol_type.as_ref().is_some_and(|it| it.as_str() == CONSUMER);
        step.config().migration.upgrades
            && is_consumer
            && classic.members.len() <= step.config().consumer_size_max
    }

    /// The group as one of KIP-848. Members keep what they have, in the epoch that was their
    /// generation; those who wait in a rebalance are sent to join again.
    pub(crate) fn make_modern(&mut self, step: &mut Step<'_>, group: &Name) -> Option<Draft> {
        let index = self.index();
        let classic = self.state.classic_mut(group)?;
        for (id, member) in &mut classic.members {
            let error = ErrorCode::RebalanceInProgress;
            if let Some(connection) = member.join.take() {
                step.answer(connection, join_refused(id.as_str(), error));
            }
            if let Some(connection) = member.sync.take() {
                step.answer(connection, sync_refused(error));
            }
        }
        let protocol = classic.protocol.clone().or_else(|| classic.select_protocol());
        let generation = classic.generation;
        let members: Vec<(Name, ModernMember)> = classic
            .members
            .iter()
            .map(|(id, member)| (id.clone(), member.to_modern(step, protocol.as_ref(), generation)))
            .collect();
        for (id, member) in &members {
            let session = member.value.classic.as_ref().map_or(0, |it| it.session_timeout_ms);
            let key = TimerKey::Session(group.clone(), id.clone());
            step.schedule(index, key, millis(session), TimerWork::Plain);
        }
        let mut draft = Draft::of(group.clone(), ModernGroup::default());
        draft.is_converted = true;
        draft.records.push(GroupRecord::Classic { group: group.clone(), value: None });
        write_group(step, &mut draft, generation, &members);
        Some(draft)
    }

    /// Whether the group goes back to the classic protocol when `leaving` goes, or `joining` takes
    /// its place.
    ///
    /// Source: Kafka 4.1, `validateOnlineDowngradeWithFencedMember`,
    /// `validateOnlineDowngradeWithReplacedMemberId`.
    pub(crate) fn may_become_classic(
        &self,
        step: &Step<'_>,
        modern: &ModernGroup,
        leaving: &Name,
        joining: Option<&Name>,
    ) -> bool {
        let is_classic = |member: &ModernMember| member.value.classic.is_some();
        let others = modern.members.iter().filter(|(id, _)| *id != leaving);
        let is_last = modern.members.get(leaving).is_some_and(|member| !is_classic(member))
            && others.clone().all(|(_, member)| is_classic(member));
        let left = others.count() + usize::from(joining.is_some());
        is_last && left > 0 && step.config().migration.downgrades && left <= step.config().size_max
    }

    /// The last member of KIP-848 goes: the others rebalance by the classic protocol.
    pub(crate) fn left_to_classic(
        &mut self,
        step: &mut Step<'_>,
        group: &Name,
        modern: &ModernGroup,
        (leaving, because): (&Name, LeftBecause),
        then: Then,
    ) -> Operation {
        self.forget_timers(step, group, leaving);
        let members = modern.members.iter().filter(|(id, _)| *id != leaving);
        let members: Vec<_> = members
            .filter_map(|(id, member)| {
                let target = modern.targets.get(id).cloned().unwrap_or_default();
                Some((id.clone(), ClassicMember::of_modern(step, member, &target)?))
            })
            .collect();
        let (group, member) = (group.clone(), leaving.clone());
        let left = Kind::MemberLeft { group: group.clone(), member, because };
        let before = self.state.clone();
        let mut records = modern.tombstones(&group);
        records.push(self.become_classic(step, &group, modern.epoch, members));
        let none = self.prepare_rebalance(step, &group);
        debug_assert!(none.is_none(), "members have yet to join");
        let operation = Operation::write(records, then).with_events(vec![left]);
        Operation { replays: false, undo: Some((group, before)), ..operation }
    }

    /// The last member of KIP-848, a static one, came back by the classic protocol: it has its
    /// place, and nobody else notices.
    pub(crate) fn replaced_by_classic(
        &mut self,
        step: &mut Step<'_>,
        draft: Draft,
        modern: &ModernGroup,
        replaced: &Name,
        joining: &Name,
        then: Then,
    ) -> Operation {
        let Draft { name: group, group: drafted, mut records, events, .. } = draft;
        self.forget_timers(step, &group, replaced);
        let members = modern.members.iter().map(|(id, member)| {
            let target = modern.targets.get(id).cloned().unwrap_or_default();
            if id == replaced {
                let member = drafted.members.get(joining).cloned().unwrap_or_default();
                (joining.clone(), ClassicMember::of_modern(step, &member, &target))
            } else {
                (id.clone(), ClassicMember::of_modern(step, member, &target))
            }
        });
        let members: Vec<_> =
            members.filter_map(|(id, member)| member.map(|member| (id, member))).collect();
        let before = self.state.clone();
        records.extend(drafted.tombstones(&group));
        records.push(self.become_classic(step, &group, modern.epoch, members));
        let operation = Operation::write(records, then).with_events(events);
        Operation { replays: false, undo: Some((group, before)), ..operation }
    }

    /// The group is one of the classic protocol from now on; says how it is written down.
    fn become_classic(
        &mut self,
        step: &mut Step<'_>,
        group: &Name,
        generation: i32,
        members: Vec<(Name, ClassicMember)>,
    ) -> GroupRecord {
        let mut classic = ClassicGroup {
            state: GroupState::Stable,
            since: Some(step.now.wall.millis()),
            generation,
            ..ClassicGroup::default()
        };
        for (id, member) in members {
            self.expect_heartbeat(step, group, &id, member.session_timeout());
            classic.add(id, CONSUMER, member);
        }
        classic.choose_protocol();
        let value = Some(Box::new(classic.to_record(&classic.assignments())));
        self.state.groups.insert(group.clone(), Arc::new(Group::Classic(classic)));
        self.tell_state(step, group);
        GroupRecord::Classic { group: group.clone(), value }
    }
}

/// The records of a group that was of the classic protocol, in Kafka's order.
///
/// Source: Kafka 4.1, `ConsumerGroup.createConsumerGroupRecords`.
fn write_group(
    step: &Step<'_>,
    draft: &mut Draft,
    generation: i32,
    members: &[(Name, ModernMember)],
) {
    let group = || draft.name.clone();
    let mut records = Vec::new();
    for (id, member) in members {
        let value = Some(Box::new(member.value.clone()));
        records.push(GroupRecord::Member { group: group(), member: id.clone(), value });
    }
    records.push(GroupRecord::GroupEpoch { group: group(), value: Some((generation, 0)) });
    for (id, member) in members {
        let value = Some(member.current.assigned.clone());
        records.push(GroupRecord::Target { group: group(), member: id.clone(), value });
    }
    records.push(GroupRecord::TargetEpoch { group: group(), value: Some(generation) });
    for (id, member) in members {
        let value = Some(Box::new(member.current.clone()));
        records.push(GroupRecord::Current { group: group(), member: id.clone(), value });
    }
    let epoch = GroupEpoch(generation);
    let mut events = vec![Kind::AssignmentEpochBegan { group: group(), epoch }];
    events.extend(members.iter().map(|(id, member)| Kind::MemberReconciled {
        group: group(),
        member: id.clone(),
        epoch,
        partitions: member.current.assigned.iter().copied().collect(),
        revoking: Vec::new(),
    }));
    draft.events.extend(events);
    records.into_iter().for_each(|record| draft.write(step, record));
}
