//! Holds the source tree to the rules of `docs/ARCHITECTURE.md`.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the tree should panic")]

use std::path::{Path, PathBuf};

/// Who may import whom: a folder of `src/`, and the folders whose face it may name. Read it from
/// the bottom up; nobody may name what stands below its own line.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "types", "scenario", "event", "trace", "history", "check", "sim", "report", "runtime",
            "explore", "testing",
        ],
    ),
    (
        "testing",
        &[
            "types", "scenario", "event", "trace", "history", "check", "sim", "report", "runtime",
            "explore",
        ],
    ),
    (
        "explore",
        &["types", "scenario", "event", "trace", "history", "check", "sim", "report", "runtime"],
    ),
    ("runtime", &["types", "event", "sim"]),
    ("report", &["types", "scenario", "event", "trace", "history", "check"]),
    ("sim", &["types", "message", "scenario", "event", "trace", "history", "check", "node"]),
    ("check", &["types", "event", "trace", "history"]),
    ("node", &["types", "message", "event", "log", "protocol"]),
    ("protocol", &["types", "message", "event", "log"]),
    ("history", &["types", "event"]),
    ("trace", &["types", "event"]),
    ("log", &["types", "message", "event"]),
    ("scenario", &["types"]),
    ("event", &["types"]),
    ("message", &["types"]),
    ("types", &[]),
];
/// The folders of `protocol/` that are data which all machines may read; the others are machines,
/// and do not name each other.
const PROTOCOL_DATA: &[&str] = &["machine", "image", "cluster", "assignor"];
/// The world's time: machines see their host's clocks only.
const MOMENT: (&str, &[&str]) = ("Moment", &["log", "protocol", "node", "message"]);
/// What only one folder may name.
const RUNTIME: (&[&str], &str) = (&["madsim", "tokio"], "runtime");
const LINES_MAX: usize = 800;
const COLUMNS_MAX: usize = 100;

#[test]
fn the_tree_keeps_the_rules() {
    let mut faults = Vec::new();
    for path in files(Path::new("src")) {
        // Built from viewer/, which has rules of its own.
        if path == Path::new("src/report/viewer.html") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix("src").unwrap().to_str().unwrap();
        faults.extend(check(name, &text).into_iter().map(|fault| format!("src/{name}: {fault}")));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn check(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut folders: Vec<&str> = name.split('/').collect();
    folders.pop();
    let is_face = name.ends_with("mod.rs") || name == "lib.rs";
    if text.lines().count() > LINES_MAX {
        faults.push(format!("more than {LINES_MAX} lines"));
    }
    if !text.starts_with("//!") {
        faults.push("the first line says what the file is for (`//!`)".to_owned());
    }
    // Unit tests stand at the end and may reach for whatever they need.
    let code = text.split("\n#[cfg(test)]").next().unwrap();
    for line in code.lines() {
        let import = line.trim_start_matches("pub ").strip_prefix("use ").unwrap_or("");
        let path: Vec<&str> = import.split("::").map(|part| part.trim_end_matches(';')).collect();
        if line.chars().count() > COLUMNS_MAX {
            faults.push(format!("more than {COLUMNS_MAX} columns: {line}"));
        }
        let words = |name: &str| line.match_indices(name).map(|(at, _)| at).collect::<Vec<_>>();
        let starts = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        for name in RUNTIME.0 {
            let named = words(&format!("{name}::")).into_iter().any(starts);
            if named && folders.first() != Some(&RUNTIME.1) {
                faults.push(format!("only src/{}/ names {name}: {line}", RUNTIME.1));
            }
        }
        // An upward path may also stand in the middle of code.
        for (other, _) in LAYERS.iter().filter(|_| !folders.is_empty() && import.is_empty()) {
            let named = words(&format!("crate::{other}::")).into_iter().any(starts);
            if named && *other != folders[0] && !may(folders[0], other) {
                faults.push(format!("src/{}/ may not name {other}: {line}", folders[0]));
            }
        }
        if is_face && defines(line) {
            faults.push(format!("a face declares and re-exports, it defines nothing: {line}"));
        }
        if path[0] == "super" && !is_face {
            faults.push(format!("imports start with `crate::`: {line}"));
        }
        if words(MOMENT.0).into_iter().any(starts)
            && folders.first().is_some_and(|folder| MOMENT.1.contains(folder))
        {
            faults.push(format!("src/{}/ may not know the world's time: {line}", folders[0]));
        }
        for at in words("crate::protocol::") {
            let named: String = line[at + "crate::protocol::".len()..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let own = folders.get(1).copied().unwrap_or_default();
            let lowercase = named.starts_with(char::is_lowercase);
            if folders.first() == Some(&"protocol")
                && lowercase
                && named != own
                && !PROTOCOL_DATA.contains(&named.as_str())
            {
                faults.push(format!("machines do not name each other: {line}"));
            }
        }
        if path[0] != "crate" || folders.is_empty() {
            continue;
        }
        let shared = path[1..].iter().zip(&folders).take_while(|(a, b)| a == b).count();
        let next = path.get(shared + 1).copied().unwrap_or("{");
        if shared == 0 && !may(folders[0], next) {
            faults.push(format!("src/{}/ may not import {next}: {line}", folders[0]));
        }
        // A face is for strangers, and it re-exports this very file. Inside its folder, name the
        // sibling that defines the thing: the reader sees where it lives, and no circle can close.
        if shared > 0 && next.starts_with(|c: char| c == '{' || c.is_uppercase()) && !is_face {
            faults.push(format!("name the file that defines it, not the face above: {line}"));
        }
    }
    faults
}

fn may(folder: &str, other: &str) -> bool {
    let layer = LAYERS.iter().find(|(name, _)| *name == folder);
    layer.is_some_and(|(_, allowed)| allowed.contains(&other))
}

fn defines(line: &str) -> bool {
    let line = line.trim_start_matches("pub ").trim_start_matches("pub(crate) ");
    ["struct ", "enum ", "trait ", "fn ", "impl", "const ", "static ", "type ", "macro_rules"]
        .iter()
        .any(|word| line.starts_with(word))
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort();
    found.into_iter().flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] }).collect()
}

#[test]
fn every_layer_stands_on_those_below() {
    for (at, (folder, allowed)) in LAYERS.iter().enumerate() {
        for other in *allowed {
            let below = LAYERS[at + 1..].iter().any(|(name, _)| name == other);
            assert!(below, "{folder} names {other}, which does not stand below it");
        }
    }
}

#[test]
fn each_rule_can_fail() {
    let bad = [
        ("protocol/raft/role.rs", "use crate::sim::Disk;"),
        ("protocol/raft/role.rs", "use crate::protocol::raft::Raft;"),
        ("protocol/raft/role.rs", "use crate::protocol::Machine;"),
        ("protocol/raft/role.rs", "use super::role::Role;"),
        ("node/broker.rs", "use madsim::time::sleep;"),
        ("node/broker.rs", "    let handle = tokio::spawn(task);"),
        ("protocol/raft/role.rs", "pub fn disk() -> crate::sim::Disk {"),
        ("protocol/mod.rs", "pub struct Raft;"),
        ("protocol/raft/role.rs", "use crate::protocol::controller::Controller;"),
        ("protocol/raft/role.rs", "    let at: Moment = now();"),
        ("report/text.rs", "use crate::sim::World;"),
        ("sim/world.rs", "use crate::report::Table;"),
        ("testing/pinned.rs", "use crate::node::Broker;"),
        ("explore/shrink.rs", "use crate::testing::Pinned;"),
    ];
    for (name, line) in bad {
        assert_eq!(check(name, &format!("//! Doc.\n{line}\n")).len(), 1, "{name}: {line}");
    }
    let good = [
        ("protocol/raft/role.rs", "use crate::protocol::machine::Machine;"),
        ("protocol/raft/role.rs", "use crate::types::{Epoch, Offset};"),
        ("runtime/coupled.rs", "use madsim::time::sleep;"),
        ("protocol/mod.rs", "pub use machine::Machine;"),
        ("report/text.rs", "use crate::history::Figures;"),
        ("testing/pinned.rs", "use crate::explore::Judgement;"),
        ("cli/run.rs", "use crate::report::Table;"),
    ];
    for (name, line) in good {
        assert_eq!(check(name, &format!("//! Doc.\n{line}\n")), Vec::<String>::new());
    }
}
