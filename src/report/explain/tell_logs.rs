//! What an event says, in words: the logs of the partition that the story is about.

use std::collections::BTreeMap;

use crate::event::{AckMode, Event, FaultVerb, Kind};
use crate::report::explain::focus::Shape;
use crate::report::explain::note::Tag;
use crate::report::explain::tape::{offsets, partition_of};
use crate::report::explain::tell::{Before, Teller};
use crate::trace::{Model, seconds};
use crate::types::{
    ApiKey, BatchId, BrokerId, BrokerSet, Defect, ErrorCode, LeaderEpoch, Offset, TopicPartition,
};

/// What a loss in the log of a group's coordinator matters to a story of the group.
const LOG_OF_GROUP: i32 = 40;
/// What a loss of what the quorum had committed matters to a story of another partition.
const LOG_OF_QUORUM: i32 = 24;
/// What it matters who wrote the records with which two logs part.
const PARTED: i32 = 30;
/// What a log that is loaded matters where the loss of its tail is told.
const TOLD: i32 = -30;
/// What a log that is loaded matters to the story of another replica.
const OF_ANOTHER: i32 = -50;
/// What it takes from a copy of records whose writing is told.
const COPIED: i32 = 30;

impl Teller<'_> {
    pub(crate) fn on_appended(&mut self, event: &Event, model: &Model) {
        let Kind::LogAppended {
            partition,
            base_offset,
            records,
            leader_epoch,
            batch,
            as_leader,
            ..
        } = &event.kind
        else {
            return;
        };
        let Some(node) = self.node_of(event) else { return };
        let end = *base_offset + u64::from(*records);
        let is_focus = !self.focus.batches.is_empty() && self.is_focus(*batch, *leader_epoch);
        let who = self.who(event);
        let what = offsets(*base_offset, end);
        let name = model.partition_name(*partition);
        if is_focus && *as_leader {
            self.is_written = true;
            let is_one = self.focus.batches.len() <= 1;
            let again = match self.appended.get(batch).copied() {
                None => String::new(),
                Some((at, first)) if is_one && at != *base_offset => {
                    format!(": the same records as at offset {at} before (e{first})")
                }
                Some(_) => " once more".to_owned(),
            };
            self.appended.entry(*batch).or_insert((*base_offset, event.index));
            let what = match is_one {
                true => what,
                false => format!("{} at {what}", self.batch_name(*batch)),
            };
            let text = format!(
                "{who}, which leads in epoch {leader_epoch}, appends {what} of {name}{again}"
            );
            let forbidden = self.refused.forbids(event.host, *partition);
            let extra = match forbidden {
                Some(_) => 30,
                None => self.elsewhere(*base_offset, end),
            };
            self.add_with(event, (Tag::Write, extra), text, forbidden);
        } else if is_focus {
            if self.is_observer(*partition, node) {
                return;
            }
            let text = format!("{who} copies {what}, of epoch {leader_epoch}");
            let fork = self.fork(model, *partition, node, *base_offset);
            let extra = match fork {
                Some(_) => 30,
                None => self.elsewhere(*base_offset, end),
            };
            self.add_with(event, (Tag::Copy, extra), text, fork);
        } else if *as_leader && self.pushes_out(*batch) {
            let text = format!("{who} appends another batch of the producer, at {what} of {name}");
            if !self.is_again(event, "another batch".to_owned()) {
                self.add_with(event, (Tag::Write, -6), text, None);
            }
        } else if !as_leader
            && let Some(fallen) = self.fallen(model, *partition, node, *leader_epoch)
        {
            let text = format!("{who} puts {what}, of epoch {leader_epoch}, behind {fallen}");
            self.add(event, Tag::Despite, text, None);
        } else if self.is_evidence(event) || self.covers(*base_offset, end) {
            let is_other = self.covers(*base_offset, end) && self.focus.shape != Shape::Replica;
            let records = if is_other { "other records" } else { "records" };
            let verb = match as_leader {
                true => format!("appends {records} at"),
                false => format!("copies {records} to"),
            };
            let fork =
                if *as_leader { None } else { self.fork(model, *partition, node, *base_offset) };
            // Of what replaces the records, who wrote it matters more than who took it over.
            let written = ("other written", i64::from(leader_epoch.0));
            let replaces = is_other && self.is_written && self.focus.shape == Shape::Records;
            let is_copy = replaces && fork.is_none() && self.told.contains(&written);
            let parts = *as_leader && self.focus.parted_from.is_some();
            let extra = match (is_copy, parts) {
                (true, _) => -COPIED,
                (false, true) => PARTED,
                (false, false) => 0,
            };
            let key = ("other", i64::from(node.0));
            if self.is_evidence(event) || self.told.insert(key) {
                if *as_leader {
                    self.told.insert(written);
                }
                let text = format!("{who} {verb} {what} of {name}, in epoch {leader_epoch}");
                self.add_with(event, (Tag::Write, extra), text, fork);
            }
        }
    }

    /// Whether a batch in a log is one that the story is about.
    pub(crate) fn is_focus(&self, batch: BatchId, epoch: LeaderEpoch) -> bool {
        let batches = &self.focus.batches;
        (batches.is_empty() || batches.contains(&batch))
            && self.focus.epoch.is_none_or(|wanted| wanted == epoch)
    }

    /// What it takes from an append that it is not where logs part.
    fn elsewhere(&self, from: Offset, to: Offset) -> i32 {
        let is_aside = self.focus.shape == Shape::Logs && !self.covers(from, to);
        if is_aside && self.focus.records.is_some() { -70 } else { 0 }
    }

    /// Whether `batch` is of the producer of the one that the story is about, written after it:
    /// where a leader does not know that one any more, these are why.
    fn pushes_out(&self, batch: BatchId) -> bool {
        let ([ours], Shape::Batches, true) =
            (self.focus.batches.as_slice(), self.focus.shape, self.is_written)
        else {
            return false;
        };
        let of = |batch: BatchId| self.tape.sealed(batch).and_then(|event| event.host);
        let is_forgotten = self.focus.evidence.iter().any(|at| {
            self.tape.event(*at).is_some_and(|event| {
                let Kind::ProduceHandled { error, .. } = &event.kind else { return false };
                *error == ErrorCode::OutOfOrderSequenceNumber
            })
        });
        is_forgotten && *ours != batch && of(batch).is_some() && of(batch) == of(*ours)
    }

    pub(crate) fn is_observer(&self, partition: TopicPartition, node: BrokerId) -> bool {
        partition == TopicPartition::CLUSTER_METADATA
            && !self.tape.setup.voters().any(|voter| voter == node)
    }

    /// "records of epoch 3": what a replica's newest batch, of `epoch`, stands behind, if the epoch
    /// fell; once a replica.
    pub(crate) fn fallen(
        &mut self,
        model: &Model,
        partition: TopicPartition,
        node: BrokerId,
        epoch: LeaderEpoch,
    ) -> Option<String> {
        let log = &model.partition(partition)?.replicas.get(&node)?.log;
        let before = log.before_last().filter(|before| before.epoch > epoch)?;
        let text = format!("records of epoch {}", before.epoch);
        self.told.insert(("fallen", i64::from(node.0))).then_some(text)
    }

    /// Whether a range of offsets touches the records.
    pub(crate) fn covers(&self, from: Offset, to: Offset) -> bool {
        let wants = matches!(self.focus.shape, Shape::Records | Shape::Logs | Shape::Replica);
        wants && self.focus.records.is_some_and(|(first, end)| from < end && to > first)
    }

    /// "the record before is of epoch 1 here and of epoch 2 at broker-1", if the log of `node`
    /// below `offset` is not its leader's.
    pub(crate) fn fork(
        &self,
        model: &Model,
        partition: TopicPartition,
        node: BrokerId,
        offset: Offset,
    ) -> Option<String> {
        let known = model.partition(partition)?;
        let own = known.replicas.get(&node)?;
        let leader =
            own.role.as_ref().and_then(|role| role.leader).filter(|leader| *leader != node);
        let leader = leader.or_else(|| known.acting_leader().map(|(leader, _)| leader))?;
        let theirs = &known.replicas.get(&leader).filter(|_| leader != node)?.log;
        let missing = own.log.first_missing(theirs, offset)?;
        let here = own.log.entry_at(missing.base)?;
        Some(format!(
            "its log has parted from its leader's: from offset {} on it holds records of epoch \
             {}, {} holds others, of epoch {}",
            missing.base,
            here.epoch,
            self.tape.node(leader),
            missing.epoch
        ))
    }

    pub(crate) fn on_cut(&mut self, event: &Event, before: &Before, model: &Model) {
        let Some(node) = self.node_of(event) else { return };
        let partition = partition_of(&event.kind).unwrap_or(TopicPartition::CLUSTER_METADATA);
        if self.is_observer(partition, node) && !self.is_named(node) && !self.is_evidence(event) {
            return;
        }
        let who = self.who(event);
        let (text, because, partition) = match &event.kind {
            Kind::LogTruncated { partition, log_end_offset, from, .. } => {
                let name = model.partition_name(*partition);
                if from == log_end_offset && !self.is_evidence(event) {
                    return;
                }
                let text = match from < log_end_offset {
                    true => format!(
                        "{who} empties its log of {name}, which ended at {from}, and begins it \
                         anew at {log_end_offset}"
                    ),
                    false => {
                        format!("{who} cuts its log of {name} from {from} to {log_end_offset}")
                    }
                };
                (text, self.why_cut(event, node, *log_end_offset, model), *partition)
            }
            Kind::LogRecovered {
                partition,
                log_start_offset,
                log_end_offset,
                high_watermark,
                ..
            } => {
                let name = model.partition_name(*partition);
                let begins = match before.log_start {
                    start if start == *log_start_offset => String::new(),
                    start => format!("it begins at {log_start_offset} again, not at {start}; "),
                };
                let text = format!(
                    "{who} loads its log of {name}: {begins}it ends at {log_end_offset}, the high \
                     watermark that it remembers is {high_watermark}"
                );
                let log = model.partition(*partition).and_then(|p| p.replicas.get(&node));
                let left = log.and_then(|it| self.refused.left(event.host, *partition, &it.log));
                (text, left, *partition)
            }
            Kind::DurableEnd { .. } => return self.on_power_lost(event, node, before, model),
            _ => return,
        };
        let lost = before.held
            && self.held(model, partition, node).is_none()
            && !self.has_batch(model, partition, (node, Offset::ZERO));
        let tag = if lost { Tag::Loss } else { Tag::Cut };
        let text = match self.focus.records.filter(|_| lost) {
            // Between several batches stand others.
            Some((from, to)) if self.focus.shape == Shape::Batches && to.0 - from.0 > 1 => {
                match self.focus.batches.len() {
                    1 => format!("{text}: the batch goes"),
                    _ => format!("{text}: what it has of these batches goes"),
                }
            }
            Some((from, to)) => {
                let go = if to.0 - from.0 > 1 { "go" } else { "goes" };
                let was_last = self.holders(model, partition).is_empty();
                let last = if was_last { "; nobody has it any more" } else { "" };
                format!("{text}: {} {go}{last}", offsets(from, to))
            }
            None => text,
        };
        let is_load = matches!(event.kind, Kind::LogRecovered { .. });
        let named = match self.is_named(node) {
            // What the failure of its power took is told already.
            _ if is_load && !lost && self.was_told(event, partition) => TOLD,
            true => 6,
            false if is_load && self.focus.shape == Shape::Replica => OF_ANOTHER,
            false => 0,
        };
        self.add_with(event, (tag, named), text, because);
    }

    /// Whether the log of `partition` ends, as it is loaded, where a failure of power left it.
    fn was_told(&self, event: &Event, partition: TopicPartition) -> bool {
        let Kind::LogRecovered { log_end_offset: end, .. } = &event.kind else { return false };
        let last = self.tape.last_before(event, |it| {
            it.host == event.host
                && matches!(&it.kind, Kind::DurableEnd { partition: at, .. } if *at == partition)
        });
        last.is_some_and(|it| {
            matches!(&it.kind, Kind::DurableEnd { durable_end, log_end_offset, .. }
                if durable_end < log_end_offset && durable_end == end)
        })
    }

    /// What a disk had not written is gone.
    fn on_power_lost(&mut self, event: &Event, node: BrokerId, before: &Before, model: &Model) {
        let Kind::DurableEnd { partition, log_end_offset, durable_end } = &event.kind else {
            return;
        };
        if durable_end >= log_end_offset {
            return;
        }
        let name = model.partition_name(*partition);
        let gone = offsets(*durable_end, *log_end_offset);
        let text = format!("of {name} {} loses {gone}", self.who(event));
        let host = event.host;
        let is_gone = model.faults.values().any(|fault| {
            fault.is_active
                && fault.verb == FaultVerb::ReplaceDisk
                && host.is_some_and(|host| fault.hosts.contains(&host))
        });
        let because = match is_gone {
            true => "the disk itself is gone",
            false => "they stood in its page cache only, and had not been flushed",
        };
        let is_ours = Some(*partition) == self.focus.partition;
        // What stands above is gone, or goes when the log is loaded.
        let is_loss = match self.focus.shape {
            Shape::Batches if is_ours => before.held,
            _ if is_ours && self.focus.records.is_some() => {
                before.held && self.covers(*durable_end, *log_end_offset)
            }
            // Nothing else is named: what was committed is what matters.
            _ => model
                .partition(*partition)
                .is_some_and(|known| *durable_end < known.true_high_watermark),
        };
        let tag = if is_loss { Tag::Loss } else { Tag::Hardware };
        let extra = match (is_ours, self.focus.shape) {
            (true, Shape::Group) if is_loss => LOG_OF_GROUP,
            (true, _) if self.is_named(node) => 20,
            (true, _) => 0,
            (false, _) => LOG_OF_QUORUM,
        };
        self.add_with(event, (tag, extra), text, Some(because.to_owned()));
    }

    /// Whether with `event` the quorum loses records that it had committed: then nothing that the
    /// controllers decided in them holds any more.
    pub(crate) fn is_loss_of_quorum(&self, event: &Event, model: &Model) -> bool {
        let Kind::DurableEnd { partition: TopicPartition::CLUSTER_METADATA, durable_end, .. } =
            &event.kind
        else {
            return false;
        };
        let Some(known) = model.partition(TopicPartition::CLUSTER_METADATA) else { return false };
        let committed = known.true_high_watermark;
        let mut ends: BTreeMap<BrokerId, Offset> = (self.tape.setup.voters())
            .filter_map(|voter| Some((voter, known.replicas.get(&voter)?.end_left())))
            .collect();
        if !self.node_of(event).is_some_and(|node| ends.contains_key(&node)) {
            return false;
        }
        // All of those whose power fails at once.
        let at = usize::try_from(event.index).unwrap_or(usize::MAX);
        for other in self.tape.events.iter().skip(at).take_while(|it| it.at == event.at) {
            if let Kind::DurableEnd {
                partition: TopicPartition::CLUSTER_METADATA, durable_end, ..
            } = &other.kind
                && let Some(node) = self.node_of(other)
            {
                ends.insert(node, *durable_end);
            }
        }
        let left = ends.values().filter(|end| **end >= committed).count();
        *durable_end < committed && left * 2 <= ends.len()
    }

    /// The replicas that hold the records.
    pub(crate) fn holders(&self, model: &Model, partition: TopicPartition) -> Vec<BrokerId> {
        let Some(known) = model.partition(partition) else { return Vec::new() };
        let nodes = known.replicas.keys().copied();
        nodes.filter(|node| self.held(model, partition, *node).is_some()).collect()
    }

    pub(crate) fn why_cut(
        &self,
        event: &Event,
        node: BrokerId,
        end: Offset,
        model: &Model,
    ) -> Option<String> {
        let known = model.partition(self.focus.partition?)?;
        let replica = known.replicas.get(&node)?;
        let first = event.cause.and_then(|first| self.tape.event(first));
        if let Some(Kind::Delivered { from, api, is_response: true, sent, fault, .. }) =
            first.map(|step| &step.kind)
        {
            let leader = self.tape.host(Some(*from));
            let held = fault.map(|fault| format!(", held up by fault {}", fault.saturating_add(1)));
            let held = held.unwrap_or_default();
            let has_no_answer = self.deeds.last().is_some_and(|deed| {
                deed.defect == Defect::UnknownEpochFallback && self.is_deed(event)
            });
            if *api == ApiKey::ListOffsets {
                let from = match &event.kind {
                    Kind::LogTruncated { from, .. } => *from,
                    _ => end,
                };
                let which = if from < end { "begins" } else { "ends" };
                return Some(format!(
                    "it had asked for an offset that {leader} does not have: the log there {which} \
                     at {end}{held}"
                ));
            }
            if *api == ApiKey::OffsetForLeaderEpoch && has_no_answer {
                return Some(format!(
                    "{leader} answered that it knows nothing of the epoch of the follower's last \
                     record{held}, and {end} is the follower's own high watermark"
                ));
            }
            if *api == ApiKey::OffsetForLeaderEpoch {
                return Some(format!(
                    "{leader} answered where the follower's last epoch ends there{held}"
                ));
            }
            if let Some((told, epoch, at)) = self.diverged.get(&(node, Some(*from))) {
                let late = event.at.0.saturating_sub(sent.0) > 500_000;
                let late = if late {
                    format!(", on its way since {}{held},", seconds(*sent))
                } else {
                    held
                };
                return Some(format!(
                    "an answer of {leader} (e{told}){late} says that their logs part: epoch \
                     {epoch} ends at {at} there"
                ));
            }
        }
        // What it becomes is told in the same step, after the cut.
        let after = usize::try_from(event.index).ok()?.saturating_add(1);
        let step = self.tape.events.iter().skip(after).take_while(|e| e.step == event.step);
        let becomes = step.into_iter().find_map(|event| match &event.kind {
            Kind::RoleTaken { partition, leader_epoch, leader, .. }
                if Some(*partition) == self.focus.partition =>
            {
                Some((*leader_epoch, *leader))
            }
            _ => None,
        });
        let Some((epoch, leader)) = becomes else {
            let leader = replica.role.as_ref().and_then(|role| role.leader)?;
            let told = self.diverged.get(&(node, self.tape.setup.host_of(leader)));
            let leader = self.tape.node(leader);
            return Some(match told {
                Some((told, epoch, at)) => format!(
                    "an answer of {leader} (e{told}) says that their logs part: epoch {epoch} ends \
                     at {at} there"
                ),
                None => format!("an answer of {leader} to its fetch says that their logs part"),
            });
        };
        let leader = leader.map_or_else(|| "a leader".to_owned(), |leader| self.tape.node(leader));
        let learned = self.tape.last_before(event, |it| {
            it.host == event.host
                && matches!(&it.kind, Kind::HighWatermarkMoved { partition: at, .. }
                    if Some(*at) == self.focus.partition)
        });
        let learned = learned.map_or_else(String::new, |it| {
            format!(" (that is all that it had heard of by {}, e{})", seconds(it.at), it.index)
        });
        (replica.high_watermark == end).then(|| {
            format!(
                "it follows {leader} in epoch {epoch} and cuts to its own high watermark, \
                 {end}{learned}, without asking"
            )
        })
    }

    pub(crate) fn on_high_watermark(&mut self, event: &Event, before: &Before, model: &Model) {
        let Kind::HighWatermarkMoved { partition, high_watermark, as_leader } = &event.kind else {
            return;
        };
        let Some(node) = self.node_of(event) else { return };
        let who = self.who(event);
        let name = model.partition_name(*partition);
        let (old, new) = (before.high_watermark, *high_watermark);
        let crosses = self
            .focus
            .records
            .is_some_and(|(from, to)| old < to && new >= to && (new > from) && self.is_written);
        let text = format!("{who} moves the high watermark of {name} from {old} to {new}");
        if crosses && *as_leader {
            let role =
                model.partition(*partition).and_then(|p| p.replicas.get(&node)?.role.clone());
            let all = role.map(|role| {
                format!("as far as it knows all of {} that it waits for hold that", role.maximal)
            });
            let short: Vec<String> = self
                .in_sync(model)
                .into_iter()
                .filter_map(|member| self.lacks(model, member))
                .collect();
            if short.is_empty() {
                let stale = self.of_older_epochs(node, model);
                let text = format!("{text}: the records count as committed{stale}");
                self.add(event, Tag::Commit, text, all);
            } else {
                let text = format!("{text}, although {}", short.join(", and "));
                self.add(event, Tag::Despite, text, all);
            }
        } else if self.is_evidence(event) || (self.wants_place(node) && (crosses || new < old)) {
            let what = if *as_leader {
                text
            } else {
                format!("{who} takes {new} for the high watermark of {name}; it was {old}")
            };
            let fork = self.fork(model, *partition, node, new);
            self.add(event, Tag::Place, what, fork.filter(|_| !*as_leader));
        }
    }

    /// ", although broker-1 still follows in epoch 0", of those in sync that are not in the epoch
    /// of `leader`: what they fetch says nothing of its log (KIP-320).
    fn of_older_epochs(&self, leader: BrokerId, model: &Model) -> String {
        let known = self.focus.partition.and_then(|partition| model.partition(partition));
        let epoch_of = |node: BrokerId| {
            let replica = known?.replicas.get(&node)?;
            replica.role.as_ref().map(|role| role.leader_epoch)
        };
        let leads = epoch_of(leader);
        let behind = self.in_sync(model).into_iter().filter_map(|member| {
            let epoch = epoch_of(member).filter(|epoch| Some(*epoch) < leads)?;
            Some(format!("{} still follows in epoch {epoch}", self.tape.node(member)))
        });
        let behind: Vec<String> = behind.collect();
        if behind.is_empty() { String::new() } else { format!(", although {}", behind.join(", ")) }
    }

    /// Whether the high watermark and the like of `node` are what the story is about.
    pub(crate) fn wants_place(&self, node: BrokerId) -> bool {
        matches!(self.focus.shape, Shape::Replica | Shape::Stuck | Shape::Reading)
            && (self.focus.nodes.is_empty() || self.is_named(node))
    }

    /// The committed in-sync set of the partition.
    pub(crate) fn in_sync(&self, model: &Model) -> Vec<BrokerId> {
        let partition = self.focus.partition;
        partition.map_or_else(Vec::new, |p| model.in_sync(p).iter().collect())
    }

    pub(crate) fn on_diverged(
        &mut self,
        event: &Event,
        follower: BrokerId,
        (epoch, end): (LeaderEpoch, Offset),
        model: &Model,
    ) {
        self.diverged.insert((follower, event.host), (event.index, epoch, end));
        let leader = self.who(event);
        let follower_name = self.tape.node(follower);
        let text = format!(
            "{leader} tells {follower_name} where their logs of {} part: in its log epoch {epoch} \
             ends at {end}",
            self.focus.partition.map(|p| model.partition_name(p)).unwrap_or_default()
        );
        if self.is_again(event, format!("{follower} parts at {end} of epoch {epoch}")) {
            return;
        }
        // Who is told so again and again does not come on.
        let is_stuck = self.focus.shape == Shape::Stuck && self.is_named(follower);
        let extra = if is_stuck { 20 } else { 0 };
        self.add_with(event, (Tag::Diverged, extra), text, None);
    }

    pub(crate) fn on_counted(
        &mut self,
        event: &Event,
        follower: BrokerId,
        end: Offset,
        model: &Model,
    ) {
        let who = self.who(event);
        let name = self.tape.node(follower);
        let passes = self.focus.records.is_some_and(|(from, _)| end > from);
        let text = format!("a fetch tells {who} that the log of {name} ends at {end}");
        if let Some(lacks) = self.lacks(model, follower).filter(|_| passes) {
            let role = self
                .focus
                .partition
                .and_then(|p| model.partition(p)?.replicas.get(&follower)?.role.clone());
            let leads = self.focus.partition.and_then(|p| Some(model.partition(p)?.leader_epoch));
            let stale = role.zip(leads).filter(|(role, epoch)| role.leader_epoch < *epoch);
            let because = stale.map(|(role, epoch)| {
                format!(
                    "{name} is still in leader epoch {}, the partition in {epoch}",
                    role.leader_epoch
                )
            });
            let text = format!("{text}, and it counts it, although {lacks}");
            let again = !self.told.insert(("counted", i64::from(follower.0)));
            let extra = if again { -30 } else { 0 };
            self.add_with(event, (Tag::Despite, extra), text, because);
        } else if self.is_evidence(event)
            || (self.focus.shape == Shape::Stuck && self.is_named(follower))
        {
            self.add(event, Tag::Counted, text, None);
        }
    }

    /// The event with which the producer sent again what the answering broker had not appended
    /// itself.
    fn known_already(&self, event: &Event, batch: BatchId) -> Option<u64> {
        let appended = self.tape.last_before(event, |it| {
            it.host == event.host
                && matches!(&it.kind, Kind::LogAppended { batch: its, .. } if *its == batch)
        })?;
        let is_copy = matches!(appended.kind, Kind::LogAppended { as_leader: false, .. });
        let sent = self.tape.last_before(event, |it| {
            matches!(&it.kind, Kind::BatchSent { batch: its, attempt, .. }
                if *its == batch && *attempt > 1)
        });
        sent.filter(|_| is_copy).map(|sent| sent.index)
    }

    pub(crate) fn on_answered(&mut self, event: &Event, model: &Model) {
        let Kind::ProduceAnswered { partition, batch, acks, error, base_offset } = &event.kind
        else {
            return;
        };
        if !self.focus.batches.contains(batch) && !self.is_evidence(event) {
            return;
        }
        let who = self.who(event);
        let producer = self.tape.sealed(*batch).and_then(|sealed| sealed.host);
        let producer = self.tape.host(producer).to_owned();
        let name = model.partition_name(*partition);
        if *error != ErrorCode::None {
            let text = format!("{who} answers {producer}: {error}");
            return self.add(event, Tag::Send, text, None);
        }
        let (from, to) = match (base_offset, self.focus.records) {
            (Some(base), Some((from, to))) if *base == from => (from, to),
            (Some(base), _) => (*base, *base + 1),
            (None, _) => return,
        };
        let node = self.node_of(event);
        let role =
            node.and_then(|node| model.partition(*partition)?.replicas.get(&node)?.role.clone());
        let again = self.known_already(event, *batch);
        let because = match acks {
            AckMode::All => role.map(|role| {
                let is_early = self.tape.acted(event, Defect::AckBeforeInSync);
                let waits = if is_early { "should wait" } else { "waits" };
                format!("acks=all {waits} for the in-sync set, and that is {} to it", role.maximal)
            }),
            AckMode::Leader => Some("acks=1 waits for no follower".to_owned()),
            AckMode::None => None,
        };
        let verb = if to.0 - from.0 > 1 { "are" } else { "is" };
        let text = match self.focus.shape {
            Shape::Batches => {
                format!(
                    "{who} answers {producer}: {} is written at {from}",
                    self.batch_name(*batch)
                )
            }
            _ => {
                let what = offsets(from, to);
                let again = again.map_or_else(String::new, |sent| {
                    format!(
                        " already, for it has them as a copy: {producer} had sent them again \
                         (e{sent})"
                    )
                });
                format!("{who} answers {producer}: {what} of {name} {verb} written{again}")
            }
        };
        let holders = self.holders(model, *partition);
        let in_sync = self.in_sync(model);
        let few = in_sync.iter().filter(|member| !holders.contains(member)).count() > 0
            && *acks == AckMode::All
            && self.focus.shape == Shape::Records;
        let text = match few {
            true => format!(
                "{text}; {} hold{} {}, the controller's in-sync set is {}",
                self.tape.nodes(holders.iter().copied()),
                if holders.len() == 1 { "s" } else { "" },
                if to.0 - from.0 > 1 { "them" } else { "it" },
                in_sync.iter().copied().collect::<BrokerSet>()
            ),
            false => text,
        };
        self.add(event, if few { Tag::Despite } else { Tag::Ack }, text, because);
    }
}
