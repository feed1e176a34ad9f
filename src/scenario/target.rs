//! Whom a fault befalls: a host by name, or by the part it plays when the fault begins.

use crate::types::{BrokerId, Name};

/// A partition as scenarios write it: `orders-0`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PartitionName {
    /// The topic.
    pub topic: Name,
    /// The partition's number within the topic.
    pub partition: i32,
}

/// Whom a fault befalls. Roles are resolved when the fault begins, on the controller's committed
/// view; one that nobody plays waits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Target {
    /// `broker-2` or `broker 2`.
    Broker(BrokerId),
    /// `controller-1`, whose node id is 3001.
    Controller(BrokerId),
    /// A client process by name: `checkout-1`.
    Client(Name),
    /// `leader of orders-0`.
    LeaderOf(PartitionName),
    /// `stale leader of orders-0`: believes that it leads, and the controller knows better.
    StaleLeaderOf(PartitionName),
    /// `follower of orders-0`: a replica that does not lead; drawn when the fault begins.
    FollowerOf(PartitionName),
    /// `in-sync follower of orders-0`: the same within the in-sync set.
    InSyncFollowerOf(PartitionName),
    /// `replica 2 of orders-0`: by place in the list of replicas, from 1, whatever its role. The
    /// first is the preferred leader; elections go through the list.
    ReplicaOf(u16, PartitionName),
    /// `active controller`.
    ActiveController,
    /// `random broker`: drawn when the fault begins.
    RandomBroker,
    /// `coordinator of billing`: the broker that coordinates the group.
    CoordinatorOf(Name),
    /// `leader of group billing`: the member that assigns (classic).
    GroupLeader(Name),
    /// `owner of orders-0 in billing`: the member that believes so.
    OwnerOf(PartitionName, Name),
    /// `newest member of billing`: the one that joined last.
    NewestMember(Name),
    /// `every broker`.
    EveryBroker,
    /// `every controller`.
    EveryController,
    /// `every client`.
    EveryClient,
}

impl std::fmt::Display for PartitionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Broker(id) => write!(f, "broker-{id}"),
            Self::Controller(id) => write!(f, "controller-{}", id.0 - 3000),
            Self::Client(name) => write!(f, "{name}"),
            Self::LeaderOf(partition) => write!(f, "leader of {partition}"),
            Self::StaleLeaderOf(partition) => write!(f, "stale leader of {partition}"),
            Self::FollowerOf(partition) => write!(f, "follower of {partition}"),
            Self::InSyncFollowerOf(partition) => write!(f, "in-sync follower of {partition}"),
            Self::ReplicaOf(place, partition) => write!(f, "replica {place} of {partition}"),
            Self::ActiveController => f.write_str("active controller"),
            Self::RandomBroker => f.write_str("random broker"),
            Self::CoordinatorOf(group) => write!(f, "coordinator of {group}"),
            Self::GroupLeader(group) => write!(f, "leader of group {group}"),
            Self::OwnerOf(partition, group) => write!(f, "owner of {partition} in {group}"),
            Self::NewestMember(group) => write!(f, "newest member of {group}"),
            Self::EveryBroker => f.write_str("every broker"),
            Self::EveryController => f.write_str("every controller"),
            Self::EveryClient => f.write_str("every client"),
        }
    }
}
