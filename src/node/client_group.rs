//! A client as a member of a group: its membership joined with what it consumes.

use crate::event::Kind;
use crate::node::client::{Client, Owner, Work};
use crate::node::port::Output;
use crate::protocol::connection::{self, ConnectionsConfig, NetworkInput};
use crate::protocol::consumer;
use crate::protocol::member::{self, Effect};
use crate::types::{CallToken, Name, Offset, Purpose, TopicPartition};

/// The component of connections to a group's coordinator.
pub(in crate::node) const COORDINATOR: u8 = 1;

/// A group's consumer waits for so many answers at a time (`ClassicKafkaConsumer`,
/// `CONSUMER_MAX_INFLIGHT_REQUESTS_PER_CONNECTION`).
const IN_FLIGHT_MAX: usize = 100;

/// The connections to a coordinator of a client whose others are made like `others`.
///
/// Source: Kafka 4.0, `AbstractCoordinator.FindCoordinatorResponseHandler`: the coordinator is
/// another node to the client than the broker that it is.
pub(in crate::node) fn group_connections(others: &ConnectionsConfig) -> ConnectionsConfig {
    ConnectionsConfig {
        component: COORDINATOR,
        purpose: Purpose::Coordinator,
        in_flight_max: IN_FLIGHT_MAX,
        ..others.clone()
    }
}

impl Client {
    pub(in crate::node) fn of_member(&mut self, effect: Effect, out: &mut Vec<Output>) {
        match effect {
            Effect::Send { token, to, body, timeout } => {
                let (records, expects_answer) = (Vec::new(), true);
                let send =
                    connection::Input::Send { token, to, body, records, timeout, expects_answer };
                self.work.push_back(Work::Coordinator(send));
            }
            Effect::SendToAny { token, body } => {
                let token = Owner::Member.tag(token);
                self.work.push_back(Work::Network(NetworkInput::SendToAny { token, body }));
            }
            Effect::Forget { to } => {
                self.work.push_back(Work::Coordinator(connection::Input::Forget { to }));
            }
            Effect::AddTopic { topic } => self.add_topic(topic),
            Effect::AllTopics => self.work.push_back(Work::Network(NetworkInput::AllTopics)),
            Effect::RefreshMetadata => self.refresh_metadata(),
            Effect::FreshMetadata { asks } => {
                self.work.push_back(Work::Network(NetworkInput::FreshMetadata { asks }));
            }
            Effect::Positions { why } => self.work.push_back(Work::Positions(why)),
            Effect::Withhold { partitions } => {
                self.work.push_back(Work::Consumer(consumer::Input::Withhold { partitions }));
            }
            Effect::Assign { partitions } => {
                let input = consumer::Input::SetAssignment { partitions };
                self.work.push_back(Work::Consumer(input));
            }
            Effect::Start { partitions } => {
                for start in partitions {
                    let ((topic, partition), committed) = (start.place, start.committed);
                    let input = consumer::Input::Start { topic, partition, committed };
                    self.work.push_back(Work::Consumer(input));
                }
            }
            Effect::GoOn { token } => {
                if let Some((_, timeout)) = self.poll.filter(|poll| poll.0 == token) {
                    self.work.push_back(Work::Consumer(consumer::Input::Poll { token, timeout }));
                }
            }
            Effect::Recall { token } => {
                if self.consumer.recall(token) {
                    self.work.push_back(Work::Member(member::Input::Recalled { token }));
                }
            }
            Effect::Reply { token, reply } => {
                self.poll.take_if(|poll| poll.0 == token);
                self.reply(token, reply, out);
            }
            Effect::Closed => self.close(out),
            Effect::Event { kind, about } => out.push(Output::Event { kind, about }),
        }
    }

    /// Whether it has no `group.id`: it can neither subscribe nor commit.
    pub(in crate::node) fn is_without_group(&self) -> bool {
        self.config.member.group.is_none()
    }

    fn id(&self, (topic, partition): (&Name, i32)) -> Option<TopicPartition> {
        let topic = self.network.cluster().topic(topic.as_str())?;
        Some(TopicPartition::new(topic.topic_id, partition))
    }

    /// The application has processed records.
    pub(in crate::node) fn processed(
        &self,
        partition: TopicPartition,
        base_offset: Offset,
        records: u32,
        out: &mut Vec<Output>,
    ) {
        let (group, member, epoch) = self.member.group_metadata();
        let kind = Kind::Processed { group, member, epoch, partition, base_offset, records };
        out.push(Output::event(kind));
    }

    /// The application has sent on a record.
    pub(in crate::node) fn sent_on(
        &self,
        place: (&Name, i32),
        offset: Offset,
        token: CallToken,
        out: &mut Vec<Output>,
    ) {
        let Some(partition) = self.id(place) else { return };
        let operation = self.operation(token);
        out.push(Output::event(Kind::ProducedFrom { partition, offset, operation }));
    }

    pub(in crate::node) fn of_coordinator(
        &mut self,
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
            connection::Effect::Completed { token, to: _, result: answer } => {
                self.work.push_back(Work::Member(member::Input::Completed { token, answer }));
            }
            connection::Effect::Opened { to: _ } => {}
            connection::Effect::Lost { to } => {
                self.work.push_back(Work::Member(member::Input::CoordinatorLost { to }));
            }
        }
    }
}
