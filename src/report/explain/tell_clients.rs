//! What an event says, in words: clients, disks, clocks, places in logs.

use crate::event::{
    ClosedBecause, Event, Kind, OperationResult, ProducerOutcome, StartMovedBecause,
};
use crate::report::explain::focus::Shape;
use crate::report::explain::note::Tag;
use crate::report::explain::tape::offsets;
use crate::report::explain::tell::Teller;
use crate::trace::{Model, seconds};
use crate::types::{ApiKey, BatchId, ErrorCode, Offset, TopicPartition};

/// What it takes from an answer that does not prove the breach.
const ASIDE: i32 = -30;

impl Teller<'_> {
    pub(crate) fn observe_clients(&mut self, event: &Event, model: &Model) {
        let who = self.who(event);
        match &event.kind {
            Kind::BatchSealed { batch, partition, acks, operations, .. }
                if self.is_batch(*batch) || self.is_evidence(event) =>
            {
                let name = model.partition_name(*partition);
                let what = self.batch_word(*batch, operations.len());
                let text = format!("{who} sends {what} to {name}, with acks={acks}");
                self.add(event, Tag::Send, text, None);
            }
            Kind::BatchSent { batch, attempt, to, .. } if self.is_batch(*batch) && *attempt > 1 => {
                let to = self.tape.node(*to);
                let text = format!(
                    "{who} sends {} again, to {to}: attempt {attempt}",
                    self.batch_name(*batch)
                );
                let because = self.why_again(event, *batch) + self.turned(event, *batch);
                self.add(event, Tag::Send, text, Some(because));
            }
            Kind::BatchDone { batch, result, error, base_offset, .. } if self.is_batch(*batch) => {
                let what = self.batch_name(*batch);
                let text = match (result, base_offset) {
                    (OperationResult::Ok, Some(base)) => {
                        format!("{who} is told that {what} stands at offset {base}")
                    }
                    (OperationResult::Ok, None) => format!("{who} is told that {what} is written"),
                    (OperationResult::Failed, _) => {
                        format!("{who} reports that {what} failed: {error}")
                    }
                    (OperationResult::Unknown, _) => {
                        format!("{who} gives {what} up; nobody knows what became of it: {error}")
                    }
                };
                self.add(event, Tag::Send, text, None);
            }
            Kind::ProduceHandled { batch, outcome, error, base_offset, .. }
                if self.is_batch(*batch) =>
            {
                let what = self.batch_name(*batch);
                let text = match outcome {
                    ProducerOutcome::Appended => return,
                    ProducerOutcome::Duplicate => format!(
                        "{who} knows {what} already, at offset {}",
                        base_offset.map_or_else(|| "?".to_owned(), |offset| offset.to_string())
                    ),
                    ProducerOutcome::Refused => format!("{who} refuses {what}: {error}"),
                };
                self.add(event, Tag::Send, text, None);
            }
            Kind::SequencesReset { epoch, .. } if self.is_client(event) => {
                let text = format!(
                    "{who} raises its producer epoch to {epoch} and numbers unresolved batches anew"
                );
                self.add(event, Tag::Send, text, None);
            }
            Kind::Polled { .. } => self.on_polled(event, model),
            Kind::OperationInvoked { verb, .. } if self.is_evidence(event) => {
                self.add(event, Tag::Send, format!("{who} is asked to {verb}"), None);
            }
            Kind::OperationReturned { result, error, .. } if self.is_evidence(event) => {
                let error =
                    if *error == ErrorCode::None { String::new() } else { format!(" ({error})") };
                let text = format!("{who} answers its application: {result}{error}");
                self.add(event, Tag::Send, text, None);
            }
            _ => self.observe_places(event, model),
        }
    }

    /// Why another batch of the story goes before `batch` now and went behind it at the attempt
    /// before, if one does.
    fn turned(&self, event: &Event, batch: BatchId) -> &'static str {
        let sent = |of: BatchId, before: &Event| {
            self.tape.last_before(
                before,
                |it| matches!(&it.kind, Kind::BatchSent { batch: it, .. } if *it == of),
            )
        };
        let has_sequence = self
            .tape
            .sealed(batch)
            .is_some_and(|it| matches!(&it.kind, Kind::BatchSealed { base_sequence: Some(_), .. }));
        let Some(last) = sent(batch, event).filter(|_| !has_sequence) else { return "" };
        // As RecordAccumulator.reenqueue has it without sequence numbers.
        let has_passed = |other: &BatchId| {
            let now = sent(*other, event).filter(|now| now.index > last.index);
            let before = now.and_then(|now| sent(*other, now));
            *other != batch && before.is_some_and(|before| before.index > last.index)
        };
        match self.focus.batches.iter().any(has_passed) {
            true => {
                "; a batch that failed goes to the head of its queue, so that of two that failed \
                 the order turned"
            }
            false => "",
        }
    }

    /// What became of the attempt before that which `event` tells of.
    fn why_again(&self, event: &Event, batch: BatchId) -> String {
        let at = usize::try_from(event.index).unwrap_or(usize::MAX).min(self.tape.events.len());
        let since = self.tape.events[..at].iter().rev().take_while(
            |before| !matches!(&before.kind, Kind::BatchSent { batch: it, .. } if *it == batch),
        );
        let mut has_come = false;
        for before in since {
            match &before.kind {
                Kind::ProduceAnswered { batch: it, error, .. } if *it == batch => {
                    let (who, at) = (self.who(before), before.index);
                    return match error {
                        ErrorCode::None => format!(
                            "it does not know that {who} has answered the attempt before (e{at}){}",
                            self.parted(event, batch)
                                .map_or_else(String::new, |it| format!(": {it}"))
                        ),
                        error => format!("{who} answered the attempt before with {error} (e{at})"),
                    };
                }
                Kind::Delivered { api: ApiKey::Produce, is_response: true, .. } => {
                    has_come |= before.host == event.host;
                }
                _ => {}
            }
        }
        let sent = self.tape.last_before(
            event,
            |it| matches!(&it.kind, Kind::BatchSent { batch: it, .. } if *it == batch),
        );
        let sent = sent.map_or_else(String::new, |it| {
            format!(", sent at {} (e{}),", seconds(it.at), it.index)
        });
        let parted = self.parted(event, batch);
        match has_come {
            _ if parted.is_some() => format!(
                "no answer to the attempt before{sent} has come: {}",
                parted.unwrap_or_default()
            ),
            true => format!("the answer to the attempt before{sent} did not come, or was an error"),
            false => format!("no answer to the attempt before{sent} has come"),
        }
    }

    /// "its connection to broker-2 was reset (e7)", if the producer and whom it had sent `batch` to
    /// have parted before it does again, at `event`.
    fn parted(&self, event: &Event, batch: BatchId) -> Option<String> {
        let sent = self.tape.last_before(
            event,
            |it| matches!(&it.kind, Kind::BatchSent { batch: it, .. } if *it == batch),
        )?;
        let Kind::BatchSent { to, .. } = &sent.kind else { return None };
        let (from, to) = (usize::try_from(sent.index).ok()?, self.tape.node(*to));
        let until = usize::try_from(event.index).ok()?;
        self.tape.events.get(from..until)?.iter().find_map(|it| {
            let Kind::ConnectionClosed { peer, because, .. } = &it.kind else { return None };
            let is_own = it.host == event.host && self.tape.host(Some(*peer)) == to;
            let is_its = Some(*peer) == event.host && self.tape.host(it.host) == to;
            match because {
                ClosedBecause::Closed if is_its => Some(format!(
                    "request.timeout.ms was over, and it closed its connection to {to} (e{})",
                    it.index
                )),
                ClosedBecause::Closed => {
                    is_own.then(|| format!("{to} closed the connection (e{})", it.index))
                }
                other => {
                    is_own.then(|| format!("its connection to {to} was {other} (e{})", it.index))
                }
            }
        })
    }

    fn is_batch(&self, batch: BatchId) -> bool {
        self.focus.batches.contains(&batch)
    }

    fn is_client(&self, event: &Event) -> bool {
        event.host.is_some_and(|host| self.focus.clients.contains(&host))
    }

    /// How the batches are told apart, where there are two.
    pub(crate) fn batch_name(&self, batch: BatchId) -> String {
        if self.focus.batches.len() < 2 {
            return "the batch".to_owned();
        }
        let at = self.focus.batches.iter().position(|other| *other == batch).unwrap_or(0);
        let letter = char::from(b'A' + u8::try_from(at.min(25)).unwrap_or(25));
        format!("batch {letter}")
    }

    fn batch_word(&self, batch: BatchId, records: usize) -> String {
        let many = if records == 1 { "1 record".to_owned() } else { format!("{records} records") };
        match self.focus.batches.len() {
            0 | 1 => many,
            _ => format!("{} ({many})", self.batch_name(batch)),
        }
    }

    fn on_polled(&mut self, event: &Event, model: &Model) {
        let Kind::Polled { partition, base_offset, records, batch, .. } = &event.kind else {
            return;
        };
        let end = *base_offset + u64::from(*records);
        let touches = self.focus.records.is_some_and(|(from, to)| *base_offset < to && end > from);
        let is_ours = self.is_client(event) || self.focus.clients.is_empty();
        let wants = self.is_batch(*batch)
            || (self.focus.shape == Shape::Reading && is_ours && touches)
            || (self.focus.shape == Shape::Batches && touches);
        if !wants && !self.is_evidence(event) {
            return;
        }
        let known = model.partition(*partition);
        let readable = known.map_or(Offset::ZERO, |known| known.readable_end);
        let committed = known.and_then(|known| known.committed.entry_at(*base_offset));
        let other = committed.is_some_and(|entry| entry.batch != *batch);
        let name = model.partition_name(*partition);
        let text = format!("{} is shown {} of {name}", self.who(event), offsets(*base_offset, end));
        let because = if end > readable {
            Some(format!("it was shown more than any replica's high watermark, {readable}, allows"))
        } else {
            None
        };
        let (text, extra) = match other {
            true => (format!("{text}, and that is not what is committed there"), 8),
            false => (text, if because.is_some() { 8 } else { 0 }),
        };
        self.add_with(event, (Tag::Read, extra), text, because);
    }

    /// High watermarks, log starts, caches, disks, clocks.
    fn observe_places(&mut self, event: &Event, model: &Model) {
        let who = self.who(event);
        let concerns = event.host.is_some_and(|host| self.focus.hosts.contains(&host));
        match &event.kind {
            Kind::LogStartMoved { partition, log_start_offset, because, limit, .. } => {
                let name = model.partition_name(*partition);
                let text =
                    format!("{who} begins its log of {name} at {log_start_offset} from here on");
                let limit = limit.unwrap_or_default();
                let why = match because {
                    StartMovedBecause::RetentionBytes => format!("retention.bytes={limit}"),
                    StartMovedBecause::RetentionMs => format!("retention.ms={limit}"),
                    StartMovedBecause::DeleteRecords => "a client asked for it".to_owned(),
                    StartMovedBecause::Leader => "its leader's log begins there".to_owned(),
                    StartMovedBecause::BeganAnew => {
                        "nothing of what it had is left at its leader".to_owned()
                    }
                };
                let beyond = self.focus.records.is_some_and(|(from, _)| *log_start_offset > from);
                let is_named = self.node_of(event).is_some_and(|node| self.is_named(node));
                if self.is_evidence(event) || (beyond && is_named) || self.is_place() {
                    self.add(event, Tag::Place, text, Some(why));
                }
            }
            Kind::EpochCacheChanged { partition, entries, last_epoch, last_start } => {
                let node = self.node_of(event);
                if self.is_evidence(event) || node.is_some_and(|node| self.wants_cache(node)) {
                    let name = model.partition_name(*partition);
                    let last = last_epoch.zip(*last_start);
                    let last = last.map_or_else(
                        || "is empty".to_owned(),
                        |(epoch, start)| {
                            format!("ends with epoch {epoch}, which starts at {start}")
                        },
                    );
                    let entries = match entries {
                        1 => "one entry".to_owned(),
                        many => format!("{many} entries"),
                    };
                    let is_loaded = self.tape.step_of(event).any(|it| {
                        let Kind::LogRecovered { partition: loaded, .. } = &it.kind else {
                            return false;
                        };
                        loaded == partition
                    });
                    let when = if is_loaded { "as its log is loaded, " } else { "" };
                    let text = format!(
                        "{when}the leader-epoch cache of {who} for {name} has {entries} and {last}"
                    );
                    let is_it = self.focus.records.map(|(from, _)| from) == *last_start;
                    let extra = match (self.is_evidence(event), is_it) {
                        (true, _) => 0,
                        (_, true) => -10,
                        _ => -44,
                    };
                    self.add_with(event, (Tag::Place, extra), text, None);
                }
            }
            Kind::ReplicaAudited { partition, epochs_are_sound, log_end_offset, .. }
                if self.is_evidence(event) =>
            {
                let name = model.partition_name(*partition);
                let sound = if *epochs_are_sound {
                    ""
                } else {
                    ", and its leader-epoch cache does not fit"
                };
                let text =
                    format!("audit: the log of {who} for {name} ends at {log_end_offset}{sound}");
                self.add(event, Tag::Place, text, None);
            }
            Kind::LatestOffsetTold { partition, offset: Some(offset), leader_epoch, .. } => {
                if matches!(self.focus.shape, Shape::Reading) || self.is_evidence(event) {
                    let name = model.partition_name(*partition);
                    let text = format!(
                        "{who}, leader in epoch {leader_epoch}, tells a client that {name} ends at \
                         {offset}"
                    );
                    // An end before the records says nothing of them.
                    let is_early = self.focus.records.is_some_and(|(from, _)| *offset < from);
                    let extra = match (self.is_evidence(event), is_early) {
                        (true, _) => 0,
                        (false, true) => 2 * ASIDE,
                        (false, false) => ASIDE,
                    };
                    self.add_with(event, (Tag::Read, extra), text, None);
                }
            }
            Kind::PositionSet { offset, by_reset, .. } if self.is_client(event) => {
                let how = if *by_reset { " (auto.offset.reset)" } else { "" };
                let text = format!("{who} goes on from offset {offset}{how}");
                self.add_with(event, (Tag::Read, -20), text, None);
            }
            _ => self.observe_hardware(event, concerns, model),
        }
    }

    fn is_place(&self) -> bool {
        self.focus.shape == Shape::Batches
    }

    fn wants_cache(&self, node: crate::types::BrokerId) -> bool {
        self.focus.shape == Shape::Replica && self.is_named(node)
    }

    fn observe_hardware(&mut self, event: &Event, concerns: bool, model: &Model) {
        let who = self.who(event);
        match &event.kind {
            Kind::StorageFailed { partition, error, base_offset, batch, .. } => {
                let name = model.partition_name(*partition);
                let what = match self.focus.batches.contains(batch) {
                    true => format!("{} ", self.batch_name(*batch)),
                    false => String::new(),
                };
                let text = format!(
                    "{who} cannot write {what}to its log of {name} at offset {base_offset}: {error}"
                );
                self.add_with(event, (Tag::Hardware, 20), text, None);
            }
            Kind::DiskReplaced {} if concerns => {
                let text = format!("{who} has lost all that was on its disk");
                self.add_with(event, (Tag::Hardware, -30), text, None);
            }
            Kind::DiskStalled { lane, blocking: true } if concerns => {
                let key = ("stalled", event.host.map_or(-1, |host| i64::from(host.0)));
                if self.told.insert(key) {
                    let text = format!("{who}: {lane} stands still until the disk does");
                    self.add(event, Tag::Hardware, text, None);
                }
            }
            // What a fault does to a clock is told with the fault.
            Kind::ClockSet { .. } if self.is_by_fault(event) => {}
            Kind::ClockSet { by, drift } if concerns => {
                let text = match by {
                    0 if *drift == 0 => format!("{who}: both clocks keep time again"),
                    0 => format!("{who}: both clocks gain {drift} us in a second from here on"),
                    by => format!("{who}: the wall clock jumps by {} ms", by / 1000),
                };
                self.add(event, Tag::Hardware, text, None);
            }
            Kind::PartitionsCreated { topic, before, count } if self.is_evidence(event) => {
                let first = model.partition_name(TopicPartition::new(*topic, 0));
                let name = first.strip_suffix("-0").unwrap_or(&first);
                let text = format!("{who} gives topic {name} {count} partitions; it had {before}");
                self.add(event, Tag::Admin, text, None);
            }
            _ if self.is_evidence(event) => {
                let text = format!("{who}: {}", event.kind.name());
                self.add(event, Tag::Place, text, None);
            }
            _ => {}
        }
    }
}
