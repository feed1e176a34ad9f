//! group-stable.
//!
//! Once the faults are over every group comes to rest: all its members have what they shall have,
//! or it has none.
//!
//! Judged when the audit begins: the state of each group, as its coordinator said it last.
//!
//! The boundary case: a rebalance that a fault's end set off has the time to settle.

use crate::check::groups::roster::{Groups, kinds_with_roster};
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, GroupState, Kind, Phase};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupStable {
    groups: Groups,
}

const INFO: Info = Info {
    name: "group-stable",
    statement: "when all nodes run again every group has come to rest",
    source: "Kafka 4.1, ClassicGroup, ConsumerGroup; KAFKA-12890, KAFKA-19233",
    premise: "no fault acts, members poll, and the time to settle has passed",
    kinds: kinds_with_roster!["phase-began",],
    is_liveness: true,
};

impl Property for GroupStable {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        self.groups.on_event(event);
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
            findings.violated(Subject::group(group), sentence, [known.event, event.index]);
        }
    }

    clone_box!();
}

#[cfg(test)]
mod tests {
    use crate::check::script::{ORDERS, Script};
    use crate::event::{GroupProtocol, GroupState, Kind, Phase};
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
}
