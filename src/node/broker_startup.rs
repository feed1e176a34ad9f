//! The start of a broker: what its disk holds becomes logs, an observer, replicas without a role.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::log::{Log, checkpointed_offset, partitions_on};
use crate::message::{Checkpoint, DiskImage, DiskOperation, FileName};
use crate::node::broker::{
    Broker, Component, Ending, FIRST_FETCHER_COMPONENT, FIRST_RAFT_TICKET, Publication, Scratch,
    Touched, Work,
};
use crate::node::broker_config::BrokerConfig;
use crate::node::broker_metadata::log_output;
use crate::node::broker_schedule::Schedule;
use crate::node::port::Output;
use crate::node::start::Start;
use crate::protocol::alter_partition::{AlterPartition, AlterPartitionConfig};
use crate::protocol::connection::{Connections, ConnectionsConfig};
use crate::protocol::group::GroupCoordinator;
use crate::protocol::image::{Delta, MetadataImage};
use crate::protocol::lifecycle::{self, Lifecycle, LifecycleConfig};
use crate::protocol::raft::{Raft, RaftConfig};
use crate::protocol::replica::{Replica, ReplicaConfig};
use crate::protocol::request::{RequestConfig, RequestLayer};
use crate::types::{
    BrokerEpoch, DirectoryId, IncarnationId, Now, Purpose, Rng, Ticket, TopicPartition,
};

impl Broker {
    /// Starts a broker on what its disk holds.
    ///
    /// Logs are recovered at once, with the broker's own configuration: topics' own is not known
    /// before the metadata log is replayed.
    pub fn start(
        config: Arc<BrokerConfig>,
        disk: DiskImage,
        start: Start,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Self {
        // The file goes at once: a crash during recovery must not look like an orderly end
        // (KAFKA-10471).
        let shutdown = match disk.checkpoint(FileName::CleanShutdown) {
            Some(Checkpoint::CleanShutdown(epoch)) => Some(*epoch),
            Some(_) | None => None,
        };
        if shutdown.is_some() {
            let file = FileName::CleanShutdown;
            out.push(Output::Disk(DiskOperation::Delete { file }));
        }
        let clean = shutdown.is_some();
        let directory = directory(&disk, start, out);
        let replicas = recover(&config, &disk, clean, now, out);

        let mut effects = Vec::new();
        let raft_config = Arc::new(RaftConfig {
            fetch_timeout: config.quorum_fetch_timeout,
            request_timeout: config.quorum_request_timeout,
            defects: config.defects,
            ..RaftConfig::new(config.broker, config.voters.clone())
        });
        let rng = stream(start, "raft");
        let raft =
            Raft::start(raft_config, &disk, clean, rng, FIRST_RAFT_TICKET, now, &mut effects);
        let work = VecDeque::from([Work::Raft(effects)]);

        let lifecycle = lifecycle(&config, start, directory, shutdown.flatten());
        let connections = |component, purpose, request_timeout| {
            let config = ConnectionsConfig { request_timeout, ..own(start, component, purpose) };
            let name = [u64::from(start.host.0), u64::from(start.incarnation), component.into()];
            Connections::new(config, Rng::named(start.seed, "connections", &name))
        };
        let socket = config.controller_socket_timeout;
        let mut broker = Self {
            raft_connections: connections(
                Component::RAFT,
                Purpose::Raft,
                config.quorum_request_timeout,
            ),
            lifecycle_connections: connections(
                Component::LIFECYCLE,
                Purpose::Lifecycle,
                // Half a session, so that a second heartbeat is in time (KAFKA-14392).
                socket.min(config.session_timeout / 2),
            ),
            alter_connections: connections(
                Component::ALTER_PARTITION,
                Purpose::AlterPartition,
                socket,
            ),
            forwarding_connections: connections(Component::FORWARDING, Purpose::Forwarding, socket),
            raft,
            lifecycle,
            alter_partition: AlterPartition::new(AlterPartitionConfig {
                defects: config.defects,
                ..AlterPartitionConfig::new(config.broker)
            }),
            request: RequestLayer::new(request_config(&config), stream(start, "request")),
            groups: GroupCoordinator::new(
                Arc::clone(&config.groups),
                stream(start, "group"),
                stream(start, "group-batches").bits(),
            ),
            coordinates: BTreeMap::new(),
            replicas,
            fetchers: BTreeMap::new(),
            slots: Vec::new(),
            controller: None,
            broker_epoch: None,
            image: MetadataImage::new(),
            unpublished: Delta::default(),
            standings: Arc::default(),
            publication: Publication::CatchingUp,
            apply_is_posted: false,
            changes_replayed: 0,
            schedule: Schedule::default(),
            next_ticket: 1,
            ending: Ending::No,
            storage: None,
            is_shutting_down: false,
            work,
            scratch: Scratch::default(),
            start,
            config,
            touched: Touched::everything(),
        };
        broker.carry_out(now, out);
        broker.live(now, lifecycle::Input::Start);
        broker.carry_out(now, out);
        broker
    }

    pub(crate) fn replica_config(&self) -> ReplicaConfig {
        replica_config(&self.config)
    }

    /// The connections of the fetcher in `slot`.
    pub(crate) fn fetcher_connections(
        config: &BrokerConfig,
        start: Start,
        slot: usize,
    ) -> Connections {
        let slot = u8::try_from(slot).expect("a broker follows at most 240 others");
        let component = FIRST_FETCHER_COMPONENT.checked_add(slot);
        let component = component.expect("a broker follows at most 240 others");
        let request_timeout = config.replica_socket_timeout;
        let place = [u64::from(start.host.0), u64::from(start.incarnation), component.into()];
        // Fetchers reconnect at once; they wait themselves after a failure.
        let config = ConnectionsConfig {
            request_timeout,
            reconnect_backoff: Duration::from_millis(50),
            ..own(start, component, Purpose::Fetcher)
        };
        Connections::new(config, Rng::named(start.seed, "connections", &place))
    }
}

/// Every log on the disk, recovered, in a replica without a role.
///
/// Source: Kafka 4.1, `LogManager.loadLogs`; semantics A.6.
fn recover(
    config: &BrokerConfig,
    disk: &DiskImage,
    clean: bool,
    now: Now,
    out: &mut Vec<Output>,
) -> BTreeMap<TopicPartition, Replica> {
    let mut replicas = BTreeMap::new();
    for partition in partitions_on(disk) {
        let mut effects = Vec::new();
        let log_config = crate::log::LogConfig { defects: config.defects, ..config.log };
        let mut log = Log::recover(partition, log_config, disk, clean, &mut effects);
        log.expire_producers(now.wall.millis());
        out.extend(effects.into_iter().map(log_output));
        let high_watermark = checkpointed_offset(disk, FileName::HighWatermarks, partition);
        let high_watermark = high_watermark.unwrap_or_default();
        replicas.insert(partition, Replica::new(replica_config(config), log, high_watermark));
    }
    replicas
}

fn replica_config(config: &BrokerConfig) -> ReplicaConfig {
    ReplicaConfig {
        replica_lag_time_max: config.replica_lag_time_max,
        defects: config.defects,
        ..ReplicaConfig::new(config.broker)
    }
}

/// The log directory's identity, made and written at the first start.
fn directory(disk: &DiskImage, start: Start, out: &mut Vec<Output>) -> DirectoryId {
    if let Some(Checkpoint::MetaProperties(directory)) = disk.checkpoint(FileName::MetaProperties) {
        return *directory;
    }
    let directory = DirectoryId(stream(start, "directory").bits());
    out.push(Output::Disk(DiskOperation::Write {
        file: FileName::MetaProperties,
        content: Checkpoint::MetaProperties(directory),
        ticket: Some(Ticket(0)),
        blocking: false,
    }));
    directory
}

fn lifecycle(
    config: &BrokerConfig,
    start: Start,
    directory: DirectoryId,
    previous_broker_epoch: Option<BrokerEpoch>,
) -> Lifecycle {
    let mut rng = stream(start, "lifecycle");
    let config = LifecycleConfig {
        broker: config.broker,
        incarnation: IncarnationId(rng.bits()),
        rack: config.rack.clone(),
        directories: vec![directory],
        previous_broker_epoch,
        heartbeat_interval: config.heartbeat_interval,
        session_timeout: config.session_timeout,
        registration_timeout: config.registration_timeout,
        controlled_shutdown: config.controlled_shutdown,
        defects: config.defects,
        ..LifecycleConfig::default()
    };
    Lifecycle::new(config, rng)
}

fn request_config(config: &BrokerConfig) -> RequestConfig {
    RequestConfig {
        broker: config.broker,
        fetch_bytes_max: config.fetch_bytes_max,
        fetch_sessions_max: config.fetch_sessions_max,
        described: Arc::clone(&config.described),
        defects: config.defects,
        ..RequestConfig::default()
    }
}

fn own(start: Start, component: u8, purpose: Purpose) -> ConnectionsConfig {
    ConnectionsConfig {
        opener: start.host,
        incarnation: start.incarnation,
        component,
        purpose,
        // As `InterBrokerSendThread` and the fetchers have it.
        in_flight_max: 1,
        ..ConnectionsConfig::default()
    }
}

/// The stream `name` of this start of this host.
fn stream(start: Start, name: &str) -> Rng {
    Rng::named(start.seed, name, &[u64::from(start.host.0), u64::from(start.incarnation)])
}
