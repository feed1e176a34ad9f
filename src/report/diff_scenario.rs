//! How two scenarios differ: a sentence for each key or table, wherever in its file it stands.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

/// So many sentences are told.
const LINES_MAX: usize = 12;
/// What the heads of the runs say.
const TOLD_ELSEWHERE: [&str; 2] = ["title", "about"];
/// What a table of a list is known by; one that has none of these by what it does.
const NAMES: [&str; 3] = ["name", "property", "id"];
/// When a fault or an admin operation does what it does.
const WHEN: [&str; 3] = ["at", "for", "when"];

/// What only one of two scenarios says, and what they do not say alike. What comments say runs
/// nowhere.
pub(super) fn differences(one: &str, other: &str) -> Vec<String> {
    let read = |text: &str, name: &str| {
        let known = toml::from_str::<Table>(text);
        known.map_err(|_| vec![format!("the scenario of {name} does not read")])
    };
    let (a, b) = match (read(one, "A"), read(other, "B")) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(complaint), _) | (_, Err(complaint)) => return complaint,
    };
    let mut lines = Vec::new();
    for key in keys(&a, &b).into_iter().filter(|key| !TOLD_ELSEWHERE.contains(key)) {
        let (mine, their) = (a.get(key), b.get(key));
        match (tables(mine), tables(their)) {
            (Some(mine), Some(their)) => lists(key, &mine, &their, &mut lines),
            _ => {
                let (x, y) = (flat(key, mine), flat(key, their));
                lines.extend(changed(&x, &y));
            }
        }
    }
    let more = lines.len().saturating_sub(LINES_MAX);
    if more > 1 {
        lines.truncate(LINES_MAX);
        lines.push(format!("... and {more} more"));
    }
    lines
}

/// The keys of both, each once: those of tables behind the others.
fn keys<'a>(a: &'a Table, b: &'a Table) -> Vec<&'a str> {
    let of = |has_tables: bool| {
        let is_of = move |(_, value): &(&String, &Value)| {
            has_tables == (value.is_table() || tables(Some(value)).is_some())
        };
        let all = a.iter().chain(b).filter(is_of).map(|(key, _)| key.as_str());
        all.collect::<BTreeSet<_>>()
    };
    let (plain, with) = (of(false), of(true));
    let with: Vec<&str> = with.difference(&plain).copied().collect();
    plain.into_iter().chain(with).collect()
}

/// The tables of a list of tables; none of a list that is not there.
fn tables(value: Option<&Value>) -> Option<Vec<&Table>> {
    match value {
        None => Some(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(Value::as_table).collect(),
        Some(_) => None,
    }
}

/// The values by the paths of their keys.
fn flat(path: &str, value: Option<&Value>) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    match value {
        None => {}
        Some(Value::Table(table)) if !table.is_empty() => {
            for (key, value) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                values.extend(flat(&path, Some(value)));
            }
        }
        Some(value) => {
            values.insert(path.to_owned(), value.to_string());
        }
    }
    values
}

fn changed(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let paths: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let told = paths.into_iter().filter_map(|path| match (a.get(path), b.get(path)) {
        (Some(x), Some(y)) if x != y => Some(format!("{path} = {x} in A, {y} in B")),
        (Some(x), None) => Some(format!("{path} = {x} is only in A")),
        (None, Some(y)) => Some(format!("{path} = {y} is only in B")),
        _ => None,
    });
    told.collect()
}

/// Compares two lists of tables, those of one name, or else those that are most alike.
fn lists(key: &str, a: &[&Table], b: &[&Table], lines: &mut Vec<String>) {
    let pairs = pairs(a, b);
    let mut unmatched: BTreeSet<usize> = (0..b.len()).collect();
    let mut places = Vec::new();
    for (at, mine) in a.iter().enumerate() {
        let Some(place) = pairs.get(&at).copied() else {
            lines.push(alone(key, at, mine, "A"));
            continue;
        };
        unmatched.remove(&place);
        places.push(place);
        let their = b[place];
        let what = match at == place || name(mine).is_some() {
            true => label(key, at, mine),
            false => format!("{}, in B {key} {}", label(key, at, mine), place + 1),
        };
        let changes = changed(&contents(mine), &contents(their));
        if !changes.is_empty() {
            lines.push(format!("{what}: {}", changes.join("; ")));
        }
    }
    lines.extend(unmatched.into_iter().map(|place| alone(key, place, b[place], "B")));
    if !places.is_sorted() {
        lines.push(format!("[[{key}]]: those that both have stand in another order in B"));
    }
}

/// Which table of `b` is which of `a`.
fn pairs(a: &[&Table], b: &[&Table]) -> BTreeMap<usize, usize> {
    let is_named = |list: &[&Table]| {
        let names: BTreeSet<_> = list.iter().filter_map(|table| name(table)).collect();
        names.len() == list.len()
    };
    let mut free: BTreeSet<usize> = (0..b.len()).collect();
    let mut pairs = BTreeMap::new();
    let named = is_named(a) && is_named(b);
    // What is the same first: it may stand elsewhere.
    for is_same in [true, false] {
        for (at, mine) in a.iter().enumerate() {
            if pairs.contains_key(&at) {
                continue;
            }
            let fits = |place: &usize| match (is_same, named) {
                (true, _) => b[*place] == *mine,
                (false, true) => name(b[*place]) == name(mine),
                (false, false) => deed(b[*place]) == deed(mine),
            };
            let mut found: Vec<usize> = free.iter().copied().filter(fits).collect();
            found.sort_by_key(|place| changed(&contents(mine), &contents(b[*place])).len());
            if let Some(place) = found.first() {
                free.remove(place);
                pairs.insert(at, *place);
            }
        }
    }
    pairs
}

/// What a table is known by in its list.
fn name(table: &Table) -> Option<String> {
    NAMES.iter().find_map(|key| table.get(*key)).map(plain)
}

/// What a fault or an operation does.
fn deed(table: &Table) -> Vec<&str> {
    table.keys().map(String::as_str).filter(|key| !WHEN.contains(key)).collect()
}

/// A value without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn label(key: &str, at: usize, table: &Table) -> String {
    if let Some(name) = name(table) {
        return format!("{key} {name}");
    }
    let deed = deed(table).join(", ");
    let when = table.get("at").map(|at| format!(" at {}", plain(at))).unwrap_or_default();
    format!("{key} {} ({deed}{when})", at + 1)
}

fn contents(table: &Table) -> BTreeMap<String, String> {
    table.iter().flat_map(|(key, value)| flat(key, Some(value))).collect()
}

/// What only one of the scenarios has, with what stands in it that its name does not say.
fn alone(key: &str, at: usize, table: &Table, whose: &str) -> String {
    let is_said = |path: &str| path == "at" || name(table).is_some() && NAMES.contains(&path);
    let contents = contents(table);
    let rest = contents.iter().filter(|(path, _)| !is_said(path));
    let rest: Vec<String> = rest.map(|(path, value)| format!("{path} = {value}")).collect();
    let what = format!("{} is only in {whose}", label(key, at, table));
    if rest.is_empty() { what } else { format!("{what}: {}", rest.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comments_say_is_no_difference() {
        assert!(differences("# one\na = 1\n\n", "a = 1 # why\n  # other\n").is_empty());
        assert_eq!(differences("# one\na = 1", "a = 2"), ["a = 1 in A, 2 in B"]);
        assert_eq!(differences("a = '#1'", "")[0], "a = \"#1\" is only in A");
        assert!(differences("title = 'a'", "title = 'b'").is_empty());
        assert_eq!(differences("a = 1", "a = ")[0], "the scenario of B does not read");
    }

    #[test]
    fn a_value_is_the_same_in_whatever_form_it_stands() {
        let one = "[cluster]\nbrokers = 3\nconfig = { a.b = 1, c = 2 }\n[[topic]]\nname = 'a'\n";
        let other = "topic = [{ name = \"a\" }]\n[cluster.config]\nc = 2\na = { b = 1 }\n\
                     [cluster]\nbrokers = 5\n";
        assert_eq!(differences(one, other), ["cluster.brokers = 3 in A, 5 in B"]);
    }

    #[test]
    fn tables_are_told_apart_by_name() {
        let one =
            "[[producer]]\nname = 'p'\nconfig.acks = '1'\n[[producer]]\nname = 'q'\nrate = 1\n";
        let other = "[[producer]]\nname = 'r'\n[[producer]]\nname = 'p'\nconfig = { acks = 'all', \
                     linger.ms = 5 }\n";
        let told = [
            "producer p: config.acks = \"1\" in A, \"all\" in B; config.linger.ms = 5 is only in B",
            "producer q is only in A: rate = 1",
            "producer r is only in B",
        ];
        assert_eq!(differences(one, other), told);
    }

    #[test]
    fn of_faults_it_is_told_which_one_went() {
        let jump = "[[fault]]\nat = '10s'\njump_clock = { host = 'b', by = '40s' }\n";
        let cut = "[[fault]]\nat = '14s'\nisolate = { host = 'c' }\n";
        let later = "[[fault]]\nat = '15s'\nisolate = { host = 'c' }\n";
        let gone = "fault 1 (jump_clock at 10s) is only in A: jump_clock.by = \"40s\", \
                    jump_clock.host = \"b\"";
        assert_eq!(differences(&format!("{jump}{cut}"), cut), [gone]);
        let moved = "fault 2 (isolate at 14s), in B fault 1: at = \"14s\" in A, \"15s\" in B";
        assert_eq!(differences(&format!("{jump}{cut}"), later), [gone, moved]);
        let turned = differences(&format!("{jump}{cut}"), &format!("{cut}{jump}"));
        assert_eq!(turned, ["[[fault]]: those that both have stand in another order in B"]);
        // The one that is the same is not taken for the one that went.
        let first = "fault 1 (isolate at 14s) is only in A: isolate.host = \"c\"";
        assert_eq!(differences(&format!("{cut}{later}"), later), [first]);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let lines = |n: usize| (0..n).map(|n| format!("a{n} = 1\n")).collect::<String>();
        assert_eq!(differences("", &lines(LINES_MAX + 1)).len(), LINES_MAX + 1);
        let told = differences("", &lines(LINES_MAX + 2));
        assert_eq!(told.last().unwrap(), "... and 2 more");
    }
}
