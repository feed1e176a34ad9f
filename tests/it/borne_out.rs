//! What explanations say of a run, held against the run's events by other means than they were
//! made by.

use kafsim::event::{Event, Kind, OperationResult, Phase, QuorumRole};
use kafsim::report::explain::{Explanation, brief};
use kafsim::scenario::Plan;
use kafsim::trace::Setup;
use kafsim::types::{HostId, Moment};

use crate::borne_because;

/// What `it` says that the events do not bear out.
pub(crate) fn untrue(
    it: &Explanation,
    events: &[Event],
    setup: &Setup,
    plan: &Plan,
) -> Vec<String> {
    let mut complaints = Vec::new();
    let run = Run { events, setup, decisive: it.event.unwrap_or(u64::MAX) };
    for why in &it.why_not {
        let host = run.host(&why.replica);
        for part in why.text.split("; ") {
            complaints.extend(host.and_then(|host| run.kept_apart(host, part)));
        }
    }
    for remark in &it.not_the_cause {
        complaints.extend(run.suspect(&remark.text, remark.event));
    }
    complaints.extend(run.told(&it.sentence));
    complaints.extend(run.never(&it.sentence));
    complaints.extend(borne_because::untrue(it, events, setup, plan));
    let short = brief(it);
    if short.matches('(').count() != short.matches(')').count() {
        complaints.push(format!("brackets are left open: {short}"));
    }
    let place = |what| format!("{}, violation {}: {what}", it.title, it.number);
    complaints.into_iter().map(place).collect()
}

struct Run<'a> {
    events: &'a [Event],
    setup: &'a Setup,
    decisive: u64,
}

impl Run<'_> {
    fn host(&self, name: &str) -> Option<HostId> {
        (0..u16::MAX)
            .map(HostId)
            .take(self.setup.hosts.len())
            .find(|host| self.setup.host_name(Some(*host)) == name)
    }

    fn event(&self, index: u64) -> &Event {
        &self.events[usize::try_from(index).expect("an index")]
    }

    /// "fault 2 (...) kept it from broker-2 from 5.0 (e7) to 12.0 (e9)": then nothing that either
    /// sent in that time arrived in that time, one way at least.
    fn kept_apart(&self, host: HostId, part: &str) -> Option<String> {
        let (fault, rest) = part.split_once(" kept it from ")?;
        let number: u32 = fault.strip_prefix("fault ")?.split(' ').next()?.parse().ok()?;
        let events = numbers(rest);
        let began = *events.first()?;
        let is_it = matches!(&self.event(began).kind, Kind::FaultBegan { fault, .. } if fault + 1 == number);
        if !is_it {
            return Some(format!("e{began} is not the beginning of the fault: {part}"));
        }
        let ended = self.events.iter().find(|event| {
            event.index > began
                && matches!(&event.kind, Kind::FaultEnded { fault, .. } if fault + 1 == number)
        });
        let ended = ended.map_or(self.decisive, |event| event.index);
        let end = events.get(1).copied().unwrap_or(ended.min(self.decisive));
        if end > ended && events.len() > 1 {
            return Some(format!("the fault had ended at e{ended}: {part}"));
        }
        if events.len() == 1 && rest.ends_with(" on") && ended < self.decisive {
            return Some(format!("the fault ended at e{ended}: {part}"));
        }
        let others: Vec<HostId> = match rest.starts_with("the controllers") {
            true => self.setup.voters().filter_map(|node| self.setup.host_of(node)).collect(),
            false => vec![self.host(rest.split(' ').next()?)?],
        };
        let since = self.event(began).at;
        let window = &self.events[usize::try_from(began).ok()?..usize::try_from(end).ok()?];
        let arrives = |from: HostId, to: HostId| {
            window.iter().any(|event| {
                event.host == Some(to)
                    && matches!(&event.kind, Kind::Delivered { from: it, sent, .. }
                        if *it == from && *sent > since)
            })
        };
        others
            .into_iter()
            .any(|other| arrives(host, other) && arrives(other, host))
            .then(|| format!("they heard each other between e{began} and e{end}: {part}"))
    }

    /// What is said not to be the cause.
    fn suspect(&self, text: &str, event: Option<u64>) -> Option<String> {
        let sealed = event.map(|event| &self.event(event).kind);
        let numbered = match sealed {
            Some(Kind::BatchSealed { base_sequence, .. }) => Some(base_sequence.is_some()),
            _ => None,
        };
        let until = || self.events.iter().take_while(|event| event.index <= self.decisive);
        let acting = || {
            until()
                .skip_while(|event| !matches!(event.kind, Kind::PhaseBegan { phase: Phase::Act }))
        };
        let is_untrue = match text {
            _ if text.contains("decided nothing") => true,
            _ if text.contains(" is idempotent") => numbered != Some(true),
            _ if text.contains("carry no sequence number") => numbered != Some(false),
            "The controller did not change." => acting().any(|event| {
                matches!(event.kind, Kind::QuorumRoleTaken { role: QuorumRole::Leader, .. })
            }),
            "No disk lost or refused anything." => until().any(|event| match &event.kind {
                Kind::StorageFailed { .. } | Kind::DiskReplaced {} => true,
                Kind::DurableEnd { log_end_offset, durable_end, .. } => {
                    durable_end < log_end_offset
                }
                _ => false,
            }),
            _ => false,
        };
        is_untrue.then(|| format!("it is not so: {text}"))
    }

    /// "Offset 250 was never committed": then no leader that held it as it was first written had a
    /// high watermark above it, before or after. "Not committed yet" names the first that had.
    fn never(&self, sentence: &str) -> Option<String> {
        let later = sentence.split_once(" not committed yet");
        if later.is_none() && !sentence.contains(" never committed") {
            return None;
        }
        let later = later
            .and_then(|(_, rest)| rest.split_once("(e")?.1.split(')').next()?.parse::<u64>().ok());
        let batch = self.events.iter().find_map(|event| match &event.kind {
            Kind::BatchDone {
                batch, result: OperationResult::Ok, base_offset: Some(base), ..
            } if sentence.contains(&format!("offset {base} "))
                || sentence.contains(&format!("offsets {base} ")) =>
            {
                Some((*batch, *base))
            }
            _ => None,
        });
        let (batch, base) = batch?;
        let mut written = None;
        let mut holders: Vec<HostId> = Vec::new();
        let passed = self.events.iter().find(|event| match &event.kind {
            Kind::LogAppended { batch: it, leader_epoch, partition, .. } if *it == batch => {
                let first = *written.get_or_insert((*partition, *leader_epoch));
                holders.extend(event.host.filter(|_| first == (*partition, *leader_epoch)));
                false
            }
            Kind::LogTruncated { partition, log_end_offset, .. }
                if written.is_some_and(|(at, _)| at == *partition) && *log_end_offset <= base =>
            {
                holders.retain(|host| Some(*host) != event.host);
                false
            }
            Kind::HighWatermarkMoved { partition, high_watermark, as_leader: true } => {
                written.is_some_and(|(at, _)| at == *partition)
                    && *high_watermark > base
                    && event.host.is_some_and(|host| holders.contains(&host))
            }
            _ => false,
        });
        let is_so = passed.map(|event| event.index) == later;
        (!is_so).then(|| format!("it was committed by {passed:?}: {sentence}"))
    }

    /// "checkout was told that offset 250 of orders-0 is written (13.3, acks=all)": at that moment
    /// it took an answer with that offset.
    fn told(&self, sentence: &str) -> Option<String> {
        let (before, rest) = sentence.split_once(" was told that offset")?;
        let who = before.rsplit(' ').next()?;
        let offset = rest.trim_start_matches('s').split_whitespace().next()?;
        let at = rest.split_once(" written (")?.1.split(',').next()?;
        let host = self.host(who);
        let is_so = self.events.iter().any(|event| {
            event.host == host
                && shown(event.at) == at
                && matches!(&event.kind, Kind::BatchDone { result: OperationResult::Ok, base_offset: Some(base), .. }
                    if base.to_string() == offset)
        });
        (!is_so).then(|| format!("it was told no such thing: {sentence}"))
    }
}

fn shown(at: Moment) -> String {
    kafsim::trace::seconds(at)
}

/// The numbers of the events that `text` names.
fn numbers(text: &str) -> Vec<u64> {
    let words = text.split("(e").skip(1);
    words.filter_map(|word| word.split(')').next()?.parse().ok()).collect()
}
