//! OffsetCommit and OffsetFetch.
//!
//! Source: Kafka 4.1, `OffsetMetadataManager.commitOffset`, `fetchOffsets`, `fetchAllOffsets`.

use kafka_protocol::messages as k;
use kafka_protocol::messages::offset_commit_response as ca;
use kafka_protocol::messages::offset_fetch_request as fq;
use kafka_protocol::messages::offset_fetch_response as fa;

use crate::event::{GroupState, Kind};
use crate::message::{CommittedOffset, GroupRecord};
use crate::protocol::group::answer::{commit_refused, group_id, maybe_name, name, text};
use crate::protocol::group::classic_group::ClassicGroup;
use crate::protocol::group::desk::Step;
use crate::protocol::group::modern_group::ModernGroup;
use crate::protocol::group::operation::{Operation, Then};
use crate::protocol::group::shard::{Shard, tell_committer};
use crate::protocol::group::state::{Group, OffsetKey, offsets_of};
use crate::types::{
    ConnectionId, Defect, ErrorCode, GroupEpoch, LeaderEpoch, Name, Offset, PartitionIndex,
};

impl Shard {
    /// OffsetCommit.
    pub(crate) fn on_commit(
        &mut self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        body: &k::OffsetCommitRequest,
    ) {
        let group = name(&body.group_id);
        let (records, response) = commit_records(step, &group, body);
        let member = Some(name(&body.member_id)).filter(|member| !member.as_str().is_empty());
        let epoch = GroupEpoch(body.generation_id_or_member_epoch);
        if let Err(error) = self.check_commit(step, &group, body) {
            tell_committer(step, connection, member.as_ref(), epoch, &records, error);
            step.answer(connection, commit_refused(body, error));
            return;
        }
        let offsets = records.clone();
        let then = Then::Committed { connection, body: response.into(), member, epoch, offsets };
        self.carry_out(step, Operation::write(records, then));
    }

    /// Whether the committer may commit.
    ///
    /// Source: Kafka 4.1, `validateOffsetCommit` of `OffsetMetadataManager` and of the groups.
    fn check_commit(
        &self,
        step: &mut Step<'_>,
        group: &Name,
        body: &k::OffsetCommitRequest,
    ) -> Result<(), ErrorCode> {
        let known = self.check_committer(step, group, body);
        if known.is_err() && step.acts(Defect::CommitWithoutGeneration) { Ok(()) } else { known }
    }

    fn check_committer(
        &self,
        step: &mut Step<'_>,
        group: &Name,
        body: &k::OffsetCommitRequest,
    ) -> Result<(), ErrorCode> {
        let (member, epoch) = (name(&body.member_id), body.generation_id_or_member_epoch);
        match self.state.groups.get(group).map(|group| &**group) {
            None if epoch < 0 => Ok(()),
            None => Err(ErrorCode::GroupIdNotFound),
            Some(Group::Classic(classic)) => {
                let instance = maybe_name(body.group_instance_id.as_ref());
                check_classic(classic, &member, instance.as_ref(), epoch)?;
                // A commit is a sign of life.
                let state = classic.state;
                if matches!(state, GroupState::Stable | GroupState::PreparingRebalance)
                    && let Some(known) = classic.members.get(&member)
                {
                    self.expect_heartbeat(step, group, &member, known.session_timeout());
                }
                Ok(())
            }
            Some(Group::Modern(modern)) => check_modern(modern, &member, epoch),
        }
    }

    /// OffsetFetch of one group: what is below the high watermark.
    pub(crate) fn on_offset_fetch(
        &self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        asked: &fq::OffsetFetchRequestGroup,
    ) {
        let group = name(&asked.group_id);
        let mut response =
            fa::OffsetFetchResponseGroup::default().with_group_id(asked.group_id.clone());
        let said = maybe_name(asked.member_id.as_ref());
        if let Err(error) = self.check_fetch(&group, said.as_ref(), asked.member_epoch) {
            response.error_code = error.code();
        } else {
            let keys: Vec<OffsetKey> = match &asked.topics {
                Some(topics) => {
                    let keys = topics.iter().flat_map(|topic| {
                        let (group, of) = (group.clone(), name(&topic.name));
                        let all = topic.partition_indexes.iter();
                        all.map(move |index| (group.clone(), of.clone(), PartitionIndex(*index)))
                    });
                    keys.collect()
                }
                None => offsets_of(&self.committed, &group).map(|(key, _)| key.clone()).collect(),
            };
            for topic in keys.chunk_by(|a, b| a.1 == b.1) {
                let partitions = topic.iter().map(|key| self.tell_offset(step, connection, key));
                response.topics.push(
                    fa::OffsetFetchResponseTopics::default()
                        .with_name(k::TopicName(text(topic[0].1.as_str())))
                        .with_partitions(partitions.collect()),
                );
            }
        }
        let body = k::OffsetFetchResponse::default().with_groups(vec![response]);
        step.answer(connection, body.into());
    }

    fn tell_offset(
        &self,
        step: &mut Step<'_>,
        connection: ConnectionId,
        key: &OffsetKey,
    ) -> fa::OffsetFetchResponsePartitions {
        let (group, topic, partition) = key;
        let (known, written) = (self.committed.get(key), self.state.offsets.get(key));
        let is_unsafe = known.map(|it| it.offset) != written.map(|it| it.offset);
        let known = if is_unsafe && step.acts(Defect::UnsafeOffsetTold) { written } else { known };
        let told = Kind::OffsetTold {
            group: group.clone(),
            partition: step.partition(topic, *partition),
            offset: known.map(|known| known.offset),
        };
        step.event_about(connection, told);
        let metadata = known.map(|known| text(known.metadata.as_str()));
        fa::OffsetFetchResponsePartitions::default()
            .with_partition_index(partition.0)
            .with_committed_offset(known.map_or(-1, |known| known.offset.0))
            .with_committed_leader_epoch(LeaderEpoch::to_wire(
                known.and_then(|known| known.leader_epoch),
            ))
            .with_metadata(Some(metadata.unwrap_or_default()))
    }

    /// A group that is not known has no offsets, which is no error.
    fn check_fetch(
        &self,
        group: &Name,
        member: Option<&Name>,
        epoch: i32,
    ) -> Result<(), ErrorCode> {
        match self.state.groups.get(group).map(|group| &**group) {
            Some(Group::Modern(modern)) => match member {
                None if epoch < 0 => Ok(()),
                None => Err(ErrorCode::UnknownMemberId),
                Some(member) => check_member(modern, member, epoch),
            },
            Some(Group::Classic(_)) | None => Ok(()),
        }
    }
}

fn check_classic(
    classic: &ClassicGroup,
    member: &Name,
    instance: Option<&Name>,
    generation: i32,
) -> Result<(), ErrorCode> {
    let is_empty = classic.is_empty();
    if generation < 0 && is_empty {
        // An administrator, or a consumer without membership.
        return Ok(());
    }
    if generation >= 0 || !member.as_str().is_empty() || instance.is_some() {
        classic.validate(member, instance)?;
        if generation != classic.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
    } else if !is_empty {
        return Err(ErrorCode::UnknownMemberId);
    }
    if classic.state == GroupState::CompletingRebalance {
        return Err(ErrorCode::RebalanceInProgress);
    }
    Ok(())
}

fn check_modern(modern: &ModernGroup, member: &Name, epoch: i32) -> Result<(), ErrorCode> {
    if epoch < 0 && modern.members.is_empty() {
        return Ok(());
    }
    check_member(modern, member, epoch)
}

fn check_member(modern: &ModernGroup, member: &Name, epoch: i32) -> Result<(), ErrorCode> {
    let known = modern.members.get(member).ok_or(ErrorCode::UnknownMemberId)?;
    if known.current.epoch == epoch {
        Ok(())
    } else if known.value.classic.is_some() {
        Err(ErrorCode::IllegalGeneration)
    } else {
        Err(ErrorCode::StaleMemberEpoch)
    }
}

/// What a commit comes to when it is accepted: the records, and the answer.
fn commit_records(
    step: &Step<'_>,
    group: &Name,
    body: &k::OffsetCommitRequest,
) -> (Vec<GroupRecord>, k::OffsetCommitResponse) {
    let mut records = Vec::new();
    let mut response = k::OffsetCommitResponse::default();
    let now = step.now.wall.millis();
    for topic in &body.topics {
        let mut answer = ca::OffsetCommitResponseTopic::default().with_name(topic.name.clone());
        for partition in &topic.partitions {
            let metadata = maybe_name(partition.committed_metadata.as_ref());
            let metadata = metadata.unwrap_or_else(|| "".into());
            let is_long = metadata.as_str().len() > step.config().offset_metadata_bytes_max;
            let known = step.desk.image.topic_by_name(&topic.name.0);
            let error = if known.is_none_or(|it| it.partitions <= partition.partition_index) {
                // Source: Kafka 4.1, `KafkaApis.handleOffsetCommitRequest`.
                ErrorCode::UnknownTopicOrPartition
            } else if is_long {
                ErrorCode::OffsetMetadataTooLarge
            } else {
                ErrorCode::None
            };
            answer.partitions.push(
                ca::OffsetCommitResponsePartition::default()
                    .with_partition_index(partition.partition_index)
                    .with_error_code(error.code()),
            );
            if error != ErrorCode::None {
                continue;
            }
            records.push(GroupRecord::Offset {
                group: group.clone(),
                topic: name(&topic.name),
                partition: PartitionIndex(partition.partition_index),
                value: Some(CommittedOffset {
                    offset: Offset(partition.committed_offset),
                    leader_epoch: LeaderEpoch::from_wire(partition.committed_leader_epoch),
                    metadata,
                    commit_timestamp: now,
                }),
            });
        }
        response.topics.push(answer);
    }
    (records, response)
}

/// OffsetFetch refused for one group.
pub(crate) fn fetch_refused(group: &Name, error: ErrorCode) -> k::OffsetFetchResponse {
    let group = fa::OffsetFetchResponseGroup::default()
        .with_group_id(group_id(group))
        .with_error_code(error.code());
    k::OffsetFetchResponse::default().with_groups(vec![group])
}
