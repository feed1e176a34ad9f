//! A process' part in the metadata quorum: the raft machine and its connections, one after the
//! other on the raft lane. Controllers have it as voters, brokers as observers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::event::StartedAs;
use crate::log::LogEffect;
use crate::message::{DiskImage, Response};
use crate::node::port::{Input, Output, Task};
use crate::node::start::Start;
use crate::protocol::Machine;
use crate::protocol::connection;
use crate::protocol::connection::{Connections, ConnectionsConfig};
use crate::protocol::raft;
use crate::protocol::raft::{Raft, RaftConfig};
use crate::types::{
    ApiKey, ConnectionId, CorrelationId, Deadlines, HostId, Lane, Now, Purpose, Rng, Ticket,
};

/// The component of a process that raft's connections belong to.
const COMPONENT: u8 = 0;
/// The tickets from here on are raft's; a process' others stay below.
const FIRST_TICKET: Ticket = Ticket(1 << 48);

/// The raft machine of a process, joined to its connections.
///
/// Source: Kafka 4.1, `KafkaRaftManager`, `KafkaNetworkChannel`, `KafkaRaftClientDriver`.
#[derive(Clone, Debug)]
pub struct Quorum {
    host: HostId,
    raft: Raft,
    connections: Connections,
    /// The number of the request that is being served on a connection.
    asked: BTreeMap<ConnectionId, CorrelationId>,
    /// Whether the machine has ended in order.
    is_shut_down: bool,
}

impl Quorum {
    /// Starts the part of a process that `start` describes.
    pub fn start(
        config: Arc<RaftConfig>,
        disk: &DiskImage,
        start: Start,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Self {
        let place = [u64::from(start.host.0), u64::from(start.incarnation)];
        let connections = Connections::new(
            ConnectionsConfig {
                opener: start.host,
                incarnation: start.incarnation,
                component: COMPONENT,
                purpose: Purpose::Raft,
                request_timeout: config.request_timeout,
                reconnect_backoff: Duration::from_millis(50),
                reconnect_backoff_max: Duration::from_millis(500),
                in_flight_max: 1,
                ..ConnectionsConfig::default()
            },
            Rng::named(start.seed, "raft-connections", &place),
        );
        let clean = matches!(start.started_as, StartedAs::AfterShutdown);
        let rng = Rng::named(start.seed, "election", &place);
        let mut effects = Vec::new();
        let raft = Raft::start(config, disk, clean, rng, FIRST_TICKET, now, &mut effects);
        let mut quorum = Self {
            host: start.host,
            raft,
            connections,
            asked: BTreeMap::new(),
            is_shut_down: false,
        };
        quorum.run(now, effects, VecDeque::new(), out);
        quorum
    }

    /// The machine: its log, its epoch, what it has published, the committed batches.
    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    /// Whether requests of this kind may be the quorum's (fetches of the metadata log are).
    pub fn serves(api: ApiKey) -> bool {
        matches!(
            api,
            ApiKey::Vote | ApiKey::BeginQuorumEpoch | ApiKey::EndQuorumEpoch | ApiKey::Fetch
        )
    }

    /// Whether `connection` was opened by this part of the process.
    pub fn owns_connection(&self, connection: ConnectionId) -> bool {
        connection.opener == self.host && connection.component() == COMPONENT
    }

    /// Whether the disk operation `ticket` is this part's.
    pub fn owns_ticket(ticket: Ticket) -> bool {
        ticket >= FIRST_TICKET
    }

    /// When the raft lane next wants an input.
    pub fn deadlines(&self) -> Deadlines {
        self.raft.deadlines().or(self.connections.deadlines())
    }

    /// Takes an input of the raft lane: a request to the quorum, what comes on its own
    /// connections, the end of a connection of others, its disk operations, its deadlines, and
    /// `Task::AppendMetadata`. Says whether the state machine should look at what is published, and
    /// where in `out` that belongs.
    pub fn step(&mut self, now: Now, input: Input, out: &mut Vec<Output>) -> Option<usize> {
        let mut inputs = VecDeque::new();
        match input {
            Input::Request { connection, purpose: _, request } => {
                self.asked.insert(connection, request.correlation_id);
                inputs.push_back(raft::Input::Request { request: connection, body: request.body });
            }
            Input::Connected { connection } => {
                let input = connection::Input::Connected { connection };
                self.connect(now, input, &mut inputs, out);
            }
            Input::Response { connection, response } => {
                let input = connection::Input::Response { connection, response };
                self.connect(now, input, &mut inputs, out);
            }
            Input::Disconnected { connection, because } if self.owns_connection(connection) => {
                let input = connection::Input::Disconnected { connection, because };
                self.connect(now, input, &mut inputs, out);
            }
            Input::Disconnected { connection, because: _ } => {
                if self.asked.remove(&connection).is_some() {
                    inputs.push_back(raft::Input::Abandoned { request: connection });
                }
            }
            Input::Disk { ticket, result } => {
                inputs.push_back(raft::Input::DiskCompleted { ticket, result });
            }
            Input::Deadline(_) => {
                self.connect(now, connection::Input::Deadline, &mut inputs, out);
                inputs.push_back(raft::Input::Deadline);
            }
            Input::Task(Task::AppendMetadata { leader_epoch, records }) => {
                inputs.push_back(raft::Input::Append { leader_epoch, records });
            }
            Input::Task(Task::Shutdown) => inputs.push_back(raft::Input::ShutDown),
            Input::Task(
                Task::QuorumAdvanced
                | Task::ApplyMetadata
                | Task::CompleteRequests
                | Task::Groups(_)
                | Task::StopWorkload
                | Task::Stall(_)
                | Task::Administer(_),
            )
            | Input::Call { .. } => panic!("not an input of the quorum: {input:?}"),
        }
        self.run(now, Vec::new(), inputs, out)
    }

    /// Whether it has ended in order, as `Task::Shutdown` asked: whoever led has given up.
    pub fn is_shut_down(&self) -> bool {
        self.is_shut_down
    }

    /// Carries out `effects`, then takes `inputs` and what follows from them until all is done.
    fn run(
        &mut self,
        now: Now,
        mut effects: Vec<raft::Effect>,
        mut inputs: VecDeque<raft::Input>,
        out: &mut Vec<Output>,
    ) -> Option<usize> {
        let mut has_news = false;
        // Listeners hear of what is committed before the leader flushes it (`flushLeaderLog`), as
        // whoever fetches does; of a leader when all that it stands on is on the disk.
        let mut committed_at = None;
        loop {
            for effect in effects.drain(..) {
                if let raft::Effect::HighWatermarkMoved { .. } = effect {
                    committed_at = committed_at.or(Some(out.len()));
                }
                has_news |= self.carry_out(now, effect, &mut inputs, out);
            }
            let Some(input) = inputs.pop_front() else {
                return committed_at.or_else(|| has_news.then_some(out.len()));
            };
            self.raft.step(now, input, &mut effects);
        }
    }

    fn carry_out(
        &mut self,
        now: Now,
        effect: raft::Effect,
        inputs: &mut VecDeque<raft::Input>,
        out: &mut Vec<Output>,
    ) -> bool {
        match effect {
            raft::Effect::Send { to, token, body } => {
                let (records, timeout, expects_answer) = (Vec::new(), None, true);
                let input =
                    connection::Input::Send { token, to, body, records, timeout, expects_answer };
                self.connect(now, input, inputs, out);
            }
            raft::Effect::Answer { request: connection, body, records } => {
                // A connection that is gone takes no answer.
                if let Some(correlation_id) = self.asked.remove(&connection) {
                    let response = Some(Response { correlation_id, body, records });
                    out.push(Output::Answer { connection, response });
                }
            }
            raft::Effect::Log(LogEffect::Disk(operation)) | raft::Effect::Disk(operation) => {
                out.push(Output::Disk(operation));
            }
            raft::Effect::Log(LogEffect::Event(kind)) => out.push(Output::event(kind)),
            raft::Effect::LeaderChanged { .. } | raft::Effect::HighWatermarkMoved { .. } => {
                return true;
            }
            raft::Effect::Event { kind, about } => out.push(Output::Event { kind, about }),
            raft::Effect::ShutDown => self.is_shut_down = true,
            raft::Effect::Halt { reason } => out.push(Output::Halt { reason }),
        }
        false
    }

    /// Lets the connections act; what comes back for raft is appended to `inputs`.
    fn connect(
        &mut self,
        now: Now,
        input: connection::Input,
        inputs: &mut VecDeque<raft::Input>,
        out: &mut Vec<Output>,
    ) {
        let mut effects = Vec::new();
        self.connections.step(now, input, &mut effects);
        for effect in effects {
            match effect {
                connection::Effect::Connect { connection, to, purpose } => {
                    out.push(Output::Connect { connection, to, purpose });
                }
                connection::Effect::Close { connection } => {
                    out.push(Output::Close { connection });
                }
                connection::Effect::Transmit { connection, request } => {
                    out.push(Output::Request { connection, request });
                }
                connection::Effect::Completed { token, to, result } => {
                    inputs.push_back(match result {
                        Ok((body, records)) => raft::Input::Response { to, token, body, records },
                        Err(_) => raft::Input::SendFailed { to, token },
                    });
                }
                connection::Effect::Opened { .. } | connection::Effect::Lost { .. } => {}
            }
        }
    }

    /// The lane that all of this belongs to.
    pub const LANE: Lane = Lane::Raft;
}
