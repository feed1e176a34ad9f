//! A run's story in lines: faults, elections, in-sync sets, controllers, what was broken.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::{Event, FaultVerb, Kind, Phase};
use crate::explore::outcome::Moment;
use crate::scenario::show_duration;
use crate::trace::Model;
use crate::types::{BrokerId, BrokerSet, HostId, Moment as Instant, Name, OperationId};

/// Changes of several partitions within this many microseconds are told as one.
const TOGETHER_MICROS: u64 = 20_000;

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

/// Gathers the lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    lines: Vec<Moment>,
    groups: BTreeMap<Change, Group>,
    /// What admin clients asked for and when, until they are answered.
    asked: BTreeMap<OperationId, (Instant, Name)>,
    /// The faults that began, so that their end can be told.
    faults: BTreeMap<u32, String>,
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
            }
            Kind::FaultWaits { fault } => {
                self.tell(event, format!("fault {} waits for its target", fault + 1));
            }
            Kind::PhaseBegan { phase: Phase::Heal } => {
                self.tell(event, "healing begins: all faults end".to_owned());
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
                self.tell(event, format!("{host}: {what}: {answer}{after}"));
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
            Kind::HostStopped { by_itself: true, .. } => {
                let host = model.setup().host_name(event.host).to_owned();
                self.tell(event, format!("{host} stops by itself, as it must when its disk fails"));
            }
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
    }
}
