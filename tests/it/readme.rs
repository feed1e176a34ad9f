//! The README shows what the program prints.
//!
//! Each command that is followed by a block of text is run, after those before it in its own block;
//! the lines of the text must be in what it prints, in that order. `...` stands for what was left
//! out. Numbers of events and fingerprints move with changes of the program, and the README with them:
//! who types what it shows finds what it says.

use std::process::Command;

/// Commands and what the README says that the last of them prints.
fn examples(readme: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let mut examples = Vec::new();
    let mut command: Option<Vec<String>> = None;
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("## ") || line.starts_with("**") {
            // A block of text belongs to the last command of its own paragraph or section.
            command = command.filter(|_| line == "## One run");
        }
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<String> =
            lines.by_ref().take_while(|line| *line != "```").map(str::to_owned).collect();
        match (language, &command) {
            ("sh", _) => {
                let mut own = block;
                own.retain(|line| {
                    line.starts_with("kafsim ") || line.starts_with("cargo run --release -- ")
                });
                command = if own.is_empty() { command } else { Some(own) };
            }
            ("text", Some(command)) => examples.push((command.clone(), block)),
            _ => {}
        }
    }
    examples
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    let root = env!("CARGO_MANIFEST_DIR");
    let folder = tempfile::tempdir().unwrap();
    for scenario in ["replication/leader_crash.toml", "museum/kip_101.toml"] {
        let copy = folder.path().join("scenarios").join(scenario);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(format!("{root}/scenarios/{scenario}"), copy).unwrap();
    }

    let readme = std::fs::read_to_string(format!("{root}/README.md")).unwrap();
    let examples = examples(&readme);
    assert!(examples.len() >= 3, "{examples:?}");
    let run = |command: &str| {
        let words = command.trim_start_matches("kafsim ");
        let words = words.trim_start_matches("cargo run --release -- ");
        let mut kafsim = Command::new(env!("CARGO_BIN_EXE_kafsim"));
        kafsim.args(words.split(' ')).current_dir(folder.path()).output().unwrap()
    };
    for (commands, shown) in examples {
        let (command, before) = commands.split_last().unwrap();
        for command in before {
            run(command);
        }
        let output = run(command);
        let printed = String::from_utf8(output.stdout).unwrap();
        let mut printed = printed.lines();
        for line in shown.iter().filter(|line| line.trim() != "...") {
            assert!(
                printed.any(|printed| printed == line),
                "`{command}` does not print, or not in this place: {line}\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
