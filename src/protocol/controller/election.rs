//! How a partition's state changes: who leads, who is in sync, who may lead next.

use crate::message::{MetadataRecord, PartitionChange, PartitionState};
use crate::types::{BrokerId, BrokerSet, Deed, Defect, DefectSet, TopicPartition};

/// What an election may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Election {
    /// Keep the leader if it may stay, else take one of the in-sync set (or of those eligible,
    /// when nobody is in sync).
    Online,
    /// As `Online`, but take the first replica rather than the current leader.
    Preferred,
    /// As `Online`, but take any live replica rather than none. Records may be lost.
    Unclean,
    /// Take the leader away if it may not stay, and elect nobody: a defect.
    Nobody,
}

/// A change of one partition in the making.
///
/// Source: Kafka 4.1, `PartitionChangeBuilder`; KIP-966.
pub(crate) struct PartitionChangeBuilder<'a> {
    /// The state before.
    pub(crate) partition: &'a PartitionState,
    /// Whether a replica may lead: registered, unfenced, not shutting down.
    pub(crate) is_acceptable: &'a dyn Fn(BrokerId) -> bool,
    /// `min.insync.replicas`, bounded by the replicas.
    pub(crate) min_in_sync: u32,
    /// Whether eligible leader replicas are on (KIP-966).
    pub(crate) eligible_enabled: bool,
    /// The defects that are on.
    pub(crate) defects: DefectSet,
    /// Whether eligible leader replicas would be on, and a defect keeps them off.
    pub(crate) is_eligible_kept_off: bool,
    /// What an election may do.
    pub(crate) election: Election,
    /// The in-sync set wanted.
    pub(crate) in_sync: BrokerSet,
    /// A replica that came back without its page cache: not eligible either.
    pub(crate) unclean_shutdown: Option<BrokerId>,
    /// The recovery state wanted.
    pub(crate) recovering: bool,
}

/// Who leads after an election.
#[derive(Clone, Copy)]
struct Elected {
    leader: Option<BrokerId>,
    unclean: bool,
}

impl<'a> PartitionChangeBuilder<'a> {
    /// A builder that changes nothing but what an election demands.
    pub(crate) fn new(
        partition: &'a PartitionState,
        is_acceptable: &'a dyn Fn(BrokerId) -> bool,
        min_in_sync: u32,
        eligible_enabled: bool,
    ) -> Self {
        Self {
            partition,
            is_acceptable,
            min_in_sync,
            eligible_enabled,
            defects: DefectSet::NONE,
            is_eligible_kept_off: false,
            election: Election::Online,
            in_sync: partition.in_sync.clone(),
            unclean_shutdown: None,
            recovering: partition.recovering,
        }
    }

    /// What is to be written; `None` when nothing changes.
    pub(crate) fn build(mut self) -> Option<PartitionChange> {
        let mut change = PartitionChange::default();
        let mut eligible = self.eligible_target();
        let elected = self.elect(&eligible);
        if elected.leader != self.partition.leader {
            change.leader = Some(elected.leader);
            if let Some(leader) = elected.leader.filter(|leader| eligible.contains(*leader)) {
                self.in_sync = BrokerSet::of(leader);
                eligible.remove(leader);
            }
            if let Some(leader) = elected.leader.filter(|_| elected.unclean) {
                change.in_sync = Some(BrokerSet::of(leader));
                change.recovering = (!self.partition.recovering).then_some(true);
            }
        }
        // An unclean election starts over: nobody else is known to hold what its leader holds.
        if change.in_sync.is_some() || !self.eligible_enabled {
            eligible = BrokerSet::default();
        }
        change.eligible = (eligible != self.partition.eligible).then_some(eligible);
        // Without eligible leader replicas the last member stays, for it alone may lead again.
        let may_be_set = !self.in_sync.is_empty() || self.eligible_enabled;
        if change.in_sync.is_none() && may_be_set && self.in_sync != self.partition.in_sync {
            change.in_sync = Some(self.in_sync.clone());
        }
        if self.is_eligible_kept_off && self.forgets_who_left(&change) {
            Deed::note(Defect::LastReplicaStanding, None);
        }
        change.last_known = self.last_known(&change);
        if self.recovering != self.partition.recovering {
            change.recovering = Some(self.recovering);
        }
        (change != PartitionChange::default()).then_some(change)
    }

    /// Whether a replica leaves the in-sync set that would stay eligible.
    fn forgets_who_left(&self, change: &PartitionChange) -> bool {
        let Some(in_sync) = change.in_sync.as_ref() else { return false };
        let mut left = self.partition.in_sync.without(in_sync);
        if let Some(broker) = self.unclean_shutdown {
            left.remove(broker);
        }
        in_sync.len() < self.min_in_sync as usize && !left.is_empty()
    }

    /// Who is out of sync and yet holds every committed record: since the high watermark stands
    /// still below `min.insync.replicas`, whoever leaves then has all there is.
    ///
    /// Source: KIP-966; Kafka 4.1, `maybePopulateTargetElr`.
    fn eligible_target(&self) -> BrokerSet {
        if !self.eligible_enabled {
            return self.partition.eligible.clone();
        }
        if self.in_sync.len() >= self.min_in_sync as usize {
            return BrokerSet::default();
        }
        let candidates = self.partition.eligible.union(&self.partition.in_sync);
        let mut eligible = candidates.without(&self.in_sync);
        if let Some(broker) = self.unclean_shutdown {
            eligible.remove(broker);
        }
        eligible
    }

    fn elect(&self, eligible: &BrokerSet) -> Elected {
        let clean = |leader| Elected { leader: Some(leader), unclean: false };
        let is_valid = |replica: BrokerId| {
            let holds_all = self.in_sync.contains(replica)
                || (self.in_sync.is_empty() && eligible.contains(replica));
            holds_all && (self.is_acceptable)(replica)
        };
        let replicas = &self.partition.replicas;
        if self.election == Election::Preferred && is_valid(replicas[0]) {
            return clean(replicas[0]);
        }
        if let Some(leader) = self.partition.leader.filter(|leader| is_valid(*leader)) {
            return clean(leader);
        }
        if self.election == Election::Nobody {
            return Elected { leader: None, unclean: false };
        }
        if let Some(leader) = replicas.iter().copied().find(|replica| is_valid(*replica)) {
            return clean(leader);
        }
        if let Some(leader) = self.last_known_leader(eligible) {
            return Elected { leader: Some(leader), unclean: true };
        }
        let any = replicas.iter().copied().find(|replica| (self.is_acceptable)(*replica));
        Elected { leader: any.filter(|_| self.election == Election::Unclean), unclean: true }
    }

    /// The last leader of a partition that has nobody left, if it is back.
    ///
    /// Source: Kafka 4.1, `canElectLastKnownLeader`, as mended by KAFKA-19522.
    fn last_known_leader(&self, eligible: &BrokerSet) -> Option<BrokerId> {
        if !self.eligible_enabled || !eligible.is_empty() || !self.in_sync.is_empty() {
            return None;
        }
        match self.partition.last_known[..] {
            [leader] => Some(leader).filter(|leader| {
                (self.is_acceptable)(*leader)
                    || self.defects.acts(Defect::FencedLastKnownLeader, None)
            }),
            _ => None,
        }
    }

    /// Remembers the leader when the in-sync set becomes empty, and forgets it once there is one.
    ///
    /// Source: Kafka 4.1, `maybeUpdateLastKnownLeader`.
    fn last_known(&self, change: &PartitionChange) -> Option<Vec<BrokerId>> {
        if !self.eligible_enabled {
            return None;
        }
        let leader: Vec<BrokerId> = self.partition.leader.into_iter().collect();
        let becomes_empty = change.in_sync.as_ref().is_some_and(BrokerSet::is_empty);
        // Differs from Kafka: a partition that had no leader keeps the one remembered, where
        // Kafka would write -1.
        if becomes_empty && !leader.is_empty() && self.partition.last_known != leader {
            return Some(leader);
        }
        let will_lead = match change.leader {
            Some(leader) => leader.is_some(),
            None => self.partition.leader.is_some(),
        };
        (will_lead && !self.partition.last_known.is_empty()).then(Vec::new)
    }
}

/// The record that says `change`.
pub(crate) fn record(
    partition: TopicPartition,
    state: &PartitionState,
    change: PartitionChange,
    defects: DefectSet,
) -> MetadataRecord {
    let elects = matches!(change.leader, Some(Some(_)));
    if elects && change.recovering == Some(true) {
        defects.acts(Defect::UncleanLeaderElection, partition);
    }
    if elects && defects.acts(Defect::LeaderEpochNotRaised, partition) {
        // A change that elects raises the epoch by itself; only a whole record can fail to.
        let mut next = state.clone();
        next.apply(&change);
        next.leader_epoch = state.leader_epoch;
        return MetadataRecord::Partition { partition, state: Box::new(next) };
    }
    MetadataRecord::PartitionChange { partition, change: Box::new(change) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{LeaderEpoch, PartitionEpoch};

    fn set(ids: &[i32]) -> BrokerSet {
        ids.iter().copied().map(BrokerId).collect()
    }

    fn state(in_sync: &[i32], eligible: &[i32], leader: Option<i32>) -> PartitionState {
        PartitionState {
            replicas: vec![BrokerId(1), BrokerId(2), BrokerId(3)],
            in_sync: set(in_sync),
            eligible: set(eligible),
            last_known: Vec::new(),
            leader: leader.map(BrokerId),
            recovering: false,
            leader_epoch: LeaderEpoch(5),
            partition_epoch: PartitionEpoch(9),
        }
    }

    /// The state after `brokers` left the in-sync set for good, `alive` being acceptable.
    fn without(state: &PartitionState, gone: i32, alive: &[i32], enabled: bool) -> PartitionState {
        let alive = set(alive);
        let is_acceptable = |broker: BrokerId| alive.contains(broker);
        let mut builder = PartitionChangeBuilder::new(state, &is_acceptable, 2, enabled);
        builder.in_sync.remove(BrokerId(gone));
        let mut next = state.clone();
        if let Some(change) = builder.build() {
            next.apply(&change);
        }
        next
    }

    #[test]
    fn last_member_stays_without_eligible_replicas() {
        let next = without(&state(&[1], &[], Some(1)), 1, &[2, 3], false);
        assert_eq!((next.leader, next.in_sync), (None, set(&[1])));
    }

    #[test]
    fn last_member_becomes_eligible() {
        let next = without(&state(&[1], &[], Some(1)), 1, &[2, 3], true);
        assert_eq!((next.leader, next.in_sync), (None, set(&[])));
        assert_eq!((next.eligible, next.last_known), (set(&[1]), vec![BrokerId(1)]));
    }

    #[test]
    fn an_eligible_replica_leads_when_nobody_is_in_sync() {
        let next = without(&state(&[1], &[3], Some(1)), 1, &[2, 3], true);
        assert_eq!((next.leader, next.in_sync), (Some(BrokerId(3)), set(&[3])));
        assert_eq!((next.eligible, next.recovering), (set(&[1]), false));
        assert_eq!(next.leader_epoch, LeaderEpoch(6));
    }

    #[test]
    fn eligible_replicas_are_forgotten_at_min_in_sync() {
        let before = state(&[1], &[2, 3], Some(1));
        let mut builder = PartitionChangeBuilder::new(&before, &|_| true, 2, true);
        builder.in_sync = set(&[1, 2]);
        let change = builder.build().unwrap();
        assert_eq!((change.eligible, change.leader), (Some(set(&[])), None));
    }

    #[test]
    fn a_dead_last_known_leader_is_not_elected() {
        let mut before = state(&[], &[], None);
        before.last_known = vec![BrokerId(1)];
        let dead = PartitionChangeBuilder::new(&before, &|broker| broker.0 != 1, 2, true);
        assert!(dead.build().is_none());
        let change = PartitionChangeBuilder::new(&before, &|_| true, 2, true).build().unwrap();
        assert_eq!((change.leader, change.recovering), (Some(Some(BrokerId(1))), Some(true)));
        assert_eq!(change.last_known, Some(Vec::new()));
    }

    #[test]
    fn the_preferred_replica_leads_again() {
        let before = state(&[1, 2, 3], &[], Some(2));
        let mut builder = PartitionChangeBuilder::new(&before, &|_| true, 2, true);
        builder.election = Election::Preferred;
        assert_eq!(builder.build().unwrap().leader, Some(Some(BrokerId(1))));
        let kept = PartitionChangeBuilder::new(&before, &|_| true, 2, true);
        assert!(kept.build().is_none());
    }
}
