//! Consumer groups in the object that `kafsim run --format json` prints.

use serde_json::{Value, json};

use crate::cli::json::{micros, seconds};
use crate::event::GroupProtocol;
use crate::explore::{GroupCost, GroupCosts, Spread};
use crate::history::{GroupFigures, GroupPartitionFigures};

/// A group's figures.
pub(crate) fn group(group: &GroupFigures) -> Value {
    let longest = group.longest_unowned();
    json!({
        "group": group.name,
        "protocol": group.protocol.map(GroupProtocol::name),
        "generations": group.epochs.iter().map(|epoch| json!({
            "seconds": micros(epoch.at.scenario_micros()),
            "generation": epoch.epoch,
            "members": epoch.members,
            "unowned_seconds": seconds(epoch.unowned),
            "longest_unowned_seconds": seconds(epoch.longest_unowned),
        })).collect::<Vec<_>>(),
        "members": group.members,
        "failed_members": group.failed.iter().map(|member| json!({
            "member": member.host,
            "at_seconds": micros(member.at.scenario_micros()),
            "error": member.error.map(|error| error.to_string()),
        })).collect::<Vec<_>>(),
        "failed_polls": group.failed_polls.iter().map(|failed| json!({
            "error": failed.error.to_string(),
            "polls": failed.polls,
            "from_seconds": micros(failed.since.scenario_micros()),
        })).collect::<Vec<_>>(),
        "overdue_members": group.overdue.iter().map(|member| json!({
            "member": member.host,
            "times": member.times,
            "from_seconds": micros(member.since.scenario_micros()),
            "max_poll_interval_seconds": seconds(member.interval),
        })).collect::<Vec<_>>(),
        "processed": group.processed,
        "processed_again": group.processed_again(),
        "processed_again_because": group.again.iter().map(|again| json!({
            "generation": again.epoch,
            "because": again.because.name(),
            "records": again.records,
        })).collect::<Vec<_>>(),
        "unprocessed": group.unprocessed(),
        "passed_over": group.passed_over(),
        "waited_seconds": seconds(group.waited()),
        "unowned_seconds": seconds(group.unowned()),
        "longest_unowned_seconds": longest.map(|it| seconds(it.longest_unowned)),
        "longest_unowned_partition": longest.map(|it| &it.name),
        "lag": group.lag(),
        "partitions": group.partitions.iter().map(partition).collect::<Vec<_>>(),
    })
}

/// What rebalancing cost a group in one seed of a sweep.
pub(crate) fn cost(name: &str, cost: &GroupCost) -> Value {
    json!({
        "group": name,
        "generations": cost.generations,
        "waited_seconds": seconds(cost.waited),
        "unowned_seconds": seconds(cost.unowned),
        "longest_unowned_seconds": seconds(cost.longest_unowned),
        "processed_again": cost.again,
    })
}

/// What it cost in all seeds.
pub(crate) fn costs(name: &str, costs: &GroupCosts) -> Value {
    json!({
        "group": name,
        "generations": spread(costs.spread(|cost| cost.generations), Value::from),
        "waited_seconds": spread(costs.spread(|cost| cost.waited), seconds),
        "unowned_seconds": spread(costs.spread(|cost| cost.unowned), seconds),
        "longest_unowned_seconds": spread(costs.spread(|cost| cost.longest_unowned), seconds),
        "processed_again": spread(costs.spread(|cost| cost.again), Value::from),
    })
}

fn spread<T>(spread: Option<Spread<T>>, value: impl Fn(T) -> Value) -> Option<Value> {
    let Spread { median, p95, most } = spread?;
    Some(json!({ "median": value(median), "p95": value(p95), "max": value(most) }))
}

fn partition(partition: &GroupPartitionFigures) -> Value {
    json!({
        "partition": partition.name,
        "owners": partition.stints.iter().map(|stint| json!({
            "member": stint.owner,
            "generation": stint.epoch,
            "from_seconds": micros(stint.from.scenario_micros()),
            "until_seconds": stint.until.map(|until| micros(until.scenario_micros())),
            "expelled_seconds": stint.expelled.map(|at| micros(at.scenario_micros())),
        })).collect::<Vec<_>>(),
        "waited_seconds": partition.waited.map(seconds),
        "unowned_seconds": seconds(partition.unowned),
        "longest_unowned_seconds": seconds(partition.longest_unowned),
        "longest_unowned_from_seconds":
            partition.longest_unowned_at.map(|at| micros(at.scenario_micros())),
        "committed": partition.committed.map(|offset| offset.0),
        "lag": partition.lag,
        "largest_lag": partition.largest_lag,
        "unprocessed": partition.unprocessed,
        "passed_over": partition.passed_over,
        "removed_at_seconds": partition.removed.map(|at| micros(at.scenario_micros())),
    })
}
