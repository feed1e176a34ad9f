//! `kafsim log`: the replicas' logs side by side.

use std::io::Write as _;

use anyhow::{anyhow, bail};

use crate::cli::args::{Format, Log};
use crate::cli::command::Done;
use crate::cli::output::stdout;
use crate::cli::page::wants_colour;
use crate::cli::paint::{Text, painted};
use crate::cli::run_file;
use crate::report::{Logs, Offsets, printable};

/// Prints the logs.
pub(crate) fn log(args: &Log) -> anyhow::Result<Done> {
    let file = run_file::read(&args.file)?;
    if let (Some(from), Some(to)) = (args.from, args.to)
        && to < from
    {
        bail!("--from {from} --to {to}: the range ends before it begins; give --to {from} or more");
    }
    // The last offset is included, as people count.
    let offsets = Offsets { from: args.from, below: args.to.map(|to| to.saturating_add(1)) };
    let logs = Logs::of(&file, args.at, &args.partition, offsets)
        .map_err(|error| anyhow!("`{}`: {error}", args.file.display()))?;
    let mut out = stdout();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&logs)?)?,
        Format::Text => {
            let text = painted(Text::Tables, &printable(&logs.text()), wants_colour());
            write!(out, "{text}")?;
        }
    }
    out.flush()?;
    Ok(Done::Well)
}
