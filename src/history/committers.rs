//! Who has committed: a group's applications, or somebody else on their behalf.

use std::collections::BTreeMap;

use crate::event::{Event, Kind};
use crate::types::{HostId, Name, Offset, TopicPartition};

/// Whose offset: group, partition.
type Whose = (Name, TopicPartition);

/// Folds events into what was committed from outside of groups, by an administrator: it is no word
/// of the group's applications.
///
/// A commit without a member is one of these, unless a member has just asked for it: one that was
/// expelled may commit so while its group is empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Committers {
    /// What members have asked for and not been answered.
    asked: BTreeMap<Whose, BTreeMap<HostId, Offset>>,
    /// By the place in the coordinator's log: what was written from outside.
    outside: BTreeMap<Whose, BTreeMap<Offset, Offset>>,
}

impl Committers {
    /// The kinds that matter here.
    pub const KINDS: [&'static str; 3] = ["commit-asked", "commit-answered", "offset-appended"];

    /// Folds in `event`.
    pub fn apply(&mut self, event: &Event) {
        match &event.kind {
            Kind::CommitAsked { group, partition, offset, .. } => {
                let Some(host) = event.host else { return };
                let asked = self.asked.entry((group.clone(), *partition)).or_default();
                asked.insert(host, *offset);
            }
            Kind::CommitAnswered { group, partition, offset, .. } => {
                let Some(host) = event.host else { return };
                let asked = self.asked.get_mut(&(group.clone(), *partition));
                if let Some(asked) = asked.filter(|asked| asked.get(&host) == Some(offset)) {
                    asked.remove(&host);
                }
            }
            Kind::OffsetAppended { group, partition, offset, member, log_offset, .. } => {
                let whose = (group.clone(), *partition);
                let is_asked =
                    |asked: &BTreeMap<HostId, Offset>| asked.values().any(|it| it == offset);
                let is_outside = member.is_none() && !self.asked.get(&whose).is_some_and(is_asked);
                let known = self.outside.get_mut(&whose);
                if let Some(known) = known {
                    // What stood there before is cut off.
                    known.split_off(log_offset);
                }
                if is_outside {
                    self.outside.entry(whose).or_default().insert(*log_offset, *offset);
                }
            }
            _ => {}
        }
    }

    /// Whether what is committed at `log_offset` comes from outside. What stands before it is of no
    /// account any more.
    pub fn take(&mut self, group: &Name, partition: TopicPartition, log_offset: Offset) -> bool {
        let Some(known) = self.outside.get_mut(&(group.clone(), partition)) else { return false };
        let is_outside = known.remove(&log_offset).is_some();
        *known = known.split_off(&log_offset);
        is_outside
    }

    /// Whether `offset` was written from outside and nobody has said yet that it is committed: a
    /// member that begins there shows that it is.
    pub fn take_used(&mut self, group: &Name, partition: TopicPartition, offset: Offset) -> bool {
        let Some(known) = self.outside.get_mut(&(group.clone(), partition)) else { return false };
        let used = known.iter().rfind(|(_, written)| **written == offset);
        let Some(log_offset) = used.map(|(log_offset, _)| *log_offset) else { return false };
        self.take(group, partition, log_offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::script::{OFFSETS, ORDERS, READER, Script};
    use crate::types::{ErrorCode, GroupEpoch};

    fn appended(run: &mut Script, offset: i64, member: Option<&str>) {
        let kind = Kind::OffsetAppended {
            group: "g".into(),
            partition: ORDERS,
            offset: Offset(offset),
            member: member.map(Into::into),
            epoch: GroupEpoch(-1),
            log: OFFSETS,
            log_offset: Offset(offset),
        };
        run.add(HostId(1), kind);
    }

    fn fold(run: &Script) -> Committers {
        let mut committers = Committers::default();
        run.events().iter().for_each(|event| committers.apply(event));
        committers
    }

    #[test]
    fn a_commit_that_no_member_asked_for_comes_from_outside() {
        let (group, partition, offset) = (Name::from("g"), ORDERS, Offset(7));
        let mut run = Script::new();
        appended(&mut run, 6, Some("m"));
        appended(&mut run, 7, None);
        let mut committers = fold(&run);
        assert!(!committers.clone().take(&group, ORDERS, Offset(6)));
        assert!(committers.clone().take_used(&group, ORDERS, offset));
        assert!(committers.take(&group, ORDERS, offset));
        assert!(!committers.take(&group, ORDERS, offset));

        // A member that is none any more asks for it.
        let (member, epoch, automatic) = (Name::from("m"), -1, false);
        let asked = Kind::CommitAsked {
            group: group.clone(),
            member: member.clone(),
            epoch,
            partition,
            offset,
            automatic,
        };
        let mut run = Script::new();
        run.add(READER, asked);
        let mut late = run.clone();
        appended(&mut run, 7, None);
        assert!(!fold(&run).take(&group, ORDERS, offset));
        let error = ErrorCode::None;
        let answered =
            Kind::CommitAnswered { group: group.clone(), member, epoch, partition, offset, error };
        late.add(READER, answered);
        appended(&mut late, 7, None);
        assert!(fold(&late).take(&group, ORDERS, offset));
    }
}
