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
//! - What is lost goes out again at its own retransmission, and what follows waits behind it, at
//!   the sender rather than in the receiver's buffer: nobody can tell. Bandwidth is the sender's
//!   wait, too (`link.rs`).
//! - Simplified: acknowledgements do not die with a cut of the way back nor get lost, windows never
//!   fill, and a connection is not given up after fifteen minutes of retransmissions.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::event::ClosedBecause;
use crate::message::{Request, Response};
use crate::sim::engine::Physics;
use crate::sim::link::{Card, Link, LinkFault, LinkPhysics, Nanos, Passage};
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
    /// How far it is with network cards and link, as far as bandwidth goes.
    pub(crate) wire: Wire,
}

/// How far a message is with what carries only so many bytes a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    /// It has all before it.
    Ahead,
    /// It is on its way out, slowed by this fault, if it is one.
    On(Option<u32>),
    /// It was, and what slowed it is over: it goes out anew, and at once.
    Again,
    /// It is through, as often as it may yet be sent again.
    Through,
}

/// One side of a connection.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) host: HostId,
    /// Whether the process on this side still has it.
    pub(crate) open: bool,
    /// Nothing arrives at this side before this.
    last_arrival: Moment,
    /// What is on its way to this side and waits: for its retransmission, for bandwidth, for a link
    /// to heal or a host to come up. All waits for the first.
    pub(crate) held: VecDeque<Sent>,
    /// When the first of it goes on, if that is known.
    pub(crate) goes_on: Option<Moment>,
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    /// Tells it from others that used the same slot.
    pub(crate) serial: u32,
    pub(crate) purpose: Purpose,
    /// The network thread that serves it on the other side, once accepted.
    pub(crate) thread: u8,
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
    Arrives {
        /// When.
        at: Moment,
        /// Counts such arrivals.
        n: u32,
        /// What.
        sent: Sent,
        /// The fault that slows it, if it is one that has not held it up before.
        fault: Option<u32>,
    },
    /// It is held.
    Held {
        /// The fault that holds it, if it is one.
        fault: Option<u32>,
        /// When it is to be tried again; `None` when something must happen first.
        until: Option<Moment>,
    },
}

/// All links and connections.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    seed: u64,
    ordinary: LinkPhysics,
    /// Links that differ from the rest, both directions.
    special: Vec<(HostId, HostId, LinkPhysics)>,
    hosts: usize,
    /// By sender, then receiver; a row is made when its host first sends.
    links: Vec<Vec<Link>>,
    connections: Vec<Option<Connection>>,
    by_id: BTreeMap<ConnectionId, (u32, u32)>,
    free: Vec<u32>,
    serial: u32,
    /// Hosts without power.
    dark: Vec<bool>,
    /// The hosts' network cards, when any of them has a limit.
    cards: Vec<Card>,
}

impl Network {
    pub(crate) fn new(seed: u64, hosts: usize, physics: &Physics) -> Self {
        let limited = physics.card_bandwidth.is_some();
        Self {
            seed,
            ordinary: physics.link,
            special: physics.links.clone(),
            hosts,
            links: vec![Vec::new(); hosts],
            connections: Vec::new(),
            by_id: BTreeMap::new(),
            free: Vec::new(),
            serial: 0,
            dark: vec![false; hosts],
            cards: vec![Card::new(physics.card_bandwidth); if limited { hosts } else { 0 }],
        }
    }

    fn link(&mut self, from: HostId, to: HostId) -> &mut Link {
        if self.links[from.0 as usize].is_empty() {
            let row = (0..self.hosts).map(|to| {
                let to = HostId(u16::try_from(to).expect("at most 16,384 hosts"));
                let is = |(a, b, _): &&(HostId, HostId, LinkPhysics)| {
                    (*a, *b) == (from, to) || (*a, *b) == (to, from)
                };
                let base = self.special.iter().rfind(is).map_or(self.ordinary, |link| link.2);
                Link::new(self.seed, from, to, base)
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
            goes_on: None,
        };
        self.serial += 1;
        let connection = Connection {
            id,
            serial: self.serial,
            purpose,
            thread: 0,
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
            return Some(Route::Held { fault: cut, until: None });
        }
        let had = sent.fault;
        let mut round_trips = 0;
        if !self.cards.is_empty() || !self.link(from, to).is_plain() {
            match self.hinder(from, to, &mut sent, now) {
                Ok(more) => round_trips = more,
                Err((fault, until)) => {
                    self.get(toward)?.ends[toward.end].held.push_back(sent);
                    let until = until.or_else(|| self.retransmission(toward, now));
                    self.get(toward)?.ends[toward.end].goes_on = until;
                    return Some(Route::Held { fault, until });
                }
            }
        }
        let link = self.link(from, to);
        let (takes, slow) = link.travel(now);
        let n = link.count(purpose);
        sent.fault = sent.fault.or(slow);
        let fault = if had.is_none() { sent.fault } else { None };
        let end = &mut self.get(toward)?.ends[toward.end];
        let at = (now + takes * (1 + 2 * round_trips)).max(end.last_arrival);
        end.last_arrival = at;
        Some(Route::Arrives { at, n, sent, fault })
    }

    /// Takes `sent` through network cards and link as far as bandwidth and loss go.
    ///
    /// # Errors
    ///
    /// It does not get through now: because of this fault, if it is one; and until then, or, when
    /// it was lost, until its retransmission.
    fn hinder(
        &mut self,
        from: HostId,
        to: HostId,
        sent: &mut Sent,
        now: Moment,
    ) -> Result<u32, (Option<u32>, Option<Moment>)> {
        if matches!(sent.wire, Wire::Ahead | Wire::Again) {
            let (left, fault) = self.carry(from, to, now, sent.bytes);
            let left = Moment(left.div_ceil(1000));
            if left > now {
                let new = if sent.fault.is_none() { fault } else { None };
                sent.fault = sent.fault.or(fault);
                sent.wire = Wire::On(fault);
                return Err((new, Some(left)));
            }
        }
        sent.wire = Wire::Through;
        let (passage, fault) = self.link(from, to).pass(now, sent.bytes);
        let had = sent.fault;
        sent.fault = sent.fault.or(fault);
        match passage {
            Passage::Passes { round_trips } => Ok(round_trips),
            Passage::Lost => Err((if had.is_none() { fault } else { None }, None)),
        }
    }

    /// When `bytes` have left the sender's card, the link and the receiver's card. Time on the way
    /// is counted from there, so that a slow link reserves no card for later.
    fn carry(&mut self, from: HostId, to: HostId, now: Moment, bytes: u32) -> (Nanos, Option<u32>) {
        let mut at: Nanos = now.0 * 1000;
        let mut by = None;
        let mut pass = |(left, fault): (Nanos, Option<u32>)| {
            by = if left > at { fault.or(by) } else { by };
            at = left;
            at
        };
        if self.cards.is_empty() {
            pass(self.link(from, to).carry(now.0 * 1000, bytes));
        } else {
            let left = pass(self.cards[from.0 as usize].outbound.carry(now.0 * 1000, bytes));
            let left = pass(self.link(from, to).carry(left, bytes));
            pass(self.cards[to.0 as usize].inbound.carry(left, bytes));
        }
        (at, by)
    }

    /// When the first of what is held toward this side is sent again, counted from `now`.
    pub(crate) fn retransmission(&mut self, toward: Toward, now: Moment) -> Option<Moment> {
        let end = &self.get(toward)?.ends[toward.end];
        let first = end.held.front()?;
        if first.wire == Wire::Again {
            return Some(now);
        }
        let mut wait = match first.segment {
            // Who was refused and does not hear of it asks again.
            Segment::Syn | Segment::SynAck | Segment::End(ClosedBecause::Refused) => {
                Duration::from_secs(1)
            }
            Segment::Request(_) | Segment::Response(_) | Segment::End(_) => {
                Duration::from_millis(200)
            }
        };
        let mut at = first.at + wait;
        while at <= now {
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

    /// Lets `fault` do `what` to the way from one host to another.
    pub(crate) fn afflict(&mut self, from: HostId, to: HostId, fault: u32, what: LinkFault) {
        let seed = self.seed;
        self.link(from, to).afflict(fault, what, (seed, from, to));
    }

    /// Lets the network card of `host` carry less: what is sent to it, what it sends.
    pub(crate) fn throttle_card(
        &mut self,
        host: HostId,
        fault: u32,
        bandwidth: u64,
        (inbound, outbound): (bool, bool),
    ) {
        if self.cards.is_empty() {
            self.cards = vec![Card::new(None); self.hosts];
        }
        let card = &mut self.cards[host.0 as usize];
        if inbound {
            card.inbound.throttle(fault, bandwidth);
        }
        if outbound {
            card.outbound.throttle(fault, bandwidth);
        }
    }

    /// Ends all that `fault` does to links and cards.
    pub(crate) fn lift(&mut self, fault: u32) {
        self.links.iter_mut().flatten().for_each(|link| link.lift(fault));
        for card in &mut self.cards {
            card.inbound.lift(fault);
            card.outbound.lift(fault);
        }
        if self.cards.iter().all(|card| card.inbound.is_wide() && card.outbound.is_wide()) {
            self.cards = Vec::new();
        }
        // What the fault kept from leaving leaves anew.
        for end in self.connections.iter_mut().flatten().flat_map(|it| &mut it.ends) {
            let Some(first) = end.held.front_mut() else { continue };
            if first.wire == Wire::On(Some(fault)) {
                first.wire = Wire::Again;
                end.goes_on = None;
            }
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
                    !end.held.is_empty() && end.goes_on.is_none()
                });
                if waits && !self.is_blocked(toward) {
                    released.push(toward);
                }
            }
        }
        released
    }
}
