//! The command line from outside: what it prints, where, and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test that cannot run the program should panic")]

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;

fn kafsim(arguments: &[&str]) -> Output {
    Command::new(cargo_bin!("kafsim")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

const README_SCENARIO: &str = "scenarios/replication/leader_crash.toml";

#[test]
fn usage_errors_exit_with_2_and_help_with_0() {
    for wrong in [
        &["run"][..],
        &["fly"],
        &["sweep", README_SCENARIO, "--seeds", "5..5"],
        &["run", README_SCENARIO, "--until", "5 parsecs"],
        &["run", README_SCENARIO, "--seed", "minus one"],
        &["run", "no/such/file.toml"],
        &["run", README_SCENARIO, "--set", "producer.nobody.rate=1/s"],
        &["run", README_SCENARIO, "--defect", "perfection"],
    ] {
        let output = kafsim(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{wrong:?}");
    }
    let output = kafsim(&["sweep", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("default"));
}

#[test]
fn a_valid_scenario_is_named_and_a_bad_one_refused_with_all_its_mistakes() {
    let output = kafsim(&["check", README_SCENARIO]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).starts_with(&format!("{README_SCENARIO}: valid: ")));
    let bad = "tests/data/scenario_errors/unknown_keys.toml";
    let output = kafsim(&["check", bad, README_SCENARIO]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stdout);
    assert!(told.contains(&format!("{bad}:3: unknown key `titel`")), "{told}");
    assert!(told.contains(&format!("{bad}:9: unknown key `brockers`")), "{told}");
    assert!(told.contains(&format!("{README_SCENARIO}: valid: ")), "{told}");
    let output = kafsim(&["run", bad]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains(&format!("{bad}:3: unknown key `titel`")));
}

#[test]
fn files_that_are_no_run_files_are_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.run");
    for bytes in [&b""[..], b"kafsim run file\n", b"\xff\xfe\x00 whatever", b"kafsim ran"] {
        std::fs::write(&path, bytes).unwrap();
        let name = path.to_str().unwrap();
        for verb in ["replay", "check", "events"] {
            let output = kafsim(&[verb, name]);
            assert_eq!(output.status.code(), Some(2), "{verb} {bytes:?}");
            let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
            assert!(told.contains("run file"), "{told}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }
}

#[test]
fn lists_name_every_defect_and_property() {
    let output = kafsim(&["defects"]);
    assert_eq!(output.status.code(), Some(0));
    for defect in kafsim::types::Defect::ALL {
        assert!(text(&output.stdout).contains(defect.name()), "{}", defect.name());
    }
    let output = kafsim(&["properties", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<_> = list["properties"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), kafsim::types::PropertyName::ALL.len());
    let output = kafsim(&["events", "--kinds"]);
    assert!(text(&output.stdout).contains("high-watermark-moved"));
}

#[test]
fn configuration_is_shown_with_its_sources() {
    let output = kafsim(&[
        "run",
        README_SCENARIO,
        "--show-config",
        "--set",
        "broker.2.config.replica.lag.time.max.ms=7000",
        "--set",
        "config.num.io.threads=2",
        "--set",
        "producer.checkout.config.acks=1",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    let section = |name: &str| {
        let from = shown.find(&format!("[{name}]\n")).unwrap();
        shown[from..].split("\n\n").next().unwrap()
    };
    let value = |section: &str, key: &str| {
        let line = section.lines().find(|line| line.starts_with(&format!("{key} = ")));
        let (value, source) = line.unwrap().split_once('#').unwrap();
        (value.trim().rsplit(' ').next().unwrap().to_owned(), source.trim().to_owned())
    };
    let (lag, whose) = value(section("broker-2"), "replica.lag.time.max.ms");
    assert!(lag == "7000" && whose.starts_with("broker, line "), "{lag} {whose}");
    let default = ("30000".to_owned(), "default of 4.1".to_owned());
    assert_eq!(value(section("broker-1"), "replica.lag.time.max.ms"), default);
    assert!(value(section("broker-1"), "num.io.threads").1.starts_with("cluster, line "));
    assert!(value(section("topic orders"), "min.insync.replicas").1.starts_with("topic, line "));
    let (idempotence, whose) = value(section("producer checkout"), "enable.idempotence");
    assert_eq!((idempotence.as_str(), whose.as_str()), ("false", "follows from another key"));
}

/// `kafsim events ... | head` must not end in an error.
#[test]
fn a_closed_stdout_is_no_failure() {
    let mut child = Command::new(cargo_bin!("kafsim"))
        .arg("defects")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Gone before a byte was written, or after: both are quiet.
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{told}");
    assert_eq!(told, "");
}

#[test]
fn a_folder_without_scenarios_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let output = kafsim(&["sweep", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("holds no .toml file"), "{}", text(&output.stderr));
    assert!(Path::new(README_SCENARIO).exists());
}
