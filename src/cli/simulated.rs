//! What a plan simulates, in a few lines for the head of a report, and for programs.

use serde_json::{Value as Json, json};

use crate::report::grouped;
use crate::scenario::{
    Config, ConsumerPlan, GroupPlan, Keys, Plan, ProducerPlan, ReadFrom, TopicPlan, show_duration,
};
use crate::types::Defect;

/// So many topics, producers or consumers have a line each; of more, how many there are.
const LINES_MAX: usize = 3;

/// The lines of `plan`.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    let mut lines = vec![cluster(plan)];
    let topics = plan.topics.iter().map(|topic| of_topic(plan, topic)).collect();
    let producers = plan.producers.iter().map(of_producer).collect();
    let consumers = plan.consumers.iter().map(of_consumer).collect();
    let groups = plan.groups.iter().map(of_group).collect();
    let all = [
        ("topics", topics),
        ("producers", producers),
        ("consumers", consumers),
        ("groups", groups),
    ];
    for (name, all) in all {
        few(&mut lines, name, all);
    }
    if !plan.clients.is_empty() {
        let names: Vec<_> = plan.clients.iter().map(|client| client.name.as_str()).collect();
        lines.push(format!("clients of your own: {}", names.join(", ")));
    }
    let defects = defects(plan);
    if !defects.is_empty() {
        lines.push(format!("switched on: {}", defects.join(", ")));
    }
    lines
}

fn of_group(group: &GroupPlan) -> String {
    let what = match &group.pattern {
        Some(pattern) => format!("topics like `{pattern}`"),
        None => {
            group.topics.iter().map(|topic| format!("`{topic}`")).collect::<Vec<_>>().join(", ")
        }
    };
    let members = plural(u64::from(group.members), "member");
    let protocol = match group.config.text("group.protocol") {
        "classic" => format!("classic, {}", group.config.list("partition.assignment.strategy")),
        _ => "consumer (KIP-848)".to_owned(),
    };
    format!("group {}: {members} of {what}; {protocol}", group.name)
}

fn few(lines: &mut Vec<String>, name: &str, all: Vec<String>) {
    let more = all.len().saturating_sub(LINES_MAX);
    lines.extend(all.into_iter().take(LINES_MAX));
    if more > 0 {
        lines.push(format!("and {more} more {name}"));
    }
}

fn defects(plan: &Plan) -> Vec<&'static str> {
    let on = Defect::ALL.iter().filter(|defect| plan.defects.has(**defect));
    on.map(|defect| defect.name()).collect()
}

fn plural(count: u64, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        many => format!("{} {one}s", grouped(many)),
    }
}

fn cluster(plan: &Plan) -> String {
    let brokers = plural(plan.cluster.brokers.len() as u64, "broker");
    let controllers = plural(plan.cluster.controllers.len() as u64, "controller");
    let mut text = format!("Kafka 4.1, {brokers}, {controllers}");
    // What holds on every broker and was set by somebody.
    if let Some(broker) = plan.cluster.brokers.first() {
        for (key, value) in set_on_all(plan, &broker.config) {
            text.push_str(&format!(", {key}={value}"));
        }
    }
    text.push_str(&format!("; {} of clients and faults", show_duration(plan.duration)));
    text
}

/// Keys that were set, and to the same on every broker.
fn set_on_all(plan: &Plan, first: &Config) -> Vec<(&'static str, String)> {
    let same = |key: &str| {
        let value = first.setting(key).value;
        plan.cluster.brokers.iter().all(|broker| broker.config.setting(key).value == value)
    };
    let set = first.explicit().filter(|(key, _)| same(key));
    set.filter_map(|(key, setting)| Some((key, setting.value?.to_string()))).take(4).collect()
}

fn of_topic(plan: &Plan, topic: &TopicPlan) -> String {
    let least = plan
        .cluster
        .brokers
        .first()
        .and_then(|broker| topic.setting_on(&broker.config, "min.insync.replicas").value);
    let least = least.map_or(String::new(), |least| format!(", min.insync.replicas={least}"));
    format!(
        "topic {}: {}, {}{least}",
        topic.name,
        plural(topic.partitions.unsigned_abs().into(), "partition"),
        plural(topic.replication_factor.unsigned_abs().into(), "replica"),
    )
}

fn rate(producer: &ProducerPlan) -> String {
    let per = show_duration(producer.rate.per);
    // "1s" is written "s", and "10s" as it is.
    let unit = per.strip_prefix('1').filter(|unit| !unit.starts_with(|c: char| c.is_ascii_digit()));
    format!("{}/{}", producer.rate.times, unit.unwrap_or(&per))
}

fn of_producer(producer: &ProducerPlan) -> String {
    let each = if producer.count > 1 { " each" } else { "" };
    let how_many = match producer.count {
        1 => "producer".to_owned(),
        many => format!("{many} producers"),
    };
    let config = &producer.config;
    let idempotent =
        if config.flag("enable.idempotence") { "idempotent" } else { "not idempotent" };
    let keys = match producer.keys {
        Keys::None => String::new(),
        Keys::Uniform(many) => format!(", {} keys", grouped(many)),
    };
    format!(
        "{how_many} {}: {}{each} to {}{keys}, acks={}, {idempotent}",
        producer.name,
        rate(producer),
        producer.topic,
        config.text("acks"),
    )
}

fn of_consumer(consumer: &ConsumerPlan) -> String {
    let how_many = match consumer.count {
        1 => "consumer".to_owned(),
        many => format!("{many} consumers"),
    };
    let from = match consumer.from {
        ReadFrom::Beginning => "the beginning".to_owned(),
        ReadFrom::End => "the end".to_owned(),
        ReadFrom::Ago(ago) => format!("{} ago", show_duration(ago)),
        ReadFrom::Time(time) => format!("the records of {} on", show_duration(time)),
    };
    format!("{how_many} {}: reads {} from {from}", consumer.name, consumer.topic)
}

/// The same for programs.
pub(crate) fn json(plan: &Plan) -> Json {
    let set = |config: &Config| {
        let set = config.explicit().map(|(key, setting)| {
            (key.to_owned(), json!(setting.value.map(|value| value.to_string())))
        });
        Json::Object(set.collect())
    };
    json!({
        "release": "4.1",
        "duration_seconds": plan.duration.as_secs_f64(),
        "brokers": plan.cluster.brokers.iter().map(|broker| json!({
            "id": broker.id.0,
            "rack": broker.rack.as_ref().map(ToString::to_string),
            "config": set(&broker.config),
        })).collect::<Vec<_>>(),
        "controllers": plan.cluster.controllers.iter().map(|controller| json!({
            "id": controller.id.0,
            "config": set(&controller.config),
        })).collect::<Vec<_>>(),
        "topics": plan.topics.iter().map(|topic| json!({
            "name": topic.name.to_string(),
            "partitions": topic.partitions,
            "replication_factor": topic.replication_factor,
            "config": set(&topic.config),
        })).collect::<Vec<_>>(),
        "producers": plan.producers.iter().map(|producer| json!({
            "name": producer.name.to_string(),
            "count": producer.count,
            "topic": producer.topic.to_string(),
            "rate": rate(producer),
            "acks": producer.config.text("acks"),
            "idempotent": producer.config.flag("enable.idempotence"),
            "config": set(&producer.config),
        })).collect::<Vec<_>>(),
        "consumers": plan.consumers.iter().map(|consumer| json!({
            "name": consumer.name.to_string(),
            "count": consumer.count,
            "topic": consumer.topic.to_string(),
            "config": set(&consumer.config),
        })).collect::<Vec<_>>(),
        "groups": plan.groups.iter().map(|group| json!({
            "name": group.name.to_string(),
            "members": group.members,
            "protocol": group.config.text("group.protocol"),
            "topics": group.topics.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "pattern": group.pattern.as_ref().map(ToString::to_string),
            "config": set(&group.config),
        })).collect::<Vec<_>>(),
        "defects": defects(plan),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::vocabulary;
    use crate::scenario::decode;

    #[test]
    fn the_head_says_what_decides_durability() {
        let text = "version = 1\ntitle = \"t\"\nduration = \"60s\"\ndefects = [\"never-flush\"]\n\
             [cluster]\nbrokers = 3\ncontrollers = 1\nconfig = { replica.lag.time.max.ms = 7000 }\n\
             [[topic]]\nname = \"orders\"\npartitions = 6\nconfig = { min.insync.replicas = 2 }\n\
             [[producer]]\nname = \"checkout\"\ncount = 2\ntopic = \"orders\"\nrate = \"1/10s\"\n\
             config = { acks = 1 }\n[[consumer]]\nname = \"audit\"\ntopic = \"orders\"\n";
        let plan = decode("a.toml", text, &vocabulary()).unwrap();
        assert_eq!(
            lines(&plan),
            [
                "Kafka 4.1, 3 brokers, 1 controller, replica.lag.time.max.ms=7000; 60s of clients \
                 and faults",
                "topic orders: 6 partitions, 3 replicas, min.insync.replicas=2",
                "2 producers checkout: 1/10s each to orders, acks=1, not idempotent",
                "consumer audit: reads orders from the beginning",
                "switched on: never-flush",
            ]
        );
        let object = json(&plan);
        assert_eq!(object["brokers"][2]["config"]["replica.lag.time.max.ms"], "7000");
        assert_eq!(object["producers"][0]["acks"], "1");
        assert_eq!(object["defects"][0], "never-flush");
    }
}
