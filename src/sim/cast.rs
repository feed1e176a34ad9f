//! A plan turned into hosts: who plays, with which configuration.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{AckMode, Kind};
use crate::message::{DiskError, DiskImage, SeekTo};
use crate::node::application::{
    ApplicationConfig, Begin, ConsumerWorkload, ProbeWorkload, ProducerWorkload, TopicCreation,
    ValueForm,
};
use crate::node::{self, ClientConfig, Input, OffsetReset, Output, Partitioner, Start};
use crate::scenario::{
    ClockPlan, Config, DiskPlan, GroupPlan, Keys, Latency, Plan, ReadFrom, Target, Value, Values,
};
use crate::sim::cast_admin::{creation, operations};
use crate::sim::cast_group;
use crate::sim::cast_servers;
use crate::sim::clock::millis;
use crate::sim::device::DeviceSetup;
use crate::sim::engine::Physics;
use crate::sim::host::HostSetup;
use crate::sim::link::LinkPhysics;
use crate::sim::process::{Launch, Process};
use crate::sim::service::ServiceTimes;
use crate::sim::weather::Spread;
use crate::trace::{self, ClientSetup, ClockSetup, Part, Setup, TopicSetup};
use crate::types::{Backoff, BrokerId, ClientId, Deadlines, Defect, HostId, Lane, Name, Now};

/// The program of a host.
#[derive(Clone, Debug)]
pub enum Program {
    /// A broker.
    Broker(Arc<node::BrokerConfig>),
    /// A controller.
    Controller(Arc<node::ControllerConfig>),
    /// A client.
    Client(Arc<ClientConfig>),
}

/// What the members of a group are given to start with from some moment on.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) at: Duration,
    pub(crate) group: Name,
    /// What is set in it.
    pub(crate) config: Name,
    pub(crate) programs: Vec<(HostId, Program)>,
}

impl Launch for Program {
    type Process = node::Process;

    fn start(
        &self,
        disk: DiskImage,
        start: Start,
        now: Now,
        out: &mut Vec<Output>,
    ) -> node::Process {
        match self {
            Self::Broker(config) => {
                let broker = node::Broker::start(Arc::clone(config), disk, start, now, out);
                node::Process::Broker(Box::new(broker))
            }
            Self::Controller(config) => {
                let controller = node::Controller::start(Arc::clone(config), disk, start, now, out);
                node::Process::Controller(Box::new(controller))
            }
            Self::Client(config) => {
                let client = node::Client::start(Arc::clone(config), disk, start, now, out);
                node::Process::Client(Box::new(client))
            }
        }
    }

    fn request_handlers(&self) -> usize {
        match self {
            Self::Broker(config) => usize::from(config.request_handlers),
            Self::Controller(_) | Self::Client(_) => 1,
        }
    }

    fn request_queue(&self) -> Option<(usize, u32)> {
        match self {
            Self::Broker(config) => {
                Some((usize::from(config.network_threads), config.queued_requests_max))
            }
            Self::Controller(_) | Self::Client(_) => None,
        }
    }
}

impl Process for node::Process {
    fn step(&mut self, lane: Lane, now: Now, input: Input, out: &mut Vec<Output>) {
        Self::step(self, lane, now, input, out);
    }

    fn lane(&self, input: &Input) -> Lane {
        Self::lane(self, input)
    }

    fn moved_deadlines(&mut self, out: &mut Vec<(Lane, Deadlines)>) {
        Self::moved_deadlines(self, out);
    }

    fn deadlines(&self, out: &mut Vec<(Lane, Deadlines)>) {
        Self::deadlines(self, out);
    }

    fn set_storage(&mut self, error: Option<DiskError>) {
        Self::set_storage(self, error);
    }

    fn audit(&self, out: &mut Vec<Kind>) {
        Self::audit(self, out);
    }
}

/// Who plays on which host.
#[derive(Clone, Debug)]
pub struct Cast {
    /// What readers of events need to know of it.
    pub setup: Arc<Setup>,
    /// The brokers by id.
    pub(crate) brokers: Vec<BrokerId>,
    /// The controllers by id.
    pub(crate) controllers: Vec<BrokerId>,
    /// The hosts of brokers and controllers.
    pub(crate) servers: Vec<HostId>,
    /// The hosts of the plan's clients.
    pub(crate) clients: Vec<HostId>,
    /// When each of the plan's clients starts, after time zero.
    pub(crate) starts: Vec<(HostId, Duration)>,
    /// When members of groups start and are stopped for good, after time zero.
    pub(crate) scaling: Vec<(Duration, HostId, bool)>,
    /// What members are given to start with later.
    pub(crate) deployments: Vec<Deployment>,
    /// The hosts whose built-in application creates load.
    pub(crate) workloads: Vec<HostId>,
    /// The host that creates the plan's topics.
    pub(crate) admin: HostId,
    /// The host that tries all partitions out after healing.
    pub(crate) probe: HostId,
    by_name: BTreeMap<Name, HostId>,
}

impl Cast {
    /// The cast of `plan`, the physics of its world, and its hosts.
    pub(crate) fn of(
        plan: &Plan,
        seed: u64,
        wire: bool,
    ) -> (Self, Physics, Vec<HostSetup<Program>>) {
        let mut stage = Stage::default();
        let cluster = &plan.cluster;
        for controller in &cluster.controllers {
            let name = Target::Controller(controller.id).to_string();
            let program = Program::Controller(Arc::new(cast_servers::controller(plan, controller)));
            let host = stage.add(name.into(), Part::Controller(controller.id), program);
            stage.equip(host, controller.clock, Some(controller.disk));
        }
        for broker in &cluster.brokers {
            let name = Target::Broker(broker.id).to_string();
            let program = Program::Broker(Arc::new(cast_servers::broker(plan, broker)));
            let host = stage.add(name.into(), Part::Broker(broker.id), program);
            stage.equip(host, broker.clock, Some(broker.disk));
        }
        let servers = stage.all();
        let mut starts = Vec::new();
        for producer in &plan.producers {
            for name in producer.hosts() {
                let workload = ApplicationConfig::Producer(ProducerWorkload {
                    topic: producer.topic.clone(),
                    records: producer.rate.times,
                    per: producer.rate.per,
                    keys: match producer.keys {
                        Keys::None => None,
                        Keys::Uniform(keys) => Some(keys),
                    },
                    value_bytes: producer.value_bytes,
                    value: match producer.values {
                        Values::Filler => ValueForm::Filler,
                        Values::Json => ValueForm::Json { producer: name.clone() },
                    },
                    headers: producer.headers.clone(),
                    records_max: producer.records_max,
                    start_after: Duration::ZERO,
                });
                let config = stage.client_config(plan, &name, Some(&producer.config), None);
                let host = stage.add_client(name, ClientConfig { application: workload, ..config });
                stage.equip(host, producer.clock, None);
                starts.push((host, producer.start));
            }
        }
        for consumer in &plan.consumers {
            let topic = plan.all_topics().find(|(name, _)| **name == consumer.topic);
            for name in consumer.hosts() {
                let workload = ApplicationConfig::Consumer(ConsumerWorkload {
                    topic: consumer.topic.clone(),
                    partitions: topic.map_or(1, |(_, partitions)| partitions),
                    begin: match consumer.from {
                        ReadFrom::Beginning => Begin::At(SeekTo::Beginning),
                        ReadFrom::End => Begin::At(SeekTo::End),
                        ReadFrom::Ago(ago) => Begin::Ago(ago),
                        ReadFrom::Time(time) => Begin::At(SeekTo::Timestamp(millis(time))),
                    },
                    poll_timeout: Duration::from_millis(100),
                });
                let config = stage.client_config(plan, &name, None, Some(&consumer.config));
                let host = stage.add_client(name, ClientConfig { application: workload, ..config });
                stage.equip(host, consumer.clock, None);
                starts.push((host, Duration::ZERO));
            }
        }
        let mut workloads: Vec<_> = starts.iter().map(|(host, _)| *host).collect();
        let mut scaling = Vec::new();
        let mut deployments = BTreeMap::new();
        for group in &plan.groups {
            let mut hosts = Vec::new();
            for name in group.hosts() {
                let first = stage.next_client();
                let config = member_config(plan, first, &name, group, &group.config);
                let host = stage.add_client(name.clone(), config);
                for (nth, later) in group.deployments.iter().enumerate() {
                    let config = member_config(plan, first, &name, group, &later.config);
                    let program = Program::Client(Arc::new(config));
                    deployments
                        .entry((later.at, &group.name, nth))
                        .or_insert_with(|| {
                            let config = cast_group::in_words(&later.config);
                            Deployment {
                                at: later.at,
                                group: group.name.clone(),
                                config,
                                programs: Vec::new(),
                            }
                        })
                        .programs
                        .push((host, program));
                }
                stage.equip(host, group.clock, None);
                hosts.push(host);
            }
            let steps = cast_group::timetable(group).into_iter();
            scaling.extend(steps.map(|(at, nth, starts)| (at, hosts[nth], starts)));
            workloads.extend(hosts);
        }
        for client in &plan.clients {
            let (name, consumer) = (&client.name, &client.consumer);
            let mut config =
                stage.client_config(plan, name, Some(&client.producer), Some(consumer));
            if let Some(group) = &client.group {
                cast_group::set_member(&mut config, name, group, consumer);
                config.member.defects = plan.defects;
            }
            let host = stage.add_client(client.name.clone(), config);
            stage.equip(host, client.clock, None);
            starts.push((host, Duration::ZERO));
        }
        let of_groups = workloads.iter().filter(|host| starts.iter().all(|(h, _)| h != *host));
        let clients = starts.iter().map(|(host, _)| host).chain(of_groups).copied().collect();
        let (admin, probe) = stage.add_staff(plan);
        stage.introduce_clients();
        let setup = Setup {
            hosts: stage.parts.clone(),
            clocks: stage.clocks(),
            topics: plan.topics.iter().map(|topic| topic_setup(plan, topic)).collect(),
            groups: (plan.groups.iter())
                .map(|group| cast_group::setup(group, |name| stage.by_name.get(name).copied()))
                .collect(),
            eligible_replicas: cluster.features.integer("eligible.leader.replicas.version") > 0,
            quorum_fetch_timeout: cluster
                .controllers
                .iter()
                .map(|c| c.config.duration("controller.quorum.fetch.timeout.ms"))
                .max()
                .unwrap_or_default(),
            offsets_replicas: cluster
                .brokers
                .iter()
                .map(|broker| broker.config.count("offsets.topic.replication.factor"))
                .max()
                .unwrap_or_default(),
            // A fact of the run, and not yet a deed.
            forgets_votes: plan.defects.has(Defect::VoteNotPersisted),
        };
        let cast = Self {
            setup: Arc::new(setup),
            brokers: cluster.brokers.iter().map(|broker| broker.id).collect(),
            controllers: cluster.controllers.iter().map(|controller| controller.id).collect(),
            servers,
            clients,
            starts,
            scaling,
            deployments: deployments.into_values().collect(),
            workloads,
            admin,
            probe,
            by_name: stage.by_name.clone(),
        };
        let links = plan.links.iter().filter_map(|link| {
            let host =
                |target: &Target| stage.by_name.get(&Name::from(target.to_string())).copied();
            let (latency, bandwidth) = (spread(link.latency), link.bandwidth);
            let physics = LinkPhysics { latency, loss: link.loss, bandwidth };
            Some((host(&link.between.0)?, host(&link.between.1)?, physics))
        });
        let services = cast_servers::services(plan, |target| {
            stage.by_name.get(&Name::from(target.to_string())).copied()
        });
        let physics = Physics {
            seed,
            link: LinkPhysics {
                latency: spread(plan.network.latency),
                loss: plan.network.loss,
                bandwidth: None,
            },
            links: links.collect(),
            card_bandwidth: plan.network.bandwidth,
            flush_time: spread(DiskPlan::default().flush),
            service: ServiceTimes::DEFAULT,
            services,
            wire,
        };
        (cast, physics, stage.hosts)
    }

    /// The host of the client called `name`.
    pub fn client(&self, name: &Name) -> Option<HostId> {
        self.by_name.get(name).copied()
    }
}

fn spread(latency: Latency) -> Spread {
    Spread { p50: latency.p50, p99: latency.p99, max: latency.max }
}

fn topic_setup(plan: &Plan, topic: &crate::scenario::TopicPlan) -> TopicSetup {
    let broker = &plan.cluster.brokers[0].config;
    // It is the controllers that elect.
    let controller = &plan.cluster.controllers[0].config;
    let unclean = topic.setting_on(controller, "unclean.leader.election.enable").value;
    let flush = topic.setting_on(broker, "flush.messages").value;
    TopicSetup {
        name: topic.name.clone(),
        unclean_elections: unclean == Some(Value::Flag(true)),
        flushes_each_message: flush == Some(Value::Integer(1)),
    }
}

/// The hosts while they are being listed.
#[derive(Default)]
struct Stage {
    hosts: Vec<HostSetup<Program>>,
    parts: Vec<trace::HostSetup>,
    by_name: BTreeMap<Name, HostId>,
    clients: u16,
}

impl Stage {
    fn all(&self) -> Vec<HostId> {
        (0..u16::try_from(self.hosts.len()).expect("at most 16,384 hosts")).map(HostId).collect()
    }

    fn add(&mut self, name: Name, part: Part, launch: Program) -> HostId {
        let host = HostId(u16::try_from(self.hosts.len()).expect("at most 16,384 hosts"));
        let node = match part {
            Part::Broker(id) | Part::Controller(id) => Some(id),
            Part::Client(_) => None,
        };
        self.by_name.insert(name.clone(), host);
        self.parts.push(trace::HostSetup { name: name.clone(), part });
        self.hosts.push(HostSetup {
            name,
            node,
            launch,
            clock_offset_micros: 0,
            clock_drift_ppm: 0,
            device: None,
        });
        host
    }

    /// The clocks that are not as the world's.
    fn clocks(&self) -> Vec<ClockSetup> {
        let hosts = self.hosts.iter().zip(0..).map(|(setup, host)| ClockSetup {
            host: HostId(host),
            offset_micros: setup.clock_offset_micros,
            drift_ppm: setup.clock_drift_ppm,
        });
        hosts.filter(|clock| (clock.offset_micros, clock.drift_ppm) != (0, 0)).collect()
    }

    /// Gives a host clocks and a disk of its own.
    fn equip(&mut self, host: HostId, clock: ClockPlan, disk: Option<DiskPlan>) {
        let setup = &mut self.hosts[host.0 as usize];
        setup.clock_offset_micros = clock.offset_micros;
        setup.clock_drift_ppm = clock.drift_ppm;
        setup.device = disk.map(|disk| DeviceSetup {
            flush_time: spread(disk.flush),
            bandwidth: disk.bandwidth,
            capacity: disk.capacity,
        });
    }

    fn add_client(&mut self, name: Name, config: ClientConfig) -> HostId {
        let setup = ClientSetup {
            id: config.client,
            idempotent: config.producer.enable_idempotence,
            in_flight_max: u32::try_from(config.producer.in_flight_max).unwrap_or(u32::MAX),
            answers_within: config.producer.block_max + config.producer.delivery_timeout,
        };
        self.add(name, Part::Client(setup), Program::Client(Arc::new(config)))
    }

    /// The configuration of the next client; `None` leaves a part at the release's defaults.
    fn client_config(
        &mut self,
        plan: &Plan,
        name: &Name,
        producer: Option<&Config>,
        consumer: Option<&Config>,
    ) -> ClientConfig {
        client_config(plan, self.next_client(), name, producer, consumer)
    }

    fn next_client(&mut self) -> ClientId {
        let client = ClientId(self.clients);
        self.clients += 1;
        client
    }

    /// Tells every broker what the clients call themselves: by their names.
    fn introduce_clients(&mut self) {
        let names = self
            .by_name
            .iter()
            .filter(|(_, host)| matches!(self.hosts[host.0 as usize].launch, Program::Client(_)));
        let names: Arc<BTreeMap<HostId, Name>> =
            Arc::new(names.map(|(name, host)| (*host, name.clone())).collect());
        for host in &mut self.hosts {
            if let Program::Broker(config) = &mut host.launch {
                let groups = &mut Arc::make_mut(config).groups;
                Arc::make_mut(groups).client_ids = Arc::clone(&names);
            }
        }
    }

    /// The admin client of the forming and the client that tries out the healed cluster.
    fn add_staff(&mut self, plan: &Plan) -> (HostId, HostId) {
        let creator = ApplicationConfig::Creator(TopicCreation {
            topics: plan.topics.iter().map(creation).collect(),
            operations: operations(&plan.admin),
            retry_after: Duration::from_millis(100),
        });
        let name = Name::from("admin");
        let config = self.client_config(plan, &name, None, None);
        let admin = self.add_client(name, ClientConfig { application: creator, ..config });
        let probe = ApplicationConfig::Probe(ProbeWorkload {
            topics: plan
                .all_topics()
                .map(|(name, partitions)| (name.clone(), partitions))
                .collect(),
            topics_change: plan.topics_change(),
        });
        let name = Name::from("probe");
        let mut config = self.client_config(plan, &name, None, None);
        config.producer.acks = AckMode::All;
        // It reads everything there is, and each answer is one step: small answers, small steps.
        config.consumer.partition_fetch_bytes_max = 64 * 1024;
        let probe = self.add_client(name, ClientConfig { application: probe, ..config });
        (admin, probe)
    }
}

/// The configuration of `client`; `None` leaves a part at the release's defaults.
fn client_config(
    plan: &Plan,
    client: ClientId,
    name: &Name,
    producer: Option<&Config>,
    consumer: Option<&Config>,
) -> ClientConfig {
    let mut config = ClientConfig { client, name: name.clone(), ..ClientConfig::default() };
    config.network.bootstrap = plan.cluster.brokers.iter().map(|broker| broker.id).collect();
    if let Some(network) = producer.or(consumer) {
        let connections = &mut config.network.connections;
        connections.request_timeout = network.duration("request.timeout.ms");
        connections.reconnect_backoff = network.duration("reconnect.backoff.ms");
        connections.reconnect_backoff_max = network.duration("reconnect.backoff.max.ms");
        connections.setup_timeout = network.duration("socket.connection.setup.timeout.ms");
        connections.setup_timeout_max = network.duration("socket.connection.setup.timeout.max.ms");
        config.network.metadata_max_age = network.duration("metadata.max.age.ms");
        config.network.retry_backoff = backoff(network);
    }
    if let Some(producer) = producer {
        set_producer(&mut config, producer);
        config.network.connections.in_flight_max = config.producer.in_flight_max;
    }
    if let Some(consumer) = consumer {
        set_consumer(&mut config, consumer);
    }
    config.producer.defects = plan.defects;
    config.consumer.defects = plan.defects;
    config
}

/// The configuration of a member of `group`, which has `keys`.
fn member_config(
    plan: &Plan,
    client: ClientId,
    name: &Name,
    group: &GroupPlan,
    keys: &Config,
) -> ClientConfig {
    let mut config = client_config(plan, client, name, None, Some(keys));
    set_producer(&mut config, &group.producer);
    cast_group::set_member(&mut config, name, &cast_group::membership(group), keys);
    config.member.defects = plan.defects;
    config.application = cast_group::workload(group, plan.defects);
    config
}

fn backoff(config: &Config) -> Backoff {
    Backoff {
        initial: config.duration("retry.backoff.ms"),
        max: config.duration("retry.backoff.max.ms"),
    }
}

fn bytes(config: &Config, key: &str) -> u32 {
    u32::try_from(config.count(key)).unwrap_or(u32::MAX)
}

fn set_producer(client: &mut ClientConfig, config: &Config) {
    let producer = &mut client.producer;
    producer.acks = match config.text("acks") {
        "0" => AckMode::None,
        "1" => AckMode::Leader,
        _ => AckMode::All,
    };
    producer.enable_idempotence = config.flag("enable.idempotence");
    producer.retries = bytes(config, "retries");
    producer.in_flight_max =
        usize::try_from(config.count("max.in.flight.requests.per.connection")).unwrap_or(5);
    producer.batch_bytes = bytes(config, "batch.size");
    producer.linger = config.duration("linger.ms");
    producer.buffer_bytes = config.count("buffer.memory");
    producer.block_max = config.duration("max.block.ms");
    producer.request_bytes_max = bytes(config, "max.request.size");
    producer.request_timeout = config.duration("request.timeout.ms");
    producer.delivery_timeout = config.duration("delivery.timeout.ms");
    producer.retry_backoff = backoff(config);
    producer.ignore_keys = config.flag("partitioner.ignore.keys");
    producer.partitioner = match config.text("partitioner.class") {
        "builtin" => Partitioner::BuiltIn,
        _ => Partitioner::RoundRobin,
    };
    producer.is_adaptive = config.flag("partitioner.adaptive.partitioning.enable");
    producer.availability_timeout = config.duration("partitioner.availability.timeout.ms");
}

fn set_consumer(client: &mut ClientConfig, config: &Config) {
    let consumer = &mut client.consumer;
    consumer.fetch_bytes_min = bytes(config, "fetch.min.bytes");
    consumer.fetch_wait_max = config.duration("fetch.max.wait.ms");
    consumer.fetch_bytes_max = bytes(config, "fetch.max.bytes");
    consumer.partition_fetch_bytes_max = bytes(config, "max.partition.fetch.bytes");
    consumer.poll_records_max = bytes(config, "max.poll.records");
    consumer.offset_reset = match config.setting("auto.offset.reset").value {
        Some(Value::Word("earliest")) => OffsetReset::Earliest,
        Some(Value::Word("none")) => OffsetReset::None,
        Some(Value::Ago(millis)) => OffsetReset::ByDuration(Duration::from_millis(millis)),
        _ => OffsetReset::Latest,
    };
    consumer.retry_backoff = backoff(config);
}
