//! An application that consumes as a member of a group, and takes its time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::message::{
    AppCall, AppError, AppReply, PartitionOffset, PolledBatch, RebalanceCallback, SendRecord,
};
use crate::node::application::config::{CommitMode, GroupWorkload};
use crate::node::application::input::{Effect, Input};
use crate::protocol::Machine;
use crate::types::{
    CallToken, Deadlines, Deed, Defect, LeaderEpoch, Monotonic, Name, Now, Offset, TopicPartition,
    Wall,
};

/// Records that take less than this are processed several at a time.
const TICK: Duration = Duration::from_millis(1);
/// After a poll that failed it waits so long.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Topic and partition.
type Place = (Name, i32);

/// What the application waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Doing {
    /// Its subscription or its poll.
    Polling,
    /// A commit; then it goes on.
    Committing(Next),
    /// That partitions are paused, or resumed; then it polls.
    Pausing { places: BTreeSet<Place>, paused: bool },
    /// The time that its records take.
    Processing,
    /// Acknowledgements of what it sent on.
    Sending,
    /// A while, before it sends again what was not acknowledged.
    Resending,
    /// A while, after a poll that failed.
    Resting,
    /// The end of its consumer.
    Closing,
    /// Nothing yet.
    Nothing,
    /// Nothing any more: its consumer was refused for good, and is closed.
    Ended,
}

/// What follows a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Process,
    Poll,
    Close,
}

/// A record that goes on, and the one that it stands for.
#[derive(Clone, Debug)]
struct SentOn {
    record: SendRecord,
    from: Place,
    offset: Offset,
}

/// Polls, processes what it gets record by record, commits, and polls again.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    config: GroupWorkload,
    calls: u64,
    doing: Doing,
    /// The call that it waits for.
    awaited: Option<CallToken>,
    /// Not processed yet; its own thread's, if the application hands over.
    queue: VecDeque<PolledBatch>,
    /// Processed and not committed, by partition: where to go on.
    processed: BTreeMap<Place, (Offset, LeaderEpoch)>,
    /// When the next records are done, or the rest is over.
    next: Monotonic,
    /// How many of them.
    chunk: u64,
    /// Records that it sent on and that are not acknowledged.
    under_way: BTreeMap<CallToken, SentOn>,
    /// What was not acknowledged, and is sent again: nothing is committed before.
    failed: Vec<SentOn>,
    /// Whether its process was asked to end: what was polled is still processed.
    is_ending: bool,
    /// What time it is.
    wall: Wall,
    /// What it owns, as the callbacks tell it.
    assigned: BTreeSet<Place>,
    /// What it has paused of that.
    paused: BTreeSet<Place>,
}

impl Machine for Group {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        self.wall = now.wall;
        match input {
            Input::Start => {
                let (topics, pattern) = (self.config.topics.clone(), self.config.pattern.clone());
                self.ask(AppCall::Subscribe { topics, pattern }, Doing::Polling, effects);
            }
            Input::Reply { token, reply } => self.on_reply(now.monotonic, token, reply, effects),
            Input::Deadline if self.is_handed_over() => {
                if self.next <= now.monotonic {
                    self.on_processed(now.monotonic, effects);
                }
            }
            Input::Deadline if self.next <= now.monotonic => match self.doing {
                Doing::Processing => self.on_processed(now.monotonic, effects),
                Doing::Resting => self.poll(effects),
                Doing::Resending => self.send_again(effects),
                Doing::Polling
                | Doing::Committing(_)
                | Doing::Pausing { .. }
                | Doing::Sending
                | Doing::Closing
                | Doing::Nothing
                | Doing::Ended => {}
            },
            Input::Shutdown if !self.is_ending => {
                self.is_ending = true;
                match self.doing {
                    // It wakes up from its poll (`KafkaConsumer.wakeup`).
                    Doing::Polling | Doing::Resting | Doing::Nothing => self.close(effects),
                    Doing::Ended => effects.push(Effect::Exit),
                    Doing::Committing(_)
                    | Doing::Pausing { .. }
                    | Doing::Processing
                    | Doing::Sending
                    | Doing::Resending
                    | Doing::Closing => {}
                }
            }
            // It goes on while the cluster heals: that it can is part of what is checked.
            Input::Stop | Input::Deadline | Input::Administer(_) | Input::Shutdown => {}
        }
    }

    fn deadlines(&self) -> Deadlines {
        if self.is_handed_over() {
            return Deadlines::monotonic(Some(self.next));
        }
        match self.doing {
            Doing::Processing | Doing::Resting | Doing::Resending => {
                Deadlines::monotonic(Some(self.next))
            }
            Doing::Polling
            | Doing::Committing(_)
            | Doing::Pausing { .. }
            | Doing::Sending
            | Doing::Closing
            | Doing::Nothing
            | Doing::Ended => Deadlines::NONE,
        }
    }
}

impl Group {
    pub(crate) fn new(config: GroupWorkload) -> Self {
        Self {
            config,
            calls: 0,
            doing: Doing::Nothing,
            awaited: None,
            queue: VecDeque::new(),
            processed: BTreeMap::new(),
            next: Monotonic(0),
            chunk: 0,
            under_way: BTreeMap::new(),
            failed: Vec::new(),
            is_ending: false,
            wall: Wall(0),
            assigned: BTreeSet::new(),
            paused: BTreeSet::new(),
        }
    }

    fn on_reply(
        &mut self,
        now: Monotonic,
        token: CallToken,
        reply: AppReply,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(sent) = self.under_way.remove(&token) {
            if matches!(reply, AppReply::Failed(_)) && !self.config.hands_over {
                self.failed.push(sent);
            }
            if self.doing == Doing::Sending && self.under_way.is_empty() {
                self.on_all_answered(now, effects);
            }
            return;
        }
        if self.awaited != Some(token) {
            // A commit that nobody waits for.
            return;
        }
        self.awaited = None;
        match self.doing.clone() {
            Doing::Closing if self.is_ending => effects.push(Effect::Exit),
            Doing::Closing => self.doing = Doing::Ended,
            Doing::Committing(next) => {
                // One that failed is not tried again: the partitions are another's, or the next
                // commit says more. What was to be processed only if it is committed is let go.
                if next == Next::Process && matches!(reply, AppReply::Failed(_)) {
                    self.queue.clear();
                }
                self.go_on(now, next, effects);
            }
            Doing::Pausing { places, paused } => {
                // What is no longer its own, though it has yet to hear of that, stays as it is.
                let is_done = !matches!(reply, AppReply::Failed(_));
                if is_done && paused {
                    self.paused.extend(places);
                } else if is_done {
                    self.paused.retain(|place| !places.contains(place));
                }
                self.go_poll(effects);
            }
            Doing::Polling => self.on_polled(now, reply, effects),
            Doing::Processing
            | Doing::Sending
            | Doing::Resending
            | Doing::Resting
            | Doing::Nothing
            | Doing::Ended => {}
        }
    }

    fn on_polled(&mut self, now: Monotonic, reply: AppReply, effects: &mut Vec<Effect>) {
        match reply {
            AppReply::Polled(batches) if self.config.hands_over => {
                let was_idle = self.queue.is_empty();
                self.queue.extend(batches);
                if was_idle {
                    self.process(now, effects);
                }
                if !self.queue.is_empty() {
                    // It polls on while another thread processes: a commit then says too much.
                    Deed::note(Defect::AsyncProcessing, None);
                }
                self.poll(effects);
            }
            AppReply::Polled(batches) => {
                self.queue = batches.into();
                self.begin(now, effects);
            }
            AppReply::Rebalanced { callback, partitions } => {
                self.on_rebalance(callback, &partitions, effects);
            }
            AppReply::Failed(AppError::Refused(_) | AppError::Closed) => {
                // The exception ends its loop: it closes its consumer, and its process lives on.
                self.close(effects);
            }
            AppReply::Failed(
                AppError::OffsetOutOfRange
                | AppError::LogTruncation { .. }
                | AppError::Unknown(_)
                | AppError::NotSent(_),
            ) => {
                self.doing = Doing::Resting;
                self.next = now + RETRY_AFTER;
            }
            AppReply::Done | AppReply::Sent { .. } | AppReply::Flushed | AppReply::Admin(_) => {
                self.poll(effects);
            }
        }
    }

    /// Whether records wait for a thread that is not the one that polls.
    fn is_handed_over(&self) -> bool {
        self.config.hands_over && !self.queue.is_empty()
    }

    /// A batch was polled: commits it first, if it is to be so, then processes it.
    fn begin(&mut self, now: Monotonic, effects: &mut Vec<Effect>) {
        if self.config.commit == CommitMode::Before && !self.queue.is_empty() {
            for batch in self.queue.clone() {
                self.note(&batch, batch.records.len() as u64);
            }
            self.commit(true, Next::Process, effects);
        } else {
            self.process(now, effects);
        }
    }

    /// Takes up the next records, or ends the batch.
    fn process(&mut self, now: Monotonic, effects: &mut Vec<Effect>) {
        let Some(batch) = self.queue.front() else {
            if !self.config.hands_over {
                self.end_batch(now, effects);
            }
            return;
        };
        let left = batch.records.len() as u64;
        let each = self.config.processing;
        if !self.config.hands_over {
            self.doing = Doing::Processing;
        }
        if each.is_zero() {
            self.chunk = left;
            self.next = now;
            self.on_processed(now, effects);
            return;
        }
        let at_once = TICK.as_nanos().div_ceil(each.as_nanos());
        self.chunk = u64::try_from(at_once).unwrap_or(u64::MAX).min(left);
        let chunk = u32::try_from(self.chunk).unwrap_or(u32::MAX);
        self.next = now + each.saturating_mul(chunk);
    }

    /// The time of some records is over: they are processed.
    fn on_processed(&mut self, now: Monotonic, effects: &mut Vec<Effect>) {
        let Some(mut batch) = self.queue.pop_front() else { return };
        let count = usize::try_from(self.chunk).unwrap_or(usize::MAX).min(batch.records.len());
        let rest = batch.records.split_off(count);
        effects.push(Effect::Processed {
            partition: TopicPartition::new(batch.topic_id, batch.partition),
            base_offset: batch.base_offset,
            records: u32::try_from(count).unwrap_or(u32::MAX),
        });
        self.send_on(&batch, effects);
        if self.config.commit != CommitMode::Before {
            self.note(&batch, count as u64);
        }
        if !rest.is_empty() {
            let base_offset = batch.base_offset + count as u64;
            self.queue.push_front(PolledBatch { base_offset, records: rest, ..batch });
        }
        self.process(now, effects);
    }

    /// Notes where to go on after the first `count` records of `batch`.
    fn note(&mut self, batch: &PolledBatch, count: u64) {
        let place = (batch.topic.clone(), batch.partition);
        self.processed.insert(place, (batch.base_offset + count, batch.leader_epoch));
    }

    fn send_on(&mut self, batch: &PolledBatch, effects: &mut Vec<Effect>) {
        let Some(topic) = self.config.produce_to.clone() else { return };
        for (nth, record) in (0_u64..).zip(&batch.records) {
            let record = SendRecord {
                topic: topic.clone(),
                partition: None,
                key: record.key.clone(),
                value: record.value.clone(),
                headers: Box::default(),
            };
            let from = (batch.topic.clone(), batch.partition);
            let offset = batch.base_offset + nth;
            self.send(SentOn { record, from, offset }, effects);
        }
    }

    fn send(&mut self, sent: SentOn, effects: &mut Vec<Effect>) {
        let token = self.call(AppCall::Send(sent.record.clone()), effects);
        let ((topic, partition), offset) = (sent.from.clone(), sent.offset);
        effects.push(Effect::SentOn { topic, partition, offset, token });
        self.under_way.insert(token, sent);
    }

    /// All that was sent on is acknowledged, or some of it has to be sent again.
    fn on_all_answered(&mut self, now: Monotonic, effects: &mut Vec<Effect>) {
        if self.failed.is_empty() {
            self.commit_batch(effects);
        } else {
            self.doing = Doing::Resending;
            self.next = now + RETRY_AFTER;
        }
    }

    fn send_again(&mut self, effects: &mut Vec<Effect>) {
        self.doing = Doing::Sending;
        for sent in std::mem::take(&mut self.failed) {
            self.send(sent, effects);
        }
    }

    /// The whole batch is processed.
    fn end_batch(&mut self, now: Monotonic, effects: &mut Vec<Effect>) {
        if self.under_way.is_empty() {
            self.on_all_answered(now, effects);
        } else {
            self.doing = Doing::Sending;
        }
    }

    fn commit_batch(&mut self, effects: &mut Vec<Effect>) {
        let next = if self.is_ending { Next::Close } else { Next::Poll };
        match self.config.commit {
            CommitMode::Sync => self.commit(true, next, effects),
            // The last one is waited for.
            CommitMode::Async => self.commit(self.is_ending, next, effects),
            CommitMode::Auto | CommitMode::Before | CommitMode::Never => {
                self.processed.clear();
                self.follow(next, effects);
            }
        }
    }

    /// Commits what was processed, if there is any.
    fn commit(&mut self, waits: bool, next: Next, effects: &mut Vec<Effect>) {
        let offsets: Vec<PartitionOffset> = self
            .processed
            .iter()
            .map(|((topic, partition), (offset, leader_epoch))| PartitionOffset {
                topic: topic.clone(),
                partition: *partition,
                offset: *offset,
                leader_epoch: Some(*leader_epoch),
            })
            .collect();
        if offsets.is_empty() {
            self.follow(next, effects);
        } else if waits {
            self.processed.clear();
            self.ask(AppCall::Commit { offsets, waits }, Doing::Committing(next), effects);
        } else {
            // Kept until partitions are revoked: then the last word is said, and waited for.
            self.call(AppCall::Commit { offsets, waits }, effects);
            self.follow(next, effects);
        }
    }

    fn go_on(&mut self, now: Monotonic, next: Next, effects: &mut Vec<Effect>) {
        match next {
            Next::Process => self.process(now, effects),
            Next::Poll | Next::Close => self.follow(next, effects),
        }
    }

    fn follow(&mut self, next: Next, effects: &mut Vec<Effect>) {
        if next == Next::Close || self.is_ending {
            self.close(effects);
        } else {
            self.poll(effects);
        }
    }

    /// A callback: the next poll says that it is done.
    fn on_rebalance(
        &mut self,
        callback: RebalanceCallback,
        partitions: &[(Name, i32)],
        effects: &mut Vec<Effect>,
    ) {
        match callback {
            RebalanceCallback::Assigned => self.assigned.extend(partitions.iter().cloned()),
            // Who gets it back must pause it again.
            RebalanceCallback::Revoked | RebalanceCallback::Lost => {
                self.assigned.retain(|place| !partitions.contains(place));
                self.paused.retain(|place| !partitions.contains(place));
            }
        }
        match callback {
            RebalanceCallback::Revoked if self.config.commit == CommitMode::Async => {
                self.commit(true, Next::Poll, effects);
            }
            RebalanceCallback::Lost | RebalanceCallback::Revoked => {
                self.processed.retain(|place, _| !partitions.contains(place));
                self.poll(effects);
            }
            RebalanceCallback::Assigned => self.poll(effects),
        }
    }

    fn poll(&mut self, effects: &mut Vec<Effect>) {
        if self.is_ending {
            self.close(effects);
            return;
        }
        let wanted = self.to_be_paused();
        let pause: BTreeSet<Place> = wanted.difference(&self.paused).cloned().collect();
        let resume: BTreeSet<Place> = self.paused.difference(&wanted).cloned().collect();
        let (places, paused) = if pause.is_empty() { (resume, false) } else { (pause, true) };
        if places.is_empty() {
            self.go_poll(effects);
        } else {
            let partitions = places.iter().cloned().collect();
            let doing = Doing::Pausing { places, paused };
            self.ask(AppCall::Pause { partitions, paused }, doing, effects);
        }
    }

    /// What of its own is to be paused now.
    fn to_be_paused(&self) -> BTreeSet<Place> {
        let now = self.wall;
        let pauses = self.config.pauses.iter();
        let current = pauses
            .filter(|pause| pause.from <= now && pause.until.is_none_or(|until| now < until))
            .flat_map(|pause| &pause.places);
        current.filter(|place| self.assigned.contains(*place)).cloned().collect()
    }

    fn go_poll(&mut self, effects: &mut Vec<Effect>) {
        if self.is_ending {
            self.close(effects);
            return;
        }
        let timeout = self.config.poll_timeout;
        self.ask(AppCall::Poll { timeout }, Doing::Polling, effects);
    }

    fn close(&mut self, effects: &mut Vec<Effect>) {
        self.ask(AppCall::Close, Doing::Closing, effects);
    }

    fn ask(&mut self, call: AppCall, doing: Doing, effects: &mut Vec<Effect>) {
        self.doing = doing;
        self.awaited = Some(self.call(call, effects));
    }

    fn call(&mut self, call: AppCall, effects: &mut Vec<Effect>) -> CallToken {
        let token = CallToken(self.calls);
        self.calls += 1;
        effects.push(Effect::Call { token, call });
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::application::config::Pause;

    /// An application, the wall's seconds, and its last call.
    struct Scene {
        application: Group,
        second: i64,
        last: Option<(CallToken, AppCall)>,
        /// Whether its process ends.
        exits: bool,
    }

    impl Scene {
        fn step(&mut self, input: Input) {
            let now = Now { wall: Wall(self.second * 1_000_000), ..Now::default() };
            let mut effects = Vec::new();
            self.application.step(now, input, &mut effects);
            for effect in effects {
                match effect {
                    Effect::Call { token, call } => self.last = Some((token, call)),
                    Effect::Exit => self.exits = true,
                    Effect::Processed { .. } | Effect::SentOn { .. } | Effect::Event(_) => {}
                }
            }
        }

        fn answer(&mut self, reply: AppReply) {
            let (token, _) = self.last.take().expect("a call");
            self.step(Input::Reply { token, reply });
        }

        fn told(&mut self, callback: RebalanceCallback, numbers: &[i32]) {
            let partitions = numbers.iter().map(|number| ("orders".into(), *number)).collect();
            self.answer(AppReply::Rebalanced { callback, partitions });
        }

        /// Which partitions the call pauses or resumes; nothing if it polls.
        fn pauses(&self) -> Option<(Vec<i32>, bool)> {
            match self.last.as_ref().map(|(_, call)| call) {
                Some(AppCall::Pause { partitions, paused }) => {
                    Some((partitions.iter().map(|(_, number)| *number).collect(), *paused))
                }
                Some(AppCall::Poll { .. }) => None,
                other => panic!("{other:?} is neither"),
            }
        }
    }

    #[test]
    fn one_that_is_refused_for_good_closes_its_consumer_and_does_no_more() {
        let mut scene = scene();
        let error = AppError::Refused(crate::types::ErrorCode::FencedInstanceId);
        scene.answer(AppReply::Failed(error));
        assert!(matches!(scene.last, Some((_, AppCall::Close))), "{:?}", scene.last);
        scene.answer(AppReply::Done);
        assert!(scene.last.is_none() && !scene.exits, "its process lives");
        scene.step(Input::Shutdown);
        assert!(scene.last.is_none() && scene.exits);
    }

    fn scene() -> Scene {
        let pause = Pause {
            from: Wall(10_000_000),
            until: Some(Wall(20_000_000)),
            places: [0, 1].map(|number| ("orders".into(), number)).into_iter().collect(),
        };
        let config = GroupWorkload {
            topics: vec!["orders".into()],
            pattern: None,
            processing: Duration::ZERO,
            commit: CommitMode::Never,
            produce_to: None,
            pauses: vec![pause],
            poll_timeout: Duration::from_millis(100),
            hands_over: false,
        };
        let mut scene =
            Scene { application: Group::new(config), second: 5, last: None, exits: false };
        scene.step(Input::Start);
        scene.answer(AppReply::Done);
        scene
    }

    #[test]
    fn whoever_owns_a_partition_pauses_it_for_its_time() {
        let mut scene = scene();
        scene.told(RebalanceCallback::Assigned, &[0, 2]);
        assert_eq!(scene.pauses(), None, "it is not time yet");
        scene.second = 10;
        scene.answer(AppReply::Polled(Vec::new()));
        assert_eq!(scene.pauses(), Some((vec![0], true)), "of its own, and no others");
        scene.answer(AppReply::Done);
        assert_eq!(scene.pauses(), None, "once is enough");
        // What it takes over meanwhile it pauses, too, and what it gets back again.
        scene.told(RebalanceCallback::Revoked, &[0]);
        scene.answer(AppReply::Polled(Vec::new()));
        scene.told(RebalanceCallback::Assigned, &[0, 1]);
        assert_eq!(scene.pauses(), Some((vec![0, 1], true)));
        scene.answer(AppReply::Done);
        scene.second = 20;
        scene.answer(AppReply::Polled(Vec::new()));
        assert_eq!(scene.pauses(), Some((vec![0, 1], false)));
        scene.answer(AppReply::Done);
        scene.answer(AppReply::Polled(Vec::new()));
        assert_eq!(scene.pauses(), None);
    }

    /// The consumer may have lost what its application believes to own.
    #[test]
    fn a_pause_that_fails_is_tried_again_after_a_poll() {
        let mut scene = scene();
        scene.second = 12;
        scene.told(RebalanceCallback::Assigned, &[0]);
        let error = AppError::NotSent(crate::types::ErrorCode::UnknownTopicOrPartition);
        scene.answer(AppReply::Failed(error));
        assert_eq!(scene.pauses(), None);
        scene.answer(AppReply::Polled(Vec::new()));
        assert_eq!(scene.pauses(), Some((vec![0], true)));
        scene.answer(AppReply::Done);
        scene.told(RebalanceCallback::Lost, &[0]);
        scene.second = 20;
        scene.answer(AppReply::Polled(Vec::new()));
        assert_eq!(scene.pauses(), None, "there is nothing to be resumed");
    }
}
