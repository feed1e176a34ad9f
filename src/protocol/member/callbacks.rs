//! The callbacks of a rebalance: the application hears of them from its polls.

use std::collections::BTreeSet;

use crate::event::{About, CallbackVerb, GivenUpBecause, Kind};
use crate::message::{AppReply, RebalanceCallback};
use crate::protocol::assignor::Place;
use crate::protocol::member::effect::Effect;
use crate::protocol::member::machine::Member;
use crate::types::{Defect, TopicPartition, Wall};

/// A callback that the application has not finished.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub callback: RebalanceCallback,
    pub places: BTreeSet<Place>,
    /// Whether a poll has returned it.
    pub is_invoked: bool,
    pub then: Then,
}

/// What follows when a callback is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Then {
    /// The classic member joins.
    Join,
    /// It takes what it was assigned.
    Take(BTreeSet<Place>),
    /// The rebalance is complete.
    Settle,
    /// The member of KIP-848 takes what it was assigned.
    Assign,
    /// And acknowledges it.
    Acknowledge,
    /// It was expelled, and joins again.
    Rejoin,
    /// It left by itself, and joins again with the next poll.
    Stale,
    /// It was refused for good.
    Fail,
}

impl Member {
    /// Has the application told; at once when there is nothing to tell.
    pub(crate) fn call_back(
        &mut self,
        wall: Wall,
        callback: RebalanceCallback,
        places: BTreeSet<Place>,
        then: Then,
        effects: &mut Vec<Effect>,
    ) {
        if places.is_empty() {
            self.go_on(wall, then, effects);
            return;
        }
        self.callbacks.push_back(Waiting { callback, places, is_invoked: false, then });
        if let Some(token) = self.poll {
            effects.push(Effect::Recall { token });
        }
    }

    /// What the poll returns instead of records, if a callback waits.
    pub(crate) fn invoke_callback(&mut self, effects: &mut Vec<Effect>) -> Option<AppReply> {
        let waiting = self.callbacks.front_mut()?;
        waiting.is_invoked = true;
        let (callback, places) = (waiting.callback, waiting.places.clone());
        let kind = Kind::CallbackInvoked {
            group: self.group.clone(),
            member: self.member_id.clone(),
            epoch: self.epoch,
            callback: match callback {
                RebalanceCallback::Revoked => CallbackVerb::Revoked,
                RebalanceCallback::Assigned => CallbackVerb::Assigned,
                RebalanceCallback::Lost => CallbackVerb::Lost,
            },
            partitions: u32::try_from(places.len()).unwrap_or(u32::MAX),
        };
        effects.push(Effect::Event { kind, about: About::Nothing });
        Some(AppReply::Rebalanced { callback, partitions: places.into_iter().collect() })
    }

    /// The application polls again: the callback that its last poll returned is done.
    pub(crate) fn finish_callback(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        if self.callbacks.front().is_some_and(|waiting| waiting.is_invoked)
            && let Some(waiting) = self.callbacks.pop_front()
        {
            match waiting.callback {
                RebalanceCallback::Revoked => {
                    self.give_up(&waiting.places, GivenUpBecause::Revoked, effects);
                }
                RebalanceCallback::Lost => {
                    self.give_up(&waiting.places, GivenUpBecause::Lost, effects);
                }
                RebalanceCallback::Assigned => {}
            }
            self.go_on(wall, waiting.then, effects);
        }
    }

    fn go_on(&mut self, wall: Wall, then: Then, effects: &mut Vec<Effect>) {
        match then {
            Then::Join => self.join_after_callback(),
            Then::Take(places) => self.take(wall, places, effects),
            Then::Settle => self.settle(),
            Then::Assign => self.assign_target(wall, effects),
            Then::Acknowledge => self.acknowledge(wall, effects),
            Then::Rejoin => self.rejoin_fenced(effects),
            Then::Stale => self.release_stale(effects),
            Then::Fail => self.reconciliation.drop_all(),
        }
    }

    /// The application no longer owns `places`.
    pub(crate) fn give_up(
        &mut self,
        places: &BTreeSet<Place>,
        because: GivenUpBecause,
        effects: &mut Vec<Effect>,
    ) {
        for place in places {
            let Some(partition) = self.owned.remove(place) else { continue };
            self.offsets.forget(place);
            if let Some(partition) = partition {
                self.tell_given_up(partition, because, effects);
            }
        }
        effects.push(Effect::Assign { partitions: self.owned.keys().cloned().collect() });
    }

    /// The application owns `places` from here on, and nothing else; says which are new.
    pub(crate) fn own(
        &mut self,
        places: &BTreeSet<Place>,
        effects: &mut Vec<Effect>,
    ) -> BTreeSet<Place> {
        let gone: BTreeSet<Place> =
            self.owned.keys().filter(|place| !places.contains(*place)).cloned().collect();
        let keeps = self.is_classic() && self.config.defects.has(Defect::RevokedAndKept);
        if !gone.is_empty() && !keeps {
            self.give_up(&gone, GivenUpBecause::Revoked, effects);
        }
        let added: BTreeSet<Place> =
            places.iter().filter(|place| !self.owned.contains_key(*place)).cloned().collect();
        for place in &added {
            self.owned.insert(place.clone(), None);
        }
        self.name_owned(effects);
        effects.push(Effect::Assign { partitions: self.owned.keys().cloned().collect() });
        self.offsets.want(&added);
        added
    }

    /// Records what it owns as events name it. The first metadata may be late: whoever joins by
    /// names of topics does not wait for it. And a topic that is deleted and made anew has another
    /// id, which a member that owns it by its name does not notice.
    pub(crate) fn name_owned(&mut self, effects: &mut Vec<Effect>) {
        let named = self.owned.iter().filter_map(|(place, known)| {
            let partition = self.id(place)?;
            (*known != Some(partition)).then(|| (place.clone(), *known, partition))
        });
        for (place, before, partition) in named.collect::<Vec<_>>() {
            self.owned.insert(place, Some(partition));
            if let Some(before) = before {
                self.tell_given_up(before, GivenUpBecause::TopicGone, effects);
            }
            let kind = Kind::PartitionTaken {
                group: self.group.clone(),
                member: self.member_id.clone(),
                epoch: self.epoch,
                partition,
            };
            effects.push(Effect::Event { kind, about: About::Nothing });
        }
        self.note_starts(effects);
    }

    fn tell_given_up(
        &self,
        partition: TopicPartition,
        because: GivenUpBecause,
        effects: &mut Vec<Effect>,
    ) {
        let kind = Kind::PartitionGivenUp {
            group: self.group.clone(),
            member: self.member_id.clone(),
            epoch: self.epoch,
            partition,
            because,
        };
        effects.push(Effect::Event { kind, about: About::Nothing });
    }

    /// All that the application owns.
    pub(crate) fn all_owned(&self) -> BTreeSet<Place> {
        self.owned.keys().cloned().collect()
    }
}
