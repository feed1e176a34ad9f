//! What a built-in application does.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::message::{AdminCall, SeekTo};
use crate::types::{Name, Wall};

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
    /// One that reads as a member of a group.
    Group(GroupWorkload),
    /// One that creates topics and then rests.
    Creator(TopicCreation),
    /// One that tries every partition out.
    Probe(ProbeWorkload),
}

impl ApplicationConfig {
    /// Whether it writes records that have contents worth showing.
    pub fn has_contents(&self) -> bool {
        match self {
            Self::Producer(workload) => workload.has_contents(),
            Self::Outside
            | Self::Consumer(_)
            | Self::Group(_)
            | Self::Creator(_)
            | Self::Probe(_) => false,
        }
    }
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
    /// What the values are.
    pub value: ValueForm,
    /// Headers that every record has.
    pub headers: Vec<(Name, Name)>,
    /// How many records in all; `None` until it is told to stop.
    pub records_max: Option<u64>,
    /// How long after its process the workload begins.
    pub start_after: Duration,
}

/// What a producer's values are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum ValueForm {
    /// The same bytes in all: records are told apart by their batch and place.
    #[default]
    Filler,
    /// A JSON object that says which record it is, and of whom.
    Json {
        /// The producer's name.
        producer: Name,
    },
}

impl ProducerWorkload {
    /// Whether its records have contents worth showing.
    pub fn has_contents(&self) -> bool {
        self.value != ValueForm::Filler || !self.headers.is_empty()
    }
}

/// Where a consumer begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begin {
    /// Here.
    At(SeekTo),
    /// At the first record that is no older than this when the consumer starts.
    Ago(Duration),
}

/// Polls for ever.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerWorkload {
    /// The topic, of which it reads every partition.
    pub topic: Name,
    /// How many partitions it has.
    pub partitions: i32,
    /// Where it begins.
    pub begin: Begin,
    /// How long a poll waits when there is nothing.
    pub poll_timeout: Duration,
}

/// When a member of a group commits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CommitMode {
    /// Its consumer does by itself.
    #[default]
    Auto,
    /// After each batch, waiting for it.
    Sync,
    /// After each batch, without waiting.
    Async,
    /// Before each batch.
    Before,
    /// Not at all.
    Never,
}

/// A time in which an application pauses partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pause {
    /// When it begins, by the application's clock.
    pub from: Wall,
    /// When it ends, if it does.
    pub until: Option<Wall>,
    /// The partitions.
    pub places: BTreeSet<(Name, i32)>,
}

/// Polls as a member of a group, processes, commits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupWorkload {
    /// The topics that it reads.
    pub topics: Vec<Name>,
    /// Instead: every topic whose whole name is like this.
    pub pattern: Option<Name>,
    /// How long it takes for each record.
    pub processing: Duration,
    /// When it commits.
    pub commit: CommitMode,
    /// Where it sends a record for each that it processed.
    pub produce_to: Option<Name>,
    /// When it pauses which partitions.
    pub pauses: Vec<Pause>,
    /// How long a poll waits when there is nothing.
    pub poll_timeout: Duration,
    /// Whether it hands what it polled to a thread of its own and polls on.
    pub hands_over: bool,
}

/// Creates topics, retrying until each is there; then administers when it is told to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicCreation {
    /// `AdminCall::CreateTopic` each.
    pub topics: Vec<AdminCall>,
    /// What it may be told to do later, once each.
    pub operations: Vec<AdminCall>,
    /// How long to wait before a topic that was refused is tried again.
    pub retry_after: Duration,
}

/// Tries every partition out: one record acknowledged by the whole in-sync set, then all that is
/// there read, from the first record to this one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProbeWorkload {
    /// The topics and how many partitions each has.
    pub topics: Vec<(Name, i32)>,
    /// Whether topics come and go, so that it must ask which there are.
    pub topics_change: bool,
}
