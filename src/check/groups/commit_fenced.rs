//! commit-fenced.
//!
//! A coordinator takes a commit from members of the current generation only, or, of KIP-848, from
//! members that say the epoch that they have; and from whoever is no member while a group is empty.
//! So a zombie that was expelled and does not know it cannot take an offset back.
//!
//! Compared: who commits, and in which generation or epoch, with what the same coordinator knows
//! of the group when it writes the commit.
//!
//! The boundary case: while members rejoin, those of the generation that ends may commit.

use crate::check::groups::roster::{GroupView, Groups, kinds_with_roster};
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, GroupProtocol, Kind};
use crate::types::{GroupEpoch, Name};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommitFenced {
    groups: Groups,
}

const INFO: Info = Info {
    name: "commit-fenced",
    statement: "a commit is taken from members of the current generation or epoch only",
    source: "Kafka 4.1, ClassicGroup.validateOffsetCommit, ConsumerGroup.validateOffsetCommit",
    premise: "none",
    kinds: kinds_with_roster!["offset-appended",],
    is_liveness: false,
};

impl Property for CommitFenced {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        self.groups.on_event(event, &view.model.coordinators);
        let Kind::OffsetAppended { group, partition, offset, member, epoch, .. } = &event.kind
        else {
            return;
        };
        findings.exercised();
        let known = event.host.and_then(|host| self.groups.get(group, host));
        let Some(why) = objection(known, member.as_ref(), *epoch) else { return };
        let subject = Subject::Group {
            group: group.clone(),
            members: member.iter().cloned().collect(),
            partition: Some(*partition),
            offset: Some(*offset),
            log: None,
        };
        let partition = view.model.partition_name(*partition);
        let who = member
            .as_ref()
            .map_or("somebody outside of the group", |member| view.model.member_name(member));
        let sentence = format!(
            "the coordinator of group {group} takes offset {offset} of {partition} from {who} in \
             epoch {epoch}, but {why}"
        );
        let evidence = known.map(|known| known.event);
        findings.violated(subject, sentence, evidence.into_iter().chain([event.index]));
    }

    clone_box!();
}

/// Why a commit should have been refused.
fn objection(
    known: Option<&GroupView>,
    member: Option<&Name>,
    epoch: GroupEpoch,
) -> Option<String> {
    let is_outside = member.is_none() && epoch.0 < 0;
    let Some(known) = known else {
        return (!is_outside && epoch.0 >= 0).then(|| "there is no such group".to_owned());
    };
    if known.members.is_empty() && epoch.0 < 0 {
        return None;
    }
    let Some(found) = member.and_then(|member| known.members.get(member)) else {
        return Some("that is no member".to_owned());
    };
    let current = match known.protocol {
        GroupProtocol::Classic => known.epoch,
        GroupProtocol::Consumer => found.epoch,
    };
    (current != epoch).then(|| format!("the epoch is {current}"))
}

#[cfg(test)]
mod tests {
    use crate::check::script::{ORDERS, Script};
    use crate::event::{GroupProtocol, GroupState, Kind, LeftBecause};
    use crate::types::{GroupEpoch, HostId, Offset};

    const COORDINATOR: HostId = HostId(1);

    fn generation(run: &mut Script, epoch: i32) {
        let kind = Kind::GroupStateChanged {
            group: "g".into(),
            protocol: GroupProtocol::Classic,
            state: GroupState::Stable,
            epoch: GroupEpoch(epoch),
            members: 1,
        };
        run.add(COORDINATOR, kind);
    }

    fn commit(run: &mut Script, member: Option<&str>, epoch: i32) {
        let kind = Kind::OffsetAppended {
            group: "g".into(),
            partition: ORDERS,
            offset: Offset(5),
            member: member.map(Into::into),
            epoch: GroupEpoch(epoch),
            log: ORDERS,
            log_offset: Offset(1),
        };
        run.add(COORDINATOR, kind);
    }

    fn formed() -> Script {
        let mut run = Script::new();
        let (group, member) = ("g".into(), "a".into());
        run.add(COORDINATOR, Kind::MemberJoined { group, member, instance: None });
        generation(&mut run, 1);
        run
    }

    #[test]
    fn members_of_the_generation_commit_and_others_while_there_are_none() {
        let mut run = formed();
        commit(&mut run, Some("a"), 1);
        let (group, member) = ("g".into(), "a".into());
        run.add(COORDINATOR, Kind::MemberLeft { group, member, because: LeftBecause::Left });
        commit(&mut run, None, -1);
        assert_eq!(run.outcome("commit-fenced"), "holds");
    }

    #[test]
    fn a_zombies_commit_is_a_breach() {
        let mut run = formed();
        generation(&mut run, 2);
        commit(&mut run, Some("a"), 1);
        assert_eq!(run.outcome("commit-fenced"), "violated");
        let mut run = formed();
        commit(&mut run, Some("b"), 1);
        assert_eq!(run.outcome("commit-fenced"), "violated");
        let mut run = formed();
        commit(&mut run, None, -1);
        assert_eq!(run.outcome("commit-fenced"), "violated");
    }
}
