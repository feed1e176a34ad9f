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
    #[error("nothing happened up to {asked}; the run begins at {first}")]
    Early {
        /// The time that was asked for.
        asked: String,
        /// When the run begins.
        first: String,
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
    let mut model = Model::new(Arc::new(file.header.setup.clone()));
    for event in file.events()? {
        let event = event?;
        if !at.includes(event.index, event.at) {
            check_instant(at, &model, Some(&event))?;
            break;
        }
        model.apply(&event);
    }
    let last = check_instant(at, &model, None)?;
    Ok((model, last))
}

/// The last event that `model` has folded in, when the run has the instant `at`; `next` is the
/// first event that is not in it.
pub(super) fn check_instant(at: At, model: &Model, next: Option<&Event>) -> Result<u64, TellError> {
    let last = model.events.checked_sub(1);
    match (at, last, next) {
        (At::Time(micros), None, Some(next)) => {
            let asked = Moment(Moment::SCENARIO_BEGINS.0.saturating_add_signed(micros));
            Err(TellError::Early { asked: seconds(asked), first: seconds(next.at) })
        }
        (_, None, _) => Err(TellError::Empty),
        (At::Event(asked), Some(last), None) if asked > last => {
            Err(TellError::Event { asked, last })
        }
        (_, Some(last), _) => Ok(last),
    }
}

/// The partition that is called `name`, such as `orders-0`.
///
/// # Errors
///
/// [`TellError::Partition`] when there is none, with those that there are.
pub fn partition_named(model: &Model, name: &str) -> Result<TopicPartition, TellError> {
    let named = name.rsplit_once('-').and_then(|(topic, index)| {
        let index: i32 = index.parse().ok()?;
        let found = model.partition_named(topic, index)?;
        model.partition(found).map(|_| found)
    });
    named.ok_or_else(|| {
        let mut known: Vec<_> =
            model.partitions.keys().map(|known| model.partition_name(*known)).collect();
        known.sort();
        let more = known.len().saturating_sub(KNOWN_MAX);
        known.truncate(KNOWN_MAX);
        let mut list = match known.is_empty() {
            true => "there is none yet".to_owned(),
            false => format!("there are {}", known.join(", ")),
        };
        if more > 0 {
            list.push_str(&format!(" and {more} more"));
        }
        TellError::Partition { asked: name.to_owned(), at: seconds(model.now), known: list }
    })
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
