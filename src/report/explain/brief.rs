//! An explanation in fifteen lines: for a README, a commit message, the head of an issue.

use crate::report::explain::shape::{Explanation, Step};
use crate::report::explain::text::{draw, micros};
use crate::report::wrapped;

/// How many lines there are at most.
const LINES_MAX: usize = 15;
/// How wide they are.
const COLUMNS: usize = 80;
/// The sentence has so many lines at most.
const SENTENCE_MAX: usize = 3;
/// Steps are told in so many lines at least.
const STEPS_MIN: usize = 4;

/// The explanation in at most fifteen lines of 80 columns.
pub fn brief(explanation: &Explanation) -> String {
    let Explanation { property, outcome, seed, .. } = explanation;
    if property.is_empty() {
        return format!("seed {seed}: no property was violated\n");
    }
    let found = if outcome == "violated" { "" } else { ", outside its premise" };
    let mut lines = vec![cut(&format!("{property} violated{found}, seed {seed}"))];
    let mut sentence = wrapped(&explanation.sentence, COLUMNS - 2);
    if sentence.len() > SENTENCE_MAX {
        sentence.truncate(SENTENCE_MAX);
        let last = &mut sentence[SENTENCE_MAX - 1];
        *last = match last.rsplit_once(". ") {
            Some((whole, _)) => format!("{whole}."),
            None => format!("{} ...", last.trim_end_matches(['.', ',', ';', ':'])),
        };
    }
    lines.extend(sentence.iter().map(|line| format!("  {line}")));
    let saved = explanation.saved_by.iter().find(|saved| saved.helped);
    let saved = saved.map(|saved| {
        let nearby = saved.nearby.map_or(String::new(), |nearby| {
            format!("; violated in {} of {} other seeds", nearby.violated, nearby.seeds)
        });
        cut(&format!("  saved by {}{nearby}", saved.change))
    });
    let taken = lines.len() + usize::from(saved.is_some());
    if let Some(picture) = explanation.picture.as_ref().filter(|it| !it.offsets.is_empty()) {
        // Without its first line and its legend.
        let drawn = draw(picture);
        let drawn: Vec<&str> = drawn.lines().filter(|line| !line.starts_with("  # ")).collect();
        if taken + drawn.len() - 1 + STEPS_MIN <= LINES_MAX {
            lines.extend(drawn.into_iter().skip(1).map(str::to_owned));
        }
    }
    let room = LINES_MAX.saturating_sub(lines.len() + usize::from(saved.is_some()));
    lines.extend(told(&explanation.steps, room));
    lines.extend(saved);
    lines.join("\n") + "\n"
}

/// The steps that matter most, in the order of time, in at most `room` lines.
fn told(steps: &[Step], room: usize) -> Vec<String> {
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|at| {
        let step = &steps[*at];
        let rank = match step.kind.as_str() {
            _ if *at + 1 == steps.len() => 0,
            _ if step.because.as_ref().is_some_and(|why| why.contains("the bug ")) => 0,
            "log-truncated" | "durable-end" => 1,
            "partition-committed" | "quorum-role-taken" | "produce-answered" => 2,
            "fault-began" => 3,
            "log-appended" | "high-watermark-moved" => 4,
            _ => 5,
        };
        (rank, std::cmp::Reverse(*at))
    });
    let mut chosen: Vec<usize> = Vec::new();
    let mut used = 0;
    for at in order {
        let size = lines_of(&steps[at]).len();
        if used + size <= room {
            used += size;
            chosen.push(at);
        }
    }
    chosen.sort_unstable();
    chosen.into_iter().flat_map(|at| lines_of(&steps[at])).collect()
}

/// A step, in one or two lines.
fn lines_of(step: &Step) -> Vec<String> {
    let lead = format!("  {:>10} e{:<6} ", micros(step.moment_us), step.event);
    let why = step.because.as_deref().and_then(|why| why.split_once("the bug ")?.1.split_once(' '));
    let bug = why.map_or(String::new(), |(bug, _)| format!(" (the bug {bug})"));
    let room = COLUMNS - lead.chars().count();
    let mut lines = wrapped(&format!("{}{bug}", step.text), room);
    if lines.len() > 2 {
        lines.truncate(2);
        lines[1] += " ...";
    }
    let indent = " ".repeat(lead.chars().count());
    let lines = lines.into_iter().enumerate();
    lines.map(|(at, line)| format!("{}{line}", if at == 0 { &lead } else { &indent })).collect()
}

/// A line that is not too long.
fn cut(line: &str) -> String {
    match line.char_indices().nth(COLUMNS) {
        Some(_) => line.chars().take(COLUMNS - 3).collect::<String>() + "...",
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::explain::shape::Saved;

    #[test]
    fn it_has_fifteen_lines_at_most() {
        let step = |at: u64, kind: &str| Step {
            event: at,
            moment_us: 1_000_000,
            kind: kind.to_owned(),
            text: "what happened in so many words that a line of a terminal is too short for it \
                   all, and for a second one as well, whatever one leaves out of it"
                .to_owned(),
            ..Step::default()
        };
        let kinds = ["log-appended", "fault-began", "log-truncated", "role-taken", "polled"];
        let steps = (0..10).map(|at| step(at, kinds[at as usize % kinds.len()])).collect();
        let explanation = Explanation {
            property: "acked-durability".to_owned(),
            outcome: "violated".to_owned(),
            sentence: "one word after the other. ".repeat(30),
            steps,
            saved_by: vec![Saved { change: "x".repeat(200), helped: true, ..Saved::default() }],
            ..Explanation::default()
        };
        let text = brief(&explanation);
        assert!(text.lines().count() <= LINES_MAX, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS + 4), "{text}");
        assert!(text.contains("e9 "), "the last step is told: {text}");
        assert!(text.contains("saved by xxx"), "{text}");
        let times: Vec<&str> = text.lines().filter(|line| line.contains(" e")).collect();
        assert!(times.is_sorted(), "{text}");
    }
}
