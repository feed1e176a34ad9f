//! An explanation in fifteen lines: for a README, a commit message, the head of an issue.

use std::collections::BTreeMap;

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
    let sentence = sentence(&explanation.sentence);
    lines.extend(sentence.iter().map(|line| format!("  {line}")));
    let saved = explanation.saved_by.iter().find(|saved| saved.helped);
    let saved = saved.map(|saved| {
        let nearby = saved
            .nearby
            .map_or(String::new(), |nearby| format!("; with other seeds {}", nearby_words(nearby)));
        let change = saved_words(&saved.change);
        // A step is worth more than other seeds.
        let whole =
            Some(format!("{change}{nearby}")).filter(|it| it.chars().count() <= COLUMNS - 2);
        let whole = whole.unwrap_or(change);
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

/// "saved by acks=all", "saved without fault 1 (cut)", "saved with the bug x off".
fn saved_words(change: &str) -> String {
    let is_state = change.ends_with(" off") || change.ends_with(" later");
    match change.starts_with("without ") {
        true => format!("saved {change}"),
        false if is_state => format!("saved with {change}"),
        false => format!("saved by {change}"),
    }
}

/// The sentence in a few lines: what was committed is left out where that saves one.
fn sentence(whole: &str) -> Vec<String> {
    let fit = |text: &str| shortest(text, ". ", COLUMNS - 2, SENTENCE_MAX);
    let whole = without_echo(whole);
    let shorter = whole.find("; everything below ").and_then(|from| {
        let rest = whole.get(from..)?;
        let to = from + rest.find(" was committed")? + " was committed".len();
        Some(fit(&format!("{}{}", whole.get(..from)?, whole.get(to..)?)))
    });
    let whole = fit(whole);
    shorter.filter(|it| it.len() < whole.len()).unwrap_or(whole)
}

/// `sentence` without its last part, if that says once more that the records were committed.
fn without_echo(sentence: &str) -> &str {
    let last = sentence.rfind(". Offset").map(|at| sentence.split_at(at + 1));
    match last {
        Some((before, last))
            if before.contains("; everything below ")
                && last.contains(" committed: a leader's high watermark had passed ") =>
        {
            before
        }
        _ => sentence,
    }
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
    let mut chosen: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut used = 0;
    for at in order {
        // In one line, if there is no room for two.
        let lines = [2, 1].map(|most| lines_of(&steps[at], most));
        if let Some(lines) = lines.into_iter().find(|lines| used + lines.len() <= room) {
            used += lines.len();
            chosen.insert(at, lines);
        }
    }
    chosen.into_values().flatten().collect()
}

/// A step, in `most` lines if whole clauses can be left out until it fits, else in as many as it
/// takes.
fn lines_of(step: &Step, most: usize) -> Vec<String> {
    let lead = format!("  {:>10} e{:<6} ", micros(step.moment_us), step.event);
    let bug = step.because.as_deref().and_then(blamed);
    let bug = bug.map_or(String::new(), |bug| format!(" ({bug})"));
    let room = COLUMNS - lead.chars().count();
    let told = |text: &str| wrapped(&format!("{text}{bug}"), room);
    let mut text = step.text.clone();
    let mut drops = DROPS.iter();
    while told(&text).len() > most
        && let Some(drop) = drops.next()
    {
        while told(&text).len() > most
            && let Some(less) = drop.last_of(&text)
        {
            text = less;
        }
    }
    let indent = " ".repeat(lead.chars().count());
    let lines = told(&text).into_iter().enumerate();
    lines.map(|(at, line)| format!("{}{line}", if at == 0 { &lead } else { &indent })).collect()
}

/// What a sentence can do without, and still be one.
enum Drop {
    /// What stands behind a mark, up to the end.
    Tail(&'static str),
    /// What stands in brackets.
    Brackets,
    /// What begins with a comma and a word, up to the next comma or the end.
    Aside(&'static str),
}

/// What is dropped first stands first.
const DROPS: [Drop; 11] = [
    Drop::Tail(", without "),
    Drop::Tail(", the high watermark that "),
    Drop::Tail(": "),
    Drop::Tail("; "),
    Drop::Brackets,
    Drop::Aside(", which "),
    Drop::Aside(", with "),
    Drop::Aside(", leader in "),
    Drop::Tail(", although "),
    Drop::Tail(", though "),
    Drop::Tail(", and "),
];

/// Before a colon stands a sentence, not a name, if it has so many words.
const SENTENCE_WORDS_MIN: usize = 4;

impl Drop {
    /// `text` without the last of these, if there is one.
    fn last_of(&self, text: &str) -> Option<String> {
        match self {
            Self::Tail(mark) => {
                let mut marks = text.rmatch_indices(mark).map(|(at, _)| text[..at].trim_end());
                // "fault 1", "broker-2" alone say nothing; brackets go whole or stay.
                let is_whole =
                    |kept: &&str| kept.split(' ').count() >= SENTENCE_WORDS_MIN && !is_open(kept);
                marks.find(is_whole).map(str::to_owned)
            }
            Self::Brackets => {
                let from = text.rfind(" (")?;
                let to = from + text[from..].find(')')? + 1;
                Some(format!("{}{}", &text[..from], &text[to..]))
            }
            Self::Aside(mark) => {
                let from = text.rfind(mark).filter(|from| !is_open(&text[..*from]))?;
                let rest = &text[from + mark.len()..];
                match rest.split_once(", ") {
                    Some((_, rest)) => Some(format!("{} {rest}", &text[..from])),
                    None => Some(text[..from].to_owned()),
                }
            }
        }
    }
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
    fn what_saved_it_is_said_in_a_sentence() {
        for (change, told) in [
            ("acks=all", "saved by acks=all"),
            ("without fault 1 (cut)", "saved without fault 1 (cut)"),
            ("fault 1 (cut) 2 s later", "saved with fault 1 (cut) 2 s later"),
            ("the bug kip-101 off", "saved with the bug kip-101 off"),
        ] {
            assert_eq!(saved_words(change), told);
        }
    }

    #[test]
    fn what_was_said_is_not_said_again() {
        let before = "It lacks offset 3; everything below 4 was committed.";
        let echo = "Offset 3 was committed: a leader's high watermark had passed it.";
        assert_eq!(without_echo(&format!("{before} {echo}")), before);
        let alone = format!("It lacks offset 3. {echo}");
        assert_eq!(without_echo(&alone), alone);
    }

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
        let text = lines_of(&step, 2).join(" ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("uncleanly (the configuration unclean-leader-election)"), "{text}");
        assert!(!text.contains("epoch 1 ("), "{text}");
    }

    #[test]
    fn no_step_ends_in_the_middle_of_a_clause() {
        let told = |text: &str, defect: Option<Defect>| {
            let because = defect.map(|defect| format!("{} is switched on: so", defect.called()));
            let step = Step { text: text.to_owned(), because, ..Step::default() };
            let text = lines_of(&step, 2).join(" ");
            text.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")
        };
        // The verb stands behind what stands between commas.
        assert_eq!(
            told(
                "broker-2, which leads in epoch 0, appends batch A at offset 5974 of orders-0",
                Some(Defect::AppendAfterError)
            ),
            "broker-2 appends batch A at offset 5974 of orders-0 (the bug \
             kafka-10778-append-after-io-error)"
        );
        assert_eq!(
            told(
                "broker-2: group billing, with 4 members, is completing-rebalance in epoch 2",
                Some(Defect::NeverSynced)
            ),
            "broker-2: group billing is completing-rebalance in epoch 2 (the bug \
             kafka-12890-never-synced)"
        );
        // Of a list nothing goes, be it ever so long.
        let listed = "broker-2 lets billing-1 own orders-0, orders-1, orders-2, orders-3, \
                      orders-4, orders-5, orders-6, orders-7, orders-8, orders-9 in epoch 3";
        assert_eq!(told(listed, None), listed);
        let fault = "fault 3: the links between broker-1, broker-2, broker-3, broker-4 and \
                     checkout-1, checkout-2, checkout-3, audit, admin are cut for good";
        assert_eq!(told(fault, None), fault);
        // What is less to the point goes first.
        assert_eq!(
            told(
                "the in-sync set of orders-0 becomes [1,3] (it was [3]), although the log of \
                 broker-1 ends at 750, without offset 750; broker-2 and broker-3, which have the \
                 records, were not in it",
                None
            ),
            "the in-sync set of orders-0 becomes [1,3] (it was [3]), although the log of \
             broker-1 ends at 750"
        );
        assert_eq!(
            told(
                "controller-3 registers broker-3 anew, with broker epoch 86, and takes its end \
                 before for a clean shutdown",
                Some(Defect::EmptyDiskElected)
            ),
            "controller-3 registers broker-3 anew and takes its end before for a clean shutdown \
             (the bug kafka-14139-empty-disk-elected)"
        );
        // A sentence before a colon may stand alone, a name may not.
        assert_eq!(
            told(
                "broker-1 takes the lead of orders-0 in epoch 2 and its log ends at 3996: the \
                 log of broker-1 ends at 3996, and there is no more to say of it than that",
                None
            ),
            "broker-1 takes the lead of orders-0 in epoch 2 and its log ends at 3996"
        );
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
