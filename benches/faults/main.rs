//! What each kind of fault costs: `cargo bench --bench faults`.
//!
//! The workload is `scenarios/bench/basic.toml`, once as it is and once for each kind of fault, which
//! acts through most of the minute or as often as it may. A figure is the CPU time of a whole run,
//! checked and not recorded, for each message delivered, divided by that of the run without a fault,
//! with which it takes turns; of each the least of all turns counts. What a fault makes of the run (elections,
//! retries, smaller batches) is in the figure, and meant to be.
//!
//! `--rounds N` makes N turns (5 without it).

#![expect(clippy::float_arithmetic, reason = "measurements are no simulation")]
#![expect(clippy::print_stdout, reason = "the lines are what a benchmark is for")]
#![expect(clippy::cast_precision_loss, reason = "figures are printed with two digits")]

#[path = "../run/measure.rs"]
mod measure;

use kafsim::explore::{RunOptions, run_once, vocabulary};
use kafsim::scenario::Scenario;
use measure::{least, rounds, timed};

const FILE: &str = "scenarios/bench/basic.toml";

/// Name, what is done, for how long; those without a length are done again every two seconds.
const FAULTS: &[(&str, &str, Option<&str>)] = &[
    ("crash", r#"crash = { host = "broker-1" }"#, Some("1s")),
    ("power_loss", r#"crash = { host = "broker-1", keep = "synced" }"#, Some("1s")),
    ("pause", r#"pause = { host = "broker-1" }"#, Some("1s")),
    ("stop", r#"stop = { host = "broker-1" }"#, Some("1s")),
    ("isolate", r#"isolate = { host = "broker-1" }"#, Some("1s")),
    ("partition", r#"partition = { shape = "halves" }"#, Some("1s")),
    ("cut", r#"cut = { between = ["broker-1", "broker-2"] }"#, Some("1s")),
    ("delay", r#"delay = { host = "broker-1", by = "2ms", jitter = "1ms" }"#, Some("50s")),
    ("lose", r#"lose = { host = "broker-1", loss = "1%" }"#, Some("50s")),
    ("throttle", r#"throttle = { host = "broker-1", bandwidth = "20 Mbit/s" }"#, Some("50s")),
    ("reset", r#"reset = { host = "broker-1" }"#, None),
    ("slow", r#"slow = { host = "broker-1", factor = 10 }"#, Some("50s")),
    ("slow_disk", r#"slow_disk = { host = "controller-1", factor = 10 }"#, Some("50s")),
    ("hang_disk", r#"hang_disk = { host = "controller-1" }"#, Some("1s")),
    ("fill_disk", r#"fill_disk = { host = "broker-1" }"#, Some("1s")),
    ("fail_disk", r#"fail_disk = { host = "broker-1" }"#, Some("1s")),
    ("replace_disk", r#"replace_disk = { host = "broker-1" }"#, Some("1s")),
    ("jump_clock", r#"jump_clock = { host = "broker-1", by = "1s" }"#, None),
    ("drift_clock", r#"drift_clock = { host = "broker-1", by = "1%" }"#, Some("50s")),
];

fn main() {
    let rounds = rounds(5);
    println!("workload: {FILE}, {rounds} rounds, CPU time for each message");
    let none = scenario("");
    for (name, does, lasts) in FAULTS {
        let scenario = scenario(&faults(does, *lasts));
        let turns = (0..rounds).map(|_| (per_message(&scenario), per_message(&none)));
        let (faulty, clean): (Vec<f64>, Vec<f64>) = turns.unzip();
        let ratio = least(faulty.into_iter()) / least(clean.into_iter());
        println!("ratio_{name}_to_none: {ratio:.2}");
    }
}

/// The tables of a fault: once where it lasts long, else every twelve or two seconds.
fn faults(does: &str, lasts: Option<&str>) -> String {
    let table = |at: u32| {
        let lasts = lasts.map(|lasts| format!("for = \"{lasts}\"\n")).unwrap_or_default();
        format!("\n[[fault]]\nat = \"{at}s\"\n{does}\n{lasts}")
    };
    match lasts {
        Some("50s") => table(5),
        Some(_) => (0..4).map(|n| table(5 + n * 12)).collect(),
        None => (0..25).map(|n| table(5 + n * 2)).collect(),
    }
}

fn scenario(faults: &str) -> Scenario {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = std::fs::read_to_string(path).expect("the scenario is in the repository");
    let scenario = Scenario::read(FILE, &(text + faults), &[], &[], &vocabulary());
    scenario.unwrap_or_else(|mistakes| panic!("{faults}: {mistakes:?}"))
}

/// Nanoseconds of CPU time for each message that a run of it delivers.
fn per_message(scenario: &Scenario) -> f64 {
    let run = timed(|| run_once(scenario, 0, &RunOptions::default()));
    run.nanos / run.value.outcome.messages as f64
}
