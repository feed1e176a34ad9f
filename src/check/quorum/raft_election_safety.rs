//! raft-election-safety.
//!
//! At most one node leads the metadata quorum in an epoch (Raft's Election Safety; KIP-595), and
//! a leader that stopped does not lead its epoch again (KAFKA-10527).
//!
//! Compared: every node that takes the leader's part, and every leader that another node believes
//! in, by epoch.
//!
//! The boundary case: a leader that restarts in its own epoch. It is the same node, so a count of
//! leaders by epoch sees nothing; but its log may have lost what it had already shown.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, QuorumRole};
use crate::types::{BrokerId, LeaderEpoch, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct RaftElectionSafety {
    /// By epoch: the leader that was told of first.
    leaders: BTreeMap<LeaderEpoch, (BrokerId, u64)>,
    /// By epoch: the process that led.
    processes: BTreeMap<LeaderEpoch, (BrokerId, u32, u64)>,
}

const INFO: Info = Info {
    name: "raft-election-safety",
    statement: "an epoch of the metadata quorum has at most one leader, in one life of its process",
    source: "Raft, section 5.2; KIP-595; KAFKA-10527",
    premise: "none",
    kinds: &["quorum-role-taken"],
    is_liveness: false,
};

impl Property for RaftElectionSafety {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let Kind::QuorumRoleTaken { role, leader_epoch, leader } = &event.kind else { return };
        let Some(host) = event.host else { return };
        let Some(node) = view.model.setup().node(host) else { return };
        let leader = if *role == QuorumRole::Leader { Some(node) } else { *leader };
        if let Some(leader) = leader {
            findings.exercised();
            let known = *self.leaders.entry(*leader_epoch).or_insert((leader, event.index));
            if known.0 != leader {
                let setup = view.model.setup();
                let sentence = format!(
                    "{} and {} both lead the metadata quorum in epoch {leader_epoch}",
                    setup.node_name(known.0),
                    setup.node_name(leader)
                );
                let subject = Subject::Leaders {
                    partition: TopicPartition::CLUSTER_METADATA,
                    epoch: *leader_epoch,
                    brokers: vec![known.0, leader],
                };
                findings.violated(subject, sentence, [known.1, event.index]);
            }
        }
        if *role == QuorumRole::Leader {
            let incarnation = view.model.host(host).map_or(0, |host| host.incarnation);
            let process = (node, incarnation, event.index);
            let known = *self.processes.entry(*leader_epoch).or_insert(process);
            if known.0 == node && known.1 != incarnation {
                let sentence = format!(
                    "{} restarted and went on to lead the metadata quorum in epoch {leader_epoch}",
                    view.model.setup().node_name(node)
                );
                let subject = Subject::Leaders {
                    partition: TopicPartition::CLUSTER_METADATA,
                    epoch: *leader_epoch,
                    brokers: vec![node],
                };
                findings.violated(subject, sentence, [known.2, event.index]);
            }
        }
    }

    clone_box!();
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;
    use crate::event::Kind;
    use crate::event::{CrashKeep, QuorumRole, StartedAs};
    use crate::types::HostId;

    #[test]
    fn a_leader_an_epoch_holds() {
        assert_eq!(Script::new().outcome("raft-election-safety"), "not exercised");
        let mut run = Script::new();
        run.quorum(1, QuorumRole::Leader, 1).quorum(2, QuorumRole::Leader, 2);
        assert_eq!(run.outcome("raft-election-safety"), "holds");
    }

    #[test]
    fn two_leaders_of_one_epoch_are_a_breach() {
        let mut run = Script::new();
        run.quorum(1, QuorumRole::Leader, 1).quorum(2, QuorumRole::Leader, 1);
        assert_eq!(run.outcome("raft-election-safety"), "violated");
    }

    #[test]
    fn a_leader_that_goes_on_after_a_restart_is_a_breach() {
        let mut run = Script::new();
        run.quorum(1, QuorumRole::Leader, 1);
        let host = HostId(4);
        run.add(host, Kind::HostStopped { keep: CrashKeep::Synced, halted: None, in_order: false });
        run.add(host, Kind::HostStarted { incarnation: 1, after: StartedAs::AfterPowerLoss });
        run.quorum(1, QuorumRole::Leader, 1);
        assert_eq!(run.outcome("raft-election-safety"), "violated");
    }
}
