//! Transcripts: what the commands that look at a run print, each on the run of a small scenario.
//!
//! Each file of `tests/data/viewing/` is a scenario, a line `---- commands`, and commands with what
//! they print. `RUN` is the run file of seed 0, `OTHER` that of seed 1. The numbers of events tell
//! how many others there were, which is nobody's business here: `e#`. `REWRITE=1` writes them anew;
//! read the difference.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use kafsim::explore::{RunOptions, run_once, vocabulary};
use kafsim::scenario::Scenario;
use kafsim::trace::RunFile;

/// A transcript is there to be read.
const LINES_MAX: usize = 1000;
const COLUMNS_MAX: usize = 80;

/// `text` without the numbers of events.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('e') {
        let starts = !rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
        let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let ends = !rest[at + 1 + digits..].starts_with(|c: char| c.is_alphanumeric());
        out.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        if starts && digits > 1 && ends {
            out.push('#');
            rest = &rest[digits..];
        }
    }
    out.push_str(rest);
    let lines = out.lines().map(|line| {
        // Nor how many there are in all.
        let is_count = [" events, fingerprint ", " step by step: all ", " are the same, "]
            .iter()
            .any(|words| line.contains(words));
        if is_count { "    #\n".to_owned() } else { format!("{line}\n") }
    });
    lines.collect()
}

fn told(folder: &Path, command: &str) -> String {
    let mut words = Vec::new();
    let mut quoted = false;
    for part in command.split('\'') {
        match quoted {
            true => words.push(part.to_owned()),
            false => words.extend(part.split_whitespace().map(str::to_owned)),
        }
        quoted = !quoted;
    }
    assert_eq!(words.remove(0), "kafsim", "{command}");
    let output =
        Command::new(cargo_bin!("kafsim")).args(&words).current_dir(folder).output().unwrap();
    let mut text = without_numbers(std::str::from_utf8(&output.stdout).unwrap());
    let complaint = String::from_utf8(output.stderr).unwrap();
    text += &complaint
        .lines()
        .map(|line| format!("! {line}").trim_end().to_owned() + "\n")
        .collect::<String>();
    if output.status.code() != Some(0) {
        text += &format!("! exit {}\n", output.status.code().unwrap());
    }
    text
}

#[test]
fn transcripts_are_as_they_were() {
    let mut seen = 0;
    for entry in std::fs::read_dir("tests/data/viewing").unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (scenario, before) = text.split_once("\n---- commands\n").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("scenario.toml"), scenario).unwrap();
        for (seed, name) in [("0", "RUN"), ("1", "OTHER")] {
            let ran = Command::new(cargo_bin!("kafsim"))
                .args(["run", "scenario.toml", "--seed", seed, "--out", name])
                .current_dir(folder.path())
                .output()
                .unwrap();
            let complaint = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(folder.path().join(name).exists(), "{}: {complaint}", path.display());
        }
        let mut now = String::new();
        for command in before.lines().filter_map(|line| line.strip_prefix("$ ")) {
            let is_laid_out = !["events", "export"].iter().any(|verb| command.contains(verb));
            let answer = told(folder.path(), command);
            for line in answer.lines().filter(|_| is_laid_out) {
                let columns = line.chars().count();
                let is_free = line.starts_with('!') || line.trim_start().starts_with('"');
                assert!(columns <= COLUMNS_MAX || is_free, "{command}: {columns} columns: {line}");
                assert!(!line.ends_with(' '), "{command}: a space at the end of: {line}");
            }
            now += &format!("$ {command}\n{answer}");
            seen += 1;
        }
        assert!(now.lines().count() < LINES_MAX, "{}: too long", path.display());
        if std::env::var_os("REWRITE").is_some() {
            std::fs::write(&path, format!("{scenario}\n---- commands\n{now}")).unwrap();
        } else {
            assert_eq!(now, before, "{} (REWRITE=1 writes it anew)", path.display());
        }
    }
    assert!(seen >= 3);
}

/// Where two runs part is the first event that is not in both: not the first of its step.
#[test]
fn runs_part_at_the_first_event_that_differs() {
    let text = std::fs::read_to_string("tests/data/viewing/cut_off_leader.txt").unwrap();
    let (scenario, _) = text.split_once("\n---- commands\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("scenario.toml"), scenario).unwrap();
    let kafsim = |args: &[&str]| {
        let output =
            Command::new(cargo_bin!("kafsim")).args(args).current_dir(folder.path()).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    kafsim(&["run", "scenario.toml", "--out", "a.run"]);
    for (change, is_in_both) in [
        ("producer.shop.config.acks=all", true),
        ("config.broker.session.timeout.ms=3000", true),
        ("topic.orders.config.retention.bytes=1000000", true),
    ] {
        kafsim(&["run", "scenario.toml", "--out", "b.run", "--set", change]);
        let told = kafsim(&["diff", "a.run", "b.run", "--format", "json"]);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let lines = [0, 1].map(|place| {
            let line = told["first"][place]["line"].as_str();
            line.and_then(|line| Some(line.split_once(' ')?.1.to_owned()))
        });
        assert_eq!(lines.iter().all(Option::is_some), is_in_both, "{change}: {lines:?}");
        assert_ne!(lines[0], lines[1], "{change}");
        // Words say it too: what only a field tells apart stands behind them.
        let words = [0, 1].map(|place| {
            let words = told["first"][place]["words"].as_str().unwrap();
            words.split_once(' ').unwrap().1.to_owned()
        });
        assert_ne!(words[0], words[1], "{change}");
        let text = kafsim(&["diff", "a.run", "b.run"]);
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.iter().all(|words| flat.contains(words)), "{change}: {words:?}: {text}");
        // Before it the runs are the same, line for line.
        let events = ["a.run", "b.run"].map(|file| kafsim(&["events", file]));
        let [one, other] = events.each_ref().map(|text| text.lines());
        let same = one.zip(other).take_while(|(a, b)| a == b).count() as u64;
        assert!(same > 100, "{change}: {same}");
        let first = [0, 1].map(|place| told["first"][place]["event"].as_u64().unwrap());
        // A step that comes later in the other is found there.
        assert_eq!(first.into_iter().min(), Some(same), "{change}");
    }
}

/// A title may be long; and a folder that was not there may be a slip of the pen.
#[test]
fn a_title_is_broken_and_a_new_folder_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let title = "what a producer does ".repeat(7);
    let scenario = format!(
        "version = 1\ntitle = \"{title}\"\nduration = \"1s\"\n[cluster]\nbrokers = 1\n\
         controllers = 1\n[[topic]]\nname = \"orders\"\n"
    );
    std::fs::write(folder.path().join("a.toml"), scenario).unwrap();
    let kafsim = |args: &[&str]| {
        let output =
            Command::new(cargo_bin!("kafsim")).args(args).current_dir(folder.path()).output();
        let output = output.unwrap();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let [_, complaint] = kafsim(&["run", "a.toml"]);
    assert_eq!(complaint, "", "nobody named the folder of results");
    let [text, _] = kafsim(&["timeline", "reports/a-0.run"]);
    assert!(text.lines().all(|line| line.chars().count() <= COLUMNS_MAX), "{text}");
    let export = ["export", "reports/a-0.run", "--to", "csv", "--out", "typo/a.csv"];
    let [_, complaint] = kafsim(&export);
    assert_eq!(complaint, "kafsim: the folder `typo` was not there and is made\n");
    let [_, complaint] = kafsim(&export);
    assert_eq!(complaint, "", "now it is there");
}

/// A run of the scenario at the head of a transcript.
fn recorded(transcript: &str) -> RunFile {
    let text = std::fs::read_to_string(format!("tests/data/viewing/{transcript}.txt")).unwrap();
    let (text, _) = text.split_once("\n---- commands\n").unwrap();
    let scenario = Scenario::read("a.toml", text, &[], &[], &vocabulary()).unwrap();
    let options = RunOptions { record: true, ..RunOptions::default() };
    let recording = run_once(&scenario, 0, &options).run_file.unwrap();
    RunFile::read(&recording.to_vec()).unwrap()
}

/// Faults befall many hosts, states have long names: what is too wide goes on below.
#[test]
fn no_line_of_a_state_is_wider_than_a_page() {
    use kafsim::report::{At, GroupState, State, fold_up_to};

    let mut broken = 0;
    for path in [
        "scenarios/replication/bridge.toml",
        "scenarios/controller/majorities_ring.toml",
        "scenarios/museum/kip_320.toml",
        "scenarios/museum/kafka_15021.toml",
        "scenarios/lessons/find_it_yourself.toml",
        "scenarios/lessons/two_owners.toml",
    ] {
        let text = std::fs::read_to_string(path).unwrap();
        let scenario = Scenario::read(path, &text, &[], &[], &vocabulary()).unwrap();
        let options = RunOptions { record: true, ..RunOptions::default() };
        let recording = run_once(&scenario, 0, &options).run_file.unwrap();
        let file = RunFile::read(&recording.to_vec()).unwrap();
        let events = file.events().unwrap().map(|event| event.unwrap());
        let faults = events.filter(|event| event.kind.name() == "fault-began");
        let at: Vec<u64> = faults.map(|event| event.index + 2).collect();
        assert!(!at.is_empty(), "{path} has faults");
        for event in at {
            let (model, last) = fold_up_to(&file, At::Event(event)).unwrap();
            let mut text = State::of(&model, last).text();
            let (groups, ..) = GroupState::of(&file, At::Event(event), &[]).unwrap();
            groups.iter().for_each(|group| text += &group.text());
            for line in text.lines() {
                assert!(line.chars().count() <= COLUMNS_MAX, "{path} e{event}: {line}");
                broken += usize::from(line.starts_with(&" ".repeat(20)));
            }
        }
    }
    assert!(broken >= 4, "some would be wider: {broken}");
}

/// Who owns the partition on a line is who owns it in the state of the group.
#[test]
fn a_timeline_shows_the_owners_that_the_group_has() {
    use kafsim::report::{At, GroupState, Timeline, Window};
    use std::collections::BTreeSet;

    let file = recorded("members_come_and_go");
    let window = Window { partition: Some("orders-1".to_owned()), ..Window::default() };
    let timeline = Timeline::of(&file, &window).unwrap();
    assert_eq!(timeline.groups, ["billing"]);
    let mut seen = BTreeSet::new();
    // The line of a fault shows what it does to processes a step later.
    for line in timeline.lines.iter().filter(|line| line.mark != '!') {
        let names = ["billing".to_owned()];
        let Ok((groups, _, _)) = GroupState::of(&file, At::Event(line.event), &names) else {
            assert_eq!(line.owners, [Vec::<String>::new()], "{line:?}");
            continue;
        };
        let known = groups[0].partitions.iter().find(|it| it.partition == timeline.partition);
        let owners = known.map(|it| it.owners.clone()).unwrap_or_default();
        assert_eq!(line.owners, std::slice::from_ref(&owners), "{line:?}");
        seen.insert(owners);
    }
    assert!(seen.len() > 2, "the partition goes from one to another: {seen:?}");
}

/// The line of a group within a state says what the group's own tables do.
#[test]
fn a_state_has_a_line_for_each_group() {
    use kafsim::report::{At, GroupState, State, fold_up_to};

    let text = std::fs::read_to_string("scenarios/lessons/two_owners.toml").unwrap();
    let scenario = Scenario::read("a.toml", &text, &[], &[], &vocabulary()).unwrap();
    let options = RunOptions { record: true, ..RunOptions::default() };
    let recording = run_once(&scenario, 0, &options).run_file.unwrap();
    let file = RunFile::read(&recording.to_vec()).unwrap();
    let last = file.events().unwrap().count() as u64 - 1;
    let (mut twice, mut states) = (0, std::collections::BTreeSet::new());
    for event in (0..=60).map(|part| last * part / 60) {
        let (model, _) = fold_up_to(&file, At::Event(event)).unwrap();
        let state = State::of(&model, event);
        let [line] = state.groups.as_slice() else { panic!("e{event}: {:?}", state.groups) };
        let known = GroupState::of(&file, At::Event(event), &["billing".to_owned()]);
        let Ok((whole, ..)) = known else {
            assert_eq!((line.owned, &line.epochs), (0, &vec![]), "e{event}");
            continue;
        };
        let counts = whole[0].partitions.iter().map(|it| it.owners.len());
        let owned: Vec<usize> = counts.filter(|count| *count > 0).collect();
        let twice_owned = owned.iter().filter(|count| **count > 1).count();
        assert_eq!([line.owned, line.owned_twice], [owned.len(), twice_owned], "e{event}");
        let mut stand: Vec<_> = whole[0].members.iter().map(|member| member.state).collect();
        stand.sort_unstable();
        stand.dedup();
        assert_eq!(line.states, stand, "e{event}");
        assert!(line.epochs.iter().all(|it| whole[0].members.iter().any(|of| of.epoch == *it)));
        assert!(line.members <= whole[0].members.len());
        twice += line.owned_twice;
        states.extend(stand);
        let cells = format!("\nbilling  {}  ", line.members);
        assert!(state.text().contains(&cells), "e{event}: {}", state.text());
    }
    assert!(twice > 0 && states.len() > 1, "a zombie, and a rebalance: {twice} {states:?}");
}

/// An epoch of KIP-848 decides anew only what changes; a timeline tells all that holds in it.
#[test]
fn an_epoch_assigns_every_partition() {
    use kafsim::report::{Timeline, Window};

    let text = "version = 1\ntitle = \"t\"\nduration = \"20s\"\n[cluster]\nbrokers = 3\n\
                controllers = 1\n[[topic]]\nname = \"orders\"\npartitions = 3\n[[group]]\n\
                name = \"billing\"\nmembers = 3\ntopics = [\"orders\"]\n\
                config = { group.protocol = \"consumer\" }\n\
                scale = [{ at = \"8s\", members = 1 }, { at = \"10s\", members = 3 }]\n";
    let scenario = Scenario::read("a.toml", text, &[], &[], &vocabulary()).unwrap();
    let options = RunOptions { record: true, ..RunOptions::default() };
    let recording = run_once(&scenario, 0, &options).run_file.unwrap();
    let file = RunFile::read(&recording.to_vec()).unwrap();
    let window = Window { partition: Some("orders-1".to_owned()), ..Window::default() };
    let timeline = Timeline::of(&file, &window).unwrap();
    let told: Vec<_> =
        timeline.lines.iter().filter_map(|line| line.text.split_once(" assigns ")).collect();
    for (epoch, owners) in &told {
        let shares = owners.split("; ").map(|share| {
            let (member, numbers) = share.split_once(": orders ").unwrap();
            assert!(member.starts_with("billing-"), "{owners}");
            numbers.split(", ")
        });
        let mut numbers: Vec<_> = shares.flatten().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, ["0", "1", "2"], "{epoch} assigns {owners}");
    }
    assert!(told.len() >= 3, "members come and go: {told:?}");
}

/// So is one of the timeline of the quorum; and its log has the ends that the state has.
#[test]
fn a_timeline_of_the_quorum_shows_what_the_state_does() {
    use kafsim::report::{At, Logs, Offsets, State, Timeline, Window};
    use kafsim::trace::Model;
    use std::sync::Arc;

    let file = recorded("quorum_fails_over");
    let name = "__cluster_metadata-0";
    let window = Window { partition: Some(name.to_owned()), ..Window::default() };
    let timeline = Timeline::of(&file, &window).unwrap();
    assert_eq!(timeline.columns, ["c1", "c2", "c3"]);
    let mut lines = timeline.lines.iter().peekable();
    let mut model = Model::new(Arc::new(file.header.setup.clone()));
    let mut seen = Vec::new();
    for event in file.events().unwrap() {
        let event = event.unwrap();
        model.apply(&event);
        while let Some(line) = lines.next_if(|line| line.event == event.index) {
            let quorum = State::of(&model, event.index).quorum;
            for (place, sign) in line.replicas.iter().enumerate() {
                let member = &quorum.members[place];
                assert_eq!(timeline.brokers[place], member.node);
                let letter = match (member.role, sign.chars().last()) {
                    (_, Some('#' | '=')) | (None, Some('-')) => continue,
                    (Some("leader"), letter) => {
                        let newest = line.leader_epoch == member.leader_epoch;
                        assert_eq!(letter, Some(if newest { 'L' } else { 'l' }), "{line:?}");
                        continue;
                    }
                    (Some(role), letter) => (role, letter),
                    (None, letter) => panic!("{letter:?} has no part: {line:?}"),
                };
                let known = [("follower", 'f'), ("candidate", 'c'), ("prospective", 'p')];
                let known = known.into_iter().chain([("unattached", '?'), ("resigned", 'r')]);
                assert!(
                    known.map(|(role, it)| (role, Some(it))).any(|it| it == letter),
                    "{line:?}"
                );
                seen.push(letter);
            }
            if line.replicas.iter().any(|sign| sign.ends_with('L')) {
                let newest = quorum.members[..3].iter().filter(|it| it.role == Some("leader"));
                let leader = newest.max_by_key(|it| it.leader_epoch).unwrap();
                assert_eq!(line.high_watermark, leader.high_watermark, "{line:?}");
                let logs = Logs::of(&file, At::Event(event.index), name, Offsets::default());
                let last = logs.unwrap().rows.last().unwrap().below;
                let end = quorum.members.iter().map(|it| it.log_end_offset).max();
                assert_eq!(end, Some(last), "{line:?}");
            }
        }
    }
    assert!(lines.next().is_none(), "each line is of an event");
    assert!(seen.contains(&("candidate", Some('c'))) && seen.contains(&("resigned", Some('r'))));
}

/// A line of a timeline is the state after its event, also where a high watermark goes back.
#[test]
fn a_timeline_shows_what_the_state_does() {
    use kafsim::explore::{RunOptions, run_once, vocabulary};
    use kafsim::report::{State, Timeline, Window};
    use kafsim::scenario::Scenario;
    use kafsim::trace::{Model, RunFile};
    use std::sync::Arc;

    let path = "scenarios/lessons/unclean_election.toml";
    let text = std::fs::read_to_string(path).unwrap();
    let scenario = Scenario::read(path, &text, &[], &[], &vocabulary()).unwrap();
    let options = RunOptions { record: true, ..RunOptions::default() };
    let recording = run_once(&scenario, 0, &options).run_file.unwrap();
    let file = RunFile::read(&recording.to_vec()).unwrap();
    for all in [false, true] {
        let window = Window { all, ..Window::default() };
        let timeline = Timeline::of(&file, &window).unwrap();
        let mut lines = timeline.lines.iter().peekable();
        let mut model = Model::new(Arc::new(file.header.setup.clone()));
        let (mut highest, mut has_gone_back, mut has_gone, mut leader) = (0, false, false, None);
        for event in file.events().unwrap() {
            let event = event.unwrap();
            model.apply(&event);
            while let Some(line) = lines.next_if(|line| line.event == event.index) {
                let state = State::of(&model, event.index);
                let mut partitions = state.partitions.iter();
                let known = partitions.find(|it| it.topic == "orders").unwrap();
                let replica =
                    |id: i32| known.replicas.iter().find(|replica| replica.broker == id).unwrap();
                let ends: Vec<_> =
                    timeline.brokers.iter().map(|id| Some(replica(*id).log_end_offset)).collect();
                assert_eq!(line.log_end_offsets, ends, "{line:?}");
                let isr = known.committed.as_ref().map(|it| it.isr.clone()).unwrap_or_default();
                assert_eq!(line.isr, isr, "{line:?}");
                let leads = line.replicas.iter().position(|sign| sign.ends_with('L'));
                leader = leads.map(|place| timeline.brokers[place]).or(leader);
                let Some(leader) = leader else { continue };
                // The line of a fault shows what it does to processes, which comes after its event.
                let place = timeline.brokers.iter().position(|id| *id == leader).unwrap();
                let is_down = line.replicas[place].ends_with('#');
                let known = replica(leader).high_watermark.filter(|_| !is_down);
                assert_eq!(line.high_watermark, known, "{line:?}");
                has_gone |= line.high_watermark.is_none();
                has_gone_back |= line.high_watermark.is_some_and(|it| it < highest);
                highest = highest.max(line.high_watermark.unwrap_or_default());
            }
        }
        assert_eq!(lines.next(), None, "every line is compared");
        assert!(has_gone_back, "an unclean election takes records away");
        assert!(has_gone, "that of a process that is down is nowhere");
    }
}

/// The partitions of `__consumer_offsets` come last, and of those that are empty only how many.
#[test]
fn a_state_puts_what_kafka_keeps_for_itself_last() {
    use kafsim::explore::{RunOptions, run_once, vocabulary};
    use kafsim::report::{At, State, fold_up_to};
    use kafsim::trace::RunFile;

    let text = std::fs::read_to_string("tests/data/viewing/members_come_and_go.txt").unwrap();
    let (scenario, _) = text.split_once("\n---- commands\n").unwrap();
    // A broker that is gone for longer than its session leaves the in-sync sets.
    let crash = "[[fault]]\nat = \"8s\"\ncrash = { host = \"broker-2\" }\n";
    let scenario = format!("{scenario}\n{crash}");
    let scenario = Scenario::read("s.toml", &scenario, &[], &[], &vocabulary());
    let options = RunOptions { record: true, ..RunOptions::default() };
    let executed = run_once(&scenario.unwrap(), 0, &options);
    let file = RunFile::read(&executed.run_file.unwrap().to_vec()).unwrap();
    let (mut held, mut broken) = (0, 0);
    let last = file.events().unwrap().count() as u64 - 1;
    for event in (0..=40).map(|part| last * part / 40) {
        let (model, event) = fold_up_to(&file, At::Event(event)).unwrap();
        let state = State::of(&model, event);
        let (own, internal): (Vec<_>, Vec<_>) =
            state.partitions.iter().partition(|it| it.topic != "__consumer_offsets");
        let text = state.text();
        let after = text.split_once("\nTopic: __consumer_offsets  PartitionCount: ");
        assert_eq!(after.is_some(), !internal.is_empty(), "e{event}");
        let Some((before, after)) = after else { continue };
        assert_eq!(before.matches("\nTopic: ").count(), own.len(), "e{event}");
        let count = |is_so: &dyn Fn(&kafsim::report::Partition) -> bool| {
            internal.iter().filter(|it| is_so(it)).count()
        };
        let empty = count(&|it| it.replicas.iter().all(|replica| replica.log_end_offset == 0));
        let of = |it: &kafsim::report::Partition| it.committed.clone();
        let under = count(&|it| of(it).is_some_and(|it| it.replicas.len() > it.isr.len()));
        let leaderless = count(&|it| of(it).and_then(|it| it.leader).is_none());
        let line = format!(
            "{}\n  UnderReplicated: {under}  Unavailable: {leaderless}  Empty: {empty}\n",
            internal.len()
        );
        assert!(after.starts_with(&line), "e{event}: {after}");
        assert_eq!(after.matches("\nTopic: __consumer_offsets").count(), internal.len() - empty);
        assert!(!after.contains("Topic: orders"), "e{event}");
        held += internal.len() - empty;
        broken += under.min(empty);
    }
    assert!(held > 0 && broken > 0, "{held} {broken}");
}

/// Anything that reads back as events: a run file may have been made by anybody.
#[test]
fn events_that_no_run_can_have_are_shown_without_a_panic() {
    use kafsim::event::{Event, Kind, Reader, StepName};
    use kafsim::report::{At, Logs, Offsets, State, Timeline, Window, fold_up_to};
    use kafsim::trace::{Header, HostSetup, Part, RunFile, Setup, Writer};
    use kafsim::types::{BrokerId, HostId, Moment};
    use proptest::prelude::*;

    let hosts = ["broker-1", "broker-2", "controller-1"].iter().zip(1..);
    let hosts = hosts.map(|(name, id)| HostSetup {
        name: (*name).into(),
        part: if id < 3 { Part::Broker(BrokerId(id)) } else { Part::Controller(BrokerId(id)) },
    });
    let setup = Setup { hosts: hosts.collect(), ..Setup::default() };
    // Small numbers meet each other; large ones are where sums overflow.
    let byte = prop_oneof![20 => Just(0_u8), 6 => 1_u8..4, 1 => Just(0xff), 1 => Just(0x7f), 1 => any::<u8>()];
    let event = (
        proptest::sample::select(Kind::TABLE.iter().map(|info| info.number).collect::<Vec<_>>()),
        proptest::collection::vec(byte, 150),
        proptest::option::of(0_u16..4),
        0_u64..3,
    );
    let strategy = proptest::collection::vec(event, 1..60);
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(
        proptest::test_runner::RngAlgorithm::ChaCha,
    );
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(config, rng);
    runner
        .run(&strategy, |rows| {
            let mut writer = Writer::new();
            let mut at = 0;
            let mut index = 0;
            for (number, bytes, host, step) in rows {
                let Some(kind) = Kind::decode(number, &mut Reader(&bytes)) else { continue };
                at += step;
                let step = StepName { lane: u64::from(number), n: index };
                let (host, at) = (host.map(HostId), Moment(at));
                let cause = index.checked_sub(1);
                writer.add_digested(&Event { index, at, host, step, cause, about: cause, kind });
                index += 1;
            }
            let header = Header { setup: setup.clone(), ..Header::default() };
            let file = RunFile::read(&writer.finish(&header).to_vec()).unwrap();
            if let Ok((model, event)) = fold_up_to(&file, At::End) {
                let state = State::of(&model, event);
                let _ = state.text();
                let names =
                    state.partitions.iter().map(|it| format!("{}-{}", it.topic, it.partition));
                for name in names.chain(["__cluster_metadata-0".to_owned()]) {
                    let window = Window { partition: Some(name.clone()), all: true, ..window() };
                    if let Ok(timeline) = Timeline::of(&file, &window) {
                        let _ = timeline.text(80);
                    }
                    if let Ok(logs) = Logs::of(&file, At::End, &name, Offsets::default()) {
                        let _ = logs.text();
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    fn window() -> Window {
        Window { from: i64::MIN, ..Window::default() }
    }
}
