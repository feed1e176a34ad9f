//! `kafsim new`: a scenario to begin with.

use std::io::ErrorKind;
use std::io::Write as _;

use anyhow::{Context as _, bail};

use crate::cli::args::{New, Template};
use crate::cli::command::Done;
use crate::cli::output::{make_folder, stdout};
use crate::report::quoted;

/// Writes the template's scenario and says what to type next.
pub(crate) fn new(args: &New) -> anyhow::Result<Done> {
    let path = &args.file;
    let name = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        make_folder(folder).with_context(|| format!("make the folder `{}`", folder.display()))?;
    }
    match std::fs::File::create_new(path) {
        Ok(mut file) => file
            .write_all(args.from.text().as_bytes())
            .with_context(|| format!("write `{name}`"))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("`{name}` is there already: name another file, as in `kafsim new other.toml`")
        }
        Err(error) => return Err(error).with_context(|| format!("write `{name}`")),
    }
    let quoted = quoted(&path.to_string_lossy());
    let mut out = stdout();
    writeln!(out, "wrote {name}")?;
    writeln!(out, "run it       kafsim run {quoted}")?;
    writeln!(out, "other seeds  kafsim sweep {quoted} --seeds 0..50")?;
    writeln!(out, "check it     kafsim check {quoted}")?;
    writeln!(out, "complete it  kafsim schema --out scenario.schema.json, in an editor")?;
    writeln!(out, "all keys     docs/SCENARIOS.md")?;
    out.flush()?;
    Ok(Done::Well)
}

impl Template {
    /// The scenario.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Minimal => include_str!("../../scenarios/templates/minimal.toml"),
            Self::Acks => include_str!("../../scenarios/templates/acks.toml"),
            Self::Rolling => include_str!("../../scenarios/templates/rolling.toml"),
            Self::Sweep => include_str!("../../scenarios/templates/sweep.toml"),
            Self::Group => include_str!("../../scenarios/templates/group.toml"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;
    use crate::explore::vocabulary;
    use crate::scenario::Scenario;

    /// That each comes out as it claims is tested where all of `scenarios/` is.
    #[test]
    fn every_template_is_a_scenario_without_warnings() {
        for template in Template::value_variants() {
            let text = template.text();
            assert!(text.starts_with("# "), "{template:?} begins with what it shows");
            let scenario = Scenario::read("new.toml", text, &[], &[], &vocabulary()).unwrap();
            assert_eq!(scenario.plan.warnings, [], "{template:?}");
        }
    }
}
