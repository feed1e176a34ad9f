//! exclusive-ownership.
//!
//! A coordinator gives no partition to two members of a group at once: in one generation of the
//! classic protocol, and in KIP-848 until whoever had it has let go of it or is no member any more.
//!
//! Compared: what a leader's assignment gives to each member of its generation, as far as it is
//! one of consumers; what each member of KIP-848 owns or has yet to give up, at each step of any
//! of them; and what members take with what others have not given up.
//!
//! The boundary cases: a member that its coordinator has expelled may go on with what it had, and
//! not know it; what it commits is refused (commit-fenced). So may a static member of KIP-848 that
//! has left for a while in the middle of a revocation. A group that was deleted and is made anew
//! counts its generations from 1 again. Where one goes from KIP-848 to the classic protocol, what
//! its members own is told anew when they join.

use std::collections::BTreeMap;

use crate::check::groups::roster::{GroupView, Groups, MemberView, kinds_with_roster};
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, GroupProtocol, Kind};
use crate::types::{GroupEpoch, HostId, Name, TopicId, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExclusiveOwnership {
    groups: Groups,
    /// Who was given what in the generation that began last.
    generations: BTreeMap<(Name, HostId), Generation>,
    /// Topics that were deleted, and when.
    removed: BTreeMap<TopicId, u64>,
}

#[derive(Clone, Debug)]
struct Generation {
    /// The life of the group, and the generation in it.
    of: (u64, GroupEpoch),
    given: BTreeMap<TopicPartition, (Name, u64)>,
}

const INFO: Info = Info {
    name: "exclusive-ownership",
    statement: "no partition is given to two members of a group at once",
    source: "KIP-429, KIP-848; Kafka 4.1, CurrentAssignmentBuilder, ConsumerGroup",
    premise: "members are those whom the coordinator has not expelled, and that have not left for \
              a while; between what members believe, that of acked-durability for the partitions \
              of __consumer_offsets, and no topic is deleted and made anew under them; a group \
              that goes back to the classic protocol has a generation before it goes over to \
              KIP-848 again",
    kinds: kinds_with_roster!["assignment-decided", "partition-taken", "topic-removed",],
    is_liveness: false,
};

impl Property for ExclusiveOwnership {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        self.groups.on_event(event, &view.model.coordinators);
        if let Kind::TopicRemoved { topic, .. } = &event.kind {
            self.removed.insert(*topic, event.index);
        }
        let Some(host) = event.host else { return };
        if let Kind::PartitionTaken { group, member, partition, .. } = &event.kind {
            self.on_taken(event, (group, *partition), (host, member), view, findings);
        } else if let Kind::MemberReconciled { group, member, .. } = &event.kind {
            self.on_reconciled(event, host, group, member, view, findings);
        } else if let Kind::AssignmentDecided { group, member, epoch, partitions } = &event.kind {
            let known = self.groups.get(group, host);
            let Some(known) = known.filter(|known| known.protocol == GroupProtocol::Classic) else {
                return;
            };
            let of = (known.since, *epoch);
            let fresh = || Generation { of, given: BTreeMap::new() };
            let generation = self.generations.entry((group.clone(), host)).or_insert_with(fresh);
            if generation.of != of {
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
            let has = theirs.group == *group && theirs.owned.contains_key(&partition);
            // Who has not followed the others into a generation finds out that it is over.
            let is_late = known.protocol == GroupProtocol::Classic && theirs.epoch != known.epoch.0;
            let at_work = known.members.get(&theirs.member).is_some_and(MemberView::is_at_work);
            if *other == host || !has || is_late || !at_work || !known.members.contains_key(member)
            {
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
            // With its log a coordinator has forgotten what it had given to whom.
            let log = view.model.coordinators.home(group.as_str());
            let excuse = log.and_then(|log| view.premises.left(log)).or(guessed(known));
            let excuse = excuse.or_else(|| self.made_anew(partition, view));
            findings.violated_unless(subject, excuse, sentence, [event.index]);
        }
    }

    /// Members know partitions by name: one that has yet to let go of a deleted topic's has that of
    /// a new one, too.
    fn made_anew(&self, partition: TopicPartition, view: View<'_>) -> Option<(u64, &'static str)> {
        let name = view.model.topic_name(partition.topic_id)?;
        let is_same = |topic: TopicId| view.model.topic_name(topic) == Some(name);
        let mut removed = self.removed.iter();
        let found = removed.find(|(topic, _)| **topic != partition.topic_id && is_same(**topic))?;
        Some((*found.1, "its topic was deleted and made anew under its members"))
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
                let evidence = [theirs.event, event.index];
                findings.violated_unless(subject, guessed(known), sentence, evidence);
            }
        }
    }
}

/// What Kafka itself gets wrong: a group that goes back to the classic protocol notes what its
/// members were to own, and one that goes over to KIP-848 takes that for what they own, even if no
/// generation lies between.
///
/// Source: Kafka 4.1, `ClassicGroup.fromConsumerGroup`, `ConsumerGroup.fromClassicGroup`.
fn guessed(known: &GroupView) -> Option<(u64, &'static str)> {
    let because = "the group went to the classic protocol and back before it had a generation: \
                   what its members were to own is taken for what they own";
    known.guessed.map(|event| (event, because))
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
    use crate::check::script::{ORDERS, OTHER, READER, Script};
    use crate::event::{GroupProtocol, GroupState, Kind, LeftBecause, MemberState};
    use crate::types::{GroupEpoch, HostId, Name, Offset, TopicId, TopicPartition};

    const COORDINATOR: HostId = HostId(1);
    const OTHERS: TopicPartition =
        TopicPartition { topic_id: TopicId(8), partition: crate::types::PartitionIndex(0) };

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

    fn forms(run: &mut Script, state: GroupState) {
        let (group, protocol, epoch, members) =
            ("g".into(), GroupProtocol::Classic, GroupEpoch(1), 2);
        run.add(COORDINATOR, Kind::GroupStateChanged { group, protocol, state, epoch, members });
    }

    fn assigned(run: &mut Script, member: &str, epoch: i32) {
        let (group, member, epoch) = ("g".into(), member.into(), GroupEpoch(epoch));
        let partitions = vec![ORDERS];
        run.add(COORDINATOR, Kind::AssignmentDecided { group, member, epoch, partitions });
    }

    #[test]
    fn a_generation_gives_a_partition_once() {
        for (epochs, outcome) in [([1, 2], "holds"), ([1, 1], "violated")] {
            let mut run = Script::new();
            forms(&mut run, GroupState::CompletingRebalance);
            assigned(&mut run, "a", epochs[0]);
            assigned(&mut run, "b", epochs[1]);
            assert_eq!(run.outcome("exclusive-ownership"), outcome);
        }
    }

    fn turns(run: &mut Script, protocol: GroupProtocol, state: GroupState) {
        let (group, epoch, members) = ("g".into(), GroupEpoch(3), 2);
        run.add(COORDINATOR, Kind::GroupStateChanged { group, protocol, state, epoch, members });
    }

    /// What they own then they say themselves.
    #[test]
    fn what_members_of_kip_848_had_is_forgotten_with_the_protocol() {
        for (turns_back, outcome) in [(true, "holds"), (false, "violated")] {
            let mut run = Script::new();
            reconciled(&mut run, "a", &[ORDERS]);
            turns(&mut run, GroupProtocol::Consumer, GroupState::Stable);
            if turns_back {
                for state in [GroupState::PreparingRebalance, GroupState::Stable] {
                    turns(&mut run, GroupProtocol::Classic, state);
                }
            }
            reconciled(&mut run, "b", &[ORDERS]);
            turns(&mut run, GroupProtocol::Consumer, GroupState::Stable);
            reconciled(&mut run, "a", &[]);
            assert_eq!(run.outcome("exclusive-ownership"), outcome);
        }
    }

    /// Kafka takes what they were to own for what they own.
    #[test]
    fn without_a_generation_between_two_epochs_the_premise_is_left() {
        for (between, outcome) in [
            // It is told as stable, as its log has it, and goes into a rebalance.
            (vec![GroupState::Stable, GroupState::PreparingRebalance], "outside its premise"),
            (vec![GroupState::PreparingRebalance, GroupState::Stable], "violated"),
        ] {
            let mut run = Script::new();
            turns(&mut run, GroupProtocol::Consumer, GroupState::Stable);
            for state in between {
                turns(&mut run, GroupProtocol::Classic, state);
            }
            reconciled(&mut run, "a", &[ORDERS]);
            turns(&mut run, GroupProtocol::Consumer, GroupState::Reconciling);
            reconciled(&mut run, "b", &[ORDERS]);
            assert_eq!(run.outcome("exclusive-ownership"), outcome);
        }
    }

    /// Its first generation is the first again.
    #[test]
    fn a_group_that_was_deleted_has_given_nothing() {
        let mut run = Script::new();
        forms(&mut run, GroupState::CompletingRebalance);
        assigned(&mut run, "a", 1);
        forms(&mut run, GroupState::Dead);
        forms(&mut run, GroupState::CompletingRebalance);
        assigned(&mut run, "b", 1);
        assert_eq!(run.outcome("exclusive-ownership"), "holds");
        assigned(&mut run, "c", 1);
        assert_eq!(run.outcome("exclusive-ownership"), "violated");
    }

    /// What a coordinator knew before it was deposed counts for nothing when it comes back: the
    /// group may be gone, and then its log says nothing of it.
    #[test]
    fn a_coordinator_that_reads_its_log_anew_has_given_nothing() {
        for (loads, outcome) in [(true, "holds"), (false, "violated")] {
            let mut run = Script::new();
            run.make_offsets_topic();
            forms(&mut run, GroupState::CompletingRebalance);
            assigned(&mut run, "a", 1);
            reconciled(&mut run, "c", &[OTHERS]);
            if loads {
                run.load_groups(COORDINATOR, 2);
            }
            forms(&mut run, GroupState::CompletingRebalance);
            assigned(&mut run, "b", 1);
            assert_eq!(run.outcome("exclusive-ownership"), outcome);
            reconciled(&mut run, "d", &[OTHERS]);
            assert_eq!(run.verdict("exclusive-ownership").violations, u64::from(!loads) * 2);
        }
    }

    /// Two members that their coordinator counts, and that believe to own the same: it forgot that
    /// it had moved the partition.
    #[test]
    fn who_lost_the_log_of_a_group_may_give_twice() {
        assert_eq!(both_take(|_| {}), "violated");
        let lose = |run: &mut Script| {
            run.lose_offsets_topic();
        };
        assert_eq!(both_take(lose), "outside its premise");
    }

    /// Members know partitions by name.
    #[test]
    fn a_topic_made_anew_under_its_members_may_be_two_members() {
        let was_there = |run: &mut Script, is_removed: bool| {
            let (topic, offset) = (TopicId(99), Offset(40));
            run.add(HostId(9), Kind::TopicCommitted { topic, name: "orders".into(), offset });
            if is_removed {
                run.add(HostId(9), Kind::TopicRemoved { topic, offset });
            }
        };
        assert_eq!(both_take(|run| was_there(run, true)), "outside its premise");
        assert_eq!(both_take(|run| was_there(run, false)), "violated");
    }

    /// Two members take a partition after what `before` does.
    fn both_take(before: impl Fn(&mut Script)) -> &'static str {
        let mut run = Script::new();
        run.make_offsets_topic();
        before(&mut run);
        for (member, host) in [("a", READER), ("b", OTHER)] {
            let (group, instance) = ("g".into(), None);
            run.add(COORDINATOR, Kind::MemberJoined { group, member: member.into(), instance });
            let (group, member, epoch) = ("g".into(), Name::from(member), 1);
            let (state, leads) = (MemberState::Stable, false);
            let entered =
                Kind::MemberStateEntered { group, member: member.clone(), epoch, state, leads };
            run.add(host, entered);
            forms(&mut run, GroupState::Stable);
            let (group, partition) = ("g".into(), ORDERS);
            run.add(host, Kind::PartitionTaken { group, member, epoch, partition });
        }
        run.outcome("exclusive-ownership")
    }
}
