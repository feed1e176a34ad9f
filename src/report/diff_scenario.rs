//! How two scenarios differ, line by line.

/// So many lines that differ are shown.
const LINES_MAX: usize = 12;
/// What the heads of the runs say.
const TOLD_ELSEWHERE: [&str; 2] = ["title", "about"];

/// Lines that only one of two scenarios has, in their order, each behind the head of its table.
/// What comments say runs nowhere.
pub(super) fn lines_that_differ(one: &str, other: &str) -> Vec<String> {
    let (a, b) = (said(one), said(other));
    let front = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[front..], &b[front..]);
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - back], &b[..b.len() - back]);
    let only = |these: &[String], those: &[String], sign: &str| -> Vec<String> {
        let missing = these.iter().filter(|line| !those.contains(line));
        missing.map(|line| format!("{sign} {line}")).collect()
    };
    let mut lines = only(a, b, "-");
    lines.extend(only(b, a, "+"));
    let more = lines.len().saturating_sub(LINES_MAX);
    if more > 1 {
        lines.truncate(LINES_MAX);
        lines.push(format!("... and {more} more lines"));
    }
    lines
}

/// What a scenario says, a line each.
fn said(text: &str) -> Vec<String> {
    let mut table = "";
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = without_comment(line).trim();
        let key = line.split('=').next().unwrap_or_default().trim();
        if line.is_empty() || (table.is_empty() && TOLD_ELSEWHERE.contains(&key)) {
            continue;
        }
        if line.starts_with('[') && line.ends_with(']') && !line.contains('=') {
            table = line;
            lines.push(line.to_owned());
        } else if table.is_empty() {
            lines.push(line.to_owned());
        } else {
            lines.push(format!("{table} {line}"));
        }
    }
    lines
}

/// `line` up to the `#` that stands in no quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, letter) in line.char_indices() {
        match (quote, letter) {
            (None, '#') => return &line[..at],
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comments_say_is_no_difference() {
        assert!(lines_that_differ("# one\na = 1\n\n", "a = 1 # why\n  # other\n").is_empty());
        assert_eq!(lines_that_differ("# one\na = 1", "a = 2"), ["- a = 1", "+ a = 2"]);
        assert_eq!(lines_that_differ("a = '#1'", "a = '#2' # two")[1], "+ a = '#2'");
    }

    #[test]
    fn a_line_says_in_which_table_it_stands() {
        let (one, other) = ("title = 'a'\n[cluster]\nbrokers = 3\n", "[cluster]\nbrokers = 5\n");
        let told = ["- [cluster] brokers = 3", "+ [cluster] brokers = 5"];
        assert_eq!(lines_that_differ(one, other), told);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let lines = |n: usize| (0..n).map(|n| format!("a{n} = 1\n")).collect::<String>();
        assert_eq!(lines_that_differ("", &lines(LINES_MAX + 1)).len(), LINES_MAX + 1);
        let told = lines_that_differ("", &lines(LINES_MAX + 2));
        assert_eq!(told.last().unwrap(), "... and 2 more lines");
    }
}
