//! Reads `[[admin]]`: what the built-in admin client does, and when.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use crate::scenario::config_keys::{ConfigKey, Scope};
use crate::scenario::decode::{Vocabulary, legal_name};
use crate::scenario::decode_config::{given, layered};
use crate::scenario::decode_fault::trigger;
use crate::scenario::file_error::{Wrong, suggest};
use crate::scenario::file_keys as keys;
use crate::scenario::known::Known;
use crate::scenario::plan_admin::{AdminAction, AdminPlan, AdminResource};
use crate::scenario::table::{Mistakes, Table, kind, number, text, word};
use crate::scenario::units::shown;
use crate::types::{BrokerId, Name};

const ACTIONS: [&str; 16] = [
    "create_topic",
    "delete_topic",
    "create_partitions",
    "delete_records",
    "elect_leaders",
    "alter_config",
    "unregister_broker",
    "describe_topic",
    "describe_cluster",
    "describe_configs",
    "list_groups",
    "describe_group",
    "delete_group",
    "list_offsets",
    "alter_offsets",
    "delete_offsets",
];

/// Topics that the admin client will create, and partitions that it will add: others may name
/// them.
pub(crate) fn created(
    root: &Table<'_, '_>,
    known: &mut Known,
    mistakes: &mut Mistakes,
) -> Vec<AdminAction> {
    let mut created = Vec::new();
    // Mistakes of these tables are noted when they are read again.
    let mut unheard = Mistakes::new("", "");
    // One that is deleted before may be made again: whether it is, the cluster will say.
    let deleted: Vec<String> = root
        .tables("admin", &keys::ADMIN, &mut unheard)
        .into_iter()
        .filter_map(|table| {
            let inner = table.table("delete_topic", &keys::DELETE_TOPIC, &mut unheard)?;
            Some(inner.read("name", &mut unheard, text)?.value)
        })
        .collect();
    let is_deleted = |name: &Name| deleted.iter().any(|deleted| deleted == name.as_str());
    for table in root.tables("admin", &keys::ADMIN, &mut unheard) {
        let Some(inner) = table.table("create_topic", &keys::CREATE_TOPIC, mistakes) else {
            continue;
        };
        let Some(action) = create_topic(&inner, known, mistakes) else { continue };
        if let AdminAction::CreateTopic { name, partitions, .. } = &action
            && known.topics.insert(name.clone(), *partitions).is_some()
            && !is_deleted(name)
        {
            let what = format!("there is a topic `{name}` already");
            mistakes.add(inner.line, Wrong::new(what, "choose another name"));
        }
        created.push(action);
    }
    grown(root, known);
    created
}

/// Partitions that topics come to have: others may name them.
fn grown(root: &Table<'_, '_>, known: &mut Known) {
    // Mistakes of these tables are noted when they are read again.
    let mut unheard = Mistakes::new("", "");
    for table in root.tables("admin", &keys::ADMIN, &mut unheard) {
        let grows = table
            .has("create_partitions")
            .then(|| action("create_partitions", &table, known, &mut unheard));
        let Some(Some(AdminAction::CreatePartitions { topic, count })) = grows else { continue };
        known.topics.entry(topic).and_modify(|most| *most = count.max(*most));
    }
}

/// `[[admin]]`; `created` are its topics, in order.
pub(crate) fn admin(
    root: &Table<'_, '_>,
    known: &Known,
    act: Option<Duration>,
    vocabulary: &Vocabulary,
    created: Vec<AdminAction>,
    mistakes: &mut Mistakes,
) -> Vec<AdminPlan> {
    let mut created = created.into_iter();
    let mut plans = Vec::new();
    for table in root.tables("admin", &keys::ADMIN, mistakes) {
        let trigger = trigger(&table, known, act, vocabulary, mistakes);
        let present: Vec<_> = ACTIONS.iter().copied().filter(|name| table.has(name)).collect();
        let action = match present.as_slice() {
            ["create_topic"] => created.next(),
            [name] => action(name, &table, known, mistakes),
            [] if table.has_strangers => None,
            [] => {
                let instead = format!("write one of `{}`", ACTIONS.join("`, `"));
                let what = "[[admin]] says not what is done";
                mistakes.add(table.line, Wrong::new(what, instead));
                None
            }
            several => {
                let what = format!("[[admin]] has `{}` at once", several.join("` and `"));
                mistakes.add(table.line, Wrong::new(what, "write an [[admin]] for each"));
                None
            }
        };
        if let (Some(trigger), Some(action)) = (trigger, action) {
            plans.push(AdminPlan { trigger, action, line: table.line });
        }
    }
    plans
}

fn create_topic(
    table: &Table<'_, '_>,
    known: &Known,
    mistakes: &mut Mistakes,
) -> Option<AdminAction> {
    let brokers = u64::try_from(known.brokers).unwrap_or(1);
    let name = table.need("name", mistakes, |value| legal_name(text(value)?, 249));
    let partitions = table.read("partitions", mistakes, |value| number(value, 1, 10_000));
    // More replicas than brokers is a mistake that an admin client may well make: the controller
    // refuses it.
    let replicas = table.read("replication_factor", mistakes, |value| number(value, 1, 200));
    let own = given(table, "config", &[Scope::Topic], mistakes);
    let replicas = replicas.map_or(brokers.min(3), |read| read.value);
    Some(AdminAction::CreateTopic {
        name: name?.value.into(),
        partitions: i32::try_from(partitions.map_or(1, |read| read.value)).unwrap_or(1),
        replication_factor: i16::try_from(replicas).unwrap_or(1),
        config: layered(Scope::Topic, &[], &own),
    })
}

fn action(
    name: &str,
    table: &Table<'_, '_>,
    known: &Known,
    mistakes: &mut Mistakes,
) -> Option<AdminAction> {
    let topic = |value: &DeValue<'_>| known.topic(&text(value)?);
    match name {
        "delete_topic" => {
            let table = table.table("delete_topic", &keys::DELETE_TOPIC, mistakes)?;
            let topic = table.need("name", mistakes, topic)?.value;
            Some(AdminAction::DeleteTopic { topic })
        }
        "create_partitions" => {
            let table = table.table("create_partitions", &keys::CREATE_PARTITIONS, mistakes)?;
            let topic = table.need("topic", mistakes, topic);
            let count = table.need("count", mistakes, |value| number(value, 1, 10_000));
            let (topic, count) = (topic?.value, i32::try_from(count?.value).unwrap_or(i32::MAX));
            Some(AdminAction::CreatePartitions { topic, count })
        }
        "delete_records" => {
            let table = table.table("delete_records", &keys::DELETE_RECORDS, mistakes)?;
            let most = i64::MAX as u64;
            let before = table.read("before", mistakes, |value| number(value, 0, most));
            let partition =
                table.need("partition", mistakes, |value| known.partition(&text(value)?))?;
            let before = before.map(|read| read.value);
            Some(AdminAction::DeleteRecords { partition: partition.value, before })
        }
        "elect_leaders" => {
            let table = table.table("elect_leaders", &keys::ELECT_LEADERS, mistakes)?;
            let words = [("preferred", false), ("unclean", true)];
            let unclean = table.read("election", mistakes, |value| word(value, &words));
            let partitions = table.read("partitions", mistakes, |value| {
                list(value, "partitions", |text| known.partition(text))
            });
            let unclean = unclean.is_some_and(|read| read.value);
            let partitions = partitions.map(|read| read.value);
            Some(AdminAction::ElectLeaders { unclean, partitions })
        }
        "alter_config" => alter_config(table, known, mistakes),
        "unregister_broker" => {
            let table = table.table("unregister_broker", &keys::UNREGISTER_BROKER, mistakes)?;
            let broker = broker(&table, "id", known, mistakes)?;
            Some(AdminAction::UnregisterBroker { broker })
        }
        "describe_topic" => {
            let table = table.table("describe_topic", &keys::DESCRIBE_TOPIC, mistakes)?;
            let topic = table.need("name", mistakes, topic)?.value;
            Some(AdminAction::DescribeTopic { topic })
        }
        "describe_cluster" => {
            table.table("describe_cluster", &keys::DESCRIBE_CLUSTER, mistakes)?;
            Some(AdminAction::DescribeCluster)
        }
        "describe_configs" => {
            let table = table.table("describe_configs", &keys::DESCRIBE_CONFIGS, mistakes)?;
            let resource = resource(&table, known, mistakes)?;
            Some(AdminAction::DescribeConfigs { resource })
        }
        _ => group_action(name, table, known, mistakes),
    }
}

/// What is done with groups.
fn group_action(
    name: &str,
    table: &Table<'_, '_>,
    known: &Known,
    mistakes: &mut Mistakes,
) -> Option<AdminAction> {
    let group = |table: &Table<'_, '_>, mistakes: &mut Mistakes| {
        let read = table.need("group", mistakes, |value| known.group(&text(value)?));
        read.map(|read| read.value)
    };
    let partitions = |table: &Table<'_, '_>, mistakes: &mut Mistakes| {
        let read = table.need("partitions", mistakes, |value| {
            list(value, "partitions", |text| known.partition(text))
        });
        read.map(|read| read.value)
    };
    match name {
        "list_groups" => {
            table.table("list_groups", &keys::LIST_GROUPS, mistakes)?;
            Some(AdminAction::ListGroups)
        }
        "describe_group" => {
            let table = table.table("describe_group", &keys::DESCRIBE_GROUP, mistakes)?;
            Some(AdminAction::DescribeGroup { group: group(&table, mistakes)? })
        }
        "delete_group" => {
            let table = table.table("delete_group", &keys::DELETE_GROUP, mistakes)?;
            Some(AdminAction::DeleteGroup { group: group(&table, mistakes)? })
        }
        "list_offsets" => {
            let table = table.table("list_offsets", &keys::LIST_OFFSETS, mistakes)?;
            Some(AdminAction::ListOffsets { group: group(&table, mistakes)? })
        }
        "alter_offsets" => {
            let table = table.table("alter_offsets", &keys::ALTER_OFFSETS, mistakes)?;
            let group = group(&table, mistakes);
            let partitions = partitions(&table, mistakes);
            let most = i64::MAX as u64;
            let offset = table.need("offset", mistakes, |value| number(value, 0, most));
            let (group, partitions) = (group?, partitions?);
            Some(AdminAction::AlterOffsets { group, partitions, offset: offset?.value })
        }
        _ => {
            let table = table.table("delete_offsets", &keys::DELETE_OFFSETS, mistakes)?;
            let group = group(&table, mistakes);
            let partitions = partitions(&table, mistakes);
            Some(AdminAction::DeleteOffsets { group: group?, partitions: partitions? })
        }
    }
}

fn alter_config(
    table: &Table<'_, '_>,
    known: &Known,
    mistakes: &mut Mistakes,
) -> Option<AdminAction> {
    let table = table.table("alter_config", &keys::ALTER_CONFIG, mistakes)?;
    let resource = resource(&table, known, mistakes)?;
    let scope = match resource {
        AdminResource::Topic(_) => Scope::Topic,
        AdminResource::Broker(_) | AdminResource::Cluster => Scope::Broker,
    };
    let set = given(&table, "set", &[scope], mistakes);
    let unset = table.read("unset", mistakes, |value| {
        list(value, "keys", |name| match ConfigKey::named(scope, name) {
            Some(key) => Ok(Name::from(key.name)),
            None => {
                let what = format!("unknown {} key `{}`", scope.name(), shown(name));
                let known = ConfigKey::all().filter(|key| key.has(scope));
                Err(Wrong::new(what, suggest(name, known.map(|key| key.name))))
            }
        })
    });
    let set: Vec<_> = set
        .iter()
        .map(|given| (Name::from(given.key.name), Name::from(given.value.to_string())))
        .collect();
    let unset = unset.map(|read| read.value).unwrap_or_default();
    if set.is_empty() && unset.is_empty() && !table.has("set") && !table.has("unset") {
        let what = "`alter_config` changes nothing";
        let instead = "write `set = { min.insync.replicas = 2 }` or `unset = [\"...\"]`";
        mistakes.add(table.line, Wrong::new(what, instead));
        return None;
    }
    Some(AdminAction::AlterConfig { resource, set, unset })
}

/// A topic's or a broker's configuration; without either that of every broker.
fn resource(
    table: &Table<'_, '_>,
    known: &Known,
    mistakes: &mut Mistakes,
) -> Option<AdminResource> {
    if table.has("topic") && table.has("broker") {
        let what = format!("`{}` has both `topic` and `broker`", table.section().name);
        mistakes.add(table.line, Wrong::new(what, "write one of them, or neither"));
        return None;
    }
    if table.has("topic") {
        let topic = table.read("topic", mistakes, |value| known.topic(&text(value)?))?;
        return Some(AdminResource::Topic(topic.value));
    }
    if table.has("broker") {
        return broker(table, "broker", known, mistakes).map(AdminResource::Broker);
    }
    Some(AdminResource::Cluster)
}

fn broker(
    table: &Table<'_, '_>,
    key: &'static str,
    known: &Known,
    mistakes: &mut Mistakes,
) -> Option<BrokerId> {
    let most = u64::try_from(known.brokers).unwrap_or(1);
    let id = table.need(key, mistakes, |value| number(value, 1, most))?;
    i32::try_from(id.value).ok().map(BrokerId)
}

/// A list of `what`, not empty.
pub(crate) fn list<T>(
    value: &DeValue<'_>,
    what: &str,
    read: impl Fn(&str) -> Result<T, Wrong>,
) -> Result<Vec<T>, Wrong> {
    let items = value.as_array().filter(|items| !items.is_empty()).ok_or_else(|| {
        let wrong = format!("{} is no list of {what}", kind(value));
        Wrong::new(wrong, "write texts in [ ], or leave it out")
    })?;
    let item = |item: &Spanned<DeValue<'_>>| read(&text(item.get_ref())?);
    items.iter().map(item).collect()
}
