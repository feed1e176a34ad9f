//! The filter language of `kafsim events`.
//!
//! ```text
//! filter  = { term }                        all terms must be true; none is always true
//! term    = [ "!" ] ( test | word )         a word stands anywhere in the event's line
//! test    = key op value
//! op      = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~"
//! key     = "kind" | "host" | "partition" | "time" | "index" | "cause" | "about"
//!         | the name of a field, such as leader_epoch
//! value   = text without spaces, or in double quotes; with "=" and "!=" also
//!           a|b|c (any of them), a..b (from a, below b; either may be missing) and a* (begins so)
//! ```
//!
//! `time` is in seconds of the scenario's time, `index` may be written with its `e`. A test on a
//! field is false for events that have no such field, whatever the operator. What no event can
//! ever pass is a mistake: a range that ends before it begins, a host or partition that the run
//! does not have.
//!
//! Examples: `kind=log-truncated|log-recovered host=broker-1`, `partition=orders-0 time=9.5..12`,
//! `kind=partition-* !unclean=false`, `records>=10`, `index=e100..e200`.

use std::cmp::Ordering;

use crate::event::{Event, Kind, Value};
use crate::trace::text::{Names, seconds};

/// A filter that was read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Filter {
    terms: Vec<(bool, Term)>,
}

#[derive(Clone, PartialEq, Debug)]
enum Term {
    Word(String),
    Test { key: String, operator: Operator, wanted: Vec<Wanted> },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Contains,
}

#[derive(Clone, PartialEq, Debug)]
enum Wanted {
    Exactly(String),
    BeginsWith(String),
    Range(Option<String>, Option<String>),
}

/// A text is no filter.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FilterError {
    /// A quotation has no end.
    #[error("a double quote in `{0}` has no partner; close it, or leave it out")]
    Quote(String),
    /// A test lacks its key or its value.
    #[error("`{0}` lacks a key or a value; write `key=value`")]
    Incomplete(String),
    /// No event has such a field.
    #[error(
        "no event has a field `{key}`; use kind, host, partition, time, index, cause, about, \
         or a field of docs/TRACE.md{nearest}"
    )]
    Key {
        /// What was written.
        key: String,
        /// What may have been meant.
        nearest: String,
    },
    /// No event is of this kind.
    #[error("there is no kind of event `{kind}`; `kafsim events --kinds` lists them{nearest}")]
    Kind {
        /// What was written.
        kind: String,
        /// What may have been meant.
        nearest: String,
    },
    /// No event has this word in a field of few words.
    #[error("no event has `{key}={value}`; {nearest}")]
    Word {
        /// The field.
        key: String,
        /// What was written.
        value: String,
        /// What may have been meant, or all words that there are.
        nearest: String,
    },
    /// A time or an index is no number.
    #[error("`{value}` is no {key}; write a number, as in `{key}=10..20`")]
    Number {
        /// The key.
        key: String,
        /// What was written.
        value: String,
    },
    /// Nothing lies in a range.
    #[error(
        "nothing lies in `{key}={from}..{below}`, which goes from `{from}` to below `{below}`; \
         write the smaller one first"
    )]
    Range {
        /// The key.
        key: String,
        /// The lower end.
        from: String,
        /// The upper end.
        below: String,
    },
    /// The run has no such host or partition.
    #[error("the run has no {key} `{value}`; it has {known}")]
    Absent {
        /// `host` or `partition`.
        key: String,
        /// What was written.
        value: String,
        /// What there is.
        known: String,
    },
}

const OPERATORS: [(&str, Operator); 7] = [
    ("!=", Operator::Unequal),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::MoreOrEqual),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::More),
    ("~", Operator::Contains),
];
const KEYS: [&str; 7] = ["kind", "host", "partition", "time", "index", "cause", "about"];
/// Keys whose values are numbers.
const NUMBERS: [&str; 4] = ["time", "index", "cause", "about"];
/// How a field that may be absent shows that it is.
const NOTHING: &str = "none";
/// A message names no more hosts or partitions than this.
const KNOWN_MAX: usize = 12;

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = words(text)?;
        let terms = words.iter().map(|word| term(word)).collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }
}

/// Splits at spaces that stand in no quotation.
fn words(text: &str) -> Result<Vec<String>, FilterError> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut is_quoted = false;
    let mut is_open = false;
    for c in text.chars() {
        match c {
            '"' => {
                is_quoted = !is_quoted;
                is_open = true;
            }
            c if c.is_whitespace() && !is_quoted => {
                if is_open {
                    words.push(std::mem::take(&mut word));
                }
                is_open = false;
            }
            c => {
                word.push(c);
                is_open = true;
            }
        }
    }
    if is_quoted {
        return Err(FilterError::Quote(text.to_owned()));
    }
    if is_open {
        words.push(word);
    }
    Ok(words)
}

fn term(word: &str) -> Result<(bool, Term), FilterError> {
    let (is_negated, word) = match word.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    let places = OPERATORS.iter().filter_map(|op| word.find(op.0).map(|at| (at, op)));
    // The leftmost operator counts; of two that begin there, the longer one.
    let Some((at, (text, operator))) = places.min_by_key(|(at, op)| (*at, 2 - op.0.len())) else {
        return Ok((is_negated, Term::Word(word.to_lowercase())));
    };
    let (key, value) = (&word[..at], &word[at + text.len()..]);
    if key.is_empty() || value.is_empty() {
        return Err(FilterError::Incomplete(word.to_owned()));
    }
    let is_field = |name: &str| {
        Kind::TABLE.iter().any(|kind| kind.fields.iter().any(|field| field.name == name))
    };
    if !KEYS.contains(&key) && !is_field(key) {
        let fields = Kind::TABLE.iter().flat_map(|kind| kind.fields).map(|field| field.name);
        let nearest = nearest(key, fields.chain(KEYS));
        return Err(FilterError::Key { key: key.to_owned(), nearest });
    }
    let is_plain = !matches!(operator, Operator::Equal | Operator::Unequal);
    let wanted: Vec<Wanted> = match is_plain {
        true => vec![Wanted::Exactly(value.to_owned())],
        false => value.split('|').map(wanted).collect(),
    };
    if key == "kind" {
        check_kinds(&wanted)?;
    }
    check_values(key, *operator, &wanted)?;
    check_words(key, *operator, &wanted)?;
    let term = Term::Test { key: key.to_owned(), operator: *operator, wanted };
    Ok((is_negated, term))
}

fn wanted(text: &str) -> Wanted {
    let end = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    if let Some((from, below)) = text.split_once("..") {
        return Wanted::Range(end(from), end(below));
    }
    match text.strip_suffix('*') {
        Some(begin) => Wanted::BeginsWith(begin.to_owned()),
        None => Wanted::Exactly(text.to_owned()),
    }
}

fn check_kinds(wanted: &[Wanted]) -> Result<(), FilterError> {
    for wanted in wanted {
        if let Wanted::Exactly(kind) = wanted
            && !Kind::TABLE.iter().any(|info| info.name == kind)
        {
            let nearest = nearest(kind, Kind::TABLE.iter().map(|info| info.name));
            return Err(FilterError::Kind { kind: kind.clone(), nearest });
        }
    }
    Ok(())
}

/// Numbers are numbers, and a range has something in it.
fn check_values(key: &str, operator: Operator, wanted: &[Wanted]) -> Result<(), FilterError> {
    let is_number = |value: &String| {
        let is_one = number(value).is_some() || !NUMBERS.contains(&key);
        let error = || FilterError::Number { key: key.to_owned(), value: value.clone() };
        is_one.then_some(()).ok_or_else(error)
    };
    for wanted in wanted {
        match wanted {
            Wanted::Exactly(value) if operator != Operator::Contains => is_number(value)?,
            Wanted::Exactly(_) | Wanted::BeginsWith(_) => {}
            Wanted::Range(from, below) => {
                from.iter().chain(below).try_for_each(is_number)?;
                if let (Some(from), Some(below)) = (from, below)
                    && compare(from, below) != Ordering::Less
                {
                    let (key, from, below) = (key.to_owned(), from.clone(), below.clone());
                    return Err(FilterError::Range { key, from, below });
                }
            }
        }
    }
    Ok(())
}

/// A field of few words is asked for one of them: `role=lead` would be true of no event.
fn check_words(key: &str, operator: Operator, wanted: &[Wanted]) -> Result<(), FilterError> {
    let fields = || Kind::TABLE.iter().flat_map(|kind| kind.fields).filter(|f| f.name == key);
    // Fields of one name may be of several sorts; one that takes anything takes anything.
    if fields().next().is_none() || fields().any(|field| field.words.is_empty()) {
        return Ok(());
    }
    let mut known: Vec<&str> = fields().flat_map(|field| field.words).copied().collect();
    known.sort_unstable();
    known.dedup();
    // What is unequal to no word is equal to all: meant was another.
    let operator = if operator == Operator::Unequal { Operator::Equal } else { operator };
    for wanted in wanted {
        let (Wanted::Exactly(value) | Wanted::BeginsWith(value)) = wanted else { continue };
        let is_none = value == NOTHING;
        if is_none || known.iter().any(|word| wanted.accepts(operator, word)) {
            continue;
        }
        let (key, value) = (key.to_owned(), value.clone());
        let nearest = match nearest_word(&value, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.len() > KNOWN_MAX => "docs/TRACE.md has its words".to_owned(),
            None => format!("there are {}", known.join(", ")),
        };
        return Err(FilterError::Word { key, value, nearest });
    }
    Ok(())
}

/// The words that share most of their beginning with what was written, in any case.
fn nearest_word(written: &str, known: &[&str]) -> Option<String> {
    let written = written.to_lowercase();
    let front = |word: &str| {
        let pairs = word.to_lowercase().chars().zip(written.chars()).collect::<Vec<_>>();
        pairs.iter().take_while(|(a, b)| a == b).count()
    };
    let most = known.iter().map(|word| front(word)).max().filter(|most| *most >= 3)?;
    let near: Vec<_> = known.iter().copied().filter(|word| front(word) == most).collect();
    Some(near.join("` or `"))
}

/// `; did you mean ...?` when a name shares its beginning or its end with what was written.
fn nearest(written: &str, names: impl Iterator<Item = &'static str>) -> String {
    let alike = |name: &str| {
        let same = |(a, b): &(char, char)| a == b;
        let front = name.chars().zip(written.chars()).take_while(same).count();
        let back = name.chars().rev().zip(written.chars().rev()).take_while(same).count();
        front.max(back)
    };
    match names.max_by_key(|name| alike(name)) {
        Some(name) if alike(name) >= 3 => format!("; did you mean `{name}`?"),
        _ => String::new(),
    }
}

impl Filter {
    /// Whether `event` passes.
    pub fn accepts(&self, event: &Event, names: &Names) -> bool {
        self.terms.iter().all(|(is_negated, term)| term.accepts(event, names) != *is_negated)
    }

    /// Whether it asks for certain values of `key`.
    pub fn names(&self, key: &str) -> bool {
        self.terms.iter().any(|(_, term)| term.is_about(key))
    }

    /// Checks that each value that is wanted of `key`, host or partition, is among `known`: all
    /// that the run has.
    ///
    /// # Errors
    ///
    /// [`FilterError::Absent`] for the first that is not.
    pub fn check(&self, key: &str, known: &[String]) -> Result<(), FilterError> {
        for (_, term) in self.terms.iter().filter(|(_, term)| term.is_about(key)) {
            let Term::Test { operator, wanted, .. } = term else { continue };
            for wanted in wanted {
                let (Wanted::Exactly(value) | Wanted::BeginsWith(value)) = wanted else { continue };
                // What a value is unequal to must be there as well.
                let operator = match operator {
                    Operator::Unequal => Operator::Equal,
                    other => *other,
                };
                if known.iter().any(|known| wanted.accepts(operator, known)) {
                    continue;
                }
                let mut list = known.iter().take(KNOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
                if known.len() > KNOWN_MAX {
                    list.push_str(&format!(" and {} more", known.len() - KNOWN_MAX));
                }
                let (key, value) = (key.to_owned(), value.clone());
                return Err(FilterError::Absent { key, value, known: list });
            }
        }
        Ok(())
    }

    /// Whether every event passes.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

impl Term {
    fn is_about(&self, name: &str) -> bool {
        matches!(self, Self::Test { key, .. } if key == name)
    }

    fn accepts(&self, event: &Event, names: &Names) -> bool {
        match self {
            Self::Word(word) => names.line(event).to_lowercase().contains(word),
            Self::Test { key, operator, wanted } => {
                let found = values(key, event, names);
                let is_true = |found: &String| {
                    let any = wanted.iter().any(|wanted| wanted.accepts(*operator, found));
                    any != (*operator == Operator::Unequal)
                };
                found.iter().any(is_true)
            }
        }
    }
}

impl Wanted {
    fn accepts(&self, operator: Operator, found: &str) -> bool {
        match self {
            Self::BeginsWith(begin) => found.starts_with(begin),
            Self::Range(from, below) => {
                from.as_ref().is_none_or(|from| compare(found, from) != Ordering::Less)
                    && below.as_ref().is_none_or(|below| compare(found, below) == Ordering::Less)
            }
            Self::Exactly(wanted) => match operator {
                Operator::Equal | Operator::Unequal => compare(found, wanted) == Ordering::Equal,
                Operator::Less => compare(found, wanted) == Ordering::Less,
                Operator::LessOrEqual => compare(found, wanted) != Ordering::Greater,
                Operator::More => compare(found, wanted) == Ordering::Greater,
                Operator::MoreOrEqual => compare(found, wanted) != Ordering::Less,
                Operator::Contains => found.contains(wanted.as_str()),
            },
        }
    }
}

/// By number if both are one, with or without a fraction; else by their letters.
fn compare(found: &str, wanted: &str) -> Ordering {
    match (number(found), number(wanted)) {
        (Some(found), Some(wanted)) => found.cmp(&wanted),
        _ => found.cmp(wanted),
    }
}

/// A decimal number in millionths; `e` before it and `s` behind it are let pass.
fn number(text: &str) -> Option<i128> {
    let text = text.strip_prefix('e').unwrap_or(text);
    let text = text.strip_suffix('s').unwrap_or(text);
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let whole: i128 = whole.parse::<u64>().ok()?.into();
    let fraction: i128 = format!("{fraction:0<6}").parse().ok()?;
    Some(sign * (whole * 1_000_000 + fraction))
}

/// What the event has under `key`: none, one, or for a list each item and the whole.
fn values(key: &str, event: &Event, names: &Names) -> Vec<String> {
    let one = |text: String| vec![text];
    match key {
        "kind" => one(event.kind.name().to_owned()),
        "host" => one(names.setup().host_name(event.host).to_owned()),
        "time" => one(seconds(event.at)),
        "index" => one(event.index.to_string()),
        "cause" => event.cause.iter().map(u64::to_string).collect(),
        "about" => event.about.iter().map(u64::to_string).collect(),
        _ => {
            let fields = event.kind.values();
            let Some((_, value)) = fields.iter().find(|(name, _)| *name == key) else {
                return Vec::new();
            };
            let mut shown = one(names.show(value));
            if let Value::List(items) = value {
                shown.extend(items.iter().map(|item| names.show(item)));
            }
            shown
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::StepName;
    use crate::trace::setup::{HostSetup, Part, Setup};
    use crate::types::{BrokerId, BrokerSet, HostId, LeaderEpoch, Moment, PartitionEpoch, TopicId};
    use crate::types::{Offset, TopicPartition};

    fn accepts(filter: &str) -> bool {
        let host = HostSetup { name: "broker-1".into(), part: Part::Broker(BrokerId(1)) };
        let mut names = Names::new(Arc::new(Setup { hosts: vec![host], ..Setup::default() }));
        let mut event = Event {
            index: 41,
            at: Moment(21_500_000),
            host: Some(HostId(0)),
            step: StepName::default(),
            cause: Some(40),
            about: None,
            kind: Kind::TopicCommitted {
                topic: TopicId(9),
                name: "orders".into(),
                offset: Offset(2),
            },
        };
        names.learn(&event);
        event.kind = Kind::InSyncChanged {
            partition: TopicPartition::new(TopicId(9), 0),
            leader_epoch: LeaderEpoch(12),
            partition_epoch: PartitionEpoch(3),
            committed: BrokerSet::of(BrokerId(1)),
            maximal: [1, 2].map(BrokerId).into_iter().collect(),
        };
        filter.parse::<Filter>().unwrap().accepts(&event, &names)
    }

    #[test]
    fn terms_are_joined_and_turned_round() {
        for filter in [
            "",
            "kind=in-sync-changed",
            "kind=in-sync-*",
            "kind=log-appended|in-sync-changed host=broker-1",
            "partition=orders-0",
            "time=11..12s",
            "time>11.4 time<=11.5",
            "index=e41",
            "index=40..",
            "leader_epoch>9",
            "maximal=2",
            "maximal=[1,2]",
            "cause=40",
            "!kind=log-appended",
            "leader_epoch!=11",
            "ORDERS-0",
            "\"partition=orders-0\"",
        ] {
            assert!(accepts(filter), "{filter}");
        }
        for filter in [
            "kind!=in-sync-changed",
            "host=broker-2",
            "time=..11.5",
            "index<41",
            "maximal=3",
            "about=0",
            "about!=0",
            "records>=0",
            "!orders",
            "partition=orders-0 leader_epoch=1",
        ] {
            assert!(!accepts(filter), "{filter}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| text.parse::<Filter>().unwrap_err().to_string();
        assert!(error("leader_epock=1").contains("did you mean `leader_epoch`?"));
        assert!(error("kind=log-append").contains("did you mean `log-appended`?"));
        assert!(error("kind=").contains("lacks a key or a value"));
        assert!(error("\"open").contains("has no partner"));
    }

    #[test]
    fn what_nothing_can_pass_is_refused() {
        let error = |text: &str| text.parse::<Filter>().unwrap_err().to_string();
        assert_eq!(
            error("time=20..10"),
            "nothing lies in `time=20..10`, which goes from `20` to below `10`; write the smaller \
             one first"
        );
        assert!(error("index=e9..e9").contains("nothing lies in"));
        assert!(error("leader_epoch=3..2").contains("nothing lies in"));
        assert_eq!(error("time>soon"), "`soon` is no time; write a number, as in `time=10..20`");
        assert!(error("index=..x").contains("`x` is no index"));
        assert_eq!(
            error("role=lead"),
            "no event has `role=lead`; did you mean `leader` or `leaderless`?"
        );
        assert_eq!(
            error("role!=chief"),
            "no event has `role=chief`; there are candidate, follower, \
             leader, leaderless, observer, prospective, resigned, unattached"
        );
        assert!(error("error=not_enough").contains("did you mean `NOT_ENOUGH_REPLICAS` or"));
        assert!(error("unclean=yes").contains("there are false, true"));
        for fine in ["role=leader|follower", "role=lead*", "role~ead", "error=NONE", "keep!=synced"]
        {
            assert!(fine.parse::<Filter>().is_ok(), "{fine}");
        }
        for fine in ["time=9.5..10", "time=10..", "time=-3..4s", "time~9.5", "index=e1|e5"] {
            assert!(fine.parse::<Filter>().is_ok(), "{fine}");
        }
    }

    #[test]
    fn what_the_run_does_not_have_is_refused_with_what_it_has() {
        let known = ["orders-0", "orders-1"].map(str::to_owned);
        let check = |text: &str| text.parse::<Filter>().unwrap().check("partition", &known);
        for fine in ["", "host=broker-9", "partition=orders-0", "partition=orders*", "orders-7"] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for fine in ["partition!=orders-1", "partition~ders", "partition=orders-0|orders-1"] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for wrong in ["partition=orders-7", "!partition=orders-7", "partition!=orders-7"] {
            let told = "the run has no partition `orders-7`; it has orders-0, orders-1";
            assert_eq!(check(wrong).unwrap_err().to_string(), told);
        }
        for wrong in ["partition=order*", "partition=orders-0|orders-7", "partition~x"] {
            assert_eq!(check(wrong).is_ok(), wrong == "partition=order*", "{wrong}");
        }
        let many: Vec<String> = (0..20).map(|at| format!("t-{at}")).collect();
        let error = "partition=x".parse::<Filter>().unwrap().check("partition", &many);
        assert!(error.unwrap_err().to_string().ends_with("t-11 and 8 more"));
    }
}
