//! `kafsim sweep`: many seeds of scenarios.

use std::io::{IsTerminal as _, Write};
use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::args::{Format, Sweep};
use crate::cli::command::Done;
use crate::cli::json;
use crate::cli::load;
use crate::cli::output::{Enduring, WholeFile, check_apart, check_writable, stdout, write_whole};
use crate::cli::run::{again, default_run_file};
use crate::cli::text::judgement_text;
use crate::cli::text_groups::write_costs;
use crate::explore::{self, Failures, Judgement, RunOptions, SeedOutcome, SweepOutcome, run_once};
use crate::report::grouped;
use crate::scenario::{ClaimPlan, Scenario};
use crate::types::{Expectation, PropertyName};

/// Runs the seeds of every scenario, one scenario after the other.
pub(crate) fn sweep(args: &Sweep) -> anyhow::Result<Done> {
    let files = load::scenario_files(&args.scenarios)?;
    // All are read before the first runs: a mistake in the last should not cost an hour.
    let scenarios: Vec<Scenario> =
        files.iter().map(|file| load::load(file, &args.change)).collect::<Result<_, _>>()?;
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = args.jobs.map_or_else(cores, usize::from);
    if let Some(path) = &args.out {
        check_apart(path, files.iter().map(std::path::PathBuf::as_path))?;
        check_writable(path)?;
    }
    // Files are kept even if nobody reads the lines any more.
    let mut out = Enduring(stdout());
    let mut lines = args.out.as_deref().map(WholeFile::create).transpose()?;
    let mut results = Vec::new();
    let mut worst = Judgement::AsExpected;
    for (path, scenario) in files.iter().zip(&scenarios) {
        let outcome = sweep_one(args, scenario, jobs, &mut lines, &mut out)?;
        let kept = keep_first_failures(scenario, &outcome)?;
        let judgement = match &kept {
            Kept::Files(_) => outcome.judgement(),
            Kept::Differs { .. } => Judgement::Nondeterministic,
        };
        worst = worse(worst, judgement);
        match args.format {
            Format::Text => write_text(&mut out, args, path, &outcome, &kept, judgement)?,
            Format::Json => {
                let files = match &kept {
                    Kept::Files(files) => files.as_slice(),
                    Kept::Differs { .. } => &[],
                };
                results.push(json::sweep(&scenario.file, &outcome, judgement, files));
            }
        }
    }
    if let Some(lines) = lines {
        lines.finish()?;
    }
    if args.format == Format::Json {
        let result = json!({
            "seeds": format!("{}..{}", args.seeds.start, args.seeds.end),
            "outcome": worst.name(),
            "exit": worst as u8,
            "scenarios": results,
        });
        writeln!(out, "{result:#}")?;
    }
    out.flush()?;
    Ok(Done::Judged(worst))
}

fn sweep_one(
    args: &Sweep,
    scenario: &Scenario,
    jobs: usize,
    lines: &mut Option<WholeFile>,
    out: &mut impl Write,
) -> anyhow::Result<SweepOutcome> {
    let mut outcome = SweepOutcome::default();
    let mut failed = None;
    let bar = progress(args.seeds.end - args.seeds.start, scenario.name());
    let execute = |seed| run_once(scenario, seed, &RunOptions::default());
    let mut each = |seed: SeedOutcome| {
        outcome.add(&seed);
        bar.inc(1);
        let told = tell(args, scenario, &seed, lines, out);
        failed = told.err();
        failed.is_none()
    };
    explore::sweep(args.seeds.clone(), jobs, execute, &mut each);
    bar.finish_and_clear();
    if let Some(error) = failed {
        return Err(error);
    }
    // What the file wants violated is of the scenario without the change.
    let gives_way = |claim: &&ClaimPlan| {
        claim.expect == Expectation::Violated && scenario.left_behind.contains(&claim.property)
    };
    let claims = scenario.plan.claims.iter().filter(|claim| !gives_way(claim));
    let claims = claims.map(|claim| (claim.property, claim.expect));
    outcome.finish(&claims.collect::<Vec<_>>());
    Ok(outcome)
}

/// Tells of one seed: a line of `--out`, and a line of text when it failed.
fn tell(
    args: &Sweep,
    scenario: &Scenario,
    seed: &SeedOutcome,
    lines: &mut Option<WholeFile>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if let Some(lines) = lines {
        lines.add(format!("{}\n", json::seed(&scenario.file, seed)).as_bytes())?;
    }
    if let (Some(failure), Format::Text) = (&seed.failure, args.format) {
        let property = failure.property.map(PropertyName::name);
        let what = property.unwrap_or(judgement_text(failure.judgement));
        writeln!(out, "{} seed {}: {what}: {}", scenario.file, seed.seed, failure.sentence)?;
        out.flush()?;
    }
    Ok(())
}

fn progress(seeds: u64, name: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} seeds, {eta} left");
    let bar = ProgressBar::new(seeds);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The run files of the first failures, or that a seed did not run the same twice.
enum Kept {
    Files(Vec<(u64, String)>),
    Differs { seed: u64 },
}

/// Runs the first failure of each kind once more and keeps its run file. That the second run is
/// the same is a check in passing.
fn keep_first_failures(scenario: &Scenario, outcome: &SweepOutcome) -> anyhow::Result<Kept> {
    let mut kept: Vec<(u64, String)> = Vec::new();
    for ((judgement, _), Failures { first: seed, fingerprint, sentence, .. }) in &outcome.failures {
        let is_kept = kept.iter().any(|(known, _)| known == seed);
        // Of two runs that differ neither is the one to keep.
        if is_kept || *judgement == Judgement::Nondeterministic {
            continue;
        }
        let options = RunOptions { record: true, ..RunOptions::default() };
        let executed = run_once(scenario, *seed, &options);
        let again = SeedOutcome::of(&executed.outcome);
        let fails = again.failure;
        let same = fails.is_some_and(|f| f.judgement == *judgement && f.sentence == *sentence);
        if !same || again.fingerprint != *fingerprint {
            return Ok(Kept::Differs { seed: *seed });
        }
        if let Some(recording) = executed.run_file {
            let path = default_run_file(scenario, *seed);
            write_whole(&path, recording.parts())?;
            kept.push((*seed, path.display().to_string()));
        }
    }
    Ok(Kept::Files(kept))
}

fn write_text(
    out: &mut impl Write,
    args: &Sweep,
    path: &Path,
    outcome: &SweepOutcome,
    kept: &Kept,
    judgement: Judgement,
) -> anyhow::Result<()> {
    writeln!(
        out,
        "{}: {} of {} seeds came out as expected; in all: {}",
        path.display(),
        grouped(outcome.as_expected),
        grouped(outcome.seeds),
        judgement_text(judgement)
    )?;
    let faults = outcome.faults;
    writeln!(
        out,
        "    faults      {} planned, {} begun, {} bit",
        grouped(faults.planned as u64),
        grouped(faults.begun as u64),
        grouped(faults.bit as u64)
    )?;
    write_costs(out, &outcome.groups)?;
    for (property, seeds) in &outcome.violated {
        writeln!(out, "    violated    {} in {}", property.name(), count_of(*seeds))?;
    }
    for (property, seeds) in &outcome.broken_outside {
        let (name, seeds) = (property.name(), count_of(*seeds));
        writeln!(out, "    outside     {name} in {seeds}, broken outside its premise")?;
    }
    for (property, expect) in &outcome.unmet {
        let (property, expect) = (property.name(), expect.name());
        writeln!(out, "    unmet       {property}: expected {expect}, seen in no seed")?;
    }
    for property in &outcome.idle {
        writeln!(out, "    idle        {}: put to the test in no seed", property.name())?;
    }
    for ((judgement, property), failures) in &outcome.failures {
        let Failures { seeds, first: seed, sentence, .. } = failures;
        let what = property.map_or(judgement_text(*judgement), PropertyName::name);
        writeln!(out, "    {what} in {}, first in seed {seed}: {sentence}", count_of(*seeds))?;
        writeln!(out, "        again  {}", again(path, *seed, &args.change))?;
        if let Kept::Files(files) = kept
            && let Some((_, file)) = files.iter().find(|(known, _)| known == seed)
        {
            writeln!(out, "        file   {file}")?;
        }
    }
    if let Kept::Differs { seed } = kept {
        writeln!(out, "    seed {seed} ran differently the second time: a defect of kafsim")?;
    }
    Ok(())
}

/// The judgement that a program should hear of when there are two.
fn worse(a: Judgement, b: Judgement) -> Judgement {
    let order = [
        Judgement::Crashed,
        Judgement::Nondeterministic,
        Judgement::Unexpected,
        Judgement::NotLive,
        Judgement::Vacuous,
        Judgement::AsExpected,
    ];
    let place = |judgement| order.iter().position(|known| *known == judgement);
    if place(b) < place(a) { b } else { a }
}

/// "1 seed", "2 seeds".
fn count_of(seeds: u64) -> String {
    let seed = if seeds == 1 { "seed" } else { "seeds" };
    format!("{} {seed}", grouped(seeds))
}
