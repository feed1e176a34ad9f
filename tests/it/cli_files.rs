//! The command line's files: new scenarios, the schema, a server's own file; and what a report says
//! of the run file.

#![expect(clippy::unwrap_used, reason = "a test that cannot run the program should panic")]

use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;

fn kafsim(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(cargo_bin!("kafsim")).current_dir(folder).args(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_new_scenario_runs_and_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let output = kafsim(at, &["new", "my/first.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(told(&output).contains("run it       kafsim run my/first.toml\n"), "{}", told(&output));
    let written = std::fs::read_to_string(at.join("my/first.toml")).unwrap();
    assert!(written.starts_with("# ") && written.contains("\nversion = 1\n"));
    let again = kafsim(at, &["new", "my/first.toml", "--from", "acks"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(told(&again).contains("`my/first.toml` is there already"), "{}", told(&again));
    assert_eq!(std::fs::read_to_string(at.join("my/first.toml")).unwrap(), written);
    let output = kafsim(at, &["new", "--from", "rolling"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(at.join("scenario.toml").exists());
    let check = kafsim(at, &["check", "scenario.toml", "my/first.toml"]);
    assert_eq!(check.status.code(), Some(0), "{}", told(&check));
    assert!(!told(&check).contains("warning"), "{}", told(&check));
}

#[test]
fn the_schema_is_printed_or_written() {
    let folder = tempfile::tempdir().unwrap();
    let printed = kafsim(folder.path(), &["schema"]);
    assert_eq!(printed.status.code(), Some(0));
    let committed = std::fs::read("docs/scenario.schema.json").unwrap();
    assert!(printed.stdout == committed, "docs/scenario.schema.json is what `schema` prints");
    let output = kafsim(folder.path(), &["schema", "--out", "a.json"]);
    assert!(told(&output).contains("#:schema ./a.json"), "{}", told(&output));
    assert_eq!(std::fs::read(folder.path().join("a.json")).unwrap(), committed);
}

const SCENARIO: &str = "version = 1\ntitle = \"t\"\nduration = \"2s\"\n\n[cluster]\nbrokers = 3\n\
    controllers = 1\nserver_properties = \"prod/server.properties\"\n\n[[topic]]\nname = \"orders\"\n\n\
    [[producer]]\nname = \"p\"\ntopic = \"orders\"\n";

fn with_server_properties(contents: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("scenarios/prod")).unwrap();
    std::fs::write(folder.path().join("scenarios/a.toml"), SCENARIO).unwrap();
    std::fs::write(folder.path().join("scenarios/prod/server.properties"), contents).unwrap();
    folder
}

#[test]
fn a_servers_own_file_counts_and_a_run_file_keeps_it() {
    let folder = with_server_properties(
        "# Stra\u{df}e\nnode.id=1\nlisteners=PLAINTEXT://:9092\nreplica.lag.time.max.ms=7000\n\
         metadata.log.max.record.bytes.between.snapshots=1\n",
    );
    let at = folder.path();
    let shown = kafsim(at, &["run", "scenarios/a.toml", "--show-config"]);
    assert_eq!(shown.status.code(), Some(0), "{}", told(&shown));
    let line = "replica.lag.time.max.ms = 7000";
    let shown = told(&shown);
    let found = shown.lines().find(|found| found.starts_with(line)).unwrap();
    assert!(found.ends_with("# prod/server.properties:4"), "{found}");
    let warning = "kafsim: warning: prod/server.properties:5: not obeyed here: \
                   `metadata.log.max.record.bytes.between.snapshots`\n";
    assert!(shown.contains(warning), "{shown}");

    let run = kafsim(at, &["run", "scenarios/a.toml", "--out", "a.run"]);
    assert_eq!(run.status.code(), Some(0), "{}", told(&run));
    std::fs::remove_file(at.join("scenarios/prod/server.properties")).unwrap();
    let replay = kafsim(at, &["replay", "a.run"]);
    assert_eq!(replay.status.code(), Some(0), "{}", told(&replay));
    let gone = kafsim(at, &["check", "scenarios/a.toml"]);
    assert_eq!(gone.status.code(), Some(2));
    let sentence = "scenarios/a.toml:8: `server_properties`: cannot read `prod/server.properties`";
    assert!(told(&gone).contains(sentence), "{}", told(&gone));
}

#[test]
fn a_bad_value_of_a_servers_file_is_told_with_its_line() {
    let folder = with_server_properties("\n\nreplica.lag.time.max.ms=soon\n");
    let output = kafsim(folder.path(), &["check", "scenarios/a.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let sentence = "prod/server.properties:3: `replica.lag.time.max.ms`: the text \"soon\" is no";
    assert!(told(&output).contains(sentence), "{}", told(&output));
}

#[test]
fn a_report_names_no_file_that_was_not_written_and_fits_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    kafsim(at, &["new", "a.toml"]);
    let without = kafsim(at, &["run", "a.toml", "--no-record", "--until", "20s"]);
    let report = told(&without);
    assert!(!report.contains("kafsim events") && !report.contains("FILE"), "{report}");
    assert!(report.lines().all(|line| line.chars().count() <= 100), "{report}");
    assert!(!report.contains('\u{1b}'), "colour is for terminals");
    let with = kafsim(at, &["run", "a.toml", "--out", "my run.run", "--until", "20s"]);
    let report = told(&with);
    let look = report.lines().find(|line| line.starts_with("look ")).unwrap();
    let command = look.strip_prefix("look         kafsim ").unwrap();
    assert!(command.starts_with("events 'my run.run' "), "{look}");
    assert!(report.contains("page         kafsim view 'my run.run' --open\n"), "{report}");
    assert!(!report.contains("kafsim explain"), "nothing is violated: {report}");
    let events = kafsim(at, &["events", "my run.run", "kind=fault-*|role-taken", "time>=0"]);
    assert!(events.status.success() && !events.stdout.is_empty(), "{}", told(&events));
}

/// What a filter asks for must be possible: a typing error should not look like a quiet run.
#[test]
fn words_that_no_event_can_have_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    kafsim(at, &["new", "a.toml"]);
    kafsim(at, &["run", "a.toml", "--out", "a.run", "--until", "1s"]);
    let output = kafsim(at, &["events", "a.run", "role=lead"]);
    assert_eq!(output.status.code(), Some(2));
    let sentence = "no event has `role=lead`; did you mean `leader` or `leaderless`?";
    assert!(told(&output).contains(sentence), "{}", told(&output));
    assert_eq!(kafsim(at, &["events", "a.run", "role=leader"]).status.code(), Some(0));
}

/// Runs a printed command as a shell does; it may open no browser.
#[cfg(unix)]
fn typed(folder: &Path, command: &str) -> Output {
    let command = command.trim().trim_end_matches(" --open");
    let script = format!("kafsim() {{ \"$KAFSIM\" \"$@\"; }}; {command}");
    let mut shell = Command::new("sh");
    shell.current_dir(folder).env("KAFSIM", cargo_bin!("kafsim")).args(["-c", &script]);
    shell.output().unwrap()
}

#[cfg(unix)]
#[test]
fn every_printed_command_can_be_typed_whatever_files_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let odd = "a $HOME of mine, it's; odd";
    std::fs::create_dir(at.join(odd)).unwrap();
    let [scenario, run] = ["s.toml", "it's a.run"].map(|name| format!("{odd}/{name}"));
    std::fs::copy("scenarios/lessons/acked_and_gone.toml", at.join(&scenario)).unwrap();
    let ran = told(&kafsim(at, &["run", &scenario, "--out", &run]));
    let explained = told(&kafsim(at, &["explain", &run, "--no-rerun"]));
    let commands = |text: &str| -> Vec<String> {
        let command = |line: &str| Some(line.get(line.find("kafsim ")?..)?.to_owned());
        text.lines().filter_map(command).collect()
    };
    let (of_run, of_explanation) = (commands(&ran), commands(&explained));
    assert!(of_run.len() >= 4, "{ran}");
    assert!(of_explanation.len() >= 6, "{explained}");
    for command in of_run.iter().chain(&of_explanation) {
        let output = typed(at, command);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{command}\n{}", told(&output));
        assert!(!told(&output).contains("not found"), "{command}\n{}", told(&output));
    }
}
