//! What one might change in a scenario so that a property holds: bugs off, other settings, without
//! a fault or an operation of the admin client.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::explore::change_settings::settings;
use crate::scenario::{FaultPlan, Plan, Trigger, numbered, show_duration};

/// How much later a fault is tried.
const LATER: Duration = Duration::from_secs(2);
/// How many changes there are before faults are tried later, too.
const CHANGES_MAX: usize = 16;
/// How a change begins that leaves out an operation of the admin client.
const OPERATION_LEFT_OUT: &str = "without admin operation ";

/// One thing changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Change {
    /// In words.
    pub(super) words: String,
    /// As `--set` takes it; the words name each.
    pub(super) set: Vec<String>,
    /// Whether it means something else with another seed.
    pub(super) is_of_seed: bool,
}

/// What is to be prevented.
pub(super) struct Breached<'a> {
    /// What was simulated.
    pub(super) plan: &'a Plan,
    /// With which seed.
    pub(super) seed: u64,
    /// What was violated.
    pub(super) property: &'a str,
    /// What the breach is of: a partition, a group, a client, a node.
    pub(super) of: Option<&'a str>,
    /// The faults that had taken hold by then, by number from 1, and whether they had changed
    /// anything. What begins later cannot matter.
    pub(super) faults: &'a BTreeMap<u32, bool>,
    /// The operations that the admin client had asked for by then and that had not failed, by
    /// number from 1.
    pub(super) operations: &'a BTreeSet<u32>,
}

/// The changes that may help, as they are told: bugs, settings, operations and faults by number.
pub(super) fn changes(of: &Breached<'_>) -> Vec<Change> {
    let change = |(words, set)| Change { words, set, is_of_seed: false };
    let mut changes = defects_off(of.plan);
    changes.extend(settings(of));
    changes.extend(operations(of));
    let mut changes: Vec<Change> = changes.into_iter().map(change).collect();
    let faults = faults(of);
    changes.extend(faults.iter().map(|fault| fault.left_out(of.plan)));
    let room = CHANGES_MAX.saturating_sub(changes.len());
    changes.extend(faults.iter().filter_map(Candidate::later).map(change).take(room));
    changes
}

/// Which of `changes` are to be run first, by their places: if there is no time for all, what the
/// admin client did comes before faults, and a fault that changed something and began shortly
/// before is likelier than others.
pub(super) fn likeliest<'a>(
    of: &Breached<'_>,
    changes: impl Iterator<Item = &'a Change>,
) -> Vec<usize> {
    let mut places: Vec<(usize, &Change)> = changes.enumerate().collect();
    places.sort_by_key(|(_, change)| {
        let fault = left_out(&change.words);
        let is_operation = change.words.starts_with(OPERATION_LEFT_OUT);
        let is_later = fault.is_none() && change.words.ends_with(" later");
        let is_idle = fault.is_some_and(|number| of.faults.get(&number) != Some(&true));
        let is_act = is_operation || fault.is_some();
        (is_later, is_act, is_idle, !is_operation, std::cmp::Reverse(fault))
    });
    places.into_iter().map(|(place, _)| place).collect()
}

/// The number of the fault that a change leaves out.
fn left_out(words: &str) -> Option<u32> {
    words.strip_prefix("without fault ")?.split(' ').next()?.parse().ok()
}

fn defects_off(plan: &Plan) -> Vec<(String, Vec<String>)> {
    let defects: Vec<_> = plan.defects.iter().collect();
    let off = |defect: &crate::types::Defect| {
        let left = defects.iter().filter(|other| *other != defect);
        let left: Vec<String> = left.map(|other| format!("\"{}\"", other.name())).collect();
        (format!("{} off", defect.called()), vec![format!("defects=[{}]", left.join(","))])
    };
    defects.iter().map(off).collect()
}

/// What the admin client changed is left undone; what it only asked changed nothing.
fn operations(of: &Breached<'_>) -> Vec<(String, Vec<String>)> {
    let all = (1_u32..).zip(&of.plan.admin);
    let changed = all.filter(|(number, operation)| {
        of.operations.contains(number) && !operation.action.is_a_question()
    });
    let left_out = changed.map(|(number, operation)| {
        let when = match &operation.trigger {
            Trigger::At(at) => format!(" at {}", show_duration(*at)),
            Trigger::When(_) => String::new(),
        };
        let words = format!("{OPERATION_LEFT_OUT}{number} ({}{when})", operation.action.name());
        (words, vec![format!("admin.{number}=[]")])
    });
    left_out.collect()
}

/// A fault that took hold in time.
struct Candidate {
    number: u32,
    /// Its place among those that the seed draws; none if it is written down.
    drawn: Option<u32>,
    plan: FaultPlan,
}

fn faults(of: &Breached<'_>) -> Vec<Candidate> {
    let written = of.plan.faults.iter().map(|plan| (None, plan.clone()));
    let drawn = numbered(of.plan, of.seed).into_iter().map(|(place, plan)| (Some(place), plan));
    let all = (1..).zip(written.chain(drawn));
    let all = all.map(|(number, (drawn, plan))| Candidate { number, drawn, plan });
    all.filter(|fault| of.faults.contains_key(&fault.number)).collect()
}

impl Candidate {
    /// The name of a fault as everything else here says it, and not as scenario files do.
    fn name(&self) -> String {
        format!("fault {} ({})", self.number, self.plan.fault.name().replace('_', "-"))
    }

    fn left_out(&self, plan: &Plan) -> Change {
        let set = match self.drawn {
            None => format!("fault.{}=[]", self.number),
            Some(place) => {
                let left_out = plan.random.as_ref().map(|random| &random.without);
                let mut without: BTreeSet<u32> = left_out.into_iter().flatten().copied().collect();
                without.insert(place);
                let without: Vec<String> = without.iter().map(u32::to_string).collect();
                format!("faults.random.without=[{}]", without.join(","))
            }
        };
        Change {
            words: format!("without {}", self.name()),
            set: vec![set],
            is_of_seed: self.drawn.is_some(),
        }
    }

    fn later(&self) -> Option<(String, Vec<String>)> {
        let (Trigger::At(at), None) = (&self.plan.trigger, self.drawn) else { return None };
        let later = show_duration(*at + LATER);
        Some((
            format!("{} 2 s later", self.name()),
            vec![format!("fault.{}.at={later}", self.number)],
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::explore::vocabulary::vocabulary;
    use crate::scenario::Scenario;
    use crate::types::PropertyName;

    fn scenarios(folder: &Path, found: &mut Vec<Scenario>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                scenarios(&path, found);
            } else if path.extension().is_some_and(|it| it == "toml") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push(Scenario::read("a.toml", &text, &[], &[], &vocabulary()).unwrap());
            }
        }
    }

    /// All changes of `scenario`, as if every fault had taken hold.
    fn changes_of(scenario: &Scenario, property: &str, of: Option<&str>) -> Vec<Change> {
        let seed = 3;
        let count = scenario.plan.faults.len() + numbered(&scenario.plan, seed).len();
        let faults = (1..=u32::try_from(count).unwrap()).map(|number| (number, true)).collect();
        let operations = (1..=100).collect();
        let operations = &operations;
        changes(&Breached { plan: &scenario.plan, seed, property, of, faults: &faults, operations })
    }

    /// What of `change` its words do not name: of several settings each, and whose they are, if
    /// there are several.
    fn unnamed(change: &Change) -> Vec<&str> {
        let heads = change.set.iter().map(|set| set.split_once(".config.").map(|it| it.0));
        let is_one = heads.collect::<BTreeSet<_>>().len() == 1;
        let parts = change.set.iter().flat_map(|set| {
            let (path, setting) = set.split_once(".config.").unwrap_or(("", set));
            let whose = path.split_once('.').map_or("", |(_, name)| name);
            [setting, whose]
        });
        let parts = parts.enumerate().filter(|(at, _)| !is_one || at % 2 == 0);
        let parts = parts.map(|(_, part)| part);
        parts.filter(|part| !change.words.contains(*part)).collect()
    }

    #[test]
    fn kafsim_takes_every_change_and_the_words_name_all_of_it() {
        let mut all = Vec::new();
        scenarios(Path::new("scenarios"), &mut all);
        let mut seen = 0;
        for scenario in &all {
            for property in PropertyName::ALL {
                for of in [None, Some("__consumer_offsets-0")] {
                    for change in changes_of(scenario, property.name(), of) {
                        let Scenario { file, text, plan, .. } = scenario;
                        let read = Scenario::read(file, text, &change.set, &[], &vocabulary());
                        // A group may have keys that its other protocol refuses; who waits longer
                        // for an answer than to deliver is refused, and what lasts past the end.
                        let may =
                            ["group.protocol=", "request.timeout.ms=", "min.insync.replicas="];
                        let is_refused = read.is_err();
                        let may = may.iter().any(|it| change.words.starts_with(it))
                            || change.words.ends_with(" later")
                            // Others may need the topic that an operation creates or deletes.
                            || change.words.starts_with(OPERATION_LEFT_OUT);
                        assert!(!is_refused || may, "{}: {:?}: {read:?}", plan.title, change.set);
                        let many = change.set.len() > 1;
                        let unnamed = unnamed(&change);
                        assert!(!many || unnamed.is_empty(), "{change:?}: {unnamed:?}");
                        seen += 1;
                    }
                }
            }
        }
        assert!(seen > 10_000, "{seen}");
    }

    const RANDOM: &str = "version = 1\ntitle = \"t\"\nduration = \"60s\"\n\
        [cluster]\nbrokers = 3\ncontrollers = 3\n\
        [[topic]]\nname = \"t\"\n\
        [[fault]]\nat = \"5s\"\npause = { host = \"broker-1\" }\nfor = \"1s\"\n\
        [faults.random]\nprofile = \"steady\"\nwithout = [2]\n";

    #[test]
    fn a_fault_is_left_out_by_its_place_and_only_if_it_had_begun() {
        let scenario = Scenario::read("a.toml", RANDOM, &[], &[], &vocabulary()).unwrap();
        let Scenario { plan, .. } = &scenario;
        let drawn = numbered(plan, 3);
        let places: Vec<u32> = drawn.iter().map(|(place, _)| *place).take(2).collect();
        assert_eq!(places, [1, 3], "the second is left out already");
        let without = |faults: &[(u32, bool)]| {
            let faults = faults.iter().copied().collect();
            let property = "leader-elected";
            let operations = &BTreeSet::new();
            let of = Breached { plan, seed: 3, property, of: None, faults: &faults, operations };
            let changes = changes(&of);
            let order = likeliest(&of, changes.iter());
            let order = order.into_iter().map(|place| changes[place].clone());
            let of_faults = order.filter(|it| it.words.contains("fault "));
            of_faults.map(|it| (it.words, it.set.concat(), it.is_of_seed)).collect::<Vec<_>>()
        };
        assert_eq!(without(&[]), []);
        let name = |at: usize| drawn[at].1.fault.name().replace('_', "-");
        let told = |words: String, set: &str, is_of_seed| (words, set.to_owned(), is_of_seed);
        // One that changed nothing comes after those that did, of which the last is the likeliest.
        let first = told("without fault 1 (pause)".to_owned(), "fault.1=[]", false);
        let (second, third) = (name(0), name(1));
        let second = format!("without fault 2 ({second})");
        let third = format!("without fault 3 ({third})");
        assert_eq!(
            without(&[(1, true), (2, false), (3, true)]),
            [
                told(third, "faults.random.without=[2,3]", true),
                first.clone(),
                told(second, "faults.random.without=[1,2]", true),
                told("fault 1 (pause) 2 s later".to_owned(), "fault.1.at=7s", false),
            ]
        );
        assert_eq!(without(&[(1, true)])[0], first);
    }
}
