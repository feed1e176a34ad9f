//! acked-replicated.
//!
//! A record that was acknowledged reaches every replica once the faults are over, not only those
//! that were in sync then (property L5).
//!
//! Compared when the audit begins: the log of every replica with that of the partition's leader, up
//! to the end that the leader's log had when the faults ended, as far as records of it were
//! acknowledged. What the leader itself lacks is acked-durability's business.
//!
//! The boundary case: what was acknowledged while the run settled may be on its way.

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, Phase};
use crate::trace::{PartitionView, ReplicaView};
use crate::types::{BrokerId, Offset};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct AckedReplicated {
    /// The events with which settling and the audit began.
    settling: Option<u64>,
    audit: Option<u64>,
}

const INFO: Info = Info {
    name: "acked-replicated",
    statement: "when all brokers run again every replica holds the acknowledged records that the \
                leader holds",
    source: "KIP-101, KIP-279; Kafka 4.1, ReplicaFetcherThread",
    premise: "no fault acts and the time to settle has passed; the partition has a leader",
    kinds: &["phase-began"],
    is_liveness: true,
};

impl Property for AckedReplicated {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, _: View<'_>, _: &mut Findings) {
        match &event.kind {
            Kind::PhaseBegan { phase: Phase::Settle } => self.settling = Some(event.index),
            Kind::PhaseBegan { phase: Phase::Audit } => self.audit = Some(event.index),
            _ => {}
        }
    }

    fn at_end(&mut self, view: View<'_>, findings: &mut Findings) {
        let (Some(settling), Some(audit)) = (self.settling, self.audit) else { return };
        for (partition, acked) in view.account.acknowledged() {
            let in_time = acked
                .iter()
                .filter(|acked| acked.batch().done().is_some_and(|done| done < settling));
            let Some(end) = in_time.map(|acked| acked.end()).max() else { continue };
            let Some(known) = view.model.partitions.get(&partition) else { continue };
            let Some((leader, acting)) = known.acting_leader() else { continue };
            let Some(state) = &known.state else { continue };
            let end = acting.log.end().min(end);
            for broker in state.replicas.iter().filter(|broker| **broker != leader) {
                findings.exercised();
                let Some((offset, evidence)) = missing(known, *broker, acting, end) else {
                    continue;
                };
                let name = view.model.partition_name(partition);
                let sentence = format!(
                    "all faults are over and broker {leader} leads {name}, but broker {broker} \
                     does not hold the acknowledged record at {offset}"
                );
                let subject =
                    Subject::Records { partition, offset, batch: None, lacking: Some(*broker) };
                findings.violated(subject, sentence, [evidence, audit]);
            }
        }
    }

    clone_box!();
}

/// The first record below `end` that `leader` holds and `broker` lacks, and the event that put it
/// into the leader's log.
fn missing(
    known: &PartitionView,
    broker: BrokerId,
    leader: &ReplicaView,
    end: Offset,
) -> Option<(Offset, u64)> {
    let first = || leader.log.entries().get(0).map(|entry| (entry.base, entry.event));
    let Some(replica) = known.replicas.get(&broker) else { return first() };
    if replica.log.holds(&leader.log, end) {
        return None;
    }
    replica.log.first_missing(&leader.log, end).map(|entry| (entry.base, entry.event))
}

#[cfg(test)]
mod tests {
    use crate::check::script::{Script, WRITER};
    use crate::event::{AckMode, Phase};

    /// Broker 1 leads, holds a batch that it acknowledged, and those in `copies` hold it, too.
    fn acked(copies: &[u16]) -> Script {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        write(&mut run, 1, 0, copies);
        run
    }

    fn write(run: &mut Script, batch: u64, base: i64, copies: &[u16]) {
        let operations = run.seal(WRITER, batch, 2, AckMode::All);
        run.append(1, batch, 2, 0, true);
        for broker in copies {
            run.append(*broker, batch, 2, 0, false);
        }
        run.done(WRITER, batch, &operations, base);
    }

    #[test]
    fn a_record_that_all_replicas_hold_is_well() {
        assert_eq!(Script::new().settle().outcome("acked-replicated"), "not exercised");
        assert_eq!(acked(&[2, 3]).settle().outcome("acked-replicated"), "holds");
    }

    #[test]
    fn a_replica_without_an_acknowledged_record_is_a_breach() {
        let mut run = acked(&[2]);
        assert_eq!(run.outcome("acked-replicated"), "not exercised");
        assert_eq!(run.settle().outcome("acked-replicated"), "violated");
    }

    #[test]
    fn what_comes_while_the_run_settles_may_be_on_its_way() {
        let mut run = acked(&[2, 3]);
        run.phase(Phase::Settle);
        write(&mut run, 2, 2, &[2]);
        run.phase(Phase::Audit);
        assert_eq!(run.outcome("acked-replicated"), "holds");
    }
}
