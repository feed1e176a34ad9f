//! Reads consumer groups: `[[group]]`.

use std::time::Duration;

use toml::de::DeValue;

use crate::scenario::config::{Config, ConfigSource};
use crate::scenario::config_keys::Scope;
use crate::scenario::decode::{client_name, legal_name};
use crate::scenario::decode_admin::list;
use crate::scenario::decode_config::{given, layered, settle_producer};
use crate::scenario::file_error::Wrong;
use crate::scenario::file_keys as keys;
use crate::scenario::hardware::clock;
use crate::scenario::known::Known;
use crate::scenario::plan::ClientGroupPlan;
use crate::scenario::plan_group::{CommitPlan, DeployPlan, GroupPlan, PausePlan, ScalePlan};
use crate::scenario::table::{Mistakes, Read, Table, duration, kind, number, text, word};
use crate::types::{Name, TopicPattern};

const MEMBERS_MAX: u64 = 1000;

pub(crate) fn groups(
    root: &Table<'_, '_>,
    known: &Known,
    act: Option<Duration>,
    mistakes: &mut Mistakes,
) -> Vec<GroupPlan> {
    let mut groups: Vec<GroupPlan> = Vec::new();
    for table in root.tables("group", &keys::GROUP, mistakes) {
        let Some(plan) = group(&table, known, act, mistakes) else { continue };
        if groups.iter().any(|group| group.name == plan.name) {
            let what = format!("group `{}` is described twice", plan.name);
            let instead = "leave one: `scale` and `deploy` change its members later";
            mistakes.add(table.line, Wrong::new(what, instead));
        }
        groups.push(plan);
    }
    groups
}

fn group(
    table: &Table<'_, '_>,
    known: &Known,
    act: Option<Duration>,
    mistakes: &mut Mistakes,
) -> Option<GroupPlan> {
    let name = client_name(table, mistakes);
    let members = table.read("members", mistakes, |value| number(value, 1, MEMBERS_MAX));
    let members = members.map_or(1, count);
    let scale = scale(table, act, mistakes);
    let pauses = pauses(table, known, act, mistakes);
    let topics = table.read("topics", mistakes, |value| topic_list(value, known));
    let pattern = table.read("pattern", mistakes, |value| {
        let pattern = Name::from(text(value)?);
        let instead = "write a regular expression, as in \"orders-.*\"";
        TopicPattern::parse(&pattern).map_err(|error| Wrong::new(error, instead))?;
        Ok(pattern)
    });
    if table.has("topics") == table.has("pattern") {
        let what = "a [[group]] reads either `topics` or those of a `pattern`";
        mistakes.add(table.line, Wrong::new(what, "write `topics = [\"...\"]`"));
    }
    let processing = table.read("processing", mistakes, duration);
    let words = [
        ("auto", CommitPlan::Auto),
        ("sync", CommitPlan::Sync),
        ("async", CommitPlan::Async),
        ("before", CommitPlan::Before),
        ("never", CommitPlan::Never),
    ];
    let commit = table.read("commit", mistakes, |value| word(value, &words));
    let is_static = table.read("static", mistakes, flag);
    let produce_to = table.read("produce_to", mistakes, |value| known.topic(&text(value)?));
    let start = table.read("start", mistakes, duration);
    let own = given(table, "config", &[Scope::Member], mistakes);
    let config = layered(Scope::Member, &[], &own);
    check_protocol(&config, table.line, mistakes);
    let deployments = deployments(table, act, mistakes);
    let own = given(table, "producer", &[Scope::Producer], mistakes);
    let mut producer = layered(Scope::Producer, &[], &own);
    settle_producer(&mut producer, 0, mistakes);
    let clock = clock(table, mistakes);
    Some(GroupPlan {
        name: name?,
        members,
        scale,
        pauses,
        topics: topics.map(|read| read.value).unwrap_or_default(),
        pattern: pattern.map(|read| read.value),
        processing: processing.map(|read| read.value).unwrap_or_default(),
        commit: commit.map(|read| read.value).unwrap_or_default(),
        is_static: is_static.is_some_and(|read| read.value),
        produce_to: produce_to.map(|read| read.value),
        start: start.map(|read| read.value).unwrap_or_default(),
        config,
        deployments,
        producer,
        clock,
    })
}

/// The group that a `[[client]]` may join.
pub(crate) fn client_group(
    table: &Table<'_, '_>,
    mistakes: &mut Mistakes,
) -> Option<ClientGroupPlan> {
    let name = table.read("group", mistakes, |value| legal_name(text(value)?, 249));
    let is_static = table.read("static", mistakes, flag).map(|read| read.value);
    let auto_commit = table.read("auto_commit", mistakes, flag).map(|read| read.value);
    if !table.has("group") {
        for key in ["static", "auto_commit"].into_iter().filter(|key| table.has(key)) {
            let what = format!("`{key}` says something of a member, and there is no `group`");
            mistakes.add(table.line, Wrong::new(what, "write `group = \"...\"`, or leave it out"));
        }
    }
    let name = name?.value.into();
    let (is_static, auto_commit) = (is_static.unwrap_or(false), auto_commit.unwrap_or(true));
    Some(ClientGroupPlan { name, is_static, auto_commit })
}

fn flag(value: &DeValue<'_>) -> Result<bool, Wrong> {
    let wrong = || Wrong::new(format!("{} is no flag", kind(value)), "write true or false");
    value.as_bool().ok_or_else(wrong)
}

fn count(read: Read<u64>) -> u16 {
    u16::try_from(read.value).unwrap_or(1)
}

/// The moment of a step, of which `last` is the one above.
fn step_at(
    step: &Table<'_, '_>,
    last: Option<Duration>,
    act: Option<Duration>,
    mistakes: &mut Mistakes,
) -> Option<Read<Duration>> {
    step.need("at", mistakes, |value| match duration(value)? {
        at if act.is_some_and(|act| at >= act) => {
            Err(Wrong::new("that is after the end", "write less than `duration`"))
        }
        at if last.is_some_and(|last| at <= last) => {
            Err(Wrong::new("that is before the step above it", "put the earlier one first"))
        }
        at => Ok(at),
    })
}

fn deployments(
    table: &Table<'_, '_>,
    act: Option<Duration>,
    mistakes: &mut Mistakes,
) -> Vec<DeployPlan> {
    let mut steps: Vec<DeployPlan> = Vec::new();
    for step in table.tables("deploy", &keys::DEPLOY, mistakes) {
        let at = step_at(&step, steps.last().map(|step| step.at), act, mistakes);
        let own = given(&step, "config", &[Scope::Member], mistakes);
        let config = layered(Scope::Member, &[], &own);
        check_protocol(&config, step.line, mistakes);
        if let Some(at) = at {
            steps.push(DeployPlan { at: at.value, config });
        }
    }
    steps
}

fn scale(table: &Table<'_, '_>, act: Option<Duration>, mistakes: &mut Mistakes) -> Vec<ScalePlan> {
    let mut steps: Vec<ScalePlan> = Vec::new();
    for step in table.tables("scale", &keys::SCALE, mistakes) {
        let at = step_at(&step, steps.last().map(|step| step.at), act, mistakes);
        let members = step.need("members", mistakes, |value| number(value, 0, MEMBERS_MAX));
        if let (Some(at), Some(members)) = (at, members) {
            steps.push(ScalePlan { at: at.value, members: count(members) });
        }
    }
    steps
}

fn pauses(
    table: &Table<'_, '_>,
    known: &Known,
    act: Option<Duration>,
    mistakes: &mut Mistakes,
) -> Vec<PausePlan> {
    let mut pauses = Vec::new();
    for pause in table.tables("pauses", &keys::PAUSES, mistakes) {
        let at = pause.need("at", mistakes, |value| match duration(value)? {
            at if act.is_some_and(|act| at >= act) => {
                Err(Wrong::new("that is after the end", "write less than `duration`"))
            }
            at => Ok(at),
        });
        let length = pause.read("for", mistakes, duration).map(|read| read.value);
        let partitions = pause.need("partitions", mistakes, |value| {
            list(value, "partitions", |text| known.partition(text))
        });
        if let (Some(at), Some(partitions)) = (at, partitions) {
            pauses.push(PausePlan { at: at.value, length, partitions: partitions.value });
        }
    }
    pauses
}

fn topic_list(value: &DeValue<'_>, known: &Known) -> Result<Vec<Name>, Wrong> {
    let instead = "write the names of topics in [ ]";
    let list = value
        .as_array()
        .ok_or_else(|| Wrong::new(format!("{} is no list", kind(value)), instead))?;
    if list.is_empty() {
        return Err(Wrong::new("the list is empty", instead));
    }
    list.iter().map(|element| known.topic(&text(element.get_ref())?)).collect()
}

/// Kafka refuses keys of one protocol with the other, and heartbeats that are too rare.
///
/// Source: Kafka 4.1, `ConsumerConfig.checkUnsupportedConfigsPostProcess`, `Heartbeat`.
pub(crate) fn check_protocol(config: &Config, line: u32, mistakes: &mut Mistakes) {
    let is_classic = config.text("group.protocol") == "classic";
    let foreign: &[&str] = if is_classic {
        &["group.remote.assignor"]
    } else {
        &["partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"]
    };
    for key in foreign {
        let setting = config.setting(key);
        if setting.source != ConfigSource::Default {
            let protocol = config.text("group.protocol");
            let what = format!("`{key}` cannot be set with `group.protocol = \"{protocol}\"`");
            let instead = if *key == "group.remote.assignor" {
                "leave it out, or write `group.protocol = \"consumer\"`"
            } else {
                "leave it out: the brokers decide, or write `group.protocol = \"classic\"`"
            };
            mistakes.add(setting.line, Wrong::new(what, instead));
        }
    }
    let interval = config.setting("heartbeat.interval.ms");
    if is_classic && config.integer("heartbeat.interval.ms") >= config.integer("session.timeout.ms")
    {
        let line = interval.line.max(config.setting("session.timeout.ms").line).max(line);
        let what = "`heartbeat.interval.ms` is not below `session.timeout.ms`";
        mistakes.add(line, Wrong::new(what, "write a third of the session timeout"));
    }
}
