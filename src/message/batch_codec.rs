//! Record batches as bytes: magic 2, uncompressed, with a CRC-32C.
//!
//! What a batch holds decides its bytes but for one thing: [`BatchBody::id`], which is a mark of
//! the run and not written. Whoever reads gives it back.
//!
//! Source: Kafka 4.1, `DefaultRecordBatch`, `DefaultRecord`, `ControlRecordType`,
//! `LeaderChangeMessage`.

use std::sync::Arc;

use bytes::Bytes;

use crate::message::batch::{Batch, BatchBody, Header, ProducerStamp, Record, Records};
use crate::message::codec::{
    CodecError, Reader, Sink, counted, put_length, put_signed, put_unsigned,
};
use crate::message::group_codec::{put_key, put_value};
use crate::message::metadata_codec::{
    decode_metadata_record, metadata_record_size_bytes, put_metadata_record,
};
use crate::message::metadata_record::MetadataRecord;
use crate::types::{
    BatchId, BrokerId, BrokerSet, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence,
};

/// `RecordBatch.MAGIC_VALUE_V2`.
const MAGIC: u8 = 2;
/// Bytes before what `batchLength` counts.
const LOG_OVERHEAD: u32 = 12;
/// Where the CRC stands; it covers what comes after it.
const CRC_AT: usize = 17;
/// Where what the CRC covers begins.
const CRC_COVERS: usize = 21;
/// The bit of control batches (`CONTROL_FLAG_MASK`).
const CONTROL: i16 = 0x20;
/// `ControlRecordType`: its version, then that of `LEADER_CHANGE`.
const LEADER_CHANGE_KEY: [u8; 4] = [0, 0, 0, 2];
/// The version of `LeaderChangeMessage` with `kraft.version` 0.
const LEADER_CHANGE_VERSION: i16 = 0;

/// Which records a log holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogKind {
    /// Those of clients.
    Topic,
    /// Those of the quorum: `__cluster_metadata`.
    Metadata,
}

/// Appends the bytes of `batch` to `out`.
pub fn encode_batch(batch: &Batch, out: &mut Vec<u8>) {
    let body = &batch.body;
    let start = out.len();
    out.put(&batch.base_offset.0.to_be_bytes());
    out.put(&[0; 4]); // batchLength, below
    out.put(&batch.leader_epoch.0.to_be_bytes());
    out.put(&[MAGIC]);
    out.put(&[0; 4]); // crc, below
    out.put(&(if body.is_control() { CONTROL } else { 0 }).to_be_bytes());
    let count = body.record_count();
    out.put(&(count - 1).to_be_bytes()); // lastOffsetDelta
    out.put(&body.base_timestamp.to_be_bytes());
    out.put(&body.max_timestamp.to_be_bytes());
    out.put(&body.producer.map_or(-1, |stamp| stamp.id.0).to_be_bytes());
    out.put(&body.producer.map_or(-1, |stamp| stamp.epoch.0).to_be_bytes());
    out.put(&body.producer.map_or(-1, |stamp| stamp.base_sequence.0).to_be_bytes());
    out.put(&count.to_be_bytes());
    put_records(out, &body.records, body.base_timestamp);
    let length = u32::try_from(out.len() - start).expect("batches are bounded") - LOG_OVERHEAD;
    out[start + 8..start + 12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c(&out[start + CRC_COVERS..]);
    out[start + CRC_AT..start + CRC_COVERS].copy_from_slice(&crc.to_be_bytes());
}

/// The size of a batch of `records`, header and all, in bytes, `base_timestamp` being that of the
/// batch in milliseconds.
pub fn batch_size_bytes(records: &Records, base_timestamp: i64) -> u32 {
    let records = counted(|out| put_records(out, records, base_timestamp));
    Batch::OVERHEAD_BYTES + u32::try_from(records).expect("batches are bounded")
}

fn put_records(out: &mut dyn Sink, records: &Records, base_timestamp: i64) {
    match records {
        Records::Data(records) => {
            for (delta, record) in (0..).zip(records) {
                put_data_record(out, record, delta, record.timestamp - base_timestamp);
            }
        }
        Records::Metadata(records) => {
            for (delta, record) in (0..).zip(records) {
                put_sized(out, &|out| {
                    put_record_head(out, delta, 0);
                    put_signed(out, -1);
                    put_signed(out, metadata_record_size_bytes(record) as i64);
                    put_metadata_record(out, record);
                    put_signed(out, 0);
                });
            }
        }
        Records::Group(records) => {
            for (delta, record) in (0..).zip(records) {
                put_sized(out, &|out| {
                    put_record_head(out, delta, 0);
                    let key = |out: &mut dyn Sink| put_key(out, record);
                    put_signed(out, counted(key) as i64);
                    key(out);
                    let value = |out: &mut dyn Sink| {
                        put_value(out, record);
                    };
                    match counted(value) {
                        0 => put_signed(out, -1),
                        length => put_signed(out, length as i64),
                    }
                    value(out);
                    put_signed(out, 0);
                });
            }
        }
        Records::LeaderChange { leader, voters } => put_sized(out, &|out| {
            put_record_head(out, 0, 0);
            put_bytes(out, Some(&LEADER_CHANGE_KEY));
            let message = |out: &mut dyn Sink| put_leader_change(out, *leader, voters);
            put_signed(out, counted(message) as i64);
            message(out);
            put_signed(out, 0);
        }),
    }
}

fn put_data_record(out: &mut dyn Sink, record: &Record, offset_delta: i64, timestamp_delta: i64) {
    put_sized(out, &|out| {
        put_record_head(out, offset_delta, timestamp_delta);
        put_bytes(out, record.key.as_deref());
        put_bytes(out, record.value.as_deref());
        put_signed(out, record.headers.len() as i64);
        for header in &record.headers {
            put_bytes(out, Some(&header.name));
            put_bytes(out, header.value.as_deref());
        }
    });
}

/// What `write` writes, with its length in front.
fn put_sized(out: &mut dyn Sink, write: &dyn Fn(&mut dyn Sink)) {
    put_signed(out, counted(write) as i64);
    write(out);
}

fn put_record_head(out: &mut dyn Sink, offset_delta: i64, timestamp_delta: i64) {
    out.put(&[0]); // attributes
    put_signed(out, timestamp_delta);
    put_signed(out, offset_delta);
}

fn put_bytes(out: &mut dyn Sink, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            put_signed(out, bytes.len() as i64);
            out.put(bytes);
        }
        None => put_signed(out, -1),
    }
}

fn put_leader_change(out: &mut dyn Sink, leader: BrokerId, voters: &BrokerSet) {
    out.put(&LEADER_CHANGE_VERSION.to_be_bytes());
    out.put(&leader.0.to_be_bytes());
    put_length(out, Some(voters.len()));
    for voter in voters.iter() {
        out.put(&voter.0.to_be_bytes());
        put_unsigned(out, 0);
    }
    put_length(out, Some(0)); // grantingVoters
    put_unsigned(out, 0);
}

/// The batches that `bytes` are, one after the other. Their marks are zero: they do not travel.
///
/// What differs from what [`encode_batch`] writes is refused: another magic, a wrong CRC, a
/// compressed or transactional batch, bytes left over.
pub fn decode_batches(bytes: Bytes, kind: LogKind) -> Result<Vec<Batch>, CodecError> {
    let mut reader = Reader::new(bytes);
    let mut batches = Vec::new();
    while !reader.is_empty() {
        let place = format_args!("batch {}", batches.len()).to_string();
        let batch = read_batch(&mut reader, kind).map_err(|error| error.within(place))?;
        batches.push(batch);
    }
    Ok(batches)
}

fn read_batch(reader: &mut Reader, kind: LogKind) -> Result<Batch, CodecError> {
    let base_offset = Offset(reader.i64()?);
    let length = reader.u32()?;
    let mut reader = Reader::new(reader.bytes(length as usize)?);
    let leader_epoch = LeaderEpoch(reader.i32()?);
    let magic = reader.i8()?;
    if magic != MAGIC as i8 {
        return Err(CodecError::new(format_args!("magic is {magic}, not {MAGIC}")));
    }
    let crc = reader.u32()?;
    let computed = crc32c::crc32c(&reader.rest());
    if crc != computed {
        return Err(CodecError::new(format_args!("crc is {crc:08x}, not {computed:08x}")));
    }
    let is_control = match reader.i16()? {
        0 => false,
        CONTROL => true,
        other => return Err(CodecError::new(format_args!("attributes {other:#06x}"))),
    };
    let last_offset_delta = reader.i32()?;
    let base_timestamp = reader.i64()?;
    let max_timestamp = reader.i64()?;
    let producer = read_stamp(&mut reader)?;
    let count = reader.i32()?;
    if count < 1 || last_offset_delta != count - 1 {
        let what = format_args!("{count} records end at offset delta {last_offset_delta}");
        return Err(CodecError::new(what));
    }
    let mut records = Vec::new();
    for offset_delta in 0..count {
        let place = format_args!("record {offset_delta}").to_string();
        let record = read_record(&mut reader, offset_delta, base_timestamp);
        records.push(record.map_err(|error| error.within(place))?);
    }
    reader.end("the records of a batch")?;
    let records = match (kind, is_control) {
        (LogKind::Topic, false) => Records::Data(records),
        (LogKind::Metadata, false) => read_metadata(records, base_timestamp)?,
        (LogKind::Metadata, true) => read_leader_change(records, base_timestamp)?,
        (LogKind::Topic, true) => return Err(CodecError::new("a control batch in a topic")),
    };
    let size_bytes = length + LOG_OVERHEAD;
    let id = BatchId(0);
    let body = BatchBody { id, producer, base_timestamp, max_timestamp, records, size_bytes };
    Ok(Batch { base_offset, leader_epoch, body: Arc::new(body) })
}

fn read_stamp(reader: &mut Reader) -> Result<Option<ProducerStamp>, CodecError> {
    match (reader.i64()?, reader.i16()?, reader.i32()?) {
        (-1, -1, -1) => Ok(None),
        (id, epoch, sequence) if id >= 0 && epoch >= 0 && sequence >= 0 => {
            let (id, epoch) = (ProducerId(id), ProducerEpoch(epoch));
            Ok(Some(ProducerStamp { id, epoch, base_sequence: Sequence(sequence) }))
        }
        (id, epoch, sequence) => {
            let what = format_args!("producer {id}, epoch {epoch}, sequence {sequence}");
            Err(CodecError::new(what))
        }
    }
}

fn read_record(
    reader: &mut Reader,
    offset_delta: i32,
    base_timestamp: i64,
) -> Result<Record, CodecError> {
    let length = reader.signed_length()?;
    let length = length.ok_or_else(|| CodecError::new("a record without length"))?;
    let mut reader = Reader::new(reader.bytes(length)?);
    let attributes = reader.i8()?;
    let timestamp_delta = reader.signed()?;
    let delta = reader.signed()?;
    if attributes != 0 || delta != i64::from(offset_delta) {
        let what = format_args!("attributes {attributes}, offset delta {delta}");
        return Err(CodecError::new(what));
    }
    let key = read_bytes(&mut reader)?;
    let value = read_bytes(&mut reader)?;
    let count = reader.signed_length()?.ok_or_else(|| CodecError::new("no count of headers"))?;
    let mut headers = Vec::new();
    for _ in 0..count {
        let name = read_bytes(&mut reader)?;
        let name = name.ok_or_else(|| CodecError::new("a header without name"))?;
        headers.push(Header { name, value: read_bytes(&mut reader)? });
    }
    reader.end("a record")?;
    let timestamp = base_timestamp.wrapping_add(timestamp_delta);
    Ok(Record { key, value, headers: headers.into(), timestamp })
}

fn read_bytes(reader: &mut Reader) -> Result<Option<Bytes>, CodecError> {
    reader.signed_length()?.map(|length| reader.bytes(length)).transpose()
}

/// The key and value of a record that the quorum wrote.
fn quorum_record(
    record: Record,
    base_timestamp: i64,
) -> Result<(Option<Bytes>, Bytes), CodecError> {
    let Record { key, value, headers, timestamp } = record;
    if !headers.is_empty() || timestamp != base_timestamp {
        return Err(CodecError::new("a record of the quorum has headers or a time of its own"));
    }
    let value = value.ok_or_else(|| CodecError::new("a record of the quorum has no value"))?;
    Ok((key, value))
}

fn read_metadata(records: Vec<Record>, base_timestamp: i64) -> Result<Records, CodecError> {
    let decoded: Result<Vec<MetadataRecord>, CodecError> = records
        .into_iter()
        .map(|record| match quorum_record(record, base_timestamp)? {
            (None, value) => decode_metadata_record(value),
            (Some(_), _) => Err(CodecError::new("a metadata record has a key")),
        })
        .collect();
    Ok(Records::Metadata(decoded?))
}

fn read_leader_change(records: Vec<Record>, base_timestamp: i64) -> Result<Records, CodecError> {
    let [record] = <[Record; 1]>::try_from(records)
        .map_err(|_| CodecError::new("a control batch holds one record"))?;
    let (key, value) = quorum_record(record, base_timestamp)?;
    if key.as_deref() != Some(&LEADER_CHANGE_KEY) {
        return Err(CodecError::new(format_args!("control record {key:?} is not known")));
    }
    let mut reader = Reader::new(value);
    let version = reader.i16()?;
    if version != LEADER_CHANGE_VERSION {
        return Err(CodecError::new(format_args!("LeaderChangeMessage version {version}")));
    }
    let leader = BrokerId(reader.i32()?);
    let mut voters = BrokerSet::default();
    for _ in 0..reader.count()? {
        voters.insert(BrokerId(reader.i32()?));
        reader.no_tags()?;
    }
    if reader.count()? != 0 {
        return Err(CodecError::new("grantingVoters are not written"));
    }
    reader.no_tags()?;
    reader.end("LeaderChangeMessage")?;
    Ok(Records::LeaderChange { leader, voters })
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::LeaderChangeMessage;
    use kafka_protocol::protocol::Decodable as _;
    use kafka_protocol::records::{
        Compression, Record as KafkaRecord, RecordBatchDecoder, RecordBatchEncoder,
        RecordEncodeOptions, TimestampType,
    };

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    fn batch(records: Records, producer: Option<ProducerStamp>, times: (i64, i64)) -> Batch {
        let size_bytes = batch_size_bytes(&records, times.0);
        let body = BatchBody {
            id: BatchId(0),
            producer,
            base_timestamp: times.0,
            max_timestamp: times.1,
            records,
            size_bytes,
        };
        Batch { base_offset: Offset(42), leader_epoch: LeaderEpoch(7), body: Arc::new(body) }
    }

    fn encoded(batch: &Batch) -> Vec<u8> {
        let mut out = Vec::new();
        encode_batch(batch, &mut out);
        out
    }

    /// Two records, the first with all that a record may have, the second with nothing.
    fn two_records() -> Batch {
        let millis = 1_700_000_000_000;
        let name = Bytes::from_static(b"h");
        let headers = vec![
            Header { name: name.clone(), value: Some(Bytes::from_static(b"1")) },
            Header { name, value: None },
        ];
        let records = vec![
            Record {
                key: Some(Bytes::from_static(b"k")),
                value: Some(Bytes::from_static(b"value")),
                headers: headers.into(),
                timestamp: millis,
            },
            Record { key: None, value: None, headers: Box::default(), timestamp: millis + 90 },
        ];
        let stamp = ProducerStamp {
            id: ProducerId(9),
            epoch: ProducerEpoch(1),
            base_sequence: Sequence(100),
        };
        batch(Records::Data(records), Some(stamp), (millis, millis + 90))
    }

    #[test]
    fn a_batch_has_the_bytes_of_kafka() {
        let batch = two_records();
        let bytes = encoded(&batch);
        let expected = [
            "000000000000002a", // baseOffset
            "0000004d",         // batchLength
            "00000007",         // partitionLeaderEpoch
            "02",               // magic
            "f090a020",         // crc, computed by other means
            "0000",             // attributes
            "00000001",         // lastOffsetDelta
            "0000018bcfe56800", // baseTimestamp
            "0000018bcfe5685a", // maxTimestamp
            "0000000000000009", // producerId
            "0001",             // producerEpoch
            "00000064",         // baseSequence
            "00000002",         // records
            "26000000026b0a76616c75650402680231026801",
            "0e00b40102010100",
        ];
        assert_eq!(hex(&bytes), expected.concat());
        assert_eq!(batch.body.size_bytes as usize, bytes.len());
        assert_eq!(decode_batches(bytes.into(), LogKind::Topic), Ok(vec![batch]));
    }

    #[test]
    fn the_protocol_crate_reads_and_writes_the_same() {
        let (record, millis) = (Bytes::from_static(b"some value"), 1_700_000_000_000);
        let records = (0..12).map(|at| Record {
            key: (at % 3 > 0).then(|| record.slice(..at % 3)),
            value: (at != 5).then(|| record.clone()),
            headers: Box::default(),
            timestamp: millis + at as i64,
        });
        let batch = batch(Records::Data(records.collect()), None, (millis, millis + 11));
        let bytes = encoded(&batch);
        let mut read = Bytes::from(bytes.clone());
        let set = RecordBatchDecoder::decode(&mut read).unwrap();
        let Records::Data(sent) = &batch.body.records else { unreachable!("made above") };
        let told = set.records.iter().map(|r| (r.offset, r.timestamp, &r.key, &r.value));
        let sent = (42..).zip(sent).map(|(at, r)| (at, r.timestamp, &r.key, &r.value));
        assert!(told.eq(sent), "{:?}", set.records);
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        let records: Vec<KafkaRecord> = (-1..)
            .zip(set.records)
            .map(|(sequence, record)| KafkaRecord {
                sequence,
                partition_leader_epoch: 7,
                timestamp_type: TimestampType::Creation,
                ..record
            })
            .collect();
        let mut written = bytes::BytesMut::new();
        RecordBatchEncoder::encode(&mut written, &records, &options).unwrap();
        assert_eq!(hex(&written), hex(&bytes));
    }

    #[test]
    fn a_leader_change_is_a_control_batch() {
        let voters = [3001, 3002].into_iter().map(BrokerId).collect();
        let leader = BrokerId(3001);
        let batch = batch(Records::LeaderChange { leader, voters }, None, (5, 5));
        let bytes = encoded(&batch);
        let expected = [
            "00200000000000000000000000050000000000000005",
            "ffffffffffffffffffffffffffff00000001",
            "3a000000080000000226000000000bb90300000bb90000000bba00010000",
        ];
        assert_eq!(hex(&bytes[CRC_COVERS..]), expected.concat());
        let mut message = Bytes::copy_from_slice(&bytes[bytes.len() - 20..bytes.len() - 1]);
        let message = LeaderChangeMessage::decode(&mut message, LEADER_CHANGE_VERSION).unwrap();
        assert_eq!((message.leader_id.0, message.voters.len()), (3001, 2));
        assert_eq!(batch.body.size_bytes as usize, bytes.len());
        assert_eq!(decode_batches(bytes.into(), LogKind::Metadata), Ok(vec![batch]));
    }

    #[test]
    fn batches_follow_each_other() {
        let metadata = Records::Metadata(vec![MetadataRecord::NoOp; 3]);
        let batches = vec![batch(metadata.clone(), None, (1, 1)), batch(metadata, None, (2, 2))];
        let mut bytes = Vec::new();
        for batch in &batches {
            encode_batch(batch, &mut bytes);
        }
        assert_eq!(decode_batches(bytes.into(), LogKind::Metadata), Ok(batches));
        assert_eq!(decode_batches(Bytes::new(), LogKind::Topic), Ok(Vec::new()));
    }

    #[test]
    fn a_changed_or_missing_byte_is_seen() {
        let batch = two_records();
        let bytes = encoded(&batch);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            // Base offset and leader epoch are the broker's to change: no CRC covers them.
            let decoded = decode_batches(changed.into(), LogKind::Topic);
            assert_ne!(decoded, Ok(vec![batch.clone()]), "byte {at}");
            let stamped = (0..8).contains(&at) || (12..16).contains(&at);
            assert_eq!(decoded.is_ok(), stamped, "byte {at}");
            let cut = Bytes::from(bytes.clone()).slice(..at);
            assert_eq!(decode_batches(cut, LogKind::Topic).is_ok(), at == 0, "{at} bytes");
        }
    }

    #[test]
    fn sizes_of_records_are_what_they_take() {
        let Records::Data(records) = &two_records().body.records else {
            unreachable!("made above")
        };
        for (at, record) in (0_u32..).zip(records) {
            let taken = counted(|out| put_data_record(out, record, i64::from(at), -70));
            assert_eq!(record.size_bytes(at, -70) as usize, taken);
        }
    }
}
