//! The application's half: records are put into batches, or wait for metadata or memory.

use xxhash_rust::xxh3::xxh3_64;

use crate::message::{AppError, AppReply, Record, SendRecord};
use crate::protocol::cluster::PartitionMetadata;
use crate::protocol::producer::batch::{Content, OpenBatch, ProducerBatch};
use crate::protocol::producer::config::Partitioner;
use crate::protocol::producer::effect::Effect;
use crate::protocol::producer::identity::Identity;
use crate::protocol::producer::machine::{Blocked, Producer, Topic};
use crate::protocol::producer::partition::Partition;
use crate::protocol::producer::partitioner::{
    Load, by_load, partition_for_key, round_robin, uniform,
};
use crate::types::{
    BatchId, BrokerId, CallToken, Deed, Defect, ErrorCode, KeyHash, Name, TopicPartition, Wall,
    hash_words,
};

/// What became of a record handed over.
enum Appended {
    /// It is in a batch, or its call is answered.
    Done,
    /// It must wait.
    MustWait(SendRecord),
}

/// How a record came to its partition.
#[derive(Clone, Copy, Debug)]
enum Chosen {
    /// It names the partition itself.
    ByRecord,
    /// By its key.
    ByKey(KeyHash),
    /// By turns.
    InTurn,
    /// It went where those before it went.
    Sticky,
}

impl Producer {
    pub(crate) fn on_send(
        &mut self,
        wall: Wall,
        token: CallToken,
        record: SendRecord,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_closed {
            let reply = AppReply::Failed(AppError::Closed);
            effects.push(Effect::Reply { token, reply });
            return;
        }
        if self.config.enable_idempotence && matches!(self.identity, Identity::None) {
            self.request_identity(effects);
        }
        // send() blocks its thread in Kafka: nothing overtakes a record that waits.
        let record = if self.blocked.is_empty() {
            match self.append(wall, token, record, effects) {
                Appended::Done => return,
                Appended::MustWait(record) => record,
            }
        } else {
            record
        };
        let give_up_at = wall + self.config.block_max;
        self.blocked.push_back(Blocked::Send { token, record, give_up_at });
        self.update_hurry(wall, effects);
    }

    /// Tries the calls that wait, in order, until one must wait on.
    pub(crate) fn unblock(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        while let Some(blocked) = self.blocked.pop_front() {
            match blocked {
                Blocked::Send { token, record, give_up_at } => {
                    match self.append(wall, token, record, effects) {
                        Appended::Done => {}
                        Appended::MustWait(record) => {
                            let blocked = Blocked::Send { token, record, give_up_at };
                            self.blocked.push_front(blocked);
                            return;
                        }
                    }
                }
                Blocked::Flush { token } => self.begin_flush(wall, token, false, effects),
                Blocked::Close { token } => self.begin_flush(wall, token, true, effects),
            }
        }
    }

    /// Fails the calls that have waited for `max.block.ms`.
    pub(crate) fn give_up_blocked(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let mut gave_up = false;
        while let Some(Blocked::Send { token, give_up_at, .. }) = self.blocked.front()
            && *give_up_at <= wall
        {
            let reply = AppReply::Failed(AppError::NotSent(ErrorCode::RequestTimedOut));
            effects.push(Effect::Reply { token: *token, reply });
            self.blocked.pop_front();
            gave_up = true;
        }
        if gave_up {
            self.unblock(wall, effects);
            self.update_hurry(wall, effects);
        }
    }

    fn append(
        &mut self,
        wall: Wall,
        token: CallToken,
        send: SendRecord,
        effects: &mut Vec<Effect>,
    ) -> Appended {
        let Some(known) = self.cluster.topic(send.topic.as_str()).cloned() else {
            return self.ask_for_topic(token, send, effects);
        };
        let count = known.partitions.len();
        if count == 0 {
            return Appended::MustWait(send);
        }
        let (number, chosen) = match send.partition.map(usize::try_from) {
            Some(Ok(number)) if number < count => (number, Chosen::ByRecord),
            Some(_) => {
                // It may be one that was added lately.
                effects.push(Effect::RefreshMetadata);
                return Appended::MustWait(send);
            }
            None => self.choose(wall, &send, &known.partitions),
        };
        let slot = self.slot(wall, &send, number, known.topic_id, effects);
        let SendRecord { topic, partition, key, value, headers } = send;
        let record = Record { key, value, headers, timestamp: wall.millis() };
        match self.put(wall, slot, token, record, effects) {
            Ok(bytes) => {
                self.on_placed(wall, slot, &topic, &known.partitions, chosen, bytes);
                Appended::Done
            }
            Err(record) => {
                let Record { key, value, headers, timestamp: _ } = record;
                Appended::MustWait(SendRecord { topic, partition, key, value, headers })
            }
        }
    }

    fn ask_for_topic(
        &mut self,
        token: CallToken,
        send: SendRecord,
        effects: &mut Vec<Effect>,
    ) -> Appended {
        if let Some(error) = self.cluster.topic_error(send.topic.as_str()) {
            let reply = AppReply::Failed(AppError::NotSent(error));
            effects.push(Effect::Reply { token, reply });
            return Appended::Done;
        }
        effects.push(Effect::AddTopic { topic: send.topic.clone() });
        Appended::MustWait(send)
    }

    /// The partition of a record that does not name one, and how it came to it.
    fn choose(
        &mut self,
        wall: Wall,
        send: &SendRecord,
        known: &[PartitionMetadata],
    ) -> (usize, Chosen) {
        if self.config.partitioner == Partitioner::RoundRobin {
            let placed = self.topics.get(&send.topic).map_or(0, |topic| topic.placed);
            return (round_robin(placed, known), Chosen::InTurn);
        }
        let Some(key) = send.key.as_ref().filter(|_| !self.config.ignore_keys) else {
            return (self.sticky_partition(wall, &send.topic, known), Chosen::Sticky);
        };
        let hash = Chosen::ByKey(KeyHash(xxh3_64(key)));
        if self.config.defects.has(Defect::KeysSkipLeaderless) {
            let led = known.iter().enumerate().filter(|(_, known)| known.leader.is_some());
            let led: Vec<usize> = led.map(|(number, _)| number).collect();
            if !led.is_empty() {
                let chosen = led[partition_for_key(key, led.len())];
                if chosen != partition_for_key(key, known.len()) {
                    Deed::note(Defect::KeysSkipLeaderless, None);
                }
                return (chosen, hash);
            }
        }
        (partition_for_key(key, known.len()), hash)
    }

    /// Counts a record that was put into a batch of `slot`.
    fn on_placed(
        &mut self,
        wall: Wall,
        slot: u32,
        topic: &Name,
        known: &[PartitionMetadata],
        chosen: Chosen,
        bytes: u32,
    ) {
        match chosen {
            Chosen::ByRecord => {}
            Chosen::ByKey(key) => {
                let last = self.partitions[slot as usize].queue.back();
                // One that was too large is in no batch.
                if let Some(last) = last.filter(|_| bytes > 0) {
                    let batch = self.batches.get_mut(last).expect("queued batches are alive");
                    if batch.keys.last() != Some(&key) {
                        batch.keys.push(key);
                    }
                }
            }
            Chosen::InTurn => {
                let entry = self.topics.get_mut(topic).expect("its slot was just looked up");
                entry.placed += 1;
            }
            Chosen::Sticky => {
                let no_batch_is_open = self.has_no_open_batch(slot);
                let batch_bytes = self.config.batch_bytes;
                let entry = self.topics.get_mut(topic).expect("its slot was just looked up");
                if entry.sticky.produced(bytes, no_batch_is_open, batch_bytes) {
                    self.switch(wall, topic, known);
                }
            }
        }
    }

    /// The partition for records without a key; makes up for a switch that an open batch put off.
    fn sticky_partition(&mut self, wall: Wall, name: &Name, known: &[PartitionMetadata]) -> usize {
        if !self.topics.contains_key(name) {
            self.topics.insert(name.clone(), Topic::default());
        }
        let batch_bytes = self.config.batch_bytes;
        let topic = &self.topics[name];
        let Some(current) = topic.sticky.current(known.len()) else {
            return self.switch(wall, name, known);
        };
        if !topic.sticky.owes_switch(batch_bytes) {
            return current;
        }
        let slot = topic.slots.get(current).copied().flatten();
        if slot.is_some_and(|slot| !self.has_no_open_batch(slot)) {
            return current;
        }
        self.switch(wall, name, known)
    }

    /// Goes on with another partition of the topic, or perhaps the same.
    // Differs from Kafka: what waits for each is counted now, not when the sender ran last.
    fn switch(&mut self, wall: Wall, name: &Name, known: &[PartitionMetadata]) -> usize {
        let Self { config, topics, partitions, nodes, partitioner_rng: rng, .. } = self;
        let topic = topics.get_mut(name).expect("a topic is known before it is written to");
        let slot = |number: usize| topic.slots.get(number).copied().flatten();
        // Before every partition has been written to, nothing is known of the others' load.
        let adapts = config.is_adaptive && (0..known.len()).all(|number| slot(number).is_some());
        // Whether a broker has taken nothing for longer than partitioner.availability.timeout.ms
        // (`RecordAccumulator.updateNodeLatencyStats`).
        let is_unavailable = |leader: BrokerId| {
            let timeout = config.availability_timeout;
            let stuck_since = nodes.get(&leader).and_then(|node| node.stuck_since);
            !timeout.is_zero() && stuck_since.is_some_and(|since| since + timeout < wall)
        };
        let loads = known.iter().enumerate().filter_map(|(partition, known)| {
            let leader = known.leader?;
            let queued = partitions[slot(partition)? as usize].queue.len();
            let is_left_out = queued > 0 && is_unavailable(leader);
            (!is_left_out).then_some(Load { partition, queued })
        });
        let by_load = if adapts { by_load(loads, known.len(), rng) } else { None };
        let chosen = by_load.unwrap_or_else(|| uniform(known, rng));
        topic.sticky.switch_to(chosen);
        chosen
    }

    fn has_no_open_batch(&self, slot: u32) -> bool {
        let last = self.partitions[slot as usize].queue.back();
        last.is_none_or(|last| self.batches[last].is_full(self.config.batch_bytes))
    }

    /// The slot of a partition, made on first use.
    fn slot(
        &mut self,
        wall: Wall,
        send: &SendRecord,
        number: usize,
        topic_id: crate::types::TopicId,
        effects: &mut Vec<Effect>,
    ) -> u32 {
        let known = self.topics.get(&send.topic).and_then(|topic| *topic.slots.get(number)?);
        if let Some(slot) = known {
            return slot;
        }
        let slot = u32::try_from(self.partitions.len()).expect("partitions fit 32 bits");
        let partition = i32::try_from(number).expect("partitions are numbered in 32 bits");
        let id = TopicPartition::new(topic_id, partition);
        self.partitions.push(Partition::new(send.topic.clone(), id));
        let topic = self.topics.entry(send.topic.clone()).or_default();
        if topic.slots.len() <= number {
            topic.slots.resize(number + 1, None);
        }
        topic.slots[number] = Some(slot);
        self.refresh_leader(wall, slot, effects);
        slot
    }

    /// Puts `record` into the partition's last batch, or into a new one; gives it back when there
    /// is no memory for that. Says how many bytes it takes.
    fn put(
        &mut self,
        wall: Wall,
        slot: u32,
        token: CallToken,
        record: Record,
        effects: &mut Vec<Effect>,
    ) -> Result<u32, Record> {
        let batch_bytes = self.config.batch_bytes;
        let queue = &self.partitions[slot as usize].queue;
        let mut record = record;
        if let Some(last) = queue.back() {
            let is_first = queue.len() == 1;
            let batch = self.batches.get_mut(last).expect("queued batches are alive");
            if let Content::Open(open) = &mut batch.content {
                match open.try_push(record, batch_bytes) {
                    Ok(bytes) => {
                        batch.calls.push(token);
                        if is_first && batch.is_full(batch_bytes) {
                            self.place(wall, slot, effects);
                        }
                        return Ok(bytes);
                    }
                    Err(back) => record = back,
                }
                if is_first {
                    self.place(wall, slot, effects);
                }
            }
        }
        let open = OpenBatch::new(record);
        let bytes = open.size_bytes();
        if bytes > self.config.request_bytes_max {
            let reply = AppReply::Failed(AppError::NotSent(ErrorCode::MessageTooLarge));
            effects.push(Effect::Reply { token, reply });
            return Ok(0);
        }
        let allocated_bytes = batch_bytes.max(bytes);
        if self.free_bytes < u64::from(allocated_bytes) {
            return Err(open.into_only_record());
        }
        self.free_bytes -= u64::from(allocated_bytes);
        self.push_batch(wall, slot, token, open, allocated_bytes, effects);
        Ok(bytes)
    }

    fn push_batch(
        &mut self,
        wall: Wall,
        slot: u32,
        token: CallToken,
        open: OpenBatch,
        allocated_bytes: u32,
        effects: &mut Vec<Effect>,
    ) {
        let serial = self.next_serial;
        self.next_serial += 1;
        let place = [u64::from(self.config.host.0), u64::from(self.config.incarnation), serial];
        let batch = ProducerBatch {
            slot,
            id: BatchId(hash_words(&place)),
            created: wall,
            calls: vec![token],
            keys: Vec::new(),
            allocated_bytes,
            content: Content::Open(open),
            sends: 0,
            sent_epoch: None,
            retry_at: wall,
            is_on_the_wire: false,
            is_retried: false,
            is_renumbered: false,
            may_be_written: false,
            last_error: ErrorCode::None,
        };
        let expires_at = wall + self.config.delivery_timeout;
        let is_kept = self.config.defects.has(Defect::DeliveryTimeoutIgnored);
        if !is_kept && self.expiry_alarm.is_none_or(|alarm| expires_at < alarm) {
            self.expiry_alarm = Some(expires_at);
        }
        self.batches.insert(serial, batch);
        let queue = &mut self.partitions[slot as usize].queue;
        queue.push_back(serial);
        if queue.len() <= 2 {
            self.place(wall, slot, effects);
        }
    }
}
