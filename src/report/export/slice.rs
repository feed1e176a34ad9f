//! What led to an event: its causes, and what it is about, back to where that began.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Kind};
use crate::report::at::TellError;
use crate::report::claims::claims;
use crate::report::export::format::{Breach, ExportError};
use crate::trace::RunFile;
use crate::types::HostId;

/// The events that lead to one, with it.
#[derive(Debug, Default)]
pub(super) struct Slice {
    /// In order.
    pub(super) events: Vec<Event>,
    /// What it explains, if it is a violation.
    pub(super) violation: Option<Breach>,
}

impl Slice {
    /// What led to `wanted`; without it to the first violation, else to the last election.
    pub(super) fn of(file: &RunFile, wanted: Option<u64>) -> Result<Self, ExportError> {
        let mut parents: Vec<[Option<u64>; 2]> = Vec::new();
        let mut election = None;
        for event in file.events()? {
            let event = event?;
            if matches!(event.kind, Kind::PartitionCommitted { .. }) {
                election = Some(event.index);
            }
            parents.push([event.cause, event.about]);
        }
        let Some(last) = (parents.len() as u64).checked_sub(1) else {
            return Err(TellError::Empty.into());
        };
        let mut violation = None;
        let targets = match wanted {
            Some(asked) if asked > last => return Err(TellError::Event { asked, last }.into()),
            Some(asked) => vec![asked],
            None => {
                let broken = claims(&file.header)
                    .into_iter()
                    .find(|claim| claim.decided_by().is_some_and(|event| event <= last));
                match broken {
                    Some(claim) => {
                        violation = Some(Breach {
                            property: claim.property,
                            sentence: claim.sentence.unwrap_or_default(),
                            is_outside_premise: claim.result == "outside-premise",
                        });
                        claim.evidence
                    }
                    None => vec![election.unwrap_or(last)],
                }
            }
        };
        let mut is_in = vec![false; parents.len()];
        let mut left = targets;
        while let Some(index) = left.pop() {
            let Some(place) = usize::try_from(index).ok().filter(|at| *at < is_in.len()) else {
                continue;
            };
            if std::mem::replace(&mut is_in[place], true) {
                continue;
            }
            // A file may name what is to come; causes lie before.
            left.extend(parents[place].into_iter().flatten().filter(|parent| *parent < index));
        }
        let mut events = Vec::new();
        for event in file.events()? {
            let event = event?;
            if is_in.get(event.index as usize).copied().unwrap_or_default() {
                events.push(event);
            }
        }
        Ok(Self { events, violation })
    }

    /// Adds what the senders of messages did in the steps in which they sent them, of what
    /// `is_told`: causes go from message to message, past what a message tells of. Returns the
    /// messages by which all that is told came about, `hops` steps before at most.
    pub(super) fn add_senders(
        &mut self,
        file: &RunFile,
        hops: usize,
        is_told: fn(&Event) -> bool,
    ) -> Result<BTreeSet<u64>, ExportError> {
        let causes = Causes::of(file)?;
        let served = |events: &[Event]| -> BTreeSet<u64> {
            let told = events.iter().filter(|event| is_told(event));
            told.filter_map(|event| causes.message(event.index, hops)).collect()
        };
        let messages = served(&self.events);
        let mut sent: BTreeMap<u64, Vec<(HostId, u64)>> = BTreeMap::new();
        for event in self.events.iter().filter(|event| messages.contains(&event.index)) {
            let Kind::Delivered { from, .. } = &event.kind else { continue };
            for step in causes.steps(event.index).take(STEPS_MAX) {
                sent.entry(step).or_default().push((*from, event.index));
            }
        }
        let is_known = |index: u64| self.events.binary_search_by_key(&index, |it| it.index).is_ok();
        let mut more = Vec::new();
        for event in file.events()? {
            let event = event?;
            let is_of_sender = causes.steps(event.index).take(STEPS_MAX).any(|step| {
                let mut sent = sent.get(&step).into_iter().flatten();
                sent.any(|(host, below)| event.host == Some(*host) && event.index < *below)
            });
            if is_of_sender && is_told(&event) && !is_known(event.index) {
                more.push(event);
            }
        }
        self.events.extend(more);
        self.events.sort_by_key(|event| event.index);
        Ok(served(&self.events))
    }
}

/// What a host did and what it sent then have a cause in common, so few steps before.
const STEPS_MAX: usize = 3;

/// The cause of each event, and whether the event is a message.
struct Causes(Vec<(Option<u64>, bool)>);

impl Causes {
    fn of(file: &RunFile) -> Result<Self, ExportError> {
        let mut causes = Vec::new();
        for event in file.events()? {
            let event = event?;
            // A file may name what is to come; causes lie before.
            let cause = event.cause.filter(|cause| *cause < event.index);
            causes.push((cause, matches!(event.kind, Kind::Delivered { .. })));
        }
        Ok(Self(causes))
    }

    fn get(&self, index: u64) -> Option<(Option<u64>, bool)> {
        self.0.get(usize::try_from(index).ok()?).copied()
    }

    /// What led to the event `index` on its host, the nearest first, back to the message that
    /// the host was serving.
    fn steps(&self, index: u64) -> impl Iterator<Item = u64> {
        let first = self.get(index).and_then(|(cause, _)| cause);
        std::iter::successors(first, |step| {
            let (cause, is_message) = self.get(*step)?;
            cause.filter(|_| !is_message)
        })
    }

    /// The message that the host of the event `index` was serving.
    fn message(&self, index: u64, hops: usize) -> Option<u64> {
        let is_message = |step: &u64| self.get(*step).is_some_and(|(_, is_message)| is_message);
        self.steps(index).take(hops).find(is_message)
    }
}
