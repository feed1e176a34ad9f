//! `kafsim explain`: why a property of a recorded run was violated.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};

use crate::check::Verdict;
use crate::cli::args::{Change, Explain, ExplainFormat};
use crate::cli::command::Done;
use crate::cli::output::stdout;
use crate::cli::page::wants_colour;
use crate::cli::paint::{Text, painted};
use crate::cli::run::again_until;
use crate::cli::run_file;
use crate::event::Event;
use crate::explore::what_if;
use crate::report::explain::{
    Asked, Explanation, Reruns, brief, explain_all, markdown, text, violations,
};
use crate::report::export::{Story, diagrams};
use crate::report::{printable, quoted};
use crate::scenario::Scenario;
use crate::trace::{Header, RunFile};

/// Explains a violation of the run in the file.
pub(crate) fn explain(args: &Explain) -> anyhow::Result<Done> {
    let path = &args.file;
    let file = run_file::read(path)?;
    let scenario = run_file::scenario(&file)?;
    let mut explanation = of_file(path, &file, &scenario, args.violation)?;
    if !args.no_rerun && !explanation.property.is_empty() {
        explanation = saved(path, &file, &scenario, &explanation)?;
    }
    let mut out = stdout();
    match args.format {
        ExplainFormat::Text => {
            let (sort, text) = match args.brief {
                true => (Text::Brief, brief(&explanation)),
                false => (Text::Explanation, text(&explanation)),
            };
            write!(out, "{}", painted(sort, &printable(&text), wants_colour()))?;
        }
        ExplainFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&explanation)?)?,
        ExplainFormat::Markdown => write!(out, "{}", markdown(&explanation))?,
        ExplainFormat::Mermaid => diagram(path, &file, &explanation, &mut out)?,
    }
    out.flush()?;
    Ok(Done::Well)
}

/// The diagram that `kafsim export --to mermaid` draws, of this explanation.
fn diagram(
    path: &Path,
    file: &RunFile,
    explanation: &Explanation,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let drawn = diagrams(file, &[Story::from(explanation)]);
    let drawn = drawn.map_err(|error| anyhow!("`{}`: {error}", path.display()))?;
    drawn.iter().try_for_each(|diagram| write!(out, "{diagram}"))?;
    Ok(())
}

/// The explanation of violation `number`, from 1, of the run in `file`.
pub(crate) fn of_file(
    path: &Path,
    file: &RunFile,
    scenario: &Scenario,
    number: usize,
) -> anyhow::Result<Explanation> {
    told(path, file, scenario, (number, &Reruns::default()))
}

/// The explanation with what would have saved it, told anew with what the other runs have shown.
fn saved(
    path: &Path,
    file: &RunFile,
    scenario: &Scenario,
    explanation: &Explanation,
) -> anyhow::Result<Explanation> {
    let reruns = reruns(file, scenario, explanation);
    let number = usize::try_from(explanation.number)?;
    told(path, file, scenario, (number, &reruns))
}

/// The explanation of violation `number`, with what other runs have shown.
fn told(
    path: &Path,
    file: &RunFile,
    scenario: &Scenario,
    (number, reruns): (usize, &Reruns),
) -> anyhow::Result<Explanation> {
    let verdicts = verdicts(path, file)?;
    let events: Result<Vec<Event>, _> =
        file.events().map_err(|error| run_file::refused(path, &error))?.collect();
    let events = events.map_err(|error| run_file::refused(path, &error))?;
    let asked = Asked {
        plan: &scenario.plan,
        seed: file.header.seed,
        setup: &Arc::new(file.header.setup.clone()),
        verdicts: &verdicts,
        number,
        file: &quoted(&path.to_string_lossy()),
        reruns,
    };
    match crate::report::explain::explain(events, asked) {
        Some(explanation) => Ok(with_command(explanation, &file.header)),
        None => match violations(&scenario.plan, &verdicts).len() {
            0 => bail!("no property was violated in this run: leave --violation out"),
            1 => bail!("this run has 1 violation: leave --violation out"),
            count => bail!("this run has {count} violations: give --violation 1 to {count}"),
        },
    }
}

/// The explanation with the command that makes the run, for whoever does not have its file.
fn with_command(mut explanation: Explanation, header: &Header) -> Explanation {
    explanation.again.splice(0..0, command(header));
    explanation
}

/// The command that makes the run; none if the file does not say, or says what would not stay a
/// line of a shell within Markdown.
pub(crate) fn command(header: &Header) -> Option<String> {
    let Header { file, sets, defects, seed, .. } = header;
    let change = Change { defects: defects.clone(), sets: sets.clone() };
    let until = header.until_micros.map(Duration::from_micros);
    let command = again_until(Path::new(file), *seed, &change, until);
    let is_line = !command.contains(|c: char| c.is_control() || c == '`');
    (is_line && !file.is_empty() && !file.starts_with('-')).then_some(command)
}

/// The explanations of all violations of the run in `file`, for its page; none if it has none.
/// With `is_rerun` the first says what would have saved it.
pub(crate) fn for_page(
    path: &Path,
    file: &RunFile,
    is_rerun: bool,
) -> anyhow::Result<Vec<Explanation>> {
    let scenario = run_file::scenario(file)?;
    let verdicts = verdicts(path, file)?;
    if violations(&scenario.plan, &verdicts).is_empty() {
        return Ok(Vec::new());
    }
    let events: Result<Vec<Event>, _> =
        file.events().map_err(|error| run_file::refused(path, &error))?.collect();
    let asked = Asked {
        plan: &scenario.plan,
        seed: file.header.seed,
        setup: &Arc::new(file.header.setup.clone()),
        verdicts: &verdicts,
        number: 1,
        file: &quoted(&path.to_string_lossy()),
        reruns: &Reruns::default(),
    };
    let events = events.map_err(|error| run_file::refused(path, &error))?;
    let all = explain_all(events, asked).into_iter();
    let mut all: Vec<_> = all.map(|it| with_command(it, &file.header)).collect();
    if let Some(first) = all.first_mut().filter(|_| is_rerun) {
        *first = saved(path, file, &scenario, first)?;
    }
    Ok(all)
}

/// What the properties came to: as the file says, or, if it does not, judged anew.
fn verdicts(path: &Path, file: &RunFile) -> anyhow::Result<Vec<Verdict>> {
    let told = file.header.verdicts.as_array().and_then(|list| {
        let read = |claim: &serde_json::Value| {
            serde_json::from_value::<Verdict>(claim.get("verdict")?.clone()).ok()
        };
        list.iter().map(read).collect::<Option<Vec<Verdict>>>()
    });
    match told.filter(|told| !told.is_empty()) {
        Some(told) => Ok(told),
        None => run_file::judge(path, file),
    }
}

fn reruns(file: &RunFile, scenario: &Scenario, explanation: &Explanation) -> Reruns {
    let Header { seed, fingerprint, .. } = &file.header;
    what_if(scenario, *seed, &explanation.property, fingerprint.events).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_makes_the_run_and_is_one_line() {
        let header = Header {
            file: "scenarios/a b.toml".to_owned(),
            seed: 7,
            sets: vec!["duration=5s".to_owned()],
            defects: vec!["never-flush".to_owned()],
            until_micros: Some(2_500_000),
            ..Header::default()
        };
        assert_eq!(
            command(&header).as_deref(),
            Some(
                "kafsim run 'scenarios/a b.toml' --seed 7 --set duration=5s --defect never-flush \
                 --until 2500ms"
            )
        );
        assert_eq!(command(&Header::default()), None, "of a file that does not say");
        for evil in ["a\nrm -rf x", "a```b", "--out=/etc/passwd"] {
            assert_eq!(command(&Header { file: evil.to_owned(), ..header.clone() }), None);
        }
        let explanation = Explanation { again: vec!["x".to_owned()], ..Explanation::default() };
        let explanation = with_command(explanation, &header);
        assert!(explanation.again[0].starts_with("kafsim run "), "{:?}", explanation.again);
        assert_eq!(explanation.again.len(), 2);
    }
}
