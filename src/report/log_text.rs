//! Logs side by side as text.

use crate::report::log::{Cell, Logs, Row};
use crate::report::table::table;

/// So many digits of a batch's id tell it from the others.
const ID_DIGITS: usize = 8;

impl Logs {
    /// The partition, the logs and what is gone.
    pub fn text(&self) -> String {
        let mut text = format!("Event: e{}  Time: {}\n\n", self.event, self.at);
        text += &self.partition.text();
        text += "\n";
        let brokers: Vec<String> =
            self.partition.replicas.iter().map(|r| r.broker.to_string()).collect();
        let mut head = vec!["OFFSETS", "BATCHES"];
        head.extend(brokers.iter().map(String::as_str));
        head.extend(["ACKED", ""]);
        text += &table("", &head, &self.table_rows());
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

    /// The rows, and between them where high watermarks and log starts are.
    fn table_rows(&self) -> Vec<Vec<String>> {
        let mut marks: Vec<(i64, &str, Vec<String>)> = Vec::new();
        let mut mark = |at: i64, what: &'static str, broker: i32| match marks
            .iter_mut()
            .find(|(known, name, _)| (*known, *name) == (at, what))
        {
            Some((_, _, brokers)) => brokers.push(broker.to_string()),
            None => marks.push((at, what, vec![broker.to_string()])),
        };
        for replica in &self.partition.replicas {
            if replica.log_start_offset > 0 {
                mark(replica.log_start_offset, "log start", replica.broker);
            }
            mark(replica.high_watermark, "high watermark", replica.broker);
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
            rows.push(row.cells());
        }
        rows.extend(marks.map(line));
        rows
    }
}

fn stretch(from: i64, below: i64) -> String {
    if below - from == 1 { from.to_string() } else { format!("{from}..{}", below - 1) }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let mut letters: Vec<char> = Vec::new();
        for cell in &self.cells {
            if let Cell::Batch { letter, .. } = cell
                && !letters.contains(letter)
            {
                letters.push(*letter);
            }
        }
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
