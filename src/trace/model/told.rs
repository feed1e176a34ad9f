//! What controllers told of committed metadata, to be taken back when the quorum loses it.
//!
//! A quorum that works never loses a committed record. One that does (KAFKA-10533) goes on from
//! what the log of its new leader has, and writes other records at the offsets of those that it
//! lost: then that is how it is, whatever was told before.

use imbl::Vector;

use crate::trace::model::fold::{Model, RegistrationView};
use crate::trace::model::partition::StateView;
use crate::types::{BatchId, BrokerId, Offset, TopicPartition};

/// What was told, in the order of the metadata log. Clones share all.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct ToldRecords(Vector<Told>);

/// A record that changed something.
#[derive(Clone, PartialEq, Debug)]
struct Told {
    offset: Offset,
    /// The batch that it is in.
    batch: BatchId,
    before: Before,
}

/// How it was before.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Before {
    /// The state of a partition, and that before it.
    Partition(TopicPartition, Option<StateView>, Option<Box<StateView>>),
    /// A broker's registration.
    Registration(BrokerId, Option<RegistrationView>),
}

impl Model {
    /// Remembers how it was before `controller` told of its record at `offset`.
    pub(crate) fn remember(&mut self, controller: BrokerId, offset: Offset, before: Before) {
        let replica = self.metadata.replicas.get(&controller);
        let Some(entry) = replica.and_then(|replica| replica.log.entry_at(offset)) else { return };
        self.told.0.push_back(Told { offset, batch: entry.batch, before });
    }

    /// Takes back what was told of records that are not in the log of `controller`, which takes
    /// charge.
    pub(crate) fn take_back(&mut self, controller: BrokerId) {
        let is_lost = |model: &Self, told: &Told| {
            let log = model.metadata.replicas.get(&controller).map(|replica| &replica.log);
            let log = log.filter(|log| told.offset >= log.origin());
            log.is_some_and(|log| {
                log.entry_at(told.offset).is_none_or(|entry| entry.batch != told.batch)
            })
        };
        let mut lost = None;
        while self.told.0.back().is_some_and(|told| is_lost(self, told)) {
            let Some(told) = self.told.0.pop_back() else { break };
            lost = Some(told.offset);
            self.undo(told.before);
        }
        if let Some(lost) = lost {
            let left = Offset(lost.0 - 1);
            self.quorum.last_change = self.quorum.last_change.map(|change| change.min(left));
            self.hold_to_minima();
        }
    }

    fn undo(&mut self, before: Before) {
        match before {
            Before::Partition(partition, state, state_before) => {
                let Some(view) = self.partitions.get_mut(&partition) else { return };
                view.leader_epoch = state.as_ref().map(|it| it.leader_epoch).unwrap_or_default();
                view.state = state;
                view.state_before = state_before;
            }
            Before::Registration(broker, None) => {
                self.registrations.remove(&broker);
            }
            Before::Registration(broker, Some(mut before)) => {
                let now = self.registrations.get(&broker);
                before.is_of_this_start = now.is_some_and(|now| {
                    now.broker_epoch == before.broker_epoch && now.is_of_this_start
                });
                self.registrations.insert(broker, before);
            }
        }
    }
}
