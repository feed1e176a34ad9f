//! Which of many notes become the steps of an explanation.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Kind};
use crate::report::explain::defects::shows;
use crate::report::explain::focus::{Focus, Shape};
use crate::report::explain::note::{Deed, IDLE, Note, Tag, weight};
use crate::report::explain::rests::rest_upon;
use crate::report::explain::shape::Step;
use crate::report::explain::tape::Tape;
use crate::report::explain::tell_deeds::waits;
use crate::types::{
    BrokerId, BrokerSet, Defect, ErrorCode, HostId, Moment, Name, Offset, PartitionEpoch,
    TopicPartition,
};

/// How many steps an explanation has at most.
pub(crate) const STEPS_MAX: usize = 10;
/// How many of one kind.
const ALIKE_MAX: usize = 4;
/// What is far from the end matters less, for each of its like that came after it.
const DECAY: i32 = 5;
/// What led to the breach by the events' own parents.
const OF_THE_CHAIN: i32 = 7;
/// What proves the breach.
pub(crate) const EVIDENCE: i32 = 200;
/// While the cluster forms all comes about as it should.
const WHILE_FORMING: i32 = 120;
/// Where a bug that is switched on did its work.
const OF_A_DEFECT: i32 = 100;
/// Who is elected takes the lead, or is followed, within so many microseconds, if nothing is wrong.
const SOON: u64 = 100_000;
/// Who is asked to end has done so within so many microseconds.
const ENDS_WITHIN: u64 = 60_000_000;
/// How many hosts of one bug have their say.
const PARTIES_MAX: usize = 2;

/// What came after all was decided.
const AFTERWARDS: i32 = 60;
/// What a fault held up, and now goes on its way.
const RELEASES: i32 = 10;
/// The end of a fault is told if so many microseconds at most lie between it and the breach.
const RELEASED_WITHIN: u64 = 5_000_000;

/// A note that may become a step.
pub(crate) struct Candidate {
    pub(crate) note: Note,
    /// What it matters.
    pub(crate) score: i32,
    /// The bug that shows in it.
    pub(crate) defect: Option<Defect>,
}

/// The steps, in the order of time.
pub(crate) fn choose(tape: &Tape, focus: &Focus, notes: Vec<Note>, deeds: &[Deed]) -> Vec<Step> {
    let chain = chain(tape, focus);
    let mut candidates = rate(tape, focus, together(tape, notes), &chain);
    for defect in &tape.defects {
        let own: Vec<&Deed> = deeds.iter().filter(|deed| deed.defect == *defect).collect();
        // Where several are on, it takes more than to have been on.
        let has_led = || own.iter().any(|deed| led_to(tape, &chain, deed));
        if tape.defects.len() > 1 && !focus.is_liveness && !has_led() {
            continue;
        }
        mark(tape, focus, (&own, &chain), &mut candidates);
    }
    candidates.retain(|candidate| candidate.score > 0);
    candidates.sort_by_key(|candidate| {
        (std::cmp::Reverse(candidate.score), std::cmp::Reverse(candidate.note.event))
    });
    let mut chosen: Vec<Candidate> = Vec::new();
    let mut left: Vec<Candidate> = Vec::new();
    let mut alike: BTreeMap<Tag, usize> = BTreeMap::new();
    for candidate in candidates {
        let is_told = chosen.iter().any(|other| {
            is_same(tape, focus, &other.note, &candidate.note)
                || candidate.defect.is_none() && is_of_one_wish(tape, &other.note, &candidate.note)
        });
        let count = alike.entry(candidate.note.tag).or_default();
        let is_one_too_many = *count >= ALIKE_MAX && candidate.score < EVIDENCE;
        if is_told || is_one_too_many || chosen.len() == STEPS_MAX {
            left.push(candidate);
            continue;
        }
        // Of commits the proof alone is three or four, and so is what two batches came to.
        let is_proof = candidate.score >= EVIDENCE
            && (candidate.note.tag == Tag::Offset
                || candidate.note.tag == Tag::Send && focus.shape == Shape::Batches);
        *count += usize::from(!is_proof);
        chosen.push(candidate);
    }
    rest_upon(tape, focus, &mut chosen, left);
    chosen.sort_by_key(|candidate| candidate.note.event);
    chosen.into_iter().filter_map(|candidate| step(tape, candidate)).collect()
}

/// Whether both tell the same, but for numbers of events: a fault and what it does to a process, a
/// refusal and the answer that says so.
fn is_same(tape: &Tape, focus: &Focus, one: &Note, other: &Note) -> bool {
    if one.event == other.event && one.tag == other.tag || one.text == other.text {
        return true;
    }
    let kinds = |wanted: fn(&Kind, &Kind) -> bool| {
        let (one, other) = (tape.event(one.event), tape.event(other.event));
        one.zip(other).is_some_and(|(one, other)| {
            one.step == other.step
                && (wanted(&one.kind, &other.kind) || wanted(&other.kind, &one.kind))
        })
    };
    // Who is elected takes the lead, and is followed, as soon as it hears of it.
    let is_soon = tape.event(one.event).zip(tape.event(other.event)).is_some_and(|(one, other)| {
        one.at.0.abs_diff(other.at.0) <= SOON
            && matches!(
                (&one.kind, &other.kind),
                (
                    Kind::PartitionCommitted { leader, leader_epoch, partition, .. },
                    Kind::RoleTaken { leader: of, leader_epoch: its, partition: at, .. },
                ) if leader == of && leader_epoch == its && partition == at
            )
    });
    let is_evidence = [one, other].iter().any(|it| focus.evidence.contains(&it.event));
    if is_soon && !is_evidence && focus.shape != Shape::Reading && focus.shape != Shape::Replica {
        return true;
    }
    kinds(|one, other| {
        matches!(
            (one, other),
            (Kind::FaultBegan { .. }, Kind::HostPaused {} | Kind::ShutdownRequested {})
        ) || matches!(
            (one, other),
            (Kind::FaultBegan { hosts, .. }, Kind::HostStopped { .. }) if hosts.len() == 1
        ) || matches!(
            (one, other),
            (
                Kind::ProduceHandled { error, batch, .. },
                Kind::ProduceAnswered { error: answer, batch: it, .. },
            ) if batch == it && error == answer && *error != ErrorCode::None
        )
    })
}

/// Whether one is asked for and the other done: who is asked to end ends, what a member commits is
/// written.
fn is_of_one_wish(tape: &Tape, one: &Note, other: &Note) -> bool {
    let is_pair = |asked: &Event, done: &Event| match (&asked.kind, &done.kind) {
        (Kind::ShutdownRequested {}, Kind::HostStopped { in_order: true, .. }) => {
            asked.host == done.host && done.at.0.abs_diff(asked.at.0) <= ENDS_WITHIN
        }
        _ => committed(asked).is_some_and(|wish| committed(done) == Some(wish)),
    };
    let both = tape.event(one.event).zip(tape.event(other.event));
    both.is_some_and(|(one, other)| is_pair(one, other) || is_pair(other, one))
}

/// The offset that a member asks to commit, that is written, that the member is told of.
fn committed(event: &Event) -> Option<(&Name, TopicPartition, Offset)> {
    match &event.kind {
        Kind::CommitAsked { group, partition, offset, .. }
        | Kind::OffsetAppended { group, partition, offset, .. }
        | Kind::OffsetCommitAnswered { group, partition, offset, error: ErrorCode::None, .. } => {
            Some((group, *partition, *offset))
        }
        _ => None,
    }
}

/// Faults that begin at the same moment make one note.
fn together(tape: &Tape, notes: Vec<Note>) -> Vec<Note> {
    let began = |note: &Note| {
        let event = tape.event(note.event).filter(|_| note.tag == Tag::Fault)?;
        matches!(event.kind, Kind::FaultBegan { .. }).then_some(event.at)
    };
    let mut found: Vec<Note> = Vec::new();
    for note in notes {
        let at = began(&note);
        let same = found.iter_mut().rev().take(4).find(|it| at.is_some() && began(it) == at);
        match same {
            // What the breach needed does not carry with it what it did not.
            Some(same) if (same.extra < IDLE / 2) != (note.extra < IDLE / 2) => found.push(note),
            Some(same) if !same.text.contains(&note.text) => {
                same.text = format!("{}; {}", same.text, note.text);
                same.extra = same.extra.max(note.extra);
            }
            Some(_) => {}
            None => found.push(note),
        }
    }
    found
}

fn rate(tape: &Tape, focus: &Focus, notes: Vec<Note>, chain: &[bool]) -> Vec<Candidate> {
    let released = released(tape, focus, chain);
    let idle = Aftermath::of_idle(tape, focus);
    let candidacy = focus.candidacy(tape);
    let passed = focus.passed(tape);
    let mut after: BTreeMap<Tag, i32> = BTreeMap::new();
    let mut candidates: Vec<Candidate> = Vec::new();
    for note in notes.into_iter().rev() {
        let base = weight(focus.shape, note.tag);
        let is_evidence = focus.evidence.contains(&note.event);
        if base == 0 && !is_evidence {
            continue;
        }
        let later = after.entry(note.tag).or_default();
        let in_chain = usize::try_from(note.event).ok().and_then(|at| chain.get(at).copied());
        let mut score = base + note.extra - (*later).min(8) * DECAY;
        *later += 1;
        // What became of the very records that the story is about matters whenever it was.
        let is_of_records = focus.shape == Shape::Records
            && matches!(note.tag, Tag::Write | Tag::Copy | Tag::Commit);
        let is_early =
            tape.event(note.event).is_some_and(|event| event.at < Moment::SCENARIO_BEGINS);
        if is_early && !is_of_records {
            score -= WHILE_FORMING;
        }
        if !is_evidence && idle.iter().any(|fault| fault.led_to(tape, focus, &note)) {
            score += IDLE;
        }
        if released.contains(&note.event) {
            score += RELEASES;
        }
        // What became of the cluster afterwards is not why a consumer was not shown a record.
        let is_of_reading =
            matches!(note.tag, Tag::Read | Tag::Place | Tag::Loss | Tag::Write | Tag::Cut);
        if !is_of_reading && passed.is_some_and(|passed| note.event > passed) {
            score -= AFTERWARDS;
        }
        score += candidacy.map_or(0, |candidacy| deposes(tape, candidacy, &note));
        if in_chain == Some(true) {
            score += OF_THE_CHAIN;
        }
        if is_evidence {
            score = score.max(1) + EVIDENCE;
        }
        candidates.push(Candidate { note, score, defect: None });
    }
    candidates
}

/// What a note matters where `candidacy` began the epoch that deposed a leader: the candidacy itself
/// does, what its candidate tried later does not.
fn deposes(tape: &Tape, candidacy: &Event, note: &Note) -> i32 {
    let Some(event) = tape.event(note.event) else { return 0 };
    let is_of_elections =
        matches!(event.kind, Kind::QuorumRoleTaken { .. } | Kind::VoteGranted { .. });
    match event.index.cmp(&candidacy.index) {
        Ordering::Equal => OF_A_DEFECT,
        Ordering::Greater if is_of_elections && event.host == candidacy.host => -OF_A_DEFECT,
        _ => 0,
    }
}

/// What a process went through because of a fault without which the breach comes all the same: its
/// start, its registration, its way back into the in-sync set.
struct Aftermath {
    hosts: Vec<HostId>,
    nodes: Vec<BrokerId>,
    /// From the fault on, over its end, until all were in sync again, or to the end.
    from: u64,
    over: u64,
    to: u64,
}

impl Aftermath {
    fn of_idle(tape: &Tape, focus: &Focus) -> Vec<Self> {
        // Where it is about who is in sync, or waited for, that is the story itself.
        if matches!(focus.shape, Shape::InSync | Shape::Stuck | Shape::Replica | Shape::Group) {
            return Vec::new();
        }
        let faults = tape.faults(focus.decisive).into_iter();
        let idle = faults.filter(|fault| focus.retried.idle.contains(&fault.number));
        let found = idle.map(|fault| {
            let nodes: Vec<BrokerId> =
                fault.hosts.iter().filter_map(|host| tape.setup.node(*host)).collect();
            let end = fault.ended.unwrap_or(u64::MAX);
            let back = tape.events.iter().find(|event| {
                event.index > end
                    && matches!(&event.kind, Kind::PartitionCommitted { partition, in_sync, .. }
                        if Some(*partition) == focus.partition
                            && nodes.iter().all(|node| in_sync.contains(*node)))
            });
            let to = back.map_or(u64::MAX, |event| event.index);
            Self { hosts: fault.hosts, nodes, from: fault.began, over: end, to }
        });
        found.collect()
    }

    /// Whether a note tells of nothing else.
    fn led_to(&self, tape: &Tape, focus: &Focus, note: &Note) -> bool {
        let Some(event) = tape.event(note.event) else { return false };
        if event.index < self.from || event.index > self.to {
            return false;
        }
        let is_own = event.host.is_some_and(|host| self.hosts.contains(&host));
        match &event.kind {
            Kind::HostStarted { .. }
            | Kind::HostStopped { .. }
            | Kind::HostResumed {}
            | Kind::RoleTaken { .. }
            | Kind::LogRecovered { .. } => is_own,
            Kind::AlterPartitionSent { .. }
            | Kind::AlterPartitionDecided { .. }
            | Kind::InSyncChanged { .. } => event.index > self.over,
            Kind::BrokerRegistered { broker, .. } | Kind::RegistrationCommitted { broker, .. } => {
                self.nodes.contains(broker)
            }
            Kind::PartitionCommitted { partition, in_sync, leader, .. } => {
                let before = tape.last_before(event, |it| {
                    matches!(&it.kind, Kind::PartitionCommitted { partition: at, .. }
                        if at == partition)
                });
                let Some(Kind::PartitionCommitted { in_sync: was, leader: led, .. }) =
                    before.map(|it| &it.kind)
                else {
                    return false;
                };
                let changed = |one: &BrokerSet, other: &BrokerSet| {
                    let gone = one.iter().filter(|node| !other.contains(*node));
                    gone.into_iter().all(|node| self.nodes.contains(&node))
                };
                Some(*partition) == focus.partition
                    && leader == led
                    && changed(in_sync, was)
                    && changed(was, in_sync)
            }
            _ => false,
        }
    }
}

/// The ends of faults that let a message through which led to the breach soon after.
fn released(tape: &Tape, focus: &Focus, chain: &[bool]) -> BTreeSet<u64> {
    let end = tape.event(focus.decisive).map_or(Moment(0), |event| event.at);
    let faults = tape.faults(focus.decisive);
    let mut ended: BTreeMap<u32, &Event> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for (event, leads) in tape.events.iter().zip(chain) {
        match &event.kind {
            Kind::FaultEnded { fault, .. } => {
                ended.insert(*fault, event);
            }
            Kind::Delivered { from, fault, sent, .. } if *leads => {
                let end_of = ended.iter().filter(|(number, it)| {
                    let record = faults.iter().rfind(|known| known.number == *number + 1);
                    let parted = event.host.zip(record).is_some_and(|(host, record)| {
                        record.ended == Some(it.index) && record.links().part(*from, host)
                    });
                    let held = *fault == Some(**number) && *sent < it.at;
                    (held || parted) && end.0.saturating_sub(it.at.0) < RELEASED_WITHIN
                });
                found.extend(end_of.map(|(_, it)| it.index));
            }
            _ => {}
        }
    }
    found
}

/// Which events led to the breach, by their two parents.
fn chain(tape: &Tape, focus: &Focus) -> Vec<bool> {
    let mut seen = vec![false; tape.events.len()];
    let mut open: Vec<u64> = focus.evidence.clone();
    open.push(focus.decisive);
    while let Some(index) = open.pop() {
        let Some(event) = tape.event(index) else { continue };
        let Some(place) = usize::try_from(index).ok().and_then(|at| seen.get_mut(at)) else {
            continue;
        };
        if std::mem::replace(place, true) {
            continue;
        }
        // Parents come before their children; a damaged file may say otherwise.
        open.extend(event.cause.into_iter().chain(event.about).filter(|parent| *parent < index));
    }
    seen
}

/// Whether the step in which a deed was done led to the breach, from the deed on.
fn led_to(tape: &Tape, chain: &[bool], deed: &Deed) -> bool {
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
fn mark(
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
    let led: Vec<&Deed> = deeds.iter().copied().filter(|deed| led_to(tape, chain, deed)).collect();
    let is_shown = |deed: &&Deed| led_to(tape, chain, deed) || answers(tape, chain, deed);
    let shown: Vec<&Deed> = deeds.iter().copied().filter(is_shown).collect();
    let places = |deeds: &[&Deed]| -> Vec<Place> {
        deeds.iter().filter_map(|deed| Place::of(tape, deed)).collect()
    };
    let (all, leading) = (places(deeds), places(&shown));
    for kind in shows(defect) {
        let shown = candidates.iter_mut().filter_map(|candidate| {
            let event = tape.event(candidate.note.event)?;
            let is_shown = event.kind.name() == *kind && all.iter().any(|step| step.has(event));
            let leads = leading.iter().any(|step| step.has(event));
            is_shown.then_some((leads, candidate))
        });
        // That a voter goes on too soon shows where it copies, not where the leader appends.
        let is_it = |tag: Tag| defect != Defect::FetchBeforeFsync || tag == Tag::Copy;
        let best =
            shown.max_by_key(|(leads, it)| (is_it(it.note.tag), *leads, it.score, it.note.event));
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
        false => last_led(tape, &led, deeds).or(deeds.last().copied()),
    };
    let deed = match defect {
        Defect::PollSkips | Defect::PollGoesBack | Defect::NackTakenForProof => {
            last_before_evidence(tape, focus, deeds)
        }
        _ => None,
    }
    .or(deed);
    let Some(deed) = deed else { return };
    let (event, text) = (deed.event, deed.text.clone());
    let note = Note { event, tag: Tag::Deed, extra: 0, text, because: None };
    candidates.push(Candidate { note, score: OF_A_DEFECT * 2, defect: Some(defect) });
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
    let last = *led.last()?;
    if last.defect != Defect::NoCheckQuorum {
        return Some(last);
    }
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

fn step(tape: &Tape, candidate: Candidate) -> Option<Step> {
    let Candidate { note, defect, .. } = candidate;
    let event = tape.event(note.event)?;
    let mut because = note.because;
    if let Some(defect) = defect {
        append(&mut because, &on(defect));
    }
    Some(Step {
        event: note.event,
        moment_us: event.at.scenario_micros(),
        kind: event.kind.name().to_owned(),
        host: event.host.map(|host| tape.host(Some(host)).to_owned()),
        text: note.text,
        because,
    })
}

/// That `defect` made it so; [`acquit`] knows these words.
fn on(defect: Defect) -> String {
    // What it says of Kafka's own case is for the list of defects.
    let what = defect.what();
    format!("{}{}", by(defect), what.split_once(". ").map_or(what, |(first, _)| first))
}

fn by(defect: Defect) -> String {
    format!("{}{SWITCHED_ON}", defect.called())
}

/// What stands behind a defect that is blamed.
const SWITCHED_ON: &str = " is switched on: ";

/// The defect that `because` blames, as it is called, if it blames one.
pub(crate) fn blamed(because: &str) -> Option<&str> {
    let (before, _) = because.split_once(SWITCHED_ON)?;
    before.rfind("the ").map(|at| &before[at..])
}

/// `because`, if it only says that a defect is switched on.
pub(crate) fn blames_only(because: &str) -> Option<&str> {
    blamed(because).filter(|called| because.starts_with(called))
}

/// Takes back that `defect` is to blame: the run was violated without it as well.
pub(crate) fn acquit(steps: &mut Vec<Step>, defect: Defect) {
    for step in steps.iter_mut() {
        let at = step.because.as_ref().and_then(|because| because.find(&by(defect)));
        if let (Some(at), Some(because)) = (at, &mut step.because) {
            because.truncate(at);
            because.truncate(because.trim_end_matches("; ").len());
        }
        step.because = step.because.take().filter(|because| !because.is_empty());
    }
    // What the bug did, and nothing else tells of, is no part of the story.
    steps.retain(|step| step.kind != "defect-acted" || step.because.is_some());
}

fn append(because: &mut Option<String>, more: &str) {
    *because = Some(match because.take() {
        Some(because) => format!("{because}; {more}"),
        None => more.to_owned(),
    });
}
