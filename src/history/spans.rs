//! A set of offsets, kept as the stretches that it is made of.

use std::collections::BTreeMap;

use crate::types::Offset;

/// Offsets; neighbours are one stretch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spans {
    /// By the first offset: the end, exclusive.
    stretches: BTreeMap<Offset, Offset>,
}

impl Spans {
    /// Adds `from..to`; says how many of them were there already, and the first of these.
    pub fn add(&mut self, from: Offset, to: Offset) -> (u64, Option<Offset>) {
        if from >= to {
            return (0, None);
        }
        let (mut first, mut end) = (from, to);
        let (mut known, mut first_known) = (0, None);
        // From the last that may touch it to the first.
        while let Some((&start, &stop)) = self.stretches.range(..=end).next_back()
            && stop >= first
        {
            let (low, high) = (start.max(from), stop.min(to));
            if low < high {
                known += high.since(low);
                first_known = Some(low);
            }
            (first, end) = (first.min(start), end.max(stop));
            self.stretches.remove(&start);
        }
        self.stretches.insert(first, end);
        (known, first_known)
    }

    /// Takes away what lies from `from` on.
    pub fn cut(&mut self, from: Offset) {
        self.stretches.split_off(&from);
        if let Some(mut last) = self.stretches.last_entry() {
            let end = (*last.get()).min(from);
            last.insert(end);
        }
    }

    /// The first offset from `from` on that is not in it.
    pub fn first_missing(&self, from: Offset) -> Offset {
        let before = self.stretches.range(..=from).next_back();
        before.map_or(from, |(_, end)| from.max(*end))
    }

    /// The stretches of `from..to` that are not in it, each with its end, exclusive.
    pub fn gaps(&self, from: Offset, to: Offset) -> impl Iterator<Item = (Offset, Offset)> + '_ {
        let mut next = self.first_missing(from);
        std::iter::from_fn(move || {
            let start = next;
            if start >= to {
                return None;
            }
            let known = self.stretches.range(start..).next().map(|(first, _)| *first);
            let end = known.map_or(to, |first| first.min(to));
            next = self.first_missing(end);
            Some((start, end))
        })
    }

    /// The stretches that it is made of, in order, each with its end, exclusive.
    pub fn stretches(&self) -> impl Iterator<Item = (Offset, Offset)> + '_ {
        self.stretches.iter().map(|(start, end)| (*start, *end))
    }

    /// Whether `offset` is in it.
    pub fn contains(&self, offset: Offset) -> bool {
        self.first_missing(offset) != offset
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
            adds in prop::collection::vec((0_i64..60, 0_i64..12), 0..40),
        ) {
            let (mut spans, mut single) = (Spans::default(), BTreeSet::new());
            for (start, count) in adds {
                let new: Vec<i64> = (start..start + count).collect();
                let known: Vec<i64> =
                    new.iter().copied().filter(|offset| single.contains(offset)).collect();
                single.extend(new);
                let told = spans.add(Offset(start), Offset(start + count));
                prop_assert_eq!(told, (known.len() as u64, known.first().copied().map(Offset)));
                for offset in 0..80 {
                    let missing = (offset..200).find(|offset| !single.contains(offset));
                    prop_assert_eq!(Some(spans.first_missing(Offset(offset)).0), missing);
                    prop_assert_eq!(spans.contains(Offset(offset)), single.contains(&offset));
                }
                for (from, to) in [(0, 80), (7, 31), (20, 20), (31, 7)] {
                    let missing = (from..to).filter(|offset| !single.contains(offset)).count();
                    let gaps = spans.gaps(Offset(from), Offset(to));
                    let told: u64 = gaps.map(|(from, to)| to.since(from)).sum();
                    prop_assert_eq!(told, missing as u64);
                }
                let stretches: Vec<_> = spans.stretches().collect();
                let apart = stretches.windows(2).all(|two| two[0].1 < two[1].0);
                prop_assert!(apart, "{:?}", stretches);
                let mut cut = spans.clone();
                cut.cut(Offset(start));
                for offset in 0..80 {
                    let stays = single.contains(&offset) && offset < start;
                    prop_assert_eq!(cut.contains(Offset(offset)), stays);
                }
            }
        }
    }
}
