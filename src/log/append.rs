//! Appending: what a leader takes from its clients, what a follower takes from its leader, and
//! when a new segment begins.

use crate::event::Kind;
use crate::log::effect::LogEffect;
use crate::log::log::Log;
use crate::log::producer_state::{Admission, SequenceError};
use crate::log::segment::Segment;
use crate::message::{Batch, BatchBody, DiskOperation};
use crate::types::{Defect, ErrorCode, LeaderEpoch, Offset};
use std::sync::Arc;

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
}

impl AppendError {
    /// What the client is told.
    pub fn error_code(self) -> ErrorCode {
        match self {
            Self::TooLarge => ErrorCode::MessageTooLarge,
            Self::LargerThanSegment => ErrorCode::RecordListTooLarge,
            Self::TimestampInFuture => ErrorCode::InvalidTimestamp,
            Self::Sequence(SequenceError::Fenced) => ErrorCode::InvalidProducerEpoch,
            Self::Sequence(SequenceError::OutOfOrder) => ErrorCode::OutOfOrderSequenceNumber,
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
        let batch = Batch { base_offset: self.end_offset(), leader_epoch, body };
        // Kafka's order, seen in a duplicate or a refused batch: epoch, roll, producer state.
        self.assign_epoch(leader_epoch, batch.base_offset, out);
        self.roll_for(&batch, out);
        if check == SequenceCheck::Client
            && let Some(stamp) = batch.body.producer
        {
            let records = batch.body.record_count();
            let admission = self.producers.admit(stamp, records, self.config.defects);
            if let Admission::Duplicate(known) = admission.map_err(AppendError::Sequence)? {
                return Ok(Appended {
                    base_offset: known.base_offset,
                    last_offset: known.last_offset,
                    end_offset: known.last_offset + 1,
                    duplicate: true,
                });
            }
        }
        Ok(self.append(batch, true, out))
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
        self.assign_epoch(batch.leader_epoch, batch.base_offset, out);
        self.roll_for(batch, out);
        Ok(self.append(batch.clone(), false, out))
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
    fn roll(&mut self, out: &mut Vec<LogEffect>) {
        let base = self.end_offset();
        out.push(LogEffect::Disk(DiskOperation::Create { file: self.file(base) }));
        self.producers.advance(base);
        self.snapshot_producers(out);
        self.flush_below(base, out);
        self.segments.push(Segment::new(base));
    }

    fn append(&mut self, batch: Batch, as_leader: bool, out: &mut Vec<LogEffect>) -> Appended {
        let (partition, base_offset) = (self.partition, batch.base_offset);
        let file = self.file(self.active().base_offset);
        out.push(LogEffect::Disk(DiskOperation::Append { file, batch: batch.clone() }));
        self.producers.record(&batch);
        let (leader_epoch, id) = (batch.leader_epoch, batch.body.id);
        let entry = self.batches.push(batch);
        self.segments.last_mut().expect("a log has a segment").note(entry, &self.config);
        let (chain, end_offset) = (entry.chain, entry.end);
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
        Appended { base_offset, last_offset, end_offset, duplicate: false }
    }

    /// `flush.messages`: flushes before anything else happens on the lane, once so many records
    /// are unflushed.
    fn flush_if_due(&mut self, out: &mut Vec<LogEffect>) {
        let unflushed = self.end_offset().since(self.recovery_point);
        if self.config.flush_messages.is_some_and(|limit| unflushed >= limit)
            && !self.config.defects.has(Defect::NeverFlush)
        {
            self.flush(None, true, out);
        }
    }
}
