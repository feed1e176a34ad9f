//! What one might suspect, and what speaks against it.

use std::collections::BTreeSet;

use crate::event::{AckMode, Event, Kind, Phase, QuorumRole};
use crate::report::explain::focus::{Focus, Shape};
use crate::report::explain::shape::Remark;
use crate::report::explain::tape::{FaultRecord, Tape};
use crate::trace::Model;
use crate::types::{LeaderEpoch, TopicPartition};

/// How many remarks an explanation has at most.
const REMARKS_MAX: usize = 5;

/// That disks are not to blame.
pub(crate) const NO_DISK: &str = "No disk lost or refused anything.";

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
pub(crate) fn not_the_cause(tape: &Tape, focus: &Focus, suspects: Suspects) -> Vec<Remark> {
    let mut remarks: Vec<Remark> = Vec::new();
    let mut add = |text: String, event: Option<u64>| remarks.push(Remark { text, event });
    if let Some((event, text)) = suspects.election.filter(|_| !suspects.is_unclean) {
        add(text, Some(event));
    }
    let batch = focus.batches.first().and_then(|batch| tape.sealed(*batch));
    if let Some(Kind::BatchSealed { acks: AckMode::All, .. }) = batch.map(|event| &event.kind)
        && focus.shape == Shape::Records
    {
        let producer = tape.host(batch.and_then(|event| event.host));
        add(format!("{producer} asked for acks=all."), batch.map(|event| event.index));
    }
    if let Some((sealed, Kind::BatchSealed { producer, base_sequence, .. })) =
        batch.map(|event| (event, &event.kind))
        && focus.shape == Shape::Batches
    {
        let who = tape.host(sealed.host);
        let text = match (producer, base_sequence) {
            (Some(_), Some(_)) => {
                format!("{who} is idempotent: the batch carries a sequence number.")
            }
            _ => format!(
                "No broker is at fault: the batches of {who} carry no sequence number, so none \
                 can know one again."
            ),
        };
        add(text, Some(sealed.index));
    }
    if let Some(fault) = focus.unbitten.first() {
        let text = format!("Fault {} ({}) changed nothing.", fault.number, fault.text);
        add(text, Some(fault.began));
    }
    if !suspects.clock && tape.setup.clocks.is_empty() {
        add("No clock was off.".to_owned(), None);
    }
    if !suspects.disk {
        add(NO_DISK.to_owned(), None);
    }
    if !suspects.deleted && focus.partition.is_some_and(|p| p != TopicPartition::CLUSTER_METADATA) {
        add("Nothing was deleted: no log start moved.".to_owned(), None);
    }
    let is_of_quorum =
        focus.shape == Shape::Leaders || focus.partition == Some(TopicPartition::CLUSTER_METADATA);
    if suspects.controllers == 0 && !is_of_quorum {
        add("The controller did not change.".to_owned(), None);
    }
    remarks.truncate(REMARKS_MAX);
    remarks
}

impl Suspects {
    /// Looks at `event`, which `model` has folded in already.
    pub(crate) fn observe(&mut self, tape: &Tape, focus: &Focus, event: &Event, model: &Model) {
        match &event.kind {
            Kind::ClockSet { .. } if self.acting => self.clock = true,
            Kind::DiskReplaced {} | Kind::StorageFailed { .. } => self.disk = true,
            Kind::DurableEnd { log_end_offset, durable_end, .. }
                if durable_end < log_end_offset =>
            {
                self.disk = true;
            }
            Kind::LogStartMoved { .. } => self.deleted = true,
            Kind::ControllerActivated { .. }
            | Kind::ControllerRetired { .. }
            | Kind::QuorumRoleTaken { role: QuorumRole::Leader, .. }
                if self.acting =>
            {
                self.controllers += 1;
            }
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

/// Whether another fault was in force while `fault` was, and acted on one of its hosts.
/// The faults that were over by event `end` and had changed nothing.
pub(crate) fn unbitten(tape: &Tape, end: u64) -> Vec<FaultRecord> {
    let faults = tape.faults(end);
    let is_idle = |fault: &&FaultRecord| {
        // Where two faults hold up a message, only the first is known to.
        fault.bit.is_none() && fault.ended.is_some() && !is_beside_another(fault, &faults)
    };
    faults.iter().filter(is_idle).cloned().collect()
}

fn is_beside_another(fault: &FaultRecord, faults: &[FaultRecord]) -> bool {
    faults.iter().any(|other| {
        other.began != fault.began
            && other.bit.is_some()
            && fault.ended.is_none_or(|ended| other.began < ended)
            && other.ended.is_none_or(|ended| fault.began < ended)
            && other.hosts.iter().any(|host| fault.hosts.contains(host))
    })
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
