//! What consumers of the classic protocol tell each other through their coordinator, as far as the
//! coordinator reads it: which topics, which partitions.
//!
//! Source: Kafka 4.1, `ConsumerProtocolSubscription.json`, `ConsumerProtocolAssignment.json`: what
//! is read here stands at the front of all versions.

use std::collections::BTreeSet;

use bytes::{Buf as _, Bytes};

use crate::types::{Name, PartitionIndex};

/// `ConsumerProtocol.PROTOCOL_TYPE`.
pub(crate) const CONSUMER: &str = "consumer";

/// The topics of a subscription; `None` when the bytes are none.
pub(crate) fn subscribed_topics(mut bytes: Bytes) -> Option<BTreeSet<Name>> {
    bytes.try_get_i16().ok()?;
    let count = bytes.try_get_i32().ok()?;
    (0..count).map(|_| string(&mut bytes)).collect()
}

/// The partitions of an assignment; `None` when the bytes are none. No bytes are no partitions.
pub(crate) fn assigned_partitions(mut bytes: Bytes) -> Option<Vec<(Name, PartitionIndex)>> {
    let mut assigned = Vec::new();
    if bytes.is_empty() {
        return Some(assigned);
    }
    bytes.try_get_i16().ok()?;
    for _ in 0..bytes.try_get_i32().ok()? {
        let topic = string(&mut bytes)?;
        for _ in 0..bytes.try_get_i32().ok()? {
            assigned.push((topic.clone(), PartitionIndex(bytes.try_get_i32().ok()?)));
        }
    }
    Some(assigned)
}

fn string(bytes: &mut Bytes) -> Option<Name> {
    let length = usize::try_from(bytes.try_get_i16().ok()?).ok()?;
    if bytes.len() < length {
        return None;
    }
    let text = bytes.split_to(length);
    std::str::from_utf8(&text).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_and_partitions_are_read_and_garbage_is_none() {
        let subscription = [0, 1, 0, 0, 0, 2, 0, 1, b'a', 0, 2, b'b', b'c', 255, 255, 255, 255];
        let topics = subscribed_topics(Bytes::copy_from_slice(&subscription));
        assert_eq!(topics, Some(["a", "bc"].map(Name::from).into()));
        let assignment = [0, 1, 0, 0, 0, 1, 0, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 7, 0];
        let partitions = assigned_partitions(Bytes::copy_from_slice(&assignment));
        assert_eq!(partitions, Some(vec![("a".into(), PartitionIndex(7))]));
        assert_eq!(assigned_partitions(Bytes::new()), Some(Vec::new()));
        for cut in 1..16 {
            assert_eq!(assigned_partitions(Bytes::copy_from_slice(&assignment[..cut])), None);
        }
        assert_eq!(subscribed_topics(Bytes::from_static(&[0, 1, 127, 0, 0, 0])), None);
    }
}
