//! The consumer's half of a fetch session: only what changed is said again.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};

use crate::message::convert;
use crate::types::{ErrorCode, LeaderEpoch, Offset, TopicPartition};

/// A fetch session with one broker.
///
/// Source: KIP-227; Kafka 4.1, `FetchSessionHandler`, `FetchMetadata`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// The broker's name for it; 0 for none.
    id: i32,
    /// The number of the next request; 0 begins a session.
    epoch: i32,
    /// What the broker was told, by slot.
    told: BTreeMap<u32, Told>,
}

/// What a fetch asks of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub partition: TopicPartition,
    pub offset: Offset,
    pub leader_epoch: Option<LeaderEpoch>,
}

impl Session {
    /// What the broker was told of a slot.
    pub(crate) fn told(&self, slot: u32) -> Option<Told> {
        self.told.get(&slot).copied()
    }

    /// Forgets what was told; the next request begins anew and ends the session that was.
    pub(crate) fn restart(&mut self) {
        self.epoch = 0;
        self.told.clear();
    }

    /// The request was answered without error.
    pub(crate) fn succeed(&mut self, session_id: i32) {
        if session_id == 0 {
            self.id = 0;
            self.epoch = 0;
        } else {
            self.id = session_id;
            self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
        }
    }

    /// The request was answered with an error of the whole, or not at all.
    pub(crate) fn fail(&mut self, error: ErrorCode) {
        if error == ErrorCode::FetchSessionIdNotFound {
            self.id = 0;
        }
        self.epoch = 0;
    }

    /// Fills the next request in: `wanted` says what is to be fetched of each slot of `fetchable`;
    /// `dirty` are those of which that, or whether they are wanted at all, may have changed.
    pub(crate) fn fill(
        &mut self,
        request: FetchRequest,
        fetchable: &BTreeSet<u32>,
        dirty: &mut BTreeSet<u32>,
        bytes_max: i32,
        wanted: impl Fn(u32) -> Told,
    ) -> FetchRequest {
        let mut ask = Vec::new();
        let mut forget = Vec::new();
        if self.epoch == 0 {
            dirty.clear();
            self.told = fetchable.iter().map(|slot| (*slot, wanted(*slot))).collect();
            ask.extend(self.told.values().copied());
        } else {
            for slot in std::mem::take(dirty) {
                let next = fetchable.contains(&slot).then(|| wanted(slot));
                let before = match next {
                    Some(next) => self.told.insert(slot, next),
                    None => self.told.remove(&slot),
                };
                // A topic that was made anew is another topic.
                forget.extend(
                    before
                        .map(|told| told.partition)
                        .filter(|partition| next.is_none_or(|next| next.partition != *partition)),
                );
                ask.extend(next.filter(|next| before != Some(*next)));
            }
        }
        request
            .with_session_id(self.id)
            .with_session_epoch(self.epoch)
            .with_topics(topics(ask, bytes_max))
            .with_forgotten_topics_data(forgotten(forget))
    }
}

fn topics(mut ask: Vec<Told>, bytes_max: i32) -> Vec<FetchTopic> {
    ask.sort_unstable_by_key(|told| told.partition);
    let mut topics: Vec<FetchTopic> = Vec::new();
    for told in ask {
        let topic_id = convert::topic_uuid(told.partition.topic_id);
        let partition = FetchPartition::default()
            .with_partition(told.partition.partition.0)
            .with_current_leader_epoch(LeaderEpoch::to_wire(told.leader_epoch))
            .with_fetch_offset(told.offset.0)
            .with_partition_max_bytes(bytes_max);
        match topics.last_mut() {
            Some(topic) if topic.topic_id == topic_id => topic.partitions.push(partition),
            Some(_) | None => {
                let topic = FetchTopic::default().with_topic_id(topic_id);
                topics.push(topic.with_partitions(vec![partition]));
            }
        }
    }
    topics
}

fn forgotten(mut forget: Vec<TopicPartition>) -> Vec<ForgottenTopic> {
    forget.sort_unstable();
    let mut topics: Vec<ForgottenTopic> = Vec::new();
    for partition in forget {
        let topic_id = convert::topic_uuid(partition.topic_id);
        match topics.last_mut() {
            Some(topic) if topic.topic_id == topic_id => {
                topic.partitions.push(partition.partition.0);
            }
            Some(_) | None => {
                let topic = ForgottenTopic::default().with_topic_id(topic_id);
                topics.push(topic.with_partitions(vec![partition.partition.0]));
            }
        }
    }
    topics
}
