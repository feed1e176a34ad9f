//! assignment-legal.
//!
//! In a group of KIP-848 each epoch begins once, the target assignment is never of a later epoch
//! than the group, and no member is in a later epoch than the target. And of whatever protocol a
//! group is, when it rests each partition of the topics that it reads by name has one owner.
//!
//! Compared: the epochs that a coordinator writes; and, when the audit begins, what members
//! believe that they own with the partitions that there are.
//!
//! The boundary cases: a coordinator that takes over may begin an epoch again of which its
//! predecessor told nobody; a group that was empty may have been made anew; a partition may be
//! nobody's while a rebalance lasts; topics found by a pattern are left out, for members learn of a
//! new one with their next metadata only.

use std::collections::BTreeMap;

use crate::check::groups::roster::{Groups, kinds_with_roster};
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, GroupProtocol, GroupState, Kind, Phase};
use crate::types::{GroupEpoch, HostId, Name};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct AssignmentLegal {
    groups: Groups,
    /// The epoch of each target assignment, its event, and the life of the group that it is of.
    targets: BTreeMap<(Name, HostId), Target>,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    epoch: GroupEpoch,
    event: u64,
    of: Option<u64>,
}

const INFO: Info = Info {
    name: "assignment-legal",
    statement: "epochs of members and assignments follow their group's, and at rest all has one \
                owner",
    source: "KIP-848; Kafka 4.1, ConsumerGroup, TargetAssignmentBuilder, CurrentAssignmentBuilder",
    premise: "for owners: no fault acts, members poll, and the time to settle has passed",
    kinds: kinds_with_roster!["assignment-epoch-began", "phase-began",],
    is_liveness: false,
};

impl Property for AssignmentLegal {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        self.begins_once(event, findings);
        self.groups.on_event(event, &view.model.coordinators);
        if matches!(event.kind, Kind::PhaseBegan { phase: Phase::Audit }) {
            return owned_once(event, view, findings);
        }
        let Some(host) = event.host else { return };
        match &event.kind {
            Kind::AssignmentEpochBegan { group, epoch } => {
                findings.exercised();
                let known = self.groups.get(group, host);
                let of = known.map(|known| known.since);
                let target = Target { epoch: *epoch, event: event.index, of };
                self.targets.insert((group.clone(), host), target);
                let Some(known) = known else { return };
                if known.epoch < *epoch {
                    let sentence = format!(
                        "group {group} is in epoch {}, its assignment of epoch {epoch}",
                        known.epoch
                    );
                    findings.violated(Subject::group(group), sentence, [known.event, event.index]);
                }
            }
            Kind::MemberReconciled { group, member, epoch, .. } => {
                let Some(target) = self.targets.get(&(group.clone(), host)) else { return };
                let known = self.groups.get(group, host);
                let known = known.filter(|known| known.protocol == GroupProtocol::Consumer);
                if known.is_none_or(|known| target.of.is_some_and(|of| of != known.since)) {
                    return;
                }
                findings.exercised();
                if target.epoch < *epoch {
                    let sentence = format!(
                        "{} of group {group} is in epoch {epoch}, the assignment that it follows \
                         is of epoch {}",
                        view.model.member_name(member),
                        target.epoch
                    );
                    let evidence = [target.event, event.index];
                    findings.violated(Subject::group(group), sentence, evidence);
                }
            }
            _ => {}
        }
    }

    clone_box!();
}

impl AssignmentLegal {
    /// A group's next epoch is one that its coordinator does not know yet.
    fn begins_once(&self, event: &Event, findings: &mut Findings) {
        let Kind::GroupEpochBegan { group, protocol: GroupProtocol::Consumer, epoch, .. } =
            &event.kind
        else {
            return;
        };
        let known = event.host.and_then(|host| self.groups.get(group, host));
        let Some(known) = known.filter(|known| known.protocol == GroupProtocol::Consumer) else {
            return;
        };
        if matches!(known.state, GroupState::Empty | GroupState::Dead) {
            return;
        }
        findings.exercised();
        if known.epoch >= *epoch {
            let sentence =
                format!("group {group} is in epoch {} and begins epoch {epoch}", known.epoch);
            findings.violated(Subject::group(group), sentence, [known.event, event.index]);
        }
    }
}

/// Each partition that a group reads has one owner, if there are members.
fn owned_once(event: &Event, view: View<'_>, findings: &mut Findings) {
    for group in &view.model.setup().groups {
        if view.model.has_members(&group.name) && !group.topics.is_empty() {
            findings.exercised();
        }
        let Some((partition, owners)) = view.model.not_owned_once(group) else { continue };
        // How each of them came by it, in that order.
        let took = owners.iter().filter_map(|host| {
            let (_, member) =
                view.model.members_of(group.name.as_str()).find(|(it, _)| it == host)?;
            member.owned.get(&partition).copied()
        });
        let mut evidence: Vec<u64> = took.chain([event.index]).collect();
        evidence.sort_unstable();
        let owners = owners.iter().map(|host| view.model.setup().host_name(Some(*host)));
        let owners = match owners.collect::<Vec<_>>().as_slice() {
            [] => "nobody".to_owned(),
            some => some.join(" and "),
        };
        let sentence = format!(
            "all faults are over and group {} has members, but {} is owned by {owners}",
            group.name,
            view.model.partition_name(partition)
        );
        let subject = Subject::Group {
            group: group.name.clone(),
            members: Vec::new(),
            partition: Some(partition),
            offset: None,
            log: None,
        };
        let excuse = view.model.excuse_of(group);
        let excuse = excuse.as_ref().map(|(at, why)| (at.unwrap_or(event.index), why.as_str()));
        findings.violated_unless(subject, excuse, sentence, evidence);
    }
}

#[cfg(test)]
mod tests {
    use crate::check::groups::deliveries::tests::Work;
    use crate::event::{GroupProtocol, GroupState, Kind, Phase};
    use crate::trace::Promise;
    use crate::types::{GroupEpoch, HostId};

    const COORDINATOR: HostId = HostId(1);

    /// A group, its target, its member, each in an epoch.
    fn epochs(group: i32, target: i32, member: i32) -> &'static str {
        let mut work = Work::of(Promise::Nothing);
        let changed = Kind::GroupStateChanged {
            group: "g".into(),
            protocol: GroupProtocol::Consumer,
            state: GroupState::Reconciling,
            epoch: GroupEpoch(group),
            members: 2,
        };
        let epoch = GroupEpoch(target);
        let began = Kind::AssignmentEpochBegan { group: "g".into(), epoch };
        let reconciled = Kind::MemberReconciled {
            group: "g".into(),
            member: "m0".into(),
            epoch: GroupEpoch(member),
            partitions: Vec::new(),
            revoking: Vec::new(),
        };
        for kind in [changed, began, reconciled] {
            work.add(COORDINATOR, kind);
        }
        work.outcome("assignment-legal")
    }

    #[test]
    fn epochs_follow_each_other() {
        assert_eq!(epochs(3, 3, 3), "holds");
        assert_eq!(epochs(3, 2, 1), "holds");
        assert_eq!(epochs(3, 4, 3), "violated");
        assert_eq!(epochs(3, 2, 3), "violated");
    }

    #[test]
    fn an_epoch_begins_once() {
        let began = |state, epochs: [i32; 2]| {
            let mut work = Work::of(Promise::Nothing);
            let (protocol, members) = (GroupProtocol::Consumer, 2);
            let [known, epoch] = epochs.map(GroupEpoch);
            let group = || "g".into();
            let loaded =
                Kind::GroupLoaded { group: group(), protocol, state, epoch: known, members };
            let began = Kind::GroupEpochBegan { group: group(), protocol, epoch, members };
            work.add(COORDINATOR, loaded).add(COORDINATOR, began);
            work.outcome("assignment-legal")
        };
        assert_eq!(began(GroupState::Stable, [3, 4]), "holds");
        assert_eq!(began(GroupState::Stable, [3, 3]), "violated");
        assert_eq!(began(GroupState::Empty, [3, 1]), "not exercised", "it was deleted");
    }

    #[test]
    fn at_rest_a_partition_has_one_owner() {
        let rest = |work: &mut Work| work.phase(Phase::Audit).outcome("assignment-legal");
        let mut work = Work::of(Promise::Nothing);
        assert_eq!(rest(&mut work.clone()), "violated");
        work.begin(0, None);
        assert_eq!(rest(&mut work.clone()), "holds");
        work.begin(1, None);
        assert_eq!(rest(&mut work), "violated");
    }
}
