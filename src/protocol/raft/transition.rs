//! From one role to another. Every change is written to `quorum-state` before it shows.
//!
//! Source: Kafka 4.1, `QuorumState`.

use std::time::Duration;

use crate::event::{About, Kind};
use crate::message::{Checkpoint, DiskOperation, FileName, QuorumState, Records};
use crate::protocol::raft::accumulator::Accumulator;
use crate::protocol::raft::effect::Effect;
use crate::protocol::raft::leader::LeaderState;
use crate::protocol::raft::machine::Raft;
use crate::protocol::raft::role::Role;
use crate::protocol::raft::timer::Timer;
use crate::protocol::raft::votes::Votes;
use crate::types::{BrokerId, Defect, ErrorCode, LeaderEpoch, Now, Offset, TopicPartition};

const METADATA: TopicPartition = TopicPartition::CLUSTER_METADATA;

impl Raft {
    /// Takes up the part that `stored` leaves a node with (`QuorumState.initialize`).
    pub(super) fn resume(&mut self, now: Now, stored: QuorumState) {
        let node = self.config.node;
        let (epoch, last_epoch) = (stored.leader_epoch, self.last_epoch());
        if epoch < last_epoch {
            self.take_role(last_epoch, Self::unattached(None, None));
        } else if stored.leader == Some(node) && self.config.is_voter() {
            if self.config.defects.acts(Defect::LeaderResumesEpoch, METADATA) {
                self.lead(now, epoch);
            } else {
                // It may have lost records that it had given offsets in this epoch, so it writes
                // no more in it; and it has voted in it, so it votes for no other.
                let role = Role::Resigned {
                    election: Timer::after(now, self.election_timeout()),
                    unacknowledged: self.others().collect(),
                    successors: Vec::new(),
                };
                self.take_role(epoch, role);
            }
        } else if let Some(leader) = stored.leader {
            let role = self.follower(leader, stored.voted, now);
            self.take_role(epoch, role);
        } else if stored.voted == Some(node) {
            let role = self.prospective(None, stored.voted, now);
            self.take_role(epoch, role);
        } else {
            self.take_role(epoch, Self::unattached(None, stored.voted));
        }
        self.start_election_timer(now, None);
        // A single voter need not wait for anybody.
        let is_alone = self.config.voters.len() == 1 && self.config.is_voter();
        let stands = matches!(self.role, Role::Prospective { .. } | Role::Leader(_));
        if is_alone && !stands {
            self.stand(now);
        }
    }

    /// Begins to look for votes: first asks how it would fare, unless the defect is on.
    pub(super) fn stand(&mut self, now: Now) {
        if self.config.defects.acts(Defect::NoPreVote, METADATA) {
            self.become_candidate(now);
            return;
        }
        let leader = self.leader().filter(|&leader| leader != self.config.node);
        let role = self.prospective(leader, self.voted(), now);
        self.take_role(self.epoch, role);
    }

    /// Stands for the next epoch, with its own vote.
    pub(super) fn become_candidate(&mut self, now: Now) {
        let role = Role::Candidate {
            election: Timer::after(now, self.election_timeout()),
            votes: Votes::new(&self.config.voters, self.config.node),
        };
        let epoch = self.epoch.next();
        self.take_role(epoch, role);
        let candidate = self.config.node;
        let kind = Kind::VoteGranted { candidate, leader_epoch: epoch, pre_vote: false };
        self.event(kind, About::Nothing);
    }

    /// Nobody wants an election, or nobody answers: back to whom it followed.
    pub(super) fn give_up_standing(&mut self, now: Now) {
        match self.leader() {
            Some(leader) => self.become_follower(now, self.epoch, leader),
            None => self.become_unattached(now, self.epoch, None),
        }
    }

    /// Joins `epoch`, of which it knows no leader yet.
    pub(super) fn become_unattached(
        &mut self,
        now: Now,
        epoch: LeaderEpoch,
        leader: Option<BrokerId>,
    ) {
        assert!(
            epoch > self.epoch
                || (epoch == self.epoch && matches!(self.role, Role::Prospective { .. })),
            "from epoch {} to {epoch}",
            self.epoch
        );
        // Whoever was waiting for an election goes on waiting; it is no reason to wait longer.
        let remaining = match &mut self.role {
            Role::Unattached { election: Some(timer), .. } => Some(timer.remaining(now)),
            Role::Candidate { election, .. } | Role::Resigned { election, .. } => {
                Some(election.remaining(now))
            }
            Role::Prospective { election, votes, .. } if !votes.is_rejected() => {
                Some(election.remaining(now))
            }
            Role::Unattached { election: None, .. }
            | Role::Prospective { .. }
            | Role::Follower { .. }
            | Role::Leader(_) => None,
        };
        let voted = self.voted().filter(|_| epoch == self.epoch);
        self.take_role(epoch, Self::unattached(leader, voted));
        self.start_election_timer(now, remaining);
    }

    /// Notes the vote for `candidate` in the epoch that it is in, and waits for the outcome.
    pub(super) fn vote_for(&mut self, now: Now, candidate: BrokerId) {
        let voted = Some(candidate);
        if matches!(self.role, Role::Prospective { .. }) {
            let role = self.prospective(self.leader(), voted, now);
            self.take_role(self.epoch, role);
        } else {
            self.take_role(self.epoch, Self::unattached(None, voted));
            self.start_election_timer(now, None);
        }
    }

    /// Follows `leader`, elected in `epoch`.
    pub(super) fn become_follower(&mut self, now: Now, epoch: LeaderEpoch, leader: BrokerId) {
        assert!(epoch >= self.epoch, "from epoch {} to {epoch}", self.epoch);
        assert_ne!(leader, self.config.node, "a node does not follow itself");
        let voted = self.voted().filter(|_| epoch == self.epoch);
        let role = self.follower(leader, voted, now);
        self.take_role(epoch, role);
    }

    /// Has won the election of its epoch.
    pub(super) fn become_leader(&mut self, now: Now) {
        self.lead(now, self.epoch);
    }

    fn lead(&mut self, now: Now, epoch: LeaderEpoch) {
        let config = &self.config;
        let (node, voters) = (config.node, config.voters.clone());
        let epoch_start = self.log.end_offset();
        let accumulator = Accumulator::new(config.append_linger, config.batch_bytes_max);
        let timeout = config.fetch_timeout;
        let mut leader = LeaderState::new(node, &voters, epoch_start, timeout, accumulator, now);
        // Records of earlier epochs are committed only below a record of this one, so one is
        // written at once.
        leader.accumulator.append_control(Records::LeaderChange { leader: node, voters }, now);
        // Known is only what this epoch commits: what it says of the quorum's high watermark must
        // never go back.
        self.high_watermark = None;
        self.take_role(epoch, Role::Leader(Box::new(leader)));
        self.with_log(|log, out| log.assign_epoch(epoch, epoch_start, out));
    }

    /// Gives up leading its epoch, and says so.
    pub(super) fn become_resigned(&mut self, now: Now) {
        let Role::Leader(leader) = &self.role else { panic!("resigns as {:?}", self.role) };
        let successors = leader.preferred_successors();
        let role = Role::Resigned {
            election: Timer::after(now, self.election_timeout()),
            unacknowledged: self.others().collect(),
            successors,
        };
        self.take_role(self.epoch, role);
    }

    /// The leader of the epoch, if known; a node that resigned still names itself.
    pub(super) fn leader(&self) -> Option<BrokerId> {
        match &self.role {
            Role::Unattached { leader, .. } | Role::Prospective { leader, .. } => *leader,
            Role::Candidate { .. } => None,
            Role::Leader(_) | Role::Resigned { .. } => Some(self.config.node),
            Role::Follower { leader, .. } => Some(*leader),
        }
    }

    /// Whom it voted for in the epoch, as far as that is kept.
    pub(super) fn voted(&self) -> Option<BrokerId> {
        match &self.role {
            Role::Unattached { voted, .. }
            | Role::Prospective { voted, .. }
            | Role::Follower { voted, .. } => *voted,
            Role::Candidate { .. } => Some(self.config.node),
            Role::Leader(_) | Role::Resigned { .. } => None,
        }
    }

    /// Once to twice the election timeout.
    pub(super) fn election_timeout(&mut self) -> Duration {
        let timeout = u64::try_from(self.config.election_timeout.as_micros())
            .expect("timeouts are below 500,000 years");
        Duration::from_micros(timeout + self.rng.below(timeout))
    }

    fn unattached(leader: Option<BrokerId>, voted: Option<BrokerId>) -> Role {
        Role::Unattached { leader, voted, election: None }
    }

    fn prospective(&mut self, leader: Option<BrokerId>, voted: Option<BrokerId>, now: Now) -> Role {
        let election = Timer::after(now, self.election_timeout());
        let votes = Votes::new(&self.config.voters, self.config.node);
        Role::Prospective { leader, voted, election, votes }
    }

    fn follower(&self, leader: BrokerId, voted: Option<BrokerId>, now: Now) -> Role {
        let fetch = Timer::after(now, self.config.fetch_timeout);
        Role::Follower { leader, voted, fetch, has_fetched: false }
    }

    /// An unattached voter stands after `remaining`, or after a timeout of its own.
    fn start_election_timer(&mut self, now: Now, remaining: Option<Duration>) {
        if !self.config.is_voter() || !matches!(self.role, Role::Unattached { .. }) {
            return;
        }
        let timeout = remaining.unwrap_or_else(|| self.election_timeout());
        if let Role::Unattached { election, .. } = &mut self.role {
            *election = Some(Timer::after(now, timeout));
        }
    }

    /// Writes `quorum-state`, then shows the new role: to waiting fetches, to the trace, to the
    /// state machine.
    fn take_role(&mut self, epoch: LeaderEpoch, role: Role) {
        let led = matches!(self.role, Role::Leader(_));
        self.epoch = epoch;
        self.role = role;
        self.peers.reset_all();
        self.write_quorum_state();
        if led {
            self.complete_parked_with(ErrorCode::NotLeaderOrFollower);
        }
        let (role, leader) = (self.quorum_role(), self.leader());
        self.event(Kind::QuorumRoleTaken { role, leader_epoch: epoch, leader }, About::Nothing);
        let epoch_start: Option<Offset> = match &self.role {
            Role::Leader(leader) => Some(leader.epoch_start),
            Role::Unattached { .. }
            | Role::Prospective { .. }
            | Role::Candidate { .. }
            | Role::Follower { .. }
            | Role::Resigned { .. } => None,
        };
        // Differs from Kafka: the state machine hears of a resignation at once. There it hears
        // when the epoch moves on, or when its next append is refused.
        let leader = leader.filter(|&l| l != self.config.node || epoch_start.is_some());
        self.emit(Effect::LeaderChanged { leader_epoch: epoch, leader, epoch_start });
    }

    fn write_quorum_state(&mut self) {
        let (leader, voted) = (self.leader(), self.voted());
        if leader.is_none()
            && voted.is_some()
            && self.config.defects.acts(Defect::VoteNotPersisted, METADATA)
        {
            return;
        }
        let ticket = Some(self.ticket());
        let state = QuorumState { leader_epoch: self.epoch, leader, voted };
        let content = Checkpoint::QuorumState(state);
        let file = FileName::QuorumState;
        self.emit(Effect::Disk(DiskOperation::Write { file, content, ticket, blocking: true }));
    }
}
