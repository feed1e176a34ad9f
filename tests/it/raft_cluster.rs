//! Voters in a network made of a queue: messages take their time, links are cut, disks are slow,
//! processes die with or without their page cache. And what must hold all the while.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafsim::event::{ChainHash, Kind, QuorumRole};
use kafsim::log::LogEffect;
use kafsim::message::{Batch, DiskOperation, MetadataRecord, RequestBody, ResponseBody};
use kafsim::protocol::Machine;
use kafsim::protocol::raft::{Effect, Input, Raft, RaftConfig};
use kafsim::types::{
    BrokerId, BrokerSet, ConnectionId, DefectSet, HostId, LeaderEpoch, Monotonic, Now, Offset, Rng,
    Ticket, Wall,
};

use crate::fake_disk::FakeDisk;

/// What goes wrong, and when, in milliseconds from the start.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The node's process dies, with its page cache if `loses_power`, for so long.
    Crash { node: usize, loses_power: bool, millis: u64 },
    /// The node hears nobody and is heard by nobody, for so long.
    Isolate { node: usize, millis: u64 },
    /// `from` is not heard by `to`, for so long.
    Cut { from: usize, to: usize, millis: u64 },
}

/// A node of the cluster.
pub(crate) struct Node {
    pub(crate) raft: Option<Raft>,
    disk: FakeDisk,
    starts: u64,
    /// When the process runs again, if it is down.
    wakes: Option<u64>,
    timer: Option<u64>,
    /// The disk operation that it must wait for.
    waits: Option<Ticket>,
    high_watermark: Offset,
}

#[derive(Clone, Debug)]
enum What {
    Timer {
        node: usize,
    },
    Request {
        from: usize,
        to: usize,
        start: u64,
        token: u64,
        body: RequestBody,
    },
    Response {
        from: usize,
        to: usize,
        start: u64,
        token: u64,
        body: ResponseBody,
        records: Vec<Vec<Batch>>,
    },
    TimedOut {
        from: usize,
        to: usize,
        start: u64,
        token: u64,
    },
    Disk {
        node: usize,
        start: u64,
        operation: DiskOperation,
    },
    Fault(Fault),
    Start {
        node: usize,
    },
    Heal {
        from: usize,
        to: usize,
    },
    Append,
}

/// The cluster, and what has been seen of it.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    defects: DefectSet,
    rng: Rng,
    now: u64,
    queue: BTreeMap<(u64, u64), What>,
    queued: u64,
    requests: u64,
    cut: BTreeSet<(usize, usize)>,
    /// Who asked, by the connection's number.
    asked: BTreeMap<u64, (usize, usize, u64, u64)>,
    leaders: BTreeMap<LeaderEpoch, usize>,
    votes: BTreeMap<(usize, LeaderEpoch), BrokerId>,
    written: BTreeMap<(LeaderEpoch, Offset), ChainHash>,
    committed: BTreeMap<Offset, ChainHash>,
    disk_micros_max: u64,
    /// The first breach of a rule.
    pub(crate) violation: Option<String>,
}

impl Cluster {
    /// `size` voters; everything random comes from `seed`.
    pub(crate) fn new(size: usize, seed: u64, defects: DefectSet, disk_micros_max: u64) -> Self {
        let node = || Node {
            raft: None,
            disk: FakeDisk::default(),
            starts: 0,
            wakes: None,
            timer: None,
            waits: None,
            high_watermark: Offset::ZERO,
        };
        let mut cluster = Self {
            nodes: (0..size).map(|_| node()).collect(),
            defects,
            rng: Rng::named(seed, "raft-cluster", &[]),
            now: 0,
            queue: BTreeMap::new(),
            queued: 0,
            requests: 0,
            cut: BTreeSet::new(),
            asked: BTreeMap::new(),
            leaders: BTreeMap::new(),
            votes: BTreeMap::new(),
            written: BTreeMap::new(),
            committed: BTreeMap::new(),
            disk_micros_max,
            violation: None,
        };
        for node in 0..size {
            cluster.at(0, What::Start { node });
        }
        cluster.at(1_000_000, What::Append);
        cluster
    }

    /// Lets `fault` happen `millis` from the start.
    pub(crate) fn plan(&mut self, millis: u64, fault: Fault) {
        self.at(millis * 1000, What::Fault(fault));
    }

    /// Runs until `millis` from the start, or the first breach.
    pub(crate) fn run_until(&mut self, millis: u64) {
        while let Some((&(at, n), _)) = self.queue.first_key_value() {
            if at > millis * 1000 || self.violation.is_some() {
                break;
            }
            let what = self.queue.remove(&(at, n)).expect("just seen");
            self.now = at;
            self.happen(what);
        }
        self.now = self.now.max(millis * 1000);
    }

    /// Brings `node` a request of somebody who does not wait for the answer.
    pub(crate) fn ask(&mut self, node: usize, body: RequestBody) {
        let request = ConnectionId { opener: HostId(9), number: u64::MAX };
        self.step(node, Input::Request { request, body });
    }

    /// The node that leads in the highest epoch, with its epoch.
    pub(crate) fn leader(&self) -> Option<(usize, LeaderEpoch)> {
        let leads = |raft: &Raft| raft.quorum_role() == QuorumRole::Leader;
        let nodes = self.nodes.iter().enumerate();
        let leaders = nodes.filter_map(|(at, node)| {
            let raft = node.raft.as_ref().filter(|raft| leads(raft))?;
            Some((at, raft.leader_epoch()))
        });
        leaders.max_by_key(|&(_, epoch)| epoch)
    }

    /// The end of what was ever seen to be committed.
    pub(crate) fn committed_end(&self) -> Offset {
        self.committed.last_key_value().map_or(Offset::ZERO, |(&offset, _)| offset)
    }

    fn at(&mut self, at: u64, what: What) {
        self.queue.insert((at, self.queued), what);
        self.queued += 1;
    }

    fn clock(&self) -> Now {
        Now { monotonic: Monotonic(self.now), wall: Wall(self.now as i64 + 1_000_000_000) }
    }

    fn id(at: usize) -> BrokerId {
        BrokerId(3001 + i32::try_from(at).expect("small"))
    }

    fn place(id: BrokerId) -> usize {
        usize::try_from(id.0 - 3001).expect("a voter")
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Timer { node } => {
                if self.nodes[node].timer == Some(self.now) {
                    self.nodes[node].timer = None;
                    self.step(node, Input::Deadline);
                }
            }
            What::Request { from, to, start, token, body } => {
                if self.cut.contains(&(from, to)) {
                    return;
                }
                if self.nodes[to].raft.is_none() {
                    let refused = self.now + self.delay();
                    self.at(refused, What::TimedOut { from, to, start, token });
                    return;
                }
                // A node that waits for its disk puts nothing into the queue: two requests that
                // it is handed meanwhile are two all the same.
                self.requests += 1;
                let number = self.requests;
                self.asked.insert(number, (from, to, start, token));
                let request = ConnectionId { opener: HostId(0), number };
                self.step(to, Input::Request { request, body });
            }
            What::Response { from, to, start, token, body, records } => {
                if self.nodes[to].starts == start && !self.cut.contains(&(from, to)) {
                    self.step(to, Input::Response { to: Self::id(from), token, body, records });
                }
            }
            What::TimedOut { from, to, start, token } => {
                if self.nodes[from].starts == start {
                    self.step(from, Input::SendFailed { to: Self::id(to), token });
                }
            }
            What::Disk { node, start, operation } => {
                if self.nodes[node].starts != start || self.nodes[node].raft.is_none() {
                    return;
                }
                self.nodes[node].disk.complete(&operation);
                if let Some(ticket) = ticket(&operation) {
                    self.step(node, Input::DiskCompleted { ticket, result: Ok(()) });
                }
            }
            What::Fault(fault) => self.befall(&fault),
            What::Start { node } => self.start(node),
            What::Heal { from, to } => drop(self.cut.remove(&(from, to))),
            What::Append => {
                if let Some((node, leader_epoch)) = self.leader() {
                    let records = vec![MetadataRecord::NoOp; 1 + (self.rng.below(3) as usize)];
                    self.step(node, Input::Append { leader_epoch, records });
                }
                let next = self.now + self.rng.between(5_000, 200_000);
                self.at(next, What::Append);
            }
        }
    }

    fn befall(&mut self, fault: &Fault) {
        let size = self.nodes.len();
        match *fault {
            Fault::Crash { node, loses_power, millis } => {
                let node = node % size;
                let until = self.now + millis * 1000;
                let this = &mut self.nodes[node];
                if this.raft.take().is_some() && loses_power {
                    this.disk.lose_power();
                }
                this.starts += 1;
                this.timer = None;
                this.waits = None;
                this.wakes = Some(until);
                self.at(until, What::Start { node });
                // The host is there to reset the connections, on which requests may wait.
                let lost: Vec<_> = self.asked.iter().filter(|(_, asked)| asked.1 == node).collect();
                let lost: Vec<_> = lost.into_iter().map(|(&n, &asked)| (n, asked)).collect();
                for (number, (from, to, start, token)) in lost {
                    self.asked.remove(&number);
                    let reset = self.now + self.delay();
                    self.at(reset, What::TimedOut { from, to, start, token });
                }
            }
            Fault::Isolate { node, millis } => {
                let node = node % size;
                for other in (0..size).filter(|&other| other != node) {
                    self.sever(node, other, millis);
                    self.sever(other, node, millis);
                }
            }
            Fault::Cut { from, to, millis } => self.sever(from % size, to % size, millis),
        }
    }

    fn sever(&mut self, from: usize, to: usize, millis: u64) {
        self.cut.insert((from, to));
        self.at(self.now + millis * 1000, What::Heal { from, to });
    }

    fn start(&mut self, node: usize) {
        let this = &mut self.nodes[node];
        if this.raft.is_some() || this.wakes.is_some_and(|at| at > self.now) {
            return;
        }
        this.wakes = None;
        this.high_watermark = Offset::ZERO;
        let voters: BrokerSet = (0..self.nodes.len()).map(Self::id).collect();
        let mut config = RaftConfig::new(Self::id(node), voters);
        config.defects = self.defects;
        let place = [node as u64, self.nodes[node].starts];
        let rng = Rng::named(self.rng.bits(), "election", &place);
        let mut effects = Vec::new();
        let image = self.nodes[node].disk.image();
        let now = self.clock();
        let first = Ticket(0);
        let config = Arc::new(config);
        let raft = Raft::start(config, &image, false, rng, first, now, &mut effects);
        self.nodes[node].raft = Some(raft);
        self.carry_out(node, effects);
    }

    fn step(&mut self, node: usize, input: Input) {
        let now = self.clock();
        let mut effects = Vec::new();
        let this = &mut self.nodes[node];
        let Some(raft) = &mut this.raft else { return };
        if matches!(&input, Input::DiskCompleted { ticket, .. } if this.waits == Some(*ticket)) {
            this.waits = None;
        }
        let is_busy = this.waits.is_some();
        raft.step(now, input, &mut effects);
        assert!(!is_busy || effects.is_empty(), "node {node} does not wait: {effects:?}");
        self.carry_out(node, effects);
    }

    fn carry_out(&mut self, node: usize, effects: Vec<Effect>) {
        let start = self.nodes[node].starts;
        for effect in effects {
            match effect {
                Effect::Send { to, token, body } => {
                    let to = Self::place(to);
                    let at = self.now + self.delay();
                    self.at(at, What::Request { from: node, to, start, token, body });
                    let lost = self.now + 2_000_000;
                    self.at(lost, What::TimedOut { from: node, to, start, token });
                }
                Effect::Answer { request, body, records } => {
                    let Some((to, from, asked, token)) = self.asked.remove(&request.number) else {
                        continue;
                    };
                    let at = self.now + self.delay();
                    let start = asked;
                    self.at(at, What::Response { from, to, start, token, body, records });
                }
                Effect::Disk(operation) | Effect::Log(LogEffect::Disk(operation)) => {
                    self.nodes[node].disk.take(&operation);
                    if let Some(ticket) = ticket(&operation) {
                        self.nodes[node].waits = Some(ticket);
                        let at = self.now + self.rng.between(10, self.disk_micros_max);
                        self.at(at, What::Disk { node, start, operation });
                    }
                }
                Effect::Log(LogEffect::Event(kind)) | Effect::Event { kind, .. } => {
                    self.see(node, &kind);
                }
                Effect::LeaderChanged { .. } | Effect::HighWatermarkMoved { .. } => {}
                // The process is gone, as a fatal fault leaves it; it does not come back.
                Effect::Halt { .. } | Effect::ShutDown => {
                    self.nodes[node].raft = None;
                    self.nodes[node].starts += 1;
                    self.nodes[node].wakes = Some(u64::MAX);
                    return;
                }
            }
        }
        let wanted = self.nodes[node].raft.as_ref().map(Machine::deadlines).unwrap_or_default();
        let monotonic = wanted.monotonic.map(|at| at.0);
        let wall = wanted.wall.map(|at| u64::try_from(at.0 - 1_000_000_000).unwrap_or(0));
        let next = [monotonic, wall].into_iter().flatten().min();
        if let Some(next) = next {
            assert!(next > self.now, "the deadline {next} of node {node} does not move");
            self.at(next, What::Timer { node });
        }
        self.nodes[node].timer = next;
    }

    /// Most messages are quick; some are not.
    fn delay(&mut self) -> u64 {
        if self.rng.chance(1, 20) {
            self.rng.between(5_000, 400_000)
        } else {
            self.rng.between(100, 3_000)
        }
    }

    /// Compares what happened with all that must hold.
    fn see(&mut self, node: usize, kind: &Kind) {
        match kind {
            Kind::QuorumRoleTaken { role: QuorumRole::Leader, leader_epoch, .. } => {
                let before = *self.leaders.entry(*leader_epoch).or_insert(node);
                if before != node {
                    self.breach(format!("election safety: {before} and {node} in {leader_epoch}"));
                }
                // A late vote may yet make a leader of an epoch that is past; it commits nothing.
                if self.leaders.keys().all(|later| later <= leader_epoch) {
                    self.holds_committed(node, "leader completeness");
                }
            }
            Kind::VoteGranted { candidate, leader_epoch, pre_vote: false } => {
                let before = *self.votes.entry((node, *leader_epoch)).or_insert(*candidate);
                if before != *candidate {
                    self.breach(format!("{node} votes {before}, {candidate} in {leader_epoch}"));
                }
            }
            Kind::LogAppended { base_offset, leader_epoch, chain, .. } => {
                let place = (*leader_epoch, *base_offset);
                if *self.written.entry(place).or_insert(*chain) != *chain {
                    self.breach(format!("log matching: two logs at {place:?}"));
                }
            }
            Kind::HighWatermarkMoved { high_watermark, .. } => {
                if *high_watermark < self.nodes[node].high_watermark {
                    self.breach(format!("high watermark of {node} back to {high_watermark}"));
                }
                self.nodes[node].high_watermark = *high_watermark;
                let chain = self.chain_at(node, *high_watermark);
                if let Some(chain) = chain
                    && *self.committed.entry(*high_watermark).or_insert(chain) != chain
                {
                    self.breach(format!("state machine safety at {high_watermark}"));
                }
            }
            _ => {}
        }
    }

    fn chain_at(&self, node: usize, offset: Offset) -> Option<ChainHash> {
        self.nodes[node].raft.as_ref()?.log().chain_at(offset)
    }

    fn holds_committed(&mut self, node: usize, rule: &str) {
        let Some((&end, &chain)) = self.committed.last_key_value() else { return };
        if self.nodes[node].raft.is_some() && self.chain_at(node, end) != Some(chain) {
            self.breach(format!("{rule}: {node} leads without {end}"));
        }
    }

    fn breach(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }
}

fn ticket(operation: &DiskOperation) -> Option<Ticket> {
    match operation {
        DiskOperation::Flush { ticket, .. } | DiskOperation::Write { ticket, .. } => *ticket,
        DiskOperation::Create { .. }
        | DiskOperation::Append { .. }
        | DiskOperation::AppendInVain { .. }
        | DiskOperation::Truncate { .. }
        | DiskOperation::Delete { .. } => None,
    }
}

/// The longest that an election takes when nothing stands in its way, with room.
pub(crate) const ELECTION: Duration = Duration::from_secs(8);
