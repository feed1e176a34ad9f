//! What one might change in a scenario so that a property holds: bugs off, other settings, without
//! a fault.

use std::time::Duration;

use crate::scenario::{
    CommitPlan, Config, Plan, ProducerPlan, TopicPlan, Trigger, Value, show_duration,
};

/// How much later a fault is tried.
const LATER: Duration = Duration::from_secs(2);

/// One thing changed.
pub(super) struct Change {
    /// In words.
    pub(super) words: String,
    /// As `--set` takes it.
    pub(super) set: Vec<String>,
}

/// The name of a fault as everything else here says it, and not as scenario files do.
fn words(fault: &str) -> String {
    fault.replace('_', "-")
}

/// The changes that apply to a plan, the likeliest first.
pub(super) fn changes(plan: &Plan, property: &str) -> Vec<Change> {
    let about = About::of(property);
    let mut changes = Vec::new();
    let mut add = |words: String, set: Vec<String>| changes.push(Change { words, set });
    let defects: Vec<_> = plan.defects.iter().collect();
    for defect in &defects {
        let left: Vec<String> = defects
            .iter()
            .filter(|other| *other != defect)
            .map(|other| format!("\"{}\"", other.name()))
            .collect();
        let set = format!("defects=[{}]", left.join(","));
        add(format!("{} off", defect.called()), vec![set]);
    }
    if about.is_of_records() {
        for (words, set) in record_changes(plan) {
            add(words, set);
        }
    }
    if about.is_of_groups() {
        for (words, set) in group_changes(plan, property) {
            add(words, set);
        }
    }
    for (number, fault) in (1..).zip(&plan.faults) {
        let what = words(fault.fault.name());
        add(format!("without fault {number} ({what})"), vec![format!("fault.{number}=[]")]);
    }
    for (number, fault) in (1..).zip(&plan.faults) {
        if let Trigger::At(at) = &fault.trigger {
            let later = show_duration(*at + LATER);
            let words = format!("fault {number} ({}) 2 s later", words(fault.fault.name()));
            add(words, vec![format!("fault.{number}.at={later}")]);
        }
    }
    changes
}

/// What a property is about: what has no part in it is not worth a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    /// The metadata quorum, and what it committed.
    Quorum,
    /// What a group's coordinator decides and remembers, what its members process.
    Group,
    /// What consumers are shown.
    Reading,
    /// The records of topics.
    Records,
}

impl About {
    fn of(property: &str) -> Self {
        match property {
            "raft-election-safety"
            | "raft-vote-once"
            | "raft-log-matching"
            | "raft-committed-prefix"
            | "quorum-stable"
            | "metadata-prefix"
            | "metadata-converges" => Self::Quorum,
            "exclusive-ownership"
            | "commit-fenced"
            | "commit-durable"
            | "assignment-legal"
            | "group-stable"
            | "at-least-once"
            | "at-most-once"
            | "processing-order" => Self::Group,
            "unseen" | "poll-skip" | "nonmonotonic-poll" | "inconsistent-offsets" => Self::Reading,
            _ => Self::Records,
        }
    }

    fn is_of_records(self) -> bool {
        matches!(self, Self::Records | Self::Reading)
    }

    fn is_of_groups(self) -> bool {
        matches!(self, Self::Group | Self::Reading)
    }
}

/// What producers and topics may do about it.
fn record_changes(plan: &Plan) -> Vec<(String, Vec<String>)> {
    let mut changes = Vec::new();
    let of = |producers: &[&ProducerPlan]| {
        let names: Vec<&str> = producers.iter().map(|producer| producer.name.as_str()).collect();
        match plan.producers.len() {
            0 | 1 => String::new(),
            _ => format!(" of {}", names.join(", ")),
        }
    };
    let weak: Vec<&ProducerPlan> =
        plan.producers.iter().filter(|it| it.config.text("acks") != "all").collect();
    let set =
        |producer: &ProducerPlan, what: &str| format!("producer.{}.config.{what}", producer.name);
    if !weak.is_empty() {
        let sets = weak.iter().map(|producer| set(producer, "acks=all")).collect();
        changes.push((format!("acks=all{}", of(&weak)), sets));
    }
    // Who waits for less than is usual sends again what is written.
    let usual = Duration::from_secs(30);
    let hasty: Vec<&ProducerPlan> = plan
        .producers
        .iter()
        .filter(|it| it.config.duration("request.timeout.ms") < usual)
        .collect();
    if !hasty.is_empty() {
        let key = format!("request.timeout.ms={}", usual.as_millis());
        let sets = hasty.iter().map(|producer| set(producer, &key)).collect();
        changes.push((format!("{key}{}", of(&hasty)), sets));
    }
    for (key, words, value, applies) in topic_changes() {
        let broker = plan.cluster.brokers.first().map(|broker| &broker.config);
        let sets: Vec<String> = plan
            .topics
            .iter()
            .filter(|topic| topic.replication_factor >= 2)
            .filter(|topic| broker.is_some_and(|broker| applies(topic, broker)))
            .map(|topic| format!("topic.{}.config.{key}={value}", topic.name))
            .collect();
        if !sets.is_empty() {
            changes.push((words.to_owned(), sets));
        }
    }
    let plain: Vec<&ProducerPlan> =
        plan.producers.iter().filter(|it| !it.config.flag("enable.idempotence")).collect();
    if !plain.is_empty() {
        let both = ["enable.idempotence=true", "acks=all"];
        let sets = plain.iter().flat_map(|it| both.map(|what| set(it, what))).collect();
        // Idempotence takes no weaker promise: who had one changes that, too.
        let stronger = match plain.iter().all(|it| it.config.text("acks") == "all") {
            true => "",
            false => " with acks=all",
        };
        changes.push((format!("enable.idempotence=true{stronger}{}", of(&plain)), sets));
    }
    changes
}

/// What a consumer group may do about it: when it commits, the other protocol, more patience.
fn group_changes(plan: &Plan, property: &str) -> Vec<(String, Vec<String>)> {
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
        let is_modern = group.config.text("group.protocol") == "consumer";
        let other = if is_modern { "classic" } else { "consumer" };
        let key = format!("group.{name}.config.group.protocol={other}");
        changes.push((format!("group.protocol={other} of {name}"), vec![key]));
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

/// Sessions of KIP-848 that are three times as long, where all brokers have the same.
fn broker_session(plan: &Plan) -> Option<(String, Vec<String>)> {
    let (key, max) = ("group.consumer.session.timeout.ms", "group.consumer.max.session.timeout.ms");
    let of = |key: &str| {
        let mut brokers = plan.cluster.brokers.iter().map(|broker| broker.config.duration(key));
        let first = brokers.next()?;
        brokers.all(|other| other == first).then_some(first)
    };
    let longer = of(key)?.saturating_mul(3);
    let mut set = vec![format!("cluster.config.{key}={}", longer.as_millis())];
    let mut words = format!("{key}={}", longer.as_millis());
    if of(max)? < longer {
        set.push(format!("cluster.config.{max}={}", longer.as_millis()));
        words += &format!(" with {max} as long");
    }
    Some((words, set))
}

/// Keys of topics that may help: the key, the words, the value, and whether it is a change.
type TopicChange = (&'static str, &'static str, &'static str, fn(&TopicPlan, &Config) -> bool);

fn topic_changes() -> [TopicChange; 3] {
    [
        ("min.insync.replicas", "min.insync.replicas=2", "2", |topic, broker| {
            matches!(topic.setting_on(broker, "min.insync.replicas").value, Some(Value::Integer(1)))
        }),
        (
            "unclean.leader.election.enable",
            "unclean.leader.election.enable=false",
            "false",
            |topic, broker| {
                let key = "unclean.leader.election.enable";
                matches!(topic.setting_on(broker, key).value, Some(Value::Flag(true)))
            },
        ),
        ("flush.messages", "flush.messages=1 (every batch on the disk)", "1", |topic, broker| {
            !matches!(topic.setting_on(broker, "flush.messages").value, Some(Value::Integer(1)))
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::vocabulary;
    use crate::scenario::Scenario;

    /// What a change sets besides is in its words: it may be what helped.
    #[test]
    fn words_say_all_that_a_change_sets() {
        let of = |acks: &str| {
            let text = format!(
                "version = 1\ntitle = \"t\"\nduration = \"1s\"\n[cluster]\nbrokers = 1\n\
                 controllers = 1\n[[topic]]\nname = \"orders\"\n[[producer]]\nname = \"shop\"\n\
                 topic = \"orders\"\nconfig = {{ acks = \"{acks}\", enable.idempotence = false }}\n"
            );
            let scenario = Scenario::read("a.toml", &text, &[], &[], &vocabulary()).unwrap();
            let all = record_changes(&scenario.plan).into_iter().map(|(words, _)| words);
            all.filter(|words| words.starts_with("enable.idempotence")).collect::<Vec<_>>()
        };
        assert_eq!(of("1"), ["enable.idempotence=true with acks=all"]);
        assert_eq!(of("all"), ["enable.idempotence=true"]);
    }
}
