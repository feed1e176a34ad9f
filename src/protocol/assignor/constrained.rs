//! The sticky assignment when all members subscribe to the same topics.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::protocol::assignor::member::{Assignment, Place, Topics, places};
use crate::protocol::assignor::sticky::{Moved, Owned};
use crate::types::Name;

/// Members by how full they are, while partitions are dealt.
struct Builder {
    /// How many partitions each member gets at least.
    quota_min: usize,
    /// And at most.
    quota_max: usize,
    /// How many members get one more than the least.
    over_expected: usize,
    over: usize,
    /// Members with less than the least.
    under: Vec<Name>,
    /// Members with exactly the least, of whom some may get one more.
    exact: VecDeque<Name>,
    assignment: Assignment,
    /// What a member had more than its share, and who.
    given_up: BTreeMap<Place, Name>,
    disputed: BTreeSet<Place>,
    transferring: BTreeMap<Place, Name>,
}

/// Everybody keeps what he owns up to his share; the rest is dealt in turn to those who have less.
///
/// # Source
///
/// Kafka 4.0, `AbstractStickyAssignor.ConstrainedAssignmentBuilder`.
pub(crate) fn constrained(topics: &Topics, owned: Owned) -> Moved {
    let members = owned.by_member.len();
    let all = places(topics, topics.keys());
    let mut builder = Builder {
        quota_min: all.len() / members,
        quota_max: all.len().div_ceil(members),
        over_expected: all.len() % members,
        over: 0,
        under: Vec::new(),
        exact: VecDeque::new(),
        assignment: owned.by_member.keys().map(|id| (id.clone(), Vec::new())).collect(),
        given_up: BTreeMap::new(),
        disputed: owned.disputed,
        transferring: BTreeMap::new(),
    };
    let mut kept = BTreeSet::new();
    for (id, places) in owned.by_member {
        builder.keep(id, places, &mut kept);
    }
    builder.under.sort();
    builder.exact.make_contiguous().sort();
    builder.deal(all.into_iter().filter(|place| !kept.contains(place)));
    Moved { assignment: builder.assignment, transferring: Some(builder.transferring) }
}

impl Builder {
    /// Leaves a member what it owns, as far as its share goes.
    fn keep(&mut self, id: Name, mut owned: Vec<Place>, kept: &mut BTreeSet<Place>) {
        owned.retain(|place| !self.disputed.contains(place));
        owned.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        let share = if owned.len() < self.quota_min {
            self.under.push(id.clone());
            owned.len()
        } else if owned.len() >= self.quota_max && self.over < self.over_expected {
            self.over += 1;
            if self.over == self.over_expected {
                self.exact.clear();
            }
            self.quota_max
        } else {
            if self.over < self.over_expected {
                self.exact.push_back(id.clone());
            }
            self.quota_min
        };
        let rest = owned.split_off(share.min(owned.len()));
        self.given_up.extend(rest.into_iter().map(|place| (place, id.clone())));
        kept.extend(owned.iter().cloned());
        self.assignment.insert(id, owned);
    }

    /// Deals the rest in turn: to those below the least first, then one more each to others.
    fn deal(&mut self, rest: impl Iterator<Item = Place>) {
        let mut next = 0;
        for place in rest {
            if next >= self.under.len() {
                next = 0;
            }
            let from_under = self.under.get(next).cloned();
            let id = match &from_under {
                Some(id) => {
                    next += 1;
                    id.clone()
                }
                // With a defect that lets two members keep one partition there may be none left.
                None => match self.exact.pop_front() {
                    Some(id) => id,
                    None => return,
                },
            };
            let was_anothers = self.given_up.get(&place).is_some_and(|owner| *owner != id);
            if was_anothers || self.disputed.contains(&place) {
                self.transferring.insert(place.clone(), id.clone());
            }
            let own = self.assignment.entry(id.clone()).or_default();
            own.push(place);
            if own.len() == self.quota_min && from_under.is_some() {
                next -= 1;
                self.under.remove(next);
                self.exact.push_back(id);
            }
        }
    }
}
