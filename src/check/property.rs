//! What a property is: what it says, where that comes from, and how it looks at a run.

use crate::check::account::Account;
use crate::check::premise::Premises;
use crate::check::subject::Subject;
use crate::check::verdict::{Outcome, Verdict, Violation};
use crate::event::Event;
use crate::history::History;
use crate::trace::Model;

/// What is known when a property looks: the event is folded in already.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The cluster.
    pub model: &'a Model,
    /// What clients saw.
    pub history: &'a History,
    /// Which partitions have left the premises of durability.
    pub premises: &'a Premises,
    /// What clients saw, drawn up; empty until the run is over.
    pub account: &'a Account<'a>,
}

/// What the catalogue says of a property.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Info {
    /// Its name in scenarios, run files and reports.
    pub name: &'static str,
    /// What must be true, in a sentence.
    pub statement: &'static str,
    /// Where the rule comes from.
    pub source: &'static str,
    /// What it presupposes.
    pub premise: &'static str,
    /// The kinds of events that it looks at, by name.
    pub kinds: &'static [&'static str],
    /// Whether it says that something good happens, and is judged when the run has settled.
    pub is_liveness: bool,
}

/// A rule that a run must keep.
pub trait Property: std::fmt::Debug + Send + Sync {
    /// What the catalogue says of it.
    fn info(&self) -> &'static Info;

    /// Looks at an event of one of its kinds.
    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let _ = (event, view, findings);
    }

    /// Looks at the whole, after the last event.
    fn at_end(&mut self, view: View<'_>, findings: &mut Findings) {
        let _ = (view, findings);
    }

    /// A copy: a world that is cloned takes its checker along.
    fn clone_box(&self) -> Box<dyn Property>;
}

impl Clone for Box<dyn Property> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}

/// Copies a property behind its trait.
macro_rules! clone_box {
    () => {
        fn clone_box(&self) -> Box<dyn Property> {
            Box::new(self.clone())
        }
    };
}

pub(crate) use clone_box;

/// What a property found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    exercised: u64,
    violations: u64,
    first: Option<Violation>,
    outside: Option<(u64, String)>,
    outside_first: Option<Violation>,
}

impl Findings {
    /// The property was put to the test.
    pub fn exercised(&mut self) {
        self.exercised += 1;
    }

    /// The property is broken.
    pub fn violated(
        &mut self,
        subject: Subject,
        sentence: String,
        evidence: impl IntoIterator<Item = u64>,
    ) {
        self.violations += 1;
        self.first.get_or_insert_with(|| violation(subject, sentence, evidence));
    }

    /// The premise is left with `event`.
    pub fn left(&mut self, event: u64, because: &str) {
        self.outside.get_or_insert_with(|| (event, because.to_owned()));
    }

    /// The property is broken, unless `excuse` is an event with which the premise was left.
    pub fn violated_unless(
        &mut self,
        subject: Subject,
        excuse: Option<(u64, &str)>,
        sentence: String,
        evidence: impl IntoIterator<Item = u64>,
    ) {
        let Some((event, because)) = excuse else {
            self.violated(subject, sentence, evidence);
            return;
        };
        self.violations += 1;
        self.left(event, because);
        self.outside_first.get_or_insert_with(|| violation(subject, sentence, evidence));
    }

    /// The number of breaches so far, within the premise or not.
    pub fn violations(&self) -> u64 {
        self.violations
    }

    /// The breach that counts, if there is one.
    pub fn first(&self) -> Option<&Violation> {
        self.first.as_ref()
    }

    /// The first breach outside the premise.
    pub fn first_outside(&self) -> Option<&Violation> {
        self.outside_first.as_ref()
    }

    /// What it comes to for `property`.
    pub fn verdict(&self, property: &str) -> Verdict {
        let outcome = match (&self.first, &self.outside) {
            (Some(first), _) => Outcome::Violated { violation: first.clone() },
            (None, Some((event, because))) => Outcome::OutsidePremise {
                event: *event,
                because: because.clone(),
                violation: self.outside_first.clone(),
            },
            (None, None) if self.exercised == 0 => Outcome::NotExercised,
            (None, None) => Outcome::Holds,
        };
        Verdict {
            property: property.to_owned(),
            outcome,
            exercised: self.exercised,
            violations: self.violations,
        }
    }
}

fn violation(
    subject: Subject,
    sentence: String,
    evidence: impl IntoIterator<Item = u64>,
) -> Violation {
    let mut evidence: Vec<u64> = evidence.into_iter().collect();
    evidence.sort_unstable();
    evidence.dedup();
    Violation { sentence, evidence, subject }
}
