//! What became of the consumer groups that read a partition, in the words of its timeline.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::event::{Event, GroupProtocol, GroupState, Kind, LeftBecause, MemberState};
use crate::report::owners::{Owners, epoch_word};
use crate::report::text::several;
use crate::report::timeline_words::named;
use crate::trace::{Model, RunFile};
use crate::types::{GroupEpoch, Moment, Name, TopicPartition, counted};

/// Epochs within this time of the first, with nothing told in between, are one line.
const STREAK_MAX: Duration = Duration::from_secs(2);

/// The groups that a timeline tells of.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    partition: TopicPartition,
    names: Vec<Name>,
    /// Hosts by member id, of the whole run: a coordinator knows members before they do.
    hosts: BTreeMap<Name, String>,
    /// Who came since the last generation, and what is known of each group.
    known: BTreeMap<Name, Known>,
    /// What several hosts or members do at one moment.
    together: Option<Together>,
    /// Generations or epochs between which nothing else was told.
    streak: Option<Streak>,
}

/// Epochs that follow each other.
#[derive(Clone, Debug)]
struct Streak {
    group: Name,
    protocol: GroupProtocol,
    since: Moment,
    first: i32,
    joined: Vec<String>,
    /// So many lines tell of it.
    lines: usize,
}

#[derive(Clone, Debug, Default)]
struct Known {
    joined: Vec<String>,
    protocol: Option<GroupProtocol>,
    /// By member id what each shall own, by the decisions on it, each with its epoch.
    decided: BTreeMap<Name, Vec<Decision>>,
    /// The members of whom the last generation, or any epoch, has decided.
    members: BTreeSet<Name>,
    /// What was decided on a static member whose place another is about to take.
    vacant: Option<Vec<Decision>>,
}

type Decision = (GroupEpoch, Vec<String>);

impl Known {
    fn decide(&mut self, member: &Name, decision: Decision) {
        self.decided.entry(member.clone()).or_default().push(decision);
        self.members.insert(member.clone());
    }

    /// Forgets what was decided after `epoch`: a new coordinator knows nothing of it, as it was
    /// never committed.
    fn forget_after(&mut self, epoch: GroupEpoch) {
        self.decided.values_mut().for_each(|decisions| decisions.retain(|it| it.0 <= epoch));
    }

    /// What each member shall own.
    fn target(&self) -> impl Iterator<Item = (&Name, &Vec<String>)> {
        let of_member = |(id, _): &(&Name, _)| self.members.contains(*id);
        let decided = self.decided.iter().filter(of_member);
        decided.filter_map(|(id, decisions)| Some((id, &decisions.last()?.1)))
    }
}

/// What is told in one line.
#[derive(Clone, Debug)]
struct Together {
    at: Moment,
    deed: Deed,
    whom: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Deed {
    Starts,
    IsToEnd,
    Ends,
    Goes(Name, LeftBecause),
    ShallOwn(Name, i32),
}

/// A line of the timeline.
pub(super) struct News {
    /// What happened.
    pub(super) text: String,
    /// It says again what so many lines before it say, and more.
    pub(super) replaces: usize,
}

impl Groups {
    /// The groups that read `partition`, or, if it is one of Kafka's own, that are kept in it.
    pub(super) fn of(file: &RunFile, model: &Model, partition: TopicPartition, met: &Met) -> Self {
        let setup = &file.header.setup;
        let topic = model.topic_name(partition.topic_id);
        let reads = |group: &Name| {
            let asked =
                setup.group(group).is_some_and(|it| topic.is_some_and(|t| it.topics.contains(t)));
            asked
                || met.owned.get(group).is_some_and(|owned| owned.contains(&partition))
                || model.coordinators.home(group.as_str()) == Some(partition)
        };
        let planned = setup.groups.iter().map(|group| &group.name);
        let others = met.owned.keys().filter(|name| setup.group(name).is_none());
        let names = planned.chain(others).filter(|name| reads(name)).cloned().collect();
        let (known, hosts) = (BTreeMap::new(), met.hosts.clone());
        Self { partition, names, hosts, known, together: None, streak: None }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<String> {
        self.names.iter().map(ToString::to_string).collect()
    }

    /// Of each of these groups the hosts that believe that they own `partition`.
    pub(super) fn owners(&self, model: &Model, partition: TopicPartition) -> Vec<Vec<String>> {
        let owners = |group: &Name| {
            let members = model.members_of(group.as_str());
            let owners = members.filter(|(_, view)| view.owned.contains_key(&partition));
            owners.map(|(host, _)| model.setup().host_name(Some(host)).to_owned()).collect()
        };
        self.names.iter().map(owners).collect()
    }

    /// Whose something is, where that is not plain: `group billing: `.
    fn whose(&self, group: &Name) -> String {
        if self.names.len() == 1 { String::new() } else { format!("group {group}: ") }
    }

    /// Whether `group` is one of these.
    pub(super) fn has(&self, group: &Name) -> bool {
        self.names.contains(group)
    }

    /// Who did something, where that is not plain: ` by group billing`.
    pub(super) fn by(&self, group: &Name) -> String {
        if self.names.len() == 1 { String::new() } else { format!(" by group {group}") }
    }

    /// What `event`, which `model` has folded in, says of these groups.
    pub(super) fn observe(&mut self, event: &Event, model: &Model) -> Option<News> {
        let is_late = model.coordinators.is_late(event) || is_of_deposed(event, model);
        if self.is_empty() || is_late {
            return None;
        }
        self.keep_target(event, model);
        if let Some((deed, who)) = self.deed(event, model) {
            return Some(self.gathered(event.at, deed, who));
        }
        if let Some(news) = self.on_epoch(event) {
            return Some(news);
        }
        let text = self.of_coordinator(event, model).or_else(|| self.of_member(event, model))?;
        (self.streak, self.together) = (None, None);
        Some(News { text, replaces: 0 })
    }

    /// Something else was told.
    pub(super) fn interrupt(&mut self) {
        (self.streak, self.together) = (None, None);
    }

    /// Keeps what is decided on members. An epoch of KIP-848 decides only what changes; a
    /// generation decides all. A new coordinator goes on from what was committed.
    fn keep_target(&mut self, event: &Event, model: &Model) {
        match &event.kind {
            Kind::AssignmentDecided { group, member, epoch, partitions } if self.has(group) => {
                let names = partitions.iter().map(|it| model.partition_name(*it)).collect();
                self.known(group).decide(member, (*epoch, names));
            }
            Kind::MemberLeft { group, member, because } if self.has(group) => {
                let known = self.known(group);
                let left = known.members.remove(member).then(|| known.decided.get(member).cloned());
                known.vacant = left.flatten().filter(|_| *because == LeftBecause::Replaced);
            }
            Kind::MemberJoined { group, member, .. } if self.has(group) => {
                let known = self.known(group);
                for decision in known.vacant.take().unwrap_or_default() {
                    known.decide(member, decision);
                }
            }
            Kind::GroupEpochBegan { group, protocol: GroupProtocol::Classic, .. }
                if self.has(group) =>
            {
                self.known(group).members.clear();
            }
            Kind::GroupLoaded { group, protocol, epoch, .. } if self.has(group) => {
                let known = self.known(group);
                known.protocol = Some(*protocol);
                known.joined.clear();
                known.members.clear();
                known.forget_after(*epoch);
            }
            // Of KIP-848 the target may be of an older epoch than the group.
            Kind::AssignmentEpochBegan { group, epoch } if self.has(group) => {
                self.known(group).forget_after(*epoch);
            }
            Kind::MemberLoaded { group, member, .. } if self.has(group) => {
                self.known(group).members.insert(member.clone());
            }
            _ => {}
        }
    }

    fn gathered(&mut self, at: Moment, deed: Deed, who: String) -> News {
        let goes_on = self.together.as_ref().is_some_and(|it| it.at == at && it.deed == deed);
        if !goes_on {
            match (&deed, &mut self.streak) {
                (Deed::ShallOwn(group, _), Some(streak)) if streak.group == *group => {
                    streak.lines += 1;
                }
                _ => self.streak = None,
            }
            self.together = Some(Together { at, deed, whom: Vec::new() });
        }
        let together = self.together.as_mut().expect("it was put there");
        together.whom.push(who);
        let together = self.together.as_ref().expect("it was put there");
        News { text: together.text(self), replaces: usize::from(goes_on) }
    }

    /// A generation or epoch began.
    fn on_epoch(&mut self, event: &Event) -> Option<News> {
        let Kind::GroupEpochBegan { group, protocol, epoch, members } = &event.kind else {
            return None;
        };
        if !self.has(group) {
            return None;
        }
        self.together = None;
        let known = self.known(group);
        known.protocol = Some(*protocol);
        let joined = std::mem::take(&mut known.joined);
        let is_of = |streak: &Streak| {
            streak.group == *group
                && streak.protocol == *protocol
                && streak.first < epoch.0
                && event.at.since(streak.since) <= STREAK_MAX
        };
        let (group, protocol) = (group.clone(), *protocol);
        let mut streak = self.streak.take().filter(is_of).unwrap_or_else(|| Streak {
            group,
            protocol,
            since: event.at,
            first: epoch.0,
            joined: Vec::new(),
            lines: 0,
        });
        streak.joined.extend(joined);
        streak.joined.sort_by_key(|name| (name.len(), name.clone()));
        streak.joined.dedup();
        let replaces = std::mem::replace(&mut streak.lines, 1);
        let (word, whose) = (epoch_word(protocol), self.whose(&streak.group));
        let epochs = match streak.first {
            first if first == epoch.0 => format!("{word} {epoch}"),
            first => format!("{word}s {first} to {epoch}"),
        };
        let verb = if streak.joined.len() == 1 { "joins" } else { "join" };
        let names = several(streak.joined.iter().map(String::as_str));
        let why = if names.is_empty() { names } else { format!(": {names} {verb}") };
        let text = format!("{whose}{epochs}, {}{why}", members_of(*members));
        self.streak = Some(streak);
        Some(News { text, replaces })
    }

    /// What several may do at one moment, and who did it, or to whom it was done.
    fn deed(&self, event: &Event, model: &Model) -> Option<(Deed, String)> {
        let host = || {
            let host = event.host?;
            let mut groups = model.setup().groups.iter().filter(|group| self.has(&group.name));
            groups.find(|group| group.members.contains(&host))?;
            Some(model.setup().host_name(Some(host)).to_owned())
        };
        let plain = |deed: Deed| Some((deed, host()?));
        match &event.kind {
            Kind::HostStarted { .. } => plain(Deed::Starts),
            Kind::ShutdownRequested {} => plain(Deed::IsToEnd),
            Kind::HostStopped { in_order: true, .. } => plain(Deed::Ends),
            Kind::MemberLeft { group, member, because } if self.has(group) => {
                let deed = Deed::Goes(group.clone(), *because);
                Some((deed, self.member(member)))
            }
            Kind::AssignmentDecided { group, member, epoch, .. } if self.has(group) => {
                Some((Deed::ShallOwn(group.clone(), epoch.0), self.member(member)))
            }
            _ => None,
        }
    }

    /// A member by its host, as people know it.
    fn member(&self, id: &Name) -> String {
        self.hosts.get(id).cloned().unwrap_or_else(|| id.to_string())
    }

    fn known(&mut self, group: &Name) -> &mut Known {
        self.known.entry(group.clone()).or_default()
    }

    fn of_coordinator(&mut self, event: &Event, model: &Model) -> Option<String> {
        let who =
            || event.host.and_then(|host| model.setup().node(host)).map(|it| named(model, it));
        match &event.kind {
            Kind::MemberJoined { group, member, .. } if self.has(group) => {
                let name = self.member(member);
                self.known(group).joined.push(name);
                None
            }
            Kind::GroupStateChanged { group, state, protocol, .. } if self.has(group) => {
                let before = self.known(group).protocol.replace(*protocol);
                match (state, before) {
                    (GroupState::Dead, _) => Some(format!("group {group} is no more")),
                    (_, Some(before)) if before != *protocol => Some(goes_over(group, *protocol)),
                    (GroupState::Empty, _) => {
                        Some(format!("group {group} has no members any more"))
                    }
                    (GroupState::PreparingRebalance, _) => {
                        Some(format!("{}members are called to join", self.whose(group)))
                    }
                    _ => None,
                }
            }
            Kind::GroupLoaded { group, protocol, epoch, members, .. } if self.has(group) => {
                let (word, members) = (epoch_word(*protocol), members_of(*members));
                Some(format!("{} finds group {group} in {word} {epoch}, {members}", who()?))
            }
            Kind::CoordinatorLoaded { partition, leader_epoch, .. } => {
                let latest = model.coordinators.epoch_of(*partition);
                let is_home =
                    |group: &&Name| model.coordinators.home(group.as_str()) == Some(*partition);
                let groups: Vec<&str> =
                    self.names.iter().filter(is_home).map(Name::as_str).collect();
                let is_news = !groups.is_empty() && latest.is_none_or(|it| it <= *leader_epoch);
                let noun = if groups.len() == 1 { "group" } else { "groups" };
                is_news
                    .then(|| Some(format!("{} coordinates {noun} {}", who()?, groups.join(", "))))?
            }
            Kind::ConfigDeployed { group, config } if self.has(group) => {
                let config =
                    if config.as_str().is_empty() { "the defaults" } else { config.as_str() };
                Some(format!("members of group {group} that start from now on have {config}"))
            }
            Kind::OffsetRemoved { group, partition, because }
                if self.has(group) && *partition == self.partition =>
            {
                Some(format!("{}its offset is gone: {because}", self.whose(group)))
            }
            _ => None,
        }
    }

    fn of_member(&self, event: &Event, model: &Model) -> Option<String> {
        let who = || model.setup().host_name(event.host);
        match &event.kind {
            Kind::PartitionTaken { group, partition, epoch, .. }
                if self.has(group) && *partition == self.partition =>
            {
                let protocol = self.known.get(group).and_then(|known| known.protocol);
                let word = protocol.map_or("epoch", epoch_word);
                let whose = self.whose(group);
                Some(format!("{whose}{} owns it from {word} {epoch} on", who()))
            }
            Kind::PartitionGivenUp { group, partition, because, .. }
                if self.has(group) && *partition == self.partition =>
            {
                Some(format!("{}{} gives it up: {because}", self.whose(group), who()))
            }
            Kind::PollOverdue { group, interval, .. } if self.has(group) => Some(format!(
                "{} has not polled for {interval} ms (max.poll.interval.ms) and leaves group \
                 {group}",
                who()
            )),
            Kind::MemberStateEntered { group, state, .. } if self.has(group) => match state {
                MemberState::Fenced => {
                    Some(format!("{} learns that group {group} counts it out", who()))
                }
                MemberState::Fatal => {
                    Some(format!("{} can never be a member of group {group} again", who()))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

impl Together {
    fn text(&self, groups: &Groups) -> String {
        let mut names: Vec<&str> = self.whom.iter().map(String::as_str).collect();
        names.sort_by_key(|name| (name.len(), *name));
        let names = several(names.into_iter());
        let verb = |one, many| if self.whom.len() == 1 { one } else { many };
        match &self.deed {
            Deed::Starts => format!("{names} {}", verb("starts", "start")),
            Deed::IsToEnd => format!("{names} {} asked to end", verb("is", "are")),
            Deed::Ends => format!("{names} {} in order", verb("ends", "end")),
            Deed::Goes(group, because) => {
                let why = match because {
                    LeftBecause::Left => String::new(),
                    because => format!(": {because}"),
                };
                format!("{names} {} group {group}{why}", verb("goes out of", "go out of"))
            }
            Deed::ShallOwn(group, epoch) => {
                let known = groups.known.get(group);
                let protocol = known.and_then(|known| known.protocol);
                let word = epoch_word(protocol.unwrap_or(GroupProtocol::Classic));
                // All that holds, not only what was decided anew.
                let shares = known.into_iter().flat_map(Known::target);
                let shares: Vec<_> =
                    shares.map(|(member, share)| (groups.member(member), share)).collect();
                let mut owners = Owners::default();
                for (member, share) in &shares {
                    share.iter().for_each(|partition| owners.add(member, partition));
                }
                let whose = groups.whose(group);
                format!("{whose}{word} {epoch} assigns {}", owners.text(""))
            }
        }
    }
}

/// Whether a coordinator speaks whose group another has taken over: what it decides nobody hears
/// of.
fn is_of_deposed(event: &Event, model: &Model) -> bool {
    match &event.kind {
        Kind::GroupLoaded { group, .. }
        | Kind::MemberLoaded { group, .. }
        | Kind::MemberJoined { group, .. }
        | Kind::MemberLeft { group, .. }
        | Kind::AssignmentDecided { group, .. }
        | Kind::AssignmentEpochBegan { group, .. } => {
            event.host.is_some_and(|host| model.coordinators.is_deposed(group.as_str(), host))
        }
        _ => false,
    }
}

fn goes_over(group: &Name, protocol: GroupProtocol) -> String {
    match protocol {
        GroupProtocol::Consumer => format!("group {group} goes over to KIP-848"),
        GroupProtocol::Classic => format!("group {group} goes back to the classic protocol"),
    }
}

fn members_of(count: u32) -> String {
    if count == 0 { "no members".to_owned() } else { counted(count, "member") }
}

/// What a first reading of a run finds of groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Met {
    /// Hosts by member id.
    hosts: BTreeMap<Name, String>,
    /// What members of each group ever owned.
    owned: BTreeMap<Name, Vec<TopicPartition>>,
}

impl Met {
    /// Looks at an event; whether by it a partition changed its owner.
    pub(super) fn observe(&mut self, event: &Event, model: &Model) -> Option<TopicPartition> {
        match &event.kind {
            Kind::MemberStateEntered { member, .. } if !member.as_str().is_empty() => {
                let host = || model.setup().host_name(event.host).to_owned();
                self.hosts.entry(member.clone()).or_insert_with(host);
                None
            }
            Kind::PartitionTaken { group, partition, .. } => {
                let owned = self.owned.entry(group.clone()).or_default();
                if !owned.contains(partition) {
                    owned.push(*partition);
                }
                Some(*partition)
            }
            Kind::PartitionGivenUp { partition, .. } => Some(*partition),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::StepName;
    use crate::trace::{HostSetup, Part, Setup};
    use crate::types::{BrokerId, BrokerSet, HostId, LeaderEpoch, Offset, PartitionEpoch, TopicId};

    const CONTROLLER: HostId = HostId(0);
    const FIRST: HostId = HostId(1);
    const SECOND: HostId = HostId(2);
    const HOME: TopicId = TopicId(11);
    const ORDERS: TopicId = TopicId(12);

    /// The group `g` of KIP-848, which reads `orders`, and two brokers that may coordinate it.
    struct Run {
        model: Model,
        groups: Groups,
        told: Vec<String>,
    }

    impl Run {
        fn new() -> Self {
            let parts = [
                Part::Controller(BrokerId(3001)),
                Part::Broker(BrokerId(1)),
                Part::Broker(BrokerId(2)),
            ];
            let hosts = parts.map(|part| HostSetup { name: "it".into(), part }).to_vec();
            let groups = Groups {
                partition: TopicPartition::new(ORDERS, 0),
                names: vec!["g".into()],
                hosts: BTreeMap::new(),
                known: BTreeMap::new(),
                together: None,
                streak: None,
            };
            let model = Model::new(Arc::new(Setup { hosts, ..Setup::default() }));
            let mut run = Self { model, groups, told: Vec::new() };
            for (topic, name) in [(HOME, "__consumer_offsets"), (ORDERS, "orders")] {
                let (name, offset) = (name.into(), Offset(0));
                run.add(CONTROLLER, Kind::TopicCommitted { topic, name, offset });
            }
            let partition = TopicPartition::new(HOME, 0);
            run.add(
                CONTROLLER,
                Kind::PartitionCommitted {
                    partition,
                    offset: Offset(1),
                    replicas: [1, 2].map(BrokerId).as_slice().into(),
                    leader: Some(BrokerId(1)),
                    leader_epoch: LeaderEpoch(0),
                    partition_epoch: PartitionEpoch(0),
                    in_sync: BrokerSet::default(),
                    eligible: BrokerSet::default(),
                    last_known: [].as_slice().into(),
                    recovering: false,
                    min_in_sync: 1,
                },
            );
            run.coordinate(FIRST, 0);
            run
        }

        fn add(&mut self, host: HostId, kind: Kind) {
            let index = self.model.events;
            let step = StepName::default();
            // Each at another moment: what several do at one is one line.
            let at = Moment(index * 10_000_000);
            let event = Event { index, at, host: Some(host), step, cause: None, about: None, kind };
            self.model.apply(&event);
            self.told.extend(self.groups.observe(&event, &self.model).map(|news| news.text));
        }

        fn coordinate(&mut self, host: HostId, epoch: i32) {
            let (partition, leader_epoch) = (TopicPartition::new(HOME, 0), LeaderEpoch(epoch));
            self.add(host, Kind::CoordinatorLoading { partition, leader_epoch });
        }

        /// `host` decides in `epoch` what members shall own of `orders`.
        fn decide(&mut self, host: HostId, epoch: i32, shares: &[(&str, &[i32])]) {
            let (group, protocol, epoch) = ("g".into(), GroupProtocol::Consumer, GroupEpoch(epoch));
            self.add(host, Kind::GroupEpochBegan { group, protocol, epoch, members: 2 });
            for (member, share) in shares {
                let (group, member) = ("g".into(), Name::from(*member));
                let partitions = share.iter().map(|it| TopicPartition::new(ORDERS, *it)).collect();
                self.add(host, Kind::AssignmentDecided { group, member, epoch, partitions });
            }
            self.add(host, Kind::AssignmentEpochBegan { group: "g".into(), epoch });
        }

        /// `host` finds the group in `epoch`, its target of the epoch `target`.
        fn load(&mut self, host: HostId, (epoch, target): (i32, i32), members: &[&str]) {
            let (protocol, state) = (GroupProtocol::Consumer, GroupState::Stable);
            let (group, count) = (Name::from("g"), u32::try_from(members.len()).unwrap_or(0));
            let epoch = GroupEpoch(epoch);
            let of = group.clone();
            self.add(host, Kind::GroupLoaded { group: of, protocol, state, epoch, members: count });
            let (of, target) = (group.clone(), GroupEpoch(target));
            self.add(host, Kind::AssignmentEpochBegan { group: of, epoch: target });
            for member in members {
                let (group, member) = (group.clone(), Name::from(*member));
                let partitions = Vec::new();
                self.add(host, Kind::MemberLoaded { group, member, epoch, partitions });
            }
        }

        fn leave(&mut self, host: HostId, member: &str) {
            let (group, member) = ("g".into(), member.into());
            self.add(host, Kind::MemberLeft { group, member, because: LeftBecause::Left });
        }

        /// A static member starts again, with another id.
        fn replace(&mut self, host: HostId, member: &str, by: &str) {
            let (group, member, because) = ("g".into(), member.into(), LeftBecause::Replaced);
            self.add(host, Kind::MemberLeft { group, member, because });
            let (group, member, instance) = ("g".into(), by.into(), Some("i".into()));
            self.add(host, Kind::MemberJoined { group, member, instance });
        }

        fn last(&self) -> &str {
            self.told.last().map(String::as_str).unwrap_or_default()
        }
    }

    #[test]
    fn what_was_decided_and_never_committed_is_forgotten() {
        let mut run = Run::new();
        run.decide(FIRST, 1, &[("a", &[0, 1, 2])]);
        run.decide(FIRST, 2, &[("a", &[0, 1]), ("b", &[2])]);
        assert_eq!(run.last(), "epoch 2 assigns a: orders 0, 1; b: orders 2");
        // None of this is on another broker.
        run.leave(FIRST, "b");
        run.replace(FIRST, "a", "d");
        run.decide(FIRST, 3, &[("a", &[0]), ("c", &[1, 2])]);
        run.coordinate(SECOND, 1);
        run.load(SECOND, (3, 2), &["a", "b"]);
        run.decide(SECOND, 4, &[("b", &[2, 3])]);
        assert_eq!(run.last(), "epoch 4 assigns a: orders 0, 1; b: orders 2, 3");
    }

    #[test]
    fn what_was_committed_stays() {
        let mut run = Run::new();
        run.decide(FIRST, 1, &[("a", &[0, 1]), ("b", &[2])]);
        run.leave(FIRST, "b");
        run.decide(FIRST, 2, &[("c", &[2])]);
        run.replace(FIRST, "c", "d");
        run.coordinate(SECOND, 1);
        run.load(SECOND, (2, 2), &["a", "d"]);
        run.decide(SECOND, 3, &[("a", &[0])]);
        assert_eq!(run.last(), "epoch 3 assigns a: orders 0; d: orders 2");
    }

    #[test]
    fn what_a_deposed_coordinator_decides_is_not_told() {
        let mut run = Run::new();
        run.decide(FIRST, 1, &[("a", &[0]), ("b", &[1])]);
        run.coordinate(SECOND, 1);
        run.load(SECOND, (1, 1), &["a", "b"]);
        let told = run.told.len();
        run.leave(FIRST, "b");
        run.decide(FIRST, 2, &[("a", &[0, 1])]);
        assert_eq!(run.told.len(), told, "{:?}", run.told);
        run.decide(SECOND, 2, &[("b", &[1, 2])]);
        assert_eq!(run.last(), "epoch 2 assigns a: orders 0; b: orders 1, 2");
    }
}
