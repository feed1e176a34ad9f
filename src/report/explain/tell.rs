//! Goes through a run and has each event say in words what may become a step.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Kind};
use crate::report::explain::focus::{Focus, Shape};
use crate::report::explain::not_cause::Suspects;
use crate::report::explain::note::{Deed, Note, Tag};
use crate::report::explain::refused::RefusedWrites;
use crate::report::explain::tape::{Tape, offsets, partition_of};
use crate::report::explain::tell_group::members;
use crate::trace::{Model, seconds};
use crate::types::{
    BatchId, BrokerId, BrokerSet, HostId, LeaderEpoch, Name, Offset, TopicPartition,
};

/// Goes through the run up to its decisive event, and notes what may become a step.
pub(crate) struct Teller<'a> {
    pub(crate) tape: &'a Tape,
    pub(crate) focus: &'a Focus,
    pub(crate) notes: Vec<Note>,
    /// Where bugs that are switched on decided.
    pub(crate) deeds: Vec<Deed>,
    /// Whether the records were appended by anybody yet.
    pub(crate) is_written: bool,
    /// Batches of the story that a leader appended: where, and the event of the first time.
    pub(crate) appended: BTreeMap<BatchId, (Offset, u64)>,
    /// The last place at which each follower was told by each leader that its log parts from the
    /// leader's.
    pub(crate) diverged: BTreeMap<(BrokerId, Option<HostId>), (u64, LeaderEpoch, Offset)>,
    /// Who was told once of what repeats itself.
    pub(crate) told: BTreeSet<(&'static str, i64)>,
    /// The last set that a leader asked for, and the event.
    pub(crate) asked: Option<(BrokerSet, u64)>,
    /// Brokers that left the in-sync set, and the event of the last time.
    pub(crate) left: BTreeMap<BrokerId, u64>,
    /// Brokers that the controller fenced last, and the event.
    pub(crate) fenced: BTreeMap<BrokerId, u64>,
    /// The last metadata record that was told.
    pub(crate) read_to: Option<Offset>,
    /// Brokers that registered after an unclean end and are not unfenced yet, and the event.
    pub(crate) unclean_starts: BTreeMap<BrokerId, u64>,
    /// The controller's decision of an unclean election, by leader epoch.
    pub(crate) unclean: BTreeSet<LeaderEpoch>,
    /// Writes to logs that failed.
    pub(crate) refused: RefusedWrites,
    /// The hosts of a group's members, by member id.
    pub(crate) members: BTreeMap<Name, HostId>,
    /// What was said again and again: by whom, and what.
    pub(crate) again: BTreeMap<(Option<HostId>, String), Again>,
}

/// What was said again and again, and how often.
#[derive(Clone, Copy)]
pub(crate) struct Again {
    /// The place of the note that tells so.
    pub(crate) place: usize,
    /// How often it was said after that.
    pub(crate) more: u32,
    /// The event of the last time.
    pub(crate) last: u64,
}

/// What is known just before an event is folded in.
pub(crate) struct Before {
    pub(crate) held: bool,
    pub(crate) high_watermark: Offset,
    pub(crate) log_start: Offset,
}

impl<'a> Teller<'a> {
    /// The notes of the run up to the decisive event, and what it shows of the usual suspects.
    pub(crate) fn notes(tape: &'a Tape, focus: &'a Focus) -> (Vec<Note>, Vec<Deed>, Suspects) {
        let mut suspects = Suspects::default();
        let mut teller = Self {
            tape,
            focus,
            notes: Vec::new(),
            deeds: Vec::new(),
            is_written: false,
            appended: BTreeMap::new(),
            diverged: BTreeMap::new(),
            told: BTreeSet::new(),
            asked: None,
            left: BTreeMap::new(),
            fenced: BTreeMap::new(),
            read_to: None,
            unclean_starts: BTreeMap::new(),
            unclean: BTreeSet::new(),
            refused: RefusedWrites::default(),
            members: members(tape, focus),
            again: BTreeMap::new(),
        };
        let mut model = Model::new(std::sync::Arc::clone(&tape.setup));
        for event in &tape.events {
            if event.index > focus.decisive {
                break;
            }
            let before = teller.before(event, &model);
            model.apply(event);
            teller.refused.observe(event);
            teller.observe(event, &before, &model);
            suspects.observe(tape, focus, event, &model);
        }
        teller.count_again();
        (teller.notes, teller.deeds, suspects)
    }

    /// Says of what was said again and again how often.
    fn count_again(&mut self) {
        for again in self.again.values().filter(|it| it.more > 0) {
            let last = self.tape.event(again.last).map(|it| seconds(it.at));
            let Some((note, last)) = self.notes.get_mut(again.place).zip(last) else { continue };
            let times = match again.more {
                1 => "once".to_owned(),
                more => format!("{more} times"),
            };
            note.text += &format!(", and {times} more until {last} (e{})", again.last);
        }
    }

    /// Whether the host of `event` has said the same already; then the note that tells so says how
    /// often.
    pub(crate) fn is_again(&mut self, event: &Event, what: String) -> bool {
        let (key, place) = ((event.host, what), self.notes.len());
        match self.again.get_mut(&key) {
            Some(again) if !self.focus.evidence.contains(&event.index) => {
                again.more += 1;
                again.last = event.index;
                true
            }
            _ => {
                self.again.insert(key, Again { place, more: 0, last: event.index });
                false
            }
        }
    }

    pub(crate) fn before(&self, event: &Event, model: &Model) -> Before {
        let none = Before { held: false, high_watermark: Offset::ZERO, log_start: Offset::ZERO };
        let (Kind::LogTruncated { partition, .. }
        | Kind::LogRecovered { partition, .. }
        | Kind::LogAppended { partition, .. }
        | Kind::ReplicaRemoved { partition }
        | Kind::DurableEnd { partition, .. }
        | Kind::LogStartMoved { partition, .. }
        | Kind::HighWatermarkMoved { partition, .. }) = &event.kind
        else {
            return none;
        };
        let node = event.host.and_then(|host| self.tape.setup.node(host));
        let (true, Some(node)) = (Some(*partition) == self.focus.partition, node) else {
            return none;
        };
        let known = model.partition(*partition).and_then(|known| known.replicas.get(&node));
        let high_watermark = known.map_or(Offset::ZERO, |replica| replica.high_watermark);
        let log_start = known.map_or(Offset::ZERO, |replica| replica.log.start);
        // A log that is cut may lose a batch of the story wherever that stands.
        let is_cut = matches!(
            event.kind,
            Kind::LogTruncated { .. } | Kind::LogRecovered { .. } | Kind::DurableEnd { .. }
        );
        // Of what a failure of power takes the place is known.
        let from = match &event.kind {
            Kind::DurableEnd { durable_end, .. } => *durable_end,
            _ => Offset::ZERO,
        };
        let holds_any = || self.held(model, *partition, node).is_some();
        let held = is_cut && self.has_batch(model, *partition, (node, from))
            || (from == Offset::ZERO || self.focus.shape != Shape::Batches) && holds_any();
        Before { held, high_watermark, log_start }
    }

    /// Whether `node` holds a batch of a story of batches, from `offset` on.
    pub(crate) fn has_batch(
        &self,
        model: &Model,
        partition: TopicPartition,
        (node, offset): (BrokerId, Offset),
    ) -> bool {
        let known = model.partition(partition).and_then(|known| known.replicas.get(&node));
        self.focus.shape == Shape::Batches
            && known.is_some_and(|replica| {
                let entries = replica.log.entries().iter_from(replica.log.index_of(offset));
                let mut left = entries.take_while(|entry| entry.base < replica.end_left());
                left.any(|entry| self.focus.batches.contains(&entry.batch))
            })
    }

    /// The first of the records that `node` holds, if it holds any.
    pub(crate) fn held(
        &self,
        model: &Model,
        partition: TopicPartition,
        node: BrokerId,
    ) -> Option<BatchId> {
        let replica = model.partition(partition)?.replicas.get(&node)?;
        let (from, to) = self.focus.records?;
        let end = to.min(replica.end_left());
        let mut entries = replica.log.entries().iter_from(replica.log.index_of(from));
        let found = entries
            .by_ref()
            .take_while(|entry| entry.base < end)
            .find(|entry| self.is_focus(entry.batch, entry.epoch));
        found.map(|entry| entry.batch)
    }

    pub(crate) fn observe(&mut self, event: &Event, before: &Before, model: &Model) {
        if let Kind::DefectActed { defect, partition } = &event.kind {
            return self.on_deed(event, defect, *partition, model);
        }
        let partition = partition_of(&event.kind);
        let is_given = matches!(event.kind, Kind::Polled { .. })
            && self.focus.group.as_ref().is_some_and(|group| group.partition == partition);
        let is_ours = partition.is_none() || partition == self.focus.partition || is_given;
        if !is_ours && !self.is_evidence(event) && !self.is_loss_of_quorum(event, model) {
            return;
        }
        match &event.kind {
            Kind::LogAppended { .. } => self.on_appended(event, model),
            Kind::LogTruncated { .. } | Kind::LogRecovered { .. } | Kind::DurableEnd { .. } => {
                self.on_cut(event, before, model);
            }
            Kind::HighWatermarkMoved { .. } => self.on_high_watermark(event, before, model),
            Kind::FetchDiverged { follower, leader_epoch, end_offset, .. } => {
                self.on_diverged(event, *follower, (*leader_epoch, *end_offset), model);
            }
            Kind::FollowerCounted { follower, log_end_offset, .. } => {
                self.on_counted(event, *follower, *log_end_offset, model);
            }
            Kind::ProduceAnswered { .. } => self.on_answered(event, model),
            _ if self.observe_group(event, model) => {}
            _ => self.observe_cluster(event, model),
        }
    }

    pub(crate) fn is_evidence(&self, event: &Event) -> bool {
        self.focus.evidence.contains(&event.index)
    }

    pub(crate) fn add(&mut self, event: &Event, tag: Tag, text: String, because: Option<String>) {
        self.add_with(event, (tag, 0), text, because);
    }

    pub(crate) fn add_with(
        &mut self,
        event: &Event,
        (tag, extra): (Tag, i32),
        text: String,
        because: Option<String>,
    ) {
        self.notes.push(Note { event: event.index, tag, extra, text, because, rests: Vec::new() });
    }

    pub(crate) fn who(&self, event: &Event) -> String {
        self.tape.host(event.host).to_owned()
    }

    pub(crate) fn node_of(&self, event: &Event) -> Option<BrokerId> {
        self.tape.setup.node(event.host?)
    }

    /// Whether `node` is one that the breach names.
    pub(crate) fn is_named(&self, node: BrokerId) -> bool {
        self.focus.nodes.contains(&node)
    }

    /// "its log ends at 7 and lacks offset 7", if `node` lacks the records that the story is about.
    pub(crate) fn lacks(&self, model: &Model, node: BrokerId) -> Option<String> {
        let Focus { shape: Shape::Records, partition: Some(partition), .. } = self.focus else {
            return None;
        };
        let ([_], Some((from, to))) = (self.focus.batches.as_slice(), self.focus.records) else {
            return None;
        };
        if !self.is_written || self.focus.holds(model, node) {
            return None;
        }
        let replica = model.partition(*partition)?.replicas.get(&node)?;
        Some(match replica.entry_left(from) {
            Some(other) => format!(
                "{} holds another record at offset {from}, of epoch {}",
                self.tape.node(node),
                other.epoch
            ),
            None => format!(
                "the log of {} ends at {}, without {}",
                self.tape.node(node),
                replica.end_left(),
                offsets(from, to)
            ),
        })
    }
}
