//! A scenario as data: everything that a run is made of but its seed.
//!
//! All times count from time zero, when the cluster has formed ([`crate::types::Moment`]'s
//! `SCENARIO_BEGINS`).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::scenario::config::{Config, Setting};
use crate::scenario::config_keys::{ConfigKey, Scope};
use crate::scenario::file_error::FileError;
use crate::scenario::hardware::{ClockPlan, DiskOperations, DiskPlan};
use crate::scenario::plan_admin::{AdminAction, AdminPlan};
use crate::scenario::plan_group::GroupPlan;
use crate::scenario::target::{PartitionName, Target};
use crate::types::{BrokerId, DefectSet, Expectation, Name, PropertyName};

/// What is to be simulated.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// One line that says what the scenario shows.
    pub title: String,
    /// What to look at, and where the story comes from.
    pub about: String,
    /// How long workloads and faults act.
    pub duration: Duration,
    /// How long healing may take; `None` leaves it to [`Plan::settle`].
    pub settle: Option<Duration>,
    /// Bugs that are switched on.
    pub defects: DefectSet,
    /// Brokers and controllers.
    pub cluster: ClusterPlan,
    /// Topics, created while the cluster forms.
    pub topics: Vec<TopicPlan>,
    /// Built-in applications that write.
    pub producers: Vec<ProducerPlan>,
    /// Built-in applications that read.
    pub consumers: Vec<ConsumerPlan>,
    /// Consumer groups.
    pub groups: Vec<GroupPlan>,
    /// Client processes whose application is a user's own code.
    pub clients: Vec<ClientPlan>,
    /// What holds for every link.
    pub network: NetworkPlan,
    /// Links that differ.
    pub links: Vec<LinkPlan>,
    /// Faults that are written down, in the order of the file.
    pub faults: Vec<FaultPlan>,
    /// What the built-in admin client does, in the order of the file.
    pub admin: Vec<AdminPlan>,
    /// Faults that are drawn from the seed.
    pub random: Option<RandomFaults>,
    /// What the scenario expects of properties; all others are expected to hold.
    pub claims: Vec<ClaimPlan>,
    /// What is no mistake and surely not what was meant.
    pub warnings: Vec<FileError>,
}

/// Whose defaults hold where the scenario says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Release {
    /// Apache Kafka 4.1.
    #[default]
    V4_1,
}

/// The servers.
#[derive(Clone, PartialEq, Debug)]
pub struct ClusterPlan {
    /// Whose defaults hold.
    pub release: Release,
    /// The brokers, by ascending id from 1.
    pub brokers: Vec<BrokerPlan>,
    /// The controllers, by ascending id from 3001.
    pub controllers: Vec<ControllerPlan>,
    /// Finalized features ([`Scope::Feature`]).
    pub features: Config,
    /// The file that servers' keys came from, as the scenario names it.
    pub server_properties: Option<Name>,
}

/// A broker. Its host is called `broker-<id>`.
#[derive(Clone, PartialEq, Debug)]
pub struct BrokerPlan {
    /// `node.id`.
    pub id: BrokerId,
    /// `broker.rack`.
    pub rack: Option<Name>,
    /// Its configuration: broker over cluster over the release's default.
    pub config: Config,
    /// How long its work takes: broker over cluster.
    pub service: ServicePlan,
    /// The file that its own keys came from, as the scenario names it.
    pub server_properties: Option<Name>,
    /// Its disk.
    pub disk: DiskPlan,
    /// Its clocks.
    pub clock: ClockPlan,
}

/// A controller. Its host is called `controller-<id - 3000>`.
#[derive(Clone, PartialEq, Debug)]
pub struct ControllerPlan {
    /// `node.id`.
    pub id: BrokerId,
    /// Its configuration: controller over cluster over the release's default.
    pub config: Config,
    /// How long its work takes.
    pub service: ServicePlan,
    /// The file that its own keys came from, as the scenario names it.
    pub server_properties: Option<Name>,
    /// Its disk.
    pub disk: DiskPlan,
    /// Its clocks.
    pub clock: ClockPlan,
}

/// A topic.
#[derive(Clone, PartialEq, Debug)]
pub struct TopicPlan {
    /// Its name.
    pub name: Name,
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas of each.
    pub replication_factor: i16,
    /// What the topic itself sets; ask [`TopicPlan::setting_on`] for what holds on a broker.
    pub config: Config,
}

/// How often something is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// So many times...
    pub times: u64,
    /// ...in this time.
    pub per: Duration,
}

/// Which keys a producer's records have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Keys {
    /// None: the sticky partitioner chooses.
    #[default]
    None,
    /// `key-0` to `key-<n - 1>`, each as likely as another.
    Uniform(u64),
}

/// What a producer's values are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Values {
    /// The same bytes in all.
    #[default]
    Filler,
    /// JSON that says which record it is, and of whom.
    Json,
}

/// A built-in application that writes.
#[derive(Clone, PartialEq, Debug)]
pub struct ProducerPlan {
    /// Its name. Its hosts are called so, with `-1`, `-2`, ... behind when `count` is above 1.
    pub name: Name,
    /// How many such processes.
    pub count: u16,
    /// Where it writes.
    pub topic: Name,
    /// Records sent by each process.
    pub rate: Rate,
    /// Its records' keys.
    pub keys: Keys,
    /// The size of each value, in bytes.
    pub value_bytes: u32,
    /// What the values are.
    pub values: Values,
    /// Headers of every record.
    pub headers: Vec<(Name, Name)>,
    /// How many records each process sends at most.
    pub records_max: Option<u64>,
    /// When it begins.
    pub start: Duration,
    /// Its configuration over the release's default.
    pub config: Config,
    /// The clocks of each of its hosts.
    pub clock: ClockPlan,
}

/// Where a consumer begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReadFrom {
    /// At the first record.
    #[default]
    Beginning,
    /// At what comes after it has started.
    End,
    /// At the first record that is no older than this when it starts.
    Ago(Duration),
    /// At the first record of this time, counted from time zero, or later.
    Time(Duration),
}

/// A built-in application that reads every partition of a topic, by assignment.
#[derive(Clone, PartialEq, Debug)]
pub struct ConsumerPlan {
    /// Its name; hosts as for producers.
    pub name: Name,
    /// How many such processes; each reads all.
    pub count: u16,
    /// What it reads.
    pub topic: Name,
    /// Where it begins.
    pub from: ReadFrom,
    /// Its configuration over the release's default.
    pub config: Config,
    /// The clocks of each of its hosts.
    pub clock: ClockPlan,
}

/// A client process whose application is not built in (`runtime`'s coupled driver).
#[derive(Clone, PartialEq, Debug)]
pub struct ClientPlan {
    /// Its name, and its host's.
    pub name: Name,
    /// How it produces.
    pub producer: Config,
    /// How it consumes.
    pub consumer: Config,
    /// The group that it may join.
    pub group: Option<ClientGroupPlan>,
    /// Its clocks.
    pub clock: ClockPlan,
}

/// What a process whose application is not built in is to its group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientGroupPlan {
    /// `group.id`.
    pub name: Name,
    /// Whether it is a static member; `group.instance.id` is its host's name then.
    pub is_static: bool,
    /// `enable.auto.commit`.
    pub auto_commit: bool,
}

/// How long a message travels one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Latency {
    /// Half of all messages are faster.
    pub p50: Duration,
    /// One in a hundred is slower.
    pub p99: Duration,
    /// None is slower.
    pub max: Duration,
}

/// What holds for every link that no [`LinkPlan`] names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NetworkPlan {
    /// The latency.
    pub latency: Latency,
    /// TCP segments lost, of a million.
    pub loss: u32,
    /// What each host's network card carries, each way, in bytes a second; `None` for everything.
    pub bandwidth: Option<u64>,
}

/// A link that differs, in both directions.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkPlan {
    /// The two hosts; never a role.
    pub between: (Target, Target),
    /// The latency.
    pub latency: Latency,
    /// TCP segments lost, of a million.
    pub loss: u32,
    /// What it carries, each way, in bytes a second; `None` for everything.
    pub bandwidth: Option<u64>,
}

/// How long the lanes of a process are busy; `None` leaves the usual time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ServicePlan {
    /// With a Produce request, beside its records.
    pub produce: Option<Duration>,
    /// With a Fetch request.
    pub fetch: Option<Duration>,
    /// With any other request.
    pub request: Option<Duration>,
    /// With a response, beside its records.
    pub response: Option<Duration>,
    /// With a KiB of records.
    pub kib: Option<Duration>,
    /// With anything else.
    pub other: Option<Duration>,
}

/// When a fault begins.
#[derive(Clone, PartialEq, Debug)]
pub enum Trigger {
    /// At this time.
    At(Duration),
    /// When this has happened.
    When(Milestone),
}

/// Something that a run comes to.
#[derive(Clone, PartialEq, Debug)]
pub struct Milestone {
    /// The event's name in the event table.
    pub event: Name,
    /// Only events about this partition.
    pub partition: Option<PartitionName>,
    /// Only events that this host recorded.
    pub host: Option<Target>,
    /// Only events whose field has this text.
    pub fields: Vec<(Name, Name)>,
    /// The how-manieth such event since time zero, from 1.
    pub count: u64,
    /// How long after that event.
    pub after: Duration,
}

/// What a crash leaves on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CrashKeep {
    /// Process crash: the page cache stays.
    #[default]
    PageCache,
    /// Power loss: only what was flushed is sure to stay.
    Synced,
}

/// Which way a fault acts on messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// To the host; for a cut, from the second host to the first.
    Inbound,
    /// From the host; for a cut, from the first host to the second.
    Outbound,
    /// Both.
    #[default]
    Both,
}

/// How a fault changes a latency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slower {
    /// This instead of the ordinary one.
    Latency(Latency),
    /// On top of the ordinary one.
    By {
        /// How much.
        by: Duration,
        /// Give or take at most so much, each as likely; no more than `by`.
        jitter: Duration,
    },
}

/// How a network falls apart. Who stands where is drawn when the fault begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Two halves that do not hear each other; of an odd number, the first has one more.
    Halves,
    /// One host against all others.
    One,
    /// Two halves, and one host between them that both hear.
    Bridge,
    /// A ring: every host hears those near it, a majority with itself, no two the same.
    Ring,
    /// Two halves, of which the second does not hear the first.
    OneWay,
}

/// What goes wrong.
#[derive(Clone, PartialEq, Debug)]
pub enum Fault {
    /// A process dies; it starts again when the fault ends.
    Crash {
        /// Whose.
        host: Target,
        /// What its disk keeps.
        keep: CrashKeep,
    },
    /// A process stands still, its clocks go on.
    Pause {
        /// Whose.
        host: Target,
    },
    /// An application does nothing, its client goes on.
    Stall {
        /// Whose.
        host: Target,
    },
    /// A host is cut off from all others.
    Isolate {
        /// Which.
        host: Target,
        /// Which way.
        direction: Direction,
    },
    /// Hosts of different groups do not hear each other. A host belongs to the first group that
    /// names it; one in no group hears everybody.
    Partition {
        /// The groups, at least two.
        groups: Vec<Vec<Target>>,
    },
    /// A link is cut.
    Cut {
        /// The two hosts.
        between: (Target, Target),
        /// Which way.
        direction: Direction,
    },
    /// A process is asked to end in order (SIGTERM); it starts again when the fault ends.
    Stop {
        /// Whose.
        host: Target,
        /// How long it may take to end; then it is killed (SIGKILL). `None` lets it take its time.
        kill_after: Option<Duration>,
    },
    /// Processes are stopped and started one after the other, each when the one before has caught
    /// up.
    RollingRestart {
        /// Whose, in this order.
        hosts: Vec<Target>,
        /// How long the operator waits between one and the next.
        pause: Duration,
        /// How long each may take to end, as for a stop.
        kill_after: Option<Duration>,
    },
    /// A link is slow.
    Delay {
        /// The two hosts; `None` for the second means every link of the first.
        between: (Target, Option<Target>),
        /// How slow.
        slower: Slower,
        /// Which way, seen from the first.
        direction: Direction,
    },
    /// A network falls apart in a certain way.
    Shape {
        /// How.
        shape: Shape,
        /// The hosts that fall apart; all others hear everybody.
        of: Vec<Target>,
    },
    /// A link loses what is sent over it; it is sent again.
    Lose {
        /// As for a delay.
        between: (Target, Option<Target>),
        /// TCP segments lost, of a million.
        loss: u32,
        /// Which way, seen from the first.
        direction: Direction,
    },
    /// A link, or the network card of a host, carries less.
    Throttle {
        /// The two hosts; `None` for the second means the card of the first.
        between: (Target, Option<Target>),
        /// Bytes a second.
        bandwidth: u64,
        /// Which way, seen from the first.
        direction: Direction,
    },
    /// Open connections are reset, once.
    Reset {
        /// The two hosts; `None` for the second means all connections of the first.
        between: (Target, Option<Target>),
    },
    /// A process works slowly: its lanes are busy for a multiple of the usual time.
    Slow {
        /// Whose.
        host: Target,
        /// How many times.
        factor: u32,
    },
    /// Flushes take longer.
    SlowDisk {
        /// Whose.
        host: Target,
        /// So many times as long.
        factor: u32,
    },
    /// What a disk is asked for is not done before the fault ends.
    HangDisk {
        /// Whose.
        host: Target,
    },
    /// No space is left on a disk.
    FillDisk {
        /// Whose.
        host: Target,
    },
    /// A disk answers with errors.
    FailDisk {
        /// Whose.
        host: Target,
        /// To what.
        operations: DiskOperations,
    },
    /// A host loses its disk and starts with an empty one when the fault ends.
    ReplaceDisk {
        /// Which.
        host: Target,
    },
    /// A wall clock jumps; back again at the end, if the fault has one of its own.
    JumpClock {
        /// Whose.
        host: Target,
        /// How far ahead, in microseconds.
        by_micros: i64,
    },
    /// Clocks run at another pace.
    DriftClock {
        /// Whose.
        host: Target,
        /// How many microseconds more they gain in a million.
        by_ppm: i64,
    },
}

/// A fault, when it begins and how long it lasts.
#[derive(Clone, PartialEq, Debug)]
pub struct FaultPlan {
    /// When it begins.
    pub trigger: Trigger,
    /// What goes wrong.
    pub fault: Fault,
    /// How long; `None` lasts until healing begins.
    pub lasts: Option<Duration>,
    /// The line of the scenario file, from 1; 0 for a drawn one.
    pub line: u32,
}

/// How random faults are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Profile {
    /// Each seed draws which kinds of fault are on at all, and how often they come.
    #[default]
    Swarm,
    /// Every kind is on, at a middling rate.
    Steady,
}

/// What random faults must leave standing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// How many brokers may be down, paused or cut off at once.
    pub hosts_down: u32,
    /// How many controllers; no more than a minority.
    pub controllers_down: u32,
    /// How many brokers may have lost their page cache and not caught up again, at once.
    pub power_losses: u32,
    /// How many members of groups.
    pub members_down: u32,
}

/// Faults that are drawn from the seed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RandomFaults {
    /// How.
    pub profile: Profile,
    /// Within what.
    pub budget: Budget,
    /// Those that do not happen, by their place among all that are drawn, from 1.
    pub without: BTreeSet<u32>,
}

/// A claim of the scenario file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClaimPlan {
    /// The property.
    pub property: PropertyName,
    /// What is expected of it.
    pub expect: Expectation,
    /// The line of the scenario file, from 1.
    pub line: u32,
}

impl Default for Latency {
    /// A quiet data centre.
    fn default() -> Self {
        Self {
            p50: Duration::from_micros(300),
            p99: Duration::from_millis(2),
            max: Duration::from_millis(20),
        }
    }
}

impl Fault {
    /// The verb that scenarios use.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::Pause { .. } => "pause",
            Self::Stall { .. } => "stall",
            Self::Isolate { .. } => "isolate",
            Self::Partition { .. } | Self::Shape { .. } => "partition",
            Self::Cut { .. } => "cut",
            Self::Delay { .. } => "delay",
            Self::Lose { .. } => "lose",
            Self::Throttle { .. } => "throttle",
            Self::Reset { .. } => "reset",
            Self::Slow { .. } => "slow",
            Self::SlowDisk { .. } => "slow_disk",
            Self::HangDisk { .. } => "hang_disk",
            Self::FillDisk { .. } => "fill_disk",
            Self::FailDisk { .. } => "fail_disk",
            Self::ReplaceDisk { .. } => "replace_disk",
            Self::JumpClock { .. } => "jump_clock",
            Self::DriftClock { .. } => "drift_clock",
            Self::Stop { .. } => "stop",
            Self::RollingRestart { .. } => "rolling_restart",
        }
    }
}

impl Rate {
    /// From the beginning to the `n`-th, counted from 0.
    pub fn moment_of(self, n: u64) -> Duration {
        let nanos = self.per.as_nanos() * u128::from(n) / u128::from(self.times.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl ProducerPlan {
    /// The names of its hosts, in order.
    pub fn hosts(&self) -> Vec<Name> {
        host_names(&self.name, self.count)
    }
}

impl ConsumerPlan {
    /// The names of its hosts, in order.
    pub fn hosts(&self) -> Vec<Name> {
        host_names(&self.name, self.count)
    }
}

fn host_names(name: &Name, count: u16) -> Vec<Name> {
    if count == 1 {
        return vec![name.clone()];
    }
    (1..=count).map(|n| Name::from(format!("{name}-{n}"))).collect()
}

impl TopicPlan {
    /// What the topic's `key` comes to on a broker with the configuration `broker`: topic over
    /// broker over cluster over the release's default.
    pub fn setting_on(&self, broker: &Config, key: &str) -> Setting {
        let broker_key = ConfigKey::named(Scope::Topic, key).and_then(|key| key.broker_key);
        match broker_key {
            Some(broker_key) if !self.config.is_set(key) => broker.setting(broker_key),
            _ => self.config.setting(key),
        }
    }
}

/// How much longer than max.poll.interval.ms a member waits for the answer to a JoinGroup: for so
/// long it may hang when the coordinator loses power and no connection is reset.
///
/// Source: Kafka 4.1, `AbstractCoordinator.JOIN_GROUP_TIMEOUT_LAPSE`.
const JOIN_GRACE: Duration = Duration::from_secs(5);

impl Plan {
    /// The topics that there are at some time, and how many partitions each has: those of the plan,
    /// then those that the admin client creates.
    pub fn all_topics(&self) -> impl Iterator<Item = (&Name, i32)> {
        let created = self.admin.iter().filter_map(|admin| match &admin.action {
            AdminAction::CreateTopic { name, partitions, .. } => Some((name, *partitions)),
            _ => None,
        });
        self.topics.iter().map(|topic| (&topic.name, topic.partitions)).chain(created)
    }

    /// Whether the admin client creates, deletes or enlarges topics.
    pub fn topics_change(&self) -> bool {
        let changes = |action: &AdminAction| {
            matches!(
                action,
                AdminAction::CreateTopic { .. }
                    | AdminAction::DeleteTopic { .. }
                    | AdminAction::CreatePartitions { .. }
            )
        };
        self.admin.iter().any(|admin| changes(&admin.action))
    }

    /// The names of all client hosts: producers, consumers, groups, other clients, in file order.
    pub fn client_hosts(&self) -> Vec<Name> {
        let producers = self.producers.iter().flat_map(ProducerPlan::hosts);
        let consumers = self.consumers.iter().flat_map(ConsumerPlan::hosts);
        let groups = self.groups.iter().flat_map(GroupPlan::hosts);
        let others = self.clients.iter().map(|client| client.name.clone());
        producers.chain(consumers).chain(groups).chain(others).collect()
    }

    /// The `group.id`s of members, built in or not.
    pub fn group_names(&self) -> impl Iterator<Item = &Name> {
        let others = self.clients.iter().filter_map(|client| client.group.as_ref());
        let others = others.map(|group| &group.name);
        self.groups.iter().map(|group| &group.name).chain(others)
    }

    /// The groups that nobody joins by the classic protocol, at any time.
    pub fn groups_without_leader(&self) -> BTreeSet<Name> {
        let built_in = self.groups.iter().flat_map(|group| {
            let later = group.deployments.iter().map(|deployment| &deployment.config);
            std::iter::once(&group.config).chain(later).map(|config| (&group.name, config))
        });
        let others = self.clients.iter().filter_map(|client| {
            client.group.as_ref().map(|group| (&group.name, &client.consumer))
        });
        let led = built_in
            .chain(others)
            .filter(|(_, config)| config.text("group.protocol") == "classic")
            .map(|(name, _)| name);
        let led: BTreeSet<_> = led.collect();
        self.group_names().filter(|name| !led.contains(name)).cloned().collect()
    }

    /// How long healing may take: what the scenario says, else the largest of delivery.timeout.ms
    /// and [`JOIN_GRACE`] beyond a group's max.poll.interval.ms (and its metadata.max.age.ms where
    /// partitions are added), + broker.session.timeout.ms + 2 x replica.lag.time.max.ms + 10 s.
    pub fn settle(&self) -> Duration {
        let largest = |values: &mut dyn Iterator<Item = Duration>| values.max().unwrap_or_default();
        let producers = self.producers.iter().map(|producer| &producer.config);
        let mut delivery = producers
            .chain(self.clients.iter().map(|client| &client.producer))
            .chain(self.groups.iter().map(|group| &group.producer))
            .map(|config| config.duration("delivery.timeout.ms"));
        let others = self.clients.iter().filter(|client| client.group.is_some());
        let others = others.map(|client| &client.consumer);
        let later = self.groups.iter().flat_map(|group| &group.deployments);
        let members = self.groups.iter().map(|group| &group.config).chain(others);
        let members = members.chain(later.map(|deployment| &deployment.config));
        let grows =
            |admin: &AdminPlan| matches!(admin.action, AdminAction::CreatePartitions { .. });
        let learns = self.admin.iter().any(grows);
        let mut join = members.map(|config| {
            let join = config.duration("max.poll.interval.ms") + JOIN_GRACE;
            if learns { join + config.duration("metadata.max.age.ms") } else { join }
        });
        let brokers = || self.cluster.brokers.iter().map(|broker| &broker.config);
        let mut lag = brokers().map(|config| config.duration("replica.lag.time.max.ms"));
        let mut session = self
            .cluster
            .controllers
            .iter()
            .map(|controller| controller.config.duration("broker.session.timeout.ms"));
        self.settle
            .unwrap_or_else(|| {
                largest(&mut delivery).max(largest(&mut join))
                    + largest(&mut session)
                    + 2 * largest(&mut lag)
                    + Duration::from_secs(10)
            })
            // A cluster that has not settled in a day of simulated time never will.
            .min(Duration::from_hours(24))
    }
}
