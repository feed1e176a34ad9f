//! `kafsim view`: a run as one HTML page.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value as Json, json};

use crate::cli::args::View;
use crate::cli::command::Done;
use crate::cli::explain::{command, for_page};
use crate::cli::output::{complain, stdout, write_whole};
use crate::cli::run_file;
use crate::cli::serve::serve;
use crate::report::explain::{Explanation, markdown, text};
use crate::report::export::{Story, diagrams};
use crate::report::{
    At, Difference, Extras, Fitted, check_instant, page_of_two, page_within, quoted,
};
use crate::trace::{Header, RunFile};

/// A page explains so many violations; more of one run tell the same story again.
const EXPLANATIONS_MAX: usize = 12;
/// So many bytes of a page are for the run, unless the whole of it is asked for: what a mail or a
/// bug tracker takes, and a browser opens in two seconds.
const ROOM: usize = 5_000_000;

/// Writes the page of a run file.
pub(crate) fn view(args: &View) -> anyhow::Result<Done> {
    if let Some(folder) = &args.serve {
        serve(folder, args.port)?;
        return Ok(Done::Well);
    }
    let file = args.file.as_deref().expect("the command line asks for a file");
    let out = args.out.clone().unwrap_or_else(|| file.with_extension("html"));
    if let Some(at) = args.at {
        check_instant(&run_file::read(file)?, at)
            .map_err(|error| anyhow!("`{}`: {error}", file.display()))?;
    }
    let (html, explanations) = match &args.compare {
        None => told_page(file, !args.no_rerun, if args.whole { usize::MAX } else { ROOM })?,
        Some(other) => (page_of_both(file, other)?, Vec::new()),
    };
    let moment = moment(args, &explanations)?;
    write_whole(&out, [html.as_bytes()])?;
    let shown = std::path::absolute(&out).unwrap_or_else(|_| out.clone());
    let mut print = stdout();
    writeln!(print, "{}", out.display())?;
    let link = moment.map(|moment| format!("{}#{moment}", file_url(&shown)));
    if let Some(link) = &link {
        writeln!(print, "{link}")?;
    }
    print.flush()?;
    if args.open {
        open(&link.map_or_else(|| shown.clone().into_os_string(), Into::into))?;
    }
    Ok(Done::Well)
}

/// The moment that a link to the page leads to, as its address names it: what was asked for, else
/// the violation that is asked for or the first; none of a run that has none.
fn moment(args: &View, explanations: &[Json]) -> anyhow::Result<Option<String>> {
    if let Some(at) = args.at {
        return Ok(Some(match at {
            At::Event(event) => format!("e={event}"),
            At::Time(micros) => {
                let sign = if micros < 0 { "-" } else { "" };
                let micros = micros.unsigned_abs();
                format!("t={sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
            }
            At::End => "t=1e9".to_owned(),
        }));
    }
    let number = args.violation.unwrap_or(1);
    let found = number.checked_sub(1).and_then(|place| explanations.get(place));
    match (found, args.violation) {
        (None, Some(_)) => match explanations.len() {
            0 => bail!("no property was violated in this run: leave --violation out"),
            1 => bail!("the page explains 1 violation: leave --violation out"),
            count => bail!("the page explains {count} violations: give --violation 1 to {count}"),
        },
        (None, None) => Ok(None),
        (Some(found), _) => Ok(found["event"].as_u64().map(|event| {
            let partition = found["picture"]["partition"].as_str();
            let partition = partition.map(|name| format!("&p={}", escaped(name.as_bytes())));
            let other = (number > 1).then(|| format!("&v={number}"));
            format!("e={event}{}{}", partition.unwrap_or_default(), other.unwrap_or_default())
        })),
    }
}

/// The address of a file.
fn file_url(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    let slash = if text.starts_with('/') { "" } else { "/" };
    format!("file://{slash}{}", escaped(text.as_bytes()))
}

/// `bytes` as an address may have them.
fn escaped(bytes: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/:".contains(&byte);
    let one = |byte: &u8| match plain(*byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    bytes.iter().map(one).collect()
}

/// The page of the run file `path`, with `room` bytes for the run. With `is_rerun` it also says
/// what would have saved the run, which takes ten seconds.
pub(crate) fn page_of(path: &Path, is_rerun: bool, room: usize) -> anyhow::Result<String> {
    told_page(path, is_rerun, room).map(|(page, _)| page)
}

/// The same, and the explanations that are in it.
fn told_page(path: &Path, is_rerun: bool, room: usize) -> anyhow::Result<(String, Vec<Json>)> {
    let file = run_file::read(path)?;
    // One of another table of events is refused before anything is worked out.
    file.events().map_err(|error| run_file::refused(path, &error))?;
    let extras = extras(path, &file, is_rerun);
    let fitted = page_within(&file, &extras, room);
    match fitted.map_err(|error| run_file::refused(path, &error))? {
        Fitted::Page(page) => Ok((page, extras.explanations)),
        Fitted::TooLarge(whole, least) => bail!(
            "`{}` takes {} MB in a page, and {} MB with the least that says something, more \
             than browsers open with ease: `kafsim view --serve {}` shows it, and --whole makes \
             the page",
            path.display(),
            whole / 1_000_000,
            least / 1_000_000,
            path.parent()
                .filter(|it| !it.as_os_str().is_empty())
                .map_or_else(|| ".".to_owned(), |it| quoted(&it.to_string_lossy()))
        ),
    }
}

/// The page of two runs side by side.
pub(crate) fn page_of_both(one: &Path, other: &Path) -> anyhow::Result<String> {
    let files = [run_file::read(one)?, run_file::read(other)?];
    let difference = Difference::of([&files[0], &files[1]])
        .map_err(|error| anyhow!("`{}`, `{}`: {error}", one.display(), other.display()))?;
    let extras = [extras(one, &files[0], false), extras(other, &files[1], false)];
    page_of_two([(&files[0], &extras[0]), (&files[1], &extras[1])], &difference)
        .map_err(|error| anyhow!("`{}`, `{}`: {error}", one.display(), other.display()))
}

/// What the page of a run shows beside it. A run that cannot be explained is shown all the same.
pub(crate) fn extras(path: &Path, file: &RunFile, is_rerun: bool) -> Extras {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let again = command_again(path, &file.header);
    let found = for_page(path, file, is_rerun).unwrap_or_else(|error| {
        complain(&format!("the page is without explanations: {error:#}"));
        Vec::new()
    });
    let found: Vec<Explanation> = found.into_iter().take(EXPLANATIONS_MAX).collect();
    let stories: Vec<Story> = found.iter().map(Story::from).collect();
    let diagrams = diagrams(file, &stories).unwrap_or_default();
    let diagrams = diagrams.into_iter().map(Some).chain(std::iter::repeat(None));
    let explanations = found.iter().zip(diagrams).map(|(it, diagram)| with_copies(it, diagram));
    let explanations = explanations.collect();
    Extras { file: name, again, explanations, ..Extras::default() }
}

/// The command that makes the run again, also for whoever has only the page; of a file that does
/// not say, the one that needs it.
fn command_again(path: &Path, header: &Header) -> String {
    let replay = || format!("kafsim replay {}", quoted(&path.to_string_lossy()));
    command(header).unwrap_or_else(replay)
}

/// An explanation, and what may be copied of it.
fn with_copies(explanation: &Explanation, diagram: Option<String>) -> Json {
    let mut json = serde_json::to_value(explanation).expect("plain values are JSON");
    json["copies"] = json!({
        "as text": text(explanation),
        "as Markdown": markdown(explanation),
    });
    if let Some(diagram) = diagram {
        json["copies"]["as Mermaid"] = diagram.into();
    }
    json
}

/// Opens `page` in the browser of this computer.
fn open(page: &OsStr) -> anyhow::Result<()> {
    let (program, before): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    let status = Command::new(program)
        .args(before)
        .arg(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("open the page: start `{program}`"))?;
    if !status.success() {
        complain(&format!(
            "`{program}` did not open it; open {} in a browser",
            Path::new(page).display()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_only_the_page_can_make_the_run() {
        let path = Path::new("my runs/a.run");
        let header = Header { file: "a.toml".to_owned(), seed: 7, ..Header::default() };
        assert_eq!(command_again(path, &header), "kafsim run a.toml --seed 7");
        assert_eq!(command_again(path, &Header::default()), "kafsim replay 'my runs/a.run'");
    }
}
