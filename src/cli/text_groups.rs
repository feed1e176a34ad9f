//! Consumer groups in the report of a run: a few lines each.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::cli::page::Page;
use crate::cli::text::seconds;
use crate::cli::text_owners::owners_over_time;
use crate::event::GroupProtocol;
use crate::explore::{GroupCosts, Spread};
use crate::history::{
    AgainBecause, FailedMember, GroupFigures, GroupPartitionFigures, ProcessedAgain,
};
use crate::report::{Owners, epoch_word, grouped, rounded, several};
use crate::types::ErrorCode;

/// So many reasons for processing again.
const REASONS_MAX: usize = 3;
/// So many partitions are named with what became of their records.
const PARTITIONS_MAX: usize = 4;

/// Writes what became of each group.
pub(crate) fn write_groups<W: Write>(
    page: &mut Page<'_, W>,
    groups: &[GroupFigures],
) -> io::Result<()> {
    for group in groups {
        page.row("group", &heading(group))?;
        for line in failed(group) {
            page.row("", &format!("  {line}"))?;
        }
        // Of a group that never had a member there is no more to tell.
        if group.protocol.is_none() {
            continue;
        }
        for line in owners_over_time(group) {
            page.row("", &format!("  {line}"))?;
        }
        page.row("", &format!("  owners at the end: {}", owners(group)))?;
        page.row("", &format!("  unowned: {}", unowned(group)))?;
        page.row("", &format!("  {}", processed(group)))?;
        for line in [unprocessed(group), passed_over(group)].into_iter().flatten() {
            page.row("", &format!("  {line}"))?;
        }
        page.row("", &format!("  {}", lag(group)))?;
    }
    Ok(())
}

/// Writes what rebalancing cost each group over all seeds of a sweep, as a table.
pub(crate) fn write_costs<W: Write>(
    out: &mut W,
    groups: &[(String, GroupCosts)],
) -> io::Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let header = ["", "generations", "before owners", "unowned", "longest", "processed again"];
    let mut table = vec![header.map(str::to_owned)];
    for (name, costs) in groups {
        table.push([
            name.clone(),
            spread(costs.spread(|cost| cost.generations), grouped),
            spread(costs.spread(|cost| cost.waited), rounded),
            spread(costs.spread(|cost| cost.unowned), rounded),
            spread(costs.spread(|cost| cost.longest_unowned), rounded),
            spread(costs.spread(|cost| cost.again), grouped),
        ]);
    }
    let wide = |column: usize| table.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..header.len()).map(|column| wide(column).unwrap_or(0)).collect();
    writeln!(out, "    groups      half of the seeds / 95 in 100 / all have at most")?;
    for row in &table {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(out, "      {}", line.trim_end())?;
    }
    Ok(())
}

fn spread<T>(spread: Option<Spread<T>>, text: impl Fn(T) -> String) -> String {
    let Some(Spread { median, p95, most }) = spread else { return String::new() };
    format!("{} / {} / {}", text(median), text(p95), text(most))
}

fn heading(group: &GroupFigures) -> String {
    let called = |protocol| match protocol {
        GroupProtocol::Classic => "classic",
        GroupProtocol::Consumer => "KIP-848",
    };
    let Some(now) = group.protocol else {
        return format!("{}: it never had a member", group.name);
    };
    let other = group.epochs.iter().map(|epoch| epoch.protocol).find(|it| *it != now);
    let (protocol, rounds) = match other {
        None => (called(now).to_owned(), format!("{}s", epoch_word(now))),
        Some(other) => (
            format!("{}, for a time {}", called(now), called(other)),
            "generations and epochs".to_owned(),
        ),
    };
    let epochs = match group.epochs.len() {
        1 => format!("1 {}", epoch_word(now)),
        count => format!("{count} {rounds}"),
    };
    let members = match group.members {
        1 => "1 member".to_owned(),
        members => format!("{members} members"),
    };
    format!("{}: {protocol}, {epochs}, {members} at the end", group.name)
}

/// Whose consumer failed, and how: a line for each error.
fn failed(group: &GroupFigures) -> Vec<String> {
    let mut by_error: BTreeMap<Option<ErrorCode>, Vec<&FailedMember>> = BTreeMap::new();
    for member in &group.failed {
        by_error.entry(member.error).or_default().push(member);
    }
    let mut lines = Vec::new();
    for (error, members) in by_error {
        let names = several(members.iter().map(|member| member.host.as_str()));
        let verb = if members.len() == 1 { "is" } else { "are" };
        let from = seconds(members[0].at.scenario_micros());
        let why = error.map(|error| format!(": {error}")).unwrap_or_default();
        lines.push(format!("{names} {verb} refused for good, from {from}{why}"));
    }
    for failed in &group.failed_polls {
        let from = seconds(failed.since.scenario_micros());
        let polls = match failed.polls {
            1 => "1 poll".to_owned(),
            polls => format!("{} polls", grouped(polls)),
        };
        // What it means, for whoever has not met it (`NoOffsetForPartitionException`).
        let why = match failed.error {
            ErrorCode::OffsetOutOfRange => " (no offset to go on from, and no reset policy)",
            _ => "",
        };
        lines.push(format!("{polls} failed, from {from}: {}{why}", failed.error));
    }
    lines.extend(overdue(group));
    lines
}

/// Whose application polled too late, and how often.
fn overdue(group: &GroupFigures) -> Option<String> {
    let first = group.overdue.iter().min_by_key(|member| member.since)?;
    let times = |times| match times {
        1 => "once".to_owned(),
        times => format!("{} times", grouped(times)),
    };
    let all = group.overdue.iter().map(|it| format!("{} {}", it.host, times(it.times)));
    let (from, interval) = (seconds(first.since.scenario_micros()), rounded(first.interval));
    let all: Vec<String> = all.collect();
    let all = several(all.iter().map(String::as_str));
    Some(format!(
        "left, not having polled for {interval} (max.poll.interval.ms): {all}, from {from}"
    ))
}

fn owners(group: &GroupFigures) -> String {
    let mut owners = Owners::default();
    let mut stale: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    for partition in group.partitions.iter().filter(|it| it.removed.is_none()) {
        // Of several who believe so, the one that took it last.
        let mut believed = partition.stints.iter().filter(|stint| stint.until.is_none());
        match believed.clone().rfind(|stint| stint.expelled.is_none()) {
            Some(stint) => owners.add(&stint.owner, &partition.name),
            None => {
                owners.orphans += 1;
                if let Some(stint) = believed.next_back() {
                    *stale.entry((stint.owner.len(), &stint.owner)).or_default() += 1;
                }
            }
        }
    }
    let stale: Vec<String> =
        stale.iter().map(|((_, owner), count)| format!("{count} {owner}")).collect();
    let stale = match stale.as_slice() {
        [] => String::new(),
        stale => {
            let names = several(stale.iter().map(String::as_str));
            format!(" (believed to be theirs by whom the group no longer counts: {names})")
        }
    };
    owners.text(&stale)
}

fn unowned(group: &GroupFigures) -> String {
    let Some(GroupPartitionFigures { name, longest_unowned, longest_unowned_at: Some(at), .. }) =
        group.longest_unowned()
    else {
        return format!("{}no partition at any time", before_owners(group));
    };
    let times = group.partitions.iter().filter(|it| !it.unowned.is_zero()).count();
    let (longest, from) = (rounded(*longest_unowned), seconds(at.scenario_micros()));
    let all = match times {
        1 => String::new(),
        times => format!("; {times} partitions, {} together", rounded(group.unowned())),
    };
    let before = before_owners(group);
    format!("{before}{name} longest, {longest} from {from}{all}{}", costliest(group))
}

/// How long it was until partitions had owners at all.
fn before_owners(group: &GroupFigures) -> String {
    match group.waited() {
        none if none.is_zero() => String::new(),
        some => format!("{} together until all had a first owner; then ", rounded(some)),
    }
}

/// The generation that cost most, if it is not the only one.
fn costliest(group: &GroupFigures) -> String {
    let mut costly: Vec<_> = group.epochs.iter().filter(|it| !it.unowned.is_zero()).collect();
    costly.sort_by_key(|epoch| std::cmp::Reverse(epoch.unowned));
    match costly.as_slice() {
        [most, _, ..] => {
            let word = epoch_word(most.protocol);
            format!(", {} of it in {word} {}", rounded(most.unowned), most.epoch)
        }
        [_] | [] => String::new(),
    }
}

/// What the rebalance with this number was called.
fn word_of(group: &GroupFigures, number: i32) -> &'static str {
    let epoch = group.epochs.iter().find(|epoch| epoch.epoch == number);
    let protocol = epoch.map(|epoch| epoch.protocol).or(group.protocol);
    epoch_word(protocol.unwrap_or(GroupProtocol::Classic))
}

/// Why records were processed again.
fn because(again: AgainBecause) -> &'static str {
    match again {
        AgainBecause::Both => "two members owned the partition at once",
        other => other.name(),
    }
}

fn processed(group: &GroupFigures) -> String {
    let again = group.processed_again();
    let processed = format!("{} records processed", grouped(group.processed));
    if again == 0 {
        return format!("{processed}, none of them again");
    }
    let mut reasons = group.again.clone();
    reasons.sort_by_key(|again| std::cmp::Reverse(again.records));
    let reason = |again: &ProcessedAgain| {
        let (records, because) = (grouped(again.records), because(again.because));
        format!("{records} in {} {} ({because})", word_of(group, again.epoch), again.epoch)
    };
    let mut parts: Vec<String> = reasons.iter().take(REASONS_MAX).map(reason).collect();
    let rest: u64 = reasons.iter().skip(REASONS_MAX).map(|again| again.records).sum();
    if rest > 0 {
        parts.push(format!("{} in others", grouped(rest)));
    }
    format!("{processed}, {} of them again: {}", grouped(again), parts.join(", "))
}

/// The records that the group will never come to, for its offset stands behind them.
fn unprocessed(group: &GroupFigures) -> Option<String> {
    let all = by_partition(group, |it| it.unprocessed)?;
    Some(format!("{} committed and never processed: {all}", records(group.unprocessed())))
}

/// The records that it was led past, for there was no offset to go on from.
fn passed_over(group: &GroupFigures) -> Option<String> {
    let all = by_partition(group, |it| it.passed_over)?;
    Some(format!("{} passed over by auto.offset.reset: {all}", records(group.passed_over())))
}

fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{} records", grouped(count)) }
}

/// How many in which partition, the most first; nothing when there are none.
fn by_partition(
    group: &GroupFigures,
    of: impl Fn(&GroupPartitionFigures) -> u64,
) -> Option<String> {
    let all = group.partitions.iter().map(|it| (of(it), it.name.as_str()));
    let mut all: Vec<_> = all.filter(|(count, _)| *count > 0).collect();
    all.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let some = all.iter().take(PARTITIONS_MAX);
    let mut parts: Vec<String> =
        some.map(|(count, name)| format!("{} of {name}", grouped(*count))).collect();
    let rest: u64 = all.iter().skip(PARTITIONS_MAX).map(|(count, _)| count).sum();
    if rest > 0 {
        parts.push(format!("{} of others", grouped(rest)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn lag(group: &GroupFigures) -> String {
    let largest = group.partitions.iter().max_by_key(|it| it.largest_lag);
    let most = match largest {
        Some(it) if it.largest_lag > 0 => {
            format!(", at most {} in a partition ({})", grouped(it.largest_lag), it.name)
        }
        _ => String::new(),
    };
    format!("committed offsets lag by {} at the end{most}", grouped(group.lag()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::GroupCost;
    use crate::history::{AgainBecause, FailedPolls, GroupEpochFigures, OverdueMember, Stint};
    use crate::types::Moment;
    use std::time::Duration;

    #[test]
    fn what_many_seeds_cost_is_a_table() {
        let mut eager = GroupCosts::default();
        let mut cooperative = GroupCosts::default();
        for seed in 1..=100 {
            let unowned = Duration::from_millis(180 * seed);
            let longest_unowned = Duration::from_millis(20 * seed);
            let cost = GroupCost {
                generations: 7,
                waited: Duration::from_secs(6),
                unowned,
                longest_unowned,
                again: 11 * seed,
            };
            eager.add(cost);
            cooperative.add(GroupCost { unowned: longest_unowned, again: 0, ..cost });
        }
        let mut out = Vec::new();
        let groups = [("eager".to_owned(), eager), ("cooperative".to_owned(), cooperative)];
        write_costs(&mut out, &groups).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines = [
            "    groups      half of the seeds / 95 in 100 / all have at most",
            "                   generations  before owners  unowned           longest         processed again",
            "      eager        7 / 7 / 7    6s / 6s / 6s   9s / 17.1s / 18s  1s / 1.9s / 2s  550 / 1,045 / 1,100",
            "      cooperative  7 / 7 / 7    6s / 6s / 6s   1s / 1.9s / 2s    1s / 1.9s / 2s  0 / 0 / 0",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
        let mut out = Vec::new();
        write_costs(&mut out, &[]).unwrap();
        assert!(out.is_empty(), "a scenario without groups says nothing of them");
    }

    fn stint(owner: &str, until: Option<u64>) -> Stint {
        let at = |seconds| Moment::SCENARIO_BEGINS + Duration::from_secs(seconds);
        let (owner, until) = (owner.to_owned(), until.map(at));
        Stint { owner, epoch: 1, from: at(3), until, expelled: None }
    }

    fn partition(number: usize, stints: Vec<Stint>) -> GroupPartitionFigures {
        let unowned = Duration::from_millis(if number == 1 { 2_110 } else { 5 });
        GroupPartitionFigures {
            name: format!("orders-{number}"),
            stints,
            waited: Some(Duration::from_secs(3)),
            unowned,
            longest_unowned: unowned,
            longest_unowned_at: Some(Moment::SCENARIO_BEGINS + Duration::from_secs(25)),
            committed: None,
            end: None,
            lag: 7,
            largest_lag: 200 + number as u64,
            unprocessed: 0,
            passed_over: 0,
            removed: None,
        }
    }

    fn figures() -> GroupFigures {
        let epochs = [1, 2].map(|epoch| {
            let at = Moment::SCENARIO_BEGINS + Duration::from_secs(if epoch == 2 { 8 } else { 3 });
            let unowned = Duration::from_millis(if epoch == 2 { 2_110 } else { 5 });
            let protocol = GroupProtocol::Classic;
            GroupEpochFigures { at, epoch, protocol, members: 2, unowned, longest_unowned: unowned }
        });
        let again = [(2, AgainBecause::Ended, 9), (1, AgainBecause::Lost, 1_000)];
        GroupFigures {
            name: "billing".to_owned(),
            protocol: Some(GroupProtocol::Classic),
            epochs: epochs.to_vec(),
            epoch: Some(2),
            members: 2,
            partitions: vec![
                partition(0, vec![stint("billing-10", None)]),
                partition(1, vec![stint("billing-9", Some(7)), stint("billing-9", None)]),
                partition(2, vec![stint("billing-9", Some(7))]),
            ],
            processed: 4_000,
            again: again
                .map(|(epoch, because, records)| ProcessedAgain { epoch, because, records })
                .to_vec(),
            failed: Vec::new(),
            failed_polls: Vec::new(),
            overdue: Vec::new(),
        }
    }

    fn written(groups: &[GroupFigures]) -> String {
        let mut out = Vec::new();
        write_groups(&mut Page::new(&mut out, false), groups).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_group_is_told_in_a_few_lines() {
        assert_eq!(
            written(&[figures()]),
            "group        billing: classic, 2 generations, 2 members at the end
               3.000s generation 1, at its end: billing-9: orders 1, 2;
               billing-10: orders 0
               8.000s generation 2, at its end: billing-9: orders 1; billing-10:
               orders 0; nobody: 1 partition
               owners at the end: billing-9: orders 1; billing-10: orders 0;
               nobody: 1 partition
               unowned: 9s together until all had a first owner; then orders-1
               longest, 2.11s from 25.000s; 3 partitions, 2.12s together, 2.11s
               of it in generation 2
               4,000 records processed, 1,009 of them again: 1,000 in generation
               1 (lost), 9 in generation 2 (process ended)
               committed offsets lag by 21 at the end, at most 202 in a
               partition (orders-2)
"
        );
    }

    #[test]
    fn records_that_nobody_comes_to_are_told() {
        let mut group = figures();
        group.partitions = (0..6).map(|number| partition(number, Vec::new())).collect();
        assert_eq!((unprocessed(&group), passed_over(&group)), (None, None));
        for (number, partition) in (0_u64..).zip(&mut group.partitions) {
            partition.unprocessed = number;
        }
        group.partitions[2].passed_over = 1;
        assert_eq!(
            unprocessed(&group).unwrap(),
            "15 records committed and never processed: 5 of orders-5, 4 of orders-4, 3 of \
             orders-3, 2 of orders-2, 1 of others"
        );
        let told = "1 record passed over by auto.offset.reset: 1 of orders-2";
        assert_eq!(passed_over(&group).unwrap(), told);
        let text = written(&[group]);
        assert!(text.contains("\n               15 records committed"), "{text}");
    }

    #[test]
    fn members_that_failed_are_named_with_the_reason() {
        let mut group = figures();
        let at = Moment::SCENARIO_BEGINS + Duration::from_millis(6_099);
        let refused = |host: &str, error| FailedMember { host: host.to_owned(), at, error };
        group.failed = vec![
            refused("billing-1", Some(ErrorCode::GroupMaxSizeReached)),
            refused("billing-2", Some(ErrorCode::GroupMaxSizeReached)),
            refused("billing-3", None),
        ];
        let error = ErrorCode::OffsetOutOfRange;
        group.failed_polls = vec![FailedPolls { error, polls: 1_203, since: at }];
        assert_eq!(
            failed(&group),
            [
                "billing-3 is refused for good, from 6.099s",
                "billing-1, billing-2 are refused for good, from 6.099s: GROUP_MAX_SIZE_REACHED",
                "1,203 polls failed, from 6.099s: OFFSET_OUT_OF_RANGE (no offset to go on from, and \
                 no reset policy)",
            ]
        );
        group.protocol = None;
        let text = written(&[group]);
        assert!(text.starts_with("group        billing: it never had a member\n"), "{text}");
        assert!(text.contains("are refused for good") && !text.contains("owners"), "{text}");
    }

    #[test]
    fn who_polled_too_late_is_named() {
        let mut group = figures();
        let late = |host: &str, times, seconds| OverdueMember {
            host: host.to_owned(),
            times,
            since: Moment::SCENARIO_BEGINS + Duration::from_secs(seconds),
            interval: Duration::from_secs(3),
        };
        group.overdue = vec![late("billing-1", 1, 36), late("billing-3", 1_200, 35)];
        assert_eq!(
            failed(&group),
            ["left, not having polled for 3s (max.poll.interval.ms): billing-1 once, billing-3 \
              1,200 times, from 35.000s"]
        );
    }

    #[test]
    fn nobody_misses_what_is_deleted() {
        let mut group = figures();
        group.partitions[2].removed = Some(Moment::SCENARIO_BEGINS);
        assert_eq!(owners(&group), "billing-9: orders 1; billing-10: orders 0");
    }

    #[test]
    fn whoever_was_expelled_owns_nothing() {
        let mut group = figures();
        for partition in &mut group.partitions {
            for stint in &mut partition.stints {
                stint.expelled = Some(Moment::SCENARIO_BEGINS + Duration::from_secs(9));
            }
        }
        assert_eq!(
            owners(&group),
            "nobody: 3 partitions (believed to be theirs by whom the group no longer counts: 1 \
             billing-9, 1 billing-10)"
        );
    }

    #[test]
    fn a_group_of_two_protocols_and_two_owners_is_told_as_such() {
        let mut group = figures();
        group.epochs[0].protocol = GroupProtocol::Consumer;
        group.again = vec![ProcessedAgain { epoch: 1, because: AgainBecause::Both, records: 1 }];
        assert_eq!(
            heading(&group),
            "billing: classic, for a time KIP-848, 2 generations and epochs, 2 members at the end"
        );
        assert_eq!(
            processed(&group),
            "4,000 records processed, 1 of them again: 1 in epoch 1 (two members owned the \
             partition at once)"
        );
        assert!(unowned(&group).ends_with("2.11s of it in generation 2"), "{}", unowned(&group));
    }

    #[test]
    fn many_owners_are_counted() {
        let mut group = figures();
        let owner = |number: usize| vec![stint(&format!("billing-{}", 1 + number / 2), None)];
        group.partitions = (0..15).map(|number| partition(number, owner(number))).collect();
        assert_eq!(owners(&group), "8 members, 1 to 2 partitions each");
    }

    #[test]
    fn a_group_that_never_was_says_so() {
        let nothing = GroupFigures {
            protocol: None,
            epochs: Vec::new(),
            partitions: Vec::new(),
            again: Vec::new(),
            ..figures()
        };
        assert_eq!(heading(&nothing), "billing: it never had a member");
        assert_eq!(unowned(&nothing), "no partition at any time");
    }
}
