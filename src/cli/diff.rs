//! `kafsim diff`: where two runs part, and what came of it.

use std::io::Write as _;

use anyhow::anyhow;

use crate::cli::args::{Diff, Format};
use crate::cli::command::Done;
use crate::cli::output::stdout;
use crate::cli::page::wants_colour;
use crate::cli::paint::{Text, painted};
use crate::cli::run_file;
use crate::cli::timeline::width;
use crate::report::{Difference, printable};

/// Prints the differences.
pub(crate) fn diff(args: &Diff) -> anyhow::Result<Done> {
    let (one, other) = (run_file::read(&args.one)?, run_file::read(&args.other)?);
    let (a, b) = (args.one.display(), args.other.display());
    let difference =
        Difference::of([&one, &other]).map_err(|error| anyhow!("`{a}`, `{b}`: {error}"))?;
    let mut out = stdout();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&difference)?)?,
        Format::Text => {
            let names = [a.to_string(), b.to_string()];
            let text = difference.text(names.each_ref().map(String::as_str), width());
            write!(out, "{}", painted(Text::Difference, &printable(&text), wants_colour()))?;
        }
    }
    out.flush()?;
    Ok(Done::Well)
}
