//! `kafsim run`: one run of a scenario.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use xxhash_rust::xxh3::xxh3_64;

use crate::cli::args::{Change, Format, Run};
use crate::cli::command::Done;
use crate::cli::config_text;
use crate::cli::json;
use crate::cli::load;
use crate::cli::output::{check_apart, stdout, write_whole};
use crate::cli::page::wants_colour;
use crate::cli::text;
use crate::explore::{RunOptions, run_once};
use crate::report::quoted;
use crate::scenario::{Scenario, never_drawn, show_duration};

/// Runs the scenario, keeps the run file, says what became of it.
pub(crate) fn run(args: &Run) -> anyhow::Result<Done> {
    let scenario = load::load(&args.scenario, &args.change)?;
    if let Some((place, drawn)) = never_drawn(&scenario.plan, args.seed) {
        bail!(
            "`faults.random.without` has {place}, but seed {} draws {drawn} faults: leave it out, \
             or run the seed that you mean (`--seed`)",
            args.seed
        );
    }
    if args.show_config {
        config_text::write(&mut stdout(), &scenario.plan, args.format)?;
        return Ok(Done::Well);
    }
    if let Some(out) = &args.out {
        check_apart(out, [args.scenario.as_path()])?;
    }
    let options = RunOptions {
        record: !args.no_record,
        until: args.until,
        wire: args.wire,
        ..RunOptions::default()
    };
    let mut executed = run_once(&scenario, args.seed, &options);
    if let Some(recording) = &executed.run_file {
        let default = || default_run_file(&scenario, args.seed);
        let path = args.out.clone().unwrap_or_else(default);
        write_whole(&path, recording.parts())?;
        executed.outcome.run_file = Some(path);
    }
    let again = again_until(&args.scenario, args.seed, &args.change, args.until);
    let mut out = stdout();
    match args.format {
        Format::Text => text::write_run(&mut out, &executed.outcome, &again, wants_colour())?,
        Format::Json => writeln!(out, "{:#}", json::run(&executed.outcome, &again))?,
    }
    out.flush()?;
    Ok(Done::Judged(executed.outcome.judgement()))
}

/// Where a run file goes when nobody says where. A scenario that `--set` or `--defect` changed
/// leaves the file of the unchanged one alone.
pub(crate) fn default_run_file(scenario: &Scenario, seed: u64) -> PathBuf {
    let edition = match scenario.is_changed {
        true => format!("-{:08x}", xxh3_64(scenario.text.as_bytes()) >> 32),
        false => String::new(),
    };
    Path::new("reports").join(format!("{}-{seed}{edition}.run", scenario.name()))
}

/// The command that runs `scenario` with `seed` and `change` again, for a shell.
pub(crate) fn again(scenario: &Path, seed: u64, change: &Change) -> String {
    let mut words = vec![
        "kafsim run".to_owned(),
        quoted(&scenario.to_string_lossy()),
        format!("--seed {seed}"),
    ];
    words.extend(change.sets.iter().map(|set| format!("--set {}", quoted(set))));
    words.extend(change.defects.iter().map(|defect| format!("--defect {}", quoted(defect))));
    words.join(" ")
}

/// The same, of a run that was stopped at `until`.
pub(crate) fn again_until(
    scenario: &Path,
    seed: u64,
    change: &Change,
    until: Option<Duration>,
) -> String {
    let until = until.map(|until| format!(" --until {}", show_duration(until)));
    again(scenario, seed, change) + &until.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::vocabulary;

    #[test]
    fn what_was_changed_goes_to_a_file_of_its_own() {
        let text = "version = 1\ntitle = \"t\"\nduration = \"60s\"\n\n[cluster]\n\
                    brokers = 3\ncontrollers = 3\n";
        let path = |changes: &[&str], defects: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
            let (changes, defects) = (owned(changes), owned(defects));
            let read = Scenario::read("a/b.toml", text, &changes, &defects, &vocabulary());
            default_run_file(&read.unwrap(), 7).to_str().unwrap().to_owned()
        };
        assert_eq!(path(&[], &[]), "reports/b-7.run");
        assert_eq!(path(&["duration=60s"], &[]), "reports/b-7.run", "the text is the same");
        let changed =
            [path(&["duration=5s"], &[]), path(&["duration=6s"], &[]), path(&[], &["never-flush"])];
        for (at, one) in changed.iter().enumerate() {
            assert_eq!(one.len(), "reports/b-7-01234567.run".len(), "{one}");
            assert!(changed[at + 1..].iter().all(|other| other != one), "{changed:?}");
        }
        assert_eq!(path(&["duration=5s"], &[]), changed[0]);
    }

    #[test]
    fn the_command_can_be_typed_into_a_shell() {
        let change = Change {
            defects: vec!["never-flush".to_owned()],
            sets: vec!["title=it's".to_owned(), "duration=5s".to_owned()],
        };
        assert_eq!(
            again(Path::new("a b.toml"), 7, &change),
            r"kafsim run 'a b.toml' --seed 7 --set 'title=it'\''s' --set duration=5s --defect never-flush"
        );
    }
}
