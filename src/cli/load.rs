//! Scenario files from disk.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

use crate::cli::args::Change;
use crate::cli::output::read_file;
use crate::explore::vocabulary;
use crate::scenario::Scenario;

/// Reads the scenario `path` with `change` made to it.
pub(crate) fn load(path: &Path, change: &Change) -> anyhow::Result<Scenario> {
    let name = path.to_string_lossy();
    let bytes = read_file(path, "a scenario (.toml); kafsim's own are in scenarios/")?;
    let text = String::from_utf8(bytes).map_err(|_| {
        anyhow!("`{name}` is not text: give a scenario (TOML, in UTF-8), or `check` a run file")
    })?;
    Ok(Scenario::read(&name, &text, &change.sets, &change.defects, &vocabulary())?)
}

/// The scenario files that `paths` name: files as they are, folders with all that is in them, in
/// order of their names.
pub(crate) fn scenario_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            gather(path, &mut files)?;
            if files.len() == before {
                bail!("the folder `{}` holds no .toml file: name a scenario", path.display());
            }
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>())
        .with_context(|| format!("list `{}`", folder.display()));
    let mut paths = entries?;
    // The order of a listing is the file system's own.
    paths.sort();
    for path in paths {
        if path.is_dir() {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    Ok(())
}
