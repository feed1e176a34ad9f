//! What a property comes to, and whether a claim on it came out as expected.

use serde::{Deserialize, Serialize};

use crate::check::subject::Subject;
use crate::types::Expectation;

/// One breach of a property.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Violation {
    /// What happened, for a reader who knows Kafka and not this program.
    pub sentence: String,
    /// The events that prove it, the decisive one last.
    pub evidence: Vec<u64>,
    /// What it is about.
    pub subject: Subject,
}

/// What a property came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Outcome {
    /// It was put to the test and held.
    Holds,
    /// It was broken.
    Violated {
        /// The first breach.
        violation: Violation,
    },
    /// What it presupposes ceased to be true; what came after counts neither way.
    OutsidePremise {
        /// The event that left the premise.
        event: u64,
        /// What it presupposes, and how that ended.
        because: String,
        /// What would have been a breach, if there was one.
        violation: Option<Violation>,
    },
    /// Nothing happened that could have broken it.
    NotExercised,
}

/// A property and what it came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// The property's name.
    pub property: String,
    /// What it came to.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How many times it was put to the test.
    pub exercised: u64,
    /// How many breaches there were, within the premise or not.
    pub violations: u64,
}

impl Outcome {
    /// The outcome in a word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Violated { .. } => "violated",
            Self::OutsidePremise { .. } => "outside its premise",
            Self::NotExercised => "not exercised",
        }
    }

    /// The first breach, within the premise or not.
    pub fn violation(&self) -> Option<&Violation> {
        match self {
            Self::Violated { violation } => Some(violation),
            Self::OutsidePremise { violation, .. } => violation.as_ref(),
            Self::Holds | Self::NotExercised => None,
        }
    }
}

impl Verdict {
    /// Whether it came out as expected in this one run. A breach that was only possible because
    /// the premise was left is what `expect = "violated"` asks for, too: such a claim shows what
    /// a configuration does not promise.
    pub fn meets(&self, expected: Expectation) -> bool {
        match expected {
            Expectation::Holds => !matches!(self.outcome, Outcome::Violated { .. }),
            Expectation::Violated => self.outcome.violation().is_some(),
            Expectation::May => true,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.property, self.outcome.name())?;
        if let Outcome::OutsidePremise { because, .. } = &self.outcome {
            write!(f, ": {because}")?;
        }
        match self.outcome.violation() {
            Some(violation) => write!(f, ": {}", violation.sentence),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BrokerId, HostId};

    #[test]
    fn a_breach_outside_the_premise_meets_violated_and_holds() {
        let violation = Violation {
            sentence: "x is lost".to_owned(),
            evidence: vec![7],
            subject: Subject::Operation { client: HostId(1), invoked: 7 },
        };
        let outcome = |violation| Outcome::OutsidePremise {
            event: 3,
            because: "an unclean election".to_owned(),
            violation,
        };
        let verdict = |outcome| Verdict {
            property: "acked-durability".to_owned(),
            outcome,
            exercised: 1,
            violations: 0,
        };
        assert!(verdict(outcome(Some(violation.clone()))).meets(Expectation::Violated));
        assert!(verdict(outcome(Some(violation.clone()))).meets(Expectation::Holds));
        assert!(!verdict(outcome(None)).meets(Expectation::Violated));
        assert!(!verdict(Outcome::Violated { violation }).meets(Expectation::Holds));
        assert!(verdict(Outcome::NotExercised).meets(Expectation::Holds));
    }

    #[test]
    fn a_verdict_reads_back_from_json() {
        let verdict = Verdict {
            property: "offset-order".to_owned(),
            outcome: Outcome::Violated {
                violation: Violation {
                    sentence: "y".to_owned(),
                    evidence: vec![1, 2],
                    subject: Subject::Node { node: BrokerId(1) },
                },
            },
            exercised: 4,
            violations: 1,
        };
        let json = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
    }
}
