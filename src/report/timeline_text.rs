//! A timeline as text.

use crate::report::text::{joined, wrapped};
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

impl Timeline {
    /// The lines of text, each with its mark: a legend, the names of the columns, and the timeline
    /// in at most `width` columns.
    pub fn text(&self, width: usize) -> Vec<(char, String)> {
        let groups = self.group_columns();
        let widths = self.widths(groups);
        let mut text = Vec::new();
        let plain = |line: String| (' ', line);
        let entry = |(sign, what): &(&str, &str)| format!("{sign} {what}");
        let mut legend: Vec<String> = match self.is_quorum {
            true => QUORUM_LEGEND.iter().chain(&LEGEND[REPLICA_SIGNS..]).map(entry).collect(),
            false => LEGEND.iter().map(entry).collect(),
        };
        legend.extend(MARKS.iter().map(|(mark, what)| format!("{mark} {what}")));
        text.extend(wrapped_list(&legend, width).into_iter().map(plain));
        if let [one] = groups {
            let owner = format!("Below {one}: the member of that group that owns the partition.");
            text.extend(wrapped(&owner, width).into_iter().map(plain));
        }
        if !self.others.is_empty() {
            let others = self.others_text();
            text.extend(wrapped(&others, width).into_iter().map(plain));
        }
        text.push(plain(String::new()));
        let head = self.left(&widths, &self.head(groups));
        text.push(plain(format!("{head}WHAT")));
        for line in &self.lines {
            let left = self.left(&widths, &cells(line, groups));
            let indent = left.chars().count();
            let (indent, mut rows) = match width.saturating_sub(indent) {
                room if room >= TEXT_MIN => (indent, wrapped(&line.text, room)),
                _ => (INDENT, wrapped(&line.text, width.saturating_sub(INDENT))),
            };
            let beside = indent != INDENT || left.chars().count() == INDENT;
            let first = if beside { rows.remove(0) } else { String::new() };
            text.push((line.mark, format!("{left}{first}").trim_end().to_owned()));
            text.extend(rows.iter().map(|row| (line.mark, format!("{:indent$}{row}", ""))));
        }
        text
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

    fn widths(&self, groups: &[String]) -> Widths {
        let most = |of: &dyn Fn(&Cells) -> usize| {
            let cells = self.lines.iter().map(|line| of(&cells(line, groups)));
            cells.chain([of(&self.head(groups))]).max().unwrap_or_default()
        };
        Widths {
            at: most(&|cells| cells.at.chars().count()),
            replicas: (0..self.brokers.len())
                .map(|n| most(&|cells| cells.replicas.get(n).map_or(0, |it| it.chars().count())))
                .collect(),
            isr: if self.is_quorum { 0 } else { most(&|cells| cells.isr.chars().count()) },
            ends: most(&|cells| cells.ends.chars().count()),
            high_watermark: most(&|cells| cells.high_watermark.chars().count()),
            owners: (0..groups.len())
                .map(|n| most(&|cells| cells.owners.get(n).map_or(0, |it| it.chars().count())))
                .collect(),
        }
    }

    fn head(&self, groups: &[String]) -> Cells {
        Cells {
            at: "TIME".to_owned(),
            mark: ' ',
            replicas: self.columns.clone(),
            epoch: "EP".to_owned(),
            isr: if self.is_quorum { "" } else { "ISR" }.to_owned(),
            ends: "LEO".to_owned(),
            high_watermark: "HW".to_owned(),
            owners: groups.to_vec(),
        }
    }

    fn left(&self, widths: &Widths, cells: &Cells) -> String {
        let mut left = format!("{:<1$} {2} ", cells.at, widths.at, cells.mark);
        for (cell, width) in cells.replicas.iter().zip(&widths.replicas) {
            left += &format!("{cell:>width$} ");
        }
        let Widths { isr, ends, high_watermark, owners, .. } = widths;
        left += &format!("{:>2} ", cells.epoch);
        if !self.is_quorum {
            left += &format!("{:<isr$} ", cells.isr);
        }
        left += &format!("{:<ends$} ", cells.ends);
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

fn cells(line: &Line, groups: &[String]) -> Cells {
    let ends = line.log_end_offsets.iter();
    let ends: Vec<String> =
        ends.map(|end| end.map_or_else(|| "-".to_owned(), |end| end.to_string())).collect();
    let same = ends.windows(2).all(|pair| pair[0] == pair[1]);
    Cells {
        at: line.at.clone(),
        mark: line.mark,
        replicas: line.replicas.clone(),
        epoch: line.leader_epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string()),
        isr: if line.isr.is_empty() { "-".to_owned() } else { joined(&line.isr) },
        ends: match ends.first() {
            Some(first) if same => first.clone(),
            _ => ends.join("/"),
        },
        high_watermark: line.high_watermark.to_string(),
        owners: groups.iter().zip(&line.owners).map(|(group, its)| owners(group, its)).collect(),
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
