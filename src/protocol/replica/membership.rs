//! Who is in sync: followers that caught up join, those that lag leave, the controller decides.

use crate::event::Kind;
use crate::message::{InSyncProposal, InSyncRecorded};
use crate::protocol::replica::effect::Effect;
use crate::protocol::replica::follower_state::{FetchedAs, FollowerState};
use crate::protocol::replica::in_sync::{Change, InSync, Pending};
use crate::protocol::replica::machine::{Replica, Role, event};
use crate::types::{BrokerId, BrokerSet, Deed, Defect, DefectSet, ErrorCode, Now};

/// Errors that prove that the controller has not granted a wish, and never will.
const NOT_GRANTED: [ErrorCode; 2] =
    [ErrorCode::IneligibleReplica, ErrorCode::OperationNotAttempted];
/// Errors after which only new metadata tells where the partition stands.
const AWAITS_METADATA: [ErrorCode; 6] = [
    ErrorCode::UnknownTopicOrPartition,
    ErrorCode::UnknownTopicId,
    ErrorCode::FencedLeaderEpoch,
    ErrorCode::InvalidUpdateVersion,
    ErrorCode::InvalidRequest,
    ErrorCode::NewLeaderElected,
];

impl Replica {
    /// Whether `broker` may be in the in-sync set as far as its registration goes: not fenced, not
    /// shutting down, and the same process that the leader has counted (KIP-841, KIP-903).
    ///
    /// Source: Kafka 4.1, `Partition.isReplicaIsrEligible`.
    pub(super) fn is_eligible(
        &self,
        broker: BrokerId,
        follower: &FollowerState,
        defects: DefectSet,
    ) -> bool {
        let Some(standing) = self.standings.get(&broker) else { return false };
        let is_barred = standing.fenced && !defects.has(Defect::FencedInSync);
        let is_same_process = match follower.fetched_as {
            FetchedAs::Never => false,
            FetchedAs::Unnamed => true,
            FetchedAs::Registered(epoch) => epoch == standing.broker_epoch,
        };
        !is_barred && !standing.in_controlled_shutdown && is_same_process
    }

    /// Proposes `broker`, which has just fetched, for the in-sync set if it has caught up: with
    /// the high watermark, and with the start of this leader's epoch, since a new leader's high
    /// watermark may lie below what is committed (KAFKA-7128).
    ///
    /// Eligibility and the registration in the proposal come from one state of the follower
    /// (KAFKA-15221).
    ///
    /// Source: Kafka 4.1, `Partition.maybeExpandIsr`, `Partition.isFollowerInSync`.
    pub(super) fn expand_for(&mut self, broker: BrokerId, effects: &mut Vec<Effect>) {
        let Role::Leader(leading) = &self.role else { return };
        let defects = self.config.defects;
        let Some(follower) = leading.followers.get(&broker) else { return };
        let is_above_start = follower.log_end >= Some(leading.epoch_start);
        let about = self.partition();
        let joins = leading.in_sync.pending.is_none()
            && !leading.in_sync.recorded.contains(broker)
            && follower.log_end >= Some(self.high_watermark)
            && self.is_eligible(broker, follower, defects)
            && (is_above_start || defects.acts(Defect::ExpandBelowEpochStart, about))
            && !defects.acts(Defect::NoExpansion, about);
        if joins {
            let is_fenced = self.standings.get(&broker).is_some_and(|standing| standing.fenced);
            if is_fenced {
                Deed::note(Defect::FencedInSync, about);
            }
            if follower.fetched_as == FetchedAs::Unnamed {
                defects.acts(Defect::StaleBrokerEpoch, about);
            }
            let wanted = leading.in_sync.recorded.with(broker);
            self.propose(&wanted, Change::Expand(broker), effects);
        }
    }

    /// Proposes the in-sync set without the followers that lag.
    ///
    /// Source: Kafka 4.1, `Partition.maybeShrinkIsr`.
    pub(super) fn on_shrink_check(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Role::Leader(leading) = &self.role else { return };
        if leading.in_sync.pending.is_some() {
            return;
        }
        let end = self.log.end_offset();
        let lag_max = self.config.replica_lag_time_max;
        let lags = |broker: &BrokerId| {
            let follower = leading.followers.get(broker);
            follower.is_none_or(|follower| !follower.is_caught_up(now.wall, end, lag_max))
        };
        let recorded = &leading.in_sync.recorded;
        let me = self.config.broker;
        let lagging: BrokerSet = recorded.iter().filter(|b| *b != me && lags(b)).collect();
        if !lagging.is_empty() {
            let wanted = recorded.without(&lagging);
            self.propose(&wanted, Change::Shrink(lagging), effects);
        }
    }

    fn propose(&mut self, wanted: &BrokerSet, change: Change, effects: &mut Vec<Effect>) {
        let (leader_epoch, partition_epoch) = (self.leader_epoch, self.partition_epoch);
        let (defects, about) = (self.config.defects, self.partition());
        let Role::Leader(leading) = &mut self.role else { return };
        let fetched_as = |broker| {
            let follower = leading.followers.get(&broker);
            follower.and_then(|follower| follower.fetched_as.broker_epoch())
        };
        let proposal = InSyncProposal {
            leader_epoch,
            partition_epoch,
            in_sync: wanted.iter().map(|broker| (broker, fetched_as(broker))).collect(),
            recovering: leading.in_sync.recovering,
        };
        leading.in_sync.propose(Pending { proposal: proposal.clone(), change }, about, defects);
        self.announce_in_sync(effects);
        self.send(proposal, effects);
    }

    fn send(&self, proposal: InSyncProposal, effects: &mut Vec<Effect>) {
        let sent = Kind::AlterPartitionSent {
            partition: self.partition(),
            leader_epoch: proposal.leader_epoch,
            partition_epoch: proposal.partition_epoch,
            in_sync: proposal.in_sync.iter().map(|(broker, _)| *broker).collect(),
        };
        event(sent, effects);
        effects.push(Effect::ProposeInSync(proposal));
    }

    /// Source: Kafka 4.1, `Partition.submitAlterPartition`, `handleAlterPartitionUpdate`,
    /// `handleAlterPartitionError`.
    pub(super) fn on_alter_partition_answered(
        &mut self,
        now: Now,
        proposal: &InSyncProposal,
        result: Result<InSyncRecorded, ErrorCode>,
        effects: &mut Vec<Effect>,
    ) {
        let error = result.as_ref().err().copied().unwrap_or(ErrorCode::None);
        let pending = match &self.role {
            Role::Leader(leading) => leading.in_sync.pending.as_ref(),
            Role::Unassigned | Role::Follower(_) | Role::Leaderless => None,
        };
        // Metadata may have overtaken the wish: then nothing that is said of it counts.
        let is_awaited = pending.is_some_and(|pending| pending.proposal == *proposal);
        let rolled_back = is_awaited && NOT_GRANTED.contains(&error);
        let partition = self.partition();
        event(Kind::AlterPartitionAnswered { partition, error, rolled_back }, effects);
        if !is_awaited {
            return;
        }
        match result {
            Ok(recorded) => self.on_recorded(now, recorded, effects),
            Err(_) if rolled_back => {
                let Role::Leader(leading) = &mut self.role else { return };
                leading.in_sync.roll_back();
                self.announce_in_sync(effects);
            }
            // The wish stays pending: it may have been granted.
            Err(error) if AWAITS_METADATA.contains(&error) => {}
            Err(_) => self.send(proposal.clone(), effects),
        }
    }

    fn on_recorded(&mut self, now: Now, recorded: InSyncRecorded, effects: &mut Vec<Effect>) {
        let is_stale = recorded.leader_epoch != self.leader_epoch
            || recorded.partition_epoch < self.partition_epoch;
        let Role::Leader(leading) = &mut self.role else { return };
        if is_stale {
            return;
        }
        leading.in_sync = InSync::recorded(recorded.in_sync, recorded.recovering);
        self.partition_epoch = recorded.partition_epoch;
        self.announce_in_sync(effects);
        if self.config.defects.has(Defect::HighWatermarkStuck) {
            self.note_stuck(now);
        } else {
            // Those that left no longer hold it back (KAFKA-13091).
            self.advance_high_watermark(now, effects);
        }
    }

    /// The high watermark is not looked at: a deed where it would have moved.
    pub(super) fn note_stuck(&self, now: Now) {
        let next = self.next_high_watermark(now, self.config.defects);
        if next > Some(self.high_watermark) {
            Deed::note(Defect::HighWatermarkStuck, self.partition());
        }
    }
}
