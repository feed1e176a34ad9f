//! A broker process: the machines that make it up, and which lane does what.
//!
//! ```text
//!   lane        machines                                   woken by
//!   request     request layer, group coordinator, and      clients, followers
//!               the replicas they ask
//!   fetcher-N   fetcher for broker N, and its replicas     broker N's answers
//!   raft        observer of the metadata quorum            controllers' answers
//!   metadata    image; tells replicas what changed         the observer's high watermark
//!   lifecycle   registration, heartbeats                   the controller's answers
//!   scheduler   AlterPartition, forwarding, checkpoints,   the controller's answers, the clock
//!               the check for lagging followers, the
//!               group coordinator's coming and going
//! ```
//!
//! A step gives an input to one machine and then carries out effects, first come first served,
//! until none is left: so a fetch can move a high watermark, which acknowledges a produce, which
//! is answered, all in one step, as one thread does it in Kafka under a partition's lock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::event::Kind;
use crate::message::{DiskError, Standing};
use crate::node::broker_config::BrokerConfig;
use crate::node::broker_schedule::Schedule;
use crate::node::port::{Input, Output, Task};
use crate::node::start::Start;
use crate::protocol::alter_partition::AlterPartition;
use crate::protocol::connection::Connections;
use crate::protocol::fetcher::Fetcher;
use crate::protocol::group::GroupCoordinator;
use crate::protocol::image::{Delta, MetadataImage};
use crate::protocol::lifecycle::Lifecycle;
use crate::protocol::raft::Raft;
use crate::protocol::replica::Replica;
use crate::protocol::request::RequestLayer;
use crate::protocol::{
    Machine, alter_partition, connection, fetcher, group, lifecycle, raft, replica, request,
};
use crate::types::{
    BrokerEpoch, BrokerId, ConnectionId, Deadlines, Lane, LeaderEpoch, Now, Ticket, TopicPartition,
};

/// The tickets from here on are the observer's; those below are the process' own.
pub(crate) const FIRST_RAFT_TICKET: Ticket = Ticket(1 << 32);
/// The number of the component that a fetcher's connections belong to is this and its slot.
pub(crate) const FIRST_FETCHER_COMPONENT: u8 = 16;

/// A broker process.
#[derive(Clone, Debug)]
pub struct Broker {
    pub(crate) config: Arc<BrokerConfig>,
    pub(crate) start: Start,
    pub(crate) raft: Raft,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) alter_partition: AlterPartition,
    pub(crate) request: RequestLayer,
    pub(crate) groups: GroupCoordinator,
    /// The partitions of `__consumer_offsets` that the group coordinator has, or is about to take
    /// or to drop, each with the epoch in which this broker leads it, while it does.
    pub(crate) coordinates: BTreeMap<TopicPartition, Option<LeaderEpoch>>,
    pub(crate) replicas: BTreeMap<TopicPartition, Replica>,
    pub(crate) fetchers: BTreeMap<BrokerId, Source>,
    /// Source brokers in the order in which they were first fetched from.
    pub(crate) slots: Vec<BrokerId>,
    /// To controllers, for each purpose its own connections.
    pub(crate) raft_connections: Connections,
    pub(crate) lifecycle_connections: Connections,
    pub(crate) alter_connections: Connections,
    pub(crate) forwarding_connections: Connections,
    /// The leader of the metadata quorum, as far as this broker knows.
    pub(crate) controller: Option<BrokerId>,
    pub(crate) broker_epoch: Option<BrokerEpoch>,
    /// What was replayed, and what changed since it was last published.
    pub(crate) image: MetadataImage,
    pub(crate) unpublished: Delta,
    /// Every broker's registration, as last shown to the replicas.
    pub(crate) standings: Arc<BTreeMap<BrokerId, Standing>>,
    pub(crate) publication: Publication,
    /// Whether a task to replay what is committed is on its way already.
    pub(crate) apply_is_posted: bool,
    /// How many `PartitionChangeRecord`s were replayed, for `SkippedMetadataRecord`.
    pub(crate) changes_replayed: u64,
    pub(crate) schedule: Schedule,
    pub(crate) next_ticket: u64,
    pub(crate) ending: Ending,
    /// What a write to a log is told now, if it fails.
    pub(crate) storage: Option<DiskError>,
    /// Whether it was asked to end.
    pub(crate) is_shutting_down: bool,
    /// What waits its turn; empty between steps.
    pub(crate) work: VecDeque<Work>,
    pub(crate) touched: Touched,
    pub(crate) scratch: Scratch,
}

/// A fetcher and its connection.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) fetcher: Fetcher,
    pub(crate) connections: Connections,
}

/// How far the broker is with showing metadata to its replicas.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Publication {
    /// The controller has not said yet that the broker is caught up.
    CatchingUp,
    /// The first image is due.
    Due,
    /// Images are published as they come.
    Running,
}

/// Whether the process is coming to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// It is not.
    No,
    /// All is flushed and written when this ticket completes.
    Closing(Ticket),
    /// It asked to be stopped and does nothing more.
    Halted,
}

/// Lanes whose deadlines may have moved since they were last asked for: a broker has many lanes,
/// and most steps concern one or two.
#[derive(Clone, Debug)]
pub(crate) struct Touched {
    /// All of them: the process has begun, or is coming to its end.
    pub(crate) all: bool,
    pub(crate) request: bool,
    pub(crate) raft: bool,
    pub(crate) lifecycle: bool,
    pub(crate) scheduler: bool,
    pub(crate) fetchers: SmallVec<[BrokerId; 4]>,
}

impl Touched {
    pub(crate) fn everything() -> Self {
        Self {
            all: true,
            request: true,
            raft: true,
            lifecycle: true,
            scheduler: true,
            fetchers: SmallVec::new(),
        }
    }

    fn nothing() -> Self {
        Self {
            all: false,
            request: false,
            raft: false,
            lifecycle: false,
            scheduler: false,
            fetchers: SmallVec::new(),
        }
    }

    fn fetcher(&mut self, source: BrokerId) {
        if !self.fetchers.contains(&source) {
            self.fetchers.push(source);
        }
    }

    fn component(&mut self, component: Component) {
        match component {
            Component::Raft => self.raft = true,
            Component::Lifecycle => self.lifecycle = true,
            Component::AlterPartition | Component::Forwarding => self.scheduler = true,
            Component::Fetcher(source) => self.fetcher(source),
        }
    }
}

/// What one step of one of the machines asks for, to be carried out in order. Whole lists are
/// queued: effects are large, and each would be moved twice more.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Raft(Vec<raft::Effect>),
    Lifecycle(Vec<lifecycle::Effect>),
    AlterPartition(Vec<alter_partition::Effect>),
    Request(Vec<request::Effect>),
    Groups(Vec<group::Effect>),
    Fetcher(BrokerId, Vec<fetcher::Effect>),
    Replica(TopicPartition, Vec<replica::Effect>),
    Connection(Component, Vec<connection::Effect>),
}

/// Empty lists for the machines to fill; kept for their memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) request: Vec<Vec<request::Effect>>,
    pub(crate) groups: Vec<Vec<group::Effect>>,
    pub(crate) raft: Vec<Vec<raft::Effect>>,
    pub(crate) lifecycle: Vec<Vec<lifecycle::Effect>>,
    pub(crate) alter_partition: Vec<Vec<alter_partition::Effect>>,
    pub(crate) fetcher: Vec<Vec<fetcher::Effect>>,
    pub(crate) replica: Vec<Vec<replica::Effect>>,
    pub(crate) connection: Vec<Vec<connection::Effect>>,
}

/// Who uses a connection that this process opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Component {
    Raft,
    Lifecycle,
    AlterPartition,
    Forwarding,
    Fetcher(BrokerId),
}

impl Component {
    /// The part of a connection's number that names it.
    pub(crate) const RAFT: u8 = 0;
    pub(crate) const LIFECYCLE: u8 = 1;
    pub(crate) const ALTER_PARTITION: u8 = 2;
    pub(crate) const FORWARDING: u8 = 3;

    fn lane(self) -> Lane {
        match self {
            Self::Raft => Lane::Raft,
            Self::Lifecycle => Lane::Lifecycle,
            Self::AlterPartition | Self::Forwarding => Lane::Scheduler,
            Self::Fetcher(source) => fetcher_lane(source),
        }
    }
}

/// The lane of the fetcher for `source`.
fn fetcher_lane(source: BrokerId) -> Lane {
    Lane::Fetcher(u16::try_from(source.0).expect("brokers are numbered from 1 below 65,536"))
}

impl Broker {
    /// What a write to the disk is told from here on.
    pub fn set_storage(&mut self, error: Option<DiskError>) {
        self.storage = error;
        self.replicas.values_mut().for_each(|replica| replica.log_mut().set_storage(error));
    }

    /// Takes one input on one of its lanes and says what follows, in order.
    pub fn step(&mut self, lane: Lane, now: Now, input: Input, out: &mut Vec<Output>) {
        let is_disk = matches!(input, Input::Disk { .. });
        match self.ending {
            Ending::No => {}
            // Nobody is served any more: what is flushed must stay all there is.
            Ending::Closing(_) if is_disk => {}
            Ending::Closing(_) | Ending::Halted => return,
        }
        match input {
            Input::Request { connection, purpose: _, request } => {
                self.ask(now, request::Input::Request { connection, request });
            }
            Input::Connected { connection } => {
                self.on_own(now, connection, connection::Input::Connected { connection });
            }
            Input::Response { connection, response } => {
                let input = connection::Input::Response { connection, response };
                self.on_own(now, connection, input);
            }
            Input::Disconnected { connection, because } => {
                if connection.opener == self.start.host {
                    let input = connection::Input::Disconnected { connection, because };
                    self.on_own(now, connection, input);
                } else {
                    self.ask(now, request::Input::Disconnected { connection });
                    self.coordinate(now, group::Input::Disconnected { connection });
                }
            }
            Input::Disk { ticket, result } => self.on_disk(now, ticket, result, out),
            Input::Deadline(_) => self.on_deadline(lane, now, out),
            Input::Task(task) => match task {
                Task::ApplyMetadata => self.apply_metadata(now, out),
                Task::Shutdown => self.shutdown(now, out),
                Task::Groups(task) => self.on_group_task(now, task),
                // These are the controllers' and the clients'.
                Task::AppendMetadata { .. }
                | Task::QuorumAdvanced
                | Task::CompleteRequests
                | Task::StopWorkload
                | Task::Stall(_)
                | Task::Administer(_) => {}
            },
            // Applications call clients.
            Input::Call { .. } => {}
        }
        self.carry_out(now, out);
    }

    /// The lane that takes `input`; `Lane::Request(0)` is any request handler.
    pub fn lane(&self, input: &Input) -> Lane {
        match input {
            Input::Request { .. } | Input::Call { .. } => Lane::Request(0),
            Input::Response { connection, .. }
            | Input::Connected { connection }
            | Input::Disconnected { connection, .. } => {
                self.component(*connection).map_or(Lane::Request(0), Component::lane)
            }
            Input::Disk { ticket, .. } if *ticket >= FIRST_RAFT_TICKET => Lane::Raft,
            Input::Disk { .. } => Lane::Scheduler,
            Input::Deadline(lane) => *lane,
            Input::Task(Task::Shutdown) => Lane::Lifecycle,
            Input::Task(Task::Groups(_)) => Lane::Scheduler,
            Input::Task(_) => Lane::Metadata,
        }
    }

    /// What the lanes wait for whose deadlines may have moved since the last call.
    pub fn moved_deadlines(&mut self, out: &mut Vec<(Lane, Deadlines)>) {
        let touched = std::mem::replace(&mut self.touched, Touched::nothing());
        if touched.all {
            self.deadlines(out);
            return;
        }
        if touched.request {
            out.push((Lane::Request(0), self.waits_for(Lane::Request(0))));
        }
        if touched.raft {
            out.push((Lane::Raft, self.waits_for(Lane::Raft)));
        }
        if touched.lifecycle {
            out.push((Lane::Lifecycle, self.waits_for(Lane::Lifecycle)));
        }
        if touched.scheduler {
            out.push((Lane::Scheduler, self.waits_for(Lane::Scheduler)));
        }
        for source in touched.fetchers {
            let lane = fetcher_lane(source);
            out.push((lane, self.waits_for(lane)));
        }
    }

    /// What every lane waits for.
    pub fn deadlines(&self, out: &mut Vec<(Lane, Deadlines)>) {
        for lane in [Lane::Request(0), Lane::Raft, Lane::Lifecycle, Lane::Scheduler] {
            out.push((lane, self.waits_for(lane)));
        }
        for source in self.fetchers.keys() {
            let lane = fetcher_lane(*source);
            out.push((lane, self.waits_for(lane)));
        }
    }

    fn waits_for(&self, lane: Lane) -> Deadlines {
        if self.ending != Ending::No {
            return Deadlines::NONE;
        }
        match lane {
            Lane::Request(_) => self.request.deadlines().or(self.groups.deadlines()),
            Lane::Raft => self.raft.deadlines().or(self.raft_connections.deadlines()),
            Lane::Lifecycle => {
                self.lifecycle.deadlines().or(self.lifecycle_connections.deadlines())
            }
            Lane::Scheduler => self
                .alter_partition
                .deadlines()
                .or(self.alter_connections.deadlines())
                .or(self.forwarding_connections.deadlines())
                .or(self.schedule.deadlines()),
            Lane::Fetcher(source) => {
                let source = self.fetchers.get(&BrokerId(i32::from(source)));
                source.map_or(Deadlines::NONE, |source| {
                    source.fetcher.deadlines().or(source.connections.deadlines())
                })
            }
            Lane::Metadata | Lane::Controller | Lane::Sender | Lane::Application => Deadlines::NONE,
        }
    }

    /// What the real state is, told at the audit.
    pub fn audit(&self, out: &mut Vec<Kind>) {
        out.extend(self.replicas.values().map(Replica::audit));
        let (log_end_offset, high_watermark, chain) = self.raft.audit();
        let digest = self.image.digest();
        out.push(Kind::QuorumAudited { log_end_offset, high_watermark, chain, digest });
    }

    fn on_deadline(&mut self, lane: Lane, now: Now, out: &mut Vec<Output>) {
        match lane {
            Lane::Request(_) => {
                self.ask(now, request::Input::Deadline);
                self.coordinate(now, group::Input::Deadline);
            }
            Lane::Raft => {
                self.connect(now, Component::Raft, connection::Input::Deadline);
                self.observe(now, raft::Input::Deadline);
            }
            Lane::Lifecycle => {
                self.connect(now, Component::Lifecycle, connection::Input::Deadline);
                self.live(now, lifecycle::Input::Deadline);
            }
            Lane::Scheduler => {
                self.connect(now, Component::AlterPartition, connection::Input::Deadline);
                self.connect(now, Component::Forwarding, connection::Input::Deadline);
                self.propose(now, alter_partition::Input::Deadline);
                self.touched.scheduler = true;
                self.on_schedule(now, out);
            }
            Lane::Fetcher(source) => {
                let source = BrokerId(i32::from(source));
                self.connect(now, Component::Fetcher(source), connection::Input::Deadline);
                self.fetch(now, source, fetcher::Input::Deadline);
            }
            Lane::Metadata | Lane::Controller | Lane::Sender | Lane::Application => {}
        }
    }

    fn on_own(&mut self, now: Now, connection: ConnectionId, input: connection::Input) {
        if let Some(component) = self.component(connection) {
            self.connect(now, component, input);
        }
    }

    /// Who uses `connection`, if this process opened it.
    fn component(&self, connection: ConnectionId) -> Option<Component> {
        if connection.opener != self.start.host {
            return None;
        }
        match connection.component() {
            Component::RAFT => Some(Component::Raft),
            Component::LIFECYCLE => Some(Component::Lifecycle),
            Component::ALTER_PARTITION => Some(Component::AlterPartition),
            Component::FORWARDING => Some(Component::Forwarding),
            fetcher => {
                let slot = usize::from(fetcher.checked_sub(FIRST_FETCHER_COMPONENT)?);
                self.slots.get(slot).map(|source| Component::Fetcher(*source))
            }
        }
    }

    // Each of the following gives an input to one machine and queues what it asks for.

    pub(crate) fn ask(&mut self, now: Now, input: request::Input) {
        self.touched.request = true;
        let mut effects = self.scratch.request.pop().unwrap_or_default();
        self.request.step(now, input, &mut effects);
        queue(effects, &mut self.scratch.request, &mut self.work, Work::Request);
    }

    pub(crate) fn coordinate(&mut self, now: Now, input: group::Input) {
        self.touched.request = true;
        let mut effects = self.scratch.groups.pop().unwrap_or_default();
        self.groups.step(now, input, &mut effects);
        queue(effects, &mut self.scratch.groups, &mut self.work, Work::Groups);
    }

    pub(crate) fn observe(&mut self, now: Now, input: raft::Input) {
        self.touched.raft = true;
        let mut effects = self.scratch.raft.pop().unwrap_or_default();
        self.raft.step(now, input, &mut effects);
        queue(effects, &mut self.scratch.raft, &mut self.work, Work::Raft);
    }

    pub(crate) fn live(&mut self, now: Now, input: lifecycle::Input) {
        self.touched.lifecycle = true;
        let mut effects = self.scratch.lifecycle.pop().unwrap_or_default();
        self.lifecycle.step(now, input, &mut effects);
        queue(effects, &mut self.scratch.lifecycle, &mut self.work, Work::Lifecycle);
    }

    pub(crate) fn propose(&mut self, now: Now, input: alter_partition::Input) {
        self.touched.scheduler = true;
        let mut effects = self.scratch.alter_partition.pop().unwrap_or_default();
        self.alter_partition.step(now, input, &mut effects);
        queue(effects, &mut self.scratch.alter_partition, &mut self.work, Work::AlterPartition);
    }

    pub(crate) fn fetch(&mut self, now: Now, source: BrokerId, input: fetcher::Input) {
        let Some(running) = self.fetchers.get_mut(&source) else { return };
        self.touched.fetcher(source);
        let mut effects = self.scratch.fetcher.pop().unwrap_or_default();
        running.fetcher.step(now, input, &mut effects);
        queue(effects, &mut self.scratch.fetcher, &mut self.work, |effects| {
            Work::Fetcher(source, effects)
        });
    }

    /// Says whether there is such a replica.
    pub(crate) fn tell(
        &mut self,
        now: Now,
        partition: TopicPartition,
        input: replica::Input,
    ) -> bool {
        let Some(replica) = self.replicas.get_mut(&partition) else { return false };
        let mut effects = self.scratch.replica.pop().unwrap_or_default();
        replica.step(now, input, &mut effects);
        queue(effects, &mut self.scratch.replica, &mut self.work, |effects| {
            Work::Replica(partition, effects)
        });
        true
    }

    pub(crate) fn connect(&mut self, now: Now, component: Component, input: connection::Input) {
        self.touched.component(component);
        let connections = match component {
            Component::Raft => &mut self.raft_connections,
            Component::Lifecycle => &mut self.lifecycle_connections,
            Component::AlterPartition => &mut self.alter_connections,
            Component::Forwarding => &mut self.forwarding_connections,
            Component::Fetcher(source) => match self.fetchers.get_mut(&source) {
                Some(source) => &mut source.connections,
                None => return,
            },
        };
        let mut effects = self.scratch.connection.pop().unwrap_or_default();
        connections.step(now, input, &mut effects);
        queue(effects, &mut self.scratch.connection, &mut self.work, |effects| {
            Work::Connection(component, effects)
        });
    }
}

/// Queues `effects` as `work`, or, when nothing is asked for, keeps the list.
pub(crate) fn queue<T>(
    effects: Vec<T>,
    spare: &mut Vec<Vec<T>>,
    all: &mut VecDeque<Work>,
    work: impl FnOnce(Vec<T>) -> Work,
) {
    if effects.is_empty() {
        spare.push(effects);
    } else {
        all.push_back(work(effects));
    }
}
