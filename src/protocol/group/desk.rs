//! What all shards of a broker share: configuration, the image, timers, who waits for an answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{About, Kind};
use crate::message::batch_size_bytes;
use crate::message::{Batch, BatchBody, GroupRecord, Records, Response, ResponseBody};
use crate::protocol::group::answer::merge;
use crate::protocol::group::config::GroupConfig;
use crate::protocol::group::effect::Effect;
use crate::protocol::group::timers::{TimerKey, TimerWork, Timers};
use crate::protocol::image::MetadataImage;
use crate::types::{
    BatchId, ConnectionId, CorrelationId, Defect, Name, Now, PartitionIndex, Rng, TopicId,
    TopicPartition, hash_words,
};

/// What all shards share.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) config: Arc<GroupConfig>,
    pub(crate) image: MetadataImage,
    pub(crate) rng: Rng,
    pub(crate) timers: Timers,
    /// Requests that are not answered yet.
    pub(crate) serving: BTreeMap<ConnectionId, Serving>,
    pub(crate) batch_salt: u64,
    pub(crate) batches: u64,
}

/// A request that is not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct Serving {
    pub(crate) correlation_id: CorrelationId,
    /// How many answers are awaited that make up the whole.
    pub(crate) parts_left: usize,
    /// Those that are there.
    pub(crate) so_far: Option<ResponseBody>,
}

/// One input's doing: the desk, the time, and what is asked for.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) now: Now,
    pub(crate) desk: &'a mut Desk,
    pub(crate) effects: &'a mut Vec<Effect>,
}

impl Step<'_> {
    pub(crate) fn config(&self) -> &GroupConfig {
        &self.desk.config
    }

    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.desk.config.defects.has(defect)
    }

    /// Whether `defect` is on where that alone decides.
    pub(crate) fn acts(&self, defect: Defect) -> bool {
        self.desk.config.defects.acts(defect, None)
    }

    /// Answers the request on `connection`, or a part of it. Whoever hung up gets nothing.
    pub(crate) fn answer(&mut self, connection: ConnectionId, body: ResponseBody) {
        let Some(serving) = self.desk.serving.get_mut(&connection) else { return };
        let body = match serving.so_far.take() {
            Some(so_far) => merge(so_far, body),
            None => body,
        };
        serving.parts_left -= 1;
        if serving.parts_left > 0 {
            serving.so_far = Some(body);
            return;
        }
        let correlation_id = serving.correlation_id;
        self.desk.serving.remove(&connection);
        let response = Response { correlation_id, body, records: Vec::new() };
        self.effects.push(Effect::Answer { connection, response });
    }

    pub(crate) fn event(&mut self, kind: Kind) {
        self.effects.push(Effect::Event { kind, about: About::Nothing });
    }

    pub(crate) fn event_about(&mut self, connection: ConnectionId, kind: Kind) {
        self.effects.push(Effect::Event { kind, about: About::Request(connection) });
    }

    pub(crate) fn schedule(
        &mut self,
        shard: PartitionIndex,
        key: TimerKey,
        after: Duration,
        work: TimerWork,
    ) {
        self.desk.timers.schedule(shard, key, self.now.monotonic + after, work);
    }

    /// The partition of a topic that was named; of a topic that is not known, one of no topic.
    pub(crate) fn partition(&self, topic: &Name, partition: PartitionIndex) -> TopicPartition {
        let known = self.desk.image.topic_by_name(topic.as_str());
        let topic_id = known.map_or(TopicId::default(), |topic| topic.topic_id);
        TopicPartition { topic_id, partition }
    }

    /// A batch of `records`, written now.
    pub(crate) fn batch(&mut self, records: Vec<GroupRecord>) -> Arc<BatchBody> {
        self.desk.batches += 1;
        let records = Records::Group(records);
        let time = self.now.wall.millis();
        Arc::new(BatchBody {
            id: BatchId(hash_words(&[self.desk.batch_salt, self.desk.batches])),
            producer: None,
            base_timestamp: time,
            max_timestamp: time,
            size_bytes: batch_size_bytes(&records, time),
            records,
        })
    }
}

/// The records of a batch that a coordinator wrote; a batch of others has none.
pub(crate) fn records_of(batch: &Batch) -> &[GroupRecord] {
    match &batch.body.records {
        Records::Group(records) => records,
        Records::Data(_) | Records::Metadata(_) | Records::LeaderChange { .. } => &[],
    }
}
