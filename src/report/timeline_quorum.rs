//! The timeline of the metadata quorum: what happened to controllers, in words and signs.

use crate::event::{Event, Kind, QuorumRole};
use crate::report::metadata_records::registration_words;
use crate::report::timeline_words::{Before, named};
use crate::trace::Model;
use crate::types::{BrokerId, TopicPartition};

/// The mark and the words for `event`, which `model` has folded in, if it is about the quorum;
/// with `all` also for what is asked before an election.
pub(super) fn of_quorum(
    event: &Event,
    model: &Model,
    before: &Before,
    all: bool,
) -> Option<(char, String)> {
    let node = event.host.and_then(|host| model.setup().node(host))?;
    let is_voter = model.setup().voters().any(|voter| voter == node);
    let who = named(model, node);
    match &event.kind {
        Kind::QuorumRoleTaken { .. } if is_voter => role_taken(event, (model, all), before, &who),
        Kind::VoteGranted { candidate, leader_epoch, pre_vote } if *candidate != node => {
            let whom = named(model, *candidate);
            match pre_vote {
                false => Some((' ', format!("{who} votes for {whom} in epoch {leader_epoch}"))),
                true if all => Some((' ', format!("{who} would vote for {whom}"))),
                true => None,
            }
        }
        Kind::ControllerActivated { leader_epoch } => {
            Some((' ', format!("{who} takes charge as controller, epoch {leader_epoch}")))
        }
        Kind::ControllerRetired { .. } => {
            Some((' ', format!("{who} is no longer in charge as controller")))
        }
        Kind::RegistrationCommitted { broker, is_new, .. } => {
            let known = model.registrations.get(broker)?;
            let what = registration_words(known, *is_new);
            let is_news = known.event == event.index;
            is_news.then(|| (' ', format!("{} {what}", named(model, *broker))))
        }
        _ => None,
    }
}

fn role_taken(
    event: &Event,
    (model, all): (&Model, bool),
    before: &Before,
    who: &str,
) -> Option<(char, String)> {
    let Kind::QuorumRoleTaken { role, leader_epoch, leader } = &event.kind else { return None };
    let known = before.quorum;
    let followed = known.and_then(|known| known.leader);
    match role {
        QuorumRole::Prospective => {
            // Who found none that could win asks again and again.
            let text = match followed {
                Some(leader) => {
                    let leader = named(model, leader);
                    format!("{who} no longer hears from {leader} and asks whether it could win")
                }
                None => format!("{who} asks whether it could win"),
            };
            (all || followed.is_some()).then_some((' ', text))
        }
        QuorumRole::Candidate => {
            Some((' ', format!("{who} stands for election in epoch {leader_epoch}")))
        }
        QuorumRole::Leader => Some(('*', format!("{who} is elected in epoch {leader_epoch}"))),
        QuorumRole::Follower => {
            let leader = named(model, (*leader)?);
            Some((' ', format!("{who} follows {leader} in epoch {leader_epoch}")))
        }
        QuorumRole::Resigned => {
            let text = match known {
                Some(_) => format!("{who} resigns from epoch {leader_epoch}"),
                None => format!("{who} comes back as the former leader of epoch {leader_epoch}"),
            };
            Some((' ', text))
        }
        QuorumRole::Unattached => {
            let text = format!("{who} knows no leader any more, in epoch {leader_epoch}");
            followed.map(|_| (' ', text))
        }
        QuorumRole::Observer => None,
    }
}

/// What the controller `node` is; of one that runs and does not stand still.
pub(super) fn sign(model: &Model, node: BrokerId) -> char {
    let newest = model.metadata.leader_epoch;
    let role = model.quorum.members.get(&node).and_then(|member| member.role);
    let Some(role) = role else { return '-' };
    match role.role {
        QuorumRole::Leader if role.leader_epoch == newest => 'L',
        QuorumRole::Leader => 'l',
        QuorumRole::Follower | QuorumRole::Observer => 'f',
        QuorumRole::Prospective => 'p',
        QuorumRole::Candidate => 'c',
        QuorumRole::Unattached => '?',
        QuorumRole::Resigned => 'r',
    }
}

/// Who leads the quorum in its newest epoch.
pub(super) fn leader(model: &Model) -> Option<BrokerId> {
    let newest = model.metadata.leader_epoch;
    let leads = |node: &BrokerId| {
        let role = model.quorum.members.get(node).and_then(|member| member.role);
        role.is_some_and(|it| it.role == QuorumRole::Leader && it.leader_epoch == newest)
    };
    model.setup().voters().find(leads)
}

/// Whether `partition` is the metadata log.
pub(super) fn is_quorum(partition: TopicPartition) -> bool {
    partition == TopicPartition::CLUSTER_METADATA
}
