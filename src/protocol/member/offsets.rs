//! Where to begin in partitions that are new: the group's commits, asked of its coordinator.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{GroupId, OffsetFetchRequest, OffsetFetchResponse};

use crate::event::{About, Kind};
use crate::message::{Answer, PartitionOffset, RequestBody, ResponseBody, convert};
use crate::protocol::assignor::Place;
use crate::protocol::member::effect::{Effect, Start};
use crate::protocol::member::machine::{Member, Pending};
use crate::types::{ErrorCode, LeaderEpoch, Name, Offset, Wall};

/// Partitions whose commits are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offsets {
    wanted: BTreeSet<Place>,
    is_asked: bool,
    retry_at: Option<Wall>,
    attempts: u32,
    /// Where it began, as far as no event says so.
    unnoted: Vec<Start>,
}

impl Offsets {
    pub(crate) fn want(&mut self, places: &BTreeSet<Place>) {
        self.wanted.extend(places.iter().cloned());
    }

    pub(crate) fn forget(&mut self, place: &Place) {
        self.wanted.remove(place);
        self.unnoted.retain(|start| start.place != *place);
    }
}

impl Member {
    pub(crate) fn offsets_deadline(&self) -> Option<Wall> {
        let is_told = self.callbacks.is_empty();
        let waits = !self.offsets.wanted.is_empty() && !self.offsets.is_asked && is_told;
        self.offsets.retry_at.filter(|_| waits && self.coordinator.node.is_some())
    }

    /// Asks for the commits that are wanted, once the application knows that it owns the
    /// partitions.
    ///
    /// Source: Kafka 4.0, `ConsumerCoordinator.fetchCommittedOffsets`,
    /// `CommitRequestManager.OffsetFetchRequestState`.
    pub(crate) fn fetch_offsets(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let Some(to) = self.coordinator.node else { return };
        let must_wait = self.offsets.retry_at.is_some_and(|at| wall < at);
        let is_told = self.callbacks.is_empty();
        if self.offsets.wanted.is_empty() || self.offsets.is_asked || must_wait || !is_told {
            return;
        }
        self.offsets.is_asked = true;
        self.offsets.retry_at = None;
        let mut topics: BTreeMap<&Name, Vec<i32>> = BTreeMap::new();
        for (topic, number) in &self.offsets.wanted {
            topics.entry(topic).or_default().push(*number);
        }
        let topics = topics.into_iter().map(|(name, numbers)| {
            OffsetFetchRequestTopics::default()
                .with_name(convert::topic_name(name))
                .with_partition_indexes(numbers)
        });
        let mut group = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(convert::wire_text(&self.group)))
            .with_topics(Some(topics.collect()));
        if !self.is_classic() && self.epoch > 0 {
            group.member_id = Some(self.wire_member());
            group.member_epoch = self.epoch;
        }
        let body = OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(true);
        let token = self.token(Pending::OffsetFetch);
        effects.push(Effect::Send { token, to, body: RequestBody::from(body), timeout: None });
    }

    /// Source: Kafka 4.0, `ConsumerCoordinator.OffsetFetchResponseHandler`.
    pub(crate) fn on_offsets(&mut self, wall: Wall, answer: Answer, effects: &mut Vec<Effect>) {
        self.offsets.is_asked = false;
        let told = match answer {
            Ok((ResponseBody::OffsetFetch(body), _)) => told(&body),
            Ok(_) | Err(_) => Err(ErrorCode::NetworkException),
        };
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                let moved = ErrorCode::NotCoordinator == error
                    || ErrorCode::CoordinatorNotAvailable == error;
                if moved {
                    self.lose_coordinator(true, effects);
                }
                let wait = self.config.retry_backoff.wait(self.offsets.attempts, &mut self.rng);
                self.offsets.attempts += 1;
                self.offsets.retry_at = Some(wall + wait);
                return;
            }
        };
        self.offsets.attempts = 0;
        let mut starts = Vec::new();
        for start in told {
            // What was revoked meanwhile is none of its business any more.
            if self.offsets.wanted.remove(&start.place) {
                starts.push(start);
            }
        }
        self.offsets.unnoted.extend(starts.iter().cloned());
        self.note_starts(effects);
        effects.push(Effect::Start { partitions: starts });
    }

    /// Records where it began, once it can say of which partition.
    pub(crate) fn note_starts(&mut self, effects: &mut Vec<Effect>) {
        for start in std::mem::take(&mut self.offsets.unnoted) {
            let Some(partition) = self.id(&start.place) else {
                self.offsets.unnoted.push(start);
                continue;
            };
            let kind = Kind::CommittedOffsetUsed {
                group: self.group.clone(),
                member: self.member_id.clone(),
                epoch: self.epoch,
                partition,
                offset: start.committed.map(|committed| committed.offset),
            };
            effects.push(Effect::Event { kind, about: About::Nothing });
        }
    }
}

/// What an answer says of every partition, or why it says nothing.
fn told(body: &OffsetFetchResponse) -> Result<Vec<Start>, ErrorCode> {
    let [group] = &body.groups[..] else { return Err(ErrorCode::InvalidRequest) };
    let error = ErrorCode::from_code(group.error_code);
    if error != ErrorCode::None {
        return Err(error);
    }
    let mut starts = Vec::new();
    for topic in &group.topics {
        let name = Name::from(topic.name.0.as_str());
        for part in &topic.partitions {
            let error = ErrorCode::from_code(part.error_code);
            if error != ErrorCode::None {
                return Err(error);
            }
            let committed = (part.committed_offset >= 0).then(|| PartitionOffset {
                topic: name.clone(),
                partition: part.partition_index,
                offset: Offset(part.committed_offset),
                leader_epoch: LeaderEpoch::from_wire(part.committed_leader_epoch),
            });
            starts.push(Start { place: (name.clone(), part.partition_index), committed });
        }
    }
    Ok(starts)
}
