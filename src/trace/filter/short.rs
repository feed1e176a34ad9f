//! Short tests, of the form `key:value,value`: what one asks for again and again.

use std::ops::Range;

use crate::event::{Event, Kind, Value};
use crate::trace::filter::error::Problem;
use crate::trace::filter::test::{Test, absent, is_key, nearest, unknown_key};
use crate::trace::setup::Part;
use crate::trace::text::Names;
use crate::types::{ApiKey, HostId};

/// A short test.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Short {
    /// Of one of these kinds.
    Kind(Vec<String>),
    /// About one of these partitions.
    Part(Vec<String>),
    /// Of one of these hosts, or naming it.
    Node(Vec<String>),
    /// This event, or about it.
    Op(Vec<u64>),
    /// About one of these faults, counted from 1.
    Fault(Vec<u32>),
    /// About records with these offsets.
    Offset(Vec<Range<i64>>),
    /// In one of these leader epochs.
    Epoch(Vec<Range<i64>>),
}

const KEYS: [&str; 7] = ["kind", "part", "node", "op", "fault", "offset", "epoch"];
/// Short words for kinds of which no part begins with them.
const ALIASES: [(&str, &str); 3] =
    [("hw", "high-watermark-moved"), ("isr", "in-sync-changed"), ("ack", "produce-answered")];
/// Fields that hold an offset of a partition.
const OFFSETS: [&str; 11] = [
    "base_offset",
    "offset",
    "high_watermark",
    "log_start_offset",
    "log_end_offset",
    "durable_end",
    "end_offset",
    "position",
    "diverged_at",
    "first_base",
    "low_watermark",
];
/// Fields that hold a leader epoch.
const EPOCHS: [&str; 2] = ["leader_epoch", "last_epoch"];
/// Kinds whose `offset` is that of a metadata record.
const OF_METADATA: [&str; 2] = ["partition-decided", "partition-committed"];

/// Reads `word`: a short test, or one of another key; `None` when it is neither.
pub(super) fn read(word: &str) -> Result<Option<Result<Short, Test>>, Problem> {
    let Some((key, values)) = word.split_once(':') else { return Ok(None) };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if key.is_empty() || !key.chars().all(is_name) || !key.contains(|c: char| c.is_alphabetic()) {
        return Ok(None);
    }
    let known = KEYS.contains(&key);
    if !known && !is_key(key) {
        let nearest = match unknown_key(key) {
            Problem::Key { .. } => nearest(key, KEYS.into_iter().chain(["before", "after"])),
            _ => String::new(),
        };
        let known = format!("{}, before, after", KEYS.join(", "));
        return Err(Problem::ShortKey { key: key.to_owned(), known, nearest });
    }
    if values.split(',').any(str::is_empty) {
        return Err(Problem::Incomplete(word.to_owned()));
    }
    if !known {
        return Test::any_of(key, values).map(|test| Some(Err(test)));
    }
    let values = || values.split(',');
    let texts = || values().map(str::to_owned).collect::<Vec<_>>();
    let short = match key {
        "kind" => Short::Kind(values().map(kind).collect::<Result<_, _>>()?),
        "part" => Short::Part(texts()),
        "node" => Short::Node(texts()),
        "op" => Short::Op(values().map(index).collect::<Result<_, _>>()?),
        "fault" => Short::Fault(values().map(fault).collect::<Result<_, _>>()?),
        "offset" => {
            Short::Offset(values().map(|it| range("offset", it)).collect::<Result<_, _>>()?)
        }
        _ => Short::Epoch(values().map(|it| range("epoch", it)).collect::<Result<_, _>>()?),
    };
    Ok(Some(Ok(short)))
}

fn wrong(key: &'static str, value: &str, form: impl Into<String>) -> Problem {
    Problem::Form { key, value: value.to_owned(), form: form.into() }
}

/// A word for kinds: one that no event can have is a mistake.
fn kind(word: &str) -> Result<String, Problem> {
    let word = word.to_lowercase();
    let mut apis = (0..=i8::MAX).filter_map(|key| ApiKey::from_key(key.into()));
    let is_api = apis.any(|api| api.name().to_lowercase().starts_with(&word));
    if Kind::TABLE.iter().any(|info| is_kind(info.name, &word)) || is_api {
        return Ok(word);
    }
    let parts = Kind::TABLE.iter().flat_map(|info| info.name.split('-'));
    let alike = |part: &&str| {
        part.chars().zip(word.chars()).take_while(|(ours, theirs)| ours == theirs).count()
    };
    let near = parts.max_by_key(alike).filter(|part| alike(part) >= 3);
    let near = near.map(|part| format!("; did you mean `{part}`?")).unwrap_or_default();
    let form = "write a kind of event, a part of its name, or a request such as fetch";
    Err(wrong("kind", &word, format!("{form}{near}")))
}

/// Whether `word` stands for the kind `name`: it begins with it, or a part of it does.
fn is_kind(name: &str, word: &str) -> bool {
    name.starts_with(word)
        || name.split('-').any(|part| part.starts_with(word))
        || ALIASES.contains(&(word, name))
}

fn index(text: &str) -> Result<u64, Problem> {
    let number = text.strip_prefix('e').unwrap_or(text).parse();
    number.map_err(|_| wrong("op", text, "write the event with which it began, as in op:e178769"))
}

fn fault(text: &str) -> Result<u32, Problem> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| wrong("fault", text, "write its place in the plan, from 1"))
}

/// `a`, `a..b`, `a..` or `..b`, below b.
fn range(key: &'static str, text: &str) -> Result<Range<i64>, Problem> {
    let bad = || wrong(key, text, format!("write {key}:17, {key}:10..20 (below 20) or {key}:10.."));
    let number = |text: &str| text.parse::<i64>().map_err(|_| bad());
    let range = match text.split_once("..") {
        None => {
            let only = number(text)?;
            only..only.checked_add(1).ok_or_else(bad)?
        }
        Some(("", "")) => return Err(bad()),
        Some((from, "")) => number(from)?..i64::MAX,
        Some(("", below)) => i64::MIN..number(below)?,
        Some((from, below)) => number(from)?..number(below)?,
    };
    if range.is_empty() { Err(bad()) } else { Ok(range) }
}

fn overlap(one: &Range<i64>, other: &Range<i64>) -> bool {
    one.start < other.end && other.start < one.end
}

impl Short {
    pub(super) fn names_node(&self) -> bool {
        matches!(self, Self::Node(_))
    }

    pub(super) fn names_partition(&self) -> bool {
        matches!(self, Self::Part(_))
    }

    pub(super) fn check_nodes(&self, known: &[String], names: &Names) -> Result<(), Problem> {
        let Self::Node(nodes) = self else { return Ok(()) };
        let hosts = names.setup().hosts().map(|(id, _)| id);
        let hosts: Vec<Option<HostId>> = hosts.map(Some).chain([None]).collect();
        for node in nodes {
            if !hosts.iter().any(|host| is_node(*host, node, names)) {
                return Err(absent("node", node, known));
            }
        }
        Ok(())
    }

    pub(super) fn check_partitions(&self, known: &[String]) -> Result<(), Problem> {
        let Self::Part(parts) = self else { return Ok(()) };
        for part in parts {
            if !known.iter().any(|name| is_part(name, part)) {
                return Err(absent("partition", part, known));
            }
        }
        Ok(())
    }

    pub(super) fn accepts(&self, event: &Event, names: &Names) -> bool {
        match self {
            Self::Kind(words) => {
                let name = event.kind.name();
                let api = match &event.kind {
                    Kind::Delivered { api, .. } => Some(api.name().to_lowercase()),
                    _ => None,
                };
                words.iter().any(|word| {
                    is_kind(name, word) || api.as_ref().is_some_and(|api| api.starts_with(word))
                })
            }
            Self::Part(parts) => {
                let found = found(event, |value| match value {
                    Value::Partition(partition) => Some(names.partition(*partition)),
                    // All partitions of a topic, and the topic.
                    Value::Topic(topic) => Some(format!("{}-", names.topic(*topic))),
                    _ => None,
                });
                found.iter().any(|name| parts.iter().any(|part| is_part(name, part)))
            }
            Self::Node(nodes) => {
                let mut hosts = found(event, |value| match value {
                    Value::Host(host) => Some(Some(*host)),
                    _ => None,
                });
                hosts.push(event.host);
                hosts.iter().any(|host| nodes.iter().any(|node| is_node(*host, node, names)))
            }
            Self::Op(indexes) => {
                indexes.iter().any(|index| event.index == *index || event.about == Some(*index))
            }
            Self::Fault(numbers) => number_of(event, "fault")
                .is_some_and(|place| numbers.iter().any(|it| i64::from(*it) == place + 1)),
            Self::Offset(ranges) => {
                let found = offsets(event);
                found.iter().any(|held| ranges.iter().any(|range| overlap(held, range)))
            }
            Self::Epoch(ranges) => EPOCHS.iter().any(|key| {
                let epoch = number_of(event, key);
                epoch.is_some_and(|epoch| ranges.iter().any(|range| range.contains(&epoch)))
            }),
        }
    }
}

/// What `take` takes of the event's fields and of their items.
fn found<T>(event: &Event, take: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    let mut taken = Vec::new();
    for (_, value) in event.kind.values() {
        taken.extend(take(&value));
        if let Value::List(items) = &value {
            taken.extend(items.iter().filter_map(&take));
        }
    }
    taken
}

fn number_of(event: &Event, key: &str) -> Option<i64> {
    let fields = event.kind.values();
    fields.iter().find_map(|(name, value)| match value {
        Value::Number(number) if *name == key => Some(*number),
        _ => None,
    })
}

/// `orders-0` is `orders-0`, `orders` and `0`; `orders-` is the topic alone.
fn is_part(name: &str, part: &str) -> bool {
    let Some((topic, index)) = name.rsplit_once('-') else { return name == part };
    name == part || topic == part || (!index.is_empty() && index == part)
}

/// `controller-1` on which node 3001 runs is `controller-1`, `c1`, as timelines have it, `c3001`
/// and `3001`; `None` is the world.
fn is_node(host: Option<HostId>, wanted: &str, names: &Names) -> bool {
    let name = names.setup().host_name(host);
    if name == wanted {
        return true;
    }
    let part = host.and_then(|host| names.setup().part(host));
    let (word, node) = match part {
        Some(Part::Broker(node)) => ("broker", node.0.to_string()),
        Some(Part::Controller(node)) => ("controller", node.0.to_string()),
        Some(Part::Client(_)) | None => return false,
    };
    let number = name.strip_prefix(word).and_then(|rest| rest.strip_prefix('-'));
    let is_short = |rest: &str| rest == node || number == Some(rest);
    wanted == node || wanted.strip_prefix(&word[..1]).is_some_and(is_short)
}

/// The stretches of a partition's offsets that the event is about.
fn offsets(event: &Event) -> Vec<Range<i64>> {
    let number = |key: &str| number_of(event, key);
    let is_of_partition = !found(event, |value| match value {
        Value::Partition(_) => Some(()),
        _ => None,
    })
    .is_empty();
    if !is_of_partition || OF_METADATA.contains(&event.kind.name()) {
        return Vec::new();
    }
    if let (Some(base), Some(records)) = (number("base_offset"), number("records")) {
        return std::iter::once(base..base.saturating_add(records)).collect();
    }
    if let Kind::LogTruncated { log_end_offset, from, .. } = &event.kind {
        return std::iter::once(log_end_offset.0..from.0).collect();
    }
    let exactly = |key: &&str| number(key).map(|offset| offset..offset.saturating_add(1));
    OFFSETS.iter().filter_map(exactly).collect()
}
