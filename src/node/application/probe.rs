//! An application that tries every partition out once the cluster should be well again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use crate::event::Kind;
use crate::message::{AdminCall, AdminReply, AppCall, AppReply, PolledBatch, SeekTo, SendRecord};
use crate::node::application::config::ProbeWorkload;
use crate::node::application::input::{Effect, Input};
use crate::protocol::Machine;
use crate::types::{CallToken, Deadlines, Monotonic, Name, Now, Offset, TopicPartition};

/// How long after a failed attempt a partition is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// How long a poll waits.
const POLL_TIMEOUT: Duration = Duration::from_secs(1);

/// After how many polls without a record those that are still awaited are written again: retention
/// may have deleted them before they were read.
const IDLE_POLLS_MAX: u32 = 10;

/// Writes one record to each partition, and reads each from its first record to that one.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    config: ProbeWorkload,
    /// Partitions whose record is on its way, by call.
    under_way: BTreeMap<CallToken, (Name, i32)>,
    /// Partitions whose record failed, tried again at `retry_at`.
    failed: Vec<(Name, i32)>,
    retry_at: Option<Monotonic>,
    /// Where each record stands.
    written: BTreeMap<(Name, i32), (TopicPartition, Offset)>,
    /// Partitions not yet read as far as their record.
    unread: BTreeSet<(Name, i32)>,
    asks_for_topics: bool,
    is_reading: bool,
    /// Polls in a row that returned nothing.
    idle_polls: u32,
    is_done: bool,
    calls: u64,
}

impl Machine for Probe {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Start if self.config.topics_change => self.ask_for_topics(effects),
            Input::Start => self.write(effects),
            Input::Reply { token, reply } => self.on_reply(now.monotonic, token, reply, effects),
            Input::Deadline => {
                if self.retry_at.is_some_and(|at| at <= now.monotonic) {
                    self.retry_at = None;
                    if self.asks_for_topics {
                        self.ask_for_topics(effects);
                    }
                    for (topic, partition) in std::mem::take(&mut self.failed) {
                        self.send(topic, partition, effects);
                    }
                }
            }
            Input::Stop | Input::Administer(_) => {}
            Input::Shutdown => effects.push(Effect::Exit),
        }
    }

    fn deadlines(&self) -> Deadlines {
        Deadlines::monotonic(self.retry_at)
    }
}

impl Probe {
    pub(crate) fn new(config: ProbeWorkload) -> Self {
        Self {
            config,
            under_way: BTreeMap::new(),
            failed: Vec::new(),
            retry_at: None,
            written: BTreeMap::new(),
            unread: BTreeSet::new(),
            asks_for_topics: false,
            is_reading: false,
            idle_polls: 0,
            is_done: false,
            calls: 0,
        }
    }

    /// Whether every partition was written to, and read as far as its record.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    fn on_reply(
        &mut self,
        now: Monotonic,
        token: CallToken,
        reply: AppReply,
        effects: &mut Vec<Effect>,
    ) {
        let sent = self.under_way.remove(&token);
        match reply {
            AppReply::Sent { partition, offset } => {
                let Some(place) = sent else { return };
                // A duplicate too old to be remembered leaves its place unsaid: the partition
                // works, and is read as far as its first record at least.
                let offset = offset.unwrap_or(Offset::ZERO);
                self.written.insert(place, (partition, offset));
                self.read_when_written(effects);
            }
            AppReply::Failed(_) => {
                if let Some(place) = sent {
                    self.failed.push(place);
                    self.retry_at.get_or_insert(now + RETRY_AFTER);
                } else if self.asks_for_topics {
                    self.retry_at.get_or_insert(now + RETRY_AFTER);
                } else if self.is_reading {
                    self.poll(effects);
                }
            }
            AppReply::Polled(batches) => self.on_polled(&batches, effects),
            AppReply::Done => self.poll(effects),
            AppReply::Admin(AdminReply::Topics(told)) => {
                self.asks_for_topics = false;
                let mut known = told;
                known.retain(|(topic, _)| self.config.topics.iter().any(|(own, _)| own == topic));
                self.config.topics = known;
                self.write(effects);
            }
            AppReply::Flushed | AppReply::Admin(_) | AppReply::Rebalanced { .. } => {}
        }
    }

    /// Topics that were deleted, or could not be created, are none of its business.
    fn ask_for_topics(&mut self, effects: &mut Vec<Effect>) {
        self.asks_for_topics = true;
        self.call(AppCall::Admin(AdminCall::ListTopics), effects);
    }

    fn write(&mut self, effects: &mut Vec<Effect>) {
        let topics = self.config.topics.clone();
        for (topic, partitions) in topics {
            for partition in 0..partitions {
                self.unread.insert((topic.clone(), partition));
                self.send(topic.clone(), partition, effects);
            }
        }
        self.read_when_written(effects);
    }

    fn read_when_written(&mut self, effects: &mut Vec<Effect>) {
        if self.is_reading || self.written.len() < self.unread.len() {
            return;
        }
        self.is_reading = true;
        let all = self.written.keys();
        let partitions = all.map(|(topic, n)| (topic.clone(), *n, SeekTo::Beginning)).collect();
        self.call(AppCall::Assign { partitions }, effects);
    }

    fn on_polled(&mut self, batches: &[PolledBatch], effects: &mut Vec<Effect>) {
        self.idle_polls = if batches.is_empty() { self.idle_polls + 1 } else { 0 };
        if self.idle_polls == IDLE_POLLS_MAX {
            self.idle_polls = 0;
            let awaited: Vec<_> = self.unread.iter().cloned().collect();
            for (topic, partition) in awaited {
                self.send(topic, partition, effects);
            }
        }
        for batch in batches {
            let place = (batch.topic.clone(), batch.partition);
            let end = batch.base_offset + batch.records.len() as u64;
            let Some(&(partition, offset)) = self.written.get(&place) else { continue };
            if offset < end && self.unread.remove(&place) {
                let kind = Kind::ProbeReturned { partition, offset: Some(offset) };
                effects.push(Effect::Event(kind));
            }
        }
        self.poll(effects);
    }

    fn poll(&mut self, effects: &mut Vec<Effect>) {
        self.is_done = self.unread.is_empty();
        if !self.is_done {
            self.call(AppCall::Poll { timeout: POLL_TIMEOUT }, effects);
        }
    }

    fn send(&mut self, topic: Name, partition: i32, effects: &mut Vec<Effect>) {
        let record = SendRecord {
            topic: topic.clone(),
            partition: Some(partition),
            key: None,
            value: Some(Bytes::from_static(b"probe")),
            headers: Box::default(),
        };
        let token = self.call(AppCall::Send(record), effects);
        self.under_way.insert(token, (topic, partition));
    }

    fn call(&mut self, call: AppCall, effects: &mut Vec<Effect>) -> CallToken {
        let token = CallToken(self.calls);
        self.calls += 1;
        effects.push(Effect::Call { token, call });
        token
    }
}
