//! An application that reads for ever.

use crate::message::{AppCall, AppError, AppReply, SeekTo};
use crate::node::application::config::{Begin, ConsumerWorkload};
use crate::node::application::input::{Effect, Input};
use crate::protocol::Machine;
use crate::types::{CallToken, Deadlines, Now};

/// Assigns itself every partition of a topic and polls, one poll after the other.
#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    config: ConsumerWorkload,
    calls: u64,
    /// The call that closes its client, once its process was asked to end.
    closing: Option<CallToken>,
}

impl Machine for Consumer {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Start => {
                let to = match self.config.begin {
                    Begin::At(to) => to,
                    Begin::Ago(ago) => {
                        let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                        SeekTo::Timestamp(now.wall.millis().saturating_sub(ago).max(0))
                    }
                };
                self.assign(to, effects);
            }
            Input::Reply { token, .. } if self.closing == Some(token) => {
                effects.push(Effect::Exit);
            }
            // Polls that were under way come back empty.
            Input::Reply { .. } if self.closing.is_some() => {}
            Input::Reply { token: _, reply } => self.on_reply(reply, effects),
            Input::Shutdown if self.closing.is_none() => {
                self.closing = Some(CallToken(self.calls));
                self.call(AppCall::Close, effects);
            }
            // It reads on while the cluster heals: that it can is part of what is checked.
            Input::Stop | Input::Deadline | Input::Administer(_) | Input::Shutdown => {}
        }
    }

    fn deadlines(&self) -> Deadlines {
        Deadlines::NONE
    }
}

impl Consumer {
    pub(crate) fn new(config: ConsumerWorkload) -> Self {
        Self { config, calls: 0, closing: None }
    }

    fn on_reply(&mut self, reply: AppReply, effects: &mut Vec<Effect>) {
        match reply {
            AppReply::Done | AppReply::Polled(_) | AppReply::Rebalanced { .. } => {
                let timeout = self.config.poll_timeout;
                self.call(AppCall::Poll { timeout }, effects);
            }
            // Without a reset policy it is for the application to say where to go on.
            AppReply::Failed(AppError::OffsetOutOfRange | AppError::LogTruncation { .. }) => {
                self.assign(SeekTo::Beginning, effects);
            }
            AppReply::Failed(
                AppError::Refused(_)
                | AppError::Unknown(_)
                | AppError::NotSent(_)
                | AppError::Closed,
            )
            | AppReply::Sent { .. }
            | AppReply::Flushed
            | AppReply::Admin(_) => {}
        }
    }

    fn assign(&mut self, to: SeekTo, effects: &mut Vec<Effect>) {
        let topic = &self.config.topic;
        let partitions = (0..self.config.partitions).map(|n| (topic.clone(), n, to)).collect();
        self.call(AppCall::Assign { partitions }, effects);
    }

    fn call(&mut self, call: AppCall, effects: &mut Vec<Effect>) {
        let token = CallToken(self.calls);
        self.calls += 1;
        effects.push(Effect::Call { token, call });
    }
}
