//! exclusive-ownership.
//!
//! A coordinator gives no partition to two members of a group at once: in one generation of the
//! classic protocol, and in KIP-848 until whoever had it has let go of it or is no member any more.
//!
//! Compared: what a leader's assignment gives to each member of its generation, as far as it is
//! one of consumers; what each member of KIP-848 owns or has yet to give up, at each step of any
//! of them; and what members take with what others have not given up.
//!
//! The boundary case: a member that its coordinator has expelled may go on with what it had, and
//! not know it; what it commits is refused (commit-fenced).

use std::collections::BTreeMap;

use crate::check::groups::roster::{Groups, kinds_with_roster};
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, GroupProtocol, Kind};
use crate::types::{GroupEpoch, HostId, Name, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExclusiveOwnership {
    groups: Groups,
    /// Who was given what in the generation that began last.
    generations: BTreeMap<(Name, HostId), Generation>,
}

#[derive(Clone, Debug)]
struct Generation {
    epoch: GroupEpoch,
    given: BTreeMap<TopicPartition, (Name, u64)>,
}

const INFO: Info = Info {
    name: "exclusive-ownership",
    statement: "no partition is given to two members of a group at once",
    source: "KIP-429, KIP-848; Kafka 4.1, CurrentAssignmentBuilder, ConsumerGroup",
    premise: "members are those whom the coordinator has not expelled",
    kinds: kinds_with_roster!["assignment-decided", "partition-taken",],
    is_liveness: false,
};

impl Property for ExclusiveOwnership {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        self.groups.on_event(event);
        let Some(host) = event.host else { return };
        if let Kind::PartitionTaken { group, member, partition, .. } = &event.kind {
            self.on_taken(event, (group, *partition), (host, member), view, findings);
        } else if let Kind::MemberReconciled { group, member, .. } = &event.kind {
            self.on_reconciled(event, host, group, member, view, findings);
        } else if let Kind::AssignmentDecided { group, member, epoch, partitions } = &event.kind {
            let known = self.groups.get(group, host);
            if known.is_none_or(|known| known.protocol != GroupProtocol::Classic) {
                return;
            }
            let fresh = || Generation { epoch: *epoch, given: BTreeMap::new() };
            let generation = self.generations.entry((group.clone(), host)).or_insert_with(fresh);
            if generation.epoch != *epoch {
                *generation = fresh();
            }
            for partition in partitions {
                let given = (member.clone(), event.index);
                let before = generation.given.insert(*partition, given);
                findings.exercised();
                let Some((other, first)) = before.filter(|(other, _)| other != member) else {
                    continue;
                };
                let subject = subject(group, [member, &other], *partition);
                let partition = view.model.partition_name(*partition);
                let sentence = format!(
                    "{partition} is given to {} and to {} in generation {epoch} of group {group}",
                    view.model.member_name(member),
                    view.model.member_name(&other)
                );
                findings.violated(subject, sentence, [first, event.index]);
            }
        }
    }

    clone_box!();
}

impl ExclusiveOwnership {
    /// A member takes a partition: nobody else may have it whom the coordinator still counts.
    fn on_taken(
        &self,
        event: &Event,
        (group, partition): (&Name, TopicPartition),
        (host, member): (HostId, &Name),
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let latest = self.groups.latest(&view.model.coordinators);
        let Some(known) = latest.get(group) else { return };
        findings.exercised();
        for (other, theirs) in &view.model.group_members {
            let has = theirs.group == *group && theirs.owned.contains(&partition);
            // Who has not followed the others into a generation finds out that it is over.
            let is_late = known.protocol == GroupProtocol::Classic && theirs.epoch != known.epoch.0;
            let counts = |member: &Name| known.members.contains_key(member);
            if *other == host || !has || is_late || !counts(&theirs.member) || !counts(member) {
                continue;
            }
            let name = |host: HostId| view.model.setup().host_name(Some(host));
            let sentence = format!(
                "{} takes {} in group {group}, and {} has it still",
                name(host),
                view.model.partition_name(partition),
                name(*other)
            );
            let subject = subject(group, [member, &theirs.member], partition);
            findings.violated(subject, sentence, [event.index]);
        }
    }

    fn on_reconciled(
        &self,
        event: &Event,
        host: HostId,
        group: &Name,
        member: &Name,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let Some(known) = self.groups.get(group, host) else { return };
        let Some(own) = known.members.get(member) else { return };
        findings.exercised();
        for (other, theirs) in known.members.iter().filter(|(other, _)| *other != member) {
            let both = own.owned.iter().find(|partition| theirs.owned.contains(partition));
            if let Some(partition) = both {
                let subject = subject(group, [member, other], *partition);
                let partition = view.model.partition_name(*partition);
                let sentence = format!(
                    "{partition} is given to {} of group {group} while {} has yet to let go of it",
                    view.model.member_name(member),
                    view.model.member_name(other)
                );
                findings.violated(subject, sentence, [theirs.event, event.index]);
            }
        }
    }
}

fn subject(group: &Name, members: [&Name; 2], partition: TopicPartition) -> Subject {
    Subject::Group {
        group: group.clone(),
        members: members.map(Name::clone).to_vec(),
        partition: Some(partition),
        offset: None,
        log: None,
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{ORDERS, Script};
    use crate::event::{GroupProtocol, GroupState, Kind, LeftBecause};
    use crate::types::{GroupEpoch, HostId, TopicPartition};

    const COORDINATOR: HostId = HostId(1);

    fn reconciled(run: &mut Script, member: &str, has: &[TopicPartition]) {
        let kind = Kind::MemberReconciled {
            group: "g".into(),
            member: member.into(),
            epoch: GroupEpoch(2),
            partitions: has.to_vec(),
            revoking: Vec::new(),
        };
        run.add(COORDINATOR, kind);
    }

    #[test]
    fn a_partition_that_was_let_go_or_whose_owner_left_may_be_given() {
        let mut run = Script::new();
        assert_eq!(run.outcome("exclusive-ownership"), "not exercised");
        reconciled(&mut run, "a", &[ORDERS]);
        reconciled(&mut run, "a", &[]);
        reconciled(&mut run, "b", &[ORDERS]);
        let because = LeftBecause::SessionExpired;
        run.add(COORDINATOR, Kind::MemberLeft { group: "g".into(), member: "b".into(), because });
        reconciled(&mut run, "c", &[ORDERS]);
        assert_eq!(run.outcome("exclusive-ownership"), "holds");
    }

    #[test]
    fn a_partition_of_two_is_a_breach() {
        let mut run = Script::new();
        reconciled(&mut run, "a", &[ORDERS]);
        reconciled(&mut run, "b", &[ORDERS]);
        assert_eq!(run.outcome("exclusive-ownership"), "violated");
    }

    #[test]
    fn a_generation_gives_a_partition_once() {
        let assigned = |epochs: [i32; 2]| {
            let mut run = Script::new();
            run.add(
                COORDINATOR,
                Kind::GroupStateChanged {
                    group: "g".into(),
                    protocol: GroupProtocol::Classic,
                    state: GroupState::CompletingRebalance,
                    epoch: GroupEpoch(1),
                    members: 2,
                },
            );
            for (member, epoch) in ["a", "b"].into_iter().zip(epochs) {
                let kind = Kind::AssignmentDecided {
                    group: "g".into(),
                    member: member.into(),
                    epoch: GroupEpoch(epoch),
                    partitions: vec![ORDERS],
                };
                run.add(COORDINATOR, kind);
            }
            run.outcome("exclusive-ownership")
        };
        assert_eq!(assigned([1, 2]), "holds");
        assert_eq!(assigned([1, 1]), "violated");
    }
}
