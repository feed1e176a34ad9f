//! Bad scenario files: what each is told (`tests/data/scenario_errors`), and that no text at all
//! makes the decoder panic or hang.
//!
//! `REWRITE=1 cargo test` writes the messages anew; read them line by line before a commit.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its data should panic")]

use std::path::{Path, PathBuf};

use kafsim::explore::vocabulary;
use kafsim::scenario::decode;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} holds no .{extension}");
    found
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn each_bad_file_is_told_what_is_wrong_and_what_would_be_right() {
    let rewrite = std::env::var_os("REWRITE").is_some();
    for path in files("tests/data/scenario_errors", "toml") {
        let text = std::fs::read_to_string(&path).unwrap();
        let errors = decode(name(&path), &text, &vocabulary()).expect_err(name(&path));
        let told = format!("{errors}\n");
        let expected = path.with_extension("txt");
        if rewrite {
            std::fs::write(&expected, &told).unwrap();
        }
        let expected = std::fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(told, expected, "{}", path.display());
        for error in &errors.0 {
            assert!(error.line >= 1 && !error.what.is_empty() && !error.instead.is_empty());
        }
    }
}

#[test]
fn every_scenario_of_the_repository_is_valid() {
    for path in files("scenarios", "toml") {
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(errors) = decode(path.to_str().unwrap(), &text, &vocabulary()) {
            panic!("\n{errors}");
        }
        assert!(text.starts_with("# "), "{} begins with its story", path.display());
    }
}

/// One change of a text.
#[derive(Clone, Debug)]
enum Change {
    Remove { at: usize, length: usize },
    Insert { at: usize, text: String },
    Repeat { at: usize, length: usize },
    SwapLines { a: usize, b: usize },
}

fn change() -> impl Strategy<Value = Change> {
    let piece = prop_oneof![
        "[\\[\\]{}=\",.#\\n 0-9a-z-]{1,6}",
        Just("\u{0}".to_owned()),
        Just("\u{fffd}é".to_owned()),
        Just("[[".repeat(200)),
        Just("a.".repeat(200)),
        Just("99999999999999999999".to_owned()),
        Just("-1".to_owned()),
        Just("1e400".to_owned()),
        Just("1979-05-27".to_owned()),
        Just("\"\"\"".to_owned()),
        Just("[[fault]]\n".to_owned()),
        Just("[cluster]\n".to_owned()),
    ];
    let at = 0_usize..4000;
    prop_oneof![
        (at.clone(), 1_usize..40).prop_map(|(at, length)| Change::Remove { at, length }),
        (at.clone(), piece).prop_map(|(at, text)| Change::Insert { at, text }),
        (at, 1_usize..200).prop_map(|(at, length)| Change::Repeat { at, length }),
        (0_usize..90, 0_usize..90).prop_map(|(a, b)| Change::SwapLines { a, b }),
    ]
}

fn mutate(text: &str, change: &Change) -> String {
    let chars: Vec<char> = text.chars().collect();
    let cut = |at: usize| at % (chars.len() + 1);
    let piece = |from: usize, to: usize| chars[from..to].iter().collect::<String>();
    match change {
        Change::Remove { at, length } => {
            let at = cut(*at);
            let end = (at + length).min(chars.len());
            piece(0, at) + &piece(end, chars.len())
        }
        Change::Insert { at, text } => {
            let at = cut(*at);
            piece(0, at) + text + &piece(at, chars.len())
        }
        Change::Repeat { at, length } => {
            let at = cut(*at);
            let end = (at + length).min(chars.len());
            piece(0, end) + &piece(at, chars.len())
        }
        Change::SwapLines { a, b } => {
            let mut lines: Vec<&str> = text.lines().collect();
            let (a, b) = (a % lines.len().max(1), b % lines.len().max(1));
            if !lines.is_empty() {
                lines.swap(a, b);
            }
            lines.join("\n")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// Whatever the text: a plan or a list of mistakes, each with a line of the text.
    #[test]
    fn no_text_makes_the_decoder_panic(
        which in 0_usize..100,
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let files = files("scenarios", "toml");
        let mut text = std::fs::read_to_string(&files[which % files.len()]).unwrap();
        for change in &changes {
            text = mutate(&text, change);
        }
        if let Err(errors) = decode("mutated.toml", &text, &vocabulary()) {
            let lines = u32::try_from(text.lines().count()).unwrap() + 1;
            prop_assert!(!errors.0.is_empty());
            prop_assert!(errors.0.iter().all(|error| (1..=lines).contains(&error.line)));
        }
    }
}
