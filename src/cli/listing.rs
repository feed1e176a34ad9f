//! `kafsim defects` and `kafsim properties`: what there is.

use std::io::Write as _;

use serde_json::json;

use crate::check::{Info, infos};
use crate::cli::args::{Format, Listing};
use crate::cli::command::Done;
use crate::cli::output::stdout;
use crate::types::{Defect, DefectKind, PropertyName};

/// Lists the bugs that can be switched on.
pub(crate) fn defects(args: &Listing) -> anyhow::Result<Done> {
    let mut out = stdout();
    if args.format == Format::Json {
        let defects = Defect::ALL.iter().map(|defect| {
            json!({
                "name": defect.name(),
                "kind": kind_name(defect.kind()),
                "number": defect.number(),
                "title": defect.title(),
                "what": defect.what(),
                "source": defect.source(),
                "caught_by": defect.caught_by(),
            })
        });
        writeln!(out, "{:#}", json!({ "defects": defects.collect::<Vec<_>>() }))?;
        out.flush()?;
        return Ok(Done::Well);
    }
    for kind in [DefectKind::Historical, DefectKind::Configuration, DefectKind::Mutation] {
        writeln!(out, "{}\n", kind_title(kind))?;
        for defect in Defect::ALL.iter().filter(|defect| defect.kind() == kind) {
            writeln!(out, "  {}", defect.name())?;
            writeln!(out, "      {}: {}", defect.title(), defect.what())?;
            writeln!(out, "      caught by  {}", defect.caught_by().join(", "))?;
            writeln!(out, "      source     {}", defect.source())?;
        }
        writeln!(out)?;
    }
    writeln!(out, "switch one on: kafsim run SCENARIO --defect NAME")?;
    out.flush()?;
    Ok(Done::Well)
}

/// Lists the properties, with their sources and the defects that prove them.
pub(crate) fn properties(args: &Listing) -> anyhow::Result<Done> {
    let infos = infos();
    let info = |name: &str| infos.iter().copied().find(|info| info.name == name);
    let mut out = stdout();
    if args.format == Format::Json {
        let properties = PropertyName::ALL.iter().map(|property| {
            let info = info(property.name());
            json!({
                "name": property.name(),
                "what": property.what(),
                "statement": info.map(|info| info.statement),
                "premise": info.map(|info| info.premise),
                "source": info.map(|info| info.source),
                "liveness": info.map(|info| info.is_liveness),
                "proved_by": proofs(property.name()),
            })
        });
        writeln!(out, "{:#}", json!({ "properties": properties.collect::<Vec<_>>() }))?;
        out.flush()?;
        return Ok(Done::Well);
    }
    for property in PropertyName::ALL {
        writeln!(out, "{}", property.name())?;
        let Info { statement, premise, source, .. } = match info(property.name()) {
            Some(info) => *info,
            None => {
                writeln!(out, "    {} (not checked by this build)", property.what())?;
                continue;
            }
        };
        writeln!(out, "    {statement}")?;
        writeln!(out, "    premise    {premise}")?;
        writeln!(out, "    source     {source}")?;
        let proofs = proofs(property.name());
        if !proofs.is_empty() {
            writeln!(out, "    proved by  {}", proofs.join(", "))?;
        }
    }
    out.flush()?;
    Ok(Done::Well)
}

/// The defects that turn a property red.
fn proofs(property: &str) -> Vec<&'static str> {
    let defects = Defect::ALL.iter().filter(|defect| defect.caught_by().contains(&property));
    defects.map(|defect| defect.name()).collect()
}

fn kind_name(kind: DefectKind) -> &'static str {
    match kind {
        DefectKind::Historical => "historical",
        DefectKind::Configuration => "configuration",
        DefectKind::Mutation => "mutation",
    }
}

fn kind_title(kind: DefectKind) -> &'static str {
    match kind {
        DefectKind::Historical => "Bugs that Kafka had",
        DefectKind::Configuration => "Configurations that promise less, made switches",
        DefectKind::Mutation => "Rules taken out, to prove that a property can turn red",
    }
}
