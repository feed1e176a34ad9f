//! Changes one value of a scenario's text: `--set producer.checkout.config.acks=1`.
//!
//! The text is edited, not the plan: what ran can be printed, kept in the run file, and read again.
//! Comments and the order of lines stay as they were.

use toml_edit::{
    Array, ArrayOfTables, DocumentMut, InlineTable, Item, Key, Table, TableLike, Value, value,
};

use crate::scenario::file_error::{Wrong, suggest};
use crate::scenario::units::shown;

/// The tables that stand in a list, and the key by which a path names one of them.
const LISTS: &[(&str, &str)] = &[
    ("broker", "id"),
    ("controller", "id"),
    ("topic", "name"),
    ("producer", "name"),
    ("consumer", "name"),
    ("group", "name"),
    ("client", "name"),
    ("claim", "property"),
    // By its place, from 1.
    ("fault", ""),
    ("admin", ""),
    ("link", ""),
];
/// Tables of Kafka's keys, whose dots do not part tables.
const CONFIGS: &[&str] = &["config", "features", "producer", "consumer", "set"];

/// The scenario `text` with `change`, `path=value`, made to it.
///
/// A path leads through tables: `duration`, `cluster.brokers`, `topic.orders.partitions`,
/// `producer.checkout.config.acks`, `broker.2.config.replica.lag.time.max.ms`, `fault.1.at`,
/// `claim.acked-durability.expect`. `config.K` is short for `cluster.config.K`. The value is TOML,
/// or text without its quotes. `fault=[]` takes all elements of such a list away, `fault.2=[]` one.
///
/// # Errors
///
/// The text is no TOML, or a path leads nowhere. Whether the new value makes sense is for
/// [`decode`](crate::scenario::decode) to say.
pub(crate) fn apply(text: &str, change: &str) -> Result<String, Wrong> {
    let form = "write a path and a value, as in `producer.checkout.config.acks=1`";
    let (path, new) =
        change.split_once('=').ok_or_else(|| Wrong::new("there is no value", form))?;
    let mut document: DocumentMut = text
        .parse()
        .map_err(|_| Wrong::new("the scenario is no TOML", "mend it first: `kafsim check`"))?;
    let new = read_value(new.trim());
    let mut path = path.trim();
    if path.is_empty() || path.split('.').any(str::is_empty) {
        return Err(Wrong::new(format!("`{}` is no path", shown(path)), form));
    }
    let full;
    if path.starts_with("config.") || path.starts_with("features.") {
        full = format!("cluster.{path}");
        path = &full;
    }
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    match LISTS.iter().find(|(list, _)| *list == head) {
        Some((list, name_key))
            if new.as_array().is_some_and(Array::is_empty)
                && remove_element(&mut document, list, name_key, rest) => {}
        Some((list, name_key)) if !rest.is_empty() => {
            let table = element(&mut document, list, name_key, &mut path)?;
            set_in(table, path, new, 1)?;
        }
        Some((list, _)) if new.as_array().is_some_and(Array::is_empty) => {
            document.remove(list);
        }
        Some((list, name_key)) => {
            let which = match *name_key {
                "" => "1".to_owned(),
                name_key => name_key.to_uppercase(),
            };
            let instead = format!(
                "say which of them, as in `{list}.{which}.KEY=VALUE`, or take all away: `{list}=[]`"
            );
            return Err(Wrong::new(format!("`{list}` is a list"), instead));
        }
        None => set_in(document.as_table_mut(), path, new, 0)?,
    }
    Ok(document.to_string())
}

/// Takes the element of `list` that is called `name` away, if there is one.
fn remove_element(document: &mut DocumentMut, list: &str, name_key: &str, name: &str) -> bool {
    let tables = document.get_mut(list).and_then(Item::as_array_of_tables_mut);
    let Some(tables) = tables.filter(|_| !name.is_empty()) else { return false };
    let is_called =
        |(at, table): (usize, &Table)| match table.get(name_key).and_then(Item::as_value) {
            Some(Value::String(other)) => other.value() == name,
            Some(Value::Integer(id)) => id.value().to_string() == name,
            _ => (at + 1).to_string() == name,
        };
    let Some(at) = tables.iter().enumerate().position(is_called) else { return false };
    tables.remove(at);
    true
}

/// The table of `list` that the path names; `path` becomes what is left of it.
fn element<'d>(
    document: &'d mut DocumentMut,
    list: &str,
    name_key: &str,
    path: &mut &str,
) -> Result<&'d mut Table, Wrong> {
    let rest = &path[list.len() + 1..];
    let random = document.get("faults").and_then(|faults| faults.get("random"));
    let is_drawn = list == "fault" && random.is_some();
    let item = document.entry(list).or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let Some(tables) = item.as_array_of_tables_mut() else {
        let what = format!("`{list}` is not written as [[{list}]]");
        return Err(Wrong::new(what, format!("write [[{list}]] in the file")));
    };
    let names: Vec<String> = tables
        .iter()
        .enumerate()
        .map(|(at, table)| match table.get(name_key).and_then(Item::as_value) {
            Some(Value::String(name)) => name.value().clone(),
            Some(Value::Integer(id)) => id.value().to_string(),
            _ => (at + 1).to_string(),
        })
        .collect();
    // Names may hold dots, so the longest that fits is meant.
    let fits = |name: &str| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    let found = names.iter().enumerate().filter(|(_, name)| fits(name));
    if let Some((at, name)) = found.max_by_key(|(_, name)| name.len()) {
        *path = &path[list.len() + name.len() + 2..];
        return Ok(tables.get_mut(at).expect("it was found at this place"));
    }
    if names.iter().any(|name| name == rest) {
        let what = format!("`{list}.{rest}` is a whole [[{list}]]");
        return Err(Wrong::new(what, format!("name a key of it, as in `{list}.{rest}.KEY`")));
    }
    let (name, left) = rest.split_once('.').unwrap_or((rest, ""));
    // Brokers, controllers and claims are there without being described.
    let described = matches!(list, "broker" | "controller" | "claim");
    if !described || left.is_empty() {
        let what = format!("there is no {list} `{}`", shown(name));
        let drawn = name.parse().ok().and_then(|number: usize| number.checked_sub(names.len()));
        let drawn = drawn.filter(|place| is_drawn && *place > 0);
        let instead = match (names.is_empty(), drawn) {
            (_, Some(place)) => format!(
                "faults that are drawn cannot be changed, but left out: \
                 `faults.random.without=[{place}]`"
            ),
            (true, None) => format!("the scenario has no [[{list}]]"),
            (false, None) => suggest(name, names.iter().map(String::as_str)),
        };
        return Err(Wrong::new(what, instead));
    }
    *path = &path[list.len() + name.len() + 2..];
    let mut table = Table::new();
    table.insert(name_key, Item::Value(read_value(name)));
    tables.push(table);
    let last = tables.len() - 1;
    Ok(tables.get_mut(last).expect("it was pushed"))
}

/// Sets the value at `path` below `table`. `depth` 0 is the document, whose `producer` is a list.
fn set_in(table: &mut dyn TableLike, path: &str, new: Value, depth: usize) -> Result<(), Wrong> {
    let Some((head, rest)) = path.split_once('.') else {
        replace(table, path, new);
        return Ok(());
    };
    let is_config = CONFIGS.contains(&head) && (depth > 0 || table.get(head).is_some());
    if table.get(head).is_none() {
        // `config = {}` beside the other keys moves fewer lines than a table of its own.
        table.insert(head, value(InlineTable::new()));
    }
    let inner = table.get_mut(head).and_then(Item::as_table_like_mut);
    let inner = inner.ok_or_else(|| {
        Wrong::new(format!("`{head}` is no table"), "leave out what comes after it")
    })?;
    if is_config {
        set_config(inner, rest, new);
        return Ok(());
    }
    set_in(inner, rest, new, depth + 1)
}

/// Sets Kafka's key `name`, however the file has parted it into dotted keys.
fn set_config(table: &mut dyn TableLike, name: &str, new: Value) {
    if table.get(name).is_none() {
        let mut dots = name.match_indices('.').map(|(at, _)| at);
        let parted = dots
            .find(|at| table.get(&name[..*at]).is_some_and(|item| item.as_table_like().is_some()));
        if let Some(at) = parted
            && let Some(inner) = table.get_mut(&name[..at]).and_then(Item::as_table_like_mut)
        {
            return set_config(inner, &name[at + 1..], new);
        }
    }
    replace(table, name, new);
}

/// Replaces a value and keeps what stands around it.
fn replace(table: &mut dyn TableLike, name: &str, mut new: Value) {
    if let Some(old) = table.get_mut(name) {
        if let Some(old) = old.as_value() {
            *new.decor_mut() = old.decor().clone();
        }
        *old = Item::Value(new);
        return;
    }
    table.entry_format(&Key::new(name)).or_insert(Item::Value(new));
}

/// The value as TOML, else as text: `1`, `"1/s"` and `1/s` all do.
fn read_value(text: &str) -> Value {
    // A bare date would be a TOML value that no key takes.
    match text.parse::<Value>() {
        Ok(Value::Datetime(_)) | Err(_) => Value::from(text),
        Ok(value) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"version = 1
duration = "60s" # a minute

[cluster]
brokers = 3
config = { replica.lag.time.max.ms = 10000, "min.insync.replicas" = 2 }

[[topic]]
name = "orders"
partitions = 6 # enough

[[topic]]
name = "orders.eu"

[[producer]]
name = "checkout"
config = { acks = "all" }

[[fault]]
at = "10s"
crash = { host = "broker-1" }
"#;

    fn all(changes: &[&str]) -> String {
        let mut text = TEXT.to_owned();
        for change in changes {
            text = apply(&text, change).unwrap();
        }
        text
    }

    #[test]
    fn values_are_replaced_where_they_stand() {
        let changes = [
            "duration=30s",
            "cluster.brokers=5",
            "config.replica.lag.time.max.ms=5000",
            "config.min.insync.replicas=1",
            "topic.orders.partitions=2",
            "producer.checkout.config.acks=1",
            "fault.1.crash.host=leader of orders-0",
        ];
        let expected = TEXT
            .replace("\"60s\" #", "\"30s\" #")
            .replace("brokers = 3", "brokers = 5")
            .replace("10000", "5000")
            .replace("\"min.insync.replicas\" = 2", "\"min.insync.replicas\" = 1")
            .replace("partitions = 6 #", "partitions = 2 #")
            .replace("\"all\"", "1")
            .replace("\"broker-1\"", "\"leader of orders-0\"");
        assert_eq!(all(&changes), expected);
    }

    #[test]
    fn an_empty_list_takes_all_of_its_tables_away() {
        let text = all(&["fault=[]", "link=[]", "defects=[]"]);
        assert!(!text.contains("[[fault]]") && !text.contains("crash"), "{text}");
        assert!(text.contains("defects = []"), "{text}");
        assert!(text.contains("[[topic]]") && text.contains("[[producer]]"), "{text}");
        assert!(text.parse::<DocumentMut>().is_ok(), "{text}");
    }

    #[test]
    fn one_of_a_list_is_taken_away() {
        let (one, two) = ("[[fault]]\nat = \"1s\"\n", "[[fault]]\nat = \"2s\"\n");
        let both = format!("version = 1\n{one}{two}");
        assert_eq!(apply(&both, "fault.1=[]").unwrap(), format!("version = 1\n{two}"));
        assert_eq!(apply(&both, "fault.2=[]").unwrap(), format!("version = 1\n{one}"));
        assert!(apply(&both, "fault.3=[]").is_err());
        let operations = both.replace("fault", "admin");
        let left = format!("version = 1\n{}", one.replace("fault", "admin"));
        assert_eq!(apply(&operations, "admin.2=[]").unwrap(), left);
        assert!(apply(&operations, "admin.3=[]").is_err());
        // Who means a fault that is drawn is told how that is left out.
        let drawn = format!("{both}[faults.random]\n");
        let error = |change: &str| apply(&drawn, change).unwrap_err();
        for (change, place) in [("fault.3=[]", 1), ("fault.7.at=2s", 5)] {
            let Wrong { what, instead } = error(change);
            assert!(what.starts_with("there is no fault `"), "{what}");
            assert!(
                instead.ends_with(&format!(": `faults.random.without=[{place}]`")),
                "{instead}"
            );
        }
        assert!(!error("fault.x=[]").instead.contains("random"));
        let less = apply(&drawn, "faults.random.without=[1]").unwrap();
        assert!(less.contains("without = [1]"), "{less}");
    }

    #[test]
    fn what_is_not_there_is_added() {
        let changes = [
            "producer.checkout.rate=500/s",
            "topic.orders.eu.config.min.insync.replicas=2",
            "producer.checkout.config.linger.ms=0",
            "broker.2.config.broker.heartbeat.interval.ms=100",
            "network.latency.p50=1ms",
            "claim.acked-durability.expect=violated",
            "faults.random.budget.hosts_down=1",
        ];
        let text = all(&changes);
        for line in [
            "rate = \"500/s\"",
            "config = { \"min.insync.replicas\" = 2 }",
            "config = { acks = \"all\" , \"linger.ms\" = 0 }",
            "id = 2",
            "config = { \"broker.heartbeat.interval.ms\" = 100 }",
            "network = { latency = { p50 = \"1ms\" } }",
            "property = \"acked-durability\"",
            "expect = \"violated\"",
            "faults = { random = { budget = { hosts_down = 1 } } }",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.parse::<DocumentMut>().is_ok(), "{text}");
    }

    #[test]
    fn a_path_that_leads_nowhere_is_told_so() {
        let error = |change: &str| {
            let Wrong { what, instead } = apply(TEXT, change).unwrap_err();
            format!("{what}: {instead}")
        };
        for (change, told) in [
            (
                "producer.chekout.config.acks=1",
                "there is no producer `chekout`: did you mean `checkout`?",
            ),
            (
                "producer=1",
                "`producer` is a list: say which of them, as in `producer.NAME.KEY=VALUE`, or \
                 take all away: `producer=[]`",
            ),
            (
                "fault=none",
                "`fault` is a list: say which of them, as in `fault.1.KEY=VALUE`, or take all \
                 away: `fault=[]`",
            ),
            ("duration.x=1", "`duration` is no table: leave out what comes after it"),
        ] {
            assert_eq!(error(change), told);
        }
        assert!(error("duration").contains("there is no value"));
        assert!(error("=1").contains("is no path"));
        assert!(error("link.1.latency.p50=1ms").contains("has no [[link]]"));
    }
}
