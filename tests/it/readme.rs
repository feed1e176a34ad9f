//! The README shows what the program prints.
//!
//! Each command that is followed by a block of text is run; the lines of the block must be in what
//! it prints, in that order. `...` stands for what was left out. Numbers of events and fingerprints
//! move with every change of the program and are not compared.

use std::process::Command;

/// Commands and what the README says that they print.
fn examples(readme: &str) -> Vec<(String, Vec<String>)> {
    let mut examples = Vec::new();
    let mut command: Option<String> = None;
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
                let own = block.iter().find(|line| {
                    line.starts_with("kafsim ") || line.starts_with("cargo run --release -- ")
                });
                command = own.cloned().or(command);
            }
            ("text", Some(command)) => examples.push((command.clone(), block)),
            _ => {}
        }
    }
    examples
}

/// A line without what moves with every change of the program.
fn steady(line: &str) -> String {
    let words = line.split(' ').map(|word| match word.strip_prefix('e') {
        Some(number) if number.parse::<u64>().is_ok() => "e#",
        Some(_) | None => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

fn is_compared(line: &str) -> bool {
    let moves = ["fingerprint ", "world ", "properties "];
    line.trim() != "..." && !moves.iter().any(|start| line.starts_with(start))
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    let root = env!("CARGO_MANIFEST_DIR");
    let folder = tempfile::tempdir().unwrap();
    let copied = folder.path().join("scenarios/replication");
    std::fs::create_dir_all(&copied).unwrap();
    let scenario = "leader_crash.toml";
    let from = format!("{root}/scenarios/replication/{scenario}");
    std::fs::copy(from, copied.join(scenario)).unwrap();

    let readme = std::fs::read_to_string(format!("{root}/README.md")).unwrap();
    let examples = examples(&readme);
    assert!(examples.len() >= 3, "{examples:?}");
    for (command, shown) in examples {
        let words = command.trim_start_matches("kafsim ");
        let words = words.trim_start_matches("cargo run --release -- ");
        let output = Command::new(env!("CARGO_BIN_EXE_kafsim"))
            .args(words.split(' '))
            .current_dir(folder.path())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let mut printed = printed.lines().map(steady);
        for line in shown.iter().filter(|line| is_compared(line)) {
            let wanted = steady(line);
            assert!(
                printed.any(|line| line == wanted),
                "`{command}` does not print, or not in this place: {line}\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
