//! Holds the decoder of scenario files and their JSON Schema to each other.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files should panic")]

use std::collections::BTreeSet;

use jsonschema::Validator;
use kafsim::explore::vocabulary;
use kafsim::scenario::{decode, schema};
use serde_json::{Value as Json, json};

use crate::scenario_document::examples_of_the_page;
use crate::scenarios::all;

fn validator() -> Validator {
    jsonschema::draft7::new(&schema(&vocabulary())).unwrap()
}

/// The file as an editor sees it; text that is no TOML is nobody's scenario.
fn tree(text: &str) -> Json {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

/// What the schema has against `text`.
fn objections(validator: &Validator, text: &str) -> Vec<String> {
    let tree = tree(text);
    let errors = validator.iter_errors(&tree);
    errors.map(|error| format!("{} at {}", error, error.instance_path())).collect()
}

fn is_scenario(text: &str) -> bool {
    decode("a.toml", text, &vocabulary()).is_ok()
}

/// The scenarios of the repository, and the examples of docs/SCENARIOS.md and the README.
fn texts() -> Vec<(String, String)> {
    let read = |path: String| (path.clone(), std::fs::read_to_string(path).unwrap());
    let mut texts: Vec<_> = all().into_iter().map(read).collect();
    texts.extend(examples_of_the_page().into_iter().map(|text| ("an example".to_owned(), text)));
    texts
}

#[test]
fn the_schema_is_one() {
    jsonschema::draft7::meta::validate(&schema(&vocabulary())).unwrap();
}

#[test]
fn what_the_decoder_takes_the_schema_takes() {
    let validator = validator();
    for (name, text) in texts() {
        let objections = objections(&validator, &text);
        assert!(objections.is_empty(), "{name}:\n{}", objections.join("\n"));
    }
}

/// A place of a tree: keys and, in lists, numbers.
type Path = Vec<String>;

/// Every place of `tree`, with how the schema's tables name it: numbers left out.
fn places(tree: &Json, path: &Path, found: &mut Vec<Path>) {
    let below: Vec<(String, &Json)> = match tree {
        Json::Object(table) => table.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Json::Array(list) => list.iter().enumerate().map(|(at, v)| (at.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    for (step, value) in below {
        let mut path = path.clone();
        path.push(step);
        found.push(path.clone());
        places(value, &path, found);
    }
}

fn at<'t>(tree: &'t mut Json, path: &[String]) -> &'t mut Json {
    path.iter().fold(tree, |tree, step| match tree {
        Json::Array(list) => &mut list[step.parse::<usize>().unwrap()],
        table => table.get_mut(step).unwrap(),
    })
}

fn is_number(step: &str) -> bool {
    step.bytes().all(|byte| byte.is_ascii_digit())
}

/// The mistakes that can be made at `path`: a key misspelt, a value of a kind that nothing takes, a
/// key left out.
fn mistakes(tree: &Json, path: &Path) -> Vec<(&'static str, Json)> {
    let (last, above) = path.split_last().unwrap();
    let mut wrong = Vec::new();
    let mut nonsense = tree.clone();
    *at(&mut nonsense, path) = json!([[["nonsense"]]]);
    wrong.push(("nonsense", nonsense));
    if !is_number(last) {
        let mut strange = tree.clone();
        let table = at(&mut strange, above).as_object_mut().unwrap();
        let value = table.remove(last).unwrap();
        table.insert(format!("{last}_x"), value);
        wrong.push(("misspelt", strange));
        let mut bare = tree.clone();
        at(&mut bare, above).as_object_mut().unwrap().remove(last);
        wrong.push(("missing", bare));
    }
    wrong
}

fn toml_of(tree: &Json) -> String {
    toml::to_string(tree).unwrap()
}

/// Whatever is misspelt, of a wrong kind or left out, at every place of every table that a scenario
/// or an example has: what the schema refuses the decoder refuses, and, but for keys whose absence
/// only the decoder can judge, the other way round.
#[test]
fn decoder_and_schema_refuse_the_same_mistakes() {
    let validator = validator();
    let mut seen = BTreeSet::new();
    let mut tried = 0;
    for (name, text) in texts() {
        let tree = tree(&text);
        let mut found = Vec::new();
        places(&tree, &Path::new(), &mut found);
        for path in found {
            let names: Vec<&str> =
                path.iter().map(String::as_str).filter(|step| !is_number(step)).collect();
            // One of each place is enough.
            if !seen.insert((names.join("."), path.len())) {
                continue;
            }
            for (mistake, wrong) in mistakes(&tree, &path) {
                let by_schema = !validator.is_valid(&wrong);
                let by_decoder = !is_scenario(&toml_of(&wrong));
                let place = format!("{name}: {} {mistake}", path.join("."));
                assert!(by_decoder || !by_schema, "only the schema refuses {place}");
                // That a name is described nowhere, or a field no event's, is for the decoder.
                let needs_the_file = mistake == "missing" || names.contains(&"where");
                assert!(
                    by_schema || !by_decoder || needs_the_file,
                    "only the decoder refuses {place}"
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried} mistakes are too few");
}

/// A mistake of each kind, in words; both refuse each.
#[test]
fn both_refuse_what_is_written_wrong() {
    let base = "version = 1\ntitle = \"t\"\nduration = \"60s\"\n\n[cluster]\nbrokers = 3\n\
                controllers = 3\nCLUSTER\n[[topic]]\nname = \"orders\"\nTOPIC\n[[producer]]\n\
                name = \"checkout\"\ntopic = \"orders\"\nPRODUCER\n[[fault]]\nFAULT\n";
    let fault = "at = \"1s\"\npause = { host = \"broker-1\" }";
    let fill = |place: &str, text: &str| {
        let mut whole = base.replace(place, text).replace("FAULT", fault);
        for place in ["CLUSTER", "TOPIC", "PRODUCER"] {
            whole = whole.replace(place, "");
        }
        whole
    };
    let validator = validator();
    let right = [
        ("CLUSTER", "config = { replica.lag.time.max.ms = 10000 }"),
        ("CLUSTER", "config = { \"replica.lag.time.max.ms\" = \"10000\" }"),
        ("CLUSTER", "config.unclean.leader.election.enable = true"),
        ("PRODUCER", "config = { acks = 1 }"),
        ("PRODUCER", "config = { acks = \"all\", \"linger.ms\" = 0 }"),
        ("PRODUCER", "value_bytes = \"1KiB\"\nkeys = { uniform = 3 }"),
        ("FAULT", "at = \"1s\"\ncrash = { host = \"in-sync follower of orders-0\" }"),
        ("FAULT", "at = \"1s\"\ncrash = { host = \"broker 2\" }"),
    ];
    for (place, text) in right {
        let whole = fill(place, text);
        assert_eq!(objections(&validator, &whole), Vec::<String>::new(), "{text}");
        assert!(is_scenario(&whole), "{text}");
    }
    let wrong = [
        ("CLUSTER", "release = \"2.0\""),
        ("CLUSTER", "config = { replica.lag.time.max = 10000 }"),
        ("CLUSTER", "config = { replica.lag.time.max.ms = \"soon\" }"),
        ("CLUSTER", "config = { num.replica.fetchers = 2 }"),
        ("CLUSTER", "config = { acks = \"all\" }"),
        ("TOPIC", "partitions = 0"),
        ("TOPIC", "partitions = \"six\""),
        ("TOPIC", "config = { min.insync.replicas = 0 }"),
        ("TOPIC", "config = { \"min.insync.replica\" = 2 }"),
        ("PRODUCER", "rate = \"500\""),
        ("PRODUCER", "rate = 500"),
        ("PRODUCER", "value_bytes = \"1 kilobyte\""),
        ("PRODUCER", "config = { acks = 2 }"),
        ("PRODUCER", "config = { enable.idempotence = \"maybe\" }"),
        ("PRODUCER", "keys = \"some\""),
        ("FAULT", "pause = { host = \"broker-1\" }"),
        ("FAULT", "at = \"1s\""),
        ("FAULT", "at = \"1s\"\nwhen = { event = \"x\" }\npause = { host = \"broker-1\" }"),
        ("FAULT", "at = \"1 parsec\"\npause = { host = \"broker-1\" }"),
        ("FAULT", "at = \"1s\"\npause = { host = \"the leader\" }"),
        ("FAULT", "at = \"1s\"\npause = {}"),
        ("FAULT", "at = \"1s\"\ncut = { between = [\"broker-1\"] }"),
        ("FAULT", "at = \"1s\"\ncrash = { host = \"broker-1\", keep = \"nothing\" }"),
    ];
    for (place, text) in wrong {
        let whole = fill(place, text);
        assert!(!objections(&validator, &whole).is_empty(), "the schema takes: {text}");
        assert!(!is_scenario(&whole), "the decoder takes: {text}");
    }
}
