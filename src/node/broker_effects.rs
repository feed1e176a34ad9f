//! Effects of a broker's machines, carried out or given to the machine that they concern.

use crate::event::{About, HaltReason, Kind};
use crate::log::LogEffect;
use crate::message::{Batch, DiskError, FetchResult, PartitionFetch, RequestBody, ResponseBody};
use crate::node::broker::{
    Broker, Component, Ending, FIRST_RAFT_TICKET, Publication, Source, Touched, Work, queue,
};
use crate::node::broker_groups::FIRST_GROUP_CALL;
use crate::node::broker_shutdown::entered;
use crate::node::port::{Output, Task};
use crate::protocol::Machine as _;
use crate::protocol::fetcher::{Fetcher, FetcherConfig};
use crate::protocol::lifecycle::BrokerState;
use crate::protocol::request::{Ask, Placed};
use crate::protocol::{
    alter_partition, connection, fetcher, group, lifecycle, raft, replica, request,
};
use crate::types::{
    BrokerEpoch, BrokerId, ConnectionId, ErrorCode, Lane, Now, Ticket, TopicPartition,
};

impl Broker {
    /// Carries out what the machines ask for, in the order asked, until nothing is left.
    pub(crate) fn carry_out(&mut self, now: Now, out: &mut Vec<Output>) {
        // Until the process halts; what is left then is forgotten.
        macro_rules! each {
            ($effects:ident, $spare:ident, $carry_out:expr) => {{
                for effect in $effects.drain(..) {
                    if self.ending == Ending::Halted {
                        break;
                    }
                    $carry_out(self, effect);
                }
                self.scratch.$spare.push($effects);
            }};
        }
        while let Some(work) = self.work.pop_front() {
            match work {
                Work::Raft(mut effects) => {
                    each!(effects, raft, |this: &mut Self, effect| this.on_raft(now, effect, out));
                }
                Work::Lifecycle(mut effects) => {
                    each!(effects, lifecycle, |this: &mut Self, effect| {
                        this.on_lifecycle(now, effect, out);
                    });
                }
                Work::AlterPartition(mut effects) => {
                    each!(effects, alter_partition, |this: &mut Self, effect| {
                        this.on_alter_partition(now, effect);
                    });
                }
                Work::Request(mut effects) => {
                    each!(effects, request, |this: &mut Self, effect| {
                        this.on_request(now, effect, out);
                    });
                }
                Work::Groups(mut effects) => {
                    each!(effects, groups, |this: &mut Self, effect| {
                        this.on_groups(now, effect, out);
                    });
                }
                Work::Fetcher(source, mut effects) => {
                    each!(effects, fetcher, |this: &mut Self, effect| {
                        this.on_fetcher(now, source, effect);
                    });
                }
                Work::Replica(partition, mut effects) => {
                    each!(effects, replica, |this: &mut Self, effect| {
                        this.on_replica(now, partition, effect, out);
                    });
                }
                Work::Connection(component, mut effects) => {
                    each!(effects, connection, |this: &mut Self, effect| {
                        this.on_connection(now, component, effect, out);
                    });
                }
            }
        }
    }

    /// A disk operation of this process has ended.
    pub(crate) fn on_disk(
        &mut self,
        now: Now,
        ticket: Ticket,
        result: Result<(), DiskError>,
        out: &mut Vec<Output>,
    ) {
        if ticket >= FIRST_RAFT_TICKET {
            self.observe(now, raft::Input::DiskCompleted { ticket, result });
        } else if result.is_err() {
            // The one log directory is offline: Kafka halts when none is left.
            self.halt(HaltReason::DiskFailed, out);
        } else if self.ending == Ending::Closing(ticket) {
            self.exit(out);
        }
    }

    pub(crate) fn halt(&mut self, reason: HaltReason, out: &mut Vec<Output>) {
        self.ending = Ending::Halted;
        self.touched = Touched::everything();
        out.push(Output::Halt { reason });
    }

    fn on_raft(&mut self, now: Now, effect: raft::Effect, out: &mut Vec<Output>) {
        match effect {
            raft::Effect::Send { to, token, body } => {
                self.connect(now, Component::Raft, send(token, to, body));
            }
            // An observer is asked nothing.
            raft::Effect::Answer { request, .. } => {
                out.push(Output::Close { connection: request });
            }
            raft::Effect::Log(LogEffect::Disk(operation)) | raft::Effect::Disk(operation) => {
                out.push(Output::Disk(operation));
            }
            raft::Effect::Log(LogEffect::Event(kind)) => out.push(Output::event(kind)),
            raft::Effect::LeaderChanged { leader, .. } => {
                self.controller = leader;
                let controller = leader;
                self.propose(now, alter_partition::Input::ControllerChanged { controller });
            }
            raft::Effect::HighWatermarkMoved { .. } => self.post_apply(out),
            raft::Effect::Event { kind, about } => out.push(Output::Event { kind, about }),
            // A broker's observer ends with its process.
            raft::Effect::ShutDown => {}
            raft::Effect::Halt { reason } => self.halt(reason, out),
        }
    }

    pub(crate) fn post_apply(&mut self, out: &mut Vec<Output>) {
        if !self.apply_is_posted {
            self.apply_is_posted = true;
            out.push(Output::Post { lane: Lane::Metadata, task: Task::ApplyMetadata });
        }
    }

    fn on_lifecycle(&mut self, now: Now, effect: lifecycle::Effect, out: &mut Vec<Output>) {
        match effect {
            lifecycle::Effect::Send { token, body } => match self.controller {
                Some(to) => self.connect(now, Component::Lifecycle, send(token, to, body)),
                None => {
                    let result = Err(lifecycle::Unreached);
                    self.live(now, lifecycle::Input::Answered { token, result });
                }
            },
            lifecycle::Effect::Registered { broker_epoch } => {
                self.on_registered(now, broker_epoch);
            }
            lifecycle::Effect::StateChanged { state } => {
                out.extend(entered(state).map(Output::event));
                if state == BrokerState::Recovery {
                    self.publication = Publication::Due;
                    self.post_apply(out);
                }
            }
            lifecycle::Effect::End { halted: None } => self.close(now, out),
            lifecycle::Effect::End { halted: Some(reason) } => self.halt(reason, out),
        }
    }

    fn on_registered(&mut self, now: Now, broker_epoch: BrokerEpoch) {
        self.broker_epoch = Some(broker_epoch);
        self.propose(now, alter_partition::Input::Registered { broker_epoch });
        self.ask(now, request::Input::Registered { broker_epoch });
        let sources: Vec<_> = self.fetchers.keys().copied().collect();
        for source in sources {
            self.fetch(now, source, fetcher::Input::Registered { broker_epoch });
        }
    }

    fn on_alter_partition(&mut self, now: Now, effect: alter_partition::Effect) {
        match effect {
            alter_partition::Effect::Send { to, token, body } => {
                self.connect(now, Component::AlterPartition, send(token, to, body));
            }
            alter_partition::Effect::Answered { partition, proposal, result } => {
                let input = replica::Input::AlterPartitionAnswered { proposal, result };
                self.tell(now, partition, input);
            }
        }
    }

    fn on_request(&mut self, now: Now, effect: request::Effect, out: &mut Vec<Output>) {
        match effect {
            request::Effect::ToReplica { connection, partition, ask } => {
                self.on_ask(now, connection, partition, ask);
            }
            request::Effect::ToController { token, body } => match self.controller {
                Some(to) => self.connect(now, Component::Forwarding, send(token, to, body)),
                None => {
                    let result = Err(request::Unreached);
                    self.ask(now, request::Input::ControllerAnswered { token, result });
                }
            },
            request::Effect::ToGroups { connection, request } => {
                self.coordinate(now, group::Input::Request { connection, request });
            }
            request::Effect::Answer { connection, response } => {
                out.push(Output::Answer { connection, response });
            }
            request::Effect::Close { connection } => out.push(Output::Close { connection }),
            request::Effect::Event { kind, about } => out.push(Output::Event { kind, about }),
        }
    }

    fn on_ask(&mut self, now: Now, connection: ConnectionId, partition: TopicPartition, ask: Ask) {
        if !self.replicas.contains_key(&partition) {
            self.refuse(now, connection, partition, &ask);
            return;
        }
        let request = connection;
        let input = match ask {
            Ask::Produce { body, acks } => replica::Input::Produce { request, body, acks },
            Ask::AbandonProduce => replica::Input::AbandonProduce { request },
            Ask::Read { fetch } => {
                self.read(now, connection, partition, fetch);
                return;
            }
            Ask::ListOffset { leader_epoch, timestamp, by_follower } => {
                replica::Input::ListOffsets { request, leader_epoch, timestamp, by_follower }
            }
            Ask::DeleteRecords { offset } => replica::Input::DeleteRecords { request, offset },
            Ask::EpochEnd { current_leader_epoch, leader_epoch, by_follower: _ } => {
                let leader_epoch = Some(leader_epoch);
                replica::Input::OffsetForLeaderEpoch { request, current_leader_epoch, leader_epoch }
            }
        };
        self.tell(now, partition, input);
    }

    /// Reads from a replica. What was read goes on at once and not by the queue: reads are what a
    /// broker does most, one for each partition of each fetch.
    fn read(
        &mut self,
        now: Now,
        request: ConnectionId,
        partition: TopicPartition,
        fetch: PartitionFetch,
    ) {
        let Some(replica) = self.replicas.get_mut(&partition) else { return };
        let mut effects = self.scratch.replica.pop().unwrap_or_default();
        replica.step(now, replica::Input::Fetch { request, fetch }, &mut effects);
        let last = effects.pop();
        queue(effects, &mut self.scratch.replica, &mut self.work, |effects| {
            Work::Replica(partition, effects)
        });
        match last {
            Some(replica::Effect::Fetched { request: connection, result: read }) => {
                self.ask(now, request::Input::Read { connection, partition, read });
            }
            other => unreachable!("what was read is the last that a replica says: {other:?}"),
        }
    }

    /// There is no replica here.
    ///
    /// Source: Kafka 4.1, `ReplicaManager.getPartitionOrError`.
    fn refuse(&mut self, now: Now, connection: ConnectionId, partition: TopicPartition, ask: &Ask) {
        let error = if self.image.partition(partition).is_some() {
            ErrorCode::NotLeaderOrFollower
        } else {
            ErrorCode::UnknownTopicOrPartition
        };
        let input = match ask {
            Ask::Produce { .. } => {
                request::Input::Produced { connection, partition, result: Err(error) }
            }
            Ask::AbandonProduce => return,
            Ask::Read { .. } => {
                let read = FetchResult::refused(error);
                request::Input::Read { connection, partition, read }
            }
            Ask::ListOffset { .. } => {
                request::Input::OffsetListed { connection, partition, result: Err(error) }
            }
            Ask::DeleteRecords { .. } => {
                request::Input::RecordsDeleted { connection, partition, result: Err(error) }
            }
            Ask::EpochEnd { .. } => {
                request::Input::EpochEndFound { connection, partition, result: Err(error) }
            }
        };
        self.ask(now, input);
    }

    fn on_fetcher(&mut self, now: Now, source: BrokerId, effect: fetcher::Effect) {
        match effect {
            fetcher::Effect::Send { to, token, body } => {
                self.connect(now, Component::Fetcher(source), send(token, to, body));
            }
            fetcher::Effect::Deliver { partition, fetched } => {
                if !self.tell(now, partition, replica::Input::Fetched(fetched)) {
                    self.fetch(now, source, fetcher::Input::Remove { partition });
                }
            }
            fetcher::Effect::EpochEnd { partition, found } => {
                if !self.tell(now, partition, replica::Input::EpochEnd(found)) {
                    self.fetch(now, source, fetcher::Input::Remove { partition });
                }
            }
            fetcher::Effect::OutOfRange { partition, found } => {
                if !self.tell(now, partition, replica::Input::OutOfRange(found)) {
                    self.fetch(now, source, fetcher::Input::Remove { partition });
                }
            }
        }
    }

    fn on_replica(
        &mut self,
        now: Now,
        partition: TopicPartition,
        effect: replica::Effect,
        out: &mut Vec<Output>,
    ) {
        match effect {
            replica::Effect::Disk(operation) => out.push(Output::Disk(operation)),
            replica::Effect::Event { kind, about } => self.on_replica_event(now, kind, about, out),
            replica::Effect::Produced { request: connection, result, log_start_offset } => {
                let result = result.map(|base_offset| Placed {
                    base_offset,
                    log_start_offset: log_start_offset.unwrap_or_default(),
                });
                self.ask(now, request::Input::Produced { connection, partition, result });
            }
            replica::Effect::Acknowledged { request: connection, error } => {
                self.ask(now, request::Input::Acknowledged { connection, partition, error });
            }
            replica::Effect::Fetched { request: connection, result: read } => {
                self.ask(now, request::Input::Read { connection, partition, read });
            }
            replica::Effect::OffsetListed { request: connection, result } => {
                let result = result.map(|found| match found {
                    Some(found) => {
                        (Some(found.offset), found.timestamp.unwrap_or(-1), found.leader_epoch)
                    }
                    None => (None, -1, None),
                });
                self.ask(now, request::Input::OffsetListed { connection, partition, result });
            }
            replica::Effect::EpochEnd { request: connection, result } => {
                self.ask(now, request::Input::EpochEndFound { connection, partition, result });
            }
            replica::Effect::RecordsDeleted { request: connection, result } => {
                let result = result.map(|told| request::LowWatermark {
                    required: told.required,
                    reached: told.reached,
                });
                self.ask(now, request::Input::RecordsDeleted { connection, partition, result });
            }
            replica::Effect::LowWatermarkMoved { offset } => {
                self.ask(now, request::Input::LowWatermarkMoved { partition, offset });
            }
            replica::Effect::LogStartMoved { offset } => {
                let source =
                    self.replicas.get(&partition).and_then(replica::Replica::fetching_from);
                if let Some(source) = source {
                    self.fetch(now, source, fetcher::Input::LogStartMoved { partition, offset });
                }
            }
            replica::Effect::HighWatermarkMoved { offset } => {
                self.ask(now, request::Input::HighWatermarkMoved { partition });
                self.tell_groups(now, partition, offset);
            }
            replica::Effect::LogEndMoved { offset: _ } => {
                self.ask(now, request::Input::LogEndMoved { partition });
            }
            replica::Effect::SteppedDown => {
                self.ask(now, request::Input::RoleChanged { partition });
            }
            replica::Effect::ProposeInSync(proposal) => {
                self.propose(now, alter_partition::Input::Propose { partition, proposal });
            }
            replica::Effect::StartFetching { leader, leader_epoch, position } => {
                let Some(topic) = self.image.topic(partition.topic_id) else { return };
                let topic = topic.name.clone();
                self.source(now, leader);
                let input = fetcher::Input::Add { partition, topic, leader_epoch, position };
                self.fetch(now, leader, input);
            }
            replica::Effect::StopFetching { leader } => {
                self.fetch(now, leader, fetcher::Input::Remove { partition });
            }
            replica::Effect::Position(position) => {
                // An epoch may have ended since the fetcher delivered: then nobody copies from
                // there any more, and the place has no taker.
                let source =
                    self.replicas.get(&partition).and_then(replica::Replica::fetching_from);
                if let Some(source) = source {
                    self.fetch(now, source, fetcher::Input::Position { partition, position });
                }
            }
        }
    }

    fn on_replica_event(&mut self, now: Now, kind: Kind, about: About, out: &mut Vec<Output>) {
        // A truncation may take the log below the recovery point that the disk knows.
        if let Kind::LogTruncated { .. } = kind {
            self.schedule.recovery_points_are_stale = true;
        }
        if let Kind::StorageFailed { .. } = kind {
            self.on_storage_failed(now);
        }
        out.push(Output::Event { kind, about });
        if self.schedule.recovery_points_are_stale {
            self.checkpoint_recovery_points(true, out);
        }
    }

    /// Makes sure that there is a fetcher for `leader`.
    fn source(&mut self, now: Now, leader: BrokerId) {
        if self.fetchers.contains_key(&leader) {
            return;
        }
        let slot = self.slots.iter().position(|source| *source == leader).unwrap_or_else(|| {
            self.slots.push(leader);
            self.slots.len() - 1
        });
        let fetcher = self.new_fetcher(leader);
        let connections = Self::fetcher_connections(&self.config, self.start, slot);
        self.fetchers.insert(leader, Source { fetcher, connections });
        if let Some(broker_epoch) = self.broker_epoch {
            self.fetch(now, leader, fetcher::Input::Registered { broker_epoch });
        }
    }

    /// A fetcher for `leader` that knows of no session.
    pub(crate) fn new_fetcher(&self, leader: BrokerId) -> Fetcher {
        let config = &self.config;
        Fetcher::new(FetcherConfig {
            broker: config.broker,
            source: leader,
            fetch_wait_max: config.replica_fetch_wait_max,
            fetch_bytes_min: config.replica_fetch_bytes_min,
            response_bytes_max: config.replica_fetch_response_bytes_max,
            partition_bytes_max: config.replica_fetch_bytes_max,
            fetch_backoff: config.replica_fetch_backoff,
            defects: config.defects,
        })
    }

    fn on_connection(
        &mut self,
        now: Now,
        component: Component,
        effect: connection::Effect,
        out: &mut Vec<Output>,
    ) {
        match effect {
            connection::Effect::Connect { connection, to, purpose } => {
                out.push(Output::Connect { connection, to, purpose });
            }
            connection::Effect::Close { connection } => out.push(Output::Close { connection }),
            connection::Effect::Transmit { connection, request } => {
                out.push(Output::Request { connection, request });
            }
            connection::Effect::Completed { token, to, result } => {
                let result = result.ok();
                self.on_completed(now, component, token, to, result);
            }
            connection::Effect::Opened { .. } | connection::Effect::Lost { .. } => {}
        }
    }

    fn on_completed(
        &mut self,
        now: Now,
        component: Component,
        token: u64,
        to: BrokerId,
        result: Option<(ResponseBody, Vec<Vec<Batch>>)>,
    ) {
        match component {
            Component::Raft => self.observe(
                now,
                match result {
                    Some((body, records)) => raft::Input::Response { to, token, body, records },
                    None => raft::Input::SendFailed { to, token },
                },
            ),
            Component::Lifecycle => {
                let result = result.map(|(body, _)| body).ok_or(lifecycle::Unreached);
                self.live(now, lifecycle::Input::Answered { token, result });
            }
            Component::AlterPartition => self.propose(
                now,
                match result {
                    Some((body, _)) => alter_partition::Input::Response { token, body },
                    None => alter_partition::Input::SendFailed { token },
                },
            ),
            Component::Forwarding if token >= FIRST_GROUP_CALL => {
                let (token, body) = (token - FIRST_GROUP_CALL, result.map(|(body, _)| body));
                self.coordinate(now, group::Input::ControllerAnswered { token, body });
            }
            Component::Forwarding => {
                let result = result.map(|(body, _)| body).ok_or(request::Unreached);
                self.ask(now, request::Input::ControllerAnswered { token, result });
            }
            Component::Fetcher(source) => self.fetch(
                now,
                source,
                match result {
                    Some((body, records)) => fetcher::Input::Response { token, body, records },
                    None => fetcher::Input::SendFailed { token },
                },
            ),
        }
    }
}

/// A request to be sent and answered within the connections' own time.
pub(crate) fn send(token: u64, to: BrokerId, body: RequestBody) -> connection::Input {
    let (records, timeout, expects_answer) = (Vec::new(), None, true);
    connection::Input::Send { token, to, body, records, timeout, expects_answer }
}
