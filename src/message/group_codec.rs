//! Records of `__consumer_offsets` as bytes: key and value of each record.
//!
//! A key is its kind (`CoordinatorRecordType`) and inflexible fields; a value is its version and
//! fields. The versions are those that a coordinator of Kafka 4.1 writes.
//!
//! Source: Kafka 4.1, `GroupCoordinatorRecordSerde`, `CoordinatorRecordSerde`.

use bytes::Bytes;

use crate::message::batch::Record;
use crate::message::codec::{
    CodecError, Reader, Sink, counted, put_length, put_nullable_text, put_text, put_unsigned,
};
use crate::message::group_record::{
    Assigned, ClassicGroupValue, ClassicMemberValue, ClassicMetadata, CommittedOffset,
    CurrentValue, GroupRecord, MemberState, MemberValue,
};
use crate::types::{LeaderEpoch, Name, Offset, PartitionIndex, TopicId, TopicPartition};

/// The version of `OffsetCommitValue` and `GroupMetadataValue`.
const CLASSIC_VERSION: i16 = 3;
/// The version of the values of KIP-848.
const VERSION: i16 = 0;

/// The kind that stands at the front of a key.
fn kind(record: &GroupRecord) -> i16 {
    match record {
        GroupRecord::Offset { .. } => 1,
        GroupRecord::Classic { .. } => 2,
        GroupRecord::GroupEpoch { .. } => 3,
        GroupRecord::Member { .. } => 5,
        GroupRecord::TargetEpoch { .. } => 6,
        GroupRecord::Target { .. } => 7,
        GroupRecord::Current { .. } => 8,
    }
}

/// The record's key and value as a record of a topic, written at `timestamp` (milliseconds).
pub fn encode_group_record(record: &GroupRecord, timestamp: i64) -> Record {
    let mut key = Vec::new();
    put_key(&mut key, record);
    let mut value = Vec::new();
    let value = put_value(&mut value, record).then(|| value.into());
    Record { key: Some(key.into()), value, headers: Box::default(), timestamp }
}

pub(in crate::message) fn put_key(out: &mut dyn Sink, record: &GroupRecord) {
    out.put(&kind(record).to_be_bytes());
    put_string(out, record.group());
    match record {
        GroupRecord::Offset { topic, partition, .. } => {
            put_string(out, topic);
            out.put(&partition.0.to_be_bytes());
        }
        GroupRecord::Member { member, .. }
        | GroupRecord::Target { member, .. }
        | GroupRecord::Current { member, .. } => put_string(out, member),
        GroupRecord::Classic { .. }
        | GroupRecord::GroupEpoch { .. }
        | GroupRecord::TargetEpoch { .. } => {}
    }
}

/// Says whether there is one: a tombstone has none.
pub(in crate::message) fn put_value(out: &mut dyn Sink, record: &GroupRecord) -> bool {
    match record {
        GroupRecord::Offset { value: Some(value), .. } => {
            out.put(&CLASSIC_VERSION.to_be_bytes());
            out.put(&value.offset.0.to_be_bytes());
            out.put(&LeaderEpoch::to_wire(value.leader_epoch).to_be_bytes());
            put_string(out, &value.metadata);
            out.put(&value.commit_timestamp.to_be_bytes());
        }
        GroupRecord::Classic { value: Some(value), .. } => put_classic(out, value),
        GroupRecord::GroupEpoch { value: Some((epoch, hash)), .. } => {
            out.put(&VERSION.to_be_bytes());
            out.put(&epoch.to_be_bytes());
            // One tagged field: its tag, its length.
            put_unsigned(out, u64::from(*hash != 0));
            if *hash != 0 {
                put_unsigned(out, 0);
                put_unsigned(out, 8);
                out.put(&hash.to_be_bytes());
            }
        }
        GroupRecord::Member { value: Some(value), .. } => put_member(out, value),
        GroupRecord::TargetEpoch { value: Some(epoch), .. } => {
            out.put(&VERSION.to_be_bytes());
            out.put(&epoch.to_be_bytes());
            put_unsigned(out, 0);
        }
        GroupRecord::Target { value: Some(assigned), .. } => {
            out.put(&VERSION.to_be_bytes());
            put_assigned(out, assigned);
            put_unsigned(out, 0);
        }
        GroupRecord::Current { value: Some(value), .. } => {
            out.put(&VERSION.to_be_bytes());
            out.put(&value.epoch.to_be_bytes());
            out.put(&value.previous_epoch.to_be_bytes());
            out.put(&[match value.state {
                MemberState::Stable => 0,
                MemberState::UnrevokedPartitions => 1,
                MemberState::UnreleasedPartitions => 2,
            }]);
            put_assigned(out, &value.assigned);
            put_assigned(out, &value.revoking);
            put_unsigned(out, 0);
        }
        GroupRecord::Offset { value: None, .. }
        | GroupRecord::Classic { value: None, .. }
        | GroupRecord::GroupEpoch { value: None, .. }
        | GroupRecord::Member { value: None, .. }
        | GroupRecord::TargetEpoch { value: None, .. }
        | GroupRecord::Target { value: None, .. }
        | GroupRecord::Current { value: None, .. } => return false,
    }
    true
}

fn put_string(out: &mut dyn Sink, text: &Name) {
    let length = i16::try_from(text.as_str().len()).expect("names are below 32 KiB");
    out.put(&length.to_be_bytes());
    out.put(text.as_str().as_bytes());
}

fn put_nullable_string(out: &mut dyn Sink, text: Option<&Name>) {
    match text {
        Some(text) => put_string(out, text),
        None => out.put(&(-1_i16).to_be_bytes()),
    }
}

fn put_blob(out: &mut dyn Sink, bytes: &Bytes) {
    let length = i32::try_from(bytes.len()).expect("blobs are below 2 GiB");
    out.put(&length.to_be_bytes());
    out.put(bytes);
}

fn put_classic(out: &mut dyn Sink, value: &ClassicGroupValue) {
    out.put(&CLASSIC_VERSION.to_be_bytes());
    put_string(out, &value.protocol_type);
    out.put(&value.generation.to_be_bytes());
    put_nullable_string(out, value.protocol.as_ref());
    put_nullable_string(out, value.leader.as_ref());
    out.put(&value.state_timestamp.to_be_bytes());
    let count = i32::try_from(value.members.len()).expect("groups are bounded");
    out.put(&count.to_be_bytes());
    for member in &value.members {
        put_string(out, &member.member);
        put_nullable_string(out, member.instance.as_ref());
        put_string(out, &member.client_id);
        put_string(out, &member.client_host);
        out.put(&member.rebalance_timeout_ms.to_be_bytes());
        out.put(&member.session_timeout_ms.to_be_bytes());
        put_blob(out, &member.subscription);
        put_blob(out, &member.assignment);
    }
}

fn put_member(out: &mut dyn Sink, value: &MemberValue) {
    out.put(&VERSION.to_be_bytes());
    put_nullable_text(out, value.instance.as_ref());
    put_nullable_text(out, value.rack.as_ref());
    put_text(out, value.client_id.as_str());
    put_text(out, value.client_host.as_str());
    put_length(out, Some(value.topics.len()));
    value.topics.iter().for_each(|topic| put_text(out, topic.as_str()));
    put_nullable_text(out, value.pattern.as_ref());
    out.put(&value.rebalance_timeout_ms.to_be_bytes());
    put_nullable_text(out, value.assignor.as_ref());
    let Some(classic) = &value.classic else { return put_unsigned(out, 0) };
    let size = counted(|out| put_metadata(out, classic));
    // One field, which is number 0; a structure that may be missing says first that it is there.
    put_unsigned(out, 1);
    put_unsigned(out, 0);
    put_unsigned(out, size as u64 + 1);
    put_unsigned(out, 1);
    put_metadata(out, classic);
}

fn put_metadata(out: &mut dyn Sink, classic: &ClassicMetadata) {
    out.put(&classic.session_timeout_ms.to_be_bytes());
    put_length(out, Some(classic.protocols.len()));
    for (protocol, metadata) in &classic.protocols {
        put_text(out, protocol.as_str());
        put_length(out, Some(metadata.len()));
        out.put(metadata);
        put_unsigned(out, 0);
    }
    put_unsigned(out, 0);
}

/// By topic, as the schemas have it: a set is in that order already.
fn put_assigned(out: &mut dyn Sink, assigned: &Assigned) {
    let all: Vec<TopicPartition> = assigned.iter().copied().collect();
    let topics: Vec<_> = all.chunk_by(|a, b| a.topic_id == b.topic_id).collect();
    put_length(out, Some(topics.len()));
    for partitions in topics {
        let topic_id = partitions[0].topic_id;
        out.put(&{ topic_id.0 }.to_be_bytes());
        put_length(out, Some(partitions.len()));
        partitions.iter().for_each(|each| out.put(&each.partition.0.to_be_bytes()));
        put_unsigned(out, 0);
    }
}

/// The record that a record of `__consumer_offsets` is.
///
/// # Errors
///
/// Another kind or version than a coordinator here writes, or bytes that are none of it.
pub fn decode_group_record(record: &Record) -> Result<GroupRecord, CodecError> {
    let key = record.key.clone().ok_or_else(|| CodecError::new("a record without key"))?;
    let mut key = Reader::new(key);
    let kind = key.i16()?;
    let group = string(&mut key)?;
    let decoded = match kind {
        1 => {
            let (topic, partition) = (string(&mut key)?, PartitionIndex(key.i32()?));
            let value = value(record, CLASSIC_VERSION, read_offset)?;
            GroupRecord::Offset { group, topic, partition, value }
        }
        2 => {
            let value = value(record, CLASSIC_VERSION, read_classic)?.map(Box::new);
            GroupRecord::Classic { group, value }
        }
        3 => GroupRecord::GroupEpoch { group, value: value(record, VERSION, read_epoch)? },
        5 => {
            let member = string(&mut key)?;
            let value = value(record, VERSION, read_member)?.map(Box::new);
            GroupRecord::Member { group, member, value }
        }
        6 => {
            let value = value(record, VERSION, |reader| {
                let epoch = reader.i32()?;
                reader.no_tags()?;
                Ok(epoch)
            })?;
            GroupRecord::TargetEpoch { group, value }
        }
        7 => {
            let member = string(&mut key)?;
            let value = value(record, VERSION, |reader| {
                let assigned = read_assigned(reader)?;
                reader.no_tags()?;
                Ok(assigned)
            })?;
            GroupRecord::Target { group, member, value }
        }
        8 => {
            let member = string(&mut key)?;
            let value = value(record, VERSION, read_current)?.map(Box::new);
            GroupRecord::Current { group, member, value }
        }
        other => return Err(CodecError::new(format_args!("a key of kind {other}"))),
    };
    key.end("a key")?;
    Ok(decoded)
}

fn value<T>(
    record: &Record,
    version: i16,
    read: impl FnOnce(&mut Reader) -> Result<T, CodecError>,
) -> Result<Option<T>, CodecError> {
    let Some(bytes) = record.value.clone() else { return Ok(None) };
    let mut reader = Reader::new(bytes);
    let found = reader.i16()?;
    if found != version {
        return Err(CodecError::new(format_args!("version {found}, not {version}")));
    }
    let value = read(&mut reader)?;
    reader.end("a value")?;
    Ok(Some(value))
}

fn nullable_string(reader: &mut Reader) -> Result<Option<Name>, CodecError> {
    let Ok(length) = usize::try_from(reader.i16()?) else { return Ok(None) };
    let bytes = reader.bytes(length)?;
    let text = std::str::from_utf8(&bytes).map_err(CodecError::new)?;
    Ok(Some(text.into()))
}

fn string(reader: &mut Reader) -> Result<Name, CodecError> {
    nullable_string(reader)?.ok_or_else(|| CodecError::new("a null where none may be"))
}

fn blob(reader: &mut Reader) -> Result<Bytes, CodecError> {
    let length = usize::try_from(reader.i32()?).map_err(CodecError::new)?;
    reader.bytes(length)
}

fn read_offset(reader: &mut Reader) -> Result<CommittedOffset, CodecError> {
    Ok(CommittedOffset {
        offset: Offset(reader.i64()?),
        leader_epoch: LeaderEpoch::from_wire(reader.i32()?),
        metadata: string(reader)?,
        commit_timestamp: reader.i64()?,
    })
}

fn read_classic(reader: &mut Reader) -> Result<ClassicGroupValue, CodecError> {
    let mut value = ClassicGroupValue {
        protocol_type: string(reader)?,
        generation: reader.i32()?,
        protocol: nullable_string(reader)?,
        leader: nullable_string(reader)?,
        state_timestamp: reader.i64()?,
        members: Vec::new(),
    };
    for _ in 0..reader.i32()? {
        value.members.push(ClassicMemberValue {
            member: string(reader)?,
            instance: nullable_string(reader)?,
            client_id: string(reader)?,
            client_host: string(reader)?,
            rebalance_timeout_ms: reader.i32()?,
            session_timeout_ms: reader.i32()?,
            subscription: blob(reader)?,
            assignment: blob(reader)?,
        });
    }
    Ok(value)
}

fn read_epoch(reader: &mut Reader) -> Result<(i32, i64), CodecError> {
    let epoch = reader.i32()?;
    match reader.unsigned()? {
        0 => Ok((epoch, 0)),
        1 => match (reader.unsigned()?, reader.unsigned()?) {
            (0, 8) => Ok((epoch, reader.i64()?)),
            (tag, length) => {
                Err(CodecError::new(format_args!("tag {tag} of {length} bytes is not known")))
            }
        },
        count => Err(CodecError::new(format_args!("{count} tagged fields, one is known"))),
    }
}

fn read_member(reader: &mut Reader) -> Result<MemberValue, CodecError> {
    let (instance, rack) = (reader.nullable_text()?, reader.nullable_text()?);
    let (client_id, client_host) = (reader.text()?, reader.text()?);
    let count = reader.count()?;
    let topics = (0..count).map(|_| reader.text()).collect::<Result<_, _>>()?;
    let mut value = MemberValue {
        instance,
        rack,
        client_id,
        client_host,
        topics,
        pattern: reader.nullable_text()?,
        rebalance_timeout_ms: reader.i32()?,
        assignor: reader.nullable_text()?,
        classic: None,
    };
    match reader.unsigned()? {
        0 => {}
        1 => value.classic = read_metadata(reader)?,
        count => {
            return Err(CodecError::new(format_args!("{count} tagged fields, one is known")));
        }
    }
    Ok(value)
}

fn read_metadata(reader: &mut Reader) -> Result<Option<ClassicMetadata>, CodecError> {
    let (tag, _length, is_there) = (reader.unsigned()?, reader.unsigned()?, reader.unsigned()?);
    if tag != 0 {
        return Err(CodecError::new(format_args!("tag {tag} is not known")));
    }
    if is_there != 1 {
        return Ok(None);
    }
    let session_timeout_ms = reader.i32()?;
    let mut protocols = Vec::new();
    for _ in 0..reader.count()? {
        let protocol = reader.text()?;
        let length = reader.count()?;
        protocols.push((protocol, reader.bytes(length)?));
        reader.no_tags()?;
    }
    reader.no_tags()?;
    Ok(Some(ClassicMetadata { session_timeout_ms, protocols }))
}

fn read_assigned(reader: &mut Reader) -> Result<Assigned, CodecError> {
    let mut assigned = Assigned::new();
    for _ in 0..reader.count()? {
        let topic_id = TopicId(reader.uuid()?);
        for _ in 0..reader.count()? {
            let partition = PartitionIndex(reader.i32()?);
            assigned.insert(TopicPartition { topic_id, partition });
        }
        reader.no_tags()?;
    }
    Ok(assigned)
}

fn read_current(reader: &mut Reader) -> Result<CurrentValue, CodecError> {
    let (epoch, previous_epoch) = (reader.i32()?, reader.i32()?);
    let state = match reader.i8()? {
        0 => MemberState::Stable,
        1 => MemberState::UnrevokedPartitions,
        2 => MemberState::UnreleasedPartitions,
        other => return Err(CodecError::new(format_args!("{other} is no state of a member"))),
    };
    let (assigned, revoking) = (read_assigned(reader)?, read_assigned(reader)?);
    reader.no_tags()?;
    Ok(CurrentValue { epoch, previous_epoch, state, assigned, revoking })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against what Kafka 4.1's `GroupCoordinatorRecordSerde` writes by its schemas.
    #[test]
    fn a_commit_has_the_bytes_of_kafka() {
        let record = GroupRecord::Offset {
            group: "g".into(),
            topic: "t".into(),
            partition: PartitionIndex(3),
            value: Some(CommittedOffset {
                offset: Offset(42),
                leader_epoch: None,
                metadata: "".into(),
                commit_timestamp: 5,
            }),
        };
        let written = encode_group_record(&record, 5);
        let key = [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 3];
        assert_eq!(written.key.as_deref(), Some(&key[..]));
        let value = [
            &[0, 3, 0, 0, 0, 0, 0, 0, 0, 42, 255, 255, 255, 255, 0, 0][..],
            &[0, 0, 0, 0, 0, 0, 0, 5],
        ];
        assert_eq!(written.value.as_deref(), Some(&value.concat()[..]));
        assert_eq!(decode_group_record(&written), Ok(record));
    }

    #[test]
    fn a_foreign_record_is_refused() {
        let with_key = |key: &'static [u8]| Record {
            key: Some(Bytes::from_static(key)),
            value: None,
            headers: Box::default(),
            timestamp: 0,
        };
        // A record of a share group, and one that is cut.
        assert!(decode_group_record(&with_key(&[0, 10, 0, 1, b'g'])).is_err());
        assert!(decode_group_record(&with_key(&[0, 2, 0, 9, b'g'])).is_err());
        assert!(decode_group_record(&with_key(&[0, 2, 0, 1, b'g', 0])).is_err());
        assert!(decode_group_record(&with_key(&[0, 2, 0, 1, b'g'])).is_ok());
    }
}
