//! What an event says, in words: leaders, in-sync sets, processes, faults, the quorum.

use crate::event::{CrashKeep, Event, FaultVerb, Kind, Phase, QuorumRole, ReplicaRole, StartedAs};
use crate::report::explain::focus::Shape;
use crate::report::explain::links::Links;
use crate::report::explain::note::{NEEDED, Tag};
use crate::report::explain::tape::row;
use crate::report::explain::tell::Teller;
use crate::report::told;
use crate::trace::{FaultView, Model, StateView, seconds};
use crate::types::{BrokerId, BrokerSet, ErrorCode, HostId, Offset, TopicPartition};

impl Teller<'_> {
    pub(crate) fn observe_cluster(&mut self, event: &Event, model: &Model) {
        match &event.kind {
            Kind::PartitionDecided { unclean: true, leader_epoch, .. } => {
                self.unclean.insert(*leader_epoch);
            }
            Kind::PartitionCommitted { partition, .. } => {
                self.on_committed(event, *partition, model);
            }
            Kind::RoleTaken { .. } => self.on_role(event, model),
            Kind::InSyncChanged { committed, maximal, .. } => {
                let goes_back = committed == maximal && self.is_deed(event);
                if committed != maximal || goes_back || self.is_evidence(event) {
                    let text = format!(
                        "{} waits for {maximal} from here on; it knows that the controller \
                         recorded {committed}",
                        self.who(event)
                    );
                    let extra = if self.is_evidence(event) { 10 } else { -14 };
                    let text = match goes_back {
                        true => text.replacen(" waits for ", " waits no more than for ", 1),
                        false => text,
                    };
                    self.add_with(event, (Tag::InSync, extra), text, None);
                }
            }
            Kind::AlterPartitionSent { in_sync, partition_epoch, .. } => {
                self.asked = Some((in_sync.clone(), event.index));
                let text = format!(
                    "{} asks the controller to make {in_sync} the in-sync set (it knows partition \
                     epoch {partition_epoch})",
                    self.who(event)
                );
                self.add(event, Tag::AskInSync, text, self.lacking_among(in_sync, model));
            }
            Kind::AlterPartitionDecided { in_sync, error, .. } => {
                let who = self.who(event);
                let text = match error {
                    ErrorCode::None => format!("{who} grants the in-sync set {in_sync}"),
                    _ => format!("{who} refuses the in-sync set {in_sync}: {error}"),
                };
                let late = self.late(event);
                let extra = match (&late, error) {
                    (Some(_), _) => 16,
                    (None, ErrorCode::None) => -10,
                    (None, _) => 0,
                };
                self.add_with(event, (Tag::AskInSync, extra), text, late);
            }
            Kind::AlterPartitionAnswered { error, rolled_back, .. } => {
                if *error != ErrorCode::None || self.is_evidence(event) {
                    let back =
                        if *rolled_back { ", and goes back to the recorded set" } else { "" };
                    let text = format!(
                        "{} learns that its request to change the in-sync set came to \
                         {error}{back}",
                        self.who(event)
                    );
                    self.add(event, Tag::AskInSync, text, None);
                }
            }
            _ => self.observe_processes(event, model),
        }
    }

    /// "the request left broker-1 at 3.2", if what led to `event` had been on its way for long.
    fn late(&self, event: &Event) -> Option<String> {
        let first = event.cause.and_then(|first| self.tape.event(first))?;
        let Kind::Delivered { from, sent, fault, is_response: false, .. } = &first.kind else {
            return None;
        };
        let held = fault.map(|fault| format!(", held up by fault {}", fault.saturating_add(1)));
        (event.at.0.saturating_sub(sent.0) > 500_000).then(|| {
            format!(
                "the request left {} at {}{}",
                self.tape.host(Some(*from)),
                seconds(*sent),
                held.unwrap_or_default()
            )
        })
    }

    /// Why a set is no good: a member of it lacks the records.
    fn lacking_among(&self, set: &BrokerSet, model: &Model) -> Option<String> {
        let lacking: Vec<String> =
            set.iter().filter_map(|member| self.lacks(model, member)).collect();
        (!lacking.is_empty())
            .then(|| format!("it takes them for caught up, though {}", lacking.join(", and ")))
    }

    fn on_committed(&mut self, event: &Event, partition: TopicPartition, model: &Model) {
        let Some(known) = model.partition(partition) else { return };
        let (Some(now), Some(before)) = (&known.state, &known.state_before) else { return };
        if now.event != event.index {
            return;
        }
        let name = model.partition_name(partition);
        if now.leader != before.leader {
            let epoch = now.leader_epoch;
            let is_last_known = before.last_known.first() == now.leader.as_ref();
            // The last known leader is elected as one that may lack records, too (KIP-966).
            let unclean = self.unclean.contains(&epoch) || (now.recovering && !before.recovering);
            let gone = before.leader.map(|broker| self.why_gone(event, broker, model));
            let (text, because) = match now.leader {
                Some(leader) => {
                    let how = if unclean { ", uncleanly" } else { "" };
                    let text = format!(
                        "the controller makes {} leader of {name}{how} (epoch {epoch}, in-sync \
                         set {})",
                        self.tape.node(leader),
                        now.in_sync
                    );
                    let lacks = self.lacks(model, leader);
                    let text = match lacks {
                        Some(lacks) => {
                            let over = self.passed_over(leader, before, model);
                            format!("{text}, although {lacks}{over}")
                        }
                        None => text,
                    };
                    let why = match (unclean, gone) {
                        (true, _) if before.in_sync.is_empty() && is_last_known => Some(format!(
                            "the in-sync set was empty, no eligible leader replica was left, and \
                             {} is the last known leader",
                            self.tape.node(leader)
                        )),
                        (true, _) if before.in_sync.is_empty() => {
                            Some("the in-sync set was empty".to_owned())
                        }
                        (true, _) => Some(format!(
                            "nobody of the in-sync set {} could be elected",
                            before.in_sync
                        )),
                        (false, Some(_)) if self.is_preferred(leader, before, model) => {
                            Some(format!(
                                "{} is the preferred leader and in sync again",
                                self.tape.node(leader)
                            ))
                        }
                        (false, Some(gone)) => Some(format!(
                            "{gone}, and {} {}",
                            self.tape.node(leader),
                            place_of(leader, &before.in_sync, &before.eligible)
                        )),
                        (false, None) => Some(format!(
                            "{} {}",
                            self.tape.node(leader),
                            place_of(leader, &before.in_sync, &before.eligible)
                        )),
                    };
                    (text, why)
                }
                None => (format!("{name} has no leader any more (epoch {epoch})"), gone),
            };
            let extra = if unclean { 20 } else { 0 };
            self.add_with(event, (Tag::Election, extra), text, because);
        } else if now.in_sync != before.in_sync {
            self.on_in_sync(event, (&before.in_sync, &now.in_sync), &name, model);
        } else if now.eligible != before.eligible || self.is_evidence(event) {
            let text = format!(
                "the controller commits: leader {}, in-sync set {}, eligible leader replicas {}",
                now.leader.map_or_else(|| "none".to_owned(), |leader| self.tape.node(leader)),
                now.in_sync,
                now.eligible
            );
            self.add(event, Tag::InSync, text, None);
        }
    }

    /// Whether `leader` takes its place back from one who could go on.
    fn is_preferred(&self, leader: BrokerId, before: &StateView, model: &Model) -> bool {
        before.replicas.first() == Some(&leader)
            && before.leader.is_some_and(|broker| {
                model.is_electable(broker) && self.absence(broker, model).is_empty()
            })
    }

    fn on_in_sync(
        &mut self,
        event: &Event,
        (before, now): (&BrokerSet, &BrokerSet),
        name: &str,
        model: &Model,
    ) {
        let (left, joined) = (before.without(now), now.without(before));
        let text = format!("the in-sync set of {name} becomes {now} (it was {before})");
        let asked = self.asked.as_ref().filter(|(set, _)| set == now).map(|(_, event)| *event);
        let mut why = Vec::new();
        match asked.filter(|_| !left.is_empty()) {
            Some(asked) => why.push(format!(
                "the leader asked for it (e{asked}): {} had not caught up for \
                 replica.lag.time.max.ms{}",
                self.tape.nodes(left.iter()),
                self.absences(&left, self.tape.event(asked).and_then(|it| it.host), model)
            )),
            None => why.extend(left.iter().map(|broker| self.why_gone(event, broker, model))),
        }

        let mut lacking = Vec::new();
        for broker in joined.iter() {
            if let Some(asked) = asked {
                let node = self.tape.node(broker);
                let sent = self.tape.event(asked).map(|sent| sent.at);
                let late = sent.filter(|sent| event.at.0.saturating_sub(sent.0) > 500_000);
                let late = late.map(|sent| format!(", in a request sent at {}", seconds(sent)));
                let late = late.unwrap_or_default();
                why.push(format!("the leader takes {node} for caught up (e{asked}){late}"));
            }
            lacking.extend(self.lacks(model, broker));
            if !model.is_electable(broker) {
                let state = self.absence(broker, model);
                lacking.push(format!("{} may not be elected{state}", self.tape.node(broker)));
            }
        }
        let is_about = left.iter().chain(joined.iter()).any(|broker| self.is_named(broker));
        let because = (!why.is_empty()).then(|| why.join("; "));
        if lacking.is_empty() {
            let extra = if is_about { 12 } else { 0 };
            // From here on one replica alone has what is acknowledged.
            let alone = if now.len() == 1 && before.len() > 1 { 24 } else { 0 };
            self.add_with(event, (Tag::InSync, extra + alone), text, because);
        } else {
            let text = format!("{text}, although {}", row(&lacking));
            self.add(event, Tag::Despite, text, because);
        }
    }

    /// "broker-1 was fenced (e7)": why a broker leads no more, or is in sync no more.
    fn why_gone(&self, event: &Event, broker: BrokerId, model: &Model) -> String {
        let name = self.tape.node(broker);
        let registration = model.registrations.get(&broker);
        if registration.is_some_and(|known| known.in_controlled_shutdown) {
            return format!("{name} is being shut down");
        }
        if registration.is_some_and(|known| known.fenced) {
            let absence = self.absence(broker, model);
            return match self.fenced.get(&broker) {
                Some(fenced) => format!("{name} was fenced (e{fenced}){absence}"),
                None => format!("{name} is fenced{absence}"),
            };
        }
        let asked = self.notes.iter().rev().take(4).any(|note| note.tag == Tag::Admin);
        if asked {
            return "an administrator asked for an election".to_owned();
        }
        if let Some(registered) = self.unclean_starts.get(&broker) {
            return format!("{name} registered anew after an unclean end (e{registered})");
        }
        let absence = self.absence(broker, model);
        if !absence.is_empty() {
            return format!("{name} was not heard of{absence}");
        }
        match self.is_about_to_be_fenced(event, broker) {
            true => format!(
                "the session of {name} ran out: the controller had no heartbeat of it for \
                 broker.session.timeout.ms"
            ),
            false => format!("{name} gives way"),
        }
    }

    /// Whether the records that are committed together with `event` fence `broker`: the partitions
    /// of a batch come before the registration that is why.
    fn is_about_to_be_fenced(&self, event: &Event, broker: BrokerId) -> bool {
        let Ok(at) = usize::try_from(event.index) else { return false };
        let step = self.tape.events.iter().skip(at).take_while(|it| it.step == event.step);
        step.into_iter().any(|it| {
            matches!(&it.kind, Kind::RegistrationCommitted { broker: it, fenced: true, .. }
                if *it == broker)
        })
    }

    /// "; broker-1 holds it and was not in the in-sync set [2]": who could have led with the
    /// records, and did not.
    fn passed_over(&self, leader: BrokerId, before: &StateView, model: &Model) -> String {
        let Some(partition) = self.focus.partition else { return String::new() };
        let runs = |node: BrokerId| {
            let host = model.host_of(node).and_then(|host| model.host(host));
            host.is_some_and(|host| host.is_running && !host.is_paused)
        };
        let held: Vec<BrokerId> = self.holders(model, partition);
        let others: Vec<BrokerId> = held
            .into_iter()
            .filter(|node| *node != leader && runs(*node) && !before.in_sync.contains(*node))
            .collect();
        let (have, were) = match others.as_slice() {
            [] => return String::new(),
            [_] => ("has", "was"),
            _ => ("have", "were"),
        };
        format!(
            "; {}, which {have} the records, {were} not in the in-sync set {}",
            self.tape.nodes(others),
            before.in_sync
        )
    }

    /// The controllers as far as they matter: the one in charge, or all.
    fn controllers(&self, model: &Model) -> Vec<HostId> {
        let active = model.active_controller().and_then(|node| model.host_of(node));
        match active {
            Some(active) => vec![active],
            None => self.tape.setup.voters().filter_map(|node| model.host_of(node)).collect(),
        }
    }

    /// ": its process is down since e7", or nothing: why the controller does not hear `broker`.
    fn absence(&self, broker: BrokerId, model: &Model) -> String {
        self.absence_to(broker, &self.controllers(model), model)
    }

    /// Why `leader` did not hear the brokers that left the in-sync set.
    fn absences(&self, left: &BrokerSet, leader: Option<HostId>, model: &Model) -> String {
        let leader: Vec<HostId> = leader.into_iter().collect();
        let each: Vec<(BrokerId, String)> = left
            .iter()
            .map(|broker| (broker, self.absence_to(broker, &leader, model)))
            .filter(|(_, why)| !why.is_empty())
            .collect();
        match each.as_slice() {
            [] => String::new(),
            [(_, why)] if left.len() == 1 => why.clone(),
            [(_, why), rest @ ..]
                if each.len() == left.len() && rest.iter().all(|it| it.1 == *why) =>
            {
                why.replace(" keeps it ", " keeps them ")
                    .replace(": its process", ": their process")
            }
            _ => {
                let each = each.iter().map(|(broker, why)| {
                    format!("{}, {}", self.tape.node(*broker), why.trim_start_matches(": "))
                });
                format!(" ({})", each.collect::<Vec<_>>().join("; "))
            }
        }
    }

    /// Why `others` do not hear `broker`.
    fn absence_to(&self, broker: BrokerId, others: &[HostId], model: &Model) -> String {
        let Some(host) = model.host_of(broker) else { return String::new() };
        let Some(known) = model.host(host) else { return String::new() };
        if !known.is_running {
            return match known.stop {
                Some(stop) => format!(": its process is down since e{stop}"),
                None => ": its process does not run".to_owned(),
            };
        }
        if known.is_paused {
            return ": its process stands still".to_owned();
        }
        let names: Vec<String> =
            others.iter().map(|other| self.tape.host(Some(*other)).to_owned()).collect();
        let names = row(&names);
        let acting = || model.faults.iter().filter(|(_, fault)| fault.is_active && fault.bit);
        let all = |acts: &dyn Fn(&Links<'_>, HostId) -> bool| {
            acting().find(|(_, fault)| {
                let links = Links::of(fault);
                !others.is_empty() && others.iter().all(|other| acts(&links, *other))
            })
        };
        let named = |number: &u32, fault: &FaultView| {
            format!(": fault {} ({})", number.saturating_add(1), fault.verb)
        };
        if let Some((number, fault)) = all(&|links, other| links.part(host, other)) {
            return format!("{} keeps it from {names}", named(number, fault));
        }
        if let Some((number, fault)) = all(&|links, other| links.trouble(host, other)) {
            return format!("{} acts on its link to {names}", named(number, fault));
        }
        match acting().find(|(_, fault)| Links::of(fault).slow(host)) {
            Some((number, fault)) => format!("{} acts on it", named(number, fault)),
            None => String::new(),
        }
    }

    fn on_role(&mut self, event: &Event, model: &Model) {
        let Kind::RoleTaken {
            partition,
            role,
            leader,
            leader_epoch,
            log_end_offset,
            high_watermark,
            ..
        } = &event.kind
        else {
            return;
        };
        let Some(node) = self.node_of(event) else { return };
        let who = self.who(event);
        let name = model.partition_name(*partition);
        let at =
            format!("its log ends at {log_end_offset}, its high watermark is {high_watermark}");
        let (text, extra) = match role {
            ReplicaRole::Leader => {
                let text = format!("{who} takes the lead of {name} in epoch {leader_epoch}; {at}");
                let text = match self.lacks(model, node) {
                    Some(lacks) => format!("{text}: {lacks}"),
                    None => text,
                };
                (text, 10)
            }
            ReplicaRole::Follower => {
                let of =
                    leader.map_or_else(|| "nobody".to_owned(), |leader| self.tape.node(leader));
                let text = format!("{who} follows {of} in epoch {leader_epoch}; {at}");
                (text, if self.is_named(node) { 0 } else { -24 })
            }
            ReplicaRole::Leaderless => {
                (format!("{who} learns that {name} has no leader in epoch {leader_epoch}"), -30)
            }
        };
        self.add_with(event, (Tag::Role, extra), text, None);
    }

    fn observe_processes(&mut self, event: &Event, model: &Model) {
        let concerns = event.host.is_some_and(|host| self.focus.hosts.contains(&host));
        let who = self.who(event);
        match &event.kind {
            Kind::FaultBegan { fault, verb, hosts, groups, detail } => {
                let names: Vec<String> =
                    hosts.iter().map(|host| self.tape.host(Some(*host)).to_owned()).collect();
                let what = told(*verb, &names, groups, detail.as_str());
                let text = format!("fault {}: {what}", fault.saturating_add(1));
                self.on_fault(event, (hosts, self.need_of(*fault)), text);
            }
            Kind::FaultEnded { fault, .. } => {
                let Some(known) = model.faults.get(fault) else { return };
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
                self.on_fault(event, (&hosts, -22), text);
            }
            Kind::HostStopped { .. } | Kind::HostPaused {}
                if concerns && self.is_of_fault(event) && !self.is_evidence(event) => {}
            Kind::HostStopped { keep, by_itself, in_order } if concerns => {
                let text = match (in_order, by_itself, keep) {
                    (true, ..) => format!("{who} ends in order, all that it wrote on its disk"),
                    (_, true, _) => format!("{who} halts by itself, because its disk failed it"),
                    (_, _, CrashKeep::Synced) => {
                        format!("{who} loses power: what was not flushed is gone")
                    }
                    (_, _, CrashKeep::PageCache) => {
                        format!("{who} crashes; its page cache stays, so no record is lost")
                    }
                    (_, _, CrashKeep::Nothing) => format!("{who} stops and loses its disk"),
                };
                self.add(event, Tag::Process, text, None);
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
    fn is_of_fault(&self, event: &Event) -> bool {
        let told = self.notes.iter().rev().find(|note| note.tag == Tag::Fault);
        let fault = told.and_then(|note| self.tape.event(note.event));
        fault.is_some_and(|fault| match &fault.kind {
            Kind::FaultBegan { hosts, .. } => {
                fault.at == event.at && event.host.is_some_and(|host| hosts.contains(&host))
            }
            _ => false,
        })
    }

    /// What it matters that a fault took hold, by what the run came to without it.
    fn need_of(&self, fault: u32) -> i32 {
        let number = fault.saturating_add(1);
        let retried = &self.focus.retried;
        match (retried.needed.contains(&number), retried.idle.contains(&number)) {
            (true, _) => NEEDED,
            (false, true) => -NEEDED,
            (false, false) => 0,
        }
    }

    fn on_fault(&mut self, event: &Event, (hosts, extra): (&[HostId], i32), text: String) {
        let concerns = hosts.iter().any(|host| self.focus.hosts.contains(host));
        let names = hosts.iter().any(|host| {
            self.tape.setup.node(*host).is_some_and(|node| self.is_named(node))
                || self.focus.clients.contains(host)
        });
        let is_controller = hosts.iter().any(|host| {
            self.tape
                .setup
                .node(*host)
                .is_some_and(|node| self.tape.setup.voters().any(|voter| voter == node))
        });
        if !concerns && !is_controller && extra < NEEDED {
            return;
        }

        let aside = if concerns || extra >= NEEDED { 0 } else { 20 };
        let extra = extra + if names { 8 } else { 0 } - aside;
        self.add_with(event, (Tag::Fault, extra), text, None);
    }

    fn on_phase(&mut self, event: &Event, phase: Phase) {
        let text = match phase {
            Phase::Heal => "all faults end, and what had stopped is started",
            Phase::Settle => "the cluster is whole again and has time to settle",
            Phase::Audit => "the run is over and is judged: it has still not happened",
            Phase::Form | Phase::Act => return,
        };
        if self.focus.is_liveness || self.is_evidence(event) {
            let extra = if phase == Phase::Settle { -20 } else { 0 };
            self.add_with(event, (Tag::Phase, extra), text.to_owned(), None);
        }
    }

    fn observe_registrations(&mut self, event: &Event, model: &Model) {
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
                let text = format!("an administrator asks for {which}: {error}");
                self.add(event, Tag::Admin, text, None);
            }
            Kind::ConfigCommitted { resource, key, value, offset } => {
                if !self.is_news(*offset) {
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
    fn is_news(&mut self, offset: Offset) -> bool {
        let is_news = self.read_to < Some(offset);
        self.read_to = self.read_to.max(Some(offset));
        is_news
    }

    /// Whether the troubles of `broker` may matter.
    fn concerns(&self, broker: BrokerId) -> bool {
        let host = self.tape.setup.host_of(broker);
        host.is_some_and(|host| self.focus.hosts.contains(&host))
    }

    fn observe_quorum(&mut self, event: &Event, model: &Model) {
        let who = self.who(event);
        let is_voter = self
            .node_of(event)
            .is_some_and(|node| self.tape.setup.voters().any(|voter| voter == node));
        let is_quorum = self.focus.partition == Some(TopicPartition::CLUSTER_METADATA);
        match &event.kind {
            Kind::QuorumRoleTaken { role, leader_epoch, .. } if is_voter => {
                if !is_quorum && !self.is_evidence(event) {
                    return;
                }
                let (text, extra) = match role {
                    QuorumRole::Leader => {
                        let node = self.node_of(event);
                        let lacks = node.and_then(|node| self.lacks(model, node));
                        let lacks = lacks.map(|lacks| format!(", although {lacks}"));
                        let lacks = lacks.unwrap_or_default();
                        (
                            format!(
                                "{who} leads the metadata quorum in epoch {leader_epoch}{lacks}"
                            ),
                            8,
                        )
                    }
                    QuorumRole::Resigned => (format!("{who} resigns in epoch {leader_epoch}"), 2),
                    QuorumRole::Candidate => {
                        (format!("{who} stands for election in epoch {leader_epoch}"), 0)
                    }
                    QuorumRole::Prospective => (
                        format!(
                            "{who} asks whether it could win an election (epoch {leader_epoch})"
                        ),
                        -14,
                    ),
                    QuorumRole::Unattached | QuorumRole::Follower | QuorumRole::Observer => {
                        (format!("{who} is {role} in epoch {leader_epoch}"), -22)
                    }
                };
                self.add_with(event, (Tag::Quorum, extra), text, None);
            }
            Kind::VoteGranted { candidate, leader_epoch, pre_vote: false } if is_quorum => {
                let whom = self.tape.node(*candidate);
                let whom = if whom == who { "itself".to_owned() } else { whom };
                let text = format!("{who} votes for {whom} in epoch {leader_epoch}");
                self.add_with(event, (Tag::Quorum, -12), text, None);
            }
            Kind::ControllerActivated { leader_epoch } => {
                let text = format!("{who} takes charge as controller (epoch {leader_epoch})");
                self.add(event, Tag::Controller, text, None);
            }
            Kind::ControllerRetired { leader_epoch } => {
                let text = format!("{who} is no longer in charge (epoch {leader_epoch})");
                self.add_with(event, (Tag::Controller, -6), text, None);
            }
            Kind::MetadataApplied { offset, .. } => {
                let is_named = self.node_of(event).is_some_and(|node| self.is_named(node));
                let is_about = self.focus.shape == Shape::Stuck && self.focus.partition.is_none();
                if self.is_evidence(event) || (is_named && is_about) {
                    let text = format!("{who} has replayed the metadata log up to {offset}");
                    let extra = if self.is_evidence(event) { 10 } else { -40 };
                    self.add_with(event, (Tag::Apply, extra), text, None);
                }
            }
            _ => self.observe_clients(event, model),
        }
    }
}

/// Why `leader` could be elected.
fn place_of(leader: BrokerId, in_sync: &BrokerSet, eligible: &BrokerSet) -> String {
    if in_sync.contains(leader) {
        return format!("was in the in-sync set {in_sync}");
    }
    if eligible.contains(leader) {
        return format!("was an eligible leader replica {eligible}");
    }
    format!("was elected, though it was not in the in-sync set {in_sync}")
}
