//! The formats, and what may be chosen.

use std::io::{self, Write};
use std::sync::Arc;

use crate::event::Event;
use crate::report::at::TellError;
use crate::report::explain::Explanation;
use crate::report::export::csv;
use crate::report::export::jepsen;
use crate::report::export::mermaid;
use crate::report::export::perfetto;
use crate::report::export::shiviz;
use crate::report::timeline::Line;
use crate::trace::{Filter, Names, ReadError, RunFile};

/// A format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportFormat {
    /// Perfetto's `TrackEvent` protocol buffers, for ui.perfetto.dev.
    Perfetto,
    /// A sequence diagram of what led to an event.
    Mermaid,
    /// The history of clients for `jepsen.tests.kafka`, in EDN.
    Jepsen,
    /// Every event as a JSON object.
    Jsonl,
    /// Every event as a row.
    Csv,
    /// A log with vector clocks.
    Shiviz,
}

/// What is exported of a run.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Chosen {
    /// For `jsonl`, `csv` and `shiviz`: which events.
    pub filter: Option<Filter>,
    /// For `mermaid`: the event whose causes are shown; without it the first violation, else the
    /// last election.
    pub event: Option<u64>,
    /// For `mermaid`, without an event: what happened, in words.
    pub story: Option<Story>,
}

/// What happened in a run, as an explanation or a timeline tells it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Story {
    /// What it is the story of.
    pub title: String,
    /// What happened, in the order of time.
    pub steps: Vec<Told>,
    /// Whether the steps have numbers, from 1.
    pub is_numbered: bool,
    /// What was violated.
    pub violation: Option<Breach>,
}

/// A breach of a property.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Breach {
    /// The property.
    pub property: String,
    /// What happened.
    pub sentence: String,
    /// Whether its premise was left before: then it need not have held.
    pub is_outside_premise: bool,
}

/// An event, and what is said of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// The event.
    pub event: u64,
    /// What is said.
    pub text: String,
    /// The events that the reason names, if there is a reason.
    pub reasons: Vec<u64>,
    /// Whether it sums up several events, of which `event` is the last.
    pub is_summary: bool,
}

impl From<&Explanation> for Story {
    /// The steps of an explanation with their reasons, and what was violated.
    fn from(explanation: &Explanation) -> Self {
        let Explanation { title, seed, property, sentence, picture, .. } = explanation;
        let steps = explanation.steps.iter().map(|step| {
            let because = step.because.as_deref().unwrap_or_default();
            let why =
                if because.is_empty() { String::new() } else { format!(", because {because}") };
            let text = format!("{}{why}", step.text);
            Told { event: step.event, text, reasons: named(because), is_summary: false }
        });
        let of = picture.as_ref().map(|it| format!(" of {}", it.partition)).unwrap_or_default();
        let is_broken = !property.is_empty();
        Self {
            title: match is_broken {
                true => format!("{title}, seed {seed}: {property}{of}"),
                false => format!("{title}, seed {seed}"),
            },
            steps: steps.collect(),
            is_numbered: true,
            violation: is_broken.then(|| Breach {
                property: property.clone(),
                sentence: sentence.clone(),
                is_outside_premise: explanation.outcome != "violated",
            }),
        }
    }
}

impl From<&Line> for Told {
    /// A line of a timeline. A diagram has no columns that say what `b1` is.
    fn from(line: &Line) -> Self {
        let (event, text) = (line.event, in_full(&line.text));
        Self { event, text, reasons: Vec::new(), is_summary: line.is_summary }
    }
}

/// `text` with `broker-1` for `b1` and `controller-1` for `c1`.
fn in_full(text: &str) -> String {
    let word = |word: &str| -> String {
        let name = match word.chars().next() {
            Some('b') => "broker",
            Some('c') => "controller",
            _ => return word.to_owned(),
        };
        let rest = &word[1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let ends = !rest[digits..].starts_with(|c: char| c.is_alphanumeric() || c == '-');
        if digits > 0 && ends { format!("{name}-{rest}") } else { word.to_owned() }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// The events that `text` names, such as `e41`.
fn named(text: &str) -> Vec<u64> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter_map(|word| word.strip_prefix('e')?.parse().ok()).collect()
}

/// Why a run was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The run file cannot be told of.
    #[error(transparent)]
    Tell(#[from] TellError),
    /// There is nothing that a diagram could show.
    #[error(
        "nothing in this run makes a diagram by itself; `--event EVENT` draws what led to an \
         event, and `kafsim events` lists them"
    )]
    Nothing,
    /// What is written to failed.
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        Self::Tell(error.into())
    }
}

/// Writes the run of `file` to `out`, and returns what a person should know of it.
///
/// # Errors
///
/// When the file does not read, has no such event, or `out` fails.
pub fn export(
    file: &RunFile,
    format: ExportFormat,
    chosen: &Chosen,
    out: &mut dyn Write,
) -> Result<Vec<String>, ExportError> {
    let names = names(file)?;
    match format {
        ExportFormat::Perfetto => perfetto::write(file, &names, out),
        ExportFormat::Mermaid => match &chosen.story {
            Some(story) if chosen.event.is_none() => {
                mermaid::tell(&events(file)?, &names, story, out)
            }
            _ => mermaid::write(file, &names, chosen.event, out),
        },
        ExportFormat::Jepsen => jepsen::write(file, &names, out),
        ExportFormat::Jsonl => {
            let mut filter = chosen.filter.clone().unwrap_or_default();
            for event in file.events()? {
                let event = event?;
                if filter.accepts(&event, &names) {
                    writeln!(out, "{}", names.json(&event))?;
                }
            }
            Ok(Vec::new())
        }
        ExportFormat::Csv => csv::write(file, &names, chosen.filter.clone(), out),
        ExportFormat::Shiviz => shiviz::write(file, &names, chosen.filter.clone(), out),
    }
}

/// The diagrams in Mermaid that [`export`] draws of `stories`, one each.
///
/// # Errors
///
/// When the file does not read.
pub fn diagrams(file: &RunFile, stories: &[Story]) -> Result<Vec<String>, ExportError> {
    let (names, events) = (names(file)?, events(file)?);
    let diagram = |story| {
        let mut out = Vec::new();
        mermaid::tell(&events, &names, story, &mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    };
    stories.iter().map(diagram).collect()
}

fn events(file: &RunFile) -> Result<Vec<Event>, ReadError> {
    file.events()?.collect()
}

/// All names of the run: some events come before their topic is named.
fn names(file: &RunFile) -> Result<Names, ReadError> {
    let mut names = Names::new(Arc::new(file.header.setup.clone()));
    for event in file.events()? {
        names.learn(&event?);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::in_full;

    #[test]
    fn a_diagram_names_brokers_in_full() {
        assert_eq!(
            in_full("the controller elects b3; b1's disk, c2 and billing-1 (b2)"),
            "the controller elects broker-3; broker-1's disk, controller-2 and billing-1 (b2)"
        );
        assert_eq!(in_full("b b2b b1-x c"), "b b2b b1-x c");
    }
}
