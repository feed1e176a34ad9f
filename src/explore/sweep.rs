//! Many seeds of a scenario, over all cores, told in the order of the seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use crate::check::Outcome;
use crate::explore::outcome::{End, Judgement, RunOutcome};
use crate::explore::run::Executed;
use crate::explore::sweep_groups::{GroupCost, GroupCosts};
use crate::sim::Exposure;
use crate::trace::Fingerprint;
use crate::types::Expectation;
use crate::types::PropertyName;

/// Of so many seeds one is run twice, the first among them, and the two are compared. What fails
/// is run again anyway; a seed that comes out well would never show that it may come out
/// otherwise.
pub const TWICE_EVERY: u64 = 64;

/// What one seed came to, as far as a sweep keeps it.
#[derive(Clone, PartialEq, Debug)]
pub struct SeedOutcome {
    /// The seed.
    pub seed: u64,
    /// Event count and digest.
    pub fingerprint: Fingerprint,
    /// What is wrong with it, if anything.
    pub failure: Option<Failure>,
    /// The properties that were broken within their premises, as expected or not.
    pub violated: BTreeSet<PropertyName>,
    /// Those that it broke outside their premises only.
    pub broken_outside: BTreeSet<PropertyName>,
    /// The properties that were put to the test.
    pub exercised: BTreeSet<PropertyName>,
    /// What became of the faults.
    pub faults: Exposure,
    /// What rebalancing cost each group, in the order of the file.
    pub groups: Vec<(String, GroupCost)>,
}

/// What is wrong with a run, for itself or within a sweep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// As a program judges it.
    pub judgement: Judgement,
    /// The property that was broken, if it is that.
    pub property: Option<PropertyName>,
    /// What happened.
    pub sentence: String,
}

/// The failures of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failures {
    /// How many seeds failed so.
    pub seeds: u64,
    /// The first of them.
    pub first: u64,
    /// Its event count and digest.
    pub fingerprint: Fingerprint,
    /// What happened in it.
    pub sentence: String,
}

/// What a sweep of one scenario came to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SweepOutcome {
    /// How many seeds ran.
    pub seeds: u64,
    /// How many of them came out as expected.
    pub as_expected: u64,
    /// The failures of each kind, by judgement and property.
    pub failures: BTreeMap<(Judgement, Option<PropertyName>), Failures>,
    /// In how many seeds each property was broken within its premise, as expected or not.
    pub violated: BTreeMap<PropertyName, u64>,
    /// In how many seeds each was broken, but only outside its premise.
    pub broken_outside: BTreeMap<PropertyName, u64>,
    /// In how many seeds each property was put to the test.
    pub exercised: BTreeMap<PropertyName, u64>,
    /// The faults of all seeds.
    pub faults: Exposure,
    /// What rebalancing cost each group, in the order of the file.
    pub groups: Vec<(String, GroupCosts)>,
    /// Claims of the file that no seed bore out.
    pub unmet: Vec<(PropertyName, Expectation)>,
    /// Claims of the file that no seed put to the test.
    pub idle: Vec<PropertyName>,
}

impl SeedOutcome {
    /// What a sweep keeps of `outcome`.
    pub fn of(outcome: &RunOutcome) -> Self {
        let named = |test: fn(&Outcome) -> bool| {
            let claims = outcome.claims.iter();
            let named = claims.filter(|claim| test(&claim.verdict.outcome));
            named.map(|claim| claim.property).collect()
        };
        Self {
            seed: outcome.seed,
            fingerprint: outcome.fingerprint,
            failure: Failure::in_sweep(outcome),
            violated: named(|outcome| matches!(outcome, Outcome::Violated { .. })),
            broken_outside: named(|outcome| {
                matches!(outcome, Outcome::OutsidePremise { violation: Some(_), .. })
            }),
            exercised: named(|outcome| !matches!(outcome, Outcome::NotExercised)),
            faults: outcome.faults,
            groups: (outcome.figures.groups.iter())
                .map(|group| (group.name.clone(), GroupCost::of(group)))
                .collect(),
        }
    }
}

impl Failure {
    /// What is wrong with `outcome` for itself; `None` when nothing is.
    pub fn of(outcome: &RunOutcome) -> Option<Self> {
        let judgement = outcome.judgement();
        let failure = |sentence: String| Some(Self { judgement, property: None, sentence });
        match judgement {
            Judgement::AsExpected => None,
            Judgement::Unexpected => Self::broken_claim(outcome, |_| true),
            Judgement::Crashed | Judgement::NotLive => failure(match &outcome.end {
                End::Crashed(what) | End::NotLive(what) => what.clone(),
                End::NeverFormed => {
                    "the cluster did not form in the ten seconds before time zero".to_owned()
                }
                End::Finished | End::Stopped => String::new(),
            }),
            Judgement::Nondeterministic => failure("two executions differ".to_owned()),
            Judgement::Vacuous => failure(match outcome.claims.iter().find(|c| c.is_vacuous()) {
                Some(claim) => {
                    format!("nothing happened that could break `{}`", claim.property.name())
                }
                None => "none of the faults changed anything".to_owned(),
            }),
        }
    }

    /// What is wrong with `outcome` as one seed of many: that one seed shows no violation, or
    /// exercises nothing, is no failure.
    fn in_sweep(outcome: &RunOutcome) -> Option<Self> {
        let judgement = outcome.judgement();
        match judgement {
            Judgement::Vacuous => None,
            Judgement::Unexpected => {
                // A museum's seed may show what it claims or not.
                Self::broken_claim(outcome, |expect| expect == Expectation::Holds)
            }
            Judgement::AsExpected
            | Judgement::Crashed
            | Judgement::NotLive
            | Judgement::Nondeterministic => Self::of(outcome),
        }
    }

    /// Two executions of a seed came to `first` and then to `second`.
    fn differs(first: &SeedOutcome, second: &SeedOutcome) -> Self {
        let what = match first.fingerprint == second.fingerprint {
            true => "the same events and other verdicts".to_owned(),
            false => format!("{} and then {}", first.fingerprint, second.fingerprint),
        };
        let sentence = format!("run twice, it came to {what}: a defect of kafsim");
        Self { judgement: Judgement::Nondeterministic, property: None, sentence }
    }

    fn broken_claim(outcome: &RunOutcome, of: impl Fn(Expectation) -> bool) -> Option<Self> {
        let claim = outcome.unmet().find(|claim| of(claim.expect))?;
        let sentence = match claim.verdict.outcome.violation() {
            Some(violation) if claim.expect == Expectation::Holds => violation.sentence.clone(),
            _ => {
                let came = claim.verdict.outcome.name();
                format!("expected: {}; what came out: {came}", claim.expect.name())
            }
        };
        let property = Some(claim.property);
        Some(Self { judgement: Judgement::Unexpected, property, sentence })
    }
}

impl SweepOutcome {
    /// Adds the next seed.
    pub fn add(&mut self, seed: &SeedOutcome) {
        self.seeds += 1;
        match &seed.failure {
            None => self.as_expected += 1,
            Some(failure) => {
                let first = || Failures {
                    seeds: 0,
                    first: seed.seed,
                    fingerprint: seed.fingerprint,
                    sentence: failure.sentence.clone(),
                };
                let key = (failure.judgement, failure.property);
                self.failures.entry(key).or_insert_with(first).seeds += 1;
            }
        }
        for property in &seed.broken_outside {
            *self.broken_outside.entry(*property).or_default() += 1;
        }
        for property in &seed.violated {
            *self.violated.entry(*property).or_default() += 1;
        }
        for property in &seed.exercised {
            *self.exercised.entry(*property).or_default() += 1;
        }
        for (name, cost) in &seed.groups {
            let at = self.groups.iter().position(|(known, _)| known == name);
            let at = at.unwrap_or_else(|| {
                self.groups.push((name.clone(), GroupCosts::default()));
                self.groups.len() - 1
            });
            self.groups[at].1.add(*cost);
        }
        self.faults.planned += seed.faults.planned;
        self.faults.begun += seed.faults.begun;
        self.faults.bit += seed.faults.bit;
    }

    /// Judges the claims of the file over all seeds: `violated` must be seen in one.
    pub fn finish(&mut self, claims: &[(PropertyName, Expectation)]) {
        for (property, expect) in claims {
            let is_seen =
                self.violated.contains_key(property) || self.broken_outside.contains_key(property);
            if *expect == Expectation::Violated && !is_seen {
                self.unmet.push((*property, *expect));
            }
            if *expect != Expectation::May && !self.exercised.contains_key(property) {
                self.idle.push(*property);
            }
        }
    }

    /// The outcome as a program judges it: the worst of all seeds, then of the whole.
    pub fn judgement(&self) -> Judgement {
        let order = [
            Judgement::Crashed,
            Judgement::Nondeterministic,
            Judgement::Unexpected,
            Judgement::NotLive,
        ];
        let seen = |judgement| self.failures.keys().any(|(found, _)| *found == judgement);
        if let Some(worst) = order.into_iter().find(|judgement| seen(*judgement)) {
            return worst;
        }
        if !self.unmet.is_empty() {
            return Judgement::Unexpected;
        }
        let nothing_bit = self.faults.planned > 0 && self.faults.bit == 0;
        if nothing_bit || !self.idle.is_empty() {
            return Judgement::Vacuous;
        }
        Judgement::AsExpected
    }
}

/// Runs every seed of `seeds` by `run` on `jobs` threads, and tells `each` what came of it, in
/// the order of the seeds whatever the number of threads. `each` says whether to go on.
///
/// Every [`TWICE_EVERY`]th seed, the first included, is run twice; when the two differ it fails as
/// [`Judgement::Nondeterministic`].
pub fn sweep(
    seeds: Range<u64>,
    jobs: usize,
    run: impl Fn(u64) -> Executed + Sync,
    mut each: impl FnMut(SeedOutcome) -> bool,
) {
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicBool::new(false);
    let (sender, results) = mpsc::channel();
    let sender = Mutex::new(sender);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let sender = sender.lock().expect("no thread panics while it holds the lock").clone();
            let (next, stop, run, Range { start, end }) = (&next, &stop, &run, seeds.clone());
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let is_sample = (seed - start).is_multiple_of(TWICE_EVERY);
                    let result = run_seed(seed, run, is_sample);
                    if sender.send((seed, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut due = seeds.start;
        for (seed, result) in results {
            waiting.insert(seed, result);
            while let Some(result) = waiting.remove(&due) {
                due += 1;
                if !each(result) {
                    stop.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    });
}

/// What `seed` came to, also when it is run a second time.
fn run_seed(seed: u64, run: impl Fn(u64) -> Executed, is_twice: bool) -> SeedOutcome {
    let first = SeedOutcome::of(&run(seed).outcome);
    if !is_twice {
        return first;
    }
    let second = SeedOutcome::of(&run(seed).outcome);
    if first == second {
        return first;
    }
    SeedOutcome { failure: Some(Failure::differs(&first, &second)), ..first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Subject, Verdict, Violation};
    use crate::explore::outcome::ClaimOutcome;
    use crate::explore::outcome::tests::plan;
    use crate::history::Figures;
    use crate::types::BrokerId;
    use std::time::Duration;

    fn outcome(seed: u64, violated: bool, expect: Expectation) -> RunOutcome {
        let outcome = if violated {
            let violation = Violation {
                sentence: "record 7 is gone".to_owned(),
                evidence: vec![],
                subject: Subject::Node { node: BrokerId(1) },
            };
            Outcome::Violated { violation }
        } else {
            Outcome::Holds
        };
        let verdict = Verdict {
            property: "acked-durability".to_owned(),
            outcome,
            exercised: 1,
            violations: u64::from(violated),
        };
        RunOutcome {
            scenario: "s.toml".to_owned(),
            plan: plan(),
            seed,
            end: End::Finished,
            fingerprint: Fingerprint::default(),
            simulated: Duration::from_secs(70),
            messages: 0,
            claims: vec![ClaimOutcome {
                property: PropertyName::AckedDurability,
                expect,
                is_written: true,
                is_promised: false,
                is_left_behind: false,
                is_liveness: false,
                verdict,
                of: None,
            }],
            figures: Figures::default(),
            story: Vec::new(),
            faults: Exposure { planned: 2, begun: 2, bit: 1 },
            faults_begun: [(1, true), (2, false)].into(),
            operations_asked: [].into(),
            run_file: None,
        }
    }

    fn run(expect: Expectation, seeds: Range<u64>, jobs: usize) -> (Vec<u64>, SweepOutcome) {
        let execute = |seed: u64| {
            let outcome = outcome(seed, seed % 10 == 3, expect);
            Executed { outcome, run_file: None }
        };
        let mut order = Vec::new();
        let mut whole = SweepOutcome::default();
        sweep(seeds, jobs, execute, |seed| {
            order.push(seed.seed);
            whole.add(&seed);
            true
        });
        whole.finish(&[(PropertyName::AckedDurability, expect)]);
        (order, whole)
    }

    #[test]
    fn seeds_are_told_in_order_whatever_the_number_of_threads() {
        let (order, whole) = run(Expectation::Holds, 0..50, 1);
        assert_eq!(order, (0..50).collect::<Vec<_>>());
        assert_eq!(run(Expectation::Holds, 0..50, 4), (order, whole.clone()));
        assert_eq!(whole.judgement(), Judgement::Unexpected);
        let key = (Judgement::Unexpected, Some(PropertyName::AckedDurability));
        let sentence = "record 7 is gone".to_owned();
        let fingerprint = Fingerprint::default();
        assert_eq!(whole.failures[&key], Failures { seeds: 5, first: 3, fingerprint, sentence });
    }

    #[test]
    fn a_claimed_violation_must_be_seen_in_one_seed() {
        let (_, seen) = run(Expectation::Violated, 0..10, 2);
        assert_eq!((seen.judgement(), seen.as_expected), (Judgement::AsExpected, 10));
        let (_, unseen) = run(Expectation::Violated, 0..3, 2);
        assert_eq!(unseen.judgement(), Judgement::Unexpected);
        assert_eq!(unseen.unmet.len(), 1);
    }

    /// Sweeps `seeds`, whose runs end as `of(seed, how many times the seed has run before)` says.
    fn sweep_of(
        seeds: Range<u64>,
        of: impl Fn(u64, u64) -> RunOutcome + Sync,
    ) -> (BTreeMap<u64, u64>, SweepOutcome) {
        let times = Mutex::new(BTreeMap::new());
        let execute = |seed| {
            let mut times = times.lock().unwrap();
            let before = times.entry(seed).or_insert(0);
            *before += 1;
            Executed { outcome: of(seed, *before - 1), run_file: None }
        };
        let mut whole = SweepOutcome::default();
        sweep(seeds, 2, execute, |seed| {
            whole.add(&seed);
            true
        });
        (times.into_inner().unwrap(), whole)
    }

    #[test]
    fn a_sample_of_the_seeds_runs_twice() {
        let (times, whole) = sweep_of(5..150, |seed, _| outcome(seed, false, Expectation::Holds));
        let twice: Vec<u64> =
            times.iter().filter(|(_, n)| **n == 2).map(|(seed, _)| *seed).collect();
        assert_eq!(twice, [5, 69, 133]);
        assert_eq!(times.values().sum::<u64>(), 145 + 3);
        assert_eq!((whole.seeds, whole.as_expected), (145, 145));
        assert_eq!(whole.judgement(), Judgement::AsExpected);
    }

    #[test]
    fn a_green_seed_that_runs_differently_the_second_time_is_told() {
        let (_, whole) = sweep_of(5..150, |seed, before| {
            // Only the last of the sample differs, and only in its events.
            let hash = if seed == 133 { u128::from(before) } else { 0 };
            let fingerprint = Fingerprint { events: 9, hash };
            RunOutcome { fingerprint, ..outcome(seed, false, Expectation::Holds) }
        });
        assert_eq!(whole.judgement(), Judgement::Nondeterministic);
        assert_eq!(whole.judgement() as u8, 5, "the exit code");
        assert_eq!(whole.as_expected, 144);
        let told = &whole.failures[&(Judgement::Nondeterministic, None)];
        assert_eq!((told.seeds, told.first), (1, 133));
        let zeros = "0".repeat(31);
        let sentence =
            format!("run twice, it came to 9-{zeros}0 and then 9-{zeros}1: a defect of kafsim");
        assert_eq!(told.sentence, sentence);
    }

    #[test]
    fn verdicts_that_differ_over_the_same_events_are_told() {
        let (_, whole) =
            sweep_of(0..1, |seed, before| outcome(seed, before > 0, Expectation::Holds));
        let told = &whole.failures[&(Judgement::Nondeterministic, None)];
        assert!(told.sentence.contains("the same events and other verdicts"), "{told:?}");
        assert_eq!(whole.judgement(), Judgement::Nondeterministic);
    }
}
