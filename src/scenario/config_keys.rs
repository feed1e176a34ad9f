//! Kafka's configuration keys: one table of name, scope, type, range, default and meaning.
//!
//! Only keys that change what the simulated programs do are here; one that would be taken and
//! ignored would tell a lie. Defaults and ranges are those of Kafka 4.1 (`ServerLogConfigs`,
//! `LogConfig`, `ReplicationConfigs`, `KRaftConfigs`, `QuorumConfig`, `ProducerConfig`,
//! `ConsumerConfig`, and KIP-1030 for what 4.0 changed).

use crate::scenario::config::Value;
pub(crate) use crate::scenario::config_key::RESETS;
pub use crate::scenario::config_key::{ConfigKey, Kind, Scope};
use crate::scenario::config_keys_coordinator::COORDINATOR_KEYS;
use crate::scenario::config_keys_member::MEMBER_KEYS;

impl ConfigKey {
    /// Whether the key belongs to `scope`.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// All keys of all scopes, in the table's order.
    pub fn all() -> impl Iterator<Item = &'static Self> + Clone {
        KEYS.iter().chain(COORDINATOR_KEYS).chain(MEMBER_KEYS)
    }

    /// All keys of `scope`, in the table's order.
    pub fn of(scope: Scope) -> impl Iterator<Item = &'static Self> {
        Self::all().filter(move |key| key.has(scope))
    }

    /// The key of `scope` called `name`.
    pub fn named(scope: Scope, name: &str) -> Option<&'static Self> {
        Self::of(scope).find(|key| key.name == name)
    }
}

pub(super) const BROKER: &[Scope] = &[Scope::Broker];
const CONTROLLER: &[Scope] = &[Scope::Controller];
const SERVER: &[Scope] = &[Scope::Broker, Scope::Controller];
const TOPIC: &[Scope] = &[Scope::Topic];
const PRODUCER: &[Scope] = &[Scope::Producer];
const CONSUMER: &[Scope] = &[Scope::Consumer, Scope::Member];
const CLIENT: &[Scope] = &[Scope::Producer, Scope::Consumer, Scope::Member];
pub(super) const MEMBER: &[Scope] = &[Scope::Member];
const FEATURE: &[Scope] = &[Scope::Feature];

pub(super) const INT: i64 = i32::MAX as i64;
const LONG: i64 = i64::MAX;

pub(super) const fn millis(min: i64, max: i64) -> Kind {
    Kind::Millis { min, max }
}

pub(super) const fn bytes(min: i64, max: i64) -> Kind {
    Kind::Bytes { min, max }
}

pub(super) const fn number(min: i64, max: i64) -> Kind {
    Kind::Number { min, max }
}

pub(super) const fn key(
    name: &'static str,
    scopes: &'static [Scope],
    kind: Kind,
    default: Value,
    doc: &'static str,
) -> ConfigKey {
    ConfigKey { name, scopes, kind, default: Some(default), broker_key: None, doc }
}

pub(super) const fn integer(
    name: &'static str,
    scopes: &'static [Scope],
    kind: Kind,
    default: i64,
    doc: &'static str,
) -> ConfigKey {
    key(name, scopes, kind, Value::Integer(default), doc)
}

const fn flag(
    name: &'static str,
    scopes: &'static [Scope],
    default: bool,
    doc: &'static str,
) -> ConfigKey {
    key(name, scopes, Kind::Flag, Value::Flag(default), doc)
}

const fn topic(broker_key: &'static str, key: ConfigKey) -> ConfigKey {
    ConfigKey { broker_key: Some(broker_key), ..key }
}

pub(super) const fn unset(key: ConfigKey) -> ConfigKey {
    ConfigKey { default: None, ..key }
}

/// The table, by scope and name.
const KEYS: &[ConfigKey] = &[
    // The log, as a broker sets it for topics that do not.
    integer(
        "log.segment.bytes",
        BROKER,
        bytes(1024, INT),
        1 << 30,
        "A segment is closed before it grows past this. Kafka 4.1 wants 1 MiB at least; smaller \
         ones are allowed here so that short runs roll segments.",
    ),
    integer(
        "log.roll.ms",
        BROKER,
        millis(1, LONG),
        604_800_000,
        "A segment is closed when its first record is older than this. Kafka's default is \
         log.roll.hours=168.",
    ),
    integer(
        "log.roll.jitter.ms",
        BROKER,
        millis(0, LONG),
        0,
        "How much earlier at most, drawn for each segment.",
    ),
    integer(
        "log.index.size.max.bytes",
        BROKER,
        bytes(4, INT),
        10 << 20,
        "A segment is closed when one of its indexes is full: 8 bytes an entry of the offset \
         index, 12 of the time index.",
    ),
    integer(
        "log.index.interval.bytes",
        BROKER,
        bytes(0, INT),
        4096,
        "How many bytes of records there are between two entries of an index.",
    ),
    integer(
        "log.retention.bytes",
        BROKER,
        bytes(-1, LONG),
        -1,
        "The oldest segments of a log are deleted as long as this much is left; -1 for never.",
    ),
    integer(
        "log.retention.ms",
        BROKER,
        millis(-1, LONG),
        604_800_000,
        "A segment is deleted when its youngest record is older than this; -1 for never. Kafka's \
         default is log.retention.hours=168.",
    ),
    integer(
        "log.retention.check.interval.ms",
        BROKER,
        millis(1, LONG),
        300_000,
        "How often brokers look for segments to delete.",
    ),
    integer(
        "log.initial.task.delay.ms",
        BROKER,
        millis(0, LONG),
        30_000,
        "How long after its start a broker first looks for segments to delete, and first writes \
         recovery points and log start offsets.",
    ),
    integer(
        "log.flush.interval.messages",
        BROKER,
        number(1, LONG),
        LONG,
        "A log is flushed (fsync) when so many records have been appended since the last flush.",
    ),
    unset(integer(
        "log.flush.interval.ms",
        BROKER,
        millis(0, LONG),
        0,
        "A log is flushed when nothing of it has been flushed for so long; else as often as \
         log.flush.scheduler.interval.ms says.",
    )),
    integer(
        "log.flush.scheduler.interval.ms",
        BROKER,
        millis(1, LONG),
        LONG,
        "How often a broker looks for logs that flush.ms wants flushed; without it flush.ms does \
         nothing.",
    ),
    integer(
        "log.flush.offset.checkpoint.interval.ms",
        BROKER,
        millis(0, INT),
        60_000,
        "How often recovery points are written.",
    ),
    integer(
        "log.flush.start.offset.checkpoint.interval.ms",
        BROKER,
        millis(0, INT),
        60_000,
        "How often log start offsets are written.",
    ),
    integer(
        "message.max.bytes",
        BROKER,
        bytes(0, INT),
        1_048_588,
        "The largest batch that is taken.",
    ),
    integer(
        "min.insync.replicas",
        SERVER,
        number(1, INT),
        1,
        "acks=all is refused while fewer replicas are in sync, and the high watermark stands \
         still (KAFKA-15583).",
    ),
    flag(
        "unclean.leader.election.enable",
        SERVER,
        false,
        "Whether a replica outside the in-sync set may be elected when no other is alive.",
    ),
    integer(
        "producer.id.expiration.ms",
        BROKER,
        millis(1, INT),
        86_400_000,
        "How long a leader remembers an idempotent producer that is silent.",
    ),
    integer(
        "producer.id.expiration.check.interval.ms",
        BROKER,
        millis(1, INT),
        600_000,
        "How often brokers look for producers to forget.",
    ),
    // Replication.
    integer(
        "replica.lag.time.max.ms",
        BROKER,
        millis(1, LONG),
        30_000,
        "A follower that has not caught up for this long leaves the in-sync set.",
    ),
    integer(
        "replica.fetch.wait.max.ms",
        BROKER,
        millis(0, INT),
        500,
        "How long a leader holds back a follower's fetch that finds nothing.",
    ),
    integer(
        "replica.fetch.min.bytes",
        BROKER,
        bytes(0, INT),
        1,
        "What a follower's fetch waits for.",
    ),
    integer(
        "replica.fetch.max.bytes",
        BROKER,
        bytes(0, INT),
        1 << 20,
        "What a follower's fetch brings of one partition at most, but for a larger first batch.",
    ),
    integer(
        "replica.fetch.response.max.bytes",
        BROKER,
        bytes(0, INT),
        10 << 20,
        "What a follower's fetch brings at most.",
    ),
    integer(
        "replica.fetch.backoff.ms",
        BROKER,
        millis(0, INT),
        1000,
        "How long a follower leaves a partition alone after an error.",
    ),
    integer(
        "replica.socket.timeout.ms",
        BROKER,
        millis(1, INT),
        30_000,
        "When a follower gives up on a fetch and closes the connection.",
    ),
    integer(
        "replica.high.watermark.checkpoint.interval.ms",
        BROKER,
        millis(1, LONG),
        5000,
        "How often high watermarks are written to the disk.",
    ),
    integer("num.io.threads", BROKER, number(1, 64), 8, "Request handlers."),
    integer(
        "num.network.threads",
        BROKER,
        number(1, 255),
        3,
        "Network threads. They take no time; one that finds the request queue full stands still.",
    ),
    integer(
        "queued.max.requests",
        BROKER,
        number(1, 1_000_000),
        500,
        "Requests that wait for a handler, before network threads stop reading. A connection has \
         at most one.",
    ),
    integer(
        "num.replica.fetchers",
        BROKER,
        number(1, 1),
        1,
        "Fetcher threads for each source broker; more than one is not simulated.",
    ),
    // A broker and its controller.
    integer(
        "broker.heartbeat.interval.ms",
        BROKER,
        millis(1, INT),
        2000,
        "How often a broker tells the controller that it lives.",
    ),
    integer(
        "controller.socket.timeout.ms",
        BROKER,
        millis(1, INT),
        30_000,
        "When a broker gives up on an answer of the controller, and asks again on another \
         connection.",
    ),
    integer(
        "initial.broker.registration.timeout.ms",
        BROKER,
        millis(1, INT),
        60_000,
        "How long a broker tries to register before it gives up.",
    ),
    flag(
        "controlled.shutdown.enable",
        BROKER,
        true,
        "Whether a broker that is stopped has the controller move its leaderships first.",
    ),
    integer(
        "broker.session.timeout.ms",
        CONTROLLER,
        millis(1, INT),
        9000,
        "A broker that has been silent for this long is fenced.",
    ),
    flag(
        "auto.leader.rebalance.enable",
        CONTROLLER,
        true,
        "Whether leadership goes back to preferred replicas by itself.",
    ),
    integer(
        "leader.imbalance.check.interval.seconds",
        CONTROLLER,
        Kind::Seconds { min: 1, max: LONG / 1000 },
        300,
        "How often that is looked at.",
    ),
    integer(
        "unclean.leader.election.interval.ms",
        CONTROLLER,
        millis(1, LONG),
        300_000,
        "How often the controller looks for partitions that only an unclean election helps.",
    ),
    integer(
        "metadata.max.idle.interval.ms",
        CONTROLLER,
        millis(0, INT),
        500,
        "An idle active controller writes a NoOpRecord after this time; 0 for never.",
    ),
    integer(
        "metadata.log.segment.bytes",
        SERVER,
        bytes(1024, INT),
        1 << 30,
        "A segment of the metadata log is closed before it grows past this.",
    ),
    // The quorum.
    integer(
        "controller.quorum.election.timeout.ms",
        SERVER,
        millis(1, INT),
        1000,
        "A candidate that has not won after a random time from once to twice this starts anew.",
    ),
    integer(
        "controller.quorum.fetch.timeout.ms",
        SERVER,
        millis(1, INT),
        2000,
        "A voter that could not fetch for this long stands for election; a leader that no \
         majority has fetched from for 1.5 times this resigns.",
    ),
    integer(
        "controller.quorum.election.backoff.max.ms",
        SERVER,
        millis(1, INT),
        1000,
        "The longest wait before the next try after a lost election.",
    ),
    integer(
        "controller.quorum.append.linger.ms",
        SERVER,
        millis(0, INT),
        25,
        "How long the leader gathers records before it appends them.",
    ),
    integer(
        "controller.quorum.request.timeout.ms",
        SERVER,
        millis(1, INT),
        2000,
        "When a voter or observer gives up on a request.",
    ),
    integer(
        "controller.quorum.retry.backoff.ms",
        SERVER,
        millis(0, INT),
        20,
        "How long it waits before it asks again.",
    ),
    integer(
        "controller.quorum.fetch.max.bytes",
        CONTROLLER,
        bytes(1, INT),
        8 << 20,
        "What a fetch of the metadata log brings at most, but for a larger first batch (KIP-1219; \
         4.1 has this value built in).",
    ),
    // Topics.
    topic(
        "min.insync.replicas",
        integer(
            "min.insync.replicas",
            TOPIC,
            number(1, INT),
            1,
            "acks=all is refused while fewer replicas are in sync, and the high watermark stands \
         still (KAFKA-15583).",
        ),
    ),
    topic(
        "unclean.leader.election.enable",
        flag(
            "unclean.leader.election.enable",
            TOPIC,
            false,
            "Whether a replica outside the in-sync set may be elected when no other is alive.",
        ),
    ),
    topic(
        "log.segment.bytes",
        integer(
            "segment.bytes",
            TOPIC,
            bytes(1024, INT),
            1 << 30,
            "A segment is closed before it grows past this; see log.segment.bytes.",
        ),
    ),
    topic(
        "log.roll.ms",
        integer(
            "segment.ms",
            TOPIC,
            millis(1, LONG),
            604_800_000,
            "A segment is closed when its first record is older than this.",
        ),
    ),
    topic(
        "log.roll.jitter.ms",
        integer(
            "segment.jitter.ms",
            TOPIC,
            millis(0, LONG),
            0,
            "How much earlier than segment.ms at most, drawn for each segment.",
        ),
    ),
    topic(
        "log.index.size.max.bytes",
        integer(
            "segment.index.bytes",
            TOPIC,
            bytes(4, INT),
            10 << 20,
            "A segment is closed when one of its indexes is full; see log.index.size.max.bytes.",
        ),
    ),
    topic(
        "log.index.interval.bytes",
        integer(
            "index.interval.bytes",
            TOPIC,
            bytes(0, INT),
            4096,
            "How many bytes of records there are between two entries of an index.",
        ),
    ),
    topic(
        "log.retention.bytes",
        integer(
            "retention.bytes",
            TOPIC,
            bytes(-1, LONG),
            -1,
            "The oldest segments of a log are deleted as long as this much is left; -1 for never.",
        ),
    ),
    topic(
        "log.retention.ms",
        integer(
            "retention.ms",
            TOPIC,
            millis(-1, LONG),
            604_800_000,
            "A segment is deleted when its youngest record is older than this; -1 for never.",
        ),
    ),
    topic(
        "log.flush.interval.messages",
        integer(
            "flush.messages",
            TOPIC,
            number(1, LONG),
            LONG,
            "A log is flushed (fsync) when so many records have been appended since the last one; \
         1 flushes before every answer.",
        ),
    ),
    topic(
        "log.flush.interval.ms",
        integer(
            "flush.ms",
            TOPIC,
            millis(0, LONG),
            LONG,
            "A log is flushed when nothing of it has been flushed for so long; looked at every \
             log.flush.scheduler.interval.ms, which by default is never.",
        ),
    ),
    topic(
        "message.max.bytes",
        integer(
            "max.message.bytes",
            TOPIC,
            bytes(0, INT),
            1_048_588,
            "The largest batch that is taken.",
        ),
    ),
    // Clients.
    integer(
        "request.timeout.ms",
        CLIENT,
        millis(1, INT),
        30_000,
        "A request without an answer after this time closes its connection; what was in flight \
         on it is unknown.",
    ),
    integer(
        "retry.backoff.ms",
        CLIENT,
        millis(0, LONG),
        100,
        "How long a client waits before it tries again; doubled each time.",
    ),
    integer("retry.backoff.max.ms", CLIENT, millis(0, LONG), 1000, "The longest such wait."),
    integer(
        "reconnect.backoff.ms",
        CLIENT,
        millis(0, LONG),
        50,
        "How long a client waits before it connects again; doubled each time.",
    ),
    integer("reconnect.backoff.max.ms", CLIENT, millis(0, LONG), 1000, "The longest such wait."),
    integer(
        "socket.connection.setup.timeout.ms",
        CLIENT,
        millis(1, LONG),
        10_000,
        "When a client gives up on opening a connection; doubled each time.",
    ),
    integer(
        "socket.connection.setup.timeout.max.ms",
        CLIENT,
        millis(1, LONG),
        30_000,
        "The longest such wait.",
    ),
    integer(
        "metadata.max.age.ms",
        CLIENT,
        millis(0, LONG),
        300_000,
        "Metadata older than this is fetched anew.",
    ),
    key(
        "acks",
        PRODUCER,
        Kind::Words(&["all", "1", "0"]),
        Value::Word("all"),
        "Who must have a record before it is acknowledged: `all` in sync (also `-1`), `1` the \
         leader, `0` nobody.",
    ),
    flag(
        "enable.idempotence",
        PRODUCER,
        true,
        "Whether batches are numbered, so that retries make no duplicates. Left out, it is off \
         when acks, retries or max.in.flight.requests.per.connection do not allow it.",
    ),
    integer("retries", PRODUCER, number(0, INT), INT, "How often a batch is sent again."),
    integer(
        "max.in.flight.requests.per.connection",
        PRODUCER,
        number(1, INT),
        5,
        "Requests sent and not yet answered on a connection.",
    ),
    integer(
        "batch.size",
        PRODUCER,
        bytes(0, INT),
        16_384,
        "A batch is sent when it has grown to this.",
    ),
    key(
        "partitioner.class",
        PRODUCER,
        Kind::Words(&[
            "builtin",
            "RoundRobinPartitioner",
            "org.apache.kafka.clients.producer.RoundRobinPartitioner",
        ]),
        Value::Word("builtin"),
        "Who chooses the partition of a record: `builtin` is Kafka's own, by key, and without one \
         the sticky partition; `RoundRobinPartitioner` takes turns, whatever the key. (In Kafka \
         the first is to set none.)",
    ),
    flag(
        "partitioner.adaptive.partitioning.enable",
        PRODUCER,
        true,
        "Whether records without a key go less often to partitions for which more batches wait.",
    ),
    integer(
        "partitioner.availability.timeout.ms",
        PRODUCER,
        millis(0, LONG),
        0,
        "Records without a key do not go to partitions for which batches wait while their broker \
         has taken nothing for this long; 0 for never. Only with adaptive partitioning.",
    ),
    flag(
        "partitioner.ignore.keys",
        PRODUCER,
        false,
        "Whether records with a key go to any partition, as those without do.",
    ),
    integer("linger.ms", PRODUCER, millis(0, LONG), 5, "A batch is sent when it is this old."),
    integer(
        "buffer.memory",
        PRODUCER,
        bytes(0, LONG),
        32 << 20,
        "What a producer holds of unsent records.",
    ),
    integer(
        "max.block.ms",
        PRODUCER,
        millis(0, LONG),
        60_000,
        "How long a send waits for metadata or memory.",
    ),
    integer(
        "delivery.timeout.ms",
        PRODUCER,
        millis(0, INT),
        120_000,
        "When a producer gives a record up; no less than linger.ms + request.timeout.ms.",
    ),
    integer("max.request.size", PRODUCER, bytes(0, INT), 1 << 20, "The largest request."),
    integer("fetch.min.bytes", CONSUMER, bytes(0, INT), 1, "What a fetch waits for."),
    integer(
        "fetch.max.wait.ms",
        CONSUMER,
        millis(0, INT),
        500,
        "How long a broker holds back a fetch that finds less.",
    ),
    integer("fetch.max.bytes", CONSUMER, bytes(0, INT), 50 << 20, "What a fetch brings at most."),
    integer(
        "max.partition.fetch.bytes",
        CONSUMER,
        bytes(0, INT),
        1 << 20,
        "What a fetch brings of one partition at most, but for a larger first batch.",
    ),
    integer("max.poll.records", CONSUMER, number(1, INT), 500, "What a poll returns at most."),
    key(
        "auto.offset.reset",
        CONSUMER,
        Kind::Reset,
        Value::Word("latest"),
        "Where a consumer goes on whose offset is not there: at the end, at the first record, \
         nowhere (its application is told), or at the first record no older than a duration \
         (KIP-1106).",
    ),
    // Features.
    integer(
        "eligible.leader.replicas.version",
        FEATURE,
        number(0, 1),
        1,
        "1: replicas that left the in-sync set while it was below min.insync.replicas stay \
         eligible (KIP-966; on for new clusters from 4.1). 0: they do not.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_there_once_for_its_scope_and_its_default_is_in_range() {
        let keys: Vec<_> = KEYS.iter().chain(COORDINATOR_KEYS).chain(MEMBER_KEYS).collect();
        for (at, key) in keys.iter().enumerate() {
            for scope in key.scopes {
                let same = |other: &&ConfigKey| other.name == key.name && other.has(*scope);
                assert!(!keys[at + 1..].iter().any(same), "{} twice", key.name);
            }
            match (key.kind, key.default) {
                (
                    Kind::Number { min, max }
                    | Kind::Millis { min, max }
                    | Kind::Seconds { min, max }
                    | Kind::Bytes { min, max },
                    Some(Value::Integer(number)),
                ) => assert!((min..=max).contains(&number), "{}", key.name),
                (Kind::Flag, Some(Value::Flag(_))) | (_, None) => {}
                (Kind::Words(words), Some(Value::Word(word))) => assert!(words.contains(&word)),
                (Kind::List { words, classes }, Some(Value::List(list))) => {
                    assert!(list.iter().all(|word| words.contains(&word)));
                    assert_eq!(words.len(), classes.len(), "{}", key.name);
                }
                (Kind::Reset, Some(Value::Word(_))) => {}
                (kind, default) => panic!("{}: {kind:?} is not {default:?}", key.name),
            }
            if let Some(broker_key) = key.broker_key {
                assert!(ConfigKey::named(Scope::Broker, broker_key).is_some(), "{broker_key}");
            }
        }
    }

    #[test]
    fn controllers_know_the_keys_of_topics() {
        for key in ConfigKey::of(Scope::Topic) {
            let known = crate::types::TopicKey::of_topic(key.name);
            assert!(known.is_some(), "{} would be refused", key.name);
            assert_eq!(key.broker_key, known.map(|known| known.broker_key), "{}", key.name);
        }
    }
}
