//! `cooperative-sticky`: as sticky, and a partition moves only when its owner has given it up.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::assignor::member::{Assignment, Member, Place, Topics};
use crate::protocol::assignor::sticky;
use crate::types::Name;

/// The sticky assignment without the partitions that somebody still owns: they follow in the next
/// generation, when their owners have revoked them (KIP-429).
///
/// # Source
///
/// Kafka 4.0, `CooperativeStickyAssignor`.
pub(crate) fn assign(topics: &Topics, members: &[Member], trusts_claims: bool) -> Assignment {
    let moved = sticky::assign(topics, members, trusts_claims);
    let mut assignment = moved.assignment;
    let transferring = match moved.transferring {
        Some(transferring) => transferring,
        None => transferring(members, &assignment),
    };
    for (place, to) in transferring {
        if let Some(places) = assignment.get_mut(&to) {
            places.retain(|assigned| *assigned != place);
        }
    }
    assignment
}

/// What some member is given and another loses.
fn transferring(members: &[Member], assignment: &Assignment) -> BTreeMap<Place, Name> {
    let mut added = BTreeMap::new();
    let mut revoked = BTreeSet::new();
    for member in members {
        let owned: BTreeSet<_> = member.owned.iter().collect();
        let assigned: BTreeSet<_> = assignment.get(&member.id).into_iter().flatten().collect();
        let new = assigned.difference(&owned);
        added.extend(new.map(|place| ((*place).clone(), member.id.clone())));
        revoked.extend(owned.difference(&assigned).copied());
    }
    added.retain(|place, _| revoked.contains(place));
    added
}
