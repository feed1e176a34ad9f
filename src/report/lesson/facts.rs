//! Facts of a run, as texts and checks of a lesson name them: `leo 1 @elected`, `.base_offset`.

use crate::event::Value;
use crate::report::lesson::reel::Reel;
use crate::report::state::{Partition, Replica};
use crate::report::text::joined;
use crate::trace::seconds;

/// Where facts are looked up.
pub(super) struct Place<'a> {
    pub(super) reel: &'a Reel<'a>,
    pub(super) event: u64,
    pub(super) partition: Option<&'a str>,
}

/// Finds places by their names.
pub(super) trait Places {
    /// The path of the scenario, for commands.
    fn scenario(&self) -> &str;
    /// The place of the mark `name`; without a name, the note's own.
    fn place(&self, name: Option<&str>) -> Result<Place<'_>, String>;
}

/// `text` with each `{fact}` replaced.
pub(super) fn filled(text: &str, places: &impl Places) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inner, after) =
            after.split_once('}').ok_or_else(|| format!("`{{{after}` has no closing brace"))?;
        out.push_str(before);
        out.push_str(&shown(&fact(inner, places)?));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Whether `check`, such as `hw 1 < leo 1`, is true; else what is.
pub(super) fn verify(check: &str, places: &impl Places) -> Result<(), String> {
    let words: Vec<&str> = check.split(' ').collect();
    let is_operator =
        |word: &&str| matches!(*word, "=" | "!=" | "<" | "<=" | ">" | ">=" | "has" | "lacks");
    let at = words.iter().rposition(is_operator);
    let at = at.ok_or_else(|| format!("`{check}` compares nothing: write as in `hw 1 < leo 1`"))?;
    let (left, operator, right) = (words[..at].join(" "), words[at], words[at + 1..].join(" "));
    let left_value = fact(&left, places)?;
    // A word that is no fact stands for itself; what it should have been shows in the complaint.
    let right_value = fact(&right, places).unwrap_or_else(|_| right.clone());
    let order = match (micros(&left_value), micros(&right_value)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => None,
    };
    let items: Vec<&str> =
        left_value.trim_start_matches('[').trim_end_matches(']').split(',').collect();
    let is_true = match operator {
        "=" => order.map_or(left_value == right_value, std::cmp::Ordering::is_eq),
        "!=" => order.map_or(left_value != right_value, std::cmp::Ordering::is_ne),
        "<" => order.is_some_and(std::cmp::Ordering::is_lt),
        "<=" => order.is_some_and(std::cmp::Ordering::is_le),
        ">" => order.is_some_and(std::cmp::Ordering::is_gt),
        ">=" => order.is_some_and(std::cmp::Ordering::is_ge),
        "has" => items.contains(&right_value.as_str()),
        _ => !items.contains(&right_value.as_str()),
    };
    let told = |text: &str, value: &str| match text == value {
        true => text.to_owned(),
        false => format!("{text} is {value}"),
    };
    match is_true {
        true => Ok(()),
        false => Err(format!(
            "`{check}` is not so: {}",
            [(&left, &left_value), (&right, &right_value)]
                .map(|(text, value)| told(text, value))
                .join(", ")
        )),
    }
}

/// The value of a fact; durations and times are in seconds.
fn fact(text: &str, places: &impl Places) -> Result<String, String> {
    let (text, mark) = match text.split_once('@') {
        Some((text, mark)) => (text.trim(), Some(mark.trim())),
        None => (text.trim(), None),
    };
    if text == "scenario" {
        return Ok(places.scenario().to_owned());
    }
    let place = places.place(mark)?;
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let unknown = || format!("`{text}` is no fact; docs/LESSONS.md lists them");
    if let Some(field) = text.strip_prefix('.') {
        return place.field(field);
    }
    match (word, rest) {
        ("event", "") => Ok(format!("e{}", place.event)),
        ("at", "") => place.moment().map(of_micros),
        ("host", "") => place.host(),
        ("since", mark) if !mark.is_empty() => {
            let other = places.place(Some(mark))?;
            Ok(format!("{}s", of_micros(place.moment()? - other.moment()?)))
        }
        ("count", filter) if !filter.is_empty() => place.reel.count(filter).map(|n| n.to_string()),
        ("figure", name) if !name.is_empty() => place.reel.figure(name),
        ("verdict", property) if !property.is_empty() => {
            let claim = place.reel.claim(property);
            claim.map(|claim| claim.result).ok_or_else(|| format!("no property is `{property}`"))
        }
        ("breaches", property) if !property.is_empty() => {
            let claim = place.reel.claim(property);
            let count = claim.map(|claim| claim.violations.to_string());
            count.ok_or_else(|| format!("no property is `{property}`"))
        }
        (_, "") => place.of_partition(word).unwrap_or_else(|| Err(unknown())),
        (_, broker) => match broker.parse() {
            Ok(broker) => place.of_replica(word, broker).unwrap_or_else(|| Err(unknown())),
            Err(_) => Err(unknown()),
        },
    }
}

impl Place<'_> {
    fn moment(&self) -> Result<i64, String> {
        let event = self.reel.event(self.event).ok_or("the run has no such event")?;
        Ok(event.at.scenario_micros())
    }

    fn host(&self) -> Result<String, String> {
        let event = self.reel.event(self.event).ok_or("the run has no such event")?;
        Ok(self.reel.names.setup().host_name(event.host).to_owned())
    }

    fn field(&self, name: &str) -> Result<String, String> {
        let event = self.reel.event(self.event).ok_or("the run has no such event")?;
        let values = event.kind.values();
        let found = values.iter().find(|(field, _)| *field == name);
        let value = found.map(|(_, value)| value).ok_or_else(|| {
            format!("{} at {} has no field `{name}`", event.kind.name(), seconds(event.at))
        })?;
        Ok(match value {
            // The one duration among the fields; it is in microseconds.
            Value::Number(micros) if name == "latency" => {
                format!("{}s", of_micros(*micros))
            }
            other => self.reel.names.show(other),
        })
    }

    fn partition(&self) -> Result<&Partition, String> {
        let name = self.partition.ok_or("say which partition: partition = \"orders-0\"")?;
        let state = self.reel.state(self.event).ok_or("no state was kept for it")?;
        let found = state
            .partitions
            .iter()
            .find(|known| format!("{}-{}", known.topic, known.partition) == name);
        found.ok_or_else(|| format!("there is no partition {name} at {}", state.at))
    }

    fn replica(&self, broker: i32) -> Result<&Replica, String> {
        let partition = self.partition()?;
        let found = partition.replicas.iter().find(|replica| replica.broker == broker);
        found.ok_or_else(|| format!("broker {broker} has no replica of it"))
    }

    /// What the controller committed; nothing if `word` is no such fact.
    fn of_partition(&self, word: &str) -> Option<Result<String, String>> {
        let none = || "none".to_owned();
        let list = |ids: &[i32]| if ids.is_empty() { none() } else { joined(ids) };
        let committed = || {
            let partition = self.partition()?;
            partition.committed.as_ref().ok_or_else(|| "nothing is committed of it".to_owned())
        };
        let read: fn(&crate::report::state::Committed) -> Vec<i32> = match word {
            "leader" => |it| it.leader.into_iter().collect(),
            "leader_epoch" => |it| vec![it.leader_epoch],
            "partition_epoch" => |it| vec![it.partition_epoch],
            "replicas" => |it| it.replicas.clone(),
            "isr" => |it| it.isr.clone(),
            "elr" => |it| it.elr.clone(),
            "min_isr" => |it| vec![it.min_isr.cast_signed()],
            _ => return None,
        };
        Some(committed().map(|it| list(&read(it))))
    }

    /// What a broker's replica is; nothing if `word` is no such fact.
    fn of_replica(&self, word: &str, broker: i32) -> Option<Result<String, String>> {
        let or_none = |value: Option<i32>| value.map_or("none".to_owned(), |it| it.to_string());
        let replica = self.replica(broker);
        let read = |tell: &dyn Fn(&Replica) -> String| Some(replica.clone().map(tell));
        match word {
            "leo" => read(&|it| it.log_end_offset.to_string()),
            "hw" => {
                read(&|it| it.high_watermark.map_or_else(|| "none".to_owned(), |it| it.to_string()))
            }
            "start" => read(&|it| it.log_start_offset.to_string()),
            "role" => read(&|it| it.role.unwrap_or("none").to_owned()),
            "epoch" => read(&|it| or_none(it.leader_epoch)),
            "latest" => read(&|it| or_none(it.latest_epoch)),
            "status" => read(&|it| it.status.to_owned()),
            "lag" => Some(self.lag(broker)),
            _ => None,
        }
    }

    /// How far a replica is behind the leader that the controller committed.
    fn lag(&self, broker: i32) -> Result<String, String> {
        let leader = self.partition()?.committed.as_ref().and_then(|it| it.leader);
        let leader = self.replica(leader.ok_or("nobody leads")?)?.log_end_offset;
        Ok((leader - self.replica(broker)?.log_end_offset).to_string())
    }
}

/// A fact as a text shows it: durations in the unit that people would take.
fn shown(value: &str) -> String {
    let Some(micros) = value.strip_suffix('s').and_then(micros) else { return value.to_owned() };
    let (number, unit, digits) = match micros.unsigned_abs() {
        0 => return "no time".to_owned(),
        1..1_000 => return format!("{micros} µs"),
        1_000..1_000_000 => (micros, "ms", 1_000),
        _ => (micros / 1_000, "s", 1_000),
    };
    let sign = if number < 0 { "-" } else { "" };
    let (whole, part) = (number.unsigned_abs() / digits, number.unsigned_abs() % digits);
    let shown = match whole {
        0..10 => format!("{whole}.{:02}", part / 10),
        10..100 => format!("{whole}.{}", part / 100),
        _ => whole.to_string(),
    };
    let shown = match shown.contains('.') {
        true => shown.trim_end_matches('0').trim_end_matches('.'),
        false => &shown,
    };
    format!("{sign}{shown} {unit}")
}

fn of_micros(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A decimal number in millionths, with or without an `s` behind it.
fn micros(text: &str) -> Option<i64> {
    let text = text.strip_suffix('s').unwrap_or(text);
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(part) || part.len() > 6 {
        return None;
    }
    let part: i64 = format!("{part:0<6}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(part)?.checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place of which nothing is known.
    struct Nowhere;

    impl Places for Nowhere {
        fn scenario(&self) -> &'static str {
            "a.toml"
        }

        fn place(&self, _: Option<&str>) -> Result<Place<'_>, String> {
            Err("nowhere".to_owned())
        }
    }

    #[test]
    fn durations_are_shown_in_the_unit_that_people_take() {
        for (value, text) in [
            ("0.000000s", "no time"),
            ("0.000017s", "17 µs"),
            ("0.002519s", "2.51 ms"),
            ("0.200266s", "200 ms"),
            ("1.840000s", "1.84 s"),
            ("12.300000s", "12.3 s"),
            ("-0.500000s", "-500 ms"),
            ("12", "12"),
            ("topics", "topics"),
        ] {
            assert_eq!(shown(value), text, "{value}");
        }
    }

    #[test]
    fn what_is_no_fact_is_a_mistake() {
        assert_eq!(filled("no facts", &Nowhere), Ok("no facts".to_owned()));
        assert_eq!(filled("{at", &Nowhere), Err("`{at` has no closing brace".to_owned()));
        let told = filled("kafsim run {scenario}", &Nowhere);
        assert_eq!(told, Ok("kafsim run a.toml".to_owned()));
        assert_eq!(filled("{at}", &Nowhere), Err("nowhere".to_owned()));
        let error = verify("hw 1", &Nowhere).unwrap_err();
        assert!(error.contains("compares nothing"), "{error}");
    }

    #[test]
    fn decimals_are_millionths() {
        assert_eq!(micros("1.5"), Some(1_500_000));
        assert_eq!(micros("-0.000001s"), Some(-1));
        for wrong in ["", "s", "1.0000001", "a", "1,2", "99999999999999999999"] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
    }
}
