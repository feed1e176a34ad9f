//! The replicas' logs at the decisive moment, offsets in columns.

use crate::event::{Kind, ReplicaRole};
use crate::report::explain::focus::{Focus, Shape, replicas_of};
use crate::report::explain::shape::{Cell, Picture, Row};
use crate::report::explain::tape::Tape;
use crate::trace::{Model, PartitionView, ReplicaView};
use crate::types::{BatchId, BrokerId, Offset, TopicPartition};

/// How many columns a picture has at most.
const COLUMNS_MAX: i64 = 8;
/// How many before the records.
const BEFORE: i64 = 3;
/// How many behind them.
const BEHIND: i64 = 2;

/// The picture of the partition that the story is about, if it is about one.
pub(crate) fn picture(tape: &Tape, focus: &Focus, model: &Model) -> Option<Picture> {
    let partition = focus.partition?;
    let known = model.partition(partition)?;
    let replicas = replicas_of(model, partition);
    let records = focus.records.filter(|_| focus.shape != Shape::Leaders);
    let records = records.map(|records| seen(tape, focus, known, &replicas).unwrap_or(records));
    let offsets = match focus.shape {
        Shape::Leaders => Vec::new(),
        // No offset is named, and the logs are equally long: their ends in the rows say it all.
        Shape::InSync if records.is_none() && are_level(known, &replicas) => Vec::new(),
        _ => columns(known, &replicas, records),
    };
    let there: Vec<Vec<(BatchId, char)>> =
        offsets.iter().map(|at| letters(focus, known, &replicas, Offset(*at))).collect();
    let rows = replicas
        .iter()
        .map(|node| row(tape, model, (partition, known), *node, (&there, &offsets)))
        .collect();
    Some(Picture {
        partition: model.partition_name(partition),
        event: model.events.saturating_sub(1),
        from: records.map(|(from, _)| from.0),
        to: records.map(|(_, to)| to.0),
        committed: known.true_high_watermark.0,
        offsets,
        rows,
    })
}

/// Whether the logs end at one place.
fn are_level(known: &PartitionView, replicas: &[BrokerId]) -> bool {
    let mut ends = replicas.iter().filter_map(|node| Some(known.replicas.get(node)?.end_left()));
    let first = ends.next();
    ends.all(|end| Some(end) == first)
}

fn columns(
    known: &PartitionView,
    replicas: &[BrokerId],
    records: Option<(Offset, Offset)>,
) -> Vec<i64> {
    let ends = || replicas.iter().filter_map(|node| Some(known.replicas.get(node)?.end_left().0));
    let last = ends().max().unwrap_or(0);
    let (from, to) = match records {
        Some((from, to)) => (from.0, to.0),
        // Where the shortest log ends, or the high watermark stands.
        None => {
            let shortest = ends().min().unwrap_or(0);
            let place = shortest.min(known.true_high_watermark.0);
            (place, place.saturating_add(1))
        }
    };
    let first = from.saturating_sub(BEFORE).max(0);
    let end = to.saturating_add(BEHIND).min(last.max(to)).min(first.saturating_add(COLUMNS_MAX));
    (first..end).collect()
}

fn row(
    tape: &Tape,
    model: &Model,
    (partition, known): (TopicPartition, &PartitionView),
    node: BrokerId,
    (there, offsets): (&[Vec<(BatchId, char)>], &[i64]),
) -> Row {
    let replica = known.replicas.get(&node);
    let host = tape.setup.host_of(node).and_then(|host| model.host(host));
    let is_running = host.is_some_and(|host| host.is_running);
    let is_metadata = partition == TopicPartition::CLUSTER_METADATA;
    let in_sync = is_metadata || model.in_sync(partition).contains(node);
    let mut note = match (is_running, host.is_some_and(|host| host.is_paused)) {
        (false, _) => "down".to_owned(),
        (true, true) => format!("{}, stands still", part(model, partition, node)),
        (true, false) => part(model, partition, node),
    };
    if !in_sync {
        note += ", not in sync";
    }
    // What the failure of its power left, if it is down after one.
    let [log_start, high_watermark] = replica.map(ReplicaView::bounds_left).unwrap_or_default();
    let cells = offsets.iter().zip(there).map(|(offset, there)| {
        let offset = Offset(*offset);
        let entry = replica.and_then(|replica| replica.entry_left(offset));
        let Some(entry) = entry.filter(|_| offset >= log_start) else {
            let deleted = offset < log_start;
            return Cell { deleted, ..Cell::default() };
        };
        let committed = known.committed.entry_at(offset).is_some_and(|c| c.is_same(entry));
        let variant = there.iter().find(|(batch, _)| *batch == entry.batch);
        let variant = variant.filter(|_| there.len() > 1).map(|(_, letter)| *letter);
        Cell { epoch: Some(entry.epoch.0), committed, variant, deleted: false }
    });
    Row {
        replica: tape.node(node),
        note,
        is_running,
        in_sync,
        log_start: log_start.0,
        log_end: replica.map_or(0, |replica| replica.end_left().0),
        high_watermark: high_watermark.0,
        cells: cells.collect(),
    }
}

/// The different batches that replicas hold at `offset`, and their letters: a batch that the story
/// names by a letter keeps it, the others go on behind those.
fn letters(
    focus: &Focus,
    known: &PartitionView,
    replicas: &[BrokerId],
    offset: Offset,
) -> Vec<(BatchId, char)> {
    let named = if focus.batches.len() > 1 { focus.batches.as_slice() } else { &[] };
    let mut order: Vec<BatchId> = named.to_vec();
    let mut there: Vec<(BatchId, char)> = Vec::new();
    for node in replicas {
        let entry = known.replicas.get(node).and_then(|replica| replica.entry_left(offset));
        let Some(batch) = entry.map(|entry| entry.batch) else { continue };
        if there.iter().any(|(other, _)| *other == batch) {
            continue;
        }
        let at = order.iter().position(|other| *other == batch).unwrap_or_else(|| {
            order.push(batch);
            order.len() - 1
        });
        let at = u8::try_from(at.min(25)).unwrap_or(25);
        there.push((batch, char::from(b'a' + at)));
    }
    there
}

/// Where a batch of the story was appended last, if nobody has any more what the story begins
/// with: it was deleted meanwhile, and shows nothing.
fn seen(
    tape: &Tape,
    focus: &Focus,
    known: &PartitionView,
    replicas: &[BrokerId],
) -> Option<(Offset, Offset)> {
    let (from, _) = focus.records?;
    let start = replicas.iter().filter_map(|node| Some(known.replicas.get(node)?.log.start)).min();
    if start.is_none_or(|start| from >= start) {
        return None;
    }
    let until = usize::try_from(focus.decisive).ok()?.saturating_add(1);
    tape.events.iter().take(until).rev().find_map(|event| match &event.kind {
        Kind::LogAppended { partition, base_offset, records, batch, as_leader: true, .. }
            if Some(*partition) == focus.partition && focus.batches.contains(batch) =>
        {
            let end = *base_offset + u64::from(*records);
            start.is_some_and(|start| *base_offset >= start).then_some((*base_offset, end))
        }
        _ => None,
    })
}

/// What `node` takes itself for.
fn part(model: &Model, partition: TopicPartition, node: BrokerId) -> String {
    if partition == TopicPartition::CLUSTER_METADATA {
        let member = model.quorum.members.get(&node).and_then(|member| member.role);
        return match member {
            Some(role) => format!("{} in epoch {}", role.role, role.leader_epoch),
            None => "no part".to_owned(),
        };
    }
    let known = model.partition(partition).and_then(|known| known.replicas.get(&node));
    let role = known.and_then(|replica| replica.role.as_ref());
    match role {
        Some(role) if role.role == ReplicaRole::Leaderless => {
            format!("knows no leader, epoch {}", role.leader_epoch)
        }
        Some(role) => format!("{} of epoch {}", role.role, role.leader_epoch),
        None => "no role yet".to_owned(),
    }
}
