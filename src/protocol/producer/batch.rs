//! A batch on its way from the application to the log.

use std::sync::Arc;

use crate::message::{Batch, BatchBody, ProducerStamp, Record, Records};
use crate::types::{BatchId, CallToken, ErrorCode, KeyHash, LeaderEpoch, Sequence, Wall};

/// A batch that is being filled, sent, or waits to be sent again.
#[derive(Clone, Debug)]
pub(crate) struct ProducerBatch {
    /// The producer's slot for its partition.
    pub slot: u32,
    /// Tells it from all others of the run.
    pub id: BatchId,
    /// When the first record was put in: `delivery.timeout.ms` counts from here.
    pub created: Wall,
    /// The calls whose records it holds, in order.
    pub calls: Vec<CallToken>,
    /// The keys by which records came to its partition, until it is sealed.
    pub keys: Vec<KeyHash>,
    /// Bytes of `buffer.memory` that it holds.
    pub allocated_bytes: u32,
    /// Its records.
    pub content: Content,
    /// How often it was sent.
    pub sends: u32,
    /// The leader epoch known when it was last sent.
    pub sent_epoch: Option<LeaderEpoch>,
    /// Not sent again before this, unless the leader has changed.
    pub retry_at: Wall,
    /// Whether it is on its way now.
    pub is_on_the_wire: bool,
    /// Whether it was put back into the queue after an attempt.
    pub is_retried: bool,
    /// Whether its sequence was numbered anew under a higher epoch since it was last sent.
    pub is_renumbered: bool,
    /// Whether some attempt may have put it into a log although nobody said so.
    pub may_be_written: bool,
    /// Why the last attempt failed.
    pub last_error: ErrorCode,
}

/// A batch's records, before and after it is closed.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Open for more.
    Open(OpenBatch),
    /// Closed at `at`, and never changed but for its stamp.
    Sealed {
        /// As it is sent.
        body: Arc<BatchBody>,
        /// When.
        at: Wall,
    },
}

/// Records that wait to become a batch.
#[derive(Clone, Debug)]
pub(crate) struct OpenBatch {
    records: Vec<Record>,
    size_bytes: u32,
    base_timestamp: i64,
    max_timestamp: i64,
    /// Whether a record did not fit in.
    pub is_closed: bool,
}

impl OpenBatch {
    /// A batch that holds `record` alone.
    pub(crate) fn new(record: Record) -> Self {
        let timestamp = record.timestamp;
        Self {
            size_bytes: Batch::OVERHEAD_BYTES + record.size_bytes(0, 0),
            records: vec![record],
            base_timestamp: timestamp,
            max_timestamp: timestamp,
            is_closed: false,
        }
    }

    /// Its size in bytes.
    pub(crate) fn size_bytes(&self) -> u32 {
        self.size_bytes
    }

    /// Gives its record back, of which there is one.
    pub(crate) fn into_only_record(mut self) -> Record {
        assert_eq!(self.records.len(), 1, "only a batch just begun is given back");
        self.records.pop().expect("there is one")
    }

    /// Puts `record` in if it fits into `batch_bytes`; gives it back if not.
    pub(crate) fn try_push(&mut self, record: Record, batch_bytes: u32) -> Result<u32, Record> {
        let delta = u32::try_from(self.records.len()).expect("bounded by batch.size");
        let bytes = record.size_bytes(delta, record.timestamp - self.base_timestamp);
        if self.is_closed || self.size_bytes + bytes > batch_bytes {
            self.is_closed = true;
            return Err(record);
        }
        self.size_bytes += bytes;
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        self.records.push(record);
        Ok(bytes)
    }
}

impl ProducerBatch {
    /// Its size in bytes.
    pub(crate) fn size_bytes(&self) -> u32 {
        match &self.content {
            Content::Open(open) => open.size_bytes,
            Content::Sealed { body, .. } => body.size_bytes,
        }
    }

    /// Whether nothing more will be put in.
    pub(crate) fn is_full(&self, batch_bytes: u32) -> bool {
        match &self.content {
            Content::Open(open) => open.is_closed || open.size_bytes >= batch_bytes,
            Content::Sealed { .. } => true,
        }
    }

    /// How many records it holds.
    pub(crate) fn record_count(&self) -> u32 {
        u32::try_from(self.calls.len()).expect("bounded by batch.size")
    }

    /// Its place in the producer's count, once it is sealed by an idempotent producer.
    pub(crate) fn stamp(&self) -> Option<ProducerStamp> {
        match &self.content {
            Content::Open(_) => None,
            Content::Sealed { body, .. } => body.producer,
        }
    }

    /// The sequence of its last record, if it has one.
    pub(crate) fn last_sequence(&self) -> Option<Sequence> {
        self.stamp().map(|stamp| stamp.base_sequence.plus(self.record_count() - 1))
    }

    /// Closes it under `producer`'s stamp.
    pub(crate) fn seal(&mut self, producer: Option<ProducerStamp>, at: Wall) {
        let Content::Open(open) = &mut self.content else {
            unreachable!("a batch is sealed once");
        };
        // It stays as it is for the rest of the run.
        open.records.shrink_to_fit();
        let body = Arc::new(BatchBody {
            id: self.id,
            producer,
            base_timestamp: open.base_timestamp,
            max_timestamp: open.max_timestamp,
            records: Records::Data(std::mem::take(&mut open.records)),
            size_bytes: open.size_bytes,
        });
        self.content = Content::Sealed { body, at };
    }

    /// Gives it a new stamp. It stays the same batch to whoever looks for copies.
    pub(crate) fn renumber(&mut self, producer: ProducerStamp) {
        let Content::Sealed { body, .. } = &mut self.content else {
            unreachable!("only sealed batches have a stamp");
        };
        Arc::make_mut(body).producer = Some(producer);
        self.is_renumbered = true;
    }

    /// As it is sent.
    pub(crate) fn body(&self) -> &Arc<BatchBody> {
        let Content::Sealed { body, .. } = &self.content else {
            unreachable!("only sealed batches are sent");
        };
        body
    }
}
