//! What a group coordinator answers and records, in the words of stories.

use kafka_protocol::messages as k;

use kafsim::event::Kind;
use kafsim::message::ResponseBody;
use kafsim::types::{ErrorCode, TopicId, TopicPartition};

use crate::interaction_group::{Scene, is_plain};

fn error(code: i16) -> &'static str {
    ErrorCode::from_code(code).name()
}

/// An event: its name and fields.
pub(crate) fn show_event(scene: &Scene, kind: &Kind) -> Option<String> {
    if is_plain(kind) {
        return None;
    }
    let fields = kind.values().into_iter();
    let fields = fields.filter(|(name, _)| *name != "group" && *name != "protocol");
    let fields: Vec<_> =
        fields.map(|(name, value)| format!("{name}={}", scene.value(&value))).collect();
    Some(format!("event {} {}", kind.name(), fields.join(" ")))
}

pub(crate) fn show_response(scene: &Scene, body: &ResponseBody) -> String {
    match body {
        ResponseBody::FindCoordinator(body) => {
            let found = &body.coordinators[0];
            format!("{} broker={}", error(found.error_code), found.node_id.0)
        }
        ResponseBody::JoinGroup(body) if body.error_code != 0 => {
            format!("{} id={}", error(body.error_code), scene.who(&body.member_id))
        }
        ResponseBody::JoinGroup(body) => {
            let members: Vec<_> =
                body.members.iter().map(|member| scene.who(&member.member_id)).collect();
            format!(
                "joined generation={} protocol={} leader={} members=[{}]{}",
                body.generation_id,
                body.protocol_name.as_deref().unwrap_or("none"),
                scene.who(&body.leader),
                members.join(" "),
                if body.skip_assignment { " skip-assignment" } else { "" },
            )
        }
        ResponseBody::SyncGroup(body) if body.error_code != 0 => error(body.error_code).to_owned(),
        ResponseBody::SyncGroup(body) => format!("synced {} bytes", body.assignment.len()),
        ResponseBody::Heartbeat(body) => error(body.error_code).to_owned(),
        ResponseBody::LeaveGroup(body) => {
            let members: Vec<_> =
                body.members.iter().map(|member| error(member.error_code)).collect();
            format!("left {} [{}]", error(body.error_code), members.join(" "))
        }
        ResponseBody::OffsetCommit(body) => {
            format!("commit {}", error(body.topics[0].partitions[0].error_code))
        }
        ResponseBody::OffsetFetch(body) => show_offsets(body),
        ResponseBody::ConsumerGroupHeartbeat(body) => show_heartbeat(scene, body),
        ResponseBody::ListGroups(body) => {
            let groups = body.groups.iter().map(|group| {
                format!("{} {} {}", &*group.group_id.0, &*group.group_type, &*group.group_state)
            });
            format!("{} [{}]", error(body.error_code), groups.collect::<Vec<_>>().join(", "))
        }
        ResponseBody::DescribeGroups(body) => {
            let group = &body.groups[0];
            let members: Vec<_> =
                group.members.iter().map(|member| scene.who(&member.member_id)).collect();
            format!(
                "{} {} protocol={} members=[{}]",
                error(group.error_code),
                &*group.group_state,
                &*group.protocol_data,
                members.join(" ")
            )
        }
        ResponseBody::ConsumerGroupDescribe(body) => show_described(scene, body),
        ResponseBody::DeleteGroups(body) => error(body.results[0].error_code).to_owned(),
        ResponseBody::OffsetDelete(body) => match body.topics.first() {
            Some(topic) => error(topic.partitions[0].error_code).to_owned(),
            None => error(body.error_code).to_owned(),
        },
        other => panic!("not the coordinator's: {other:?}"),
    }
}

fn show_offsets(body: &k::OffsetFetchResponse) -> String {
    let group = &body.groups[0];
    let offsets = group.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            format!(
                "{}-{}={} epoch={} {:?}",
                topic.name.0.as_str(),
                partition.partition_index,
                partition.committed_offset,
                partition.committed_leader_epoch,
                partition.metadata.as_deref().unwrap_or_default(),
            )
        })
    });
    format!("{} [{}]", error(group.error_code), offsets.collect::<Vec<_>>().join(", "))
}

fn show_heartbeat(scene: &Scene, body: &k::ConsumerGroupHeartbeatResponse) -> String {
    if body.error_code != 0 {
        return error(body.error_code).to_owned();
    }
    let assignment = body.assignment.as_ref().map_or_else(String::new, |assignment| {
        let topics = assignment.topic_partitions.iter().flat_map(|topic| {
            let topic_id = TopicId(topic.topic_id.as_u128());
            topic.partitions.iter().map(move |index| TopicPartition::new(topic_id, *index))
        });
        let all: Vec<_> = topics.map(|partition| scene.partition(partition)).collect();
        format!(" assignment=[{}]", all.join(" "))
    });
    format!("epoch={}{assignment}", body.member_epoch)
}

fn show_described(scene: &Scene, body: &k::ConsumerGroupDescribeResponse) -> String {
    let group = &body.groups[0];
    let count = |assignment: &k::consumer_group_describe_response::Assignment| {
        assignment.topic_partitions.iter().map(|topic| topic.partitions.len()).sum::<usize>()
    };
    let members = group.members.iter().map(|member| {
        format!(
            "{} epoch={} has={} of={}",
            scene.who(&member.member_id),
            member.member_epoch,
            count(&member.assignment),
            count(&member.target_assignment)
        )
    });
    format!(
        "{} {} epoch={} target={} [{}]",
        error(group.error_code),
        &*group.group_state,
        group.group_epoch,
        group.assignment_epoch,
        members.collect::<Vec<_>>().join(", ")
    )
}
