//! How two runs differ, as text.

use crate::report::diff::{Difference, Outcome, Told};
use crate::report::text::wrapped;

/// Where what a line says begins.
const INDENT: usize = 4;

impl Difference {
    /// The text, in at most `width` columns but for words that are longer.
    pub fn text(&self, width: usize) -> String {
        let mut text = String::new();
        let mut line = |indent: usize, head: &str, words: &str| {
            for (at, part) in wrapped(words, width.saturating_sub(indent)).iter().enumerate() {
                let head = if at == 0 { head } else { "" };
                text.push_str(format!("{head:<indent$}{part}").trim_end());
                text.push('\n');
            }
        };
        for (name, run) in ["A", "B"].iter().zip(&self.runs) {
            let told = format!("{}, seed {}", run.title, run.seed);
            line(INDENT, name, &told);
            line(INDENT, "", &format!("{} events, fingerprint {}", run.events, run.fingerprint));
        }
        if !self.same_build {
            line(0, "", "The runs are of different builds of kafsim.");
        }
        match self.scenario.as_slice() {
            [] => line(0, "", "The scenario is the same."),
            lines => {
                line(0, "", "The scenario differs (- A, + B):");
                lines.iter().for_each(|it| line(INDENT, "", it));
            }
        }
        line(0, "", "");
        let [only_a, only_b] = self.steps.only;
        let (equal, changed) = (self.steps.equal, self.steps.changed);
        match &self.first {
            None => line(0, "", "The runs are the same, step by step."),
            Some(first) => {
                line(0, "", "They part here, as far as steps can be told apart by their names:");
                // Words that are the same hide what differs.
                let [one, other] = first.each_ref().map(|told| told.as_ref().map(Told::bare_words));
                let are_telling = one != other;
                for (name, told) in ["A", "B"].iter().zip(first) {
                    let told = told.as_ref().map(|told| match &told.words {
                        Some(words) if are_telling => words.as_str(),
                        _ => told.line.as_str(),
                    });
                    line(INDENT, name, told.unwrap_or("has no such event"));
                }
            }
        }
        let steps = format!(
            "{equal} steps are the same, {changed} are in both and differ, {only_a} are only in \
             A, {only_b} only in B."
        );
        line(0, "", &steps);
        line(0, "", "");
        if self.outcomes.is_empty() {
            line(0, "", "Leaders, in-sync sets, claims and figures are the same.");
        }
        for outcome in &self.outcomes {
            outcome.tell(&mut line);
        }
        text
    }
}

impl Outcome {
    fn tell(&self, line: &mut dyn FnMut(usize, &str, &str)) {
        line(0, "", &self.what);
        for (name, lines) in ["A", "B"].iter().zip(&self.is) {
            let head = format!("  {name}");
            // Changes stand below each other: what is the same can be seen.
            match lines.as_slice() {
                [] => line(INDENT, &head, "-"),
                lines => {
                    for (at, it) in lines.iter().enumerate() {
                        line(INDENT, if at == 0 { &head } else { "" }, it);
                    }
                }
            }
        }
    }
}
