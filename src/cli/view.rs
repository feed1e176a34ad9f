//! `kafsim view`: a run as one HTML page.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::cli::args::View;
use crate::cli::command::Done;
use crate::cli::output::{complain, stdout, write_whole};
use crate::cli::run_file;
use crate::cli::serve::serve;
use crate::report::{Extras, page};

/// Writes the page of a run file.
pub(crate) fn view(args: &View) -> anyhow::Result<Done> {
    if let Some(folder) = &args.serve {
        serve(folder, args.port)?;
        return Ok(Done::Well);
    }
    let file = args.file.as_deref().expect("the command line asks for a file");
    let out = args.out.clone().unwrap_or_else(|| file.with_extension("html"));
    let html = page_of(file)?;
    write_whole(&out, [html.as_bytes()])?;
    let shown = std::path::absolute(&out).unwrap_or_else(|_| out.clone());
    let mut print = stdout();
    writeln!(print, "{}", out.display())?;
    print.flush()?;
    if args.open {
        open(&shown)?;
    }
    Ok(Done::Well)
}

/// The page of the run file `path`.
pub(crate) fn page_of(path: &Path) -> anyhow::Result<String> {
    let file = run_file::read(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let again = format!("kafsim replay {}", path.display());
    let extras = Extras { file: name, again, ..Extras::default() };
    page(&file, &extras).map_err(|error| run_file::refused(path, &error))
}

/// Opens `page` in the browser of this computer.
fn open(page: &PathBuf) -> anyhow::Result<()> {
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
        complain(&format!("`{program}` did not open it; open {} in a browser", page.display()));
    }
    Ok(())
}
