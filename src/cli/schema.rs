//! `kafsim schema`: what editors complete and check scenario files by.

use std::io::Write as _;

use crate::cli::args::Schema;
use crate::cli::command::Done;
use crate::cli::output::{stdout, write_whole};
use crate::explore::vocabulary;
use crate::scenario;

/// Prints the schema, or writes it to a file.
pub(crate) fn schema(args: &Schema) -> anyhow::Result<Done> {
    let text = format!("{:#}\n", scenario::schema(&vocabulary()));
    let mut out = stdout();
    match &args.out {
        Some(path) => {
            write_whole(path, [text.as_bytes()])?;
            let name = path.display();
            writeln!(out, "wrote {name}")?;
            writeln!(
                out,
                "begin a scenario with  #:schema ./{name}  and open it in an editor with \
                 a TOML language server (docs/SCENARIOS.md)"
            )?;
        }
        None => out.write_all(text.as_bytes())?,
    }
    out.flush()?;
    Ok(Done::Well)
}
