//! A real server's `server.properties` in a scenario: what of it counts here.
//!
//! The scenario names the file, `server_properties = "prod.properties"`. Whoever reads scenarios
//! from disk puts the file's text in ([`embed`]), so that what runs, and what a run file keeps, is
//! whole. The keys are then taken as if they stood under `config`, with the file's own lines.

use toml::de::DeValue;
use toml_edit::{DocumentMut, InlineTable, Item, TableLike, Value};

use crate::scenario::config_keys::{ConfigKey, Scope};
use crate::scenario::decode_config::{Given, parse_value};
use crate::scenario::file_error::{FileError, FileErrors, Wrong, suggest};
use crate::scenario::file_keys as keys;
use crate::scenario::properties::{Property, parse};
use crate::scenario::table::{Mistakes, Table, kind, text};
use crate::scenario::units::shown;

/// The key of a scenario that names such a file.
const KEY: &str = "server_properties";

/// What a server's file comes to.
#[derive(Default)]
pub(crate) struct Properties {
    /// The file as the scenario names it.
    pub(crate) file: Option<String>,
    /// Keys that are obeyed.
    pub(crate) given: Vec<Given>,
    /// `broker.rack`.
    pub(crate) rack: Option<String>,
}

/// Keys that say where a process is and who it is. A scenario says so itself, or there is nothing
/// to say: they are passed over in silence. A name that ends in `.` stands for all that begin so.
const ELSEWHERE: &[&str] = &[
    "advertised.listeners",
    "broker.id",
    "controller.listener.names",
    "controller.quorum.bootstrap.servers",
    "controller.quorum.voters",
    "inter.broker.listener.name",
    "listener.",
    "listeners",
    "log.dir",
    "log.dirs",
    "metadata.log.dir",
    "metric.reporters",
    "metrics.",
    "node.id",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "process.roles",
    "security.inter.broker.protocol",
    "socket.",
    "ssl.",
    "sasl.",
    "zookeeper.",
];

/// Reads `server_properties` of `table`, a server whose keys are of `scopes`.
pub(crate) fn properties(
    table: &Table<'_, '_>,
    scopes: &[Scope],
    mistakes: &mut Mistakes,
) -> Properties {
    let Some(value) = table.raw(KEY) else { return Properties::default() };
    let line = mistakes.line(value.span().start);
    match value.get_ref() {
        DeValue::Table(_) => {}
        DeValue::String(path) => {
            // `embed` has not been here: the text comes from a change, or from no file at all.
            let what = format!("`{KEY}`: the file `{}` was not read", shown(path));
            let instead = "write it in a scenario file, or as { file = NAME, text = CONTENTS }";
            mistakes.add(line, Wrong::new(what, instead));
            return Properties::default();
        }
        other => {
            let what = format!("`{KEY}` is {}", kind(other));
            mistakes.add(line, Wrong::new(what, "write the path of the file in quotes"));
            return Properties::default();
        }
    }
    let Some(inner) = table.table(KEY, &keys::SERVER_PROPERTIES, mistakes) else {
        return Properties::default();
    };
    let file = inner.need("file", mistakes, text);
    let contents = inner.need("text", mistakes, text);
    let (Some(file), Some(contents)) = (file, contents) else { return Properties::default() };
    let mut read = Properties { file: Some(file.value.clone()), ..Properties::default() };
    let mut idle = Vec::new();
    let mut sound = Vec::new();
    for property in parse(&contents.value) {
        match property {
            Ok(property) => sound.push(property),
            Err((line, wrong)) => mistakes.add_in(&file.value, line, wrong),
        }
    }
    by_precision(&mut sound);
    for property in sound {
        read.take(property, scopes, &mut idle, mistakes);
    }
    idle.sort();
    if let Some((line, _)) = idle.first() {
        let names: Vec<_> = idle.iter().map(|(_, name)| format!("`{}`", shown(name))).collect();
        let what = format!("not obeyed here: {}", names.join(", "));
        mistakes.warn_in(&file.value, *line, Wrong::new(what, ""));
    }
    read
}

impl Properties {
    fn take(
        &mut self,
        property: Property,
        scopes: &[Scope],
        idle: &mut Vec<(u32, String)>,
        mistakes: &mut Mistakes,
    ) {
        let Property { key: name, value, line } = property;
        let file = self.file.clone().unwrap_or_default();
        if name == "broker.rack" && scopes == [Scope::Broker] {
            self.rack = Some(value);
            return;
        }
        let (name, value) = match in_milliseconds(&name, &value) {
            Some((own, millis)) => (own.to_owned(), millis),
            None => (name, value),
        };
        let Some(key) = scopes.iter().find_map(|scope| ConfigKey::named(*scope, &name)) else {
            if !is_elsewhere(&name) {
                misspelt(&name, scopes, &file, line, mistakes);
                idle.push((line, name));
            }
            return;
        };
        let given = match parse_value(key, &DeValue::String(value.into())) {
            Ok(value) => Given { key, value, line, is_of_file: true },
            Err(Wrong { what, instead }) => {
                let wrong = Wrong::new(format!("`{name}`: {what}"), instead);
                return mistakes.add_in(&file, line, wrong);
            }
        };
        // In Java the last line wins.
        self.given.retain(|known| known.key.name != key.name);
        self.given.push(given);
    }
}

/// Of keys that say the same, the exact one wins wherever it stands: milliseconds over minutes over
/// hours. Of one key the last line wins.
fn by_precision(properties: &mut [Property]) {
    properties.sort_by_key(|property| match property.key.rsplit('.').next() {
        Some("hours") => 0,
        Some("minutes") => 1,
        Some(_) | None => 2,
    });
}

/// The key in milliseconds that `name` stands in for, and its value; `None` for what is no such key
/// or no number.
///
/// Source: Kafka 4.1, `KafkaConfig`: `logRetentionTimeMillis`, `logRollTimeMillis`,
/// `logRollTimeJitterMillis`.
fn in_milliseconds(name: &str, value: &str) -> Option<(&'static str, String)> {
    const MINUTE: i64 = 60_000;
    let (own, unit) = match name {
        "log.retention.minutes" => ("log.retention.ms", MINUTE),
        "log.retention.hours" => ("log.retention.ms", 60 * MINUTE),
        "log.roll.hours" => ("log.roll.ms", 60 * MINUTE),
        "log.roll.jitter.hours" => ("log.roll.jitter.ms", 60 * MINUTE),
        _ => return None,
    };
    let number: i64 = value.trim().parse().ok()?;
    let millis = if number < 0 { -1 } else { number.saturating_mul(unit) };
    Some((own, millis.to_string()))
}

fn is_elsewhere(name: &str) -> bool {
    ELSEWHERE.iter().any(|known| *known == name || known.ends_with('.') && name.starts_with(known))
}

/// A key one letter beside a known one is likely meant as that; Kafka would pass over it.
fn misspelt(name: &str, scopes: &[Scope], file: &str, line: u32, mistakes: &mut Mistakes) {
    let known = ConfigKey::all().filter(|key| scopes.iter().any(|scope| key.has(*scope)));
    let near = suggest(name, known.map(|key| key.name));
    if near.starts_with("did you mean") && !ConfigKey::all().any(|key| key.name == name) {
        mistakes.warn_in(file, line, Wrong::new(format!("unknown key `{}`", shown(name)), near));
    }
}

/// The scenario `text` of `file` with every `server_properties = "path"` replaced by the name and
/// the contents of the file, which `read` brings. Lines stay where they are.
///
/// # Errors
///
/// What `read` says of a file that cannot be read, with the line that names it. Text that is no
/// TOML comes back as it is: `decode` has better words for it.
pub fn embed(
    file: &str,
    text: &str,
    mut read: impl FnMut(&str) -> Result<String, String>,
) -> Result<String, FileErrors> {
    let Ok(mut document) = text.parse::<DocumentMut>() else { return Ok(text.to_owned()) };
    let mut errors = Vec::new();
    let mut changed = false;
    let mut one = |table: &mut dyn TableLike| {
        let Some(value) = table.get_mut(KEY).and_then(Item::as_value_mut) else { return };
        let Some(path) = value.as_str().map(str::to_owned) else { return };
        match read(&path) {
            Ok(contents) => {
                let mut inner = InlineTable::new();
                inner.insert("file", one_line(&path));
                inner.insert("text", one_line(&contents));
                let decor = value.decor().clone();
                *value = Value::InlineTable(inner);
                *value.decor_mut() = decor;
                changed = true;
            }
            Err(why) => {
                let names = |line: &str| line.contains(KEY) && line.contains(&path);
                let line = text.lines().position(names).unwrap_or(0) + 1;
                let what = format!("`{KEY}`: cannot read `{}`: {why}", shown(&path));
                let instead = "write a path from the scenario's own folder".to_owned();
                let line = u32::try_from(line).unwrap_or(1);
                errors.push(FileError { file: file.to_owned(), line, what, instead });
            }
        }
    };
    if let Some(cluster) = document.get_mut("cluster").and_then(Item::as_table_like_mut) {
        one(cluster);
    }
    for list in ["broker", "controller"] {
        match document.get_mut(list) {
            Some(Item::ArrayOfTables(tables)) => tables.iter_mut().for_each(|table| one(table)),
            Some(Item::Value(Value::Array(tables))) => tables
                .iter_mut()
                .filter_map(Value::as_inline_table_mut)
                .for_each(|table| one(table)),
            _ => {}
        }
    }
    if !errors.is_empty() {
        return Err(FileErrors(errors));
    }
    Ok(if changed { document.to_string() } else { text.to_owned() })
}

/// Text as TOML has it on one line, so that what comes after it keeps its place.
fn one_line(text: &str) -> Value {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(control)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted.parse().expect("every letter that TOML refuses was escaped")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::config::{ConfigSource, Value as Setting};
    use crate::scenario::decode::{Vocabulary, decode};
    use crate::scenario::plan::Plan;

    const SCENARIO: &str = "version = 1\ntitle = \"t\"\nduration = \"60s\"\n\n[cluster]\n\
         brokers = 3\ncontrollers = 1\nserver_properties = \"all.properties\"  # real\n\
         config = { num.io.threads = 4 }\n\n[[broker]]\nid = 2\nserver_properties = \"two\"\n";

    fn read(path: &str) -> Result<String, String> {
        match path {
            "all.properties" => Ok("# all\nnode.id=7\nlisteners=PLAINTEXT://:9092\n\
                num.io.threads=16\nreplica.lag.time.max.ms = 10000\nlog.cleaner.threads=2\n\
                replica.lag.time.max.m=1\n"
                .to_owned()),
            "two" => Ok("broker.rack=b\nreplica.lag.time.max.ms: 20000\n".to_owned()),
            _ => Err("there is no such file".to_owned()),
        }
    }

    fn plan() -> Plan {
        let whole = embed("dir/a.toml", SCENARIO, read).unwrap();
        assert_eq!(whole.lines().count(), SCENARIO.lines().count(), "{whole}");
        assert!(whole.contains("# real"), "{whole}");
        decode("dir/a.toml", &whole, &Vocabulary::default()).unwrap()
    }

    #[test]
    fn keys_of_the_files_count_below_those_of_the_scenario() {
        let plan = plan();
        let lag = |broker: usize| {
            let setting = plan.cluster.brokers[broker].config.setting("replica.lag.time.max.ms");
            (setting.value, setting.source, setting.line)
        };
        assert_eq!(lag(0), (Some(Setting::Integer(10_000)), ConfigSource::ClusterFile, 5));
        assert_eq!(lag(1), (Some(Setting::Integer(20_000)), ConfigSource::OwnFile, 2));
        let threads = plan.cluster.brokers[0].config.setting("num.io.threads");
        assert_eq!((threads.value, threads.line), (Some(Setting::Integer(4)), 9));
        assert_eq!(
            plan.cluster.brokers[1].rack.as_ref().map(ToString::to_string),
            Some("b".into())
        );
        assert_eq!(plan.cluster.server_properties, Some("all.properties".into()));
    }

    #[test]
    fn hours_and_minutes_stand_in_for_milliseconds() {
        let kept = |text: &str| {
            let mut read = Properties { file: Some("s".to_owned()), ..Properties::default() };
            let mut mistakes = Mistakes::new("", "");
            let mut properties: Vec<_> = parse(text).into_iter().map(Result::unwrap).collect();
            by_precision(&mut properties);
            for property in properties {
                read.take(property, &[Scope::Broker], &mut Vec::new(), &mut mistakes);
            }
            read.given.iter().map(|given| (given.key.name, given.value)).collect::<Vec<_>>()
        };
        let hour = crate::scenario::Value::Integer(3_600_000);
        assert_eq!(kept("log.retention.hours=1"), [("log.retention.ms", hour)]);
        assert_eq!(
            kept("log.retention.minutes=60\nlog.retention.hours=3"),
            [("log.retention.ms", hour)]
        );
        assert_eq!(kept("log.roll.ms=3600000\nlog.roll.hours=168"), [("log.roll.ms", hour)]);
    }

    #[test]
    fn what_is_not_obeyed_is_named_and_what_means_nothing_here_is_not() {
        let told: Vec<_> = plan().warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "all.properties:6: not obeyed here: `log.cleaner.threads`, \
                 `replica.lag.time.max.m`",
                "all.properties:7: unknown key `replica.lag.time.max.m`: did you mean \
                 `replica.lag.time.max.ms`?",
            ]
        );
    }

    #[test]
    fn bad_values_and_files_are_told_with_their_lines() {
        let bad = |path: &str| match path {
            "two" => Ok("\nreplica.lag.time.max.ms=soon\nnum.io.threads=0\n".to_owned()),
            other => read(other),
        };
        let whole = embed("a.toml", SCENARIO, bad).unwrap();
        let errors = decode("a.toml", &whole, &Vocabulary::default()).unwrap_err().to_string();
        let lines: Vec<&str> = errors.lines().collect();
        assert!(lines[0].starts_with("two:2: `replica.lag.time.max.ms`: "), "{errors}");
        assert!(lines[1].starts_with("two:3: `num.io.threads`: 0 is out of range"), "{errors}");
        let gone = SCENARIO.replace("\"two\"", "\"three\"");
        let error = embed("a.toml", &gone, read).unwrap_err().to_string();
        assert!(
            error.starts_with("a.toml:13: `server_properties`: cannot read `three`"),
            "{error}"
        );
        let unread = decode("a.toml", SCENARIO, &Vocabulary::default()).unwrap_err().to_string();
        assert!(unread.contains("the file `all.properties` was not read"), "{unread}");
    }

    #[test]
    fn contents_are_read_back_letter_by_letter() {
        let odd = "a = \"b\"\\\n\t\u{1}é='x'\r\n";
        let text = "[cluster]\nserver_properties = \"p\"\n";
        let whole = embed("a.toml", text, |_| Ok(odd.to_owned())).unwrap();
        let document: DocumentMut = whole.parse().unwrap();
        assert_eq!(document["cluster"][KEY]["text"].as_str(), Some(odd));
    }
}
