//! The processes of a cluster behind one face, as the world drives them.

use crate::event::Kind;
use crate::message::DiskError;
use crate::node::broker::Broker;
use crate::node::client::Client;
use crate::node::controller::Controller;
use crate::node::port::{Input, Output};
use crate::types::{Deadlines, Lane, Now};

/// A process: a broker, a controller or a client.
#[derive(Clone, Debug)]
pub enum Process {
    /// A broker.
    Broker(Box<Broker>),
    /// A controller.
    Controller(Box<Controller>),
    /// A client.
    Client(Box<Client>),
}

impl Process {
    /// Takes one input on one of its lanes and says what follows, in order.
    pub fn step(&mut self, lane: Lane, now: Now, input: Input, out: &mut Vec<Output>) {
        match self {
            Self::Broker(broker) => broker.step(lane, now, input, out),
            Self::Controller(controller) => controller.step(lane, now, input, out),
            Self::Client(client) => client.step(lane, now, input, out),
        }
    }

    /// The lane that takes `input`; `Lane::Request(0)` is any request handler.
    pub fn lane(&self, input: &Input) -> Lane {
        match self {
            Self::Broker(broker) => broker.lane(input),
            Self::Controller(controller) => controller.lane(input),
            Self::Client(client) => client.lane(input),
        }
    }

    /// What the lanes wait for, each named once; one whose deadlines have not moved since the
    /// last call may be left out.
    pub fn moved_deadlines(&mut self, out: &mut Vec<(Lane, Deadlines)>) {
        match self {
            Self::Broker(broker) => broker.moved_deadlines(out),
            Self::Controller(controller) => controller.deadlines(out),
            Self::Client(client) => client.deadlines(out),
        }
    }

    /// What every lane waits for.
    pub fn deadlines(&self, out: &mut Vec<(Lane, Deadlines)>) {
        match self {
            Self::Broker(broker) => broker.deadlines(out),
            Self::Controller(controller) => controller.deadlines(out),
            Self::Client(client) => client.deadlines(out),
        }
    }

    /// What a write to the disk is told from here on.
    pub fn set_storage(&mut self, error: Option<DiskError>) {
        match self {
            Self::Broker(broker) => broker.set_storage(error),
            // A controller learns of it when it flushes, before it acts on what it wrote.
            Self::Controller(_) | Self::Client(_) => {}
        }
    }

    /// What the real state is, told at the audit.
    pub fn audit(&self, out: &mut Vec<Kind>) {
        match self {
            Self::Broker(broker) => broker.audit(out),
            Self::Controller(controller) => controller.audit(out),
            Self::Client(client) => client.audit(out),
        }
    }
}
