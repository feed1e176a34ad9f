//! `roundrobin`: all partitions of all topics in turn.

use std::collections::BTreeSet;

use crate::protocol::assignor::member::{Assignment, Member, Topics, nothing, places};

/// Deals all partitions, by topic and number, to the members in order; one that does not subscribe
/// to the topic is passed over.
///
/// # Source
///
/// Kafka 4.0, `RoundRobinAssignor`.
pub(crate) fn assign(topics: &Topics, members: &[Member]) -> Assignment {
    let mut assignment = nothing(members);
    let mut dealt_to: Vec<_> = members.iter().collect();
    dealt_to.sort_by(|a, b| a.order(b));
    let subscribed: BTreeSet<_> = members.iter().flat_map(|member| &member.topics).collect();
    let mut next = 0;
    for place in places(topics, subscribed) {
        let reads = |nth: &usize| dealt_to[nth % dealt_to.len()].topics.contains(&place.0);
        let Some(nth) = (next..next + dealt_to.len()).find(reads) else { continue };
        let nth = nth % dealt_to.len();
        assignment.entry(dealt_to[nth].id.clone()).or_default().push(place);
        next = nth + 1;
    }
    assignment
}
