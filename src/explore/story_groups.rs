//! Rebalances of groups, in lines of a run's story: generations that follow each other closely are
//! one line.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::{Event, GroupProtocol, GroupState, Kind, LeftBecause, OffsetGone};
use crate::explore::outcome::{Matter, Moment};
use crate::report::several;
use crate::trace::Model;
use crate::types::{BrokerId, Moment as Instant, Name};

/// Generations within this time of each other are one line.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// A rebalance, or several.
#[derive(Clone, Debug)]
struct Rebalance {
    since: Instant,
    until: Instant,
    event: u64,
    protocol: GroupProtocol,
    /// The first generation or epoch, and the last.
    epochs: (i32, i32),
    members: u32,
    joined: Vec<Name>,
    left: Vec<(Name, Why)>,
}

/// Why a member went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Why {
    /// As its coordinator says.
    Because(LeftBecause),
    /// Its application did not poll for so many milliseconds.
    Overdue(u32),
}

/// A group.
#[derive(Clone, Debug, Default)]
struct Known {
    open: Option<Rebalance>,
    /// Who came and who went since the last generation.
    joined: Vec<Name>,
    left: Vec<(Name, Why)>,
    /// Members that leave because their applications did not poll in time.
    overdue: BTreeMap<Name, u32>,
    epoch: i32,
    /// The protocol of that.
    protocol: Option<GroupProtocol>,
    coordinator: Option<BrokerId>,
    /// When its coordinator began and did not find it, though it had been there.
    forgotten: Option<(Instant, u64, String)>,
    /// Offsets that went, and why; from when.
    gone: Option<(Instant, u64, OffsetGone, u32)>,
}

/// Gathers what became of groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rebalances {
    groups: BTreeMap<Name, Known>,
    /// Hosts by member id.
    hosts: BTreeMap<Name, String>,
    lines: Vec<Moment>,
}

impl Rebalances {
    /// Looks at an event; most say nothing of groups.
    pub(crate) fn observe(&mut self, event: &Event, model: &Model) {
        match &event.kind {
            Kind::MemberStateEntered { member, .. } if !member.as_str().is_empty() => {
                if !self.hosts.contains_key(member) {
                    let host = model.setup().host_name(event.host).to_owned();
                    self.hosts.insert(member.clone(), host);
                }
            }
            Kind::MemberJoined { group, member, .. } => {
                self.known(group).joined.push(member.clone());
            }
            Kind::MemberLeft { group, member, because } => {
                let known = self.known(group);
                // It came and went between two generations.
                known.joined.retain(|joined| joined != member);
                let overdue = known.overdue.remove(member).map(Why::Overdue);
                known.left.push((member.clone(), overdue.unwrap_or(Why::Because(*because))));
            }
            Kind::PollOverdue { group, member, interval, tells, .. } => {
                if *tells {
                    self.known(group).overdue.insert(member.clone(), *interval);
                    return;
                }
                let text = format!(
                    "group {group}: {} has not polled for {} (max.poll.interval.ms) and is no \
                     member any more, which its coordinator is not told",
                    model.setup().host_name(event.host),
                    interval_text(*interval)
                );
                self.lines.push(line(event.at, event.index, text));
            }
            Kind::OffsetRemoved { group, because, .. } => {
                let known = self.known(group);
                match &mut known.gone {
                    Some((at, _, of, count)) if *at == event.at && of == because => *count += 1,
                    _ => {
                        let next = (event.at, event.index, *because, 1);
                        let before = known.gone.replace(next);
                        self.lines.extend(before.map(|before| gone(group, before)));
                    }
                }
            }
            Kind::GroupStateChanged { group, state: GroupState::Dead, .. } => {
                self.close(group);
                self.known(group).protocol = None;
                let text = format!("group {group} is no more");
                self.lines.push(line(event.at, event.index, text));
            }
            Kind::CoordinatorLoaded { partition, leader_epoch, .. } => {
                let coordinators = &model.coordinators;
                if coordinators.epoch_of(*partition).is_some_and(|latest| latest > *leader_epoch) {
                    return;
                }
                let host = model.setup().host_name(event.host);
                for (group, known) in &mut self.groups {
                    if known.epoch != 0 && coordinators.home(group.as_str()) == Some(*partition) {
                        known.forgotten = Some((event.at, event.index, host.to_owned()));
                    }
                }
            }
            Kind::GroupLoaded { group, epoch, members, .. } => {
                self.known(group).forgotten = None;
                self.on_loaded(event, group, (epoch.0, *members), model);
            }
            Kind::CoordinatorFound { group, coordinator } => {
                let known = self.known(group);
                let before = known.coordinator.replace(*coordinator);
                if let Some(before) = before.filter(|before| before != coordinator) {
                    let text = format!(
                        "group {group}: broker-{coordinator} coordinates it, no longer \
                         broker-{before}"
                    );
                    self.lines.push(line(event.at, event.index, text));
                }
            }
            Kind::GroupStateChanged { group, protocol, .. } => {
                self.on_protocol(event, group, *protocol);
            }
            Kind::GroupEpochBegan { group, protocol, epoch, members } => {
                self.on_protocol(event, group, *protocol);
                self.on_epoch(event, group, (*protocol, epoch.0, *members));
            }
            _ => {}
        }
    }

    /// A group goes over to KIP-848, or back.
    fn on_protocol(&mut self, event: &Event, group: &Name, protocol: GroupProtocol) {
        let Some(before) = self.known(group).protocol.replace(protocol) else { return };
        if before == protocol {
            return;
        }
        if let Some(open) = self.known(group).open.take() {
            let line = self.told(group, &open);
            self.lines.push(line);
        }
        let text = match protocol {
            GroupProtocol::Consumer => format!("group {group} goes over to KIP-848"),
            GroupProtocol::Classic => format!("group {group} goes back to the classic protocol"),
        };
        self.lines.push(line(event.at, event.index, text));
    }

    /// A new coordinator has found a group in its log, in `epoch`. What the one before told of
    /// later ones came to nothing: it was cut off, or died before it was written.
    fn on_loaded(
        &mut self,
        event: &Event,
        group: &Name,
        (epoch, members): (i32, u32),
        model: &Model,
    ) {
        let is_deposed =
            event.host.is_some_and(|host| model.coordinators.is_deposed(group.as_str(), host));
        let known = self.known(group);
        if is_deposed || known.epoch <= epoch {
            return;
        }
        let word = epoch_word(known.protocol.unwrap_or(GroupProtocol::Classic));
        let last = known.epoch;
        known.epoch = epoch;
        if let Some(open) = self.known(group).open.take() {
            let line = self.told(group, &open);
            self.lines.push(line);
        }
        let text = format!(
            "group {group}: {} finds it in {word} {epoch} with {}; what came after, up to {last}, \
             came to nothing",
            model.setup().host_name(event.host),
            members_text(members)
        );
        self.lines.push(line(event.at, event.index, text));
    }

    fn on_epoch(
        &mut self,
        event: &Event,
        group: &Name,
        (protocol, epoch, members): (GroupProtocol, i32, u32),
    ) {
        if let Some((at, event, host)) = self.known(group).forgotten.take() {
            self.close(group);
            self.lines.push(forgotten(group, at, event, &host));
        }
        let known = self.known(group);
        if known.epoch == epoch {
            return;
        }
        known.epoch = epoch;
        let (joined, left) = (std::mem::take(&mut known.joined), std::mem::take(&mut known.left));
        let known = &self.groups[group];
        // Who goes and comes again does not do both at the time of the first.
        let host = |member: &Name| self.hosts.get(member).cloned();
        let returns = known.open.as_ref().is_some_and(|open| {
            let gone: Vec<_> = open.left.iter().filter_map(|(member, _)| host(member)).collect();
            joined.iter().filter_map(host).any(|name| gone.contains(&name))
        });
        let known = self.known(group);
        if let Some(open) = &mut known.open
            && !returns
            && event.at.since(open.until) <= PAUSE_MAX
        {
            open.until = event.at;
            open.epochs.1 = epoch;
            open.members = members;
            open.joined.extend(joined);
            open.left.extend(left);
            return;
        }
        let (since, until) = (event.at, event.at);
        let epochs = (epoch, epoch);
        let event = event.index;
        let next = Rebalance { since, until, event, protocol, epochs, members, joined, left };
        if let Some(done) = known.open.replace(next) {
            let line = self.told(group, &done);
            self.lines.push(line);
        }
    }

    /// This life of the group is over: the next begins to count anew.
    fn close(&mut self, group: &Name) {
        let known = self.known(group);
        known.epoch = 0;
        if let Some(open) = known.open.take() {
            let line = self.told(group, &open);
            self.lines.push(line);
        }
    }

    fn known(&mut self, group: &Name) -> &mut Known {
        if !self.groups.contains_key(group) {
            self.groups.insert(group.clone(), Known::default());
        }
        self.groups.get_mut(group).expect("it was put there")
    }

    fn told(&self, group: &Name, rebalance: &Rebalance) -> Moment {
        let word = epoch_word(rebalance.protocol);
        let epochs = match rebalance.epochs {
            (first, last) if first == last => format!("{word} {first}"),
            (first, last) => format!("{word}s {first} to {last}"),
        };
        let members = members_text(rebalance.members);
        let name = |member: &Name| {
            self.hosts.get(member).map_or_else(|| member.to_string(), String::clone)
        };
        let names = |members: &mut dyn Iterator<Item = &Name>| {
            let mut names: Vec<String> = members.map(name).collect();
            names.sort_unstable_by_key(|name| (name.len(), name.clone()));
            names.dedup();
            (names.len(), several(names.iter().map(String::as_str)))
        };
        let mut parts = Vec::new();
        let mut reasons: BTreeMap<Why, Vec<&Name>> = BTreeMap::new();
        for (member, because) in &rebalance.left {
            reasons.entry(*because).or_default().push(member);
        }
        for (because, members) in reasons {
            let (count, names) = names(&mut members.into_iter());
            let verb = if count == 1 { "goes" } else { "go" };
            let why = match because {
                Why::Because(LeftBecause::Left) => String::new(),
                Why::Because(because) => format!(" ({because})"),
                Why::Overdue(interval) => {
                    format!(" (no poll for {}: max.poll.interval.ms)", interval_text(interval))
                }
            };
            parts.push(format!("{names} {verb}{why}"));
        }
        let (joined, names_joined) = names(&mut rebalance.joined.iter());
        if joined > 0 {
            let verb = if joined == 1 { "joins" } else { "join" };
            parts.push(format!("{names_joined} {verb}"));
        }
        let why = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
        line(rebalance.since, rebalance.event, format!("group {group}: {epochs}, {members}{why}"))
    }

    /// The lines, in no order.
    pub(crate) fn finish(mut self) -> Vec<Moment> {
        for (group, known) in std::mem::take(&mut self.groups) {
            if let Some(open) = &known.open {
                let line = self.told(&group, open);
                self.lines.push(line);
            }
            self.lines.extend(known.gone.map(|it| gone(&group, it)));
            let lost = known.forgotten;
            self.lines.extend(lost.map(|(at, event, host)| forgotten(&group, at, event, &host)));
        }
        self.lines
    }
}

/// What the protocol calls a rebalance.
fn epoch_word(protocol: GroupProtocol) -> &'static str {
    match protocol {
        GroupProtocol::Classic => "generation",
        GroupProtocol::Consumer => "epoch",
    }
}

fn members_text(members: u32) -> String {
    match members {
        0 => "no members".to_owned(),
        1 => "1 member".to_owned(),
        many => format!("{many} members"),
    }
}

/// A coordinator knows nothing of a group that was there.
fn forgotten(group: &Name, at: Instant, event: u64, host: &str) -> Moment {
    line(at, event, format!("group {group}: {host} coordinates it now, and finds nothing of it"))
}

/// Offsets went.
fn gone(group: &Name, (at, event, because, count): (Instant, u64, OffsetGone, u32)) -> Moment {
    let offsets = match count {
        1 => "its offset of 1 partition is gone".to_owned(),
        many => format!("its offsets of {many} partitions are gone"),
    };
    let why = match because {
        OffsetGone::Expired => "nobody committed for offsets.retention.minutes".to_owned(),
        because => because.to_string(),
    };
    line(at, event, format!("group {group}: {offsets}: {why}"))
}

fn interval_text(millis: u32) -> String {
    match millis % 1_000 {
        0 => format!("{} s", millis / 1_000),
        _ => format!("{millis} ms"),
    }
}

fn line(at: Instant, event: u64, text: String) -> Moment {
    let at_micros = at.scenario_micros();
    Moment { at_micros, event: Some(event), matter: Matter::Servers, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::script::{ORDERS, OTHER, READER, Script};
    use crate::event::MemberState;
    use crate::types::{GroupEpoch, HostId};

    fn told(run: &Script) -> Vec<String> {
        let mut rebalances = Rebalances::default();
        for event in run.events() {
            rebalances.observe(event, run.model());
        }
        let mut lines = rebalances.finish();
        lines.sort_by_key(|line| line.event);
        lines.into_iter().map(|line| line.text).collect()
    }

    fn joins(run: &mut Script, host: HostId, member: &str) {
        let (group, member): (Name, Name) = ("billing".into(), member.into());
        let joined =
            Kind::MemberJoined { group: group.clone(), member: member.clone(), instance: None };
        run.add(HostId(1), joined);
        let (epoch, state, leads) = (1, MemberState::Stable, false);
        run.add(host, Kind::MemberStateEntered { group, member, epoch, state, leads });
    }

    fn begins(run: &mut Script, epoch: i32, members: u32) {
        let (group, protocol) = ("billing".into(), GroupProtocol::Classic);
        let epoch = GroupEpoch(epoch);
        run.add(HostId(1), Kind::GroupEpochBegan { group, protocol, epoch, members });
    }

    #[test]
    fn generations_that_follow_closely_are_one_line() {
        let mut run = Script::new();
        joins(&mut run, READER, "a1");
        begins(&mut run, 1, 1);
        joins(&mut run, OTHER, "b2");
        begins(&mut run, 2, 2);
        run.wait(10);
        let (group, member) = ("billing".into(), "a1".into());
        let because = LeftBecause::SessionExpired;
        run.add(HostId(1), Kind::MemberLeft { group, member, because });
        begins(&mut run, 3, 1);
        begins(&mut run, 3, 1);
        assert_eq!(
            told(&run),
            [
                "group billing: generations 1 to 2, 2 members: other, reader join",
                "group billing: generation 3, 1 member: reader goes (its session expired)",
            ]
        );
    }

    #[test]
    fn another_coordinator_is_told() {
        let mut run = Script::new();
        for coordinator in [1, 1, 3] {
            let coordinator = BrokerId(coordinator);
            run.add(READER, Kind::CoordinatorFound { group: "billing".into(), coordinator });
        }
        assert_eq!(told(&run), ["group billing: broker-3 coordinates it, no longer broker-1"]);
    }

    #[test]
    fn a_group_that_changes_its_protocol_is_told() {
        let mut run = Script::new();
        for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer, GroupProtocol::Classic] {
            let (group, state) = ("billing".into(), GroupState::Stable);
            let (epoch, members) = (GroupEpoch(1), 2);
            let kind = Kind::GroupStateChanged { group, protocol, state, epoch, members };
            run.add(HostId(1), kind);
        }
        assert_eq!(
            told(&run),
            [
                "group billing goes over to KIP-848",
                "group billing goes back to the classic protocol"
            ]
        );
    }

    #[test]
    fn what_a_successor_does_not_find_is_told() {
        let mut run = Script::new();
        for epoch in 1..=3 {
            begins(&mut run, epoch, 2);
            run.wait(3);
        }
        for epoch in [2, 2] {
            let (group, protocol) = ("billing".into(), GroupProtocol::Classic);
            let (state, epoch, members) = (GroupState::Stable, GroupEpoch(epoch), 2);
            run.add(HostId(2), Kind::GroupLoaded { group, protocol, state, epoch, members });
        }
        assert_eq!(
            told(&run)[3..],
            [
                "group billing: broker-2 finds it in generation 2 with 2 members; what came after, up to 3, \
                 came to nothing"
            ]
        );
    }

    fn dies(run: &mut Script) {
        let (group, protocol, epoch) = ("billing".into(), GroupProtocol::Classic, GroupEpoch(1));
        let (state, members) = (GroupState::Dead, 0);
        run.add(HostId(1), Kind::GroupStateChanged { group, protocol, state, epoch, members });
    }

    #[test]
    fn a_group_that_is_deleted_or_expires_is_told_and_begins_anew() {
        let mut run = Script::new();
        begins(&mut run, 1, 2);
        run.wait(10);
        let (group, partition, because) = ("billing".into(), ORDERS, OffsetGone::Expired);
        run.add(HostId(1), Kind::OffsetRemoved { group, partition, because });
        dies(&mut run);
        begins(&mut run, 1, 1);
        assert_eq!(
            told(&run),
            [
                "group billing: generation 1, 2 members",
                "group billing: its offset of 1 partition is gone: nobody committed for \
                 offsets.retention.minutes",
                "group billing is no more",
                "group billing: generation 1, 1 member",
            ]
        );
    }

    #[test]
    fn a_coordinator_that_finds_nothing_of_a_group_is_told() {
        let mut run = Script::new();
        run.make_offsets_topic().load_groups(HostId(1), 1);
        begins(&mut run, 1, 2);
        run.wait(10).load_groups(HostId(1), 2);
        begins(&mut run, 1, 2);
        assert_eq!(
            told(&run),
            [
                "group billing: generation 1, 2 members",
                "group billing: broker-1 coordinates it now, and finds nothing of it",
                "group billing: generation 1, 2 members",
            ]
        );
        // One that does find it says so.
        let mut run = Script::new();
        run.make_offsets_topic().load_groups(HostId(1), 1);
        begins(&mut run, 1, 2);
        run.load_groups(HostId(2), 2);
        let (group, protocol, epoch) = ("billing".into(), GroupProtocol::Classic, GroupEpoch(1));
        let (state, members) = (GroupState::Stable, 2);
        run.add(HostId(2), Kind::GroupLoaded { group, protocol, state, epoch, members });
        assert_eq!(told(&run).len(), 1);
    }

    #[test]
    fn who_does_not_poll_goes_with_the_reason() {
        let mut run = Script::new();
        joins(&mut run, READER, "a1");
        begins(&mut run, 1, 1);
        run.wait(10);
        let overdue = |tells| {
            let (group, member, epoch, interval) = ("billing".into(), "a1".into(), 1, 3_000);
            Kind::PollOverdue { group, member, epoch, interval, tells }
        };
        run.add(READER, overdue(true));
        let (group, member, because) = ("billing".into(), "a1".into(), LeftBecause::Left);
        run.add(HostId(1), Kind::MemberLeft { group, member, because });
        begins(&mut run, 2, 0);
        run.add(READER, overdue(false));
        assert_eq!(
            told(&run)[1..],
            [
                "group billing: generation 2, no members: reader goes (no poll for 3 s: \
                 max.poll.interval.ms)",
                "group billing: reader has not polled for 3 s (max.poll.interval.ms) and is no \
                 member any more, which its coordinator is not told",
            ]
        );
    }
}
