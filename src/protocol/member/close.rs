//! The end of a membership: commit, give everything up, leave; or it is refused for good.

use crate::event::{About, CallbackVerb, GivenUpBecause, Kind, MemberState};
use crate::message::{PartitionOffset, RebalanceCallback};
use crate::protocol::member::callbacks::Then;
use crate::protocol::member::classic::NO_GENERATION;
use crate::protocol::member::commit::For;
use crate::protocol::member::effect::{Effect, Why};
use crate::protocol::member::machine::Member;
use crate::types::{ErrorCode, Wall};

/// Where a member stands in closing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Closing {
    /// It commits what was returned.
    Committing {
        /// Until then at most.
        give_up_at: Wall,
    },
    /// It has said that it leaves.
    Leaving {
        /// Until then at most.
        give_up_at: Wall,
    },
    /// It is gone.
    Done,
}

impl Closing {
    pub(crate) fn deadline(&self) -> Option<Wall> {
        match self {
            Self::Committing { give_up_at } | Self::Leaving { give_up_at } => Some(*give_up_at),
            Self::Done => None,
        }
    }
}

/// `ConsumerUtils.DEFAULT_CLOSE_TIMEOUT_MS`: how long closing may take.
const CLOSE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

impl Member {
    /// Source: Kafka 4.0, `ConsumerCoordinator.close`, `AbstractCoordinator.close`,
    /// `AsyncKafkaConsumer.close`.
    pub(crate) fn on_close(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        if self.closing.is_some() {
            return;
        }
        if !self.is_subscribed {
            self.done(effects);
            return;
        }
        self.closing = Some(Closing::Committing { give_up_at: wall + CLOSE_TIMEOUT });
        if self.config.auto_commit && !self.owned.is_empty() && self.fatal.is_none() {
            effects.push(Effect::Positions { why: Why::Close });
        } else {
            self.leave_at_close(wall, effects);
        }
    }

    pub(crate) fn commit_before_close(
        &mut self,
        wall: Wall,
        positions: Vec<PartitionOffset>,
        effects: &mut Vec<Effect>,
    ) {
        self.start_commit(wall, positions, For::Close, effects);
    }

    /// The commit is done: everything is given up, and the coordinator is told.
    pub(crate) fn leave_at_close(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let Some(Closing::Committing { give_up_at }) = self.closing else { return };
        let owned = self.all_owned();
        if !owned.is_empty() {
            let is_refused = self.fatal.is_some();
            let is_out = is_refused
                || self.epoch == NO_GENERATION
                || self.member_id.as_str().is_empty()
                || !self.is_classic() && self.epoch <= 0
                || matches!(
                    self.state,
                    MemberState::PreparingRebalance | MemberState::CompletingRebalance
                );
            let callback = if is_out { CallbackVerb::Lost } else { CallbackVerb::Revoked };
            let kind = Kind::CallbackInvoked {
                group: self.group.clone(),
                member: self.member_id.clone(),
                epoch: self.epoch,
                callback,
                partitions: u32::try_from(owned.len()).unwrap_or(u32::MAX),
            };
            effects.push(Effect::Event { kind, about: About::Nothing });
            let because = if is_refused { GivenUpBecause::Lost } else { GivenUpBecause::Closed };
            self.give_up(&owned, because, effects);
        }
        self.callbacks.clear();
        self.closing = Some(Closing::Leaving { give_up_at });
        if self.is_classic() && self.fatal.is_some() {
            self.ask_to_leave("the consumer is being closed", effects);
        } else if self.is_classic() {
            self.leave("the consumer is being closed", effects);
        } else if self.is_in_group() {
            self.epoch = self.leave_epoch();
            self.reconciliation.drop_all();
            self.enter(MemberState::Leaving, effects);
            self.group_beat(wall, effects);
        }
        if !self.is_leave_under_way() {
            self.done(effects);
        }
    }

    /// It can never be a member again. One of KIP-848 has lost what it owns; one of the classic
    /// protocol keeps that until it closes. The application is told by its next poll.
    ///
    /// Source: Kafka 4.0, `AbstractMembershipManager.transitionToFatal`,
    /// `AbstractHeartbeatRequestManager.handleFatalFailure`; `AbstractCoordinator.pollHeartbeat`,
    /// `AbstractCoordinator.joinGroupIfNeeded`, which throw.
    pub(crate) fn fail(&mut self, wall: Wall, error: ErrorCode, effects: &mut Vec<Effect>) {
        let has_left = self.is_leaving() || self.state == MemberState::Unsubscribed;
        self.fatal = Some(error);
        self.enter(MemberState::Fatal, effects);
        if !self.is_classic() && !has_left {
            self.lose_all(wall, Then::Fail, effects);
        }
        if let Some(token) = self.poll
            && self.callbacks.is_empty()
        {
            effects.push(Effect::Recall { token });
        }
    }

    /// A member of KIP-848 owns nothing any more, and its application is told.
    pub(crate) fn lose_all(&mut self, wall: Wall, then: Then, effects: &mut Vec<Effect>) {
        // Callbacks that nobody has heard of yet are of no use any more.
        self.callbacks.retain(|waiting| waiting.is_invoked);
        let lost = self.all_owned();
        if !lost.is_empty() {
            effects.push(Effect::Withhold { partitions: lost.clone() });
        }
        self.call_back(wall, RebalanceCallback::Lost, lost, then, effects);
    }

    /// Whether a member of KIP-848 may be one to the coordinator: one that joins is, perhaps, for
    /// it has named itself, so that it can leave before it is answered (KIP-1082).
    ///
    /// Source: Kafka 4.0, `AbstractMembershipManager.isNotInGroup`.
    fn is_in_group(&self) -> bool {
        match self.state {
            MemberState::Joining
            | MemberState::Reconciling
            | MemberState::Acknowledging
            | MemberState::Stable
            | MemberState::PrepareLeaving
            | MemberState::Leaving => true,
            MemberState::Unsubscribed
            | MemberState::Fenced
            | MemberState::Stale
            | MemberState::Fatal
            | MemberState::Unjoined
            | MemberState::PreparingRebalance
            | MemberState::CompletingRebalance => false,
        }
    }

    fn is_leave_under_way(&self) -> bool {
        use crate::protocol::member::machine::Pending;
        self.awaits(|pending| {
            matches!(pending, Pending::Leave | Pending::GroupHeartbeat { leaves: true })
        })
    }

    /// The coordinator knows that it left, or cannot be asked.
    pub(crate) fn on_left(&mut self, effects: &mut Vec<Effect>) {
        if matches!(self.closing, Some(Closing::Leaving { .. })) {
            self.done(effects);
        }
    }

    fn done(&mut self, effects: &mut Vec<Effect>) {
        self.closing = Some(Closing::Done);
        effects.push(Effect::Closed);
    }

    /// Closing takes no longer than its time.
    pub(crate) fn advance_closing(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let is_over =
            self.closing.and_then(|closing| closing.deadline()).is_some_and(|at| at <= wall);
        match self.closing {
            Some(Closing::Committing { .. }) if is_over => {
                self.commits.open.clear();
                self.leave_at_close(wall, effects);
            }
            Some(Closing::Leaving { .. }) if is_over => self.done(effects),
            Some(_) | None => {}
        }
    }
}
