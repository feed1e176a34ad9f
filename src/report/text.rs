//! What texts have in common.

use std::time::Duration;

use crate::event::OFFSETS_TOPIC;

/// More names than this are counted.
const NAMES_MAX: usize = 4;

/// `text` in lines of at most `width`, parted at spaces; a longer word has a line of its own.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let length = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && length > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// The same, where a word that is longer than a line goes on in the next: no line is longer.
pub(crate) fn fitted(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in wrapped(text, width) {
        let letters: Vec<char> = line.chars().collect();
        match letters.len() <= width {
            true => lines.push(line),
            false => lines.extend(letters.chunks(width.max(1)).map(|part| part.iter().collect())),
        }
    }
    lines
}

/// A number with commas between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration in the unit that suits it, with two digits behind the point at most.
pub(crate) fn rounded(duration: Duration) -> String {
    let micros = duration.as_micros();
    let (unit, name) = match micros {
        0..1_000 => return format!("{micros}us"),
        1_000..1_000_000 => (1_000, "ms"),
        _ => (1_000_000, "s"),
    };
    let hundredths = (micros * 100 + unit / 2) / unit;
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    match rest {
        0 => format!("{whole}{name}"),
        rest if rest % 10 == 0 => format!("{whole}.{}{name}", rest / 10),
        rest => format!("{whole}.{rest:02}{name}"),
    }
}

/// Ids with commas between.
pub(crate) fn joined(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

/// Names of partitions or of hosts in a row, not too many; of what Kafka keeps for itself only how
/// many there are, and behind what the scenario is about.
pub(crate) fn several<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let (internal, own): (Vec<&str>, Vec<&str>) = names.partition(|name| is_internal(name));
    let mut parts: Vec<String> = match own.as_slice() {
        many if many.len() > NAMES_MAX => {
            vec![format!("{}, {} and {} more", many[0], many[1], many.len() - 2)]
        }
        few => few.iter().map(|name| (*name).to_owned()).collect(),
    };
    match internal.as_slice() {
        [] => {}
        [one] => parts.push((*one).to_owned()),
        many => parts.push(format!("{} of {OFFSETS_TOPIC}", many.len())),
    }
    parts.join(", ")
}

/// Whether `name` is a partition of a topic that Kafka keeps for itself.
pub(crate) fn is_internal(name: &str) -> bool {
    let number = name.strip_prefix(OFFSETS_TOPIC).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// `text` without what would steer a terminal: names come from files that anybody may have made.
pub fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    let steers = |c: char| c.is_control() && c != '\n';
    match text.contains(steers) {
        true => text.replace(steers, "\u{fffd}").into(),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_parted_at_spaces() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("immeasurable a", 5), ["immeasurable", "a"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn a_word_that_is_longer_than_a_line_is_cut() {
        assert_eq!(fitted("an immeasurable a", 5), ["an", "immea", "surab", "le", "a"]);
        assert_eq!(fitted("one two", 7), ["one two"]);
        assert_eq!(fitted("", 7), [""]);
    }

    #[test]
    fn many_names_are_counted() {
        assert_eq!(several(["a", "b"].into_iter()), "a, b");
        assert_eq!(several(["a", "b", "c", "d", "e"].into_iter()), "a, b and 3 more");
    }

    #[test]
    fn what_kafka_keeps_for_itself_is_counted_apart() {
        let names = ["__consumer_offsets-1", "__consumer_offsets-2", "a-0", "a-1", "b-0"];
        assert_eq!(several(names.into_iter()), "a-0, a-1, b-0, 2 of __consumer_offsets");
        assert_eq!(several(names[1..3].iter().copied()), "a-0, __consumer_offsets-2");
        assert_eq!(several(names[..2].iter().copied()), "2 of __consumer_offsets");
        let many = ["a-0", "a-1", "a-2", "a-3", "a-4"].into_iter().chain(names);
        assert_eq!(several(many), "a-0, a-1 and 6 more, 2 of __consumer_offsets");
        assert!(!is_internal("__consumer_offsets-of-ours") && !is_internal("orders-0"));
    }

    #[test]
    fn a_name_does_not_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\r\nc"), "a\u{fffd}[31mb\u{fffd}\nc");
        assert_eq!(printable("plain\n"), "plain\n");
    }
}
