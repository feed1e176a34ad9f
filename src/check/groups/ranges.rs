//! Ranges of offsets.

use std::collections::BTreeMap;

use crate::types::Offset;

/// Offsets, kept as ranges that do not touch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranges(BTreeMap<Offset, Offset>);

impl Ranges {
    /// The first offset from `from` on that is not in it.
    pub(crate) fn first_missing(&self, from: Offset) -> Offset {
        let before = self.0.range(..=from).next_back();
        before.map_or(from, |(_, end)| from.max(*end))
    }

    /// Adds `from..to`, and says how many of them were in it, and the first of these.
    pub(crate) fn add(&mut self, from: Offset, to: Offset) -> (u64, Option<Offset>) {
        if from >= to {
            return (0, None);
        }
        let (mut first, mut end) = (from, to);
        let (mut again, mut first_again) = (0, None);
        while let Some((&start, &stop)) = self.0.range(..=end).next_back()
            && stop >= first
        {
            let (low, high) = (start.max(from), stop.min(to));
            if low < high {
                again += high.since(low);
                first_again = Some(low);
            }
            first = first.min(start);
            end = end.max(stop);
            self.0.remove(&start);
        }
        self.0.insert(first, end);
        (again, first_again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(ranges: &mut Ranges, from: i64, to: i64) -> (u64, Option<i64>) {
        let (again, first) = ranges.add(Offset(from), Offset(to));
        (again, first.map(|offset| offset.0))
    }

    #[test]
    fn ranges_grow_together_and_tell_what_they_had() {
        let mut ranges = Ranges::default();
        assert_eq!(ranges.first_missing(Offset(3)), Offset(3));
        assert_eq!(added(&mut ranges, 0, 5), (0, None));
        assert_eq!(added(&mut ranges, 8, 10), (0, None));
        assert_eq!(added(&mut ranges, 20, 30), (0, None));
        assert_eq!(ranges.first_missing(Offset(0)), Offset(5));
        assert_eq!(ranges.first_missing(Offset(6)), Offset(6));
        assert_eq!(added(&mut ranges, 3, 9), (3, Some(3)));
        assert_eq!(ranges.first_missing(Offset(0)), Offset(10));
        assert_eq!(added(&mut ranges, 10, 20), (0, None));
        assert_eq!(ranges.first_missing(Offset(0)), Offset(30));
        assert_eq!(added(&mut ranges, 29, 31), (1, Some(29)));
        assert_eq!(added(&mut ranges, 4, 4), (0, None));
        assert_eq!(ranges.first_missing(Offset(0)), Offset(31));
    }
}
