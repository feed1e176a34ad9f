//! The quorum's requests and responses: the protocol crate's bodies read and made.
//!
//! Every body is about one partition, `__cluster_metadata-0`. Voters are fixed, so directory ids
//! and endpoints stay empty: a node is found by its id.

use kafka_protocol::messages as k;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::message::{RequestBody, ResponseBody};
use crate::types::{BrokerId, ErrorCode, LeaderEpoch, Offset, TopicPartition};

/// `__cluster_metadata`.
const TOPIC: &str = "__cluster_metadata";

/// What every response says of the sender: its error, its epoch and the leader it knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Standing {
    /// The error.
    pub(super) error: ErrorCode,
    /// The sender's epoch.
    pub(super) leader_epoch: LeaderEpoch,
    /// The leader of it, if the sender knows.
    pub(super) leader: Option<BrokerId>,
}

/// A question for a vote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct VoteAsked {
    /// Who asks.
    pub(super) candidate: BrokerId,
    /// The epoch it stands in; for a pre-vote the one it is in.
    pub(super) epoch: LeaderEpoch,
    /// The epoch of its last record.
    pub(super) last_epoch: LeaderEpoch,
    /// The end of its log.
    pub(super) last_offset: Offset,
    /// Whether it only asks how it would fare (KIP-996).
    pub(super) pre_vote: bool,
    /// Whom it means to ask; `None` when it does not say.
    pub(super) voter: Option<BrokerId>,
}

/// News of a leader that begins or ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct LeaderNews {
    /// The leader.
    pub(super) leader: BrokerId,
    /// Its epoch.
    pub(super) epoch: LeaderEpoch,
    /// Whom it means; `None` when it does not say.
    pub(super) voter: Option<BrokerId>,
    /// Who should lead next, the best first (EndQuorumEpoch).
    pub(super) successors: Vec<BrokerId>,
}

/// A fetch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FetchAsked {
    /// Who fetches; `None` for who is no replica.
    pub(super) replica: Option<BrokerId>,
    /// The epoch it is in.
    pub(super) leader_epoch: LeaderEpoch,
    /// The end of its log.
    pub(super) fetch_offset: Offset,
    /// The epoch of its last record.
    pub(super) last_fetched_epoch: LeaderEpoch,
    /// The high watermark it knows (KIP-1166); `None` for none.
    pub(super) high_watermark: Option<Offset>,
    /// How long the leader may hold it, in milliseconds.
    pub(super) max_wait_ms: i32,
    /// The largest answer, in bytes.
    pub(super) max_bytes: i32,
}

/// What a fetch brought, beside the records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fetched {
    /// The sender's standing.
    pub(super) standing: Standing,
    /// Its high watermark.
    pub(super) high_watermark: Option<Offset>,
    /// Where the logs part: the leader's largest epoch up to the one asked for, and its end.
    pub(super) diverging: Option<(LeaderEpoch, Offset)>,
}

fn node(id: k::BrokerId) -> Option<BrokerId> {
    (id.0 >= 0).then_some(BrokerId(id.0))
}

fn wire(id: Option<BrokerId>) -> k::BrokerId {
    k::BrokerId(id.map_or(-1, |id| id.0))
}

fn topic() -> k::TopicName {
    k::TopicName(StrBytes::from_static_str(TOPIC))
}

fn cluster(cluster_id: &str) -> StrBytes {
    StrBytes::from_string(cluster_id.to_owned())
}

/// Refuses a request that names another cluster.
fn check_cluster(theirs: Option<&StrBytes>, ours: &str) -> Result<(), ErrorCode> {
    match theirs {
        Some(theirs) if theirs.as_str() != ours => Err(ErrorCode::InconsistentClusterId),
        Some(_) | None => Ok(()),
    }
}

/// A Vote to `voter`.
pub(super) fn vote_request(cluster_id: &str, voter: BrokerId, asked: &VoteAsked) -> RequestBody {
    use k::vote_request::{PartitionData, TopicData};
    let partition = PartitionData::default()
        .with_replica_epoch(asked.epoch.0)
        .with_replica_id(wire(Some(asked.candidate)))
        .with_last_offset_epoch(asked.last_epoch.0)
        .with_last_offset(asked.last_offset.0)
        .with_pre_vote(asked.pre_vote);
    k::VoteRequest::default()
        .with_cluster_id(Some(cluster(cluster_id)))
        .with_voter_id(wire(Some(voter)))
        .with_topics(vec![
            TopicData::default().with_topic_name(topic()).with_partitions(vec![partition]),
        ])
        .into()
}

/// Reads a Vote.
pub(super) fn read_vote(body: &k::VoteRequest, cluster_id: &str) -> Result<VoteAsked, ErrorCode> {
    check_cluster(body.cluster_id.as_ref(), cluster_id)?;
    let partition = body.topics.first().and_then(|topic| topic.partitions.first());
    let partition = partition.ok_or(ErrorCode::InvalidRequest)?;
    Ok(VoteAsked {
        candidate: BrokerId(partition.replica_id.0),
        epoch: LeaderEpoch(partition.replica_epoch),
        last_epoch: LeaderEpoch(partition.last_offset_epoch),
        last_offset: Offset(partition.last_offset),
        pre_vote: partition.pre_vote,
        voter: node(body.voter_id),
    })
}

/// The answer to a Vote.
pub(super) fn vote_response(standing: Standing, granted: bool) -> ResponseBody {
    use k::vote_response::{PartitionData, TopicData};
    let partition = PartitionData::default()
        .with_error_code(standing.error.code())
        .with_leader_id(wire(standing.leader))
        .with_leader_epoch(standing.leader_epoch.0)
        .with_vote_granted(granted);
    k::VoteResponse::default()
        .with_topics(vec![
            TopicData::default().with_topic_name(topic()).with_partitions(vec![partition]),
        ])
        .into()
}

/// Reads the answer to a Vote: the sender's standing, and whether the vote is granted.
pub(super) fn read_vote_response(body: &k::VoteResponse) -> Result<(Standing, bool), ErrorCode> {
    top_level(body.error_code)?;
    let partition = body.topics.first().and_then(|topic| topic.partitions.first());
    let partition = partition.ok_or(ErrorCode::InvalidRequest)?;
    let standing = standing(partition.error_code, partition.leader_id, partition.leader_epoch);
    Ok((standing, partition.vote_granted))
}

/// A BeginQuorumEpoch to `voter`.
pub(super) fn begin_request(
    cluster_id: &str,
    voter: BrokerId,
    leader: BrokerId,
    epoch: LeaderEpoch,
) -> RequestBody {
    use k::begin_quorum_epoch_request::{PartitionData, TopicData};
    let partition =
        PartitionData::default().with_leader_id(wire(Some(leader))).with_leader_epoch(epoch.0);
    k::BeginQuorumEpochRequest::default()
        .with_cluster_id(Some(cluster(cluster_id)))
        .with_voter_id(wire(Some(voter)))
        .with_topics(vec![
            TopicData::default().with_topic_name(topic()).with_partitions(vec![partition]),
        ])
        .into()
}

/// Reads a BeginQuorumEpoch.
pub(super) fn read_begin(
    body: &k::BeginQuorumEpochRequest,
    cluster_id: &str,
) -> Result<LeaderNews, ErrorCode> {
    check_cluster(body.cluster_id.as_ref(), cluster_id)?;
    let partition = body.topics.first().and_then(|topic| topic.partitions.first());
    let partition = partition.ok_or(ErrorCode::InvalidRequest)?;
    Ok(LeaderNews {
        leader: BrokerId(partition.leader_id.0),
        epoch: LeaderEpoch(partition.leader_epoch),
        voter: node(body.voter_id),
        successors: Vec::new(),
    })
}

/// The answer to a BeginQuorumEpoch.
pub(super) fn begin_response(standing: Standing) -> ResponseBody {
    use k::begin_quorum_epoch_response::{PartitionData, TopicData};
    let partition = PartitionData::default()
        .with_error_code(standing.error.code())
        .with_leader_id(wire(standing.leader))
        .with_leader_epoch(standing.leader_epoch.0);
    k::BeginQuorumEpochResponse::default()
        .with_topics(vec![
            TopicData::default().with_topic_name(topic()).with_partitions(vec![partition]),
        ])
        .into()
}

/// Reads the answer to a BeginQuorumEpoch.
pub(super) fn read_begin_response(
    body: &k::BeginQuorumEpochResponse,
) -> Result<Standing, ErrorCode> {
    top_level(body.error_code)?;
    let partition = body.topics.first().and_then(|topic| topic.partitions.first());
    let partition = partition.ok_or(ErrorCode::InvalidRequest)?;
    Ok(standing(partition.error_code, partition.leader_id, partition.leader_epoch))
}

/// An EndQuorumEpoch.
pub(super) fn end_request(
    cluster_id: &str,
    leader: BrokerId,
    epoch: LeaderEpoch,
    successors: &[BrokerId],
) -> RequestBody {
    use k::end_quorum_epoch_request::{PartitionData, ReplicaInfo, TopicData};
    let candidates = successors
        .iter()
        .map(|&id| ReplicaInfo::default().with_candidate_id(wire(Some(id))))
        .collect();
    let partition = PartitionData::default()
        .with_leader_id(wire(Some(leader)))
        .with_leader_epoch(epoch.0)
        .with_preferred_candidates(candidates);
    k::EndQuorumEpochRequest::default()
        .with_cluster_id(Some(cluster(cluster_id)))
        .with_topics(vec![
            TopicData::default().with_topic_name(topic()).with_partitions(vec![partition]),
        ])
        .into()
}

/// Reads an EndQuorumEpoch.
pub(super) fn read_end(
    body: &k::EndQuorumEpochRequest,
    cluster_id: &str,
) -> Result<LeaderNews, ErrorCode> {
    check_cluster(body.cluster_id.as_ref(), cluster_id)?;
    let partition = body.topics.first().and_then(|topic| topic.partitions.first());
    let partition = partition.ok_or(ErrorCode::InvalidRequest)?;
    let successors = partition.preferred_candidates.iter();
    Ok(LeaderNews {
        leader: BrokerId(partition.leader_id.0),
        epoch: LeaderEpoch(partition.leader_epoch),
        voter: None,
        successors: successors.map(|candidate| BrokerId(candidate.candidate_id.0)).collect(),
    })
}

/// The answer to an EndQuorumEpoch.
pub(super) fn end_response(standing: Standing) -> ResponseBody {
    use k::end_quorum_epoch_response::{PartitionData, TopicData};
    let partition = PartitionData::default()
        .with_error_code(standing.error.code())
        .with_leader_id(wire(standing.leader))
        .with_leader_epoch(standing.leader_epoch.0);
    k::EndQuorumEpochResponse::default()
        .with_topics(vec![
            TopicData::default().with_topic_name(topic()).with_partitions(vec![partition]),
        ])
        .into()
}

/// Reads the answer to an EndQuorumEpoch.
pub(super) fn read_end_response(body: &k::EndQuorumEpochResponse) -> Result<Standing, ErrorCode> {
    top_level(body.error_code)?;
    let partition = body.topics.first().and_then(|topic| topic.partitions.first());
    let partition = partition.ok_or(ErrorCode::InvalidRequest)?;
    Ok(standing(partition.error_code, partition.leader_id, partition.leader_epoch))
}

/// A fetch of the metadata log.
pub(super) fn fetch_request(cluster_id: &str, asked: &FetchAsked) -> RequestBody {
    use k::fetch_request::{FetchPartition, FetchTopic, ReplicaState};
    let partition = FetchPartition::default()
        .with_current_leader_epoch(asked.leader_epoch.0)
        .with_fetch_offset(asked.fetch_offset.0)
        .with_last_fetched_epoch(asked.last_fetched_epoch.0)
        .with_partition_max_bytes(asked.max_bytes)
        .with_high_watermark(Offset::to_wire(asked.high_watermark));
    k::FetchRequest::default()
        .with_cluster_id(Some(cluster(cluster_id)))
        .with_replica_state(ReplicaState::default().with_replica_id(wire(asked.replica)))
        .with_max_wait_ms(asked.max_wait_ms)
        .with_max_bytes(asked.max_bytes)
        .with_topics(vec![
            FetchTopic::default()
                .with_topic_id(Uuid::from_u128(TopicPartition::CLUSTER_METADATA.topic_id.0))
                .with_partitions(vec![partition]),
        ])
        .into()
}

/// Reads a fetch of the metadata log. Negative numbers, and an epoch of records above the one
/// that the sender is in, are invalid.
pub(super) fn read_fetch(
    body: &k::FetchRequest,
    cluster_id: &str,
) -> Result<FetchAsked, ErrorCode> {
    check_cluster(body.cluster_id.as_ref(), cluster_id)?;
    let topic = body.topics.first().ok_or(ErrorCode::InvalidRequest)?;
    if topic.topic_id.as_u128() != TopicPartition::CLUSTER_METADATA.topic_id.0 {
        return Err(ErrorCode::InvalidRequest);
    }
    let partition = topic.partitions.first().ok_or(ErrorCode::InvalidRequest)?;
    let is_valid = body.max_wait_ms >= 0
        && partition.fetch_offset >= 0
        && partition.last_fetched_epoch >= 0
        && partition.last_fetched_epoch <= partition.current_leader_epoch;
    if !is_valid {
        return Err(ErrorCode::InvalidRequest);
    }
    Ok(FetchAsked {
        replica: node(body.replica_state.replica_id),
        leader_epoch: LeaderEpoch(partition.current_leader_epoch),
        fetch_offset: Offset(partition.fetch_offset),
        last_fetched_epoch: LeaderEpoch(partition.last_fetched_epoch),
        high_watermark: Offset::from_wire(partition.high_watermark),
        max_wait_ms: body.max_wait_ms,
        max_bytes: body.max_bytes,
    })
}

/// The answer to a fetch; the records travel beside it.
pub(super) fn fetch_response(fetched: &Fetched, log_start: Offset) -> ResponseBody {
    use k::fetch_response::{
        EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
    };
    let standing = fetched.standing;
    let mut partition = PartitionData::default()
        .with_error_code(standing.error.code())
        .with_high_watermark(Offset::to_wire(fetched.high_watermark))
        .with_log_start_offset(log_start.0)
        .with_current_leader(
            LeaderIdAndEpoch::default()
                .with_leader_id(wire(standing.leader))
                .with_leader_epoch(standing.leader_epoch.0),
        );
    if let Some((epoch, end)) = fetched.diverging {
        partition.diverging_epoch =
            EpochEndOffset::default().with_epoch(epoch.0).with_end_offset(end.0);
    }
    k::FetchResponse::default()
        .with_responses(vec![
            FetchableTopicResponse::default()
                .with_topic_id(Uuid::from_u128(TopicPartition::CLUSTER_METADATA.topic_id.0))
                .with_partitions(vec![partition]),
        ])
        .into()
}

/// Reads the answer to a fetch.
pub(super) fn read_fetch_response(body: &k::FetchResponse) -> Result<Fetched, ErrorCode> {
    top_level(body.error_code)?;
    let partition = body.responses.first().and_then(|topic| topic.partitions.first());
    let partition = partition.ok_or(ErrorCode::InvalidRequest)?;
    let leader = &partition.current_leader;
    let diverging = &partition.diverging_epoch;
    Ok(Fetched {
        standing: standing(partition.error_code, leader.leader_id, leader.leader_epoch),
        high_watermark: Offset::from_wire(partition.high_watermark),
        diverging: LeaderEpoch::from_wire(diverging.epoch)
            .map(|epoch| (epoch, Offset(diverging.end_offset))),
    })
}

/// An answer that says nothing but that the request is wrong.
pub(super) fn refusal(request: &RequestBody, error: ErrorCode) -> Option<ResponseBody> {
    let code = error.code();
    match request {
        RequestBody::Vote(_) => Some(k::VoteResponse::default().with_error_code(code).into()),
        RequestBody::BeginQuorumEpoch(_) => {
            Some(k::BeginQuorumEpochResponse::default().with_error_code(code).into())
        }
        RequestBody::EndQuorumEpoch(_) => {
            Some(k::EndQuorumEpochResponse::default().with_error_code(code).into())
        }
        RequestBody::Fetch(_) => Some(k::FetchResponse::default().with_error_code(code).into()),
        RequestBody::Produce(_)
        | RequestBody::ListOffsets(_)
        | RequestBody::Metadata(_)
        | RequestBody::CreateTopics(_)
        | RequestBody::DeleteTopics(_)
        | RequestBody::CreatePartitions(_)
        | RequestBody::InitProducerId(_)
        | RequestBody::OffsetForLeaderEpoch(_)
        | RequestBody::AlterPartition(_)
        | RequestBody::BrokerRegistration(_)
        | RequestBody::BrokerHeartbeat(_)
        | RequestBody::AllocateProducerIds(_)
        | RequestBody::DescribeTopicPartitions(_)
        | RequestBody::DeleteRecords(_)
        | RequestBody::DescribeConfigs(_)
        | RequestBody::ElectLeaders(_)
        | RequestBody::IncrementalAlterConfigs(_)
        | RequestBody::DescribeCluster(_)
        | RequestBody::UnregisterBroker(_)
        | RequestBody::OffsetCommit(_)
        | RequestBody::OffsetFetch(_)
        | RequestBody::FindCoordinator(_)
        | RequestBody::JoinGroup(_)
        | RequestBody::Heartbeat(_)
        | RequestBody::LeaveGroup(_)
        | RequestBody::SyncGroup(_)
        | RequestBody::DescribeGroups(_)
        | RequestBody::ListGroups(_)
        | RequestBody::DeleteGroups(_)
        | RequestBody::OffsetDelete(_)
        | RequestBody::ConsumerGroupHeartbeat(_)
        | RequestBody::ConsumerGroupDescribe(_)
        | RequestBody::Envelope(_) => None,
    }
}

fn top_level(code: i16) -> Result<(), ErrorCode> {
    let error = ErrorCode::from_code(code);
    if error == ErrorCode::None { Ok(()) } else { Err(error) }
}

fn standing(error: i16, leader: k::BrokerId, epoch: i32) -> Standing {
    Standing {
        error: ErrorCode::from_code(error),
        leader_epoch: LeaderEpoch(epoch),
        leader: node(leader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDING: Standing = Standing {
        error: ErrorCode::NotLeaderOrFollower,
        leader_epoch: LeaderEpoch(7),
        leader: Some(BrokerId(3002)),
    };

    #[test]
    fn votes_read_back() {
        let asked = VoteAsked {
            candidate: BrokerId(3001),
            epoch: LeaderEpoch(7),
            last_epoch: LeaderEpoch(6),
            last_offset: Offset(40),
            pre_vote: true,
            voter: Some(BrokerId(3002)),
        };
        let RequestBody::Vote(body) = vote_request("c", BrokerId(3002), &asked) else {
            panic!("a vote")
        };
        assert_eq!(read_vote(&body, "c"), Ok(asked));
        assert_eq!(read_vote(&body, "d"), Err(ErrorCode::InconsistentClusterId));
        let ResponseBody::Vote(body) = vote_response(STANDING, true) else { panic!("a vote") };
        assert_eq!(read_vote_response(&body), Ok((STANDING, true)));
    }

    #[test]
    fn fetches_read_back() {
        let asked = FetchAsked {
            replica: Some(BrokerId(3001)),
            leader_epoch: LeaderEpoch(7),
            fetch_offset: Offset(40),
            last_fetched_epoch: LeaderEpoch(6),
            high_watermark: None,
            max_wait_ms: 500,
            max_bytes: 1000,
        };
        let RequestBody::Fetch(body) = fetch_request("c", &asked) else { panic!("a fetch") };
        assert_eq!(read_fetch(&body, "c"), Ok(asked));
        let late = FetchAsked { last_fetched_epoch: LeaderEpoch(8), ..asked };
        let RequestBody::Fetch(body) = fetch_request("c", &late) else { panic!("a fetch") };
        assert_eq!(read_fetch(&body, "c"), Err(ErrorCode::InvalidRequest));
        let fetched = Fetched {
            standing: STANDING,
            high_watermark: Some(Offset(4)),
            diverging: Some((LeaderEpoch(5), Offset(3))),
        };
        let ResponseBody::Fetch(body) = fetch_response(&fetched, Offset(0)) else {
            panic!("a fetch")
        };
        assert_eq!(read_fetch_response(&body), Ok(fetched));
    }
}
