//! Tests of the form `key op value`.

use std::cmp::Ordering;

use crate::event::{Event, Kind, Value};
use crate::trace::filter::error::Problem;
use crate::trace::text::{Names, seconds};

/// A test on what an event has under a key.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Test {
    pub(super) key: String,
    operator: Operator,
    wanted: Vec<Wanted>,
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

impl Test {
    /// Reads `word`; `None` when there is no operator in it.
    pub(super) fn read(word: &str) -> Result<Option<Self>, Problem> {
        let places = OPERATORS.iter().filter_map(|op| word.find(op.0).map(|at| (at, op)));
        // The leftmost operator counts; of two that begin there, the longer one.
        let Some((at, (text, operator))) = places.min_by_key(|(at, op)| (*at, 2 - op.0.len()))
        else {
            return Ok(None);
        };
        let (key, value) = (&word[..at], &word[at + text.len()..]);
        if key.is_empty() || value.is_empty() {
            return Err(Problem::Incomplete(word.to_owned()));
        }
        if !is_key(key) {
            return Err(unknown_key(key));
        }
        let is_plain = !matches!(operator, Operator::Equal | Operator::Unequal);
        let wanted = match is_plain {
            true => vec![Wanted::Exactly(value.to_owned())],
            false => value.split('|').map(wanted).collect(),
        };
        Self::checked(key, *operator, wanted).map(Some)
    }

    /// The test that `key` is one of `values`, joined by commas.
    pub(super) fn any_of(key: &str, values: &str) -> Result<Self, Problem> {
        Self::checked(key, Operator::Equal, values.split(',').map(wanted).collect())
    }

    fn checked(key: &str, operator: Operator, wanted: Vec<Wanted>) -> Result<Self, Problem> {
        if key == "kind" {
            check_kinds(&wanted)?;
        }
        check_values(key, operator, &wanted)?;
        check_words(key, operator, &wanted)?;
        Ok(Self { key: key.to_owned(), operator, wanted })
    }

    pub(super) fn accepts(&self, event: &Event, names: &Names) -> bool {
        let found = values(&self.key, event, names);
        let is_true = |found: &String| {
            let any = self.wanted.iter().any(|wanted| wanted.accepts(self.operator, found));
            any != (self.operator == Operator::Unequal)
        };
        found.iter().any(is_true)
    }

    /// Checks that each value that is wanted is among `known`.
    pub(super) fn check(&self, known: &[String]) -> Result<(), Problem> {
        for wanted in &self.wanted {
            let (Wanted::Exactly(value) | Wanted::BeginsWith(value)) = wanted else { continue };
            // What a value is unequal to must be there as well.
            let operator = match self.operator {
                Operator::Unequal => Operator::Equal,
                other => other,
            };
            if !known.iter().any(|known| wanted.accepts(operator, known)) {
                return Err(absent(&self.key, value, known));
            }
        }
        Ok(())
    }
}

/// Whether `key` is one that tests know.
pub(super) fn is_key(key: &str) -> bool {
    let is_field = |kind: &crate::event::KindInfo| kind.fields.iter().any(|f| f.name == key);
    KEYS.contains(&key) || Kind::TABLE.iter().any(is_field)
}

pub(super) fn unknown_key(key: &str) -> Problem {
    let fields = Kind::TABLE.iter().flat_map(|kind| kind.fields).map(|field| field.name);
    Problem::Key { key: key.to_owned(), nearest: nearest(key, fields.chain(KEYS)) }
}

/// The run has no `value` of `key`.
pub(super) fn absent(key: &str, value: &str, known: &[String]) -> Problem {
    let mut list = known.iter().take(KNOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    if known.len() > KNOWN_MAX {
        list.push_str(&format!(" and {} more", known.len() - KNOWN_MAX));
    }
    if known.is_empty() {
        list.push_str("none");
    }
    list.extend(several(key, value));
    Problem::Absent { key: key.to_owned(), value: value.to_owned(), known: list }
}

/// How several values are asked for, if that is what `value` seems to do.
fn several(key: &str, value: &str) -> Option<String> {
    let is_list = value.contains(',') && !value.starts_with('[');
    is_list.then(|| format!("; for several write `{key}={}`", value.replace(',', "|")))
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

fn check_kinds(wanted: &[Wanted]) -> Result<(), Problem> {
    for wanted in wanted {
        if let Wanted::Exactly(kind) = wanted
            && !Kind::TABLE.iter().any(|info| info.name == kind)
        {
            let near = || nearest(kind, Kind::TABLE.iter().map(|info| info.name));
            let nearest = several("kind", kind).unwrap_or_else(near);
            return Err(Problem::Kind { kind: kind.clone(), nearest });
        }
    }
    Ok(())
}

/// Numbers are numbers, and a range has something in it.
fn check_values(key: &str, operator: Operator, wanted: &[Wanted]) -> Result<(), Problem> {
    let is_number = |value: &String| {
        let is_one = number(value).is_some() || !NUMBERS.contains(&key);
        let error = || Problem::Number { key: key.to_owned(), value: value.clone() };
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
                    return Err(Problem::Range { key, from, below });
                }
            }
        }
    }
    Ok(())
}

/// A field of few words is asked for one of them: `role=lead` would be true of no event.
fn check_words(key: &str, operator: Operator, wanted: &[Wanted]) -> Result<(), Problem> {
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
        let several = several(&key, &value);
        let nearest = match nearest_word(&value, &known) {
            _ if several.is_some() => several.unwrap_or_default().split_off(2),
            Some(near) => format!("did you mean `{near}`?"),
            None if known.len() > KNOWN_MAX => "docs/TRACE.md has its words".to_owned(),
            None => format!("there are {}", known.join(", ")),
        };
        return Err(Problem::Word { key, value, nearest });
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
pub(super) fn nearest(written: &str, names: impl Iterator<Item = &'static str>) -> String {
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
pub(super) fn number(text: &str) -> Option<i128> {
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
