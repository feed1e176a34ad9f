//! How texts look on a terminal: their words are what they are where nobody looks, and a few of
//! them stand out. Headings are bold, who leads and what is committed is green, what is not yet is
//! yellow as faults are, what is down, lost or violated is red, and numbers of events are dim.

use std::ops::Range;

use crate::cli::page::Look;
use crate::report::explain::{Heading, heading};

/// A text, by the rules after which it looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Text {
    /// Of `state` and `log`.
    Tables,
    /// Events, a line each.
    Events,
    /// Kinds of events.
    Kinds,
    /// Of `diff`.
    Difference,
    /// Of `explain`.
    Explanation,
    /// Of `explain --brief`.
    Brief,
}

/// Where a line stands out, and how.
type Spans = Vec<(Range<usize>, Look)>;

/// `text` as it looks, if somebody wants colour.
pub(crate) fn painted(sort: Text, text: &str, wants_colour: bool) -> String {
    if !wants_colour {
        return text.to_owned();
    }
    let mut painter = Painter { sort, is_first: true, under: String::new(), part: Part::Title };
    text.split_inclusive('\n')
        .map(|line| {
            let (words, end) = line.strip_suffix('\n').map_or((line, ""), |words| (words, "\n"));
            let spans = painter.spans(words);
            painter.is_first = false;
            with(words, spans) + end
        })
        .collect()
}

/// `line` with colour at `spans`.
fn with(line: &str, mut spans: Spans) -> String {
    spans.sort_by_key(|(range, _)| range.start);
    let (mut out, mut at) = (String::new(), 0);
    for (range, look) in spans {
        let (Some(before), Some(words)) = (line.get(at..range.start), line.get(range.clone()))
        else {
            continue;
        };
        out += before;
        out += &look.paint(words);
        at = range.end;
    }
    out + line.get(at..).unwrap_or_default()
}

/// What of an explanation a line belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Title,
    /// What was violated, and the sentence.
    Head,
    Picture,
    /// A step, and whether its line goes on with what a fault is.
    Steps(bool),
    Saved,
    /// Commands, to be copied.
    Again,
    Other,
}

struct Painter {
    sort: Text,
    is_first: bool,
    /// The first word of the heading above, until an empty line.
    under: String,
    part: Part,
}

impl Painter {
    fn spans(&mut self, line: &str) -> Spans {
        match self.sort {
            Text::Tables => self.of_tables(line),
            Text::Events => of_event(line),
            Text::Kinds => words(line).take(1).map(|word| (word, Look::Bold)).collect(),
            Text::Difference => of_difference(line),
            Text::Explanation | Text::Brief => self.of_explanation(line),
        }
    }

    fn of_tables(&mut self, line: &str) -> Spans {
        if is_head(line) {
            let first = words(line).next().unwrap_or_default();
            line[first].clone_into(&mut self.under);
            return whole(line, Look::Bold);
        }
        if line.is_empty() {
            self.under.clear();
        }
        if ["Event: ", "Topic: ", "ActiveController: ", "Group: "]
            .iter()
            .any(|it| line.starts_with(it))
        {
            return whole(line, Look::Bold);
        }
        if line.starts_with("Acknowledged, and in no replica's log:") {
            "GONE".clone_into(&mut self.under);
        }
        let has = |note: &str| line.split("  ").any(|cell| cell.trim() == note);
        match self.under.as_str() {
            "PROCESS" | "NODE" | "BROKER" => parts(line),
            "FAULT" => whole(line, Look::Yellow),
            "GONE" => whole(line, Look::Red),
            "OFFSETS" if line.starts_with("-- ") => whole(line, Look::Dim),
            "OFFSETS" if has("LOST") => whole(line, Look::Red),
            "OFFSETS" if has("they differ") => whole(line, Look::Yellow),
            "MEMBER" if line.contains(" was expelled at ") => whole(line, Look::Red),
            _ if line.starts_with("  Written, not committed: ") => whole(line, Look::Yellow),
            _ => Spans::new(),
        }
    }

    fn of_explanation(&mut self, line: &str) -> Spans {
        let ids = ids(line);
        self.part = match (heading(line), self.part) {
            (Some(Heading::Steps), _) => Part::Steps(false),
            (Some(Heading::Saved), _) => Part::Saved,
            (Some(Heading::Again), _) => Part::Again,
            (Some(Heading::Other), _) => Part::Other,
            (None, _) if line.is_empty() => Part::Other,
            (None, _) if line.starts_with("  offset ") => Part::Picture,
            (None, Part::Title) if line.starts_with("  seed ") => Part::Head,
            (None, Part::Title) if self.sort == Text::Brief && !self.is_first => Part::Head,
            // A short one goes on with steps at once.
            (None, Part::Picture) if !ids.is_empty() || line.starts_with("  saved by ") => {
                Part::Other
            }
            (None, part) => part,
        };
        if heading(line).is_some() {
            return whole(line, Look::Bold);
        }
        match self.part {
            Part::Title => whole(line, Look::Bold),
            Part::Head => word(line, "violated", Look::Red),
            Part::Picture => of_picture(line),
            Part::Steps(goes_on) => {
                let (spans, goes_on) = of_step(line, ids, goes_on);
                self.part = Part::Steps(goes_on);
                spans
            }
            Part::Saved if line.starts_with("  yes ") => vec![(2..5, Look::Green)],
            Part::Again => Spans::new(),
            Part::Saved | Part::Other => ids,
        }
    }
}

/// A line that stands out whole, but for where it begins.
fn whole(line: &str, look: Look) -> Spans {
    let from = line.len() - line.trim_start().len();
    if from == line.len() { Spans::new() } else { vec![(from..line.len(), look)] }
}

/// Where the words of `line` are.
fn words(line: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    line.split(' ').filter_map(move |word| {
        let from = at;
        at += word.len() + 1;
        (!word.is_empty()).then(|| from..from + word.len())
    })
}

/// Where `wanted` stands as a word, be it before a comma.
fn word(line: &str, wanted: &'static str, look: Look) -> Spans {
    let is_wanted = |range: &Range<usize>| line[range.clone()].trim_end_matches(',') == wanted;
    let found = words(line).filter(is_wanted);
    found.map(|range| (range.start..range.start + wanted.len(), look)).collect()
}

/// The names of the columns of a table: capitals, and the numbers of nodes.
fn is_head(line: &str) -> bool {
    let is_name =
        |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '-');
    let is_short = |word: &str| word.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
    let mut all = line.split_whitespace();
    all.next().is_some_and(is_name)
        && line.split_whitespace().count() > 1
        && all.all(|word| is_name(word) || is_short(word))
}

/// Who leads, and who is down.
fn parts(line: &str) -> Spans {
    let looks = [
        ("leader", Look::Green),
        ("leaderless", Look::Yellow),
        ("paused", Look::Yellow),
        ("down", Look::Red),
    ];
    looks.iter().flat_map(|(name, look)| word(line, name, *look)).collect()
}

/// Numbers of events, with brackets and points around them or without.
fn ids(line: &str) -> Spans {
    let id = |range: Range<usize>| {
        let word = &line[range.clone()];
        let bare = word.trim_start_matches('(');
        let from = range.start + word.len() - bare.len();
        let bare = bare.trim_end_matches([')', '.', ',', ';', ':']);
        let digits = bare.strip_prefix('e')?;
        let is_id = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        is_id.then_some((from..from + bare.len(), Look::Dim))
    };
    words(line).filter_map(id).collect()
}

/// An event: its number, then its time, where it was and what it was.
fn of_event(line: &str) -> Spans {
    let mut all = words(line);
    let Some(id) = all.next() else { return Spans::new() };
    let mut spans = vec![(id, Look::Dim)];
    let Some(kind) = all.nth(2) else { return spans };
    let has = |field: &str| line.split(' ').any(|word| word == field);
    let look = match &line[kind.clone()] {
        "fault-began" => Some(Look::Yellow),
        "role-taken" | "quorum-role-taken" if has("role=leader") => Some(Look::Green),
        "log-truncated" => Some(Look::Red),
        _ => None,
    };
    spans.extend(look.map(|look| (kind.start..line.len(), look)));
    spans
}

fn of_difference(line: &str) -> Spans {
    const HEADINGS: [&str; 6] = [
        "The scenario ",
        "They part here",
        "The runs are the same",
        "Leaders, in-sync sets, ",
        "leaders of ",
        "in-sync sets of ",
    ];
    if is_head(line) || HEADINGS.iter().any(|heading| line.starts_with(heading)) {
        return whole(line, Look::Bold);
    }
    let mut spans = word(line, "violated", Look::Red);
    spans.extend(ids(line));
    let is_side = ["A   ", "B   ", "  A ", "  B "].iter().any(|side| line.starts_with(side));
    let side = words(line).next().filter(|_| is_side);
    spans.extend(side.map(|side| (side, Look::Bold)));
    spans
}

/// A step of an explanation; and whether its next line goes on with what a fault does.
fn of_step(line: &str, mut spans: Spans, goes_on: bool) -> (Spans, bool) {
    // Why it happened looks as everywhere.
    let end = |from: usize| {
        let rest = line.get(from..).unwrap_or_default();
        let because = rest.find(" - ").or_else(|| rest.strip_suffix(" -").map(str::len));
        from + because.unwrap_or(rest.len())
    };
    let text = match (goes_on, line.find("  fault ")) {
        (true, _) if line.trim_start().starts_with("- ") => None,
        (true, _) => Some(line.len() - line.trim_start().len()),
        (false, Some(at)) => Some(at + 2),
        (false, None) => None,
    };
    let Some(from) = text else { return (spans, false) };
    let to = end(from);
    spans.retain(|(range, _)| range.end <= from || range.start >= to);
    spans.push((from..to, Look::Yellow));
    (spans, to == line.len())
}

/// A row of the logs, or what its marks mean.
fn of_picture(line: &str) -> Spans {
    // What stands below the rows tells their marks.
    let is_legend = line.starts_with("  # ");
    let mut spans = if is_legend { Spans::new() } else { parts(line) };
    let mut from = 0;
    // A bar stands where committed records end.
    for mark in line.split([' ', '|']) {
        let look = match mark.bytes().next() {
            Some(b'#') => Some(Look::Green),
            Some(b'/') => Some(Look::Yellow),
            _ => None,
        };
        spans.extend(look.map(|look| (from..from + mark.len(), look)));
        from += mark.len() + 1;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` without what steers a terminal.
    fn bare(text: &str) -> String {
        let mut parts = text.split('\u{1b}');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |bare, part| bare + part.split_once('m').unwrap().1)
    }

    /// The text with marks that can be read, of words that stand out.
    fn told(sort: Text, text: &str) -> String {
        let painted = painted(sort, text, true);
        assert_eq!(bare(&painted), text, "the words are the same");
        assert_eq!(super::painted(sort, text, false), text);
        let marks = [
            ("0m", ">"),
            ("1m", "<b "),
            ("2m", "<d "),
            ("31m", "<r "),
            ("32m", "<g "),
            ("33m", "<y "),
        ];
        marks
            .iter()
            .fold(painted, |text, (code, mark)| text.replace(&format!("\u{1b}[{code}"), mark))
    }

    #[test]
    fn tables_show_who_leads_and_what_is_wrong() {
        let text = "Event: e7  Time: 1.000000\n\nFAULT  KIND       HOSTS\n1      fail-disk  broker-2\n\n\
                    Topic: a  Partition: 0  Leader: 2\n  Written, not committed: Leader: 1\n  \
                    BROKER  STATUS  ROLE\n  1       down    -\n  2       up      leader\n\n\
                    OFFSETS  BATCHES  1   2\n0..7     1        e0  e0\n8        1        e0  e1  LOST\n\
                    -- 9 high watermark of 2\n\nAcknowledged, and in no replica's log:\n  9  1 record, acks=1\n";
        let expected = "<b Event: e7  Time: 1.000000>\n\n<b FAULT  KIND       HOSTS>\n<y 1      fail-disk  broker-2>\n\n\
                        <b Topic: a  Partition: 0  Leader: 2>\n  <y Written, not committed: Leader: 1>\n  \
                        <b BROKER  STATUS  ROLE>\n  1       <r down>    -\n  2       up      <g leader>\n\n\
                        <b OFFSETS  BATCHES  1   2>\n0..7     1        e0  e0\n<r 8        1        e0  e1  LOST>\n\
                        <d -- 9 high watermark of 2>\n\n<r Acknowledged, and in no replica's log:>\n  <r 9  1 record, acks=1>\n";
        assert_eq!(told(Text::Tables, text), expected);
    }

    #[test]
    fn events_have_dim_numbers_and_faults_stand_out() {
        let line = "e4 -9.97 b3 disk-completed ticket=4";
        assert_eq!(told(Text::Events, line), line.replacen("e4", "<d e4>", 1));
        assert_eq!(
            told(Text::Events, "e5 5.0 world fault-began fault=0"),
            "<d e5> 5.0 world <y fault-began fault=0>"
        );
        assert_eq!(
            told(Text::Events, "e6 5.1 b1 role-taken role=leader epoch=1"),
            "<d e6> 5.1 b1 <g role-taken role=leader epoch=1>"
        );
        let follows = told(Text::Events, "e6 5.1 b1 role-taken role=follower epoch=1");
        assert!(!follows.contains("<g"), "{follows}");
        assert_eq!(told(Text::Kinds, "fault-began     A fault"), "<b fault-began>     A fault");
    }

    #[test]
    fn a_difference_has_its_sides_and_what_was_violated() {
        let text = "A   x.run: seed 0\nThey part here, as far:\nB   e1 -9.9 b3 starts\n\n\
                    PROPERTY      A         B\nlog-matching  violated  holds\n";
        let expected = "<b A>   x.run: seed 0\n<b They part here, as far:>\n<b B>   <d e1> -9.9 b3 starts\n\n\
                        <b PROPERTY      A         B>\nlog-matching  <r violated>  holds\n";
        assert_eq!(told(Text::Difference, text), expected);
    }

    #[test]
    fn an_explanation_shows_its_parts() {
        let text = "a title\n  seed 0\n  log-matching: violated (the scenario\n\n  A sentence.\n\n  \
                    a-0 after e9; everything\n  offset      3   4\n  b1        #0|/0a  end 5, hw 1: leader of epoch 1\n  \
                    # committed  / not, leader\n\n  How it happened\n   1    5.000000  e2  fault 1: the disk of\n                  \
                    b1 fails - because the\n   2    5.000000  e3  b1 goes on (e2)\n\n  What would have saved it (run again, with one change)\n  \
                    yes x: it holds\n  no  y: still\n\n  To see it again\n    kafsim state a.run --at e2\n";
        let expected = "<b a title>\n  seed 0\n  log-matching: <r violated> (the scenario\n\n  A sentence.\n\n  \
                        a-0 after <d e9>; everything\n  offset      3   4\n  b1        <g #0>|<y /0a>  end 5, hw 1: <g leader> of epoch 1\n  \
                        <g #> committed  <y /> not, leader\n\n  <b How it happened>\n   1    5.000000  <d e2>  <y fault 1: the disk of>\n                  \
                        <y b1 fails> - because the\n   2    5.000000  <d e3>  b1 goes on (<d e2>)\n\n  <b What would have saved it (run again, with one change)>\n  \
                        <g yes> x: it holds\n  no  y: still\n\n  <b To see it again>\n    kafsim state a.run --at e2\n";
        assert_eq!(told(Text::Explanation, text), expected);
    }

    #[test]
    fn a_short_explanation_is_told_in_one_piece() {
        let text = "log-matching violated, seed 0\n  Two logs differ.\n  offset      3\n  b1         /0a  \
                    end 4, hw 1: down\n    5.003545 e17 b2, the leader appends\n  saved by acks=all\n";
        let expected = "<b log-matching violated, seed 0>\n  Two logs differ.\n  offset      3\n  b1         <y /0a>  \
                        end 4, hw 1: <r down>\n    5.003545 <d e17> b2, the leader appends\n  saved by acks=all\n";
        assert_eq!(told(Text::Brief, text), expected);
    }

    /// Whatever a text says: colour changes none of its words.
    #[test]
    fn colour_changes_no_words() {
        let mut read = 0;
        for folder in ["tests/data/explain", "tests/data/viewing"] {
            for file in std::fs::read_dir(folder).unwrap() {
                let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
                for sort in
                    [Text::Tables, Text::Events, Text::Difference, Text::Explanation, Text::Brief]
                {
                    assert_eq!(bare(&painted(sort, &text, true)), text);
                }
                read += 1;
            }
        }
        assert!(read > 20, "{read} files");
    }
}
