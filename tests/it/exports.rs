//! Exports, read back by parsers that are not ours, or held to the rules that the other program
//! states: Perfetto's messages by prost, EDN and CSV by crates, ShiViz' clocks as its
//! `modelGraph.js` checks them, Mermaid's lines by a strict grammar.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use edn_format::{Keyword, Value as Edn};
use kafsim::explore::{RunOptions, run_once, vocabulary};
use kafsim::report::export::{Breach, Chosen, ExportFormat, PARSER, Story, Told, export};
use kafsim::report::{At, State, fold_up_to};
use kafsim::scenario::Scenario;
use kafsim::trace::RunFile;
use prost::Message as _;

/// The scenario of the transcripts: faults, an election, a truncation, violations.
static RUN: LazyLock<RunFile> = LazyLock::new(|| recorded("cut_off_leader"));

fn recorded(name: &str) -> RunFile {
    let text = std::fs::read_to_string(format!("tests/data/viewing/{name}.txt")).unwrap();
    let (scenario, _) = text.split_once("\n---- commands\n").unwrap();
    let scenario = Scenario::read("scenario.toml", scenario, &[], &[], &vocabulary()).unwrap();
    let executed = run_once(&scenario, 0, &RunOptions { record: true, ..RunOptions::default() });
    RunFile::read(&executed.run_file.unwrap().to_vec()).unwrap()
}

fn exported(format: ExportFormat, chosen: &Chosen) -> Vec<u8> {
    let mut out = Vec::new();
    export(&RUN, format, chosen, &mut out).unwrap();
    out
}

fn text(format: ExportFormat, chosen: &Chosen) -> String {
    String::from_utf8(exported(format, chosen)).unwrap()
}

fn filtered(filter: &str) -> Chosen {
    Chosen { filter: Some(filter.parse().unwrap()), ..Chosen::default() }
}

#[test]
fn jsonl_has_every_event() {
    let lines = text(ExportFormat::Jsonl, &Chosen::default());
    let mut count = 0_u64;
    for line in lines.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(object["index"], count);
        assert!(object["kind"].is_string() && object["fields"].is_object(), "{line}");
        count += 1;
    }
    assert_eq!(count, RUN.header.fingerprint.events);
    let some = text(ExportFormat::Jsonl, &filtered("kind:log-truncated"));
    assert!(some.lines().count() >= 1 && some.lines().all(|line| line.contains("truncated")));
}

#[test]
fn csv_reads_back() {
    let bytes = exported(ExportFormat::Csv, &Chosen::default());
    // The reader refuses rows of another length.
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let head = reader.headers().unwrap().clone();
    let column = |name: &str| head.iter().position(|known| known == name).unwrap();
    let document = std::fs::read_to_string("docs/VIEWING.md").unwrap();
    let row = document.lines().find(|line| line.starts_with("| `csv` |")).unwrap();
    for name in &head {
        assert!(row.contains(&format!("`{name}`")), "the document names the column {name}");
    }
    let (index, kind, fields) = (column("index"), column("kind"), column("fields"));
    let mut count = 0_u64;
    let mut quoted = 0;
    for row in reader.records() {
        let row = row.unwrap();
        assert_eq!(row[index].parse(), Ok(count));
        let object: serde_json::Value = serde_json::from_str(&row[fields]).unwrap();
        if &row[kind] == "log-appended" {
            assert_eq!(object["base_offset"].to_string(), &row[column("base_offset")]);
            assert_eq!(object["partition"], &row[column("partition")]);
            quoted += 1;
        }
        count += 1;
    }
    assert!(quoted > 10);
    assert_eq!(count, RUN.header.fingerprint.events);
}

// As much of perfetto/trace/trace.proto as is written; the numbers are those of the proto files.
#[derive(prost::Message)]
struct Trace {
    #[prost(message, repeated, tag = "1")]
    packet: Vec<TracePacket>,
}

#[derive(prost::Message)]
struct TracePacket {
    #[prost(uint64, optional, tag = "8")]
    timestamp: Option<u64>,
    #[prost(uint32, tag = "10")]
    trusted_packet_sequence_id: u32,
    #[prost(message, optional, tag = "11")]
    track_event: Option<TrackEvent>,
    #[prost(uint32, tag = "13")]
    sequence_flags: u32,
    #[prost(message, optional, tag = "60")]
    track_descriptor: Option<TrackDescriptor>,
}

#[derive(prost::Message)]
struct TrackDescriptor {
    #[prost(uint64, tag = "1")]
    uuid: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint64, optional, tag = "5")]
    parent_uuid: Option<u64>,
    #[prost(message, optional, tag = "8")]
    counter: Option<CounterDescriptor>,
    #[prost(int32, tag = "11")]
    child_ordering: i32,
    #[prost(int32, tag = "12")]
    sibling_order_rank: i32,
}

#[derive(prost::Message)]
struct CounterDescriptor {
    #[prost(string, tag = "6")]
    unit_name: String,
}

#[derive(prost::Message)]
struct TrackEvent {
    #[prost(message, repeated, tag = "4")]
    debug_annotations: Vec<DebugAnnotation>,
    #[prost(int32, tag = "9")]
    kind: i32,
    #[prost(uint64, tag = "11")]
    track_uuid: u64,
    #[prost(string, repeated, tag = "22")]
    categories: Vec<String>,
    #[prost(string, tag = "23")]
    name: String,
    #[prost(int64, tag = "30")]
    counter_value: i64,
    #[prost(fixed64, repeated, tag = "47")]
    flow_ids: Vec<u64>,
    #[prost(fixed64, repeated, tag = "48")]
    terminating_flow_ids: Vec<u64>,
    #[prost(uint64, tag = "52")]
    correlation_id: u64,
}

#[derive(prost::Message)]
struct DebugAnnotation {
    #[prost(uint64, tag = "3")]
    uint_value: u64,
    #[prost(string, tag = "6")]
    string_value: String,
    #[prost(string, tag = "10")]
    name: String,
}

#[test]
fn perfetto_packets_are_sound() {
    let trace =
        Trace::decode(exported(ExportFormat::Perfetto, &Chosen::default()).as_slice()).unwrap();
    assert!(trace.packet.iter().all(|packet| packet.trusted_packet_sequence_id == 1));
    assert_eq!(trace.packet[0].sequence_flags, 1);
    let mut tracks: BTreeMap<u64, &TrackDescriptor> = BTreeMap::new();
    let mut depth: BTreeMap<u64, i32> = BTreeMap::new();
    let mut counts: BTreeMap<u64, i64> = BTreeMap::new();
    let (mut begun, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for packet in &trace.packet {
        if let Some(track) = &packet.track_descriptor {
            assert!(track.uuid != 0 && !track.name.is_empty());
            assert!(track.parent_uuid.is_none_or(|parent| tracks.contains_key(&parent)));
            assert!(tracks.insert(track.uuid, track).is_none(), "described twice: {}", track.name);
            continue;
        }
        let event = packet.track_event.as_ref().unwrap();
        assert!(packet.timestamp.is_some());
        let track = tracks[&event.track_uuid];
        match event.kind {
            1 => *depth.entry(track.uuid).or_default() += 1,
            2 => {
                let open = depth.get_mut(&track.uuid).unwrap();
                *open -= 1;
                assert!(*open >= 0, "nothing to end on {}", track.name);
            }
            3 => assert!(!event.name.is_empty()),
            4 => {
                assert!(track.counter.is_some(), "{} counts nothing", track.name);
                counts.insert(track.uuid, event.counter_value);
            }
            other => panic!("a track event of type {other}"),
        }
        assert!(event.kind == 4 || track.counter.is_none(), "a slice on {}", track.name);
        begun.extend(event.flow_ids.iter().copied());
        ended.extend(event.terminating_flow_ids.iter().copied());
    }
    assert!(depth.values().all(|open| *open == 0), "a slice has no end");
    assert!(!begun.is_empty() && begun == ended && !begun.contains(&0));
    let all: Vec<&str> = tracks.values().map(|track| track.name.as_str()).collect();
    for name in ["faults", "fault 1", "violations", "orders-0", "leader", "broker-3", "LEO b3"] {
        assert!(all.contains(&name), "{name} is not in {all:?}");
    }
    let named = |kind: i32| {
        let events = trace.packet.iter().filter_map(|packet| packet.track_event.as_ref());
        events.filter(move |event| event.kind == kind).map(|event| event.name.as_str())
    };
    assert!(named(1).any(|name| name == "b1 e1"), "the second leader");
    assert!(named(1).any(|name| name.starts_with("network partition")), "the fault");
    assert!(named(3).any(|name| name == "acks-one-durability"), "the violation");
    // The counters end where the run ends.
    let (model, event) = fold_up_to(&RUN, At::End).unwrap();
    for replica in &State::of(&model, event).partitions[0].replicas {
        for (name, value) in [
            (format!("LEO b{}", replica.broker), replica.log_end_offset),
            (format!("HW b{}", replica.broker), replica.high_watermark.unwrap()),
        ] {
            let track = tracks.values().find(|track| track.name == name).unwrap();
            assert_eq!(counts[&track.uuid], value, "{name}");
        }
    }
    let partition = &State::of(&model, event).partitions[0];
    let leader = partition.committed.as_ref().unwrap().leader;
    let led = partition.replicas.iter().find(|it| Some(it.broker) == leader).unwrap();
    for replica in partition.replicas.iter().filter(|it| Some(it.broker) != leader) {
        let name = format!("lag b{}", replica.broker);
        let track = tracks.values().find(|track| track.name == name).unwrap();
        let lag = led.log_end_offset - replica.log_end_offset;
        assert_eq!(counts[&track.uuid], lag, "{name}");
    }
    // What serves an operation bears the number with which it began.
    let events = || trace.packet.iter().filter_map(|packet| packet.track_event.as_ref());
    let of = |kind: i32| {
        let of_kind = events().filter(move |event| event.kind == kind && event.correlation_id > 0);
        of_kind.map(|event| event.correlation_id).collect::<BTreeSet<u64>>()
    };
    let (began, served) = (of(1), of(3));
    assert!(!served.is_empty() && served.is_subset(&began), "{served:?}");
}

fn keyword(name: &str) -> Edn {
    Edn::Keyword(Keyword::from_name(name))
}

fn get<'a>(map: &'a BTreeMap<Edn, Edn>, name: &str) -> &'a Edn {
    &map[&keyword(name)]
}

fn number(value: &Edn) -> i64 {
    match value {
        Edn::Integer(number) => *number,
        other => panic!("{other:?} is no number"),
    }
}

fn items(value: &Edn) -> &[Edn] {
    match value {
        Edn::Vector(items) => items,
        other => panic!("{other:?} is no vector"),
    }
}

#[test]
fn jepsen_histories_are_edn_of_the_form_that_its_kafka_test_reads() {
    let history = text(ExportFormat::Jepsen, &Chosen::default());
    let mut open: BTreeMap<i64, (Edn, Edn)> = BTreeMap::new();
    let mut retired = BTreeSet::new();
    let mut sent: BTreeMap<i64, i64> = BTreeMap::new();
    let mut acked: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    let (mut index, mut time, mut polls, mut faults) = (0, 0, 0, 0);
    for line in history.lines().filter(|line| !line.starts_with(";;")) {
        let Edn::Map(map) = edn_format::parse_str(line).unwrap() else { panic!("{line}") };
        assert_eq!(number(get(&map, "index")), index, "{line}");
        index += 1;
        assert!(number(get(&map, "time")) >= time, "{line}");
        time = number(get(&map, "time"));
        let (kind, function) = (get(&map, "type").clone(), get(&map, "f").clone());
        let value = get(&map, "value");
        if *get(&map, "process") == keyword("nemesis") {
            assert_eq!(kind, keyword("info"));
            faults += 1;
            continue;
        }
        let process = number(get(&map, "process"));
        if kind == keyword("invoke") {
            assert!(!retired.contains(&process), "{process} works after an :info");
            assert!(open.insert(process, (function.clone(), value.clone())).is_none(), "{line}");
            if function == keyword("send") {
                let send = items(&items(value)[0]);
                assert_eq!(send[0], keyword("send"));
                assert!(sent.insert(number(&send[2]), number(&send[1])).is_none(), "{line}");
            }
            continue;
        }
        let (invoked, asked) = open.remove(&process).unwrap();
        assert_eq!(invoked, function, "{line}");
        if kind == keyword("ok") && function == keyword("send") {
            let send = items(&items(value)[0]);
            let [offset, value] = items(&send[2]) else { panic!("{line}") };
            assert_eq!(sent[&number(value)], number(&send[1]), "{line}");
            acked.entry((number(&send[1]), number(offset))).or_insert(number(value));
        } else if kind == keyword("ok") && function == keyword("poll") {
            let Edn::Map(shown) = &items(&items(value)[0])[1] else { panic!("{line}") };
            for (key, records) in shown {
                for record in items(records) {
                    let [_, value] = items(record) else { panic!("{line}") };
                    assert_eq!(sent[&number(value)], number(key), "{line}");
                    polls += 1;
                }
            }
        } else if kind == keyword("info") {
            assert!(get(&map, "error") != &Edn::Nil && *value == asked, "{line}");
            retired.insert(process);
        } else if kind == keyword("fail") {
            assert_eq!(*value, asked, "{line}");
        } else {
            assert_eq!((&kind, &function), (&keyword("ok"), &keyword("assign")), "{line}");
        }
    }
    assert!(open.is_empty(), "all operations end");
    assert!(acked.len() > 10 && polls > 10 && faults == 2, "{} {polls} {faults}", acked.len());
}

/// Jepsen judges what a process polls by what it polled before: it forgets a key that a
/// `:subscribe` does not name, and all of a process that ended with an `:info` (`poll-
/// skip+nonmonotonic-cases` of `jepsen.tests.kafka`). In a run in which every property holds it
/// must find nothing.
#[test]
fn jepsen_finds_no_poll_that_skips_or_goes_back_where_none_does() {
    let mut out = Vec::new();
    let run = recorded("members_come_and_go");
    export(&run, ExportFormat::Jepsen, &Chosen::default(), &mut out).unwrap();
    let history = String::from_utf8(out).unwrap();
    let mut last: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    let mut fresh: BTreeSet<i64> = BTreeSet::new();
    let (mut polled, mut subscribed, mut logged) = (0, 0, 0);
    for line in history.lines().filter(|line| !line.starts_with(";;")) {
        let Edn::Map(map) = edn_format::parse_str(line).unwrap() else { panic!("{line}") };
        if *get(&map, "process") == keyword("nemesis") {
            continue;
        }
        let (process, function) = (number(get(&map, "process")), get(&map, "f").clone());
        if *get(&map, "type") != keyword("ok") {
            continue;
        }
        if function == keyword("subscribe") {
            let kept: Vec<i64> = items(get(&map, "value")).iter().map(number).collect();
            last.retain(|(of, key), _| *of != process || kept.contains(key));
            subscribed += 1;
        } else if function == keyword("poll") {
            if let Some(log) = map.get(&keyword("rebalance-log")) {
                let Edn::Map(first) = &items(log)[0] else { panic!("{line}") };
                assert!(!items(get(first, "keys")).is_empty(), "{line}");
                logged += 1;
            }
            let Edn::Map(shown) = &items(&items(get(&map, "value"))[0])[1] else {
                panic!("{line}")
            };
            for (key, records) in shown {
                for record in items(records) {
                    let offset = number(&items(record)[0]);
                    let before = last.insert((process, number(key)), offset);
                    assert!(before.is_none_or(|before| before + 1 == offset), "{before:?}: {line}");
                    polled += 1;
                }
            }
            fresh.insert(process);
        }
    }
    // Two members, one of which died and came again as another, and the probe.
    assert_eq!(fresh.len(), 4, "{fresh:?}");
    assert!(polled > 100 && subscribed > 6 && logged > 2, "{polled} {subscribed} {logged}");
}

#[test]
fn shiviz_lines_are_those_around_the_first_violation() {
    let all = text(ExportFormat::Shiviz, &filtered("index>=0"));
    assert_eq!(all.lines().count(), 2000);
    let first = all.lines().next().and_then(|line| line.split(' ').nth(3)).unwrap();
    assert_ne!(first, "e0", "the run has more events before that");
    // What proves it is there.
    assert!(all.lines().any(|line| line.contains(" e1968 ")));
}

#[test]
fn shiviz_clocks_are_those_that_shiviz_permits() {
    for chosen in [Chosen::default(), filtered("kind:append,role"), filtered("kind:deliver")] {
        let log = text(ExportFormat::Shiviz, &chosen);
        let mut clocks: BTreeMap<String, Vec<BTreeMap<String, u32>>> = BTreeMap::new();
        assert!(log.lines().count() > 10);
        let mut crossed = 0;
        for line in log.lines() {
            // PARSER, by hand: host, clock up to the first brace that closes, time, id, event.
            let (host, rest) = line.split_once(' ').unwrap();
            let (clock, rest) = rest.split_at(rest.find('}').unwrap() + 1);
            let rest: Vec<&str> = rest.strip_prefix(' ').unwrap().splitn(3, ' ').collect();
            assert!(rest[1].starts_with('e') && rest[1][1..].parse::<u64>().is_ok(), "{line}");
            let clock: BTreeMap<String, u32> = serde_json::from_str(clock).unwrap();
            let before = clocks.entry(host.to_owned()).or_default();
            assert_eq!(clock[host] as usize, before.len() + 1, "a gap: {line}");
            if let Some(last) = before.last() {
                let falls = last.iter().any(|(other, count)| clock.get(other) < Some(count));
                assert!(!falls, "a count falls: {line}");
            }
            before.push(clock.clone());
            for (other, count) in clock.iter().filter(|(other, _)| *other != host) {
                // What is known of another host exists, and all that it knew is known.
                let known = &clocks[other][*count as usize - 1];
                assert!(known.iter().all(|(name, n)| clock.get(name) >= Some(n)), "{line}");
                crossed += 1;
            }
        }
        assert!(crossed > 10, "hosts know of each other");
    }
    assert!(PARSER.starts_with("^(?<host>"));
}

fn told(event: u64, text: &str) -> Told {
    Told { event, text: text.to_owned(), ..Told::default() }
}

/// Of an election: the decision, and the messages by which it came and went.
#[test]
fn a_diagram_of_an_event_has_what_the_senders_did() {
    use kafsim::event::{Kind, ReplicaRole};
    use kafsim::types::LeaderEpoch;
    let is_election = |kind: &Kind| {
        let role = ReplicaRole::Leader;
        matches!(kind, Kind::RoleTaken { role: it, leader_epoch: LeaderEpoch(1), .. } if *it == role)
    };
    let mut events = RUN.events().unwrap().map(Result::unwrap);
    let event = events.find(|event| is_election(&event.kind)).unwrap().index;
    let diagram = text(ExportFormat::Mermaid, &Chosen { event: Some(event), ..Chosen::default() });
    let lines: Vec<&str> = diagram.lines().collect();
    let place = |what: &str| lines.iter().rposition(|line| line.contains(what));
    let decided = place("partition-committed").expect("the controller's decision");
    let answered = place("answer to Fetch").expect("the answer that told of it");
    let taken = place("role=leader").expect("the event itself");
    assert!(decided < answered && answered < taken, "{diagram}");
}

/// All follows from how a run begins; that a fault ends is not a fault.
#[test]
fn a_diagram_of_a_run_without_a_violation_begins_with_its_fault() {
    let step = |place: usize| told(1667 + place as u64, &format!("step {place}"));
    let story = Story { steps: (0..60).map(step).collect(), ..Story::default() };
    let diagram = text(ExportFormat::Mermaid, &Chosen { story: Some(story), ..Chosen::default() });
    assert!(diagram.contains("step 0\n") && !diagram.contains("step 59\n"), "{diagram}");
    let of = |kind: &str| {
        let filter = filtered(kind);
        let lines = text(ExportFormat::Jsonl, &filter);
        let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        first["index"].as_u64().unwrap()
    };
    let (began, ended) = (of("kind=fault-began"), of("kind=fault-ended"));
    let steps = vec![told(began, "it begins"), told(ended, "it ends")];
    let story = Story { steps, ..Story::default() };
    let diagram = text(ExportFormat::Mermaid, &Chosen { story: Some(story), ..Chosen::default() });
    assert_eq!(diagram.matches("rect rgb").count(), 1, "{diagram}");
    assert!(diagram.contains("it ends"), "{diagram}");
}

/// The lines of the diagram of one step, without those of its head.
fn diagram_of(event: u64, reasons: &[u64]) -> Vec<String> {
    let step = Told { reasons: reasons.to_vec(), ..told(event, "it happens") };
    let story = Story { steps: vec![step], is_numbered: true, ..Story::default() };
    let diagram = text(ExportFormat::Mermaid, &Chosen { story: Some(story), ..Chosen::default() });
    let lines = diagram.lines().skip_while(|line| *line != "sequenceDiagram").skip(1);
    let lines = lines.filter(|line| !line.contains("participant "));
    lines.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn an_arrow_is_a_message_that_led_to_its_step() {
    use kafsim::event::{Event, Kind};
    let events: Vec<Event> = RUN.events().unwrap().map(Result::unwrap).collect();
    let cause = |event: &Event| event.cause.map(|cause| &events[cause as usize]);
    let is_message = |event: &Event| matches!(event.kind, Kind::Delivered { .. });
    let is_high = |event: &&Event| {
        matches!(event.kind, Kind::HighWatermarkMoved { .. })
            && cause(event).is_some_and(is_message)
            && event.index > 1667
    };
    let step = events.iter().find(is_high).unwrap();
    let message = cause(step).unwrap();
    let Kind::Delivered { from: sender, .. } = message.kind else { unreachable!() };
    let arrow = |lines: &[String]| lines.iter().find(|line| line.contains(">>")).cloned();
    let number = |event: &Event| format!(" e{} ", event.index);
    // What its host was serving, with the number of the step, which is the only one.
    let lines = diagram_of(step.index, &[]);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with(&format!("h{}", sender.0)), "{lines:?}");
    assert!(lines[0].contains(&number(message)), "{lines:?}");
    assert!(lines[1].contains(": 1. ") && lines[1].contains(&number(step)), "{lines:?}");
    // A sum of several events has no message of its own, and no host.
    let summary = Told { is_summary: true, ..told(step.index, "7 records appended") };
    let story = Story { steps: vec![summary], ..Story::default() };
    let diagram = text(ExportFormat::Mermaid, &Chosen { story: Some(story), ..Chosen::default() });
    assert!(!diagram.contains(">>") && diagram.contains("7 records appended"), "{diagram}");
    // What its reason names comes first.
    let here = |event: &&Event| {
        is_message(event) && event.host == step.host && event.index < message.index
    };
    let other = events.iter().rev().find(here).unwrap();
    let named = arrow(&diagram_of(step.index, &[other.index])).unwrap();
    assert!(named.contains(&number(other)), "{named}");
    // A reason that speaks of others has nothing to do with it; one that speaks of its sender has.
    let of = |is: &dyn Fn(&Event) -> bool| events.iter().find(|event| is(event)).unwrap().index;
    let others =
        of(&|event| !is_message(event) && event.host.is_some() && event.host != Some(sender));
    assert_eq!(arrow(&diagram_of(step.index, &[others])), None);
    let senders = of(&|event| !is_message(event) && event.host == Some(sender));
    assert!(arrow(&diagram_of(step.index, &[senders])).is_some());
    // What the clock does, no message did, though one set the clock.
    let by_clock = |event: &&Event| {
        let deadline = cause(event).filter(|it| matches!(it.kind, Kind::DeadlineReached { .. }));
        deadline.and_then(cause).is_some_and(is_message)
    };
    let step = events.iter().find(by_clock).unwrap();
    assert_eq!(arrow(&diagram_of(step.index, &[])), None);
}

#[test]
fn mermaid_lines_are_of_its_grammar() {
    // As an explanation tells it: a fault, an acknowledgement, an election; and what has no host.
    let story = Story {
        title: "of a \"quoted\" title\n---\nand more".to_owned(),
        steps: [
            (1667, "a fault: it begins"),
            (1676, "it answers; #1"),
            (1968, "it takes the lead"),
        ]
        .map(|(event, text)| told(event, text))
        .to_vec(),
        is_numbered: true,
        violation: Some(Breach {
            property: "a-property".to_owned(),
            sentence: "a sentence <b>; ".repeat(9),
            is_outside_premise: false,
        }),
    };
    let told = Chosen { story: Some(story), ..Chosen::default() };
    for chosen in [Chosen::default(), Chosen { event: Some(2500), ..Chosen::default() }, told] {
        let diagram = text(ExportFormat::Mermaid, &chosen);
        let mut lines = diagram.lines();
        assert_eq!(lines.next(), Some("---"));
        let title = lines.next().and_then(|line| line.strip_prefix("title: ")).unwrap();
        let title: String = serde_json::from_str(title).unwrap();
        assert!(title.len() > 10 && !title.contains('\n'), "{title}");
        assert_eq!(lines.next(), Some("---"));
        assert_eq!(lines.next(), Some("sequenceDiagram"));
        let mut declared = BTreeSet::new();
        let (mut arrows, mut open) = (0, false);
        for line in lines {
            let line = line.trim_start();
            let is_plain = |text: &str| {
                let rest: Vec<&str> = text.split('#').collect();
                // Entities are numbers or letters and a semicolon; nothing else has one.
                let fine = |part: &&str| {
                    part.split_once(';').is_some_and(|(name, rest)| {
                        name.bytes().all(|b| b.is_ascii_digit()) && !rest.contains(';')
                    })
                };
                let text = text.replace("<br/>", " ");
                !rest[0].contains(';') && rest[1..].iter().all(fine) && !text.contains(['<', '{'])
            };
            if let Some(rest) = line.strip_prefix("participant ") {
                let (id, name) = rest.split_once(" as ").unwrap();
                assert!(is_plain(name) && arrows == 0 && declared.insert(id.to_owned()), "{line}");
            } else if line == "end" {
                assert!(std::mem::replace(&mut open, false), "nothing to end");
            } else if line == "rect rgb(255,230,230)" {
                assert!(!std::mem::replace(&mut open, true), "one in the other");
            } else if let Some(rest) = line.strip_prefix("Note over ") {
                let (ids, text) = rest.split_once(": ").unwrap();
                assert!(ids.split(',').all(|id| declared.contains(id)), "{line}");
                assert!(is_plain(text) && !text.contains(':'), "{line}");
            } else {
                let (ends, text) = line.split_once(": ").unwrap();
                let ends = ends.split_once("-->>").or_else(|| ends.split_once("->>")).unwrap();
                assert!(declared.contains(ends.0) && declared.contains(ends.1), "{line}");
                assert!(is_plain(text) && !text.contains(':'), "{line}");
                arrows += 1;
            }
        }
        assert!(
            !open && (usize::from(chosen.event.is_none())..=40).contains(&arrows),
            "{arrows} arrows"
        );
        // What this run broke, it broke outside of the premise; the story says otherwise.
        assert_eq!(diagram.contains("VIOLATED"), chosen.story.is_some());
        let is_outside = chosen.event.is_none() && chosen.story.is_none();
        assert_eq!(diagram.contains("violated outside its premise"), is_outside);
    }
}

#[test]
fn a_diagram_says_whether_the_premise_was_left() {
    let story = |is_outside_premise| Story {
        steps: vec![told(1667, "it begins")],
        violation: Some(Breach {
            property: "a-property".to_owned(),
            sentence: "it is gone".to_owned(),
            is_outside_premise,
        }),
        ..Story::default()
    };
    for (is_outside, said, not) in [
        (false, "VIOLATED a-property", "premise"),
        (true, "violated outside its premise, a-property", "VIOLATED"),
    ] {
        let chosen = Chosen { story: Some(story(is_outside)), ..Chosen::default() };
        let diagram = text(ExportFormat::Mermaid, &chosen).replace("<br/>", " ");
        assert!(diagram.contains(said) && !diagram.contains(not), "{diagram}");
    }
    // So it is where the run file alone says what became of the property.
    let mut file = recorded("cut_off_leader");
    for result in ["violated", "outside-premise"] {
        for claim in file.header.verdicts.as_array_mut().unwrap() {
            if claim["verdict"]["violation"].is_object() {
                claim["verdict"]["result"] = result.into();
            }
        }
        let mut out = Vec::new();
        export(&file, ExportFormat::Mermaid, &Chosen::default(), &mut out).unwrap();
        let diagram = String::from_utf8(out).unwrap();
        assert_eq!(diagram.contains("violated outside its premise"), result != "violated");
        assert_eq!(diagram.contains("VIOLATED"), result == "violated");
    }
}
