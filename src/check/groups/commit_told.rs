//! commit-told.
//!
//! What a coordinator tells of a group's offset is the last one that is committed, and nothing
//! else: none that is not safe yet, none that is older, and not that there is none. So a group's
//! place goes back only where somebody commits it there, and a member begins where it was told.
//!
//! Compared: what a coordinator tells with what it had found in its log, and has committed and
//! removed since; what is committed with what was written at its place; where a member begins with
//! what some coordinator told.
//!
//! The boundary cases: a new leader's high watermark may lag, and then it does not know yet that
//! what it has found is safe: it tells what was before that. And while a removal is on its way,
//! both may be told. Offsets stand under their topics' names: one that is made anew is told what
//! was committed for it before.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::types::{HostId, Name, Offset, PartitionIndex, TopicPartition};

/// Whose offset: group, topic, partition.
type Whose = (Name, Name, PartitionIndex);

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommitTold {
    /// What each coordinator knows of each partition of `__consumer_offsets`.
    lives: BTreeMap<(HostId, TopicPartition), Life>,
    /// By the place in its log: what was written, and the event.
    written: BTreeMap<Whose, BTreeMap<Offset, (Offset, u64)>>,
    /// Offsets that were ever taken away.
    removed: BTreeSet<Whose>,
    /// All that was ever told.
    told: BTreeMap<Whose, BTreeSet<Option<Offset>>>,
}

/// A coordinator since it began to read its log.
#[derive(Clone, Debug, Default)]
struct Life {
    /// What it knew to be safe then.
    safe: Offset,
    found: BTreeMap<Whose, (Offset, u64)>,
    since: BTreeMap<Whose, Known>,
}

/// What has become of an offset since.
#[derive(Clone, Copy, Debug)]
struct Known {
    committed: Option<Offset>,
    /// Whether it was taken away, which may not be safe yet.
    is_gone: bool,
    event: u64,
}

const INFO: Info = Info {
    name: "commit-told",
    statement: "a coordinator tells the last offset that is committed, and a member begins there",
    source: "Kafka 4.1, OffsetMetadataManager.fetchOffsets, CoordinatorRuntime; KIP-211",
    premise: "none",
    kinds: &[
        "coordinator-loading",
        "offset-loaded",
        "offset-appended",
        "offset-committed",
        "offset-removed",
        "offset-told",
        "committed-offset-used",
    ],
    is_liveness: false,
};

impl Property for CommitTold {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let Some(host) = event.host else { return };
        if let Kind::CoordinatorLoading { partition, .. } = &event.kind {
            let known = view.model.partition(*partition);
            let node = view.model.setup().node(host);
            let replica = known.and_then(|known| known.replicas.get(&node?));
            let safe = replica.map_or(Offset::ZERO, |replica| replica.high_watermark);
            self.lives.insert((host, *partition), Life { safe, ..Life::default() });
            return;
        }
        let (group, partition) = match &event.kind {
            Kind::OffsetLoaded { group, partition, .. }
            | Kind::OffsetAppended { group, partition, .. }
            | Kind::OffsetCommitted { group, partition, .. }
            | Kind::OffsetRemoved { group, partition, .. }
            | Kind::OffsetTold { group, partition, .. }
            | Kind::CommittedOffsetUsed { group, partition, .. } => (group, *partition),
            _ => return,
        };
        // A coordinator may speak of a topic that it does not know.
        let Some(topic) = view.model.topic_name(partition.topic_id) else { return };
        let whose = (group.clone(), topic.clone(), partition.partition);
        if let Kind::CommittedOffsetUsed { member, offset, .. } = &event.kind {
            return self.on_used(event, &whose, (partition, member, *offset), view, findings);
        }
        if let Kind::OffsetAppended { offset, log_offset, .. } = &event.kind {
            let written = self.written.entry(whose).or_default();
            // What stood there before is cut off.
            written.split_off(log_offset);
            written.insert(*log_offset, (*offset, event.index));
            return;
        }
        if let Kind::OffsetRemoved { .. } = &event.kind {
            self.removed.insert(whose.clone());
        }
        if let Kind::OffsetTold { offset, .. } = &event.kind {
            self.told.entry(whose.clone()).or_default().insert(*offset);
        }
        let log = view.model.coordinators.home(group.as_str());
        let Some(life) = log.and_then(|log| self.lives.get_mut(&(host, log))) else { return };
        match &event.kind {
            Kind::OffsetLoaded { offset, .. } => {
                life.found.insert(whose, (*offset, event.index));
            }
            Kind::OffsetCommitted { offset, log_offset, .. } => {
                let (committed, is_gone) = (Some(*offset), false);
                life.since.insert(whose.clone(), Known { committed, is_gone, event: event.index });
                let written = self.written.get(&whose).and_then(|all| all.get(log_offset));
                if let Some((other, at)) = written.filter(|(written, _)| written != offset) {
                    let sentence = format!(
                        "group {group} has committed offset {offset} of {}, where offset {other} \
                         was written",
                        view.model.partition_name(partition)
                    );
                    let subject = subject(group, partition, Some(*offset));
                    findings.violated(subject, sentence, [*at, event.index]);
                }
            }
            Kind::OffsetRemoved { .. } => {
                let before = life.since.get(&whose).and_then(|known| known.committed);
                let committed = before.or(life.found.get(&whose).map(|(offset, _)| *offset));
                let known = Known { committed, is_gone: true, event: event.index };
                life.since.insert(whose, known);
            }
            Kind::OffsetTold { offset, .. } => {
                findings.exercised();
                let Some((should, at)) = self.objection(host, log, &whose, *offset) else { return };
                let tells =
                    |offset: Option<Offset>| offset.map_or("none".to_owned(), |it| it.to_string());
                let sentence = format!(
                    "{} tells that the offset of group {group} for {} is {}, and what is committed \
                     is {}",
                    view.model.setup().host_name(Some(host)),
                    view.model.partition_name(partition),
                    tells(*offset),
                    tells(should)
                );
                let subject = subject(group, partition, *offset);
                findings.violated(subject, sentence, at.into_iter().chain([event.index]));
            }
            _ => {}
        }
    }

    clone_box!();
}

impl CommitTold {
    /// What should have been told instead of `offset`, and since which event.
    fn objection(
        &self,
        host: HostId,
        log: Option<TopicPartition>,
        whose: &Whose,
        offset: Option<Offset>,
    ) -> Option<(Option<Offset>, Option<u64>)> {
        let life = self.lives.get(&(host, log?))?;
        if let Some(known) = life.since.get(whose) {
            let may_be_none = known.is_gone && offset.is_none();
            let is_right = offset == known.committed || may_be_none;
            return (!is_right).then_some((known.committed, Some(known.event)));
        }
        let written = self.written.get(whose);
        let Some((found, at)) = life.found.get(whose) else {
            // A removal that it has found may not be known to be safe.
            let is_right = offset.is_none() || self.removed.contains(whose);
            return (!is_right).then_some((None, None));
        };
        if offset == Some(*found) {
            return None;
        }
        // Whether what it has found is known to be safe, and whether there was what it tells.
        let is_found = |(_, (value, _)): &(&Offset, &(Offset, u64))| value == found;
        let place = written.and_then(|all| all.iter().rfind(is_found));
        let is_safe = place.is_some_and(|(place, _)| *place < life.safe);
        let was_written = |offset: Offset| {
            written.is_some_and(|all| all.values().any(|(value, _)| *value == offset))
        };
        let is_right = !is_safe && offset.is_none_or(was_written);
        (!is_right).then_some((Some(*found), Some(*at)))
    }

    fn on_used(
        &self,
        event: &Event,
        whose: &Whose,
        (partition, member, offset): (TopicPartition, &Name, Option<Offset>),
        view: View<'_>,
        findings: &mut Findings,
    ) {
        findings.exercised();
        if self.told.get(whose).is_some_and(|told| told.contains(&offset)) {
            return;
        }
        let begins =
            offset.map_or("where nothing is committed".to_owned(), |it| format!("at offset {it}"));
        let sentence = format!(
            "{} begins {begins} in {} for group {}, which no coordinator has told",
            view.model.setup().host_name(event.host),
            view.model.partition_name(partition),
            whose.0
        );
        let mut subject = subject(&whose.0, partition, offset);
        if let Subject::Group { members, .. } = &mut subject {
            members.push(member.clone());
        }
        findings.violated(subject, sentence, [event.index]);
    }
}

fn subject(group: &Name, partition: TopicPartition, offset: Option<Offset>) -> Subject {
    Subject::Group {
        group: group.clone(),
        members: Vec::new(),
        partition: Some(partition),
        offset,
        log: None,
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{OFFSETS, ORDERS, READER, Script};
    use crate::event::{Kind, OffsetGone};
    use crate::types::{HostId, LeaderEpoch, Offset};

    const OLD: HostId = HostId(1);
    const NEW: HostId = HostId(2);

    /// A coordinator that has found nothing.
    fn coordinated() -> Script {
        let mut run = Script::new();
        run.make_offsets_topic().load_groups(OLD, 1);
        run
    }

    fn writes(run: &mut Script, host: HostId, offset: i64, at: i64) {
        run.write_offset(host, offset, (OFFSETS, at));
    }

    fn commits(run: &mut Script, host: HostId, offset: i64, at: i64) {
        let (group, partition) = ("g".into(), ORDERS);
        let (offset, log_offset) = (Offset(offset), Offset(at));
        run.add(host, Kind::OffsetCommitted { group, partition, offset, log_offset });
    }

    fn tells(run: &mut Script, host: HostId, offset: Option<i64>) -> &'static str {
        let (group, partition, offset) = ("g".into(), ORDERS, offset.map(Offset));
        run.add(host, Kind::OffsetTold { group, partition, offset });
        run.outcome("commit-told")
    }

    fn outcome(run: &Script, host: HostId, offset: Option<i64>) -> &'static str {
        tells(&mut run.clone(), host, offset)
    }

    fn loads(run: &mut Script, host: HostId, finds: i64) {
        let (partition, leader_epoch) = (OFFSETS, LeaderEpoch(2));
        run.add(host, Kind::CoordinatorLoading { partition, leader_epoch });
        let (group, partition, offset) = ("g".into(), ORDERS, Offset(finds));
        run.add(host, Kind::OffsetLoaded { group, partition, offset });
    }

    #[test]
    fn the_last_that_is_committed_is_told() {
        let mut run = coordinated();
        assert_eq!(outcome(&run, OLD, None), "holds");
        writes(&mut run, OLD, 5, 0);
        assert_eq!(outcome(&run, OLD, None), "holds");
        assert_eq!(outcome(&run, OLD, Some(5)), "violated");
        commits(&mut run, OLD, 5, 0);
        writes(&mut run, OLD, 9, 1);
        assert_eq!(outcome(&run, OLD, Some(5)), "holds");
        assert_eq!(outcome(&run, OLD, Some(9)), "violated");
        commits(&mut run, OLD, 9, 1);
        assert_eq!(outcome(&run, OLD, Some(9)), "holds");
        assert_eq!(outcome(&run, OLD, Some(5)), "violated");
        assert_eq!(outcome(&run, OLD, None), "violated");
        // Back, by a commit.
        writes(&mut run, OLD, 2, 2);
        commits(&mut run, OLD, 2, 2);
        assert_eq!(outcome(&run, OLD, Some(2)), "holds");
    }

    #[test]
    fn what_is_committed_was_written() {
        let mut run = coordinated();
        writes(&mut run, OLD, 5, 0);
        commits(&mut run, OLD, 4, 0);
        assert_eq!(run.outcome("commit-told"), "violated");
    }

    #[test]
    fn what_is_removed_may_be_told_until_that_is_safe() {
        let mut run = coordinated();
        writes(&mut run, OLD, 5, 0);
        commits(&mut run, OLD, 5, 0);
        let (group, partition, because) = ("g".into(), ORDERS, OffsetGone::Deleted);
        run.add(OLD, Kind::OffsetRemoved { group, partition, because });
        assert_eq!(outcome(&run, OLD, None), "holds");
        assert_eq!(outcome(&run, OLD, Some(5)), "holds");
        assert_eq!(outcome(&run, OLD, Some(4)), "violated");
    }

    #[test]
    fn a_new_coordinator_tells_what_it_has_found_once_that_is_safe() {
        for (high_watermark, older) in [(1, "holds"), (2, "violated")] {
            let mut run = coordinated();
            writes(&mut run, OLD, 5, 0);
            writes(&mut run, OLD, 9, 1);
            run.offsets_high_watermark(2, high_watermark);
            loads(&mut run, NEW, 9);
            assert_eq!(outcome(&run, NEW, Some(9)), "holds");
            assert_eq!(outcome(&run, NEW, Some(5)), older);
            assert_eq!(outcome(&run, NEW, Some(7)), "violated");
            // Of its former life it says nothing.
            assert_eq!(outcome(&run, OLD, None), "holds");
        }
    }

    #[test]
    fn a_member_begins_where_it_was_told() {
        let mut run = coordinated();
        writes(&mut run, OLD, 5, 0);
        commits(&mut run, OLD, 5, 0);
        tells(&mut run, OLD, Some(5));
        for (offset, outcome) in [(Some(5), "holds"), (Some(4), "violated"), (None, "violated")] {
            let (group, member, epoch) = ("g".into(), "m".into(), 1);
            let (partition, offset) = (ORDERS, offset.map(Offset));
            let mut run = run.clone();
            run.add(READER, Kind::CommittedOffsetUsed { group, member, epoch, partition, offset });
            assert_eq!(run.outcome("commit-told"), outcome);
        }
    }
}
