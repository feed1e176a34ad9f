//! A scenario as it is run: the text, with all that was set from outside, and the plan it means.

use std::sync::Arc;

use toml_edit::{Array, DocumentMut, Item, Value};

use crate::scenario::decode::{Vocabulary, decode};
use crate::scenario::file_error::{FileError, FileErrors, Wrong};
use crate::scenario::plan::Plan;
use crate::scenario::set::apply;
use crate::scenario::units::shown;
use crate::types::PropertyName;

/// A scenario file, read.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// The file as the user named it.
    pub file: String,
    /// Its text, changed by `--set` and `--defect`.
    pub text: String,
    /// Whether that is another text than the file's.
    pub is_changed: bool,
    /// What `--set` was given.
    pub sets: Vec<String>,
    /// What `--defect` was given.
    pub defects: Vec<String>,
    /// The claims of the file that are not of this run: the scenario was changed since they were
    /// made, and no change speaks of them.
    pub left_behind: Vec<PropertyName>,
    /// What it means.
    pub plan: Arc<Plan>,
}

/// Why there is no scenario.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file has mistakes.
    #[error("{0}")]
    File(FileErrors),
    /// The file is right, but not with the changes.
    #[error("{0}")]
    Change(ChangeErrors),
}

/// What is wrong with a change of a scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeError {
    /// The argument as it was typed, such as `--set duration=1`.
    pub argument: String,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub instead: String,
}

/// All that is wrong with the changes of a scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeErrors(pub Vec<ChangeError>);

impl std::fmt::Display for ChangeErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            let newline = if at == 0 { "" } else { "\n" };
            write!(f, "{newline}`{}`: {}", error.argument, error.what)?;
            if !error.instead.is_empty() {
                write!(f, ": {}", error.instead)?;
            }
        }
        Ok(())
    }
}

impl Scenario {
    /// Reads `text` of the file called `file` and makes `changes` (`path=value`) to it, and
    /// switches `defects` on.
    ///
    /// # Errors
    ///
    /// The mistakes of the file as it is, with its own lines; else the change that leads nowhere;
    /// else what is wrong after the changes, each with the change that brought it.
    pub fn read(
        file: &str,
        text: &str,
        changes: &[String],
        defects: &[String],
        vocabulary: &Vocabulary,
    ) -> Result<Self, ScenarioError> {
        let mut plan = decode(file, text, vocabulary).map_err(ScenarioError::File)?;
        let mut steps = Steps::default();
        let mut changed = text.to_owned();
        for change in changes {
            let argument = format!("--set {}", shown(change));
            changed = match apply(&changed, change) {
                Ok(changed) => changed,
                Err(Wrong { what, instead }) => {
                    let error = ChangeError { argument, what, instead };
                    return Err(ScenarioError::Change(ChangeErrors(vec![error])));
                }
            };
            steps.add(argument, decode(file, &changed, vocabulary), &mut plan);
        }
        for defect in defects {
            changed = with_defect(changed, defect);
            let argument = format!("--defect {}", shown(defect));
            steps.add(argument, decode(file, &changed, vocabulary), &mut plan);
        }
        if let Some(errors) = steps.blame(text, &changed) {
            return Err(ScenarioError::Change(errors));
        }
        let is_changed = changed != text;
        let left_behind = match is_changed {
            true => left_behind(&plan, changes, defects),
            false => Vec::new(),
        };
        let of_them = |line| {
            let mut claims = plan.claims.iter().filter(|claim| claim.line == line);
            claims.any(|claim| left_behind.contains(&claim.property))
        };
        let warnings = plan.warnings.iter().filter(|warning| !of_them(warning.line));
        let warnings = warnings.cloned().collect();
        let plan = Arc::new(Plan { warnings, ..plan });
        let (file, sets, defects) = (file.to_owned(), changes.to_vec(), defects.to_vec());
        Ok(Self { file, text: changed, sets, defects, is_changed, left_behind, plan })
    }

    /// The file's name without folder and extension.
    pub fn name(&self) -> &str {
        let name = self.file.rsplit(['/', '\\']).next().unwrap_or(&self.file);
        name.strip_suffix(".toml").unwrap_or(name)
    }
}

/// The changes in order, and what was wrong with the text after each.
#[derive(Debug, Default)]
struct Steps(Vec<(String, Vec<FileError>)>);

impl Steps {
    fn add(&mut self, argument: String, read: Result<Plan, FileErrors>, plan: &mut Plan) {
        let mistakes = match read {
            Ok(new) => {
                *plan = new;
                Vec::new()
            }
            Err(FileErrors(mistakes)) => mistakes,
        };
        self.0.push((argument, mistakes));
    }

    /// What is wrong after the last change, each mistake with the change since which it has stood
    /// there: a later change may mend what an earlier one broke.
    fn blame(&self, original: &str, changed: &str) -> Option<ChangeErrors> {
        let (_, last) = self.0.last()?;
        let same = |a: &FileError, b: &FileError| (&a.what, &a.instead) == (&b.what, &b.instead);
        let blamed = last.iter().map(|mistake| {
            let since = self.0.iter().rev();
            let since = since.take_while(|(_, found)| found.iter().any(|it| same(it, mistake)));
            let (argument, _) = since.last().expect("the last change has this mistake");
            let what = mistake.what.clone();
            let instead = mistake.instead.clone() + &place(mistake, original, changed);
            ChangeError { argument: argument.clone(), what, instead }
        });
        let errors: Vec<_> = blamed.collect();
        (!errors.is_empty()).then_some(ChangeErrors(errors))
    }
}

/// Where the file contradicts a change: its line, when the change has not written that itself.
fn place(mistake: &FileError, original: &str, changed: &str) -> String {
    // The first line stands for the whole file.
    let line = usize::try_from(mistake.line).ok().filter(|line| *line > 1);
    let Some(line) = line.and_then(|line| changed.lines().nth(line - 1)) else {
        return String::new();
    };
    let mut own = original.lines().enumerate().filter(|(_, own)| *own == line);
    match (own.next(), own.next()) {
        (Some((at, _)), None) => {
            format!(" (because of `{}`, line {} of {})", line.trim(), at + 1, mistake.file)
        }
        (Some(_), Some(_)) => format!(" (because of `{}`)", line.trim()),
        (None, _) => String::new(),
    }
}

/// The claims of `plan` of which `changes` say nothing, if they change anything but claims.
fn left_behind(plan: &Plan, changes: &[String], defects: &[String]) -> Vec<PropertyName> {
    let claim =
        |change: &str| Some(change.strip_prefix("claim.")?.split(['.', '=']).next()?.to_owned());
    let said: Vec<String> = changes.iter().filter_map(|change| claim(change)).collect();
    if said.len() == changes.len() && defects.is_empty() {
        return Vec::new();
    }
    let properties = plan.claims.iter().map(|claim| claim.property);
    properties.filter(|property| !said.iter().any(|name| name == property.name())).collect()
}

fn with_defect(text: String, defect: &str) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else { return text };
    let list = document.entry("defects").or_insert(Item::Value(Value::Array(Array::new())));
    if let Some(list) = list.as_array_mut()
        && !list.iter().any(|known| known.as_str() == Some(defect))
    {
        list.push(defect);
    }
    document.to_string()
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
    fn a_change_leaves_the_claims_behind_of_which_it_says_nothing() {
        let text = format!(
            "{TEXT}[[producer]]\nname = \"p\"\ntopic = \"orders\"\nconfig = {{ acks = \"1\" }}\n\
             [[claim]]\nproperty = \"acks-one-durability\"\nexpect = \"violated\"\n"
        );
        let read = |changes: &[&str], defects: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|&it| it.to_owned()).collect::<Vec<_>>();
            let (changes, defects) = (owned(changes), owned(defects));
            Scenario::read("a.toml", &text, &changes, &defects, &Vocabulary::default()).unwrap()
        };
        let all = "producer.p.config.acks=all";
        let claimed = "claim.acks-one-durability.expect=violated";
        let behind = [PropertyName::AcksOneDurability];
        for changes in [&[][..], &["duration=60s"], &["claim.duplicate.expect=may"]] {
            assert!(read(changes, &[]).left_behind.is_empty(), "{changes:?} changes no run");
        }
        assert!(read(&[all, claimed], &[]).left_behind.is_empty(), "it is claimed of the change");
        assert_eq!(read(&[all], &[]).left_behind, behind);
        assert_eq!(read(&[], &["never-flush"]).left_behind, behind);
        assert!(read(&[all], &[]).plan.warnings.is_empty(), "nobody claims it of this run");
        assert_eq!(read(&[all, claimed], &[]).plan.warnings.len(), 1);
    }

    #[test]
    fn a_text_that_a_change_leaves_as_it_was_is_not_changed() {
        assert!(!read(&[], &[]).unwrap().is_changed);
        assert!(!read(&["cluster.brokers=3"], &[]).unwrap().is_changed);
        assert!(read(&["cluster.brokers=4"], &[]).unwrap().is_changed);
    }

    fn told(changes: &[&str], defects: &[&str]) -> String {
        read(changes, defects).unwrap_err().to_string()
    }

    #[test]
    fn a_change_that_makes_no_sense_is_named_and_not_a_line_of_the_file() {
        assert_eq!(
            told(&["duration=5s", "topic.orders.replication_factor=4"], &[]),
            "`--set topic.orders.replication_factor=4`: `replication_factor`: 4 replicas need as \
             many brokers: write at most 3, the number of brokers"
        );
        let error = told(&["duration=5s"], &["never-flush", "perfection"]);
        assert!(error.starts_with("`--defect perfection`: "), "{error}");
        assert!(error.contains("there is no defect `perfection`"), "{error}");
        assert!(!error.contains("a/b.toml"), "{error}");
    }

    #[test]
    fn each_mistake_is_laid_to_the_change_that_brought_it() {
        let error = told(&["duration=soon", "cluster.brokers=5", "settle=later"], &[]);
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines.len(), 2, "{error}");
        assert!(error.contains("`--set duration=soon`: `duration`: "), "{error}");
        assert!(error.contains("`--set settle=later`: `settle`: "), "{error}");
        // What a later change mends is no mistake.
        assert!(read(&["duration=soon", "duration=5s"], &[]).is_ok());
        let mended = ["topic.orders.replication_factor=4", "cluster.brokers=4"];
        assert!(read(&mended, &[]).is_ok());
    }

    #[test]
    fn what_contradicts_a_change_is_shown() {
        let text = TEXT.to_owned() + "replication_factor = 3\n";
        let change = ["cluster.brokers=2".to_owned()];
        let read = Scenario::read("b.toml", &text, &change, &[], &Vocabulary::default());
        assert_eq!(
            read.unwrap_err().to_string(),
            "`--set cluster.brokers=2`: `replication_factor`: 3 replicas need as many brokers: \
             write at most 2, the number of brokers (because of `replication_factor = 3`, line 11 \
             of b.toml)"
        );
    }

    #[test]
    fn a_change_that_leads_nowhere_is_told_once() {
        let error = read(&["producer.nobody.rate=1/s"], &[]).unwrap_err();
        let told = "`--set producer.nobody.rate=1/s`: there is no producer `nobody`: the scenario \
                    has no [[producer]]";
        assert_eq!(error.to_string(), told);
        assert!(std::error::Error::source(&error).is_none(), "its cause would tell it again");
    }

    #[test]
    fn empty_lists_switch_defects_and_faults_off() {
        let with = TEXT.replace("title", "defects = [\"never-flush\"]\ntitle")
            + "\n[[fault]]\nat = \"1s\"\npause = { host = \"broker-1\" }\n";
        let changes = ["defects=[]", "fault=[]"].map(str::to_owned);
        let read = Scenario::read("b.toml", &with, &changes, &[], &Vocabulary::default()).unwrap();
        assert!(read.plan.faults.is_empty());
        assert!(!read.plan.defects.has(Defect::NeverFlush));
    }
}
