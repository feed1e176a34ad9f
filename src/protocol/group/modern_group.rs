//! A group of KIP-848: members, the assignment aimed at, who owns what.
//!
//! Source: Kafka 4.1, `ConsumerGroup`, `ModernGroup`, `ConsumerGroupMember`.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;

use crate::event::GroupState;
use crate::message::{Assigned, CurrentValue, GroupRecord, MemberState, MemberValue};
use crate::types::{Deed, Defect, DefectSet, Name, Offset, TopicPartition};

/// The epoch with which a member leaves (`LEAVE_GROUP_MEMBER_EPOCH`).
pub(crate) const LEAVE: i32 = -1;
/// The epoch with which a static member leaves for a while (`LEAVE_GROUP_STATIC_MEMBER_EPOCH`).
pub(crate) const LEAVE_STATIC: i32 = -2;

/// A group of KIP-848. Cloning costs a few pointers.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModernGroup {
    /// Grows with every change of members or topics.
    pub(crate) epoch: i32,
    /// Of the topics subscribed to, when the epoch began.
    pub(crate) metadata_hash: i64,
    /// The epoch for which the target was computed.
    pub(crate) target_epoch: i32,
    pub(crate) members: OrdMap<Name, Arc<ModernMember>>,
    /// Members by instance id.
    pub(crate) instances: OrdMap<Name, Name>,
    /// What each member shall own.
    pub(crate) targets: OrdMap<Name, Assigned>,
    /// The member epoch at which each partition is owned, or has yet to be given up.
    pub(crate) owned_at: OrdMap<TopicPartition, i32>,
    /// The image as of which the topics were last looked at; not in the log.
    pub(crate) looked_at: Offset,
}

/// Two groups are equal when their records are.
impl PartialEq for ModernGroup {
    fn eq(&self, other: &Self) -> bool {
        (self.epoch, self.metadata_hash, self.target_epoch)
            == (other.epoch, other.metadata_hash, other.target_epoch)
            && self.members == other.members
            && self.targets == other.targets
            && self.owned_at == other.owned_at
    }
}

/// A member of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ModernMember {
    pub(crate) value: MemberValue,
    pub(crate) current: CurrentValue,
}

impl Default for ModernMember {
    /// Somebody who has not said anything yet.
    fn default() -> Self {
        Self {
            value: MemberValue {
                instance: None,
                rack: None,
                client_id: "".into(),
                client_host: "".into(),
                topics: Vec::new(),
                pattern: None,
                rebalance_timeout_ms: -1,
                assignor: None,
                classic: None,
            },
            current: CurrentValue {
                epoch: 0,
                previous_epoch: 0,
                state: MemberState::Stable,
                assigned: Assigned::new(),
                revoking: Assigned::new(),
            },
        }
    }
}

impl ModernMember {
    /// Whether it has all of the target of `epoch`.
    pub(crate) fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.current.state == MemberState::Stable && self.current.epoch == epoch
    }
}

impl ModernGroup {
    /// Source: Kafka 4.1, `ConsumerGroup.maybeUpdateGroupState`.
    pub(crate) fn state(&self) -> GroupState {
        if self.members.is_empty() {
            GroupState::Empty
        } else if self.epoch > self.target_epoch {
            GroupState::Assigning
        } else if self.members.values().all(|member| member.is_reconciled_to(self.target_epoch)) {
            GroupState::Stable
        } else {
            GroupState::Reconciling
        }
    }

    /// The assignor that most members want, or, if none wants any, the coordinator's first one.
    ///
    /// Source: Kafka 4.1, `ConsumerGroup.preferredServerAssignor`.
    pub(crate) fn assignor(&self, default: Option<&Name>) -> Name {
        let mut votes: BTreeMap<&Name, usize> = BTreeMap::new();
        for assignor in self.members.values().filter_map(|member| member.value.assignor.as_ref()) {
            *votes.entry(assignor).or_default() += 1;
        }
        let most = votes.values().copied().max();
        let preferred = votes.into_iter().find(|(_, count)| Some(*count) == most);
        let preferred = preferred.map(|(name, _)| name).or(default);
        preferred.cloned().unwrap_or_else(|| "uniform".into())
    }

    /// Whether a member with these protocols, the liked one first, can work with the members of
    /// the classic protocol that are there.
    ///
    /// Source: Kafka 4.1, `ConsumerGroup.supportsClassicProtocols`.
    pub(crate) fn supports_classic(&self, protocols: &[&Name]) -> bool {
        let is_common = |name: &Name| {
            let mut classic = self.members.values().filter_map(|it| it.value.classic.as_ref());
            classic.all(|classic| classic.protocols.iter().any(|(own, _)| own == name))
        };
        protocols.iter().any(|name| is_common(name))
    }

    /// Whether others still have what a member waits for.
    ///
    /// Source: Kafka 4.1, `ConsumerGroup.waitingOnUnreleasedPartition`.
    pub(crate) fn waits_for_others(&self, id: &Name, member: &ModernMember) -> bool {
        let target = self.targets.get(id).cloned().unwrap_or_default();
        let mut awaited = target.difference(&member.current.assigned);
        awaited.any(|partition| self.owned_at.contains_key(partition))
    }

    pub(crate) fn set_member(&mut self, id: &Name, value: &MemberValue) {
        let before = self.members.get(id).map(|member| (**member).clone());
        if let Some(instance) = before.as_ref().and_then(|member| member.value.instance.as_ref()) {
            self.instances.remove(instance);
        }
        if let Some(instance) = &value.instance {
            self.instances.insert(instance.clone(), id.clone());
        }
        let member = ModernMember { value: value.clone(), ..before.unwrap_or_default() };
        self.members.insert(id.clone(), Arc::new(member));
    }

    pub(crate) fn remove_member(&mut self, id: &Name) {
        let Some(member) = self.members.remove(id) else { return };
        if let Some(instance) = &member.value.instance
            && self.instances.get(instance) == Some(id)
        {
            self.instances.remove(instance);
        }
    }

    /// A member's step on its way, or (`None`) nothing of it any more.
    ///
    /// Source: Kafka 4.1, `maybeUpdatePartitionEpoch`, `removePartitionEpochs`.
    pub(crate) fn set_current(
        &mut self,
        id: &Name,
        value: Option<&CurrentValue>,
        defects: DefectSet,
    ) {
        let mut member = self.members.get(id).map(|member| (**member).clone()).unwrap_or_default();
        let before = member.current;
        let is_known = self.members.contains_key(id);
        member.current = value.cloned().unwrap_or_else(|| ModernMember::default().current);
        let after = member.current.clone();
        let forgotten = |own: &mut Self, partitions: &Assigned, epoch: i32| {
            for partition in partitions {
                if own.owned_at.get(partition) == Some(&epoch) {
                    own.owned_at.remove(partition);
                }
            }
        };
        if defects.has(Defect::PartitionEpochLost) {
            forgotten(self, &before.assigned, before.epoch);
            for partition in after.assigned.union(&after.revoking) {
                self.owned_at.insert(*partition, after.epoch);
            }
            // What comes back from being revoked loses its epoch, and seems free.
            for partition in before.revoking.intersection(&after.assigned) {
                Deed::note(Defect::PartitionEpochLost, *partition);
                self.owned_at.remove(partition);
            }
            for partition in before.revoking.difference(&after.assigned) {
                if !after.revoking.contains(partition) {
                    self.owned_at.remove(partition);
                }
            }
        } else {
            forgotten(self, &before.assigned, before.epoch);
            forgotten(self, &before.revoking, before.epoch);
            for partition in after.assigned.union(&after.revoking) {
                self.owned_at.insert(*partition, after.epoch);
            }
        }
        if value.is_some() || is_known {
            self.members.insert(id.clone(), Arc::new(member));
        }
    }

    /// Follows a record about this group; one that takes the group away is not for it.
    pub(crate) fn apply(&mut self, record: &GroupRecord, defects: DefectSet) {
        match record {
            GroupRecord::GroupEpoch { value: Some((epoch, hash)), .. } => {
                (self.epoch, self.metadata_hash) = (*epoch, *hash);
            }
            GroupRecord::Member { member, value: Some(value), .. } => {
                self.set_member(member, value);
            }
            GroupRecord::Member { member, value: None, .. } => self.remove_member(member),
            GroupRecord::TargetEpoch { value, .. } => self.target_epoch = value.unwrap_or(0),
            GroupRecord::Target { member, value: Some(assigned), .. } => {
                self.targets.insert(member.clone(), assigned.clone());
            }
            GroupRecord::Target { member, value: None, .. } => {
                self.targets.remove(member);
            }
            GroupRecord::Current { member, value, .. } => {
                self.set_current(member, value.as_deref(), defects);
            }
            GroupRecord::GroupEpoch { value: None, .. }
            | GroupRecord::Offset { .. }
            | GroupRecord::Classic { .. } => {}
        }
    }

    /// The records that take a member away.
    pub(crate) fn member_tombstones(group: &Name, member: &Name) -> [GroupRecord; 3] {
        let (group, member) = (|| group.clone(), || member.clone());
        [
            GroupRecord::Current { group: group(), member: member(), value: None },
            GroupRecord::Target { group: group(), member: member(), value: None },
            GroupRecord::Member { group: group(), member: member(), value: None },
        ]
    }

    /// The records that take the group away.
    pub(crate) fn tombstones(&self, group: &Name) -> Vec<GroupRecord> {
        let members = self.members.keys();
        let mut records: Vec<_> =
            members.flat_map(|member| Self::member_tombstones(group, member)).collect();
        records.push(GroupRecord::TargetEpoch { group: group.clone(), value: None });
        records.push(GroupRecord::GroupEpoch { group: group.clone(), value: None });
        records
    }
}
