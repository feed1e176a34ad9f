//! How each request about groups is answered when it fails, and how parts of an answer make one.

use kafka_protocol::messages as k;
use kafka_protocol::protocol::StrBytes;

use crate::message::{RequestBody, ResponseBody};
use crate::types::{ErrorCode, Name};

/// Text for the wire.
pub(crate) fn text(name: &str) -> StrBytes {
    StrBytes::from_string(name.to_owned())
}

/// A group's id for the wire.
pub(crate) fn group_id(group: &Name) -> k::GroupId {
    k::GroupId(text(group.as_str()))
}

/// A name of the wire.
pub(crate) fn name(text: &str) -> Name {
    text.into()
}

/// A name of the wire that may be missing.
pub(crate) fn maybe_name(text: Option<&StrBytes>) -> Option<Name> {
    text.map(|text| text.as_str().into())
}

/// JoinGroup refused.
pub(crate) fn join_refused(member: &str, error: ErrorCode) -> ResponseBody {
    k::JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_generation_id(-1)
        .with_protocol_name(None)
        .with_member_id(text(member))
        .into()
}

/// SyncGroup refused.
pub(crate) fn sync_refused(error: ErrorCode) -> ResponseBody {
    k::SyncGroupResponse::default().with_error_code(error.code()).into()
}

/// Heartbeat answered.
pub(crate) fn heartbeat(error: ErrorCode) -> ResponseBody {
    k::HeartbeatResponse::default().with_error_code(error.code()).into()
}

/// ConsumerGroupHeartbeat refused.
pub(crate) fn consumer_refused(error: ErrorCode, message: &str) -> ResponseBody {
    k::ConsumerGroupHeartbeatResponse::default()
        .with_error_code(error.code())
        .with_error_message((!message.is_empty()).then(|| text(message)))
        .with_member_id(None)
        .with_assignment(None)
        .into()
}

/// OffsetCommit refused as a whole.
pub(crate) fn commit_refused(request: &k::OffsetCommitRequest, error: ErrorCode) -> ResponseBody {
    use k::offset_commit_response as a;
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            a::OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error.code())
        });
        a::OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    k::OffsetCommitResponse::default().with_topics(topics.collect()).into()
}

/// The answer that refuses `asked` as a whole.
pub(crate) fn refuse(asked: &RequestBody, error: ErrorCode) -> Option<ResponseBody> {
    let code = error.code();
    if let RequestBody::JoinGroup(body) = asked {
        Some(join_refused(&body.member_id, error))
    } else if let RequestBody::SyncGroup(_) = asked {
        Some(sync_refused(error))
    } else if let RequestBody::Heartbeat(_) = asked {
        Some(heartbeat(error))
    } else if let RequestBody::LeaveGroup(_) = asked {
        Some(k::LeaveGroupResponse::default().with_error_code(code).into())
    } else if let RequestBody::OffsetCommit(body) = asked {
        Some(commit_refused(body, error))
    } else if let RequestBody::ConsumerGroupHeartbeat(_) = asked {
        Some(consumer_refused(error, ""))
    } else if let RequestBody::OffsetDelete(_) = asked {
        Some(k::OffsetDeleteResponse::default().with_error_code(code).into())
    } else {
        None
    }
}

/// Makes the answer that was meant for success one of failure.
pub(crate) fn fail(body: &mut ResponseBody, error: ErrorCode) {
    let code = error.code();
    if let ResponseBody::OffsetCommit(body) = body {
        for partition in body.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.error_code = code;
        }
    } else if let ResponseBody::ConsumerGroupHeartbeat(_) = body {
        *body = consumer_refused(error, "");
    } else if let ResponseBody::Heartbeat(_) = body {
        *body = heartbeat(error);
    } else if let ResponseBody::JoinGroup(_) = body {
        *body = join_refused("", error);
    } else if let ResponseBody::SyncGroup(_) = body {
        *body = sync_refused(error);
    } else if let ResponseBody::LeaveGroup(_) = body {
        *body = k::LeaveGroupResponse::default().with_error_code(code).into();
    } else if let ResponseBody::OffsetDelete(_) = body {
        *body = k::OffsetDeleteResponse::default().with_error_code(code).into();
    } else if let ResponseBody::DeleteGroups(body) = body {
        body.results.iter_mut().for_each(|result| result.error_code = code);
    }
}

/// Two parts of an answer as one: those about several groups list them.
pub(crate) fn merge(mut one: ResponseBody, other: ResponseBody) -> ResponseBody {
    if let (ResponseBody::OffsetFetch(one), ResponseBody::OffsetFetch(other)) = (&mut one, &other) {
        one.groups.extend(other.groups.iter().cloned());
    } else if let (ResponseBody::DeleteGroups(one), ResponseBody::DeleteGroups(other)) =
        (&mut one, &other)
    {
        one.results.extend(other.results.iter().cloned());
    } else {
        debug_assert!(false, "{:?} does not come in parts", one.api());
    }
    one
}
