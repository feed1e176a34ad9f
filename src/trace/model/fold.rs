//! The model: what the events so far say of the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{Coordinators, FaultVerb, LifecycleState, Phase, StartedAs};
use crate::trace::model::audit::AuditFailure;
use crate::trace::model::config::ConfigView;
use crate::trace::model::deleted::DeletedBatches;
use crate::trace::model::group_member::{GroupMemberView, GroupView};
use crate::trace::model::partition::PartitionView;
use crate::trace::model::quorum::QuorumView;
use crate::trace::model::told::ToldRecords;
use crate::trace::setup::Setup;
use crate::types::{
    BrokerEpoch, BrokerId, BrokerSet, HostId, Moment, Name, Offset, TopicId, TopicPartition,
};

/// All that is known after some events. A clone costs little: logs share their older parts.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    pub(crate) setup: Arc<Setup>,
    nodes: Arc<BTreeMap<BrokerId, HostId>>,
    /// The moment of the last event.
    pub now: Moment,
    /// How many events were folded in.
    pub events: u64,
    /// The part that the run is in.
    pub phase: Option<Phase>,
    /// The hosts, by [`HostId`].
    pub hosts: Vec<HostView>,
    /// The partitions of clients' topics.
    pub partitions: BTreeMap<TopicPartition, PartitionView>,
    /// What was deleted of them by rule.
    pub deleted: DeletedBatches,
    /// The metadata log, as a partition whose replicas are voters and observers.
    pub metadata: PartitionView,
    /// The quorum.
    pub quorum: QuorumView,
    /// What controllers told of the metadata.
    pub(crate) told: ToldRecords,
    /// Committed registrations.
    pub registrations: BTreeMap<BrokerId, RegistrationView>,
    /// Dynamic configuration.
    pub configs: ConfigView,
    /// Topics by name.
    pub topics: BTreeMap<Name, TopicId>,
    pub(crate) topic_names: BTreeMap<TopicId, Name>,
    /// Topics that were deleted.
    pub(crate) removed: BTreeSet<TopicId>,
    /// Their partitions, of which brokers still speak, who hear of it later. Nobody looks at them
    /// unless the quorum loses the deletion.
    pub(crate) gone: BTreeMap<TopicPartition, PartitionView>,
    /// Groups, as their coordinators know them.
    pub groups: BTreeMap<Name, GroupView>,
    /// Which brokers these are.
    pub coordinators: Coordinators,
    /// Members of groups, by host, as they believe.
    pub group_members: BTreeMap<HostId, GroupMemberView>,
    /// Faults that began, by their place in the plan.
    pub faults: BTreeMap<u32, FaultView>,
    pub(crate) audit_failures: Vec<AuditFailure>,
}

/// A host.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostView {
    /// Whether its process runs (it may be paused).
    pub is_running: bool,
    /// Whether its process stands still.
    pub is_paused: bool,
    /// Counts its starts, from 0.
    pub incarnation: u32,
    /// How the process before ended, of the last start.
    pub started_as: Option<StartedAs>,
    /// The event of the last start.
    pub start: Option<u64>,
    /// The event of the last stop.
    pub stop: Option<u64>,
    /// Where the broker on it is in its life; none for others, and while its process is down.
    pub lifecycle: Option<LifecycleState>,
    /// How far its wall clock is off: at the beginning, and by jumps since, in microseconds.
    pub jumped: i64,
    /// How many microseconds its clocks gain in a million.
    pub drift: i64,
}

/// A broker's committed registration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistrationView {
    /// The event.
    pub event: u64,
    /// The record's offset.
    pub offset: Offset,
    /// Its epoch.
    pub broker_epoch: BrokerEpoch,
    /// Whether it is fenced.
    pub fenced: bool,
    /// Whether it is shutting down.
    pub in_controlled_shutdown: bool,
    /// Whether it was made by the process that runs now.
    pub is_of_this_start: bool,
    /// Whether the last re-registration followed an unclean end, as seen by the controller.
    pub unclean_epoch: Option<BrokerEpoch>,
}

/// A fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultView {
    /// The event that began it.
    pub event: u64,
    /// Its kind.
    pub verb: FaultVerb,
    /// When.
    pub since: Moment,
    /// Whom it befell.
    pub hosts: Vec<HostId>,
    /// How many of these hosts stand in each group, in order: the two ends of a link, the sides of
    /// a partition.
    pub groups: Vec<u32>,
    /// What the scenario says beside: how much, which way.
    pub detail: Name,
    /// Whether it lasts.
    pub is_active: bool,
    /// Whether it changed anything.
    pub bit: bool,
}

impl Model {
    /// What is known before the first event.
    pub fn new(setup: Arc<Setup>) -> Self {
        let mut hosts = vec![HostView::default(); setup.hosts.len()];
        for clock in &setup.clocks {
            let Some(host) = hosts.get_mut(usize::from(clock.host.0)) else { continue };
            (host.jumped, host.drift) = (clock.offset_micros, clock.drift_ppm);
        }
        let of = |(id, _): (HostId, _)| setup.node(id).map(|node| (node, id));
        let nodes = Arc::new(setup.hosts().filter_map(of).collect());
        Self {
            setup,
            nodes,
            now: Moment(0),
            events: 0,
            phase: None,
            hosts,
            partitions: BTreeMap::new(),
            deleted: DeletedBatches::default(),
            metadata: PartitionView::default(),
            quorum: QuorumView::default(),
            told: ToldRecords::default(),
            registrations: BTreeMap::new(),
            configs: ConfigView::default(),
            topics: BTreeMap::new(),
            topic_names: BTreeMap::new(),
            removed: BTreeSet::new(),
            gone: BTreeMap::new(),
            groups: BTreeMap::new(),
            coordinators: Coordinators::default(),
            group_members: BTreeMap::new(),
            faults: BTreeMap::new(),
            audit_failures: Vec::new(),
        }
    }

    /// The cast and its configuration.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// What is known of `partition`; of [`TopicPartition::CLUSTER_METADATA`] too.
    pub fn partition(&self, partition: TopicPartition) -> Option<&PartitionView> {
        if partition == TopicPartition::CLUSTER_METADATA {
            return Some(&self.metadata);
        }
        self.partitions.get(&partition)
    }

    /// The partition `index` of the topic `name`, if the topic exists.
    pub fn partition_named(&self, name: &str, index: i32) -> Option<TopicPartition> {
        self.topics.get(name).map(|topic| TopicPartition::new(*topic, index))
    }

    /// The name of `topic`, also after its removal.
    pub fn topic_name(&self, topic: TopicId) -> Option<&Name> {
        self.topic_names.get(&topic)
    }

    /// `orders-0`, or the id when the name is not known.
    pub fn partition_name(&self, partition: TopicPartition) -> String {
        if partition == TopicPartition::CLUSTER_METADATA {
            return "__cluster_metadata-0".to_owned();
        }
        match self.topic_name(partition.topic_id) {
            Some(name) => format!("{name}-{}", partition.partition),
            None => format!("{:x}-{}", { partition.topic_id.0 }, partition.partition),
        }
    }

    /// Whether there was such a topic, and it was deleted.
    pub fn is_removed(&self, topic: TopicId) -> bool {
        self.removed.contains(&topic)
    }

    /// The leader of `partition` in the controller's committed view.
    pub fn leader_of(&self, partition: TopicPartition) -> Option<BrokerId> {
        self.partitions.get(&partition)?.state.as_ref()?.leader
    }

    /// The broker that still acts as leader of an older epoch of `partition`.
    pub fn stale_leader_of(&self, partition: TopicPartition) -> Option<BrokerId> {
        self.partitions.get(&partition)?.stale_leader()
    }

    /// The replicas of `partition` but the leader, in order of preference.
    pub fn followers(&self, partition: TopicPartition) -> Vec<BrokerId> {
        let state = self.partitions.get(&partition).and_then(|known| known.state.as_ref());
        let Some(state) = state else { return Vec::new() };
        let is_follower = |broker: &BrokerId| Some(*broker) != state.leader;
        state.replicas.iter().copied().filter(is_follower).collect()
    }

    /// The replica of `partition` at `place` in the list, from 1.
    pub fn replica_at(&self, partition: TopicPartition, place: u16) -> Option<BrokerId> {
        let state = self.partitions.get(&partition)?.state.as_ref()?;
        state.replicas.get(usize::from(place).checked_sub(1)?).copied()
    }

    /// The in-sync set of `partition` in the controller's committed view.
    pub fn in_sync(&self, partition: TopicPartition) -> BrokerSet {
        let state = self.partitions.get(&partition).and_then(|known| known.state.as_ref());
        state.map(|state| state.in_sync.clone()).unwrap_or_default()
    }

    /// The controller in charge.
    pub fn active_controller(&self) -> Option<BrokerId> {
        self.quorum.active.map(|(node, _)| node)
    }

    /// The host of the broker or controller `node`.
    pub fn host_of(&self, node: BrokerId) -> Option<HostId> {
        self.nodes.get(&node).copied()
    }

    /// The host `id`.
    pub fn host(&self, id: HostId) -> Option<&HostView> {
        self.hosts.get(usize::from(id.0))
    }

    /// Whether the process of the broker or controller `node` runs, paused or not.
    pub fn is_running(&self, node: BrokerId) -> bool {
        let host = self.host_of(node).and_then(|host| self.host(host));
        host.is_some_and(|host| host.is_running)
    }

    /// Whether the controller may elect `broker`: it runs, and the registration of this very
    /// start is committed, unfenced and not shutting down.
    pub fn is_electable(&self, broker: BrokerId) -> bool {
        let is_open = |registration: &RegistrationView| {
            registration.is_of_this_start
                && !registration.fenced
                && !registration.in_controlled_shutdown
        };
        self.registrations.get(&broker).is_some_and(is_open) && self.is_running(broker)
    }

    /// Where the record contradicts itself or the audited state.
    pub fn audit_failures(&self) -> &[AuditFailure] {
        &self.audit_failures
    }
}
