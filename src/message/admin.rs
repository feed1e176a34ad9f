//! What an admin client asks of the cluster, and what it is told.

use crate::message::application::PartitionOffset;
use crate::types::{BrokerId, BrokerSet, ErrorCode, LeaderEpoch, Name, Offset, TopicPartition};

/// What an admin client asks of the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdminCall {
    /// Create a topic (`CreateTopics`).
    CreateTopic {
        /// Its name.
        name: Name,
        /// How many partitions.
        partitions: i32,
        /// How many replicas of each.
        replication_factor: i16,
        /// Configuration by key.
        config: Vec<(Name, Name)>,
    },
    /// Delete a topic (`DeleteTopics`).
    DeleteTopic {
        /// Its name.
        name: Name,
    },
    /// Add partitions to a topic (`CreatePartitions`).
    CreatePartitions {
        /// Its name.
        name: Name,
        /// How many it is to have, those that it has among them.
        count: i32,
    },
    /// Name all topics (`Metadata`).
    ListTopics,
    /// Describe a topic's partitions (`DescribeTopicPartitions`).
    DescribeTopic {
        /// Its name.
        name: Name,
    },
    /// Delete the first records of partitions (`DeleteRecords`, asked of each leader).
    DeleteRecords {
        /// Topic, partition, and the offset that is to be the first; `None` for all that stands
        /// below the high watermark.
        partitions: Vec<(Name, i32, Option<Offset>)>,
    },
    /// Elect leaders (`ElectLeaders`).
    ElectLeaders {
        /// Which kind of election.
        election: Election,
        /// Topic and partition; `None` for all that there are.
        partitions: Option<Vec<(Name, i32)>>,
    },
    /// Change configuration while the cluster runs (`IncrementalAlterConfigs`).
    AlterConfig {
        /// Whose.
        resource: ConfigResource,
        /// The new value by key; `None` takes away what was set.
        changes: Vec<(Name, Option<Name>)>,
    },
    /// Forget a broker that will not come back (`UnregisterBroker`).
    UnregisterBroker {
        /// The broker.
        broker: BrokerId,
    },
    /// Name the brokers (`DescribeCluster`).
    DescribeCluster,
    /// Show configuration with its sources (`DescribeConfigs`).
    DescribeConfigs {
        /// Whose.
        resource: ConfigResource,
    },
    /// Name all groups (`ListGroups`, asked of every broker).
    ListGroups,
    /// Describe a group (`ConsumerGroupDescribe`, or else `DescribeGroups`, asked of its
    /// coordinator; so are all that follow).
    DescribeGroup {
        /// Its id.
        group: Name,
    },
    /// Delete a group that has no members, and what it has committed (`DeleteGroups`).
    DeleteGroup {
        /// Its id.
        group: Name,
    },
    /// Tell all that a group has committed (`OffsetFetch`).
    ListGroupOffsets {
        /// Its id.
        group: Name,
    },
    /// Commit for a group that has no members (`OffsetCommit`).
    AlterGroupOffsets {
        /// Its id.
        group: Name,
        /// Topic, partition, and the next record to consume.
        offsets: Vec<(Name, i32, Offset)>,
    },
    /// Forget what a group has committed, of topics that no member subscribes to
    /// (`OffsetDelete`).
    DeleteGroupOffsets {
        /// Its id.
        group: Name,
        /// Topic and partition.
        partitions: Vec<(Name, i32)>,
    },
}

/// Which replicas may be elected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Election {
    /// The preferred replica, if it is in sync.
    Preferred,
    /// Any replica that is alive, if the partition has no leader: records may be lost.
    Unclean,
}

/// Whose configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigResource {
    /// A topic's.
    Topic(Name),
    /// A broker's.
    Broker(BrokerId),
    /// What holds for every broker that does not say otherwise.
    Cluster,
}

/// What an admin call brings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdminReply {
    /// It is done.
    Done,
    /// The names of all topics, in order, and how many partitions each has.
    Topics(Vec<(Name, i32)>),
    /// A topic's state.
    Topic(TopicDescription),
    /// Where each partition begins now (its low watermark), or why it is as it was.
    Deleted(Vec<(Name, i32, Result<Offset, ErrorCode>)>),
    /// What became of each election; `None` is success.
    Elected(Vec<(Name, i32, ErrorCode)>),
    /// The brokers of the cluster.
    Cluster(ClusterDescription),
    /// Configuration, by key.
    Configs(Vec<ConfigEntry>),
    /// The groups of the cluster.
    Groups(GroupListings),
    /// A group's state.
    Group(GroupDescription),
    /// Where a group has committed, by topic and partition.
    GroupOffsets(Vec<PartitionOffset>),
    /// What became of each offset that was to be altered or deleted; `None` is success.
    GroupOffsetsChanged(Vec<(Name, i32, ErrorCode)>),
}

/// All groups, as their coordinators list them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupListings {
    /// The groups, by id.
    pub groups: Vec<GroupListing>,
    /// The brokers that did not say theirs, and why: the list may lack some.
    pub failed: Vec<(BrokerId, ErrorCode)>,
}

/// A group as `ListGroups` shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupListing {
    /// Its id.
    pub group: Name,
    /// `classic` or `consumer` (KIP-848).
    pub protocol: Name,
    /// Kafka's name for its state, such as `Stable` or `Empty`.
    pub state: Name,
}

/// A group as its coordinator describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupDescription {
    /// Its id.
    pub group: Name,
    /// `classic` or `consumer` (KIP-848).
    pub protocol: Name,
    /// Kafka's name for its state, such as `Stable` or `Empty`.
    pub state: Name,
    /// Its epoch; `DescribeGroups` does not tell a classic group's generation.
    pub epoch: Option<i32>,
    /// The assignor that it uses; empty while it has none.
    pub assignor: Name,
    /// Its coordinator.
    pub coordinator: BrokerId,
    /// Its members, by id.
    pub members: Vec<GroupMemberDescription>,
}

/// A member as its coordinator describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupMemberDescription {
    /// Its member id.
    pub member: Name,
    /// Its `group.instance.id`.
    pub instance: Option<Name>,
    /// The address that it calls from.
    pub host: Name,
    /// Its member epoch (KIP-848).
    pub epoch: Option<i32>,
    /// What it is assigned, by topic and partition.
    pub partitions: Vec<(Name, i32)>,
}

/// A topic as `DescribeTopicPartitions` shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicDescription {
    /// Its name.
    pub name: Name,
    /// Its partitions by number.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition as an admin client sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionDescription {
    /// The partition.
    pub partition: TopicPartition,
    /// Its leader.
    pub leader: Option<BrokerId>,
    /// Its leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// Its replicas, the preferred one first.
    pub replicas: Vec<BrokerId>,
    /// Its in-sync set.
    pub in_sync: BrokerSet,
    /// Its eligible leader replicas.
    pub eligible: BrokerSet,
}

/// A cluster as `DescribeCluster` shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterDescription {
    /// Its brokers by id, the fenced ones among them.
    pub brokers: Vec<BrokerDescription>,
}

/// A broker as an admin client sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerDescription {
    /// Its id.
    pub broker: BrokerId,
    /// Its rack.
    pub rack: Option<Name>,
    /// Whether the controller has fenced it.
    pub fenced: bool,
}

/// A configuration value as `DescribeConfigs` shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigEntry {
    /// The key.
    pub name: Name,
    /// Its value; `None` where it has none.
    pub value: Option<Name>,
    /// Who set it.
    pub source: ValueSource,
}

/// Who set a configuration value, from the strongest to the weakest.
///
/// Source: Kafka 4.1, `DescribeConfigsResponse.ConfigSource`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ValueSource {
    /// The topic, while the cluster runs or at its creation.
    Topic = 1,
    /// The broker, while it runs.
    Broker = 2,
    /// All brokers, while they run.
    Cluster = 3,
    /// The broker's own `server.properties`.
    Static = 4,
    /// Nobody: Kafka's default.
    Default = 5,
}

impl ValueSource {
    /// Its number on the wire.
    pub fn code(self) -> i8 {
        self as i8
    }

    /// The source with this number; others are taken for the default.
    pub fn from_code(code: i8) -> Self {
        match code {
            1 => Self::Topic,
            2 => Self::Broker,
            3 => Self::Cluster,
            4 => Self::Static,
            _ => Self::Default,
        }
    }

    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Topic => "DYNAMIC_TOPIC_CONFIG",
            Self::Broker => "DYNAMIC_BROKER_CONFIG",
            Self::Cluster => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            Self::Static => "STATIC_BROKER_CONFIG",
            Self::Default => "DEFAULT_CONFIG",
        }
    }
}

impl AdminCall {
    /// Whether it only looks.
    pub fn changes_nothing(&self) -> bool {
        match self {
            Self::ListTopics
            | Self::DescribeTopic { .. }
            | Self::DescribeCluster
            | Self::DescribeConfigs { .. }
            | Self::ListGroups
            | Self::DescribeGroup { .. }
            | Self::ListGroupOffsets { .. } => true,
            Self::CreateTopic { .. }
            | Self::DeleteTopic { .. }
            | Self::CreatePartitions { .. }
            | Self::DeleteRecords { .. }
            | Self::ElectLeaders { .. }
            | Self::AlterConfig { .. }
            | Self::UnregisterBroker { .. }
            | Self::DeleteGroup { .. }
            | Self::AlterGroupOffsets { .. }
            | Self::DeleteGroupOffsets { .. } => false,
        }
    }
}
