//! `kafsim timeline`: what happened to a partition, a line each.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{anyhow, bail};

use crate::cli::args::{Format, Timeline};
use crate::cli::command::Done;
use crate::cli::output::stdout;
use crate::cli::page::{Look, Page, wants_colour};
use crate::cli::run_file;
use crate::report::{self, At, TellError, Window, check_instant, fitted, printable};

/// The width of text that is piped.
const WIDTH: usize = 80;
/// Longer lines are hard to read.
const WIDTH_MAX: usize = 160;

/// Prints the timeline.
pub(crate) fn timeline(args: &Timeline) -> anyhow::Result<Done> {
    if let Some(to) = args.to
        && to.micros() < args.from.micros()
    {
        bail!("the range from --from to --to ends before it begins: give --to a later time");
    }
    let file = run_file::read(&args.file)?;
    let refused = |error: TellError| anyhow!("`{}`: {error}", args.file.display());
    // What begins before the run begins with it, and what ends after the run ends with it.
    let instants = [Some(args.from), args.to].map(|at| at.map(|at| At::Time(at.micros())));
    match instants.map(|at| at.map_or(Ok(()), |at| check_instant(&file, at))) {
        [Err(late @ TellError::Late { .. }), _] => return Err(refused(late)),
        [_, Err(early @ TellError::Early { .. })] => return Err(refused(early)),
        _ => {}
    }
    let window = Window {
        partition: args.partition.clone(),
        from: args.from.micros(),
        to: args.to.map(report::Seconds::micros),
        all: args.all,
    };
    let timeline = report::Timeline::of(&file, &window).map_err(refused)?;
    let mut out = stdout();
    if args.format == Format::Json {
        writeln!(out, "{}", serde_json::to_string_pretty(&timeline)?)?;
        out.flush()?;
        return Ok(Done::Well);
    }
    let header = &file.header;
    let mut page = Page::new(&mut out, wants_colour());
    let title = format!("{}: {}, seed {}", timeline.partition, header.title, header.seed);
    for line in fitted(&printable(&title), width()) {
        page.line(Some(Look::Bold), &line)?;
    }
    for (mark, line) in timeline.text(width()) {
        let look = match mark {
            'X' | 'v' => Some(Look::Red),
            '!' => Some(Look::Yellow),
            '*' => Some(Look::Green),
            _ => None,
        };
        let line = printable(&line);
        let line = look.map_or_else(|| line.to_string(), |look| page.paint(look, &line));
        writeln!(page.out, "{line}")?;
    }
    out.flush()?;
    Ok(Done::Well)
}

/// The width of the terminal, or that of a page where nobody looks.
pub(crate) fn width() -> usize {
    let size = io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    size.map_or(WIDTH, |(width, _)| usize::from(width.0).clamp(WIDTH, WIDTH_MAX))
}
