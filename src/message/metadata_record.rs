//! The records of `__cluster_metadata`, which make up the controllers' and brokers' image.
//!
//! Source: Kafka 4.1, `metadata/src/main/resources/common/metadata/*.json`.

use crate::types::{
    BrokerEpoch, BrokerId, BrokerSet, ConfigResource, DirectoryId, IncarnationId, LeaderEpoch,
    Name, PartitionEpoch, ProducerId, TopicId, TopicPartition,
};

/// One record of the metadata log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum MetadataRecord {
    /// A broker registered; its epoch is the offset of this record (`RegisterBrokerRecord`).
    RegisterBroker {
        /// The broker.
        broker: BrokerId,
        /// The process start that registered.
        incarnation: IncarnationId,
        /// The registration's epoch: the offset of this record.
        broker_epoch: BrokerEpoch,
        /// Its rack, if any.
        rack: Option<Name>,
        /// Its log directories.
        directories: Vec<DirectoryId>,
        /// Whether it starts fenced. Always, today.
        fenced: bool,
        /// Whether it is in controlled shutdown.
        in_controlled_shutdown: bool,
    },
    /// A registration changed (`BrokerRegistrationChangeRecord`); `None` leaves a field as it is.
    BrokerRegistrationChange {
        /// The broker.
        broker: BrokerId,
        /// The registration that changes.
        broker_epoch: BrokerEpoch,
        /// Fenced or unfenced.
        fenced: Option<bool>,
        /// Entering controlled shutdown. Never taken back.
        in_controlled_shutdown: Option<bool>,
    },
    /// A broker left for good (`UnregisterBrokerRecord`).
    UnregisterBroker {
        /// The broker.
        broker: BrokerId,
        /// The registration that ends.
        broker_epoch: BrokerEpoch,
    },
    /// A topic exists (`TopicRecord`).
    Topic {
        /// Its name.
        name: Name,
        /// Its identity.
        topic_id: TopicId,
    },
    /// A partition exists, with all of its state (`PartitionRecord`).
    Partition {
        /// The partition.
        partition: TopicPartition,
        /// Its state.
        state: Box<PartitionState>,
    },
    /// A partition changed (`PartitionChangeRecord`).
    PartitionChange {
        /// The partition.
        partition: TopicPartition,
        /// What changed.
        change: Box<PartitionChange>,
    },
    /// A topic is gone (`RemoveTopicRecord`).
    RemoveTopic {
        /// The topic.
        topic_id: TopicId,
    },
    /// A configuration value (`ConfigRecord`).
    Config {
        /// Whose it is.
        resource: ConfigResource,
        /// The key, such as `min.insync.replicas`.
        key: Name,
        /// The value; `None` removes it.
        value: Option<Name>,
    },
    /// Nobody is eligible any more, and no last leader remembered (`ClearElrRecord`): the
    /// minimum that decided who was is another now.
    ClearEligible {
        /// The topic whose partitions are meant; `None` for all topics.
        topic: Option<Name>,
    },
    /// A feature's level (`FeatureLevelRecord`).
    FeatureLevel {
        /// `metadata.version`, `kraft.version`, `eligible.leader.replicas.version`, ...
        feature: Name,
        /// The level.
        level: i16,
    },
    /// A block of producer ids was given to a broker (`ProducerIdsRecord`).
    ProducerIds {
        /// The broker.
        broker: BrokerId,
        /// Its registration.
        broker_epoch: BrokerEpoch,
        /// The first id of the next block.
        next_producer_id: ProducerId,
    },
    /// Keeps the high watermark moving (`NoOpRecord`), every `metadata.max.idle.interval.ms`.
    NoOp,
}

/// All that the controller keeps of a partition.
///
/// `partition_epoch` rises with every change, `leader_epoch` with every election.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PartitionState {
    /// The replicas in order of preference.
    pub replicas: Vec<BrokerId>,
    /// `isr`: the in-sync set.
    pub in_sync: BrokerSet,
    /// `eligibleLeaderReplicas` (KIP-966): out of sync, yet holding every committed record.
    pub eligible: BrokerSet,
    /// `lastKnownEligibleLeaders`: today only the last leader, while there is none.
    pub last_known: Vec<BrokerId>,
    /// The leader; `None` while there is none.
    pub leader: Option<BrokerId>,
    /// Whether an unclean election's leader has yet to report that it recovered.
    pub recovering: bool,
    /// Counts the elections.
    pub leader_epoch: LeaderEpoch,
    /// Counts the changes.
    pub partition_epoch: PartitionEpoch,
}

/// A change of a partition; `None` leaves a field as it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct PartitionChange {
    /// The new in-sync set.
    pub in_sync: Option<BrokerSet>,
    /// The new eligible leader replicas.
    pub eligible: Option<BrokerSet>,
    /// The new last known leader.
    pub last_known: Option<Vec<BrokerId>>,
    /// The leader, as elected: set means that `leader_epoch` rises, even if it stays the same.
    /// `Some(None)` is «no leader».
    pub leader: Option<Option<BrokerId>>,
    /// The new recovery state.
    pub recovering: Option<bool>,
    /// The new replicas (reassignment).
    pub replicas: Option<Vec<BrokerId>>,
}

impl PartitionState {
    /// Applies `change` as every reader of the log does: the partition epoch rises by one, the
    /// leader epoch rises iff `leader` is set.
    ///
    /// Source: Kafka 4.1, `PartitionRegistration.merge`.
    pub fn apply(&mut self, change: &PartitionChange) {
        let PartitionChange { in_sync, eligible, last_known, leader, recovering, replicas } =
            change;
        if let Some(in_sync) = in_sync {
            self.in_sync.clone_from(in_sync);
        }
        if let Some(eligible) = eligible {
            self.eligible.clone_from(eligible);
        }
        if let Some(last_known) = last_known {
            self.last_known.clone_from(last_known);
        }
        if let Some(leader) = leader {
            self.leader = *leader;
            self.leader_epoch = self.leader_epoch.next();
        }
        if let Some(recovering) = recovering {
            self.recovering = *recovering;
        }
        if let Some(replicas) = replicas {
            self.replicas.clone_from(replicas);
        }
        self.partition_epoch = self.partition_epoch.next();
    }
}
