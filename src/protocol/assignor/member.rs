//! What an assignor is told, and what it says.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::types::Name;

/// A partition by topic name and number, as assignors know it.
pub type Place = (Name, i32);

/// The subscribed topics that there are, and how many partitions each has.
pub type Topics = BTreeMap<Name, i32>;

/// Who reads what, by member id. Every member has an entry.
pub type Assignment = BTreeMap<Name, Vec<Place>>;

/// A member as it joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its member id.
    pub id: Name,
    /// Its `group.instance.id`, if it is a static member.
    pub instance: Option<Name>,
    /// The topics that it subscribes to, whether there are such topics or not.
    pub topics: BTreeSet<Name>,
    /// The partitions that it says it owns, or owned last (sticky).
    pub owned: Vec<Place>,
    /// The generation in which it was given them; `None` when it says none.
    pub generation: Option<i32>,
}

impl Member {
    /// The order in which members are served: static ones first, by instance, for their member ids
    /// change with every restart.
    ///
    /// Source: Kafka 4.0, `AbstractPartitionAssignor.MemberInfo.compareTo`.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (&self.instance, &other.instance) {
            (Some(mine), Some(theirs)) => mine.cmp(theirs),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => self.id.cmp(&other.id),
        }
    }
}

/// All partitions of `topics`, in this order.
pub(crate) fn places<'a>(topics: &Topics, order: impl IntoIterator<Item = &'a Name>) -> Vec<Place> {
    let of = |topic: &'a Name| {
        let count = topics.get(topic).copied().unwrap_or(0);
        (0..count).map(move |partition| (topic.clone(), partition))
    };
    order.into_iter().flat_map(of).collect()
}

/// Everybody, with nothing yet.
pub(crate) fn nothing(members: &[Member]) -> Assignment {
    members.iter().map(|member| (member.id.clone(), Vec::new())).collect()
}
