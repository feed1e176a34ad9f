//! How two runs differ, as text.

use crate::report::diff::{Difference, Run, Told};
use crate::report::diff_account::{Outcome, Sort};
use crate::report::table::table;
use crate::report::text::{grouped, wrapped};

/// Where what a line says begins.
const INDENT: usize = 4;
/// Of so many partitions it is told whole how they differ.
const PARTITIONS_MAX: usize = 6;

/// Lines of at most so many columns, but for words that are longer.
struct Page {
    width: usize,
    text: String,
}

impl Page {
    /// `words` behind `head`, all their lines from column `indent` on.
    fn line(&mut self, indent: usize, head: &str, words: &str) {
        for (at, part) in wrapped(words, self.width.saturating_sub(indent)).iter().enumerate() {
            let head = if at == 0 { head } else { "" };
            self.text.push_str(format!("{head:<indent$}{part}").trim_end());
            self.text.push('\n');
        }
    }

    fn sentence(&mut self, words: &str) {
        self.line(0, "", words);
    }
}

impl Difference {
    /// The text, in at most `width` columns but for words that are longer, of runs whose files are
    /// called `names`.
    pub fn text(&self, names: [&str; 2], width: usize) -> String {
        let mut page = Page { width, text: String::new() };
        self.tell_runs(names, &mut page);
        self.tell_scenario(&mut page);
        page.sentence("");
        self.tell_parting(&mut page);
        page.sentence("");
        self.tell_outcomes(&mut page);
        page.text
    }

    /// Each run by what it has and the other has not, then what they have in common.
    fn tell_runs(&self, names: [&str; 2], page: &mut Page) {
        let [one, other] = &self.runs;
        let (same_title, same_seed) = (one.title == other.title, one.seed == other.seed);
        for ((letter, name), run) in ["A", "B"].iter().zip(names).zip(&self.runs) {
            let Run { title, seed, set, events, fingerprint } = run;
            let mut own = Vec::new();
            own.extend((!same_title).then(|| title.clone()));
            own.extend((!same_seed).then(|| format!("seed {seed}")));
            own.extend(set.iter().cloned());
            let own = if own.is_empty() {
                name.to_owned()
            } else {
                format!("{name}: {}", own.join(", "))
            };
            page.line(INDENT, letter, &own);
            let size = format!("{} events, fingerprint {fingerprint}", grouped(*events));
            page.line(INDENT, "", &size);
        }
        let mut common = Vec::new();
        common.extend(same_title.then(|| one.title.clone()));
        common.extend(same_seed.then(|| format!("seed {}", one.seed)));
        if !common.is_empty() {
            page.sentence(&format!("Both: {}", common.join(", ")));
        }
        if !self.same_build {
            page.sentence("The runs are of different builds of kafsim.");
        }
    }

    fn tell_scenario(&self, page: &mut Page) {
        if self.scenario.is_empty() {
            page.sentence("The scenario is the same.");
            return;
        }
        page.sentence("The scenario differs:");
        for line in &self.scenario {
            page.line(INDENT + 2, &format!("{:INDENT$}*", ""), line);
        }
    }

    fn tell_parting(&self, page: &mut Page) {
        let [only_a, only_b] = self.steps.only.map(grouped);
        let (equal, changed) = (grouped(self.steps.equal), grouped(self.steps.changed));
        let Some(first) = &self.first else {
            page.sentence(&format!("The runs are the same, step by step: all {equal} of them."));
            return;
        };
        page.sentence("They part here, as far as steps can be told apart by their names:");
        // Words that are the same hide what differs.
        let [one, other] = first.each_ref().map(|told| told.as_ref().map(Told::bare_words));
        let are_telling = one != other;
        for (letter, told) in ["A", "B"].iter().zip(first) {
            let told = told.as_ref().map(|told| match &told.words {
                Some(words) if are_telling => words.as_str(),
                _ => told.line.as_str(),
            });
            page.line(INDENT, letter, told.unwrap_or("has no such event"));
        }
        page.sentence("A step is what a process makes of one message, timer or disk operation:");
        let told = format!(
            "{equal} are the same, {changed} differ, {only_a} are only in A, {only_b} only in B."
        );
        page.line(INDENT, "", &told);
    }

    fn tell_outcomes(&self, page: &mut Page) {
        if self.outcomes.is_empty() {
            page.sentence("Leaders, in-sync sets, claims and figures are the same.");
            return;
        }
        let of = |sort: Sort| self.outcomes.iter().filter(move |outcome| outcome.sort == sort);
        let mut is_first = true;
        let mut apart = |page: &mut Page| {
            if !std::mem::take(&mut is_first) {
                page.sentence("");
            }
        };
        for (sort, head) in [(Sort::Figure, "FIGURE"), (Sort::Property, "PROPERTY")] {
            let (rows, long) = rows_within(of(sort).collect(), page.width, head);
            if !rows.is_empty() {
                apart(page);
                page.text.push_str(&table("", &[head, "A", "B"], &rows));
            }
            for outcome in long {
                apart(page);
                outcome.tell(page);
            }
        }
        for (sort, what) in [(Sort::Leaders, "leaders"), (Sort::InSync, "in-sync sets")] {
            for outcome in of(sort).take(PARTITIONS_MAX) {
                apart(page);
                outcome.tell(page);
            }
            let more = of(sort).count().saturating_sub(PARTITIONS_MAX);
            if more > 0 {
                page.sentence(&format!("... and {what} of {more} more (JSON has them)"));
            }
        }
    }
}

/// Those that a table of `width` columns has room for, as its rows, and the others.
fn rows_within<'a>(
    outcomes: Vec<&'a Outcome>,
    width: usize,
    head: &str,
) -> (Vec<Vec<String>>, Vec<&'a Outcome>) {
    let (mut short, mut long) = (Vec::new(), Vec::new());
    let mut columns = [head.len(), 1, 1];
    for outcome in outcomes {
        let side =
            |place: usize| outcome.is[place].first().cloned().unwrap_or_else(|| "-".to_owned());
        let row = vec![outcome.what.clone(), side(0), side(1)];
        let mut wider = columns;
        for (column, cell) in wider.iter_mut().zip(&row) {
            *column = (*column).max(cell.chars().count());
        }
        if wider.iter().sum::<usize>() + 4 > width || outcome.is.iter().any(|side| side.len() > 1) {
            long.push(outcome);
        } else {
            columns = wider;
            short.push(row);
        }
    }
    (short, long)
}

impl Outcome {
    fn tell(&self, page: &mut Page) {
        page.sentence(&self.what);
        for (name, lines) in ["A", "B"].iter().zip(&self.is) {
            let head = format!("  {name}");
            // Changes stand below each other: what is the same can be seen.
            match lines.as_slice() {
                [] => page.line(INDENT, &head, "-"),
                lines => {
                    for (at, it) in lines.iter().enumerate() {
                        page.line(INDENT, if at == 0 { &head } else { "" }, it);
                    }
                }
            }
        }
    }
}
