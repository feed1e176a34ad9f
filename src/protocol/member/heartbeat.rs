//! Heartbeats of both protocols, beside the polls, and what they bring.

use std::collections::BTreeSet;
use std::time::Duration;

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, GroupId, HeartbeatRequest, LeaveGroupRequest,
};
use kafka_protocol::protocol::StrBytes;

use crate::event::{About, Kind, MemberState};
use crate::message::{RebalanceCallback, RequestBody, convert};
use crate::protocol::member::callbacks::Then;
use crate::protocol::member::effect::Effect;
use crate::protocol::member::machine::{Member, Pending};
use crate::protocol::member::target::Sent;
use crate::types::{BrokerId, TopicId, Wall};

impl Member {
    /// Whether a member of the classic protocol sends heartbeats.
    fn beats(&self) -> bool {
        matches!(self.state, MemberState::CompletingRebalance | MemberState::Stable)
    }

    pub(crate) fn reset_heartbeats(&mut self, wall: Wall) {
        self.session_until = wall + self.config.session_timeout;
        self.polled_at = wall;
        self.heartbeat_at = wall + self.config.heartbeat_interval;
    }

    fn has_stalled(&self, wall: Wall) -> bool {
        self.poll.is_none() && self.polled_at + self.config.poll_interval_max <= wall
    }

    pub(crate) fn heartbeat_deadline(&self) -> Option<Wall> {
        let stall =
            Some(self.polled_at + self.config.poll_interval_max).filter(|_| self.poll.is_none());
        if self.fatal.is_some() || self.coordinator.node.is_none() {
            return None;
        }
        if self.is_classic() {
            if !self.beats() {
                return None;
            }
            let beat = self
                .heartbeats_sleep_until
                .map_or(self.heartbeat_at, |until| until.max(self.heartbeat_at));
            let next = beat.min(self.session_until);
            return Some(stall.map_or(next, |stall| stall.min(next)));
        }
        if self.skips_heartbeats() {
            return None;
        }
        let beat = Some(self.heartbeat_at).filter(|_| !self.has_heartbeat_in_flight());
        [beat, stall.filter(|_| !self.is_leaving())].into_iter().flatten().min()
    }

    /// The heartbeat thread of the classic protocol; it ends with the membership, and not before
    /// what is committed at the end is committed.
    ///
    /// Source: Kafka 4.0, `AbstractCoordinator.HeartbeatThread.run`.
    pub(crate) fn beat(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        if !self.beats() {
            return;
        }
        let Some(to) = self.coordinator.node else { return };
        if self.session_until <= wall {
            self.lose_coordinator(true, effects);
            self.find_coordinator(wall, effects);
            // The thread has asked who coordinates, and sleeps. An application that is not within
            // a poll may commit before it beats again, as one does that stood still.
            let wakes = wall + self.config.retry_backoff.initial;
            self.heartbeats_sleep_until = Some(wakes).filter(|_| self.poll.is_none());
        } else if self.has_stalled(wall) {
            self.tell_overdue(self.config.instance.is_none(), effects);
            self.leave("consumer poll timeout has expired.", effects);
        } else if self.heartbeat_at <= wall
            && self.heartbeats_sleep_until.is_none_or(|until| until <= wall)
        {
            self.heartbeat_at = wall + self.config.heartbeat_interval;
            let body = HeartbeatRequest::default()
                .with_group_id(GroupId(convert::wire_text(&self.group)))
                .with_member_id(self.wire_member())
                .with_group_instance_id(self.wire_instance())
                .with_generation_id(self.epoch);
            let (member_id, epoch) = (self.member_id.clone(), self.epoch);
            let token = self.token(Pending::Heartbeat { member_id, epoch });
            effects.push(Effect::Send { token, to, body: RequestBody::from(body), timeout: None });
        }
    }

    fn tell_overdue(&self, tells: bool, effects: &mut Vec<Effect>) {
        let interval = self.config.poll_interval_max.as_millis();
        let kind = Kind::PollOverdue {
            group: self.group.clone(),
            member: self.member_id.clone(),
            epoch: self.epoch,
            interval: u32::try_from(interval).unwrap_or(u32::MAX),
            tells,
        };
        effects.push(Effect::Event { kind, about: About::Nothing });
    }

    /// Leaves by the classic protocol; a static member just stays away.
    ///
    /// Source: Kafka 4.0, `AbstractCoordinator.maybeLeaveGroup`; KIP-345.
    pub(crate) fn leave(&mut self, reason: &'static str, effects: &mut Vec<Effect>) {
        self.ask_to_leave(reason, effects);
        self.reset_membership(false, "consumer pro-actively leaving the group", effects);
    }

    pub(crate) fn ask_to_leave(&mut self, reason: &'static str, effects: &mut Vec<Effect>) {
        let is_member = self.state != MemberState::Unjoined && !self.member_id.as_str().is_empty();
        if self.config.instance.is_none()
            && is_member
            && let Some(to) = self.coordinator.node
        {
            let member = MemberIdentity::default()
                .with_member_id(self.wire_member())
                .with_reason(Some(StrBytes::from_static_str(reason)));
            let body = LeaveGroupRequest::default()
                .with_group_id(GroupId(convert::wire_text(&self.group)))
                .with_members(vec![member]);
            let token = self.token(Pending::Leave);
            effects.push(Effect::Send { token, to, body: RequestBody::from(body), timeout: None });
        }
    }

    pub(crate) fn has_heartbeat_in_flight(&self) -> bool {
        self.awaits(|pending| matches!(pending, Pending::GroupHeartbeat { leaves: false }))
    }

    /// Whether a member of KIP-848 has nothing to say.
    fn skips_heartbeats(&self) -> bool {
        matches!(
            self.state,
            MemberState::Unsubscribed
                | MemberState::Fatal
                | MemberState::Stale
                | MemberState::Fenced
                | MemberState::PrepareLeaving
        )
    }

    pub(crate) fn is_leaving(&self) -> bool {
        matches!(self.state, MemberState::PrepareLeaving | MemberState::Leaving)
    }

    /// The heartbeats of KIP-848.
    ///
    /// Source: Kafka 4.0, `AbstractHeartbeatRequestManager.poll`.
    pub(crate) fn group_beat(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let Some(to) = self.coordinator.node else { return };
        if self.skips_heartbeats() {
            return;
        }
        if self.has_stalled(wall) && !self.is_leaving() {
            self.tell_overdue(true, effects);
            self.enter(MemberState::PrepareLeaving, effects);
            self.epoch = self.leave_epoch();
            self.reconciliation.drop_all();
            self.enter(MemberState::Leaving, effects);
            self.send_group_heartbeat(to, effects);
            self.reconciliation.sent = None;
            self.enter(MemberState::Stale, effects);
            let lost = self.all_owned();
            self.call_back(wall, RebalanceCallback::Lost, lost, Then::Stale, effects);
            return;
        }
        let has_news = self.state == MemberState::Leaving
            || matches!(self.state, MemberState::Acknowledging | MemberState::Joining)
                && !self.has_heartbeat_in_flight()
                && self.heartbeat_attempts == 0;
        let is_due = self.heartbeat_at <= wall && !self.has_heartbeat_in_flight();
        if !has_news && !is_due {
            return;
        }
        self.heartbeat_at = wall + self.reconciliation.interval;
        self.send_group_heartbeat(to, effects);
        match self.state {
            MemberState::Acknowledging => {
                let is_done = self.reconciliation.is_done();
                let next = if is_done { MemberState::Stable } else { MemberState::Reconciling };
                self.enter(next, effects);
            }
            MemberState::Leaving => self.enter(MemberState::Unsubscribed, effects),
            MemberState::Unjoined
            | MemberState::PreparingRebalance
            | MemberState::CompletingRebalance
            | MemberState::Joining
            | MemberState::Reconciling
            | MemberState::Stable
            | MemberState::PrepareLeaving
            | MemberState::Fenced
            | MemberState::Stale
            | MemberState::Fatal
            | MemberState::Unsubscribed => {}
        }
    }

    /// -1 leaves; -2 says of a static member that it will come back.
    pub(crate) fn leave_epoch(&self) -> i32 {
        if self.config.instance.is_some() { -2 } else { -1 }
    }

    /// Says only what has changed since the last heartbeat, and everything when it joins.
    ///
    /// Source: Kafka 4.0, `ConsumerHeartbeatRequestManager.HeartbeatState.buildRequestData`.
    fn send_group_heartbeat(&mut self, to: BrokerId, effects: &mut Vec<Effect>) {
        let all = self.state == MemberState::Joining || self.reconciliation.sent.is_none();
        let sent = self.reconciliation.sent.take().unwrap_or_default();
        let rebalance_timeout = if all {
            i32::try_from(self.config.poll_interval_max.as_millis()).unwrap_or(i32::MAX)
        } else {
            -1
        };
        let topics = (all || sent.topics != self.topics)
            .then(|| self.topics.iter().map(convert::topic_name).collect());
        let current = self.reconciliation.current.clone();
        let partitions = (all || sent.current != current).then(|| {
            let of = |(topic_id, numbers): (&TopicId, &BTreeSet<i32>)| {
                TopicPartitions::default()
                    .with_topic_id(convert::topic_uuid(*topic_id))
                    .with_partitions(numbers.iter().copied().collect())
            };
            current.iter().flat_map(|target| &target.partitions).map(of).collect()
        });
        let assignor = self.config.remote_assignor.as_ref().filter(|_| all);
        let body = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId(convert::wire_text(&self.group)))
            .with_member_id(self.wire_member())
            .with_member_epoch(self.epoch)
            .with_instance_id(self.wire_instance())
            .with_rebalance_timeout_ms(rebalance_timeout)
            .with_subscribed_topic_names(topics)
            .with_server_assignor(assignor.map(convert::wire_text))
            .with_topic_partitions(partitions);
        self.reconciliation.sent = Some(Sent { topics: self.topics.clone(), current });
        let leaves = self.epoch < 0;
        let token = self.token(Pending::GroupHeartbeat { leaves });
        effects.push(Effect::Send { token, to, body: RequestBody::from(body), timeout: None });
    }

    /// Nothing came of a heartbeat: the next says everything, after the back-off.
    pub(crate) fn retry_heartbeat(&mut self, wall: Wall) {
        let wait = self.config.retry_backoff.wait(self.heartbeat_attempts, &mut self.rng);
        self.heartbeat_attempts += 1;
        self.heartbeat_at = wall + wait;
        self.reconciliation.sent = None;
    }

    /// The member of KIP-848 polls: it joins, or joins again after it had left by itself.
    pub(crate) fn on_group_poll(&mut self, effects: &mut Vec<Effect>) {
        match self.state {
            MemberState::Unsubscribed if self.closing.is_none() => {
                let has_topics = self.pattern.is_none() || !self.topics.is_empty();
                if self.is_subscribed && has_topics {
                    self.join_group(effects);
                }
            }
            MemberState::Stale if self.callbacks.is_empty() => self.join_group(effects),
            MemberState::Unsubscribed
            | MemberState::Stale
            | MemberState::Unjoined
            | MemberState::PreparingRebalance
            | MemberState::CompletingRebalance
            | MemberState::Joining
            | MemberState::Reconciling
            | MemberState::Acknowledging
            | MemberState::Stable
            | MemberState::PrepareLeaving
            | MemberState::Leaving
            | MemberState::Fenced
            | MemberState::Fatal => {}
        }
    }

    /// Joins by KIP-848, for the first time or again.
    pub(crate) fn join_group(&mut self, effects: &mut Vec<Effect>) {
        self.epoch = 0;
        self.heartbeat_attempts = 0;
        self.reconciliation.rejoin();
        self.enter(MemberState::Joining, effects);
    }

    /// What was lost is gone: the next poll joins again.
    pub(crate) fn release_stale(&mut self, effects: &mut Vec<Effect>) {
        self.reconciliation.drop_all();
        if self.state == MemberState::Stale && self.poll.is_some() {
            self.join_group(effects);
        }
    }

    /// What was lost is gone: it joins again at once.
    pub(crate) fn rejoin_fenced(&mut self, effects: &mut Vec<Effect>) {
        self.reconciliation.drop_all();
        if self.state == MemberState::Fenced {
            self.join_group(effects);
        }
    }

    /// The coordinator has expelled it.
    ///
    /// Source: Kafka 4.0, `AbstractMembershipManager.transitionToFenced`.
    pub(crate) fn fence(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        if self.is_leaving() || self.state == MemberState::Unsubscribed {
            self.enter(MemberState::Unsubscribed, effects);
            return;
        }
        self.epoch = 0;
        self.enter(MemberState::Fenced, effects);
        self.lose_all(wall, Then::Rejoin, effects);
    }

    /// `heartbeat.interval.ms` until the coordinator says another (KIP-848).
    pub(crate) fn take_interval(&mut self, wall: Wall, millis: i32) {
        let interval = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        self.heartbeat_attempts = 0;
        if self.reconciliation.interval != interval {
            self.reconciliation.interval = interval;
            self.heartbeat_at = wall + interval;
        }
    }
}
