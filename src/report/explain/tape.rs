//! A recorded run in memory, and the names of those who take part in it.

use std::sync::Arc;

use crate::event::{Event, FaultVerb, Kind};
use crate::report::explain::links::Links;
use crate::report::told;
use crate::trace::{Model, Setup};
use crate::types::{BatchId, BrokerId, Defect, HostId, LeaderEpoch, Name, Offset, TopicPartition};

/// A run's events, its cast, and the bugs that were switched on.
pub(crate) struct Tape {
    pub(crate) events: Vec<Event>,
    pub(crate) setup: Arc<Setup>,
    pub(crate) defects: Vec<Defect>,
}

/// A batch in a log, as it was written first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) event: u64,
    pub(crate) host: Option<HostId>,
    pub(crate) base: Offset,
    pub(crate) end: Offset,
    pub(crate) epoch: LeaderEpoch,
}

/// A fault that began, in the order of its number.
#[derive(Clone, Debug)]
pub(crate) struct FaultRecord {
    /// Its number, from 1 as people count.
    pub(crate) number: u32,
    pub(crate) began: u64,
    pub(crate) ended: Option<u64>,
    pub(crate) bit: Option<u64>,
    pub(crate) verb: FaultVerb,
    pub(crate) hosts: Vec<HostId>,
    /// How many of the hosts stand in each group, in order.
    pub(crate) groups: Vec<u32>,
    pub(crate) detail: Name,
    pub(crate) text: String,
}

impl FaultRecord {
    /// The links that it acts on.
    pub(crate) fn links(&self) -> Links<'_> {
        let Self { verb, hosts, groups, detail, .. } = self;
        Links { verb: *verb, hosts, groups, detail: detail.as_str() }
    }

    /// Whether it was in force at the event `index`.
    pub(crate) fn is_in_force(&self, index: u64) -> bool {
        self.began <= index && self.ended.is_none_or(|ended| ended > index)
    }
}

impl Tape {
    /// All that is known after the event `last`.
    pub(crate) fn fold_to(&self, last: u64) -> Model {
        let mut model = Model::new(Arc::clone(&self.setup));
        let end = usize::try_from(last).unwrap_or(usize::MAX).saturating_add(1);
        for event in &self.events[..end.min(self.events.len())] {
            model.apply(event);
        }
        model
    }

    /// The event `index`, if the run has it.
    pub(crate) fn event(&self, index: u64) -> Option<&Event> {
        self.events.get(usize::try_from(index).ok()?)
    }

    /// The name of `host`.
    pub(crate) fn host(&self, host: Option<HostId>) -> &str {
        self.setup.host_name(host)
    }

    /// The name of the host of the broker or controller `node`.
    pub(crate) fn node(&self, node: BrokerId) -> String {
        self.setup.node_name(node)
    }

    /// Whether `defect` acted in the step of `event`.
    pub(crate) fn acted(&self, event: &Event, defect: Defect) -> bool {
        let name = defect.name();
        self.step_of(event).any(
            |it| matches!(&it.kind, Kind::DefectActed { defect, .. } if defect.as_str() == name),
        )
    }

    /// The names of `nodes` in a row.
    pub(crate) fn nodes(&self, nodes: impl IntoIterator<Item = BrokerId>) -> String {
        row(&nodes.into_iter().map(|node| self.node(node)).collect::<Vec<_>>())
    }

    /// Where `batch` was first written, and how many records it has; in `epoch` and around `offset`
    /// if such a write is known.
    pub(crate) fn written(
        &self,
        partition: TopicPartition,
        batch: BatchId,
        (offset, epoch): (Option<Offset>, Option<LeaderEpoch>),
    ) -> Option<Written> {
        let writes = || {
            self.events.iter().filter_map(move |event| match &event.kind {
                Kind::LogAppended {
                    partition: other,
                    base_offset,
                    records,
                    batch: it,
                    leader_epoch,
                    ..
                } if *other == partition && *it == batch => Some(Written {
                    event: event.index,
                    host: event.host,
                    base: *base_offset,
                    end: *base_offset + u64::from((*records).max(1)),
                    epoch: *leader_epoch,
                }),
                _ => None,
            })
        };
        let fits = |it: &Written| {
            offset.is_none_or(|offset| it.base <= offset && offset < it.end)
                && epoch.is_none_or(|epoch| it.epoch == epoch)
        };
        writes().find(fits).or_else(|| writes().next())
    }

    /// The producer that sealed `batch`, and the event.
    pub(crate) fn sealed(&self, batch: BatchId) -> Option<&Event> {
        self.events.iter().find(
            |event| matches!(&event.kind, Kind::BatchSealed { batch: it, .. } if *it == batch),
        )
    }

    /// The faults that began before `end`, by number.
    pub(crate) fn faults(&self, end: u64) -> Vec<FaultRecord> {
        let mut faults: Vec<FaultRecord> = Vec::new();
        for event in self.events.iter().take_while(|event| event.index <= end) {
            match &event.kind {
                Kind::FaultBegan { fault, verb, hosts, groups, detail } => {
                    let names: Vec<String> =
                        hosts.iter().map(|host| self.host(Some(*host)).to_owned()).collect();
                    faults.push(FaultRecord {
                        number: fault.saturating_add(1),
                        began: event.index,
                        ended: None,
                        bit: None,
                        verb: *verb,
                        hosts: hosts.clone(),
                        groups: groups.clone(),
                        detail: detail.clone(),
                        text: told(*verb, &names, groups, detail.as_str()),
                    });
                }
                Kind::FaultBit { fault } => {
                    let known =
                        faults.iter_mut().rev().find(|f| f.number == fault.saturating_add(1));
                    if let Some(known) = known {
                        known.bit = Some(event.index);
                    }
                }
                Kind::FaultEnded { fault, .. } => {
                    let known =
                        faults.iter_mut().rev().find(|f| f.number == fault.saturating_add(1));
                    if let Some(known) = known {
                        known.ended = Some(event.index);
                    }
                }
                _ => {}
            }
        }
        faults
    }
}

/// The partition that an event is about, if it is about one.
pub(crate) fn partition_of(kind: &Kind) -> Option<TopicPartition> {
    match kind {
        Kind::LogAppended { partition, .. }
        | Kind::LogTruncated { partition, .. }
        | Kind::LogRecovered { partition, .. }
        | Kind::LogStartMoved { partition, .. }
        | Kind::HighWatermarkMoved { partition, .. }
        | Kind::EpochCacheChanged { partition, .. }
        | Kind::DurableEnd { partition, .. }
        | Kind::RoleTaken { partition, .. }
        | Kind::InSyncChanged { partition, .. }
        | Kind::AlterPartitionSent { partition, .. }
        | Kind::AlterPartitionAnswered { partition, .. }
        | Kind::AlterPartitionDecided { partition, .. }
        | Kind::ReplicaRemoved { partition }
        | Kind::FetchDiverged { partition, .. }
        | Kind::FollowerCounted { partition, .. }
        | Kind::ProduceHandled { partition, .. }
        | Kind::ProduceAnswered { partition, .. }
        | Kind::PartitionDecided { partition, .. }
        | Kind::PartitionCommitted { partition, .. }
        | Kind::BatchSealed { partition, .. }
        | Kind::BatchSent { partition, .. }
        | Kind::BatchDone { partition, .. }
        | Kind::Polled { partition, .. }
        | Kind::PositionSet { partition, .. }
        | Kind::ProbeReturned { partition, .. }
        | Kind::ReplicaAudited { partition, .. }
        | Kind::StorageFailed { partition, .. }
        | Kind::ElectionAsked { partition, .. }
        | Kind::SegmentsDeleted { partition, .. }
        | Kind::DeleteRecordsHandled { partition, .. }
        | Kind::LatestOffsetTold { partition, .. }
        | Kind::TruncationDetected { partition, .. } => Some(*partition),
        _ => None,
    }
}

/// `a, b and c`.
pub(crate) fn row(names: &[String]) -> String {
    match names {
        [] => "nobody".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `offset 7`, or `offsets 7 to 9`; `to` is exclusive.
pub(crate) fn offsets(from: Offset, to: Offset) -> String {
    let last = to.0 - 1;
    if last <= from.0 { format!("offset {from}") } else { format!("offsets {from} to {last}") }
}
