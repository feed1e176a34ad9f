//! A scenario as it is run: the text, with all that was set from outside, and the plan it means.

use std::sync::Arc;

use toml_edit::{Array, DocumentMut, Item, Value};

use crate::scenario::decode::{Vocabulary, decode};
use crate::scenario::file_error::{FileError, FileErrors};
use crate::scenario::plan::Plan;
use crate::scenario::set::{SetError, apply};

/// A scenario file, read.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// The file as the user named it.
    pub file: String,
    /// Its text, changed by `--set` and `--defect`.
    pub text: String,
    /// What it means.
    pub plan: Arc<Plan>,
}

/// Why there is no scenario.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file has mistakes.
    #[error("{0}")]
    File(FileErrors),
    /// A change cannot be made.
    #[error("{0}")]
    Set(#[from] SetError),
    /// The file is right, but not with the changes.
    #[error("with `--set` and `--defect` as given the scenario is not valid:\n{0}")]
    Changed(FileErrors),
}

impl Scenario {
    /// Reads `text` of the file called `file` and makes `changes` (`path=value`) to it, and
    /// switches `defects` on.
    ///
    /// # Errors
    ///
    /// The mistakes of the file as it is, with its own lines; else the change that leads nowhere;
    /// else what is wrong after the changes, each with the line of text that it is about.
    pub fn read(
        file: &str,
        text: &str,
        changes: &[String],
        defects: &[String],
        vocabulary: &Vocabulary,
    ) -> Result<Self, ScenarioError> {
        let plan = decode(file, text, vocabulary).map_err(ScenarioError::File)?;
        let plan = Arc::new(plan);
        let text = text.to_owned();
        if changes.is_empty() && defects.is_empty() {
            return Ok(Self { file: file.to_owned(), text, plan });
        }
        let text = apply(&text, changes.iter().map(String::as_str))?;
        let text = with_defects(text, defects);
        let plan = decode(file, &text, vocabulary)
            .map_err(|errors| ScenarioError::Changed(quoting(errors, &text)))?;
        Ok(Self { file: file.to_owned(), text, plan: Arc::new(plan) })
    }

    /// The file's name without folder and extension.
    pub fn name(&self) -> &str {
        let name = self.file.rsplit(['/', '\\']).next().unwrap_or(&self.file);
        name.strip_suffix(".toml").unwrap_or(name)
    }
}

fn with_defects(text: String, defects: &[String]) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else { return text };
    if defects.is_empty() {
        return text;
    }
    let list = document.entry("defects").or_insert(Item::Value(Value::Array(Array::new())));
    if let Some(list) = list.as_array_mut() {
        for defect in defects {
            if !list.iter().any(|known| known.as_str() == Some(defect)) {
                list.push(defect.as_str());
            }
        }
    }
    document.to_string()
}

/// The lines of a changed text are nowhere to be looked up, so each mistake quotes its own.
fn quoting(errors: FileErrors, text: &str) -> FileErrors {
    let quote = |error: FileError| {
        let line = usize::try_from(error.line).ok().and_then(|line| line.checked_sub(1));
        let line = line.and_then(|line| text.lines().nth(line)).unwrap_or_default();
        let instead = format!("{}\n    in `{}`", error.instead, line.trim());
        FileError { instead, ..error }
    };
    FileErrors(errors.0.into_iter().map(quote).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Defect;

    const TEXT: &str = "version = 1\ntitle = \"t\"\nduration = \"60s\"\n\n[cluster]\n\
                        brokers = 3\ncontrollers = 3\n\n[[topic]]\nname = \"orders\"\n";

    fn read(changes: &[&str], defects: &[&str]) -> Result<Scenario, ScenarioError> {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Scenario::read("a/b.toml", TEXT, &owned(changes), &owned(defects), &Vocabulary::default())
    }

    #[test]
    fn changes_stand_in_the_text_and_in_the_plan() {
        let scenario = read(&["topic.orders.partitions=4"], &["never-flush"]).unwrap();
        assert_eq!(scenario.plan.topics[0].partitions, 4);
        assert!(scenario.plan.defects.has(Defect::NeverFlush));
        assert_eq!(scenario.name(), "b");
        let again = decode("b.toml", &scenario.text, &Vocabulary::default()).unwrap();
        assert_eq!(again, *scenario.plan);
    }

    #[test]
    fn a_change_that_makes_no_sense_quotes_its_line() {
        let error = read(&["topic.orders.replication_factor=4"], &[]).unwrap_err().to_string();
        assert!(error.contains("write at most 3, the number of brokers"), "{error}");
        assert!(error.contains("in `replication_factor = 4`"), "{error}");
        let error = read(&[], &["perfection"]).unwrap_err().to_string();
        assert!(error.contains("there is no defect `perfection`"), "{error}");
    }
}
