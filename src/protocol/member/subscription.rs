//! What a member subscribes to, and how members tell each other.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages::ConsumerProtocolSubscription;
use kafka_protocol::messages::consumer_protocol_subscription::TopicPartition as OwnedTopic;

use crate::message::convert;
use crate::protocol::assignor::{Member, Place};
use crate::types::Name;

/// Numbers of partitions by topic.
fn by_topic<'a>(places: impl IntoIterator<Item = &'a Place>) -> BTreeMap<&'a Name, Vec<i32>> {
    let mut topics: BTreeMap<&Name, Vec<i32>> = BTreeMap::new();
    for (topic, number) in places {
        topics.entry(topic).or_default().push(*number);
    }
    topics.values_mut().for_each(|numbers| numbers.sort_unstable());
    topics
}

/// What a member says of itself when it joins (`ConsumerProtocolSubscription`): its topics, what
/// it owns, in which generation it was given that, and for the sticky assignor `remembered`, what
/// it had before it gave it up, and in which generation.
pub(crate) fn subscription(
    topics: &BTreeSet<Name>,
    owned: &BTreeSet<Place>,
    generation: i32,
    remembered: Option<(&BTreeSet<Place>, i32)>,
) -> Bytes {
    let owned = by_topic(owned).into_iter().map(|(topic, partitions)| {
        OwnedTopic::default().with_topic(convert::topic_name(topic)).with_partitions(partitions)
    });
    let body = ConsumerProtocolSubscription::default()
        .with_topics(topics.iter().map(convert::wire_text).collect())
        .with_user_data(remembered.map(|(places, generation)| user_data(places, generation)))
        .with_owned_partitions(owned.collect())
        .with_generation_id(generation);
    convert::framed(&body)
}

/// The other side of [`subscription`]; `remembers` when the assignor looks at user data only.
pub(crate) fn member(id: Name, instance: Option<Name>, bytes: &Bytes, remembers: bool) -> Member {
    let body = convert::unframed::<ConsumerProtocolSubscription>(bytes).unwrap_or_default();
    let (owned, generation) = if remembers {
        body.user_data.as_ref().and_then(read_user_data).unwrap_or_default()
    } else {
        let of = |topic: &OwnedTopic| {
            let name = Name::from(topic.topic.0.as_str());
            topic.partitions.iter().map(|number| (name.clone(), *number)).collect::<Vec<_>>()
        };
        (body.owned_partitions.iter().flat_map(of).collect(), body.generation_id)
    };
    Member {
        id,
        instance,
        topics: body.topics.iter().map(|topic| Name::from(topic.as_str())).collect(),
        owned,
        generation: Some(generation).filter(|generation| *generation >= 0),
    }
}

/// What `StickyAssignor` keeps over a rebalance (its user data, version 1): a list of topics with
/// their partitions, then the generation, all lengths in full.
fn user_data(places: &BTreeSet<Place>, generation: i32) -> Bytes {
    let topics = by_topic(places);
    let length = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let mut out = BytesMut::new();
    out.put_i32(length(topics.len()));
    for (topic, numbers) in topics {
        let name = topic.as_str().as_bytes();
        out.put_i16(i16::try_from(name.len()).unwrap_or(i16::MAX));
        out.put_slice(name);
        out.put_i32(length(numbers.len()));
        numbers.into_iter().for_each(|number| out.put_i32(number));
    }
    out.put_i32(generation);
    out.freeze()
}

fn read_user_data(bytes: &Bytes) -> Option<(Vec<Place>, i32)> {
    let mut bytes = bytes.clone();
    let mut places = Vec::new();
    for _ in 0..bytes.try_get_i32().ok()? {
        let length = usize::try_from(bytes.try_get_i16().ok()?).ok()?;
        if bytes.len() < length {
            return None;
        }
        let name = Name::from(std::str::from_utf8(&bytes.split_to(length)).ok()?);
        for _ in 0..bytes.try_get_i32().ok()? {
            places.push((name.clone(), bytes.try_get_i32().ok()?));
        }
    }
    Some((places, bytes.try_get_i32().ok()?))
}

/// What the leader gives a member (`ConsumerProtocolAssignment`).
pub(crate) fn assignment(places: &[Place]) -> Bytes {
    convert::assignment_of_places(places)
}

/// The other side of [`assignment`]; `None` when it is none.
pub(crate) fn assigned(bytes: &Bytes) -> Option<BTreeSet<Place>> {
    Some(convert::assigned_places(bytes)?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(of: &[(&str, i32)]) -> BTreeSet<Place> {
        of.iter().map(|(topic, number)| (Name::from(*topic), *number)).collect()
    }

    #[test]
    fn what_members_tell_each_other_comes_back() {
        let topics = BTreeSet::from(["a", "b"].map(Name::from));
        let (owned, before) = (places(&[("a", 1), ("b", 0), ("b", 7)]), places(&[("a", 2)]));
        let bytes = subscription(&topics, &owned, 4, Some((&before, 3)));
        let read = member("m".into(), Some("i".into()), &bytes, false);
        assert_eq!((read.topics, read.generation), (topics, Some(4)));
        assert_eq!(read.owned, owned.iter().cloned().collect::<Vec<_>>());
        let read = member("m".into(), None, &bytes, true);
        assert_eq!((read.owned, read.generation), (vec![("a".into(), 2)], Some(3)));
        let given: Vec<_> = owned.iter().cloned().collect();
        assert_eq!(assigned(&assignment(&given)), Some(owned));
    }

    /// `ConsumerProtocol.serializeSubscription`, field by field.
    #[test]
    fn a_subscription_has_the_bytes_of_kafka() {
        let topics = BTreeSet::from(["t".into()]);
        let bytes = subscription(&topics, &places(&[("t", 2)]), 5, None);
        let expected: [&[u8]; 6] = [
            &[0, 3],                                           // version
            &[0, 0, 0, 1, 0, 1, b't'],                         // topics
            &[0xff, 0xff, 0xff, 0xff],                         // no user data
            &[0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 2], // owned partitions
            &[0, 0, 0, 5],                                     // generation
            &[0xff, 0xff],                                     // no rack
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn bytes_that_are_none_are_no_member_of_anything() {
        for length in 0..40 {
            let bytes = Bytes::from(vec![0x7f; length]);
            assert!(member("m".into(), None, &bytes, true).owned.is_empty());
            assert!(assigned(&bytes).is_none_or(|places| places.is_empty()));
        }
    }
}
