//! What one run came to: all that a report, a sweep or a program wants to know of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::check::{Outcome, Verdict};
use crate::history::Figures;
use crate::scenario::Plan;
use crate::sim::Exposure;
use crate::trace::Fingerprint;
use crate::types::Expectation;
use crate::types::PropertyName;

/// How a run ended, before anybody asks what was claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// It went through all its parts, and the cluster served again.
    Finished,
    /// It was stopped by `--until`.
    Stopped,
    /// The cluster did not form in the ten seconds before time zero.
    NeverFormed,
    /// The healed cluster did not serve again in the time it had; and what was still amiss.
    NotLive(String),
    /// Simulated code panicked, or the audit found a state that no event tells of.
    Crashed(String),
}

/// The outcome by which a program judges a run; its number is the exit code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Judgement {
    /// Every claim came out as expected.
    AsExpected = 0,
    /// One did not.
    Unexpected = 1,
    /// Simulated code crashed: assertion, panic, audit.
    Crashed = 3,
    /// Not live within settle, or never formed.
    NotLive = 4,
    /// Two executions of one build, scenario and seed differ.
    Nondeterministic = 5,
    /// There were faults and none bit, or a claim written in the file was not exercised.
    Vacuous = 6,
}

/// A property, what is expected of it, and what it came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimOutcome {
    /// The property.
    pub property: PropertyName,
    /// What the scenario expects; every property that it does not name is expected to hold.
    pub expect: Expectation,
    /// Whether the scenario file names it.
    pub is_written: bool,
    /// Whether the file promises that it holds, and what happens is the file's own doing: then a
    /// breach outside the premise is a broken promise too. Drawn faults may leave a premise.
    pub is_promised: bool,
    /// Whether the file claims it of the scenario as it was before `--set` or `--defect`.
    pub is_left_behind: bool,
    /// Whether it says that something good happens once the cluster is healed.
    pub is_liveness: bool,
    /// What it came to.
    pub verdict: Verdict,
    /// What its first breach is of: a partition, a group, a client, a node.
    pub of: Option<String>,
}

/// What a line of a run's story is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Matter {
    /// A fault takes hold.
    FaultBegins,
    /// A fault lets go, or waits for its target; healing begins.
    Fault,
    /// What servers did: elections, in-sync sets, registrations, controllers.
    Servers,
    /// What clients met with: errors, time without an answer.
    Clients,
}

/// One line of a run's story.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// Microseconds since time zero.
    pub at_micros: i64,
    /// The event that tells of it, where one does.
    pub event: Option<u64>,
    /// What it is about.
    pub matter: Matter,
    /// What happened: a fault, an election, a change of an in-sync set, errors.
    pub text: String,
}

/// What one run came to.
#[derive(Clone, PartialEq, Debug)]
pub struct RunOutcome {
    /// The scenario file as it was named.
    pub scenario: String,
    /// What was simulated.
    pub plan: Arc<Plan>,
    /// The seed.
    pub seed: u64,
    /// How it ended.
    pub end: End,
    /// Event count and digest.
    pub fingerprint: Fingerprint,
    /// How long the simulated world lived, the forming included.
    pub simulated: Duration,
    /// How many messages were delivered.
    pub messages: u64,
    /// All properties, those that the scenario names first.
    pub claims: Vec<ClaimOutcome>,
    /// The figures.
    pub figures: Figures,
    /// The story in lines.
    pub story: Vec<Moment>,
    /// What became of the faults.
    pub faults: Exposure,
    /// Those that took hold, by number from 1, and whether they changed anything.
    pub faults_begun: BTreeMap<u32, bool>,
    /// The operations of the admin client that were asked for and did not fail, by number from 1.
    pub operations_asked: BTreeSet<u32>,
    /// Where the run file lies, if one was written.
    pub run_file: Option<PathBuf>,
}

impl Judgement {
    /// The word for it, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsExpected => "as-expected",
            Self::Unexpected => "unexpected",
            Self::Crashed => "crashed",
            Self::NotLive => "not-live",
            Self::Nondeterministic => "nondeterministic",
            Self::Vacuous => "vacuous",
        }
    }
}

impl Matter {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::FaultBegins => "fault-begins",
            Self::Fault => "fault",
            Self::Servers => "servers",
            Self::Clients => "clients",
        }
    }
}

impl ClaimOutcome {
    /// Whether it came to what is expected, in a single run.
    pub fn is_as_expected(&self) -> bool {
        let is_broken = self.verdict.outcome.violation().is_some();
        let is_met = self.verdict.meets(self.expect) && !(self.is_promised && is_broken);
        is_met || self.gave_way()
    }

    /// Whether a change took from the file's claim what it stands on: what was to be broken is
    /// not, or what was to hold left its premise. A breach within the premise is never so excused.
    pub fn gave_way(&self) -> bool {
        let violation = self.verdict.outcome.violation();
        let is_outside = matches!(self.verdict.outcome, Outcome::OutsidePremise { .. });
        self.is_left_behind
            && match self.expect {
                Expectation::Violated => violation.is_none(),
                Expectation::Holds => violation.is_some() && is_outside,
                Expectation::May => false,
            }
    }

    /// Whether it is written in the file and nothing happened that could have broken it.
    pub fn is_vacuous(&self) -> bool {
        self.is_written
            && self.expect != Expectation::May
            && !self.gave_way()
            && matches!(self.verdict.outcome, Outcome::NotExercised)
    }
}

impl RunOutcome {
    /// The claims that did not come out as expected, as far as the run can tell.
    pub fn unmet(&self) -> impl Iterator<Item = &ClaimOutcome> {
        // What a cluster that does not serve again leaves undone is told by that outcome, unless
        // the file itself claims it.
        let is_stuck = matches!(self.end, End::NotLive(_));
        let follows = move |c: &ClaimOutcome| is_stuck && c.is_liveness && !c.is_written;
        // A run that was stopped may yet have come to the violation that is claimed.
        let is_stopped = self.end == End::Stopped;
        let may_come = move |c: &ClaimOutcome| is_stopped && c.expect == Expectation::Violated;
        self.claims.iter().filter(move |c| !c.is_as_expected() && !follows(c) && !may_come(c))
    }

    /// The outcome as a program judges it. A crash comes before a broken claim, a broken claim
    /// before a cluster that does not serve, that before a run in which nothing happened.
    pub fn judgement(&self) -> Judgement {
        match &self.end {
            End::Crashed(_) => return Judgement::Crashed,
            End::NeverFormed => return Judgement::NotLive,
            End::Finished | End::Stopped | End::NotLive(_) => {}
        }
        if self.unmet().next().is_some() {
            return Judgement::Unexpected;
        }
        // A scenario that claims a violation may well leave a cluster that does not serve again.
        let claims_violation = self.claims.iter().any(|c| c.expect == Expectation::Violated);
        if matches!(self.end, End::NotLive(_)) && !claims_violation {
            return Judgement::NotLive;
        }
        let nothing_bit = self.faults.planned > 0 && self.faults.bit == 0;
        if self.end == End::Finished
            && (nothing_bit || self.claims.iter().any(ClaimOutcome::is_vacuous))
        {
            return Judgement::Vacuous;
        }
        Judgement::AsExpected
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::explore::vocabulary::vocabulary;
    use crate::scenario::decode;

    /// A small plan, for outcomes that tests make up.
    pub(crate) fn plan() -> Arc<Plan> {
        let text = "version = 1\ntitle = \"the plan of a test\"\nduration = \"60s\"\n\
                    [cluster]\nbrokers = 3\ncontrollers = 1\n[[topic]]\nname = \"orders\"\n";
        Arc::new(decode("a.toml", text, &vocabulary()).unwrap())
    }
}
