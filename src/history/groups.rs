//! The figures of consumer groups, folded from events.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Coordinators, Event, GivenUpBecause, GroupState, Kind, OffsetGone, Phase};
use crate::history::committers::Committers;
use crate::history::group::Group;
use crate::history::group_figures::{
    AgainBecause, GroupEpochFigures, GroupFigures, GroupPartitionFigures, ProcessedAgain,
};
use crate::history::group_members::GroupMembers;
use crate::history::owned::{Owned, lag};
use crate::types::{HostId, Moment, Name, Offset, PartitionIndex, TopicId, TopicPartition};

/// Folds events into [`GroupFigures`].
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::history) struct GroupCounter {
    groups: BTreeMap<Name, Group>,
    /// High watermarks of leaders.
    ends: BTreeMap<TopicPartition, Offset>,
    /// Where logs begin, once they no longer do at 0.
    log_starts: BTreeMap<TopicPartition, Offset>,
    /// Who is in which group.
    members: GroupMembers,
    committers: Committers,
    coordinators: Coordinators,
    /// The member id that each host has, or had last.
    ids: BTreeMap<HostId, Name>,
    /// Topics' names, those of deleted ones too.
    topics: BTreeMap<TopicId, Name>,
    removed: BTreeSet<TopicId>,
    /// When each partition was made.
    made: BTreeMap<TopicPartition, Moment>,
    /// Records that the run itself wrote, to see whether the healed cluster serves.
    probes: BTreeSet<(TopicPartition, Offset)>,
    healed: Option<Moment>,
}

impl GroupCounter {
    /// Folds in `event`.
    pub(in crate::history) fn apply(&mut self, event: &Event) {
        self.members.apply(event);
        self.committers.apply(event);
        self.coordinators.apply(event);
        match &event.kind {
            Kind::HighWatermarkMoved { partition, as_leader: true, high_watermark, .. } => {
                self.ends.insert(*partition, *high_watermark);
            }
            Kind::ProbeReturned { partition, offset: Some(offset) } => {
                self.probes.insert((*partition, *offset));
            }
            Kind::PhaseBegan { phase: Phase::Heal } => self.healed = Some(event.at),
            Kind::LogStartMoved { partition, log_start_offset, .. } => {
                let start = self.log_starts.entry(*partition).or_default();
                *start = (*start).max(*log_start_offset);
            }
            Kind::TopicCommitted { topic, name, .. } => {
                self.topics.insert(*topic, name.clone());
            }
            Kind::PartitionCommitted { partition, .. } => {
                self.made.entry(*partition).or_insert(event.at);
            }
            Kind::TopicRemoved { topic, .. } => {
                self.removed.insert(*topic);
                let times = (event.at, self.healed);
                let all = self.groups.values_mut().flat_map(|group| group.partitions.iter_mut());
                let gone = all.filter(|(partition, _)| partition.topic_id == *topic);
                gone.for_each(|(_, owned)| owned.remove(times));
            }
            Kind::HostStopped { .. } => {
                let Some(host) = event.host else { return };
                let (at, until) = (event.at, self.healed);
                let all = self.groups.values_mut().flat_map(|group| group.partitions.values_mut());
                all.for_each(|owned| owned.give_up(host, AgainBecause::Ended, (at, until)));
            }
            Kind::GroupStateChanged { group, protocol, state, members, .. } => {
                let group = self.group(group);
                group.protocol = Some(*protocol);
                group.count(*members, event.at);
                group.is_gone |= *state == GroupState::Dead;
            }
            // What it has not read it does not know; what it has read follows.
            Kind::CoordinatorLoaded { partition, leader_epoch, .. } => {
                let coordinators = &self.coordinators;
                let latest = coordinators.epoch_of(*partition);
                if latest.is_none_or(|latest| latest <= *leader_epoch) {
                    let is_its = |name: &Name| coordinators.home(name.as_str()) == Some(*partition);
                    let all = self.groups.iter_mut().filter(|(name, _)| is_its(name));
                    all.for_each(|(_, group)| {
                        group.is_gone = true;
                        group.count(0, event.at);
                    });
                }
            }
            Kind::GroupLoaded { group, protocol, members, epoch, .. } => {
                let host = event.host;
                if host.is_none_or(|host| !self.coordinators.is_deposed(group.as_str(), host)) {
                    let group = self.group(group);
                    group.protocol = Some(*protocol);
                    group.load(epoch.0, *members, event.at);
                }
            }
            Kind::MemberLoaded { group, member, .. } => {
                if let Some(host) = self.counted(event, group, member) {
                    let partitions = self.group(group).partitions.values_mut();
                    partitions.for_each(|owned| owned.readmit(host));
                }
            }
            Kind::MemberLeft { group, member, .. } => self.on_left(event, group, member),
            Kind::GroupEpochBegan { group, protocol, epoch, members } => {
                let counts = self.healed.is_none() && event.at >= Moment::SCENARIO_BEGINS;
                let group = self.group(group);
                group.protocol = Some(*protocol);
                group.count(*members, event.at);
                group.epoch = Some(epoch.0);
                // A new coordinator may tell of it again.
                let is_known = group.epochs.last().is_some_and(|last| last.epoch == epoch.0);
                if group.is_gone {
                    group.epochs_before = group.epochs.len();
                }
                if counts && (!is_known || group.is_gone) {
                    let began = GroupEpochFigures::new(event.at, epoch.0, *protocol, *members);
                    group.epochs.push(began);
                }
                group.is_gone = false;
            }
            Kind::PartitionTaken { group, epoch, partition, .. } => {
                let Some(host) = event.host else { return };
                let (healed, made) = (self.healed, self.made.get(partition).copied());
                let group = self.group(group);
                let wanted = made.max(group.since).unwrap_or(event.at);
                let owned = group.partitions.entry(*partition).or_default();
                owned.take(host, *epoch, (wanted, (event.at, healed)));
            }
            Kind::PartitionGivenUp { group, partition, because, .. } => {
                let Some(host) = event.host else { return };
                let because = match because {
                    GivenUpBecause::Revoked => AgainBecause::Revoked,
                    GivenUpBecause::Lost => AgainBecause::Lost,
                    GivenUpBecause::Closed => AgainBecause::Closed,
                    GivenUpBecause::TopicGone => AgainBecause::Same,
                };
                let healed = self.healed;
                if let Some(owned) = self.group(group).partitions.get_mut(partition) {
                    owned.give_up(host, because, (event.at, healed));
                }
            }
            Kind::OffsetCommitted { group, partition, offset, log_offset } => {
                let is_outside = self.committers.take(group, *partition, *log_offset);
                let end = self.ends.get(partition).copied();
                let owned = self.group(group).partitions.entry(*partition).or_default();
                let lag = lag(owned.committed, end);
                owned.largest_lag = owned.largest_lag.max(lag);
                owned.committed = Some(*offset);
                if is_outside {
                    owned.delivered.on_told(Some(*offset));
                    owned.offset_gone = Some(AgainBecause::OffsetAltered);
                } else {
                    owned.delivered.on_committed(*offset);
                }
            }
            Kind::OffsetRemoved { group, partition, because } => {
                if let Some(owned) = self.group(group).partitions.get_mut(partition) {
                    owned.committed = None;
                    owned.delivered.on_told(None);
                    owned.offset_gone = Some(match because {
                        OffsetGone::Expired => AgainBecause::OffsetExpired,
                        OffsetGone::GroupDeleted => AgainBecause::GroupDeleted,
                        OffsetGone::Deleted | OffsetGone::TopicDeleted => {
                            AgainBecause::OffsetDeleted
                        }
                    });
                }
            }
            // One that nobody takes as a member is a group's, too.
            Kind::MemberStateEntered { group, member, .. } => {
                if !member.as_str().is_empty() {
                    self.ids.extend(event.host.map(|host| (host, member.clone())));
                }
                self.group(group).since.get_or_insert(event.at);
            }
            Kind::CommittedOffsetUsed { group, partition, offset, .. } => {
                let mut from_outside = *offset;
                from_outside =
                    from_outside.filter(|it| self.committers.take_used(group, *partition, *it));
                let owned = self.group(group).partitions.entry(*partition).or_default();
                if from_outside.is_some() {
                    owned.delivered.on_told(from_outside);
                    owned.offset_gone = Some(AgainBecause::OffsetAltered);
                }
                if let Some(offset) = offset {
                    owned.delivered.on_begun(*offset);
                }
                owned.delivered.on_read(event.host, *offset);
                owned.on_begun(event.host, *offset);
            }
            Kind::Polled { partition, base_offset, records, .. } => {
                let end = *base_offset + u64::from(*records);
                self.on_read(event, *partition, end, false);
            }
            Kind::PositionSet { partition, offset, by_reset } => {
                self.on_read(event, *partition, *offset, *by_reset);
            }
            Kind::Processed { group, epoch, partition, base_offset, records, .. } => {
                let Some(host) = event.host else { return };
                let is_anew = self.is_made_anew(partition.topic_id);
                let group = self.group(group);
                let owned = group.partitions.entry(*partition).or_default();
                // Who goes on there where it stood in the old one has passed over the rest.
                if is_anew && !owned.delivered.has_begun() {
                    owned.delivered.on_begun(Offset::ZERO);
                }
                let records = u64::from(*records);
                let again = owned.delivered.on_processed(*base_offset, *base_offset + records);
                group.processed += records - again;
                if again > 0 {
                    let of = owned.owners.get(&host).copied();
                    let of = match of.unwrap_or((*epoch, AgainBecause::Lost)) {
                        // Whoever of them is the zombie.
                        (epoch, _) if owned.owners.len() > 1 => (epoch, AgainBecause::Both),
                        of => of,
                    };
                    *group.again.entry(of).or_default() += again;
                }
            }
            _ => {}
        }
    }

    /// A reader goes on at `offset`. Of a consumer that is in no group there is nothing to tell.
    fn on_read(&mut self, event: &Event, partition: TopicPartition, offset: Offset, reset: bool) {
        let group = event.host.and_then(|host| self.members.group_of(host));
        let Some(group) = group.and_then(|group| self.groups.get_mut(group)) else { return };
        let delivered = &mut group.partitions.entry(partition).or_default().delivered;
        let log_start = self.log_starts.get(&partition).copied().unwrap_or(Offset::ZERO);
        delivered.on_position(event.host, offset, reset.then_some(log_start));
    }

    /// Whether a topic of the same name was there before.
    fn is_made_anew(&self, topic: TopicId) -> bool {
        let Some(name) = self.topics.get(&topic) else { return false };
        let mut removed = self.removed.iter().filter(|gone| **gone != topic);
        removed.any(|gone| self.topics.get(gone) == Some(name))
    }

    /// The host of a member of which its coordinator speaks, unless that is a deposed one.
    fn counted(&self, event: &Event, group: &Name, member: &Name) -> Option<HostId> {
        let is_late =
            event.host.is_some_and(|host| self.coordinators.is_deposed(group.as_str(), host));
        let host = self.ids.iter().find(|(_, id)| *id == member).map(|(host, _)| *host);
        host.filter(|_| !is_late)
    }

    /// The coordinator counts a member no more: it owns nothing, whatever it believes.
    fn on_left(&mut self, event: &Event, group: &Name, member: &Name) {
        if let Some(host) = self.counted(event, group, member) {
            let partitions = self.group(group).partitions.values_mut();
            partitions.for_each(|owned| owned.expel(host, event.at));
        }
    }

    /// How many of the records that `group` has processed are the run's own.
    fn probes_among(&self, group: &Group) -> u64 {
        let processed = self.probes.iter().filter(|(partition, offset)| {
            let owned = group.partitions.get(partition);
            owned.is_some_and(|owned| owned.delivered.is_processed(*offset))
        });
        processed.count() as u64
    }

    /// How many records of clients that are committed nobody has processed.
    fn unprocessed(&self, id: &TopicPartition, owned: &Owned) -> u64 {
        let unprocessed = owned.delivered.unprocessed(!owned.owners.is_empty());
        let all: u64 = unprocessed.stretches().map(|(from, to)| to.since(from)).sum();
        let is_own = |it: &&(TopicPartition, Offset)| unprocessed.contains(it.1);
        let of_id = (*id, Offset::ZERO)..=(*id, Offset(i64::MAX));
        all - self.probes.range(of_id).filter(is_own).count() as u64
    }

    fn group(&mut self, name: &Name) -> &mut Group {
        if !self.groups.contains_key(name) {
            self.groups.insert(name.clone(), Group::default());
        }
        self.groups.get_mut(name).expect("it was put there")
    }

    /// The figures at `now`, by group; `topics` and `host_name` give names.
    pub(in crate::history) fn figures(
        &self,
        now: Moment,
        topics: &BTreeMap<TopicId, Name>,
        host_name: &dyn Fn(HostId) -> String,
    ) -> Vec<GroupFigures> {
        let until = (now, self.healed);
        let of = |(name, group): (&Name, &Group)| {
            let mut named: Vec<(&str, PartitionIndex, GroupPartitionFigures)> = group
                .partitions
                .iter()
                .filter_map(|(id, owned)| {
                    let topic = topics.get(&id.topic_id)?.as_str();
                    let end = self.ends.get(id).copied();
                    let name = format!("{topic}-{}", id.partition);
                    let mut figures = owned.figures(name, end, until);
                    figures.stints = owned.stints.iter().map(|it| it.named(host_name)).collect();
                    // In a group without members nobody owns, whatever processes believe.
                    let all = figures.stints.iter_mut();
                    for stint in all.filter(|it| it.until.is_none() && it.expelled.is_none()) {
                        stint.expelled = group.empty_since;
                    }
                    // Of applications that never say what they process nobody can tell.
                    if group.processed > 0 {
                        figures.unprocessed = self.unprocessed(id, owned);
                    }
                    Some((topic, id.partition, figures))
                })
                .collect();
            named.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
            let again = group.again.iter().map(|((epoch, because), records)| ProcessedAgain {
                epoch: *epoch,
                because: *because,
                records: *records,
            });
            GroupFigures {
                name: name.as_str().to_owned(),
                protocol: group.protocol,
                epochs: group.epochs_with_times(),
                epoch: group.epoch,
                members: group.members,
                partitions: named.into_iter().map(|(.., figures)| figures).collect(),
                processed: group.processed - self.probes_among(group),
                again: again.collect(),
                failed: self.members.failed(name).iter().map(|it| it.named(host_name)).collect(),
                failed_polls: self.members.failed_polls(name),
                overdue: self.members.overdue(name).map(|it| it.named(host_name)).collect(),
            }
        };
        self.groups.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::script::{ORDERS, OTHER, READER, Script, WRITER};
    use crate::event::{CrashKeep, GroupProtocol, LeftBecause, MemberState};
    use crate::types::GroupEpoch;
    use std::time::Duration;

    fn figures(run: &Script) -> GroupFigures {
        let mut counter = GroupCounter::default();
        let topics = BTreeMap::from([(ORDERS.topic_id, "orders".into())]);
        let mut now = Moment(0);
        for event in run.events() {
            counter.apply(event);
            now = event.at;
        }
        let name = |host| if host == READER { "reader" } else { "other" }.to_owned();
        let mut figures = counter.figures(now, &topics, &name);
        assert_eq!(figures.len(), 1);
        figures.remove(0)
    }

    fn takes(run: &mut Script, host: HostId, epoch: i32) {
        let (group, member) = ("billing".into(), "m".into());
        run.add(host, Kind::PartitionTaken { group, member, epoch, partition: ORDERS });
    }

    fn gives_up(run: &mut Script, host: HostId, because: GivenUpBecause) {
        let (group, member) = ("billing".into(), "m".into());
        let epoch = 1;
        let partition = ORDERS;
        run.add(host, Kind::PartitionGivenUp { group, member, epoch, partition, because });
    }

    fn processes(run: &mut Script, host: HostId, base_offset: i64, records: u32) {
        let (group, member) = ("billing".into(), "m".into());
        let base_offset = Offset(base_offset);
        let (epoch, partition) = (1, ORDERS);
        run.add(host, Kind::Processed { group, member, epoch, partition, base_offset, records });
    }

    fn begins(run: &mut Script, epoch: i32, members: u32) {
        let (group, protocol) = ("billing".into(), GroupProtocol::Classic);
        let epoch = GroupEpoch(epoch);
        run.add(HostId(1), Kind::GroupEpochBegan { group, protocol, epoch, members });
    }

    fn dies(run: &mut Script, host: HostId) {
        run.add(
            host,
            Kind::HostStopped { keep: CrashKeep::PageCache, halted: None, in_order: false },
        );
    }

    /// Events follow each other by a millisecond.
    const STEP: Duration = Duration::from_millis(1);

    #[test]
    fn a_partition_is_unowned_between_two_owners() {
        let mut run = Script::new();
        takes(&mut run, READER, 1);
        gives_up(&mut run, READER, GivenUpBecause::Revoked);
        run.wait(2);
        takes(&mut run, OTHER, 2);
        gives_up(&mut run, OTHER, GivenUpBecause::Lost);
        takes(&mut run, READER, 3);
        let figures = figures(&run);
        let partition = &figures.partitions[0];
        assert_eq!(partition.name, "orders-0");
        assert_eq!(partition.longest_unowned, STEP + Duration::from_secs(2));
        assert_eq!(partition.unowned, 2 * STEP + Duration::from_secs(2));
        let owners: Vec<_> =
            partition.stints.iter().map(|it| (it.owner.as_str(), it.epoch)).collect();
        assert_eq!(owners, [("reader", 1), ("other", 2), ("reader", 3)]);
        let open: Vec<_> = partition.stints.iter().map(|it| it.until.is_none()).collect();
        assert_eq!(open, [false, false, true]);
    }

    #[test]
    fn a_generation_answers_for_the_time_without_an_owner_that_it_ends() {
        let mut run = Script::new();
        begins(&mut run, 1, 2);
        takes(&mut run, READER, 1);
        gives_up(&mut run, READER, GivenUpBecause::Revoked);
        run.wait(2);
        begins(&mut run, 2, 2);
        takes(&mut run, OTHER, 2);
        gives_up(&mut run, OTHER, GivenUpBecause::Revoked);
        begins(&mut run, 3, 2);
        takes(&mut run, READER, 3);
        // This time nobody ends.
        gives_up(&mut run, READER, GivenUpBecause::Revoked);
        begins(&mut run, 4, 2);
        let figures = figures(&run);
        let times: Vec<_> =
            figures.epochs.iter().map(|it| (it.epoch, it.unowned, it.longest_unowned)).collect();
        let second = 2 * STEP + Duration::from_secs(2);
        let none = Duration::ZERO;
        let expected =
            [(1, none, none), (2, second, second), (3, 2 * STEP, 2 * STEP), (4, none, none)];
        assert_eq!(times, expected);
        assert!(figures.unowned() > second + 2 * STEP);
    }

    #[test]
    fn what_healing_does_is_not_counted() {
        let mut run = Script::new();
        takes(&mut run, READER, 1);
        gives_up(&mut run, READER, GivenUpBecause::Closed);
        run.add(HostId(0), Kind::PhaseBegan { phase: Phase::Heal });
        run.wait(5);
        begins(&mut run, 2, 1);
        takes(&mut run, OTHER, 2);
        let figures = figures(&run);
        assert_eq!(figures.partitions[0].unowned, STEP);
        assert_eq!((figures.epochs.len(), figures.members), (0, 1));
    }

    #[test]
    fn a_process_that_ends_owns_nothing() {
        let mut run = Script::new();
        takes(&mut run, READER, 1);
        dies(&mut run, READER);
        run.wait(3);
        begins(&mut run, 2, 0);
        let figures = figures(&run);
        assert!(figures.partitions[0].unowned >= Duration::from_secs(3));
        assert!(figures.partitions[0].stints[0].until.is_some());
    }

    #[test]
    fn what_is_processed_again_is_told_with_the_owner_before() {
        let mut run = Script::new();
        takes(&mut run, READER, 1);
        processes(&mut run, READER, 0, 10);
        dies(&mut run, READER);
        takes(&mut run, OTHER, 2);
        processes(&mut run, OTHER, 4, 10);
        gives_up(&mut run, OTHER, GivenUpBecause::Revoked);
        takes(&mut run, READER, 3);
        processes(&mut run, READER, 13, 1);
        // A zombie goes on.
        takes(&mut run, OTHER, 4);
        processes(&mut run, OTHER, 0, 2);
        processes(&mut run, READER, 5, 1);
        gives_up(&mut run, READER, GivenUpBecause::Lost);
        processes(&mut run, READER, 1, 1);
        let figures = figures(&run);
        let again: Vec<_> =
            figures.again.iter().map(|it| (it.epoch, it.because.name(), it.records)).collect();
        assert_eq!(
            again,
            [
                (1, "lost", 1),
                (2, "process ended", 6),
                (3, "revoked", 1),
                (3, "owned by both", 1),
                (4, "owned by both", 2),
            ]
        );
        assert_eq!((figures.processed, figures.processed_again()), (14, 11));
    }

    #[test]
    fn the_runs_own_records_are_nobodys() {
        let mut run = Script::new();
        takes(&mut run, READER, 1);
        processes(&mut run, READER, 0, 3);
        run.add(WRITER, Kind::ProbeReturned { partition: ORDERS, offset: Some(Offset(2)) });
        run.add(WRITER, Kind::ProbeReturned { partition: ORDERS, offset: Some(Offset(3)) });
        assert_eq!(figures(&run).processed, 2);
    }

    fn begins_at(run: &mut Script, host: HostId, offset: Option<i64>) {
        let (group, member, epoch) = ("billing".into(), "m".into(), 1);
        let (partition, offset) = (ORDERS, offset.map(Offset));
        run.add(host, Kind::CommittedOffsetUsed { group, member, epoch, partition, offset });
    }

    fn commits(run: &mut Script, offset: i64) {
        let (group, partition) = ("billing".into(), ORDERS);
        let (offset, log_offset) = (Offset(offset), Offset(0));
        run.add(HostId(1), Kind::OffsetCommitted { group, partition, offset, log_offset });
    }

    fn is_member(run: &mut Script, host: HostId) {
        let (group, member, epoch) = ("billing".into(), "m".into(), 1);
        let (state, leads) = (MemberState::Stable, false);
        run.add(host, Kind::MemberStateEntered { group, member, epoch, state, leads });
    }

    #[test]
    fn what_is_committed_before_a_crash_and_never_processed_is_told() {
        let mut run = Script::new();
        takes(&mut run, READER, 1);
        begins_at(&mut run, READER, Some(0));
        commits(&mut run, 10);
        processes(&mut run, READER, 0, 4);
        // It is still at work.
        assert_eq!(figures(&run).unprocessed(), 0);
        dies(&mut run, READER);
        assert_eq!(figures(&run).unprocessed(), 6);
        takes(&mut run, OTHER, 2);
        begins_at(&mut run, OTHER, Some(10));
        processes(&mut run, OTHER, 10, 3);
        // One of them was the run's own.
        run.add(WRITER, Kind::ProbeReturned { partition: ORDERS, offset: Some(Offset(5)) });
        let figures = figures(&run);
        assert_eq!((figures.unprocessed(), figures.processed), (5, 7));
        assert_eq!((figures.partitions[0].unprocessed, figures.passed_over()), (5, 0));
    }

    #[test]
    fn what_a_reset_of_a_member_passes_over_is_told() {
        let mut run = Script::new();
        let set = Kind::PositionSet { partition: ORDERS, offset: Offset(7), by_reset: true };
        // It is nobody's of a group yet.
        run.add(READER, set.clone());
        is_member(&mut run, READER);
        takes(&mut run, READER, 1);
        let because = crate::event::StartMovedBecause::RetentionMs;
        let (partition, log_start_offset) = (ORDERS, Offset(2));
        run.add(
            HostId(1),
            Kind::LogStartMoved {
                partition,
                log_start_offset,
                because,
                limit: None,
                wall_millis: None,
            },
        );
        run.add(READER, set);
        processes(&mut run, READER, 7, 3);
        let figures = figures(&run);
        assert_eq!((figures.passed_over(), figures.unprocessed()), (5, 0));
    }

    #[test]
    fn a_partition_whose_topic_is_deleted_is_nobodys_and_missed_by_nobody() {
        let mut run = Script::new();
        takes(&mut run, READER, 1);
        commits(&mut run, 0);
        let (partition, high_watermark, as_leader) = (ORDERS, Offset(9), true);
        run.add(HostId(1), Kind::HighWatermarkMoved { partition, high_watermark, as_leader });
        assert_eq!(figures(&run).lag(), 9);
        let (topic, offset) = (ORDERS.topic_id, Offset(50));
        run.add(HostId(1), Kind::TopicRemoved { topic, offset });
        run.wait(3);
        // It learns of it later.
        gives_up(&mut run, READER, GivenUpBecause::Lost);
        run.wait(5);
        begins(&mut run, 2, 1);
        let told = figures(&run);
        assert_eq!((told.unowned(), told.lag()), (Duration::ZERO, 0));
        assert!(told.partitions[0].removed.is_some());
        // Of one that nobody owned only the time before counts.
        let mut run = Script::new();
        takes(&mut run, READER, 1);
        gives_up(&mut run, READER, GivenUpBecause::Revoked);
        run.wait(2);
        run.add(HostId(1), Kind::TopicRemoved { topic, offset });
        run.wait(5);
        begins(&mut run, 2, 1);
        assert_eq!(figures(&run).unowned(), STEP + Duration::from_secs(2));
    }

    #[test]
    fn an_offset_that_is_deleted_is_no_longer_there() {
        let mut run = Script::new();
        takes(&mut run, READER, 1);
        commits(&mut run, 4);
        let (group, partition) = ("billing".into(), ORDERS);
        let because = OffsetGone::Deleted;
        run.add(HostId(1), Kind::OffsetRemoved { group, partition, because });
        assert_eq!(figures(&run).partitions[0].committed, None);
    }

    #[test]
    fn generations_that_are_told_twice_are_one() {
        let mut run = Script::new();
        for (epoch, members) in [(1, 2), (1, 2), (2, 3)] {
            begins(&mut run, epoch, members);
        }
        let figures = figures(&run);
        let epochs: Vec<_> = figures.epochs.iter().map(|it| (it.epoch, it.members)).collect();
        assert_eq!(epochs, [(1, 2), (2, 3)]);
        assert_eq!((figures.protocol, figures.members), (Some(GroupProtocol::Classic), 3));
    }

    #[test]
    fn lag_is_what_is_there_and_not_committed() {
        let mut run = Script::new();
        for (end, committed) in [(10, 4), (20, 6)] {
            let (partition, high_watermark) = (ORDERS, Offset(end));
            let as_leader = true;
            run.add(HostId(1), Kind::HighWatermarkMoved { partition, high_watermark, as_leader });
            let (group, offset, log_offset) = ("billing".into(), Offset(committed), Offset(0));
            run.add(HostId(1), Kind::OffsetCommitted { group, partition, offset, log_offset });
        }
        let figures = figures(&run);
        let partition = &figures.partitions[0];
        assert_eq!(partition.committed, Some(Offset(6)));
        // Before the commit of 6 it was 20 less 4.
        assert_eq!((figures.lag(), partition.largest_lag), (14, 16));
    }

    fn enters(run: &mut Script, host: HostId, member: &str) {
        let (group, member, epoch) = ("billing".into(), member.into(), 1);
        let (state, leads) = (MemberState::Stable, false);
        run.add(host, Kind::MemberStateEntered { group, member, epoch, state, leads });
    }

    fn expels(run: &mut Script, member: &str) {
        let (group, member, because) =
            ("billing".into(), member.into(), LeftBecause::SessionExpired);
        run.add(HostId(1), Kind::MemberLeft { group, member, because });
    }

    #[test]
    fn who_is_expelled_owns_nothing_whatever_it_does() {
        let mut run = Script::new();
        enters(&mut run, READER, "a1");
        takes(&mut run, READER, 1);
        expels(&mut run, "of another");
        assert_eq!(figures(&run).partitions[0].unowned, Duration::ZERO);
        let mut emptied = run.clone();
        assert_eq!(figures(&emptied).partitions[0].stints[0].expelled, None);
        begins(&mut emptied, 2, 0);
        expels(&mut run, "a1");
        for run in [&emptied, &run] {
            assert!(figures(run).partitions[0].stints[0].expelled.is_some());
        }
        run.wait(3);
        let seconds = Duration::from_secs;
        // What it does all the same it does for nobody.
        processes(&mut run, READER, 0, 10);
        let mut again = run.clone();
        takes(&mut run, OTHER, 2);
        assert_eq!(figures(&run).partitions[0].unowned, seconds(3) + 2 * STEP);
        run.wait(1);
        gives_up(&mut run, READER, GivenUpBecause::Lost);
        assert_eq!(figures(&run).partitions[0].unowned, seconds(3) + 2 * STEP);
        // A later coordinator finds it in its log: it was not expelled.
        let (group, epoch, partitions) = ("billing".into(), GroupEpoch(1), Vec::new());
        again.add(HostId(2), Kind::MemberLoaded { group, member: "a1".into(), epoch, partitions });
        takes(&mut again, OTHER, 2);
        assert_eq!(figures(&again).partitions[0].unowned, Duration::ZERO);
    }

    #[test]
    fn what_a_successor_does_not_find_came_to_nothing() {
        let mut run = Script::new();
        run.make_offsets_topic().load_groups(HostId(1), 1);
        for epoch in 1..=3 {
            begins(&mut run, epoch, 2);
        }
        assert_eq!(figures(&run).epochs.len(), 3);
        run.load_groups(HostId(2), 2);
        let (group, epoch, members) = (Name::from("billing"), GroupEpoch(2), 2);
        let (protocol, state) = (GroupProtocol::Classic, GroupState::Stable);
        run.add(HostId(2), Kind::GroupLoaded { group, protocol, state, epoch, members });
        let epochs: Vec<_> = figures(&run).epochs.iter().map(|it| it.epoch).collect();
        assert_eq!((epochs, figures(&run).epoch), (vec![1, 2], Some(2)));
    }

    #[test]
    fn a_partition_waits_for_its_first_owner() {
        let mut run = Script::new();
        run.wait(1);
        is_member(&mut run, READER);
        run.wait(2);
        takes(&mut run, READER, 1);
        let figures = figures(&run);
        assert_eq!(figures.partitions[0].waited, Some(Duration::from_secs(2) + STEP));
        assert_eq!(figures.unowned(), Duration::ZERO);
    }

    #[test]
    fn what_is_processed_again_is_told_with_what_became_of_the_offset() {
        let partition = ORDERS;
        let removed = |because| {
            let group = "billing".into();
            Kind::OffsetRemoved { group, partition, because }
        };
        let (offset, log_offset) = (Offset(0), Offset(1));
        let group: Name = "billing".into();
        let altered = Kind::OffsetAppended {
            group: group.clone(),
            partition,
            offset,
            member: None,
            epoch: GroupEpoch(-1),
            log: ORDERS,
            log_offset,
        };
        let cases = [
            (Some(removed(OffsetGone::Expired)), None, "offset expired"),
            (Some(removed(OffsetGone::Deleted)), None, "offset deleted"),
            (Some(removed(OffsetGone::GroupDeleted)), None, "group deleted"),
            (Some(altered), Some(offset), "offset altered"),
            (None, None, "offset lost"),
            (None, Some(offset), "offset lost"),
            (None, Some(Offset(5)), "revoked"),
        ];
        for (kind, begins_at, told) in cases {
            let mut run = Script::new();
            takes(&mut run, READER, 1);
            processes(&mut run, READER, 0, 10);
            let (group, log_offset) = (group.clone(), Offset(0));
            let offset = Offset(5);
            run.add(HostId(1), Kind::OffsetCommitted { group, partition, offset, log_offset });
            gives_up(&mut run, READER, GivenUpBecause::Revoked);
            if let Some(kind) = kind {
                run.add(HostId(1), kind);
            }
            takes(&mut run, OTHER, 2);
            let (group, member, epoch) = ("billing".into(), "m".into(), 2);
            let offset = begins_at;
            run.add(OTHER, Kind::CommittedOffsetUsed { group, member, epoch, partition, offset });
            processes(&mut run, OTHER, 0, 4);
            let again = figures(&run).again;
            let again: Vec<_> = again.iter().map(|it| (it.epoch, it.because.name())).collect();
            assert_eq!(again, [(2, told)]);
        }
    }

    #[test]
    fn a_group_that_begins_anew_counts_anew() {
        let mut run = Script::new();
        run.make_offsets_topic().load_groups(HostId(1), 1);
        begins(&mut run, 1, 2);
        begins(&mut run, 1, 2);
        assert_eq!((figures(&run).epochs.len(), figures(&run).members), (1, 2));
        // Its log is lost.
        let mut lost = run.clone();
        lost.load_groups(HostId(1), 2);
        assert_eq!(figures(&lost).members, 0);
        begins(&mut lost, 1, 3);
        begins(&mut lost, 1, 3);
        assert_eq!((figures(&lost).epochs.len(), figures(&lost).members), (2, 3));
        // Another coordinator knows it.
        run.load_groups(HostId(2), 3);
        let (group, epoch, members) = (Name::from("billing"), GroupEpoch(1), 2);
        let (protocol, state) = (GroupProtocol::Classic, GroupState::Stable);
        let loaded = Kind::GroupLoaded { group: group.clone(), protocol, state, epoch, members };
        run.add(HostId(2), loaded);
        begins(&mut run, 1, 2);
        assert_eq!((figures(&run).epochs.len(), figures(&run).members), (1, 2));
        // It is deleted.
        let (state, members) = (GroupState::Dead, 0);
        run.add(HostId(2), Kind::GroupStateChanged { group, protocol, state, epoch, members });
        begins(&mut run, 1, 1);
        assert_eq!(figures(&run).epochs.len(), 2);
    }
}
