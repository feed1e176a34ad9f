//! The client process: connections, producer, consumer, admin client, and who uses them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::{About, HaltReason, Kind, OperationResult, OperationVerb};
use crate::message::{AppCall, AppError, AppReply, DiskImage, SendRecord};
use crate::node::admin_words;
use crate::node::application::{self, Application};
use crate::node::client_config::ClientConfig;
use crate::node::client_group::{COORDINATOR, group_connections};
use crate::node::port::{Input, Output, Task};
use crate::node::start::Start;
use crate::protocol::Machine;
use crate::protocol::admin::{self, Admin};
use crate::protocol::connection::{self, Connections, NetworkClient, NetworkEffect, NetworkInput};
use crate::protocol::consumer::{self, Consumer};
use crate::protocol::member::{self, Member};
use crate::protocol::producer::{self, Producer};
use crate::types::{
    BrokerId, CallToken, ConnectionId, Deadlines, ErrorCode, Lane, Name, Now, OperationId, Rng,
    TopicPartition,
};

/// A client process.
///
/// Two lanes, as a Kafka client has threads: the application's, which calls, and the sender's,
/// which hears from the network and of deadlines.
#[derive(Clone, Debug)]
pub struct Client {
    pub(in crate::node) config: Arc<ClientConfig>,
    /// The number of this start's first operation.
    first_operation: u32,
    pub(in crate::node) network: NetworkClient,
    producer: Producer,
    pub(in crate::node) consumer: Consumer,
    /// Its membership of a group, if it has one.
    pub(in crate::node) member: Member,
    /// Connections to the group's coordinator, apart from all others.
    pub(in crate::node) coordinator: Connections,
    admin: Admin,
    application: Option<Application>,
    /// Whether the application does nothing, and what it has to hear of when it goes on.
    is_stalled: bool,
    held: VecDeque<application::Input>,
    /// Whether its records have contents that are worth an event each.
    shows_records: bool,
    is_closed: bool,
    /// The call that closes it, while its membership ends.
    pub(in crate::node) closing: Option<CallToken>,
    /// The poll that waits for records, and how long it may: its membership may call it back.
    pub(in crate::node) poll: Option<(CallToken, std::time::Duration)>,
    /// What one machine has for another, in order; empty between steps.
    pub(in crate::node) work: VecDeque<Work>,
    scratch: Scratch,
}

/// What one machine has for another.
#[derive(Clone, Debug)]
pub(in crate::node) enum Work {
    Network(NetworkInput),
    Producer(producer::Input),
    Consumer(consumer::Input),
    Member(member::Input),
    /// The member wants to know where the application stands.
    Positions(member::Why),
    Coordinator(connection::Input),
    Admin(admin::Input),
    Application(application::Input),
    Call {
        token: CallToken,
        call: AppCall,
    },
}

/// Effects of the machine that is being driven; kept for their memory.
#[derive(Clone, Debug, Default)]
struct Scratch {
    network: Vec<NetworkEffect>,
    producer: Vec<producer::Effect>,
    consumer: Vec<consumer::Effect>,
    member: Vec<member::Effect>,
    coordinator: Vec<connection::Effect>,
    admin: Vec<admin::Effect>,
    application: Vec<application::Effect>,
}

/// Whose request it is, in the lowest bits of the token. No machine counts so far that it comes
/// to the token of its own that `NetworkClient` has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::node) enum Owner {
    Producer,
    Consumer,
    Admin,
    Member,
}

impl Owner {
    pub(in crate::node) fn tag(self, token: u64) -> u64 {
        token << 2 | self as u64
    }

    fn of(token: u64) -> (Self, u64) {
        let owner = match token & 3 {
            0 => Self::Producer,
            1 => Self::Consumer,
            2 => Self::Admin,
            _ => Self::Member,
        };
        (owner, token >> 2)
    }
}

impl Client {
    /// Starts a client; its `disk` is of no interest to it.
    pub fn start(
        config: Arc<ClientConfig>,
        disk: DiskImage,
        start: Start,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Self {
        drop(disk);
        let Start { host, incarnation, seed, started_as: _, operations } = start;
        let rng = |name| Rng::named(seed, name, &[u64::from(host.0), u64::from(incarnation)]);
        let mut network = config.network.clone();
        network.connections.opener = host;
        network.connections.incarnation = incarnation;
        let mut producer = config.producer.clone();
        producer.client = config.client;
        producer.host = host;
        producer.incarnation = incarnation;
        producer.first_operation = operations;
        let mut consumer = config.consumer.clone();
        consumer.client = config.client;
        consumer.first_operation = operations;
        let mut member = config.member.clone();
        member.client = config.client;
        member.first_operation = operations;
        let coordinator = group_connections(&network.connections);
        let application = Application::new(&config.application, rng("workload"));
        let mut client = Self {
            first_operation: operations,
            network: NetworkClient::new(network, rng("metadata"), rng("reconnect"), now),
            producer: Producer::new(producer, rng("partitioner"), rng("producer-backoff")),
            consumer: Consumer::new(consumer, rng("consumer-backoff")),
            member: Member::new(member, rng("member")),
            coordinator: Connections::new(coordinator, rng("coordinator-reconnect")),
            admin: Admin::new(config.admin.clone(), rng("admin-backoff")),
            application,
            is_stalled: false,
            held: VecDeque::new(),
            shows_records: config.application.has_contents(),
            is_closed: false,
            closing: None,
            poll: None,
            work: VecDeque::new(),
            scratch: Scratch::default(),
            config,
        };
        if client.application.is_some() {
            client.work.push_back(Work::Application(application::Input::Start));
            client.run(now, out);
        }
        client
    }

    /// Takes one input and says what follows, in order.
    pub fn step(&mut self, lane: Lane, now: Now, input: Input, out: &mut Vec<Output>) {
        let on_connection = |connection: ConnectionId, input| match connection.component() {
            COORDINATOR => Work::Coordinator(input),
            _ => Work::Network(NetworkInput::Connection(input)),
        };
        match input {
            Input::Connected { connection } => {
                let input = connection::Input::Connected { connection };
                self.work.push_back(on_connection(connection, input));
            }
            Input::Disconnected { connection, because } => {
                let input = connection::Input::Disconnected { connection, because };
                self.work.push_back(on_connection(connection, input));
            }
            Input::Response { connection, response } => {
                let input = connection::Input::Response { connection, response };
                self.work.push_back(on_connection(connection, input));
            }
            Input::Deadline(_) => self.on_deadline(lane, now),
            Input::Call { token, call } => self.work.push_back(Work::Call { token, call: *call }),
            Input::Task(Task::StopWorkload) => {
                self.work.push_back(Work::Application(application::Input::Stop));
            }
            Input::Task(Task::Stall(stalls)) => {
                self.is_stalled = stalls;
            }
            Input::Task(Task::Administer(nth)) => {
                self.work.push_back(Work::Application(application::Input::Administer(nth)));
            }
            Input::Task(Task::Shutdown) => {
                if self.application.is_some() {
                    self.work.push_back(Work::Application(application::Input::Shutdown));
                } else {
                    // A program that does not mind the signal just ends.
                    out.push(Output::Halt { reason: HaltReason::Killed });
                }
            }
            // Nobody connects to a client, it has no disk, and no other lane has work for it.
            Input::Request { .. } | Input::Disk { .. } | Input::Task(_) => {}
        }
        self.run(now, out);
    }

    /// The lane that takes `input`.
    pub fn lane(&self, input: &Input) -> Lane {
        match input {
            Input::Request { .. }
            | Input::Response { .. }
            | Input::Connected { .. }
            | Input::Disconnected { .. }
            | Input::Disk { .. } => Lane::Sender,
            Input::Deadline(lane) => *lane,
            Input::Task(_) | Input::Call { .. } => Lane::Application,
        }
    }

    /// What each lane waits for.
    pub fn deadlines(&self, out: &mut Vec<(Lane, Deadlines)>) {
        let sender = self
            .network
            .deadlines()
            .or(self.producer.deadlines())
            .or(self.consumer.deadlines())
            .or(self.member.deadlines())
            .or(self.coordinator.deadlines())
            .or(self.admin.deadlines());
        out.push((Lane::Sender, sender));
        if let Some(application) = &self.application {
            // While it stalls nothing is due to it: not to say so would leave the last deadline.
            let due = if self.is_stalled { Deadlines::NONE } else { application.deadlines() };
            out.push((Lane::Application, due));
        }
    }

    /// A client has no state to be audited.
    pub fn audit(&self, _: &mut Vec<Kind>) {}

    /// Whether the built-in application has done all that it is for (topics created, partitions
    /// tried out); one that works for ever never has.
    pub fn is_done(&self) -> bool {
        self.application.as_ref().is_some_and(Application::is_done)
    }

    /// Whether every record that was sent is answered.
    pub fn is_idle(&self) -> bool {
        self.producer.is_idle()
    }

    fn on_deadline(&mut self, lane: Lane, now: Now) {
        if lane == Lane::Application {
            self.work.push_back(Work::Application(application::Input::Deadline));
            return;
        }
        if self.network.deadlines().is_due(now) {
            let input = NetworkInput::Connection(connection::Input::Deadline);
            self.work.push_back(Work::Network(input));
        }
        if self.producer.deadlines().is_due(now) {
            self.work.push_back(Work::Producer(producer::Input::Deadline));
        }
        if self.consumer.deadlines().is_due(now) {
            self.work.push_back(Work::Consumer(consumer::Input::Deadline));
        }
        if self.coordinator.deadlines().is_due(now) {
            self.work.push_back(Work::Coordinator(connection::Input::Deadline));
        }
        if self.member.deadlines().is_due(now) {
            self.work.push_back(Work::Member(member::Input::Deadline));
        }
        if self.admin.deadlines().is_due(now) {
            self.work.push_back(Work::Admin(admin::Input::Deadline));
        }
    }

    /// Drives the machines until none has anything for another.
    fn run(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(work) = self.work.pop_front().or_else(|| self.held_back()) {
            match work {
                Work::Network(input) => {
                    let mut effects = std::mem::take(&mut self.scratch.network);
                    self.network.step(now, input, &mut effects);
                    effects.drain(..).for_each(|effect| self.of_network(effect, out));
                    self.scratch.network = effects;
                }
                Work::Producer(input) => {
                    let mut effects = std::mem::take(&mut self.scratch.producer);
                    self.producer.step(now, input, &mut effects);
                    effects.drain(..).for_each(|effect| self.of_producer(effect, out));
                    self.scratch.producer = effects;
                }
                Work::Consumer(input) => {
                    let mut effects = std::mem::take(&mut self.scratch.consumer);
                    self.consumer.step(now, input, &mut effects);
                    effects.drain(..).for_each(|effect| self.of_consumer(effect, out));
                    self.scratch.consumer = effects;
                }
                Work::Member(input) => {
                    let mut effects = std::mem::take(&mut self.scratch.member);
                    self.member.step(now, input, &mut effects);
                    effects.drain(..).for_each(|effect| self.of_member(effect, out));
                    self.scratch.member = effects;
                }
                Work::Positions(why) => {
                    // As of here: what the member gave up before it asked is no longer assigned.
                    let positions = self.consumer.positions();
                    self.work.push_front(Work::Member(member::Input::Positions { why, positions }));
                }
                Work::Coordinator(input) => {
                    let mut effects = std::mem::take(&mut self.scratch.coordinator);
                    self.coordinator.step(now, input, &mut effects);
                    effects.drain(..).for_each(|effect| self.of_coordinator(effect, out));
                    self.scratch.coordinator = effects;
                }
                Work::Admin(input) => {
                    let mut effects = std::mem::take(&mut self.scratch.admin);
                    self.admin.step(now, input, &mut effects);
                    effects.drain(..).for_each(|effect| self.of_admin(effect, out));
                    self.scratch.admin = effects;
                }
                Work::Application(input) => {
                    if self.is_stalled {
                        self.held.push_back(input);
                        continue;
                    }
                    let Some(application) = &mut self.application else { continue };
                    let mut effects = std::mem::take(&mut self.scratch.application);
                    application.step(now, input, &mut effects);
                    for effect in effects.drain(..) {
                        match effect {
                            application::Effect::Call { token, call } => {
                                self.work.push_back(Work::Call { token, call });
                            }
                            application::Effect::Processed { partition, base_offset, records } => {
                                self.processed(partition, base_offset, records, out);
                            }
                            application::Effect::SentOn { topic, partition, offset, token } => {
                                self.sent_on((&topic, partition), offset, token, out);
                            }
                            application::Effect::Event(kind) => out.push(Output::event(kind)),
                            application::Effect::Exit => out.push(Output::Exit),
                        }
                    }
                    self.scratch.application = effects;
                }
                Work::Call { token, call } => self.on_call(token, call, out),
            }
        }
    }

    /// The next of what waited for an application that hung, once that goes on: what it does about
    /// one thing, and what comes of it, is before the next.
    fn held_back(&mut self) -> Option<Work> {
        if self.is_stalled { None } else { self.held.pop_front().map(Work::Application) }
    }

    pub(in crate::node) fn operation(&self, token: CallToken) -> OperationId {
        OperationId::of_call(self.config.client, self.first_operation, token)
    }

    fn on_call(&mut self, token: CallToken, call: AppCall, out: &mut Vec<Output>) {
        let (verb, topic) = described(&call);
        let operation = self.operation(token);
        out.push(Output::event(Kind::OperationInvoked { operation, verb, topic }));
        if self.is_closed {
            self.reply(token, AppReply::Failed(AppError::Closed), out);
            return;
        }
        if let AppCall::Send(record) = &call
            && self.shows_records
        {
            out.push(Output::event(record_made(operation, record)));
        }
        let work = match call {
            AppCall::Send(record) => Work::Producer(producer::Input::Send { token, record }),
            AppCall::Flush => Work::Producer(producer::Input::Flush { token }),
            AppCall::Assign { partitions } => {
                Work::Consumer(consumer::Input::Assign { token, partitions })
            }
            AppCall::Seek { topic, partition, to } => {
                Work::Consumer(consumer::Input::Seek { token, topic, partition, to })
            }
            // Source: Kafka 4.1, `ClassicKafkaConsumer.throwIfGroupIdNotDefined`.
            AppCall::Subscribe { .. } | AppCall::Commit { .. } if self.is_without_group() => {
                let error = AppError::NotSent(ErrorCode::InvalidGroupId);
                return self.reply(token, AppReply::Failed(error), out);
            }
            AppCall::Processed { topic_id, partition, base_offset, records, .. } => {
                let partition = TopicPartition::new(topic_id, partition);
                self.processed(partition, base_offset, records, out);
                return self.reply(token, AppReply::Done, out);
            }
            AppCall::Poll { timeout } if self.member.is_subscribed() => {
                self.poll = Some((token, timeout));
                Work::Member(member::Input::Poll { token })
            }
            AppCall::Poll { timeout } => Work::Consumer(consumer::Input::Poll { token, timeout }),
            AppCall::Subscribe { topics, pattern } => {
                Work::Member(member::Input::Subscribe { token, topics, pattern })
            }
            AppCall::Commit { offsets, waits } => {
                Work::Member(member::Input::Commit { token, offsets, waits })
            }
            AppCall::Pause { partitions, paused } => {
                Work::Consumer(consumer::Input::Pause { token, partitions, paused })
            }
            AppCall::Admin(call) => {
                let what = admin_words::request(&call);
                out.push(Output::event(Kind::AdminAsked { operation, what }));
                Work::Admin(admin::Input::Call { token, call })
            }
            AppCall::Close => {
                self.is_closed = true;
                self.closing = Some(token);
                Work::Member(member::Input::Close)
            }
        };
        self.work.push_back(work);
    }

    /// The membership is over: the consumer ends, then the producer.
    pub(in crate::node) fn close(&mut self, out: &mut Vec<Output>) {
        let Some(token) = self.closing.take() else { return };
        let mut effects = std::mem::take(&mut self.scratch.consumer);
        self.consumer.close(&mut effects);
        effects.drain(..).for_each(|effect| self.of_consumer(effect, out));
        self.scratch.consumer = effects;
        self.work.push_back(Work::Producer(producer::Input::Close { token }));
    }

    pub(in crate::node) fn reply(
        &mut self,
        token: CallToken,
        reply: AppReply,
        out: &mut Vec<Output>,
    ) {
        let operation = self.operation(token);
        let (result, error) = outcome(&reply);
        let (partition, offset) = match &reply {
            AppReply::Sent { partition, offset } => (Some(*partition), *offset),
            AppReply::Flushed
            | AppReply::Done
            | AppReply::Polled(_)
            | AppReply::Rebalanced { .. }
            | AppReply::Admin(_)
            | AppReply::Failed(_) => (None, None),
        };
        let kind = Kind::OperationReturned { operation, result, error, partition, offset };
        out.push(Output::Event { kind, about: About::Operation(operation) });
        if self.application.is_some() {
            self.work.push_back(Work::Application(application::Input::Reply { token, reply }));
        } else {
            out.push(Output::Reply { token, reply });
        }
    }

    fn of_network(&mut self, effect: NetworkEffect, out: &mut Vec<Output>) {
        match effect {
            NetworkEffect::Connection(effect) => self.of_connection(effect, out),
            NetworkEffect::MetadataChanged(cluster) => {
                let input = producer::Input::MetadataChanged(Arc::clone(&cluster));
                self.work.push_back(Work::Producer(input));
                let input = member::Input::MetadataChanged(Arc::clone(&cluster));
                self.work.push_back(Work::Consumer(consumer::Input::MetadataChanged(cluster)));
                self.work.push_back(Work::Member(input));
            }
            NetworkEffect::MetadataFresh => {
                self.work.push_back(Work::Member(member::Input::MetadataFresh));
            }
        }
    }

    fn of_connection(&mut self, effect: connection::Effect, out: &mut Vec<Output>) {
        match effect {
            connection::Effect::Connect { connection, to, purpose } => {
                out.push(Output::Connect { connection, to, purpose });
            }
            connection::Effect::Close { connection } => out.push(Output::Close { connection }),
            connection::Effect::Transmit { connection, request } => {
                out.push(Output::Request { connection, request });
            }
            connection::Effect::Completed { token, to: _, result: answer } => {
                let (owner, token) = Owner::of(token);
                self.work.push_back(match owner {
                    Owner::Producer => Work::Producer(producer::Input::Completed { token, answer }),
                    Owner::Consumer => Work::Consumer(consumer::Input::Completed { token, answer }),
                    Owner::Admin => Work::Admin(admin::Input::Completed { token, answer }),
                    Owner::Member => Work::Member(member::Input::Completed { token, answer }),
                });
            }
            connection::Effect::Opened { to } => {
                self.work.push_back(Work::Producer(producer::Input::NodeOpened { to }));
                self.work.push_back(Work::Consumer(consumer::Input::NodeOpened { to }));
            }
            connection::Effect::Lost { to } => {
                self.work.push_back(Work::Producer(producer::Input::NodeLost { to }));
                self.work.push_back(Work::Consumer(consumer::Input::NodeLost { to }));
            }
        }
    }

    fn of_producer(&mut self, effect: producer::Effect, out: &mut Vec<Output>) {
        match effect {
            producer::Effect::Send { token, to, body, records, expects_answer } => {
                let token = Owner::Producer.tag(token);
                let timeout = None;
                let send =
                    connection::Input::Send { token, to, body, records, timeout, expects_answer };
                self.work.push_back(Work::Network(NetworkInput::Connection(send)));
            }
            producer::Effect::SendToAny { token, body } => {
                let token = Owner::Producer.tag(token);
                self.work.push_back(Work::Network(NetworkInput::SendToAny { token, body }));
            }
            producer::Effect::Open { to } => self.open(to),
            producer::Effect::AddTopic { topic } => self.add_topic(topic),
            producer::Effect::RefreshMetadata => self.refresh_metadata(),
            producer::Effect::LeaderHint { partition, leader, leader_epoch } => {
                let hint = NetworkInput::LeaderHint { partition, leader, leader_epoch };
                self.work.push_back(Work::Network(hint));
            }
            producer::Effect::Reply { token, reply } => self.reply(token, reply, out),
            producer::Effect::Event { kind, about } => out.push(Output::Event { kind, about }),
        }
    }

    fn of_consumer(&mut self, effect: consumer::Effect, out: &mut Vec<Output>) {
        match effect {
            consumer::Effect::Send { token, to, body } => {
                let send = connection::Input::Send {
                    token: Owner::Consumer.tag(token),
                    to,
                    body,
                    records: Vec::new(),
                    timeout: None,
                    expects_answer: true,
                };
                self.work.push_back(Work::Network(NetworkInput::Connection(send)));
            }
            consumer::Effect::Open { to } => self.open(to),
            consumer::Effect::AddTopic { topic } => self.add_topic(topic),
            consumer::Effect::RefreshMetadata => self.refresh_metadata(),
            consumer::Effect::LeaderHint { partition, leader, leader_epoch } => {
                let hint = NetworkInput::LeaderHint { partition, leader, leader_epoch };
                self.work.push_back(Work::Network(hint));
            }
            consumer::Effect::EpochSeen { partition, leader_epoch } => {
                let seen = NetworkInput::EpochSeen { partition, leader_epoch };
                self.work.push_back(Work::Network(seen));
            }
            consumer::Effect::Reply { token, reply } => {
                if self.poll.take_if(|poll| poll.0 == token).is_some() {
                    self.work.push_back(Work::Member(member::Input::PollEnded));
                }
                self.reply(token, reply, out);
            }
            consumer::Effect::Event { kind, about } => out.push(Output::Event { kind, about }),
        }
    }

    fn of_admin(&mut self, effect: admin::Effect, out: &mut Vec<Output>) {
        match effect {
            admin::Effect::SendToAny { token, body } => {
                let token = Owner::Admin.tag(token);
                self.work.push_back(Work::Network(NetworkInput::SendToAny { token, body }));
            }
            admin::Effect::Send { token, to, body } => {
                let send = connection::Input::Send {
                    token: Owner::Admin.tag(token),
                    to,
                    body,
                    records: Vec::new(),
                    timeout: None,
                    expects_answer: true,
                };
                self.work.push_back(Work::Network(NetworkInput::Connection(send)));
            }
            admin::Effect::Reply { token, reply } => {
                let operation = self.operation(token);
                let kind = Kind::AdminAnswered { operation, answer: admin_words::answer(&reply) };
                out.push(Output::Event { kind, about: About::Operation(operation) });
                self.reply(token, reply, out);
            }
        }
    }

    fn open(&mut self, to: BrokerId) {
        let input = NetworkInput::Connection(connection::Input::Open { to });
        self.work.push_back(Work::Network(input));
    }

    pub(in crate::node) fn add_topic(&mut self, topic: Name) {
        self.work.push_back(Work::Network(NetworkInput::AddTopic { topic }));
    }

    pub(in crate::node) fn refresh_metadata(&mut self) {
        self.work.push_back(Work::Network(NetworkInput::RefreshMetadata));
    }
}

/// What a record holds, as text.
fn record_made(operation: OperationId, record: &SendRecord) -> Kind {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let headers = record.headers.iter().map(|header| {
        format!("{}={}", text(&header.name), text(header.value.as_deref().unwrap_or_default()))
    });
    let headers = headers.collect::<Vec<_>>().join(", ");
    Kind::RecordMade {
        operation,
        key: record.key.as_ref().map(|key| Name::from(text(key))),
        value: text(record.value.as_deref().unwrap_or_default()).into(),
        headers: headers.into(),
    }
}

/// What a call is called in events, and its topic.
fn described(call: &AppCall) -> (OperationVerb, Option<Name>) {
    match call {
        AppCall::Send(record) => (OperationVerb::Send, Some(record.topic.clone())),
        AppCall::Flush => (OperationVerb::Flush, None),
        AppCall::Assign { .. } => (OperationVerb::Assign, None),
        AppCall::Seek { topic, .. } => (OperationVerb::Assign, Some(topic.clone())),
        AppCall::Poll { .. } => (OperationVerb::Poll, None),
        AppCall::Subscribe { topics, .. } => (OperationVerb::Subscribe, topics.first().cloned()),
        AppCall::Commit { .. } => (OperationVerb::Commit, None),
        AppCall::Pause { .. } => (OperationVerb::Pause, None),
        AppCall::Processed { topic, .. } => (OperationVerb::Processed, Some(topic.clone())),
        AppCall::Close => (OperationVerb::Close, None),
        AppCall::Admin(call) => admin_words::verb(call),
    }
}

/// What a reply says of its operation.
fn outcome(reply: &AppReply) -> (OperationResult, ErrorCode) {
    match reply {
        AppReply::Sent { .. }
        | AppReply::Flushed
        | AppReply::Done
        | AppReply::Polled(_)
        | AppReply::Rebalanced { .. } => (OperationResult::Ok, ErrorCode::None),
        AppReply::Admin(reply) => match admin_words::failure(reply) {
            Some(error) => (OperationResult::Failed, error),
            None => (OperationResult::Ok, ErrorCode::None),
        },
        AppReply::Failed(error) => match error {
            AppError::Refused(error) | AppError::NotSent(error) => {
                (OperationResult::Failed, *error)
            }
            AppError::Unknown(error) => (OperationResult::Unknown, *error),
            AppError::OffsetOutOfRange | AppError::LogTruncation { .. } => {
                (OperationResult::Failed, ErrorCode::OffsetOutOfRange)
            }
            AppError::Closed => (OperationResult::Failed, ErrorCode::None),
        },
    }
}
