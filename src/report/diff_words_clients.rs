//! The same of what clients, groups and their coordinators do.

use crate::event::{CallbackVerb, GivenUpBecause, Kind, MemberState, OperationVerb};
use crate::report::diff_words::{Teller, at, counted, in_brackets, outcome, spaced};
use crate::report::owners::epoch_word;
use crate::types::{Name, TopicPartition};

impl Teller<'_> {
    pub(super) fn of_producer(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        let name = |partition: &TopicPartition| self.partition(*partition);
        Some(match kind {
            Kind::BatchSealed { partition, acks, operations, .. } => {
                let records = u32::try_from(operations.len()).unwrap_or(u32::MAX);
                let batch = counted(records, "record", "records");
                format!("{host} closes a batch of {batch} for {}, acks={acks}", name(partition))
            }
            Kind::BatchSent { partition, attempt, to, .. } => format!(
                "{host} sends a batch of {} to {}, attempt {attempt}",
                name(partition),
                self.node(*to)
            ),
            Kind::BatchDone { partition, result, error, base_offset, .. } => format!(
                "{host} is through with a batch of {}{}: {result}{}",
                name(partition),
                at(*base_offset),
                in_brackets(*error)
            ),
            Kind::ProducerIdTaken { producer, epoch } => {
                format!("{host} has the producer id {producer}, epoch {epoch}")
            }
            Kind::SequencesReset { producer, epoch } => {
                format!("{host} raises the epoch of its producer id {producer} to {epoch}")
            }
            Kind::RecordMade { key, value, .. } => {
                let key = key.as_ref().map(|key| format!(" with the key {key}"));
                format!("{host} makes the record {value}{}", key.unwrap_or_default())
            }
            Kind::ProducedFrom { partition, offset, .. } => {
                format!("{host} sends a record on: that at {offset} of {}", name(partition))
            }
            _ => return None,
        })
    }

    pub(super) fn of_client(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        let name = |partition: &TopicPartition| self.partition(*partition);
        Some(match kind {
            Kind::OperationInvoked { verb, topic, .. } => {
                let about = topic.as_ref().map(|topic| format!(" ({topic})")).unwrap_or_default();
                format!("{host} is asked to {}{about}", asked(*verb))
            }
            Kind::OperationReturned { result, error, partition, offset, .. } => {
                let of = partition.map(|partition| format!(" of {}", self.partition(partition)));
                let place = at(*offset) + &of.unwrap_or_default();
                let error = in_brackets(*error);
                format!("{host} answers its application: {result}{place}{error}")
            }
            Kind::Polled { partition, base_offset, records, .. } => {
                let records = counted(*records, "record", "records");
                format!("{host} gets {records} of {} from {base_offset} on", name(partition))
            }
            Kind::PositionSet { partition, offset, by_reset } => {
                let why = if *by_reset { " (reset)" } else { "" };
                format!("{host} goes on at {offset} of {}{why}", name(partition))
            }
            Kind::TruncationDetected { partition, position, diverged_at } => {
                let from = diverged_at.unwrap_or(*position);
                let name = name(partition);
                format!("{host} learns that what it read of {name} is gone from {from} on")
            }
            Kind::AdminAsked { what, .. } => format!("{host} asks: {what}"),
            Kind::AdminAnswered { answer, .. } => format!("{host} is told: {answer}"),
            _ => return None,
        })
    }

    pub(super) fn of_coordinator(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        let name = |partition: &TopicPartition| self.partition(*partition);
        Some(match kind {
            Kind::CoordinatorLoading { partition, leader_epoch } => {
                format!("{host} begins to read {}, epoch {leader_epoch}", name(partition))
            }
            Kind::CoordinatorLoaded { partition, groups, end, .. } => {
                let groups = counted(*groups, "group", "groups");
                format!("{host} coordinates {groups} of {}, read up to {end}", name(partition))
            }
            Kind::CoordinatorUnloaded { partition, leader_epoch } => {
                format!("{host} forgets the groups of {}, epoch {leader_epoch}", name(partition))
            }
            Kind::GroupStateChanged { group, protocol, state, epoch, members }
            | Kind::GroupLoaded { group, protocol, state, epoch, members } => {
                let is_loaded = matches!(kind, Kind::GroupLoaded { .. });
                let knows = if is_loaded { "learns" } else { "says" };
                let (state, members) =
                    (spaced(state.name()), counted(*members, "member", "members"));
                let epoch = format!("{} {epoch}", epoch_word(*protocol));
                format!("{host} {knows} that {group} is {state}, {epoch}, {members}")
            }
            Kind::GroupEpochBegan { group, protocol, epoch, members } => {
                let members = counted(*members, "member", "members");
                format!("{} {epoch} of {group} begins: {members}", epoch_word(*protocol))
            }
            Kind::AssignmentEpochBegan { group, epoch } => {
                format!("the target assignment of {group} is of epoch {epoch}")
            }
            Kind::MemberJoined { group, member, .. } => {
                format!("{host} counts {} in {group}", called(member))
            }
            Kind::MemberLeft { group, member, because } => {
                format!("{host} no longer counts {} in {group}: {because}", called(member))
            }
            Kind::MemberLoaded { group, member, epoch, partitions } => {
                let (member, what) = (called(member), self.partitions(partitions));
                format!("{host} knows {member} of {group}, epoch {epoch}, with {what}")
            }
            Kind::AssignmentDecided { group, member, epoch, partitions } => {
                let (member, what) = (called(member), self.partitions(partitions));
                format!("{member} of {group} shall own {what}, epoch {epoch}")
            }
            Kind::MemberReconciled { group, member, epoch, partitions, revoking } => {
                let gives = match revoking.as_slice() {
                    [] => String::new(),
                    revoking => format!(", and gives up {}", self.partitions(revoking)),
                };
                let (member, what) = (called(member), self.partitions(partitions));
                format!("{member} of {group} owns {what}{gives}, epoch {epoch}")
            }
            _ => return None,
        })
    }

    pub(super) fn of_offset(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        let name = |partition: &TopicPartition| self.partition(*partition);
        Some(match kind {
            Kind::OffsetLoaded { group, partition, offset } => {
                format!("{host} knows that {group} has committed {offset} of {}", name(partition))
            }
            Kind::OffsetAppended { group, partition, offset, log_offset, .. } => format!(
                "{host} writes down that {group} commits {offset} of {}, at {log_offset}",
                name(partition)
            ),
            Kind::OffsetCommitted { group, partition, offset, .. } => {
                format!("that {group} is at {offset} of {} is committed", name(partition))
            }
            Kind::OffsetCommitAnswered { group, partition, offset, error, .. } => format!(
                "{host} answers who commits {offset} of {} for {group}: {}",
                name(partition),
                outcome(*error)
            ),
            Kind::OffsetTold { group, partition, offset } => {
                let told = offset.map_or("nothing committed".to_owned(), |it| it.to_string());
                format!("{host} tells where {group} is in {}: {told}", name(partition))
            }
            Kind::OffsetRemoved { group, partition, because } => {
                format!("{host} takes away where {group} is in {}: {because}", name(partition))
            }
            _ => return None,
        })
    }

    /// What a member makes of its membership: it is a process of its own.
    pub(super) fn of_member(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        let name = |partition: &TopicPartition| self.partition(*partition);
        Some(match kind {
            Kind::CoordinatorFound { group, coordinator } => {
                format!("{host} is told that {} coordinates {group}", self.node(*coordinator))
            }
            Kind::MemberStateEntered { group, epoch, state, leads, .. } => {
                let leads = if *leads { ", as its leader" } else { "" };
                let is = match state {
                    MemberState::Unjoined => "is no member".to_owned(),
                    MemberState::PrepareLeaving => "is about to leave".to_owned(),
                    MemberState::Fatal => "has failed".to_owned(),
                    state => format!("is {}", spaced(state.name())),
                };
                format!("{host} {is}: {group}, epoch {epoch}{leads}")
            }
            Kind::CallbackInvoked { group, callback, partitions, epoch, .. } => {
                let what = match callback {
                    CallbackVerb::Revoked => "are revoked",
                    CallbackVerb::Assigned => "are assigned",
                    CallbackVerb::Lost => "are lost",
                };
                let count = counted(*partitions, "partition", "partitions");
                format!(
                    "{host} tells its application that {count} {what} in {group}, epoch {epoch}"
                )
            }
            Kind::PartitionTaken { group, epoch, partition, .. } => {
                format!("{host} owns {} in {group} from now on, epoch {epoch}", name(partition))
            }
            Kind::PartitionGivenUp { group, epoch, partition, because, .. } => {
                let why = match because {
                    GivenUpBecause::Revoked => "it was revoked",
                    GivenUpBecause::Lost => "it was lost",
                    GivenUpBecause::Closed => "it closes",
                    GivenUpBecause::TopicGone => because.name(),
                };
                format!("{host} gives up {} in {group}, epoch {epoch}: {why}", name(partition))
            }
            Kind::PollOverdue { group, interval, .. } => {
                format!("{host} leaves {group}: it has not polled for {interval} ms")
            }
            _ => return None,
        })
    }

    pub(super) fn of_member_offset(&self, kind: &Kind) -> Option<String> {
        let host = self.host;
        let name = |partition: &TopicPartition| self.partition(*partition);
        Some(match kind {
            Kind::CommittedOffsetUsed { group, partition, offset, .. } => {
                let from = offset.map_or("nothing".to_owned(), |offset| offset.to_string());
                format!("{host} learns what {group} has committed of {}: {from}", name(partition))
            }
            Kind::Processed { partition, base_offset, records, .. } => format!(
                "{host} has processed {} of {} from {base_offset} on",
                counted(*records, "record", "records"),
                name(partition)
            ),
            Kind::CommitAsked { group, partition, offset, automatic, .. } => {
                let how = if *automatic { " by itself" } else { "" };
                format!("{host} commits{how} {offset} of {} for {group}", name(partition))
            }
            Kind::CommitAnswered { group, partition, offset, error, .. } => format!(
                "{host} has the answer to its commit of {offset} of {} for {group}: {}",
                name(partition),
                outcome(*error)
            ),
            _ => return None,
        })
    }
}

/// What a client is asked to do.
fn asked(verb: OperationVerb) -> String {
    match verb {
        OperationVerb::Processed => "note that records are processed".to_owned(),
        verb => spaced(verb.name()),
    }
}

/// A member by its id; one that has none yet is a new one.
fn called(member: &Name) -> String {
    match member.as_str() {
        "" => "a new member".to_owned(),
        id => id.to_owned(),
    }
}
