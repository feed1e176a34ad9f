//! What a run costs: `cargo bench --bench run`.
//!
//! The workload is `scenarios/bench/basic.toml`. Costs are CPU time of this process, so that a
//! busy computer disturbs them little; what is compared takes turns, and of each cost the least of all
//! turns counts: caches that others use, and a processor that is lent to others, only add. Budgets are printed beside and never
//! asserted: a timed test fails on somebody else's computer.
//!
//! `--rounds N` makes N turns (5 without it). `--once unchecked|checked|recorded` makes one run and
//! measures nothing: for a profiler, or a counter of instructions, which no neighbour disturbs:
//! `valgrind --tool=callgrind target/release/deps/run-... --once recorded`.

#![expect(clippy::float_arithmetic, reason = "measurements are no simulation")]
#![expect(clippy::print_stdout, reason = "the lines are what a benchmark is for")]
#![expect(clippy::cast_precision_loss, reason = "figures are printed with three digits")]

#[cfg(madsim)]
mod madsim_echo;
mod measure;
mod peak;
mod turmoil_echo;
mod workload;

use measure::{Timed, least, rounds, timed};
use workload::Workload;

/// Echoes of each pair, enough for a tenth of a second.
const MADSIM_ECHOES: u64 = 20_000;
const TURMOIL_ECHOES: u64 = 2_000;

/// What one turn found, in nanoseconds of CPU time.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    /// A madsim message.
    madsim: f64,
    /// A whole run, properties checked, nothing recorded.
    checked: f64,
    unchecked: f64,
    recorded: f64,
    /// A run of each of two seeds, one after the other, and at the same time.
    one_job: f64,
    two_jobs: f64,
    setup: f64,
}

fn main() {
    let workload = Workload::read();
    if let Some(what) = measure::word("--once") {
        return workload.run(0, what != "unchecked", what == "recorded");
    }
    let rounds = rounds(5);
    let counts = workload.count();
    let turns: Vec<Turn> = (0..rounds).map(|_| turn(&workload)).collect();
    let cost = |of: fn(&Turn) -> f64| least(turns.iter().map(of));
    let messages = counts.messages as f64;

    let (checked, madsim) = (cost(|turn| turn.checked), cost(|turn| turn.madsim));
    println!("workload: {}, {rounds} rounds, CPU time", workload::FILE);
    budgeted("ratio_message_to_madsim_echo", checked / messages / madsim, 2.0);
    budgeted("ratio_recording_on_to_off", cost(|turn| turn.recorded) / checked, 1.25);
    budgeted("ratio_checkers_on_to_off", checked / cost(|turn| turn.unchecked), 1.3);
    budgeted("setup_us", cost(|turn| turn.setup) / 1e3, 1000.0);
    budgeted("peak_mib", peak::mebibytes(), 64.0);
    let two_jobs = cost(|turn| turn.two_jobs) / cost(|turn| turn.one_job);
    budgeted("ratio_cpu_per_seed_two_jobs_to_one", two_jobs, 1.05);
    println!("ns_per_message: {:.0}", checked / messages);
    println!("ns_per_step: {:.0}", checked / counts.steps as f64);
    println!("ns_per_acked_record: {:.0}", checked / counts.acked as f64);
    println!("ns_madsim_echo: {madsim:.0}");
    let Timed { nanos, value } = timed(|| turmoil_echo::run(TURMOIL_ECHOES));
    println!("ns_turmoil_echo: {:.0}", nanos / value as f64);
    println!("sim_seconds_per_cpu_second: {:.0}", counts.simulated.as_secs_f64() / checked * 1e9);
    println!("messages: {}", counts.messages);
    println!("steps: {}", counts.steps);
    println!("events: {}", counts.events);
    println!("acked_records: {}", counts.acked);
    println!("idle_fetches: {}", counts.idle_fetches);
    println!("heartbeats: {}", counts.heartbeats);
}

/// Prints a figure and beside it what it should be at most.
fn budgeted(name: &str, figure: f64, budget: f64) {
    println!("{name}: {figure:.2} (budget {budget})");
}

fn turn(workload: &Workload) -> Turn {
    let madsim = madsim_message();
    let unchecked = timed(|| workload.run(0, false, false)).nanos;
    let checked = timed(|| workload.run(0, true, false)).nanos;
    let recorded = timed(|| workload.run(0, true, true)).nanos;
    let one_job = timed(|| {
        workload.run(1, true, false);
        workload.run(2, true, false);
    });
    let two_jobs = timed(|| {
        std::thread::scope(|scope| {
            scope.spawn(|| workload.run(1, true, false));
            scope.spawn(|| workload.run(2, true, false));
        });
    });
    let setup = least((0..21).map(|seed| timed(|| workload.world(seed)).nanos));
    let (one_job, two_jobs) = (one_job.nanos, two_jobs.nanos);
    Turn { madsim, checked, unchecked, recorded, one_job, two_jobs, setup }
}

#[cfg(madsim)]
fn madsim_message() -> f64 {
    let Timed { nanos, value } = timed(|| madsim_echo::run(MADSIM_ECHOES));
    nanos / value as f64
}

/// The build without madsim has nothing to compare with.
#[cfg(not(madsim))]
fn madsim_message() -> f64 {
    let _ = MADSIM_ECHOES;
    f64::NAN
}
