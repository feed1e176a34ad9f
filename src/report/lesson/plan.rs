//! The file of a lesson, TOML beside its scenario. docs/LESSONS.md has its keys.

use serde::Deserialize;

use crate::report::lesson::shape::Pane;

/// What is wrong with a lesson, in sentences.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct LessonError(pub Vec<String>);

/// A lesson as it is written: its facts are still to be looked up.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LessonPlan {
    version: u32,
    /// The path of its scenario, as commands of its texts name it: not in the file, for it depends
    /// on where the lesson is read.
    #[serde(skip)]
    pub scenario: String,
    /// What it is called.
    pub title: String,
    /// What it is about, in a paragraph.
    pub summary: String,
    /// The seed of its runs.
    #[serde(default)]
    pub seed: u64,
    /// Changes of the scenario, as `--set` takes them.
    #[serde(default)]
    pub set: Vec<String>,
    /// The partition that is looked at where a note does not say.
    pub partition: Option<String>,
    /// Whether its page explains what was violated from the beginning, or after the last note.
    #[serde(default = "yes")]
    pub explained: bool,
    /// A second run of the same scenario and seed, to be compared.
    pub compare: Option<Other>,
    /// Events with names, which texts speak of.
    #[serde(default)]
    pub(super) mark: Vec<Mark>,
    /// The notes, in the order in which they are read.
    #[serde(default)]
    pub(super) note: Vec<Note>,
    /// What to try next, and what comes of it.
    #[serde(default, rename = "try")]
    pub tries: Vec<Try>,
}

/// The second of two runs that are compared.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Other {
    /// What the first run is called.
    pub first: String,
    /// What the second run is called.
    pub second: String,
    /// What is changed in the second, as `--set` takes it.
    pub set: Vec<String>,
}

/// A run to try, and what a property comes to in it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// The change, as `--set` takes it; besides that of the lesson.
    pub set: Vec<String>,
    /// Which property to look at.
    pub property: String,
    /// What it comes to: `holds`, `violated`, `outside its premise`.
    pub result: String,
    /// What that shows, with facts of that run.
    pub text: String,
    /// What must be true of that run, at its end.
    #[serde(default)]
    pub check: Vec<String>,
}

/// An event of a run, found by a filter.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    pub(super) name: String,
    pub(super) event: String,
    #[serde(default = "first")]
    pub(super) nth: i64,
    #[serde(default)]
    pub(super) run: u8,
}

/// A note.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    pub(super) title: String,
    /// The filter that finds its event.
    pub(super) event: String,
    /// Which of those that pass, from 1; from the end if negative.
    #[serde(default = "first")]
    pub(super) nth: i64,
    #[serde(default)]
    pub(super) run: u8,
    pub(super) partition: Option<String>,
    pub(super) pane: Option<Pane>,
    pub(super) text: String,
    pub(super) question: Option<String>,
    pub(super) answer: Option<String>,
    /// What must be true of the run.
    #[serde(default)]
    pub(super) check: Vec<String>,
}

fn yes() -> bool {
    true
}

fn first() -> i64 {
    1
}

impl LessonPlan {
    /// Reads the lesson in `text`; `file` is what messages call it.
    ///
    /// # Errors
    ///
    /// [`LessonError`] when it is no lesson, with what is wrong and where.
    pub fn read(file: &str, text: &str) -> Result<Self, LessonError> {
        let refused = |what: String| LessonError(vec![format!("`{file}`: {what}")]);
        let plan: Self =
            toml::from_str(text).map_err(|error| refused(error.to_string().trim().to_owned()))?;
        if plan.version != 1 {
            return Err(refused(format!(
                "lessons of version {} are not known here: write version = 1",
                plan.version
            )));
        }
        if plan.note.is_empty() {
            return Err(refused("a lesson needs at least one [[note]]".to_owned()));
        }
        let runs = 1 + u8::from(plan.compare.is_some());
        let places = plan.mark.iter().map(|it| (&it.name, it.nth, it.run));
        let places = places.chain(plan.note.iter().map(|it| (&it.title, it.nth, it.run)));
        let mut complaints = Vec::new();
        for (name, nth, run) in places {
            if nth == 0 {
                complaints.push(format!("`{file}`: `{name}`: nth counts from 1, or from -1 back"));
            }
            if run >= runs {
                complaints.push(format!("`{file}`: `{name}`: run {run}, but runs are 0 to {runs}"));
            }
        }
        match complaints.is_empty() {
            true => Ok(plan),
            false => Err(LessonError(complaints)),
        }
    }

    /// The changes of the first run, or of the second.
    pub fn changes(&self, run: usize) -> Vec<String> {
        let more = self.compare.iter().filter(|_| run > 0).flat_map(|other| other.set.clone());
        self.set.iter().cloned().chain(more).collect()
    }

    /// What a run is called, where there are two.
    pub fn run_name(&self, run: u8) -> Option<&str> {
        let other = self.compare.as_ref()?;
        Some(if run == 0 { &other.first } else { &other.second })
    }

    /// How many notes it has.
    pub fn notes(&self) -> usize {
        self.note.len()
    }
}
