//! The sender's half: which partitions have something to send, and the requests it goes out in.

use std::sync::Arc;

use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};

use crate::event::{AckMode, Kind};
use crate::message::{Batch, ProducerStamp, RequestBody, convert};
use crate::protocol::producer::effect::Effect;
use crate::protocol::producer::identity::Identity;
use crate::protocol::producer::machine::{InFlightRequest, Producer, SentBatch};
use crate::protocol::producer::partition::Place;
use crate::types::{BrokerId, Defect, Wall};

impl Producer {
    /// Looks where a partition stands now and keeps timers and nodes in step.
    pub(crate) fn place(&mut self, wall: Wall, slot: u32, effects: &mut Vec<Effect>) {
        let place = self.placement(wall, slot);
        let partition = &mut self.partitions[slot as usize];
        if partition.leader.is_none() && !partition.queue.is_empty() {
            effects.push(Effect::RefreshMetadata);
        }
        let before = std::mem::replace(&mut partition.place, place);
        if before == place {
            return;
        }
        match before {
            Place::Idle => {}
            Place::Lingering { leader, alarm } => {
                self.timers.remove(&(alarm, slot));
                self.nodes.entry(leader).or_default().queued.remove(&slot);
            }
            Place::BackingOff { alarm } => {
                self.timers.remove(&(alarm, slot));
            }
            Place::Ready { leader } => {
                let node = self.nodes.entry(leader).or_default();
                node.queued.remove(&slot);
                node.ready.remove(&slot);
            }
        }
        match place {
            Place::Idle => {}
            Place::Lingering { leader, alarm } => {
                self.timers.insert((alarm, slot));
                self.nodes.entry(leader).or_default().queued.insert(slot);
            }
            Place::BackingOff { alarm } => {
                self.timers.insert((alarm, slot));
            }
            Place::Ready { leader } => {
                let node = self.nodes.entry(leader).or_default();
                node.queued.insert(slot);
                node.ready.insert(slot);
                self.hot.insert(leader);
            }
        }
    }

    /// Where a partition stands among what is to be sent.
    ///
    /// Source: Kafka 4.1, `RecordAccumulator.batchReady`, `shouldBackoff`.
    fn placement(&self, wall: Wall, slot: u32) -> Place {
        let partition = &self.partitions[slot as usize];
        let (Some(serial), Some(leader)) = (partition.queue.front(), partition.leader) else {
            return Place::Idle;
        };
        if partition.is_muted || self.must_wait_for_sequences(slot) {
            return Place::Idle;
        }
        let batch = &self.batches[serial];
        let has_new_leader = partition.leader_epoch > batch.sent_epoch;
        if batch.sends > 0 && wall < batch.retry_at && !has_new_leader {
            return Place::BackingOff { alarm: batch.retry_at };
        }
        let alarm = batch.created + self.config.linger;
        let is_due = batch.sends > 0
            || self.is_hurried
            || partition.queue.len() > 1
            || batch.is_full(self.config.batch_bytes)
            || alarm <= wall;
        if is_due { Place::Ready { leader } } else { Place::Lingering { leader, alarm } }
    }

    /// Whether an idempotent producer must not send the partition's first batch now.
    ///
    /// A batch that is sent again goes alone, the one with the lowest sequence first: any other
    /// would be out of order. A new batch waits while the state of earlier ones is not known, or
    /// belongs to another epoch.
    ///
    /// Source: Kafka 4.1, `RecordAccumulator.shouldStopDrainBatchesForPartition`.
    // Differs from Kafka: only this partition waits, not the others of the same leader.
    fn must_wait_for_sequences(&self, slot: u32) -> bool {
        if !self.config.enable_idempotence {
            return false;
        }
        let partition = &self.partitions[slot as usize];
        let Some(serial) = partition.queue.front() else { return false };
        let sequences = &partition.sequences;
        let first_in_flight = sequences.in_flight.first();
        if self.batches[serial].stamp().is_some() {
            return first_in_flight.is_some_and(|first| first != serial);
        }
        let is_stale = sequences.producer != self.identity.current();
        first_in_flight.is_some() && is_stale || sequences.unresolved.is_some()
    }

    /// Sends what can be sent now.
    pub(crate) fn drain_hot(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        while let Some(to) = self.hot.pop_first() {
            self.drain(wall, to, effects);
        }
    }

    fn drain(&mut self, wall: Wall, to: BrokerId, effects: &mut Vec<Effect>) {
        let node = self.nodes.entry(to).or_default();
        if node.ready.is_empty() {
            return;
        }
        if !node.is_connected || node.in_flight >= self.config.in_flight_max {
            node.stuck_since.get_or_insert(wall);
        } else {
            node.stuck_since = None;
        }
        if !node.is_connected {
            if !node.is_opening {
                node.is_opening = true;
                effects.push(Effect::Open { to });
            }
            return;
        }
        if self.config.enable_idempotence && self.identity.current().is_none() {
            if matches!(self.identity, Identity::None) {
                self.request_identity(effects);
            }
            return;
        }
        loop {
            let node = &self.nodes[&to];
            if node.ready.is_empty() || node.in_flight >= self.config.in_flight_max {
                return;
            }
            let slots = self.collect(wall, to, effects);
            if slots.is_empty() {
                return;
            }
            self.send(wall, to, &slots, effects);
            slots.into_iter().for_each(|slot| self.place(wall, slot, effects));
        }
    }

    /// The partitions whose first batches make up the next request to `to`: all that have one,
    /// whether it lingers or not, as far as `max.request.size` allows.
    ///
    /// Source: Kafka 4.1, `RecordAccumulator.drainBatchesForOneNode`.
    fn collect(&mut self, wall: Wall, to: BrokerId, effects: &mut Vec<Effect>) -> Vec<u32> {
        let node = &self.nodes[&to];
        let rotation = node.rotation;
        let queued = node.queued.range(rotation..).chain(node.queued.range(..rotation));
        let queued: Vec<u32> = queued.copied().collect();
        let mut chosen = Vec::with_capacity(queued.len());
        let mut bytes = 0;
        for slot in queued {
            // An epoch raised for another partition may have stopped this one since.
            if self.must_wait_for_sequences(slot) {
                self.place(wall, slot, effects);
                continue;
            }
            let first = self.partitions[slot as usize].queue.front();
            let size = self.batches[first.expect("queued partitions have one")].size_bytes();
            if bytes + size > self.config.request_bytes_max && !chosen.is_empty() {
                break;
            }
            bytes += size;
            chosen.push(slot);
        }
        if let Some(last) = chosen.last() {
            self.nodes.get_mut(&to).expect("looked up above").rotation = last + 1;
        }
        chosen
    }

    fn send(&mut self, wall: Wall, to: BrokerId, slots: &[u32], effects: &mut Vec<Effect>) {
        let mut sent: Vec<SentBatch> =
            slots.iter().map(|slot| self.take_first(wall, to, *slot, effects)).collect();
        sent.sort_unstable_by_key(|batch| batch.partition);
        let mut topics: Vec<TopicProduceData> = Vec::new();
        let mut records = Vec::with_capacity(sent.len());
        for batch in &sent {
            let topic_id = convert::topic_uuid(batch.partition.topic_id);
            let data = PartitionProduceData::default()
                .with_index(batch.partition.partition.0)
                .with_records(None);
            match topics.last_mut() {
                Some(topic) if topic.topic_id == topic_id => topic.partition_data.push(data),
                Some(_) | None => topics.push(
                    TopicProduceData::default()
                        .with_topic_id(topic_id)
                        .with_partition_data(vec![data]),
                ),
            }
            let body = self.batches[&batch.serial].body();
            records.push(vec![Batch::unplaced(Arc::clone(body))]);
        }
        let acks = match self.config.acks {
            AckMode::None => 0,
            AckMode::Leader => 1,
            AckMode::All => -1,
        };
        let timeout = i32::try_from(self.config.request_timeout.as_millis()).unwrap_or(i32::MAX);
        let body = ProduceRequest::default()
            .with_transactional_id(None)
            .with_acks(acks)
            .with_timeout_ms(timeout)
            .with_topic_data(topics);
        let token = self.token();
        let expects_answer = self.config.acks != AckMode::None;
        let body = RequestBody::from(body);
        effects.push(Effect::Send { token, to, body, records, expects_answer });
        if expects_answer {
            self.nodes.get_mut(&to).expect("requests go to known nodes").in_flight += 1;
            self.requests.insert(token, InFlightRequest { to, batches: sent });
        } else {
            // Nobody will say more: that it left is all that acks=0 promises.
            for batch in sent {
                self.succeed(wall, batch.serial, batch.partition, None, effects);
            }
        }
    }

    /// Takes the partition's first batch out of the queue, sealed and stamped.
    fn take_first(
        &mut self,
        wall: Wall,
        to: BrokerId,
        slot: u32,
        effects: &mut Vec<Effect>,
    ) -> SentBatch {
        let partition = &mut self.partitions[slot as usize];
        let serial = partition.queue.pop_front().expect("only chosen when there is one");
        partition.is_muted = self.config.in_flight_max == 1 && self.config.acks != AckMode::None;
        let leader_epoch = partition.leader_epoch;
        let id = partition.id;
        let is_sealed = self.batches[&serial].sends > 0;
        if !is_sealed {
            self.seal(wall, slot, serial, effects);
        }
        let batch = self.batches.get_mut(&serial).expect("queued batches are alive");
        batch.sends += 1;
        batch.sent_epoch = leader_epoch;
        batch.is_on_the_wire = true;
        batch.is_renumbered = false;
        if batch.sends > 1 {
            // Idempotence is off by them: no sequence number tells the broker what it has.
            self.config.defects.acts(Defect::DuplicateOnRetry, id);
            self.config.defects.acts(Defect::ReorderInFlight, id);
        }
        let kind = Kind::BatchSent { partition: id, batch: batch.id, attempt: batch.sends, to };
        let sent = SentBatch {
            partition: id,
            slot,
            serial,
            stamp: batch.stamp(),
            last_sequence: batch.last_sequence(),
        };
        let about = self.about(self.batches[&serial].calls[0]);
        self.event(kind, about, effects);
        sent
    }

    fn seal(&mut self, wall: Wall, slot: u32, serial: u64, effects: &mut Vec<Effect>) {
        let producer = self.identity.current().filter(|_| self.config.enable_idempotence);
        let records = self.batches[&serial].record_count();
        let stamp = producer.map(|(id, epoch)| {
            let sequences = &self.partitions[slot as usize].sequences;
            if sequences.producer != Some((id, epoch)) {
                self.restart_sequences(slot, (id, epoch));
            }
            let sequences = &mut self.partitions[slot as usize].sequences;
            let base_sequence = sequences.next;
            sequences.next = base_sequence.plus(records);
            sequences.in_flight.push(serial);
            ProducerStamp { id, epoch, base_sequence }
        });
        let batch = self.batches.get_mut(&serial).expect("queued batches are alive");
        batch.seal(stamp, wall);
        let sealed = Arc::clone(batch.body());
        let mut keys = std::mem::take(&mut batch.keys);
        keys.sort_unstable();
        keys.dedup();
        let kind = Kind::BatchSealed {
            partition: self.partitions[slot as usize].id,
            batch: batch.id,
            acks: self.config.acks,
            producer: stamp.map(|stamp| stamp.id),
            epoch: stamp.map(|stamp| stamp.epoch),
            base_sequence: stamp.map(|stamp| stamp.base_sequence),
            max_timestamp: sealed.max_timestamp,
            bytes: sealed.size_bytes,
            operations: self.operations(serial),
            keys,
        };
        let about = self.about(self.batches[&serial].calls[0]);
        self.event(kind, about, effects);
    }
}
