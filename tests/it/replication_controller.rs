//! A controller for the replication tests: one partition, every decision committed at once, made
//! when the schedule says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages as k;
use kafka_protocol::messages::alter_partition_request as ask;
use kafka_protocol::messages::alter_partition_response as answer;

use kafsim::message::{PartitionState, Standing};
use kafsim::types::{
    BrokerEpoch, BrokerId, BrokerSet, ErrorCode, LeaderEpoch, PartitionEpoch, TopicId,
    TopicPartition,
};

pub(crate) const PARTITION: TopicPartition =
    TopicPartition { topic_id: TopicId(7), partition: kafsim::types::PartitionIndex(0) };
pub(crate) const BROKERS: [BrokerId; 3] = [BrokerId(1), BrokerId(2), BrokerId(3)];
pub(crate) const MIN_IN_SYNC: u32 = 2;

/// Metadata after one decision.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) state: Arc<PartitionState>,
    pub(crate) standings: Arc<BTreeMap<BrokerId, Standing>>,
}

/// The controller.
#[derive(Clone, Debug)]
pub(crate) struct Controller {
    pub(crate) log: Vec<Entry>,
    /// Whether it keeps eligible leader replicas and looks for unclean shutdowns (KIP-966).
    is_careful: bool,
}

impl Controller {
    /// All brokers are registered; `in_sync` is the in-sync set, its first member leads.
    pub(crate) fn new(in_sync: &[i32], is_careful: bool) -> Self {
        let standings = BROKERS.iter().map(|&broker| {
            let broker_epoch = BrokerEpoch(i64::from(broker.0));
            (broker, Standing { broker_epoch, fenced: false, in_controlled_shutdown: false })
        });
        let state = PartitionState {
            replicas: BROKERS.to_vec(),
            in_sync: in_sync.iter().map(|id| BrokerId(*id)).collect(),
            eligible: BrokerSet::default(),
            last_known: Vec::new(),
            leader: in_sync.first().map(|id| BrokerId(*id)),
            recovering: false,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
        };
        let standings = Arc::new(standings.collect());
        Self { log: vec![Entry { state: Arc::new(state), standings }], is_careful }
    }

    pub(crate) fn state(&self) -> &PartitionState {
        &self.latest().state
    }

    pub(crate) fn standing(&self, broker: BrokerId) -> Standing {
        self.latest().standings[&broker]
    }

    fn latest(&self) -> &Entry {
        self.log.last().expect("the log has an entry from the beginning")
    }

    /// Elects `broker`, if it is a clean choice, also if it leads already.
    pub(crate) fn elect(&mut self, broker: BrokerId) -> bool {
        let is_valid = self.state().in_sync.contains(broker) && !self.standing(broker).fenced;
        if is_valid {
            let mut state = self.state().clone();
            state.leader = Some(broker);
            state.leader_epoch = state.leader_epoch.next();
            self.commit(state, (*self.latest().standings).clone());
        }
        is_valid
    }

    /// The session of `broker` ended.
    pub(crate) fn fence(&mut self, broker: BrokerId) {
        let mut standings = (*self.latest().standings).clone();
        let standing = standings.get_mut(&broker).expect("all brokers are registered");
        if !std::mem::replace(&mut standing.fenced, true) {
            let state = self.without(broker, false, &standings);
            self.commit(state, standings);
        }
    }

    /// A new process of `broker`, whose session has ended, registers.
    pub(crate) fn register(&mut self, broker: BrokerId, is_clean: bool) -> BrokerEpoch {
        self.fence(broker);
        let mut standings = (*self.latest().standings).clone();
        let broker_epoch = BrokerEpoch(100 + self.log.len() as i64);
        standings.get_mut(&broker).expect("all are registered").broker_epoch = broker_epoch;
        let is_unclean = self.is_careful && !is_clean;
        let state = self.without(broker, is_unclean, &standings);
        self.commit(state, standings);
        broker_epoch
    }

    /// `broker` has caught up with the metadata and may serve.
    pub(crate) fn unfence(&mut self, broker: BrokerId) {
        if !self.standing(broker).fenced {
            return;
        }
        let mut standings = (*self.latest().standings).clone();
        standings.get_mut(&broker).expect("all are registered").fenced = false;
        let mut state = self.state().clone();
        if state.leader.is_none() {
            choose_leader(&mut state, &standings);
        }
        self.commit(state, standings);
    }

    /// The state after `broker` left the in-sync set, and with `is_unclean` the eligible replicas
    /// too.
    fn without(
        &self,
        broker: BrokerId,
        is_unclean: bool,
        standings: &BTreeMap<BrokerId, Standing>,
    ) -> PartitionState {
        let mut state = self.state().clone();
        let old = state.in_sync.union(&state.eligible);
        let left = state.in_sync.without(&BrokerSet::of(broker));
        // Without eligible replicas the last member is not taken out.
        if self.is_careful || !left.is_empty() {
            state.in_sync = left;
        }
        self.set_eligible(&mut state, &old);
        if is_unclean {
            state.eligible.remove(broker);
        }
        if state.leader.is_none_or(|leader| !state.in_sync.contains(leader)) {
            choose_leader(&mut state, standings);
        } else if state.leader == Some(broker) {
            state.leader = None;
            state.leader_epoch = state.leader_epoch.next();
        }
        state
    }

    fn set_eligible(&self, state: &mut PartitionState, old: &BrokerSet) {
        let is_enough = state.in_sync.len() >= MIN_IN_SYNC as usize;
        state.eligible = if is_enough || !self.is_careful {
            BrokerSet::default()
        } else {
            old.without(&state.in_sync)
        };
    }

    fn commit(&mut self, mut state: PartitionState, standings: BTreeMap<BrokerId, Standing>) {
        if state != *self.state() {
            state.partition_epoch = state.partition_epoch.next();
        }
        let standings = Arc::new(standings);
        self.log.push(Entry { state: Arc::new(state), standings });
    }

    /// Decides on AlterPartition, in Kafka's order of checks.
    pub(crate) fn alter_partition(
        &mut self,
        body: &k::AlterPartitionRequest,
    ) -> k::AlterPartitionResponse {
        let sender = BrokerId(body.broker_id.0);
        let response = k::AlterPartitionResponse::default();
        if self.standing(sender).broker_epoch.0 != body.broker_epoch {
            return response.with_error_code(ErrorCode::StaleBrokerEpoch.code());
        }
        let wish = &body.topics[0].partitions[0];
        let data = match self.judge(sender, wish) {
            Err(error) => answer::PartitionData::default().with_error_code(error.code()),
            Ok(in_sync) => {
                if in_sync != self.state().in_sync {
                    let mut state = self.state().clone();
                    let old = state.in_sync.union(&state.eligible);
                    state.in_sync = in_sync;
                    self.set_eligible(&mut state, &old);
                    self.commit(state, (*self.latest().standings).clone());
                }
                let state = self.state();
                answer::PartitionData::default()
                    .with_leader_id(k::BrokerId(state.leader.map_or(-1, |leader| leader.0)))
                    .with_leader_epoch(state.leader_epoch.0)
                    .with_partition_epoch(state.partition_epoch.0)
                    .with_isr(state.in_sync.iter().map(|b| k::BrokerId(b.0)).collect())
            }
        };
        let topic = answer::TopicData::default()
            .with_topic_id(body.topics[0].topic_id)
            .with_partitions(vec![data]);
        response.with_topics(vec![topic])
    }

    fn judge(&self, sender: BrokerId, wish: &ask::PartitionData) -> Result<BrokerSet, ErrorCode> {
        let state = self.state();
        let is_future = wish.leader_epoch > state.leader_epoch.0
            || wish.partition_epoch > state.partition_epoch.0;
        if is_future {
            return Err(ErrorCode::NotController);
        }
        if wish.leader_epoch < state.leader_epoch.0 {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if state.leader != Some(sender) {
            return Err(ErrorCode::InvalidRequest);
        }
        if wish.partition_epoch < state.partition_epoch.0 {
            return Err(ErrorCode::InvalidUpdateVersion);
        }
        let members = &wish.new_isr_with_epochs;
        let is_fit = members.iter().all(|member| {
            let standing = self.standing(BrokerId(member.broker_id.0));
            let is_same =
                member.broker_epoch == -1 || member.broker_epoch == standing.broker_epoch.0;
            !standing.fenced && is_same
        });
        if !is_fit {
            return Err(ErrorCode::IneligibleReplica);
        }
        Ok(members.iter().map(|member| BrokerId(member.broker_id.0)).collect())
    }
}

/// Elects the first replica that is in sync and alive, else an eligible one, else nobody.
fn choose_leader(state: &mut PartitionState, standings: &BTreeMap<BrokerId, Standing>) {
    let first = |set: &BrokerSet| {
        let fits = |broker: &&BrokerId| set.contains(**broker) && !standings[*broker].fenced;
        state.replicas.iter().find(fits).copied()
    };
    let eligible = if state.in_sync.is_empty() { first(&state.eligible) } else { None };
    let leader = first(&state.in_sync).or(eligible);
    if let Some(leader) = eligible {
        state.in_sync = BrokerSet::of(leader);
        state.eligible.remove(leader);
    }
    if state.leader != leader {
        state.leader = leader;
        state.leader_epoch = state.leader_epoch.next();
    }
}
