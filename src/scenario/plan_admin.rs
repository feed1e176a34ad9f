//! What the built-in admin client is to do.

use crate::scenario::config::Config;
use crate::scenario::plan::Trigger;
use crate::scenario::target::PartitionName;
use crate::types::{BrokerId, Name};

/// Something that the admin client does once, and when.
#[derive(Clone, PartialEq, Debug)]
pub struct AdminPlan {
    /// When.
    pub trigger: Trigger,
    /// What.
    pub action: AdminAction,
    /// The line of the scenario file, from 1.
    pub line: u32,
}

/// Something that an admin client can do.
#[derive(Clone, PartialEq, Debug)]
pub enum AdminAction {
    /// Create a topic.
    CreateTopic {
        /// Its name.
        name: Name,
        /// How many partitions.
        partitions: i32,
        /// How many replicas of each.
        replication_factor: i16,
        /// What the topic sets.
        config: Config,
    },
    /// Delete a topic.
    DeleteTopic {
        /// Which.
        topic: Name,
    },
    /// Add partitions to a topic.
    CreatePartitions {
        /// Which.
        topic: Name,
        /// How many it is to have.
        count: i32,
    },
    /// Delete the first records of a partition.
    DeleteRecords {
        /// Which.
        partition: PartitionName,
        /// The offset that is to be the first; `None` for the high watermark.
        before: Option<u64>,
    },
    /// Elect leaders.
    ElectLeaders {
        /// Whether a replica outside the in-sync set will do.
        unclean: bool,
        /// Of which partitions; `None` for all.
        partitions: Option<Vec<PartitionName>>,
    },
    /// Change configuration.
    AlterConfig {
        /// Whose.
        resource: AdminResource,
        /// New values.
        set: Vec<(Name, Name)>,
        /// Keys that go back to what holds without them.
        unset: Vec<Name>,
    },
    /// Forget a broker.
    UnregisterBroker {
        /// Which.
        broker: BrokerId,
    },
    /// Describe a topic.
    DescribeTopic {
        /// Which.
        topic: Name,
    },
    /// Name the brokers.
    DescribeCluster,
    /// Show configuration.
    DescribeConfigs {
        /// Whose.
        resource: AdminResource,
    },
    /// Name all groups.
    ListGroups,
    /// Describe a group.
    DescribeGroup {
        /// Which.
        group: Name,
    },
    /// Delete a group.
    DeleteGroup {
        /// Which.
        group: Name,
    },
    /// Tell what a group has committed.
    ListOffsets {
        /// Which.
        group: Name,
    },
    /// Commit for a group.
    AlterOffsets {
        /// Which.
        group: Name,
        /// Where.
        partitions: Vec<PartitionName>,
        /// The next record to consume.
        offset: u64,
    },
    /// Delete what a group has committed.
    DeleteOffsets {
        /// Which.
        group: Name,
        /// Where.
        partitions: Vec<PartitionName>,
    },
}

/// Whose configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdminResource {
    /// A topic's.
    Topic(Name),
    /// A broker's.
    Broker(BrokerId),
    /// Every broker's.
    Cluster,
}

impl AdminAction {
    /// The word for it, as events have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateTopic { .. } => "create-topic",
            Self::DeleteTopic { .. } => "delete-topic",
            Self::CreatePartitions { .. } => "create-partitions",
            Self::DeleteRecords { .. } => "delete-records",
            Self::ElectLeaders { .. } => "elect-leaders",
            Self::AlterConfig { .. } => "alter-config",
            Self::UnregisterBroker { .. } => "unregister-broker",
            Self::DescribeTopic { .. } => "describe-topic",
            Self::DescribeCluster => "describe-cluster",
            Self::DescribeConfigs { .. } => "describe-configs",
            Self::ListGroups => "list-groups",
            Self::DescribeGroup { .. } => "describe-group",
            Self::DeleteGroup { .. } => "delete-group",
            Self::ListOffsets { .. } => "list-offsets",
            Self::AlterOffsets { .. } => "alter-offsets",
            Self::DeleteOffsets { .. } => "delete-offsets",
        }
    }

    /// Whether it only asks how things are.
    pub fn is_a_question(&self) -> bool {
        matches!(
            self,
            Self::DescribeTopic { .. }
                | Self::DescribeCluster
                | Self::DescribeConfigs { .. }
                | Self::ListGroups
                | Self::DescribeGroup { .. }
                | Self::ListOffsets { .. }
        )
    }
}
