//! Leaders and in-sync sets: what follows when a broker comes or goes, what leaders ask for,
//! what is looked at from time to time.

use kafka_protocol::messages::AlterPartitionResponse;
use kafka_protocol::messages::alter_partition_request as ask;
use kafka_protocol::messages::alter_partition_response as say;

use kafka_protocol::messages::AlterPartitionRequest;

use crate::event::Kind;
use crate::message::convert::{broker_to_wire, topic_id};
use crate::message::{MetadataRecord, PartitionState};
use crate::protocol::controller::election::{Election, PartitionChangeBuilder, record};
use crate::protocol::controller::state::{Active, Decision};
use crate::types::{
    BrokerId, BrokerSet, Deed, Defect, ErrorCode, LeaderEpoch, PartitionEpoch, TopicPartition,
};

/// How many elections one batch may hold (`MAX_ELECTIONS_PER_IMBALANCE`).
pub(crate) const ELECTIONS_MAX: usize = 1000;

/// What happens to a broker, as far as leaders and in-sync sets go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// It is fenced, or begins to shut down: it leaves every in-sync set.
    Leaves(BrokerId),
    /// It is unfenced: it may lead partitions that have no leader.
    Returns(BrokerId),
    /// It left the cluster for good: as if it left, but where nobody leads, too.
    Unregisters(BrokerId),
    /// It came back without its page cache: it leaves every in-sync set and is not eligible.
    LostItsTail(BrokerId),
}

impl Active {
    /// The records that `turn` makes necessary. The image still shows the broker as it was.
    ///
    /// Source: Kafka, `ReplicationControlManager.generateLeaderAndIsrUpdates`.
    pub(crate) fn leader_and_in_sync_updates(&self, turn: Turn) -> Vec<MetadataRecord> {
        let is_concerned = |state: &PartitionState| match turn {
            Turn::Leaves(broker) => state.in_sync.contains(broker),
            Turn::Returns(_) => state.leader.is_none(),
            Turn::LostItsTail(broker) | Turn::Unregisters(broker) => {
                state.in_sync.contains(broker) || state.eligible.contains(broker)
            }
        };
        let is_acceptable = |replica: BrokerId| match turn {
            Turn::Leaves(broker) | Turn::LostItsTail(broker) | Turn::Unregisters(broker) => {
                replica != broker && self.image.is_active(replica)
            }
            Turn::Returns(broker) => replica == broker || self.image.is_active(replica),
        };
        let change = |(partition, state): (TopicPartition, &PartitionState)| {
            let mut builder = self.builder(partition, state, &is_acceptable);
            match turn {
                Turn::Returns(_) => {}
                Turn::Leaves(broker) => {
                    builder.in_sync.remove(broker);
                    if self.config.defects.has(Defect::NoElection) {
                        if state.leader == Some(broker) && state.in_sync.len() > 1 {
                            Deed::note(Defect::NoElection, partition);
                        }
                        builder.election = Election::Nobody;
                    }
                }
                Turn::Unregisters(broker) => {
                    builder.in_sync.remove(broker);
                }
                Turn::LostItsTail(broker) => {
                    if state.in_sync == BrokerSet::of(broker) {
                        // It keeps its place, and may be elected again with less than it had.
                        self.config.defects.acts(Defect::LastReplicaStanding, partition);
                    }
                    builder.in_sync.remove(broker);
                    builder.unclean_shutdown = Some(broker);
                }
            }
            let change = builder.build()?;
            Some(record(partition, state, change, self.config.defects))
        };
        match turn {
            Turn::Returns(_) => self
                .leaderless
                .iter()
                .filter_map(|partition| Some((*partition, &**self.image.partition(*partition)?)))
                .filter_map(change)
                .collect(),
            Turn::Leaves(_) | Turn::LostItsTail(_) | Turn::Unregisters(_) => self
                .image
                .partitions()
                .map(|(partition, state)| (partition, &**state))
                .filter(|(_, state)| is_concerned(state))
                .filter_map(change)
                .collect(),
        }
    }

    /// Whether `broker` leads a partition.
    pub(crate) fn has_leaderships(&self, broker: BrokerId) -> bool {
        self.image.partitions().any(|(_, state)| state.leader == Some(broker))
    }

    /// Elects preferred leaders where they are in sync.
    ///
    /// Source: Kafka, `maybeBalancePartitionLeaders`.
    pub(crate) fn balance_leaders(&self) -> Vec<MetadataRecord> {
        self.elect_among(self.imbalanced.iter(), Election::Preferred)
    }

    /// Elects leaders where there are none and any replica will do.
    ///
    /// Source: Kafka, `maybeElectUncleanLeaders`.
    pub(crate) fn elect_unclean_leaders(&self) -> Vec<MetadataRecord> {
        let allowed = self.leaderless.iter().filter(|p| self.unclean_enabled(p.topic_id));
        self.elect_among(allowed, Election::Unclean)
    }

    fn elect_among<'a>(
        &self,
        partitions: impl Iterator<Item = &'a TopicPartition>,
        election: Election,
    ) -> Vec<MetadataRecord> {
        let elect = |partition: &TopicPartition| self.elect(*partition, election);
        partitions.filter_map(elect).take(ELECTIONS_MAX).collect()
    }

    pub(crate) fn builder<'a>(
        &self,
        partition: TopicPartition,
        state: &'a PartitionState,
        is_acceptable: &'a dyn Fn(BrokerId) -> bool,
    ) -> PartitionChangeBuilder<'a> {
        let min_in_sync = self.image.min_in_sync(self.config.node, partition);
        let enabled = self.eligible_enabled();
        let mut builder = PartitionChangeBuilder::new(state, is_acceptable, min_in_sync, enabled);
        builder.defects = self.config.defects;
        builder.is_eligible_kept_off = self.config.eligible_leader_replicas
            && self.config.defects.has(Defect::LastReplicaStanding);
        if self.unclean_enabled(partition.topic_id) {
            builder.election = Election::Unclean;
        }
        builder
    }

    /// A leader asks for other in-sync sets.
    ///
    /// # Errors
    ///
    /// `STALE_BROKER_EPOCH` when the sender's registration is another by now; every other
    /// refusal is a partition's own and stands in the answer.
    ///
    /// # Source
    ///
    /// Kafka, `ReplicationControlManager.alterPartition`; KIP-497, KIP-841, KIP-903.
    pub(crate) fn alter_partition(
        &self,
        request: &AlterPartitionRequest,
    ) -> (Decision, Result<(), ErrorCode>) {
        let sender = BrokerId(request.broker_id.0);
        let is_current = self.is_current(sender, request.broker_epoch);
        let mut decision = Decision::default();
        let mut body = AlterPartitionResponse::default();
        for asked_topic in &request.topics {
            let mut topic = say::TopicData::default();
            topic.topic_id = asked_topic.topic_id;
            for asked in &asked_topic.partitions {
                let id = topic_id(asked_topic.topic_id);
                let partition = TopicPartition::new(id, asked.partition_index);
                let result = if is_current {
                    self.alter_one(sender, partition, asked, &mut decision.records)
                } else {
                    Err(ErrorCode::StaleBrokerEpoch)
                };
                decision.events.push(Kind::AlterPartitionDecided {
                    partition,
                    leader: sender,
                    in_sync: asked_in_sync(asked),
                    error: result.as_ref().err().copied().unwrap_or(ErrorCode::None),
                });
                topic.partitions.push(answer(asked, result));
            }
            body.topics.push(topic);
        }
        decision.body = Some(body.into());
        (decision, if is_current { Ok(()) } else { Err(ErrorCode::StaleBrokerEpoch) })
    }

    fn alter_one(
        &self,
        sender: BrokerId,
        partition: TopicPartition,
        asked: &ask::PartitionData,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<PartitionState, ErrorCode> {
        let state = self.image.partition(partition);
        if self.image.topic(partition.topic_id).is_none() {
            return Err(ErrorCode::UnknownTopicId);
        }
        let state = state.ok_or(ErrorCode::UnknownTopicOrPartition)?;
        self.validate(sender, state, asked)?;
        let is_acceptable = |replica: BrokerId| self.image.is_active(replica);
        let mut builder = self.builder(partition, state, &is_acceptable);
        builder.in_sync = asked_in_sync(asked);
        builder.recovering = asked.leader_recovery_state == RECOVERING;
        let Some(change) = builder.build() else { return Ok((**state).clone()) };
        let moves_leader = change.leader.is_some_and(|leader| leader != Some(sender));
        let mut next = (**state).clone();
        next.apply(&change);
        records.push(record(partition, state, change, self.config.defects));
        if moves_leader { Err(ErrorCode::NewLeaderElected) } else { Ok(next) }
    }

    /// Whether a leader's request may be granted, in Kafka's order of questions.
    fn validate(
        &self,
        sender: BrokerId,
        state: &PartitionState,
        asked: &ask::PartitionData,
    ) -> Result<(), ErrorCode> {
        let leader_epoch = LeaderEpoch(asked.leader_epoch);
        let partition_epoch = PartitionEpoch(asked.partition_epoch);
        // Whoever knows more than we do has heard of a newer controller (KAFKA-14154).
        if leader_epoch > state.leader_epoch || partition_epoch > state.partition_epoch {
            return Err(ErrorCode::NotController);
        }
        if leader_epoch < state.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if state.leader != Some(sender) {
            return Err(ErrorCode::InvalidRequest);
        }
        if partition_epoch < state.partition_epoch
            && !self.config.defects.acts(Defect::PartitionEpochIgnored, None)
        {
            return Err(ErrorCode::InvalidUpdateVersion);
        }
        let in_sync = asked_in_sync(asked);
        let is_valid = in_sync.len() == asked.new_isr_with_epochs.len()
            && in_sync.iter().all(|broker| state.replicas.contains(&broker))
            && in_sync.contains(sender);
        let recovering = asked.leader_recovery_state == RECOVERING;
        if !is_valid || (recovering && (in_sync.len() > 1 || !state.recovering)) {
            return Err(ErrorCode::InvalidRequest);
        }
        let all_eligible = asked.new_isr_with_epochs.iter().all(|member| self.may_join(member));
        if all_eligible { Ok(()) } else { Err(ErrorCode::IneligibleReplica) }
    }

    /// Whether a replica may be in sync: registered in the epoch in which its leader saw it,
    /// neither fenced nor shutting down (KIP-841, KIP-903).
    fn may_join(&self, member: &ask::BrokerState) -> bool {
        let Some(registration) = self.image.broker(BrokerId(member.broker_id.0)) else {
            return false;
        };
        // An epoch of -1 was sent by a leader that does not know it.
        let epoch = member.broker_epoch;
        !registration.in_controlled_shutdown
            && (epoch == -1 || epoch == registration.broker_epoch.0)
            && (!registration.fenced || self.config.defects.acts(Defect::FencedInSync, None))
    }
}

/// `LeaderRecoveryState.RECOVERING`.
const RECOVERING: i8 = 1;

fn asked_in_sync(asked: &ask::PartitionData) -> BrokerSet {
    asked.new_isr_with_epochs.iter().map(|member| BrokerId(member.broker_id.0)).collect()
}

fn answer(
    asked: &ask::PartitionData,
    result: Result<PartitionState, ErrorCode>,
) -> say::PartitionData {
    let mut said = say::PartitionData::default();
    said.partition_index = asked.partition_index;
    match result {
        Ok(state) => {
            said.leader_id = broker_to_wire(state.leader);
            said.isr = state.in_sync.iter().map(|broker| broker_to_wire(Some(broker))).collect();
            said.leader_recovery_state = i8::from(state.recovering);
            said.leader_epoch = state.leader_epoch.0;
            said.partition_epoch = state.partition_epoch.0;
        }
        Err(error) => said.error_code = error.code(),
    }
    said
}
