//! A member's way to its target: what it must give up comes first, what others still own comes
//! last.
//!
//! Source: Kafka 4.1, `CurrentAssignmentBuilder`.

use crate::message::{Assigned, CurrentValue, MemberState};
use crate::types::TopicPartition;

/// What a member's next step depends on.
pub(crate) struct Reconciliation<'a> {
    pub(crate) target_epoch: i32,
    pub(crate) target: &'a Assigned,
    /// What the member says it owns; `None` when it does not say.
    pub(crate) owned: Option<&'a Assigned>,
    /// Whether somebody owns a partition, or has yet to give it up.
    pub(crate) is_taken: &'a dyn Fn(TopicPartition) -> bool,
}

impl Reconciliation<'_> {
    /// The member's next step; the same when it can make none.
    pub(crate) fn next(&self, current: &CurrentValue) -> CurrentValue {
        match current.state {
            MemberState::Stable if current.epoch >= self.target_epoch => current.clone(),
            MemberState::Stable | MemberState::UnreleasedPartitions => {
                self.step(current, current.epoch)
            }
            // Without a word about what it owns it may own it all.
            MemberState::UnrevokedPartitions if self.owns_any(&current.revoking) => current.clone(),
            MemberState::UnrevokedPartitions => self.step(current, current.epoch + 1),
        }
    }

    fn owns_any(&self, revoking: &Assigned) -> bool {
        self.owned.is_none_or(|owned| !owned.is_disjoint(revoking))
    }

    fn step(&self, current: &CurrentValue, epoch: i32) -> CurrentValue {
        let keeps: Assigned = current.assigned.intersection(self.target).copied().collect();
        let revoking: Assigned = current.assigned.difference(&keeps).copied().collect();
        if !revoking.is_empty() && self.owns_any(&revoking) {
            return CurrentValue {
                epoch,
                previous_epoch: current.epoch,
                state: MemberState::UnrevokedPartitions,
                assigned: keeps,
                revoking,
            };
        }
        let mut assigned = keeps;
        let mut has_unreleased = false;
        for partition in self.target.difference(&assigned.clone()) {
            if (self.is_taken)(*partition) {
                has_unreleased = true;
            } else {
                assigned.insert(*partition);
            }
        }
        let state =
            if has_unreleased { MemberState::UnreleasedPartitions } else { MemberState::Stable };
        CurrentValue {
            epoch: self.target_epoch,
            previous_epoch: current.epoch,
            state,
            assigned,
            revoking: Assigned::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;

    fn set(indices: &[i32]) -> Assigned {
        indices.iter().map(|index| TopicPartition::new(TopicId(1), *index)).collect()
    }

    fn current(epoch: i32, state: MemberState, assigned: &[i32], revoking: &[i32]) -> CurrentValue {
        let (assigned, revoking) = (set(assigned), set(revoking));
        CurrentValue { epoch, previous_epoch: epoch - 1, state, assigned, revoking }
    }

    fn next(
        from: &CurrentValue,
        target: (i32, &[i32]),
        owned: Option<&[i32]>,
        taken: &[i32],
    ) -> (i32, MemberState, Assigned, Assigned) {
        let (owned, taken, target_set) = (owned.map(set), set(taken), set(target.1));
        let reconciliation = Reconciliation {
            target_epoch: target.0,
            target: &target_set,
            owned: owned.as_ref(),
            is_taken: &|partition| taken.contains(&partition),
        };
        let next = reconciliation.next(from);
        (next.epoch, next.state, next.assigned, next.revoking)
    }

    #[test]
    fn revocation_comes_before_assignment() {
        use MemberState::{Stable, UnreleasedPartitions as Unreleased, UnrevokedPartitions};
        let stable = current(5, Stable, &[1, 2], &[]);
        // It must give up 2 before it gets 3, which is free.
        let waits = next(&stable, (6, &[1, 3]), None, &[1, 2]);
        assert_eq!(waits, (5, UnrevokedPartitions, set(&[1]), set(&[2])));
        let revoking = current(5, UnrevokedPartitions, &[1], &[2]);
        let still = next(&revoking, (6, &[1, 3]), Some(&[1, 2]), &[1, 2]);
        assert_eq!(still, (5, UnrevokedPartitions, set(&[1]), set(&[2])));
        let silent = next(&revoking, (6, &[1, 3]), None, &[1, 2]);
        assert_eq!(silent, (5, UnrevokedPartitions, set(&[1]), set(&[2])));
        let done = next(&revoking, (6, &[1, 3]), Some(&[1]), &[1, 2]);
        assert_eq!(done, (6, Stable, set(&[1, 3]), set(&[])));
        // Another has yet to give up 3.
        let unreleased = next(&revoking, (6, &[1, 3]), Some(&[1]), &[1, 2, 3]);
        assert_eq!(unreleased, (6, Unreleased, set(&[1]), set(&[])));
        // A further revocation waits at the epoch in between.
        let more = next(&revoking, (8, &[3]), Some(&[1]), &[1, 2]);
        assert_eq!(more, (6, UnrevokedPartitions, set(&[]), set(&[1])));
        let same = next(&current(6, Stable, &[1], &[]), (6, &[1]), None, &[1]);
        assert_eq!(same, (6, Stable, set(&[1]), set(&[])));
    }
}
