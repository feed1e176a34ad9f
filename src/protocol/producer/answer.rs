//! What becomes of batches that were sent: done, sent again, failed, given up.

use kafka_protocol::messages::ProduceResponse;

use crate::event::{Kind, OperationResult};
use crate::message::{Answer, AppError, AppReply, ResponseBody, SendError};
use crate::protocol::producer::batch::{Content, ProducerBatch};
use crate::protocol::producer::effect::Effect;
use crate::protocol::producer::machine::{InFlightRequest, Producer, SentBatch};
use crate::protocol::producer::outcome::{is_metadata_error, may_be_written};
use crate::types::{
    BrokerId, Defect, ErrorCode, LeaderEpoch, Offset, OperationId, TopicPartition, Wall,
};

use crate::message::convert;

impl Producer {
    pub(crate) fn on_answer(
        &mut self,
        wall: Wall,
        request: InFlightRequest,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        let InFlightRequest { to, batches } = request;
        let node = self.nodes.get_mut(&to).expect("requests go to known nodes");
        node.in_flight -= 1;
        self.hot.insert(to);
        match answer {
            Ok((ResponseBody::Produce(body), _)) => {
                self.on_produced(wall, batches, &body, effects);
            }
            // An answer of another kind says nothing of the batches.
            Ok(_) | Err(SendError::Disconnected) => {
                self.on_all_failed(wall, batches, ErrorCode::NetworkException, true, effects);
            }
            Err(SendError::TimedOut) => {
                self.on_all_failed(wall, batches, ErrorCode::RequestTimedOut, true, effects);
            }
            Err(SendError::NotConnected) => {
                self.on_all_failed(wall, batches, ErrorCode::NetworkException, false, effects);
            }
        }
        self.unblock(wall, effects);
        self.update_hurry(wall, effects);
    }

    fn on_all_failed(
        &mut self,
        wall: Wall,
        batches: Vec<SentBatch>,
        error: ErrorCode,
        has_left: bool,
        effects: &mut Vec<Effect>,
    ) {
        if is_metadata_error(error) {
            effects.push(Effect::RefreshMetadata);
        }
        for sent in batches {
            self.on_refused(wall, sent, error, has_left, effects);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other error codes are alike here")]
    fn on_produced(
        &mut self,
        wall: Wall,
        mut batches: Vec<SentBatch>,
        body: &ProduceResponse,
        effects: &mut Vec<Effect>,
    ) {
        for topic in &body.responses {
            let topic_id = convert::topic_id(topic.topic_id);
            for told in &topic.partition_responses {
                let partition = TopicPartition::new(topic_id, told.index);
                let found = batches.binary_search_by_key(&partition, |sent| sent.partition);
                let Ok(at) = found else { continue };
                let sent = batches.remove(at);
                let error = ErrorCode::from_code(told.error_code);
                match error {
                    // A duplicate too old for the leader to know its offset.
                    ErrorCode::None | ErrorCode::DuplicateSequenceNumber => {
                        let offset = Offset::from_wire(told.base_offset);
                        self.on_accepted(wall, sent, offset, effects);
                        continue;
                    }
                    ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch => {
                        let leader = &told.current_leader;
                        hint(partition, leader.leader_id.0, leader.leader_epoch, effects);
                    }
                    _ => {}
                }
                if is_metadata_error(error) {
                    effects.push(Effect::RefreshMetadata);
                }
                let is_ambiguous = may_be_written(error, self.config.acks);
                self.on_refused(wall, sent, error, is_ambiguous, effects);
            }
        }
        // A broker that leaves a partition out has said nothing of it.
        if !batches.is_empty() {
            self.on_all_failed(wall, batches, ErrorCode::NetworkException, true, effects);
        }
    }

    /// The leader has the batch.
    fn on_accepted(
        &mut self,
        wall: Wall,
        sent: SentBatch,
        base_offset: Option<Offset>,
        effects: &mut Vec<Effect>,
    ) {
        self.unmute(sent.slot);
        if self.batches.contains_key(&sent.serial) {
            self.succeed(wall, sent.serial, sent.partition, base_offset, effects);
        } else {
            // It was given up: yet that it is there settles what may follow.
            let sequences = &mut self.partitions[sent.slot as usize].sequences;
            let producer = sent.stamp.map(|stamp| (stamp.id, stamp.epoch));
            if let Some(last) = sent.last_sequence
                && sequences.producer == producer
            {
                sequences.acknowledge(last);
            }
            self.resolve_sequences(sent.slot);
        }
        self.place(wall, sent.slot, effects);
    }

    /// The leader has not taken the batch, or nobody knows.
    fn on_refused(
        &mut self,
        wall: Wall,
        sent: SentBatch,
        error: ErrorCode,
        is_ambiguous: bool,
        effects: &mut Vec<Effect>,
    ) {
        self.unmute(sent.slot);
        if let Some(batch) = self.batches.get_mut(&sent.serial) {
            batch.is_on_the_wire = false;
            batch.may_be_written |=
                is_ambiguous && !self.config.defects.acts(Defect::NackTakenForProof, None);
            batch.last_error = error;
            if self.can_retry(wall, sent, error) {
                self.enqueue_again(wall, sent.serial);
            } else {
                let has_retries = self.batches[&sent.serial].sends <= self.config.retries;
                self.fail(wall, sent.serial, effects);
                if self.config.enable_idempotence && has_retries {
                    self.require_epoch_bump(sent.slot);
                }
                self.resolve_sequences(sent.slot);
            }
        }
        self.place(wall, sent.slot, effects);
    }

    fn unmute(&mut self, slot: u32) {
        self.partitions[slot as usize].is_muted = false;
    }

    /// Whether a batch answered with `error` is sent again; asks for a higher epoch where only
    /// that can help.
    ///
    /// Source: Kafka 4.1, `Sender.canRetry`, `TransactionManager.canRetry`, KIP-360.
    // Differs from Kafka: a batch refused as too large is not split but fails.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other error codes are alike here")]
    fn can_retry(&mut self, wall: Wall, sent: SentBatch, error: ErrorCode) -> bool {
        let batch = &self.batches[&sent.serial];
        if batch.created + self.config.delivery_timeout <= wall || batch.sends > self.config.retries
        {
            return false;
        }
        let Some(stamp) = batch.stamp() else { return error.is_retriable() };
        let is_renumbered = batch.is_renumbered;
        let sequences = &self.partitions[sent.slot as usize].sequences;
        match error {
            ErrorCode::UnknownProducerId => {
                if !is_renumbered {
                    self.require_epoch_bump(sent.slot);
                }
                true
            }
            ErrorCode::OutOfOrderSequenceNumber => {
                let comes_too_early = is_renumbered || !sequences.is_next(stamp.base_sequence);
                let bump = match sequences.unresolved {
                    // An earlier one is on its way, or is sent again before this one.
                    None => !comes_too_early,
                    Some(next) => next == stamp.base_sequence,
                };
                if bump {
                    self.require_epoch_bump(sent.slot);
                }
                true
            }
            _ => error.is_retriable(),
        }
    }

    /// Puts a batch back into its partition's queue: an idempotent producer by its sequence,
    /// another at the front, wherever that may be.
    ///
    /// Source: Kafka 4.1, `RecordAccumulator.reenqueue`, `insertInSequenceOrder`.
    fn enqueue_again(&mut self, wall: Wall, serial: u64) {
        let batch = self.batches.get_mut(&serial).expect("only live batches are sent again");
        let wait = self.config.retry_backoff.wait(batch.sends - 1, &mut self.backoff_rng);
        batch.retry_at = wall + wait;
        batch.is_retried = true;
        let queue = &mut self.partitions[batch.slot as usize].queue;
        let at = if self.config.enable_idempotence {
            // Sequences are given in the order of serial numbers.
            queue.iter().take_while(|other| **other < serial).count()
        } else {
            0
        };
        queue.insert(at, serial);
    }

    /// The batch is in the log, at `base_offset` if the leader said so.
    pub(crate) fn succeed(
        &mut self,
        wall: Wall,
        serial: u64,
        id: TopicPartition,
        base_offset: Option<Offset>,
        effects: &mut Vec<Effect>,
    ) {
        let batch = self.batches.remove(&serial).expect("a batch ends once");
        let partition = &mut self.partitions[batch.slot as usize];
        if let Some(last) = batch.last_sequence() {
            partition.sequences.acknowledge(last);
        }
        partition.sequences.forget(serial);
        self.free_bytes += u64::from(batch.allocated_bytes);
        self.resolve_sequences(batch.slot);
        let result = OperationResult::Ok;
        self.report(wall, &batch, id, (result, ErrorCode::None), base_offset, effects);
        for (nth, token) in batch.calls.iter().enumerate() {
            let offset = base_offset.map(|base| base + nth as u64);
            let reply = AppReply::Sent { partition: id, offset };
            effects.push(Effect::Reply { token: *token, reply });
        }
    }

    /// The producer is through with the batch without knowing it in the log.
    fn fail(&mut self, wall: Wall, serial: u64, effects: &mut Vec<Effect>) {
        let batch = self.batches.remove(&serial).expect("a batch ends once");
        let partition = &mut self.partitions[batch.slot as usize];
        partition.sequences.forget(serial);
        self.free_bytes += u64::from(batch.allocated_bytes);
        let has_error = batch.last_error != ErrorCode::None;
        let error = if has_error { batch.last_error } else { ErrorCode::RequestTimedOut };
        let (result, reply) = if batch.may_be_written || batch.is_on_the_wire {
            (OperationResult::Unknown, AppError::Unknown(error))
        } else if batch.sends == 0 {
            (OperationResult::Failed, AppError::NotSent(error))
        } else {
            (OperationResult::Failed, AppError::Refused(error))
        };
        let id = self.partitions[batch.slot as usize].id;
        self.report(wall, &batch, id, (result, error), None, effects);
        for token in &batch.calls {
            effects.push(Effect::Reply { token: *token, reply: AppReply::Failed(reply) });
        }
    }

    fn report(
        &self,
        wall: Wall,
        batch: &ProducerBatch,
        partition: TopicPartition,
        (result, error): (OperationResult, ErrorCode),
        base_offset: Option<Offset>,
        effects: &mut Vec<Effect>,
    ) {
        // A batch that never left was never announced.
        let Content::Sealed { at, .. } = &batch.content else { return };
        if batch.created + self.config.delivery_timeout < wall {
            self.config.defects.acts(Defect::DeliveryTimeoutIgnored, None);
        }
        let kind = Kind::BatchDone {
            partition,
            batch: batch.id,
            result,
            error,
            base_offset,
            latency: wall.since(*at),
        };
        self.event(kind, self.about(batch.calls[0]), effects);
    }

    /// Gives up the batches older than `delivery.timeout.ms`, on their way or not.
    ///
    /// Source: Kafka 4.1, `Sender.sendProducerData`, KIP-91.
    pub(crate) fn expire(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let timeout = self.config.delivery_timeout;
        let is_old = |batch: &ProducerBatch| batch.created + timeout <= wall;
        let live = self.batches.iter();
        let old: Vec<u64> =
            live.filter(|(_, batch)| is_old(batch)).map(|(serial, _)| *serial).collect();
        for serial in old {
            let batch = &self.batches[&serial];
            let slot = batch.slot;
            let unresolved = batch.last_sequence().filter(|_| batch.is_retried);
            self.fail(wall, serial, effects);
            let partition = &mut self.partitions[slot as usize];
            partition.queue.retain(|other| *other != serial);
            if let Some(last) = unresolved {
                partition.sequences.mark_unresolved(last.plus(1));
            }
            self.resolve_sequences(slot);
            self.place(wall, slot, effects);
        }
        self.expiry_alarm = self.batches.values().map(|batch| batch.created + timeout).min();
        self.unblock(wall, effects);
        self.update_hurry(wall, effects);
    }

    /// The operations of a batch's records, by number.
    pub(crate) fn operations(&self, serial: u64) -> Vec<u32> {
        let (client, first) = (self.config.client, self.config.first_operation);
        let calls = self.batches[&serial].calls.iter();
        calls.map(|token| OperationId::of_call(client, first, *token).number).collect()
    }
}

/// Passes on the leader that an answer named, if it did (KIP-951).
fn hint(partition: TopicPartition, leader: i32, leader_epoch: i32, effects: &mut Vec<Effect>) {
    if let Some(leader_epoch) = LeaderEpoch::from_wire(leader_epoch)
        && leader >= 0
    {
        let leader = BrokerId(leader);
        effects.push(Effect::LeaderHint { partition, leader, leader_epoch });
    }
}
