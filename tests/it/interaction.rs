//! Stories told word for word: the files of `tests/data/interaction/<machine>/`.
//!
//! A file is text: a command, `----`, everything that the machine did, an empty line. Each machine
//! has a module `interaction_<machine>` that says what its commands mean. `REWRITE=1 cargo test
//! interaction` writes what came out into the files; the diff is the review of the change.

#![expect(clippy::unwrap_used, reason = "a malformed test file should panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Plays every file of `machine`, each on a fresh scene.
pub(crate) fn play<S: Default>(machine: &str, run: impl Fn(&mut S, &Command<'_>) -> String) {
    let files = files(&Path::new("tests/data/interaction").join(machine));
    assert!(!files.is_empty(), "{machine} has no stories");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut scene = S::default();
        let got = rewrite(&text, |line| run(&mut scene, &Command::parse(line)));
        if rewrites() {
            std::fs::write(&path, got).unwrap();
        } else {
            assert_eq!(text, got, "{}: REWRITE=1 shows the change", path.display());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a person at the keyboard asks for a rewrite")]
fn rewrites() -> bool {
    std::env::var("REWRITE").is_ok()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort();
    found.into_iter().flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] }).collect()
}

/// Runs each command of `text` and returns the text with its answers replaced.
fn rewrite(text: &str, mut run: impl FnMut(&str) -> String) -> String {
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        writeln!(out, "{line}").unwrap();
        if line.is_empty() || line.starts_with('#') || lines.peek() != Some(&"----") {
            continue;
        }
        lines.next();
        while lines.peek().is_some_and(|answer| !answer.is_empty()) {
            lines.next();
        }
        writeln!(out, "----\n{}", run(line)).unwrap();
    }
    out
}

/// Joins what a machine did into an answer, a line each; `ok` when it did nothing.
pub(crate) fn answer(effects: impl IntoIterator<Item = String>) -> String {
    let shown: Vec<_> = effects.into_iter().map(|effect| format!("-> {effect}")).collect();
    if shown.is_empty() { "ok".to_owned() } else { shown.join("\n") }
}

/// A command: a verb, words, and `name=value` pairs.
pub(crate) struct Command<'a> {
    pub(crate) verb: &'a str,
    pub(crate) words: Vec<&'a str>,
    named: BTreeMap<&'a str, &'a str>,
}

impl<'a> Command<'a> {
    fn parse(line: &'a str) -> Self {
        let mut parts = line.split_whitespace();
        let verb = parts.next().unwrap();
        let mut command = Self { verb, words: Vec::new(), named: BTreeMap::new() };
        for part in parts {
            match part.split_once('=') {
                Some((name, value)) => drop(command.named.insert(name, value)),
                None => command.words.push(part),
            }
        }
        command
    }

    /// The value of `name`, if it is there.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.named.get(name).copied()
    }

    /// The number `name`, or `default`.
    pub(crate) fn number(&self, name: &str, default: i64) -> i64 {
        self.text(name).map_or(default, |text| text.parse().unwrap())
    }

    /// The comma-separated numbers of `name`.
    pub(crate) fn list(&self, name: &str) -> Vec<i32> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').filter(|word| !word.is_empty()).map(|word| word.parse().unwrap()).collect()
    }

    /// All `name=value` pairs, in order of their names.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.named.iter().map(|(name, value)| (*name, *value))
    }

    /// Whether the word `word` stands in it.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    /// The duration that is its first word: `500ms`, `2s`.
    pub(crate) fn duration(&self) -> Duration {
        duration(self.words[0])
    }
}

/// `500ms`, `2s`, `10us`.
pub(crate) fn duration(text: &str) -> Duration {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap();
    let count: u64 = text[..split].parse().unwrap();
    match &text[split..] {
        "us" => Duration::from_micros(count),
        "ms" => Duration::from_millis(count),
        "s" => Duration::from_secs(count),
        other => panic!("unknown unit {other}"),
    }
}
