//! An explanation as text, and as Markdown.

use std::fmt::Write as _;

use crate::report::explain::shape::{Explanation, Nearby, Picture, Row, Saved};

/// How wide text is.
const COLUMNS: usize = 80;
/// Where the text of a step begins.
const STEP_INDENT: usize = 15;

/// The explanation for a terminal of 80 columns, without colours.
pub fn text(explanation: &Explanation) -> String {
    let mut out = head(explanation);
    out += &paragraph(&explanation.sentence, "  ", "  ");
    if let Some(picture) = &explanation.picture {
        out.push('\n');
        out += &draw(picture);
    }
    if !explanation.steps.is_empty() {
        out += "\n  How it happened\n";
    }
    for (at, step) in explanation.steps.iter().enumerate() {
        let lead = format!("  {:>2} {:>11}  e{}  ", at + 1, micros(step.moment_us), step.event);
        let because = step.because.as_ref();
        let because = because.map_or_else(String::new, |because| format!(" - because {because}"));
        let indent = " ".repeat(STEP_INDENT + 3);
        out += &paragraph(&format!("{}{because}", step.text), &lead, &indent);
    }
    if !explanation.why_not.is_empty() {
        out += match explanation.property.as_str() {
            "log-matching" | "raft-log-matching" | "epoch-offset-unique" => "\n  Who has what\n",
            _ if explanation.picture.is_some() && is_about_lack(explanation) => {
                "\n  Why they do not have it\n"
            }
            _ => "\n  Where they stand\n",
        };
        for why in &explanation.why_not {
            let lead = format!("  {:<13}", why.replica);
            out += &paragraph(&why.text, &format!("{lead} "), &" ".repeat(16));
        }
    }
    if !explanation.not_the_cause.is_empty() {
        out += "\n  What is not the cause\n";
        for remark in &explanation.not_the_cause {
            let event = remark.event.map_or_else(String::new, |event| format!(" (e{event})"));
            out += &paragraph(&format!("{}{event}", remark.text), "  - ", "    ");
        }
    }
    out += &saved(&explanation.saved_by);
    if !explanation.others.is_empty() {
        out += "\n  Also violated in this run\n";
        for other in &explanation.others {
            let lead = format!("  --violation {:<2} {}: ", other.number, other.property);
            out += &paragraph(&other.sentence, &lead, "      ");
        }
    }
    if !explanation.again.is_empty() {
        out += "\n  To see it again\n";
        for command in &explanation.again {
            let _ = writeln!(out, "    {command}");
        }
    }
    out
}

fn is_about_lack(explanation: &Explanation) -> bool {
    explanation.why_not.iter().any(|why| why.text.starts_with("it "))
        && explanation.picture.as_ref().is_some_and(|picture| picture.from.is_some())
        && explanation
            .why_not
            .iter()
            .all(|why| why.text.starts_with("it had ") || why.text.starts_with("it never had"))
}

fn head(explanation: &Explanation) -> String {
    let Explanation { title, seed, property, outcome, expected, .. } = explanation;
    if property.is_empty() {
        let what = match expected.as_str() {
            "violated" => "no property was violated, and one was to be",
            _ => "nothing to explain",
        };
        return paragraph(title, "", "  ") + &format!("  seed {seed}: {what}\n\n");
    }
    let of = match explanation.of {
        0 | 1 => String::new(),
        of => format!(", violation {} of {of}", explanation.number),
    };
    let mut out = paragraph(title, "", "  ");
    let _ = writeln!(out, "  seed {seed}{of}");
    let found = match outcome.as_str() {
        "violated" => "violated".to_owned(),
        other => format!("violated, {other}"),
    };
    out += &paragraph(
        &format!("{property}: {found} (the scenario expects: {expected})"),
        "  ",
        "    ",
    );
    out += &paragraph(&format!("It says: {}.", explanation.statement), "  ", "    ");
    out.push('\n');
    out
}

/// Seconds with six digits.
pub(super) fn micros(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// `text` broken into lines, the first behind `lead`, the others behind `indent`.
fn paragraph(text: &str, lead: &str, indent: &str) -> String {
    let mut out = String::new();
    let mut line = lead.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            out += line.trim_end();
            out.push('\n');
            indent.clone_into(&mut line);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line += word;
        is_empty = false;
    }
    out += line.trim_end();
    out.push('\n');
    out
}

/// The picture: a column per offset, a row per replica.
pub(super) fn draw(picture: &Picture) -> String {
    let Picture { partition, event, committed, .. } = picture;
    let mut out =
        format!("  {partition} after e{event}; everything below {committed} is committed\n");
    let name = picture.rows.iter().map(|row| row.replica.chars().count()).max().unwrap_or(0).max(6);
    let column = |offset: &i64| offset.to_string().len().max(3) + 1;
    let widths: Vec<usize> = picture.offsets.iter().map(column).collect();
    if !picture.offsets.is_empty() {
        let _ = write!(out, "  {:<name$} ", "offset");
        for (offset, width) in picture.offsets.iter().zip(&widths) {
            let bar = if offset == committed { "|" } else { " " };
            let _ = write!(out, "{bar}{offset:>width$}", width = width - 1);
        }
        out.push('\n');
    }
    for row in &picture.rows {
        let _ = write!(out, "  {:<name$} ", row.replica);
        for ((cell, width), offset) in row.cells.iter().zip(&widths).zip(&picture.offsets) {
            let bar = if offset == committed { "|" } else { " " };
            let mark = match cell.epoch {
                Some(epoch) => {
                    let fill = if cell.committed { '#' } else { '/' };
                    let variant = cell.variant.map_or_else(String::new, |v| v.to_string());
                    format!("{fill}{epoch}{variant}")
                }
                None if cell.deleted => "x".to_owned(),
                None => String::new(),
            };
            let _ = write!(out, "{bar}{mark:>width$}", width = width - 1);
        }
        let line = out.rsplit('\n').next().map_or(0, |line| line.chars().count());
        let fate = fates(row);
        if line + 2 + fate.chars().count() > COLUMNS {
            out.truncate(out.trim_end().len());
            let _ = write!(out, "\n  {:<name$} ", "");
        }
        let _ = writeln!(out, "  {fate}");
    }
    if !picture.offsets.is_empty() {
        let is_mixed = picture.rows.iter().any(|r| r.cells.iter().any(|c| c.variant.is_some()));
        let mixed = if is_mixed { "; a, b: different records" } else { "" };
        let _ = writeln!(out, "  # committed  / not committed, with the leader epoch{mixed}");
        if picture.rows.iter().any(|r| r.cells.iter().any(|c| c.deleted)) {
            out += "  x deleted: the replica's log begins above\n";
        }
    }
    out
}

fn fates(row: &Row) -> String {
    format!("end {}, hw {}: {}", row.log_end, row.high_watermark, row.note)
}

fn saved(list: &[Saved]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let mut out = "\n  What would have saved it (run again, with one change)\n".to_owned();
    for saved in list {
        let nearby = saved
            .nearby
            .map_or_else(String::new, |nearby| format!("; other seeds: {}", nearby_words(nearby)));
        let lead = format!("  {:<4}", verdict(saved));
        out += &paragraph(&format!("{}: {}{nearby}", saved.change, saved.outcome), &lead, "      ");
    }
    out
}

/// Whether it helped; where nothing tried the property any more, nobody knows.
fn verdict(saved: &Saved) -> &'static str {
    match (saved.helped, saved.untried) {
        (true, _) => "yes",
        (false, true) => "?",
        (false, false) => "no",
    }
}

/// How many other seeds violate it with the change, and how many of the same without.
pub(super) fn nearby_words(nearby: Nearby) -> String {
    let Nearby { violated, seeds, without } = nearby;
    format!("violated in {violated} of {seeds}, without the change in {without}")
}

/// The explanation as Markdown, for issues and pull requests.
pub fn markdown(explanation: &Explanation) -> String {
    let mut out = format!("### {}\n\n", escape(&explanation.title));
    if !explanation.property.is_empty() {
        let _ = writeln!(
            out,
            "`{}` {} with seed {} (expected: {}): {}.\n",
            explanation.property,
            explanation.outcome,
            explanation.seed,
            explanation.expected,
            escape(&explanation.statement)
        );
    }
    let _ = writeln!(out, "{}\n", escape(&explanation.sentence));
    if let Some(picture) = &explanation.picture {
        let _ = writeln!(out, "```text\n{}```\n", draw(picture));
    }
    if !explanation.steps.is_empty() {
        out += "**How it happened**\n\n";
        for (at, step) in explanation.steps.iter().enumerate() {
            let because = step
                .because
                .as_ref()
                .map_or_else(String::new, |because| format!(", *because* {}", escape(because)));
            let _ = writeln!(
                out,
                "{}. {} `e{}` {}{because}",
                at + 1,
                micros(step.moment_us),
                step.event,
                escape(&step.text)
            );
        }
        out.push('\n');
    }
    list(
        &mut out,
        "Replica by replica",
        explanation
            .why_not
            .iter()
            .map(|why| format!("**{}**: {}", escape(&why.replica), escape(&why.text))),
    );
    list(
        &mut out,
        "What is not the cause",
        explanation.not_the_cause.iter().map(|remark| escape(&remark.text)),
    );
    if !explanation.saved_by.is_empty() {
        out += "**What would have saved it**\n\n";
        out += "| change | helped | what became of it | other seeds |\n|---|---|---|---|\n";
        for saved in &explanation.saved_by {
            let nearby = saved.nearby.map_or_else(String::new, nearby_words);
            let helped = verdict(saved);
            let _ = writeln!(
                out,
                "| {} | {helped} | {} | {nearby} |",
                escape(&saved.change),
                escape(&saved.outcome)
            );
        }
        out.push('\n');
    }
    if !explanation.again.is_empty() {
        let _ = writeln!(out, "```sh\n{}\n```", explanation.again.join("\n"));
    }
    out
}

fn list(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "**{title}**\n");
    for line in lines {
        let _ = writeln!(out, "- {line}");
    }
    out.push('\n');
}

/// Text whose characters mean nothing to Markdown: names come from scenario files.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if matches!(letter, '*' | '_' | '`' | '[' | ']' | '<' | '>' | '|' | '#' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}
