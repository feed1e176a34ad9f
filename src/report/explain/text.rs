//! An explanation as text, and as Markdown.

use std::fmt::Write as _;

use crate::report::explain::shape::{Explanation, Nearby, Picture, Remark, Row, Saved};

/// How wide text is.
const COLUMNS: usize = 80;
/// Where the text of a step begins.
const STEP_INDENT: usize = 15;
/// What stands over the parts.
const STEPS: &str = "How it happened";
const NOT_THE_CAUSE: &str = "What is not the cause";
const SAVED: &str = "What would have saved it (run again, with one change)";
const OTHERS: &str = "Also violated in this run";
const AGAIN: &str = "To see it again";

const WHO_HAS_WHAT: &str = "Who has what";
const WHY_NOT: &str = "Why they do not have it";
const WHERE: &str = "Where they stand";

/// What a heading stands over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heading {
    Steps,
    Saved,
    Again,
    Other,
}

/// The heading that `line` of a text is, if it is one.
pub(crate) fn heading(line: &str) -> Option<Heading> {
    match line.strip_prefix("  ")? {
        STEPS => Some(Heading::Steps),
        SAVED => Some(Heading::Saved),
        AGAIN => Some(Heading::Again),
        NOT_THE_CAUSE | OTHERS | WHO_HAS_WHAT | WHY_NOT | WHERE => Some(Heading::Other),
        _ => None,
    }
}

/// The explanation for a terminal of 80 columns, without colours.
pub fn text(explanation: &Explanation) -> String {
    let mut out = head(explanation);
    out += &paragraph(&explanation.sentence, "  ", "  ");
    if let Some(picture) = &explanation.picture {
        out.push('\n');
        out += &draw(picture);
    }
    if !explanation.steps.is_empty() {
        let _ = writeln!(out, "\n  {STEPS}");
    }
    for (at, step) in explanation.steps.iter().enumerate() {
        let lead = format!("  {:>2} {:>11}  e{}  ", at + 1, micros(step.moment_us), step.event);
        let because = step.because.as_ref();
        let because = because.map_or_else(String::new, |because| format!(" - because {because}"));
        let indent = " ".repeat(STEP_INDENT + 3);
        out += &paragraph(&format!("{}{because}", step.text), &lead, &indent);
    }
    if !explanation.why_not.is_empty() {
        let _ = writeln!(out, "\n  {}", why_heading(explanation));
        for why in &explanation.why_not {
            let lead = format!("  {:<13}", why.replica);
            out += &paragraph(&why.text, &format!("{lead} "), &" ".repeat(16));
        }
    }
    if !explanation.not_the_cause.is_empty() {
        let _ = writeln!(out, "\n  {NOT_THE_CAUSE}");
        for remark in &explanation.not_the_cause {
            out += &paragraph(&remarked(remark), "  - ", "    ");
        }
    }
    out += &saved(&explanation.saved_by);
    if let Some(not_tried) = not_tried(explanation) {
        out += &paragraph(&not_tried, "  ", "  ");
    }
    if !explanation.others.is_empty() {
        let _ = writeln!(out, "\n  {OTHERS}");
        for other in &explanation.others {
            let lead = format!("  --violation {:<2} {}: ", other.number, other.property);
            out += &paragraph(&other.sentence, &lead, "      ");
        }
    }
    if !explanation.again.is_empty() {
        let _ = writeln!(out, "\n  {AGAIN}");
        for command in &explanation.again {
            let _ = writeln!(out, "    {command}");
        }
    }
    out
}

/// "Not tried, for the run is long: x; y."
fn not_tried(explanation: &Explanation) -> Option<String> {
    let all = explanation.not_tried.join("; ");
    (!all.is_empty()).then(|| format!("Not tried, for the run is long: {all}."))
}

/// What stands over what is said of each replica.
fn why_heading(explanation: &Explanation) -> &'static str {
    match explanation.property.as_str() {
        "log-matching" | "raft-log-matching" | "epoch-offset-unique" => WHO_HAS_WHAT,
        _ if explanation.picture.is_some() && is_about_lack(explanation) => WHY_NOT,
        _ => WHERE,
    }
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
    let mut out = paragraph(&explanation.title, "", "  ");
    let _ = writeln!(out, "  {}", which(explanation));
    if !explanation.property.is_empty() {
        out +=
            &paragraph(&format!("{}: {}", explanation.property, found(explanation)), "  ", "    ");
        out += &paragraph(&format!("It says: {}.", explanation.statement), "  ", "    ");
    }
    out.push('\n');
    out
}

/// Which run it is, and which of its violations.
fn which(explanation: &Explanation) -> String {
    let Explanation { seed, number, of, property, expected, .. } = explanation;
    match (property.is_empty(), of) {
        (true, _) if expected == "violated" => {
            format!("seed {seed}: no property was violated, and one was to be")
        }
        (true, _) => format!("seed {seed}: nothing to explain"),
        (false, 0 | 1) => format!("seed {seed}"),
        (false, of) => format!("seed {seed}, violation {number} of {of}"),
    }
}

/// What became of the property, and what was expected.
fn found(explanation: &Explanation) -> String {
    let found = match explanation.outcome.as_str() {
        "violated" => "violated".to_owned(),
        other => format!("violated, {other}"),
    };
    format!("{found} (the scenario expects: {})", explanation.expected)
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

/// A remark, with the event that bears it out.
fn remarked(remark: &Remark) -> String {
    let event = remark.event.map_or_else(String::new, |event| format!(" (e{event})"));
    format!("{}{event}", remark.text)
}

fn saved(list: &[Saved]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let mut out = format!("\n  {SAVED}\n");
    for saved in list {
        let nearby = saved
            .nearby
            .map_or_else(String::new, |nearby| format!("; other seeds: {}", nearby_words(nearby)));
        let lead = format!("  {:<4}", verdict(saved));
        out += &paragraph(&format!("{}: {}{nearby}", saved.change, saved.outcome), &lead, "      ");
    }
    out
}

/// Whether it helped; where nothing tried the property any more, or another breach came, nobody
/// knows.
fn verdict(saved: &Saved) -> &'static str {
    match saved {
        Saved { helped: true, .. } => "yes",
        Saved { untried: true, .. } | Saved { another: true, .. } => "?",
        _ => "no",
    }
}

/// How many other seeds violate it with the change, and how many of the same without.
pub(super) fn nearby_words(nearby: Nearby) -> String {
    let Nearby { violated, seeds, without } = nearby;
    format!("violated in {violated} of {seeds}, without the change in {without}")
}

/// The explanation as Markdown, for issues and pull requests.
pub fn markdown(explanation: &Explanation) -> String {
    let mut out = format!("### {}\n\n{}\n\n", escape(&explanation.title), which(explanation));
    if !explanation.property.is_empty() {
        let (property, found) = (&explanation.property, escape(&found(explanation)));
        let statement = escape(&explanation.statement);
        let _ = writeln!(out, "**`{property}`: {found}**. It says: {statement}.\n");
    }
    let _ = writeln!(out, "{}\n", escape(&explanation.sentence));
    if let Some(picture) = &explanation.picture {
        let _ = writeln!(out, "```text\n{}```\n", draw(picture));
    }
    if !explanation.steps.is_empty() {
        let _ = writeln!(out, "**{STEPS}**\n");
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
        why_heading(explanation),
        explanation
            .why_not
            .iter()
            .map(|why| format!("**{}**: {}", escape(&why.replica), escape(&why.text))),
    );
    let remarks = explanation.not_the_cause.iter();
    list(&mut out, NOT_THE_CAUSE, remarks.map(|remark| escape(&remarked(remark))));
    if !explanation.saved_by.is_empty() {
        let _ = writeln!(out, "**{SAVED}**\n");
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
        if let Some(not_tried) = not_tried(explanation) {
            let _ = writeln!(out, "{}\n", escape(&not_tried));
        }
    }
    list(
        &mut out,
        OTHERS,
        explanation.others.iter().map(|other| {
            let (number, property) = (other.number, &other.property);
            format!("`--violation {number}` `{property}`: {}", escape(&other.sentence))
        }),
    );
    if !explanation.again.is_empty() {
        let _ = writeln!(out, "**{AGAIN}**\n\n```sh\n{}\n```", explanation.again.join("\n"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::explain::shape::{Other, Step, WhyNot};

    /// An explanation with something in each of its parts, and what a reader must find of it.
    fn whole() -> (Explanation, Vec<&'static str>) {
        let step = Step {
            event: 41,
            moment_us: 1_500_000,
            text: "broker-1 cuts its log".to_owned(),
            because: Some("it follows broker-3".to_owned()),
            ..Step::default()
        };
        let saved = Saved {
            change: "fault 2 left out".to_owned(),
            helped: true,
            outcome: "it holds".to_owned(),
            nearby: Some(Nearby { violated: 3, seeds: 20, without: 9 }),
            ..Saved::default()
        };
        let explanation = Explanation {
            number: 2,
            of: 7,
            title: "a leader is cut off".to_owned(),
            seed: "12".to_owned(),
            property: "acked-durability".to_owned(),
            statement: "what was acknowledged stays".to_owned(),
            outcome: "outside its premise".to_owned(),
            expected: "may".to_owned(),
            sentence: "Offset 3 is gone.".to_owned(),
            steps: vec![step],
            why_not: vec![WhyNot {
                replica: "broker-2".to_owned(),
                text: "it was down".to_owned(),
                event: None,
            }],
            not_the_cause: vec![Remark { text: "No clock was off".to_owned(), event: Some(77) }],
            saved_by: vec![saved],
            not_tried: vec!["acks=all".to_owned()],
            again: vec!["kafsim run a.toml --seed 12 --set x=1".to_owned()],
            others: vec![Other {
                number: 5,
                property: "lost-write".to_owned(),
                sentence: "another one is gone".to_owned(),
            }],
            ..Explanation::default()
        };
        let facts = vec![
            "a leader is cut off",
            "seed 12, violation 2 of 7",
            "acked-durability",
            "violated, outside its premise (the scenario expects: may)",
            "It says: what was acknowledged stays.",
            "Offset 3 is gone.",
            "How it happened",
            "1.500000",
            "e41",
            "broker-1 cuts its log",
            "it follows broker-3",
            "Where they stand",
            "broker-2",
            "it was down",
            "What is not the cause",
            "No clock was off (e77)",
            "What would have saved it (run again, with one change)",
            "yes",
            "fault 2 left out",
            "it holds",
            "violated in 3 of 20, without the change in 9",
            "Not tried, for the run is long: acks=all.",
            "Also violated in this run",
            "--violation 5",
            "lost-write",
            "another one is gone",
            "To see it again",
            "kafsim run a.toml --seed 12 --set x=1",
        ];
        (explanation, facts)
    }

    #[test]
    fn text_and_markdown_hold_the_same_facts() {
        let (explanation, facts) = whole();
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for (form, told) in
            [("text", plain(&text(&explanation))), ("Markdown", plain(&markdown(&explanation)))]
        {
            let lacks: Vec<_> = facts.iter().filter(|fact| !told.contains(*fact)).collect();
            assert!(lacks.is_empty(), "{form} lacks {lacks:?}: {told}");
        }
        let clean = Explanation { property: String::new(), ..explanation };
        for told in [text(&clean), markdown(&clean)] {
            assert!(told.contains("seed 12: nothing to explain"), "{told}");
        }
    }
}
