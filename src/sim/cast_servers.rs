//! Configurations of brokers and controllers, from the keys of a plan.

use std::sync::Arc;
use std::time::Duration;

use crate::node::{BrokerConfig, ConfigRow, ConfigTable, ControllerConfig, GroupConfig, Migration};
use crate::scenario::{
    BrokerPlan, Config, ConfigKey, ConfigSource, ControllerPlan, Plan, Scope, ServicePlan, Setting,
    Target,
};
use crate::sim::service::ServiceTimes;
use crate::types::{BrokerSet, DefectSet, HostId, Name};

/// What a wait of zero is taken for: who tries again at once, for ever, leaves no time to the
/// world.
const RETRY_BACKOFF_MIN: Duration = Duration::from_millis(1);

fn voters(plan: &Plan) -> BrokerSet {
    plan.cluster.controllers.iter().map(|controller| controller.id).collect()
}

fn bytes(config: &Config, key: &str) -> u32 {
    u32::try_from(config.count(key)).unwrap_or(u32::MAX)
}

fn threads(config: &Config, key: &str) -> u8 {
    u8::try_from(config.count(key)).unwrap_or(u8::MAX)
}

/// How long work takes on the servers of `plan` where that differs from the usual.
pub(crate) fn services(
    plan: &Plan,
    host: impl Fn(Target) -> Option<HostId>,
) -> Vec<(HostId, ServiceTimes)> {
    let brokers = plan.cluster.brokers.iter();
    let brokers = brokers.map(|broker| (Target::Broker(broker.id), broker.service));
    let controllers = plan.cluster.controllers.iter();
    let controllers = controllers.map(|node| (Target::Controller(node.id), node.service));
    brokers
        .chain(controllers)
        .filter(|(_, service)| *service != ServicePlan::default())
        .filter_map(|(target, service)| Some((host(target)?, times(service))))
        .collect()
}

fn times(plan: ServicePlan) -> ServiceTimes {
    let usual = ServiceTimes::DEFAULT;
    ServiceTimes {
        produce: plan.produce.unwrap_or(usual.produce),
        fetch: plan.fetch.unwrap_or(usual.fetch),
        request: plan.request.unwrap_or(usual.request),
        response: plan.response.unwrap_or(usual.response),
        kib: plan.kib.unwrap_or(usual.kib),
        other: plan.other.unwrap_or(usual.other),
    }
}

/// The broker `broker` of `plan`.
pub(crate) fn broker(plan: &Plan, broker: &BrokerPlan) -> BrokerConfig {
    let keys = &broker.config;
    let mut config = BrokerConfig {
        broker: broker.id,
        rack: broker.rack.clone(),
        voters: voters(plan),
        request_handlers: threads(keys, "num.io.threads"),
        network_threads: threads(keys, "num.network.threads"),
        queued_requests_max: bytes(keys, "queued.max.requests"),
        replica_lag_time_max: keys.duration("replica.lag.time.max.ms"),
        replica_fetch_wait_max: keys.duration("replica.fetch.wait.max.ms"),
        replica_fetch_bytes_min: bytes(keys, "replica.fetch.min.bytes"),
        replica_fetch_bytes_max: bytes(keys, "replica.fetch.max.bytes"),
        replica_fetch_response_bytes_max: bytes(keys, "replica.fetch.response.max.bytes"),
        replica_fetch_backoff: keys.duration("replica.fetch.backoff.ms").max(RETRY_BACKOFF_MIN),
        replica_socket_timeout: keys.duration("replica.socket.timeout.ms"),
        high_watermark_checkpoint_interval: keys
            .duration("replica.high.watermark.checkpoint.interval.ms"),
        recovery_point_checkpoint_interval: keys
            .duration("log.flush.offset.checkpoint.interval.ms"),
        log_start_checkpoint_interval: keys
            .duration("log.flush.start.offset.checkpoint.interval.ms"),
        initial_task_delay: keys.duration("log.initial.task.delay.ms"),
        flush_check_interval: keys.optional_duration("log.flush.scheduler.interval.ms"),
        retention_check_interval: keys.duration("log.retention.check.interval.ms"),
        producer_expiration_interval: keys.duration("producer.id.expiration.check.interval.ms"),
        heartbeat_interval: keys.duration("broker.heartbeat.interval.ms"),
        registration_timeout: keys.duration("initial.broker.registration.timeout.ms"),
        controller_socket_timeout: keys.duration("controller.socket.timeout.ms"),
        controlled_shutdown: keys.flag("controlled.shutdown.enable"),
        defects: plan.defects,
        ..BrokerConfig::default()
    };
    if let Some(controller) = plan.cluster.controllers.first() {
        let keys = &controller.config;
        config.session_timeout = keys.duration("broker.session.timeout.ms");
        config.quorum_fetch_timeout = keys.duration("controller.quorum.fetch.timeout.ms");
        config.quorum_request_timeout = keys.duration("controller.quorum.request.timeout.ms");
    }
    config.log.segment_bytes = keys.count("log.segment.bytes");
    if let Some(age) = keys.optional_duration("log.roll.ms") {
        config.log.segment_age_max = age;
    }
    let log = &mut config.log;
    log.segment_jitter = keys.optional_duration("log.roll.jitter.ms").unwrap_or(Duration::MAX);
    log.segment_index_bytes = bytes(keys, "log.index.size.max.bytes");
    log.index_interval_bytes = bytes(keys, "log.index.interval.bytes");
    log.retention_bytes = u64::try_from(keys.integer("log.retention.bytes")).ok();
    log.retention_age_max = keys.optional_duration("log.retention.ms");
    log.flush_messages = match keys.integer("log.flush.interval.messages") {
        i64::MAX => None,
        messages => u64::try_from(messages).ok(),
    };
    log.flush_interval = keys
        .optional_duration("log.flush.interval.ms")
        .or_else(|| keys.optional_duration("log.flush.scheduler.interval.ms"));
    config.log.max_message_bytes = bytes(keys, "message.max.bytes");
    config.log.producer_id_expiration = keys.duration("producer.id.expiration.ms");
    config.log.defects = plan.defects;
    config.groups = Arc::new(groups(keys, plan.defects));
    config.described = Arc::new(described(keys));
    config
}

/// The group coordinator of a broker.
fn groups(keys: &Config, defects: DefectSet) -> GroupConfig {
    let size = |key: &str| usize::try_from(keys.count(key)).unwrap_or(usize::MAX);
    let number = |key: &str| i32::try_from(keys.count(key)).unwrap_or(i32::MAX);
    let factor = keys.count("offsets.topic.replication.factor");
    GroupConfig {
        offsets_partitions: number("offsets.topic.num.partitions"),
        offsets_replication_factor: i16::try_from(factor).unwrap_or(i16::MAX),
        offsets_segment_bytes: bytes(keys, "offsets.topic.segment.bytes"),
        load_buffer_bytes: bytes(keys, "offsets.load.buffer.size"),
        offset_metadata_bytes_max: size("offset.metadata.max.bytes"),
        offsets_retention: Duration::from_secs(60 * keys.count("offsets.retention.minutes")),
        offsets_retention_check_interval: keys.duration("offsets.retention.check.interval.ms"),
        commit_timeout: keys.duration("offsets.commit.timeout.ms"),
        session_timeout_min: keys.duration("group.min.session.timeout.ms"),
        session_timeout_max: keys.duration("group.max.session.timeout.ms"),
        initial_rebalance_delay: keys.duration("group.initial.rebalance.delay.ms"),
        size_max: size("group.max.size"),
        consumer_session_timeout: keys.duration("group.consumer.session.timeout.ms"),
        consumer_heartbeat_interval: keys.duration("group.consumer.heartbeat.interval.ms"),
        consumer_size_max: size("group.consumer.max.size"),
        migration: Migration {
            upgrades: matches!(
                keys.text("group.consumer.migration.policy"),
                "bidirectional" | "upgrade"
            ),
            downgrades: matches!(
                keys.text("group.consumer.migration.policy"),
                "bidirectional" | "downgrade"
            ),
        },
        consumer_assignors: keys.list("group.consumer.assignors").iter().map(Name::from).collect(),
        defects,
        ..GroupConfig::default()
    }
}

/// The keys as DescribeConfigs shows them.
fn described(broker: &Config) -> ConfigTable {
    let row = |name: &str, broker_key: Option<&str>, setting: Setting| ConfigRow {
        name: name.into(),
        broker_key: broker_key.map(Name::from),
        value: setting.value.map(|value| Name::from(value.to_string())),
        is_set: setting.source != ConfigSource::Default,
    };
    let topic = ConfigKey::of(Scope::Topic).map(|key| {
        let setting = match key.broker_key {
            Some(broker_key) => broker.setting(broker_key),
            None => Config::new(Scope::Topic).setting(key.name),
        };
        row(key.name, key.broker_key, setting)
    });
    ConfigTable {
        broker: broker.all().map(|(key, setting)| row(key.name, None, setting)).collect(),
        topic: topic.collect(),
    }
}

/// The controller `controller` of `plan`.
pub(crate) fn controller(plan: &Plan, controller: &ControllerPlan) -> ControllerConfig {
    let keys = &controller.config;
    let mut config = ControllerConfig::new(controller.id, voters(plan));
    let raft = &mut config.raft;
    raft.election_timeout = keys.duration("controller.quorum.election.timeout.ms");
    raft.fetch_timeout = keys.duration("controller.quorum.fetch.timeout.ms");
    raft.election_backoff_max = keys.duration("controller.quorum.election.backoff.max.ms");
    raft.append_linger = keys.duration("controller.quorum.append.linger.ms");
    raft.request_timeout = keys.duration("controller.quorum.request.timeout.ms");
    let retry_backoff = keys.duration("controller.quorum.retry.backoff.ms");
    raft.retry_backoff = retry_backoff.max(RETRY_BACKOFF_MIN);
    raft.log.segment_bytes = keys.count("metadata.log.segment.bytes");
    raft.fetch_bytes_max = bytes(keys, "controller.quorum.fetch.max.bytes");
    let machine = &mut config.controller;
    machine.broker_session_timeout = keys.duration("broker.session.timeout.ms");
    machine.metadata_max_idle_interval =
        keys.optional_duration("metadata.max.idle.interval.ms").filter(|idle| !idle.is_zero());
    machine.unclean_leader_election_interval = keys.duration("unclean.leader.election.interval.ms");
    machine.auto_leader_rebalance = keys.flag("auto.leader.rebalance.enable");
    machine.leader_imbalance_check_interval =
        keys.duration("leader.imbalance.check.interval.seconds");
    machine.eligible_leader_replicas =
        plan.cluster.features.integer("eligible.leader.replicas.version") > 0;
    machine.min_insync_replicas = bytes(keys, "min.insync.replicas");
    machine.unclean_leader_election = keys.flag("unclean.leader.election.enable");
    let defects: DefectSet = plan.defects;
    config.with_defects(defects)
}
