//! Holds `docs/SCENARIOS.md` to the tables of keys, and its examples to the decoder;
//! `REWRITE=1` writes the tables anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the page should panic")]

use kafsim::explore::vocabulary;
use kafsim::scenario::{decode, fill};

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

/// Each example is valid, alone or with what it leaves out.
#[test]
fn every_example_is_valid() {
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
            if let Err(errors) = decode("example", &whole, &vocabulary()) {
                panic!("{file}:\n{errors}\n{whole}");
            }
        }
    }
}
