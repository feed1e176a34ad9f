//! All connections of one component of a process.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::message::{Request, Response, SendError};
use crate::protocol::connection::effect::Effect;
use crate::protocol::connection::input::Input;
use crate::protocol::connection::link::{InFlight, Link, State, Waiting};
use crate::protocol::machine::Machine;
use crate::types::{
    Backoff, BrokerId, ConnectionId, CorrelationId, Deadlines, HostId, Now, Purpose, Rng, Wall,
};

/// What a set of connections is made for. Times are those of Kafka 4.1's keys of like name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionsConfig {
    /// The host that opens them.
    pub opener: HostId,
    /// Which start of the host's process this is.
    pub incarnation: u32,
    /// The component of the process that uses them: part of each connection's number.
    pub component: u8,
    /// What they are for.
    pub purpose: Purpose,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max: Duration,
    /// `socket.connection.setup.timeout.ms`.
    pub setup_timeout: Duration,
    /// `socket.connection.setup.timeout.max.ms`.
    pub setup_timeout_max: Duration,
    /// `max.in.flight.requests.per.connection`: more wait their turn.
    pub in_flight_max: usize,
}

impl Default for ConnectionsConfig {
    fn default() -> Self {
        Self {
            opener: HostId(0),
            incarnation: 0,
            component: 0,
            purpose: Purpose::Client,
            request_timeout: Duration::from_secs(30),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            setup_timeout: Duration::from_secs(10),
            setup_timeout_max: Duration::from_secs(30),
            in_flight_max: 5,
        }
    }
}

/// All connections of one component of a process: at most one to each node.
///
/// Timeouts and back-offs go by the wall clock, as in Kafka: a jump forward ends them at once, a
/// jump back makes them longer, and no elapsed time is ever negative.
#[derive(Clone, Debug)]
pub struct Connections {
    config: ConnectionsConfig,
    rng: Rng,
    links: BTreeMap<BrokerId, Link>,
    /// Whose connection it is, by the connection's number.
    peers: BTreeMap<u64, BrokerId>,
    /// The alarms of all links.
    alarms: BTreeSet<(Wall, BrokerId)>,
    opened: u32,
}

impl Machine for Connections {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        let wall = now.wall;
        match input {
            Input::Send { token, to, body, records, timeout, expects_answer } => {
                let timeout = timeout.unwrap_or(self.config.request_timeout);
                let give_up_at = wall + timeout;
                let request = Waiting { token, body, records, timeout, give_up_at, expects_answer };
                self.on_send(wall, to, request, effects);
            }
            Input::Open { to } => self.on_open(wall, to, effects),
            Input::Connected { connection } => self.on_connected(wall, connection, effects),
            Input::Disconnected { connection, because: _ } => {
                if let Some(to) = self.peers.remove(&connection.number) {
                    self.lose(wall, to, SendError::Disconnected, effects);
                }
            }
            Input::Response { connection, response } => {
                self.on_response(wall, connection, response, effects);
            }
            Input::Forget { to } => self.on_forget(wall, to, effects),
            Input::Deadline => self.on_deadline(wall, effects),
        }
    }

    fn deadlines(&self) -> Deadlines {
        Deadlines::wall(self.alarms.first().map(|(at, _)| *at))
    }
}

impl Connections {
    /// No connections yet; `rng` shakes the back-offs.
    pub fn new(config: ConnectionsConfig, rng: Rng) -> Self {
        Self {
            config,
            rng,
            links: BTreeMap::new(),
            peers: BTreeMap::new(),
            alarms: BTreeSet::new(),
            opened: 0,
        }
    }

    /// Whether a connection to `to` stands and one more request may be transmitted at once.
    pub fn is_ready(&self, to: BrokerId) -> bool {
        self.is_open(to) && self.in_flight(to) < self.config.in_flight_max
    }

    /// Whether a connection to `to` stands.
    pub fn is_open(&self, to: BrokerId) -> bool {
        self.links.get(&to).is_some_and(Link::is_ready)
    }

    /// Whether a connection to `to` is being made.
    pub fn is_connecting(&self, to: BrokerId) -> bool {
        let state = self.links.get(&to).map(|link| link.state);
        matches!(state, Some(State::Connecting { .. }))
    }

    /// Whether a request to `to` would be taken: a connection stands, is being made, or may be
    /// asked for.
    pub fn accepts(&self, to: BrokerId, now: Now) -> bool {
        self.links
            .get(&to)
            .is_none_or(|link| link.connection().is_some() || link.may_connect(now.wall))
    }

    /// How many requests to `to` have no answer yet, sent or not.
    pub fn in_flight(&self, to: BrokerId) -> usize {
        self.links.get(&to).map_or(0, |link| link.in_flight.len() + link.waiting.len())
    }

    fn on_send(&mut self, wall: Wall, to: BrokerId, request: Waiting, effects: &mut Vec<Effect>) {
        let link = self.links.entry(to).or_insert_with(Link::new);
        if link.connection().is_none() && !link.may_connect(wall) {
            effects.push(Effect::Completed {
                token: request.token,
                to,
                result: Err(SendError::NotConnected),
            });
            return;
        }
        link.waiting.push_back(request);
        match link.state {
            State::Closed { .. } => self.connect(wall, to, effects),
            State::Connecting { .. } => {}
            State::Ready { .. } => self.transmit(wall, to, effects),
        }
        self.watch(to);
    }

    fn on_open(&mut self, wall: Wall, to: BrokerId, effects: &mut Vec<Effect>) {
        let link = self.links.entry(to).or_insert_with(Link::new);
        if link.connection().is_some() {
            return;
        }
        if link.may_connect(wall) {
            self.connect(wall, to, effects);
        } else {
            link.wanted = true;
        }
        self.watch(to);
    }

    fn connect(&mut self, wall: Wall, to: BrokerId, effects: &mut Vec<Effect>) {
        let config = &self.config;
        let link = self.links.get_mut(&to).expect("a peer that is connected to has a link");
        let setup = Backoff { initial: config.setup_timeout, max: config.setup_timeout_max };
        let connection =
            ConnectionId::new(config.opener, config.incarnation, config.component, self.opened);
        self.opened += 1;
        let give_up_at = wall + setup.wait(link.failed_setups, &mut self.rng);
        link.state = State::Connecting { connection, give_up_at };
        link.wanted = false;
        link.next_correlation = 0;
        self.peers.insert(connection.number, to);
        effects.push(Effect::Connect { connection, to, purpose: config.purpose });
    }

    fn on_connected(&mut self, wall: Wall, connection: ConnectionId, effects: &mut Vec<Effect>) {
        // One that was closed while it was being made is none of ours any more.
        let Some(&to) = self.peers.get(&connection.number) else { return };
        let link = self.links.get_mut(&to).expect("a peer with a connection has a link");
        link.state = State::Ready { connection };
        link.failed_attempts = 0;
        link.failed_setups = 0;
        effects.push(Effect::Opened { to });
        self.transmit(wall, to, effects);
        self.watch(to);
    }

    /// Transmits what waits, as far as the limit of requests in flight allows.
    fn transmit(&mut self, wall: Wall, to: BrokerId, effects: &mut Vec<Effect>) {
        let link = self.links.get_mut(&to).expect("a peer with a connection has a link");
        let State::Ready { connection } = link.state else { return };
        while link.in_flight.len() < self.config.in_flight_max {
            let Some(waiting) = link.waiting.pop_front() else { return };
            let correlation = CorrelationId(link.next_correlation);
            link.next_correlation = link.next_correlation.wrapping_add(1) & i32::MAX;
            if waiting.expects_answer {
                let give_up_at = wall + waiting.timeout;
                let token = waiting.token;
                link.in_flight.push_back(InFlight { token, correlation, give_up_at });
            }
            let Waiting { body, records, .. } = waiting;
            let request = Request { correlation_id: correlation, body, records };
            effects.push(Effect::Transmit { connection, request });
        }
    }

    fn on_response(
        &mut self,
        wall: Wall,
        connection: ConnectionId,
        response: Response,
        effects: &mut Vec<Effect>,
    ) {
        let Some(&to) = self.peers.get(&connection.number) else { return };
        let link = self.links.get_mut(&to).expect("a peer with a connection has a link");
        let Some(request) = link.in_flight.pop_front() else { return };
        assert_eq!(
            request.correlation, response.correlation_id,
            "answers come in the order of the requests of their connection"
        );
        let Response { correlation_id: _, body, records } = response;
        effects.push(Effect::Completed { token: request.token, to, result: Ok((body, records)) });
        self.transmit(wall, to, effects);
        // The alarm may now be early; it is looked at again when it rings, not at every answer.
    }

    fn on_forget(&mut self, wall: Wall, to: BrokerId, effects: &mut Vec<Effect>) {
        let Some(connection) = self.links.get(&to).map(Link::connection) else { return };
        if let Some(connection) = connection {
            effects.push(Effect::Close { connection });
            self.peers.remove(&connection.number);
            self.lose(wall, to, SendError::Disconnected, effects);
        }
        let link = self.links.remove(&to).expect("looked up above");
        if let Some(at) = link.alarm {
            self.alarms.remove(&(at, to));
        }
    }

    fn on_deadline(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        while let Some(&(at, to)) = self.alarms.first()
            && at <= wall
        {
            self.alarms.pop_first();
            let link = self.links.get_mut(&to).expect("a peer with an alarm has a link");
            link.alarm = None;
            if link.deadline().is_some_and(|deadline| deadline <= wall) {
                self.on_due(wall, to, effects);
            }
            self.watch(to);
        }
    }

    /// Something of the link to `to` is due: its timeout, or the end of its back-off.
    fn on_due(&mut self, wall: Wall, to: BrokerId, effects: &mut Vec<Effect>) {
        let link = self.links.get_mut(&to).expect("a peer with an alarm has a link");
        match link.state {
            State::Closed { .. } => {
                if link.wanted && link.may_connect(wall) {
                    self.connect(wall, to, effects);
                }
            }
            State::Connecting { connection, give_up_at } => {
                if give_up_at <= wall {
                    self.close(wall, to, connection, effects);
                } else {
                    expire_waiting(link, to, wall, effects);
                }
            }
            State::Ready { connection } => {
                if link.in_flight.iter().any(|request| request.give_up_at <= wall) {
                    self.close(wall, to, connection, effects);
                } else {
                    expire_waiting(link, to, wall, effects);
                }
            }
        }
    }

    fn close(
        &mut self,
        wall: Wall,
        to: BrokerId,
        connection: ConnectionId,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Close { connection });
        self.peers.remove(&connection.number);
        self.lose(wall, to, SendError::TimedOut, effects);
    }

    /// The connection to `to` is gone: fails what is in flight for `reason` and what waits as
    /// never sent, and begins the back-off.
    fn lose(&mut self, wall: Wall, to: BrokerId, reason: SendError, effects: &mut Vec<Effect>) {
        let config = &self.config;
        let link = self.links.get_mut(&to).expect("a peer with a connection has a link");
        if matches!(link.state, State::Connecting { .. }) {
            link.failed_setups += 1;
        } else {
            link.failed_setups = 0;
        }
        let backoff =
            Backoff { initial: config.reconnect_backoff, max: config.reconnect_backoff_max };
        let wait = backoff.wait(link.failed_attempts, &mut self.rng);
        link.failed_attempts += 1;
        link.state = State::Closed { retry_at: Some(wall + wait) };
        effects.push(Effect::Lost { to });
        for request in std::mem::take(&mut link.in_flight) {
            effects.push(Effect::Completed { token: request.token, to, result: Err(reason) });
        }
        for request in std::mem::take(&mut link.waiting) {
            let result = Err(SendError::NotConnected);
            effects.push(Effect::Completed { token: request.token, to, result });
        }
    }

    /// Sets the alarm of the link to `to` earlier if need be. It is never set later: that would
    /// cost a change at every answer, while an alarm that rings too early costs nothing but one
    /// look.
    fn watch(&mut self, to: BrokerId) {
        let Some(link) = self.links.get_mut(&to) else { return };
        let Some(deadline) = link.deadline() else { return };
        if link.alarm.is_some_and(|alarm| alarm <= deadline) {
            return;
        }
        if let Some(alarm) = link.alarm.replace(deadline) {
            self.alarms.remove(&(alarm, to));
        }
        self.alarms.insert((deadline, to));
    }
}

/// Fails the requests that waited too long to be transmitted.
fn expire_waiting(link: &mut Link, to: BrokerId, wall: Wall, effects: &mut Vec<Effect>) {
    link.waiting.retain(|request| {
        let is_due = request.give_up_at <= wall;
        if is_due {
            let result = Err(SendError::NotConnected);
            effects.push(Effect::Completed { token: request.token, to, result });
        }
        !is_due
    });
}
