//! What an explanation looks at: the records, replicas and clients that a breach is about.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Subject, Verdict, infos};
use crate::event::{Event, Kind, QuorumRole};
use crate::report::explain::not_cause::unbitten;
use crate::report::explain::shape::Retried;
use crate::report::explain::tape::{FaultRecord, Tape};
use crate::trace::{LogView, Model, Part, PartitionView};
use crate::types::{
    BatchId, BrokerId, ErrorCode, HostId, LeaderEpoch, Name, Offset, TopicPartition,
};

/// The shape of a story: what its steps are chosen by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// Records that are not where they should be.
    Records,
    /// Logs that part.
    Logs,
    /// Leaders, votes, the quorum.
    Leaders,
    /// The in-sync set.
    InSync,
    /// Batches of producers.
    Batches,
    /// What clients are shown.
    Reading,
    /// One replica's log.
    Replica,
    /// A consumer group.
    Group,
    /// What did not happen.
    Stuck,
}

/// What an explanation looks at.
pub(crate) struct Focus {
    pub(crate) shape: Shape,
    /// Whether the property says that something good happens.
    pub(crate) is_liveness: bool,
    /// Whether it is that brokers stay out of an in-sync set, or fenced.
    pub(crate) stays_out: bool,
    /// Who was not shown a record, where that is the breach.
    pub(crate) skipper: Option<HostId>,
    pub(crate) partition: Option<TopicPartition>,
    /// The records: their first offset, and the one after the last.
    pub(crate) records: Option<(Offset, Offset)>,
    pub(crate) batches: Vec<BatchId>,
    /// The leader epoch in which they were written, where one batch is looked for: a batch that is
    /// sent again may stand in a log in several.
    pub(crate) epoch: Option<LeaderEpoch>,
    /// Where the one replica that the breach names holds first what is not committed there, if it
    /// does.
    pub(crate) parted_from: Option<Offset>,
    /// What other runs showed of the faults.
    pub(crate) retried: Retried,
    /// Faults that were over, and had changed nothing.
    pub(crate) unbitten: Vec<FaultRecord>,
    /// Brokers and controllers that the breach names.
    pub(crate) nodes: Vec<BrokerId>,
    pub(crate) clients: Vec<HostId>,
    pub(crate) group: Option<GroupFocus>,
    /// Everybody whose troubles may matter.
    pub(crate) hosts: BTreeSet<HostId>,
    /// The event that decided it.
    pub(crate) decisive: u64,
    pub(crate) evidence: Vec<u64>,
}

/// What a breach that is about a consumer group is about.
#[derive(Clone, Debug)]
pub(crate) struct GroupFocus {
    pub(crate) name: Name,
    /// Member ids; none when it is about all.
    pub(crate) members: Vec<Name>,
    /// The partition consumed, and where in it.
    pub(crate) partition: Option<TopicPartition>,
    pub(crate) offset: Option<Offset>,
    /// The offsets of which the evidence tells that they were committed, or used.
    pub(crate) commits: Vec<Offset>,
}

impl Focus {
    /// What the breach in `verdict` is about; `None` if there is none.
    pub(crate) fn of(tape: &Tape, verdict: &Verdict, retried: &Retried) -> Option<(Self, Model)> {
        let violation = verdict.outcome.violation()?;
        let last = u64::try_from(tape.events.len()).ok()?.checked_sub(1)?;
        let evidence: Vec<u64> =
            violation.evidence.iter().copied().filter(|event| *event <= last).collect();
        let decisive = evidence.last().copied().unwrap_or(last);
        let is_liveness =
            infos().iter().any(|info| info.name == verdict.property && info.is_liveness);
        let model = tape.fold_to(decisive);
        let mut focus = Self {
            shape: shape_of(&violation.subject, is_liveness),
            is_liveness,
            stays_out: is_liveness
                && match &violation.subject {
                    Subject::InSync { .. } => true,
                    Subject::Node { .. } => verdict.property == "broker-unfenced",
                    _ => false,
                },
            skipper: None,
            partition: violation.subject.partition(),
            records: None,
            batches: Vec::new(),
            epoch: None,
            parted_from: None,
            retried: retried.clone(),
            unbitten: unbitten(tape, decisive),
            nodes: Vec::new(),
            clients: Vec::new(),
            group: None,
            hosts: BTreeSet::new(),
            decisive,
            evidence,
        };
        focus.name(&violation.subject, tape, &model);
        if let ("poll-skip", Subject::Reading { client, .. }) =
            (verdict.property.as_str(), &violation.subject)
        {
            focus.skipper = *client;
        }
        if verdict.property == "metadata-prefix" {
            focus.find_replayed(tape, &model);
        }
        focus.find_batches(tape, &model);
        let model = focus.settle_decisive(tape, model);
        if focus.shape == Shape::Replica && verdict.property == "consistent-read" {
            focus.find_first_other(&model);
        }
        focus.find_hosts(tape, &model);
        Some((focus, model))
    }

    fn name(&mut self, subject: &Subject, tape: &Tape, model: &Model) {
        let one = |offset: Offset| Some((offset, offset + 1));
        match subject {
            Subject::Records { offset, batch, lacking, .. } => {
                self.records = one(*offset);
                self.batches.extend(*batch);
                self.nodes.extend(*lacking);
            }
            Subject::Logs { partition, offset, replicas } => {
                self.records = one(*offset);
                self.nodes.clone_from(replicas);
                self.find_fork(*partition, tape, model);
            }
            Subject::Replica { replica, offset, .. } => {
                self.records = offset.and_then(one);
                self.nodes.push(*replica);
            }
            Subject::InSync { brokers, .. } | Subject::Leaders { brokers, .. } => {
                self.nodes.clone_from(brokers);
            }
            Subject::Vote { voter, candidates, .. } => {
                self.nodes.push(*voter);
                self.nodes.extend(candidates);
            }
            Subject::Batches { client, batches, offsets, .. } => {
                self.clients.extend(*client);
                self.batches.clone_from(batches);
                let (from, to) = (offsets.iter().min(), offsets.iter().max());
                self.records = from.zip(to).map(|(from, to)| (*from, *to + 1));
            }
            Subject::Reading { client, offset, .. } => {
                self.records = one(*offset);
                self.clients.extend(*client);
                let told = tape.event(self.decisive).and_then(|event| event.host);
                if let Some(Part::Client(_)) = told.and_then(|host| tape.setup.part(host)) {
                    self.clients.extend(told);
                }
            }
            Subject::Operation { client, invoked } => {
                self.clients.push(*client);
                self.find_operation(*client, *invoked, tape);
            }
            // Who was elected and does not lead when all is over never took its part.
            Subject::Partition { partition } => {
                let is_over = tape.event(self.decisive).is_some_and(|it| it.host.is_none());
                let known = model.partition(*partition).filter(|_| is_over);
                let idle = known.and_then(|known| {
                    let state = known.state.as_ref()?;
                    let acts = known.replicas.get(&state.leader?);
                    let leads = acts.is_some_and(|replica| replica.leads(state.leader_epoch));
                    state.leader.filter(|_| !leads)
                });
                self.nodes.extend(idle);
            }
            Subject::Group { group, members, partition, offset, .. } => {
                self.group = Some(GroupFocus {
                    name: group.clone(),
                    members: members.clone(),
                    partition: *partition,
                    offset: *offset,
                    commits: self.evidence.iter().filter_map(|at| commit(tape, *at)).collect(),
                });
            }
            Subject::Node { node } => self.nodes.push(*node),
            Subject::Quorum { nodes } => self.nodes.clone_from(nodes),
        }
        self.nodes.sort_unstable();
        self.nodes.dedup();
        self.clients.sort_unstable();
        self.clients.dedup();
    }

    /// Where the two logs part, and the batches there.
    fn find_fork(&mut self, partition: TopicPartition, tape: &Tape, model: &Model) {
        for event in &self.evidence {
            let Some(event) = tape.event(*event) else { continue };
            if let Kind::LogAppended { batch, .. } = &event.kind {
                self.batches.push(*batch);
                self.nodes.extend(event.host.and_then(|host| tape.setup.node(host)));
            }
        }
        self.nodes.sort_unstable();
        self.nodes.dedup();
        let Some(known) = model.partition(partition) else { return };
        let logs: Vec<&LogView> =
            self.nodes.iter().filter_map(|node| Some(&known.replicas.get(node)?.log)).collect();
        let [one, other] = logs.as_slice() else { return };
        let from = one.origin().max(other.origin());
        let ours = one.entries().iter_from(one.index_of(from));
        let parted = ours.into_iter().find_map(|entry| {
            let theirs = other.entry_at(entry.base)?;
            (!theirs.is_same(entry)).then_some((*entry, *theirs))
        });
        if let Some((entry, theirs)) = parted {
            self.records = Some((entry.base, entry.end().min(theirs.end()).max(entry.base + 1)));
            self.batches = vec![entry.batch, theirs.batch];
        }
    }

    /// What was replayed up to the same offset, and was not the same: the first record of the
    /// metadata log that the second lacks. Where both logs are the same, one of them was not
    /// replayed as it stands.
    fn find_replayed(&mut self, tape: &Tape, model: &Model) {
        let [first, second] = self.evidence.as_slice() else { return };
        let replayed = |event: u64, model: &Model| {
            let event = tape.event(event)?;
            let Kind::MetadataApplied { offset, .. } = &event.kind else { return None };
            let node = event.host.and_then(|host| tape.setup.node(host))?;
            let log = model.metadata.replicas.get(&node).map(|replica| replica.log.clone())?;
            Some((node, *offset, log))
        };
        let (Some((_, end, before)), Some((node, other, now))) =
            (replayed(*first, &tape.fold_to(*first)), replayed(*second, model))
        else {
            return;
        };
        let from = before.origin().max(now.origin());
        let entries = before.entries().iter_from(before.index_of(from));
        let mut replaced = entries.take_while(|entry| end == other && entry.base < end);
        let lost = replaced.find(|entry| {
            entry.base >= from && now.entry_at(entry.base).is_none_or(|it| !it.is_same(entry))
        });
        if let Some(lost) = lost {
            self.shape = Shape::Records;
            self.partition = Some(TopicPartition::CLUSTER_METADATA);
            self.records = Some((lost.base, lost.base + 1));
            self.batches = vec![lost.batch];
            self.nodes = vec![node];
        }
    }

    /// The first record in the log of the one replica named that is not the committed one.
    fn find_first_other(&mut self, model: &Model) {
        let ([node], Some(partition)) = (self.nodes.as_slice(), self.partition) else { return };
        let Some(known) = model.partition(partition) else { return };
        let Some(log) = known.replicas.get(node).map(|replica| &replica.log) else { return };
        let from = log.start.max(known.committed.start);
        let ours = log.entries().iter_from(log.index_of(from));
        let other = ours.into_iter().find(|entry| {
            entry.base >= from
                && known.committed.entry_at(entry.base).is_some_and(|it| !it.is_same(entry))
        });
        if let Some(other) = other {
            self.parted_from = Some(other.base);
            self.records = Some((other.base, other.base + 1));
        }
    }

    /// The batch in which the record of an operation went, and its partition.
    fn find_operation(&mut self, client: HostId, invoked: u64, tape: &Tape) {
        let Some(Kind::OperationInvoked { operation, .. }) =
            tape.event(invoked).map(|event| &event.kind)
        else {
            return;
        };
        let after = tape.events.iter().skip(usize::try_from(invoked).unwrap_or(usize::MAX));
        let sealed =
            after.filter(|event| event.host == Some(client)).find_map(|event| match &event.kind {
                Kind::BatchSealed { partition, batch, operations, .. }
                    if operations.contains(&operation.number) =>
                {
                    Some((*partition, *batch))
                }
                _ => None,
            });
        if let Some((partition, batch)) = sealed {
            self.partition = Some(partition);
            self.batches.push(batch);
        }
    }

    /// The batches that the records are of, if only the place was named, and the whole batch.
    fn find_batches(&mut self, tape: &Tape, model: &Model) {
        let Some(partition) = self.partition else { return };
        let known = model.partition(partition);
        let wants_records = matches!(self.shape, Shape::Records | Shape::Reading | Shape::Stuck);
        if let (true, Some(known), Some((offset, _)), true) =
            (self.batches.is_empty(), known, self.records, wants_records)
        {
            let leader = known.acting_leader().map(|(_, replica)| &replica.log);
            let logs = std::iter::once(&known.committed).chain(leader);
            let entry = logs.into_iter().find_map(|log| log.entry_at(offset));
            self.batches.extend(entry.map(|entry| entry.batch));
        }
        // By letters they are called in the order in which they were made.
        self.batches.sort_by_cached_key(|batch| {
            (tape.sealed(*batch).map_or(u64::MAX, |event| event.index), *batch)
        });
        self.batches.dedup();
        let offset = self.records.map(|(from, _)| from);
        let [batch] = self.batches.as_slice() else {
            if self.records.is_none()
                && let Some(first) = self.batches.first()
                && let Some(written) = tape.written(partition, *first, (None, None))
            {
                self.records = Some((written.base, written.end));
            }
            return;
        };
        if self.shape == Shape::Records {
            self.epoch = self.find_epoch(tape, known, *batch);
        }
        if (self.shape == Shape::Records || self.records.is_none())
            && let Some(written) = tape.written(partition, *batch, (offset, self.epoch))
        {
            self.records = Some((written.base, written.end));
        }
    }

    /// The epoch in which `batch` stands where it should: as the evidence says, or as committed.
    fn find_epoch(
        &self,
        tape: &Tape,
        known: Option<&PartitionView>,
        batch: BatchId,
    ) -> Option<LeaderEpoch> {
        let offset = self.records.map(|(from, _)| from)?;
        let committed = known.and_then(|known| known.committed.entry_at(offset));
        let told = self.evidence.iter().find_map(|event| match &tape.event(*event)?.kind {
            Kind::LogAppended { batch: it, leader_epoch, .. } if *it == batch => {
                Some(*leader_epoch)
            }
            _ => None,
        });
        let committed = committed.filter(|entry| entry.batch == batch).map(|entry| entry.epoch);
        told.or(committed).or_else(|| acknowledged(tape, batch))
    }

    /// What was only found at the end may have happened after the last event of the evidence:
    /// goes on to where the replica no longer holds the records.
    fn settle_decisive(&mut self, tape: &Tape, mut model: Model) -> Model {
        let (Shape::Records, [node], [_]) =
            (self.shape, self.nodes.as_slice(), self.batches.as_slice())
        else {
            return model;
        };
        let node = *node;
        if !self.holds(&model, node) {
            return model;
        }
        let mut later = model.clone();
        let rest = usize::try_from(self.decisive).unwrap_or(usize::MAX).saturating_add(1);
        for event in tape.events.iter().skip(rest) {
            later.apply(event);
            let is_cut = matches!(
                event.kind,
                Kind::LogTruncated { .. }
                    | Kind::LogRecovered { .. }
                    | Kind::DurableEnd { .. }
                    | Kind::LogAppended { .. }
            );
            if is_cut && !self.holds(&later, node) {
                self.decisive = event.index;
                self.evidence.push(event.index);
                model = later;
                break;
            }
        }
        model
    }

    /// Whether `node` holds the one batch that is looked for where it should be, or deleted it by
    /// rule.
    pub(crate) fn holds(&self, model: &Model, node: BrokerId) -> bool {
        let (Some(partition), Some((from, _)), Some(batch)) =
            (self.partition, self.records, self.batches.first())
        else {
            return false;
        };
        let known = model.partition(partition);
        let Some(replica) = known.and_then(|known| known.replicas.get(&node)) else {
            return false;
        };
        let [log_start, _] = replica.bounds_left();
        from < log_start
            || replica.entry_left(from).is_some_and(|entry| {
                entry.batch == *batch && self.epoch.is_none_or(|epoch| entry.epoch == epoch)
            })
    }

    /// Where brokers stay out, of an in-sync set or of the cluster: the last time they were in.
    pub(crate) fn was_well(&self, tape: &Tape) -> Option<u64> {
        if !self.stays_out {
            return None;
        }
        let decisive = tape.event(self.decisive)?;
        let is_in = |it: &Kind| match it {
            Kind::PartitionCommitted { partition, in_sync, .. } => {
                Some(*partition) == self.partition
                    && self.nodes.iter().all(|node| in_sync.contains(*node))
            }
            Kind::RegistrationCommitted { broker, fenced: false, .. } => {
                self.partition.is_none() && self.nodes.as_slice() == [*broker]
            }
            _ => false,
        };
        tape.last_before(decisive, |it| is_in(&it.kind)).map(|it| it.index)
    }

    /// Where the breach is that a consumer was not shown a record: where it went past it.
    pub(crate) fn passed(&self, tape: &Tape) -> Option<u64> {
        let skipper = self.skipper?;
        let mut proofs = self.evidence.iter().copied();
        proofs.find(|at| tape.event(*at).and_then(|it| it.host) == Some(skipper))
    }

    /// Where the breach is that a quorum leader heard of a later epoch: the candidacy that began
    /// it.
    pub(crate) fn candidacy<'a>(&self, tape: &'a Tape) -> Option<&'a Event> {
        let decisive = tape.event(self.decisive)?;
        let Kind::QuorumRoleTaken { leader_epoch: reached, .. } = &decisive.kind else {
            return None;
        };
        let is_it = |it: &Kind| {
            matches!(it, Kind::QuorumRoleTaken { role: QuorumRole::Candidate, leader_epoch, .. }
                if leader_epoch == reached)
        };
        tape.last_before(decisive, |it| it.host != decisive.host && is_it(&it.kind))
    }

    fn find_hosts(&mut self, tape: &Tape, model: &Model) {
        let node_hosts = self.nodes.iter().filter_map(|node| tape.setup.host_of(*node));
        self.hosts.extend(node_hosts);
        self.hosts.extend(&self.clients);
        for batch in &self.batches {
            self.hosts.extend(tape.sealed(*batch).and_then(|event| event.host));
        }
        if let Some(group) = &self.group {
            self.hosts.extend(group.hosts(tape, self.decisive));
        }
        let Some(partition) = self.partition else { return };
        if partition == TopicPartition::CLUSTER_METADATA {
            self.hosts.extend(tape.setup.voters().filter_map(|node| tape.setup.host_of(node)));
            return;
        }
        let replicas = replicas_of(model, partition);
        self.hosts.extend(replicas.into_iter().filter_map(|node| tape.setup.host_of(node)));
    }
}

/// The offset of a group of which the event `at` tells.
fn commit(tape: &Tape, at: u64) -> Option<Offset> {
    match &tape.event(at)?.kind {
        Kind::OffsetAppended { offset, .. }
        | Kind::OffsetCommitted { offset, .. }
        | Kind::OffsetCommitAnswered { offset, .. } => Some(*offset),
        Kind::CommittedOffsetUsed { offset, .. } | Kind::OffsetTold { offset, .. } => *offset,
        _ => None,
    }
}

impl GroupFocus {
    /// Whether it is about the group, and no member or partition of it.
    pub(crate) fn is_whole(&self) -> bool {
        self.partition.is_none() && self.members.is_empty()
    }

    /// The members that it is about, and the brokers that coordinated the group.
    fn hosts(&self, tape: &Tape, decisive: u64) -> BTreeSet<HostId> {
        let until = tape.events.iter().take_while(|event| event.index <= decisive);
        let concerned = until.filter(|event| match &event.kind {
            Kind::MemberStateEntered { group, member, .. } => {
                *group == self.name && (self.members.is_empty() || self.members.contains(member))
            }
            Kind::GroupStateChanged { group, .. } | Kind::GroupLoaded { group, .. } => {
                *group == self.name
            }
            _ => false,
        });
        concerned.filter_map(|event| event.host).collect()
    }
}

/// The replicas of `partition` in the order of assignment; of the metadata log its voters.
pub(crate) fn replicas_of(model: &Model, partition: TopicPartition) -> Vec<BrokerId> {
    if partition == TopicPartition::CLUSTER_METADATA {
        return model.setup().voters().collect();
    }
    let Some(known) = model.partition(partition) else { return Vec::new() };
    match &known.state {
        Some(state) => state.replicas.clone(),
        None => known.replicas.keys().copied().collect(),
    }
}

/// The epoch in which whoever acknowledged `batch` first had appended it.
fn acknowledged(tape: &Tape, batch: BatchId) -> Option<LeaderEpoch> {
    let mut epochs: BTreeMap<Option<HostId>, LeaderEpoch> = BTreeMap::new();
    tape.events.iter().find_map(|event| match &event.kind {
        Kind::LogAppended { batch: it, leader_epoch, .. } if *it == batch => {
            epochs.insert(event.host, *leader_epoch);
            None
        }
        Kind::ProduceAnswered { batch: it, error: ErrorCode::None, .. } if *it == batch => {
            epochs.get(&event.host).copied()
        }
        _ => None,
    })
}

fn shape_of(subject: &Subject, is_liveness: bool) -> Shape {
    match subject {
        Subject::Records { .. } => Shape::Records,
        Subject::Logs { .. } => Shape::Logs,
        Subject::Leaders { .. } | Subject::Vote { .. } | Subject::Quorum { .. } => Shape::Leaders,
        Subject::InSync { .. } if is_liveness => Shape::Stuck,
        Subject::InSync { .. } => Shape::InSync,
        Subject::Batches { .. } => Shape::Batches,
        Subject::Reading { .. } => Shape::Reading,
        Subject::Replica { .. } if is_liveness => Shape::Stuck,
        Subject::Replica { .. } => Shape::Replica,
        Subject::Group { .. } => Shape::Group,
        Subject::Operation { .. } | Subject::Partition { .. } | Subject::Node { .. } => {
            Shape::Stuck
        }
    }
}
