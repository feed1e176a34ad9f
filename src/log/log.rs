//! The log of one replica: its state, how it begins and ends, and what it says of itself.

use std::sync::Arc;

use crate::event::{ChainHash, Kind};
use crate::log::batches::Batches;
use crate::log::config::LogConfig;
use crate::log::effect::LogEffect;
use crate::log::epoch_cache::EpochCache;
use crate::log::producer_state::ProducerState;
use crate::log::segment::Segment;
use crate::message::{Checkpoint, DiskError, DiskOperation, FileName};
use crate::types::{LeaderEpoch, Offset, TopicPartition};

/// The log of one replica of a partition, or of one member of the metadata quorum.
///
/// The high watermark is not the log's: the replica that owns it knows the rules by which it
/// moves.
///
/// Source: Kafka 4.1, `UnifiedLog`, `LocalLog`.
#[derive(Clone, Debug)]
pub struct Log {
    pub(super) partition: TopicPartition,
    pub(super) config: LogConfig,
    /// `logStartOffset`; at or above the first segment's base.
    pub(super) start: Offset,
    /// `recoveryPoint`: everything below was flushed.
    pub(super) recovery_point: Offset,
    /// When it was last seen that something had been flushed, by the wall clock in milliseconds,
    /// and the recovery point then.
    pub(super) flushed: Option<(i64, Offset)>,
    pub(super) batches: Batches,
    /// All segments, at least one; the last takes what is appended.
    pub(super) segments: Vec<Segment>,
    pub(super) epochs: EpochCache,
    pub(super) producers: ProducerState,
    /// What a write is told now, if it fails.
    pub(super) storage: Option<DiskError>,
    /// Whether an append has failed: the log takes no other (KAFKA-10778).
    pub(super) is_offline: bool,
}

impl Log {
    /// What a write to the disk is told from here on; the world says so beforehand.
    pub fn set_storage(&mut self, error: Option<DiskError>) {
        self.storage = error;
    }

    /// A new log on a disk that has none of `partition`: writes `partition.metadata` and the first
    /// segment.
    pub fn create(partition: TopicPartition, config: LogConfig, out: &mut Vec<LogEffect>) -> Self {
        let log = Self::empty(partition, config, Offset::ZERO);
        let content = Checkpoint::PartitionMetadata(partition.topic_id);
        out.push(LogEffect::write(FileName::PartitionMetadata(partition), content, false));
        out.push(LogEffect::Disk(DiskOperation::Create { file: log.file(Offset::ZERO) }));
        log
    }

    /// A log without records that begins at `start`; nothing is asked of the disk.
    pub(super) fn empty(partition: TopicPartition, config: LogConfig, start: Offset) -> Self {
        Self {
            partition,
            config,
            start,
            recovery_point: start,
            flushed: None,
            batches: Batches::new(start),
            segments: vec![Segment::new(start)],
            epochs: EpochCache::default(),
            producers: ProducerState::new(start, Arc::default()),
            storage: None,
            is_offline: false,
        }
    }

    /// The partition.
    pub fn partition(&self) -> TopicPartition {
        self.partition
    }

    /// Its configuration.
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Takes a changed configuration, which counts from the next append on.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// `logStartOffset`: the first offset that may be read.
    pub fn start_offset(&self) -> Offset {
        self.start
    }

    /// `logEndOffset`: the next offset to be written.
    pub fn end_offset(&self) -> Offset {
        self.batches.end()
    }

    /// The latest epoch that the leader-epoch cache knows; its first record may be still to come.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest().map(|(epoch, _)| epoch)
    }

    /// The leader-epoch cache: epochs and their start offsets, both ascending.
    pub fn epochs(&self) -> &[(LeaderEpoch, Offset)] {
        self.epochs.entries()
    }

    /// `recoveryPoint`: everything below is flushed, or asked to be. Belongs into the checkpoint
    /// `FileName::RecoveryPoints`.
    pub fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    /// What belongs into the checkpoint `FileName::LogStarts`: the start, when the first segment's
    /// name does not say it.
    pub fn start_offset_to_checkpoint(&self) -> Option<Offset> {
        (self.start > self.segments[0].base_offset).then_some(self.start)
    }

    /// `offset`, moved into the log if it lies outside, as a high watermark from a checkpoint or
    /// from a leader is.
    pub fn clamp(&self, offset: Offset) -> Offset {
        offset.clamp(self.start, self.end_offset())
    }

    /// Hash of the whole log.
    pub fn chain_at_end(&self) -> ChainHash {
        self.batches.chain()
    }

    /// Hash of the log up to `offset`; `None` when no batch ends there.
    pub fn chain_at(&self, offset: Offset) -> Option<ChainHash> {
        self.batches.chain_at(offset)
    }

    /// The bases of its segments, ascending; at least one.
    pub fn segment_bases(&self) -> impl Iterator<Item = Offset> {
        self.segments.iter().map(|segment| segment.base_offset)
    }

    /// Says that `epoch` begins at `start`, which a new leader does before its first record
    /// (KAFKA-7415). The checkpoint is written before anything else happens on the lane.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `LeaderEpochFileCache.assign`.
    pub fn assign_epoch(&mut self, epoch: LeaderEpoch, start: Offset, out: &mut Vec<LogEffect>) {
        if self.epochs.assign(epoch, start) {
            self.write_epochs(true, out);
        }
    }

    /// The largest epoch up to `epoch`, and where it ends in this log; `None` when the log cannot
    /// say: see KIP-101.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `LeaderEpochFileCache.endOffsetFor`.
    pub fn end_offset_for_epoch(
        &self,
        epoch: Option<LeaderEpoch>,
    ) -> Option<(LeaderEpoch, Offset)> {
        self.epochs.end_offset_for(epoch, self.end_offset())
    }

    /// Forgets producers that have been idle for `producer.id.expiration.ms` at `wall_millis`;
    /// due every `producer.id.expiration.check.interval.ms` (10 minutes).
    pub fn expire_producers(&mut self, wall_millis: i64) {
        self.producers.expire(wall_millis, self.config.producer_id_expiration);
    }

    /// Removes all its files: the replica is given up.
    pub fn delete(self, out: &mut Vec<LogEffect>) {
        let snapshots = self.producers.snapshots().keys().copied();
        let files = self
            .segment_bases()
            .map(|base| self.file(base))
            .chain(snapshots.map(|at| FileName::ProducerSnapshot(self.partition, at)))
            .chain((!self.epochs.entries().is_empty()).then_some(self.epochs_file()))
            .chain([FileName::PartitionMetadata(self.partition)]);
        out.extend(files.map(|file| LogEffect::Disk(DiskOperation::Delete { file })));
    }

    /// The file of the segment that begins at `base`.
    pub(super) fn file(&self, base: Offset) -> FileName {
        FileName::Segment(self.partition, base)
    }

    /// The file of the leader-epoch cache.
    pub(super) fn epochs_file(&self) -> FileName {
        FileName::LeaderEpochs(self.partition)
    }

    /// The segment that takes what is appended.
    pub(super) fn active(&self) -> &Segment {
        self.segments.last().expect("a log has a segment")
    }

    /// Writes the leader-epoch cache, which has changed.
    pub(super) fn write_epochs(&self, blocking: bool, out: &mut Vec<LogEffect>) {
        let content = Checkpoint::LeaderEpochs(self.epochs.entries().to_vec());
        out.push(LogEffect::write(self.epochs_file(), content, blocking));
        out.push(LogEffect::Event(self.epochs_event()));
    }

    /// The event that describes the leader-epoch cache.
    pub(super) fn epochs_event(&self) -> Kind {
        let latest = self.epochs.latest();
        Kind::EpochCacheChanged {
            partition: self.partition,
            entries: u32::try_from(self.epochs.entries().len()).expect("epochs are 31 bits"),
            last_epoch: latest.map(|(epoch, _)| epoch),
            last_start: latest.map(|(_, start)| start),
        }
    }

    /// Takes a producer snapshot, if the log has grown since the last.
    pub(super) fn snapshot_producers(&mut self, out: &mut Vec<LogEffect>) {
        if let Some((at, entries)) = self.producers.take_snapshot() {
            let file = FileName::ProducerSnapshot(self.partition, at);
            let content = Checkpoint::Producers(entries.to_vec());
            out.push(LogEffect::write(file, content, false));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::log::append::SequenceCheck;
    use crate::message::{Batch, BatchBody, ProducerStamp, Record, Records};
    use crate::types::{BatchId, TopicId};

    /// A batch that is not placed yet: `records` records of 100 bytes, at second `id`.
    pub(in crate::log) fn batch(id: u64, records: usize) -> Batch {
        stamped(id, records, None)
    }

    /// A batch of an idempotent producer.
    pub(in crate::log) fn stamped(
        id: u64,
        records: usize,
        producer: Option<ProducerStamp>,
    ) -> Batch {
        let timestamp = 1000 * i64::try_from(id).unwrap();
        let value = Some(Bytes::from_static(b"v"));
        let record = Record { key: None, value, headers: Box::default(), timestamp };
        Batch::unplaced(Arc::new(BatchBody {
            id: BatchId(id),
            producer,
            base_timestamp: timestamp,
            max_timestamp: timestamp,
            records: Records::Data(vec![record; records]),
            size_bytes: Batch::OVERHEAD_BYTES + 100 * u32::try_from(records).unwrap(),
        }))
    }

    pub(in crate::log) const PARTITION: TopicPartition =
        TopicPartition { topic_id: TopicId(7), partition: crate::types::PartitionIndex(0) };

    /// Appends as the leader of `epoch`.
    pub(in crate::log) fn append(log: &mut Log, batch: &Batch, epoch: i32) -> Vec<LogEffect> {
        let mut out = Vec::new();
        let body = Arc::clone(&batch.body);
        log.append_as_leader(body, LeaderEpoch(epoch), 0, SequenceCheck::Client, &mut out).unwrap();
        assert!(log.audit(), "{log:?}");
        out
    }

    /// The disk operations among `effects`, in short.
    pub(in crate::log) fn operations(effects: &[LogEffect]) -> Vec<String> {
        let short = |file: &FileName| match file {
            FileName::Segment(_, base) => format!("segment {base}"),
            FileName::LeaderEpochs(_) => "epochs".to_owned(),
            FileName::ProducerSnapshot(_, at) => format!("snapshot {at}"),
            other => format!("{other:?}"),
        };
        let line = |operation: &DiskOperation| match operation {
            DiskOperation::Create { file } => format!("create {}", short(file)),
            DiskOperation::Append { file, .. } => format!("append {}", short(file)),
            DiskOperation::AppendInVain { file, .. } => format!("append in vain {}", short(file)),
            DiskOperation::Truncate { file, end } => format!("cut {} at {end}", short(file)),
            DiskOperation::Delete { file } => format!("delete {}", short(file)),
            DiskOperation::Flush { file, blocking: true, .. } => format!("flush! {}", short(file)),
            DiskOperation::Flush { file, .. } => format!("flush {}", short(file)),
            DiskOperation::Write { file, blocking: true, .. } => format!("write! {}", short(file)),
            DiskOperation::Write { file, .. } => format!("write {}", short(file)),
        };
        effects
            .iter()
            .filter_map(|effect| match effect {
                LogEffect::Disk(operation) => Some(line(operation)),
                LogEffect::Event(_) => None,
            })
            .collect()
    }

    /// A log with `batches` batches of two records, 261 bytes each, three to a segment.
    pub(in crate::log) fn filled(batches: u64) -> Log {
        let config = LogConfig { segment_bytes: 800, ..LogConfig::default() };
        let mut log = Log::create(PARTITION, config, &mut Vec::new());
        for id in 0..batches {
            append(&mut log, &batch(id, 2), 1);
        }
        log
    }

    #[test]
    fn a_new_log_writes_its_mark_and_its_first_segment() {
        let mut out = Vec::new();
        let mut log = Log::create(PARTITION, LogConfig::default(), &mut out);
        assert!(log.audit());
        let mark = format!("write {:?}", FileName::PartitionMetadata(PARTITION));
        assert_eq!(operations(&out), [mark.as_str(), "create segment 0"]);
        let out = append(&mut log, &batch(1, 3), 0);
        assert_eq!(operations(&out), ["write! epochs", "append segment 0"]);
        assert_eq!((log.end_offset(), log.latest_epoch()), (Offset(3), Some(LeaderEpoch(0))));
    }

    #[test]
    fn a_given_up_replica_leaves_no_file() {
        let log = filled(4);
        let mut out = Vec::new();
        log.delete(&mut out);
        let mark = format!("delete {:?}", FileName::PartitionMetadata(PARTITION));
        let expected =
            ["delete segment 0", "delete segment 6", "delete snapshot 6", "delete epochs", &mark];
        assert_eq!(operations(&out), expected);
    }
}
