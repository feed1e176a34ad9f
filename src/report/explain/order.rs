//! In which order violations are numbered.

use crate::check::{Outcome, Verdict};
use crate::scenario::Plan;
use crate::types::{Expectation, PropertyName};

/// The violations among `verdicts`, in the order in which they are numbered: those that the
/// scenario claims come first, as it claims them, then those that were not to be.
/// Of these the quorum's come first, then what the controller decides in it, then logs, clients and
/// groups: what is broken below breaks what stands upon it.
pub fn violations<'a>(plan: &Plan, verdicts: &'a [Verdict]) -> Vec<&'a Verdict> {
    let mut found: Vec<&Verdict> =
        verdicts.iter().filter(|verdict| verdict.outcome.violation().is_some()).collect();
    found.sort_by_key(|verdict| {
        let is_broken = matches!(verdict.outcome, Outcome::Violated { .. });
        let rank = match (expected(plan, verdict), is_broken) {
            (Expectation::Violated, _) => 0,
            (Expectation::Holds, true) => 1,
            (Expectation::May, true) => 2,
            (_, false) => 3,
        };
        // What the scenario is written for is claimed first; of the rest what lies below others.
        let property = PropertyName::from_name(&verdict.property);
        let place = plan.claims.iter().position(|claim| Some(claim.property) == property);
        (rank, !is_broken, place.filter(|_| rank == 0), layer(&verdict.property))
    });
    found
}

pub(crate) fn expected(plan: &Plan, verdict: &Verdict) -> Expectation {
    let property = PropertyName::from_name(&verdict.property);
    let claim = plan.claims.iter().rfind(|claim| Some(claim.property) == property);
    claim.map_or(Expectation::Holds, |claim| claim.expect)
}

/// How far below others lies what a property is about.
fn layer(property: &str) -> u8 {
    match property {
        "raft-election-safety"
        | "raft-vote-once"
        | "raft-log-matching"
        | "raft-committed-prefix"
        | "quorum-stable" => 0,
        "metadata-prefix" | "metadata-converges" => 1,
        "one-leader-per-epoch" | "unclean-exclusion" | "isr-membership" => 2,
        "exclusive-ownership"
        | "commit-fenced"
        | "commit-durable"
        | "commit-told"
        | "assignment-legal"
        | "at-least-once"
        | "at-most-once"
        | "processing-order"
        | "group-stable" => 5,
        "lost-write"
        | "unseen"
        | "duplicate"
        | "inconsistent-offsets"
        | "poll-skip"
        | "nonmonotonic-poll"
        | "nonmonotonic-send" => 4,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{Outcome, Subject, Verdict, Violation, infos};
    use crate::explore::vocabulary;
    use crate::report::explain::order::{layer, violations};
    use crate::scenario::Scenario;

    /// A breach of `property`, within its premise or not.
    fn verdict(property: &str, within: bool) -> Verdict {
        let subject = Subject::Quorum { nodes: Vec::new() };
        let violation = Violation { sentence: String::new(), evidence: vec![1], subject };
        let outcome = match within {
            true => Outcome::Violated { violation },
            false => Outcome::OutsidePremise {
                event: 1,
                because: String::new(),
                violation: Some(violation),
            },
        };
        Verdict { property: property.to_owned(), outcome, exercised: 1, violations: 1 }
    }

    #[test]
    fn what_the_scenario_is_for_comes_first_and_then_from_the_quorum_up() {
        let text = "version = 1\ntitle = \"t\"\nduration = \"9s\"\n[cluster]\nbrokers = 3\n\
                    controllers = 3\n[[claim]]\nproperty = \"poll-skip\"\nexpect = \"violated\"\n\
                    [[claim]]\nproperty = \"raft-log-matching\"\nexpect = \"may\"\n";
        let plan = Scenario::read("a.toml", text, &[], &[], &vocabulary()).unwrap().plan;
        let verdicts = [
            verdict("at-least-once", true),
            verdict("acked-durability", false),
            verdict("lost-write", true),
            verdict("raft-log-matching", true),
            verdict("leader-completeness", true),
            verdict("poll-skip", true),
            verdict("raft-vote-once", true),
            Verdict { outcome: Outcome::Holds, ..verdict("unseen", true) },
            verdict("one-leader-per-epoch", true),
            verdict("metadata-prefix", true),
        ];
        let found: Vec<&str> =
            violations(&plan, &verdicts).iter().map(|it| it.property.as_str()).collect();
        assert_eq!(
            found,
            [
                "poll-skip",
                "raft-vote-once",
                "metadata-prefix",
                "one-leader-per-epoch",
                "leader-completeness",
                "lost-write",
                "at-least-once",
                "raft-log-matching",
                "acked-durability",
            ]
        );
    }

    #[test]
    fn every_property_that_has_a_layer_exists() {
        let of = |wanted: u8| infos().iter().filter(|info| layer(info.name) == wanted).count();
        assert_eq!([of(0), of(1), of(2), of(4), of(5)], [5, 2, 3, 7, 9]);
    }
}
