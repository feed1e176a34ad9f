//! quorum-stable.
//!
//! A leader of the metadata quorum that a majority follows is not deposed (KIP-996); one that
//! nobody can reach gives up (KAFKA-15489); and once all has settled exactly one node leads and the
//! others follow it (KIP-595).
//!
//! Compared: when a leader meets a higher epoch, how many voters had followed it for at least
//! controller.quorum.fetch.timeout.ms and were pulled away by that epoch rather than by their own
//! timeout. With the leader they must not make a majority. A follower that stayed one for that
//! long has heard from its leader, or it would have stood for election itself.
//!
//! Compared too: how long a leader goes on after another voter was elected in a later epoch. It
//! counts from the moment when it last went on after standing still (paused, or in front of a disk
//! that hangs), and may be twice controller.quorum.fetch.timeout.ms: no majority has fetched from
//! it since before that election, and after one and a half times it must have resigned.
//!
//! The boundary case: the voter that comes back reaches the followers before the leader. When the
//! leader falls they have already left, so they are counted by how they left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, Phase, QuorumRole};
use crate::types::{BrokerId, Lane, LeaderEpoch, Moment, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct QuorumStable {
    voters: BTreeMap<BrokerId, Voter>,
    /// The last epoch that had a leader, since when, and the event.
    led: Option<(LeaderEpoch, Moment, u64)>,
    /// When a voter went on after it had stood still.
    resumed: BTreeMap<BrokerId, Moment>,
    /// Voters that stand still in front of a disk that hangs: their one thread waits for it.
    stalled: BTreeSet<BrokerId>,
    is_judged: bool,
}

#[derive(Clone, Copy, Debug)]
struct Voter {
    event: u64,
    since: Moment,
    role: QuorumRole,
    leader_epoch: LeaderEpoch,
    /// Having followed for long, it was pulled out of this epoch by that one.
    pulled: Option<(LeaderEpoch, LeaderEpoch)>,
}

const INFO: Info = Info {
    name: "quorum-stable",
    statement: "a quorum leader that a majority follows is not deposed, one that nobody reaches \
                gives up, and in the end one node leads and all others follow it",
    source: "KIP-996, KIP-595; KAFKA-15489",
    premise: "at the end: no fault acts and the time to settle has passed",
    kinds: &[
        "quorum-role-taken",
        "host-stopped",
        "host-resumed",
        "disk-stalled",
        "disk-completed",
        "phase-began",
    ],
    is_liveness: true,
};

impl Property for QuorumStable {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let node = event.host.and_then(|host| view.model.setup().node(host));
        match (&event.kind, node) {
            (Kind::PhaseBegan { phase: Phase::Audit }, _) => self.judge(view, findings),
            (Kind::HostStopped { .. }, Some(node)) => {
                self.voters.remove(&node);
                self.resumed.remove(&node);
                self.stalled.remove(&node);
            }
            (Kind::DiskStalled { lane: Lane::Raft, blocking: true }, Some(node)) => {
                self.stalled.insert(node);
            }
            (Kind::DiskCompleted { .. }, Some(node)) => {
                if self.stalled.remove(&node) {
                    self.resumed.insert(node, event.at);
                }
            }
            (Kind::HostResumed {}, Some(node)) => {
                self.resumed.insert(node, event.at);
            }
            (Kind::QuorumRoleTaken { role, leader_epoch, .. }, Some(node)) => {
                self.on_role(event, node, (*role, *leader_epoch), view, findings);
            }
            _ => {}
        }
    }

    clone_box!();
}

fn is_steady(voter: &Voter, now: Moment, timeout: Duration) -> bool {
    voter.role == QuorumRole::Follower && now.since(voter.since) >= timeout
}

impl QuorumStable {
    fn on_role(
        &mut self,
        event: &Event,
        node: BrokerId,
        (role, leader_epoch): (QuorumRole, LeaderEpoch),
        view: View<'_>,
        findings: &mut Findings,
    ) {
        if !view.model.setup().voters().any(|voter| voter == node) {
            return;
        }
        let timeout = view.model.setup().quorum_fetch_timeout;
        let before = self.voters.get(&node).copied();
        if let Some(before) = before.filter(|before| before.role == QuorumRole::Leader) {
            self.on_given_up(event, (node, before), view, findings);
        }
        if role == QuorumRole::Leader && self.led.is_none_or(|(epoch, ..)| epoch < leader_epoch) {
            self.led = Some((leader_epoch, event.at, event.index));
        }
        let pulled = before.and_then(|before| {
            let is_pulled =
                before.leader_epoch < leader_epoch && is_steady(&before, event.at, timeout);
            if is_pulled { Some((before.leader_epoch, leader_epoch)) } else { before.pulled }
        });
        let voter = Voter { event: event.index, since: event.at, role, leader_epoch, pulled };
        self.voters.insert(node, voter);
        let is_deposed = |before: &Voter| {
            before.role == QuorumRole::Leader && before.leader_epoch < leader_epoch
        };
        if let Some(before) = before.filter(is_deposed) {
            self.on_deposed(event, (node, before), leader_epoch, view, findings);
        }
    }

    /// A leader leads no longer: was another elected long ago?
    fn on_given_up(
        &self,
        event: &Event,
        (node, before): (BrokerId, Voter),
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let timeout = view.model.setup().quorum_fetch_timeout;
        let later = self.led.filter(|(epoch, ..)| *epoch > before.leader_epoch);
        let Some((epoch, elected, election)) = later else { return };
        let since = self.resumed.get(&node).map_or(elected, |resumed| elected.max(*resumed));
        findings.exercised();
        if event.at.since(since) > timeout * 2 {
            let sentence = format!(
                "{} went on leading the metadata quorum in epoch {} for {} ms after another was \
                 elected in epoch {epoch}",
                view.model.setup().node_name(node),
                before.leader_epoch,
                event.at.since(since).as_millis()
            );
            let subject = Subject::Leaders {
                partition: TopicPartition::CLUSTER_METADATA,
                epoch: before.leader_epoch,
                brokers: vec![node],
            };
            findings.violated(subject, sentence, [before.event, election, event.index]);
        }
    }

    fn on_deposed(
        &mut self,
        event: &Event,
        (node, before): (BrokerId, Voter),
        leader_epoch: LeaderEpoch,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let timeout = view.model.setup().quorum_fetch_timeout;
        let is_awake = |node: BrokerId| {
            let host = view.model.host_of(node).and_then(|host| view.model.host(host));
            host.is_some_and(|host| host.is_running && !host.is_paused)
        };
        let follows = |voter: &Voter| {
            let stays =
                voter.leader_epoch == before.leader_epoch && is_steady(voter, event.at, timeout);
            let was_pulled = voter
                .pulled
                .is_some_and(|(from, to)| from == before.leader_epoch && to <= leader_epoch);
            stays || was_pulled
        };
        let others = self.voters.iter().filter(|(id, _)| **id != node && is_awake(**id));
        let followers = others.filter(|(_, voter)| follows(voter)).count();
        let voters = view.model.setup().voters().count();
        findings.exercised();
        if (followers + 1) * 2 > voters {
            let sentence = format!(
                "{}, which led the metadata quorum in epoch {} and was followed by {followers} of \
                 the {} other voters, was deposed by epoch {leader_epoch}",
                view.model.setup().node_name(node),
                before.leader_epoch,
                voters - 1
            );
            let subject = Subject::Leaders {
                partition: TopicPartition::CLUSTER_METADATA,
                epoch: before.leader_epoch,
                brokers: vec![node],
            };
            findings.violated(subject, sentence, [before.event, event.index]);
        }
    }

    fn judge(&mut self, view: View<'_>, findings: &mut Findings) {
        if std::mem::replace(&mut self.is_judged, true) || self.voters.is_empty() {
            return;
        }
        findings.exercised();
        let epoch = self.voters.values().map(|voter| voter.leader_epoch).max();
        let leaders = self.voters.values().filter(|voter| voter.role == QuorumRole::Leader).count();
        let is_calm = self.voters.values().all(|voter| {
            Some(voter.leader_epoch) == epoch
                && matches!(voter.role, QuorumRole::Leader | QuorumRole::Follower)
        });
        if leaders == 1 && is_calm {
            return;
        }
        let parts: Vec<String> = self
            .voters
            .iter()
            .map(|(node, voter)| {
                let name = view.model.setup().node_name(*node);
                format!("{name} is {} in epoch {}", voter.role, voter.leader_epoch)
            })
            .collect();
        let sentence = format!(
            "after settling the metadata quorum has {leaders} leaders: {}",
            parts.join(", ")
        );
        let subject = Subject::Quorum { nodes: self.voters.keys().copied().collect() };
        findings.violated(subject, sentence, self.voters.values().map(|voter| voter.event));
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;
    use crate::event::{Kind, QuorumRole};
    use crate::types::{HostId, Lane, Ticket};

    fn followed() -> Script {
        let mut run = Script::new();
        run.quorum(1, QuorumRole::Leader, 1);
        run.quorum(2, QuorumRole::Follower, 1).quorum(3, QuorumRole::Follower, 1);
        run
    }

    #[test]
    fn a_calm_quorum_holds() {
        assert_eq!(Script::new().settle().outcome("quorum-stable"), "not exercised");
        assert_eq!(followed().settle().outcome("quorum-stable"), "holds");
    }

    #[test]
    fn a_leader_that_was_followed_and_is_deposed_is_a_breach() {
        let mut run = followed();
        run.wait(3).quorum(1, QuorumRole::Unattached, 2);
        assert_eq!(run.outcome("quorum-stable"), "violated");
    }

    #[test]
    fn a_leader_that_nobody_followed_may_be_deposed() {
        let mut run = followed();
        run.quorum(2, QuorumRole::Candidate, 2).quorum(3, QuorumRole::Candidate, 2);
        run.wait(3).quorum(1, QuorumRole::Unattached, 2);
        assert_eq!(run.outcome("quorum-stable"), "holds");
    }

    #[test]
    fn a_leader_that_nobody_reaches_gives_up() {
        let mut run = followed();
        run.wait(3).quorum(2, QuorumRole::Candidate, 2).quorum(2, QuorumRole::Leader, 2);
        let mut early = run.clone();
        early.wait(1).quorum(1, QuorumRole::Resigned, 1);
        assert_eq!(early.outcome("quorum-stable"), "holds");
        let mut hung = run.clone();
        run.wait(5).quorum(1, QuorumRole::Resigned, 1);
        assert_eq!(run.outcome("quorum-stable"), "violated");
        let stalled = Kind::DiskStalled { lane: Lane::Raft, blocking: true };
        hung.add(HostId(4), stalled).wait(5);
        hung.add(HostId(4), Kind::DiskCompleted { ticket: Ticket(1), ok: true });
        hung.wait(1).quorum(1, QuorumRole::Resigned, 1);
        assert_eq!(hung.outcome("quorum-stable"), "holds");
    }

    #[test]
    fn elections_that_go_on_after_settling_are_a_breach() {
        let mut run = followed();
        run.quorum(3, QuorumRole::Candidate, 2);
        let mut early = run.clone();
        assert_eq!(run.settle().outcome("quorum-stable"), "violated");
        early.phase(crate::event::Phase::Settle);
        assert_eq!(early.outcome("quorum-stable"), "not exercised");
    }
}
