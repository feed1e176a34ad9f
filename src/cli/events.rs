//! `kafsim events`: the events of a run file, all or some.

use std::io::Write as _;
use std::sync::Arc;

use crate::cli::args::{Events, Format};
use crate::cli::command::Done;
use crate::cli::output::stdout;
use crate::cli::run_file;
use crate::event::Kind;
use crate::trace::{Filter, Names};

/// Prints the events that pass the filter.
pub(crate) fn events(args: &Events) -> anyhow::Result<Done> {
    let mut out = stdout();
    let Some(path) = &args.file else {
        for kind in Kind::TABLE {
            writeln!(out, "{:<28} {}", kind.name, kind.doc)?;
        }
        out.flush()?;
        return Ok(Done::Well);
    };
    let filter: Filter = args.filter.join(" ").parse()?;
    let file = run_file::read(path)?;
    let mut names = Names::new(Arc::new(file.header.setup.clone()));
    for event in file.events().map_err(|error| run_file::refused(path, &error))? {
        let event = event.map_err(|error| run_file::refused(path, &error))?;
        names.learn(&event);
        if !filter.accepts(&event, &names) {
            continue;
        }
        match args.format {
            Format::Text => writeln!(out, "{}", names.line(&event))?,
            Format::Json => writeln!(out, "{}", names.json(&event))?,
        }
    }
    out.flush()?;
    Ok(Done::Well)
}
