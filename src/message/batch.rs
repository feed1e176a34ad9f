//! A batch of records: a header that leaders stamp, and a body that nobody changes.

use std::sync::Arc;

use bytes::Bytes;

use crate::message::group_record::GroupRecord;
use crate::message::metadata_record::MetadataRecord;
use crate::types::{
    BatchId, BrokerId, BrokerSet, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence,
};

/// A record batch (magic 2). Cloning copies the two header fields and shares the body.
///
/// Source: Kafka 4.1, `DefaultRecordBatch`.
#[derive(Clone, PartialEq, Debug)]
pub struct Batch {
    /// Offset of the first record. Zero as a client sends it; the leader assigns it.
    pub base_offset: Offset,
    /// `partitionLeaderEpoch`: the epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// All that the client wrote. Followers store it unchanged.
    pub body: Arc<BatchBody>,
}

/// What a client (or the quorum's leader) put into a batch.
#[derive(Clone, PartialEq, Debug)]
pub struct BatchBody {
    /// Tells this batch from every other of the run; it stays with retries and copies. Not on the
    /// wire: a checker's mark.
    pub id: BatchId,
    /// Who sent it and its place in that producer's count; `None` without idempotence.
    pub producer: Option<ProducerStamp>,
    /// `baseTimestamp`, in milliseconds since 1970.
    pub base_timestamp: i64,
    /// `maxTimestamp`, in milliseconds since 1970.
    pub max_timestamp: i64,
    /// The records.
    pub records: Records,
    /// Size on disk and on the wire, header and all, in bytes.
    pub size_bytes: u32,
}

/// The idempotent producer's stamp on a batch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ProducerStamp {
    /// The producer.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// The sequence of the batch's first record.
    pub base_sequence: Sequence,
}

/// The records of a batch.
#[derive(Clone, PartialEq, Debug)]
pub enum Records {
    /// Records that a workload or an application wrote.
    Data(Vec<Record>),
    /// Records of the cluster's metadata log.
    Metadata(Vec<MetadataRecord>),
    /// Records of `__consumer_offsets`, of one time all.
    Group(Vec<GroupRecord>),
    /// The control record with which a quorum leader begins its epoch (`LeaderChangeMessage`).
    LeaderChange {
        /// The new leader.
        leader: BrokerId,
        /// All voters.
        voters: BrokerSet,
    },
}

/// One record of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The key; `None` for a null key.
    pub key: Option<Bytes>,
    /// The value; `None` for a tombstone.
    pub value: Option<Bytes>,
    /// Headers in the order given; names may repeat.
    pub headers: Box<[Header]>,
    /// `CreateTime`, in milliseconds since 1970.
    pub timestamp: i64,
}

/// A header of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Its name.
    pub name: Bytes,
    /// Its value; may be null.
    pub value: Option<Bytes>,
}

impl Batch {
    /// Bytes of a batch header (`RECORD_BATCH_OVERHEAD`).
    pub const OVERHEAD_BYTES: u32 = 61;

    /// A batch as a client sends it, not yet placed in a log.
    pub fn unplaced(body: Arc<BatchBody>) -> Self {
        Self { base_offset: Offset::ZERO, leader_epoch: LeaderEpoch(-1), body }
    }

    /// This batch placed at `base_offset` by the leader of `leader_epoch`.
    #[must_use]
    pub fn placed(&self, base_offset: Offset, leader_epoch: LeaderEpoch) -> Self {
        Self { base_offset, leader_epoch, body: Arc::clone(&self.body) }
    }

    /// The offset after its last record.
    pub fn end_offset(&self) -> Offset {
        self.base_offset + u64::from(self.body.record_count())
    }

    /// The offset of its last record.
    pub fn last_offset(&self) -> Offset {
        Offset(self.end_offset().0 - 1)
    }
}

impl BatchBody {
    /// How many records it holds; at least one.
    pub fn record_count(&self) -> u32 {
        let count = match &self.records {
            Records::Data(records) => records.len(),
            Records::Metadata(records) => records.len(),
            Records::Group(records) => records.len(),
            Records::LeaderChange { .. } => 1,
        };
        u32::try_from(count).expect("batches are bounded by max.message.bytes")
    }

    /// Whether it is a control batch, which consumers never see.
    pub fn is_control(&self) -> bool {
        matches!(self.records, Records::LeaderChange { .. })
    }

    /// The sequence of its last record, if an idempotent producer sent it.
    pub fn last_sequence(&self) -> Option<Sequence> {
        self.producer.map(|stamp| stamp.base_sequence.plus(self.record_count() - 1))
    }
}

impl Record {
    /// Its size within a batch in bytes, `offset_delta` and `timestamp_delta` (milliseconds)
    /// counted from the batch's first record.
    ///
    /// Source: Kafka 4.1, `DefaultRecord.sizeInBytes`.
    pub fn size_bytes(&self, offset_delta: u32, timestamp_delta: i64) -> u32 {
        let data = |bytes: &Option<Bytes>| match bytes {
            Some(bytes) => varint_bytes(bytes.len() as i64) + bytes.len() as u64,
            None => varint_bytes(-1),
        };
        let headers: u64 = self
            .headers
            .iter()
            .map(|header| {
                varint_bytes(header.name.len() as i64)
                    + header.name.len() as u64
                    + data(&header.value)
            })
            .sum();
        let body = 1
            + varint_bytes(timestamp_delta)
            + varint_bytes(i64::from(offset_delta))
            + data(&self.key)
            + data(&self.value)
            + varint_bytes(self.headers.len() as i64)
            + headers;
        u32::try_from(varint_bytes(body as i64) + body).expect("records are below 2 GiB")
    }
}

/// Bytes of a zigzag varint.
fn varint_bytes(value: i64) -> u64 {
    let zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
    u64::from((64 - zigzag.leading_zeros()).div_ceil(7).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_take_one_byte_to_63() {
        assert_eq!((varint_bytes(63), varint_bytes(64), varint_bytes(-1)), (1, 2, 1));
    }
}
