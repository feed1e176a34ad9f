//! Scenario files from disk.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

use crate::cli::args::Change;
use crate::cli::lesson_list::named;
use crate::cli::output::{complain, read_file};
use crate::explore::vocabulary;
use crate::report::quoted;
use crate::scenario::{Scenario, ScenarioError, embed};

/// Reads the scenario `path`, a file or the name of a lesson, with `change` made to it.
pub(crate) fn load(path: &Path, change: &Change) -> anyhow::Result<Scenario> {
    let name = path.to_string_lossy();
    if path.extension().is_some_and(|extension| extension == "lesson") {
        bail!(
            "`{name}` holds the notes of a lesson: play it with `kafsim lessons {}`, or give its \
             scenario, `{}`",
            quoted(&name),
            path.with_extension("toml").display()
        );
    }
    let text = match named(path) {
        Some(lesson) => lesson.scenario.to_owned(),
        None => from_disk(path)?,
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let read = |file: &str| {
        let bytes = std::fs::read(folder.join(file)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                format!("`{}` is not there", folder.join(file).display())
            }
            _ => error.to_string(),
        })?;
        // Java reads properties as ISO 8859-1, where every byte is a letter.
        Ok(bytes.iter().map(|byte| char::from(*byte)).collect())
    };
    let text = embed(&name, &text, read).map_err(ScenarioError::File)?;
    let scenario = Scenario::read(&name, &text, &change.sets, &change.defects, &vocabulary())?;
    for warning in &scenario.plan.warnings {
        complain(&format!("warning: {warning}"));
    }
    Ok(scenario)
}

fn from_disk(path: &Path) -> anyhow::Result<String> {
    let bytes = read_file(path, "a scenario (.toml), or a lesson's name (`kafsim lessons`)")?;
    String::from_utf8(bytes).map_err(|_| {
        let name = path.display();
        anyhow!("`{name}` is not text: give a scenario (TOML, in UTF-8), or `check` a run file")
    })
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
