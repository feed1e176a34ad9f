//! A broker's network threads before a full request queue.
//!
//! A network thread (`num.network.threads`) reads a request, puts it into the queue for the request
//! handlers, and mutes the connection until it is answered. The queue holds `queued.max.requests`
//! that no handler has taken. A thread that finds it full stands still until a handler takes one:
//! meanwhile it neither reads nor writes, on any of its connections. When its request is in the
//! queue it writes what it has to, and reads on. Connections are dealt out to the threads in turn.
//!
//! Since a connection has one request in the queue at most, a queue that is longer than the broker
//! has connections is never full. Network threads take no time of their own.
//!
//! Source: Kafka 4.1, `SocketServer.Processor`, `Acceptor`, `RequestChannel.sendRequest`.

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::event::{About, Kind};
use crate::node::Output;
use crate::sim::engine::{Engine, What};
use crate::sim::network::{Sent, Toward};
use crate::sim::process::Launch;
use crate::sim::queue::{LaneKind, QueueLane};
use crate::types::HostId;

/// Set in the detail of a network lane on which a network thread goes on.
const ADMITS: u16 = 0x400;

/// The network threads of a process, and what is in its request queue.
#[derive(Clone, Debug)]
pub(crate) struct NetworkThreads {
    queue_max: u32,
    /// Requests in the queue.
    waiting: u32,
    threads: SmallVec<[NetworkThread; 3]>,
    /// The threads that stand still, the one that has stood longest first.
    standing: VecDeque<u8>,
    /// Connections accepted so far.
    accepted: u32,
    /// Whether one of them is about to go on.
    goes_on: bool,
    /// Counts that: the n of its keys.
    times: u32,
}

/// What a thread that stands still has not got to.
#[derive(Clone, Debug, Default)]
struct NetworkThread {
    reads: VecDeque<Read>,
    writes: Vec<Output>,
}

/// What there is to be read.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    /// A request that arrived.
    Arrived(Toward, Box<Sent>),
    /// The next of a connection that is muted no more.
    Unmuted(Toward),
}

impl NetworkThreads {
    pub(crate) fn new(threads: usize, queue_max: u32) -> Self {
        Self {
            queue_max,
            waiting: 0,
            threads: SmallVec::from_elem(NetworkThread::default(), threads.clamp(1, 255)),
            standing: VecDeque::new(),
            accepted: 0,
            goes_on: false,
            times: 0,
        }
    }

    /// The thread for the next connection.
    pub(crate) fn accept(&mut self) -> u8 {
        let threads = u32::try_from(self.threads.len()).expect("at most 255");
        self.accepted += 1;
        u8::try_from((self.accepted - 1) % threads).expect("at most 255")
    }

    pub(crate) fn stands(&self, thread: u8) -> bool {
        !self.standing.is_empty() && self.standing.contains(&thread)
    }

    fn is_full(&self) -> bool {
        self.waiting >= self.queue_max
    }

    /// A request waits for a handler.
    pub(crate) fn enter(&mut self) {
        self.waiting += 1;
    }

    /// A handler took one; whether a thread waits for that.
    pub(crate) fn leave(&mut self) -> bool {
        self.waiting = self.waiting.saturating_sub(1);
        !self.standing.is_empty()
    }
}

impl<L: Launch> Engine<L> {
    /// Whether `thread` of `host` stands still.
    pub(crate) fn stands(&self, host: HostId, thread: u8) -> bool {
        let threads = &self.hosts[host.0 as usize].network_threads;
        threads.as_ref().is_some_and(|threads| threads.stands(thread))
    }

    /// Whether `thread` of `host` cannot put a request into the queue.
    pub(crate) fn finds_no_room(&self, host: HostId, thread: u8) -> bool {
        let threads = &self.hosts[host.0 as usize].network_threads;
        threads.as_ref().is_some_and(|threads| threads.is_full() || threads.stands(thread))
    }

    /// Leaves `read` for when `thread` goes on, which stands still from here if it did not already.
    pub(crate) fn put_off(&mut self, host: HostId, thread: u8, read: Read) {
        // Nothing more is read of the connection meanwhile.
        let toward = match &read {
            Read::Arrived(toward, _) | Read::Unmuted(toward) => *toward,
        };
        if let Some(connection) = self.network.get(toward) {
            connection.busy = true;
        }
        let threads = self.threads_of(host);
        let stands = threads.stands(thread);
        threads.threads[thread as usize].reads.push_back(read);
        if !stands {
            threads.standing.push_back(thread);
            let (thread, waiting) = (u32::from(thread), threads.waiting);
            self.record(Some(host), Kind::RequestQueueFull { thread, waiting }, About::Nothing);
        }
    }

    /// Keeps an answer for when the thread that writes it goes on.
    pub(crate) fn keep_back(&mut self, host: HostId, thread: u8, answer: Output) {
        self.threads_of(host).threads[thread as usize].writes.push(answer);
    }

    /// Lets the thread that has stood longest go on, if there is room.
    pub(crate) fn let_go_on(&mut self, host: HostId) {
        let at = self.context.at;
        let this = &mut self.hosts[host.0 as usize];
        let starts = this.starts;
        let Some(threads) = &mut this.network_threads else { return };
        if threads.goes_on || threads.standing.is_empty() || threads.is_full() {
            return;
        }
        threads.goes_on = true;
        let n = threads.times;
        threads.times += 1;
        let lane = QueueLane::new(LaneKind::Network, host.0, host.0, ADMITS);
        self.schedule(at, lane, n, What::Admit(host, starts));
    }

    /// A network thread puts its request into the queue, writes what it has to, and reads on.
    pub(crate) fn on_admit(&mut self, host: HostId, start: u32) {
        if !self.is_alive(host, start) {
            return;
        }
        let Some(threads) = &mut self.hosts[host.0 as usize].network_threads else { return };
        threads.goes_on = false;
        if threads.is_full() {
            return;
        }
        let Some(thread) = threads.standing.pop_front() else { return };
        loop {
            let read = self.threads_of(host).threads[thread as usize].reads.pop_front();
            let Some(read) = read else { break };
            if self.read_now(read) {
                break;
            }
        }
        let at = self.context.at;
        let writes = std::mem::take(&mut self.threads_of(host).threads[thread as usize].writes);
        self.depart(host, writes, at);
        let threads = self.threads_of(host);
        if threads.threads[thread as usize].reads.is_empty() {
            let thread = u32::from(thread);
            self.record(Some(host), Kind::NetworkThreadFree { thread }, About::Nothing);
        } else if threads.is_full() {
            threads.standing.push_back(thread);
        } else {
            threads.standing.push_front(thread);
        }
        self.let_go_on(host);
    }

    fn threads_of(&mut self, host: HostId) -> &mut NetworkThreads {
        let threads = &mut self.hosts[host.0 as usize].network_threads;
        threads.as_mut().expect("a process that has begun keeps its threads")
    }
}
