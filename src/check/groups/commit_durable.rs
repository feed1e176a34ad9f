//! commit-durable.
//!
//! An offset whose committer was told that it is committed is not lost: whoever coordinates the
//! group later knows it, or one that was committed after it.
//!
//! Compared: what a coordinator finds when it has read its log, with what was acknowledged before
//! and written since; what a coordinator acknowledges after another has taken over, with what that
//! one found; and expiry with the state of the group, which must not be in a rebalance.
//!
//! The boundary cases: a commit that was written and not acknowledged may be found, or not. Of a
//! topic that is deleted nothing is left to be known: a coordinator removes its offsets, and where
//! there was none they stay under its name, for a topic that may be made anew.

use std::collections::BTreeMap;

use crate::check::groups::roster::{Groups, kinds_with_roster};
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, GroupState, Kind, OffsetGone};
use crate::types::{ErrorCode, HostId, LeaderEpoch, Name, Offset, TopicPartition};

/// Whose offset: group, partition.
type Whose = (Name, TopicPartition);

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommitDurable {
    groups: Groups,
    tracks: BTreeMap<Whose, Track>,
    /// What each host found while it read its log.
    found: BTreeMap<HostId, BTreeMap<Whose, Offset>>,
    /// Who took over each partition of `__consumer_offsets` last, and what it knew then.
    current: BTreeMap<TopicPartition, Current>,
}

/// What became of one offset.
#[derive(Clone, Debug)]
struct Track {
    /// The partition of `__consumer_offsets` that it stands in.
    log: TopicPartition,
    /// Since the last that was acknowledged: what was written, where, with which event.
    written: Vec<(Offset, HostId, u64)>,
    /// The event of the acknowledgement of the first of them.
    acked: Option<u64>,
}

#[derive(Clone, Debug)]
struct Current {
    host: HostId,
    leader_epoch: LeaderEpoch,
    event: u64,
    knows: BTreeMap<Whose, Offset>,
}

const INFO: Info = Info {
    name: "commit-durable",
    statement: "an offset that was acknowledged is known to every later coordinator",
    source: "Kafka 4.1, CoordinatorRuntime; KAFKA-20634, KAFKA-13636",
    premise: "that of acked-durability, for the partitions of __consumer_offsets",
    kinds: kinds_with_roster![
        "offset-appended",
        "offset-commit-answered",
        "offset-loaded",
        "offset-removed",
        "coordinator-loaded",
        "topic-removed",
    ],
    is_liveness: false,
};

impl Property for CommitDurable {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        self.groups.on_event(event, &view.model.coordinators);
        let Some(host) = event.host else { return };
        match &event.kind {
            Kind::TopicRemoved { topic, .. } => {
                self.tracks.retain(|(_, partition), _| partition.topic_id != *topic);
            }
            Kind::OffsetAppended { group, partition, offset, log, .. } => {
                let whose = (group.clone(), *partition);
                let fresh = || Track { log: *log, written: Vec::new(), acked: None };
                let track = self.tracks.entry(whose.clone()).or_insert_with(fresh);
                track.log = *log;
                track.written.push((*offset, host, event.index));
                if let Some(current) = self.current.get_mut(log)
                    && current.host == host
                {
                    current.knows.insert(whose, *offset);
                }
            }
            Kind::OffsetCommitAnswered {
                group, partition, offset, error: ErrorCode::None, ..
            } => {
                let whose = (group.clone(), *partition);
                self.on_acked(event, host, &whose, *offset, view, findings);
            }
            Kind::CoordinatorLoading { .. } => drop(self.found.remove(&host)),
            Kind::OffsetLoaded { group, partition, offset } => {
                let found = self.found.entry(host).or_default();
                found.insert((group.clone(), *partition), *offset);
            }
            Kind::CoordinatorLoaded { partition, leader_epoch, .. } => {
                self.on_loaded(event, host, *partition, *leader_epoch, view, findings);
            }
            Kind::OffsetRemoved { group, partition, because } => {
                let gone = self.tracks.remove(&(group.clone(), *partition));
                let state = self.groups.get(group, host).map(|known| known.state);
                let rebalances = matches!(
                    state,
                    Some(GroupState::PreparingRebalance | GroupState::CompletingRebalance)
                );
                if *because == OffsetGone::Expired && rebalances && gone.is_some() {
                    let subject = Subject::Group {
                        group: group.clone(),
                        members: Vec::new(),
                        partition: Some(*partition),
                        offset: None,
                        log: None,
                    };
                    let partition = view.model.partition_name(*partition);
                    let sentence = format!(
                        "the offset of group {group} for {partition} expires while the group \
                         rebalances"
                    );
                    findings.violated(subject, sentence, [event.index]);
                }
            }
            _ => {}
        }
    }

    clone_box!();
}

impl CommitDurable {
    fn on_acked(
        &mut self,
        event: &Event,
        host: HostId,
        whose: &Whose,
        offset: Offset,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let Some(track) = self.tracks.get_mut(whose) else { return };
        let by_host =
            |(value, writer, _): &(Offset, HostId, u64)| (*value, *writer) == (offset, host);
        let Some(place) = track.written.iter().position(by_host) else { return };
        findings.exercised();
        track.written.drain(..place);
        track.acked = Some(event.index);
        let Some(current) = self.current.get(&track.log) else { return };
        let written = track.written[0].2;
        if current.host == host || current.event < written {
            return;
        }
        let known = current.knows.get(whose);
        if !known.is_some_and(|known| track.written.iter().any(|(value, ..)| value == known)) {
            let log = track.log;
            let sentence = format!(
                "{} acknowledges offset {offset} of group {} for {}, but {} coordinates the group \
                 since leader epoch {} and does not know it",
                view.model.setup().host_name(Some(host)),
                whose.0,
                view.model.partition_name(whose.1),
                view.model.setup().host_name(Some(current.host)),
                current.leader_epoch
            );
            let evidence = [written, current.event, event.index];
            let excuse = view.premises.left(log);
            let subject = subject(whose, track);
            findings.violated_unless(subject, excuse, sentence, evidence);
        }
    }

    fn on_loaded(
        &mut self,
        event: &Event,
        host: HostId,
        log: TopicPartition,
        leader_epoch: LeaderEpoch,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let found = self.found.remove(&host).unwrap_or_default();
        for (whose, track) in self.tracks.iter().filter(|(_, track)| track.log == log) {
            let Some(acked) = track.acked else { continue };
            findings.exercised();
            let known = found.get(whose);
            if known.is_some_and(|known| track.written.iter().any(|(value, ..)| value == known)) {
                continue;
            }
            let finds = known.map_or("none".to_owned(), |known| format!("offset {known}"));
            let sentence = format!(
                "group {} was told that offset {} is committed for {}, and its new coordinator \
                 finds {finds}",
                whose.0,
                track.written[0].0,
                view.model.partition_name(whose.1)
            );
            let evidence = [track.written[0].2, acked, event.index];
            let excuse = view.premises.left(log);
            let subject = subject(whose, track);
            findings.violated_unless(subject, excuse, sentence, evidence);
        }
        let is_newer =
            self.current.get(&log).is_none_or(|current| current.leader_epoch <= leader_epoch);
        if is_newer {
            let current = Current { host, leader_epoch, event: event.index, knows: found };
            self.current.insert(log, current);
        }
    }
}

fn subject(whose: &Whose, track: &Track) -> Subject {
    Subject::Group {
        group: whose.0.clone(),
        members: Vec::new(),
        partition: Some(whose.1),
        offset: Some(track.written[0].0),
        log: Some(track.log),
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{ORDERS, Script};
    use crate::event::Kind;
    use crate::types::{
        ErrorCode, GroupEpoch, HostId, LeaderEpoch, Offset, TopicId, TopicPartition,
    };

    const OLD: HostId = HostId(1);
    const NEW: HostId = HostId(2);

    fn log() -> TopicPartition {
        TopicPartition::new(TopicId(50), 3)
    }

    fn write(run: &mut Script, host: HostId, offset: i64) {
        run.write_offset(host, offset, (log(), offset));
    }

    fn ack(run: &mut Script, host: HostId, offset: i64) {
        let kind = Kind::OffsetCommitAnswered {
            group: "g".into(),
            partition: ORDERS,
            offset: Offset(offset),
            member: None,
            epoch: GroupEpoch(-1),
            error: ErrorCode::None,
        };
        run.add(host, kind);
    }

    fn load(run: &mut Script, host: HostId, epoch: i32, finds: Option<i64>) {
        let (partition, leader_epoch) = (log(), LeaderEpoch(epoch));
        run.add(host, Kind::CoordinatorLoading { partition, leader_epoch });
        if let Some(offset) = finds {
            let (group, offset) = ("g".into(), Offset(offset));
            run.add(host, Kind::OffsetLoaded { group, partition: ORDERS, offset });
        }
        let (end, groups) = (Offset(9), 1);
        run.add(host, Kind::CoordinatorLoaded { partition, leader_epoch, end, groups });
    }

    #[test]
    fn what_was_acknowledged_or_written_since_may_be_found() {
        let mut run = Script::new();
        write(&mut run, OLD, 5);
        assert_eq!(run.outcome("commit-durable"), "not exercised");
        ack(&mut run, OLD, 5);
        load(&mut run, NEW, 2, Some(5));
        write(&mut run, NEW, 6);
        load(&mut run, OLD, 3, Some(6));
        assert_eq!(run.outcome("commit-durable"), "holds");
    }

    #[test]
    fn of_a_topic_that_is_deleted_nothing_is_to_be_found() {
        for (topic, outcome) in [(ORDERS.topic_id, "holds"), (TopicId(99), "violated")] {
            let mut run = Script::new();
            write(&mut run, OLD, 5);
            ack(&mut run, OLD, 5);
            run.add(HostId(3), Kind::TopicRemoved { topic, offset: Offset(9) });
            load(&mut run, NEW, 2, None);
            assert_eq!(run.outcome("commit-durable"), outcome);
        }
    }

    #[test]
    fn an_offset_that_is_not_found_is_a_breach() {
        for finds in [None, Some(4)] {
            let mut run = Script::new();
            write(&mut run, OLD, 4);
            write(&mut run, OLD, 5);
            ack(&mut run, OLD, 5);
            load(&mut run, NEW, 2, finds);
            assert_eq!(run.outcome("commit-durable"), "violated");
        }
    }

    #[test]
    fn a_deposed_coordinator_must_not_acknowledge_what_its_successor_lacks() {
        let mut run = Script::new();
        write(&mut run, OLD, 5);
        load(&mut run, NEW, 2, None);
        ack(&mut run, OLD, 5);
        assert_eq!(run.outcome("commit-durable"), "violated");
        let mut run = Script::new();
        write(&mut run, OLD, 5);
        load(&mut run, NEW, 2, Some(5));
        ack(&mut run, OLD, 5);
        assert_eq!(run.outcome("commit-durable"), "holds");
    }
}
