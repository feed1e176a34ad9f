//! Every kind of event in words, for who reads where two runs part.

use crate::event::{
    ClosedBecause, Event, Kind, ProducerOutcome, QuorumRole, ReplicaRole, RestartStep,
    StartMovedBecause,
};
use crate::report::fault_words;
use crate::report::halt_words::halt_words;
use crate::trace::{Names, seconds};
use crate::types::{BrokerId, BrokerSet, ErrorCode, HostId, Lane, Offset, TopicPartition};

/// The event's number, when it is, and what it says: "e7 5.000000 broker-1 starts".
pub(super) fn words(event: &Event, names: &Names) -> Option<String> {
    let what = Teller { names, host: names.setup().host_name(event.host) }.what(&event.kind)?;
    Some(format!("e{} {} {what}", event.index, seconds(event.at)))
}

/// Says what an event of `host` is.
pub(super) struct Teller<'a> {
    names: &'a Names,
    pub(super) host: &'a str,
}

impl Teller<'_> {
    fn what(&self, kind: &Kind) -> Option<String> {
        self.of_step(kind)
            .or_else(|| self.of_fault(kind))
            .or_else(|| self.of_process(kind))
            .or_else(|| self.of_log(kind))
            .or_else(|| self.of_replica(kind))
            .or_else(|| self.of_in_sync(kind))
            .or_else(|| self.of_controller(kind))
            .or_else(|| self.of_quorum(kind))
            .or_else(|| self.of_producer(kind))
            .or_else(|| self.of_client(kind))
            .or_else(|| self.of_coordinator(kind))
            .or_else(|| self.of_offset(kind))
            .or_else(|| self.of_member(kind))
            .or_else(|| self.of_member_offset(kind))
            .or_else(|| self.of_audit(kind))
    }

    fn name(&self, host: HostId) -> &str {
        self.names.setup().host_name(Some(host))
    }

    pub(super) fn node(&self, node: BrokerId) -> String {
        self.names.setup().node_name(node)
    }

    fn leader(&self, leader: Option<BrokerId>) -> String {
        leader.map_or_else(|| "nobody".to_owned(), |leader| self.node(leader))
    }

    pub(super) fn partition(&self, partition: TopicPartition) -> String {
        self.names.partition(partition)
    }

    pub(super) fn partitions(&self, partitions: &[TopicPartition]) -> String {
        let names: Vec<String> = partitions.iter().map(|it| self.partition(*it)).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }

    /// What sets a step off, but for what is about faults and processes.
    fn of_step(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        Some(match kind {
            Kind::DeadlineReached { lane } => {
                format!("a timer of {host} is due: {}", timer(*lane))
            }
            Kind::Delivered { from, api, is_response: false, .. } => {
                format!("{host} receives {} from {}", api.name(), self.name(*from))
            }
            Kind::Delivered { from, api, is_response: true, .. } => {
                format!(
                    "{host} receives the answer to its {} from {}",
                    api.name(),
                    self.name(*from)
                )
            }
            Kind::DiskCompleted { .. } => {
                format!("{host} learns that its disk has done something")
            }
            Kind::ConnectionOpened { peer, .. } => {
                format!("{host} has a connection with {}", self.name(*peer))
            }
            Kind::ConnectionClosed { peer, because: ClosedBecause::Refused, .. } => {
                format!("{host} gets no connection with {}", self.name(*peer))
            }
            Kind::ConnectionClosed { peer, .. } => {
                format!("{host} loses its connection with {}", self.name(*peer))
            }
            Kind::LaneResumed { lane, waiting } => {
                let more = counted(*waiting, "more waits", "more wait");
                format!("{host} takes up what waited: {}; {more}", timer(*lane))
            }
            Kind::TaskPosted { lane } => {
                format!("{host} hands work from one thread to another: {}", timer(*lane))
            }
            Kind::ApplicationCalled { operation } => {
                format!("the application of {host} makes its call {operation}")
            }
            Kind::RequestQueueFull { thread, waiting } => format!(
                "network thread {thread} of {host} stands still: the request queue is full, with \
                 {waiting} in it"
            ),
            Kind::NetworkThreadFree { thread } => {
                format!("network thread {thread} of {host} reads and writes again")
            }
            _ => return None,
        })
    }

    fn of_fault(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        let number = |fault: &u32| fault.saturating_add(1);
        Some(match kind {
            Kind::PhaseBegan { phase } => format!("a part of the run begins: {phase}"),
            Kind::FaultBegan { fault, verb, hosts, groups, detail } => {
                let hosts: Vec<String> =
                    hosts.iter().map(|host| self.name(*host).to_owned()).collect();
                let what = fault_words::told(*verb, &hosts, groups, detail.as_str());
                format!("fault {}: {what}", number(fault))
            }
            Kind::FaultBit { fault } => format!("fault {} changes something", number(fault)),
            Kind::FaultEnded { fault, .. } => format!("fault {} ends", number(fault)),
            Kind::FaultWaits { fault } => format!("fault {} waits for its target", number(fault)),
            Kind::ClockSet { by, drift } => fault_words::clock_words(host, *by, *drift),
            Kind::DiskStalled { lane, .. } => {
                format!("{host} waits for its disk, which hangs: {}", timer(*lane))
            }
            Kind::DiskReplaced {} => format!("{host} has an empty disk in the place of its own"),
            Kind::StorageFailed { partition, error, base_offset, .. } => format!(
                "{host} cannot write {} at {base_offset}: {error}",
                self.partition(*partition)
            ),
            Kind::RestartStepped { fault, host, step } => {
                let (number, host) = (number(fault), self.name(*host));
                let what = match step {
                    RestartStep::Waits => format!("waits before {host}"),
                    RestartStep::Stops => format!("stops {host}"),
                    RestartStep::Starts => format!("starts {host} again"),
                    RestartStep::InSync => format!("sees {host} in sync again"),
                };
                format!("the operator of fault {number} {what}")
            }
            Kind::ConfigDeployed { group, config } => {
                format!("members of {group} that start from now on have {config}")
            }
            Kind::DefectActed { defect, partition } => {
                let about = partition.map(|it| format!(" at {}", self.partition(it)));
                format!("the bug {defect} acts on {host}{}", about.unwrap_or_default())
            }
            _ => return None,
        })
    }

    fn of_process(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        Some(match kind {
            Kind::HostStarted { .. } => format!("{host} starts"),
            Kind::HostStopped { halted: Some(reason), .. } => {
                format!("{host} halts by itself: {}", halt_words(*reason))
            }
            Kind::HostStopped { .. } => format!("{host} ends"),
            Kind::HostPaused {} => format!("{host} stands still"),
            Kind::HostResumed {} => format!("{host} goes on"),
            Kind::ShutdownRequested {} => format!("{host} is asked to end"),
            Kind::BrokerStateEntered { state } => {
                format!("{host} enters the state {}", spaced(state.name()))
            }
            Kind::DurableEnd { partition, log_end_offset, durable_end } => format!(
                "{host}'s disk has {} up to {durable_end}, of {log_end_offset}",
                self.partition(*partition)
            ),
            _ => return None,
        })
    }

    fn of_log(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        let name = |partition: &TopicPartition| self.partition(*partition);
        Some(match kind {
            Kind::LogAppended { partition, base_offset, records, leader_epoch, .. } => format!(
                "{host} appends {} to {} at {base_offset}, of epoch {leader_epoch}",
                counted(*records, "record", "records"),
                name(partition)
            ),
            Kind::LogTruncated { partition, log_end_offset, from, .. } => {
                format!(
                    "{host} cuts its log of {} from {from} to {log_end_offset}",
                    name(partition)
                )
            }
            Kind::LogRecovered { partition, log_start_offset, log_end_offset, clean, .. } => {
                let how = if *clean { "" } else { " after an unclean end" };
                let range = format!("{log_start_offset}..{log_end_offset}");
                format!("{host} loads its log of {}, {range}{how}", name(partition))
            }
            Kind::LogStartMoved { partition, log_start_offset, because, .. } => {
                let why = match because {
                    StartMovedBecause::RetentionBytes => "retention.bytes",
                    StartMovedBecause::RetentionMs => "retention.ms",
                    StartMovedBecause::DeleteRecords => "records were deleted",
                    StartMovedBecause::Leader => "its leader's does",
                    StartMovedBecause::BeganAnew => "it began anew",
                };
                let name = name(partition);
                format!("{host}'s log of {name} begins at {log_start_offset}: {why}")
            }
            Kind::HighWatermarkMoved { partition, high_watermark, .. } => {
                format!(
                    "{host} moves its high watermark of {} to {high_watermark}",
                    name(partition)
                )
            }
            Kind::EpochCacheChanged { partition, last_epoch, last_start, .. } => {
                let last = match last_epoch.zip(*last_start) {
                    Some((epoch, start)) => format!("epoch {epoch} from {start} is the last"),
                    None => "none is left".to_owned(),
                };
                format!(
                    "{host} changes the leader epochs of its log of {}: {last}",
                    name(partition)
                )
            }
            Kind::SegmentsDeleted { partition, first_base, segments, .. } => format!(
                "{host} deletes {} of {}: the first that is left begins at {first_base}",
                counted(*segments, "segment", "segments"),
                name(partition)
            ),
            Kind::DeleteRecordsHandled { partition, asked, error, .. } => {
                let asked = asked.map_or("the high watermark".to_owned(), |it| it.to_string());
                let name = name(partition);
                format!("{host} is asked to delete {name} below {asked}: {}", outcome(*error))
            }
            _ => return None,
        })
    }

    fn of_replica(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        let name = |partition: &TopicPartition| self.partition(*partition);
        Some(match kind {
            Kind::RoleTaken { partition, role, leader, leader_epoch, log_end_offset, .. } => {
                let name = name(partition);
                match role {
                    ReplicaRole::Leader => {
                        format!("{host} leads {name} in epoch {leader_epoch} from {log_end_offset}")
                    }
                    ReplicaRole::Follower => format!(
                        "{host} follows {} in {name}, epoch {leader_epoch}, from {log_end_offset}",
                        self.leader(*leader)
                    ),
                    ReplicaRole::Leaderless => {
                        format!("{host} learns that nobody leads {name}, epoch {leader_epoch}")
                    }
                }
            }
            Kind::ReplicaRemoved { partition } => {
                format!("{host} gives up its replica of {}", name(partition))
            }
            Kind::FetchDiverged { partition, follower, end_offset, .. } => format!(
                "{host} tells {} that their logs of {} part at {end_offset}",
                self.node(*follower),
                name(partition)
            ),
            Kind::FollowerCounted { partition, follower, log_end_offset } => format!(
                "{host} learns that {} has {} up to {log_end_offset}",
                self.node(*follower),
                name(partition)
            ),
            Kind::MinInSyncApplied { partition, min_in_sync } => {
                format!("{host} holds {} to min.insync.replicas {min_in_sync}", name(partition))
            }
            Kind::ProduceHandled { partition, outcome, error, base_offset, .. } => {
                let (name, at) = (name(partition), at(*base_offset));
                match outcome {
                    ProducerOutcome::Appended => format!("{host} takes a batch for {name}{at}"),
                    ProducerOutcome::Duplicate => {
                        format!("{host} knows a batch for {name} already{at}")
                    }
                    ProducerOutcome::Refused => {
                        format!("{host} refuses a batch for {name}: {error}")
                    }
                }
            }
            Kind::ProduceAnswered { partition, acks, error, base_offset, .. } => format!(
                "{host} answers for a batch of {}{}, acks={acks}: {}",
                name(partition),
                at(*base_offset),
                outcome(*error)
            ),
            Kind::LatestOffsetTold { partition, offset, error, .. } => {
                let told = offset.map_or_else(|| outcome(*error), |offset| offset.to_string());
                format!("{host} is asked for the end of {}: {told}", name(partition))
            }
            _ => return None,
        })
    }

    fn of_in_sync(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        let name = |partition: &TopicPartition| self.partition(*partition);
        Some(match kind {
            Kind::InSyncChanged { partition, committed, maximal, .. } => {
                let waits = match committed == maximal {
                    true => String::new(),
                    false => format!(", and waits for {}", ids(maximal)),
                };
                format!("{host} has {} in sync for {}{waits}", ids(committed), name(partition))
            }
            Kind::AlterPartitionSent { partition, in_sync, .. } => format!(
                "{host} asks the controller for the in-sync set {} of {}",
                ids(in_sync),
                name(partition)
            ),
            Kind::AlterPartitionAnswered { partition, error, rolled_back } => {
                let back = if *rolled_back { ", and goes back to the recorded one" } else { "" };
                let (name, told) = (name(partition), outcome(*error));
                format!("{host} has the answer about the in-sync set of {name}: {told}{back}")
            }
            Kind::AlterPartitionDecided { partition, leader, in_sync, error } => format!(
                "{host} is asked by {} for the in-sync set {} of {}: {}",
                self.node(*leader),
                ids(in_sync),
                name(partition),
                outcome(*error)
            ),
            Kind::ElectionAsked { partition, unclean, error } => {
                let which = if *unclean { "an unclean election" } else { "its preferred leader" };
                let name = name(partition);
                format!("{host} is asked for {which} of {name}: {}", outcome(*error))
            }
            _ => return None,
        })
    }

    fn of_controller(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        let epoch = |leader_epoch: &crate::types::LeaderEpoch| format!("epoch {leader_epoch}");
        Some(match kind {
            Kind::PartitionDecided {
                partition, leader, leader_epoch, in_sync, unclean, ..
            } => {
                let how = if *unclean { " uncleanly" } else { "" };
                let (leader, epoch) = (self.leader(*leader), epoch(leader_epoch));
                let (name, set) = (self.partition(*partition), ids(in_sync));
                format!("{host} decides{how} that {leader} leads {name}, {epoch}, {set} in sync")
            }
            Kind::PartitionCommitted { partition, leader, leader_epoch, in_sync, .. } => format!(
                "it is committed that {} leads {}, {}, {} in sync",
                self.leader(*leader),
                self.partition(*partition),
                epoch(leader_epoch),
                ids(in_sync)
            ),
            Kind::TopicCommitted { name, .. } => format!("the topic {name} is committed"),
            Kind::TopicRemoved { topic, .. } => {
                format!("that the topic {} goes is committed", self.names.topic(*topic))
            }
            Kind::PartitionsCreated { topic, before, count } => {
                let topic = self.names.topic(*topic);
                format!("{host} decides that {topic} has {count} partitions, not {before}")
            }
            Kind::BrokerRegistered { broker, broker_epoch, .. } => {
                format!("{host} registers {}, broker epoch {broker_epoch}", self.node(*broker))
            }
            Kind::RegistrationCommitted { broker, broker_epoch, fenced, is_new, .. } => {
                let what = if *is_new { "registration" } else { "changed registration" };
                let fenced = if *fenced { "fenced" } else { "not fenced" };
                let node = self.node(*broker);
                format!("the {what} of {node} is committed: broker epoch {broker_epoch}, {fenced}")
            }
            Kind::BrokerUnregistered { broker, broker_epoch, .. } => format!(
                "that {} is no longer registered is committed: broker epoch {broker_epoch}",
                self.node(*broker)
            ),
            Kind::ConfigCommitted { resource, key, value: Some(value), .. } => {
                format!("for {resource} {key}={value} is committed")
            }
            Kind::ConfigCommitted { resource, key, value: None, .. } => {
                format!("that {resource} no longer sets {key} is committed")
            }
            Kind::ControllerActivated { leader_epoch } => {
                format!("{host} takes charge as controller, {}", epoch(leader_epoch))
            }
            Kind::ControllerRetired { leader_epoch } => {
                format!("{host} is no longer in charge as controller, {}", epoch(leader_epoch))
            }
            _ => return None,
        })
    }

    fn of_quorum(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        Some(match kind {
            Kind::QuorumRoleTaken { role, leader_epoch, leader } => {
                let does = match role {
                    QuorumRole::Leader => "leads the quorum".to_owned(),
                    QuorumRole::Follower => {
                        format!("follows {} in the quorum", self.leader(*leader))
                    }
                    QuorumRole::Observer => {
                        format!("observes the quorum of {}", self.leader(*leader))
                    }
                    QuorumRole::Unattached => "knows no leader of the quorum".to_owned(),
                    QuorumRole::Prospective => "asks whether it could lead the quorum".to_owned(),
                    QuorumRole::Candidate => "stands for the quorum's leader".to_owned(),
                    QuorumRole::Resigned => "resigns as the quorum's leader".to_owned(),
                };
                format!("{host} {does}, epoch {leader_epoch}")
            }
            Kind::VoteGranted { candidate, leader_epoch, pre_vote } => {
                let what = if *pre_vote { "would vote" } else { "votes" };
                format!("{host} {what} for {}, epoch {leader_epoch}", self.node(*candidate))
            }
            Kind::QuorumDurable { durable_end } => {
                format!("{host} has the metadata log on its disk up to {durable_end}")
            }
            Kind::MetadataApplied { offset, leader_epoch, .. } => {
                format!("{host} has applied metadata up to {offset}, epoch {leader_epoch}")
            }
            _ => return None,
        })
    }

    fn of_audit(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        Some(match kind {
            Kind::ProbeReturned { partition, offset: Some(offset) } => format!(
                "{host} has read {} to the record that tries it, at {offset}",
                self.partition(*partition)
            ),
            Kind::ProbeReturned { partition, offset: None } => format!(
                "{host} has read {}, whose record to try it was never acknowledged",
                self.partition(*partition)
            ),
            Kind::ReplicaAudited { partition, log_start_offset, log_end_offset, .. } => format!(
                "in the end {host} has {} from {log_start_offset} to {log_end_offset}",
                self.partition(*partition)
            ),
            Kind::QuorumAudited { log_end_offset, high_watermark, .. } => format!(
                "in the end {host} has the metadata log to {log_end_offset}, committed to \
                 {high_watermark}"
            ),
            _ => return None,
        })
    }
}

/// What a process does on `lane`, or waits for.
fn timer(lane: Lane) -> &'static str {
    match lane {
        Lane::Raft => "its part in the quorum (elections, fetches of the metadata log)",
        Lane::Metadata => "metadata to be applied",
        Lane::Controller => "the controller's own work",
        Lane::Lifecycle => "registration and heartbeats",
        Lane::Scheduler => "work at intervals (retention, flushes, checkpoints)",
        Lane::Request(_) => "a request that it held back",
        Lane::Fetcher(_) => "the next fetch from a leader",
        Lane::Sender => "its requests (the next one, or one that takes too long)",
        Lane::Application => "its application's next call",
    }
}

/// "1 record", "2 records".
pub(super) fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

pub(super) fn ids(brokers: &BrokerSet) -> String {
    let ids: Vec<String> = brokers.iter().map(|broker| broker.to_string()).collect();
    if ids.is_empty() { "nobody".to_owned() } else { ids.join(",") }
}

pub(super) fn at(offset: Option<Offset>) -> String {
    offset.map_or_else(String::new, |offset| format!(" at {offset}"))
}

pub(super) fn outcome(error: ErrorCode) -> String {
    match error {
        ErrorCode::None => "well".to_owned(),
        error => error.to_string(),
    }
}

pub(super) fn in_brackets(error: ErrorCode) -> String {
    match error {
        ErrorCode::None => String::new(),
        error => format!(" ({error})"),
    }
}

/// The words of a name: `preparing-rebalance` is "preparing rebalance".
pub(super) fn spaced(name: &str) -> String {
    name.replace('-', " ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::Reader;
    use crate::trace::Setup;

    /// The kind with `number` whose fields all have the value `word`, if they may.
    fn made(number: u8, word: u8) -> Option<Kind> {
        let bytes = [word; 64];
        let mut readers: Vec<Reader<'_>> = (0..32).map(|_| Reader(&bytes)).collect();
        let mut all = readers.iter_mut();
        Kind::decode_columns(number, move |_| all.next())
    }

    /// A kind that is new has no words until it gets some here.
    #[test]
    fn every_kind_of_event_has_words_and_none_is_its_name() {
        let names = Names::new(Arc::new(Setup::default()));
        let teller = Teller { names: &names, host: "broker-1" };
        for info in Kind::TABLE {
            let kinds: Vec<Kind> = (0..12).filter_map(|word| made(info.number, word)).collect();
            assert!(!kinds.is_empty(), "{} can be made", info.name);
            for kind in kinds {
                let words = teller.what(&kind);
                let words = words.unwrap_or_else(|| panic!("`{}` has no words", info.name));
                let is_raw = |word: &&str| {
                    word.contains('-') && word.chars().all(|c| c == '-' || c.is_ascii_lowercase())
                };
                let parts = words.split([' ', ',', ':', ';', '(', ')']);
                let raw = parts.filter(|word| *word != "in-sync").find(is_raw);
                assert_eq!(raw, None, "{}: {words}", info.name);
            }
        }
    }
}
