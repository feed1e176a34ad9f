//! Golden traces: what a run tells, line by line. A change that should change nothing changes none.
//!
//! Each file of `tests/data/golden/` is a scenario, a line of dashes with a filter, and the events
//! that pass it, without their numbers. `REWRITE=1` writes them anew; read the difference.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::sync::Arc;

use kafsim::explore::{RunOptions, run_once, vocabulary};
use kafsim::scenario::Scenario;
use kafsim::trace::{Filter, Names, RunFile};

const LINES_MAX: usize = 200;

fn told(path: &str, scenario: &str, filter: &str) -> String {
    let scenario = Scenario::read(path, scenario, &[], &[], &vocabulary())
        .unwrap_or_else(|error| panic!("{error}"));
    let options = RunOptions { record: true, ..RunOptions::default() };
    let executed = run_once(&scenario, 0, &options);
    let file = RunFile::read(&executed.run_file.unwrap().to_vec()).unwrap();
    let mut filter: Filter = filter.parse().unwrap();
    let mut names = Names::new(Arc::new(file.header.setup.clone()));
    let mut text = String::new();
    for event in file.events().unwrap() {
        let event = event.unwrap();
        names.learn(&event);
        if filter.accepts(&event, &names) {
            let line = names.line(&event);
            // The number tells how many others there were, which is nobody's business here.
            text += line.split_once(' ').map_or(line.as_str(), |(_, rest)| rest);
            text.push('\n');
        }
    }
    text
}

#[test]
fn golden_traces_are_as_they_were() {
    let mut seen = 0;
    for entry in std::fs::read_dir("tests/data/golden").unwrap() {
        let path = entry.unwrap().path();
        let path = path.to_str().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let (scenario, rest) = text.split_once("\n---- ").unwrap();
        let (filter, before) = rest.split_once('\n').unwrap();
        let now = told(path, scenario, filter);
        assert!(now.lines().count() < LINES_MAX, "{path}: {} lines", now.lines().count());
        assert!(!now.is_empty(), "{path}: nothing passes the filter");
        if std::env::var_os("REWRITE").is_some() {
            std::fs::write(path, format!("{scenario}\n---- {filter}\n{now}")).unwrap();
        } else {
            assert_eq!(now, before, "{path} (REWRITE=1 writes it anew)");
        }
        seen += 1;
    }
    assert!(seen >= 2);
}
