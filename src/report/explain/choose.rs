//! Which of many notes become the steps of an explanation.

use std::collections::BTreeMap;

use crate::report::explain::defects::acts;
use crate::report::explain::focus::Focus;
use crate::report::explain::note::{Note, Tag, weight};
use crate::report::explain::shape::Step;
use crate::report::explain::tape::Tape;
use crate::types::{Defect, Moment};

/// How many steps an explanation has at most.
pub(crate) const STEPS_MAX: usize = 10;
/// How many of one kind.
const ALIKE_MAX: usize = 4;
/// What is far from the end matters less, for each of its like that came after it.
const DECAY: i32 = 5;
/// What led to the breach by the events' own parents.
const OF_THE_CHAIN: i32 = 7;
/// What proves the breach.
const EVIDENCE: i32 = 200;
/// While the cluster forms all comes about as it should.
const WHILE_FORMING: i32 = 120;
/// Where a bug that is switched on did its work.
const OF_A_DEFECT: i32 = 100;

struct Candidate {
    note: Note,
    score: i32,
    defect: Option<Defect>,
}

/// The steps, in the order of time.
pub(crate) fn choose(tape: &Tape, focus: &Focus, notes: Vec<Note>) -> Vec<Step> {
    let chain = chain(tape, focus);
    let mut candidates = rate(tape, focus, notes, &chain);
    for defect in &tape.defects {
        mark(tape, *defect, &mut candidates);
    }
    candidates.retain(|candidate| candidate.score > 0);
    candidates.sort_by_key(|candidate| {
        (std::cmp::Reverse(candidate.score), std::cmp::Reverse(candidate.note.event))
    });
    let mut chosen: Vec<Candidate> = Vec::new();
    let mut alike: BTreeMap<Tag, usize> = BTreeMap::new();
    for candidate in candidates {
        if chosen.len() == STEPS_MAX {
            break;
        }
        let is_told = chosen.iter().any(|other| is_same(&other.note, &candidate.note));
        let count = alike.entry(candidate.note.tag).or_default();
        if is_told || (*count >= ALIKE_MAX && candidate.score < EVIDENCE) {
            continue;
        }
        *count += 1;
        chosen.push(candidate);
    }
    chosen.sort_by_key(|candidate| candidate.note.event);
    let mut steps: Vec<Step> = chosen.into_iter().filter_map(|c| step(tape, c)).collect();
    let is_named = |steps: &[Step], defect: Defect| {
        let has = |step: &Step| step.because.as_ref().is_some_and(|b| b.contains(defect.name()));
        steps.iter().any(has)
    };
    for defect in &tape.defects {
        if !is_named(&steps, *defect)
            && let Some(last) = steps.last_mut()
        {
            append(&mut last.because, &on(*defect));
        }
    }
    steps
}

/// Whether both tell the same, but for numbers of events.
fn is_same(one: &Note, other: &Note) -> bool {
    one.event == other.event && one.tag == other.tag || one.text == other.text
}

fn rate(tape: &Tape, focus: &Focus, notes: Vec<Note>, chain: &[bool]) -> Vec<Candidate> {
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
        if tape.event(note.event).is_some_and(|event| event.at < Moment::SCENARIO_BEGINS) {
            score -= WHILE_FORMING;
        }
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

/// Marks the note that shows `defect` at work, if one does: the weightiest, the latest of equals.
fn mark(tape: &Tape, defect: Defect, candidates: &mut [Candidate]) {
    let is_of = |candidate: &Candidate, kind: &str| {
        tape.event(candidate.note.event).is_some_and(|event| event.kind.name() == kind)
    };
    let is_deed = |candidate: &Candidate| candidate.note.deed == Some(defect);
    let is_known = candidates.iter().any(is_deed);
    let kind = acts(defect).iter().find(|kind| candidates.iter().any(|c| is_of(c, kind)));
    let Some(kind) = kind else { return };
    let best = candidates
        .iter_mut()
        .filter(|candidate| if is_known { is_deed(candidate) } else { is_of(candidate, kind) })
        .max_by_key(|candidate| (candidate.score, candidate.note.event));

    if let Some(best) = best {
        best.score += OF_A_DEFECT;
        best.defect = Some(defect);
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

fn on(defect: Defect) -> String {
    format!("the bug {} is switched on: {}", defect.name(), defect.what())
}

fn append(because: &mut Option<String>, more: &str) {
    *because = Some(match because.take() {
        Some(because) => format!("{because}; {more}"),
        None => more.to_owned(),
    });
}
