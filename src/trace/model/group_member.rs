//! What is known of a host as a member of a group, as the host itself believes.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{
    Event, GroupProtocol, GroupState, Kind, LeftBecause, MemberState, OFFSETS_TOPIC, home_of,
};
use crate::trace::model::fold::Model;
use crate::trace::setup::{GroupSetup, Part};
use crate::types::{BrokerId, GroupEpoch, HostId, Moment, Name, TopicPartition, counted};

/// A host's membership.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupMemberView {
    /// The group.
    pub group: Name,
    /// The member id; empty before it has one.
    pub member: Name,
    /// Its generation or member epoch; -1 and 0 are none.
    pub epoch: i32,
    /// Where it stands.
    pub state: MemberState,
    /// Whether it leads its generation (classic).
    pub leads: bool,
    /// What it believes that it owns, and the events by which it took that.
    pub owned: BTreeMap<TopicPartition, u64>,
    /// The event by which it became a member last.
    pub joined: Option<u64>,
    /// The event by which it left since healing began, or for good until then, because its
    /// application did not poll, and max.poll.interval.ms.
    pub overdue: Option<(u64, u32)>,
    /// When its coordinator ceased to count it, and why, while it does not know.
    pub expelled: Option<(Moment, LeftBecause)>,
}

/// What keeps a group from resting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unrest {
    /// What is amiss.
    pub sentence: String,
    /// Why that is no wonder, if it is none, and the event of it, if there is one.
    pub excuse: Option<(Option<u64>, String)>,
}

/// A group as its coordinator says; of several brokers that believe to be it, the last one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupView {
    /// Its protocol.
    pub protocol: GroupProtocol,
    /// Its state.
    pub state: GroupState,
    /// Its generation or epoch.
    pub epoch: GroupEpoch,
    /// How many members it has.
    pub members: u32,
}

/// Whether a member in this state belongs to its group.
fn is_in(state: MemberState) -> bool {
    match state {
        MemberState::PreparingRebalance
        | MemberState::CompletingRebalance
        | MemberState::Joining
        | MemberState::Reconciling
        | MemberState::Acknowledging
        | MemberState::Stable => true,
        MemberState::Unjoined
        | MemberState::PrepareLeaving
        | MemberState::Leaving
        | MemberState::Fenced
        | MemberState::Stale
        | MemberState::Fatal
        | MemberState::Unsubscribed => false,
    }
}

impl GroupMemberView {
    /// Whether it takes itself for a member.
    pub fn is_member(&self) -> bool {
        is_in(self.state)
    }
}

impl Model {
    pub(in crate::trace::model) fn apply_to_group(&mut self, event: &Event) {
        // What it has not read it does not know; what it has read follows.
        if let Kind::CoordinatorLoaded { partition, leader_epoch, .. } = &event.kind
            && self.coordinators.epoch_of(*partition).is_none_or(|latest| latest <= *leader_epoch)
        {
            let coordinators = &self.coordinators;
            self.groups.retain(|group, _| coordinators.home(group.as_str()) != Some(*partition));
        }
        if let Kind::GroupStateChanged { group, protocol, state, epoch, members }
        | Kind::GroupLoaded { group, protocol, state, epoch, members } = &event.kind
        {
            if event.host.is_some_and(|host| self.coordinators.is_deposed(group.as_str(), host)) {
                return;
            }
            let (protocol, state, epoch, members) = (*protocol, *state, *epoch, *members);
            self.groups.insert(group.clone(), GroupView { protocol, state, epoch, members });
        }
    }

    pub(in crate::trace::model) fn apply_to_member(&mut self, event: &Event) {
        let Some(host) = event.host else { return };
        match &event.kind {
            Kind::MemberStateEntered { group, member, epoch, state, leads } => {
                let view = self.group_members.entry(host).or_insert_with(|| GroupMemberView {
                    group: group.clone(),
                    member: member.clone(),
                    epoch: *epoch,
                    state: *state,
                    leads: *leads,
                    owned: BTreeMap::new(),
                    joined: None,
                    overdue: None,
                    expelled: None,
                });
                let was_member = view.epoch > 0;
                if view.member != *member || !is_in(*state) || *epoch <= 0 {
                    view.expelled = None;
                }
                view.group = group.clone();
                view.member = member.clone();
                (view.epoch, view.state, view.leads) = (*epoch, *state, *leads);
                if *epoch <= 0 {
                    view.joined = None;
                } else if !was_member {
                    view.joined = Some(event.index);
                }
            }
            Kind::MemberLeft { group, member, because } if *because != LeftBecause::Left => {
                if self.coordinators.is_deposed(group.as_str(), host) {
                    return;
                }
                let mut all = self.group_members.values_mut();
                let view = all.find(|view| view.group == *group && view.member == *member);
                if let Some(view) = view.filter(|view| is_in(view.state)) {
                    view.expelled = Some((event.at, *because));
                }
            }
            Kind::PollOverdue { interval, .. } => {
                if let Some(view) = self.group_members.get_mut(&host) {
                    view.overdue = Some((event.index, *interval));
                }
            }
            Kind::PartitionTaken { partition, .. } => {
                if let Some(view) = self.group_members.get_mut(&host) {
                    view.owned.insert(*partition, event.index);
                }
            }
            Kind::PartitionGivenUp { partition, .. } => {
                if let Some(view) = self.group_members.get_mut(&host) {
                    view.owned.remove(partition);
                }
            }
            // What a process believed ends with it.
            Kind::HostStopped { .. } => {
                self.group_members.remove(&host);
            }
            _ => {}
        }
    }

    /// Healing begins: who polled too late before, and is a member again, has made it good.
    pub(in crate::trace::model) fn forgive_members(&mut self) {
        let back = self.group_members.values_mut().filter(|view| is_in(view.state));
        back.for_each(|view| view.overdue = None);
    }

    /// Whether `partition` is of a topic that Kafka keeps for itself: no client writes it.
    pub fn is_internal(&self, partition: TopicPartition) -> bool {
        self.topic_name(partition.topic_id).is_some_and(|name| name.as_str() == OFFSETS_TOPIC)
    }

    /// Whether the resource of a configuration is such a topic.
    pub fn is_internal_resource(resource: &str) -> bool {
        resource.strip_prefix("topic ") == Some(OFFSETS_TOPIC)
    }

    /// The members of `group`, as they see themselves.
    pub fn members_of<'a>(
        &'a self,
        group: &'a str,
    ) -> impl Iterator<Item = (HostId, &'a GroupMemberView)> {
        let all = self.group_members.iter().map(|(host, view)| (*host, view));
        all.filter(move |(_, view)| view.group.as_str() == group)
    }

    /// The broker that the controller has made the coordinator of `group`.
    pub fn coordinator_of(&self, group: &str) -> Option<BrokerId> {
        let topic = self.topics.get(OFFSETS_TOPIC)?;
        let is_its = |partition: &&TopicPartition| partition.topic_id == *topic;
        let count = self.partitions.keys().filter(is_its).count();
        self.leader_of(home_of(group, *topic, i32::try_from(count).ok()?)?)
    }

    /// The host that leads the classic group `group`: of several that believe so the one of the
    /// latest generation.
    pub fn leader_of_group(&self, group: &str) -> Option<HostId> {
        let leaders = self.members_of(group).filter(|(_, view)| view.leads);
        leaders.max_by_key(|(_, view)| view.epoch).map(|(host, _)| host)
    }

    /// The host that believes that it owns `partition` in `group`, of several the one of the
    /// latest generation or epoch.
    pub fn owner_in_group(&self, group: &str, partition: TopicPartition) -> Option<HostId> {
        let owners = self.members_of(group).filter(|(_, view)| view.owned.contains_key(&partition));
        owners.max_by_key(|(_, view)| view.epoch).map(|(host, _)| host)
    }

    /// The host of the member `id`, by name; the id itself when no process says that it is it.
    pub fn member_name<'a>(&'a self, id: &'a Name) -> &'a str {
        let host = self.group_members.iter().find(|(_, view)| view.member == *id);
        host.map_or(id.as_str(), |(host, _)| self.setup().host_name(Some(*host)))
    }

    /// Whether `group` has members, as they believe.
    pub fn has_members(&self, group: &Name) -> bool {
        self.members_of(group.as_str()).any(|(_, view)| is_in(view.state))
    }

    /// What keeps `group` from resting, as its coordinator says: it rests when it is stable and has
    /// members, or when no process runs that may be one.
    pub fn unrest(&self, group: &GroupSetup) -> Option<Unrest> {
        let is_fatal = |view: &GroupMemberView| view.state == MemberState::Fatal;
        let wants = |host: &&HostId| {
            let runs = self.host(**host).is_some_and(|it| it.is_running && !it.is_paused);
            runs && !self.group_members.get(host).is_some_and(is_fatal)
        };
        let wanting = group.members.iter().filter(wants).count();
        let view = self.groups.get(&group.name);
        let members = view.map_or(0, |view| view.members);
        let state = view.map_or(GroupState::Empty, |view| view.state);
        let is_empty = matches!(state, GroupState::Empty | GroupState::Dead) || members == 0;
        // With a pattern there may be nothing to join for.
        if state == GroupState::Stable && members > 0
            || is_empty && (wanting == 0 || group.topics.is_empty())
        {
            return None;
        }
        let name = &group.name;
        let processes = match wanting {
            1 => "1 process that wants in".to_owned(),
            many => format!("{many} processes that want in"),
        };
        let sentence = match view {
            None => format!("group {name} has {processes}, and no coordinator knows of it"),
            Some(_) if is_empty => format!("group {name} has {processes}, and no members"),
            Some(view) => format!("group {name} is {state} in epoch {}", view.epoch),
        };
        Some(Unrest { sentence, excuse: self.excuse_of(group) })
    }

    /// Why it is no wonder that a group does not come to rest.
    pub fn excuse_of(&self, group: &GroupSetup) -> Option<(Option<u64>, String)> {
        let overdue = group.members.iter().find_map(|host| {
            let (event, interval) = self.group_members.get(host)?.overdue?;
            let name = self.setup().host_name(Some(*host));
            let why = format!("{name} did not poll for {interval} ms (max.poll.interval.ms)");
            Some((Some(event), why))
        });
        let brokers = self.setup().hosts.iter();
        let brokers = brokers.filter(|host| matches!(host.part, Part::Broker(_))).count() as u64;
        let replicas = self.setup().offsets_replicas;
        let is_possible = replicas <= brokers || self.topics.contains_key(OFFSETS_TOPIC);
        overdue.or_else(|| {
            let are = if brokers == 1 { "is" } else { "are" };
            let brokers = counted(brokers, "broker");
            let why = format!(
                "offsets.topic.replication.factor is {replicas} and there {are} {brokers}, so \
                 {OFFSETS_TOPIC} cannot be made"
            );
            (!is_possible).then_some((None, why))
        })
    }

    /// The first partition that `group` reads by its topic's name and that nobody owns, or several
    /// do, with those who do; none while the group has no members.
    pub fn not_owned_once(&self, group: &GroupSetup) -> Option<(TopicPartition, Vec<HostId>)> {
        if !self.has_members(&group.name) {
            return None;
        }
        let topics: BTreeSet<_> =
            group.topics.iter().filter_map(|topic| self.topics.get(topic.as_str())).collect();
        let partitions = self.partitions.keys().filter(|it| topics.contains(&it.topic_id));
        let owners = |partition: &TopicPartition| -> Vec<HostId> {
            let members = self.members_of(group.name.as_str());
            let owners = members.filter(|(_, view)| view.owned.contains_key(partition));
            owners.map(|(host, _)| host).collect()
        };
        let all = partitions.map(|partition| (*partition, owners(partition)));
        all.into_iter().find(|(_, owners)| owners.len() != 1)
    }

    /// The host that became a member of `group` last.
    pub fn newest_member(&self, group: &str) -> Option<HostId> {
        let members = self.members_of(group).filter(|(_, view)| view.joined.is_some());
        members.max_by_key(|(_, view)| view.joined).map(|(host, _)| host)
    }
}
