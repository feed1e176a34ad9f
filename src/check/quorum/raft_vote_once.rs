//! raft-vote-once.
//!
//! A voter gives its vote to at most one candidate in an epoch, over all its lives (Raft, section
//! 5.2: votedFor is on stable storage; KIP-595).
//!
//! Compared: granted votes by voter and epoch. Pre-votes bind nobody (KIP-996) and are left out; a
//! candidate's vote for itself counts.
//!
//! The boundary case: a vote that is asked for twice, because the answer was lost, is granted
//! twice to the same candidate. That is one vote.

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::types::{BrokerId, HostId, LeaderEpoch};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct RaftVoteOnce {
    votes: BTreeMap<(HostId, LeaderEpoch), (BrokerId, u64)>,
}

const INFO: Info = Info {
    name: "raft-vote-once",
    statement: "a voter votes for one candidate in an epoch, also after a restart",
    source: "Raft, section 5.2; KIP-595",
    premise: "none",
    kinds: &["vote-granted"],
    is_liveness: false,
};

impl Property for RaftVoteOnce {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let Kind::VoteGranted { candidate, leader_epoch, pre_vote: false } = &event.kind else {
            return;
        };
        let Some(host) = event.host else { return };
        findings.exercised();
        let vote = (*candidate, event.index);
        let known = *self.votes.entry((host, *leader_epoch)).or_insert(vote);
        if known.0 != *candidate {
            let setup = view.model.setup();
            let sentence = format!(
                "{} voted for both {} and {} in epoch {leader_epoch}",
                setup.host_name(Some(host)),
                setup.node_name(known.0),
                setup.node_name(*candidate)
            );
            let subject = Subject::Vote {
                voter: view.model.setup().node(host).unwrap_or(BrokerId(-1)),
                epoch: *leader_epoch,
                candidates: vec![known.0, *candidate],
            };
            findings.violated(subject, sentence, [known.1, event.index]);
        }
    }

    clone_box!();
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;
    use crate::event::Kind;
    use crate::types::{BrokerId, HostId, LeaderEpoch};

    fn vote(run: &mut Script, candidate: i32, epoch: i32, pre_vote: bool) {
        let (candidate, leader_epoch) = (BrokerId(candidate), LeaderEpoch(epoch));
        run.add(HostId(4), Kind::VoteGranted { candidate, leader_epoch, pre_vote });
    }

    #[test]
    fn a_vote_an_epoch_holds_and_may_be_repeated() {
        let mut run = Script::new();
        vote(&mut run, 3002, 1, true);
        assert_eq!(run.outcome("raft-vote-once"), "not exercised");
        vote(&mut run, 3003, 1, false);
        vote(&mut run, 3003, 1, false);
        vote(&mut run, 3002, 2, false);
        assert_eq!(run.outcome("raft-vote-once"), "holds");
    }

    #[test]
    fn two_candidates_in_one_epoch_are_a_breach() {
        let mut run = Script::new();
        vote(&mut run, 3002, 1, false);
        vote(&mut run, 3003, 1, false);
        assert_eq!(run.outcome("raft-vote-once"), "violated");
    }
}
