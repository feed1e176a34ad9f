//! Where to read: the first offset or the end asked of the leader, and whether what was read is
//! still in its log.

use std::collections::BTreeMap;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{
    BrokerId as WireBroker, ListOffsetsRequest, OffsetForLeaderEpochRequest,
};

use crate::event::{About, Kind};
use crate::message::{Answer, AppError, RequestBody, ResponseBody, convert};
use crate::protocol::consumer::config::OffsetReset;
use crate::protocol::consumer::effect::Effect;
use crate::protocol::consumer::machine::{Consumer, Pending};
use crate::protocol::consumer::position::{EARLIEST, LATEST, State};
use crate::types::{BrokerId, ErrorCode, LeaderEpoch, Name, Offset, Wall};

/// An answer about one partition.
struct Told {
    slot: u32,
    error: ErrorCode,
    offset: i64,
    leader_epoch: i32,
}

impl Consumer {
    /// Asks the leaders for the offsets that are wanted, in one request of each kind to each.
    pub(crate) fn look_up(&mut self, effects: &mut Vec<Effect>) {
        if self.lookups.is_empty() {
            return;
        }
        let mut offsets: BTreeMap<BrokerId, Vec<u32>> = BTreeMap::new();
        let mut validations: BTreeMap<BrokerId, Vec<u32>> = BTreeMap::new();
        for slot in std::mem::take(&mut self.lookups) {
            let partition = &self.partitions[slot as usize];
            let Some(to) = partition.ask() else { continue };
            let is_validation = partition.state == State::Validating;
            let node = self.nodes.entry(to).or_default();
            if !node.is_connected {
                node.waiting.insert(slot);
                if !std::mem::replace(&mut node.is_opening, true) {
                    effects.push(Effect::Open { to });
                }
                continue;
            }
            let requests = if is_validation { &mut validations } else { &mut offsets };
            requests.entry(to).or_default().push(slot);
        }
        for (to, slots) in offsets {
            let body = RequestBody::from(self.list_offsets(&slots));
            self.ask(to, slots, body, effects);
        }
        for (to, slots) in validations {
            let body = RequestBody::from(self.offsets_for_epochs(&slots));
            self.ask(to, slots, body, effects);
        }
    }

    fn ask(&mut self, to: BrokerId, slots: Vec<u32>, body: RequestBody, effects: &mut Vec<Effect>) {
        for slot in &slots {
            let partition = &mut self.partitions[*slot as usize];
            partition.asked = partition.question();
        }
        let token = self.token();
        let generation = self.generation;
        self.requests.insert(token, Pending::Lookup { slots, generation });
        effects.push(Effect::Send { token, to, body });
    }

    fn list_offsets(&self, slots: &[u32]) -> ListOffsetsRequest {
        let mut topics: BTreeMap<&Name, Vec<ListOffsetsPartition>> = BTreeMap::new();
        for slot in slots {
            let partition = &self.partitions[*slot as usize];
            let timestamp = match partition.state {
                State::LookingUp { timestamp, .. } => timestamp,
                State::Validating
                | State::Fetching
                | State::OutOfRange
                | State::Initializing
                | State::Gone => {
                    unreachable!("only looked up while an offset is wanted")
                }
            };
            topics.entry(&partition.topic).or_default().push(
                ListOffsetsPartition::default()
                    .with_partition_index(partition.number)
                    .with_current_leader_epoch(LeaderEpoch::to_wire(partition.leader_epoch))
                    .with_timestamp(timestamp),
            );
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            let name = convert::topic_name(name);
            ListOffsetsTopic::default().with_name(name).with_partitions(partitions)
        });
        ListOffsetsRequest::default().with_replica_id(WireBroker(-1)).with_topics(topics.collect())
    }

    fn offsets_for_epochs(&self, slots: &[u32]) -> OffsetForLeaderEpochRequest {
        let mut topics: BTreeMap<&Name, Vec<OffsetForLeaderPartition>> = BTreeMap::new();
        for slot in slots {
            let partition = &self.partitions[*slot as usize];
            topics.entry(&partition.topic).or_default().push(
                OffsetForLeaderPartition::default()
                    .with_partition(partition.number)
                    .with_current_leader_epoch(LeaderEpoch::to_wire(partition.leader_epoch))
                    .with_leader_epoch(LeaderEpoch::to_wire(partition.offset_epoch)),
            );
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            let name = convert::topic_name(name);
            OffsetForLeaderTopic::default().with_topic(name).with_partitions(partitions)
        });
        OffsetForLeaderEpochRequest::default()
            .with_replica_id(WireBroker(-1))
            .with_topics(topics.collect())
    }

    pub(crate) fn on_lookup_answer(
        &mut self,
        wall: Wall,
        mut slots: Vec<u32>,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        let told = match answer {
            Ok((body, _)) => self.told(&body),
            Err(_) => Vec::new(),
        };
        for told in told {
            let Some(at) = slots.iter().position(|slot| *slot == told.slot) else { continue };
            slots.swap_remove(at);
            let partition = &mut self.partitions[told.slot as usize];
            let asked = partition.asked.take();
            if asked != partition.question() {
                // Something else is wanted meanwhile: a seek, another leader.
                self.update(told.slot);
            } else if told.error == ErrorCode::None {
                self.on_told(wall, told, effects);
            } else {
                self.on_untold(wall, told.slot, effects);
            }
        }
        slots.sort_unstable();
        for slot in slots {
            self.partitions[slot as usize].asked = None;
            self.on_untold(wall, slot, effects);
        }
    }

    /// What an answer says, partition by partition.
    fn told(&self, body: &ResponseBody) -> Vec<Told> {
        let slot = |topic: &str, number: i32| {
            self.by_name.get(topic).and_then(|numbers| numbers.get(&number)).copied()
        };
        let mut all = Vec::new();
        if let ResponseBody::ListOffsets(body) = body {
            for topic in &body.topics {
                for part in &topic.partitions {
                    let Some(slot) = slot(topic.name.0.as_str(), part.partition_index) else {
                        continue;
                    };
                    let error = ErrorCode::from_code(part.error_code);
                    let (offset, leader_epoch) = (part.offset, part.leader_epoch);
                    all.push(Told { slot, error, offset, leader_epoch });
                }
            }
        } else if let ResponseBody::OffsetForLeaderEpoch(body) = body {
            for topic in &body.topics {
                for part in &topic.partitions {
                    let Some(slot) = slot(topic.topic.0.as_str(), part.partition) else {
                        continue;
                    };
                    let error = ErrorCode::from_code(part.error_code);
                    let (offset, leader_epoch) = (part.end_offset, part.leader_epoch);
                    all.push(Told { slot, error, offset, leader_epoch });
                }
            }
        }
        all
    }

    /// No offset came: asked again after the back-off, perhaps of another leader. A new leader
    /// that does not know its high watermark yet answers `OFFSET_NOT_AVAILABLE` (KIP-207).
    fn on_untold(&mut self, wall: Wall, slot: u32, effects: &mut Vec<Effect>) {
        effects.push(Effect::RefreshMetadata);
        self.back_off(wall, slot);
    }

    fn on_told(&mut self, wall: Wall, told: Told, effects: &mut Vec<Effect>) {
        let Told { slot, offset, leader_epoch, .. } = told;
        match self.partitions[slot as usize].state {
            // No record is as young as was asked for: what comes from now on will be.
            State::LookingUp { by_reset, .. } if offset < 0 => {
                let state = State::LookingUp { timestamp: LATEST, by_reset };
                self.partitions[slot as usize].state = state;
            }
            State::LookingUp { by_reset, .. } => {
                let partition = &mut self.partitions[slot as usize];
                partition.state = State::Fetching;
                partition.position = Offset(offset);
                partition.offset_epoch = None;
                self.report_position(slot, Offset(offset), by_reset, About::Nothing, effects);
            }
            State::Validating => self.on_validated(wall, slot, offset, leader_epoch, effects),
            State::Fetching | State::OutOfRange | State::Initializing | State::Gone => {}
        }
        self.update(slot);
    }

    /// The leader's log of the epoch in which we last read ends at `end_offset`: if that is below
    /// our position, what we have read is gone.
    ///
    /// Source: KIP-320; Kafka 4.1, `SubscriptionState.maybeCompleteValidation`.
    fn on_validated(
        &mut self,
        wall: Wall,
        slot: u32,
        end_offset: i64,
        leader_epoch: i32,
        effects: &mut Vec<Effect>,
    ) {
        let partition = &mut self.partitions[slot as usize];
        let known = Offset::from_wire(end_offset).zip(LeaderEpoch::from_wire(leader_epoch));
        if known.is_some_and(|(end_offset, _)| end_offset >= partition.position) {
            partition.state = State::Fetching;
            return;
        }
        let diverged_at = known.map(|(end_offset, _)| end_offset);
        let kind = Kind::TruncationDetected {
            partition: partition.id.expect("only partitions with a name are asked about"),
            position: partition.position,
            diverged_at,
        };
        effects.push(Effect::Event { kind, about: About::Nothing });
        self.drop_buffered(slot);
        match (self.config.offset_reset, known) {
            (OffsetReset::None, _) => self.break_off(slot, AppError::LogTruncation { diverged_at }),
            (_, None) => self.reset(wall, slot),
            (_, Some((end_offset, leader_epoch))) => {
                let partition = &mut self.partitions[slot as usize];
                partition.state = State::Fetching;
                partition.position = end_offset;
                partition.offset_epoch = Some(leader_epoch);
                self.report_position(slot, end_offset, true, About::Nothing, effects);
            }
        }
    }

    /// There is no record where the partition stands: goes where the policy says.
    pub(crate) fn reset(&mut self, wall: Wall, slot: u32) {
        self.drop_buffered(slot);
        let timestamp = match self.config.offset_reset {
            OffsetReset::Earliest => EARLIEST,
            OffsetReset::Latest => LATEST,
            OffsetReset::ByDuration(duration) => {
                let ago = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
                wall.millis().saturating_sub(ago).max(0)
            }
            OffsetReset::None => {
                self.break_off(slot, AppError::OffsetOutOfRange);
                return;
            }
        };
        self.partitions[slot as usize].state = State::LookingUp { timestamp, by_reset: true };
        self.update(slot);
    }

    /// Every poll fails with `error` from now on, until the application seeks.
    fn break_off(&mut self, slot: u32, error: AppError) {
        self.partitions[slot as usize].state = State::OutOfRange;
        self.broken.insert(slot, error);
        self.update(slot);
    }
}
