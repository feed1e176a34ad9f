//! The leader's side: what it takes from producers, when the high watermark moves, what it tells
//! those who ask for offsets.

use std::sync::Arc;

use crate::event::{About, AckMode, Kind, ProducerOutcome};
use crate::log::SequenceCheck;
use crate::message::BatchBody;
use crate::protocol::replica::effect::{Effect, ListedOffset};
use crate::protocol::replica::machine::{Leading, Replica, Role, event};
use crate::types::{ConnectionId, Defect, ErrorCode, LeaderEpoch, Now, Offset};

const LATEST_TIMESTAMP: i64 = -1;
const EARLIEST_TIMESTAMP: i64 = -2;
const EARLIEST_LOCAL_TIMESTAMP: i64 = -4;

impl Replica {
    /// Source: Kafka 4.1, `Partition.appendRecordsToLeader`, `ReplicaManager.appendRecords`.
    pub(super) fn on_produce(
        &mut self,
        now: Now,
        request: ConnectionId,
        body: Arc<BatchBody>,
        acks: AckMode,
        effects: &mut Vec<Effect>,
    ) {
        let about = About::Request(request);
        let batch = body.id;
        let end_before = self.log.end_offset();
        let result = self.admit(acks).and_then(|()| {
            let epoch = self.epoch_to_stamp();
            let appended = self.with_log(about, effects, |log, out| {
                log.append_as_leader(body, epoch, now.wall.millis(), SequenceCheck::Client, out)
            });
            appended.map_err(crate::log::AppendError::error_code)
        });
        let (outcome, error) = match result {
            Ok(appended) if appended.duplicate => (ProducerOutcome::Duplicate, ErrorCode::None),
            Ok(_) => (ProducerOutcome::Appended, ErrorCode::None),
            Err(error) => (ProducerOutcome::Refused, error),
        };
        let base_offset = result.ok().map(|appended| appended.base_offset);
        let kind = Kind::ProduceHandled {
            partition: self.partition(),
            batch,
            outcome,
            error,
            base_offset,
        };
        effects.push(Effect::Event { kind, about });
        effects.push(Effect::Produced {
            request,
            result: result.map(|appended| appended.base_offset),
            log_start_offset: base_offset.map(|_| self.log.start_offset()),
        });
        if self.log.end_offset() > end_before {
            effects.push(Effect::LogEndMoved { offset: self.log.end_offset() });
        }
        let Ok(appended) = result else { return };
        if acks == AckMode::All {
            self.wait_for(appended.end_offset, request, effects);
        }
        // The in-sync set may be this broker alone.
        self.advance_high_watermark(now, effects);
    }

    /// The epoch that a new batch is of.
    fn epoch_to_stamp(&self) -> LeaderEpoch {
        let is_old = self.config.defects.has(Defect::OldEpochStamped);
        let first = self.log.epochs().first().filter(|_| is_old);
        first.map_or(self.leader_epoch, |(epoch, _)| *epoch)
    }

    /// Whether a batch may be appended at all.
    fn admit(&self, acks: AckMode) -> Result<(), ErrorCode> {
        match &self.role {
            Role::Leader(leading) => {
                let too_few = leading.in_sync.recorded.len() < self.min_in_sync();
                if too_few && acks == AckMode::All {
                    return Err(ErrorCode::NotEnoughReplicas);
                }
                Ok(())
            }
            Role::Unassigned | Role::Follower(_) | Role::Leaderless => {
                Err(ErrorCode::NotLeaderOrFollower)
            }
        }
    }

    /// Lets `request` wait until the high watermark reaches `required`.
    fn wait_for(&mut self, required: Offset, request: ConnectionId, effects: &mut Vec<Effect>) {
        let is_early = self.config.defects.has(Defect::AckBeforeInSync);
        let high_watermark = self.high_watermark;
        let min_in_sync = self.min_in_sync();
        let Role::Leader(leading) = &mut self.role else { unreachable!("only a leader appends") };
        if is_early {
            effects.push(Effect::Acknowledged { request, error: ErrorCode::None });
        } else if required <= high_watermark {
            // A duplicate of a batch that is committed already.
            let error = leading.outcome(min_in_sync);
            effects.push(Effect::Acknowledged { request, error });
        } else {
            leading.waiting.insert((required, request));
        }
    }

    pub(super) fn on_abandon(&mut self, request: ConnectionId) {
        if let Role::Leader(leading) = &mut self.role {
            leading.waiting.retain(|(_, waiting)| *waiting != request);
        }
    }

    /// Moves the high watermark to the smallest log end among this replica, those that the
    /// controller may have recorded as in sync, and those that are about to join them: waiting for
    /// the last lets a follower catch up with a leader that is alone.
    ///
    /// Stands still while fewer than `min.insync.replicas` are recorded (KAFKA-15583).
    ///
    /// Source: Kafka 4.1, `Partition.maybeIncrementLeaderHW`.
    pub(super) fn advance_high_watermark(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Role::Leader(leading) = &self.role else { return };
        let defects = self.config.defects;
        let too_few = leading.in_sync.recorded.len() < self.min_in_sync();
        if too_few && !defects.has(Defect::LastReplicaStanding) {
            return;
        }
        let end = self.log.end_offset();
        let overlooked =
            leading.in_sync.joining().filter(|_| defects.has(Defect::HighWatermarkOverCommitted));
        let lag_max = self.config.replica_lag_time_max;
        let mut lowest = end;
        for (broker, follower) in &leading.followers {
            let counts = || {
                leading.in_sync.maximal.contains(*broker)
                    || (follower.is_caught_up(now.wall, end, lag_max)
                        && self.is_eligible(*broker, follower))
            };
            let is_behind = follower.log_end.is_none_or(|follower_end| follower_end < lowest);
            if is_behind && Some(*broker) != overlooked && counts() {
                let Some(follower_end) = follower.log_end else { return };
                lowest = follower_end;
            }
        }
        if lowest > self.high_watermark {
            self.set_high_watermark(lowest, effects);
            self.acknowledge(effects);
        }
    }

    /// Ends the wait of those whose records are now below the high watermark.
    ///
    /// Source: Kafka 4.1, `Partition.checkEnoughReplicasReachOffset`.
    fn acknowledge(&mut self, effects: &mut Vec<Effect>) {
        let high_watermark = self.high_watermark;
        let min_in_sync = self.min_in_sync();
        let Role::Leader(leading) = &mut self.role else { return };
        let error = leading.outcome(min_in_sync);
        while let Some((required, request)) = leading.waiting.first().copied() {
            if required > high_watermark {
                break;
            }
            leading.waiting.pop_first();
            effects.push(Effect::Acknowledged { request, error });
        }
    }

    /// Source: Kafka 4.1, `Partition.fetchOffsetForTimestamp`, `ReplicaManager.fetchOffset`.
    pub(super) fn list_offset(
        &self,
        leader_epoch: Option<LeaderEpoch>,
        timestamp: i64,
        by_follower: bool,
    ) -> Result<Option<ListedOffset>, ErrorCode> {
        self.check_leads(leader_epoch)?;
        let Role::Leader(leading) = &self.role else { unreachable!("it was checked above") };
        let (start, end) = (self.log.start_offset(), self.log.end_offset());
        let bound = if by_follower { end } else { self.high_watermark };
        // A new leader's high watermark is what it was told as a follower. Until it has caught up
        // with the epoch's start the answer might lie below an offset that a client has seen
        // committed (KIP-207).
        let is_stale = !by_follower && leading.epoch_start > self.high_watermark;
        let refused = if is_stale { Err(ErrorCode::OffsetNotAvailable) } else { Ok(None) };
        match timestamp {
            LATEST_TIMESTAMP => refused.map(|_: Option<ListedOffset>| {
                let leader_epoch = Some(self.leader_epoch);
                Some(ListedOffset { offset: bound, timestamp: None, leader_epoch })
            }),
            EARLIEST_TIMESTAMP | EARLIEST_LOCAL_TIMESTAMP => {
                let first = self.log.batches_between(start, end).next();
                let leader_epoch = first.map(|batch| batch.leader_epoch);
                Ok(Some(ListedOffset { offset: start, timestamp: None, leader_epoch }))
            }
            millis => match self.log.offset_for_timestamp(millis, bound) {
                Some((offset, timestamp, leader_epoch)) => Ok(Some(ListedOffset {
                    offset,
                    timestamp: Some(timestamp),
                    leader_epoch: Some(leader_epoch),
                })),
                None => refused,
            },
        }
    }

    /// Says what this leader counts on, if that is not what it said last.
    pub(super) fn announce_in_sync(&mut self, effects: &mut Vec<Effect>) {
        let (partition, leader_epoch) = (self.partition(), self.leader_epoch);
        let partition_epoch = self.partition_epoch;
        let Role::Leader(leading) = &mut self.role else { return };
        let (committed, maximal) = (&leading.in_sync.recorded, &leading.in_sync.maximal);
        let (epoch, said_committed, said_maximal) = &leading.announced;
        let is_said = *epoch == partition_epoch;
        if !is_said || said_committed != committed || said_maximal != maximal {
            let (committed, maximal) = (committed.clone(), maximal.clone());
            leading.announced = (partition_epoch, committed.clone(), maximal.clone());
            let changed = Kind::InSyncChanged {
                partition,
                leader_epoch,
                partition_epoch,
                committed,
                maximal,
            };
            event(changed, effects);
        }
    }
}

impl Leading {
    /// What an acks=all producer is told of a record that is below the high watermark. The
    /// recorded set decides whether a batch is taken, the maximal one whether it is safe.
    fn outcome(&self, min_in_sync: usize) -> ErrorCode {
        if min_in_sync <= self.in_sync.maximal.len() {
            ErrorCode::None
        } else {
            ErrorCode::NotEnoughReplicasAfterAppend
        }
    }
}
