//! Brokers' sessions: registration, heartbeats, fencing, controlled shutdown.

use kafka_protocol::messages as k;

use crate::event::Kind;
use crate::message::MetadataRecord;
use crate::message::convert::{directory_id, incarnation_id};
use crate::protocol::controller::replicas::Turn;
use crate::protocol::controller::state::{Active, Decision};
use crate::protocol::image::Registration;
use crate::types::{BrokerEpoch, BrokerId, Defect, ErrorCode, Monotonic, Now, Offset};

/// Where the controller sees a broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    Fenced,
    Unfenced,
    ControlledShutdown,
    /// Fenced, and told to stop.
    ShutdownNow,
}

impl Active {
    /// A broker process has started, or sends its registration again because the answer was lost.
    ///
    /// # Errors
    ///
    /// - `INCONSISTENT_CLUSTER_ID`: it belongs elsewhere.
    /// - `DUPLICATE_BROKER_REGISTRATION`: another process of this id has a live session; the
    ///   broker tries again until that has run out.
    ///
    /// # Source
    ///
    /// Kafka, `ClusterControlManager.registerBroker`; KIP-966 for `previous_broker_epoch`.
    pub(crate) fn register(
        &self,
        request: &k::BrokerRegistrationRequest,
        now: Monotonic,
    ) -> Result<Decision, ErrorCode> {
        if *request.cluster_id != *self.config.cluster_id.as_str() {
            return Err(ErrorCode::InconsistentClusterId);
        }
        let broker = BrokerId(request.broker_id.0);
        let incarnation = incarnation_id(request.incarnation_id);
        let existing = self.image.broker(broker);
        let same = existing.filter(|existing| existing.incarnation == incarnation);
        if same.is_none() && self.heartbeats.has_valid_session(broker, now) {
            return Err(ErrorCode::DuplicateBrokerRegistration);
        }
        let previous = BrokerEpoch::from_wire(request.previous_broker_epoch);
        let is_clean = existing.is_some_and(|existing| previous == Some(existing.broker_epoch))
            || existing.is_none() && self.config.defects.has(Defect::NoUncleanShutdownDetection)
            || self.config.defects.acts(Defect::NoUncleanShutdownDetection, None)
            || existing.is_some_and(|existing| has_new_directory(existing, request))
                && self.config.defects.acts(Defect::EmptyDiskElected, None);
        let mut records = match same {
            Some(_) => Vec::new(),
            None if is_clean => self.leader_and_in_sync_updates(Turn::Leaves(broker)),
            // What power loss may have taken from it, nobody knows: it must not lead before a
            // leader has seen it catch up.
            None => self.leader_and_in_sync_updates(Turn::LostItsTail(broker)),
        };
        // Differs from Kafka: there the epoch is the offset of the batch's first record, which is
        // this record's only when no partition changes with it.
        let own_offset = self.image.end_offset() + records.len() as u64;
        let broker_epoch = same.map_or(BrokerEpoch(own_offset.0), |same| same.broker_epoch);
        records.push(MetadataRecord::RegisterBroker {
            broker,
            incarnation,
            broker_epoch,
            rack: request.rack.as_ref().map(|rack| (&**rack).into()),
            directories: request.log_dirs.iter().copied().map(directory_id).collect(),
            fenced: same.is_none_or(|same| same.fenced),
            in_controlled_shutdown: same.is_some_and(|same| same.in_controlled_shutdown),
        });
        let mut body = k::BrokerRegistrationResponse::default();
        body.broker_epoch = broker_epoch.0;
        let registered =
            Kind::BrokerRegistered { broker, broker_epoch, incarnation, clean: is_clean };
        Ok(Decision {
            records,
            body: Some(body.into()),
            events: if same.is_none() { vec![registered] } else { Vec::new() },
            shutting_down: None,
        })
    }

    /// A broker says that it lives and what it wants.
    ///
    /// # Errors
    ///
    /// `STALE_BROKER_EPOCH`: the registration it speaks of is not the one there is; it registers
    /// anew.
    ///
    /// # Source
    ///
    /// Kafka, `ReplicationControlManager.processBrokerHeartbeat`,
    /// `BrokerHeartbeatManager.calculateNextBrokerState`.
    pub(crate) fn heartbeat(
        &mut self,
        request: &k::BrokerHeartbeatRequest,
        now: Now,
    ) -> Result<Decision, ErrorCode> {
        let broker = BrokerId(request.broker_id.0);
        if !self.is_current(broker, request.broker_epoch) {
            return Err(ErrorCode::StaleBrokerEpoch);
        }
        let registration = self.image.broker(broker).ok_or(ErrorCode::StaleBrokerEpoch)?;
        let broker_epoch = registration.broker_epoch;
        let fenced = registration.fenced;
        let is_caught_up = request.current_metadata_offset >= registration.offset.0;
        let shutdown_offset = self.heartbeats.shutdown_offset(broker);
        let current = if shutdown_offset.is_some() {
            Standing::ControlledShutdown
        } else if fenced {
            Standing::Fenced
        } else {
            Standing::Unfenced
        };
        let next = self.next_standing(broker, request, current, is_caught_up, shutdown_offset);
        let records = if next == current {
            Vec::new()
        } else {
            match next {
                Standing::Fenced | Standing::ShutdownNow => self.fencing(broker, broker_epoch),
                Standing::Unfenced => self.unfencing(broker, broker_epoch),
                Standing::ControlledShutdown => self.entering_shutdown(broker, broker_epoch),
            }
        };
        let is_fenced = matches!(next, Standing::Fenced | Standing::ShutdownNow);
        let applied = Offset::from_wire(request.current_metadata_offset);
        self.heartbeats.touch(broker, is_fenced, applied, now.monotonic);
        let mut body = k::BrokerHeartbeatResponse::default();
        body.is_caught_up = is_caught_up;
        body.is_fenced = is_fenced;
        body.should_shut_down = next == Standing::ShutdownNow;
        let shutting_down = (next == Standing::ControlledShutdown).then_some(broker);
        Ok(Decision { records, body: Some(body.into()), events: Vec::new(), shutting_down })
    }

    fn next_standing(
        &self,
        broker: BrokerId,
        request: &k::BrokerHeartbeatRequest,
        current: Standing,
        is_caught_up: bool,
        shutdown_offset: Option<Offset>,
    ) -> Standing {
        let (wants_fence, wants_shutdown) = (request.want_fence, request.want_shut_down);
        match current {
            Standing::Fenced if wants_shutdown => Standing::ShutdownNow,
            Standing::Fenced
                if self.heartbeats.was_unfenced(broker)
                    && !wants_fence
                    && is_caught_up
                    && self.config.defects.acts(Defect::NeverUnfenced, None) =>
            {
                Standing::Fenced
            }
            Standing::Fenced if !wants_fence && is_caught_up => Standing::Unfenced,
            Standing::Fenced => Standing::Fenced,
            Standing::Unfenced if wants_fence && wants_shutdown => Standing::ShutdownNow,
            Standing::Unfenced if wants_fence => Standing::Fenced,
            Standing::Unfenced if wants_shutdown && self.has_leaderships(broker) => {
                Standing::ControlledShutdown
            }
            Standing::Unfenced if wants_shutdown => Standing::ShutdownNow,
            Standing::Unfenced => Standing::Unfenced,
            Standing::ControlledShutdown | Standing::ShutdownNow => {
                let moved = !self.has_leaderships(broker);
                let seen = shutdown_offset.is_none_or(|at| self.heartbeats.all_applied(at));
                if moved && seen { Standing::ShutdownNow } else { Standing::ControlledShutdown }
            }
        }
    }

    /// Fences the broker that has been silent for longest, if for too long. One at a time, so
    /// that each sees what the one before left.
    pub(crate) fn fence_one_stale(&self, now: Monotonic) -> Option<Decision> {
        let broker = self.heartbeats.stale(now)?;
        let broker_epoch = self.image.broker(broker)?.broker_epoch;
        Some(Decision::write(self.fencing(broker, broker_epoch)))
    }

    fn fencing(&self, broker: BrokerId, broker_epoch: BrokerEpoch) -> Vec<MetadataRecord> {
        let mut records = self.leader_and_in_sync_updates(Turn::Leaves(broker));
        records.push(MetadataRecord::BrokerRegistrationChange {
            broker,
            broker_epoch,
            fenced: Some(true),
            in_controlled_shutdown: None,
        });
        records
    }

    fn unfencing(&self, broker: BrokerId, broker_epoch: BrokerEpoch) -> Vec<MetadataRecord> {
        let mut records = vec![MetadataRecord::BrokerRegistrationChange {
            broker,
            broker_epoch,
            fenced: Some(false),
            in_controlled_shutdown: None,
        }];
        records.extend(self.leader_and_in_sync_updates(Turn::Returns(broker)));
        records
    }

    fn entering_shutdown(&self, broker: BrokerId, epoch: BrokerEpoch) -> Vec<MetadataRecord> {
        let mut records = Vec::new();
        if self.image.broker(broker).is_some_and(|r| !r.in_controlled_shutdown) {
            records.push(MetadataRecord::BrokerRegistrationChange {
                broker,
                broker_epoch: epoch,
                fenced: None,
                in_controlled_shutdown: Some(true),
            });
        }
        records.extend(self.leader_and_in_sync_updates(Turn::Leaves(broker)));
        records
    }

    /// A broker asks for a block of producer ids.
    ///
    /// # Errors
    ///
    /// `STALE_BROKER_EPOCH` as for heartbeats.
    ///
    /// # Source
    ///
    /// Kafka, `ProducerIdControlManager.generateNextProducerId`.
    pub(crate) fn allocate_producer_ids(
        &self,
        request: &k::AllocateProducerIdsRequest,
    ) -> Result<Decision, ErrorCode> {
        let broker = BrokerId(request.broker_id.0);
        if !self.is_current(broker, request.broker_epoch) {
            return Err(ErrorCode::StaleBrokerEpoch);
        }
        let first = self.image.next_producer_id();
        let next = crate::types::ProducerId(first.0 + i64::from(PRODUCER_ID_BLOCK_SIZE));
        let record = MetadataRecord::ProducerIds {
            broker,
            broker_epoch: BrokerEpoch(request.broker_epoch),
            next_producer_id: next,
        };
        let mut body = k::AllocateProducerIdsResponse::default();
        body.producer_id_start = k::ProducerId(first.0);
        body.producer_id_len = PRODUCER_ID_BLOCK_SIZE;
        Ok(Decision { body: Some(body.into()), ..Decision::write(vec![record]) })
    }
}

/// `ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`.
const PRODUCER_ID_BLOCK_SIZE: i32 = 1000;

/// Whether a broker comes with a log directory that it did not have before: its disk is another.
fn has_new_directory(known: &Registration, request: &k::BrokerRegistrationRequest) -> bool {
    let mut now = request.log_dirs.iter().copied().map(directory_id);
    now.any(|directory| !known.directories.contains(&directory))
}
