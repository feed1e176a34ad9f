//! `kafsim replay`: a run file's scenario and seed again, and whether the run is the same.

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;

use crate::cli::args::{Format, Replay};
use crate::cli::command::Done;
use crate::cli::output::stdout;
use crate::cli::run_file;
use crate::explore::{BUILD_ID, Judgement, RunOptions, VERSION, run_once};
use crate::trace::Fingerprint;

/// Runs again what the file was written from, and compares fingerprints.
pub(crate) fn replay(args: &Replay) -> anyhow::Result<Done> {
    let file = run_file::read(&args.file)?;
    let header = &file.header;
    let scenario = run_file::scenario(&file)?;
    let until = header.until_micros.map(Duration::from_micros);
    let options = RunOptions { until, ..RunOptions::default() };
    let executed = run_once(&scenario, header.seed, &options);
    let (then, now) = (header.fingerprint, executed.outcome.fingerprint);
    let same_build = header.build_id == BUILD_ID;
    let done = match (then == now, same_build) {
        (true, _) => Done::Well,
        (false, true) => Done::Judged(Judgement::Nondeterministic),
        (false, false) => Done::Refused,
    };
    let mut out = stdout();
    if args.format == Format::Json {
        let fingerprint = |print: Fingerprint| {
            let digest = format!("{:032x}", print.hash);
            json!({ "events": print.events, "digest": digest })
        };
        let result = json!({
            "file": args.file.display().to_string(),
            "title": header.title,
            "seed": header.seed,
            "same": then == now,
            "same_build": same_build,
            "recorded": fingerprint(then),
            "replayed": fingerprint(now),
        });
        writeln!(out, "{result:#}")?;
        out.flush()?;
        return Ok(done);
    }
    writeln!(out, "{}, seed {}: {}", args.file.display(), header.seed, header.title)?;
    writeln!(out, "recorded  {then}  by kafsim {} ({})", header.tool_version, header.build_id)?;
    writeln!(out, "replayed  {now}  by kafsim {VERSION} ({BUILD_ID})")?;
    let sentence = match done {
        Done::Well => "the same run",
        Done::Judged(_) => "not the same run, though this build wrote the file: a defect of kafsim",
        Done::Refused => {
            "not the same run: another build wrote the file; replay it with that one, or run the \
             scenario anew"
        }
    };
    writeln!(out, "{sentence}")?;
    out.flush()?;
    Ok(done)
}
