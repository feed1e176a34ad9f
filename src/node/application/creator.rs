//! An application that creates topics, and then administers the cluster when it is told to.

use std::collections::BTreeMap;

use crate::message::{AppCall, AppError, AppReply};
use crate::node::application::config::TopicCreation;
use crate::node::application::input::{Effect, Input};
use crate::protocol::Machine;
use crate::types::{CallToken, Deadlines, ErrorCode, Monotonic, Now};

/// Creates topics, each again and again until it is there.
#[derive(Clone, Debug)]
pub(crate) struct Creator {
    config: TopicCreation,
    /// Topics whose creation is under way, by call.
    under_way: BTreeMap<CallToken, usize>,
    /// Topics that were refused, and when each is tried again.
    waiting: Vec<(Monotonic, usize)>,
    calls: u64,
}

impl Machine for Creator {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Start => (0..self.config.topics.len()).for_each(|at| self.create(at, effects)),
            Input::Reply { token, reply } => {
                let Some(at) = self.under_way.remove(&token) else { return };
                let is_there = matches!(
                    reply,
                    AppReply::Admin(_)
                        | AppReply::Failed(AppError::Refused(ErrorCode::TopicAlreadyExists))
                );
                if !is_there {
                    self.waiting.push((now.monotonic + self.config.retry_after, at));
                }
            }
            Input::Deadline => {
                let (due, waiting) =
                    self.waiting.iter().partition(|(retry_at, _)| *retry_at <= now.monotonic);
                self.waiting = waiting;
                let due: Vec<(Monotonic, usize)> = due;
                due.into_iter().for_each(|(_, at)| self.create(at, effects));
            }
            Input::Administer(nth) => self.administer(nth, effects),
            // The cluster is not formed before its topics are there.
            Input::Stop => {}
            Input::Shutdown => effects.push(Effect::Exit),
        }
    }

    fn deadlines(&self) -> Deadlines {
        Deadlines::monotonic(self.waiting.iter().map(|(retry_at, _)| *retry_at).min())
    }
}

impl Creator {
    pub(crate) fn new(config: TopicCreation) -> Self {
        Self { config, under_way: BTreeMap::new(), waiting: Vec::new(), calls: 0 }
    }

    /// Whether every topic is there.
    pub(crate) fn is_done(&self) -> bool {
        self.under_way.is_empty() && self.waiting.is_empty()
    }

    fn create(&mut self, at: usize, effects: &mut Vec<Effect>) {
        let token = self.call(AppCall::Admin(self.config.topics[at].clone()), effects);
        self.under_way.insert(token, at);
    }

    /// What comes of it is in the record for all to see; nothing is tried again.
    fn administer(&mut self, nth: u32, effects: &mut Vec<Effect>) {
        let operation = usize::try_from(nth).ok().and_then(|nth| self.config.operations.get(nth));
        if let Some(operation) = operation {
            self.call(AppCall::Admin(operation.clone()), effects);
        }
    }

    fn call(&mut self, call: AppCall, effects: &mut Vec<Effect>) -> CallToken {
        let token = CallToken(self.calls);
        self.calls += 1;
        effects.push(Effect::Call { token, call });
        token
    }
}
