//! What the column "takes" of a scenario's tables means as JSON Schema.
//!
//! The words of that column are for people first; the few forms they are made of are read here. A
//! new one is a line in [`of_word`], and a test fails while it is missing.

use serde_json::{Value as Json, json};

use crate::scenario::decode::Vocabulary;
use crate::scenario::known::{GROUP_ROLES, PARTITION_ROLES, REPLICA, ROLES};
use crate::scenario::schema::range;
use crate::types::{Defect, PropertyName};

/// What a key takes.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Form {
    /// A value of this schema.
    Value(Json),
    /// Kafka's keys.
    Config,
    /// A table that has a section of its own.
    Table,
    /// A list of such tables.
    Tables,
    /// Nothing known here.
    Unknown,
}

/// Reads the form `form`.
pub(crate) fn of_form(form: &str, vocabulary: &Vocabulary) -> Form {
    match form {
        "table" | "a latency" | "milestone" => Form::Table,
        "tables" => Form::Tables,
        "features" => Form::Config,
        "{ field = text }" => Form::Value(json!({
            "type": "object",
            "additionalProperties": { "type": ["string", "integer", "boolean"] },
        })),
        _ if form.ends_with("Kafka keys") || form.ends_with(" keys") => Form::Config,
        _ if form.starts_with('{') && !form.contains('=') => Form::Table,
        _ => {
            let choices: Option<Vec<Json>> =
                alternatives(form).into_iter().map(|word| of_word(word, vocabulary)).collect();
            choices.map_or(Form::Unknown, |choices| Form::Value(any_of(choices)))
        }
    }
}

/// One schema for all of `choices`; words alone are an enumeration.
fn any_of(mut choices: Vec<Json>) -> Json {
    if choices.len() == 1 {
        return choices.remove(0);
    }
    let words: Option<Vec<&Json>> = choices.iter().map(|choice| choice.get("const")).collect();
    match words {
        Some(words) => json!({ "enum": words }),
        None => json!({ "anyOf": choices }),
    }
}

/// The parts of `"a", "b" or "c"`; what stands in quotes or braces stays whole.
fn alternatives(form: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut depth, mut quoted) = (0, 0_u32, false);
    for (at, letter) in form.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if quoted || depth > 0 {
            continue;
        }
        for separator in [", ", " or "] {
            if form[at..].starts_with(separator) && at >= from {
                parts.push(form[from..at].trim());
                from = at + separator.len();
            }
        }
    }
    parts.push(form[from..].trim());
    parts
}

fn of_word(word: &str, vocabulary: &Vocabulary) -> Option<Json> {
    if let Some(word) = word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return Some(json!({ "const": word }));
    }
    if let Some(inner) = word.strip_prefix("{ ").and_then(|rest| rest.strip_suffix(" }")) {
        let mut properties = serde_json::Map::new();
        for part in inner.split(", ") {
            let (key, value) = part.split_once(" = ")?;
            properties.insert(key.to_owned(), of_word(value, vocabulary)?);
        }
        let keys: Vec<_> = properties.keys().cloned().collect();
        return Some(json!({
            "type": "object",
            "properties": properties,
            "required": keys,
            "additionalProperties": false,
        }));
    }
    if let Some((min, max)) = word.split_once(" to ") {
        return Some(range(min.parse().ok()?, max.parse().ok()?));
    }
    if let Some(of) = word.strip_prefix("list of ").or_else(|| word.strip_prefix("lists of ")) {
        return Some(json!({ "type": "array", "items": of_word(singular(of), vocabulary)? }));
    }
    if let Some(of) = word.strip_prefix("two ") {
        let item = of_word(singular(of), vocabulary)?;
        return Some(json!({ "type": "array", "items": item, "minItems": 2, "maxItems": 2 }));
    }
    Some(match word {
        "true" | "false" => json!({ "const": word == "true" }),
        "`true`" | "`false`" => json!({ "const": word == "`true`" }),
        "1" => json!({ "const": 1 }),
        "number" | "a number" => range(0, i64::MAX),
        "n" | "place" => range(1, i64::MAX),
        "text" | "path" => json!({ "type": "string" }),
        "a share" => text(&quantity("%")),
        "a bandwidth" => text(&quantity(r"(bit|kbit|Mbit|Gbit|B|kB|KiB|MB|MiB|GB|GiB)\s*/s")),
        "texts by name" => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        "name" => text(NAME),
        "topic" => text(NAME),
        "partition" => text(r"^[A-Za-z0-9._-]+-[0-9]+$"),
        "duration" => text(&quantity("(us|ms|s|min|h|d)")),
        "rate" => text(r"^\s*[0-9]+\s*/\s*([0-9]+(\.[0-9]{1,9})?\s*)?(us|ms|s|min|h|d)\s*$"),
        "size" => {
            let text = text(&quantity("(B|kB|KiB|MB|MiB|GiB)"));
            json!({ "anyOf": [range(0, i64::MAX), text] })
        }
        "size a second" => text(&quantity("(B|kB|KiB|MB|MiB|GiB)/s")),
        "signed duration" => text(r"^[-+]?\s*[0-9]+(\.[0-9]{1,9})?\s*(us|ms|s|min|h|d)\s*$"),
        "drift" => text(r"^[-+]?([0-9]+\s*ppm|[0-9]+(\.[0-9]{0,4})?\s*%)$"),
        "target" | "a server" => target(),
        "host" | "a host" => text(NAME_OF_HOST),
        "replica" => text(&of_partition(&[REPLICA])),
        "event" => {
            let kinds: Vec<_> = vocabulary.events.iter().map(|(name, _)| *name).collect();
            json!({ "enum": kinds })
        }
        "property" => {
            let all = PropertyName::ALL.iter();
            explained(all.map(|property| (property.name(), property.what().to_owned())))
        }
        "defect" => {
            let what = |defect: &Defect| format!("{}: {}", defect.title(), defect.what());
            explained(Defect::ALL.iter().map(|defect| (defect.name(), what(defect))))
        }
        _ => return None,
    })
}

const NAME: &str = "^[A-Za-z0-9._-]{1,249}$";
const NAME_OF_HOST: &str = r"^\s*((broker|controller)\s+[0-9]+|[A-Za-z0-9._-]+)\s*$";

fn singular(words: &str) -> &str {
    match words {
        "properties" => "property",
        other if other.starts_with("list") => other,
        other => other.strip_suffix('s').unwrap_or(other),
    }
}

fn text(pattern: &str) -> Json {
    json!({ "type": "string", "pattern": pattern })
}

fn quantity(unit: &str) -> String {
    format!(r"^\s*[0-9]+(\.[0-9]{{1,9}})?\s*{unit}\s*$")
}

/// One of `roles`, patterns in words, of a partition.
fn of_partition(roles: &[&str]) -> String {
    let roles = roles.join("|").replace(' ', r"\s+");
    format!(r"^\s*({roles})\s+[A-Za-z0-9._-]+-[0-9]+\s*$")
}

/// One of the roles of a group.
fn of_group() -> String {
    let roles = GROUP_ROLES.join("|").replace(' ', r"\s+");
    format!(r"^\s*({roles})\s+[A-Za-z0-9._-]+\s*$")
}

/// A host, or a role that a host plays.
fn target() -> Json {
    json!({
        "anyOf": [
            { "enum": ROLES },
            text(&of_partition(PARTITION_ROLES)),
            text(&of_group()),
            text(NAME_OF_HOST),
        ],
    })
}

/// Words, with what editors show beside each (`x-taplo` is read by Taplo and what builds on it).
fn explained(words: impl Iterator<Item = (&'static str, String)>) -> Json {
    let (words, docs): (Vec<_>, Vec<_>) = words.unzip();
    json!({ "enum": words, "x-taplo": { "docs": { "enumValues": docs } } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::file_keys::SECTIONS;

    #[test]
    fn every_form_of_the_tables_is_understood() {
        let vocabulary = Vocabulary::default();
        let unknown: Vec<_> = SECTIONS
            .iter()
            .flat_map(|section| section.keys.iter().map(|key| (section.name, key)))
            .filter(|(_, key)| of_form(key.form, &vocabulary) == Form::Unknown)
            .map(|(section, key)| format!("{section} {}: {}", key.name, key.form))
            .collect();
        assert!(
            unknown.is_empty(),
            "teach of_word in schema_form.rs these forms, or use one it knows:\n{}",
            unknown.join("\n")
        );
    }

    #[test]
    fn alternatives_are_parted_outside_quotes_and_braces() {
        assert_eq!(
            alternatives("\"a, b\", \"c\" or { d = n }"),
            ["\"a, b\"", "\"c\"", "{ d = n }"]
        );
        assert_eq!(alternatives("list of lists of targets"), ["list of lists of targets"]);
        assert_eq!(of_form("\"a\" or \"b\"", &Vocabulary::default()), {
            Form::Value(json!({ "enum": ["a", "b"] }))
        });
    }
}
