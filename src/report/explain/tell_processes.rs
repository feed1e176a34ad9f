//! What an event says, in words: faults, processes, registrations.

use crate::event::{CrashKeep, Event, FaultVerb, Kind, Phase, StartedAs};
use crate::report::explain::note::{ACQUITTED, CHANGED_NOTHING, IDLE, NEEDED, Tag};
use crate::report::explain::tape::row;
use crate::report::explain::tell::Teller;
use crate::report::fault_words::told;
use crate::report::halt_words::halt_words;
use crate::trace::{Model, Part};
use crate::types::{BrokerId, ErrorCode, HostId, Offset};

impl Teller<'_> {
    pub(crate) fn observe_processes(&mut self, event: &Event, model: &Model) {
        let concerns = event.host.is_some_and(|host| self.focus.hosts.contains(&host));
        let who = self.who(event);
        match &event.kind {
            Kind::FaultBegan { fault, verb, hosts, groups, detail } => {
                let names: Vec<String> =
                    hosts.iter().map(|host| self.tape.host(Some(*host)).to_owned()).collect();
                let what = told(*verb, &names, groups, detail.as_str());
                let text = format!("fault {}: {what}", fault.saturating_add(1));
                self.on_fault(event, (hosts, self.need_of(*fault)), text, model);
            }
            Kind::FaultEnded { fault, .. } => {
                let Some(known) = model.faults.get(fault) else { return };
                // What is over at once goes without saying.
                if known.since == event.at {
                    return;
                }
                // That its processes start again is told by themselves.
                if matches!(known.verb, FaultVerb::Crash | FaultVerb::Pause | FaultVerb::Stop) {
                    return;
                }
                let names: Vec<String> =
                    known.hosts.iter().map(|host| self.tape.host(Some(*host)).to_owned()).collect();
                let text = format!(
                    "fault {} ends ({} of {})",
                    fault.saturating_add(1),
                    known.verb,
                    row(&names)
                );
                let hosts = known.hosts.clone();
                let idle = self.need_of(*fault).min(0);
                self.on_fault(event, (&hosts, idle - 22), text, model);
            }
            Kind::HostStopped { .. } | Kind::HostPaused {}
                if concerns && self.is_of_fault(event) && !self.is_evidence(event) => {}
            Kind::HostStopped { keep, halted, in_order } if concerns => {
                let part = event.host.and_then(|host| model.setup().part(host));
                let has_disk = matches!(part, Some(Part::Broker(_) | Part::Controller(_)));
                let text = match (in_order, halted, keep) {
                    (true, ..) if !has_disk => format!("{who} ends in order"),
                    (true, ..) => format!("{who} ends in order, all that it wrote on its disk"),
                    (_, Some(reason), _) => {
                        format!("{who} halts by itself: {}", halt_words(*reason))
                    }
                    (_, _, CrashKeep::Synced) => {
                        format!("{who} loses power: what was not flushed is gone")
                    }
                    (_, _, CrashKeep::PageCache) => {
                        format!("{who} crashes; its page cache stays, so no record is lost")
                    }
                    (_, _, CrashKeep::Nothing) => format!("{who} stops and loses its disk"),
                };
                // Why it ends is told with who asked for it.
                let extra = if halted.is_some() { 16 } else { -16 * i32::from(*in_order) };
                self.add_with(event, (Tag::Process, extra), text, None);
            }
            Kind::HostStarted { after, incarnation } if concerns && *incarnation > 0 => {
                let after = match after {
                    StartedAs::New => "for the first time",
                    StartedAs::AfterShutdown => "again after its shutdown",
                    StartedAs::AfterCrash => "again after its crash",
                    StartedAs::AfterPowerLoss => "again after the power loss",
                    StartedAs::AfterDiskLoss => "again with an empty disk",
                };
                self.add_with(event, (Tag::Process, -14), format!("{who} starts {after}"), None);
            }
            Kind::HostPaused {} if concerns => {
                self.add(event, Tag::Process, format!("{who} stands still"), None);
            }
            Kind::HostResumed {} if concerns => {
                self.add_with(event, (Tag::Process, -6), format!("{who} goes on"), None);
            }
            Kind::ShutdownRequested {} if concerns => {
                let text = format!("{who} is asked to end (SIGTERM)");
                self.add_with(event, (Tag::Process, 4), text, None);
            }
            Kind::PhaseBegan { phase } => self.on_phase(event, *phase),
            _ => self.observe_registrations(event, model),
        }
    }

    /// Whether a fault that began at this very moment, and was told of, is why a process ends.
    pub(crate) fn is_of_fault(&self, event: &Event) -> bool {
        let told = self.notes.iter().rev().find(|note| note.tag == Tag::Fault);
        let fault = told.and_then(|note| self.tape.event(note.event));
        fault.is_some_and(|fault| match &fault.kind {
            Kind::FaultBegan { hosts, .. } => {
                fault.at == event.at && event.host.is_some_and(|host| hosts.contains(&host))
            }
            _ => false,
        })
    }

    /// Whether a fault began or ended with this very event.
    pub(crate) fn is_by_fault(&self, event: &Event) -> bool {
        let before = event.index.checked_sub(1).and_then(|at| self.tape.event(at));
        before.is_some_and(|it| {
            it.at == event.at
                && matches!(it.kind, Kind::FaultBegan { .. } | Kind::FaultEnded { .. })
        })
    }

    /// What it matters that a fault took hold, by what the run came to without it.
    pub(crate) fn need_of(&self, fault: u32) -> i32 {
        let number = fault.saturating_add(1);
        let retried = &self.focus.retried;
        if self.focus.unbitten.iter().any(|it| it.number == number) {
            return CHANGED_NOTHING;
        }
        match (retried.needed.contains(&number), retried.idle.contains(&number)) {
            (true, _) => NEEDED,
            // Where others are known to be to blame.
            (false, true) if !retried.needed.is_empty() => ACQUITTED,
            (false, true) => IDLE,
            (false, false) => 0,
        }
    }

    pub(crate) fn on_fault(
        &mut self,
        event: &Event,
        (hosts, extra): (&[HostId], i32),
        text: String,
        model: &Model,
    ) {
        let concerns = hosts.iter().any(|host| self.focus.hosts.contains(host));
        let names = hosts.iter().any(|host| {
            self.tape.setup.node(*host).is_some_and(|node| self.is_named(node))
                || self.focus.clients.contains(host)
        });
        let active = model.active_controller().and_then(|node| model.host_of(node));
        let leads = active.is_some_and(|active| hosts.contains(&active));
        let is_controller = hosts.iter().any(|host| {
            self.tape
                .setup
                .node(*host)
                .is_some_and(|node| self.tape.setup.voters().any(|voter| voter == node))
        });
        if !concerns && !is_controller && extra < NEEDED {
            return;
        }

        let aside = if concerns || leads || extra >= NEEDED { 0 } else { 20 };
        let extra = extra + if names { 8 } else { 0 } - aside;
        self.add_with(event, (Tag::Fault, extra), text, None);
    }

    pub(crate) fn on_phase(&mut self, event: &Event, phase: Phase) {
        let text = match phase {
            Phase::Heal => "all faults end, and what had stopped is started",
            Phase::Settle => "the cluster is whole again and has time to settle",
            Phase::Audit if self.focus.group.is_some() => {
                "the run ends, and it has stayed like that"
            }
            Phase::Audit if self.focus.is_liveness => {
                "the run ends, and what the property asks for has not happened"
            }
            Phase::Audit => "the run ends and is judged",
            Phase::Form | Phase::Act => return,
        };
        if self.focus.is_liveness || self.is_evidence(event) {
            let extra = if phase == Phase::Settle { -20 } else { 0 };
            self.add_with(event, (Tag::Phase, extra), text.to_owned(), None);
        }
    }

    pub(crate) fn observe_registrations(&mut self, event: &Event, model: &Model) {
        match &event.kind {
            Kind::BrokerRegistered { broker, broker_epoch, clean, .. } => {
                match clean {
                    true => self.unclean_starts.remove(broker),
                    false => self.unclean_starts.insert(*broker, event.index),
                };
                if !self.concerns(*broker) {
                    return;
                }
                let end = if *clean {
                    "takes its end before for a clean shutdown"
                } else {
                    "takes its end before for unclean"
                };
                let text = format!(
                    "{} registers {} anew, with broker epoch {broker_epoch}, and {end}",
                    self.who(event),
                    self.tape.node(*broker)
                );
                let named = if self.is_named(*broker) { 14 } else { -10 };
                self.add_with(event, (Tag::Fence, named), text, None);
            }
            Kind::RegistrationCommitted {
                broker,
                broker_epoch,
                fenced,
                in_controlled_shutdown,
                is_new,
                offset,
                ..
            } => {
                if !self.is_news(*offset) {
                    return;
                }
                if *fenced {
                    self.fenced.insert(*broker, event.index);
                } else {
                    self.unclean_starts.remove(broker);
                }
                if !self.concerns(*broker) || (*is_new && !self.is_evidence(event)) {
                    return;
                }
                // It says so with each heartbeat.
                let begun = ("shutdown", broker_epoch.0);
                if *in_controlled_shutdown && !self.told.insert(begun) {
                    return;
                }
                let name = self.tape.node(*broker);
                let (text, because) = match (fenced, in_controlled_shutdown) {
                    (_, true) => (format!("{name} is in controlled shutdown"), None),
                    (true, _) if *is_new => {
                        (format!("the registration of {name} is committed; it begins fenced"), None)
                    }
                    (true, _) => (
                        format!("the controller fences {name}"),
                        Some(format!(
                            "it had no heartbeat of it for broker.session.timeout.ms{}",
                            self.absence(*broker, model)
                        )),
                    ),
                    (false, _) => (
                        format!(
                            "the controller unfences {name}: it may be elected and join in-sync \
                             sets"
                        ),
                        None,
                    ),
                };
                let named = if self.is_named(*broker) { 12 } else { -10 };
                self.add_with(event, (Tag::Fence, named), text, because);
            }
            Kind::BrokerUnregistered { broker, .. } if self.concerns(*broker) => {
                let text = format!("{} is unregistered", self.tape.node(*broker));
                self.add(event, Tag::Fence, text, None);
            }
            Kind::ElectionAsked { unclean, error, .. } => {
                let which = if *unclean { "an unclean election" } else { "the preferred leader" };
                let text = match error {
                    ErrorCode::None => format!("an administrator asks for {which}"),
                    error => format!("an administrator asks for {which}, and is refused: {error}"),
                };
                self.add(event, Tag::Admin, text, None);
            }
            Kind::ConfigCommitted { resource, key, value, offset } => {
                // With what a topic is created goes without saying.
                let mut step = self.tape.step_of(event);
                let is_creation = step.any(|it| {
                    matches!(&it.kind, Kind::TopicCommitted { name, .. }
                        if resource.as_str().strip_prefix("topic ") == Some(name.as_str()))
                });
                if !self.is_news(*offset) || is_creation {
                    return;
                }
                let value = value.as_ref().map_or("its default", |value| value.as_str());
                let text = format!("{key} of {resource} becomes {value}");
                self.add(event, Tag::Admin, text, None);
            }
            _ => self.observe_quorum(event, model),
        }
    }

    /// Whether a metadata record was not told of yet: a controller that takes charge reads the log
    /// from its beginning.
    pub(crate) fn is_news(&mut self, offset: Offset) -> bool {
        let is_news = self.read_to < Some(offset);
        self.read_to = self.read_to.max(Some(offset));
        is_news
    }

    /// Whether the troubles of `broker` may matter.
    pub(crate) fn concerns(&self, broker: BrokerId) -> bool {
        let host = self.tape.setup.host_of(broker);
        host.is_some_and(|host| self.focus.hosts.contains(&host))
    }
}
