//! Where two values differ, named as a path: for sentences that a person reads.

use std::fmt::Debug;

/// The first place where `sent` and `received` differ, `None` if they look alike.
pub(in crate::message) fn first_difference(
    sent: &impl Debug,
    received: &impl Debug,
) -> Option<String> {
    let (sent, received) = (format!("{sent:#?}"), format!("{received:#?}"));
    let mut place = Place::default();
    let mut others = received.lines();
    for line in sent.lines() {
        let other = others.next().unwrap_or_default();
        place.go_to(line);
        if line != other {
            let value = |line: &str| {
                field(line).map_or(line, |field| field.1).trim().trim_end_matches(',').to_owned()
            };
            let (path, was, is) = (place.path(), value(line), value(other));
            return Some(format!("{path} was sent as {was} and is read as {is}"));
        }
    }
    let more = others.next()?;
    Some(format!("{} is read, and was not sent", more.trim()))
}

/// A line's field name and what follows it.
fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim_start().split_once(": ")?;
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some((name, value))
}

/// Follows the lines of a value that is shown with `{:#?}`.
#[derive(Default, Debug)]
struct Place {
    /// What stands open, from the outside: its name, whether it is a list, how many items it has
    /// shown.
    open: Vec<(String, bool, usize)>,
    last: String,
}

impl Place {
    fn go_to(&mut self, line: &str) {
        let text = line.trim();
        if text.starts_with(['}', ']', ')']) {
            let closed = self.open.pop();
            self.last = closed.map(|closed| closed.0).unwrap_or_default();
            return;
        }
        self.last = match (field(line), self.open.last_mut()) {
            (Some((name, _)), _) => format!(".{name}"),
            (None, Some((_, true, items))) => {
                *items += 1;
                format!("[{}]", *items - 1)
            }
            (None, _) => String::new(),
        };
        if text.ends_with(['{', '[', '(']) {
            self.open.push((self.last.clone(), text.ends_with('['), 0));
            self.last.clear();
        }
    }

    fn path(&self) -> String {
        let open: String = self.open.iter().map(|open| open.0.as_str()).collect();
        (open + &self.last).trim_start_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug)]
    #[expect(dead_code, reason = "the fields are shown")]
    struct Outer {
        name: &'static str,
        inner: Vec<Option<Inner>>,
        last: u8,
    }

    #[derive(Clone, Debug)]
    struct Inner {
        values: Vec<i32>,
    }

    #[test]
    fn the_field_is_named() {
        let inner = vec![None, Some(Inner { values: vec![1, 2, 3] })];
        let sent = Outer { name: "a: b", inner, last: 7 };
        assert_eq!(first_difference(&sent, &sent.clone()), None);
        let mut other = sent.clone();
        other.inner[1].as_mut().unwrap().values[2] = 4;
        let told = first_difference(&sent, &other).unwrap();
        assert_eq!(told, "inner[1].values[2] was sent as 3 and is read as 4");
        let told = first_difference(&sent, &Outer { last: 8, ..sent.clone() }).unwrap();
        assert_eq!(told, "last was sent as 7 and is read as 8");
        let told = first_difference(&sent, &Outer { name: "c", ..sent.clone() }).unwrap();
        assert_eq!(told, "name was sent as \"a: b\" and is read as \"c\"");
        let mut shorter = sent.clone();
        shorter.inner[1].as_mut().unwrap().values.pop();
        let told = first_difference(&sent, &shorter).unwrap();
        assert!(told.starts_with("inner[1].values[2] was sent as 3"), "{told}");
        assert_eq!(first_difference(&1, &2).unwrap(), " was sent as 1 and is read as 2");
    }
}
