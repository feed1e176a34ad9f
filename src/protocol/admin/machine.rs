//! The admin client's calls under way.

use std::collections::BTreeMap;

use crate::message::{AdminCall, Answer, AppError, AppReply, ResponseBody, SendError};
use crate::protocol::admin::config::AdminConfig;
use crate::protocol::admin::effect::Effect;
use crate::protocol::admin::input::Input;
use crate::protocol::admin::request::{request, result};
use crate::protocol::machine::Machine;
use crate::types::{CallToken, Deadlines, ErrorCode, Now, Rng, Wall};

/// An admin client: a request to any broker for each call, sent again while that may help and
/// `default.api.timeout.ms` is not over.
///
/// A call that was sent again and is then answered by an error which its own first attempt would
/// explain (the topic exists already, or is gone already) is answered so all the same, as in
/// Kafka: the application must know.
///
/// # Source
///
/// Kafka 4.1, `KafkaAdminClient`.
#[derive(Clone, Debug)]
pub struct Admin {
    config: AdminConfig,
    rng: Rng,
    calls: BTreeMap<u64, Call>,
    next_token: u64,
}

/// A call under way.
#[derive(Clone, Debug)]
struct Call {
    token: CallToken,
    call: AdminCall,
    give_up_at: Wall,
    attempts: u32,
    /// Whether its request is on its way; if not, when it is sent again.
    retry_at: Option<Wall>,
    /// Whether some attempt may have taken effect although nobody said so.
    may_be_done: bool,
    last_error: ErrorCode,
}

impl Machine for Admin {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Call { token, call } => self.on_call(now.wall, token, call, effects),
            Input::Completed { token, answer } => {
                self.on_completed(now.wall, token, answer, effects);
            }
            Input::Deadline => self.on_deadline(now.wall, effects),
        }
    }

    fn deadlines(&self) -> Deadlines {
        // Calls under way are few: one or two in the life of most clients.
        let due = self.calls.values().map(|call| {
            call.retry_at.map_or(call.give_up_at, |retry_at| retry_at.min(call.give_up_at))
        });
        Deadlines::wall(due.min())
    }
}

impl Admin {
    /// An admin client without calls; `rng` shakes its back-offs.
    pub fn new(config: AdminConfig, rng: Rng) -> Self {
        Self { config, rng, calls: BTreeMap::new(), next_token: 0 }
    }

    fn on_call(
        &mut self,
        wall: Wall,
        token: CallToken,
        call: AdminCall,
        effects: &mut Vec<Effect>,
    ) {
        let call = Call {
            token,
            call,
            give_up_at: wall + self.config.api_timeout,
            attempts: 0,
            retry_at: None,
            may_be_done: false,
            last_error: ErrorCode::None,
        };
        self.send(call, effects);
    }

    fn send(&mut self, mut call: Call, effects: &mut Vec<Effect>) {
        let token = self.next_token;
        self.next_token += 1;
        let timeout = i32::try_from(self.config.request_timeout.as_millis()).unwrap_or(i32::MAX);
        let body = request(&call.call, timeout);
        call.attempts += 1;
        call.retry_at = None;
        self.calls.insert(token, call);
        effects.push(Effect::SendToAny { token, body });
    }

    fn on_completed(&mut self, wall: Wall, token: u64, answer: Answer, effects: &mut Vec<Effect>) {
        // One that was given up meanwhile is none of ours any more.
        let Some(mut call) = self.calls.remove(&token) else { return };
        let error = match answer {
            Ok((body, _)) => match self.told(&call, &body) {
                Ok(reply) => {
                    effects.push(Effect::Reply { token: call.token, reply });
                    return;
                }
                Err(error) => error,
            },
            Err(SendError::NotConnected) => ErrorCode::NetworkException,
            Err(SendError::Disconnected) => {
                call.may_be_done = true;
                ErrorCode::NetworkException
            }
            Err(SendError::TimedOut) => {
                call.may_be_done = true;
                ErrorCode::RequestTimedOut
            }
        };
        // The controller goes on with what it began when the broker stops waiting for it.
        call.may_be_done |= error == ErrorCode::RequestTimedOut;
        call.last_error = error;
        if !error.is_retriable() || call.attempts > self.config.retries || call.give_up_at <= wall {
            give_up(&call, effects);
            return;
        }
        let wait = self.config.retry_backoff.wait(call.attempts - 1, &mut self.rng);
        call.retry_at = Some(wall + wait);
        self.calls.insert(token, call);
    }

    fn told(&self, call: &Call, body: &ResponseBody) -> Result<AppReply, ErrorCode> {
        result(&call.call, body).map(AppReply::Admin)
    }

    fn on_deadline(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let is_due = |call: &Call| {
            call.give_up_at <= wall || call.retry_at.is_some_and(|retry_at| retry_at <= wall)
        };
        let calls = self.calls.iter();
        let due: Vec<u64> =
            calls.filter(|(_, call)| is_due(call)).map(|(token, _)| *token).collect();
        for token in due {
            let mut call = self.calls.remove(&token).expect("listed above");
            if call.give_up_at <= wall {
                call.may_be_done |= call.retry_at.is_none();
                call.last_error = ErrorCode::RequestTimedOut;
                give_up(&call, effects);
            } else {
                self.send(call, effects);
            }
        }
    }
}

fn give_up(call: &Call, effects: &mut Vec<Effect>) {
    let changes_nothing =
        matches!(call.call, AdminCall::ListTopics | AdminCall::DescribeTopic { .. });
    let error = if call.may_be_done && !changes_nothing {
        AppError::Unknown(call.last_error)
    } else {
        AppError::Refused(call.last_error)
    };
    effects.push(Effect::Reply { token: call.token, reply: AppReply::Failed(error) });
}
