//! quorum-superset.
//!
//! What a leader of the current epoch waits for is never less than what the controller may elect
//! from: its maximal in-sync set contains the committed in-sync set, and while the leader's own
//! committed set has min.insync.replicas members also the eligible leader replicas (KIP-497's
//! argument; KIP-966). Hence an acks=all answer speaks for every member of the committed set.
//!
//! Compared when the leader's sets change, when the controller commits a state, and when a leader
//! answers acks=all with success: then every electable member's log must reach the batch's end.
//!
//! The boundary case: while a shrink is pending the larger set counts, while an expansion is
//! pending the larger set counts too, since the controller may have committed either without the
//! leader's knowledge.

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{AckMode, Event, Kind};
use crate::trace::{PartitionView, ReplicaView};
use crate::types::{BatchId, BrokerSet, ErrorCode, Offset, PartitionEpoch, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct QuorumSuperset;

const INFO: Info = Info {
    name: "quorum-superset",
    statement: "a leader waits for every replica that the controller may elect",
    source: "KIP-497, AsyncIsr; KIP-966",
    premise: "none",
    kinds: &["in-sync-changed", "role-taken", "partition-committed", "produce-answered"],
    is_liveness: false,
};

impl Property for QuorumSuperset {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        match &event.kind {
            Kind::InSyncChanged { partition, .. }
            | Kind::RoleTaken { partition, .. }
            | Kind::PartitionCommitted { partition, .. } => {
                if let Some(known) = view.model.partitions.get(partition) {
                    compare_sets(event, *partition, known, view, findings);
                }
            }
            Kind::ProduceAnswered {
                partition,
                batch,
                acks: AckMode::All,
                error: ErrorCode::None,
                base_offset: Some(base_offset),
            } => on_answered(event, (*partition, *batch), *base_offset, view, findings),
            _ => {}
        }
    }

    clone_box!();
}

fn compare_sets(
    event: &Event,
    partition: TopicPartition,
    known: &PartitionView,
    view: View<'_>,
    findings: &mut Findings,
) {
    let (Some(state), Some((leader, replica))) = (&known.state, known.acting_leader()) else {
        return;
    };
    let Some(role) = replica.role.as_ref().filter(|_| state.leader_epoch == known.leader_epoch)
    else {
        return;
    };
    if is_ahead(replica, state.partition_epoch) {
        return;
    }
    findings.exercised();
    let is_enough = role.in_sync.len() >= usize::try_from(role.min_in_sync).unwrap_or(usize::MAX);
    let electable: BrokerSet = match is_enough {
        true => state.in_sync.union(&state.eligible),
        false => state.in_sync.clone(),
    };
    if electable.is_subset(&role.maximal) {
        return;
    }
    let name = view.model.partition_name(partition);
    let sentence = format!(
        "broker {leader} leads {name} in epoch {} and waits for {} only, while the controller may \
         elect from {electable}",
        role.leader_epoch, role.maximal
    );
    let subject =
        Subject::InSync { partition, brokers: electable.without(&role.maximal).iter().collect() };
    findings.violated(subject, sentence, [role.event, state.event, event.index]);
}

fn on_answered(
    event: &Event,
    (partition, batch): (TopicPartition, BatchId),
    base_offset: Offset,
    view: View<'_>,
    findings: &mut Findings,
) {
    let node = event.host.and_then(|host| view.model.setup().node(host));
    let (Some(node), Some(known)) = (node, view.model.partitions.get(&partition)) else { return };
    let (Some(state), Some(leader)) = (&known.state, known.replicas.get(&node)) else { return };
    if !leader.leads(known.leader_epoch) || is_ahead(leader, state.partition_epoch) {
        return;
    }
    let entry = leader.log.entry_at(base_offset).filter(|entry| entry.batch == batch);
    let Some(entry) = entry else { return };
    findings.exercised();
    for member in state.in_sync.iter() {
        let replica = known.replicas.get(&member).filter(|replica| replica.is_loaded);
        let is_short = replica.is_some_and(|replica| replica.log.end() < entry.end());
        if is_short && view.model.is_electable(member) {
            let name = view.model.partition_name(partition);
            let sentence = format!(
                "broker {node} answered acks=all for offset {base_offset} of {name}, which \
                 broker {member}, in sync and electable, does not hold"
            );
            let subject = Subject::Records {
                partition,
                offset: entry.base,
                batch: Some(batch),
                lacking: Some(member),
            };
            findings.violated(subject, sentence, [entry.event, event.index]);
            return;
        }
    }
}

/// Whether a leader knows more than the active controller has seen committed: brokers may hear of a
/// commit first, when the controller's thread is late. It is compared as soon as that has seen it.
fn is_ahead(leader: &ReplicaView, committed: PartitionEpoch) -> bool {
    leader.role.as_ref().is_some_and(|role| role.partition_epoch > committed)
}

#[cfg(test)]
mod tests {
    use crate::check::script::{ORDERS, Script};
    use crate::event::{AckMode, Kind, ReplicaRole};
    use crate::types::{HostId, LeaderEpoch, PartitionEpoch};

    /// Broker 1 leads in epoch 0, with all in sync.
    fn led() -> Script {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        run
    }

    #[test]
    fn waiting_for_more_than_is_recorded_holds() {
        assert_eq!(Script::new().outcome("quorum-superset"), "not exercised");
        let mut run = led();
        run.in_sync(1, 0, &[1, 2, 3], &[1, 2, 3]);
        assert_eq!(run.outcome("quorum-superset"), "holds");
    }

    #[test]
    fn waiting_for_less_than_is_recorded_is_a_breach() {
        let mut run = led();
        run.in_sync(1, 0, &[1, 2, 3], &[1, 2]);
        assert_eq!(run.outcome("quorum-superset"), "violated");
    }

    /// Seed 338 of scenarios/sweep/five.toml: the controller's thread was 1.2 ms late.
    #[test]
    fn a_leader_may_hear_of_a_commit_before_the_controllers_thread_does() {
        let early = |run: &mut Script, maximal: [i32; 2]| {
            let kind = Kind::InSyncChanged {
                partition: ORDERS,
                leader_epoch: LeaderEpoch(0),
                partition_epoch: PartitionEpoch(2),
                committed: vec![1, 2].into(),
                maximal: maximal.to_vec().into(),
            };
            run.add(HostId(1), kind);
        };
        let mut run = led();
        early(&mut run, [1, 2]);
        run.commit(Some(1), 0, &[1, 2]);
        assert_eq!(run.outcome("quorum-superset"), "holds");
        let mut run = led();
        early(&mut run, [1, 2]);
        run.commit(Some(1), 0, &[1, 3]);
        assert_eq!(run.outcome("quorum-superset"), "violated");
    }

    #[test]
    fn an_answer_before_all_members_have_the_batch_is_a_breach() {
        let mut run = led();
        run.role(2, ReplicaRole::Follower, 1, 0, &[1, 2, 3]);
        run.append(1, 1, 2, 0, true).answer(1, 1, 0, AckMode::All);
        assert_eq!(run.outcome("quorum-superset"), "violated");
    }

    #[test]
    fn eligible_replicas_are_waited_for_while_enough_are_in_sync() {
        let mut run = Script::new();
        run.commit_eligible(Some(1), 0, &[1], &[2]).lead(1, 0, &[1]);
        assert_eq!(run.outcome("quorum-superset"), "holds");
        let mut run = Script::new();
        run.commit_eligible(Some(1), 0, &[1, 2], &[3]).lead(1, 0, &[1, 2]);
        assert_eq!(run.outcome("quorum-superset"), "violated");
    }
}
