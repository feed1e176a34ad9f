//! What admin clients ask and are told, in words for people.

use std::fmt::Write as _;

use crate::event::OperationVerb;
use crate::message::{
    AdminCall, AdminReply, AppError, AppReply, ConfigResource, Election, GroupDescription,
    GroupListings, ValueSource,
};
use crate::types::{ErrorCode, Name, counted};

/// An answer names at most so many partitions, topics or keys.
const LISTED: usize = 6;

/// What a call is called in events, and its topic.
pub(crate) fn verb(call: &AdminCall) -> (OperationVerb, Option<Name>) {
    match call {
        AdminCall::CreateTopic { name, .. } => (OperationVerb::CreateTopic, Some(name.clone())),
        AdminCall::DeleteTopic { name } => (OperationVerb::DeleteTopic, Some(name.clone())),
        AdminCall::CreatePartitions { name, .. } => {
            (OperationVerb::CreatePartitions, Some(name.clone()))
        }
        AdminCall::ListTopics => (OperationVerb::ListTopics, None),
        AdminCall::DescribeTopic { name } => (OperationVerb::DescribeTopic, Some(name.clone())),
        AdminCall::DeleteRecords { .. } => (OperationVerb::DeleteRecords, None),
        AdminCall::ElectLeaders { .. } => (OperationVerb::ElectLeaders, None),
        AdminCall::AlterConfig { .. } => (OperationVerb::AlterConfig, None),
        AdminCall::UnregisterBroker { .. } => (OperationVerb::UnregisterBroker, None),
        AdminCall::DescribeCluster => (OperationVerb::DescribeCluster, None),
        AdminCall::DescribeConfigs { .. } => (OperationVerb::DescribeConfigs, None),
        AdminCall::ListGroups => (OperationVerb::ListGroups, None),
        AdminCall::DescribeGroup { .. } => (OperationVerb::DescribeGroup, None),
        AdminCall::DeleteGroup { .. } => (OperationVerb::DeleteGroup, None),
        AdminCall::ListGroupOffsets { .. } => (OperationVerb::ListGroupOffsets, None),
        AdminCall::AlterGroupOffsets { .. } => (OperationVerb::AlterGroupOffsets, None),
        AdminCall::DeleteGroupOffsets { .. } => (OperationVerb::DeleteGroupOffsets, None),
    }
}

/// What `call` asks for.
pub(crate) fn request(call: &AdminCall) -> Name {
    let text = match call {
        AdminCall::CreateTopic { name, partitions, replication_factor, config: _ } => {
            let (partitions, replicas) = (partitions, replication_factor);
            format!("create topic {name}, partitions: {partitions}, replicas: {replicas}")
        }
        AdminCall::DeleteTopic { name } => format!("delete topic {name}"),
        AdminCall::CreatePartitions { name, count } => {
            format!("have {} in topic {name}", counted(*count, "partition"))
        }
        AdminCall::ListTopics => "list topics".to_owned(),
        AdminCall::DescribeTopic { name } => format!("describe topic {name}"),
        AdminCall::DeleteRecords { partitions } => {
            let place =
                |(name, number, before): &(Name, i32, Option<crate::types::Offset>)| match before {
                    Some(before) => format!("{name}-{number} below offset {before}"),
                    None => format!("{name}-{number} below its high watermark"),
                };
            format!("delete the records of {}", listed(partitions.iter().map(place)))
        }
        AdminCall::ElectLeaders { election, partitions } => {
            let of = match partitions {
                Some(partitions) => {
                    listed(partitions.iter().map(|(name, number)| format!("{name}-{number}")))
                }
                None => "all partitions".to_owned(),
            };
            match election {
                Election::Preferred => format!("elect the preferred leader of {of}"),
                Election::Unclean => format!("elect a leader of {of}, uncleanly if need be"),
            }
        }
        AdminCall::AlterConfig { resource, changes } => {
            let change = |(key, value): &(Name, Option<Name>)| match value {
                Some(value) => format!("{key}={value}"),
                None => format!("no {key}"),
            };
            format!("set {} of {}", listed(changes.iter().map(change)), owner(resource))
        }
        AdminCall::UnregisterBroker { broker } => format!("unregister broker-{broker}"),
        AdminCall::DescribeCluster => "describe the cluster".to_owned(),
        AdminCall::DescribeConfigs { resource } => {
            format!("describe the configuration of {}", owner(resource))
        }
        AdminCall::ListGroups => "list groups".to_owned(),
        AdminCall::DescribeGroup { group } => format!("describe group {group}"),
        AdminCall::DeleteGroup { group } => format!("delete group {group}"),
        AdminCall::ListGroupOffsets { group } => format!("list the offsets of group {group}"),
        AdminCall::AlterGroupOffsets { group, offsets } => {
            let place = |(name, number, offset): &(Name, i32, crate::types::Offset)| {
                format!("{name}-{number} to {offset}")
            };
            format!("set the offsets of group {group}: {}", listed(offsets.iter().map(place)))
        }
        AdminCall::DeleteGroupOffsets { group, partitions } => {
            let places = partitions.iter().map(|(name, number)| format!("{name}-{number}"));
            format!("delete the offsets of group {group} in {}", listed(places))
        }
    };
    text.into()
}

fn owner(resource: &ConfigResource) -> String {
    match resource {
        ConfigResource::Topic(name) => format!("topic {name}"),
        ConfigResource::Broker(broker) => format!("broker-{broker}"),
        ConfigResource::Cluster => "every broker".to_owned(),
    }
}

/// What was answered.
pub(crate) fn answer(reply: &AppReply) -> Name {
    let text = match reply {
        AppReply::Admin(reply) => told(reply),
        AppReply::Failed(AppError::Refused(error)) => format!("refused, {error}"),
        AppReply::Failed(AppError::Unknown(error)) => format!("nobody knows, {error}"),
        AppReply::Failed(AppError::NotSent(error)) => format!("not sent, {error}"),
        AppReply::Failed(AppError::Closed) => "the client is closed".to_owned(),
        AppReply::Failed(AppError::OffsetOutOfRange | AppError::LogTruncation { .. })
        | AppReply::Sent { .. }
        | AppReply::Flushed
        | AppReply::Done
        | AppReply::Polled(_)
        | AppReply::Rebalanced { .. } => "done".to_owned(),
    };
    text.into()
}

/// The error of a call that the cluster answered by refusing all of it.
pub(crate) fn failure(reply: &AdminReply) -> Option<ErrorCode> {
    let errors: Vec<ErrorCode> = match reply {
        AdminReply::Elected(told) | AdminReply::GroupOffsetsChanged(told) => {
            told.iter().map(|(.., error)| *error).collect()
        }
        AdminReply::Deleted(deleted) => {
            deleted.iter().map(|(.., result)| result.err().unwrap_or(ErrorCode::None)).collect()
        }
        AdminReply::Done
        | AdminReply::Topics(_)
        | AdminReply::Topic(_)
        | AdminReply::Cluster(_)
        | AdminReply::Configs(_)
        | AdminReply::Groups(_)
        | AdminReply::Group(_)
        | AdminReply::GroupOffsets(_) => return None,
    };
    let first = errors.first().copied()?;
    errors.iter().all(|error| *error != ErrorCode::None).then_some(first)
}

fn told(reply: &AdminReply) -> String {
    match reply {
        AdminReply::Done => "done".to_owned(),
        AdminReply::Topics(topics) => listed(topics.iter().map(|(name, _)| name.to_string())),
        AdminReply::Topic(topic) => {
            let partitions = topic.partitions.iter().enumerate().map(|(number, partition)| {
                let leader = match partition.leader {
                    Some(leader) => format!("broker-{leader} leads"),
                    None => "nobody leads".to_owned(),
                };
                let mut text = format!(
                    "{number}: {leader} in epoch {}, in sync {}",
                    partition.leader_epoch, partition.in_sync
                );
                if !partition.eligible.is_empty() {
                    let _ = write!(text, ", eligible {}", partition.eligible);
                }
                text
            });
            listed(partitions)
        }
        AdminReply::Deleted(deleted) => {
            listed(deleted.iter().map(|(name, number, result)| match result {
                Ok(start) => format!("{name}-{number} begins at offset {start}"),
                Err(error) => format!("{name}-{number} is as it was, {error}"),
            }))
        }
        AdminReply::Elected(elected) if elected.is_empty() => "no election was needed".to_owned(),
        AdminReply::Elected(told) | AdminReply::GroupOffsetsChanged(told) => {
            listed(told.iter().map(|(name, number, error)| {
                if *error == ErrorCode::None {
                    format!("{name}-{number} done")
                } else {
                    format!("{name}-{number} not, {error}")
                }
            }))
        }
        AdminReply::Groups(told) => listings(told),
        AdminReply::Group(group) => described(group),
        AdminReply::GroupOffsets(offsets) => listed(
            offsets.iter().map(|it| format!("{}-{} at {}", it.topic, it.partition, it.offset)),
        ),
        AdminReply::Cluster(cluster) => listed(cluster.brokers.iter().map(|broker| {
            let rack = broker.rack.as_ref().map(|rack| format!(" in rack {rack}"));
            let fenced = if broker.fenced { " (fenced)" } else { "" };
            format!("broker-{}{}{fenced}", broker.broker, rack.unwrap_or_default())
        })),
        AdminReply::Configs(entries) => {
            let set = entries.iter().filter(|entry| entry.source != ValueSource::Default);
            let set: Vec<String> = set
                .map(|entry| {
                    let value = entry.value.as_ref().map_or("none", Name::as_str);
                    format!("{}={value} ({})", entry.name, entry.source.name())
                })
                .collect();
            if set.is_empty() {
                format!("{}, all at the default", counted(entries.len(), "key"))
            } else {
                let rest = entries.len() - set.len();
                let rest = counted(rest, "key");
                format!("{}; {rest} at the default", listed(set.into_iter()))
            }
        }
    }
}

fn listings(told: &GroupListings) -> String {
    let groups =
        told.groups.iter().map(|it| format!("{} ({}, {})", it.group, it.protocol, it.state));
    let mut text = listed(groups);
    if !told.failed.is_empty() {
        let failed = told.failed.iter().map(|(broker, error)| format!("broker-{broker}: {error}"));
        let _ = write!(text, "; not told by {}", listed(failed));
    }
    text
}

fn described(group: &GroupDescription) -> String {
    let epoch = group.epoch.map(|epoch| format!(", epoch {epoch}")).unwrap_or_default();
    let mut text = format!(
        "{}, {}{epoch}, coordinated by broker-{}",
        group.protocol, group.state, group.coordinator
    );
    if !group.assignor.as_str().is_empty() {
        let _ = write!(text, ", assignor {}", group.assignor);
    }
    let members = group.members.iter().map(|member| {
        let name = member.instance.as_ref().unwrap_or(&member.member);
        let places = member.partitions.iter().map(|(topic, number)| format!("{topic}-{number}"));
        let places: Vec<String> = places.collect();
        let owns = if places.is_empty() { "nothing".to_owned() } else { places.join(" ") };
        format!("{name} has {owns}")
    });
    let _ = match members.len() {
        0 => write!(text, "; no members"),
        1 => write!(text, "; 1 member: {}", listed(members)),
        many => write!(text, "; {many} members: {}", listed(members)),
    };
    text
}

/// The first few of `items`.
fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    let count = items.len();
    if count == 0 {
        return "none".to_owned();
    }
    let shown: Vec<String> = items.take(LISTED).collect();
    let more = count - shown.len();
    let text = shown.join("; ");
    if more == 0 { text } else { format!("{text} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{GroupListing, GroupMemberDescription};
    use crate::types::{BrokerId, Offset};

    #[test]
    fn what_is_asked_and_told_reads_as_a_sentence() {
        let partitions = vec![("orders".into(), 0, Some(Offset(10))), ("orders".into(), 1, None)];
        let call = AdminCall::DeleteRecords { partitions };
        let text = "delete the records of orders-0 below offset 10; orders-1 below its high \
                    watermark";
        assert_eq!(request(&call).as_str(), text);
        let many = (0..9).map(|number| ("orders".into(), number, ErrorCode::None)).collect();
        let reply = AppReply::Admin(AdminReply::Elected(many));
        assert!(answer(&reply).as_str().ends_with("orders-5 done and 3 more"));
    }

    #[test]
    fn groups_read_as_sentences() {
        let call = AdminCall::DeleteGroupOffsets {
            group: "billing".into(),
            partitions: vec![("orders".into(), 0), ("orders".into(), 3)],
        };
        let text = "delete the offsets of group billing in orders-0; orders-3";
        assert_eq!(request(&call).as_str(), text);
        let offsets = vec![("orders".into(), 1, Offset(40))];
        let call = AdminCall::AlterGroupOffsets { group: "billing".into(), offsets };
        assert_eq!(request(&call).as_str(), "set the offsets of group billing: orders-1 to 40");
        let listing = |group: &str| GroupListing {
            group: group.into(),
            protocol: "classic".into(),
            state: "Stable".into(),
        };
        let groups = GroupListings {
            groups: vec![listing("billing"), listing("mail")],
            failed: vec![(BrokerId(3), ErrorCode::RequestTimedOut)],
        };
        assert_eq!(
            answer(&AppReply::Admin(AdminReply::Groups(groups))).as_str(),
            "billing (classic, Stable); mail (classic, Stable); not told by broker-3: \
             REQUEST_TIMED_OUT"
        );
        let member = |member: &str, instance: Option<&str>, partitions| GroupMemberDescription {
            member: member.into(),
            instance: instance.map(Name::from),
            host: "/10.0.0.1".into(),
            epoch: Some(4),
            partitions,
        };
        let mut group = GroupDescription {
            group: "billing".into(),
            protocol: "consumer".into(),
            state: "Stable".into(),
            epoch: Some(4),
            assignor: "uniform".into(),
            coordinator: BrokerId(2),
            members: vec![
                member("m-1", None, vec![("orders".into(), 0), ("orders".into(), 2)]),
                member("m-2", Some("billing-2"), Vec::new()),
            ],
        };
        assert_eq!(
            told(&AdminReply::Group(group.clone())),
            "consumer, Stable, epoch 4, coordinated by broker-2, assignor uniform; 2 members: m-1 \
             has orders-0 orders-2; billing-2 has nothing"
        );
        (group.epoch, group.assignor, group.members) = (None, "".into(), Vec::new());
        let text = "consumer, Stable, coordinated by broker-2; no members";
        assert_eq!(told(&AdminReply::Group(group)), text);
    }

    #[test]
    fn a_call_failed_when_all_of_it_did() {
        let at = |number, error| ("orders".into(), number, error);
        let error = ErrorCode::ElectionNotNeeded;
        let all = AdminReply::Elected(vec![at(0, error), at(1, error)]);
        assert_eq!(failure(&all), Some(error));
        let one = AdminReply::Elected(vec![at(0, error), at(1, ErrorCode::None)]);
        assert_eq!(failure(&one), None);
        assert_eq!(failure(&AdminReply::Elected(Vec::new())), None);
    }
}
