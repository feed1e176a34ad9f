//! An explanation from a run's events, its cast and its verdicts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::check::{Outcome, Verdict, infos};
use crate::event::{Event, Kind, OperationResult, Phase};
use crate::report::explain::choose::choose;
use crate::report::explain::focus::{Focus, Shape};
use crate::report::explain::not_cause::not_the_cause;
use crate::report::explain::order::{expected, violations};
use crate::report::explain::picture::picture;
use crate::report::explain::reason::Reasons;
use crate::report::explain::shape::{Explanation, Other, Reruns, Retried};
use crate::report::explain::tape::{Tape, offsets, row};
use crate::report::explain::tell::Teller;
use crate::report::explain::why_not::why_not;
use crate::report::shell::{in_quotes, quoted};
use crate::scenario::Plan;
use crate::trace::{Model, Setup, seconds};
use crate::types::{BatchId, DefectSet, Expectation, Moment, Offset, TopicPartition};

/// What is to be explained.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The scenario as it was run.
    pub plan: &'a Plan,
    /// The seed.
    pub seed: u64,
    /// Who played.
    pub setup: &'a Arc<Setup>,
    /// What the properties came to.
    pub verdicts: &'a [Verdict],
    /// Which of the violations, from 1.
    pub number: usize,
    /// The run file as the commands that show it again shall name it: as a shell takes it.
    pub file: &'a str,
    /// What runs with one thing changed came to, of which [`explain`] makes use, if there are any.
    pub reruns: &'a Reruns,
}

/// The explanation of one violation of a run; of a run without any, what it came to. `None` if the
/// run has fewer violations than asked for.
///
/// What other runs have shown is part of the story: a defect without which it happens as well has
/// no part in it, a fault without which it does not has.
pub fn explain(events: Vec<Event>, asked: Asked<'_>) -> Option<Explanation> {
    let retried = Retried::of(&asked.reruns.saved_by);
    let tape = tape(events, &asked, &retried);
    let mut explanation = one(&tape, &asked, (asked.number, &retried))?;
    explanation.saved_by.clone_from(&asked.reruns.saved_by);
    explanation.not_tried.clone_from(&asked.reruns.not_tried);
    explanation.acquit();
    Some(explanation)
}

/// The explanations of all violations of a run, in the order of their numbers, without what other
/// runs have shown; the number asked for does not count. Of a run without any, what it came to.
pub fn explain_all(events: Vec<Event>, asked: Asked<'_>) -> Vec<Explanation> {
    let retried = Retried::default();
    let tape = tape(events, &asked, &retried);
    let count = violations(asked.plan, asked.verdicts).len().max(1);
    (1..=count).filter_map(|number| one(&tape, &asked, (number, &retried))).collect()
}

fn tape(events: Vec<Event>, asked: &Asked<'_>, retried: &Retried) -> Tape {
    let all = asked.plan.defects.iter();
    let defects = all.filter(|defect| !retried.acquitted.contains(defect)).collect();
    Tape { events, setup: Arc::clone(asked.setup), defects }
}

fn one(
    tape: &Tape,
    asked: &Asked<'_>,
    (number, retried): (usize, &Retried),
) -> Option<Explanation> {
    let found = violations(asked.plan, asked.verdicts);
    let mut explanation = Explanation {
        of: u32::try_from(found.len()).unwrap_or(u32::MAX),
        title: asked.plan.title.clone(),
        seed: asked.seed.to_string(),
        ..Explanation::default()
    };
    if found.is_empty() && number <= 1 {
        nothing_violated(tape, asked, &mut explanation);
        return Some(explanation);
    }
    let verdict = *found.get(number.checked_sub(1)?)?;
    let (focus, model) = Focus::of(tape, verdict, retried)?;
    let (notes, deeds, suspects) = Teller::notes(tape, &focus);
    explanation.number = u32::try_from(number).unwrap_or(u32::MAX);
    explanation.property.clone_from(&verdict.property);
    let info = infos().into_iter().find(|info| info.name == verdict.property);
    explanation.statement = info.map_or_else(String::new, |info| info.statement.to_owned());
    verdict.outcome.name().clone_into(&mut explanation.outcome);
    expected(asked.plan, verdict).name().clone_into(&mut explanation.expected);
    explanation.sentence = sentence(tape, &focus, verdict, &model);
    explanation.event = Some(focus.decisive);
    explanation.moment_us = tape.event(focus.decisive).map(|event| event.at.scenario_micros());
    explanation.picture = picture(tape, &focus, &model);
    explanation.why_not = why_not(tape, &focus, &model);
    explanation.not_the_cause = not_the_cause(tape, &focus, suspects);
    explanation.steps = choose(tape, &focus, notes, &deeds);
    let reasons = Reasons { tape, plan: asked.plan, model: &model };
    reasons.give(&mut explanation.steps);
    explanation.again = again(asked, &focus, &explanation, &model);
    explanation.others = others(&found, number);
    Some(explanation)
}

fn others(found: &[&Verdict], number: usize) -> Vec<Other> {
    let other = |(at, verdict): (usize, &&Verdict)| {
        let violation = verdict.outcome.violation()?;
        (at + 1 != number).then(|| Other {
            number: u32::try_from(at + 1).unwrap_or(u32::MAX),
            property: verdict.property.clone(),
            sentence: without_hashes(&violation.sentence, &[]),
        })
    };
    found.iter().enumerate().filter_map(other).collect()
}

fn again(asked: &Asked<'_>, focus: &Focus, so_far: &Explanation, model: &Model) -> Vec<String> {
    let file = asked.file;
    let first = so_far.steps.first().map_or(focus.decisive, |step| step.event);
    let is_known = |partition: &TopicPartition| {
        *partition == TopicPartition::CLUSTER_METADATA || model.partitions.contains_key(partition)
    };
    let about = focus.partition.filter(is_known);
    let about = about.map(|partition| model.partition_name(partition));
    // The page opens at the first violation unless it is told of another.
    let which = match so_far.number {
        0 | 1 => String::new(),
        number => format!(" --violation {number}"),
    };
    let mut commands = vec![
        format!("kafsim replay {file}"),
        format!("kafsim state {file} --at e{}", focus.decisive),
        format!("kafsim view {file} --open{which}"),
    ];
    let timeline = |about: &String| format!("kafsim timeline {file} -p {}", quoted(about));
    commands.extend(about.as_ref().map(timeline));
    if let Some(group) = &focus.group {
        if about.is_none() {
            commands.push(format!("kafsim timeline {file}"));
        }
        let (at, name) = (focus.decisive, quoted(group.name.as_str()));
        commands.push(format!("kafsim state {file} --at e{at} --group {name}"));
    }
    let only = about.map(|about| format!(" partition={about}")).unwrap_or_default();
    let end = focus.decisive.saturating_add(1);
    let filter = in_quotes(&format!("index={first}..{end}{only}"));
    commands.push(format!("kafsim events {file} {filter}"));
    commands
}

/// Who was promised what, and what became of it.
fn sentence(tape: &Tape, focus: &Focus, verdict: &Verdict, model: &Model) -> String {
    let mut sentences = Vec::new();
    // In the order of time: who is told so later is told so behind.
    let end = tape.event(focus.decisive).map_or(Moment(0), |event| event.at);
    let (told, later) = match promise(tape, focus, model) {
        Some((at, text)) if at > end => (None, Some(text)),
        Some((_, text)) => (Some(text), None),
        None => (None, None),
    };
    sentences.extend(told);
    if let Some(violation) = verdict.outcome.violation() {
        let at = tape.event(focus.decisive).map(|event| seconds(event.at));
        let what = without_hashes(&violation.sentence, &focus.batches);
        sentences.push(format!("At {}: {what}.", at.unwrap_or_default()));
    }
    sentences.extend(later);
    sentences.extend(where_they_part(focus, model));
    sentences.extend(committed(tape, focus, model));
    if let Outcome::OutsidePremise { event, because, .. } = &verdict.outcome {
        sentences.push(format!(
            "Kafka does not promise it here: what the property presupposes did not hold \
             (e{event}): {because}."
        ));
    }
    sentences.join(" ")
}

/// What a producer was told of the records, and when: where they stand, as the answer says.
fn promise(tape: &Tape, focus: &Focus, model: &Model) -> Option<(Moment, String)> {
    if focus.shape != Shape::Records {
        return None;
    }
    let (batch, (from, to)) = (focus.batches.first()?, focus.records?);
    let sealed = tape.sealed(*batch)?;
    let Kind::BatchSealed { partition, acks, operations, .. } = &sealed.kind else { return None };
    let (told, base) = tape.events.iter().find_map(|event| match &event.kind {
        Kind::BatchDone { batch: it, result, base_offset: Some(base), .. }
            if it == batch && *result == OperationResult::Ok =>
        {
            Some((event, *base))
        }
        _ => None,
    })?;
    let records = match base == from {
        true => to.0 - from.0,
        false => i64::try_from(operations.len()).ok()?.max(1),
    };
    let verb = if records > 1 { "are" } else { "is" };
    let mut text = format!(
        "{} was told that {} of {} {verb} written ({}, acks={acks}).",
        tape.host(sealed.host),
        offsets(base, Offset(base.0 + records)),
        model.partition_name(*partition),
        seconds(told.at)
    );
    let copies = copies(*batch, focus, model);
    if copies.len() > 1 {
        let copies: Vec<String> = copies.iter().map(ToString::to_string).collect();
        text += &format!(
            " What it sent stands there {} times, at offsets {}.",
            copies.len(),
            row(&copies)
        );
    }
    Some((told.at, text))
}

/// Where the records of `batch` stand in the log of whoever leads, or stood as they were
/// committed.
fn copies(batch: BatchId, focus: &Focus, model: &Model) -> Vec<Offset> {
    let known = focus.partition.and_then(|partition| model.partition(partition));
    let Some(known) = known else { return Vec::new() };
    let leader = known.acting_leader().map(|(_, replica)| &replica.log);
    let found = leader.into_iter().chain([&known.committed]).map(|log| {
        let all = log.entries().iter_from(0);
        let mut bases: Vec<Offset> =
            all.into_iter().filter(|entry| entry.batch == batch).map(|entry| entry.base).collect();
        bases.dedup();
        bases
    });
    found.max_by_key(Vec::len).unwrap_or_default()
}

/// From where on logs differ, if the property names another place.
fn where_they_part(focus: &Focus, model: &Model) -> Option<String> {
    let (from, _) = focus.records?;
    let partition = model.partition_name(focus.partition?);
    match (focus.shape, focus.parted_from) {
        (Shape::Logs, _) if focus.batches.len() > 1 => {
            Some(format!("Their logs differ from offset {from} of {partition} on."))
        }
        (Shape::Replica | Shape::Reading, Some(parted)) => Some(format!(
            "The first record in its log that is not the committed one stands at offset {parted}."
        )),
        _ => None,
    }
}

/// Whether the records had been committed, or were later.
fn committed(tape: &Tape, focus: &Focus, model: &Model) -> Option<String> {
    if focus.shape != Shape::Records {
        return None;
    }
    let (batch, (from, _)) = (focus.batches.first()?, focus.records?);
    let partition = focus.partition?;
    let is_committed = |model: &Model| {
        let known = model.partition(partition);
        known.and_then(|known| known.committed.entry_at(from)).is_some_and(|entry| {
            entry.batch == *batch && focus.epoch.is_none_or(|epoch| epoch == entry.epoch)
        })
    };
    let later = || {
        let mut model = model.clone();
        let rest = usize::try_from(focus.decisive).ok()?.saturating_add(1);
        tape.events.iter().skip(rest).find(|event| {
            model.apply(event);
            let Kind::HighWatermarkMoved { partition: at, .. } = &event.kind else { return false };
            *at == partition && is_committed(&model)
        })
    };
    let (what, them) = match focus.records {
        Some((from, to)) if to.0 - from.0 > 1 => {
            (format!("Offsets {from} to {} were", to.0 - 1), "them")
        }
        _ => (format!("Offset {from} was"), "it"),
    };
    let is_passed =
        model.partition(partition).is_some_and(|known| from < known.true_high_watermark);
    if is_committed(model) {
        return Some(format!("{what} committed: a leader's high watermark had passed {them}."));
    }
    Some(match later() {
        Some(event) => format!(
            "{what} not committed yet: a leader's high watermark passed {them} at {} (e{}).",
            seconds(event.at),
            event.index
        ),
        // The place may have been passed since, with what stands there instead.
        None if is_passed => format!(
            "{what} never committed: what a leader's high watermark passed there is another record."
        ),
        None => format!("{what} never committed: no leader's high watermark passed {them}."),
    })
}

/// `sentence` with batches called by letters, or not at all, instead of by their hashes.
pub fn without_hashes(sentence: &str, batches: &[BatchId]) -> String {
    let is_hash = |word: &str| word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit());
    let letter = |word: &str| {
        let at = batches.iter().position(|batch| batch.to_string() == word);
        at.filter(|_| batches.len() > 1).and_then(|at| u8::try_from(at.min(25)).ok())
    };
    let mut words: Vec<String> = Vec::new();
    // "... differ (batches X and Y)": of use only where both have letters.
    let sentence = match sentence.split_once(" (batches ") {
        Some((head, tail)) => {
            let bare =
                |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
            let are_named = tail.split(" and ").all(|word| letter(&bare(word)).is_some());
            if are_named { sentence } else { head }
        }
        None => sentence,
    };
    let mut unnamed: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if !is_hash(bare) {
            words.push(word.to_owned());
            continue;
        }
        match letter(bare) {
            Some(at) => words.push(word.replace(bare, &char::from(b'A' + at).to_string())),
            None => {
                let tail = word.rsplit(bare).next().unwrap_or_default();
                let is_known = unnamed.iter().any(|known| known == bare);
                let article = match (words.last().is_some_and(|last| last == "batch"), is_known) {
                    (true, false) if unnamed.is_empty() => Some("a batch"),
                    (true, false) => Some("another"),
                    (true, true) => Some("the same"),
                    (false, _) => None,
                };
                unnamed.push(bare.to_owned());
                match (article, words.last_mut()) {
                    (Some(article), Some(last)) => *last = format!("{article}{tail}"),
                    (None, Some(last)) => last.push_str(tail),
                    (_, None) => {}
                }
            }
        }
    }
    words.join(" ")
}

/// How much is told of what a cluster lacked that did not form.
const MISSING_MAX: usize = 4;

/// What a run came to in which nothing was violated.
fn nothing_violated(tape: &Tape, asked: &Asked<'_>, explanation: &mut Explanation) {
    let phase = tape.events.iter().rev().find_map(|event| match &event.kind {
        Kind::PhaseBegan { phase } => Some(*phase),
        _ => None,
    });
    let mut sentences = vec!["No property was violated.".to_owned()];
    let (unmet, told) = claims(tape, asked);
    sentences.extend(told);
    sentences.push(
        match phase {
            Some(Phase::Audit) => {
                "The cluster served again once the faults were over, and the run went to its end."
            }
            Some(Phase::Settle) => {
                "The run ended while the cluster had time to settle: it did not come so far that \
                 every partition took a record and every replica was in sync, or it was stopped."
            }
            Some(Phase::Form) | None => "The run ended before the cluster had formed.",
            Some(Phase::Act | Phase::Heal) => "The run was stopped before its end.",
        }
        .to_owned(),
    );
    if let (Some(Phase::Act), Some(missing)) = (phase, never_formed(tape, asked.plan)) {
        sentences.pop();
        sentences.push(missing);
    }
    "holds".clone_into(&mut explanation.outcome);
    if unmet {
        Expectation::Violated.name().clone_into(&mut explanation.expected);
    }
    explanation.sentence = sentences.join(" ");
    let file = asked.file;
    explanation.again = vec![
        format!("kafsim replay {file}"),
        format!("kafsim view {file} --open"),
        format!("kafsim timeline {file}"),
    ];
}

/// What was missing when the run ended at time zero, as the cluster had not formed; `None` if it
/// had.
fn never_formed(tape: &Tape, plan: &Plan) -> Option<String> {
    let last = tape.events.last()?;
    if !matches!(last.kind, Kind::PhaseBegan { phase: Phase::Act }) {
        return None;
    }
    let model = tape.fold_to(last.index);
    let mut missing: Vec<String> = Vec::new();
    if model.active_controller().is_none() {
        missing.push("no controller was in charge".to_owned());
    }
    let brokers: Vec<String> = (model.registrations.iter())
        .filter(|(_, registration)| registration.fenced)
        .map(|(broker, _)| tape.node(*broker))
        .collect();
    if !brokers.is_empty() {
        missing.push(format!("{} had not been unfenced", row(&brokers)));
    }
    for (partition, known) in &model.partitions {
        let Some(state) = &known.state else { continue };
        let out: Vec<String> = (state.replicas.iter())
            .filter(|broker| !state.in_sync.contains(**broker))
            .map(|broker| tape.node(*broker))
            .collect();
        if !out.is_empty() && missing.len() < MISSING_MAX {
            let name = model.partition_name(*partition);
            missing.push(format!("{} had not joined the in-sync set of {name}", row(&out)));
        }
    }
    let is_there = |topic: &str| model.partition_named(topic, 0).is_some();
    let topics = plan.topics.iter().map(|topic| topic.name.as_str());
    missing.extend(topics.filter(|it| !is_there(it)).map(|it| format!("topic {it} was not there")));
    let what = missing.join("; ");
    (!missing.is_empty())
        .then(|| format!("The cluster did not form in the ten seconds before time zero: {what}."))
}

/// Whether something that was to be violated was not, and what became of what the scenario claims
/// or allows to be violated.
fn claims(tape: &Tape, asked: &Asked<'_>) -> (bool, Vec<String>) {
    let mut sentences = Vec::new();
    let mut allowed: BTreeMap<&'static str, u32> = BTreeMap::new();
    for claim in &asked.plan.claims {
        let name = claim.property.name();
        let Some(verdict) = asked.verdicts.iter().find(|it| it.property == name) else { continue };
        let came = came_to(&verdict.outcome);
        match claim.expect {
            Expectation::Violated => {
                sentences.push(format!("The scenario claims that {name} is violated; it {came}."));
            }
            Expectation::May => {
                let many = if came == "holds" { "hold" } else { "not exercised" };
                *allowed.entry(many).or_default() += 1;
            }
            Expectation::Holds => {}
        }
    }
    let is_unmet = !sentences.is_empty();
    if is_unmet {
        sentences.extend(what_is_missing(tape, asked));
    }
    if !allowed.is_empty() {
        let counts: Vec<String> =
            allowed.iter().map(|(came, count)| format!("{count} {came}")).collect();
        let more = if is_unmet { " too" } else { "" };
        sentences.push(format!(
            "Of what it allows to be violated{more}, none was ({}).",
            counts.join(", ")
        ));
    }
    (is_unmet, sentences)
}

/// What may have been missing: bugs that are off, faults that changed nothing.
fn what_is_missing(tape: &Tape, asked: &Asked<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    if asked.plan.defects == DefectSet::NONE {
        sentences.push("No bug is switched on in this run.".to_owned());
    }
    let last = u64::try_from(tape.events.len()).unwrap_or(u64::MAX);
    let faults = tape.faults(last).into_iter().filter(|fault| fault.bit.is_none());
    let idle: Vec<String> =
        faults.map(|fault| format!("fault {} ({})", fault.number, fault.text)).collect();
    if !idle.is_empty() {
        sentences.push(format!("Nothing was changed by {}.", row(&idle)));
    }
    sentences
}

fn came_to(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "holds",
        Outcome::Violated { .. } => "was violated",
        Outcome::OutsidePremise { .. } => "left its premise",
        Outcome::NotExercised => "was not exercised",
    }
}
