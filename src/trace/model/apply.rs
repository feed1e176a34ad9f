//! How each event changes what is known.

use crate::event::{ChainHash, Event, Kind, Phase, QuorumRole, StartedAs};
use crate::trace::model::audit::AuditFailure;
use crate::trace::model::fold::{FaultView, HostView, Model, RegistrationView};
use crate::trace::model::log::{LogEntry, LogView};
use crate::trace::model::partition::{
    CacheView, DecidedView, PartitionView, ReplicaView, RoleView, StateView,
};
use crate::trace::model::quorum::{AppliedView, MemberView, QuorumRoleView, VoteView};
use crate::trace::model::told::Before;
use crate::types::{BrokerId, BrokerSet, HostId, Offset, TopicId, TopicPartition};

const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

impl Model {
    /// Folds in `event`, which must be the next of the trace. O(log n).
    pub fn apply(&mut self, event: &Event) {
        self.now = event.at;
        self.events = event.index + 1;
        match &event.kind {
            Kind::LogAppended { .. }
            | Kind::LogTruncated { .. }
            | Kind::LogRecovered { .. }
            | Kind::DurableEnd { .. }
            | Kind::StorageFailed { .. }
            | Kind::LogStartMoved { .. }
            | Kind::SegmentsDeleted { .. }
            | Kind::HighWatermarkMoved { .. }
            | Kind::EpochCacheChanged { .. }
            | Kind::RoleTaken { .. }
            | Kind::InSyncChanged { .. }
            | Kind::MinInSyncApplied { .. }
            | Kind::ReplicaRemoved { .. }
            | Kind::ReplicaAudited { .. }
            | Kind::QuorumAudited { .. } => self.apply_to_replica(event),
            Kind::CoordinatorLoading { .. } => self.coordinators.apply(event),
            Kind::CoordinatorLoaded { .. }
            | Kind::GroupStateChanged { .. }
            | Kind::GroupLoaded { .. } => self.apply_to_group(event),
            Kind::MemberStateEntered { .. }
            | Kind::MemberLeft { .. }
            | Kind::PollOverdue { .. }
            | Kind::PartitionTaken { .. }
            | Kind::PartitionGivenUp { .. } => self.apply_to_member(event),
            Kind::PhaseBegan { phase } => {
                self.apply_to_world(event);
                if *phase == Phase::Heal {
                    self.forgive_members();
                }
            }
            Kind::HostStopped { .. } => {
                self.apply_to_world(event);
                self.apply_to_member(event);
            }
            Kind::HostStarted { .. }
            | Kind::HostPaused {}
            | Kind::HostResumed {}
            | Kind::BrokerStateEntered { .. }
            | Kind::ClockSet { .. }
            | Kind::FaultBegan { .. }
            | Kind::FaultBit { .. }
            | Kind::FaultEnded { .. } => self.apply_to_world(event),
            Kind::PartitionDecided { .. }
            | Kind::PartitionCommitted { .. }
            | Kind::TopicCommitted { .. }
            | Kind::TopicRemoved { .. }
            | Kind::BrokerRegistered { .. }
            | Kind::BrokerUnregistered { .. }
            | Kind::ConfigCommitted { .. }
            | Kind::RegistrationCommitted { .. } => {
                self.coordinators.apply(event);
                self.apply_to_metadata(event);
            }
            Kind::ControllerActivated { .. }
            | Kind::ControllerRetired { .. }
            | Kind::QuorumRoleTaken { .. }
            | Kind::VoteGranted { .. }
            | Kind::QuorumDurable { .. }
            | Kind::MetadataApplied { .. } => self.apply_to_quorum(event),
            _ => {}
        }
    }

    pub(crate) fn node(&self, event: &Event) -> Option<BrokerId> {
        self.setup.node(event.host?)
    }

    fn view_mut(&mut self, partition: TopicPartition) -> &mut PartitionView {
        if partition == TopicPartition::CLUSTER_METADATA {
            &mut self.metadata
        } else if self.is_removed(partition.topic_id) {
            self.gone.entry(partition).or_default()
        } else {
            self.partitions.entry(partition).or_default()
        }
    }

    fn views_mut(&mut self) -> impl Iterator<Item = &mut PartitionView> {
        self.partitions.values_mut().chain(self.gone.values_mut()).chain([&mut self.metadata])
    }

    fn replica_mut(&mut self, partition: TopicPartition, node: BrokerId) -> &mut ReplicaView {
        let replica = self.view_mut(partition).replicas.entry(node).or_default();
        replica.is_loaded = true;
        replica
    }

    /// The log and the events say different things. Of a topic that is no more nothing is known,
    /// whatever brokers that have yet to hear of it do with its logs.
    fn differs(&mut self, event: &Event, partition: TopicPartition, what: String) {
        if self.is_removed(partition.topic_id) {
            return;
        }
        let failure = AuditFailure { event: event.index, node: self.node(event), partition, what };
        self.audit_failures.push(failure);
    }

    fn apply_to_replica(&mut self, event: &Event) {
        let Some(node) = self.node(event) else { return };
        match &event.kind {
            Kind::MinInSyncApplied { partition, min_in_sync } => {
                if let Some(role) = &mut self.replica_mut(*partition, node).role {
                    role.min_in_sync = *min_in_sync;
                }
            }
            Kind::LogAppended { .. } => self.on_appended(event, node),
            Kind::LogTruncated { .. } | Kind::LogRecovered { .. } => self.on_cut(event, node),
            Kind::DurableEnd { partition, durable_end, .. } => {
                // It has not been loaded again by that.
                if let Some(replica) = self.view_mut(*partition).replicas.get_mut(&node) {
                    replica.durable_end = Some(*durable_end);
                }
            }
            Kind::StorageFailed {
                partition,
                base_offset,
                records,
                leader_epoch,
                batch,
                chain,
                ..
            } => {
                // The first is the one that stands in the file, if any does.
                let replica = self.replica_mut(*partition, node);
                let chain = replica.log.chain_of(*chain);
                let leftover = LogEntry {
                    base: *base_offset,
                    records: *records,
                    epoch: *leader_epoch,
                    batch: *batch,
                    chain,
                    event: event.index,
                };
                replica.leftover.get_or_insert(leftover);
            }
            Kind::LogStartMoved { partition, log_start_offset, because, .. } => {
                if let Some(view) = self.partitions.get(partition).filter(|_| because.is_rule()) {
                    self.deleted.add(*partition, view, (node, *log_start_offset));
                }
                let replica = self.replica_mut(*partition, node);
                replica.log.start = *log_start_offset;
                if replica.log.end() < *log_start_offset {
                    replica.log = LogView::starting_at(*log_start_offset, None);
                }
                self.view_mut(*partition).promise_from(node);
            }
            Kind::SegmentsDeleted { partition, first_base, .. } => {
                self.replica_mut(*partition, node).log.delete_below(*first_base);
                let view = self.view_mut(*partition);
                // What some replica has, or may find on its disk, can still be compared.
                let origins = view.replicas.values().map(|replica| replica.log.origin());
                view.committed.delete_below(origins.min().unwrap_or_default());
            }
            Kind::HighWatermarkMoved { partition, high_watermark, as_leader } => {
                self.on_high_watermark(*partition, node, *high_watermark, *as_leader);
            }
            Kind::EpochCacheChanged { partition, entries, last_epoch, last_start } => {
                let last = last_epoch.zip(*last_start);
                let cache = CacheView { event: event.index, entries: *entries, last };
                self.replica_mut(*partition, node).cache = Some(cache);
            }
            Kind::RoleTaken { .. } => self.on_role(event, node),
            Kind::InSyncChanged {
                partition,
                leader_epoch,
                partition_epoch,
                committed,
                maximal,
            } => {
                let replica = self.replica_mut(*partition, node);
                if let Some(role) = &mut replica.role
                    && role.leader_epoch == *leader_epoch
                {
                    role.partition_epoch = *partition_epoch;
                    role.in_sync = committed.clone();
                    role.maximal = maximal.clone();
                }
            }
            Kind::ReplicaRemoved { partition } => {
                self.view_mut(*partition).replicas.remove(&node);
            }
            Kind::ReplicaAudited { .. } | Kind::QuorumAudited { .. } => {
                self.on_audited(event, node);
            }
            _ => unreachable!("apply sorts the kinds"),
        }
    }

    fn on_appended(&mut self, event: &Event, node: BrokerId) {
        let Kind::LogAppended {
            partition, base_offset, records, leader_epoch, batch, chain, ..
        } = &event.kind
        else {
            return;
        };
        let log = &mut self.replica_mut(*partition, node).log;
        let end = log.end();
        if end < *base_offset {
            *log = LogView::starting_at(*base_offset, None);
        } else if end > *base_offset {
            log.truncate_to(*base_offset);
        }
        if log.end() == *base_offset {
            let chain = log.chain_of(*chain);
            log.append(LogEntry {
                base: *base_offset,
                records: *records,
                epoch: *leader_epoch,
                batch: *batch,
                chain,
                event: event.index,
            });
        }
        if end != *base_offset {
            let what = format!("a batch was appended at {base_offset}, but the log ends at {end}");
            self.differs(event, *partition, what);
        }
    }

    fn on_cut(&mut self, event: &Event, node: BrokerId) {
        let (partition, start, end, chain, high_watermark) = match &event.kind {
            Kind::LogTruncated { partition, log_end_offset, chain, .. } => {
                (*partition, None, *log_end_offset, *chain, None)
            }
            Kind::LogRecovered {
                partition,
                log_start_offset,
                log_end_offset,
                high_watermark,
                chain,
                ..
            } => {
                let start = Some(*log_start_offset);
                (*partition, start, *log_end_offset, *chain, Some(*high_watermark))
            }
            _ => return,
        };
        let is_recovery = start.is_some();
        // Where nothing is left, and perhaps somewhere else than before.
        let began_anew = (chain == ChainHash(0)).then(|| {
            let committed = self.partition(partition).map(|view| &view.committed);
            LogView::starting_at(end, committed.and_then(|committed| committed.chain_at(end)))
        });
        let replica = self.replica_mut(partition, node);
        replica.cut = Some(event.index);
        replica.durable_end = None;
        let before = replica.log.end();
        let leftover = replica.leftover.filter(|_| is_recovery);
        match began_anew {
            Some(log) if replica.log.origin() != end => replica.log = log,
            Some(_) | None => replica.log.truncate_to(end),
        }
        if let Some(leftover) = leftover {
            replica.leftover = None;
            if leftover.chain == replica.log.chain_of(chain) && leftover.end() == end {
                // What was refused stands in the file all the same.
                replica.log.truncate_to(leftover.base);
                replica.log.append(leftover);
            }
        }
        if let Some(start) = start {
            replica.log.start = start;
        }
        replica.high_watermark = high_watermark.unwrap_or(replica.high_watermark).min(end);
        let (known_end, known_chain) = (replica.log.end(), replica.log.own_chain());
        if known_end != end {
            let cut = if is_recovery { "was recovered" } else { "was cut" };
            let what = format!(
                "the log {cut} to {end}, but what is known of it ends there no \
                 batch: {known_end} is the next end below, {before} was the end before"
            );
            self.differs(event, partition, what);
        } else if known_chain != chain {
            let what = format!("the log up to {end} is not what was appended to it");
            self.differs(event, partition, what);
        }
    }

    fn on_high_watermark(
        &mut self,
        partition: TopicPartition,
        node: BrokerId,
        high_watermark: Offset,
        as_leader: bool,
    ) {
        let is_metadata = partition == TopicPartition::CLUSTER_METADATA;
        self.replica_mut(partition, node).high_watermark = high_watermark;
        let view = self.view_mut(partition);
        view.readable_end = view.readable_end.max(high_watermark);
        let is_current = is_metadata
            || view.replicas.get(&node).is_some_and(|replica| replica.leads(view.leader_epoch));
        if as_leader && is_current {
            view.commit(node, high_watermark);
        }
    }

    fn on_role(&mut self, event: &Event, node: BrokerId) {
        let Kind::RoleTaken {
            partition,
            role,
            leader,
            leader_epoch,
            partition_epoch,
            epoch_start,
            high_watermark,
            in_sync,
            min_in_sync,
            ..
        } = &event.kind
        else {
            return;
        };
        let replica = self.replica_mut(*partition, node);
        replica.high_watermark = *high_watermark;
        replica.role = Some(RoleView {
            event: event.index,
            role: *role,
            leader: *leader,
            leader_epoch: *leader_epoch,
            partition_epoch: *partition_epoch,
            epoch_start: *epoch_start,
            in_sync: in_sync.clone(),
            maximal: in_sync.clone(),
            min_in_sync: *min_in_sync,
        });
        // Brokers apply committed records only, so the epoch is committed even when the
        // controller that committed it died before it could say so.
        let view = self.view_mut(*partition);
        view.leader_epoch = view.leader_epoch.max(*leader_epoch);
    }

    fn apply_to_world(&mut self, event: &Event) {
        match &event.kind {
            Kind::PhaseBegan { phase } => self.phase = Some(*phase),
            Kind::FaultBegan { fault, verb, hosts, groups, detail } => {
                let view = FaultView {
                    event: event.index,
                    verb: *verb,
                    since: event.at,
                    hosts: hosts.clone(),
                    groups: groups.clone(),
                    detail: detail.clone(),
                    is_active: true,
                    bit: false,
                };
                self.faults.insert(*fault, view);
            }
            Kind::FaultBit { fault } => {
                self.faults.entry(*fault).and_modify(|fault| fault.bit = true);
            }
            Kind::FaultEnded { fault, .. } => {
                self.faults.entry(*fault).and_modify(|fault| fault.is_active = false);
            }
            _ => self.apply_to_host(event),
        }
    }

    fn apply_to_host(&mut self, event: &Event) {
        let Some(id) = event.host else { return };
        let Some(host) = self.hosts.get_mut(usize::from(id.0)) else { return };
        match &event.kind {
            Kind::HostStarted { incarnation, after } => {
                *host = HostView {
                    is_running: true,
                    incarnation: *incarnation,
                    started_as: Some(*after),
                    start: Some(event.index),
                    lifecycle: None,
                    ..*host
                };
                if let Some(node) = self.setup.node(id)
                    && let Some(registration) = self.registrations.get_mut(&node)
                {
                    registration.is_of_this_start = false;
                }
                if matches!(*after, StartedAs::New | StartedAs::AfterDiskLoss)
                    && let Some(node) = self.setup.node(id)
                {
                    self.forget_disk(node);
                }
            }
            Kind::HostStopped { .. } => {
                host.is_running = false;
                host.is_paused = false;
                host.lifecycle = None;
                host.stop = Some(event.index);
                self.stop_node(id);
            }
            Kind::HostPaused {} => host.is_paused = true,
            Kind::HostResumed {} => host.is_paused = false,
            Kind::BrokerStateEntered { state } => host.lifecycle = Some(*state),
            Kind::ClockSet { by, drift } => {
                host.jumped = host.jumped.saturating_add(*by);
                host.drift = *drift;
            }
            _ => {}
        }
    }

    fn stop_node(&mut self, host: HostId) {
        let Some(node) = self.setup.node(host) else { return };
        for view in self.views_mut() {
            if let Some(replica) = view.replicas.get_mut(&node) {
                replica.role = None;
                replica.is_loaded = false;
            }
        }
        if let Some(member) = self.quorum.members.get_mut(&node) {
            member.stop();
        }
        if self.active_controller() == Some(node) {
            self.quorum.active = None;
        }
    }

    fn forget_disk(&mut self, node: BrokerId) {
        for view in self.views_mut() {
            view.replicas.remove(&node);
        }
        if let Some(member) = self.quorum.members.get_mut(&node) {
            member.forget_disk();
        }
    }

    fn apply_to_metadata(&mut self, event: &Event) {
        let change = match &event.kind {
            Kind::PartitionCommitted { offset, .. }
            | Kind::TopicCommitted { offset, .. }
            | Kind::TopicRemoved { offset, .. }
            | Kind::BrokerUnregistered { offset, .. }
            | Kind::ConfigCommitted { offset, .. }
            | Kind::RegistrationCommitted { offset, .. } => Some(*offset),
            _ => None,
        };
        self.quorum.last_change = self.quorum.last_change.max(change);
        match &event.kind {
            Kind::PartitionDecided { .. } => self.on_decided(event),
            Kind::PartitionCommitted { .. } => self.on_committed(event),
            Kind::TopicCommitted { topic, name, offset } => {
                // A new controller tells again of all that ever was.
                if !self.is_removed(*topic) && self.topics.get(name) != Some(topic) {
                    let before = self.topics.insert(name.clone(), *topic);
                    self.remember(event, *offset, Before::Topic(name.clone(), before));
                }
                self.topic_names.insert(*topic, name.clone());
            }
            Kind::TopicRemoved { topic, offset } => self.on_removed(event, *topic, *offset),
            Kind::BrokerRegistered { broker, broker_epoch, clean, .. } => {
                let known = self.registrations.get_mut(broker);
                if let Some(known) = known.filter(|_| !clean) {
                    known.unclean_epoch = Some(*broker_epoch);
                }
            }
            Kind::RegistrationCommitted { .. } => self.on_registration(event),
            Kind::BrokerUnregistered { broker, broker_epoch, offset } => {
                let known = self.registrations.get(broker);
                if known.is_some_and(|known| known.broker_epoch == *broker_epoch) {
                    let before = self.registrations.remove(broker);
                    self.remember(event, *offset, Before::Registration(*broker, before));
                }
            }
            Kind::ConfigCommitted { resource, key, value, offset } => {
                let value = value.as_ref();
                let before = self.configs.note((resource, key), value, *offset, event.index);
                if let Some(before) = before {
                    self.remember(event, *offset, Before::Config(before));
                }
                if key.as_str() == MIN_INSYNC_REPLICAS {
                    self.hold_to_minima();
                }
            }
            _ => unreachable!("apply sorts the kinds"),
        }
    }

    fn on_removed(&mut self, event: &Event, topic: TopicId, offset: Offset) {
        if !self.removed.insert(topic) {
            return;
        }
        self.topics.retain(|_, known| *known != topic);
        let is_of_it = |partition: &TopicPartition, _: &mut _| partition.topic_id == topic;
        self.gone.extend(self.partitions.extract_if(.., is_of_it));
        self.remember(event, offset, Before::Removed(topic));
    }

    /// Takes over `min.insync.replicas` from the configuration, which changes no partition's epoch.
    pub(crate) fn hold_to_minima(&mut self) {
        for (partition, view) in &mut self.partitions {
            let Some(state) = &mut view.state else { continue };
            let Some(topic) = self.topic_names.get(&partition.topic_id) else { continue };
            let value = self.configs.of_topic(topic, MIN_INSYNC_REPLICAS);
            let wanted = value.and_then(|value| value.as_str().parse().ok()).unwrap_or(1);
            let replicas = u32::try_from(state.replicas.len()).unwrap_or(u32::MAX);
            state.min_in_sync = replicas.min(wanted);
        }
    }

    fn on_decided(&mut self, event: &Event) {
        let Some(controller) = self.node(event) else { return };
        let role = self.quorum.members.get(&controller).and_then(|member| member.role);
        let Kind::PartitionDecided {
            partition,
            offset,
            leader,
            leader_epoch,
            partition_epoch,
            in_sync,
            eligible,
            recovering: _,
            unclean,
        } = &event.kind
        else {
            return;
        };
        self.view_mut(*partition).decided = Some(DecidedView {
            event: event.index,
            controller,
            written_in: role.map(|role| role.leader_epoch).unwrap_or_default(),
            offset: *offset,
            leader: *leader,
            leader_epoch: *leader_epoch,
            partition_epoch: *partition_epoch,
            in_sync: in_sync.clone(),
            eligible: eligible.clone(),
            unclean: *unclean,
        });
    }

    /// Whether what a controller wrote can still be committed: it is in charge as it was, or the
    /// record stands in a voter's log, who may be elected. What only brokers have they will cut.
    pub fn can_be_committed(&self, decided: &DecidedView) -> bool {
        let role = self.quorum.members.get(&decided.controller).and_then(|member| member.role);
        let is_in_charge = role.is_some_and(|role| {
            role.role == QuorumRole::Leader && role.leader_epoch == decided.written_in
        });
        let holds = |replica: &ReplicaView| {
            decided.offset < replica.end_left()
                && (replica.log.entry_at(decided.offset))
                    .is_some_and(|entry| entry.epoch == decided.written_in)
        };
        let mut voters = self.setup.voters();
        is_in_charge || voters.any(|voter| self.metadata.replicas.get(&voter).is_some_and(holds))
    }

    fn on_committed(&mut self, event: &Event) {
        let Kind::PartitionCommitted {
            partition,
            offset,
            replicas,
            leader,
            leader_epoch,
            partition_epoch,
            in_sync,
            eligible,
            last_known,
            recovering,
            min_in_sync,
        } = &event.kind
        else {
            return;
        };
        let view = self.view_mut(*partition);
        if view.state.as_ref().is_some_and(|known| known.offset >= *offset) {
            // A successor tells again what its predecessor told.
            return;
        }
        let before = Before::Partition(*partition, view.state.clone(), view.state_before.clone());
        self.remember(event, *offset, before);
        let view = self.view_mut(*partition);
        let state = StateView {
            event: event.index,
            offset: *offset,
            replicas: replicas.to_vec(),
            leader: *leader,
            leader_epoch: *leader_epoch,
            partition_epoch: *partition_epoch,
            in_sync: in_sync.clone(),
            eligible: eligible.clone(),
            last_known: last_known.to_vec(),
            recovering: *recovering,
            min_in_sync: *min_in_sync,
        };
        view.state_before = view.state.replace(state).map(Box::new);
        view.leader_epoch = view.leader_epoch.max(*leader_epoch);
    }

    fn on_registration(&mut self, event: &Event) {
        let Kind::RegistrationCommitted {
            broker,
            broker_epoch,
            offset,
            fenced,
            in_controlled_shutdown,
            is_new,
        } = &event.kind
        else {
            return;
        };
        let known = self.registrations.get(broker);
        if known.is_some_and(|known| known.offset >= *offset) {
            return;
        }
        let is_of_this_start = *is_new || known.is_some_and(|known| known.is_of_this_start);
        let registration = RegistrationView {
            event: event.index,
            offset: *offset,
            broker_epoch: *broker_epoch,
            fenced: *fenced,
            in_controlled_shutdown: *in_controlled_shutdown,
            is_of_this_start,
            unclean_epoch: known.and_then(|known| known.unclean_epoch),
        };
        let before = self.registrations.insert(*broker, registration);
        self.remember(event, *offset, Before::Registration(*broker, before));
    }

    fn apply_to_quorum(&mut self, event: &Event) {
        let Some(node) = self.node(event) else { return };
        if let Kind::ControllerActivated { leader_epoch } = &event.kind {
            if self.quorum.active.is_none_or(|(_, epoch)| epoch < *leader_epoch) {
                self.quorum.active = Some((node, *leader_epoch));
                self.take_back(node);
            }
            return;
        }
        let member: &mut MemberView = self.quorum.members.entry(node).or_default();
        match &event.kind {
            Kind::ControllerRetired { .. } => {
                if self.quorum.active.is_some_and(|(active, _)| active == node) {
                    self.quorum.active = None;
                }
            }
            Kind::QuorumRoleTaken { role, leader_epoch, leader } => {
                member.take_role(QuorumRoleView {
                    event: event.index,
                    since: event.at,
                    role: *role,
                    leader_epoch: *leader_epoch,
                    leader: *leader,
                });
                self.metadata.leader_epoch = self.metadata.leader_epoch.max(*leader_epoch);
            }
            Kind::VoteGranted { pre_vote: true, .. } => {}
            Kind::VoteGranted { candidate, leader_epoch, pre_vote: false } => {
                let (candidate, leader_epoch) = (*candidate, *leader_epoch);
                let vote = VoteView { event: event.index, candidate, leader_epoch };
                member.cast(vote, self.setup.forgets_votes);
            }
            Kind::QuorumDurable { durable_end } => member.durable_end = Some(*durable_end),
            Kind::MetadataApplied { offset, digest, .. } => {
                let applied = AppliedView { event: event.index, offset: *offset, digest: *digest };
                member.applied = Some(applied);
            }
            _ => unreachable!("apply sorts the kinds"),
        }
    }

    fn on_audited(&mut self, event: &Event, node: BrokerId) {
        let (partition, start, end, high_watermark, chain) = match &event.kind {
            Kind::ReplicaAudited {
                partition,
                log_start_offset,
                log_end_offset,
                high_watermark,
                chain,
                ..
            } => {
                let start = Some(*log_start_offset);
                (*partition, start, *log_end_offset, Some(*high_watermark), *chain)
            }
            Kind::QuorumAudited { log_end_offset, chain, .. } => {
                (TopicPartition::CLUSTER_METADATA, None, *log_end_offset, None, *chain)
            }
            _ => return,
        };
        let none = ReplicaView::default();
        let known = self.partition(partition).and_then(|view| view.replicas.get(&node));
        let known = known.unwrap_or(&none);
        let mut differences = Vec::new();
        if known.log.end() != end {
            differences.push(format!("its log ends at {end}, on record at {}", known.log.end()));
        } else if known.log.own_chain() != chain {
            differences.push(format!("its log up to {end} is not the one on record"));
        }
        if let Some(real) = start.filter(|real| *real != known.log.start) {
            differences.push(format!("its log begins at {real}, on record at {}", known.log.start));
        }
        if let Some(real) = high_watermark.filter(|real| *real != known.high_watermark) {
            let known = known.high_watermark;
            differences.push(format!("its high watermark is {real}, on record {known}"));
        }
        for difference in differences {
            let what = format!("{}: {difference}", self.partition_name(partition));
            self.differs(event, partition, what);
        }
    }

    /// Whether liveness is asked for: faults have ended and time to settle was given.
    pub fn is_settling(&self) -> bool {
        matches!(self.phase, Some(Phase::Settle | Phase::Audit))
    }

    /// The brokers among `set` that the controller may elect.
    pub fn electable(&self, set: &BrokerSet) -> BrokerSet {
        set.iter().filter(|broker| self.is_electable(*broker)).collect()
    }
}
