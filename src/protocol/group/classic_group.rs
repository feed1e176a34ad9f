//! A group of the classic protocol: its members, and where it is between two generations.
//!
//! Source: Kafka 4.1, `ClassicGroup`, `ClassicGroupMember`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use crate::event::GroupState;
use crate::message::{ClassicGroupValue, ClassicMemberValue};
use crate::protocol::group::consumer_protocol::{CONSUMER, subscribed_topics};
use crate::types::{ConnectionId, ErrorCode, Name};

/// A group of the classic protocol; by default one of consumers without membership.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ClassicGroup {
    pub(crate) state: GroupState,
    pub(crate) previous: GroupState,
    /// When it came into its state, in milliseconds since 1970.
    pub(crate) since: Option<i64>,
    pub(crate) protocol_type: Option<Name>,
    pub(crate) generation: i32,
    /// The assignor that the members chose.
    pub(crate) protocol: Option<Name>,
    pub(crate) leader: Option<Name>,
    pub(crate) members: BTreeMap<Name, ClassicMember>,
    /// Members by instance id (KIP-345).
    pub(crate) instances: BTreeMap<Name, Name>,
    /// Those who were given an id and have yet to join with it (KIP-394).
    pub(crate) pending: BTreeSet<Name>,
    /// Those who have yet to ask for their assignment.
    pub(crate) pending_sync: BTreeSet<Name>,
    /// Whether somebody joined since the initial rebalance delay began, or was prolonged.
    pub(crate) new_member_added: bool,
    /// What the members subscribe to, if they are consumers.
    pub(crate) subscribed: Option<BTreeSet<Name>>,
}

/// A member of it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ClassicMember {
    pub(crate) instance: Option<Name>,
    pub(crate) client_id: Name,
    pub(crate) client_host: Name,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    /// Assignors that it can do, the liked one first, each with what it subscribes to.
    pub(crate) protocols: Vec<(Name, Bytes)>,
    pub(crate) assignment: Bytes,
    /// Where the answer to its JoinGroup goes.
    pub(crate) join: Option<ConnectionId>,
    /// Where the answer to its SyncGroup goes.
    pub(crate) sync: Option<ConnectionId>,
    /// Whether it has never seen the end of a join phase.
    pub(crate) is_new: bool,
}

impl Default for ClassicGroup {
    fn default() -> Self {
        Self {
            state: GroupState::Empty,
            previous: GroupState::Dead,
            since: None,
            protocol_type: None,
            generation: 0,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            new_member_added: false,
            subscribed: None,
        }
    }
}

impl ClassicGroup {
    /// The group as a new coordinator finds it.
    ///
    /// Source: Kafka 4.1, `GroupMetadataManager.replay` of `GroupMetadataValue`.
    pub(crate) fn from_record(value: &ClassicGroupValue) -> Self {
        let members = value.members.iter().map(|member| {
            let protocol = value.protocol.clone().unwrap_or_else(|| "".into());
            let loaded = ClassicMember {
                instance: member.instance.clone(),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                session_timeout_ms: member.session_timeout_ms,
                protocols: vec![(protocol, member.subscription.clone())],
                assignment: member.assignment.clone(),
                join: None,
                sync: None,
                is_new: false,
            };
            (member.member.clone(), loaded)
        });
        let instances = value
            .members
            .iter()
            .filter_map(|member| Some((member.instance.clone()?, member.member.clone())));
        let is_empty = value.members.is_empty();
        let mut group = Self {
            state: if is_empty { GroupState::Empty } else { GroupState::Stable },
            since: (value.state_timestamp >= 0).then_some(value.state_timestamp),
            protocol_type: Some(value.protocol_type.clone())
                .filter(|kind| !kind.as_str().is_empty()),
            generation: value.generation,
            protocol: value.protocol.clone(),
            leader: value.leader.clone(),
            members: members.collect(),
            instances: instances.collect(),
            ..Self::default()
        };
        group.subscribed = group.compute_subscribed();
        group
    }

    /// The group as it is written down, with `assignment` as what members have.
    pub(crate) fn to_record(&self, assignment: &BTreeMap<Name, Bytes>) -> ClassicGroupValue {
        let members = self.members.iter().map(|(id, member)| ClassicMemberValue {
            member: id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(self.protocol.as_ref()),
            assignment: assignment.get(id).cloned().unwrap_or_default(),
        });
        ClassicGroupValue {
            protocol_type: self.protocol_type.clone().unwrap_or_else(|| "".into()),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            state_timestamp: self.since.unwrap_or(-1),
            members: members.collect(),
        }
    }

    pub(crate) fn assignments(&self) -> BTreeMap<Name, Bytes> {
        let members = self.members.iter();
        members.map(|(id, member)| (id.clone(), member.assignment.clone())).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state == GroupState::Empty
    }

    pub(crate) fn is_in(&self, states: &[GroupState]) -> bool {
        states.contains(&self.state)
    }

    pub(crate) fn transition_to(&mut self, state: GroupState, wall_millis: i64) {
        self.previous = std::mem::replace(&mut self.state, state);
        self.since = Some(wall_millis);
    }

    pub(crate) fn is_leader(&self, member: &Name) -> bool {
        self.leader.as_ref() == Some(member)
    }

    pub(crate) fn rebalance_timeout(&self) -> Duration {
        let longest = self.members.values().map(|member| member.rebalance_timeout_ms).max();
        millis(longest.unwrap_or(0))
    }

    fn awaiting_join(&self) -> usize {
        self.members.values().filter(|member| member.join.is_some()).count()
    }

    pub(crate) fn has_all_joined(&self) -> bool {
        self.pending.is_empty() && self.members.values().all(|member| member.join.is_some())
    }

    /// Whether there is room for `member`.
    ///
    /// Source: Kafka 4.1, `acceptJoiningMember`.
    pub(crate) fn accepts(&self, member: &Name, size_max: usize) -> bool {
        let known = self.members.get(member);
        match self.state {
            GroupState::PreparingRebalance => {
                known.is_some_and(|member| member.join.is_some()) || self.awaiting_join() < size_max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                known.is_some() || self.members.len() < size_max
            }
            GroupState::Empty
            | GroupState::Dead
            | GroupState::Assigning
            | GroupState::Reconciling => true,
        }
    }

    /// Whether members with these protocols can work with those that are there.
    pub(crate) fn supports(&self, kind: &str, protocols: &[(Name, Bytes)]) -> bool {
        if self.is_empty() {
            return !kind.is_empty() && !protocols.is_empty();
        }
        let is_common = |name: &Name| self.members.values().all(|member| member.can(name));
        self.protocol_type.as_ref().is_some_and(|own| own.as_str() == kind)
            && protocols.iter().any(|(name, _)| is_common(name))
    }

    /// The protocol that most members like best of those that all can do.
    ///
    /// Source: Kafka 4.1, `selectProtocol`. Differs from Kafka: among equals the first by name
    /// wins, where Kafka takes the one that its hash map yields first.
    pub(crate) fn select_protocol(&self) -> Option<Name> {
        let first = self.members.values().next()?;
        let is_common = |name: &Name| self.members.values().all(|member| member.can(name));
        let common: Vec<&Name> =
            first.protocols.iter().map(|(name, _)| name).filter(|name| is_common(name)).collect();
        let mut votes: BTreeMap<&Name, usize> = BTreeMap::new();
        for member in self.members.values() {
            let liked = member.protocols.iter().map(|(name, _)| name);
            if let Some(vote) = liked.into_iter().find(|name| common.contains(name)) {
                *votes.entry(vote).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.clone())
    }

    /// Source: Kafka 4.1, `ClassicGroup.add`.
    pub(crate) fn add(&mut self, id: Name, kind: &str, member: ClassicMember) {
        if self.members.is_empty() {
            self.protocol_type = Some(kind.into());
        }
        if let Some(instance) = &member.instance {
            self.instances.insert(instance.clone(), id.clone());
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.pending.remove(&id);
        self.members.insert(id, member);
    }

    /// Source: Kafka 4.1, `ClassicGroup.remove`.
    pub(crate) fn remove(&mut self, id: &Name) -> Option<ClassicMember> {
        let removed = self.members.remove(id);
        if let Some(instance) = removed.as_ref().and_then(|member| member.instance.as_ref()) {
            self.instances.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending.remove(id);
        self.pending_sync.remove(id);
        removed
    }

    /// Whether some member that has joined leads.
    ///
    /// Source: Kafka 4.1, `maybeElectNewJoinedLeader`.
    pub(crate) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else { return false };
        if self.members.get(leader).is_some_and(|member| member.join.is_some()) {
            return true;
        }
        let joined = self.members.iter().find(|(_, member)| member.join.is_some());
        match joined.map(|(id, _)| id.clone()) {
            Some(id) => {
                self.leader = Some(id);
                true
            }
            None => false,
        }
    }

    /// Whether whoever says these ids is who they name.
    ///
    /// # Errors
    ///
    /// 25 for an unknown member, 82 when another has taken its place.
    pub(crate) fn validate(&self, member: &Name, instance: Option<&Name>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.instances.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if current != member => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// Chooses the protocol of a group that was of KIP-848.
    pub(crate) fn choose_protocol(&mut self) {
        self.protocol = self.select_protocol();
        self.subscribed = self.compute_subscribed();
    }

    /// Source: Kafka 4.1, `ClassicGroup.initNextGeneration`.
    pub(crate) fn begin_generation(&mut self, wall_millis: i64) {
        self.generation += 1;
        self.choose_protocol();
        let state = if self.members.is_empty() {
            GroupState::Empty
        } else {
            GroupState::CompletingRebalance
        };
        self.transition_to(state, wall_millis);
        self.pending_sync.clear();
    }

    /// Source: Kafka 4.1, `computeSubscribedTopics`.
    fn compute_subscribed(&self) -> Option<BTreeSet<Name>> {
        let kind = self.protocol_type.as_ref()?;
        if kind.as_str() != CONSUMER {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol.as_ref()?;
        let mut all = BTreeSet::new();
        for member in self.members.values() {
            all.extend(subscribed_topics(member.metadata(Some(protocol)))?);
        }
        Some(all)
    }

    /// Whether a topic's offsets are in use.
    pub(crate) fn is_subscribed_to(&self, topic: &Name) -> bool {
        let is_consumer = self.protocol_type.as_ref().is_some_and(|kind| kind.as_str() == CONSUMER);
        self.subscribed.as_ref().map_or(is_consumer, |topics| topics.contains(topic))
    }
}

impl ClassicMember {
    fn can(&self, protocol: &Name) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    /// What it subscribes to, for `protocol`.
    pub(crate) fn metadata(&self, protocol: Option<&Name>) -> Bytes {
        let of = self.protocols.iter().find(|(name, _)| Some(name) == protocol);
        of.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    pub(crate) fn session_timeout(&self) -> Duration {
        millis(self.session_timeout_ms)
    }

    /// Whether its silence is excused: it waits for us.
    ///
    /// Source: Kafka 4.1, `hasSatisfiedHeartbeat`.
    pub(crate) fn is_excused(&self) -> bool {
        !self.is_new && (self.join.is_some() || self.sync.is_some())
    }
}

/// Milliseconds of the wire; less than none is none.
pub(crate) fn millis(millis: i32) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
