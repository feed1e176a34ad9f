//! Which of many notes become the steps of an explanation.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Kind};
use crate::report::explain::focus::{Focus, Shape};
use crate::report::explain::mark::{led_to, mark};
use crate::report::explain::note::{Deed, IDLE, Note, Tag, weight};
use crate::report::explain::rests::rest_upon;
use crate::report::explain::shape::Step;
use crate::report::explain::tape::Tape;
use crate::types::{
    BrokerId, BrokerSet, Defect, ErrorCode, HostId, Moment, Name, Offset, TopicPartition,
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
pub(crate) const OF_A_DEFECT: i32 = 100;
/// Who is elected takes the lead, or is followed, within so many microseconds, if nothing is wrong.
const SOON: u64 = 100_000;
/// Who is asked to end has done so within so many microseconds.
const ENDS_WITHIN: u64 = 60_000_000;

/// What came after all was decided, or was over before it began.
const AFTERWARDS: i32 = 60;
/// What a fault held up, and now goes on its way.
const RELEASES: i32 = 10;
/// The end of a fault is told if so many microseconds at most lie between it and the breach.
const RELEASED_WITHIN: u64 = 5_000_000;

/// How many disks' losses may make one note.
const LOSSES_MAX: usize = 16;

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
    let mut candidates = rate(tape, focus, together(tape, focus, notes), &chain);
    for defect in &tape.defects {
        let own: Vec<&Deed> = deeds.iter().filter(|deed| deed.defect == *defect).collect();
        // Where several are on, it takes more than to have been on.
        let has_led = || own.iter().any(|deed| led_to(tape, &chain, deed));
        if tape.defects.len() > 1 && !focus.is_liveness && !has_led() {
            continue;
        }
        mark(tape, focus, (&own, &chain), &mut candidates);
    }
    let rested: BTreeSet<u64> =
        candidates.iter().flat_map(|it| it.note.rests.iter().copied()).collect();
    candidates.retain(|it| it.score > 0 || rested.contains(&it.note.event));
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
    let is_proof = |note: &Note| focus.evidence.contains(&note.event);
    if one.event == other.event && one.tag == other.tag {
        return true;
    }
    // To replay up to an offset twice may be the breach.
    if one.text == other.text && !(is_proof(one) && is_proof(other)) {
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
    let is_evidence = is_proof(one) || is_proof(other);
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

/// Faults that begin at the same moment make one note, and so does what a failure of power takes
/// from several disks.
fn together(tape: &Tape, focus: &Focus, notes: Vec<Note>) -> Vec<Note> {
    let notes = losses_together(tape, focus, notes);
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

/// What several disks lose of one partition at the same moment, and for the same reason.
fn losses_together(tape: &Tape, focus: &Focus, notes: Vec<Note>) -> Vec<Note> {
    let lost = |note: &Note| {
        let event = tape.event(note.event)?;
        let Kind::DurableEnd { partition, .. } = &event.kind else { return None };
        Some((event.at, *partition, note.tag))
    };
    let is_proof = |note: &Note| focus.evidence.contains(&note.event);
    let is_of_disk =
        |note: &Note| note.because.as_ref().is_some_and(|it| it.contains("disk itself"));
    let is_alike = |one: &Note, other: &Note| is_of_disk(one) == is_of_disk(other);
    let mut found: Vec<Note> = Vec::new();
    for note in notes {
        let Some(here) = lost(&note) else {
            found.push(note);
            continue;
        };
        let same = found.iter_mut().rev().take(LOSSES_MAX).find(|it| {
            lost(it) == Some(here) && is_alike(it, &note) && !(is_proof(it) && is_proof(&note))
        });
        let Some(same) = same else {
            found.push(note);
            continue;
        };
        // "of orders-0 broker-3 loses offsets 212 to 749"
        let what = note.text.splitn(3, ' ').nth(2).unwrap_or(&note.text);
        same.text = format!("{}; {what}", same.text);
        same.extra = same.extra.max(note.extra);
        let of_all =
            same.because.as_ref().map(|it| it.replace("its page cache", "their page caches"));
        same.because = of_all;
        if is_proof(&note) {
            same.event = note.event;
        }
    }
    found
}

fn rate(tape: &Tape, focus: &Focus, notes: Vec<Note>, chain: &[bool]) -> Vec<Candidate> {
    let released = released(tape, focus, chain);
    let idle = Aftermath::of_idle(tape, focus);
    let candidacy = focus.candidacy(tape);
    let passed = focus.passed(tape);
    let well = focus.was_well(tape);
    let mut led: Option<u64> = None;
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
        let is_of_set = matches!(
            note.tag,
            Tag::InSync | Tag::AskInSync | Tag::Counted | Tag::Fence | Tag::Role | Tag::Diverged
        );
        let is_of_others = matches!(note.tag, Tag::Process | Tag::Loss | Tag::Hardware)
            && !tape.event(note.event).is_some_and(|it| {
                let node = it.host.and_then(|host| tape.setup.node(host));
                node.is_some_and(|node| focus.nodes.contains(&node))
            });
        let is_before = well.is_some_and(|well| note.event < well) && !is_evidence;
        // Who led when all was well is told, and not who led before.
        let is_older = note.tag == Tag::Election && is_before && led.replace(note.event).is_some();
        if is_before && (is_of_set || is_of_others) || is_older {
            score -= AFTERWARDS;
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

/// What a note matters where `candidacy` began the epoch that deposed a leader: the candidacy
/// itself does, what its candidate tried later does not.
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
