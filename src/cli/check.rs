//! `kafsim check`: whether scenarios are valid, and what properties say of run files.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::check::{Outcome, Verdict};
use crate::cli::args::{Change, Check, Format};
use crate::cli::command::Done;
use crate::cli::lesson_list::named;
use crate::cli::load;
use crate::cli::output::{Unreadable, complain, is_closed_pipe, read_file, stdout};
use crate::cli::run_file;
use crate::explore::Judgement;
use crate::scenario::Plan;
use crate::trace::RunFile;
use crate::types::{Expectation, PropertyName};

/// Checks every file; one that is refused does not keep the others from being checked.
pub(crate) fn check(args: &Check) -> anyhow::Result<Done> {
    let mut out = stdout();
    let mut results = Vec::new();
    let mut is_refused = false;
    let mut is_unexpected = false;
    for path in &args.files {
        let (result, lines) = match check_file(path) {
            Ok(checked) => {
                is_unexpected |= !checked.is_as_expected;
                (checked.result, checked.lines)
            }
            Err(error) if is_closed_pipe(&error) => return Err(error),
            Err(error) => {
                is_refused = true;
                let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
                let text = causes.join(": ");
                let result = json!({ "file": path.display().to_string(), "error": text });
                // What is wrong with a file is the result; that there is none is a mistake.
                let is_told = error.is::<Unreadable>();
                if is_told {
                    complain(&text);
                }
                (result, if is_told { Vec::new() } else { vec![text] })
            }
        };
        results.push(result);
        if args.format == Format::Text {
            for line in lines {
                writeln!(out, "{line}")?;
            }
        }
    }
    if args.format == Format::Json {
        writeln!(out, "{:#}", json!({ "files": results }))?;
    }
    out.flush()?;
    Ok(match (is_refused, is_unexpected) {
        (true, _) => Done::Refused,
        (false, true) => Done::Judged(Judgement::Unexpected),
        (false, false) => Done::Well,
    })
}

struct Checked {
    result: Value,
    lines: Vec<String>,
    is_as_expected: bool,
}

fn check_file(path: &Path) -> anyhow::Result<Checked> {
    if named(path).is_none() {
        let bytes = read_file(path, "a scenario (.toml) or of a run file (.run)")?;
        // What begins like a run file is one, if only a damaged one.
        if bytes.starts_with(b"kafsim") || path.extension().is_some_and(|end| end == "run") {
            return check_run(path, &bytes);
        }
    }
    let scenario = load::load(path, &Change::default())?;
    let plan = &scenario.plan;
    Ok(Checked {
        result: json!({
            "file": path.display().to_string(),
            "kind": "scenario",
            "valid": true,
            "title": plan.title,
        }),
        lines: vec![format!("{}: valid: {}", path.display(), plan.title)],
        is_as_expected: true,
    })
}

fn check_run(path: &Path, bytes: &[u8]) -> anyhow::Result<Checked> {
    let file = run_file::parse(path, bytes)?;
    let scenario = run_file::scenario(&file)?;
    let verdicts = run_file::judge(path, &file)?;
    let gave_way = gave_way(&file);
    let meets = |verdict: &Verdict| {
        verdict.meets(expected(&scenario.plan, verdict)) || gave_way.contains(&verdict.property)
    };
    let broken: Vec<&Verdict> = verdicts.iter().filter(|verdict| !meets(verdict)).collect();
    let header = &file.header;
    let mut lines = vec![format!(
        "{}: seed {}: {}: {} of {} properties as expected",
        path.display(),
        header.seed,
        header.title,
        verdicts.len() - broken.len(),
        verdicts.len()
    )];
    let shown = verdicts
        .iter()
        .filter(|verdict| !meets(verdict) || matches!(verdict.outcome, Outcome::Violated { .. }));
    for verdict in shown {
        let expected = expected(&scenario.plan, verdict).name();
        lines.push(format!("    {verdict} (expected: {expected})"));
    }
    let properties = verdicts.iter().map(|verdict| {
        json!({
            "property": verdict.property,
            "expect": expected(&scenario.plan, verdict).name(),
            "result": verdict.outcome.name(),
            "as_expected": meets(verdict),
            "sentence": verdict.outcome.violation().map(|violation| &violation.sentence),
        })
    });
    Ok(Checked {
        result: json!({
            "file": path.display().to_string(),
            "kind": "run file",
            "title": header.title,
            "seed": header.seed,
            "claims": properties.collect::<Vec<_>>(),
        }),
        lines,
        is_as_expected: broken.is_empty(),
    })
}

/// The properties that came out otherwise than the file claims because the scenario was changed.
fn gave_way(file: &RunFile) -> Vec<String> {
    let told = file.header.verdicts.as_array().map(Vec::as_slice).unwrap_or_default();
    let gave_way = told.iter().filter(|it| it["gave_way"] == true);
    gave_way.filter_map(|it| it["property"].as_str().map(str::to_owned)).collect()
}

/// What the scenario expects of a property: that it holds, unless a claim says otherwise.
fn expected(plan: &Plan, verdict: &Verdict) -> Expectation {
    let property = PropertyName::from_name(&verdict.property);
    let claim = plan.claims.iter().find(|claim| Some(claim.property) == property);
    claim.map_or(Expectation::Holds, |claim| claim.expect)
}
