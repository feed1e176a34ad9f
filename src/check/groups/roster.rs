//! What each coordinator knows of its groups, folded from events.
//!
//! By coordinator: a deposed one may believe for a while what its successor does not. What it knew
//! it forgets when it begins to read its log anew, and when a group is no more: what it says after
//! that is of another life of the group, whose epochs may begin again at 1.

use std::collections::BTreeMap;

use crate::event::{Coordinators, Event, GroupProtocol, GroupState, Kind};
use crate::types::{GroupEpoch, HostId, Name, TopicPartition};

/// The kinds of events that [`Groups`] is folded from, and those that a property needs besides.
macro_rules! kinds_with_roster {
    ($($kind:literal),* $(,)?) => {
        &[
            "coordinator-loading",
            "group-loaded",
            "member-loaded",
            "group-state-changed",
            "group-epoch-began",
            "member-joined",
            "member-left",
            "member-reconciled",
            $($kind),*
        ]
    };
}

pub(crate) use kinds_with_roster;

/// The epoch of a static member of KIP-848 that has left and will come back.
const LEFT_FOR_A_WHILE: GroupEpoch = GroupEpoch(-2);

/// All groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups(BTreeMap<(Name, HostId), GroupView>);

/// A group as one coordinator knows it.
#[derive(Clone, Debug)]
pub(crate) struct GroupView {
    pub(crate) protocol: GroupProtocol,
    pub(crate) state: GroupState,
    pub(crate) epoch: GroupEpoch,
    pub(crate) members: BTreeMap<Name, MemberView>,
    /// Whether it has gone to the classic protocol and has no generation yet.
    is_halfway: bool,
    /// The event in which it went to KIP-848 from there: what its members were to own is taken for
    /// what they own.
    pub(crate) guessed: Option<u64>,
    /// The event with which this life of the group began, as far as its coordinator knows.
    pub(crate) since: u64,
    /// The event of the last change of state.
    pub(crate) event: u64,
}

/// A member as its coordinator knows it.
#[derive(Clone, Debug)]
pub(crate) struct MemberView {
    /// The epoch of a member of KIP-848; that of the others is their group's.
    pub(crate) epoch: GroupEpoch,
    /// What a member of KIP-848 owns, or has yet to give up.
    pub(crate) owned: Vec<TopicPartition>,
    pub(crate) event: u64,
}

impl MemberView {
    /// Whether its coordinator takes it for at work: a static member that has left for a while
    /// keeps what it has assigned, and has let go of the rest.
    pub(crate) fn is_at_work(&self) -> bool {
        self.epoch != LEFT_FOR_A_WHILE
    }
}

impl GroupView {
    /// One that begins with `event`.
    fn new(event: u64) -> Self {
        Self {
            protocol: GroupProtocol::Classic,
            state: GroupState::Empty,
            epoch: GroupEpoch(0),
            members: BTreeMap::new(),
            is_halfway: false,
            guessed: None,
            since: event,
            event,
        }
    }

    /// It comes into another state, of this or the other protocol.
    fn turn(&mut self, protocol: GroupProtocol, state: GroupState, event: u64) {
        match (self.protocol, protocol) {
            (GroupProtocol::Consumer, GroupProtocol::Classic) => {
                // Members of the classic protocol say what they own when they join.
                self.members.values_mut().for_each(|member| member.owned.clear());
                (self.is_halfway, self.guessed) = (true, None);
                return;
            }
            (GroupProtocol::Classic, GroupProtocol::Consumer) if self.is_halfway => {
                (self.is_halfway, self.guessed) = (false, Some(event));
            }
            _ => {}
        }
        self.is_halfway &= state != GroupState::Stable;
    }
}

impl Groups {
    /// A group as the coordinator on `host` knows it.
    pub(crate) fn get(&self, group: &Name, host: HostId) -> Option<&GroupView> {
        self.0.get(&(group.clone(), host))
    }

    /// All groups, each as its coordinator knows it. What a deposed one believes that goes on for a
    /// while is of no account, however late it says so.
    pub(crate) fn latest(&self, coordinators: &Coordinators) -> BTreeMap<&Name, &GroupView> {
        let mut latest: BTreeMap<&Name, &GroupView> = BTreeMap::new();
        for ((group, host), view) in &self.0 {
            if coordinators.is_deposed(group.as_str(), *host) {
                continue;
            }
            let known = latest.entry(group).or_insert(view);
            if known.event < view.event {
                *known = view;
            }
        }
        latest
    }

    /// Looks at an event.
    pub(crate) fn on_event(&mut self, event: &Event, coordinators: &Coordinators) {
        let Some(host) = event.host else { return };
        match &event.kind {
            Kind::CoordinatorLoading { partition, .. } => {
                let is_kept = |group: &Name| coordinators.home(group.as_str()) == Some(*partition);
                self.0.retain(|(group, of), _| *of != host || !is_kept(group));
            }
            Kind::GroupStateChanged { group, state: GroupState::Dead, .. } => {
                self.0.remove(&(group.clone(), host));
            }
            Kind::GroupLoaded { group, protocol, state, epoch, .. } => {
                let (protocol, state, epoch) = (*protocol, *state, *epoch);
                *self.of(group, host, event) =
                    GroupView { protocol, state, epoch, ..GroupView::new(event.index) };
            }
            Kind::GroupStateChanged { group, protocol, state, epoch, .. } => {
                let view = self.of(group, host, event);
                view.turn(*protocol, *state, event.index);
                (view.protocol, view.state, view.epoch) = (*protocol, *state, *epoch);
                view.event = event.index;
            }
            Kind::GroupEpochBegan { group, epoch, .. } => {
                self.of(group, host, event).epoch = *epoch;
            }
            Kind::MemberLoaded { group, member, epoch, partitions } => {
                let owned = partitions.clone();
                let known = MemberView { epoch: *epoch, owned, event: event.index };
                self.of(group, host, event).members.insert(member.clone(), known);
            }
            Kind::MemberJoined { group, member, .. } => {
                let (epoch, owned) = (GroupEpoch(0), Vec::new());
                let known = MemberView { epoch, owned, event: event.index };
                self.of(group, host, event).members.insert(member.clone(), known);
            }
            Kind::MemberLeft { group, member, .. } => {
                self.of(group, host, event).members.remove(member);
            }
            Kind::MemberReconciled { group, member, epoch, partitions, revoking } => {
                let owned = partitions.iter().chain(revoking).copied().collect();
                let known = MemberView { epoch: *epoch, owned, event: event.index };
                self.of(group, host, event).members.insert(member.clone(), known);
            }
            _ => {}
        }
    }

    fn of(&mut self, group: &Name, host: HostId, event: &Event) -> &mut GroupView {
        let begun = || GroupView::new(event.index);
        self.0.entry((group.clone(), host)).or_insert_with(begun)
    }
}
