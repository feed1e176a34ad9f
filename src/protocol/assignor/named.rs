//! The assignors by name.

use crate::protocol::assignor::cooperative::assign as cooperative;
use crate::protocol::assignor::member::{Assignment, Member, Topics};
use crate::protocol::assignor::range::assign as range;
use crate::protocol::assignor::round_robin::assign as round_robin;
use crate::protocol::assignor::sticky::assign as sticky;

/// What a member may keep while its group rebalances (KIP-429).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RebalanceProtocol {
    /// Nothing: it gives everything up before it joins.
    Eager,
    /// What it owns, until it is assigned to somebody else.
    Cooperative,
}

/// An assignor that comes with Kafka's consumer: a value of `partition.assignment.strategy`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Assignor {
    /// `range`: of each topic, consecutive partitions.
    Range,
    /// `roundrobin`: all partitions in turn.
    RoundRobin,
    /// `sticky`: balanced, and as little movement as that allows.
    Sticky,
    /// `cooperative-sticky`: the same, and a partition moves only when its owner has given it up.
    CooperativeSticky,
}

impl Assignor {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Range, Self::RoundRobin, Self::Sticky, Self::CooperativeSticky];

    /// The name under which members offer it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The assignor called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// The rebalance protocols that it can do.
    pub fn protocols(self) -> &'static [RebalanceProtocol] {
        match self {
            Self::Range | Self::RoundRobin | Self::Sticky => &[RebalanceProtocol::Eager],
            Self::CooperativeSticky => &[RebalanceProtocol::Cooperative, RebalanceProtocol::Eager],
        }
    }

    /// Whether it looks at what members owned in an earlier generation, which they then send as
    /// user data.
    pub fn remembers(self) -> bool {
        match self {
            Self::Sticky => true,
            Self::Range | Self::RoundRobin | Self::CooperativeSticky => false,
        }
    }

    /// Gives each of `members` partitions of those of `topics` that they subscribe to.
    /// `trusts_claims` is a defect: what a member says that it owns is taken for true, however old
    /// its generation (KAFKA-12984).
    pub fn assign(self, topics: &Topics, members: &[Member], trusts_claims: bool) -> Assignment {
        let is_wanted = |topic| members.iter().any(|member| member.topics.contains(topic));
        let topics = topics.iter().filter(|(topic, _)| is_wanted(*topic));
        let topics = topics.map(|(topic, count)| (topic.clone(), *count)).collect();
        match self {
            Self::Range => range(&topics, members),
            Self::RoundRobin => round_robin(&topics, members),
            Self::Sticky => sticky(&topics, members, trusts_claims).assignment,
            Self::CooperativeSticky => cooperative(&topics, members, trusts_claims),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::protocol::assignor::member::Place;
    use crate::types::Name;

    fn topics(counts: &[(&str, i32)]) -> Topics {
        counts.iter().map(|(topic, count)| (Name::from(*topic), *count)).collect()
    }

    fn place(text: &str) -> Place {
        let (topic, number) = text.rsplit_once('p').unwrap();
        (Name::from(topic), number.parse().unwrap())
    }

    /// `t0p0 t0p1`.
    fn all(text: &str) -> Vec<Place> {
        text.split_whitespace().map(place).collect()
    }

    fn member(id: &str, topics: &str, owned: &str, generation: i32) -> Member {
        Member {
            id: Name::from(id),
            instance: None,
            topics: topics.split_whitespace().map(Name::from).collect(),
            owned: all(owned),
            generation: Some(generation).filter(|generation| *generation >= 0),
        }
    }

    fn new(id: &str, topics: &str) -> Member {
        member(id, topics, "", -1)
    }

    /// `C0: t0p0 t0p1; C1: t0p2`, each in the order given.
    fn shown(assignment: &Assignment) -> String {
        let own = |(id, own): (&Name, &Vec<Place>)| {
            let own: Vec<_> =
                own.iter().map(|(topic, number)| format!("{topic}p{number}")).collect();
            format!("{id}: {}", own.join(" "))
        };
        assignment.iter().map(own).collect::<Vec<_>>().join("; ")
    }

    /// The same with every member's partitions in order.
    fn sorted(mut assignment: Assignment) -> String {
        assignment.values_mut().for_each(|own| own.sort());
        shown(&assignment)
    }

    /// The second round: everybody says what he was given in `generation`.
    fn rejoined(members: &[Member], assignment: &Assignment, generation: i32) -> Vec<Member> {
        let joins = |member: &Member| Member {
            owned: assignment.get(&member.id).cloned().unwrap_or_default(),
            generation: Some(generation),
            ..member.clone()
        };
        members.iter().map(joins).collect()
    }

    /// The examples of Kafka's javadoc of `RangeAssignor`, the second with instance ids.
    #[test]
    fn range_gives_consecutive_partitions_topic_by_topic() {
        let (two, assign) = (topics(&[("t0", 3), ("t1", 3)]), Assignor::Range);
        let members = [new("C1", "t0 t1"), new("C0", "t0 t1")];
        let given = assign.assign(&two, &members, false);
        assert_eq!(shown(&given), "C0: t0p0 t0p1 t1p0 t1p1; C1: t0p2 t1p2");
        let fixed =
            |id, instance| Member { instance: Some(Name::from(instance)), ..new(id, "t0 t1") };
        let members = [fixed("C0", "I2"), fixed("C1", "I1"), new("A", "t0 t1")];
        let given = assign.assign(&two, &members, false);
        assert_eq!(shown(&given), "A: t0p2 t1p2; C0: t0p1 t1p1; C1: t0p0 t1p0");
        let uneven = topics(&[("t0", 7), ("t1", 1), ("t2", 0)]);
        let members = [new("a", "t0 t2"), new("b", "t0 t1"), new("c", "t1 none")];
        let given = assign.assign(&uneven, &members, false);
        assert_eq!(shown(&given), "a: t0p0 t0p1 t0p2 t0p3; b: t0p4 t0p5 t0p6 t1p0; c: ");
    }

    /// The examples of Kafka's javadoc of `RoundRobinAssignor`.
    #[test]
    fn round_robin_deals_all_partitions_in_turn() {
        let assign = |topics: &Topics, members: &[Member]| {
            shown(&Assignor::RoundRobin.assign(topics, members, false))
        };
        let equal = [new("C0", "t0 t1"), new("C1", "t0 t1")];
        let given = assign(&topics(&[("t0", 3), ("t1", 3)]), &equal);
        assert_eq!(given, "C0: t0p0 t0p2 t1p1; C1: t0p1 t1p0 t1p2");
        let three = topics(&[("t0", 1), ("t1", 2), ("t2", 3)]);
        let different = [new("C0", "t0"), new("C1", "t0 t1"), new("C2", "t0 t1 t2")];
        let given = assign(&three, &different);
        assert_eq!(given, "C0: t0p0; C1: t1p0; C2: t1p1 t2p0 t2p1 t2p2");
        assert_eq!(assign(&three, &different[1..]), "C1: t0p0 t1p1; C2: t1p0 t2p0 t2p1 t2p2");
        assert_eq!(assign(&three, &[]), "");
    }

    /// The two examples of KIP-54 and of Kafka's javadoc of `StickyAssignor`. Of what C1 leaves
    /// they give t2p0 to C0; the algorithm for equal subscriptions (since 2.4) gives it t0p1.
    #[test]
    fn sticky_keeps_what_round_robin_would_move() {
        let four = topics(&[("t0", 2), ("t1", 2), ("t2", 2), ("t3", 2)]);
        let members = ["C0", "C1", "C2"].map(|id| new(id, "t0 t1 t2 t3"));
        let first = Assignor::Sticky.assign(&four, &members, false);
        assert_eq!(sorted(first.clone()), "C0: t0p0 t1p1 t3p0; C1: t0p1 t2p0 t3p1; C2: t1p0 t2p1");
        let left = rejoined(&[members[0].clone(), members[2].clone()], &first, 1);
        let second = Assignor::Sticky.assign(&four, &left, false);
        assert_eq!(sorted(second), "C0: t0p0 t0p1 t1p1 t3p0; C2: t1p0 t2p0 t2p1 t3p1");

        let three = topics(&[("t0", 1), ("t1", 2), ("t2", 3)]);
        let different = [new("C0", "t0"), new("C1", "t0 t1"), new("C2", "t0 t1 t2")];
        let first = Assignor::Sticky.assign(&three, &different, false);
        assert_eq!(sorted(first.clone()), "C0: t0p0; C1: t1p0 t1p1; C2: t2p0 t2p1 t2p2");
        let left = rejoined(&different[1..], &first, 1);
        let second = Assignor::Sticky.assign(&three, &left, false);
        assert_eq!(sorted(second), "C1: t0p0 t1p0 t1p1; C2: t2p0 t2p1 t2p2");
    }

    /// Kafka 4.0, `AbstractStickyAssignorTest.testAddRemoveConsumerOneTopic` and
    /// `CooperativeStickyAssignorTest`: the moved partition comes a generation later.
    #[test]
    fn cooperative_waits_until_a_partition_is_given_up() {
        let topic = topics(&[("t", 3)]);
        let members = [member("c1", "t", "tp0 tp1 tp2", 1), member("c2", "t", "", 1)];
        let sticky = Assignor::Sticky.assign(&topic, &members, false);
        assert_eq!(shown(&sticky), "c1: tp0 tp1; c2: tp2");
        let first = Assignor::CooperativeSticky.assign(&topic, &members, false);
        assert_eq!(shown(&first), "c1: tp0 tp1; c2: ");
        let second = rejoined(&members, &first, 2);
        let second = Assignor::CooperativeSticky.assign(&topic, &second, false);
        assert_eq!(shown(&second), "c1: tp0 tp1; c2: tp2");
        // With different subscriptions what moves is found by comparing.
        let two = topics(&[("t", 3), ("u", 1)]);
        let members = [member("c1", "t u", "tp0 tp1 tp2", 1), member("c2", "t", "", 1)];
        let first = Assignor::CooperativeSticky.assign(&two, &members, false);
        assert_eq!(first.values().flatten().count(), 2, "{first:?}");
    }

    /// Kafka 4.0, `StickyAssignorTest` and `CooperativeStickyAssignorTest`,
    /// `testAllConsumersHaveOwnedPartitionInvalidatedWhenClaimedByMultipleConsumersInSame...`.
    #[test]
    fn of_two_claims_in_one_generation_none_counts() {
        let members = |a: &str, b: &str| {
            [member("c1", "t", a, 1), member("c2", "t", b, 1), member("c3", "t", "", 1)]
        };
        let members = members("tp0 tp1", "tp0 tp2");
        let three = topics(&[("t", 3)]);
        let given = Assignor::Sticky.assign(&three, &members, false);
        assert_eq!(shown(&given), "c1: tp1; c2: tp2; c3: tp0");
        let given = Assignor::CooperativeSticky.assign(&three, &members, false);
        assert_eq!(shown(&given), "c1: tp1; c2: tp2; c3: ");
        let given = Assignor::Sticky.assign(&topics(&[("t", 4)]), &members, false);
        assert_eq!(shown(&given), "c1: tp1 tp3; c2: tp2; c3: tp0");
    }

    /// KAFKA-12984, KAFKA-14639: of two claims that of the later generation counts; a leader that
    /// trusts both gives a partition to two members.
    #[test]
    fn a_claim_of_an_older_generation_does_not_count() {
        let topic = topics(&[("t", 4)]);
        let members = [member("c1", "t", "tp0 tp1", 1), member("c2", "t", "tp0 tp2 tp3", 2)];
        let given = Assignor::CooperativeSticky.assign(&topic, &members, false);
        assert_eq!(shown(&given), "c1: tp1; c2: tp0 tp2");
        let members = [member("c1", "t", "tp0 tp1", 1), member("c2", "t", "tp0 tp2", 2)];
        let given = Assignor::CooperativeSticky.assign(&topic, &members, true);
        assert_eq!(given.values().flatten().filter(|owned| **owned == place("tp0")).count(), 2);
    }

    /// Kafka 4.0, `StickyAssignorTest.testAssignmentWithConflictingPreviousGenerations`.
    #[test]
    fn conflicting_generations_end_balanced_with_the_later_owners() {
        let three = topics(&[("t", 4), ("u", 4), ("v", 4)]);
        for equal in [true, false] {
            let (first, second) = if equal { ("t u v", "t u v") } else { ("t", "t u") };
            let c1 = if equal { "tp0 tp1 tp2 up2 up3 vp0" } else { "tp0 tp1 tp2 tp3" };
            let members = [
                member("c1", first, c1, 1),
                member("c2", second, "tp0 tp1 up0 up1 up2 up3", 2),
                member("c3", "t u v", "tp2 tp3 vp0 vp1 vp2 vp3", 2),
            ];
            let given = Assignor::Sticky.assign(&three, &members, false);
            for (id, own) in &given {
                let owned = &members.iter().find(|member| member.id == *id).unwrap().owned;
                assert_eq!(own.len(), 4, "{given:?}");
                assert!(id.as_str() == "c1" || own.iter().all(|place| owned.contains(place)));
            }
        }
    }

    /// A group whose members come and go: who subscribes to what, over several rounds.
    #[derive(Clone, Debug)]
    struct Story {
        counts: Vec<i32>,
        /// Each round: the members that are there, and the topics of each as a bit set.
        rounds: Vec<BTreeMap<u8, u8>>,
    }

    fn story() -> impl Strategy<Value = Story> {
        let round = prop::collection::btree_map(0_u8..8, 1_u8..16, 1..8);
        let equal = prop::collection::btree_set(0_u8..8, 1..8)
            .prop_map(|ids| ids.into_iter().map(|id| (id, 15)).collect());
        let rounds =
            prop_oneof![prop::collection::vec(round, 1..5), prop::collection::vec(equal, 1..5),];
        (prop::collection::vec(0_i32..9, 4), rounds)
            .prop_map(|(counts, rounds)| Story { counts, rounds })
    }

    fn members_of(round: &BTreeMap<u8, u8>) -> Vec<Member> {
        let of = |(id, bits): (&u8, &u8)| Member {
            id: Name::from(format!("m{id}")),
            instance: None,
            topics: (0..4).filter(|t| bits >> t & 1 == 1).map(|t| format!("t{t}").into()).collect(),
            owned: Vec::new(),
            generation: None,
        };
        round.iter().map(of).collect()
    }

    fn given(members: &[Member], assignment: &Assignment) -> Vec<(Name, Place)> {
        let ids: BTreeSet<_> = members.iter().map(|member| &member.id).collect();
        assert_eq!(assignment.keys().collect::<BTreeSet<_>>(), ids, "everybody has an entry");
        let own = |(id, own): (&Name, &Vec<Place>)| {
            own.iter().map(|place| (id.clone(), place.clone())).collect::<Vec<_>>()
        };
        assignment.iter().flat_map(own).collect()
    }

    /// Only what is subscribed to, nothing twice; and everything that somebody subscribes to, but
    /// for what is on its way from one member to another.
    fn assert_legal(topics: &Topics, members: &[Member], assignment: &Assignment, whole: bool) {
        let given = given(members, assignment);
        let reads = |id: &Name, topic: &Name| {
            members.iter().any(|member| member.id == *id && member.topics.contains(topic))
        };
        assert!(given.iter().all(|(id, place)| reads(id, &place.0)), "{assignment:?}");
        let places: BTreeSet<_> = given.iter().map(|(_, place)| place.clone()).collect();
        assert_eq!(places.len(), given.len(), "nothing twice: {assignment:?}");
        let wanted: BTreeSet<Place> = topics
            .iter()
            .filter(|(topic, _)| members.iter().any(|member| member.topics.contains(*topic)))
            .flat_map(|(topic, count)| (0..*count).map(move |n| (topic.clone(), n)))
            .collect();
        assert!(places.is_subset(&wanted));
        assert!(!whole || places == wanted, "{wanted:?} {assignment:?}");
    }

    /// No partition could go to a member that has at least two fewer than its owner.
    fn assert_balanced(members: &[Member], assignment: &Assignment) {
        for (owner, own) in assignment {
            for place in own {
                let smaller = members.iter().find(|member| {
                    member.topics.contains(&place.0) && assignment[&member.id].len() + 1 < own.len()
                });
                assert!(smaller.is_none(), "{place:?} of {owner} to {smaller:?}: {assignment:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn every_assignor_is_legal(story in story()) {
            let topics: Topics =
                (0..).zip(&story.counts).map(|(t, n)| (format!("t{t}").into(), *n)).collect();
            for assignor in Assignor::ALL {
                let mut before = Assignment::new();
                for (generation, round) in (1..).zip(&story.rounds) {
                    let members = rejoined(&members_of(round), &before, generation);
                    let assignment = assignor.assign(&topics, &members, false);
                    let whole = assignor != Assignor::CooperativeSticky;
                    assert_legal(&topics, &members, &assignment, whole);
                    before = assignment;
                }
            }
        }

        /// Range differs by at most one topic by topic, the sticky ones over all.
        #[test]
        fn range_and_sticky_are_balanced(story in story()) {
            let topics: Topics =
                (0..).zip(&story.counts).map(|(t, n)| (format!("t{t}").into(), *n)).collect();
            let mut before = Assignment::new();
            for (generation, round) in (1..).zip(&story.rounds) {
                let members = rejoined(&members_of(round), &before, generation);
                let sticky = Assignor::Sticky.assign(&topics, &members, false);
                assert_balanced(&members, &sticky);
                before = sticky;
                let range = Assignor::Range.assign(&topics, &members, false);
                for topic in topics.keys() {
                    let own = |id: &Name| range[id].iter().filter(|p| p.0 == *topic).count();
                    let readers = members.iter().filter(|member| member.topics.contains(topic));
                    let sizes: Vec<_> = readers.map(|member| own(&member.id)).collect();
                    let spread = sizes.iter().max().zip(sizes.iter().min());
                    assert!(spread.is_none_or(|(most, least)| most - least <= 1), "{sizes:?}");
                }
            }
        }

        /// With equal subscriptions no more moves than the shares ask for: what a member owned
        /// and may keep by its share, it keeps.
        #[test]
        fn sticky_moves_no_more_than_it_must(
            count in 0_i32..40,
            first in prop::collection::btree_set(0_u8..9, 1..9),
            second in prop::collection::btree_set(0_u8..9, 1..9),
        ) {
            let topics = topics(&[("t", count)]);
            let join = |ids: &BTreeSet<u8>| -> Vec<Member> {
                ids.iter().map(|id| new(&format!("m{id}"), "t")).collect()
            };
            let before = Assignor::Sticky.assign(&topics, &join(&first), false);
            let members = rejoined(&join(&second), &before, 1);
            let after = Assignor::Sticky.assign(&topics, &members, false);
            // By definition: everybody may keep the least share, and as many as get one more may
            // keep one more.
            let least = usize::try_from(count).unwrap() / members.len();
            let mut more = usize::try_from(count).unwrap() % members.len();
            let mut keepable = 0;
            for member in &members {
                keepable += member.owned.len().min(least);
                if member.owned.len() > least && more > 0 {
                    keepable += 1;
                    more -= 1;
                }
            }
            let kept = members
                .iter()
                .map(|m| after[&m.id].iter().filter(|place| m.owned.contains(place)).count());
            prop_assert_eq!(kept.sum::<usize>(), keepable);
        }

        /// A cooperative group joins again while a member has to give something up. It comes to an
        /// end, with everything given; with equal subscriptions after two rounds. In no round is a
        /// partition given to anybody while another still owns it.
        #[test]
        fn cooperative_converges_without_two_owners(story in story()) {
            let topics: Topics =
                (0..).zip(&story.counts).map(|(t, n)| (format!("t{t}").into(), *n)).collect();
            let (mut before, mut generation) = (Assignment::new(), 0);
            for round in &story.rounds {
                let equal = round.values().all(|bits| bits == round.values().next().unwrap());
                let rounds_max = if equal { 2 } else { 8 };
                let mut is_over = false;
                for _ in 0..rounds_max {
                    generation += 1;
                    let members = rejoined(&members_of(round), &before, generation);
                    let after = Assignor::CooperativeSticky.assign(&topics, &members, false);
                    for (id, place) in given(&members, &after) {
                        let owner = members.iter().find(|member| member.owned.contains(&place));
                        prop_assert!(owner.is_none_or(|owner| owner.id == id), "{:?}", after);
                    }
                    let keeps = |member: &Member| {
                        member.owned.iter().all(|place| after[&member.id].contains(place))
                    };
                    is_over = members.iter().all(keeps);
                    if is_over {
                        assert_legal(&topics, &members, &after, true);
                        break;
                    }
                    before = after;
                }
                prop_assert!(is_over, "still moving: {:?}", before);
            }
        }
    }
}
