//! The follower's side: what it makes of what its fetcher brings.

use crate::event::{About, StartMovedBecause};
use crate::log::{Appended, FollowerAppendError};
use crate::message::{Batch, Fetched, OutOfRange};
use crate::protocol::replica::effect::Effect;
use crate::protocol::replica::machine::{Replica, Role};
use crate::types::{Defect, LeaderEpoch, Offset};

impl Replica {
    /// Source: Kafka 4.1, `ReplicaFetcherThread.processPartitionData`.
    pub(super) fn on_fetched(&mut self, fetched: &Fetched, effects: &mut Vec<Effect>) {
        if self.awaits(fetched.leader_epoch, fetched.fetch_offset) {
            if let Some((leader_epoch, leader_end)) = fetched.diverging {
                // Not a word of the high watermark: it may stand above what is about to go
                // (KAFKA-14704).
                if self.config.defects.has(Defect::HighWatermarkBeforeTruncation) {
                    self.follow_high_watermark(fetched.high_watermark, effects);
                }
                let end = self.truncation_offset(leader_epoch, leader_end);
                self.truncate_to(end, effects);
            } else {
                self.append(fetched, effects);
                self.follow_high_watermark(fetched.high_watermark, effects);
                self.follow_log_start(fetched.log_start_offset, effects);
                self.forgot_last_epoch = fetched.records.is_empty()
                    && self.config.defects.has(Defect::LastFetchedEpochLost);
            }
        }
        effects.push(Effect::Position(self.position()));
    }

    /// Whether an answer to a fetch in `leader_epoch` from `fetch_offset` is still of use.
    pub(super) fn awaits(&self, leader_epoch: LeaderEpoch, fetch_offset: Offset) -> bool {
        let defects = self.config.defects;
        let is_follower = matches!(self.role, Role::Follower(_));
        let is_same_epoch = leader_epoch == self.leader_epoch
            || defects.has(Defect::UnfencedFetch)
            || defects.has(Defect::StaleFetchResponse);
        is_follower && is_same_epoch && fetch_offset == self.log.end_offset()
    }

    fn append(&mut self, fetched: &Fetched, effects: &mut Vec<Effect>) {
        for batch in &fetched.records {
            // The leader may have been deposed and elected again while it answered; what it wrote
            // in the later epoch belongs to a later fetch (KAFKA-18723).
            let is_later = batch.leader_epoch > fetched.leader_epoch;
            if is_later && !self.takes_later_epochs() {
                break;
            }
            if self.append_batch(batch, effects).is_err() {
                break;
            }
        }
    }

    /// Whether a defect lets a leader of a later epoch answer.
    fn takes_later_epochs(&self) -> bool {
        const DEFECTS: [Defect; 4] = [
            Defect::UnfencedFetch,
            Defect::FirstTry,
            Defect::ServeOldEpoch,
            Defect::StaleFetchResponse,
        ];
        DEFECTS.iter().any(|defect| self.config.defects.has(*defect))
    }

    fn append_batch(
        &mut self,
        batch: &Batch,
        effects: &mut Vec<Effect>,
    ) -> Result<Appended, FollowerAppendError> {
        let (start, end) = (self.log.start_offset(), self.log.end_offset());
        if start == end && batch.base_offset < end && batch.last_offset() >= end {
            // The leader's log starts inside a batch: the whole batch comes, and an empty log
            // begins with it.
            self.truncate_fully_and_start_at(batch.base_offset, effects);
        }
        self.with_log(About::Nothing, effects, |log, out| log.append_as_follower(batch, out))
    }

    /// A follower's high watermark is the leader's, as far as the follower has the records. So it
    /// may go back.
    fn follow_high_watermark(&mut self, leaders: Offset, effects: &mut Vec<Effect>) {
        let offset = if self.config.defects.has(Defect::HighWatermarkBeyondEnd) {
            leaders.max(self.log.start_offset())
        } else {
            self.log.clamp(leaders)
        };
        self.set_high_watermark(offset, effects);
    }

    fn follow_log_start(&mut self, leaders: Offset, effects: &mut Vec<Effect>) {
        if leaders > self.log.start_offset() && leaders <= self.high_watermark {
            self.with_log(About::Nothing, effects, |log, out| {
                log.advance_start_to(leaders, StartMovedBecause::Leader, out);
            });
        }
    }

    /// Source: Kafka 4.1, `AbstractFetcherThread.fetchOffsetAndTruncate`.
    pub(super) fn on_out_of_range(&mut self, found: &OutOfRange, effects: &mut Vec<Effect>) {
        if self.awaits(found.leader_epoch, found.fetch_offset) {
            let end = self.log.end_offset();
            if found.leader_end < end {
                self.truncate_to(found.leader_end, effects);
            } else if let Some(start) = found.leader_start.filter(|start| *start > end) {
                // All that the follower has was deleted at the leader.
                self.truncate_fully_and_start_at(start, effects);
            }
        }
        effects.push(Effect::Position(self.position()));
    }
}
