//! The controller machine: who is in charge, what is pending, what is due.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::{About, Kind};
use crate::message::{Batch, MetadataRecord, Records, RequestBody, Response, ResponseBody};
use crate::protocol::controller::committed::{committed, decided};
use crate::protocol::controller::config::Config;
use crate::protocol::controller::effect::Effect;
use crate::protocol::controller::input::Input;
use crate::protocol::controller::refusal::refuse;
use crate::protocol::controller::replicas::ELECTIONS_MAX;
use crate::protocol::controller::state::{Active, Decision};
use crate::protocol::image::{
    ELIGIBLE_LEADER_REPLICAS_VERSION, MIN_INSYNC_REPLICAS, MetadataImage,
};
use crate::protocol::machine::Machine;
use crate::types::{
    ApiKey, ConfigResource, ConnectionId, CorrelationId, Deadlines, Defect, ErrorCode, LeaderEpoch,
    Monotonic, Now, Offset, Rng,
};

/// The controller of one node, in charge or not.
///
/// Source: Kafka, `QuorumController`. All of its timers go by the steady clock
/// (`Time.nanoseconds`).
#[derive(Clone, Debug)]
pub struct Controller {
    config: Arc<Config>,
    rng: Rng,
    /// What the quorum has committed, as far as this node knows.
    committed: MetadataImage,
    /// Present while this node is in charge.
    active: Option<Active>,
    /// Answers that wait for the commit of all below an offset, by that offset.
    pending: VecDeque<Pending>,
    /// Committed facts of the last epoch that may not have been told: whoever led it may have
    /// died before it could.
    untold: imbl::Vector<Kind>,
    untold_epoch: LeaderEpoch,
}

#[derive(Clone, Debug)]
struct Pending {
    until: Offset,
    request: ConnectionId,
    asked: RequestBody,
    body: ResponseBody,
}

/// How soon elections go on that did not fit one batch.
const NEXT_ELECTIONS_AFTER: std::time::Duration = std::time::Duration::from_millis(10);

impl Machine for Controller {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Request { request, body } => self.on_request(now, request, body, effects),
            Input::Committed { batches } => self.on_committed(&batches, effects),
            Input::Claimed { leader_epoch, end_offset } => {
                self.on_claimed(now, leader_epoch, end_offset, effects);
            }
            Input::Resigned => self.on_resigned(effects),
            Input::DeadlineReached => self.on_deadline(now, effects),
        }
        self.assert_invariants();
    }

    fn deadlines(&self) -> Deadlines {
        let Some(active) = &self.active else { return Deadlines::NONE };
        let timers =
            [active.heartbeats.next_check(), active.no_op_at, active.balance_at, active.unclean_at];
        Deadlines::monotonic(timers.into_iter().flatten().min())
    }
}

impl Controller {
    /// A controller that has seen nothing of the log yet; `rng` draws topic ids and places
    /// replicas.
    pub fn new(config: Arc<Config>, rng: Rng) -> Self {
        Self {
            config,
            rng,
            committed: MetadataImage::new(),
            active: None,
            pending: VecDeque::new(),
            untold: imbl::Vector::new(),
            untold_epoch: LeaderEpoch::default(),
        }
    }

    /// Whether requests of this kind are the controller's to answer.
    pub fn serves(api: ApiKey) -> bool {
        matches!(
            api,
            ApiKey::BrokerRegistration
                | ApiKey::BrokerHeartbeat
                | ApiKey::AlterPartition
                | ApiKey::AllocateProducerIds
                | ApiKey::CreateTopics
                | ApiKey::DeleteTopics
                | ApiKey::CreatePartitions
                | ApiKey::Envelope
        )
    }

    /// What the quorum has committed, as far as this node knows.
    pub fn image(&self) -> &MetadataImage {
        &self.committed
    }

    /// What was decided, committed or not; `None` while another node is in charge.
    pub fn uncommitted_image(&self) -> Option<&MetadataImage> {
        self.active.as_ref().map(|active| &active.image)
    }

    /// The epoch in which this node is in charge, if it is.
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.active.as_ref().map(|active| active.leader_epoch)
    }

    fn on_request(
        &mut self,
        now: Now,
        request: ConnectionId,
        asked: RequestBody,
        effects: &mut Vec<Effect>,
    ) {
        let result = match &mut self.active {
            Some(active) => decide(active, &mut self.rng, now, &asked, request, effects),
            None => Err(ErrorCode::NotController),
        };
        match result {
            Ok(mut decision) => {
                let body = decision.body.take();
                self.write(now, decision, About::Request(request), effects);
                if let Some(body) = body {
                    self.answer_when_committed(request, asked, body, effects);
                }
            }
            // Refused as a whole: nothing was decided, nothing need be waited for.
            Err(error) => {
                if let Some(body) = refuse(&asked, error) {
                    effects.push(Effect::Answer { request, body });
                }
            }
        }
    }

    /// Applies what was decided to the uncommitted image and has it appended.
    fn write(&mut self, now: Now, decision: Decision, about: About, effects: &mut Vec<Effect>) {
        let Some(active) = &mut self.active else { return };
        let Decision { records, body: _, events, shutting_down } = decision;
        effects.extend(events.into_iter().map(|kind| Effect::Event { kind, about }));
        let base_offset = active.image.end_offset();
        for record in &records {
            let offset = active.image.end_offset();
            if let MetadataRecord::Partition { partition, .. }
            | MetadataRecord::PartitionChange { partition, .. } = record
            {
                let before = active.image.partition(*partition).cloned();
                active.apply(record, now);
                if let Some(after) = active.image.partition(*partition) {
                    let kind = decided(*partition, offset, before.as_deref(), after);
                    effects.push(Effect::Event { kind, about });
                }
            } else {
                active.apply(record, now);
            }
        }
        if let Some(broker) = shutting_down {
            let last = Offset(active.image.end_offset().0 - 1);
            active.heartbeats.begin_shutdown(broker, last);
        }
        if !records.is_empty() {
            let leader_epoch = active.leader_epoch;
            effects.push(Effect::Append { leader_epoch, base_offset, records });
        }
        schedule(active, now);
    }

    /// What was decided may rest on what is not committed, so even a plain answer waits for that.
    fn answer_when_committed(
        &mut self,
        request: ConnectionId,
        asked: RequestBody,
        body: ResponseBody,
        effects: &mut Vec<Effect>,
    ) {
        let decided = self.active.as_ref().map(|active| active.image.end_offset());
        match decided.filter(|end| *end > self.committed.end_offset()) {
            Some(until) => self.pending.push_back(Pending { until, request, asked, body }),
            None => effects.push(Effect::Answer { request, body }),
        }
    }

    fn on_committed(&mut self, batches: &[Batch], effects: &mut Vec<Effect>) {
        for batch in batches {
            // Whatever comes of a later epoch, this node is no longer in charge in its own.
            if self.leader_epoch().is_some_and(|epoch| epoch < batch.leader_epoch) {
                self.on_resigned(effects);
            }
            let (at, end) = (batch.base_offset, self.committed.end_offset());
            assert_eq!(at, end, "committed batches follow each other");
            match &batch.body.records {
                Records::Metadata(records) => {
                    self.apply_committed(batch.leader_epoch, records, effects);
                }
                Records::Data(_) | Records::Group(_) | Records::LeaderChange { .. } => {
                    self.committed.skip_to(batch.end_offset(), batch.leader_epoch);
                }
            }
        }
        let Some(leader_epoch) = self.committed.leader_epoch() else { return };
        let (offset, digest) = (self.committed.end_offset(), self.committed.digest());
        let kind = Kind::MetadataApplied { offset, leader_epoch, digest };
        effects.push(Effect::Event { kind, about: About::Nothing });
        while self.pending.front().is_some_and(|pending| pending.until <= offset) {
            let Pending { request, body, .. } = self.pending.pop_front().expect("just seen");
            effects.push(Effect::Answer { request, body });
        }
    }

    fn apply_committed(
        &mut self,
        epoch: LeaderEpoch,
        records: &[MetadataRecord],
        effects: &mut Vec<Effect>,
    ) {
        // A controller of this epoch has taken charge, and told all that was before it.
        if epoch > self.untold_epoch {
            self.untold.clear();
            self.untold_epoch = epoch;
        }
        let node = self.config.node;
        for record in records {
            let before = self.committed.clone();
            let offset = before.end_offset();
            self.committed.apply(offset, epoch, record);
            let is_active = self.active.is_some();
            let untold = &mut self.untold;
            committed(node, (&before, &self.committed), offset, record, |kind| {
                if is_active {
                    effects.push(Effect::Event { kind, about: About::Nothing });
                } else {
                    untold.push_back(kind);
                }
            });
        }
    }

    fn on_claimed(
        &mut self,
        now: Now,
        leader_epoch: LeaderEpoch,
        end_offset: Offset,
        effects: &mut Vec<Effect>,
    ) {
        // Claimed again in a newer epoch without having been told of the loss.
        self.on_resigned(effects);
        let known = self.committed.end_offset();
        assert!(
            known == end_offset || self.is_hasty(),
            "all before the claim at {end_offset} is committed and was given, up to {known}"
        );
        let about = About::Nothing;
        effects.push(Effect::Event { kind: Kind::ControllerActivated { leader_epoch }, about });
        let untold = std::mem::take(&mut self.untold);
        effects.extend(untold.into_iter().map(|kind| Effect::Event { kind, about }));
        let config = Arc::clone(&self.config);
        let mut active = Active::claim(config, leader_epoch, &self.committed, now);
        active.no_op_at = self.config.metadata_max_idle_interval.map(|i| now.monotonic + i);
        active.image.skip_to(end_offset, leader_epoch);
        self.active = Some(active);
        let records = self.activation_records();
        self.write(now, Decision::write(records), about, effects);
    }

    /// What forms a cluster; nothing when there is one.
    ///
    /// Source: Kafka, `ActivationRecordsGenerator`; for `min.insync.replicas` KIP-966: once
    /// eligible leader replicas are on, the cluster-wide value is the controllers' to keep.
    fn activation_records(&self) -> Vec<MetadataRecord> {
        if self.committed.feature(METADATA_VERSION) > 0 {
            return Vec::new();
        }
        let level = self.config.metadata_version;
        let mut records =
            vec![MetadataRecord::FeatureLevel { feature: METADATA_VERSION.into(), level }];
        let no_eligible = self.config.defects.has(Defect::LastReplicaStanding);
        if self.config.eligible_leader_replicas && !no_eligible {
            let feature = ELIGIBLE_LEADER_REPLICAS_VERSION.into();
            records.push(MetadataRecord::FeatureLevel { feature, level: 1 });
        }
        // Differs from Kafka: written without that feature too, so that brokers have one place
        // to look. All nodes of a cluster share one configuration here.
        records.push(MetadataRecord::Config {
            resource: ConfigResource::Cluster,
            key: MIN_INSYNC_REPLICAS.into(),
            value: Some(self.config.min_insync_replicas.to_string().into()),
        });
        records
    }

    fn on_resigned(&mut self, effects: &mut Vec<Effect>) {
        let Some(active) = self.active.take() else { return };
        for Pending { request, asked, .. } in self.pending.drain(..) {
            let body = refuse(&asked, ErrorCode::NotController);
            effects.extend(body.map(|body| Effect::Answer { request, body }));
        }
        let kind = Kind::ControllerRetired { leader_epoch: active.leader_epoch };
        effects.push(Effect::Event { kind, about: About::Nothing });
    }

    /// Does one thing that is due; what else is due comes with the next deadline.
    fn on_deadline(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(active) = &mut self.active else { return };
        let is_due = |at: Option<Monotonic>| at.is_some_and(|at| at <= now.monotonic);
        let again = |records: &[MetadataRecord]| {
            (records.len() >= ELECTIONS_MAX).then_some(now.monotonic + NEXT_ELECTIONS_AFTER)
        };
        let decision = if let Some(decision) = active.fence_one_stale(now.monotonic) {
            decision
        } else if is_due(active.no_op_at) {
            active.no_op_at = self.config.metadata_max_idle_interval.map(|i| now.monotonic + i);
            Decision::write(vec![MetadataRecord::NoOp])
        } else if is_due(active.unclean_at) {
            let records = active.elect_unclean_leaders();
            active.unclean_at = again(&records);
            Decision::write(records)
        } else if is_due(active.balance_at) {
            let records = active.balance_leaders();
            active.balance_at = again(&records);
            Decision::write(records)
        } else {
            return;
        };
        self.write(now, decision, About::Nothing, effects);
    }

    /// Whether it may decide on what it has not replayed: a defect.
    fn is_hasty(&self) -> bool {
        self.config.defects.has(Defect::ClaimedBeforeReplayed)
    }

    fn assert_invariants(&self) {
        let committed = self.committed.end_offset();
        if let Some(active) = &self.active {
            let decided = active.image.end_offset();
            assert!(committed <= decided, "{committed} is committed, only {decided} decided");
            if committed == decided && !self.is_hasty() {
                let digests = (self.committed.digest(), active.image.digest());
                assert_eq!(digests.0, digests.1, "what is committed is not what was decided");
            }
        } else {
            assert!(self.pending.is_empty(), "nobody in charge has answers to give");
        }
        assert!(self.pending.front().is_none_or(|pending| pending.until > committed));
    }
}

/// The feature that every cluster has.
const METADATA_VERSION: &str = "metadata.version";

/// Decides on a request of the active controller.
///
/// # Errors
///
/// The error with which the request fails as a whole.
fn decide(
    active: &mut Active,
    rng: &mut Rng,
    now: Now,
    asked: &RequestBody,
    request: ConnectionId,
    effects: &mut Vec<Effect>,
) -> Result<Decision, ErrorCode> {
    match asked {
        RequestBody::BrokerRegistration(body) => active.register(body, now.monotonic),
        RequestBody::BrokerHeartbeat(body) => active.heartbeat(body, now),
        RequestBody::AlterPartition(body) => {
            let (decision, stale) = active.alter_partition(body);
            if stale.is_err() {
                let about = About::Request(request);
                let events = decision.events.iter().cloned();
                effects.extend(events.map(|kind| Effect::Event { kind, about }));
            }
            stale.map(|()| decision)
        }
        RequestBody::AllocateProducerIds(body) => active.allocate_producer_ids(body),
        RequestBody::CreateTopics(body) => Ok(active.create_topics(body, rng)),
        RequestBody::DeleteTopics(body) => Ok(active.delete_topics(body)),
        RequestBody::CreatePartitions(body) => Ok(active.create_partitions(body, rng)),
        RequestBody::Envelope(inner) => {
            let result = if let RequestBody::CreateTopics(body) = &inner.body {
                Ok(active.create_topics(body, rng))
            } else if let RequestBody::DeleteTopics(body) = &inner.body {
                Ok(active.delete_topics(body))
            } else if let RequestBody::CreatePartitions(body) = &inner.body {
                Ok(active.create_partitions(body, rng))
            } else if let RequestBody::ElectLeaders(body) = &inner.body {
                active.elect_leaders(body)
            } else if let RequestBody::IncrementalAlterConfigs(body) = &inner.body {
                Ok(active.alter_configs(body))
            } else if let RequestBody::UnregisterBroker(body) = &inner.body {
                active.unregister_broker(body)
            } else {
                return Err(not_forwarded(inner.body.api()));
            };
            // What is refused as a whole is refused in the client's own words, not the envelope's.
            let mut decision = result.unwrap_or_else(|error| Decision {
                body: refuse(&inner.body, error),
                ..Decision::default()
            });
            decision.body = decision.body.map(|body| enveloped(inner.correlation_id, body));
            Ok(decision)
        }
        RequestBody::Produce(_)
        | RequestBody::Fetch(_)
        | RequestBody::ListOffsets(_)
        | RequestBody::Metadata(_)
        | RequestBody::InitProducerId(_)
        | RequestBody::OffsetForLeaderEpoch(_)
        | RequestBody::Vote(_)
        | RequestBody::BeginQuorumEpoch(_)
        | RequestBody::EndQuorumEpoch(_)
        | RequestBody::DeleteRecords(_)
        | RequestBody::DescribeConfigs(_)
        | RequestBody::ElectLeaders(_)
        | RequestBody::IncrementalAlterConfigs(_)
        | RequestBody::DescribeCluster(_)
        | RequestBody::UnregisterBroker(_)
        | RequestBody::OffsetCommit(_)
        | RequestBody::OffsetFetch(_)
        | RequestBody::FindCoordinator(_)
        | RequestBody::JoinGroup(_)
        | RequestBody::Heartbeat(_)
        | RequestBody::LeaveGroup(_)
        | RequestBody::SyncGroup(_)
        | RequestBody::DescribeGroups(_)
        | RequestBody::ListGroups(_)
        | RequestBody::DeleteGroups(_)
        | RequestBody::OffsetDelete(_)
        | RequestBody::ConsumerGroupHeartbeat(_)
        | RequestBody::ConsumerGroupDescribe(_)
        | RequestBody::DescribeTopicPartitions(_) => Err(not_forwarded(asked.api())),
    }
}

fn enveloped(correlation_id: CorrelationId, body: ResponseBody) -> ResponseBody {
    let response = Response { correlation_id, body, records: Vec::new() };
    ResponseBody::Envelope(Ok(Box::new(response)))
}

/// What brokers answer themselves must not come here.
fn not_forwarded(api: ApiKey) -> ErrorCode {
    debug_assert!(false, "{} is not the controller's to answer", api.name());
    ErrorCode::InvalidRequest
}

/// Plans the elections that are made from time to time, once there is reason for them.
///
/// Source: Kafka, `maybeScheduleNextBalancePartitionLeaders` and its sibling for leaderless ones.
fn schedule(active: &mut Active, now: Now) {
    let config = &active.config;
    if active.balance_at.is_none() && config.auto_leader_rebalance && !active.imbalanced.is_empty()
    {
        active.balance_at = Some(now.monotonic + config.leader_imbalance_check_interval);
    }
    if active.unclean_at.is_none() && !active.leaderless.is_empty() {
        active.unclean_at = Some(now.monotonic + config.unclean_leader_election_interval);
    }
}
