//! The follower's side: what it makes of what its fetcher brings.

use crate::event::{About, StartMovedBecause};
use crate::log::{Appended, FollowerAppendError};
use crate::message::{Batch, Fetched, OutOfRange};
use crate::protocol::replica::effect::Effect;
use crate::protocol::replica::machine::{Replica, Role};
use crate::types::{Deed, Defect, LeaderEpoch, Offset};

impl Replica {
    /// Source: Kafka 4.1, `ReplicaFetcherThread.processPartitionData`.
    pub(super) fn on_fetched(&mut self, fetched: &Fetched, effects: &mut Vec<Effect>) {
        if self.awaits(fetched.leader_epoch, fetched.fetch_offset) {
            if let Some((leader_epoch, leader_end)) = fetched.diverging {
                // Not a word of the high watermark: it may stand above what is about to go
                // (KAFKA-14704).
                if self.config.defects.has(Defect::HighWatermarkBeforeTruncation) {
                    let before = self.high_watermark;
                    self.follow_high_watermark(fetched.high_watermark, effects);
                    if self.high_watermark != before {
                        Deed::note(Defect::HighWatermarkBeforeTruncation, self.partition());
                    }
                }
                let end = self.truncation_offset(leader_epoch, leader_end);
                self.truncate_to(end, effects);
            } else {
                if self.forgot_last_epoch && !fetched.records.is_empty() {
                    Deed::note(Defect::LastFetchedEpochLost, self.partition());
                }
                if self.append(fetched, effects).is_err() {
                    // The leader's batches do not go on where this log ends. Kafka marks such a
                    // partition failed, and copies it no more in this leader epoch.
                    self.stop_fetching(effects);
                    return;
                }
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
        is_follower
            && fetch_offset == self.log.end_offset()
            && (leader_epoch == self.leader_epoch
                || defects.acts(Defect::UnfencedFetch, self.partition())
                || defects.acts(Defect::StaleFetchResponse, self.partition()))
    }

    fn append(
        &mut self,
        fetched: &Fetched,
        effects: &mut Vec<Effect>,
    ) -> Result<(), FollowerAppendError> {
        for batch in &fetched.records {
            // The leader may have been deposed and elected again while it answered; what it wrote
            // in the later epoch belongs to a later fetch (KAFKA-18723).
            let is_later = batch.leader_epoch > fetched.leader_epoch;
            if is_later && !self.takes_later_epochs() {
                break;
            }
            self.append_batch(batch, effects)?;
        }
        Ok(())
    }

    /// Whether a defect lets a leader of a later epoch answer.
    fn takes_later_epochs(&self) -> bool {
        const DEFECTS: [Defect; 4] = [
            Defect::UnfencedFetch,
            Defect::FirstTry,
            Defect::ServeOldEpoch,
            Defect::StaleFetchResponse,
        ];
        DEFECTS.iter().any(|defect| self.config.defects.acts(*defect, self.partition()))
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
            let told = leaders.max(self.log.start_offset());
            if told != self.log.clamp(leaders) {
                Deed::note(Defect::HighWatermarkBeyondEnd, self.partition());
            }
            told
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log::{Log, LogConfig};
    use crate::message::{BatchBody, DiskImage, PartitionState, Record, Records};
    use crate::protocol::machine::Machine;
    use crate::protocol::replica::config::ReplicaConfig;
    use crate::protocol::replica::input::Input;
    use crate::types::{
        BatchId, BrokerId, BrokerSet, Now, PartitionEpoch, TopicId, TopicPartition,
    };

    fn fetched(fetch_offset: i64, base_offset: i64, records: u64) -> Input {
        let record = Record { key: None, value: None, headers: Box::default(), timestamp: 1 };
        let body = Arc::new(BatchBody {
            id: BatchId(records),
            producer: None,
            base_timestamp: 1,
            max_timestamp: 1,
            records: Records::Data((0..records).map(|_| record.clone()).collect()),
            size_bytes: 100,
        });
        let leader_epoch = LeaderEpoch(0);
        Input::Fetched(Fetched {
            leader_epoch,
            fetch_offset: Offset(fetch_offset),
            records: vec![Batch { base_offset: Offset(base_offset), leader_epoch, body }],
            high_watermark: Offset::ZERO,
            log_start_offset: Offset::ZERO,
            diverging: None,
        })
    }

    /// Logs that differ need not be cut into the same batches.
    #[test]
    fn batches_that_do_not_go_on_at_the_end_stop_the_copying() {
        let partition = TopicPartition::new(TopicId(7), 0);
        let image = DiskImage::default();
        let log = Log::recover(partition, LogConfig::default(), &image, true, &mut Vec::new());
        let mut replica = Replica::new(ReplicaConfig::new(BrokerId(2)), log, Offset::ZERO);
        let state = Arc::new(PartitionState {
            replicas: [1, 2].map(BrokerId).to_vec(),
            in_sync: [1, 2].map(BrokerId).into_iter().collect(),
            eligible: BrokerSet::default(),
            last_known: Vec::new(),
            leader: Some(BrokerId(1)),
            recovering: false,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
        });
        let mut step = |input| {
            let mut effects = Vec::new();
            replica.step(Now::default(), input, &mut effects);
            effects
        };
        step(Input::MetadataChanged { state, min_in_sync: 1 });
        let effects = step(fetched(0, 0, 2));
        assert!(matches!(effects.last(), Some(Effect::Position(at)) if at.fetch_offset.0 == 2));
        let effects = step(fetched(2, 1, 3));
        assert_eq!(effects, [Effect::StopFetching { leader: BrokerId(1) }]);
        assert_eq!(replica.log().end_offset(), Offset(2));
        assert_eq!(replica.fetching_from(), None);
    }
}
