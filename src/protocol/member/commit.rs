//! Commits: asked for by the application, by the clock, before a rebalance and before the end.

use std::collections::BTreeMap;

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{GroupId, OffsetCommitRequest, OffsetCommitResponse};
use kafka_protocol::protocol::StrBytes;

use crate::event::{About, Kind, MemberState};
use crate::message::{Answer, AppError, AppReply, PartitionOffset, RequestBody, ResponseBody};
use crate::message::{SendError, convert};
use crate::protocol::member::classic::Step;
use crate::protocol::member::config::GroupProtocol;
use crate::protocol::member::effect::{Effect, Why};
use crate::protocol::member::machine::{Member, Pending};
use crate::types::{BrokerId, CallToken, Defect, ErrorCode, LeaderEpoch, Name, Wall};

/// What a commit is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum For {
    /// The application, which `waits` (`commitSync`: tried again until it is done) or not
    /// (`commitAsync`: tried once).
    Call { token: CallToken, waits: bool },
    /// `auto.commit.interval.ms` has passed: tried once.
    Interval,
    /// Partitions are about to be revoked.
    Rebalance,
    /// The consumer is being closed.
    Close,
}

/// A commit that is not answered for good.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub offsets: Vec<PartitionOffset>,
    pub purpose: For,
    /// As whom it was asked for last: a refusal may find the member without a name.
    pub asked_as: (Name, i32),
    pub attempts: u32,
    /// Whether a request is under way.
    pub is_sent: bool,
    /// Whether the record says that it was asked for.
    pub is_noted: bool,
    /// Not tried again before this.
    pub retry_at: Option<Wall>,
    /// Not tried again after this.
    pub give_up_at: Wall,
}

/// Commits by their numbers, in the order in which they were asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commits {
    pub open: BTreeMap<u64, Commit>,
    pub next: u64,
}

impl Member {
    /// The application commits; without offsets what it was returned by its polls.
    pub(crate) fn on_commit(
        &mut self,
        wall: Wall,
        token: CallToken,
        offsets: Vec<PartitionOffset>,
        waits: bool,
        effects: &mut Vec<Effect>,
    ) {
        if offsets.is_empty() {
            self.commits.open.insert(
                self.commits.next,
                Commit {
                    offsets,
                    purpose: For::Call { token, waits },
                    asked_as: (self.member_id.clone(), self.epoch),
                    attempts: 0,
                    is_sent: true,
                    is_noted: false,
                    retry_at: None,
                    give_up_at: wall + self.config.api_timeout,
                },
            );
            self.commits.next += 1;
            effects.push(Effect::Positions { why: Why::Call(token) });
        } else {
            self.start_commit(wall, offsets, For::Call { token, waits }, effects);
        }
    }

    /// The offsets of a commit that came without.
    pub(crate) fn commit_for(
        &mut self,
        wall: Wall,
        token: CallToken,
        positions: Vec<PartitionOffset>,
        effects: &mut Vec<Effect>,
    ) {
        let is_it =
            |commit: &Commit| matches!(commit.purpose, For::Call { token: t, .. } if t == token);
        let number = self.commits.open.iter().find(|(_, commit)| is_it(commit)).map(|(n, _)| *n);
        let Some(commit) = number.and_then(|number| self.commits.open.remove(&number)) else {
            return;
        };
        self.start_commit(wall, positions, commit.purpose, effects);
    }

    pub(crate) fn commit_automatically(
        &mut self,
        wall: Wall,
        positions: Vec<PartitionOffset>,
        effects: &mut Vec<Effect>,
    ) {
        if !positions.is_empty() {
            self.start_commit(wall, positions, For::Interval, effects);
        }
    }

    pub(crate) fn start_commit(
        &mut self,
        wall: Wall,
        offsets: Vec<PartitionOffset>,
        purpose: For,
        effects: &mut Vec<Effect>,
    ) {
        let number = self.commits.next;
        self.commits.next += 1;
        let within = match purpose {
            For::Call { .. } | For::Interval => self.config.api_timeout,
            For::Rebalance => self.config.poll_interval_max,
            For::Close => self.config.request_timeout,
        };
        let (give_up_at, is_empty) = (wall + within, offsets.is_empty());
        self.commits.open.insert(
            number,
            Commit {
                offsets,
                purpose,
                asked_as: (self.member_id.clone(), self.epoch),
                attempts: 0,
                is_sent: false,
                is_noted: false,
                retry_at: None,
                give_up_at,
            },
        );
        if is_empty {
            self.end_commit(wall, number, Ok(()), effects);
        } else {
            self.send_commits(wall, effects);
        }
    }

    /// Whether the clock says that it is time, within a poll.
    ///
    /// Source: Kafka 4.0, `ConsumerCoordinator.maybeAutoCommitOffsetsAsync`; for KIP-848
    /// `CommitRequestManager.updateTimerAndMaybeCommit`.
    pub(crate) fn auto_commit(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        if !self.config.auto_commit || !self.may_auto_commit() || wall < self.auto_commit_at {
            return;
        }
        self.auto_commit_at = wall + self.config.auto_commit_interval;
        if !self.owned.is_empty() {
            if self.poll.is_none() {
                self.config.defects.acts(Defect::CommitsUnderneath, None);
            }
            effects.push(Effect::Positions { why: Why::Interval });
        }
    }

    pub(crate) fn auto_commit_deadline(&self) -> Option<Wall> {
        Some(self.auto_commit_at).filter(|_| self.config.auto_commit && self.may_auto_commit())
    }

    /// Whether all that was returned was processed: within a poll the application has come back.
    pub(crate) fn may_auto_commit(&self) -> bool {
        // Before KAFKA-18641 the thread that sends commits asked nobody.
        let asks = self.is_classic() || !self.config.defects.has(Defect::CommitsUnderneath);
        self.closing.is_none() && (self.poll.is_some() || !asks)
    }

    pub(crate) fn commit_deadline(&self) -> Option<Wall> {
        // Without a coordinator it is tried again when there is one.
        let has_coordinator = self.coordinator.node.is_some();
        let waiting = self.commits.open.values().filter(|commit| !commit.is_sent);
        let next = waiting.map(|commit| {
            let retry = commit.retry_at.filter(|_| has_coordinator);
            retry.map_or(commit.give_up_at, |retry| retry.min(commit.give_up_at))
        });
        next.min()
    }

    /// Sends what can be sent, and ends what cannot be done any more.
    pub(crate) fn send_commits(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let numbers: Vec<u64> = self.commits.open.keys().copied().collect();
        for number in numbers {
            let Some(commit) = self.commits.open.get(&number) else { continue };
            if commit.is_sent {
                continue;
            }
            if commit.give_up_at <= wall {
                let gave_up = Err(AppError::Unknown(ErrorCode::RequestTimedOut));
                self.end_commit(wall, number, gave_up, effects);
            } else if let Some(error) = self.cannot_commit() {
                self.end_commit(wall, number, Err(AppError::NotSent(error)), effects);
            } else if let Some(to) = self.coordinator.node
                && commit.retry_at.is_none_or(|at| at <= wall)
            {
                self.send_commit(number, to, effects);
            }
        }
    }

    /// Why a commit would be refused, without asking.
    ///
    /// Source: Kafka 4.0, `ConsumerCoordinator.sendOffsetCommitRequest`.
    fn cannot_commit(&self) -> Option<ErrorCode> {
        if !self.is_classic() {
            // One that is no member any more commits as if it had never been one, which a group
            // without members takes (`CommitRequestManager.onMemberEpochUpdated`).
            return None;
        }
        if self.fatal.is_some() {
            return self.fatal;
        }
        match self.state {
            MemberState::Stable => None,
            MemberState::PreparingRebalance | MemberState::CompletingRebalance => {
                Some(ErrorCode::RebalanceInProgress)
            }
            MemberState::Unjoined
            | MemberState::Joining
            | MemberState::Reconciling
            | MemberState::Acknowledging
            | MemberState::PrepareLeaving
            | MemberState::Leaving
            | MemberState::Fenced
            | MemberState::Stale
            | MemberState::Fatal
            | MemberState::Unsubscribed => Some(ErrorCode::UnknownMemberId),
        }
    }

    fn send_commit(&mut self, number: u64, to: BrokerId, effects: &mut Vec<Effect>) {
        let Some(commit) = self.commits.open.get_mut(&number) else { return };
        commit.is_sent = true;
        commit.retry_at = None;
        commit.asked_as = (self.member_id.clone(), self.epoch);
        let is_new = !std::mem::replace(&mut commit.is_noted, true);
        let (offsets, purpose) = (commit.offsets.clone(), commit.purpose);
        let mut topics: BTreeMap<&Name, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for offset in &offsets {
            topics.entry(&offset.topic).or_default().push(
                OffsetCommitRequestPartition::default()
                    .with_partition_index(offset.partition)
                    .with_committed_offset(offset.offset.0)
                    .with_committed_leader_epoch(LeaderEpoch::to_wire(offset.leader_epoch))
                    .with_committed_metadata(Some(StrBytes::from_static_str(""))),
            );
        }
        // Since KIP-848 whoever is no member any more says neither id nor epoch.
        let is_outside = !self.is_classic() && (self.epoch <= 0 || self.fatal.is_some());
        let (member, epoch) =
            if is_outside { ("".into(), -1) } else { (self.member_id.clone(), self.epoch) };
        let topics = topics.into_iter().map(|(name, partitions)| {
            let name = convert::topic_name(name);
            OffsetCommitRequestTopic::default().with_name(name).with_partitions(partitions)
        });
        let body = OffsetCommitRequest::default()
            .with_group_id(GroupId(convert::wire_text(&self.group)))
            .with_generation_id_or_member_epoch(epoch)
            .with_member_id(convert::wire_text(&member))
            .with_group_instance_id(self.wire_instance())
            .with_topics(topics.collect());
        let token = self.token(Pending::Commit(number));
        effects.push(Effect::Send { token, to, body: RequestBody::from(body), timeout: None });
        if is_new {
            let about = self.about(purpose);
            for offset in &offsets {
                let place = (offset.topic.clone(), offset.partition);
                let Some(partition) = self.id(&place) else { continue };
                let kind = Kind::CommitAsked {
                    group: self.group.clone(),
                    member: member.clone(),
                    epoch,
                    partition,
                    offset: offset.offset,
                    automatic: !matches!(purpose, For::Call { .. }),
                };
                effects.push(Effect::Event { kind, about });
            }
        }
    }

    fn about(&self, purpose: For) -> About {
        match purpose {
            For::Call { token, .. } => About::Operation(self.operation(token)),
            For::Interval | For::Rebalance | For::Close => About::Nothing,
        }
    }

    /// Source: Kafka 4.0, `ConsumerCoordinator.OffsetCommitResponseHandler`,
    /// `CommitRequestManager.OffsetCommitRequestState.onResponse`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "others change nothing of the membership")]
    pub(crate) fn on_committed(
        &mut self,
        wall: Wall,
        number: u64,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        let error = match answer {
            Ok((ResponseBody::OffsetCommit(body), _)) => worst(&body),
            Ok(_) | Err(SendError::NotConnected) => ErrorCode::CoordinatorNotAvailable,
            Err(SendError::Disconnected | SendError::TimedOut) => ErrorCode::NetworkException,
        };
        let Some(commit) = self.commits.open.get_mut(&number) else { return };
        commit.is_sent = false;
        let is_current = commit.asked_as == (self.member_id.clone(), self.epoch);
        match error {
            ErrorCode::None => {
                self.end_commit(wall, number, Ok(()), effects);
                return;
            }
            ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
            | ErrorCode::RequestTimedOut => self.lose_coordinator(true, effects),
            ErrorCode::RebalanceInProgress => {
                self.request_rejoin("offset commit failed since group is already rebalancing");
            }
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration if self.is_classic() => {
                if self.state == MemberState::Stable {
                    let keeps_id = error == ErrorCode::IllegalGeneration;
                    self.reset_membership(keeps_id, "encountered an error of a commit", effects);
                }
            }
            // Of a generation that is over it says nothing.
            ErrorCode::FencedInstanceId if self.is_classic() && is_current => {
                self.fail(wall, error, effects);
            }
            _ => {}
        }
        self.retry_commit(wall, number, error, effects);
    }

    /// Where the application stands now, for a commit before a revocation that was in vain.
    pub(crate) fn commit_again(
        &mut self,
        wall: Wall,
        number: u64,
        positions: Vec<PartitionOffset>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(commit) = self.commits.open.get_mut(&number) else { return };
        commit.is_sent = false;
        if positions.is_empty() {
            self.end_commit(wall, number, Ok(()), effects);
        } else {
            commit.offsets = positions;
        }
    }

    /// After an error: tries again, or says what came of it.
    ///
    /// Source: Kafka 4.0, `ConsumerCoordinator.onJoinPrepare`;
    /// `CommitRequestManager.autoCommitSyncBeforeRebalanceWithRetries`.
    fn retry_commit(
        &mut self,
        wall: Wall,
        number: u64,
        error: ErrorCode,
        effects: &mut Vec<Effect>,
    ) {
        let Some(commit) = self.commits.open.get_mut(&number) else { return };
        let is_classic = self.config.protocol == GroupProtocol::Classic;
        let again = match commit.purpose {
            For::Call { waits, .. } => waits && error.is_retriable(),
            For::Interval => false,
            For::Rebalance if is_classic => error.is_retriable(),
            // A topic that is gone is waited for by the classic protocol only.
            For::Rebalance if error == ErrorCode::UnknownTopicOrPartition => false,
            For::Rebalance if error == ErrorCode::StaleMemberEpoch => {
                self.epoch > 0 && self.fatal.is_none()
            }
            For::Rebalance | For::Close => error.is_retriable(),
        };
        if again {
            let wait = self.config.retry_backoff.wait(commit.attempts, &mut self.rng);
            commit.attempts += 1;
            commit.retry_at = Some(wall + wait);
            if commit.purpose == For::Rebalance && !is_classic {
                // The next attempt takes what was returned meanwhile.
                commit.is_sent = true;
                commit.is_noted = false;
                let commit = commit.clone();
                self.tell_answered(&commit, error, effects);
                effects.push(Effect::Positions { why: Why::Again(number) });
            }
            return;
        }
        if commit.purpose == For::Interval && error.is_retriable() {
            let wait = self.config.retry_backoff.initial;
            self.auto_commit_at = self.auto_commit_at.min(wall + wait);
        }
        let unknown = matches!(error, ErrorCode::NetworkException | ErrorCode::RequestTimedOut);
        let error = if unknown { AppError::Unknown(error) } else { AppError::Refused(error) };
        self.end_commit(wall, number, Err(error), effects);
    }

    fn tell_answered(&self, commit: &Commit, error: ErrorCode, effects: &mut Vec<Effect>) {
        let about = self.about(commit.purpose);
        for offset in &commit.offsets {
            let place = (offset.topic.clone(), offset.partition);
            let Some(partition) = self.id(&place) else { continue };
            let (member, epoch) = commit.asked_as.clone();
            let kind = Kind::CommitAnswered {
                group: self.group.clone(),
                member,
                epoch,
                partition,
                offset: offset.offset,
                error,
            };
            effects.push(Effect::Event { kind, about });
        }
    }

    /// A commit is done, or given up; goes on with what waited for it.
    fn end_commit(
        &mut self,
        wall: Wall,
        number: u64,
        result: Result<(), AppError>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(commit) = self.commits.open.remove(&number) else { return };
        if commit.is_noted {
            self.tell_answered(&commit, result.err().map_or(ErrorCode::None, code), effects);
        }
        match commit.purpose {
            For::Call { token, .. } => {
                let reply = match result {
                    Ok(()) => AppReply::Done,
                    Err(error) => AppReply::Failed(error),
                };
                effects.push(Effect::Reply { token, reply });
            }
            For::Interval => {}
            For::Rebalance if self.is_classic() => {
                if matches!(self.classic.step, Step::Committing { .. }) {
                    self.release(wall, effects);
                }
            }
            For::Rebalance => self.revoke(wall, effects),
            For::Close => self.leave_at_close(wall, effects),
        }
    }
}

/// The first error of an answer.
fn worst(body: &OffsetCommitResponse) -> ErrorCode {
    let all = body.topics.iter().flat_map(|topic| &topic.partitions);
    let mut errors = all.map(|partition| ErrorCode::from_code(partition.error_code));
    errors.find(|error| *error != ErrorCode::None).unwrap_or(ErrorCode::None)
}

fn code(error: AppError) -> ErrorCode {
    match error {
        AppError::Refused(error) | AppError::Unknown(error) | AppError::NotSent(error) => error,
        AppError::OffsetOutOfRange | AppError::LogTruncation { .. } => ErrorCode::OffsetOutOfRange,
        AppError::Closed => ErrorCode::UnknownServerError,
    }
}
