//! Run files from disk.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::check::{Checker, Verdict};
use crate::cli::output::read_file;
use crate::explore::vocabulary;
use crate::scenario::Scenario;
use crate::trace::{Model, ReadError, RunFile};

/// Reads the run file `path`.
pub(crate) fn read(path: &Path) -> anyhow::Result<RunFile> {
    parse(path, &read_file(path, "a run file (.run), as `kafsim run` writes it")?)
}

/// Reads the bytes of the run file `path`.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> anyhow::Result<RunFile> {
    RunFile::read(bytes).map_err(|error| refused(path, &error))
}

/// "`path`: what is wrong with it".
pub(crate) fn refused(path: &Path, error: &ReadError) -> anyhow::Error {
    anyhow!("`{}`: {error}", path.display())
}

/// The scenario that was run.
pub(crate) fn scenario(file: &RunFile) -> anyhow::Result<Scenario> {
    let header = &file.header;
    Scenario::read("scenario of the run file", &header.scenario, &[], &[], &vocabulary())
        .with_context(|| {
            format!("read the scenario that kafsim {} kept in it", header.tool_version)
        })
}

/// What each property comes to over the events of the file.
pub(crate) fn judge(path: &Path, file: &RunFile) -> anyhow::Result<Vec<Verdict>> {
    let mut model = Model::new(Arc::new(file.header.setup.clone()));
    let mut checker = Checker::default();
    for event in file.events().map_err(|error| refused(path, &error))? {
        let event = event.map_err(|error| refused(path, &error))?;
        model.apply(&event);
        checker.observe(&event, &model);
    }
    Ok(checker.finish(&model))
}
