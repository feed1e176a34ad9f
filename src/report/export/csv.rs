//! Events as rows of comma-separated values (RFC 4180), for DuckDB, pandas and spreadsheets.

use std::io::Write;

use crate::event::Value;
use crate::report::export::format::ExportError;
use crate::trace::{Filter, Names, RunFile};

/// Fields that have a column of their own; all are in `fields` as well.
const COLUMNS: [&str; 11] = [
    "partition",
    "leader_epoch",
    "base_offset",
    "records",
    "offset",
    "log_end_offset",
    "high_watermark",
    "batch",
    "api",
    "error",
    "fault",
];

pub(super) fn write(
    file: &RunFile,
    names: &Names,
    filter: Option<Filter>,
    out: &mut dyn Write,
) -> Result<Vec<String>, ExportError> {
    let mut filter = filter.unwrap_or_default();
    let head = ["index", "at_us", "host", "kind", "cause", "about", "step"];
    let head: Vec<&str> = head.into_iter().chain(COLUMNS).chain(["fields"]).collect();
    write!(out, "{}\r\n", head.join(","))?;
    for event in file.events()? {
        let event = event?;
        if !filter.accepts(&event, names) {
            continue;
        }
        let number = |index: Option<u64>| index.map(|index| index.to_string()).unwrap_or_default();
        let host = event.host.map(|host| names.setup().host_name(Some(host)));
        let mut cells = vec![
            event.index.to_string(),
            event.at.scenario_micros().to_string(),
            host.unwrap_or_default().to_owned(),
            event.kind.name().to_owned(),
            number(event.cause),
            number(event.about),
            format!("{:016x}:{}", event.step.lane, event.step.n),
        ];
        let values = event.kind.values();
        cells.extend(COLUMNS.iter().map(|column| {
            let value = values.iter().find(|(name, _)| name == column).map(|(_, value)| value);
            match value {
                None | Some(Value::None) => String::new(),
                Some(value) => names.show(value),
            }
        }));
        cells.push(names.json(&event)["fields"].to_string());
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        write!(out, "{}\r\n", cells.join(","))?;
    }
    Ok(Vec::new())
}

/// In quotes where a reader would part it.
fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}
