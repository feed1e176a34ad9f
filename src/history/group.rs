//! What a run tells of one consumer group.

use std::collections::BTreeMap;

use crate::event::GroupProtocol;
use crate::history::group_figures::{AgainBecause, GroupEpochFigures};
use crate::history::owned::Owned;
use crate::types::{Moment, TopicPartition};

/// A group, as far as the events go.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::history) struct Group {
    pub(in crate::history) protocol: Option<GroupProtocol>,
    /// When the first process that wants to be a member began.
    pub(in crate::history) since: Option<Moment>,
    pub(in crate::history) epochs: Vec<GroupEpochFigures>,
    /// How many of them are of earlier lives of the group.
    pub(in crate::history) epochs_before: usize,
    pub(in crate::history) epoch: Option<i32>,
    pub(in crate::history) members: u32,
    /// Since when it has had no members, as its coordinator counts.
    pub(in crate::history) empty_since: Option<Moment>,
    /// Whether it is no more, or its coordinator has found nothing of it: it begins anew.
    pub(in crate::history) is_gone: bool,
    pub(in crate::history) partitions: BTreeMap<TopicPartition, Owned>,
    pub(in crate::history) processed: u64,
    pub(in crate::history) again: BTreeMap<(i32, AgainBecause), u64>,
}

impl Group {
    /// It has so many members.
    pub(in crate::history) fn count(&mut self, members: u32, at: Moment) {
        self.members = members;
        self.empty_since = (members == 0).then(|| self.empty_since.unwrap_or(at));
    }

    /// A new coordinator has found it in its log, in `epoch`: what the one before did beyond that
    /// came to nothing.
    pub(in crate::history) fn load(&mut self, epoch: i32, members: u32, at: Moment) {
        self.is_gone = false;
        self.count(members, at);
        let of_life = self.epochs.split_off(self.epochs_before);
        self.epochs.extend(of_life.into_iter().filter(|known| known.epoch <= epoch));
        self.epoch = Some(epoch);
    }

    /// The generations, each with the times without an owner that it ended.
    pub(in crate::history) fn epochs_with_times(&self) -> Vec<GroupEpochFigures> {
        let mut epochs = self.epochs.clone();
        for (at, epoch, time) in self.partitions.values().flat_map(|owned| &owned.ended) {
            // A group that begins anew counts from 1 again.
            let of = epochs.iter_mut().rfind(|of| of.epoch == *epoch && of.at <= *at);
            if let Some(of) = of {
                of.unowned += *time;
                of.longest_unowned = of.longest_unowned.max(*time);
            }
        }
        epochs
    }
}
