//! isr-membership.
//!
//! In every committed state the leader, if there is one, is in the in-sync set; the set is made of
//! replicas; it shares nobody with the eligible leader replicas; without those (KIP-966) it is
//! never empty. Nobody joins it who is fenced or shutting down (KIP-841), and nobody stays in it
//! past the fencing, but a last member where there are no eligible leader replicas. In-sync and
//! eligible replicas together stay at min.insync.replicas once they were, unless their members
//! stopped uncleanly.
//!
//! Compared at each committed state and registration, in the order of the metadata log. A member
//! that is shutting down and still in the set is not a breach: the controller writes the intent
//! first and the removal behind it, in one batch.
//!
//! The boundary case: the removal of a fenced broker stands before its fencing in the metadata
//! log, so a state is held against the registrations that stand before it, and a fencing against
//! the states that stand before it.

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::trace::{PartitionView, RegistrationView, StateView};
use crate::types::{BrokerId, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct IsrMembership;

const INFO: Info = Info {
    name: "isr-membership",
    statement: "the in-sync set holds its leader and replicas that are registered, unfenced and \
                not shutting down, and nobody else",
    source: "KIP-841, KAFKA-13916, KIP-966",
    premise: "none",
    kinds: &["partition-committed", "registration-committed"],
    is_liveness: false,
};

impl Property for IsrMembership {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        match &event.kind {
            Kind::PartitionCommitted { partition, .. } => {
                let known = view.model.partitions.get(partition);
                let known = known.and_then(|known| Some((known, known.state.as_ref()?)));
                let Some((known, state)) = known.filter(|(_, state)| state.event == event.index)
                else {
                    return;
                };
                findings.exercised();
                let wrong = shape(state, view)
                    .or_else(|| joined(known, state, view))
                    .or_else(|| too_few(known, state, view));
                if let Some((wrong, broker, evidence)) = wrong {
                    let name = view.model.partition_name(*partition);
                    let sentence = format!(
                        "the controller committed the in-sync set {} of {name}: {wrong}",
                        state.in_sync
                    );
                    let subject = Subject::InSync {
                        partition: *partition,
                        brokers: broker.into_iter().collect(),
                    };
                    findings.violated(subject, sentence, evidence.into_iter().chain([event.index]));
                }
            }
            Kind::RegistrationCommitted { broker, fenced: true, .. } => {
                for (partition, known) in &view.model.partitions {
                    stayed(event, (*partition, *broker), known, view, findings);
                }
            }
            _ => {}
        }
    }

    clone_box!();
}

/// What is wrong, with whom, and the event that it is wrong with.
type Wrong = Option<(String, Option<BrokerId>, Option<u64>)>;

fn shape(state: &StateView, view: View<'_>) -> Wrong {
    if let Some(leader) = state.leader.filter(|leader| !state.in_sync.contains(*leader)) {
        return Some((format!("the leader {leader} is not in it"), Some(leader), None));
    }
    let is_stranger = |broker: &BrokerId| !state.replicas.contains(broker);
    if let Some(broker) = state.in_sync.iter().find(is_stranger) {
        return Some((format!("{broker} is no replica"), Some(broker), None));
    }
    if let Some(broker) = state.in_sync.iter().find(|broker| state.eligible.contains(*broker)) {
        let wrong = format!("{broker} is an eligible leader replica at the same time");
        return Some((wrong, Some(broker), None));
    }
    let is_empty = state.in_sync.is_empty() && !view.model.setup().eligible_replicas;
    is_empty
        .then(|| ("it is empty, and there are no eligible leader replicas".to_owned(), None, None))
}

fn joined(known: &PartitionView, state: &StateView, view: View<'_>) -> Wrong {
    let before = known.state_before.as_ref()?;
    let closed = |registration: &&RegistrationView| {
        registration.offset < state.offset
            && (registration.fenced || registration.in_controlled_shutdown)
    };
    for broker in state.in_sync.without(&before.in_sync).iter() {
        let registration = view.model.registrations.get(&broker);
        if let Some(registration) = registration.filter(closed) {
            let what = if registration.fenced { "fenced" } else { "shutting down" };
            let wrong = format!("{broker} joined it while it is {what}");
            return Some((wrong, Some(broker), Some(registration.event)));
        }
    }
    None
}

fn too_few(known: &PartitionView, state: &StateView, view: View<'_>) -> Wrong {
    if !view.model.setup().eligible_replicas || state.recovering {
        return None;
    }
    let before = known.state_before.as_ref().filter(|before| !before.recovering)?;
    let now = state.in_sync.union(&state.eligible);
    let then = before.in_sync.union(&before.eligible);
    let min = usize::try_from(state.min_in_sync).unwrap_or(usize::MAX);
    if now.len() >= min || then.len() < min || before.min_in_sync != state.min_in_sync {
        return None;
    }
    let stopped_uncleanly = |broker: BrokerId| {
        let registration = view.model.registrations.get(&broker);
        registration.is_none_or(|registration| registration.unclean_epoch.is_some())
    };
    let broker = then.without(&now).iter().find(|broker| !stopped_uncleanly(*broker))?;
    let what = format!(
        "with the eligible leader replicas {} it has fewer than {min} members, though broker \
         {broker} has not registered after an unclean end",
        state.eligible
    );
    Some((what, Some(broker), Some(before.event)))
}

fn stayed(
    event: &Event,
    (partition, broker): (TopicPartition, BrokerId),
    known: &PartitionView,
    view: View<'_>,
    findings: &mut Findings,
) {
    let Some(state) = known.state.as_ref().filter(|state| state.in_sync.contains(broker)) else {
        return;
    };
    let registration = view.model.registrations.get(&broker);
    if registration.is_none_or(|r| r.event != event.index || r.offset < state.offset) {
        return;
    }
    findings.exercised();
    let may_stay = state.in_sync.len() == 1 && !view.model.setup().eligible_replicas;
    if !may_stay {
        let name = view.model.partition_name(partition);
        let sentence = format!(
            "the controller fenced broker {broker} and left it in the in-sync set {} of {name}",
            state.in_sync
        );
        let subject = Subject::InSync { partition, brokers: vec![broker] };
        findings.violated(subject, sentence, [state.event, event.index]);
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;

    #[test]
    fn a_set_of_replicas_with_the_leader_holds() {
        let mut run = Script::new();
        assert_eq!(run.outcome("isr-membership"), "not exercised");
        run.commit(Some(1), 0, &[1, 2, 3]);
        assert_eq!(run.outcome("isr-membership"), "holds");
    }

    #[test]
    fn a_leader_outside_or_a_stranger_inside_is_a_breach() {
        for in_sync in [&[2, 3][..], &[1, 4]] {
            let mut run = Script::new();
            run.commit(Some(1), 0, in_sync);
            assert_eq!(run.outcome("isr-membership"), "violated");
        }
    }

    #[test]
    fn nobody_joins_fenced_and_nobody_stays_past_the_fencing() {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]);
        let mut stays = run.clone();
        run.commit(Some(1), 0, &[1, 2]).register(3, 9, true, false);
        assert_eq!(run.outcome("isr-membership"), "holds");
        run.commit(Some(1), 0, &[1, 2, 3]);
        assert_eq!(run.outcome("isr-membership"), "violated");
        stays.register(3, 9, true, false);
        assert_eq!(stays.outcome("isr-membership"), "violated");
    }

    #[test]
    fn in_sync_and_eligible_replicas_stay_enough_together() {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]);
        let mut shrinks = run.clone();
        run.commit_eligible(Some(1), 0, &[1], &[2]);
        assert_eq!(run.outcome("isr-membership"), "holds");
        // Nobody stopped uncleanly, and yet nobody became eligible.
        shrinks.commit(Some(1), 0, &[1]);
        assert_eq!(shrinks.outcome("isr-membership"), "violated");
    }
}
