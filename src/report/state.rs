//! What is known of a run after one of its events, as plain data: for text, JSON, and as what the
//! page must show.

use serde::Serialize;

use crate::event::ReplicaRole;
use crate::report::state_groups::GroupLine;
use crate::trace::{FaultView, HostView, Model, Part, PartitionView, ReplicaView, seconds};
use crate::types::{BrokerId, BrokerSet, HostId, TopicPartition};

/// The state after an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct State {
    /// The last event that is in it.
    pub event: u64,
    /// Its time, in microseconds of the scenario's time.
    pub at_us: i64,
    /// Its time in seconds.
    pub at: String,
    /// The part that the run is in.
    pub phase: Option<&'static str>,
    /// All processes, in the order of the setup.
    pub processes: Vec<Process>,
    /// The faults that began and have not ended, by number.
    pub faults: Vec<FaultInForce>,
    /// The metadata quorum.
    pub quorum: Quorum,
    /// The consumer groups by name.
    pub groups: Vec<GroupLine>,
    /// The partitions of clients' topics by name, then those of topics that Kafka keeps for itself.
    pub partitions: Vec<Partition>,
}

/// A process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Process {
    /// Its name.
    pub name: String,
    /// `up`, `paused`, `down`, or `new` before its first start.
    pub status: &'static str,
    /// How often it was started.
    pub starts: u32,
    /// Of a broker that runs: where it is in its life.
    pub lifecycle: Option<&'static str>,
    /// Of a broker: `fenced`, `unfenced` or `shutting-down` as the controller committed it.
    pub registration: Option<&'static str>,
    /// Of a broker: the epoch of that registration.
    pub broker_epoch: Option<i64>,
    /// How far its wall clock is off: at the beginning, and by jumps since, in microseconds.
    pub clock_jumped_us: i64,
    /// How many microseconds its clocks gain in a million.
    pub clock_drift_ppm: i64,
    /// The numbers of the faults in force that befell it.
    pub faults: Vec<u32>,
}

/// A fault that began and has not ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FaultInForce {
    /// Its place in the plan, from 1.
    pub number: u32,
    /// Its kind.
    pub kind: &'static str,
    /// When it began, in seconds.
    pub since: String,
    /// Whether it has changed anything.
    pub bit: bool,
    /// Whom it befell, in their groups.
    pub hosts: Vec<Vec<String>>,
    /// What the scenario says beside.
    pub detail: String,
}

/// The metadata quorum.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Quorum {
    /// The controller in charge.
    pub active_controller: Option<i32>,
    /// The epoch in which it took charge.
    pub controller_epoch: Option<i32>,
    /// Voters, then observers, in the order of the setup.
    pub members: Vec<QuorumMember>,
}

/// A voter or observer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct QuorumMember {
    /// Its id.
    pub node: i32,
    /// Its part; none while its process is down.
    pub role: Option<&'static str>,
    /// The quorum's epoch that it knows.
    pub leader_epoch: Option<i32>,
    /// The leader that it knows.
    pub leader: Option<i32>,
    /// The last vote that it granted.
    pub vote: Option<Vote>,
    /// The first offset of its log.
    pub log_start_offset: i64,
    /// Its high watermark; none while it does not run, for it is nowhere but in memory.
    pub high_watermark: Option<i64>,
    /// The end of its log.
    pub log_end_offset: i64,
    /// What it has on its disk for sure; only voters say it.
    pub durable_end: Option<i64>,
    /// How far it replayed the log in this life.
    pub applied: Option<i64>,
}

/// A vote.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Vote {
    /// For whom.
    pub candidate: i32,
    /// In which epoch.
    pub leader_epoch: i32,
}

/// A partition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Partition {
    /// Its topic; the id while the name is not known.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// What the controller committed; absent before it did.
    pub committed: Option<Committed>,
    /// What the controller wrote and has not committed.
    pub decided: Option<Decided>,
    /// Its replicas in their order of assignment, then others by id.
    pub replicas: Vec<Replica>,
}

/// The controller's committed view of a partition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Committed {
    /// The leader.
    pub leader: Option<i32>,
    /// Counts elections.
    pub leader_epoch: i32,
    /// Counts changes.
    pub partition_epoch: i32,
    /// The replicas, the preferred one first.
    pub replicas: Vec<i32>,
    /// The in-sync set.
    pub isr: Vec<i32>,
    /// The eligible leader replicas.
    pub elr: Vec<i32>,
    /// The last known leader, while there is none.
    pub last_known: Vec<i32>,
    /// `min.insync.replicas`, bounded by the replicas.
    pub min_isr: u32,
    /// Whether the leader was elected uncleanly and has not reported yet.
    pub recovering: bool,
}

/// What the controller wrote into its log and has not committed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Decided {
    /// The leader.
    pub leader: Option<i32>,
    /// Counts elections.
    pub leader_epoch: i32,
    /// Counts changes.
    pub partition_epoch: i32,
    /// The in-sync set.
    pub isr: Vec<i32>,
    /// The eligible leader replicas.
    pub elr: Vec<i32>,
}

/// A replica; of a process that is down, what it left.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Replica {
    /// Its broker.
    pub broker: i32,
    /// The status of its process.
    pub status: &'static str,
    /// What it believes it is; none while its process is down, and before it takes a role.
    pub role: Option<&'static str>,
    /// In which leader epoch.
    pub leader_epoch: Option<i32>,
    /// The leader that it knows.
    pub leader: Option<i32>,
    /// The newest epoch of its leader-epoch cache.
    pub latest_epoch: Option<i32>,
    /// The first offset of its log.
    pub log_start_offset: i64,
    /// Its high watermark; none while its process does not run, or has yet to load the log: no
    /// event says what stands in the checkpoint on its disk.
    pub high_watermark: Option<i64>,
    /// The end of its log.
    pub log_end_offset: i64,
    /// For a leader: the in-sync set as far as it knows.
    pub isr: Option<Vec<i32>>,
    /// For a leader: the set that its high watermark waits for.
    pub maximal_isr: Option<Vec<i32>>,
}

fn ids(brokers: impl IntoIterator<Item = BrokerId>) -> Vec<i32> {
    brokers.into_iter().map(|broker| broker.0).collect()
}

fn set(brokers: &BrokerSet) -> Vec<i32> {
    ids(brokers.iter())
}

fn id(broker: Option<BrokerId>) -> Option<i32> {
    broker.map(|broker| broker.0)
}

fn status(host: &HostView) -> &'static str {
    match (host.is_running, host.is_paused, host.start) {
        (true, false, _) => "up",
        (true, true, _) => "paused",
        (false, _, None) => "new",
        (false, _, Some(_)) => "down",
    }
}

impl State {
    /// What `model` knows; `event` is the last that was folded into it.
    pub fn of(model: &Model, event: u64) -> Self {
        let mut partitions: Vec<_> = model
            .partitions
            .iter()
            .filter(|(_, view)| view.state.is_some() || !view.replicas.is_empty())
            .collect();
        let topic = |partition: TopicPartition| topic(model, partition);
        partitions.sort_by_cached_key(|(name, _)| {
            (model.is_internal(**name), topic(**name), name.topic_id.0, name.partition.0)
        });
        Self {
            event,
            at_us: model.now.scenario_micros(),
            at: seconds(model.now),
            phase: model.phase.map(crate::event::Phase::name),
            processes: model.setup().hosts().map(|(host, _)| Process::of(model, host)).collect(),
            faults: model
                .faults
                .iter()
                .filter(|(_, fault)| fault.is_active)
                .map(|(place, fault)| FaultInForce::of(model, *place, fault))
                .collect(),
            quorum: Quorum::of(model),
            groups: GroupLine::all(model),
            partitions: partitions
                .into_iter()
                .map(|(name, view)| Partition::of(model, *name, view))
                .collect(),
        }
    }
}

/// The high watermark that a running process has in memory.
pub(super) fn live_high_watermark(replica: &ReplicaView) -> Option<i64> {
    replica.is_loaded.then_some(replica.high_watermark.0)
}

/// The topic's name, or its id in hexadecimal.
fn topic(model: &Model, partition: TopicPartition) -> String {
    match model.topic_name(partition.topic_id) {
        Some(name) => name.to_string(),
        None => format!("{:x}", { partition.topic_id.0 }),
    }
}

impl Process {
    fn of(model: &Model, id: HostId) -> Self {
        let none = HostView::default();
        let host = model.host(id).unwrap_or(&none);
        let registration = match model.setup().part(id) {
            Some(Part::Broker(broker)) => model.registrations.get(&broker),
            Some(Part::Controller(_) | Part::Client(_)) | None => None,
        };
        let befell = |(_, fault): &(&u32, &FaultView)| fault.is_active && fault.hosts.contains(&id);
        Self {
            name: model.setup().host_name(Some(id)).to_owned(),
            status: status(host),
            starts: host.start.map_or(0, |_| host.incarnation + 1),
            lifecycle: host.lifecycle.map(crate::event::LifecycleState::name),
            registration: registration.map(|known| {
                match (known.fenced, known.in_controlled_shutdown) {
                    (true, _) => "fenced",
                    (false, true) => "shutting-down",
                    (false, false) => "unfenced",
                }
            }),
            broker_epoch: registration.map(|known| known.broker_epoch.0),
            clock_jumped_us: host.jumped,
            clock_drift_ppm: host.drift,
            faults: model.faults.iter().filter(befell).map(|(place, _)| number(*place)).collect(),
        }
    }
}

/// People count faults from 1.
fn number(place: u32) -> u32 {
    place.saturating_add(1)
}

impl FaultInForce {
    fn of(model: &Model, place: u32, fault: &FaultView) -> Self {
        let name = |host: &HostId| model.setup().host_name(Some(*host)).to_owned();
        let mut rest = fault.hosts.as_slice();
        let mut hosts = Vec::new();
        for size in &fault.groups {
            let (group, more) = rest.split_at(rest.len().min(*size as usize));
            hosts.push(group.iter().map(name).collect());
            rest = more;
        }
        Self {
            number: number(place),
            kind: fault.verb.name(),
            since: seconds(fault.since),
            bit: fault.bit,
            hosts,
            detail: fault.detail.to_string(),
        }
    }
}

impl Quorum {
    fn of(model: &Model) -> Self {
        let hosts = || model.setup().hosts();
        let voters = hosts().filter_map(|(_, host)| match host.part {
            Part::Controller(node) => Some(node),
            Part::Broker(_) | Part::Client(_) => None,
        });
        let observers = hosts().filter_map(|(_, host)| match host.part {
            Part::Broker(node) => Some(node),
            Part::Controller(_) | Part::Client(_) => None,
        });
        Self {
            active_controller: id(model.quorum.active.map(|(node, _)| node)),
            controller_epoch: model.quorum.active.map(|(_, epoch)| epoch.0),
            members: voters.chain(observers).map(|node| QuorumMember::of(model, node)).collect(),
        }
    }
}

impl QuorumMember {
    fn of(model: &Model, node: BrokerId) -> Self {
        let (no_member, no_replica) = Default::default();
        let member = model.quorum.members.get(&node).unwrap_or(&no_member);
        let replica: &ReplicaView = model.metadata.replicas.get(&node).unwrap_or(&no_replica);
        let [log_start, _] = replica.bounds_left();
        Self {
            node: node.0,
            role: member.role.map(|role| role.role.name()),
            leader_epoch: member.role.map(|role| role.leader_epoch.0),
            leader: id(member.role.and_then(|role| role.leader)),
            vote: member.vote.map(|vote| Vote {
                candidate: vote.candidate.0,
                leader_epoch: vote.leader_epoch.0,
            }),
            log_start_offset: log_start.0,
            high_watermark: live_high_watermark(replica),
            log_end_offset: replica.end_left().0,
            durable_end: member.durable_end.map(|end| end.0),
            applied: member.applied.as_ref().map(|applied| applied.offset.0),
        }
    }
}

impl Partition {
    /// What is known of the partition `name`.
    pub(super) fn of(model: &Model, name: TopicPartition, view: &PartitionView) -> Self {
        let assigned = view.state.as_ref().map_or(&[][..], |state| &state.replicas);
        let others = view.replicas.keys().filter(|broker| !assigned.contains(broker));
        let committed_epoch = view.state.as_ref().map(|state| state.partition_epoch);
        let decided = view.decided.as_ref();
        Self {
            topic: topic(model, name),
            partition: name.partition.0,
            committed: view.state.as_ref().map(|state| Committed {
                leader: id(state.leader),
                leader_epoch: state.leader_epoch.0,
                partition_epoch: state.partition_epoch.0,
                replicas: ids(state.replicas.iter().copied()),
                isr: set(&state.in_sync),
                elr: set(&state.eligible),
                last_known: ids(state.last_known.iter().copied()),
                min_isr: state.min_in_sync,
                recovering: state.recovering,
            }),
            decided: decided
                .filter(|decided| committed_epoch.is_none_or(|it| it < decided.partition_epoch))
                .filter(|decided| model.can_be_committed(decided))
                .map(|decided| Decided {
                    leader: id(decided.leader),
                    leader_epoch: decided.leader_epoch.0,
                    partition_epoch: decided.partition_epoch.0,
                    isr: set(&decided.in_sync),
                    elr: set(&decided.eligible),
                }),
            replicas: assigned
                .iter()
                .chain(others)
                .map(|broker| Replica::of(model, *broker, view.replicas.get(broker)))
                .collect(),
        }
    }
}

impl Replica {
    fn of(model: &Model, broker: BrokerId, view: Option<&ReplicaView>) -> Self {
        let none = ReplicaView::default();
        let view = view.unwrap_or(&none);
        let role = view.role.as_ref();
        let leads = role.filter(|role| role.role == ReplicaRole::Leader);
        let host = model.host_of(broker).and_then(|host| model.host(host));
        let [log_start, _] = view.bounds_left();
        Self {
            broker: broker.0,
            status: host.map_or("unknown", status),
            role: role.map(|role| role.role.name()),
            leader_epoch: role.map(|role| role.leader_epoch.0),
            leader: id(role.and_then(|role| role.leader)),
            latest_epoch: view.cache.and_then(|cache| cache.last).map(|(epoch, _)| epoch.0),
            log_start_offset: log_start.0,
            high_watermark: live_high_watermark(view),
            log_end_offset: view.end_left().0,
            isr: leads.map(|role| set(&role.in_sync)),
            maximal_isr: leads.map(|role| set(&role.maximal)),
        }
    }
}
