//! `kafsim events`: the events of a run file, all or some.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::cli::args::{Events, Format};
use crate::cli::command::Done;
use crate::cli::output::stdout;
use crate::cli::page::wants_colour;
use crate::cli::paint::{Text, painted};
use crate::cli::run_file;
use crate::event::{Kind, Value};
use crate::report::printable;
use crate::trace::{Filter, Names, RunFile};

/// Prints the events that pass the filter.
pub(crate) fn events(args: &Events) -> anyhow::Result<Done> {
    let mut out = stdout();
    let colour = wants_colour();
    let Some(path) = &args.file else {
        for kind in Kind::TABLE {
            match args.format {
                Format::Text => {
                    let line = format!("{:<28} {}", kind.name, kind.doc);
                    writeln!(out, "{}", painted(Text::Kinds, &line, colour))?;
                }
                Format::Json => {
                    let fields = kind.fields.iter();
                    let fields =
                        fields.map(|field| json!({ "name": field.name, "what": field.doc }));
                    let fields: Vec<_> = fields.collect();
                    let line = json!({ "kind": kind.name, "what": kind.doc, "fields": fields });
                    writeln!(out, "{line}")?;
                }
            }
        }
        out.flush()?;
        return Ok(Done::Well);
    };
    let mut filter: Filter = args.filter.join(" ").parse()?;
    let file = run_file::read(path)?;
    let mut names = Names::new(Arc::new(file.header.setup.clone()));
    if filter.names_hosts() {
        let hosts = names.setup().hosts.iter().map(|host| host.name.to_string());
        // What happens to the whole world has a host of its own name.
        let world = names.setup().host_name(None).to_owned();
        filter.check_hosts(&hosts.chain([world]).collect::<Vec<_>>(), &names)?;
    }
    if filter.names_partitions() {
        filter.check_partitions(&partitions(path, &file)?)?;
    }
    if filter.names_groups() {
        filter.check_groups(&groups(path, &file)?)?;
    }
    // Topics are named once, and some events come before that.
    for event in file.events().map_err(|error| run_file::refused(path, &error))? {
        names.learn(&event.map_err(|error| run_file::refused(path, &error))?);
    }
    for event in file.events().map_err(|error| run_file::refused(path, &error))? {
        let event = event.map_err(|error| run_file::refused(path, &error))?;
        if !filter.accepts(&event, &names) {
            continue;
        }
        match args.format {
            Format::Text => {
                let line = names.line(&event);
                // A name with an end of line in it does not make two lines of one event.
                let line = printable(&line).replace('\n', "\u{fffd}");
                writeln!(out, "{}", painted(Text::Events, &line, colour))?;
            }
            Format::Json => writeln!(out, "{}", names.json(&event))?,
        }
    }
    out.flush()?;
    Ok(Done::Well)
}

/// The groups that events of the file are about.
fn groups(path: &Path, file: &RunFile) -> anyhow::Result<Vec<String>> {
    let mut found = BTreeSet::new();
    for event in file.events().map_err(|error| run_file::refused(path, &error))? {
        let event = event.map_err(|error| run_file::refused(path, &error))?;
        for (name, value) in event.kind.values() {
            if let Value::Text(group) = value
                && name == "group"
            {
                found.insert(group.to_string());
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// The partitions that events of the file are about, by name.
fn partitions(path: &Path, file: &RunFile) -> anyhow::Result<Vec<String>> {
    let mut names = Names::new(Arc::new(file.header.setup.clone()));
    let mut found = BTreeSet::new();
    for event in file.events().map_err(|error| run_file::refused(path, &error))? {
        let event = event.map_err(|error| run_file::refused(path, &error))?;
        names.learn(&event);
        for (name, value) in event.kind.values() {
            if let Value::Partition(partition) = value
                && name == "partition"
            {
                found.insert(partition);
            }
        }
    }
    // Topics are named once, and some events come before that.
    Ok(found.into_iter().map(|partition| names.partition(partition)).collect())
}
