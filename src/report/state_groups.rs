//! The consumer groups of a state, a line each: what their members believe.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::report::state_text::{COLUMNS_MAX, NOTHING};
use crate::report::table::table_within;
use crate::trace::{GroupMemberView, Model};
use crate::types::Name;

/// A consumer group in a line; [`GroupState`](crate::report::GroupState) has it whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GroupLine {
    /// Its id.
    pub group: String,
    /// How many processes take themselves for members.
    pub members: usize,
    /// Where the processes stand that are members, or want in; each word once.
    pub states: Vec<&'static str>,
    /// The generations, or member epochs, that members have; each once.
    pub epochs: Vec<i32>,
    /// How many partitions somebody believes to own.
    pub owned: usize,
    /// How many of them more than one believes to own.
    pub owned_twice: usize,
}

impl GroupLine {
    /// The groups of the plan, and those that a process is a member of, by name.
    pub(super) fn all(model: &Model) -> Vec<Self> {
        let planned = model.setup().groups.iter().map(|group| &group.name);
        let joined = model.group_members.values().map(|view| &view.group);
        planned.chain(joined).collect::<BTreeSet<_>>().into_iter().map(|it| of(model, it)).collect()
    }

    /// The lines as text; nothing if there are none.
    pub(super) fn text(all: &[Self]) -> String {
        if all.is_empty() {
            return String::new();
        }
        let head = ["GROUP", "MEMBERS", "STATE", "EPOCH", "OWNED", "TWICE"];
        let rows: Vec<_> = all.iter().map(Self::row).collect();
        let table = table_within(COLUMNS_MAX, "", &head, &rows);
        format!("\nGroups as their members see them; --group GROUP tells more.\n{table}")
    }

    fn row(&self) -> Vec<String> {
        let epochs: Vec<_> = self.epochs.iter().map(i32::to_string).collect();
        let or_nothing = |text: String| if text.is_empty() { NOTHING.to_owned() } else { text };
        vec![
            self.group.clone(),
            self.members.to_string(),
            or_nothing(self.states.join(",")),
            or_nothing(epochs.join(",")),
            self.owned.to_string(),
            self.owned_twice.to_string(),
        ]
    }
}

fn of(model: &Model, group: &Name) -> GroupLine {
    let views: Vec<_> = model.members_of(group.as_str()).map(|(_, view)| view).collect();
    let members = || views.iter().filter(|view| view.is_member());
    let mut owners: BTreeMap<_, usize> = BTreeMap::new();
    for partition in views.iter().flat_map(|view| view.owned.keys()) {
        *owners.entry(*partition).or_default() += 1;
    }
    let epochs: BTreeSet<i32> = members().map(|view| view.epoch).collect();
    let each = |view: &&GroupMemberView| view.state.name();
    GroupLine {
        group: group.to_string(),
        members: members().count(),
        states: views.iter().map(each).collect::<BTreeSet<_>>().into_iter().collect(),
        epochs: epochs.into_iter().filter(|epoch| *epoch > 0).collect(),
        owned: owners.len(),
        owned_twice: owners.values().filter(|count| **count > 1).count(),
    }
}
