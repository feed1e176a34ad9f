//! A run as a lesson looks at it: events found by filters, and the state at some of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::Event;
use crate::report::claims::{Claim, claims};
use crate::report::diff_account::figures_of;
use crate::report::state::State;
use crate::trace::{Filter, Model, Names, RunFile};

/// A run, its events in memory.
pub(super) struct Reel<'a> {
    file: &'a RunFile,
    pub(super) names: Names,
    events: Vec<Event>,
    states: BTreeMap<u64, State>,
}

impl<'a> Reel<'a> {
    pub(super) fn new(file: &'a RunFile) -> Result<Self, String> {
        let events: Result<Vec<Event>, _> =
            file.events().map_err(|error| error.to_string())?.collect();
        let events = events.map_err(|error| error.to_string())?;
        let mut names = Names::new(Arc::new(file.header.setup.clone()));
        events.iter().for_each(|event| names.learn(event));
        Ok(Self { file, names, events, states: BTreeMap::new() })
    }

    /// The events that pass `filter`.
    fn found(&self, filter: &str) -> Result<Vec<u64>, String> {
        let mut filter: Filter = filter.parse().map_err(|error| format!("`{filter}`: {error}"))?;
        let found = self.events.iter().filter(|event| filter.accepts(event, &self.names));
        Ok(found.map(|event| event.index).collect())
    }

    /// How many events pass `filter`.
    pub(super) fn count(&self, filter: &str) -> Result<usize, String> {
        self.found(filter).map(|found| found.len())
    }

    /// The `nth` event, from 1, or from -1 at the end, that passes `filter`.
    pub(super) fn find(&self, filter: &str, nth: i64) -> Result<u64, String> {
        let found = self.found(filter)?;
        let place = usize::try_from(nth.unsigned_abs().saturating_sub(1)).unwrap_or(usize::MAX);
        let event = if nth > 0 { found.get(place) } else { found.iter().rev().nth(place) };
        event.copied().ok_or_else(|| match found.len() {
            0 => format!("no event of the run passes `{filter}`"),
            count => format!("only {count} events of the run pass `{filter}`, nth is {nth}"),
        })
    }

    /// Folds the run once, and keeps the state after each of `events`.
    pub(super) fn keep(&mut self, events: &BTreeSet<u64>) {
        let mut model = Model::new(Arc::new(self.file.header.setup.clone()));
        let Some(last) = events.last() else { return };
        for event in self.events.iter().take_while(|event| event.index <= *last) {
            model.apply(event);
            if events.contains(&event.index) {
                self.states.insert(event.index, State::of(&model, event.index));
            }
        }
    }

    /// The last event.
    pub(super) fn last(&self) -> u64 {
        self.events.last().map_or(0, |event| event.index)
    }

    /// The event with this index.
    pub(super) fn event(&self, index: u64) -> Option<&Event> {
        self.events.get(usize::try_from(index).ok()?)
    }

    /// The state after an event that was to be kept.
    pub(super) fn state(&self, event: u64) -> Option<&State> {
        self.states.get(&event)
    }

    /// What a property came to, in the words of `kafsim run`.
    pub(super) fn claim(&self, property: &str) -> Option<Claim> {
        let mut found = claims(&self.file.header).into_iter();
        let claim = found.find(|claim| claim.property == property)?;
        let result = match claim.result.as_str() {
            "outside-premise" => "outside its premise".to_owned(),
            "not-exercised" => "not exercised".to_owned(),
            _ => claim.result,
        };
        Some(Claim { result, ..claim })
    }

    /// A figure of the whole run.
    pub(super) fn figure(&self, name: &str) -> Result<String, String> {
        let figures = figures_of(self.file).map_err(|error| error.to_string())?;
        let found = figures.iter().find(|(figure, _)| figure == name);
        found.map(|(_, value)| value.clone()).ok_or_else(|| {
            let known: Vec<_> = figures.into_iter().map(|(name, _)| name).collect();
            format!("there is no figure `{name}`; there are {}", known.join(", "))
        })
    }
}
