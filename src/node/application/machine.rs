//! Any of the built-in applications.

use crate::node::application::config::ApplicationConfig;
use crate::node::application::consumer::Consumer;
use crate::node::application::creator::Creator;
use crate::node::application::group::Group;
use crate::node::application::input::{Effect, Input};
use crate::node::application::probe::Probe;
use crate::node::application::producer::Producer;
use crate::protocol::Machine;
use crate::types::{Deadlines, Now, Rng};

/// A built-in application.
#[derive(Clone, Debug)]
pub(crate) enum Application {
    Producer(Box<Producer>),
    Consumer(Box<Consumer>),
    Group(Box<Group>),
    Creator(Box<Creator>),
    Probe(Box<Probe>),
}

impl Machine for Application {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match self {
            Self::Producer(machine) => machine.step(now, input, effects),
            Self::Consumer(machine) => machine.step(now, input, effects),
            Self::Group(machine) => machine.step(now, input, effects),
            Self::Creator(machine) => machine.step(now, input, effects),
            Self::Probe(machine) => machine.step(now, input, effects),
        }
    }

    fn deadlines(&self) -> Deadlines {
        match self {
            Self::Producer(machine) => machine.deadlines(),
            Self::Consumer(machine) => machine.deadlines(),
            Self::Group(machine) => machine.deadlines(),
            Self::Creator(machine) => machine.deadlines(),
            Self::Probe(machine) => machine.deadlines(),
        }
    }
}

impl Application {
    /// The application that `config` asks for; `None` when calls come from outside.
    pub(crate) fn new(config: &ApplicationConfig, rng: Rng) -> Option<Self> {
        match config.clone() {
            ApplicationConfig::Outside => None,
            ApplicationConfig::Producer(config) => {
                Some(Self::Producer(Box::new(Producer::new(config, rng))))
            }
            ApplicationConfig::Consumer(config) => {
                Some(Self::Consumer(Box::new(Consumer::new(config))))
            }
            ApplicationConfig::Group(config) => Some(Self::Group(Box::new(Group::new(config)))),
            ApplicationConfig::Creator(config) => {
                Some(Self::Creator(Box::new(Creator::new(config))))
            }
            ApplicationConfig::Probe(config) => Some(Self::Probe(Box::new(Probe::new(config)))),
        }
    }

    /// Whether it has done all that it is for; one that works for ever never has.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Producer(_) | Self::Consumer(_) | Self::Group(_) => false,
            Self::Creator(machine) => machine.is_done(),
            Self::Probe(machine) => machine.is_done(),
        }
    }
}
