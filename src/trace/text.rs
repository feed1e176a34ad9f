//! Events for people and for other programs: a line, or an object of JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::event::{Event, Kind, Value};
use crate::trace::setup::Setup;
use crate::types::{Moment, Name, TopicId, TopicPartition};

/// The names of hosts and topics.
#[derive(Clone, PartialEq, Debug)]
pub struct Names {
    setup: Arc<Setup>,
    topics: BTreeMap<TopicId, Name>,
}

impl Names {
    /// The names of the hosts; topics are learned from events.
    pub fn new(setup: Arc<Setup>) -> Self {
        Self { setup, topics: BTreeMap::new() }
    }

    /// The cast.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Learns the name of a topic if `event` tells one.
    pub fn learn(&mut self, event: &Event) {
        if let Kind::TopicCommitted { topic, name, .. } = &event.kind {
            self.topics.insert(*topic, name.clone());
        }
    }

    /// The topic's name, or its id in hexadecimal.
    pub fn topic(&self, topic: TopicId) -> String {
        match self.topics.get(&topic) {
            Some(name) => name.to_string(),
            None if topic == TopicPartition::CLUSTER_METADATA.topic_id => {
                "__cluster_metadata".to_owned()
            }
            None => format!("{:x}", { topic.0 }),
        }
    }

    /// Topic and number, such as `orders-0`.
    pub fn partition(&self, partition: TopicPartition) -> String {
        format!("{}-{}", self.topic(partition.topic_id), partition.partition)
    }

    /// A field's value as text and filters have it.
    pub fn show(&self, value: &Value) -> String {
        match value {
            Value::None => "none".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            Value::Hex(value) => format!("{value:016x}"),
            Value::Text(name) => name.to_string(),
            Value::Word(word) => (*word).to_owned(),
            Value::Partition(partition) => self.partition(*partition),
            Value::Topic(topic) => self.topic(*topic),
            Value::Host(host) => self.setup.host_name(Some(*host)).to_owned(),
            Value::List(values) => {
                let values: Vec<String> = values.iter().map(|value| self.show(value)).collect();
                format!("[{}]", values.join(","))
            }
        }
    }

    /// The event in one line: index, moment in seconds, host, kind, fields.
    pub fn line(&self, event: &Event) -> String {
        let mut line = format!(
            "e{} {} {} {}",
            event.index,
            seconds(event.at),
            self.setup.host_name(event.host),
            event.kind.name()
        );
        for (name, value) in event.kind.values() {
            let _ = write!(line, " {name}={}", self.show(&value));
        }
        line
    }

    /// The event as an object: `index`, `at_us`, `host`, `kind`, `cause`, `about`, `step` and
    /// the fields by name.
    pub fn json(&self, event: &Event) -> serde_json::Value {
        let fields: serde_json::Map<String, serde_json::Value> = event
            .kind
            .values()
            .iter()
            .map(|(name, value)| ((*name).to_owned(), self.json_value(value)))
            .collect();
        serde_json::json!({
            "index": event.index,
            "at_us": event.at.scenario_micros(),
            "host": event.host.map(|host| self.setup.host_name(Some(host))),
            "kind": event.kind.name(),
            "step": format!("{:016x}:{}", event.step.lane, event.step.n),
            "cause": event.cause,
            "about": event.about,
            "fields": fields,
        })
    }

    fn json_value(&self, value: &Value) -> serde_json::Value {
        match value {
            Value::None => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(value) => (*value).into(),
            Value::List(values) => values.iter().map(|value| self.json_value(value)).collect(),
            Value::Hex(_)
            | Value::Text(_)
            | Value::Word(_)
            | Value::Partition(_)
            | Value::Topic(_)
            | Value::Host(_) => self.show(value).into(),
        }
    }
}

/// A moment in seconds of the scenario's time, which is negative while the cluster forms.
pub fn seconds(at: Moment) -> String {
    let micros = at.scenario_micros();
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::StepName;
    use crate::trace::setup::{HostSetup, Part};
    use crate::types::{BrokerId, HostId, Offset};

    #[test]
    fn an_event_is_told_with_names() {
        let host = HostSetup { name: "broker-1".into(), part: Part::Broker(BrokerId(1)) };
        let setup = Setup { hosts: vec![host], ..Setup::default() };
        let mut names = Names::new(Arc::new(setup));
        let event = |index, kind| Event {
            index,
            at: Moment(9_500_000),
            host: Some(HostId(0)),
            step: StepName::default(),
            cause: None,
            about: None,
            kind,
        };
        let topic = TopicId(0x77);
        names.learn(&event(
            0,
            Kind::TopicCommitted { topic, name: "orders".into(), offset: Offset(3) },
        ));
        let moved = event(
            1,
            Kind::HighWatermarkMoved {
                partition: TopicPartition::new(topic, 0),
                high_watermark: Offset(5),
                as_leader: true,
            },
        );
        assert_eq!(
            names.line(&moved),
            "e1 -0.500000 broker-1 high-watermark-moved \
             partition=orders-0 high_watermark=5 as_leader=true"
        );
        let json = names.json(&moved);
        assert_eq!(json["fields"]["partition"], "orders-0");
        assert_eq!(json["at_us"], -500_000);
    }
}
