//! A run's story in lines: faults, elections, in-sync sets, controllers, what was broken.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::event::{Event, FaultVerb, Kind, Phase};
use crate::explore::outcome::Moment;
use crate::scenario::show_duration;
use crate::trace::Model;
use crate::types::{BrokerId, BrokerSet, HostId, Moment as Instant};

/// Changes of several partitions within this many microseconds are told as one.
const TOGETHER_MICROS: u64 = 20_000;

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

/// Gathers the lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    lines: Vec<Moment>,
    groups: BTreeMap<Change, Group>,
    /// The faults that began, so that their end can be told.
    faults: BTreeMap<u32, String>,
    /// Hosts whose disk was told of.
    told: BTreeSet<HostId>,
}

impl Story {
    /// Looks at an event that `model` has folded in already.
    pub(crate) fn observe(&mut self, event: &Event, model: &Model) {
        if event.at < Instant::SCENARIO_BEGINS {
            return;
        }
        let name = |host: HostId| model.setup().host_name(Some(host)).to_owned();
        match &event.kind {
            Kind::FaultBegan { fault, verb, hosts } => {
                let hosts: Vec<_> = hosts.iter().map(|host| name(*host)).collect();
                let what = format!("{} {}", deed(*verb), hosts.join(", "));
                self.tell(event, format!("fault {}: {what}", fault + 1));
                self.faults.insert(*fault, what);
            }
            Kind::FaultEnded { fault } => {
                let what = self.faults.remove(fault).unwrap_or_default();
                self.tell(event, format!("fault {} ends: {what}", fault + 1));
                self.told.clear();
            }
            Kind::FaultWaits { fault } => {
                self.tell(event, format!("fault {} waits for its target", fault + 1));
            }
            Kind::PhaseBegan { phase: Phase::Heal } => {
                self.tell(event, "healing begins: all faults end".to_owned());
            }
            Kind::HostStopped { by_itself: true, .. } => {
                let host = model.setup().host_name(event.host).to_owned();
                self.tell(event, format!("{host} stops by itself, as it must when its disk fails"));
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
            Kind::RegistrationCommitted { broker, fenced, is_new, .. } => {
                // A new controller tells again what its predecessor may not have told.
                let known = model.registrations.get(broker);
                if known.is_none_or(|known| known.event != event.index) {
                    return;
                }
                let what = match (fenced, is_new) {
                    (true, true) => "registers",
                    (true, false) => "is fenced",
                    (false, _) => "is unfenced",
                };
                self.tell(event, format!("broker-{broker} {what}"));
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
            _ => {}
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
            && !self.told.insert(host)
        {
            return;
        }
        self.tell(event, text);
    }

    fn tell(&mut self, event: &Event, text: String) {
        let at_micros = event.at.scenario_micros();
        self.lines.push(Moment { at_micros, event: event.index, text });
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
        let partitions = match group.partitions.as_slice() {
            many if many.len() > 4 => {
                format!("{}, {} and {} more", many[0], many[1], many.len() - 2)
            }
            few => few.join(", "),
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
        self.lines.push(Moment { at_micros, event: group.event, text });
    }

    /// The lines in order of time.
    pub(crate) fn finish(mut self) -> Vec<Moment> {
        for (change, group) in std::mem::take(&mut self.groups) {
            self.write(&change, &group);
        }
        self.lines.sort_by_key(|line| (line.at_micros, line.event));
        self.lines
    }
}

fn deed(verb: FaultVerb) -> &'static str {
    match verb {
        FaultVerb::Crash => "crash",
        FaultVerb::Pause => "pause",
        FaultVerb::Isolate => "isolate",
        FaultVerb::Partition => "partition",
        FaultVerb::Cut => "cut between",
        FaultVerb::Delay => "slow links of",
        FaultVerb::SlowDisk => "slow disk of",
        FaultVerb::HangDisk => "hanging disk of",
        FaultVerb::FillDisk => "full disk of",
        FaultVerb::FailDisk => "failing disk of",
        FaultVerb::ReplaceDisk => "lost disk of",
        FaultVerb::JumpClock => "jump of the clock of",
        FaultVerb::DriftClock => "drifting clocks of",
    }
}
