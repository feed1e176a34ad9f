//! The JSON Schema of scenario files, for editors: made of the tables that the decoder reads by,
//! so that a key which is added there is completed, explained and checked here.
//!
//! Draft 7, which TOML editors take. What needs the rest of the file (that a topic is described,
//! that a fault ends before the scenario does) is the decoder's alone: a file may be right by the
//! schema and wrong all the same, never the other way round.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use crate::scenario::config::Value;
use crate::scenario::config_keys::{ConfigKey, Kind, RESETS, Scope};
use crate::scenario::decode::Vocabulary;
use crate::scenario::file_keys::{FileKey, ROOT, SECTIONS, Section};
use crate::scenario::schema_form::{Form, of_form};

/// Numbers above this are not exact in JSON; where one ends a range, the range is left open.
const EXACT_MAX: i64 = 1 << 53;

/// The schema of scenario files. `vocabulary` names what milestones may wait for.
pub fn schema(vocabulary: &Vocabulary) -> Json {
    let mut definitions = Map::new();
    for section in SECTIONS {
        definitions.insert(slug(section), of_section(section, vocabulary));
    }
    for scopes in SCOPES {
        let keys = || ConfigKey::all().filter(|key| scopes.iter().any(|scope| key.has(*scope)));
        for key in keys() {
            definitions.insert(key_name(scopes, key), of_key(key));
        }
        definitions.insert(config_name(scopes), config(scopes, keys()));
    }
    let mut root = of_section(&ROOT, vocabulary);
    definitions.remove(&slug(&ROOT));
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["title"] = json!("kafsim scenario");
    root["definitions"] = Json::Object(definitions);
    root
}

/// The sets of scopes that a table of Kafka's keys may take.
const SCOPES: &[&[Scope]] = &[
    &[Scope::Broker],
    &[Scope::Controller],
    &[Scope::Broker, Scope::Controller],
    &[Scope::Topic],
    &[Scope::Producer],
    &[Scope::Consumer],
    &[Scope::Member],
    &[Scope::Feature],
];

/// Whose keys a table of Kafka's keys takes: that of the section, or of the key that holds it.
fn scopes_of(section: &Section, key: &FileKey) -> &'static [Scope] {
    if key.form == "features" {
        return &[Scope::Feature];
    }
    let named = |name: &str| {
        SCOPES.iter().copied().find(|scopes| matches!(scopes, [one] if one.name() == name))
    };
    let form = key.form.split(' ').next().unwrap_or_default();
    let of_servers = SCOPES[2];
    named(form).or_else(|| named(key.name)).or_else(|| named(&slug(section))).unwrap_or(of_servers)
}

/// A section's name without brackets.
fn slug(section: &Section) -> String {
    section.name.trim_matches(['[', ']']).to_owned()
}

/// The section of the table that `key` of `section` holds.
fn held(section: &Section, key: &FileKey) -> Option<&'static Section> {
    let inner = format!("[{}.{}]", slug(section), key.name);
    let form = key.form.strip_prefix("a ").unwrap_or(key.form);
    let names = [format!("[[{}]]", key.name), format!("[{}]", key.name), inner];
    let names = names.iter().map(String::as_str).chain([key.name, form]);
    let mut found = names.filter_map(|name| SECTIONS.iter().find(|it| it.name == name));
    found.next().copied()
}

fn of_section(section: &Section, vocabulary: &Vocabulary) -> Json {
    let mut properties = Map::new();
    for key in section.keys {
        properties.insert(key.name.to_owned(), of_file_key(section, key, vocabulary));
    }
    let needed: Vec<&str> =
        section.keys.iter().filter(|key| key.default.is_empty()).map(|key| key.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": section.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if !needed.is_empty() {
        schema["required"] = json!(needed);
    }
    let choices = choices(section);
    let mut excluded = Map::new();
    for choice in &choices {
        for name in choice {
            let others = choice.iter().filter(|other| *other != name);
            let others: Vec<_> = others.map(|other| json!({ "required": [other] })).collect();
            excluded.insert((*name).to_owned(), json!({ "not": { "anyOf": others } }));
        }
    }
    if !excluded.is_empty() {
        schema["dependencies"] = Json::Object(excluded);
    }
    // Not `oneOf`: editors complete nothing in a table that none of its branches takes, and say of
    // a table that lacks a key no more than that.
    let least = choices.iter().rfold(None, |rest: Option<Json>, choice| {
        let any: Vec<_> = choice.iter().map(|name| json!({ "required": [name] })).collect();
        let first: Vec<_> = choice.iter().take(1).collect();
        let otherwise = rest.unwrap_or(json!({}));
        Some(json!({ "if": { "anyOf": any }, "then": otherwise, "else": { "required": first } }))
    });
    if let (Some(Json::Object(least)), Some(schema)) = (least, schema.as_object_mut()) {
        schema.extend(least);
    }
    schema
}

/// The sets of keys of which exactly one must be there, as the column of defaults says: "or
/// `when`", "one of the six".
fn choices(section: &Section) -> BTreeSet<BTreeSet<&'static str>> {
    let mut choices = BTreeSet::new();
    let mut one_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for key in section.keys {
        if let Some(others) = key.default.strip_prefix("or ") {
            let others = others.split('`').skip(1).step_by(2);
            choices.insert(others.chain([key.name]).collect());
        } else if key.default.starts_with("one of") {
            one_of.entry("one of").or_default().insert(key.name);
        }
    }
    choices.extend(one_of.into_values());
    choices
}

fn of_file_key(section: &Section, key: &FileKey, vocabulary: &Vocabulary) -> Json {
    let mut schema = match of_form(key.form, vocabulary) {
        Form::Value(schema) => schema,
        Form::Config => refer(&config_name(scopes_of(section, key))),
        Form::Table => held(section, key).map_or(json!({}), |held| refer(&slug(held))),
        Form::Tables => {
            let items = held(section, key).map_or(json!({}), |held| refer(&slug(held)));
            json!({ "type": "array", "items": items })
        }
        // What nobody has taught this page yet is left to the decoder.
        Form::Unknown => json!({}),
    };
    if schema.get("$ref").is_some() {
        // Beside a `$ref` nothing counts in draft 7.
        schema = json!({ "allOf": [schema] });
    }
    let default = match key.default {
        "" => "must be there".to_owned(),
        default => format!("default: {default}"),
    };
    schema["description"] = json!(format!("{}\n\nTakes {}; {default}.", key.doc, key.form));
    if let Ok(default) = serde_json::from_str::<Json>(key.default) {
        schema["default"] = default;
    }
    schema
}

fn refer(name: &str) -> Json {
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn config_name(scopes: &[Scope]) -> String {
    let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    format!("keys of {}", names.join(" and ")).replace(' ', "-")
}

fn key_name(scopes: &[Scope], key: &ConfigKey) -> String {
    format!("{}.{}", config_name(scopes), key.name)
}

/// A table of Kafka's keys. A bare dotted key makes tables in tables, a quoted one does not; both
/// are offered.
fn config<'k>(scopes: &[Scope], keys: impl Iterator<Item = &'k ConfigKey>) -> Json {
    let mut tree = Branch::default();
    let mut quoted = Map::new();
    for key in keys {
        let leaf = key_name(scopes, key);
        if key.name.contains('.') {
            quoted.insert(key.name.to_owned(), refer(&leaf));
        }
        tree.add(key.name, leaf);
    }
    let mut schema = tree.schema();
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.extend(quoted);
    }
    schema["description"] = json!("Kafka's keys, dotted or in quotes, in Kafka's units.");
    schema
}

/// What follows a dot in some of Kafka's keys.
#[derive(Default)]
struct Branch {
    leaf: Option<String>,
    branches: BTreeMap<String, Self>,
}

impl Branch {
    fn add(&mut self, name: &str, leaf: String) {
        let (head, rest) = name.split_once('.').map_or((name, None), |(h, r)| (h, Some(r)));
        let branch = self.branches.entry(head.to_owned()).or_default();
        match rest {
            Some(rest) => branch.add(rest, leaf),
            None => branch.leaf = Some(leaf),
        }
    }

    fn schema(&self) -> Json {
        let branches = self.branches.iter();
        let properties: Map<String, Json> =
            branches.map(|(name, branch)| (name.clone(), branch.schema())).collect();
        let table = json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        match &self.leaf {
            Some(leaf) if self.branches.is_empty() => refer(leaf),
            Some(leaf) => json!({ "anyOf": [refer(leaf), table] }),
            None => table,
        }
    }
}

/// What a key of Kafka's takes: as in a properties file, numbers and flags may be text.
fn of_key(key: &ConfigKey) -> Json {
    let mut schema = match key.kind {
        Kind::Flag => json!({
            "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": "^(true|false)$" }],
        }),
        Kind::Words(words) => json!({ "enum": words_of(words) }),
        // Each once, which a schema of text cannot say; names or classes.
        Kind::List { words, classes } => {
            let one = words.iter().chain(classes).map(|word| word.replace('.', "\\."));
            let one = format!("({})", one.collect::<Vec<_>>().join("|"));
            let each: Vec<_> = words.iter().chain(classes).collect();
            json!({
                "anyOf": [
                    { "type": "string", "pattern": format!("^ *{one}( *, *{one})* *$") },
                    {
                        "type": "array",
                        "items": { "enum": each },
                        "minItems": 1,
                        "uniqueItems": true,
                    },
                ],
            })
        }
        Kind::Reset => json!({
            "anyOf": [
                { "enum": RESETS },
                { "type": "string", "pattern": "^by_duration:P" },
            ],
        }),
        Kind::Number { min, max }
        | Kind::Millis { min, max }
        | Kind::Seconds { min, max }
        | Kind::Bytes { min, max } => json!({
            "anyOf": [
                range(min, max),
                { "type": "string", "pattern": "^[+-]?[0-9]+$" },
            ],
        }),
    };
    let source = match (key.default, key.broker_key) {
        (_, Some(broker_key)) => format!("without it the broker's `{broker_key}` holds"),
        (None, None) => "default: none".to_owned(),
        (Some(default), None) => format!("default: {default}"),
    };
    schema["description"] =
        json!(format!("{}\n\nTakes {}; {source}.", key.doc, key.kind.describe()));
    match key.default {
        Some(Value::Flag(flag)) => schema["default"] = json!(flag),
        Some(Value::Integer(number)) if number <= EXACT_MAX => schema["default"] = json!(number),
        Some(Value::Word(word)) => schema["default"] = json!(word),
        Some(Value::List(list)) => schema["default"] = json!(list.to_string()),
        Some(Value::Integer(_) | Value::Ago(_)) | None => {}
    }
    schema
}

/// The words, those that are numbers as such too, and `-1` where it stands for `all` (acks).
fn words_of(words: &[&str]) -> Vec<Json> {
    let mut values: Vec<Json> = words.iter().map(|word| json!(word)).collect();
    values.extend(words.iter().filter_map(|word| word.parse::<i64>().ok()).map(|n| json!(n)));
    if words.contains(&"all") {
        values.extend([json!("-1"), json!(-1)]);
    }
    values
}

/// A whole number from `min` to `max`.
pub(crate) fn range(min: i64, max: i64) -> Json {
    let mut schema = json!({ "type": "integer" });
    if min > -EXACT_MAX {
        schema["minimum"] = json!(min);
    }
    if max < EXACT_MAX {
        schema["maximum"] = json!(max);
    }
    schema
}
