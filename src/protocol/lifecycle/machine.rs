//! The machine: one call to the controller at a time, and when the next one is due.

use std::time::Duration;

use kafka_protocol::messages as k;
use kafka_protocol::messages::broker_registration_request as rr;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::event::HaltReason;
use crate::message::{RequestBody, ResponseBody};
use crate::protocol::lifecycle::config::LifecycleConfig;
use crate::protocol::lifecycle::effect::Effect;
use crate::protocol::lifecycle::input::{Input, Unreached};
use crate::protocol::lifecycle::state::BrokerState;
use crate::protocol::machine::Machine;
use crate::types::{BrokerEpoch, Deadlines, ErrorCode, Monotonic, Now, Offset, Rng};

/// After the first heartbeat that finds the broker caught up, the next comes soon, so that a
/// broker without work to do starts quicker.
const STARTING_INTERVAL: Duration = Duration::from_millis(10);
/// The second heartbeat of a controlled shutdown comes soon, too.
const SHUTDOWN_INTERVAL: Duration = Duration::from_millis(50);
/// How soon the controller is looked for again after a call that did not reach it. Kafka's channel
/// to the controller does so below the lifecycle, whose own back-off does not grow by it.
const REACH_AGAIN: Duration = Duration::from_millis(100);
/// First back-off after a refusal; it doubles with each, up to half a session time-out.
const BACKOFF_MIN: Duration = Duration::from_millis(100);

/// Registers a broker with the controller and keeps its session alive.
///
/// Source: Kafka 4.1, `BrokerLifecycleManager`.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    config: LifecycleConfig,
    rng: Rng,
    state: BrokerState,
    broker_epoch: Option<BrokerEpoch>,
    /// Whether `broker_epoch` is still good: a heartbeat comes next, not a registration.
    is_registered: bool,
    ready_to_unfence: bool,
    metadata_offset: Option<Offset>,
    in_flight: Option<u64>,
    next_token: u64,
    /// When the next call is due; `None` while one is under way, and before the start.
    next_call: Option<Monotonic>,
    /// Something happened during a call that the next one must tell of at once.
    hurry: bool,
    failures: u32,
    /// Until when the first registration must have succeeded.
    register_by: Option<Monotonic>,
    heard_of_shutdown: bool,
    /// When the process ends even if the controller has not let it go.
    shutdown_by: Option<Monotonic>,
}

impl Machine for Lifecycle {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Start => self.on_start(now, effects),
            Input::Answered { token, result } => self.on_answered(now, token, result, effects),
            Input::MetadataApplied { last } => self.on_metadata_applied(last),
            Input::ReadyToUnfence => {
                self.ready_to_unfence = true;
                self.call_soon(now);
            }
            Input::BeginControlledShutdown => self.on_shutdown(now, effects),
            Input::Deadline => self.on_deadline(now, effects),
        }
        let (next, in_flight) = (self.next_call, self.in_flight);
        assert!(
            next.is_none() || in_flight.is_none(),
            "one call at a time: {next:?} {in_flight:?}"
        );
    }

    /// Kafka's event queue goes by the steady clock.
    fn deadlines(&self) -> Deadlines {
        let by = Deadlines::monotonic(self.register_by).or(Deadlines::monotonic(self.shutdown_by));
        Deadlines::monotonic(self.next_call).or(by)
    }
}

impl Lifecycle {
    /// The lifecycle of a broker that has not started yet; `rng` spreads its back-offs.
    pub fn new(config: LifecycleConfig, rng: Rng) -> Self {
        Self {
            config,
            rng,
            state: BrokerState::NotRunning,
            broker_epoch: None,
            is_registered: false,
            ready_to_unfence: false,
            metadata_offset: None,
            in_flight: None,
            next_token: 0,
            next_call: None,
            hurry: false,
            failures: 0,
            register_by: None,
            heard_of_shutdown: false,
            shutdown_by: None,
        }
    }

    /// Where the broker is in its life.
    pub fn state(&self) -> BrokerState {
        self.state
    }

    /// The epoch of its registration; `None` before the first.
    pub fn broker_epoch(&self) -> Option<BrokerEpoch> {
        self.broker_epoch
    }

    fn on_start(&mut self, now: Now, effects: &mut Vec<Effect>) {
        assert_eq!(self.state, BrokerState::NotRunning, "a process starts once");
        self.enter(BrokerState::Starting, effects);
        self.register_by = Some(now.monotonic + self.config.registration_timeout);
        self.send(effects);
    }

    fn on_metadata_applied(&mut self, last: Offset) {
        assert!(
            self.metadata_offset.is_none_or(|before| before <= last),
            "what is replayed only grows: {:?}, then {last}",
            self.metadata_offset
        );
        self.metadata_offset = Some(last);
    }

    fn on_shutdown(&mut self, now: Now, effects: &mut Vec<Effect>) {
        match self.state {
            BrokerState::Running if self.config.controlled_shutdown => {
                self.enter(BrokerState::PendingControlledShutdown, effects);
                self.shutdown_by = Some(now.monotonic + self.config.shutdown_timeout);
                self.call_soon(now);
            }
            BrokerState::Running => self.end(None, effects),
            BrokerState::PendingControlledShutdown | BrokerState::ShuttingDown => {}
            // A server that has not finished starting is not shut down at all, the process just
            // ends (`BrokerServer.shutdown` asks for `STARTED`).
            BrokerState::NotRunning | BrokerState::Starting | BrokerState::Recovery => {
                self.end(Some(HaltReason::StoppedBeforeStarted), effects);
            }
        }
    }

    fn on_deadline(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.register_by.is_some_and(|by| by <= now.monotonic) {
            self.end(Some(HaltReason::NotRegistered), effects);
            return;
        }
        if self.shutdown_by.is_some_and(|by| by <= now.monotonic) {
            // No controller let it go: it closes its logs and ends without leave.
            self.end(None, effects);
            return;
        }
        if self.next_call.is_some_and(|at| at <= now.monotonic) {
            self.send(effects);
        }
    }

    fn on_answered(
        &mut self,
        now: Now,
        token: u64,
        result: Result<ResponseBody, Unreached>,
        effects: &mut Vec<Effect>,
    ) {
        if self.in_flight != Some(token) || self.state == BrokerState::ShuttingDown {
            return;
        }
        self.in_flight = None;
        match result {
            Ok(ResponseBody::BrokerRegistration(body)) if body.error_code == 0 => {
                self.failures = 0;
                self.is_registered = true;
                self.register_by = None;
                let broker_epoch = BrokerEpoch(body.broker_epoch);
                self.broker_epoch = Some(broker_epoch);
                effects.push(Effect::Registered { broker_epoch });
                self.call_after(now, Duration::ZERO);
            }
            Ok(ResponseBody::BrokerHeartbeat(body)) if body.error_code == 0 => {
                self.failures = 0;
                self.on_heartbeat(now, &body, effects);
            }
            Ok(body) => self.on_refused(now, error_of(&body)),
            Err(Unreached) => self.next_call = Some(now.monotonic + REACH_AGAIN),
        }
    }

    fn on_refused(&mut self, now: Now, error: ErrorCode) {
        // Differs from Kafka: 4.1 keeps sending the stale epoch and waits to be restarted; here the
        // broker registers again.
        let is_stale =
            matches!(error, ErrorCode::StaleBrokerEpoch | ErrorCode::BrokerIdNotRegistered);
        if is_stale && self.is_registered {
            self.is_registered = false;
        }
        if error == ErrorCode::NotController {
            self.next_call = Some(now.monotonic + REACH_AGAIN);
        } else {
            // Among others 101: the session of the process before still lives.
            self.call_after_failure(now);
        }
    }

    fn on_heartbeat(
        &mut self,
        now: Now,
        body: &k::BrokerHeartbeatResponse,
        effects: &mut Vec<Effect>,
    ) {
        match self.state {
            BrokerState::Starting => {
                if body.is_caught_up {
                    self.enter(BrokerState::Recovery, effects);
                }
                self.call_after(now, STARTING_INTERVAL);
            }
            BrokerState::Recovery => {
                if !body.is_fenced {
                    self.enter(BrokerState::Running, effects);
                }
                self.call_after(now, self.config.heartbeat_interval);
            }
            BrokerState::Running => self.call_after(now, self.config.heartbeat_interval),
            BrokerState::PendingControlledShutdown => {
                if body.should_shut_down {
                    self.end(None, effects);
                } else if self.heard_of_shutdown {
                    self.call_after(now, self.config.heartbeat_interval);
                } else {
                    self.heard_of_shutdown = true;
                    self.call_after(now, SHUTDOWN_INTERVAL);
                }
            }
            BrokerState::NotRunning | BrokerState::ShuttingDown => {}
        }
    }

    fn enter(&mut self, state: BrokerState, effects: &mut Vec<Effect>) {
        assert!(self.state < state, "a life goes forward: {:?} to {state:?}", self.state);
        self.state = state;
        effects.push(Effect::StateChanged { state });
    }

    fn end(&mut self, halted: Option<HaltReason>, effects: &mut Vec<Effect>) {
        self.enter(BrokerState::ShuttingDown, effects);
        self.next_call = None;
        self.register_by = None;
        self.shutdown_by = None;
        effects.push(Effect::End { halted });
    }

    fn send(&mut self, effects: &mut Vec<Effect>) {
        let token = self.next_token;
        self.next_token += 1;
        self.in_flight = Some(token);
        self.next_call = None;
        let body = if self.is_registered { self.heartbeat() } else { self.registration() };
        effects.push(Effect::Send { token, body });
    }

    fn registration(&self) -> RequestBody {
        let config = &self.config;
        let listener = rr::Listener::default()
            .with_name(StrBytes::from_static_str("PLAINTEXT"))
            .with_host(StrBytes::from_string(format!("broker-{}", config.broker)))
            .with_port(9092);
        let rack = config.rack.as_ref();
        let mut directories = config.directories.clone();
        directories.sort_unstable();
        k::BrokerRegistrationRequest::default()
            .with_broker_id(k::BrokerId(config.broker.0))
            .with_cluster_id(StrBytes::from_static_str("kafsim"))
            .with_incarnation_id(Uuid::from_u128(u128::from(config.incarnation.0)))
            .with_listeners(vec![listener])
            .with_rack(rack.map(|rack| StrBytes::from_string(rack.as_str().to_owned())))
            .with_log_dirs(directories.iter().map(|id| Uuid::from_u128(u128::from(id.0))).collect())
            .with_previous_broker_epoch(BrokerEpoch::to_wire(config.previous_broker_epoch))
            .into()
    }

    fn heartbeat(&self) -> RequestBody {
        let shuts_down = self.state == BrokerState::PendingControlledShutdown;
        k::BrokerHeartbeatRequest::default()
            .with_broker_id(k::BrokerId(self.config.broker.0))
            .with_broker_epoch(BrokerEpoch::to_wire(self.broker_epoch))
            .with_current_metadata_offset(Offset::to_wire(self.metadata_offset))
            .with_want_fence(!self.ready_to_unfence)
            .with_want_shut_down(shuts_down)
            .into()
    }

    /// As soon as possible: now, or when the call under way has come back.
    fn call_soon(&mut self, now: Now) {
        if self.in_flight.is_some() {
            self.hurry = true;
        } else if self.state != BrokerState::ShuttingDown {
            self.next_call = Some(now.monotonic);
        }
    }

    fn call_after(&mut self, now: Now, delay: Duration) {
        let delay = if self.hurry { Duration::ZERO } else { delay };
        self.hurry = false;
        self.next_call = Some(now.monotonic + delay);
    }

    fn call_after_failure(&mut self, now: Now) {
        // Never at once after a failure, whatever is the hurry.
        self.hurry = false;
        let max = self.config.session_timeout;
        let backoff = BACKOFF_MIN.saturating_mul(1 << self.failures.min(16)).min(max);
        self.failures += 1;
        let micros = u64::try_from(backoff.as_micros()).unwrap_or(u64::MAX);
        // 2 % of jitter, either way.
        let micros = self.rng.between(micros - micros / 50, micros + micros / 50);
        self.next_call = Some(now.monotonic + Duration::from_micros(micros));
    }
}

/// The error of an answer that was not welcome.
fn error_of(body: &ResponseBody) -> ErrorCode {
    if let ResponseBody::BrokerRegistration(body) = body {
        ErrorCode::from_code(body.error_code)
    } else if let ResponseBody::BrokerHeartbeat(body) = body {
        ErrorCode::from_code(body.error_code)
    } else {
        ErrorCode::UnknownServerError
    }
}
