//! What the anomalies share: what was not shown of a batch, what excuses a loss.

use crate::check::account::Acked;
use crate::check::property::View;
use crate::event::AckMode;
use crate::history::Run;

/// The place in its batch of the first record from `from` to before `end` that `runs`, which are
/// sorted, do not show, at whatever offset.
pub(super) fn first_hidden(runs: &[&Run], from: u64, end: u64) -> Option<u64> {
    let mut next = from;
    for run in runs {
        let first = u64::from(run.index);
        if first > next {
            break;
        }
        next = next.max(first + u64::from(run.records));
    }
    (next < end).then_some(next)
}

/// Why an acknowledged batch may be gone, if it may.
pub(super) fn excuse<'a>(acked: Acked<'_>, view: View<'a>) -> Option<(u64, &'a str)> {
    let partition = acked.batch().partition;
    let left = view.premises.left(partition);
    if left.is_some() || acked.batch().acks == AckMode::All {
        return left;
    }
    let known = view.model.partitions.get(&partition);
    let committed = known.and_then(|known| known.committed.entry_at(acked.base()));
    let was_committed = committed.is_some_and(|entry| entry.batch == acked.id());
    let because = "acks=1: leadership moved before the high watermark passed the record";
    (!was_committed).then_some((acked.batch().done().unwrap_or(acked.batch().sealed), because))
}
