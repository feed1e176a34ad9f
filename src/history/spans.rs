//! A set of offsets, kept as the stretches that it is made of.

use std::collections::BTreeMap;

/// Offsets; neighbours are one stretch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spans {
    /// By the first offset: the end, exclusive.
    stretches: BTreeMap<i64, i64>,
}

impl Spans {
    /// Adds `count` offsets from `start` on; says how many of them were there already.
    pub fn add(&mut self, start: i64, count: u64) -> u64 {
        let end = start.saturating_add_unsigned(count);
        let (mut first, mut last) = (start, end);
        let mut known = 0;
        // The first that may touch it begins before it.
        let before = self.stretches.range(..=start).next_back().map(|(first, _)| *first);
        let from = before.unwrap_or(start);
        let touching: Vec<(i64, i64)> = self
            .stretches
            .range(from..=end)
            .map(|(first, last)| (*first, *last))
            .filter(|(_, last)| *last >= start)
            .collect();
        for (its_first, its_last) in touching {
            known += its_last.min(end).saturating_sub(its_first.max(start)).max(0).unsigned_abs();
            (first, last) = (first.min(its_first), last.max(its_last));
            self.stretches.remove(&its_first);
        }
        if first < last {
            self.stretches.insert(first, last);
        }
        known
    }

    /// Whether `offset` is in it.
    pub fn contains(&self, offset: i64) -> bool {
        let stretch = self.stretches.range(..=offset).next_back();
        stretch.is_some_and(|(_, end)| offset < *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_set_of_single_offsets_says_the_same(
            adds in prop::collection::vec((0_i64..60, 0_u64..12), 0..40),
        ) {
            let (mut spans, mut single) = (Spans::default(), BTreeSet::new());
            for (start, count) in adds {
                let new: Vec<i64> = (start..start + count.cast_signed()).collect();
                let known = new.iter().filter(|offset| single.contains(*offset)).count();
                single.extend(new);
                prop_assert_eq!(spans.add(start, count), known as u64);
                let all = (0..80).filter(|offset| spans.contains(*offset));
                prop_assert!(all.eq(single.iter().copied()));
                let stretches: Vec<_> = spans.stretches.iter().collect();
                let apart = stretches.windows(2).all(|two| two[0].1 < two[1].0);
                prop_assert!(apart, "{:?}", stretches);
            }
        }
    }
}
