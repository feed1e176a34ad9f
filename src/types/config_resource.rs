//! Whose configuration a value is, and the keys of topics with the brokers' keys behind them.

use crate::types::id::BrokerId;
use crate::types::name::Name;

/// Whose dynamic configuration a value belongs to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ConfigResource {
    /// A topic, by name.
    Topic(Name),
    /// One broker.
    Broker(BrokerId),
    /// All brokers that do not say otherwise: the cluster-wide default.
    Cluster,
}

impl std::fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Broker(broker) => write!(f, "broker {broker}"),
            Self::Cluster => f.write_str("all brokers"),
        }
    }
}

/// What values a key takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigValues {
    /// `true` or `false`.
    Flag,
    /// A whole number from `min` to `max`.
    Number {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
}

/// A topic's key and the broker's key that stands in where the topic does not set it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TopicKey {
    /// The key on a topic.
    pub name: &'static str,
    /// The key on a broker, or on all of them. These can be changed while brokers run.
    pub broker_key: &'static str,
    /// What values both take.
    pub values: ConfigValues,
}

const INT: i64 = i32::MAX as i64;
const LONG: i64 = i64::MAX;

const fn number(name: &'static str, broker_key: &'static str, min: i64, max: i64) -> TopicKey {
    TopicKey { name, broker_key, values: ConfigValues::Number { min, max } }
}

const fn flag(name: &'static str, broker_key: &'static str) -> TopicKey {
    TopicKey { name, broker_key, values: ConfigValues::Flag }
}

/// The keys of topics that the simulated programs know.
///
/// Source: Kafka 4.1, `ServerTopicConfigSynonyms`, `LogConfig`; every broker's key among them is
/// dynamic (`DynamicLogConfig.ReconfigurableConfigs`).
const TOPIC_KEYS: &[TopicKey] = &[
    number("min.insync.replicas", "min.insync.replicas", 1, INT),
    flag("unclean.leader.election.enable", "unclean.leader.election.enable"),
    number("segment.bytes", "log.segment.bytes", 1024, INT),
    number("segment.ms", "log.roll.ms", 1, LONG),
    number("segment.jitter.ms", "log.roll.jitter.ms", 0, LONG),
    number("segment.index.bytes", "log.index.size.max.bytes", 4, INT),
    number("index.interval.bytes", "log.index.interval.bytes", 0, INT),
    number("flush.messages", "log.flush.interval.messages", 1, LONG),
    number("flush.ms", "log.flush.interval.ms", 0, LONG),
    number("retention.ms", "log.retention.ms", -1, LONG),
    number("retention.bytes", "log.retention.bytes", -1, LONG),
    number("file.delete.delay.ms", "log.segment.delete.delay.ms", 0, LONG),
    number("max.message.bytes", "message.max.bytes", 0, INT),
    number("message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms", 0, LONG),
    number("message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms", 0, LONG),
];

impl TopicKey {
    /// All of them.
    pub const ALL: &'static [Self] = TOPIC_KEYS;

    /// The key that topics call `name`.
    pub fn of_topic(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|key| key.name == name)
    }

    /// The key that brokers call `name`.
    pub fn of_broker(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|key| key.broker_key == name)
    }
}

impl ConfigValues {
    /// Whether `text` is such a value.
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Self::Flag => matches!(text, "true" | "false"),
            Self::Number { min, max } => {
                text.parse::<i64>().is_ok_and(|value| (min..=max).contains(&value))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_a_key_lead_to_it() {
        for key in TopicKey::ALL {
            assert_eq!(TopicKey::of_topic(key.name), Some(key));
            assert_eq!(TopicKey::of_broker(key.broker_key), Some(key));
        }
    }

    #[test]
    fn values_are_of_their_kind_and_range() {
        let least = TopicKey::of_topic("min.insync.replicas").unwrap().values;
        assert!(least.accepts("1") && least.accepts("3"));
        assert!(!least.accepts("0") && !least.accepts("two") && !least.accepts("9999999999"));
        let unclean = TopicKey::of_broker("unclean.leader.election.enable").unwrap().values;
        assert!(unclean.accepts("true") && !unclean.accepts("yes"));
    }
}
