//! Fetches: one at a time from each leader, of all its partitions that no records wait of.

use std::collections::VecDeque;

use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use crate::message::{Answer, Batch, RequestBody, ResponseBody, convert};
use crate::protocol::consumer::effect::Effect;
use crate::protocol::consumer::machine::{Consumer, Fetched, Pending};
use crate::protocol::consumer::position::State;
use crate::protocol::consumer::session::Told;
use crate::types::{BrokerId, Deed, Defect, ErrorCode, LeaderEpoch, Offset, TopicPartition, Wall};

/// The defects of polling act on every so-manieth piece that holds records.
const DEFECT_EVERY: u32 = 50;

impl Consumer {
    /// Fetches from the nodes that have become ready for it.
    pub(crate) fn fetch_hot(&mut self, effects: &mut Vec<Effect>) {
        while let Some(to) = self.hot.pop_first() {
            self.fetch(to, effects);
        }
    }

    fn fetch(&mut self, to: BrokerId, effects: &mut Vec<Effect>) {
        let node = self.nodes.entry(to).or_default();
        if node.is_fetching || node.fetchable.is_empty() {
            return;
        }
        if !node.is_connected {
            if !std::mem::replace(&mut node.is_opening, true) {
                effects.push(Effect::Open { to });
            }
            return;
        }
        node.is_fetching = true;
        let config = &self.config;
        let wait = i32::try_from(config.fetch_wait_max.as_millis()).unwrap_or(i32::MAX);
        let bytes = |bytes: u32| i32::try_from(bytes).unwrap_or(i32::MAX);
        let request = FetchRequest::default()
            .with_max_wait_ms(wait)
            .with_min_bytes(bytes(config.fetch_bytes_min))
            .with_max_bytes(bytes(config.fetch_bytes_max));
        let partitions = &self.partitions;
        let body = node.session.fill(
            request,
            &node.fetchable,
            &mut node.dirty,
            bytes(config.partition_fetch_bytes_max),
            |slot| {
                let partition = &partitions[slot as usize];
                Told {
                    partition: partition.id.expect("only partitions with a name are fetched"),
                    offset: partition.position,
                    leader_epoch: partition.leader_epoch,
                }
            },
        );
        let token = self.token();
        let generation = self.generation;
        self.requests.insert(token, Pending::Fetch { to, generation });
        effects.push(Effect::Send { token, to, body: RequestBody::from(body) });
    }

    pub(crate) fn on_fetch_answer(
        &mut self,
        wall: Wall,
        to: BrokerId,
        generation: u32,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        let node = self.nodes.get_mut(&to).expect("requests go to known nodes");
        node.is_fetching = false;
        self.hot.insert(to);
        let Ok((ResponseBody::Fetch(body), records)) = answer else {
            node.session.fail(ErrorCode::NetworkException);
            return;
        };
        let error = ErrorCode::from_code(body.error_code);
        if error != ErrorCode::None {
            node.session.fail(error);
            effects.push(Effect::RefreshMetadata);
            return;
        }
        if generation != self.generation {
            // The session was of the assignment before; its broker drops it in time.
            node.session.fail(error);
            return;
        }
        node.session.succeed(body.session_id);
        self.on_fetched(wall, to, &body, records, effects);
    }

    fn on_fetched(
        &mut self,
        wall: Wall,
        to: BrokerId,
        body: &FetchResponse,
        records: Vec<Vec<Batch>>,
        effects: &mut Vec<Effect>,
    ) {
        let mut records = records.into_iter();
        for topic in &body.responses {
            let topic_id = convert::topic_id(topic.topic_id);
            for part in &topic.partitions {
                let batches = records.next().unwrap_or_default();
                let id = TopicPartition::new(topic_id, part.partition_index);
                let Some(&slot) = self.slots.get(&id) else { continue };
                let told = self.nodes.get(&to).and_then(|node| node.session.told(slot));
                let partition = &self.partitions[slot as usize];
                // An answer to a question that is no longer ours: a seek, a reset, a new leader, a
                // pause, a rebalance.
                let is_ours = partition.state == State::Fetching
                    && !partition.is_paused
                    && !partition.is_withheld
                    && told.is_some_and(|told| told.offset == partition.position);
                if !is_ours {
                    continue;
                }
                let error = ErrorCode::from_code(part.error_code);
                if error == ErrorCode::None {
                    self.on_records(slot, batches);
                } else {
                    self.on_fetch_error(wall, slot, id, error, part, effects);
                }
            }
        }
    }

    /// Source: Kafka 4.1, `FetchCollector.handleInitializeErrors`.
    fn on_fetch_error(
        &mut self,
        wall: Wall,
        slot: u32,
        id: TopicPartition,
        error: ErrorCode,
        part: &PartitionData,
        effects: &mut Vec<Effect>,
    ) {
        if error == ErrorCode::OffsetOutOfRange {
            self.reset(wall, slot);
            return;
        }
        if let Some(leader_epoch) = LeaderEpoch::from_wire(part.current_leader.leader_epoch)
            && let Some(leader) = convert::broker_from_wire(part.current_leader.leader_id)
        {
            effects.push(Effect::LeaderHint { partition: id, leader, leader_epoch });
        }
        if error != ErrorCode::UnknownLeaderEpoch {
            effects.push(Effect::RefreshMetadata);
        }
        self.back_off(wall, slot);
    }

    fn on_records(&mut self, slot: u32, batches: Vec<Batch>) {
        let partition = &self.partitions[slot as usize];
        let (mut next, id) = (partition.position, partition.id);
        let mut batches: VecDeque<Batch> =
            batches.into_iter().filter(|batch| batch.end_offset() > next).collect();
        if batches.is_empty() {
            return;
        }
        self.fetches += 1;
        if self.fetches.is_multiple_of(DEFECT_EVERY) {
            if self.config.defects.acts(Defect::PollSkips, id) {
                let skipped = batches.pop_front().expect("there is one");
                next = skipped.end_offset();
                self.move_to(slot, next);
            }
            if self.config.defects.has(Defect::PollGoesBack)
                && let Some(before) = self.partitions[slot as usize].polled_from
            {
                Deed::note(Defect::PollGoesBack, id);
                batches.clear();
                self.move_to(slot, before);
            }
        }
        if batches.is_empty() {
            self.update(slot);
            return;
        }
        self.buffer.push_back(Fetched { slot, next, batches });
        self.partitions[slot as usize].is_buffered = true;
        self.update(slot);
    }

    fn move_to(&mut self, slot: u32, offset: Offset) {
        self.partitions[slot as usize].position = offset;
    }
}
