//! The tables of `docs/SCENARIOS.md`, made of the tables of keys.

use std::fmt::Write;

use crate::scenario::config::Value;
use crate::scenario::config_keys::{ConfigKey, Kind, Scope};
use crate::scenario::file_keys::{LATER_CONFIG, SECTIONS, Section};

/// What a page says instead of a table that is to be filled in: `<!-- table [[topic]] -->`.
const BEGIN: &str = "<!-- table ";
const END: &str = "<!-- end -->";
const HEAD: &str = "| key | takes | default | meaning |\n|---|---|---|---|\n";

/// The `page` with every table between its markers made anew. A test holds the file to it.
///
/// # Errors
///
/// A sentence that names a table that the page lacks, has twice or cannot have, or a marker
/// without its end.
pub fn fill(page: &str) -> Result<String, String> {
    let tables = tables();
    let mut filled = String::new();
    let mut seen = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        filled.push_str(line);
        filled.push('\n');
        let name = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(" -->"));
        let Some(name) = name else { continue };
        let table = tables.iter().find(|(known, _)| known == name);
        let (_, text) = table.ok_or_else(|| format!("there is no table `{name}`"))?;
        if seen.contains(&name) {
            return Err(format!("the table `{name}` stands twice"));
        }
        seen.push(name);
        if !lines.any(|line| line == END) {
            return Err(format!("the table `{name}` has no `{END}`"));
        }
        let _ = writeln!(filled, "\n{text}\n{END}");
    }
    match tables.iter().find(|(name, _)| !seen.contains(&name.as_str())) {
        Some((name, _)) => Err(format!("the page lacks `{BEGIN}{name} -->` and `{END}`")),
        None => Ok(filled),
    }
}

/// All tables, by the names that the page's markers have.
fn tables() -> Vec<(String, String)> {
    let sections = SECTIONS.iter().map(|section| (section.name.to_owned(), of_section(section)));
    let servers: &[Scope] = &[Scope::Broker, Scope::Controller];
    let keys = [
        ("Kafka keys of servers", servers),
        ("Kafka keys of topics", &[Scope::Topic]),
        ("Kafka keys of producers", &[Scope::Producer]),
        ("Kafka keys of consumers", &[Scope::Consumer]),
        ("Kafka keys of members of groups", &[Scope::Member]),
        ("features", &[Scope::Feature]),
    ];
    let keys = keys.iter().map(|(name, scopes)| ((*name).to_owned(), of_keys(scopes)));
    let later = ("Kafka keys that are refused".to_owned(), of_refused());
    sections.chain(keys).chain([later]).collect()
}

fn of_section(section: &Section) -> String {
    let mut text = format!("{}\n\n{HEAD}", section.doc);
    for key in section.keys {
        let default = if key.default.is_empty() { "must be there" } else { key.default };
        let [form, default, doc] = [key.form, default, key.doc].map(cell);
        let _ = writeln!(text, "| `{}` | {form} | {default} | {doc} |", key.name);
    }
    text
}

/// The keys of `scopes`; with a column for whose they are, or for the broker's key behind a
/// topic's, where that tells anything.
fn of_keys(scopes: &[Scope]) -> String {
    let is_topic = scopes == [Scope::Topic];
    let extra = match scopes {
        _ if is_topic => "without it, the broker's",
        [_] => "",
        _ => "of",
    };
    let mut text = match extra {
        "" => HEAD.to_owned(),
        extra => {
            format!("| key | takes | default | {extra} | meaning |\n|---|---|---|---|---|\n")
        }
    };
    for key in ConfigKey::all().filter(|key| scopes.iter().any(|scope| key.has(*scope))) {
        let _ = write!(text, "| `{}` | {} | {} |", key.name, takes(key.kind), default(key));
        if is_topic {
            let _ = write!(text, " `{}` |", key.broker_key.unwrap_or_default());
        } else if !extra.is_empty() {
            let whose: Vec<_> = key.scopes.iter().map(|scope| scope.name()).collect();
            let _ = write!(text, " {} |", whose.join(", "));
        }
        let _ = writeln!(text, " {} |", cell(key.doc));
    }
    text
}

fn of_refused() -> String {
    let mut text = "| key | why it is refused |\n|---|---|\n".to_owned();
    for (key, why) in LATER_CONFIG {
        let all = if key.ends_with('.') { "*" } else { "" };
        let _ = writeln!(text, "| `{key}{all}` | {} |", cell(why));
    }
    text
}

fn takes(kind: Kind) -> String {
    cell(&kind.describe())
}

fn default(key: &ConfigKey) -> String {
    match (key.default, key.kind) {
        (None, _) => "none".to_owned(),
        // As Kafka writes "never".
        (Some(Value::Integer(i64::MAX)), _) => "never (the largest number)".to_owned(),
        (Some(Value::Integer(i)), Kind::Number { .. }) if i == i64::from(i32::MAX) => {
            "no end (2147483647)".to_owned()
        }
        (Some(value), _) => value.to_string(),
    }
}

/// As a cell of a table holds it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(names: &[&str]) -> String {
        names.iter().map(|name| format!("{BEGIN}{name} -->\nold\n{END}\n")).collect()
    }

    #[test]
    fn a_page_with_all_tables_is_filled_and_stays_as_it_is_then() {
        let names: Vec<String> = tables().into_iter().map(|(name, _)| name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let filled = fill(&page(&names)).unwrap();
        assert!(filled.contains("| `replication_factor` | number |"), "{filled}");
        assert!(!filled.contains("\nold\n"));
        assert_eq!(fill(&filled), Ok(filled.clone()));
        assert!(fill(&page(&names[1..])).unwrap_err().contains(names[0]));
        assert!(fill(&page(&[names[0], names[0]])).unwrap_err().contains("twice"));
        assert!(fill(&page(&["[[weather]]"])).unwrap_err().contains("no table"));
        assert!(fill(&format!("{BEGIN}{} -->\n", names[0])).unwrap_err().contains("no `"));
    }
}
