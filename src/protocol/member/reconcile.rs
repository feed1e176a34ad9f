//! A member of KIP-848 goes from what it owns to what the coordinator wants it to own: it commits,
//! has partitions revoked, takes the new ones, and acknowledges.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::MemberState;
use crate::message::{PartitionOffset, RebalanceCallback};
use crate::protocol::assignor::Place;
use crate::protocol::member::callbacks::Then;
use crate::protocol::member::commit::For;
use crate::protocol::member::effect::{Effect, Why};
use crate::protocol::member::machine::Member;
use crate::protocol::member::target::{LocalAssignment, UnderWay};
use crate::types::{TopicId, Wall};

impl Member {
    /// Begins a reconciliation, if one is due. What is committed is where the application stands,
    /// so with automatic commits it begins within a poll only (KAFKA-18641).
    ///
    /// Source: Kafka 4.0, `AbstractMembershipManager.maybeReconcile`.
    pub(crate) fn reconcile(&mut self, effects: &mut Vec<Effect>) {
        let is_due = self.state == MemberState::Reconciling
            && self.reconciliation.under_way.is_none()
            && !self.reconciliation.is_done()
            && self.closing.is_none();
        if !is_due || self.config.auto_commit && !self.may_auto_commit() {
            return;
        }
        let Some(target) = self.reconciliation.target.clone() else { return };
        let (places, partitions) = self.resolve(&target);
        if partitions != target.partitions {
            effects.push(Effect::RefreshMetadata);
        }
        let resolved = LocalAssignment { number: target.number, partitions };
        let is_same = |current: &LocalAssignment| current.partitions == resolved.partitions;
        if self.reconciliation.current.as_ref().is_some_and(is_same) {
            if self.reconciliation.current.as_ref() != Some(&resolved) {
                self.reconciliation.current = Some(resolved);
                self.enter(MemberState::Acknowledging, effects);
            }
            return;
        }
        // What is to be revoked is not read on while the commit is under way (Kafka 4.1).
        self.withhold_all_but(&places, effects);
        self.reconciliation.under_way = Some(UnderWay { target: resolved, places, is_void: false });
        effects.push(Effect::Positions { why: Why::Rebalance });
    }

    /// The partitions of the target whose topics are known by name.
    fn resolve(
        &self,
        target: &LocalAssignment,
    ) -> (BTreeSet<Place>, BTreeMap<TopicId, BTreeSet<i32>>) {
        let mut places = BTreeSet::new();
        let mut known = BTreeMap::new();
        for (topic_id, numbers) in &target.partitions {
            let Some(name) = self.cluster.topic_name(*topic_id) else { continue };
            places.extend(numbers.iter().map(|number| (name.clone(), *number)));
            known.insert(*topic_id, numbers.clone());
        }
        (places, known)
    }

    pub(crate) fn commit_before_revocation(
        &mut self,
        wall: Wall,
        positions: Vec<PartitionOffset>,
        effects: &mut Vec<Effect>,
    ) {
        if self.config.auto_commit && !positions.is_empty() {
            self.start_commit(wall, positions, For::Rebalance, effects);
        } else {
            self.revoke(wall, effects);
        }
    }

    /// Whether the reconciliation under way is still of use; if not it ends here.
    ///
    /// Source: Kafka 4.0, `AbstractMembershipManager.maybeAbortReconciliation`.
    fn is_wanted(&mut self) -> bool {
        let is_void = self.reconciliation.under_way.as_ref().is_none_or(|now| now.is_void);
        if is_void || self.state != MemberState::Reconciling {
            self.reconciliation.under_way = None;
            return false;
        }
        true
    }

    /// The commit before it is done: has partitions revoked.
    pub(crate) fn revoke(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        if !self.is_wanted() {
            return;
        }
        let Some(under_way) = &self.reconciliation.under_way else { return };
        let places = under_way.places.clone();
        let revoked = self.withhold_all_but(&places, effects);
        self.call_back(wall, RebalanceCallback::Revoked, revoked, Then::Assign, effects);
    }

    /// Reads on in `places` only, of what it owns; says which are the others.
    fn withhold_all_but(
        &self,
        places: &BTreeSet<Place>,
        effects: &mut Vec<Effect>,
    ) -> BTreeSet<Place> {
        let others: BTreeSet<Place> =
            self.owned.keys().filter(|place| !places.contains(*place)).cloned().collect();
        if !others.is_empty() {
            effects.push(Effect::Withhold { partitions: others.clone() });
        }
        others
    }

    /// Revoked partitions are given up: takes the new ones.
    pub(crate) fn assign_target(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        if !self.is_wanted() {
            return;
        }
        let Some(under_way) = &self.reconciliation.under_way else { return };
        let places = under_way.places.clone();
        let added = self.own(&places, effects);
        self.call_back(wall, RebalanceCallback::Assigned, added, Then::Acknowledge, effects);
    }

    /// The application knows what it owns: the next heartbeat says so.
    pub(crate) fn acknowledge(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        if !self.is_wanted() {
            return;
        }
        let Some(under_way) = self.reconciliation.under_way.take() else { return };
        self.reconciliation.current = Some(under_way.target);
        self.auto_commit_at = wall + self.config.auto_commit_interval;
        self.enter(MemberState::Acknowledging, effects);
    }
}
