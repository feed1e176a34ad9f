//! What a step rests upon: who leads was elected, who cuts its log follows somebody.
//!
//! The weightiest ten notes may leave such a step out; then a reader meets a leader whom nobody
//! elected. The lightest steps make room for it.

use crate::event::{Event, Kind, QuorumRole, ReplicaRole};
use crate::report::explain::choose::{Candidate, EVIDENCE, STEPS_MAX};
use crate::report::explain::focus::Focus;
use crate::report::explain::note::Tag;
use crate::report::explain::tape::Tape;
use crate::types::{BrokerId, LeaderEpoch, Moment, TopicPartition};

/// A follower that learns of its leader later than so many microseconds learns of it late.
const LATE: u64 = 500_000;

/// Puts in what the steps `chosen` rest upon from what was `left`, where there is something lighter
/// to leave out.
pub(crate) fn rest_upon(
    tape: &Tape,
    focus: &Focus,
    chosen: &mut Vec<Candidate>,
    mut left: Vec<Candidate>,
) {
    let every = chosen.iter().flat_map(|step| grounds(tape, focus, step, chosen, &left));
    let mut kept: Vec<u64> = every.collect();
    // The weightiest first: what they rest upon is least of all left out.
    let mut at = 0;
    let mut put: Vec<u64> = Vec::new();
    let mut order: Vec<(i32, u64)> = chosen.iter().map(|it| (-it.score, it.note.event)).collect();
    order.sort_unstable();
    while let Some((_, event)) = order.get(at).copied() {
        at += 1;
        let Some(step) = chosen.iter().find(|it| it.note.event == event) else { continue };
        for needed in grounds(tape, focus, step, chosen, &left) {
            kept.push(needed);
            if let Some(place) = put_in(focus, needed, event, (chosen, &mut left), &kept) {
                // An election may rest upon another.
                order.push((0, place));
                put.push(place);
            }
        }
    }
    // Since when somebody follows, put in for a step that has made room since, carries nothing.
    let every = chosen.iter().flat_map(|step| grounds(tape, focus, step, chosen, &left));
    let carries: Vec<u64> = every.collect();
    chosen.retain(|it| {
        it.note.tag != Tag::Role
            || !put.contains(&it.note.event)
            || carries.contains(&it.note.event)
    });
}

/// Puts in the step of event `needed`, upon which that of `event` rests; the event, if it was left
/// and found room.
fn put_in(
    focus: &Focus,
    needed: u64,
    event: u64,
    (chosen, left): (&mut Vec<Candidate>, &mut Vec<Candidate>),
    kept: &[u64],
) -> Option<u64> {
    if chosen.iter().any(|it| it.note.event == needed) {
        return None;
    }
    let from = left.iter().position(|it| it.note.event == needed)?;
    if chosen.len() < STEPS_MAX {
        chosen.push(left.swap_remove(from));
        return Some(needed);
    }
    let is_free = |it: &Candidate| {
        it.score < EVIDENCE
            && it.defect.is_none()
            && it.note.event != focus.decisive
            && it.note.event != event
            && !kept.contains(&it.note.event)
    };
    let places = chosen.iter().enumerate().filter(|(_, it)| is_free(it));
    let (lightest, _) = places.min_by_key(|(_, it)| it.score)?;
    let needed_step = left.swap_remove(from);
    left.push(std::mem::replace(&mut chosen[lightest], needed_step));
    Some(needed)
}

/// The events without which `step` comes out of nowhere, of those that may be told.
fn grounds(
    tape: &Tape,
    focus: &Focus,
    step: &Candidate,
    chosen: &[Candidate],
    left: &[Candidate],
) -> Vec<u64> {
    let lost = lost_before(tape, focus, step, chosen, left);
    let told = step.note.rests.iter().copied();
    lost.into_iter().chain(told).chain(ground(tape, focus, step, chosen, left)).collect()
}

/// What the disk of a leader that is elected had lost when it was: one note may tell of several
/// disks.
fn lost_before(
    tape: &Tape,
    focus: &Focus,
    step: &Candidate,
    chosen: &[Candidate],
    left: &[Candidate],
) -> Option<u64> {
    let event = tape.event(step.note.event).filter(|_| step.note.tag == Tag::Election)?;
    let (leader, _) = elected(event)?;
    let is_loss = |it: &Event| {
        matches!(&it.kind, Kind::DurableEnd { partition, durable_end, log_end_offset }
            if Some(*partition) == focus.partition && durable_end < log_end_offset)
    };
    let own =
        |it: &Event| is_loss(it) && it.host.and_then(|host| tape.setup.node(host)) == Some(leader);
    let own = tape.last_before(event, own)?;
    let all = chosen.iter().chain(left).filter(|it| it.note.tag == Tag::Loss);
    let mut all = all.filter_map(|it| tape.event(it.note.event));
    all.find(|it| is_loss(it) && it.at == own.at).map(|it| it.index)
}

/// What `step` rests upon by the order in which a cluster works.
fn ground(
    tape: &Tape,
    focus: &Focus,
    step: &Candidate,
    chosen: &[Candidate],
    left: &[Candidate],
) -> Option<u64> {
    let event = tape.event(step.note.event)?;
    let all = || chosen.iter().chain(left);
    let before = |tag: Tag| {
        all()
            .filter(move |it| it.note.tag == tag && it.note.event < event.index)
            .filter_map(|it| tape.event(it.note.event))
            .filter(|it| it.at >= Moment::SCENARIO_BEGINS)
    };
    let elections = || before(Tag::Election).filter_map(|it| Some((it, elected(it)?)));
    match step.note.tag {
        // What the quorum commits somebody has copied.
        Tag::Commit if focus.partition == Some(TopicPartition::CLUSTER_METADATA) => {
            before(Tag::Copy).filter(|it| it.host != event.host).map(|it| it.index).max()
        }
        Tag::Copy if focus.partition == Some(TopicPartition::CLUSTER_METADATA) => {
            before(Tag::Quorum).filter(|it| is_lead_of_quorum(it)).map(|it| it.index).max()
        }
        Tag::Write
        | Tag::Commit
        | Tag::Despite
        | Tag::Ack
        | Tag::AskInSync
        | Tag::Diverged
        | Tag::Counted => {
            let node = tape.setup.node(event.host?)?;
            let epoch = epoch_of(&event.kind);
            let own = elections().filter(|(_, (leader, its))| {
                *leader == node && epoch.is_none_or(|epoch| epoch == *its)
            });
            let own = own.map(|(it, _)| it.index).max();
            own.or_else(|| {
                let leads = |it: &&Event| it.host == event.host && is_lead_of_quorum(it);
                before(Tag::Quorum).filter(leads).map(|it| it.index).max()
            })
        }
        // Who stands for election had heard of no leader.
        Tag::Quorum
            if matches!(event.kind, Kind::QuorumRoleTaken { role: QuorumRole::Candidate, .. }) =>
        {
            let asks = |it: &&Event| {
                it.host == event.host
                    && matches!(
                        it.kind,
                        Kind::QuorumRoleTaken { role: QuorumRole::Prospective, .. }
                    )
            };
            before(Tag::Quorum).filter(asks).map(|it| it.index).max()
        }
        Tag::Role => {
            let Kind::RoleTaken { leader, leader_epoch, .. } = &event.kind else { return None };
            let own = elections()
                .filter(|(_, (of, epoch))| Some(*of) == *leader && epoch == leader_epoch);
            own.map(|(it, _)| it.index).max()
        }
        // Whoever loses records follows somebody: since when, if it learned of it late, or else who
        // elected that leader.
        Tag::Loss | Tag::Cut if matches!(event.kind, Kind::LogTruncated { .. }) => {
            let follows = before(Tag::Role)
                .filter(|it| it.host == event.host)
                .filter_map(|it| Some((it, followed(it)?)))
                .max_by_key(|(it, _)| it.index);
            let (role, (leader, epoch)) = follows?;
            let election = elections().find(|(_, it)| *it == (leader, epoch)).map(|(it, _)| it);
            match election {
                Some(election) if role.at.0.saturating_sub(election.at.0) <= LATE => {
                    Some(election.index)
                }
                _ => Some(role.index),
            }
        }
        _ => None,
    }
    .filter(|_| focus.partition.is_some())
}

fn elected(event: &Event) -> Option<(BrokerId, LeaderEpoch)> {
    match &event.kind {
        Kind::PartitionCommitted { leader: Some(leader), leader_epoch, .. } => {
            Some((*leader, *leader_epoch))
        }
        _ => None,
    }
}

fn followed(event: &Event) -> Option<(BrokerId, LeaderEpoch)> {
    match &event.kind {
        Kind::RoleTaken {
            role: ReplicaRole::Follower, leader: Some(leader), leader_epoch, ..
        } => Some((*leader, *leader_epoch)),
        _ => None,
    }
}

fn is_lead_of_quorum(event: &Event) -> bool {
    matches!(event.kind, Kind::QuorumRoleTaken { role: QuorumRole::Leader, .. })
}

fn epoch_of(kind: &Kind) -> Option<LeaderEpoch> {
    match kind {
        Kind::LogAppended { leader_epoch, .. } => Some(*leader_epoch),
        _ => None,
    }
}
