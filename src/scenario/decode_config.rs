//! Reads tables of Kafka's keys, dotted or quoted, typed and ranged as in Kafka.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::scenario::config::{Config, ConfigSource, Value, WordList};
use crate::scenario::config_keys::{ConfigKey, Kind, RESETS, Scope};
use crate::scenario::file_error::{Wrong, suggest};
use crate::scenario::file_keys::LATER_CONFIG;
use crate::scenario::table::{Mistakes, Table, integer, kind};
use crate::scenario::units::{parse_iso_duration, shown};

/// A key of Kafka's that was set, and where.
pub(crate) struct Given {
    pub(crate) key: &'static ConfigKey,
    pub(crate) value: Value,
    pub(crate) line: u32,
    /// Whether it stands in a server's own file, whose line that is.
    pub(crate) is_of_file: bool,
}

/// Reads the Kafka keys under `key`, each of one of `scopes`.
pub(crate) fn given(
    table: &Table<'_, '_>,
    key: &'static str,
    scopes: &[Scope],
    mistakes: &mut Mistakes,
) -> Vec<Given> {
    let Some(value) = table.raw(key) else { return Vec::new() };
    let DeValue::Table(inner) = value.get_ref() else {
        let what = format!("`{key}` is {}", kind(value.get_ref()));
        let instead = "write a table of Kafka's keys, as in { acks = \"all\" }";
        mistakes.add(mistakes.line(value.span().start), Wrong::new(what, instead));
        return Vec::new();
    };
    let mut found = Vec::new();
    flatten(inner, "", scopes, mistakes, &mut found);
    found
}

/// `a = { b.c = 1 }` and `"a.b.c" = 1` are one key.
fn flatten(
    table: &DeTable<'_>,
    prefix: &str,
    scopes: &[Scope],
    mistakes: &mut Mistakes,
    found: &mut Vec<Given>,
) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            flatten(inner, &format!("{name}."), scopes, mistakes, found);
            continue;
        }
        let line = mistakes.line(key.span().start);
        match one(&name, value, scopes) {
            Ok((key, value)) if found.iter().any(|given| given.key.name == key.name) => {
                let what = format!("`{name}` is set twice, here to {value}");
                mistakes.add(line, Wrong::new(what, "leave one"));
            }
            Ok((key, value)) => found.push(Given { key, value, line, is_of_file: false }),
            Err(wrong) => mistakes.add(line, wrong),
        }
    }
}

fn one(
    name: &str,
    value: &Spanned<DeValue<'_>>,
    scopes: &[Scope],
) -> Result<(&'static ConfigKey, Value), Wrong> {
    let key = scopes.iter().find_map(|scope| ConfigKey::named(*scope, name));
    let key = key.ok_or_else(|| unknown(name, scopes))?;
    let value = parse_value(key, value.get_ref())
        .map_err(|Wrong { what, instead }| Wrong::new(format!("`{name}`: {what}"), instead))?;
    Ok((key, value))
}

fn unknown(name: &str, scopes: &[Scope]) -> Wrong {
    let whose: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    let whose = whose.join(" or ");
    let later = LATER_CONFIG
        .iter()
        .find(|(later, _)| *later == name || later.ends_with('.') && name.starts_with(later));
    if let Some((_, sentence)) = later {
        return Wrong::new(format!("`{name}` would have no effect"), *sentence);
    }
    if let Some(other) = ConfigKey::all().find(|key| key.name == name) {
        let of: Vec<_> = other.scopes.iter().map(|scope| scope.name()).collect();
        let what = format!("`{name}` is no {whose} key");
        return Wrong::new(what, format!("it is a {} key", of.join(" and ")));
    }
    let known = ConfigKey::all().filter(|key| scopes.iter().any(|scope| key.has(*scope)));
    Wrong::new(
        format!("unknown {whose} key `{}`", shown(name)),
        suggest(name, known.map(|key| key.name)),
    )
}

/// The value of `key`. As in a properties file, numbers and flags may be text.
pub(crate) fn parse_value(key: &ConfigKey, value: &DeValue<'_>) -> Result<Value, Wrong> {
    let wrong = |what: String| Wrong::new(what, format!("write {}", key.kind.describe()));
    match key.kind {
        Kind::Flag => match (value.as_bool(), value.as_str()) {
            (Some(flag), _) => Ok(Value::Flag(flag)),
            (None, Some("true")) => Ok(Value::Flag(true)),
            (None, Some("false")) => Ok(Value::Flag(false)),
            (None, _) => Err(wrong(format!("{} is no flag", kind(value)))),
        },
        Kind::Words(words) => {
            let number = integer(value).map(|number| number.to_string());
            let text = value.as_str().map(str::to_owned).or(number);
            // Kafka takes -1 for `all` too (ProducerConfig.parseAcks).
            let text = text.map(|text| if text == "-1" { "all".to_owned() } else { text });
            let known = words.iter().find(|word| Some(**word) == text.as_deref());
            known.map(|word| Value::Word(word)).ok_or_else(|| wrong(kind(value)))
        }
        Kind::List { words, classes } => word_list(words, classes, value).map_err(wrong),
        Kind::Reset => {
            let text = value.as_str().unwrap_or_default();
            let known = RESETS.into_iter().find(|word| *word == text);
            let ago = || text.strip_prefix("by_duration:").and_then(parse_iso_duration);
            let value = known.map(Value::Word).or_else(|| ago().map(Value::Ago));
            value.ok_or_else(|| wrong(format!("\"{}\" is no reset policy", shown(text))))
        }
        Kind::Number { min, max }
        | Kind::Millis { min, max }
        | Kind::Seconds { min, max }
        | Kind::Bytes { min, max } => {
            let text = value.as_str().and_then(|text| text.parse().ok());
            match integer(value).or(text) {
                Some(number) if (min..=max).contains(&number) => Ok(Value::Integer(number)),
                Some(number) => Err(wrong(format!("{number} is out of range"))),
                None => Err(wrong(format!("{} is no whole number", kind(value)))),
            }
        }
    }
}

/// A list of words, as text with commas between them or as a list.
fn word_list(
    words: &'static [&'static str],
    classes: &[&str],
    value: &DeValue<'_>,
) -> Result<Value, String> {
    let said: Vec<&str> = match (value.as_str(), value.as_array()) {
        (Some(text), _) => text.split(',').map(str::trim).collect(),
        (None, Some(list)) => {
            let texts = list.iter().map(|each| {
                each.get_ref().as_str().ok_or_else(|| format!("{} in it", kind(each.get_ref())))
            });
            texts.collect::<Result<_, _>>()?
        }
        (None, None) => return Err(kind(value)),
    };
    let mut places: Vec<u8> = Vec::new();
    for word in said {
        let named = words.iter().position(|known| *known == word);
        let place = named.or_else(|| classes.iter().position(|class| *class == word));
        let Some(place) = place.and_then(|place| u8::try_from(place).ok()) else {
            return Err(format!("\"{}\" is not known", shown(word)));
        };
        if places.contains(&place) {
            return Err(format!("`{}` is listed twice", words[place as usize]));
        }
        places.push(place);
    }
    if places.is_empty() {
        return Err("the list is empty".to_owned());
    }
    Ok(Value::List(WordList::new(words, &places)))
}

/// The configuration of `scope` that the cluster's keys and its own come to; the later wins.
pub(crate) fn layered(scope: Scope, cluster: &[Given], own: &[Given]) -> Config {
    let mut config = Config::new(scope);
    let sources = [
        (cluster, ConfigSource::Cluster, ConfigSource::ClusterFile),
        (own, ConfigSource::Own, ConfigSource::OwnFile),
    ];
    for (given, source, file) in sources {
        for given in given.iter().filter(|given| given.key.has(scope)) {
            let source = if given.is_of_file { file } else { source };
            config.set(given.key, given.value, source, given.line);
        }
    }
    config
}

/// A broker does not start when its coordinator's times contradict each other.
///
/// Source: Kafka 4.1, the constructor of `GroupCoordinatorConfig`.
pub(crate) fn check_coordinator(config: &Config, mistakes: &mut Mistakes) {
    const AT_MOST: &[(&str, &str)] = &[
        ("group.min.session.timeout.ms", "group.max.session.timeout.ms"),
        ("group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms"),
        ("group.consumer.min.session.timeout.ms", "group.consumer.session.timeout.ms"),
        ("group.consumer.session.timeout.ms", "group.consumer.max.session.timeout.ms"),
        ("group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"),
        ("group.consumer.min.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"),
        ("group.consumer.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"),
    ];
    let mut refuse = |low: &str, high: &str, how: &str| {
        let (small, large) = (config.integer(low), config.integer(high));
        // What the scenario says last is what is wrong with it.
        let line = config.setting(low).line.max(config.setting(high).line);
        let what = format!(
            "a broker does not start with `{low}` {small} and `{high}` {large}: the first {how}"
        );
        mistakes.add(line, Wrong::new(what, format!("change either, as in {{ {low} = {large} }}")));
    };
    for (low, high) in AT_MOST {
        if config.integer(low) > config.integer(high) {
            refuse(low, high, "may be the second at most");
            return;
        }
    }
    let (beat, session) =
        ("group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms");
    if config.integer(beat) >= config.integer(session) {
        refuse(beat, session, "must be less than the second");
    }
}

/// What Kafka's producer makes of settings that depend on each other.
///
/// Source: Kafka 4.1, `ProducerConfig.postProcessAndValidateIdempotenceConfigs`,
/// `KafkaProducer.configureDeliveryTimeout`.
pub(crate) fn settle_producer(config: &mut Config, line: u32, mistakes: &mut Mistakes) {
    let in_flight = config.integer("max.in.flight.requests.per.connection");
    let idempotence = config.setting("enable.idempotence");
    let on = config.flag("enable.idempotence");
    let asked = idempotence.source != ConfigSource::Default;
    let needs = [
        ("acks", config.text("acks") != "all", "`acks = \"all\"`", true),
        ("retries", config.integer("retries") == 0, "`retries` above 0", true),
        (
            "max.in.flight.requests.per.connection",
            in_flight > 5,
            "`max.in.flight.requests.per.connection` of at most 5",
            // Since 4.0 Kafka refuses this one even where idempotence was not asked for.
            false,
        ),
    ];
    let mut off = false;
    for (key, unmet, need, may_turn_off) in needs {
        if !on || !unmet {
            continue;
        }
        if asked || !may_turn_off {
            let line = config.setting(key).line.max(idempotence.line).max(line);
            let what = format!("an idempotent producer needs {need}");
            let instead = "change it, or write `enable.idempotence = false`";
            mistakes.add(line, Wrong::new(what, instead));
        } else {
            off = true;
        }
    }
    if off && let Some(key) = ConfigKey::named(Scope::Producer, "enable.idempotence") {
        config.set(key, Value::Flag(false), ConfigSource::Derived, 0);
    }
    let least = config.integer("linger.ms").saturating_add(config.integer("request.timeout.ms"));
    // The key's largest value satisfies any (KafkaProducer.configureDeliveryTimeout).
    let least = least.min(i64::from(i32::MAX));
    let delivery = config.setting("delivery.timeout.ms");
    if config.integer("delivery.timeout.ms") < least {
        if delivery.source == ConfigSource::Default {
            if let Some(key) = ConfigKey::named(Scope::Producer, "delivery.timeout.ms") {
                config.set(key, Value::Integer(least), ConfigSource::Derived, 0);
            }
        } else {
            let what = "`delivery.timeout.ms` is below linger.ms + request.timeout.ms";
            let instead = format!("write {least} or more, or lower `request.timeout.ms`");
            mistakes.add(delivery.line, Wrong::new(what, instead));
        }
    }
}
