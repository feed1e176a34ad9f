//! Why voters take their parts, vote, take charge and retire.

use crate::event::{Event, Kind, QuorumRole};
use crate::report::explain::reason::reasons::Reasons;
use crate::types::{ApiKey, BrokerId, LeaderEpoch, TopicPartition};

impl<'a> Reasons<'a> {
    pub(crate) fn of_quorum(&self, event: &'a Event) -> Option<String> {
        match &event.kind {
            Kind::QuorumRoleTaken { role, leader, leader_epoch } => {
                self.of_role(event, (*role, *leader, *leader_epoch))
            }
            Kind::VoteGranted { candidate, .. } => self.of_vote(event, *candidate),
            Kind::ControllerActivated { leader_epoch } => {
                let leads = self.last_here(event, |it| {
                    matches!(it,
                        Kind::QuorumRoleTaken { role: QuorumRole::Leader, leader_epoch: at, .. }
                        if at == leader_epoch)
                })?;
                Some(format!("it leads the metadata quorum in that epoch (e{})", leads.index))
            }
            Kind::ControllerRetired { .. } => {
                let role =
                    self.last_here(event, |it| matches!(it, Kind::QuorumRoleTaken { .. }))?;
                let Kind::QuorumRoleTaken { role: part, leader_epoch, .. } = &role.kind else {
                    return None;
                };
                let part = match part {
                    QuorumRole::Resigned => "it has resigned",
                    QuorumRole::Follower => "it follows another",
                    QuorumRole::Unattached => "it knows no leader",
                    _ => "it is no leader any more",
                };
                Some(format!("{part} in epoch {leader_epoch} of the quorum (e{})", role.index))
            }
            Kind::MetadataApplied { .. } => {
                let fetch = self.tape.message_to(event).filter(|it| it.api == ApiKey::Fetch)?;
                let words = fetch.words(self.tape);
                let brings = self.tape.step_of(fetch.event).any(|it| {
                    matches!(&it.kind, Kind::LogAppended { partition, .. }
                        if *partition == TopicPartition::CLUSTER_METADATA)
                });
                Some(match fetch.is_response {
                    true if brings => format!("{words} brings that"),
                    true => format!("{words} says that it is committed up to there"),
                    false => format!("with {words} it is committed up to there"),
                })
            }
            _ => None,
        }
    }

    fn of_role(
        &self,
        event: &'a Event,
        (role, leader, epoch): (QuorumRole, Option<BrokerId>, LeaderEpoch),
    ) -> Option<String> {
        let is_start = matches!(
            self.tape.trigger_of(event).kind,
            Kind::FaultEnded { .. } | Kind::PhaseBegan { .. } | Kind::HostStarted { .. }
        );
        let started = self.last_here(event, |it| matches!(it, Kind::HostStarted { .. }));
        if let Some(started) = started.filter(|_| is_start) {
            return Some(format!(
                "its process starts (e{}), and it goes by what it had written down",
                started.index
            ));
        }
        let message = self.tape.message_to(event);
        let words = message.map(|it| it.words(self.tape));
        let is_vote = message.is_some_and(|it| it.api == ApiKey::Vote && it.is_response);
        let timer = matches!(self.tape.trigger_of(event).kind, Kind::DeadlineReached { .. });
        match role {
            QuorumRole::Leader if is_vote => {
                Some(format!("{} is the vote that makes a majority", words?))
            }
            QuorumRole::Candidate if is_vote => {
                Some(format!("with {} a majority would vote for it", words?))
            }
            QuorumRole::Prospective | QuorumRole::Candidate if timer => self.of_timeout(event),
            QuorumRole::Resigned => self.of_resignation(event),
            QuorumRole::Follower | QuorumRole::Observer => {
                let leader = leader.map(|leader| self.node(leader))?;
                Some(format!("{} names {leader} as the leader of epoch {epoch}", words?))
            }
            QuorumRole::Unattached => Some(format!("{} speaks of epoch {epoch}", words?)),
            _ => None,
        }
    }

    /// What a voter had waited for in vain.
    fn of_timeout(&self, event: &'a Event) -> Option<String> {
        let before = self.last_here(event, |it| matches!(it, Kind::QuorumRoleTaken { .. }))?;
        let Kind::QuorumRoleTaken { role, leader, .. } = &before.kind else { return None };
        let heard = self.last_here(event, |it| {
            matches!(it, Kind::Delivered { api: ApiKey::Fetch, is_response: true, .. })
        });
        Some(match (role, leader, heard) {
            (QuorumRole::Follower, Some(leader), Some(heard)) => format!(
                "no answer of {} to a fetch has come since e{}: \
                 controller.quorum.fetch.timeout.ms is over",
                self.node(*leader),
                heard.index
            ),
            (QuorumRole::Follower, Some(leader), None) => format!(
                "no answer of {} to a fetch has come for controller.quorum.fetch.timeout.ms",
                self.node(*leader)
            ),
            _ => format!(
                "it was {role} since e{} and heard of no leader: \
                 controller.quorum.election.timeout.ms is over",
                before.index
            ),
        })
    }

    fn of_resignation(&self, event: &'a Event) -> Option<String> {
        let first = self.tape.trigger_of(event);
        match &first.kind {
            Kind::FaultBegan { fault, .. } => {
                Some(format!("fault {} has it end (e{})", fault + 1, first.index))
            }
            Kind::DeadlineReached { .. } => Some(
                "for one and a half controller.quorum.fetch.timeout.ms no majority had fetched \
                 from it"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    fn of_vote(&self, event: &'a Event, candidate: BrokerId) -> Option<String> {
        let own = event.host.and_then(|host| self.tape.setup.node(host));
        if own == Some(candidate) {
            let stands = self.beside(event, |it| {
                matches!(it, Kind::QuorumRoleTaken { role: QuorumRole::Candidate, .. })
            });
            let stands = stands.or_else(|| {
                self.last_here(event, |it| {
                    matches!(it, Kind::QuorumRoleTaken { role: QuorumRole::Candidate, .. })
                })
            })?;
            return Some(format!("it stands for election itself (e{})", stands.index));
        }
        let asked = self.brought(event, |it| !it.is_response && it.api == ApiKey::Vote)?;
        Some(format!("{asked} asks for it"))
    }
}
