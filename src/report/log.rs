//! The logs of a partition's replicas side by side, or of the metadata quorum's members.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::event::{AckMode, OperationResult};
use crate::history::{Batch, History};
use crate::report::at::{At, TellError, fold_showing, partition_named};
use crate::report::metadata_records::{Records, told};
use crate::report::state::{self, State};
use crate::trace::{DeletedBatches, LogEntry, PartitionView, ReplicaView, RunFile};
use crate::types::{BatchId, BrokerId, LeaderEpoch, Offset, TopicPartition};

/// The logs of a partition at an instant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Logs {
    /// The last event that is in it.
    pub event: u64,
    /// Its time in seconds.
    pub at: String,
    /// The partition with its replicas, as in the state; of the metadata log there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<state::Partition>,
    /// Of the metadata log the quorum, as in the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<state::Quorum>,
    /// Of the quorum's members so many are voters; they come first.
    #[serde(skip)]
    pub voters: usize,
    /// Stretches of offsets, in order; where the replicas differ they part.
    pub rows: Vec<Row>,
    /// Acknowledged batches that no replica holds.
    pub gone: Vec<Gone>,
}

/// Consecutive offsets for which the same holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Row {
    /// The first offset.
    pub from: i64,
    /// The offset after the last.
    pub below: i64,
    /// How many batches, at most, begin here in one replica.
    pub batches: u64,
    /// What each replica has there, in the order of the partition's replicas, or of the quorum's
    /// members.
    pub cells: Vec<Cell>,
    /// What producers know of the batches, by their letter: `A all` for acks=all acknowledged.
    pub acked: Vec<(char, &'static str)>,
    /// Of the metadata log: what the records are, by the letter of their batch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<(char, String)>,
    /// Whether it was acknowledged and the leader in the controller's view lacks it.
    pub lost: bool,
}

/// What a replica has in a stretch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// Nothing: its log ends before.
    Missing,
    /// Nothing any more: its log begins after.
    Deleted,
    /// Batches of this epoch.
    Batch {
        /// The leader epoch.
        epoch: i32,
        /// The same letter in a row stands for the same batch.
        letter: char,
        /// The batch, where the row has only one.
        id: Option<String>,
    },
}

/// An acknowledged batch that no replica holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Gone {
    /// Where its producer was told that it stands.
    pub from: i64,
    /// The offset after its last record.
    pub below: i64,
    /// What its answer waited for.
    pub acks: &'static str,
}

/// Which offsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offsets {
    /// From this one on.
    pub from: Option<i64>,
    /// Below this one.
    pub below: Option<i64>,
}

impl Logs {
    /// The logs of the partition `name` in the run of `file` at `at`. With `offsets` every batch
    /// of these has a row of its own.
    ///
    /// # Errors
    ///
    /// When the file does not read, or has no such instant or partition.
    pub fn of(file: &RunFile, at: At, name: &str, offsets: Offsets) -> Result<Self, TellError> {
        let mut history = History::default();
        let mut records = Records::default();
        let (model, event) = fold_showing(file, at, |event, model| {
            history.apply(event);
            records.observe(event, model);
        })?;
        let partition = partition_named(&model, name)?;
        let none = PartitionView::default();
        let view = model.partition(partition).unwrap_or(&none);
        let state = State::of(&model, event);
        let is_metadata = partition == TopicPartition::CLUSTER_METADATA;
        let shown = (!is_metadata).then(|| state::Partition::of(&model, partition, view));
        let quorum = is_metadata.then_some(state.quorum);
        let mut logs = Self {
            event,
            at: state.at,
            partition: shown,
            quorum,
            voters: if is_metadata { model.setup().voters().count() } else { 0 },
            rows: Vec::new(),
            gone: Vec::new(),
        };
        let brokers: Vec<BrokerId> = logs.nodes().into_iter().map(BrokerId).collect();
        let deleted = &model.deleted;
        let table = Table { view, brokers: &brokers, history: &history, deleted, partition };
        logs.rows = table.rows(offsets);
        if offsets == Offsets::default() {
            logs.rows = gathered(std::mem::take(&mut logs.rows));
        }
        if is_metadata {
            logs.rows.iter_mut().for_each(|row| row.add_records(&records));
        }
        logs.gone = table.gone(offsets);
        Ok(logs)
    }

    /// The ids of those that have a log, in the order of the columns.
    pub(super) fn nodes(&self) -> Vec<i32> {
        let replicas = self.partition.iter().flat_map(|it| &it.replicas).map(|it| it.broker);
        let members = self.quorum.iter().flat_map(|it| &it.members).map(|it| it.node);
        replicas.chain(members).collect()
    }

    /// Of each of them the first offset of its log, and its high watermark if it runs.
    pub(super) fn bounds(&self) -> Vec<(i32, i64, Option<i64>)> {
        let replicas = self.partition.iter().flat_map(|it| &it.replicas);
        let members = self.quorum.iter().flat_map(|it| &it.members);
        replicas
            .map(|it| (it.broker, it.log_start_offset, it.high_watermark))
            .chain(members.map(|it| (it.node, it.log_start_offset, it.high_watermark)))
            .collect()
    }
}

impl Row {
    /// Says what the metadata records of this row are, for each of the batches that differ.
    fn add_records(&mut self, records: &Records) {
        let mut variants: Vec<(char, i32)> = Vec::new();
        for cell in &self.cells {
            if let Cell::Batch { epoch, letter, .. } = cell
                && !variants.iter().any(|(known, _)| known == letter)
            {
                variants.push((*letter, *epoch));
            }
        }
        for (letter, epoch) in variants {
            let (from, below) = (Offset(self.from), Offset(self.below));
            let known: Vec<_> = records.between(LeaderEpoch(epoch), from, below).collect();
            let all = self.below.abs_diff(self.from);
            let others = all.saturating_sub(known.len() as u64);
            self.records.push((letter, told(&known, others)));
        }
    }
}

struct Table<'a> {
    view: &'a PartitionView,
    brokers: &'a [BrokerId],
    history: &'a History,
    deleted: &'a DeletedBatches,
    partition: TopicPartition,
}

impl Table<'_> {
    fn entries(&self, broker: BrokerId) -> impl Iterator<Item = &LogEntry> {
        let replica = self.view.replicas.get(&broker);
        replica.into_iter().flat_map(ReplicaView::entries_left)
    }

    /// A row for each stretch in which no replica begins another batch.
    fn rows(&self, offsets: Offsets) -> Vec<Row> {
        let mut borders: Vec<Offset> = Vec::new();
        for broker in self.brokers {
            borders.extend(self.entries(*broker).flat_map(|entry| [entry.base, entry.end()]));
            if let Some(replica) = self.view.replicas.get(broker) {
                let [start, high_watermark] = replica.bounds_left();
                let high_watermark = replica.is_loaded.then_some(high_watermark);
                borders.extend(high_watermark.map(|it| it.min(replica.end_left())));
                borders.push(start);
            }
        }
        borders.sort_unstable();
        borders.dedup();
        let stretches = borders.windows(2).map(|pair| (pair[0], pair[1]));
        let wanted = stretches.filter(|(from, below)| {
            offsets.from.is_none_or(|first| below.0 > first)
                && offsets.below.is_none_or(|end| from.0 < end)
        });
        wanted.filter_map(|(from, below)| self.row(from, below)).collect()
    }

    fn row(&self, from: Offset, below: Offset) -> Option<Row> {
        let mut letters: Vec<(BatchId, i32)> = Vec::new();
        let mut cells = Vec::new();
        for broker in self.brokers {
            cells.push(self.cell(*broker, from, &mut letters));
        }
        if letters.is_empty() {
            return None;
        }
        let acked: Vec<_> = letters
            .iter()
            .zip('A'..)
            .filter_map(|((batch, _), letter)| Some((letter, self.known(*batch)?)))
            .collect();
        let leader = self.view.state.as_ref().and_then(|state| state.leader);
        let place = leader.and_then(|leader| self.brokers.iter().position(|b| *b == leader));
        let led = place.and_then(|place| match &cells[place] {
            Cell::Batch { letter, .. } => Some(*letter),
            // What was deleted by rule is not lost.
            Cell::Deleted => Some('*'),
            Cell::Missing => None,
        });
        let is_lost = |(letter, what): &(char, &str)| {
            matches!(*what, "1" | "all") && led != Some('*') && led != Some(*letter)
        };
        let lost = place.is_some() && acked.iter().any(is_lost);
        let records = Vec::new();
        Some(Row { from: from.0, below: below.0, batches: 1, cells, acked, records, lost })
    }

    fn cell(&self, broker: BrokerId, from: Offset, letters: &mut Vec<(BatchId, i32)>) -> Cell {
        let Some(replica) = self.view.replicas.get(&broker) else { return Cell::Missing };
        if from < replica.log.start {
            return Cell::Deleted;
        }
        let entry = replica.log.entry_at(from).filter(|_| from < replica.end_left());
        let Some(entry) = entry else { return Cell::Missing };
        let name = (entry.batch, entry.epoch.0);
        let place = letters.iter().position(|known| *known == name).unwrap_or_else(|| {
            letters.push(name);
            letters.len() - 1
        });
        Cell::Batch {
            epoch: entry.epoch.0,
            letter: ('A'..='Z').nth(place).unwrap_or('?'),
            id: Some(entry.batch.to_string()),
        }
    }

    /// What the batch's producer knows of it.
    fn known(&self, batch: BatchId) -> Option<&'static str> {
        let batch = self.history.batches.get(&batch)?;
        Some(match batch.result {
            None => "open",
            Some(OperationResult::Failed) => "failed",
            Some(OperationResult::Unknown) => "unknown",
            Some(OperationResult::Ok) => acks(batch),
        })
    }

    /// Batches that were acknowledged and that no replica holds where their producer was told.
    fn gone(&self, offsets: Offsets) -> Vec<Gone> {
        let mut held: BTreeSet<BatchId> = BTreeSet::new();
        for broker in self.brokers {
            held.extend(self.entries(*broker).map(|entry| entry.batch));
        }
        let mut gone: Vec<Gone> = Vec::new();
        for (id, batch) in self.history.batches.iter() {
            let is_acked = batch.result == Some(OperationResult::Ok)
                && batch.acks != AckMode::None
                && batch.partition == self.partition;
            let Some(base) = batch.base_offset().filter(|_| is_acked) else { continue };
            if held.contains(id) || self.deleted.has(self.partition, *id) {
                continue;
            }
            let below = base + batch.operations.len() as u64;
            gone.push(Gone { from: base.0, below: below.0, acks: acks(batch) });
        }
        gone.retain(|gone| {
            offsets.from.is_none_or(|from| gone.below > from)
                && offsets.below.is_none_or(|below| gone.from < below)
        });
        gone.sort_by_key(|gone| (gone.from, gone.below));
        let mut rows: Vec<Gone> = Vec::new();
        for next in gone {
            match rows.last_mut().filter(|last| last.below == next.from && last.acks == next.acks) {
                Some(last) => last.below = next.below,
                None => rows.push(next),
            }
        }
        rows
    }
}

fn acks(batch: &Batch) -> &'static str {
    match batch.acks {
        AckMode::None => "0",
        AckMode::Leader => "1",
        AckMode::All => "all",
    }
}

/// Rows of which the same holds, one after the other, as one.
fn gathered(rows: Vec<Row>) -> Vec<Row> {
    let mut gathered: Vec<Row> = Vec::new();
    for row in rows {
        match gathered.last_mut().filter(|last| is_alike(last, &row)) {
            Some(last) => {
                last.below = row.below;
                last.batches += row.batches;
                for cell in &mut last.cells {
                    if let Cell::Batch { id, .. } = cell {
                        *id = None;
                    }
                }
            }
            None => gathered.push(row),
        }
    }
    gathered
}

fn is_alike(one: &Row, other: &Row) -> bool {
    let pattern = |cell: &Cell| match cell {
        Cell::Missing => (0, None),
        Cell::Deleted => (1, None),
        Cell::Batch { epoch, letter, .. } => (2, Some((*epoch, *letter))),
    };
    one.below == other.from
        && one.acked == other.acked
        && one.lost == other.lost
        && one.cells.iter().map(pattern).eq(other.cells.iter().map(pattern))
}
