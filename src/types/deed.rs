//! Where a defect that is switched on made a program do otherwise: noted as it is done.
//!
//! An explanation blames a defect for an event only if the program said there and then that the
//! defect decided. The note goes beside the machines' effects, since it is nothing that the
//! simulated program does: no other machine may see it. A step of a process runs on one thread;
//! whoever runs it takes what was noted before the next one begins.

use std::cell::RefCell;

use crate::types::defect::{Defect, DefectSet};
use crate::types::id::TopicPartition;

/// How many of one step are kept: more say nothing new.
const DEEDS_MAX: usize = 64;

/// That a defect decided otherwise than the rule would have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deed {
    /// The defect.
    pub defect: Defect,
    /// The partition that was decided about, where it is one.
    pub partition: Option<TopicPartition>,
}

thread_local! {
    static DEEDS: RefCell<Vec<Deed>> = const { RefCell::new(Vec::new()) };
}

impl Deed {
    /// Notes that `defect` decided, about `partition`.
    pub fn note(defect: Defect, partition: impl Into<Option<TopicPartition>>) {
        let deed = Self { defect, partition: partition.into() };
        DEEDS.with_borrow_mut(|deeds| {
            if deeds.len() < DEEDS_MAX && !deeds.contains(&deed) {
                deeds.push(deed);
            }
        });
    }

    /// Takes what was noted since it was last taken.
    pub fn take_all() -> Vec<Self> {
        DEEDS.take()
    }
}

impl DefectSet {
    /// Whether `defect` is on, at a place where that alone makes the program do otherwise: noted,
    /// if it is. Ask [`has`](Self::has) where it may come to the same.
    pub fn acts(self, defect: Defect, partition: impl Into<Option<TopicPartition>>) -> bool {
        let is_on = self.has(defect);
        if is_on {
            Deed::note(defect, partition);
        }
        is_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{PartitionIndex, TopicId};

    #[test]
    fn what_a_defect_decided_is_noted_once_and_taken_once() {
        let on = DefectSet::from_iter([Defect::NeverFlush]);
        let partition = TopicPartition { topic_id: TopicId(1), partition: PartitionIndex(0) };
        assert!(!on.acts(Defect::PollSkips, None));
        assert!(on.acts(Defect::NeverFlush, partition));
        assert!(on.acts(Defect::NeverFlush, partition));
        let deed = Deed { defect: Defect::NeverFlush, partition: Some(partition) };
        assert_eq!(Deed::take_all(), [deed]);
        assert_eq!(Deed::take_all(), []);
    }
}
