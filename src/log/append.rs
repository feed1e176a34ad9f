//! Appending: what a leader takes from its clients, what a follower takes from its leader, and
//! when a new segment begins.

use std::sync::Arc;

use crate::event::{DiskFailure, Kind};
use crate::log::effect::LogEffect;
use crate::log::log::Log;
use crate::log::producer_state::{Admission, SequenceError};
use crate::log::segment::Segment;
use crate::message::{Batch, BatchBody, DiskError, DiskOperation};
use crate::types::{Defect, ErrorCode, LeaderEpoch, Offset};

/// Whether a leader looks at a batch's producer stamp before it appends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SequenceCheck {
    /// The batch comes from a producer: epochs and sequences are checked.
    Client,
    /// The batch comes from the node itself, as all of the metadata log's do.
    None,
}

/// Where a batch stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// The offset after its last record: the high watermark that acks=all waits for. For a
    /// duplicate that is not the end of the log.
    pub end_offset: Offset,
    /// Whether it stood there before, and nothing was appended.
    pub duplicate: bool,
}

/// Why a leader refuses a batch. The log is as it was, but for a segment that may have been rolled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendError {
    /// It is larger than `max.message.bytes`: the producer may split it.
    TooLarge,
    /// It is larger than a segment.
    LargerThanSegment,
    /// It lies too far in the leader's future (`message.timestamp.after.max.ms`).
    TimestampInFuture,
    /// Its epoch or its sequence is not the one that its producer must come with.
    Sequence(SequenceError),
    /// The disk does not take it, or did not take one before: the log directory is offline.
    Storage,
}

/// Why a follower does not append a batch that its leader sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FollowerAppendError {
    /// It does not stand at the end of the log (`UnexpectedAppendOffsetException`): fetch again
    /// from there.
    UnexpectedOffset {
        /// The batch's base offset.
        base_offset: Offset,
        /// The end of the log.
        expected: Offset,
    },
    /// The disk does not take it, or did not take one before.
    Storage,
}

/// The log directory is offline.
struct Offline;

impl AppendError {
    /// What the client is told.
    pub fn error_code(self) -> ErrorCode {
        match self {
            Self::TooLarge => ErrorCode::MessageTooLarge,
            Self::LargerThanSegment => ErrorCode::RecordListTooLarge,
            Self::TimestampInFuture => ErrorCode::InvalidTimestamp,
            Self::Sequence(SequenceError::Fenced) => ErrorCode::InvalidProducerEpoch,
            Self::Sequence(SequenceError::OutOfOrder) => ErrorCode::OutOfOrderSequenceNumber,
            Self::Storage => ErrorCode::KafkaStorageError,
        }
    }
}

impl Log {
    /// Appends a batch in the epoch that this replica leads, with `wall_millis` on its wall clock.
    /// A batch whose producer stamp is known is not appended again: where it stands is the answer.
    ///
    /// # Errors
    ///
    /// See [`AppendError`]; nothing was appended then.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `UnifiedLog.append`.
    pub fn append_as_leader(
        &mut self,
        body: Arc<BatchBody>,
        leader_epoch: LeaderEpoch,
        wall_millis: i64,
        check: SequenceCheck,
        out: &mut Vec<LogEffect>,
    ) -> Result<Appended, AppendError> {
        if check == SequenceCheck::Client {
            self.validate(&body, wall_millis)?;
        }
        self.check_storage().map_err(|Offline| AppendError::Storage)?;
        let batch = Batch { base_offset: self.end_offset(), leader_epoch, body };
        // Kafka's order, seen in a duplicate or a refused batch: epoch, roll, producer state.
        self.assign_epoch(leader_epoch, batch.base_offset, out);
        self.roll_for(&batch, out);
        if check == SequenceCheck::Client
            && let Some(stamp) = batch.body.producer
        {
            let records = batch.body.record_count();
            let admission =
                self.producers.admit(stamp, records, self.config.defects, self.partition);
            if let Admission::Duplicate(known) = admission.map_err(AppendError::Sequence)? {
                return Ok(Appended {
                    base_offset: known.base_offset,
                    last_offset: known.last_offset,
                    end_offset: known.last_offset + 1,
                    duplicate: true,
                });
            }
        }
        self.append(batch, true, out).map_err(|Offline| AppendError::Storage)
    }

    /// Appends a batch as the leader sent it. The leader has checked it; that its epoch is not
    /// above the one that was fetched in is for the caller to see (KAFKA-18723).
    ///
    /// # Errors
    ///
    /// [`FollowerAppendError::UnexpectedOffset`]; the log is as it was.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `UnifiedLog.appendAsFollower`.
    // Differs from Kafka: a batch above the end is refused too. Kafka lets it leave a gap, for
    // compaction leaves gaps in a leader's log.
    pub fn append_as_follower(
        &mut self,
        batch: &Batch,
        out: &mut Vec<LogEffect>,
    ) -> Result<Appended, FollowerAppendError> {
        let expected = self.end_offset();
        if batch.base_offset != expected {
            let base_offset = batch.base_offset;
            return Err(FollowerAppendError::UnexpectedOffset { base_offset, expected });
        }
        self.check_storage().map_err(|Offline| FollowerAppendError::Storage)?;
        self.assign_epoch(batch.leader_epoch, batch.base_offset, out);
        self.roll_for(batch, out);
        self.append(batch.clone(), false, out).map_err(|Offline| FollowerAppendError::Storage)
    }

    /// After one failed append none is taken: what it left in the file is not known, and what came
    /// behind it would stand elsewhere in memory than on the disk.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `LocalLog.maybeHandleIOException`; KAFKA-10778.
    fn check_storage(&self) -> Result<(), Offline> {
        if self.is_offline && !self.config.defects.acts(Defect::AppendAfterError, self.partition) {
            return Err(Offline);
        }
        Ok(())
    }

    /// The disk refused an append.
    fn go_offline(&mut self, error: DiskError, batch: Batch, out: &mut Vec<LogEffect>) {
        self.is_offline = true;
        let file = self.file(self.active().base_offset);
        let event = Kind::StorageFailed {
            partition: self.partition,
            error: match error {
                DiskError::Failed => DiskFailure::Error,
                DiskError::Full => DiskFailure::Full,
            },
            base_offset: batch.base_offset,
            records: batch.body.record_count(),
            leader_epoch: batch.leader_epoch,
            batch: batch.body.id,
            chain: self.batches.chain_with(&batch),
        };
        out.push(LogEffect::Disk(DiskOperation::AppendInVain { file, batch }));
        out.push(LogEffect::Event(event));
    }

    /// Looks at a client's batch before it gets a place.
    fn validate(&self, body: &BatchBody, wall_millis: i64) -> Result<(), AppendError> {
        if body.size_bytes > self.config.max_message_bytes {
            return Err(AppendError::TooLarge);
        }
        if u64::from(body.size_bytes) > self.config.segment_bytes {
            return Err(AppendError::LargerThanSegment);
        }
        let after = i64::try_from(self.config.timestamp_after_max.as_millis()).unwrap_or(i64::MAX);
        if body.max_timestamp.saturating_sub(wall_millis) > after {
            return Err(AppendError::TimestampInFuture);
        }
        Ok(())
    }

    /// Begins a new segment if the active one has no room for `batch`.
    fn roll_for(&mut self, batch: &Batch, out: &mut Vec<LogEffect>) {
        let size_bytes = batch.body.size_bytes;
        let timestamp = batch.body.max_timestamp;
        // The last offset is only asked for its distance of 2^31 from the base.
        let last_offset = batch.last_offset();
        if self.active().should_roll(size_bytes, last_offset, timestamp, &self.config) {
            self.roll(out);
        }
    }

    /// Begins a new segment at the end of the log. All below is flushed in the background, and
    /// becomes the recovery point's business then.
    ///
    /// # Source
    ///
    /// Kafka 4.1, `UnifiedLog.roll`.
    pub(super) fn roll(&mut self, out: &mut Vec<LogEffect>) {
        let base = self.end_offset();
        out.push(LogEffect::Disk(DiskOperation::Create { file: self.file(base) }));
        self.producers.advance(base);
        self.snapshot_producers(out);
        self.flush_below(base, out);
        self.segments.push(Segment::new(base));
    }

    fn append(
        &mut self,
        batch: Batch,
        as_leader: bool,
        out: &mut Vec<LogEffect>,
    ) -> Result<Appended, Offline> {
        if let Some(error) = self.storage {
            self.go_offline(error, batch, out);
            return Err(Offline);
        }
        let (partition, base_offset) = (self.partition, batch.base_offset);
        let file = self.file(self.active().base_offset);
        out.push(LogEffect::Disk(DiskOperation::Append { file, batch: batch.clone() }));
        self.producers.record(&batch);
        let (leader_epoch, id) = (batch.leader_epoch, batch.body.id);
        let entry = self.batches.push(batch);
        self.segments.last_mut().expect("a log has a segment").note(entry, &self.config);
        let end_offset = entry.end();
        let chain = self.batches.chain();
        let records = u32::try_from(end_offset.since(base_offset)).expect("counted in 32 bits");
        out.push(LogEffect::Event(Kind::LogAppended {
            partition,
            base_offset,
            records,
            leader_epoch,
            batch: id,
            chain,
            as_leader,
        }));
        self.flush_if_due(out);
        let last_offset = Offset(end_offset.0 - 1);
        Ok(Appended { base_offset, last_offset, end_offset, duplicate: false })
    }

    /// `flush.messages`: flushes before anything else happens on the lane, once so many records
    /// are unflushed.
    fn flush_if_due(&mut self, out: &mut Vec<LogEffect>) {
        let unflushed = self.end_offset().since(self.recovery_point);
        if self.config.flush_messages.is_some_and(|limit| unflushed >= limit)
            && !self.config.defects.acts(Defect::NeverFlush, self.partition)
        {
            self.flush(None, true, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::config::LogConfig;
    use crate::log::log::tests::{PARTITION, append, batch, filled, operations, stamped};
    use crate::message::ProducerStamp;
    use crate::types::{DefectSet, ProducerEpoch, ProducerId, Sequence, Ticket};

    fn refused(log: &mut Log, batch: &Batch, wall_millis: i64) -> AppendError {
        let before = log.chain_at_end();
        let body = Arc::clone(&batch.body);
        let (epoch, check) = (LeaderEpoch(0), SequenceCheck::Client);
        let result = log.append_as_leader(body, epoch, wall_millis, check, &mut Vec::new());
        assert_eq!(log.chain_at_end(), before);
        result.unwrap_err()
    }

    #[test]
    fn a_batch_is_refused_one_byte_above_the_limit() {
        let at = |size| LogConfig { max_message_bytes: size, ..LogConfig::default() };
        let size = batch(1, 2).body.size_bytes;
        let mut log = Log::create(PARTITION, at(size - 1), &mut Vec::new());
        assert_eq!(refused(&mut log, &batch(1, 2), 0), AppendError::TooLarge);
        log.set_config(LogConfig { segment_bytes: u64::from(size - 1), ..at(size) });
        assert_eq!(refused(&mut log, &batch(1, 2), 0), AppendError::LargerThanSegment);
        log.set_config(LogConfig { segment_bytes: u64::from(size), ..at(size) });
        append(&mut log, &batch(1, 2), 0);
    }

    #[test]
    fn after_an_append_that_failed_none_is_taken() {
        let mut log = filled(1);
        log.set_storage(Some(DiskError::Failed));
        let mut out = Vec::new();
        let follows = batch(2, 2).placed(Offset(2), LeaderEpoch(1));
        let result = log.append_as_follower(&follows, &mut out);
        assert_eq!(result, Err(FollowerAppendError::Storage));
        assert_eq!(operations(&out), ["append in vain segment 0"]);
        let failed = out.iter().any(|effect| {
            matches!(effect, LogEffect::Event(Kind::StorageFailed { base_offset: Offset(2), .. }))
        });
        assert!(failed && log.end_offset() == Offset(2), "{out:?}");
        // The disk is well again; what it holds beyond the end nobody knows.
        log.set_storage(None);
        assert_eq!(refused(&mut log, &batch(3, 2), 0), AppendError::Storage);
        let defects = DefectSet::from_iter([Defect::AppendAfterError]);
        log.set_config(LogConfig { defects, ..*log.config() });
        append(&mut log, &batch(3, 2), 1);
    }

    #[test]
    fn a_record_may_lie_an_hour_in_the_leaders_future() {
        let mut log = Log::create(PARTITION, LogConfig::default(), &mut Vec::new());
        let hour = 3_600_000;
        // The batch is of second 5.
        let late = batch(5, 1);
        assert_eq!(refused(&mut log, &late, 4999 - hour), AppendError::TimestampInFuture);
        let check = SequenceCheck::Client;
        let body = Arc::clone(&late.body);
        let wall = 5000 - hour;
        log.append_as_leader(body, LeaderEpoch(0), wall, check, &mut Vec::new()).unwrap();
    }

    #[test]
    fn a_duplicate_is_answered_with_its_place() {
        let stamp = ProducerStamp {
            id: ProducerId(9),
            epoch: ProducerEpoch(0),
            base_sequence: Sequence(0),
        };
        let mut log = Log::create(PARTITION, LogConfig::default(), &mut Vec::new());
        append(&mut log, &batch(1, 2), 0);
        append(&mut log, &stamped(2, 3, Some(stamp)), 0);
        append(&mut log, &batch(3, 2), 0);
        let mut out = Vec::new();
        let body = stamped(2, 3, Some(stamp)).body;
        let appended =
            log.append_as_leader(body, LeaderEpoch(0), 0, SequenceCheck::Client, &mut out).unwrap();
        let expected = Appended {
            base_offset: Offset(2),
            last_offset: Offset(4),
            end_offset: Offset(5),
            duplicate: true,
        };
        assert_eq!((appended, out.len(), log.end_offset()), (expected, 0, Offset(7)));

        // Followers and the metadata log append what they are given.
        let again = stamped(2, 3, Some(stamp)).placed(Offset(7), LeaderEpoch(0));
        assert_eq!(log.append_as_follower(&again, &mut out).unwrap().end_offset, Offset(10));
    }

    #[test]
    fn a_follower_appends_at_its_end_only() {
        let mut log = filled(2);
        for base_offset in [0, 3, 5] {
            let batch = batch(9, 2).placed(Offset(base_offset), LeaderEpoch(1));
            let result = log.append_as_follower(&batch, &mut Vec::new());
            let expected = Offset(4);
            let base_offset = Offset(base_offset);
            let error = FollowerAppendError::UnexpectedOffset { base_offset, expected };
            assert_eq!(result, Err(error));
        }
        let mut out = Vec::new();
        let next = batch(9, 2).placed(Offset(4), LeaderEpoch(3));
        assert_eq!(log.append_as_follower(&next, &mut out).unwrap().end_offset, Offset(6));
        assert_eq!(operations(&out), ["write! epochs", "append segment 0"]);
        assert!(log.audit());
    }

    #[test]
    fn a_full_segment_is_flushed_behind_the_next_one() {
        let mut log = filled(3);
        assert_eq!(log.recovery_point(), Offset(0));
        let out = append(&mut log, &batch(4, 2), 1);
        let expected =
            ["create segment 6", "write snapshot 6", "flush segment 0", "append segment 6"];
        assert_eq!(operations(&out), expected);
        assert_eq!(log.recovery_point(), Offset(6));
        assert_eq!(log.segment_bases().collect::<Vec<_>>(), [Offset(0), Offset(6)]);
    }

    #[test]
    fn a_segment_ends_by_age_and_when_its_index_is_full() {
        let bases = |config| {
            let mut log = Log::create(PARTITION, config, &mut Vec::new());
            (0..9).for_each(|id| drop(append(&mut log, &batch(id, 2), 1)));
            log.segment_bases().map(|base| base.0).collect::<Vec<_>>()
        };
        let base = LogConfig::default();
        // A batch a second: the fifth is four seconds younger than the first.
        let age = std::time::Duration::from_secs(3);
        assert_eq!(bases(LogConfig { segment_age_max: age, ..base }), [0, 8, 16]);
        // An entry per batch but the first; four entries of the time index are full with three.
        let index = LogConfig { index_interval_bytes: 1, segment_index_bytes: 48, ..base };
        assert_eq!(bases(index), [0, 8, 16]);
        assert_eq!(bases(base), [0]);
    }

    #[test]
    fn flush_messages_counts_unflushed_records() {
        let config = LogConfig { flush_messages: Some(4), ..LogConfig::default() };
        let mut log = Log::create(PARTITION, config, &mut Vec::new());
        let flushes = |out: Vec<LogEffect>| operations(&out).contains(&"flush! segment 0".into());
        let flushed = (0..4).map(|id| flushes(append(&mut log, &batch(id, 2), 1)));
        assert_eq!(flushed.collect::<Vec<_>>(), [false, true, false, true]);
        assert_eq!(log.recovery_point(), Offset(8));

        let defects = DefectSet::from_iter([Defect::NeverFlush]);
        log.set_config(LogConfig { defects, ..config });
        let flushed = (4..8).any(|id| flushes(append(&mut log, &batch(id, 2), 1)));
        assert!(!flushed);
    }

    #[test]
    fn a_flush_covers_every_segment_that_is_not_flushed() {
        let mut log = filled(4);
        let ticket = Some(Ticket(5));
        let mut out = Vec::new();
        log.recovery_point = Offset(2);
        log.flush(ticket, true, &mut out);
        assert_eq!(operations(&out), ["flush! segment 0", "flush! segment 6"]);
        assert_eq!(log.recovery_point(), Offset(8));
        out.clear();
        log.flush(None, true, &mut out);
        assert_eq!(out.len(), 0);
        log.flush(ticket, true, &mut out);
        assert_eq!(operations(&out), ["flush! segment 6"], "a ticket is always answered");
    }
}
