//! What led to an event: its causes, and what it is about, back to where that began.

use crate::event::{Event, Kind};
use crate::report::at::TellError;
use crate::report::claims::claims;
use crate::report::export::format::ExportError;
use crate::trace::RunFile;

/// The events that lead to one, with it.
#[derive(Debug, Default)]
pub(super) struct Slice {
    /// In order.
    pub(super) events: Vec<Event>,
    /// What it explains, if it is a violation.
    pub(super) violation: Option<(String, String)>,
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
                        violation = Some((claim.property, claim.sentence.unwrap_or_default()));
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
}
