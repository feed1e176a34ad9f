//! A process' or topic's configuration: what was set and by whom, over the release's defaults.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::scenario::config_keys::{ConfigKey, Kind, Scope};
use crate::types::FOREVER;

/// The value of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A number, in the unit that the key's name says.
    Integer(i64),
    /// One of the words that the key allows.
    Word(&'static str),
    /// Some of the words that the key allows, in an order that counts.
    List(WordList),
    /// `by_duration:` and so many milliseconds.
    Ago(u64),
}

/// How many words a list has at most.
const LIST_MAX: usize = 4;

/// Different words out of those that a key allows, in order; by their places among these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct WordList {
    words: &'static [&'static str],
    places: [Option<u8>; LIST_MAX],
}

impl WordList {
    /// The list of the words at `places` of `words`.
    ///
    /// # Panics
    ///
    /// On a place that there is not, and on more places than words that a list may have.
    pub const fn new(words: &'static [&'static str], places: &[u8]) -> Self {
        assert!(words.len() <= LIST_MAX, "a list has room for every word once");
        let mut list = Self { words, places: [None; LIST_MAX] };
        let mut at = 0;
        while at < places.len() {
            assert!((places[at] as usize) < words.len(), "a place among the words");
            list.places[at] = Some(places[at]);
            at += 1;
        }
        list
    }

    /// The words.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        self.places.into_iter().flatten().map(move |place| self.words[place as usize])
    }
}

impl std::fmt::Display for WordList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.iter().collect::<Vec<_>>().join(","))
    }
}

/// Who set a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ConfigSource {
    /// Nobody: the release's default.
    Default,
    /// The `server_properties` of `[cluster]`; the line is that file's.
    ClusterFile,
    /// `[cluster]`.
    Cluster,
    /// The `server_properties` of the broker or controller itself; the line is that file's.
    OwnFile,
    /// The broker, controller, topic, producer or consumer itself.
    Own,
    /// Kafka, because of another key: `enable.idempotence` follows `acks`.
    Derived,
}

/// A key's value and where it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// The value; `None` where Kafka's default is to have none.
    pub value: Option<Value>,
    /// Who set it.
    pub source: ConfigSource,
    /// The line of the scenario file, from 1; 0 for a default.
    pub line: u32,
}

/// The configuration of one process or topic.
///
/// Keys are those of the table in `config_keys`; asking for one that is not of the
/// configuration's scope is a mistake of ours and panics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    scope: Scope,
    set: BTreeMap<&'static str, Setting>,
}

impl Config {
    /// The release's defaults.
    pub fn new(scope: Scope) -> Self {
        Self { scope, set: BTreeMap::new() }
    }

    /// Whose keys it has.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Sets `key`, which must be of this scope.
    pub fn set(&mut self, key: &'static ConfigKey, value: Value, source: ConfigSource, line: u32) {
        assert!(key.has(self.scope), "{} is no key of {:?}", key.name, self.scope);
        self.set.insert(key.name, Setting { value: Some(value), source, line });
    }

    /// Whether anybody set `key`.
    pub fn is_set(&self, key: &str) -> bool {
        self.set.contains_key(key)
    }

    /// The value of `key` and where it comes from.
    pub fn setting(&self, key: &str) -> Setting {
        let default = || Setting {
            value: ConfigKey::named(self.scope, key)
                .unwrap_or_else(|| panic!("{key} is no key of {:?}", self.scope))
                .default,
            source: ConfigSource::Default,
            line: 0,
        };
        self.set.get(key).copied().unwrap_or_else(default)
    }

    /// A number, in the unit that the key's name says; `None` where there is none.
    pub fn optional_integer(&self, key: &str) -> Option<i64> {
        match self.setting(key).value {
            None => None,
            Some(Value::Integer(number)) => Some(number),
            Some(other) => panic!("{key} is a number, not {other:?}"),
        }
    }

    /// A number, in the unit that the key's name says.
    pub fn integer(&self, key: &str) -> i64 {
        self.optional_integer(key).unwrap_or_else(|| panic!("{key} has no default"))
    }

    /// A number that the table keeps at 0 or above.
    pub fn count(&self, key: &str) -> u64 {
        let number = self.integer(key);
        u64::try_from(number).unwrap_or_else(|_| panic!("{key} = {number} is below 0"))
    }

    /// A time; keys ending in `.ms` count milliseconds, in `.seconds` seconds. `None` where there
    /// is none, or where Kafka writes "never" (-1 or the largest number).
    pub fn optional_duration(&self, key: &str) -> Option<Duration> {
        let number = self.optional_integer(key)?;
        let unit = if key.ends_with(".seconds") { 1000 } else { 1 };
        match u64::try_from(number) {
            Ok(number) if number < i64::MAX as u64 => {
                Some(Duration::from_millis(number.saturating_mul(unit)).min(FOREVER))
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// A time that is always there: where Kafka writes "never", longer than any run.
    pub fn duration(&self, key: &str) -> Duration {
        assert!(self.setting(key).value.is_some(), "{key} may be without a time");
        self.optional_duration(key).unwrap_or(FOREVER)
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &str) -> bool {
        match self.setting(key).value {
            Some(Value::Flag(flag)) => flag,
            other => panic!("{key} is a flag, not {other:?}"),
        }
    }

    /// One of the words that the key allows.
    pub fn text(&self, key: &str) -> &'static str {
        match self.setting(key).value {
            Some(Value::Word(word)) => word,
            other => panic!("{key} is a word, not {other:?}"),
        }
    }

    /// Words in an order that counts.
    pub fn list(&self, key: &str) -> WordList {
        match self.setting(key).value {
            Some(Value::List(list)) => list,
            other => panic!("{key} is a list, not {other:?}"),
        }
    }

    /// Every key that was set, in order, as Kafka's tools would write it.
    pub fn explicit(&self) -> impl Iterator<Item = (&'static str, Setting)> + '_ {
        self.set.iter().map(|(key, setting)| (*key, *setting))
    }

    /// Every key of the scope, in the table's order.
    pub fn all(&self) -> impl Iterator<Item = (&'static ConfigKey, Setting)> + '_ {
        let keys = ConfigKey::all().filter(|key| key.has(self.scope));
        keys.map(|key| (key, self.setting(key.name)))
    }
}

impl Kind {
    /// What a value of this kind looks like, for messages and documents.
    pub fn describe(self) -> String {
        let range = |unit: &str, min: i64, max: i64| match (min, max) {
            (i64::MIN, i64::MAX) => unit.to_owned(),
            (min, i64::MAX | 0x7fff_ffff) => format!("{unit} from {min}"),
            (min, max) => format!("{unit} from {min} to {max}"),
        };
        match self {
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Number { min, max } => range("a number", min, max),
            Self::Millis { min, max } => range("milliseconds", min, max),
            Self::Seconds { min, max } => range("seconds", min, max),
            Self::Bytes { min, max } => range("bytes", min, max),
            Self::List { words, .. } => {
                let all: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                format!("one or several of {}, the preferred one first", all.join(", "))
            }
            Self::Words(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                format!("one of {}", words.join(", "))
            }
            Self::Reset => "one of `latest`, `earliest`, `none`, or a duration as in \
                            `by_duration:PT30S`"
                .to_owned(),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Word(word) => f.write_str(word),
            Self::List(list) => list.fmt(f),
            Self::Ago(millis) => {
                write!(f, "by_duration:PT{}", millis / 1000)?;
                match millis % 1000 {
                    0 => f.write_str("S"),
                    rest => write!(f, ".{rest:03}S"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_value_stands_before_the_default() {
        let mut config = Config::new(Scope::Broker);
        assert_eq!(config.duration("replica.lag.time.max.ms"), Duration::from_secs(30));
        let key = ConfigKey::named(Scope::Broker, "replica.lag.time.max.ms").unwrap();
        config.set(key, Value::Integer(10_000), ConfigSource::Own, 7);
        assert_eq!(config.duration("replica.lag.time.max.ms"), Duration::from_secs(10));
        assert_eq!(config.setting("replica.lag.time.max.ms").line, 7);
        assert_eq!(config.explicit().count(), 1);
    }

    #[test]
    fn never_is_no_duration() {
        let config = Config::new(Scope::Topic);
        assert_eq!(config.optional_duration("flush.ms"), None);
        assert_eq!(config.integer("flush.messages"), i64::MAX);
    }
}
