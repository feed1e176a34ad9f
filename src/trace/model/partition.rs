//! What is known of one partition: its replicas, the controller's view, what is committed.

use std::collections::BTreeMap;

use crate::event::ReplicaRole;
use crate::trace::model::log::{LogEntry, LogView};
use crate::types::{BrokerId, BrokerSet, LeaderEpoch, Offset, PartitionEpoch};

/// A partition.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PartitionView {
    /// Its replicas by broker; for the metadata log also its observers.
    pub replicas: BTreeMap<BrokerId, ReplicaView>,
    /// The controller's committed state.
    pub state: Option<StateView>,
    /// The state before, to be compared with.
    pub state_before: Option<Box<StateView>>,
    /// What the active controller wrote last, committed or not.
    pub decided: Option<DecidedView>,
    /// The largest leader epoch that is known to be committed.
    pub leader_epoch: LeaderEpoch,
    /// The high watermark of the leaders whose epoch was the current one when they moved it: what
    /// is below is committed for good.
    pub true_high_watermark: Offset,
    /// The contents first seen below the true high watermark.
    pub committed: LogView,
    /// The highest high watermark that any replica ever had.
    pub readable_end: Offset,
}

/// The controller's committed state of a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateView {
    /// The event that committed it.
    pub event: u64,
    /// The metadata record's offset.
    pub offset: Offset,
    /// The replicas, the preferred one first.
    pub replicas: Vec<BrokerId>,
    /// The leader.
    pub leader: Option<BrokerId>,
    /// Counts elections.
    pub leader_epoch: LeaderEpoch,
    /// Counts changes.
    pub partition_epoch: PartitionEpoch,
    /// The in-sync set.
    pub in_sync: BrokerSet,
    /// The eligible leader replicas.
    pub eligible: BrokerSet,
    /// The last known leader, while there is none.
    pub last_known: Vec<BrokerId>,
    /// Whether the leader was elected uncleanly and has not reported yet.
    pub recovering: bool,
    /// `min.insync.replicas`, bounded by the replicas.
    pub min_in_sync: u32,
}

/// What the controller decided last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecidedView {
    /// The event.
    pub event: u64,
    /// The controller.
    pub controller: BrokerId,
    /// The quorum's epoch in which it was in charge.
    pub written_in: LeaderEpoch,
    /// The metadata record's offset.
    pub offset: Offset,
    /// The leader.
    pub leader: Option<BrokerId>,
    /// Counts elections.
    pub leader_epoch: LeaderEpoch,
    /// Counts changes.
    pub partition_epoch: PartitionEpoch,
    /// The in-sync set.
    pub in_sync: BrokerSet,
    /// The eligible leader replicas.
    pub eligible: BrokerSet,
    /// Whether this was an unclean election.
    pub unclean: bool,
}

/// One replica.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReplicaView {
    /// Its log; of a replica that is down, the log before, which its disk need not have kept.
    pub log: LogView,
    /// Of a replica that is down and lost what its disk had not written: where that begins.
    pub durable_end: Option<Offset>,
    /// Its high watermark.
    pub high_watermark: Offset,
    /// Whether its process runs and has its log loaded.
    pub is_loaded: bool,
    /// Its role; none before it takes one, and none while its process is down.
    pub role: Option<RoleView>,
    /// Its leader-epoch cache.
    pub cache: Option<CacheView>,
    /// The last cut or recovery of its log.
    pub cut: Option<u64>,
    /// A batch that its disk refused, and that may stand in the file all the same.
    pub leftover: Option<LogEntry>,
}

impl ReplicaView {
    /// The end of its log: of one whose power failed, of what that left.
    pub fn end_left(&self) -> Offset {
        self.durable_end.map_or(self.log.end(), |end| end.min(self.log.end()))
    }

    /// The batches that it has, or that a failure of its power left.
    pub fn entries_left(&self) -> impl Iterator<Item = &LogEntry> {
        let end = self.end_left();
        self.log.entries().iter().take_while(move |entry| entry.base < end)
    }

    /// The batch at `offset`, if it has it, or a failure of its power left it.
    pub fn entry_left(&self, offset: Offset) -> Option<&LogEntry> {
        self.log.entry_at(offset).filter(|entry| entry.base < self.end_left())
    }

    /// Where its log starts, and its high watermark: of one whose power failed, as far as that
    /// left of it.
    pub fn bounds_left(&self) -> [Offset; 2] {
        [self.log.start, self.high_watermark].map(|offset| match self.durable_end {
            Some(_) => offset.min(self.end_left()),
            None => offset,
        })
    }
}

/// A role that a replica took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoleView {
    /// The event.
    pub event: u64,
    /// The role.
    pub role: ReplicaRole,
    /// The leader.
    pub leader: Option<BrokerId>,
    /// The epoch.
    pub leader_epoch: LeaderEpoch,
    /// The partition epoch that it knows.
    pub partition_epoch: PartitionEpoch,
    /// For a leader: where its epoch starts.
    pub epoch_start: Option<Offset>,
    /// For a leader: the in-sync set that the controller recorded, as far as it knows.
    pub in_sync: BrokerSet,
    /// For a leader: the set that its high watermark waits for.
    pub maximal: BrokerSet,
    /// `min.insync.replicas`, bounded by the replicas.
    pub min_in_sync: u32,
}

/// The newest entry of a leader-epoch cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheView {
    /// The event.
    pub event: u64,
    /// How many entries.
    pub entries: u32,
    /// The last entry's epoch and start.
    pub last: Option<(LeaderEpoch, Offset)>,
}

impl ReplicaView {
    /// Whether it acts as the leader of `leader_epoch`.
    pub fn leads(&self, leader_epoch: LeaderEpoch) -> bool {
        self.leading().is_some_and(|role| role.leader_epoch == leader_epoch)
    }

    /// Its role if it acts as a leader, of whatever epoch.
    pub fn leading(&self) -> Option<&RoleView> {
        self.role.as_ref().filter(|role| role.role == ReplicaRole::Leader)
    }
}

impl PartitionView {
    /// The replica that acts as leader of the current epoch, if any does.
    pub fn acting_leader(&self) -> Option<(BrokerId, &ReplicaView)> {
        let epoch = self.leader_epoch;
        let found = self.replicas.iter().find(|(_, replica)| replica.leads(epoch));
        found.map(|(broker, replica)| (*broker, replica))
    }

    /// A replica that still acts as leader of an older epoch.
    pub fn stale_leader(&self) -> Option<BrokerId> {
        let stale = |replica: &ReplicaView| {
            replica.leading().is_some_and(|role| role.leader_epoch < self.leader_epoch)
        };
        self.replicas.iter().find(|(_, replica)| stale(replica)).map(|(broker, _)| *broker)
    }

    /// Takes what the leader of the current epoch has deleted by rule out of what is promised.
    pub(crate) fn promise_from(&mut self, leader: BrokerId) {
        let Some(replica) = self.replicas.get(&leader) else { return };
        if replica.leading().is_some_and(|role| role.leader_epoch == self.leader_epoch) {
            self.committed.start = self.committed.start.max(replica.log.start);
        }
    }

    /// Counts what a leader of the current epoch holds up to `high_watermark` as committed.
    pub(crate) fn commit(&mut self, by: BrokerId, high_watermark: Offset) {
        let Some(leader) = self.replicas.get(&by) else { return };
        if high_watermark <= self.true_high_watermark {
            return;
        }
        if leader.log.origin() > self.committed.end() {
            // What was in between is gone by now.
            let origin = leader.log.origin();
            self.committed = LogView::starting_at(origin, leader.log.chain_at(origin));
        }
        self.committed.start = self.committed.start.max(leader.log.start);
        let from = leader.log.index_of(self.committed.end());
        // The leader may have deleted another record than was committed once, one of an epoch that
        // was gone before it came back: its hashes go on from that one.
        let (ours, theirs) = (self.committed.chain(), leader.log.chain_at(self.committed.end()));
        let theirs = theirs.unwrap_or(ours);
        for entry in leader.log.entries().iter_from(from) {
            if entry.end() > high_watermark {
                break;
            }
            if entry.base == self.committed.end() {
                let chain = ours.with(entry.chain.without(theirs));
                self.committed.append(LogEntry { chain, ..*entry });
            }
        }
        self.true_high_watermark = high_watermark;
    }
}
