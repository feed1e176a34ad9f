//! Why faults begin and end, and why processes start and stop.

use std::time::Duration;

use crate::event::{Event, FaultVerb, HaltReason, Kind, Phase, RestartStep};
use crate::report::explain::reason::reasons::Reasons;
use crate::scenario::{Milestone, Trigger, show_duration};
use crate::trace::seconds;
use crate::types::{HostId, Moment};

impl<'a> Reasons<'a> {
    pub(crate) fn of_fault(&self, event: &'a Event) -> Option<String> {
        match &event.kind {
            Kind::FaultBegan { fault, .. } => Some(self.of_beginning(event, *fault)),
            Kind::FaultEnded { fault, .. } => self.of_end(event, *fault),
            Kind::PhaseBegan { phase } => self.of_phase(event, *phase),
            Kind::HostStarted { .. }
            | Kind::HostResumed {}
            | Kind::HostPaused {}
            | Kind::ShutdownRequested {}
            | Kind::ClockSet { .. }
            | Kind::DiskReplaced {} => self.of_process(event),
            Kind::HostStopped { halted: Some(HaltReason::DiskFailed), .. } => {
                let failed = self.beside(event, |it| matches!(it, Kind::StorageFailed { .. }));
                let failed = failed.or_else(|| {
                    self.last_here(event, |it| matches!(it, Kind::StorageFailed { .. }))
                });
                failed.map(|failed| format!("it could not write to its log (e{})", failed.index))
            }
            Kind::HostStopped { in_order: true, .. } => {
                let asked = |it: &Kind| matches!(it, Kind::ShutdownRequested {});
                self.last_here(event, asked)
                    .map(|asked| format!("it was asked to (e{}), and is done", asked.index))
            }
            Kind::HostStopped { .. } => self.of_kill(event).or_else(|| self.of_process(event)),
            Kind::StorageFailed { .. } => {
                let of_disks = |verb| matches!(verb, FaultVerb::FailDisk | FaultVerb::FillDisk);
                self.in_force(event, of_disks)
            }
            Kind::DiskStalled { .. } => self.in_force(event, |verb| verb == FaultVerb::HangDisk),
            _ => None,
        }
    }

    /// When the scenario, or the seed, has `fault` begin.
    fn of_beginning(&self, event: &'a Event, fault: u32) -> String {
        let planned = usize::try_from(fault).ok().and_then(|at| self.plan.faults.get(at));
        let Some(planned) = planned else {
            return "random faults are on, and the seed drew it".to_owned();
        };
        let waited = self.tape.last_before(
            event,
            |it| matches!(&it.kind, Kind::FaultWaits { fault: it } if *it == fault),
        );
        let waited = waited.map(|waited| {
            format!(", and there was nobody whom it could befall until now (e{})", waited.index)
        });
        let waited = waited.unwrap_or_default();
        match &planned.trigger {
            Trigger::At(time) => {
                format!("the scenario asks for it at {}{waited}", show_duration(*time))
            }
            Trigger::When(milestone) => {
                let after = match milestone.after.is_zero() {
                    true => String::new(),
                    false => format!("{} ", show_duration(milestone.after)),
                };
                let seen = self.seen(event, milestone);
                let seen = seen.map_or_else(String::new, |seen| format!(" (e{seen})"));
                let which = match milestone.count {
                    0 | 1 => "the first".to_owned(),
                    count => format!("the {}", nth(count)),
                };
                let when = if after.is_empty() { "at" } else { "after" };
                format!(
                    "the scenario asks for it {after}{when} {which} `{}` of its \
                     `when`{seen}{waited}",
                    milestone.event
                )
            }
        }
    }

    /// The event for which a fault waited that began with `event`.
    fn seen(&self, event: &Event, milestone: &Milestone) -> Option<u64> {
        let after = u64::try_from(milestone.after.as_micros()).ok()?;
        let at = Moment(event.at.0.checked_sub(after)?);
        let end = usize::try_from(event.index).ok()?;
        let mut before = self.tape.events[..end].iter().rev().skip_while(|it| it.at > at);
        let partition = |it: &Event| {
            let named = crate::report::explain::tape::partition_of(&it.kind);
            milestone.partition.as_ref().is_none_or(|wanted| {
                named.is_some_and(|it| self.partition(it) == wanted.to_string())
            })
        };
        let is_it = |it: &&Event| it.kind.name() == milestone.event.as_str() && partition(it);
        before.find(is_it).filter(|it| it.at == at).map(|it| it.index)
    }

    fn of_end(&self, event: &'a Event, fault: u32) -> Option<String> {
        let began = self.tape.last_before(
            event,
            |it| matches!(&it.kind, Kind::FaultBegan { fault: it, .. } if *it == fault),
        )?;
        let first = self.tape.first_of(event);
        if let Kind::PhaseBegan { phase: Phase::Heal } = &first.kind {
            return Some(format!("the run heals, and all faults end (e{})", first.index));
        }
        let lasted = Duration::from_micros(event.at.0.saturating_sub(began.at.0));
        let planned = usize::try_from(fault).ok().and_then(|at| self.plan.faults.get(at));
        let whose = match planned {
            Some(planned) if planned.lasts == Some(lasted) => "the scenario lets it last",
            Some(_) => return Some(format!("it began at e{} and is over", began.index)),
            None => "the seed lets it last",
        };
        Some(format!("{whose} {}", show_duration(lasted)))
    }

    fn of_phase(&self, event: &'a Event, phase: Phase) -> Option<String> {
        let before =
            self.tape.last_before(event, |it| matches!(it.kind, Kind::PhaseBegan { .. }))?;
        Some(match phase {
            Phase::Heal => {
                let duration = show_duration(self.plan.duration);
                format!("the scenario's duration of {duration} is over")
            }
            Phase::Settle => format!("all faults are over (e{})", before.index),
            Phase::Audit => {
                let time = show_duration(self.plan.settle());
                let lasted = u128::from(event.at.0.saturating_sub(before.at.0));
                match lasted >= self.plan.settle().as_micros() {
                    true => {
                        format!("its time to settle, {time}, is over (since e{})", before.index)
                    }
                    false => {
                        "the cluster had settled: every partition took a record, every replica was \
                         in sync, and there was nothing more to wait for"
                            .to_owned()
                    }
                }
            }
            Phase::Form | Phase::Act => return None,
        })
    }

    /// That a process which was asked to end had not done so in the time that it was left.
    fn of_kill(&self, event: &'a Event) -> Option<String> {
        if matches!(self.tape.first_of(event).kind, Kind::FaultBegan { .. }) {
            return None;
        }
        let last = self.last_here(event, |it| {
            matches!(it, Kind::ShutdownRequested {} | Kind::HostStarted { .. })
        })?;
        matches!(last.kind, Kind::ShutdownRequested {}).then(|| {
            format!(
                "it was asked to end (e{}), and had not done so when kill_after was over",
                last.index
            )
        })
    }

    /// What the fault, the operator or the end of the faults does to a process.
    fn of_process(&self, event: &'a Event) -> Option<String> {
        let first = self.tape.first_of(event);
        let at = first.index;
        match &first.kind {
            Kind::FaultBegan { fault, verb, .. } => Some(format!(
                "fault {} ({verb}) does it (e{at}): {}",
                fault + 1,
                self.of_beginning(first, *fault)
            )),
            Kind::FaultEnded { fault, .. } => {
                let began = self.tape.last_before(
                    first,
                    |it| matches!(&it.kind, Kind::FaultBegan { fault: it, .. } if it == fault),
                )?;
                let Kind::FaultBegan { verb, .. } = &began.kind else { return None };
                let since = seconds(began.at);
                Some(format!("fault {} ({verb} since {since}) is over (e{at})", fault + 1))
            }
            Kind::PhaseBegan { phase: Phase::Heal } => {
                Some(format!("the run heals, and all faults end (e{at})"))
            }
            _ => self.of_restart(event).or_else(|| self.of_scale(event)),
        }
    }

    /// Whose turn it is in a rolling restart.
    fn of_restart(&self, event: &'a Event) -> Option<String> {
        let stepped = self.tape.step_of(event).find_map(|it| match &it.kind {
            Kind::RestartStepped { fault, step, host } if Some(*host) == event.host => {
                Some((it.index, *fault, *step))
            }
            _ => None,
        })?;
        let (at, fault, step) = stepped;
        let does = if step == RestartStep::Starts { "starts" } else { "stops" };
        Some(format!("the rolling restart of fault {} {does} it (e{at})", fault + 1))
    }

    /// Of a member of a group: how many the scenario has from that moment on.
    pub(crate) fn of_scale(&self, event: &'a Event) -> Option<String> {
        let name = self.name(event.host?);
        let at = u64::try_from(event.at.scenario_micros()).ok()?;
        self.plan.groups.iter().find_map(|group| {
            group.hosts().iter().find(|host| host.as_str() == name)?;
            let now = |time: Duration| time.as_micros() == u128::from(at);
            let scale = group.scale.iter().find(|scale| now(scale.at))?;
            let members = scale.members;
            let many = if members == 1 { "member" } else { "members" };
            let time = show_duration(scale.at);
            Some(format!(
                "the scenario has {members} {many} in group {} from {time} on",
                group.name
            ))
        })
    }

    /// The fault with a verb as `wanted` that is in force on the host of `event`.
    fn in_force(&self, event: &Event, wanted: impl Fn(FaultVerb) -> bool) -> Option<String> {
        let host: HostId = event.host?;
        let faults = self.tape.faults(event.index);
        let fault = faults.iter().rev().find(|fault| {
            wanted(fault.verb) && fault.hosts.contains(&host) && fault.is_in_force(event.index)
        })?;
        Some(format!("fault {} ({}) is in force since e{}", fault.number, fault.verb, fault.began))
    }
}

/// `2nd`, `11th`.
fn nth(count: u64) -> String {
    let ending = match (count % 10, count % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{count}{ending}")
}
