//! The leader's side: what it takes from producers, when the high watermark moves, what it tells
//! those who ask for offsets.

use std::sync::Arc;

use crate::event::{About, AckMode, Kind, ProducerOutcome};
use crate::log::SequenceCheck;
use crate::message::BatchBody;
use crate::protocol::replica::effect::{Effect, ListedOffset};
use crate::protocol::replica::machine::{Leading, Replica, Role, event};
use crate::types::{ConnectionId, Deed, Defect, DefectSet, ErrorCode, LeaderEpoch, Now, Offset};

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
        let stamped = first.map_or(self.leader_epoch, |(epoch, _)| *epoch);
        if stamped != self.leader_epoch {
            Deed::note(Defect::OldEpochStamped, self.partition());
        }
        stamped
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
        let (partition, high_watermark) = (self.partition(), self.high_watermark);
        let min_in_sync = self.min_in_sync();
        let Role::Leader(leading) = &mut self.role else { unreachable!("only a leader appends") };
        if is_early {
            if required > high_watermark {
                Deed::note(Defect::AckBeforeInSync, partition);
            }
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
        let defects = self.config.defects;
        let next = self.next_high_watermark(now, defects);
        if defects != DefectSet::NONE {
            self.note_high_watermark(now, next);
        }
        if let Some(next) = next.filter(|next| *next > self.high_watermark) {
            self.set_high_watermark(next, effects);
            self.acknowledge(effects);
        }
    }

    /// Notes which defect the high watermark moves by, or waits by.
    pub(super) fn note_high_watermark(&self, now: Now, next: Option<Offset>) {
        for defect in [
            Defect::LastReplicaStanding,
            Defect::HighWatermarkOverCommitted,
            Defect::ShuttingDownReplicaCounts,
            Defect::FencedInSync,
        ] {
            let defects = self.config.defects;
            if defects.has(defect) {
                let right = self.next_high_watermark(now, defects.without(defect));
                let moved = |to: Option<Offset>| to.filter(|to| *to > self.high_watermark);
                if moved(right) != moved(next) {
                    Deed::note(defect, self.partition());
                }
            }
        }
    }

    /// Where the high watermark would be moved to, unless it is there.
    pub(super) fn next_high_watermark(&self, now: Now, defects: DefectSet) -> Option<Offset> {
        let Role::Leader(leading) = &self.role else { return None };
        let too_few = leading.in_sync.recorded.len() < self.min_in_sync();
        if too_few && !defects.has(Defect::LastReplicaStanding) {
            return None;
        }
        let end = self.log.end_offset();
        let overlooked =
            leading.in_sync.joining().filter(|_| defects.has(Defect::HighWatermarkOverCommitted));
        let lag_max = self.config.replica_lag_time_max;
        let waits_for_all = defects.has(Defect::ShuttingDownReplicaCounts);
        let mut lowest = end;
        for (broker, follower) in &leading.followers {
            let counts = || {
                leading.in_sync.maximal.contains(*broker)
                    || (follower.is_caught_up(now.wall, end, lag_max)
                        && (self.is_eligible(*broker, follower, defects) || waits_for_all))
            };
            let is_behind = follower.log_end.is_none_or(|follower_end| follower_end < lowest);
            if is_behind && Some(*broker) != overlooked && counts() {
                lowest = follower.log_end?;
            }
        }
        Some(lowest)
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
        let is_stale = !by_follower
            && leading.epoch_start > self.high_watermark
            && !self.config.defects.acts(Defect::OffsetAvailableTooSoon, self.partition());
        let refused = if is_stale { Err(ErrorCode::OffsetNotAvailable) } else { Ok(None) };
        match timestamp {
            LATEST_TIMESTAMP => refused.map(|_: Option<ListedOffset>| {
                let leader_epoch = Some(self.leader_epoch);
                Some(ListedOffset { offset: bound, timestamp: None, leader_epoch })
            }),
            EARLIEST_TIMESTAMP | EARLIEST_LOCAL_TIMESTAMP => {
                // Of an empty log, too: its leader has noted its epoch.
                let first = self.log.epochs().first().filter(|(_, begins)| *begins <= start);
                let leader_epoch = first.map(|(epoch, _)| *epoch);
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

    /// Records what a client is told who asks for the latest offset.
    pub(super) fn tell_of_latest(
        &self,
        request: ConnectionId,
        timestamp: i64,
        by_follower: bool,
        result: &Result<Option<ListedOffset>, ErrorCode>,
        effects: &mut Vec<Effect>,
    ) {
        if timestamp != LATEST_TIMESTAMP || by_follower || !self.is_leader() {
            return;
        }
        let kind = Kind::LatestOffsetTold {
            partition: self.partition(),
            leader_epoch: self.leader_epoch,
            offset: result.as_ref().ok().and_then(|listed| listed.as_ref()).map(|l| l.offset),
            error: result.as_ref().err().copied().unwrap_or(ErrorCode::None),
        };
        effects.push(Effect::Event { kind, about: About::Request(request) });
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::log::{Log, LogConfig};
    use crate::message::{
        DiskImage, InSyncProposal, PartitionFetch, PartitionState, Reader, Record, Records,
        Standing,
    };
    use crate::protocol::machine::Machine;
    use crate::protocol::replica::config::ReplicaConfig;
    use crate::protocol::replica::input::Input;
    use crate::types::{
        BatchId, BrokerEpoch, BrokerId, HostId, PartitionEpoch, TopicId, TopicPartition,
    };

    const REQUEST: ConnectionId = ConnectionId { opener: HostId(9), number: 1 };

    /// Broker 1 of three, with one partition; `min.insync.replicas` is 2. Broker `n` is registered
    /// with the epoch `10 n`.
    struct Scene {
        now: Now,
        replica: Replica,
        standings: BTreeMap<BrokerId, Standing>,
        partition_epoch: i32,
    }

    impl Scene {
        /// Broker 1 leads in epoch 0.
        fn led(in_sync: &[i32], defects: &[Defect]) -> Self {
            let partition = TopicPartition::new(TopicId(7), 0);
            let image = DiskImage::default();
            let log = Log::recover(partition, LogConfig::default(), &image, true, &mut Vec::new());
            let defects = defects.iter().copied().collect();
            let config = ReplicaConfig { defects, ..ReplicaConfig::new(BrokerId(1)) };
            let mut scene = Self {
                now: Now::default().after(Duration::from_secs(1)),
                replica: Replica::new(config, log, Offset::ZERO),
                standings: BTreeMap::new(),
                partition_epoch: 0,
            };
            for broker in 1..=3 {
                scene.register(broker, 10 * i64::from(broker));
            }
            scene.metadata(1, 0, in_sync);
            scene
        }

        fn step(&mut self, input: Input) -> Vec<Effect> {
            let mut effects = Vec::new();
            self.replica.step(self.now, input, &mut effects);
            effects
        }

        fn register(&mut self, broker: i32, epoch: i64) {
            let broker_epoch = BrokerEpoch(epoch);
            let standing = Standing { broker_epoch, fenced: false, in_controlled_shutdown: false };
            self.standings.insert(BrokerId(broker), standing);
            let standings = Arc::new(self.standings.clone());
            self.step(Input::StandingsChanged { standings });
        }

        fn metadata(&mut self, leader: i32, epoch: i32, in_sync: &[i32]) -> Vec<Effect> {
            self.partition_epoch += 1;
            let state = Arc::new(PartitionState {
                replicas: [1, 2, 3].map(BrokerId).to_vec(),
                in_sync: in_sync.iter().copied().map(BrokerId).collect(),
                eligible: std::iter::empty().collect(),
                last_known: Vec::new(),
                leader: Some(BrokerId(leader)),
                recovering: false,
                leader_epoch: LeaderEpoch(epoch),
                partition_epoch: PartitionEpoch(self.partition_epoch),
            });
            self.step(Input::MetadataChanged { state, min_in_sync: 2 })
        }

        fn produce(&mut self, acks: AckMode) -> Result<Offset, ErrorCode> {
            let record = Record { key: None, value: None, headers: Box::default(), timestamp: 1 };
            let body = Arc::new(BatchBody {
                id: BatchId(1),
                producer: None,
                base_timestamp: 1,
                max_timestamp: 1,
                records: Records::Data(vec![record]),
                size_bytes: 100,
            });
            let effects = self.step(Input::Produce { request: REQUEST, body, acks });
            let result = effects.into_iter().find_map(|effect| {
                let Effect::Produced { result, .. } = effect else { return None };
                Some(result)
            });
            result.unwrap()
        }

        /// `broker` fetches from `offset` under the registration `epoch`: the answer, and what the
        /// leader then proposes.
        fn fetch(
            &mut self,
            broker: i32,
            epoch: i64,
            offset: i64,
        ) -> (ErrorCode, Option<InSyncProposal>) {
            let broker_epoch = Some(BrokerEpoch(epoch));
            let fetch = PartitionFetch {
                reader: Reader::Follower { broker: BrokerId(broker), broker_epoch },
                leader_epoch: self.replica.leader_epoch(),
                fetch_offset: Offset(offset),
                last_fetched_epoch: None,
                log_start_offset: Some(Offset::ZERO),
                max_bytes: 0,
                at_least_one: false,
                is_reread: false,
            };
            let (mut error, mut proposed) = (None, None);
            for effect in self.step(Input::Fetch { request: REQUEST, fetch }) {
                if let Effect::Fetched { result, .. } = effect {
                    error = Some(result.error);
                } else if let Effect::ProposeInSync(proposal) = effect {
                    proposed = Some(proposal);
                }
            }
            (error.unwrap(), proposed)
        }

        fn high_watermark(&self) -> i64 {
            self.replica.high_watermark().0
        }

        fn latest(&self, by_follower: bool) -> Result<Offset, ErrorCode> {
            let listed = self.replica.list_offset(None, LATEST_TIMESTAMP, by_follower);
            listed.map(|listed| listed.unwrap().offset)
        }
    }

    #[test]
    fn acks_all_is_refused_below_min_in_sync_before_anything_is_appended() {
        let mut scene = Scene::led(&[1], &[]);
        assert_eq!(scene.produce(AckMode::All), Err(ErrorCode::NotEnoughReplicas));
        assert_eq!(scene.replica.log().end_offset(), Offset::ZERO);
        assert_eq!(scene.produce(AckMode::Leader), Ok(Offset::ZERO));
        assert_eq!(scene.replica.log().end_offset(), Offset(1));
        let mut enough = Scene::led(&[1, 2], &[]);
        assert_eq!(enough.produce(AckMode::All), Ok(Offset::ZERO));
    }

    /// Only a high watermark that moves below `min.insync.replicas`, as it did before KIP-966, lets
    /// the wait end like this.
    #[test]
    fn acks_all_is_told_that_the_in_sync_set_shrank_after_the_append() {
        let mut scene = Scene::led(&[1, 2], &[Defect::LastReplicaStanding]);
        assert_eq!(scene.produce(AckMode::All), Ok(Offset::ZERO));
        let effects = scene.metadata(1, 0, &[1]);
        let error = ErrorCode::NotEnoughReplicasAfterAppend;
        assert!(effects.contains(&Effect::Acknowledged { request: REQUEST, error }), "{effects:?}");
        assert_eq!(scene.high_watermark(), 1);
    }

    #[test]
    fn only_the_registered_process_of_a_follower_joins() {
        let mut scene = Scene::led(&[1, 3], &[]);
        // It has registered anew, and this broker's metadata is behind.
        assert_eq!(scene.fetch(2, 21, 0), (ErrorCode::None, None));
        scene.register(2, 21);
        let (_, proposed) = scene.fetch(2, 21, 0);
        let in_sync = proposed.unwrap().in_sync;
        assert!(in_sync.contains(&(BrokerId(2), Some(BrokerEpoch(21)))), "{in_sync:?}");
    }

    #[test]
    fn a_fetch_of_a_process_of_the_past_does_not_count() {
        let mut scene = Scene::led(&[1, 2], &[]);
        scene.produce(AckMode::Leader).unwrap();
        scene.register(2, 21);
        assert_eq!(scene.fetch(2, 20, 1), (ErrorCode::NotLeaderOrFollower, None));
        assert_eq!(scene.high_watermark(), 0);
        assert_eq!(scene.fetch(2, 21, 1), (ErrorCode::None, None));
        assert_eq!(scene.high_watermark(), 1);
    }

    #[test]
    fn high_watermark_waits_for_whoever_is_caught_up_and_about_to_join() {
        let mut scene = Scene::led(&[1, 3], &[]);
        let (_, proposed) = scene.fetch(2, 20, 0);
        let result = Err(ErrorCode::IneligibleReplica);
        scene.step(Input::AlterPartitionAnswered { proposal: proposed.unwrap(), result });
        scene.produce(AckMode::Leader).unwrap();
        scene.fetch(3, 30, 1);
        assert_eq!(scene.high_watermark(), 0);
        // Not for longer than replica.lag.time.max.ms.
        scene.now = scene.now.after(Duration::from_secs(31));
        scene.produce(AckMode::Leader).unwrap();
        scene.fetch(3, 30, 2);
        assert_eq!(scene.high_watermark(), 2);
    }

    #[test]
    fn a_new_leader_names_no_end_before_its_high_watermark_is_at_its_epochs_start() {
        let mut scene = Scene::led(&[1, 2], &[]);
        scene.produce(AckMode::Leader).unwrap();
        scene.metadata(2, 1, &[1, 2]);
        scene.metadata(1, 2, &[1, 2]);
        assert_eq!(scene.latest(false), Err(ErrorCode::OffsetNotAvailable));
        let beyond = scene.replica.list_offset(None, 1, false);
        assert_eq!(beyond, Err(ErrorCode::OffsetNotAvailable));
        assert_eq!(scene.latest(true), Ok(Offset(1)));
        scene.fetch(2, 20, 1);
        assert_eq!(scene.latest(false), Ok(Offset(1)));
    }
}
