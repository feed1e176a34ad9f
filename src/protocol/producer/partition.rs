//! What a producer keeps of a partition: what waits for it, and the count of its sequences.

use std::collections::VecDeque;

use crate::types::{
    BrokerId, LeaderEpoch, Name, ProducerEpoch, ProducerId, Sequence, TopicPartition, Wall,
};

/// A partition that was written to.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    /// The topic's name.
    pub topic: Name,
    /// The partition as events and requests name it.
    pub id: TopicPartition,
    /// Its leader; `None` while none is known.
    pub leader: Option<BrokerId>,
    /// The leader's epoch.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Batches that wait to be sent, by serial number; only the last may be open.
    pub queue: VecDeque<u64>,
    /// Where it stands among what is to be sent.
    pub place: Place,
    /// Whether a batch is on its way and no other may be (one request in flight, so that nothing
    /// is overtaken).
    pub is_muted: bool,
    /// The idempotent producer's count.
    pub sequences: Sequences,
}

/// Where a partition stands among what is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Place {
    /// Nothing waits, or nothing may be sent whatever time passes.
    #[default]
    Idle,
    /// Its first batch may go out with others to this leader; `alarm` says when it goes by itself.
    Lingering { leader: BrokerId, alarm: Wall },
    /// Its first batch is in its back-off until `alarm`.
    BackingOff { alarm: Wall },
    /// Its first batch is to go out to this leader.
    Ready { leader: BrokerId },
}

/// An idempotent producer's count of one partition's records.
///
/// Source: Kafka 4.1, `TxnPartitionEntry`, `TransactionManager`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sequences {
    /// The producer id and epoch that the count belongs to.
    pub producer: Option<(ProducerId, ProducerEpoch)>,
    /// The sequence of the next record that is sealed.
    pub next: Sequence,
    /// The highest sequence known to be in the log.
    pub last_acked: Option<Sequence>,
    /// Batches that were sent and are neither done nor given up, in the order of their sequences.
    pub in_flight: Vec<u64>,
    /// A batch ending just before this sequence was given up although it may be in the log: what
    /// follows must not be sealed before this is settled.
    pub unresolved: Option<Sequence>,
}

impl Partition {
    /// A partition to which nothing was written yet.
    pub(crate) fn new(topic: Name, id: TopicPartition) -> Self {
        Self {
            topic,
            id,
            leader: None,
            leader_epoch: None,
            queue: VecDeque::new(),
            place: Place::Idle,
            is_muted: false,
            sequences: Sequences::default(),
        }
    }
}

impl Sequences {
    /// Whether `sequence` follows the last one acknowledged.
    pub(crate) fn is_next(&self, sequence: Sequence) -> bool {
        sequence == self.last_acked.map_or(Sequence(0), |acked| acked.plus(1))
    }

    /// Takes note that everything up to `last` is in the log.
    pub(crate) fn acknowledge(&mut self, last: Sequence) {
        self.last_acked = self.last_acked.max(Some(last));
    }

    /// Forgets a batch that is done or given up.
    pub(crate) fn forget(&mut self, serial: u64) {
        self.in_flight.retain(|other| *other != serial);
    }

    /// Takes note that the batch before `next` was given up although it may be in the log.
    pub(crate) fn mark_unresolved(&mut self, next: Sequence) {
        self.unresolved = self.unresolved.max(Some(next));
    }
}
