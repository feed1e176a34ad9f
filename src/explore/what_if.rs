//! What would have saved it: the same seed run again with one thing changed, then nearby seeds
//! with the changes that helped. Nothing is guessed.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::check::Outcome;
use crate::explore::change::{Breached, Change, changes, likeliest};
use crate::explore::outcome::{End, RunOutcome};
use crate::explore::run::{RunOptions, run_once};
use crate::explore::vocabulary::vocabulary;
use crate::report::explain::{Nearby as NearbySeeds, Reruns, Saved};
use crate::scenario::Scenario;
use crate::trace::seconds;
use crate::types::{Expectation, Moment, PropertyName};

/// How many events all runs together may have: about eight seconds on two cores, so that a person
/// waits for less than ten. A number of runs that hung on the clock would differ from one time to
/// the next.
const EVENTS_MAX: u64 = 12_000_000;
/// How many of them runs with other seeds may have, unless so few are too few of them.
const NEARBY_EVENTS: u64 = 3_600_000;
/// How many changes are tried at least, if there are so many.
const CHANGES_MIN: usize = 2;
/// How many changes that helped are tried with other seeds.
const NEARBY_CHANGES_MAX: usize = 5;
/// With how many other seeds at most.
const NEARBY_SEEDS_MAX: u64 = 10;
/// And at least: fewer say nothing.
const NEARBY_SEEDS_MIN: u64 = 4;
/// Of what all runs together may have, so much is kept for other seeds: two fifths.
const NEARBY_SHARE: (u64, u64) = (2, 5);
/// A breach is another if it comes so much earlier or later.
const SAME_WITHIN: Duration = Duration::from_secs(3);

/// What became of a run with one thing changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WhatIf {
    /// The change, in words.
    pub change: String,
    /// The change, as `--set` takes it.
    pub set: Vec<String>,
    /// Whether it helped.
    pub came: Came,
    /// Whether the breach was another: of something else, or at another time.
    pub is_another: bool,
    /// What became of the run.
    pub outcome: String,
    /// What became of other seeds; none where too few could be run to say anything.
    pub nearby: Option<OtherSeeds>,
}

/// Whether a change helped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Came {
    /// The property was tried and not violated.
    Helped,
    /// Nothing tried the property: whether the change helps stays open.
    Untried,
    /// It was violated all the same.
    Violated,
}

/// The same seeds with a change and without.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OtherSeeds {
    /// How many there were.
    pub seeds: u32,
    /// How many violated the property with the change.
    pub violated: u32,
    /// How many violated it without: where none does, the change proves nothing.
    pub without: u32,
}

impl From<WhatIfs> for Reruns {
    fn from(it: WhatIfs) -> Self {
        let saved_by = it.tried.into_iter().map(Saved::from).collect();
        Self { saved_by, not_tried: it.not_tried }
    }
}

impl From<WhatIf> for Saved {
    fn from(it: WhatIf) -> Self {
        let nearby = |it: OtherSeeds| NearbySeeds {
            violated: it.violated,
            seeds: it.seeds,
            without: it.without,
        };
        Self {
            change: it.change,
            set: it.set,
            helped: it.came == Came::Helped,
            untried: it.came == Came::Untried,
            another: it.is_another,
            outcome: it.outcome,
            nearby: it.nearby.map(nearby),
        }
    }
}

/// What the runs with one thing changed came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WhatIfs {
    /// The changes that were tried: those that helped first.
    pub tried: Vec<WhatIf>,
    /// Those for which too few events were left, in words.
    pub not_tried: Vec<String>,
}

/// The breach of one run: what it is of, and when it was found if that was before the end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Breach {
    of: Option<String>,
    at: Option<Moment>,
}

impl Breach {
    /// That of a run which was to stop at it.
    fn of(outcome: &RunOutcome, property: &str) -> Self {
        let claim = outcome.claims.iter().find(|claim| claim.property.name() == property);
        let lived = Moment(u64::try_from(outcome.simulated.as_micros()).unwrap_or(u64::MAX));
        Self {
            of: claim.and_then(|claim| claim.of.clone()),
            at: (outcome.end == End::Stopped).then_some(lived),
        }
    }

    /// How it differs from `before`, if it is another: ", but of x at 1 s, not of y at 2 s".
    fn beside(&self, before: &Self) -> Option<String> {
        let times = self.at.zip(before.at);
        let apart = times.map_or(0, |(now, before)| now.0.abs_diff(before.0));
        let is_elsewhen = Duration::from_micros(apart) > SAME_WITHIN;
        let places = self.of.as_ref().zip(before.of.as_ref());
        let is_elsewhere = places.is_some_and(|(now, before)| now != before);
        let told = |it: &Self| {
            let of = it.of.as_ref().filter(|_| is_elsewhere).map(|of| format!("of {of}"));
            let at = it.at.filter(|_| is_elsewhen).map(|at| format!("at {}", seconds(at)));
            [of, at].into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        (is_elsewhen || is_elsewhere)
            .then(|| format!("but another: {} (here {})", told(self), told(before)))
    }
}

/// The run as it was: others are compared with it.
struct Before {
    /// From beginning to end.
    base: RunOutcome,
    /// To its breach.
    found: RunOutcome,
    breach: Breach,
    /// Where other runs stop, too.
    stops: RunOptions,
}

impl Before {
    fn of(scenario: &Scenario, seed: u64, property: &str, spent: &mut Spent) -> Self {
        let until_violated = PropertyName::from_name(property);
        let mut stops = RunOptions { until_violated, ..RunOptions::default() };
        let mut asked = |all: &[RunOptions]| {
            let asked: Vec<_> = all.iter().map(|options| (scenario, seed, *options)).collect();
            spent.run_all(&asked).into_iter()
        };
        let mut outcomes = asked(&[RunOptions::default(), stops]);
        let mut next = || outcomes.next().expect("what was asked for is answered");
        let (base, mut found) = (next(), next());
        if found.end != End::Stopped {
            // It is not promised here, and there is no other.
            stops.or_outside = true;
            found = asked(&[stops]).next().expect("what was asked for is answered");
        }
        let breach = Breach::of(&found, property);
        Self { base, found, breach, stops }
    }
}

/// A change that was tried.
struct Trial {
    change: Change,
    scenario: Scenario,
    outcome: RunOutcome,
}

/// Tries the changes that apply to `scenario`, whose run with `seed` had so many `events` and
/// violated `property`.
///
/// A run stops where its violation is found: what became of it is known then.
pub fn what_if(scenario: &Scenario, seed: u64, property: &str, events: u64) -> WhatIfs {
    let mut spent = Spent::default();
    let before = Before::of(scenario, seed, property, &mut spent);
    let of = Breached {
        plan: &scenario.plan,
        seed,
        property,
        of: before.breach.of.as_deref(),
        faults: &before.found.faults_begun,
        operations: &before.found.operations_asked,
    };
    let (offered, order) = offered(scenario, &of);
    let first = EVENTS_MAX - EVENTS_MAX * NEARBY_SHARE.0 / NEARBY_SHARE.1;
    let mut outcomes: BTreeMap<usize, RunOutcome> = BTreeMap::new();
    while outcomes.len() < order.len() {
        let affordable = first.saturating_sub(spent.events) / events.max(1);
        let affordable = usize::try_from(affordable).unwrap_or(usize::MAX);
        let least = if outcomes.is_empty() { CHANGES_MIN } else { 0 };
        let rest = order.iter().skip(outcomes.len()).take(affordable.max(least));
        let asked: Vec<_> = rest.map(|at| (&offered[*at].1, seed, before.stops)).collect();
        if asked.is_empty() {
            break;
        }
        let places = order[outcomes.len()..].iter().copied();
        outcomes.extend(places.zip(spent.run_all(&asked)).collect::<Vec<_>>());
    }
    let (mut trials, mut not_tried) = (Vec::new(), Vec::new());
    for (at, (change, scenario)) in offered.into_iter().enumerate() {
        match outcomes.remove(&at) {
            Some(outcome) => trials.push(Trial { change, scenario, outcome }),
            None => not_tried.push(change.words),
        }
    }
    let mut tried: Vec<WhatIf> =
        trials.iter().map(|trial| what_came(trial, property, &before)).collect();
    let question = Nearby { scenario, seed, property, before: &before };
    if !question.ask(&trials, &mut spent, &mut tried) {
        not_tried.push("other seeds".to_owned());
    }
    let order = likeliest(&of, trials.iter().map(|trial| &trial.change));
    count_lost(&before, (&trials, &order), seed, &mut spent, &mut tried);
    tried.sort_by_key(|it| (it.came, !it.is_another));
    WhatIfs { tried, not_tried }
}

/// Says of changes that did not help how many records are lost with them, where that differs. What
/// was stopped at its breach runs to its end for that, the likeliest first, as far as events are
/// left.
fn count_lost(
    before: &Before,
    (trials, order): (&[Trial], &[usize]),
    seed: u64,
    spent: &mut Spent,
    tried: &mut [WhatIf],
) {
    let Before { base, .. } = before;
    if base.figures.lost == 0 {
        return;
    }
    let affordable = EVENTS_MAX.saturating_sub(spent.events) / base.fingerprint.events.max(1);
    let is_stopped = |at: &&usize| trials[**at].outcome.end == End::Stopped;
    let stopped = order.iter().filter(is_stopped);
    let stopped: Vec<usize> =
        stopped.take(usize::try_from(affordable).unwrap_or(usize::MAX)).copied().collect();
    let options = RunOptions::default();
    let asked: Vec<_> = stopped.iter().map(|at| (&trials[*at].scenario, seed, options)).collect();
    for (at, outcome) in stopped.iter().zip(spent.run_all(&asked)) {
        let (now, was) = (outcome.figures.lost, base.figures.lost);
        if now != was && !matches!(outcome.end, End::Crashed(_)) {
            tried[*at].outcome += &format!("; records lost {now} (was {was})");
        }
    }
}

/// The changes that kafsim takes, each with the scenario that it makes; and their places, the
/// likeliest first.
fn offered(scenario: &Scenario, of: &Breached<'_>) -> (Vec<(Change, Scenario)>, Vec<usize>) {
    let Scenario { file, text, .. } = scenario;
    let read = |change: Change| {
        let read = Scenario::read(file, text, &change.set, &[], &vocabulary());
        read.ok().map(|scenario| (change, scenario))
    };
    let offered: Vec<_> = changes(of).into_iter().filter_map(read).collect();
    let order = likeliest(of, offered.iter().map(|(change, _)| change));
    (offered, order)
}

fn what_came(trial: &Trial, property: &str, before: &Before) -> WhatIf {
    let Trial { change, outcome, .. } = trial;
    let came = came(outcome, property);
    let breach = Some(Breach::of(outcome, property)).filter(|_| came == Came::Violated);
    let another = breach.and_then(|breach| breach.beside(&before.breach));
    WhatIf {
        change: change.words.clone(),
        set: change.set.clone(),
        came,
        is_another: another.is_some(),
        outcome: told(outcome, property, before, another),
        nearby: None,
    }
}

/// What other seeds came to, with the changes that helped and without.
struct Nearby<'a> {
    scenario: &'a Scenario,
    seed: u64,
    property: &'a str,
    before: &'a Before,
}

impl Nearby<'_> {
    /// Asks, and says so; where nothing helped that means the same with another seed, there is
    /// nothing to ask.
    fn ask(&self, trials: &[Trial], spent: &mut Spent, tried: &mut [WhatIf]) -> bool {
        let is_asked =
            |at: &usize| tried[*at].came == Came::Helped && !trials[*at].change.is_of_seed;
        let helped: Vec<usize> = (0..tried.len()).filter(is_asked).collect();
        let left = EVENTS_MAX.saturating_sub(spent.events);
        // Fewer changes with more seeds: one seed or two say nothing.
        let affordable = (1..=NEARBY_CHANGES_MAX.min(helped.len())).rev().find_map(|count| {
            let own = helped.iter().take(count).map(|at| trials[*at].outcome.fingerprint.events);
            let own = own.fold(self.before.base.fingerprint.events, u64::saturating_add).max(1);
            let may = if count == 1 { left } else { left.min(NEARBY_EVENTS) };
            let seeds = (may / own).min(NEARBY_SEEDS_MAX);
            let seeds = seeds.min((NEARBY_EVENTS / own).max(NEARBY_SEEDS_MIN));
            (seeds >= NEARBY_SEEDS_MIN).then_some((count, seeds))
        });
        let Some((count, seeds)) = affordable else { return helped.is_empty() };
        let stops = self.before.stops;
        let seeds_of =
            |scenario| (1..=seeds).map(move |more| (scenario, self.seed.wrapping_add(more), stops));
        let mut asked: Vec<_> = seeds_of(self.scenario).collect();
        let nearby: Vec<usize> = helped.into_iter().take(count).collect();
        asked.extend(nearby.iter().flat_map(|at| seeds_of(&trials[*at].scenario)));
        let outcomes = spent.run_all(&asked);
        let mut each = outcomes.chunks(usize::try_from(seeds).unwrap_or(usize::MAX).max(1));
        let mut violated = || {
            let all = each.next().unwrap_or_default().iter();
            let violated = all.filter(|it| came(it, self.property) == Came::Violated).count();
            u32::try_from(violated).unwrap_or(u32::MAX)
        };
        let without = violated();
        let seeds = u32::try_from(seeds).unwrap_or(u32::MAX);
        for at in nearby {
            tried[at].nearby = Some(OtherSeeds { seeds, violated: violated(), without });
        }
        true
    }
}

/// A scenario, a seed, and how to run them.
type Ask<'a> = (&'a Scenario, u64, RunOptions);

/// Runs, and counts the events.
#[derive(Default)]
struct Spent {
    events: u64,
}

impl Spent {
    fn run_all(&mut self, asked: &[Ask<'_>]) -> Vec<RunOutcome> {
        let outcomes = run_all(asked);
        let events = outcomes.iter().map(|outcome| outcome.fingerprint.events);
        self.events = events.fold(self.events, u64::saturating_add);
        outcomes
    }
}

/// Runs scenarios with seeds, on all cores; what came of them, in the order asked for.
fn run_all(asked: &[Ask<'_>]) -> Vec<RunOutcome> {
    let jobs = std::thread::available_parallelism().map_or(1, NonZero::get).min(asked.len());
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, RunOutcome)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((scenario, seed, options)) = asked.get(at) else { return };
                    let outcome = run_once(scenario, *seed, options).outcome;
                    done.lock().expect("no run panics while it holds the lock").push((at, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no run panics while it holds the lock");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn came(outcome: &RunOutcome, property: &str) -> Came {
    let is_broken = matches!(outcome.end, End::Crashed(_) | End::NeverFormed);
    match verdict(outcome, property) {
        Some(it) if it.violation().is_some() => Came::Violated,
        _ if is_broken => Came::Violated,
        Some(Outcome::NotExercised) => {
            match stronger(property).and_then(|it| verdict(outcome, it)) {
                Some(it) if it.violation().is_some() => Came::Violated,
                Some(Outcome::Holds) => Came::Helped,
                _ if is_told_unknown(outcome, property) => Came::Helped,
                _ => Came::Untried,
            }
        }
        _ => Came::Helped,
    }
}

fn verdict<'a>(outcome: &'a RunOutcome, property: &str) -> Option<&'a Outcome> {
    let claim = outcome.claims.iter().find(|claim| claim.property.name() == property);
    claim.map(|claim| &claim.verdict.outcome)
}

/// Whether a breach is outside what the property presupposes.
fn is_outside(outcome: &RunOutcome, property: &str) -> bool {
    let verdict = verdict(outcome, property);
    verdict
        .is_some_and(|it| matches!(it, Outcome::OutsidePremise { .. }) && it.violation().is_some())
}

/// The promise that takes the place of a weaker one when all ask for it.
fn stronger(property: &str) -> Option<&'static str> {
    (property == "acks-one-durability").then_some("acked-durability")
}

/// Whether producers reported no batch as failed because they say of those that may be in a log
/// that nobody knows: that is what the property asks of them.
fn is_told_unknown(outcome: &RunOutcome, property: &str) -> bool {
    property == "nack-not-proof" && outcome.figures.unknown > 0
}

/// What became of a run, beside what became of it as it was.
fn told(outcome: &RunOutcome, property: &str, before: &Before, another: Option<String>) -> String {
    let base = &before.base;
    let now_outside = is_outside(outcome, property);
    let was_outside = is_outside(&before.found, property);
    let mut parts = vec![match verdict(outcome, property) {
        Some(Outcome::OutsidePremise { .. }) if now_outside && was_outside => {
            "still violated, outside its premise as before".to_owned()
        }
        Some(Outcome::OutsidePremise { .. }) if now_outside => {
            "still happens, though it is not promised any more".to_owned()
        }
        Some(Outcome::Violated { .. }) if was_outside => {
            "still violated, and now within its premise".to_owned()
        }
        Some(Outcome::Violated { .. }) => "still violated".to_owned(),
        Some(Outcome::Holds | Outcome::OutsidePremise { .. }) => "not violated".to_owned(),
        Some(Outcome::NotExercised) => match (stronger(property), came(outcome, property)) {
            (Some(stronger), Came::Helped) => format!("{stronger} takes its place, and holds"),
            (Some(stronger), Came::Violated) => {
                format!("{stronger} takes its place, and is violated")
            }
            (None, Came::Helped) => {
                "not violated: of what may be written it is said that nobody knows".to_owned()
            }
            _ => "nothing put it to the test".to_owned(),
        },
        None => "it crashed".to_owned(),
    }];
    if let Some(another) = another {
        parts[0] += &format!(", {another}");
    }
    match &outcome.end {
        End::Crashed(_) => parts.push("the run crashed".to_owned()),
        End::NeverFormed => parts.push("the cluster never formed".to_owned()),
        End::NotLive(_) if !matches!(base.end, End::NotLive(_)) => {
            parts.push("but the cluster does not serve again".to_owned());
        }
        End::NotLive(_) | End::Finished | End::Stopped => {}
    }
    // What was stopped half-way has no figures to be compared.
    if outcome.end == End::Stopped && base.end != End::Stopped {
        return parts.join("; ");
    }
    let (now, before) = (&outcome.figures, &base.figures);
    let mut count = |what: &str, now: u64, before: u64| {
        if now != before {
            parts.push(format!("{what} {now} (was {before})"));
        }
    };
    count("records lost", now.lost, before.lost);
    count("failed", now.failed, before.failed);
    count("unknown", now.unknown, before.unknown);
    let is_new = |name: &str| {
        let old = base.claims.iter().find(|claim| claim.property.name() == name);
        old.is_none_or(|claim| claim.verdict.outcome.violation().is_none())
    };
    let others: Vec<&str> = outcome
        .claims
        .iter()
        .filter(|claim| matches!(claim.verdict.outcome, Outcome::Violated { .. }))
        .filter(|claim| claim.expect != Expectation::May)
        .map(|claim| claim.property.name())
        .filter(|name| *name != property && is_new(name))
        .collect();
    if !others.is_empty() {
        parts.push(format!("but now violates {}", others.join(", ")));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breach_of_something_else_or_at_another_time_is_another() {
        let breach = |of: &str, seconds: Option<u64>| Breach {
            of: Some(of.to_owned()),
            at: seconds.map(|at| Moment::SCENARIO_BEGINS + Duration::from_secs(at)),
        };
        let before = breach("orders-2", Some(37));
        assert_eq!(before.beside(&before), None);
        assert_eq!(breach("orders-2", Some(40)).beside(&before), None, "three seconds are nothing");
        assert_eq!(
            breach("orders-2", None).beside(&before),
            None,
            "found at the end: nobody knows"
        );
        let later = breach("orders-2", Some(41)).beside(&before);
        assert_eq!(later.as_deref(), Some("but another: at 41.000000 (here at 37.000000)"));
        let elsewhere = breach("orders-0", Some(36)).beside(&before);
        assert_eq!(elsewhere.as_deref(), Some("but another: of orders-0 (here of orders-2)"));
        let both = breach("orders-0", Some(50)).beside(&before);
        let told = "but another: of orders-0 at 50.000000 (here of orders-2 at 37.000000)";
        assert_eq!(both.as_deref(), Some(told));
    }
}
