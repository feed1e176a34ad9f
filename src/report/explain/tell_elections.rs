//! What an event says, in words: who is elected and who is in sync, and why others are not.

use crate::event::{Event, FaultVerb, Kind};
use crate::report::explain::links::Links;
use crate::report::explain::note::Tag;
use crate::report::explain::tape::row;
use crate::report::explain::tell::Teller;
use crate::trace::{FaultView, Model, StateView, seconds};
use crate::types::{BrokerId, BrokerSet, ErrorCode, HostId, Moment, TopicPartition};

const UNCLEAN_ELECTIONS: &str = "unclean.leader.election.enable";

/// In-sync sets that change within so many microseconds change together.
const JUST_BEFORE: u64 = 5_000_000;

impl Teller<'_> {
    pub(crate) fn on_committed(&mut self, event: &Event, partition: TopicPartition, model: &Model) {
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
            let asked = self.asked_for(event, partition);
            let gone = before.leader.map(|broker| match asked {
                Some(asked) => format!("an administrator asked for an election (e{asked})"),
                None => self.why_gone(event, broker, model),
            });
            let allowed = self.unclean_allowed(partition, model);
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
                            "the in-sync set was empty, no eligible leader replica was left{}, \
                             and {} is the last known leader",
                            self.no_more_eligible(event, partition, before),
                            self.tape.node(leader)
                        )),
                        (true, _) => {
                            let state = self.no_leader_left(event, partition, before);
                            Some(match (asked, allowed) {
                                (Some(asked), _) => format!(
                                    "an administrator asked for an unclean election (e{asked}), \
                                     and {state}"
                                ),
                                (None, Some(since)) => format!(
                                    "{state}, and unclean.leader.election.enable is true since \
                                     e{since}"
                                ),
                                (None, None) => state,
                            })
                        }
                        (false, Some(_))
                            if Self::is_preferred(leader, (before, &now.in_sync), model) =>
                        {
                            Some(format!(
                                "{} is the preferred leader and in sync again",
                                self.tape.node(leader)
                            ))
                        }
                        (false, Some(gone)) => Some(format!(
                            "{gone}, and {} {}{}",
                            self.tape.node(leader),
                            place_of(leader, &before.in_sync, &before.eligible),
                            first_of(leader, before, model)
                        )),
                        (false, None) => Some(format!(
                            "the partition had no leader, and {} {}{}",
                            self.tape.node(leader),
                            place_of(leader, &before.in_sync, &before.eligible),
                            first_of(leader, before, model)
                        )),
                    };
                    (text, why)
                }
                None => (format!("{name} has no leader any more (epoch {epoch})"), gone),
            };
            let extra = if unclean { 20 } else { 0 };
            self.add_with(event, (Tag::Election, extra), text, because);
            let passed = now.leader.and_then(|leader| self.passed_since(leader, before, model));
            let allowed = allowed.filter(|_| asked.is_none());
            let rests = passed.into_iter().chain(allowed).filter(|_| unclean);
            let rests: Vec<u64> = asked.into_iter().chain(rests).collect();
            if let Some(note) = self.notes.last_mut() {
                note.rests = rests;
            }
        } else if now.in_sync != before.in_sync {
            self.on_in_sync(event, (&before.in_sync, &now.in_sync), &name, model);
        } else if now.eligible != before.eligible || self.is_evidence(event) {
            let leader =
                now.leader.map_or_else(|| "none".to_owned(), |leader| self.tape.node(leader));
            let text = match now.leader_epoch > before.leader_epoch {
                true => format!(
                    "it is committed that {leader} leads {name} in leader epoch {}, partition \
                     epoch {} (in-sync set {})",
                    now.leader_epoch, now.partition_epoch, now.in_sync
                ),
                false => format!(
                    "the controller commits: leader {leader}, in-sync set {}, eligible leader \
                     replicas {}",
                    now.in_sync, now.eligible
                ),
            };
            self.add(event, Tag::InSync, text, None);
        }
    }

    /// Whether `leader` takes its place back from one who could go on, as far as the controller
    /// knows: whom it counts out it takes out of the in-sync set with the same decision.
    fn is_preferred(
        leader: BrokerId,
        (before, now): (&StateView, &BrokerSet),
        model: &Model,
    ) -> bool {
        before.replicas.first() == Some(&leader)
            && before
                .leader
                .is_some_and(|broker| model.is_electable(broker) && now.contains(broker))
    }

    pub(crate) fn on_in_sync(
        &mut self,
        event: &Event,
        (before, now): (&BrokerSet, &BrokerSet),
        name: &str,
        model: &Model,
    ) {
        let (left, joined) = (before.without(now), now.without(before));
        self.left.extend(left.iter().map(|node| (node, event.index)));
        let earlier = match now.without(before).is_empty() {
            true => self.just_before(event, before),
            false => String::new(),
        };
        let text = format!("the in-sync set of {name} becomes {now} (it was {before}{earlier})");
        let asked = self.asked.as_ref().filter(|(set, _)| set == now).map(|(_, event)| *event);
        let by = asked.and_then(|asked| self.tape.event(asked)).map(|asked| self.who(asked));
        let by = by.unwrap_or_default();
        let mut why = Vec::new();
        match asked.filter(|_| !left.is_empty()) {
            Some(asked) => why.push(format!(
                "{by}, the leader, asked for it (e{asked}): {} had not caught up for \
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
                why.push(format!("{by}, the leader, takes {node} for caught up (e{asked}){late}"));
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

    /// ", and [1,2,3] until 22.4 (e7)", if an in-sync set that shrinks has just shrunk.
    fn just_before(&self, event: &Event, before: &BrokerSet) -> String {
        let change_before = |event: &Event| {
            self.tape.last_before(event, |it| {
                matches!(&it.kind, Kind::PartitionCommitted { partition, .. }
                    if Some(*partition) == self.focus.partition)
            })
        };
        let told = change_before(event).and_then(|last| {
            let Kind::PartitionCommitted { in_sync: earlier, .. } = &change_before(last)?.kind
            else {
                return None;
            };
            let has_shrunk =
                !earlier.without(before).is_empty() && before.without(earlier).is_empty();
            let is_soon = event.at.0.saturating_sub(last.at.0) <= JUST_BEFORE;
            (has_shrunk && is_soon)
                .then(|| format!(", and {earlier} until {} (e{})", seconds(last.at), last.index))
        });
        told.unwrap_or_default()
    }

    /// " (broker-1 had been eligible, and registered after an unclean end: e7)", of those who were
    /// since somebody led.
    fn no_more_eligible(
        &self,
        event: &Event,
        partition: TopicPartition,
        state: &StateView,
    ) -> String {
        let mut were = BrokerSet::default();
        let mut since = 0;
        let before = self.tape.events.iter().rev().filter(|it| it.index < event.index);
        for it in before {
            if let Kind::PartitionCommitted { partition: of, leader, eligible, .. } = &it.kind
                && *of == partition
            {
                were = were.iter().chain(eligible.iter()).collect();
                since = it.index;
                if leader.is_some() {
                    break;
                }
            }
        }
        let registered = |broker: &BrokerId| {
            let last = self.tape.last_before(event, |it| {
                matches!(&it.kind, Kind::BrokerRegistered { broker: of, clean: false, .. }
                    if of == broker)
            });
            last.filter(|it| it.index > since).map(|it| format!("e{}", it.index))
        };
        let gone: Vec<(BrokerId, String)> =
            were.iter().filter_map(|broker| Some((broker, registered(&broker)?))).collect();
        let is_gone = |broker: BrokerId| gone.iter().any(|(it, _)| *it == broker);
        if gone.is_empty() || !state.eligible.iter().all(is_gone) {
            return String::new();
        }
        let events: Vec<&str> = gone.iter().map(|(_, event)| event.as_str()).collect();
        format!(
            " ({} had been eligible, and registered after an unclean end: {})",
            self.tape.nodes(gone.iter().map(|(broker, _)| *broker)),
            events.join(", ")
        )
    }

    /// "broker-1 was fenced (e7)": why a broker leads no more, or is in sync no more.
    /// With which event an administrator had the controller write what `event` tells.
    fn asked_for(&self, event: &Event, partition: TopicPartition) -> Option<u64> {
        let Kind::PartitionCommitted { offset: at, .. } = &event.kind else { return None };
        let decided = self.tape.last_before(event, |it| {
            matches!(&it.kind, Kind::PartitionDecided { partition: of, offset, .. }
                if *of == partition && offset == at)
        })?;
        let mut step = self.tape.step_of(decided).take_while(|it| it.index < decided.index);
        let asked = step.find(|it| {
            matches!(&it.kind, Kind::ElectionAsked { partition: of, error: ErrorCode::None, .. }
                if *of == partition)
        });
        asked.map(|it| it.index)
    }

    /// With which event unclean elections were allowed, if that was while the scenario ran.
    fn unclean_allowed(&self, partition: TopicPartition, model: &Model) -> Option<u64> {
        let topic = model.topic_names.get(&partition.topic_id)?;
        let allows = model.configs.of_topic(topic, UNCLEAN_ELECTIONS);
        let since = allows
            .filter(|value| value.as_str() == "true")
            .and_then(|_| model.configs.of_topic_by(topic, UNCLEAN_ELECTIONS));
        let since = since.and_then(|event| self.tape.event(event));
        since.filter(|event| event.at >= Moment::SCENARIO_BEGINS).map(|event| event.index)
    }

    /// Why nobody could be elected cleanly.
    fn no_leader_left(
        &self,
        event: &Event,
        partition: TopicPartition,
        before: &StateView,
    ) -> String {
        if !before.in_sync.is_empty() {
            return format!("nobody of the in-sync set {} could be elected", before.in_sync);
        }
        let gone = self.no_more_eligible(event, partition, before);
        match gone.is_empty() {
            true => "the in-sync set was empty".to_owned(),
            false => {
                format!("the in-sync set was empty, and no eligible leader replica was left{gone}")
            }
        }
    }

    pub(crate) fn why_gone(&self, event: &Event, broker: BrokerId, model: &Model) -> String {
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
    pub(crate) fn is_about_to_be_fenced(&self, event: &Event, broker: BrokerId) -> bool {
        let Ok(at) = usize::try_from(event.index) else { return false };
        let step = self.tape.events.iter().skip(at).take_while(|it| it.step == event.step);
        step.into_iter().any(|it| {
            matches!(&it.kind, Kind::RegistrationCommitted { broker: it, fenced: true, .. }
                if *it == broker)
        })
    }

    /// Who has the records and runs, but was not in sync.
    fn could_have_led(&self, leader: BrokerId, before: &StateView, model: &Model) -> Vec<BrokerId> {
        let Some(partition) = self.focus.partition else { return Vec::new() };
        let runs = |node: BrokerId| {
            let host = model.host_of(node).and_then(|host| model.host(host));
            host.is_some_and(|host| host.is_running && !host.is_paused)
        };
        let is_out =
            |node: &BrokerId| *node != leader && runs(*node) && !before.in_sync.contains(*node);
        self.holders(model, partition).into_iter().filter(is_out).collect()
    }

    /// The last event with which the in-sync set lost one who has the records, and was not elected
    /// for that.
    fn passed_since(&self, leader: BrokerId, before: &StateView, model: &Model) -> Option<u64> {
        let others = self.could_have_led(leader, before, model);
        others.iter().filter_map(|node| self.left.get(node)).max().copied()
    }

    /// "; broker-1 holds it and was not in the in-sync set [2]": who could have led with the
    /// records, and did not.
    pub(crate) fn passed_over(
        &self,
        leader: BrokerId,
        before: &StateView,
        model: &Model,
    ) -> String {
        let others = self.could_have_led(leader, before, model);
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
    pub(crate) fn controllers(&self, model: &Model) -> Vec<HostId> {
        let active = model.active_controller().and_then(|node| model.host_of(node));
        match active {
            Some(active) => vec![active],
            None => self.tape.setup.voters().filter_map(|node| model.host_of(node)).collect(),
        }
    }

    /// ": its process is down since e7", or nothing: why the controller does not hear `broker`.
    pub(crate) fn absence(&self, broker: BrokerId, model: &Model) -> String {
        self.absence_to(broker, &self.controllers(model), model)
    }

    /// Why `leader` did not hear the brokers that left the in-sync set.
    pub(crate) fn absences(
        &self,
        left: &BrokerSet,
        leader: Option<HostId>,
        model: &Model,
    ) -> String {
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
    pub(crate) fn absence_to(&self, broker: BrokerId, others: &[HostId], model: &Model) -> String {
        let Some(host) = model.host_of(broker) else { return String::new() };
        let Some(known) = model.host(host) else { return String::new() };
        if !known.is_running {
            return match known.stop {
                Some(stop) => format!(": its process is down since e{stop}"),
                None => ": its process does not run".to_owned(),
            };
        }
        if known.is_paused {
            let fault = model.faults.iter().find(|(_, fault)| {
                fault.is_active && fault.verb == FaultVerb::Pause && fault.hosts.contains(&host)
            });
            let since = fault.map_or_else(String::new, |(number, fault)| {
                let number = number.saturating_add(1);
                format!(", fault {number} (pause since {})", seconds(fault.since))
            });
            return format!(": its process stands still{since}");
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
            let since = seconds(fault.since);
            format!(": fault {} ({} since {since})", number.saturating_add(1), fault.verb)
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
}

/// Why it was this one where others of the in-sync set could lead as well: the controller goes by
/// the order in which replicas are assigned.
///
/// Source: Kafka 4.1, `PartitionChangeBuilder.electAnyLeader`.
fn first_of(leader: BrokerId, before: &StateView, model: &Model) -> String {
    let could_lead = |node: &BrokerId| {
        before.in_sync.contains(*node) && Some(*node) != before.leader && model.is_electable(*node)
    };
    let mut able = before.replicas.iter().copied().filter(could_lead);
    if able.next() != Some(leader) || able.next().is_none() {
        return String::new();
    }
    let order: Vec<String> = before.replicas.iter().map(ToString::to_string).collect();
    format!(", and the first that could lead of the replicas {}", order.join(","))
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
