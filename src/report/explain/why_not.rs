//! Why each replica that lacks the records lacks them: what did not happen, and what kept it.

use crate::event::{Event, Kind, QuorumRole};
use crate::report::explain::focus::{Focus, Shape, replicas_of};
use crate::report::explain::refused::refused;
use crate::report::explain::shape::WhyNot;
use crate::report::explain::tape::{FaultRecord, Tape, offsets};
use crate::trace::{Model, seconds};
use crate::types::{
    ApiKey, BatchId, BrokerId, HostId, LeaderEpoch, Moment, Offset, TopicPartition,
};

/// The records, and where they were first written.
struct Wanted {
    partition: TopicPartition,
    batch: BatchId,
    from: Offset,
    to: Offset,
    written: u64,
    at: Moment,
    writer: HostId,
    writer_node: Option<BrokerId>,
    epoch: LeaderEpoch,
}

/// What happened to one replica from before the write on.
#[derive(Default)]
struct Life {
    /// When it had the records, and how it lost them.
    had: Option<u64>,
    lost: Option<(u64, String)>,
    /// When its process was down, and when it stood still.
    down: Vec<(u64, Option<u64>)>,
    paused: Vec<(u64, Option<u64>)>,
    /// When it turned to another leader after the write.
    turned: Option<u64>,
    /// Its part when the records were written.
    leader_then: Option<(Option<BrokerId>, LeaderEpoch)>,
    /// The last fetch that reached the writer before the write, and the first after it.
    fetch_before: Option<u64>,
    fetch_after: Option<u64>,
    /// What came back of the last fetch before the write, and the fault that held it up.
    answer_before: Option<(u64, Option<u32>)>,
    /// When the process ended that wrote the records: what reaches another is no fetch of theirs.
    writer_ended: Option<(u64, Moment)>,
    /// The first answer of the writer after the write, and the fault that held it up.
    answer_after: Option<(u64, Option<u32>)>,
    /// Whether the writer led the quorum no longer when it gave that answer, and since when it did
    /// again.
    has_retired: bool,
    led_again: Option<u64>,
}

/// Why replicas lack the records; for other stories what is to be known of each replica.
pub(crate) fn why_not(tape: &Tape, focus: &Focus, model: &Model) -> Vec<WhyNot> {
    let Some(partition) = focus.partition else { return Vec::new() };
    match focus.shape {
        Shape::Records => {
            let Some(wanted) = wanted(tape, focus, partition) else { return Vec::new() };
            let faults = tape.faults(focus.decisive);
            named_first(focus, model, partition)
                .into_iter()
                .filter(|node| !focus.holds(model, *node))
                .filter_map(|node| lacking(tape, focus, model, &wanted, node, &faults))
                .collect()
        }
        Shape::Logs => forked(tape, focus, model, partition),
        Shape::Stuck => stuck(tape, focus, model, partition),
        _ => Vec::new(),
    }
}

/// The replicas, those first that the breach names: an observer of the metadata log is one, too.
fn named_first(focus: &Focus, model: &Model, partition: TopicPartition) -> Vec<BrokerId> {
    let known = model.partition(partition);
    let has_log = |node: &BrokerId| known.is_some_and(|it| it.replicas.contains_key(node));
    let mut nodes: Vec<BrokerId> = focus.nodes.iter().copied().filter(has_log).collect();
    let others = replicas_of(model, partition);
    nodes.extend(others.into_iter().filter(|node| !focus.nodes.contains(node) || !has_log(node)));
    nodes
}

fn wanted(tape: &Tape, focus: &Focus, partition: TopicPartition) -> Option<Wanted> {
    let batch = *focus.batches.first()?;
    let (from, to) = focus.records?;
    let written = tape.written(partition, batch, (Some(from), focus.epoch))?;
    Some(Wanted {
        partition,
        batch,
        from,
        to,
        written: written.event,
        at: tape.event(written.event)?.at,
        writer: written.host?,
        writer_node: tape.setup.node(written.host?),
        epoch: written.epoch,
    })
}

fn at(tape: &Tape, event: u64) -> String {
    tape.event(event).map_or_else(String::new, |event| seconds(event.at))
}

fn it(wanted: &Wanted) -> &'static str {
    if wanted.to.0 - wanted.from.0 > 1 { "them" } else { "it" }
}

fn lacking(
    tape: &Tape,
    focus: &Focus,
    model: &Model,
    wanted: &Wanted,
    node: BrokerId,
    faults: &[FaultRecord],
) -> Option<WhyNot> {
    let host = tape.setup.host_of(node)?;
    let life = life(tape, focus, wanted, host);
    let replica = tape.host(Some(host)).to_owned();
    let (text, event) = match (&life.had, &life.lost) {
        (Some(had), Some((lost, how))) => {
            (format!("it had {} (e{had}), and {how}", it(wanted)), Some(*lost))
        }
        // Whoever wrote it had it, whatever its disk made of that.
        _ if host == wanted.writer => wrote(model, wanted, node),
        _ => never((tape, focus), model, wanted, node, (&life, host), faults),
    };
    Some(WhyNot { replica, text, event })
}

/// What became of the records at the replica that wrote them first.
fn wrote(model: &Model, wanted: &Wanted, node: BrokerId) -> (String, Option<u64>) {
    let replica = model.partition(wanted.partition).and_then(|p| p.replicas.get(&node));
    let other = replica.and_then(|replica| replica.entry_left(wanted.from));
    let had = format!("it wrote {} (e{})", it(wanted), wanted.written);
    match other {
        Some(other) => (
            format!("{had}, and holds another record there, of epoch {}", other.epoch),
            Some(wanted.written),
        ),
        None => (format!("{had}, and holds nothing there any more"), Some(wanted.written)),
    }
}

/// The event with which `host` came by the records after all.
fn copied_later(tape: &Tape, focus: &Focus, wanted: &Wanted, host: HostId) -> Option<u64> {
    let rest = usize::try_from(focus.decisive).ok()?.saturating_add(1);
    let copied = tape.events.iter().skip(rest).find(|event| {
        let Kind::LogAppended { partition, batch, leader_epoch, .. } = &event.kind else {
            return false;
        };
        event.host == Some(host)
            && *partition == wanted.partition
            && *batch == wanted.batch
            && *leader_epoch == wanted.epoch
    });
    copied.map(|event| event.index)
}

/// Why a replica never had the records, in the order of time.
fn never(
    (tape, focus): (&Tape, &Focus),
    model: &Model,
    wanted: &Wanted,
    node: BrokerId,
    (life, host): (&Life, HostId),
    faults: &[FaultRecord],
) -> (String, Option<u64>) {
    let writer = tape.host(Some(wanted.writer)).to_owned();
    let mut parts: Vec<(String, Option<u64>)> = Vec::new();
    let replica = model.partition(wanted.partition).and_then(|p| p.replicas.get(&node));
    let other = replica.and_then(|replica| replica.entry_left(wanted.from));
    if let Some(other) = other {
        let text = format!(
            "it holds another record at offset {}, of epoch {} (e{})",
            wanted.from, other.epoch, other.event
        );
        parts.push((text, Some(other.event)));
    }
    let (then, later) = absences(tape, life, wanted);
    parts.extend(then);
    parts.extend(belief(tape, wanted, node, (life, host), faults));
    parts.extend(apart(tape, wanted, (life, host), faults));
    if other.is_none() {
        parts.push((fetches(tape, life, &writer, faults), None));
    }
    parts.extend(later);
    let what = offsets(wanted.from, wanted.to);
    let later = copied_later(tape, focus, wanted, host);
    let lead = match later {
        Some(_) => format!("it had yet to copy {what}"),
        None => format!("it never had {what}"),
    };
    let copied = later
        .map(|it| (format!("it copied {} at {} (e{it})", self::it(wanted), at(tape, it)), None));
    parts.extend(copied);
    let event = parts.iter().find_map(|(_, event)| *event);
    let texts: Vec<String> = parts.into_iter().map(|(text, _)| text).collect();
    (format!("{lead}: {}", texts.join("; ")), event)
}

/// A part of a sentence, and the event that bears it out.
type Part = (String, Option<u64>);

/// That its process did not run when the records were written, or ended after that.
fn absences(tape: &Tape, life: &Life, wanted: &Wanted) -> (Option<Part>, Option<Part>) {
    let lasting = |all: &[(u64, Option<u64>)]| {
        let mut all = all.iter().copied();
        all.find(|(_, end)| end.is_none_or(|end| end > wanted.written))
    };
    let until = |end: Option<u64>, never: &str| match end {
        Some(end) => format!(" to {} (e{end})", at(tape, end)),
        None => never.to_owned(),
    };
    let down = lasting(&life.down).map(|(stop, start)| {
        let end = until(start, " on");
        (stop, format!("its process was down from {} (e{stop}){end}", at(tape, stop)))
    });
    let paused = lasting(&life.paused).map(|(stop, end)| {
        let end = until(end, " on");
        (stop, format!("its process stood still from {} (e{stop}){end}", at(tape, stop)))
    });
    let Some((stop, text)) = down.into_iter().chain(paused).min_by_key(|(stop, _)| *stop) else {
        return (None, None);
    };
    match stop < wanted.written {
        true => (Some((text, Some(stop))), None),
        false => (None, Some((text, Some(stop)))),
    }
}

/// Whom it followed instead of the writer, and what kept it from learning better.
fn belief(
    tape: &Tape,
    wanted: &Wanted,
    node: BrokerId,
    (life, host): (&Life, HostId),
    faults: &[FaultRecord],
) -> Option<Part> {
    let (leader, epoch) = life.leader_then.as_ref()?;
    let was_down = life.down.iter().any(|(stop, start)| {
        *stop < wanted.written && start.is_none_or(|start| start > wanted.written)
    });
    if was_down || *leader == wanted.writer_node || host == wanted.writer {
        return None;
    }
    let whom = match leader {
        Some(leader) if *leader == node => "it led itself".to_owned(),
        Some(leader) => format!("it followed {}", tape.node(*leader)),
        None => "it followed nobody".to_owned(),
    };
    let text = format!(
        "{whom}, in epoch {epoch}, when {} wrote {} in epoch {}",
        tape.host(Some(wanted.writer)),
        it(wanted),
        wanted.epoch
    );
    let voters: Vec<HostId> =
        tape.setup.voters().filter_map(|voter| tape.setup.host_of(voter)).collect();
    let deafening = faults.iter().find(|fault| {
        *epoch < wanted.epoch
            && fault.is_in_force(wanted.written)
            && voters.iter().all(|voter| fault.links().part(host, *voter))
    });
    Some(match deafening {
        Some(fault) => (
            format!(
                "{text}; fault {} ({}) kept it from the controllers (e{})",
                fault.number, fault.text, fault.began
            ),
            Some(fault.began),
        ),
        None => (text, None),
    })
}

/// What became of its fetches from the writer.
fn fetches(tape: &Tape, life: &Life, writer: &str, faults: &[FaultRecord]) -> String {
    match (life.fetch_before, life.fetch_after, life.answer_after) {
        (Some(before), None, None) => {
            let fetch = format!(
                "no fetch of it reached {writer} after the write (the last one at {}, e{before})",
                at(tape, before)
            );
            let answer = match life.answer_before {
                Some((answer, fault @ Some(_))) => format!(
                    "; the answer to that came at {} (e{answer}){}",
                    at(tape, answer),
                    held_up(fault, faults)
                ),
                _ => String::new(),
            };
            let next = ended(tape, life, writer, "before the next one was there");
            format!("{fetch}{answer}{next}")
        }
        (None, None, None) => format!("no fetch of it ever reached {writer}"),
        (_, Some(after), None) => {
            let held = match &tape.event(after).map(|event| &event.kind) {
                Some(Kind::Delivered { fault, .. }) => held_up(*fault, faults),
                _ => String::new(),
            };
            format!(
                "its next fetch reached {writer} at {} (e{after}){held}, and no answer came{}",
                at(tape, after),
                ended(tape, life, writer, "before it was heard")
            )
        }
        (_, _, Some((answer, _))) if life.has_retired => {
            let again = life.led_again.map_or_else(String::new, |event| {
                format!("; it led again from {} on (e{event})", at(tape, event))
            });
            format!(
                "when {writer} answered it, at {} (e{answer}), it did not lead{again}",
                at(tape, answer)
            )
        }
        (_, _, Some((answer, fault))) => {
            let held = fault.map(|fault| format!(", held up by fault {}", fault.saturating_add(1)));
            format!(
                "an answer of {writer} came at {} (e{answer}{}), and it took no such record from \
                 it",
                at(tape, answer),
                held.unwrap_or_default()
            )
        }
    }
}

/// The fault that held a message up, behind when it came.
fn held_up(fault: Option<u32>, faults: &[FaultRecord]) -> String {
    let Some(number) = fault.map(|fault| fault.saturating_add(1)) else { return String::new() };
    let text = faults.iter().find(|fault| fault.number == number);
    let text = text.map_or_else(String::new, |fault| format!(" ({})", fault.text));
    format!(", held up by fault {number}{text}")
}

/// That the process of the writer ended, unless whoever asked it had turned away before.
fn ended(tape: &Tape, life: &Life, writer: &str, before: &str) -> String {
    let ended = life.writer_ended.map(|(event, _)| event);
    let ended = ended.filter(|event| life.turned.is_none_or(|turned| *event < turned));
    ended.map_or_else(String::new, |event| {
        format!("; the process of {writer} ended at {} (e{event}), {before}", at(tape, event))
    })
}

/// The fault that kept the replica and the writer from each other longest, between the write and
/// the replica's turning to another leader, and how long it did.
fn apart(
    tape: &Tape,
    wanted: &Wanted,
    (life, host): (&Life, HostId),
    faults: &[FaultRecord],
) -> Option<Part> {
    // Who follows another, or leads itself, asks the writer for nothing.
    if life.leader_then.as_ref().is_some_and(|(leader, _)| *leader != wanted.writer_node) {
        return None;
    }
    let end = life.turned.unwrap_or(u64::MAX);
    let acting = faults.iter().filter(|fault| {
        fault.links().part(host, wanted.writer)
            && fault.began < end
            && fault.ended.is_none_or(|ended| ended > wanted.written)
    });
    let fault = acting.max_by_key(|fault| {
        let until = fault.ended.unwrap_or(end).min(end);
        until - fault.began.max(wanted.written).min(until)
    })?;
    let FaultRecord { number, text, began, ended, .. } = fault;
    let until = match ended.filter(|ended| *ended < end) {
        Some(ended) => format!(" to {} (e{ended})", at(tape, ended)),
        None => match life.turned {
            Some(turned) => format!(" until it turned to another leader (e{turned})"),
            None => " on".to_owned(),
        },
    };
    let text = format!(
        "fault {number} ({text}) kept it from {} from {} (e{began}){until}",
        tape.host(Some(wanted.writer)),
        at(tape, *began)
    );
    Some((text, Some(*began)))
}

fn life(tape: &Tape, focus: &Focus, wanted: &Wanted, host: HostId) -> Life {
    let mut life = Life::default();
    for event in tape.events.iter().take_while(|event| event.index <= focus.decisive) {
        if event.host == Some(host) {
            own(&mut life, event, wanted);
        } else if event.host == Some(wanted.writer)
            && wanted.partition == TopicPartition::CLUSTER_METADATA
            && let Kind::QuorumRoleTaken { role, .. } = &event.kind
            && event.index > wanted.written
        {
            match role {
                QuorumRole::Leader => _ = life.led_again.get_or_insert(event.index),
                _ if life.answer_after.is_none() => life.has_retired = true,
                _ => {}
            }
            if life.answer_after.is_none() && *role == QuorumRole::Leader {
                life.has_retired = false;
            }
        } else if event.host == Some(wanted.writer)
            && let Kind::Delivered { from, api: ApiKey::Fetch, is_response: false, .. } =
                &event.kind
            && *from == host
        {
            if event.index < wanted.written {
                life.fetch_before = Some(event.index);
                life.answer_before = None;
            } else if life.writer_ended.is_none() {
                life.fetch_after.get_or_insert(event.index);
            }
        } else if event.host == Some(wanted.writer)
            && matches!(event.kind, Kind::HostStopped { .. })
            && event.index > wanted.written
        {
            life.writer_ended.get_or_insert((event.index, event.at));
        }
    }
    life
}

fn own(life: &mut Life, event: &Event, wanted: &Wanted) {
    let index = event.index;
    let is_ours = |partition: &TopicPartition| *partition == wanted.partition;
    match &event.kind {
        Kind::LogAppended { partition, batch, leader_epoch, .. }
            if is_ours(partition) && *batch == wanted.batch && *leader_epoch == wanted.epoch =>
        {
            life.had = Some(index);
            life.lost = None;
        }
        Kind::LogTruncated { partition, log_end_offset, from, .. }
            if is_ours(partition) && *log_end_offset <= wanted.from =>
        {
            lose(life, index, format!("cut its log from {from} to {log_end_offset} (e{index})"));
        }
        Kind::DurableEnd { partition, durable_end, .. }
            if is_ours(partition) && *durable_end <= wanted.from =>
        {
            lose(
                life,
                index,
                format!("lost that with its page cache (e{index}): it had not been flushed"),
            );
        }
        Kind::LogRecovered { partition, log_end_offset, .. }
            if is_ours(partition) && *log_end_offset <= wanted.from =>
        {
            lose(
                life,
                index,
                format!("its log ended at {log_end_offset} when it came back (e{index})"),
            );
        }
        Kind::DiskReplaced {} => lose(life, index, format!("lost its disk (e{index})")),
        Kind::RoleTaken { partition, leader, leader_epoch, .. }
            if is_ours(partition) && index < wanted.written =>
        {
            life.leader_then = Some((*leader, *leader_epoch));
        }
        Kind::RoleTaken { partition, leader, .. }
            if is_ours(partition) && *leader != wanted.writer_node =>
        {
            life.turned.get_or_insert(index);
        }
        Kind::HostStopped { .. } => life.down.push((index, None)),
        Kind::HostStarted { .. } => close(&mut life.down, index),
        Kind::HostPaused {} => life.paused.push((index, None)),
        Kind::HostResumed {} => close(&mut life.paused, index),
        // What was sent before the write cannot have brought it, nor what another process sent.
        Kind::Delivered { from, api: ApiKey::Fetch, is_response: true, fault, sent, .. }
            if *from == wanted.writer && *sent < wanted.at =>
        {
            life.answer_before = Some((index, *fault));
        }
        Kind::Delivered { from, api: ApiKey::Fetch, is_response: true, fault, sent, .. }
            if *from == wanted.writer
                && index > wanted.written
                && life.writer_ended.is_none_or(|(_, ended)| *sent <= ended) =>
        {
            life.answer_after.get_or_insert((index, *fault));
        }
        _ => {}
    }
}

fn lose(life: &mut Life, event: u64, how: String) {
    if life.had.is_some() && life.lost.is_none() {
        life.lost = Some((event, how));
    }
}

fn close(open: &mut [(u64, Option<u64>)], event: u64) {
    if let Some((_, end)) = open.last_mut() {
        end.get_or_insert(event);
    }
}

/// What each of the logs that part holds at the place.
fn forked(tape: &Tape, focus: &Focus, model: &Model, partition: TopicPartition) -> Vec<WhyNot> {
    let Some((from, _)) = focus.records else { return Vec::new() };
    let known = model.partition(partition);
    let holds = |node: &BrokerId| {
        let entry = known?.replicas.get(node)?.entry_left(from)?;
        let written = tape.written(partition, entry.batch, (Some(from), Some(entry.epoch)))?;
        let is_there = written.base == entry.base && written.epoch == entry.epoch;
        if !is_there {
            let host = tape.setup.host_of(*node);
            let of = match refused(tape, host, (partition, entry.batch)) {
                Some(failed) => {
                    format!("the batch of epoch {} whose write failed (e{failed})", entry.epoch)
                }
                None => format!("a batch of epoch {} that no leader appended there", entry.epoch),
            };
            let found = tape.events.iter().rev().find(|event| {
                event.index <= focus.decisive
                    && event.host == host
                    && matches!(&event.kind, Kind::LogRecovered { partition: at, .. }
                        if *at == partition)
            });
            let found = found.map_or_else(String::new, |event| {
                format!(", as it finds on its disk (e{})", event.index)
            });
            let text = format!("at offset {from} it holds {of}{found}");
            return Some(WhyNot { replica: tape.node(*node), text, event: Some(entry.event) });
        }
        let text = format!(
            "at offset {from} it holds what {} appended in epoch {} at {} (e{}); it has it since \
             e{}",
            tape.host(written.host),
            entry.epoch,
            at(tape, written.event),
            written.event,
            entry.event
        );
        Some(WhyNot { replica: tape.node(*node), text, event: Some(entry.event) })
    };
    focus.nodes.iter().filter_map(holds).collect()
}

/// What each replica that is waited for did last.
fn stuck(tape: &Tape, focus: &Focus, model: &Model, partition: TopicPartition) -> Vec<WhyNot> {
    let Some(known) = model.partition(partition) else { return Vec::new() };
    let in_sync = model.in_sync(partition);
    let leader = known.acting_leader().map(|(leader, _)| leader);
    let mut found = Vec::new();
    // Of a change of the in-sync set: those that were to come or to go, and did not.
    let asked = focus.evidence.iter().find_map(|event| match &tape.event(*event)?.kind {
        Kind::AlterPartitionSent { in_sync, .. } => Some(in_sync),
        _ => None,
    });
    for node in replicas_of(model, partition) {
        let Some(host) = tape.setup.host_of(node) else { continue };
        let (is_asked, is_in) = (asked.map(|asked| asked.contains(node)), in_sync.contains(node));
        if let Some(is_asked) = is_asked {
            let text = match (is_asked, is_in) {
                (true, false) => "it was to join the in-sync set, and is not in it",
                (false, true) => "it was to leave the in-sync set, and is still in it",
                (true, true) | (false, false) => continue,
            };
            found.push(WhyNot { replica: tape.node(node), text: text.to_owned(), event: None });
            continue;
        }
        let is_concerned =
            focus.nodes.contains(&node) || !in_sync.contains(node) || leader.is_none();
        if !is_concerned || Some(node) == leader {
            continue;
        }
        let text = standstill(tape, focus, model, (partition, node), host, leader);
        if let Some((text, event)) = text {
            found.push(WhyNot { replica: tape.node(node), text, event });
        }
    }
    found
}

fn standstill(
    tape: &Tape,
    focus: &Focus,
    model: &Model,
    (partition, node): (TopicPartition, BrokerId),
    host: HostId,
    leader: Option<BrokerId>,
) -> Option<(String, Option<u64>)> {
    let known = model.partition(partition)?;
    let log = &known.replicas.get(&node)?.log;
    let leader_host = leader.and_then(|leader| tape.setup.host_of(leader));
    let (mut told, mut fetched, mut appended, mut last) = (0_u64, 0_u64, None, None);
    for event in tape.events.iter().take_while(|event| event.index <= focus.decisive) {
        match &event.kind {
            Kind::FetchDiverged { partition: p, follower, .. }
                if *p == partition && *follower == node =>
            {
                told += 1;
            }
            Kind::Delivered { from, api: ApiKey::Fetch, is_response: false, .. }
                if *from == host && event.host == leader_host && appended.is_some() =>
            {
                fetched += 1;
                last = Some(event.index);
            }
            Kind::LogAppended { partition: p, .. }
                if *p == partition && event.host == Some(host) =>
            {
                appended = Some(event.index);
                fetched = 0;
            }
            _ => {}
        }
    }
    let theirs = leader.and_then(|leader| Some((leader, known.replicas.get(&leader)?)));
    let end = log.end();
    let mut parts = vec![match theirs {
        Some((leader, theirs)) if theirs.log.end() == end => {
            format!(
                "it has all that {}, the leader, has: both logs end at {end}",
                tape.node(leader)
            )
        }
        Some((leader, theirs)) => format!(
            "its log ends at {end}, that of {}, the leader, at {}",
            tape.node(leader),
            theirs.log.end()
        ),
        None => format!("its log ends at {end}"),
    }];
    if !model.in_sync(partition).contains(node) {
        parts.push("it is not in the in-sync set".to_owned());
    }
    if !model.is_electable(node) {
        parts.push(match model.registrations.get(&node) {
            Some(registration) if registration.fenced => {
                format!("it is fenced since e{}", registration.event)
            }
            _ => "it may not be elected".to_owned(),
        });
    }
    // One that has all of it may well be waiting for more.
    let is_level = theirs.is_some_and(|(_, theirs)| theirs.log.end() == end);
    if let (Some(appended), true) = (appended, fetched > u64::from(is_level)) {
        parts.push(format!(
            "its last record came at {} (e{appended}); {fetched} fetch{} reached {} since",
            at(tape, appended),
            if fetched == 1 { "" } else { "es" },
            leader.map_or_else(|| "the leader".to_owned(), |leader| tape.node(leader))
        ));
    }
    if told > 0 {
        let times = if told == 1 { "once".to_owned() } else { format!("{told} times") };
        parts.push(format!("it was told {times} where the logs part"));
    }
    Some((parts.join(", "), last.or(appended)))
}
