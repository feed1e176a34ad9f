//! Logs side by side as text.

use crate::report::log::{Cell, Logs, Row};
use crate::report::state;
use crate::report::table::table;
use crate::report::text::wrapped;

/// So many digits of a batch's id tell it from the others.
const ID_DIGITS: usize = 8;
/// More nodes than this have no column each.
const COLUMNS_MAX: usize = 7;
/// The width of a page of text.
const WIDTH: usize = 80;
/// What records are has at least so many columns.
const RECORDS_MIN: usize = 20;

impl Logs {
    /// The partition, the logs and what is gone.
    pub fn text(&self) -> String {
        let mut text = format!("Event: e{}  Time: {}\n\n", self.event, self.at);
        text += &self.partition.as_ref().map(state::Partition::text).unwrap_or_default();
        text += &self.quorum.as_ref().map(state::Quorum::text).unwrap_or_default();
        text += "\n";
        text += &match self.quorum {
            None => table("", &self.head(&["ACKED", ""]), &self.table_rows(Row::cells)),
            Some(_) => self.metadata_table(),
        };
        if self.rows.is_empty() {
            text += "No replica holds a batch there.\n";
        }
        if !self.gone.is_empty() {
            text += "\nAcknowledged, and in no replica's log:\n";
        }
        for gone in &self.gone {
            let records = gone.below - gone.from;
            let records = format!("{records} record{}", if records == 1 { "" } else { "s" });
            let stretch = stretch(gone.from, gone.below);
            text += &format!("  {stretch}  {records}, acks={}\n", gone.acks);
        }
        text
    }

    /// The names of the columns, of which `last` are the last.
    fn head(&self, last: &[&str]) -> Vec<String> {
        let nodes = self.nodes();
        let shown = if self.sums_brokers_up() { &nodes[..self.voters] } else { &nodes[..] };
        let mut head = vec!["OFFSETS".to_owned(), "BATCHES".to_owned()];
        head.extend(shown.iter().map(i32::to_string));
        head.extend(self.sums_brokers_up().then(|| "BROKERS".to_owned()));
        head.extend(last.iter().map(|name| (*name).to_owned()));
        head
    }

    /// Whether there are too many nodes for a column each.
    fn sums_brokers_up(&self) -> bool {
        self.quorum.is_some() && self.nodes().len() > COLUMNS_MAX
    }

    /// The metadata log: what its records are stands behind, in as many lines as it takes.
    fn metadata_table(&self) -> String {
        let voters = self.sums_brokers_up().then_some(self.voters);
        let rows = self.table_rows(|row| row.metadata_cells(voters));
        let head = self.head(&["", "RECORDS"]);
        let records = head.len() - 1;
        let wide = || rows.iter().filter(|row| row.len() > 1);
        let width = |(place, name): (usize, &String)| {
            let cells = wide().filter_map(|row| row.get(place)).map(|cell| cell.chars().count());
            cells.chain([name.chars().count()]).max().unwrap_or_default() + 2
        };
        let left: usize = head[..records].iter().enumerate().map(width).sum();
        let room = WIDTH.saturating_sub(left).max(RECORDS_MIN);
        let mut lines = Vec::new();
        for mut row in rows {
            let said = if row.len() > records { row.pop() } else { None };
            let Some(said) = said else {
                lines.push(row);
                continue;
            };
            for (place, part) in wrapped(&said, room).into_iter().enumerate() {
                let mut line = if place == 0 { row.clone() } else { vec![String::new(); records] };
                line.push(part);
                lines.push(line);
            }
        }
        table("", &head, &lines)
    }

    /// The rows, and between them where high watermarks and log starts are.
    fn table_rows(&self, cells: impl Fn(&Row) -> Vec<String>) -> Vec<Vec<String>> {
        let mut marks: Vec<(i64, &str, Vec<String>)> = Vec::new();
        let mut mark = |at: i64, what: &'static str, broker: i32| match marks
            .iter_mut()
            .find(|(known, name, _)| (*known, *name) == (at, what))
        {
            Some((_, _, brokers)) => brokers.push(broker.to_string()),
            None => marks.push((at, what, vec![broker.to_string()])),
        };
        for (node, start, high_watermark) in self.bounds() {
            if start > 0 {
                mark(start, "log start", node);
            }
            if let Some(high_watermark) = high_watermark {
                mark(high_watermark, "high watermark", node);
            }
        }
        marks.sort();
        let first = self.rows.first().map(|row| row.from);
        let last = self.rows.last().map(|row| row.below);
        let is_shown = |at: i64| first.is_some_and(|f| f <= at) && last.is_some_and(|l| at <= l);
        let mut marks = marks.into_iter().filter(|(at, _, _)| is_shown(*at)).peekable();
        let line = |(at, what, brokers): (i64, &str, Vec<String>)| {
            vec![format!("-- {at} {what} of {}", brokers.join(","))]
        };
        let mut rows = Vec::new();
        for row in &self.rows {
            while let Some(next) = marks.next_if(|(at, _, _)| *at <= row.from) {
                rows.push(line(next));
            }
            rows.push(cells(row));
        }
        rows.extend(marks.map(line));
        rows
    }
}

fn stretch(from: i64, below: i64) -> String {
    if below - from == 1 { from.to_string() } else { format!("{from}..{}", below - 1) }
}

impl Row {
    /// The letters of the batches that stand here, each once.
    fn letters(&self) -> Vec<char> {
        let mut letters: Vec<char> = Vec::new();
        for cell in &self.cells {
            if let Cell::Batch { letter, .. } = cell
                && !letters.contains(letter)
            {
                letters.push(*letter);
            }
        }
        letters
    }

    /// The cells of a row of the metadata log; with `voters` all behind these are one.
    fn metadata_cells(&self, voters: Option<usize>) -> Vec<String> {
        let letters = self.letters();
        let cell = |cell: &Cell| match cell {
            Cell::Missing => "-".to_owned(),
            Cell::Deleted => "deleted".to_owned(),
            Cell::Batch { epoch, letter, .. } if letters.len() > 1 => format!("e{epoch} {letter}"),
            Cell::Batch { epoch, .. } => format!("e{epoch}"),
        };
        let (shown, rest) = self.cells.split_at(voters.unwrap_or(self.cells.len()));
        let mut row = vec![stretch(self.from, self.below), self.batches.to_string()];
        row.extend(shown.iter().map(cell));
        if voters.is_some() {
            let have = rest.iter().filter(|cell| matches!(cell, Cell::Batch { .. })).count();
            row.push(format!("{have} of {}", rest.len()));
        }
        let said = self.records.iter().map(|(letter, words)| match letters.len() {
            0 | 1 => words.clone(),
            _ => format!("{letter}: {words}"),
        });
        row.push(self.note(letters.len()).to_owned());
        row.push(said.collect::<Vec<_>>().join("; "));
        row
    }

    fn cells(&self) -> Vec<String> {
        let letters = self.letters();
        let cell = |cell: &Cell| match cell {
            Cell::Missing => "-".to_owned(),
            Cell::Deleted => "deleted".to_owned(),
            Cell::Batch { epoch, id: Some(id), .. } => {
                format!("e{epoch} {}", id.chars().take(ID_DIGITS).collect::<String>())
            }
            Cell::Batch { epoch, letter, id: None } if letters.len() > 1 => {
                format!("e{epoch} {letter}")
            }
            Cell::Batch { epoch, id: None, .. } => format!("e{epoch}"),
        };
        let acked: Vec<String> = self
            .acked
            .iter()
            .map(|(letter, what)| match letters.len() {
                0 | 1 => (*what).to_owned(),
                _ => format!("{letter}:{what}"),
            })
            .collect();
        let mut row = vec![stretch(self.from, self.below), self.batches.to_string()];
        row.extend(self.cells.iter().map(cell));
        row.push(if acked.is_empty() { "-".to_owned() } else { acked.join(" ") });
        row.push(self.note(letters.len()).to_owned());
        row
    }

    fn note(&self, batches: usize) -> &'static str {
        let is_missing = self.cells.contains(&Cell::Missing);
        match (self.lost, batches > 1, is_missing) {
            (true, _, _) => "LOST",
            (false, true, _) => "they differ",
            (false, false, true) => "not in all",
            (false, false, false) => "",
        }
    }
}
