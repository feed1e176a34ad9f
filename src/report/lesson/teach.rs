//! A lesson over its runs: events found, facts looked up, claims checked.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::lesson::facts::{Place, Places, filled, verify};
use crate::report::lesson::plan::{LessonError, LessonPlan, Note, Try};
use crate::report::lesson::reel::Reel;
use crate::report::lesson::shape::{Lesson, LessonNote};
use crate::trace::RunFile;

/// A lesson as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taught {
    /// The lesson, for a page.
    pub lesson: Lesson,
    /// What is to be seen at each note, for text.
    pub seen: Vec<Seen>,
}

/// What is to be seen at a note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The note's event in a line.
    pub line: String,
    /// The note's partition after it, if it is about one that there is.
    pub state: Option<String>,
}

/// The places that a note may speak of.
struct Marks<'a> {
    plan: &'a LessonPlan,
    reels: &'a [Reel<'a>],
    marks: &'a BTreeMap<&'a str, (usize, u64)>,
    /// The run and the event of the note itself.
    own: (usize, u64),
    partition: Option<&'a str>,
}

impl Places for Marks<'_> {
    fn scenario(&self) -> &str {
        &self.plan.scenario
    }

    fn place(&self, name: Option<&str>) -> Result<Place<'_>, String> {
        let (run, event) = match name {
            None => self.own,
            Some(name) => *self
                .marks
                .get(name)
                .ok_or_else(|| format!("there is no [[mark]] named `{name}`"))?,
        };
        let partition = self.partition.or(self.plan.partition.as_deref());
        Ok(Place { reel: &self.reels[run], event, partition })
    }
}

/// Plays `plan` over its runs: one, or two if it compares.
///
/// # Errors
///
/// [`LessonError`] with everything that the runs do not bear out.
pub fn teach(plan: &LessonPlan, runs: &[&RunFile]) -> Result<Taught, LessonError> {
    let reels: Result<Vec<_>, String> = runs.iter().map(|file| Reel::new(file)).collect();
    let mut reels = reels.map_err(|error| LessonError(vec![error]))?;
    let mut complaints = Vec::new();
    let mut marks = BTreeMap::new();
    for mark in &plan.mark {
        let run = usize::from(mark.run);
        match reels[run].find(&mark.event, mark.nth) {
            Ok(event) => drop(marks.insert(mark.name.as_str(), (run, event))),
            Err(error) => complaints.push(format!("mark `{}`: {error}", mark.name)),
        }
    }
    let mut notes: Vec<(&Note, u64)> = Vec::new();
    for note in &plan.note {
        match reels[usize::from(note.run)].find(&note.event, note.nth) {
            Ok(event) => notes.push((note, event)),
            Err(error) => complaints.push(format!("note `{}`: {error}", note.title)),
        }
    }
    complaints.extend(backwards(&notes));
    for (run, reel) in reels.iter_mut().enumerate() {
        let of_marks = marks.values().filter(|(of, _)| *of == run).map(|(_, event)| *event);
        let of_notes = notes.iter().filter(|(note, _)| usize::from(note.run) == run);
        let wanted: BTreeSet<u64> = of_marks.chain(of_notes.map(|(_, event)| *event)).collect();
        reel.keep(&wanted);
    }
    let (mut shown, mut seen) = (Vec::new(), Vec::new());
    for (note, event) in notes {
        let own = (usize::from(note.run), event);
        let partition = note.partition.as_deref();
        let places = Marks { plan, reels: &reels, marks: &marks, own, partition };
        let told = note.told(&places, &mut complaints);
        seen.push(look(&places));
        shown.push(told);
    }
    if !complaints.is_empty() {
        return Err(LessonError(complaints));
    }
    let summary = unfolded(&plan.summary);
    let runs = plan.compare.as_ref().map(|other| [other.first.clone(), other.second.clone()]);
    let (title, is_riddle) = (plan.title.clone(), !plan.explained);
    Ok(Taught { lesson: Lesson { title, summary, notes: shown, runs, is_riddle }, seen })
}

/// Notes that lie before one that is read earlier: whoever goes on would go back in time.
fn backwards(notes: &[(&Note, u64)]) -> Vec<String> {
    let mut latest: BTreeMap<u8, (&Note, u64)> = BTreeMap::new();
    let mut complaints = Vec::new();
    for (note, event) in notes {
        match latest.get(&note.run) {
            Some((before, latest)) if event < latest => complaints.push(format!(
                "note `{}`: its event e{event} lies before e{latest} of `{}`, which is read first",
                note.title, before.title
            )),
            _ => drop(latest.insert(note.run, (note, *event))),
        }
    }
    complaints
}

/// A run of its own, at its end.
struct Alone<'a> {
    reel: Reel<'a>,
    event: u64,
    partition: Option<&'a str>,
    scenario: &'a str,
}

impl Places for Alone<'_> {
    fn scenario(&self) -> &str {
        self.scenario
    }

    fn place(&self, name: Option<&str>) -> Result<Place<'_>, String> {
        match name {
            Some(name) => Err(format!("`{name}` is a mark of another run")),
            None => Ok(Place { reel: &self.reel, event: self.event, partition: self.partition }),
        }
    }
}

/// What `it` shows, with the facts of its run.
///
/// # Errors
///
/// [`LessonError`] with everything that the run does not bear out.
pub fn tried(plan: &LessonPlan, it: &Try, file: &RunFile) -> Result<String, LessonError> {
    let refused = |error: String| LessonError(vec![error]);
    let mut reel = Reel::new(file).map_err(refused)?;
    let event = reel.last();
    reel.keep(&BTreeSet::from([event]));
    let partition = plan.partition.as_deref();
    let place = Alone { reel, event, partition, scenario: &plan.scenario };
    let result = place.reel.claim(&it.property).map(|claim| claim.result);
    let mut complaints = Vec::new();
    if result.as_ref() != Some(&it.result) {
        let result = result.as_deref().unwrap_or("no property");
        complaints.push(format!("{}: {result}, not {}", it.property, it.result));
    }
    complaints.extend(it.check.iter().filter_map(|check| verify(check, &place).err()));
    match filled(&unfolded(&it.text), &place) {
        Ok(text) if complaints.is_empty() => Ok(text),
        other => Err(LessonError(complaints.into_iter().chain(other.err()).collect())),
    }
}

impl Note {
    fn told(&self, places: &Marks<'_>, complaints: &mut Vec<String>) -> LessonNote {
        let mut complain = |error: String| complaints.push(format!("`{}`: {error}", self.title));
        for check in &self.check {
            if let Err(error) = verify(check, places) {
                complain(error);
            }
        }
        let mut fill = |text: &str| {
            filled(&unfolded(text), places).unwrap_or_else(|error| {
                complain(error);
                String::new()
            })
        };
        LessonNote {
            event: places.own.1,
            run: self.run,
            title: fill(&self.title),
            text: fill(&self.text),
            question: self.question.as_deref().map(&mut fill),
            answer: self.answer.as_deref().map(&mut fill),
            partition: self.partition.clone().or_else(|| places.plan.partition.clone()),
            pane: self.pane,
            select: None,
        }
    }
}

fn look(places: &Marks<'_>) -> Seen {
    let (run, event) = places.own;
    let reel = &places.reels[run];
    let line = reel.event(event).map(|event| reel.names.line(event)).unwrap_or_default();
    let wanted = places.partition.or(places.plan.partition.as_deref());
    let partitions = reel.state(event).map(|state| state.partitions.as_slice());
    let found = partitions.unwrap_or_default().iter().find(|known| {
        wanted.is_some_and(|wanted| wanted == format!("{}-{}", known.topic, known.partition))
    });
    Seen { line, state: found.map(crate::report::state::Partition::text) }
}

/// `text` with a line for each paragraph. Lines that stand in by two spaces stay as they are.
pub(super) fn unfolded(text: &str) -> String {
    let mut out = String::new();
    for line in text.trim_end().trim_start_matches('\n').lines() {
        let joins = !out.is_empty() && !out.ends_with('\n');
        if line.trim().is_empty() {
            out.truncate(out.trim_end().len());
            out.push_str("\n\n");
        } else if line.starts_with("  ") {
            out.push_str(if joins { "\n" } else { "" });
            out.push_str(line.trim_end());
            out.push('\n');
        } else {
            out.push_str(if joins { " " } else { "" });
            out.push_str(line.trim());
        }
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_become_lines() {
        let text = "\none\ntwo\n\nthree:\n\n  $ a\n  $ b\nfour\n";
        assert_eq!(unfolded("\n  $ a\n"), "  $ a", "the first line is as any other");
        assert_eq!(unfolded(text), "one two\n\nthree:\n\n  $ a\n  $ b\nfour");
    }
}
