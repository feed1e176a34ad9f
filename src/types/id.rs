//! Who and what: brokers, topics, partitions, producers, connections.

use serde::{Deserialize, Serialize};

use crate::types::newtype::integer_newtype;

integer_newtype! {
    /// `node.id` of a broker or of a controller; the two share one space of numbers, as in KRaft.
    ///
    /// Brokers are 1, 2, 3, ...; controllers are 3001, 3002, 3003, ...
    BrokerId(i32);
    /// A partition's number within its topic, from 0.
    PartitionIndex(i32);
    /// What an idempotent producer calls itself, handed out by the controller in blocks.
    ProducerId(i64);
    /// Identifies one directory (disk) of one node for life (KIP-858).
    DirectoryId(u64);
    /// Identifies one start of a broker process; drawn anew at each start.
    IncarnationId(u64);
    /// A host of the simulated world by its place in the cluster's list, from 0.
    HostId(u16);
    /// Names a disk operation whose completion its machine waits for; counts per process.
    Ticket(u64);
    /// Names a call of an application; counts per client process start.
    CallToken(u64);
    /// A request's number on its connection.
    CorrelationId(i32);
    /// Tells a record's key from every other, by its content; not the hash that partitioners take.
    KeyHash(u64);
    /// A topic's identity for life, a random UUID in Kafka (KIP-516). Never zero.
    // Packed: it stands in most events, which the alignment of 128 bits would pad by a quarter.
    #[repr(C, packed(4))]
    TopicId(u128);
}

/// Tells one batch of records from every other of a run, whatever its content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct BatchId(pub u64);

impl std::fmt::Debug for BatchId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BatchId({self})")
    }
}

/// As in the text of events: 16 hexadecimal digits.
impl std::fmt::Display for BatchId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A partition of a topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct TopicPartition {
    /// The topic.
    pub topic_id: TopicId,
    /// The partition's number within the topic.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// The partition of `__cluster_metadata`, whose replicas are the controllers.
    pub const CLUSTER_METADATA: Self = Self { topic_id: TopicId(1), partition: PartitionIndex(0) };

    /// The partition `partition` of the topic `topic_id`.
    pub fn new(topic_id: TopicId, partition: i32) -> Self {
        Self { topic_id, partition: PartitionIndex(partition) }
    }
}

/// A client process of the simulated world, by its place in the list of clients, from 0.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct ClientId(pub u16);

/// One connection of one host.
///
/// `number` is made of the opener's incarnation (24 bits), the component of the process that uses
/// it (8 bits) and a count (32 bits), so that answers find the component that waits for them.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct ConnectionId {
    /// The host that opened it.
    pub opener: HostId,
    /// Tells apart the connections that this host has opened in its life, over restarts.
    pub number: u64,
}

/// One operation of a client: a record sent, a poll, an admin call.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct OperationId {
    /// The client process.
    pub client: ClientId,
    /// Counts the operations of this client over all its starts, from 0.
    pub number: u32,
}

impl OperationId {
    /// The operation that the call `token` is, in a start of `client` before which `first`
    /// operations were counted.
    pub fn of_call(client: ClientId, first: u32, token: CallToken) -> Self {
        let token = u32::try_from(token.0).expect("a start has fewer than 2^32 calls");
        Self { client, number: first + token }
    }
}

impl ConnectionId {
    /// The `count`-th connection of `component` in the `incarnation`-th start of `opener`.
    pub fn new(opener: HostId, incarnation: u32, component: u8, count: u32) -> Self {
        let number = u64::from(incarnation) << 40 | u64::from(component) << 32 | u64::from(count);
        Self { opener, number }
    }

    /// The component of the opening process that uses it.
    pub fn component(self) -> u8 {
        (self.number >> 32) as u8
    }
}
