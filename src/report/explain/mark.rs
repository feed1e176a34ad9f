//! Which step shows a bug that is switched on at work.

use std::collections::BTreeSet;

use crate::event::{Event, Kind};
use crate::report::explain::choose::{Candidate, OF_A_DEFECT};
use crate::report::explain::defects::shows;
use crate::report::explain::focus::{Focus, Shape};
use crate::report::explain::note::{Deed, Note, Tag};
use crate::report::explain::tape::Tape;
use crate::report::explain::tell_deeds::waits;
use crate::types::{Defect, HostId, Moment, PartitionEpoch, TopicPartition};

/// How many hosts of one bug have their say.
const PARTIES_MAX: usize = 2;

/// Whether the step in which a deed was done led to the breach, from the deed on.
pub(crate) fn led_to(tape: &Tape, chain: &[bool], deed: &Deed) -> bool {
    let Some(deed) = tape.event(deed.event) else { return false };
    let Ok(at) = usize::try_from(deed.index) else { return false };
    let step = tape.events.iter().skip(at).take_while(|event| event.step == deed.step);
    step.into_iter().any(|event| is_in(chain, event))
}

/// Whether what set off the step in which a deed was done led to the breach: a message has the one
/// that it answers as its parent.
fn answers(tape: &Tape, chain: &[bool], deed: &Deed) -> bool {
    let Some(deed) = tape.event(deed.event) else { return false };
    let began = deed.cause.and_then(|at| tape.event(at)).filter(|event| event.step == deed.step);
    began.is_some_and(|event| is_in(chain, event))
}

fn is_in(chain: &[bool], event: &Event) -> bool {
    let at = usize::try_from(event.index).ok();
    at.and_then(|at| chain.get(at)) == Some(&true)
}

/// Marks what shows `defect` at work: of the notes that tell of a step in which it decided one that
/// led to the breach by the events' parents, if there is one, and of those the weightiest, the
/// latest of equals; without any, the deed itself becomes one. Where the deeds of several hosts
/// make the story, one of each.
pub(crate) fn mark(
    tape: &Tape,
    focus: &Focus,
    (deeds, chain): (&[&Deed], &[bool]),
    candidates: &mut Vec<Candidate>,
) {
    let Some(defect) = deeds.first().map(|deed| deed.defect) else { return };
    let host = |deed: &Deed| tape.event(deed.event).and_then(|event| event.host);
    if matches!(defect, Defect::NeverSynced | Defect::StaleClaims) {
        let hosts: BTreeSet<_> = deeds.iter().map(|deed| host(deed)).collect();
        // A broker coordinates each generation anew; a member goes wrong once, others after it.
        let (mut brokers, mut members): (Vec<&Deed>, Vec<&Deed>) = (Vec::new(), Vec::new());
        for one in hosts {
            let mut own = deeds.iter().copied().filter(|deed| host(deed) == one);
            match one.and_then(|host| tape.setup.node(host)) {
                Some(_) => brokers.extend(own.next_back()),
                None => members.extend(own.next()),
            }
        }
        members.sort_by_key(|deed| deed.event);
        members.truncate(PARTIES_MAX - brokers.len().min(1));
        brokers.sort_by_key(|deed| std::cmp::Reverse(deed.event));
        brokers.truncate(1);
        for deed in members.into_iter().chain(brokers) {
            mark_one(tape, focus, (&[deed], chain), candidates);
        }
        return;
    }
    if defect == Defect::LastReplicaStanding {
        // That nobody is written down as eligible is one thing, that the last member stays another.
        let is_written = |deed: &Deed| Place::of(tape, deed).is_some_and(|it| !it.wrote.is_empty());
        let (written, kept): (Vec<&Deed>, Vec<&Deed>) =
            deeds.iter().copied().partition(|deed| is_written(deed));
        mark_one(tape, focus, (&written, chain), candidates);
        mark_one(tape, focus, (&kept, chain), candidates);
        return;
    }
    if let (Defect::NoPreVote, Some(candidacy)) = (defect, focus.candidacy(tape)) {
        // It stood for election without end; once it was heard.
        let is_before = |it: &&&Deed| it.event <= candidacy.index && host(it) == candidacy.host;
        let own: Vec<&Deed> = deeds.iter().rfind(is_before).copied().into_iter().collect();
        mark_one(tape, focus, (&own, chain), candidates);
        return;
    }
    if defect == Defect::FencedInSync {
        // To wait for a fenced follower is one thing, to take it in another.
        let is_wait = |deed: &Deed| tape.event(deed.event).is_some_and(|it| waits(tape, it));
        let (waited, taken): (Vec<&Deed>, Vec<&Deed>) =
            deeds.iter().copied().partition(|deed| is_wait(deed));
        let own = match focus.shape {
            Shape::Stuck if !waited.is_empty() => waited,
            _ => taken,
        };
        mark_one(tape, focus, (&own, chain), candidates);
        return;
    }
    mark_one(tape, focus, (deeds, chain), candidates);
}

fn mark_one(
    tape: &Tape,
    focus: &Focus,
    (deeds, chain): (&[&Deed], &[bool]),
    candidates: &mut Vec<Candidate>,
) {
    let Some(defect) = deeds.first().map(|deed| deed.defect) else { return };
    let deeds = &*pertinent(tape, focus, deeds);
    let led: Vec<&Deed> = deeds.iter().copied().filter(|deed| led_to(tape, chain, deed)).collect();
    let is_shown = |deed: &&Deed| led_to(tape, chain, deed) || answers(tape, chain, deed);
    let shown: Vec<&Deed> = deeds.iter().copied().filter(is_shown).collect();
    let places = |deeds: &[&Deed]| -> Vec<Place> {
        deeds.iter().filter_map(|deed| Place::of(tape, deed)).collect()
    };
    let (all, leading) = (places(deeds), places(&shown));
    let commits = candidates.iter().filter(|it| it.note.tag == Tag::Commit);
    let first = commits.min_by_key(|it| it.note.event);
    let committed = first.and_then(|it| tape.event(it.note.event));
    let sender = committed.and_then(|it| tape.message_to(it)).map(|it| it.from);
    for kind in shows(defect) {
        let shown = candidates.iter_mut().filter_map(|candidate| {
            let event = tape.event(candidate.note.event)?;
            let is_shown = event.kind.name() == *kind && all.iter().any(|step| step.has(event));
            let leads = leading.iter().any(|step| step.has(event));
            is_shown.then_some((leads, candidate))
        });
        // That a voter goes on too soon shows where it copies, not where the leader appends: before
        // they count as committed, and best of all where its fetch makes them so.
        let is_it = |note: &Note| {
            let is_before = committed.is_none_or(|committed| note.event < committed.index);
            let is_its = tape.event(note.event).and_then(|it| it.host) == sender;
            defect != Defect::FetchBeforeFsync
                || note.tag == Tag::Copy && is_before && (is_its || sender.is_none())
        };
        let best = shown.max_by_key(|(leads, it)| {
            let is_copy = defect == Defect::FetchBeforeFsync && it.note.tag == Tag::Copy;
            (is_it(&it.note), is_copy, *leads, it.score, it.note.event)
        });
        if let Some((_, best)) = best {
            best.score = best.score.max(OF_A_DEFECT) + OF_A_DEFECT;
            best.defect = Some(defect);
            return;
        }
    }
    if defect == Defect::AsyncProcessing && mark_commit(tape, focus, deeds, candidates) {
        return;
    }
    let is_late = |deed: &&&Deed| {
        tape.event(deed.event).is_some_and(|event| event.at >= Moment::SCENARIO_BEGINS)
    };
    // What does not happen any more began with the first deed; what did happen comes of the last
    // that led to it.
    let happened = tape.event(focus.decisive).is_some_and(|event| event.host.is_some());
    let deed = match focus.is_liveness && !happened {
        true => deeds.iter().find(is_late).or(deeds.first()).copied(),
        false => last_led(tape, &led, deeds).or_else(|| match defect {
            Defect::OldEpochStamped => first_of_term(tape, focus, deeds),
            _ => deeds.last().copied(),
        }),
    };
    let deed = match defect {
        Defect::PollSkips | Defect::PollGoesBack | Defect::NackTakenForProof => {
            last_before_evidence(tape, focus, deeds)
        }
        Defect::RevokedAndKept => deeds.last().copied(),
        _ => None,
    }
    .or(deed);
    let Some(deed) = deed else { return };
    let (event, text) = (deed.event, deed.text.clone());
    let note = Note { event, tag: Tag::Deed, extra: 0, text, because: None, rests: Vec::new() };
    candidates.push(Candidate { note, score: OF_A_DEFECT * 2, defect: Some(defect) });
}

/// The deeds of one bug that can have to do with the breach; all, if it cannot be told.
fn pertinent<'a>(tape: &Tape, focus: &Focus, deeds: &[&'a Deed]) -> Vec<&'a Deed> {
    let Some(first) = deeds.first() else { return Vec::new() };
    let event = |deed: &Deed| tape.event(deed.event);
    let named: Vec<HostId> =
        focus.nodes.iter().filter_map(|node| tape.setup.host_of(*node)).collect();
    let some = |is_it: &dyn Fn(&Event) -> bool| -> Option<Vec<&'a Deed>> {
        let own = deeds.iter().copied().filter(|deed| event(deed).is_some_and(is_it));
        Some(own.collect::<Vec<_>>()).filter(|own| !own.is_empty())
    };
    let found = match first.defect {
        // What was not on the disk is missed when the power fails.
        Defect::FetchBeforeFsync => {
            let losses = || {
                let until = tape.events.iter().take_while(|it| it.index <= focus.decisive);
                until.filter(|it| {
                    matches!(&it.kind, Kind::DurableEnd { log_end_offset, durable_end, .. }
                        if durable_end < log_end_offset)
                })
            };
            some(&|deed| losses().any(|it| it.index > deed.index && it.host == deed.host))
        }
        // Each broker leaves out records of its own, and reads them all when it starts again.
        Defect::SkippedMetadataRecord => {
            let starts = |host: HostId| {
                let until = tape.events.iter().take_while(|it| it.index <= focus.decisive);
                let of = |it: &&Event| {
                    it.host == Some(host) && matches!(it.kind, Kind::HostStarted { .. })
                };
                until.filter(of).last().map_or(0, |it| it.index)
            };
            let is_since = |deed: &Event| deed.host.is_some_and(|host| deed.index > starts(host));
            // A leader acts upon what it knows of its partition; who follows does not.
            let leader = leader_of(tape, focus);
            let is_of_partition = |deed: &Event| {
                matches!(&deed.kind, Kind::DefectActed { partition, .. }
                    if *partition == focus.partition)
            };
            let of_leader = leader.and_then(|leader| {
                some(&|deed| deed.host == Some(leader) && is_of_partition(deed) && is_since(deed))
            });
            of_leader.or_else(|| {
                some(&|deed| deed.host.is_some_and(|it| named.contains(&it)) && is_since(deed))
            })
        }
        // Each fetch is compared; the one of who is named matters.
        Defect::QuorumFetchByOffset => some(&|deed| {
            let asked = deed.cause.and_then(|at| tape.event(at)).map(|it| &it.kind);
            matches!(asked, Some(Kind::Delivered { from, .. }) if named.contains(from))
        }),
        // Who took it first kept it when another was to have it.
        Defect::RevokedAndKept => match owners(tape, focus).as_slice() {
            [(keeper, took), (_, next), ..] => {
                let kept = |deed: &Event| deed.host == Some(*keeper) && deed.index > *took;
                some(&|deed| kept(deed) && deed.index < *next).or_else(|| some(&kept))
            }
            _ => None,
        },
        // It is left fenced when it says that it has caught up.
        Defect::NeverUnfenced => {
            let well = focus.was_well(tape).unwrap_or(0);
            some(&|deed| {
                let asked = deed.cause.and_then(|at| tape.event(at)).map(|it| &it.kind);
                deed.index > well
                    && matches!(asked, Some(Kind::Delivered { from, .. }) if named.contains(from))
            })
        }
        _ => None,
    };
    found.unwrap_or_else(|| deeds.to_vec())
}

/// Who owns the partition of the story in the end, and since which events: who took it first comes
/// first.
fn owners(tape: &Tape, focus: &Focus) -> Vec<(HostId, u64)> {
    let Some(wanted) = focus.group.as_ref().and_then(|group| group.partition) else {
        return Vec::new();
    };
    let mut owners: Vec<(HostId, u64)> = Vec::new();
    for event in tape.events.iter().take_while(|event| event.index <= focus.decisive) {
        let Some(host) = event.host else { continue };
        match &event.kind {
            Kind::PartitionTaken { partition, .. } if *partition == wanted => {
                owners.retain(|(owner, _)| *owner != host);
                owners.push((host, event.index));
            }
            Kind::PartitionGivenUp { partition, .. } if *partition == wanted => {
                owners.retain(|(owner, _)| *owner != host);
            }
            Kind::HostStopped { .. } => owners.retain(|(owner, _)| *owner != host),
            _ => {}
        }
    }
    owners
}

/// Who leads the partition of the story in the end, as the controller has it.
fn leader_of(tape: &Tape, focus: &Focus) -> Option<HostId> {
    let decisive = tape.event(focus.decisive)?;
    let state = tape.last_before(decisive, |it| {
        matches!(&it.kind, Kind::PartitionCommitted { partition, .. }
            if Some(*partition) == focus.partition)
    })?;
    match &state.kind {
        Kind::PartitionCommitted { leader, .. } => tape.setup.host_of((*leader)?),
        _ => None,
    }
}

/// The first deed of the host of the last one since that host took the part that it has: what goes
/// on without end begins there.
fn first_of_term<'a>(tape: &Tape, focus: &Focus, deeds: &[&'a Deed]) -> Option<&'a Deed> {
    let last = *deeds.last()?;
    let event = tape.event(last.event)?;
    let takes = |it: &Kind| match it {
        Kind::RoleTaken { partition, .. } => Some(*partition) == focus.partition,
        Kind::HostStarted { .. } => true,
        _ => false,
    };
    let term = tape.last_before(event, |it| it.host == event.host && takes(&it.kind));
    let began = term.map_or(0, |it| it.index);
    let is_of_term = |deed: &&&Deed| {
        deed.event > began && tape.event(deed.event).is_some_and(|it| it.host == event.host)
    };
    deeds.iter().find(is_of_term).copied()
}

/// The last deed of a host before what the same host did that proves the breach.
fn last_before_evidence<'a>(tape: &Tape, focus: &Focus, deeds: &[&'a Deed]) -> Option<&'a Deed> {
    let proves = |deed: &&&Deed| {
        let host = tape.event(deed.event).and_then(|event| event.host);
        focus
            .evidence
            .iter()
            .any(|at| *at > deed.event && tape.event(*at).is_some_and(|event| event.host == host))
    };
    deeds.iter().rev().find(proves).copied()
}

/// The last deed that led to the breach; where it goes on for long, as it began after the last
/// fault before it.
fn last_led<'a>(tape: &Tape, led: &[&'a Deed], all: &[&'a Deed]) -> Option<&'a Deed> {
    let last = match *led.last().or(all.last())? {
        last if last.defect == Defect::NoCheckQuorum => last,
        _ => return led.last().copied(),
    };
    let host = |deed: &Deed| tape.event(deed.event).and_then(|event| event.host);
    let began = tape.faults(last.event).into_iter().map(|fault| fault.began).max().unwrap_or(0);
    all.iter().copied().find(|deed| deed.event > began && host(deed) == host(last)).or(Some(last))
}

/// Marks the first commit of the story by an application that had polled on just before: whether
/// it did.
fn mark_commit(tape: &Tape, focus: &Focus, deeds: &[&Deed], candidates: &mut [Candidate]) -> bool {
    let polled_on = |commit: &Event| {
        deeds.iter().filter_map(|deed| tape.event(deed.event)).any(|deed| {
            let since = commit.at.0.saturating_sub(deed.at.0);
            deed.host == commit.host && deed.index < commit.index && since < 1_000_000
        })
    };
    let commits = candidates.iter_mut().filter(|candidate| {
        tape.event(candidate.note.event)
            .is_some_and(|event| matches!(event.kind, Kind::CommitAsked { .. }) && polled_on(event))
    });
    let is_of_story = |it: &Candidate| {
        let offset = tape.event(it.note.event).and_then(|event| match &event.kind {
            Kind::CommitAsked { offset, .. } => Some(*offset),
            _ => None,
        });
        let story = focus.group.as_ref();
        story.zip(offset).is_some_and(|(story, offset)| story.commits.contains(&offset))
    };
    // The first that went too far.
    let best = commits.max_by_key(|it| (is_of_story(it), std::cmp::Reverse(it.note.event)));
    best.is_some_and(|best| {
        best.score += OF_A_DEFECT;
        best.defect = Some(Defect::AsyncProcessing);
        true
    })
}

/// Where a deed was done: the host and its step, and what the controller wrote in it.
struct Place {
    host: Option<HostId>,
    cause: Option<u64>,
    wrote: Vec<(TopicPartition, PartitionEpoch)>,
}

impl Place {
    fn of(tape: &Tape, deed: &Deed) -> Option<Self> {
        let event = tape.event(deed.event)?;
        let after = usize::try_from(deed.event).ok()?.saturating_add(1);
        let step = tape.events.iter().skip(after).take_while(|other| other.step == event.step);
        let wrote = step.filter_map(|event| match &event.kind {
            Kind::PartitionDecided { partition, partition_epoch, .. } => {
                Some((*partition, *partition_epoch))
            }
            _ => None,
        });
        Some(Self { host: event.host, cause: event.cause, wrote: wrote.collect() })
    }

    /// Whether `event` is of the step, or tells that what was written in it is committed.
    fn has(&self, event: &Event) -> bool {
        if let Kind::PartitionCommitted { partition, partition_epoch, .. } = &event.kind {
            return self.wrote.contains(&(*partition, *partition_epoch));
        }
        event.host == self.host && (event.cause == self.cause || Some(event.index) == self.cause)
    }
}
