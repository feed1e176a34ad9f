//! What the plan's admin client asks for, as calls of an application.

use crate::message::{AdminCall, ConfigResource, Election};
use crate::scenario::{AdminAction, AdminPlan, AdminResource, Config, PartitionName, TopicPlan};
use crate::types::{Name, Offset};

/// The calls of `[[admin]]`, in the order of the plan.
pub(crate) fn operations(plans: &[AdminPlan]) -> Vec<AdminCall> {
    plans.iter().map(|plan| call(&plan.action)).collect()
}

/// The creation of a topic of the plan.
pub(crate) fn creation(topic: &TopicPlan) -> AdminCall {
    AdminCall::CreateTopic {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        config: settings(&topic.config),
    }
}

fn settings(config: &Config) -> Vec<(Name, Name)> {
    let set = config.explicit().filter_map(|(key, setting)| {
        Some((Name::from(key), Name::from(setting.value?.to_string())))
    });
    set.collect()
}

fn call(action: &AdminAction) -> AdminCall {
    let place = |name: &PartitionName| (name.topic.clone(), name.partition);
    match action {
        AdminAction::CreateTopic { name, partitions, replication_factor, config } => {
            AdminCall::CreateTopic {
                name: name.clone(),
                partitions: *partitions,
                replication_factor: *replication_factor,
                config: settings(config),
            }
        }
        AdminAction::DeleteTopic { topic } => AdminCall::DeleteTopic { name: topic.clone() },
        AdminAction::CreatePartitions { topic, count } => {
            AdminCall::CreatePartitions { name: topic.clone(), count: *count }
        }
        AdminAction::DeleteRecords { partition, before } => {
            let (topic, number) = place(partition);
            let before = before.and_then(|before| i64::try_from(before).ok()).map(Offset);
            AdminCall::DeleteRecords { partitions: vec![(topic, number, before)] }
        }
        AdminAction::ElectLeaders { unclean, partitions } => AdminCall::ElectLeaders {
            election: if *unclean { Election::Unclean } else { Election::Preferred },
            partitions: partitions.as_ref().map(|all| all.iter().map(place).collect()),
        },
        AdminAction::AlterConfig { resource, set, unset } => {
            let set = set.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
            let unset = unset.iter().map(|key| (key.clone(), None));
            let changes = set.chain(unset).collect();
            AdminCall::AlterConfig { resource: owner(resource), changes }
        }
        AdminAction::UnregisterBroker { broker } => AdminCall::UnregisterBroker { broker: *broker },
        AdminAction::DescribeTopic { topic } => AdminCall::DescribeTopic { name: topic.clone() },
        AdminAction::DescribeCluster => AdminCall::DescribeCluster,
        AdminAction::DescribeConfigs { resource } => {
            AdminCall::DescribeConfigs { resource: owner(resource) }
        }
        AdminAction::ListGroups => AdminCall::ListGroups,
        AdminAction::DescribeGroup { group } => AdminCall::DescribeGroup { group: group.clone() },
        AdminAction::DeleteGroup { group } => AdminCall::DeleteGroup { group: group.clone() },
        AdminAction::ListOffsets { group } => AdminCall::ListGroupOffsets { group: group.clone() },
        AdminAction::AlterOffsets { group, partitions, offset } => {
            let offset = Offset(i64::try_from(*offset).unwrap_or(i64::MAX));
            let offsets = partitions.iter().map(place).map(|(topic, n)| (topic, n, offset));
            AdminCall::AlterGroupOffsets { group: group.clone(), offsets: offsets.collect() }
        }
        AdminAction::DeleteOffsets { group, partitions } => AdminCall::DeleteGroupOffsets {
            group: group.clone(),
            partitions: partitions.iter().map(place).collect(),
        },
    }
}

fn owner(resource: &AdminResource) -> ConfigResource {
    match resource {
        AdminResource::Topic(name) => ConfigResource::Topic(name.clone()),
        AdminResource::Broker(broker) => ConfigResource::Broker(*broker),
        AdminResource::Cluster => ConfigResource::Cluster,
    }
}
