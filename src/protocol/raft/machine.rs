//! A voter or observer: its state, how it waits for its disk, and what it does next.
//!
//! Kafka's raft thread writes `quorum-state` and flushes the log by calls that return when the
//! disk is done. Here the same calls are effects with a ticket: everything after one is held
//! back, and inputs wait, until `Input::DiskCompleted`. So nothing that a voter must not forget is
//! acted on before it is durable, whatever the order in which the world brings completions.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::{About, ChainHash, HaltReason, Kind, QuorumRole};
use crate::log::{Log, LogEffect};
use crate::message::{
    Batch, Checkpoint, DiskImage, DiskOperation, FileName, QuorumState, RequestBody,
};
use crate::protocol::machine::Machine;
use crate::protocol::raft::config::RaftConfig;
use crate::protocol::raft::effect::Effect;
use crate::protocol::raft::input::Input;
use crate::protocol::raft::peers::Peers;
use crate::protocol::raft::replication::ParkedFetch;
use crate::protocol::raft::role::Role;
use crate::protocol::raft::timer::Timer;
use crate::types::{
    BatchId, BrokerId, Deadlines, Defect, LeaderEpoch, Now, Offset, Rng, Ticket, TopicPartition,
    hash_words,
};

/// What a voter or observer has told its state machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Published {
    /// The quorum's epoch.
    pub leader_epoch: LeaderEpoch,
    /// The leader of it, if known.
    pub leader: Option<BrokerId>,
    /// For the leader itself: the offset of the record that begins its epoch.
    pub epoch_start: Option<Offset>,
    /// Everything below is committed; `None` while nothing is known to be.
    pub high_watermark: Option<Offset>,
}

/// A voter or observer of the metadata quorum.
#[derive(Clone, Debug)]
pub struct Raft {
    pub(super) config: Arc<RaftConfig>,
    pub(super) rng: Rng,
    pub(super) log: Log,
    pub(super) epoch: LeaderEpoch,
    pub(super) role: Role,
    /// As this node knows it; a new leader forgets it until its own epoch is committed.
    pub(super) high_watermark: Option<Offset>,
    pub(super) peers: Peers,
    pub(super) parked: Vec<ParkedFetch>,
    /// Makes the batch ids of this process start differ from those of any other.
    batch_salt: u64,
    batches: u64,
    tickets: u64,
    published: Published,
    /// The blocking disk operation that is under way.
    waiting_for: Option<Ticket>,
    held: VecDeque<Effect>,
    deferred: VecDeque<Input>,
    is_halted: bool,
    /// Until when it waits for a successor, once the process was asked to end.
    pub(super) shutdown: Option<Timer>,
}

impl Machine for Raft {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        // What was to be done before the end is done: a disk may still be waited for.
        if self.is_halted && self.waiting_for.is_none() {
            return;
        }
        match (&input, self.waiting_for) {
            (Input::DiskCompleted { result: Err(_), .. }, _) => {
                self.waiting_for = None;
                self.held.clear();
                // What it does at the end may still fail, and must be told.
                self.is_halted = false;
                self.halt(HaltReason::DiskFailed);
            }
            (Input::DiskCompleted { ticket, .. }, Some(waiting)) if *ticket == waiting => {
                self.waiting_for = None;
                // Instants may have come while the thread stood still.
                self.deferred.push_back(Input::Deadline);
            }
            (Input::DiskCompleted { .. }, _) | (Input::Deadline, Some(_)) => {}
            (_, _) => self.deferred.push_back(input),
        }
        if self.waiting_for.is_none() {
            self.run(now, effects);
        }
    }

    fn deadlines(&self) -> Deadlines {
        if self.waiting_for.is_some() || self.is_halted {
            return Deadlines::NONE;
        }
        let others = || self.others();
        let wall = match &self.role {
            Role::Prospective { votes, .. } | Role::Candidate { votes, .. }
                if self.shutdown.is_some() =>
            {
                let open = !votes.is_rejected();
                self.peers.next_ready(votes.unrecorded().filter(|_| open))
            }
            Role::Resigned { unacknowledged, .. } if self.shutdown.is_some() => {
                self.peers.next_ready(unacknowledged.iter())
            }
            Role::Unattached { .. } if self.shutdown.is_some() => None,
            Role::Unattached { election, .. } => {
                let stand = election.as_ref().and_then(Timer::pending);
                earlier(stand, self.peers.next_any_ready(others()))
            }
            Role::Prospective { election, votes, .. } | Role::Candidate { election, votes } => {
                let open = !votes.is_rejected();
                let send = self.peers.next_ready(votes.unrecorded().filter(|_| open));
                earlier(election.pending(), send)
            }
            Role::Leader(leader) => {
                let append = leader.accumulator.deadline();
                let check = leader.check_quorum_deadline().filter(|_| self.checks_quorum());
                earlier(earlier(append, check), leader.begin_deadline())
            }
            Role::Follower { leader, fetch, .. } if self.config.is_voter() => {
                earlier(fetch.pending(), self.peers.ready_at(*leader))
            }
            Role::Follower { fetch, .. } => {
                earlier(fetch.pending(), self.peers.next_any_ready(others()))
            }
            Role::Resigned { election, unacknowledged, .. } => {
                earlier(election.pending(), self.peers.next_ready(unacknowledged.iter()))
            }
        };
        let wall = earlier(wall, self.shutdown.as_ref().and_then(Timer::pending));
        let parked = self.parked.iter().map(|parked| parked.expires).min();
        Deadlines { wall, monotonic: parked }
    }
}

impl Raft {
    /// Starts a voter or observer from what its disk holds. `clean` says that the process before
    /// was shut down; `first_ticket` is the first of the process' tickets that are this one's.
    pub fn start(
        config: Arc<RaftConfig>,
        disk: &DiskImage,
        clean: bool,
        mut rng: Rng,
        first_ticket: Ticket,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Self {
        let mut out = Vec::new();
        let partition = TopicPartition::CLUSTER_METADATA;
        let exists = disk.files.contains_key(&FileName::PartitionMetadata(partition));
        let log = if exists {
            Log::recover(partition, config.log, disk, clean, &mut out)
        } else {
            Log::create(partition, config.log, &mut out)
        };
        let stored = match disk.checkpoint(FileName::QuorumState) {
            Some(Checkpoint::QuorumState(state)) => *state,
            Some(_) | None => QuorumState::default(),
        };
        let peers = Peers::new(config.request_timeout, config.retry_backoff);
        let mut raft = Self {
            batch_salt: rng.bits(),
            epoch: stored.leader_epoch,
            role: Role::Unattached { leader: None, voted: None, election: None },
            high_watermark: None,
            parked: Vec::new(),
            batches: 0,
            tickets: first_ticket.0,
            published: Published::default(),
            waiting_for: None,
            held: out.into_iter().map(Effect::Log).collect(),
            deferred: VecDeque::from([Input::Deadline]),
            is_halted: false,
            shutdown: None,
            config,
            rng,
            log,
            peers,
        };
        // Differs from Kafka: what a crashed process left in the page cache is flushed at once. A
        // fetch says that all below is durable; Kafka waits for the next append to make it so.
        raft.flush();
        raft.resume(now, stored);
        raft.run(now, effects);
        raft
    }

    /// What the state machine has been told; never ahead of the disk.
    pub fn published(&self) -> Published {
        self.published
    }

    /// The node's configuration.
    pub fn config(&self) -> &RaftConfig {
        &self.config
    }

    /// The metadata log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The epoch that it is in, which may be ahead of what it has published.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// Its part, in a word.
    pub fn quorum_role(&self) -> QuorumRole {
        match &self.role {
            Role::Unattached { .. } | Role::Follower { .. } if !self.config.is_voter() => {
                QuorumRole::Observer
            }
            Role::Unattached { .. } => QuorumRole::Unattached,
            Role::Prospective { .. } => QuorumRole::Prospective,
            Role::Candidate { .. } => QuorumRole::Candidate,
            Role::Leader(_) => QuorumRole::Leader,
            Role::Follower { .. } => QuorumRole::Follower,
            Role::Resigned { .. } => QuorumRole::Resigned,
        }
    }

    /// The committed batches from `from` on, in order; none while the high watermark is unknown.
    pub fn committed(&self, from: Offset) -> Vec<Batch> {
        let to = self.published.high_watermark.unwrap_or(Offset::ZERO);
        if from >= to {
            return Vec::new();
        }
        self.log.batches_between(from, to).cloned().collect()
    }

    /// What the audit compares: log end, high watermark (zero while unknown), chain hash.
    pub fn audit(&self) -> (Offset, Offset, ChainHash) {
        let high_watermark = self.published.high_watermark.unwrap_or(Offset::ZERO);
        (self.log.end_offset(), high_watermark, self.log.chain_at_end())
    }

    /// Takes up inputs and gives out effects until the disk must be waited for.
    fn run(&mut self, now: Now, effects: &mut Vec<Effect>) {
        loop {
            while let Some(effect) = self.held.pop_front() {
                self.waiting_for = Self::awaited(&effect);
                self.note_published(&effect);
                effects.push(effect);
                if self.waiting_for.is_some() {
                    return;
                }
            }
            if self.is_halted {
                return;
            }
            let Some(input) = self.deferred.pop_front() else { return };
            self.take(now, input);
            self.poll(now);
            self.assert_invariants();
        }
    }

    fn take(&mut self, now: Now, input: Input) {
        match input {
            Input::Request { request, body } => match &body {
                RequestBody::Vote(vote) => self.on_vote(now, request, vote, &body),
                RequestBody::BeginQuorumEpoch(begin) => self.on_begin(now, request, begin, &body),
                RequestBody::EndQuorumEpoch(end) => self.on_end(now, request, end, &body),
                RequestBody::Fetch(fetch) => self.on_fetch(now, request, fetch, &body),
                RequestBody::Produce(_)
                | RequestBody::ListOffsets(_)
                | RequestBody::Metadata(_)
                | RequestBody::CreateTopics(_)
                | RequestBody::DeleteTopics(_)
                | RequestBody::CreatePartitions(_)
                | RequestBody::InitProducerId(_)
                | RequestBody::OffsetForLeaderEpoch(_)
                | RequestBody::AlterPartition(_)
                | RequestBody::BrokerRegistration(_)
                | RequestBody::BrokerHeartbeat(_)
                | RequestBody::AllocateProducerIds(_)
                | RequestBody::DescribeTopicPartitions(_)
                | RequestBody::DeleteRecords(_)
                | RequestBody::DescribeConfigs(_)
                | RequestBody::ElectLeaders(_)
                | RequestBody::IncrementalAlterConfigs(_)
                | RequestBody::DescribeCluster(_)
                | RequestBody::UnregisterBroker(_)
                | RequestBody::OffsetCommit(_)
                | RequestBody::OffsetFetch(_)
                | RequestBody::FindCoordinator(_)
                | RequestBody::JoinGroup(_)
                | RequestBody::Heartbeat(_)
                | RequestBody::LeaveGroup(_)
                | RequestBody::SyncGroup(_)
                | RequestBody::DescribeGroups(_)
                | RequestBody::ListGroups(_)
                | RequestBody::DeleteGroups(_)
                | RequestBody::OffsetDelete(_)
                | RequestBody::ConsumerGroupHeartbeat(_)
                | RequestBody::ConsumerGroupDescribe(_)
                | RequestBody::Envelope(_) => panic!("not a request to the quorum: {body:?}"),
            },
            Input::Abandoned { request } => {
                self.parked.retain(|parked| parked.request != request);
            }
            Input::Response { to, token, body, records } => {
                if self.peers.is_expected(to, token) {
                    let ok = self.on_response(now, to, &body, records);
                    self.peers.answered(to, token, ok, now.wall);
                }
            }
            Input::SendFailed { to, token } => self.peers.answered(to, token, false, now.wall),
            Input::DiskCompleted { .. } => {}
            Input::Append { leader_epoch, records } => self.on_append(now, leader_epoch, records),
            Input::Resign { leader_epoch } => {
                if leader_epoch == self.epoch && matches!(self.role, Role::Leader(_)) {
                    self.become_resigned(now);
                }
            }
            Input::ShutDown => self.begin_shutdown(now),
            Input::Deadline => self.expire_parked(now),
        }
    }

    /// Does what the role has to do by now, until nothing is left (`pollCurrentState`).
    fn poll(&mut self, now: Now) {
        // A role leads to the next at most a few times: resigned, unattached, prospective,
        // candidate, leader.
        for _ in 0..16 {
            if self.is_halted || self.maybe_complete_shutdown(now) {
                return;
            }
            let has_moved = match self.shutdown {
                Some(_) => self.poll_shutting_down(now),
                None => self.poll_once(now),
            };
            if !has_moved {
                return;
            }
        }
        panic!("roles do not settle: {:?}", self.role);
    }

    /// One round of [`Self::poll`]; says whether the role changed.
    fn poll_once(&mut self, now: Now) -> bool {
        let is_voter = self.config.is_voter();
        match &mut self.role {
            Role::Unattached { election, .. } => {
                if is_voter && election.as_mut().is_some_and(|timer| timer.is_expired(now)) {
                    self.stand(now);
                    return true;
                }
                self.fetch_from_anyone(now);
                false
            }
            Role::Prospective { election, votes, .. } => {
                if votes.is_granted() {
                    self.become_candidate(now);
                    return true;
                }
                if votes.is_rejected() || election.is_expired(now) {
                    self.give_up_standing(now);
                    return true;
                }
                self.send_votes(now);
                false
            }
            Role::Candidate { election, votes } => {
                if votes.is_granted() {
                    self.become_leader(now);
                    return true;
                }
                // A lost election is waited out: the timeout is drawn anew each time, which
                // keeps two candidates from meeting for ever (KAFKA-18345).
                if election.is_expired(now) {
                    self.stand(now);
                    return true;
                }
                self.send_votes(now);
                false
            }
            Role::Leader(_) => self.poll_leader(now),
            Role::Follower { leader, fetch, .. } => {
                let leader = *leader;
                let is_expired = fetch.is_expired(now);
                if is_voter && is_expired {
                    self.stand(now);
                    return true;
                }
                if is_voter {
                    self.fetch_from(leader, now);
                } else {
                    self.fetch_as_observer(leader, is_expired, now);
                }
                false
            }
            Role::Resigned { election, .. } => {
                if election.is_expired(now) {
                    // Were the epoch to stay, answers would still name this node as its leader.
                    self.become_unattached(now, self.epoch.next(), None);
                    return true;
                }
                self.send_ends(now);
                false
            }
        }
    }

    /// Whether a leader gives up when no majority fetches.
    pub(super) fn checks_quorum(&self) -> bool {
        !self.config.defects.has(Defect::NoCheckQuorum)
    }

    /// The voters other than this node.
    pub(super) fn others(&self) -> impl Iterator<Item = BrokerId> + '_ {
        self.config.voters.iter().filter(|&voter| voter != self.config.node)
    }

    /// The epoch of the last record; zero for an empty log.
    pub(super) fn last_epoch(&self) -> LeaderEpoch {
        self.log.latest_epoch().unwrap_or_default()
    }

    pub(super) fn emit(&mut self, effect: Effect) {
        if !self.is_halted {
            self.held.push_back(effect);
        }
    }

    pub(super) fn event(&mut self, kind: Kind, about: About) {
        self.emit(Effect::Event { kind, about });
    }

    /// Lets the log act, and passes on what it asks for.
    pub(super) fn with_log<T>(
        &mut self,
        act: impl FnOnce(&mut Log, &mut Vec<LogEffect>) -> T,
    ) -> T {
        let mut out = Vec::new();
        let result = act(&mut self.log, &mut out);
        self.held.extend(out.into_iter().map(Effect::Log));
        result
    }

    /// Makes the whole log durable before anything else is done.
    pub(super) fn flush(&mut self) {
        let metadata = TopicPartition::CLUSTER_METADATA;
        if self.log.recovery_point() >= self.log.end_offset()
            || self.config.defects.acts(Defect::FetchBeforeFsync, metadata)
        {
            return;
        }
        let ticket = self.ticket();
        self.with_log(|log, out| log.flush(Some(ticket), true, out));
        if self.config.is_voter() {
            let durable_end = self.log.end_offset();
            self.event(Kind::QuorumDurable { durable_end }, About::Nothing);
        }
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets - 1)
    }

    pub(super) fn batch_id(&mut self) -> BatchId {
        self.batches += 1;
        BatchId(hash_words(&[self.batch_salt, self.batches]))
    }

    /// Ends the process: what follows would break promises that others rely on.
    pub(super) fn halt(&mut self, reason: HaltReason) {
        self.emit(Effect::Halt { reason });
        self.end();
    }

    /// Takes no more inputs.
    pub(super) fn end(&mut self) {
        self.is_halted = true;
        self.deferred.clear();
    }

    /// The ticket of `effect`, if nothing may happen before it is done.
    fn awaited(effect: &Effect) -> Option<Ticket> {
        match effect {
            Effect::Disk(operation) | Effect::Log(LogEffect::Disk(operation)) => match operation {
                DiskOperation::Flush { ticket, blocking: true, .. }
                | DiskOperation::Write { ticket, blocking: true, .. } => *ticket,
                DiskOperation::Flush { .. }
                | DiskOperation::Write { .. }
                | DiskOperation::Create { .. }
                | DiskOperation::Append { .. }
                | DiskOperation::AppendInVain { .. }
                | DiskOperation::Truncate { .. }
                | DiskOperation::Delete { .. } => None,
            },
            Effect::Log(LogEffect::Event(_))
            | Effect::Send { .. }
            | Effect::Answer { .. }
            | Effect::LeaderChanged { .. }
            | Effect::HighWatermarkMoved { .. }
            | Effect::Event { .. }
            | Effect::ShutDown
            | Effect::Halt { .. } => None,
        }
    }

    fn note_published(&mut self, effect: &Effect) {
        match effect {
            Effect::LeaderChanged { leader_epoch, leader, epoch_start } => {
                self.published.leader_epoch = *leader_epoch;
                self.published.leader = *leader;
                self.published.epoch_start = *epoch_start;
            }
            Effect::HighWatermarkMoved { offset } => {
                self.published.high_watermark = Some(*offset);
            }
            Effect::Send { .. }
            | Effect::Answer { .. }
            | Effect::Log(_)
            | Effect::Disk(_)
            | Effect::Event { .. }
            | Effect::ShutDown
            | Effect::Halt { .. } => {}
        }
    }

    fn assert_invariants(&self) {
        let end = self.log.end_offset();
        if let Some(high_watermark) = self.high_watermark {
            assert!(high_watermark <= end, "high watermark {high_watermark} above log end {end}");
        }
        let last_epoch = self.last_epoch();
        assert!(last_epoch <= self.epoch, "record of {last_epoch} in epoch {}", self.epoch);
        let leads = matches!(self.role, Role::Leader(_));
        assert!(leads || self.parked.is_empty(), "fetches wait at {:?}", self.quorum_role());
        let stands = matches!(self.role, Role::Unattached { .. } | Role::Follower { .. });
        assert!(stands || self.config.is_voter(), "an observer is {:?}", self.quorum_role());
    }
}

fn earlier<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
