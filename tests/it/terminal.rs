//! How texts look on a terminal: there are colours, and the words are those of a pipe.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot run the program should panic")]

use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;

const SCENARIO: &str = r#"
version = 1
title = "a broker dies"
duration = "8s"

[cluster]
brokers = 3
controllers = 1

[[topic]]
name = "orders"

[[producer]]
name = "shop"
topic = "orders"
rate = "20/s"

[[fault]]
at = "2s"
crash = { host = "leader of orders-0" }
for = "1s"
"#;

/// What `arguments` print on a terminal that `script` makes, in an environment with `set`.
fn on_terminal(folder: &std::path::Path, arguments: &str, set: &[(&str, &str)]) -> String {
    let command = format!("'{}' {arguments}", cargo_bin!("kafsim").display());
    let output = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .envs(set.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments}: {output:?}");
    String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
}

fn piped(folder: &std::path::Path, arguments: &str) -> String {
    let words = arguments.split(' ');
    let output = Command::new(cargo_bin!("kafsim")).args(words).current_dir(folder).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{arguments}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// `text` without what steers a terminal.
fn bare(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |bare, part| bare + part.split_once('m').unwrap().1)
}

#[test]
fn every_text_has_colour_on_a_terminal_and_the_same_words() {
    // It comes with every Linux; where it was left out there is no terminal to be had.
    if Command::new("script").arg("--version").output().is_err() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("a.toml"), SCENARIO).unwrap();
    for seed in ["0", "1"] {
        piped(folder, &format!("run a.toml --seed {seed} -o {seed}.run"));
    }
    let verbs = [
        "timeline 0.run",
        "state 0.run --at 2.5",
        "state 0.run --partition orders-0",
        "log 0.run --partition orders-0",
        "log 0.run --partition __cluster_metadata-0",
        "events 0.run kind=fault-*",
        "events --kinds",
        "diff 0.run 1.run",
        "explain 0.run",
        "explain 0.run --brief",
    ];
    for verb in verbs {
        let (plain, coloured) = (piped(folder, verb), on_terminal(folder, verb, &[]));
        assert!(!plain.contains('\u{1b}'), "{verb}: {plain}");
        assert!(coloured.contains('\u{1b}'), "{verb}: {coloured}");
        assert_eq!(bare(&coloured), plain, "{verb}");
        for set in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            assert_eq!(on_terminal(folder, verb, &[set]), plain, "{verb} with {set:?}");
        }
    }
}
