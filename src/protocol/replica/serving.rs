//! Serving fetches: the checks in Kafka's order, what is read, what a follower's fetch tells.

use crate::event::{About, Kind};
use crate::message::{Batch, FetchResult, PartitionFetch, Reader};
use crate::protocol::replica::effect::Effect;
use crate::protocol::replica::machine::{Replica, Role};
use crate::types::{BrokerEpoch, BrokerId, ConnectionId, Deed, Defect, ErrorCode, Now};

impl Replica {
    /// Source: Kafka 4.1, `Partition.fetchRecords`, `ReplicaManager.readFromLog`.
    pub(super) fn on_fetch(
        &mut self,
        now: Now,
        request: ConnectionId,
        fetch: &PartitionFetch,
        effects: &mut Vec<Effect>,
    ) {
        // What is read, high watermark and all, is what there was before the fetch is counted.
        let mut result = self.read(fetch).unwrap_or_else(FetchResult::refused);
        if let Reader::Follower { broker, broker_epoch } = fetch.reader {
            if let Some((leader_epoch, end_offset)) = result.diverging {
                let kind = Kind::FetchDiverged {
                    partition: self.partition(),
                    follower: broker,
                    leader_epoch,
                    end_offset,
                };
                effects.push(Effect::Event { kind, about: About::Request(request) });
            } else if self.is_foreign(fetch) {
                self.count_foreign(now, fetch, effects);
            } else if result.error == ErrorCode::None && !fetch.is_reread {
                let counted =
                    self.count_follower(now, request, broker, broker_epoch, fetch, effects);
                if let Err(error) = counted {
                    result = FetchResult::refused(error);
                }
            }
        }
        effects.push(Effect::Fetched { request, result });
    }

    fn read(&self, fetch: &PartitionFetch) -> Result<FetchResult, ErrorCode> {
        let defects = self.config.defects;
        let knows_epochs = !defects.has(Defect::TruncateToHighWatermark);
        let is_served = defects.has(Defect::ServeOldEpoch) && fetch.reader != Reader::Consumer;
        if let Err(error) = self.check_epoch(fetch.leader_epoch) {
            let about = self.partition();
            let is_let_in = !self.fences_fetches() && knows_epochs;
            if is_let_in {
                Deed::note(Defect::UnfencedFetch, about);
            } else if is_served {
                Deed::note(Defect::ServeOldEpoch, about);
            } else if self.fences_fetches() {
                return Err(error);
            }
        }
        if fetch.leader_epoch.is_none() && fetch.reader != Reader::Consumer {
            // It cannot know whether the sender is in an older epoch.
            defects.acts(Defect::FirstTry, self.partition());
        }
        match (fetch.reader, &self.role) {
            (Reader::Follower { broker, .. }, Role::Leader(leading)) => {
                // A replica that the sender knows of and this broker does not yet (KAFKA-13837).
                if !leading.followers.contains_key(&broker) {
                    return Err(match fetch.leader_epoch {
                        Some(_) => ErrorCode::UnknownLeaderEpoch,
                        None => ErrorCode::NotLeaderOrFollower,
                    });
                }
            }
            (Reader::Follower { .. }, _) | (Reader::Consumer, Role::Unassigned) => {
                return Err(ErrorCode::NotLeaderOrFollower);
            }
            (Reader::Consumer, Role::Leader(_) | Role::Follower(_) | Role::Leaderless) => {}
        }
        let (start, end) = (self.log.start_offset(), self.log.end_offset());
        let offset = fetch.fetch_offset;
        let mut result = FetchResult {
            error: ErrorCode::None,
            records: Vec::new(),
            high_watermark: Some(self.high_watermark),
            log_start_offset: Some(start),
            diverging: None,
        };
        if let Some(last_epoch) = fetch.last_fetched_epoch.filter(|_| knows_epochs) {
            let known = self.log.end_offset_for_epoch(Some(last_epoch));
            let (epoch, epoch_end) = known.ok_or(ErrorCode::OffsetOutOfRange)?;
            if offset < start {
                return Err(ErrorCode::OffsetOutOfRange);
            }
            if epoch < last_epoch || epoch_end < offset {
                result.diverging = Some((epoch, epoch_end));
                return Ok(result);
            }
        }
        if offset < start || offset > end {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let sees_all = match fetch.reader {
            Reader::Follower { .. } => true,
            Reader::Consumer => defects.has(Defect::ReadBeyondHighWatermark),
        };
        let bound = if sees_all { end } else { self.high_watermark.min(end) };
        if fetch.max_bytes > 0 && offset < bound {
            result.records = self.log.read(offset, bound, fetch.max_bytes);
            let is_beyond = |batch: &Batch| batch.end_offset() > self.high_watermark;
            if fetch.reader == Reader::Consumer && result.records.iter().any(is_beyond) {
                defects.acts(Defect::ReadBeyondHighWatermark, self.partition());
            }
            let fits = result.size_bytes() <= u64::from(fetch.max_bytes);
            if !fits && !fetch.at_least_one {
                result.records.clear();
            }
        }
        Ok(result)
    }

    /// Takes a follower's fetch as news of its log end; may let it join, may move the high
    /// watermark.
    ///
    /// Source: Kafka 4.1, `Partition.updateFollowerFetchState`.
    fn count_follower(
        &mut self,
        now: Now,
        request: ConnectionId,
        broker: BrokerId,
        broker_epoch: Option<BrokerEpoch>,
        fetch: &PartitionFetch,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        // Without a name it cannot be told from a process of the past.
        let alive = self.standings.get(&broker).filter(|standing| !standing.fenced);
        if let (Some(fetched_as), Some(standing)) = (broker_epoch, alive)
            && standing.broker_epoch > fetched_as
            && !self.config.defects.acts(Defect::StaleBrokerEpoch, self.partition())
        {
            // It comes from a process of the past: the broker has registered anew since, perhaps
            // with less in its log (KIP-903).
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let broker_epoch =
            broker_epoch.filter(|_| !self.config.defects.has(Defect::StaleBrokerEpoch));
        let leader_end = self.log.end_offset();
        let partition = self.partition();
        let Role::Leader(leading) = &mut self.role else { return Ok(()) };
        let Some(follower) = leading.followers.get_mut(&broker) else { return Ok(()) };
        let (before, start_before) = (follower.log_end, follower.log_start);
        let offset = fetch.fetch_offset;
        follower.fetched(now.wall, offset, fetch.log_start_offset, leader_end, broker_epoch);
        if Some(offset) > before {
            let kind =
                Kind::FollowerCounted { partition, follower: broker, log_end_offset: offset };
            effects.push(Effect::Event { kind, about: About::Request(request) });
        }
        if fetch.log_start_offset != start_before {
            self.announce_low_watermark(effects);
        }
        self.expand_for(broker, effects);
        if Some(offset) != before {
            self.advance_high_watermark(now, effects);
        }
        Ok(())
    }
}
