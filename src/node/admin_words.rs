//! What admin clients ask and are told, in words for people.

use std::fmt::Write as _;

use crate::event::OperationVerb;
use crate::message::{
    AdminCall, AdminReply, AppError, AppReply, ConfigResource, Election, ValueSource,
};
use crate::types::{ErrorCode, Name};

/// An answer names at most so many partitions, topics or keys.
const LISTED: usize = 6;

/// What a call is called in events, and its topic.
pub(crate) fn verb(call: &AdminCall) -> (OperationVerb, Option<Name>) {
    match call {
        AdminCall::CreateTopic { name, .. } => (OperationVerb::CreateTopic, Some(name.clone())),
        AdminCall::DeleteTopic { name } => (OperationVerb::DeleteTopic, Some(name.clone())),
        AdminCall::ListTopics => (OperationVerb::ListTopics, None),
        AdminCall::DescribeTopic { name } => (OperationVerb::DescribeTopic, Some(name.clone())),
        AdminCall::DeleteRecords { .. } => (OperationVerb::DeleteRecords, None),
        AdminCall::ElectLeaders { .. } => (OperationVerb::ElectLeaders, None),
        AdminCall::AlterConfig { .. } => (OperationVerb::AlterConfig, None),
        AdminCall::UnregisterBroker { .. } => (OperationVerb::UnregisterBroker, None),
        AdminCall::DescribeCluster => (OperationVerb::DescribeCluster, None),
        AdminCall::DescribeConfigs { .. } => (OperationVerb::DescribeConfigs, None),
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
        AdminReply::Elected(elected) => elected.iter().map(|(.., error)| *error).collect(),
        AdminReply::Deleted(deleted) => {
            deleted.iter().map(|(.., result)| result.err().unwrap_or(ErrorCode::None)).collect()
        }
        AdminReply::Done
        | AdminReply::Topics(_)
        | AdminReply::Topic(_)
        | AdminReply::Cluster(_)
        | AdminReply::Configs(_) => return None,
    };
    let first = errors.first().copied()?;
    errors.iter().all(|error| *error != ErrorCode::None).then_some(first)
}

fn told(reply: &AdminReply) -> String {
    match reply {
        AdminReply::Done => "done".to_owned(),
        AdminReply::Topics(names) => listed(names.iter().map(ToString::to_string)),
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
        AdminReply::Elected(elected) => listed(elected.iter().map(|(name, number, error)| {
            if *error == ErrorCode::None {
                format!("{name}-{number} done")
            } else {
                format!("{name}-{number} not, {error}")
            }
        })),
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
                format!("{} keys, all at their defaults", entries.len())
            } else {
                let rest = entries.len() - set.len();
                format!("{}; {rest} keys at their defaults", listed(set.into_iter()))
            }
        }
    }
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
    use crate::types::Offset;

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
