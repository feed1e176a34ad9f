//! A host: its process, the lanes of the process, its disk and its clock.
//!
//! A lane takes one input at a time and is busy for its service time; what comes meanwhile waits
//! in order of arrival. A blocking disk operation keeps its own lane busy until it is done, the
//! others go on. The request lane is a pool: several servers, one queue.

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::event::StartedAs;
use crate::node::Input;
use crate::sim::clock::Clock;
use crate::sim::device::DeviceSetup;
use crate::sim::disk::Disk;
use crate::sim::network_threads::NetworkThreads;
use crate::sim::process::Launch;
use crate::sim::service::ServiceTimes;
use crate::sim::trouble::Stalled;
use crate::types::{BrokerId, Deadlines, HostId, Lane, Moment, Name};

/// Whether a host's process runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostState {
    /// It runs.
    Running,
    /// It stands still (a long garbage collection, SIGSTOP); its host answers for it.
    Paused,
    /// There is none.
    Down,
}

/// How to make a host.
#[derive(Clone, Debug)]
pub struct HostSetup<L> {
    /// Its name in reports: `broker-1`, `controller-2`, `checkout-1`.
    pub name: Name,
    /// `node.id`, by which others connect to it; none for a client.
    pub node: Option<BrokerId>,
    /// The program that it runs.
    pub launch: L,
    /// How far its wall clock is ahead, in microseconds.
    pub clock_offset_micros: i64,
    /// How many microseconds its clocks gain in a million.
    pub clock_drift_ppm: i64,
    /// Its disk's device; `None` for one like [`crate::sim::Physics`] says.
    pub device: Option<DeviceSetup>,
}

/// An input that waits for a lane, or that takes it.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) input: Input,
    /// The first event of the step that brought it.
    pub(crate) cause: Option<u64>,
}

/// A lane of a process.
#[derive(Clone, Debug)]
pub(crate) struct LaneState {
    pub(crate) lane: Lane,
    /// Until when each thread of the lane is busy.
    pub(crate) busy_until: SmallVec<[Moment; 1]>,
    /// Until when each thread of the lane waits, or waited last, for the disk.
    pub(crate) disk_until: SmallVec<[Moment; 1]>,
    pub(crate) queue: VecDeque<Waiting>,
    /// Whether a deadline waits in the queue.
    pub(crate) deadline_waits: bool,
    /// What it named last, by its own clocks.
    pub(crate) deadlines: Deadlines,
    /// When the lane's next deadline is, and the event whose step set it.
    pub(crate) wanted: Option<Moment>,
    pub(crate) wanted_cause: Option<u64>,
    /// When the next timer entry of this lane is due in the queue of the world.
    pub(crate) timer_at: Option<Moment>,
    /// When the lane is to look at its queue again.
    pub(crate) resume_at: Option<Moment>,
    /// Count timers, resumptions, tasks: the n of their keys.
    pub(crate) timers: u32,
    pub(crate) resumptions: u32,
    pub(crate) tasks: u32,
    /// How often the same deadline was reached in a row.
    pub(crate) repeats: u32,
}

impl LaneState {
    pub(crate) fn new(lane: Lane, servers: usize) -> Self {
        Self {
            lane,
            busy_until: SmallVec::from_elem(Moment(0), servers),
            disk_until: SmallVec::from_elem(Moment(0), servers),
            queue: VecDeque::new(),
            deadline_waits: false,
            deadlines: Deadlines::NONE,
            wanted: None,
            wanted_cause: None,
            timer_at: None,
            resume_at: None,
            timers: 0,
            resumptions: 0,
            tasks: 0,
            repeats: 0,
        }
    }

    /// A thread that is idle at `now`.
    pub(crate) fn idle(&self, now: Moment) -> Option<usize> {
        self.busy_until.iter().position(|until| *until <= now)
    }

    /// When the next thread is idle.
    pub(crate) fn next_idle(&self) -> Moment {
        self.busy_until.iter().copied().min().expect("a lane has a thread")
    }

    /// The lane in 16 bits, for keys.
    pub(crate) fn detail(&self) -> u16 {
        detail(self.lane)
    }
}

/// A lane in 16 bits, for keys.
pub(crate) fn detail(lane: Lane) -> u16 {
    match lane {
        Lane::Request(_) => 0,
        Lane::Raft => 1,
        Lane::Controller => 2,
        Lane::Lifecycle => 3,
        Lane::Scheduler => 4,
        Lane::Sender => 5,
        Lane::Application => 6,
        Lane::Metadata => 7,
        Lane::Fetcher(broker) => 0x1000 + broker,
    }
}

/// A host.
#[derive(Clone, Debug)]
pub(crate) struct Host<L: Launch> {
    pub(crate) id: HostId,
    pub(crate) setup: HostSetup<L>,
    pub(crate) state: HostState,
    pub(crate) process: Option<L::Process>,
    /// Counts the starts; the running process' number is one less.
    pub(crate) starts: u32,
    pub(crate) started_as: StartedAs,
    /// Whether its process takes connections.
    pub(crate) is_listening: bool,
    pub(crate) lanes: Vec<LaneState>,
    pub(crate) disk: Disk,
    /// Counts disk completions: the n of their keys.
    pub(crate) completions: u32,
    pub(crate) calls: u32,
    /// How many operations its processes counted.
    pub(crate) operations: u32,
    pub(crate) clock: Clock,
    /// How long its lanes are busy.
    pub(crate) service: ServiceTimes,
    /// The faults that make that longer, and how many times.
    pub(crate) slowness: SmallVec<[(u32, u32); 1]>,
    /// Those of a process whose request queue has a bound.
    pub(crate) network_threads: Option<Box<NetworkThreads>>,
    /// The faults that make its clocks drift, and by how much.
    pub(crate) drifts: SmallVec<[(u32, i64); 1]>,
    /// What waits for its disk, which hangs.
    pub(crate) stalled: Vec<Stalled>,
}

impl<L: Launch> Host<L> {
    /// How many microseconds its clocks gain in a million.
    pub(crate) fn drift(&self) -> i64 {
        self.setup.clock_drift_ppm + self.drifts.iter().map(|(_, ppm)| ppm).sum::<i64>()
    }

    /// The place of `lane` among the lanes, made if there is none yet.
    pub(crate) fn lane_index(&mut self, lane: Lane) -> usize {
        let lane = match lane {
            Lane::Request(_) => Lane::Request(0),
            other => other,
        };
        if let Some(at) = self.lanes.iter().position(|state| state.lane == lane) {
            return at;
        }
        let servers = match lane {
            Lane::Request(_) => self.setup.launch.request_handlers().max(1),
            _ => 1,
        };
        self.lanes.push(LaneState::new(lane, servers));
        self.lanes.len() - 1
    }
}
