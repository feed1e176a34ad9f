//! The replica: its state, its inputs, what it makes of metadata.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{About, Kind, ReplicaRole};
use crate::log::{Log, LogEffect};
use crate::message::{FetchPosition, PartitionState, Standing};
use crate::protocol::machine::Machine;
use crate::protocol::replica::config::ReplicaConfig;
use crate::protocol::replica::effect::Effect;
use crate::protocol::replica::follower_state::FollowerState;
use crate::protocol::replica::in_sync::InSync;
use crate::protocol::replica::input::Input;
use crate::types::{
    BrokerId, BrokerSet, ConnectionId, Deadlines, Deed, Defect, ErrorCode, LeaderEpoch, Now,
    Offset, PartitionEpoch, TopicPartition,
};

/// One partition on one broker, with its log.
///
/// Source: Kafka 4.1, `Partition`.
#[derive(Clone, Debug)]
pub struct Replica {
    pub(super) config: ReplicaConfig,
    pub(super) log: Log,
    /// Below it consumers may read, exclusive. A leader's only rises; a follower's is what its
    /// leader last said.
    pub(super) high_watermark: Offset,
    pub(super) role: Role,
    /// -1 before any metadata came.
    pub(super) leader_epoch: LeaderEpoch,
    /// -1 before any metadata came.
    pub(super) partition_epoch: PartitionEpoch,
    pub(super) replicas: Vec<BrokerId>,
    pub(super) min_in_sync: u32,
    /// The brokers' registrations as this broker's metadata has them.
    pub(super) standings: Arc<BTreeMap<BrokerId, Standing>>,
    is_shutting_down: bool,
    /// From whom a fetcher copies this partition.
    fetching_from: Option<BrokerId>,
    /// With a defect: the last answer had no records, and the epoch of the last one is forgotten.
    pub(super) forgot_last_epoch: bool,
    /// Reused; empty between steps.
    log_effects: Vec<LogEffect>,
}

/// The replica's part in its partition.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// No metadata has come yet.
    Unassigned,
    Leader(Box<Leading>),
    Follower(BrokerId),
    Leaderless,
}

/// What a leader keeps.
#[derive(Clone, Debug)]
pub(super) struct Leading {
    /// The end of the log when this epoch began.
    pub(super) epoch_start: Offset,
    pub(super) in_sync: InSync,
    /// The other replicas.
    pub(super) followers: BTreeMap<BrokerId, FollowerState>,
    /// Requests with acks=all, by the high watermark that each waits for.
    pub(super) waiting: BTreeSet<(Offset, ConnectionId)>,
    /// What the last event said: partition epoch, recorded set, maximal set.
    pub(super) announced: (PartitionEpoch, BrokerSet, BrokerSet),
}

impl Machine for Replica {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::MetadataChanged { state, min_in_sync } => {
                self.on_metadata(now, &state, min_in_sync, effects);
            }
            Input::MinInSyncChanged { min_in_sync } => {
                self.on_min_in_sync(min_in_sync, effects);
            }
            Input::StandingsChanged { standings } => self.standings = standings,
            Input::ShutdownBegan => self.is_shutting_down = true,
            Input::Produce { request, body, acks } => {
                self.on_produce(now, request, body, acks, effects);
            }
            Input::AbandonProduce { request } => self.on_abandon(request),
            Input::Fetch { request, fetch } => self.on_fetch(now, request, &fetch, effects),
            Input::ListOffsets { request, leader_epoch, timestamp, by_follower } => {
                let result = self.list_offset(leader_epoch, timestamp, by_follower);
                self.tell_of_latest(request, timestamp, by_follower, &result, effects);
                effects.push(Effect::OffsetListed { request, result });
            }
            Input::OffsetForLeaderEpoch { request, current_leader_epoch, leader_epoch } => {
                let result = self
                    .check_leads(current_leader_epoch)
                    .map(|()| self.log.end_offset_for_epoch(leader_epoch));
                effects.push(Effect::EpochEnd { request, result });
            }
            Input::Fetched(fetched) => self.on_fetched(&fetched, effects),
            Input::OutOfRange(found) => self.on_out_of_range(&found, effects),
            Input::EpochEnd(found) => self.on_epoch_end(&found, effects),
            Input::AlterPartitionAnswered { proposal, result } => {
                self.on_alter_partition_answered(now, &proposal, result, effects);
            }
            Input::ShrinkCheck => self.on_shrink_check(now, effects),
            Input::RetentionCheck => self.on_retention_check(now, effects),
            Input::FlushCheck => self.with_log(About::Nothing, effects, |log, out| {
                log.flush_by_age(now.wall.millis(), out);
            }),
            Input::DeleteRecords { request, offset } => {
                self.on_delete_records(request, offset, effects);
            }
            Input::Flush { ticket, blocking } => {
                self.with_log(About::Nothing, effects, |log, out| log.flush(ticket, blocking, out));
            }
            Input::Close => {
                self.stop_fetching(effects);
                self.with_log(About::Nothing, effects, Log::close);
            }
            Input::Remove { topic_exists } => self.on_remove(topic_exists, effects),
        }
        self.assert_invariants();
    }

    fn deadlines(&self) -> Deadlines {
        // The lag of followers is looked at when the broker's scheduler says so.
        Deadlines::NONE
    }
}

impl Replica {
    /// The replica that owns `log`, before its broker has shown it metadata. `high_watermark` is
    /// the checkpointed one, or zero.
    pub fn new(config: ReplicaConfig, log: Log, high_watermark: Offset) -> Self {
        Self {
            config,
            high_watermark: log.clamp(high_watermark),
            log,
            role: Role::Unassigned,
            leader_epoch: LeaderEpoch(-1),
            partition_epoch: PartitionEpoch(-1),
            replicas: Vec::new(),
            min_in_sync: 1,
            standings: Arc::default(),
            is_shutting_down: false,
            fetching_from: None,
            forgot_last_epoch: false,
            log_effects: Vec::new(),
        }
    }

    /// The partition.
    pub fn partition(&self) -> TopicPartition {
        self.log.partition()
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The log, for what its broker does to it beside replication: it sets the topic's
    /// configuration and forgets producers that have been silent for too long. Neither moves an
    /// end of the log; appending and truncating are this machine's alone.
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Below it consumers may read, exclusive; belongs into the checkpoint
    /// `FileName::HighWatermarks`.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Whether this replica leads.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// The leader of the partition, if it has one that this broker knows of.
    pub fn leader(&self) -> Option<BrokerId> {
        match self.role {
            Role::Leader(_) => Some(self.config.broker),
            Role::Follower(leader) => Some(leader),
            Role::Unassigned | Role::Leaderless => None,
        }
    }

    /// The leader epoch that this broker knows; `None` before any metadata came.
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        LeaderEpoch::from_wire(self.leader_epoch.0)
    }

    /// The partition epoch that this broker knows; -1 before any metadata came.
    pub fn partition_epoch(&self) -> PartitionEpoch {
        self.partition_epoch
    }

    /// For a leader: the in-sync set that the controller recorded, and the one that the high
    /// watermark waits for.
    pub fn in_sync(&self) -> Option<(&BrokerSet, &BrokerSet)> {
        match &self.role {
            Role::Leader(leading) => Some((&leading.in_sync.recorded, &leading.in_sync.maximal)),
            Role::Unassigned | Role::Follower(_) | Role::Leaderless => None,
        }
    }

    /// From whom this replica wants to be copied by a fetcher.
    pub fn fetching_from(&self) -> Option<BrokerId> {
        self.fetching_from
    }

    /// The replica's real state, to be compared with the recorded one.
    pub fn audit(&self) -> Kind {
        Kind::ReplicaAudited {
            partition: self.partition(),
            log_start_offset: self.log.start_offset(),
            log_end_offset: self.log.end_offset(),
            high_watermark: self.high_watermark,
            chain: self.log.chain_at_end(),
            epochs_are_sound: self.log.audit(),
        }
    }

    fn on_metadata(
        &mut self,
        now: Now,
        state: &PartitionState,
        min_in_sync: u32,
        effects: &mut Vec<Effect>,
    ) {
        self.min_in_sync = min_in_sync;
        if state.partition_epoch < self.partition_epoch {
            // The answer to AlterPartition was faster than the metadata log.
            return;
        }
        self.replicas.clone_from(&state.replicas);
        if state.leader == Some(self.config.broker) {
            self.lead(now, state, effects);
        } else {
            self.follow(state, effects);
        }
    }

    /// Whether `state` begins a leader epoch. A new leader does, also one that the controller
    /// forgot to give a new number: the brokers know no better, and the properties shall see it.
    fn begins_epoch(&self, state: &PartitionState) -> bool {
        let is_renamed =
            state.leader != self.leader() && self.config.defects.has(Defect::LeaderEpochNotRaised);
        state.leader_epoch > self.leader_epoch || is_renamed
    }

    /// Source: Kafka 4.1, `Partition.makeLeader`, `ReplicaManager.applyLocalLeadersDelta`.
    fn lead(&mut self, now: Now, state: &PartitionState, effects: &mut Vec<Effect>) {
        self.stop_fetching(effects);
        let led_before = self.is_leader();
        let is_new_epoch = self.begins_epoch(state);
        assert!(
            led_before || is_new_epoch,
            "{} leads again in epoch {}",
            self.config.broker,
            self.leader_epoch
        );
        let is_news = state.partition_epoch > self.partition_epoch;
        self.leader_epoch = state.leader_epoch;
        self.partition_epoch = state.partition_epoch;
        if !led_before {
            self.role = Role::Leader(Box::new(Leading {
                epoch_start: Offset::ZERO,
                in_sync: InSync::recorded(BrokerSet::default(), false),
                followers: BTreeMap::new(),
                waiting: BTreeSet::new(),
                announced: (PartitionEpoch(-1), BrokerSet::default(), BrokerSet::default()),
            }));
        }
        let (me, about) = (self.config.broker, self.partition());
        let end = self.log.end_offset();
        let Role::Leader(leading) = &mut self.role else { unreachable!("it was made so above") };
        leading.followers.retain(|broker, _| state.replicas.contains(broker));
        for broker in state.replicas.iter().filter(|broker| **broker != me) {
            leading.followers.entry(*broker).or_default();
        }
        // Differs from Kafka: there a wish under way is dropped whenever metadata of at least the
        // known partition epoch comes, also by the metadata that repeats what the answer to the
        // wish before had told. The controller may grant the dropped wish; the leader then counts
        // on a smaller set than the controller elects from, and acknowledges what the next leader
        // may lack (tests/it/replication.rs tells how). Here only news drops it.
        if is_news
            || leading.in_sync.pending.is_some()
                && self.config.defects.acts(Defect::PendingChangeDropped, about)
        {
            // A leader that was elected uncleanly has nothing to recover from: it says so with its
            // next wish (KIP-704).
            leading.in_sync = InSync::recorded(state.in_sync.clone(), false);
        }
        if is_new_epoch {
            leading.epoch_start = end;
            for (broker, follower) in &mut leading.followers {
                follower.reset(now.wall, end, led_before, state.in_sync.contains(*broker));
            }
            // Before any record is appended: a follower may know of later epochs than any record
            // here is of (KAFKA-7415).
            if !self.config.defects.acts(Defect::UnknownEpochFallback, about) {
                let epoch = state.leader_epoch;
                self.with_log(About::Nothing, effects, |log, out| {
                    log.assign_epoch(epoch, end, out);
                });
            }
            self.announce_role(state, effects);
        } else {
            self.announce_in_sync(effects);
        }
        // The set may be this broker alone now.
        let is_stuck = !is_new_epoch && self.config.defects.has(Defect::HighWatermarkStuck);
        if is_stuck {
            self.note_stuck(now);
        } else {
            self.advance_high_watermark(now, effects);
        }
    }

    /// Source: Kafka 4.1, `Partition.makeFollower`, `ReplicaManager.applyLocalFollowersDelta`.
    fn follow(&mut self, state: &PartitionState, effects: &mut Vec<Effect>) {
        let is_new_epoch = self.begins_epoch(state);
        self.leader_epoch = state.leader_epoch;
        self.partition_epoch = state.partition_epoch;
        let role = state.leader.map_or(Role::Leaderless, Role::Follower);
        let before = std::mem::replace(&mut self.role, role);
        if is_new_epoch {
            self.stop_fetching(effects);
            self.prepare_to_follow(effects);
            self.announce_role(state, effects);
            effects.push(Effect::SteppedDown);
        }
        if let Role::Leader(leading) = before {
            for (_, request) in leading.waiting {
                let error = ErrorCode::NotLeaderOrFollower;
                effects.push(Effect::Acknowledged { request, error });
            }
        }
        // A replica that is going away and not counted on is left alone (KAFKA-15021).
        let is_idle = self.is_shutting_down && !state.in_sync.contains(self.config.broker);
        match state.leader {
            Some(leader) if is_new_epoch && !is_idle => {
                self.fetching_from = Some(leader);
                effects.push(Effect::StartFetching {
                    leader,
                    leader_epoch: self.leader_epoch,
                    position: self.position(),
                });
            }
            Some(_) if !is_idle => {}
            Some(_) | None => self.stop_fetching(effects),
        }
    }

    /// Source: Kafka 4.1, `ReplicaManager.initialFetchOffset`; Kafka 0.10,
    /// `ReplicaManager.makeFollowers`.
    fn prepare_to_follow(&mut self, effects: &mut Vec<Effect>) {
        // Without a single epoch there is nothing that a leader could compare.
        let is_without_epochs = self.log.latest_epoch().is_none();
        let is_blind = self.config.defects.has(Defect::TruncateToHighWatermark);
        if is_without_epochs || is_blind {
            if !is_without_epochs && self.high_watermark < self.log.end_offset() {
                Deed::note(Defect::TruncateToHighWatermark, self.partition());
            }
            self.truncate_to(self.high_watermark, effects);
        }
    }

    fn on_remove(&mut self, topic_exists: bool, effects: &mut Vec<Effect>) {
        self.stop_fetching(effects);
        let error = if topic_exists {
            ErrorCode::NotLeaderOrFollower
        } else {
            ErrorCode::UnknownTopicOrPartition
        };
        if let Role::Leader(leading) = std::mem::replace(&mut self.role, Role::Unassigned) {
            for (_, request) in leading.waiting {
                effects.push(Effect::Acknowledged { request, error });
            }
        }
        effects.push(Effect::SteppedDown);
        let partition = self.partition();
        event(Kind::ReplicaRemoved { partition }, effects);
        self.with_log(About::Nothing, effects, |log, out| log.clone().delete(out));
    }

    pub(super) fn stop_fetching(&mut self, effects: &mut Vec<Effect>) {
        if let Some(leader) = self.fetching_from.take() {
            effects.push(Effect::StopFetching { leader });
        }
    }

    /// From where a fetcher goes on.
    pub(super) fn position(&self) -> FetchPosition {
        let knows_epochs =
            !self.config.defects.has(Defect::TruncateToHighWatermark) && !self.forgot_last_epoch;
        FetchPosition {
            fetch_offset: self.log.end_offset(),
            last_fetched_epoch: self.log.latest_epoch().filter(|_| knows_epochs),
            log_start_offset: self.log.start_offset(),
        }
    }

    /// Whether this replica leads, in the epoch that the sender of a request knows: first 74 and
    /// 75, then 6.
    ///
    /// Source: Kafka 4.1, `Partition.getLocalLog`.
    pub(super) fn check_leads(&self, epoch: Option<LeaderEpoch>) -> Result<(), ErrorCode> {
        self.check_epoch(epoch)?;
        if self.is_leader() { Ok(()) } else { Err(ErrorCode::NotLeaderOrFollower) }
    }

    /// Whether the sender of a request is in the leader epoch that this broker knows.
    pub(super) fn check_epoch(&self, epoch: Option<LeaderEpoch>) -> Result<(), ErrorCode> {
        match epoch {
            Some(epoch) if epoch < self.leader_epoch => Err(ErrorCode::FencedLeaderEpoch),
            Some(epoch) if epoch > self.leader_epoch => Err(ErrorCode::UnknownLeaderEpoch),
            Some(_) | None => Ok(()),
        }
    }

    /// Whoever waits and the high watermark are looked at with the next fetch or batch only, as in
    /// Kafka, where a partition reads the value from its log's configuration.
    fn on_min_in_sync(&mut self, min_in_sync: u32, effects: &mut Vec<Effect>) {
        let before = self.min_in_sync();
        self.min_in_sync = min_in_sync;
        let after = self.min_in_sync();
        if before != after {
            let applied = Kind::MinInSyncApplied {
                partition: self.partition(),
                min_in_sync: u32::try_from(after).expect("it is at most a u32"),
            };
            event(applied, effects);
        }
    }

    /// How many replicas must be in sync for acks=all and for the high watermark to move.
    pub(super) fn min_in_sync(&self) -> usize {
        let wanted = usize::try_from(self.min_in_sync).unwrap_or(usize::MAX);
        wanted.min(self.replicas.len())
    }

    pub(super) fn set_high_watermark(&mut self, offset: Offset, effects: &mut Vec<Effect>) {
        if offset == self.high_watermark {
            return;
        }
        self.high_watermark = offset;
        let moved = Kind::HighWatermarkMoved {
            partition: self.partition(),
            high_watermark: offset,
            as_leader: self.is_leader(),
        };
        event(moved, effects);
        effects.push(Effect::HighWatermarkMoved { offset });
    }

    fn announce_role(&mut self, state: &PartitionState, effects: &mut Vec<Effect>) {
        let (role, epoch_start) = match &mut self.role {
            Role::Leader(leading) => {
                let set = &leading.in_sync.recorded;
                leading.announced = (state.partition_epoch, set.clone(), set.clone());
                (ReplicaRole::Leader, Some(leading.epoch_start))
            }
            Role::Follower(_) => (ReplicaRole::Follower, None),
            Role::Leaderless | Role::Unassigned => (ReplicaRole::Leaderless, None),
        };
        let taken = Kind::RoleTaken {
            partition: self.partition(),
            role,
            leader: state.leader,
            leader_epoch: state.leader_epoch,
            partition_epoch: state.partition_epoch,
            epoch_start,
            log_end_offset: self.log.end_offset(),
            high_watermark: self.high_watermark,
            in_sync: state.in_sync.clone(),
            min_in_sync: u32::try_from(self.min_in_sync()).expect("it is at most a u32"),
        };
        event(taken, effects);
    }

    /// Lets `change` work on the log and passes on what follows, in service of `about`.
    pub(super) fn with_log<R>(
        &mut self,
        about: About,
        effects: &mut Vec<Effect>,
        change: impl FnOnce(&mut Log, &mut Vec<LogEffect>) -> R,
    ) -> R {
        let mut out = std::mem::take(&mut self.log_effects);
        let result = change(&mut self.log, &mut out);
        effects.extend(out.drain(..).map(|effect| match effect {
            LogEffect::Disk(operation) => Effect::Disk(operation),
            LogEffect::Event(kind) => Effect::Event { kind, about },
        }));
        self.log_effects = out;
        result
    }

    fn assert_invariants(&self) {
        let (start, end) = (self.log.start_offset(), self.log.end_offset());
        let high_watermark = self.high_watermark;
        assert!(
            high_watermark <= end || self.config.defects.has(Defect::HighWatermarkBeyondEnd),
            "the high watermark {high_watermark} is above the log's end {end}"
        );
        assert!(
            high_watermark >= start || self.config.defects.has(Defect::HighWatermarkLeftBehind),
            "the high watermark {high_watermark} is below the log's start {start}"
        );
        if let Role::Leader(leading) = &self.role {
            let first = leading.waiting.first();
            assert!(
                first.is_none_or(|(offset, _)| *offset > high_watermark),
                "{first:?} still waits at the high watermark {high_watermark}"
            );
        }
        assert!(
            self.fetching_from.is_none() || self.fetching_from == self.leader(),
            "fetches from {:?}, the leader is {:?}",
            self.fetching_from,
            self.leader()
        );
    }
}

/// An event in service of nothing in particular.
pub(super) fn event(kind: Kind, effects: &mut Vec<Effect>) {
    effects.push(Effect::Event { kind, about: About::Nothing });
}
