//! Reads a scenario file: first a tree that knows its places, then our own decoder over it.
//!
//! All mistakes are gathered, each with its line and what would be right. (serde's derive stops at
//! the first one, and knows no lines behind `flatten`.)

use std::collections::BTreeSet;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::scenario::config::{Config, ConfigSource, Value};
use crate::scenario::config_keys::Scope;
use crate::scenario::decode_admin::{admin, created};
use crate::scenario::decode_config::{Given, check_coordinator, given, layered, settle_producer};
use crate::scenario::decode_fault::{claims, faults, random};
use crate::scenario::decode_group::{check_protocol, client_group, groups};
use crate::scenario::decode_network::{links, network, service};
use crate::scenario::file_error::{FileErrors, Wrong, suggest};
use crate::scenario::file_keys as keys;
use crate::scenario::hardware::{ClockPlan, DiskPlan, clock, disk};
use crate::scenario::idle::warn;
use crate::scenario::known::Known;
use crate::scenario::plan::{
    BrokerPlan, ClientPlan, ClusterPlan, ConsumerPlan, ControllerPlan, Keys, Plan, ProducerPlan,
    Rate, ReadFrom, Release, ServicePlan, TopicPlan, Values,
};
use crate::scenario::server_properties::properties;
use crate::scenario::table::{
    Mistakes, Read, Table, bytes, duration, integer, kind, number, text, word,
};
use crate::scenario::units::{parse_rate, shown};
use crate::types::{BrokerId, Defect, DefectSet, Name, counted};

/// The format that this version reads.
const VERSION: i64 = 1;
/// No scenario is longer in bytes; a longer file is something else.
const FILE_BYTES_MAX: usize = 1 << 20;
const BROKERS_MAX: u64 = 200;
const CONTROLLERS_MAX: u64 = 9;
const PARTITIONS_MAX: u64 = 10_000;
const PROCESSES_MAX: u64 = 1000;
const VALUE_BYTES_MAX: u64 = 64 << 20;

/// The words that a scenario may use and that are not the scenario's to know.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// The names of event kinds and of their fields.
    pub events: Vec<(&'static str, Vec<&'static str>)>,
}

/// What is wrong with `letter` in a text, if a terminal does something else with it than to show
/// it; ends of lines and tabs are not looked at.
fn hidden(letter: char) -> Option<&'static str> {
    match letter {
        '\n' | '\r' | '\t' => None,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some("which is invisible and turns text around")
        }
        '\u{2028}' | '\u{2029}' => Some("which is invisible and ends a line"),
        letter => letter.is_control().then_some("which is invisible and commands terminals"),
    }
}

/// Text without letters that nobody sees.
fn visible(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = text(value)?;
    let found = (1_usize..).zip(text.chars()).find_map(|(place, letter)| {
        let what = hidden(letter)?;
        Some(format!("its character {place} is U+{:04X}, {what}", u32::from(letter)))
    });
    found.map_or(Ok(text), |what| Err(Wrong::new(what, "take it out")))
}

/// Visible text on one line.
fn title(value: &DeValue<'_>) -> Result<String, Wrong> {
    let title = visible(value)?;
    match &*title {
        it if it.trim().is_empty() => Err(Wrong::new("it is empty", "write one line")),
        it if it.contains(['\n', '\r']) => Err(Wrong::new("it has several lines", "write one")),
        it if it.contains('\t') => Err(Wrong::new("it has a tab", "write a blank")),
        _ => Ok(title),
    }
}

/// Reads the scenario `text` of the file called `file`.
///
/// # Errors
///
/// All mistakes of the file, by line. The text may be anything.
pub fn decode(file: &str, text: &str, vocabulary: &Vocabulary) -> Result<Plan, FileErrors> {
    let mut mistakes = Mistakes::new(file, text);
    if text.len() > FILE_BYTES_MAX {
        let what = format!("the file has {} bytes", text.len());
        mistakes.add(1, Wrong::new(what, "a scenario has less than a million"));
        return Err(FileErrors(mistakes.into_errors()));
    }
    let (tree, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        for error in syntax {
            let line = mistakes.line(error.span().map_or(0, |span| span.start));
            let what = format!("this is no TOML, {}", error.message().replace('\n', ", "));
            mistakes.add(line, Wrong::new(what, "see https://toml.io"));
        }
        return Err(FileErrors(mistakes.into_errors()));
    }
    let root = Table::new(&keys::ROOT, tree.get_ref(), 0..0, &mut mistakes);
    let plan = plan(&root, vocabulary, &mut mistakes);
    let errors = mistakes.into_errors();
    match plan {
        Some(plan) if errors.is_empty() => Ok(plan),
        _ => {
            assert!(!errors.is_empty(), "a plan is missing and no mistake was found");
            Err(FileErrors(errors))
        }
    }
}

fn plan(root: &Table<'_, '_>, vocabulary: &Vocabulary, mistakes: &mut Mistakes) -> Option<Plan> {
    root.need("version", mistakes, |value| match integer(value) {
        Some(VERSION) => Ok(()),
        Some(newer) if newer > VERSION => Err(Wrong::new(
            format!("the file is of version {newer}, newer than this program"),
            "use a newer kafsim",
        )),
        _ => Err(Wrong::new(format!("{} is no version", kind(value)), "write 1")),
    });
    let title = root.need("title", mistakes, title);
    let about = root.read("about", mistakes, visible);
    let least = |value: &DeValue<'_>| match duration(value)? {
        short if short < Duration::from_millis(1) => {
            Err(Wrong::new("that is too short", "write \"1s\" or more"))
        }
        long => Ok(long),
    };
    let act = root.need("duration", mistakes, least).map(|read| read.value);
    let settle = root.read("settle", mistakes, least).map(|read| read.value);
    let defects = root.read("defects", mistakes, defects);
    let (cluster, mut known) = cluster(root, mistakes);
    let topics = topics(root, &cluster, &mut known, mistakes);
    let created = created(root, &mut known, mistakes);
    let producers = producers(root, &known, mistakes);
    let consumers = consumers(root, &known, mistakes);
    let groups = groups(root, &known, act, mistakes);
    let clients = clients(root, mistakes);
    let plan = Plan {
        title: title.map(|read| read.value).unwrap_or_default(),
        about: about.map(|read| read.value.trim().to_owned()).unwrap_or_default(),
        duration: act.unwrap_or_default(),
        settle,
        defects: defects.map(|read| read.value).unwrap_or_default(),
        cluster,
        topics,
        producers,
        consumers,
        groups,
        clients,
        network: network(root, mistakes),
        links: Vec::new(),
        faults: Vec::new(),
        admin: Vec::new(),
        random: None,
        claims: claims(root, mistakes),
        warnings: Vec::new(),
    };
    check_names(&plan, root, mistakes);
    known.clients = plan.client_hosts().into_iter().collect();
    known.groups = plan.group_names().cloned().collect();
    known.unled = plan.groups_without_leader();
    let links = links(root, &known, mistakes);
    let faults = faults(root, &known, act, vocabulary, mistakes);
    let admin = admin(root, &known, act, vocabulary, created, mistakes);
    let random = random(root, &known, &plan.topics, mistakes);
    let plan = Plan { links, faults, admin, random, ..plan };
    warn(&plan, mistakes);
    act.map(|_| Plan { warnings: mistakes.take_warnings(), ..plan })
}

fn defects(value: &DeValue<'_>) -> Result<DefectSet, Wrong> {
    let list = value
        .as_array()
        .ok_or_else(|| Wrong::new(format!("{} is no list", kind(value)), "write names in [ ]"))?;
    let mut set = DefectSet::NONE;
    for element in list {
        set.insert(defect(&text(element.get_ref())?)?);
    }
    Ok(set)
}

fn defect(name: &str) -> Result<Defect, Wrong> {
    Defect::ALL.iter().copied().find(|defect| defect.name() == name).ok_or_else(|| {
        let what = format!("there is no defect `{}`", shown(name));
        Wrong::new(what, suggest(name, Defect::ALL.iter().map(|defect| defect.name())))
    })
}

fn cluster(root: &Table<'_, '_>, mistakes: &mut Mistakes) -> (ClusterPlan, Known) {
    let mut brokers = None;
    let mut controllers = None;
    let mut shared = Vec::new();
    let mut features = Vec::new();
    let mut work = ServicePlan::default();
    let mut server_properties = None;
    if !root.has("cluster") {
        let what = "there is no [cluster]";
        mistakes.add(1, Wrong::new(what, "write [cluster] with `brokers = 3`, `controllers = 3`"));
    }
    if let Some(table) = root.table("cluster", &keys::CLUSTER, mistakes) {
        table.read("release", mistakes, |value| word(value, &[("4.1", Release::V4_1)]));
        brokers = table.need("brokers", mistakes, |value| number(value, 1, BROKERS_MAX));
        controllers = table.need("controllers", mistakes, |v| number(v, 1, CONTROLLERS_MAX));
        let scopes = [Scope::Broker, Scope::Controller];
        let of_file = properties(&table, &scopes, mistakes);
        server_properties = of_file.file.map(Name::from);
        shared = of_file.given;
        shared.extend(given(&table, "config", &scopes, mistakes));
        work = service(&table, work, mistakes);
        features = given(&table, "features", &[Scope::Feature], mistakes);
    }
    // With a wrong number the rest is checked against a usual cluster.
    let count = |read: Option<Read<u64>>| read.and_then(|read| i32::try_from(read.value).ok());
    let (brokers, controllers) = (count(brokers).unwrap_or(3), count(controllers).unwrap_or(3));
    let plan = ClusterPlan {
        release: Release::V4_1,
        brokers: broker_plans(root, brokers, (&shared, work), mistakes),
        controllers: controller_plans(root, controllers, &shared, mistakes),
        features: layered(Scope::Feature, &features, &[]),
        server_properties,
    };
    (plan, Known { brokers, controllers, ..Known::default() })
}

/// The id of a `[[broker]]` or `[[controller]]`, each of which stands once.
fn server_id(
    table: &Table<'_, '_>,
    count: i32,
    seen: &mut BTreeSet<i32>,
    mistakes: &mut Mistakes,
) -> Option<i32> {
    let max = u64::try_from(count).unwrap_or(0);
    let id = table.need("id", mistakes, |value| number(value, 1, max))?;
    let id = i32::try_from(id.value).ok()?;
    if !seen.insert(id) {
        let what = format!("{} {id} is described twice", table.section().name);
        mistakes.add(table.line, Wrong::new(what, "leave one"));
    }
    Some(id)
}

fn broker_plans(
    root: &Table<'_, '_>,
    count: i32,
    (shared, shared_work): (&[Given], ServicePlan),
    mistakes: &mut Mistakes,
) -> Vec<BrokerPlan> {
    let plan = |id, rack, own: &[Given], service| BrokerPlan {
        id: BrokerId(id),
        rack,
        config: layered(Scope::Broker, shared, own),
        service,
        server_properties: None,
        disk: DiskPlan::default(),
        clock: ClockPlan::default(),
    };
    let mut plans: Vec<_> = (1..=count).map(|id| plan(id, None, &[], shared_work)).collect();
    let mut seen = BTreeSet::new();
    for table in root.tables("broker", &keys::BROKER, mistakes) {
        let id = server_id(&table, count, &mut seen, mistakes);
        let rack = table.read("rack", mistakes, text).map(|read| read.value);
        let of_file = properties(&table, &[Scope::Broker], mistakes);
        let rack = rack.or(of_file.rack).map(Name::from);
        let mut own = of_file.given;
        own.extend(given(&table, "config", &[Scope::Broker], mistakes));
        let work = service(&table, shared_work, mistakes);
        let (disk, clock) = (disk(&table, mistakes), clock(&table, mistakes));
        if let Some(place) = plans.iter_mut().find(|plan| Some(plan.id.0) == id) {
            let server_properties = of_file.file.map(Name::from);
            let plan = plan(place.id.0, rack, &own, work);
            *place = BrokerPlan { server_properties, disk, clock, ..plan };
        }
    }
    // One that all have is told once.
    let mut told: Vec<&Config> = Vec::new();
    for BrokerPlan { config, .. } in &plans {
        if !told.contains(&config) {
            check_coordinator(config, mistakes);
            told.push(config);
        }
    }
    plans
}

fn controller_plans(
    root: &Table<'_, '_>,
    count: i32,
    shared: &[Given],
    mistakes: &mut Mistakes,
) -> Vec<ControllerPlan> {
    let plan = |id: i32, own: &[Given], service| ControllerPlan {
        id: BrokerId(3000 + id),
        config: layered(Scope::Controller, shared, own),
        service,
        server_properties: None,
        disk: DiskPlan::default(),
        clock: ClockPlan::default(),
    };
    let none = ServicePlan::default();
    let mut plans: Vec<_> = (1..=count).map(|id| plan(id, &[], none)).collect();
    let mut seen = BTreeSet::new();
    for table in root.tables("controller", &keys::CONTROLLER, mistakes) {
        let id = server_id(&table, count, &mut seen, mistakes);
        let of_file = properties(&table, &[Scope::Controller], mistakes);
        let mut own = of_file.given;
        own.extend(given(&table, "config", &[Scope::Controller], mistakes));
        let work = service(&table, none, mistakes);
        let (disk, clock) = (disk(&table, mistakes), clock(&table, mistakes));
        if let Some((place, id)) = id.and_then(|id| Some((usize::try_from(id - 1).ok()?, id))) {
            let server_properties = of_file.file.map(Name::from);
            plans[place] =
                ControllerPlan { server_properties, disk, clock, ..plan(id, &own, work) };
        }
    }
    plans
}

fn topics(
    root: &Table<'_, '_>,
    cluster: &ClusterPlan,
    known: &mut Known,
    mistakes: &mut Mistakes,
) -> Vec<TopicPlan> {
    let brokers = cluster.brokers.len() as u64;
    let mut plans = Vec::new();
    for table in root.tables("topic", &keys::TOPIC, mistakes) {
        let name = table.need("name", mistakes, |value| legal_name(text(value)?, 249));
        let partitions = table.read("partitions", mistakes, |v| number(v, 1, PARTITIONS_MAX));
        let replicas = table.read("replication_factor", mistakes, |value| {
            match integer(value).and_then(|replicas| u64::try_from(replicas).ok()) {
                Some(replicas) if replicas > brokers => Err(Wrong::new(
                    format!("{replicas} replicas need as many brokers"),
                    format!("write at most {brokers}, the number of brokers"),
                )),
                _ => number(value, 1, brokers),
            }
        });
        let own = given(&table, "config", &[Scope::Topic], mistakes);
        let Some(name) = name else { continue };
        let replication_factor = replicas.map_or(brokers.min(3), |read| read.value);
        let partitions = partitions.map_or(1, |read| read.value);
        let plan = TopicPlan {
            name: name.value.into(),
            partitions: i32::try_from(partitions).unwrap_or(1),
            replication_factor: i16::try_from(replication_factor).unwrap_or(1),
            config: layered(Scope::Topic, &[], &own),
        };
        check_min_in_sync(&plan, cluster, table.line, mistakes);
        if known.topics.insert(plan.name.clone(), plan.partitions).is_some() {
            let what = format!("the topic `{}` is described twice", plan.name);
            mistakes.add(table.line, Wrong::new(what, "leave one"));
        }
        plans.push(plan);
    }
    plans
}

/// Kafka takes a min.insync.replicas that no in-sync set can reach, and refuses every write.
fn check_min_in_sync(topic: &TopicPlan, cluster: &ClusterPlan, line: u32, mistakes: &mut Mistakes) {
    let Some(broker) = cluster.brokers.first() else { return };
    let setting = topic.setting_on(&broker.config, "min.insync.replicas");
    let replicas = topic.replication_factor;
    if let Some(Value::Integer(least)) = setting.value
        && least > i64::from(replicas)
    {
        let what = format!(
            "`min.insync.replicas` of `{}` is {least}, above its {}",
            topic.name,
            counted(replicas, "replica")
        );
        let is_elsewhere = setting.source == ConfigSource::ClusterFile
            || setting.source == ConfigSource::OwnFile
            || setting.line == 0;
        let line = if is_elsewhere { line } else { setting.line };
        mistakes.add(line, Wrong::new(what, format!("write at most {replicas}")));
    }
}

/// A name of letters, digits, `.`, `_` and `-`, as Kafka's topics have it.
pub(crate) fn legal_name(name: String, length: usize) -> Result<String, Wrong> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let instead = "write letters, digits, `.`, `_` and `-`";
    if name.is_empty() || name == "." || name == ".." || !name.chars().all(legal) {
        return Err(Wrong::new(format!("\"{}\" is no name", shown(&name)), instead));
    }
    if name.len() > length {
        let what = format!("\"{}\" is too long", shown(&name));
        return Err(Wrong::new(what, format!("write at most {length} letters")));
    }
    if name == "__cluster_metadata" {
        return Err(Wrong::new("`__cluster_metadata` is Kafka's own", "choose another name"));
    }
    Ok(name)
}

pub(crate) fn client_name(table: &Table<'_, '_>, mistakes: &mut Mistakes) -> Option<Name> {
    let name = table.need("name", mistakes, |value| {
        let name = legal_name(text(value)?, 60)?;
        let taken = ["broker-", "controller-"].iter().any(|prefix| name.starts_with(prefix));
        if taken || matches!(name.as_str(), "kafsim" | "admin" | "probe") {
            let what = format!("`{name}` is the name of a host that kafsim has itself");
            return Err(Wrong::new(what, "choose another"));
        }
        Ok(name)
    })?;
    Some(name.value.into())
}

fn producers(root: &Table<'_, '_>, known: &Known, mistakes: &mut Mistakes) -> Vec<ProducerPlan> {
    let mut plans = Vec::new();
    for table in root.tables("producer", &keys::PRODUCER, mistakes) {
        let name = client_name(&table, mistakes);
        let count = table.read("count", mistakes, |value| number(value, 1, PROCESSES_MAX));
        let topic = table.need("topic", mistakes, |value| known.topic(&text(value)?));
        let rate = table.read("rate", mistakes, |value| match value.as_str() {
            Some(text) => parse_rate(text),
            None => Err(Wrong::new(
                format!("{} is no rate", kind(value)),
                "write records and a time in quotes, as in \"500/s\"",
            )),
        });
        let keys = table.read("keys", mistakes, record_keys);
        let value_bytes = table.read("value_bytes", mistakes, |v| bytes(v, VALUE_BYTES_MAX));
        let forms = [("filler", Values::Filler), ("json", Values::Json)];
        let values = table.read("value", mistakes, |value| word(value, &forms));
        let headers = table.read("headers", mistakes, record_headers);
        let records_max = table.read("records_max", mistakes, |v| number(v, 1, u64::MAX >> 1));
        let start = table.read("start", mistakes, duration);
        let own = given(&table, "config", &[Scope::Producer], mistakes);
        let mut config = layered(Scope::Producer, &[], &own);
        settle_producer(&mut config, 0, mistakes);
        let clock = clock(&table, mistakes);
        let (Some(name), Some(topic)) = (name, topic) else { continue };
        let rate_default = Rate { times: 100, per: Duration::from_secs(1) };
        plans.push(ProducerPlan {
            name,
            count: count.map_or(1, |read| u16::try_from(read.value).unwrap_or(1)),
            topic: topic.value,
            rate: rate.map_or(rate_default, |read| read.value),
            keys: keys.map(|read| read.value).unwrap_or_default(),
            value_bytes: value_bytes.map_or(100, |read| u32::try_from(read.value).unwrap_or(100)),
            values: values.map(|read| read.value).unwrap_or_default(),
            headers: headers.map(|read| read.value).unwrap_or_default(),
            records_max: records_max.map(|read| read.value),
            start: start.map(|read| read.value).unwrap_or_default(),
            config,
            clock,
        });
    }
    plans
}

fn record_keys(value: &DeValue<'_>) -> Result<Keys, Wrong> {
    let instead = "write \"none\" or { uniform = 100 }";
    match value {
        DeValue::String(text) if text == "none" => Ok(Keys::None),
        DeValue::Table(table) => {
            let mut entries = table.iter();
            match (entries.next(), entries.next()) {
                (Some((key, value)), None) if key.get_ref() == "uniform" => {
                    number(value.get_ref(), 1, u64::MAX >> 1).map(Keys::Uniform)
                }
                _ => Err(Wrong::new("the table does not say how keys are drawn", instead)),
            }
        }
        other => Err(Wrong::new(format!("{} says not how keys are drawn", kind(other)), instead)),
    }
}

fn record_headers(value: &DeValue<'_>) -> Result<Vec<(Name, Name)>, Wrong> {
    let instead = "write names and texts, as in { source = \"web\" }";
    let DeValue::Table(table) = value else {
        return Err(Wrong::new(format!("{} is no table", kind(value)), instead));
    };
    let header = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = name.get_ref();
        Ok((Name::from(name.as_ref()), Name::from(text(value.get_ref())?)))
    };
    table.iter().map(header).collect()
}

fn read_from(value: &DeValue<'_>) -> Result<ReadFrom, Wrong> {
    let instead = "write \"beginning\", \"end\", { ago = \"10s\" } or { time = \"5s\" }";
    match value {
        DeValue::String(text) if text == "beginning" => Ok(ReadFrom::Beginning),
        DeValue::String(text) if text == "end" => Ok(ReadFrom::End),
        DeValue::Table(table) => {
            let mut entries = table.iter();
            match (entries.next(), entries.next()) {
                (Some((key, value)), None) if key.get_ref() == "ago" => {
                    duration(value.get_ref()).map(ReadFrom::Ago)
                }
                (Some((key, value)), None) if key.get_ref() == "time" => {
                    duration(value.get_ref()).map(ReadFrom::Time)
                }
                _ => Err(Wrong::new("the table does not say from where", instead)),
            }
        }
        other => Err(Wrong::new(format!("{} says not from where", kind(other)), instead)),
    }
}

fn consumers(root: &Table<'_, '_>, known: &Known, mistakes: &mut Mistakes) -> Vec<ConsumerPlan> {
    let mut plans = Vec::new();
    for table in root.tables("consumer", &keys::CONSUMER, mistakes) {
        let name = client_name(&table, mistakes);
        let count = table.read("count", mistakes, |value| number(value, 1, PROCESSES_MAX));
        let topic = table.need("topic", mistakes, |value| known.topic(&text(value)?));
        let from = table.read("from", mistakes, read_from);
        let own = given(&table, "config", &[Scope::Consumer], mistakes);
        let clock = clock(&table, mistakes);
        let (Some(name), Some(topic)) = (name, topic) else { continue };
        plans.push(ConsumerPlan {
            name,
            count: count.map_or(1, |read| u16::try_from(read.value).unwrap_or(1)),
            topic: topic.value,
            from: from.map(|read| read.value).unwrap_or_default(),
            config: layered(Scope::Consumer, &[], &own),
            clock,
        });
    }
    plans
}

fn clients(root: &Table<'_, '_>, mistakes: &mut Mistakes) -> Vec<ClientPlan> {
    let mut plans = Vec::new();
    for table in root.tables("client", &keys::CLIENT, mistakes) {
        let name = client_name(&table, mistakes);
        let own = given(&table, "producer", &[Scope::Producer], mistakes);
        let mut producer: Config = layered(Scope::Producer, &[], &own);
        settle_producer(&mut producer, 0, mistakes);
        let group = client_group(&table, mistakes);
        // Whoever is in no group has no use for the keys of members.
        let scope = if group.is_some() { Scope::Member } else { Scope::Consumer };
        let own = given(&table, "consumer", &[scope], mistakes);
        let consumer = layered(scope, &[], &own);
        if group.is_some() {
            check_protocol(&consumer, table.line, mistakes);
        }
        let clock = clock(&table, mistakes);
        plans.extend(name.map(|name| ClientPlan { name, producer, consumer, group, clock }));
    }
    plans
}

/// Every client host has a name of its own, and there is room for all.
fn check_names(plan: &Plan, root: &Table<'_, '_>, mistakes: &mut Mistakes) {
    let mut seen = BTreeSet::new();
    let hosts = plan.client_hosts();
    for host in &hosts {
        if !seen.insert(host) {
            let what = format!("two clients are called `{host}`");
            let line = ["producer", "consumer", "group", "client"]
                .iter()
                .rev()
                .find_map(|key| root.raw(key).map(|value| mistakes.line(value.span().start)));
            mistakes.add(line.unwrap_or(1), Wrong::new(what, "rename one"));
        }
    }
    let partitions: i64 = plan.topics.iter().map(|topic| i64::from(topic.partitions)).sum();
    let limits = [
        (hosts.len() as u64, PROCESSES_MAX * 4, "client processes"),
        (partitions.unsigned_abs(), PARTITIONS_MAX * 10, "partitions"),
    ];
    for (count, most, what) in limits {
        if count > most {
            let what = format!("the scenario has {count} {what}");
            mistakes.add(1, Wrong::new(what, format!("write at most {most}")));
        }
    }
}
