//! Reads what concerns the network and how long work takes: links, service times, and the faults
//! that befall them.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use crate::scenario::file_error::Wrong;
use crate::scenario::file_keys as keys;
use crate::scenario::known::Known;
use crate::scenario::plan::{
    Direction, Fault, Latency, LinkPlan, NetworkPlan, ServicePlan, Shape, Slower,
};
use crate::scenario::table::{Mistakes, Table, duration, kind, number, text, word};
use crate::scenario::target::Target;
use crate::scenario::units::{parse_bandwidth, parse_share, show_duration};

const DIRECTIONS: &[(&str, Direction)] = &[
    ("inbound", Direction::Inbound),
    ("outbound", Direction::Outbound),
    ("both", Direction::Both),
];
const FACTOR_MAX: u64 = 1_000_000;

/// The latency under `latency`.
fn latency(table: &Table<'_, '_>, mistakes: &mut Mistakes) -> Option<Latency> {
    latency_under("latency", table, mistakes)
}

/// The latency under `key`.
pub(crate) fn latency_under(
    key: &'static str,
    table: &Table<'_, '_>,
    mistakes: &mut Mistakes,
) -> Option<Latency> {
    let table = table.table(key, &keys::LATENCY, mistakes)?;
    let p50 = table.need("p50", mistakes, duration);
    let p99 = table.need("p99", mistakes, duration);
    let max = table.need("max", mistakes, duration);
    let (p50, p99, max) = (p50?, p99?, max?);
    if p50.value.is_zero() {
        let what = "`p50`: a message cannot arrive as it is sent";
        mistakes.add(p50.line, Wrong::new(what, "write \"1us\" or more"));
        return None;
    }
    if p50.value > p99.value || p99.value > max.value {
        let what = "a latency's `p50`, `p99` and `max` must rise";
        let mut sorted = [p50.value, p99.value, max.value];
        sorted.sort();
        let [p50, p99, max] = sorted.map(show_duration);
        let instead = format!("write p50 = \"{p50}\", p99 = \"{p99}\", max = \"{max}\"");
        mistakes.add(table.line, Wrong::new(what, instead));
        return None;
    }
    Some(Latency { p50: p50.value, p99: p99.value, max: max.value })
}

/// A share: `"0.5%"`, in parts per million.
fn share(value: &DeValue<'_>) -> Result<u32, Wrong> {
    match value.as_str() {
        Some(text) => parse_share(text),
        None => Err(Wrong::new(
            format!("{} is no share", kind(value)),
            "write a number and `%` in quotes, as in \"0.5%\"",
        )),
    }
}

/// A bandwidth: `"100Mbit/s"`, in bytes a second.
fn bandwidth(value: &DeValue<'_>) -> Result<u64, Wrong> {
    match value.as_str() {
        Some(text) => parse_bandwidth(text),
        None => Err(Wrong::new(
            format!("{} is no bandwidth", kind(value)),
            "write an amount a second in quotes, as in \"100Mbit/s\" or \"10MB/s\"",
        )),
    }
}

/// `[network]`.
pub(crate) fn network(root: &Table<'_, '_>, mistakes: &mut Mistakes) -> NetworkPlan {
    let Some(table) = root.table("network", &keys::NETWORK, mistakes) else {
        return NetworkPlan::default();
    };
    NetworkPlan {
        latency: latency(&table, mistakes).unwrap_or_default(),
        loss: table.read("loss", mistakes, share).map_or(0, |read| read.value),
        bandwidth: table.read("bandwidth", mistakes, bandwidth).map(|read| read.value),
    }
}

/// `[[link]]`.
pub(crate) fn links(root: &Table<'_, '_>, known: &Known, mistakes: &mut Mistakes) -> Vec<LinkPlan> {
    let mut links: Vec<LinkPlan> = Vec::new();
    for table in root.tables("link", &keys::LINK, mistakes) {
        let between = table.need("between", mistakes, |value| pair(value, |text| known.host(text)));
        let latency = match table.has("latency") {
            true => latency(&table, mistakes),
            false => Some(Latency::default()),
        };
        let loss = table.read("loss", mistakes, share).map_or(0, |read| read.value);
        let bandwidth = table.read("bandwidth", mistakes, bandwidth).map(|read| read.value);
        let (Some(between), Some(latency)) = (between, latency) else { continue };
        let (a, b) = between.value;
        let same = |link: &LinkPlan| {
            link.between == (a.clone(), b.clone()) || link.between == (b.clone(), a.clone())
        };
        if links.iter().any(same) {
            let what = format!("the link between `{a}` and `{b}` is described twice");
            mistakes.add(table.line, Wrong::new(what, "leave one"));
        }
        links.push(LinkPlan { between: (a, b), latency, loss, bandwidth });
    }
    links
}

/// The service times under `service`, over those of `shared`.
pub(crate) fn service(
    table: &Table<'_, '_>,
    shared: ServicePlan,
    mistakes: &mut Mistakes,
) -> ServicePlan {
    let Some(table) = table.table("service", &keys::SERVICE, mistakes) else { return shared };
    let mut time = |key, shared: Option<Duration>| {
        table.read(key, mistakes, duration).map(|read| read.value).or(shared)
    };
    ServicePlan {
        produce: time("produce", shared.produce),
        fetch: time("fetch", shared.fetch),
        request: time("request", shared.request),
        response: time("response", shared.response),
        kib: time("kib", shared.kib),
        other: time("other", shared.other),
    }
}

/// Which way a fault acts.
pub(crate) fn direction(table: &Table<'_, '_>, mistakes: &mut Mistakes) -> Direction {
    let read = table.read("direction", mistakes, |value| word(value, DIRECTIONS));
    read.map_or(Direction::Both, |read| read.value)
}

/// `partition = {}`: groups that are named, or a shape.
pub(crate) fn partition(
    table: &Table<'_, '_>,
    known: &Known,
    mistakes: &mut Mistakes,
) -> Option<Fault> {
    let table = table.table("partition", &keys::PARTITION, mistakes)?;
    let instead = "write groups = [[...], [...]], or shape = \"halves\"";
    match (table.has("groups"), table.has("shape")) {
        (true, false) if table.has("of") => {
            let what = "partition has `groups`, which say who stands where, and `of`";
            mistakes.add(table.line, Wrong::new(what, "leave `of` out"));
            None
        }
        (true, false) => {
            let groups = table.need("groups", mistakes, |value| groups(value, known))?;
            Some(Fault::Partition { groups: groups.value })
        }
        (false, true) => shape(&table, known, mistakes),
        (true, true) => {
            mistakes
                .add(table.line, Wrong::new("partition has both `groups` and `shape`", instead));
            None
        }
        (false, false) => {
            let what = "partition has neither `groups` nor `shape`";
            mistakes.add(table.line, Wrong::new(what, instead));
            None
        }
    }
}

fn shape(table: &Table<'_, '_>, known: &Known, mistakes: &mut Mistakes) -> Option<Fault> {
    let words = Shape::ALL.map(|shape| (shape.name(), shape));
    let shape = table.need("shape", mistakes, |value| word(value, &words));
    let of = table.read("of", mistakes, |value| targets(value, known));
    let (line, shape) = (table.line, shape?.value);
    let of = match of {
        Some(read) => read.value,
        None if table.has("of") => return None,
        None => vec![Target::EveryBroker, Target::EveryController],
    };
    let hosts: usize = of.iter().map(|target| known.hosts_of(target)).sum();
    let least = shape.hosts_min();
    if hosts < least {
        let what = format!("`{}` takes at least {least} hosts, not {hosts}", shape.name());
        mistakes.add(line, Wrong::new(what, "name more in `of`"));
        return None;
    }
    Some(Fault::Shape { shape, of })
}

fn targets(value: &DeValue<'_>, known: &Known) -> Result<Vec<Target>, Wrong> {
    let instead = "write a list, as in [\"every broker\", \"checkout\"]";
    let list = value.as_array();
    let list = list.ok_or_else(|| Wrong::new(format!("{} is no list", kind(value)), instead))?;
    let mut targets = Vec::new();
    for element in list {
        let target = known.target(&text(element.get_ref())?)?;
        if targets.contains(&target) {
            return Err(Wrong::new(format!("`{target}` is named twice"), "leave it once"));
        }
        targets.push(target);
    }
    Ok(targets)
}

/// `delay`, `lose`, `throttle`, `reset`, `slow`.
pub(crate) fn network_fault(
    kind: &str,
    table: &Table<'_, '_>,
    known: &Known,
    mistakes: &mut Mistakes,
) -> Option<Fault> {
    match kind {
        "delay" => delay(table, known, mistakes),
        "lose" => {
            let table = table.table("lose", &keys::LOSE, mistakes)?;
            let loss = table.need("loss", mistakes, |value| match share(value)? {
                0 => Err(Wrong::new("nothing would be lost", "write \"0.1%\" or more")),
                some => Ok(some),
            });
            let direction = direction(&table, mistakes);
            let between = ends(&table, known, mistakes)?;
            Some(Fault::Lose { between, loss: loss?.value, direction })
        }
        "throttle" => {
            let table = table.table("throttle", &keys::THROTTLE, mistakes)?;
            let bandwidth = table.need("bandwidth", mistakes, bandwidth);
            let direction = direction(&table, mistakes);
            let between = ends(&table, known, mistakes)?;
            Some(Fault::Throttle { between, bandwidth: bandwidth?.value, direction })
        }
        "reset" => {
            let table = table.table("reset", &keys::RESET, mistakes)?;
            Some(Fault::Reset { between: ends(&table, known, mistakes)? })
        }
        _ => {
            let table = table.table("slow", &keys::SLOW, mistakes)?;
            let factor = table.need("factor", mistakes, |value| number(value, 2, FACTOR_MAX));
            let host = table.need("host", mistakes, |value| known.target(&text(value)?))?.value;
            Some(Fault::Slow { host, factor: u32::try_from(factor?.value).ok()? })
        }
    }
}

fn delay(table: &Table<'_, '_>, known: &Known, mistakes: &mut Mistakes) -> Option<Fault> {
    let table = table.table("delay", &keys::DELAY, mistakes)?;
    let slower = match (table.has("latency"), table.has("by")) {
        (true, false) => {
            if table.has("jitter") {
                let what = "`jitter` goes with `by`, and a `latency` spreads by itself";
                mistakes.add(table.line, Wrong::new(what, "leave `jitter` out"));
            }
            latency(&table, mistakes).map(Slower::Latency)
        }
        (false, true) => more(&table, mistakes),
        (both, _) => {
            let what = match both {
                true => "`delay` has both `latency` and `by`",
                false => "`delay` has neither `latency` nor `by`",
            };
            let instead = "write by = \"50ms\", or latency = { p50 = \"50ms\", p99 = \"80ms\", \
                           max = \"100ms\" }";
            mistakes.add(table.line, Wrong::new(what, instead));
            None
        }
    };
    let direction = direction(&table, mistakes);
    let between = ends(&table, known, mistakes)?;
    Some(Fault::Delay { between, slower: slower?, direction })
}

fn more(table: &Table<'_, '_>, mistakes: &mut Mistakes) -> Option<Slower> {
    let by = table.need("by", mistakes, |value| match duration(value)? {
        none if none.is_zero() => Err(Wrong::new("that is no delay", "write \"1us\" or more")),
        some => Ok(some),
    });
    let jitter = table.read("jitter", mistakes, duration);
    let by = by?.value;
    if let Some(jitter) = &jitter
        && jitter.value > by
    {
        let what = "`jitter`: a message would arrive sooner than usual";
        let instead = format!("write at most \"{}\", as much as `by`", show_duration(by));
        mistakes.add(jitter.line, Wrong::new(what, instead));
        return None;
    }
    Some(Slower::By { by, jitter: jitter.map(|read| read.value).unwrap_or_default() })
}

/// The host, or the two, that a fault of links befalls.
fn ends(
    table: &Table<'_, '_>,
    known: &Known,
    mistakes: &mut Mistakes,
) -> Option<(Target, Option<Target>)> {
    match (table.has("host"), table.has("between")) {
        (true, false) => {
            let host = table.read("host", mistakes, |value| known.target(&text(value)?))?;
            Some((host.value, None))
        }
        (false, true) => {
            let pair = |value: &DeValue<'_>| pair(value, |text| known.target(text));
            let (a, b) = table.read("between", mistakes, pair)?.value;
            Some((a, Some(b)))
        }
        (_, both) => {
            let how = if both { "both `host` and" } else { "neither `host` nor" };
            let what = format!("`{}` has {how} `between`", table.section().name);
            mistakes.add(table.line, Wrong::new(what, "write one of them"));
            None
        }
    }
}

/// Two different hosts.
pub(crate) fn pair(
    value: &DeValue<'_>,
    read: impl Fn(&str) -> Result<Target, Wrong>,
) -> Result<(Target, Target), Wrong> {
    let instead = "write two of them, as in [\"broker-1\", \"broker-3\"]";
    let list = value.as_array().map(|list| list.iter().collect::<Vec<_>>());
    let Some([a, b]) = list.as_deref() else {
        return Err(Wrong::new(format!("{} is no pair", kind(value)), instead));
    };
    let (a, b) = (read(&text(a.get_ref())?)?, read(&text(b.get_ref())?)?);
    if a == b {
        return Err(Wrong::new(format!("`{a}` has no link to itself"), instead));
    }
    Ok((a, b))
}

fn groups(value: &DeValue<'_>, known: &Known) -> Result<Vec<Vec<Target>>, Wrong> {
    let instead = "write at least two lists, as in [[\"broker-1\"], [\"broker-2\", \"broker-3\"]]";
    let lists = value.as_array().filter(|lists| lists.len() >= 2);
    let lists = lists.ok_or_else(|| Wrong::new("there are no two groups", instead))?;
    let mut groups = Vec::new();
    let mut seen: Vec<Target> = Vec::new();
    for list in lists {
        let members = list.get_ref().as_array().filter(|members| !members.is_empty());
        let members = members.ok_or_else(|| Wrong::new("a group is no list of hosts", instead))?;
        let member = |value: &Spanned<DeValue<'_>>| known.target(&text(value.get_ref())?);
        let group: Vec<Target> = members.iter().map(member).collect::<Result<_, _>>()?;
        for target in &group {
            if seen.contains(target) {
                let what = format!("`{target}` is in two groups, or twice in one");
                return Err(Wrong::new(what, "leave it in one"));
            }
            seen.push(target.clone());
        }
        groups.push(group);
    }
    Ok(groups)
}
