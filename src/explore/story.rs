//! A run's story in lines: faults, elections, in-sync sets, controllers, what was broken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::event::{Event, Kind, Phase, StartMovedBecause};
use crate::explore::outcome::{Matter, Moment};
use crate::explore::story_clients::Troubles;
use crate::explore::story_faults::aside;
use crate::explore::story_groups::Rebalances;
use crate::explore::story_processes::Processes;
use crate::explore::story_schedule::scaled;
use crate::history::{Figures, LONG_WAIT};
use crate::report::{several, told, told_of_end};
use crate::scenario::{Fault, Plan, show_duration};
use crate::trace::Model;
use crate::types::{
    BrokerId, BrokerSet, ErrorCode, HostId, Moment as Instant, Name, Offset, OperationId,
    TopicPartition,
};

/// Changes of several partitions within this many microseconds are told as one.
const TOGETHER_MICROS: u64 = 20_000;

/// A queue that was full within so many microseconds is the same trouble.
const QUEUE_FULL_MICROS: u64 = 5_000_000;
/// An answer that took less time says nothing of it.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// What changed for a partition; equal changes of several partitions are one line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Change {
    Leader { from: Option<BrokerId>, to: Option<BrokerId>, unclean: bool },
    InSync { from: BrokerSet, to: BrokerSet },
}

/// Lines that wait for others like them.
#[derive(Clone, Debug)]
struct Group {
    at: Instant,
    event: u64,
    partitions: Vec<String>,
}

/// What stands first of several things at one instant: a broker is fenced, therefore partitions
/// are led by others, therefore clients find them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Rank {
    Fault,
    Process,
    Leader,
    InSync,
    Clients,
}

/// Gathers the lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    /// What is run, for what faults were aimed at.
    plan: Option<Arc<Plan>>,
    lines: Vec<(Rank, Moment)>,
    troubles: Troubles,
    groups: BTreeMap<Change, Group>,
    /// The faults that began, so that their end can be told.
    faults: BTreeMap<u32, String>,
    /// When the last event came.
    until: Instant,
    /// What admin clients asked for and when, until they are answered.
    asked: BTreeMap<OperationId, (Instant, Name)>,
    /// When a host's request queue was last full.
    queue_full: BTreeMap<HostId, Instant>,
    /// Replicas whose retention was told of: it comes again and again.
    retained: BTreeSet<(TopicPartition, Option<HostId>)>,
    /// Hosts whose disk was told of.
    troubled: BTreeSet<HostId>,
    /// Processes that were asked to end.
    processes: Processes,
    rebalances: Rebalances,
}

impl Story {
    /// The story of a run of `plan`.
    pub(crate) fn new(plan: &Arc<Plan>) -> Self {
        Self { plan: Some(Arc::clone(plan)), ..Self::default() }
    }

    /// Looks at an event that `model` has folded in already.
    pub(crate) fn observe(&mut self, event: &Event, model: &Model) {
        if event.at < Instant::SCENARIO_BEGINS {
            return;
        }
        self.until = event.at;
        let name = |host: HostId| model.setup().host_name(Some(host)).to_owned();
        match &event.kind {
            Kind::FaultBegan { fault, verb, hosts, groups, detail } => {
                let hosts: Vec<_> = hosts.iter().map(|host| name(*host)).collect();
                let what = told(*verb, &hosts, groups, detail.as_str());
                let aside = self.planned(*fault).map(|fault| aside(fault, &hosts));
                let aside = aside.unwrap_or_default();
                let line = format!("fault {}: {what}{aside}", fault + 1);
                self.add(event, Matter::FaultBegins, Rank::Fault, line);
                let end = told_of_end(*verb, &hosts, groups, detail.as_str());
                self.faults.insert(*fault, end);
            }
            Kind::FaultEnded { fault, changed } => {
                let what = self.faults.remove(fault).unwrap_or_default();
                let vain = if *changed == 0 { "; it changed nothing" } else { "" };
                let line = format!("fault {} ends: {what}{vain}", fault + 1);
                self.add(event, Matter::Fault, Rank::Fault, line);
                self.troubled.clear();
            }
            Kind::FaultWaits { fault } => {
                let line = format!("fault {} waits for its target", fault + 1);
                self.add(event, Matter::Fault, Rank::Fault, line);
            }
            Kind::PhaseBegan { phase: Phase::Heal } => {
                let line = "healing begins: all faults end".to_owned();
                self.add(event, Matter::Fault, Rank::Fault, line);
            }
            Kind::ShutdownRequested {}
            | Kind::HostStopped { .. }
            | Kind::BrokerStateEntered { .. }
            | Kind::RestartStepped { .. }
            | Kind::ConfigDeployed { .. } => {
                if let Some(line) = self.processes.line(event, model, self.plan.as_deref()) {
                    self.tell(event, line);
                }
            }
            Kind::StorageFailed { .. }
            | Kind::DiskStalled { .. }
            | Kind::DiskReplaced {}
            | Kind::ClockSet { .. } => self.tell_trouble(event, model),
            Kind::ControllerActivated { leader_epoch } => {
                let host = model.setup().host_name(event.host).to_owned();
                self.tell(
                    event,
                    format!("{host} takes charge as controller, epoch {leader_epoch}"),
                );
            }
            Kind::RegistrationCommitted {
                broker,
                fenced,
                in_controlled_shutdown: leaves,
                is_new,
                ..
            } => {
                // A new controller tells again what its predecessor may not have told.
                let known = model.registrations.get(broker);
                if known.is_none_or(|known| known.event != event.index) {
                    return;
                }
                let what = match (fenced, is_new) {
                    (true, true) => "registers",
                    (true, false) if *leaves => "is fenced, and may end",
                    (true, false) => "is fenced",
                    (false, _) if *leaves => "shuts down: its leaderships go to others",
                    (false, _) => "is unfenced",
                };
                self.tell(event, format!("broker-{broker} {what}"));
            }
            Kind::BrokerUnregistered { broker, .. } => {
                self.tell(event, format!("broker-{broker} is unregistered"));
            }
            Kind::ConfigCommitted { resource, key, value, .. } => {
                let is_told = model.configs.told_by(resource, key) == Some(event.index);
                // What coordinators keep is created with settings that nobody asked for.
                if !is_told || Model::is_internal_resource(resource.as_str()) {
                    return;
                }
                let what = match value {
                    Some(value) => format!("{key} of {resource} is set to {value}"),
                    None => format!("{key} of {resource} is unset"),
                };
                self.tell(event, what);
            }
            Kind::ElectionAsked { partition, unclean, error } => {
                let which = if *unclean { "an unclean election" } else { "its preferred leader" };
                let outcome = match error {
                    ErrorCode::None => String::new(),
                    error => format!(", refused: {}", error.name()),
                };
                let partition = model.partition_name(*partition);
                self.tell(event, format!("{partition} is asked for {which}{outcome}"));
            }
            Kind::PartitionCommitted { partition, .. } => {
                let Some(view) = model.partition(*partition) else { return };
                let (Some(now), Some(before)) = (&view.state, &view.state_before) else { return };
                if now.event != event.index {
                    return;
                }
                let partition = model.partition_name(*partition);
                if now.leader != before.leader {
                    let unclean = now.recovering && !before.recovering;
                    let change = Change::Leader { from: before.leader, to: now.leader, unclean };
                    self.gather(event, change, partition.clone());
                }
                if now.in_sync != before.in_sync {
                    let (from, to) = (before.in_sync.clone(), now.in_sync.clone());
                    self.gather(event, Change::InSync { from, to }, partition);
                }
            }
            _ => self.observe_work(event, model),
        }
    }

    /// What servers and administrators do besides.
    fn observe_work(&mut self, event: &Event, model: &Model) {
        let name = |host: HostId| model.setup().host_name(Some(host)).to_owned();
        match &event.kind {
            Kind::RequestQueueFull { waiting, .. } => {
                let Some(host) = event.host else { return };
                // It is full again and again while there is too much to do.
                let told = self.queue_full.insert(host, event.at);
                if told.is_none_or(|told| event.at.0 - told.0 > QUEUE_FULL_MICROS) {
                    let host = name(host);
                    let what = format!("{host}: the request queue is full ({waiting} wait)");
                    self.tell(event, format!("{what}, network threads stop reading"));
                }
            }
            Kind::AdminAsked { operation, what } => {
                self.asked.insert(*operation, (event.at, what.clone()));
            }
            Kind::AdminAnswered { operation, answer } => {
                let Some((asked, what)) = self.asked.remove(operation) else { return };
                let host = model.setup().host_name(event.host).to_owned();
                // It asks which topics there are; nobody told it to.
                if host == "probe" {
                    return;
                }
                let took = Duration::from_micros(event.at.0 - asked.0);
                let after = if took < WORTH_TELLING {
                    String::new()
                } else {
                    format!(
                        " (after {})",
                        show_duration(Duration::from_millis(took.as_millis() as u64))
                    )
                };
                let answered = answered(answer.as_str());
                self.tell(event, format!("{host} asks to {what}, {answered}{after}"));
            }
            Kind::TruncationDetected { partition, position, diverged_at } => {
                let host = model.setup().host_name(event.host).to_owned();
                let partition = model.partition_name(*partition);
                let from = match diverged_at {
                    Some(offset) => format!("from offset {offset} on"),
                    None => "for all it knows".to_owned(),
                };
                let text = format!(
                    "{host} has read {partition} up to offset {position} and learns that it was \
                     truncated: what it read is gone {from}"
                );
                self.tell(event, text);
            }
            Kind::LogStartMoved { partition, log_start_offset, because, limit, .. } => {
                let start = (*partition, *log_start_offset);
                self.on_deleted(event, start, (*because, *limit), model);
            }
            Kind::PositionSet { partition, offset, by_reset: true } => {
                let leader = model.partition(*partition).and_then(|known| known.acting_leader());
                let start = leader.map_or(Offset::ZERO, |(_, replica)| replica.log.start);
                if *offset == start && start > Offset::ZERO {
                    let host = model.setup().host_name(event.host);
                    let name = model.partition_name(*partition);
                    let text = format!(
                        "{host} goes on at offset {offset} of {name}, the first that is left: \
                         what it had not read before is deleted"
                    );
                    self.tell(event, text);
                }
            }
            Kind::DeleteRecordsHandled { partition, error: ErrorCode::None, asked, .. } => {
                let below = match asked {
                    Some(asked) => format!("below offset {asked}"),
                    None => "below the high watermark".to_owned(),
                };
                let name = model.partition_name(*partition);
                self.tell(event, format!("{name}: a client has the records {below} deleted"));
            }
            _ => {
                self.troubles.observe(event, model);
                self.rebalances.observe(event, model);
            }
        }
    }

    fn on_deleted(
        &mut self,
        event: &Event,
        (partition, start): (TopicPartition, Offset),
        (because, limit): (StartMovedBecause, Option<u64>),
        model: &Model,
    ) {
        let host = model.setup().host_name(event.host);
        let name = model.partition_name(partition);
        let limit = limit.unwrap_or_default();
        let key = match because {
            StartMovedBecause::RetentionBytes => format!("retention.bytes={limit}"),
            StartMovedBecause::RetentionMs => format!("retention.ms={limit}"),
            StartMovedBecause::BeganAnew => {
                let text = format!(
                    "{host} begins its log of {name} anew at offset {start}: nothing that it had \
                     is left at the leader"
                );
                return self.tell(event, text);
            }
            // Followers go after their leader, which was told of.
            StartMovedBecause::DeleteRecords | StartMovedBecause::Leader => return,
        };
        if self.retained.insert((partition, event.host)) {
            let text =
                format!("{host} deletes {name} below offset {start}, the first time ({key})");
            self.tell(event, text);
        }
    }

    /// What goes wrong with a host's disk or clocks: of a disk what comes first.
    fn tell_trouble(&mut self, event: &Event, model: &Model) {
        let host = model.setup().host_name(event.host).to_owned();
        let text = match &event.kind {
            Kind::StorageFailed { partition, error, .. } => {
                let partition = model.partition_name(*partition);
                format!("{host} cannot write to the log of {partition}: {error}")
            }
            Kind::DiskStalled { lane, blocking: true } => {
                format!("{host}: {lane} stands still until the disk does")
            }
            Kind::DiskReplaced {} => format!("{host} has lost all that was on its disk"),
            Kind::ClockSet { by: 0, drift: 0 } => format!("{host}: both clocks keep time again"),
            Kind::ClockSet { by: 0, drift } => {
                format!("{host}: both clocks gain {drift} us in a second from here on")
            }
            Kind::ClockSet { by, .. } => {
                let way = if *by < 0 { "back" } else { "ahead" };
                let by = show_duration(Duration::from_micros(by.unsigned_abs()));
                format!("{host}: the wall clock jumps {way} by {by}")
            }
            _ => return,
        };
        if let (Kind::StorageFailed { .. } | Kind::DiskStalled { .. }, Some(host)) =
            (&event.kind, event.host)
            && !self.troubled.insert(host)
        {
            return;
        }
        self.tell(event, text);
    }

    /// Tells what a server did.
    fn tell(&mut self, event: &Event, text: String) {
        self.add(event, Matter::Servers, Rank::Process, text);
    }

    fn add(&mut self, event: &Event, matter: Matter, rank: Rank, text: String) {
        let at_micros = event.at.scenario_micros();
        self.lines.push((rank, Moment { at_micros, event: Some(event.index), matter, text }));
    }

    /// The fault of the scenario file with this number; drawn ones stand behind them.
    fn planned(&self, fault: u32) -> Option<&Fault> {
        let plan = self.plan.as_ref()?.faults.get(usize::try_from(fault).ok()?)?;
        Some(&plan.fault)
    }

    fn gather(&mut self, event: &Event, change: Change, partition: String) {
        if let Some(group) = self.groups.get_mut(&change) {
            if event.at.0 - group.at.0 <= TOGETHER_MICROS {
                group.partitions.push(partition);
                return;
            }
            let done = group.clone();
            self.write(&change, &done);
        }
        let (at, event) = (event.at, event.index);
        self.groups.insert(change, Group { at, event, partitions: vec![partition] });
    }

    fn write(&mut self, change: &Change, group: &Group) {
        let mut partitions: Vec<_> = group.partitions.iter().map(String::as_str).collect();
        partitions.sort_unstable();
        let partitions = several(partitions.into_iter());
        let rank = match change {
            Change::Leader { .. } => Rank::Leader,
            Change::InSync { .. } => Rank::InSync,
        };
        let text = match change {
            Change::Leader { from: Some(from), to: None, .. } => {
                format!("{partitions}: no leader any more (was broker-{from})")
            }
            Change::Leader { from: None, to: None, .. } => return,
            Change::Leader { from, to: Some(to), unclean } => {
                let from = from.map(|from| format!(" after broker-{from}")).unwrap_or_default();
                let how = if *unclean { ", uncleanly" } else { "" };
                format!("{partitions}: broker-{to} is elected{from}{how}")
            }
            Change::InSync { from, to } => {
                format!("{partitions}: in-sync set {from} becomes {to}")
            }
        };
        let at_micros = group.at.scenario_micros();
        let matter = Matter::Servers;
        self.lines.push((rank, Moment { at_micros, event: Some(group.event), matter, text }));
    }

    /// The lines in order of time, with the long waits that `figures` has.
    pub(crate) fn finish(mut self, figures: &Figures) -> Vec<Moment> {
        for (change, group) in std::mem::take(&mut self.groups) {
            self.write(&change, &group);
        }
        let scaled = self.plan.as_ref().map(|plan| scaled(plan, self.until)).unwrap_or_default();
        self.lines.extend(scaled.into_iter().map(|line| (Rank::Fault, line)));
        for (began, time) in &figures.waits {
            debug_assert!(*time >= LONG_WAIT, "shorter ones are not told");
            let hundredths = time.as_millis() / 10;
            let time = format!("{}.{:02}s", hundredths / 100, hundredths % 100);
            let text = format!("no record is acknowledged for the next {time}");
            let at_micros = began.scenario_micros();
            let line = Moment { at_micros, event: None, matter: Matter::Clients, text };
            self.lines.push((Rank::Clients, line));
        }
        let troubles = std::mem::take(&mut self.troubles).finish();
        self.lines.extend(troubles.into_iter().map(|line| (Rank::Clients, line)));
        let rebalances = std::mem::take(&mut self.rebalances).finish();
        self.lines.extend(rebalances.into_iter().map(|line| (Rank::Clients, line)));
        self.lines.sort_by_key(|(rank, line)| (line.at_micros, *rank, line.event));
        self.lines.into_iter().map(|(_, line)| line).collect()
    }
}

/// What an administrator was answered, as the end of a sentence.
fn answered(answer: &str) -> String {
    let rest = |lead| answer.strip_prefix(lead);
    match answer {
        "done" => "which is done".to_owned(),
        "the client is closed" => "but its client is closed".to_owned(),
        _ => match (rest("refused, "), rest("nobody knows, "), rest("not sent, ")) {
            (Some(error), ..) => format!("which is refused: {error}"),
            (_, Some(error), _) => format!("and nobody knows whether it was done: {error}"),
            (.., Some(error)) => format!("which was never sent: {error}"),
            _ => format!("and is told: {answer}"),
        },
    }
}
