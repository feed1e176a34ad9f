//! raft-committed-prefix.
//!
//! What was committed stays: every leader of the quorum begins with all of it (Leader
//! Completeness), no node's high watermark covers anything else (State Machine Safety), and no
//! node's high watermark goes back while it runs (Raft, section 5.4; KIP-595).
//!
//! Compared: a new leader's log with what was committed before; each node's log below its new high
//! watermark with the committed log.
//!
//! The boundary case: the node that moves the high watermark furthest defines what is committed,
//! so its own log must be compared at the old high watermark, not at the new one. And a leader
//! that learns of its election when a later one already leads, and commits: it need not have what
//! was committed in later epochs than its own.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, QuorumRole};
use crate::types::{BrokerId, LeaderEpoch, Offset, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct RaftCommittedPrefix {
    compared: Offset,
    /// By node: the high watermark of its running process.
    high_watermarks: BTreeMap<BrokerId, (Offset, u64)>,
    /// By leader epoch: up to where its leader committed.
    committed: BTreeMap<LeaderEpoch, Offset>,
}

const INFO: Info = Info {
    name: "raft-committed-prefix",
    statement: "every leader of the metadata quorum holds, and every node shows, what was \
                committed",
    source: "Raft, section 5.4; KIP-595; KAFKA-10533, KAFKA-12619",
    premise: "none: voters flush what they vouch for, and disks are not exchanged",
    kinds: &["high-watermark-moved", "quorum-role-taken", "host-started"],
    is_liveness: false,
};

impl Property for RaftCommittedPrefix {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let node = event.host.and_then(|host| view.model.setup().node(host));
        let Some(node) = node else { return };
        let name = view.model.setup().host_name(event.host);
        match &event.kind {
            Kind::HostStarted { .. } => {
                self.high_watermarks.remove(&node);
            }
            Kind::QuorumRoleTaken { role: QuorumRole::Leader, leader_epoch, .. } => {
                let what = format!("{name} leads the metadata quorum in epoch {leader_epoch}");
                let before = self.committed.range(..=*leader_epoch).map(|(_, until)| *until);
                let until = before.max().unwrap_or_default();
                compare(event, (node, until), &what, view, findings);
            }
            Kind::HighWatermarkMoved {
                partition: TopicPartition::CLUSTER_METADATA,
                high_watermark,
                as_leader,
            } => {
                let moved = (*high_watermark, event.index);
                let before = self.high_watermarks.insert(node, moved);
                if let Some((before, last)) = before.filter(|known| known.0 > *high_watermark) {
                    let sentence = format!(
                        "{name}'s high watermark of the metadata log went back from {before} \
                         to {high_watermark}"
                    );
                    let subject = Subject::Replica {
                        partition: TopicPartition::CLUSTER_METADATA,
                        replica: node,
                        offset: Some(*high_watermark),
                    };
                    findings.violated(subject, sentence, [last, event.index]);
                }
                let role = view.model.quorum.members.get(&node).and_then(|member| member.role);
                if let Some(role) = role.filter(|_| *as_leader) {
                    self.committed.insert(role.leader_epoch, *high_watermark);
                }
                let committed = view.model.metadata.true_high_watermark;
                let until = match *as_leader && *high_watermark == committed {
                    true => std::mem::replace(&mut self.compared, committed),
                    false => (*high_watermark).min(self.compared),
                };
                let what = format!("{name} takes offset {high_watermark} for committed");
                compare(event, (node, until), &what, view, findings);
            }
            _ => {}
        }
    }

    clone_box!();
}

fn compare(
    event: &Event,
    (node, until): (BrokerId, Offset),
    what: &str,
    view: View<'_>,
    findings: &mut Findings,
) {
    let metadata = &view.model.metadata;
    let Some(replica) = metadata.replicas.get(&node) else { return };
    findings.exercised();
    if replica.log.holds(&metadata.committed, until) {
        return;
    }
    let missing = replica.log.first_missing(&metadata.committed, until);
    let offset = missing.map_or(until, |entry| entry.base);
    let sentence = format!(
        "{what}, but its log, which ends at {}, lacks the batch that was committed at offset \
         {offset}",
        replica.log.end()
    );
    let subject = Subject::Records {
        partition: TopicPartition::CLUSTER_METADATA,
        offset,
        batch: missing.map(|entry| entry.batch),
        lacking: Some(node),
    };
    findings.violated(subject, sentence, missing.map(|m| m.event).into_iter().chain([event.index]));
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;
    use crate::event::QuorumRole;

    #[test]
    fn a_leader_with_all_that_was_committed_holds() {
        assert_eq!(Script::new().outcome("raft-committed-prefix"), "not exercised");
        let mut run = Script::new();
        run.quorum(1, QuorumRole::Leader, 1);
        run.append_metadata(1, 1, 2, 1, true).append_metadata(2, 1, 2, 1, false);
        run.metadata_high_watermark(1, 2, true).quorum(2, QuorumRole::Leader, 2);
        assert_eq!(run.outcome("raft-committed-prefix"), "holds");
    }

    #[test]
    fn a_leader_that_was_passed_over_need_not_have_what_came_later() {
        let mut run = Script::new();
        run.append_metadata(2, 9, 2, 2, true);
        run.quorum(1, QuorumRole::Leader, 3).append_metadata(1, 1, 2, 3, true);
        run.metadata_high_watermark(1, 2, true);
        let mut late = run.clone();
        late.quorum(2, QuorumRole::Leader, 2);
        assert_eq!(late.outcome("raft-committed-prefix"), "holds");
        run.quorum(2, QuorumRole::Leader, 4);
        assert_eq!(run.outcome("raft-committed-prefix"), "violated");
    }

    #[test]
    fn a_leader_without_it_is_a_breach() {
        let mut run = Script::new();
        run.quorum(1, QuorumRole::Leader, 1);
        run.append_metadata(1, 1, 2, 1, true).append_metadata(2, 9, 2, 1, false);
        run.metadata_high_watermark(1, 2, true).quorum(2, QuorumRole::Leader, 2);
        assert_eq!(run.outcome("raft-committed-prefix"), "violated");
    }

    #[test]
    fn a_high_watermark_that_goes_back_is_a_breach() {
        let mut run = Script::new();
        run.append_metadata(1, 1, 1, 1, true).append_metadata(1, 2, 1, 1, true);
        run.metadata_high_watermark(1, 2, true).metadata_high_watermark(1, 1, true);
        assert_eq!(run.outcome("raft-committed-prefix"), "violated");
    }
}
