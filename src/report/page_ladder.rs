//! What of a run is in a page that has not room for all of it: the rungs of a ladder, from fetches
//! that brought nothing down to the changes of a few partitions. What is kept keeps its number.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::event::{Event, Kind};
use crate::trace::{Header, Model, ReadError, RunFile, Writer, seconds};
use crate::types::{ApiKey, Moment, TopicPartition};

/// Beyond the whole run, how much of a run may be left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rung {
    /// Fetches and heartbeats that brought nothing.
    Idle,
    /// What changes nothing, but for a window of time.
    Window,
    /// What changes nothing, and logs but for those of some partitions.
    Changes,
}

impl Rung {
    /// All of them, the one that leaves out least first.
    pub(crate) const ALL: [Self; 3] = [Self::Idle, Self::Window, Self::Changes];
}

/// So much before what a window is about, and so much after it, in microseconds.
const WINDOW: (u64, u64) = (10_000_000, 2_000_000);

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
}

impl Part {
    /// What `rung` leaves of the run of `file`.
    pub(crate) fn of(file: &RunFile, rung: Rung) -> Result<Self, ReadError> {
        let (kept, what) = match rung {
            Rung::Idle => {
                (without_idle(file)?, "fetches and heartbeats that brought nothing".into())
            }
            Rung::Window => window(file)?,
            Rung::Changes => changes(file)?,
        };
        let (part, numbers) = picked(file, &kept)?;
        let all = file.header.fingerprint.events;
        let left = all.saturating_sub(numbers.len() as u64);
        Ok(Self {
            file: part,
            numbers,
            told: format!("{left} of {all} events are left out: {what}"),
        })
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

/// Which events to keep around the first violation, else the first fault, else the beginning; and
/// what that leaves out.
fn window(file: &RunFile) -> Result<(Vec<bool>, String), ReadError> {
    let proof = first_proof(&file.header);
    let mut fault = None;
    let mut around = None;
    for event in file.events()? {
        let event = event?;
        if matches!(event.kind, Kind::FaultBegan { .. }) {
            fault = fault.or(Some(event.at));
        }
        if Some(event.index) == proof {
            around = Some(event.at);
        }
    }
    let (middle, about) = match (around, fault) {
        (Some(at), _) => (at, "the first violation"),
        (None, Some(at)) => (at, "the first fault"),
        (None, None) => (Moment::SCENARIO_BEGINS, "the beginning"),
    };
    let (from, to) = (middle.0.saturating_sub(WINDOW.0), middle.0.saturating_add(WINDOW.1));
    let mut kept = Vec::new();
    for event in file.events()? {
        let event = event?;
        kept.push((from..=to).contains(&event.at.0) || !is_traffic(&event.kind));
    }
    let what = format!(
        "messages, and what clients asked and were told, but from {} to {} s, around {about}",
        seconds(Moment(from)),
        seconds(Moment(to))
    );
    Ok((kept, what))
}

/// Which events to keep for what changed, and the logs of the partitions that violations are
/// about; and what that leaves out.
fn changes(file: &RunFile) -> Result<(Vec<bool>, String), ReadError> {
    let verdicts = file.header.verdicts.as_array().map(Vec::as_slice).unwrap_or_default();
    let evidence = verdicts.iter().filter_map(|one| {
        let evidence = one["verdict"]["violation"]["evidence"].as_array()?;
        Some(evidence.iter().filter_map(Json::as_u64))
    });
    let evidence: BTreeSet<u64> = evidence.flatten().collect();
    let mut model = Model::new(Arc::new(file.header.setup.clone()));
    let mut chosen = BTreeSet::from([TopicPartition::CLUSTER_METADATA]);
    for event in file.events()? {
        let event = event?;
        if matches!(event.kind, Kind::TopicCommitted { .. }) {
            model.apply(&event);
        }
        if evidence.contains(&event.index) {
            chosen.extend(log_of(&event.kind));
        }
    }
    let mut kept = Vec::new();
    for event in file.events()? {
        let event = event?;
        let of_log = log_of(&event.kind);
        let is_chosen = of_log.is_none_or(|partition| chosen.contains(&partition));
        kept.push(evidence.contains(&event.index) || (is_chosen && !is_traffic(&event.kind)));
    }
    let names: Vec<String> = chosen
        .iter()
        .filter(|partition| **partition != TopicPartition::CLUSTER_METADATA)
        .map(|partition| model.partition_name(*partition))
        .collect();
    let but = match names.as_slice() {
        [] => String::new(),
        names => format!(", but for {}", names.join(", ")),
    };
    Ok((
        kept,
        format!("messages, what clients asked and were told, and what partitions' logs hold{but}"),
    ))
}

/// The partition of whose log an event tells, if it does nothing else.
fn log_of(kind: &Kind) -> Option<TopicPartition> {
    match kind {
        Kind::LogAppended { partition, .. }
        | Kind::HighWatermarkMoved { partition, .. }
        | Kind::LogStartMoved { partition, .. }
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
