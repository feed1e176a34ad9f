//! A run as lines, one for each thing that happened to a partition, with a column for each replica:
//! the idea is that of TigerBeetle's VOPR.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::event::{Event, FaultVerb, Kind, OperationResult, ProducerOutcome, ReplicaRole};
use crate::report::at::{TellError, partition_named};
use crate::report::claims::{Claim, claims};
use crate::report::metadata_records::{Record, Records, told};
use crate::report::state::live_high_watermark;
use crate::report::timeline_groups::{Groups, Met, News};
use crate::report::timeline_quorum::{self, is_quorum};
use crate::report::timeline_starts::{Starts, is_routine};
use crate::report::timeline_words::{Before, happened, named};
use crate::trace::{FaultView, Model, PartitionView, RunFile, seconds};
use crate::types::{BrokerId, ErrorCode, Moment, Name, Offset, TopicPartition};

/// Which part of a run, and how much of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Window {
    /// The partition; without one, that in which most happened.
    pub partition: Option<String>,
    /// From this time on, in microseconds of the scenario's time.
    pub from: i64,
    /// Up to this time.
    pub to: Option<i64>,
    /// Every append, deletion, move of a high watermark and acknowledgement, too.
    pub all: bool,
}

/// The lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Timeline {
    /// The partition.
    pub partition: String,
    /// The run's other partitions, and the metadata log.
    pub others: Vec<String>,
    /// The brokers that have or had a replica, in the order of assignment; of the metadata log the
    /// controllers.
    pub brokers: Vec<i32>,
    /// What the columns of these are called.
    pub columns: Vec<String>,
    /// The consumer groups that read it, or that are kept in it.
    pub groups: Vec<String>,
    /// Whether it is that of the metadata log: there is no in-sync set, and `leader_epoch` is the
    /// quorum's.
    #[serde(skip)]
    pub is_quorum: bool,
    /// The lines in order.
    pub lines: Vec<Line>,
}

/// One line: the state after what happened, and what it was.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Line {
    /// The event; of a summary, the last that it sums up.
    pub event: u64,
    /// Seconds of the scenario's time.
    pub at: String,
    /// `!` a fault, `*` an election, `v` a truncation, `g` a group, `X` a violation; else a space.
    pub mark: char,
    /// What each broker is: see the legend.
    pub replicas: Vec<String>,
    /// The leader epoch that the controller committed.
    pub leader_epoch: Option<i32>,
    /// The in-sync set that it committed.
    pub isr: Vec<i32>,
    /// The log end offset of each broker's replica.
    pub log_end_offsets: Vec<Option<i64>>,
    /// Of each group the members that believe that they own the partition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Vec<String>>,
    /// The high watermark of the replica that leads, or led last, in the newest leader epoch;
    /// none while its process does not run.
    pub high_watermark: Option<i64>,
    /// What happened.
    pub text: String,
    /// Whether it sums up several events.
    #[serde(skip)]
    pub is_summary: bool,
}

/// What a line's signs mean.
pub const LEGEND: [(&str, &str); 9] = [
    ("L", "leads"),
    ("l", "believes so, in an old epoch"),
    ("f", "in sync"),
    (".", "not in sync"),
    ("?", "knows no leader"),
    ("-", "has no role"),
    ("#", "down"),
    ("=", "stands still"),
    ("~", "cut off by a fault"),
];

/// What the signs mean of the metadata quorum, in the place of the first six.
pub const QUORUM_LEGEND: [(&str, &str); 8] = [
    ("L", "leads"),
    ("l", "believes so, in an old epoch"),
    ("f", "follows"),
    ("p", "asks whether it could win"),
    ("c", "candidate"),
    ("?", "knows no leader"),
    ("r", "resigned"),
    ("-", "has no part"),
];

/// What the marks before a line mean.
pub const MARKS: [(char, &str); 5] =
    [('!', "fault"), ('*', "election"), ('v', "truncation"), ('g', "group"), ('X', "violation")];

/// What happened since the last line and is told as a sum.
#[derive(Clone, Debug, Default)]
struct Routine {
    appended: u64,
    acked: u64,
    refused: BTreeMap<&'static str, u64>,
    committed: Vec<Record>,
    /// Up to where each group has committed.
    consumed: BTreeMap<Name, Offset>,
    commits_refused: BTreeMap<&'static str, u64>,
    starts: Starts,
    last: Option<(u64, Moment)>,
}

impl Timeline {
    /// The timeline of the run of `file`.
    ///
    /// # Errors
    ///
    /// When the file does not read, or has no such partition.
    pub fn of(file: &RunFile, window: &Window) -> Result<Self, TellError> {
        let survey = Survey::of(file)?;
        let partition = match &window.partition {
            Some(name) => partition_named(&survey.model, name)?,
            None => survey.busiest().unwrap_or(TopicPartition::CLUSTER_METADATA),
        };
        let name = survey.model.partition_name(partition);
        let others = survey.others(partition);
        let brokers = match is_quorum(partition) {
            true => survey.model.setup().voters().collect(),
            false => survey.brokers.get(&partition).cloned().unwrap_or_default(),
        };
        let mut gatherer = Gatherer {
            partition,
            brokers,
            window,
            claims: claims(&file.header),
            leader: None,
            records: Records::default(),
            groups: Groups::of(file, &survey.model, partition, &survey.met),
            routine: Routine::default(),
            lines: Vec::new(),
        };
        let mut model = Model::new(Arc::new(file.header.setup.clone()));
        for event in file.events()? {
            let event = event?;
            if window.to.is_some_and(|to| event.at.scenario_micros() > to) {
                break;
            }
            gatherer.observe(&event, &mut model);
        }
        gatherer.sum_up(&model);
        let brokers = gatherer.brokers.iter().map(|broker| broker.0).collect();
        let columns = gatherer.brokers.iter().map(|node| named(&model, *node)).collect();
        let is_quorum = is_quorum(partition);
        let groups = gatherer.groups.names();
        let lines = gatherer.lines;
        Ok(Self { partition: name, others, brokers, columns, groups, is_quorum, lines })
    }
}

/// What a first reading of a run finds.
struct Survey {
    /// The end of the run.
    model: Model,
    /// How often each partition's leader, in-sync set and owner changed.
    changes: BTreeMap<TopicPartition, (u32, u32, u32)>,
    /// The brokers that each partition's replicas were on, in the order of assignment.
    brokers: BTreeMap<TopicPartition, Vec<BrokerId>>,
    /// What it finds of groups.
    met: Met,
}

impl Survey {
    fn of(file: &RunFile) -> Result<Self, TellError> {
        let mut model = Model::new(Arc::new(file.header.setup.clone()));
        let mut changes: BTreeMap<_, (u32, u32, u32)> = BTreeMap::new();
        let mut met = Met::default();
        let mut brokers: BTreeMap<_, Vec<BrokerId>> = BTreeMap::new();
        for event in file.events()? {
            let event = event?;
            model.apply(&event);
            if let Some(owned) = met.observe(&event, &model) {
                let of = changes.entry(owned).or_default();
                of.2 = of.2.saturating_add(1);
            }
            let Kind::PartitionCommitted { partition, replicas, .. } = &event.kind else {
                continue;
            };
            let seen = brokers.entry(*partition).or_default();
            for broker in replicas {
                if !seen.contains(broker) {
                    seen.push(*broker);
                }
            }
            let view = model.partition(*partition);
            let states = view.and_then(|view| view.state.as_ref().zip(view.state_before.as_ref()));
            let of = changes.entry(*partition).or_default();
            if let Some((now, before)) = states.filter(|(now, _)| now.event == event.index) {
                of.0 = of.0.saturating_add(u32::from(now.leader != before.leader));
                of.1 = of.1.saturating_add(u32::from(now.in_sync != before.in_sync));
            }
        }
        Ok(Self { model, changes, brokers, met })
    }

    /// The names of all partitions but `partition`; of those that Kafka keeps for itself only how
    /// many there are; and the metadata log.
    fn others(&self, partition: TopicPartition) -> Vec<String> {
        let all = self.model.partitions.keys().copied().filter(|other| *other != partition);
        let (internal, clients): (Vec<_>, Vec<_>) =
            all.partition(|other| self.model.is_internal(*other));
        let mut names: Vec<_> =
            clients.into_iter().map(|other| self.model.partition_name(other)).collect();
        names.sort();
        if let [one, ..] = internal[..] {
            let topic = self.model.topic_name(one.topic_id).map(ToString::to_string);
            names.push(format!("{} of {}", internal.len(), topic.unwrap_or_default()));
        }
        if !is_quorum(partition) {
            names.push(self.model.partition_name(TopicPartition::CLUSTER_METADATA));
        }
        names
    }

    /// The partition of clients' topics in which most happened, the first by name among several.
    fn busiest(&self) -> Option<TopicPartition> {
        let all = self.model.partitions.keys().copied();
        let mut known: Vec<_> = all.filter(|known| !self.model.is_internal(*known)).collect();
        known.sort_by_cached_key(|known| self.model.partition_name(*known));
        let mut best: Option<(TopicPartition, (u32, u32, u32))> = None;
        for partition in known {
            let changes = self.changes.get(&partition).copied().unwrap_or_default();
            if best.is_none_or(|(_, most)| most < changes) {
                best = Some((partition, changes));
            }
        }
        best.map(|(partition, _)| partition)
    }
}

struct Gatherer<'a> {
    partition: TopicPartition,
    brokers: Vec<BrokerId>,
    window: &'a Window,
    claims: Vec<Claim>,
    /// Who leads, or led last, in the newest epoch.
    leader: Option<BrokerId>,
    /// What the records of the metadata log are.
    records: Records,
    groups: Groups,
    routine: Routine,
    lines: Vec<Line>,
}

impl Gatherer<'_> {
    fn observe(&mut self, event: &Event, model: &mut Model) {
        let is_shown = event.at.scenario_micros() >= self.window.from;
        if !is_shown {
            self.apply(event, model);
            self.groups.observe(event, model);
            return;
        }
        if !self.window.all && self.count(event, model) {
            let committed = self.apply(event, model);
            self.routine.committed.extend(committed);
            self.routine.last = Some((event.index, event.at));
        } else {
            let before = Before::of(model, self.partition, event);
            let pending = self.summary(model);
            let committed = self.apply(event, model);
            if self.is_told(event, model) {
                return;
            }
            if pending.is_some() {
                self.groups.interrupt();
            }
            if let Some(news) = self.groups.observe(event, model) {
                self.add_news(event, news, pending, model);
                return;
            }
            let all = self.window.all;
            let what = happened(event, model, self.partition, &self.brokers, &before, all);
            let committed = committed.map(|it| (' ', format!("committed: {}", told(&[&it], 0))));
            let routine = || all.then(|| self.routine_words(event, model)).flatten();
            if let Some((mark, text)) = what.or(committed.filter(|_| all)).or_else(routine) {
                self.groups.interrupt();
                self.lines.extend(pending);
                self.routine = Routine::default();
                self.add(event.index, event.at, mark, text, model);
            }
        }
        let broken = self.claims.iter().filter(|claim| claim.decided_by() == Some(event.index));
        let texts: Vec<String> = broken
            .map(|claim| {
                let sentence = claim.sentence.as_deref().unwrap_or_default();
                format!("{}: {sentence}", claim.property)
            })
            .collect();
        for text in texts {
            self.groups.interrupt();
            self.sum_up(model);
            self.add(event.index, event.at, 'X', text, model);
        }
    }

    /// Tells what became of a group. What goes on with the line before stands in its place.
    fn add_news(&mut self, event: &Event, news: News, pending: Option<Line>, model: &Model) {
        let before = self.lines.len().saturating_sub(news.replaces);
        if pending.is_none() && self.lines[before..].iter().all(|line| line.mark == 'g') {
            self.lines.truncate(before);
        }
        self.lines.extend(pending);
        self.routine = Routine::default();
        self.add(event.index, event.at, 'g', news.text, model);
    }

    /// Folds `event` in; of the quorum, the record that is committed by it.
    fn apply(&mut self, event: &Event, model: &mut Model) -> Option<Record> {
        model.apply(event);
        if is_quorum(self.partition) {
            self.leader = timeline_quorum::leader(model).or(self.leader);
            return self.records.observe(event, model);
        }
        let view = model.partition(self.partition)?;
        self.leader = view.acting_leader().map(|(broker, _)| broker).or(self.leader);
        None
    }

    /// Whether a process ends or stands still because of the fault that the last line tells of:
    /// that line then shows the state after it, and nothing is told twice.
    fn is_told(&mut self, event: &Event, model: &Model) -> bool {
        let (
            Kind::HostStopped { halted: None, .. } | Kind::HostPaused {} | Kind::DurableEnd { .. },
            Some(host),
        ) = (&event.kind, event.host)
        else {
            return false;
        };
        let is_of = |line: &Line| {
            model.faults.values().any(|fault| {
                fault.event == line.event && fault.since == event.at && fault.hosts.contains(&host)
            })
        };
        let Some(last) = self.lines.pop_if(|line| is_of(line)) else { return false };
        self.add(last.event, event.at, last.mark, last.text, model);
        true
    }

    /// Counts `event` if it is routine.
    fn count(&mut self, event: &Event, model: &Model) -> bool {
        let routine = &mut self.routine;
        match &event.kind {
            Kind::LogAppended { partition, records, as_leader, .. }
                if *partition == self.partition =>
            {
                routine.appended += if *as_leader { u64::from(*records) } else { 0 };
                true
            }
            Kind::OperationReturned {
                partition: Some(partition), result, offset: Some(_), ..
            } if *partition == self.partition => {
                routine.acked += u64::from(*result == OperationResult::Ok);
                true
            }
            Kind::ProduceHandled {
                partition, outcome: ProducerOutcome::Refused, error, ..
            } if *partition == self.partition => {
                *routine.refused.entry(error.name()).or_default() += 1;
                true
            }
            Kind::TopicCommitted { .. }
            | Kind::TopicRemoved { .. }
            | Kind::PartitionCommitted { .. }
            | Kind::ConfigCommitted { .. } => is_quorum(self.partition),
            Kind::OffsetCommitted { group, partition, offset, .. }
                if *partition == self.partition && self.groups.has(group) =>
            {
                routine.consumed.insert(group.clone(), *offset);
                true
            }
            Kind::OffsetCommitAnswered { group, partition, error, .. }
                if *partition == self.partition
                    && self.groups.has(group)
                    && *error != ErrorCode::None =>
            {
                *routine.commits_refused.entry(error.name()).or_default() += 1;
                true
            }
            Kind::LogStartMoved { partition, .. }
                if *partition == self.partition && is_routine(event, model) =>
            {
                routine.starts.observe(event, model)
            }
            // What routine brings about belongs to it: a line shows the state after its event.
            Kind::HighWatermarkMoved { partition, as_leader: true, .. }
                if *partition == self.partition =>
            {
                routine.last.is_some()
            }
            _ => false,
        }
    }

    fn summary(&self, model: &Model) -> Option<Line> {
        let routine = &self.routine;
        let (event, at) = routine.last?;
        let mut parts = Vec::new();
        for (count, what) in [(routine.appended, "appended"), (routine.acked, "acknowledged")] {
            if count > 0 {
                let records = if count == 1 { "record" } else { "records" };
                let noun = if parts.is_empty() { format!(" {records}") } else { String::new() };
                parts.push(format!("{count}{noun} {what}"));
            }
        }
        for (error, count) in &routine.refused {
            let batches =
                if *count == 1 { "a batch".to_owned() } else { format!("{count} batches") };
            parts.push(format!("{batches} refused: {error}"));
        }
        for (error, count) in &routine.commits_refused {
            let commits =
                if *count == 1 { "a commit".to_owned() } else { format!("{count} commits") };
            parts.push(format!("{commits} refused: {error}"));
        }
        for (group, offset) in &routine.consumed {
            let by = self.groups.by(group);
            parts.push(format!("committed up to {offset}{by}"));
        }
        parts.extend(routine.starts.text(&self.brokers));
        let committed: Vec<&Record> = routine.committed.iter().collect();
        if !committed.is_empty() {
            parts.push(format!("committed: {}", told(&committed, 0)));
        }
        let text = parts.join(", ");
        (!text.is_empty())
            .then(|| Line { is_summary: true, ..self.line(event, at, ' ', text, model) })
    }

    fn sum_up(&mut self, model: &Model) {
        let line = self.summary(model);
        self.lines.extend(line);
        self.routine = Routine::default();
    }

    /// What a routine event is, one by one.
    fn routine_words(&self, event: &Event, model: &Model) -> Option<(char, String)> {
        let node = || event.host.and_then(|host| model.setup().node(host));
        let who = || node().map(|node| named(model, node));
        let client = || model.setup().host_name(event.host).to_owned();
        let text = match &event.kind {
            Kind::LogAppended { partition, base_offset, records, as_leader, .. }
                if *partition == self.partition =>
            {
                let verb = if *as_leader { "appends" } else { "copies" };
                let last = *base_offset + u64::from(records.saturating_sub(1));
                format!("{} {verb} {}", who()?, stretch(*base_offset, last))
            }
            Kind::HighWatermarkMoved { partition, high_watermark, .. }
                if *partition == self.partition =>
            {
                format!("{} moves its high watermark to {high_watermark}", who()?)
            }
            Kind::ProduceAnswered { partition, acks, error, base_offset, .. }
                if *partition == self.partition =>
            {
                match (error, base_offset) {
                    (ErrorCode::None, Some(offset)) => {
                        format!("{} answers for {offset} (acks={acks})", who()?)
                    }
                    (error, _) => format!("{} answers {} (acks={acks})", who()?, error.name()),
                }
            }
            Kind::OperationReturned { partition: Some(partition), offset, result, .. }
                if *partition == self.partition =>
            {
                match offset {
                    Some(offset) => format!("{} learns: {offset} {result}", client()),
                    None => format!("{} learns: {result}", client()),
                }
            }
            Kind::Polled { partition, base_offset, records, .. }
                if *partition == self.partition =>
            {
                let last = *base_offset + u64::from(records.saturating_sub(1));
                format!("{} reads {}", client(), stretch(*base_offset, last))
            }
            Kind::OffsetCommitted { group, partition, offset, .. }
                if *partition == self.partition =>
            {
                format!("committed up to {offset}{}", self.groups.by(group))
            }
            Kind::OffsetCommitAnswered { group, partition, offset, error, .. }
                if *partition == self.partition && *error != ErrorCode::None =>
            {
                let by = self.groups.by(group);
                format!("a commit of {offset}{by} is refused: {}", error.name())
            }
            _ => return None,
        };
        Some((' ', text))
    }

    fn add(&mut self, event: u64, at: Moment, mark: char, text: String, model: &Model) {
        let line = self.line(event, at, mark, text, model);
        self.lines.push(line);
    }

    fn line(&self, event: u64, at: Moment, mark: char, text: String, model: &Model) -> Line {
        let none = PartitionView::default();
        let view = model.partition(self.partition).unwrap_or(&none);
        let state = view.state.as_ref();
        let leader = self.leader.and_then(|leader| view.replicas.get(&leader));
        let end = |broker: &BrokerId| view.replicas.get(broker).map(|replica| replica.end_left().0);
        Line {
            event,
            at: seconds(at),
            mark,
            replicas: self.brokers.iter().map(|broker| sign(model, view, *broker)).collect(),
            leader_epoch: match is_quorum(self.partition) {
                true => Some(view.leader_epoch.0),
                false => state.map(|state| state.leader_epoch.0),
            },
            isr: state.map(|s| s.in_sync.iter().map(|b| b.0).collect()).unwrap_or_default(),
            log_end_offsets: self.brokers.iter().map(end).collect(),
            owners: self.groups.owners(model, self.partition),
            high_watermark: leader.and_then(live_high_watermark),
            text,
            is_summary: false,
        }
    }
}

fn stretch(first: Offset, last: Offset) -> String {
    if first == last { first.to_string() } else { format!("{first}..{last}") }
}

/// What the replica on `broker` is, in two characters at most.
fn sign(model: &Model, view: &PartitionView, broker: BrokerId) -> String {
    let host = model.host_of(broker);
    let cut_off = host.is_some_and(|host| {
        model.faults.values().any(|fault| fault.is_active && cuts_off(fault, host))
    });
    let is_paused = host.and_then(|host| model.host(host)).is_some_and(|host| host.is_paused);
    let role = view.replicas.get(&broker).and_then(|replica| replica.role.as_ref());
    let in_sync = view.state.as_ref().is_some_and(|state| state.in_sync.contains(broker));
    let sign = match role {
        _ if !model.is_running(broker) => '#',
        _ if is_paused => '=',
        _ if model.setup().voters().any(|voter| voter == broker) => {
            timeline_quorum::sign(model, broker)
        }
        None => '-',
        Some(role) => match role.role {
            ReplicaRole::Leader if role.leader_epoch == view.leader_epoch => 'L',
            ReplicaRole::Leader => 'l',
            ReplicaRole::Follower if in_sync => 'f',
            ReplicaRole::Follower => '.',
            ReplicaRole::Leaderless => '?',
        },
    };
    if cut_off { format!("~{sign}") } else { sign.to_string() }
}

/// Whether `fault` keeps `host` from others: it stands on a side that is not the largest.
fn cuts_off(fault: &FaultView, host: crate::types::HostId) -> bool {
    let cuts = matches!(
        fault.verb,
        FaultVerb::Isolate
            | FaultVerb::Partition
            | FaultVerb::Cut
            | FaultVerb::Bridge
            | FaultVerb::Ring
            | FaultVerb::OneWay
    );
    let Some(place) = fault.hosts.iter().position(|known| *known == host).filter(|_| cuts) else {
        return false;
    };
    let mut below = 0_usize;
    let mut size = 0;
    for group in &fault.groups {
        below = below.saturating_add(*group as usize);
        size = *group;
        if place < below {
            break;
        }
    }
    let largest = fault.groups.iter().copied().max().unwrap_or_default();
    let is_single = fault.groups.iter().filter(|group| **group == largest).count() == 1;
    fault.groups.len() < 2 || size < largest || !is_single
}
