//! Java's properties files, as far as Kafka's `server.properties` uses them.

use crate::scenario::file_error::Wrong;

/// A line of the file, continued ones joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Property {
    pub(crate) key: String,
    pub(crate) value: String,
    /// Where it begins, from 1.
    pub(crate) line: u32,
}

/// Reads the properties of `text`, in order; a mistake stands with its line.
///
/// Keys end at the first `=`, `:` or blank that no backslash precedes; `#` and `!` begin comments
/// at the head of a line only; a backslash at a line's end continues it; `\t`, `\n`, `\r`, `\f` and
/// `\uXXXX` are what they are in Java, and another escaped letter is itself. Kafka trims values.
///
/// Source: `java.util.Properties.load`; Kafka 4.1, `ConfigDef.parseType`.
pub(crate) fn parse(text: &str) -> Vec<Result<Property, (u32, Wrong)>> {
    let mut found = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((line, first)) = lines.next() {
        let mut whole = first.trim_start().to_owned();
        if whole.is_empty() || whole.starts_with(['#', '!']) {
            continue;
        }
        while is_continued(&whole) {
            whole.pop();
            match lines.next() {
                Some((_, next)) => whole.push_str(next.trim_start()),
                None => break,
            }
        }
        found.push(property(line, &whole).map_err(|wrong| (line, wrong)));
    }
    found
}

/// An even number of backslashes at the end are so many halves of themselves.
fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn property(line: u32, text: &str) -> Result<Property, Wrong> {
    let mut escaped = false;
    let mut ends = |letter: char| {
        let ends = !escaped && (matches!(letter, '=' | ':') || letter.is_whitespace());
        escaped = letter == '\\' && !escaped;
        ends
    };
    let end = text.find(&mut ends).unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    let rest = rest.trim_start();
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    let value = unescaped(value)?.trim().to_owned();
    Ok(Property { key: unescaped(key)?, value, line })
}

fn unescaped(text: &str) -> Result<String, Wrong> {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => {
                let code: String = letters.by_ref().take(4).collect();
                let number = u32::from_str_radix(&code, 16).ok().filter(|_| code.len() == 4);
                plain.push(number.and_then(char::from_u32).ok_or_else(|| {
                    Wrong::new(format!("`\\u{code}` is no letter"), "write four hexadecimal digits")
                })?);
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, u32)> {
        let properties = parse(text).into_iter().map(Result::unwrap);
        properties.map(|it| (it.key, it.value, it.line)).collect()
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        let text = "# a comment\n! another\n\n  a=1\nb : 2 \nc 3\nd\n\
                    e = x \\\n      y\\\\\nf\\=g=h\\u0041\\t\\q\r\nlog.dirs=C\\:/kafka";
        let expected = [
            ("a", "1", 4),
            ("b", "2", 5),
            ("c", "3", 6),
            ("d", "", 7),
            ("e", "x y\\", 8),
            ("f=g", "hA\tq", 10),
            ("log.dirs", "C:/kafka", 11),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(k, v, line)| ((*k).to_owned(), (*v).to_owned(), *line)).collect();
        assert_eq!(read(text), expected);
    }

    #[test]
    fn a_comment_is_not_continued_and_one_at_a_lines_end_is_none() {
        assert_eq!(read("# no \\\na=1 # 2"), [("a".to_owned(), "1 # 2".to_owned(), 2)]);
        assert_eq!(read("a=1\\"), [("a".to_owned(), "1".to_owned(), 1)]);
    }

    #[test]
    fn a_code_that_is_no_letter_is_told() {
        let (line, wrong) = parse("\n\na=\\u00g0").remove(0).unwrap_err();
        assert_eq!((line, wrong.what.as_str()), (3, "`\\u00g0` is no letter"));
        assert!(parse("a=\\u0").remove(0).is_err());
    }
}
