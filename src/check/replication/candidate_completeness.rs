//! candidate-completeness.
//!
//! Every replica that the controller may elect without losing data holds everything committed:
//! each electable member of the committed in-sync set and of the eligible leader replicas has a
//! log that reaches the true high watermark (StrongIsr; KIP-966).
//!
//! Compared when the true high watermark moves (ends only), and when a member's log is cut or
//! recovered, a set changes, or a registration does (contents too). A candidate is a broker that
//! runs and whose registration of this very start is committed and open.
//!
//! The boundary case: a broker that comes back with half its log is still in the in-sync set
//! until its new registration is committed. Between recovery and registration it is no candidate:
//! the controller removes an uncleanly stopped broker in the same batch (KAFKA-18635).

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::trace::PartitionView;
use crate::types::{BrokerId, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct CandidateCompleteness;

const INFO: Info = Info {
    name: "candidate-completeness",
    statement: "every electable member of the in-sync set and of the eligible leader replicas \
                holds every committed record",
    source: "KIP-497, KIP-966; kafka-specification, StrongIsr",
    premise: "as leader-completeness",
    kinds: &[
        "high-watermark-moved",
        "log-truncated",
        "log-recovered",
        "partition-committed",
        "registration-committed",
    ],
    is_liveness: false,
};

impl Property for CandidateCompleteness {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let model = view.model;
        match &event.kind {
            Kind::HighWatermarkMoved { partition, high_watermark, as_leader: true } => {
                let known = model.partitions.get(partition);
                let moved = known.filter(|known| known.true_high_watermark == *high_watermark);
                let Some(known) = moved else { return };
                findings.exercised();
                for broker in members(known) {
                    let replica = known.replicas.get(&broker);
                    if replica.is_none_or(|replica| replica.log.end() < *high_watermark) {
                        check(*partition, known, broker, event.index, view, findings);
                    }
                }
            }
            Kind::LogTruncated { partition, .. } | Kind::LogRecovered { partition, .. } => {
                let node = event.host.and_then(|host| model.setup().node(host));
                let (Some(node), Some(known)) = (node, model.partitions.get(partition)) else {
                    return;
                };
                if members(known).any(|member| member == node) {
                    check(*partition, known, node, event.index, view, findings);
                }
            }
            Kind::PartitionCommitted { partition, .. } => {
                let Some(known) = model.partitions.get(partition) else { return };
                for broker in members(known) {
                    check(*partition, known, broker, event.index, view, findings);
                }
            }
            Kind::RegistrationCommitted { broker, .. } => {
                for (partition, known) in &model.partitions {
                    if members(known).any(|member| member == *broker) {
                        check(*partition, known, *broker, event.index, view, findings);
                    }
                }
            }
            _ => {}
        }
    }

    clone_box!();
}

fn members(known: &PartitionView) -> impl Iterator<Item = BrokerId> + '_ {
    let state = known.state.iter();
    state.flat_map(|state| state.in_sync.iter().chain(state.eligible.iter()))
}

fn check(
    partition: TopicPartition,
    known: &PartitionView,
    broker: BrokerId,
    event: u64,
    view: View<'_>,
    findings: &mut Findings,
) {
    if !view.model.is_electable(broker) {
        return;
    }
    let Some(replica) = known.replicas.get(&broker).filter(|replica| replica.is_loaded) else {
        return;
    };
    findings.exercised();
    let high_watermark = known.true_high_watermark;
    // A log that reaches the committed end is compared by hash; one that does not is short.
    let is_short = replica.log.end() < high_watermark;
    if !is_short && replica.log.holds(&known.committed, high_watermark) {
        return;
    }
    let name = view.model.partition_name(partition);
    let missing = replica.log.first_missing(&known.committed, high_watermark);
    let sentence = format!(
        "broker {broker} may be elected leader of {name}, but its log ends at {} and lacks the \
         batch at offset {}; everything below {high_watermark} was committed",
        replica.log.end(),
        missing.map_or(high_watermark, |entry| entry.base)
    );
    let evidence = missing.map(|entry| entry.event).into_iter().chain(replica.cut).chain([event]);
    let subject = Subject::Records {
        partition,
        offset: missing.map_or(high_watermark, |entry| entry.base),
        batch: missing.map(|entry| entry.batch),
        lacking: Some(broker),
    };
    findings.violated_unless(subject, view.premises.left(partition), sentence, evidence);
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;
    use crate::event::ReplicaRole;

    /// Broker 1 leads in epoch 0, with all in sync.
    fn led() -> Script {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        run
    }

    #[test]
    fn members_with_all_that_was_committed_hold() {
        let mut run = led();
        run.replicate(1, 2, 0).high_watermark(1, 2, true);
        assert_eq!(run.outcome("candidate-completeness"), "holds");
        assert_eq!(Script::new().outcome("candidate-completeness"), "not exercised");
    }

    #[test]
    fn a_member_that_lacks_a_committed_batch_is_a_breach() {
        let mut run = led();
        run.role(2, ReplicaRole::Follower, 1, 0, &[1, 2, 3]);
        run.append(1, 1, 2, 0, true).high_watermark(1, 2, true);
        assert_eq!(run.outcome("candidate-completeness"), "violated");
    }

    #[test]
    fn a_member_that_may_not_be_elected_is_no_candidate() {
        let mut run = led();
        run.role(2, ReplicaRole::Follower, 1, 0, &[1, 2, 3]).register(2, 9, true, false);
        run.append(1, 1, 2, 0, true).high_watermark(1, 2, true);
        assert_eq!(run.outcome("candidate-completeness"), "holds");
    }

    #[test]
    fn after_an_unclean_election_nothing_is_promised() {
        let mut run = Script::with_unclean_elections();
        run.elect_uncleanly(1, 1).lead(1, 1, &[1]).commit(Some(1), 1, &[1, 2]);
        run.role(2, ReplicaRole::Follower, 1, 1, &[1, 2]);
        run.append(1, 1, 2, 1, true).high_watermark(1, 2, true);
        assert_eq!(run.outcome("candidate-completeness"), "outside its premise");
    }
}
