//! Groups over many seeds: what rebalancing costs is seldom what one seed shows.

use std::time::Duration;

use crate::history::GroupFigures;

/// What rebalancing cost a group in one seed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GroupCost {
    /// How many generations or epochs began.
    pub generations: u64,
    /// How long partitions waited for their first owner, all together.
    pub waited: Duration,
    /// How long they had none after that, all together.
    pub unowned: Duration,
    /// The longest time in which one partition had none.
    pub longest_unowned: Duration,
    /// Records that were processed again.
    pub again: u64,
}

/// What it cost in all seeds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GroupCosts(Vec<GroupCost>);

/// How a figure is spread over seeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spread<T> {
    /// Half of the seeds have no more.
    pub median: T,
    /// 95 in 100 of the seeds have no more.
    pub p95: T,
    /// The most of all seeds.
    pub most: T,
}

impl GroupCost {
    /// That of a run.
    pub fn of(group: &GroupFigures) -> Self {
        let longest = group.longest_unowned().map(|partition| partition.longest_unowned);
        Self {
            generations: group.epochs.len() as u64,
            waited: group.waited(),
            unowned: group.unowned(),
            longest_unowned: longest.unwrap_or_default(),
            again: group.processed_again(),
        }
    }
}

impl GroupCosts {
    /// Adds the next seed.
    pub fn add(&mut self, seed: GroupCost) {
        self.0.push(seed);
    }

    /// How one of the figures is spread; `None` before the first seed.
    pub fn spread<T: Ord + Copy>(&self, figure: impl Fn(&GroupCost) -> T) -> Option<Spread<T>> {
        let mut sorted: Vec<T> = self.0.iter().map(figure).collect();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100);
            sorted.get(rank.checked_sub(1)?).copied()
        };
        Some(Spread { median: at(50)?, p95: at(95)?, most: at(100)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_95_in_100_of_the_seeds_have_no_more() {
        let mut costs = GroupCosts::default();
        assert_eq!(costs.spread(|cost| cost.again), None);
        // In no order.
        (0..100).for_each(|seed| costs.add(GroupCost { again: seed * 37 % 100, ..cost() }));
        let spread = Spread { median: 49, p95: 94, most: 99 };
        assert_eq!(costs.spread(|cost| cost.again), Some(spread));
        let spread = costs.spread(|cost| cost.unowned).unwrap();
        assert_eq!((spread.median, spread.most), (Duration::from_secs(7), Duration::from_secs(7)));
    }

    fn cost() -> GroupCost {
        GroupCost { unowned: Duration::from_secs(7), ..GroupCost::default() }
    }
}
