//! Two runs compared: where they part, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::event::Event;
use crate::report::at::TellError;
use crate::report::diff_account::{Account, Outcome, outcomes};
use crate::report::diff_scenario::differences;
use crate::report::diff_words::words;
use crate::trace::{Alignment, Names, ReadError, RunFile, align};
use crate::types::Moment;

/// So many places where the runs may part are looked at, until two lines differ.
const PARTINGS_MAX: usize = 200;

/// How two runs differ.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// The one and the other.
    pub runs: [Run; 2],
    /// Whether kafsim's build was the same.
    pub same_build: bool,
    /// What only one of the scenarios says, and what they do not say alike.
    pub scenario: Vec<String>,
    /// Steps by their names.
    pub steps: Steps,
    /// The first event that is not in both, or not the same; none for a run whose step of that
    /// name has no such event.
    pub first: Option<[Option<Told>; 2]>,
    /// What came of it, where it is not the same.
    pub outcomes: Vec<Outcome>,
}

/// A run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Run {
    /// The scenario's title.
    pub title: String,
    /// The seed.
    pub seed: String,
    /// What was set in the scenario's file from outside and is not so in the other, as one writes
    /// it behind `kafsim run`.
    pub set: Vec<String>,
    /// How many events it has.
    pub events: u64,
    /// Its fingerprint.
    pub fingerprint: String,
}

/// How many steps are where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Steps {
    /// In both, and the same.
    pub equal: u64,
    /// In both, and different.
    pub changed: u64,
    /// In the one only, in the other only.
    pub only: [u64; 2],
}

/// An event as it is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Told {
    /// Its index.
    pub event: u64,
    /// Its line.
    pub line: String,
    /// The same in words.
    pub words: Option<String>,
}

impl Difference {
    /// How the runs of two files differ.
    ///
    /// # Errors
    ///
    /// When one does not read.
    pub fn of(files: [&RunFile; 2]) -> Result<Self, TellError> {
        let [left, right] = files;
        let mut failed = None;
        let alignment = {
            let mut left_failed = None;
            let mut right_failed = None;
            let one = reading(left.events()?, &mut left_failed);
            let other = reading(right.events()?, &mut right_failed);
            let alignment = align(one, other);
            failed = failed.or(left_failed).or(right_failed);
            alignment
        };
        if let Some(error) = failed {
            return Err(error.into());
        }
        let steps = Steps {
            equal: alignment.equal,
            changed: alignment.changed.len() as u64,
            only: [alignment.only_left.len() as u64, alignment.only_right.len() as u64],
        };
        let first = parting(files, &alignment)?;
        let accounts = [Account::of(left)?, Account::of(right)?];
        Ok(Self {
            runs: [Run::of(left, right), Run::of(right, left)],
            same_build: left.header.build_id == right.header.build_id,
            scenario: differences(&left.header.scenario, &right.header.scenario),
            steps,
            first,
            outcomes: outcomes(&accounts),
        })
    }
}

/// The events up to the first that does not read.
fn reading<'a>(
    events: crate::trace::Events<'a>,
    failed: &'a mut Option<ReadError>,
) -> impl Iterator<Item = Event> + 'a {
    events.map_while(move |event| event.map_err(|error| *failed = Some(error)).ok())
}

/// Of what differs the earliest, where it can be told: two lines that say the same say nothing.
fn parting(
    files: [&RunFile; 2],
    alignment: &Alignment,
) -> Result<Option<[Option<Told>; 2]>, TellError> {
    let only_left = alignment.only_left.iter().map(|index| [Some(*index), None]);
    let only_right = alignment.only_right.iter().map(|index| [None, Some(*index)]);
    let all: Vec<_> =
        alignment.changed.iter().copied().chain(only_left).chain(only_right).collect();
    // Indices are in the order of time, so the earliest are among the first of each run.
    let mut chosen: BTreeSet<[Option<u64>; 2]> = BTreeSet::new();
    for place in 0..2 {
        let mut of_run: Vec<_> = all.iter().copied().filter(|pair| pair[place].is_some()).collect();
        of_run.sort_unstable_by_key(|pair| pair[place]);
        chosen.extend(of_run.into_iter().take(PARTINGS_MAX));
    }
    let wanted = |place: usize| chosen.iter().filter_map(|pair| pair[place]).collect();
    let told = [told(files[0], &wanted(0))?, told(files[1], &wanted(1))?];
    let of = |place: usize, pair: &[Option<u64>; 2]| told[place].get(&pair[place]?);
    let begins = |pair: &[Option<u64>; 2]| {
        let moment = |place| of(place, pair).map(|found| found.at);
        [moment(0), moment(1)].into_iter().flatten().min()
    };
    let mut chosen: Vec<_> = chosen.into_iter().collect();
    chosen.sort_by_key(|pair| (begins(pair), *pair));
    let differs = |pair: &&[Option<u64>; 2]| match (of(0, pair), of(1, pair)) {
        (Some(one), Some(other)) => one.told.bare() != other.told.bare(),
        _ => true,
    };
    let first = chosen.iter().find(differs).or_else(|| chosen.first());
    Ok(first.map(|pair| match [of(0, pair), of(1, pair)] {
        [Some(one), Some(other)] => [one.beside(other), other.beside(one)].map(Some),
        only => only.map(|found| found.map(|it| it.told.clone())),
    }))
}

/// An event that was looked up.
struct Found {
    at: Moment,
    told: Told,
    /// Its fields as text has them.
    fields: Vec<(&'static str, String)>,
}

impl Found {
    /// As it is told beside `other`: words that are the same for both get the fields that are not.
    fn beside(&self, other: &Self) -> Told {
        let mut told = self.told.clone();
        if told.bare_words() != other.told.bare_words() {
            return told;
        }
        let own = self.fields.iter().filter(|field| !other.fields.contains(field));
        let own: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
        if let Some(words) = told.words.as_mut().filter(|_| !own.is_empty()) {
            *words = format!("{words} ({})", own.join(", "));
        }
        told
    }
}

/// What the events `wanted` are.
fn told(file: &RunFile, wanted: &BTreeSet<u64>) -> Result<BTreeMap<u64, Found>, TellError> {
    let mut names = Names::new(Arc::new(file.header.setup.clone()));
    let mut found = BTreeMap::new();
    let Some(last) = wanted.last() else { return Ok(found) };
    for event in file.events()? {
        let event = event?;
        if event.index > *last {
            break;
        }
        names.learn(&event);
        if wanted.contains(&event.index) {
            let words = words(&event, &names);
            let told = Told { event: event.index, line: names.line(&event), words };
            let fields = event.kind.values().into_iter();
            let fields = fields.map(|(name, value)| (name, names.show(&value))).collect();
            found.insert(event.index, Found { at: event.at, told, fields });
        }
    }
    Ok(found)
}

impl Told {
    /// The words without the event's number: when, and what.
    pub(super) fn bare_words(&self) -> Option<&str> {
        Some(self.words.as_deref()?.split_once(' ')?.1)
    }

    /// The line without the event's number.
    fn bare(&self) -> &str {
        self.line.split_once(' ').map_or("", |(_, rest)| rest)
    }
}

impl Run {
    /// The run of `file`, compared with that of `other`.
    fn of(file: &RunFile, other: &RunFile) -> Self {
        let header = &file.header;
        let given = |file: &RunFile| -> Vec<String> {
            let defects = file.header.defects.iter().map(|name| format!("--defect {name}"));
            let sets = file.header.sets.iter().map(|set| format!("--set {set}"));
            defects.chain(sets).collect()
        };
        let theirs = given(other);
        Self {
            title: header.title.clone(),
            seed: header.seed.to_string(),
            set: given(file).into_iter().filter(|it| !theirs.contains(it)).collect(),
            events: header.fingerprint.events,
            fingerprint: header.fingerprint.to_string(),
        }
    }
}
