//! Reads faults, random faults and claims.

use std::collections::BTreeSet;
use std::time::Duration;

use toml::de::DeValue;

use crate::scenario::decode::Vocabulary;
use crate::scenario::decode_fault_disk;
use crate::scenario::decode_network::{direction, network_fault, pair, partition};
use crate::scenario::file_error::{Wrong, suggest};
use crate::scenario::file_keys as keys;
use crate::scenario::known::Known;
use crate::scenario::plan::{
    Budget, ClaimPlan, CrashKeep, Fault, FaultPlan, Milestone, Profile, RandomFaults, TopicPlan,
    Trigger,
};
use crate::scenario::table::{Mistakes, Table, duration, kind, number, text, word};
use crate::scenario::target::Target;
use crate::scenario::units::{show_duration, shown};
use crate::types::{Expectation, Name, PropertyName};

const KINDS: &[&str] = &[
    "crash",
    "pause",
    "stall",
    "isolate",
    "partition",
    "cut",
    "delay",
    "lose",
    "throttle",
    "reset",
    "slow",
    "stop",
    "rolling_restart",
];

/// `[[fault]]`.
pub(crate) fn faults(
    root: &Table<'_, '_>,
    known: &Known,
    act: Option<Duration>,
    vocabulary: &Vocabulary,
    mistakes: &mut Mistakes,
) -> Vec<FaultPlan> {
    let mut plans = Vec::new();
    for table in root.tables("fault", &keys::FAULT, mistakes) {
        let trigger = trigger(&table, known, act, vocabulary, mistakes);
        let lasts = lasts(&table, trigger.as_ref(), act, mistakes);
        let kinds = KINDS.iter().chain(&decode_fault_disk::KINDS).copied();
        let present: Vec<_> = kinds.clone().filter(|kind| table.has(kind)).collect();
        let fault = match present.as_slice() {
            [kind] => {
                let fault = fault(kind, &table, known, mistakes);
                check_lasts(fault.as_ref(), lasts, table.line, mistakes);
                fault
            }
            // A misspelt kind has been noted already.
            [] if table.has_strangers => None,
            [] => {
                let what = "[[fault]] says not what goes wrong";
                let instead = format!("write one of `{}`", kinds.collect::<Vec<_>>().join("`, `"));
                mistakes.add(table.line, Wrong::new(what, instead));
                None
            }
            several => {
                let what = format!("[[fault]] has `{}` at once", several.join("` and `"));
                mistakes.add(table.line, Wrong::new(what, "write a [[fault]] for each"));
                None
            }
        };
        if let (Some(trigger), Some(fault)) = (trigger, fault) {
            plans.push(FaultPlan { trigger, fault, lasts, line: table.line });
        }
    }
    plans
}

/// What is over at once cannot last.
fn check_lasts(fault: Option<&Fault>, lasts: Option<Duration>, line: u32, mistakes: &mut Mistakes) {
    if let (Some(fault), Some(_)) = (fault, lasts)
        && fault.is_instant()
    {
        let what = format!("`{}` is over as soon as it has begun", fault.name());
        mistakes.add(line, Wrong::new(what, "leave `for` out"));
    }
}

pub(crate) fn trigger(
    table: &Table<'_, '_>,
    known: &Known,
    act: Option<Duration>,
    vocabulary: &Vocabulary,
    mistakes: &mut Mistakes,
) -> Option<Trigger> {
    let instead = "write `at = \"10s\"`, or `when = { event = ... }`";
    match (table.has("at"), table.has("when")) {
        (true, false) => {
            let at = table.read("at", mistakes, duration)?;
            if let Some(act) = act
                && at.value >= act
            {
                let what = format!("`at` is {}, after the end", show(at.value));
                let instead = format!("the scenario's `duration` is {}", show(act));
                mistakes.add(at.line, Wrong::new(what, instead));
                return None;
            }
            Some(Trigger::At(at.value))
        }
        (false, true) => milestone(table, known, vocabulary, mistakes).map(Trigger::When),
        (true, true) => {
            let what = format!("{} has both `at` and `when`", table.section().name);
            mistakes.add(table.line, Wrong::new(what, instead));
            None
        }
        (false, false) => {
            let what = format!("{} says not when", table.section().name);
            mistakes.add(table.line, Wrong::new(what, instead));
            None
        }
    }
}

fn lasts(
    table: &Table<'_, '_>,
    trigger: Option<&Trigger>,
    act: Option<Duration>,
    mistakes: &mut Mistakes,
) -> Option<Duration> {
    let lasts = table.read("for", mistakes, duration)?;
    if lasts.value.is_zero() {
        let instead = "write at least \"1us\", or leave it out to last until healing";
        mistakes.add(lasts.line, Wrong::new("`for`: the fault lasts no time", instead));
    }
    if let (Some(Trigger::At(at)), Some(act)) = (trigger, act)
        && *at + lasts.value > act
    {
        let what = format!(
            "the fault lasts until {}, past the end at {}",
            show(*at + lasts.value),
            show(act)
        );
        let left = show(act.saturating_sub(*at));
        let instead = format!("write at most {left}, or leave `for` out to last until healing");
        mistakes.add(lasts.line, Wrong::new(what, instead));
    }
    Some(lasts.value)
}

fn milestone(
    table: &Table<'_, '_>,
    known: &Known,
    vocabulary: &Vocabulary,
    mistakes: &mut Mistakes,
) -> Option<Milestone> {
    let table = table.table("when", &keys::WHEN, mistakes)?;
    let event = table.need("event", mistakes, |value| {
        let name = text(value)?;
        let events = || vocabulary.events.iter().map(|(name, _)| *name);
        events().find(|known| *known == name).ok_or_else(|| {
            let what = format!("there is no event `{}`", shown(&name));
            Wrong::new(what, suggest(&name, events()))
        })
    });
    let partition = table.read("partition", mistakes, |value| known.partition(&text(value)?));
    let host = table.read("host", mistakes, |value| known.recorder(&text(value)?));
    let count = table.read("count", mistakes, |value| number(value, 1, 1_000_000_000));
    let after = table.read("after", mistakes, duration);
    let event = event?.value;
    let known_fields = vocabulary.events.iter().find(|(name, _)| *name == event);
    let known_fields = known_fields.map_or(&[][..], |(_, fields)| fields.as_slice());
    let fields = fields(&table, event, known_fields, mistakes);
    if partition.is_some() && !known_fields.contains(&"partition") {
        let what = format!("the event `{event}` is about no partition");
        mistakes.add(table.line, Wrong::new(what, "leave `partition` out"));
    }
    Some(Milestone {
        event: event.into(),
        partition: partition.map(|read| read.value),
        host: host.map(|read| read.value),
        fields,
        count: count.map_or(1, |read| read.value),
        after: after.map_or(Duration::ZERO, |read| read.value),
    })
}

fn fields(
    table: &Table<'_, '_>,
    event: &str,
    known: &[&'static str],
    mistakes: &mut Mistakes,
) -> Vec<(Name, Name)> {
    let Some(value) = table.raw("where") else { return Vec::new() };
    let DeValue::Table(inner) = value.get_ref() else {
        let what = format!("`where` is {}", kind(value.get_ref()));
        let instead = "write a table of the event's fields, as in { role = \"leader\" }";
        mistakes.add(mistakes.line(value.span().start), Wrong::new(what, instead));
        return Vec::new();
    };
    let mut fields = Vec::new();
    for (key, value) in inner {
        let name: &str = key.get_ref();
        let line = mistakes.line(key.span().start);
        if !known.contains(&name) {
            let what = format!("the event `{event}` has no field `{}`", shown(name));
            mistakes.add(line, Wrong::new(what, suggest(name, known.iter().copied())));
            continue;
        }
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            other => {
                let what = format!("`{name}` is {}", kind(other));
                mistakes.add(line, Wrong::new(what, "write what `kafsim events` shows"));
                continue;
            }
        };
        fields.push((name.into(), text.into()));
    }
    fields
}

fn fault(
    kind: &str,
    table: &Table<'_, '_>,
    known: &Known,
    mistakes: &mut Mistakes,
) -> Option<Fault> {
    let target = |value: &DeValue<'_>| known.target(&text(value)?);
    match kind {
        "crash" => {
            let table = table.table("crash", &keys::CRASH, mistakes)?;
            let words = [("page-cache", CrashKeep::PageCache), ("synced", CrashKeep::Synced)];
            let keep = table.read("keep", mistakes, |value| word(value, &words));
            let host = table.need("host", mistakes, target)?.value;
            Some(Fault::Crash { host, keep: keep.map(|read| read.value).unwrap_or_default() })
        }
        "pause" => {
            let table = table.table("pause", &keys::PAUSE, mistakes)?;
            Some(Fault::Pause { host: table.need("host", mistakes, target)?.value })
        }
        "stall" => {
            let table = table.table("stall", &keys::STALL, mistakes)?;
            let client = |value: &DeValue<'_>| match target(value)? {
                host @ (Target::Client(_)
                | Target::EveryClient
                | Target::GroupLeader(_)
                | Target::OwnerOf(..)
                | Target::NewestMember(_)) => Ok(host),
                other => Err(Wrong::new(
                    format!("`{other}` has no application"),
                    "name a client, or write a `pause`",
                )),
            };
            Some(Fault::Stall { host: table.need("host", mistakes, client)?.value })
        }
        "isolate" => {
            let table = table.table("isolate", &keys::ISOLATE, mistakes)?;
            let direction = direction(&table, mistakes);
            Some(Fault::Isolate { host: table.need("host", mistakes, target)?.value, direction })
        }
        "partition" => partition(table, known, mistakes),
        "cut" => {
            let table = table.table("cut", &keys::CUT, mistakes)?;
            let direction = direction(&table, mistakes);
            let pair = |value: &DeValue<'_>| pair(value, |text| known.target(text));
            let between = table.need("between", mistakes, pair)?.value;
            Some(Fault::Cut { between, direction })
        }
        "stop" => {
            let table = table.table("stop", &keys::STOP, mistakes)?;
            let kill_after = kill_after(&table, mistakes);
            Some(Fault::Stop { host: table.need("host", mistakes, target)?.value, kill_after })
        }
        "rolling_restart" => rolling_restart(table, known, mistakes),
        "delay" | "lose" | "throttle" | "reset" | "slow" => {
            network_fault(kind, table, known, mistakes)
        }
        _ => decode_fault_disk::fault(kind, table, known, mistakes),
    }
}

fn rolling_restart(table: &Table<'_, '_>, known: &Known, mistakes: &mut Mistakes) -> Option<Fault> {
    let table = table.table("rolling_restart", &keys::ROLLING_RESTART, mistakes)?;
    let pause = table.read("pause", mistakes, duration);
    let kill_after = kill_after(&table, mistakes);
    let hosts = if table.has("hosts") {
        table.read("hosts", mistakes, |value| restarted(value, known))?.value
    } else {
        vec![Target::EveryBroker]
    };
    let pause = pause.map_or(Duration::ZERO, |read| read.value);
    Some(Fault::RollingRestart { hosts, pause, kill_after })
}

fn kill_after(table: &Table<'_, '_>, mistakes: &mut Mistakes) -> Option<Duration> {
    let read = table.read("kill_after", mistakes, duration)?;
    if read.value.is_zero() {
        let what = "`kill_after`: the process has no time to end";
        mistakes.add(read.line, Wrong::new(what, "write at least \"1us\", or a `crash`"));
    }
    Some(read.value)
}

/// Whom a rolling restart restarts: a target, or a list of different ones.
fn restarted(value: &DeValue<'_>, known: &Known) -> Result<Vec<Target>, Wrong> {
    let instead = "write \"every broker\", or a list as in [\"broker-1\", \"broker-3\"]";
    let Some(list) = value.as_array() else {
        return Ok(vec![
            known
                .target(&text(value).map_err(|_| {
                    Wrong::new(format!("{} names no hosts", kind(value)), instead)
                })?)?,
        ]);
    };
    let mut hosts: Vec<Target> = Vec::new();
    for value in list {
        let target = known.target(&text(value.get_ref())?)?;
        if hosts.contains(&target) {
            return Err(Wrong::new(format!("`{target}` is listed twice"), "leave it in once"));
        }
        hosts.push(target);
    }
    if hosts.is_empty() {
        return Err(Wrong::new("the list of hosts is empty", instead));
    }
    Ok(hosts)
}

/// `[faults.random]`.
pub(crate) fn random(
    root: &Table<'_, '_>,
    known: &Known,
    topics: &[TopicPlan],
    mistakes: &mut Mistakes,
) -> Option<RandomFaults> {
    let faults = root.table("faults", &keys::FAULTS, mistakes)?;
    let table = faults.table("random", &keys::RANDOM, mistakes)?;
    let profiles = [("swarm", Profile::Swarm), ("steady", Profile::Steady)];
    let profile = table.read("profile", mistakes, |value| word(value, &profiles));
    let minority = u64::try_from((known.controllers - 1) / 2).unwrap_or(0);
    let brokers = u64::try_from(known.brokers).unwrap_or(0);
    let guarded = topics.iter().all(|topic| topic.config.integer("min.insync.replicas") >= 2);
    let mut budget = Budget {
        hosts_down: 1,
        controllers_down: u32::try_from(minority).unwrap_or(0),
        power_losses: u32::from(guarded && !topics.is_empty()),
        members_down: 1,
    };
    if let Some(table) = table.table("budget", &keys::BUDGET, mistakes) {
        let limits = [
            ("hosts_down", brokers, &mut budget.hosts_down),
            ("controllers_down", minority, &mut budget.controllers_down),
            ("power_losses", brokers, &mut budget.power_losses),
            ("members_down", 1000, &mut budget.members_down),
        ];
        for (key, max, place) in limits {
            if let Some(read) = table.read(key, mistakes, |value| number(value, 0, max)) {
                *place = u32::try_from(read.value).unwrap_or(0);
            }
        }
    }
    let without = table.read("without", mistakes, left_out);
    Some(RandomFaults {
        profile: profile.map(|read| read.value).unwrap_or_default(),
        budget,
        without: without.map(|read| read.value).unwrap_or_default(),
    })
}

/// Which of the drawn faults do not happen. How many there are, the seed says.
fn left_out(value: &DeValue<'_>) -> Result<BTreeSet<u32>, Wrong> {
    let instead = "write the places of drawn faults, as in [1, 4]";
    let list = value.as_array();
    let list = list.ok_or_else(|| Wrong::new(format!("{} is no list", kind(value)), instead))?;
    let mut places = BTreeSet::new();
    for element in list {
        let place = number(element.get_ref(), 1, u64::from(u32::MAX))?;
        if !places.insert(u32::try_from(place).unwrap_or(u32::MAX)) {
            return Err(Wrong::new(format!("fault {place} is listed twice"), "leave it in once"));
        }
    }
    Ok(places)
}

/// `[[claim]]`.
pub(crate) fn claims(root: &Table<'_, '_>, mistakes: &mut Mistakes) -> Vec<ClaimPlan> {
    let mut claims: Vec<ClaimPlan> = Vec::new();
    let expectations = [Expectation::Holds, Expectation::Violated, Expectation::May];
    let words = expectations.map(|expectation| (expectation.name(), expectation));
    for table in root.tables("claim", &keys::CLAIM, mistakes) {
        let expect = table.read("expect", mistakes, |value| word(value, &words));
        let property = table.need("property", mistakes, |value| {
            let name = text(value)?;
            PropertyName::from_name(&name).ok_or_else(|| {
                let what = format!("there is no property `{}`", shown(&name));
                let known = PropertyName::ALL.iter().map(|property| property.name());
                Wrong::new(what, suggest(&name, known))
            })
        });
        let Some(property) = property else { continue };
        let expect = expect.map_or(Expectation::Holds, |read| read.value);
        let property = property.value;
        if claims.iter().any(|claim| claim.property == property) {
            let what = format!("`{}` is claimed twice", property.name());
            mistakes.add(table.line, Wrong::new(what, "leave one"));
        }
        claims.push(ClaimPlan { property, expect, line: table.line });
    }
    claims
}

fn show(duration: Duration) -> String {
    format!("\"{}\"", show_duration(duration))
}
