//! The configuration keys of group coordinators: part of the table of `config_keys`.
//!
//! Source: Kafka 4.1, `GroupCoordinatorConfig`.

use crate::scenario::config::{Value, WordList};
use crate::scenario::config_key::{ConfigKey, Kind};
use crate::scenario::config_keys::{BROKER, INT, bytes, integer, key, millis, number};

const SERVER_ASSIGNORS: &[&str] = &["uniform", "range"];
const SERVER_ASSIGNOR_CLASSES: &[&str] = &[
    "org.apache.kafka.coordinator.group.assignor.UniformAssignor",
    "org.apache.kafka.coordinator.group.assignor.RangeAssignor",
];

pub(super) const COORDINATOR_KEYS: &[ConfigKey] = &[
    integer(
        "offsets.topic.num.partitions",
        BROKER,
        number(1, INT),
        50,
        "Over how many partitions groups are spread: so many coordinators there are.",
    ),
    integer(
        "offsets.topic.replication.factor",
        BROKER,
        number(1, 32_767),
        3,
        "How many replicas each partition of `__consumer_offsets` has. Fewer brokers than \
         that: it is not created, and no group finds a coordinator.",
    ),
    integer(
        "offsets.topic.segment.bytes",
        BROKER,
        bytes(1, INT),
        100 << 20,
        "How large the segments of `__consumer_offsets` grow.",
    ),
    integer(
        "offsets.load.buffer.size",
        BROKER,
        bytes(1, INT),
        5 << 20,
        "How much of its log a new coordinator reads at once.",
    ),
    integer(
        "offset.metadata.max.bytes",
        BROKER,
        bytes(0, INT),
        4096,
        "How long the text beside a committed offset may be.",
    ),
    integer(
        "offsets.retention.minutes",
        BROKER,
        number(1, INT),
        10_080,
        "How long, in minutes, an offset stays whose group is empty or no longer subscribes \
         to its topic.",
    ),
    integer(
        "offsets.retention.check.interval.ms",
        BROKER,
        millis(1, INT),
        600_000,
        "How often a coordinator looks for offsets that have expired.",
    ),
    integer(
        "offsets.commit.timeout.ms",
        BROKER,
        millis(1, INT),
        5_000,
        "How long a coordinator's write may take to get below the high watermark; after \
         that the client is told COORDINATOR_NOT_AVAILABLE.",
    ),
    integer(
        "group.min.session.timeout.ms",
        BROKER,
        millis(0, INT),
        6_000,
        "The shortest `session.timeout.ms` of a member (classic protocol).",
    ),
    integer(
        "group.max.session.timeout.ms",
        BROKER,
        millis(0, INT),
        1_800_000,
        "The longest `session.timeout.ms` of a member (classic protocol).",
    ),
    integer(
        "group.initial.rebalance.delay.ms",
        BROKER,
        millis(0, INT),
        3_000,
        "How long an empty group waits for more members before its first rebalance ends; \
         prolonged while they come (classic protocol).",
    ),
    integer(
        "group.max.size",
        BROKER,
        number(1, INT),
        INT,
        "How many members a group may have (classic protocol).",
    ),
    integer(
        "group.consumer.session.timeout.ms",
        BROKER,
        millis(1, INT),
        45_000,
        "How long a member may be silent (KIP-848).",
    ),
    integer(
        "group.consumer.heartbeat.interval.ms",
        BROKER,
        millis(1, INT),
        5_000,
        "How often members are told to heartbeat (KIP-848).",
    ),
    integer(
        "group.consumer.min.session.timeout.ms",
        BROKER,
        millis(1, INT),
        45_000,
        "The least that `group.consumer.session.timeout.ms` may be: a broker does not start with \
         less.",
    ),
    integer(
        "group.consumer.max.session.timeout.ms",
        BROKER,
        millis(1, INT),
        60_000,
        "The most that `group.consumer.session.timeout.ms` may be.",
    ),
    integer(
        "group.consumer.min.heartbeat.interval.ms",
        BROKER,
        millis(1, INT),
        5_000,
        "The least that `group.consumer.heartbeat.interval.ms` may be.",
    ),
    integer(
        "group.consumer.max.heartbeat.interval.ms",
        BROKER,
        millis(1, INT),
        15_000,
        "The most that `group.consumer.heartbeat.interval.ms` may be.",
    ),
    integer(
        "group.consumer.max.size",
        BROKER,
        number(1, INT),
        INT,
        "How many members a group may have (KIP-848).",
    ),
    key(
        "group.consumer.assignors",
        BROKER,
        Kind::List { words: SERVER_ASSIGNORS, classes: SERVER_ASSIGNOR_CLASSES },
        Value::List(WordList::new(SERVER_ASSIGNORS, &[0, 1])),
        "The assignors that a coordinator has (KIP-848), the first for members that want none.",
    ),
    key(
        "group.consumer.migration.policy",
        BROKER,
        Kind::Words(&["bidirectional", "upgrade", "downgrade", "disabled"]),
        Value::Word("bidirectional"),
        "Whether a group with members goes over to KIP-848 with the first member that comes by it, \
         and back with the last one that goes.",
    ),
];
