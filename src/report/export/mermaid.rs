//! A sequence diagram in Mermaid: of what an explanation or a timeline tells, with the messages
//! that brought it about, or of all that led to an event.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use crate::event::{Event, FaultVerb, Kind};
use crate::report::export::format::{Breach, ExportError, Story, Told};
use crate::report::export::slice::Slice;
use crate::report::fault_words::told;
use crate::report::text::wrapped;
use crate::trace::{Names, Part, RunFile, seconds};
use crate::types::{ApiKey, HostId, Moment, TopicPartition, counted};

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
    if seen.is_empty() && wanted.is_none() {
        return Err(ExportError::Nothing);
    }
    if seen.is_empty() {
        seen.extend(names.setup().hosts().map(|(id, _)| id).take(1));
    }
    let violation = slice.violation.as_ref();
    let of = match (violation, slice.events.last()) {
        (Some(breach), _) => breach.property.clone(),
        (None, last) => format!("what led to e{}", last.map_or(0, |event| event.index)),
    };
    let title = format!("{}, seed {}: {of}", file.header.title, file.header.seed);
    print(names, (&title, violation), &items, &seen, hidden, out)?;
    let arrows = if hidden == 1 { "arrow before these is" } else { "arrows before these are" };
    let what = format!("{hidden} {arrows} left out: a diagram shows {ARROWS_MAX}");
    Ok(if hidden > 0 { vec![what] } else { Vec::new() })
}

/// Tells `story`, with the messages that led to what it tells.
pub(super) fn tell(
    events: &[Event],
    names: &Names,
    story: &Story,
    out: &mut dyn Write,
) -> Result<Vec<String>, ExportError> {
    let left_out = story.steps.len().saturating_sub(ARROWS_MAX);
    // All follows from how it begins. Of one event more than one thing may be told.
    let mut steps: BTreeMap<u64, Vec<(usize, &Told)>> = BTreeMap::new();
    for (place, told) in story.steps.iter().take(ARROWS_MAX).enumerate() {
        steps.entry(told.event).or_default().push((place + 1, told));
    }
    let told = steps.values().flatten();
    let arrows: BTreeSet<u64> = told.flat_map(|(_, told)| led_to(events, told)).collect();
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
        for (number, told) in steps.get(&event.index).into_iter().flatten() {
            let number = if story.is_numbered { format!("{number}. ") } else { String::new() };
            let text = format!("{number}{} e{} {}", seconds(event.at), event.index, told.text);
            let item = match (&event.kind, event.host) {
                (Kind::FaultBegan { fault, .. } | Kind::FaultEnded { fault, .. }, _) => {
                    let hosts = hosts_of.get(fault).cloned().unwrap_or_default();
                    let begins = matches!(event.kind, Kind::FaultBegan { .. });
                    Item::Fault { hosts, begins, text }
                }
                (_, Some(host)) if !told.is_summary => Item::Note { host, text },
                _ => Item::World { text },
            };
            items.push((event.index, item));
        }
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
    print(names, (&story.title, story.violation.as_ref()), &items, &seen, 0, out)?;
    let steps = if left_out == 1 { "step after these is" } else { "steps after these are" };
    let what = format!("{left_out} {steps} left out: a diagram shows {ARROWS_MAX}");
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

/// The messages that led to what is told: those that its reason names, else the request that it
/// serves, else the message that its host was serving. What the clock brought about, no message
/// did; and one of which the reason says nothing, not even of its sender, is not shown for it.
fn led_to(events: &[Event], told: &Told) -> Vec<u64> {
    let get = |index: u64| events.get(usize::try_from(index).ok()?);
    // A file may name what is to come; causes lie before.
    let before = |index: Option<u64>, event: &Event| index.filter(|it| *it < event.index);
    let is_message = |event: &&Event| matches!(event.kind, Kind::Delivered { .. });
    let Some(step) = get(told.event).filter(|_| !told.is_summary) else { return Vec::new() };
    let first = before(step.cause, step).and_then(get);
    let way = std::iter::successors(first, |event| before(event.cause, event).and_then(get));
    let mut way = way.take(HOPS_MAX).take_while(|event| event.host == step.host);
    let is_end =
        |event: &&Event| is_message(event) || matches!(event.kind, Kind::DeadlineReached { .. });
    let served = match way.find(is_end) {
        Some(event) if is_message(&event) => Some(event),
        Some(_) => return Vec::new(),
        None => None,
    };
    let reasons: Vec<&Event> = told.reasons.iter().filter_map(|event| get(*event)).collect();
    let arrived = |event: &&&Event| is_message(event) && event.host == step.host;
    let named: Vec<u64> = reasons.iter().filter(arrived).map(|event| event.index).collect();
    if !named.is_empty() {
        return named;
    }
    let is_meant = |event: &&Event| match &event.kind {
        Kind::Delivered { from, .. } => {
            reasons.is_empty() || reasons.iter().any(|reason| reason.host == Some(*from))
        }
        _ => false,
    };
    let about = before(step.about, step).and_then(get);
    let about = about.filter(|event| is_message(event) && event.host == step.host);
    about
        .filter(is_meant)
        .or(served.filter(is_meant))
        .map(|event| event.index)
        .into_iter()
        .collect()
}

/// A message, with what its answer says where that is known.
fn arrow(event: &Event, said: Option<&str>) -> Option<Item> {
    let Kind::Delivered { from, api, is_response, sent, fault, .. } = &event.kind else {
        return None;
    };
    let took = took_text(event.at.since(*sent));
    let what = if *is_response { "answer to " } else { "" };
    let said = said.map(|said| format!(" {said}")).unwrap_or_default();
    let held = fault.map(|fault| format!(", held by fault {}", fault.saturating_add(1)));
    let (at, api, held) = (seconds(event.at), api.name(), held.unwrap_or_default());
    let text = format!("{at} e{} {what}{api}{said} ({took} under way{held})", event.index);
    Some(Item::Arrow { from: *from, to: event.host?, is_response: *is_response, text })
}

/// How long a message was under way: tenths of milliseconds, from a second on milliseconds.
fn took_text(took: Duration) -> String {
    let micros = took.as_micros();
    match micros {
        0..1_000_000 => format!("{}.{}ms", micros / 1_000, micros % 1_000 / 100),
        _ => format!("{}.{:03}s", micros / 1_000_000, micros % 1_000_000 / 1_000),
    }
}

fn print(
    names: &Names,
    (title, violation): (&str, Option<&Breach>),
    items: &[(u64, Item)],
    seen: &BTreeSet<HostId>,
    hidden: usize,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    // A string of JSON is one of YAML.
    let title: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    writeln!(out, "---\ntitle: {}\n---", serde_json::Value::from(title))?;
    writeln!(out, "sequenceDiagram")?;
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
        let hidden = counted(hidden, "message");
        writeln!(out, "  Note over {over}: {hidden} before left out")?;
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
    if let Some(Breach { property, sentence, is_outside_premise }) = violation {
        let verdict = match is_outside_premise {
            false => "VIOLATED",
            true => "violated outside its premise,",
        };
        let text = format!("{verdict} {property}: {sentence}");
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
    is_told(event).then(|| Item::Note { host, text: format!("{at} e{} {text}", event.index) })
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
    use super::*;

    #[test]
    fn how_long_a_message_took_is_told_as_times_are() {
        let told = |micros| took_text(Duration::from_micros(micros));
        assert_eq!([told(90), told(1_740), told(999_999)], ["0.0ms", "1.7ms", "999.9ms"]);
        assert_eq!([told(1_000_000), told(12_600_149)], ["1.000s", "12.600s"]);
    }

    #[test]
    fn names_cannot_become_syntax() {
        assert_eq!(escaped("a; b: c#1"), "a#59; b#58; c#35;1");
        assert_eq!(escaped("the end\nNote over x"), "the e#110;d Note over x".replace('\n', " "));
        assert_eq!(escaped("\n"), "-");
        assert_eq!(escaped(&"x".repeat(500)).len(), 164);
    }
}
