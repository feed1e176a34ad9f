//! Polls: what was fetched goes to the application in order, some hundred records at a time.

use crate::event::{About, Kind};
use crate::message::{AppReply, PolledBatch, Record, Records};
use crate::protocol::consumer::effect::Effect;
use crate::protocol::consumer::machine::{Consumer, Fetched, Poll};
use crate::protocol::consumer::position::State;
use crate::types::{OperationId, Wall};

impl Consumer {
    /// Answers the polls that can be answered, and those whose time is up.
    pub(crate) fn serve_polls(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        while let Some(&Poll { token, .. }) = self.polls.front() {
            let broken = self.broken.values().next().copied();
            let reply = if let Some(error) = broken {
                AppReply::Failed(error)
            } else {
                let polled = self.take(self.operation(token), effects);
                if polled.is_empty() {
                    break;
                }
                AppReply::Polled(polled)
            };
            effects.push(Effect::Reply { token, reply });
            self.polls.pop_front();
        }
        self.polls.retain(|poll| {
            let is_over = poll.give_up_at <= wall;
            if is_over {
                let reply = AppReply::Polled(Vec::new());
                effects.push(Effect::Reply { token: poll.token, reply });
            }
            !is_over
        });
    }

    /// Takes up to `max.poll.records` records out of the buffer, in the order they came.
    ///
    /// Source: Kafka 4.1, `FetchCollector.collectFetch`.
    fn take(&mut self, operation: OperationId, effects: &mut Vec<Effect>) -> Vec<PolledBatch> {
        let mut polled = Vec::new();
        let mut room = self.config.poll_records_max;
        while room > 0
            && let Some(mut fetched) = self.buffer.pop_front()
        {
            let slot = fetched.slot;
            let partition = &self.partitions[slot as usize];
            let is_current =
                partition.state == State::Fetching && fetched.next == partition.position;
            if is_current {
                let from = fetched.next;
                self.take_of(operation, &mut fetched, &mut room, &mut polled, effects);
                self.partitions[slot as usize].polled_from = Some(from);
                if !fetched.batches.is_empty() {
                    self.buffer.push_front(fetched);
                    continue;
                }
            }
            self.partitions[slot as usize].is_buffered = false;
            self.update(slot);
        }
        polled
    }

    fn take_of(
        &mut self,
        operation: OperationId,
        fetched: &mut Fetched,
        room: &mut u32,
        polled: &mut Vec<PolledBatch>,
        effects: &mut Vec<Effect>,
    ) {
        let partition = &mut self.partitions[fetched.slot as usize];
        while *room > 0
            && let Some(batch) = fetched.batches.front()
        {
            let end = batch.end_offset();
            if let Records::Data(records) = &batch.body.records {
                // A fetch brings whole batches, also when the position is within one.
                let first = fetched.next.since(batch.base_offset);
                let left = end.since(fetched.next);
                let count = left.min(u64::from(*room));
                let slice = slice(records, first, count);
                *room -= slice.len() as u32;
                let id = partition.id.expect("fetched partitions have a name");
                let kind = Kind::Polled {
                    operation,
                    partition: id,
                    base_offset: batch.base_offset + first,
                    records: slice.len() as u32,
                    batch: batch.body.id,
                    first: first as u32,
                    leader_epoch: batch.leader_epoch,
                };
                effects.push(Effect::Event { kind, about: About::Operation(operation) });
                polled.push(PolledBatch {
                    topic: partition.topic.clone(),
                    topic_id: id.topic_id,
                    partition: partition.number,
                    base_offset: batch.base_offset + first,
                    leader_epoch: batch.leader_epoch,
                    records: slice.to_vec(),
                });
                fetched.next = batch.base_offset + first + count;
            } else {
                // Control records are not shown, but they take up offsets.
                fetched.next = end;
            }
            partition.position = fetched.next;
            partition.offset_epoch = Some(batch.leader_epoch);
            if fetched.next == end {
                fetched.batches.pop_front();
            }
        }
    }
}

fn slice(records: &[Record], first: u64, count: u64) -> &[Record] {
    let first = usize::try_from(first).expect("batches are bounded");
    let count = usize::try_from(count).expect("batches are bounded");
    &records[first..first + count]
}
