//! Runs in which nothing changes, and what a diagram can show of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{Event, Kind, OperationResult, Phase};
use crate::report::export::format::Told;
use crate::trace::{Model, ReadError, RunFile};
use crate::types::OperationId;

/// A record that was acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Served {
    /// When its application sent it, in microseconds of the scenario's time.
    pub from: i64,
    /// When its application learned that it is written.
    pub to: i64,
    /// Where it stands.
    pub offset: i64,
}

/// Whether `steps` tell more than that routine went on until healing began.
pub fn says_something(
    events: impl Iterator<Item = Result<Event, ReadError>>,
    steps: &[Told],
) -> bool {
    let told = steps.iter().filter(|step| !step.is_summary);
    let told: BTreeSet<u64> = told.map(|step| step.event).collect();
    events
        .map_while(Result::ok)
        .any(|event| told.contains(&event.index) && !matches!(event.kind, Kind::PhaseBegan { .. }))
}

/// The last record of `partition` that was acknowledged before healing began.
pub fn last_acknowledged(file: &RunFile, partition: &str) -> Option<Served> {
    let mut model = Model::new(Arc::new(file.header.setup.clone()));
    let mut invoked: BTreeMap<OperationId, i64> = BTreeMap::new();
    let mut found = None;
    for event in file.events().ok()?.map_while(Result::ok) {
        model.apply(&event);
        let at = event.at.scenario_micros();
        match &event.kind {
            Kind::PhaseBegan { phase: Phase::Heal } => break,
            Kind::OperationInvoked { operation, .. } => {
                invoked.insert(*operation, at);
            }
            Kind::OperationReturned {
                operation,
                result: OperationResult::Ok,
                partition: Some(of),
                offset: Some(offset),
                ..
            } if model.partition_name(*of) == partition => {
                let from = invoked.get(operation).copied().unwrap_or(at);
                found = Some(Served { from, to: at, offset: offset.0 });
            }
            _ => {}
        }
    }
    found
}
