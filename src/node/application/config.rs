//! What a built-in application does.

use std::time::Duration;

use crate::message::AdminCall;
use crate::types::Name;

/// A built-in application of a client process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum ApplicationConfig {
    /// None: calls come from outside.
    #[default]
    Outside,
    /// One that writes.
    Producer(ProducerWorkload),
    /// One that reads.
    Consumer(ConsumerWorkload),
    /// One that creates topics and then rests.
    Creator(TopicCreation),
    /// One that tries every partition out.
    Probe(ProbeWorkload),
}

/// Records at a steady rate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerWorkload {
    /// Where to.
    pub topic: Name,
    /// So many records...
    pub records: u64,
    /// ...in this time.
    pub per: Duration,
    /// How many keys there are (`key-0`, ...), each as likely as another; `None` for none.
    pub keys: Option<u64>,
    /// Size of each value in bytes.
    pub value_bytes: u32,
    /// How many records in all; `None` until it is told to stop.
    pub records_max: Option<u64>,
    /// How long after its process the workload begins.
    pub start_after: Duration,
}

/// Polls for ever.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerWorkload {
    /// The topic, of which it reads every partition.
    pub topic: Name,
    /// How many partitions it has.
    pub partitions: i32,
    /// Whether it begins at the first record rather than at the end.
    pub from_beginning: bool,
    /// How long a poll waits when there is nothing.
    pub poll_timeout: Duration,
}

/// Creates topics, retrying until each is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicCreation {
    /// `AdminCall::CreateTopic` each.
    pub topics: Vec<AdminCall>,
    /// How long to wait before a topic that was refused is tried again.
    pub retry_after: Duration,
}

/// Tries every partition out: one record acknowledged by the whole in-sync set, then all that is
/// there read, from the first record to this one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProbeWorkload {
    /// The topics and how many partitions each has.
    pub topics: Vec<(Name, i32)>,
}
