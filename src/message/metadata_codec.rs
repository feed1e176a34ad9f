//! Records of the metadata log as bytes: what stands as the value of each record.
//!
//! Each is framed by a frame version, its api key and its version, all unsigned varints. The
//! versions are those that metadata.version 4.1 writes.
//!
//! Some fields of Kafka's records are not in ours, for nothing depends on them. They are written
//! with a fixed value, and reading refuses any other: a broker's one listener, its features (none),
//! the directories of replicas (not assigned), replicas that are added or removed (none).
//!
//! Source: Kafka 4.1, `AbstractApiMessageSerde`, `metadata/src/main/resources/common/metadata`.

use bytes::Bytes;

use crate::message::codec::{
    CodecError, Reader, Sink, counted, length_bytes, put_bool, put_length, put_nullable_text,
    put_text, put_unsigned,
};
use crate::message::metadata_record::{MetadataRecord, PartitionChange, PartitionState};
use crate::types::{
    BrokerEpoch, BrokerId, BrokerSet, ConfigResource, DirectoryId, IncarnationId, LeaderEpoch,
    PartitionEpoch, PartitionIndex, ProducerId, TopicId, TopicPartition,
};

/// `DEFAULT_FRAME_VERSION`.
const FRAME_VERSION: u64 = 1;
/// `DirectoryId.UNASSIGNED`.
const UNASSIGNED: u128 = 1;
/// The one listener of a broker.
const LISTENER: &str = "PLAINTEXT";
/// Its port.
const PORT: u16 = 9092;
/// `SecurityProtocol.PLAINTEXT`.
const SECURITY_PROTOCOL: i16 = 0;
/// `ConfigResource.Type.TOPIC`.
const TOPIC_RESOURCE: i8 = 2;
/// `ConfigResource.Type.BROKER`.
const BROKER_RESOURCE: i8 = 4;
/// `PartitionChangeRecord.leader` when the leader stays (`NO_LEADER_CHANGE`).
const NO_LEADER_CHANGE: i32 = -2;

/// A record's api key and version.
fn key_and_version(record: &MetadataRecord) -> (u16, u16) {
    match record {
        MetadataRecord::RegisterBroker { .. } => (0, 3),
        MetadataRecord::UnregisterBroker { .. } => (1, 0),
        MetadataRecord::Topic { .. } => (2, 0),
        MetadataRecord::Partition { .. } => (3, 2),
        MetadataRecord::Config { .. } => (4, 0),
        MetadataRecord::PartitionChange { .. } => (5, 2),
        MetadataRecord::RemoveTopic { .. } => (9, 0),
        MetadataRecord::FeatureLevel { .. } => (12, 0),
        MetadataRecord::ProducerIds { .. } => (15, 0),
        MetadataRecord::BrokerRegistrationChange { .. } => (17, 2),
        MetadataRecord::NoOp => (20, 0),
        MetadataRecord::ClearEligible { .. } => (28, 0),
    }
}

/// The bytes of `record`.
pub fn encode_metadata_record(record: &MetadataRecord) -> Vec<u8> {
    let mut out = Vec::with_capacity(metadata_record_size_bytes(record));
    put_metadata_record(&mut out, record);
    out
}

/// How many bytes `record` takes.
pub fn metadata_record_size_bytes(record: &MetadataRecord) -> usize {
    counted(|out| put_metadata_record(out, record))
}

pub(in crate::message) fn put_metadata_record(out: &mut dyn Sink, record: &MetadataRecord) {
    let (key, version) = key_and_version(record);
    put_unsigned(out, FRAME_VERSION);
    put_unsigned(out, u64::from(key));
    put_unsigned(out, u64::from(version));
    match record {
        MetadataRecord::RegisterBroker { .. } => put_registration(out, record),
        MetadataRecord::BrokerRegistrationChange {
            broker,
            broker_epoch,
            fenced,
            in_controlled_shutdown,
        } => {
            out.put(&broker.0.to_be_bytes());
            out.put(&broker_epoch.0.to_be_bytes());
            let fenced = fenced.map(|fenced| if fenced { 1 } else { -1 });
            let fenced = fenced.map(|fenced| (0, Tag::I8(fenced)));
            let shutdown = in_controlled_shutdown.map(|is| (1, Tag::I8(i8::from(is))));
            put_tags(out, [fenced, shutdown]);
        }
        MetadataRecord::UnregisterBroker { broker, broker_epoch } => {
            out.put(&broker.0.to_be_bytes());
            out.put(&broker_epoch.0.to_be_bytes());
            put_tags(out, []);
        }
        MetadataRecord::Topic { name, topic_id } => {
            put_text(out, name.as_str());
            out.put(&topic_id.0.to_be_bytes());
            put_tags(out, []);
        }
        MetadataRecord::Partition { partition, state } => put_state(out, *partition, state),
        MetadataRecord::PartitionChange { partition, change } => {
            put_change(out, *partition, change);
        }
        MetadataRecord::RemoveTopic { topic_id } => {
            out.put(&topic_id.0.to_be_bytes());
            put_tags(out, []);
        }
        MetadataRecord::Config { resource, key, value } => {
            match resource {
                ConfigResource::Topic(topic) => {
                    out.put(&TOPIC_RESOURCE.to_be_bytes());
                    put_text(out, topic.as_str());
                }
                ConfigResource::Broker(broker) => {
                    out.put(&BROKER_RESOURCE.to_be_bytes());
                    put_text(out, &broker.to_string());
                }
                ConfigResource::Cluster => {
                    out.put(&BROKER_RESOURCE.to_be_bytes());
                    put_text(out, "");
                }
            }
            put_text(out, key.as_str());
            put_nullable_text(out, value.as_ref());
            put_tags(out, []);
        }
        MetadataRecord::FeatureLevel { feature, level } => {
            put_text(out, feature.as_str());
            out.put(&level.to_be_bytes());
            put_tags(out, []);
        }
        MetadataRecord::ProducerIds { broker, broker_epoch, next_producer_id } => {
            out.put(&broker.0.to_be_bytes());
            out.put(&broker_epoch.0.to_be_bytes());
            out.put(&next_producer_id.0.to_be_bytes());
            put_tags(out, []);
        }
        MetadataRecord::ClearEligible { topic } => {
            put_text(out, topic.as_ref().map_or("", |topic| topic.as_str()));
            put_tags(out, []);
        }
        MetadataRecord::NoOp => put_tags(out, []),
    }
}

fn put_registration(out: &mut dyn Sink, record: &MetadataRecord) {
    let MetadataRecord::RegisterBroker {
        broker,
        incarnation,
        broker_epoch,
        rack,
        directories,
        fenced,
        in_controlled_shutdown,
    } = record
    else {
        unreachable!("called for registrations");
    };
    out.put(&broker.0.to_be_bytes());
    put_bool(out, false); // isMigratingZkBroker
    out.put(&u128::from(incarnation.0).to_be_bytes());
    out.put(&broker_epoch.0.to_be_bytes());
    put_length(out, Some(1)); // endPoints
    put_text(out, LISTENER);
    put_text(out, &host_of(*broker));
    out.put(&PORT.to_be_bytes());
    out.put(&SECURITY_PROTOCOL.to_be_bytes());
    put_tags(out, []);
    put_length(out, Some(0)); // features
    put_nullable_text(out, rack.as_ref());
    put_bool(out, *fenced);
    put_bool(out, *in_controlled_shutdown);
    put_tags(out, [(!directories.is_empty()).then_some((0, Tag::Directories(directories)))]);
}

fn put_state(out: &mut dyn Sink, partition: TopicPartition, state: &PartitionState) {
    let PartitionState {
        replicas,
        in_sync,
        eligible,
        last_known,
        leader,
        recovering,
        leader_epoch,
        partition_epoch,
    } = state;
    out.put(&partition.partition.0.to_be_bytes());
    out.put(&partition.topic_id.0.to_be_bytes());
    put_brokers(out, replicas.iter().copied());
    put_brokers(out, in_sync.iter());
    put_length(out, Some(0)); // removingReplicas
    put_length(out, Some(0)); // addingReplicas
    out.put(&leader_to_wire(*leader).to_be_bytes());
    out.put(&leader_epoch.0.to_be_bytes());
    out.put(&partition_epoch.0.to_be_bytes());
    put_unassigned(out, replicas.len());
    // Kafka leaves empty sets out «to save space».
    let eligible = (!eligible.is_empty()).then_some((1, Tag::Set(eligible)));
    let last_known = (!last_known.is_empty()).then_some((2, Tag::List(last_known)));
    put_tags(out, [recovering.then_some((0, Tag::I8(1))), eligible, last_known]);
}

fn put_change(out: &mut dyn Sink, partition: TopicPartition, change: &PartitionChange) {
    let PartitionChange { in_sync, eligible, last_known, leader, recovering, replicas } = change;
    out.put(&partition.partition.0.to_be_bytes());
    out.put(&partition.topic_id.0.to_be_bytes());
    put_tags(
        out,
        [
            in_sync.as_ref().map(|set| (0, Tag::Set(set))),
            leader.map(|leader| (1, Tag::I32(leader_to_wire(leader)))),
            replicas.as_ref().map(|list| (2, Tag::List(list))),
            recovering.map(|is| (5, Tag::I8(i8::from(is)))),
            eligible.as_ref().map(|set| (6, Tag::Set(set))),
            last_known.as_ref().map(|list| (7, Tag::List(list))),
            replicas.as_ref().map(|list| (8, Tag::Unassigned(list.len()))),
        ],
    );
}

/// The value of a tagged field.
#[derive(Clone, Copy, Debug)]
enum Tag<'a> {
    I8(i8),
    I32(i32),
    Set(&'a BrokerSet),
    List(&'a [BrokerId]),
    Directories(&'a [DirectoryId]),
    Unassigned(usize),
}

impl Tag<'_> {
    fn size_bytes(self) -> usize {
        let array = |count: usize, each: usize| length_bytes(count) + count * each;
        match self {
            Self::I8(_) => 1,
            Self::I32(_) => 4,
            Self::Set(set) => array(set.len(), 4),
            Self::List(list) => array(list.len(), 4),
            Self::Directories(list) => array(list.len(), 16),
            Self::Unassigned(count) => array(count, 16),
        }
    }

    fn put(self, out: &mut dyn Sink) {
        match self {
            Self::I8(value) => out.put(&value.to_be_bytes()),
            Self::I32(value) => out.put(&value.to_be_bytes()),
            Self::Set(set) => put_brokers(out, set.iter()),
            Self::List(list) => put_brokers(out, list.iter().copied()),
            Self::Directories(list) => {
                put_length(out, Some(list.len()));
                for id in list {
                    out.put(&u128::from(id.0).to_be_bytes());
                }
            }
            Self::Unassigned(count) => put_unassigned(out, count),
        }
    }
}

fn put_tags<const N: usize>(out: &mut dyn Sink, tags: [Option<(u64, Tag<'_>)>; N]) {
    put_unsigned(out, tags.iter().flatten().count() as u64);
    for (number, tag) in tags.into_iter().flatten() {
        put_unsigned(out, number);
        put_unsigned(out, tag.size_bytes() as u64);
        tag.put(out);
    }
}

fn put_brokers(out: &mut dyn Sink, brokers: impl ExactSizeIterator<Item = BrokerId>) {
    put_length(out, Some(brokers.len()));
    brokers.for_each(|broker| out.put(&broker.0.to_be_bytes()));
}

fn put_unassigned(out: &mut dyn Sink, count: usize) {
    put_length(out, Some(count));
    (0..count).for_each(|_| out.put(&UNASSIGNED.to_be_bytes()));
}

fn host_of(broker: BrokerId) -> String {
    format!("broker-{broker}")
}

fn leader_to_wire(leader: Option<BrokerId>) -> i32 {
    leader.map_or(-1, |leader| leader.0)
}

fn leader_from_wire(leader: i32) -> Option<BrokerId> {
    (leader >= 0).then_some(BrokerId(leader))
}

/// The record that `bytes` are.
pub fn decode_metadata_record(bytes: Bytes) -> Result<MetadataRecord, CodecError> {
    let mut reader = Reader::new(bytes);
    expect(&mut reader, "the frame version", FRAME_VERSION, Reader::unsigned)?;
    let key = reader.unsigned()?;
    let version = reader.unsigned()?;
    let record = match key {
        0 => read_registration(&mut reader),
        1 => read_unregistration(&mut reader),
        2 => read_topic(&mut reader),
        3 => read_state(&mut reader),
        4 => read_config(&mut reader),
        5 => read_change(&mut reader),
        9 => read_removal(&mut reader),
        12 => read_feature(&mut reader),
        15 => read_producer_ids(&mut reader),
        17 => read_registration_change(&mut reader),
        20 => reader.no_tags().map(|()| MetadataRecord::NoOp),
        28 => read_clear_eligible(&mut reader),
        other => return Err(CodecError::new(format_args!("no metadata record has key {other}"))),
    };
    let record = record.map_err(|error| error.within(format_args!("metadata record {key}")))?;
    let expected = u64::from(key_and_version(&record).1);
    if version != expected {
        let what = format_args!("metadata record {key} has version {version}, not {expected}");
        return Err(CodecError::new(what));
    }
    reader.end("a metadata record")?;
    Ok(record)
}

/// Reads a field whose value is fixed.
fn expect<T: PartialEq + std::fmt::Debug>(
    reader: &mut Reader,
    field: &str,
    expected: T,
    read: impl FnOnce(&mut Reader) -> Result<T, CodecError>,
) -> Result<(), CodecError> {
    let found = read(reader)?;
    if found == expected {
        return Ok(());
    }
    Err(CodecError::new(format_args!("{field} is {found:?}, not {expected:?}")))
}

fn read_registration(reader: &mut Reader) -> Result<MetadataRecord, CodecError> {
    let broker = BrokerId(reader.i32()?);
    expect(reader, "isMigratingZkBroker", false, Reader::bool)?;
    let incarnation = IncarnationId(low_half(reader.uuid()?)?);
    let broker_epoch = BrokerEpoch(reader.i64()?);
    expect(reader, "the number of endPoints", 1, Reader::count)?;
    expect(reader, "name", LISTENER.into(), Reader::text)?;
    expect(reader, "host", host_of(broker).into(), Reader::text)?;
    expect(reader, "port", PORT, Reader::u16)?;
    expect(reader, "securityProtocol", SECURITY_PROTOCOL, Reader::i16)?;
    reader.no_tags()?;
    expect(reader, "the number of features", 0, Reader::count)?;
    let rack = reader.nullable_text()?;
    let fenced = reader.bool()?;
    let in_controlled_shutdown = reader.bool()?;
    let mut directories = Vec::new();
    read_tags(reader, |tag, reader| {
        match tag {
            0 => directories = read_directories(reader)?,
            other => return Err(unknown_tag(other)),
        }
        Ok(())
    })?;
    Ok(MetadataRecord::RegisterBroker {
        broker,
        incarnation,
        broker_epoch,
        rack,
        directories,
        fenced,
        in_controlled_shutdown,
    })
}

fn read_registration_change(reader: &mut Reader) -> Result<MetadataRecord, CodecError> {
    let broker = BrokerId(reader.i32()?);
    let broker_epoch = BrokerEpoch(reader.i64()?);
    let (mut fenced, mut in_controlled_shutdown) = (None, None);
    read_tags(reader, |tag, reader| {
        match (tag, reader.i8()?) {
            (0, 1) => fenced = Some(true),
            (0, -1) => fenced = Some(false),
            (1, 1) => in_controlled_shutdown = Some(true),
            // Zero is the default and says that nothing changes.
            (0 | 1, value) => {
                return Err(CodecError::new(format_args!("tag {tag} says {value}, no change")));
            }
            (other, _) => return Err(unknown_tag(other)),
        }
        Ok(())
    })?;
    Ok(MetadataRecord::BrokerRegistrationChange {
        broker,
        broker_epoch,
        fenced,
        in_controlled_shutdown,
    })
}

fn read_unregistration(reader: &mut Reader) -> Result<MetadataRecord, CodecError> {
    let broker = BrokerId(reader.i32()?);
    let broker_epoch = BrokerEpoch(reader.i64()?);
    reader.no_tags()?;
    Ok(MetadataRecord::UnregisterBroker { broker, broker_epoch })
}

fn read_topic(reader: &mut Reader) -> Result<MetadataRecord, CodecError> {
    let name = reader.text()?;
    let topic_id = TopicId(reader.uuid()?);
    reader.no_tags()?;
    Ok(MetadataRecord::Topic { name, topic_id })
}

fn read_state(reader: &mut Reader) -> Result<MetadataRecord, CodecError> {
    let partition = read_partition(reader)?;
    let replicas = read_brokers(reader)?;
    let in_sync = read_set(reader)?;
    expect(reader, "the number of removingReplicas", 0, Reader::count)?;
    expect(reader, "the number of addingReplicas", 0, Reader::count)?;
    let leader = leader_from_wire(reader.i32()?);
    let leader_epoch = LeaderEpoch(reader.i32()?);
    let partition_epoch = PartitionEpoch(reader.i32()?);
    expect_unassigned(reader, replicas.len())?;
    let mut state = PartitionState {
        replicas,
        in_sync,
        eligible: BrokerSet::default(),
        last_known: Vec::new(),
        leader,
        recovering: false,
        leader_epoch,
        partition_epoch,
    };
    read_tags(reader, |tag, reader| {
        match tag {
            0 => state.recovering = read_recovery(reader)?,
            1 => state.eligible = read_set(reader)?,
            2 => state.last_known = read_brokers(reader)?,
            other => return Err(unknown_tag(other)),
        }
        Ok(())
    })?;
    Ok(MetadataRecord::Partition { partition, state: Box::new(state) })
}

fn read_change(reader: &mut Reader) -> Result<MetadataRecord, CodecError> {
    let partition = read_partition(reader)?;
    let mut change = PartitionChange::default();
    let mut directories = None;
    read_tags(reader, |tag, reader| {
        match tag {
            0 => change.in_sync = Some(read_set(reader)?),
            1 => match reader.i32()? {
                NO_LEADER_CHANGE => return Err(CodecError::new("leader says no change")),
                leader => change.leader = Some(leader_from_wire(leader)),
            },
            2 => change.replicas = Some(read_brokers(reader)?),
            5 => change.recovering = Some(read_recovery(reader)?),
            6 => change.eligible = Some(read_set(reader)?),
            7 => change.last_known = Some(read_brokers(reader)?),
            8 => {
                let count = change.replicas.as_ref().map_or(0, Vec::len);
                expect_unassigned(reader, count)?;
                directories = Some(count);
            }
            other => return Err(unknown_tag(other)),
        }
        Ok(())
    })?;
    if directories != change.replicas.as_ref().map(Vec::len) {
        return Err(CodecError::new("directories and replicas change together"));
    }
    Ok(MetadataRecord::PartitionChange { partition, change: Box::new(change) })
}

fn read_removal(reader: &mut Reader) -> Result<MetadataRecord, CodecError> {
    let topic_id = TopicId(reader.uuid()?);
    reader.no_tags()?;
    Ok(MetadataRecord::RemoveTopic { topic_id })
}

fn read_config(reader: &mut Reader) -> Result<MetadataRecord, CodecError> {
    let resource = reader.i8()?;
    let name = reader.text()?;
    let broker = name.as_str().parse().map(BrokerId);
    let resource = match (resource, name.as_str(), broker) {
        (BROKER_RESOURCE, "", _) => ConfigResource::Cluster,
        (BROKER_RESOURCE, _, Ok(broker)) => ConfigResource::Broker(broker),
        (TOPIC_RESOURCE, _, _) => ConfigResource::Topic(name),
        _ => {
            let what = format_args!("resource {name:?} of type {resource} is not known");
            return Err(CodecError::new(what));
        }
    };
    let key = reader.text()?;
    let value = reader.nullable_text()?;
    reader.no_tags()?;
    Ok(MetadataRecord::Config { resource, key, value })
}

fn read_clear_eligible(reader: &mut Reader) -> Result<MetadataRecord, CodecError> {
    let name = reader.text()?;
    reader.no_tags()?;
    let topic = Some(name).filter(|name| !name.as_str().is_empty());
    Ok(MetadataRecord::ClearEligible { topic })
}

fn read_feature(reader: &mut Reader) -> Result<MetadataRecord, CodecError> {
    let feature = reader.text()?;
    let level = reader.i16()?;
    reader.no_tags()?;
    Ok(MetadataRecord::FeatureLevel { feature, level })
}

fn read_producer_ids(reader: &mut Reader) -> Result<MetadataRecord, CodecError> {
    let broker = BrokerId(reader.i32()?);
    let broker_epoch = BrokerEpoch(reader.i64()?);
    let next_producer_id = ProducerId(reader.i64()?);
    reader.no_tags()?;
    Ok(MetadataRecord::ProducerIds { broker, broker_epoch, next_producer_id })
}

fn read_tags(
    reader: &mut Reader,
    mut read: impl FnMut(u64, &mut Reader) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let mut above = None;
    for _ in 0..reader.unsigned()? {
        let tag = reader.unsigned()?;
        if above.is_some_and(|above| tag <= above) {
            return Err(CodecError::new(format_args!("tag {tag} is out of order")));
        }
        above = Some(tag);
        let size = usize::try_from(reader.unsigned()?).unwrap_or(usize::MAX);
        let mut value = Reader::new(reader.bytes(size)?);
        read(tag, &mut value)?;
        value.end("a tagged field")?;
    }
    Ok(())
}

fn read_partition(reader: &mut Reader) -> Result<TopicPartition, CodecError> {
    let partition = PartitionIndex(reader.i32()?);
    Ok(TopicPartition { topic_id: TopicId(reader.uuid()?), partition })
}

fn read_brokers(reader: &mut Reader) -> Result<Vec<BrokerId>, CodecError> {
    (0..reader.count()?).map(|_| reader.i32().map(BrokerId)).collect()
}

fn read_set(reader: &mut Reader) -> Result<BrokerSet, CodecError> {
    read_brokers(reader).map(|brokers| brokers.into_iter().collect())
}

fn read_directories(reader: &mut Reader) -> Result<Vec<DirectoryId>, CodecError> {
    (0..reader.count()?).map(|_| low_half(reader.uuid()?).map(DirectoryId)).collect()
}

fn expect_unassigned(reader: &mut Reader, count: usize) -> Result<(), CodecError> {
    expect(reader, "the number of directories", count, Reader::count)?;
    (0..count).try_for_each(|_| expect(reader, "a directory", UNASSIGNED, Reader::uuid))
}

fn read_recovery(reader: &mut Reader) -> Result<bool, CodecError> {
    reader.bool()
}

fn low_half(uuid: u128) -> Result<u64, CodecError> {
    let error = |_| CodecError::new(format_args!("{uuid:032x} is not an identity of kafsim"));
    u64::try_from(uuid).map_err(error)
}

fn unknown_tag(tag: u64) -> CodecError {
    CodecError::new(format_args!("no field has tag {tag}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Name;

    const ORDERS_3: TopicPartition =
        TopicPartition { topic_id: TopicId(0x0102), partition: PartitionIndex(3) };
    const ORDERS: &str = "00000000000000000000000000000102";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    fn set(ids: &[i32]) -> BrokerSet {
        ids.iter().copied().map(BrokerId).collect()
    }

    /// Holds `record` to `bytes`, made from Kafka's schemas by other means.
    fn holds(record: &MetadataRecord, bytes: &[&str]) {
        let encoded = encode_metadata_record(record);
        assert_eq!(hex(&encoded), bytes.concat());
        assert_eq!(metadata_record_size_bytes(record), encoded.len());
        assert_eq!(decode_metadata_record(encoded.clone().into()).as_ref(), Ok(record));
        for end in 0..encoded.len() {
            let cut = Bytes::from(encoded.clone()).slice(..end);
            assert!(decode_metadata_record(cut).is_err(), "{end} bytes of {record:?}");
        }
    }

    #[test]
    fn registrations_are_as_in_kafka() {
        let (broker, broker_epoch) = (BrokerId(1), BrokerEpoch(5));
        let register = MetadataRecord::RegisterBroker {
            broker,
            incarnation: IncarnationId(7),
            broker_epoch,
            rack: Some("a".into()),
            directories: vec![DirectoryId(9)],
            fenced: true,
            in_controlled_shutdown: false,
        };
        let head = "010003000000010000000000000000000000000000000007";
        let listener = "020a504c41494e544558540962726f6b65722d312384000000";
        let tail = "01026101000100110200000000000000000000000000000009";
        holds(&register, &[head, "0000000000000005", listener, tail]);
        let change = MetadataRecord::BrokerRegistrationChange {
            broker,
            broker_epoch,
            fenced: Some(false),
            in_controlled_shutdown: Some(true),
        };
        holds(&change, &["011102", "000000010000000000000005", "020001ff010101"]);
        let gone = MetadataRecord::UnregisterBroker { broker, broker_epoch };
        holds(&gone, &["010100", "00000001000000000000000500"]);
        let next_producer_id = ProducerId(1000);
        let ids = MetadataRecord::ProducerIds { broker, broker_epoch, next_producer_id };
        holds(&ids, &["010f00", "000000010000000000000005", "00000000000003e800"]);
    }

    #[test]
    fn partitions_are_as_in_kafka() {
        let state = PartitionState {
            replicas: vec![BrokerId(2), BrokerId(1)],
            in_sync: set(&[1]),
            eligible: set(&[2]),
            last_known: Vec::new(),
            leader: Some(BrokerId(1)),
            recovering: true,
            leader_epoch: LeaderEpoch(4),
            partition_epoch: PartitionEpoch(6),
        };
        let record = MetadataRecord::Partition { partition: ORDERS_3, state: Box::new(state) };
        let replicas = "03000000020000000102000000010101000000010000000400000006";
        let unassigned = "00000000000000000000000000000001";
        let tags = "0200010101050200000002";
        let state = ["01030200000003", ORDERS, replicas, "03", unassigned, unassigned, tags];
        holds(&record, &state);
        let change = PartitionChange {
            in_sync: Some(set(&[1, 2])),
            eligible: Some(set(&[])),
            last_known: Some(vec![BrokerId(2)]),
            leader: Some(None),
            recovering: Some(false),
            replicas: Some(vec![BrokerId(2)]),
        };
        let record =
            MetadataRecord::PartitionChange { partition: ORDERS_3, change: Box::new(change) };
        let tags = "0700090300000001000000020104ffffffff0205020000000205010006010107050200000002";
        holds(&record, &["01050200000003", ORDERS, tags, "081102", unassigned]);
    }

    #[test]
    fn topics_and_settings_are_as_in_kafka() {
        let topic_id = TopicId(0x0102);
        let name = Name::from("orders");
        let topic = MetadataRecord::Topic { name: name.clone(), topic_id };
        holds(&topic, &["010200", "076f7264657273", ORDERS, "00"]);
        holds(&MetadataRecord::RemoveTopic { topic_id }, &["010900", ORDERS, "00"]);
        let (resource, key) =
            (ConfigResource::Topic(name.clone()), Name::from("min.insync.replicas"));
        let config = MetadataRecord::Config { resource, key, value: Some("2".into()) };
        let key = "146d696e2e696e73796e632e7265706c69636173";
        holds(&config, &["01040002", "076f7264657273", key, "023200"]);
        let resource = ConfigResource::Cluster;
        let config = MetadataRecord::Config { resource, key: "k".into(), value: None };
        holds(&config, &["0104000401026b0000"]);
        let resource = ConfigResource::Broker(BrokerId(12));
        let config = MetadataRecord::Config { resource, key: "k".into(), value: None };
        holds(&config, &["010400", "0403", "3132", "026b0000"]);
        let clear = MetadataRecord::ClearEligible { topic: Some(name) };
        holds(&clear, &["011c00", "076f7264657273", "00"]);
        holds(&MetadataRecord::ClearEligible { topic: None }, &["011c00", "01", "00"]);
        let feature =
            MetadataRecord::FeatureLevel { feature: "metadata.version".into(), level: 27 };
        holds(&feature, &["010c00", "116d657461646174612e76657273696f6e", "001b00"]);
        holds(&MetadataRecord::NoOp, &["01140000"]);
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let refused = |bytes: &[u8], why: &str| {
            let error = decode_metadata_record(bytes.to_vec().into()).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        };
        refused(&[0, 20, 0, 0], "the frame version is 0, not 1");
        refused(&[1, 20, 1, 0], "metadata record 20 has version 1, not 0");
        refused(&[1, 21, 0, 0], "no metadata record has key 21");
        refused(&[1, 20, 0, 0, 0], "1 bytes are left over");
        refused(&[1, 20, 0, 1, 5, 0], "1 tagged fields, none is known");
        // «No change» is the default of a tagged field: Kafka does not write it.
        let change = MetadataRecord::BrokerRegistrationChange {
            broker: BrokerId(1),
            broker_epoch: BrokerEpoch(5),
            fenced: None,
            in_controlled_shutdown: Some(false),
        };
        refused(&encode_metadata_record(&change), "tag 1 says 0, no change");
    }
}
