//! A timeline as text.

use crate::report::text::{fitted, joined};
use crate::report::timeline::{LEGEND, Line, MARKS, QUORUM_LEGEND, Timeline};

/// What happened has at least so many columns beside the rest; else it goes below.
const TEXT_MIN: usize = 24;
/// Where it begins below.
const INDENT: usize = 14;

/// More partitions are only counted.
const OTHERS_MAX: usize = 12;
/// Of more groups only lines tell.
const GROUPS_MAX: usize = 2;
/// More owners are only counted.
const OWNERS_MAX: usize = 2;
/// So many signs of the legend are those of a replica; the rest are those of a process.
const REPLICA_SIGNS: usize = 6;

/// How wide the columns are.
struct Widths {
    at: usize,
    replicas: Vec<usize>,
    isr: usize,
    ends: usize,
    high_watermark: usize,
    owners: Vec<usize>,
}

/// Which columns there are: as many as the lines have room for beside some text.
#[derive(Clone, Copy)]
struct Layout<'a> {
    groups: &'a [String],
    /// The log ends as the lowest and the highest.
    ends_are_range: bool,
    /// Whether replicas, their ends, and the in-sync set have columns.
    has_replicas: bool,
    is_quorum: bool,
}

impl Timeline {
    /// The lines of text, each with its mark: a legend, the names of the columns, and the timeline
    /// in at most `width` columns.
    pub fn text(&self, width: usize) -> Vec<(char, String)> {
        let layout = self.layout(width);
        let widths = self.widths(layout);
        let mut text = Vec::new();
        let plain = |line: String| (' ', line);
        text.extend(wrapped_list(&self.legend(layout), width).into_iter().map(plain));
        if let [one] = layout.groups {
            let owner = format!("Below {one}: the member of that group that owns the partition.");
            text.extend(fitted(&owner, width).into_iter().map(plain));
        }
        if !self.others.is_empty() {
            let others = self.others_text();
            text.extend(fitted(&others, width).into_iter().map(plain));
        }
        text.push(plain(String::new()));
        let head = layout.left(&widths, &self.head(layout));
        text.push(plain(format!("{head}WHAT")));
        for line in &self.lines {
            let left = layout.left(&widths, &cells(line, layout));
            let room = width.saturating_sub(left.chars().count());
            // A word that there is no room for beside the columns may have room below them.
            let longest = line.text.split(' ').map(|word| word.chars().count()).max();
            let is_beside = room >= TEXT_MIN && longest.is_none_or(|longest| longest <= room);
            let indent = if is_beside { left.chars().count() } else { INDENT };
            let mut rows = fitted(&line.text, width.saturating_sub(indent));
            let first = if is_beside { rows.remove(0) } else { String::new() };
            text.push((line.mark, format!("{left}{first}").trim_end().to_owned()));
            text.extend(rows.iter().map(|row| (line.mark, format!("{:indent$}{row}", ""))));
        }
        text
    }

    fn legend(&self, layout: Layout<'_>) -> Vec<String> {
        let entry = |(sign, what): &(&str, &str)| format!("{sign} {what}");
        let mut legend: Vec<String> = match (layout.has_replicas, self.is_quorum) {
            (false, _) => Vec::new(),
            (true, true) => {
                QUORUM_LEGEND.iter().chain(&LEGEND[REPLICA_SIGNS..]).map(entry).collect()
            }
            (true, false) => LEGEND.iter().map(entry).collect(),
        };
        legend.extend(MARKS.iter().map(|(mark, what)| format!("{mark} {what}")));
        legend
    }

    /// The first layout with which no line is longer than `width`: without the owners, of whom
    /// lines tell, with the log ends as a range, without replicas.
    fn layout(&self, width: usize) -> Layout<'_> {
        let whole = Layout {
            groups: self.group_columns(),
            ends_are_range: false,
            has_replicas: true,
            is_quorum: self.is_quorum,
        };
        let unowned = Layout { groups: &[], ..whole };
        let short = Layout { ends_are_range: true, ..unowned };
        let least = Layout { has_replicas: false, ..short };
        let fits = |layout: &Layout<'_>| {
            let widths = self.widths(*layout);
            let head = layout.left(&widths, &self.head(*layout)).chars().count() + "WHAT".len();
            head <= width
        };
        [whole, unowned, short].into_iter().find(fits).unwrap_or(least)
    }

    /// The groups that have a column: few, and such as own the partition at some time.
    fn group_columns(&self) -> &[String] {
        let has_owner = self.lines.iter().any(|line| line.owners.iter().any(|it| !it.is_empty()));
        if has_owner && self.groups.len() <= GROUPS_MAX { &self.groups } else { &[] }
    }

    /// The other partitions, not too many of them.
    fn others_text(&self) -> String {
        let is_own = |name: &&String| !name.contains(' ') && !name.starts_with("__");
        let own = self.others.iter().filter(is_own).count();
        let mut names: Vec<String> = self.others.clone();
        if own > OTHERS_MAX {
            names.splice(OTHERS_MAX..own, [format!("{} more", own - OTHERS_MAX)]);
        }
        format!("Other partitions: {}", names.join(", "))
    }

    fn widths(&self, layout: Layout<'_>) -> Widths {
        let most = |of: &dyn Fn(&Cells) -> usize| {
            let cells = self.lines.iter().map(|line| of(&cells(line, layout)));
            cells.chain([of(&self.head(layout))]).max().unwrap_or_default()
        };
        Widths {
            at: most(&|cells| cells.at.chars().count()),
            replicas: (0..self.brokers.len())
                .map(|n| most(&|cells| cells.replicas.get(n).map_or(0, |it| it.chars().count())))
                .collect(),
            isr: if self.is_quorum { 0 } else { most(&|cells| cells.isr.chars().count()) },
            ends: most(&|cells| cells.ends.chars().count()),
            high_watermark: most(&|cells| cells.high_watermark.chars().count()),
            owners: (0..layout.groups.len())
                .map(|n| most(&|cells| cells.owners.get(n).map_or(0, |it| it.chars().count())))
                .collect(),
        }
    }

    fn head(&self, layout: Layout<'_>) -> Cells {
        Cells {
            at: "TIME".to_owned(),
            mark: ' ',
            replicas: self.columns.clone(),
            epoch: "EP".to_owned(),
            isr: if self.is_quorum { "" } else { "ISR" }.to_owned(),
            ends: "LEO".to_owned(),
            high_watermark: "HW".to_owned(),
            owners: layout.groups.to_vec(),
        }
    }
}

impl Layout<'_> {
    fn left(self, widths: &Widths, cells: &Cells) -> String {
        let mut left = format!("{:<1$} {2} ", cells.at, widths.at, cells.mark);
        if self.has_replicas {
            for (cell, width) in cells.replicas.iter().zip(&widths.replicas) {
                left += &format!("{cell:>width$} ");
            }
        }
        let Widths { isr, ends, high_watermark, owners, .. } = widths;
        left += &format!("{:>2} ", cells.epoch);
        if !self.is_quorum && self.has_replicas {
            left += &format!("{:<isr$} ", cells.isr);
        }
        if self.has_replicas {
            left += &format!("{:<ends$} ", cells.ends);
        }
        left += &format!("{:>high_watermark$}  ", cells.high_watermark);
        for (cell, width) in cells.owners.iter().zip(owners) {
            left += &format!("{cell:<width$}  ");
        }
        left
    }
}

struct Cells {
    at: String,
    mark: char,
    replicas: Vec<String>,
    epoch: String,
    isr: String,
    ends: String,
    high_watermark: String,
    owners: Vec<String>,
}

fn cells(line: &Line, layout: Layout<'_>) -> Cells {
    let told = |end: Option<i64>| end.map_or_else(|| "-".to_owned(), |end| end.to_string());
    let known = || line.log_end_offsets.iter().flatten().copied();
    let ends: Vec<String> = match layout.ends_are_range {
        true => [known().min(), known().max()].map(told).to_vec(),
        false => line.log_end_offsets.iter().copied().map(told).collect(),
    };
    let same = ends.windows(2).all(|pair| pair[0] == pair[1]);
    Cells {
        at: line.at.clone(),
        mark: line.mark,
        replicas: line.replicas.clone(),
        epoch: line.leader_epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string()),
        isr: if line.isr.is_empty() { "-".to_owned() } else { joined(&line.isr) },
        ends: match ends.first() {
            Some(first) if same => first.clone(),
            _ => ends.join(if layout.ends_are_range { ".." } else { "/" }),
        },
        high_watermark: told(line.high_watermark),
        owners: (layout.groups.iter().zip(&line.owners))
            .map(|(group, its)| owners(group, its))
            .collect(),
    }
}

/// The owners in `group`: of members that are called as their group only what follows its name.
fn owners(group: &str, owners: &[String]) -> String {
    let short = |name: &String| {
        let number = name.strip_prefix(group).and_then(|rest| rest.strip_prefix('-'));
        number.unwrap_or(name).to_owned()
    };
    match owners {
        [] => "-".to_owned(),
        owners if owners.len() > OWNERS_MAX => format!("{} of them", owners.len()),
        owners => owners.iter().map(short).collect::<Vec<_>>().join(","),
    }
}

/// Entries in lines, three spaces apart, no line longer than `width`.
fn wrapped_list(entries: &[String], width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for entry in entries {
        if !line.is_empty() && line.chars().count() + 3 + entry.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line += "   ";
        }
        line += entry;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: String, ends: Vec<Option<i64>>, owners: Vec<Vec<String>>) -> Line {
        let replicas = ends.iter().map(|_| "~f".to_owned()).collect();
        let isr = (1..).take(ends.len()).collect();
        Line {
            event: 7,
            at: "1234.000001".to_owned(),
            mark: '!',
            replicas,
            leader_epoch: Some(3),
            isr,
            high_watermark: ends.iter().flatten().copied().min(),
            log_end_offsets: ends,
            owners,
            text,
            is_summary: false,
        }
    }

    fn timeline(lines: Vec<Line>, groups: Vec<String>, is_quorum: bool) -> Timeline {
        let replicas = lines.iter().map(|line| line.replicas.len()).max().unwrap_or_default();
        let brokers: Vec<i32> = (1..).take(replicas).collect();
        Timeline {
            partition: "orders-0".to_owned(),
            others: vec!["orders-1".to_owned()],
            columns: brokers.iter().map(|id| format!("b{id}")).collect(),
            brokers,
            groups,
            is_quorum,
            lines,
        }
    }

    #[test]
    fn a_long_word_goes_below_the_columns() {
        let ends = vec![Some(12_345), Some(12_346), Some(12_347)];
        let text = "answered with OUT_OF_ORDER_SEQUENCE_NUMBER".to_owned();
        let told = timeline(vec![line(text, ends, Vec::new())], Vec::new(), false).text(82);
        let [.., left, text] = told.as_slice() else { panic!("{told:?}") };
        assert!(left.1.ends_with("12345/12346/12347 12345"), "{left:?}");
        assert_eq!(text.1.trim_start(), "answered with OUT_OF_ORDER_SEQUENCE_NUMBER");
    }

    #[test]
    fn what_has_no_room_gives_way_to_what_has() {
        let ends = |count| (0..count).map(|n| Some(1_000_000 + n)).collect::<Vec<_>>();
        let owners = vec![vec!["a-member-with-a-long-name".to_owned()]];
        let of = |count| {
            let lines = vec![line("crash of broker-1".to_owned(), ends(count), owners.clone())];
            let told = timeline(lines, vec!["billing".to_owned()], false).text(80);
            told.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
        };
        assert!(of(1).contains("a-member-with-a-long-name"), "{}", of(1));
        assert!(!of(3).contains("a-member") && of(3).contains("1000000/1000001"), "{}", of(3));
        assert!(of(6).contains("1000000..1000005"), "{}", of(6));
        assert!(!of(30).contains("b30") && of(30).contains("crash of broker-1"), "{}", of(30));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_its_page(
            lines in prop::collection::vec(
                ("[a-zA-Z_ ]{0,200}", prop::collection::vec(prop::option::of(0..i64::MAX), 9)),
                0..4,
            ),
            replicas in 0_usize..9,
            groups in prop::collection::vec("[a-z]{1,60}", 0..3),
            owner in "[a-z]{0,60}",
            is_quorum: bool,
            width in 80_usize..160,
        ) {
            let owners = vec![vec![owner]; groups.len()];
            let lines = lines.into_iter().map(|(text, mut ends)| {
                ends.truncate(replicas);
                line(text, ends, owners.clone())
            });
            for (_, line) in timeline(lines.collect(), groups, is_quorum).text(width) {
                prop_assert!(line.chars().count() <= width, "{line}");
            }
        }
    }
}
