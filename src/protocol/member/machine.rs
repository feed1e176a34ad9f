//! The member's state, and what each input sets going.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use kafka_protocol::protocol::StrBytes;

use crate::event::{About, Kind, MemberState};
use crate::message::{Answer, AppError, AppReply, PartitionOffset, convert};
use crate::protocol::assignor::Place;
use crate::protocol::cluster::ClusterMetadata;
use crate::protocol::machine::Machine;
use crate::protocol::member::callbacks::Waiting;
use crate::protocol::member::classic::Classic;
use crate::protocol::member::close::Closing;
use crate::protocol::member::commit::Commits;
use crate::protocol::member::config::{GroupProtocol, MemberConfig};
use crate::protocol::member::coordinator::Coordinator;
use crate::protocol::member::effect::{Effect, Why};
use crate::protocol::member::input::Input;
use crate::protocol::member::offsets::Offsets;
use crate::protocol::member::target::Reconciliation;
use crate::types::{
    CallToken, Deadlines, ErrorCode, Name, Now, OperationId, Rng, TopicPartition, TopicPattern,
    Wall,
};

/// A consumer's membership of its group, by either protocol.
///
/// # Source
///
/// Kafka 4.0, `AbstractCoordinator`, `ConsumerCoordinator`; `AbstractMembershipManager`,
/// `ConsumerMembershipManager`, `ConsumerHeartbeatRequestManager`, `CommitRequestManager`.
// Differs from Kafka: what a callback does is what the application does between the poll that
// returned it and its next poll; an answer to an asynchronous commit is told when it comes, not
// within the next poll; callbacks with nothing in them are not invoked.
#[derive(Clone, Debug)]
pub struct Member {
    pub(crate) config: MemberConfig,
    pub(crate) rng: Rng,
    /// `group.id`; of no meaning before the consumer subscribes.
    pub(crate) group: Name,
    pub(crate) cluster: Arc<ClusterMetadata>,
    pub(crate) is_subscribed: bool,
    /// The topics subscribed to; with a pattern those of the cluster that are like it.
    pub(crate) topics: BTreeSet<Name>,
    pub(crate) pattern: Option<TopicPattern>,
    pub(crate) state: MemberState,
    /// The coordinator's, or for KIP-848 the member's own name for it; empty before.
    pub(crate) member_id: Name,
    /// The generation (classic; -1 none) or member epoch (KIP-848; 0 to join).
    pub(crate) epoch: i32,
    /// What the application believes that it owns.
    pub(crate) owned: BTreeMap<Place, Option<TopicPartition>>,
    pub(crate) coordinator: Coordinator,
    pub(crate) requests: BTreeMap<u64, Pending>,
    pub(crate) next_token: u64,
    /// The poll in which the application is, unless that has been answered.
    pub(crate) poll: Option<CallToken>,
    /// When it was last within a poll.
    pub(crate) polled_at: Wall,
    pub(crate) callbacks: VecDeque<Waiting>,
    /// When the next heartbeat is due.
    pub(crate) heartbeat_at: Wall,
    pub(crate) heartbeat_attempts: u32,
    /// Until then the heartbeat thread of the classic protocol sleeps, unless a poll wakes it.
    pub(crate) heartbeats_sleep_until: Option<Wall>,
    /// Without the answer to a heartbeat until then the coordinator is looked for anew.
    pub(crate) session_until: Wall,
    pub(crate) classic: Classic,
    pub(crate) reconciliation: Reconciliation,
    pub(crate) commits: Commits,
    pub(crate) offsets: Offsets,
    /// When the next automatic commit is due.
    pub(crate) auto_commit_at: Wall,
    /// Why it can never be a member again.
    pub(crate) fatal: Option<ErrorCode>,
    pub(crate) closing: Option<Closing>,
}

/// A request whose answer is awaited.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Pending {
    FindCoordinator,
    Join,
    /// In this generation.
    Sync {
        epoch: i32,
    },
    /// Of this member id and generation.
    Heartbeat {
        member_id: Name,
        epoch: i32,
    },
    /// Of KIP-848; the answer to one that leaves is of no interest.
    GroupHeartbeat {
        leaves: bool,
    },
    Leave,
    /// By its number.
    Commit(u64),
    OffsetFetch,
}

impl Machine for Member {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        let wall = now.wall;
        match input {
            Input::Subscribe { token, topics, pattern } => {
                self.on_subscribe(wall, token, topics, pattern, effects);
            }
            Input::Poll { token } => self.on_poll(wall, token, effects),
            Input::Recalled { token } => {
                self.poll = Some(token);
                self.answer_poll(effects);
            }
            Input::PollEnded => {
                self.poll = None;
                self.polled_at = wall;
            }
            Input::Commit { token, offsets, waits } => {
                self.on_commit(wall, token, offsets, waits, effects);
            }
            Input::Positions { why, positions } => {
                self.on_positions(wall, why, positions, effects);
            }
            Input::Close => self.on_close(wall, effects),
            Input::MetadataChanged(cluster) => {
                self.cluster = cluster;
                self.name_owned(effects);
                self.match_pattern();
            }
            Input::MetadataFresh => self.on_fresh_metadata(effects),
            Input::CoordinatorLost { to } => {
                if self.coordinator.node == Some(to) {
                    self.lose_coordinator(false, effects);
                }
            }
            Input::Completed { token, answer } => self.on_completed(wall, token, answer, effects),
            Input::Deadline => {}
        }
        self.advance(wall, effects);
    }

    fn deadlines(&self) -> Deadlines {
        if !self.is_subscribed || self.closing == Some(Closing::Done) {
            return Deadlines::NONE;
        }
        let retry = if self.coordinator.node.is_none() && !self.coordinator.is_asked {
            self.coordinator.retry_at
        } else {
            None
        };
        let closing = self.closing.as_ref().and_then(Closing::deadline);
        if self.fatal.is_some() {
            let all = [retry.filter(|_| !self.is_classic()), self.commit_deadline(), closing];
            return Deadlines::wall(all.into_iter().flatten().min());
        }
        let all = [
            retry,
            self.heartbeat_deadline(),
            self.commit_deadline(),
            self.offsets_deadline(),
            self.classic_deadline(),
            self.auto_commit_deadline(),
            closing,
        ];
        Deadlines::wall(all.into_iter().flatten().min())
    }
}

impl Member {
    /// A member of no group yet; `rng` names it and shakes its back-offs.
    pub fn new(config: MemberConfig, rng: Rng) -> Self {
        Self {
            group: config.group.clone().unwrap_or_else(|| Name::from("")),
            config,
            rng,
            cluster: Arc::default(),
            is_subscribed: false,
            topics: BTreeSet::new(),
            pattern: None,
            state: MemberState::Unjoined,
            member_id: Name::from(""),
            epoch: -1,
            owned: BTreeMap::new(),
            coordinator: Coordinator::default(),
            requests: BTreeMap::new(),
            next_token: 0,
            poll: None,
            polled_at: Wall(0),
            callbacks: VecDeque::new(),
            heartbeat_at: Wall(0),
            heartbeat_attempts: 0,
            heartbeats_sleep_until: None,
            session_until: Wall(0),
            classic: Classic::default(),
            reconciliation: Reconciliation::default(),
            commits: Commits::default(),
            offsets: Offsets::default(),
            auto_commit_at: Wall(0),
            fatal: None,
            closing: None,
        }
    }

    /// Whether the consumer subscribes, rather than being assigned partitions by hand.
    pub fn is_subscribed(&self) -> bool {
        self.is_subscribed
    }

    /// The group, the member id and the generation or member epoch (`consumer.groupMetadata()`).
    pub fn group_metadata(&self) -> (Name, Name, i32) {
        (self.group.clone(), self.member_id.clone(), self.epoch)
    }

    pub(crate) fn token(&mut self, pending: Pending) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        self.requests.insert(token, pending);
        token
    }

    pub(crate) fn awaits(&self, pending: impl Fn(&Pending) -> bool) -> bool {
        self.requests.values().any(pending)
    }

    pub(crate) fn operation(&self, token: CallToken) -> OperationId {
        OperationId::of_call(self.config.client, self.config.first_operation, token)
    }

    pub(crate) fn is_classic(&self) -> bool {
        self.config.protocol == GroupProtocol::Classic
    }

    pub(crate) fn wire_member(&self) -> StrBytes {
        convert::wire_text(&self.member_id)
    }

    pub(crate) fn wire_instance(&self) -> Option<StrBytes> {
        self.config.instance.as_ref().map(convert::wire_text)
    }

    pub(crate) fn enter(&mut self, state: MemberState, effects: &mut Vec<Effect>) {
        self.state = state;
        let kind = Kind::MemberStateEntered {
            group: self.group.clone(),
            member: self.member_id.clone(),
            epoch: self.epoch,
            state,
            leads: self.is_classic() && self.classic.leads,
        };
        effects.push(Effect::Event { kind, about: About::Nothing });
    }

    /// The partition as events name it.
    pub(crate) fn id(&self, place: &Place) -> Option<TopicPartition> {
        let topic = self.cluster.topic(place.0.as_str())?;
        Some(TopicPartition::new(topic.topic_id, place.1))
    }

    fn on_subscribe(
        &mut self,
        wall: Wall,
        token: CallToken,
        topics: Vec<Name>,
        pattern: Option<Name>,
        effects: &mut Vec<Effect>,
    ) {
        let pattern = match pattern.as_ref().map(TopicPattern::parse) {
            Some(Err(_)) => {
                let error = AppError::NotSent(ErrorCode::InvalidRegularExpression);
                effects.push(Effect::Reply { token, reply: AppReply::Failed(error) });
                return;
            }
            Some(Ok(pattern)) => Some(pattern),
            None => None,
        };
        if pattern.is_some() {
            effects.push(Effect::AllTopics);
        }
        for topic in &topics {
            effects.push(Effect::AddTopic { topic: topic.clone() });
        }
        if !self.is_subscribed {
            self.polled_at = wall;
            self.auto_commit_at = wall + self.config.auto_commit_interval;
            if !self.is_classic() {
                self.epoch = 0;
                self.state = MemberState::Unsubscribed;
                self.member_id = self.own_name();
            }
        }
        self.is_subscribed = true;
        self.topics = topics.into_iter().collect();
        self.pattern = pattern;
        self.match_pattern();
        effects.push(Effect::Reply { token, reply: AppReply::Done });
    }

    /// With a pattern: which topics of the cluster are like it.
    fn match_pattern(&mut self) {
        if let Some(pattern) = &self.pattern {
            let names = self.cluster.topic_names();
            self.topics = names.filter(|name| pattern.matches(name.as_str())).cloned().collect();
        }
    }

    /// A name as `Uuid.toString` writes it: 16 random bytes in 22 letters.
    fn own_name(&mut self) -> Name {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut bits = u128::from(self.rng.bits()) << 64 | u128::from(self.rng.bits());
        let mut name = String::new();
        for _ in 0..22 {
            name.push(char::from(LETTERS[(bits & 63) as usize]));
            bits >>= 6;
        }
        Name::from(name)
    }

    fn on_poll(&mut self, wall: Wall, token: CallToken, effects: &mut Vec<Effect>) {
        self.poll = Some(token);
        self.polled_at = wall;
        self.heartbeats_sleep_until = None;
        if !self.is_classic() {
            self.on_group_poll(effects);
        }
        self.finish_callback(wall, effects);
        self.advance(wall, effects);
        self.answer_poll(effects);
    }

    /// Answers the poll with a callback that waits, or lets it go on.
    fn answer_poll(&mut self, effects: &mut Vec<Effect>) {
        let Some(token) = self.poll else { return };
        // The classic protocol throws within the poll, before it rebalances.
        let callback = if self.fatal.is_some() && self.is_classic() {
            None
        } else {
            self.invoke_callback(effects)
        };
        if let Some(reply) = callback {
            self.poll = None;
            effects.push(Effect::Reply { token, reply });
        } else if let Some(error) = self.fatal {
            self.poll = None;
            let reply = AppReply::Failed(AppError::Refused(error));
            effects.push(Effect::Reply { token, reply });
        } else {
            effects.push(Effect::GoOn { token });
        }
    }

    fn on_positions(
        &mut self,
        wall: Wall,
        why: Why,
        positions: Vec<PartitionOffset>,
        effects: &mut Vec<Effect>,
    ) {
        match why {
            Why::Interval => self.commit_automatically(wall, positions, effects),
            Why::Rebalance if self.is_classic() => {
                self.commit_before_join(wall, positions, effects);
            }
            Why::Rebalance => self.commit_before_revocation(wall, positions, effects),
            Why::Again(number) => self.commit_again(wall, number, positions, effects),
            Why::Call(token) => self.commit_for(wall, token, positions, effects),
            Why::Close => self.commit_before_close(wall, positions, effects),
        }
    }

    fn on_completed(&mut self, wall: Wall, token: u64, answer: Answer, effects: &mut Vec<Effect>) {
        let Some(pending) = self.requests.remove(&token) else { return };
        if answer.is_err() && pending != Pending::FindCoordinator {
            // Whether the connection broke or the answer was late: another may be coordinator now.
            self.lose_coordinator(false, effects);
        }
        match pending {
            Pending::FindCoordinator => self.on_coordinator_found(wall, answer, effects),
            Pending::Join => self.on_joined(wall, answer, effects),
            Pending::Sync { epoch } => self.on_synced(wall, epoch, answer, effects),
            Pending::Heartbeat { member_id, epoch } => {
                self.on_heartbeat(wall, &member_id, epoch, answer, effects);
            }
            Pending::GroupHeartbeat { leaves } => {
                self.on_group_heartbeat(wall, leaves, answer, effects);
            }
            Pending::Leave => self.on_left(effects),
            Pending::Commit(number) => self.on_committed(wall, number, answer, effects),
            Pending::OffsetFetch => self.on_offsets(wall, answer, effects),
        }
    }

    /// Does all that can be done now.
    fn advance(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        if !self.is_subscribed || self.closing == Some(Closing::Done) {
            return;
        }
        if self.fatal.is_some() {
            if !self.is_classic() {
                self.find_coordinator(wall, effects);
            }
            self.send_commits(wall, effects);
            self.advance_closing(wall, effects);
            return;
        }
        if self.poll.is_some() {
            self.polled_at = wall;
        }
        self.find_coordinator(wall, effects);
        if self.is_classic() {
            self.beat(wall, effects);
            self.rebalance(wall, effects);
        } else {
            self.reconcile(effects);
            self.group_beat(wall, effects);
        }
        self.auto_commit(wall, effects);
        self.send_commits(wall, effects);
        self.fetch_offsets(wall, effects);
        self.advance_closing(wall, effects);
    }
}
