//! A run's story in lines: faults, elections, in-sync sets, controllers, what was broken.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::{Event, FaultVerb, Kind, Phase};
use crate::explore::outcome::{Matter, Moment};
use crate::explore::story_clients::{Troubles, several};
use crate::explore::story_faults::{aside, hosts_text};
use crate::history::{Figures, LONG_WAIT};
use crate::scenario::{Fault, Plan};
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
        let name = |host: HostId| model.setup().host_name(Some(host)).to_owned();
        match &event.kind {
            Kind::FaultBegan { fault, verb, hosts } => {
                let hosts: Vec<_> = hosts.iter().map(|host| name(*host)).collect();
                let what = format!("{} {}", deed(*verb), hosts_text(&hosts));
                let aside = self.planned(*fault).map(|fault| aside(fault, &hosts));
                let aside = aside.unwrap_or_default();
                let line = format!("fault {}: {what}{aside}", fault + 1);
                self.add(event, Matter::FaultBegins, Rank::Fault, line);
                self.faults.insert(*fault, what);
            }
            Kind::FaultEnded { fault } => {
                let what = self.faults.remove(fault).unwrap_or_default();
                let line = format!("fault {} ends: {what}", fault + 1);
                self.add(event, Matter::Fault, Rank::Fault, line);
            }
            Kind::FaultWaits { fault } => {
                let line = format!("fault {} waits for its target", fault + 1);
                self.add(event, Matter::Fault, Rank::Fault, line);
            }
            Kind::PhaseBegan { phase: Phase::Heal } => {
                let line = "healing begins: all faults end".to_owned();
                self.add(event, Matter::Fault, Rank::Fault, line);
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
            _ => self.troubles.observe(event, model),
        }
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
        self.lines.sort_by_key(|(rank, line)| (line.at_micros, *rank, line.event));
        self.lines.into_iter().map(|(_, line)| line).collect()
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
