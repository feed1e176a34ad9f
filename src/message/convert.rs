//! Ids as the protocol crate has them, and as we do. -1 on the wire is `None` inside.

use std::collections::BTreeMap;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages as k;
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use uuid::Uuid;

use crate::types::{BrokerId, DirectoryId, IncarnationId, Name, TopicId};

/// A topic's identity on the wire; zero is none.
pub fn topic_uuid(topic_id: TopicId) -> Uuid {
    Uuid::from_u128(topic_id.0)
}

/// A topic's identity from the wire; zero is none.
pub fn topic_id(uuid: Uuid) -> TopicId {
    TopicId(uuid.as_u128())
}

/// A process start's identity on the wire.
pub fn incarnation_uuid(incarnation: IncarnationId) -> Uuid {
    Uuid::from_u128(u128::from(incarnation.0))
}

/// A process start's identity from the wire; of foreign ones the lower half counts.
pub fn incarnation_id(uuid: Uuid) -> IncarnationId {
    IncarnationId(uuid.as_u64_pair().1)
}

/// A log directory's identity on the wire.
pub fn directory_uuid(directory: DirectoryId) -> Uuid {
    Uuid::from_u128(u128::from(directory.0))
}

/// A log directory's identity from the wire; of foreign ones the lower half counts.
pub fn directory_id(uuid: Uuid) -> DirectoryId {
    DirectoryId(uuid.as_u64_pair().1)
}

/// A node on the wire, where none is -1.
pub fn broker_to_wire(broker: Option<BrokerId>) -> k::BrokerId {
    k::BrokerId(broker.map_or(-1, |broker| broker.0))
}

/// A node from the wire, where none is -1.
pub fn broker_from_wire(broker: k::BrokerId) -> Option<BrokerId> {
    (broker.0 >= 0).then_some(BrokerId(broker.0))
}

/// A name on the wire.
pub fn wire_text(name: &Name) -> StrBytes {
    StrBytes::from_string(name.as_str().to_owned())
}

/// A topic's name on the wire.
pub fn topic_name(name: &Name) -> k::TopicName {
    k::TopicName(wire_text(name))
}

/// The version of `ConsumerProtocolSubscription` and `ConsumerProtocolAssignment` that Kafka 4.1's
/// consumers write.
pub const CONSUMER_PROTOCOL_VERSION: i16 = 3;

/// What members of a classic group tell each other, behind its version; `None` when it is none.
pub fn unframed<T: Decodable>(bytes: &Bytes) -> Option<T> {
    let mut bytes = bytes.clone();
    let version = bytes.try_get_i16().ok()?;
    // The decoder makes room for as many elements as it is told of before it reads one.
    let said = bytes.clone().try_get_i32().ok()?;
    if usize::try_from(said).is_ok_and(|said| said > bytes.len()) {
        return None;
    }
    T::decode(&mut bytes, version.min(CONSUMER_PROTOCOL_VERSION)).ok()
}

/// The partitions that the leader of a classic group gives to a member; `None` when it is no
/// `ConsumerProtocolAssignment`.
pub fn assigned_places(bytes: &Bytes) -> Option<Vec<(Name, i32)>> {
    let body = unframed::<k::ConsumerProtocolAssignment>(bytes)?;
    let places = body.assigned_partitions.iter().flat_map(|topic| {
        let name = Name::from(topic.topic.0.as_str());
        topic.partitions.iter().map(move |number| (name.clone(), *number))
    });
    Some(places.collect())
}

/// What a member of a classic group is given (`ConsumerProtocolAssignment`), with its version.
pub fn assignment_of_places(places: &[(Name, i32)]) -> Bytes {
    let mut topics: BTreeMap<&Name, Vec<i32>> = BTreeMap::new();
    for (topic, number) in places {
        topics.entry(topic).or_default().push(*number);
    }
    let topics = topics.into_iter().map(|(topic, mut numbers)| {
        numbers.sort_unstable();
        AssignedTopic::default().with_topic(topic_name(topic)).with_partitions(numbers)
    });
    let body = k::ConsumerProtocolAssignment::default().with_assigned_partitions(topics.collect());
    framed(&body)
}

/// What members of a classic group tell each other, behind its version.
pub fn framed(body: &impl Encodable) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(CONSUMER_PROTOCOL_VERSION);
    body.encode(&mut out, CONSUMER_PROTOCOL_VERSION).expect("names and numbers can be written");
    out.freeze()
}

/// The port that all brokers listen on.
pub const PORT: i32 = 9092;

/// A broker's host name: `broker-1`, ...
pub fn host_of(broker: BrokerId) -> StrBytes {
    StrBytes::from_string(format!("broker-{broker}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back() {
        assert_eq!(topic_id(topic_uuid(TopicId(u128::MAX - 5))), TopicId(u128::MAX - 5));
        let incarnation = IncarnationId(u64::MAX - 5);
        assert_eq!(incarnation_id(incarnation_uuid(incarnation)), incarnation);
        assert_eq!(directory_id(directory_uuid(DirectoryId(9))), DirectoryId(9));
        assert_eq!(broker_from_wire(broker_to_wire(None)), None);
        assert_eq!(broker_from_wire(broker_to_wire(Some(BrokerId(0)))), Some(BrokerId(0)));
    }
}
