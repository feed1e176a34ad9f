//! What a shard knows: groups and offsets, as the records of its log say.

use std::sync::Arc;

use imbl::OrdMap;

use crate::message::{CommittedOffset, GroupRecord};
use crate::protocol::group::classic_group::ClassicGroup;
use crate::protocol::group::modern_group::ModernGroup;
use crate::types::{DefectSet, Name, PartitionIndex};

/// Whose offset: group, topic, partition.
pub(crate) type OffsetKey = (Name, Name, PartitionIndex);

/// Committed offsets by group, topic, partition.
pub(crate) type Offsets = OrdMap<OffsetKey, CommittedOffset>;

/// The offsets of one group.
pub(crate) fn offsets_of<'a>(
    offsets: &'a Offsets,
    group: &Name,
) -> impl Iterator<Item = (&'a OffsetKey, &'a CommittedOffset)> + use<'a> {
    let first = (group.clone(), "".into(), PartitionIndex(i32::MIN));
    let of = group.clone();
    offsets.range(first..).take_while(move |((group, ..), _)| *group == of)
}

/// What a shard knows. Cloning costs a few pointers.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) groups: OrdMap<Name, Arc<Group>>,
    pub(crate) offsets: Offsets,
}

/// A group, by either protocol.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Group {
    Classic(ClassicGroup),
    Modern(ModernGroup),
}

impl Group {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Classic(group) => group.is_empty(),
            Self::Modern(group) => group.members.is_empty(),
        }
    }
}

impl State {
    pub(crate) fn classic(&self, group: &Name) -> Option<&ClassicGroup> {
        match &**self.groups.get(group)? {
            Group::Classic(group) => Some(group),
            Group::Modern(_) => None,
        }
    }

    pub(crate) fn classic_mut(&mut self, group: &Name) -> Option<&mut ClassicGroup> {
        match Arc::make_mut(self.groups.get_mut(group)?) {
            Group::Classic(group) => Some(group),
            Group::Modern(_) => None,
        }
    }

    pub(crate) fn modern(&self, group: &Name) -> Option<&ModernGroup> {
        match &**self.groups.get(group)? {
            Group::Modern(group) => Some(group),
            Group::Classic(_) => None,
        }
    }

    pub(crate) fn modern_mut(&mut self, group: &Name) -> Option<&mut ModernGroup> {
        match Arc::make_mut(self.groups.get_mut(group)?) {
            Group::Modern(group) => Some(group),
            Group::Classic(_) => None,
        }
    }

    /// The group, made if there is none, or a simple one of consumers without membership.
    ///
    /// Source: Kafka 4.1, `getOrMaybeCreatePersistedConsumerGroup`.
    fn modern_or_new(&mut self, group: &Name) -> &mut ModernGroup {
        if self.modern(group).is_none() {
            self.groups.insert(group.clone(), Arc::new(Group::Modern(ModernGroup::default())));
        }
        self.modern_mut(group).expect("it was just made")
    }

    /// Follows what `record` says; the same records in the same order make the same state.
    ///
    /// Source: Kafka 4.1, the `replay` methods of `GroupMetadataManager`,
    /// `OffsetMetadataManager`.
    pub(crate) fn apply(&mut self, record: &GroupRecord, defects: DefectSet) {
        match record {
            GroupRecord::Offset { group, .. } => {
                let is_new = !self.groups.contains_key(group);
                if apply_offset(&mut self.offsets, record) && is_new {
                    let simple = Group::Classic(ClassicGroup::default());
                    self.groups.insert(group.clone(), Arc::new(simple));
                }
            }
            GroupRecord::Classic { group, value: Some(value) } => {
                let loaded = Group::Classic(ClassicGroup::from_record(value));
                self.groups.insert(group.clone(), Arc::new(loaded));
            }
            GroupRecord::Classic { group, value: None }
            | GroupRecord::GroupEpoch { group, value: None } => {
                self.groups.remove(group);
            }
            GroupRecord::GroupEpoch { group, value: Some(_) }
            | GroupRecord::Member { group, value: Some(_), .. }
            | GroupRecord::TargetEpoch { group, value: Some(_) }
            | GroupRecord::Target { group, value: Some(_), .. }
            | GroupRecord::Current { group, value: Some(_), .. } => {
                self.modern_or_new(group).apply(record, defects);
            }
            GroupRecord::Member { group, value: None, .. }
            | GroupRecord::TargetEpoch { group, value: None }
            | GroupRecord::Target { group, value: None, .. }
            | GroupRecord::Current { group, value: None, .. } => {
                if let Some(group) = self.modern_mut(group) {
                    group.apply(record, defects);
                }
            }
        }
    }
}

/// Follows a record of an offset; says whether one was written.
pub(crate) fn apply_offset(offsets: &mut Offsets, record: &GroupRecord) -> bool {
    let GroupRecord::Offset { group, topic, partition, value } = record else { return false };
    let key = (group.clone(), topic.clone(), *partition);
    match value {
        Some(value) => offsets.insert(key, value.clone()),
        None => offsets.remove(&key),
    };
    value.is_some()
}
