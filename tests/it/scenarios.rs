//! The scenario files: each comes out as it claims, with every message written and read back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::{Path, PathBuf};

use kafsim::explore::{Executed, Judgement, RunOptions, run_once, vocabulary};
use kafsim::scenario::Scenario;

/// The scenario file `path` with `changes` (`path=value`) and `defects`.
pub(crate) fn scenario(path: &str, changes: &[&str], defects: &[&str]) -> Scenario {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    Scenario::read(path, &text, &owned(changes), &owned(defects), &vocabulary())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// All scenario files, in order of their names.
pub(crate) fn all() -> Vec<String> {
    fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    gather(Path::new("scenarios"), &mut found);
    found.sort();
    found.into_iter().map(|path| path.to_str().unwrap().to_owned()).collect()
}

/// What is wrong with a run, for the message of a failed test.
pub(crate) fn complaint(executed: &Executed) -> String {
    let broken = executed.outcome.claims.iter().filter(|claim| !claim.is_as_expected());
    let broken: Vec<_> = broken.map(|claim| claim.verdict.to_string()).collect();
    format!("{:?}: {}", executed.outcome.end, broken.join("; "))
}

#[test]
fn every_scenario_comes_out_as_it_claims() {
    for path in all() {
        let options = RunOptions { wire: true, ..RunOptions::default() };
        let executed = run_once(&scenario(&path, &[], &[]), 0, &options);
        let judgement = executed.outcome.judgement();
        assert_eq!(judgement, Judgement::AsExpected, "{path}: {}", complaint(&executed));
    }
}

/// A quorum of one commits what it has appended before it has flushed it, and tells both who
/// fetches and its own state machine.
#[test]
fn a_single_controller_is_a_cluster_too() {
    let path = "scenarios/replication/leader_crash.toml";
    let alone = scenario(path, &["cluster.controllers=1"], &[]);
    for seed in 0..2 {
        let executed = run_once(&alone, seed, &RunOptions::default());
        let judgement = executed.outcome.judgement();
        assert_eq!(judgement, Judgement::AsExpected, "seed {seed}: {}", complaint(&executed));
    }
}

/// A run without a claim of its file comes out well whatever the story was about.
#[test]
fn every_scenario_claims_something() {
    for path in all() {
        let claims = &scenario(&path, &[], &[]).plan.claims;
        assert!(!claims.is_empty(), "{path} has no [[claim]]: write what it is about");
    }
}
