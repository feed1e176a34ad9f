//! group-stable.
//!
//! Once the faults are over every group comes to rest: its members have what they shall have, and
//! it has members, if processes run that want to be some. A group that nobody wants to be in is at
//! rest, and so is one whose processes are all refused for good, or that no topic is there for. And
//! whoever was told that it can never be a member again is none by rule: a static member of the
//! classic protocol has been counted out, or another has its instance id.
//!
//! Judged when the audit begins: the state of each group, as its coordinator said it last, and the
//! processes of the groups of the plan; and of each process that has given up as a member, whether
//! its coordinator counts it, or said what became of it.
//!
//! The boundary cases: a rebalance that a fault's end set off has the time to settle. A static
//! member of KIP-848 may be refused because of itself, if it crashed. Members that do not poll for
//! max.poll.interval.ms come and go for ever, and where `__consumer_offsets` cannot be made, or has
//! no leader that may be elected, there is no coordinator.

use std::collections::BTreeMap;

use crate::check::groups::roster::{Groups, kinds_with_roster};
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, GroupProtocol, GroupState, Kind, MemberState, Phase};
use crate::types::{HostId, Name};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupStable {
    groups: Groups,
    /// The member that was given each instance id last, until its coordinator counts it out.
    instances: BTreeMap<(Name, Name), Holder>,
    /// Whose process has given up as which member, and in which event.
    given_up: BTreeMap<HostId, (Name, Name, u64)>,
}

/// Who has an instance id.
#[derive(Clone, Debug)]
struct Holder {
    member: Name,
    /// Where it was given the id, and in which event, while that is written nowhere: in a rebalance
    /// the next generation writes it.
    unwritten: Option<(HostId, u64)>,
}

const INFO: Info = Info {
    name: "group-stable",
    statement: "when all nodes run again every group has come to rest, and nobody was turned \
                away for another that there is not",
    source: "Kafka 4.1, ClassicGroup, ConsumerGroup; KIP-345; KAFKA-10284, 12890, 19233",
    premise: "no fault acts, members poll, and the time to settle has passed; there are enough \
              brokers for __consumer_offsets, and it keeps the premise of acked-durability, or has \
              a leader; a static member that came back in a rebalance had a generation written \
              before its coordinator died",
    kinds: kinds_with_roster!["member-state-entered", "host-stopped", "phase-began",],
    is_liveness: true,
};

impl Property for GroupStable {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        self.groups.on_event(event, &view.model.coordinators);
        self.follow(event, view);
        if !matches!(event.kind, Kind::PhaseBegan { phase: Phase::Audit }) {
            return;
        }
        for (group, known) in self.groups.latest(&view.model.coordinators) {
            findings.exercised();
            let state = known.state;
            if matches!(state, GroupState::Stable | GroupState::Empty | GroupState::Dead) {
                continue;
            }
            let sentence = format!(
                "all faults are over, but group {group} is {state} in epoch {}",
                known.epoch
            );
            let excuse = excuse(group, event, view);
            let excuse = excuse.as_ref().map(|(at, why)| (*at, why.as_str()));
            let evidence = [known.event, event.index];
            findings.violated_unless(Subject::group(group), excuse, sentence, evidence);
        }
        for group in &view.model.setup().groups {
            let latest = self.groups.latest(&view.model.coordinators);
            let known = latest.get(&group.name).map(|known| known.state);
            let is_told =
                known.is_some_and(|state| !matches!(state, GroupState::Empty | GroupState::Dead));
            // Of the others the coordinator has said something.
            let Some(unrest) = view.model.unrest(group).filter(|_| !is_told) else { continue };
            findings.exercised();
            let sentence = format!("all faults are over, but {}", unrest.sentence);
            let excuse = excuse(&group.name, event, view);
            let excuse = excuse.as_ref().map(|(at, why)| (*at, why.as_str()));
            let subject = Subject::group(&group.name);
            findings.violated_unless(subject, excuse, sentence, [event.index]);
        }
        self.judge_turned_away(event, view, findings);
    }

    clone_box!();
}

impl GroupStable {
    /// Who has which instance id, and which process has given up.
    fn follow(&mut self, event: &Event, view: View<'_>) {
        let Some(host) = event.host else { return };
        match &event.kind {
            Kind::MemberJoined { group, member, instance: Some(instance) }
                if !view.model.coordinators.is_deposed(group.as_str(), host) =>
            {
                let place = (group.clone(), instance.clone());
                let known = self.groups.get(group, host);
                let in_rebalance = known.is_some_and(|known| known.state != GroupState::Stable);
                let unwritten = in_rebalance.then_some((host, event.index));
                self.instances.insert(place, Holder { member: member.clone(), unwritten });
            }
            Kind::GroupStateChanged { group, state: GroupState::Stable, .. } => {
                let all = self.instances.iter_mut().filter(|((of, _), _)| of == group);
                let here = |at: &(HostId, u64)| at.0 != host;
                all.for_each(|(_, holder)| holder.unwritten = holder.unwritten.filter(here));
            }
            Kind::MemberLeft { group, member, .. } => {
                self.instances.retain(|(of, _), holder| of != group || holder.member != *member);
            }
            Kind::MemberStateEntered { group, member, state, .. } => {
                if *state == MemberState::Fatal {
                    let given_up = (group.clone(), member.clone(), event.index);
                    self.given_up.insert(host, given_up);
                } else {
                    self.given_up.remove(&host);
                }
            }
            Kind::HostStopped { .. } => {
                self.given_up.remove(&host);
            }
            _ => {}
        }
    }

    fn judge_turned_away(&self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let latest = self.groups.latest(&view.model.coordinators);
        for (host, (group, member, given_up)) in &self.given_up {
            let Some(known) = latest.get(group) else { continue };
            let mut holders = self.instances.iter().filter(|((of, _), _)| of == group);
            let holder = holders.find(|(_, holder)| holder.member == *member);
            let is_counted = known.members.contains_key(member);
            let Some((_, holder)) = holder.filter(|_| !is_counted) else { continue };
            if known.protocol != GroupProtocol::Classic {
                continue;
            }
            let because = "its coordinator did not live to write the member id that it gave in a \
                           rebalance";
            let excuse = holder.unwritten.map(|(_, event)| (event, because));
            let sentence = format!(
                "{} was turned away from group {group}, though nobody has taken its place",
                view.model.setup().host_name(Some(*host))
            );
            let evidence = [*given_up, event.index];
            findings.violated_unless(Subject::group(group), excuse, sentence, evidence);
        }
    }
}

/// Why it is no wonder that `group` does not rest, if it is none.
fn excuse(group: &Name, event: &Event, view: View<'_>) -> Option<(u64, String)> {
    let planned = view.model.setup().group(group);
    if let Some((at, why)) = planned.and_then(|planned| view.model.excuse_of(planned)) {
        return Some((at.unwrap_or(event.index), why));
    }
    let log = view.model.coordinators.home(group.as_str())?;
    let state = view.model.partition(log).and_then(|known| known.state.as_ref());
    let has_leader = state.is_some_and(|state| state.leader.is_some());
    let (at, why) = view.premises.left(log).filter(|_| !has_leader)?;
    Some((at, why.to_owned()))
}

#[cfg(test)]
mod tests {
    use crate::check::script::{ORDERS, OTHER, READER, Script};
    use crate::event::{
        CrashKeep, GroupProtocol, GroupState, Kind, LeftBecause, MemberState, Phase,
    };
    use crate::trace::Promise;
    use crate::types::{GroupEpoch, HostId, LeaderEpoch};

    fn ended(states: &[(u16, GroupState)]) -> Script {
        let mut run = Script::new();
        for (host, state) in states {
            let kind = Kind::GroupStateChanged {
                group: "g".into(),
                protocol: GroupProtocol::Consumer,
                state: *state,
                epoch: GroupEpoch(3),
                members: 2,
            };
            run.add(HostId(*host), kind);
        }
        run.phase(Phase::Settle);
        run.wait(5).phase(Phase::Audit);
        run
    }

    #[test]
    fn a_group_at_rest_holds_whatever_a_former_coordinator_thought() {
        assert_eq!(ended(&[]).outcome("group-stable"), "not exercised");
        let states = [(1, GroupState::Reconciling), (2, GroupState::Stable)];
        assert_eq!(ended(&states).outcome("group-stable"), "holds");
        assert_eq!(ended(&[(1, GroupState::Empty)]).outcome("group-stable"), "holds");
    }

    /// Its host stood still, and goes on before it learns that it leads no more.
    #[test]
    fn a_deposed_coordinator_may_say_what_it_likes() {
        let state = |state| Kind::GroupStateChanged {
            group: "g".into(),
            protocol: GroupProtocol::Consumer,
            state,
            epoch: GroupEpoch(3),
            members: 2,
        };
        for (deposed, outcome) in [(1, "holds"), (2, "violated")] {
            let mut run = Script::new();
            let (topic, offset) = (ORDERS.topic_id, run.record());
            let name = "__consumer_offsets".into();
            run.add(HostId(4), Kind::TopicCommitted { topic, name, offset });
            run.commit(Some(1), 0, &[1, 2, 3]);
            for (host, leader_epoch) in [(deposed, LeaderEpoch(0)), (3 - deposed, LeaderEpoch(1))] {
                run.add(HostId(host), Kind::CoordinatorLoading { partition: ORDERS, leader_epoch });
            }
            run.add(HostId(2), state(GroupState::Stable));
            run.add(HostId(1), state(GroupState::Assigning));
            assert_eq!(run.settle().outcome("group-stable"), outcome);
        }
    }

    #[test]
    fn a_group_that_rebalances_for_ever_is_a_breach() {
        let states = [(1, GroupState::Stable), (1, GroupState::CompletingRebalance)];
        assert_eq!(ended(&states).outcome("group-stable"), "violated");
    }

    /// Member `m2` has the place of `m1`; a process gives up as `gave_up`; then another coordinator
    /// knows the members `loaded`.
    fn turned_away(gave_up: &str, loaded: &[&str], then_leaves: bool) -> &'static str {
        turned_away_in(&[GroupState::Stable], gave_up, loaded, then_leaves)
    }

    /// The same, of a group that is in the first state when `m2` comes, and then in the others.
    fn turned_away_in(
        states: &[GroupState],
        gave_up: &str,
        loaded: &[&str],
        then_leaves: bool,
    ) -> &'static str {
        let is = |state: &GroupState| Kind::GroupStateChanged {
            group: "g".into(),
            protocol: GroupProtocol::Classic,
            state: *state,
            epoch: GroupEpoch(1),
            members: 1,
        };
        let mut run = Script::new();
        let joined = |member: &str| Kind::MemberJoined {
            group: "g".into(),
            member: member.into(),
            instance: Some("place".into()),
        };
        let left = |member: &str, because| Kind::MemberLeft {
            group: "g".into(),
            member: member.into(),
            because,
        };
        run.add(HostId(1), joined("m1")).add(HostId(1), is(&states[0]));
        run.add(HostId(1), left("m1", LeftBecause::Replaced)).add(HostId(1), joined("m2"));
        for state in &states[1..] {
            run.add(HostId(1), is(state));
        }
        let (protocol, state, epoch) = (GroupProtocol::Classic, GroupState::Stable, GroupEpoch(1));
        let group = || "g".into();
        run.add(
            HostId(2),
            Kind::GroupLoaded { group: group(), protocol, state, epoch, members: 1 },
        );
        for member in loaded {
            let (member, partitions) = ((*member).into(), Vec::new());
            run.add(HostId(2), Kind::MemberLoaded { group: group(), member, epoch, partitions });
        }
        if then_leaves {
            run.add(HostId(2), left("m2", LeftBecause::SessionExpired));
        }
        let (member, state) = (gave_up.into(), MemberState::Fatal);
        let kind =
            Kind::MemberStateEntered { group: group(), member, epoch: 1, state, leads: false };
        run.add(READER, kind);
        run.settle().outcome("group-stable")
    }

    #[test]
    fn who_is_turned_away_has_a_successor() {
        assert_eq!(turned_away("m2", &["m1"], false), "violated");
        assert_eq!(turned_away("m1", &["m2"], false), "holds");
        assert_eq!(turned_away("m2", &["m2"], false), "holds", "it is refused for another reason");
        assert_eq!(turned_away("m2", &["m2"], true), "holds", "its session is over");
    }

    /// What a rebalance has changed the next generation writes.
    #[test]
    fn an_id_that_nobody_wrote_is_not_kept() {
        let (joins, syncs) = (GroupState::PreparingRebalance, GroupState::CompletingRebalance);
        let outcome = |states: &[GroupState]| turned_away_in(states, "m2", &["m1"], false);
        assert_eq!(outcome(&[joins]), "outside its premise");
        assert_eq!(outcome(&[joins, syncs]), "outside its premise");
        assert_eq!(outcome(&[joins, syncs, GroupState::Stable]), "violated");
    }

    fn told(run: &mut Script, state: GroupState, members: u32) {
        let (group, protocol) = ("g".into(), GroupProtocol::Consumer);
        let epoch = GroupEpoch(3);
        run.add(HostId(1), Kind::GroupStateChanged { group, protocol, state, epoch, members });
    }

    fn is(run: &mut Script, host: HostId, state: MemberState) {
        let (group, member, epoch, leads) = ("g".into(), "m".into(), 1, false);
        run.add(host, Kind::MemberStateEntered { group, member, epoch, state, leads });
    }

    fn dies(run: &mut Script, host: HostId) {
        let (keep, halted, in_order) = (CrashKeep::PageCache, None, true);
        run.add(host, Kind::HostStopped { keep, halted, in_order });
    }

    #[test]
    fn a_group_whose_processes_are_no_members_does_not_rest() {
        let mut run = Script::with_group("g", Promise::Nothing);
        assert_eq!(run.clone().settle().outcome("group-stable"), "violated");
        told(&mut run, GroupState::Empty, 0);
        assert_eq!(run.clone().settle().outcome("group-stable"), "violated");
        let mut stable = run.clone();
        told(&mut stable, GroupState::Stable, 2);
        assert_eq!(stable.settle().outcome("group-stable"), "holds");
        // Nobody is left who wants in: one is refused for good, the other has ended.
        dies(&mut run, READER);
        assert_eq!(run.clone().settle().outcome("group-stable"), "violated");
        is(&mut run, OTHER, MemberState::Fatal);
        assert_eq!(run.settle().outcome("group-stable"), "holds");
    }

    #[test]
    fn members_that_do_not_poll_come_and_go() {
        let overdue = |run: &mut Script| {
            let (group, member, epoch) = ("g".into(), "m".into(), 1);
            let (interval, tells) = (3_000, true);
            run.add(READER, Kind::PollOverdue { group, member, epoch, interval, tells });
        };
        let mut run = Script::with_group("g", Promise::Nothing);
        is(&mut run, READER, MemberState::Stable);
        overdue(&mut run);
        is(&mut run, READER, MemberState::Stale);
        told(&mut run, GroupState::Reconciling, 1);
        assert_eq!(run.clone().settle().outcome("group-stable"), "outside its premise");
        // It polled again before healing began.
        is(&mut run, READER, MemberState::Joining);
        run.phase(Phase::Heal);
        let mut late = run.clone();
        assert_eq!(run.phase(Phase::Audit).outcome("group-stable"), "violated");
        overdue(&mut late);
        assert_eq!(late.phase(Phase::Audit).outcome("group-stable"), "outside its premise");
    }

    #[test]
    fn without_enough_brokers_there_is_no_coordinator() {
        let mut run = Script::with_group_setup("g", Promise::Nothing, 5);
        assert_eq!(run.clone().settle().outcome("group-stable"), "outside its premise");
        run.make_offsets_topic();
        assert_eq!(run.settle().outcome("group-stable"), "violated");
    }

    /// What its coordinator said before it read the group's log anew is of a former life.
    #[test]
    fn a_group_that_is_no_more_rests() {
        for (loads, outcome) in [(true, "not exercised"), (false, "violated")] {
            let mut run = Script::new();
            run.make_offsets_topic();
            told(&mut run, GroupState::Reconciling, 2);
            if loads {
                run.load_groups(HostId(1), 2);
            }
            assert_eq!(run.settle().outcome("group-stable"), outcome);
        }
    }
}
