//! Where a follower cuts its log, and what goes with the end.

use crate::event::About;
use crate::message::EpochEnd;
use crate::protocol::replica::effect::Effect;
use crate::protocol::replica::machine::Replica;
use crate::types::{Defect, LeaderEpoch, Offset};

impl Replica {
    /// Where to cut, when the leader's log has `leader_epoch` as the largest epoch up to this
    /// log's last one, and it ends there at `leader_end`. If this log does not have that epoch
    /// another round follows: the next fetch asks about what is left.
    ///
    /// Source: Kafka 4.1, `AbstractFetcherThread.getOffsetTruncationState`; KIP-279, KIP-595.
    pub(super) fn truncation_offset(
        &self,
        leader_epoch: LeaderEpoch,
        leader_end: Offset,
    ) -> Offset {
        let end = self.log.end_offset();
        match self.log.end_offset_for_epoch(Some(leader_epoch)) {
            Some((epoch, epoch_end)) if epoch == leader_epoch => epoch_end.min(leader_end).min(end),
            Some((_, epoch_end)) => epoch_end.min(end),
            None => leader_end.min(end),
        }
    }

    /// Cuts the log as a follower of before 2.7, which asks before it fetches. With only an end
    /// offset (KIP-101) it cannot see that the leader's records below it are of another epoch than
    /// its own; without any it falls back on its high watermark.
    ///
    /// Source: Kafka 2.6, `AbstractFetcherThread.getOffsetTruncationState`; Kafka 0.11,
    /// `ReplicaFetcherThread.maybeTruncate`.
    pub(super) fn on_epoch_end(&mut self, found: &EpochEnd, effects: &mut Vec<Effect>) {
        if self.awaits(found.leader_epoch, found.fetch_offset) {
            let end = match found.end {
                Some((Some(epoch), end)) => self.truncation_offset(epoch, end),
                Some((None, end)) => end.min(self.log.end_offset()),
                None => {
                    if self.high_watermark < self.log.end_offset() {
                        self.config.defects.acts(Defect::UnknownEpochFallback, self.partition());
                    }
                    self.high_watermark
                }
            };
            self.truncate_to(end, effects);
        }
        effects.push(Effect::Position(self.position()));
    }

    pub(super) fn truncate_to(&mut self, end: Offset, effects: &mut Vec<Effect>) {
        self.with_log(About::Nothing, effects, |log, out| log.truncate_to(end, out));
        let offset = self.high_watermark.min(self.log.end_offset());
        self.set_high_watermark(offset, effects);
    }

    pub(super) fn truncate_fully_and_start_at(&mut self, start: Offset, effects: &mut Vec<Effect>) {
        self.with_log(About::Nothing, effects, |log, out| {
            log.truncate_fully_and_start_at(start, out);
        });
        if self.high_watermark != start
            && self.config.defects.acts(Defect::HighWatermarkLeftBehind, self.partition())
        {
            return;
        }
        // It may neither stay above the log's end nor below its start (KAFKA-9491).
        self.set_high_watermark(start, effects);
    }
}
