//! How a group coordinator is configured.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::types::{DefectSet, HostId, Name};

/// Whether groups with members may change their protocol (`group.consumer.migration.policy`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Migration {
    /// To KIP-848, with the first member that comes by it.
    pub upgrades: bool,
    /// Back, with the last one that goes.
    pub downgrades: bool,
}

/// A group coordinator. Defaults are those of Kafka 4.1; times bear the names of its keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupConfig {
    /// `offsets.topic.num.partitions`.
    pub offsets_partitions: i32,
    /// `offsets.topic.replication.factor`.
    pub offsets_replication_factor: i16,
    /// `offsets.topic.segment.bytes`.
    pub offsets_segment_bytes: u32,
    /// `offsets.load.buffer.size`: how much of the log is read at once.
    pub load_buffer_bytes: u32,
    /// `offset.metadata.max.bytes`: how long a committed offset's metadata may be.
    pub offset_metadata_bytes_max: usize,
    /// `offsets.retention.minutes`.
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval: Duration,
    /// `offsets.commit.timeout.ms`: how long a write may take to get below the high watermark.
    pub commit_timeout: Duration,
    /// `group.min.session.timeout.ms`.
    pub session_timeout_min: Duration,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_max: Duration,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay: Duration,
    /// `group.max.size`.
    pub size_max: usize,
    /// `group.consumer.session.timeout.ms`.
    pub consumer_session_timeout: Duration,
    /// `group.consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval: Duration,
    /// `group.consumer.max.size`.
    pub consumer_size_max: usize,
    /// `group.consumer.assignors`, the default one first.
    pub consumer_assignors: Vec<Name>,
    /// `group.consumer.migration.policy`.
    pub migration: Migration,
    /// How long a member that joins for the first time may wait for the answer
    /// (`CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS`, which is no configuration in Kafka).
    pub new_member_join_timeout: Duration,
    /// What each client calls itself (`client.id`), by host. In Kafka it stands in the header of
    /// every request.
    pub client_ids: Arc<BTreeMap<HostId, Name>>,
    /// The defects that are on.
    pub defects: DefectSet,
}

impl GroupConfig {
    /// The `client.id` of whoever asks from `host`.
    pub(crate) fn client_id(&self, host: HostId) -> Name {
        self.client_ids.get(&host).cloned().unwrap_or_else(|| "".into())
    }
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            offsets_partitions: 50,
            offsets_replication_factor: 3,
            offsets_segment_bytes: 100 << 20,
            load_buffer_bytes: 5 << 20,
            offset_metadata_bytes_max: 4096,
            offsets_retention: Duration::from_secs(10_080 * 60),
            offsets_retention_check_interval: Duration::from_secs(600),
            commit_timeout: Duration::from_secs(5),
            session_timeout_min: Duration::from_secs(6),
            session_timeout_max: Duration::from_secs(1800),
            initial_rebalance_delay: Duration::from_secs(3),
            size_max: i32::MAX as usize,
            consumer_session_timeout: Duration::from_secs(45),
            consumer_heartbeat_interval: Duration::from_secs(5),
            consumer_size_max: i32::MAX as usize,
            consumer_assignors: vec!["uniform".into(), "range".into()],
            migration: Migration { upgrades: true, downgrades: true },
            new_member_join_timeout: Duration::from_secs(300),
            client_ids: Arc::default(),
            defects: DefectSet::NONE,
        }
    }
}
