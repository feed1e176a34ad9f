//! What a breach is about, as data: an explanation goes on from here and need not read sentences.

use serde::{Deserialize, Serialize};

use crate::types::{BatchId, BrokerId, HostId, LeaderEpoch, Name, Offset, TopicPartition};

/// What a breach is about. The metadata quorum's log is a partition like any other here
/// ([`TopicPartition::CLUSTER_METADATA`]), its voters are the replicas.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Subject {
    /// Records that should be somewhere, and are not.
    Records {
        /// The partition.
        #[serde(with = "text")]
        partition: TopicPartition,
        /// Where the first of them stands, or stood.
        offset: Offset,
        /// Their batch, where it is known.
        batch: Option<BatchId>,
        /// Who lacks them; `None` when it was a consumer who missed them.
        lacking: Option<BrokerId>,
    },
    /// Logs that differ where they should be equal.
    Logs {
        /// The partition.
        #[serde(with = "text")]
        partition: TopicPartition,
        /// Where they were found to differ.
        offset: Offset,
        /// Whose they are.
        replicas: Vec<BrokerId>,
    },
    /// One replica's log or what belongs to it (high watermark, start, epochs).
    Replica {
        /// The partition.
        #[serde(with = "text")]
        partition: TopicPartition,
        /// The replica.
        replica: BrokerId,
        /// Where in the log, if it is about a place.
        offset: Option<Offset>,
    },
    /// Who is in sync, or counts as eligible, or is waited for.
    InSync {
        /// The partition.
        #[serde(with = "text")]
        partition: TopicPartition,
        /// The brokers whose place is wrong.
        brokers: Vec<BrokerId>,
    },
    /// Who leads in an epoch.
    Leaders {
        /// The partition.
        #[serde(with = "text")]
        partition: TopicPartition,
        /// The epoch.
        epoch: LeaderEpoch,
        /// Those who do.
        brokers: Vec<BrokerId>,
    },
    /// A vote that was given twice.
    Vote {
        /// Whose vote.
        voter: BrokerId,
        /// In which epoch.
        epoch: LeaderEpoch,
        /// For whom.
        candidates: Vec<BrokerId>,
    },
    /// Batches of producers, and the places where they stand or are said to stand.
    Batches {
        /// The partition.
        #[serde(with = "text")]
        partition: TopicPartition,
        /// The producer, if there is one.
        client: Option<HostId>,
        /// The batches.
        batches: Vec<BatchId>,
        /// The places.
        offsets: Vec<Offset>,
    },
    /// What a client was shown, or told.
    Reading {
        /// The partition.
        #[serde(with = "text")]
        partition: TopicPartition,
        /// The client, where it is known.
        client: Option<HostId>,
        /// The offset.
        offset: Offset,
    },
    /// An operation of a client.
    Operation {
        /// The client.
        client: HostId,
        /// The event with which it began.
        invoked: u64,
    },
    /// A partition as a whole.
    Partition {
        /// The partition.
        #[serde(with = "text")]
        partition: TopicPartition,
    },
    /// A consumer group.
    Group {
        /// Its name.
        group: Name,
        /// The members that are concerned; none when it is about all.
        members: Vec<Name>,
        /// The partition consumed, if it is about one.
        #[serde(with = "maybe_text")]
        partition: Option<TopicPartition>,
        /// Where in it.
        offset: Option<Offset>,
        /// The partition of `__consumer_offsets` that keeps the group, if it is about that.
        #[serde(with = "maybe_text")]
        log: Option<TopicPartition>,
    },
    /// A broker or controller.
    Node {
        /// The node.
        node: BrokerId,
    },
    /// The metadata quorum.
    Quorum {
        /// Its members that are concerned.
        nodes: Vec<BrokerId>,
    },
}

impl Subject {
    /// A group as a whole.
    pub fn group(group: &Name) -> Self {
        let group = group.clone();
        Self::Group { group, members: Vec::new(), partition: None, offset: None, log: None }
    }

    /// The partition that it is about, if it is about one.
    pub fn partition(&self) -> Option<TopicPartition> {
        match self {
            Self::Records { partition, .. }
            | Self::Logs { partition, .. }
            | Self::Replica { partition, .. }
            | Self::InSync { partition, .. }
            | Self::Leaders { partition, .. }
            | Self::Batches { partition, .. }
            | Self::Reading { partition, .. }
            | Self::Partition { partition } => Some(*partition),
            // Whose leaders coordinate the group; what is consumed is not at fault.
            Self::Group { log, .. } => *log,
            Self::Vote { .. } | Self::Quorum { .. } => Some(TopicPartition::CLUSTER_METADATA),
            Self::Operation { .. } | Self::Node { .. } => None,
        }
    }
}

/// A partition as `<topic id in hexadecimal>-<number>`: JSON has no numbers of 128 bits.
mod text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::types::{TopicId, TopicPartition};

    pub(super) fn serialize<S: Serializer>(
        partition: &TopicPartition,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        out.collect_str(&format_args!("{:x}-{}", { partition.topic_id.0 }, partition.partition))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<TopicPartition, D::Error> {
        read(&String::deserialize(input)?)
    }

    pub(super) fn read<E: serde::de::Error>(text: &str) -> Result<TopicPartition, E> {
        let read = || {
            let (topic, index) = text.split_once('-')?;
            let topic = TopicId(u128::from_str_radix(topic, 16).ok()?);
            Some(TopicPartition::new(topic, index.parse().ok()?))
        };
        read().ok_or_else(|| E::custom("a partition is <topic id>-<number>"))
    }
}

/// Likewise, where there need be none.
mod maybe_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::types::TopicPartition;

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(
        partition: &Option<TopicPartition>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        match partition {
            Some(partition) => super::text::serialize(partition, out),
            None => out.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Option<TopicPartition>, D::Error> {
        let text = Option::<String>::deserialize(input)?;
        text.map(|text| super::text::read(&text)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;

    #[test]
    fn a_subject_reads_back_from_json_values() {
        let partition = TopicPartition::new(TopicId(u128::MAX - 7), 3);
        let subject = Subject::Records {
            partition,
            offset: Offset(5),
            batch: Some(BatchId(u64::MAX)),
            lacking: Some(BrokerId(2)),
        };
        let value = serde_json::to_value(&subject).unwrap();
        assert_eq!(value["kind"], "records");
        assert_eq!(serde_json::from_value::<Subject>(value).unwrap(), subject);
        assert_eq!(subject.partition(), Some(partition));
        let (members, offset) = (vec!["a".into()], Some(Offset(3)));
        for log in [None, Some(partition)] {
            let (group, members) = ("g".into(), members.clone());
            let subject = Subject::Group { group, members, partition: log, offset, log };
            let value = serde_json::to_value(&subject).unwrap();
            assert_eq!(serde_json::from_value::<Subject>(value).unwrap(), subject);
            assert_eq!(subject.partition(), log);
        }
        assert!(
            serde_json::from_str::<Subject>(r#"{"kind":"partition","partition":"x"}"#).is_err()
        );
    }
}
