//! Deleting from the front: retention on every replica, DeleteRecords on the leader, which waits
//! until all who live have followed.

use crate::event::{About, Kind, StartMovedBecause};
use crate::protocol::replica::effect::{Effect, LowWatermark};
use crate::protocol::replica::machine::{Replica, Role};
use crate::types::{ConnectionId, ErrorCode, Now, Offset};

impl Replica {
    /// Retention works on leaders and followers alike, each by its own clock.
    ///
    /// Source: Kafka 4.1, `LogManager.cleanupLogs`.
    pub(super) fn on_retention_check(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let before = self.log.start_offset();
        let (wall, high_watermark) = (now.wall.millis(), self.high_watermark);
        self.with_log(About::Nothing, effects, |log, out| {
            log.delete_old_segments(wall, high_watermark, out);
        });
        if self.log.start_offset() > before {
            self.announce_start(effects);
        }
    }

    /// Source: Kafka 4.1, `Partition.deleteRecordsOnLeader`.
    pub(super) fn on_delete_records(
        &mut self,
        request: ConnectionId,
        asked: Option<Offset>,
        effects: &mut Vec<Effect>,
    ) {
        let required = asked.unwrap_or(self.high_watermark);
        let error = if !self.is_leader() {
            ErrorCode::NotLeaderOrFollower
        } else if required > self.high_watermark || required < Offset::ZERO {
            ErrorCode::OffsetOutOfRange
        } else {
            ErrorCode::None
        };
        let is_right = error == ErrorCode::None;
        let start = self.log.start_offset().max(required);
        let reached = if is_right { self.low_watermark_from(start) } else { None };
        let kind = Kind::DeleteRecordsHandled {
            partition: self.partition(),
            asked,
            error,
            low_watermark: reached,
        };
        let about = About::Request(request);
        effects.push(Effect::Event { kind, about });
        if is_right {
            self.with_log(about, effects, |log, out| {
                log.advance_start_to(required, StartMovedBecause::DeleteRecords, out);
            });
        }
        let result = if is_right { Ok(LowWatermark { required, reached }) } else { Err(error) };
        effects.push(Effect::RecordsDeleted { request, result });
    }

    /// The smallest log start of this leader and of the followers that live; `None` as long as one
    /// of them has not told its own.
    ///
    /// Source: Kafka 4.1, `Partition.lowWatermarkIfLeader`.
    fn low_watermark_from(&self, start: Offset) -> Option<Offset> {
        let Role::Leader(leading) = &self.role else { return None };
        let lives = |broker| self.standings.get(broker).is_some_and(|standing| !standing.fenced);
        let followers = leading.followers.iter().filter(|(broker, _)| lives(broker));
        followers.map(|(_, follower)| follower.log_start).fold(Some(start), Ord::min)
    }

    /// A follower's log start, or this leader's, is another than before.
    pub(super) fn announce_low_watermark(&self, effects: &mut Vec<Effect>) {
        if let Some(offset) = self.low_watermark_from(self.log.start_offset()) {
            effects.push(Effect::LowWatermarkMoved { offset });
        }
    }

    /// Who must hear of a log start that moved without a fetch.
    fn announce_start(&self, effects: &mut Vec<Effect>) {
        match &self.role {
            Role::Leader(_) => self.announce_low_watermark(effects),
            Role::Follower(_) => {
                effects.push(Effect::LogStartMoved { offset: self.log.start_offset() });
            }
            Role::Unassigned | Role::Leaderless => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::event::AckMode;
    use crate::log::{Log, LogConfig};
    use crate::message::{
        BatchBody, DiskImage, PartitionFetch, PartitionState, Reader, Record, Records, Standing,
    };
    use crate::protocol::machine::Machine;
    use crate::protocol::replica::config::ReplicaConfig;
    use crate::protocol::replica::input::Input;
    use crate::types::{
        BatchId, BrokerEpoch, BrokerId, HostId, LeaderEpoch, PartitionEpoch, TopicId,
        TopicPartition,
    };

    const REQUEST: ConnectionId = ConnectionId { opener: HostId(9), number: 1 };

    fn step(replica: &mut Replica, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        replica.step(Now::default(), input, &mut effects);
        effects
    }

    /// Tells of the brokers 1 to 3, all but `fenced` of them alive.
    fn register(replica: &mut Replica, fenced: &[i32]) {
        let standing = |broker: i32| {
            let broker_epoch = BrokerEpoch(10 * i64::from(broker));
            let fenced = fenced.contains(&broker);
            (BrokerId(broker), Standing { broker_epoch, fenced, in_controlled_shutdown: false })
        };
        let standings: BTreeMap<_, _> = (1..=3).map(standing).collect();
        step(replica, Input::StandingsChanged { standings: Arc::new(standings) });
    }

    /// Broker 1 of three, which are all in sync; `leader` leads.
    fn replica(leader: i32) -> Replica {
        let partition = TopicPartition::new(TopicId(7), 0);
        let image = DiskImage::default();
        let log = Log::recover(partition, LogConfig::default(), &image, true, &mut Vec::new());
        let mut replica = Replica::new(ReplicaConfig::new(BrokerId(1)), log, Offset::ZERO);
        register(&mut replica, &[]);
        let state = Arc::new(PartitionState {
            replicas: [1, 2, 3].map(BrokerId).to_vec(),
            in_sync: [1, 2, 3].map(BrokerId).into_iter().collect(),
            eligible: std::iter::empty().collect(),
            last_known: Vec::new(),
            leader: Some(BrokerId(leader)),
            recovering: false,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(1),
        });
        step(&mut replica, Input::MetadataChanged { state, min_in_sync: 2 });
        replica
    }

    /// `follower` has everything up to `offset`, and its own log starts at `log_start`.
    fn fetch(replica: &mut Replica, follower: i32, offset: i64, log_start: i64) -> Option<Offset> {
        let broker_epoch = Some(BrokerEpoch(10 * i64::from(follower)));
        let fetch = PartitionFetch {
            reader: Reader::Follower { broker: BrokerId(follower), broker_epoch },
            leader_epoch: Some(LeaderEpoch(0)),
            fetch_offset: Offset(offset),
            last_fetched_epoch: None,
            log_start_offset: Some(Offset(log_start)),
            max_bytes: 0,
            at_least_one: false,
            is_reread: false,
        };
        let effects = step(replica, Input::Fetch { request: REQUEST, fetch });
        effects.into_iter().find_map(|effect| {
            let Effect::LowWatermarkMoved { offset } = effect else { return None };
            Some(offset)
        })
    }

    fn delete(replica: &mut Replica, offset: Option<i64>) -> Result<LowWatermark, ErrorCode> {
        let offset = offset.map(Offset);
        let effects = step(replica, Input::DeleteRecords { request: REQUEST, offset });
        let told = effects.into_iter().find_map(|effect| {
            let Effect::RecordsDeleted { result, .. } = effect else { return None };
            Some(result)
        });
        told.unwrap()
    }

    /// A leader with four records, of which all replicas have told that they have three.
    fn filled() -> Replica {
        let mut replica = replica(1);
        for id in 0..4 {
            let record = Record { key: None, value: None, headers: Box::default(), timestamp: 1 };
            let body = Arc::new(BatchBody {
                id: BatchId(id),
                producer: None,
                base_timestamp: 1,
                max_timestamp: 1,
                records: Records::Data(vec![record]),
                size_bytes: 100,
            });
            step(&mut replica, Input::Produce { request: REQUEST, body, acks: AckMode::Leader });
        }
        fetch(&mut replica, 2, 3, 0);
        fetch(&mut replica, 3, 3, 0);
        assert_eq!(replica.high_watermark(), Offset(3));
        replica
    }

    #[test]
    fn only_a_leader_deletes_and_nothing_above_the_high_watermark() {
        let mut leader = filled();
        assert_eq!(delete(&mut leader, Some(4)), Err(ErrorCode::OffsetOutOfRange));
        assert_eq!(leader.log().start_offset(), Offset::ZERO);
        let (required, reached) = (Offset(3), Some(Offset::ZERO));
        assert_eq!(delete(&mut leader, None), Ok(LowWatermark { required, reached }));
        assert_eq!(leader.log().start_offset(), Offset(3));
        // What is deleted already is no reason to refuse.
        let required = Offset(1);
        assert_eq!(delete(&mut leader, Some(1)), Ok(LowWatermark { required, reached }));
        assert_eq!(leader.log().start_offset(), Offset(3));
        let mut follower = replica(2);
        assert_eq!(delete(&mut follower, Some(0)), Err(ErrorCode::NotLeaderOrFollower));
    }

    #[test]
    fn the_low_watermark_is_that_of_all_who_live() {
        let mut leader = filled();
        delete(&mut leader, Some(2)).unwrap();
        assert_eq!(fetch(&mut leader, 2, 4, 2), Some(Offset::ZERO));
        assert_eq!(fetch(&mut leader, 2, 4, 2), None, "nothing has changed");
        assert_eq!(fetch(&mut leader, 3, 4, 1), Some(Offset(1)));
        register(&mut leader, &[3]);
        let (required, reached) = (Offset(2), Some(Offset(2)));
        assert_eq!(delete(&mut leader, Some(2)), Ok(LowWatermark { required, reached }));
    }

    #[test]
    fn a_follower_that_has_not_told_its_log_start_is_waited_for() {
        let mut leader = replica(1);
        let (required, reached) = (Offset::ZERO, None);
        assert_eq!(delete(&mut leader, None), Ok(LowWatermark { required, reached }));
    }
}
