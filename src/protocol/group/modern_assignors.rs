//! The assignors of KIP-848 that a coordinator has: uniform and range.
//!
//! Source: Kafka 4.1, `UniformAssignor`, `UniformHomogeneousAssignmentBuilder`, `RangeAssignor`.

use std::collections::{BTreeMap, BTreeSet};

use crate::message::Assigned;
use crate::types::{Name, PartitionIndex, TopicId, TopicPartition};

/// A member as assignors see it.
#[derive(Clone, Debug)]
pub(crate) struct Subscriber {
    pub(crate) instance: Option<Name>,
    pub(crate) topics: BTreeSet<TopicId>,
    /// What it was to own until now.
    pub(crate) target: Assigned,
}

/// Members by id.
pub(crate) type Subscribers = BTreeMap<Name, Subscriber>;

/// What each member shall own; `partitions` says how many each topic has.
pub(crate) fn assign(
    assignor: &str,
    members: &Subscribers,
    partitions: &BTreeMap<TopicId, i32>,
) -> BTreeMap<Name, Assigned> {
    let mut members = members.clone();
    for member in members.values_mut() {
        // Topics that are gone cannot be assigned.
        member.topics.retain(|topic| partitions.contains_key(topic));
    }
    let first = members.values().next().map(|member| member.topics.clone());
    let is_uniform = members.values().all(|member| Some(&member.topics) == first.as_ref());
    if assignor == "range" {
        range(&members, partitions)
    } else if is_uniform {
        uniform(&members, partitions)
    } else {
        uniform_of_unlike(&members, partitions)
    }
}

fn all_of(topic_id: TopicId, partitions: &BTreeMap<TopicId, i32>) -> Vec<TopicPartition> {
    let count = partitions.get(&topic_id).copied().unwrap_or(0);
    let all = (0..count).map(PartitionIndex);
    all.map(|partition| TopicPartition { topic_id, partition }).collect()
}

/// All subscribe to the same: each keeps what it has up to its share, the rest fills up whoever
/// has less.
fn uniform(members: &Subscribers, partitions: &BTreeMap<TopicId, i32>) -> BTreeMap<Name, Assigned> {
    let topics = members.values().next().map(|member| member.topics.clone()).unwrap_or_default();
    let all: BTreeSet<_> = topics.iter().flat_map(|topic| all_of(*topic, partitions)).collect();
    let count = members.len().max(1);
    let (least, mut extra) = (all.len() / count, all.len() % count);
    let mut free = all.clone();
    let mut kept: BTreeMap<Name, Assigned> = BTreeMap::new();
    let mut room = Vec::new();
    for (id, member) in members {
        let mut quota = least;
        if extra > 0 {
            extra -= 1;
            quota += 1;
        }
        // Of what two were to own, as after a fault of bookkeeping, the first keeps it.
        let keeps: Assigned =
            member.target.iter().filter(|each| free.contains(*each)).take(quota).copied().collect();
        free.retain(|each| !keeps.contains(each));
        room.push((id.clone(), quota - keeps.len()));
        kept.insert(id.clone(), keeps);
    }
    // What nobody was to own comes first, then what each gives up.
    let targets = || members.values().flat_map(|member| member.target.iter().copied());
    let known: BTreeSet<TopicPartition> = targets().collect();
    let mut rest: Vec<_> = free.difference(&known).copied().collect();
    rest.extend(targets().filter(|each| free.remove(each)));
    let mut rest = rest.into_iter();
    for (id, quota) in room {
        let takes = rest.by_ref().take(quota);
        kept.entry(id).or_default().extend(takes);
    }
    kept
}

/// Members subscribe to different topics: each keeps what it may, the rest goes to whoever has
/// least, and then partitions move while that evens out.
///
/// Differs from Kafka: `UniformHeterogeneousAssignmentBuilder` breaks ties in another order.
fn uniform_of_unlike(
    members: &Subscribers,
    partitions: &BTreeMap<TopicId, i32>,
) -> BTreeMap<Name, Assigned> {
    let topics: BTreeSet<TopicId> =
        members.values().flat_map(|member| member.topics.iter().copied()).collect();
    let mut free: BTreeSet<_> =
        topics.iter().flat_map(|topic| all_of(*topic, partitions)).collect();
    let mut owned: BTreeMap<Name, Assigned> = BTreeMap::new();
    for (id, member) in members {
        let may = |each: &&TopicPartition| member.topics.contains(&each.topic_id);
        let keeps: Assigned =
            member.target.iter().filter(may).filter(|each| free.contains(*each)).copied().collect();
        free.retain(|each| !keeps.contains(each));
        owned.insert(id.clone(), keeps);
    }
    let takers = |topic: TopicId| {
        members.iter().filter(move |(_, member)| member.topics.contains(&topic)).map(|(id, _)| id)
    };
    let mut rest: Vec<_> = free.into_iter().collect();
    rest.sort_by_key(|each| (takers(each.topic_id).count(), *each));
    for partition in rest {
        let least = takers(partition.topic_id).min_by_key(|id| (owned[*id].len(), *id));
        if let Some(least) = least {
            owned.entry(least.clone()).or_default().insert(partition);
        }
    }
    // Every move makes two loads more alike, so it ends.
    while let Some((from, to, partition)) = uneven(&owned, takers) {
        owned.entry(from).or_default().remove(&partition);
        owned.entry(to).or_default().insert(partition);
    }
    owned
}

/// A partition whose owner has at least two more than another who could have it.
fn uneven<'a, T: Iterator<Item = &'a Name>>(
    owned: &BTreeMap<Name, Assigned>,
    takers: impl Fn(TopicId) -> T,
) -> Option<(Name, Name, TopicPartition)> {
    owned.iter().find_map(|(from, partitions)| {
        partitions.iter().find_map(|partition| {
            let least = takers(partition.topic_id).min_by_key(|id| (owned[*id].len(), *id))?;
            (owned[least].len() + 2 <= partitions.len())
                .then(|| (from.clone(), least.clone(), *partition))
        })
    })
}

/// Of each topic, ranges: co-partitioned topics meet at one member. Static members come first, by
/// instance id.
fn range(members: &Subscribers, partitions: &BTreeMap<TopicId, i32>) -> BTreeMap<Name, Assigned> {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by_key(|(id, member)| {
        (member.instance.is_none(), member.instance.clone().unwrap_or_else(|| (*id).clone()))
    });
    let mut assigned: BTreeMap<Name, Assigned> =
        members.keys().map(|id| (id.clone(), Assigned::new())).collect();
    for topic in partitions.keys() {
        let takers: Vec<_> =
            sorted.iter().filter(|(_, member)| member.topics.contains(topic)).collect();
        let all = all_of(*topic, partitions);
        let count = takers.len().max(1);
        let (least, extra) = (all.len() / count, all.len() % count);
        let mut rest = all.into_iter();
        for (place, (id, _)) in takers.into_iter().enumerate() {
            let quota = least + usize::from(place < extra);
            assigned.entry((*id).clone()).or_default().extend(rest.by_ref().take(quota));
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TopicId = TopicId(1);
    const B: TopicId = TopicId(2);

    fn member(topics: &[TopicId], target: &[(TopicId, i32)]) -> Subscriber {
        let target = target.iter().map(|(topic, index)| TopicPartition::new(*topic, *index));
        Subscriber {
            instance: None,
            topics: topics.iter().copied().collect(),
            target: target.collect(),
        }
    }

    fn shown(assigned: &BTreeMap<Name, Assigned>) -> Vec<(String, Vec<(u128, i32)>)> {
        let each = |each: &TopicPartition| ({ each.topic_id.0 }, each.partition.0);
        let members = assigned.iter();
        members.map(|(id, all)| (id.to_string(), all.iter().map(each).collect())).collect()
    }

    fn members(list: Vec<(&str, Subscriber)>) -> Subscribers {
        list.into_iter().map(|(id, member)| (id.into(), member)).collect()
    }

    /// Kafka's `UniformHomogeneousAssignmentBuilderTest`,
    /// `testReassignmentForTwoMembersTwoTopicsGivenUnbalancedPrevAssignment`.
    #[test]
    fn uniform_keeps_what_it_can_and_is_even() {
        let all = members(vec![
            ("a", member(&[A, B], &[(A, 0), (A, 1), (B, 0), (B, 1)])),
            ("b", member(&[A, B], &[(A, 2), (B, 2)])),
        ]);
        let assigned = assign("uniform", &all, &[(A, 3), (B, 3)].into());
        assert_eq!(
            shown(&assigned),
            [
                ("a".to_owned(), vec![(1, 0), (1, 1), (2, 0)]),
                ("b".to_owned(), vec![(1, 2), (2, 1), (2, 2)]),
            ]
        );
    }

    /// `UniformHomogeneousAssignmentBuilder`: what is revoked is dealt last.
    #[test]
    fn uniform_deals_new_partitions_before_those_given_up() {
        let all = members(vec![
            ("a", member(&[A], &[(A, 0), (A, 1), (A, 2)])),
            ("b", member(&[A], &[(A, 3)])),
            ("c", member(&[A], &[])),
        ]);
        let assigned = assign("uniform", &all, &[(A, 6)].into());
        assert_eq!(
            shown(&assigned),
            [
                ("a".to_owned(), vec![(1, 0), (1, 1)]),
                ("b".to_owned(), vec![(1, 3), (1, 4)]),
                ("c".to_owned(), vec![(1, 2), (1, 5)]),
            ]
        );
    }

    #[test]
    fn range_gives_the_first_the_larger_pieces() {
        let all = members(vec![
            ("a", member(&[A, B], &[])),
            ("b", member(&[A, B], &[])),
            ("c", member(&[B], &[])),
        ]);
        let assigned = assign("range", &all, &[(A, 3), (B, 3)].into());
        assert_eq!(
            shown(&assigned),
            [
                ("a".to_owned(), vec![(1, 0), (1, 1), (2, 0)]),
                ("b".to_owned(), vec![(1, 2), (2, 1)]),
                ("c".to_owned(), vec![(2, 2)]),
            ]
        );
    }

    #[test]
    fn unlike_members_are_even_as_far_as_their_topics_go() {
        let all = members(vec![
            ("a", member(&[A], &[(A, 0), (A, 1), (A, 2), (A, 3)])),
            ("b", member(&[A, B], &[])),
            ("c", member(&[B], &[])),
        ]);
        let assigned = assign("uniform", &all, &[(A, 4), (B, 2)].into());
        // Two that share a topic differ by one at most.
        assert_eq!(assigned.values().map(Assigned::len).collect::<Vec<_>>(), [3, 2, 1]);
        let gone = assign("uniform", &all, &[(A, 4)].into());
        assert_eq!(gone.values().map(Assigned::len).collect::<Vec<_>>(), [2, 2, 0]);
    }
}
