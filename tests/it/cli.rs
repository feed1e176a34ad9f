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
    let help = text(&output.stdout);
    assert!(help.contains("default"));
    let twice = format!("every {}th", kafsim::explore::TWICE_EVERY);
    let readme = std::fs::read_to_string("README.md").unwrap();
    assert!(help.contains(&twice) && readme.contains(&twice), "both say what runs twice");
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

/// A scenario that is over soon, and its folder.
fn small(faults: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.toml");
    let text = format!(
        "version = 1\ntitle = \"small\"\nabout = \"For tests.\"\nduration = \"4s\"\n\n\
         [cluster]\nbrokers = 3\ncontrollers = 1\n\n[[topic]]\nname = \"t\"\npartitions = 2\n\
         replication_factor = 3\n\n[[producer]]\nname = \"p\"\ntopic = \"t\"\nrate = \"20/s\"\n\n\
         {faults}\n"
    );
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn a_run_leaves_a_file_that_replays_checks_and_reads() {
    let (folder, scenario) = small("");
    let file = folder.path().join("small.run");
    let file = file.to_str().unwrap();
    let run = kafsim(&["run", &scenario, "--seed", "7", "--out", file, "--format", "json"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let json: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(json["scenario"], scenario.as_str());
    assert_eq!(json["seed"], 7);
    assert_eq!(json["outcome"], "as-expected");
    assert_eq!(json["run_file"], file);
    let digest = json["fingerprint"]["digest"].as_str().unwrap();

    let replay = kafsim(&["replay", file]);
    assert_eq!(replay.status.code(), Some(0), "{}", text(&replay.stdout));
    assert_eq!(text(&replay.stdout).matches(digest).count(), 2, "{}", text(&replay.stdout));
    assert!(text(&replay.stdout).ends_with("the same run\n"));

    // A run that was stopped replays as far as it went.
    let part = folder.path().join("part.run");
    let part = part.to_str().unwrap();
    let run = kafsim(&["run", &scenario, "--until", "2s", "--out", part]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stdout));
    assert!(text(&run.stdout).contains("outcome      stopped by --until"), "{}", text(&run.stdout));
    let replay = kafsim(&["replay", part]);
    assert_eq!(replay.status.code(), Some(0), "{}", text(&replay.stdout));

    let check = kafsim(&["check", file]);
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stdout));
    let told = text(&check.stdout).to_owned();
    let all = kafsim::types::PropertyName::ALL.len();
    assert!(told.contains(&format!("{all} of {all} properties as expected")), "{told}");

    let events = kafsim(&["events", file, "kind=role-taken"]);
    assert_eq!(events.status.code(), Some(0), "{}", text(&events.stderr));
    assert_eq!(text(&events.stdout).lines().count(), 6, "{}", text(&events.stdout));

    // A changed byte is refused, and the file stays as it is.
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, &bytes).unwrap();
    for verb in ["replay", "check", "events"] {
        let output = kafsim(&[verb, file]);
        assert_eq!(output.status.code(), Some(2), "{verb}");
        let told = [text(&output.stdout), text(&output.stderr)].concat();
        assert!(told.contains("changed after it was written"), "{verb}: {told}");
    }
    assert_eq!(std::fs::read(file).unwrap(), bytes);
}

#[test]
fn exit_codes_tell_what_a_run_came_to() {
    let code = |faults: &str, arguments: &[&str]| {
        let (_folder, scenario) = small(faults);
        let output = kafsim(&[&["run", &scenario, "--no-record"][..], arguments].concat());
        (output.status.code().unwrap(), text(&output.stdout).to_owned())
    };
    let (as_expected, told) = code("", &[]);
    assert_eq!(as_expected, 0, "{told}");
    let (unexpected, told) = code("", &["--defect", "mutation-ack-before-in-sync"]);
    assert_eq!(unexpected, 1, "{told}");
    assert!(told.contains("quorum-superset            violated; expected: holds"), "{told}");
    let never = "[[fault]]\nat = \"1s\"\ncrash = { host = \"controller-3001\" }\n";
    let (usage, told) = code(never, &[]);
    assert_eq!(usage, 2, "{told}");
    let cut = "[[fault]]\nat = \"1s\"\nisolate = { host = \"broker-1\" }\nfor = \"2s\"\n";
    let (not_live, told) = code(cut, &["--set", "settle=10ms"]);
    assert_eq!(not_live, 4, "{told}");
    let claim = "[[claim]]\nproperty = \"lost-write\"\nexpect = \"violated\"\n";
    let (unseen, told) = code(claim, &[]);
    assert_eq!(unseen, 1, "{told}");
    let (stopped, told) = code(claim, &["--until", "2s"]);
    assert_eq!(stopped, 0, "a run that was stopped may yet have come to it: {told}");
    let idle = "[[fault]]\nat = \"1s\"\ncut = { between = [\"broker-1\", \"p\"] }\nfor = \"1us\"\n";
    let (vacuous, told) = code(idle, &[]);
    assert_eq!(vacuous, 6, "{told}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_leaves_no_half_file() {
    let (folder, scenario) = small("");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(cargo_bin!("kafsim"))
        .args(["run", &scenario, "--no-record"])
        .stdout(Stdio::from(full))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.starts_with("kafsim: cannot write to standard output: No space left"), "{told}");
    let nowhere = folder.path().join("no/folder/a.run");
    std::fs::write(folder.path().join("no"), "a file").unwrap();
    let output = kafsim(&["run", &scenario, "--out", nowhere.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no/folder"), "{}", text(&output.stderr));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_mistake_of_an_argument_is_told_once_and_by_its_name() {
    let told = |arguments: &[&str]| {
        let output = kafsim(&[&["run", README_SCENARIO, "--no-record"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        text(&output.stderr).to_owned()
    };
    let rate = told(&["--set", "producer.checkout.rate=abc"]);
    assert!(rate.starts_with("kafsim: `--set producer.checkout.rate=abc`: `rate`: "), "{rate}");
    assert!(!rate.contains(".toml"), "it stands in no file: {rate}");
    let nobody = told(&["--set", "producer.nobody.rate=1/s"]);
    assert_eq!(nobody.matches("there is no producer").count(), 1, "{nobody}");
    let defect = told(&["--defect", "kip-101"]);
    assert!(defect.starts_with("kafsim: `--defect kip-101`: "), "{defect}");
    assert!(defect.contains("did you mean `kip-101-truncate-to-high-watermark`?"), "{defect}");
}

/// Whatever is printed: a full disk is no success, and the message says what could not be done.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_stdout_is_told_for_every_verb() {
    let (folder, scenario) = small("");
    let file = folder.path().join("small.run");
    let file = file.to_str().unwrap();
    assert_eq!(kafsim(&["run", &scenario, "--out", file]).status.code(), Some(0));
    for arguments in [
        &["events", file][..],
        &["events", "--kinds"],
        &["defects"],
        &["properties", "--format", "json"],
        &["check", file],
        &["replay", file],
        &["run", &scenario, "--show-config"],
        &["--help"],
        &["run", "--help"],
        &["--version"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(cargo_bin!("kafsim"));
        let output = command.args(arguments).stdout(Stdio::from(full)).output().unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        let sentence = "kafsim: cannot write to standard output: No space left on device";
        assert!(told.starts_with(sentence), "{arguments:?}: {told}");
    }
}

#[test]
fn a_file_that_is_not_there_is_told_on_stderr() {
    for (verb, what) in [
        ("check", "give the path of a scenario (.toml) or of a run file (.run)"),
        ("run", "give the path of a scenario (.toml)"),
        ("sweep", "give the path of a scenario (.toml)"),
        ("replay", "give the path of a run file (.run)"),
        ("events", "give the path of a run file (.run)"),
    ] {
        let output = kafsim(&[verb, "nofile"]);
        assert_eq!(output.status.code(), Some(2), "{verb}");
        assert_eq!(text(&output.stdout), "", "{verb}");
        let told = text(&output.stderr);
        let sentence = format!("kafsim: there is no file `nofile`: {what}");
        assert!(told.starts_with(&sentence) && told.lines().count() == 1, "{verb}: {told}");
    }
    let output = kafsim(&["check", "scenarios", README_SCENARIO]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("`scenarios` is a folder"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(": valid: "), "the others are checked");
}

#[test]
fn what_help_says_of_logging_works() {
    let output = kafsim(&["--help"]);
    let help = text(&output.stdout);
    let asked = "kafsim=debug";
    assert!(help.contains(&format!("KAFSIM_LOG={asked}")), "{help}");
    let (_folder, scenario) = small("");
    let run = |log: &str| {
        let mut command = Command::new(cargo_bin!("kafsim"));
        let arguments = ["run", &scenario, "--no-record", "--until", "1s"];
        let output = command.args(arguments).env("KAFSIM_LOG", log).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stderr).to_owned()
    };
    assert_eq!(run("off"), "");
    let logged = run(asked);
    assert!(logged.contains("a phase begins") && !logged.contains('\u{1b}'), "{logged}");
    assert!(run("kafsim=loud").contains("KAFSIM_LOG is not understood"));
}

#[test]
fn events_that_cannot_be_are_refused() {
    let (folder, scenario) = small("");
    let file = folder.path().join("small.run");
    let file = file.to_str().unwrap();
    assert_eq!(kafsim(&["run", &scenario, "--out", file]).status.code(), Some(0));
    for (filter, sentence) in [
        ("partition=t-9", "the run has no partition `t-9`; it has __cluster_metadata-0, t-0, t-1"),
        (
            "host=broker-7",
            "the run has no host `broker-7`; it has controller-1, broker-1, broker-2, ",
        ),
        ("group=billing", "the run has no group `billing`; it has none"),
        ("time=3..1", "nothing lies in `time=3..1`"),
    ] {
        let output = kafsim(&["events", file, filter]);
        assert_eq!(output.status.code(), Some(2), "{filter}");
        assert_eq!(text(&output.stdout), "", "{filter}");
        let told = text(&output.stderr);
        assert!(told.starts_with(&format!("kafsim: {sentence}")), "{told}");
    }
    for filter in ["partition=t-1", "host=world", "host=broker-*", "time=1..3", "host=p"] {
        let output = kafsim(&["events", file, filter]);
        assert_eq!(output.status.code(), Some(0), "{filter}: {}", text(&output.stderr));
        assert!(!output.stdout.is_empty(), "{filter}");
    }
}

#[test]
fn a_sweep_tells_its_seeds_in_order_and_keeps_the_first_failure() {
    let (folder, scenario) = small("");
    let sweep = |jobs: &str, defect: &[&str]| {
        let lines = folder.path().join("lines.jsonl");
        let arguments = ["sweep", &scenario, "--seeds", "0..4", "--jobs", jobs, "--out"];
        let output = Command::new(cargo_bin!("kafsim"))
            .args(arguments)
            .arg(&lines)
            .args(defect)
            .current_dir(folder.path())
            .output()
            .unwrap();
        (output.status.code().unwrap(), text(&output.stdout).to_owned(), std::fs::read(lines))
    };
    let (code, told, lines) = sweep("1", &[]);
    assert_eq!(code, 0, "{told}");
    let seeds: Vec<u64> = text(&lines.unwrap())
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["seed"].as_u64().unwrap())
        .collect();
    assert_eq!(seeds, [0, 1, 2, 3]);
    let broken = ["--defect", "mutation-ack-before-in-sync"];
    let (code, told, lines) = sweep("3", &broken);
    assert_eq!(code, 1, "{told}");
    let again = sweep("1", &broken);
    assert_eq!((told.as_str(), lines.unwrap()), (again.1.as_str(), again.2.unwrap()));
    let kept: Vec<_> = std::fs::read_dir(folder.path().join("reports")).unwrap().collect();
    let [Ok(kept)] = kept.as_slice() else { panic!("one run file was kept: {kept:?}") };
    let name = kept.file_name().into_string().unwrap();
    assert!(name.starts_with("small-0-"), "the scenario as written has small-0.run: {name}");
    let kept = kept.path();
    let replay = kafsim(&["replay", kept.to_str().unwrap()]);
    assert_eq!(replay.status.code(), Some(0), "{}", text(&replay.stdout));
}
