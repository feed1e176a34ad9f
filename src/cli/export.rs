//! `kafsim export`: a run in the format of another program.

use std::io::{IsTerminal as _, Write};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};

use crate::cli::args::{Export, ExportTo};
use crate::cli::command::Done;
use crate::cli::explain::for_page;
use crate::cli::output::{WholeFile, complain, stdout};
use crate::cli::run_file;
use crate::report::export::{
    Chosen, ExportError, ExportFormat, Story, Told, export as write_as, last_acknowledged,
    says_something,
};
use crate::report::{At, Timeline, Window};
use crate::trace::{Filter, RunFile};

/// What a diagram tells: how the first violation came about, else what became of the partition to
/// which most happened. A run of which neither can be told is shown without.
fn story(path: &Path, file: &RunFile) -> Option<Story> {
    let explained = for_page(path, file, false).ok().and_then(|all| all.into_iter().next());
    if let Some(explanation) = explained {
        return Some(Story::from(&explanation));
    }
    let window = Window { partition: None, from: 0, to: None, all: false };
    let timeline = Timeline::of(file, &window).ok()?;
    let (of, seed) = (&file.header.title, file.header.seed);
    let partition = &timeline.partition;
    let steps = |timeline: &Timeline| timeline.lines.iter().map(Told::from).collect::<Vec<_>>();
    let told = steps(&timeline);
    if file.events().is_ok_and(|events| says_something(events, &told)) {
        let title = format!("{of}, seed {seed}: what became of {partition}");
        return Some(Story { title, steps: told, ..Story::default() });
    }
    // A run in which nothing changes: how it serves.
    let served = last_acknowledged(file, partition)?;
    let window = Window {
        partition: Some(partition.clone()),
        from: served.from,
        to: Some(served.to),
        all: true,
    };
    let steps = steps(&Timeline::of(file, &window).ok()?);
    let offset = served.offset;
    complain(&format!(
        "nothing befell {partition} in this run, so the diagram shows how the record at offset \
         {offset} was acknowledged; `--event EVENT` shows what led to another event"
    ));
    let title = format!("{of}, seed {seed}: how offset {offset} of {partition} was acknowledged");
    Some(Story { title, steps, ..Story::default() })
}

/// Writes the run in another format.
pub(crate) fn export(args: &Export) -> anyhow::Result<Done> {
    let format = match args.to {
        ExportTo::Perfetto => ExportFormat::Perfetto,
        ExportTo::Mermaid => ExportFormat::Mermaid,
        ExportTo::Jepsen => ExportFormat::Jepsen,
        ExportTo::Jsonl => ExportFormat::Jsonl,
        ExportTo::Csv => ExportFormat::Csv,
        ExportTo::Shiviz => ExportFormat::Shiviz,
    };
    let filters = matches!(args.to, ExportTo::Jsonl | ExportTo::Csv | ExportTo::Shiviz);
    if !args.filter.is_empty() && !filters {
        bail!("only jsonl, csv and shiviz take a filter; leave it out");
    }
    if args.event.is_some() && args.to != ExportTo::Mermaid {
        bail!("only mermaid takes --event; leave it out");
    }
    if args.out.is_none() && args.to == ExportTo::Perfetto && std::io::stdout().is_terminal() {
        bail!("perfetto's format is not for a terminal; name a file with --out, or pipe it");
    }
    let event = match args.event {
        Some(At::Event(event)) => Some(event),
        Some(At::Time(_) | At::End) => bail!("--event takes an event, as in e179442"),
        None => None,
    };
    let filter = args.filter.join(" ").parse::<Filter>()?;
    let file = run_file::read(&args.file)?;
    let story = match args.to {
        ExportTo::Mermaid if event.is_none() => story(&args.file, &file),
        _ => None,
    };
    let chosen = Chosen { filter: (!filter.is_empty()).then_some(filter), event, story };
    let refused = |error: ExportError| match error {
        ExportError::Tell(_) | ExportError::Nothing => {
            anyhow!("`{}`: {error}", args.file.display())
        }
        ExportError::Write(error) => error.into(),
    };
    let remarks = match &args.out {
        None => {
            let mut out = stdout();
            let remarks = write_as(&file, format, &chosen, &mut out).map_err(refused)?;
            out.flush()?;
            remarks
        }
        Some(path) => {
            let mut whole = WholeFile::create(path)?;
            let remarks = write_as(&file, format, &chosen, &mut whole)
                .map_err(refused)
                .with_context(|| format!("write `{}`", path.display()))?;
            whole.finish()?;
            remarks
        }
    };
    for remark in remarks {
        complain(&remark);
    }
    Ok(Done::Well)
}
