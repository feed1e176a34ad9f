//! The log moves by fetches: what a leader gives, what a follower takes, what is committed.
//!
//! Source: Kafka 4.1, `KafkaRaftClient` (`handleFetchRequest`, `handleFetchResponse`,
//! `maybeAppendBatches`), `ReplicatedLog`, KIP-595, KIP-1166.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages as k;

use crate::event::{About, HaltReason, Kind};
use crate::log::SequenceCheck;
use crate::message::{
    Batch, BatchBody, MetadataRecord, Records, RequestBody, batch_size_bytes,
    metadata_record_size_bytes,
};
use crate::protocol::raft::effect::Effect;
use crate::protocol::raft::machine::Raft;
use crate::protocol::raft::role::Role;
use crate::protocol::raft::rpc;
use crate::protocol::raft::rpc::{FetchAsked, Fetched};
use crate::types::{
    BrokerId, ConnectionId, Deed, Defect, ErrorCode, LeaderEpoch, Monotonic, Now, Offset,
    TopicPartition,
};

const PARTITION: TopicPartition = TopicPartition::CLUSTER_METADATA;

/// A fetch for which the leader had nothing yet.
#[derive(Clone, Debug)]
pub(super) struct ParkedFetch {
    /// The connection that it came on.
    pub(super) request: ConnectionId,
    /// When it is answered all the same.
    pub(super) expires: Monotonic,
    asked: FetchAsked,
}

impl Raft {
    pub(super) fn on_fetch(
        &mut self,
        now: Now,
        request: ConnectionId,
        fetch: &k::FetchRequest,
        body: &RequestBody,
    ) {
        let asked = match rpc::read_fetch(fetch, self.config.cluster_id.as_str()) {
            Ok(asked) => asked,
            Err(error) => return self.refuse(request, body, error),
        };
        let (fetched, records) = self.serve(now, request, &asked);
        let has_news = fetched.standing.error != ErrorCode::None
            || !records.is_empty()
            || fetched.diverging.is_some()
            || fetched.high_watermark > asked.high_watermark;
        if has_news || asked.max_wait_ms == 0 {
            self.answer_fetch(request, &fetched, records);
        } else {
            let wait = Duration::from_millis(u64::from(asked.max_wait_ms.unsigned_abs()));
            self.parked.push(ParkedFetch { request, expires: now.monotonic + wait, asked });
        }
    }

    /// What a fetch gets now. A valid one says that the sender has all below its offset on its
    /// disk, which may commit records.
    fn serve(
        &mut self,
        now: Now,
        request: ConnectionId,
        asked: &FetchAsked,
    ) -> (Fetched, Vec<Batch>) {
        if let Err(error) = self.check_leader_request(asked.leader_epoch) {
            return (self.fetched(error, None), Vec::new());
        }
        if let Some((epoch, end)) = self.diverging(asked.fetch_offset, asked.last_fetched_epoch) {
            // It must not count as news of the sender's log, whose end may be beyond ours.
            if let Some(follower) = asked.replica {
                let (partition, leader_epoch, end_offset) = (PARTITION, epoch, end);
                let kind = Kind::FetchDiverged { partition, follower, leader_epoch, end_offset };
                self.event(kind, About::Request(request));
            }
            return (self.fetched(ErrorCode::None, Some((epoch, end))), Vec::new());
        }
        let max_bytes = asked.max_bytes.unsigned_abs().min(self.config.fetch_bytes_max);
        let records = self.log.read(asked.fetch_offset, self.log.end_offset(), max_bytes);
        if let (Role::Leader(leader), Some(replica)) = (&mut self.role, asked.replica) {
            leader.update_fetched(replica, asked.fetch_offset, now);
            self.advance_as_leader(now);
        }
        (self.fetched(ErrorCode::None, None), records)
    }

    fn check_leader_request(&self, epoch: LeaderEpoch) -> Result<(), ErrorCode> {
        if epoch < self.epoch {
            Err(ErrorCode::FencedLeaderEpoch)
        } else if epoch > self.epoch {
            Err(ErrorCode::UnknownLeaderEpoch)
        } else if !matches!(self.role, Role::Leader(_)) {
            Err(ErrorCode::NotLeaderOrFollower)
        } else {
            Ok(())
        }
    }

    /// Where a log that ends at `offset` with a record of `epoch` parts from this one, if it does
    /// (`validateOffsetAndEpoch`).
    fn diverging(&self, offset: Offset, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        if self.log.start_offset() == Offset::ZERO && offset == Offset::ZERO && epoch.0 == 0 {
            return None;
        }
        let right = self.parting(offset, epoch);
        if !self.config.defects.has(Defect::QuorumFetchByOffset) {
            return right;
        }
        let blind = self.parting(offset, self.last_epoch());
        if blind != right {
            Deed::note(Defect::QuorumFetchByOffset, TopicPartition::CLUSTER_METADATA);
        }
        blind
    }

    fn parting(&self, offset: Offset, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let (own_epoch, own_end) = self.end_offset_for_epoch(epoch);
        (own_epoch != epoch || own_end < offset).then_some((own_epoch, own_end))
    }

    fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> (LeaderEpoch, Offset) {
        let known = self.log.end_offset_for_epoch(Some(epoch));
        known.unwrap_or_else(|| (self.last_epoch(), self.log.end_offset()))
    }

    fn fetched(&self, error: ErrorCode, diverging: Option<(LeaderEpoch, Offset)>) -> Fetched {
        let high_watermark = self.high_watermark.filter(|_| error == ErrorCode::None);
        Fetched { standing: self.standing(error), high_watermark, diverging }
    }

    fn answer_fetch(&mut self, request: ConnectionId, fetched: &Fetched, records: Vec<Batch>) {
        let body = rpc::fetch_response(fetched, self.log.start_offset());
        self.emit(Effect::Answer { request, body, records: vec![records] });
    }

    /// Looks at all waiting fetches again.
    fn complete_parked(&mut self, now: Now) {
        for parked in std::mem::take(&mut self.parked) {
            let (fetched, records) = self.serve(now, parked.request, &parked.asked);
            self.answer_fetch(parked.request, &fetched, records);
        }
    }

    /// Answers all waiting fetches with `error`.
    pub(super) fn complete_parked_with(&mut self, error: ErrorCode) {
        for parked in std::mem::take(&mut self.parked) {
            let fetched = self.fetched(error, None);
            self.answer_fetch(parked.request, &fetched, Vec::new());
        }
    }

    /// Answers, with nothing, the fetches that have waited long enough.
    pub(super) fn expire_parked(&mut self, now: Now) {
        let is_due = |parked: &ParkedFetch| parked.expires <= now.monotonic;
        let (due, waiting) = std::mem::take(&mut self.parked).into_iter().partition(is_due);
        self.parked = waiting;
        let due: Vec<ParkedFetch> = due;
        for parked in due {
            let fetched = self.fetched(ErrorCode::None, None);
            self.answer_fetch(parked.request, &fetched, Vec::new());
        }
    }

    /// Collects what the state machine writes; nothing, if it no longer leads that epoch.
    pub(super) fn on_append(
        &mut self,
        now: Now,
        leader_epoch: LeaderEpoch,
        records: Vec<MetadataRecord>,
    ) {
        let bytes = batch_bytes(&records);
        match &mut self.role {
            Role::Leader(leader) if leader_epoch == self.epoch => {
                leader.accumulator.append(records, bytes, now);
            }
            Role::Leader(_)
            | Role::Unattached { .. }
            | Role::Prospective { .. }
            | Role::Candidate { .. }
            | Role::Follower { .. }
            | Role::Resigned { .. } => {}
        }
    }

    /// A leader's round: is it still fetched, is there something to append or to announce. Says
    /// whether it resigned.
    pub(super) fn poll_leader(&mut self, now: Now) -> bool {
        let checks_quorum = self.checks_quorum();
        let Role::Leader(leader) = &mut self.role else { return false };
        if !checks_quorum && leader.has_lost_quorum(now) {
            Deed::note(Defect::NoCheckQuorum, TopicPartition::CLUSTER_METADATA);
        } else if leader.has_lost_quorum(now) {
            self.become_resigned(now);
            return true;
        }
        let batches = leader.accumulator.drain(now);
        let announce = leader.begin_due(now);
        if !batches.is_empty() {
            self.append_as_leader(now, batches);
        }
        let (node, epoch) = (self.config.node, self.epoch);
        for voter in announce {
            let cluster_id = self.config.cluster_id.clone();
            self.send(now, voter, || rpc::begin_request(cluster_id.as_str(), voter, node, epoch));
        }
        false
    }

    /// Appends, shows the new end to those who wait for it, and flushes: in this order, in one
    /// step, so that no fetch is served in between (`flushLeaderLog`).
    fn append_as_leader(&mut self, now: Now, batches: Vec<Records>) {
        let (epoch, millis) = (self.epoch, now.wall.millis());
        for records in batches {
            let body = Arc::new(BatchBody {
                id: self.batch_id(),
                producer: None,
                base_timestamp: millis,
                max_timestamp: millis,
                size_bytes: batch_size_bytes(&records, millis),
                records,
            });
            let check = SequenceCheck::None;
            let result =
                self.with_log(|log, out| log.append_as_leader(body, epoch, millis, check, out));
            if result.is_err() {
                return self.halt(HaltReason::OwnAppendRefused);
            }
        }
        let end = self.log.end_offset();
        if let Role::Leader(leader) = &mut self.role {
            leader.update_own_end(end);
        }
        if !self.advance_as_leader(now) {
            self.complete_parked(now);
        }
        self.flush();
    }

    /// Raises the high watermark to what a majority has; says whether it rose. Waiting fetches
    /// are then answered, so that followers learn of it at once (KIP-1166).
    fn advance_as_leader(&mut self, now: Now) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let Some(committed) = leader.committed(self.config.defects) else { return false };
        if self.high_watermark.is_some_and(|known| committed <= known) {
            return false;
        }
        self.set_high_watermark(committed, true);
        self.complete_parked(now);
        true
    }

    fn set_high_watermark(&mut self, high_watermark: Offset, as_leader: bool) {
        self.high_watermark = Some(high_watermark);
        let kind = Kind::HighWatermarkMoved { partition: PARTITION, high_watermark, as_leader };
        self.event(kind, About::Nothing);
        self.emit(Effect::HighWatermarkMoved { offset: high_watermark });
    }

    /// Sends the next fetch to `to` if it may be sent a request now.
    pub(super) fn fetch_from(&mut self, to: BrokerId, now: Now) {
        let asked = FetchAsked {
            replica: Some(self.config.node),
            leader_epoch: self.epoch,
            fetch_offset: self.log.end_offset(),
            last_fetched_epoch: self.last_epoch(),
            high_watermark: self.high_watermark,
            max_wait_ms: i32::try_from(self.config.fetch_max_wait.as_millis()).unwrap_or(i32::MAX),
            max_bytes: i32::try_from(self.config.fetch_bytes_max).unwrap_or(i32::MAX),
        };
        let cluster_id = self.config.cluster_id.clone();
        self.send(now, to, || rpc::fetch_request(cluster_id.as_str(), &asked));
    }

    /// Asks any voter, to learn who leads.
    pub(super) fn fetch_from_anyone(&mut self, now: Now) {
        let others: Vec<BrokerId> = self.others().collect();
        let ready = self.peers.any_ready(others.into_iter(), now.wall, &mut self.rng);
        if let Some(voter) = ready {
            self.fetch_from(voter, now);
        }
    }

    /// An observer asks the leader; any voter, when the leader does not answer.
    pub(super) fn fetch_as_observer(&mut self, leader: BrokerId, is_expired: bool, now: Now) {
        if is_expired {
            self.fetch_from_anyone(now);
        } else if self.peers.has_timed_out(leader, now.wall) {
            self.peers.reset(leader);
            self.fetch_from_anyone(now);
        } else if self.peers.is_backing_off(leader, now.wall) {
            self.fetch_from_anyone(now);
        } else if !self.peers.has_any_in_flight(now.wall) {
            self.fetch_from(leader, now);
        }
    }

    /// Takes what a fetch brought; says whether the sender may be asked again at once.
    pub(super) fn on_fetched(
        &mut self,
        now: Now,
        fetched: &Fetched,
        records: Vec<Vec<Batch>>,
    ) -> bool {
        if let Some(handled) = self.hear(now, fetched.standing) {
            return handled;
        }
        if !matches!(self.role, Role::Follower { .. }) {
            return true;
        }
        if let Some((epoch, end)) = fetched.diverging {
            self.truncate_to(epoch, end);
        } else {
            let records: Vec<Batch> = records.into_iter().flatten().collect();
            if !self.append_as_follower(&records) {
                return false;
            }
            self.advance_as_follower(fetched.high_watermark);
        }
        if let Role::Follower { fetch, has_fetched, .. } = &mut self.role {
            *has_fetched = true;
            fetch.reset(now, self.config.fetch_timeout);
        }
        true
    }

    /// Cuts the log where it parts from the leader's, whose `epoch` ends at `end`
    /// (`truncateToEndOffset`).
    fn truncate_to(&mut self, epoch: LeaderEpoch, end: Offset) {
        let own_end = if epoch.0 == 0 {
            self.log.end_offset().min(end)
        } else {
            let (own_epoch, own_end) = self.end_offset_for_epoch(epoch);
            if own_epoch == epoch { own_end.min(end) } else { own_end }
        };
        if self.high_watermark.is_some_and(|high_watermark| own_end < high_watermark) {
            return self.halt(HaltReason::CommittedTruncation);
        }
        self.with_log(|log, out| log.truncate_to(own_end, out));
    }

    /// Appends and, as a voter, flushes before anything else is sent: the next fetch will say
    /// that all of it is on the disk (KAFKA-10533).
    fn append_as_follower(&mut self, records: &[Batch]) -> bool {
        for batch in records {
            let result = self.with_log(|log, out| log.append_as_follower(batch, out));
            if result.is_err() {
                return false;
            }
        }
        if !records.is_empty() && (self.config.is_voter() || self.config.always_flush) {
            self.flush();
        }
        true
    }

    fn advance_as_follower(&mut self, theirs: Option<Offset>) {
        let Some(theirs) = theirs else { return };
        let high_watermark = theirs.min(self.log.end_offset());
        match self.high_watermark {
            Some(known) if high_watermark < known => {
                self.halt(HaltReason::HighWatermarkWentBack);
            }
            Some(known) if high_watermark == known => {}
            Some(_) | None => self.set_high_watermark(high_watermark, false),
        }
    }
}

/// What `records` take before they are joined into a batch: what each adds to one is not counted.
fn batch_bytes(records: &[MetadataRecord]) -> u32 {
    let bytes: usize = records.iter().map(metadata_record_size_bytes).sum();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
