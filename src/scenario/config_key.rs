//! What the table of configuration keys says of a key.

use crate::scenario::config::Value;

/// Whose configuration a key belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// A broker's `server.properties`.
    Broker,
    /// A controller's.
    Controller,
    /// A topic.
    Topic,
    /// A producer client.
    Producer,
    /// A consumer client.
    Consumer,
    /// A consumer that is a member of a group.
    Member,
    /// The finalized features of the cluster.
    Feature,
}

/// What values a key takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "both ends of every range are possible values")]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A number.
    Number { min: i64, max: i64 },
    /// Milliseconds.
    Millis { min: i64, max: i64 },
    /// Seconds.
    Seconds { min: i64, max: i64 },
    /// Bytes.
    Bytes { min: i64, max: i64 },
    /// One of these words.
    Words(&'static [&'static str]),
    /// Some of these words, each once, in an order that counts. Kafka takes classes; each word has
    /// one, which may be written instead.
    List { words: &'static [&'static str], classes: &'static [&'static str] },
    /// `auto.offset.reset`: a word, or `by_duration:` and an ISO 8601 duration.
    Reset,
}

/// The words that `auto.offset.reset` takes, beside a duration.
pub(crate) const RESETS: [&str; 3] = ["latest", "earliest", "none"];

/// What the table says of a key.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    /// Its name.
    pub name: &'static str,
    /// Whose it is.
    pub scopes: &'static [Scope],
    /// What values it takes.
    pub kind: Kind,
    /// The default of Kafka 4.1; `None` where that is to have no value.
    pub default: Option<Value>,
    /// For a topic's key: the broker's key that stands in when the topic does not set it.
    pub broker_key: Option<&'static str>,
    /// What it does.
    pub doc: &'static str,
}

impl Scope {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Controller => "controller",
            Self::Topic => "topic",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Member => "group",
            Self::Feature => "feature",
        }
    }
}
