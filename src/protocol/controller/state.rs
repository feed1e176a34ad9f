//! What an active controller knows beyond the committed image, and what a decision consists of.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::event::Kind;
use crate::message::{MetadataRecord, PartitionState, ResponseBody};
use crate::protocol::controller::config::Config;
use crate::protocol::controller::heartbeats::Heartbeats;
use crate::protocol::image::{Delta, ELIGIBLE_LEADER_REPLICAS_VERSION, MetadataImage};
use crate::types::{
    BrokerEpoch, BrokerId, Defect, LeaderEpoch, Monotonic, Now, TopicId, TopicPartition,
};

/// The key that lets a topic's partitions be led by a replica that may lack records.
const UNCLEAN_LEADER_ELECTION: &str = "unclean.leader.election.enable";

/// The state of a controller that is in charge.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    /// The configuration.
    pub(crate) config: Arc<Config>,
    /// The quorum's epoch in which it leads.
    pub(crate) leader_epoch: LeaderEpoch,
    /// All that it decided, committed or not.
    pub(crate) image: MetadataImage,
    /// Who was heard when.
    pub(crate) heartbeats: Heartbeats,
    /// Partitions that are not led by their preferred replica.
    pub(crate) imbalanced: BTreeSet<TopicPartition>,
    /// Partitions that have no leader.
    pub(crate) leaderless: BTreeSet<TopicPartition>,
    /// When the next NoOpRecord is due.
    pub(crate) no_op_at: Option<Monotonic>,
    /// When preferred leaders are elected.
    pub(crate) balance_at: Option<Monotonic>,
    /// When leaderless partitions are looked at.
    pub(crate) unclean_at: Option<Monotonic>,
}

/// What comes of an input: records to write, and what to answer when they are committed.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    /// One atomic batch; empty when nothing changes.
    pub(crate) records: Vec<MetadataRecord>,
    /// The answer, if somebody asked.
    pub(crate) body: Option<ResponseBody>,
    /// What was decided, beside what the records say.
    pub(crate) events: Vec<Kind>,
    /// A broker in controlled shutdown: it may stop once all others have applied the records.
    pub(crate) shutting_down: Option<BrokerId>,
}

impl Decision {
    /// `records` are written, nobody asked.
    pub(crate) fn write(records: Vec<MetadataRecord>) -> Self {
        Self { records, ..Self::default() }
    }
}

impl Active {
    /// A controller that takes charge in `leader_epoch` of what `committed` says.
    ///
    /// Every registered broker counts as heard just now.
    pub(crate) fn claim(
        config: Arc<Config>,
        leader_epoch: LeaderEpoch,
        committed: &MetadataImage,
        now: Now,
    ) -> Self {
        let mut heartbeats = Heartbeats::new(config.broker_session_timeout);
        for (broker, registration) in committed.brokers() {
            heartbeats.register(broker, registration.fenced, now.monotonic);
        }
        let mut active = Self {
            config,
            leader_epoch,
            image: committed.clone(),
            heartbeats,
            imbalanced: BTreeSet::new(),
            leaderless: BTreeSet::new(),
            no_op_at: None,
            balance_at: None,
            unclean_at: None,
        };
        for (partition, state) in committed.partitions() {
            active.note(partition, Some(state));
        }
        active
    }

    /// Applies a record of our own at the end of the image.
    pub(crate) fn apply(&mut self, record: &MetadataRecord, now: Now) {
        let mut delta = Delta::default();
        let offset = self.image.end_offset();
        self.image.apply_noting(offset, self.leader_epoch, record, &mut delta);
        if let MetadataRecord::RegisterBroker { broker, .. } = record {
            self.heartbeats.remove(*broker);
        }
        for broker in delta.brokers {
            match self.image.broker(broker) {
                Some(registration) => {
                    self.heartbeats.register(broker, registration.fenced, now.monotonic);
                }
                None => self.heartbeats.remove(broker),
            }
        }
        for partition in delta.partitions {
            let state = self.image.partition(partition).cloned();
            self.note(partition, state.as_deref());
        }
    }

    fn note(&mut self, partition: TopicPartition, state: Option<&PartitionState>) {
        let has_no_leader = state.is_some_and(|state| state.leader.is_none());
        let is_imbalanced =
            state.is_some_and(|state| state.leader != state.replicas.first().copied());
        for (set, is_in) in
            [(&mut self.leaderless, has_no_leader), (&mut self.imbalanced, is_imbalanced)]
        {
            if is_in {
                set.insert(partition);
            } else {
                set.remove(&partition);
            }
        }
    }

    /// Whether eligible leader replicas are kept (KIP-966).
    pub(crate) fn eligible_enabled(&self) -> bool {
        self.image.feature(ELIGIBLE_LEADER_REPLICAS_VERSION) >= 1
            && !self.config.defects.has(Defect::LastReplicaStanding)
    }

    /// Whether the topic's partitions may be led by a replica that may lack records.
    pub(crate) fn unclean_enabled(&self, topic_id: TopicId) -> bool {
        let value = self.image.config(self.config.node, topic_id, UNCLEAN_LEADER_ELECTION);
        let configured =
            value.map_or(self.config.unclean_leader_election, |value| value.as_str() == "true");
        configured || self.config.defects.has(Defect::UncleanLeaderElection)
    }

    /// Whether `broker_epoch` is that of the broker's registration.
    pub(crate) fn is_current(&self, broker: BrokerId, broker_epoch: i64) -> bool {
        let registration = self.image.broker(broker);
        registration.is_some_and(|r| r.broker_epoch == BrokerEpoch(broker_epoch))
    }
}
