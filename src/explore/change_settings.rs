//! Settings that may help against a breach: of producers, topics, brokers, groups.

use std::time::Duration;

use crate::explore::change::Breached;
use crate::scenario::{CommitPlan, Config, GroupPlan, Plan, TopicPlan, Value};

/// A change in words, and as `--set` takes it.
type Change = (String, Vec<String>);

/// What one might set otherwise.
pub(super) fn settings(of: &Breached<'_>) -> Vec<Change> {
    let Breached { plan, property, .. } = of;
    match About::of(property, of.of.unwrap_or_default()) {
        About::Quorum => Vec::new(),
        About::Offsets => {
            let mut changes = offsets_changes(plan);
            // Coordinators of the two protocols do not do the same when they commit.
            let of_commits = plan.groups.iter().filter(|_| property.starts_with("commit-"));
            changes.extend(of_commits.map(other_protocol));
            changes
        }
        About::Group => group_changes(plan, property),
        About::Records => record_changes(plan, property),
        About::Reading => {
            let mut changes = record_changes(plan, property);
            changes.extend(group_changes(plan, property));
            changes
        }
    }
}

/// What a breach is about: what has no part in it is not worth a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    /// The metadata quorum, and what it committed.
    Quorum,
    /// What a group's coordinator decides, what its members process.
    Group,
    /// What a coordinator remembers: the records of its own topic.
    Offsets,
    /// What consumers are shown.
    Reading,
    /// The records of topics.
    Records,
}

impl About {
    fn of(property: &str, of: &str) -> Self {
        match property {
            "raft-election-safety"
            | "raft-vote-once"
            | "raft-log-matching"
            | "raft-committed-prefix"
            | "quorum-stable"
            | "metadata-prefix"
            | "metadata-converges" => Self::Quorum,
            "commit-durable" | "commit-told" => Self::Offsets,
            "exclusive-ownership"
            | "commit-fenced"
            | "assignment-legal"
            | "group-stable"
            | "at-least-once"
            | "at-most-once"
            | "processing-order" => Self::Group,
            "unseen" | "poll-skip" | "nonmonotonic-poll" | "inconsistent-offsets" => Self::Reading,
            _ if of.starts_with(OFFSETS_TOPIC) => Self::Offsets,
            _ => Self::Records,
        }
    }
}

/// How the partitions begin in which groups keep their offsets.
const OFFSETS_TOPIC: &str = "__consumer_offsets-";

/// What the brokers' own settings may do about the topic of groups' offsets, which has no others.
fn offsets_changes(plan: &Plan) -> Vec<Change> {
    let Some(broker) = plan.cluster.brokers.first().map(|broker| &broker.config) else {
        return Vec::new();
    };
    let copies = broker.integer("offsets.topic.replication.factor");
    let wanted = i64::try_from(plan.cluster.brokers.len()).unwrap_or(3).min(3);
    let (flush, least) = ("log.flush.interval.messages", "min.insync.replicas");
    let unclean = "unclean.leader.election.enable";
    let changes = [
        (copies < wanted).then(|| format!("offsets.topic.replication.factor={wanted}")),
        (broker.integer(flush) != 1).then(|| format!("{flush}=1")),
        (copies > 1 && broker.integer(least) < 2).then(|| format!("{least}=2")),
        broker.flag(unclean).then(|| format!("{unclean}=false")),
    ];
    let changes = changes.into_iter().flatten();
    changes
        .map(|key| (format!("{key} of the brokers"), vec![format!("cluster.config.{key}")]))
        .collect()
}

/// What producers and topics may do about it.
fn record_changes(plan: &Plan, property: &str) -> Vec<Change> {
    let mut changes = producer_changes(plan, property);
    for (key, value, meaning, applies) in topic_changes() {
        let broker = plan.cluster.brokers.first().map(|broker| &broker.config);
        let topics: Vec<&str> = plan
            .topics
            .iter()
            .filter(|topic| topic.replication_factor >= 2)
            .filter(|topic| broker.is_some_and(|broker| applies(topic, broker)))
            .map(|topic| topic.name.as_str())
            .collect();
        if !topics.is_empty() {
            let set = |name: &&str| format!("topic.{name}.config.{key}={value}");
            let whose = whose(&topics, plan.topics.len());
            let words = format!("{key}={value}{whose}{meaning}");
            changes.push((words, topics.iter().map(set).collect()));
        }
    }
    changes
}

/// " of a, b", where there are others.
fn whose(names: &[&str], all: usize) -> String {
    if all > 1 { format!(" of {}", names.join(", ")) } else { String::new() }
}

/// What producers may do about it.
fn producer_changes(plan: &Plan, property: &str) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |keys: &[&str], applies: &dyn Fn(&Config) -> bool| {
        let producers = plan.producers.iter().filter(|producer| applies(&producer.config));
        let names: Vec<&str> = producers.map(|producer| producer.name.as_str()).collect();
        if names.is_empty() {
            return;
        }
        let set = |name: &&str| {
            keys.iter().map(|key| format!("producer.{name}.config.{key}")).collect::<Vec<_>>()
        };
        let words = format!("{}{}", keys.join(" and "), whose(&names, plan.producers.len()));
        changes.push((words, names.iter().flat_map(set).collect()));
    };
    let is_weak = |config: &Config| config.text("acks") != "all";
    let is_plain = |config: &Config| !config.flag("enable.idempotence");
    add(&["acks=all"], &is_weak);
    // Who waits for less than is usual sends again what is written.
    let usual = Duration::from_secs(30);
    let timeout = format!("request.timeout.ms={}", usual.as_millis());
    add(&[&timeout], &|config| config.duration("request.timeout.ms") < usual);
    // Idempotence needs acks=all, as in Kafka. Where that is no remedy by itself, both may be.
    add(&["enable.idempotence=true"], &|config| is_plain(config) && !is_weak(config));
    if matches!(property, "duplicate" | "per-producer-order" | "nonmonotonic-send") {
        let both = ["enable.idempotence=true", "acks=all"];
        add(&both, &|config| is_plain(config) && is_weak(config));
    }
    changes
}

/// What a consumer group may do about it: when it commits, the other protocol, more patience.
fn group_changes(plan: &Plan, property: &str) -> Vec<Change> {
    let mut changes = Vec::new();
    for group in &plan.groups {
        let name = &group.name;
        // Who commits what is processed, when it is, processes all of it at least once; who commits
        // it before, at most once.
        let commit = match (property, group.commit) {
            ("at-least-once", CommitPlan::Auto | CommitPlan::Async | CommitPlan::Before) => {
                Some(("sync", "enable.auto.commit=false, commitSync after each batch"))
            }
            ("at-most-once", CommitPlan::Auto | CommitPlan::Async | CommitPlan::Sync) => {
                Some(("before", "enable.auto.commit=false, commitSync before each batch"))
            }
            _ => None,
        };
        if let Some((commit, words)) = commit {
            let words = format!("commit={commit} of {name} ({words})");
            changes.push((words, vec![format!("group.{name}.commit={commit}")]));
        }
        changes.push(other_protocol(group));
        let is_modern = is_modern(group);
        // Of a group of KIP-848 the brokers say how long a session is.
        let session = broker_session(plan).filter(|_| is_modern);
        changes.extend(session.filter(|session| !changes.contains(session)));
        let keys = ["session.timeout.ms", "max.poll.interval.ms"];
        for key in keys.into_iter().filter(|key| *key != "session.timeout.ms" || !is_modern) {
            let longer = group.config.duration(key).saturating_mul(3).as_millis();
            let set = format!("group.{name}.config.{key}={longer}");
            changes.push((format!("{key}={longer} of {name}"), vec![set]));
        }
    }
    changes
}

/// Whether it is a group of KIP-848.
fn is_modern(group: &GroupPlan) -> bool {
    group.config.text("group.protocol") == "consumer"
}

fn other_protocol(group: &GroupPlan) -> Change {
    let (name, other) = (&group.name, if is_modern(group) { "classic" } else { "consumer" });
    let set = format!("group.{name}.config.group.protocol={other}");
    (format!("group.protocol={other} of {name}"), vec![set])
}

/// Sessions of KIP-848 that are three times as long, where all brokers have the same.
fn broker_session(plan: &Plan) -> Option<Change> {
    let (key, max) = ("group.consumer.session.timeout.ms", "group.consumer.max.session.timeout.ms");
    let of = |key: &str| {
        let mut brokers = plan.cluster.brokers.iter().map(|broker| broker.config.duration(key));
        let first = brokers.next()?;
        brokers.all(|other| other == first).then_some(first)
    };
    let longer = of(key)?.saturating_mul(3);
    let keys = [Some(key), (of(max)? < longer).then_some(max)].into_iter().flatten();
    let set: Vec<String> = keys.map(|key| format!("{key}={}", longer.as_millis())).collect();
    let words = set.join(" and ");
    Some((words, set.iter().map(|set| format!("cluster.config.{set}")).collect()))
}

/// Keys of topics that may help: the key, the value, what it means, and whether it is a change.
type TopicChange = (&'static str, &'static str, &'static str, fn(&TopicPlan, &Config) -> bool);

fn topic_changes() -> [TopicChange; 3] {
    [
        ("min.insync.replicas", "2", "", |topic, broker| {
            matches!(topic.setting_on(broker, "min.insync.replicas").value, Some(Value::Integer(1)))
        }),
        ("unclean.leader.election.enable", "false", "", |topic, broker| {
            let key = "unclean.leader.election.enable";
            matches!(topic.setting_on(broker, key).value, Some(Value::Flag(true)))
        }),
        ("flush.messages", "1", " (every batch on the disk)", |topic, broker| {
            !matches!(topic.setting_on(broker, "flush.messages").value, Some(Value::Integer(1)))
        }),
    ]
}
