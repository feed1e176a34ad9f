//! What would have saved it: the same seed run again with one thing changed, then nearby seeds
//! with the changes that helped. Nothing is guessed.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::check::Outcome;
use crate::explore::outcome::{End, RunOutcome};
use crate::explore::run::{RunOptions, run_once};
use crate::explore::vocabulary::vocabulary;
use crate::report::explain::{Nearby, Saved};
use crate::scenario::{Plan, ProducerPlan, Scenario, Trigger, show_duration};
use crate::types::{Expectation, PropertyName};

/// How many events all runs together may have: about seven seconds of one core, so that a
/// person waits for less than ten on a computer that is busy. A number of runs that hung on the
/// clock would differ from one time to the next.
const EVENTS_MAX: u64 = 4_000_000;
/// How many changes are tried at most.
const CHANGES_MAX: usize = 16;
/// How many changes that helped are tried with other seeds.
const NEARBY_CHANGES_MAX: usize = 5;
/// With how many other seeds at most.
const NEARBY_SEEDS_MAX: u64 = 10;
/// And at least: fewer say nothing.
const NEARBY_SEEDS_MIN: u64 = 4;
/// Of what all runs together may have, so much is kept for other seeds: two fifths.
const NEARBY_SHARE: (u64, u64) = (2, 5);
/// How much later a fault is tried.
const LATER: Duration = Duration::from_secs(2);

/// What became of a run with one thing changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WhatIf {
    /// The change, in words.
    pub change: String,
    /// The change, as `--set` takes it.
    pub set: Vec<String>,
    /// Whether it helped.
    pub came: Came,
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

impl From<WhatIf> for Saved {
    fn from(it: WhatIf) -> Self {
        let nearby =
            |it: OtherSeeds| Nearby { violated: it.violated, seeds: it.seeds, without: it.without };
        Self {
            change: it.change,
            set: it.set,
            helped: it.came == Came::Helped,
            untried: it.came == Came::Untried,
            outcome: it.outcome,
            nearby: it.nearby.map(nearby),
        }
    }
}

struct Change {
    words: String,
    set: Vec<String>,
}

/// Tries the changes that apply to `scenario`, whose run with `seed` had so many `events` and
/// violated `property`.
///
/// A run stops where its violation is found: what became of it is known then.
pub fn what_if(scenario: &Scenario, seed: u64, property: &str, events: u64) -> Vec<WhatIf> {
    let mut changes = changes(&scenario.plan, About::of(property));
    let first = EVENTS_MAX - EVENTS_MAX * NEARBY_SHARE.0 / NEARBY_SHARE.1;
    let affordable = usize::try_from(first / events.max(1)).unwrap_or(usize::MAX).max(2);
    changes.truncate(CHANGES_MAX.min(affordable));
    let changed: Vec<(Change, Scenario)> = changes
        .into_iter()
        .filter_map(|change| {
            let read =
                Scenario::read(&scenario.file, &scenario.text, &change.set, &[], &vocabulary());
            read.ok().map(|scenario| (change, scenario))
        })
        .collect();
    let stops =
        RunOptions { until_violated: PropertyName::from_name(property), ..RunOptions::default() };
    // The first is the run as it was, from beginning to end: the others are compared with it.
    let mut asked = vec![(scenario, seed, RunOptions::default())];
    asked.extend(changed.iter().map(|(_, scenario)| (scenario, seed, stops)));
    let mut outcomes = run_all(&asked).into_iter();
    let base = outcomes.next().expect("the run as it was is among them");
    let outcomes: Vec<RunOutcome> = outcomes.collect();
    let mut found: Vec<WhatIf> = changed
        .iter()
        .zip(&outcomes)
        .map(|((change, _), outcome)| WhatIf {
            change: change.words.clone(),
            set: change.set.clone(),
            came: came(outcome, property),
            outcome: told(outcome, property, &base),
            nearby: None,
        })
        .collect();
    let spent = outcomes.iter().chain([&base]).map(|outcome| outcome.fingerprint.events);
    let left = EVENTS_MAX.saturating_sub(spent.fold(0, u64::saturating_add));
    let helped: Vec<usize> =
        (0..found.len()).filter(|at| found[*at].came == Came::Helped).collect();
    let events_of = |at: &usize| outcomes[*at].fingerprint.events;
    // Fewer changes with more seeds: one seed or two say nothing.
    let affordable = (1..=NEARBY_CHANGES_MAX.min(helped.len())).rev().find_map(|count| {
        let own = helped.iter().take(count).map(events_of);
        let own = own.fold(base.fingerprint.events, u64::saturating_add);
        let seeds = (left / own.max(1)).min(NEARBY_SEEDS_MAX);
        (seeds >= NEARBY_SEEDS_MIN).then_some((count, seeds))
    });
    let Some((count, seeds)) = affordable else {
        found.sort_by_key(|it| it.came);
        return found;
    };
    let seeds_of =
        |scenario| (1..=seeds).map(move |more| (scenario, seed.wrapping_add(more), stops));
    let mut asked: Vec<(&Scenario, u64, RunOptions)> = seeds_of(scenario).collect();
    let tried: Vec<usize> = helped.into_iter().take(count).collect();
    asked.extend(tried.iter().flat_map(|at| seeds_of(&changed[*at].1)));
    let outcomes = run_all(&asked);
    let mut each = outcomes.chunks(usize::try_from(seeds).unwrap_or(usize::MAX).max(1));
    let violated = |outcomes: Option<&[RunOutcome]>| {
        let all = outcomes.unwrap_or_default().iter();
        let violated = all.filter(|outcome| came(outcome, property) == Came::Violated).count();
        u32::try_from(violated).unwrap_or(u32::MAX)
    };
    let without = violated(each.next());
    let seeds = u32::try_from(seeds).unwrap_or(u32::MAX);
    for at in tried {
        let violated = violated(each.next());
        found[at].nearby = Some(OtherSeeds { seeds, violated, without });
    }
    found.sort_by_key(|it| it.came);
    found
}

/// Runs scenarios with seeds, on all cores; what came of them, in the order asked for.
fn run_all(asked: &[(&Scenario, u64, RunOptions)]) -> Vec<RunOutcome> {
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
    let claim = outcome.claims.iter().find(|claim| claim.property.name() == property);
    let is_broken = matches!(outcome.end, End::Crashed(_) | End::NeverFormed);
    match claim.map(|claim| &claim.verdict.outcome) {
        Some(it) if it.violation().is_some() => Came::Violated,
        _ if is_broken => Came::Violated,
        Some(Outcome::NotExercised) => Came::Untried,
        _ => Came::Helped,
    }
}

/// What became of a run, beside what became of it as it was.
fn told(outcome: &RunOutcome, property: &str, base: &RunOutcome) -> String {
    let claim = outcome.claims.iter().find(|claim| claim.property.name() == property);
    let mut parts = vec![match claim.map(|claim| &claim.verdict.outcome) {
        Some(Outcome::Violated { .. }) => "still violated".to_owned(),
        Some(it @ Outcome::OutsidePremise { .. }) if it.violation().is_some() => {
            "still happens, though it is not promised any more".to_owned()
        }
        Some(Outcome::Holds | Outcome::OutsidePremise { .. }) => "not violated".to_owned(),
        Some(Outcome::NotExercised) => "nothing put it to the test".to_owned(),
        None => "it crashed".to_owned(),
    }];
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

/// The name of a fault as everything else here says it, and not as scenario files do.
fn words(fault: &str) -> String {
    fault.replace('_', "-")
}

/// The changes that apply to a plan, the likeliest first.
fn changes(plan: &Plan, about: About) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |words: String, set: Vec<String>| changes.push(Change { words, set });
    let defects: Vec<_> = plan.defects.iter().collect();
    for defect in &defects {
        let left: Vec<String> = defects
            .iter()
            .filter(|other| *other != defect)
            .map(|other| format!("\"{}\"", other.name()))
            .collect();
        let set = format!("defects=[{}]", left.join(","));
        add(format!("{} off", defect.called()), vec![set]);
    }
    if about.is_of_records() {
        for (words, set) in record_changes(plan) {
            add(words, set);
        }
    }
    if about.is_of_groups() {
        for (words, set) in group_changes(plan) {
            add(words, set);
        }
    }
    for (number, fault) in (1..).zip(&plan.faults) {
        let what = words(fault.fault.name());
        add(format!("without fault {number} ({what})"), vec![format!("fault.{number}=[]")]);
    }
    for (number, fault) in (1..).zip(&plan.faults) {
        if let Trigger::At(at) = &fault.trigger {
            let later = show_duration(*at + LATER);
            let words = format!("fault {number} ({}) 2 s later", words(fault.fault.name()));
            add(words, vec![format!("fault.{number}.at={later}")]);
        }
    }
    changes
}

/// What a property is about: what has no part in it is not worth a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    /// The metadata quorum, and what it committed.
    Quorum,
    /// What a group's coordinator decides and remembers.
    Group,
    /// What an application reads and processes.
    Reading,
    /// The records of topics.
    Records,
}

impl About {
    fn of(property: &str) -> Self {
        match property {
            "raft-election-safety"
            | "raft-vote-once"
            | "raft-log-matching"
            | "raft-committed-prefix"
            | "quorum-stable"
            | "metadata-prefix"
            | "metadata-converges" => Self::Quorum,
            "exclusive-ownership"
            | "commit-fenced"
            | "commit-durable"
            | "assignment-legal"
            | "group-stable" => Self::Group,
            "at-least-once"
            | "at-most-once"
            | "processing-order"
            | "unseen"
            | "poll-skip"
            | "nonmonotonic-poll"
            | "inconsistent-offsets" => Self::Reading,
            _ => Self::Records,
        }
    }

    fn is_of_records(self) -> bool {
        matches!(self, Self::Records | Self::Reading)
    }

    fn is_of_groups(self) -> bool {
        matches!(self, Self::Group | Self::Reading)
    }
}

/// What producers and topics may do about it.
fn record_changes(plan: &Plan) -> Vec<(String, Vec<String>)> {
    let mut changes = Vec::new();
    let of = |producers: &[&ProducerPlan]| {
        let names: Vec<&str> = producers.iter().map(|producer| producer.name.as_str()).collect();
        match plan.producers.len() {
            0 | 1 => String::new(),
            _ => format!(" of {}", names.join(", ")),
        }
    };
    let weak: Vec<&ProducerPlan> =
        plan.producers.iter().filter(|it| it.config.text("acks") != "all").collect();
    let set =
        |producer: &ProducerPlan, what: &str| format!("producer.{}.config.{what}", producer.name);
    if !weak.is_empty() {
        let sets = weak.iter().map(|producer| set(producer, "acks=all")).collect();
        changes.push((format!("acks=all{}", of(&weak)), sets));
    }
    for (key, words, value, applies) in topic_changes() {
        let broker = plan.cluster.brokers.first().map(|broker| &broker.config);
        let sets: Vec<String> = plan
            .topics
            .iter()
            .filter(|topic| topic.replication_factor >= 2)
            .filter(|topic| broker.is_some_and(|broker| applies(topic, broker)))
            .map(|topic| format!("topic.{}.config.{key}={value}", topic.name))
            .collect();
        if !sets.is_empty() {
            changes.push((words.to_owned(), sets));
        }
    }
    let plain: Vec<&ProducerPlan> =
        plan.producers.iter().filter(|it| !it.config.flag("enable.idempotence")).collect();
    if !plain.is_empty() {
        let both = ["enable.idempotence=true", "acks=all"];
        let sets = plain.iter().flat_map(|it| both.map(|what| set(it, what))).collect();
        changes.push((format!("enable.idempotence=true{}", of(&plain)), sets));
    }
    changes
}

/// What a consumer group may do about it: the other protocol, more patience.
fn group_changes(plan: &Plan) -> Vec<(String, Vec<String>)> {
    let mut changes = Vec::new();
    for group in &plan.groups {
        let name = &group.name;
        let is_modern = group.config.text("group.protocol") == "consumer";
        let other = if is_modern { "classic" } else { "consumer" };
        let key = format!("group.{name}.config.group.protocol={other}");
        changes.push((format!("group.protocol={other} of {name}"), vec![key]));
        for key in ["session.timeout.ms", "max.poll.interval.ms"] {
            // Of a group of KIP-848 the brokers say how long a session is.
            if key == "session.timeout.ms" && is_modern {
                continue;
            }
            let longer = group.config.duration(key).saturating_mul(3).as_millis();
            let set = format!("group.{name}.config.{key}={longer}");
            changes.push((format!("{key}={longer} of {name}"), vec![set]));
        }
    }
    changes
}

/// Keys of topics that may help: the key, the words, the value, and whether it is a change.
type TopicChange = (
    &'static str,
    &'static str,
    &'static str,
    fn(&crate::scenario::TopicPlan, &crate::scenario::Config) -> bool,
);

fn topic_changes() -> [TopicChange; 3] {
    use crate::scenario::Value;
    [
        ("min.insync.replicas", "min.insync.replicas=2", "2", |topic, broker| {
            matches!(topic.setting_on(broker, "min.insync.replicas").value, Some(Value::Integer(1)))
        }),
        (
            "unclean.leader.election.enable",
            "unclean.leader.election.enable=false",
            "false",
            |topic, broker| {
                let key = "unclean.leader.election.enable";
                matches!(topic.setting_on(broker, key).value, Some(Value::Flag(true)))
            },
        ),
        ("flush.messages", "flush.messages=1 (every batch on the disk)", "1", |topic, broker| {
            !matches!(topic.setting_on(broker, "flush.messages").value, Some(Value::Integer(1)))
        }),
    ]
}
