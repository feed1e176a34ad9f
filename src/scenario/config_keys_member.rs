//! The configuration keys of members of groups: part of the table of `config_keys`.
//!
//! Source: Kafka 4.1, `ConsumerConfig`.

use crate::scenario::config::{Value, WordList};
use crate::scenario::config_key::{ConfigKey, Kind};
use crate::scenario::config_keys::{INT, MEMBER, integer, key, millis, unset};

const ASSIGNORS: &[&str] = &["range", "roundrobin", "sticky", "cooperative-sticky"];
const ASSIGNOR_CLASSES: &[&str] = &[
    "org.apache.kafka.clients.consumer.RangeAssignor",
    "org.apache.kafka.clients.consumer.RoundRobinAssignor",
    "org.apache.kafka.clients.consumer.StickyAssignor",
    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
];

pub(super) const MEMBER_KEYS: &[ConfigKey] = &[
    key(
        "group.protocol",
        MEMBER,
        Kind::Words(&["classic", "consumer"]),
        Value::Word("classic"),
        "How the group rebalances: its leader assigns, or the coordinator (KIP-848).",
    ),
    key(
        "partition.assignment.strategy",
        MEMBER,
        Kind::List { words: ASSIGNORS, classes: ASSIGNOR_CLASSES },
        Value::List(WordList::new(ASSIGNORS, &[0, 3])),
        "The assignors that the members offer, the preferred one first (classic); by name or, as \
         Kafka has it, by class.",
    ),
    unset(key(
        "group.remote.assignor",
        MEMBER,
        Kind::Words(&["uniform", "range"]),
        Value::Word("uniform"),
        "The coordinator's assignor; without, it chooses (KIP-848).",
    )),
    integer(
        "session.timeout.ms",
        MEMBER,
        millis(1, INT),
        45_000,
        "A member that is silent for so long is expelled (classic).",
    ),
    integer(
        "heartbeat.interval.ms",
        MEMBER,
        millis(1, INT),
        3000,
        "Between two heartbeats of a member (classic).",
    ),
    integer(
        "max.poll.interval.ms",
        MEMBER,
        millis(1, INT),
        300_000,
        "A member that does not poll for so long leaves; a rebalance waits so long for it.",
    ),
    integer(
        "auto.commit.interval.ms",
        MEMBER,
        millis(0, INT),
        5000,
        "Between two automatic commits.",
    ),
    integer(
        "default.api.timeout.ms",
        MEMBER,
        millis(0, INT),
        60_000,
        "How long a commit that is waited for is tried again.",
    ),
];
