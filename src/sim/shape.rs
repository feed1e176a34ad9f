//! Networks that fall apart in a certain way: who stands where, and who does not hear whom.

use std::collections::BTreeSet;

use crate::scenario::Shape;
use crate::types::{HostId, Rng};

/// The hosts in groups, drawn. Those of halves stand beside each other, the bridge between them; a
/// ring is one group in the order of the ring.
pub(crate) fn draw(shape: Shape, hosts: &[HostId], rng: &mut Rng) -> Vec<Vec<HostId>> {
    let hosts: BTreeSet<HostId> = hosts.iter().copied().collect();
    let mut hosts: Vec<HostId> = hosts.into_iter().collect();
    for at in (1..hosts.len()).rev() {
        let other = usize::try_from(rng.below(at as u64 + 1)).expect("an index");
        hosts.swap(at, other);
    }
    let sorted = |hosts: &[HostId]| {
        let mut group = hosts.to_vec();
        group.sort_unstable();
        group
    };
    let half = hosts.len().div_ceil(2);
    match shape {
        Shape::Halves | Shape::OneWay => vec![sorted(&hosts[..half]), sorted(&hosts[half..])],
        Shape::One => vec![sorted(&hosts[..1]), sorted(&hosts[1..])],
        Shape::Bridge => {
            let (between, rest) = hosts.split_at(1);
            let half = rest.len().div_ceil(2);
            vec![sorted(&rest[..half]), between.to_vec(), sorted(&rest[half..])]
        }
        Shape::Ring => vec![hosts],
    }
}

/// How many hosts each hears in a ring of `hosts`, itself included: the least majority that is as
/// wide to the left as to the right.
pub(crate) fn heard_in_ring(hosts: usize) -> usize {
    let majority = hosts / 2 + 1;
    2 * (majority / 2) + 1
}

/// The links that are cut, from whom to whom.
pub(crate) fn cuts(shape: Shape, groups: &[Vec<HostId>]) -> Vec<(HostId, HostId)> {
    let mut cuts = Vec::new();
    let mut between = |from: &[HostId], to: &[HostId]| {
        from.iter().for_each(|from| cuts.extend(to.iter().map(|to| (*from, *to))));
    };
    match (shape, groups) {
        (Shape::Halves | Shape::One, [one, other]) | (Shape::Bridge, [one, _, other]) => {
            between(one, other);
            between(other, one);
        }
        (Shape::OneWay, [one, other]) => between(one, other),
        (Shape::Ring, [ring]) => {
            let near = heard_in_ring(ring.len()) / 2;
            for (at, one) in ring.iter().enumerate() {
                for (place, other) in ring.iter().enumerate() {
                    let apart = at.abs_diff(place);
                    if apart.min(ring.len() - apart) > near {
                        between(&[*one], &[*other]);
                    }
                }
            }
        }
        _ => unreachable!("groups are drawn for the shape"),
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(count: u16) -> Vec<HostId> {
        (0..count).map(HostId).collect()
    }

    fn drawn(shape: Shape, count: u16, seed: u64) -> Vec<Vec<HostId>> {
        draw(shape, &hosts(count), &mut Rng::named(seed, "shape", &[]))
    }

    /// Whom `host` hears, itself included.
    fn heard(host: HostId, count: u16, cuts: &[(HostId, HostId)]) -> BTreeSet<HostId> {
        hosts(count).into_iter().filter(|from| !cuts.contains(&(*from, host))).collect()
    }

    #[test]
    fn everybody_stands_somewhere_once_and_seeds_differ() {
        for shape in Shape::ALL {
            for count in 4..9 {
                let mut all: Vec<_> = drawn(shape, count, 3).concat();
                all.sort_unstable();
                assert_eq!(all, hosts(count), "{shape:?}");
            }
            let different: BTreeSet<_> = (0..20).map(|seed| drawn(shape, 6, seed)).collect();
            assert!(different.len() > 4, "{shape:?}: {}", different.len());
        }
    }

    #[test]
    fn halves_hear_themselves_and_the_bridge_hears_all() {
        let groups = drawn(Shape::Halves, 7, 1);
        assert_eq!((groups[0].len(), groups[1].len()), (4, 3));
        let cut = cuts(Shape::Halves, &groups);
        for group in &groups {
            for host in group {
                assert_eq!(heard(*host, 7, &cut), group.iter().copied().collect());
            }
        }
        let groups = drawn(Shape::Bridge, 6, 1);
        let cut = cuts(Shape::Bridge, &groups);
        assert_eq!(heard(groups[1][0], 6, &cut).len(), 6);
        for host in &groups[0] {
            let mine = groups[0].iter().chain(&groups[1]).copied().collect();
            assert_eq!(heard(*host, 6, &cut), mine);
        }
    }

    #[test]
    fn one_way_is_deaf_on_one_side_only() {
        let groups = drawn(Shape::OneWay, 5, 2);
        let cut = cuts(Shape::OneWay, &groups);
        assert!(groups[0].iter().all(|host| heard(*host, 5, &cut).len() == 5));
        assert!(groups[1].iter().all(|host| heard(*host, 5, &cut).len() == 2));
    }

    #[test]
    fn in_a_ring_each_hears_a_majority_and_no_two_the_same() {
        for count in 4..12 {
            let ring = drawn(Shape::Ring, count, 5);
            let cut = cuts(Shape::Ring, &ring);
            assert!(cut.iter().all(|(from, to)| cut.contains(&(*to, *from))), "both ways");
            assert!(!cut.is_empty());
            let views: Vec<_> = hosts(count).iter().map(|host| heard(*host, count, &cut)).collect();
            for view in &views {
                assert!(view.len() * 2 > usize::from(count));
                assert_eq!(view.len(), heard_in_ring(usize::from(count)));
            }
            let different: BTreeSet<_> = views.iter().collect();
            assert_eq!(different.len(), views.len(), "{count}");
        }
    }
}
