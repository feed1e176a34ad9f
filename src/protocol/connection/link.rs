//! The connection to one peer: its state, its back-off, what waits and what is in flight.

use std::collections::VecDeque;
use std::time::Duration;

use crate::message::{Batch, RequestBody};
use crate::types::{ConnectionId, CorrelationId, Wall};

/// A peer, from the first request to it.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// Whether there is a connection.
    pub state: State,
    /// Whether somebody asked for a connection while the back-off was not over.
    pub wanted: bool,
    /// Attempts in a row that did not lead to a connection that stands, and lost connections.
    pub failed_attempts: u32,
    /// Attempts in a row that ended before the connection stood: the set-up timeout grows by them.
    pub failed_setups: u32,
    /// Not yet transmitted: the connection is being made, or too many are in flight.
    pub waiting: VecDeque<Waiting>,
    /// Transmitted and not answered, oldest first.
    pub in_flight: VecDeque<InFlight>,
    /// The number of the next request on this connection.
    pub next_correlation: i32,
    /// When this link is looked at again; never later than its earliest deadline.
    pub alarm: Option<Wall>,
}

/// Whether there is a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// None; a new one may be asked for from `retry_at`.
    Closed { retry_at: Option<Wall> },
    /// Asked for; given up at `give_up_at`.
    Connecting { connection: ConnectionId, give_up_at: Wall },
    /// It stands.
    Ready { connection: ConnectionId },
}

/// A request that has not left.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// The owner's name for it.
    pub token: u64,
    /// What is asked.
    pub body: RequestBody,
    /// The batches beside it.
    pub records: Vec<Vec<Batch>>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// When it is given up, transmitted or not.
    pub give_up_at: Wall,
    /// Whether there will be an answer.
    pub expects_answer: bool,
}

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InFlight {
    /// The owner's name for it.
    pub token: u64,
    /// Its number on the connection.
    pub correlation: CorrelationId,
    /// When the connection is closed for want of an answer.
    pub give_up_at: Wall,
}

impl Link {
    /// A peer that was never connected to.
    pub(crate) fn new() -> Self {
        Self {
            state: State::Closed { retry_at: None },
            wanted: false,
            failed_attempts: 0,
            failed_setups: 0,
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            next_correlation: 0,
            alarm: None,
        }
    }

    /// Whether a connection stands.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready { .. })
    }

    /// The connection, standing or being made.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        match self.state {
            State::Closed { .. } => None,
            State::Connecting { connection, .. } | State::Ready { connection } => Some(connection),
        }
    }

    /// Whether a new connection may be asked for.
    pub(crate) fn may_connect(&self, wall: Wall) -> bool {
        match self.state {
            State::Closed { retry_at } => retry_at.is_none_or(|at| at <= wall),
            State::Connecting { .. } | State::Ready { .. } => false,
        }
    }

    /// The earliest instant at which something here must be done. Few are in flight, so it is
    /// found by looking at all.
    pub(crate) fn deadline(&self) -> Option<Wall> {
        let of_state = match self.state {
            State::Closed { retry_at } => retry_at.filter(|_| self.wanted),
            State::Connecting { give_up_at, .. } => Some(give_up_at),
            State::Ready { .. } => None,
        };
        let in_flight = self.in_flight.iter().map(|request| request.give_up_at);
        let waiting = self.waiting.iter().map(|request| request.give_up_at);
        in_flight.chain(waiting).chain(of_state).min()
    }
}
