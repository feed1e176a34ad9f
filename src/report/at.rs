//! An instant of a run, as one names it, and what is known there.

use std::str::FromStr;
use std::sync::Arc;

use crate::event::Event;
use crate::trace::{Model, ReadError, RunFile, seconds};
use crate::types::{Moment, TopicPartition};

/// A message names no more partitions than this.
const KNOWN_MAX: usize = 12;

/// An instant of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum At {
    /// After the event with this index.
    Event(u64),
    /// After all events up to and including this time, in microseconds of the scenario's time.
    Time(i64),
    /// After the last event.
    #[default]
    End,
}

/// A text names no instant.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "`{0}` is no instant; write seconds of the scenario's time, as in 19.15, an event, as in \
     e179442, or `end`"
)]
pub struct AtError(String);

/// What cannot be told of a run file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TellError {
    /// Its events do not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It has no such event.
    #[error("the run has no event e{asked}; its last is e{last}")]
    Event {
        /// The event that was asked for.
        asked: u64,
        /// The last there is.
        last: u64,
    },
    /// It begins later.
    #[error("the run has no time {asked}; it begins at {first}")]
    Early {
        /// The time that was asked for.
        asked: String,
        /// When the run begins.
        first: String,
    },
    /// It ended before.
    #[error("the run has no time {asked}; it ends at {last}")]
    Late {
        /// The time that was asked for.
        asked: String,
        /// When its last event is.
        last: String,
    },
    /// It has no events.
    #[error("the run has no events")]
    Empty,
    /// It has no such group at that instant.
    #[error("there is no group `{asked}` at that time; {}", groups(known))]
    Group {
        /// The group that was asked for.
        asked: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It has no such partition at that instant.
    #[error("there is no partition `{asked}` at {at}; {known}")]
    Partition {
        /// The partition that was asked for.
        asked: String,
        /// When.
        at: String,
        /// What there is.
        known: String,
    },
}

fn groups(known: &[String]) -> String {
    match known {
        [] => "there is none".to_owned(),
        known => format!("there are: {}", known.join(", ")),
    }
}

impl FromStr for At {
    type Err = AtError;

    fn from_str(text: &str) -> Result<Self, AtError> {
        let wrong = || AtError(text.to_owned());
        if text == "end" {
            return Ok(Self::End);
        }
        if let Some(index) = text.strip_prefix('e') {
            let is_number = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
            return match index.parse() {
                Ok(index) if is_number => Ok(Self::Event(index)),
                _ => Err(wrong()),
            };
        }
        micros(text).map(Self::Time).ok_or_else(wrong)
    }
}

/// A time in seconds of the scenario's time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seconds(i64);

impl Seconds {
    /// In microseconds.
    pub fn micros(self) -> i64 {
        self.0
    }
}

/// A text is no time.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no time; write seconds of the scenario's time, as in 19.15")]
pub struct SecondsError(String);

impl FromStr for Seconds {
    type Err = SecondsError;

    fn from_str(text: &str) -> Result<Self, SecondsError> {
        micros(text).map(Self).ok_or_else(|| SecondsError(text.to_owned()))
    }
}

/// Seconds with at most six digits behind the point, as events have them; an `s` may follow.
fn micros(text: &str) -> Option<i64> {
    let text = text.strip_suffix('s').unwrap_or(text);
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    let whole: i64 = whole.parse().ok()?;
    Some(sign * whole.checked_mul(1_000_000)?.checked_add(fraction)?)
}

impl At {
    /// Whether an event at `moment` with `index` belongs to what happened up to this instant.
    pub fn includes(self, index: u64, moment: Moment) -> bool {
        match self {
            Self::Event(last) => index <= last,
            Self::Time(micros) => moment.scenario_micros() <= micros,
            Self::End => true,
        }
    }
}

/// What is known of the run of `file` at `at`, and the index of the last event that is in it.
///
/// # Errors
///
/// When the file does not read, or has no such instant.
pub fn fold_up_to(file: &RunFile, at: At) -> Result<(Model, u64), TellError> {
    fold_showing(file, at, |_, _| {})
}

/// The same, and each event that is in it is shown to `each`, with what is known after it.
pub(super) fn fold_showing(
    file: &RunFile,
    at: At,
    mut each: impl FnMut(&Event, &Model),
) -> Result<(Model, u64), TellError> {
    let mut model = Model::new(Arc::new(file.header.setup.clone()));
    let mut next = None;
    for event in file.events()? {
        let event = event?;
        if !at.includes(event.index, event.at) {
            next = Some(event.at);
            break;
        }
        model.apply(&event);
        each(&event, &model);
    }
    let last = at.last_event(&model, next)?;
    Ok((model, last))
}

/// Whether the run of `file` has the instant `at`.
///
/// # Errors
///
/// When the file does not read, or has no such instant.
pub fn check_instant(file: &RunFile, at: At) -> Result<(), TellError> {
    let mut last: Option<Event> = None;
    for event in file.events()? {
        let event = event?;
        if !at.includes(event.index, event.at) {
            return match (at, last) {
                (At::Time(micros), None) => Err(early(micros, event.at)),
                _ => Ok(()),
            };
        }
        last = Some(event);
    }
    let last = last.ok_or(TellError::Empty)?;
    at.check_end(last.index, last.at)
}

fn early(asked: i64, first: Moment) -> TellError {
    TellError::Early { asked: seconds_text(asked), first: seconds(first) }
}

/// Microseconds as seconds, also before any run begins.
fn seconds_text(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

impl At {
    /// The last event that `model` has folded in, when the run has this instant; `next` is the
    /// moment of the first event that is not in it.
    fn last_event(self, model: &Model, next: Option<Moment>) -> Result<u64, TellError> {
        match (self, model.events.checked_sub(1), next) {
            (Self::Time(asked), None, Some(first)) => Err(early(asked, first)),
            (_, None, _) => Err(TellError::Empty),
            (_, Some(last), Some(_)) => Ok(last),
            (_, Some(last), None) => self.check_end(last, model.now).map(|()| last),
        }
    }

    /// Whether a run with this last event has this instant. One that was asked to last 20 seconds
    /// need not have an event at the end of them: it has the whole second of its last event.
    fn check_end(self, last: u64, at: Moment) -> Result<(), TellError> {
        let end = at.scenario_micros();
        let whole = end.saturating_add((-end).rem_euclid(1_000_000));
        match self {
            Self::Event(asked) if asked > last => Err(TellError::Event { asked, last }),
            Self::Time(asked) if asked > whole => {
                Err(TellError::Late { asked: seconds_text(asked), last: seconds(at) })
            }
            Self::Event(_) | Self::Time(_) | Self::End => Ok(()),
        }
    }
}

/// The partition that is called `name`, such as `orders-0`; `__cluster_metadata-0` is the quorum's.
///
/// # Errors
///
/// [`TellError::Partition`] when there is none, with those that there are.
pub fn partition_named(model: &Model, name: &str) -> Result<TopicPartition, TellError> {
    if name == model.partition_name(TopicPartition::CLUSTER_METADATA) {
        return Ok(TopicPartition::CLUSTER_METADATA);
    }
    let named = name.rsplit_once('-').and_then(|(topic, index)| {
        let index: i32 = index.parse().ok()?;
        let found = model.partition_named(topic, index)?;
        model.partition(found).map(|_| found)
    });
    named.ok_or_else(|| TellError::Partition {
        asked: name.to_owned(),
        at: seconds(model.now),
        known: known_partitions(model),
    })
}

/// The partitions there are, those that Kafka keeps for itself behind the others.
fn known_partitions(model: &Model) -> String {
    let known = model.partitions.keys().copied();
    let (internal, own): (Vec<_>, Vec<_>) = known.partition(|it| model.is_internal(*it));
    let mut names: Vec<_> = own.into_iter().map(|it| model.partition_name(it)).collect();
    names.sort();
    let more = names.len().saturating_sub(KNOWN_MAX);
    names.truncate(KNOWN_MAX);
    let mut list = match names.is_empty() {
        true => "there is none of a client's topic yet".to_owned(),
        false => format!("there are {}", names.join(", ")),
    };
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    if let [one, ..] = internal[..] {
        let topic = model.topic_name(one.topic_id).map(ToString::to_string).unwrap_or_default();
        list.push_str(&format!(", {} of {topic}", internal.len()));
    }
    let metadata = model.partition_name(TopicPartition::CLUSTER_METADATA);
    format!("{list}, and the quorum's {metadata}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_events_or_times() {
        for (text, at) in [
            ("e17", At::Event(17)),
            ("19.15", At::Time(19_150_000)),
            ("19.15s", At::Time(19_150_000)),
            ("-0.5", At::Time(-500_000)),
            ("0.000001", At::Time(1)),
            ("7", At::Time(7_000_000)),
            ("end", At::End),
        ] {
            assert_eq!(text.parse(), Ok(at), "{text}");
        }
        for wrong in ["", "e", "e-1", "e1.5", "soon", "1.", ".5", "1.0000001", "--1", "+1", "e+1"] {
            assert!(wrong.parse::<At>().is_err(), "{wrong}");
        }
        assert!("99999999999999999999".parse::<At>().is_err());
        assert!("9223372036854775807".parse::<At>().is_err());
    }
}
