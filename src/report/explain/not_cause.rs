//! What one might suspect, and what speaks against it.

use std::collections::BTreeSet;

use crate::event::{AckMode, Event, Kind, Phase};
use crate::report::explain::focus::{Focus, Shape};
use crate::report::explain::note::Deed;
use crate::report::explain::shape::Remark;
use crate::report::explain::tape::Tape;
use crate::trace::Model;
use crate::types::{LeaderEpoch, TopicPartition};

/// How many remarks an explanation has at most.
const REMARKS_MAX: usize = 5;

/// What the run shows of the usual suspects.
#[derive(Default)]
pub(crate) struct Suspects {
    /// The last election: the event, the new leader, whether it was in the in-sync set.
    election: Option<(u64, String)>,
    unclean: BTreeSet<LeaderEpoch>,
    is_unclean: bool,
    clock: bool,
    disk: bool,
    deleted: bool,
    controllers: u32,
    acting: bool,
}

/// What is not the cause.
pub(crate) fn not_the_cause(
    tape: &Tape,
    focus: &Focus,
    suspects: Suspects,
    deeds: &[Deed],
) -> Vec<Remark> {
    let mut remarks: Vec<Remark> = Vec::new();
    let mut add = |text: String, event: Option<u64>| remarks.push(Remark { text, event });
    for defect in &tape.defects {
        if !deeds.iter().any(|deed| deed.defect == *defect) {
            let text = format!(
                "The bug {} is switched on, and decided nothing here before this happened.",
                defect.name()
            );
            add(text, None);
        }
    }
    if let Some((event, text)) = suspects.election.filter(|_| !suspects.is_unclean) {
        add(text, Some(event));
    }
    let batch = focus.batches.first().and_then(|batch| tape.sealed(*batch));
    if let Some(Kind::BatchSealed { acks: AckMode::All, .. }) = batch.map(|event| &event.kind)
        && focus.shape == Shape::Records
    {
        add("The producer asked for acks=all.".to_owned(), batch.map(|event| event.index));
    }
    if let Some(client) = batch.and_then(|event| tape.setup.client(event.host?))
        && focus.shape == Shape::Batches
    {
        match client.idempotent {
            true => add("The producer is idempotent.".to_owned(), None),
            false => add(
                "No broker is at fault: enable.idempotence is off, so none can know a batch again."
                    .to_owned(),
                None,
            ),
        }
    }
    let unbitten: Vec<_> = tape
        .faults(focus.decisive)
        .into_iter()
        .filter(|fault| fault.bit.is_none() && fault.ended.is_some())
        .collect();
    if let Some(fault) = unbitten.first() {
        let text = format!("Fault {} ({}) changed nothing.", fault.number, fault.text);
        add(text, Some(fault.began));
    }
    if !suspects.clock {
        add("No clock was off.".to_owned(), None);
    }
    if !suspects.disk {
        add("No disk lost or refused anything.".to_owned(), None);
    }
    if !suspects.deleted && focus.partition.is_some_and(|p| p != TopicPartition::CLUSTER_METADATA) {
        add("Nothing was deleted: no log start moved.".to_owned(), None);
    }
    if suspects.controllers == 0 {
        add("The controller did not change.".to_owned(), None);
    }
    remarks.truncate(REMARKS_MAX);
    remarks
}

impl Suspects {
    /// Looks at `event`, which `model` has folded in already.
    pub(crate) fn observe(&mut self, tape: &Tape, focus: &Focus, event: &Event, model: &Model) {
        let is_ours = event.host.is_none_or(|host| focus.hosts.contains(&host));
        match &event.kind {
            Kind::ClockSet { .. } if self.acting => self.clock = true,
            Kind::DiskReplaced {} | Kind::StorageFailed { .. } if is_ours => self.disk = true,
            Kind::DurableEnd { log_end_offset, durable_end, .. }
                if is_ours && durable_end < log_end_offset =>
            {
                self.disk = true;
            }
            Kind::LogStartMoved { .. } => self.deleted = true,
            Kind::ControllerActivated { .. } if self.acting => self.controllers += 1,
            Kind::PhaseBegan { phase: Phase::Act } => self.acting = true,
            Kind::PartitionDecided { partition, unclean: true, leader_epoch, .. }
                if Some(*partition) == focus.partition =>
            {
                self.unclean.insert(*leader_epoch);
            }
            Kind::PartitionCommitted { partition, .. } if Some(*partition) == focus.partition => {
                election(tape, event, *partition, model, self);
            }
            _ => {}
        }
    }
}

fn election(
    tape: &Tape,
    event: &Event,
    partition: TopicPartition,
    model: &Model,
    suspects: &mut Suspects,
) {
    let Some(known) = model.partition(partition) else { return };
    let (Some(now), Some(before)) = (&known.state, &known.state_before) else { return };
    let (Some(leader), true) = (now.leader, now.event == event.index) else { return };
    if before.leader == now.leader {
        return;
    }
    let is_unclean =
        suspects.unclean.contains(&now.leader_epoch) || (now.recovering && !before.recovering);
    suspects.is_unclean |= is_unclean;
    if is_unclean {
        return;
    }
    let place = if before.in_sync.contains(leader) {
        format!("in the in-sync set {}", before.in_sync)
    } else if before.eligible.contains(leader) {
        format!("an eligible leader replica {}", before.eligible)
    } else {
        return;
    };
    let text = format!(
        "The election of {} (epoch {}) was not unclean: it was {place}.",
        tape.node(leader),
        now.leader_epoch
    );
    suspects.election = Some((event.index, text));
}
