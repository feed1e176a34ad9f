//! A sequence diagram in Mermaid of what led to an event.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use crate::event::{Event, FaultVerb, Kind};
use crate::report::export::format::ExportError;
use crate::report::export::slice::Slice;
use crate::report::fault_words::told;
use crate::trace::{Names, Part, RunFile, seconds};
use crate::types::{HostId, TopicPartition};

/// More arrows than this are not read.
const ARROWS_MAX: usize = 40;
/// Nor are more arrows and notes.
const ITEMS_MAX: usize = 80;
/// More words than this do not fit a note.
const TEXT_MAX: usize = 160;

/// A line of the diagram.
enum Item {
    /// A message.
    Arrow { from: HostId, to: HostId, is_response: bool, text: String },
    /// What a host did.
    Note { host: HostId, text: String },
    /// A fault.
    Fault { hosts: Vec<HostId>, text: String },
}

pub(super) fn write(
    file: &RunFile,
    names: &Names,
    wanted: Option<u64>,
    out: &mut dyn Write,
) -> Result<Vec<String>, ExportError> {
    let slice = Slice::of(file, wanted)?;
    let mut items: Vec<(u64, Item)> = Vec::new();
    // Of the messages only those are shown that led to something that is told.
    let causes: BTreeSet<u64> =
        slice.events.iter().filter(|event| is_told(event)).filter_map(|it| it.cause).collect();
    for event in &slice.events {
        let is_message = matches!(event.kind, Kind::Delivered { .. });
        if !is_message || causes.contains(&event.index) {
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
    print(names, &slice, &items, &seen, hidden, out)?;
    let what = format!("{hidden} arrows before these are left out: a diagram shows {ARROWS_MAX}");
    Ok(if hidden > 0 { vec![what] } else { Vec::new() })
}

fn print(
    names: &Names,
    slice: &Slice,
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
                writeln!(out, "  Note over h{}: {}", host.0, escaped(text))?;
            }
            Item::Fault { hosts, text } => {
                let shown: Vec<_> = hosts.iter().filter(|host| seen.contains(host)).collect();
                let over = match shown.as_slice() {
                    [only] => format!("h{}", only.0),
                    _ => over.clone(),
                };
                writeln!(out, "  rect rgb(255,230,230)")?;
                writeln!(out, "    Note over {over}: {}", escaped(text))?;
                writeln!(out, "  end")?;
            }
        }
    }
    if let Some((property, sentence)) = &slice.violation {
        let text = escaped(&format!("VIOLATED {property}: {sentence}"));
        writeln!(out, "  Note over {over}: {text}")?;
    }
    Ok(())
}

impl Item {
    fn hosts(&self) -> Vec<HostId> {
        match self {
            Self::Arrow { from, to, .. } => vec![*from, *to],
            Self::Note { host, .. } => vec![*host],
            Self::Fault { hosts, .. } => hosts.clone(),
        }
    }
}

fn item(event: &Event, names: &Names) -> Option<Item> {
    let host = event.host?;
    let at = seconds(event.at);
    if let Kind::Delivered { from, api, is_response, sent, fault, .. } = &event.kind {
        let held = fault.map(|fault| format!(", held by fault {}", fault.saturating_add(1)));
        let took = event.at.since(*sent).as_micros();
        let what = if *is_response { "answer to " } else { "" };
        let held = held.unwrap_or_default();
        let text = format!("{at} {what}{} (sent {took} microseconds before{held})", api.name());
        return Some(Item::Arrow { from: *from, to: host, is_response: *is_response, text });
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
            items.push((event.index, Item::Fault { hosts, text }));
        }
    }
    Ok(items)
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
