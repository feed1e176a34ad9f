//! Who owned what in each generation or epoch of a group, in the report of a run.

use crate::cli::text::seconds;
use crate::event::GroupProtocol;
use crate::history::{GroupFigures, GroupPartitionFigures};
use crate::report::{Owners, epoch_word};
use crate::types::Moment;

/// So many lines, the first and the last; of what lies between only how many they are is told.
const FIRST_MAX: usize = 3;
const LAST_MAX: usize = 4;

/// Generations or epochs that follow each other, with the same owners.
struct Reign {
    at: Moment,
    /// The first and the last.
    epochs: (i32, i32),
    protocol: GroupProtocol,
    owners: String,
}

/// A line for each generation or epoch, and who owned what in it; none when there was but one.
pub(crate) fn owners_over_time(group: &GroupFigures) -> Vec<String> {
    let mut reigns: Vec<Reign> = Vec::new();
    for (place, epoch) in group.epochs.iter().enumerate() {
        let until = group.epochs.get(place + 1).map(|next| next.at);
        let owners = owners_in(group, epoch.at, until);
        match reigns.last_mut() {
            // A group that begins anew counts from 1 again.
            Some(last)
                if last.owners == owners
                    && last.epochs.1 < epoch.epoch
                    && last.protocol == epoch.protocol =>
            {
                last.epochs.1 = epoch.epoch;
            }
            _ => reigns.push(Reign {
                at: epoch.at,
                epochs: (epoch.epoch, epoch.epoch),
                protocol: epoch.protocol,
                owners,
            }),
        }
    }
    if reigns.len() < 2 {
        return Vec::new();
    }
    let line = |reign: &Reign| {
        let word = epoch_word(reign.protocol);
        let epochs = match reign.epochs {
            (first, last) if first == last => format!("{word} {first}, at its end"),
            (first, last) => format!("{word}s {first} to {last}, at their end"),
        };
        format!("{} {epochs}: {}", seconds(reign.at.scenario_micros()), reign.owners)
    };
    let mut lines: Vec<String> = reigns.iter().map(line).collect();
    let between = lines.len().saturating_sub(FIRST_MAX + LAST_MAX);
    // One line that says that there is one more saves nothing.
    if between > 1 {
        let more = format!("... {between} more, see --format json or the page");
        lines.splice(FIRST_MAX..FIRST_MAX + between, [more]);
    }
    lines
}

/// Who owned what from `at` until the next generation: of several owners the last.
fn owners_in(group: &GroupFigures, at: Moment, until: Option<Moment>) -> String {
    let mut owners = Owners::default();
    let is_there = |it: &&GroupPartitionFigures| it.removed.is_none_or(|removed| removed > at);
    for partition in group.partitions.iter().filter(is_there) {
        let mut stints = partition.stints.iter().filter(|stint| {
            let ends = [stint.until, stint.expelled].into_iter().flatten().min();
            until.is_none_or(|until| stint.from < until) && ends.is_none_or(|end| end > at)
        });
        match stints.next_back() {
            Some(stint) => owners.add(&stint.owner, &partition.name),
            // One that nobody has ever owned yet may not have been there.
            None if partition.stints.first().is_some_and(|first| first.from < at) => {
                owners.orphans += 1;
            }
            None => {}
        }
    }
    owners.text("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{GroupEpochFigures, Stint};
    use std::time::Duration;

    fn at(seconds: u64) -> Moment {
        Moment::SCENARIO_BEGINS + Duration::from_secs(seconds)
    }

    fn stint(owner: &str, from: u64, until: Option<u64>) -> Stint {
        let (owner, until) = (owner.to_owned(), until.map(at));
        Stint { owner, epoch: 1, from: at(from), until, expelled: None }
    }

    fn partition(name: &str, stints: Vec<Stint>) -> GroupPartitionFigures {
        GroupPartitionFigures {
            name: name.to_owned(),
            stints,
            waited: None,
            unowned: Duration::ZERO,
            longest_unowned: Duration::ZERO,
            longest_unowned_at: None,
            committed: None,
            end: None,
            lag: 0,
            largest_lag: 0,
            unprocessed: 0,
            passed_over: 0,
            removed: None,
        }
    }

    fn group(epochs: &[(u64, i32)], partitions: Vec<GroupPartitionFigures>) -> GroupFigures {
        let epoch = |(seconds, epoch): &(u64, i32)| GroupEpochFigures {
            at: at(*seconds),
            epoch: *epoch,
            protocol: GroupProtocol::Classic,
            members: 2,
            unowned: Duration::ZERO,
            longest_unowned: Duration::ZERO,
        };
        let epochs = epochs.iter().map(epoch).collect();
        let protocol = Some(GroupProtocol::Classic);
        GroupFigures { protocol, epochs, partitions, ..GroupFigures::unknown("billing") }
    }

    #[test]
    fn each_generation_says_who_owned_what() {
        let epochs = [(3, 1), (10, 2), (12, 3), (20, 4)];
        let partitions = vec![
            partition(
                "orders-0",
                vec![stint("billing-1", 3, Some(9)), stint("billing-1", 10, None)],
            ),
            partition(
                "orders-1",
                vec![stint("billing-1", 3, Some(9)), stint("billing-2", 10, None)],
            ),
            partition("orders-2", vec![stint("billing-2", 11, Some(19))]),
            partition("refunds-0", vec![stint("billing-2", 12, None)]),
        ];
        assert_eq!(
            owners_over_time(&group(&epochs, partitions)),
            [
                "3.000s generation 1, at its end: billing-1: orders 0, 1",
                "10.000s generation 2, at its end: billing-1: orders 0; billing-2: orders 1, 2",
                "12.000s generation 3, at its end: billing-1: orders 0; billing-2: orders 1, 2 and \
                 refunds 0",
                "20.000s generation 4, at its end: billing-1: orders 0; billing-2: orders 1 and \
                 refunds 0; nobody: 1 partition",
            ]
        );
        // The same owners are one line, and one line is none: the end says it all.
        let still = [(3, 1), (4, 2), (5, 3)];
        let kept = vec![partition("orders-0", vec![stint("billing-1", 3, None)])];
        assert!(owners_over_time(&group(&still, kept)).is_empty());
    }

    #[test]
    fn whoever_was_expelled_owned_nothing_from_then_on() {
        let mut zombie = stint("billing-1", 3, None);
        zombie.expelled = Some(at(9));
        let partitions = vec![
            partition("orders-0", vec![zombie.clone(), stint("billing-2", 10, None)]),
            partition("orders-1", vec![stint("billing-2", 3, None)]),
            partition("orders-2", vec![zombie]),
        ];
        assert_eq!(
            owners_over_time(&group(&[(3, 1), (10, 2)], partitions)),
            [
                "3.000s generation 1, at its end: billing-1: orders 0, 2; billing-2: orders 1",
                "10.000s generation 2, at its end: billing-2: orders 0, 1; nobody: 1 partition",
            ]
        );
    }

    #[test]
    fn many_members_are_counted_and_many_generations_left_out() {
        let epochs: Vec<(u64, i32)> =
            (0..12).map(|n| (10 * n, i32::try_from(n).unwrap())).collect();
        let all = (0..16_u64).map(|number| {
            let owner = format!("billing-{}", number % 8);
            // One more goes with each generation.
            let until = (number < 12).then_some(10 * number + 5);
            partition(&format!("orders-{number}"), vec![stint(&owner, 0, until)])
        });
        let lines = owners_over_time(&group(&epochs, all.collect()));
        assert_eq!(lines.len(), FIRST_MAX + 1 + LAST_MAX);
        assert_eq!(lines[0], "0.000s generation 0, at its end: 8 members, 2 partitions each");
        assert_eq!(
            lines[2],
            "20.000s generation 2, at its end: 8 members, 1 to 2 partitions each; nobody: 2 \
             partitions"
        );
        assert_eq!(lines[3], "... 5 more, see --format json or the page");
        assert!(lines[7].starts_with("110.000s generation 11, at its end: "), "{lines:?}");
    }

    #[test]
    fn a_group_that_changes_its_protocol_counts_in_the_words_of_each() {
        let owner = |name, from, until| stint(name, from, until);
        let stints =
            vec![owner("b-1", 3, Some(10)), owner("b-2", 11, Some(19)), owner("b-1", 20, None)];
        let mut group = group(&[(3, 1), (10, 2), (12, 3), (20, 4)], vec![partition("a-0", stints)]);
        for epoch in &mut group.epochs[1..3] {
            epoch.protocol = GroupProtocol::Consumer;
        }
        assert_eq!(
            owners_over_time(&group),
            [
                "3.000s generation 1, at its end: b-1: a 0",
                "10.000s epochs 2 to 3, at their end: b-2: a 0",
                "20.000s generation 4, at its end: b-1: a 0",
            ]
        );
    }
}
