//! Stories of a broker's lifecycle.

#![expect(clippy::unwrap_used, reason = "a malformed test file should panic")]

use kafka_protocol::messages as k;

use kafsim::message::{RequestBody, ResponseBody};
use kafsim::protocol::Machine;
use kafsim::protocol::lifecycle::{Effect, Input, Lifecycle, LifecycleConfig, Unreached};
use kafsim::types::{BrokerEpoch, DirectoryId, ErrorCode, IncarnationId, Now, Offset, Rng};

use crate::interaction::{Command, answer, play};

#[test]
fn lifecycle_stories() {
    play("lifecycle", Scene::run);
}

#[derive(Default)]
struct Scene {
    now: Now,
    lifecycle: Option<Lifecycle>,
    token: u64,
}

impl Scene {
    fn run(&mut self, command: &Command<'_>) -> String {
        let error = command.text("error").map_or(0, |name| code(name).code());
        let input = match command.verb {
            "broker" => {
                let previous = command.text("previous-epoch").map(|text| text.parse().unwrap());
                let config = LifecycleConfig {
                    incarnation: IncarnationId(7),
                    directories: vec![DirectoryId(11)],
                    previous_broker_epoch: previous.map(BrokerEpoch),
                    controlled_shutdown: !command.has("no-controlled-shutdown"),
                    ..LifecycleConfig::default()
                };
                self.lifecycle = Some(Lifecycle::new(config, Rng::named(1, "lifecycle", &[])));
                return "ok".to_owned();
            }
            "start" => Input::Start,
            "advance" => {
                self.now = self.now.after(command.duration());
                let lifecycle = self.lifecycle.as_ref().unwrap();
                if !lifecycle.deadlines().is_due(self.now) {
                    return "nothing is due".to_owned();
                }
                Input::Deadline
            }
            "registered" => self.answered(Ok(k::BrokerRegistrationResponse::default()
                .with_error_code(error)
                .with_broker_epoch(command.number("epoch", -1))
                .into())),
            "heard" => self.answered(Ok(k::BrokerHeartbeatResponse::default()
                .with_error_code(error)
                .with_is_caught_up(command.has("caught-up"))
                .with_is_fenced(!command.has("unfenced"))
                .with_should_shut_down(command.has("shut-down"))
                .into())),
            "unreached" => self.answered(Err(Unreached)),
            "applied" => Input::MetadataApplied { last: Offset(command.number("last", 0)) },
            "ready" => Input::ReadyToUnfence,
            "shutdown" => Input::BeginControlledShutdown,
            other => panic!("unknown command {other}"),
        };
        let mut effects = Vec::new();
        self.lifecycle.as_mut().unwrap().step(self.now, input, &mut effects);
        answer(effects.into_iter().map(|effect| self.show(effect)).collect::<Vec<_>>())
    }

    fn answered(&self, result: Result<ResponseBody, Unreached>) -> Input {
        Input::Answered { token: self.token, result }
    }

    fn show(&mut self, effect: Effect) -> String {
        match effect {
            Effect::Send { token, body: RequestBody::BrokerRegistration(body) } => {
                self.token = token;
                format!(
                    "register broker={} incarnation={} previous-epoch={}",
                    body.broker_id.0,
                    body.incarnation_id.as_u128(),
                    body.previous_broker_epoch
                )
            }
            Effect::Send { token, body: RequestBody::BrokerHeartbeat(body) } => {
                self.token = token;
                format!(
                    "heartbeat epoch={} offset={} want-fence={} want-shut-down={}",
                    body.broker_epoch,
                    body.current_metadata_offset,
                    body.want_fence,
                    body.want_shut_down
                )
            }
            other => format!("{other:?}"),
        }
    }
}

/// The error code whose Kafka name is `name`.
pub(crate) fn code(name: &str) -> ErrorCode {
    *ErrorCode::ALL.iter().find(|code| code.name() == name).unwrap()
}
