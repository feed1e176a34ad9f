//! Votes, and the news of leaders that begin and end.
//!
//! Source: Kafka 4.1, `KafkaRaftClient` (`handleVoteRequest`, `handleBeginQuorumEpochRequest`,
//! `handleEndQuorumEpochRequest`, `maybeHandleCommonResponse`), KIP-595, KIP-996.

use std::time::Duration;

use kafka_protocol::messages as k;

use crate::event::{About, HaltReason, Kind};
use crate::message::{Batch, RequestBody, ResponseBody};
use crate::protocol::raft::effect::Effect;
use crate::protocol::raft::machine::Raft;
use crate::protocol::raft::role::Role;
use crate::protocol::raft::rpc;
use crate::protocol::raft::rpc::{LeaderNews, Standing, VoteAsked};
use crate::types::{BrokerId, BrokerSet, ConnectionId, ErrorCode, LeaderEpoch, Now};

impl Raft {
    pub(super) fn on_vote(
        &mut self,
        now: Now,
        request: ConnectionId,
        vote: &k::VoteRequest,
        body: &RequestBody,
    ) {
        let asked = match rpc::read_vote(vote, self.config.cluster_id.as_str()) {
            Ok(asked) => asked,
            Err(error) => return self.refuse(request, body, error),
        };
        let verdict = self.decide_vote(now, &asked);
        let granted = verdict == Ok(true);
        if granted {
            let VoteAsked { candidate, epoch: leader_epoch, pre_vote, .. } = asked;
            let kind = Kind::VoteGranted { candidate, leader_epoch, pre_vote };
            self.event(kind, About::Request(request));
        }
        let standing = self.standing(verdict.err().unwrap_or(ErrorCode::None));
        self.answer(request, rpc::vote_response(standing, granted));
    }

    fn decide_vote(&mut self, now: Now, asked: &VoteAsked) -> Result<bool, ErrorCode> {
        let is_illegal = if asked.pre_vote {
            asked.last_epoch > asked.epoch
        } else {
            asked.last_epoch >= asked.epoch
        };
        if is_illegal || asked.last_epoch.0 < 0 || asked.last_offset.0 < 0 {
            return Err(ErrorCode::InvalidRequest);
        }
        self.check_voter_request(asked.candidate, asked.epoch)?;
        if asked.epoch > self.epoch {
            self.become_unattached(now, asked.epoch, None);
        }
        self.check_voter_key(asked.voter)?;
        let own = (self.last_epoch(), self.log.end_offset());
        let is_up_to_date = (asked.last_epoch, asked.last_offset) >= own;
        let granted = self.can_grant(asked, is_up_to_date);
        let undecided = matches!(
            self.role,
            Role::Unattached { voted: None, .. } | Role::Prospective { voted: None, .. }
        );
        if granted && !asked.pre_vote && undecided {
            self.vote_for(now, asked.candidate);
        }
        Ok(granted)
    }

    /// Whether the candidate may have this node's vote, or the promise of it.
    fn can_grant(&self, asked: &VoteAsked, is_up_to_date: bool) -> bool {
        match &self.role {
            Role::Unattached { leader, voted, .. } | Role::Prospective { leader, voted, .. } => {
                if asked.pre_vote {
                    return is_up_to_date;
                }
                match (voted, leader) {
                    (Some(voted), _) => *voted == asked.candidate,
                    (None, Some(_)) => false,
                    (None, None) => is_up_to_date,
                }
            }
            Role::Candidate { .. } | Role::Resigned { .. } => asked.pre_vote && is_up_to_date,
            // A follower that its leader has not answered yet may be following a name only: were
            // it to refuse, two of them could keep each other from ever electing (KAFKA-17641).
            Role::Follower { has_fetched, .. } => asked.pre_vote && is_up_to_date && !has_fetched,
            Role::Leader(_) => false,
        }
    }

    pub(super) fn on_begin(
        &mut self,
        now: Now,
        request: ConnectionId,
        begin: &k::BeginQuorumEpochRequest,
        body: &RequestBody,
    ) {
        let news = match rpc::read_begin(begin, self.config.cluster_id.as_str()) {
            Ok(news) => news,
            Err(error) => return self.refuse(request, body, error),
        };
        let outcome = self
            .hear_of_leader(now, &news)
            .and_then(|()| self.check_voter_key(news.voter))
            .err()
            .unwrap_or(ErrorCode::None);
        let standing = self.standing(outcome);
        self.answer(request, rpc::begin_response(standing));
    }

    pub(super) fn on_end(
        &mut self,
        now: Now,
        request: ConnectionId,
        end: &k::EndQuorumEpochRequest,
        body: &RequestBody,
    ) {
        let news = match rpc::read_end(end, self.config.cluster_id.as_str()) {
            Ok(news) => news,
            Err(error) => return self.refuse(request, body, error),
        };
        let outcome = self.hear_of_leader(now, &news).err().unwrap_or(ErrorCode::None);
        let backoff = self.successor_backoff(&news.successors);
        if let Role::Follower { leader, fetch, .. } = &mut self.role
            && outcome == ErrorCode::None
            && *leader == news.leader
        {
            fetch.reset(now, backoff);
        }
        let standing = self.standing(outcome);
        self.answer(request, rpc::end_response(standing));
    }

    /// How long a follower waits after the leader's end before it stands: the first successor not
    /// at all, each next one twice as long, who is not named the longest.
    fn successor_backoff(&self, successors: &[BrokerId]) -> Duration {
        let longest = self.config.election_backoff_max;
        let position = successors.iter().position(|&id| id == self.config.node);
        match position {
            Some(0) => Duration::ZERO,
            Some(position) => {
                let base = longest.as_micros() >> (successors.len() - 1);
                let backoff = u64::try_from(base << (position - 1)).unwrap_or(u64::MAX);
                Duration::from_micros(backoff).min(longest)
            }
            None => longest,
        }
    }

    fn hear_of_leader(&mut self, now: Now, news: &LeaderNews) -> Result<(), ErrorCode> {
        self.check_voter_request(news.leader, news.epoch)?;
        self.transition_to(now, Some(news.leader), news.epoch);
        Ok(())
    }

    fn check_voter_request(&self, from: BrokerId, epoch: LeaderEpoch) -> Result<(), ErrorCode> {
        if epoch < self.epoch {
            Err(ErrorCode::FencedLeaderEpoch)
        } else if from.0 < 0 {
            Err(ErrorCode::InvalidRequest)
        } else {
            Ok(())
        }
    }

    fn check_voter_key(&self, voter: Option<BrokerId>) -> Result<(), ErrorCode> {
        match voter {
            Some(voter) if voter != self.config.node => Err(ErrorCode::InvalidVoterKey),
            Some(_) | None => Ok(()),
        }
    }

    /// Goes where another node says that the quorum is (`maybeTransition`).
    fn transition_to(&mut self, now: Now, leader: Option<BrokerId>, epoch: LeaderEpoch) {
        let is_consistent = match (leader, self.leader()) {
            (Some(leader), _) if leader == self.config.node => {
                matches!(self.role, Role::Leader(_)) && epoch == self.epoch
            }
            (Some(leader), Some(known)) => epoch != self.epoch || leader == known,
            (Some(_), None) | (None, _) => true,
        };
        if !is_consistent {
            self.halt(HaltReason::TwoLeadersInEpoch);
        } else if epoch > self.epoch {
            match leader {
                Some(leader) => self.become_follower(now, epoch, leader),
                None => self.become_unattached(now, epoch, None),
            }
        } else if let Some(leader) = leader
            && self.leader().is_none()
        {
            self.become_follower(now, epoch, leader);
        }
    }

    /// Takes the answer of `from`; says whether it may be sent the next request at once.
    pub(super) fn on_response(
        &mut self,
        now: Now,
        from: BrokerId,
        body: &ResponseBody,
        records: Vec<Vec<Batch>>,
    ) -> bool {
        match body {
            ResponseBody::Vote(body) => match rpc::read_vote_response(body) {
                Ok((standing, granted)) => self.on_vote_answered(now, from, standing, granted),
                Err(_) => false,
            },
            ResponseBody::BeginQuorumEpoch(body) => match rpc::read_begin_response(body) {
                Ok(standing) => self.hear(now, standing).unwrap_or(is_ok(standing)),
                Err(_) => false,
            },
            ResponseBody::EndQuorumEpoch(body) => match rpc::read_end_response(body) {
                Ok(standing) => self.on_end_answered(now, from, standing),
                Err(_) => false,
            },
            ResponseBody::Fetch(body) => match rpc::read_fetch_response(body) {
                Ok(fetched) => self.on_fetched(now, &fetched, records),
                Err(_) => false,
            },
            ResponseBody::Produce(_)
            | ResponseBody::ListOffsets(_)
            | ResponseBody::Metadata(_)
            | ResponseBody::CreateTopics(_)
            | ResponseBody::DeleteTopics(_)
            | ResponseBody::CreatePartitions(_)
            | ResponseBody::InitProducerId(_)
            | ResponseBody::OffsetForLeaderEpoch(_)
            | ResponseBody::AlterPartition(_)
            | ResponseBody::BrokerRegistration(_)
            | ResponseBody::BrokerHeartbeat(_)
            | ResponseBody::AllocateProducerIds(_)
            | ResponseBody::DescribeTopicPartitions(_)
            | ResponseBody::DeleteRecords(_)
            | ResponseBody::DescribeConfigs(_)
            | ResponseBody::ElectLeaders(_)
            | ResponseBody::IncrementalAlterConfigs(_)
            | ResponseBody::DescribeCluster(_)
            | ResponseBody::UnregisterBroker(_)
            | ResponseBody::OffsetCommit(_)
            | ResponseBody::OffsetFetch(_)
            | ResponseBody::FindCoordinator(_)
            | ResponseBody::JoinGroup(_)
            | ResponseBody::Heartbeat(_)
            | ResponseBody::LeaveGroup(_)
            | ResponseBody::SyncGroup(_)
            | ResponseBody::DescribeGroups(_)
            | ResponseBody::ListGroups(_)
            | ResponseBody::DeleteGroups(_)
            | ResponseBody::OffsetDelete(_)
            | ResponseBody::ConsumerGroupHeartbeat(_)
            | ResponseBody::ConsumerGroupDescribe(_)
            | ResponseBody::Envelope(_) => false,
        }
    }

    /// What every answer says, whatever was asked (`maybeHandleCommonResponse`). `Some` when that
    /// was all: whether the sender may be asked again at once.
    pub(super) fn hear(&mut self, now: Now, standing: Standing) -> Option<bool> {
        let Standing { error, leader_epoch, leader } = standing;
        if leader_epoch < self.epoch || error == ErrorCode::UnknownLeaderEpoch {
            // Differs from Kafka, as below: the sender is behind, and gets time to catch up.
            return Some(false);
        }
        let is_stale =
            matches!(error, ErrorCode::FencedLeaderEpoch | ErrorCode::NotLeaderOrFollower);
        if leader_epoch > self.epoch || is_stale {
            let before = (self.epoch, self.leader());
            self.transition_to(now, leader, leader_epoch);
            // Differs from Kafka: who learned nothing new waits for retry.backoff. Kafka asks
            // again at once, as fast as the network lets it, until there is a leader.
            return Some((self.epoch, self.leader()) != before);
        }
        if let Some(leader) = leader
            && self.leader().is_none()
            && leader != self.config.node
        {
            self.become_follower(now, leader_epoch, leader);
            if error != ErrorCode::None {
                return Some(true);
            }
        }
        if error == ErrorCode::None { None } else { Some(error == ErrorCode::InvalidVoterKey) }
    }

    fn on_vote_answered(
        &mut self,
        now: Now,
        from: BrokerId,
        standing: Standing,
        granted: bool,
    ) -> bool {
        if let Some(handled) = self.hear(now, standing) {
            return handled;
        }
        if let Role::Candidate { votes, .. } | Role::Prospective { votes, .. } = &mut self.role {
            votes.record(from, granted);
        }
        true
    }

    fn on_end_answered(&mut self, now: Now, from: BrokerId, standing: Standing) -> bool {
        if let Some(handled) = self.hear(now, standing) {
            return handled;
        }
        if let Role::Resigned { unacknowledged, .. } = &mut self.role {
            unacknowledged.remove(from);
        }
        true
    }

    /// Asks those who have not said yet, unless the election is lost.
    pub(super) fn send_votes(&mut self, now: Now) {
        let (pre_vote, votes) = match &self.role {
            Role::Prospective { votes, .. } => (true, votes),
            Role::Candidate { votes, .. } => (false, votes),
            Role::Unattached { .. }
            | Role::Leader(_)
            | Role::Follower { .. }
            | Role::Resigned { .. } => return,
        };
        if votes.is_rejected() {
            return;
        }
        let voters: BrokerSet = votes.unrecorded().collect();
        let asked = VoteAsked {
            candidate: self.config.node,
            epoch: self.epoch,
            last_epoch: self.last_epoch(),
            last_offset: self.log.end_offset(),
            pre_vote,
            voter: None,
        };
        for voter in voters.iter() {
            let cluster_id = self.config.cluster_id.clone();
            self.send(now, voter, || rpc::vote_request(cluster_id.as_str(), voter, &asked));
        }
    }

    /// Tells those who have not acknowledged it that the epoch is over.
    pub(super) fn send_ends(&mut self, now: Now) {
        let Role::Resigned { unacknowledged, successors, .. } = &self.role else { return };
        let (voters, successors) = (unacknowledged.clone(), successors.clone());
        let (node, epoch) = (self.config.node, self.epoch);
        for voter in voters.iter() {
            let cluster_id = self.config.cluster_id.clone();
            self.send(now, voter, || {
                rpc::end_request(cluster_id.as_str(), node, epoch, &successors)
            });
        }
    }

    /// Sends a request to `to` if it may be sent one now.
    pub(super) fn send(&mut self, now: Now, to: BrokerId, make: impl FnOnce() -> RequestBody) {
        if self.peers.is_ready(to, now.wall) {
            let token = self.peers.send(to, now.wall);
            self.emit(Effect::Send { to, token, body: make() });
        }
    }

    /// What it says of itself in an answer.
    pub(super) fn standing(&self, error: ErrorCode) -> Standing {
        Standing { error, leader_epoch: self.epoch, leader: self.leader() }
    }

    pub(super) fn answer(&mut self, request: ConnectionId, body: ResponseBody) {
        self.emit(Effect::Answer { request, body, records: Vec::new() });
    }

    pub(super) fn refuse(&mut self, request: ConnectionId, body: &RequestBody, error: ErrorCode) {
        let body = rpc::refusal(body, error).expect("only the quorum's requests are read");
        self.answer(request, body);
    }
}

fn is_ok(standing: Standing) -> bool {
    standing.error == ErrorCode::None
}
