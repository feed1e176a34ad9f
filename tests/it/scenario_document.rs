//! Holds `docs/SCENARIOS.md` and `docs/scenario.schema.json` to the tables of keys, and the page's
//! examples to the decoder; `REWRITE=1` writes tables and schema anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the page should panic")]

use kafsim::explore::vocabulary;
use kafsim::scenario::{SECTIONS, decode, fill, schema};

const PAGE: &str = "docs/SCENARIOS.md";

#[test]
fn the_tables_say_what_the_code_says() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let wanted = fill(&page).unwrap_or_else(|error| panic!("{PAGE}: {error}"));
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(PAGE, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(PAGE).unwrap();
    assert!(found == wanted, "{PAGE} is old; run REWRITE=1 cargo test --test it scenario_document");
}

const SCHEMA: &str = "docs/scenario.schema.json";

#[test]
fn the_schema_says_what_the_code_says() {
    let wanted = format!("{:#}\n", schema(&vocabulary()));
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(SCHEMA, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(SCHEMA).unwrap_or_default();
    assert!(
        found == wanted,
        "{SCHEMA} is old; run REWRITE=1 cargo test --test it scenario_document"
    );
}

/// An editor offers a key only if it stands in the schema, dotted as well as quoted.
#[test]
fn the_schema_offers_every_key() {
    let schema = schema(&vocabulary());
    for section in SECTIONS {
        let name = section.name.trim_matches(['[', ']']);
        let here = if name == "the scenario" { &schema } else { &schema["definitions"][name] };
        for key in section.keys {
            let offered = &here["properties"][key.name];
            assert!(offered["description"].is_string(), "{name} {}", key.name);
        }
    }
    let topics = &schema["definitions"]["keys-of-topic"]["properties"];
    assert!(topics["min.insync.replicas"].is_object());
    let replicas = &topics["min"]["properties"]["insync"]["properties"]["replicas"];
    assert_eq!(*replicas, topics["min.insync.replicas"]);
}

/// What every example may refer to.
const AROUND: &str = r#"
version = 1
title = "around an example"
duration = "60s"
"#;
const CLUSTER: &str = "\n[cluster]\nbrokers = 3\ncontrollers = 3\n";
const TOPIC: &str = "\n[[topic]]\nname = \"orders\"\npartitions = 6\n";
const CHECKOUT: &str = "\n[[producer]]\nname = \"checkout\"\ncount = 2\ntopic = \"orders\"\n";

/// The blocks of `text` between "```toml" and "```".
fn examples(text: &str) -> Vec<String> {
    let parts = text.split("```toml\n").skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

/// The examples of page and README, each with what it leaves out.
pub(crate) fn examples_of_the_page() -> Vec<String> {
    let mut found = Vec::new();
    for file in [PAGE, "README.md"] {
        let text = std::fs::read_to_string(file).unwrap();
        let examples = examples(&text);
        assert!(!examples.is_empty(), "{file} has no example");
        for example in examples {
            let top = if example.starts_with("version =") { "" } else { AROUND };
            let mut whole = format!("{top}{example}");
            let parts = [("[cluster]", CLUSTER), ("[[topic]]", TOPIC), ("\"checkout\"", CHECKOUT)];
            for (_, part) in parts.iter().filter(|(mark, _)| !example.contains(mark)) {
                whole.push_str(part);
            }
            found.push(whole);
        }
    }
    found
}

/// Each example is valid, alone or with what it leaves out.
#[test]
fn every_example_is_valid() {
    for whole in examples_of_the_page() {
        if let Err(errors) = decode("example", &whole, &vocabulary()) {
            panic!("{errors}\n{whole}");
        }
    }
}
