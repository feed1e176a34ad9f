//! What a consumer does for its group: partitions come and go while others are read on.

use std::collections::BTreeSet;

use crate::event::About;
use crate::message::{AppError, AppReply, PartitionOffset, SeekTo};
use crate::protocol::consumer::effect::Effect;
use crate::protocol::consumer::machine::Consumer;
use crate::protocol::consumer::position::{Assigned, State};
use crate::types::{CallToken, ErrorCode, Name, Wall};

impl Consumer {
    fn slot(&self, topic: &Name, number: i32) -> Option<u32> {
        self.by_name.get(topic).and_then(|numbers| numbers.get(&number)).copied()
    }

    /// Source: Kafka 4.0, `SubscriptionState.assignFromSubscribed`.
    pub(crate) fn on_set_assignment(
        &mut self,
        wanted: &BTreeSet<(Name, i32)>,
        effects: &mut Vec<Effect>,
    ) {
        let assigned: Vec<(Name, i32, u32)> = self
            .by_name
            .iter()
            .flat_map(|(name, numbers)| numbers.iter().map(|(n, slot)| (name.clone(), *n, *slot)))
            .collect();
        for (topic, number, slot) in assigned {
            let place = (topic, number);
            if !wanted.contains(&place) {
                self.drop_slot(&place.0, number, slot);
            }
        }
        for (topic, number) in wanted {
            if self.slot(topic, *number).is_none() {
                self.add_slot(topic.clone(), *number, effects);
            }
        }
    }

    fn add_slot(&mut self, topic: Name, number: i32, effects: &mut Vec<Effect>) {
        let slot = u32::try_from(self.partitions.len()).expect("fewer than 2^32 assignments");
        effects.push(Effect::AddTopic { topic: topic.clone() });
        self.by_name.entry(topic.clone()).or_default().insert(number, slot);
        self.partitions.push(Assigned::new(topic, number, State::Initializing));
        self.refresh_leader(slot, effects);
    }

    fn drop_slot(&mut self, topic: &Name, number: i32, slot: u32) {
        self.drop_buffered(slot);
        self.broken.remove(&slot);
        self.cancel_retry(slot);
        self.lookups.remove(&slot);
        self.partitions[slot as usize].state = State::Gone;
        self.update(slot);
        if let Some(id) = self.partitions[slot as usize].id.take() {
            self.slots.remove(&id);
        }
        if let Some(numbers) = self.by_name.get_mut(topic) {
            numbers.remove(&number);
        }
        for node in self.nodes.values_mut() {
            node.waiting.remove(&slot);
        }
    }

    /// Source: Kafka 4.0, `ConsumerUtils.refreshCommittedOffsets`.
    pub(crate) fn on_start(
        &mut self,
        wall: Wall,
        topic: &Name,
        number: i32,
        committed: Option<PartitionOffset>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(slot) = self.slot(topic, number) else { return };
        if self.partitions[slot as usize].state != State::Initializing {
            // The application has gone elsewhere meanwhile.
            return;
        }
        match committed {
            Some(committed) => {
                self.go_to(slot, SeekTo::Offset(committed.offset));
                let partition = &mut self.partitions[slot as usize];
                partition.offset_epoch = committed.leader_epoch;
                if committed.leader_epoch.is_some() && partition.leader_epoch.is_some() {
                    partition.state = State::Validating;
                }
                // Who committed knew a later leader: the one known here may lack the records
                // (`Metadata.updateLastSeenEpochIfNewer`).
                if let (Some(partition_id), Some(leader_epoch)) =
                    (partition.id, committed.leader_epoch)
                    && partition.leader_epoch.is_none_or(|known| known < leader_epoch)
                {
                    partition.leader = None;
                    effects.push(Effect::EpochSeen { partition: partition_id, leader_epoch });
                }
                self.report_position(slot, committed.offset, false, About::Nothing, effects);
            }
            None => self.reset(wall, slot),
        }
        self.update(slot);
    }

    pub(crate) fn on_withhold(&mut self, places: &BTreeSet<(Name, i32)>) {
        for (topic, number) in places {
            if let Some(slot) = self.slot(topic, *number) {
                self.drop_buffered(slot);
                self.partitions[slot as usize].is_withheld = true;
                self.update(slot);
            }
        }
    }

    // Differs from Kafka: what was fetched of a partition before it was paused is fetched again.
    pub(crate) fn on_pause(
        &mut self,
        token: CallToken,
        places: &[(Name, i32)],
        paused: bool,
        effects: &mut Vec<Effect>,
    ) {
        let mut slots = Vec::new();
        for (topic, number) in places {
            match self.slot(topic, *number) {
                Some(slot) => slots.push(slot),
                None => {
                    let error = AppError::NotSent(ErrorCode::UnknownTopicOrPartition);
                    effects.push(Effect::Reply { token, reply: AppReply::Failed(error) });
                    return;
                }
            }
        }
        for slot in slots {
            if paused {
                self.drop_buffered(slot);
            }
            self.partitions[slot as usize].is_paused = paused;
            self.update(slot);
        }
        effects.push(Effect::Reply { token, reply: AppReply::Done });
    }

    /// Takes the poll `token` back if it still waits for records.
    pub fn recall(&mut self, token: CallToken) -> bool {
        let before = self.polls.len();
        self.polls.retain(|poll| poll.token != token);
        self.polls.len() != before
    }

    /// Where the application stands: all that polls have returned lies before.
    ///
    /// Source: Kafka 4.0, `SubscriptionState.allConsumed`.
    pub fn positions(&self) -> Vec<PartitionOffset> {
        let has_place =
            |partition: &&Assigned| matches!(partition.state, State::Fetching | State::Validating);
        let of = |partition: &Assigned| PartitionOffset {
            topic: partition.topic.clone(),
            partition: partition.number,
            offset: partition.position,
            leader_epoch: partition.offset_epoch,
        };
        let mut all: Vec<_> = self.partitions.iter().filter(has_place).map(of).collect();
        all.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        all
    }
}
