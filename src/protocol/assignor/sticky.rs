//! `sticky`: balanced, and as little movement as that allows.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::assignor::constrained::constrained;
use crate::protocol::assignor::general::general;
use crate::protocol::assignor::member::{Assignment, Member, Place, Topics};
use crate::types::Name;

/// The generation of members that say none.
pub(crate) const NO_GENERATION: i32 = -1;

/// An assignment, and what moves in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Moved {
    /// Who reads what.
    pub assignment: Assignment,
    /// Partitions that another member may still own, and to whom they go; `None` where that has
    /// to be found by comparing with what members say that they own.
    pub transferring: Option<BTreeMap<Place, Name>>,
}

/// What members own, as far as their claims are to be believed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owned {
    /// By member; everybody has an entry.
    pub by_member: BTreeMap<Name, Vec<Place>>,
    /// Partitions that two members of one generation claimed: nobody is believed.
    pub disputed: BTreeSet<Place>,
}

/// As even as possible; where that leaves a choice, everybody keeps what he had.
///
/// # Source
///
/// KIP-54; Kafka 4.0, `AbstractStickyAssignor`.
// Differs from Kafka: racks are not looked at; members come in the order of their ids where Kafka
// has them in the order of a hash table; a claim to a partition that does not exist is ignored.
pub(crate) fn assign(topics: &Topics, members: &[Member], trusts_claims: bool) -> Moved {
    if members.is_empty() {
        return Moved { assignment: Assignment::new(), transferring: None };
    }
    let owned = owned(topics, members, trusts_claims);
    let are_equal = members.windows(2).all(|pair| pair[0].topics == pair[1].topics);
    if are_equal { constrained(topics, owned) } else { general(topics, members, owned) }
}

/// Sorts out who owns what: of two claims that of the later generation counts (KAFKA-12984,
/// KAFKA-14639), of two of one generation none.
fn owned(topics: &Topics, members: &[Member], trusts_claims: bool) -> Owned {
    let mut owned = Owned::default();
    let mut owners: BTreeMap<Place, (&Name, i32)> = BTreeMap::new();
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    for member in sorted {
        let generation = member.generation.unwrap_or(NO_GENERATION);
        let mut believed = Vec::new();
        for place in &member.owned {
            let exists = topics.get(&place.0).is_some_and(|count| (0..*count).contains(&place.1));
            if !exists {
                continue;
            }
            match owners.get(place).copied() {
                Some(_) if trusts_claims => believed.push(place.clone()),
                Some((other, theirs)) if theirs <= generation => {
                    if let Some(places) = owned.by_member.get_mut(other) {
                        places.retain(|claimed| claimed != place);
                    }
                    if theirs == generation {
                        owned.disputed.insert(place.clone());
                    } else {
                        believed.push(place.clone());
                    }
                    owners.insert(place.clone(), (&member.id, generation));
                }
                Some(_) => {}
                None => {
                    believed.push(place.clone());
                    owners.insert(place.clone(), (&member.id, generation));
                }
            }
        }
        owned.by_member.insert(member.id.clone(), believed);
    }
    owned
}
