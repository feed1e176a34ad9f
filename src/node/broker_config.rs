//! How a broker process is configured.

use std::sync::Arc;
use std::time::Duration;

use crate::log::LogConfig;
use crate::protocol::group::GroupConfig;
use crate::protocol::image::MetadataImage;
use crate::protocol::request::ConfigTable;
use crate::types::{BrokerId, BrokerSet, DefectSet, FOREVER, Name, TopicId};

/// A broker process. Defaults are those of Kafka 4.1; times bear the names of its keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerConfig {
    /// `node.id`.
    pub broker: BrokerId,
    /// `broker.rack`.
    pub rack: Option<Name>,
    /// `controller.quorum.voters`: the controllers.
    pub voters: BrokerSet,
    /// `num.io.threads`: how many requests are handled at once.
    pub request_handlers: u8,
    /// `num.network.threads`: how many threads read requests and write answers.
    pub network_threads: u8,
    /// `queued.max.requests`: how many requests may wait for a handler.
    pub queued_requests_max: u32,
    /// `replica.lag.time.max.ms`.
    pub replica_lag_time_max: Duration,
    /// `replica.fetch.wait.max.ms`.
    pub replica_fetch_wait_max: Duration,
    /// `replica.fetch.min.bytes`.
    pub replica_fetch_bytes_min: u32,
    /// `replica.fetch.max.bytes`, per partition.
    pub replica_fetch_bytes_max: u32,
    /// `replica.fetch.response.max.bytes`.
    pub replica_fetch_response_bytes_max: u32,
    /// `replica.fetch.backoff.ms`.
    pub replica_fetch_backoff: Duration,
    /// `replica.socket.timeout.ms`: how long a fetcher waits for an answer.
    pub replica_socket_timeout: Duration,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub high_watermark_checkpoint_interval: Duration,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub recovery_point_checkpoint_interval: Duration,
    /// `log.flush.start.offset.checkpoint.interval.ms`.
    pub log_start_checkpoint_interval: Duration,
    /// `log.initial.task.delay.ms`: how long after the start retention is looked at, and recovery
    /// points and log starts are written, for the first time.
    pub initial_task_delay: Duration,
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval: Duration,
    /// `log.flush.scheduler.interval.ms`: how often logs are looked at for `flush.ms`;
    /// never without it.
    pub flush_check_interval: Option<Duration>,
    /// `producer.id.expiration.check.interval.ms`.
    pub producer_expiration_interval: Duration,
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `broker.session.timeout.ms`.
    pub session_timeout: Duration,
    /// `initial.broker.registration.timeout.ms`.
    pub registration_timeout: Duration,
    /// `controlled.shutdown.enable`.
    pub controlled_shutdown: bool,
    /// `controller.socket.timeout.ms`: how long the broker waits for the controller's answer.
    pub controller_socket_timeout: Duration,
    /// `fetch.max.bytes` of the broker.
    pub fetch_bytes_max: u32,
    /// `max.incremental.fetch.session.cache.slots`.
    pub fetch_sessions_max: usize,
    /// `controller.quorum.fetch.timeout.ms`.
    pub quorum_fetch_timeout: Duration,
    /// `controller.quorum.request.timeout.ms`.
    pub quorum_request_timeout: Duration,
    /// The group coordinator's.
    pub groups: Arc<GroupConfig>,
    /// What topics do not set themselves.
    pub log: LogConfig,
    /// All keys as DescribeConfigs shows them.
    pub described: Arc<ConfigTable>,
    /// The defects that are on.
    pub defects: DefectSet,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            broker: BrokerId(1),
            rack: None,
            voters: BrokerSet::of(BrokerId(3001)),
            request_handlers: 8,
            network_threads: 3,
            queued_requests_max: 500,
            replica_lag_time_max: Duration::from_secs(30),
            replica_fetch_wait_max: Duration::from_millis(500),
            replica_fetch_bytes_min: 1,
            replica_fetch_bytes_max: 1 << 20,
            replica_fetch_response_bytes_max: 10 << 20,
            replica_fetch_backoff: Duration::from_secs(1),
            replica_socket_timeout: Duration::from_secs(30),
            high_watermark_checkpoint_interval: Duration::from_secs(5),
            recovery_point_checkpoint_interval: Duration::from_secs(60),
            log_start_checkpoint_interval: Duration::from_secs(60),
            initial_task_delay: Duration::from_secs(30),
            retention_check_interval: Duration::from_secs(300),
            flush_check_interval: None,
            producer_expiration_interval: Duration::from_secs(600),
            heartbeat_interval: Duration::from_secs(2),
            session_timeout: Duration::from_secs(9),
            registration_timeout: Duration::from_secs(60),
            controlled_shutdown: true,
            controller_socket_timeout: Duration::from_secs(30),
            fetch_bytes_max: 55 << 20,
            fetch_sessions_max: 1000,
            quorum_fetch_timeout: Duration::from_secs(2),
            quorum_request_timeout: Duration::from_secs(2),
            groups: Arc::default(),
            log: LogConfig::default(),
            described: Arc::default(),
            defects: DefectSet::NONE,
        }
    }
}

impl BrokerConfig {
    /// The configuration of a topic's logs: what the topic sets, else what was set on this broker
    /// or on all of them while they ran, else what the broker was started with. `jitter_seed` is
    /// that of one replica.
    pub(crate) fn log_of(
        &self,
        image: &MetadataImage,
        topic_id: TopicId,
        jitter_seed: u64,
    ) -> LogConfig {
        let value = |key: &str| image.config(self.broker, topic_id, key);
        // -1 is a value, and means that there is no limit.
        let limit = |key: &str| {
            let value = value(key)?.as_str().parse::<i64>().ok()?;
            Some(u64::try_from(value).ok())
        };
        let number = |key: &str| value(key)?.as_str().parse::<u64>().ok();
        let small = |key: &str| number(key).and_then(|value| u32::try_from(value).ok());
        let millis = |key: &str| number(key).map(|age| Duration::from_millis(age).min(FOREVER));
        let log = self.log;
        LogConfig {
            segment_bytes: number("segment.bytes").unwrap_or(log.segment_bytes),
            segment_age_max: millis("segment.ms").unwrap_or(log.segment_age_max),
            segment_jitter: millis("segment.jitter.ms").unwrap_or(log.segment_jitter),
            jitter_seed,
            segment_index_bytes: small("segment.index.bytes").unwrap_or(log.segment_index_bytes),
            index_interval_bytes: small("index.interval.bytes").unwrap_or(log.index_interval_bytes),
            retention_bytes: limit("retention.bytes").unwrap_or(log.retention_bytes),
            retention_age_max: limit("retention.ms")
                .map_or(log.retention_age_max, |limit| limit.map(Duration::from_millis)),
            flush_messages: number("flush.messages").or(log.flush_messages),
            flush_interval: limit("flush.ms")
                .map_or(log.flush_interval, |limit| limit.map(Duration::from_millis)),
            max_message_bytes: small("max.message.bytes").unwrap_or(log.max_message_bytes),
            timestamp_after_max: millis("message.timestamp.after.max.ms")
                .unwrap_or(log.timestamp_after_max),
            producer_id_expiration: log.producer_id_expiration,
            defects: self.defects,
        }
    }
}
