//! The classic protocol: when a member joins, what it says of itself, what it does with what it
//! is assigned. All of this goes on within polls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{GroupId, JoinGroupRequest, SyncGroupRequest};
use kafka_protocol::protocol::StrBytes;

use crate::event::MemberState;
use crate::message::{PartitionOffset, RebalanceCallback, RequestBody, convert};
use crate::protocol::assignor::{self, Assignor, Place, RebalanceProtocol, Topics};
use crate::protocol::member::callbacks::Then;
use crate::protocol::member::commit::For;
use crate::protocol::member::effect::{Effect, Why};
use crate::protocol::member::machine::{Member, Pending};
use crate::protocol::member::subscription;
use crate::types::{Deed, Defect, Name, Wall};

/// `protocol_type` of consumers' groups.
pub(crate) const CONSUMER: &str = "consumer";
/// `AbstractCoordinator.JOIN_GROUP_TIMEOUT_LAPSE`: how much longer than the rebalance timeout an
/// answer to JoinGroup may take.
const JOIN_LAPSE: Duration = Duration::from_secs(5);

/// A generation that is none.
pub(crate) const NO_GENERATION: i32 = -1;

/// Where the member stands in a rebalance.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Step {
    /// Nothing is under way.
    #[default]
    Idle,
    /// It looks which topics there are, before it joins.
    Refreshing,
    /// And knows.
    Fresh,
    /// It commits before it gives partitions up, and gives that up at this time.
    Committing { give_up_at: Wall },
    /// The application is told what is revoked or lost.
    Releasing,
    /// It may join.
    Ready,
    /// JoinGroup is under way.
    Joining,
    /// It leads, and waits for the metadata of all topics; without an assignor it is a static
    /// member that came back, and the group keeps what it has (KIP-814).
    Learning { members: Vec<assignor::Member>, by: Option<Assignor> },
    /// SyncGroup is under way.
    Syncing,
    /// It was assigned this, and takes it with its next poll.
    Assigned(BTreeSet<Place>),
    /// The application is told what it is assigned.
    Taking,
    /// It tries again then.
    BackingOff { until: Wall },
}

/// What only a member of the classic protocol keeps.
#[derive(Clone, Debug)]
pub(crate) struct Classic {
    pub step: Step,
    /// Whether it has to join.
    pub rejoins: bool,
    /// Whether it has to give partitions up before.
    pub prepares: bool,
    /// Whether it leads this generation.
    pub leads: bool,
    /// The assignor of this generation.
    pub assignor: Option<Assignor>,
    /// The topics that it joined with.
    pub joined: BTreeSet<Name>,
    /// As leader: what it assigned from.
    pub assigned_from: Option<Topics>,
    /// Of all members, while it leads.
    pub group_topics: BTreeSet<Name>,
    /// What it was assigned last, and in which generation, for the sticky assignor.
    pub remembered: Option<(BTreeSet<Place>, i32)>,
    /// Why it joins.
    pub reason: &'static str,
}

impl Default for Classic {
    fn default() -> Self {
        Self {
            step: Step::Idle,
            rejoins: true,
            prepares: true,
            leads: false,
            assignor: None,
            joined: BTreeSet::new(),
            assigned_from: None,
            group_topics: BTreeSet::new(),
            remembered: None,
            reason: "",
        }
    }
}

impl Member {
    /// The protocol that all of its assignors can do: it is safe to go from eager to cooperative
    /// ones by two rolling restarts only.
    ///
    /// Source: Kafka 4.0, `ConsumerCoordinator`'s constructor.
    pub(crate) fn rebalance_protocol(&self) -> RebalanceProtocol {
        let common = |protocol: &RebalanceProtocol| {
            self.config.assignors.iter().all(|assignor| assignor.protocols().contains(protocol))
        };
        let all = [RebalanceProtocol::Cooperative, RebalanceProtocol::Eager];
        all.into_iter().find(common).unwrap_or(RebalanceProtocol::Eager)
    }

    pub(crate) fn request_rejoin(&mut self, reason: &'static str) {
        self.classic.rejoins = true;
        self.classic.reason = reason;
    }

    /// It is no member any more; it keeps its member id when only its generation is unknown.
    ///
    /// Source: Kafka 4.0, `AbstractCoordinator.resetStateAndRejoin`.
    pub(crate) fn reset_membership(
        &mut self,
        keeps_id: bool,
        reason: &'static str,
        effects: &mut Vec<Effect>,
    ) {
        self.epoch = NO_GENERATION;
        self.classic.assignor = None;
        self.classic.leads = false;
        let member_id = if keeps_id { self.member_id.clone() } else { Name::from("") };
        self.enter(MemberState::Unjoined, effects);
        self.member_id = member_id;
        self.request_rejoin(reason);
        // Before KAFKA-12983 a member that was refused while it joined kept what it had.
        let is_joining =
            matches!(self.classic.step, Step::Joining | Step::Syncing | Step::BackingOff { .. });
        let keeps = is_joining && self.config.defects.acts(Defect::StaleClaims, None);
        if !keeps {
            self.classic.prepares = true;
        }
        match self.classic.step {
            // A callback goes on, and finds the membership gone when it is done.
            Step::Releasing | Step::Taking | Step::Committing { .. } => {}
            Step::Idle
            | Step::Refreshing
            | Step::Fresh
            | Step::Ready
            | Step::Joining
            | Step::Learning { .. }
            | Step::Syncing
            | Step::Assigned(_)
            | Step::BackingOff { .. } => self.classic.step = Step::Idle,
        }
    }

    /// Source: Kafka 4.0, `ConsumerCoordinator.rejoinNeededOrPending`.
    fn must_join(&mut self) -> bool {
        if let Some(before) = &self.classic.assigned_from
            && *before != self.topics_of(&self.classic.group_topics)
        {
            self.request_rejoin("cached metadata has changed");
        }
        if self.state == MemberState::Stable && self.classic.joined != self.topics {
            self.request_rejoin("subscription has changed");
        }
        self.classic.rejoins
    }

    /// How many partitions the topics have that there are.
    fn topics_of(&self, names: &BTreeSet<Name>) -> Topics {
        let known = names.iter().filter_map(|name| {
            let topic = self.cluster.topic(name.as_str())?;
            Some((name.clone(), i32::try_from(topic.partitions.len()).ok()?))
        });
        known.filter(|(_, partitions)| *partitions > 0).collect()
    }

    /// Goes on with a rebalance as far as it can.
    ///
    /// Source: Kafka 4.0, `AbstractCoordinator.joinGroupIfNeeded`.
    pub(crate) fn rebalance(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        loop {
            let before = self.classic.step.clone();
            self.rebalance_once(wall, effects);
            if self.classic.step == before {
                return;
            }
        }
    }

    fn rebalance_once(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        if self.poll.is_none() || self.closing.is_some() {
            return;
        }
        match self.classic.step.clone() {
            Step::Idle => {
                if !self.must_join() || self.coordinator.node.is_none() {
                    return;
                }
                if self.pattern.is_some() {
                    self.classic.step = Step::Refreshing;
                    effects.push(Effect::FreshMetadata { asks: true });
                } else {
                    self.begin_to_join(wall, effects);
                }
            }
            Step::Fresh => self.begin_to_join(wall, effects),
            Step::Committing { give_up_at } if give_up_at <= wall => self.release(wall, effects),
            Step::BackingOff { until } if until <= wall => self.classic.step = Step::Idle,
            Step::Ready => {
                if self.coordinator.node.is_some() {
                    self.join(effects);
                }
            }
            Step::Assigned(places) => self.on_join_complete(wall, places, effects),
            Step::Committing { .. }
            | Step::BackingOff { .. }
            | Step::Refreshing
            | Step::Releasing
            | Step::Joining
            | Step::Learning { .. }
            | Step::Syncing
            | Step::Taking => {}
        }
    }

    fn begin_to_join(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.classic.prepares) {
            self.prepare(wall, effects);
        } else {
            self.classic.step = Step::Ready;
        }
    }

    /// With a pattern the member joins with what topics there are just now, so that a new topic
    /// costs one rebalance rather than one for each member that learns of it. A leader assigns what
    /// there is, whatever others subscribe to.
    ///
    /// Source: Kafka 4.0, `ConsumerCoordinator.poll`, `updateGroupSubscription`.
    pub(crate) fn on_fresh_metadata(&mut self, effects: &mut Vec<Effect>) {
        match self.classic.step.clone() {
            Step::Refreshing => self.classic.step = Step::Fresh,
            Step::Learning { members, by } => self.assign(&members, by, effects),
            Step::Idle
            | Step::Fresh
            | Step::Committing { .. }
            | Step::Releasing
            | Step::Ready
            | Step::Joining
            | Step::Syncing
            | Step::Assigned(_)
            | Step::Taking
            | Step::BackingOff { .. } => {}
        }
    }

    /// Before it joins: commits what was returned, then has partitions given up.
    ///
    /// Source: Kafka 4.0, `ConsumerCoordinator.onJoinPrepare`.
    fn prepare(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let commits = self.config.auto_commit && self.state == MemberState::Stable;
        if commits && !self.owned.is_empty() {
            if self.rebalance_protocol() == RebalanceProtocol::Eager {
                effects.push(Effect::Withhold { partitions: self.all_owned() });
            }
            let give_up_at = wall + self.config.poll_interval_max;
            self.classic.step = Step::Committing { give_up_at };
            effects.push(Effect::Positions { why: Why::Rebalance });
        } else {
            self.release(wall, effects);
        }
    }

    pub(crate) fn commit_before_join(
        &mut self,
        wall: Wall,
        positions: Vec<PartitionOffset>,
        effects: &mut Vec<Effect>,
    ) {
        if positions.is_empty() {
            self.release(wall, effects);
        } else {
            self.start_commit(wall, positions, For::Rebalance, effects);
        }
    }

    /// Has the application told what it has to give up before it joins.
    pub(crate) fn release(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        self.classic.step = Step::Releasing;
        let all = self.all_owned();
        let is_out = self.epoch == NO_GENERATION || self.member_id.as_str().is_empty();
        let (callback, places) = match self.rebalance_protocol() {
            _ if is_out => (RebalanceCallback::Lost, all),
            RebalanceProtocol::Eager => (RebalanceCallback::Revoked, all),
            RebalanceProtocol::Cooperative => {
                let is_foreign = |place: &Place| !self.topics.contains(&place.0);
                (RebalanceCallback::Revoked, all.into_iter().filter(is_foreign).collect())
            }
        };
        if !places.is_empty() {
            effects.push(Effect::Withhold { partitions: places.clone() });
        }
        self.call_back(wall, callback, places, Then::Join, effects);
    }

    pub(crate) fn join_after_callback(&mut self) {
        self.classic.step = Step::Ready;
    }

    /// Source: Kafka 4.0, `AbstractCoordinator.sendJoinGroupRequest`,
    /// `ConsumerCoordinator.metadata`.
    fn join(&mut self, effects: &mut Vec<Effect>) {
        let Some(to) = self.coordinator.node else { return };
        self.classic.leads = false;
        self.classic.assigned_from = None;
        self.classic.step = Step::Joining;
        self.enter(MemberState::PreparingRebalance, effects);
        self.classic.joined.clone_from(&self.topics);
        let millis = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
        let owned = self.claimed();
        let protocols = self.config.assignors.iter().map(|assignor| {
            let remembered = self.classic.remembered.as_ref();
            let remembered = remembered.map(|(places, generation)| (places, *generation));
            let remembered = remembered.filter(|_| assignor.remembers());
            let metadata = subscription::subscription(&self.topics, &owned, self.epoch, remembered);
            JoinGroupRequestProtocol::default()
                .with_name(StrBytes::from_static_str(assignor.name()))
                .with_metadata(metadata)
        });
        let body = JoinGroupRequest::default()
            .with_group_id(GroupId(convert::wire_text(&self.group)))
            .with_session_timeout_ms(millis(self.config.session_timeout))
            .with_rebalance_timeout_ms(millis(self.config.poll_interval_max))
            .with_member_id(self.wire_member())
            .with_group_instance_id(self.wire_instance())
            .with_protocol_type(StrBytes::from_static_str(CONSUMER))
            .with_protocols(protocols.collect())
            .with_reason(Some(StrBytes::from_static_str(self.classic.reason)));
        let timeout = self.config.request_timeout.max(self.config.poll_interval_max + JOIN_LAPSE);
        let token = self.token(Pending::Join);
        let body = RequestBody::from(body);
        effects.push(Effect::Send { token, to, body, timeout: Some(timeout) });
    }

    /// What it says that it owns.
    fn claimed(&self) -> BTreeSet<Place> {
        let assigned = self.classic.remembered.as_ref();
        // With the defect it owns more than it says.
        let hides = self.config.defects.has(Defect::RevokedAndKept);
        match assigned.filter(|_| hides && !self.owned.is_empty()) {
            Some((places, _)) => {
                if *places != self.all_owned() {
                    Deed::note(Defect::RevokedAndKept, None);
                }
                places.clone()
            }
            None => self.all_owned(),
        }
    }

    /// As leader: waits until it knows how many partitions there are of all topics.
    pub(crate) fn lead(
        &mut self,
        members: Vec<assignor::Member>,
        by: Option<Assignor>,
        effects: &mut Vec<Effect>,
    ) {
        self.classic.group_topics =
            members.iter().flat_map(|member| member.topics.iter().cloned()).collect();
        for topic in self.classic.group_topics.difference(&self.topics) {
            effects.push(Effect::AddTopic { topic: topic.clone() });
        }
        let is_known = |topic: &Name| self.cluster.topic(topic.as_str()).is_some();
        if self.classic.group_topics.iter().all(is_known) {
            self.assign(&members, by, effects);
        } else {
            self.classic.step = Step::Learning { members, by };
            effects.push(Effect::FreshMetadata { asks: false });
        }
    }

    /// As leader: assigns, and tells the coordinator. One that came back and has nothing to assign
    /// looks after the topics all the same.
    ///
    /// Source: Kafka 4.0, `ConsumerCoordinator.onLeaderElected`.
    fn assign(
        &mut self,
        members: &[assignor::Member],
        by: Option<Assignor>,
        effects: &mut Vec<Effect>,
    ) {
        let topics = self.topics_of(&self.classic.group_topics);
        let defects = self.config.defects;
        let trusts = defects.has(Defect::StaleClaims);
        let assigned = |trusts| by.map(|by| by.assign(&topics, members, trusts));
        let mut assignment = assigned(trusts).unwrap_or_default();
        if trusts && assignment != assigned(false).unwrap_or_default() {
            Deed::note(Defect::StaleClaims, None);
        }
        if defects.has(Defect::PartitionForgotten) {
            let last = assignment.values_mut().filter(|places| !places.is_empty()).last();
            if let Some(place) = last.and_then(Vec::pop) {
                Deed::note(Defect::PartitionForgotten, self.id(&place));
            }
        }
        self.classic.assigned_from = Some(topics);
        self.sync(&assignment, effects);
    }

    pub(crate) fn sync(
        &mut self,
        assignment: &BTreeMap<Name, Vec<Place>>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(to) = self.coordinator.node else {
            // Found again, it is joined again.
            self.classic.step = Step::Ready;
            return;
        };
        let assignments = assignment.iter().map(|(id, places)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(convert::wire_text(id))
                .with_assignment(subscription::assignment(places))
        });
        let by = self.classic.assignor.map(|by| StrBytes::from_static_str(by.name()));
        let body = SyncGroupRequest::default()
            .with_group_id(GroupId(convert::wire_text(&self.group)))
            .with_generation_id(self.epoch)
            .with_member_id(self.wire_member())
            .with_group_instance_id(self.wire_instance())
            .with_protocol_type(Some(StrBytes::from_static_str(CONSUMER)))
            .with_protocol_name(by)
            .with_assignments(assignments.collect());
        self.classic.step = Step::Syncing;
        let token = self.token(Pending::Sync { epoch: self.epoch });
        effects.push(Effect::Send { token, to, body: RequestBody::from(body), timeout: None });
    }

    /// The rebalance is over, and the member learns what it owns.
    ///
    /// Source: Kafka 4.0, `ConsumerCoordinator.onJoinComplete`.
    fn on_join_complete(&mut self, wall: Wall, places: BTreeSet<Place>, effects: &mut Vec<Effect>) {
        if self.epoch == NO_GENERATION || self.state != MemberState::Stable {
            // The heartbeat was told meanwhile that it is no member any more.
            self.reset_membership(false, "rebalance failed", effects);
            return;
        }
        if !places.iter().all(|place| self.topics.contains(&place.0)) {
            self.classic.step = Step::Idle;
            self.classic.prepares = true;
            self.request_rejoin("received assignment does not match the current subscription");
            return;
        }
        self.classic.step = Step::Taking;
        let revoked: BTreeSet<Place> =
            self.owned.keys().filter(|place| !places.contains(*place)).cloned().collect();
        if !revoked.is_empty() {
            self.request_rejoin("need to revoke partitions and re-join");
        }
        if self.config.defects.has(Defect::RevokedAndKept) {
            if !revoked.is_empty() {
                Deed::note(Defect::RevokedAndKept, None);
            }
            return self.take(wall, places, effects);
        }
        if !revoked.is_empty() {
            effects.push(Effect::Withhold { partitions: revoked.clone() });
        }
        self.call_back(wall, RebalanceCallback::Revoked, revoked, Then::Take(places), effects);
    }

    pub(crate) fn take(&mut self, wall: Wall, places: BTreeSet<Place>, effects: &mut Vec<Effect>) {
        self.classic.remembered = Some((places.clone(), self.epoch));
        self.auto_commit_at = wall + self.config.auto_commit_interval;
        let added = self.own(&places, effects);
        self.call_back(wall, RebalanceCallback::Assigned, added, Then::Settle, effects);
    }

    pub(crate) fn settle(&mut self) {
        self.classic.step = Step::Idle;
        self.classic.prepares = true;
    }

    pub(crate) fn back_off_rebalance(&mut self, wall: Wall) {
        let wait = self.config.retry_backoff.wait(0, &mut self.rng);
        self.classic.step = Step::BackingOff { until: wall + wait };
    }

    pub(crate) fn classic_deadline(&self) -> Option<Wall> {
        match &self.classic.step {
            // All but learning goes on within polls.
            Step::Committing { give_up_at: until } | Step::BackingOff { until } => {
                Some(*until).filter(|_| self.poll.is_some() && self.closing.is_none())
            }
            Step::Idle
            | Step::Refreshing
            | Step::Fresh
            | Step::Learning { .. }
            | Step::Releasing
            | Step::Ready
            | Step::Joining
            | Step::Syncing
            | Step::Assigned(_)
            | Step::Taking => None,
        }
    }
}
