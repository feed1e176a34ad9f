//! When the built-in admin client is to do what.

use crate::event::Event;
use crate::scenario::{AdminPlan, Milestone, Trigger};
use crate::sim::injector::matches;
use crate::trace::Model;
use crate::types::Moment;

/// The operations of a plan's admin client, by their places in the plan.
#[derive(Clone, Debug)]
pub(crate) struct AdminDesk {
    /// Those that go by time.
    timetable: Vec<(Moment, u32)>,
    /// Those that wait for something, and how much of it was seen.
    watches: Vec<(u32, Milestone, u64)>,
}

impl AdminDesk {
    pub(crate) fn new(plans: &[AdminPlan]) -> Self {
        let mut desk = Self { timetable: Vec::new(), watches: Vec::new() };
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
}
