//! What the applications of groups have processed, and how far it is committed, folded from events.
//!
//! What an administrator commits, or deletes, is no word of the applications: the delivery begins
//! anew with it, and where it begins the administrator answers for.

use std::collections::{BTreeMap, VecDeque};

use crate::event::{Event, Kind, LeftBecause, OffsetGone};
use crate::history::{Committers, Spans};
use crate::trace::Model;
use crate::types::{HostId, Name, Offset, TopicId, TopicPartition};

/// The kinds that matter here.
pub(crate) const KINDS: &[&str] = &[
    "host-stopped",
    "polled",
    "position-set",
    "member-left",
    "commit-asked",
    "commit-answered",
    "offset-appended",
    "offset-committed",
    "offset-removed",
    "offset-told",
    "committed-offset-used",
    "processed",
    "topic-removed",
];

/// All groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deliveries {
    partitions: BTreeMap<(Name, TopicPartition), Delivery>,
    /// When each host's process ended last without being asked to.
    crashed: BTreeMap<HostId, u64>,
    /// Members that were counted out though they had not left, and when.
    expelled: BTreeMap<Name, u64>,
    committers: Committers,
    /// Topics that were deleted, and when.
    removed: BTreeMap<TopicId, u64>,
}

/// One partition, as one group reads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    /// Where the group began.
    start: Option<Offset>,
    processed: Spans,
    /// What was processed, or skipped by rule (auto.offset.reset).
    done: Spans,
    /// Where each reader stands: what it has in its hands lies before.
    readers: BTreeMap<HostId, Offset>,
    /// The highest offset that was committed, when, and when it was written.
    committed: Option<(Offset, u64, Option<u64>)>,
    /// The commits, each beyond the one before, up to which not all was processed: with the events
    /// in which each was safe, and was written.
    commits: VecDeque<(Offset, u64, Option<u64>)>,
    /// What is committed and was not processed.
    pub(crate) gap: Option<Gap>,
    /// Who began with it last.
    pub(crate) taken: Option<Taken>,
    /// The partition of `__consumer_offsets` that keeps it.
    pub(crate) log: Option<TopicPartition>,
    /// By the place in that log: what was written and is not committed yet, and the event.
    written: BTreeMap<Offset, (Offset, u64)>,
    /// Whether an offset of the group's is committed and counts.
    counts: bool,
    /// Whether the group was told last that there is none though there is.
    is_denied: bool,
    /// The event of the last reset that followed from that.
    pub(crate) denied: Option<u64>,
    /// The event by which its topic was deleted, if one of the same name was made anew and somebody
    /// went on there where he stood in the old one.
    pub(crate) carried: Option<u64>,
    /// The event by which an offset of it went because nobody had committed for long.
    pub(crate) expired: Option<u64>,
}

/// Offsets that are committed and that nobody has processed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gap {
    pub(crate) from: Offset,
    /// The first commit beyond it.
    pub(crate) offset: Offset,
    /// The event in which a member's commit was written, and that in which it was safe.
    pub(crate) written: Option<u64>,
    pub(crate) committed: u64,
    /// Who went on behind it, and where.
    pub(crate) passed: Option<(u64, Offset)>,
}

/// Who began to read a partition, and after what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Taken {
    pub(crate) event: u64,
    pub(crate) host: HostId,
    pub(crate) member: Name,
    pub(crate) after: Because,
}

/// Why a partition came to whom it is read by now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Because {
    /// Nobody had it before.
    First,
    /// A rebalance among members that live.
    Rebalance,
    /// Whoever had it crashed.
    Crash,
    /// Whoever had it was expelled.
    Expelled,
    /// Nothing that was committed counted any more.
    Reset,
}

impl std::fmt::Display for Because {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::First => "nobody had it before",
            Self::Rebalance => "a rebalance",
            Self::Crash => "a crash",
            Self::Expelled => "an expulsion",
            Self::Reset => "a reset",
        })
    }
}

/// What one event of processing came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Again {
    /// The first record that was processed before.
    pub(crate) first: Offset,
    /// How many of them.
    pub(crate) records: u64,
}

impl Deliveries {
    /// All partitions, by group.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = (&(Name, TopicPartition), &Delivery)> {
        self.partitions.iter()
    }

    pub(crate) fn get(&self, group: &Name, partition: TopicPartition) -> Option<&Delivery> {
        self.partitions.get(&(group.clone(), partition))
    }

    /// Looks at an event, which `model` has folded in already; of one that tells of processing says
    /// what of it was processed before.
    pub(crate) fn on_event(&mut self, event: &Event, model: &Model) -> Option<Again> {
        self.committers.apply(event);
        match &event.kind {
            Kind::HostStopped { in_order: false, .. } => {
                self.crashed.extend(event.host.map(|host| (host, event.index)));
            }
            Kind::MemberLeft { member, because, .. } => {
                let is_forced = matches!(
                    because,
                    LeftBecause::SessionExpired
                        | LeftBecause::RebalanceExpired
                        | LeftBecause::SyncExpired
                );
                if is_forced {
                    self.expelled.insert(member.clone(), event.index);
                }
            }
            Kind::OffsetAppended { group, partition, offset, member, log, log_offset, .. } => {
                let before = self.life_before(*partition, model).filter(|_| member.is_some());
                let delivery = self.of(group, *partition);
                // No member was returned so much of the new one.
                if delivery.readers.values().all(|stands| stands < offset) {
                    delivery.carried = before.or(delivery.carried);
                }
                delivery.log = Some(*log);
                // What stood there before is cut off.
                delivery.written.split_off(log_offset);
                delivery.written.insert(*log_offset, (*offset, event.index));
            }
            Kind::OffsetCommitted { group, partition, offset, log_offset } => {
                let is_outside = self.committers.take(group, *partition, *log_offset);
                let delivery = self.of(group, *partition);
                if is_outside {
                    delivery.on_told(Some(*offset));
                } else {
                    delivery.on_committed(event.index, *offset, *log_offset);
                }
                delivery.counts = true;
            }
            Kind::OffsetRemoved { group, partition, because } => {
                let delivery = self.of(group, *partition);
                delivery.on_told(None);
                match because {
                    OffsetGone::Expired => delivery.expired = Some(event.index),
                    OffsetGone::Deleted | OffsetGone::GroupDeleted | OffsetGone::TopicDeleted => {
                        delivery.forget(Offset::ZERO);
                    }
                }
            }
            Kind::OffsetTold { group, partition, offset } => {
                let delivery = self.of(group, *partition);
                delivery.is_denied = delivery.counts && offset.is_none();
            }
            Kind::CommittedOffsetUsed { group, member, partition, offset, .. } => {
                self.on_taken(event, (group, *partition), member, *offset, model);
            }
            Kind::Polled { partition, base_offset, records, .. } => {
                let end = *base_offset + u64::from(*records);
                self.on_read(event, *partition, end, false, model);
            }
            Kind::PositionSet { partition, offset, by_reset } => {
                self.on_read(event, *partition, *offset, *by_reset, model);
            }
            Kind::Processed { group, partition, base_offset, records, .. } => {
                let end = *base_offset + u64::from(*records);
                let before = self.life_before(*partition, model);
                let delivery = self.of(group, *partition);
                if delivery.start.is_none() && before.is_some() {
                    delivery.start = Some(Offset::ZERO);
                    delivery.carried = before;
                }
                return delivery.on_processed(*base_offset, end);
            }
            Kind::TopicRemoved { topic, .. } => {
                self.removed.insert(*topic, event.index);
            }
            _ => {}
        }
        None
    }

    /// The event by which a topic was deleted that was called as that of `partition` is.
    fn life_before(&self, partition: TopicPartition, model: &Model) -> Option<u64> {
        let name = model.topic_name(partition.topic_id)?;
        let mut removed = self.removed.iter().rev();
        let is_same = |topic: &TopicId| model.topic_name(*topic) == Some(name);
        removed.find(|(topic, _)| **topic != partition.topic_id && is_same(topic)).map(|it| *it.1)
    }

    fn of(&mut self, group: &Name, partition: TopicPartition) -> &mut Delivery {
        self.partitions.entry((group.clone(), partition)).or_default()
    }

    /// A reader goes on at `offset`: after what it was returned, or where it was told to.
    fn on_read(
        &mut self,
        event: &Event,
        partition: TopicPartition,
        offset: Offset,
        by_reset: bool,
        model: &Model,
    ) {
        let Some(host) = event.host else { return };
        let Some(member) = model.group_members.get(&host) else { return };
        let delivery = self.of(&member.group, partition);
        if by_reset {
            delivery.on_reset(event.index, host, offset);
        }
        delivery.readers.insert(host, offset);
    }

    fn on_taken(
        &mut self,
        event: &Event,
        (group, partition): (&Name, TopicPartition),
        member: &Name,
        offset: Option<Offset>,
        model: &Model,
    ) {
        let Some(host) = event.host else { return };
        let before = self.get(group, partition).and_then(|delivery| delivery.taken.as_ref());
        let since = |at: Option<&u64>, taken: &Taken| at.is_some_and(|at| *at > taken.event);
        let after = match before {
            None => Because::First,
            Some(taken) if since(self.crashed.get(&taken.host), taken) => Because::Crash,
            Some(taken) if since(self.expelled.get(&taken.member), taken) => Because::Expelled,
            Some(_) => Because::Rebalance,
        };
        let is_outside =
            offset.is_some_and(|offset| self.committers.take_used(group, partition, offset));
        let life_before = self.life_before(partition, model).filter(|_| offset.is_some());
        let delivery = self.of(group, partition);
        if is_outside {
            delivery.on_told(offset);
        } else if !delivery.counts {
            delivery.carried = life_before.or(delivery.carried);
        }
        let member = member.clone();
        delivery.taken = Some(Taken { event: event.index, host, member, after });
        delivery.readers.remove(&host);
        let Some(offset) = offset else { return };
        delivery.start.get_or_insert(offset);
        delivery.pass(event.index, offset);
    }
}

impl Delivery {
    /// An administrator says where to go on, or that nothing is committed: the delivery begins
    /// anew. What was processed from where it goes on may be processed again.
    fn on_told(&mut self, offset: Option<Offset>) {
        // What somebody has gone past is lost, unless the group is led back to it.
        let is_lost = |gap: &Gap| gap.passed.is_some() && offset.is_none_or(|to| to > gap.from);
        self.gap = self.gap.filter(is_lost);
        self.start = offset;
        self.committed = None;
        self.commits.clear();
        self.written.clear();
        self.counts = false;
        if let Some(offset) = offset {
            self.forget(offset);
        }
    }

    /// What was done from `offset` on may be done again.
    fn forget(&mut self, offset: Offset) {
        self.processed.cut(offset);
        self.done.cut(offset);
    }

    fn on_committed(&mut self, event: u64, offset: Offset, log_offset: Offset) {
        let written = self.written.remove(&log_offset).map(|(_, event)| event);
        // Earlier ones are committed, too, or never will be.
        self.written = self.written.split_off(&log_offset);
        if self.committed.is_none_or(|(highest, ..)| highest < offset) {
            self.committed = Some((offset, event, written));
            self.commits.push_back((offset, event, written));
        }
        if self.gap.is_none()
            && let Some(start) = self.start
        {
            self.look(start);
        }
    }

    /// Somebody goes on at `offset`.
    fn pass(&mut self, event: u64, offset: Offset) {
        if let Some(gap) = self.gap.as_mut().filter(|gap| gap.from < offset) {
            gap.passed.get_or_insert((event, offset));
        }
    }

    /// Looks for what is committed and was not processed.
    fn look(&mut self, start: Offset) {
        let from = self.done.first_missing(start);
        while self.commits.front().is_some_and(|(offset, ..)| *offset <= from) {
            self.commits.pop_front();
        }
        // Who went on behind what is missing still now has gone past it.
        let passed = self.gap.and_then(|gap| gap.passed).filter(|(_, at)| from < *at);
        self.gap = self.commits.front().map(|&(offset, committed, written)| Gap {
            from,
            offset,
            written,
            committed,
            passed,
        });
    }

    /// Whether anything is known to be committed of it.
    pub(crate) fn is_committed(&self) -> bool {
        self.start.is_some() && self.committed.is_some()
    }

    /// `host` goes on where the policy says: what lies before is nobody's, if it is not committed
    /// and was not returned to it.
    fn on_reset(&mut self, event: u64, host: HostId, offset: Offset) {
        if let Some(taken) = &mut self.taken
            && self.start.is_some()
        {
            taken.after = Because::Reset;
        }
        let Some(start) = self.start else {
            self.start = Some(offset);
            return;
        };
        self.pass(event, offset);
        if self.is_denied {
            self.denied = Some(event);
        } else {
            let from = self.committed.map_or(start, |(highest, ..)| highest);
            let stood = self.readers.get(&host).copied();
            self.done.add(stood.map_or(from, |stood| from.max(stood)), offset);
        }
        // It may lead back, from where there is nothing.
        let start = start.min(offset);
        self.start = Some(start);
        self.look(start);
    }

    fn on_processed(&mut self, from: Offset, to: Offset) -> Option<Again> {
        let start = *self.start.get_or_insert(from);
        self.done.add(from, to);
        let (records, first) = self.processed.add(from, to);
        if self.gap.is_some() {
            self.look(start);
        }
        first.map(|first| Again { first, records })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::check::script::{OFFSETS, ORDERS, OTHER, READER, Script};
    use crate::event::{MemberState, Phase};
    use crate::trace::Promise;
    use crate::types::{BatchId, ClientId, LeaderEpoch, OperationId};

    const COORDINATOR: HostId = HostId(1);
    const HOSTS: [HostId; 2] = [READER, OTHER];

    /// Two members of a group at work on one partition.
    #[derive(Clone, Debug)]
    pub(crate) struct Work(Script);

    impl Work {
        pub(crate) fn of(promise: Promise) -> Self {
            let mut script = Script::with_group("g", promise);
            script.lead(1, 1, &[1, 2, 3]);
            for (nth, host) in HOSTS.into_iter().enumerate() {
                let kind = Kind::MemberStateEntered {
                    group: "g".into(),
                    member: format!("m{nth}").into(),
                    epoch: 1,
                    state: MemberState::Stable,
                    leads: false,
                };
                script.add(host, kind);
            }
            Self(script)
        }

        pub(crate) fn outcome(&self, property: &str) -> &'static str {
            self.0.outcome(property)
        }

        /// Member `nth` takes the partition and begins at `offset`, or at the beginning.
        pub(crate) fn begin(&mut self, nth: usize, offset: Option<i64>) -> &mut Self {
            let (group, member, epoch) = ("g".into(), Name::from(format!("m{nth}")), 2);
            let partition = ORDERS;
            let taken = Kind::PartitionTaken { group, member: member.clone(), epoch, partition };
            self.0.add(HOSTS[nth], taken);
            let (group, offset) = ("g".into(), offset.map(Offset));
            let used = Kind::CommittedOffsetUsed { group, member, epoch, partition, offset };
            self.0.add(HOSTS[nth], used);
            if offset.is_none() {
                self.reset(nth, 0);
            }
            self
        }

        pub(crate) fn reset(&mut self, nth: usize, offset: i64) -> &mut Self {
            let (partition, offset) = (ORDERS, Offset(offset));
            self.0.add(HOSTS[nth], Kind::PositionSet { partition, offset, by_reset: true });
            self
        }

        pub(crate) fn polled(&mut self, nth: usize, from: i64, to: i64) -> &mut Self {
            let kind = Kind::Polled {
                operation: OperationId { client: ClientId(0), number: 0 },
                partition: ORDERS,
                base_offset: Offset(from),
                records: u32::try_from(to - from).unwrap(),
                batch: BatchId(0),
                first: 0,
                leader_epoch: LeaderEpoch(0),
            };
            self.0.add(HOSTS[nth], kind);
            self
        }

        pub(crate) fn processed(&mut self, nth: usize, from: i64, to: i64) -> &mut Self {
            let kind = Kind::Processed {
                group: "g".into(),
                member: format!("m{nth}").into(),
                epoch: 2,
                partition: ORDERS,
                base_offset: Offset(from),
                records: u32::try_from(to - from).unwrap(),
            };
            self.0.add(HOSTS[nth], kind);
            self
        }

        pub(crate) fn committed(&mut self, offset: i64) -> &mut Self {
            let (group, partition) = ("g".into(), ORDERS);
            let (offset, log_offset) = (Offset(offset), Offset(offset));
            let kind = Kind::OffsetCommitted { group, partition, offset, log_offset };
            self.0.add(COORDINATOR, kind);
            self
        }

        /// A commit without a member is an administrator's.
        pub(crate) fn appended(&mut self, offset: i64, member: Option<&str>) -> &mut Self {
            let kind = Kind::OffsetAppended {
                group: "g".into(),
                partition: ORDERS,
                offset: Offset(offset),
                member: member.map(Into::into),
                epoch: crate::types::GroupEpoch(-1),
                log: OFFSETS,
                log_offset: Offset(offset),
            };
            self.0.add(COORDINATOR, kind);
            self
        }

        pub(crate) fn removed(&mut self, because: OffsetGone) -> &mut Self {
            let (group, partition) = ("g".into(), ORDERS);
            self.0.add(COORDINATOR, Kind::OffsetRemoved { group, partition, because });
            self
        }

        pub(crate) fn told(&mut self, offset: Option<i64>) -> &mut Self {
            let (group, partition, offset) = ("g".into(), ORDERS, offset.map(Offset));
            self.0.add(COORDINATOR, Kind::OffsetTold { group, partition, offset });
            self
        }

        pub(crate) fn phase(&mut self, phase: Phase) -> &mut Self {
            self.0.phase(phase);
            self
        }

        pub(crate) fn add(&mut self, host: HostId, kind: Kind) -> &mut Self {
            self.0.add(host, kind);
            self
        }

        /// After what the partition was taken last.
        fn after(&self) -> Option<Because> {
            let mut deliveries = Deliveries::default();
            for event in self.0.events() {
                deliveries.on_event(event, self.0.model());
            }
            let delivery = deliveries.get(&"g".into(), ORDERS)?;
            delivery.taken.as_ref().map(|taken| taken.after)
        }
    }

    #[test]
    fn a_partition_is_taken_after_what_became_of_its_last_owner() {
        let mut work = Work::of(Promise::AtLeastOnce);
        assert_eq!(work.begin(0, Some(6)).after(), Some(Because::First));
        assert_eq!(work.processed(0, 6, 9).begin(1, Some(6)).after(), Some(Because::Rebalance));
        let stopped = Kind::HostStopped {
            keep: crate::event::CrashKeep::PageCache,
            halted: None,
            in_order: false,
        };
        let mut crash = work.clone();
        crash.add(HOSTS[1], stopped).begin(0, Some(9));
        assert_eq!(crash.after(), Some(Because::Crash));
        let (group, member) = ("g".into(), "m1".into());
        let because = LeftBecause::SessionExpired;
        work.add(COORDINATOR, Kind::MemberLeft { group, member, because });
        assert_eq!(work.begin(0, Some(12)).after(), Some(Because::Expelled));
        assert_eq!(work.begin(1, None).after(), Some(Because::Reset));
    }
}
