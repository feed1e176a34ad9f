//! Links and connections: what a message on the wire goes through.
//!
//! A connection is TCP as its users see it. Bytes of one direction arrive in order, each once, or
//! the connection dies. The network may delay them, hold them, or let the connection be refused or
//! reset; it drops, repeats and reorders nothing inside a connection.
//!
//! - A cut link is silence. What is sent over it waits at the sender and goes out at the first
//!   retransmission after the cut has ended: 200 ms after it was sent, then 400, 800 ... later
//!   (RTO, doubling; a connection request 1 s, doubling). What follows waits behind it.
//! - A process that dies leaves its host: the host resets its connections. A host without power
//!   is silence; when it is back it resets what reaches it on connections it does not know.
//! - Simplified: acknowledgements do not die with a cut of the way back, windows never fill, and a
//!   connection is not given up after fifteen minutes of retransmissions.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use smallvec::SmallVec;

use crate::event::ClosedBecause;
use crate::message::{Request, Response};
use crate::sim::weather::{Spread, Weather};
use crate::types::{ConnectionId, HostId, Moment, Purpose};

/// What a direction of a connection carries.
#[derive(Clone, Debug)]
pub(crate) enum Segment {
    /// A connection request.
    Syn,
    /// Its acceptance.
    SynAck,
    /// A request of the side that opened.
    Request(Box<Request>),
    /// A response to it.
    Response(Box<Response>),
    /// This side is done, or does not know the connection.
    End(ClosedBecause),
}

/// A segment with what its arrival needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) segment: Segment,
    /// When it left.
    pub(crate) at: Moment,
    /// The event in whose step it was sent.
    pub(crate) cause: Option<u64>,
    /// The event that it serves.
    pub(crate) about: Option<u64>,
    /// Its size on the wire.
    pub(crate) bytes: u32,
    /// The fault that held it up.
    pub(crate) fault: Option<u32>,
}

/// One side of a connection.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) host: HostId,
    /// Whether the process on this side still has it.
    pub(crate) open: bool,
    /// Nothing arrives at this side before this.
    last_arrival: Moment,
    /// What is on its way to this side and waits for a link to heal or a host to come up.
    pub(crate) held: VecDeque<Sent>,
    /// Whether a retransmission is scheduled.
    pub(crate) retransmits: bool,
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    /// Tells it from others that used the same slot.
    pub(crate) serial: u32,
    pub(crate) purpose: Purpose,
    /// The opener's side, then the other.
    pub(crate) ends: [End; 2],
    /// Whether the other side's host has accepted it.
    pub(crate) accepted: bool,
    /// The event with which the request began that is being served.
    pub(crate) serving: Option<u64>,
    /// Whether a request is being served.
    pub(crate) busy: bool,
    /// Requests that arrived meanwhile: the server reads on when it has answered (muted channel).
    pub(crate) backlog: VecDeque<Sent>,
}

/// A side of a connection that something is under way to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Toward {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
    /// 0: the opener, 1: the other.
    pub(crate) end: usize,
}

impl Toward {
    /// The other side of the same connection.
    pub(crate) fn back(self) -> Self {
        Self { end: 1 - self.end, ..self }
    }
}

/// What to schedule.
#[derive(Debug)]
pub(crate) enum Route {
    /// It arrives at this moment.
    Arrives(Moment, u32, Sent),
    /// It is held; nothing is scheduled.
    Held {
        /// The fault that holds it, if it is one.
        fault: Option<u32>,
    },
}

/// A directed link.
#[derive(Clone, Debug)]
struct Link {
    weather: Weather,
    /// The faults that cut it.
    cuts: SmallVec<[u32; 2]>,
    /// The faults that slow it, and to what.
    delays: SmallVec<[(u32, Spread); 1]>,
    /// Counts the arrivals scheduled, by purpose.
    arrivals: [u32; Purpose::ALL.len()],
    base: Spread,
}

/// All links and connections.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    seed: u64,
    latency: Spread,
    /// Links that differ from the rest, both directions.
    special: Vec<(HostId, HostId, Spread)>,
    hosts: usize,
    /// By sender, then receiver; a row is made when its host first sends.
    links: Vec<Vec<Link>>,
    connections: Vec<Option<Connection>>,
    by_id: BTreeMap<ConnectionId, (u32, u32)>,
    free: Vec<u32>,
    serial: u32,
    /// Hosts without power.
    dark: Vec<bool>,
}

impl Network {
    pub(crate) fn new(
        seed: u64,
        hosts: usize,
        latency: Spread,
        special: Vec<(HostId, HostId, Spread)>,
    ) -> Self {
        Self {
            seed,
            latency,
            special,
            hosts,
            links: vec![Vec::new(); hosts],
            connections: Vec::new(),
            by_id: BTreeMap::new(),
            free: Vec::new(),
            serial: 0,
            dark: vec![false; hosts],
        }
    }

    fn link(&mut self, from: HostId, to: HostId) -> &mut Link {
        if self.links[from.0 as usize].is_empty() {
            let row = (0..self.hosts).map(|to| {
                let to = HostId(u16::try_from(to).expect("at most 16,384 hosts"));
                let is = |(a, b, _): &&(HostId, HostId, Spread)| {
                    (*a, *b) == (from, to) || (*a, *b) == (to, from)
                };
                let base = self.special.iter().rfind(is).map_or(self.latency, |link| link.2);
                let place = [u64::from(from.0), u64::from(to.0)];
                Link {
                    weather: Weather::new(self.seed, "link", &place),
                    cuts: SmallVec::new(),
                    delays: SmallVec::new(),
                    arrivals: [0; Purpose::ALL.len()],
                    base,
                }
            });
            self.links[from.0 as usize] = row.collect();
        }
        &mut self.links[from.0 as usize][to.0 as usize]
    }

    /// Makes a connection; the caller sends the connection request.
    pub(crate) fn open(
        &mut self,
        id: ConnectionId,
        purpose: Purpose,
        from: HostId,
        to: HostId,
    ) -> Toward {
        let end = |host, open| End {
            host,
            open,
            last_arrival: Moment(0),
            held: VecDeque::new(),
            retransmits: false,
        };
        self.serial += 1;
        let connection = Connection {
            id,
            serial: self.serial,
            purpose,
            ends: [end(from, true), end(to, false)],
            accepted: false,
            serving: None,
            busy: false,
            backlog: VecDeque::new(),
        };
        let slot = if let Some(slot) = self.free.pop() {
            self.connections[slot as usize] = Some(connection);
            slot
        } else {
            self.connections.push(Some(connection));
            u32::try_from(self.connections.len() - 1).expect("fewer than 2^32 connections")
        };
        self.by_id.insert(id, (slot, self.serial));
        Toward { slot, serial: self.serial, end: 1 }
    }

    /// The side of the connection `id` at `host`, if there is such a connection.
    pub(crate) fn side(&mut self, id: ConnectionId, host: HostId) -> Option<Toward> {
        let &(slot, serial) = self.by_id.get(&id)?;
        let end = self
            .get(Toward { slot, serial, end: 0 })?
            .ends
            .iter()
            .position(|end| end.host == host)?;
        Some(Toward { slot, serial, end })
    }

    /// The connection, if it is still there.
    pub(crate) fn get(&mut self, at: Toward) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(at.slot as usize)?.as_mut()?;
        (connection.serial == at.serial).then_some(connection)
    }

    /// Forgets a connection that neither side has any more.
    pub(crate) fn forget(&mut self, at: Toward) {
        if let Some(connection) = self.get(at) {
            let id = connection.id;
            self.by_id.remove(&id);
            self.connections[at.slot as usize] = None;
            self.free.push(at.slot);
        }
    }

    /// All connections with a side at `host`, in the order of their slots.
    pub(crate) fn of_host(&self, host: HostId) -> Vec<Toward> {
        (0_u32..)
            .zip(&self.connections)
            .filter_map(|(slot, connection)| {
                let connection = connection.as_ref()?;
                let end = connection.ends.iter().position(|end| end.host == host)?;
                Some(Toward { slot, serial: connection.serial, end })
            })
            .collect()
    }

    /// Puts `sent` on the wire at `now`, toward a side of a connection.
    pub(crate) fn transmit(
        &mut self,
        toward: Toward,
        mut sent: Sent,
        now: Moment,
    ) -> Option<Route> {
        let connection = self.get(toward)?;
        let (from, to) = (connection.ends[1 - toward.end].host, connection.ends[toward.end].host);
        let purpose = connection.purpose;
        let queued = !connection.ends[toward.end].held.is_empty();
        let dark = self.dark[to.0 as usize];
        let cut = self.link(from, to).cuts.first().copied();
        if queued || dark || cut.is_some() {
            sent.fault = sent.fault.or(cut);
            let end = &mut self.get(toward)?.ends[toward.end];
            end.held.push_back(sent);
            return Some(Route::Held { fault: cut });
        }
        let link = self.link(from, to);
        let slow = link.delays.last().copied();
        let spread = slow.map_or(link.base, |(_, spread)| spread);
        let takes = spread.at(link.weather.draw(now));
        let arrivals = &mut link.arrivals[purpose.number() as usize];
        let n = *arrivals;
        *arrivals += 1;
        sent.fault = sent.fault.or(slow.map(|(fault, _)| fault));
        let end = &mut self.get(toward)?.ends[toward.end];
        let at = (now + takes).max(end.last_arrival);
        end.last_arrival = at;
        Some(Route::Arrives(at, n, sent))
    }

    /// When the first of what is held toward this side is sent again, counted from `now`.
    pub(crate) fn retransmission(&mut self, toward: Toward, now: Moment) -> Option<Moment> {
        let end = &self.get(toward)?.ends[toward.end];
        let first = end.held.front()?;
        let mut wait = match first.segment {
            Segment::Syn | Segment::SynAck => Duration::from_secs(1),
            Segment::Request(_) | Segment::Response(_) | Segment::End(_) => {
                Duration::from_millis(200)
            }
        };
        let mut at = first.at + wait;
        while at < now {
            // Linux doubles up to TCP_RTO_MAX.
            wait = (wait * 2).min(Duration::from_secs(120));
            at = at + wait;
        }
        Some(at)
    }

    /// Whether anything keeps bytes from reaching this side.
    pub(crate) fn is_blocked(&mut self, toward: Toward) -> bool {
        let Some(connection) = self.get(toward) else { return false };
        let (from, to) = (connection.ends[1 - toward.end].host, connection.ends[toward.end].host);
        self.dark[to.0 as usize] || !self.link(from, to).cuts.is_empty()
    }

    /// Cuts the way from one host to another.
    pub(crate) fn cut(&mut self, from: HostId, to: HostId, fault: u32) {
        if from != to {
            self.link(from, to).cuts.push(fault);
        }
    }

    /// Slows the way from one host to another.
    pub(crate) fn slow(&mut self, from: HostId, to: HostId, fault: u32, spread: Spread) {
        self.link(from, to).delays.push((fault, spread));
    }

    /// Ends all that `fault` does to links.
    pub(crate) fn lift(&mut self, fault: u32) {
        for link in self.links.iter_mut().flatten() {
            link.cuts.retain(|cut| *cut != fault);
            link.delays.retain(|delay| delay.0 != fault);
        }
    }

    /// A host loses or regains its power.
    pub(crate) fn set_dark(&mut self, host: HostId, dark: bool) {
        self.dark[host.0 as usize] = dark;
    }

    /// Whether a host is without power.
    pub(crate) fn is_dark(&self, host: HostId) -> bool {
        self.dark[host.0 as usize]
    }

    /// Sides toward which something is held and may go on, with no retransmission scheduled yet.
    pub(crate) fn released(&mut self) -> Vec<Toward> {
        let mut released = Vec::new();
        for slot in 0..self.connections.len() {
            let Some(connection) = &self.connections[slot] else { continue };
            let serial = connection.serial;
            for end in 0..2 {
                let toward =
                    Toward { slot: u32::try_from(slot).expect("a slot is a u32"), serial, end };
                let waits = self.get(toward).is_some_and(|connection| {
                    let end = &connection.ends[end];
                    !end.held.is_empty() && !end.retransmits
                });
                if waits && !self.is_blocked(toward) {
                    released.push(toward);
                }
            }
        }
        released
    }
}
