//! What an event says, in words: the metadata quorum and its controllers.

use crate::event::{Event, Kind, QuorumRole};
use crate::report::explain::focus::Shape;
use crate::report::explain::note::Tag;
use crate::report::explain::tell::Teller;
use crate::trace::Model;
use crate::types::{LeaderEpoch, TopicPartition};

/// What is told only where a bug shows in it.
const OF_NO_BREACH: i32 = -70;

impl Teller<'_> {
    /// A vote of the same node in a later epoch than it now goes by: it has forgotten that.
    fn voted_beyond(&self, event: &Event, epoch: LeaderEpoch) -> Option<(LeaderEpoch, u64)> {
        let vote = self.tape.last_before(event, |it| {
            it.host == event.host && matches!(it.kind, Kind::VoteGranted { pre_vote: false, .. })
        })?;
        let Kind::VoteGranted { leader_epoch, .. } = &vote.kind else { return None };
        (*leader_epoch > epoch).then_some((*leader_epoch, vote.index))
    }

    pub(crate) fn observe_quorum(&mut self, event: &Event, model: &Model) {
        let who = self.who(event);
        let is_voter = self
            .node_of(event)
            .is_some_and(|node| self.tape.setup.voters().any(|voter| voter == node));
        let is_quorum = self.focus.partition == Some(TopicPartition::CLUSTER_METADATA);
        match &event.kind {
            Kind::QuorumRoleTaken { role, leader_epoch, .. } if is_voter => {
                if !is_quorum && !self.is_evidence(event) {
                    return;
                }
                let (text, extra) = match role {
                    QuorumRole::Leader => {
                        let node = self.node_of(event);
                        let lacks = node.and_then(|node| self.lacks(model, node));
                        let lacks = lacks.map(|lacks| format!(", although {lacks}"));
                        let lacks = lacks.unwrap_or_default();
                        (
                            format!(
                                "{who} leads the metadata quorum in epoch {leader_epoch}{lacks}"
                            ),
                            8,
                        )
                    }
                    QuorumRole::Resigned => (format!("{who} resigns in epoch {leader_epoch}"), 2),
                    QuorumRole::Candidate => {
                        (format!("{who} stands for election in epoch {leader_epoch}"), 0)
                    }
                    QuorumRole::Prospective => (
                        format!(
                            "{who} asks whether it could win an election (epoch {leader_epoch})"
                        ),
                        -14,
                    ),
                    QuorumRole::Follower => {
                        let text = format!("{who} follows in epoch {leader_epoch} of the quorum");
                        match self.voted_beyond(event, *leader_epoch) {
                            Some((epoch, at)) => {
                                (format!("{text}, although it voted in epoch {epoch} (e{at})"), 24)
                            }
                            None => (text, -22),
                        }
                    }
                    QuorumRole::Unattached => (
                        format!("{who} knows no leader of the quorum in epoch {leader_epoch}"),
                        -22,
                    ),
                    QuorumRole::Observer => {
                        (format!("{who} observes the quorum in epoch {leader_epoch}"), -22)
                    }
                };
                self.add_with(event, (Tag::Quorum, extra), text, None);
            }
            Kind::VoteGranted { candidate, leader_epoch, pre_vote: false } if is_quorum => {
                let whom = self.tape.node(*candidate);
                let whom = if whom == who { "itself".to_owned() } else { whom };
                let text = format!("{who} votes for {whom} in epoch {leader_epoch}");
                self.add_with(event, (Tag::Quorum, -12), text, None);
            }
            Kind::ControllerActivated { leader_epoch } => {
                let text = format!("{who} takes charge as controller (epoch {leader_epoch})");
                self.add(event, Tag::Controller, text, None);
            }
            Kind::ControllerRetired { leader_epoch } => {
                let text = format!("{who} is no longer in charge (epoch {leader_epoch})");
                self.add_with(event, (Tag::Controller, -6), text, None);
            }
            Kind::MetadataApplied { offset, .. } => {
                let is_named = self.node_of(event).is_some_and(|node| self.is_named(node));
                let is_about = self.focus.shape == Shape::Stuck && self.focus.partition.is_none();
                if self.is_evidence(event) || (is_named && is_about) {
                    let text = format!("{who} has replayed the metadata log up to {offset}");
                    let extra = match self.is_evidence(event) {
                        true => 10,
                        // What came before a breach is no part of it.
                        false if !self.focus.is_liveness => OF_NO_BREACH,
                        false => -40,
                    };
                    self.add_with(event, (Tag::Apply, extra), text, None);
                }
            }
            _ => self.observe_clients(event, model),
        }
    }
}
