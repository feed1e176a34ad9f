//! What groups cost: `cargo bench --bench groups`.
//!
//! First `scenarios/groups/sixty_members.toml`: events and CPU time for each simulated second. Then
//! a rebalance at 10, 100 and 1,000 members of as many partitions, by either protocol: the CPU time
//! of a run in which members come and go, less that of the run in which none does, divided by how
//! many times one came or went. Of each the least of all turns counts. What is assigned is members
//! times partitions, so that a rebalance may cost a hundred times as much for ten times as many
//! members; `growth` says how many times as much it does cost, and its budget is that hundred.
//!
//! `--rounds N` makes N turns (3 without it); `--members N` ends with the largest size up to N.

#![expect(clippy::float_arithmetic, reason = "measurements are no simulation")]
#![expect(clippy::print_stdout, reason = "the lines are what a benchmark is for")]
#![expect(clippy::cast_precision_loss, reason = "figures are printed with three digits")]

#[path = "../run/measure.rs"]
mod measure;

use kafsim::explore::{RunOptions, run_once, vocabulary};
use kafsim::scenario::Scenario;
use measure::{least, number, rounds, timed};

const SIXTY: &str = "scenarios/groups/sixty_members.toml";
/// How many members, and how many times one comes or goes.
const SIZES: [(u64, u64); 3] = [(10, 64), (100, 24), (1_000, 4)];
/// Seconds before the first comes: the group has formed.
const FORMING: u64 = 16;
/// Seconds between one and the next: a rebalance is through with all its rounds.
const BETWEEN: u64 = 8;
/// For ten times as many members and partitions, a rebalance may cost so many times as much.
const GROWTH_MAX: f64 = 100.0;

fn main() {
    let rounds = rounds(3);
    sixty_members(rounds);
    let largest = number("--members").unwrap_or(u64::MAX);
    for (protocol, keys) in [
        ("classic", "partition.assignment.strategy = \"range\""),
        ("kip_848", "group.protocol = \"consumer\""),
    ] {
        let mut before = None;
        for (members, times) in SIZES.into_iter().filter(|(members, _)| *members <= largest) {
            let cost = rebalance(keys, (members, times), rounds);
            println!("us_per_rebalance_{protocol}_{members}: {:.0}", cost / 1e3);
            if let Some(before) = before {
                let growth = cost / before;
                println!("growth_{protocol}_{members}: {growth:.1} (budget {GROWTH_MAX})");
            }
            before = Some(cost);
        }
    }
}

fn sixty_members(rounds: usize) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(SIXTY);
    let text = std::fs::read_to_string(path).expect("the scenario is in the repository");
    let scenario = read(SIXTY, &text);
    let mut figures = (0, 0.0);
    let nanos = least((0..rounds).map(|_| {
        let run = timed(|| run_once(&scenario, 0, &RunOptions::default()));
        let outcome = run.value.outcome;
        figures = (outcome.fingerprint.events, outcome.simulated.as_secs_f64());
        run.nanos
    }));
    let (events, seconds) = figures;
    println!("workload: {SIXTY}, {rounds} rounds, CPU time");
    println!("events_per_simulated_second: {:.0}", events as f64 / seconds);
    println!("cpu_ms_per_simulated_second: {:.2}", nanos / 1e6 / seconds);
}

/// Nanoseconds of CPU time for each time that a member comes or goes.
fn rebalance(keys: &str, (members, times): (u64, u64), rounds: usize) -> f64 {
    let ends = FORMING + times * BETWEEN;
    let steps: Vec<String> = (0..times)
        .map(|nth| {
            let at = FORMING + nth * BETWEEN;
            let members = if nth % 2 == 0 { members } else { members - 1 };
            format!("{{ at = \"{at}s\", members = {members} }}")
        })
        .collect();
    let scenario = |scale: &str| {
        let text = format!(
            "version = 1\ntitle = \"{members} members\"\nduration = \"{ends}s\"\n\
             [cluster]\nbrokers = 3\ncontrollers = 1\n\
             [[topic]]\nname = \"orders\"\npartitions = {members}\n\
             [[producer]]\nname = \"checkout\"\ntopic = \"orders\"\nrate = \"10/s\"\n\
             [[group]]\nname = \"billing\"\nmembers = {}\ntopics = [\"orders\"]\n{scale}\n\
             config = {{ {keys} }}\n",
            members - 1
        );
        read("benches/groups", &text)
    };
    let moving = scenario(&format!("scale = [{}]", steps.join(", ")));
    let still = scenario("");
    let cost = |scenario: &Scenario| timed(|| run_once(scenario, 0, &RunOptions::default())).nanos;
    let turns: Vec<(f64, f64)> = (0..rounds).map(|_| (cost(&moving), cost(&still))).collect();
    let of = |side: fn(&(f64, f64)) -> f64| least(turns.iter().map(side));
    (of(|turn| turn.0) - of(|turn| turn.1)) / times as f64
}

fn read(name: &str, text: &str) -> Scenario {
    let scenario = Scenario::read(name, text, &[], &[], &vocabulary());
    scenario.unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"))
}
