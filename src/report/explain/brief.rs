//! An explanation in fifteen lines: for a README, a commit message, the head of an issue.

use crate::report::explain::choose::blamed;
use crate::report::explain::shape::{Explanation, Step};
use crate::report::explain::text::{draw, micros, nearby_words};
use crate::report::wrapped;

/// How many lines there are at most.
const LINES_MAX: usize = 15;
/// How wide they are.
const COLUMNS: usize = 80;
/// The sentence has so many lines at most.
const SENTENCE_MAX: usize = 4;
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
    let sentence = shortest(&explanation.sentence, ". ", COLUMNS - 2, SENTENCE_MAX);
    lines.extend(sentence.iter().map(|line| format!("  {line}")));
    let saved = explanation.saved_by.iter().find(|saved| saved.helped);
    let saved = saved.map(|saved| {
        let nearby = saved
            .nearby
            .map_or(String::new(), |nearby| format!("; with other seeds {}", nearby_words(nearby)));
        let whole = format!("saved by {}{nearby}", saved.change);
        let lines = wrapped(&whole, COLUMNS - 4).into_iter().enumerate();
        let indent = |at| if at == 0 { "  " } else { "    " };
        lines.map(|(at, line)| cut(&format!("{}{line}", indent(at)))).collect::<Vec<_>>()
    });
    let saved = saved.unwrap_or_default();
    let taken = lines.len() + saved.len();
    if let Some(picture) = explanation.picture.as_ref().filter(|it| !it.offsets.is_empty()) {
        // Without its first line and its legend.
        let drawn = draw(picture);
        let is_legend = |line: &str| line.starts_with("  # ") || line.starts_with("  x ");
        let drawn: Vec<&str> = drawn.lines().filter(|line| !is_legend(line)).collect();
        if taken + drawn.len() - 1 + STEPS_MIN <= LINES_MAX {
            lines.extend(drawn.into_iter().skip(1).map(str::to_owned));
        }
    }
    let room = LINES_MAX.saturating_sub(lines.len() + saved.len());
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
            _ if step.because.as_deref().and_then(blamed).is_some() => 0,
            "log-truncated" | "durable-end" => 1,
            // What is told next, that it takes the lead, says as much.
            "partition-committed" if steps.last().is_some_and(|it| it.kind == "role-taken") => 4,
            "fault-began" | "host-stopped" => 2,
            "partition-committed" | "quorum-role-taken" | "produce-answered" => 3,
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
    let bug = step.because.as_deref().and_then(blamed);
    let bug = bug.map_or(String::new(), |bug| format!(" ({bug})"));
    let room = COLUMNS - lead.chars().count();
    let lines = match wrapped(&format!("{}{bug}", step.text), room) {
        lines if lines.len() <= 2 => lines,
        _ => {
            let mut text = step.text.as_str();
            // Without what stands behind the last mark, as long as there is one, and never with
            // half of what stands in brackets.
            while wrapped(&format!("{text}{bug}"), room).len() > 2 || is_open(text) {
                let Some(end) = text.rfind(['(', ';', ',']) else { break };
                text = text[..end].trim_end();
            }
            wrapped(&format!("{text}{bug}"), room)
        }
    };
    let indent = " ".repeat(lead.chars().count());
    let lines = lines.into_iter().enumerate();
    lines.map(|(at, line)| format!("{}{line}", if at == 0 { &lead } else { &indent })).collect()
}

/// Whether a bracket in `text` is not closed.
fn is_open(text: &str) -> bool {
    text.matches('(').count() > text.matches(')').count()
}

/// As many whole parts of `text`, which `mark` stands between, as take `lines_max` lines at most;
/// the first in any case.
fn shortest(text: &str, mark: &str, room: usize, lines_max: usize) -> Vec<String> {
    let mut kept = String::new();
    for part in text.split_inclusive(mark) {
        let more = format!("{kept}{part}");
        if !kept.is_empty() && wrapped(more.trim_end(), room).len() > lines_max {
            break;
        }
        kept = more;
    }
    wrapped(kept.trim_end(), room)
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
    use crate::types::Defect;

    #[test]
    fn no_step_ends_within_brackets() {
        let step = Step {
            text: "the controller makes broker-3 leader of orders-0, uncleanly (epoch 1, in-sync \
                   set [3]), although the log of broker-3 ends at 900, without offset 901"
                .to_owned(),
            because: Some(format!(
                "{} is switched on: it does",
                Defect::UncleanLeaderElection.called()
            )),
            ..Step::default()
        };
        let text = lines_of(&step).join(" ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("uncleanly (the configuration unclean-leader-election)"), "{text}");
        assert!(!text.contains("epoch 1 ("), "{text}");
    }

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
        assert!(text.contains("saved by"), "{text}");
        let sentence = text.lines().nth(1).unwrap_or_default();
        assert!(!sentence.contains("..."), "a sentence is told whole or not: {text}");
        assert!(!text.contains("and for ..."), "{text}");
        let times: Vec<&str> = text.lines().filter(|line| line.contains(" e")).collect();
        assert!(times.is_sorted(), "{text}");
    }
}
