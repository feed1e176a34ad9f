//! `kafsim lessons`: runs with notes that step through them, as text and as pages.

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};

use crate::cli::args::Lessons;
use crate::cli::command::Done;
use crate::cli::lesson_index::index;
use crate::cli::lesson_list::LESSONS;
use crate::cli::output::{complain, read_file, stdout, write_whole};
use crate::cli::page::{Look, Page, wants_colour};
use crate::cli::run::default_run_file;
use crate::cli::simulated;
use crate::cli::text::judgement_text;
use crate::cli::timeline::width;
use crate::cli::view::extras;
use crate::explore::{Judgement, RunOptions, run_once, vocabulary};
use crate::report::{
    Difference, Lesson, LessonNote, LessonPlan, Seen, Taught, page, page_of_two, printable, quoted,
    teach, tried, wrapped,
};
use crate::scenario::Scenario;
use crate::trace::RunFile;

/// How far texts stand in.
const INDENT: &str = "  ";

/// Lists lessons, plays one, or writes their pages.
pub(crate) fn lessons(args: &Lessons) -> anyhow::Result<Done> {
    match asked(args) {
        Err(error) if error.is::<Untrue>() => {
            complain(&error.to_string());
            Ok(Done::Judged(Judgement::Unexpected))
        }
        result => result,
    }
}

/// A lesson says what its run does not show.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Untrue(String);

fn asked(args: &Lessons) -> anyhow::Result<Done> {
    match (&args.lesson, &args.build) {
        (None, None) => list(),
        (Some(name), None) => play(&find(name)?, args.all),
        (None, Some(folder)) => {
            let all: Result<Vec<_>, _> = LESSONS.iter().map(|it| find(it.name)).collect();
            build(all?, folder)
        }
        (Some(name), Some(folder)) => build(vec![find(name)?], folder),
    }
}

/// A lesson, read.
struct Found {
    /// What it is called: a file's name without its ending.
    name: String,
    /// The scenario as commands name it: a lesson of the program's own, or a path on this disk.
    path: String,
    /// The path of its notes.
    notes: String,
    scenario: String,
    plan: LessonPlan,
    /// Its place among the program's own, from 1.
    number: Option<usize>,
}

/// The lesson `name`: one of the program's own by name or number, or a `.lesson` file.
fn find(name: &str) -> anyhow::Result<Found> {
    if Path::new(name).extension().is_some_and(|extension| extension == "lesson") {
        return from_disk(Path::new(name));
    }
    let by_number = name.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let place = by_number.or_else(|| LESSONS.iter().position(|it| it.name == name));
    let Some((place, listed)) = place.and_then(|place| Some((place, LESSONS.get(place)?))) else {
        bail!(
            "there is no lesson `{name}`: `kafsim lessons` lists them; one of your own is named \
             by its file, as in mine.lesson"
        );
    };
    let notes = format!("scenarios/lessons/{}.lesson", listed.name);
    let plan = LessonPlan::read(&notes, listed.notes)?;
    let found = Found {
        name: listed.name.to_owned(),
        path: String::new(),
        notes,
        scenario: listed.scenario.to_owned(),
        plan,
        number: Some(place + 1),
    };
    // Its name is what commands take wherever they are typed: there may be no file.
    Ok(found.at(listed.name.to_owned()))
}

fn from_disk(path: &Path) -> anyhow::Result<Found> {
    let text = |path: &Path, what: &str| -> anyhow::Result<String> {
        String::from_utf8(read_file(path, what)?)
            .map_err(|_| anyhow!("`{}` is not UTF-8: {what} is text", path.display()))
    };
    let plan = LessonPlan::read(&path.display().to_string(), &text(path, "a lesson (.lesson)")?)?;
    let beside = path.with_extension("toml");
    let scenario = text(&beside, "the lesson's scenario (.toml), which has its name")?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let [notes, path] = [path, &beside].map(|path| path.display().to_string());
    Ok(Found { name, path: String::new(), notes, scenario, plan, number: None }.at(path))
}

impl Found {
    /// The same, with a scenario that commands find as `path`.
    fn at(mut self, path: String) -> Self {
        self.plan.scenario = quoted(&path);
        self.path = path;
        self
    }

    /// The scenario with changes.
    fn scenario(&self, changes: &[String]) -> anyhow::Result<Scenario> {
        Ok(Scenario::read(&self.path, &self.scenario, changes, &[], &vocabulary())?)
    }

    /// The run with changes, recorded, and as what `kafsim run` judges it.
    fn run(&self, changes: &[String]) -> anyhow::Result<(RunFile, Judgement)> {
        let options = RunOptions { record: true, ..RunOptions::default() };
        let executed = run_once(&self.scenario(changes)?, self.plan.seed, &options);
        let recording = executed.run_file.expect("a run that is recorded has a file");
        let file = RunFile::read(&recording.to_vec())
            .map_err(|error| anyhow!("the run of `{}`: {error}", self.path))?;
        Ok((file, executed.outcome.judgement()))
    }

    /// Its runs: one, or two that are compared.
    fn runs(&self) -> anyhow::Result<Vec<RunFile>> {
        let count = 1 + usize::from(self.plan.compare.is_some());
        (0..count).map(|run| Ok(self.run(&self.plan.changes(run))?.0)).collect()
    }

    /// The lesson over its runs, with what there is to try as its last note.
    fn taught(&self, runs: &[RunFile]) -> anyhow::Result<Taught> {
        let (mut complaints, mut outcomes) = (Vec::new(), Vec::new());
        for it in &self.plan.tries {
            let changes = [self.plan.set.clone(), it.set.clone()].concat();
            let set = it.set.join(" ");
            let (file, judgement) = self.run(&changes)?;
            // Whoever runs it should not take for a failure what came as it was foretold.
            if judgement != Judgement::AsExpected && it.result != "violated" {
                let judged = judgement_text(judgement);
                complaints.push(format!("try {set}: `kafsim run` says of it: {judged}"));
            }
            match tried(&self.plan, it, &file) {
                Ok(text) => outcomes.push(format!("{set}: {} {}. {text}", it.property, it.result)),
                Err(error) => {
                    complaints.extend(error.0.iter().map(|what| format!("try {set}: {what}")));
                }
            }
        }
        let runs: Vec<&RunFile> = runs.iter().collect();
        let taught = match teach(&self.plan, &runs) {
            Ok(taught) if complaints.is_empty() => return Ok(self.with_tries(taught, &outcomes)),
            Ok(_) => Vec::new(),
            Err(error) => error.0,
        };
        complaints.extend(taught);
        let (name, complaints) = (&self.name, complaints.join("\n  "));
        let told = format!("lesson `{name}` says what its run does not show:\n  {complaints}");
        Err(Untrue(told).into())
    }

    fn with_tries(&self, mut taught: Taught, outcomes: &[String]) -> Taught {
        if self.plan.tries.is_empty() {
            return taught;
        }
        let commands = self.plan.tries.iter().map(|it| format!("  {}", self.command(&it.set)));
        let event = taught.lesson.notes.last().map_or(0, |note| note.event);
        taught.lesson.notes.push(LessonNote {
            event,
            title: "Try it".to_owned(),
            text: commands.collect::<Vec<_>>().join("\n"),
            question: Some("Say what will become of each of these runs, then run it.".to_owned()),
            answer: Some(outcomes.join("\n\n")),
            ..LessonNote::default()
        });
        taught.seen.push(Seen { line: String::new(), state: None });
        taught
    }

    /// How to run it with a change.
    fn command(&self, set: &[String]) -> String {
        let all = [self.plan.set.as_slice(), set].concat();
        self.command_with(&all)
    }

    /// How to make the first run, or the second.
    fn command_of(&self, run: usize) -> String {
        self.command_with(&self.plan.changes(run))
    }

    fn command_with(&self, set: &[String]) -> String {
        let mut command = format!("kafsim run {}", self.plan.scenario);
        if self.plan.seed != 0 {
            command += &format!(" --seed {}", self.plan.seed);
        }
        for change in set {
            command += &format!(" --set {}", quoted(change));
        }
        command
    }
}

fn list() -> anyhow::Result<Done> {
    let mut out = stdout();
    let mut page = Page::new(&mut out, wants_colour());
    for (number, listed) in (1..).zip(LESSONS) {
        let plan = LessonPlan::read(listed.name, listed.notes)?;
        let name = page.paint(Look::Bold, listed.name);
        writeln!(page.out, "{number:>2}  {name}: {}", plan.title)?;
        let summary = plan.summary.split_whitespace().collect::<Vec<_>>().join(" ");
        for line in wrapped(&summary, width() - 4) {
            writeln!(page.out, "    {line}")?;
        }
        page.gap()?;
    }
    writeln!(page.out, "play one in the terminal   kafsim lessons {}", LESSONS[0].name)?;
    writeln!(page.out, "pages for a browser        kafsim lessons --build")?;
    out.flush()?;
    Ok(Done::Well)
}

fn play(found: &Found, all: bool) -> anyhow::Result<Done> {
    let runs = found.runs()?;
    let taught = found.taught(&runs)?;
    let is_stepped = !all && io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut out = stdout();
    let mut page = Page::new(&mut out, wants_colour());
    head(found, &taught.lesson, &mut page)?;
    let count = taught.lesson.notes.len();
    let both = taught.lesson.notes.iter().zip(&taught.seen);
    for (number, (note, seen)) in (1..).zip(both) {
        page.gap()?;
        let run = found.plan.run_name(note.run).filter(|_| !seen.line.is_empty());
        let run = run.map_or(String::new(), |name| format!(" [{name}]"));
        let title = printable(&note.title);
        let line = format!("{number}/{count}  {title}{run}");
        page.line(Some(Look::Bold), &line)?;
        tell(&note.text, "", &mut page)?;
        show(seen, &mut page)?;
        let Some(question) = &note.question else {
            if is_stepped && number < count && !goes_on("go on", &mut page)? {
                return Ok(Done::Well);
            }
            continue;
        };
        page.gap()?;
        tell(question, "? ", &mut page)?;
        if is_stepped && !goes_on("see the answer", &mut page)? {
            return Ok(Done::Well);
        }
        if let Some(answer) = &note.answer {
            page.gap()?;
            tell(answer, "> ", &mut page)?;
        }
        if is_stepped && number < count && !goes_on("go on", &mut page)? {
            return Ok(Done::Well);
        }
    }
    page.gap()?;
    let name = found.number.map_or(&found.notes, |_| &found.name);
    let name = quoted(name);
    writeln!(page.out, "run it    {}", found.command(&[]))?;
    writeln!(page.out, "see it    kafsim lessons {name} --build")?;
    out.flush()?;
    Ok(Done::Well)
}

fn head(found: &Found, lesson: &Lesson, page: &mut Page<'_, impl Write>) -> anyhow::Result<()> {
    let of = found.number.map(|number| format!("Lesson {number} of {}: ", LESSONS.len()));
    let title = printable(&lesson.title);
    page.line(Some(Look::Bold), &format!("{}{title}", of.unwrap_or_default()))?;
    tell(&lesson.summary, "", page)?;
    page.gap()?;
    for line in simulated::lines(&found.scenario(&found.plan.changes(0))?.plan) {
        for (at, part) in wrapped(&printable(&line), width() - 6).iter().enumerate() {
            let indent = if at == 0 { INDENT } else { "    " };
            writeln!(page.out, "{INDENT}{indent}{part}")?;
        }
    }
    if let Some(other) = &found.plan.compare {
        let [first, second] = [&other.first, &other.second].map(|it| printable(it));
        let set = other.set.join(" ");
        writeln!(page.out, "{INDENT}{INDENT}two runs: {first}; {second} (--set {set})")?;
    }
    Ok(())
}

/// Paragraphs; `mark` stands before the first line.
fn tell(text: &str, mark: &str, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    let mut mark = mark;
    for (at, paragraph) in printable(text).split("\n\n").enumerate() {
        if at > 0 {
            page.gap()?;
        }
        for line in paragraph.lines() {
            let is_verbatim = line.starts_with("  ");
            let parts =
                if is_verbatim { vec![line.to_owned()] } else { wrapped(line, width() - 4) };
            for part in parts {
                writeln!(page.out, "{INDENT}{mark}{part}")?;
                mark = if mark.is_empty() { "" } else { INDENT };
            }
        }
    }
    Ok(())
}

/// The event and the state of the partition, as other commands show them.
fn show(seen: &Seen, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    if seen.line.is_empty() {
        return Ok(());
    }
    page.gap()?;
    for (at, part) in wrapped(&printable(&seen.line), width() - 6).iter().enumerate() {
        let indent = if at == 0 { "" } else { INDENT };
        writeln!(page.out, "    {indent}{part}")?;
    }
    for line in seen.state.as_deref().map(printable).unwrap_or_default().lines() {
        writeln!(page.out, "    {line}")?;
    }
    Ok(())
}

/// Waits for the reader, who may have had enough.
fn goes_on(what: &str, page: &mut Page<'_, impl Write>) -> io::Result<bool> {
    write!(page.out, "\n  [Enter: {what}; q: leave] ")?;
    page.out.flush()?;
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line)?;
    Ok(read > 0 && line.trim() != "q")
}

/// A page for each lesson, its scenario beside it, and an index of all. The pages' commands are for
/// the folder: it may be copied to where there is no other file.
fn build(lessons: Vec<Found>, folder: &Path) -> anyhow::Result<Done> {
    let mut out = stdout();
    let mut entries = Vec::new();
    let is_one = lessons.len() == 1;
    for found in lessons {
        let scenario = format!("{}.toml", found.name);
        let beside = folder.join(&scenario);
        let found = found.at(scenario);
        let runs = found.runs()?;
        let taught = found.taught(&runs)?;
        let html = html(&found, &runs, &taught.lesson)?;
        let path: PathBuf = folder.join(format!("{}.html", found.name));
        put_beside(&found, &beside)?;
        write_whole(&path, [html.as_bytes()])?;
        writeln!(out, "{}", path.display())?;
        out.flush()?;
        entries.push((found.name, taught.lesson));
    }
    // One page alone does not take the place of an index of all.
    if !is_one {
        let path = folder.join("index.html");
        write_whole(&path, [index(&entries).as_bytes()])?;
        writeln!(out, "{}", path.display())?;
    }
    out.flush()?;
    Ok(Done::Well)
}

/// Writes the scenario of a lesson to its folder, where one of one's own may lie already.
fn put_beside(found: &Found, beside: &Path) -> anyhow::Result<()> {
    match std::fs::read(beside) {
        Ok(there) if there == found.scenario.as_bytes() => return Ok(()),
        Ok(_) if found.number.is_none() => bail!(
            "`{}` is another scenario than that of the lesson, which goes there: name another \
             folder with --build",
            beside.display()
        ),
        _ => {}
    }
    write_whole(beside, [found.scenario.as_bytes()])
}

fn html(found: &Found, runs: &[RunFile], lesson: &Lesson) -> anyhow::Result<String> {
    let of = |(run, file): (usize, &RunFile)| {
        // Where the page's command puts the run: the commands of explanations go on from there.
        let scenario = found.scenario(&found.plan.changes(run))?;
        let mut extras = extras(&default_run_file(&scenario, found.plan.seed), file, false);
        extras.again = found.command_of(run);
        extras.lesson = (run == 0).then(|| lesson.clone());
        Ok(extras)
    };
    let extras: anyhow::Result<Vec<_>> = runs.iter().enumerate().map(of).collect();
    let extras = extras?;
    let refused = |error: &dyn std::fmt::Display| anyhow!("the run of `{}`: {error}", found.path);
    match (runs, extras.as_slice()) {
        ([one, other], [its, others]) => {
            let difference = Difference::of([one, other]).map_err(|error| refused(&error))?;
            page_of_two([(one, its), (other, others)], &difference).map_err(|error| refused(&error))
        }
        _ => page(&runs[0], &extras[0]).map_err(|error| refused(&error)),
    }
}
