//! Lessons: what they say is what their runs show, and one that says something else is refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;

fn kafsim(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(cargo_bin!("kafsim")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The lessons of the repository, by their names.
fn names() -> Vec<String> {
    let folder = std::fs::read_dir("scenarios/lessons").unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    let notes = paths.filter(|path| path.extension().is_some_and(|it| it == "lesson"));
    let mut names: Vec<_> =
        notes.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The head of a page.
fn head(page: &str) -> serde_json::Value {
    let (_, from) = page.split_once("id=\"run-head\">").unwrap();
    serde_json::from_str(from.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn every_lesson_says_what_its_run_shows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let (code, _, complaints) = kafsim(&["lessons", "--build", path]);
    assert_eq!(code, Some(0), "{complaints}");
    let index = std::fs::read_to_string(folder.path().join("index.html")).unwrap();
    for name in names() {
        let page = std::fs::read_to_string(folder.path().join(format!("{name}.html"))).unwrap();
        let lesson = &head(&page)["lesson"];
        let notes = lesson["notes"].as_array().unwrap();
        assert!(notes.len() >= 3, "{name} has notes to step through");
        for note in notes {
            let text = note.to_string();
            let asks = note["question"].is_string() && note["answer"].is_string();
            assert!(asks, "{name}: each note asks, and answers: {text}");
            assert!(
                !text[1..text.len() - 1].contains(['{', '}']),
                "{name}: a fact is left: {text}"
            );
        }
        let text = std::fs::read_to_string(format!("scenarios/lessons/{name}.lesson")).unwrap();
        let second = page.contains("id=\"run-head-2\"");
        assert_eq!(second, text.contains("[compare]"), "{name}: two runs where it compares two");
        let title = lesson["title"].as_str().unwrap();
        assert!(index.contains(&format!("<a href=\"{name}.html\">{title}</a>")), "{name}");
        assert!(folder.path().join(format!("{name}.toml")).exists());
        assert!(!page.contains("scenarios/lessons/"), "{name}: a command for another folder");
    }
}

/// A fault begins an event before what it does to a process: a note there would say "dead" beside a
/// state that says "up".
#[test]
fn a_note_of_a_death_stands_where_the_state_has_it() {
    for name in names() {
        let text = std::fs::read_to_string(format!("scenarios/lessons/{name}.lesson")).unwrap();
        let plan: toml::Value = toml::from_str(&text).unwrap();
        for note in plan["note"].as_array().unwrap() {
            let event = note["event"].as_str().unwrap();
            let is_early = event.contains("kind=fault-began")
                && ["verb=crash", "verb=stop", "verb=pause"].iter().any(|it| event.contains(it));
            assert!(!is_early, "{name}: put the note at the host's event: {event}");
            let Some(broker) = event.strip_prefix("kind=host-stopped host=broker-") else {
                continue;
            };
            let checks = note["check"].as_array().unwrap().iter();
            let wanted = format!("status {broker} = down");
            let is_checked = checks.into_iter().any(|check| check.as_str() == Some(&wanted));
            assert!(is_checked, "{name}: {event} does not check `{wanted}`");
        }
    }
}

/// A folder is copied to where nothing else is: what its pages tell to type must work in it.
#[test]
fn the_commands_of_a_folder_work_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert_eq!(kafsim(&["lessons", "find_it_yourself", "--build", path]).0, Some(0));
    let page = std::fs::read_to_string(folder.path().join("find_it_yourself.html")).unwrap();
    let head = head(&page);
    let mut commands: Vec<String> = Vec::new();
    for note in head["lesson"]["notes"].as_array().unwrap() {
        let lines = note["text"].as_str().unwrap().lines();
        let lines = lines.filter_map(|line| line.strip_prefix("  "));
        commands.extend(lines.map(str::to_owned));
    }
    assert!(commands.len() > 10, "{commands:?}");
    commands.push(head["again"].as_str().unwrap().to_owned());
    let again = head["explanations"][0]["again"].as_array().unwrap();
    let again = again.iter().map(|command| command.as_str().unwrap());
    // One opens a browser.
    commands.extend(again.filter(|it| !it.contains(" view ")).map(str::to_owned));
    for command in commands {
        let plain = command.replace('\'', "");
        let words: Vec<&str> = plain.split_whitespace().collect();
        assert_eq!(words[0], "kafsim", "{command}");
        let output = Command::new(cargo_bin!("kafsim"))
            .args(&words[1..])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        // 1 says that a claim was not met, and 2 that the command cannot be understood.
        assert!(matches!(output.status.code(), Some(0 | 1)), "{command}: {complaint}");
    }
}

/// Whoever has only the program has no folder of scenarios: what a terminal tells to type must work
/// all the same.
#[test]
fn the_commands_of_a_lesson_in_the_terminal_work_where_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(cargo_bin!("kafsim"));
        command.current_dir(folder.path()).args(arguments).output().unwrap()
    };
    for name in ["acked_and_gone", "find_it_yourself"] {
        let played = run(&["lessons", name, "--all"]);
        let text = String::from_utf8(played.stdout).unwrap();
        let command = |line: &str| {
            let line = line.strip_prefix("run it").unwrap_or(line).trim_start();
            line.starts_with("kafsim ").then(|| line.replace('\'', ""))
        };
        let commands: Vec<String> = text.lines().filter_map(command).collect();
        assert!(commands.contains(&format!("kafsim run {name}")), "{name}: {commands:?}");
        for command in commands {
            let mut words: Vec<&str> = command.split_whitespace().skip(1).collect();
            // That it finds its scenario is soon seen.
            if words[0] == "run" && !words.contains(&"--out") {
                words.extend(["--until", "1ms"]);
            }
            let output = run(&words);
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{command}: {complaint}");
        }
    }
}

#[test]
fn a_lesson_is_played_as_plain_text_where_nobody_looks() {
    let (code, text, _) = kafsim(&["lessons", "1"]);
    assert_eq!(code, Some(0));
    assert!(text.starts_with("Lesson 1 of "), "{text}");
    for part in ["\n1/", "\n  ? ", "\n  > ", "  BROKER  STATUS", "\nrun it    kafsim run "] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert!(!text.contains('\u{1b}'));
    let is_command = |line: &str| line.contains("kafsim ") || line.contains("--set");
    for line in text.lines().filter(|line| !is_command(line)) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let (code, list, _) = kafsim(&["lessons"]);
    assert_eq!(code, Some(0));
    for name in names() {
        assert!(list.contains(&format!("{name}: ")), "{name} is listed");
    }
}

/// What a lesson has a student try is no failure when it comes as it was foretold. Whoever wants a
/// claim to hold with a change says so with the change.
#[test]
fn a_run_to_try_that_works_is_no_failure() {
    let run = |more: &[&str]| {
        let scenario = "scenarios/lessons/acked_and_gone.toml";
        let all = ["run", scenario, "--no-record", "--set", "producer.checkout.config.acks=all"];
        kafsim(&[&all, more].concat())
    };
    let (code, text, complaint) = run(&[]);
    assert_eq!((code, complaint.as_str()), (Some(0), ""), "{text}");
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("not exercised; expected without the change: violated"), "{text}");
    assert!(flat.contains("outcome with the change acks-one-durability is not exercised again"));
    let (code, text, _) = run(&["--set", "claim.acks-one-durability.expect=violated"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("outcome      a claim was not met: acks-one-durability\n"), "{text}");
}

/// A lesson of one's own, over the shortest scenario, with this instead of a check.
fn own(folder: &Path, note: &str) -> (Option<i32>, String) {
    let scenario = "version = 1\ntitle = \"t\"\nduration = \"1s\"\n[cluster]\nbrokers = 1\n\
        controllers = 1\n[[topic]]\nname = \"orders\"\n[[producer]]\nname = \"checkout\"\n\
        topic = \"orders\"\nrate = \"10/s\"\nconfig = { batch.size = 1 }\n[[claim]]\nproperty = \"acked-durability\"\n";
    let notes = format!(
        "version = 1\ntitle = \"mine\"\nsummary = \"s\"\npartition = \"orders-0\"\n[[note]]\n\
         title = \"n\"\ntext = \"ends at {{leo 1}}\"\n{note}\n"
    );
    std::fs::write(folder.join("mine.toml"), scenario).unwrap();
    let path = folder.join("mine.lesson");
    std::fs::write(&path, notes).unwrap();
    let (code, text, complaints) = kafsim(&["lessons", path.to_str().unwrap()]);
    (code, text + &complaints)
}

/// The scenario of one's own lesson goes beside its page, and takes no other's place.
#[test]
fn a_folder_has_the_scenario_of_a_lesson_of_ones_own() {
    let [from, to] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (code, text) = own(from.path(), "event = 'kind=log-appended partition=orders-0'");
    assert_eq!(code, Some(0), "{text}");
    let notes = from.path().join("mine.lesson");
    let build =
        |to: &Path| kafsim(&["lessons", notes.to_str().unwrap(), "--build", to.to_str().unwrap()]);
    let scenario = std::fs::read(from.path().join("mine.toml")).unwrap();
    for folder in [from.path(), to.path()] {
        assert_eq!(build(folder).0, Some(0));
        assert_eq!(std::fs::read(folder.join("mine.toml")).unwrap(), scenario);
        let page = std::fs::read_to_string(folder.join("mine.html")).unwrap();
        assert_eq!(head(&page)["again"], "kafsim run mine.toml");
    }
    std::fs::write(to.path().join("mine.toml"), "another").unwrap();
    let (code, _, complaint) = build(to.path());
    assert_eq!(code, Some(2), "{complaint}");
    assert!(complaint.contains("is another scenario"), "{complaint}");
    assert_eq!(std::fs::read(to.path().join("mine.toml")).unwrap(), b"another");
}

#[test]
fn a_lesson_that_its_run_does_not_bear_out_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let event = "event = 'kind=log-appended partition=orders-0'\nnth = 3";
    let (code, text) = own(folder.path(), &format!("{event}\ncheck = ['leo 1 = 3']"));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("ends at 3"), "{text}");
    for (note, complaint) in [
        (format!("{event}\ncheck = ['leo 1 = 4']"), "`leo 1 = 4` is not so: leo 1 is 3, 4"),
        (format!("{event}\ncheck = ['leo 1 > leo 1']"), "is not so"),
        (format!("{event}\ncheck = ['leo 7 = 3']"), "broker 7 has no replica of it"),
        (format!("{event}\ncheck = ['.colour = red']"), "has no field `colour`"),
        (format!("{event}\nquestion = '{{leo 1 @elected}}'"), "no [[mark]] named `elected`"),
        (format!("{event}\nanswer = '{{lio 1}}'"), "`lio 1` is no fact"),
        ("event = 'kind=log-truncated'".to_owned(), "no event of the run passes"),
        (
            format!("{event}\n[[note]]\ntitle = 'm'\ntext = 't'\nevent = 'kind=log-appended'"),
            "lies before",
        ),
        (
            format!(
                "{event}\n[[try]]\nset = ['claim.acked-durability.expect=violated']\n\
                     property = 'acked-durability'\nresult = 'holds'\ntext = 't'"
            ),
            "`kafsim run` says of it: a claim was not met",
        ),
    ] {
        let (code, text) = own(folder.path(), &note);
        assert_eq!(code, Some(1), "{note}: {text}");
        assert!(text.contains(complaint), "{note}: {text}");
    }
    for note in ["event = 'kind=log-appended'\nrun = 1", "event = 'a=b'\ncolour = 'red'"] {
        assert_eq!(own(folder.path(), note).0, Some(2), "{note}");
    }
    assert_eq!(kafsim(&["lessons", "alchemy"]).0, Some(2));
    let (code, _, complaint) = kafsim(&["run", "scenarios/lessons/two_owners.lesson"]);
    assert_eq!(code, Some(2));
    assert!(complaint.contains("`kafsim lessons scenarios/lessons/two_owners.lesson`"));
}
