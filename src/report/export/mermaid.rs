//! A sequence diagram in Mermaid: of what an explanation or a timeline tells, with the messages
//! that brought it about, or of all that led to an event.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use crate::event::{Event, FaultVerb, Kind};
use crate::report::export::format::{ExportError, Story};
use crate::report::export::slice::Slice;
use crate::report::fault_words::told;
use crate::report::text::wrapped;
use crate::trace::{Names, Part, RunFile, seconds};
use crate::types::{ApiKey, HostId, Moment, TopicPartition};

/// More arrows than this are not read.
const ARROWS_MAX: usize = 40;
/// Nor are more arrows and notes.
const ITEMS_MAX: usize = 80;
/// More words than this do not fit a note.
const TEXT_MAX: usize = 160;
/// A story's sentences may be longer: they stand in lines of so many columns.
const SENTENCE_MAX: usize = 400;
const COLUMNS: usize = 44;
/// Between a message and what it brought about lie the steps of one host, so many at most.
const HOPS_MAX: usize = 8;

/// A line of the diagram.
enum Item {
    /// A message.
    Arrow { from: HostId, to: HostId, is_response: bool, text: String },
    /// What a host did.
    Note { host: HostId, text: String },
    /// A fault begins, or ends.
    Fault { hosts: Vec<HostId>, begins: bool, text: String },
    /// What concerns all.
    World { text: String },
}

pub(super) fn write(
    file: &RunFile,
    names: &Names,
    wanted: Option<u64>,
    out: &mut dyn Write,
) -> Result<Vec<String>, ExportError> {
    let mut slice = Slice::of(file, wanted)?;
    let served = slice.add_senders(file, HOPS_MAX, is_told)?;
    let mut items: Vec<(u64, Item)> = Vec::new();
    // Of the messages only those are shown that led to something that is told.
    for event in &slice.events {
        let is_message = matches!(event.kind, Kind::Delivered { .. });
        if !is_message || served.contains(&event.index) {
            items.extend(item(event, names).map(|item| (event.index, item)));
        }
    }
    let arrows = |items: &[(u64, Item)]| {
        items.iter().filter(|(_, item)| matches!(item, Item::Arrow { .. })).count()
    };
    let mut left_out = arrows(&items).saturating_sub(ARROWS_MAX);
    let hidden = left_out;
    let mut first = 0;
    while left_out > 0 {
        left_out -= usize::from(matches!(items[first].1, Item::Arrow { .. }));
        first += 1;
    }
    first = first.max(items.len().saturating_sub(ITEMS_MAX));
    items.drain(..first);
    let from = items.first().map_or(0, |(index, _)| *index);
    let below = slice.events.last().map_or(0, |event| event.index + 1);
    let mut seen: BTreeSet<HostId> = items.iter().flat_map(|(_, item)| item.hosts()).collect();
    items.extend(faults(file, names, from..below, &seen)?);
    items.sort_by_key(|(index, _)| *index);
    if seen.is_empty() {
        seen.extend(names.setup().hosts().map(|(id, _)| id).take(1));
    }
    let violation = slice.violation.as_ref();
    print(names, violation, &items, &seen, hidden, out)?;
    let what = format!("{hidden} arrows before these are left out: a diagram shows {ARROWS_MAX}");
    Ok(if hidden > 0 { vec![what] } else { Vec::new() })
}

/// Tells `story`, with the messages that led to what it tells, and those that came of it first.
pub(super) fn tell(
    events: &[Event],
    names: &Names,
    story: &Story,
    out: &mut dyn Write,
) -> Result<Vec<String>, ExportError> {
    let left_out = story.steps.len().saturating_sub(ARROWS_MAX);
    // All follows from how it begins.
    let steps: BTreeMap<u64, &str> =
        story.steps.iter().take(ARROWS_MAX).map(|(event, text)| (*event, text.as_str())).collect();
    let arrows = around(events, &steps);
    let mut items: Vec<(u64, Item)> = Vec::new();
    let mut hosts_of: BTreeMap<u32, Vec<HostId>> = BTreeMap::new();
    let mut answered: BTreeMap<HostId, (Moment, String)> = BTreeMap::new();
    for event in events {
        if let Kind::FaultBegan { fault, hosts, .. } = &event.kind {
            hosts_of.insert(*fault, hosts.clone());
        }
        if let Kind::ProduceAnswered { partition, base_offset, error, .. } = &event.kind {
            let name = names.partition(*partition);
            let offset = base_offset.map(|offset| format!(" at {offset}")).unwrap_or_default();
            let said = format!("{} {name}{offset}", error.name());
            answered.extend(event.host.map(|host| (host, (event.at, said))));
        }
        if arrows.contains(&event.index) {
            let said = said_by(event, &answered);
            items.extend(arrow(event, said).map(|item| (event.index, item)));
        }
        let Some(text) = steps.get(&event.index) else { continue };
        let text = format!("{} e{} {text}", seconds(event.at), event.index);
        let item = match (&event.kind, event.host) {
            (Kind::FaultBegan { fault, .. } | Kind::FaultEnded { fault, .. }, _) => {
                let hosts = hosts_of.get(fault).cloned().unwrap_or_default();
                Item::Fault { hosts, begins: matches!(event.kind, Kind::FaultBegan { .. }), text }
            }
            (_, Some(host)) => Item::Note { host, text },
            (_, None) => Item::World { text },
        };
        items.push((event.index, item));
    }
    // A fault may befall many; shown are those that something else is said of, if there are any.
    let of_faults = |item: &Item| matches!(item, Item::Fault { .. });
    let shown = |is_all: bool| -> BTreeSet<HostId> {
        let items = items.iter().filter(|(_, item)| is_all || !of_faults(item));
        items.flat_map(|(_, item)| item.hosts()).collect()
    };
    let mut seen = shown(false);
    if seen.is_empty() {
        seen = shown(true);
    }
    if seen.is_empty() {
        seen.extend(names.setup().hosts().map(|(id, _)| id).take(1));
    }
    print(names, story.violation.as_ref(), &items, &seen, 0, out)?;
    let what = format!("{left_out} steps after these are left out: a diagram shows {ARROWS_MAX}");
    Ok(if left_out > 0 { vec![what] } else { Vec::new() })
}

/// What an answer to a produce says, where its sender said so when it sent it.
fn said_by<'a>(
    message: &Event,
    answered: &'a BTreeMap<HostId, (Moment, String)>,
) -> Option<&'a str> {
    match &message.kind {
        Kind::Delivered { from, api: ApiKey::Produce, is_response: true, sent, .. } => {
            let (_, said) = answered.get(from).filter(|(at, _)| at == sent)?;
            Some(said)
        }
        _ => None,
    }
}

/// The messages around `steps`: for each the message that its host was serving, and the first that
/// it sent.
fn around(events: &[Event], steps: &BTreeMap<u64, &str>) -> BTreeSet<u64> {
    let mut causes: Vec<(Option<u64>, bool)> = Vec::new();
    let mut found = BTreeSet::new();
    let mut sent: BTreeSet<u64> = BTreeSet::new();
    for event in events {
        let is_message = matches!(event.kind, Kind::Delivered { .. });
        causes.push((event.cause, is_message));
        let of = |index: u64| causes.get(usize::try_from(index).ok()?).copied();
        let mut next = event.cause;
        if is_message {
            for _ in 0..HOPS_MAX {
                let Some(cause) = next else { break };
                if steps.contains_key(&cause) {
                    if sent.insert(cause) {
                        found.insert(event.index);
                    }
                    break;
                }
                match of(cause) {
                    Some((before, false)) => next = before,
                    _ => break,
                }
            }
        } else if steps.contains_key(&event.index) {
            for _ in 0..HOPS_MAX {
                let Some(cause) = next else { break };
                match of(cause) {
                    Some((_, true)) => {
                        found.insert(cause);
                        break;
                    }
                    Some((before, false)) => next = before,
                    None => break,
                }
            }
        }
    }
    found
}

/// A message, with what its answer says where that is known.
fn arrow(event: &Event, said: Option<&str>) -> Option<Item> {
    let Kind::Delivered { from, api, is_response, sent, fault, .. } = &event.kind else {
        return None;
    };
    let took = event.at.since(*sent).as_micros();
    let took = format!("{}.{} ms", took / 1000, took % 1000 / 100);
    let what = if *is_response { "answer to " } else { "" };
    let said = said.map(|said| format!(" {said}")).unwrap_or_default();
    let held = fault.map(|fault| format!(", held by fault {}", fault.saturating_add(1)));
    let (at, api, held) = (seconds(event.at), api.name(), held.unwrap_or_default());
    let text = format!("{at} {what}{api}{said} ({took} under way{held})");
    Some(Item::Arrow { from: *from, to: event.host?, is_response: *is_response, text })
}

fn print(
    names: &Names,
    violation: Option<&(String, String)>,
    items: &[(u64, Item)],
    seen: &BTreeSet<HostId>,
    hidden: usize,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    writeln!(out, "sequenceDiagram")?;
    writeln!(out, "  autonumber")?;
    let mut hosts: Vec<HostId> = seen.iter().copied().collect();
    // Clients to the left, controllers to the right.
    hosts.sort_by_key(|host| match names.setup().part(*host) {
        Some(Part::Client(_)) | None => 0,
        Some(Part::Broker(_)) => 1,
        Some(Part::Controller(_)) => 2,
    });
    for host in &hosts {
        let name = escaped(names.setup().host_name(Some(*host)));
        writeln!(out, "  participant h{} as {name}", host.0)?;
    }
    let over = match hosts.as_slice() {
        [] => return Ok(()),
        [only] => format!("h{}", only.0),
        [first, .., last] => format!("h{},h{}", first.0, last.0),
    };
    if hidden > 0 {
        writeln!(out, "  Note over {over}: {hidden} messages before are left out")?;
    }
    for (_, item) in items {
        match item {
            Item::Arrow { from, to, is_response, text } => {
                let arrow = if *is_response { "-->>" } else { "->>" };
                writeln!(out, "  h{}{arrow}h{}: {}", from.0, to.0, escaped(text))?;
            }
            Item::Note { host, text } => {
                writeln!(out, "  Note over h{}: {}", host.0, lines(text))?;
            }
            Item::World { text } => writeln!(out, "  Note over {over}: {}", lines(text))?,
            Item::Fault { hosts, begins, text } => {
                let shown: Vec<_> = hosts.iter().filter(|host| seen.contains(host)).collect();
                let over = match shown.as_slice() {
                    [only] => format!("h{}", only.0),
                    _ => over.clone(),
                };
                if !begins {
                    writeln!(out, "  Note over {over}: {}", lines(text))?;
                    continue;
                }
                writeln!(out, "  rect rgb(255,230,230)")?;
                writeln!(out, "    Note over {over}: {}", lines(text))?;
                writeln!(out, "  end")?;
            }
        }
    }
    if let Some((property, sentence)) = violation {
        let text = format!("VIOLATED {property}: {sentence}");
        writeln!(out, "  Note over {over}: {}", lines(&text))?;
    }
    Ok(())
}

impl Item {
    fn hosts(&self) -> Vec<HostId> {
        match self {
            Self::Arrow { from, to, .. } => vec![*from, *to],
            Self::Note { host, .. } => vec![*host],
            Self::Fault { hosts, .. } => hosts.clone(),
            Self::World { .. } => Vec::new(),
        }
    }
}

fn item(event: &Event, names: &Names) -> Option<Item> {
    let host = event.host?;
    let at = seconds(event.at);
    if let Some(message) = arrow(event, None) {
        return Some(message);
    }
    let line = names.line(event);
    let text = line.splitn(4, ' ').nth(3).unwrap_or_default();
    // Hashes are for programs.
    let kept = text.split(' ').filter(|part| !part.starts_with("chain=") && !part.is_empty());
    let text = kept.collect::<Vec<_>>().join(" ");
    is_told(event).then(|| Item::Note { host, text: format!("e{} {at} {text}", event.index) })
}

/// Whether what a host did is worth a note. The metadata log is not: it moves all the time.
fn is_told(event: &Event) -> bool {
    let partition = match &event.kind {
        Kind::LogAppended { partition, .. } | Kind::HighWatermarkMoved { partition, .. } => {
            Some(*partition)
        }
        _ => None,
    };
    if partition == Some(TopicPartition::CLUSTER_METADATA) {
        return false;
    }
    matches!(
        event.kind,
        Kind::LogAppended { .. }
            | Kind::LogTruncated { .. }
            | Kind::LogRecovered { .. }
            | Kind::LogStartMoved { .. }
            | Kind::HighWatermarkMoved { .. }
            | Kind::RoleTaken { .. }
            | Kind::InSyncChanged { .. }
            | Kind::AlterPartitionDecided { .. }
            | Kind::PartitionDecided { .. }
            | Kind::PartitionCommitted { .. }
            | Kind::RegistrationCommitted { .. }
            | Kind::ControllerActivated { .. }
            | Kind::QuorumRoleTaken { .. }
            | Kind::VoteGranted { .. }
            | Kind::ProduceHandled { .. }
            | Kind::ProduceAnswered { .. }
            | Kind::OperationInvoked { .. }
            | Kind::OperationReturned { .. }
            | Kind::BatchDone { .. }
            | Kind::Polled { .. }
            | Kind::HostStarted { .. }
            | Kind::HostStopped { .. }
            | Kind::HostPaused {}
            | Kind::HostResumed {}
    )
}

/// The faults that began between and befell somebody who is seen.
fn faults(
    file: &RunFile,
    names: &Names,
    within: std::ops::Range<u64>,
    seen: &BTreeSet<HostId>,
) -> Result<Vec<(u64, Item)>, ExportError> {
    let mut items = Vec::new();
    let mut begun: BTreeMap<u32, (FaultVerb, Vec<HostId>)> = BTreeMap::new();
    for event in file.events()? {
        let event = event?;
        if event.index >= within.end {
            break;
        }
        let at = seconds(event.at);
        let (fault, text) = match &event.kind {
            Kind::FaultBegan { fault, verb, hosts, groups, detail } => {
                let named = hosts.iter().map(|host| names.setup().host_name(Some(*host)));
                let named: Vec<String> = named.map(str::to_owned).collect();
                begun.insert(*fault, (*verb, hosts.clone()));
                (*fault, told(*verb, &named, groups, detail.as_str()))
            }
            Kind::FaultEnded { fault, .. } => {
                let verb = begun.get(fault).map_or("", |(verb, _)| verb.name());
                (*fault, format!("{verb} ends"))
            }
            _ => continue,
        };
        let hosts = begun.get(&fault).map(|(_, hosts)| hosts.clone()).unwrap_or_default();
        if within.contains(&event.index) && hosts.iter().any(|host| seen.contains(host)) {
            let text = format!("{at} fault {}: {text}", fault.saturating_add(1));
            let begins = matches!(event.kind, Kind::FaultBegan { .. });
            items.push((event.index, Item::Fault { hosts, begins, text }));
        }
    }
    Ok(items)
}

/// A sentence as Mermaid takes it, in lines.
fn lines(text: &str) -> String {
    let cut: String = text.chars().take(SENTENCE_MAX).collect();
    let dots = if text.chars().count() > SENTENCE_MAX { " ..." } else { "" };
    let plain: String = cut.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let lines = wrapped(&format!("{plain}{dots}"), COLUMNS);
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br/>")
}

/// `text` as Mermaid takes it: its own signs as entities, on one line, not too long.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars().take(TEXT_MAX) {
        match c {
            '#' | ';' | '<' | '>' | ':' | '%' | '{' | '}' | '"' | '\\' => {
                escaped += &format!("#{};", u32::from(c));
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    if text.chars().count() > TEXT_MAX {
        escaped += " ...";
    }
    // The word closes blocks wherever it stands.
    let words = escaped.split(' ').map(|word| match word.eq_ignore_ascii_case("end") {
        true => "e#110;d",
        false => word,
    });
    let text = words.collect::<Vec<_>>().join(" ");
    if text.trim().is_empty() { "-".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_cannot_become_syntax() {
        assert_eq!(escaped("a; b: c#1"), "a#59; b#58; c#35;1");
        assert_eq!(escaped("the end\nNote over x"), "the e#110;d Note over x".replace('\n', " "));
        assert_eq!(escaped("\n"), "-");
        assert_eq!(escaped(&"x".repeat(500)).len(), 164);
    }
}
