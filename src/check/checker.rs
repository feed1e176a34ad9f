//! All properties at once, each shown only the kinds of events that it asked for.

use std::sync::Arc;

use crate::check::account::{Account, NONE_YET};
use crate::check::catalogue;
use crate::check::lost::lost_records;
use crate::check::premise::Premises;
use crate::check::property::{Findings, Info, Property, View};
use crate::check::verdict::Verdict;
use crate::event::{Event, Kind};
use crate::history::History;
use crate::trace::Model;
use crate::types::HostId;

/// The properties of a run and what they found so far.
#[derive(Clone, Debug)]
pub struct Checker {
    properties: Vec<(Box<dyn Property>, Findings)>,
    /// By kind number: the places in `properties` of those that look at it.
    subscribers: Arc<Vec<Vec<u8>>>,
    /// By kind number: whether the premises look at it.
    premise_kinds: Arc<Vec<bool>>,
    history: History,
    premises: Premises,
}

impl Default for Checker {
    fn default() -> Self {
        Self::of(catalogue::all())
    }
}

impl Checker {
    /// A checker of these properties.
    pub fn of(properties: Vec<Box<dyn Property>>) -> Self {
        let mut subscribers = vec![Vec::new(); 256];
        for (at, property) in properties.iter().enumerate() {
            for name in property.info().kinds {
                let at = u8::try_from(at).expect("there are fewer than 256 properties");
                subscribers[number(name)].push(at);
            }
        }
        let mut premise_kinds = vec![false; 256];
        for name in Premises::KINDS {
            premise_kinds[number(name)] = true;
        }
        Self {
            properties: properties.into_iter().map(|p| (p, Findings::default())).collect(),
            subscribers: Arc::new(subscribers),
            premise_kinds: Arc::new(premise_kinds),
            history: History::default(),
            premises: Premises::default(),
        }
    }

    /// Looks at `event`, which `model` has folded in already.
    pub fn observe(&mut self, event: &Event, model: &Model) {
        let number = usize::from(event.kind.number());
        self.history.apply(event);
        if self.premise_kinds[number] {
            self.premises.on_event(event, model);
        }
        let (history, premises, account) = (&self.history, &self.premises, &NONE_YET);
        let view = View { model, history, premises, account };
        for at in &self.subscribers[number] {
            let (property, findings) = &mut self.properties[usize::from(*at)];
            property.on_event(event, view, findings);
        }
    }

    /// Judges what can only be judged at the end, and says what each property came to, in the
    /// order of the catalogue.
    pub fn finish(&mut self, model: &Model) -> Vec<Verdict> {
        let (history, premises) = (&self.history, &self.premises);
        let account = &Account::of(history);
        let view = View { model, history, premises, account };
        for (property, findings) in &mut self.properties {
            property.at_end(view, findings);
        }
        self.verdicts()
    }

    /// What each property came to so far.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let verdict = |(property, findings): &(Box<dyn Property>, Findings)| {
            findings.verdict(property.info().name)
        };
        self.properties.iter().map(verdict).collect()
    }

    /// How many breaches there are so far within the premises; a run may stop at the first.
    pub fn violated(&self) -> impl Iterator<Item = &'static Info> + '_ {
        let broken = |(_, findings): &&(Box<dyn Property>, Findings)| findings.first().is_some();
        self.properties.iter().filter(broken).map(|(property, _)| property.info())
    }

    /// Whether there is a breach of the property at `place` of the catalogue: within its premise,
    /// or `outside` as well.
    pub fn is_violated(&self, place: usize, outside: bool) -> bool {
        self.properties.get(place).is_some_and(|(_, findings)| {
            findings.first().is_some() || outside && findings.first_outside().is_some()
        })
    }

    /// The place in the catalogue of the property `name`.
    pub fn place_of(&self, name: &str) -> Option<usize> {
        self.properties.iter().position(|(property, _)| property.info().name == name)
    }

    /// What clients saw.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How many records that were acknowledged to a host that `counts` are gone: not in the log of
    /// whoever leads their partition now.
    pub fn lost(&self, model: &Model, counts: impl Fn(HostId) -> bool) -> u64 {
        lost_records(&self.history, model, counts)
    }

    /// Which partitions left the premises of durability.
    pub fn premises(&self) -> &Premises {
        &self.premises
    }
}

fn number(name: &str) -> usize {
    let info = Kind::TABLE.iter().find(|info| info.name == name);
    let info = info.unwrap_or_else(|| panic!("a property asks for {name}, which is no event"));
    usize::from(info.number)
}
