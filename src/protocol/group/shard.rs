//! A shard: the groups of one partition of `__consumer_offsets`, and the writes under way.
//!
//! Source: Kafka 4.1, `CoordinatorRuntime.CoordinatorContext`.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::Kind;
use crate::message::{Batch, BatchBody, GroupRecord, Records};
use crate::protocol::group::answer::fail;
use crate::protocol::group::desk::{Step, records_of};
use crate::protocol::group::effect::Effect;
use crate::protocol::group::input::Read;
use crate::protocol::group::operation::{Operation, Then, write_error};
use crate::protocol::group::state::{Offsets, State, apply_offset};
use crate::protocol::group::timers::{TimerKey, TimerWork};
use crate::types::{
    ConnectionId, DefectSet, ErrorCode, GroupEpoch, LeaderEpoch, Monotonic, Name, Offset,
    PartitionIndex, TopicPartition,
};

/// A shard.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    pub(crate) partition: TopicPartition,
    pub(crate) leader_epoch: LeaderEpoch,
    /// Whether the log was read to its end.
    pub(crate) is_active: bool,
    /// As of all that was written.
    pub(crate) state: State,
    /// Offsets as of what is below the high watermark, which is what is told.
    pub(crate) committed: Offsets,
    /// The end of what was written.
    pub(crate) end: Offset,
    pub(crate) high_watermark: Offset,
    /// Batches that the high watermark has not passed, each with its base offset.
    uncommitted: VecDeque<(Offset, Arc<BatchBody>)>,
    /// What waits for the high watermark, in the order written.
    waiting: VecDeque<Waiting>,
    /// What the replica was asked to append and has not answered.
    in_doubt: Option<InDoubt>,
}

/// What follows when the high watermark is at `end`.
#[derive(Clone, Debug)]
struct Waiting {
    end: Offset,
    until: Monotonic,
    then: Then,
}

/// An append that is asked for.
#[derive(Clone, Debug)]
struct InDoubt {
    /// The state before it, if it followed the records.
    before: Option<State>,
    /// The group that was changed by hand, and the state before.
    undo: Option<(Name, State)>,
    body: Arc<BatchBody>,
    events: Vec<Kind>,
    then: Then,
}

impl Shard {
    /// A shard that has yet to read its log.
    pub(crate) fn load(
        partition: TopicPartition,
        leader_epoch: LeaderEpoch,
        step: &mut Step<'_>,
    ) -> Self {
        step.event(Kind::CoordinatorLoading { partition, leader_epoch });
        let max_bytes = step.config().load_buffer_bytes;
        step.effects.push(Effect::Load { partition, leader_epoch, from: None, max_bytes });
        Self {
            partition,
            leader_epoch,
            is_active: false,
            state: State::default(),
            committed: Offsets::new(),
            end: Offset::ZERO,
            high_watermark: Offset::ZERO,
            uncommitted: VecDeque::new(),
            waiting: VecDeque::new(),
            in_doubt: None,
        }
    }

    pub(crate) fn index(&self) -> PartitionIndex {
        self.partition.partition
    }

    /// A piece of the log was read. When it was the last the shard begins to serve.
    pub(crate) fn on_read(&mut self, step: &mut Step<'_>, read: &Read) {
        let defects = step.config().defects;
        self.high_watermark = self.high_watermark.max(read.high_watermark);
        for batch in &read.batches {
            self.replay(batch, defects);
        }
        if self.end < read.end && !read.batches.is_empty() {
            let Self { partition, leader_epoch, .. } = *self;
            let (from, max_bytes) = (Some(self.end), step.config().load_buffer_bytes);
            step.effects.push(Effect::Load { partition, leader_epoch, from, max_bytes });
            return;
        }
        self.end = self.end.max(read.end);
        self.is_active = true;
        self.begin(step);
    }

    fn replay(&mut self, batch: &Batch, defects: DefectSet) {
        for record in records_of(batch) {
            self.state.apply(record, defects);
        }
        if batch.end_offset() <= self.high_watermark {
            records_of(batch).iter().for_each(|record| {
                apply_offset(&mut self.committed, record);
            });
        } else {
            self.uncommitted.push_back((batch.base_offset, Arc::clone(&batch.body)));
        }
        self.end = batch.end_offset();
    }

    /// Source: Kafka 4.1, `GroupMetadataManager.onLoaded`.
    fn begin(&mut self, step: &mut Step<'_>) {
        let offsets: Vec<_> = self.state.offsets.iter().collect();
        for ((group, topic, partition), value) in offsets {
            let partition = step.partition(topic, *partition);
            let (group, offset) = (group.clone(), value.offset);
            step.event(Kind::OffsetLoaded { group, partition, offset });
        }
        step.event(Kind::CoordinatorLoaded {
            partition: self.partition,
            leader_epoch: self.leader_epoch,
            end: self.end,
            groups: u32::try_from(self.state.groups.len()).unwrap_or(u32::MAX),
        });
        let groups: Vec<Name> = self.state.groups.keys().cloned().collect();
        for group in groups {
            self.begin_classic(step, &group);
            self.begin_modern(step, &group);
        }
        let every = step.config().offsets_retention_check_interval;
        step.schedule(self.index(), TimerKey::Retention, every, TimerWork::Plain);
    }

    /// Another broker leads: all that waits hears of it, and the shard is to be forgotten.
    ///
    /// Source: Kafka 4.1, `CoordinatorContext.unload`.
    pub(crate) fn unload(mut self, step: &mut Step<'_>) {
        step.desk.timers.cancel_all(self.index());
        let waiting = std::mem::take(&mut self.waiting);
        for Waiting { then, .. } in waiting {
            self.finish(step, then, Err(ErrorCode::NotCoordinator));
        }
        let groups: Vec<Name> = self.state.groups.keys().cloned().collect();
        groups.iter().for_each(|group| self.unload_classic(step, group));
        step.desk.timers.cancel_all(self.index());
        let Self { partition, leader_epoch, .. } = self;
        step.event(Kind::CoordinatorUnloaded { partition, leader_epoch });
    }

    /// Carries out an operation. What writes nothing waits for what was written before, for it may
    /// depend on it.
    ///
    /// Source: Kafka 4.1, `CoordinatorRuntime.CoordinatorWriteEvent.run`.
    pub(crate) fn carry_out(&mut self, step: &mut Step<'_>, operation: Operation) {
        let Operation { records, replays, undo, events, then } = operation;
        if records.is_empty() {
            events.into_iter().for_each(|kind| step.event(kind));
            self.wait(step, self.end, then);
            return;
        }
        assert!(self.in_doubt.is_none(), "one append at a time: {:?}", self.in_doubt);
        let before = replays.then(|| self.state.clone());
        if replays {
            let defects = step.config().defects;
            records.iter().for_each(|record| self.state.apply(record, defects));
        }
        let body = step.batch(records);
        step.effects.push(Effect::Append { partition: self.partition, body: Arc::clone(&body) });
        self.in_doubt = Some(InDoubt { before, undo, body, events, then });
    }

    /// The replica has answered.
    pub(crate) fn on_appended(&mut self, step: &mut Step<'_>, result: Result<Offset, ErrorCode>) {
        let Some(InDoubt { before, undo, body, events, then }) = self.in_doubt.take() else {
            return;
        };
        match result {
            Ok(base) => {
                self.end = base + u64::from(body.record_count());
                events.into_iter().for_each(|kind| step.event(kind));
                self.tell_of_offsets(step, base, &body, &then);
                self.uncommitted.push_back((base, body));
                self.wait(step, self.end, then);
            }
            Err(error) => {
                if let Some(before) = before {
                    self.state = before;
                }
                if let Some((group, before)) = undo {
                    self.state = before;
                    self.tell_modern_state(step, &group);
                }
                self.finish(step, then, Err(write_error(error)));
            }
        }
    }

    fn tell_of_offsets(&self, step: &mut Step<'_>, base: Offset, body: &BatchBody, then: &Then) {
        let Then::Committed { connection, member, epoch, .. } = then else { return };
        let Records::Group(records) = &body.records else { return };
        for (log_offset, record) in (base.0..).map(Offset).zip(records) {
            if let GroupRecord::Offset { group, topic, partition, value: Some(value) } = record {
                let kind = Kind::OffsetAppended {
                    group: group.clone(),
                    partition: step.partition(topic, *partition),
                    offset: value.offset,
                    member: member.clone(),
                    epoch: *epoch,
                    log: self.partition,
                    log_offset,
                };
                step.event_about(*connection, kind);
            }
        }
    }

    fn wait(&mut self, step: &mut Step<'_>, end: Offset, then: Then) {
        if end <= self.high_watermark {
            self.finish(step, then, Ok(()));
            return;
        }
        let until = step.now.monotonic + step.config().commit_timeout;
        self.waiting.push_back(Waiting { end, until, then });
        self.time_waiting(step);
    }

    /// The oldest write has its timer.
    fn time_waiting(&self, step: &mut Step<'_>) {
        let timers = &mut step.desk.timers;
        match self.waiting.front() {
            Some(oldest) => {
                timers.schedule(self.index(), TimerKey::Write, oldest.until, TimerWork::Plain);
            }
            None => timers.cancel(self.index(), &TimerKey::Write),
        }
    }

    /// What was written too long ago is answered as failed; it may succeed yet.
    pub(crate) fn expire_writes(&mut self, step: &mut Step<'_>) {
        while self.waiting.front().is_some_and(|oldest| oldest.until <= step.now.monotonic) {
            if let Some(Waiting { then, .. }) = self.waiting.pop_front() {
                let error = write_error(ErrorCode::RequestTimedOut);
                self.finish(step, then, Err(error));
            }
        }
        self.time_waiting(step);
    }

    /// The high watermark of the partition moved.
    pub(crate) fn on_high_watermark(&mut self, step: &mut Step<'_>, offset: Offset) {
        self.high_watermark = self.high_watermark.max(offset);
        if !self.is_active {
            return;
        }
        while let Some((base, body)) = self.uncommitted.front() {
            if *base + u64::from(body.record_count()) > self.high_watermark {
                break;
            }
            let (base, body) = (*base, Arc::clone(body));
            self.uncommitted.pop_front();
            self.commit(step, base, &body);
        }
        while self.waiting.front().is_some_and(|oldest| oldest.end <= self.high_watermark) {
            if let Some(Waiting { then, .. }) = self.waiting.pop_front() {
                self.finish(step, then, Ok(()));
            }
        }
        self.time_waiting(step);
    }

    fn commit(&mut self, step: &mut Step<'_>, base: Offset, body: &BatchBody) {
        let Records::Group(records) = &body.records else { return };
        for (log_offset, record) in (base.0..).map(Offset).zip(records) {
            apply_offset(&mut self.committed, record);
            if let GroupRecord::Offset { group, topic, partition, value: Some(value) } = record {
                let partition = step.partition(topic, *partition);
                let (group, offset) = (group.clone(), value.offset);
                step.event(Kind::OffsetCommitted { group, partition, offset, log_offset });
            }
        }
    }

    /// What was written is safe, or has failed.
    fn finish(&mut self, step: &mut Step<'_>, then: Then, result: Result<(), ErrorCode>) {
        match then {
            Then::Nothing => {}
            Then::Answer { connection, mut body } => {
                if let Err(error) = result {
                    fail(&mut body, error);
                }
                step.answer(connection, body);
            }
            Then::Committed { connection, mut body, member, epoch, offsets } => {
                if let Err(error) = result {
                    fail(&mut body, error);
                }
                let error = result.err().unwrap_or(ErrorCode::None);
                tell_committer(step, connection, member.as_ref(), epoch, &offsets, error);
                step.answer(connection, body);
            }
            Then::Heard { connection, body, heard } => {
                self.on_heard(step, connection, body, heard, result);
            }
            Then::Synced { group, generation, assignment } => {
                self.on_synced(step, &group, generation, &assignment, result);
            }
            Then::Replaced { group, member } => self.on_replaced(step, &group, &member, result),
            Then::Created { connection } => {
                if let Err(error) = result {
                    step.answer(connection, super::answer::join_refused("", error));
                }
            }
        }
    }
}

/// Records what a committer is told of its offsets.
pub(crate) fn tell_committer(
    step: &mut Step<'_>,
    connection: ConnectionId,
    member: Option<&Name>,
    epoch: GroupEpoch,
    offsets: &[GroupRecord],
    error: ErrorCode,
) {
    for record in offsets {
        if let GroupRecord::Offset { group, topic, partition, value: Some(value) } = record {
            let kind = Kind::OffsetCommitAnswered {
                group: group.clone(),
                partition: step.partition(topic, *partition),
                offset: value.offset,
                member: member.cloned(),
                epoch,
                error,
            };
            step.event_about(connection, kind);
        }
    }
}
