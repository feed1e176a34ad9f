//! When the built-in admin client is to do what, and what came of it.

use std::collections::{BTreeSet, VecDeque};

use crate::event::{Event, Kind, OperationResult};
use crate::scenario::{AdminPlan, Milestone, Trigger};
use crate::sim::injector::matches;
use crate::trace::Model;
use crate::types::{Moment, OperationId};

/// The operations of a plan's admin client, by their places in the plan.
#[derive(Clone, Debug)]
pub(crate) struct AdminDesk {
    /// Those that go by time.
    timetable: Vec<(Moment, u32)>,
    /// Those that wait for something, and how much of it was seen.
    watches: Vec<(u32, Milestone, u64)>,
    /// Those that the client was given and has not begun with.
    given: VecDeque<u32>,
    /// Those that it has asked for and that are not answered yet.
    under_way: Vec<(OperationId, u32)>,
    /// Those that it has asked for and that did not fail: they were done, or may be.
    asked: BTreeSet<u32>,
}

impl AdminDesk {
    pub(crate) fn new(plans: &[AdminPlan]) -> Self {
        let mut desk = Self {
            timetable: Vec::new(),
            watches: Vec::new(),
            given: VecDeque::new(),
            under_way: Vec::new(),
            asked: BTreeSet::new(),
        };
        for (nth, plan) in (0..).zip(plans) {
            match &plan.trigger {
                Trigger::At(at) => desk.timetable.push((Moment::SCENARIO_BEGINS + *at, nth)),
                Trigger::When(milestone) => desk.watches.push((nth, milestone.clone(), 0)),
            }
        }
        desk
    }

    /// When the operations that go by time are due.
    pub(crate) fn timetable(&self) -> &[(Moment, u32)] {
        &self.timetable
    }

    /// Whether any operation still waits for a milestone.
    pub(crate) fn watches(&self) -> bool {
        !self.watches.is_empty()
    }

    /// Looks whether `event` is what operations wait for.
    pub(crate) fn observe(&mut self, event: &Event, model: &Model, due: &mut Vec<(Moment, u32)>) {
        if event.at < Moment::SCENARIO_BEGINS {
            return;
        }
        self.watches.retain_mut(|(nth, milestone, seen)| {
            if !matches(milestone, event, model) {
                return true;
            }
            *seen += 1;
            if *seen < milestone.count {
                return true;
            }
            due.push((event.at + milestone.after, *nth));
            false
        });
    }

    /// The client was given the operation at this place.
    pub(crate) fn give(&mut self, nth: u32) {
        self.given.push_back(nth);
    }

    /// Follows what the client does: it begins with what it was given in that order.
    pub(crate) fn follow(&mut self, event: &Event) {
        match &event.kind {
            Kind::OperationInvoked { operation, .. } => {
                if let Some(nth) = self.given.pop_front() {
                    self.under_way.push((*operation, nth));
                    self.asked.insert(nth);
                }
            }
            Kind::OperationReturned { operation, result, .. } => {
                let is_it = |(it, _): &(OperationId, u32)| it == operation;
                let Some(at) = self.under_way.iter().position(is_it) else { return };
                let (_, nth) = self.under_way.swap_remove(at);
                if *result == OperationResult::Failed {
                    self.asked.remove(&nth);
                }
            }
            // What it had not begun with is forgotten.
            Kind::HostStopped { .. } => self.given.clear(),
            _ => {}
        }
    }

    /// The operations that the client has asked for and that did not fail, by their places.
    pub(crate) fn asked(&self) -> impl Iterator<Item = u32> + '_ {
        self.asked.iter().copied()
    }
}
