//! What of a run is in a page that has not room for all of it: the rungs of a ladder, from fetches
//! that brought nothing down to the changes of a few partitions. What is kept keeps its number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;

use crate::event::{Event, Kind};
use crate::report::text::grouped;
use crate::trace::{Header, Model, ReadError, RunFile, Writer, seconds};
use crate::types::{ApiKey, HostId, LeaderEpoch, Moment, TopicPartition};

/// Beyond the whole run, how much of a run may be left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rung {
    /// Fetches and heartbeats that brought nothing.
    Idle,
    /// What changes nothing, but for a window of time.
    Window,
    /// That, and what logs hold, but for the window.
    Around,
    /// That, and in the window the logs of all but some partitions.
    Few,
}

impl Rung {
    /// All of them, the one that leaves out least first.
    pub(crate) const ALL: [Self; 4] = [Self::Idle, Self::Window, Self::Around, Self::Few];
}

/// So much before what a window is about, and so much after it, in microseconds.
pub(crate) const WINDOW: (u64, u64) = (10_000_000, 2_000_000);

/// When most is to be seen in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Heart {
    /// The first violation, else the first fault, else the beginning.
    pub(crate) at: Moment,
    /// Which of these it is.
    about: &'static str,
    /// The run's last event.
    end: Moment,
}

/// A stretch of time that a page has all of, and what it is around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    from: Moment,
    to: Moment,
    about: &'static str,
}

impl Heart {
    /// The stretch that is always worth its room.
    pub(crate) fn near(self) -> Span {
        let from = Moment(self.at.0.saturating_sub(WINDOW.0));
        Span { from, to: Moment(self.at.0.saturating_add(WINDOW.1)), about: self.about }
    }

    /// A longer one, of `share` thousandths of the run, most of it before; if it is longer.
    pub(crate) fn wide(self, share: u64) -> Option<Span> {
        let length = self.end.0 / 1000 * share.min(1000);
        let before = length / (WINDOW.0 + WINDOW.1) * WINDOW.0;
        let to = Moment(self.at.0.saturating_sub(before).saturating_add(length).min(self.end.0));
        let from = Moment(to.0.saturating_sub(length));
        (length > WINDOW.0 + WINDOW.1).then_some(Span { from, to, about: self.about })
    }
}

impl Span {
    fn has(self, at: Moment) -> bool {
        (self.from..=self.to).contains(&at)
    }

    /// In words.
    fn told(self) -> String {
        format!("from {} to {} s, around {}", seconds(self.from), seconds(self.to), self.about)
    }
}

/// What changes nothing that `kafsim state` shows: messages, and what clients ask and are told.
const TRAFFIC: [&str; 20] = [
    "delivered",
    "connection-opened",
    "connection-closed",
    "deadline-reached",
    "disk-completed",
    "lane-resumed",
    "application-called",
    "task-posted",
    "follower-counted",
    "produce-handled",
    "produce-answered",
    "operation-invoked",
    "operation-returned",
    "batch-sent",
    "polled",
    "request-queue-full",
    "network-thread-free",
    "disk-stalled",
    "latest-offset-told",
    "probe-returned",
];

/// A part of a run.
pub(crate) struct Part {
    /// Its events, renumbered.
    pub(crate) file: RunFile,
    /// What the whole run calls them.
    pub(crate) numbers: Vec<u64>,
    /// What is not in it, in a sentence.
    pub(crate) told: String,
    /// Where it has what logs hold, unless that is everywhere.
    pub(crate) logs: Option<LogsShown>,
}

/// Where a page knows what logs hold. Elsewhere it must not guess.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LogsShown {
    /// From this event on, by its number in the whole run.
    pub from: u64,
    /// Up to this one, itself included.
    pub to: u64,
    /// Of these partitions; of all if that is not given.
    pub partitions: Option<Vec<String>>,
}

impl Part {
    /// What `rung` leaves of the run of `file`, with `span` as the window that it has all of.
    pub(crate) fn of(file: &RunFile, rung: Rung, span: Span) -> Result<Self, ReadError> {
        let mut logs = None;
        let (kept, what) = match rung {
            Rung::Idle => {
                (without_idle(file)?, "but fetches and heartbeats that brought nothing".into())
            }
            Rung::Window => window(file, span)?,
            Rung::Around | Rung::Few => {
                let chosen = if rung == Rung::Few { Some(chosen(file)?) } else { None };
                let (kept, what, shown) = around(file, span, chosen.as_ref())?;
                logs = Some(shown);
                (kept, what)
            }
        };
        let (part, numbers) = picked(file, &kept)?;
        let all = file.header.fingerprint.events;
        let (has, all) = (grouped(numbers.len() as u64), grouped(all));
        let told = format!("This page has {has} of {all} events: all {what}");
        Ok(Self { file: part, numbers, told, logs })
    }
}

/// The event that proves the first violation of the run, if there is one.
fn first_proof(header: &Header) -> Option<u64> {
    let proof = |one: &Json| {
        let evidence = one["verdict"]["violation"]["evidence"].as_array()?;
        evidence.iter().filter_map(Json::as_u64).max()
    };
    header.verdicts.as_array()?.iter().filter_map(proof).min()
}

/// Whether an event is a message, or a moment waited for, of those that come again and again.
fn is_routine(kind: &Kind) -> bool {
    match kind {
        Kind::Delivered { api, fault, .. } => {
            let routine = matches!(
                api,
                ApiKey::Fetch
                    | ApiKey::Heartbeat
                    | ApiKey::BrokerHeartbeat
                    | ApiKey::ConsumerGroupHeartbeat
            );
            routine && fault.is_none()
        }
        Kind::DeadlineReached { .. } | Kind::LaneResumed { .. } => true,
        _ => false,
    }
}

/// Which events to keep when those go that led to nothing but others of their kind.
fn without_idle(file: &RunFile) -> Result<Vec<bool>, ReadError> {
    let mut kept: Vec<bool> = Vec::new();
    for event in file.events()? {
        let event = event?;
        let is_kept = !is_routine(&event.kind);
        kept.push(is_kept);
        if is_kept {
            for parent in [event.cause, event.about].into_iter().flatten() {
                keep(&mut kept, parent);
            }
        }
    }
    Ok(kept)
}

fn keep(kept: &mut [bool], event: u64) {
    if let Some(place) = usize::try_from(event).ok().and_then(|at| kept.get_mut(at)) {
        *place = true;
    }
}

fn is_traffic(kind: &Kind) -> bool {
    TRAFFIC.contains(&kind.name())
}

/// When most is to be seen.
pub(crate) fn heart(file: &RunFile) -> Result<Heart, ReadError> {
    let proof = first_proof(&file.header);
    let (mut fault, mut around) = (None, None);
    let mut end = Moment(0);
    for event in file.events()? {
        let event = event?;
        if matches!(event.kind, Kind::FaultBegan { .. }) {
            fault = fault.or(Some(event.at));
        }
        if Some(event.index) == proof {
            around = Some(event.at);
        }
        end = event.at;
    }
    let (at, about) = match (around, fault) {
        (Some(at), _) => (at, "the first violation"),
        (None, Some(at)) => (at, "the first fault"),
        (None, None) => (Moment::SCENARIO_BEGINS, "the beginning"),
    };
    Ok(Heart { at, about, end })
}

/// Which events to keep around that; and what that leaves.
fn window(file: &RunFile, span: Span) -> Result<(Vec<bool>, String), ReadError> {
    let mut kept = Vec::new();
    for event in file.events()? {
        let event = event?;
        kept.push(span.has(event.at) || !is_traffic(&event.kind));
    }
    let what =
        format!("{}; elsewhere no messages, and not what clients asked and were told", span.told());
    Ok((kept, what))
}

/// The partitions that violations are about, else the one to which most happened; with their names.
fn chosen(file: &RunFile) -> Result<BTreeMap<TopicPartition, String>, ReadError> {
    let verdicts = file.header.verdicts.as_array().map(Vec::as_slice).unwrap_or_default();
    let evidence = verdicts.iter().filter_map(|one| {
        let evidence = one["verdict"]["violation"]["evidence"].as_array()?;
        Some(evidence.iter().filter_map(Json::as_u64))
    });
    let evidence: BTreeSet<u64> = evidence.flatten().collect();
    let mut model = Model::new(Arc::new(file.header.setup.clone()));
    let mut chosen = BTreeSet::new();
    let mut counts: BTreeMap<TopicPartition, u64> = BTreeMap::new();
    for event in file.events()? {
        let event = event?;
        if matches!(event.kind, Kind::TopicCommitted { .. }) {
            model.apply(&event);
        }
        if evidence.contains(&event.index) {
            chosen.extend(log_of(&event.kind));
        }
        if let Kind::PartitionCommitted { partition, .. } | Kind::LogTruncated { partition, .. } =
            &event.kind
        {
            *counts.entry(*partition).or_default() += 1;
        }
    }
    chosen.remove(&TopicPartition::CLUSTER_METADATA);
    if chosen.is_empty() {
        let is_own = |of: &TopicPartition| !model.is_internal(*of);
        let own = counts.iter().filter(|(of, _)| is_own(of));
        chosen.extend(own.max_by_key(|(_, count)| **count).map(|(of, _)| *of));
    }
    Ok(chosen.into_iter().map(|of| (of, model.partition_name(of))).collect())
}

/// What a log's events are kept for that lie before the window: so that it is known in the window.
#[derive(Default)]
struct Held {
    /// The last append, unless it is kept already, and its epoch.
    appended: Option<u64>,
    epoch: Option<LeaderEpoch>,
    /// The last high watermark.
    moved: Option<u64>,
}

/// Which events to keep for what changed, and for what logs hold within the window; what that
/// leaves, and where logs are known.
fn around(
    file: &RunFile,
    span: Span,
    chosen: Option<&BTreeMap<TopicPartition, String>>,
) -> Result<(Vec<bool>, String, LogsShown), ReadError> {
    let mut shown = LogsShown { from: 0, to: 0, partitions: None };
    let mut held: BTreeMap<(Option<HostId>, TopicPartition), Held> = BTreeMap::new();
    let mut kept: Vec<bool> = Vec::new();
    for event in file.events()? {
        let event = event?;
        let is_within = span.has(event.at);
        if event.at < span.from {
            shown.from = event.index + 1;
        }
        if event.at <= span.to {
            shown.to = event.index;
        }
        let of = log_of(&event.kind).filter(|of| *of != TopicPartition::CLUSTER_METADATA);
        let is_known = of.is_none_or(|of| chosen.is_none_or(|chosen| chosen.contains_key(&of)));
        kept.push(match of {
            Some(_) => is_within && is_known,
            None => is_within || !is_traffic(&event.kind),
        });
        if !is_known || event.at >= span.from {
            continue;
        }
        let name = |of: TopicPartition| (event.host, of);
        match &event.kind {
            Kind::LogAppended { partition, leader_epoch, .. } if of.is_some() => {
                let held = held.entry(name(*partition)).or_default();
                // Where an epoch ends, and the next begins.
                if held.epoch == Some(*leader_epoch) {
                    held.appended = Some(event.index);
                } else {
                    held.appended.take().into_iter().for_each(|last| keep(&mut kept, last));
                    keep(&mut kept, event.index);
                    held.epoch = Some(*leader_epoch);
                }
            }
            Kind::HighWatermarkMoved { partition, .. } if of.is_some() => {
                held.entry(name(*partition)).or_default().moved = Some(event.index);
            }
            // What is cut is cut from something.
            Kind::LogTruncated { partition, .. }
            | Kind::LogRecovered { partition, .. }
            | Kind::DurableEnd { partition, .. }
            | Kind::ReplicaRemoved { partition, .. } => {
                let held = held.remove(&name(*partition)).unwrap_or_default();
                [held.appended, held.moved]
                    .into_iter()
                    .flatten()
                    .for_each(|it| keep(&mut kept, it));
            }
            _ => {}
        }
    }
    for held in held.into_values() {
        [held.appended, held.moved].into_iter().flatten().for_each(|it| keep(&mut kept, it));
    }
    let but = match chosen {
        None => String::new(),
        Some(chosen) => {
            let names: Vec<String> = chosen.values().cloned().collect();
            let told = match names.as_slice() {
                [] => ", but no logs".to_owned(),
                names => format!(", but the logs of no partition but {}", names.join(", ")),
            };
            shown.partitions = Some(names);
            told
        }
    };
    let what = format!(
        "{}{but}; elsewhere no messages, not what clients asked and were told, and not what logs \
         hold",
        span.told()
    );
    Ok((kept, what, shown))
}

/// The partition of whose log an event tells, if it does nothing else.
fn log_of(kind: &Kind) -> Option<TopicPartition> {
    match kind {
        Kind::LogAppended { partition, .. }
        | Kind::HighWatermarkMoved { partition, .. }
        | Kind::BatchSealed { partition, .. }
        | Kind::BatchDone { partition, .. }
        | Kind::Processed { partition, .. } => Some(*partition),
        _ => None,
    }
}

/// The events of `file` that are `kept`, renumbered, and their numbers in the whole run. What is
/// left out gives its place among the causes to its own cause.
fn picked(file: &RunFile, kept: &[bool]) -> Result<(RunFile, Vec<u64>), ReadError> {
    let mut writer = Writer::new();
    let mut numbers: Vec<u64> = Vec::new();
    // By number in the whole run: its place, or that of whatever led to it and is there.
    let mut places: Vec<Option<u64>> = Vec::with_capacity(kept.len());
    let is_kept = |number: u64| {
        usize::try_from(number).ok().and_then(|at| kept.get(at)).copied().unwrap_or(false)
    };
    for event in file.events()? {
        let event = event?;
        let place_of = |number: u64| places.get(usize::try_from(number).ok()?).copied().flatten();
        let cause = event.cause.and_then(place_of);
        if !is_kept(event.index) {
            places.push(cause);
            continue;
        }
        let about = event.about.filter(|about| is_kept(*about)).and_then(place_of);
        let index = numbers.len() as u64;
        places.push(Some(index));
        numbers.push(event.index);
        writer.add(&Event { index, cause, about, ..event });
    }
    Ok((RunFile::read(&writer.finish(&file.header).to_vec())?, numbers))
}
