//! What happened, in the words of a timeline.

use crate::event::{Event, Kind, Phase, ReplicaRole, StartedAs};
use crate::report::fault_words::{clock_words, told};
use crate::report::halt_words::halt_words;
use crate::report::metadata_records::registration_words;
use crate::report::timeline_quorum::{is_quorum, of_quorum};
use crate::report::timeline_starts::{is_routine, start_moved};
use crate::trace::{Model, QuorumRoleView, RoleView, StateView};
use crate::types::{BrokerId, BrokerSet, ErrorCode, Offset, TopicPartition, counted};

/// What the model knew before an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    role: Option<RoleView>,
    /// Where its log began.
    log_start: Option<Offset>,
    /// Its part in the quorum.
    pub(super) quorum: Option<QuorumRoleView>,
}

impl Before {
    pub(super) fn of(model: &Model, partition: TopicPartition, event: &Event) -> Self {
        // Of most events nothing need be known.
        let node = match &event.kind {
            Kind::RoleTaken { .. } | Kind::QuorumRoleTaken { .. } | Kind::LogStartMoved { .. } => {
                event.host.and_then(|host| model.setup().node(host))
            }
            _ => None,
        };
        let view = node.and_then(|node| model.partition(partition)?.replicas.get(&node));
        Self {
            role: view.and_then(|replica| replica.role.clone()),
            log_start: view.map(|replica| replica.log.start),
            quorum: node.and_then(|node| model.quorum.members.get(&node)?.role),
        }
    }
}

/// A broker in a timeline.
pub(super) fn short(broker: BrokerId) -> String {
    format!("b{broker}")
}

/// A broker or a controller in a timeline: `b1`, `c1`.
pub(super) fn named(model: &Model, node: BrokerId) -> String {
    if !model.setup().voters().any(|voter| voter == node) {
        return short(node);
    }
    let name = model.setup().node_name(node);
    match name.strip_prefix("controller-") {
        Some(number) => format!("c{number}"),
        None => name,
    }
}

fn list(brokers: &BrokerSet) -> String {
    let ids: Vec<String> = brokers.iter().map(|broker| broker.to_string()).collect();
    if ids.is_empty() { "nobody".to_owned() } else { ids.join(",") }
}

/// The mark and the words for `event`, which `model` has folded in; nothing if it is no news for
/// `partition` and its `brokers`; with `all` also what is routine, and what is asked before an
/// election of the quorum.
pub(super) fn happened(
    event: &Event,
    model: &Model,
    partition: TopicPartition,
    brokers: &[BrokerId],
    before: &Before,
    all: bool,
) -> Option<(char, String)> {
    let name = |host| model.setup().host_name(Some(host)).to_owned();
    if is_quorum(partition)
        && let Some(told) = of_quorum(event, model, before, all)
    {
        return Some(told);
    }
    match &event.kind {
        Kind::PhaseBegan { phase: Phase::Heal } => {
            Some(('!', "healing begins: all faults end".to_owned()))
        }
        Kind::FaultBegan { fault, verb, hosts, groups, detail } => {
            let hosts: Vec<_> = hosts.iter().map(|host| name(*host)).collect();
            let what = told(*verb, &hosts, groups, detail.as_str());
            Some(('!', format!("fault {}: {what}", fault.saturating_add(1))))
        }
        Kind::FaultEnded { fault, .. } => {
            Some(('!', format!("fault {} ends", fault.saturating_add(1))))
        }
        Kind::FaultWaits { fault } => {
            Some(('!', format!("fault {} waits for its target", fault.saturating_add(1))))
        }
        Kind::ControllerActivated { leader_epoch } if !is_quorum(partition) => {
            let controller = model.setup().host_name(event.host);
            Some((' ', format!("{controller} takes charge as controller, epoch {leader_epoch}")))
        }
        Kind::PartitionCommitted { partition: of, .. } if *of == partition => {
            let view = model.partition(partition)?;
            let state = view.state.as_ref().filter(|state| state.event == event.index)?;
            decided(state, view.state_before.as_deref())
        }
        Kind::RegistrationCommitted { broker, is_new, .. } => {
            let known = model.registrations.get(broker)?;
            let is_news = known.event == event.index && brokers.contains(broker);
            let what = registration_words(known, *is_new);
            is_news.then(|| (' ', format!("{} {what}", short(*broker))))
        }
        Kind::TruncationDetected { partition: of, position, diverged_at } if *of == partition => {
            let client = model.setup().host_name(event.host);
            let from = diverged_at.unwrap_or(*position);
            Some((' ', format!("{client} learns that what it read is gone from {from} on")))
        }
        Kind::ElectionAsked { partition: of, unclean, error } if *of == partition => {
            let which = if *unclean { "an unclean election" } else { "a preferred election" };
            let outcome = match error {
                ErrorCode::None => ": it is held".to_owned(),
                error => format!(", refused: {}", error.name()),
            };
            Some((' ', format!("an administrator asks for {which}{outcome}")))
        }
        _ => {
            let node = event.host.and_then(|host| model.setup().node(host));
            let node = node.filter(|node| brokers.contains(node))?;
            of_replica(event, (model, node), partition, before, all)
        }
    }
}

/// What the controller changed.
fn decided(state: &StateView, before: Option<&StateView>) -> Option<(char, String)> {
    let leader = |state: &StateView| state.leader.map(short);
    let Some(before) = before else {
        let first = leader(state).map_or("without a leader".to_owned(), |b| format!("{b} leads"));
        return Some(('*', format!("created, {first}")));
    };
    let mut parts = Vec::new();
    let mut mark = ' ';
    if state.leader != before.leader {
        mark = '*';
        let how = if state.recovering && !before.recovering { " uncleanly" } else { "" };
        parts.push(match leader(state) {
            Some(leader) => format!("the controller elects {leader}{how}"),
            None => "nobody leads".to_owned(),
        });
    }
    if state.in_sync != before.in_sync {
        parts.push(format!("ISR {} becomes {}", list(&before.in_sync), list(&state.in_sync)));
    }
    if state.eligible != before.eligible {
        parts.push(format!("ELR becomes {}", list(&state.eligible)));
    }
    (!parts.is_empty()).then(|| (mark, parts.join("; ")))
}

/// What a broker did with its replica, or a controller with its log.
fn of_replica(
    event: &Event,
    (model, node): (&Model, BrokerId),
    partition: TopicPartition,
    before: &Before,
    all: bool,
) -> Option<(char, String)> {
    let broker = named(model, node);
    let plain = |text: String| Some((' ', text));
    match &event.kind {
        Kind::HostStopped { keep, halted, in_order } => match (halted, in_order) {
            (_, true) => plain(format!("{broker} ends in order")),
            (Some(reason), false) => {
                plain(format!("{broker} halts by itself: {}", halt_words(*reason)))
            }
            (None, false) => plain(format!("{broker} dies, its disk keeps: {keep}")),
        },
        Kind::HostStarted { incarnation: 1.., after } => {
            plain(format!("{broker} starts again{}", after_what(*after)))
        }
        Kind::HostPaused {} => plain(format!("{broker} stands still")),
        Kind::HostResumed {} => plain(format!("{broker} goes on")),
        Kind::ClockSet { by, drift } => plain(clock_words(&broker, *by, *drift)),
        Kind::RoleTaken {
            partition: of,
            role,
            leader,
            leader_epoch,
            epoch_start,
            log_end_offset,
            ..
        } if *of == partition => {
            let known = before.role.as_ref();
            let known = known.map(|known| (known.role, known.leader, known.leader_epoch));
            if known == Some((*role, *leader, *leader_epoch)) {
                return None;
            }
            plain(match role {
                ReplicaRole::Leader => {
                    let from = epoch_start.unwrap_or(*log_end_offset);
                    format!("{broker} leads epoch {leader_epoch} from offset {from}")
                }
                ReplicaRole::Follower => {
                    let leader = leader.map_or_else(|| "nobody".to_owned(), short);
                    format!("{broker} follows {leader} in epoch {leader_epoch}")
                }
                ReplicaRole::Leaderless => format!("{broker} learns that nobody leads"),
            })
        }
        Kind::LogTruncated { partition: of, log_end_offset, from, .. } if *of == partition => {
            // Nothing of it is left at the leader, whose log begins further on than this one ends.
            let text = match from < log_end_offset {
                true => format!("{broker} deletes its log, which ended at {from}"),
                false => format!("{broker} cuts its log from {from} to {log_end_offset}"),
            };
            Some(('v', text))
        }
        Kind::LogRecovered { partition: of, log_start_offset, log_end_offset, clean, .. }
            if *of == partition =>
        {
            let how = if *clean { "" } else { " after an unclean end" };
            plain(format!("{broker} loads its log {log_start_offset}..{log_end_offset}{how}"))
        }
        Kind::LogStartMoved { partition: of, .. }
            if *of == partition && (all || !is_routine(event, model)) =>
        {
            let from = before.log_start.unwrap_or_default();
            start_moved(&event.kind, &broker, from).map(|text| (' ', text))
        }
        Kind::SegmentsDeleted { partition: of, segments, bytes, .. } if *of == partition && all => {
            let segments = counted(u64::from(*segments), "segment");
            plain(format!("{broker} deletes {segments} of its log, {bytes} bytes"))
        }
        Kind::DeleteRecordsHandled { partition: of, asked, error, .. } if *of == partition => {
            let below = asked.map_or("the high watermark".to_owned(), |it| it.to_string());
            let request = format!("DeleteRecords below {below}");
            match error {
                ErrorCode::None if !all => None,
                ErrorCode::None => plain(format!("{broker} is asked for {request}")),
                error => plain(format!("{broker} refuses {request}: {}", error.name())),
            }
        }
        Kind::FetchDiverged { partition: of, follower, end_offset, .. } if *of == partition => {
            let follower = named(model, *follower);
            plain(format!("{broker} tells {follower} that their logs part at {end_offset}"))
        }
        Kind::StorageFailed { partition: of, error, .. } if *of == partition => {
            Some(('!', format!("{broker}'s disk refuses a write: {error}")))
        }
        Kind::ReplicaRemoved { partition: of } if *of == partition => {
            plain(format!("{broker} gives up its replica"))
        }
        _ => None,
    }
}

/// How the process before ended.
fn after_what(started: StartedAs) -> &'static str {
    match started {
        StartedAs::New => "",
        StartedAs::AfterShutdown => " after its shutdown",
        StartedAs::AfterCrash => " after its crash",
        StartedAs::AfterPowerLoss => " after the power loss",
        StartedAs::AfterDiskLoss => " with an empty disk",
    }
}
